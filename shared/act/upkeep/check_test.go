package upkeep_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestEveryCorruptObjectIsNamed(t *testing.T) {
	s, dir := statetest.Folder(t)
	p := statetest.Plan(t, s, 2)
	_, err := state.Approve(t.Context(), s, p, "anna", "", noon, 0)
	require.NoError(t, err)
	require.NoError(t, state.Withdraw(t.Context(), s, p.ID, "otto", "", noon))
	_, err = state.StartRun(t.Context(), s, state.RunStart{Plan: p.ID, Run: "r", Segment: 1})
	require.NoError(t, err)
	require.NoError(t, state.EndRun(t.Context(), s, state.RunEnd{Plan: p.ID}))
	require.NoError(t, state.NoteRefusal(t.Context(), s, p.ID, "over the guards", noon))
	require.NoError(t, state.NoteAside(t.Context(), s, noon, []state.Aside{{ID: "a", Why: "forbidden"}}))
	require.NoError(t, state.SetHalt(t.Context(), s, state.Halt{Halted: true, By: "anna"}))
	require.NoError(t, state.WriteDraft(t.Context(), s, state.Draft{At: noon, Scope: video.Scope{Region: "r", Account: "1"}, Number: 1}))
	require.NoError(t, state.NoteDeletions(t.Context(), s, noon, []state.DeletionNotice{{ID: "a"}}))
	lease, err := state.Acquire(t.Context(), s, "purge", "r", noon, time.Minute)
	require.NoError(t, err)
	require.NoError(t, lease.Release(t.Context(), s))
	l, err := state.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), state.Row{Event: state.Note}))
	_, err = state.WriteCheckpoint(t.Context(), s, "anna", noon, false)
	require.NoError(t, err)
	_, err = state.NewJournal(s, nil).Append(t.Context(), state.Entry{Run: "r"})
	require.NoError(t, err)
	for _, key := range []string{"policy.yaml", "messages/2026-06-01/" + strings.Repeat("ab", 32), "messages/2026-06-01/dropped-" + strings.Repeat("ab", 32), "told/2026-06-01/" + strings.Repeat("ab", 8)} {
		require.NoError(t, s.Create(t.Context(), key, []byte("as it likes")))
	}
	require.Empty(t, statetest.Faulty(t, s, noon))

	all := statetest.Keys(t, s.List(t.Context(), "", ""))
	for _, key := range all {
		if _, free := map[string]bool{"policy.yaml": true, "messages": true, "told": true}[strings.Split(key, "/")[0]]; free || strings.HasSuffix(key, ".released") {
			continue
		}
		var was []byte
		statetest.Damage(t, dir, key, func(body []byte) []byte {
			was = body
			return body[:len(body)-2]
		})
		require.Equal(t, []string{key}, statetest.Faulty(t, s, noon))
		statetest.Damage(t, dir, key, func([]byte) []byte { return was })
	}

	part := statetest.Keys(t, s.List(t.Context(), "parts/", ""))
	require.NoError(t, state.Remove(t.Context(), s, part[0]))
	require.Equal(t, part, statetest.Faulty(t, s, noon))
	require.Empty(t, statetest.Faulty(t, s, p.Expires), "nobody reads the lines of an expired plan")
}

func TestWhatCannotBeReadNowIsNotCorrupt(t *testing.T) {
	s, _ := statetest.Folder(t)
	statetest.Plan(t, s, 2)
	n := 0
	for key, err := range upkeep.Check(t.Context(), statetest.Mute{Objects: s}, noon) {
		n++
		require.Empty(t, key)
		require.ErrorIs(t, err, video.ErrTransient)
	}
	require.Equal(t, 1, n)
}

func TestAStrayObjectIsNamedAndNothingElse(t *testing.T) {
	s, _ := statetest.Folder(t)
	statetest.Plan(t, s, 2)
	strays := []string{
		"aside/today.jsonl", "approvals/x", "checkpoints/last", "drafts/zz/1.json", "ended/zz.json", "gone/notes", "halt/notes.json", "imaged/zz",
		"lease/purge/x", "ledger/README.txt", "plans/copy of plan.json", "plans/zz.json", "refused/x/y.json", "runs/zz", "told/x", "withdrawn/x", "written/x.json",
	}
	for _, key := range strays {
		require.NoError(t, s.Create(t.Context(), key, []byte("hello")))
	}
	for _, key := range []string{"holds.txt", "policies/plans.yaml"} {
		require.NoError(t, s.Create(t.Context(), key, []byte("the owner's")))
	}
	for _, key := range strays {
		require.ErrorIs(t, state.CheckName(key), state.ErrStray, key)
	}
	require.ElementsMatch(t, strays, statetest.Faulty(t, s, noon))
}
