package events

import (
	"sync"
	"time"
)

// What one pair of signature headers may pass on. All events of one second share a pair,
// and the body is not signed: whoever has seen one pair can send what they like with it
// until its time is over. VOD sends an event at once and tries it three times, so a pair
// that is no longer fresh has little left.
const (
	freshFor    = 5 * time.Second
	freshBudget = 1000
	laterBudget = 20
)

// Budget counts what each pair has passed on. A pair never takes anything from another.
// It holds as many pairs as there are seconds in the signer's window, and is safe for
// concurrent use.
type Budget struct {
	window time.Duration // a pair that was seen first so long ago is no longer accepted
	mu     sync.Mutex
	spent  map[string]*spending
	swept  time.Time
}

type spending struct {
	first        time.Time // when the pair was seen first
	fresh, later int
}

// NewBudget makes a Budget for a signer's window.
func NewBudget(window time.Duration) *Budget {
	return &Budget{window: window, spent: map[string]*spending{}}
}

// left says whether the pair may pass something on. It takes nothing.
func (b *Budget) left(pair string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, most := b.of(pair, now)
	return *count < most
}

// take is left, and counts.
func (b *Budget) take(pair string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, most := b.of(pair, now)
	if *count >= most {
		return false
	}
	*count++
	return true
}

func (b *Budget) of(pair string, now time.Time) (count *int, most int) {
	if now.Sub(b.swept) > time.Minute {
		for p, s := range b.spent {
			if now.Sub(s.first) > 2*b.window {
				delete(b.spent, p)
			}
		}
		b.swept = now
	}
	s := b.spent[pair]
	if s == nil {
		s = &spending{first: now}
		b.spent[pair] = s
	}
	if now.Sub(s.first) <= freshFor {
		return &s.fresh, freshBudget
	}
	return &s.later, laterBudget
}
