package purge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// key names one item of a plan.
type key struct {
	id   video.ID
	kind retention.Kind
	part string
}

func keyOf(i retention.Item) key { return key{i.ID, i.Kind, i.Part} }

// work is one plan being applied.
type work struct {
	*run
	plan    state.Plan
	by      string
	applied *Applied
	counted func(retention.Item) string // why a quota may not take an item any more; empty: it may

	final   map[key]bool           // items that need nothing more
	past    map[key]bool           // of those, what earlier runs did not remove this night
	open    map[key]retention.Item // intents without an outcome
	touched map[video.ID]time.Time // until when this plan may itself have modified a media
	tries   map[key]int            // calls made or about to be made
	results map[video.Result]int   // over all runs of the plan
	freed   state.Totals           // over all runs of the plan
	rows    []state.Row            // to be written with the next segment

	standing map[retention.Group][]video.ID // what the plan left as the newest
	left     map[retention.Group]string     // why nothing may go out of a group; empty: it may
}

// errDamaged says that something of the plan itself is lost or not as it was written:
// this plan is not applied, and the others can do without it.
var errDamaged = errors.New("damaged")

// errLate says that the time is up, but for a batch and its records.
var errLate = fmt.Errorf("%w: the time is up", video.ErrClosed)

func damaged(err error) error {
	if errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// begin records that a run begins.
func (w *work) begin(ctx context.Context) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	from, err := state.StartRun(ctx, w.State, state.RunStart{Plan: w.plan.ID, Run: w.name, At: w.Now(), Segment: w.ledger.Last() + 1})
	if err != nil {
		return damaged(err)
	}
	if err := w.read(ctx, from); err != nil {
		return err
	}
	if err := w.hold(ctx); err != nil {
		return err
	}
	// The fence: a run that lost its lease finds this segment and stops.
	return w.ledger.Append(ctx, w.row(state.Note, retention.Item{}, "", "run begins"))
}

// prepare makes it a work of which nothing is known yet.
func (w *work) prepare(ctx context.Context) (err error) {
	w.final, w.open, w.touched = map[key]bool{}, map[key]retention.Item{}, map[video.ID]time.Time{}
	w.results, w.tries, w.past = map[video.Result]int{}, map[key]int{}, map[key]bool{}
	w.ledger, err = state.OpenLedger(ctx, w.State, lane, w.name)
	return err
}

// read takes up what earlier runs of the plan have done, from a segment on.
func (w *work) read(ctx context.Context, from int) error {
	for row, err := range state.Rows(ctx, w.State, from) {
		if err != nil {
			return damaged(err)
		}
		if err := late(ctx); err != nil {
			return err
		}
		if err := w.hold(ctx); err != nil {
			return err
		}
		if row.Plan == w.plan.ID {
			w.by = cmp.Or(w.by, row.By)
			w.note(row)
			if k := keyOf(row.Item); w.final[k] && (!mayBeGone(row) || row.Tick.Before(w.at.Add(-night))) {
				w.past[k] = true
			}
		}
	}
	return nil
}

// longest is how long after its tick a run may still remove something. A media that
// the plan has acted on was modified by that; by anything later it was somebody else.
const longest = time.Hour

// note takes a row of the ledger into account.
func (w *work) note(row state.Row) {
	k := keyOf(row.Item)
	switch row.Event {
	case state.Intent:
		w.open[k] = row.Item
		if until := row.Tick.Add(longest); until.After(w.touched[row.ID]) {
			w.touched[row.ID] = until
		}
		w.tries[k]++
	case state.Outcome:
		delete(w.open, k)
		if row.Result == video.Deferred {
			return
		}
		w.final[k] = true
		w.results[row.Result]++
		if row.Result == video.Done {
			w.freed.Add(row.Item)
		}
	}
}

func (w *work) row(kind string, item retention.Item, result video.Result, detail string) state.Row {
	return state.Row{Event: kind, At: w.Now(), Tick: w.at.UTC(), Run: w.name, Plan: w.plan.ID, By: w.by, Item: item, Result: result, Detail: detail}
}

// end gives an item its outcome; it is written with the next segment.
func (w *work) end(item retention.Item, result video.Result, detail string) {
	row := w.row(state.Outcome, item, result, detail)
	w.rows = append(w.rows, row)
	w.note(row)
	w.applied.Results[result]++
	if result == video.Done {
		w.applied.Freed.Add(item)
	}
	level := slog.LevelDebug
	if result == video.Failed || result == video.Forbidden || result == video.Rejected {
		level = slog.LevelWarn
	}
	w.Log.Log(context.Background(), level, "item", slog.String("plan", w.plan.ID), slog.String("video", string(item.ID)),
		slog.String("kind", string(item.Kind)), slog.String("part", item.Part), slog.String("result", string(result)), slog.String("reason", detail))
}

