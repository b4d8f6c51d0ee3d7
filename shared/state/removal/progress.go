package removal

import (
	"context"
	"slices"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Progress is how far the items of a plan are, as the ledger tells.
type Progress struct {
	Done int `json:"done"` // removed or moved
	Over int `json:"over"` // have another last word: kept, failed, forbidden, gone before
	Open int `json:"open"` // asked for, or put off
}

// ProgressOf reads the ledger from the plan's first run on. It proves nothing: that is for
// VerifyLedger.
func ProgressOf(ctx context.Context, o state.Objects, plan string) (Progress, error) {
	from, err := Begun(ctx, o, plan)
	if err != nil || from == 0 {
		return Progress{}, err
	}
	last := map[ledgerItem]video.Result{}
	for row, err := range Rows(ctx, o, from) {
		if err != nil {
			return Progress{}, err
		}
		if row.Plan != plan || row.Event == Note {
			continue
		}
		result := video.Deferred
		if row.Event == Outcome {
			result = row.Result
		}
		last[ledgerItem{plan, row.ID, row.Kind, row.Part}] = result
	}
	var p Progress
	for _, result := range last {
		switch result {
		case video.Done:
			p.Done++
		case video.Deferred:
			p.Open++
		default:
			p.Over++
		}
	}
	return p, nil
}

// LastTick is when a run last took the lease of a duty, by the clock of its machine; zero:
// none ever did. Runs that find nothing to do take it too.
func LastTick(ctx context.Context, o state.Objects, duty retention.Duty) (time.Time, error) {
	prefix := state.LeasePrefix + "purge/"
	if duty == retention.Moving {
		prefix = state.LeasePrefix + "move/"
	}
	last, err := state.LastOf(ctx, o, prefix, 0)
	if err != nil || last == 0 {
		return time.Time{}, err
	}
	var l state.Lease
	_, err = state.ReadRecord(ctx, o, state.Numbered(prefix, last, ".json"), &l)
	return l.From, err
}

// LastOfAsset is the last word of the ledger on whole assets with these ids: each as it was
// removed, or last asked for.
func LastOfAsset(ctx context.Context, o state.Objects, ids ...video.ID) (map[video.ID]Row, error) {
	last := map[video.ID]Row{}
	for row, err := range Rows(ctx, o, 0) {
		if err != nil {
			return nil, err
		}
		if row.Event == Outcome && row.Kind == retention.Whole && slices.Contains(ids, row.ID) {
			last[row.ID] = row
		}
	}
	return last, nil
}
