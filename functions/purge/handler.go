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

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	return h.night.Tick(ctx, raw, func(ctx context.Context, at time.Time, policy *retention.Policy) (night.Answer, error) {
		job := h.job
		job.Policy = policy
		done, err := job.Run(ctx, at)
		answer := reports.Purged(policy.Duty, done)
		h.night.Tell(ctx, at, answer, answer.Incidents(err)...)
		return answer, err
	})
}
