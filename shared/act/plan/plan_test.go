package plan_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
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
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

var now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// library is a library in a list, oldest first.
type library struct {
	media []video.Media
	calls atomic.Int64
	fail  func(call int64) error
	index sync.Once
	at    map[video.ID]int
	// treeErr is why the tree of categories cannot be read.
	treeErr error
}

func (s *library) Categories(context.Context) ([]video.Category, error) { return nil, s.treeErr }

func (s *library) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		for _, m := range s.media {
			if q.Kind == video.KindAudio == (m.Kind == video.KindAudio) && !m.Created.Before(q.CreatedFrom) {
				if !yield(video.Found{Video: m.Video}, nil) {
					return
				}
			}
		}
	}
}

func (s *library) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
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
	return plan.Job{Library: l, State: o, Policy: p, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}
}

// Each folder holds a library, a policy, and what comes of them; where the policy moves, also a
// usage file and what the ledger tells of earlier moves.
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
			l := &library{}
			require.NoError(t, json.Unmarshal(text, &l.media))
			slices.SortStableFunc(l.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
			j := job(t, l, string(policy))
			if usage, err := os.ReadFile(filepath.Join(dir, "usage.csv")); err == nil {
				require.NoError(t, j.State.Create(t.Context(), j.Policy.Usage, usage))
			}
			remember(t, j.State, filepath.Join(dir, "moved.json"))
			got := inWords(t, j)
			if j.Policy = j.Policy.Moves(); j.Policy != nil {
				got = append(append(got, "moves"), inWords(t, j)...)
			}

			text, err = os.ReadFile(name)
			require.NoError(t, err)
			var want []string
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "#") {
					want = append(want, strings.TrimSpace(line))
				}
			}
			require.Equal(t, want, strings.Split(planID.ReplaceAllString(strings.Join(got, "\n"), "PLAN"), "\n"))
		})
	}
}

var planID = regexp.MustCompile(`\b\d{8}T\d{6}Z-[0-9a-f]{8}\b`)

// remember writes earlier moves into the ledger; a file that is missing tells of none.
func remember(t *testing.T, o state.Objects, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var moves []struct {
		retention.Item
		At time.Time `json:"at"`
	}
	require.NoError(t, json.Unmarshal(text, &moves))
	ledger, err := removal.OpenLedger(t.Context(), o, "tier", "earlier")
	require.NoError(t, err)
	for _, m := range moves {
		m.Kind = retention.Move
		require.NoError(t, ledger.Append(t.Context(), removal.Row{Event: removal.Outcome, Item: m.Item, At: m.At, Result: video.Done}))
	}
}

