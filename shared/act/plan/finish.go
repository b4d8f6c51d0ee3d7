package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// errProgress says that what earlier ticks recorded is missing or altered.
var errProgress = errors.New("the progress of earlier ticks is corrupt")

// damaged says that an object is not there, or not as it was written.
func damaged(err error) bool {
	return errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound)
}

func (j Job) begin(at time.Time) removal.Draft {
	return removal.Draft{At: at, Scope: j.Scope, Policy: j.Policy.Hash}
}

// resume finds the night's plan, else the progress of an earlier tick, or begins. A plan
// is of the night in which it is finished: its draft tells the tick of that.
func (j Job) resume(ctx context.Context, at time.Time) (removal.Draft, removal.Plan, error) {
	tonight, err := j.made(ctx, at.Add(-settled), at.Add(ahead))
	if err != nil && !errors.Is(err, state.ErrCorrupt) {
		return removal.Draft{}, removal.Plan{}, err
	}
	if p, ok, err := j.timely(ctx, tonight); ok || err != nil {
		return removal.Draft{}, p, err
	}
	d, err := removal.LastDraft(ctx, j.State, j.begin(at), at.Add(-fresh-settled))
	over := d.At.Before(at.Add(-fresh))
	if err == nil && d.Done && !d.At.Equal(at) { // that one became a plan, or will if asked again
		made, madeErr := j.made(ctx, d.At, d.At)
		p, ok, timelyErr := j.timely(ctx, made)
		if ok && d.At.Before(at) && at.Sub(d.Tick) < settled {
			return d, p, nil
		}
		over, err = over || len(made) > 0, cmp.Or(madeErr, timelyErr)
	}
	switch {
	case damaged(err):
		return removal.Draft{}, removal.Plan{}, fmt.Errorf("%w: %w", errProgress, err)
	case over:
		d = j.begin(at)
	}
	return d, removal.Plan{}, err
}

// finish settles the drafts now that the whole library is counted, and writes
// the plan.
func (s *survey) finish(ctx context.Context) (removal.Plan, error) {
	j, d := s.Job, &s.draft
	p := removal.Plan{
		Created: d.At, Expires: d.At.Add(j.Policy.Expires), Scope: j.Scope,
		Policy: j.Policy.Hash, Duty: j.Policy.Duty, Guards: j.Policy.Guards,
		Library: removal.Library{Media: d.Tally.Media, Unread: d.Unread, Bytes: d.Tally.Bytes, Complete: d.Tally.Complete, Counted: true},
	}
	before, err := s.marks(ctx)
	if err != nil {
		return removal.Plan{}, err
	}
	next, stop := iter.Pull2(before)
	defer stop()
	o := j.State
	l := listing{survey: s, plan: &p, marks: pending{next: next}, groups: map[retention.Group]bool{}, sums: sums{price: j.Policy.Prices, plan: &p},
		going: removal.Lines{Objects: o}, pending: removal.Lines{Objects: o}, survivors: removal.Lines{Objects: o}}
	for v, err := range removal.ReadLines[retention.Verdict](ctx, o, d.Earlier) {
		if damaged(err) {
			err = fmt.Errorf("%w: %w", errProgress, err)
		}
		if err == nil {
			err = l.add(ctx, v)
		}
		if err != nil {
			return removal.Plan{}, err
		}
	}
	if err := l.end(ctx); err != nil {
		return removal.Plan{}, err
	}
	p.Kept, p.Near = d.Kept, d.Near
	p.Warnings, p.Odd = slices.Concat(j.Policy.Warnings(), j.Policy.Unused(&d.Tally, s.inputs)), d.OddText()
	l.sums.finish(cmp.Or(j.Share, 0.25))
	p.Over = p.Guards.Over(p.Items, p.Media, p.Unknown, p.Bytes, p.Base())
	if err := p.Seal(); err != nil {
		return removal.Plan{}, err
	}
	return p, removal.WritePlan(ctx, o, p)
}

// listing writes the lines of a plan.
type listing struct {
	*survey
	plan   *removal.Plan
	marks  pending
	groups map[retention.Group]bool // out of which something goes
	sums   sums

	going, pending, survivors removal.Lines
}

// add settles one asset and lists what goes of it, and what is pending.
func (l *listing) add(ctx context.Context, v retention.Verdict) error {
	d := &l.draft
	v = l.Policy.Settle(&d.Tally, v)
	for _, k := range v.Keeps {
		d.Count(k)
	}
	v.Keeps = nil
	if l.Policy.Grace > 0 {
		if err := l.wait(ctx, &v); err != nil {
			return err
		}
	}
	if len(v.Items) == 0 {
		return nil
	}
	l.sums.add(v, d.At)
	for _, g := range v.Newest {
		l.groups[g] = true
	}
	return l.going.Add(ctx, v)
}

