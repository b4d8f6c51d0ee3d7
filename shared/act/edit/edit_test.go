package edit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

var epoch = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func at(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }

func title(id string, s int, text string) video.Change {
	return video.Change{ID: video.ID(id), Set: video.Fields{Title: &text}, IssuedAt: at(s)}
}

// library is a library in memory that counts its calls and fails as it is told.
type library struct {
	mu            sync.Mutex
	videos        map[video.ID]video.Video
	reads, writes int
	written       []video.Update
	// fault says what becomes of a write: an error, and whether it took effect all the same.
	fault    func(call int, u video.Update) (err error, effect bool)
	readErr  error
	writeErr error         // of the call as a whole
	takes    time.Duration // of each call
	onWrite  func()        // before a write
	imageIDs []video.ID    // read as images
	behind   func() bool   // a read shows what was there before the last write
	before   map[video.ID]video.Video
}

func newLibrary(n int) *library {
	l := &library{videos: map[video.ID]video.Video{}}
	for i := range n {
		id := video.ID(fmt.Sprintf("v%02d", i))
		l.videos[id] = video.Video{ID: id, Title: "old", Modified: at(0)}
	}
	return l
}

func (l *library) Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	time.Sleep(l.takes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	out := make([]video.Answer[video.Video], len(ids))
	for i, id := range ids {
		out[i] = video.Answer[video.Video]{ID: id, Value: l.videos[id], Err: l.readErr}
		if old, ok := l.before[id]; ok && l.behind() {
			out[i].Value = old
		}
		if _, ok := l.videos[id]; !ok && l.readErr == nil {
			out[i].Err = video.ErrNotFound
		}
	}
	return out, l.readErr
}

func (l *library) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	l.imageIDs = append(l.imageIDs, ids...)
	out := make([]video.Answer[video.Image], len(ids))
	for i, id := range ids {
		out[i] = video.Answer[video.Image]{ID: id, Value: video.Image{ID: id}}
	}
	return out, nil
}

func (l *library) UpdateImages(_ context.Context, us []video.Update) ([]video.Outcome, error) {
	out := make([]video.Outcome, len(us))
	for i, u := range us {
		out[i] = video.Outcome{ID: u.ID, Result: video.Done}
	}
	return out, nil
}

