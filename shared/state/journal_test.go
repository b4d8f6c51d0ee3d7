package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func marked(id string, s int, openMark bool) state.EditedMedia {
	text := fmt.Sprint(s)
	return state.EditedMedia{
		ID: video.ID(id), Set: state.Values{Fields: video.Fields{Title: &text}},
		Marks: editing.Marks{"title": {Stamp: editing.Stamp{At: time.Unix(int64(s), 0).UTC()}, Open: openMark}},
	}
}

func TestASecondWriterLearnsThatItsKnowledgeIsOld(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		a, b := state.NewJournal(s), state.NewJournal(s)
		key, err := a.Append(t.Context(), state.Entry{Run: "a", Media: []state.EditedMedia{marked("v", 1, true)}})
		require.NoError(t, err)
		_, err = b.Append(t.Context(), state.Entry{Run: "b", Media: []state.EditedMedia{marked("v", 2, true)}})
		require.ErrorIs(t, err, state.ErrExists)
		require.Empty(t, b.Marks(editing.Key{ID: "v"}), "what was not created counts for nothing")

		require.NoError(t, b.CatchUp(t.Context()))
		require.True(t, b.Marks(editing.Key{ID: "v"})["title"].Open)
		_, err = b.Append(t.Context(), state.Entry{Run: "b", Settled: []state.Settlement{{Of: key}}})
		require.NoError(t, err)
		require.NoError(t, a.CatchUp(t.Context()))
		require.False(t, a.Marks(editing.Key{ID: "v"})["title"].Open, "settled by the other")
	})
}

func TestABaseStandsForAllBeforeIt(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		old := state.NewJournal(s)
		var keys []string
		for i := range 4 { // at the moments 0, 10, 20 and 30; the first is open, the last too young
			key, err := old.Append(t.Context(), state.Entry{
				At: time.Unix(int64(10*i), 0), Media: []state.EditedMedia{marked(fmt.Sprintf("v%d", i), 10*i, i == 0)},
			})
			require.NoError(t, err)
			keys = append(keys, key)
		}
		compact(t, s, time.Unix(15, 0))
		compact(t, s, time.Unix(15, 0)) // twice is once
		require.Equal(t, "edits/000000000002+", compact(t, s, time.Unix(15, 0)))
		fresh := state.NewJournal(s)
		require.NoError(t, fresh.CatchUp(t.Context()))
		require.NotEmpty(t, fresh.Marks(editing.Key{ID: "v0"}), "old, but open")
		require.Empty(t, fresh.Marks(editing.Key{ID: "v1"}), "old and closed")
		require.NotEmpty(t, fresh.Marks(editing.Key{ID: "v2"}))

		require.Equal(t, "edits/000000000003+", compact(t, s, time.Unix(25, 0)))
		require.NoError(t, fresh.CatchUp(t.Context()))
		key, err := fresh.Append(t.Context(), state.Entry{Media: []state.EditedMedia{marked("v4", 40, false)}})
		require.NoError(t, err)
		require.Greater(t, key, keys[3])
		require.NoError(t, old.CatchUp(t.Context()))
		require.NotEmpty(t, old.Marks(editing.Key{ID: "v4"}), "who was there before goes on")
	})
}

// compact does what the operator's tool does, and gives the base there is then.
func compact(t *testing.T, s *state.Store, before time.Time) string {
	t.Helper()
	c, err := state.Compact(t.Context(), s, before)
	require.NoError(t, err)
	if c.Base != "" {
		require.NoError(t, s.Create(t.Context(), c.Base, c.Body))
	}
	for _, key := range c.Remove {
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	for _, key := range keys(t, s.List(t.Context(), state.JournalPrefix, "")) {
		return key
	}
	return ""
}

// reads counts what is read.
type reads struct {
	state.Objects
	n int
}

func (r *reads) Read(ctx context.Context, key string) ([]byte, error) {
	r.n++
	return r.Objects.Read(ctx, key)
}

func TestWhoStartsReadsTheLastBaseAndLittleMore(t *testing.T) {
	s := open(t, "file:"+t.TempDir())
	j, now := state.NewJournal(s), time.Now().UTC()
	for i := range 115 {
		m := marked(fmt.Sprintf("v%d", i%50), 1, true)
		mark := m.Marks["title"]
		written := now
		switch mark.At = now.Add(time.Duration(i) * time.Second); i % 50 {
		case 0: // v0: forgotten
			mark.At, written = now.AddDate(0, 0, -20), now.AddDate(0, 0, -20)
		case 1: // issued long ago, but written now
			mark.At = now.AddDate(0, 0, -20)
		}
		m.Marks["title"] = mark
		key, err := j.Append(t.Context(), state.Entry{At: written, Media: []state.EditedMedia{m}})
		require.NoError(t, err)
		_, err = j.Append(t.Context(), state.Entry{At: now, Settled: []state.Settlement{{Of: key}}})
		require.NoError(t, err)
	}
	counted := &reads{Objects: s}
	fresh := state.NewJournal(counted)
	require.NoError(t, fresh.CatchUp(t.Context()))
	require.Less(t, counted.n, 50, "of 230 entries")
	for i := 1; i < 50; i++ {
		k := editing.Key{ID: video.ID(fmt.Sprintf("v%d", i))}
		require.Equal(t, j.Marks(k), fresh.Marks(k))
		require.False(t, fresh.Marks(k)["title"].Open)
	}
	require.NoError(t, j.CatchUp(t.Context()))
	key, err := fresh.Append(t.Context(), state.Entry{At: now})
	require.NoError(t, err)
	require.Equal(t, "edits/000000000231", key)
	t.Logf("%d of 230 entries read", counted.n)
}

func TestAnEntryThatCannotBeReadStopsTheJournal(t *testing.T) {
	for name, body := range map[string]string{"not JSON": "{", "another version": `{"v":2}`} {
		s := open(t, "file:"+t.TempDir())
		require.NoError(t, s.Create(t.Context(), "edits/000000000001", []byte(body)))
		err := state.NewJournal(s).CatchUp(t.Context())
		require.ErrorIs(t, err, state.ErrCorrupt, name)
		require.ErrorContains(t, err, "edits/000000000001")
	}
}
