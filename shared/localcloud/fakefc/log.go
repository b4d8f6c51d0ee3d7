package fakefc

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	keptLog         = 128 << 10 // bytes of log of one invocation
	keptTail        = 4 << 10   // what a caller may ask for
	keptBody        = 64 << 10  // bytes of event and result in the record
	keptInvocations = 5000
)

// Invocation is one run of a function, hooks included, as the platform saw it.
type Invocation struct {
	RequestID string
	Function  string
	Trigger   string // its name; "" for a direct call
	Kind      string // invoke, http, timer, queue, topic, destination; initializer, preStop
	At        time.Time
	Duration  time.Duration
	Retry     int
	Instance  string
	Cold      bool   // a process was started for it
	Memory    int    // MB that the instance has used at most until its end; 0: not known
	Event     []byte // its beginning
	Result    []byte // the answer's or the error body's beginning
	Error     string // the error type, "" for success
	Reason    string // what the platform knows beyond it: exit state, time-out
	Log       []byte // its end
	Dropped   int    // bytes of log before that
	Done      bool
}

// record is an invocation being written.
type record struct {
	mu     sync.Mutex
	inv    Invocation
	log    []byte
	lost   int
	marker []byte        // in the log, it says that the handler is done
	ended  chan struct{} // closed when the marker came
	seen   bool
}

// Write takes a piece of a process's output.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := max(0, len(r.log)-len(r.marker))
	r.log = append(r.log, p...)
	if !r.seen && len(r.marker) > 0 && bytes.Contains(r.log[from:], r.marker) {
		r.seen = true
		close(r.ended)
	}
	if over := len(r.log) - keptLog; over > keptLog {
		r.log = slices.Delete(r.log, 0, over)
		r.lost += over
	}
	return len(p), nil
}

func (r *record) copy() Invocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	inv := r.inv
	kept := r.log[max(0, len(r.log)-keptLog):]
	inv.Log, inv.Dropped = bytes.Clone(kept), r.lost+len(r.log)-len(kept)
	return inv
}

// settle waits a moment for the line that ends an invocation's log: it was printed
// before the answer, but comes by another way. What comes later yet would stand in
// the next invocation's log.
func (r *record) settle() {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
	}
}

func (r *record) tail() []byte {
	log := r.copy().Log
	return log[max(0, len(log)-keptTail):]
}

func (s *Server) open(inv Invocation) *record {
	r := &record{inv: inv, marker: []byte("End RequestId: " + inv.RequestID), ended: make(chan struct{})}
	r.inv.Event = bytes.Clone(inv.Event[:min(len(inv.Event), keptBody)])
	s.logMu.Lock()
	defer s.logMu.Unlock()
	if len(s.invocations) >= keptInvocations {
		s.invocations = slices.Delete(s.invocations, 0, keptInvocations/2)
	}
	s.invocations = append(s.invocations, r)
	s.counts[inv.Function+"/"+inv.Kind]++
	return r
}

// finish completes a record.
func (s *Server) finish(r *record, out outcome) {
	r.mu.Lock()
	r.inv.Duration, r.inv.Done = time.Since(r.inv.At), true
	r.inv.Error, r.inv.Reason, r.inv.Result = out.errorType, out.reason, bytes.Clone(out.body[:min(len(out.body), keptBody)])
	r.mu.Unlock()
	if out.errorType != "" {
		s.logMu.Lock()
		s.failures[r.inv.Function+"/"+r.inv.Kind]++
		s.logMu.Unlock()
	}
	if s.opt.Done != nil {
		s.opt.Done(r.copy())
	}
	if s.opt.Log.Enabled(context.Background(), slog.LevelDebug) {
		inv := r.copy()
		s.opt.Log.Debug("function", "name", inv.Function, "kind", inv.Kind, "trigger", inv.Trigger, "request", inv.RequestID,
			"took", inv.Duration.String(), "error", inv.Error, "reason", inv.Reason, "log", string(r.tail()))
	}
}

// Invocations answers the latest runs of a function, or of all ("") oldest first.
func (s *Server) Invocations(function string) []Invocation {
	s.logMu.Lock()
	records := slices.Clone(s.invocations)
	s.logMu.Unlock()
	var out []Invocation
	for _, r := range records {
		if inv := r.copy(); function == "" || inv.Function == function {
			out = append(out, inv)
		}
	}
	return out
}

// Invocation finds one run by its request id; of several tries, the last.
func (s *Server) Invocation(id string) (Invocation, bool) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	for _, r := range slices.Backward(s.invocations) {
		if r.inv.RequestID == id {
			return r.copy(), true
		}
	}
	return Invocation{}, false
}

// Counts answers how often each function ran since the start, by function/kind, and
// how many of these runs failed.
func (s *Server) Counts() (runs, failed map[string]int) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	runs, failed = map[string]int{}, map[string]int{}
	for k, n := range s.counts {
		runs[k] = n
	}
	for k, n := range s.failures {
		failed[k] = n
	}
	return runs, failed
}

// Forget drops the invocations and counters.
func (s *Server) Forget() {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.invocations, s.counts, s.failures = nil, map[string]int{}, map[string]int{}
}
