package removal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestWhatCannotGoIsRememberedUntilItsTimeIsOver(t *testing.T) {
	s, _ := statetest.Folder(t)
	a := removal.Aside{ID: "a", Kind: retention.Whole, Modified: statetest.Noon.AddDate(0, 0, -9), Why: "forbidden"}
	b := removal.Aside{ID: "b", Kind: retention.Stream, Part: "job", Until: statetest.Noon.AddDate(1, 0, 0), Why: "cannot be decoded"}
	require.ErrorIs(t, removal.NoteAside(t.Context(), s, statetest.Noon, []removal.Aside{{Why: "no id"}}), video.ErrInvalid)
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon, nil))
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon, []removal.Aside{a, b}))
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon, []removal.Aside{a, b}), "twice is once")
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon.AddDate(0, 0, 2), []removal.Aside{a}))
	require.Len(t, statetest.Keys(t, s.List(t.Context(), "aside/", "")), 2)
	for _, tc := range []struct {
		days int
		want []video.ID
	}{{0, []video.ID{"a", "b"}}, {6, []video.ID{"a", "b"}}, {8, []video.ID{"a", "b"}}, {9, []video.ID{"b"}}, {29, []video.ID{"b"}}, {30, nil}, {-30, nil}} {
		all, skipped, err := removal.ReadAside(t.Context(), s, statetest.Noon.AddDate(0, 0, tc.days))
		require.NoError(t, err)
		require.Equal(t, tc.days < 2, len(skipped) > 0, "days to come do not count")
		var ids []video.ID
		for _, of := range []removal.Aside{a, b} {
			if _, ok := all[of.Key()]; ok {
				ids = append(ids, of.ID)
			}
		}
		require.Equal(t, tc.want, ids, "%d days later", tc.days)
		require.Len(t, all, len(ids))
	}
}

func TestACorruptNoteOfWhatCannotGoIsSkippedAndNamed(t *testing.T) {
	s, dir := statetest.Folder(t)
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon.AddDate(0, 0, -1), []removal.Aside{{ID: "a", Why: "x"}}))
	require.NoError(t, removal.NoteAside(t.Context(), s, statetest.Noon, []removal.Aside{{ID: "b", Why: "x"}}))
	require.NoError(t, s.Create(t.Context(), "aside/2026-06-01/notes.txt", nil))
	all := statetest.Keys(t, s.List(t.Context(), "aside/", ""))
	statetest.Damage(t, dir, all[0], func(b []byte) []byte { return b[1:] })
	read, skipped, err := removal.ReadAside(t.Context(), s, statetest.Noon)
	require.NoError(t, err)
	require.Len(t, read, 1)
	require.Contains(t, read, removal.AsideKey{ID: "b"})
	require.Len(t, skipped, 2)
	require.ErrorIs(t, skipped[0], state.ErrCorrupt)
	require.ErrorIs(t, skipped[1], state.ErrStray)
}

func TestAnAssetModifiedSinceIsNotSetAsideAnyMore(t *testing.T) {
	a := removal.Aside{ID: "a", Modified: statetest.Noon, Until: statetest.Noon.AddDate(0, 0, 7)}
	require.True(t, a.Holds(statetest.Noon, statetest.Noon))
	require.True(t, a.Holds(statetest.Noon, time.Time{}), "when it was modified is not told")
	require.False(t, a.Holds(statetest.Noon, statetest.Noon.Add(time.Second)))
	require.False(t, a.Holds(a.Until, statetest.Noon))
	a.Modified = time.Time{}
	require.True(t, a.Holds(statetest.Noon, statetest.Noon))
}