func (l *library) Update(_ context.Context, us []video.Update) ([]video.Outcome, error) {
	if l.onWrite != nil {
		l.onWrite()
	}
	time.Sleep(l.takes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	out := make([]video.Outcome, len(us))
	for i, u := range us {
		var err error
		effect := true
		if l.fault != nil {
			err, effect = l.fault(l.writes, u)
		}
		if effect {
			v := l.videos[u.ID]
			if l.behind != nil {
				l.before[u.ID] = v
			}
			if u.Title != nil {
				v.Title = *u.Title
			}
			if u.Description != nil {
				v.Description = *u.Description
			}
			if u.Tags != nil {
				v.Tags = *u.Tags
			}
			v.Modified = v.Modified.Add(time.Nanosecond) // a library says that it was, and in these tests nobody asks when
			l.videos[u.ID] = v
			l.written = append(l.written, u)
		}
		out[i] = video.Outcome{ID: u.ID, Result: video.ResultOf(err), Err: err}
	}
	return out, l.writeErr
}

func open(t *testing.T) *state.Store {
	s, err := state.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "state"), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func editor(t require.TestingT, l *library, s state.Objects) *edit.Editor {
	e, err := edit.New(edit.Config{Library: l, State: s})
	require.NoError(t, err)
	return e
}

func results(outcomes []video.Outcome) string {
	var all []string
	for _, o := range outcomes {
		all = append(all, string(o.Result))
	}
	return strings.Join(all, " ")
}

func run(t *testing.T, e *edit.Editor, changes ...video.Change) string {
	t.Helper()
	outcomes, err := e.Edit(t.Context(), "run", changes)
	require.NoError(t, err)
	require.Len(t, outcomes, len(changes))
	for i, o := range outcomes {
		require.Equal(t, changes[i].ID, o.ID)
	}
	return results(outcomes)
}

func TestTwentyMediaCostOneReadAndTwentyDifferencesOneWrite(t *testing.T) {
	for _, s := range []state.Objects{nil, open(t)} {
		l := newLibrary(45)
		var changes []video.Change
		for i := range 45 {
			text := "old"
			if i < 21 {
				text = "new"
			}
			changes = append(changes, title(fmt.Sprintf("v%02d", i), 1, text), title(fmt.Sprintf("v%02d", i), 0, "older"))
		}
		got := run(t, editor(t, l, s), changes...)
		require.Equal(t, 21, strings.Count(got, "done"))
		require.Equal(t, 24, strings.Count(got, "unchanged"))
		require.Equal(t, 45, strings.Count(got, "stale"))
		require.Equal(t, []int{3, 2}, []int{l.reads, l.writes}, "⌈45/20⌉ reads, ⌈21/20⌉ writes")
	}
}

func TestAnIDThatCouldNotBeSentIsNeverRead(t *testing.T) {
	l := newLibrary(1)
	require.Equal(t, "rejected done rejected", run(t, editor(t, l, nil), title("v00,v01", 1, "x"), title("v00", 1, "x"), title("v\n00", 1, "x")))
	require.Equal(t, 1, l.reads)
}

func TestOneFailingItemNeverFailsItsNeighbours(t *testing.T) {
	l := newLibrary(5)
	kinds := map[video.ID]error{"v01": video.ErrForbidden, "v02": video.ErrInvalid, "v03": video.ErrThrottled, "v04": video.ErrNotFound}
	l.fault = func(_ int, u video.Update) (error, bool) { return kinds[u.ID], kinds[u.ID] == nil }
	require.Equal(t, "done forbidden rejected failed missing missing", run(t, editor(t, l, nil),
		title("v00", 1, "x"), title("v01", 1, "x"), title("v02", 1, "x"), title("v03", 1, "x"), title("v04", 1, "x"), title("gone", 1, "x")))
}

func text(id string, s int, d string) video.Change {
	return video.Change{ID: video.ID(id), Set: video.Fields{Description: &d}, IssuedAt: at(s)}
}

// The library takes or refuses the update of a media as a whole, but a message
// that is refused takes none of its neighbours with it.
func TestARefusedChangeNeverTakesAnotherOfItsMediaWithIt(t *testing.T) {
	s := open(t)
	var l *library
	for _, s := range []state.Objects{nil, s} {
		l = newLibrary(2)
		l.fault = func(_ int, u video.Update) (error, bool) {
			if u.Description != nil && *u.Description == "bad" || u.Title != nil && *u.Title == "bad" {
				return video.ErrInvalid, false
			}
			return nil, true
		}
		require.Equal(t, "done rejected done stale", run(t, editor(t, l, s),
			title("v00", 1, "x"), text("v00", 2, "bad"), title("v01", 2, "good"), title("v01", 1, "older")))
		require.Equal(t, "x", l.videos["v00"].Title)
		require.Equal(t, "rejected done", run(t, editor(t, l, s), title("v00", 4, "bad"), title("v00", 3, "y")), "nor one that it would have won over")
		require.Equal(t, "y", l.videos["v00"].Title)
	}
	l.fault = nil
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 4, "bad, but redriven")), "nor does it leave a mark")
}

