package main

import (
	"context"
	"log/slog"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/report"
)

type handler struct{ job deliver.Job }

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	done, err := h.job.Handle(ctx, report.RequestID(ctx), raw)
	if err != nil {
		h.job.Log.ErrorContext(ctx, "metadata: the messages stay where they are", slog.Any("error", err))
		return nil, err
	}
	h.job.Log.InfoContext(ctx, "metadata", done.Attrs()...)
	return done, nil
}
