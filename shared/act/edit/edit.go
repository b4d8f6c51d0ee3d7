// Package edit carries out a batch of metadata changes: it reads the media, lets
// decide/editing fold the changes, remembers in the journal what it is about to
// do, writes the difference, and says for every change what came of it.
//
// n media cost ⌈n/20⌉ reads and the m that differ ⌈m/20⌉ writes. A write whose
// outcome is unknown is settled by reading again. An Editor is meant to be the
// library's only writer: the journal notices a second one, but nothing can keep
// two writers' calls to the library apart.
//
// It queues nothing, repeats nothing that failed and acknowledges nobody.
package edit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Library is what editing needs of the library. Each call takes at most
// video.MaxBatch and answers one entry per input, in the order given.
type Library interface {
	Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error)
	Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error)
	Update(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
	UpdateImages(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
}

// Config is what an Editor is made of.
type Config struct {
	Library Library // required
	// State keeps watermarks and old values. Without it the order of issue holds
	// within a batch only, and nothing can be taken back.
	State state.Objects
	// Reserve is how long before the deadline of the context the last call may
	// begin; default: a fifth of the time there is, at most 15 s.
	Reserve  time.Duration
	Parallel int // calls under way together, default 8
	Log      *slog.Logger
}

// Editor carries out batches, one after the other.
type Editor struct {
	c       Config
	turn    chan struct{} // holds one token: whose turn it is
	journal *state.Journal
}

// New checks and fills the configuration. It makes no call.
func New(c Config) (*Editor, error) {
	if c.Library == nil {
		return nil, fmt.Errorf("edit: %w: no library", video.ErrInvalid)
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Editor{c: c, turn: make(chan struct{}, 1)}
	if c.State != nil {
		e.journal = state.NewJournal(c.State)
	}
	return e, nil
}

// Edit carries out a batch and returns one outcome for each change, in the order
// given. run names the batch in the journal. What there was no time for is
// Deferred: nothing was done about it. An error means that the journal could not
// be used; nothing was written then that it does not know of, and doing the whole
// batch again is safe.
func (e *Editor) Edit(ctx context.Context, run string, changes []video.Change) ([]video.Outcome, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for try := 1; ; try++ {
		outcomes, err := e.edit(ctx, run, changes)
		if !errors.Is(err, state.ErrExists) || try == 5 {
			return outcomes, err
		}
		e.c.Log.WarnContext(ctx, "another writer was faster", slog.Int("try", try))
	}
}

func (e *Editor) edit(ctx context.Context, run string, changes []video.Change) ([]video.Outcome, error) {
	if e.journal != nil {
		if err := e.journal.CatchUp(ctx); err != nil {
			return nil, err
		}
	}
	start, stop := time.Now(), e.stop(ctx)
	half := stop
	if !stop.IsZero() {
		half = start.Add(stop.Sub(start) / 2) // what was read has to be written, too
	}
	known := e.read(ctx, half, readable(changes))
	edits, verdicts := editing.Fold(changes, func(k editing.Key) editing.Known {
		now, ok := known[k]
		if !ok {
			now.Err = video.ErrClosed
		}
		if e.journal != nil {
			now.Marks = e.journal.Marks(k)
		}
		return now
	})
	entry, err := e.remember(ctx, run, start, edits)
	if err != nil {
		return nil, err
	}
	written := e.write(ctx, stop, edits)
	e.settle(ctx, run, entry, edits, written)

	outcomes := make([]video.Outcome, len(changes))
	for i, v := range verdicts {
		outcomes[i] = video.Outcome{ID: changes[i].ID, Result: v.Result, Reason: v.Reason, Err: v.Err}
		if v.Result != video.Done {
			continue
		}
		if w := written[editing.KeyOf(changes[i])]; w.Result != video.Done {
			outcomes[i] = w
		}
	}
	return outcomes, nil
}

// stop is when the last call may begin; zero: whenever.
func (e *Editor) stop(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	reserve := e.c.Reserve
	if reserve <= 0 {
		reserve = min(time.Until(deadline)/5, 15*time.Second)
	}
	return deadline.Add(-reserve)
}

// readable are the media worth reading: those that a well-formed change is about.
func readable(changes []video.Change) []editing.Key {
	var keys []editing.Key
	seen := map[editing.Key]bool{}
	for _, c := range changes {
		if k := editing.KeyOf(c); !seen[k] && c.Check() == nil {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func isImage(k editing.Key) bool { return k.Image }

// read reads the media that it can before stop. The others are not in the answer.
func (e *Editor) read(ctx context.Context, stop time.Time, keys []editing.Key) map[editing.Key]editing.Known {
	known := make(map[editing.Key]editing.Known, len(keys))
	var mu sync.Mutex
	inGroups(ctx, e.c.Parallel, stop, keys, isImage, func(image bool, group []editing.Key) {
		ids := make([]video.ID, len(group))
		for i, k := range group {
			ids[i] = k.ID
		}
		var got []editing.Known
		if image {
			answers, _ := e.c.Library.Images(ctx, ids) // each answer carries its own error
			for _, a := range answers {
				got = append(got, editing.Known{Value: editing.OfImage(a.Value), Err: a.Err})
			}
		} else {
			answers, _ := e.c.Library.Videos(ctx, ids)
			for _, a := range answers {
				got = append(got, editing.Known{Value: editing.OfVideo(a.Value), Err: a.Err})
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for i, k := range group[:min(len(group), len(got))] {
			known[k] = got[i]
		}
	})
	return known
}

// remember creates the journal's entry of what is about to happen.
func (e *Editor) remember(ctx context.Context, run string, at time.Time, edits []editing.Edit) (key string, err error) {
	if e.journal == nil || len(edits) == 0 {
		return "", nil
	}
	entry := state.Entry{Run: run, At: at.UTC(), Media: make([]state.EditedMedia, len(edits))}
	for i, edit := range edits {
		k := keyOf(edit.Update)
		entry.Media[i] = state.EditedMedia{ID: k.ID, Image: k.Image, Set: values(edit.Update), Old: values(edit.Old), Marks: edit.Marks}
	}
	return e.journal.Append(ctx, entry)
}

// settle tells the journal which writes are not known to have succeeded. Without
// that word a change that is delivered again is compared with the library once
// more, which is safe but for other writers; so a failure here is only logged.
func (e *Editor) settle(ctx context.Context, run, entry string, edits []editing.Edit, written map[editing.Key]video.Outcome) {
	if entry == "" || len(written) == 0 {
		return
	}
	var open []editing.Key
	for _, edit := range edits {
		k := keyOf(edit.Update)
		if w, ok := written[k]; ok && w.Result != video.Done {
			open = append(open, k)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for try := 1; ; try++ {
		_, err := e.journal.Append(ctx, state.Entry{Run: run, At: time.Now().UTC(), Of: entry, Open: open})
		if err == nil {
			return
		}
		if errors.Is(err, state.ErrExists) && try < 5 {
			err = e.journal.CatchUp(ctx)
		}
		if err != nil {
			e.c.Log.WarnContext(ctx, "journal entry stays open", slog.String("entry", entry), slog.Any("error", err))
			return
		}
	}
}

// write sends the updates and gives one outcome for each media that has one.
func (e *Editor) write(ctx context.Context, stop time.Time, edits []editing.Edit) map[editing.Key]video.Outcome {
	var updates []video.Update
	written := map[editing.Key]video.Outcome{}
	for _, edit := range edits {
		if u := edit.Update; !u.Empty() {
			updates = append(updates, u)
			written[keyOf(u)] = video.Outcome{ID: u.ID, Result: video.Deferred, Reason: "no time left", Err: video.ErrClosed}
		}
	}
	var mu sync.Mutex
	inGroups(ctx, e.c.Parallel, stop, updates, func(u video.Update) bool { return u.Kind == video.KindImage },
		func(image bool, group []video.Update) {
			call := e.c.Library.Update
			if image {
				call = e.c.Library.UpdateImages
			}
			outcomes, _ := call(ctx, group) // each outcome carries its own error
			e.ask(ctx, image, group, outcomes)
			mu.Lock()
			defer mu.Unlock()
			for i, u := range group[:min(len(group), len(outcomes))] {
				written[keyOf(u)] = outcomes[i]
			}
		})
	return written
}

// ask settles what a write left unknown: it reads those media once more. What is
// not as it should be had no effect, or not yet: it is a passing failure.
func (e *Editor) ask(ctx context.Context, image bool, group []video.Update, outcomes []video.Outcome) {
	var keys []editing.Key
	for i, o := range outcomes {
		if o.Result == video.Unknown {
			keys = append(keys, editing.Key{ID: group[i].ID, Image: image})
		}
	}
	known := e.read(ctx, time.Time{}, keys)
	for i, o := range outcomes {
		now, ok := known[keyOf(group[i])]
		switch {
		case !ok || now.Err != nil:
		case editing.Holds(now.Value, group[i]):
			outcomes[i] = video.Outcome{ID: o.ID, Result: video.Done, Reason: "read back"}
		default:
			err := fmt.Errorf("%w: read back, it had no effect: %s", video.ErrTransient, o.Reason)
			outcomes[i] = video.Outcome{ID: o.ID, Result: video.Failed, Reason: err.Error(), Err: err}
		}
	}
}

// inGroups calls do for items of one sort, at most video.MaxBatch together, a few
// calls at a time, and begins no call after stop. One failing call does not keep
// the others from being tried.
func inGroups[T any](ctx context.Context, parallel int, stop time.Time, items []T, image func(T) bool, do func(image bool, group []T)) {
	var wait sync.WaitGroup
	defer wait.Wait()
	slots := make(chan struct{}, parallel)
	for _, images := range []bool{false, true} {
		some := slices.DeleteFunc(slices.Clone(items), func(item T) bool { return image(item) != images })
		for group := range slices.Chunk(some, video.MaxBatch) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
			}
			if ctx.Err() != nil || !stop.IsZero() && !time.Now().Before(stop) {
				return
			}
			wait.Go(func() {
				defer func() { <-slots }()
				do(images, group)
			})
		}
	}
}

func keyOf(u video.Update) editing.Key {
	return editing.Key{ID: u.ID, Image: u.Kind == video.KindImage}
}

func values(u video.Update) state.Values { return state.Values{Fields: u.Fields, Tags: u.Tags} }
