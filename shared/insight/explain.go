package insight

import (
	"context"
	"fmt"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Explained is what is said of one asset.
type Explained struct {
	ID     video.ID         `json:"id"`
	Title  string           `json:"title,omitempty"`
	At     time.Time        `json:"at"`
	Error  string           `json:"error,omitempty"`
	Gone   bool             `json:"gone,omitempty"`   // the ledger has removed it
	Listed []retention.Item `json:"listed,omitempty"` // by the plan
	Takes  []retention.Item `json:"takes,omitempty"`  // by the policy, now
	Keeps  []retention.Keep `json:"keeps,omitempty"`

	Moves   []retention.Item `json:"moves,omitempty"` // by the policy's move rules, now
	Unmoved []retention.Keep `json:"unmoved,omitempty"`
}

// Explanation is what is said of assets, for the moment of a plan.
type Explanation struct {
	At      time.Time // the plan's; without one, now
	Assets  []Explained
	Unknown int // of them: neither VOD nor the ledger knows them
}

// Explain says of assets what the policy takes and what it leaves, and why: for the moment of a
// plan, by what the library holds now. What waits for the rest of the library (the newest of a
// category, quotas) is taken from the plan. The zero plan is none: it is for now then. It takes
// at most video.MaxBatch ids. Of what VOD does not have, the ledger says whether it was removed.
func Explain(ctx context.Context, app *boot.App, p removal.Plan, ids []video.ID, o Options) (x Explanation, err error) {
	if app.State == nil {
		return x, errNoState
	}
	policy, err := night.Policy(ctx, app)
	if err != nil {
		return x, err
	}
	if p.Created.IsZero() {
		at, err := app.Clock(ctx)
		if err != nil {
			return x, err
		}
		p.Created = at.UTC()
	}
	inputs, err := LoadInputs(ctx, app, app.State, policy, p.Created)
	if err != nil {
		return x, err
	}
	if err := policy.CheckInputs(inputs); err != nil {
		o.warn("nothing would be removed at all: %s", err)
	}
	x.At = p.Created
	x.Assets, err = judge(ctx, app, app.State, policy.For(p.Duty), inputs, p, ids)
	if moves := policy.Moves(); err == nil && moves != nil && p.Duty == retention.Removing {
		err = addMoves(ctx, app, app.State, moves, inputs, p, x.Assets)
	}
	if err == nil {
		x.Unknown, err = whereabouts(ctx, app.State, x.Assets, o.when)
	}
	return x, err
}

// addMoves adds what the policy's moves are for the same assets.
func addMoves(ctx context.Context, app *boot.App, o state.Objects, moves *retention.Policy, inputs retention.Inputs, p removal.Plan, all []Explained) (err error) {
	if inputs.Leaving, err = removal.LoadLeaving(ctx, o, moves, p.Scope, p.Created); err != nil {
		return err
	}
	ids := make([]video.ID, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	too, err := judge(ctx, app, o, moves, inputs, removal.Plan{Created: p.Created}, ids)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Moves, all[i].Unmoved = too[i].Takes, too[i].Keeps
	}
	return nil
}

// whereabouts says of assets that cannot be read whether the ledger has removed them, and
// counts the others.
func whereabouts(ctx context.Context, o state.Objects, all []Explained, when func(time.Time) string) (unknown int, err error) {
	var ids []video.ID
	for _, e := range all {
		if e.Error != "" {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	last, err := removal.LastOfAsset(ctx, o, ids...)
	if err != nil {
		return 0, err
	}
	for i, e := range all {
		if e.Error == "" {
			continue
		}
		row, ok := last[e.ID]
		if !ok || row.Result != video.Done {
			unknown++
			all[i].Error += NotAnID(e.ID)
			continue
		}
		all[i].Gone = true
		all[i].Error = fmt.Sprintf("was removed %s by %s, asked for by %s; rule %s: %s; more: vodctl history %s", when(row.At), row.Plan, row.By, row.Rule, row.Reason, e.ID)
	}
	return unknown, nil
}

// LoadInputs reads what the policy wants to know beside the library.
func LoadInputs(ctx context.Context, app *boot.App, o state.Objects, policy *retention.Policy, at time.Time) (retention.Inputs, error) {
	inputs, err := removal.LoadInputs(ctx, o, app.VOD, policy, at)
	if err != nil || !policy.NeedsPast() {
		return inputs, err
	}
	past, _, err := removal.LoadPast(ctx, o)
	inputs.Imaged, inputs.Entered = past.Gone, past.Moved
	return inputs, err
}

// judge judges assets as they are now, beside what a plan lists of them.
func judge(ctx context.Context, app *boot.App, o state.Objects, policy *retention.Policy, inputs retention.Inputs, p removal.Plan, ids []video.ID) ([]Explained, error) {
	answers, err := app.VOD.Media(ctx, ids)
	if err != nil {
		return nil, err
	}
	listed := map[video.ID][]retention.Item{}
	for v, err := range p.Entries(ctx, o) {
		if err != nil {
			return nil, err
		}
		listed[v.ID] = v.Items
	}
	all := make([]Explained, len(answers))
	for i, m := range answers {
		all[i] = Explained{ID: ids[i], Title: m.Value.Title, At: p.Created, Listed: listed[ids[i]]}
		if m.Err != nil {
			all[i].Error = m.Err.Error()
			continue
		}
		v := policy.Judge(m.Value, inputs)
		all[i].Takes, all[i].Keeps = v.Items, v.Keeps
	}
	return all, nil
}
