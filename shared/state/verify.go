package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	Planned Totals               `json:"planned"` // of a takedown: what it began; zero when the plan cannot be read any more
	Freed   Totals               `json:"freed"`
	Results map[video.Result]int `json:"results,omitempty"`
	Open    int                  `json:"open"`
	Ended   bool                 `json:"ended"`
	Expires time.Time            `json:"expires,omitzero"`

	Withdrawn bool `json:"withdrawn,omitempty"`
}

// VerifyLedger reads the whole ledger and proves that its chain holds from its first
// segment to the last that any end of a plan saw, that each removal has its intent
// before it, and that what ended agrees with what was recorded then. It returns what
// it counted so far with its error.
func VerifyLedger(ctx context.Context, o Objects) (LedgerReport, error) {
	r := LedgerReport{Results: map[video.Result]int{}}
	type item struct {
		plan string
		id   video.ID
		kind retention.Kind
		part string
	}
	open := map[item]int{}
	asked := map[item]bool{} // also where a call was put off: it may take effect late
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
			if open[k]++; !asked[k] && strings.HasPrefix(p.Plan, Takedowns) {
				p.Planned.Add(row.Item)
			}
			asked[k] = true
			p.Open++
		case Outcome:
			if open[k] > 0 {
				open[k]--
				p.Open--
			}
			if row.Result == video.Done && !asked[k] {
				return r, fmt.Errorf("%s: %s %s %s is removed without an intent: %w", row.Plan, row.ID, row.Kind, row.Part, ErrCorrupt)
			}
			asked[k] = asked[k] && row.Result == video.Deferred
			p.Results[row.Result]++
			r.Results[row.Result]++
			if row.Result == video.Done {
				p.Freed.Add(row.Item)
			}
		}
	}
	all, err := ends(ctx, o)
	if err != nil {
		return r, err
	}
	for _, end := range all {
		var freed Totals
		if at, known := plans[end.Plan]; known {
			r.Plans[at].Ended, freed = end.Why == "", r.Plans[at].Freed
		}
		if end.Freed.Items != freed.Items || end.Freed.Bytes != freed.Bytes {
			return r, fmt.Errorf("%s: its end says %d items of %d bytes, the ledger %d of %d: %w",
				end.Plan, end.Freed.Items, end.Freed.Bytes, freed.Items, freed.Bytes, ErrCorrupt)
		}
		tip, err := tipAt(ctx, o, end.Segment)
		if err != nil && !errors.Is(err, video.ErrNotFound) {
			return r, err
		}
		if err != nil || tip != end.Tip {
			return r, fmt.Errorf("%s: at its end the ledger had another segment %d: %w", end.Plan, end.Segment, ErrCorrupt)
		}
	}
	for i := range r.Plans {
		p := &r.Plans[i]
		r.Open += p.Open
		if head, err := ReadPlan(ctx, o, p.Plan); err == nil {
			p.Planned, p.Expires = head.Totals, head.Expires
		}
		switch _, err := ReadWithdrawal(ctx, o, p.Plan); {
		case err == nil, errors.Is(err, ErrCorrupt), errors.Is(err, video.ErrInvalid): // nobody can approve it any more
			p.Withdrawn = true
		case !errors.Is(err, video.ErrNotFound):
			return r, err
		}
	}
	last, err := lastOf(ctx, o, "ledger/", 0)
	if err != nil || last == 0 {
		return r, err
	}
	r.Segments = last
	r.Tip, err = tipAt(ctx, o, last)
	return r, err
}

// tipAt is the hash of a segment; nothing before the first.
func tipAt(ctx context.Context, o Objects, segment int) (string, error) {
	if segment == 0 {
		return "", nil
	}
	body, err := o.Read(ctx, segmentKey(segment))
	return digest(body), err
}
