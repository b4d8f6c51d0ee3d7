package events_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

func callback(t testing.TB, stamp, signature, body string) events.Request {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"rawPath": "/elsewhere", "body": body,
		"headers": map[string]string{"x-vod-timestamp": stamp, "X-Vod-Signature": signature},
	})
	require.NoError(t, err)
	r, err := events.DecodeHTTP(raw)
	require.NoError(t, err)
	return r
}

// The vectors of vod-events.md 4.1.
var vectors = []struct {
	url       string
	at        int64
	key, sign string
}{
	{"https://www.example.com/your/callback", 1519375990, "test123", "c72b60894140fa98920f1279219b7ed4"},
	{"https://cb.example.com/vod/events", 1782000000, "Ab3dEf6hIj9k", "71d8f07e5ac6b384d2af5c0913a9ef76"},
	{"https://cb.example.com/vod/events/", 1782000000, "Ab3dEf6hIj9k", "4678f63451e03fcc65a56e5950dea976"},
	{"http://cb.example.com/vod/events", 1782000000, "Ab3dEf6hIj9k", "aa83b394cc87862ab71abe0ca26ad181"},
	{"https://cb.example.com:8443/vod/events?app=app-1000000&env=prod", 1782000000, "Ab3dEf6hIj9k", "47816feb69487474263caa6557d7d9a3"},
	{"https://cb.example.com/vod/events", 1782000000, "ZZ9newKey0001", "0cb6663303c58e957c3a2bce132abacb"},
}

func TestSignerTakesThePublishedVectors(t *testing.T) {
	for _, v := range vectors {
		r := callback(t, fmt.Sprint(v.at), v.sign, "{}")
		require.NoError(t, events.Signer{URL: v.url, Keys: []string{v.key}}.Verify(r, time.Unix(v.at, 0)))
	}
}

func TestSignerRefuses(t *testing.T) {
	v := vectors[1]
	now := time.Unix(v.at, 0)
	live := events.Signer{URL: v.url, Keys: []string{"ZZ9newKey0001", v.key}}
	good := callback(t, "1782000000", v.sign, "{}")
	require.NoError(t, live.Verify(good, now), "the second live key counts")
	for name, tc := range map[string]struct {
		signer events.Signer
		req    events.Request
		now    time.Time
		want   error
	}{
		"no headers":               {live, events.Request{}, now, events.ErrUnsigned},
		"no signature":             {live, callback(t, "1782000000", "", ""), now, events.ErrUnsigned},
		"no time":                  {live, callback(t, "", v.sign, ""), now, events.ErrUnsigned},
		"another time":             {live, callback(t, "1782000001", v.sign, ""), now, events.ErrForged},
		"another digit":            {live, callback(t, "1782000000", "81"+v.sign[2:], ""), now, events.ErrForged},
		"cut short":                {live, callback(t, "1782000000", v.sign[:31], ""), now, events.ErrForged},
		"a retired key":            {events.Signer{URL: v.url, Keys: []string{"ZZ9newKey0001"}}, good, now, events.ErrForged},
		"another URL":              {events.Signer{URL: v.url + "/", Keys: live.Keys}, good, now, events.ErrForged},
		"the zero Signer":          {events.Signer{}, good, now, events.ErrForged},
		"an empty key is no key":   {events.Signer{URL: "u", Keys: []string{""}}, callback(t, "1782000000", "a7f8bb5ee0d8c1d1ba9fba9ac3b2bd10", ""), now, events.ErrForged},
		"one second past":          {live, good, now.Add(5*time.Minute + time.Second), events.ErrStale},
		"one second ahead":         {live, good, now.Add(-5*time.Minute - time.Second), events.ErrStale},
		"past a window of its own": {events.Signer{URL: v.url, Keys: live.Keys, Window: time.Minute}, good, now.Add(2 * time.Minute), events.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.signer.Verify(tc.req, tc.now)
			require.ErrorIs(t, err, tc.want)
			for _, key := range tc.signer.Keys {
				if key != "" {
					require.NotContains(t, err.Error(), key)
				}
			}
			require.NotContains(t, err.Error(), v.sign)
		})
	}
	require.NoError(t, live.Verify(good, now.Add(5*time.Minute)), "the edge of the window")
	require.NoError(t, live.Verify(good, now.Add(-5*time.Minute)), "the edge of the window")
}

func TestSeenKnowsARepeat(t *testing.T) {
	now := time.Unix(1782000000, 0)
	seen := events.NewSeen(3, 10*time.Minute)
	a, b := callback(t, "1782000000", "s", "a"), callback(t, "1782000000", "s", "b")
	require.False(t, seen.Repeat(a, now))
	require.False(t, seen.Repeat(b, now), "events of one second share a pair")
	require.True(t, seen.Repeat(a, now.Add(10*time.Minute)))
	require.True(t, seen.Repeat(b, now))
	require.False(t, seen.Repeat(callback(t, "1782000001", "s", "a"), now), "the same body under another pair")
	require.False(t, seen.Repeat(callback(t, "1782000002", "s", "a"), now), "the fourth drives out the first")
	require.False(t, seen.Repeat(a, now))
	require.True(t, seen.Repeat(a, now))
	seen.Forget(a)
	require.False(t, seen.Repeat(a, now), "a failed one may come again")
	require.True(t, seen.Repeat(a, now.Add(time.Minute)))
	require.False(t, seen.Repeat(a, now.Add(11*time.Minute)), "the window is over")
}

func TestSeenLetsOneOfManyThrough(t *testing.T) {
	seen, now := events.NewSeen(100, time.Minute), time.Unix(1782000000, 0)
	requests := make([]events.Request, 100)
	for i := range requests {
		requests[i] = callback(t, "1782000000", "s", fmt.Sprint(i))
	}
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, r := range requests {
				if !seen.Repeat(r, now) {
					fresh.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 100, fresh.Load())
}
