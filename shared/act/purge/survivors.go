package purge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// recheck reads the assets of a batch and judges them again, with the holds, the
// survivors and the quotas of this moment.
func (w *work) recheck(ctx context.Context, entries []retention.Verdict) ([][]retention.Found, error) {
	if err := w.survive(ctx, entries); err != nil {
		return nil, err
	}
	quota, err := w.quota(ctx, entries)
	if err != nil {
		return nil, err
	}
	ids := make([]video.ID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	answers, err := w.media(ctx, ids)
	if err != nil {
		return nil, err
	}
	// Behind the assets, so that a line that somebody adds to the hold list counts until then.
	inputs, err := w.usage.LoadInputs(ctx, w.State, w.run, w.Policy, w.at)
	if err == nil {
		err = w.Policy.CheckInputs(inputs)
	}
	if err != nil {
		return nil, err
	}
	if w.Policy.Duty == retention.Moving {
		if err := w.readPast(ctx); err != nil {
			return nil, err
		}
		if w.leaving == nil {
			if w.leaving, err = stored.LoadLeaving(ctx, w.State, w.Policy, w.Scope, w.at); err != nil {
				return nil, err
			}
		}
		inputs.Entered, inputs.Leaving = w.past.Moved, w.leaving
	}
	found := make([][]retention.Found, len(entries))
	for i, e := range entries {
		w.modified[e.ID] = answers[i].Value.Modified
		if found[i] = w.waitsForOthers(e); found[i] != nil {
			continue
		}
		found[i] = w.Policy.Recheck(e, retention.Fresh{
			Answer: answers[i], Inputs: inputs, Touched: w.tally.Touched(e.ID), App: w.Scope.App, Quota: quota,
			Called: func(kind retention.Kind, part string) bool {
				return w.tally.Of(removal.Key{ID: e.ID, Kind: kind, Part: part}).Tries > 0
			},
			Left: func(g retention.Group) (string, bool) { why, known := w.left[g]; return why, known },
		})
		w.fillRefused(found[i], answers[i].Value.Modified)
		if err := w.fillImages(ctx, found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// fillRefused keeps moves that this run has set aside: another plan may have listed them before
// anybody knew, and each move that comes to nothing modifies its asset, which ends what is set aside.
func (w *work) fillRefused(found []retention.Found, modified time.Time) {
	for i := range found {
		f := &found[i]
		if was, set := w.refused[keyOf(f.Item)]; set && f.Item.Kind == retention.Move && f.Judged && f.Keep == "" && !modified.After(was.Modified) {
			f.Keep = "set aside in this run: " + was.Why
		}
	}
}

// fillImages says that images are gone where the ledger tells it: the library does not, and
// "kept" would be no last word on what another plan has removed.
func (w *work) fillImages(ctx context.Context, found []retention.Found) error {
	for i := range found {
		f := &found[i]
		if f.Item.Kind != retention.Images || f.Presence != retention.Untold || f.Err != nil {
			continue
		}
		if err := w.readPast(ctx); err != nil {
			return err
		}
		if w.past.Gone(f.Item.ID, f.Item.Part) {
			f.Presence = retention.Absent
		}
		_, open := w.removedTonight[keyOf(f.Item)]
		f.Unsure = open || w.past.Unsure(f.Item.ID, f.Item.Part)
	}
	return nil
}

// readPast reads, once, what only the ledger tells.
func (w *work) readPast(ctx context.Context) error {
	if w.past != nil {
		return nil
	}
	past, corrupt, err := stored.LoadPast(ctx, w.State)
	if err != nil {
		return fmt.Errorf("read which images are gone and what was moved: %w", err)
	}
	for _, fault := range corrupt {
		w.Log.WarnContext(ctx, "which images and moves it tells of is not known", slog.Any("error", fault))
	}
	w.past = &past
	return nil
}

// media reads assets, and takes no answer about others.
func (w *work) media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers, err := w.reads.Media(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(ids) {
		return nil, fmt.Errorf("%d answers about %d assets", len(answers), len(ids))
	}
	for i, a := range answers {
		if a.ID != ids[i] {
			return nil, fmt.Errorf("asked about %s, got an answer about %s", ids[i], a.ID)
		}
	}
	return answers, nil
}

// survive finds out, for each batch anew, whether all that the plan left as the newest of
// the groups out of which the batch goes are what they were.
func (w *work) survive(ctx context.Context, entries []retention.Verdict) error {
	w.left, w.unread = map[retention.Group]string{}, map[retention.Group]error{}
	groups := eachOnce(entries, func(e retention.Verdict) []retention.Group { return e.Newest })
	if len(groups) == 0 {
		return nil
	}
	if err := w.readSurvivors(ctx); err != nil {
		return err
	}
	ids := eachOnce(groups, func(g retention.Group) []video.ID { return w.survivors[g] })
	answers := map[video.ID]video.Answer[video.Media]{}
	for chunk := range slices.Chunk(ids, video.MaxBatch) {
		if err := w.may(ctx); err != nil {
			return err
		}
		some, err := w.media(ctx, chunk)
		if err != nil {
			return err
		}
		for _, a := range some {
			answers[a.ID] = a
		}
	}
	for _, g := range groups {
		switch why, known, err := w.gap(g, answers); {
		case err != nil:
			w.unread[g] = err
		case known:
			w.left[g] = why
		}
	}
	return nil
}

// eachOnce gives what is of some, each once, in their order.
func eachOnce[A any, B comparable](of []A, parts func(A) []B) (all []B) {
	for _, a := range of {
		for _, b := range parts(a) {
			if !slices.Contains(all, b) {
				all = append(all, b)
			}
		}
	}
	return all
}

// gap says what is missing of what the plan left as the newest of a group; known is false
// when the plan does not say what that is. An error says that one of them cannot be read
// now: what would go out of the group waits, and nothing else.
func (w *work) gap(g retention.Group, answers map[video.ID]video.Answer[video.Media]) (why string, known bool, err error) {
	for _, id := range w.survivors[g] {
		a := answers[id]
		switch {
		case video.Passing(a.Err):
			err = fmt.Errorf("read %s, one of the newest: %w", id, a.Err)
		case errors.Is(a.Err, video.ErrNotFound):
			return fmt.Sprintf("%s, one of the newest, is gone", id), true, nil
		case a.Err != nil:
			return fmt.Sprintf("%s, one of the newest, cannot be read: %v", id, a.Err), true, nil //nolint:nilerr // it is the reason
		case !w.Policy.Survives(g, a.Value, retention.Inputs{Now: w.at}):
			return fmt.Sprintf("%s, one of the newest, has left its group", id), true, nil
		}
	}
	return "", len(w.survivors[g]) > 0, err
}

// waitsForOthers gives what is found of items that wait because of others that cannot be read now.
func (w *work) waitsForOthers(e retention.Verdict) []retention.Found {
	for _, g := range e.Newest {
		if err := w.unread[g]; err != nil {
			found := make([]retention.Found, len(e.Items))
			for i, item := range e.Items {
				found[i] = retention.Found{Item: item, Err: err}
			}
			return found
		}
	}
	return nil
}

// readSurvivors reads once what the plan left as the newest. What is corrupt counts as unknown.
func (w *work) readSurvivors(ctx context.Context) error {
	if w.survivors != nil {
		return nil
	}
	w.survivors = map[retention.Group][]video.ID{}
	for s, err := range stored.ReadLines[retention.Survivor](ctx, w.State, w.plan.Survivors) {
		if err = corrupt(err); errors.Is(err, errCorrupt) {
			w.Log.WarnContext(ctx, "the survivors of the newest are not reported", slog.String("plan", w.plan.ID), slog.Any("error", err))
			return nil
		}
		if err != nil {
			return err
		}
		w.survivors[s.Group] = s.Media
	}
	return nil
}

// countLasts is how long what a plan counted of the whole library can be relied on. It
// is counted from the plan's time, at which planning began.
const countLasts = 24 * time.Hour

// quotas is what the latest plan takes by quotas, and what went since it was counted.
type quotas struct {
	places map[retention.Item]place // of the items, without reasons
	most   map[string]int64         // by rule: what the last item of it had before it
	listed map[removal.Key]bool     // all items of the plan: the count knew that they go
	gone   int64                    // bytes that went since by something else
	dark   bool                     // something of unknown size did
	seen   map[removal.Key]bool     // what is in gone
}

// place is how many bytes a quota takes before it comes to an item.
type place struct{ before int64 }

// quota gives what says why a quota may not take an item any more; empty: it may. What a
// quota takes is right only for the library that was counted for it, less what went since.
func (w *work) quota(ctx context.Context, entries []retention.Verdict) (func(retention.Item) string, error) {
	all := func(why string) (func(retention.Item) string, error) {
		return func(retention.Item) string { return why }, nil
	}
	const again = "this plan, a later one counted the library again"
	if !slices.ContainsFunc(entries, func(v retention.Verdict) bool {
		return slices.ContainsFunc(v.Items, func(i retention.Item) bool { return w.Policy.Quota(i.Rule) })
	}) {
		return all(again)
	}
	switch age := w.at.Sub(w.latest.Created); {
	case w.latest.Hash == "", w.doubted:
		return all(again)
	case age < 0 || age >= countLasts:
		return all(fmt.Sprintf("a count begun %s ago", age))
	case w.plan.ID != w.latest.ID && len(w.latest.Over) > 0:
		return all("this plan, the latest one is over the guards")
	}
	if w.quotas == nil {
		q, err := w.readQuotas(ctx)
		if err != nil {
			return nil, err
		}
		w.quotas = q
	}
	if err := w.countGone(ctx); err != nil {
		return nil, err
	}
	q := w.quotas
	return func(i retention.Item) string {
		i.Reason = ""
		at, ok := q.places[i]
		switch {
		case !ok:
			return again
		case q.dark:
			return "a count since which something of unknown size went"
		case at.before+q.gone > q.most[i.Rule]:
			return fmt.Sprintf("a count since which %d bytes went in other ways", q.gone)
		}
		return ""
	}, nil
}

// readQuotas reads what quotas take by the latest plan: nothing when its list is corrupt.
func (r *run) readQuotas(ctx context.Context) (*quotas, error) {
	q := &quotas{places: map[retention.Item]place{}, most: map[string]int64{}, listed: map[removal.Key]bool{}, seen: map[removal.Key]bool{}}
	before := map[string]int64{}
	for v, err := range r.latest.Entries(ctx, r.State) {
		if errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound) {
			q.places = nil
			return q, nil
		}
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return nil, err
		}
		for _, i := range v.Items {
			q.listed[keyOf(i)] = true
			if i.Reason = ""; r.Policy.Quota(i.Rule) {
				q.places[i], q.most[i.Rule] = place{before[i.Rule]}, before[i.Rule]
				before[i.Rule] += max(i.Bytes, 0)
			}
		}
	}
	type item struct {
		plan string
		key  removal.Key
	}
	last := map[item]bool{} // the items whose last row was seen
	for row, err := range stored.Recent(ctx, r.State, r.latest.Created) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("count what went since plan %s: %w", r.latest.ID, err)
		}
		if i := (item{row.Plan, keyOf(row.Item)}); row.Event != stored.Note && !last[i] {
			last[i] = true
			q.add(row, r.latest)
		}
	}
	return q, nil
}

