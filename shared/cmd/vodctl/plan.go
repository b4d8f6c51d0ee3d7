package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func planCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Show what the nightly plans would remove, and why", Args: cobra.NoArgs}
	var asCSV, items bool
	show := &cobra.Command{
		Annotations: inRows,
		Use:         "show [PLAN]",
		Short:       "Show a plan (default: the latest): by rule, the biggest items, what stays and why",
		Args:        cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asCSV && items {
				return fmt.Errorf("%w: give either --csv or --items, not both", errUsage)
			}
			if asCSV {
				a.format = report.AsCSV
			}
			return a.showPlan(cmd.Context(), strings.Join(args, ""), items)
		},
	}
	show.Flags().BoolVar(&asCSV, "csv", false, "every item as CSV, as -o csv does")
	show.Flags().BoolVar(&items, "items", false, "every asset with its items as JSON, one a line")
	cmd.AddCommand(show, explainPlanCommand(a), whatIfCommand(a), &cobra.Command{
		Annotations: inRows, Use: "list", Short: "List the plans, the newest last", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listPlans(cmd.Context()) },
	})
	return cmd
}

// withState opens the state for a command.
func (a *tool) withState(ctx context.Context, do func(app *boot.App, o *state.Store) error) error {
	app, err := a.boot("STATE")
	if err != nil {
		return err
	}
	store, err := app.State.Open(ctx)
	if err != nil {
		return err
	}
	if err := a.used(ctx, app); err != nil {
		return errors.Join(err, store.Close())
	}
	return errors.Join(do(app, store), store.Close())
}

// sayQuota says how many items of a plan a quota takes; nothing where the policy cannot
// be read or is another one by now, and then purge removes nothing anyway.
func (a *tool) sayQuota(policy *retention.Policy, p removal.Plan) error {
	if policy == nil {
		return nil
	}
	if policy = policy.For(p.Duty); policy == nil || policy.Hash != p.Policy {
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

// printPlan writes a plan for people.
func (a *tool) printPlan(p removal.Plan) error {
	p.Created, p.Expires = p.Created.In(a.zone), p.Expires.In(a.zone)
	return reports.Plan(a.out, p)
}

func (a *tool) showPlan(ctx context.Context, id string, items bool) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := a.findPlan(ctx, app, o, id)
		if err == nil {
			err = a.sayHalted(ctx, o)
		}
		if err != nil {
			return err
		}
		switch {
		case items:
			return reports.PlanLines(a.out, p.Entries(ctx, o))
		case a.format == report.AsCSV:
			policy, err := night.Policy(ctx, app) // the items are told without it as well
			if err != nil || policy.For(p.Duty) == nil || policy.For(p.Duty).Hash != p.Policy {
				return reports.PlanCSV(a.out, p, retention.Prices{}, p.Entries(ctx, o))
			}
			return reports.PlanCSV(a.out, p, policy.Prices, p.Entries(ctx, o))
		}
		return a.present(p, func() error {
			if err := a.printPlan(p); err != nil {
				return err
			}
			at, err := now(ctx, app)
			if err != nil {
				return err
			}
			status, err := a.planStatus(ctx, o, p, at)
			if err != nil {
				return err
			}
			policy, _ := night.Policy(ctx, app) // the plan is shown without it as well
			err = errors.Join(a.say("\n"), a.sayQuota(policy, p), a.say("  Status: %s\n", status))
			if id == "" && err == nil {
				err = a.sayMoves(ctx, o, p, at)
			}
			return err
		})
	})
}

// sayMoves names the latest plan that moves, beside the one that removes.
func (a *tool) sayMoves(ctx context.Context, o state.Objects, p removal.Plan, at time.Time) error {
	moving, _, err := removal.LatestPlan(ctx, o, func(m removal.Plan) bool { return m.Scope == p.Scope && m.Duty == retention.Moving }, time.Time{})
	if err != nil || moving.ID == "" {
		return err
	}
	status, err := a.planStatus(ctx, o, moving, at)
	return errors.Join(err, a.say("  Plan %s %s: %s; vodctl plan show %s\n", moving.ID, reports.MovesText(moving.Moves), status, moving.ID))
}

func (a *tool) listPlans(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		if err := a.sayHalted(ctx, o); err != nil {
			return err
		}
		rows := a.rows("plan", ">assets", ">items", ">bytes", "expires", "status", "does")
		for one, err := range insight.Plans(ctx, o, time.Time{}, at) {
			if err != nil {
				return err
			}
			p, id := one.Plan, one.ID
			if one.Corrupt != nil {
				rows.Add(nil, id, "", "", "", "", "corrupt: plans/"+id+".json; restore it from a copy", "")
				continue
			}
			rows.Add(p, id, p.Media, p.Items, report.Size(p.Bytes), p.Expires, one.Facts.Text(a.when), cmp.Or(string(p.Duty), "remove"))
		}
		return rows.Print()
	})
}

func pendingCommand(a *tool) *cobra.Command {
	return &cobra.Command{
		Annotations: inRows, Use: "pending", Aliases: []string{"leaving"}, Short: "Show the items in their grace, and when they go", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.pending(cmd.Context()) },
	}
}

func (a *tool) pending(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := a.findPlan(ctx, app, o, "")
		if err != nil && !errors.Is(err, video.ErrNotFound) {
			return err
		}
		if err := a.sayHalted(ctx, o); err != nil {
			return err
		}
		rows := a.rows("asset", "takes", ">bytes", "since", ">days", "leaves from", "title", "rule")
		if rows.None = "No item is in its grace."; err != nil {
			rows.None = "No plan was made yet, so that no item is in its grace."
		}
		for l, err := range removal.ReadLines[removal.Pending](ctx, o, p.Pending) {
			if err != nil {
				return err
			}
			rows.Add(l, l.ID, strings.TrimSpace(string(l.Kind)+" "+l.Part), report.Size(l.Bytes), report.Day(l.Since), l.Days,
				l.Due, report.Short{Text: l.Title, Width: 30}, l.Rule)
		}
		return rows.Print()
	})
}
