package upkeep_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// library is a library in a map.
type library map[video.ID]video.Media

func (l library) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		var all []video.Video
		for _, m := range l {
			if q.Kind != video.KindAudio && !m.Created.Before(q.CreatedFrom) {
				all = append(all, m.Video)
			}
		}
		slices.SortFunc(all, func(a, b video.Video) int { return a.Created.Compare(b.Created) })
		for _, v := range all {
			if !yield(video.Found{Video: v}, nil) {
				return
			}
		}
	}
}

func (l library) Categories(context.Context) ([]video.Category, error) { return nil, nil }

func (l library) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	var answers []video.Answer[video.Media]
	for _, id := range ids {
		a := video.Answer[video.Media]{ID: id, Err: video.ErrNotFound}
		if m, ok := l[id]; ok {
			a.Value, a.Err = m, nil
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (l library) DeleteVideos(_ context.Context, ids []video.ID) (all []video.Outcome, _ error) {
	for _, id := range ids {
		delete(l, id)
		all = append(all, video.Outcome{ID: id, Result: video.Done})
	}
	return all, nil
}

func (l library) DeleteSources(context.Context, []video.ID, bool) ([]video.Outcome, error) {
	return nil, video.ErrForbidden
}

func (l library) DeleteStreams(context.Context, video.ID, []string) ([]video.Outcome, error) {
	return nil, video.ErrForbidden
}

func (l library) DeleteImagesOf(context.Context, video.ID, ...string) error { return nil }

type okay struct{}

func (okay) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// world plays nights: plan, notice, four runs of purge, upkeep.
type world struct {
	*statetest.Memory
	library
	policy *retention.Policy
	night  int
	mostly int // how many assets come each night

	removed int // items, by all nights
}

func newWorld(t *testing.T, perNight int) *world {
	t.Helper()
	p, err := retention.Parse("p.yaml", []byte("approve: within-guards\ngrace: 3d\nrules:\n  - {name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\n"+
		"  - {name: pics, select: '\"pics\" in tags', older_than: 30d, remove: {images: [NormalSnapshot]}}\nguards: {count: 5000, percent: 100, unknown: 5000, bytes: 1TB}\n"))
	require.NoError(t, err)
	return &world{Memory: &statetest.Memory{}, library: library{}, policy: p, mostly: perNight}
}

// spent are the requests to the state of one night.
type spent struct{ plan, notice, first, idle, upkeep statetest.Requests }

func (s spent) total() int {
	return s.plan.Total() + s.notice.Total() + s.first.Total() + s.idle.Total() + s.upkeep.Total()
}

func (w *world) play(t *testing.T) (s spent) {
	t.Helper()
	w.night++
	now := noon.AddDate(0, 0, w.night)
	for i := range w.mostly {
		created := now.AddDate(0, 0, -31).Add(time.Duration(i) * time.Second)
		m := video.Media{
			Video:  video.Video{ID: video.ID(fmt.Sprintf("%016x%016x", w.night, i)), Kind: video.KindVideo, Status: video.StatusNormal, Size: 1000, Duration: 60, Created: created, Modified: created, Tags: []string{"temp"}},
			Source: &video.Source{Status: "Normal", Size: 1000}, Streams: []video.Stream{},
		}
		if i%5 == 0 {
			m.Tags, m.Snapshots = []string{"pics"}, []string{"http://x/1.jpg"}
		}
		w.library[m.ID] = m
	}
	for id, m := range w.library { // pictures stay for a month, as they would in a library that does not grow
		if now.Sub(m.Created) > 60*24*time.Hour {
			delete(w.library, id)
		}
	}
	w.Take()
	made, err := plan.Job{Library: w.library, State: w.Memory, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), now)
	require.NoError(t, err)
	require.True(t, made.Finished())
	s.plan = w.Take()
	hook := notify.Webhook{URL: "http://127.0.0.1:1/", HTTP: &http.Client{Transport: okay{}}}
	notify.Night(t.Context(), hook, w.Memory, w.policy, made.Plan, func(notify.Since) notify.Notice { return notify.Notice{} })
	s.notice = w.Take()
	removed := 0
	for tick := range 4 {
		at := now.Add(time.Duration(tick+1) * time.Hour)
		done, err := purge.Job{Library: w.library, State: w.Memory, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Now: func() time.Time { return at }}.Run(t.Context(), at)
		require.NoError(t, err)
		if removed += done.Removed(); tick == 0 {
			s.first = w.Take()
		}
	}
	s.idle = w.Take()
	w.removed += removed
	r, err := upkeep.Run(t.Context(), w.Memory, now, time.Minute)
	require.NoError(t, err)
	require.False(t, r.Late)
	s.upkeep = w.Take()
	return s
}

// flat plays nights and holds the requests of the last ones to 1.2 times those of earlier ones.
func flat(t *testing.T, perNight, early, late int) {
	t.Helper()
	const over = 5 // nights are alike, but not the same
	w := newWorld(t, perNight)
	sum, was := 0, 0
	for w.night < late {
		s := w.play(t)
		if w.night > early-over && w.night <= early || w.night > late-over {
			sum += s.total()
		}
		if w.night == early {
			was, sum = sum, 0
		}
		if w.night == early || w.night == late {
			t.Logf("night %d: %d requests with %d objects: plan %+v, notice %+v, first purge %+v, three idle ones %+v, upkeep %+v; %v", w.night, s.total(), len(w.Keys()), s.plan, s.notice, s.first, s.idle, s.upkeep, w.Prefixes())
		}
	}
	require.GreaterOrEqual(t, w.removed, (late-5)*perNight, "every asset went when its time had come")
	require.LessOrEqual(t, float64(sum), 1.2*float64(was), "requests of %d nights up to night %d and up to night %d", over, early, late)
	w.Take()
	lease, err := state.Acquire(t.Context(), w.Memory, "purge", "x", noon.AddDate(1000, 0, 0), time.Minute)
	require.NoError(t, err)
	require.LessOrEqual(t, w.Take().Total(), 4, "opening a lease")
	require.NoError(t, lease.Release(t.Context(), w.Memory))
	for prefix, most := range map[string]int{"lease/": 300, "parts/": 300, "drafts/": 10, "told/": 100, "imaged/": 3, "written/": 501, "shards/": 3} {
		require.LessOrEqual(t, w.Prefixes()[prefix], most, prefix)
	}
	_, err = removal.VerifyLedger(t.Context(), w.Memory)
	require.NoError(t, err)
}

// The look-backs of 40 and 60 days are full at night 65. SOAK=1 plays a thousand nights, too.
func TestANightCostsTheSameAfterManyNights(t *testing.T) {
	flat(t, 12, 70, 110)
	if os.Getenv("SOAK") != "" {
		flat(t, 60, 70, 150)
		flat(t, 200, 100, 1000)
	}
}

func TestStrayObjectsKeepNoNightFromItsWork(t *testing.T) {
	plain, strayed := newWorld(t, 20), newWorld(t, 20)
	for _, key := range []string{
		"ledger/README.txt", "halt/notes.json", "halt/99999999", "lease/purge/x", "plans/copy of plan.json", "plans/zz.json", "approvals/x", "ended/zz.json",
		"drafts/zz/1.json", "imaged/zz", "runs/zz", "aside/today", "gone/x", "told/x", "messages/x", "written/zz", "shards/last.json", "parts/x", "checkpoints/x",
	} {
		require.NoError(t, strayed.Create(t.Context(), key, []byte("hello")))
	}
	for range 8 {
		plain.play(t)
		strayed.play(t)
	}
	require.NotZero(t, plain.removed)
	require.Equal(t, plain.removed, strayed.removed)
	for prefix, n := range strayed.Prefixes() {
		require.GreaterOrEqual(t, n, plain.Prefixes()[prefix], "%s: no stray object was removed", prefix)
	}
	named := 0
	for key, err := range upkeep.Check(t.Context(), strayed.Memory, noon.AddDate(0, 0, 8)) {
		require.ErrorIs(t, err, state.ErrStray, key)
		named++
	}
	require.Equal(t, 19, named)
}
