package purge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// planOf makes an approved plan of so many media, of which the others know nothing.
func (w *world) planOf(t *testing.T, name string, n int, at time.Time) removal.Plan {
	t.Helper()
	before := w.media
	w.media = map[video.ID]video.Media{}
	for i := range 100 { // and a hundred that stay
		m := temp(fmt.Sprintf("stays%03d", i))
		m.Tags = nil
		w.media[m.ID] = m
	}
	for i := range n {
		m := temp(fmt.Sprintf("%s%03d", name, i))
		w.media[m.ID] = m
	}
	p := w.plan(t, at)
	w.approve(t, p)
	for id, m := range before {
		w.media[id] = m
	}
	return p
}

// usualNights plays five nights with one item each.
func (w *world) usualNights(t *testing.T) (next time.Time) {
	t.Helper()
	for night := range 5 {
		w.planOf(t, fmt.Sprint("night", night), 1, made.AddDate(0, 0, night))
		require.Equal(t, 1, w.purge(t, made.AddDate(0, 0, night).Add(time.Hour)).Removed())
	}
	return made.AddDate(0, 0, 5)
}

func TestSeveralPlansAreNoWayRoundTheUsual(t *testing.T) {
	w := newWorld(t, policy)
	night := w.usualNights(t)
	w.planOf(t, "x", 60, night)
	w.planOf(t, "y", 60, night.AddDate(0, 0, 1))
	r := w.purge(t, night.AddDate(0, 0, 1).Add(time.Hour))
	require.Equal(t, purge.Ended, r.Plans[0].Status)
	require.Equal(t, purge.Refused, r.Plans[1].Status)
	require.Contains(t, r.Plans[1].Why, "120 items, usual are 10")
	require.Equal(t, 60, r.Removed())
}

// The purge runs at several hours of a night; the limits are of the night.
func TestTheGuardsCountWhatTheNightHasRemovedAlready(t *testing.T) {
	text := unguarded + "guards: {percent: 100, count: 30}"
	for name, tc := range map[string]struct {
		change func(t *testing.T, w *world)
		at     time.Time
		want   purge.Status
	}{
		"an hour later":      {nil, later.Add(time.Hour), purge.Refused},
		"19 hours later":     {nil, later.Add(19 * time.Hour), purge.Refused},
		"the next night":     {nil, later.Add(24 * time.Hour), purge.Ended},
		"many segments past": {notes(70), later.Add(time.Hour), purge.Refused},
		"a takedown by a late clock": {func(t *testing.T, w *world) {
			w.media["a"] = temp("a")
			_, _, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "court"}, later.AddDate(0, 0, -2))
			require.NoError(t, err)
		}, later.Add(time.Hour), purge.Refused},
		"the plan itself is gone": {func(t *testing.T, w *world) {
			for id, err := range removal.Plans(t.Context(), w.objects, time.Time{}) {
				require.NoError(t, err)
				if _, err := removal.ReadEnd(t.Context(), w.objects, id); err == nil {
					require.NoError(t, w.objects.(*statetest.Memory).Remove(t.Context(), "plans/"+id+".json"))
				}
			}
		}, later.Add(time.Hour), purge.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, text)
			w.planOf(t, "x", 20, made.AddDate(0, 0, -1))
			w.planOf(t, "y", 20, made)
			r := w.purge(t, later)
			require.Equal(t, []purge.Status{purge.Ended, purge.Refused}, []purge.Status{r.Plans[0].Status, r.Plans[1].Status})
			if tc.change != nil {
				tc.change(t, w)
			}
			r = w.purge(t, tc.at)
			require.Equal(t, tc.want, r.Plans[0].Status, r.Plans[0].Why)
			if tc.want == purge.Refused {
				require.Contains(t, r.Plans[0].Why, "40 items, at most 30")
				require.Subset(t, w.ids(), []string{"y000", "y019"})
			}
		})
	}
}

