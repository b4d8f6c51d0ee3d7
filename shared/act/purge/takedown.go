package purge

import (
	"cmp"
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

// Takedown is an urgent removal that a person asks for, outside of every plan.
type Takedown struct {
	IDs    []video.ID
	By     string // required
	Reason string // required, for the ledger
	// DespiteHolds removes what the policy's holds protect as well.
	DespiteHolds bool
}

// maxTakedown keeps an urgent removal a small one; plans are for the rest.
const maxTakedown = 100

// Takedown removes whole media at once, with the same ledger as a plan, and then
// reads them again: each id gets an outcome, and Done is proved, not believed.
// Nothing is removed when removal is halted, or when one of the ids is held, of
// another application or cannot be read; a halt that comes later stops it before
// its next batch. A CDN that does not forget a media does not keep it: that is
// an error to be told, and the media goes. What an earlier takedown left open when
// it died is settled last: nothing comes before what is urgent.
func (j Job) Takedown(ctx context.Context, t Takedown, now time.Time) (ledgerID string, outcomes []video.Outcome, err error) {
	t.IDs = slices.Compact(slices.Sorted(slices.Values(t.IDs)))
	switch {
	case strings.TrimSpace(t.By) == "" || strings.TrimSpace(t.Reason) == "":
		return "", nil, fmt.Errorf("%w: a takedown names who asks for it and why", video.ErrInvalid)
	case len(t.IDs) == 0 || len(t.IDs) > maxTakedown:
		return "", nil, fmt.Errorf("%w: %d assets, a takedown takes 1 to %d", video.ErrInvalid, len(t.IDs), maxTakedown)
	}
	r, err := j.begin(now)
	if err != nil {
		return "", nil, err
	}
	if err := stored.CheckHalt(ctx, j.State); err != nil {
		return "", nil, err
	}
	if r.lease, err = r.acquire(ctx, "takedown"); err != nil {
		return "", nil, err
	}
	defer r.release(ctx)
	going, gone, err := r.wanted(ctx, t)
	if err == nil {
		ledgerID, outcomes, err = r.urgent(ctx, t, going, gone)
	}
	return ledgerID, outcomes, errors.Join(err, r.settleTakedowns(ctx, distinct(going)))
}

// urgent removes what is there and proves that all of it is gone.
func (r *run) urgent(ctx context.Context, t Takedown, going, gone []retention.Item) (string, []video.Outcome, error) {
	w, _, err := r.takedown(ctx, state.Takedowns+r.name, t.By)
	if err != nil {
		return "", nil, err
	}
	w.judge = func(ctx context.Context, entries []retention.Verdict) ([][]retention.Found, error) {
		return w.wanted(ctx, t, entries)
	}
	served, err := w.takeDown(ctx, going)
	// What was done is proved and written down even when the caller is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second+leaseTime)
	defer cancel()
	w.outlast(ctx)
	outcomes, proof := w.prove(ctx, slices.Concat(going, gone), err == nil || errors.Is(err, video.ErrDeferred), false)
	for i, o := range outcomes {
		if why := served[o.ID]; why != "" {
			outcomes[i].Reason += "; the CDN was not refreshed: " + why
		}
	}
	if len(served) > 0 {
		err = errors.Join(err, fmt.Errorf("assets not refreshed in the CDN, which may still serve them: %d", len(served)))
	}
	return w.plan.ID, outcomes, errors.Join(err, proof)
}

// outlast waits until no call of this run can have its effect any more, so that what is
// there then has stayed.
func (r *run) outlast(ctx context.Context) {
	if wait := r.doubt.Sub(r.Now()); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// takedown opens the ledger for a takedown, new or left by one that died, and gives
// the first segment that may hold its rows. Each has its own lane: whoever settles
// one that was believed dead keeps it from going on.
func (r *run) takedown(ctx context.Context, name, by string) (w *work, from int, err error) {
	w = r.work(stored.Plan{ID: name, Created: r.at}, consent{by: by}, &Applied{Results: map[video.Result]int{}})
	if w.ledger, err = stored.OpenLedger(ctx, r.State, name, r.name); err != nil {
		return nil, 0, err
	}
	w.others.from(w.ledger.Last())
	from, err = stored.StartRun(ctx, r.State, stored.RunStart{Plan: name, Run: r.name, At: r.Now(), Segment: w.ledger.Last() + 1})
	return w, from, err
}

// takeDown removes the items, in batches of at most 20, and says which of them the
// CDN was not made to forget, and why. The CDN comes before the recheck.
func (w *work) takeDown(ctx context.Context, items []retention.Item) (served map[video.ID]string, err error) {
	served = map[video.ID]string{}
	for batch := range slices.Chunk(items, video.MaxBatch) {
		if err := w.may(ctx); err != nil {
			return served, err
		}
		if w.Policy.Refresh {
			w.forget(ctx, distinct(batch), served)
		}
		entries := make([]retention.Verdict, len(batch))
		for i, item := range batch {
			entries[i] = retention.Verdict{ID: item.ID, Items: []retention.Item{item}}
		}
		if err := w.batch(ctx, entries); err != nil {
			return served, err
		}
	}
	return served, nil
}

// forget asks the CDN to forget media, and notes why it does not.
func (w *work) forget(ctx context.Context, ids []video.ID, served map[video.ID]string) {
	outcomes, err := w.CDN.RefreshPlayURLs(ctx, ids)
	for _, id := range ids {
		o := video.Outcome{Result: video.ResultOf(err), Err: err}
		if at := slices.IndexFunc(outcomes, func(o video.Outcome) bool { return o.ID == id }); at >= 0 {
			o = outcomes[at]
		} else if err == nil {
			o.Result = video.Unknown
		}
		if o.Result == video.Done {
			continue
		}
		served[id] = string(o.Result)
		if o.Err != nil {
			served[id] = o.Err.Error()
		}
	}
}

// settleTakedowns finds out by reading what became of calls that takedowns made
// before they died. Media that were there before this one asked for them did not go
// by an earlier one.
func (r *run) settleTakedowns(ctx context.Context, there []video.ID) error {
	names, err := stored.OpenTakedowns(ctx, r.State)
	for _, name := range names {
		if name == state.Takedowns+r.name {
			continue
		}
		if settle := r.settleTakedown(ctx, name, there); settle != nil {
			err = errors.Join(err, fmt.Errorf("settle %s: %w", name, settle))
		}
	}
	return err
}

// readable is how long it is tried to read what became of a call.
const readable = 24 * time.Hour

func (r *run) settleTakedown(ctx context.Context, name string, there []video.ID) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	w, from, err := r.takedown(ctx, name, "")
	if err != nil {
		return err
	}
	var items []retention.Item
	var asked time.Time
	for row, err := range stored.Rows(ctx, r.State, from) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return err
		}
		if row.Plan != name {
			if row.Result == video.Done && w.tried(row.Item) {
				w.others.rows = append(w.others.rows, row)
			}
			continue
		}
		w.by = row.By
		w.note(row)
		if row.Event == stored.Intent {
			items = append(items, row.Item)
			asked = row.At
		}
	}
	for _, item := range w.tally.Open() {
		if slices.Contains(there, item.ID) {
			w.end(item, video.Failed, removal.StillThere)
		}
	}
	_, err = w.prove(ctx, items, true, r.Now().Sub(asked) >= readable)
	return err
}

