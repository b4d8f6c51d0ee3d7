package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

// Bulk changes, those of rules and backfills, have a queue of their own. Nobody pushes it: a
// second stream would be a second writer, or find the one instance taken and try again ever
// later. Instead a message among people's says that there are bulk changes. The invocation
// that gets it does people's changes first and then bulk changes for bulkTime, and says so
// again when it found some. So a person waits for bulkTime, however many changes wait.
const (
	bulkTime  = 2 * time.Second
	bulkLeast = bulkTime / 8 // less is not worth a batch
	bulkFirst = 16           // messages in a batch, one call's, until it is known how long they take
	bulkMost  = 256
	// bulkTakes is how often a message is taken that never comes to its end: the process may
	// have died of it each time.
	bulkTakes = 10
)

// bulk is the second queue.
type bulk struct {
	puller
	queue string
	size  atomic.Int32 // of the next batch, in messages; 0: not known yet
}

// next is how many messages the next batch is to have.
func (b *bulk) next() int { return cmp.Or(int(b.size.Load()), bulkFirst) }

// measure makes batches that take about a quarter of the time.
func (b *bulk) measure(a answer, took time.Duration) {
	switch n := b.next(); {
	case a.Outcomes[video.Deferred] > 0:
		b.size.Store(int32(max(n/2, 1)))
	case took < bulkTime/4:
		b.size.Store(int32(min(2*n, bulkMost)))
	}
}

// errNoBulk refuses what speaks of bulk changes where there are none.
var errNoBulk = fmt.Errorf("%w: bulk changes wait, and metadata has no METADATA_BULK_QUEUE: set the same as where they come from", video.ErrInvalid)

// wake says among people's changes that there may be bulk changes.
func (h handler) wake(ctx context.Context, in time.Duration) error {
	body, err := events.EncodeMetadata(events.Metadata{Bulk: true})
	if err != nil {
		return err
	}
	return h.send(ctx, h.metadata, []boot.Message{{Body: body, Delay: in}})
}

// slice does bulk changes for bulkTime; the last call may end a little later. What fails of
// it is not the failure of the invocation, whose own messages have had their end: such bulk
// changes come back by themselves.
func (h handler) slice(ctx context.Context) answer {
	total := answer{Outcomes: map[video.Result]int{}}
	lane := h
	lane.metadata, lane.pull, lane.lane = h.bulk.queue, h.bulk, true
	end := time.Now().Add(bulkTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end.Add(bulkTime)) {
		return total // people's changes took all the time
	}
	hurried := video.BeginBefore(ctx, end)
	var err error
	for err == nil && time.Until(end) > bulkLeast {
		taking, cancel := context.WithDeadline(ctx, end)
		var held *holding
		held, err = lane.take(taking, h.bulk.next(), 0, bulkTime/4)
		cancel()
		if err != nil || len(held.messages) == 0 {
			break
		}
		if total.Bulk == 0 && h.pull == nil { // before anything can end this process
			err = h.wake(ctx, 0)
		}
		start := time.Now()
		var a answer
		if err == nil {
			a, err = lane.work(hurried, held)
		}
		a.Bulk = len(held.messages)
		h.bulk.measure(a, time.Since(start))
		total.add(a)
	}
	if total.later > 0 && h.pull == nil && err == nil {
		err = h.wake(ctx, total.later)
	}
	if err != nil {
		h.log.ErrorContext(ctx, "metadata: bulk changes wait for the next that says so", slog.String("queue", h.bulk.queue), slog.Any("error", err))
	}
	return total
}

// worn sends those messages to the dead letters that were taken again and again, and gives
// the others.
func (h handler) worn(ctx context.Context, held *holding) (rest []events.Message, dead int, err error) {
	var deliveries []boot.Message
	for _, m := range held.messages {
		one := events.Message{ID: m.ID, Body: m.Body, At: m.Enqueued}
		if !h.lane || m.Dequeued <= bulkTakes {
			rest = append(rest, one)
			continue
		}
		l, err := h.deadLetter(ctx, delivery{Message: one}, fmt.Sprintf("it was taken %d times and never came to its end; the process may have died of it", m.Dequeued))
		if err != nil {
			return nil, 0, err
		}
		deliveries = append(deliveries, l)
	}
	return rest, len(deliveries), h.send(ctx, h.dead, deliveries)
}
