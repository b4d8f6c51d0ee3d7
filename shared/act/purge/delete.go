package purge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

const (
	side   = 4 // calls for single assets in flight
	passes = 3 // through a plan, for what waits for another try
)

// all goes through the plan. Whatever stops it early wraps video.ErrDeferred, or is
// a failure of the state or the library. What the library put off is tried again at the
// next pass, when all others had their turn.
func (w *work) all(ctx context.Context) error {
	for pass := range passes {
		settled := w.tally.Settled()
		if err := w.settle(ctx, false); err != nil {
			return err
		}
		w.again = false
		if err := w.pass(ctx); err != nil {
			return err
		}
		open := len(w.unsettled()) > 0
		if !open && !w.again {
			return nil
		}
		if !open && pass > 0 && w.tally.Settled() == settled {
			return nil // nothing moves: the next run tries it
		}
	}
	return w.settle(ctx, !w.moves()) // the next run asks for a move again
}

// pass goes through the plan once.
func (w *work) pass(ctx context.Context) error {
	var b batches
	err := w.entries(ctx, func(v retention.Verdict, _ int) error {
		v.Items = slices.DeleteFunc(v.Items, func(i retention.Item) bool {
			return w.waitsElsewhere(i) || w.moves() && w.tally.Of(keyOf(i)).Phase == removal.Open
		})
		if len(v.Items) == 0 {
			return nil
		}
		if full := b.add(v); full != nil {
			return w.batch(ctx, full)
		}
		return nil
	})
	for _, batch := range b.rest() {
		if err != nil {
			return err
		}
		err = w.batch(ctx, batch)
	}
	return err
}

// waitsElsewhere says that another plan of this run asked for the item in vain: once a run
// is enough, however many plans list it.
func (w *work) waitsElsewhere(i retention.Item) bool {
	by, waits := w.waits[keyOf(i)]
	return waits && by != w.plan.ID
}

// batch removes the items of at most 20 assets. When a call was put off as a whole, by a
// throttle or a passing failure, its items are looked at again and asked for again, each
// time a little later.
func (w *work) batch(ctx context.Context, entries []retention.Verdict) error {
	for try := 1; ; try++ {
		off, err := w.attempt(ctx, entries)
		if err != nil || len(off) == 0 {
			return err
		}
		if try == removal.MaxTries {
			for range off {
				w.count(true)
			}
			return nil
		}
		if err := w.pause(ctx, try); err != nil {
			return err
		}
		entries = only(entries, func(i retention.Item) bool { return off[keyOf(i)] })
	}
}

// only gives the entries with some of their items.
func only(entries []retention.Verdict, keep func(retention.Item) bool) (some []retention.Verdict) {
	for _, e := range entries {
		e.Items = slices.DeleteFunc(slices.Clone(e.Items), func(i retention.Item) bool { return !keep(i) })
		if len(e.Items) > 0 {
			some = append(some, e)
		}
	}
	return some
}

// pause waits before a repeat. It ends before the deadline.
func (r *run) pause(ctx context.Context, try int) error {
	timer := time.NewTimer(r.Backoff(try))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return late(ctx)
}

