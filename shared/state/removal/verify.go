package removal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// LedgerReport is what the ledger says in sum.
type LedgerReport struct {
	Segments int                  `json:"segments"`
	Rows     int                  `json:"rows"`
	Tip      string               `json:"tip"` // hash of the last segment
	Results  map[video.Result]int `json:"results,omitempty"`
	Moved    int                  `json:"moved,omitempty"` // of those that are done, moves; the others were removed
	Open     int                  `json:"open"`            // intents without an outcome
	Plans    []PlanReport         `json:"plans,omitempty"`
	First    time.Time            `json:"first,omitzero"`
	Last     time.Time            `json:"last,omitzero"`
	Total    *PlanTotal           `json:"total,omitempty"` // of all plans; nil: nobody asked for it
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
	Duty    retention.Duty       `json:"duty,omitempty"`

	Withdrawn bool `json:"withdrawn,omitempty"`

	*Account
}

// VerifyLedger reads the whole ledger and proves that its chain holds from its first
// segment to the last that any end of a plan or any check point saw, that each removal has
// its intent before it, and that what ended agrees with what was recorded then. It returns
// what it counted so far with its error.
func VerifyLedger(ctx context.Context, o state.Objects) (LedgerReport, error) {
	v := newVerifier()
	if err := v.checkpoints(ctx, o); err != nil {
		return v.r, err
	}
	return v.run(ctx, o)
}

// VerifyRecent proves the same from the last check point on, whose word it takes for what
// came before: it reads what was written since, and costs no more after years. Without a
// check point it is VerifyLedger. Its Plans are those that had not ended then, and later ones.
func VerifyRecent(ctx context.Context, o state.Objects) (LedgerReport, error) {
	v := newVerifier()
	if err := v.resume(ctx, o); err != nil {
		return v.r, err
	}
	return v.run(ctx, o)
}

// verifier reads the ledger on from somewhere.
type verifier struct {
	r      LedgerReport
	from   int // the segment up to which all is known
	asked  map[ledgerItem]asking
	plans  map[string]int
	ended  map[string]bool // plans whose ends were compared
	points int             // number of the last check point
	prev   string          // its hash
	seen   int             // and up to which segment it goes

	sawEnded []string // plans whose ends the last check point saw
}

// asking is what the ledger says of an item that was asked for: its intents without an
// outcome, and whether it may be removed by one; also where a call was put off, since that
// may take effect late.
type asking struct {
	open int
	may  bool
}

type ledgerItem struct {
	plan string
	id   video.ID
	kind retention.Kind
	part string
}

func newVerifier() *verifier {
	return &verifier{r: LedgerReport{Results: map[video.Result]int{}}, asked: map[ledgerItem]asking{}, plans: map[string]int{}, ended: map[string]bool{}}
}

func (v *verifier) run(ctx context.Context, o state.Objects) (LedgerReport, error) {
	v.r.Segments = v.from
	for s, err := range segments(ctx, o, v.from+1, v.r.Tip) {
		if err != nil {
			return v.r, err
		}
		for _, row := range s.rows {
			if err := v.take(row); err != nil {
				return v.r, err
			}
		}
		v.r.Segments, v.r.Tip = s.number, s.tip
	}
	if err := v.compareEnds(ctx, o); err != nil {
		return v.r, err
	}
	return v.r, v.describe(ctx, o)
}

// plan gives what is said of a plan.
func (v *verifier) plan(row Row) *PlanReport {
	at, known := v.plans[row.Plan]
	if !known {
		at = len(v.r.Plans)
		v.plans[row.Plan] = at
		v.r.Plans = append(v.r.Plans, PlanReport{Plan: row.Plan, By: row.By, Results: map[video.Result]int{}})
	}
	return &v.r.Plans[at]
}

