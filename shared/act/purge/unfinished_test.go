package purge_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// counted counts what is read and listed.
type counted struct {
	state.Objects
	reads *atomic.Int64
}

func (c counted) Read(ctx context.Context, key string) ([]byte, error) {
	c.reads.Add(1)
	return c.Objects.Read(ctx, key)
}

// Each night leaves an item behind that VOD throttles for ever, so no plan ends before it
// expires. What a run reads must not grow with the nights.
func TestPlansThatWaitDoNotMakeLaterRunsDearer(t *testing.T) {
	w := newWorld(t, selfApproved+"expires: 7d\nguards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB, times_usual: 1000}\n")
	reads := map[int]int64{}
	for n := range 30 {
		w.fill(fmt.Sprintf("n%02d-", n), 10, at(90), "temp")
		w.fill(fmt.Sprintf("stuck%02d-", n), 1, at(90), "temp")
		w.plan(t, night(n))
		var count atomic.Int64
		j := w.job()
		j.State = counted{w.objects, &count}
		j.Library = picky{w.library, map[string]error{"stuck": video.ErrThrottled}}
		r, err := j.Run(t.Context(), night(n).Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 10, r.Removed(), "night %d", n)
		reads[n] = count.Load()
	}
	t.Logf("reads of a run: night 9 %d, night 19 %d, night 29 %d", reads[9], reads[19], reads[29])
	require.LessOrEqual(t, float64(reads[29]), 1.2*float64(reads[9]))
}
