package vod

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"vodcurator/shared/video"
)

const (
	maxAttempts  = 5
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second

	// Every call earns a fifth of a repeat, up to so many: when everything fails,
	// repeating everything helps nobody. A limit on repeats in flight, which
	// libraries offer, would refuse the fourth of four chance failures together
	// and allow five attempts to a few during an outage.
	earned = 0.2
	saved  = 20
)

// budget holds the repeats that all calls together may still make.
type budget struct {
	mu    sync.Mutex
	spent float64
}

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-earned)
}

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+1 > saved {
		return false
	}
	b.spent++
	return true
}

// sleep says whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rest is sleep, but not at all when no attempt could begin after it.
func rest(ctx context.Context, d time.Duration) bool {
	if last, ok := video.LastBegin(ctx); ok && time.Until(last) < d {
		return false
	}
	return sleep(ctx, d)
}

// backoff is exponential with full jitter, and never shorter than the service asks for.
func backoff(attempts int, asked time.Duration) time.Duration {
	ceiling := min(maxBackoff, firstBackoff<<min(attempts-1, 10))
	return max(rand.N(ceiling), min(asked, maxBackoff))
}
