package purge_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// halfDone begins a plan of which one item goes, and another waits for another try.
func halfDone(t *testing.T) (*world, removal.Plan) {
	t.Helper()
	w := newWorld(t, policy, temp("a"), parts("p"))
	p := w.plan(t, made)
	w.approve(t, p)
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete") && call != "delete images" {
			return video.ErrTransient
		}
		return nil
	}
	require.Equal(t, purge.Stopped, w.purge(t, later).Plans[0].Status)
	require.Equal(t, []string{"images p NormalSnapshot"}, w.removed)
	w.before = nil
	return w, p
}

// A plan that nobody will ever go on with is over, without having ended, and what it
// did is not read again at every tick.
func TestABegunPlanThatWillNotGoOnIsOver(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(t *testing.T, w *world, p removal.Plan)
		at     time.Time
		why    string
	}{
		"withdrawn": {func(t *testing.T, w *world, p removal.Plan) {
			require.NoError(t, removal.Withdraw(t.Context(), w.objects, p.ID, "otto", "", made))
		}, later.Add(time.Hour), "withdrawn"},
		"expired": {nil, made.AddDate(0, 0, 7), "expired"},
		"of another policy, which may be put back": {func(t *testing.T, w *world, _ removal.Plan) {
			other, err := retention.Parse("other.yaml", []byte(policy+"\n# changed\n"))
			require.NoError(t, err)
			w.policy = other
		}, later.Add(time.Hour), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := halfDone(t)
			mine := w.policy
			if tc.change != nil {
				tc.change(t, w, p)
			}
			notes(100)(t, w)
			first := w.purge(t, tc.at)
			require.NotEqual(t, purge.Ended, first.Plans[0].Status)
			counts := reading{w.objects, map[string]int{}}
			w.objects = counts
			again := w.purge(t, tc.at.Add(time.Hour))
			w.objects = counts.Objects
			require.Len(t, w.removed, 1)
			if tc.why == "" {
				require.Equal(t, purge.Refused, again.Plans[0].Status)
				w.policy = mine
				require.Equal(t, 3, w.purge(t, tc.at.Add(2*time.Hour)).Removed(), "it goes on")
				return
			}
			require.Empty(t, again.Plans)
			for key := range counts.times {
				require.NotContains(t, key, "ledger/")
			}
			end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
			require.NoError(t, err)
			require.Equal(t, tc.why, end.Why)
			require.Equal(t, "anna", end.By)
			require.Equal(t, map[video.Result]int{video.Done: 1}, end.Results)
			report, err := removal.VerifyLedger(t.Context(), w.objects)
			require.NoError(t, err)
			require.False(t, report.Plans[0].Ended)
			require.Zero(t, report.Open)
		})
	}
}

// What is not known of a call yet is found out before a plan is over.
func TestAPlanIsNotOverWhileACallOfItIsOpen(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	p := w.plan(t, made)
	w.approve(t, p)
	blind := &unreadable{w.library, "a", nil}
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete") {
			delete(w.media, "a")
			blind.err = video.ErrThrottled
			return video.ErrUnknownOutcome
		}
		return nil
	}
	j := w.job()
	j.Library = blind
	_, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	for _, blind.err = range []error{video.ErrThrottled, nil} {
		_, err = removal.ReadEnd(t.Context(), w.objects, p.ID)
		require.ErrorIs(t, err, video.ErrNotFound)
		j.Now = w.job().Now
		_, err = j.Run(t.Context(), made.AddDate(0, 0, 8))
		require.NoError(t, err)
	}
	end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.Equal(t, 1, end.Freed.Items)
}

// However much there is to be read of what a plan did, the run ends in time.
func TestReadingWhatAPlanDidStopsBeforeTheDeadline(t *testing.T) {
	for name, at := range map[string]time.Time{"to go on": later.Add(25 * time.Hour), "to tidy": made.AddDate(0, 0, 7)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := halfDone(t)
				notes(200)(t, w)
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				j := w.job()
				j.State = &slow{Objects: w.objects, take: func(int) time.Duration { return time.Second }}
				began := time.Now()
				r, err := j.Run(ctx, at)
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(began), limit-10*time.Second)
				require.Equal(t, purge.Stopped, r.Plans[0].Status)
				require.Contains(t, r.Plans[0].Why, "the time is up")
				require.Len(t, w.removed, 1)
			})
		})
	}
}

// A run died between a call for images and the next try; then the plan expired.
func TestImagesThatWereNeverAskedForAgainAreUnknown(t *testing.T) {
	w := newWorld(t, policy, parts("p"))
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if call != "delete images" {
			return nil
		}
		require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "otto"}))
		return video.ErrUnknownOutcome
	}
	r := w.purge(t, later)
	require.Equal(t, map[video.Result]int{video.Done: 2}, r.Results())
	w.purge(t, made.AddDate(0, 0, 7))
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Zero(t, report.Open)
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Unknown: 1}, report.Results)
}
