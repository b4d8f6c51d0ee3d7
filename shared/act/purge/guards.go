package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// portion is what of a plan is to be removed now.
type portion struct {
	items int              // of the plan, as far as they are approved
	going []retention.Item // those that can still go
	over  []string         // guards that they break, with all else of this night
	fits  int              // so many of the plan's first items would not break them
}

// remedy names the command that goes on where the guards stop.
func (p portion) remedy(plan string, c consent) string {
	switch {
	case p.fits == 0:
		return ""
	case c.self:
		return fmt.Sprintf("; approve a portion: vodctl approve %s --first %d", plan, p.fits)
	}
	return fmt.Sprintf("; approve a portion of the next plan: vodctl approve PLAN --first %d", p.fits)
}

// sum counts items of several plans, each once.
type sum struct {
	stored.Totals
	items map[removal.Key]bool
	media map[video.ID]bool
}

func newSum(maps ...map[removal.Key]retention.Item) *sum {
	s := &sum{items: map[removal.Key]bool{}, media: map[video.ID]bool{}}
	for _, m := range maps {
		for k, i := range m {
			if !s.items[k] {
				s.items[k] = true
				s.add(i, !s.media[k.ID])
				s.media[k.ID] = true
			}
		}
	}
	return s
}

func (s *sum) add(i retention.Item, newMedia bool) {
	one := stored.Totals{}
	one.Add(i)
	if !newMedia {
		one.Media = 0
	}
	s.Media, s.Items, s.Bytes, s.Unknown = s.Media+one.Media, s.Items+one.Items, s.Bytes+one.Bytes, s.Unknown+one.Unknown
}

// portion proves that the whole list of the plan can be read as it was written, and that
// its totals are those of the very list that is about to be removed; it counts what of it
// can still go against the guards. The plans of one night count together, or approving
// two would be a way round, and an item that waits in several plans counts once.
func (w *work) portion(ctx context.Context) (portion, error) {
	if w.removedTonight == nil {
		var err error
		if w.removedTonight, err = w.tonight(ctx, w.at.Add(-night)); err != nil {
			return portion{}, counting("what the night has removed", err)
		}
	}
	if err := w.countMedian(ctx); err != nil {
		return portion{}, counting("what is usual", err)
	}
	if err := w.whole(ctx); err != nil {
		return portion{}, err
	}
	p := portion{}
	all, going := newSum(w.removedTonight, w.begun), false
	last := w.entries(ctx, func(v retention.Verdict, planned int) error {
		newMedia := !all.media[v.ID]
		for _, i := range v.Items {
			going = true
			if !all.items[keyOf(i)] {
				all.add(i, newMedia)
				newMedia = false
			}
			if len(p.going) <= w.Policy.Guards.Count { // of more than that none go
				p.going = append(p.going, i)
			}
		}
		p.items = planned
		if p.over == nil && going {
			if p.over = w.overGuards(all.Totals); p.over == nil {
				p.fits = planned
			}
		}
		return nil
	})
	if p.over != nil {
		p.over = w.overGuards(all.Totals) // with the whole portion
	}
	return p, last
}

// countError says that what the guards need cannot be counted: no run may go on.
type countError struct {
	what string
	err  error
}

func counting(what string, err error) error { return &countError{what, err} }

func (e *countError) Error() string { return "count " + e.what + ": " + e.err.Error() }
func (e *countError) Unwrap() error { return e.err }

// overGuards says which guards so much would break.
func (w *work) overGuards(all stored.Totals) []string {
	over := w.Policy.Guards.Over(all.Items, all.Media, all.Unknown, all.Bytes, w.plan.Base())
	if limit := w.Policy.Guards.Usual * w.medianRemoved; w.medianRemoved > 0 && float64(all.Items) > limit {
		over = append(over, fmt.Sprintf("%d items, usual are %.0f", all.Items, w.medianRemoved))
	}
	return over
}

// whole proves that the list is the one that was written.
func (w *work) whole(ctx context.Context) error {
	var sum stored.Totals
	for v, err := range w.plan.Entries(ctx, w.State) {
		if err == nil {
			err = w.hold(ctx)
		}
		if err != nil {
			return err
		}
		sum.Add(v.Items...)
	}
	if sum != w.plan.Totals {
		return fmt.Errorf("the list does not add up to the plan's totals: %w", state.ErrCorrupt)
	}
	return nil
}

