package edits_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func marked(id string, s int, openMark bool) edits.EditedMedia {
	text := fmt.Sprint(s)
	return edits.EditedMedia{
		ID: video.ID(id), Set: edits.Values{Fields: video.Fields{Title: &text}},
		Marks: editing.Marks{"title": {Stamp: editing.Stamp{At: time.Unix(int64(s), 0).UTC()}, Open: openMark}},
	}
}

// known catches up and gives what is remembered of some assets.
func known(t *testing.T, j *edits.Journal, ids ...string) []edits.Remembered {
	t.Helper()
	var keys []editing.Key
	for _, id := range ids {
		keys = append(keys, editing.Key{ID: video.ID(id)})
	}
	require.NoError(t, j.Refresh(t.Context(), keys))
	all := make([]edits.Remembered, len(keys))
	for i, k := range keys {
		r, err := j.Known(k)
		require.NoError(t, err)
		all[i] = r
	}
	return all
}

func TestASecondWriterLearnsThatItsKnowledgeIsOld(t *testing.T) {
	s, _ := statetest.Folder(t)
	a, b := edits.NewJournal(s, nil), edits.NewJournal(s, nil)
	key, err := a.Append(t.Context(), edits.Entry{Run: "a", Media: []edits.EditedMedia{marked("v", 1, true)}})
	require.NoError(t, err)
	_, err = b.Append(t.Context(), edits.Entry{Run: "b", Media: []edits.EditedMedia{marked("v", 2, true)}})
	require.ErrorIs(t, err, state.ErrExists)

	require.True(t, known(t, b, "v")[0].Marks["title"].Open, "what was not created counts for nothing")
	_, err = b.Append(t.Context(), edits.Entry{Run: "b", Settled: []edits.Settlement{{Of: key}}})
	require.NoError(t, err)
	require.False(t, known(t, a, "v")[0].Marks["title"].Open, "settled by the other")
}

// written makes assets known, one in an entry, each with a title's mark and a rule's tag.
func written(t *testing.T, j *edits.Journal, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		e := edits.Entry{Run: "r", At: time.Unix(int64(i), 0).UTC()}
		for n := i; n < min(i+1, to); n++ {
			m := marked(fmt.Sprint("v", n), n+1, true)
			m.Rules = &tagging.Memory{Given: map[string]tagging.Gift{"promo": {By: "abc", At: time.Unix(int64(n), 0).UTC()}}}
			e.Media = append(e.Media, m)
		}
		key, err := j.Append(t.Context(), e)
		require.NoError(t, err)
		_, err = j.Append(t.Context(), edits.Entry{At: e.At, Settled: []edits.Settlement{{Of: key}}})
		require.NoError(t, err)
	}
}

func requireWritten(t *testing.T, j *edits.Journal, n int) {
	t.Helper()
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint("v", i))
	}
	for i, r := range known(t, j, ids...) {
		mark := r.Marks["title"]
		require.Equal(t, int64(i+1), mark.At.Unix(), ids[i])
		require.False(t, mark.Open)
		require.Equal(t, int64(i), r.Rules.Given["promo"].At.Unix())
		require.Nil(t, r.Unsure)
	}
}

func remover(s *state.Store) func(context.Context, string) error {
	return func(ctx context.Context, key string) error { return state.Remove(ctx, s, key) }
}

