package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// delivery is one message on its way through.
type delivery struct {
	events.Message
	meta    events.Metadata
	err     error         // it cannot be read
	results []edit.Result // of its changes, and behind them of its retags
}

// intake reads the messages of a batch. An error means that STATE does not answer; what is
// wrong with a message itself is noted in it.
func (j Job) intake(ctx context.Context, messages []events.Message) ([]delivery, error) {
	messages = unpacked(messages)
	now := time.Now()
	deliveries := make([]delivery, len(messages))
	for i, m := range messages {
		if m.At.IsZero() {
			m.At = now
		}
		deliveries[i] = delivery{Message: m}
		if err := j.open(ctx, &deliveries[i]); err != nil {
			return nil, err
		}
	}
	return deliveries, nil
}

// unpacked puts in the place of a message what it holds, where it is a batch that the
// platform gave up and somebody sent back from the dead letters.
func unpacked(messages []events.Message) []events.Message {
	var out []events.Message
	for _, m := range messages {
		inner, ok := events.Undelivered(m.Body)
		if !ok {
			inner = []events.Message{m}
		}
		out = append(out, inner...)
	}
	return out
}

// errState says that a part of a message lies in STATE, which does not answer.
var errState = errors.New("STATE does not answer")

// open reads a message and checks its changes.
func (j Job) open(ctx context.Context, d *delivery) error {
	fault := j.guard(ctx, d.ID, func() {
		if d.meta, d.err = j.read(ctx, d.Body); d.err == nil && d.meta.Bulk && j.Bulk == nil {
			d.err = errNoBulk
		}
		if d.err == nil {
			d.stamp()
			d.check()
		}
	})
	if fault != nil {
		d.meta, d.results, d.err = events.Metadata{FirstSeen: d.At.UTC()}, nil, fault
	}
	if errors.Is(d.err, errState) {
		return d.err
	}
	return nil
}

// read decodes a message, and the one it points to. What did not go round yet is
// its own original.
func (j Job) read(ctx context.Context, body []byte) (events.Metadata, error) {
	meta, err := events.DecodeMetadata(body)
	if err != nil {
		return meta, err
	}
	if meta.Ref == "" {
		if meta.Original == nil {
			meta.Original = body
		}
		return meta, nil
	}
	if j.Objects == nil {
		return events.Metadata{}, fmt.Errorf("%w: it points to %q under STATE, and there is no STATE", video.ErrInvalid, meta.Ref)
	}
	body, err = j.Objects.Read(ctx, meta.Ref)
	switch {
	case errors.Is(err, video.ErrNotFound), errors.Is(err, video.ErrInvalid):
		return events.Metadata{}, err
	case err != nil:
		return events.Metadata{}, fmt.Errorf("%w: %w", errState, err)
	}
	whole, err := pointedTo(meta.Ref, body)
	if err != nil {
		return events.Metadata{}, err
	}
	whole.Attempts, whole.Before, whole.FirstSeen, whole.Reason = meta.Attempts, meta.Before, meta.FirstSeen, meta.Reason
	return whole, nil
}

// pointedTo decodes what lies under a key of STATE, which must not point on. An empty key
// stands for a body that came by itself.
func pointedTo(key string, body []byte) (events.Metadata, error) {
	m, err := events.DecodeMetadata(body)
	if err == nil && m.Ref != "" {
		err = fmt.Errorf("%w: %q points to %q", video.ErrInvalid, key, m.Ref)
	}
	if err != nil {
		return events.Metadata{}, err
	}
	if m.Original == nil {
		m.Original = body
	}
	return m, nil
}

// stamp gives changes without a moment of issue the first moment we know of, so
// that a message that goes round does not grow younger.
func (d *delivery) stamp() {
	if d.meta.FirstSeen.IsZero() {
		d.meta.FirstSeen = d.At.UTC()
	}
	Stamp(d.meta.Changes, d.meta.FirstSeen)
	// The id of the first round is the one that its sender knows. A long message would not fit
	// its queue any more.
	source := "message " + d.ID
	if d.ID == "" || len(source) > video.MaxAsked || len(d.meta.Changes) > video.MaxBatch {
		return
	}
	for i := range d.meta.Changes {
		if c := &d.meta.Changes[i]; c.Source == "" {
			c.Source = source
		}
	}
}

// Stamp gives changes without a moment of issue this one. Of two about one asset the later
// one in the list is the newer.
func Stamp(changes []video.Change, at time.Time) {
	for i := range changes {
		if c := &changes[i]; c.IssuedAt.IsZero() {
			c.IssuedAt = at.Add(time.Duration(i))
		}
	}
}

// maxAhead is how far ahead of its message's arrival a change may claim to be issued:
// it would beat every honest change of the same fields until that moment.
const maxAhead = 24 * time.Hour

// CheckIssued refuses a change that claims to be issued long after its message came.
func CheckIssued(c video.Change, came time.Time) error {
	if most := came.Add(maxAhead); c.IssuedAt.After(most) {
		return fmt.Errorf("%w: issuedAt: %s, at most %s: a day after the message came", video.ErrInvalid, c.IssuedAt.UTC().Format(time.RFC3339), most.UTC().Format(time.RFC3339))
	}
	return nil
}

// check refuses what can be refused before the library is asked. What has no result then
// is to be carried out.
func (d *delivery) check() {
	d.results = make([]edit.Result, len(d.meta.Changes)+len(d.meta.Retag))
	for n := range d.results {
		var err error
		if n >= len(d.meta.Changes) {
			err = d.meta.Retag[n-len(d.meta.Changes)].Check()
		} else {
			err = CheckIssued(d.meta.Changes[n], d.At)
		}
		if d.results[n].ID = d.id(n); err != nil {
			d.results[n] = refused(d.id(n), err)
		}
	}
}

func refused(id video.ID, err error) edit.Result {
	return edit.Result{Outcome: video.Outcome{ID: id, Result: video.Rejected, Reason: err.Error(), Err: err}}
}

// id is the asset that a result is about.
func (d *delivery) id(n int) video.ID {
	if n < len(d.meta.Changes) {
		return d.meta.Changes[n].ID
	}
	return d.meta.Retag[n-len(d.meta.Changes)].ID
}

// items are what a message asks for, in the order of its results.
func (d *delivery) items() []edit.Item {
	var items []edit.Item
	for _, c := range d.meta.Changes {
		if d.meta.Origin == events.OriginRules { // the writer decides: what rules have decided elsewhere is a hint
			items = append(items, edit.Item{Retag: &edit.Retag{ID: c.ID, Kind: c.Kind}})
			continue
		}
		items = append(items, edit.Item{Change: c})
	}
	for _, r := range d.meta.Retag {
		items = append(items, edit.Item{Retag: &edit.Retag{
			ID: r.ID, Kind: r.Kind, Labels: r.Event == events.AIVideoTagComplete, Origin: r.Via, Rules: r.Rules, Asked: r.Asked,
		}})
	}
	return items
}

// guard runs f and turns a panic into an error, with its stack in the log: it belongs
// to the message that caused it, and its neighbours go on.
func (j Job) guard(ctx context.Context, message string, f func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: handling the message panics: %v; the stack is in the log", errPanic, fault)
			j.Log.ErrorContext(ctx, "panic", slog.String("message", message), slog.Any("fault", fault), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return nil
}

// errPanic says that the program failed, not the world; no retry can cure it.
var errPanic = fmt.Errorf("%w: panic", video.ErrInvalid)