// inWords makes a plan and says it in lines.
func inWords(t *testing.T, j plan.Job) (got []string) {
	t.Helper()
	r, err := j.Run(t.Context(), now)
	require.NoError(t, err)
	say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	for v, err := range r.Plan.Entries(t.Context(), j.State) {
		require.NoError(t, err)
		for _, i := range v.Items {
			say("goes %s %s %s %d %s: %s", i.ID, i.Kind, strings.Trim(cmp.Or(i.Part, "-")+":"+i.To, ":"), i.Bytes, i.Rule, i.Reason)
		}
	}
	for s, err := range removal.ReadLines[retention.Survivor](t.Context(), j.State, r.Plan.Survivors) {
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
	if p.Duty == retention.Moving {
		say("unreadable %d, approves itself: %t", p.Unreadable(), p.SelfApproved(j.Policy))
		say("saves %.4f, early %.4f, retrieval %.4f, moves %.4f, unpriced %d", p.Saving.Month, p.Saving.Early, p.Saving.Retrieval, p.Saving.Moves, p.Saving.Unpriced)
	}
	say("work %d %d", p.Work.Reads, p.Work.Deletes)
	return got
}

const temps = "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"

func many(n int) []video.Media {
	all := make([]video.Media, n)
	for i := range all {
		all[i] = video.Media{Video: video.Video{ID: video.ID(fmt.Sprintf("v%06d", i)), Tags: []string{"temp"}, Status: video.StatusNormal,
			Size: 10, Created: now.AddDate(0, 0, -100).Add(time.Duration(i/3) * time.Second)}, Streams: []video.Stream{}}
	}
	return all
}

func TestTheSameLibraryGivesTheSamePlanByteForByte(t *testing.T) {
	var plans [2]removal.Plan
	for i := range plans {
		l := &library{media: many(1000)}
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
	whole, err := job(t, &library{media: many(6000)}, temps).Run(t.Context(), now)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		l := &library{media: many(6000)}
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

func TestTheTicksOfANightMakeOnePlan(t *testing.T) {
	l := &library{media: many(100)}
	j := job(t, l, temps)
	at := func(hours int) plan.Report {
		r, err := j.Run(t.Context(), now.Add(time.Duration(hours)*time.Hour))
		require.NoError(t, err)
		return r
	}
	first := at(0)
	require.False(t, first.Earlier)
	for hour := range 6 {
		r := at(hour)
		require.Equal(t, first.Plan, r.Plan)
		require.True(t, r.Earlier)
	}
	require.EqualValues(t, 5, l.calls.Load(), "the library is read once a night")
	require.NotEqual(t, first.Plan.ID, at(24).Plan.ID)
	j.Policy = job(t, l, temps+"\n# another").Policy
	require.False(t, at(25).Earlier, "another policy makes another plan")
	j.Scope.App = "app"
	require.False(t, at(26).Earlier, "and so does another application")
}

// A library that no night is long enough for is planned all the same, and each night
// that ends without the plan is told of once.
func TestALibraryThatTakesSeveralNights(t *testing.T) {
	const n = 12_000
	whole, err := job(t, &library{media: many(n)}, temps).Run(t.Context(), now)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		l := &library{media: many(n)}
		l.fail = func(int64) error { time.Sleep(15 * time.Second); return nil }
		j := job(t, l, temps)
		told := map[int]int{} // by night
		for tick := range 18 {
			night := tick / 6
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			r, err := j.Run(ctx, now.Add(time.Duration(24*night+tick%6)*time.Hour))
			cancel()
			require.NoError(t, err)
			if r.Nights > 0 {
				require.Equal(t, night, r.Nights)
				require.Positive(t, r.Read)
				told[night]++
			}
			if r.Finished() {
				require.Equal(t, whole.Plan, r.Plan, "as if one night had been enough")
				require.Equal(t, 2, night)
				require.Equal(t, map[int]int{1: 1, 2: 1}, told)
				calls := l.calls.Load()
				for hour := tick%6 + 1; hour < 11; hour++ {
					r, err := j.Run(t.Context(), now.Add(time.Duration(48+hour)*time.Hour))
					require.NoError(t, err)
					require.Equal(t, whole.Plan, r.Plan, "it is the night's plan, although begun before")
					require.True(t, r.Earlier)
				}
				require.Equal(t, calls, l.calls.Load())
				l.fail = nil
				r, err := j.Run(t.Context(), now.AddDate(0, 0, 3))
				require.NoError(t, err)
				require.Equal(t, now.AddDate(0, 0, 3), r.Plan.Created)
				return
			}
		}
		require.Fail(t, "no plan")
	})
}

func TestAnUnfinishedPlanIsNotGoneOnWithAfterThreeDays(t *testing.T) {
	l := &library{media: many(100)}
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
	r, err := j.Run(t.Context(), now.AddDate(0, 0, 3))
	require.NoError(t, err)
	require.False(t, r.Resumed)
	require.Equal(t, now.AddDate(0, 0, 3), r.Plan.Created)
}

func TestAnAnswerThatIsShortIsAnError(t *testing.T) {
	j := job(t, short{&library{media: many(30)}}, temps)
	_, err := j.Run(t.Context(), now)
	require.ErrorContains(t, err, "19 answers about 20 assets")
}

type short struct{ *library }

func (s short) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := s.library.Media(ctx, ids)
	return all[1:], err
}

func TestWhatCannotBeReadStaysAndIsCounted(t *testing.T) {
	l := refusing{&library{media: many(3)}}
	r, err := job(t, l, temps).Run(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, 2, r.Plan.Library.Unread)
	require.Equal(t, 1, r.Plan.Items)
	require.Equal(t, 1, r.Plan.Kept[retention.Unread], "the other is gone, and that is no reason to keep")
}

type refusing struct{ *library }

func (s refusing) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := s.library.Media(ctx, ids)
	all[0].Err, all[1].Err = video.ErrForbidden, video.ErrNotFound
	return all, err
}