func TestTheShardsStandForTheOldPartOfTheLog(t *testing.T) {
	s, _ := statetest.Folder(t)
	j := edits.NewJournal(s, remover(s))
	require.NoError(t, j.CatchUp(t.Context()))
	const n = 140
	written(t, j, 0, n)
	for more, rounds := true, 0; more; rounds++ {
		var err error
		more, err = j.Compact(t.Context(), 40)
		require.NoError(t, err)
		require.Equal(t, !more, rounds >= 3, "some at a time")
		// A reader of any moment finds everything, and one who was there before goes on.
		requireWritten(t, edits.NewJournal(s, nil), n)
		requireWritten(t, j, n)
	}
	counted := &reads{Objects: s}
	fresh := edits.NewJournal(counted, nil)
	require.Len(t, known(t, fresh, "v7", "nobody"), 2)
	require.LessOrEqual(t, counted.n, 4, "an index and a shard or two, of 140 entries")

	// The next cycle replaces the objects of the first.
	written(t, fresh, n, n+140)
	for more := true; more; {
		var err error
		more, err = j.Compact(t.Context(), 40)
		require.NoError(t, err)
		if !more {
			require.NoError(t, j.CatchUp(t.Context()))
			more, err = j.Compact(t.Context(), 5000)
			require.NoError(t, err)
		}
	}
	requireWritten(t, edits.NewJournal(s, nil), n+140)
	require.LessOrEqual(t, len(statetest.Keys(t, s.List(t.Context(), "edits/index/", ""))), 101)
	old, err := edits.Replaced(t.Context(), s, time.Unix(100, 0))
	require.NoError(t, err)
	require.Len(t, old, 200, "of the log only what is older, and no shard: the journal has removed those itself")
	for _, key := range old {
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	requireWritten(t, edits.NewJournal(s, nil), n+140)
	require.Empty(t, statetest.Faulty(t, s, statetest.Noon), "all its names are known")
}

func TestACorruptShardAndACorruptIndexAreNamed(t *testing.T) {
	s, dir := statetest.Folder(t)
	j := edits.NewJournal(s, nil)
	require.NoError(t, j.CatchUp(t.Context()))
	written(t, j, 0, 140)
	_, err := j.Compact(t.Context(), 4096)
	require.NoError(t, err)
	for _, prefix := range []string{"edits/shard/", "edits/index/"} {
		key, was := statetest.Keys(t, s.List(t.Context(), prefix, ""))[0], []byte(nil)
		statetest.Damage(t, dir, key, func(body []byte) []byte {
			was = body
			return body[:len(body)-2]
		})
		require.Equal(t, []string{key}, statetest.Faulty(t, s, statetest.Noon))
		statetest.Damage(t, dir, key, func([]byte) []byte { return was })
	}
}

// Two journals that compact by turns, one of which always knows too little.
func TestARivalThatCompactsTakesNothingAway(t *testing.T) {
	s, _ := statetest.Folder(t)
	a, b := edits.NewJournal(s, remover(s)), edits.NewJournal(s, remover(s))
	for round := range 6 {
		for i, j := range []*edits.Journal{a, b} {
			require.NoError(t, j.Refresh(t.Context(), nil))
			from := 280*round + 140*i
			written(t, j, from, from+140)
			for range 1 + round%3 { // and stops in the middle
				_, err := j.Compact(t.Context(), 30+20*round)
				require.NoError(t, err)
			}
		}
		requireWritten(t, a, 280*(round+1))
		requireWritten(t, b, 280*(round+1))
	}
	requireWritten(t, edits.NewJournal(s, nil), 280*6)
}

func TestMarksOfTagsAreForgottenAndThoseOfFieldsAreNot(t *testing.T) {
	s, _ := statetest.Folder(t)
	j := edits.NewJournal(s, nil)
	require.NoError(t, j.CatchUp(t.Context()))
	start := time.Now().UTC()
	mark := editing.Mark{Stamp: editing.Stamp{At: start}}
	open := editing.Mark{Stamp: editing.Stamp{At: start}, Open: true}
	_, err := j.Append(t.Context(), edits.Entry{At: start, Media: []edits.EditedMedia{
		{ID: "v", Marks: editing.Marks{"title": mark, "tag:a": mark, "tag:b": open}}, {ID: "w", Marks: editing.Marks{"tag:a": mark}},
	}})
	require.NoError(t, err)
	for i := range 260 {
		at := start.AddDate(0, 0, i/10)
		_, err := j.Append(t.Context(), edits.Entry{At: at, Media: []edits.EditedMedia{{ID: "x", Marks: editing.Marks{"tag:a": {Stamp: editing.Stamp{At: at}}}}}})
		require.NoError(t, err)
	}
	more, err := j.Compact(t.Context(), 4096)
	require.NoError(t, err)
	require.False(t, more)
	got := known(t, edits.NewJournal(s, nil), "v", "w", "x")
	require.Equal(t, editing.Marks{"title": mark, "tag:b": open}, got[0].Marks)
	require.Empty(t, got[1].Marks)
	require.NotEmpty(t, got[2].Marks)
}

// A journal as 64806e4 wrote it: entries, a base in between, open marks.
func TestTheJournalOfVersion1IsTakenOver(t *testing.T) {
	s, _ := statetest.Folder(t)
	file, err := os.Open("testdata/journal-v1.jsonl")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	want := map[string]editing.Marks{}
	for lines := json.NewDecoder(file); ; {
		var line struct {
			Key, Body string
			Marks     map[string]editing.Marks
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		if line.Key != "" {
			require.NoError(t, s.Create(t.Context(), line.Key, []byte(line.Body)))
		}
		maps.Copy(want, line.Marks)
	}
	require.Len(t, want, 60)
	check := func(j *edits.Journal) {
		for id, marks := range want {
			require.Equal(t, marks, known(t, j, id)[0].Marks, id)
		}
	}
	before := statetest.Keys(t, s.List(t.Context(), "", ""))
	reader := edits.NewReader(s)
	check(reader)
	check(reader)
	_, err = reader.Append(t.Context(), edits.Entry{At: time.Now(), Media: []edits.EditedMedia{marked("new", 1, false)}})
	require.ErrorIs(t, err, state.ErrReadOnly)
	require.Equal(t, before, statetest.Keys(t, s.List(t.Context(), "", "")), "who only reads creates nothing")
	first := edits.NewJournal(s, remover(s))
	check(first)
	key, err := first.Append(t.Context(), edits.Entry{At: time.Now(), Media: []edits.EditedMedia{marked("new", 1, false)}})
	require.NoError(t, err)
	require.Equal(t, "edits/000000000241", key, "the numbers go on")
	counted := &reads{Objects: s}
	second := edits.NewJournal(counted, nil)
	require.Len(t, known(t, second, "v07"), 1)
	require.LessOrEqual(t, counted.n, 3, "what was taken over is not read again")
	check(second)
	check(reader)
	check(edits.NewReader(s))

	old, err := edits.Replaced(t.Context(), s, time.Now())
	require.NoError(t, err)
	require.Len(t, old, 241, "and may go: 240 entries and a base")
}

func TestAnObjectOfALaterVersionStopsOnlyItsAssets(t *testing.T) {
	s, _ := statetest.Folder(t)
	j := edits.NewJournal(s, nil)
	require.NoError(t, j.CatchUp(t.Context()))
	written(t, j, 0, 140)
	_, err := j.Compact(t.Context(), 4096)
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), "edits/000000000281", []byte(`{"v":3,"settled":{"other":"form"}}`+"\nv3\t{}\tmore\tand more\n")))
	shard := statetest.Keys(t, s.List(t.Context(), "edits/shard/", ""))[0]
	body, err := s.Read(t.Context(), shard)
	require.NoError(t, err)
	require.NoError(t, state.Remove(t.Context(), s, shard))
	require.NoError(t, s.Create(t.Context(), shard, bytes.Replace(body, []byte(`{"v":2`), []byte(`{"v":3`), 1)))
	require.Equal(t, []string{"edits/000000000281", shard}, statetest.Faulty(t, s, statetest.Noon), "and ends no check")

	fresh := edits.NewJournal(s, nil)
	var all []editing.Key
	for i := range 140 {
		all = append(all, editing.Key{ID: video.ID(fmt.Sprint("v", i))})
	}
	require.NoError(t, fresh.Refresh(t.Context(), all))
	refused := 0
	for _, k := range all {
		if _, err := fresh.Known(k); err != nil {
			refused++
			require.ErrorIs(t, err, state.ErrLater)
			require.Contains(t, err.Error(), "edits/", "by name")
		}
	}
	require.Contains(t, []int{2, 3}, refused, "v3, and the one or two of the shard")
	_, err = fresh.Append(t.Context(), edits.Entry{Media: []edits.EditedMedia{marked("v9", 900, false)}})
	require.NoError(t, err, "the others go on")

	require.NoError(t, s.Create(t.Context(), "edits/000000000283", []byte(`{"v":3}`)))
	require.ErrorIs(t, edits.NewJournal(s, nil).CatchUp(t.Context()), state.ErrLater, "whose it is is not known")
}

