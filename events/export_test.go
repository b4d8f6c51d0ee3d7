package events

import "time"

func (b *Budget) Take(pair string, now time.Time) bool { return b.take(pair, now) }

func (b *Budget) Pairs() int { return len(b.spent) }