// take counts a row.
func (v *verifier) take(row Row) error {
	v.r.Rows++
	if v.r.Last = row.At; v.r.First.IsZero() {
		v.r.First = row.At
	}
	p, k := v.plan(row), ledgerItem{row.Plan, row.ID, row.Kind, row.Part}
	a := v.asked[k]
	switch row.Event {
	case Intent:
		if !a.may && strings.HasPrefix(p.Plan, state.Takedowns) {
			p.Planned.Add(row.Item)
		}
		v.asked[k] = asking{a.open + 1, true}
		p.Open++
	case Outcome:
		if a.open > 0 {
			a.open--
			p.Open--
		}
		if row.Result == video.Done && !a.may {
			did := "removed"
			if row.Kind == retention.Move {
				did = "moved"
			}
			return fmt.Errorf("%s: %s %s %s is %s without an intent: %w", row.Plan, row.ID, row.Kind, row.Part, did, state.ErrCorrupt)
		}
		a.may = a.may && row.Result == video.Deferred
		if v.asked[k] = a; a == (asking{}) {
			delete(v.asked, k)
		}
		p.Results[row.Result]++
		v.r.Results[row.Result]++
		if row.Result == video.Done {
			p.Freed.Add(row.Item)
		}
		if row.Result == video.Done && row.Kind == retention.Move {
			v.r.Moved++
		}
	}
	return nil
}

// compareEnds compares the ends of plans that were not compared before with the ledger.
func (v *verifier) compareEnds(ctx context.Context, o state.Objects) error {
	there := map[string]bool{}
	for key, err := range state.Named(ctx, o, state.EndPrefix, "") {
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(key, state.EndPrefix), ".json")
		if there[name] = true; v.ended[name] {
			continue
		}
		if err := v.compareEnd(ctx, o, key); err != nil {
			return err
		}
	}
	for _, name := range v.sawEnded {
		if !there[name] {
			return fmt.Errorf("the end of %s, which a check point saw, is not there: %w", name, state.ErrCorrupt)
		}
	}
	v.ended = there
	return nil
}

func (v *verifier) compareEnd(ctx context.Context, o state.Objects, key string) error {
	var end RunEnd
	if _, err := state.ReadRecord(ctx, o, key, &end); err != nil {
		return err
	}
	var freed Totals
	if at, known := v.plans[end.Plan]; known {
		v.r.Plans[at].Ended, freed = end.Why == "", v.r.Plans[at].Freed
	}
	if end.Freed.Items != freed.Items || end.Freed.Bytes != freed.Bytes {
		return fmt.Errorf("%s: its end says %d items of %d bytes, the ledger %d of %d: %w",
			end.Plan, end.Freed.Items, end.Freed.Bytes, freed.Items, freed.Bytes, state.ErrCorrupt)
	}
	return sameTip(ctx, o, end.Segment, end.Tip, end.Plan+": at its end")
}

// sameTip says whether a segment is the one that was seen before.
func sameTip(ctx context.Context, o state.Objects, segment int, want, when string) error {
	tip, err := tipAt(ctx, o, segment)
	if err != nil && !errors.Is(err, video.ErrNotFound) {
		return err
	}
	if err != nil || tip != want {
		return fmt.Errorf("%s the ledger had another segment %d: %w", when, segment, state.ErrCorrupt)
	}
	return nil
}

// describe reads what is known of the plans besides the ledger.
func (v *verifier) describe(ctx context.Context, o state.Objects) error {
	for i := range v.r.Plans {
		p := &v.r.Plans[i]
		v.r.Open += p.Open
		if head, err := ReadPlan(ctx, o, p.Plan); err == nil {
			p.Planned, p.Expires, p.Duty = head.Totals, head.Expires, head.Duty
		}
		switch _, err := ReadWithdrawal(ctx, o, p.Plan); {
		case err == nil, errors.Is(err, state.ErrCorrupt), errors.Is(err, video.ErrInvalid): // nobody can approve it any more
			p.Withdrawn = true
		case !errors.Is(err, video.ErrNotFound):
			return err
		}
	}
	return nil
}

// tipAt is the hash of a segment; nothing before the first.
func tipAt(ctx context.Context, o state.Objects, segment int) (string, error) {
	if segment == 0 {
		return "", nil
	}
	body, err := o.Read(ctx, segmentKey(segment))
	return state.Digest(body), err
}