// attempt takes the items of at most 20 assets as far as one recheck carries them: ask,
// read again, write down, call. It gives those whose call was put off as a whole.
func (w *work) attempt(ctx context.Context, entries []retention.Verdict) (off map[removal.Key]bool, err error) {
	if err := w.may(ctx); err != nil {
		return nil, err
	}
	permit, began := w.gate().Permit(), w.Now()
	found, err := w.judge(ctx, entries)
	if err != nil {
		return nil, err
	}
	var going, cached []retention.Item
	for i, e := range entries {
		for n, item := range e.Items {
			k := keyOf(item)
			a := w.attempts[k].AfterRead(permit, found[i][n], began)
			a.Refresh = w.Policy.Refresh && w.plan.Hash != "" // a takedown has asked for it before
			w.attempts[k] = a
			move, err := w.next(ctx, item)
			if err != nil {
				return nil, err
			}
			switch move.Step {
			case removal.Intend:
				going = append(going, item)
			case removal.Refresh:
				cached = append(cached, item)
			}
		}
	}
	if fresh := w.refresh(ctx, cached); len(fresh) > 0 {
		going = append(going, fresh...)
		return w.attempt(ctx, only(entries, func(i retention.Item) bool { return slices.ContainsFunc(going, i.Same) }))
	}
	if len(going) == 0 {
		return nil, nil
	}
	for _, item := range going {
		row := w.row(stored.Intent, item, "", "")
		w.rows = append(w.rows, row)
		w.note(row)
		w.attempts[keyOf(item)] = w.attempts[keyOf(item)].AfterIntent()
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.remove(ctx, permit, going)
}

// next does what needs no call for an item: outcomes are written with the next segment.
// It gives the step that comes then.
func (w *work) next(ctx context.Context, item retention.Item) (removal.Move, error) {
	k := keyOf(item)
	for {
		a := w.attempts[k]
		p := w.tally.Of(k)
		move := removal.Next(p, a, w.gate())
		if move.Step != removal.End {
			return move, nil
		}
		if move.Result == video.Done && move.Why == removal.GoneAfterCall {
			by, err := w.elsewhere(ctx, item)
			if err != nil {
				return move, err
			}
			if by != "" { // one removal is told once
				move.Result, move.Why = video.Missing, "removed by "+by
			}
		}
		w.end(item, move.Result, move.Why)
		if move.Result == video.Deferred && a.Answer != nil {
			w.again, w.waits[k] = true, w.plan.ID
		}
		if refusedByLibrary(p, a, move) {
			w.setAside(item, move.Why)
		}
	}
}

// refusedByLibrary says that the item cannot go because the library says so of it, and
// not for what the plan or a person wants.
func refusedByLibrary(p removal.Progress, a removal.Attempt, move removal.Move) bool {
	switch move.Result {
	case video.Rejected, video.Forbidden:
		return a.Answer == nil || !a.AsOne // rights that are missing are no fault of the item
	case video.Kept: // a move that was undone may have modified the asset, so that no plan asks twice
		return a.Answer != nil || p.Undone > 0
	case video.Unchanged:
		return a.Answer != nil
	case video.Failed:
		return move.Why == removal.UndoneOften
	}
	return false
}

// refresh takes the assets of items out of the CDN's caches while they still exist, and
// gives the items of those for which that was accepted.
func (w *work) refresh(ctx context.Context, items []retention.Item) (fresh []retention.Item) {
	if len(items) == 0 {
		return nil
	}
	outcomes, err := w.CDN.RefreshPlayURLs(ctx, distinct(items))
	for _, item := range items {
		if w.refreshed(item, outcomes, err) {
			fresh = append(fresh, item)
		}
	}
	return fresh
}

// refreshed says whether the CDN accepted to forget an asset; if not the item gets its outcome.
func (w *work) refreshed(item retention.Item, outcomes []video.Outcome, err error) bool {
	o := video.Outcome{Result: video.ResultOf(err), Err: err}
	if at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.ID == item.ID }); at >= 0 {
		o = outcomes[at]
	} else if err == nil {
		o.Result = video.Unknown
	}
	if o.Result == video.Done {
		w.attempts[keyOf(item)] = w.attempts[keyOf(item)].AfterRefresh()
		return true
	}
	w.count(err != nil)
	result := video.Deferred
	if slices.Contains([]video.Result{video.Missing, video.Forbidden, video.Rejected}, o.Result) {
		result = video.Failed // it would be the same at every try
	}
	w.end(item, result, fmt.Sprintf("not refreshed in the CDN: %s %v", o.Result, o.Err))
	return false
}

