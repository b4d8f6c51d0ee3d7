package purge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	decide "vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// plan is one plan with what is wrong with it.
type plan struct {
	removal.Plan
	refused string
	mine    bool // it is of this region, account and application
	// A clock that ran ahead made it, of assets that were not so old yet. Nobody goes on
	// with it when that time has come: the next night's plan lists what may go.
	ahead bool
}

// plans lists the plans that are not over, oldest first.
func (r *run) plans(ctx context.Context) ([]plan, error) {
	back := retention.LookBack
	if r.moves() {
		back += decide.LongestChange // what was asked for on its last day is still settled
	}
	var all []plan
	for id, err := range removal.Plans(ctx, r.State, r.at.Add(-back)) {
		if err != nil {
			return nil, err
		}
		if err := r.hold(ctx); err != nil {
			return nil, err
		}
		p, listed, err := r.readPlan(ctx, id)
		if err != nil {
			return nil, err
		}
		if listed {
			all = append(all, p)
		}
	}
	if err := r.findAhead(ctx, all); err != nil {
		return nil, err
	}
	ours := func(p removal.Plan) bool { return r.mine(p) && p.Policy == r.Policy.Hash }
	latest, skipped, err := removal.LatestPlan(ctx, r.State, ours, r.at)
	if err != nil {
		return nil, err
	}
	r.latest = latest
	for _, err := range skipped {
		r.Log.WarnContext(ctx, "plan is not counted as the latest", slog.Any("error", err))
		r.doubted = r.doubted || errors.Is(err, state.ErrCorrupt)
	}
	return all, nil
}

// readPlan reads a plan; false: it is over, or the business of the other duty. Where its duty
// cannot be read, it is of the one that removes, so that it is told once.
func (r *run) readPlan(ctx context.Context, id string) (p plan, listed bool, err error) {
	_, ended := removal.ReadEnd(ctx, r.State, id)
	if ended == nil {
		return plan{}, false, nil
	}
	torn := errors.Is(ended, state.ErrCorrupt)
	if !torn && !errors.Is(ended, video.ErrNotFound) {
		return plan{}, false, ended
	}
	head, err := removal.ReadPlan(ctx, r.State, id)
	switch corrupt := errors.Is(err, state.ErrCorrupt); {
	case err != nil && !corrupt && !torn:
		return plan{}, false, err
	case err == nil && head.Duty != r.Policy.Duty, err != nil && r.moves():
		return plan{}, false, nil
	case torn:
		return plan{Plan: removal.Plan{ID: id}, refused: "its end is corrupt: restore ended/" + id + ".json from a copy"}, true, nil
	case corrupt:
		return plan{Plan: removal.Plan{ID: id}, refused: "it is corrupt: restore plans/" + id + ".json from a copy"}, true, nil
	}
	return plan{Plan: head, refused: r.refuse(head), mine: r.mine(head), ahead: head.Created.After(r.at.Add(mostAhead))}, true, nil
}

// findAhead marks the plans of a clock that ran ahead whose time has come since.
func (r *run) findAhead(ctx context.Context, all []plan) error {
	var ours []removal.Plan
	for _, p := range all {
		if p.mine && p.refused == "" {
			ours = append(ours, p.Plan)
		}
	}
	ahead, err := removal.Ahead(ctx, r.State, r.mine, ours)
	for i := range all {
		if p := &all[i]; ahead[p.ID] {
			p.ahead, p.refused = true, "it was made for "+p.Created.Format(time.RFC3339)+" by a clock that ran ahead: a plan that was written later is for an earlier time"
		}
	}
	return err
}

// mine says that a plan is of this library and duty.
func (r *run) mine(p removal.Plan) bool { return p.Scope == r.Scope && p.Duty == r.Policy.Duty }

// refuse says why a plan that is whole may still not be applied by this run.
func (r *run) refuse(p removal.Plan) string {
	switch why := p.Differs(r.Scope); {
	case why != "":
		return why
	case !r.at.Before(p.Expires):
		return "it expired " + p.Expires.Format(time.RFC3339)
	case r.at.Before(p.Created):
		return "it was made later than now, " + p.Created.Format(time.RFC3339)
	case p.Policy != r.Policy.Hash:
		return "the policy changed since it was made"
	}
	return ""
}