func (w *work) flush(ctx context.Context) error {
	rows := w.rows
	w.rows = nil
	return w.ledger.Append(ctx, rows...)
}

// over records that nothing more will be done, because of what; empty: all is done.
func (w *work) over(ctx context.Context, why string) error {
	return state.EndRun(ctx, w.State, state.RunEnd{
		Plan: w.plan.ID, At: w.Now(), By: w.by, Why: why, Results: w.results, Freed: w.freed, Segment: w.ledger.Last(), Tip: w.ledger.Tip(),
	})
}

// all goes through the plan. Whatever stops it early wraps video.ErrClosed, or is
// a failure of the state or the library.
func (w *work) all(ctx context.Context) error {
	// The second pass takes what the first could not settle.
	for range 2 {
		if err := w.settle(ctx, false); err != nil {
			return err
		}
		var batch []retention.Verdict
		for v, err := range w.plan.Entries(ctx, w.State) {
			if err != nil {
				return err
			}
			v.Items = slices.DeleteFunc(v.Items, func(i retention.Item) bool { return w.final[keyOf(i)] })
			if len(v.Items) == 0 {
				continue
			}
			if batch = append(batch, v); len(batch) == video.MaxBatch {
				if err := w.batch(ctx, batch); err != nil {
					return err
				}
				batch = nil
			}
		}
		if len(batch) > 0 {
			if err := w.batch(ctx, batch); err != nil {
				return err
			}
		}
		if len(w.open) == 0 {
			return nil
		}
	}
	return w.settle(ctx, true)
}

func late(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", video.ErrClosed, err)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < reserve {
		return errLate
	}
	return nil
}

// may asks everything that can stop a run. It is asked before every batch.
func (w *work) may(ctx context.Context) error {
	if err := late(ctx); err != nil {
		return err
	}
	if failed, n := w.failed(), len(w.recent); n >= enough && float64(failed)*100 > w.Policy.Guards.Errors*float64(n) {
		return fmt.Errorf("%w: %d of the last %d items failed, at most %g %%", video.ErrClosed, failed, n, w.Policy.Guards.Errors)
	}
	if err := w.hold(ctx); err != nil {
		return err
	}
	return state.CheckHalt(ctx, w.State)
}

// Failures are counted over so many of the last items, so that a rise is seen late in
// a long run too, and not before so many were tried.
const window, enough = 100, 20

// count takes into account whether something about an item failed.
func (r *run) count(failed bool) {
	if r.recent = append(r.recent, failed); len(r.recent) > window {
		r.recent = r.recent[1:]
	}
}

func (r *run) failed() (n int) {
	for _, failed := range r.recent {
		if failed {
			n++
		}
	}
	return n
}

