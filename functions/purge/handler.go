package main

import (
	"context"
	"fmt"
	"log/slog"
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
	hook   notify.Webhook
	log    *slog.Logger
}

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	ctx = boot.Invocation(ctx)
	tick, err := events.DecodeTick(raw)
	if err != nil {
		return nil, err
	}
	job := h.job
	if job.Policy, err = h.policy(ctx); err != nil {
		h.tell(ctx, tick, nil, notify.Incident{Text: "no run: " + err.Error()})
		return nil, err
	}
	done, err := job.Run(ctx, tick.At)
	answer := report.Purged(done)
	h.tell(ctx, tick, answer, answer.Told(err)...)
	if err != nil {
		h.log.ErrorContext(ctx, "purge", answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("purge: %w", err)
	}
	h.log.InfoContext(ctx, "purge", answer.Attrs()...)
	return answer, nil
}

// tell sends what needs a person, within what is left of the time.
func (h handler) tell(ctx context.Context, tick events.Tick, facts any, incidents ...notify.Incident) {
	h.hook.Incidents(ctx, h.job.State, tick.At, notify.Notice{
		Region: h.job.Region, Account: h.job.Account, App: h.job.App, At: tick.At.UTC().Format(time.RFC3339), Facts: facts,
	}, incidents)
}