// Refuses says why a run would refuse the plan at once, so that nobody approves it
// in vain; empty: it would not. A plan that is younger than now is no reason: clocks
// of two machines differ.
func (j Job) Refuses(p removal.Plan, now time.Time) string {
	if now.Before(p.Created) {
		now = p.Created
	}
	if why := (&run{Job: j, at: now}).refuse(p); why != "" {
		return why
	}
	if len(p.Over) > 0 {
		return "it is over the guards: " + strings.Join(p.Over, "; ")
	}
	return ""
}

// consent is who lets a plan be applied.
type consent struct {
	by    string // empty: nobody
	first int    // only so many items of the plan; 0: all
	self  bool   // by the policy, and nobody has said so before
	bad   string // why what was written as an approval is none
	gone  string // who withdrew the plan
}

// consent reads who approved a plan. A policy that approves itself says so in the record
// of its run; older runs wrote an approval.
func (r *run) consent(ctx context.Context, p removal.Plan) (consent, error) {
	approval, err := removal.ReadApproval(ctx, r.State, p)
	switch {
	case err == nil:
		return consent{by: approval.By, first: approval.First}, nil
	case errors.Is(err, removal.ErrWithdrawn):
		w, err := removal.ReadWithdrawal(ctx, r.State, p.ID)
		return consent{gone: w.By}, err
	case errors.Is(err, state.ErrCorrupt):
		return consent{bad: "its approval is corrupt or does not fit it: withdraw the plan, and approve the next one"}, nil
	case !errors.Is(err, video.ErrNotFound):
		return consent{}, err
	case !p.SelfApproved(r.Policy):
		return consent{}, nil
	}
	first, begun, err := removal.FirstRun(ctx, r.State, p.ID)
	switch {
	case err != nil:
		return consent{}, corrupt(err)
	case begun && first.By != "":
		return consent{by: first.By}, nil // it goes on, whatever was planned since
	case p.ID == r.latest.ID:
		return consent{by: "policy " + p.Policy[:8], self: true}, nil
	}
	return consent{}, nil
}

// apply takes one plan from its checks to its end, or as far as time allows. A plan
// that is Stopped comes with what stopped the run, or its items wait.
func (r *run) apply(ctx context.Context, p plan) (Applied, error) {
	a := Applied{Plan: p.ID, Left: p.Items, Results: map[video.Result]int{}}
	if p.Items == 0 && p.Hash != "" {
		return Applied{}, nil
	}
	if err := r.hold(ctx); err != nil {
		return Applied{}, err
	}
	if r.moves() && p.mine {
		if done, err := r.settleAsked(ctx, p, &a); done || err != nil {
			return a, err
		}
	}
	if p.refused != "" {
		return r.applyRefused(ctx, p, a)
	}
	c, err := r.consent(ctx, p.Plan)
	switch {
	case err != nil:
		return Applied{}, err
	case c.bad != "":
		return a.refuse(removal.IncidentCorrupt, c.bad), nil
	case c.by == "" && p.SelfApproved(r.Policy) && p.ID != r.latest.ID:
		return Applied{}, r.tidy(ctx, p) // the latest stands in for it
	}
	return r.applyWith(ctx, p, c, a)
}

// applyWith applies a plan that may be applied, if somebody approved it and it is within the
// guards.
func (r *run) applyWith(ctx context.Context, p plan, c consent, a Applied) (Applied, error) {
	w := r.work(p.Plan, c, &a)
	if err := w.open(ctx); err != nil {
		return Applied{}, err
	}
	portion, err := w.portion(ctx)
	switch {
	case err != nil:
		return a.unlisted(err)
	case c.by == "":
		a.Status, a.Why = Waiting, "not approved"
		if c.gone != "" {
			a.Why = "withdrawn by " + c.gone
		} else if n := p.Unreadable(); n > 0 && r.Policy.SelfApproving {
			a.Why = fmt.Sprintf("not approved: nobody could play %d of its assets afterwards, and that is for a person to approve", n)
		}
		return a, r.tidy(ctx, p)
	case len(portion.over) > 0: // somebody expects it to be applied
		if err := r.tidy(ctx, p); err != nil {
			return Applied{}, err
		}
		return a.refuse(removal.IncidentOverGuards, "over the guards: "+strings.Join(portion.over, "; ")+portion.remedy(p.ID, c)), nil
	}
	return w.apply(ctx, portion)
}

