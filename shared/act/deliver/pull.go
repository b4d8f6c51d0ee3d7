package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/video"
)

// The pull mode is for accounts without EventBridge: a timer's tick drains the
// queue until it is empty or the time is nearly up.
const (
	pullBatch  = 400              // messages in one batch
	pullWait   = 20 * time.Second // for the first message of a batch
	pullGather = 5 * time.Second  // for the others, after it
	pullHide   = time.Minute      // by which a message in work is hidden longer
	pullMargin = 10 * time.Second // before its time: when to hide it longer
	pullCall   = 5 * time.Second  // for one such call
	pullCalls  = 8                // side by side
	atOnce     = 16               // what MNS hands out or takes back in one call
)

// drain takes batches out of the queue and gives each the same treatment that a
// pushed one gets. A message is deleted when it has had its end, not before, so
// one whose worker dies comes back by itself.
func (j Job) drain(ctx context.Context) (Report, error) {
	total := Report{Outcomes: map[video.Result]int{}}
	half := time.Now().Add(time.Minute)
	if deadline, ok := ctx.Deadline(); ok {
		half = time.Now().Add(time.Until(deadline) / 2)
	}
	for busy := j.Bulk != nil; time.Now().Before(half); { // then people's changes are not waited for
		wait := min(pullWait, time.Until(half))
		if busy {
			wait = 0
		}
		held, err := j.take(ctx, pullBatch, wait, pullGather)
		if err != nil {
			return total, err
		}
		if len(held.messages) > 0 {
			r, err := j.work(ctx, held)
			if err != nil {
				return total, err
			}
			total.add(r)
		}
		if j.Bulk != nil {
			r := j.slice(ctx)
			total.add(r)
			busy = r.Bulk > 0
		}
		if len(held.messages) == 0 && !busy && wait > 0 {
			break
		}
	}
	return total, nil
}

// take collects one batch of at most so many messages: it waits for the first ones and
// takes what else is there already. An answer may hold few of many, so only an empty one
// ends it.
func (j Job) take(ctx context.Context, limit int, wait, gather time.Duration) (*holding, error) {
	held := &holding{}
	var until time.Time
	for len(held.messages) < limit && (until.IsZero() || time.Now().Before(until)) {
		some, err := j.In.Receive(ctx, j.Queue, min(atOnce, limit-len(held.messages)), wait)
		if err != nil && len(held.messages) == 0 {
			return held, fmt.Errorf("queue %s: %w", j.Queue, err)
		}
		if len(some) == 0 {
			break // an error now is an error again at the next batch
		}
		if until.IsZero() {
			wait, until = min(wait, time.Second), time.Now().Add(gather)
		}
		held.messages = append(held.messages, some...)
	}
	return held, nil
}

// work treats a batch while it keeps its messages hidden, and deletes them.
func (j Job) work(ctx context.Context, held *holding) (Report, error) {
	messages, dead, err := j.worn(ctx, held)
	if err != nil {
		return Report{}, err
	}
	hiding, stop := context.WithCancel(ctx)
	var hider sync.WaitGroup
	hider.Go(func() { j.hide(hiding, held) })
	r, err := j.process(ctx, messages)
	if err != nil && j.lane { // of a queue that nobody else counts the takes of
		r, err = j.putBack(ctx, messages, err)
	}
	stop()
	hider.Wait()
	r.DeadLetters += len(dead)
	if err != nil {
		return r, err
	}
	if err := j.delete(ctx, held); err != nil { // what is left comes back, and then there is nothing to do about it
		j.Log.WarnContext(ctx, "messages not deleted", slog.Any("error", err))
	}
	return r, nil
}

// delete takes messages out of the queue that have had their end.
func (j Job) delete(ctx context.Context, held *holding) error {
	handles := make([]string, len(held.messages))
	for i, m := range held.messages {
		handles[i] = m.Handle
	}
	return again(ctx, handles, func(handles []string) ([]error, error) {
		gone, err := j.In.Delete(ctx, j.Queue, handles)
		for i, e := range gone {
			if errors.Is(e, video.ErrNotFound) && !errors.Is(err, video.ErrNotFound) { // deleted, or it comes back
				gone[i] = nil
			}
		}
		return gone, err
	})
}

// holding are the messages in work. Their handles change while they are hidden.
type holding struct{ messages []video.Received }

// hide keeps the messages from being handed to somebody else until ctx ends.
func (j Job) hide(ctx context.Context, held *holding) {
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
		var calls errgroup.Group
		calls.SetLimit(pullCalls)
		for i := range held.messages {
			if m := &held.messages[i]; time.Until(m.NextVisible) <= 2*pullMargin {
				calls.Go(func() error { j.extend(ctx, m); return nil })
			}
		}
		_ = calls.Wait() // what is not extended comes back
	}
}

// extend hides a message longer, unless ctx has ended. A call under way goes on then:
// called off, it might void the handle and keep the new one to itself.
func (j Job) extend(ctx context.Context, m *video.Received) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pullCall)
	defer cancel()
	// By our own clock: the queue's may be another. Where it fails, the message comes
	// back and is done twice, which comes to the same as once.
	m.NextVisible = time.Now().Add(pullHide)
	if handle, _, err := j.In.Extend(ctx, j.Queue, m.Handle, pullHide); err == nil {
		m.Handle = handle
	}
}
