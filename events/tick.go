package events

import "time"

// Tick is one firing of a timer. At is the planned time, which makes a replay of
// the same event decide the same.
type Tick struct {
	At      time.Time
	Trigger string
	Payload string
}

// DecodeTick reads a timer's event (function-compute.md 4.1). Every error wraps
// ErrMalformed; a tick without a readable time is one, since everything a timer
// starts is decided by that time.
func DecodeTick(raw []byte) (Tick, error) {
	o, err := parse(raw)
	if err != nil {
		return Tick{}, malformed("timer event", "%w", err)
	}
	tick := Tick{At: o.time("triggertime"), Trigger: o.text("triggername"), Payload: o.text("payload")}
	if tick.At.IsZero() {
		return Tick{}, malformed("timer event", "triggerTime %q", o.text("triggertime"))
	}
	return tick, nil
}
