package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
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
	if p.Scope != scope {
		return fmt.Errorf("plan %s is of %s, this environment is of %s: set ALIBABA_CLOUD_REGION, ALIBABA_CLOUD_ACCOUNT_ID and APP_ID to the plan's", p.ID, p.Scope, scope)
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
	bare := p
	bare.Over = nil // a portion has guards of its own, and for the whole the remedy is named below
	job := purge.Job{Policy: policy, Scope: p.Scope}
	if why := job.Refuses(bare, at); why != "" {
		return fmt.Errorf("plan %s is not approved, %s would refuse it: %s; vodctl plan list has newer ones", p.ID, applier(p), why)
	}
	if len(part.Over) > 0 {
		return fmt.Errorf("%w: plan %s is not approved, it is over the guards: %s; %s", errGuard, p.ID, strings.Join(part.Over, "; "), part.remedy(p.ID))
	}
	if !say.yes {
		if err := a.typed(beforeApproval(p)); err != nil {
			return err
		}
	}
	given, err := removal.Approve(ctx, o, p, by, say.text(), at, say.first)
	if err != nil {
		return err
	}
	err = a.result(given, "%s approved by %s: %s of %s, %s. Stop it with: vodctl halt\n",
		p.ID, given.By, report.Count(part.Items, "item"), report.Count(part.Media, "asset"), report.Bytes(part.Bytes))
	return errors.Join(err, a.sayQuota(file, p))
}

// applier is the function that applies a plan.
func applier(p removal.Plan) string {
	if p.Duty == retention.Moving {
		return "tier"
	}
	return "purge"
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

// portion is what an approval is of: the first items of a plan, or all.
type portion struct {
	removal.Totals
	Oldest time.Time `json:"oldest,omitzero"` // creation of the assets
	Newest time.Time `json:"newest,omitzero"`
	Over   []string  `json:"over,omitempty"` // guards that it breaks
	Fits   int       `json:"fits"`           // so many of the first items are within the guards
}

// remedy names the command that goes on where the guards stop.
func (p portion) remedy(plan string) string {
	if p.Fits == 0 {
		return "not even its first item is within them: change the policy's guards"
	}
	return fmt.Sprintf("approve a portion: vodctl approve %s --first %d", plan, p.Fits)
}

// portion counts what is to be approved against the guards, and shows a part of a plan
// that nobody said --yes to.
func (a *tool) portion(ctx context.Context, o *state.Store, policy *retention.Policy, p removal.Plan, say approval) (portion, error) {
	if say.first == 0 && len(p.Over) == 0 {
		return portion{Totals: p.Totals}, nil
	}
	if say.first > p.Items {
		return portion{}, fmt.Errorf("%w: --first %d: plan %s lists %s, name no more", errUsage, say.first, p.ID, report.Count(p.Items, "item"))
	}
	part, whole := portion{}, cmp.Or(say.first, p.Items)
	over := func() []string {
		return policy.Guards.Over(part.Items, part.Media, part.Unknown, part.Bytes, p.Base())
	}
	for v, err := range p.Entries(ctx, o) {
		if err != nil {
			return portion{}, err
		}
		items := v.Items[:min(len(v.Items), whole-part.Items)]
		if len(items) == 0 {
			break
		}
		part.Media++
		for _, i := range items {
			one := removal.Totals{}
			one.Add(i)
			part.Items, part.Bytes, part.Unknown = part.Items+1, part.Bytes+one.Bytes, part.Unknown+one.Unknown
			if part.Fits == part.Items-1 && len(over()) == 0 {
				part.Fits = part.Items
			}
		}
		if part.Newest = v.Created; part.Media == 1 {
			part.Oldest = v.Created
		}
	}
	if part.Over = over(); say.first == 0 {
		part.Over = p.Over // the whole: the guards that planning found
	}
	if say.yes || say.first == 0 {
		return part, nil
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
	if _, err := removal.ReadEnd(ctx, o, p.ID); err == nil {
		return fmt.Errorf("plan %s cannot be withdrawn any more, it is %s; no run takes it up again", p.ID, status)
	}
	if err := removal.Withdraw(ctx, o, p.ID, by, note, at); err != nil {
		return err
	}
	w, err := removal.ReadWithdrawal(ctx, o, p.ID)
	if err != nil {
		return err
	}
	return a.result(w, "%s withdrawn by %s, it was %s. A run under way goes on; stop it with: vodctl halt\n", p.ID, w.By, status)
}

// irreversible is the warning before what removes.
const irreversible = "This cannot be undone. "

// beforeApproval is what to warn of before a plan is approved, and what a person types then.
func beforeApproval(p removal.Plan) (warning, want string) {
	switch want = p.Region + " " + p.Account; {
	case p.Unreadable() > 0:
		return fmt.Sprintf("Nobody can play %s of these assets afterwards, until they are restored. ", report.Number(p.Unreadable())), want + " unreadable"
	case p.Duty == retention.Moving:
		return "", want
	}
	return irreversible, want
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