// A killed run leaves calls of which nobody knows what came of them: they count as if
// they had removed what they were to. Another plan than its own is run first.
func TestTheGuardsCountWhatMayHaveGone(t *testing.T) {
	for name, tc := range map[string]struct {
		read error // what the first run is told when it reads what became of its calls
		want purge.Status
		why  string
	}{
		"nobody can read it": {video.ErrThrottled, purge.Refused, "over the guards: 40 items, at most 30; approve a portion of the next plan: vodctl approve PLAN --first 10"},
		"it is still there":  {nil, purge.Ended, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, unguarded+"guards: {percent: 100, count: 30}")
			old := w.planOf(t, "y", 20, made.AddDate(0, 0, -1))
			require.NoError(t, w.objects.(*statetest.Memory).Remove(t.Context(), "approvals/"+old.ID+".json"))
			w.planOf(t, "x", 20, made)
			asked := false
			w.before = func(call string) error {
				switch {
				case strings.HasPrefix(call, "delete"):
					asked = true
					return video.ErrUnknownOutcome
				case asked:
					return tc.read
				}
				return nil
			}
			_, err := w.job().Run(t.Context(), later)
			require.ErrorIs(t, err, tc.read)
			w.before = nil
			w.approve(t, old)
			r := w.purge(t, later.Add(time.Hour))
			require.Equal(t, tc.want, r.Plans[0].Status)
			require.Equal(t, tc.why, r.Plans[0].Why)
		})
	}
}

// What was open when the night was counted is counted once when it is settled.
func TestWhatIsSettledMeanwhileCountsOnce(t *testing.T) {
	w := newWorld(t, unguarded+"guards: {percent: 100, count: 30}")
	old := w.planOf(t, "z", 1, made.AddDate(0, 0, -2)) // it is run first, and has the night counted
	require.NoError(t, w.objects.(*statetest.Memory).Remove(t.Context(), "approvals/"+old.ID+".json"))
	x := w.planOf(t, "x", 20, made.AddDate(0, 0, -1))
	w.after = func(call string) error {
		if strings.HasPrefix(call, "delete videos 20") {
			w.before = func(string) error { return video.ErrThrottled }
			return video.ErrUnknownOutcome
		}
		return nil
	}
	_, err := w.job().Run(t.Context(), later)
	require.ErrorIs(t, err, video.ErrThrottled)
	w.before, w.after = nil, nil
	require.NoError(t, removal.Withdraw(t.Context(), w.objects, x.ID, "otto", "", made))
	w.approve(t, old)
	w.planOf(t, "y", 9, made)
	r := w.purge(t, later.Add(time.Hour))
	require.Equal(t, purge.Ended, r.Plans[len(r.Plans)-1].Status, r.Plans)
	require.Len(t, w.removed, 30)
}

// notes writes segments that say nothing of removals.
func notes(n int) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		l, err := removal.OpenLedger(t.Context(), w.objects, "other", "other")
		require.NoError(t, err)
		for range n {
			require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Tick: later}))
		}
	}
}

func TestWhatANightRemovedOtherwiseDoesNotCount(t *testing.T) {
	text := unguarded + "guards: {percent: 100, count: 30}"
	t.Run("by the plan itself", func(t *testing.T) {
		w := newWorld(t, text)
		w.planOf(t, "x", 30, made)
		w.after = func(call string) error {
			if strings.HasPrefix(call, "delete") {
				return removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna"})
			}
			return nil
		}
		require.Equal(t, 20, w.purge(t, later).Removed())
		w.after = nil
		require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{By: "anna"}))
		require.Equal(t, purge.Ended, w.purge(t, later.Add(time.Hour)).Plans[0].Status)
	})
	t.Run("by a takedown", func(t *testing.T) {
		w := newWorld(t, text, temp("a"))
		_, _, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "court"}, later)
		require.NoError(t, err)
		w.planOf(t, "x", 30, made)
		require.Equal(t, purge.Ended, w.purge(t, later.Add(time.Hour)).Plans[0].Status)
	})
	t.Run("in another account", func(t *testing.T) {
		w := newWorld(t, text)
		w.ofAnother(t, "y", 20, made)
		w.planOf(t, "x", 30, made.Add(time.Minute))
		r := w.purge(t, later.Add(time.Hour))
		require.Equal(t, purge.Ended, r.Plans[len(r.Plans)-1].Status)
	})
}

