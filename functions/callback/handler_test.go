package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

const (
	url = "https://example.com/vod"
	key = "a-key-of-16-char"
)

type rig struct {
	*handler
	sent []string
	err  error
	at   time.Time
}

func newRig() *rig {
	r := &rig{at: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	r.handler = &handler{
		gate: events.Gate{
			Signer: events.Signer{URL: url, Keys: []string{"", key}}, Seen: events.NewSeen(100, time.Minute), Budget: events.NewBudget(5 * time.Minute),
		},
		queue: "notices", now: func() time.Time { return r.at }, log: slog.New(slog.DiscardHandler), deadline: time.Second,
		out: boot.SendRight(func(_ context.Context, queue string, messages []boot.Message) ([]boot.Sent, error) {
			if queue != "notices" || r.err != nil {
				return nil, r.err
			}
			r.sent = append(r.sent, string(messages[0].Body))
			return []boot.Sent{{}}, nil
		}),
	}
	return r
}

// signed makes the two headers for a moment.
func signed(at time.Time, key string) map[string]string {
	stamp := fmt.Sprint(at.Unix())
	sum := md5.Sum([]byte(url + "|" + stamp + "|" + key))
	return map[string]string{"X-Vod-Timestamp": stamp, "X-Vod-Signature": hex.EncodeToString(sum[:])}
}

func event(t testing.TB, method, body string, headers map[string]string, encoded bool) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"version": "v1", "rawPath": "/", "body": body, "isBase64Encoded": encoded, "headers": headers,
		"requestContext": map[string]any{"http": map[string]string{"method": method, "path": "/"}, "requestId": "1"},
	})
	require.NoError(t, err)
	return raw
}

// large is an event whose body is n times a character, given as JSON spells it: encoding
// megabytes under the race detector costs more than all the rest.
func large(t testing.TB, character string, n int, headers map[string]string) []byte {
	t.Helper()
	return bytes.Replace(event(t, "POST", "BODY", headers, false), []byte("BODY"), bytes.Repeat([]byte(character), n), 1)
}

func (r *rig) post(t testing.TB, raw []byte) int {
	t.Helper()
	answer, err := r.handle(t.Context(), raw)
	require.NoError(t, err)
	return answer.(events.Response).StatusCode
}

func notice(n int) string {
	return fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":"0123456789abcdef%016x","Status":"success","EventTime":"2026-11-27T12:00:00Z"}`, n)
}

func TestOnlyASignedCallbackIsPassedOnAndOnce(t *testing.T) {
	r := newRig()
	good := signed(r.at, key)
	for _, tc := range []struct {
		what string
		raw  []byte
		want int
	}{
		{"unsigned", event(t, "POST", notice(1), nil, false), http.StatusUnauthorized},
		{"a wrong key", event(t, "POST", notice(1), signed(r.at, "another"), false), http.StatusForbidden},
		{"yesterday's", event(t, "POST", notice(1), signed(r.at.AddDate(0, 0, -1), key), false), http.StatusForbidden},
		{"another method", event(t, "GET", notice(1), good, false), http.StatusMethodNotAllowed},
		{"no notice", event(t, "POST", "hello", good, false), http.StatusBadRequest},
		{"no base64", event(t, "POST", "%%%", good, true), http.StatusBadRequest},
		{"no event", []byte(`{"headers":{}}`), http.StatusBadRequest},
		{"no JSON", []byte(`{"rawPath":`), http.StatusBadRequest},
		{"genuine", event(t, "POST", notice(1), good, false), http.StatusOK},
		{"once more", event(t, "POST", notice(1), good, false), http.StatusOK},
		{"of the same second", event(t, "POST", base64.StdEncoding.EncodeToString([]byte(notice(2))), good, true), http.StatusOK},
	} {
		require.Equal(t, tc.want, r.post(t, tc.raw), tc.what)
	}
	require.Equal(t, []string{notice(1), notice(2)}, r.sent)

	r.err = video.ErrTransient
	require.Equal(t, http.StatusInternalServerError, r.post(t, event(t, "POST", notice(3), good, false)))
	r.err = nil
	require.Equal(t, http.StatusOK, r.post(t, event(t, "POST", notice(3), good, false)), "VOD's next try")
	require.Len(t, r.sent, 3)
}

