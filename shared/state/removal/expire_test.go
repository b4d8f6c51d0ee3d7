package removal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func chunk(t *testing.T, o state.Objects, text string) []removal.Chunk {
	t.Helper()
	l := removal.Lines{Objects: o}
	require.NoError(t, l.Add(t.Context(), text))
	require.NoError(t, l.Flush(t.Context()))
	return l.Written
}

func chunkKey(p []removal.Chunk) string { return "parts/" + p[0].Hash + ".jsonl" }

func always() bool { return true }

// expireLines removes what nobody needs, as a night does.
func expireLines(t *testing.T, s *state.Store, now time.Time) []string {
	t.Helper()
	old, err := removal.FindOldLines(t.Context(), s, now, always)
	require.NoError(t, err)
	for _, key := range old.Keys {
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	require.NoError(t, old.Done(t.Context(), s))
	return old.Keys
}

func TestLinesGoWhenNoPlanAndNoDraftNeedsThemAnyMore(t *testing.T) {
	s, _ := statetest.Folder(t)
	shared, ended, shelf, valid := chunk(t, s, "shared"), chunk(t, s, "ended"), chunk(t, s, "shelf"), chunk(t, s, "still valid")
	plan := func(days, valid int, change func(*removal.Plan)) {
		at := statetest.Noon.AddDate(0, 0, -days)
		p := removal.Plan{Created: at, Expires: at.AddDate(0, 0, valid), Scope: video.Scope{Region: "r", Account: "1"}}
		change(&p)
		require.NoError(t, p.Seal())
		require.NoError(t, removal.WritePlan(t.Context(), s, p))
	}
	plan(90, 7, func(p *removal.Plan) { p.Chunks = append(slices.Clone(shared), ended...) })
	plan(80, 7, func(p *removal.Plan) { p.Pending = shelf })
	standing := chunk(t, s, "standing")
	plan(75, 5, func(p *removal.Plan) { p.Survivors = standing })
	plan(70, 99, func(p *removal.Plan) { p.Chunks = valid })
	plan(1, 7, func(p *removal.Plan) { p.Chunks = shared })
	draft, young := chunk(t, s, "draft"), chunk(t, s, "young draft")
	for i, d := range []removal.Draft{{At: statetest.Noon.AddDate(0, 0, -90), Parts: draft}, {At: statetest.Noon.AddDate(0, 0, -3), Parts: young}} {
		d.Region, d.Account, d.Number = "r", "1", i+1
		require.NoError(t, removal.WriteDraft(t.Context(), s, d))
	}
	inFlight := chunk(t, s, "of nobody yet")

	old, err := removal.FindOldLines(t.Context(), s, statetest.Noon, func() bool { return false })
	require.NoError(t, err)
	require.Empty(t, old.Keys, "without time for all of them nothing is known of any")
	require.NoError(t, old.Done(t.Context(), s))

	expireLines(t, s, statetest.Noon)
	left := statetest.Keys(t, s.List(t.Context(), "", ""))
	for _, p := range [][]removal.Chunk{shared, valid, young, inFlight} {
		require.Contains(t, left, chunkKey(p))
	}
	for _, p := range [][]removal.Chunk{ended, shelf, draft, standing} {
		require.NotContains(t, left, chunkKey(p))
	}
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "plans/", "")), 5)
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "drafts/", "")), 1)
	known := statetest.Keys(t, s.List(t.Context(), "shards/", ""))
	require.Empty(t, expireLines(t, s, statetest.Noon), "twice is once")
	require.Equal(t, known, statetest.Keys(t, s.List(t.Context(), "shards/", "")), "nothing new is nothing to record")

	again := chunk(t, s, "ended")
	plan(0, 7, func(p *removal.Plan) { p.Chunks = again })
	require.Empty(t, expireLines(t, s, statetest.Noon), "a plan that came since is known")
	gone := expireLines(t, s, statetest.Noon.AddDate(0, 0, 30))
	require.Contains(t, gone, chunkKey(valid))
	require.Contains(t, gone, chunkKey(young))
	require.NotContains(t, gone, chunkKey(again))
	require.ElementsMatch(t, []string{chunkKey(shared), chunkKey(again)}, expireLines(t, s, statetest.Noon.AddDate(0, 0, 62)))
}

