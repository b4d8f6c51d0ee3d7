package removal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// One object by hand under a prefix must not end removal or planning for good.
func TestNoReaderIsMisledByAStrayObject(t *testing.T) {
	for _, key := range []string{
		"aside/today.jsonl", "approvals/x", "drafts/zz/1.json", "drafts/20990101T000000Z-notes/00000001.json", "ended/zz.json", "ended/20990101T000000Z-x.json",
		"gone/notes", "halt/notes.json", "halt/00000001.json.bak", "imaged/zz", "imaged/99999999.old", "lease/purge/x", "lease/purge/00000001-old.json", "ledger/README.txt",
		"ledger/00000000.jsonl", "ledger/00000001.jsonl~", "plans/copy of plan.json", "plans/zz.json", "edits/notes", "edits/000000000001.bak", "edits/index/notes", "edits/index/000000000009.bak", "edits/shard/notes", "edits/shard/abc/notes", "runs/zz", "runs/takedown-/1.json", "written/zz",
	} {
		t.Run(key, func(t *testing.T) {
			s, _ := statetest.Folder(t)
			require.NoError(t, s.Create(t.Context(), key, []byte("hello")))
			require.NoError(t, removal.CheckHalt(t.Context(), s))
			require.NoError(t, removal.SetHalt(t.Context(), s, removal.Halt{Halted: true, By: "anna"}))
			require.ErrorIs(t, removal.CheckHalt(t.Context(), s), video.ErrDeferred)
			lease, err := state.Acquire(t.Context(), s, "purge", "me", statetest.Noon, time.Minute)
			require.NoError(t, err)
			lease, err = lease.Renew(t.Context(), s, statetest.Noon, time.Minute)
			require.NoError(t, err)
			require.NoError(t, lease.Release(t.Context(), s))
			l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
			require.NoError(t, err)
			require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Tick: statetest.Noon}))
			require.Len(t, rows(t, s, 0), 1)
			n := 0
			for _, err := range removal.Recent(t.Context(), s, statetest.Noon) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, 1, n)
			p := statetest.Plan(t, s, 1)
			_, err = removal.StartRun(t.Context(), s, removal.RunStart{Plan: p.ID, Run: "r", Segment: 1})
			require.NoError(t, err)
			require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: p.ID, Segment: l.Last(), Tip: l.Tip()}))
			ended, err := removal.Ended(t.Context(), s, statetest.Noon.AddDate(0, 0, -1))
			require.NoError(t, err)
			require.Equal(t, []string{p.ID}, ended)
			names, err := removal.OpenTakedowns(t.Context(), s)
			require.NoError(t, err)
			require.Empty(t, names)
			latest, skipped, err := removal.LatestPlan(t.Context(), s, of("1"), statetest.Noon)
			require.NoError(t, err)
			require.Empty(t, skipped)
			require.Equal(t, p.ID, latest.ID)
			d, err := removal.LastDraft(t.Context(), s, removal.Draft{At: statetest.Noon, Scope: video.Scope{Region: "r", Account: "1"}}, statetest.Noon.AddDate(0, 0, -3))
			require.NoError(t, err)
			require.Zero(t, d.Number)
			_, corrupt, err := removal.LoadPast(t.Context(), s)
			require.NoError(t, err)
			require.Empty(t, corrupt)
			_, err = removal.VerifyLedger(t.Context(), s)
			require.NoError(t, err)
			_, err = edits.NewJournal(s, nil).Append(t.Context(), edits.Entry{Run: "r"})
			require.NoError(t, err)
			require.NoError(t, edits.NewJournal(s, nil).CatchUp(t.Context()))
			require.NoError(t, edits.NewWrites(s).CatchUp(t.Context(), statetest.Noon))
			again := edits.NewJournal(s, nil)
			require.NoError(t, again.Refresh(t.Context(), []editing.Key{{ID: "a"}}))
			_, err = again.Compact(t.Context(), 1)
			require.NoError(t, err)
			_, err = edits.Replaced(t.Context(), s, statetest.Noon)
			require.NoError(t, err)
			_, err = removal.Reconcile(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, []string{key}, statetest.Faulty(t, s, statetest.Noon))
		})
	}
}

func TestADraftOfTheFutureIsNotGoneOnWith(t *testing.T) {
	s, _ := statetest.Folder(t)
	like := removal.Draft{At: statetest.Noon, Scope: video.Scope{Region: "r", Account: "1"}}
	for i, at := range []time.Time{statetest.Noon.AddDate(1, 0, 0), statetest.Noon.Add(-time.Hour)} {
		require.NoError(t, removal.WriteDraft(t.Context(), s, removal.Draft{At: at, Scope: video.Scope{Region: "r", Account: "1"}, Number: i + 1}))
	}
	d, err := removal.LastDraft(t.Context(), s, like, statetest.Noon.AddDate(0, 0, -3))
	require.NoError(t, err)
	require.Equal(t, 2, d.Number)
}

// A run that slept must not take a number that expired meanwhile, nor give away its rival's.
func TestARunThatSleptDoesNotComeBackWhenItsSuccessorsExpired(t *testing.T) {
	s, _ := statetest.Folder(t)
	sleeper, err := state.Acquire(t.Context(), s, "purge", "sleeper", statetest.Noon, time.Minute)
	require.NoError(t, err)
	at := statetest.Noon
	for range 5 {
		at = at.Add(time.Hour)
		next, err := state.Acquire(t.Context(), s, "purge", "other", at, time.Minute)
		require.NoError(t, err)
		next, err = next.Renew(t.Context(), s, at, time.Minute)
		require.NoError(t, err)
		require.NoError(t, next.Release(t.Context(), s))
	}
	all := statetest.Keys(t, s.List(t.Context(), "lease/purge/", ""))
	for _, key := range all[1 : len(all)-2] { // all but the sleeper's and the last word
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	same, err := sleeper.Renew(t.Context(), s, at, time.Minute)
	require.ErrorIs(t, err, state.ErrBusy)
	require.Equal(t, sleeper, same)
	require.NoError(t, same.Release(t.Context(), s))
	require.Contains(t, statetest.Keys(t, s.List(t.Context(), "lease/purge/", "")), "lease/purge/00000001.released")
}

func TestALeaseThatWasTakenOverIsNotGivenBackByItsLoser(t *testing.T) {
	s, _ := statetest.Folder(t)
	first, err := state.Acquire(t.Context(), s, "purge", "first", statetest.Noon, time.Minute)
	require.NoError(t, err)
	_, err = state.Acquire(t.Context(), s, "purge", "second", statetest.Noon.Add(time.Hour), time.Minute)
	require.NoError(t, err)
	first, err = first.Renew(t.Context(), s, statetest.Noon.Add(time.Hour), time.Minute)
	require.ErrorIs(t, err, state.ErrBusy)
	require.NoError(t, first.Release(t.Context(), s))
	_, err = state.Acquire(t.Context(), s, "purge", "third", statetest.Noon.Add(time.Hour), time.Minute)
	require.ErrorIs(t, err, state.ErrBusy, "the second still holds it")
}
