package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

// puller is what draining a queue needs beside sending.
type puller interface {
	Receive(ctx context.Context, queue string, limit int, wait time.Duration) ([]boot.Received, error)
	Delete(ctx context.Context, queue string, handles []string) ([]error, error)
	Extend(ctx context.Context, queue, handle string, d time.Duration) (newHandle string, until time.Time, err error)
}

// The pull mode is for accounts without EventBridge: a timer's tick drains the
// queue until it is empty or the time is nearly up.
const (
	pullBatch  = 400              // messages in one batch
	pullWait   = 20 * time.Second // for the first message of a batch
	pullHide   = time.Minute      // by which a message in work is hidden longer
	pullMargin = 10 * time.Second // before its time: when to hide it longer
)

// drain takes batches out of the queue and gives each the same treatment that a
// pushed one gets. A message is deleted when it has had its end, not before, so
// one whose worker dies comes back by itself.
func (h handler) drain(ctx context.Context) (answer, error) {
	total := answer{Outcomes: map[video.Result]int{}}
	half := time.Now().Add(time.Minute)
	if deadline, ok := ctx.Deadline(); ok {
		half = time.Now().Add(time.Until(deadline) / 2)
	}
	for time.Now().Before(half) {
		held, err := h.take(ctx, min(pullWait, time.Until(half)))
		if err != nil || len(held.messages) == 0 {
			return total, err
		}
		a, err := h.work(ctx, held)
		if err != nil {
			return total, err
		}
		total.add(a)
	}
	return total, nil
}

// take collects one batch: it waits for the first messages and takes what else
// is there already.
func (h handler) take(ctx context.Context, wait time.Duration) (*holding, error) {
	held := &holding{}
	for len(held.messages) < pullBatch {
		some, err := h.pull.Receive(ctx, h.metadata, 16, wait)
		if err != nil && len(held.messages) == 0 {
			return held, fmt.Errorf("queue %s: %w", h.metadata, err)
		}
		if len(some) == 0 {
			break // an error now is an error again at the next batch
		}
		held.messages = append(held.messages, some...)
		wait = time.Second
		if len(some) < 16 {
			break
		}
	}
	return held, nil
}

// work treats a batch while it keeps its messages hidden, and deletes them.
func (h handler) work(ctx context.Context, held *holding) (answer, error) {
	messages := make([]events.Message, len(held.messages))
	for i, m := range held.messages {
		messages[i] = events.Message{ID: m.ID, Body: m.Body, At: m.Enqueued}
	}
	hiding, stop := context.WithCancel(ctx)
	var hider sync.WaitGroup
	hider.Go(func() { h.hide(hiding, held) })
	a, err := h.process(ctx, messages)
	stop()
	hider.Wait()
	if err != nil {
		return a, err
	}
	handles := make([]string, len(held.messages))
	for i, m := range held.messages {
		handles[i] = m.Handle
	}
	gone, err := h.pull.Delete(ctx, h.metadata, handles)
	for _, e := range gone {
		err = cmp.Or(err, e)
	}
	if err != nil { // what is left comes back, and then there is nothing to do about it
		h.log.WarnContext(ctx, "messages not deleted", slog.Any("error", err))
	}
	return a, nil
}

// holding are the messages in work. Their handles change while they are hidden.
type holding struct{ messages []boot.Received }

// hide keeps the messages from being handed to somebody else until ctx ends.
func (h handler) hide(ctx context.Context, held *holding) {
	for {
		next := held.messages[0].NextVisible
		for _, m := range held.messages {
			if m.NextVisible.Before(next) {
				next = m.NextVisible
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next.Add(-pullMargin))):
		}
		for i := range held.messages {
			m := &held.messages[i]
			if ctx.Err() != nil || time.Until(m.NextVisible) > 2*pullMargin {
				continue
			}
			handle, until, err := h.pull.Extend(ctx, h.metadata, m.Handle, pullHide)
			if err != nil {
				// It comes back and is done twice, which comes to the same as once.
				m.NextVisible = time.Now().Add(pullHide)
				continue
			}
			m.Handle, m.NextVisible = handle, until
		}
	}
}

func (a *answer) add(b answer) {
	a.Messages += b.Messages
	a.Changes += b.Changes
	a.Media += b.Media
	a.SentBack += b.SentBack
	a.DeadLetters += b.DeadLetters
	for result, n := range b.Outcomes {
		a.Outcomes[result] += n
	}
}
