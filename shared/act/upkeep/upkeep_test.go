package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// aged fills a state with one of each thing, of a day.
func aged(t *testing.T, o state.Objects, at time.Time) {
	t.Helper()
	lines := removal.Lines{Objects: o}
	require.NoError(t, lines.Add(t.Context(), at))
	require.NoError(t, lines.Flush(t.Context()))
	p := removal.Plan{Created: at, Expires: at.AddDate(0, 0, 7), Scope: video.Scope{Region: "r", Account: "1"}, Chunks: lines.Written}
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	_, err := removal.Approve(t.Context(), o, p, "anna", "", at, 0)
	require.NoError(t, err)
	require.NoError(t, removal.Withdraw(t.Context(), o, p.ID, "anna", "", at))
	require.NoError(t, removal.NoteRefusal(t.Context(), o, p.ID, "why", at))
	_, err = removal.StartRun(t.Context(), o, removal.RunStart{Plan: p.ID, Run: "r", Segment: 1})
	require.NoError(t, err)
	require.NoError(t, removal.SetHalt(t.Context(), o, removal.Halt{By: "anna", At: at}))
	require.NoError(t, removal.WriteDraft(t.Context(), o, removal.Draft{At: at, Scope: video.Scope{Region: "r", Account: "1"}, Number: 1}))
	require.NoError(t, removal.NoteAside(t.Context(), o, at, []removal.Aside{{ID: "a", Why: "forbidden"}}))
	require.NoError(t, state.NoteDeletions(t.Context(), o, at, []state.DeletionNotice{{ID: "a", At: at}}))
	require.NoError(t, o.Create(t.Context(), "messages/"+at.Format(time.DateOnly)+"/"+strings.Repeat("ab", 32), nil))
	require.NoError(t, o.Create(t.Context(), "told/"+at.Format(time.DateOnly)+"/"+strings.Repeat("ab", 8), nil))
	require.NoError(t, o.Create(t.Context(), "told/"+p.ID+"/"+strings.Repeat("ab", 8), nil))
	l, err := removal.OpenLedger(t.Context(), o, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, At: at}))
	require.NoError(t, removal.EndRun(t.Context(), o, removal.RunEnd{Plan: p.ID, Segment: l.Last(), Tip: l.Tip()}))
	_, _, err = removal.LoadPast(t.Context(), o)
	require.NoError(t, err)
	for range 12 {
		lease, err := state.Acquire(t.Context(), o, "purge", "r", at, time.Minute)
		require.NoError(t, err)
		require.NoError(t, lease.Release(t.Context(), o))
	}
}

func TestOnlyWhatNobodyReadsGoes(t *testing.T) {
	s := &statetest.Memory{}
	for _, key := range []string{"policy.yaml", "parts/by hand", "lease/purge/x", "told/notes", "messages/2020-01-01/by hand"} {
		require.NoError(t, s.Create(t.Context(), key, nil))
	}
	aged(t, s, noon.AddDate(0, 0, -100))
	stay := map[string]int{}
	for prefix, n := range s.Prefixes() {
		stay[prefix] = n
	}
	aged(t, s, noon)
	before := s.Prefixes()
	would, err := upkeep.Old(t.Context(), s, noon)
	require.NoError(t, err)

	r, err := upkeep.Run(t.Context(), s, noon, time.Minute)
	require.NoError(t, err)
	require.False(t, r.Late)
	require.Zero(t, r.Left)
	require.Equal(t, len(would), r.Total())
	require.Equal(t, map[string]int{"parts/": 1, "drafts/": 1, "lease/": 2*12 - 1, "told/": 2, "messages/": 1, "gone/": 1, "aside/": 1}, r.Removed)
	after := s.Prefixes()
	for _, prefix := range []string{"plans/", "approvals/", "withdrawn/", "refused/", "runs/", "halt/", "ended/", "ledger/", "written/", "policy.yaml"} {
		require.Equal(t, before[prefix], after[prefix], prefix)
	}
	require.Equal(t, stay["parts/"], after["parts/"])
	_, err = removal.VerifyLedger(t.Context(), s)
	require.NoError(t, err)

	again, err := upkeep.Run(t.Context(), s, noon, time.Minute)
	require.NoError(t, err)
	require.Zero(t, again.Total(), "twice is once: %v", again.Removed)
}

func TestUpkeepGoesOnWhereItsTimeEnded(t *testing.T) {
	s := &statetest.Memory{}
	for days := 200; days > 100; days-- {
		aged(t, s, noon.AddDate(0, 0, -days))
	}
	s.Fault = func(string, string) (error, bool) { time.Sleep(200 * time.Microsecond); return nil, true }
	total, late := 0, 0
	for runs := 0; ; runs++ {
		require.Less(t, runs, 500)
		r, err := upkeep.Run(t.Context(), s, noon, 50*time.Millisecond)
		require.NoError(t, err)
		total += r.Total()
		if !r.Late {
			break
		}
		late++
	}
	require.NotZero(t, late)
	require.Equal(t, 100, s.Prefixes()["plans/"])
	require.Zero(t, s.Prefixes()["parts/"])
	t.Logf("%d objects went in %d runs that were late", total, late)
}

func TestARuleThatFailsKeepsNoOtherFromItsTurn(t *testing.T) {
	s := &statetest.Memory{}
	aged(t, s, noon.AddDate(0, 0, -100))
	s.Fault = func(op, key string) (error, bool) {
		if op == "list" && strings.HasPrefix(key, "told/") {
			return video.ErrForbidden, false
		}
		return nil, true
	}
	r, err := upkeep.Run(t.Context(), s, noon, time.Minute)
	require.ErrorIs(t, err, video.ErrForbidden)
	require.ErrorContains(t, err, "told/")
	require.Equal(t, 1, r.Removed["parts/"])
	require.Equal(t, 1, r.Removed["messages/"])
}

func TestARunThatMayNotRemoveSaysSo(t *testing.T) {
	s := &statetest.Memory{}
	aged(t, s, noon.AddDate(0, 0, -100))
	s.Fault = func(op, _ string) (error, bool) {
		if op == "remove" {
			return video.ErrForbidden, false
		}
		return nil, true
	}
	r, err := upkeep.Run(t.Context(), s, noon, time.Minute)
	require.ErrorIs(t, err, video.ErrForbidden)
	require.Zero(t, r.Total())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = upkeep.Run(ctx, s, noon, time.Minute)
	require.Error(t, err)
	require.False(t, errors.Is(err, video.ErrForbidden), fmt.Sprint(err))
}
