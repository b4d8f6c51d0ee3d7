package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// findPlan reads the named plan, or the latest of this region, account (any, where none
// is set) and application. What was skipped on the way to the latest is named.
func (a *tool) findPlan(ctx context.Context, app *boot.App, o state.Objects, id string) (removal.Plan, error) {
	if id != "" {
		p, err := removal.ReadPlan(ctx, o, id)
		if errors.Is(err, video.ErrNotFound) {
			return p, fmt.Errorf("there is no plan %q: %w; vodctl plan list has their names", id, video.ErrNotFound)
		}
		return p, err
	}
	p, skipped, err := removal.LatestPlan(ctx, o, func(p removal.Plan) bool {
		return app.Scope.Takes(p.Scope) && p.Duty == retention.Removing
	}, time.Time{})
	if err != nil {
		return p, err
	}
	if p.ID == "" && len(skipped) > 0 {
		return p, errors.Join(skipped...)
	}
	for _, why := range skipped {
		err = errors.Join(err, a.warn("skipped: %s", why))
	}
	if p.ID == "" {
		return p, fmt.Errorf("no plan was made yet of %s: %w; purgeplan makes one each night", app.Scope, video.ErrNotFound)
	}
	return p, err
}

// planFacts are where a plan stands.
type planFacts struct {
	ID      string               `json:"id"`
	Duty    retention.Duty       `json:"duty,omitempty"`
	Created time.Time            `json:"created"`
	Expires time.Time            `json:"expires"`
	Items   int                  `json:"items"`           // that it lists
	First   int                  `json:"first,omitempty"` // so many were approved; 0: all
	Bytes   int64                `json:"bytes"`
	Status  removal.PlanStatus   `json:"status"`
	Detail  removal.StatusDetail `json:"detail,omitzero"`
	Halted  bool                 `json:"halted,omitempty"` // a halt keeps it from going on
	Done    *removal.Progress    `json:"progress,omitempty"`
}

// planFactsOf reads where a plan stands. A halt that cannot be read is one.
func planFactsOf(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (planFacts, error) {
	f := planFacts{ID: p.ID, Duty: p.Duty, Created: p.Created, Expires: p.Expires, Items: p.Items, Bytes: p.Bytes}
	var err error
	if f.Status, f.Detail, err = removal.StatusOf(ctx, o, p, now); err != nil {
		return f, err
	}
	begun := f.Status == removal.PlanRunning || f.Status == removal.PlanExpired || f.Status == removal.PlanWithdrawn
	if f.Status == removal.PlanApproved || f.Status == removal.PlanRunning {
		f.Halted = removal.CheckHalt(ctx, o) != nil
		if approval, err := removal.ReadApproval(ctx, o, p); err == nil {
			f.First = approval.First
		}
	}
	if begun {
		done, err := removal.ProgressOf(ctx, o, p.ID)
		if err != nil {
			return f, err
		}
		f.Done = &done
	}
	return f, nil
}

// planStatus says for people where a plan stands.
func (a *tool) planStatus(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (string, error) {
	f, err := planFactsOf(ctx, o, p, now)
	return a.statusText(f), err
}

func (a *tool) statusText(f planFacts) string {
	at, by := a.when(f.Detail.At), f.Detail.By+beside(f.Detail.Why)
	if f.Halted {
		return "halted, " + f.far() + "; approved by " + by
	}
	switch f.Status {
	case removal.PlanPlanned:
		return "not approved"
	case removal.PlanApproved:
		if f.First > 0 {
			return "approved the first " + report.Count(f.First, "item") + " by " + by
		}
		return "approved by " + by
	case removal.PlanWithdrawn:
		return "withdrawn " + at + " by " + by + f.left()
	case removal.PlanRunning:
		return "running, " + f.far() + " since " + at
	case removal.PlanEnded:
		return "ended " + at + ": " + report.Count(f.Detail.Freed.Items, "item") + " " + reports.Done(f.Duty)
	case removal.PlanExpired:
		return "expired " + at + f.left()
	}
	return string(f.Status) + ": " + f.Detail.Why
}

// far is how many of the items are over.
func (f planFacts) far() string {
	done := removal.Progress{}
	if f.Done != nil {
		done = *f.Done
	}
	text := report.Number(done.Done) + " of " + report.Number(cmp.Or(f.First, f.Items)) + " " + reports.Done(f.Duty)
	if done.Over > 0 {
		text += ", " + report.Number(done.Over) + " stay"
	}
	return text
}

// left says of a plan that is over before its end how far it came.
func (f planFacts) left() string {
	if f.Done == nil || *f.Done == (removal.Progress{}) {
		return ""
	}
	return ", " + f.far()
}

// beside is a note in brackets.
func beside(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

// approvable is nil when a person may approve the plan now. One that was refused for its
// guards may still be approved in portions.
func (a *tool) approvable(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) error {
	status, d, err := removal.StatusOf(ctx, o, p, now)
	if err != nil {
		return err
	}
	if status == removal.PlanRefused && !d.Corrupt {
		_, ended := removal.ReadEnd(ctx, o, p.ID)
		_, approved := removal.ReadApproval(ctx, o, p)
		if errors.Is(ended, video.ErrNotFound) && errors.Is(approved, video.ErrNotFound) {
			return nil
		}
	}
	if status == removal.PlanPlanned {
		return nil
	}
	text, err := a.planStatus(ctx, o, p, now)
	return errors.Join(err, fmt.Errorf("plan %s is %s; only one that is not approved yet can be: vodctl plan list", p.ID, text))
}