// wanted reads the media and tells those that are gone already, which need nothing.
func (r *run) wanted(ctx context.Context, t Takedown) (going, gone []retention.Item, err error) {
	entries := make([]retention.Verdict, len(t.IDs))
	for i, id := range t.IDs {
		entries[i] = retention.Verdict{ID: id, Items: []retention.Item{{ID: id, Kind: retention.Whole, Rule: "takedown", Reason: t.Reason}}}
	}
	w := r.work(stored.Plan{}, consent{}, &Applied{})
	found, err := w.wanted(ctx, t, entries)
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	for i, f := range found {
		f, item := f[0], entries[i].Items[0]
		switch {
		case f.Presence == retention.Absent:
			gone = append(gone, item)
		case f.Err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", item.ID, f.Err))
		case f.Keep != "":
			faults = append(faults, fmt.Errorf("%s: %w: %s", item.ID, video.ErrHeld, f.Keep))
		default:
			going = append(going, f.Item)
		}
	}
	return going, gone, errors.Join(faults...)
}

// wanted reads media and says which of them must not be taken down.
func (w *work) wanted(ctx context.Context, t Takedown, entries []retention.Verdict) ([][]retention.Found, error) {
	inputs, err := stored.LoadInputs(ctx, w.State, w.Library, w.Policy, w.at)
	if err == nil {
		err = w.Policy.CheckInputs(inputs)
	}
	if err != nil && !t.DespiteHolds {
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
	all := make([][]retention.Found, len(entries))
	for i, a := range answers {
		f := retention.Look(entries[i].Items[0], a)
		switch {
		case a.Err != nil:
		case w.Scope.App != "" && a.Value.App != w.Scope.App:
			f.Keep = fmt.Sprintf("it is of application %q, this is %q", a.Value.App, w.Scope.App)
		case !t.DespiteHolds:
			f.Keep = w.Policy.Held(a.Value, inputs)
		}
		if f.Judged = a.Err == nil; f.Judged {
			f.Item.Bytes = retention.Size(a.Value)
		}
		all[i] = []retention.Found{f}
	}
	return all, nil
}

// prove reads the media once more, gives every open intent its outcome and notes
// in the ledger what is true. One that the library will not tell of is unknown for good
// when it is the last time that it is asked. The takedown has ended when it is whole, all of it
// in the ledger, and nothing is left open.
func (w *work) prove(ctx context.Context, items []retention.Item, whole, last bool) ([]video.Outcome, error) {
	var (
		answers []video.Answer[video.Media]
		err     error
	)
	w.await(ctx)
	held := w.hold(ctx) // without the lease nothing is written
	began := w.Now()
	if len(items) > 0 {
		answers, err = w.Library.Media(ctx, distinct(items))
	}
	outcomes := make([]video.Outcome, len(items))
	for i, item := range items {
		a := answerOf(item.ID, answers, err)
		p, f := w.tally.Of(keyOf(item)), retention.Look(item, a)
		if outcomes[i] = proved(item, p, f); outcomes[i].Result == video.Failed && retention.Changing(a.Value.StorageClass) {
			outcomes[i].Reason += ": its storage class is being changed, and VOD deletes nothing meanwhile; run the takedown again when that is over"
		}
		if p.Phase == removal.Open {
			at := w.attempts[keyOf(item)].AfterRead(removal.Permit{}, f, began)
			at.Last = last && err == nil || f.Presence == retention.Present
			w.attempts[keyOf(item)] = at
			if _, next := w.next(ctx, item); next != nil {
				err = errors.Join(err, next)
			}
		}
		w.rows = append(w.rows, w.row(stored.Note, item, "", "proof: "+outcomes[i].Reason))
	}
	if err != nil {
		err = fmt.Errorf("the removal was asked for, the proof is missing: %w", err)
	}
	if err = errors.Join(err, held); held == nil {
		err = errors.Join(err, w.flush(ctx))
	}
	if err != nil || !whole || len(w.tally.Open()) > 0 {
		return outcomes, err
	}
	return outcomes, w.over(ctx, "")
}

// answerOf is the answer about an asset. One that is left out does not tell of it.
func answerOf(id video.ID, answers []video.Answer[video.Media], err error) video.Answer[video.Media] {
	if at := slices.IndexFunc(answers, func(a video.Answer[video.Media]) bool { return a.ID == id }); at >= 0 {
		return answers[at]
	}
	return video.Answer[video.Media]{ID: id, Err: cmp.Or(err, video.ErrUnknownOutcome)}
}

// proved words what a read says of an item that was to be taken down.
func proved(item retention.Item, p removal.Progress, f retention.Found) video.Outcome {
	switch {
	case f.Presence == retention.Absent && p.Tries == 0:
		return video.Outcome{ID: item.ID, Result: video.Missing, Reason: "it was gone already"}
	case f.Presence == retention.Absent:
		return video.Outcome{ID: item.ID, Result: video.Done, Reason: "read again and not found"}
	case f.Err != nil:
		return video.Outcome{ID: item.ID, Result: video.Unknown, Reason: "it cannot be read: " + f.Err.Error()}
	case p.Phase == removal.Settled && p.Result == video.Kept:
		return video.Outcome{ID: item.ID, Result: video.Kept, Reason: "it is still there: it was held, or changed, before the call"}
	}
	return video.Outcome{ID: item.ID, Result: video.Failed, Reason: "it is still there"}
}
