package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
)

func planCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Show what the nightly plans would remove, and why", Args: cobra.NoArgs}
	var asCSV, items bool
	show := &cobra.Command{
		Use:   "show [PLAN]",
		Short: "Show a plan (default: the latest): by rule, the biggest items, what stays and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asCSV && items {
				return fmt.Errorf("%w: either --csv or --items", errUsage)
			}
			return a.showPlan(cmd.Context(), strings.Join(args, ""), asCSV, items)
		},
	}
	show.Flags().BoolVar(&asCSV, "csv", false, "every item as CSV")
	show.Flags().BoolVar(&items, "items", false, "every asset with its items as JSON, one a line")
	cmd.AddCommand(show, explainPlanCommand(a), whatIfCommand(a), &cobra.Command{
		Use: "list", Short: "List the plans, the newest last", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listPlans(cmd.Context()) },
	})
	return cmd
}

// withState opens the state for a command.
func (a *app) withState(ctx context.Context, do func(app *boot.App, o *state.Store) error) error {
	app, err := a.boot("STATE")
	if err != nil {
		return err
	}
	store, err := app.State.Open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(app, store), store.Close())
}

// tellQuota says how many items of a plan a quota takes; nothing where the policy cannot
// be read or is another one by now, and then purge removes nothing anyway.
func (a *app) tellQuota(policy *retention.Policy, p state.Plan) error {
	if policy == nil || policy.Hash != p.Policy {
		return nil
	}
	n := 0
	for _, r := range p.Rules {
		if policy.Quota(r.Rule) {
			n += r.Items
		}
	}
	if n == 0 {
		return nil
	}
	return a.say("  %s rest on a quota: they go only while the latest plan, younger than 24 h, lists them too\n", report.Count(n, "item"))
}

func (a *app) showPlan(ctx context.Context, id string, asCSV, items bool) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := a.findPlan(ctx, app, o, id)
		if err != nil {
			return err
		}
		if asCSV {
			return report.PlanCSV(a.out, p.Entries(ctx, o))
		}
		if items {
			for v, err := range p.Entries(ctx, o) {
				if err == nil {
					err = report.JSON(a.out, v, "")
				}
				if err != nil {
					return err
				}
			}
			return nil
		}
		if a.json() {
			return a.printJSON(p)
		}
		if err := report.Plan(a.out, p); err != nil {
			return err
		}
		status, err := planStatus(ctx, o, p)
		if err != nil {
			return err
		}
		policy, _ := app.Policy(ctx) // the plan is shown without it as well
		return errors.Join(a.say("\n"), a.tellQuota(policy, p), a.say("  Status: %s\n", status))
	})
}

func (a *app) listPlans(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		table := report.NewTable("plan", ">media", ">items", ">bytes", "expires", "standing")
		var all []state.Plan
		for id, err := range state.Plans(ctx, o, time.Time{}) {
			if err != nil {
				return err
			}
			p, err := state.ReadPlan(ctx, o, id)
			if errors.Is(err, state.ErrCorrupt) {
				table.Row(id, "", "", "", "", "corrupt: plans/"+id+".json; restore it from a copy")
				continue
			}
			if err != nil {
				return err
			}
			status, err := planStatus(ctx, o, p)
			if err != nil {
				return err
			}
			all = append(all, p)
			table.Row(id, report.Number(p.Media), report.Number(p.Items), report.Bytes(p.Bytes), p.Expires.Format(time.DateTime), status)
		}
		if a.json() {
			return a.printJSON(all)
		}
		return table.Write(a.out, "")
	})
}

func pendingCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "pending", Aliases: []string{"leaving"}, Short: "Show the items in their grace, and when they go", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.pending(cmd.Context()) },
	}
}

func (a *app) pending(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := a.findPlan(ctx, app, o, "")
		if err != nil {
			return err
		}
		table := report.NewTable("media", "takes", ">bytes", "since", ">days", "leaves from", "title", "rule")
		all := []state.Pending{}
		for l, err := range state.ReadLines[state.Pending](ctx, o, p.Pending) {
			if err != nil {
				return err
			}
			if a.json() {
				all = append(all, l)
			}
			table.Row(l.ID, strings.TrimSpace(string(l.Kind)+" "+l.Part), report.Bytes(l.Bytes), l.Since.Format(time.DateOnly), l.Days,
				l.Due.Format(time.DateTime), report.Cut(l.Title, 30), l.Rule)
		}
		if a.json() {
			return a.printJSON(all)
		}
		return table.Write(a.out, "")
	})
}
