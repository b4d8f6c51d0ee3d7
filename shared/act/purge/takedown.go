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
// reads them again: Done in its outcomes is proved, not believed. Nothing is
// removed when removal is halted, when a media is held, or when one of the ids
// cannot be read.
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
	items, err := j.wanted(ctx, t, now)
	if err != nil || len(items) == 0 {
		return "", nil, err
	}
	w := &work{
		run: &run{Job: j, at: now, name: state.NewRun()}, by: t.By, applied: &Applied{Results: map[video.Result]int{}},
		plan:  state.Plan{Created: now},
		final: map[key]bool{}, open: map[key]retention.Item{}, touched: map[video.ID]time.Time{}, tries: map[key]int{}, results: map[video.Result]int{},
	}
	w.plan.ID = "takedown-" + w.name
	if w.ledger, err = state.OpenLedger(ctx, j.State, "takedown-"+w.name, w.name); err != nil {
		return "", nil, err
	}
	if j.Policy.Refresh {
		items = w.refresh(ctx, items)
	}
	for _, item := range items {
		row := w.row(state.Intent, item, "", "")
		w.rows = append(w.rows, row)
		w.note(row)
	}
	if err := w.flush(ctx); err != nil {
		return "", nil, err
	}
	for batch := range slices.Chunk(items, video.MaxBatch) {
		w.remove(ctx, batch)
	}
	err = errors.Join(w.settle(ctx, true), w.flush(ctx))
	proved, proof := w.prove(ctx, items)
	return w.plan.ID, proved, errors.Join(err, proof, w.flush(ctx))
}

// wanted reads the media. Those that are gone already need nothing.
func (j Job) wanted(ctx context.Context, t Takedown, now time.Time) (items []retention.Item, err error) {
	moment, err := state.Outside(ctx, j.State, j.Library, j.Policy, now)
	if err != nil && !t.DespiteHolds {
		return nil, err
	}
	answers, err := j.Library.Media(ctx, t.IDs)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, a := range answers {
		held := ""
		if !t.DespiteHolds {
			held = j.Policy.Held(a.Value, moment)
		}
		switch {
		case errors.Is(a.Err, video.ErrNotFound):
		case a.Err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", a.ID, a.Err))
		case held != "":
			faults = append(faults, fmt.Errorf("%s: %w: %s", a.ID, video.ErrHeld, held))
		default:
			items = append(items, retention.Item{ID: a.ID, Kind: retention.Whole, Bytes: retention.Size(a.Value), Rule: "takedown", Reason: t.Reason})
		}
	}
	return items, errors.Join(faults...)
}

// prove reads the media once more and notes in the ledger what is true.
func (w *work) prove(ctx context.Context, items []retention.Item) ([]video.Outcome, error) {
	answers, err := w.Library.Media(ctx, distinct(items))
	if err != nil {
		return nil, fmt.Errorf("the removal was asked for, the proof is missing: %w", err)
	}
	var outcomes []video.Outcome
	for i, a := range answers {
		o := video.Outcome{ID: a.ID, Result: video.Done, Reason: "read again and not found"}
		if !errors.Is(a.Err, video.ErrNotFound) {
			o.Result, o.Reason = video.Failed, "it is still there"
		}
		outcomes = append(outcomes, o)
		w.rows = append(w.rows, w.row(state.Note, items[i], "", "proof: "+o.Reason))
	}
	return outcomes, nil
}
