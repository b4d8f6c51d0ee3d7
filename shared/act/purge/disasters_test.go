package purge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Each of these shows that a disaster of another tool cannot happen here.

var unguarded, _, _ = strings.Cut(policy, "guards:")

// A dry run deleted data (goharbor/harbor#15332).
func TestPlanningMakesNoWriteCall(t *testing.T) {
	w := newWorld(t, policy, temp("a"), parts("p"))
	w.plan(t, made)
	for _, call := range w.calls {
		require.True(t, strings.HasPrefix(call, "read"), call)
	}
	t.Logf("%d calls, all of them reads", len(w.calls))
}

// The real run ignored a protection that the dry run honoured
// (gruntwork-io/cloud-nuke#846).
func TestRemovingAsksTheHoldsAgain(t *testing.T) {
	for name, hold := range map[string]func(*world){
		"a tag": func(w *world) {
			m := w.media["a"]
			m.Tags = append(m.Tags, "KEEP")
			w.media["a"] = m
		},
		"the hold list": func(w *world) {
			require.NoError(t, w.objects.Create(t.Context(), "holds.txt", []byte("a court order")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := policy
			if name == "the hold list" {
				text = strings.Replace(policy, "holds: {", "holds: {list: holds.txt, ", 1)
			}
			w := newWorld(t, text, temp("a"), temp("b"))
			lists := w.objects
			if name == "the hold list" { // empty while planning
				w.objects = emptyList{lists}
			}
			p := w.plan(t, made)
			require.Equal(t, 2, p.Items)
			w.approve(t, p)
			w.objects = lists
			hold(w)
			r := w.purge(t, later)
			require.Equal(t, []string{"a"}, w.ids())
			require.Equal(t, 1, r.Results()[video.Kept])
		})
	}
}

type emptyList struct{ state.Objects }

func (e emptyList) Read(ctx context.Context, key string) ([]byte, error) {
	if key == "holds.txt" {
		return nil, nil
	}
	return e.Objects.Read(ctx, key)
}

// The dry run showed another set than the run removed (elastic/curator#290).
func TestWhatIsRemovedIsASubsetOfThePlan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []video.Media
		for i := range rapid.IntRange(1, 30).Draw(rt, "n") {
			m := temp(fmt.Sprintf("v%02d", i))
			if rapid.Bool().Draw(rt, "parts") {
				m = parts(fmt.Sprintf("v%02d", i))
			}
			m.Created = at(rapid.IntRange(0, 60).Draw(rt, "age"))
			all = append(all, m)
		}
		w := newWorld(t, policy, all...)
		p := w.plan(t, made)
		planned := map[string]bool{}
		for v, err := range p.Entries(t.Context(), w.objects) {
			require.NoError(rt, err)
			for _, i := range v.Items {
				planned[strings.TrimSpace(fmt.Sprintf("%s %s %s", i.Kind, i.ID, i.Part))] = true
			}
		}
		if p.Items > 0 {
			w.approve(t, p)
		}
		for id, m := range w.media { // the library goes on living; a year passes
			switch rapid.IntRange(0, 3).Draw(rt, "change") {
			case 0:
				m.Tags = append(m.Tags, "temp")
			case 1:
				m.Created = at(400)
			case 2:
				delete(w.media, id)
				continue
			}
			w.media[id] = m
		}
		w.purge(t, later)
		for _, effect := range w.removed {
			require.True(rt, planned[effect], "%s was not planned", effect)
		}
	})
}

// An error while asking "is it protected?" meant "not protected"
// (harbor: the immutability match fails open).
func TestAHoldSourceThatErrorsRemovesNothing(t *testing.T) {
	w := newWorld(t, strings.Replace(policy, "holds: {", "holds: {list: holds.txt, ", 1), temp("a"))
	_, err := plan.Job{Library: w.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), made)
	require.ErrorContains(t, err, "hold list")
	objects := w.objects
	w.objects = emptyList{objects}
	w.approve(t, w.plan(t, made))
	w.objects = objects
	r, err := w.job().Run(t.Context(), later)
	require.ErrorContains(t, err, "hold list")
	require.Equal(t, purge.Stopped, r.Plans[0].Status)
	require.Empty(t, w.removed)
}

