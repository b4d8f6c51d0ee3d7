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
		mine := app.Scope
		mine.Account = cmp.Or(mine.Account, p.Account)
		return p.Scope == mine && p.Duty == retention.Removing
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

// planStatus says for people where a plan stands.
func (a *tool) planStatus(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (string, error) {
	status, d, err := removal.StatusOf(ctx, o, p, now)
	if err != nil {
		return "", err
	}
	at, by := a.when(d.At), d.By+beside(d.Why)
	switch status {
	case removal.PlanPlanned:
		return "not approved", nil
	case removal.PlanApproved:
		approval, err := removal.ReadApproval(ctx, o, p)
		if err == nil && approval.First > 0 {
			by = "the first " + report.Count(approval.First, "item") + " by " + by
		} else {
			by = "by " + by
		}
		return "approved " + by, nil
	case removal.PlanWithdrawn:
		return "withdrawn " + at + " by " + by, nil
	case removal.PlanRunning:
		return "running since " + at, nil
	case removal.PlanEnded:
		return "ended " + at + ": " + report.Count(d.Freed.Items, "item") + " " + reports.Done(p.Duty), nil
	case removal.PlanExpired:
		return "expired " + at, nil
	}
	return string(status) + ": " + d.Why, nil
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
