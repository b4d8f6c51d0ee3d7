package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/hook"
	"vodcurator/shared/act/watch"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

var now = time.Date(2026, 6, 1, 17, 0, 0, 0, time.UTC)

// queues answer for each queue how many messages it holds, and of which age.
type queues map[string]struct {
	n   int64
	age time.Duration
	err error
}

func (q queues) job(log *strings.Builder) watch.Job {
	return watch.Job{
		Queues: []watch.Queue{{Name: "notices"}, {Name: "bulk", Late: 12 * time.Hour}, {Name: "dead", Dead: true}, {}},
		Peek: func(_ context.Context, name string, _ int) (all []video.Received, _ error) {
			for range min(q[name].n, 16) {
				all = append(all, video.Received{Enqueued: now.Add(-q[name].age)})
			}
			return all, q[name].err
		},
		Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
}

func TestQueuesThatNeedAPerson(t *testing.T) {
	for name, tc := range map[string]struct {
		is   queues
		want []string
	}{
		"all empty":                {queues{}, nil},
		"young messages":           {queues{"notices": {n: 5000, age: time.Hour}}, nil},
		"old ones":                 {queues{"notices": {n: 1, age: time.Hour + time.Second}}, []string{"old-queue: queue notices holds a message of 1h0m1s"}},
		"bulk may wait":            {queues{"bulk": {n: 1, age: 11 * time.Hour}}, nil},
		"and not for ever":         {queues{"bulk": {n: 1, age: 13 * time.Hour}}, []string{"old-queue: queue bulk"}},
		"a dead letter":            {queues{"dead": {n: 1, age: time.Minute}}, []string{"dead-letters: queue dead holds a few dead letters"}},
		"no right":                 {queues{"dead": {err: fmt.Errorf("stats: %w", video.ErrForbidden)}}, []string{"unasked: queue dead cannot be looked at: autotag's role lacks"}},
		"no queue":                 {queues{"bulk": {err: video.ErrNotFound}}, []string{"unasked: queue bulk cannot be looked at: it does not exist"}},
		"one fault hides no other": {queues{"notices": {err: video.ErrTransient}, "dead": {n: 20}}, []string{"unasked: queue notices cannot be looked at: MNS does not answer", "dead-letters: queue dead holds sixteen or more dead letters"}},
		"a clock that is behind":   {queues{"notices": {n: 1, age: -time.Hour}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			got := tc.is.job(&log).Look(t.Context(), now)
			require.Len(t, got, len(tc.want), "%v", got)
			for i, one := range got {
				require.True(t, strings.HasPrefix(string(one.Code)+": "+one.Text, tc.want[i]), one.Text)
			}
			require.Equal(t, 3, strings.Count(log.String(), `"msg":"watch"`), "a record for each queue")
		})
	}
}

type counted struct{ n int }

func (c *counted) RoundTrip(*http.Request) (*http.Response, error) {
	c.n++
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

// What stays as it is, is told once a day; dead letters are told again while they become more.
func TestTheSameIsToldOnceADay(t *testing.T) {
	o, sent := &statetest.Memory{}, &counted{}
	w := hook.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: sent}}
	tell := func(at time.Time, is queues) int {
		before := sent.n
		w.Incidents(t.Context(), o, at, hook.Notice{}, is.job(&strings.Builder{}).Look(t.Context(), now))
		return sent.n - before
	}
	require.Equal(t, 2, tell(now, queues{"notices": {n: 1, age: 2 * time.Hour}, "dead": {n: 1}}))
	require.Equal(t, 0, tell(now.Add(time.Hour), queues{"notices": {n: 7, age: 3 * time.Hour}, "dead": {n: 3}}))
	require.Equal(t, 1, tell(now.Add(2*time.Hour), queues{"dead": {n: 10}}), "it has grown")
	require.Equal(t, 1, tell(now.Add(3*time.Hour), queues{"dead": {err: video.ErrForbidden}}))
	require.Equal(t, 0, tell(now.Add(4*time.Hour), queues{"dead": {err: video.ErrForbidden}}), "said once")
	require.Equal(t, 1, tell(now.AddDate(0, 0, 1), queues{"dead": {n: 10}}), "the next day")
}