// remove makes the calls, parts before wholes, each once and under its permit, and gives
// every item its outcome, except those whose outcome is unknown: they stay open and are
// read later. It gives the items whose call was put off as a whole.
func (w *work) remove(ctx context.Context, permit removal.Permit, going []retention.Item) (map[removal.Key]bool, error) {
	c := &caller{work: w, off: map[removal.Key]bool{}}
	under, cancel := w.under(ctx, permit)
	defer cancel()
	if w.moves() {
		c.move(ctx, under, going)
		return c.off, c.err
	}
	of := func(kind retention.Kind) (items []retention.Item) {
		for _, i := range going {
			if i.Kind == kind {
				items = append(items, i)
			}
		}
		return items
	}
	c.each(ctx, of(retention.Stream), func(id video.ID, jobs []string) ([]video.Outcome, error) {
		return w.Library.DeleteStreams(under, id, jobs)
	})
	c.together(ctx, of(retention.Source), func(ids []video.ID) ([]video.Outcome, error) {
		return w.Library.DeleteSources(under, ids, false)
	})
	c.each(ctx, of(retention.Images), func(id video.ID, types []string) ([]video.Outcome, error) {
		return nil, w.Library.DeleteImagesOf(under, id, types...)
	})
	c.together(ctx, of(retention.Whole), func(ids []video.ID) ([]video.Outcome, error) {
		return w.Library.DeleteVideos(under, ids)
	})
	return c.off, c.err
}

// caller makes the calls of one permit.
type caller struct {
	*work
	off map[removal.Key]bool
	err error
}

// callable gives the items that may be called for now. The others get their outcome.
func (c *caller) callable(ctx context.Context, items []retention.Item) (now []retention.Item) {
	for _, i := range items {
		move, err := c.next(ctx, i)
		if c.err == nil {
			c.err = err
		}
		if move.Step == removal.Call && err == nil {
			now = append(now, i)
		}
	}
	return now
}

// together makes one call for many assets.
func (c *caller) together(ctx context.Context, items []retention.Item, call func([]video.ID) ([]video.Outcome, error)) {
	if items = c.callable(ctx, items); len(items) == 0 {
		return
	}
	outcomes, err := call(distinct(items))
	for _, item := range items {
		at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.ID == item.ID })
		c.answer(ctx, item, outcomes, at, err)
	}
}

// each calls for one asset at a time, a few side by side, and takes the outcomes
// in the order of the items.
func (c *caller) each(ctx context.Context, items []retention.Item, call func(id video.ID, parts []string) ([]video.Outcome, error)) {
	type answer struct {
		items    []retention.Item
		outcomes []video.Outcome
		err      error
	}
	ids := distinct(items)
	answers := make([]answer, len(ids))
	slots := make(chan struct{}, side)
	var wg sync.WaitGroup
	for n, id := range ids {
		slots <- struct{}{}
		a := &answers[n]
		a.items = c.callable(ctx, slices.DeleteFunc(slices.Clone(items), func(i retention.Item) bool { return i.ID != id }))
		if len(a.items) == 0 {
			<-slots
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			var parts []string
			for _, i := range a.items {
				parts = append(parts, i.Part)
			}
			a.outcomes, a.err = call(id, parts)
		})
	}
	wg.Wait()
	for _, a := range answers {
		for _, item := range a.items {
			at := slices.IndexFunc(a.outcomes, func(o video.Outcome) bool { return o.Part == item.Part })
			c.answer(ctx, item, a.outcomes, at, a.err)
		}
	}
}

// answer takes what a call said of an item. An answer that leaves it out does not say
// that it happened, unless it speaks of nothing at all.
func (c *caller) answer(ctx context.Context, item retention.Item, outcomes []video.Outcome, at int, err error) {
	o := video.Outcome{ID: item.ID, Part: item.Part, Result: video.Unknown}
	switch {
	case at >= 0:
		o = outcomes[at]
	case err != nil:
		o.Result, o.Err = video.ResultOf(err), err
	case outcomes == nil && (item.Kind == retention.Images || item.Kind == retention.Stream):
		o.Result = video.Done
	}
	k := keyOf(item)
	a := c.attempts[k].AfterCall(o)
	a.AsOne = err != nil
	c.attempts[k] = a
	if a.Doubt.After(c.doubt) {
		c.doubt = a.Doubt
	}
	if err != nil && (o.Result == video.Deferred || o.Result == video.Failed && video.Passing(o.Err)) {
		c.off[k] = true // counted when it was tried often enough
	} else {
		c.count(err != nil || o.Result == video.Unknown)
	}
	if _, next := c.next(ctx, item); c.err == nil {
		c.err = next
	}
}
