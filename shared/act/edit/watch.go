package edit

import (
	"context"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Watch tells the changes of other writers, a CMS say, from those of the library's
// Editors, which the library announces alike. It is safe for concurrent use.
type Watch struct {
	mu     sync.Mutex
	writes *edits.Writes
}

// NewWatch makes a Watch over the objects in which the Editors keep their journal.
func NewWatch(o state.Objects) *Watch { return &Watch{writes: edits.NewWrites(o)} }

// Foreign is what another writer changed.
type Foreign struct {
	ID    video.ID
	Parts []string // title, description, category, cover, tags
}

// Foreign returns, of changes that the library announced, those that no Editor has
// written since the moment given. It should lie some minutes before the first of
// them, by the clock of the Editors. An announcement is not signed: what comes of it
// is something to be told, not to be acted upon.
func (w *Watch) Foreign(ctx context.Context, since time.Time, announced []video.Update) ([]Foreign, error) {
	if len(announced) == 0 {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.writes.CatchUp(ctx, since); err != nil {
		return nil, err
	}
	var all []Foreign
	for _, u := range announced {
		value, parts := editing.OfUpdate(u)
		parts = slices.DeleteFunc(parts, func(part string) bool { return w.writes.Ours(keyOf(u), part, value) })
		if len(parts) > 0 {
			all = append(all, Foreign{u.ID, parts})
		}
	}
	return all, nil
}
