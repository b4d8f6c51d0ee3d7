package statetest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Memory is a state in memory: tests make tens of thousands of objects, and a folder brings
// each of them to the disk. The zero value is empty and ready, and safe for concurrent use.
type Memory struct {
	// Fault is called before each request ("read", "create", "remove", or "list" of a prefix)
	// and may take its time; nil: nothing fails. The request returns its error; the object is
	// created or removed all the same where effect is true.
	Fault func(op, key string) (err error, effect bool)

	mu     sync.Mutex
	bodies map[string][]byte
	keys   []string // sorted
	count  Requests
}

// Requests are counted as a bucket would get them: a page of a listing is one.
type Requests struct{ Reads, Lists, Creates, Removes int }

// Total is their sum.
func (r Requests) Total() int { return r.Reads + r.Lists + r.Creates + r.Removes }

// Take gives the requests since the last time.
func (m *Memory) Take() Requests {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.count
	m.count = Requests{}
	return r
}

// Keys gives the keys of all objects, in order, and is no request.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys)
}

// Prefixes counts the objects by prefix, and is no request.
func (m *Memory) Prefixes() map[string]int {
	n := map[string]int{}
	for _, key := range m.Keys() {
		prefix, _, below := strings.Cut(key, "/")
		if below {
			prefix += "/"
		}
		n[prefix]++
	}
	return n
}

// Read counts and reads.
func (m *Memory) Read(ctx context.Context, key string) (body []byte, err error) {
	err = m.request(ctx, "read", key, func() error {
		m.count.Reads++
		found, ok := m.bodies[key]
		if !ok {
			return fmt.Errorf("%s: %w", key, video.ErrNotFound)
		}
		body = bytes.Clone(found)
		return nil
	})
	return body, err
}

// Create counts and creates, unless the key is there.
func (m *Memory) Create(ctx context.Context, key string, body []byte) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	return m.request(ctx, "create", key, func() error {
		m.count.Creates++
		if _, ok := m.bodies[key]; ok {
			return fmt.Errorf("%s: %w", key, state.ErrExists)
		}
		m.put(key, body)
		return nil
	})
}

// Remove counts and removes; what is not there is removed.
func (m *Memory) Remove(ctx context.Context, key string) error {
	return m.request(ctx, "remove", key, func() error {
		m.count.Removes++
		if i, found := slices.BinarySearch(m.keys, key); found {
			m.keys = slices.Delete(m.keys, i, i+1)
			delete(m.bodies, key)
		}
		return nil
	})
}

// List counts and lists a page of 1,000 at a time.
func (m *Memory) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for page := []string(nil); ; after = page[len(page)-1] {
			more := false
			if err := m.request(ctx, "list", prefix, func() error {
				m.count.Lists++
				page, more = m.page(prefix, after)
				return nil
			}); err != nil {
				yield("", err)
				return
			}
			for _, key := range page {
				if !yield(key, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// Put writes over what is there, as people can, and is no request.
func (m *Memory) Put(key string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, body)
}

// request does one request. The fault may wait, so it comes before the lock.
func (m *Memory) request(ctx context.Context, op, key string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var fault error
	if m.Fault != nil {
		var effect bool
		if fault, effect = m.Fault(op, key); fault != nil && !effect {
			return fault
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := do(); fault == nil {
		return err
	}
	return fault
}

func (m *Memory) put(key string, body []byte) {
	if m.bodies == nil {
		m.bodies = map[string][]byte{}
	}
	if i, found := slices.BinarySearch(m.keys, key); !found {
		m.keys = slices.Insert(m.keys, i, key)
	}
	m.bodies[key] = bytes.Clone(body)
}

func (m *Memory) page(prefix, after string) (page []string, more bool) {
	i, found := slices.BinarySearch(m.keys, max(prefix, after))
	if found && m.keys[i] == after {
		i++
	}
	rest := m.keys[i:]
	n := sort.Search(len(rest), func(n int) bool { return !strings.HasPrefix(rest[n], prefix) })
	return slices.Clone(rest[:min(n, 1000)]), n > 1000
}
