package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// settle finds out by reading what became of intents without an outcome. What is
// gone counts as removed by us: we asked for it. What is still there is tried
// again, or has failed when this was the last try. That works without a permit: nothing
// is removed.
func (w *work) settle(ctx context.Context, last bool) error {
	open := w.unsettled()
	if len(open) == 0 {
		return nil
	}
	w.await(ctx)
	first := true
	for some := range slices.Chunk(open, settledAtOnce) {
		if err := w.hold(ctx); err != nil {
			return err
		}
		if err := late(ctx); err != nil && !first {
			return errors.Join(err, w.flush(ctx))
		}
		if err := w.settleSome(ctx, some, last); err != nil {
			return err
		}
		if first = false; len(w.rows) < rowsAtOnce {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

const (
	settledAtOnce = 5 * video.MaxBatch // read well within a lease
	rowsAtOnce    = 1000               // written at the latest
)

// settleSome reads what became of some open items.
func (w *work) settleSome(ctx context.Context, open []retention.Item, last bool) error {
	began := w.Now()
	ids := distinct(open)
	answers, err := w.reads.Media(ctx, ids)
	if err != nil {
		return fmt.Errorf("settle %d assets: %w", len(ids), err)
	}
	for _, item := range open {
		at := slices.IndexFunc(answers, func(a video.Answer[video.Media]) bool { return a.ID == item.ID })
		if at < 0 {
			continue // still open
		}
		k := keyOf(item)
		w.modified[item.ID] = answers[at].Value.Modified
		a := w.attempts[k].AfterRead(removal.Permit{}, retention.Look(item, answers[at]), began)
		a.Last = last
		w.attempts[k] = a
		if _, err := w.next(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

// await waits until no call without an answer can have its effect any more, where the
// run's time allows that; else the next run looks.
func (w *work) await(ctx context.Context) {
	var until time.Time
	for _, item := range w.tally.Open() {
		if doubt := w.attempts[keyOf(item)].Doubt; doubt.After(until) {
			until = doubt
		}
	}
	rest := until.Sub(w.Now())
	if deadline, limited := ctx.Deadline(); rest > 0 && (!limited || time.Until(deadline) > rest+reserve) {
		w.Wait(ctx, until)
	}
}
