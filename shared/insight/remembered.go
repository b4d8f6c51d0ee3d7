package insight

import (
	"context"
	"sync"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Remembered tells what the library's writer remembers of assets; nil without STATE.
func Remembered(app *boot.App) func(context.Context, []tag.Target) ([]tagging.Memory, error) {
	if app.State == nil {
		return nil
	}
	var mu sync.Mutex
	journal := edits.NewReader(app.State)
	return func(ctx context.Context, targets []tag.Target) ([]tagging.Memory, error) {
		mu.Lock()
		defer mu.Unlock()
		keys := make([]editing.Key, len(targets))
		for i, t := range targets {
			keys[i] = editing.Key{ID: t.ID, Image: t.Kind == video.KindImage}
		}
		if err := journal.Refresh(ctx, keys); err != nil {
			return nil, err
		}
		all := make([]tagging.Memory, len(targets))
		for i, k := range keys {
			r, err := journal.Known(k)
			if err != nil {
				return nil, err
			}
			all[i] = r.Rules
		}
		return all, nil
	}
}
