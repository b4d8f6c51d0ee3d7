package fakemns

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/calls"
)

// Attributes are a queue's settings. DeadLetter and MaxReceives exist on the
// provider's control plane only, so they are set here from Go or by an admin call.
type Attributes struct {
	Delay      time.Duration // 0 to 7 days
	Visibility time.Duration // 1 s to 12 h
	Retention  time.Duration // 60 s to 7 days
	Polling    time.Duration // 0 to 30 s
	MaxSize    int           // 1024 to 65536 bytes
	Logging    bool

	DeadLetter  string // the queue a message moves to, "" for none
	MaxReceives int    // the receives after which it moves
}

var defaults = Attributes{
	Visibility: 30 * time.Second, Retention: 345600 * time.Second, MaxSize: 65536,
}

// Stats counts a queue's messages by state.
type Stats struct {
	Active, Inactive, Delayed int
}

// Message is one message as a consumer inside the process sees it.
type Message struct {
	ID       string
	Handle   string
	Body     string // as sent: base64 is the clients' affair
	Enqueued time.Time
	Dequeued int // how often it was received, this time included
	Priority int
}

// message is one stored message. It sits in exactly one of its queue's heaps.
type message struct {
	id, body string
	props    string // user properties, kept as the XML that came
	seq      uint64 // order of arrival
	priority int
	enqueued time.Time
	first    time.Time // of the first receive
	visible  time.Time
	expires  time.Time
	receives int
	handle   string // the only one that is good now
	at       int    // index in its heap
	waiting  bool   // in the heap of those that are not yet visible
}

// queue holds its messages in two heaps: those that may be received, best first,
// and those that may not yet, soonest first. The server's mutex guards it.
type queue struct {
	name             string
	attr             Attributes
	created, changed time.Time
	ready, waiting   messages
	byHandle         map[string]*message
	wake             chan struct{} // closed when a waiting receiver should look again
}

func newQueue(name string, attr Attributes, now time.Time) *queue {
	return &queue{
		name: name, attr: attr, created: now, changed: now,
		ready:    messages{less: func(a, b *message) bool { return cmp.Or(a.priority-b.priority, int(a.seq)-int(b.seq)) < 0 }},
		waiting:  messages{less: func(a, b *message) bool { return a.visible.Before(b.visible) }},
		byHandle: map[string]*message{}, wake: make(chan struct{}),
	}
}

// put files m by its visibility at now.
func (q *queue) put(m *message, now time.Time) {
	if m.waiting = m.visible.After(now); m.waiting {
		heap.Push(&q.waiting, m)
	} else {
		heap.Push(&q.ready, m)
	}
	q.signal() // also for a waiting one: receivers recompute how long to sleep
}

// take removes m from the heap it is in.
func (q *queue) take(m *message) {
	if m.waiting {
		heap.Remove(&q.waiting, m.at)
	} else {
		heap.Remove(&q.ready, m.at)
	}
	if m.handle != "" {
		delete(q.byHandle, m.handle)
		m.handle = ""
	}
}

func (q *queue) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// settle moves messages that have become visible to the ready ones.
func (q *queue) settle(now time.Time) {
	for len(q.waiting.list) > 0 && !q.waiting.list[0].visible.After(now) {
		m := q.waiting.list[0]
		q.take(m) // its handle dies with its visibility
		m.waiting = false
		heap.Push(&q.ready, m)
	}
}

// expire drops messages past their retention, whatever their state.
func (q *queue) expire(now time.Time) (gone []*message) {
	for _, list := range [][]*message{q.ready.list, q.waiting.list} {
		for _, m := range list {
			if !m.expires.After(now) {
				gone = append(gone, m)
			}
		}
	}
	for _, m := range gone {
		q.take(m)
	}
	return gone
}

// next is the moment at which a message becomes visible by itself.
func (q *queue) next() (time.Time, bool) {
	if len(q.waiting.list) == 0 {
		return time.Time{}, false
	}
	return q.waiting.list[0].visible, true
}

func (q *queue) stats(now time.Time) Stats {
	q.settle(now)
	s := Stats{Active: len(q.ready.list)}
	for _, m := range q.waiting.list {
		if m.receives == 0 {
			s.Delayed++
		} else {
			s.Inactive++
		}
	}
	return s
}

// hide gives m a new handle and hides it until the given moment.
func (q *queue) hide(m *message, until time.Time, handle string) {
	m.visible, m.handle, m.waiting = until, handle, true
	q.byHandle[handle] = m
	heap.Push(&q.waiting, m)
}

// messages is a heap that knows where each of its messages sits.
type messages struct {
	list []*message
	less func(a, b *message) bool
}

func (h *messages) Len() int           { return len(h.list) }
func (h *messages) Less(i, j int) bool { return h.less(h.list[i], h.list[j]) }
func (h *messages) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].at, h.list[j].at = i, j
}
func (h *messages) Push(x any) {
	m := x.(*message)
	m.at = len(h.list)
	h.list = append(h.list, m)
}
func (h *messages) Pop() any {
	last := len(h.list) - 1
	m := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	return m
}

