package purge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func TestATakedownIsProvedAndInTheLedger(t *testing.T) {
	fresh := temp("fresh")
	fresh.Created, fresh.Tags = made, nil // no rule would take it
	w := newWorld(t, policy, fresh, temp("other"))
	name, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"fresh", "gone", "fresh"}, By: "anna", Reason: "court order 7"}, later)
	require.NoError(t, err)
	require.Equal(t, []video.Outcome{
		{ID: "fresh", Result: video.Done, Reason: "read again and not found"},
		{ID: "gone", Result: video.Missing, Reason: "it was gone already"},
	}, outcomes)
	require.Equal(t, []string{"other"}, w.ids())
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, name, report.Plans[0].Plan)
	require.Equal(t, "anna", report.Plans[0].By)
	require.Equal(t, 1, report.Plans[0].Freed.Items)
	require.Zero(t, report.Open)
	proved := false
	for row, err := range removal.Rows(t.Context(), w.objects, 0) {
		require.NoError(t, err)
		require.Equal(t, "court order 7", row.Reason)
		proved = proved || row.Detail == "proof: read again and not found"
	}
	require.True(t, proved)
}

func of(app, id string, tags ...string) video.Media {
	m := temp(id, tags...)
	m.App = app
	return m
}

func TestATakedownThatRemovesNothing(t *testing.T) {
	ask := purge.Takedown{IDs: []video.ID{"a", "held"}, By: "anna", Reason: "why"}
	for want, change := range map[string]func(*world, *purge.Takedown){
		`tag "keep" holds`: func(*world, *purge.Takedown) {},
		"names who asks":   func(_ *world, t *purge.Takedown) { t.Reason = " " },
		"0 assets":         func(_ *world, t *purge.Takedown) { t.IDs = nil },
		"101 assets": func(_ *world, t *purge.Takedown) {
			t.IDs = nil
			for i := range 101 {
				t.IDs = append(t.IDs, video.ID(strings.Repeat("x", i+1)))
			}
		},
		"halted by otto": func(w *world, _ *purge.Takedown) {
			require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "otto"}))
		},
		`of application "other"`: func(w *world, t *purge.Takedown) { t.IDs = []video.ID{"a", "b"} },
		`of application ""`:      func(w *world, t *purge.Takedown) { t.IDs = []video.ID{"a", "c"} },
		"throttled":              func(w *world, _ *purge.Takedown) { w.before = func(string) error { return video.ErrThrottled } },
	} {
		w := newWorld(t, policy, of("mine", "a"), of("mine", "held", "keep"), of("other", "b"), of("", "c"))
		ask := ask
		change(w, &ask)
		j := w.job()
		j.Scope.App = "mine"
		_, _, err := j.Takedown(t.Context(), ask, later)
		require.ErrorContains(t, err, want)
		require.Empty(t, w.removed, want)
	}
	w := newWorld(t, policy, temp("a"), temp("held", "keep"))
	ask.DespiteHolds = true
	_, outcomes, err := w.job().Takedown(t.Context(), ask, later)
	require.NoError(t, err)
	require.Len(t, outcomes, 2)
	require.Empty(t, w.ids())
}

func TestATakedownThatIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { notBelieved(t) })
}

// It waits until the call can have its effect no more, and then it is failed.
func notBelieved(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete") {
			return video.ErrUnknownOutcome
		}
		return nil
	}
	_, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
	require.NoError(t, err)
	require.Equal(t, video.Failed, outcomes[0].Result)
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, 1, report.Results[video.Failed])
	require.Zero(t, report.Open)
}

func many(n int) (all []video.Media, ids []video.ID) {
	for i := range n {
		all = append(all, temp(fmt.Sprintf("v%03d", i)))
		ids = append(ids, all[i].ID)
	}
	return all, ids
}

func TestAHaltStopsATakedownBeforeItsNextBatch(t *testing.T) {
	all, ids := many(100)
	w := newWorld(t, policy, all...)
	w.after = func(call string) error {
		if strings.HasPrefix(call, "delete videos") {
			return removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "otto"})
		}
		return nil
	}
	name, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: ids, By: "anna", Reason: "why"}, later)
	require.ErrorContains(t, err, "halted by otto")
	require.Len(t, w.removed, video.MaxBatch)
	require.Len(t, outcomes, 100, "each id has an outcome")
	require.Equal(t, video.Done, outcomes[19].Result)
	require.Equal(t, video.Outcome{ID: "v020", Result: video.Failed, Reason: "it is still there"}, outcomes[20])
	end, err := removal.ReadEnd(t.Context(), w.objects, name)
	require.NoError(t, err)
	require.Equal(t, video.MaxBatch, end.Freed.Items)
}

