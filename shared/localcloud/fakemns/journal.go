package fakemns

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// entry is one line of the journal, and of a snapshot: what there is from then on.
type entry struct {
	Head  *head          `json:",omitempty"`
	Queue *storedQueue   `json:",omitempty"`
	Put   *storedMessage `json:",omitempty"` // new or changed
	Took  *place         `json:",omitempty"` // a message that is gone
	Topic *storedTopic   `json:",omitempty"`
}

type head struct{ Salt, Seq, Handles uint64 }

type place struct {
	Queue string
	Seq   uint64
}

type storedQueue struct {
	Name             string
	Attr             Attributes
	Created, Changed time.Time
	Gone             bool `json:",omitempty"`
}

type storedMessage struct {
	Queue, ID, Body, Props, Handle    string
	Seq, Handles                      uint64
	Priority, Receives                int
	Enqueued, First, Visible, Expires time.Time
}

type storedTopic struct {
	Name             string
	MaxSize          int
	Logging, Gone    bool
	Created, Changed time.Time
	Subs             []storedSubscription
}

type storedSubscription struct {
	Name, Endpoint, Tag, Strategy, Format string
	Created, Changed                      time.Time
}

// journal is the file that keeps the queues across restarts, kills and power cuts: the
// lines of a call are on the disk before it is answered. Calls that wait for the disk at
// the same time share one sync of it.
type journal struct {
	path    string
	file    *os.File
	written int
	lines   uint64 // writes handed to the system; the server's mutex guards it and what is above
	closed  bool

	syncing sync.Mutex // held while one call syncs for all that wait
	synced  uint64     // of the lines
	syncs   int
}

// flush waits until everything that has been recorded so far is on the disk.
func (s *Server) flush() error {
	s.mu.Lock()
	j := s.journal
	if j == nil {
		s.mu.Unlock()
		return nil
	}
	want := j.lines
	s.mu.Unlock()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	for j.synced < want {
		s.mu.Lock()
		file, now, closed := j.file, j.lines, j.closed
		s.mu.Unlock()
		if closed { // with everything on the disk
			return nil
		}
		err := file.Sync()
		if errors.Is(err, os.ErrClosed) { // written anew meanwhile
			continue
		}
		if err != nil {
			s.opt.Log.Error("journal", "error", err.Error())
			return fmt.Errorf("journal: %w", err)
		}
		j.synced, j.syncs = now, j.syncs+1
	}
	return nil
}

const maxJournal = 64 << 20 // bytes after which the file is written anew

// stored is a queue as the journal keeps it.
func (q *queue) stored() *storedQueue {
	return &storedQueue{Name: q.name, Attr: q.attr, Created: q.created, Changed: q.changed}
}

func (s *Server) stored(q *queue, m *message) *storedMessage {
	return &storedMessage{
		Queue: q.name, ID: m.id, Body: m.body, Props: m.props, Handle: m.handle, Seq: m.seq, Handles: s.handles,
		Priority: m.priority, Receives: m.receives, Enqueued: m.enqueued, First: m.first, Visible: m.visible, Expires: m.expires,
	}
}

func (t *topic) stored() *storedTopic {
	out := &storedTopic{Name: t.name, MaxSize: t.maxSize, Logging: t.logging, Created: t.created, Changed: t.changed}
	for _, sub := range t.subs {
		if sub.deliver == nil { // one inside the process comes back with its process
			out.Subs = append(out.Subs, storedSubscription{sub.name, sub.endpoint, sub.tag, sub.strategy, sub.format, sub.created, sub.changed})
		}
	}
	return out
}

// record writes down what has changed; the caller holds the mutex.
func (s *Server) record(entries ...entry) error {
	j := s.journal
	if j == nil || len(entries) == 0 {
		return nil
	}
	var lines []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	n, err := j.file.Write(lines)
	if err != nil {
		s.opt.Log.Error("journal", "error", err.Error())
		return fmt.Errorf("journal: %w", err)
	}
	j.lines++
	if j.written += n; j.written > maxJournal {
		return s.compact()
	}
	return nil
}

