package edit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

func TestUndoPutsBackWhatNobodyHasChangedSince(t *testing.T) {
	l, s := newLibrary(5), open(t)
	e := editor(t, l, s)
	both := title("v00", 1, "new")
	both.Tags.Add = []string{"t"}
	tagged := both
	tagged.ID = "v01"
	l.fault = func(_ int, u video.Update) (error, bool) {
		if u.ID == "v04" {
			return video.ErrTransient, false
		}
		return nil, true
	}
	require.Equal(t, "done done done done failed", run(t, e, both, tagged, title("v02", 1, "new"), title("v03", 1, "new"), title("v04", 1, "new")))
	l.fault = nil
	edited := l.videos["v01"] // somebody else changes one of the two fields …
	edited.Title = "theirs"
	l.videos["v01"] = edited
	edited = l.videos["v02"] // … and the only one
	edited.Title = "theirs"
	l.videos["v02"] = edited
	delete(l.videos, "v03")

	runs, err := edit.Runs(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, 5, runs[0].Media)
	written := l.writes
	reversals, err := edit.Undo(t.Context(), l, s, edit.Batch{Run: "run"}, time.Now())
	require.NoError(t, err)
	require.Equal(t, written, l.writes, "it only says what it would do")
	require.Len(t, reversals, 5)

	require.Equal(t, "old", *reversals[0].Change.Set.Title)
	require.Empty(t, *reversals[0].Change.Tags.Set)
	require.Equal(t, l.videos[reversals[0].Change.ID].Modified, reversals[0].Change.IfUnmodifiedSince)
	require.Nil(t, reversals[1].Change.Set.Title)
	require.NotNil(t, reversals[1].Change.Tags.Set)
	require.Equal(t, "title changed since", reversals[1].Outcome.Reason)
	for i, want := range map[int]video.Result{2: video.Kept, 3: video.Missing, 4: video.Unchanged} {
		require.True(t, reversals[i].Change.Empty())
		require.Equal(t, want, reversals[i].Outcome.Result)
	}

	require.Equal(t, "done done", run(t, e, reversals[0].Change, reversals[1].Change))
	require.Equal(t, "old", l.videos["v00"].Title)
	require.Empty(t, l.videos["v00"].Tags)
	require.Equal(t, "theirs", l.videos["v01"].Title)
	require.Equal(t, "stale", run(t, e, both), "a late duplicate does not bring it back")
}

// What the library refused was not written: it is neither taken back nor counted.
func TestUndoLeavesOutWhatTheLibraryRefused(t *testing.T) {
	l, s := newLibrary(1), open(t)
	l.fault = func(_ int, u video.Update) (error, bool) {
		if u.Title != nil && *u.Title == "bad" {
			return video.ErrInvalid, false
		}
		return nil, true
	}
	require.Equal(t, "done rejected", run(t, editor(t, l, s), title("v00", 1, "good"), title("v00", 2, "bad")))
	runs, err := edit.Runs(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, 1, runs[0].Media)
	reversals, err := edit.Undo(t.Context(), l, s, edit.Batch{Run: "run"}, time.Now())
	require.NoError(t, err)
	require.Len(t, reversals, 1)
	require.Equal(t, "old", *reversals[0].Change.Set.Title)
}

func TestUndoOfARunThatNobodyKnows(t *testing.T) {
	_, err := edit.Undo(t.Context(), newLibrary(1), open(t), edit.Batch{Run: "nothing"}, time.Now())
	require.ErrorIs(t, err, video.ErrNotFound)
}

// Several batches of one run come back to what was there before the first.
func TestUndoGoesBackToBeforeTheFirstBatch(t *testing.T) {
	l, s := newLibrary(1), open(t)
	e := editor(t, l, s)
	require.Equal(t, "done", run(t, e, title("v00", 1, "one")))
	require.Equal(t, "done", run(t, e, title("v00", 2, "two")))
	reversals, err := edit.Undo(t.Context(), l, s, edit.Batch{Run: "run"}, time.Now())
	require.NoError(t, err)
	require.Equal(t, "old", *reversals[0].Change.Set.Title)
}

