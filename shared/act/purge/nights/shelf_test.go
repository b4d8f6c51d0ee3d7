package nights_test

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

// shelf is a STATE in memory. Put and drop are for people; the functions only
// read, list and create.
type shelf struct {
	mu   sync.Mutex
	body map[string][]byte
	keys []string // sorted
}

func newShelf() *shelf { return &shelf{body: map[string][]byte{}} }

func (s *shelf) Read(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, there := s.body[key]
	if !there {
		return nil, fmt.Errorf("read %s: %w", key, video.ErrNotFound)
	}
	return slices.Clone(body), nil
}

func (s *shelf) Create(_ context.Context, key string, body []byte) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.body[key]; there {
		return fmt.Errorf("create %s: %w", key, state.ErrExists)
	}
	s.put(key, body)
	return nil
}

func (s *shelf) List(_ context.Context, prefix, after string) iter.Seq2[string, error] {
	s.mu.Lock()
	from, _ := slices.BinarySearch(s.keys, max(prefix, after))
	var found []string
	for _, key := range s.keys[from:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if key > after {
			found = append(found, key)
		}
	}
	s.mu.Unlock()
	return func(yield func(string, error) bool) {
		for _, key := range found {
			if !yield(key, nil) {
				return
			}
		}
	}
}

// put writes over what is there. The caller holds the lock, or is alone.
func (s *shelf) put(key string, body []byte) {
	if i, there := slices.BinarySearch(s.keys, key); !there {
		s.keys = slices.Insert(s.keys, i, key)
	}
	s.body[key] = slices.Clone(body)
}

func (s *shelf) Put(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, body)
}

func (s *shelf) Drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, there := slices.BinarySearch(s.keys, key); there {
		s.keys = slices.Delete(s.keys, i, i+1)
		delete(s.body, key)
	}
}
