package removal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Checkpoint says up to which segment the ledger was verified, and all that is needed to go
// on from there. Each names the hash of the one before. Check points are written by a person
// who verified the ledger, never by a function: the roles of the functions may not.
type Checkpoint struct {
	Version int    `json:"version"`
	Hash    string `json:"hash"` // of this object without Hash
	Prev    string `json:"prev"` // of the check point before; empty for the first

	At      time.Time            `json:"at"`
	By      string               `json:"by"`
	Segment int                  `json:"segment"` // the last that was read
	Tip     string               `json:"tip"`     // and its hash
	Rows    int                  `json:"rows"`
	Results map[video.Result]int `json:"results,omitempty"`
	Moved   int                  `json:"moved,omitempty"`
	First   time.Time            `json:"first,omitzero"`
	Last    time.Time            `json:"last,omitzero"`
	Ended   []string             `json:"ended,omitempty"` // plans and takedowns whose ends were compared
	Open    []UnendedPlan        `json:"open,omitempty"`  // plans and takedowns without an end
}

// UnendedPlan is what the ledger says of a plan that had not ended.
type UnendedPlan struct {
	Plan    string               `json:"plan"`
	By      string               `json:"by,omitempty"`
	Planned Totals               `json:"planned,omitzero"`
	Freed   Totals               `json:"freed,omitzero"`
	Results map[video.Result]int `json:"results,omitempty"`
	Asked   []AskedItem          `json:"asked,omitempty"` // items that were asked for
}

// AskedItem is an item with an intent.
type AskedItem struct {
	ID   video.ID       `json:"id"`
	Kind retention.Kind `json:"kind,omitempty"`
	Part string         `json:"part,omitempty"`
	Open int            `json:"open,omitempty"` // intents without an outcome
	May  bool           `json:"may,omitempty"`  // it may still be removed by one
}

// seal gives the check point its version and hash.
func (c *Checkpoint) seal() error {
	c.Version, c.Hash = state.RecordVersion, ""
	text, err := json.Marshal(c)
	c.Hash = state.Digest(text)
	return err
}

// readCheckpoint reads a check point and refuses one that is not as it was written.
func readCheckpoint(ctx context.Context, o state.Objects, n int) (Checkpoint, error) {
	var c Checkpoint
	key := state.Numbered(state.CheckpointPrefix, n, ".json")
	if _, err := state.ReadRecord(ctx, o, key, &c); err != nil {
		return Checkpoint{}, err
	}
	sealed := c
	if err := sealed.seal(); err != nil || sealed.Hash != c.Hash || c.By == "" {
		return Checkpoint{}, fmt.Errorf("%s: it fails its hash: %w", key, state.ErrCorrupt)
	}
	return c, nil
}

// WriteCheckpoint verifies the ledger, from its first segment or from the last check point
// on, and records that it held. Nothing new since the last check point is no other one.
func WriteCheckpoint(ctx context.Context, o state.Objects, by string, at time.Time, full bool) (LedgerReport, error) {
	if strings.TrimSpace(by) == "" {
		return LedgerReport{}, fmt.Errorf("%w: a check point names who verified the ledger", video.ErrInvalid)
	}
	v := newVerifier()
	check := v.resume
	if full {
		check = v.checkpoints
	}
	if err := check(ctx, o); err != nil {
		return v.r, err
	}
	r, err := v.run(ctx, o)
	if err != nil || r.Segments == 0 || v.points > 0 && r.Segments == v.seen {
		return r, err
	}
	c := v.checkpoint(by, at)
	if err := c.seal(); err != nil {
		return r, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return r, err
	}
	return r, o.Create(ctx, state.Numbered(state.CheckpointPrefix, v.points+1, ".json"), text)
}

func (v *verifier) checkpoint(by string, at time.Time) Checkpoint {
	c := Checkpoint{
		Prev: v.prev, At: at.UTC(), By: by, Segment: v.r.Segments, Tip: v.r.Tip, Rows: v.r.Rows, Results: v.r.Results, Moved: v.r.Moved,
		First: v.r.First, Last: v.r.Last, Ended: slices.Sorted(maps.Keys(v.ended)),
	}
	items := map[string][]AskedItem{}
	for k, a := range v.asked {
		items[k.plan] = append(items[k.plan], AskedItem{k.id, k.kind, k.part, a.open, a.may})
	}
	for _, p := range v.r.Plans {
		if v.ended[p.Plan] {
			continue
		}
		asked := items[p.Plan]
		slices.SortFunc(asked, func(a, b AskedItem) int {
			return strings.Compare(string(a.ID)+"/"+string(a.Kind)+"/"+a.Part, string(b.ID)+"/"+string(b.Kind)+"/"+b.Part)
		})
		u := UnendedPlan{Plan: p.Plan, By: p.By, Freed: p.Freed, Results: p.Results, Asked: asked}
		if strings.HasPrefix(p.Plan, state.Takedowns) {
			u.Planned = p.Planned
		}
		c.Open = append(c.Open, u)
	}
	return c
}

// resume takes the word of the last check point.
func (v *verifier) resume(ctx context.Context, o state.Objects) error {
	last, err := state.LastOf(ctx, o, state.CheckpointPrefix, 0)
	if err != nil || last == 0 {
		return err
	}
	c, err := readCheckpoint(ctx, o, last)
	if err != nil {
		return err
	}
	if err := sameTip(ctx, o, c.Segment, c.Tip, fmt.Sprintf("at check point %d", last)); err != nil {
		return err
	}
	v.points, v.prev, v.from, v.seen = last, c.Hash, c.Segment, c.Segment
	v.sawEnded = c.Ended
	v.r.Rows, v.r.Moved, v.r.First, v.r.Last, v.r.Tip = c.Rows, c.Moved, c.First, c.Last, c.Tip
	maps.Copy(v.r.Results, c.Results)
	for _, name := range c.Ended {
		v.ended[name] = true
	}
	for _, u := range c.Open {
		p := PlanReport{Plan: u.Plan, By: u.By, Planned: u.Planned, Freed: u.Freed, Results: map[video.Result]int{}}
		maps.Copy(p.Results, u.Results)
		for _, i := range u.Asked {
			v.asked[ledgerItem{u.Plan, i.ID, i.Kind, i.Part}] = asking{i.Open, i.May}
			p.Open += i.Open
		}
		v.plans[u.Plan] = len(v.r.Plans)
		v.r.Plans = append(v.r.Plans, p)
	}
	return nil
}

// checkpoints proves that the check points follow each other, and that the ledger holds what
// each of them saw.
func (v *verifier) checkpoints(ctx context.Context, o state.Objects) error {
	last, err := state.LastOf(ctx, o, state.CheckpointPrefix, 0)
	if err != nil {
		return err
	}
	for n := 1; n <= last; n++ {
		c, err := readCheckpoint(ctx, o, n)
		if errors.Is(err, video.ErrNotFound) {
			err = fmt.Errorf("check point %d of %d is not there: %w", n, last, state.ErrCorrupt)
		}
		if err != nil {
			return err
		}
		if c.Prev != v.prev || c.Segment < v.seen {
			return fmt.Errorf("check point %d does not follow the one before: %w", n, state.ErrCorrupt)
		}
		if err := sameTip(ctx, o, c.Segment, c.Tip, fmt.Sprintf("at check point %d", n)); err != nil {
			return err
		}
		v.points, v.prev, v.seen, v.sawEnded = n, c.Hash, c.Segment, c.Ended
	}
	return nil
}
