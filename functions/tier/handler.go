package main

import (
	"context"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	reports "vodcurator/shared/report/removal"
)

type handler struct {
	night *night.Night
	job   purge.Job // without its policy, which is read anew for each run
}

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	return night.Apply(ctx, h.night, raw, h.job, retention.Moving, reports.Purged)
}