// compact writes the file anew with what there is; the caller holds the mutex.
func (s *Server) compact() error {
	j := s.journal
	if j == nil {
		return nil
	}
	lines := s.dump()
	file, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	if err = errors.Join(err, file.Sync()); err == nil {
		err = errors.Join(os.Rename(j.path+".new", j.path), syncFolder(filepath.Dir(j.path)))
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file, j.written = file, 0
	return nil
}

// onDisk is the outcome of a change once it is on the disk.
func (s *Server) onDisk(err error) error {
	if lost := s.flush(); err == nil {
		return lost
	}
	return err
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (s *Server) dump() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	_ = e.Encode(entry{Head: &head{s.salt, s.seq, s.handles}}) // our own types, into memory
	for _, q := range s.queues {
		_ = e.Encode(entry{Queue: q.stored()})
		for _, list := range [][]*message{q.ready.list, q.waiting.list} {
			for _, m := range list {
				_ = e.Encode(entry{Put: s.stored(q, m)})
			}
		}
	}
	for _, t := range s.topics {
		_ = e.Encode(entry{Topic: t.stored()})
	}
	return out.Bytes()
}

// load puts what the lines say in the place of what there is. A last line that a
// kill cut short was never answered: it is passed over.
func (s *Server) load(lines io.Reader) error {
	old := s.topics
	s.queues, s.topics = map[string]*queue{}, map[string]*topic{}
	found := map[place]*message{}
	for r := bufio.NewReader(lines); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		s.apply(e, found)
	}
	now := time.Now()
	for at, m := range found {
		if q := s.queues[at.Queue]; q != nil {
			handle := m.handle
			q.put(m, now)
			if m.waiting && handle != "" {
				q.byHandle[handle] = m
			}
		}
	}
	for name, t := range old { // the subscribers inside the process stay
		for _, sub := range t.subs {
			if sub.deliver == nil {
				continue
			}
			if s.topics[name] == nil {
				s.topics[name] = newTopic(name, now)
			}
			s.topics[name].subs[sub.name] = sub
		}
	}
	return nil
}

func (s *Server) apply(e entry, found map[place]*message) {
	switch {
	case e.Head != nil:
		s.salt, s.seq, s.handles = e.Head.Salt, e.Head.Seq, e.Head.Handles
	case e.Queue != nil && e.Queue.Gone:
		delete(s.queues, e.Queue.Name)
		for at := range found {
			if at.Queue == e.Queue.Name {
				delete(found, at)
			}
		}
	case e.Queue != nil:
		s.queues[e.Queue.Name] = newQueue(e.Queue.Name, e.Queue.Attr, e.Queue.Created)
		s.queues[e.Queue.Name].changed = e.Queue.Changed
	case e.Put != nil:
		p := e.Put
		s.seq, s.handles = max(s.seq, p.Seq), max(s.handles, p.Handles)
		found[place{p.Queue, p.Seq}] = &message{
			id: p.ID, body: p.Body, props: p.Props, seq: p.Seq, priority: p.Priority, enqueued: p.Enqueued,
			first: p.First, visible: p.Visible, expires: p.Expires, receives: p.Receives, handle: p.Handle,
		}
	case e.Took != nil:
		delete(found, *e.Took)
	case e.Topic != nil && e.Topic.Gone:
		delete(s.topics, e.Topic.Name)
	case e.Topic != nil:
		t := &topic{name: e.Topic.Name, maxSize: e.Topic.MaxSize, logging: e.Topic.Logging, created: e.Topic.Created, changed: e.Topic.Changed, subs: map[string]*subscription{}}
		for _, x := range e.Topic.Subs {
			t.subs[x.Name] = &subscription{name: x.Name, endpoint: x.Endpoint, tag: x.Tag, strategy: x.Strategy, format: x.Format, created: x.Created, changed: x.Changed}
		}
		s.topics[t.name] = t
	}
}

// Open takes up the queues and topics that a folder holds, and keeps them there from
// then on: across restarts, and across a kill at any moment. It is called before the
// first request.
func (s *Server) Open(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s.journal = &journal{path: filepath.Join(dir, "queues.jsonl")}
	file, err := os.Open(s.journal.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		err = s.load(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return s.compact()
}

// State is a copy of every queue and topic at one moment.
type State struct{ lines []byte }

// Snapshot copies the state.
func (s *Server) Snapshot() *State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &State{s.dump()}
}

// Restore puts a state back. Handles given out since are void.
func (s *Server) Restore(st *State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.signal()
	}
	seq, handles := s.seq, s.handles
	if err := s.load(bytes.NewReader(st.lines)); err != nil {
		return err
	}
	s.seq, s.handles = max(s.seq, seq), max(s.handles, handles) // no id comes twice
	return s.compact()
}
