// Package approve lets a person decide on a plan: it says whether a plan can be approved now,
// what a person has to type, and writes the approval, the withdrawal or the halt. vodctl and
// the console ask it alike.
//
// It asks nobody by itself, and knows no clock: whoever calls it shows the plan, brings the
// words that were typed, and says whose credentials it was.
package approve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// ErrOver says that what is to be approved is over the policy's guards.
var ErrOver = errors.New("stopped by a guard")

// Mine is nil when the plan is of the environment's region, account and application.
func Mine(p removal.Plan, scope video.Scope) error {
	if p.Scope != scope {
		return fmt.Errorf("plan %s is of %s, this environment is of %s: set ALIBABA_CLOUD_REGION, ALIBABA_CLOUD_ACCOUNT_ID and APP_ID to the plan's", p.ID, p.Scope, scope)
	}
	return nil
}

// Open says that a person may approve the plan now. One that was refused for its guards may
// still be approved in portions.
func Open(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (bool, error) {
	status, d, err := removal.StatusOf(ctx, o, p, now)
	if err != nil {
		return false, err
	}
	if status == removal.PlanRefused && !d.Corrupt {
		_, ended := removal.ReadEnd(ctx, o, p.ID)
		_, approved := removal.ReadApproval(ctx, o, p)
		return errors.Is(ended, video.ErrNotFound) && errors.Is(approved, video.ErrNotFound), nil
	}
	return status == removal.PlanPlanned, nil
}

// NotOpen is the error of a plan that is not Open, with where it stands in words.
func NotOpen(p removal.Plan, stands string) error {
	return fmt.Errorf("plan %s is %s; only one that is not approved yet can be: vodctl plan list", p.ID, stands)
}

// Portion is what an approval is of: the first items of a plan, or all.
type Portion struct {
	removal.Totals
	Oldest time.Time `json:"oldest,omitzero"` // creation of the assets
	Newest time.Time `json:"newest,omitzero"`
	Over   []string  `json:"over,omitempty"` // guards that it breaks
	Fits   int       `json:"fits"`           // so many of the first items are within the guards
}

// PortionOf counts the first items of a plan, or all of them for 0, against the guards of its
// policy. It reads the whole list: one that is not as it was written is state.ErrCorrupt, and
// nobody should approve what cannot be looked at. More items than the plan lists are
// video.ErrInvalid.
func PortionOf(ctx context.Context, o state.Objects, policy *retention.Policy, p removal.Plan, first int) (Portion, error) {
	if first < 0 || first > p.Items {
		return Portion{}, &portionError{first, p}
	}
	part, whole, sum := Portion{}, cmp.Or(first, p.Items), removal.Totals{}
	over := func() []string {
		return policy.Guards.Over(part.Items, part.Media, part.Unknown, part.Bytes, p.Base())
	}
	for v, err := range p.Entries(ctx, o) {
		if err != nil {
			return Portion{}, unreadable(p, err)
		}
		sum.Add(v.Items...)
		items := v.Items[:min(len(v.Items), whole-part.Items)]
		if len(items) == 0 {
			continue
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
	if sum != p.Totals {
		return Portion{}, unreadable(p, fmt.Errorf("it does not add up to the plan's totals: %w", state.ErrCorrupt))
	}
	if part.Over = over(); first == 0 {
		part.Over = p.Over // the whole: the guards that planning found
	}
	return part, nil
}

func unreadable(p removal.Plan, err error) error {
	return fmt.Errorf("plan %s is not approved, its item list cannot be read: %w; restore it from a copy, or approve the next plan", p.ID, err)
}

type portionError struct {
	first int
	plan  removal.Plan
}

func (e *portionError) Error() string {
	return fmt.Sprintf("--first %d: plan %s lists %s, name no more", e.first, e.plan.ID, report.Count(e.plan.Items, "item"))
}

func (e *portionError) Is(target error) bool { return target == video.ErrInvalid }

// remedy names the command that goes on where the guards stop.
func (p Portion) remedy(plan string) string {
	if p.Fits == 0 {
		return "not even its first item is within them: change the policy's guards"
	}
	return fmt.Sprintf("approve a portion: vodctl approve %s --first %d", plan, p.Fits)
}

// Allowed is nil when the function that applies the plan would take up the portion. Over the
// guards it is ErrOver, and names the portion that fits.
func Allowed(policy *retention.Policy, p removal.Plan, part Portion, now time.Time) error {
	bare := p
	bare.Over = nil // a portion has guards of its own, and for the whole the remedy is named below
	job := purge.Job{Policy: policy, Scope: p.Scope}
	if why := job.Refuses(bare, now); why != "" {
		return fmt.Errorf("plan %s is not approved, %s would refuse it: %s; vodctl plan list has newer ones", p.ID, applier(p), why)
	}
	if len(part.Over) > 0 {
		return fmt.Errorf("%w: plan %s is not approved, it is over the guards: %s; %s", ErrOver, p.ID, strings.Join(part.Over, "; "), part.remedy(p.ID))
	}
	return nil
}

// applier is the function that applies a plan.
func applier(p removal.Plan) string {
	if p.Duty == retention.Moving {
		return "tier"
	}
	return "purge"
}

// Irreversible is the warning before what removes.
const Irreversible = "This cannot be undone. "

// Before is what to warn of before a plan is approved, and what a person types then.
func Before(p removal.Plan) (warning, want string) {
	switch want = p.Region + " " + p.Account; {
	case p.Unreadable() > 0:
		return fmt.Sprintf("Nobody can play %s of these assets afterwards, until they are restored. ", report.Number(p.Unreadable())), want + " unreadable"
	case p.Duty == retention.Moving:
		return "", want
	}
	return Irreversible, want
}

// Quota is how many items of a plan a quota takes: they go only while the latest plan lists
// them too. It is 0 where the policy is not known or is another one by now, since nothing is
// removed then.
func Quota(file *retention.Policy, p removal.Plan) (n int) {
	if file == nil {
		return 0
	}
	policy := file.For(p.Duty)
	if policy == nil || policy.Hash != p.Policy {
		return 0
	}
	for _, r := range p.Rules {
		if policy.Quota(r.Rule) {
			n += r.Items
		}
	}
	return n
}

// Give writes an approval of the first items of a plan, or of all for 0. Of two people only
// the first approves, and a withdrawal that came in between counts: the error says whose it is.
func Give(ctx context.Context, o state.Objects, p removal.Plan, by, note string, first int, at time.Time) (removal.Approval, error) {
	given, err := removal.Approve(ctx, o, p, by, note, at, first)
	if err != nil && !errors.Is(err, state.ErrExists) {
		return removal.Approval{}, err
	}
	switch there, readErr := removal.ReadApproval(ctx, o, p); {
	case errors.Is(readErr, removal.ErrWithdrawn):
		return removal.Approval{}, fmt.Errorf("%w, nothing of it will be done", readErr)
	case readErr != nil:
		return removal.Approval{}, errors.Join(err, readErr)
	case err != nil:
		return removal.Approval{}, fmt.Errorf("plan %s was approved already, %s by %s%s; nothing was changed: %w",
			p.ID, there.At.Format(report.Moment), there.By, report.Beside(there.Note), err)
	}
	return given, nil
}

// Withdraw takes a plan back for good and gives the withdrawal that counts, which is of the
// first who asked. A plan that is over cannot be withdrawn; stands says in words where it
// stands.
func Withdraw(ctx context.Context, o state.Objects, p removal.Plan, by, note, stands string, at time.Time) (removal.Withdrawal, error) {
	if _, err := removal.ReadEnd(ctx, o, p.ID); err == nil {
		return removal.Withdrawal{}, fmt.Errorf("plan %s cannot be withdrawn any more, it is %s; no run takes it up again", p.ID, stands)
	}
	if err := removal.Withdraw(ctx, o, p.ID, by, note, at); err != nil {
		return removal.Withdrawal{}, err
	}
	return removal.ReadWithdrawal(ctx, o, p.ID)
}