// Create makes a queue, or leaves an existing one as it is.
func (s *Server) Create(name string) {
	defer func() { _ = s.flush() }() // it is in the log; there is nobody to tell
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[name] == nil {
		q := newQueue(name, defaults, time.Now())
		s.queues[name] = q
		_ = s.record(entry{Queue: q.stored()}) // it is in the log; there is nobody to tell
	}
}

// Configure changes a queue's attributes, those of the control plane included.
func (s *Server) Configure(name string, change func(*Attributes)) (err error) {
	defer func() { err = s.onDisk(err) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return errQueueNotExist
	}
	attr := q.attr
	change(&attr)
	if attr.DeadLetter == name {
		return fmt.Errorf("queue %s cannot be its own dead-letter queue", name)
	}
	q.attr, q.changed = attr, time.Now()
	return s.record(entry{Queue: q.stored()})
}

// Queues lists the queues by name.
func (s *Server) Queues() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.queues))
	for name := range s.queues {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Stats counts the messages of a queue; a missing queue has none.
func (s *Server) Stats(name string) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[name]; q != nil {
		return q.stats(time.Now())
	}
	return Stats{}
}

// Enqueue sends a message from inside the process: body is stored as it is.
func (s *Server) Enqueue(queue, body string) (id string, err error) {
	sent, err := s.send(queue, []sending{{body: body}})
	if err = s.onDisk(err); err != nil {
		return "", err
	}
	return sent[0].id, nil
}

// Receive takes up to most messages for a consumer inside the process and hides
// them for hide; it waits up to wait for the first. Nothing there is no error.
func (s *Server) Receive(ctx context.Context, queue string, most int, wait, hide time.Duration) ([]Message, error) {
	got, err := s.receive(ctx, queue, most, wait, hide, calls.Fault{})
	if err = s.onDisk(err); err != nil {
		return nil, err
	}
	out := make([]Message, len(got))
	for i, m := range got {
		out[i] = Message{ID: m.id, Handle: m.handle, Body: m.body, Enqueued: m.enqueued, Dequeued: m.receives, Priority: m.priority}
	}
	return out, nil
}

// Remove deletes messages by their handles and says of each whether it was there.
func (s *Server) Remove(queue string, handles ...string) []error {
	errs := make([]error, len(handles))
	for i, h := range handles {
		errs[i] = s.remove(queue, h)
	}
	for i := range errs {
		errs[i] = s.onDisk(errs[i])
	}
	return errs
}

// Hide changes when a received message can be seen again: hide from now.
func (s *Server) Hide(queue, handle string, hide time.Duration) (next string, err error) {
	m, err := s.extend(queue, handle, hide)
	return m.handle, s.onDisk(err)
}

type sending struct {
	body, props string
	delay       *time.Duration // nil: the queue's
	priority    int            // 0: 8
}

func (s *Server) send(name string, batch []sending) ([]message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return nil, errQueueNotExist
	}
	now := time.Now()
	out := make([]message, len(batch))
	entries := make([]entry, len(batch))
	for i, b := range batch {
		delay := q.attr.Delay
		if b.delay != nil {
			delay = *b.delay
		}
		m := &message{
			id: s.newID(), body: b.body, props: b.props, seq: s.seq, priority: cmp.Or(b.priority, 8),
			enqueued: now, visible: now.Add(delay), expires: now.Add(q.attr.Retention),
		}
		q.put(m, now)
		if delay > 0 { // a delayed message can be taken back by its sender
			m.handle = s.newHandle()
			q.byHandle[m.handle] = m
		}
		out[i] = *m
		entries[i].Put = s.stored(q, m)
	}
	return out, s.record(entries...)
}

// receive is the only place where messages are handed out. It gives up when ctx
// ends, so that no message is taken for a client that has gone away.
func (s *Server) receive(ctx context.Context, name string, most int, wait, hide time.Duration, f calls.Fault) ([]message, error) {
	if f.Empty {
		most = 0
	}
	deadline := time.Now().Add(max(wait, 0))
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.mu.Lock()
		q := s.queues[name]
		if q == nil {
			s.mu.Unlock()
			return nil, errQueueNotExist
		}
		now := time.Now()
		if wait < 0 { // the queue's own
			wait = q.attr.Polling
			deadline = deadline.Add(wait)
		}
		got, err := s.hand(q, now, most, cmp.Or(hide, q.attr.Visibility), f)
		wake := q.wake
		until, some := q.next()
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if len(got) > 0 || !deadline.After(now) || f.Empty {
			return got, nil
		}
		if !some || until.After(deadline) {
			until = deadline
		}
		if !s.wait(ctx, wake, until.Sub(now)) {
			return nil, nil
		}
	}
}

