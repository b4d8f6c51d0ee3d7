package tag

import (
	"context"

	"vodcurator/shared/video"
)

// Sender asks the library's writer to run the rules over assets. It answers one outcome
// for each.
type Sender interface {
	Retag(ctx context.Context, targets []Target) ([]video.Outcome, error)
}

// Queued hands over which assets are not as the rules want them. What these want is
// decided again by whoever writes: nothing that was decided on an old reading is ever written.
type Queued struct{ To Sender }

// Write asks for the rules to be run; Done means that the queue has that.
func (q Queued) Write(ctx context.Context, wanted []Wanted) ([]video.Outcome, error) {
	targets := make([]Target, len(wanted))
	for i, w := range wanted {
		targets[i] = w.Target
	}
	return q.To.Retag(ctx, targets)
}