// A newer change may fail for now and be refused later. What gave way to it is not
// over before that.
func TestAnOlderChangeOutlivesANewerOneThatFails(t *testing.T) {
	l, s := newLibrary(1), open(t)
	l.fault = func(int, video.Update) (error, bool) { return video.ErrTransient, false }
	older, newer := title("v00", 1, "older"), text("v00", 2, "bad")
	newer.Set.Title = older.Set.Title
	require.Equal(t, "failed failed", run(t, editor(t, l, s), older, newer))
	l.fault = func(_ int, u video.Update) (error, bool) {
		if u.Description != nil {
			return video.ErrInvalid, false
		}
		return nil, true
	}
	require.Equal(t, "failed", run(t, editor(t, l, s), older), "whether the newer one was written is not known")
	require.Equal(t, "rejected", run(t, editor(t, l, s), newer))
	require.Equal(t, "done", run(t, editor(t, l, s), older))
	require.Equal(t, "older", l.videos["v00"].Title)
}

// Which of many changes of one media the library refuses is found out one by one, as
// far as there is time.
func TestFindingTheRefusedChangeEndsInTimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLibrary(1), open(t)
		l.takes = 100 * time.Millisecond
		l.fault = func(_ int, u video.Update) (error, bool) {
			if u.Description != nil {
				return video.ErrInvalid, false
			}
			return nil, true
		}
		var changes []video.Change
		for i := range 200 {
			changes = append(changes, title("v00", i+1, fmt.Sprint(i)))
		}
		changes = append(changes, text("v00", 300, "bad"))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		outcomes, err := editor(t, l, s).Edit(ctx, "run", changes)
		require.NoError(t, err)
		require.NoError(t, ctx.Err(), "there is time left to send back the rest")
		done := strings.Count(results(outcomes), "done")
		require.Positive(t, done)
		require.Equal(t, 201-done, strings.Count(results(outcomes), "deferred"))
		require.Equal(t, fmt.Sprint(done-1), l.videos["v00"].Title, "in the order of issue")
	})
}

// A role that has lost a right says nothing about the media.
func TestAForbiddenCallIsNobodysEnd(t *testing.T) {
	l := newLibrary(2)
	l.readErr = fmt.Errorf("no right: %w", video.ErrForbidden)
	require.Equal(t, "failed", run(t, editor(t, l, nil), title("v00", 1, "x")))
	l.readErr = nil
	l.fault = func(int, video.Update) (error, bool) { return video.ErrForbidden, false }
	l.writeErr = video.ErrForbidden
	require.Equal(t, "failed failed", run(t, editor(t, l, nil), title("v00", 1, "x"), title("v01", 1, "x")))
	l.writeErr = nil
	require.Equal(t, "forbidden", run(t, editor(t, l, nil), title("v00", 1, "x")), "an item may be")
}

// What the journal could not be told fails the batch, which finds its writes done when
// it comes again.
func TestWhatTheJournalCouldNotBeToldIsNotForgotten(t *testing.T) {
	l, s := newLibrary(1), open(t)
	n := 0
	e, err := edit.New(edit.Config{Library: l, State: full{s, func() bool { n++; return n == 2 }}})
	require.NoError(t, err)
	_, err = e.Edit(t.Context(), "run", []video.Change{title("v00", 2, "new")})
	require.ErrorContains(t, err, "the disk is full")
	require.Equal(t, "unchanged", run(t, editor(t, l, s), title("v00", 2, "new")))
	require.Equal(t, "stale", run(t, editor(t, l, s), title("v00", 1, "older")))
	require.Equal(t, 1, l.writes)
}

// full are objects of which some cannot be created.
type full struct {
	state.Objects
	now func() bool
}

func (f full) Create(ctx context.Context, key string, body []byte) error {
	if f.now() {
		return errors.New("the disk is full")
	}
	return f.Objects.Create(ctx, key, body)
}

func TestWhatIsDoneIsNotReadAgain(t *testing.T) {
	l, s := newLibrary(1), open(t)
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 2, "new")))
	require.Equal(t, "unchanged stale rejected", run(t, editor(t, l, s), title("v00", 2, "new"), title("v00", 1, "older"), title("v00", 3, strings.Repeat("x", 129))))
	require.Equal(t, []int{1, 1}, []int{l.reads, l.writes})
}

