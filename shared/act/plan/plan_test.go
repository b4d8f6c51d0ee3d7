package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

var now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// shelf is a library in a list, oldest first.
type shelf struct {
	media []video.Media
	calls atomic.Int64
	fail  func(call int64) error
	index sync.Once
	at    map[video.ID]int
	// treeErr is why the tree of categories cannot be read.
	treeErr error
}

func (s *shelf) Categories(context.Context) ([]video.Category, error) { return nil, s.treeErr }

func (s *shelf) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		for _, m := range s.media {
			if q.Kind == video.KindAudio == (m.Kind == video.KindAudio) && !m.Created.Before(q.CreatedFrom) {
				if !yield(video.Found{Video: video.Video{ID: m.ID, Created: m.Created}}, nil) {
					return
				}
			}
		}
	}
}

func (s *shelf) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	if n := s.calls.Add(1); s.fail != nil {
		if err := s.fail(n); err != nil {
			return nil, err
		}
	}
	s.index.Do(func() {
		s.at = map[video.ID]int{}
		for i, m := range s.media {
			s.at[m.ID] = i
		}
	})
	answers := make([]video.Answer[video.Media], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Media]{ID: id, Value: s.media[s.at[id]]}
	}
	return answers, nil
}

func job(t testing.TB, l plan.Library, policy string) plan.Job {
	t.Helper()
	p, err := retention.Parse("policy.yaml", []byte(policy))
	require.NoError(t, err)
	o, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.Close() })
	return plan.Job{Library: l, State: o, Policy: p, Region: "cn-shanghai", Account: "1"}
}

func TestPlansWorkedOutByHand(t *testing.T) {
	dirs, err := filepath.Glob("../../../testdata/plans/*/want.txt")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, name := range dirs {
		dir := filepath.Dir(name)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			policy, err := os.ReadFile(filepath.Join(dir, "policy.yaml"))
			require.NoError(t, err)
			text, err := os.ReadFile(filepath.Join(dir, "library.json"))
			require.NoError(t, err)
			l := &shelf{}
			require.NoError(t, json.Unmarshal(text, &l.media))
			slices.SortStableFunc(l.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
			j := job(t, l, string(policy))
			r, err := j.Run(t.Context(), now)
			require.NoError(t, err)

			var got []string
			say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
			for v, err := range r.Plan.Entries(t.Context(), j.State) {
				require.NoError(t, err)
				for _, i := range v.Items {
					part := i.Part
					if part == "" {
						part = "-"
					}
					say("goes %s %s %s %d %s: %s", i.ID, i.Kind, part, i.Bytes, i.Rule, i.Reason)
				}
			}
			for s, err := range state.ReadLines[retention.Standing](t.Context(), j.State, r.Plan.Standing) {
				require.NoError(t, err)
				say("stands %d %s: %s", s.Rule, s.Key, s.Media)
			}
			var kept []string
			for _, k := range r.Plan.Near {
				kept = append(kept, fmt.Sprintf("stays %s %s %s: %s", k.ID, k.Why, k.Rule, k.Reason))
			}
			slices.SortStableFunc(kept, func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
			got = append(got, kept...)
			p := r.Plan
			say("media %d items %d bytes %d unknown %d", p.Media, p.Items, p.Bytes, p.Unknown)
			for _, over := range p.Over {
				say("over %s", over)
			}
			say("work %d %d", p.Work.Reads, p.Work.Deletes)

			text, err = os.ReadFile(name)
			require.NoError(t, err)
			var want []string
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "#") {
					want = append(want, strings.TrimSpace(line))
				}
			}
			require.Equal(t, want, got)
		})
	}
}

const temps = "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"

func many(n int) []video.Media {
	all := make([]video.Media, n)
	for i := range all {
		all[i] = video.Media{Video: video.Video{ID: video.ID(fmt.Sprintf("v%06d", i)), Tags: []string{"temp"}, Status: video.StatusNormal,
			Size: 10, Created: now.AddDate(0, 0, -100).Add(time.Duration(i/3) * time.Second)}}
	}
	return all
}

func TestTheSameLibraryGivesTheSamePlanByteForByte(t *testing.T) {
	var plans [2]state.Plan
	for i := range plans {
		l := &shelf{media: many(1000)}
		if i == 1 { // the search gives media of one second in another order
			for k := 0; k+2 < len(l.media); k += 3 {
				l.media[k], l.media[k+2] = l.media[k+2], l.media[k]
			}
		}
		r, err := job(t, l, temps).Run(t.Context(), now)
		require.NoError(t, err)
		plans[i] = r.Plan
		require.EqualValues(t, 50, l.calls.Load(), "twenty media a call")
	}
	require.Equal(t, plans[0], plans[1])
}

func TestPlanningGoesOnWhereItsTimeEnded(t *testing.T) {
	whole, err := job(t, &shelf{media: many(6000)}, temps).Run(t.Context(), now)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		l := &shelf{media: many(6000)}
		j := job(t, l, temps)
		for tick := 0; ; tick++ {
			l.fail = func(int64) error { time.Sleep(5 * time.Second); return nil }
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			r, err := j.Run(ctx, now.Add(time.Duration(tick)*time.Hour))
			require.NoError(t, err)
			require.NoError(t, ctx.Err(), "it ends before its time is over")
			cancel()
			require.Equal(t, tick > 0, r.Resumed)
			if r.Finished() {
				require.Equal(t, whole.Plan, r.Plan, "as if its time had been enough")
				require.Positive(t, tick)
				return
			}
			require.Less(t, tick, 40)
		}
	})
}

