package vod

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"vodcurator/shared/video"
)

const (
	// pace keeps the calls of one second, counted by a clock that is not ours and
	// after a network that delays some and not others, within the rate.
	pace = 0.97
	// cut, recovery and floor are the constants of AIMD, additive increase and
	// multiplicative decrease (Chiu and Jain, 1989): a throttle takes a share of
	// the rate, time gives it back in a straight line.
	cut      = 0.7
	recovery = 30 * time.Second // from nothing to the full rate
	floor    = 0.05             // of the full rate
	// oneSignal: the throttles of calls that were under way together count once.
	oneSignal = time.Second
)

// bucket is the rate of one operation: no second sees more than its share, rounded up
// to whole calls, counted from wherever it begins, and who comes after a pause need not
// wait for what others left unused. Throttling slows it.
type bucket struct {
	full    float64
	turn    chan struct{} // holds one token: whose turn it is to be told when
	recent  []time.Time   // when the last calls went; of whoever has the turn
	waiting atomic.Int32

	mu      sync.Mutex
	current float64
	since   time.Time // when current was set
	slowed  time.Time
}

func newBuckets(share float64) map[string]*bucket {
	all := make(map[string]*bucket, len(operations))
	for name, op := range operations {
		full := op.qps * share * pace
		all[name] = &bucket{full: full, current: full, turn: make(chan struct{}, 1)}
	}
	return all
}

// errNoTime says that the rate leaves no room for a call before its context ends.
var errNoTime = errors.New("the rate leaves no time for it")

// wait returns when the next call may go, or an error at once when ctx ends before, or
// video.BeginBefore.
func (b *bucket) wait(ctx context.Context) error {
	rate := b.recover(time.Now())
	if math.IsInf(rate, 1) {
		return ctx.Err()
	}
	before := b.waiting.Add(1) - 1
	defer b.waiting.Add(-1)
	deadline, limited := video.LastBegin(ctx)
	if least := (float64(before) - rate - 1) / rate; limited && time.Until(deadline).Seconds() < least {
		return errNoTime
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := time.Now()
	at := b.next(now, b.recover(now))
	if limited && deadline.Before(at) {
		return errNoTime
	}
	if !sleep(ctx, at.Sub(now)) {
		return ctx.Err()
	}
	b.recent = append(b.recent[max(0, len(b.recent)-int(b.full)):], time.Now())
	return nil
}

// next is when the next call may go: of n calls, as many as the rate allows in about
// a second, the first lies that long back; and in its haste after a pause the bucket
// is at most three times as fast as the rate.
func (b *bucket) next(now time.Time, rate float64) time.Time {
	n, took := max(1, int(rate)), len(b.recent)
	for _, c := range []struct {
		back int
		gap  float64 // s
	}{{n, float64(n) / rate}, {1, 1 / (3 * rate)}} {
		if took < c.back {
			continue
		}
		if at := b.recent[took-c.back].Add(time.Duration(c.gap * float64(time.Second))); at.After(now) {
			now = at
		}
	}
	return now
}

// recover gives back what the time since the last look has earned, and returns the
// rate of now.
func (b *bucket) recover(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current < b.full {
		b.set(now, min(b.full, b.current+b.full*float64(now.Sub(b.since))/float64(recovery)))
	}
	return b.current
}

// slow takes a throttle into account.
func (b *bucket) slow(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.slowed) >= oneSignal {
		b.slowed = now
		b.set(now, max(b.full*floor, b.current*cut))
	}
}

func (b *bucket) set(now time.Time, to float64) { b.current, b.since = to, now }
