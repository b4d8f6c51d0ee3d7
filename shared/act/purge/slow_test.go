package purge_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// slow is a state that takes its time, and gives up only when its caller does.
type slow struct {
	state.Objects
	uses int
	take func(use int) time.Duration
}

func (s *slow) wait(ctx context.Context) error {
	s.uses++
	timer := time.NewTimer(s.take(s.uses))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *slow) Read(ctx context.Context, key string) ([]byte, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Objects.Read(ctx, key)
}

func (s *slow) Create(ctx context.Context, key string, body []byte) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Objects.Create(ctx, key, body)
}

func (s *slow) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	if err := s.wait(ctx); err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return s.Objects.List(ctx, prefix, after)
}

// limit is the time of a run, and late what it may take longer to write down what it knows.
const limit, late = 2 * time.Minute, 15 * time.Second

func slowly(t *testing.T, w *world, take func(use int) time.Duration) (purge.Report, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	j := w.job()
	j.State = &slow{Objects: w.objects, take: take}
	began := time.Now()
	r, err := j.Run(ctx, later)
	require.LessOrEqual(t, time.Since(began), limit+late, "it ends by itself")
	return r, err
}

func whole(t *testing.T, w *world, p removal.Plan) {
	t.Helper()
	require.Empty(t, w.ids())
	end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: p.Items}, end.Results)
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Zero(t, report.Open)
}

func TestASlowStateStopsTheRunBeforeItsDeadlineAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := many(1000)
		w := newWorld(t, policy, all...)
		p := w.plan(t, made)
		w.approve(t, p)
		r, err := slowly(t, w, func(int) time.Duration { return time.Second })
		require.NoError(t, err)
		require.Equal(t, purge.Stopped, r.Plans[0].Status)
		require.Contains(t, r.Plans[0].Why, "the time is up")
		require.Equal(t, len(w.removed), r.Results()[video.Done])
		require.NotEmpty(t, w.removed)
		require.NotEmpty(t, w.ids())
		_, err = w.job().Run(t.Context(), later.Add(time.Hour))
		require.NoError(t, err)
		whole(t, w, p)
	})
}

func TestAStateThatHangsAtAnyStepLosesNothing(t *testing.T) {
	world := func(t *testing.T) (*world, removal.Plan) {
		all, _ := many(45)
		w := newWorld(t, policy, all...)
		p := w.plan(t, made)
		w.approve(t, p)
		return w, p
	}
	steps := 0
	synctest.Test(t, func(t *testing.T) {
		w, _ := world(t)
		_, err := slowly(t, w, func(use int) time.Duration { steps = use; return 0 })
		require.NoError(t, err)
	})
	for at := 1; at <= steps; at++ {
		synctest.Test(t, func(t *testing.T) {
			w, p := world(t)
			r, err := slowly(t, w, func(use int) time.Duration {
				if use >= at {
					return time.Hour
				}
				return 0
			})
			if err == nil {
				require.NotEmpty(t, r.Plans, "step %d", at)
			}
			_, err = w.job().Run(t.Context(), later.Add(time.Hour))
			require.NoError(t, err, "step %d", at)
			whole(t, w, p)
		})
	}
	t.Logf("%d steps, each hanging for longer than the run has", steps)
}