func TestACDNThatDoesNotForgetDoesNotKeepWhatIsTakenDown(t *testing.T) {
	for want, cdn := range map[string]purge.Refresher{
		"the CDN was not refreshed: failed":    &refresher{refuse: "a"},
		"the CDN was not refreshed: throttled": deafCDN{video.ErrThrottled},
		"the CDN was not refreshed: unknown":   deafCDN{},
	} {
		w := newWorld(t, "refresh_cdn: true\n"+policy, temp("a"))
		if r, ok := cdn.(*refresher); ok {
			r.library = w.library
		}
		j := w.job()
		j.CDN = cdn
		_, outcomes, err := j.Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
		require.ErrorContains(t, err, "assets not refreshed in the CDN, which may still serve them: 1", want)
		require.Equal(t, []video.Outcome{{ID: "a", Result: video.Done, Reason: "read again and not found; " + want}}, outcomes)
		require.Empty(t, w.ids())
	}
}

// deafCDN answers nothing about any media.
type deafCDN struct{ err error }

func (d deafCDN) RefreshPlayURLs(context.Context, []video.ID) ([]video.Outcome, error) {
	return nil, d.err
}

func TestATakedownWhoseProofCannotBeRead(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	deleted := false
	w.before = func(call string) error {
		if deleted && strings.HasPrefix(call, "read") {
			return video.ErrThrottled
		}
		deleted = deleted || strings.HasPrefix(call, "delete")
		return nil
	}
	ask := purge.Takedown{IDs: []video.ID{"a", "gone"}, By: "anna", Reason: "why"}
	_, outcomes, err := w.job().Takedown(t.Context(), ask, later)
	require.ErrorContains(t, err, "the proof is missing")
	require.Len(t, outcomes, 2)
	require.Equal(t, video.Unknown, outcomes[0].Result)
}

func TestATakedownKilledAtEveryStepIsSettledByTheNext(t *testing.T) {
	all, ids := many(23)
	ask := purge.Takedown{IDs: ids, By: "anna", Reason: "why"}
	m := &mortal{}
	w := newWorld(t, policy, all...)
	_, _, err := w.mortal(m).Takedown(t.Context(), ask, later)
	require.NoError(t, err)
	for at := 1; at <= m.steps; at++ {
		for _, half := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { // it waits for calls that nobody heard the answer of
				what := fmt.Sprintf("step %d half %v", at, half)
				w := newWorld(t, policy, all...)
				first, _, _ := w.mortal(&mortal{at: at, half: half}).Takedown(t.Context(), ask, later)
				next := w.mortal(&mortal{})
				_, outcomes, err := next.Takedown(t.Context(), ask, later)
				require.NoError(t, err, what)
				require.Empty(t, w.ids(), what)
				require.Len(t, outcomes, len(ids), what)
				r, err := removal.VerifyLedger(t.Context(), w.objects)
				require.NoError(t, err, what)
				require.Zero(t, r.Open, what)
				require.Equal(t, len(ids), r.Results[video.Done], "%s: removed in the ledger less effects is 0", what)
				for _, p := range r.Plans {
					require.True(t, p.Ended, "%s: %s", what, p.Plan)
				}
				if first != "" {
					_, err = removal.ReadEnd(t.Context(), w.objects, first)
					require.NoError(t, err, what)
				}
			})
		}
	}
	t.Logf("%d steps, each killed before and after its effect", m.steps)
}

// Two at a time would settle each other's calls while they are under way.
func TestATakedownWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, policy, temp("a"), temp("b"))
		lease, err := state.Acquire(t.Context(), w.objects, "takedown", "other", time.Now(), time.Hour)
		require.NoError(t, err)
		_, _, err = w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
		require.ErrorIs(t, err, state.ErrBusy)
		require.Empty(t, w.removed)
		require.NoError(t, lease.Release(t.Context(), w.objects))
		_, _, err = w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
		require.NoError(t, err)
	})
}

// interrupted does something else once, after it created the first object under a prefix.
type interrupted struct {
	state.Objects
	prefix string
	then   func()
}

