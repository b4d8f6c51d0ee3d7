package nights_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sums adds up the stories of all seeds.
type sums struct {
	mu                                     sync.Mutex
	count, violations, late, errs, refused map[string]int
	stories                                []string
	diaries                                []string
}

func newSums() *sums {
	return &sums{count: map[string]int{}, violations: map[string]int{}, late: map[string]int{}, errs: map[string]int{}, refused: map[string]int{}}
}

func (s *sums) add(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pair := range []struct{ to, from map[string]int }{{s.count, w.count}, {s.violations, w.audit.violations}, {s.late, w.audit.late}, {s.errs, w.errs}, {s.refused, w.refused}} {
		for k, n := range pair.from {
			pair.to[k] += n
		}
	}
	s.stories = append(s.stories, w.audit.stories...)
	s.diaries = append(s.diaries, w.book.text(), strings.Join(w.diary, "\n"))
}

func table(all map[string]int) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "\n    %6d  %s", all[k], k)
	}
	if b.Len() == 0 {
		return " none"
	}
	return b.String()
}

func (s *sums) report(t *testing.T, seeds, nights int, took time.Duration) {
	gone, stuck := s.count["gone in time"], s.count["stuck"]
	alive := 100.0
	if gone+stuck > 0 {
		alive = 100 * float64(gone) / float64(gone+stuck)
	}
	t.Logf("%d seeds of %d nights in %s: liveness %.2f %% (%d of %d items in time)\n  counts:%s\n  violations:%s\n  came after the last read:%s\n  errors in calm nights:%s\n  refused in calm nights:%s",
		seeds, nights, took.Round(time.Millisecond), alive, gone, gone+stuck, table(s.count), table(s.violations), table(s.late), table(s.errs), table(s.refused))
	if os.Getenv("SEED") != "" {
		t.Log(strings.Join(s.diaries, "\n"))
	}
	told := map[string]bool{}
	for _, story := range s.stories {
		_, class, _ := strings.Cut(strings.SplitN(story, "\n", 2)[0], "}: ")
		class, _, _ = strings.Cut(class, ":")
		if told[class] && os.Getenv("SEED") == "" {
			continue
		}
		told[class] = true
		t.Log(story)
	}
	if n := len(s.violations); n > 0 || stuck > 0 {
		t.Errorf("%d classes of violations, %d items stuck", n, stuck)
	}
}