func TestAFailingSearchMakesNoPlan(t *testing.T) {
	j := job(t, stale{&library{media: many(50)}}, temps)
	_, err := j.Run(t.Context(), now)
	require.ErrorIs(t, err, errStale)
	for id := range removal.Plans(t.Context(), j.State, time.Time{}) { //nolint:errcheck // there are none
		require.Fail(t, id)
	}
}

var errStale = errors.New("scroll token expired")

type stale struct{ *library }

func (s stale) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		n := 0
		for f, err := range s.library.Search(ctx, q) {
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
	j := job(t, &library{}, temps)
	_, err := j.Run(t.Context(), time.Time{})
	require.ErrorContains(t, err, "no time")
	j.Scope.Account, j.Policy = "", nil
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
		m := video.Media{Video: video.Video{ID: id, Kind: video.KindVideo, Title: "title of " + string(id), Status: video.StatusNormal, Size: 1 << 20, Duration: time.Minute, Created: e.created(i)}}
		if i%4 == 0 {
			m.Tags = []string{"temp"}
		}
		m.Source = &video.Source{Status: "Normal", Size: 1 << 20, Duration: time.Minute}
		m.Streams = []video.Stream{{Job: "j", Definition: "HD", Format: "mp4", Status: "Normal", Size: 1 << 19, Height: 720, Duration: time.Minute}}
		answers[k] = video.Answer[video.Media]{ID: id, Value: m}
	}
	return answers, nil
}

// BenchmarkPlanning plans a made-up library and tells the peak of the heap, which for a
// million media is at most 64 MiB above that of the empty function, and 32 more where
// a usage file has a line for each of them: it is read as a whole.
func BenchmarkPlanning(b *testing.B) {
	newest := "keep:\n  - {name: k, newest: 100, per: category}\n" + temps
	for name, tc := range map[string]struct {
		n      int
		policy string
		views  bool
	}{
		"10000": {n: 10_000, policy: newest}, "100000": {n: 100_000, policy: newest}, "1000000": {n: 1_000_000, policy: newest},
		"1000000 with views": {n: 1_000_000, policy: "usage: usage.csv\n" + strings.Replace(newest, "older_than: 30d", "older_than: 30d, since: view", 1), views: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l := &endless{n: tc.n}
				j := job(b, l, tc.policy)
				if tc.views {
					var usage bytes.Buffer
					for i := range tc.n {
						fmt.Fprintf(&usage, "%032x,2026-01-%02d\n", i, i%28+1)
					}
					fmt.Fprintf(&usage, "other,%s\n", now.Format(time.DateOnly)) // it is still written
					require.NoError(b, j.State.Create(b.Context(), "usage.csv", usage.Bytes()))
				}
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
				require.EqualValues(b, tc.n/20, l.calls.Load())
				rise := float64(peak-min(peak, before.HeapInuse)) / (1 << 20)
				b.ReportMetric(rise, "peak-MiB")
				b.ReportMetric(float64(r.Plan.Items), "items")
				b.ReportMetric(float64(tc.n)/b.Elapsed().Seconds(), "media/s")
				most := 64.0
				if tc.views {
					most += 32
				}
				require.LessOrEqual(b, rise, most)
			}
		})
	}
}

// Held categories hold what lies below them, so their tree has to be read.
func TestATreeOfHeldCategoriesThatCannotBeReadMakesNoPlan(t *testing.T) {
	l := &library{treeErr: video.ErrThrottled}
	_, err := job(t, l, "holds: {categories: [9]}\nrules: [{name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]").Run(t.Context(), now)
	require.ErrorIs(t, err, video.ErrThrottled)
	require.Zero(t, l.calls.Load(), "no media was read")
}

// spoilt is a state in which the heads of some plans cannot be read.
type spoilt struct {
	state.Objects
	why error // nil: they were altered
	ids map[string]bool
}

func (s spoilt) Read(ctx context.Context, key string) ([]byte, error) {
	body, err := s.Objects.Read(ctx, key)
	if s.ids[strings.TrimSuffix(strings.TrimPrefix(key, "plans/"), ".json")] {
		return bytes.Replace(body, []byte(`"items":`), []byte(`"items":1`), 1), s.why
	}
	return body, err
}

