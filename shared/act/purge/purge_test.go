package purge_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// library is a library in a map. before, when set, is asked before every call
// and may fail it; after, when set, may fail a call that took effect.
type library struct {
	mu            sync.Mutex
	media         map[video.ID]video.Media
	removed       []string // effects, in order
	calls         []string
	before, after func(call string) error
	tree          []video.Category
	fresh         map[video.ID]bool // what was refreshed in the CDN while it was there
	bare          map[string]bool   // images that are gone, by media and type; covers are told of all the same
}

func newLibrary(all ...video.Media) *library {
	l := &library{media: map[video.ID]video.Media{}, fresh: map[video.ID]bool{}, bare: map[string]bool{}}
	for _, m := range all {
		l.media[m.ID] = m
	}
	return l
}

func (l *library) call(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	l.calls = append(l.calls, text)
	if l.before != nil {
		return l.before(text)
	}
	return nil
}

func (l *library) done() error {
	if l.after != nil {
		return l.after(l.calls[len(l.calls)-1])
	}
	return nil
}

func (l *library) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		l.mu.Lock()
		var all []video.Video
		for _, m := range l.media {
			if q.Kind != video.KindAudio && !m.Created.Before(q.CreatedFrom) {
				all = append(all, m.Video)
			}
		}
		l.mu.Unlock()
		slices.SortFunc(all, func(a, b video.Video) int { return a.Created.Compare(b.Created) })
		for _, v := range all {
			if !yield(video.Found{Video: video.Video{ID: v.ID, Created: v.Created}}, nil) {
				return
			}
		}
	}
}

func (l *library) Categories(context.Context) ([]video.Category, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree, l.call("read categories")
}

func (l *library) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.call("read %d", len(ids)); err != nil {
		return nil, err
	}
	var answers []video.Answer[video.Media]
	for _, id := range ids {
		m, ok := l.media[id]
		a := video.Answer[video.Media]{ID: id}
		if m.Streams = slices.Clone(m.Streams); ok {
			a.Value = m
		} else {
			a.Err = video.ErrNotFound
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (l *library) each(ids []video.ID, verb string, effect func(video.ID) video.Outcome) ([]video.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fail := func(err error) ([]video.Outcome, error) {
		var all []video.Outcome
		for _, id := range ids {
			all = append(all, video.Outcome{ID: id, Result: video.ResultOf(err), Err: err})
		}
		return all, nil
	}
	if err := l.call("%s %d", verb, len(ids)); err != nil {
		return fail(err)
	}
	var all []video.Outcome
	for _, id := range ids {
		if _, ok := l.media[id]; !ok {
			all = append(all, video.Outcome{ID: id, Result: video.Missing})
			continue
		}
		all = append(all, effect(id))
	}
	if err := l.done(); err != nil {
		return fail(err)
	}
	return all, nil
}

func (l *library) DeleteVideos(_ context.Context, ids []video.ID) ([]video.Outcome, error) {
	return l.each(ids, "delete videos", func(id video.ID) video.Outcome {
		delete(l.media, id)
		l.removed = append(l.removed, "video "+string(id))
		return video.Outcome{ID: id, Result: video.Done}
	})
}

func (l *library) DeleteSources(_ context.Context, ids []video.ID, force bool) ([]video.Outcome, error) {
	return l.each(ids, "delete sources", func(id video.ID) video.Outcome {
		m := l.media[id]
		if force || m.TranscodeMode == "NoTranscode" {
			return video.Outcome{ID: id, Result: video.Kept, Err: video.ErrUnremovable}
		}
		gone := *m.Source
		gone.Status = "Deleted"
		m.Source = &gone
		l.media[id] = m
		l.removed = append(l.removed, "source "+string(id))
		return video.Outcome{ID: id, Result: video.Done}
	})
}

func (l *library) DeleteStreams(_ context.Context, id video.ID, jobs []string) ([]video.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.call("delete %d streams", len(jobs)); err != nil {
		return nil, err
	}
	m := l.media[id]
	var all []video.Outcome
	for _, job := range jobs {
		at := slices.IndexFunc(m.Streams, func(s video.Stream) bool { return s.Job == job })
		if at < 0 {
			all = append(all, video.Outcome{ID: id, Part: job, Result: video.Missing})
			continue
		}
		m.Streams = slices.Delete(slices.Clone(m.Streams), at, at+1)
		m.Modified = m.Modified.Add(time.Hour) // the provider may or may not; we must bear both
		l.media[id] = m
		l.removed = append(l.removed, "stream "+string(id)+" "+job)
		all = append(all, video.Outcome{ID: id, Part: job, Result: video.Done})
	}
	return all, l.done()
}

func (l *library) DeleteImagesOf(_ context.Context, id video.ID, types ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.call("delete images"); err != nil {
		return err
	}
	types = slices.DeleteFunc(slices.Clone(types), func(t string) bool { return l.bare[string(id)+" "+t] })
	if _, there := l.media[id]; !there || len(types) == 0 {
		return video.ErrNotFound
	}
	for _, t := range types {
		l.bare[string(id)+" "+t] = true
		l.removed = append(l.removed, "images "+string(id)+" "+t)
	}
	return l.done()
}

const policy = `
holds: {tags: [keep], until: hold-until}
rules:
  - name: temp
    select: '"temp" in tags'
    older_than: 30d
    remove: {video: true}
  - name: parts
    select: '"parts" in tags'
    older_than: 30d
    remove:
      streams: {superseded: true}
      source: {good_streams: 1}
      images: [NormalSnapshot]
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
`

var (
	made  = time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)
	later = made.Add(time.Hour)
)

func at(days int) time.Time { return made.AddDate(0, 0, -days) }

func temp(id string, tags ...string) video.Media {
	return video.Media{
		Video: video.Video{ID: video.ID(id), Kind: video.KindVideo, Title: "title of " + id, Tags: append([]string{"temp"}, tags...), Status: video.StatusNormal,
			Size: 1000, Duration: time.Minute, Created: at(90), Modified: at(80)},
		Source: &video.Source{Status: "Normal", Size: 1000, Duration: time.Minute, Width: 1280, Height: 720}, Streams: []video.Stream{},
	}
}

func transcode(job, status string, size int64, created time.Time) video.Stream {
	return video.Stream{Job: job, Definition: "HD", Format: "mp4", Codec: "h264", Kind: "video", Status: status, Size: size, Width: 1280, Height: 720, Bitrate: 900,
		Duration: time.Minute, Created: created}
}

func parts(id string) video.Media {
	m := temp(id)
	m.Tags = []string{"parts"}
	m.Snapshots = []string{"https://x.example/1.jpg"}
	m.Streams = []video.Stream{
		transcode(id+"old", "Invisible", 500, at(80)),
		transcode(id+"new", "Normal", 400, at(70)),
	}
	return m
}

// world is a library with a state and a policy.
type world struct {
	*library
	objects state.Objects
	policy  *retention.Policy
	jobs    int // made so far
}

func newWorld(t *testing.T, policy string, all ...video.Media) *world {
	t.Helper()
	p, err := retention.Parse("policy.yaml", []byte(policy))
	require.NoError(t, err)
	return &world{library: newLibrary(all...), objects: &statetest.Memory{}, policy: p}
}

func (w *world) plan(t *testing.T, at time.Time) removal.Plan {
	t.Helper()
	r, err := plan.Job{Library: w.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), at)
	require.NoError(t, err)
	require.True(t, r.Finished())
	return r.Plan
}

