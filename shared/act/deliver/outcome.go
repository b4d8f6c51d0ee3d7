package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// A message that fails for a passing reason is tried so often, with delays that
// double from firstDelay to maxDelay: for more than an hour in all.
const (
	maxAttempts = 13
	firstDelay  = 2 * time.Second
	maxDelay    = 15 * time.Minute
)

// edit carries out the changes of the messages. When that panics, each message is
// carried out alone, and the one that panics again is refused.
func (j Job) edit(ctx context.Context, run string, deliveries []delivery) error {
	var items []edit.Item
	var ends []*edit.Result // of each of them
	for i := range deliveries {
		for n, item := range deliveries[i].items() {
			if end := &deliveries[i].results[n]; end.Result == "" {
				items, ends = append(items, item), append(ends, end)
			}
		}
	}
	var results []edit.Result
	var err error
	fault := j.guard(ctx, run, func() { results, err = j.Editor.Do(ctx, run, items) })
	switch {
	case fault != nil && len(deliveries) > 1:
		for i := range deliveries {
			if err := j.edit(ctx, run, deliveries[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case fault != nil:
		for _, end := range ends {
			*end = refused(end.ID, fault)
		}
		return nil
	case err != nil:
		return fmt.Errorf("edit: %w", err)
	}
	for i, r := range results {
		*ends[i] = r
	}
	return nil
}

// count makes the report of what was carried out, and a log record for each change that
// was not, or that is over another writer's.
func (j Job) count(ctx context.Context, deliveries []delivery) Report {
	r := Report{Messages: len(deliveries), Outcomes: map[video.Result]int{}}
	media := map[video.ID]bool{}
	for i := range deliveries {
		d := &deliveries[i]
		r.Changes += len(d.meta.Changes)
		r.woken = r.woken || d.meta.Bulk && d.err == nil
		if d.err != nil {
			r.Outcomes[video.Rejected]++
		}
		for n, o := range d.results {
			media[d.id(n)] = true
			r.Outcomes[o.Result]++
			if n >= len(d.meta.Changes) {
				r.ruled(d.meta.Retag[n-len(d.meta.Changes)], o)
			}
			if o.Err != nil || o.Result == video.Done && o.Reason != "" {
				j.Log.WarnContext(ctx, "change", slog.String("media", string(o.ID)), slog.String("result", string(o.Result)), slog.String("reason", o.Reason))
			}
		}
	}
	r.Media = len(media)
	return r
}

// ruled counts what came of running rules.
func (r *Report) ruled(asked events.Retag, got edit.Result) {
	r.Retags++
	if asked.Event == events.EventSweep && !got.Decision.Change.Empty() {
		r.Found++
	}
	if len(got.Decision.Waiting) > 0 {
		r.Waiting++
	}
	if len(got.Decision.Dropped)+len(got.Decision.Faults) > 0 {
		r.Dropped++
	}
}

// close gives every message its end. Dead letters go first, and everything goes
// before the batch is acknowledged by answering: a function killed in between
// leaves each message somewhere, at worst in two places.
func (j Job) close(ctx context.Context, deliveries []delivery, r *Report) error {
	var dead, back []video.Message
	for _, d := range deliveries {
		some, again, err := j.end(ctx, d)
		if err != nil {
			return err
		}
		dead = append(dead, some...)
		if back = append(back, again...); len(again) > 0 {
			r.SentBack++
		}
		for _, m := range again {
			r.Later = max(r.Later, m.Delay)
		}
	}
	r.DeadLetters = len(dead)
	if err := j.send(ctx, j.Dead, dead); err != nil {
		return err
	}
	return j.send(ctx, j.Queue, back)
}

// end says what becomes of one message. What cannot even be written again is a dead
// letter as it came; only STATE, which is everybody's, ends the batch.
func (j Job) end(ctx context.Context, d delivery) (dead, back []video.Message, err error) {
	fault := j.guard(ctx, d.ID, func() { dead, back, err = j.finish(ctx, d) })
	if fault = cmp.Or(fault, err); fault == nil || errors.Is(fault, errState) {
		return dead, back, fault
	}
	j.Log.ErrorContext(ctx, "message", slog.String("message", d.ID), slog.Any("error", fault))
	m, err := j.deadLetter(ctx, delivery{Message: events.Message{ID: d.ID, Body: d.Body}}, fault.Error())
	return []video.Message{m}, nil, err
}

func (j Job) finish(ctx context.Context, d delivery) (dead, back []video.Message, err error) {
	again, reason := d.sort()
	if reason != "" {
		m, err := j.deadLetter(ctx, d, reason)
		if err != nil {
			return nil, nil, err
		}
		dead = append(dead, m)
	}
	if len(again.Changes)+len(again.Retag) > 0 {
		wait := time.Duration(0) // what was not tried has waited already
		if again.Attempts > d.meta.Attempts {
			wait = delay(again.Attempts)
		}
		back, err = j.pack(ctx, again, wait)
	}
	return dead, back, err
}

// sort says what of a message is to be done again, and why the message is a dead
// letter, if it is one.
func (d delivery) sort() (again events.Metadata, reason string) {
	if d.err != nil {
		return events.Metadata{}, d.err.Error()
	}
	again = d.meta
	again.Changes, again.Retag = nil, nil
	var hopeless []string
	tried := false
	for i, o := range d.results {
		said := string(o.ID) + ": " + string(o.Result) + ": " + o.Reason
		switch o.Result {
		case video.Done, video.Unchanged, video.Stale:
			continue
		case video.Failed, video.Unknown:
			tried, again.Reason = true, said
		case video.Deferred:
		default:
			// Nobody waits for a retag: the asset is gone or locked, or the next event asks again.
			if i < len(d.meta.Changes) || errors.Is(o.Err, edit.ErrPanic) || errors.Is(o.Err, errPanic) {
				hopeless = append(hopeless, said)
			}
			continue
		}
		if n := i - len(d.meta.Changes); n >= 0 {
			again.Retag = append(again.Retag, d.meta.Retag[n])
		} else {
			again.Changes = append(again.Changes, d.meta.Changes[i])
		}
	}
	if tried {
		if again.Attempts++; again.Attempts >= maxAttempts {
			hopeless = append(hopeless, fmt.Sprintf("given up after %d attempts: %s", again.Attempts, again.Reason))
			again.Changes, again.Retag = nil, nil
		}
	}
	return again, clip(strings.Join(hopeless, "\n"), 4<<10)
}

// delay doubles with each attempt, up to a quarter more by chance, so that what
// failed together does not come back together.
func delay(attempts int) time.Duration {
	d := min(firstDelay<<min(attempts-1, 20), maxDelay)
	return d + rand.N(d/4)
}

// putBackTime is what sending a batch back may take when the batch's own time is over.
const putBackTime = 10 * time.Second

// putBack sends the messages of a pushed batch that could not be handled, as when STATE
// does not answer, back into the queue, to be seen later. Whether the caller keeps a batch
// whose function fails depends on a setting that the provider documents both ways
// (asyncInvocationType): called asynchronously, a few tries later it is gone. In the queue
// it is safe either way. When a queue itself is out of reach the function fails: some of
// the messages may be in it already.
func (j Job) putBack(ctx context.Context, messages []events.Message, cause error) (Report, error) {
	if errors.Is(cause, errQueue) {
		return Report{}, cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer cancel()
	now := time.Now()
	back, wait := make([]video.Message, len(messages)), time.Duration(0)
	for i, m := range messages {
		back[i] = later(m, now)
		wait = max(wait, back[i].Delay)
	}
	if err := j.send(ctx, j.Queue, back); err != nil {
		return Report{}, errors.Join(cause, fmt.Errorf("and the messages could not be sent back: %w", err))
	}
	j.Log.ErrorContext(ctx, "metadata: the messages went back into the queue", slog.Int("messages", len(messages)), slog.Any("error", cause))
	return Report{Messages: len(messages), SentBack: len(messages), Later: wait}, nil
}