// wait waits until something may have come into a queue; false: the server is closing.
func (s *Server) wait(ctx context.Context, wake <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	case <-s.closed:
		return false
	}
	return true
}

func (s *Server) hand(q *queue, now time.Time, most int, hide time.Duration, f calls.Fault) (got []message, err error) {
	q.settle(now)
	var again []message
	var entries []entry
	for len(got) < most && len(q.ready.list) > 0 {
		m := q.ready.list[0]
		if f.Reorder {
			m = q.ready.list[rand.IntN(len(q.ready.list))]
		}
		q.take(m)
		if !m.expires.After(now) {
			entries = append(entries, entry{Took: &place{q.name, m.seq}})
			continue
		}
		if target := s.queues[q.attr.DeadLetter]; target != nil && q.attr.MaxReceives > 0 && m.receives >= q.attr.MaxReceives {
			// The move gives a new id and count; retention goes on where it was.
			entries = append(entries, entry{Took: &place{q.name, m.seq}})
			s.newID()
			m.id, m.seq, m.receives, m.first, m.visible = s.lastID, s.seq, 0, time.Time{}, now
			target.put(m, now)
			entries = append(entries, entry{Put: s.stored(target, m)})
			continue
		}
		if m.receives++; m.receives == 1 {
			m.first = now
		}
		if f.Duplicate {
			again = append(again, *m)
		}
		q.hide(m, now.Add(hide), s.newHandle())
		got = append(got, *m)
		entries = append(entries, entry{Put: s.stored(q, m)})
	}
	for _, m := range again { // the same message once more, under its own id
		s.newID()
		m.seq = s.seq
		q.put(&m, now)
		entries = append(entries, entry{Put: s.stored(q, &m)})
	}
	return got, s.record(entries...)
}

// expire makes a received message visible again, and its handle void.
func (s *Server) expire(name, handle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if q, m, err := s.find(name, strings.TrimSpace(handle), now); err == nil {
		q.take(m)
		m.visible = now
		q.put(m, now)
		_ = s.record(entry{Put: s.stored(q, m)}) // it is in the log; the call goes on to its own answer
	}
}

// find answers the message a handle stands for. The caller holds the mutex.
func (s *Server) find(name, handle string, now time.Time) (*queue, *message, error) {
	q := s.queues[name]
	if q == nil {
		return nil, nil, errQueueNotExist
	}
	if !s.readable(handle) {
		return nil, nil, errReceiptHandle
	}
	m := q.byHandle[handle]
	if m == nil || !m.visible.After(now) || !m.expires.After(now) {
		return nil, nil, s.staleHandle
	}
	return q, m, nil
}

func (s *Server) remove(name, handle string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, m, err := s.find(name, handle, time.Now())
	if err != nil {
		return err
	}
	q.take(m)
	return s.record(entry{Took: &place{name, m.seq}})
}

func (s *Server) extend(name, handle string, hide time.Duration) (message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	q, m, err := s.find(name, handle, now)
	if err != nil {
		return message{}, err
	}
	q.take(m)
	q.hide(m, now.Add(hide), s.newHandle())
	q.signal()
	return *m, s.record(entry{Put: s.stored(q, m)})
}

func (s *Server) peek(name string, most int) ([]message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return nil, errQueueNotExist
	}
	now := time.Now()
	q.settle(now)
	q.expire(now)
	var seen []*message
	var got []message
	for len(got) < most && len(q.ready.list) > 0 {
		m := heap.Pop(&q.ready).(*message)
		seen = append(seen, m)
		got = append(got, *m)
	}
	for _, m := range seen {
		heap.Push(&q.ready, m)
	}
	return got, nil
}

// newID answers an id of today's form, 32 upper-case hex digits, and counts seq up.
func (s *Server) newID() string {
	s.seq++
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], s.salt)
	binary.BigEndian.PutUint64(raw[8:], s.seq)
	sum := md5.Sum(raw[:])
	s.lastID = strings.ToUpper(hex.EncodeToString(sum[:]))
	return s.lastID
}

// newHandle makes a handle of letters, digits, - and _ only: some clients put it
// into the query unescaped. The check sum tells a stale one from nonsense.
func (s *Server) newHandle() string {
	s.handles++
	var raw [20]byte
	binary.BigEndian.PutUint64(raw[:], s.salt)
	binary.BigEndian.PutUint64(raw[8:], s.handles)
	binary.BigEndian.PutUint32(raw[16:], crc32.ChecksumIEEE(raw[:16]))
	return "8-" + base64.RawURLEncoding.EncodeToString(raw[:])
}

func (s *Server) readable(handle string) bool {
	coded, ok := strings.CutPrefix(handle, "8-")
	raw, err := base64.RawURLEncoding.DecodeString(coded)
	return ok && err == nil && len(raw) == 20 &&
		binary.BigEndian.Uint32(raw[16:]) == crc32.ChecksumIEEE(raw[:16])
}
