package state_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestVersionsAreASeriesThatNobodyWritesOver(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
		var saving sync.WaitGroup
		for _, by := range []string{"one", "two", "three"} {
			saving.Go(func() {
				_, err := state.SaveVersion(t.Context(), s, state.RulesText, state.Version{At: at, By: by, Text: "rules: []\n"})
				require.NoError(t, err)
			})
		}
		saving.Wait()
		made, err := state.SaveVersion(t.Context(), s, state.RulesText, state.Version{At: at, By: "one", Activated: 2})
		require.NoError(t, err)
		require.Equal(t, 4, made.Number)
		other, err := state.SaveVersion(t.Context(), s, state.PolicyText, state.Version{At: at, Text: ""})
		require.NoError(t, err)
		require.Equal(t, 1, other.Number, "each file has its own series")

		all, faults, err := state.Versions(t.Context(), s, state.RulesText, 3)
		require.NoError(t, err)
		require.Empty(t, faults)
		require.Len(t, all, 3)
		require.Equal(t, []int{2, 3, 4}, []int{all[0].Number, all[1].Number, all[2].Number})
		require.Equal(t, 2, all[2].Activated)
		one, err := state.ReadVersion(t.Context(), s, state.RulesText, 3)
		require.NoError(t, err)
		require.Equal(t, "rules: []\n", one.Text)
		for _, number := range []int{-1, 0, 5, 1 << 40} {
			_, err = state.ReadVersion(t.Context(), s, state.RulesText, number)
			require.ErrorIs(t, err, video.ErrNotFound)
		}
		_, err = state.SaveVersion(t.Context(), s, state.RulesText, state.Version{Text: strings.Repeat("x", state.MaxText+1)})
		require.ErrorIs(t, err, video.ErrInvalid)
	})
}

func TestACorruptVersionIsNamedAndHidesNoOther(t *testing.T) {
	o := new(statetest.Memory)
	for _, body := range []string{
		`{"version":1,"number":1,"at":"2026-11-27T08:00:00Z","by":"x","text":"a","hash":"` + state.Digest([]byte("a")) + `"}`,
		`{"version":1,"number":2,"at":"2026-11-27T08:00:00Z","by":"x","text":"b","hash":"` + state.Digest([]byte("a")) + `"}`,
		`{"version":1,"number":9,"at":"2026-11-27T08:00:00Z","by":"x","activated":1}`,
		`{"version":2,"number":4,"at":"2026-11-27T08:00:00Z","by":"x","activated":1}`,
		`<b>`,
	} {
		require.NoError(t, o.Create(t.Context(), state.Numbered("versions/rules/", len(o.Keys())+1, ".json"), []byte(body)))
	}
	all, faults, err := state.Versions(t.Context(), o, state.RulesText, 100)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Len(t, faults, 4)
	require.ErrorContains(t, faults[0], "the text fails its hash")
	require.ErrorIs(t, faults[2], state.ErrLater)
	for _, key := range []string{"versions/rules/1.json", "versions/holds/00000001.json", "versions/00000001.json"} {
		require.ErrorIs(t, state.CheckName(key), state.ErrStray)
	}
}

func TestReplaceIsForWhatTheOwnerKeepsHere(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		for _, body := range []string{"first", "second", ""} {
			require.NoError(t, state.Replace(t.Context(), s, "texts/rules.yaml", []byte(body)))
			have, version, err := s.ReadNewer(t.Context(), "texts/rules.yaml", "")
			require.NoError(t, err)
			require.Equal(t, body, string(have))
			require.NotEmpty(t, version)
		}
		for _, key := range []string{"approvals/x.json", "halt/00000001.json", "probe", "../x", "versions/rules/00000001.json"} {
			require.ErrorIs(t, state.Replace(t.Context(), s, key, nil), video.ErrInvalid, key)
		}
	})
}