// What is refused is refused before its body is decoded, and costs next to nothing.
func TestALargeOrUnsignedBodyIsNotDecoded(t *testing.T) {
	r := newRig()
	for _, tc := range []struct {
		what   string
		raw    []byte
		want   int
		atMost uint64 // bytes allocated
	}{
		{"30 MB, signed", large(t, "a", 30<<20, signed(r.at, key)), http.StatusRequestEntityTooLarge, 1 << 16},
		{"5 MB of control characters", large(t, `\u0001`, 5<<20, nil), http.StatusRequestEntityTooLarge, 1 << 16},
		{"1 MB, unsigned", large(t, `\"`, 1<<20, nil), http.StatusUnauthorized, 3 << 20},
		{"1 MB and a byte, signed", large(t, "a", 1<<20+1, signed(r.at, key)), http.StatusRequestEntityTooLarge, 8 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		require.Equal(t, tc.want, r.post(t, tc.raw), tc.what)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		t.Logf("%-28s event of %5.1f MB: %d in %s, %d KB allocated", tc.what, float64(len(tc.raw))/(1<<20), tc.want, took.Round(time.Microsecond), (after.TotalAlloc-before.TotalAlloc)>>10)
		require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, tc.atMost, tc.what)
	}
	require.Empty(t, r.sent)
}

// Whoever has seen one pair of headers can use up what this pair may pass on, and nothing
// of what others may.
func TestAReplayedPairTakesNothingFromAnother(t *testing.T) {
	r := newRig()
	old := signed(r.at, key)
	passed := map[int]int{}
	n := 0
	const freshBudget, laterBudget = 1000, 20
	const replays = freshBudget + 500
	for range replays {
		n++
		passed[r.post(t, event(t, "POST", notice(n), old, false))]++
	}
	require.Equal(t, map[int]int{http.StatusOK: freshBudget, http.StatusTooManyRequests: replays - freshBudget}, passed)
	for range 60 { // a minute of seconds, each with its pair
		r.at = r.at.Add(time.Second)
		n++
		require.Equal(t, http.StatusOK, r.post(t, event(t, "POST", notice(n), signed(r.at, key), false)))
		r.post(t, event(t, "POST", notice(-n), old, false))
	}
	require.Len(t, r.sent, freshBudget+60+laterBudget)
}

func TestANoticeTooLongForTheQueueGoesWithoutItsDetails(t *testing.T) {
	r := newRig()
	long := fmt.Sprintf(`{"EventType":"TranscodeComplete","VideoId":"0123456789abcdef0123456789abcdef","Status":"success","EventTime":"2026-11-27T12:00:00Z","AppId":"app-1","Extend":%q}`, strings.Repeat("x", 100<<10))
	require.Equal(t, http.StatusOK, r.post(t, event(t, "POST", long, signed(r.at, key), false)))
	require.Len(t, r.sent, 1)
	require.Less(t, len(r.sent[0]), 1000)
	short, err := events.DecodeNotice([]byte(r.sent[0]))
	require.NoError(t, err)
	require.Equal(t, "TranscodeComplete", short.Kind)
	require.Equal(t, video.ID("0123456789abcdef0123456789abcdef"), short.ID)
	require.Equal(t, "app-1", short.App)
}

func TestWithoutAKeyNobodyIsLetIn(t *testing.T) {
	r := newRig()
	r.gate.Signer = events.Signer{}
	require.Equal(t, http.StatusForbidden, r.post(t, event(t, "POST", notice(1), signed(r.at, ""), false)))
}
