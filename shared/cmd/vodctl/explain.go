package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func explainPlanCommand(a *tool) *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use: "explain ID...", Short: "Say of single assets what would go and what stays, and why", Args: cobra.RangeArgs(1, video.MaxBatch),
		Long: `Say of single assets what the policy takes and what it leaves, and why: for the moment of
the plan (default: the latest, or now when there is none), by what the library holds now.
What waits for the rest of the library (the newest of a category, quotas) is taken from
the plan. Where a fact is missing, and the asset is kept for it, the fact is named.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids := make([]video.ID, len(args))
			for i, arg := range args {
				ids[i] = video.ID(arg)
			}
			return a.explainPlan(cmd.Context(), plan, ids)
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "the plan; default: the latest")
	return cmd
}

// verdict is what is said of one media.
type verdict struct {
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

// addMoves adds what the policy's moves are for the same assets.
func addMoves(ctx context.Context, app *boot.App, o state.Objects, moves *retention.Policy, inputs retention.Inputs, p removal.Plan, all []verdict) (err error) {
	if inputs.Leaving, err = removal.LoadLeaving(ctx, o, moves, p.Scope, p.Created); err != nil {
		return err
	}
	ids := make([]video.ID, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	too, err := verdicts(ctx, app, o, moves, inputs, removal.Plan{Created: p.Created}, ids)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Moves, all[i].Unmoved = too[i].Takes, too[i].Keeps
	}
	return nil
}

func (a *tool) explainPlan(ctx context.Context, plan string, ids []video.ID) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		all, p, err := a.judged(ctx, app, o, plan, ids)
		if err != nil {
			return err
		}
		unknown, err := a.whereabouts(ctx, o, all)
		if err != nil {
			return err
		}
		err = a.present(all, func() error {
			for _, e := range all {
				if err := a.explainOne(e, p.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil && unknown > 0 {
			err = fmt.Errorf("%w: %s cannot be explained: see the lines above, and vodctl history ID", video.ErrNotFound, report.Count(unknown, "asset"))
		}
		return err
	})
}

// judged is what the policy makes of assets for the moment of a plan; without one, for now.
func (a *tool) judged(ctx context.Context, app *boot.App, o *state.Store, plan string, ids []video.ID) ([]verdict, removal.Plan, error) {
	policy, err := night.Policy(ctx, app)
	if err != nil {
		return nil, removal.Plan{}, err
	}
	p, err := a.findPlan(ctx, app, o, plan)
	if err != nil && (plan != "" || !errors.Is(err, video.ErrNotFound)) {
		return nil, p, err
	}
	if p.Created.IsZero() {
		if p.Created, err = now(ctx, app); err != nil {
			return nil, p, err
		}
	}
	inputs, err := loadInputs(ctx, app, o, policy, p.Created)
	if err != nil {
		return nil, p, err
	}
	if err := policy.CheckInputs(inputs); err != nil {
		if err := a.warn("nothing would be removed at all: %s", err); err != nil {
			return nil, p, err
		}
	}
	all, err := verdicts(ctx, app, o, policy.For(p.Duty), inputs, p, ids)
	if moves := policy.Moves(); err == nil && moves != nil && p.Duty == retention.Removing {
		err = addMoves(ctx, app, o, moves, inputs, p, all)
	}
	return all, p, err
}

// whereabouts says of assets that cannot be read whether the ledger has removed them, and
// counts the others.
func (a *tool) whereabouts(ctx context.Context, o state.Objects, all []verdict) (unknown int, err error) {
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
			all[i].Error += insight.NotAnID(e.ID)
			continue
		}
		all[i].Gone = true
		all[i].Error = fmt.Sprintf("was removed %s by %s, asked for by %s; rule %s: %s; more: vodctl history %s", a.when(row.At), row.Plan, row.By, row.Rule, row.Reason, e.ID)
	}
	return unknown, nil
}

// loadInputs reads what the policy wants to know beside the library.
func loadInputs(ctx context.Context, app *boot.App, o state.Objects, policy *retention.Policy, at time.Time) (retention.Inputs, error) {
	inputs, err := removal.LoadInputs(ctx, o, app.VOD, policy, at)
	if err != nil || !policy.NeedsPast() {
		return inputs, err
	}
	past, _, err := removal.LoadPast(ctx, o)
	inputs.Imaged, inputs.Entered = past.Gone, past.Moved
	return inputs, err
}

// verdicts judges assets as they are now, beside what a plan lists of them.
func verdicts(ctx context.Context, app *boot.App, o state.Objects, policy *retention.Policy, inputs retention.Inputs, p removal.Plan, ids []video.ID) ([]verdict, error) {
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
	all := make([]verdict, len(answers))
	for i, m := range answers {
		all[i] = verdict{ID: ids[i], Title: m.Value.Title, At: p.Created, Listed: listed[ids[i]]}
		if m.Err != nil {
			all[i].Error = m.Err.Error()
			continue
		}
		v := policy.Judge(m.Value, inputs)
		all[i].Takes, all[i].Keeps = v.Items, v.Keeps
	}
	return all, nil
}

// lacking names facts that were missing.
func lacking(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return "; not known: " + strings.Join(missing, ", ")
}

func (a *tool) explainOne(e verdict, plan string) error {
	if err := a.say("%s  %s\n", e.ID, cmp.Or(e.Error, report.Cut(e.Title, 60))); err != nil || e.Error != "" {
		return err
	}
	table := report.NewTable("", "part", "rule", "why")
	what := func(kind retention.Kind, part string) string {
		switch {
		case kind == "" && len(e.Takes) > 0:
			return "" // what this rule would have taken
		case kind == "":
			return "all of it"
		}
		return report.Cut(string(kind)+" "+part, 24)
	}
	goes := func(i retention.Item) string {
		if i.Kind == retention.Move {
			return "to " + i.To
		}
		return "goes"
	}
	for _, i := range slices.Concat(e.Takes, e.Moves) {
		table.Row(goes(i), what(i.Kind, i.Part), i.Rule, i.Reason)
	}
	for _, k := range slices.Concat(e.Keeps, e.Unmoved) {
		table.Row("stays", what(k.Kind, k.Part), k.Rule, string(k.Why)+": "+k.Reason+lacking(k.Missing))
	}
	if len(e.Takes)+len(e.Keeps)+len(e.Moves)+len(e.Unmoved) == 0 {
		table.Row("stays", "all of it", "", "no rule looks at it")
	}
	if err := table.Write(a.out, "  "); err != nil {
		return err
	}
	said := fmt.Sprintf("plan %s lists %s of it", plan, report.Count(len(e.Listed), "item"))
	if plan == "" {
		said = "there is no plan yet"
	}
	return a.say("  %s\n\n", said)
}
