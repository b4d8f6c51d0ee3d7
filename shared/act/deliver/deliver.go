// Package deliver is the life of a queue message, from its sender to its one end. Its files
// tell it in this order:
//
//	sender    changes become messages, and somebody hears that bulk changes wait
//	intake    a batch is decoded; a message that points under STATE is followed; changes
//	          without a moment of issue get one; what nothing can carry out is noted
//	outcome   act/edit carries the changes out; each message then is done, goes back into
//	          its queue with a delay (firstDelay to maxDelay), or is a dead
//	          letter with its reason
//	envelope  what goes round in a message: its tries, when it was seen first, and the
//	          body as its sender sent it; what fits no queue lies under STATE
//	pull      without a trigger batches are taken from the queue at a timer's tick
//	lanes     bulk changes, those of rules and backfills, wait behind people's
//	letters   dead letters are taken, looked at and given back
//	redrive   a person sends them back, mends or drops them
//	notices   VOD's notifications: which assets they make somebody look at
//
// It promises that each message ends somewhere, and alone: whatever is wrong with one, its
// neighbours go on. Dead letters are sent first, then what goes back, and only then is a
// batch acknowledged, so a process that is killed leaves each message at worst in two
// places; a change that is carried out twice has its effect once. When STATE or a queue is
// out of reach no message has an end: the batch goes back, or the platform keeps it.
//
// # Why
//
// One message is one change, so that what becomes of one never touches another; 20 in a
// message would be fewer sends with a shared fate. The body goes round inside the message as
// it was sent, so that a dead letter shows what its sender wrote after any number of rounds;
// keeping each body under STATE would cost a write for every message that fails once.
//
// Tries travel in the message and not in the queue's own count: a pushed batch hides that
// count, and a message that was not tried must not use up a try.
//
// Bulk changes have a queue without a trigger, and metadata takes from it for 2 s when a
// message among people's says so: one instance, one writer and one rate, without a lease. A
// second EventBridge stream was turned down: with one instance the platform answers it 429,
// with two there is a lease for each batch and the rate twice. MNS priorities are best effort.
package deliver

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// Editor carries out changes and runs rules; shared/act/edit has the promise.
type Editor interface {
	Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error)
}

// Outbox puts messages into a queue. It answers one entry for each, in order.
type Outbox interface {
	Send(ctx context.Context, queue string, messages []video.Message) ([]video.Sent, error)
}

// Inbox takes messages from a queue.
type Inbox interface {
	Receive(ctx context.Context, queue string, limit int, wait time.Duration) ([]video.Received, error)
	Delete(ctx context.Context, queue string, handles []string) ([]error, error)
	Extend(ctx context.Context, queue, handle string, d time.Duration) (newHandle string, until time.Time, err error)
}

// Objects keep what no queue message can hold.
type Objects interface {
	Read(ctx context.Context, key string) ([]byte, error)
	Create(ctx context.Context, key string, body []byte) error
}

// Job handles the messages of the metadata queue.
type Job struct {
	Editor      Editor  // required
	Out         Outbox  // required
	In          Inbox   // nil: messages are pushed, and a tick is refused
	Bulk        *Bulk   // nil: there is one queue
	Objects     Objects // nil: what fits no queue goes without what is too long
	Queue, Dead string  // the names of the metadata queue and of the dead letters
	Log         *slog.Logger

	run  string // of the batch
	lane bool   // the messages are those of Bulk
}

// Report is what an invocation says of itself. Outcomes counts changes, and
// messages that cannot be read as rejected.
type Report struct {
	Messages    int                  `json:"messages"`
	Bulk        int                  `json:"bulk,omitempty"` // of these from the queue of bulk changes
	Changes     int                  `json:"changes"`
	Media       int                  `json:"media"`             // that the changes are about
	Retags      int                  `json:"retags,omitempty"`  // assets over which rules were run
	Found       int                  `json:"found,omitempty"`   // of these by a sweep, and not as the rules want them: no event had seen to them
	Waiting     int                  `json:"waiting,omitempty"` // of these with a rule that needs a fact not known yet
	Dropped     int                  `json:"dropped,omitempty"` // of these with a tag or text that did not fit
	Outcomes    map[video.Result]int `json:"outcomes"`
	SentBack    int                  `json:"sentBack"`
	DeadLetters int                  `json:"deadLetters"`
	Later       time.Duration        `json:"-"` // when the last of what was sent back can be seen

	woken bool // a message said that bulk changes wait
}

// Attrs are the facts of the invocation's log record.
func (r Report) Attrs() []any {
	return []any{
		slog.Int("messages", r.Messages), slog.Int("bulk", r.Bulk), slog.Int("changes", r.Changes), slog.Int("media", r.Media),
		slog.Int("retags", r.Retags), slog.Int("found", r.Found), slog.Any("outcomes", r.Outcomes),
		slog.Int("sent_back", r.SentBack), slog.Int("dead_letters", r.DeadLetters),
	}
}

func (r *Report) add(b Report) {
	r.Messages += b.Messages
	r.Changes += b.Changes
	r.Media += b.Media
	r.Bulk += b.Bulk
	r.Retags += b.Retags
	r.Found += b.Found
	r.Waiting += b.Waiting
	r.Dropped += b.Dropped
	r.Later = max(r.Later, b.Later)
	r.SentBack += b.SentBack
	r.DeadLetters += b.DeadLetters
	for result, n := range b.Outcomes {
		r.Outcomes[result] += n
	}
}

// Handle handles an event: a batch that was pushed or, where there is an In, a timer's tick.
// run names it in the journal; empty: by the time. An error means that the messages stay
// where they are.
func (j Job) Handle(ctx context.Context, run string, raw []byte) (Report, error) {
	e, err := events.Decode(raw)
	timer := e.Trigger == events.TriggerTimer
	switch {
	case err != nil:
		return Report{}, err
	case timer != (j.In != nil) || e.Trigger == events.TriggerHTTP: // a second intake on the same queue would be a second writer
		return Report{}, fmt.Errorf("%w: metadata does not take the event of a trigger of kind %s here", events.ErrMalformed, e.Trigger)
	}
	j.run = nameOf(run, time.Now())
	if timer {
		return j.drain(ctx)
	}
	return j.pushed(ctx, e.Messages)
}

// nameOf is the name of a batch in the journal.
func nameOf(run string, at time.Time) string {
	return cmp.Or(run, at.UTC().Format("20060102T150405.000000000Z"))
}

// pushed handles a batch that was pushed, and then bulk changes if it says that some wait.
func (j Job) pushed(ctx context.Context, messages []events.Message) (Report, error) {
	r, err := j.process(ctx, messages)
	switch {
	case err != nil:
		return j.putBack(ctx, messages, err)
	case r.woken:
		r.add(j.slice(ctx))
	}
	return r, nil
}

// process gives every message of a batch its end.
func (j Job) process(ctx context.Context, messages []events.Message) (Report, error) {
	deliveries, err := j.intake(ctx, messages)
	if err != nil {
		return Report{}, err
	}
	run := j.run
	if j.lane { // not to be taken back with people's
		run += "-bulk"
	}
	if err := j.edit(ctx, run, deliveries); err != nil {
		return Report{}, err
	}
	r := j.count(ctx, deliveries)
	return r, j.close(ctx, deliveries, &r)
}
