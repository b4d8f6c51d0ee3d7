package removal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// applied plays a plan of so many items into the ledger, and ends it or leaves one open.
func applied(t *testing.T, o state.Objects, n, items int, ended bool) string {
	t.Helper()
	plan := fmt.Sprintf("20260601T020000Z-%08x", n)
	l, err := removal.OpenLedger(t.Context(), o, "purge", "r")
	require.NoError(t, err)
	var freed removal.Totals
	for i := range items {
		it := statetest.Item(fmt.Sprintf("v%d-%d", n, i))
		require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, At: statetest.Noon, Plan: plan, By: "anna", Item: it}))
		if !ended && i == items-1 {
			return plan
		}
		require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, At: statetest.Noon, Plan: plan, By: "anna", Item: it, Result: video.Done}))
		freed.Add(it)
	}
	require.NoError(t, removal.EndRun(t.Context(), o, removal.RunEnd{Plan: plan, Freed: freed, Segment: l.Last(), Tip: l.Tip()}))
	return plan
}

func TestALedgerIsVerifiedFromTheLastCheckPointOn(t *testing.T) {
	s, _ := statetest.Folder(t)
	_, err := removal.WriteCheckpoint(t.Context(), s, " ", statetest.Noon, false)
	require.ErrorIs(t, err, video.ErrInvalid)
	_, err = removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, false)
	require.NoError(t, err)
	require.Empty(t, statetest.Keys(t, s.List(t.Context(), "checkpoints/", "")), "of nothing there is none")
	open := applied(t, s, 1, 3, false)
	for n := range 20 {
		applied(t, s, n+2, 2, true)
		if n%5 == 2 {
			_, err := removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, n%2 == 0)
			require.NoError(t, err)
			_, err = removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, false)
			require.NoError(t, err, "nothing new is no other one")
		}
		full, err := removal.VerifyLedger(t.Context(), s)
		require.NoError(t, err)
		recent, err := removal.VerifyRecent(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, 1, full.Open)
		require.Equal(t, []any{full.Segments, full.Rows, full.Tip, full.Results, full.Open, full.First, full.Last},
			[]any{recent.Segments, recent.Rows, recent.Tip, recent.Results, recent.Open, recent.First, recent.Last})
		require.Equal(t, open, recent.Plans[0].Plan)
		require.Equal(t, full.Plans[0], recent.Plans[0], "what had not ended is carried on")
	}
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "checkpoints/", "")), 4)
	counted := &readings{Objects: s}
	_, err = removal.VerifyRecent(t.Context(), counted)
	require.NoError(t, err)
	require.Less(t, counted.n.Load(), int64(30), "of %d segments", len(statetest.Keys(t, s.List(t.Context(), "ledger/", ""))))

	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, At: statetest.Noon, Plan: open, Item: statetest.Item("v1-2"), Result: video.Done}))
	require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: open, Freed: removal.Totals{Media: 3, Items: 3, Bytes: 30}, Segment: l.Last(), Tip: l.Tip()}))
	recent, err := removal.VerifyRecent(t.Context(), s)
	require.NoError(t, err, "an intent from before the check point is known")
	require.Zero(t, recent.Open)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, At: statetest.Noon, Plan: open, Item: statetest.Item("v1-2"), Result: video.Done}))
	_, err = removal.VerifyRecent(t.Context(), s)
	require.ErrorContains(t, err, "removed without an intent")
}

func TestACheckPointHoldsTheLedgerToWhatItSaw(t *testing.T) {
	rewrite := func(t *testing.T, dir string) { // a ledger that holds within itself, and another one
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "ledger")))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "ended")))
		s, err := state.Open(t.Context(), "file:"+dir, state.Options{})
		require.NoError(t, err)
		for n := range 6 {
			applied(t, s, n+10, 2, true)
		}
		require.NoError(t, s.Close())
	}
	for name, tc := range map[string]struct {
		do        func(t *testing.T, dir string)
		alsoOften bool // the cheap check sees it as well
	}{
		"another ledger": {rewrite, true},
		"all of it":      {func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(filepath.Join(dir, "ledger"))) }, true},
		"its last object": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ledger", "00000008.jsonl")))
		}, true},
		"an end": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ended", "20260601T020000Z-00000000.json")))
		}, true},
		"an early object": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ledger", "00000002.jsonl")))
		}, false},
		"the first check point": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "checkpoints", "00000001.json")))
		}, false},
		"a number in the last check point": {func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "checkpoints/00000002.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"rows":8`, `"rows":9`, 1)) })
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := statetest.Folder(t)
			for n := range 2 {
				applied(t, s, n, 2, true)
				_, err := removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, true)
				require.NoError(t, err)
			}
			_, err := removal.VerifyRecent(t.Context(), s)
			require.NoError(t, err)
			tc.do(t, dir)
			_, err = removal.VerifyLedger(t.Context(), s)
			require.ErrorIs(t, err, state.ErrCorrupt)
			_, err = removal.VerifyRecent(t.Context(), s)
			require.Equal(t, tc.alsoOften, err != nil, "%v", err)
			_, err = removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, true)
			require.ErrorIs(t, err, state.ErrCorrupt, "what does not hold is not attested")
		})
	}
}

func TestAPartPutOffBeforeACheckPointMayTakeEffectAfterIt(t *testing.T) {
	s, _ := statetest.Folder(t)
	const plan = "20260601T020000Z-11111111"
	it := retention.Item{ID: "a", Kind: retention.Stream, Part: "job", Bytes: 10}
	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, Plan: plan, Item: it}))
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, Plan: plan, Item: it, Result: video.Deferred}))
	_, err = removal.WriteCheckpoint(t.Context(), s, "anna", statetest.Noon, false)
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, Plan: plan, Item: it, Result: video.Done}))
	for range 2 {
		_, err = removal.VerifyRecent(t.Context(), s)
		require.NoError(t, err)
		_, err = removal.VerifyLedger(t.Context(), s)
		require.NoError(t, err)
	}
}