func (i *interrupted) Create(ctx context.Context, key string, body []byte) error {
	err := i.Objects.Create(ctx, key, body)
	if then := i.then; then != nil && strings.HasPrefix(key, i.prefix) {
		i.then = nil
		then()
	}
	return err
}

// A laptop may sleep between an intent and its call.
func TestATakedownThatWakesUpAfterItWasSettledStops(t *testing.T) {
	all, ids := many(45)
	w := newWorld(t, policy, all...)
	ask := purge.Takedown{IDs: ids[:40], By: "anna", Reason: "why"}
	asleep := w.job()
	asleep.State = &interrupted{w.objects, "ledger/", func() {
		next := w.job()
		_, _, err := next.Takedown(t.Context(), purge.Takedown{IDs: ids[40:], By: "otto", Reason: "why"}, later)
		require.NoError(t, err)
	}}
	_, outcomes, err := asleep.Takedown(t.Context(), ask, later)
	require.ErrorIs(t, err, state.ErrBusy)
	require.Len(t, outcomes, 40)
	require.LessOrEqual(t, len(w.removed), 5+video.MaxBatch, "the batch that it had written down, and no other")
	r, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Zero(t, r.Open)
}

// earlier is a takedown that died with a call for z open, long before the ledger's tip.
func (w *world) earlier(t *testing.T, at time.Time) (name string) {
	t.Helper()
	name = state.Takedowns + "EARLIER"
	_, err := removal.StartRun(t.Context(), w.objects, removal.RunStart{Plan: name, Run: "dead", At: at, Segment: 1})
	require.NoError(t, err)
	l, err := removal.OpenLedger(t.Context(), w.objects, name, "dead")
	require.NoError(t, err)
	z := retention.Item{ID: "z", Kind: retention.Whole, Rule: "takedown"}
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, At: at, Tick: at, Plan: name, By: "otto", Item: z}))
	notes(50)(t, w)
	return name
}

func TestNothingComesBeforeWhatIsUrgent(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	name := w.earlier(t, later)
	c, j := w.ticking(time.Second)
	segments, deleted, tries := map[string]bool{}, false, 0
	c.then = func(key string) {
		if strings.HasPrefix(key, "ledger/") {
			segments[key] = true
		}
		if !strings.HasPrefix(key, "lease/") && key != "" {
			tries++
			_, err := state.Acquire(t.Context(), w.objects, "takedown", "rival", c.now, time.Minute)
			require.ErrorIs(t, err, state.ErrBusy, "at %s", key)
		}
	}
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete") {
			deleted = true
			require.Len(t, segments, 1, "its tip")
		}
		return nil
	}
	_, outcomes, err := j.Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
	require.NoError(t, err)
	require.True(t, deleted)
	require.Equal(t, video.Done, outcomes[0].Result)
	require.Greater(t, tries, 50)
	end, err := removal.ReadEnd(t.Context(), w.objects, name)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 1}, end.Results)
	require.Equal(t, "otto", end.By)
}

// What was there when it was asked for did not go by an earlier call.
func TestOneRemovalIsNotTwoTakedowns(t *testing.T) {
	w := newWorld(t, policy, temp("z"))
	name := w.earlier(t, later)
	_, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"z"}, By: "anna", Reason: "why"}, later)
	require.NoError(t, err)
	require.Equal(t, video.Done, outcomes[0].Result)
	end, err := removal.ReadEnd(t.Context(), w.objects, name)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Failed: 1}, end.Results)
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Failed: 1, video.Done: 1}, report.Results)
	require.Zero(t, report.Open)
}

func TestATakedownWhoseMediaStaysUnreadableEndsAfterADay(t *testing.T) {
	for name, tc := range map[string]struct {
		age  time.Duration
		err  error
		ends bool
	}{
		"young":                     {23 * time.Hour, video.ErrForbidden, false},
		"a day old":                 {24 * time.Hour, video.ErrForbidden, true},
		"a day old, only throttled": {24 * time.Hour, video.ErrThrottled, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"), temp("z"))
			earlier := w.earlier(t, later.Add(-tc.age))
			j := w.job()
			j.Now = func() time.Time { return later }
			j.Library = &unreadable{w.library, "z", tc.err}
			_, outcomes, err := j.Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
			require.NoError(t, err)
			require.Len(t, outcomes, 1)
			end, err := removal.ReadEnd(t.Context(), w.objects, earlier)
			if !tc.ends {
				require.ErrorIs(t, err, video.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, map[video.Result]int{video.Unknown: 1}, end.Results)
		})
	}
}