// What the library did not tell of counted as gone.
func TestAStreamThatIsNotToldOfIsNotCountedAsRemoved(t *testing.T) {
	w := newWorld(t, policy, parts("p"))
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if !strings.HasSuffix(call, " streams") {
			return nil
		}
		m := w.media["p"]
		m.Streams = nil
		w.media["p"] = m
		return video.ErrUnknownOutcome
	}
	r, err := w.job().Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Unknown: 1}, r.Results(), "its source and images went")
}

// reading counts what is read.
type reading struct {
	state.Objects
	times map[string]int
}

func (r reading) Read(ctx context.Context, key string) ([]byte, error) {
	r.times[key]++
	return r.Objects.Read(ctx, key)
}

// A usage file has a line for each media; a hold list may get one at any time.
func TestARunReadsTheUsageFileOnceAndTheHoldListBeforeEveryBatch(t *testing.T) {
	text := "usage: usage.csv\n" + strings.Replace(policy, "holds: {", "holds: {list: holds.txt, ", 1)
	w := newWorld(t, text)
	var usage strings.Builder
	for i := range 45 {
		id := fmt.Sprintf("v%03d", i)
		w.media[video.ID(id)] = temp(id)
		usage.WriteString(id + ",2026-01-01\n")
	}
	usage.WriteString("other," + made.Format(time.DateOnly) + "\n") // the file is still written
	require.NoError(t, w.objects.Create(t.Context(), "usage.csv", []byte(usage.String())))
	require.NoError(t, w.objects.Create(t.Context(), "holds.txt", nil))
	w.approve(t, w.plan(t, made))
	counts := reading{w.objects, map[string]int{}}
	w.objects = counts
	w.purge(t, later)
	require.Len(t, w.removed, 45)
	require.Equal(t, 1, counts.times["usage.csv"])
	require.Equal(t, 3, counts.times["holds.txt"])
}

// The tree of categories is read once a run, and what it holds beats the plan.
func TestACategoryThatCannotBeReadOrIsHeldByNowRemovesNothing(t *testing.T) {
	a := temp("a")
	a.Category = 92
	w := newWorld(t, strings.Replace(policy, "holds: {", "holds: {categories: [9], ", 1), a)
	w.tree = []video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: -1}}
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if call == "read categories" {
			return video.ErrThrottled
		}
		return nil
	}
	r, err := w.job().Run(t.Context(), later)
	require.ErrorContains(t, err, "held categories")
	require.Equal(t, purge.Stopped, r.Plans[0].Status)
	require.Empty(t, w.removed)

	w.before, w.tree = nil, []video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: 9}} // moved below a held one
	r = w.purge(t, later)
	require.Equal(t, map[video.Result]int{video.Kept: 1}, r.Results())
	require.Empty(t, w.removed)
}

// A wide rule lost protected tags (goharbor/harbor#16065): in the retention room,
// TestLaws shows it over the order of rules.

// The blast guard was by-passed by a cache, or counted the wrong set
// (cloud-custodian#3477, #2902).
func TestTheGuardsCountTheSetThatWouldGo(t *testing.T) {
	for name, guard := range map[string]string{
		"count": "count: 2", "percent": "percent: 20", "bytes": "bytes: 2900B", "unknown": "unknown: 0",
	} {
		t.Run(name, func(t *testing.T) {
			text := unguarded + "guards: {percent: 100, unknown: 9, " + guard + "}"
			if name == "percent" || name == "unknown" {
				text = unguarded + "guards: {count: 9, " + guard + "}"
			}
			unsized := temp("c")
			unsized.Size, unsized.Source = 0, nil
			if name == "bytes" || name == "percent" {
				unsized = temp("c")
			}
			w := newWorld(t, text, temp("a"), temp("b"), unsized)
			p := w.plan(t, made)
			require.NotEmpty(t, p.Over)
			w.approve(t, p)
			r := w.purge(t, later)
			require.Equal(t, purge.Refused, r.Plans[0].Status)
			require.Contains(t, r.Plans[0].Why, "over the guards")
			for _, call := range w.calls {
				require.NotContains(t, call, "delete")
			}
		})
	}
}

