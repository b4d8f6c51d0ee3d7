package edits

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"vodcurator/shared/state"
)

// NewReader is NewJournal for whoever only reads, with no right to create anything. What
// version 1 has left is taken over in this process's memory. Append fails with ErrReadOnly.
func NewReader(o state.Objects) *Journal {
	return NewJournal(&inMemory{Objects: o, made: map[string][]byte{}}, nil)
}

// inMemory are objects of which new shards and indexes of the journal lie in memory.
type inMemory struct {
	state.Objects
	mu   sync.Mutex
	made map[string][]byte
}

func (m *inMemory) Read(ctx context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	body, ok := m.made[key]
	m.mu.Unlock()
	if ok {
		return bytes.Clone(body), nil
	}
	return m.Objects.Read(ctx, key)
}

func (m *inMemory) Create(_ context.Context, key string, body []byte) error {
	if !strings.HasPrefix(key, state.EditShardPrefix) && !strings.HasPrefix(key, state.EditIndexPrefix) {
		return fmt.Errorf("create %s: %w", key, state.ErrReadOnly)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made[key] != nil {
		return state.ErrExists
	}
	m.made[key] = bytes.Clone(body)
	return nil
}

// List gives what lies in memory between the others. Who is in both is given once.
func (m *inMemory) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	m.mu.Lock()
	mine := slices.Sorted(maps.Keys(m.made))
	m.mu.Unlock()
	mine = slices.DeleteFunc(mine, func(key string) bool { return !strings.HasPrefix(key, prefix) || key <= after })
	return func(yield func(string, error) bool) {
		for key, err := range m.Objects.List(ctx, prefix, after) {
			for err == nil && len(mine) > 0 && mine[0] < key {
				if !yield(mine[0], nil) {
					return
				}
				mine = mine[1:]
			}
			if err == nil && len(mine) > 0 && mine[0] == key {
				mine = mine[1:]
			}
			if !yield(key, err) || err != nil {
				return
			}
		}
		for _, key := range mine {
			if !yield(key, nil) {
				return
			}
		}
	}
}
