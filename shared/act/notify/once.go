// Package notify tells of nights: a night is reported once, with what left since the one
// before. What is sent, and how, is in hook, which links no policy.
package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/act/hook"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// The codes that a handler gives by itself; the others come with what it tells of.
const (
	TickRefused = removal.IncidentTick
	NoRun       = removal.IncidentNoRun
	StateGrows  = removal.IncidentState
)

// What a notice is, is hook's to say.
type (
	// Notice is hook.Notice.
	Notice = hook.Notice
	// Incident is hook.Incident.
	Incident = hook.Incident
	// Webhook is hook.Webhook.
	Webhook = hook.Webhook
)

// Night sends a night's one notice, which tells of its plan and of the time since
// the plan before. It reads and sends nothing when that plan was reported already.
func Night(ctx context.Context, w Webhook, o state.Objects, policy *retention.Policy, p removal.Plan, word func(Since) Notice) {
	mark := hook.Mark(p.ID, "night")
	if w.URL == "" || hook.Sent(ctx, o, mark) {
		return
	}
	if w.Send(ctx, word(sinceLast(ctx, o, policy, p))) {
		_ = o.Create(ctx, mark, []byte("night"))
	}
}

// Since is what the state tells of the time since the plan before.
type Since struct {
	From    time.Time      `json:"from"`
	Missed  int            `json:"-"`       // nights without a plan
	Removed removal.Totals `json:"removed"` // takedowns included
	Moved   removal.Totals `json:"moved,omitzero"`
	Idle    []string       `json:"idle,omitempty"`
	Err     error          `json:"-"` // the rest is not whole
}

const (
	day     = 24 * time.Hour
	reserve = 15 * time.Second // kept back from the deadline, for the notice itself
)

// earlierPlans gives the plans of both duties that were made lately, and those of them that
// wait for a run.
func earlierPlans(ctx context.Context, o state.Objects, policy *retention.Policy, p removal.Plan) (earlier []removal.Plan, waiting []string, err error) {
	if earlier, err = plansBefore(ctx, o, p); err != nil {
		return nil, nil, err
	}
	if waiting, err = waitingOf(ctx, o, policy, ofDuty(earlier, p.Duty), p.Created); err != nil {
		return nil, nil, err
	}
	if moves := policy.Moves(); moves != nil {
		more, err := waitingOf(ctx, o, moves, ofDuty(earlier, moves.Duty), p.Created)
		if err != nil {
			return nil, nil, err
		}
		waiting = append(waiting, more...)
	}
	return earlier, waiting, nil
}

// sinceLast reads what left since the plan before this one, and which approved plans
// no run has taken up, nor refused, for more than a day.
func sinceLast(ctx context.Context, o state.Objects, policy *retention.Policy, p removal.Plan) (s Since) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	s.From = p.Created.Add(-day)
	earlier, waiting, err := earlierPlans(ctx, o, policy, p)
	if err != nil {
		s.Err = err
		return s
	}
	mine := map[string]bool{}
	for _, before := range earlier {
		if mine[before.ID] = true; before.Duty == p.Duty {
			s.From = before.Created
		}
	}
	s.Missed = p.Missed(s.From)
	taken := map[string]bool{}
	for row, err := range removal.Recent(ctx, o, minTime(s.From, p.Created.Add(-day))) {
		if err != nil {
			s.Err = err
			return s
		}
		if !row.Tick.Before(p.Created.Add(-day)) {
			taken[row.Plan] = true
		}
		if row.Event == removal.Outcome && row.Result == video.Done && row.Tick.After(s.From) && (mine[row.Plan] || strings.HasPrefix(row.Plan, state.Takedowns)) {
			if row.Kind == retention.Move {
				s.Moved.Add(row.Item)
			} else {
				s.Removed.Add(row.Item)
			}
		}
	}
	s.Idle = slices.DeleteFunc(waiting, func(id string) bool { return taken[id] })
	return s
}

// plansBefore gives the plans of the same scope that were made lately, before this one.
// What is corrupt is left out: purge reports it.
func plansBefore(ctx context.Context, o state.Objects, p removal.Plan) (earlier []removal.Plan, err error) {
	for id, err := range removal.Plans(ctx, o, p.Created.Add(-retention.LookBack)) {
		if err != nil {
			return nil, err
		}
		before, err := removal.ReadPlan(ctx, o, id)
		switch {
		case errors.Is(err, state.ErrCorrupt):
		case err != nil:
			return nil, err
		case before.Scope == p.Scope && before.Created.Before(p.Created):
			earlier = append(earlier, before)
		}
	}
	return earlier, nil
}

func ofDuty(plans []removal.Plan, duty retention.Duty) (some []removal.Plan) {
	for _, p := range plans {
		if p.Duty == duty {
			some = append(some, p)
		}
	}
	return some
}

// waitingOf names the plans that have waited for a run for more than a day. Of those that
// the policy approves by itself it is the latest: it takes no other.
func waitingOf(ctx context.Context, o state.Objects, policy *retention.Policy, plans []removal.Plan, now time.Time) (waiting []string, err error) {
	latest := ""
	for _, p := range plans {
		from, asked, err := waits(ctx, o, policy, p, now)
		if err != nil {
			return nil, err
		}
		if policy != nil && p.Policy == policy.Hash && (asked || from.IsZero()) {
			latest = ""
		}
		switch {
		case from.IsZero() || now.Before(from.Add(day)):
		case asked:
			waiting = append(waiting, p.ID)
		default:
			latest = p.ID
		}
	}
	if latest != "" {
		waiting = append(waiting, latest)
	}
	return waiting, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// wasRefused says that a run refused the plan before refusals were recorded: what else is
// sent about a plan is its night.
func wasRefused(ctx context.Context, o state.Objects, id string) (bool, error) {
	for key, err := range o.List(ctx, "told/"+id+"/", "") {
		if err != nil || key != hook.Mark(id, "night") {
			return err == nil, err
		}
	}
	return false, nil
}

// waits says since when the plan waits for a run, zero: it does not, and whether
// somebody asked for that; otherwise it is for the policy to approve.
func waits(ctx context.Context, o state.Objects, policy *retention.Policy, p removal.Plan, now time.Time) (from time.Time, asked bool, err error) {
	if p.Items == 0 {
		return time.Time{}, false, nil
	}
	status, detail, err := removal.StatusOf(ctx, o, p, now)
	if err != nil {
		return time.Time{}, false, err
	}
	switch {
	case status == removal.PlanApproved, status == removal.PlanRunning:
		from, asked = detail.At, true
	case status == removal.PlanPlanned && p.SelfApproved(policy) && p.Policy == policy.Hash:
		from = p.Created
	default:
		return time.Time{}, false, nil
	}
	if refused, err := wasRefused(ctx, o, p.ID); refused || err != nil {
		return time.Time{}, false, err
	}
	return from, asked, nil
}
