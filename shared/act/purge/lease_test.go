package purge_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// ticking is a state each use of which takes a while, by a clock of its own.
type ticking struct {
	state.Objects
	now  time.Time
	each time.Duration
	then func(key string) // told of each read
}

func (c *ticking) Now() time.Time { return c.now }

func (c *ticking) use(key string) {
	c.now = c.now.Add(c.each)
	if c.then != nil {
		c.then(key)
	}
}

func (c *ticking) Read(ctx context.Context, key string) ([]byte, error) {
	c.use(key)
	return c.Objects.Read(ctx, key)
}

func (c *ticking) Create(ctx context.Context, key string, body []byte) error {
	c.use("")
	return c.Objects.Create(ctx, key, body)
}

func (c *ticking) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	c.use("")
	return c.Objects.List(ctx, prefix, after)
}

func (w *world) ticking(each time.Duration) (*ticking, purge.Job) {
	c := &ticking{Objects: w.objects, now: later, each: each}
	j := w.job()
	j.State, j.Now = c, c.Now
	return c, j
}

// However long a run reads before its first call, nobody can take it over.
func TestTheLeaseIsKeptFromTheBeginning(t *testing.T) {
	w := newWorld(t, policy)
	next := w.usualNights(t)
	for i := range 20 { // plans that are not approved, each read and counted
		w.media["x"] = temp("x")
		w.plan(t, next.AddDate(0, 0, i-21).Add(12*time.Hour+30*time.Minute))
	}
	w.planOf(t, "v", 60, next)
	c, j := w.ticking(time.Second / 2)
	tries := 0
	c.then = func(key string) {
		if key == "" || strings.HasPrefix(key, "lease/") {
			return
		}
		tries++
		_, err := state.Acquire(t.Context(), w.objects, "purge", "rival", c.now, time.Minute)
		require.ErrorIs(t, err, state.ErrBusy, "at %s", key)
	}
	r, err := j.Run(t.Context(), next.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, purge.Ended, r.Plans[len(r.Plans)-1].Status)
	require.Greater(t, tries, 60)
}

// A rival has begun; whoever was taken over must not shut it out.
func TestWhoIsTakenOverBeforeItBeginsLeavesNoFence(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.approve(t, w.plan(t, made))
	c, j := w.ticking(0)
	c.then = func(key string) {
		if strings.HasPrefix(key, "approvals/") {
			c.now = c.now.Add(time.Minute)
			_, err := state.Acquire(t.Context(), w.objects, "purge", "rival", c.now, time.Minute)
			require.NoError(t, err)
		}
	}
	_, err := j.Run(t.Context(), later)
	require.ErrorIs(t, err, state.ErrBusy)
	require.Empty(t, w.removed)
	for key, err := range w.objects.List(t.Context(), "ledger/", "") {
		require.NoError(t, err)
		require.Fail(t, "a segment was written", key)
	}
}

func TestTheTreeOfCategoriesIsReadAgainInALongRun(t *testing.T) {
	for name, tc := range map[string]struct {
		took time.Duration
		left int
	}{
		"a while":  {4 * time.Minute, 0},
		"too long": {5*time.Minute + time.Second, 20},
	} {
		t.Run(name, func(t *testing.T) {
			var all []video.Media
			for i := range 40 {
				all = append(all, inCategory(fmt.Sprintf("v%02d", i), 90, 92))
			}
			w := newWorld(t, strings.Replace(policy, "holds: {", "holds: {categories: [9], ", 1), all...)
			w.tree = []video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: -1}}
			w.approve(t, w.plan(t, made))
			c, j := w.ticking(0)
			w.after = func(call string) error {
				if strings.HasPrefix(call, "delete") {
					w.tree = []video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: 9}} // moved below the held one
					c.now = c.now.Add(tc.took)
				}
				return nil
			}
			_, err := j.Run(t.Context(), later)
			require.NoError(t, err)
			require.Len(t, w.media, tc.left)
		})
	}
}
