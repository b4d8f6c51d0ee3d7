package state_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestTheLastPlaceOfASweepIsFound(t *testing.T) {
	o, _ := statetest.Folder(t)
	at := time.Date(2026, 11, 27, 8, 10, 0, 0, time.UTC)
	_, found, err := state.LastSwept(t.Context(), o, video.KindVideo, at)
	require.NoError(t, err)
	require.False(t, found)
	for _, s := range []state.Swept{
		{Kind: video.KindVideo, At: at, UpTo: at.Add(-2 * time.Hour)},
		{Kind: video.KindVideo, At: at, UpTo: at.Add(-time.Hour)},
		{Kind: video.KindVideo, At: at, UpTo: at.Add(-time.Hour)}, // twice
		{Kind: video.KindImage, At: at, UpTo: at, Done: true},
		{Kind: video.KindVideo, At: at.Add(9 * time.Hour), UpTo: at, Done: true}, // of a clock that ran ahead
	} {
		require.NoError(t, state.NoteSwept(t.Context(), o, s))
	}
	last, found, err := state.LastSwept(t.Context(), o, video.KindVideo, at.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, state.Swept{Kind: video.KindVideo, At: at, UpTo: at.Add(-time.Hour)}, last)
	last, _, err = state.LastSwept(t.Context(), o, video.KindImage, at.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, last.Done)
	_, found, err = state.LastSwept(t.Context(), o, video.KindVideo, at.Add(9*24*time.Hour))
	require.NoError(t, err)
	require.False(t, found, "a week is enough")

	// The latest one of any kind, and what it has not seen the end of.
	latest, open, err := state.LatestSweep(t.Context(), o, at.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, at, latest)
	require.Equal(t, []video.Kind{video.KindVideo, video.KindAudio}, open)
	latest, open, err = state.LatestSweep(t.Context(), o, at.Add(9*24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, latest)
	require.Empty(t, open)

	old, err := state.OldSwept(t.Context(), o, at.Add(7*24*time.Hour))
	require.NoError(t, err)
	require.Empty(t, old)
	old, err = state.OldSwept(t.Context(), o, at.Add(10*24*time.Hour))
	require.NoError(t, err)
	require.Len(t, old, 4)
	require.ErrorIs(t, state.CheckName("swept/2026-11-27/x"), state.ErrStray)
}
