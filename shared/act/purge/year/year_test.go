package year_test

import (
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSimulatedYears plays years of a library that moves, and counts what should not have
// happened. SOAK=1 plays 300 seeds of 365 nights; SEED=7 plays one again.
func TestSimulatedYears(t *testing.T) {
	began := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of what a run makes is of one night
	number := func(name string, otherwise int) int {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	seeds, nights := 3, everyday
	if os.Getenv("SOAK") != "" {
		seeds, nights = 300, 365
	}
	seeds, nights, first := number("SEEDS", seeds), number("NIGHTS", nights), 1
	if seed := number("SEED", 0); seed > 0 {
		first, seeds = seed, 1
	}
	sums := &sums{count: map[string]int{}, breaches: map[string]int{}, late: map[string]int{}}
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+seeds; seed++ {
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { play(t, uint64(seed), nights, sums) })
			})
		}
	})
	sums.report(t, seeds, nights, time.Since(began))
}

// play tells the story of one seed.
func play(t *testing.T, seed uint64, nights int, sums *sums) {
	time.Sleep(time.Until(start))
	w := newWorld(t, seed)
	for w.night = range nights {
		w.live(nights)
	}
	close(w.over)
	w.job.Wait()
	w.meter.poll()
	w.audit.settle()
	w.audit.rest()
	w.heads()
	sums.add(w)
	w.tier.Close()
	w.person.Close()
	require.NoError(t, w.vod.Close())
}

// sums adds up the stories of all seeds.
type sums struct {
	mu                    sync.Mutex
	count, breaches, late map[string]int
	stories               []string
	compared, predicted   int
	worst, worstStorage   float64
	said, billed          cost
}

func (s *sums) add(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.money(s)
	w.count["changes that VOD undid"] = w.skies.undone
	w.count["calls spoiled"] = w.skies.spoiled
	for _, pair := range []struct{ to, from map[string]int }{{s.count, w.count}, {s.breaches, w.audit.breaches}, {s.late, w.audit.late}} {
		for k, n := range pair.from {
			pair.to[k] += n
		}
	}
	s.stories = append(s.stories, w.audit.stories...)
}

func table(all map[string]int) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "\n    %7d  %s", all[k], k)
	}
	if b.Len() == 0 {
		return " none"
	}
	return b.String()
}

func (s *sums) report(t *testing.T, seeds, nights int, took time.Duration) {
	promises := map[string]int{}
	for _, name := range []string{"moves outside an approved plan", "held assets moved", "minimum time broken without early",
		"unreachable for a viewer within the window", "accepted more than three times", "asked in vain more than three times a week"} {
		promises[name] = s.breaches[name]
	}
	t.Logf("%d seeds of %d nights in %s\n  promises:%s\n  counts:%s\n  came after the last read:%s\n  all violations:%s", seeds, nights, took.Round(time.Millisecond), table(promises), table(s.count), table(s.late), table(s.breaches))
	t.Logf("money: the oracle's account was compared with the bill in %d seeds, the plans' prediction in %d: %.2f predicted, %.2f billed, the worst seed off by %.4f %% (storage alone %.7f %%)\n  predicted %+v\n  billed    %+v",
		s.compared, s.predicted, s.said.sum(), s.billed.sum(), 100*s.worst, 100*s.worstStorage, s.said, s.billed)
	for i, story := range s.stories {
		if i < 20 {
			t.Log(story)
		}
	}
	if len(s.breaches) > 0 {
		t.Errorf("%d classes of violations", len(s.breaches))
	}
}
