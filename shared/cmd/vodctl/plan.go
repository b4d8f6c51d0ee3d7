package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/purge"
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
// is set) and application.
func findPlan(ctx context.Context, app *boot.App, o state.Objects, id string) (state.Plan, error) {
	if id != "" {
		p, err := state.ReadPlan(ctx, o, id)
		if errors.Is(err, video.ErrNotFound) {
			return p, fmt.Errorf("there is no plan %q: %w; vodctl plan list has their names", id, video.ErrNotFound)
		}
		return p, err
	}
	p, skipped, err := state.LatestPlan(ctx, o, func(p state.Plan) bool {
		return p.Region == app.Region && (p.Account == app.Account || app.Account == "") && p.App == app.App
	}, time.Time{})
	if p.ID != "" || err != nil {
		return p, err
	}
	if len(skipped) > 0 {
		return p, errors.Join(skipped...)
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
		return fmt.Sprintf("withdrawn %s by %s", w.At.Format(time.DateTime), w.By), nil
	}
	if !errors.Is(err, video.ErrNotFound) {
		return damaged("withdrawn", p.ID, err)
	}
	said := "not approved"
	approval, err := state.ReadApproval(ctx, o, p)
	if err == nil {
		said = "approved by " + approval.By
	} else if !errors.Is(err, video.ErrNotFound) {
		return damaged("approvals", p.ID, err)
	}
	if !time.Now().Before(p.Expires) {
		said += ", expired " + p.Expires.Format(time.DateTime)
	}
	return said, nil
}

// damaged names an object of a plan that is not as it was written; err stays where it
// just could not be read.
func damaged(dir, plan string, err error) (string, error) {
	if errors.Is(err, state.ErrCorrupt) {
		return "damaged: " + dir + "/" + plan + ".json", nil
	}
	return "", err
}

// onQuota says how many items of a plan a quota takes; nothing where the policy cannot
// be read or is another one by now, and then purge removes nothing anyway.
func onQuota(policy *retention.Policy, p state.Plan) string {
	if policy == nil || policy.Hash != p.Policy {
		return ""
	}
	n := 0
	for _, r := range p.Rules {
		if policy.Quota(r.Rule) {
			n += r.Items
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("  %s rest on a quota: they go only while the latest plan, younger than 24 h, lists them too\n", report.Count(n, "item"))
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
			e := json.NewEncoder(a.out)
			e.SetEscapeHTML(false)
			for v, err := range p.Entries(ctx, o) {
				if err == nil {
					err = e.Encode(v)
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
		_, err = fmt.Fprintf(a.out, "\n%s  Standing: %s\n", onQuota(policy, p), stands)
		return err
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

func approveCommand(a *app) *cobra.Command {
	var yes, withdraw bool
	var by, note string
	cmd := &cobra.Command{
		Use:   "approve PLAN",
		Short: "Let the next purge remove what a plan lists, or take that back",
		Long: "Approve shows the plan and asks for its region and account, typed by hand. Without a\n" +
			"terminal it shows the plan and ends 2, unless --yes is given. A plan that purge would\n" +
			"refuse at once is not approved; it needs the policy file that the functions have.\n\n" +
			"With --withdraw nobody can approve the plan any more, and no run takes it up again. A\n" +
			"run under way goes on: vodctl halt stops it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withState(cmd.Context(), func(app *boot.App, o *state.Store) error {
				p, err := findPlan(cmd.Context(), app, o, args[0])
				if err != nil {
					return err
				}
				if p.Region != app.Region || p.Account != app.Account || p.App != app.App {
					return fmt.Errorf("the plan is of account %s in %s (application %q), this environment of %s in %s (%q)",
						p.Account, p.Region, p.App, app.Account, app.Region, app.App)
				}
				if withdraw {
					return a.withdraw(cmd.Context(), o, p, by, note)
				}
				return a.approve(cmd.Context(), app, o, p, by, note, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "approve without asking")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "take the approval back, for good")
	cmd.Flags().StringVar(&by, "by", operator(), "who approves or withdraws")
	cmd.Flags().StringVar(&note, "note", "", "a remark that is kept with it")
	return cmd
}

// operator is who runs this tool, as the machine knows them.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody"
}

func (a *app) approve(ctx context.Context, app *boot.App, o *state.Store, p state.Plan, by, note string, yes bool) error {
	stands, err := standing(ctx, o, p)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(stands, "not approved") {
		return errors.New("the plan is " + stands)
	}
	policy, err := app.Policy(ctx)
	if err != nil {
		return err
	}
	if !yes {
		if err := report.Plan(a.out, p); err != nil {
			return err
		}
		if _, err := fmt.Fprint(a.out, onQuota(policy, p)); err != nil {
			return err
		}
	}
	job := purge.Job{Policy: policy, Region: app.Region, Account: app.Account, App: app.App}
	if why := job.Refuses(p, time.Now()); why != "" {
		return errors.New("not approved, purge would refuse it: " + why)
	}
	if !yes {
		if err := a.typed(p.Region + " " + p.Account); err != nil {
			return err
		}
	}
	approval, err := state.Approve(ctx, o, p, by, note, time.Now())
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(approval)
	}
	_, err = fmt.Fprintf(a.out, "%s approved by %s: %s of %s media, %s. Stop it with: vodctl halt\n%s",
		p.ID, approval.By, report.Count(p.Items, "item"), report.Number(p.Media), report.Bytes(p.Bytes), onQuota(policy, p))
	return err
}

func (a *app) withdraw(ctx context.Context, o *state.Store, p state.Plan, by, note string) error {
	stands, err := standing(ctx, o, p)
	if err != nil {
		return err
	}
	if strings.HasPrefix(stands, "ended") {
		return errors.New("the plan has " + stands)
	}
	if err := state.Withdraw(ctx, o, p.ID, by, note, time.Now()); err != nil {
		return err
	}
	w, err := state.ReadWithdrawal(ctx, o, p.ID)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(w)
	}
	_, err = fmt.Fprintf(a.out, "%s withdrawn by %s, it was %s. A run under way goes on; stop it with: vodctl halt\n", p.ID, w.By, stands)
	return err
}

// typed asks a person at a terminal to type a text, and is nil when they did.
// Anywhere else nobody can, and the command was misused.
func (a *app) typed(want string) error {
	if !a.typing {
		return fmt.Errorf("%w: nothing was changed; say --yes to go on", errUsage)
	}
	if _, err := fmt.Fprintf(a.err, "This cannot be undone. Type %q to go on: ", want); err != nil {
		return err
	}
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != want {
		return errors.New("not what was asked for; nothing was changed")
	}
	return nil
}

func haltCommand(a *app) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use: "halt", Short: "Stop all removal before its next batch of at most 20 videos", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), true, by, reason) },
	}
	cmd.Flags().StringVar(&by, "by", operator(), "who halts")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func resumeCommand(a *app) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use: "resume", Short: "Let removal go on after a halt", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), false, by, reason) },
	}
	cmd.Flags().StringVar(&by, "by", operator(), "who resumes")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func (a *app) halt(ctx context.Context, halted bool, by, reason string) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		h := state.Halt{Halted: halted, By: by, At: time.Now(), Reason: reason}
		if err := state.SetHalt(ctx, o, h); err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(h)
		}
		said := "Removal may go on at the next tick of purge.\n"
		if halted {
			said = "Removal is halted: at most the batch under way (20 videos) still leaves. Go on with: vodctl resume\n"
		}
		_, err := fmt.Fprint(a.out, said)
		return err
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

func ledgerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Prove and sum up the record of what was removed", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "verify", Short: "Prove that the record is whole; ends 1 when it is not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledger(cmd.Context(), false) },
	}, &cobra.Command{
		Use: "report", Short: "Planned against freed, for every plan", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledger(cmd.Context(), true) },
	}, &cobra.Command{
		Use: "reconcile", Short: "Compare the record, day by day, with the deletions that VOD announced",
		Long: `Compare the record, day by day, with the deletions of whole videos that VOD announced.

VOD announces a deletion by DeleteMediaComplete, which autotag keeps under STATE. An
announcement is not signed and may come late or never, so this decides nothing: videos
without one may still get it, and deletions from elsewhere are somebody else's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context()) },
	})
	return cmd
}

func (a *app) reconcile(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		days, err := state.Reconcile(ctx, o)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(days)
		}
		table := report.NewTable("day", ">removed", ">announced", ">not announced", ">from elsewhere", "for example")
		for _, d := range days {
			example := ""
			if len(d.Elsewhere) > 0 {
				example = string(d.Elsewhere[0])
			} else if len(d.Silent) > 0 {
				example = string(d.Silent[0])
			}
			table.Row(d.Day, report.Number(d.Removed), report.Number(d.Confirmed), report.Number(len(d.Silent)), report.Number(len(d.Elsewhere)), example)
		}
		return table.Write(a.out, "")
	})
}

func (a *app) ledger(ctx context.Context, plans bool) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		r, err := state.VerifyLedger(ctx, o)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(r)
		}
		if plans {
			table := report.NewTable("plan", "asked for by", ">planned", ">removed", ">bytes planned", ">bytes freed", "standing")
			for _, p := range r.Plans {
				table.Row(p.Plan, p.By, report.Number(p.Planned.Items), report.Number(p.Freed.Items),
					report.Bytes(p.Planned.Bytes), report.Bytes(p.Freed.Bytes), ledgerStanding(p, time.Now()))
			}
			return table.Write(a.out, "")
		}
		tip := "nothing yet"
		if r.Tip != "" {
			tip = r.Tip[:16]
		}
		_, err = fmt.Fprintf(a.out, "The ledger is whole: %s in %s, %s removed, %s open, tip %s\n",
			report.Count(r.Rows, "row"), report.Count(r.Segments, "segment"), report.Count(r.Results[video.Done], "item"), report.Number(r.Open), tip)
		return err
	})
}

// ledgerStanding says where a plan or takedown is, as far as the ledger tells.
func ledgerStanding(p state.PlanReport, now time.Time) string {
	open := ""
	if p.Open > 0 {
		open = fmt.Sprintf(", %d open", p.Open)
	}
	switch {
	case p.Ended:
		return "ended"
	case p.Withdrawn:
		return "withdrawn" + open
	case strings.HasPrefix(p.Plan, state.Takedowns):
		return "cut short: the next takedown settles it" + open
	case !p.Expires.IsZero() && !now.Before(p.Expires):
		return "expired" + open
	}
	return "under way" + open
}
