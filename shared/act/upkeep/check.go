package upkeep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Check reads every object, one after the other, and gives the keys of those that are
// corrupt (state.ErrCorrupt), of those that a later version has written (state.ErrLater) and
// of those that have no name of this program (state.ErrStray), with why; a part that a plan
// needs and that is not there is given as well. Rules, policies, bodies of messages and marks
// are only read. An error without a key is the end.
func Check(ctx context.Context, o state.Objects, now time.Time) iter.Seq2[string, error] {
	readers := maps.Clone(state.Readers)
	maps.Copy(readers, removal.Readers)
	maps.Copy(readers, edits.Readers)
	return func(yield func(string, error) bool) {
		parts := map[string]bool{} // they are listed before the plans
		for key, err := range o.List(ctx, "", "") {
			if err != nil {
				yield("", err)
				return
			}
			if err := state.CheckName(key); err != nil {
				if !yield(key, err) {
					return
				}
				continue
			}
			dir, _, _ := strings.Cut(key, "/")
			read := readers[dir+"/"]
			if read == nil {
				read = plain
			}
			needs, err := read(ctx, o, key, now)
			switch {
			case errors.Is(err, video.ErrNotFound): // expired or compacted since it was listed
			case errors.Is(err, state.ErrCorrupt), errors.Is(err, state.ErrLater):
				if !yield(key, err) {
					return
				}
			case err != nil:
				yield("", err)
				return
			}
			if dir == "parts" {
				parts[key] = true
			}
			for _, part := range needs {
				if !parts[part] && !yield(part, fmt.Errorf("part of %s: %w", key, video.ErrNotFound)) {
					return
				}
			}
		}
	}
}

// plain reads what may hold anything.
func plain(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
	_, err := o.Read(ctx, key)
	return nil, err
}