// ofAnother plans and removes in another account, whose state is the same.
func (w *world) ofAnother(t *testing.T, name string, n int, at time.Time) {
	t.Helper()
	other := &world{library: newLibrary(), objects: w.objects, policy: w.policy, jobs: w.jobs}
	for i := range n {
		m := temp(fmt.Sprintf("%s%03d", name, i))
		other.media[m.ID] = m
	}
	r, err := plan.Job{Library: other.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "2"}}.Run(t.Context(), at)
	require.NoError(t, err)
	other.approve(t, r.Plan)
	j := other.job()
	j.Scope.Account = "2"
	done, err := j.Run(t.Context(), at.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, n, done.Removed())
}

func TestTheUsualIsThisAccountsOwn(t *testing.T) {
	w := newWorld(t, policy)
	night := w.usualNights(t)
	for range 9 {
		w.ofAnother(t, "y", 100, night)
		night = night.AddDate(0, 0, 1)
	}
	w.planOf(t, "x", 101, night)
	r := w.purge(t, night.Add(time.Hour))
	last := r.Plans[len(r.Plans)-1]
	require.Equal(t, purge.Refused, last.Status)
	require.Contains(t, last.Why, "101 items, usual are 10")
}

// damaged is a state of which some objects cannot be read any more.
type damaged struct {
	state.Objects
	prefix string
}

func (d damaged) Read(ctx context.Context, key string) ([]byte, error) {
	if strings.HasPrefix(key, d.prefix) {
		return []byte("x"), nil
	}
	return d.Objects.Read(ctx, key)
}

// An end that cannot be read is no night that the others are measured by.
func TestOneEndThatCannotBeReadStopsNoOtherPlan(t *testing.T) {
	for name, prefix := range map[string]string{
		"of a takedown": "ended/" + state.Takedowns,
		"of a plan":     "ended/" + made.Format("20060102"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"))
			_, _, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "court"}, made)
			require.NoError(t, err)
			night := w.usualNights(t)
			w.planOf(t, "x", 100, night)
			w.objects = damaged{w.objects, prefix}
			r := w.purge(t, night.Add(time.Hour))
			last := r.Plans[len(r.Plans)-1]
			require.Equal(t, purge.Ended, last.Status, last.Why)
			w.planOf(t, "y", 101, night.AddDate(0, 0, 1))
			r = w.purge(t, night.AddDate(0, 0, 1).Add(time.Hour))
			require.Contains(t, r.Plans[len(r.Plans)-1].Why, "101 items, usual are 10", "the others are counted still")
		})
	}
}

// A plan's end says that nothing is left of it to do: without it, nothing is done.
func TestAPlanWhoseEndCannotBeReadIsRefused(t *testing.T) {
	w := newWorld(t, policy)
	p := w.planOf(t, "x", 1, made)
	require.Equal(t, 1, w.purge(t, later).Removed())
	w.media["x000"] = temp("x000")
	w.objects = damaged{w.objects, "ended/"}
	r := w.purge(t, later)
	require.Equal(t, []purge.Applied{{Plan: p.ID, Status: purge.Refused, Why: "its end is corrupt: restore ended/" + p.ID + ".json from a copy", Results: map[video.Result]int{}}}, r.Plans)
	require.Len(t, w.removed, 1)
}

// The reason names what cannot be read, or a whole plan would be looked into in vain.
func TestWhatTheGuardsCannotCountIsNamed(t *testing.T) {
	for prefix, want := range map[string]string{
		"parts/":  "",
		"ledger/": "open the ledger: ",
	} {
		t.Run(prefix, func(t *testing.T) {
			w := newWorld(t, policy)
			w.planOf(t, "x", 1, made.AddDate(0, 0, -1))
			require.Equal(t, 1, w.purge(t, later).Removed())
			w.planOf(t, "y", 1, made)
			w.objects = damaged{w.objects, prefix}
			r, err := w.job().Run(t.Context(), later.Add(time.Hour))
			require.Len(t, w.removed, 1)
			if want != "" {
				require.ErrorIs(t, err, state.ErrCorrupt)
				require.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, purge.Refused, r.Plans[0].Status)
			require.Contains(t, r.Plans[0].Why, "its list is corrupt: ")
		})
	}
}

