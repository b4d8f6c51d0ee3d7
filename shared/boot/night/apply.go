package night

import (
	"context"
	"time"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
)

// Applied is what a run that carried out plans answers.
type Applied interface {
	Answer
	// Incidents are what of it needs a person.
	Incidents(err error) []notify.Incident
}

// Apply carries out, at a tick, the approved plans of a duty, with the file's policy as it is
// then. A policy without rules of that duty takes nothing, and what is under way is settled. The
// job comes without its policy; word words what came of it.
func Apply[A Applied](ctx context.Context, n *Night, raw []byte, job purge.Job, d retention.Duty, word func(retention.Duty, purge.Report) A) (any, error) {
	return n.Tick(ctx, raw, func(ctx context.Context, at time.Time, now func() time.Time, policy *retention.Policy) (Answer, error) {
		job.Policy, job.Now = policy.For(d), now
		done, err := job.Run(ctx, at)
		answer := word(d, done)
		n.Tell(ctx, at, answer, answer.Incidents(err)...)
		return answer, err
	})
}