// What was held in the night of a damaged plan must not find the days of the night
// before again.
func TestADamagedPlanNeverShortensTheGrace(t *testing.T) {
	l := &library{media: many(1)}
	j := job(t, l, "grace: 2d\nholds: {tags: [keep]}\n"+temps)
	damaged := spoilt{j.State, nil, map[string]bool{}}
	j.State = damaged
	var items []int
	for night := range 5 {
		l.media[0].Tags = []string{"temp"}
		if night == 1 {
			l.media[0].Tags = []string{"temp", "keep"}
		}
		r, err := j.Run(t.Context(), now.AddDate(0, 0, night))
		require.NoError(t, err)
		items = append(items, r.Plan.Items)
		if night == 1 {
			damaged.ids[r.Plan.ID] = true
		}
		require.Equal(t, night == 2, r.Missed == 1, "a night whose plan is damaged has none")
	}
	require.Equal(t, []int{0, 0, 0, 0, 1}, items)
}

func TestAPlanThatCannotBeReadNowMakesNoPlan(t *testing.T) {
	j := job(t, &library{media: many(1)}, "grace: 2d\n"+temps)
	r, err := j.Run(t.Context(), now)
	require.NoError(t, err)
	j.State = spoilt{j.State, video.ErrTransient, map[string]bool{r.Plan.ID: true}}
	_, err = j.Run(t.Context(), now.AddDate(0, 0, 1))
	require.ErrorIs(t, err, video.ErrTransient)
}

// garbled is a state whose records of progress cannot be made sense of.
type garbled struct{ state.Objects }

func (g garbled) Read(ctx context.Context, key string) ([]byte, error) {
	if strings.HasPrefix(key, "drafts/") {
		return []byte("{}"), nil
	}
	return g.Objects.Read(ctx, key)
}

func TestImagesAreListedUntilTheLedgerHasThem(t *testing.T) {
	l := &library{media: many(3)}
	for i := range l.media {
		l.media[i].Snapshots = []string{"u"}
	}
	j := job(t, l, "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {images: [NormalSnapshot]}}")
	items := func(night int) (ids []video.ID) {
		r, err := j.Run(t.Context(), now.AddDate(0, 0, night))
		require.NoError(t, err)
		for v, err := range r.Plan.Entries(t.Context(), j.State) {
			require.NoError(t, err)
			ids = append(ids, v.ID)
		}
		return ids
	}
	require.Len(t, items(0), 3)
	ledger, err := removal.OpenLedger(t.Context(), j.State, "purge", "run")
	require.NoError(t, err)
	for i, result := range []video.Result{video.Done, video.Missing, video.Failed} {
		item := retention.Item{ID: l.media[i].ID, Kind: retention.Images, Part: "NormalSnapshot"}
		require.NoError(t, ledger.Append(t.Context(), removal.Row{Event: removal.Intent, Item: item}, removal.Row{Event: removal.Outcome, Item: item, Result: result, Detail: removal.GoneBefore}))
	}
	require.Equal(t, []video.ID{l.media[2].ID}, items(1))

	whole := j.State
	j.State = unledgered{whole}
	_, err = j.Run(t.Context(), now.AddDate(0, 0, 2))
	require.ErrorIs(t, err, video.ErrTransient)
	j.Policy = job(t, l, temps).Policy
	_, err = j.Run(t.Context(), now.AddDate(0, 0, 2))
	require.NoError(t, err, "no other policy asks for it")
}

// unledgered is a state whose ledger cannot be read, nor what was kept of it.
type unledgered struct{ state.Objects }

func (u unledgered) Read(ctx context.Context, key string) ([]byte, error) {
	if strings.HasPrefix(key, "ledger/") || strings.HasPrefix(key, "imaged/") {
		return nil, video.ErrTransient
	}
	return u.Objects.Read(ctx, key)
}

func TestDamagedProgressIsBegunAnew(t *testing.T) {
	l := &library{media: many(11_000)}
	j := job(t, l, temps)
	l.fail = func(n int64) error {
		if n > 520 {
			return video.ErrThrottled
		}
		return nil
	}
	_, err := j.Run(t.Context(), now)
	require.ErrorIs(t, err, video.ErrThrottled)
	l.fail = nil
	whole := j.State
	j.State = garbled{whole}
	r, err := j.Run(t.Context(), now.Add(time.Hour))
	require.NoError(t, err)
	require.False(t, r.Resumed)
	require.Equal(t, 11_000, r.Plan.Items)
	j.State = whole
	r, err = j.Run(t.Context(), now.Add(24*time.Hour))
	require.NoError(t, err)
	require.False(t, r.Resumed, "the progress that became a plan is over")
}

