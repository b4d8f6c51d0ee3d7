package state

import (
	"context"
	"fmt"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// LedgerReport is what the ledger says in sum.
type LedgerReport struct {
	Segments int                  `json:"segments"`
	Rows     int                  `json:"rows"`
	Tip      string               `json:"tip"` // hash of the last segment
	Results  map[video.Result]int `json:"results,omitempty"`
	Open     int                  `json:"open"` // intents without an outcome
	Plans    []PlanReport         `json:"plans,omitempty"`
	First    time.Time            `json:"first,omitzero"`
	Last     time.Time            `json:"last,omitzero"`
}

// PlanReport is what the ledger says of one plan, or of a takedown.
type PlanReport struct {
	Plan    string               `json:"plan"`
	By      string               `json:"by"`
	Planned Totals               `json:"planned"` // zero when the plan cannot be read any more
	Freed   Totals               `json:"freed"`
	Results map[video.Result]int `json:"results,omitempty"`
	Open    int                  `json:"open"`
	Ended   bool                 `json:"ended"`
}

// VerifyLedger reads the whole ledger and proves that its chain holds, that each
// outcome of a call has its intent before it, and that what ended agrees with
// what was recorded then. It returns what it counted so far with its error.
func VerifyLedger(ctx context.Context, o Objects) (LedgerReport, error) {
	r := LedgerReport{Results: map[video.Result]int{}}
	type item struct {
		plan string
		id   video.ID
		kind retention.Kind
		part string
	}
	open := map[item]int{}
	plans := map[string]int{}
	for row, err := range Rows(ctx, o, 0) {
		if err != nil {
			return r, err
		}
		r.Rows++
		if r.Last = row.At; r.First.IsZero() {
			r.First = row.At
		}
		at, known := plans[row.Plan]
		if !known {
			at = len(r.Plans)
			plans[row.Plan] = at
			r.Plans = append(r.Plans, PlanReport{Plan: row.Plan, By: row.By, Results: map[video.Result]int{}})
		}
		p, k := &r.Plans[at], item{row.Plan, row.ID, row.Kind, row.Part}
		switch row.Event {
		case Intent:
			open[k]++
			p.Open++
		case Outcome:
			if open[k] > 0 {
				open[k]--
				p.Open--
			} else if row.Result == video.Done {
				return r, fmt.Errorf("%s: %s %s %s is removed without an intent: %w", row.Plan, row.ID, row.Kind, row.Part, ErrAltered)
			}
			p.Results[row.Result]++
			r.Results[row.Result]++
			if row.Result == video.Done {
				p.Freed.Add(row.Item)
			}
		}
	}
	for i := range r.Plans {
		p := &r.Plans[i]
		r.Open += p.Open
		if head, err := ReadPlan(ctx, o, p.Plan); err == nil {
			p.Planned = head.Totals
		}
		end, err := ReadEnd(ctx, o, p.Plan)
		if p.Ended = err == nil; !p.Ended {
			continue
		}
		if end.Freed.Items != p.Freed.Items || end.Freed.Bytes != p.Freed.Bytes {
			return r, fmt.Errorf("%s: its end says %d items of %d bytes, the ledger %d of %d: %w",
				p.Plan, end.Freed.Items, end.Freed.Bytes, p.Freed.Items, p.Freed.Bytes, ErrAltered)
		}
	}
	last, err := lastOf(ctx, o, "ledger/", 0)
	if err != nil || last == 0 {
		return r, err
	}
	body, err := o.Read(ctx, segmentKey(last))
	r.Segments, r.Tip = last, digest(body)
	return r, err
}
