package boot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"time"

	"vodcurator/events"
	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

// Sender hands changes to the metadata queue, so that metadata stays the
// library's only writer. Each change is a message of its own: what becomes of
// one never touches another.
type Sender struct {
	Queue SendRight
	Name  string           // METADATA_QUEUE
	Bulk  string           // METADATA_BULK_QUEUE; empty: bulk changes go into Name, too
	Now   func() time.Time // nil: the real clock; stamps changes that have no IssuedAt
}

// Send returns one outcome for each change, in order: Done once the queue has
// it. The error is the first failure that was not about a single change.
func (s Sender) Send(ctx context.Context, changes []video.Change) ([]video.Outcome, error) {
	return s.send(ctx, s.Name, changes)
}

// SendBulk is Send for changes that may wait until no person's does.
func (s Sender) SendBulk(ctx context.Context, changes []video.Change) ([]video.Outcome, error) {
	return s.send(ctx, cmp.Or(s.Bulk, s.Name), changes)
}

func (s Sender) send(ctx context.Context, to string, changes []video.Change) ([]video.Outcome, error) {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	outcomes := make([]video.Outcome, len(changes))
	var messages []queue.Message
	var of []int // which change a message is
	for i, c := range changes {
		if c.IssuedAt.IsZero() {
			c.IssuedAt = now().UTC()
		}
		outcomes[i].ID = c.ID
		body, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{c}})
		if err != nil {
			outcomes[i] = video.Outcome{ID: c.ID, Result: video.ResultOf(err), Reason: err.Error(), Err: err}
			continue
		}
		messages, of = append(messages, queue.Message{Body: body}), append(of, i)
	}
	at := make([][]int, len(of))
	for k, i := range of {
		at[k] = []int{i}
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
			outcomes[i] = video.Outcome{ID: r.ID, Result: video.ResultOf(err), Reason: err.Error(), Err: err}
			continue
		}
		good = append(good, i)
	}
	var messages []queue.Message
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
		messages, at = append(messages, queue.Message{Body: body}), append(at, some)
	}
	return outcomes, s.put(ctx, cmp.Or(s.Bulk, s.Name), messages, at, outcomes)
}

// put sends messages, and notes with the outcomes at these places what came of each.
func (s Sender) put(ctx context.Context, to string, messages []queue.Message, at [][]int, outcomes []video.Outcome) error {
	if len(messages) == 0 {
		return nil
	}
	sent, err := s.Queue(ctx, to, messages)
	if to == s.Bulk && slices.ContainsFunc(sent, func(one queue.Sent) bool { return one.Err == nil }) {
		// Before their senders hear that all is well. Sent again they have their effect once.
		if wakeErr := s.Wake(ctx); wakeErr != nil {
			sent, err = nil, fmt.Errorf("%s has them, and nobody heard of it: %w", to, wakeErr)
		}
	}
	for k, places := range at {
		fault := err
		if k < len(sent) {
			fault = sent[k].Err
		}
		for _, i := range places {
			outcomes[i].Result, outcomes[i].Err = video.ResultOf(fault), fault
			if fault != nil {
				outcomes[i].Reason = fmt.Sprintf("queue %s: %v", to, fault)
			}
		}
	}
	return err
}

// Wake says in METADATA_QUEUE that changes wait in METADATA_BULK_QUEUE. Without the second
// it does nothing.
func (s Sender) Wake(ctx context.Context) error {
	if s.Bulk == "" {
		return nil
	}
	body, err := events.EncodeMetadata(events.Metadata{Bulk: true})
	if err != nil {
		return err
	}
	sent, err := s.Queue(ctx, s.Name, []queue.Message{{Body: body}})
	for _, one := range sent {
		err = cmp.Or(err, one.Err)
	}
	return err
}

// Sender is the app's own; METADATA_QUEUE must be set.
func (a *App) Sender() Sender {
	return Sender{Queue: a.Queue.Send, Name: a.MetadataQueue, Bulk: a.BulkQueue}
}

// File reads what RULES_FILE or POLICY_FILE points to: a file on this machine,
// else a key under STATE. No name gives nil, which stands for the embedded one.
func (a *App) File(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, _, err := a.newer(ctx, name, "")
	return text, err
}

// newer is File for who has a version of it already; nil: it is still the one.
func (a *App) newer(ctx context.Context, name, have string) (text []byte, version string, err error) {
	if text, err = os.ReadFile(name); err == nil {
		sum := sha256.Sum256(text)
		if version = hex.EncodeToString(sum[:]); version == have {
			text = nil
		}
		return text, version, nil
	}
	if a.State == nil {
		return nil, "", fmt.Errorf("%s is no readable file, and there is no STATE to look in", name)
	}
	return a.State.ReadNewer(ctx, name, have)
}
