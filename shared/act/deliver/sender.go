package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// Sender hands changes to the metadata queue, so that metadata stays the
// library's only writer. Each change is a message of its own: what becomes of
// one never touches another.
type Sender struct {
	Out   Outbox
	Queue string // METADATA_QUEUE
	Bulk  string // METADATA_BULK_QUEUE; empty: bulk changes go into Queue, too
}

// Send returns one outcome for each change, in order: Done once the queue has
// it. The error is the first failure that was not about a single change.
func (s Sender) Send(ctx context.Context, changes []video.Change) ([]video.Outcome, error) {
	return s.send(ctx, s.Queue, changes)
}

// SendBulk is Send for changes that may wait until no person's does.
func (s Sender) SendBulk(ctx context.Context, changes []video.Change) ([]video.Outcome, error) {
	return s.send(ctx, cmp.Or(s.Bulk, s.Queue), changes)
}

func (s Sender) send(ctx context.Context, to string, changes []video.Change) ([]video.Outcome, error) {
	outcomes := make([]video.Outcome, len(changes))
	var messages []video.Message
	var at [][]int
	for i, c := range changes {
		if c.IssuedAt.IsZero() {
			c.IssuedAt = time.Now().UTC()
		}
		outcomes[i].ID = c.ID
		body, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{c}})
		if err != nil {
			outcomes[i] = refused(c.ID, err).Outcome
			continue
		}
		messages, at = append(messages, video.Message{Body: body}), append(at, []int{i})
	}
	return outcomes, s.put(ctx, to, messages, at, outcomes)
}

// retagsInMessage is how many assets one message names: each has its own outcome all the
// same, and what is open of a message goes back alone.
const retagsInMessage = 20

// Retag asks for rules to be run over assets. It returns one outcome for each, in
// order: Done once the queue has it. They are bulk changes.
func (s Sender) Retag(ctx context.Context, retags []events.Retag) ([]video.Outcome, error) {
	outcomes := make([]video.Outcome, len(retags))
	var good []int
	for i, r := range retags {
		outcomes[i].ID = r.ID
		if err := r.Check(); err != nil {
			outcomes[i] = refused(r.ID, err).Outcome
			continue
		}
		good = append(good, i)
	}
	var messages []video.Message
	var at [][]int
	for some := range slices.Chunk(good, retagsInMessage) {
		m := events.Metadata{Origin: events.OriginRules}
		for _, i := range some {
			m.Retag = append(m.Retag, retags[i])
		}
		body, err := events.EncodeMetadata(m)
		if err != nil {
			return outcomes, err
		}
		messages, at = append(messages, video.Message{Body: body}), append(at, some)
	}
	return outcomes, s.put(ctx, cmp.Or(s.Bulk, s.Queue), messages, at, outcomes)
}

// put sends messages, and notes with the outcomes at these places what came of each.
func (s Sender) put(ctx context.Context, to string, messages []video.Message, at [][]int, outcomes []video.Outcome) error {
	sent, err := s.post(ctx, to, messages)
	for k, places := range at {
		for _, i := range places {
			fault := sent[k].Err
			if outcomes[i].Result, outcomes[i].Err = video.ResultOf(fault), fault; fault != nil {
				outcomes[i].Reason = fmt.Sprintf("queue %s: %v", to, fault)
			}
		}
	}
	return err
}

// sendAgain puts messages that were dead letters into the queues that they belong to: what
// has rules run, and nothing else, may wait behind people's changes.
func (s Sender) sendAgain(ctx context.Context, messages []video.Message) ([]video.Sent, error) {
	var some [2][]video.Message
	var of [2][]int
	for i, m := range messages {
		lane := 0
		if s.Bulk != "" && onlyRules(m.Body) {
			lane = 1
		}
		some[lane], of[lane] = append(some[lane], m), append(of[lane], i)
	}
	sent := make([]video.Sent, len(messages))
	var faults []error
	for lane, to := range []string{s.Queue, s.Bulk} {
		got, err := s.post(ctx, to, some[lane])
		faults = append(faults, err)
		for k, i := range of[lane] {
			sent[i] = got[k]
		}
	}
	return sent, errors.Join(faults...)
}

func onlyRules(body []byte) bool {
	m, err := events.DecodeMetadata(body)
	return err == nil && (len(m.Retag) > 0 && len(m.Changes) == 0 || m.Origin == events.OriginRules)
}

// post sends messages and has an entry for each of them, whatever fails.
func (s Sender) post(ctx context.Context, to string, messages []video.Message) ([]video.Sent, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	sent, err := s.Out.Send(ctx, to, messages)
	if to == s.Bulk && slices.ContainsFunc(sent, func(one video.Sent) bool { return one.Err == nil }) {
		// Before their senders hear that all is well. Sent again they have their effect once.
		if wakeErr := s.Wake(ctx); wakeErr != nil {
			sent, err = nil, fmt.Errorf("%s has them, and nobody heard of it: %w", to, wakeErr)
		}
	}
	for len(sent) < len(messages) {
		sent = append(sent, video.Sent{Err: err})
	}
	return sent, err
}

// Wake says in METADATA_QUEUE that changes wait in METADATA_BULK_QUEUE. Without the second
// it does nothing.
func (s Sender) Wake(ctx context.Context) error {
	if s.Bulk == "" {
		return nil
	}
	return SendOne(ctx, s.Out, s.Queue, wake(0).Body)
}

// wake is the message that says, after a delay, that there may be bulk changes.
func wake(in time.Duration) video.Message {
	body, err := events.EncodeMetadata(events.Metadata{Bulk: true})
	if err != nil {
		panic(err) // it is always the same
	}
	return video.Message{Body: body, Delay: in}
}

// SendOne sends one message, once.
func SendOne(ctx context.Context, out Outbox, to string, body []byte) error {
	sent, err := out.Send(ctx, to, []video.Message{{Body: body}})
	for _, one := range sent {
		err = cmp.Or(err, one.Err)
	}
	return err
}

// errQueue begins what is said of a queue that is out of reach.
var errQueue = errors.New("queue")

// send puts messages into a queue. Would the function fail at the first hiccup, the
// platform would repeat the batch, and what was taken before would be in the queue
// once more each time.
func (j Job) send(ctx context.Context, to string, messages []video.Message) error {
	err := again(ctx, messages, func(some []video.Message) ([]error, error) {
		sent, err := j.Out.Send(ctx, to, some)
		errs := make([]error, len(sent))
		for i, s := range sent {
			errs[i] = s.Err
		}
		return errs, err
	})
	if err != nil {
		return fmt.Errorf("%w %s: %w", errQueue, to, err)
	}
	return nil
}

// A call about many messages is made again for those of which it failed, until it
// fails of all of them so many times in a row. The pauses double from the first.
const (
	againTries = 5
	againPause = 200 * time.Millisecond
)

// again makes a call about items that says of each what came of it, and again about
// those of which it failed, while there is time.
func again[T any](ctx context.Context, items []T, call func([]T) ([]error, error)) error {
	for try := 1; len(items) > 0; try++ {
		errs, err := call(items)
		var left []T
		for i, item := range items {
			if i >= len(errs) {
				left = append(left, item)
			} else if errs[i] != nil {
				err, left = cmp.Or(err, errs[i]), append(left, item)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if len(left) < len(items) {
			try = 1
		}
		err = fmt.Errorf("%d of %d left: %w", len(left), len(items), cmp.Or(err, video.ErrTransient))
		if items = left; try >= againTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(againPause << (try - 1)):
		}
	}
	return nil
}