// wait lists what of an asset is in its grace, and takes it out of what goes.
func (l *listing) wait(ctx context.Context, v *retention.Verdict) error {
	d, grace := &l.draft, l.Policy.Grace
	rows, err := l.marks.wait(v, d.At, grace)
	if err != nil {
		return err
	}
	for _, row := range rows {
		l.plan.PendingItems++
		if err := l.pending.Add(ctx, row); err != nil {
			return err
		}
		if !slices.ContainsFunc(v.Items, row.Same) {
			l.plan.Soon.Add(row.Goes(d.At, grace))
			d.Count(retention.Keep{ID: row.ID, Kind: row.Kind, Part: row.Part, Rule: row.Rule, Why: retention.Grace, Due: row.Due,
				Reason: fmt.Sprintf("leaving since %s, matched on %d of %s", row.Since.Format(time.DateOnly), row.Days, grace)})
		}
	}
	return nil
}

// end lists what stays of the groups, and names all that was written.
func (l *listing) end(ctx context.Context) error {
	for _, g := range l.draft.Tally.Survivors(l.groups) {
		if err := l.survivors.Add(ctx, g); err != nil {
			return err
		}
	}
	for _, lines := range []*removal.Lines{&l.going, &l.pending, &l.survivors} {
		if err := lines.Flush(ctx); err != nil {
			return err
		}
	}
	l.plan.Chunks, l.plan.Pending, l.plan.Survivors = l.going.Written, l.pending.Written, l.survivors.Written
	return nil
}

// pending is what the plan before listed as pending, in the order of plans.
type pending struct {
	next func() (removal.Pending, error, bool)
	head *removal.Pending
}

// marks opens the deletion marks of the last plan of the same account and duty before this one, whatever its
// policy was: a change of the policy does not start everybody's days anew. Plans of a
// later moment, and of a clock that ran ahead, are not looked at. Behind
// what is not as it was written nobody knows what still matched: from there on the
// days start anew, which only makes the wait longer.
func (s *survey) marks(ctx context.Context) (iter.Seq2[removal.Pending, error], error) {
	var earlier []removal.Plan
	var lost error
	lostAt := 0 // behind so many of those
	for id, err := range removal.Plans(ctx, s.State, s.draft.At.AddDate(0, 0, -60)) {
		if err != nil {
			return nil, err
		}
		if plannedAfter(id, s.draft.At) {
			break
		}
		p, err := removal.ReadPlan(ctx, s.State, id)
		switch {
		case errors.Is(err, state.ErrCorrupt):
			lost, lostAt = err, len(earlier)
		case err != nil:
			return nil, err
		case s.sameLibrary(p) && p.Created.Before(s.draft.At):
			earlier = append(earlier, p)
		}
	}
	last, ok, err := s.timely(ctx, earlier)
	if err != nil {
		return nil, err
	}
	if ok {
		s.before = last.Created
	}
	if at := slices.IndexFunc(earlier, func(p removal.Plan) bool { return p.ID == last.ID }); at >= lostAt {
		lost = nil
	} else {
		last = removal.Plan{}
	}
	return func(yield func(removal.Pending, error) bool) {
		for row, err := range removal.ReadLines[removal.Pending](ctx, s.State, last.Pending) {
			if damaged(err) {
				lost = err
				break
			}
			if !yield(row, err) {
				return
			}
		}
		if lost != nil {
			s.Log.WarnContext(ctx, "items in their grace start anew", slog.Any("error", lost))
			s.anew = append(s.anew, "items in their grace start anew: "+lost.Error())
		}
	}, nil
}

// wait takes out of the verdict what has not waited long enough, and gives the
// rows of the new deletion marks for it. Days count by the event's clock, one for each
// date on which the item matched again; the time must have passed as well.
func (s *pending) wait(v *retention.Verdict, now time.Time, grace time.Duration) ([]removal.Pending, error) {
	known, err := s.of(*v)
	if err != nil {
		return nil, err
	}
	var rows []removal.Pending
	var due []retention.Item
	for _, item := range v.Items {
		row := removal.Pending{Item: item, Title: v.Title, Created: v.Created, Since: now, Last: now}
		for _, k := range known {
			if !k.Same(item) {
				continue
			}
			row.Since, row.Days = k.Since, k.Days
			if row.Last = k.Last; now.Truncate(24 * time.Hour).After(k.Last.Truncate(24 * time.Hour)) {
				row.Days, row.Last = k.Days+1, now
			}
		}
		row.Due = row.Since.Add(grace)
		rows = append(rows, row)
		if row.Days >= int(grace/(24*time.Hour)) && !now.Before(row.Due) {
			due = append(due, item)
		}
	}
	v.Items = due
	return rows, nil
}

