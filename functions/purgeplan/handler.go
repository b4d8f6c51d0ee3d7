package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	reports "vodcurator/shared/report/removal"
)

type handler struct {
	night *night.Night
	job   plan.Job     // without its policy, which is read anew each night
	store upkeep.Store // kept small after each run
}

func (h handler) handle(ctx context.Context, raw []byte) (any, error) {
	var ran time.Time
	answer, err := h.night.Tick(ctx, raw, func(ctx context.Context, at time.Time, _ func() time.Time, policy *retention.Policy) (night.Answer, error) {
		ran = at
		job := h.job
		job.Policy = policy
		made, err := job.Run(ctx, at)
		answer := reports.Planned(made)
		finished := made.Finished()
		if moves := policy.Moves(); moves != nil && finished && err == nil {
			job.Policy = moves
			var moving plan.Report
			moving, err = job.Run(ctx, at)
			answer, finished = answer.With(reports.Planned(moving)), moving.Finished()
		}
		h.tell(ctx, at, policy, made, answer, finished, err)
		return answer, err
	})
	if err == nil {
		h.keepSmall(ctx, ran)
	}
	return answer, err
}

// tell sends the night's one notice when its plans are made, and until then what needs
// a person, within what is left of the time.
func (h handler) tell(ctx context.Context, at time.Time, policy *retention.Policy, made plan.Report, answer reports.PlanAnswer, finished bool, err error) {
	if err == nil && finished {
		notify.Night(ctx, h.night.Hook, h.night.State, policy, made.Plan, func(s notify.Since) notify.Notice {
			text, incidents, facts := answer.Night(s)
			n := h.night.At(at, facts)
			n.Text = text
			return n.With(incidents)
		})
		return
	}
	if err != nil && made.Finished() {
		err = fmt.Errorf("plan %s is made, and none that moves: %w", made.Plan.ID, err)
	}
	_, incidents := answer.Notice(err)
	h.night.Tell(ctx, at, answer, incidents...)
}

// keepSmall removes from the state what nobody reads any more, within what is left of the
// time. The plan stands whatever comes of it.
func (h handler) keepSmall(ctx context.Context, at time.Time) {
	budget := upkeep.Budget(ctx)
	if budget <= 0 {
		return
	}
	done, err := upkeep.Run(ctx, h.store, at, budget)
	if err != nil {
		h.night.Log.WarnContext(ctx, "upkeep", slog.Any("error", err), slog.Int("removed", done.Total()))
		h.night.Tell(ctx, at, done, notify.Incident{Code: notify.StateGrows, Text: "what nobody reads any more under STATE was not removed: " + err.Error()})
		return
	}
	h.night.Log.InfoContext(ctx, "upkeep", slog.Int("removed", done.Total()), slog.Int("left", done.Left), slog.Bool("late", done.Late))
}
