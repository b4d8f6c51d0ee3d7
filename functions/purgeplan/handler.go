package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
)

type handler struct {
	job    plan.Job // without its policy, which is read anew each night
	policy func(ctx context.Context) (*retention.Policy, error)
	clock  func(ctx context.Context) (time.Time, error)
	store  upkeep.Store // kept small after each run
	hook   notify.Webhook
	log    *slog.Logger
	last   *atomic.Int64 // planned time of the last tick that this instance acted on, in seconds
}

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	ctx = boot.Invocation(ctx)
	tick, err := events.DecodeTick(raw)
	if err != nil {
		return nil, err
	}
	now, err := h.clock(ctx)
	if err != nil {
		return nil, err
	}
	at, err := tick.ActAt(now, time.Unix(h.last.Load(), 0))
	if err != nil {
		h.log.ErrorContext(ctx, "purge plan", slog.Any("error", err))
		h.hook.Incidents(ctx, h.job.State, now, h.notice(now, nil), []notify.Incident{{Code: notify.TickRefused, Text: "no run: " + err.Error()}})
		return nil, err
	}
	h.last.Store(tick.At.Unix())
	job := h.job
	if job.Policy, err = h.policy(ctx); err != nil {
		h.hook.Incidents(ctx, h.job.State, at, h.notice(at, nil), []notify.Incident{{Code: notify.NoRun, Text: "no run: " + err.Error()}})
		return nil, err
	}
	made, err := job.Run(ctx, at)
	answer := report.Planned(made)
	h.tell(ctx, at, job.Policy, made, err)
	if err != nil {
		h.log.ErrorContext(ctx, "purge plan", answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("purgeplan: %w", err)
	}
	h.log.InfoContext(ctx, "purge plan", answer.Attrs()...)
	h.keepSmall(ctx, at)
	return answer, nil
}

// How long upkeep may take, and what is kept back from the deadline.
const (
	upkeepTime    = 2 * time.Minute
	upkeepReserve = 15 * time.Second
)

// keepSmall removes from the state what nobody reads any more, within what is left of the
// time. The plan stands whatever comes of it.
func (h handler) keepSmall(ctx context.Context, at time.Time) {
	budget := upkeepTime
	if deadline, ok := ctx.Deadline(); ok {
		budget = min(budget, time.Until(deadline)-upkeepReserve)
	}
	if budget <= 0 {
		return
	}
	done, err := upkeep.Run(ctx, h.store, at, budget)
	if err != nil {
		h.log.WarnContext(ctx, "upkeep", slog.Any("error", err), slog.Int("removed", done.Total()))
		h.hook.Incidents(ctx, h.job.State, at, h.notice(at, done), []notify.Incident{{Code: notify.StateGrows, Text: "what nobody reads any more under STATE was not removed: " + err.Error()}})
		return
	}
	h.log.InfoContext(ctx, "upkeep", slog.Int("removed", done.Total()), slog.Int("left", done.Left), slog.Bool("late", done.Late))
}

// tell sends the night's one notice when its plan is made, and until then what needs
// a person, within what is left of the time.
func (h handler) tell(ctx context.Context, at time.Time, policy *retention.Policy, made plan.Report, err error) {
	answer := report.Planned(made)
	if err == nil && made.Finished() {
		h.hook.Night(ctx, h.job.State, policy, made.Plan, func(s notify.Since) notify.Notice {
			text, incidents, facts := answer.Night(s)
			n := h.notice(at, facts)
			n.Text = text
			return n.With(incidents)
		})
		return
	}
	_, incidents := answer.Notice(err)
	h.hook.Incidents(ctx, h.job.State, at, h.notice(at, answer), incidents)
}

func (h handler) notice(at time.Time, facts any) notify.Notice {
	return notify.Notice{
		Event: "planned", Scope: h.job.Scope, At: at.UTC().Format(time.RFC3339), Facts: facts,
	}
}
