package removal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func planAt(t *testing.T, o state.Objects, at time.Time, account string) removal.Plan {
	t.Helper()
	p := removal.Plan{Created: at, Expires: at.AddDate(0, 0, 7), Scope: video.Scope{Region: "r", Account: account}}
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	return p
}

func of(account string) func(removal.Plan) bool {
	return func(p removal.Plan) bool { return p.Account == account }
}

func TestTheLatestPlanIsTheOneWrittenLast(t *testing.T) {
	s, dir := statetest.Folder(t)
	none, skipped, err := removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Empty(t, none.ID)

	future := planAt(t, s, statetest.Noon.AddDate(1, 0, 0), "1")
	later := planAt(t, s, statetest.Noon.Add(9*time.Minute), "1")
	last := planAt(t, s, statetest.Noon, "1")
	planAt(t, s, statetest.Noon.Add(time.Minute), "2")
	require.NoError(t, s.Create(t.Context(), "plans/copy of "+last.ID+".json", []byte("{}")))
	require.NoError(t, s.Create(t.Context(), "plans/20991231T000000Z-aaaaaaaa.json", []byte("{}")))
	require.NoError(t, s.Create(t.Context(), "written/notes.json", []byte("{}")))

	got, skipped, err := removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, last.ID, got.ID, "not the one with the highest name")

	require.NoError(t, removal.WritePlan(t.Context(), s, last), "twice is once")
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "written/0", "")), 4)

	statetest.Damage(t, dir, "plans/"+last.ID+".json", func(b []byte) []byte { return b[:len(b)/2] })
	got, skipped, err = removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon)
	require.NoError(t, err)
	require.Len(t, skipped, 1)
	require.ErrorIs(t, skipped[0], state.ErrCorrupt)
	require.Equal(t, later.ID, got.ID, "clocks differ by that much")

	got, skipped, err = removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon.Add(-5*time.Minute))
	require.NoError(t, err)
	require.Empty(t, got.ID, "one of the future never")
	require.Len(t, skipped, 3)
	require.ErrorContains(t, skipped[2], future.ID)
}

func TestAPlanBehindWhichOneForAnEarlierTimeWasWrittenIsOfAClockAhead(t *testing.T) {
	s, dir := statetest.Folder(t)
	before := planAt(t, s, statetest.Noon, "1")
	ahead := planAt(t, s, statetest.Noon.AddDate(0, 0, 2), "1")
	far := planAt(t, s, statetest.Noon.AddDate(1, 0, 0), "1")
	others := planAt(t, s, statetest.Noon.AddDate(0, 0, 3), "2")
	next := planAt(t, s, statetest.Noon.AddDate(0, 0, 1), "1")
	again := planAt(t, s, statetest.Noon.AddDate(0, 0, 1).Add(-11*time.Hour), "1")
	all := []removal.Plan{before, ahead, far, others, next, again}
	got, err := removal.Ahead(t.Context(), s, of("1"), all)
	require.NoError(t, err)
	require.Equal(t, map[string]bool{ahead.ID: true, far.ID: true, others.ID: true}, got, "of mine, those that are asked about")
	got, err = removal.Ahead(t.Context(), s, of("2"), all)
	require.NoError(t, err)
	require.Equal(t, map[string]bool{far.ID: true}, got)

	statetest.Damage(t, dir, "plans/"+next.ID+".json", func(b []byte) []byte { return b[:len(b)/2] })
	statetest.Damage(t, dir, "written/00000006.json", func(b []byte) []byte { return b[:len(b)/2] })
	got, err = removal.Ahead(t.Context(), s, of("1"), []removal.Plan{ahead})
	require.NoError(t, err)
	require.Empty(t, got, "what is corrupt says nothing")
	require.NoError(t, state.Remove(t.Context(), s, "written/00000003.json"))
	_, err = removal.Ahead(t.Context(), s, of("1"), all)
	require.NoError(t, err, "expired")
}

func TestWithoutTheSeriesOfWhatWasWrittenNamesDecide(t *testing.T) {
	s, _ := statetest.Folder(t)
	planAt(t, s, statetest.Noon.AddDate(1, 0, 0), "1")
	first := planAt(t, s, statetest.Noon.AddDate(0, 0, -1), "1")
	second := planAt(t, s, statetest.Noon, "1")
	for _, key := range statetest.Keys(t, s.List(t.Context(), "written/", "")) {
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	for _, tc := range []struct {
		now  time.Time
		want string
	}{{statetest.Noon, second.ID}, {statetest.Noon.Add(-time.Hour), first.ID}, {statetest.Noon.AddDate(0, 0, -9), ""}} {
		got, _, err := removal.LatestPlan(t.Context(), s, of("1"), tc.now)
		require.NoError(t, err)
		require.Equal(t, tc.want, got.ID)
	}
	whenever, _, err := removal.LatestPlan(t.Context(), s, of("1"), time.Time{})
	require.NoError(t, err)
	require.Equal(t, statetest.Noon.AddDate(1, 0, 0), whenever.Created, "who looks sees that one, too")
	third := planAt(t, s, statetest.Noon.Add(-time.Hour), "1")
	got, _, err := removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, third.ID, got.ID)
}