// settle finds out by reading what became of intents without an outcome. What is
// gone counts as removed by us: we asked for it. What is still there is tried
// again, or has failed when this was the last try.
func (w *work) settle(ctx context.Context, last bool) error {
	ids := make([]video.ID, 0, len(w.open))
	for k := range w.open {
		if !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	answers, err := w.Library.Media(ctx, ids)
	if err != nil {
		return fmt.Errorf("settle %d media: %w", len(ids), err)
	}
	for _, a := range answers {
		if a.Err != nil && !errors.Is(a.Err, video.ErrNotFound) {
			w.count(true)
			continue // still open
		}
		for _, k := range sorted(w.open, a.ID) {
			item := w.open[k]
			switch gone, known := absent(item, a); {
			case !known && !last: // still open: it is asked for again
			case !known:
				w.end(item, video.Unknown, "whether it happened cannot be read")
			case gone:
				w.end(item, video.Done, perhaps)
			case last:
				w.end(item, video.Failed, "still there after a call whose outcome was unknown")
			default:
				w.end(item, video.Deferred, "still there after a run that ended early")
			}
		}
	}
	return w.flush(ctx)
}

func sorted(open map[key]retention.Item, id video.ID) (keys []key) {
	for k := range open {
		if k.id == id {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(string(a.kind)+a.part, string(b.kind)+b.part) })
	return keys
}

// absent says whether an item is gone from the library. Of images it tells covers only,
// so whether those of a type are gone is known from their media's end or from a call.
// Nor are streams gone that the library did not tell of.
func absent(item retention.Item, a video.Answer[video.Media]) (gone, known bool) {
	if errors.Is(a.Err, video.ErrNotFound) {
		return true, true
	}
	switch item.Kind {
	case retention.Stream:
		return !slices.ContainsFunc(a.Value.Streams, func(s video.Stream) bool { return s.Job == item.Part }), a.Value.Streams != nil
	case retention.Source:
		if a.Value.Source == nil {
			return false, false
		}
		return a.Value.Source.Gone(), true
	case retention.Images:
		return false, false
	}
	return false, true
}

// batch removes the items of at most 20 media: ask, read again, write down, call.
func (w *work) batch(ctx context.Context, entries []retention.Verdict) error {
	if err := w.may(ctx); err != nil {
		return err
	}
	if err := w.stand(ctx, entries); err != nil {
		return err
	}
	moment, err := w.usage.Outside(ctx, w.State, w.run, w.Policy, w.at)
	if err != nil {
		return err
	}
	ids := make([]video.ID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	answers, err := w.media(ctx, ids)
	if err != nil {
		return err
	}
	var going []retention.Item
	for i, e := range entries {
		going = append(going, w.check(e, answers[i], moment)...)
	}
	if w.Policy.Refresh && len(going) > 0 {
		going = w.refresh(ctx, going)
	}
	if len(going) == 0 {
		return nil
	}
	for _, item := range going {
		row := w.row(state.Intent, item, "", "")
		w.rows = append(w.rows, row)
		w.note(row)
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.remove(ctx, going)
	return nil
}

// refresh takes media out of the CDN's caches while they still exist, and gives
// the items of those for which that was accepted.
func (w *work) refresh(ctx context.Context, items []retention.Item) (fresh []retention.Item) {
	outcomes, err := w.CDN.RefreshPlayURLs(ctx, distinct(items))
	for _, item := range items {
		o := video.Outcome{Result: video.ResultOf(err), Err: err}
		if at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.ID == item.ID }); at >= 0 {
			o = outcomes[at]
		}
		if o.Result == video.Done {
			fresh = append(fresh, item)
			continue
		}
		w.count(true)
		result := video.Deferred
		if slices.Contains([]video.Result{video.Missing, video.Forbidden, video.Rejected}, o.Result) {
			result = video.Failed // it would be the same at every try
		}
		w.end(item, result, fmt.Sprintf("not refreshed in the CDN: %s %v", o.Result, o.Err))
	}
	return fresh
}

// check compares what the plan saw with what is there now, and gives the items
// that may still go. Every other item gets its outcome here.
func (w *work) check(e retention.Verdict, a video.Answer[video.Media], moment retention.Moment) (going []retention.Item) {
	if a.Err != nil {
		for _, item := range e.Items {
			result, detail := video.ResultOf(a.Err), a.Err.Error()
			switch _, open := w.open[keyOf(item)]; {
			case video.Passing(a.Err) && open: // nobody knows yet what came of it
				w.count(true)
				continue
			case video.Passing(a.Err):
				result = video.Deferred
			case result == video.Missing && w.tries[keyOf(item)] > 0:
				result, detail = video.Done, perhaps
			}
			w.count(result != video.Missing && result != video.Done)
			w.end(item, result, detail)
		}
		return nil
	}
	m, now := a.Value, w.Policy.Judge(a.Value, moment)
	var whole string
	switch {
	case retention.Seen(m) != e.Seen:
		whole = "changed since the plan"
	case m.Modified.IsZero() && !e.Modified.IsZero():
		whole = "the library does not tell any more when it was modified"
	case !m.Modified.Equal(e.Modified) && m.Modified.After(w.touched[e.ID]):
		whole = "modified " + m.Modified.Format(time.RFC3339) + ", after the plan"
	case w.App != "" && m.App == "":
		whole = "the library does not tell its application"
	case w.App != "" && m.App != w.App:
		whole = fmt.Sprintf("it is of application %q", m.App)
	default:
		whole = w.newest(e, now.Newest)
	}
	for _, item := range e.Items {
		gone, known := absent(item, a)
		switch fresh, quota, still := find(now, item); {
		case gone && known && w.tries[keyOf(item)] > 0:
			w.end(item, video.Done, perhaps)
		case gone && known:
			w.end(item, video.Missing, "gone before this run came to it")
		case !known && w.tries[keyOf(item)] > 0 && (whole != "" || !still):
			w.end(item, video.Unknown, "whether it happened cannot be read")
		case whole != "":
			// A hold is the better reason to tell when there is one.
			w.end(item, video.Kept, reason(now, whole))
		case !still:
			w.end(item, video.Kept, reason(now, "its rule takes it no more"))
		case quota && w.counted(item) != "":
			w.end(item, video.Kept, "a quota takes nothing by "+w.counted(item))
		case fresh.Bytes != item.Bytes:
			w.end(item, video.Kept, fmt.Sprintf("its size changed from %d to %d", item.Bytes, fresh.Bytes))
		default:
			if _, open := w.open[keyOf(item)]; open && known { // it could not be read when this was to be settled
				w.end(item, video.Deferred, "still there after a call whose outcome was unknown")
			} else if open {
				w.end(item, video.Deferred, "whether it happened cannot be read; asked again")
			}
			going = append(going, item)
		}
	}
	return going
}

// perhaps is said of what is gone after a call of which nobody knows whether it was
// made, or took effect.
const perhaps = "gone; by this run or somebody else"

// newest says why a media may not go out of its groups of the newest; empty: it may.
func (w *work) newest(e retention.Verdict, groups []retention.Group) string {
	for _, g := range groups {
		why, told := w.left[g]
		if !told || !slices.Contains(e.Newest, g) {
			return untold
		}
		if why != "" {
			return why
		}
	}
	return ""
}

const untold = "the plan does not tell what stays as the newest in its place"

// stand finds out, once a run for each group out of which the entries go, whether all
// that the plan left there as the newest stand as they did.
func (w *work) stand(ctx context.Context, entries []retention.Verdict) error {
	for _, e := range entries {
		for _, g := range e.Newest {
			if _, known := w.left[g]; known {
				continue
			}
			why, err := w.gap(ctx, g)
			if err != nil {
				return err
			}
			w.left[g] = why
		}
	}
	return nil
}

// gap says what is missing of what the plan left as the newest of a group.
func (w *work) gap(ctx context.Context, g retention.Group) (string, error) {
	if w.left == nil {
		w.standing, w.left = map[retention.Group][]video.ID{}, map[retention.Group]string{}
		for s, err := range state.ReadLines[retention.Standing](ctx, w.State, w.plan.Standing) {
			if err = damaged(err); errors.Is(err, errDamaged) {
				w.Log.WarnContext(ctx, "what stays as the newest is not told", slog.String("plan", w.plan.ID), slog.Any("error", err))
				break
			}
			if err != nil {
				return "", err
			}
			w.standing[s.Group] = s.Media
		}
	}
	if len(w.standing[g]) == 0 {
		return untold, nil
	}
	for ids := range slices.Chunk(w.standing[g], video.MaxBatch) {
		if err := w.may(ctx); err != nil {
			return "", err
		}
		answers, err := w.media(ctx, ids)
		if err != nil {
			return "", err
		}
		for _, a := range answers {
			switch {
			case video.Passing(a.Err):
				return "", fmt.Errorf("read %s, one of the newest: %w", a.ID, a.Err)
			case errors.Is(a.Err, video.ErrNotFound):
				return fmt.Sprintf("%s, one of the newest, is gone", a.ID), nil
			case a.Err != nil:
				return fmt.Sprintf("%s, one of the newest, cannot be read: %v", a.ID, a.Err), nil
			case !w.Policy.Stands(g, a.Value, retention.Moment{Now: w.at}):
				return fmt.Sprintf("%s, one of the newest, has left its group", a.ID), nil
			}
		}
	}
	return "", nil
}

// media reads media, and takes no answer about others.
func (w *work) media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers, err := w.Library.Media(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(ids) {
		return nil, fmt.Errorf("%d answers about %d media", len(answers), len(ids))
	}
	for i, a := range answers {
		if a.ID != ids[i] {
			return nil, fmt.Errorf("asked about %s, told about %s", ids[i], a.ID)
		}
	}
	return answers, nil
}

// find looks for an item among what the rule or quota that planned it takes of a
// media now. Another one's word is for another plan.
func find(v retention.Verdict, item retention.Item) (fresh retention.Item, quota, still bool) {
	for _, i := range v.Items {
		if i.Same(item) && i.Rule == item.Rule {
			return i, false, true
		}
	}
	for _, c := range v.Claims {
		if c.Old && c.Item.Same(item) && c.Item.Rule == item.Rule {
			return c.Item, true, true
		}
	}
	return retention.Item{}, false, false
}

func reason(v retention.Verdict, otherwise string) string {
	if i := slices.IndexFunc(v.Keeps, func(k retention.Keep) bool { return k.Why == retention.Held }); i >= 0 {
		return v.Keeps[i].Reason
	}
	if len(v.Keeps) > 0 {
		return otherwise + ": " + v.Keeps[len(v.Keeps)-1].Reason
	}
	return otherwise
}

// remove makes the calls, parts before wholes, and gives every item its outcome,
// except those whose outcome is unknown: they stay open and are read later.
func (w *work) remove(ctx context.Context, going []retention.Item) {
	of := func(kind retention.Kind) (items []retention.Item) {
		for _, i := range going {
			if i.Kind == kind {
				items = append(items, i)
			}
		}
		return items
	}
	w.each(of(retention.Stream), func(id video.ID, jobs []string) []video.Outcome {
		outcomes, err := w.Library.DeleteStreams(ctx, id, jobs)
		return complete(outcomes, err, id, jobs)
	})
	if items := of(retention.Source); len(items) > 0 {
		outcomes, err := w.Library.DeleteSources(ctx, distinct(items), false)
		w.together(items, outcomes, err)
	}
	w.each(of(retention.Images), func(id video.ID, types []string) []video.Outcome {
		return complete(nil, w.Library.DeleteImagesOf(ctx, id, types...), id, types)
	})
	if items := of(retention.Whole); len(items) > 0 {
		outcomes, err := w.Library.DeleteVideos(ctx, distinct(items))
		w.together(items, outcomes, err)
	}
}

// each calls for one media at a time, a few side by side, and takes the outcomes
// in the order of the items.
func (w *work) each(items []retention.Item, call func(id video.ID, parts []string) []video.Outcome) {
	ids := distinct(items)
	answers := make([][]video.Outcome, len(ids))
	slots := make(chan struct{}, side)
	var wg sync.WaitGroup
	for n, id := range ids {
		var parts []string
		for _, i := range items {
			if i.ID == id {
				parts = append(parts, i.Part)
			}
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			answers[n] = call(id, parts)
		})
	}
	wg.Wait()
	for _, item := range items {
		for _, o := range answers[slices.Index(ids, item.ID)] {
			if o.Part == item.Part {
				w.outcome(item, o)
				break
			}
		}
	}
}