// Whoever takes over from a killed editor finds in the journal what was written, and
// does the rest.
func TestWhoTakesOverDoesLittleAgain(t *testing.T) {
	// In a bubble of simulated time: what has ended when the kill comes is then no
	// matter of the machine's load.
	synctest.Test(t, func(t *testing.T) {
		l, s := newLibrary(200), open(t)
		l.takes = 100 * time.Millisecond
		l.onWrite = func() { time.Sleep(30 * time.Millisecond) }
		var changes []video.Change
		for id := range l.videos {
			changes = append(changes, title(string(id), 1, "new"))
		}
		ctx, kill := context.WithCancel(t.Context())
		l.fault = func(call int, _ video.Update) (error, bool) {
			if call == 6 {
				kill()
			}
			return nil, true
		}
		outcomes, err := editor(t, l, until{s, ctx}).Edit(ctx, "killed", changes)
		if err == nil { // the journal had already heard of all
			require.Contains(t, results(outcomes), "deferred")
		}
		reads, writes := l.reads, l.writes
		got := run(t, editor(t, l, s), changes...)
		require.Equal(t, 200, strings.Count(got, "done")+strings.Count(got, "unchanged"))
		require.LessOrEqual(t, l.writes, 10+4)
		require.LessOrEqual(t, l.reads, 10+8)
		for id, v := range l.videos {
			require.Equal(t, "new", v.Title, "%s", id)
		}
		t.Logf("200 media are 10 reads and 10 writes; killed after %d and %d, in all %d and %d", reads, writes, l.reads, l.writes)
	})
}

// until are objects that nobody can change any more when ctx has ended.
type until struct {
	state.Objects
	ctx context.Context
}

func (u until) Create(ctx context.Context, key string, body []byte) error {
	if u.ctx.Err() != nil {
		return u.ctx.Err()
	}
	return u.Objects.Create(ctx, key, body)
}

// Two writers add a tag each, and the second one comes between the other's reading
// and writing: what was read has to be read again.
func TestWhatARivalWroteMeanwhileIsNotLost(t *testing.T) {
	l, s := newLibrary(60), open(t)
	tag := func(id, name string, s int) video.Change {
		return video.Change{ID: video.ID(id), Tags: video.TagEdit{Add: []string{name}}, IssuedAt: at(s)}
	}
	var ours, theirs []video.Change
	for i := range 60 {
		id := fmt.Sprintf("v%02d", i)
		ours, theirs = append(ours, tag(id, "ours", 1)), append(theirs, tag(id, "theirs", 2))
	}
	racing := &race{Objects: s, before: func() {
		require.Equal(t, 60, strings.Count(run(t, editor(t, l, s), theirs...), "done"))
	}}
	require.Equal(t, 60, strings.Count(run(t, editor(t, l, racing), ours...), "done"))
	for id, v := range l.videos {
		require.ElementsMatch(t, []string{"ours", "theirs"}, v.Tags, "%s", id)
	}
}

func TestAnUnknownOutcomeIsSettledByReadingAgain(t *testing.T) {
	unknown := fmt.Errorf("cut off: %w", video.ErrUnknownOutcome)
	for name, tc := range map[string]struct {
		effect bool
		read   error
		want   string
	}{
		"it had taken effect":   {true, nil, "done"},
		"it had not":            {false, nil, "failed"},
		"reading does not work": {true, video.ErrThrottled, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLibrary(1)
			l.fault = func(int, video.Update) (error, bool) { return unknown, tc.effect }
			l.onWrite = func() { l.readErr = tc.read }
			require.Equal(t, tc.want, run(t, editor(t, l, nil), title("v00", 1, "new")))
			require.Equal(t, 2, l.reads)
		})
	}
}

