package purge_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// memory is a state in memory. Tests make tens of thousands of objects, and a folder
// brings each of them to the disk.
type memory struct {
	mu     sync.Mutex
	bodies map[string][]byte
	keys   []string
}

func (m *memory) Read(ctx context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.bodies[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, video.ErrNotFound)
	}
	return slices.Clone(body), ctx.Err()
}

func (m *memory) Create(ctx context.Context, key string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, ok := m.bodies[key]; ok {
		return state.ErrExists
	}
	m.bodies[key] = slices.Clone(body)
	i, _ := slices.BinarySearch(m.keys, key)
	m.keys = slices.Insert(m.keys, i, key)
	return nil
}

func (m *memory) Remove(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, found := slices.BinarySearch(m.keys, key); found {
		m.keys = slices.Delete(m.keys, i, i+1)
		delete(m.bodies, key)
	}
	return nil
}

func (m *memory) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		i, _ := slices.BinarySearch(m.keys, max(prefix, after))
		all := slices.Clone(m.keys[i:])
		m.mu.Unlock()
		for _, key := range all {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !strings.HasPrefix(key, prefix) {
				return
			}
			if key > after && !yield(key, nil) {
				return
			}
		}
	}
}
