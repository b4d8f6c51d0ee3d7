package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
)

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
		if err := a.tellQuota(policy, p); err != nil {
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
	err = a.say("%s approved by %s: %s of %s media, %s. Stop it with: vodctl halt\n",
		p.ID, approval.By, report.Count(p.Items, "item"), report.Number(p.Media), report.Bytes(p.Bytes))
	return errors.Join(err, a.tellQuota(policy, p))
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
	err = a.say("%s withdrawn by %s, it was %s. A run under way goes on; stop it with: vodctl halt\n", p.ID, w.By, stands)
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
