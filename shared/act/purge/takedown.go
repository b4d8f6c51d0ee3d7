package purge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
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
		return "", nil, fmt.Errorf("%w: %d media, a takedown takes 1 to %d", video.ErrInvalid, len(t.IDs), maxTakedown)
	}
	if err := j.check(now); err != nil {
		return "", nil, err
	}
	if err := state.CheckHalt(ctx, j.State); err != nil {
		return "", nil, err
	}
	if j.Now == nil {
		j.Now = time.Now
	}
	if j.Log == nil {
		j.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Job: j, at: now, name: state.NewRun()}
	if r.lease, err = r.acquire(ctx, "takedown"); err != nil {
		return "", nil, err
	}
	defer r.release(ctx)
	going, gone, err := j.wanted(ctx, t, now)
	if err == nil {
		ledgerID, outcomes, err = r.urgent(ctx, t.By, going, gone)
	}
	return ledgerID, outcomes, errors.Join(err, r.settleTakedowns(ctx, distinct(going)))
}

// urgent removes what is there and proves that all of it is gone.
func (r *run) urgent(ctx context.Context, by string, going, gone []retention.Item) (string, []video.Outcome, error) {
	w, _, err := r.takedown(ctx, state.Takedowns+r.name, by)
	if err != nil {
		return "", nil, err
	}
	served, err := w.takeDown(ctx, going)
	// What was done is proved and written down even when the caller is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	outcomes, proof := w.prove(ctx, slices.Concat(going, gone), err == nil || errors.Is(err, video.ErrClosed), false)
	for i, o := range outcomes {
		if why := served[o.ID]; why != "" {
			outcomes[i].Reason += "; the CDN was not refreshed: " + why
		}
	}
	if len(served) > 0 {
		err = errors.Join(err, fmt.Errorf("%d media were not refreshed in the CDN, which may still serve them", len(served)))
	}
	return w.plan.ID, outcomes, errors.Join(err, proof)
}

// takedown opens the ledger for a takedown, new or left by one that died, and gives
// the first segment that may hold its rows. Each has its own lane: whoever settles
// one that was believed dead keeps it from going on.
func (r *run) takedown(ctx context.Context, name, by string) (w *work, from int, err error) {
	w = &work{
		run: r, by: by, plan: state.Plan{ID: name, Created: r.at}, applied: &Applied{Results: map[video.Result]int{}},
		final: map[key]bool{}, open: map[key]retention.Item{}, touched: map[video.ID]time.Time{}, tries: map[key]int{}, results: map[video.Result]int{},
	}
	if w.ledger, err = state.OpenLedger(ctx, r.State, name, r.name); err != nil {
		return nil, 0, err
	}
	from, err = state.StartRun(ctx, r.State, state.RunStart{Plan: name, Run: r.name, At: r.Now(), Segment: w.ledger.Last() + 1})
	return w, from, err
}

// takeDown removes the items, in batches of at most 20, and says which of them the
// CDN was not made to forget, and why.
func (w *work) takeDown(ctx context.Context, items []retention.Item) (served map[video.ID]string, err error) {
	served = map[video.ID]string{}
	for batch := range slices.Chunk(items, video.MaxBatch) {
		if w.lease, err = w.lease.Renew(ctx, w.State, w.Now(), leaseTime); err != nil {
			return served, err
		}
		if err := state.CheckHalt(ctx, w.State); err != nil {
			return served, err
		}
		if w.Policy.Refresh {
			w.forget(ctx, distinct(batch), served)
		}
		var intents []state.Row
		for _, item := range batch {
			intents = append(intents, w.row(state.Intent, item, "", ""))
		}
		w.rows = append(w.rows, intents...)
		if err := w.flush(ctx); err != nil {
			return served, err
		}
		for _, row := range intents {
			w.note(row)
		}
		w.remove(ctx, batch)
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
	names, err := state.OpenTakedowns(ctx, r.State)
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
	for row, err := range state.Rows(ctx, r.State, from) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return err
		}
		if row.Plan != name {
			continue
		}
		w.by = row.By
		w.note(row)
		if row.Event == state.Intent {
			items = append(items, row.Item)
			asked = row.At
		}
	}
	for _, item := range items {
		if _, open := w.open[keyOf(item)]; open && slices.Contains(there, item.ID) {
			w.end(item, video.Failed, "still there after a call whose outcome was unknown")
		}
	}
	_, err = w.prove(ctx, items, true, r.Now().Sub(asked) >= readable)
	return err
}

// wanted reads the media and tells those that are gone already, which need nothing.
func (j Job) wanted(ctx context.Context, t Takedown, now time.Time) (going, gone []retention.Item, err error) {
	moment, err := state.Outside(ctx, j.State, j.Library, j.Policy, now)
	if err != nil && !t.DespiteHolds {
		return nil, nil, err
	}
	answers, err := j.Library.Media(ctx, t.IDs)
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	for _, a := range answers {
		item := retention.Item{ID: a.ID, Kind: retention.Whole, Rule: "takedown", Reason: t.Reason}
		held := ""
		switch {
		case errors.Is(a.Err, video.ErrNotFound):
			gone = append(gone, item)
			continue
		case a.Err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", a.ID, a.Err))
			continue
		case j.App != "" && a.Value.App != j.App:
			held = fmt.Sprintf("it is of application %q, this is %q", a.Value.App, j.App)
		case !t.DespiteHolds:
			held = j.Policy.Held(a.Value, moment)
		}
		if held != "" {
			faults = append(faults, fmt.Errorf("%s: %w: %s", a.ID, video.ErrHeld, held))
			continue
		}
		item.Bytes = retention.Size(a.Value)
		going = append(going, item)
	}
	return going, gone, errors.Join(faults...)
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
	if len(items) > 0 {
		answers, err = w.Library.Media(ctx, distinct(items))
	}
	outcomes := make([]video.Outcome, len(items))
	for i, item := range items {
		k, a := keyOf(item), video.Answer[video.Media]{ID: item.ID, Err: err}
		if at := slices.IndexFunc(answers, func(a video.Answer[video.Media]) bool { return a.ID == item.ID }); at >= 0 {
			a = answers[at]
		} else if err == nil {
			a.Err = video.ErrUnknownOutcome
		}
		_, open := w.open[k]
		o := video.Outcome{ID: item.ID}
		switch gone := errors.Is(a.Err, video.ErrNotFound); {
		case gone && w.tries[k] == 0:
			o.Result, o.Reason = video.Missing, "it was gone already"
		case gone:
			o.Result, o.Reason = video.Done, "read again and not found"
			if !w.final[k] {
				w.end(item, video.Done, "found gone after a call whose outcome was unknown")
			}
		case a.Err != nil:
			o.Result, o.Reason = video.Unknown, "it cannot be read: "+a.Err.Error()
			if open && last && err == nil && !video.Passing(a.Err) {
				w.end(item, video.Unknown, "whether it happened cannot be read")
			}
		default:
			o.Result, o.Reason = video.Failed, "it is still there"
			if open {
				w.end(item, video.Failed, "still there after a call whose outcome was unknown")
			}
		}
		outcomes[i] = o
		w.rows = append(w.rows, w.row(state.Note, item, "", "proof: "+o.Reason))
	}
	if err != nil {
		err = fmt.Errorf("the removal was asked for, the proof is missing: %w", err)
	}
	if err = errors.Join(err, w.flush(ctx)); err != nil || !whole || len(w.open) > 0 {
		return outcomes, err
	}
	return outcomes, w.over(ctx, "")
}
