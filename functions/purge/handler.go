package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
)

type handler struct {
	job    purge.Job // without its policy, which is read anew for each run
	policy func(ctx context.Context) (*retention.Policy, error)
	clock  func(ctx context.Context) (time.Time, error)
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
		h.log.ErrorContext(ctx, "purge", slog.Any("error", err))
		h.tell(ctx, now, nil, notify.Incident{Code: notify.TickRefused, Text: "no run: " + err.Error()})
		return nil, err
	}
	h.last.Store(tick.At.Unix())
	job := h.job
	if job.Policy, err = h.policy(ctx); err != nil {
		h.tell(ctx, at, nil, notify.Incident{Code: notify.NoRun, Text: "no run: " + err.Error()})
		return nil, err
	}
	done, err := job.Run(ctx, at)
	answer := report.Purged(done)
	h.tell(ctx, at, answer, answer.Incidents(err)...)
	if err != nil {
		h.log.ErrorContext(ctx, "purge", answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("purge: %w", err)
	}
	h.log.InfoContext(ctx, "purge", answer.Attrs()...)
	return answer, nil
}

// tell sends what needs a person, within what is left of the time.
func (h handler) tell(ctx context.Context, at time.Time, facts any, incidents ...notify.Incident) {
	h.hook.Incidents(ctx, h.job.State, at, notify.Notice{
		Scope: h.job.Scope, At: at.UTC().Format(time.RFC3339), Facts: facts,
	}, incidents)
}
