package upkeep_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestEveryCorruptObjectIsNamed(t *testing.T) {
	s, dir := statetest.Folder(t)
	p := statetest.Plan(t, s, 2)
	_, err := removal.Approve(t.Context(), s, p, "anna", "", noon, 0)
	require.NoError(t, err)
	require.NoError(t, removal.Withdraw(t.Context(), s, p.ID, "otto", "", noon))
	_, err = removal.StartRun(t.Context(), s, removal.RunStart{Plan: p.ID, Run: "r", Segment: 1})
	require.NoError(t, err)
	require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: p.ID}))
	require.NoError(t, removal.NoteRefusal(t.Context(), s, p.ID, "over the guards", noon))
	require.NoError(t, removal.NoteAside(t.Context(), s, noon, []removal.Aside{{ID: "a", Why: "forbidden"}}))
	require.NoError(t, removal.SetHalt(t.Context(), s, removal.Halt{Halted: true, By: "anna"}))
	require.NoError(t, removal.WriteDraft(t.Context(), s, removal.Draft{At: noon, Scope: video.Scope{Region: "r", Account: "1"}, Number: 1}))
	require.NoError(t, state.NoteDeletions(t.Context(), s, noon, []state.DeletionNotice{{ID: "a"}}))
	lease, err := state.Acquire(t.Context(), s, "purge", "r", noon, time.Minute)
	require.NoError(t, err)
	require.NoError(t, lease.Release(t.Context(), s))
	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note}))
	_, err = removal.WriteCheckpoint(t.Context(), s, "anna", noon, false)
	require.NoError(t, err)
	_, err = edits.NewJournal(s, nil).Append(t.Context(), edits.Entry{Run: "r"})
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
