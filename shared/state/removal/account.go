package removal

import (
	"context"
	"errors"
	"math"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Account is what was promised, beside what came of it.
type Account struct {
	Skipped  Totals           `json:"skipped,omitzero"` // with another last outcome; what is unknown or open is neither
	Currency string           `json:"currency,omitempty"`
	Promised *retention.Money `json:"promised,omitempty"` // by the plan; nil: no price
	// Kept is that of what is done, at the moment it was found done; nil: no price. That is
	// also so when the plan's money is not what the policy's prices of today give.
	Kept *retention.Money `json:"kept,omitempty"`
}

// PlanTotal sums up plans. What has no price is counted as Unpriced, and not in the sums.
type PlanTotal struct {
	Planned Totals `json:"planned"`
	Freed   Totals `json:"freed"`
	Account
}

// fate is the last outcome of an item.
type fate struct {
	at     time.Time
	result video.Result
}

// Account adds to each plan what it promised and what came of that by the ledger, and the
// total. The prices are those of the policy of today: plans tell sums only, so that what came
// of a plan of other prices has no price here.
func (r *LedgerReport) Account(ctx context.Context, o state.Objects, prices retention.Prices) error {
	fates := map[string]map[removal.Key]fate{}
	for row, err := range Rows(ctx, o, 0) {
		switch {
		case err != nil:
			return err
		case row.Event != Outcome || row.Result == video.Deferred:
			continue
		case fates[row.Plan] == nil:
			fates[row.Plan] = map[removal.Key]fate{}
		}
		fates[row.Plan][removal.KeyOf(row.Item)] = fate{row.At, row.Result}
	}
	r.Total = &PlanTotal{}
	for i := range r.Plans {
		p := &r.Plans[i]
		a, err := account(ctx, o, p.Plan, fates[p.Plan], prices)
		if err != nil {
			return err
		}
		p.Account = &a
		r.Total.add(*p)
	}
	return nil
}

// account is that of one plan. A takedown promises nothing, and a plan that cannot be read
// tells nothing.
func account(ctx context.Context, o state.Objects, id string, fates map[removal.Key]fate, prices retention.Prices) (Account, error) {
	var a Account
	p, err := ReadPlan(ctx, o, id)
	if isDamage(err) || errors.Is(err, video.ErrInvalid) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	var again, kept retention.Money
	for v, err := range p.Entries(ctx, o) {
		if isDamage(err) {
			return Account{}, nil
		}
		if err != nil {
			return a, err
		}
		var skipped []retention.Item
		for _, i := range v.Items {
			again.Add(prices.Of(i, v.Class, v.InClass(p.Created)))
			switch f, there := fates[removal.KeyOf(i)]; {
			case !there || f.result == video.Unknown:
			case f.result == video.Done:
				kept.Add(prices.Of(i, v.Class, v.InClass(f.at)))
			default:
				skipped = append(skipped, i)
			}
		}
		a.Skipped.Add(skipped...)
	}
	if p.Saving != nil {
		a.Currency, a.Promised = p.Saving.Currency, &p.Saving.Money
		if p.Saving.Currency == prices.Currency && same(again, p.Saving.Money) {
			a.Kept = &kept
		}
	}
	return a, nil
}

// same says that two sums of one plan are of the same prices.
func same(a, b retention.Money) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }
	return near(a.Month, b.Month) && near(a.Early, b.Early) && near(a.Retrieval, b.Retrieval) && near(a.Moves, b.Moves) && a.Unpriced == b.Unpriced
}

func (t *PlanTotal) add(p PlanReport) {
	t.Planned, t.Freed, t.Skipped = t.Planned.plus(p.Planned), t.Freed.plus(p.Freed), t.Skipped.plus(p.Skipped)
	if t.Promised == nil && p.Promised != nil {
		t.Currency = p.Currency
	}
	other := p.Currency != t.Currency
	t.Promised = plus(t.Promised, p.Promised, other, p.Planned.Items)
	t.Kept = plus(t.Kept, p.Kept, other, p.Freed.Items)
}

// plus adds the money of a plan with so many items.
func plus(sum, m *retention.Money, other bool, items int) *retention.Money {
	switch {
	case m == nil && items == 0:
		return sum
	case m == nil || other:
		m = &retention.Money{Unpriced: items}
	}
	if sum == nil {
		sum = &retention.Money{}
	}
	sum.Add(*m)
	return sum
}

func (t Totals) plus(o Totals) Totals {
	return Totals{t.Media + o.Media, t.Items + o.Items, t.Bytes + o.Bytes, t.Unknown + o.Unknown}
}