// Whoever sends changes names them by when they were issued: one batch is written by many
// runs, and a run writes what others have asked for.
func TestUndoTakesBackWhatWasIssuedTogether(t *testing.T) {
	l, s := newLibrary(4), open(t)
	e := editor(t, l, s)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	issued := func(id video.ID, after time.Duration, text, tag string) video.Change {
		c := title(string(id), 1, text)
		c.IssuedAt = at.Add(after)
		if c.Set.Title = nil; text != "" {
			c.Set.Title = &text
		}
		if c.Tags.Add = nil; tag != "" {
			c.Tags.Add = []string{tag}
		}
		return c
	}
	theirs := issued("v01", time.Second, "theirs", "")
	require.Equal(t, "done done done done done", run(t, e, issued("v00", 0, "new", ""), issued("v01", 1, "", "ours"), theirs, issued("v02", 2, "", "ours"), issued("v02", time.Minute, "", "theirs")))
	require.Equal(t, "done", run(t, e, issued("v03", 3, "new", "")), "in another run")
	reversals, err := edit.Undo(t.Context(), l, s, edit.Batch{From: at, To: at.Add(time.Millisecond)}, time.Now())
	require.NoError(t, err)
	require.Len(t, reversals, 4)
	require.Equal(t, "old", *reversals[0].Change.Set.Title)
	require.Nil(t, reversals[1].Change.Set.Title, "that was another's")
	require.Empty(t, *reversals[1].Change.Tags.Set)
	require.True(t, reversals[2].Change.Empty(), "the tags before are not known: one write was for both")
	require.Equal(t, video.Kept, reversals[2].Outcome.Result)
	require.Equal(t, "old", *reversals[3].Change.Set.Title)
	_, err = edit.Undo(t.Context(), l, s, edit.Batch{From: at.Add(-time.Second), To: at}, time.Now())
	require.ErrorIs(t, err, video.ErrNotFound)
}

// Notes are kept with what they led to, and never decide anything.
func TestUndoSaysWhoHadAskedForWhat(t *testing.T) {
	l, s := newLibrary(3), open(t)
	e := editor(t, l, s)
	noted := func(c video.Change, by, source string) video.Change {
		c.Asked = video.Asked{By: by, Source: source}
		return c
	}
	stale, first, again := noted(title("v00", 1, "stale"), "otto", "b.csv line 2"), noted(title("v00", 2, "new"), "anna", "a.csv line 2"), noted(title("v00", 2, "new"), "otto", "a.csv line 2")
	tags := noted(video.Change{ID: "v00", IssuedAt: first.IssuedAt.Add(time.Hour), Tags: video.TagEdit{Add: []string{"t"}}}, "anna", "\x1b[2J")
	require.Equal(t, "done", run(t, e, first))
	require.Equal(t, "unchanged stale done done", run(t, e, again, stale, tags, title("v01", 1, "new")))

	of := func(b edit.Batch) map[video.ID][]video.Asked {
		reversals, err := edit.Undo(t.Context(), l, s, b, time.Now())
		require.NoError(t, err)
		all := map[video.ID][]video.Asked{}
		for _, r := range reversals {
			for _, a := range r.Asked {
				require.False(t, a.At.IsZero())
				all[r.Change.ID] = append(all[r.Change.ID], a.Asked)
			}
		}
		return all
	}
	require.Equal(t, map[video.ID][]video.Asked{"v00": {first.Asked, tags.Asked}}, of(edit.Batch{Run: "run"}))
	require.Equal(t, map[video.ID][]video.Asked{"v00": {first.Asked}}, of(edit.Batch{From: first.IssuedAt, To: first.IssuedAt.Add(time.Minute)}))
}