// complete makes one outcome for each part out of what a call answered.
func complete(outcomes []video.Outcome, err error, id video.ID, parts []string) []video.Outcome {
	all := make([]video.Outcome, len(parts))
	for i, part := range parts {
		at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.Part == part })
		switch {
		case at >= 0:
			all[i] = outcomes[at]
		case err != nil:
			all[i] = video.Outcome{ID: id, Part: part, Result: video.ResultOf(err), Err: err}
		case outcomes == nil:
			all[i] = video.Outcome{ID: id, Part: part, Result: video.Done}
		default: // an answer that leaves it out does not say that it happened
			all[i] = video.Outcome{ID: id, Part: part, Result: video.Unknown}
		}
	}
	return all
}

// together takes the outcomes of one call for many media.
func (w *work) together(items []retention.Item, outcomes []video.Outcome, err error) {
	for _, item := range items {
		at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.ID == item.ID })
		switch {
		case at >= 0:
			w.outcome(item, outcomes[at])
		case err != nil:
			w.outcome(item, video.Outcome{Result: video.ResultOf(err), Err: err})
		default:
			w.outcome(item, video.Outcome{Result: video.Unknown})
		}
	}
}

func (w *work) outcome(item retention.Item, o video.Outcome) {
	detail := o.Reason
	if detail == "" && o.Err != nil {
		detail = o.Err.Error()
	}
	w.count(slices.Contains([]video.Result{video.Unknown, video.Failed, video.Forbidden, video.Rejected}, o.Result))
	switch {
	case o.Result == video.Unknown:
		return // open, until it is read
	case o.Result == video.Failed && video.Passing(o.Err):
		o.Result = video.Deferred
	case o.Result == video.Missing && w.tries[keyOf(item)] > 1: // the call before it did take effect, late
		o.Result, detail = video.Done, perhaps
	case o.Result == video.Missing:
		detail = state.GoneBefore
	}
	w.end(item, o.Result, detail)
}

func distinct(items []retention.Item) (ids []video.ID) {
	for _, i := range items {
		if !slices.Contains(ids, i.ID) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}