func (w *world) approve(t *testing.T, p removal.Plan) {
	t.Helper()
	_, err := removal.Approve(t.Context(), w.objects, p, "anna", "", made, 0)
	require.NoError(t, err)
}

// job is a job whose clock is a minute ahead of that of the job before, so that leases
// that were not given back are over, and which waits by moving it.
func (w *world) job() purge.Job {
	w.jobs++
	var ahead atomic.Int64
	ahead.Store(int64(time.Duration(w.jobs) * time.Minute))
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	wait := func(_ context.Context, until time.Time) { ahead.Add(int64(until.Sub(now()))) }
	return purge.Job{Now: now, Wait: wait, Backoff: func(int) time.Duration { return 0 }, Library: w.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}
}

func (w *world) purge(t *testing.T, at time.Time) purge.Report {
	t.Helper()
	r, err := w.job().Run(t.Context(), at)
	require.NoError(t, err)
	return r
}

func (w *world) ids() (ids []string) {
	for id := range w.media {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	return ids
}

func TestAnApprovedPlanIsRemovedAndNothingElse(t *testing.T) {
	young := temp("young")
	young.Created = at(3)
	w := newWorld(t, policy, temp("a"), temp("b"), temp("held", "Keep"), young, parts("p"))
	p := w.plan(t, made)
	require.Empty(t, p.Over)
	require.Equal(t, removal.Totals{Media: 3, Items: 5, Bytes: 1000 + 1000 + 500 + 1000, Unknown: 1}, p.Totals)

	r := w.purge(t, later)
	require.Equal(t, purge.Waiting, r.Plans[0].Status)
	require.Empty(t, w.removed, "nobody has approved")

	w.approve(t, p)
	r = w.purge(t, later)
	require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
	require.Equal(t, map[video.Result]int{video.Done: 5}, r.Results())
	require.Equal(t, []string{"held", "p", "young"}, w.ids())
	require.Equal(t, []string{"stream p pold", "source p", "images p NormalSnapshot", "video a", "video b"}, w.removed)

	require.Empty(t, w.purge(t, later).Plans, "a plan ends once")
	require.Len(t, w.removed, 5)
}

func TestWhatChangedSinceThePlanStays(t *testing.T) {
	for name, change := range map[string]func(*video.Media){
		"a new title":              func(m *video.Media) { m.Title = "other" },
		"a hold":                   func(m *video.Media) { m.Tags = append(m.Tags, "keep") },
		"a lost tag":               func(m *video.Media) { m.Tags = nil },
		"a dated hold":             func(m *video.Media) { m.Tags = append(m.Tags, "hold-until:2026-12-31") },
		"a later modification":     func(m *video.Media) { m.Modified = made },
		"a modification not told":  func(m *video.Media) { m.Modified = time.Time{} },
		"another status":           func(m *video.Media) { m.Status = video.StatusTranscoding },
		"a new stream":             func(m *video.Media) { m.Streams = []video.Stream{{Job: "n", Size: 5}} },
		"a storage class changing": func(m *video.Media) { m.StorageClass = "Changing" },
		"an unknown size":          func(m *video.Media) { m.Size, m.Source = 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"), temp("b"))
			p := w.plan(t, made)
			w.approve(t, p)
			m := w.media["a"]
			change(&m)
			w.media["a"] = m
			r := w.purge(t, later)
			require.Equal(t, []string{"a"}, w.ids())
			require.Equal(t, map[video.Result]int{video.Done: 1, video.Kept: 1}, r.Results())
		})
	}
}

