package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
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

// planStatus says for people where a plan stands.
func (a *tool) planStatus(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (string, error) {
	f, err := insight.PlanFactsOf(ctx, o, p, now)
	return f.Text(a.when), err
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