func TestTwoPlansAreNoWayRoundTheGuards(t *testing.T) {
	text := unguarded + "guards: {percent: 100, count: 3}"
	w := newWorld(t, text, temp("a"), temp("b"))
	w.approve(t, w.plan(t, made))
	w.media["c"], w.media["d"] = temp("c"), temp("d")
	delete(w.media, "a")
	delete(w.media, "b")
	w.approve(t, w.plan(t, made.AddDate(0, 0, 1)))
	w.media["a"], w.media["b"] = temp("a"), temp("b")
	r := w.purge(t, later.AddDate(0, 0, 1))
	require.Equal(t, purge.Ended, r.Plans[0].Status)
	require.Equal(t, purge.Refused, r.Plans[1].Status)
	require.Len(t, w.removed, 2)
	require.Equal(t, purge.Ended, w.purge(t, later.AddDate(0, 0, 2)).Plans[0].Status, "the other has its own night")
}

func TestTenTimesTheUsualStops(t *testing.T) {
	w := newWorld(t, policy)
	for night := range 5 {
		w.media["x"] = temp("x")
		w.approve(t, w.plan(t, made.AddDate(0, 0, night)))
		require.Equal(t, purge.Ended, w.purge(t, made.AddDate(0, 0, night).Add(time.Hour)).Plans[0].Status)
	}
	for i := range 101 {
		id := fmt.Sprintf("v%03d", i)
		w.media[video.ID(id)] = temp(id)
	}
	w.approve(t, w.plan(t, made.AddDate(0, 0, 5)))
	r := w.purge(t, made.AddDate(0, 0, 5).Add(time.Hour))
	require.Equal(t, purge.Refused, r.Plans[0].Status)
	require.Contains(t, r.Plans[0].Why, "101 items, usual are 10")
	require.Len(t, w.removed, 5)
}

// Marks acted earlier than announced; the documented default of 4 days came out
// as 0 (cloud-custodian#4097, #6106).
func TestGraceCountsWholeMatchedDaysOnTheEventsClock(t *testing.T) {
	w := newWorld(t, "grace: 4d\n"+policy, temp("a"), temp("b"))
	night := func(days int, more time.Duration) time.Time { return made.AddDate(0, 0, days).Add(more) }
	plan := func(at time.Time) stored.Plan { // by a policy of its own, or it would be the plan of an hour ago
		var err error
		w.policy, err = retention.Parse("policy.yaml", fmt.Appendf(nil, "grace: 4d\n%s# %s", policy, at))
		require.NoError(t, err)
		return w.plan(t, at)
	}
	for day := range 4 {
		for _, again := range []time.Duration{0, time.Minute, 20 * time.Hour} { // several ticks of one day are one day
			p := plan(night(day, again))
			require.Zero(t, p.Items, "day %d", day)
			require.Equal(t, 2, p.PendingItems)
			soon := stored.Soon{Day: made.AddDate(0, 0, 4).Truncate(24 * time.Hour), Items: 2 - min(day/2, 1)}
			require.Equal(t, soon, p.Soon, "day %d", day)
		}
		m := w.media["b"]
		if m.Tags = []string{"temp"}; day == 1 {
			m.Tags = nil // for one night it does not match
		}
		w.media["b"] = m
		if day == 1 {
			require.Equal(t, 1, plan(night(1, 21*time.Hour)).PendingItems, "it cancels by itself")
			m.Tags = []string{"temp"}
			w.media["b"] = m
		}
	}
	early := plan(night(4, -time.Second))
	require.Zero(t, early.Items, "not a second before the announced time")
	p := plan(night(4, time.Second))
	require.Equal(t, 1, p.Items)
	for v, err := range p.Entries(t.Context(), w.objects) {
		require.NoError(t, err)
		require.Equal(t, video.ID("a"), v.ID, "b begins anew")
	}
	require.Equal(t, 1, plan(night(5, 0)).Items, "what nobody approved goes on waiting, not from the start")
}

func TestMissedNightsDoNotCount(t *testing.T) {
	w := newWorld(t, "grace: 3d\n"+policy, temp("a"))
	require.Zero(t, w.plan(t, made).Items)
	require.Zero(t, w.plan(t, made.AddDate(0, 0, 10)).Items, "one day on which it matched, not ten")
	require.Zero(t, w.plan(t, made.AddDate(0, 0, 11)).Items)
	require.Equal(t, 1, w.plan(t, made.AddDate(0, 0, 12)).Items)
}

