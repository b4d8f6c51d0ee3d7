package tag

import (
	"context"
	"time"

	"vodcurator/shared/video"
)

// Updater is the library's writing side.
type Updater interface {
	Update(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
	UpdateImages(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
}

// Direct writes to the library. The provider replaces a whole tag list and has no
// version to compare, so what another writer adds between our read and our write
// is lost: with more than one writer, use Queued.
type Direct struct{ To Updater }

// Write resolves each change against the tags that were read with it.
func (d Direct) Write(ctx context.Context, wanted []Wanted) ([]video.Outcome, error) {
	outcomes := make([]video.Outcome, len(wanted))
	var videos, images []video.Update
	var videoAt, imageAt []int
	for i, w := range wanted {
		update := video.Update{ID: w.Change.ID, Kind: w.Change.Kind, Fields: w.Change.Set}
		if !w.Change.Tags.Empty() {
			tags := w.Change.Tags.Apply(w.Have)
			update.Tags = &tags
		}
		if err := update.Check(); err != nil {
			outcomes[i] = outcome(update.ID, err)
			continue
		}
		if update.Kind == video.KindImage {
			images, imageAt = append(images, update), append(imageAt, i)
		} else {
			videos, videoAt = append(videos, update), append(videoAt, i)
		}
	}
	var first error
	for _, part := range []struct {
		updates []video.Update
		at      []int
		write   func(context.Context, []video.Update) ([]video.Outcome, error)
	}{{videos, videoAt, d.To.Update}, {images, imageAt, d.To.UpdateImages}} {
		if len(part.updates) == 0 {
			continue
		}
		got, err := part.write(ctx, part.updates)
		if first == nil {
			first = err
		}
		for j, i := range part.at {
			if j < len(got) {
				outcomes[i] = got[j]
			} else {
				outcomes[i] = outcome(wanted[i].Change.ID, notTried(err))
			}
		}
	}
	return outcomes, first
}

// Sender puts changes into the metadata queue. It answers one outcome for each.
type Sender interface {
	Send(ctx context.Context, changes []video.Change) ([]video.Outcome, error)
}

// Queued hands changes to the metadata queue, whose consumer is then the only
// writer: no update is lost, and a burst of uploads becomes a few calls.
type Queued struct {
	To  Sender
	Now func() time.Time // the moment of sending, which orders changes
}

// Write sends the changes; Done means that the queue has them.
func (q Queued) Write(ctx context.Context, wanted []Wanted) ([]video.Outcome, error) {
	changes := make([]video.Change, len(wanted))
	for i, w := range wanted {
		changes[i] = w.Change
		changes[i].IssuedAt = q.Now().UTC()
	}
	return q.To.Send(ctx, changes)
}

func notTried(err error) error {
	if err == nil {
		return video.ErrClosed
	}
	return err
}