// What was listed night after night while nothing ran goes by the latest list alone.
func TestAPolicyApprovesItsLatestPlanOnly(t *testing.T) {
	w := newWorld(t, "approve: within-guards\n"+unguarded+"guards: {percent: 100, count: 10}")
	for i := range 6 {
		m := temp(fmt.Sprint("m", i))
		w.media[m.ID] = m
	}
	for night := range 3 { // nothing runs
		w.plan(t, made.AddDate(0, 0, night))
	}
	w.media["one more"] = temp("one more")
	p := w.plan(t, made.AddDate(0, 0, 3))
	r := w.purge(t, made.AddDate(0, 0, 3).Add(time.Hour))
	require.Len(t, r.Plans, 1, "nobody will miss the others")
	require.Equal(t, p.ID, r.Plans[0].Plan)
	require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
	require.Equal(t, 7, r.Removed())
	require.Empty(t, w.purge(t, made.AddDate(0, 0, 3).Add(2*time.Hour)).Plans)

	w.media["m0"] = temp("m0")
	require.Zero(t, w.planOfNothing(t, made.AddDate(0, 0, 4)).Items)
	require.Empty(t, w.purge(t, made.AddDate(0, 0, 4).Add(time.Hour)).Plans, "nor does an older one go when the latest lists nothing")
	require.Len(t, w.removed, 7)
}

// planOfNothing makes a plan that finds nothing to remove.
func (w *world) planOfNothing(t *testing.T, at time.Time) removal.Plan {
	t.Helper()
	before := w.media
	w.media = map[video.ID]video.Media{}
	defer func() { w.media = before }()
	return w.plan(t, at)
}

// A plan that this policy approved goes on, whatever was planned since.
func TestAPlanThatAPolicyApprovedGoesOn(t *testing.T) {
	w := newWorld(t, "approve: within-guards\n"+policy)
	for i := range 60 {
		m := temp(fmt.Sprintf("m%02d", i))
		w.media[m.ID] = m
	}
	p := w.plan(t, made)
	w.after = func(call string) error {
		if strings.HasPrefix(call, "delete") {
			return removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna"})
		}
		return nil
	}
	require.Equal(t, 20, w.purge(t, later).Removed())
	w.after = nil
	require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{By: "anna"}))
	w.planOfNothing(t, made.AddDate(0, 0, 1))
	r := w.purge(t, later.AddDate(0, 0, 1))
	require.Equal(t, p.ID, r.Plans[0].Plan)
	require.Equal(t, 40, r.Removed())
}

// One item that waits keeps a plan from its end; what went on other nights is not of this.
func TestWhatAPlanRemovedOnOtherNightsCountsNoMore(t *testing.T) {
	for name, tc := range map[string]struct {
		at   time.Time
		want string
	}{
		"another night":  {later.AddDate(0, 0, 1), ""},
		"the same night": {later.Add(13 * time.Hour), "over the guards: 40 items, at most 30; approve a portion of the next plan: vodctl approve PLAN --first 10"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "refresh_cdn: true\n"+unguarded+"guards: {percent: 100, count: 30}")
			run := func(at time.Time) purge.Applied {
				j := w.job()
				j.CDN = &refresher{w.library, "x000"}
				r, err := j.Run(t.Context(), at)
				require.NoError(t, err)
				return r.Plans[len(r.Plans)-1]
			}
			w.planOf(t, "x", 20, made)
			require.Equal(t, 1, run(later).Left)
			y := w.planOf(t, "y", 20, tc.at.Add(-time.Minute))
			last := run(tc.at)
			require.Equal(t, y.ID, last.Plan)
			require.Equal(t, tc.want, last.Why)
		})
	}
}

// A notice tells of what is refused, not of what waits for a person.
func TestASelfApprovingPolicyOverItsGuardsIsRefusedAloud(t *testing.T) {
	w := newWorld(t, "approve: within-guards\n"+policy)
	for night := range 5 {
		w.media["x"] = temp("x")
		w.plan(t, made.AddDate(0, 0, night))
		require.Equal(t, 1, w.purge(t, made.AddDate(0, 0, night).Add(time.Hour)).Removed())
	}
	for i := range 101 {
		m := temp(fmt.Sprintf("v%03d", i))
		w.media[m.ID] = m
	}
	p := w.plan(t, made.AddDate(0, 0, 5))
	r := w.purge(t, made.AddDate(0, 0, 5).Add(time.Hour))
	require.Equal(t, purge.Refused, r.Plans[0].Status)
	require.Equal(t, "over the guards: 101 items, usual are 10; approve a portion: vodctl approve "+p.ID+" --first 100", r.Plans[0].Why)
}