// night is longer than the runs of one night are apart, and shorter than a day: what
// was removed since then is of this night.
const night = 20 * time.Hour

// tonight gives what plans of this account and duty removed, or moved, since a tick, or may have:
// a call of which nobody knows what came of it counts until it is read.
func (r *run) tonight(ctx context.Context, since time.Time) (map[removal.Key]retention.Item, error) {
	type item struct {
		plan string
		key  removal.Key
	}
	items, seen, mine := map[removal.Key]retention.Item{}, map[item]bool{}, map[string]bool{}
	for row, err := range stored.Recent(ctx, r.State, since) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return nil, err
		}
		k := keyOf(row.Item)
		i := item{row.Plan, k}
		if !r.counts(row) || row.Tick.Before(since) || seen[i] {
			continue
		}
		seen[i] = true // what an item's last row says is true
		if !mayBeGone(row) {
			continue
		}
		ours, known := mine[row.Plan]
		if !known {
			p, err := stored.ReadPlan(ctx, r.State, row.Plan)
			if err != nil && !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, video.ErrNotFound) {
				return nil, err
			}
			ours = err != nil || r.mine(p) // one that cannot be read may be this account's
			mine[row.Plan] = ours
		}
		if ours {
			items[k] = row.Item
		}
	}
	return items, nil
}

// counts says that the row is of an item of a plan of this duty.
func (r *run) counts(row stored.Row) bool {
	return (row.Kind == retention.Move) == r.moves() && row.Event != stored.Note && !strings.HasPrefix(row.Plan, state.Takedowns)
}

// mayBeGone says that an item of which this is the last row was removed, or may have been.
func mayBeGone(row stored.Row) bool {
	return row.Event == stored.Intent || row.Event == stored.Outcome && (row.Result == video.Done || row.Result == video.Unknown)
}

// countMedian finds the median number of items of the last nine plans of this account that
// ended, at least 10. It looks back as far as it needs to: a guard that was there does
// not expire. Fewer than three plans ever are no measure. A portion that a person
// approved is no measure either: it is within a backlog.
func (r *run) countMedian(ctx context.Context) error {
	if r.medianCounted {
		return nil
	}
	var counts []int
	for _, after := range []time.Time{r.at.Add(-retention.LookBack), {}} {
		counts = counts[:0]
		ended, err := stored.Ended(ctx, r.State, after)
		if err != nil {
			return err
		}
		for n, id := range slices.Backward(ended) {
			if len(counts) == 9 || len(ended)-n > mostEnds {
				break
			}
			items, ok, err := r.ended(ctx, id)
			if err != nil {
				return err
			}
			if ok {
				counts = append(counts, items)
			}
		}
		if len(counts) >= 3 {
			break
		}
	}
	r.medianCounted = true
	if len(counts) >= 3 {
		slices.Sort(counts)
		r.medianRemoved = float64(max(counts[len(counts)/2], 10))
	}
	return nil
}

// mostEnds bounds how many ends are read to find out what is usual: several accounts and
// portions may lie between the plans that count.
const mostEnds = 500

// ended gives how many items a plan of this account removed in all its nights.
func (r *run) ended(ctx context.Context, id string) (items int, ok bool, err error) {
	if err := r.hold(ctx); err != nil {
		return 0, false, err
	}
	e, err := stored.ReadEnd(ctx, r.State, id)
	var p stored.Plan
	if err == nil {
		p, err = stored.ReadPlan(ctx, r.State, id)
	}
	var a stored.Approval
	if err == nil && r.mine(p) {
		if a, err = stored.ReadApproval(ctx, r.State, p); errors.Is(err, video.ErrNotFound) || errors.Is(err, state.ErrCorrupt) {
			err = nil // by itself, or withdrawn since
		}
	}
	switch {
	case errors.Is(err, state.ErrCorrupt), errors.Is(err, video.ErrNotFound): // nobody knows whose it is, or how many
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return e.Freed.Items, r.mine(p) && a.First == 0, nil
}