// of gives the rows of one media and leaves behind those before it, which no
// longer match.
func (s *pending) of(v retention.Verdict) (rows []removal.Pending, err error) {
	for {
		if s.head == nil {
			row, err, ok := s.next()
			if err != nil || !ok {
				return rows, err
			}
			s.head = &row
		}
		switch order := retention.Order(retention.Verdict{ID: s.head.ID, Created: s.head.Created}, v); {
		case order > 0:
			return rows, nil
		case order == 0:
			rows = append(rows, *s.head)
		}
		s.head = nil
	}
}

// sums gathers what the head of a plan says about its items.
type sums struct {
	plan    *removal.Plan
	price   retention.Prices
	rules   map[[2]string]*removal.RuleTotals
	kinds   map[retention.Kind]int // for calls that take many media at once
	calls   map[retention.Kind]int // for calls that take one media
	moves   map[removal.MoveTotals]*removal.Totals
	saving  removal.Saving
	biggest []removal.Big
}

func (s *sums) add(v retention.Verdict, now time.Time) {
	if s.rules == nil {
		s.rules, s.kinds, s.calls = map[[2]string]*removal.RuleTotals{}, map[retention.Kind]int{}, map[retention.Kind]int{}
		s.moves = map[removal.MoveTotals]*removal.Totals{}
	}
	s.plan.Add(v.Items...)
	touched := map[*removal.RuleTotals]bool{}
	streams := 0
	for _, i := range v.Items {
		key := [2]string{i.Rule, string(i.Kind)}
		if s.rules[key] == nil {
			s.rules[key] = &removal.RuleTotals{Rule: i.Rule, Kind: i.Kind}
		}
		r := s.rules[key]
		was := r.Media
		r.Add(i)
		if touched[r] {
			r.Media = was
		}
		touched[r] = true
		if i.Kind == retention.Move {
			s.move(i)
		}
		if i.Kind == retention.Stream {
			streams++
		} else {
			s.kinds[i.Kind]++
		}
		money := s.price.Of(i, v.Class, v.InClass(now))
		s.saving.Add(money)
		if r.Money == nil && len(s.price.PerGB) > 0 {
			r.Money = &retention.Money{}
		}
		if r.Money != nil {
			r.Money.Add(money)
		}
		s.big(removal.Big{Item: i, Title: v.Title})
	}
	s.calls[retention.Stream] += (streams + 19) / 20
	if slices.ContainsFunc(v.Items, func(i retention.Item) bool { return i.Kind == retention.Images }) {
		s.calls[retention.Images]++
	}
}

// move counts a move among those that one call can ask for.
func (s *sums) move(i retention.Item) {
	key := removal.MoveTotals{To: i.To, Scope: i.Part, Early: i.Early}
	if s.moves[key] == nil {
		s.moves[key] = &removal.Totals{}
	}
	s.moves[key].Add(i)
}

func (s *sums) big(b removal.Big) {
	s.biggest = append(s.biggest, b)
	slices.SortStableFunc(s.biggest, func(a, b removal.Big) int { return cmp.Compare(b.Bytes, a.Bytes) })
	s.biggest = s.biggest[:min(len(s.biggest), 10)]
}

// The documented calls a second (vod-api.md 1.6).
const perVideo, perSource, perPart, perMove = 30, 50, 50, 50

func (s *sums) finish(share float64) {
	p := s.plan
	for _, r := range s.rules {
		p.Rules = append(p.Rules, *r)
	}
	slices.SortFunc(p.Rules, func(a, b removal.RuleTotals) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind))
	})
	p.Biggest = s.biggest
	whole, source := (s.kinds[retention.Whole]+19)/20, (s.kinds[retention.Source]+19)/20
	streams, images := s.calls[retention.Stream], s.calls[retention.Images]
	moves := 0
	for m, totals := range s.moves {
		m.Totals = *totals
		p.Moves = append(p.Moves, m)
		moves += (m.Items + 19) / 20
	}
	slices.SortFunc(p.Moves, removal.MoveTotals.Compare)
	p.Work = removal.Work{
		Reads: (p.Media + 19) / 20, Deletes: whole + source + streams + images + moves,
		Minutes: (float64(whole)/perVideo + float64(source)/perSource + float64(streams+images)/perPart + float64(moves)/perMove) / share / 60,
	}
	if len(s.price.PerGB) > 0 {
		s.saving.Currency = s.price.Currency
		p.Saving = &s.saving
	}
}