// reads counts what is read.
type reads struct {
	state.Objects
	mu sync.Mutex
	n  int
}

func (r *reads) Read(ctx context.Context, key string) ([]byte, error) {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
	return r.Objects.Read(ctx, key)
}

func TestAnEntryThatCannotBeReadStopsTheJournal(t *testing.T) {
	for name, body := range map[string]string{"not JSON": "{", "no version": `{"run":"x"}`} {
		s, _ := statetest.Folder(t)
		require.NoError(t, s.Create(t.Context(), "edits/000000000001", []byte(body)))
		err := edits.NewJournal(s, nil).CatchUp(t.Context())
		require.ErrorIs(t, err, state.ErrCorrupt, name)
		require.ErrorContains(t, err, "edits/000000000001")
	}
}

// Whatever became of a write, a reading from before the one that it was decided on must
// not be believed: what a write between the two added would be lost with the next one.
func TestNoReadingIsBelievedThatIsOlderThanAnEntrys(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	val := func(title string, second int) editing.Value {
		return editing.Value{Title: title, Modified: now.Add(time.Duration(second) * time.Second)}
	}
	store, _ := statetest.Folder(t)
	j := edits.NewJournal(store, nil)
	enter := func(was editing.Value, title string) string {
		m := edits.EditedMedia{ID: "v", Modified: was.Modified, Before: editing.SumAll(was), After: editing.SumAll(editing.Value{Title: title}),
			Marks: editing.Marks{"title": {Stamp: editing.Stamp{At: was.Modified}, Open: was.Title != title}}}
		if was.Title != title {
			m.Set.Title = &title
		}
		key, err := j.Append(t.Context(), edits.Entry{Run: "r", At: now, Media: []edits.EditedMedia{m}})
		require.NoError(t, err)
		return key
	}
	settle := func(s edits.Settlement) {
		_, err := j.Append(t.Context(), edits.Entry{At: now, Settled: []edits.Settlement{s}})
		require.NoError(t, err)
	}
	old := func(v editing.Value) bool { return known(t, j, "v")[0].Floor.Above(v, now) }

	first, a, b := val("first", -3), val("A", -2), val("B", -1)
	settle(edits.Settlement{Of: enter(first, "A")})
	require.True(t, old(first))
	require.False(t, old(val("A", -3)), "it happened in the second of the reading")
	require.False(t, old(a))
	require.False(t, old(b), "somebody else's")

	of := enter(a, "B")
	require.True(t, old(first), "B may have failed, A has not")
	require.False(t, old(a))
	require.False(t, old(val("B", -2)))
	settle(edits.Settlement{Of: of, Open: []editing.Key{{ID: "v"}}})
	require.True(t, old(first))
	require.False(t, old(a), "nobody knows yet")

	enter(b, "B") // its message came again and found it: nothing is sent
	require.True(t, old(first))
	require.True(t, old(a), "B has happened")
	require.False(t, old(b))

	settle(edits.Settlement{Of: enter(b, "C"), Void: []editing.Key{{ID: "v"}}})
	require.True(t, old(a))
	require.False(t, old(b), "C was refused")
	require.True(t, old(val("C", -1)), "and never was")
	require.False(t, known(t, j, "v")[0].Floor.Above(first, now.Add(3*time.Minute)), "a library is not behind for so long")
}
