package events

import (
	"errors"
	"fmt"
	"time"
)

// Tick is one firing of a timer. At is the planned time. Anybody who may invoke the
// function can write any time into the event, so At only says which firing this is:
// what time it is, the function asks its own clock. See ActAt.
type Tick struct {
	At      time.Time
	Trigger string
	Payload string
}

// DecodeTick reads a timer's event (function-compute.md 4.1). Every error wraps
// ErrMalformed; a tick without a readable time is one, since nobody
// could tell whether it is due.
func DecodeTick(raw []byte) (Tick, error) {
	o, err := parse(raw)
	if err != nil {
		return Tick{}, malformed("timer event", "%w", err)
	}
	return tick(o)
}

func tick(o object) (Tick, error) {
	t := Tick{At: o.time("triggertime"), Trigger: o.text("triggername"), Payload: o.text("payload")}
	if t.At.IsZero() {
		return Tick{}, malformed("timer event", "triggerTime %q", o.text("triggertime"))
	}
	return t, nil
}

// ErrRefused says that a tick is not acted on: its time is far from the clock.
var ErrRefused = errors.New("the tick is refused")

const (
	// ahead is how much a timer's clock may differ from ours. It is also what a
	// record may lie ahead of us without being of the future.
	ahead = 10 * time.Minute
	// overdue is how late a tick may come: the platform retries for hours, not days.
	overdue = 24 * time.Hour
)

// ActAt is the time for which a tick is acted on: now, in whole seconds, which is
// the function's own clock and never the time in the event. It refuses, with
// ErrRefused, a tick that lies more than 10 minutes ahead of now, one that is more
// than 24 hours late, and one planned before last, which is the planned time of the
// last tick that was acted on (zero: none; ignored while it lies ahead of now
// itself, for then the clock was set back).
func (t Tick) ActAt(now, last time.Time) (time.Time, error) {
	refused := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%w: the tick of %s "+format, append([]any{ErrRefused, t.At.UTC().Format(time.RFC3339)}, args...)...)
	}
	clock := now.UTC().Format(time.RFC3339)
	switch {
	case t.At.IsZero():
		return time.Time{}, fmt.Errorf("%w: it has no time", ErrRefused)
	case t.At.After(now.Add(ahead)):
		return refused("lies %s in the future of this function's clock, which says %s; nothing was done: find out who invoked the function, or set the clock", t.At.Sub(now).Round(time.Second), clock)
	case t.At.Before(now.Add(-overdue)):
		return refused("lies %s in the past of this function's clock, which says %s; nothing was done: a tick is good for %s", now.Sub(t.At).Round(time.Second), clock, overdue)
	case t.At.Before(last) && !last.After(now.Add(ahead)):
		return refused("is older than the last one that was acted on, of %s; nothing was done", last.UTC().Format(time.RFC3339))
	}
	return now.UTC().Truncate(time.Second), nil
}