// refuse is the plan as one that was refused.
func (a Applied) refuse(code removal.IncidentCode, why string) Applied {
	a.Status, a.Why, a.Code = Refused, why, code
	return a
}

// unlisted is the plan when its list cannot be read: for now, or since it is corrupt.
func (a Applied) unlisted(err error) (Applied, error) {
	var uncounted *countError
	if !errors.As(err, &uncounted) && (errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound)) {
		return a.refuse(removal.IncidentCorrupt, "its list is corrupt: "+err.Error()), nil
	}
	return Applied{}, err
}

// applyRefused ends a plan that this run refuses as it is. One that nobody asks for is not
// reported: nobody will miss it.
func (r *run) applyRefused(ctx context.Context, p plan, a Applied) (Applied, error) {
	if p.mine {
		if err := r.tidy(ctx, p); err != nil {
			return Applied{}, err
		}
	}
	if _, err := removal.ReadApproval(ctx, r.State, p.Plan); errors.Is(err, video.ErrNotFound) && p.Hash != "" {
		return Applied{}, nil
	}
	return a.refuse("", p.refused), nil
}

// apply removes a portion that is within the guards.
func (w *work) apply(ctx context.Context, portion portion) (Applied, error) {
	a := w.applied
	a.By = w.by
	if err := w.begin(ctx); err != nil {
		return Applied{}, err
	}
	for _, i := range portion.going {
		w.begun[keyOf(i)] = i
	}
	a.Left = portion.items - w.tally.Settled()
	err := w.all(ctx)
	// What is known is written down even when the time is up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if known := errors.Join(w.flush(ctx), removal.NoteAside(ctx, w.State, w.at, w.aside)); known != nil {
		a.Status, a.Why = Stopped, known.Error()
		return *a, errors.Join(err, known)
	}
	if w.moves() {
		a.Changing = len(w.tally.Open())
	}
	if a.Left = portion.items - w.tally.Settled(); a.Left > 0 || err != nil {
		a.Status, a.Why = Stopped, "some items wait for another try"
		if err != nil {
			a.Why, a.Code = err.Error(), codeOf(err)
		} else if w.moves() && a.Changing == a.Left {
			a.Status, a.Why = UnderWay, changing
		}
		return *a, err
	}
	a.Status = Ended
	return *a, w.over(ctx, "")
}

// mostAhead is how far a plan's time may lie ahead of this run's: two clocks differ.
const mostAhead = 10 * time.Minute

// tidy finds out what became of calls that a run of a plan made before it died,
// when the plan will not be applied any further. One that never will be is over then,
// so that nobody reads again what it did.
func (r *run) tidy(ctx context.Context, p plan) error {
	w := r.work(p.Plan, consent{}, &Applied{Results: map[video.Result]int{}})
	if err := w.open(ctx); err != nil || !w.opened && !p.ahead {
		return err
	}
	err := w.settle(ctx, true)
	if len(w.applied.Results) > 0 {
		r.removedTonight = nil // what was open is known now
	}
	if err != nil || len(w.tally.Open()) > 0 {
		return err
	}
	why := ""
	if _, err := removal.ReadWithdrawal(ctx, r.State, p.ID); err == nil {
		why = string(removal.PlanWithdrawn)
	} else if !r.at.Before(p.Expires) {
		why = string(removal.PlanExpired)
	} else if p.ahead {
		why = string(removal.PlanRefused)
	}
	if why == "" {
		return nil
	}
	if err := r.hold(ctx); err != nil {
		return err
	}
	return w.over(ctx, why)
}

// distinct gives the ids of items, each once, in their order.
func distinct(items []retention.Item) (ids []video.ID) {
	for _, i := range items {
		if !slices.Contains(ids, i.ID) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// codeOf says what kind of incident stopped a run; empty: none that is known.
func codeOf(err error) removal.IncidentCode {
	switch {
	case errors.Is(err, removal.ErrHalted):
		return removal.IncidentHalted
	case errors.Is(err, errFailing):
		return removal.IncidentErrors
	case errors.Is(err, state.ErrBusy):
		return removal.IncidentBusy
	}
	return ""
}