// "Success" was reported for items that failed (cloud-custodian#3531).
func TestEveryItemHasOneOutcomeAndFailuresAreNoSuccess(t *testing.T) {
	w := newWorld(t, policy, temp("a"), temp("b"), parts("p"))
	p := w.plan(t, made)
	w.approve(t, p)
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete videos") {
			return video.ErrForbidden
		}
		return nil
	}
	r := w.purge(t, later)
	require.Equal(t, map[video.Result]int{video.Done: 3, video.Forbidden: 2}, r.Results())
	require.Len(t, w.removed, 3, "removed in the ledger less effects is 0")
	sum := 0
	for _, n := range r.Results() {
		sum += n
	}
	require.Equal(t, p.Items, sum)
	report, err := stored.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, 3, report.Plans[0].Freed.Items)
}

// Opt-out was not obvious and a team lost infrastructure
// (ministryofjustice/modernisation-platform#12887).
func TestListOnlyIsTheDefault(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.policy = retention.Default()
	p := w.plan(t, made)
	require.Equal(t, 1, p.Items)
	for night := range 10 {
		for _, p := range w.purge(t, later.AddDate(0, 0, night)).Plans {
			require.Equal(t, purge.Waiting, p.Status)
		}
	}
	require.Empty(t, w.removed)
}

func TestAPolicyMayApproveItselfWithinItsGuardsOnly(t *testing.T) {
	w := newWorld(t, "approve: within-guards\n"+policy, temp("a"))
	w.plan(t, made)
	r := w.purge(t, later)
	require.Equal(t, purge.Ended, r.Plans[0].Status)
	require.Contains(t, r.Plans[0].By, "policy "+w.policy.Hash[:8])

	w = newWorld(t, "approve: within-guards\n"+unguarded+"guards: {percent: 50}", temp("a"))
	w.plan(t, made)
	require.Equal(t, purge.Refused, w.purge(t, later).Plans[0].Status)
	require.Empty(t, w.removed)
}

// Two timers at once; a clock that jumps.
func TestOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, policy, temp("a"))
		w.approve(t, w.plan(t, made))
		inside, release := make(chan struct{}), make(chan struct{})
		w.before = func(call string) error {
			if strings.HasPrefix(call, "delete") {
				close(inside)
				<-release
			}
			return nil
		}
		ended := make(chan purge.Report)
		go func() {
			r, err := w.job().Run(t.Context(), later)
			require.NoError(t, err)
			ended <- r
		}()
		<-inside
		_, err := state.Acquire(t.Context(), w.objects, "purge", "another", time.Now(), time.Minute)
		require.ErrorIs(t, err, state.ErrBusy)
		_, err = state.Acquire(t.Context(), w.objects, "purge", "another", time.Now().AddDate(-1, 0, 0), time.Minute)
		require.ErrorIs(t, err, state.ErrBusy, "a clock that jumped back")
		close(release)
		require.Equal(t, purge.Ended, (<-ended).Plans[0].Status)
		require.Len(t, w.removed, 1)
	})
}

func TestWhoIsTakenOverStopsBeforeItsNextCall(t *testing.T) {
	var all []video.Media
	for i := range 60 {
		all = append(all, temp(fmt.Sprintf("v%02d", i)))
	}
	w := newWorld(t, policy, all...)
	w.approve(t, w.plan(t, made))
	w.after = func(call string) error {
		if strings.HasPrefix(call, "delete") { // a rival whose clock runs ahead
			l, err := stored.OpenLedger(t.Context(), w.objects, "purge", "rival")
			require.NoError(t, err)
			require.NoError(t, l.Append(t.Context(), stored.Row{Event: stored.Note}))
		}
		return nil
	}
	_, err := w.job().Run(t.Context(), later)
	require.ErrorIs(t, err, stored.ErrRival)
	require.Len(t, w.removed, 20)
}