func TestAnOlderChangeThatComesLaterDoesNotOverwriteANewerOne(t *testing.T) {
	l, s := newLibrary(1), open(t)
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 2, "second")))
	require.Equal(t, "stale", run(t, editor(t, l, s), title("v00", 1, "first")), "another instance knows it from the journal")
	require.Equal(t, "second", l.videos["v00"].Title)
}

func TestADuplicateDoesNotOverwriteWhatSomebodyElseWroteSince(t *testing.T) {
	l, s := newLibrary(1), open(t)
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 1, "ours")))
	l.videos["v00"] = video.Video{ID: "v00", Title: "theirs"}
	require.Equal(t, "unchanged", run(t, editor(t, l, s), title("v00", 1, "ours")))
	require.Equal(t, "theirs", l.videos["v00"].Title)
}

func TestWhatFailedIsDoneWhenItIsDeliveredAgain(t *testing.T) {
	l, s := newLibrary(2), open(t)
	l.fault = func(_ int, u video.Update) (error, bool) {
		if u.ID == "v01" {
			return video.ErrTransient, false
		}
		return nil, true
	}
	changes := []video.Change{title("v00", 1, "new"), title("v01", 1, "new")}
	require.Equal(t, "done failed", run(t, editor(t, l, s), changes...))
	l.fault = nil
	require.Equal(t, "unchanged done", run(t, editor(t, l, s), changes...))
}

func TestTheJournalKnowsOfAWriteBeforeItHappens(t *testing.T) {
	l, s := newLibrary(1), open(t)
	l.onWrite = func() {
		entry, err := edits.ReadEntry(context.Background(), s, "edits/000000000001")
		require.NoError(t, err)
		require.Equal(t, "run", entry.Run)
		require.Equal(t, "old", *entry.Media[0].Old.Title)
		require.Equal(t, "new", *entry.Media[0].Set.Title)
	}
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 1, "new")))
	require.Equal(t, 1, l.writes)
}

// failing objects stand for a state that is gone when the batch comes.
type failing struct{ state.Objects }

func (failing) Create(context.Context, string, []byte) error { return state.ErrFull }

func TestNothingIsWrittenThatTheJournalDoesNotKnowOf(t *testing.T) {
	l := newLibrary(1)
	_, err := editor(t, l, failing{open(t)}).Edit(t.Context(), "run", []video.Change{title("v00", 1, "new")})
	require.ErrorIs(t, err, state.ErrFull)
	require.Zero(t, l.writes)
}

func TestAWriterThatWasOvertakenDecidesAgain(t *testing.T) {
	l, s := newLibrary(1), open(t)
	slow, fast := editor(t, l, s), editor(t, l, s)
	require.Equal(t, "done", run(t, slow, title("v00", 1, "one")))
	racing := &race{Objects: s, before: func() {
		require.Equal(t, "done", run(t, fast, title("v00", 9, "nine")))
	}}
	require.Equal(t, "stale", run(t, editor(t, l, racing), title("v00", 5, "five")))
	require.Equal(t, "nine", l.videos["v00"].Title)
}

// race lets somebody else go first, once.
type race struct {
	state.Objects
	before func()
	once   sync.Once
}

func (r *race) Create(ctx context.Context, key string, body []byte) error {
	r.once.Do(r.before)
	return r.Objects.Create(ctx, key, body)
}

func TestWhatThereIsNoTimeForIsHandedBackUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(99)
		l.takes = 10 * time.Second
		var changes []video.Change
		for i := range 99 {
			changes = append(changes, title(fmt.Sprintf("v%02d", i), 1, "new"))
		}
		e, err := edit.New(edit.Config{Library: l, Parallel: 1})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		outcomes, err := e.Edit(ctx, "run", changes)
		require.NoError(t, err)
		require.NoError(t, ctx.Err(), "there is time left to send back the rest")
		done := strings.Count(results(outcomes), "done")
		require.Positive(t, done, "half of the time is kept for writing")
		require.Equal(t, 99-done, strings.Count(results(outcomes), "deferred"))
		require.Len(t, l.written, done)
		t.Logf("%d done, %d deferred, %d reads, %d writes in %s", done, 99-done, l.reads, l.writes, time.Minute)
	})
}

func TestWritingThatTakesLongEndsInTimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(200)
		l.onWrite = func() { time.Sleep(10 * time.Second) }
		var changes []video.Change
		for i := range 200 {
			changes = append(changes, title(fmt.Sprintf("v%02d", i), 1, "new"))
		}
		e, err := edit.New(edit.Config{Library: l, Parallel: 1})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		outcomes, err := e.Edit(ctx, "run", changes)
		require.NoError(t, err)
		require.NoError(t, ctx.Err(), "there is time left to send back the rest")
		require.Equal(t, 100, strings.Count(results(outcomes), "done"), "five calls begin within 48 s")
		require.Equal(t, 100, strings.Count(results(outcomes), "deferred"))
	})
}

func TestImagesGoTheirOwnWay(t *testing.T) {
	l := newLibrary(0)
	c := title("i1", 1, "new")
	c.Kind = video.KindImage
	require.Equal(t, "done", run(t, editor(t, l, open(t)), c))
	require.Equal(t, []video.ID{"i1"}, l.imageIDs)
	require.Zero(t, l.reads+l.writes)
}

// Batches with faults, split, repeated and out of order, by editors that come and
// go: when every change has had its say, the library is as if they had been
// applied in issue order, whatever happened on the way.
func TestWhateverHappensOnTheWayTheLaterIssuedChangeWins(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		s, err := state.Open(context.Background(), fmt.Sprintf("file:%s/%d", dir, n), state.Options{})
		require.NoError(t, err)
		defer s.Close() //nolint:errcheck // nothing is buffered
		l := newLibrary(3)
		l.fault = func(int, video.Update) (error, bool) {
			switch rapid.IntRange(0, 5).Draw(t, "fault") {
			case 0:
				return video.ErrTransient, false
			case 1:
				return video.ErrUnknownOutcome, false
			case 2:
				return video.ErrUnknownOutcome, true
			}
			return nil, true
		}
		tag := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2)
		change := rapid.Custom(func(t *rapid.T) video.Change {
			c := title(rapid.SampledFrom([]string{"v00", "v01", "v02"}).Draw(t, "id"), rapid.IntRange(0, 9).Draw(t, "at"),
				rapid.SampledFrom([]string{"old", "x", "y"}).Draw(t, "title"))
			c.Tags = video.TagEdit{Add: tag.Draw(t, "add"), Remove: tag.Draw(t, "remove")}
			return c
		})
		changes := rapid.SliceOfN(change, 1, 8).Draw(t, "changes")
		want := map[video.ID]video.Video{}
		for id, v := range l.videos {
			want[id] = v
		}
		ordered := slices.SortedFunc(slices.Values(changes), func(a, b video.Change) int {
			return editing.StampOf(a).Compare(editing.StampOf(b))
		})
		for _, c := range ordered {
			v := want[c.ID]
			v.Title, v.Tags = *c.Set.Title, c.Tags.Apply(v.Tags)
			want[c.ID] = v
		}

		queue := slices.Concat(changes, rapid.SliceOfN(rapid.SampledFrom(changes), 0, 3).Draw(t, "duplicates"))
		for round := 0; len(queue) > 0; round++ {
			require.Less(t, round, 200)
			queue = rapid.Permutation(queue).Draw(t, "arrival")
			batch := queue[:rapid.IntRange(1, len(queue)).Draw(t, "size")]
			outcomes, err := editor(t, l, s).Edit(context.Background(), fmt.Sprint(round), batch)
			require.NoError(t, err)
			var back []video.Change
			killed := rapid.IntRange(0, 9).Draw(t, "killed") == 0 // after the writes, before the acknowledgement
			for i, o := range outcomes {
				if killed || !slices.Contains([]video.Result{video.Done, video.Unchanged, video.Stale}, o.Result) {
					back = append(back, batch[i])
				}
			}
			queue = slices.Concat(queue[len(batch):], back)
			if round > 20 {
				l.fault = nil
			}
		}
		for id, v := range want {
			require.Equal(t, v.Title, l.videos[id].Title)
			require.ElementsMatch(t, v.Tags, l.videos[id].Tags)
		}
	})
}

