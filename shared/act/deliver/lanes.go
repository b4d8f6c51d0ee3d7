package deliver

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// Nobody pushes the queue of bulk changes; a message among people's says that it holds some.
// The invocation that gets it does people's changes first and then bulk changes for bulkTime,
// and says so again when it found some. So a person waits for bulkTime, however many wait.
const (
	bulkTime  = 2 * time.Second
	bulkLeast = bulkTime / 8 // less is not worth a batch
	bulkFirst = 16           // messages in a batch, one call's, until it is known how long they take
	bulkMost  = 256
	// bulkTakes is how often a message is taken that never comes to its end: the process may
	// have died of it each time.
	bulkTakes = 10
)

// Bulk is the second queue.
type Bulk struct {
	Inbox
	Queue string
	size  atomic.Int32 // of the next batch, in messages; 0: not known yet
}

// next is how many messages the next batch is to have.
func (b *Bulk) next() int { return cmp.Or(int(b.size.Load()), bulkFirst) }

// measure makes batches that take about a quarter of the time.
func (b *Bulk) measure(r Report, took time.Duration) {
	switch n := b.next(); {
	case r.Outcomes[video.Deferred] > 0:
		b.size.Store(int32(max(n/2, 1)))
	case took < bulkTime/4:
		b.size.Store(int32(min(2*n, bulkMost)))
	}
}

// errNoBulk refuses what speaks of bulk changes where there are none.
var errNoBulk = fmt.Errorf("%w: bulk changes wait, and metadata has no METADATA_BULK_QUEUE: set the same as where they come from", video.ErrInvalid)

// slice does bulk changes for bulkTime; the last call may end a little later. What fails of
// it is not the failure of the invocation, whose own messages have had their end: such bulk
// changes come back by themselves.
func (j Job) slice(ctx context.Context) Report {
	total := Report{Outcomes: map[video.Result]int{}}
	lane := j
	lane.Queue, lane.In, lane.lane = j.Bulk.Queue, j.Bulk, true
	end := time.Now().Add(bulkTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end.Add(bulkTime)) {
		return total // people's changes took all the time
	}
	hurried := video.BeginBefore(ctx, end)
	var err error
	for err == nil && time.Until(end) > bulkLeast {
		taking, cancel := context.WithDeadline(ctx, end)
		var held *holding
		held, err = lane.take(taking, j.Bulk.next(), 0, bulkTime/4)
		cancel()
		if err != nil || len(held.messages) == 0 {
			break
		}
		if total.Bulk == 0 { // before anything can end this process
			err = j.rouse(ctx, 0)
		}
		start := time.Now()
		var r Report
		if err == nil {
			r, err = lane.work(hurried, held)
		}
		r.Bulk = len(held.messages)
		j.Bulk.measure(r, time.Since(start))
		total.add(r)
	}
	if total.Later > 0 && err == nil {
		err = j.rouse(ctx, total.Later)
	}
	if err != nil {
		j.Log.ErrorContext(ctx, "metadata: bulk changes wait for the next that says so", slog.String("queue", j.Bulk.Queue), slog.Any("error", err))
	}
	return total
}

// rouse says among people's changes that there may be bulk changes. Nobody has to say so
// where ticks drain both queues.
func (j Job) rouse(ctx context.Context, in time.Duration) error {
	if j.In != nil {
		return nil
	}
	return j.send(ctx, j.Queue, []video.Message{wake(in)})
}

// worn takes out of a batch, as dead letters, those messages that were taken again and again.
func (j Job) worn(ctx context.Context, held *holding) (rest []events.Message, dead []video.Message, err error) {
	for _, m := range held.messages {
		one := events.Message{ID: m.ID, Body: m.Body, At: m.Enqueued}
		if !j.lane || m.Dequeued <= bulkTakes {
			rest = append(rest, one)
			continue
		}
		letter, err := j.deadLetter(ctx, delivery{Message: one}, fmt.Sprintf("it was taken %d times and never came to its end; the process may have died of it", m.Dequeued))
		if err != nil {
			return nil, nil, err
		}
		dead = append(dead, letter)
	}
	return rest, dead, j.send(ctx, j.Dead, dead)
}
