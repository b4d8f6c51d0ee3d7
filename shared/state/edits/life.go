package edits

import (
	"context"
	"errors"
	"slices"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Wrote is what one entry of the log says of one asset.
type Wrote struct {
	Entry Entry // without its assets
	Media EditedMedia
	Void  bool // the library refused the write
}

// LifeOf reads from the log what was written to an asset, or to an image of its id, oldest
// first. Entries that the operator has removed are not known any more. seen is called for
// each entry that was read; nil: nobody counts.
func LifeOf(ctx context.Context, o state.Objects, id video.ID, seen func(n int)) ([]Wrote, error) {
	keys, err := LogEntries(ctx, o, "")
	if err != nil {
		return nil, err
	}
	entries, faults := make([]Entry, len(keys)), make([]error, len(keys))
	for from := 0; from < len(keys) && ctx.Err() == nil; from += readers {
		some := keys[from:min(from+readers, len(keys))]
		sideBySide(len(some), func(i int) { entries[from+i], faults[from+i] = ReadEntry(ctx, o, some[i]) })
		if seen != nil {
			seen(from + len(some))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []Wrote
	var unread []error
	place := map[string][]int{} // of an entry: where in all it stands
	for i, e := range entries {
		if errors.Is(faults[i], video.ErrNotFound) {
			continue // removed since it was listed
		}
		if faults[i] != nil {
			unread = append(unread, faults[i])
			continue
		}
		for _, s := range e.Settled {
			for _, at := range place[s.Of] {
				all[at].Void = all[at].Void || slices.Contains(s.Void, all[at].Media.Key())
			}
		}
		for _, m := range e.Written() {
			if m.ID == id {
				place[keys[i]] = append(place[keys[i]], len(all))
				all = append(all, Wrote{Entry{Version: e.Version, Run: e.Run, At: e.At}, m, false})
			}
		}
	}
	return all, errors.Join(unread...)
}