func TestAnEditorNeedsALibrary(t *testing.T) {
	_, err := edit.New(edit.Config{})
	require.ErrorIs(t, err, video.ErrInvalid)
	require.False(t, errors.Is(err, video.ErrTransient))
}

// Recoverer raced a finishing worker (hibiken/asynq#717): the message of a slow
// worker is handed to another one, and both finish.
func TestOfTwoWorkersWithOneMessageOneRecordsTheOutcome(t *testing.T) {
	l, s := newLibrary(1), open(t)
	slow := &race{Objects: s, before: func() {
		require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 1, "new")))
	}}
	require.Equal(t, "unchanged", run(t, editor(t, l, slow), title("v00", 1, "new")))
	require.Len(t, l.written, 1)
}

// A write-through cache stored before it validated
// (aws-powertools/powertools-lambda-python#3821).
func TestWhatIsRejectedIsNotRemembered(t *testing.T) {
	l, s := newLibrary(1), open(t)
	require.Equal(t, "rejected missing", run(t, editor(t, l, s), title("v00", 9, strings.Repeat("x", 129)), title("gone", 9, "x")))
	for key, err := range s.List(t.Context(), "", "") {
		require.NoError(t, err)
		require.Fail(t, "remembered", key)
	}
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 1, "older, but fine")))
}

func TestTheChangesOfOthersAreToldFromOurs(t *testing.T) {
	s, now := open(t), time.Now()
	watch := edit.NewWatch(s)
	foreign := func(announced ...video.Update) []edit.Foreign {
		t.Helper()
		got, err := watch.Foreign(t.Context(), now.Add(-time.Minute), announced)
		require.NoError(t, err)
		return got
	}
	announce := func(title string, tags ...string) video.Update {
		return video.Update{ID: "v00", Fields: video.Fields{Title: &title}, Tags: &tags}
	}
	require.Equal(t, []edit.Foreign{{ID: "v00", Parts: []string{"tags", "title"}}}, foreign(announce("one", "a", "b")), "nobody of ours has written yet")

	l := newLibrary(1)
	c := title("v00", 1, "one")
	c.Tags.Add = []string{"b", "a"}
	require.Equal(t, "done done", run(t, editor(t, l, s), c, title("v00", 2, "two")))
	require.Equal(t, "done", run(t, editor(t, l, s), title("v00", 3, "three")))
	require.Empty(t, foreign(announce("two", "a", "b")), "the fold of both, whatever the order of the tags")
	require.Empty(t, foreign(announce("three", "b", "a")), "and what was written over it")
	require.Equal(t, []edit.Foreign{{ID: "v00", Parts: []string{"title"}}}, foreign(announce("theirs", "a", "b")))
	other := announce("two", "a", "b")
	other.ID = "v01"
	require.Equal(t, []edit.Foreign{{ID: "v01", Parts: []string{"tags", "title"}}}, foreign(other))

	fresh, err := edit.NewWatch(s).Foreign(t.Context(), now.Add(time.Hour), []video.Update{announce("three", "a", "b")})
	require.NoError(t, err)
	require.Len(t, fresh, 1, "who begins later does not read so far back")
	require.Empty(t, foreign())
	_, err = edit.NewWatch(unreadable{s}).Foreign(t.Context(), now, []video.Update{announce("x")})
	require.ErrorIs(t, err, video.ErrTransient)
}

type unreadable struct{ state.Objects }

func (unreadable) Read(context.Context, string) ([]byte, error) { return nil, video.ErrTransient }
