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
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
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
	show.Flags().BoolVar(&items, "items", false, "every media with its items as JSON, one a line")
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

// findPlan reads the named plan, or the latest of this region, account (any, where none
// is set) and application. A later one that cannot be read may be it.
func findPlan(ctx context.Context, app *boot.App, o state.Objects, id string) (state.Plan, error) {
	if id != "" {
		p, err := state.ReadPlan(ctx, o, id)
		if errors.Is(err, video.ErrNotFound) {
			return p, fmt.Errorf("there is no plan %q: %w; vodctl plan list has their names", id, video.ErrNotFound)
		}
		return p, err
	}
	var ids []string
	for id, err := range state.Plans(ctx, o, time.Time{}) {
		if err != nil {
			return state.Plan{}, err
		}
		ids = append(ids, id)
	}
	for _, id := range slices.Backward(ids) {
		p, err := state.ReadPlan(ctx, o, id)
		if err != nil || p.Region == app.Region && (p.Account == app.Account || app.Account == "") && p.App == app.App {
			return p, err
		}
	}
	return state.Plan{}, fmt.Errorf("no plan was made yet of account %s in %s (application %q): %w", app.Account, app.Region, app.App, video.ErrNotFound)
}

// standing says where a plan is on its way, or which object keeps that from being told.
func standing(ctx context.Context, o state.Objects, p state.Plan) (string, error) {
	end, err := state.ReadEnd(ctx, o, p.ID)
	if err == nil {
		return fmt.Sprintf("%s %s: %s removed", cmp.Or(end.Why, "ended"), end.At.Format(time.DateTime), report.Count(end.Freed.Items, "item")), nil
	}
	if !errors.Is(err, video.ErrNotFound) {
		return damaged("ended", p.ID, err)
	}
	w, err := state.ReadWithdrawal(ctx, o, p.ID)
	if err == nil {
		return fmt.Sprintf("withdrawn %s by %s%s", w.At.Format(time.DateTime), w.By, beside(w.Note)), nil
	}
	if !errors.Is(err, video.ErrNotFound) {
		return damaged("withdrawn", p.ID, err)
	}
	said := "not approved"
	approval, err := state.ReadApproval(ctx, o, p)
	if err == nil {
		if said = "approved by " + approval.By; approval.First > 0 {
			said = fmt.Sprintf("approved by %s, the first %s", approval.By, report.Count(approval.First, "item"))
		}
		said += beside(approval.Note)
	} else if !errors.Is(err, video.ErrNotFound) {
		return damaged("approvals", p.ID, err)
	}
	if !time.Now().Before(p.Expires) {
		said += ", expired " + p.Expires.Format(time.DateTime)
	}
	return said, nil
}

// beside is a note in brackets.
func beside(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

// damaged names an object of a plan that is not as it was written; err stays where it
// just could not be read.
func damaged(dir, plan string, err error) (string, error) {
	if errors.Is(err, state.ErrCorrupt) {
		return "damaged: " + dir + "/" + plan + ".json", nil
	}
	return "", err
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
		p, err := findPlan(ctx, app, o, id)
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
		stands, err := standing(ctx, o, p)
		if err != nil {
			return err
		}
		policy, _ := app.Policy(ctx) // the plan is shown without it as well
		return errors.Join(a.say("\n"), a.tellQuota(policy, p), a.say("  Standing: %s\n", stands))
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
				table.Row(id, "", "", "", "", "not as it was written")
				continue
			}
			if err != nil {
				return err
			}
			stands, err := standing(ctx, o, p)
			if err != nil {
				return err
			}
			all = append(all, p)
			table.Row(id, report.Number(p.Media), report.Number(p.Items), report.Bytes(p.Bytes), p.Expires.Format(time.DateTime), stands)
		}
		if a.json() {
			return a.printJSON(all)
		}
		return table.Write(a.out, "")
	})
}

func leavingCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "leaving", Short: "Show the shelf: items in their grace, and when they go", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.leaving(cmd.Context()) },
	}
}

func (a *app) leaving(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := findPlan(ctx, app, o, "")
		if err != nil {
			return err
		}
		table := report.NewTable("media", "takes", ">bytes", "since", ">days", "leaves from", "title", "rule")
		all := []state.Leaving{}
		for l, err := range state.ReadLines[state.Leaving](ctx, o, p.Leaving) {
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
