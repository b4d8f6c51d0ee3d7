package boot

import (
	"context"
	"fmt"
	"os"
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
	Now   func() time.Time // nil: the real clock; stamps changes that have no IssuedAt
}

// Send returns one outcome for each change, in order: Done once the queue has
// it. The error is the first failure that was not about a single change.
func (s Sender) Send(ctx context.Context, changes []video.Change) ([]video.Outcome, error) {
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
	if len(messages) == 0 {
		return outcomes, nil
	}
	sent, err := s.Queue(ctx, s.Name, messages)
	for k, i := range of {
		switch {
		case k >= len(sent):
			outcomes[i].Err = err
		default:
			outcomes[i].Err = sent[k].Err
		}
		outcomes[i].Result = video.ResultOf(outcomes[i].Err)
		if outcomes[i].Err != nil {
			outcomes[i].Reason = fmt.Sprintf("queue %s: %v", s.Name, outcomes[i].Err)
		}
	}
	return outcomes, err
}

// Sender is the app's own; METADATA_QUEUE must be set.
func (a *App) Sender() Sender { return Sender{Queue: a.Queue.Send, Name: a.MetadataQueue} }

// File reads what RULES_FILE or POLICY_FILE points to: a file on this machine,
// else a key under STATE. No name gives nil, which stands for the embedded one.
func (a *App) File(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err == nil {
		return text, nil
	}
	if a.State == nil {
		return nil, fmt.Errorf("%s is no readable file, and there is no STATE to look in", name)
	}
	return a.State.Read(ctx, name)
}