func TestRisingErrorsStopTheRun(t *testing.T) {
	for name, tc := range map[string]struct {
		good int // calls before the outage
		want string
	}{
		"from the start":    {0, "20 of the last 20 items failed, at most 10 %"},
		"soon":              {2, "20 of the last 60 items failed, at most 10 %"},
		"after a long time": {30, "20 of the last 100 items failed, at most 10 %"},
	} {
		t.Run(name, func(t *testing.T) {
			var all []video.Media
			for i := range 800 {
				all = append(all, temp(fmt.Sprintf("v%03d", i)))
			}
			w := newWorld(t, policy, all...)
			w.approve(t, w.plan(t, made))
			l := &outage{library: w.library, good: tc.good}
			j := w.job()
			j.Library = l
			r, err := j.Run(t.Context(), later)
			require.NoError(t, err)
			require.Equal(t, purge.Stopped, r.Plans[0].Status)
			require.Contains(t, r.Plans[0].Why, tc.want)
			require.Equal(t, removal.MaxTries, l.failed, "one batch, after a new look each time")
			require.Equal(t, []int{20 * removal.MaxTries, 20 * tc.good}, []int{r.Results()[video.Deferred], r.Removed()})
			w.purge(t, later.Add(time.Hour))
			require.Empty(t, w.media, "what passes is no final outcome")
		})
	}
}

// outage is a library that removes nothing any more after some good calls.
type outage struct {
	*library
	good, failed int
}

func (o *outage) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	if o.good--; o.good >= 0 {
		return o.library.DeleteVideos(ctx, ids)
	}
	o.failed++
	return nil, fmt.Errorf("503: %w", video.ErrTransient)
}

func TestARunStopsBeforeItsDeadlineAndTheNextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []video.Media
		for i := range 140 {
			all = append(all, temp(fmt.Sprintf("v%03d", i)))
		}
		w := newWorld(t, policy, all...)
		w.approve(t, w.plan(t, made))
		w.before = func(call string) error {
			if strings.HasPrefix(call, "delete") {
				time.Sleep(10 * time.Second)
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := w.job().Run(ctx, later)
		require.NoError(t, err)
		require.Equal(t, purge.Stopped, r.Plans[0].Status)
		require.Contains(t, r.Plans[0].Why, "the time is up")
		require.NoError(t, ctx.Err(), "it stopped before its time was over")
		require.Equal(t, 140-len(w.removed), r.Plans[0].Left)
		first := len(w.removed)
		require.Greater(t, first, 0)
		r = w.purge(t, later.Add(time.Hour))
		require.Equal(t, purge.Ended, r.Plans[0].Status)
		require.Equal(t, 140-first, r.Results()[video.Done])
	})
}

func TestAFullOrBrokenStateRemovesNothing(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.approve(t, w.plan(t, made))
	j := w.job()
	for _, failure := range []error{state.ErrFull, state.ErrReadOnly, errors.New("slow")} {
		j.State = failing{w.objects, failure}
		_, err := j.Run(t.Context(), later)
		require.ErrorIs(t, err, failure)
	}
	require.Empty(t, w.removed)
}

type failing struct {
	state.Objects
	err error
}

func (f failing) Create(context.Context, string, []byte) error { return f.err }

func TestRefreshingTheCDNComesBeforeRemoval(t *testing.T) {
	w := newWorld(t, "refresh_cdn: true\n"+policy, temp("a"), temp("b"))
	w.approve(t, w.plan(t, made))
	_, err := w.job().Run(t.Context(), later)
	require.ErrorContains(t, err, "refresh_cdn")
	j := w.job()
	cdn := &refresher{library: w.library, refuse: "b"}
	j.CDN = cdn
	r, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 1, video.Deferred: 1}, r.Results())
	require.Equal(t, []string{"b"}, w.ids(), "what could not be refreshed stays")
	cdn.refuse = ""
	r, err = j.Run(t.Context(), later.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, purge.Ended, r.Plans[0].Status)
}

// What stays or is gone needs no refresh, and its plan ends.
func TestWhatDoesNotGoIsNotRefreshedAndHasItsOutcome(t *testing.T) {
	w := newWorld(t, "refresh_cdn: true\n"+policy, temp("a"), temp("b"), temp("c"))
	w.approve(t, w.plan(t, made))
	delete(w.media, "a")
	held := w.media["b"]
	held.Tags = []string{"temp", "keep"}
	w.media["b"] = held
	j := w.job()
	j.CDN = &refresher{library: w.library}
	r, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 1, video.Kept: 1, video.Missing: 1}, r.Results())
	require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
	require.Contains(t, w.calls, "refresh 1")
}

