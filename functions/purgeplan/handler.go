package main

import (
	"context"
	"fmt"
	"log/slog"

	"vodcurator/events"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
)

type handler struct {
	job    plan.Job // without its policy, which is read anew each night
	policy func(ctx context.Context) (*retention.Policy, error)
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
		return nil, err
	}
	made, err := job.Run(ctx, tick.At)
	answer := report.Planned(made)
	if err != nil {
		h.log.ErrorContext(ctx, "purge plan", answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("purgeplan: %w", err)
	}
	h.log.InfoContext(ctx, "purge plan", answer.Attrs()...)
	return answer, nil
}
