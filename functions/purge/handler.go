package main

import (
	"context"
	"fmt"
	"log/slog"

	"vodcurator/events"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
)

type handler struct {
	job    purge.Job // without its policy, which is read anew for each run
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
	done, err := job.Run(ctx, tick.At)
	answer := report.Purged(done)
	if err != nil {
		h.log.ErrorContext(ctx, "purge", answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("purge: %w", err)
	}
	h.log.InfoContext(ctx, "purge", answer.Attrs()...)
	return answer, nil
}
