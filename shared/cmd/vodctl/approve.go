package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/approve"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// approval is what a person says of a plan.
type approval struct {
	remark
	first         int // 0: all of it
	yes, withdraw bool
}

func approveCommand(a *tool) *cobra.Command {
	var say approval
	cmd := &cobra.Command{
		Use:   "approve PLAN",
		Short: "Let the next purge remove what a plan lists, or take that back",
		Long: `Approve shows the plan and asks for its region and account, typed by hand. Without a
terminal it shows the plan and ends 2, unless --yes is given. A plan that purge would
refuse at once is not approved; it needs the policy file that the functions have.

With --first N it approves the N oldest items of the plan and no more. That is the way
through a plan that is over its guards, as after a long halt: the portion itself has to
be within them.

With --withdraw nobody can approve the plan any more, and no run takes it up again. A
run under way goes on: vodctl halt stops it.

The record names whose credentials approved, as STS tells it; --by is a note.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("first") && (say.first < 1 || say.withdraw) {
				return fmt.Errorf("%w: --first %d: name 1 item or more, and leave --withdraw out", errUsage, say.first)
			}
			return a.withState(cmd.Context(), func(app *boot.App, o *state.Store) error {
				return a.decide(cmd.Context(), app, o, args[0], say)
			})
		},
	}
	say.flags(cmd, "note", "a remark that is kept with it")
	cmd.Flags().IntVar(&say.first, "first", 0, "only so many items of the plan, the oldest")
	cmd.Flags().BoolVar(&say.yes, "yes", false, "approve without asking")
	cmd.Flags().BoolVar(&say.withdraw, "withdraw", false, "take the approval back, for good")
	return cmd
}

// decide approves or withdraws a plan of this environment.
func (a *tool) decide(ctx context.Context, app *boot.App, o *state.Store, id string, say approval) error {
	p, err := a.findPlan(ctx, app, o, id)
	if err != nil {
		return err
	}
	by, scope, err := a.identity(ctx, app, say.withdraw)
	if err == nil {
		err = a.sayHalted(ctx, o)
	}
	if err != nil {
		return err
	}
	if err := approve.Mine(p, scope); err != nil {
		return err
	}
	if say.withdraw {
		return a.withdraw(ctx, app, o, p, by, say.text())
	}
	return a.approve(ctx, app, o, p, by, say)
}

func (a *tool) approve(ctx context.Context, app *boot.App, o *state.Store, p removal.Plan, by string, say approval) error {
	at, err := now(ctx, app)
	if err != nil {
		return err
	}
	if err := a.approvable(ctx, o, p, at); err != nil {
		return err
	}
	file, err := night.Policy(ctx, app)
	if err != nil {
		return err
	}
	policy := file.For(p.Duty)
	if !say.yes {
		if err := a.showApprovable(file, p, say); err != nil {
			return err
		}
	}
	part, err := a.portion(ctx, o, policy, p, say)
	if err != nil {
		return err
	}
	if err := approve.Allowed(policy, p, part, at); err != nil {
		return err
	}
	if !say.yes {
		if err := a.typed(approve.Before(p)); err != nil {
			return err
		}
	}
	given, err := approve.Give(ctx, o, p, by, say.text(), say.first, at)
	if err != nil {
		return err
	}
	err = a.result(given, "%s approved by %s: %s of %s, %s. Stop it with: vodctl halt\n",
		p.ID, given.By, report.Count(part.Items, "item"), report.Count(part.Media, "asset"), report.Bytes(part.Bytes))
	return errors.Join(err, a.sayQuota(file, p))
}

// showApprovable shows what is going to be asked for. With --first programs get the portion
// in its place.
func (a *tool) showApprovable(policy *retention.Policy, p removal.Plan, say approval) error {
	if a.json() && !a.typing && say.first > 0 {
		return nil
	}
	return a.propose(p, func(a *tool) error { return errors.Join(a.printPlan(p), a.sayQuota(policy, p)) })
}

// propose presents what a person is going to be asked for. At a terminal the document for
// programs is the approval that follows, so a person reads this on standard error.
func (a *tool) propose(v any, text func(*tool) error) error {
	if a.json() && a.typing {
		beside := *a
		beside.out, beside.format = a.err, report.AsTable
		return text(&beside)
	}
	return a.present(v, func() error { return text(a) })
}

// portion counts what is to be approved against the guards, and shows a part of a plan
// that nobody said --yes to.
func (a *tool) portion(ctx context.Context, o state.Objects, policy *retention.Policy, p removal.Plan, say approval) (approve.Portion, error) {
	part, err := approve.PortionOf(ctx, o, policy, p, say.first)
	if errors.Is(err, video.ErrInvalid) && say.first > p.Items {
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil || say.yes || say.first == 0 {
		return part, err
	}
	within := "within the guards"
	if len(part.Over) > 0 {
		within = "OVER THE GUARDS: " + strings.Join(part.Over, "; ")
	}
	return part, a.propose(part, func(a *tool) error {
		return a.say("\n  The first %s of %s: %s, created %s to %s, %s\n", report.Count(part.Items, "item"), report.Count(part.Media, "asset"),
			report.Bytes(part.Bytes), a.when(part.Oldest), a.when(part.Newest), within)
	})
}

func (a *tool) withdraw(ctx context.Context, app *boot.App, o *state.Store, p removal.Plan, by, note string) error {
	at, err := now(ctx, app)
	if err != nil {
		return err
	}
	status, err := a.planStatus(ctx, o, p, at)
	if err != nil {
		return err
	}
	w, err := approve.Withdraw(ctx, o, p, by, note, status, at)
	if err != nil {
		return err
	}
	return a.result(w, "%s withdrawn by %s, it was %s. A run under way goes on; stop it with: vodctl halt\n", p.ID, w.By, status)
}

// typed asks a person at a terminal to type what must not be overlooked, behind a warning; it is
// nil when they did. Anywhere else nobody can, and the command was misused.
func (a *tool) typed(warning, want string) error {
	if !a.typing {
		return fmt.Errorf("%w: there is no terminal to type %q at, nothing was changed; say --yes to go on", errUsage, want)
	}
	if _, err := fmt.Fprintf(a.err, "%sType %q to go on: ", warning, want); err != nil {
		return err
	}
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != want {
		return fmt.Errorf("%q was typed and not %q, nothing was changed; run the command again", strings.TrimSpace(line), want)
	}
	return nil
}