// The first run takes a stream of the media and ends; then a person works on it. What
// our own removal modified is no reason to keep the rest, what came after it is.
func TestWhatIsModifiedAfterOurOwnRemovalStays(t *testing.T) {
	for name, tc := range map[string]struct {
		modified time.Time
		left     int
	}{
		"by the removal":           {later.Add(10 * time.Minute), 0},
		"by somebody, the day on":  {later.Add(20 * time.Hour), 2},
		"by nobody, or not told":   {at(80), 0},
		"by somebody, not in time": {later.Add(time.Hour + time.Second), 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, parts("p"))
			w.approve(t, w.plan(t, made))
			w.before = func(call string) error {
				if strings.HasPrefix(call, "delete sources") || call == "delete images" {
					return video.ErrDeferred
				}
				return nil
			}
			_, _ = w.job().Run(t.Context(), later)
			require.Equal(t, []string{"stream p pold"}, w.removed)
			w.before = nil
			m := w.media["p"]
			m.Modified = tc.modified
			w.media["p"] = m
			w.purge(t, later.Add(24*time.Hour))
			require.Len(t, w.removed, 3-tc.left)
		})
	}
}

func TestPlansThatAreRefused(t *testing.T) {
	other, err := retention.Parse("other.yaml", []byte(policy+"\n# changed\n"))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		job  func(*purge.Job)
		at   time.Time
		want string
	}{
		"expired":             {at: made.AddDate(0, 0, 7), want: "expired"},
		"from the future":     {at: made.Add(-time.Second), want: "later than now"},
		"another region":      {job: func(j *purge.Job) { j.Scope.Region = "cn-beijing" }, want: "region"},
		"another account":     {job: func(j *purge.Job) { j.Scope.Account = "2" }, want: "account"},
		"another application": {job: func(j *purge.Job) { j.Scope.App = "app-1" }, want: "application"},
		"another policy":      {job: func(j *purge.Job) { j.Policy = other }, want: "policy changed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"))
			w.approve(t, w.plan(t, made))
			j := w.job()
			if tc.job != nil {
				tc.job(&j)
			}
			if tc.at.IsZero() {
				tc.at = later
			}
			r, err := j.Run(t.Context(), tc.at)
			require.NoError(t, err)
			require.Equal(t, purge.Refused, r.Plans[0].Status)
			require.Contains(t, r.Plans[0].Why, tc.want)
			require.Empty(t, w.removed)
		})
	}
}

func TestHaltedNothingLeaves(t *testing.T) {
	var all []video.Media
	for i := range 60 {
		all = append(all, temp(fmt.Sprintf("v%02d", i)))
	}
	w := newWorld(t, policy, all...)
	w.approve(t, w.plan(t, made))
	w.after = func(call string) error {
		if strings.HasPrefix(call, "delete") {
			return removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna", At: made, Reason: "wait"})
		}
		return nil
	}
	r := w.purge(t, later)
	require.Equal(t, purge.Stopped, r.Plans[0].Status)
	require.Contains(t, r.Plans[0].Why, "halted by anna: wait")
	require.Len(t, w.removed, 20, "the batch that was under way, and no other")
	require.Equal(t, 40, r.Plans[0].Left)
	w.after = nil
	require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{By: "anna", At: made}))
	require.Equal(t, purge.Ended, w.purge(t, later).Plans[0].Status)
	require.Len(t, w.removed, 60)
}
