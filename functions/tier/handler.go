package main

import (
	"context"
	"time"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	reports "vodcurator/shared/report/removal"
)

type handler struct {
	night *night.Night
	job   purge.Job // without its policy, which is read anew for each run
}

// A policy whose move rules are gone moves nothing, and what is under way is settled.
func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	return h.night.Tick(ctx, raw, func(ctx context.Context, at time.Time, policy *retention.Policy) (night.Answer, error) {
		job := h.job
		job.Policy = policy.For(retention.Moving)
		done, err := job.Run(ctx, at)
		answer := reports.Purged(retention.Moving, done)
		h.night.Tell(ctx, at, answer, answer.Incidents(err)...)
		return answer, err
	})
}
