package insight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// MostNights is how many nights one simulation takes: ten years.
const MostNights = 3660

// Simulation is what WhatIf plans.
type Simulation struct {
	Library *Snapshot         // stays as it is
	Policy  *retention.Policy // removals and, where it has some, moves
	Scope   video.Scope       // for the plans to name: region and account are required
	From    time.Time         // the first night
	Nights  int               // 1 to MostNights
	// Inputs reads the policy's hold list and usage file by their keys under STATE; nil: there
	// are none, and a policy that names one plans nothing.
	Inputs func(ctx context.Context, key string) ([]byte, error)
}

// aside is a simulated state with the hold list and the usage file of the real one.
type aside struct {
	state.Objects
	policy *retention.Policy
	inputs func(ctx context.Context, key string) ([]byte, error)
}

// Read implements state.Objects.
func (s aside) Read(ctx context.Context, key string) ([]byte, error) {
	if key == s.policy.HoldList || key == s.policy.Usage {
		if s.inputs == nil {
			return nil, fmt.Errorf("%w: %s", video.ErrNotFound, key)
		}
		return s.inputs(ctx, key)
	}
	return s.Objects.Read(ctx, key)
}

// WhatIf plans night by night in a state of its own, a folder of this machine that is gone
// afterwards. What a plan lists is gone the next night, or in its class, unless the plan was
// over its guards. The items are those of all nights, and those that are in their grace after
// the last one: the policy takes them too, later.
func WhatIf(ctx context.Context, s Simulation, o Options) (nights []Night, items []retention.Item, err error) {
	if s.Nights < 1 || s.Nights > MostNights {
		return nil, nil, fmt.Errorf("%w: %d nights: want 1 to %d", video.ErrInvalid, s.Nights, MostNights)
	}
	dir, err := os.MkdirTemp("", "vodctl")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := state.Open(ctx, "file:"+dir, state.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ledger, err := removal.OpenLedger(ctx, store, "what-if", state.NewRun())
	if err != nil {
		return nil, nil, err
	}
	library := s.Library.copied()
	outside := aside{store, s.Policy, s.Inputs}
	s.sayUsage(o)
	count, end := o.count(" nights")
	defer end()
	var pending []retention.Item
	for n := range s.Nights {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		night := Night{Prices: s.Policy.Prices}
		pending = pending[:0]
		for _, duty := range []*retention.Policy{s.Policy, s.Policy.Moves()} {
			if duty == nil {
				continue
			}
			library.number()
			tonight := *duty // one file stands for those that would be written on the nights to come
			tonight.UsageMaxAge += time.Duration(n) * 24 * time.Hour
			r, err := plan.Job{Library: library, State: outside, Policy: &tonight, Scope: s.Scope}.Run(ctx, s.From.AddDate(0, 0, n))
			if err != nil {
				return nil, nil, err
			}
			listed, err := library.apply(ctx, r.Plan, store, ledger)
			if err != nil {
				return nil, nil, err
			}
			night.Plans, items = append(night.Plans, r.Plan), append(items, listed...)
			for row, err := range removal.ReadLines[removal.Pending](ctx, store, r.Plan.Pending) {
				if err != nil {
					return nil, nil, err
				}
				pending = append(pending, row.Item)
			}
		}
		night.count(library.media)
		nights = append(nights, night)
		count(n + 1)
	}
	return nights, append(items, pending...), nil
}

// sayUsage says what a usage file is taken for over several nights.
func (s Simulation) sayUsage(o Options) {
	if s.Policy.Usage != "" && s.Nights > 1 {
		o.warn("the usage file %s is taken to be as fresh on every night as it is on the first; views after its last day are not known, so what nobody viewed until then is idle", s.Policy.Usage)
	}
}

// copied is a snapshot whose media can be removed: the parts of each are copied when one goes.
func (s *Snapshot) copied() *Snapshot {
	c := *s
	c.media = slices.Clone(s.media)
	slices.SortStableFunc(c.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
	return &c
}

// apply takes from the library what a plan lists, and gives that. A plan over its guards
// takes nothing.
func (s *Snapshot) apply(ctx context.Context, p removal.Plan, o state.Objects, ledger *removal.Ledger) (items []retention.Item, err error) {
	gone := map[video.ID]bool{}
	for v, err := range p.Entries(ctx, o) {
		if err != nil {
			return nil, err
		}
		items = append(items, v.Items...)
		if len(p.Over) > 0 {
			continue
		}
		if err := ledger.Append(ctx, s.remove(v, p.Created)...); err != nil {
			return nil, err
		}
		gone[v.ID] = v.Items[0].Kind == retention.Whole
	}
	s.media = slices.DeleteFunc(s.media, func(m video.Media) bool { return gone[m.ID] })
	return items, nil
}

// number notes where each media stands.
func (s *Snapshot) number() {
	s.index = map[video.ID]int{}
	for i, m := range s.media {
		s.index[m.ID] = i
	}
}

// remove takes the listed parts from a media, or moves it. That images are gone, and since
// when an asset is in its class, is for the ledger to know.
func (s *Snapshot) remove(v retention.Verdict, at time.Time) (past []removal.Row) {
	m := &s.media[s.at(v.ID)]
	for _, i := range v.Items {
		switch i.Kind {
		case retention.Stream:
			m.Streams = slices.DeleteFunc(slices.Clone(m.Streams), func(s video.Stream) bool { return s.Job == i.Part })
		case retention.Source:
			gone := *m.Source
			gone.Status = "Deleted"
			m.Source = &gone
		case retention.Images:
			past = append(past, removal.Row{Event: removal.Outcome, At: at, Item: i, Result: video.Done})
		case retention.Move:
			m.StorageClass = i.Class()
			past = append(past, removal.Row{Event: removal.Outcome, At: at, Item: i, Result: video.Done})
		}
	}
	return past
}

// Night is one night of what-if: its plans, and what is stored after them.
type Night struct {
	Plans  []removal.Plan // what leaves, and what moves
	Prices retention.Prices

	Stored  map[string]int64 // bytes by storage class
	Unknown int              // assets whose size or class is not told
}

func (n *Night) count(media []video.Media) {
	n.Stored = map[string]int64{}
	for _, m := range media {
		if !retention.Stored(m, n.Stored) {
			n.Unknown++
		}
	}
}

// Money is what all plans of the night save and cost, but those over their guards, which do nothing.
func (n Night) Money() (sum retention.Money) {
	for _, p := range n.Plans {
		if p.Saving != nil && len(p.Over) == 0 {
			sum.Add(p.Saving.Money)
		}
	}
	return sum
}

// NightLine is a night as JSON has it: the fields of its removal plan, as ever, and what is
// stored behind it.
type NightLine struct {
	removal.Plan
	Moves  *removal.Plan    `json:"moves,omitempty"`
	Stored map[string]int64 `json:"stored,omitempty"`
	Month  *float64         `json:"month,omitempty"` // what that costs in a month; nil: no price
}

// Line is the night as JSON has it.
func (n Night) Line() NightLine {
	line := NightLine{Plan: n.Plans[0], Stored: n.Stored}
	if len(n.Plans) > 1 {
		line.Moves = &n.Plans[1]
	}
	if sum, ok := n.Prices.Month(n.Stored); ok && len(n.Prices.PerGB) > 0 {
		line.Month = &sum
	}
	return line
}

// Differing is an item that only one of two policies takes.
type Differing struct {
	Sign string `json:"sign"` // + the other policy takes it, - only the first does
	retention.Item
}

// Difference is what the other policy takes more, and then what it takes less.
func Difference(one, other []retention.Item) (all []Differing) {
	missing := func(sign string, from, in []retention.Item) {
		seen := map[retention.Item]bool{}
		bare := func(i retention.Item) retention.Item {
			return retention.Item{ID: i.ID, Kind: i.Kind, Part: i.Part, To: i.To}
		}
		for _, i := range in {
			seen[bare(i)] = true
		}
		for _, i := range from {
			if !seen[bare(i)] {
				seen[bare(i)] = true
				all = append(all, Differing{sign, i})
			}
		}
	}
	missing("+", other, one)
	missing("-", one, other)
	return all
}
