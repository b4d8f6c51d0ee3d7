package edits

import (
	"context"
	"errors"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Newest is where the journal stands.
type Newest struct {
	Entries int       `json:"entries"` // of the log, behind what the shards stand for
	Run     string    `json:"run,omitempty"`
	At      time.Time `json:"at,omitzero"` // of the last entry; zero: there is none, or it was removed
}

// ReadNewest reads the index and the last entry.
func ReadNewest(ctx context.Context, o state.Objects) (Newest, error) {
	x, err := readIndex(ctx, o)
	if err != nil {
		return Newest{}, err
	}
	keys, err := LogEntries(ctx, o, entryKey(x.From))
	if err != nil {
		return Newest{}, err
	}
	n, last := Newest{Entries: len(keys)}, entryKey(x.From)
	if len(keys) > 0 {
		last = keys[len(keys)-1]
	}
	switch e, err := ReadEntry(ctx, o, last); {
	case err == nil:
		n.Run, n.At = e.Run, e.At
	case !errors.Is(err, video.ErrNotFound):
		return n, err
	}
	return n, nil
}
