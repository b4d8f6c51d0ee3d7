package vod

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
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

// bucket is the rate of one operation: a token bucket that holds one token, so
// that no second sees more than its share, slowed by throttling.
type bucket struct {
	full    float64
	limiter *rate.Limiter

	mu      sync.Mutex
	current float64
	since   time.Time // when current was set
	slowed  time.Time
}

func newBuckets(share float64) map[string]*bucket {
	all := make(map[string]*bucket, len(operations))
	for name, op := range operations {
		full := op.qps * share * pace
		all[name] = &bucket{full: full, current: full, limiter: rate.NewLimiter(rate.Limit(full), 1)}
	}
	return all
}

// wait returns when the next call may go, or an error at once when ctx ends before.
func (b *bucket) wait(ctx context.Context) error {
	b.recover(time.Now())
	return b.limiter.Wait(ctx)
}

// recover gives back what the time since the last look has earned.
func (b *bucket) recover(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current < b.full {
		b.set(now, min(b.full, b.current+b.full*float64(now.Sub(b.since))/float64(recovery)))
	}
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

func (b *bucket) set(now time.Time, to float64) {
	b.current, b.since = to, now
	b.limiter.SetLimitAt(now, rate.Limit(to))
}