// torn is a state in which the parts with these hashes are missing or altered.
type torn struct {
	state.Objects
	body  string // empty: they are missing
	parts map[string]bool
}

func (s torn) Read(ctx context.Context, key string) ([]byte, error) {
	switch {
	case !s.parts[strings.TrimSuffix(strings.TrimPrefix(key, "parts/"), ".jsonl")]:
		return s.Objects.Read(ctx, key)
	case s.body == "":
		return nil, fmt.Errorf("%s: %w", key, video.ErrNotFound)
	}
	return []byte(s.body), nil
}

func TestADamagedShelfOnlyLengthensTheGrace(t *testing.T) {
	for name, body := range map[string]string{"missing": "", "altered": "{}\n"} {
		t.Run(name, func(t *testing.T) {
			j := job(t, &library{media: many(2)}, "grace: 2d\n"+temps)
			damaged := torn{j.State, body, map[string]bool{}}
			j.State = damaged
			var items, told []int
			for night := range 6 {
				r, err := j.Run(t.Context(), now.AddDate(0, 0, night))
				require.NoError(t, err)
				if items, told = append(items, r.Plan.Items), append(told, len(r.Anew)); night == 1 {
					damaged.parts[r.Plan.Pending[0].Hash] = true
				}
			}
			require.Equal(t, []int{0, 0, 0, 0, 2, 2}, items)
			require.Equal(t, []int{0, 0, 1, 0, 0, 0}, told)
		})
	}
}

// unplanned is a state that takes no plan.
type unplanned struct{ state.Objects }

func (u unplanned) Create(ctx context.Context, key string, body []byte) error {
	if strings.HasPrefix(key, "plans/") {
		return video.ErrTransient
	}
	return u.Objects.Create(ctx, key, body)
}

func TestProgressWithADamagedPartIsGivenUpAtOnce(t *testing.T) {
	for name, body := range map[string]string{"missing": "", "altered": "{}\n"} {
		t.Run(name, func(t *testing.T) {
			j := job(t, &library{media: many(2)}, temps)
			whole := j.State
			j.State = unplanned{whole}
			_, err := j.Run(t.Context(), now)
			require.ErrorIs(t, err, video.ErrTransient)
			damaged := torn{whole, body, map[string]bool{}}
			for key, err := range whole.List(t.Context(), "parts/", "") {
				require.NoError(t, err)
				damaged.parts[strings.TrimSuffix(strings.TrimPrefix(key, "parts/"), ".jsonl")] = true
			}
			j.State = damaged
			_, err = j.Run(t.Context(), now)
			require.Error(t, err, "its own moment has no other parts")
			r, err := j.Run(t.Context(), now.AddDate(0, 0, 1))
			require.NoError(t, err)
			require.Equal(t, now.AddDate(0, 0, 1), r.Plan.Created)
			require.Equal(t, 2, r.Plan.Items)
			require.False(t, r.Resumed)
			require.Len(t, r.Anew, 1)
			r, err = j.Run(t.Context(), now.AddDate(0, 0, 2))
			require.NoError(t, err)
			require.Empty(t, r.Anew)
		})
	}
}

// The library was read to its end the night before, and the plan could not be written.
func TestAPlanThatIsOnlyWrittenInTheNextNightIsThatNights(t *testing.T) {
	j := job(t, &library{media: many(2)}, temps)
	whole := j.State
	j.State = unplanned{whole}
	_, err := j.Run(t.Context(), now)
	require.ErrorIs(t, err, video.ErrTransient)
	j.State = whole
	for hour := 24; hour < 30; hour++ {
		r, err := j.Run(t.Context(), now.Add(time.Duration(hour)*time.Hour))
		require.NoError(t, err)
		require.Equal(t, now, r.Plan.Created)
		require.Equal(t, hour > 24, r.Earlier)
	}
	r, err := j.Run(t.Context(), now.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Equal(t, now.AddDate(0, 0, 2), r.Plan.Created)
}
