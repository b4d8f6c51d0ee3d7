package purge_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func TestATakedownIsProvedAndInTheLedger(t *testing.T) {
	fresh := temp("fresh")
	fresh.Created, fresh.Tags = made, nil // no rule would take it
	w := newWorld(t, policy, fresh, temp("other"))
	name, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"fresh", "gone", "fresh"}, By: "anna", Reason: "court order 7"}, later)
	require.NoError(t, err)
	require.Equal(t, []video.Outcome{{ID: "fresh", Result: video.Done, Reason: "read again and not found"}}, outcomes)
	require.Equal(t, []string{"other"}, w.ids())
	report, err := state.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, name, report.Plans[0].Plan)
	require.Equal(t, "anna", report.Plans[0].By)
	require.Equal(t, 1, report.Plans[0].Freed.Items)
	require.Zero(t, report.Open)
	proved := false
	for row, err := range state.Rows(t.Context(), w.objects, 0) {
		require.NoError(t, err)
		require.Equal(t, "court order 7", row.Reason)
		proved = proved || row.Detail == "proof: read again and not found"
	}
	require.True(t, proved)
}

func TestATakedownThatRemovesNothing(t *testing.T) {
	ask := purge.Takedown{IDs: []video.ID{"a", "held"}, By: "anna", Reason: "why"}
	for want, change := range map[string]func(*world, *purge.Takedown){
		`tag "keep" holds`: func(*world, *purge.Takedown) {},
		"names who asks":   func(_ *world, t *purge.Takedown) { t.Reason = " " },
		"0 media":          func(_ *world, t *purge.Takedown) { t.IDs = nil },
		"101 media": func(_ *world, t *purge.Takedown) {
			t.IDs = nil
			for i := range 101 {
				t.IDs = append(t.IDs, video.ID(strings.Repeat("x", i+1)))
			}
		},
		"halted by otto": func(w *world, _ *purge.Takedown) {
			require.NoError(t, state.SetHalt(t.Context(), w.objects, state.Halt{Halted: true, By: "otto"}))
		},
		"throttled": func(w *world, _ *purge.Takedown) { w.before = func(string) error { return video.ErrThrottled } },
	} {
		w := newWorld(t, policy, temp("a"), temp("held", "keep"))
		ask := ask
		change(w, &ask)
		_, _, err := w.job().Takedown(t.Context(), ask, later)
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
	report, err := state.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, 1, report.Results[video.Failed])
	require.Zero(t, report.Open)
}