func TestWhatIsKnownOfLinesIsReadAgainWhenItIsCorrupt(t *testing.T) {
	s, dir := statetest.Folder(t)
	shared := chunk(t, s, "shared")
	for _, days := range []int{70, 1} {
		at := statetest.Noon.AddDate(0, 0, -days)
		p := removal.Plan{Created: at, Expires: at.AddDate(0, 0, 7), Scope: video.Scope{Region: "r", Account: "1"}, Chunks: shared}
		require.NoError(t, p.Seal())
		require.NoError(t, removal.WritePlan(t.Context(), s, p))
	}
	require.Empty(t, expireLines(t, s, statetest.Noon))
	for _, key := range statetest.Keys(t, s.List(t.Context(), "shards/", "")) {
		statetest.Damage(t, dir, key, func(b []byte) []byte { return b[:3] })
	}
	require.Empty(t, expireLines(t, s, statetest.Noon), "the young plan still needs it")
}

func TestTheLastWordsOnALeaseStay(t *testing.T) {
	s, _ := statetest.Folder(t)
	require.NoError(t, s.Create(t.Context(), "lease/purge/00000009.json", []byte("corrupt")))
	require.NoError(t, s.Create(t.Context(), "lease/purge/00000009.released", nil))
	take := func(at time.Time, name string) {
		l, err := state.Acquire(t.Context(), s, name, state.NewRun(), at, time.Minute)
		require.NoError(t, err)
		require.NoError(t, l.Release(t.Context(), s))
	}
	for hour := range 72 { // numbers 10 to 81
		take(statetest.Noon.Add(time.Duration(hour)*time.Hour), "purge")
	}
	take(statetest.Noon, "takedown")
	find := func(at time.Time) []string {
		all, err := state.OldLeases(t.Context(), s, at)
		require.NoError(t, err)
		return all
	}
	require.Empty(t, find(statetest.Noon.Add(40*time.Hour)))
	require.Len(t, find(statetest.Noon.Add(72*time.Hour)), 2*(1+24)-1, "two days stay")
	all := find(statetest.Noon.AddDate(1, 0, 0))
	require.Len(t, all, 2*(1+72-10)-1, "and the last ten for good")
	require.NotContains(t, strings.Join(all, " "), "takedown")
	for _, key := range all {
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	take(statetest.Noon.AddDate(1, 0, 0), "purge")
	require.Contains(t, statetest.Keys(t, s.List(t.Context(), "lease/purge/", "")), "lease/purge/00000082.json", "numbers go on")
}

func TestALeaseWithoutAnEndDoesNotExpire(t *testing.T) {
	s, _ := statetest.Folder(t)
	require.NoError(t, s.Create(t.Context(), "lease/purge/00000001.json", []byte(`{"version":1,"name":"purge","holder":"x","from":"2020-01-01T00:00:00Z"}`)))
	require.NoError(t, s.Create(t.Context(), "lease/purge/00000030.json", []byte(`{"version":1,"name":"purge","holder":"x","from":"2020-01-01T00:00:00Z","until":"2020-01-01T00:01:00Z"}`)))
	all, err := state.OldLeases(t.Context(), s, statetest.Noon)
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestWhatIsKeptByDaysExpiresByDays(t *testing.T) {
	s, _ := statetest.Folder(t)
	hash, mark := "/"+strings.Repeat("ab", 32), "/"+strings.Repeat("ab", 8)
	for _, days := range []int{0, 7, 9, 30, 32, 62} {
		at := statetest.Noon.AddDate(0, 0, -days)
		day := at.Format(time.DateOnly)
		for _, key := range []string{"messages/" + day + hash, "gone/" + day + hash, "told/" + day + mark, "told/" + at.Format("20060102T150405Z") + "-12345678" + mark, "aside/" + day + hash + ".jsonl"} {
			require.NoError(t, s.Create(t.Context(), key, nil))
		}
	}
	require.NoError(t, s.Create(t.Context(), "told/2020-01-01/by hand", nil))
	for name, tc := range map[string]struct {
		find func(context.Context, state.Objects, time.Time) ([]string, error)
		want int
	}{"messages": {state.OldMessages, 2}, "gone": {removal.OldGone, 2}, "told": {state.OldMarks, 4 + 1}, "aside": {removal.OldAside, 1}} {
		all, err := tc.find(t.Context(), s, statetest.Noon)
		require.NoError(t, err)
		require.Len(t, all, tc.want, "%s: %v", name, all)
	}
	for i := range 7 {
		require.NoError(t, s.Create(t.Context(), fmt.Sprintf("imaged/%08d", i+1), nil))
	}
	all, err := removal.OldImages(t.Context(), s, statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, "imaged/00000005", all[len(all)-1])
}