func TestAnUnfinishedPlanOfYesterdayIsNotGoneOnWith(t *testing.T) {
	l := &shelf{media: many(100)}
	j := job(t, l, temps)
	l.fail = func(n int64) error {
		if n > 3 {
			return video.ErrThrottled
		}
		return nil
	}
	_, err := j.Run(t.Context(), now)
	require.ErrorIs(t, err, video.ErrThrottled)
	l.fail = nil
	r, err := j.Run(t.Context(), now.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.False(t, r.Resumed)
	require.Equal(t, now.AddDate(0, 0, 1), r.Plan.Created)
}

func TestAnAnswerThatIsShortIsAnError(t *testing.T) {
	j := job(t, short{&shelf{media: many(30)}}, temps)
	_, err := j.Run(t.Context(), now)
	require.ErrorContains(t, err, "19 answers about 20 media")
}

type short struct{ *shelf }

func (s short) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := s.shelf.Media(ctx, ids)
	return all[1:], err
}

func TestWhatCannotBeReadStaysAndIsCounted(t *testing.T) {
	l := refusing{&shelf{media: many(3)}}
	r, err := job(t, l, temps).Run(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, 2, r.Plan.Library.Unread)
	require.Equal(t, 1, r.Plan.Items)
	require.Equal(t, 1, r.Plan.Kept[retention.Unread], "the other is gone, and that is no reason to keep")
}

type refusing struct{ *shelf }

func (s refusing) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := s.shelf.Media(ctx, ids)
	all[0].Err, all[1].Err = video.ErrForbidden, video.ErrNotFound
	return all, err
}

func TestAFailingSearchMakesNoPlan(t *testing.T) {
	j := job(t, stale{&shelf{media: many(50)}}, temps)
	_, err := j.Run(t.Context(), now)
	require.ErrorIs(t, err, errStale)
	for id := range state.Plans(t.Context(), j.State, time.Time{}) { //nolint:errcheck // there are none
		require.Fail(t, id)
	}
}

var errStale = errors.New("scroll token expired")

type stale struct{ *shelf }

func (s stale) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		n := 0
		for f, err := range s.shelf.Search(ctx, q) {
			if n++; n > 30 {
				yield(video.Found{}, errStale)
				return
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func TestAPlanIsOfOneAccountAndMoment(t *testing.T) {
	j := job(t, &shelf{}, temps)
	_, err := j.Run(t.Context(), time.Time{})
	require.ErrorContains(t, err, "no time")
	j.Account, j.Policy = "", nil
	_, err = j.Run(t.Context(), now)
	require.ErrorContains(t, err, "account")
	require.ErrorContains(t, err, "no policy")
}

// endless is a library of a size that is made up as it is asked for.
type endless struct {
	n     int
	calls atomic.Int64
}

func (*endless) Categories(context.Context) ([]video.Category, error) { return nil, nil }

func (e *endless) created(i int) time.Time {
	return now.AddDate(-2, 0, 0).Add(time.Duration(i) * 10 * time.Second)
}

func (e *endless) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		for i := range e.n {
			if q.Kind == video.KindAudio || !yield(video.Found{Video: video.Video{ID: video.ID(fmt.Sprintf("%032x", i)), Created: e.created(i)}}, nil) {
				return
			}
		}
	}
}

func (e *endless) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	e.calls.Add(1)
	answers := make([]video.Answer[video.Media], len(ids))
	for k, id := range ids {
		var i int
		_, _ = fmt.Sscanf(string(id), "%x", &i)
		m := video.Media{Video: video.Video{ID: id, Title: "title of " + string(id), Status: video.StatusNormal, Size: 1 << 20, Duration: time.Minute, Created: e.created(i)}}
		if i%4 == 0 {
			m.Tags = []string{"temp"}
		}
		m.Source = &video.Source{Status: "Normal", Size: 1 << 20}
		m.Streams = []video.Stream{{Job: "j", Definition: "HD", Format: "mp4", Status: "Normal", Size: 1 << 19, Height: 720, Duration: time.Minute}}
		answers[k] = video.Answer[video.Media]{ID: id, Value: m}
	}
	return answers, nil
}

// BenchmarkPlanning plans a made-up library and tells the peak of the heap.
func BenchmarkPlanning(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				l := &endless{n: n}
				j := job(b, l, "keep:\n  - {name: k, newest: 100, per: category}\n"+temps)
				var before, mem runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				peak, stop, stopped := uint64(0), make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					for {
						select {
						case <-stop:
							return
						case <-time.After(50 * time.Millisecond):
							runtime.ReadMemStats(&mem)
							peak = max(peak, mem.HeapInuse)
						}
					}
				}()
				r, err := j.Run(b.Context(), now)
				close(stop)
				<-stopped
				require.NoError(b, err)
				require.EqualValues(b, n/20, l.calls.Load())
				b.ReportMetric(float64(peak-min(peak, before.HeapInuse))/(1<<20), "peak-MiB")
				b.ReportMetric(float64(r.Plan.Items), "items")
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "media/s")
			}
		})
	}
}

// Held categories hold what lies below them, so their tree has to be read.
func TestATreeOfHeldCategoriesThatCannotBeReadMakesNoPlan(t *testing.T) {
	l := &shelf{treeErr: video.ErrThrottled}
	_, err := job(t, l, "holds: {categories: [9]}\nrules: [{name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]").Run(t.Context(), now)
	require.ErrorIs(t, err, video.ErrThrottled)
	require.Zero(t, l.calls.Load(), "no media was read")
}