func TestASeriesWithGapsAndStraysIsReadToItsEnd(t *testing.T) {
	s, _ := statetest.Folder(t)
	require.NoError(t, s.Create(t.Context(), "lease/purge/x", nil))
	require.NoError(t, s.Create(t.Context(), "lease/purge/00000001-copy.json", nil))
	for _, n := range []int{7, 1007, 1600, 5321} {
		require.NoError(t, s.Create(t.Context(), fmt.Sprintf("lease/purge/%08d.released", n), nil))
		l, err := state.Acquire(t.Context(), s, "purge", "me", statetest.Noon, time.Minute)
		require.NoError(t, err)
		require.NoError(t, l.Release(t.Context(), s))
		all := statetest.Keys(t, s.List(t.Context(), "lease/purge/0", ""))
		require.Equal(t, fmt.Sprintf("lease/purge/%08d.released", n+1), all[len(all)-1])
	}
}

func TestEmptyKnowsANewStateFromOneInUse(t *testing.T) {
	s, _ := statetest.Folder(t)
	empty := func() bool {
		is, err := state.Empty(t.Context(), s)
		require.NoError(t, err)
		return is
	}
	require.True(t, empty())
	require.NoError(t, s.Create(t.Context(), "notes.txt", nil))
	require.NoError(t, s.Create(t.Context(), "plans/notes.txt", nil))
	require.True(t, empty(), "what is not ours does not count")
	require.NoError(t, removal.SetHalt(t.Context(), s, removal.Halt{Halted: true, By: "anna"}))
	require.False(t, empty())
}

func TestAPlanStandsInOnePlace(t *testing.T) {
	s, dir := statetest.Folder(t)
	p := statetest.Plan(t, s, 2)
	stands := func(at time.Time) (removal.PlanStatus, removal.StatusDetail) {
		t.Helper()
		status, detail, err := removal.StatusOf(t.Context(), s, p, at)
		require.NoError(t, err)
		return status, detail
	}
	is := func(want removal.PlanStatus, at time.Time) {
		t.Helper()
		got, _ := stands(at)
		require.Equal(t, want, got)
	}
	is(removal.PlanPlanned, statetest.Noon)
	is(removal.PlanExpired, p.Expires)
	require.NoError(t, removal.NoteRefusal(t.Context(), s, p.ID, "over the guards: 2 items", statetest.Noon.Add(time.Hour)))
	require.NoError(t, removal.NoteRefusal(t.Context(), s, p.ID, "over the guards: 2 items", statetest.Noon.Add(2*time.Hour)))
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "refused/", "")), 1, "the same is said once")
	status, detail := stands(statetest.Noon)
	require.Equal(t, removal.PlanRefused, status)
	require.Equal(t, "over the guards: 2 items", detail.Why)
	_, err := removal.Approve(t.Context(), s, p, "anna", "checked", statetest.Noon.Add(3*time.Hour), 0)
	require.NoError(t, err)
	status, detail = stands(statetest.Noon)
	require.Equal(t, removal.PlanApproved, status, "a later approval counts")
	require.Equal(t, "anna", detail.By)
	require.NoError(t, removal.NoteRefusal(t.Context(), s, p.ID, "the policy changed", statetest.Noon.Add(4*time.Hour)))
	is(removal.PlanRefused, statetest.Noon)
	_, err = removal.StartRun(t.Context(), s, removal.RunStart{Plan: p.ID, Run: "r", Segment: 1, At: statetest.Noon.Add(5 * time.Hour)})
	require.NoError(t, err)
	is(removal.PlanRunning, statetest.Noon)
	is(removal.PlanExpired, p.Expires)
	require.NoError(t, removal.Withdraw(t.Context(), s, p.ID, "otto", "", statetest.Noon))
	is(removal.PlanWithdrawn, statetest.Noon)
	require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: p.ID, Freed: removal.Totals{Items: 2}}))
	status, detail = stands(statetest.Noon)
	require.Equal(t, removal.PlanEnded, status)
	require.Equal(t, 2, detail.Freed.Items)

	statetest.Damage(t, dir, "ended/"+p.ID+".json", func(b []byte) []byte { return b[:5] })
	status, detail = stands(statetest.Noon)
	require.Equal(t, removal.PlanRefused, status, "nobody knows what it said")
	require.True(t, detail.Corrupt)
	_, _, err = removal.StatusOf(t.Context(), statetest.Mute{Objects: s}, p, statetest.Noon)
	require.Error(t, err, "what cannot be read now is no status")

	for why, want := range map[string]removal.PlanStatus{"expired": removal.PlanExpired, "withdrawn": removal.PlanWithdrawn, "something": removal.PlanRefused} {
		s, _ := statetest.Folder(t)
		p := statetest.Plan(t, s, 2)
		require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: p.ID, Why: why}))
		got, _, err := removal.StatusOf(t.Context(), s, p, statetest.Noon)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	over := removal.Plan{Created: statetest.Noon, Expires: statetest.Noon.AddDate(0, 0, 1), Scope: video.Scope{Region: "r", Account: "1"}, Over: []string{"9 items, at most 5"}}
	require.NoError(t, over.Seal())
	status, detail, err = removal.StatusOf(t.Context(), s, over, statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, removal.PlanRefused, status)
	require.True(t, strings.HasSuffix(detail.Why, "9 items, at most 5"))
}
