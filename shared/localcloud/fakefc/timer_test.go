package fakefc_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakeram"
)

// timers is a server whose function cannot be started: its timers fire all the same,
// and nothing but them is looked at.
func timers(t require.TestingT, dir, cron string, now func() time.Time) *fakefc.Server {
	text := strings.Replace(manifest("      triggers: [{triggerName: t, triggerType: timer, triggerConfig: {cronExpression: '"+cron+"', enable: true}}]\n"), "handler: main", "handler: missing", 1)
	fs, err := fakefc.ParseManifest([]byte(text), dir, fakefc.Variables{}, fakefc.Doubts{})
	require.NoError(t, err)
	s, err := fakefc.New(fakefc.Options{Functions: fs, Keys: fakeram.New(), Now: now})
	require.NoError(t, err)
	return s
}

func planned(t require.TestingT, s *fakefc.Server) (out []time.Time) {
	for _, inv := range s.Invocations("f") {
		var e struct{ TriggerTime time.Time }
		require.NoError(t, json.Unmarshal(inv.Event, &e))
		out = append(out, e.TriggerTime)
	}
	return out
}

func TestTimersFireWhileTheClockRunsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := timers(t, t.TempDir(), "0 */5 * * * *", nil)
		defer s.Close()
		s.Start("http://127.0.0.1", nil)
		began := time.Now().UTC()
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		got := planned(t, s)
		require.Len(t, got, 12)
		for i, at := range got {
			require.Equal(t, began.Truncate(5*time.Minute).Add(time.Duration(i+1)*5*time.Minute), at)
		}
	})
}

func TestNoPlannedTimeFiresTwiceHoweverTheClockMoves(t *testing.T) {
	dir := t.TempDir()
	moves := 0
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		cron := rapid.SampledFrom([]string{"0 0 1 * * *", "0 */7 * * * *", "@every 90m", "CRON_TZ=Europe/Berlin 0 30 2 * * *", "0 0 0 1 * ?", "CRON_TZ=Asia/Shanghai 0 0 3-6 * * *"}).Draw(t, "cron")
		s := timers(t, dir, cron, func() time.Time { return now })
		defer s.Close()
		sched, err := fakefc.ParseSchedule(cron)
		require.NoError(t, err)
		last := now
		for range rapid.IntRange(1, 12).Draw(t, "moves") {
			moves++
			d := rapid.OneOf(rapid.Int64Range(-int64(50*time.Hour), int64(50*time.Hour)), rapid.Int64Range(0, int64(400*24*time.Hour))).Draw(t, "move")
			now = now.Add(time.Duration(d))
			fired := s.Tick(context.Background(), now)
			due := !sched.Next(last).After(now)
			if due != (len(fired) == 1) {
				t.Fatalf("due %v, fired %d", due, len(fired))
			}
			if due {
				all := planned(t, s)
				at := all[len(all)-1]
				switch {
				case !at.After(last):
					t.Fatalf("%s fired after %s", at, last)
				case at.After(now) || !sched.Next(at).After(now):
					t.Fatalf("%s is not the latest before %s", at, now)
				}
				last = at
			}
		}
	})
	t.Logf("%d moves", moves)
}
