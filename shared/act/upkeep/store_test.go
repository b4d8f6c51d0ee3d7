package upkeep_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// store is a state in memory that counts requests as a bucket would get them: a page of a
// listing is one.
type store struct {
	mu        sync.Mutex
	bodies    map[string][]byte
	keys      []string
	slow      time.Duration // of each request
	fail      string        // a prefix whose listing fails
	forbidden bool          // nothing may be removed
	requests
}

// requests are counted by kind.
type requests struct{ reads, lists, creates, removes int }

func (r requests) total() int { return r.reads + r.lists + r.creates + r.removes }

func newStore() *store { return &store{bodies: map[string][]byte{}} }

// take gives what was counted since the last time.
func (s *store) take() requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = requests{}
	return r
}

// count counts the objects by prefix.
func (s *store) count() map[string]int {
	n := map[string]int{}
	for _, key := range s.keys {
		n[key[:strings.Index(key+"/", "/")+min(1, strings.Count(key, "/"))]]++
	}
	return n
}

func (s *store) Read(ctx context.Context, key string) ([]byte, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	body, ok := s.bodies[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, video.ErrNotFound)
	}
	return slices.Clone(body), ctx.Err()
}

func (s *store) Create(ctx context.Context, key string, body []byte) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creates++
	if _, ok := s.bodies[key]; ok {
		return state.ErrExists
	}
	s.bodies[key] = slices.Clone(body)
	i, _ := slices.BinarySearch(s.keys, key)
	s.keys = slices.Insert(s.keys, i, key)
	return ctx.Err()
}

func (s *store) Remove(ctx context.Context, key string) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removes++
	if s.forbidden {
		return video.ErrForbidden
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if i, found := slices.BinarySearch(s.keys, key); found {
		s.keys = slices.Delete(s.keys, i, i+1)
		delete(s.bodies, key)
	}
	return nil
}

func (s *store) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		time.Sleep(s.slow)
		if err := ctx.Err(); err != nil {
			yield("", err)
			return
		}
		if s.fail != "" && strings.HasPrefix(prefix, s.fail) {
			yield("", video.ErrForbidden)
			return
		}
		s.mu.Lock()
		s.lists++
		i, found := slices.BinarySearch(s.keys, max(prefix, after))
		if found && max(prefix, after) == after {
			i++
		}
		var all []string
		for ; i < len(s.keys) && strings.HasPrefix(s.keys[i], prefix); i++ {
			all = append(all, s.keys[i])
		}
		s.mu.Unlock()
		for n, key := range all {
			if n > 0 && n%1000 == 0 {
				s.mu.Lock()
				s.lists++
				s.mu.Unlock()
			}
			if !yield(key, nil) {
				return
			}
		}
	}
}
