package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// putBackTime is what sending a batch back may take when the batch's own time is over.
const putBackTime = 10 * time.Second

// errQueue begins what is said of a queue that is out of reach.
var errQueue = errors.New("queue")

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

// later is a message as it came, but that it remembers when it was seen first: a change
// that does not say when it was issued must not grow younger. It waits for half of its
// age, so that a long outage costs few rounds and a short one little time. No try is
// counted: nothing is wrong with the message.
func later(m events.Message, now time.Time) video.Message {
	body, first := m.Body, m.At
	if meta, err := events.DecodeMetadata(body); err == nil {
		if meta.FirstSeen.IsZero() && !first.IsZero() {
			meta.FirstSeen = first.UTC()
			if meta.Original == nil && meta.Ref == "" {
				meta.Original = body
			}
			stamped, err := events.EncodeMetadata(meta)
			if err != nil || len(stamped) > events.MaxMessage { // its original stays behind
				meta.Original = nil
				stamped, err = events.EncodeMetadata(meta)
			}
			if err == nil && len(stamped) <= events.MaxMessage {
				body = stamped
			}
		} else {
			first = meta.FirstSeen
		}
	}
	wait := firstDelay
	if !first.IsZero() {
		wait = min(max(now.Sub(first)/2, firstDelay), maxDelay)
	}
	return video.Message{Body: body, Delay: wait}
}
