// Package watch looks at the queues once an hour and says which of them needs a person: one
// whose messages nobody takes, and one of dead letters that waits or grows.
//
// It only looks. What cannot be looked at is said as well: silence would mean health.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/shared/act/hook"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// The codes of what is found.
const (
	Old     state.IncidentCode = "old-queue"    // nobody takes from a queue: its stream has stopped, or its function fails
	Dead    state.IncidentCode = "dead-letters" // dead letters wait
	Unasked state.IncidentCode = "unasked"      // a queue cannot be looked at
)

// Late is how long a message may wait before nobody seems to take from its queue.
const Late = time.Hour

// Queue is a queue to look at.
type Queue struct {
	Name string
	Dead bool          // it holds dead letters: any is one too many
	Late time.Duration // 0: Late
}

// Job looks at queues.
type Job struct {
	Queues []Queue
	Peek   func(ctx context.Context, queue string, limit int) ([]video.Received, error)
	Log    *slog.Logger
}

// peeked is how many messages are looked at: as many as one call gives. Counting the others
// would need another right.
const peeked = 16

// Look gives what needs a person at a moment of the real clock, by which queues stamp messages.
// Each queue leaves a log record.
func (j Job) Look(ctx context.Context, now time.Time) (all []hook.Incident) {
	for _, q := range j.Queues {
		if q.Name == "" {
			continue
		}
		one, err := j.one(ctx, q, now)
		if err != nil {
			j.Log.WarnContext(ctx, "watch", slog.String("queue", q.Name), slog.Any("error", err))
			one = hook.Incident{Code: Unasked, Text: fmt.Sprintf("queue %s cannot be looked at: %s", q.Name, why(err))}
		}
		if one.Text != "" {
			all = append(all, one)
		}
	}
	return all
}

// why leaves out what is another each time: the same is told once a day.
func why(err error) string {
	switch {
	case errors.Is(err, video.ErrForbidden):
		return "autotag's role lacks mns:BatchPeekMessage; vodctl doctor compares roles"
	case errors.Is(err, video.ErrNotFound):
		return "it does not exist; vodctl setup --apply makes it"
	}
	return "MNS does not answer"
}

func (j Job) one(ctx context.Context, q Queue, now time.Time) (found hook.Incident, err error) {
	next, err := j.Peek(ctx, q.Name, peeked)
	if err != nil {
		return found, err
	}
	oldest := time.Duration(0)
	for _, m := range next {
		oldest = max(oldest, now.Sub(m.Enqueued))
	}
	oldest = oldest.Truncate(time.Second)
	record := []any{slog.String("queue", q.Name), slog.Int("next", len(next)), slog.Int64("oldest", int64(oldest.Seconds()))}
	late := q.Late
	if late == 0 {
		late = Late
	}
	switch {
	case q.Dead:
		record[1], record[2] = slog.Int("dead", len(next)), slog.Int64("since", int64(oldest.Seconds()))
		if len(next) > 0 {
			found = hook.Incident{Code: Dead, Text: fmt.Sprintf("queue %s holds %s dead letters; vodctl dlq list shows why", q.Name, scale(len(next)))}
		}
	case oldest > late:
		found = hook.Incident{Code: Old, Text: fmt.Sprintf("queue %s holds a message of %s: its event stream has stopped, or the function behind it fails; vodctl doctor", q.Name, oldest)}
	}
	j.Log.InfoContext(ctx, "watch", record...)
	return found, nil
}

// scale is a word for a number of what was looked at. An incident is told again when its words
// change, and not when its numbers do: dead letters are told of when they come and while they
// become more, and once a day after that.
func scale(n int) string {
	switch {
	case n < 4:
		return "a few"
	case n < peeked:
		return "several"
	}
	return "sixteen or more"
}
