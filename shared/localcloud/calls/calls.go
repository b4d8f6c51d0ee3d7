// Package calls is what every fake of the local cloud does with a call beside answering it:
// the faults that a test may put in, and the server-side log,
// what was asked, by whom and what was answered. Tests count here, never at the client.
//
// It holds no parameters, secrets or bodies, and forgets the oldest calls; the
// counters forget nothing, but beyond a thousand they count what is new together.
package calls

import (
	"strings"
	"sync"
	"time"
)

// Call is one answered request.
type Call struct {
	At     time.Time
	Op     string
	Status int    // HTTP status; 0 when the connection was cut instead
	Code   string // the error code; empty when all was well
	KeyID  string
	Detail string // what was asked about: ids, a bucket and key
}

// Key is what the counters count by. Code is empty for calls that went well.
type Key struct{ Op, Code string }

// Log is the log. Its zero value is ready; it is safe for concurrent use.
type Log struct {
	Keep int // how many calls to keep; 0 → 10,000

	mu     sync.Mutex
	ring   []Call
	next   int
	counts map[Key]int
}

// Add notes one call.
func (l *Log) Add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[Key]int{}
	}
	c.Op, c.KeyID, c.Detail = clip(c.Op), clip(c.KeyID), clip(c.Detail)
	k := Key{c.Op, c.Code}
	if _, known := l.counts[k]; !known && len(l.counts) >= mostCounters {
		k.Op = "(others)"
	}
	l.counts[k]++
	keep := l.Keep
	if keep <= 0 {
		keep = 10_000
	}
	if len(l.ring) < keep {
		l.ring = append(l.ring, c)
		return
	}
	l.ring[l.next] = c
	l.next = (l.next + 1) % keep
}

// A stranger may call anything by any name: neither a long one nor many of them make the
// log grow beyond these.
const (
	mostCounters = 1000
	longest      = 1200 // bytes; a bucket and the longest name of an object
)

// clip also makes a copy: a short name may be a part of a request of megabytes.
func clip(s string) string {
	if len(s) <= longest {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

// Calls returns the kept calls, oldest first.
func (l *Log) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(append([]Call{}, l.ring[l.next:]...), l.ring[:l.next]...)
}

// Count says how often an operation was called, whatever came of it.
func (l *Log) Count(op string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for k, c := range l.counts {
		if k.Op == op {
			n += c
		}
	}
	return n
}

// Counts returns a copy of all counters.
func (l *Log) Counts() map[Key]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[Key]int, len(l.counts))
	for k, c := range l.counts {
		out[k] = c
	}
	return out
}

// Reset forgets everything.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.next, l.counts = nil, 0, nil
}

// Fault is what a test wants to happen to one call. The zero Fault does nothing.
type Fault struct {
	Delay   time.Duration // wait so long before anything else
	Status  int           // answer this status, code and message instead
	Code    string
	Message string
	Reset   bool // cut the connection instead of answering
	// After lets the call take effect before it is answered wrongly or not at all.
	After bool
	// Stale answers a read from an older state (searches, lists), where the fake has one.
	Stale bool

	// What only queues, functions and (Duplicate, Reorder) notifications know:
	Duplicate bool // deliver what is delivered twice
	Reorder   bool // deliver in another order
	Empty     bool // an empty answer, before its time
	Expired   bool // the receipt handles brought have just expired
	Kill      bool // end the function's process in the middle, after Delay
	Stall     bool // stop the function's process; it goes on after Delay, or never
}

// Spoils says that the caller does not get the true answer.
func (f Fault) Spoils() bool { return f.Status != 0 || f.Reset }

// Hook chooses the fault of one call; it must be safe for concurrent use.
type Hook func(op, keyID, detail string) Fault

// For asks the hook; a nil hook never chooses one.
func (h Hook) For(op, keyID, detail string) Fault {
	if h == nil {
		return Fault{}
	}
	return h(op, keyID, detail)
}
