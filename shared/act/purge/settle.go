package purge

import (
	"context"
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
	if err := w.hold(ctx); err != nil {
		return err
	}
	began := w.Now()
	ids := distinct(open)
	answers, err := w.Library.Media(ctx, ids)
	if err != nil {
		return fmt.Errorf("settle %d media: %w", len(ids), err)
	}
	for _, item := range open {
		at := slices.IndexFunc(answers, func(a video.Answer[video.Media]) bool { return a.ID == item.ID })
		if at < 0 {
			continue // still open
		}
		k := keyOf(item)
		a := w.attempts[k].AfterRead(removal.Permit{}, retention.Look(item, answers[at]), began)
		a.Last = last
		w.attempts[k] = a
		if _, err := w.next(ctx, item); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// unsettled are the intents without an outcome, but for moves that this run had accepted:
// they are under way, and the next run looks.
func (w *work) unsettled() []retention.Item {
	return slices.DeleteFunc(w.tally.Open(), func(i retention.Item) bool { return w.attempts[keyOf(i)].Accepted() })
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
