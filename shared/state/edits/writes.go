package edits

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Writes remembers what our own writers have lately put into the library, as the
// journal of metadata changes tells it, so that a change which the library announces
// can be known as ours or as somebody else's. It is not safe for concurrent use.
type Writes struct {
	objects state.Objects
	last    string // the key read last
	reach   time.Time
	made    map[write]time.Time
}

// write is one part of one media, and the digest of what was written there.
type write struct {
	key       editing.Key
	part, sum string
}

// writesKept is how long a write is remembered beyond what was asked for last.
const writesKept = time.Hour

// writesBehind is how many of the entries that the shards stand for may be as young as
// anybody asks for: more than ten minutes' worth of the highest rate.
const writesBehind = 10_000

// NewWrites makes one that knows nothing until CatchUp.
func NewWrites(o state.Objects) *Writes { return &Writes{objects: o, made: map[write]time.Time{}} }

// CatchUp learns what was written since a moment, or has been written since the
// last time if that is more.
func (w *Writes) CatchUp(ctx context.Context, since time.Time) error {
	after, back := w.last, w.last == "" || since.Before(w.reach)
	if back {
		after = ""
		if x, err := readIndex(ctx, w.objects); err == nil && x.From > writesBehind {
			after = entryKey(x.From - writesBehind) // a log that is never compacted is long
		}
	}
	keys, err := LogEntries(ctx, w.objects, after)
	if err != nil {
		return err
	}
	for _, key := range slices.Backward(keys) {
		e, err := ReadEntry(ctx, w.objects, key)
		if errors.Is(err, video.ErrNotFound) {
			break // compacted since it was listed, so it is older than anybody asks for
		}
		if err != nil && !errors.Is(err, state.ErrLater) { // what a later version wrote counts as another's
			return err
		}
		if back && e.At.Before(since) {
			break
		}
		w.learn(e)
	}
	if len(keys) > 0 {
		w.last = keys[len(keys)-1]
	}
	if back {
		w.reach = since
	}
	if old := since.Add(-writesKept); w.reach.Before(old) {
		w.reach = old
		maps.DeleteFunc(w.made, func(_ write, at time.Time) bool { return at.Before(old) })
	}
	return nil
}

func (w *Writes) learn(e Entry) {
	for _, m := range e.Media {
		value, parts := editing.OfUpdate(video.Update{Fields: m.Set.Fields, Tags: m.Set.Tags})
		for _, part := range parts {
			w.made[write{m.Key(), part, editing.Sum(value, part)}] = e.At
		}
	}
}

// Ours says whether one of our writers has lately given this part this value.
func (w *Writes) Ours(k editing.Key, part string, v editing.Value) bool {
	_, ok := w.made[write{k, part, editing.Sum(v, part)}]
	return ok
}