// add takes a row about what may have gone since the count into account. A takedown's
// tick is by a person's clock, so that its record counts too.
func (q *quotas) add(row stored.Row, latest stored.Plan) {
	k := keyOf(row.Item)
	since := !row.Tick.Before(latest.Created) || strings.HasPrefix(row.Plan, state.Takedowns) && !row.At.Before(latest.Created)
	if row.Kind == retention.Move && latest.Duty != retention.Moving {
		return // it is there
	}
	if !since || !mayBeGone(row) || q.listed[k] || q.seen[k] {
		return
	}
	q.seen[k] = true
	if row.Bytes < 0 {
		q.dark = q.dark || row.Kind != retention.Images // which no quota counts
		return
	}
	q.gone += row.Bytes
}

// countGone adds what others wrote to the ledger since it was read.
func (w *work) countGone(ctx context.Context) error {
	if err := w.look(ctx); err != nil {
		return fmt.Errorf("count what went since plan %s: %w", w.latest.ID, err)
	}
	for _, row := range w.others.rows {
		w.quotas.add(row, w.latest)
	}
	return nil
}

// others is what other runs and takedowns wrote to the ledger while this one was at work.
type others struct {
	last int
	rows []stored.Row // of what went, or may have
}

// from says that everything up to a segment is known.
func (o *others) from(segment int) {
	if o.last == 0 {
		o.last = segment
	}
}

// look reads what came to the ledger since it was looked at last.
func (r *run) look(ctx context.Context) error {
	tip, err := stored.OpenLedger(ctx, r.State, r.lane(), r.name)
	if err != nil || tip.Last() <= r.others.last {
		return err
	}
	for row, err := range stored.Rows(ctx, r.State, r.others.last+1) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return err
		}
		if mayBeGone(row) {
			r.others.rows = append(r.others.rows, row)
		}
	}
	r.others.last = tip.Last()
	return nil
}

// elsewhere names the plan or takedown that removed an item while this one had a call for
// it open; empty: none did.
func (w *work) elsewhere(ctx context.Context, item retention.Item) (string, error) {
	if err := w.look(ctx); err != nil {
		return "", err
	}
	for _, row := range w.others.rows {
		if row.Plan != w.plan.ID && row.Result == video.Done && row.ID == item.ID && (row.Kind == retention.Whole || row.Same(item)) {
			return row.Plan, nil
		}
	}
	return "", nil
}