// One media that the CDN never forgets stays; what a halt leaves waits for it to end.
func TestWhatWaitsKeepsNoOtherPlanFromItsTurn(t *testing.T) {
	for name, tc := range map[string]struct {
		halted bool
		want   []purge.Status
	}{
		"an item waits":      {false, []purge.Status{purge.Stopped, purge.Ended}},
		"the run is stopped": {true, []purge.Status{purge.Stopped}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "refresh_cdn: true\n"+policy)
			w.planOf(t, "a", 2, made.AddDate(0, 0, -1))
			w.planOf(t, "b", 2, made)
			require.NoError(t, stored.SetHalt(t.Context(), w.objects, stored.Halt{Halted: tc.halted, By: "anna"}))
			for range 2 { // of the second run as of the first
				j := w.job()
				j.CDN = &refresher{w.library, "a000"}
				r, err := j.Run(t.Context(), later)
				require.NoError(t, err)
				var got []purge.Status
				for _, p := range r.Plans {
					got = append(got, p.Status)
				}
				require.Equal(t, tc.want, got)
				if tc.halted {
					require.Empty(t, w.removed)
					continue
				}
				require.Equal(t, []string{"video a001", "video b000", "video b001"}, w.removed)
				require.Equal(t, purge.Applied{Plan: r.Plans[0].Plan, Status: purge.Stopped, Why: "some items wait for another try", By: "anna", Left: 1,
					Results: r.Plans[0].Results, Freed: r.Plans[0].Freed}, r.Plans[0])
				tc.want = tc.want[:1]
			}
		})
	}
}

func TestWhatTheCDNWillNeverRefreshHasItsOutcomeAtOnce(t *testing.T) {
	for err, want := range map[error]video.Result{
		video.ErrNotFound: video.Failed, video.ErrForbidden: video.Failed, video.ErrInvalid: video.Failed,
		video.ErrThrottled: video.Deferred, video.ErrTransient: video.Deferred, video.ErrUnknownOutcome: video.Deferred,
	} {
		for name, cdn := range map[string]purge.Refresher{"one by one": refusing{err}, "all together": deafCDN{err}} {
			t.Run(fmt.Sprint(err, ", ", name), func(t *testing.T) {
				w := newWorld(t, "refresh_cdn: true\n"+policy, temp("a"))
				w.approve(t, w.plan(t, made))
				j := w.job()
				j.CDN = cdn
				r, run := j.Run(t.Context(), later)
				require.NoError(t, run)
				require.Equal(t, map[video.Result]int{want: 1}, r.Results())
				require.Equal(t, want == video.Failed, r.Plans[0].Status == purge.Ended)
				require.Contains(t, details(t, w)[0], "not refreshed in the CDN: ")
				require.Contains(t, details(t, w)[0], err.Error())
				require.Empty(t, w.removed)
			})
		}
	}
}

// refusing is a CDN that refreshes nothing.
type refusing struct{ err error }

func (f refusing) RefreshPlayURLs(_ context.Context, ids []video.ID) (all []video.Outcome, _ error) {
	for _, id := range ids {
		all = append(all, video.Outcome{ID: id, Result: video.ResultOf(f.err), Err: f.err})
	}
	return all, nil
}

type refresher struct {
	library *library
	refuse  video.ID
}

func (r *refresher) RefreshPlayURLs(_ context.Context, ids []video.ID) ([]video.Outcome, error) {
	r.library.mu.Lock()
	defer r.library.mu.Unlock()
	if err := r.library.call("refresh %d", len(ids)); err != nil {
		return nil, err
	}
	var all []video.Outcome
	for _, id := range ids {
		o := video.Outcome{ID: id, Result: video.Done}
		if _, there := r.library.media[id]; !there || id == r.refuse {
			o.Result = video.Failed
		} else {
			r.library.fresh[id] = true
		}
		all = append(all, o)
	}
	return all, r.library.done()
}
