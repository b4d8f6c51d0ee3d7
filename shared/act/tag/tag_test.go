package tag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

var at = time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)

// library is a map with the calls that the room needs, and a log of them.
type library struct {
	media   map[video.ID]video.Media
	images  map[video.ID]video.Image
	labels  map[video.ID][]string
	calls   []string
	readErr error
	fail    map[video.ID]error
	order   []video.ID
}

func (l *library) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	l.calls = append(l.calls, fmt.Sprint("Media ", ids))
	if l.readErr != nil {
		return nil, l.readErr
	}
	return answers(l.media, ids), nil
}

func (l *library) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	l.calls = append(l.calls, fmt.Sprint("Images ", ids))
	return answers(l.images, ids), l.readErr
}

func (l *library) Image(_ context.Context, id video.ID) (video.Image, error) {
	l.calls = append(l.calls, fmt.Sprint("Image ", id))
	a := answers(l.images, []video.ID{id})[0]
	return a.Value, errors.Join(a.Err, l.readErr)
}

func (l *library) Labels(_ context.Context, id video.ID) ([]video.Label, error) {
	l.calls = append(l.calls, fmt.Sprint("Labels ", id))
	if labels, ok := l.labels[id]; ok {
		var out []video.Label
		for _, text := range labels {
			out = append(out, video.Label{Kind: "keyword", Text: text})
		}
		return out, l.fail[id]
	}
	return nil, errors.Join(l.fail[id], video.ErrNotFound)
}

func (l *library) Update(_ context.Context, updates []video.Update) (outcomes []video.Outcome, err error) {
	l.calls = append(l.calls, fmt.Sprint("Update ", len(updates)))
	for _, u := range updates {
		if l.fail[u.ID] != nil {
			outcomes = append(outcomes, video.Outcome{ID: u.ID, Result: video.ResultOf(l.fail[u.ID]), Err: l.fail[u.ID]})
			continue
		}
		m := l.media[u.ID]
		if u.Tags != nil {
			m.Tags = *u.Tags
		}
		if u.Title != nil {
			m.Title = *u.Title
		}
		l.media[u.ID] = m
		outcomes = append(outcomes, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return outcomes, nil
}

func (l *library) UpdateImages(_ context.Context, updates []video.Update) (outcomes []video.Outcome, err error) {
	l.calls = append(l.calls, fmt.Sprint("UpdateImages ", len(updates)))
	for _, u := range updates {
		i := l.images[u.ID]
		i.Tags = *u.Tags
		l.images[u.ID] = i
		outcomes = append(outcomes, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return outcomes, nil
}

func (l *library) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		l.calls = append(l.calls, fmt.Sprint("Search ", q.Kind, " ", q.CreatedFrom.Format("15:04"), "-", q.CreatedTo.Format("15:04")))
		if l.fail["search "+video.ID(q.Kind)] != nil {
			yield(video.Found{}, l.fail["search "+video.ID(q.Kind)])
			return
		}
		for _, id := range l.order {
			m, ok := l.media[id]
			switch {
			case q.Kind == video.KindImage && !ok:
				if !yield(video.Found{Image: l.images[id]}, nil) {
					return
				}
			case q.Kind == m.Kind && ok:
				if !yield(video.Found{Video: m.Video}, nil) {
					return
				}
			}
		}
	}
}

func answers[T any](all map[video.ID]T, ids []video.ID) (out []video.Answer[T]) {
	for _, id := range ids {
		a := video.Answer[T]{ID: id}
		if v, ok := all[id]; ok {
			a.Value = v
		} else {
			a.Err = video.ErrNotFound
		}
		out = append(out, a)
	}
	return out
}

func newLibrary() *library {
	l := &library{media: map[video.ID]video.Media{}, images: map[video.ID]video.Image{}, labels: map[video.ID][]string{}, fail: map[video.ID]error{}}
	for _, id := range []video.ID{"v1", "v2"} {
		l.media[id] = video.Media{
			Video:  video.Video{ID: id, Kind: video.KindVideo, Title: "Promo", Tags: []string{"mine"}, Origin: "general"},
			Source: &video.Source{FileName: "x.mp4", Duration: time.Minute, Width: 640, Height: 360, FPS: 25, VideoCodec: "h264"},
		}
	}
	l.images["i1"] = video.Image{ID: "i1", Title: "Promo", Width: 10, Height: 10}
	l.images["i2"] = video.Image{ID: "i2", Title: "x", Width: 10, Height: 20}
	l.order = []video.ID{"v1", "v2", "i1", "i2"}
	return l
}

const rulesText = `
rules:
  - {name: promo, when: 'title == "Promo"', add: [promo]}
  - {name: ai, when: len(labels) > 0, add: ["ai:{labels}"]}
  - {name: live, when: 'origin == "live"', add: [live]}
`

func rules(t *testing.T) *tagging.Rules {
	r, err := tagging.Parse("r", []byte(rulesText))
	require.NoError(t, err)
	return r
}

func run(t *testing.T, l *library, targets ...tag.Target) ([]tag.Result, error) {
	return tag.Tagger{Library: l, Labels: l, Rules: rules(t), Writer: straight{l}}.Run(t.Context(), targets, at)
}

func TestAnEventCostsOneReadAndOneWriteAndARepeatOnlyTheRead(t *testing.T) {
	l := newLibrary()
	results, err := run(t, l, tag.Target{ID: "v1"})
	require.NoError(t, err)
	require.Equal(t, video.Done, results[0].Outcome.Result)
	require.Equal(t, []string{"mine", "promo"}, l.media["v1"].Tags)
	require.Equal(t, []string{"Media [v1]", "Update 1"}, l.calls)
	results, err = run(t, l, tag.Target{ID: "v1"})
	require.NoError(t, err)
	require.Equal(t, video.Unchanged, results[0].Outcome.Result)
	require.False(t, results[0].Needed())
	require.Len(t, l.calls, 3)

	results, err = run(t, l, tag.Target{ID: "i1", Kind: video.KindImage})
	require.NoError(t, err)
	require.Equal(t, video.Done, results[0].Outcome.Result)
	require.Equal(t, []string{"Image i1", "UpdateImages 1"}, l.calls[3:])
}

func TestABatchReadsEveryMediaOnceAndAnswersForEachTarget(t *testing.T) {
	l := newLibrary()
	results, err := run(t, l, tag.Target{ID: "v1"}, tag.Target{ID: "i1", Kind: video.KindImage}, tag.Target{ID: "v2"},
		tag.Target{ID: "gone"}, tag.Target{ID: "v1", Labels: true}, tag.Target{ID: "i2", Kind: video.KindImage})
	require.NoError(t, err)
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprint(r.Outcome.ID, " ", r.Outcome.Result))
	}
	require.Equal(t, []string{"v1 done", "i1 done", "v2 done", "gone missing", "v1 done", "i2 unchanged"}, got)
	require.Equal(t, []string{"Media [v1 v2 gone]", "Labels v1", "Images [i1 i2]", "Update 2", "UpdateImages 1"}, l.calls)
}

func TestLabelsAreReadOnlyForTheirOwnNotification(t *testing.T) {
	l := newLibrary()
	l.labels["v1"] = []string{"boat", "boat"}
	_, err := run(t, l, tag.Target{ID: "v1", Labels: true})
	require.NoError(t, err)
	require.Equal(t, []string{"mine", "promo", "ai:boat"}, l.media["v1"].Tags)
	require.Equal(t, []string{"Media [v1]", "Labels v1", "Update 1"}, l.calls)
	results, err := run(t, l, tag.Target{ID: "v1"})
	require.NoError(t, err)
	require.Equal(t, video.Unchanged, results[0].Outcome.Result, "labels that are not known now take nothing back")
	require.Contains(t, results[0].Decision.Waiting, "ai")

	l.fail["v2"] = video.ErrThrottled
	results, err = run(t, l, tag.Target{ID: "v2", Labels: true})
	require.NoError(t, err)
	require.True(t, results[0].Failed())
	require.ErrorIs(t, results[0].Outcome.Err, video.ErrThrottled)

	l = newLibrary()
	plain, err := tagging.Parse("r", []byte(`rules: [{name: a, when: 'title == "Promo"', add: [promo]}]`))
	require.NoError(t, err)
	_, err = tag.Tagger{Library: l, Labels: l, Rules: plain, Writer: straight{l}}.Run(t.Context(), []tag.Target{{ID: "v1", Labels: true}}, at)
	require.NoError(t, err)
	require.NotContains(t, l.calls, "Labels v1", "rules that do not ask for labels cost no call")
}

func TestWithoutAWriterNothingIsWritten(t *testing.T) {
	l := newLibrary()
	results, err := tag.Tagger{Library: l, Rules: rules(t)}.Run(t.Context(), []tag.Target{{ID: "v1"}}, at)
	require.NoError(t, err)
	require.Equal(t, video.Kept, results[0].Outcome.Result)
	require.True(t, results[0].Needed())
	require.Equal(t, []string{"promo"}, results[0].Decision.Change.Tags.Add)
	require.Equal(t, []string{"Media [v1]"}, l.calls)
}

func TestALockedMediaIsKept(t *testing.T) {
	l := newLibrary()
	m := l.media["v1"]
	m.Tags = []string{"hands-off"}
	l.media["v1"] = m
	results, err := run(t, l, tag.Target{ID: "v1"})
	require.NoError(t, err)
	require.Equal(t, video.Outcome{ID: "v1", Result: video.Kept, Reason: `it has the tag "hands-off"`}, results[0].Outcome)
}

func TestEveryTargetHasAnOutcomeWhenTheLibraryDoesNotAnswer(t *testing.T) {
	l := newLibrary()
	l.readErr = fmt.Errorf("read: %w", video.ErrThrottled)
	results, err := run(t, l, tag.Target{ID: "v1"}, tag.Target{ID: "i1", Kind: video.KindImage})
	require.ErrorIs(t, err, video.ErrThrottled)
	for _, r := range results {
		require.True(t, r.Failed())
	}
	require.NotContains(t, fmt.Sprint(l.calls), "Update")

	l = newLibrary()
	l.fail["v1"] = video.ErrUnknownOutcome
	results, err = run(t, l, tag.Target{ID: "v1"}, tag.Target{ID: "v2"})
	require.NoError(t, err)
	require.Equal(t, video.Unknown, results[0].Outcome.Result)
	require.Equal(t, video.Done, results[1].Outcome.Result)
}

// straight writes to the library of the test.
type straight struct{ to *library }

func (d straight) Write(ctx context.Context, wanted []tag.Wanted) ([]video.Outcome, error) {
	outcomes := make([]video.Outcome, len(wanted))
	var all [2][]video.Update
	var at [2][]int
	for i, w := range wanted {
		tags := w.Change.Tags.Apply(w.Have)
		u := video.Update{ID: w.Change.ID, Kind: w.Change.Kind, Fields: w.Change.Set, Tags: &tags}
		sort := map[bool]int{true: 1, false: 0}[u.Kind == video.KindImage]
		all[sort], at[sort] = append(all[sort], u), append(at[sort], i)
	}
	for sort, write := range []func(context.Context, []video.Update) ([]video.Outcome, error){d.to.Update, d.to.UpdateImages} {
		if len(all[sort]) == 0 {
			continue
		}
		got, err := write(ctx, all[sort])
		if err != nil {
			return outcomes, err
		}
		for j, i := range at[sort] {
			outcomes[i] = got[j]
		}
	}
	return outcomes, nil
}

func sweep(ctx context.Context, t tag.Tagger, l *library, span time.Duration) (tag.Swept, error) {
	return tag.Sweep(ctx, l, at, span, nil, func(ctx context.Context, targets []tag.Target) ([]tag.Result, error) { return t.Run(ctx, targets, at) })
}

type sender struct {
	got []tag.Target
	err error
}

func (s *sender) Retag(_ context.Context, targets []tag.Target) (outcomes []video.Outcome, err error) {
	s.got = append(s.got, targets...)
	if s.err != nil {
		return nil, s.err
	}
	for _, target := range targets {
		outcomes = append(outcomes, video.Outcome{ID: target.ID, Result: video.Done})
	}
	return outcomes, nil
}

func TestQueuedSaysWhichAssetsAndNotWhatOfThem(t *testing.T) {
	l, s := newLibrary(), &sender{}
	tagger := tag.Tagger{Library: l, Rules: rules(t), Writer: tag.Queued{To: s}}
	results, err := tagger.Run(t.Context(), []tag.Target{{ID: "v1"}, {ID: "i1", Kind: video.KindImage}, {ID: "i2", Kind: video.KindImage}}, at)
	require.NoError(t, err)
	require.Equal(t, video.Done, results[0].Outcome.Result)
	require.Equal(t, []tag.Target{{ID: "v1"}, {ID: "i1", Kind: video.KindImage}}, s.got)
	s.err = video.ErrTransient
	results, err = tagger.Run(t.Context(), []tag.Target{{ID: "v1"}}, at)
	require.ErrorIs(t, err, video.ErrTransient)
	require.True(t, results[0].Failed())
}

func TestTheSweepFindsWhatNoEventAnnounced(t *testing.T) {
	l := newLibrary()
	m := l.media["v2"]
	m.Tags, m.Origin = []string{"promo"}, "live"
	l.media["v2"] = m
	l.media["v3"] = video.Media{Video: video.Video{ID: "v3", Kind: video.KindVideo, Title: "Promo", Status: video.StatusUploading}}
	l.order = append(l.order, "v3")
	tagger := tag.Tagger{Library: l, Rules: rules(t), Writer: straight{l}}
	swept, err := sweep(t.Context(), tagger, l, 3*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 4, swept.Seen)
	require.Len(t, swept.Found, 3)
	require.InDelta(t, 0.75, swept.LossRatio(), 1e-9)
	require.Equal(t, []string{
		"Search video 05:00-08:00", "Media [v1 v2]", "Update 2", "Search audio 05:00-08:00",
		"Search image 05:00-08:00", "Images [i1 i2]", "UpdateImages 1",
	}, l.calls)
	swept, err = sweep(t.Context(), tagger, l, 3*time.Hour)
	require.NoError(t, err)
	require.Empty(t, swept.Found, "a second sweep finds nothing")

	l = newLibrary()
	l.fail["search video"] = video.ErrTransient
	swept, err = sweep(t.Context(), tagger, l, time.Hour)
	require.ErrorIs(t, err, video.ErrTransient)
	require.Equal(t, 2, swept.Seen, "images are looked at though videos could not be listed")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	swept, err = sweep(ctx, tagger, newLibrary(), time.Hour)
	require.ErrorIs(t, err, video.ErrDeferred)
	require.Equal(t, 4, swept.Left)
	require.Zero(t, tag.Swept{}.LossRatio())
}

func TestAnOriginThatASearchKnowsIsAFact(t *testing.T) {
	l := newLibrary()
	m := l.media["v1"]
	m.Origin = ""
	l.media["v1"] = m
	results, err := run(t, l, tag.Target{ID: "v1", Origin: "live"})
	require.NoError(t, err)
	require.Equal(t, []string{"promo", "live"}, results[0].Decision.Change.Tags.Add)
}

// many yields n videos without keeping them.
func many(n int, fail error) iter.Seq2[tag.Hit, error] {
	return func(yield func(tag.Hit, error) bool) {
		for i := range n {
			if !yield(tag.Hit{Target: tag.Target{ID: video.ID(fmt.Sprint("v", i))}, Title: "Promo", Position: fmt.Sprint(i)}, nil) {
				return
			}
		}
		if fail != nil {
			yield(tag.Hit{}, fail)
		}
	}
}

// endless answers for any id, in calls that may overlap.
type endless struct {
	mu      sync.Mutex
	written int
	peak    uint64
	fail    video.ID
}

func (e *endless) Media(_ context.Context, ids []video.ID) (out []video.Answer[video.Media], err error) {
	for _, id := range ids {
		if id == e.fail {
			return nil, video.ErrForbidden
		}
		out = append(out, video.Answer[video.Media]{ID: id, Value: video.Media{Video: video.Video{ID: id, Kind: video.KindVideo, Title: "Promo"}}})
	}
	return out, nil
}

func (e *endless) Image(context.Context, video.ID) (video.Image, error) { return video.Image{}, nil }

func (e *endless) Images(context.Context, []video.ID) ([]video.Answer[video.Image], error) {
	return nil, nil
}

func (e *endless) Write(_ context.Context, wanted []tag.Wanted) (out []video.Outcome, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written += len(wanted)
	if e.written%20_000 < len(wanted) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		e.peak = max(e.peak, m.HeapAlloc)
	}
	for _, w := range wanted {
		out = append(out, video.Outcome{ID: w.Change.ID, Result: video.Done})
	}
	return out, nil
}

func TestABackfillTellsEveryStepInOrderWithFlatMemory(t *testing.T) {
	l := &endless{}
	tagger := tag.Tagger{Library: l, Rules: rules(t), Writer: l}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	diff, next := tag.NewDiff(tagger.Rules), 0
	err := tagger.Backfill(t.Context(), many(100_000, nil), at, func(s tag.Step) error {
		for _, hit := range s.Hits {
			require.Equal(t, fmt.Sprint(next), hit.Position)
			next++
		}
		diff.Add(s)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 100_000, next)
	require.Equal(t, 100_000, l.written)
	require.Equal(t, 100_000, diff.Needed)
	require.Equal(t, map[video.Result]int{video.Done: 100_000}, diff.Outcomes)
	require.Equal(t, tag.RuleDiff{Rule: "promo", Matched: 100_000, Changes: 100_000, Examples: diff.Rules[0].Examples}, diff.Rules[0])
	require.Len(t, diff.Rules[0].Examples, 10)
	grown := int64(l.peak) - int64(before.HeapAlloc)
	require.Less(t, grown, int64(8<<20))
	t.Logf("100,000 media, heap grew by %.1f MB at most", float64(grown)/1e6)
}

func TestABackfillStopsWhereItWasToldAndResumesThere(t *testing.T) {
	for name, tc := range map[string]struct {
		hits iter.Seq2[tag.Hit, error]
		fail video.ID
		stop int
		want error
		told int
	}{
		"all":                        {many(250, nil), "", -1, nil, 250},
		"the search fails":           {many(250, video.ErrTransient), "", -1, video.ErrTransient, 250},
		"the search fails at once":   {many(0, video.ErrForbidden), "", -1, video.ErrForbidden, 0},
		"a read is refused":          {many(10_000, nil), "v730", -1, video.ErrForbidden, 700},
		"whoever is told wants stop": {many(10_000, nil), "", 300, errStop, 300},
		"nothing":                    {many(0, nil), "", -1, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := &endless{fail: tc.fail}
			told := 0
			err := tag.Tagger{Library: l, Rules: rules(t), Writer: l}.Backfill(t.Context(), tc.hits, at, func(s tag.Step) error {
				told += len(s.Hits)
				if told == tc.stop {
					return errStop
				}
				return nil
			})
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.told, told)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := &endless{}
	err := tag.Tagger{Library: l, Rules: rules(t)}.Backfill(ctx, many(1_000_000, nil), at, func(tag.Step) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
}

var errStop = errors.New("stop")

func TestADiffNamesWhatIsTakenBack(t *testing.T) {
	l := newLibrary()
	m := l.media["v1"]
	m.Title, m.Tags = "Other", []string{"promo"}
	l.media["v1"] = m
	tagger := tag.Tagger{Library: l, Rules: rules(t), Memory: func(_ context.Context, targets []tag.Target) ([]tagging.Memory, error) {
		all := make([]tagging.Memory, len(targets))
		all[0].Given = map[string]tagging.Gift{"promo": {}}
		return all, nil
	}}
	diff := tag.NewDiff(tagger.Rules)
	err := tagger.Backfill(t.Context(), tag.Hits(t.Context(), l, video.Query{Kind: video.KindVideo}), at, func(s tag.Step) error {
		diff.Add(s)
		return nil
	})
	require.NoError(t, err)
	last := diff.Rules[len(diff.Rules)-1]
	require.Empty(t, last.Rule)
	require.Equal(t, 1, last.Changes)
	require.Equal(t, "remove", last.Examples[0].Wants.Act)
	require.Equal(t, 2, diff.Waiting)
}

// places keep how far sweeps came.
type places map[video.Kind]struct {
	upTo time.Time
	done bool
}

func (p places) Place(_ context.Context, kind video.Kind, _ time.Time) (time.Time, bool, error) {
	return p[kind].upTo, p[kind].done, nil
}

func (p places) NotePlace(_ context.Context, kind video.Kind, _, upTo time.Time, done bool) error {
	p[kind] = struct {
		upTo time.Time
		done bool
	}{upTo, done}
	return nil
}

// uploads are videos that were created one a second, the last one a second before at.
type uploads int

func (n uploads) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		for i := range n {
			v := video.Video{ID: video.ID(fmt.Sprint("v", i)), Kind: video.KindVideo, Status: video.StatusNormal, Created: at.Add(time.Duration(i-n) * time.Second)}
			if q.Kind != video.KindVideo || v.Created.Before(q.CreatedFrom) || !v.Created.Before(q.CreatedTo) {
				continue
			}
			if !yield(video.Found{Video: v}, nil) {
				return
			}
		}
	}
}

// A sweep that is killed, or that has more to do than it has time for, is gone on with by
// the next ticks; nothing is left out, and little is done again.
func TestASweepGoesOnWhereOneBeforeStopped(t *testing.T) {
	for name, kill := range map[string]bool{"out of time": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 9000 // of 2,5 hours; each sweep has time for 3,000
				kept, seen := places{}, map[video.ID]int{}
				sweeps := 0
				for tick := at; len(seen) < n; tick = tick.Add(time.Hour) {
					sweeps++
					require.Less(t, sweeps, 6)
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Second)
					runs := 0
					swept, err := tag.Sweep(ctx, uploads(n), tick, 3*time.Hour, kept, func(ctx context.Context, targets []tag.Target) ([]tag.Result, error) {
						if runs++; kill && runs > 25 { // what the dead process would still have done does not count
							cancel()
							return nil, ctx.Err()
						}
						time.Sleep(10 * time.Second)
						for _, target := range targets {
							seen[target.ID]++
						}
						return make([]tag.Result, len(targets)), nil
					})
					if sweeps > 1 {
						require.Equal(t, 1, swept.Resumed)
					}
					if len(seen) < n {
						require.Error(t, err)
					}
					cancel()
				}
				again := 0
				for _, times := range seen {
					again += times - 1
				}
				t.Logf("%d media in %d sweeps, %d looked at again", n, sweeps, again)
				require.LessOrEqual(t, again, 200*sweeps)
			})
		})
	}
}

// A tick that never came is made up for, as far as is remembered.
func TestASweepLooksBackToTheLastOne(t *testing.T) {
	kept := places{}
	require.NoError(t, kept.NotePlace(t.Context(), video.KindVideo, at, at.Add(-5*time.Hour), true))
	l := newLibrary()
	_, err := tag.Sweep(t.Context(), l, at, 3*time.Hour, kept, func(_ context.Context, targets []tag.Target) ([]tag.Result, error) {
		return make([]tag.Result, len(targets)), nil
	})
	require.NoError(t, err)
	require.Equal(t, "Search video 03:00-08:00", l.calls[0])
	require.Equal(t, at, kept[video.KindVideo].upTo)

	_, err = tag.Sweep(t.Context(), l, at.Add(time.Hour), 3*time.Hour, kept, func(context.Context, []tag.Target) ([]tag.Result, error) {
		return nil, video.ErrTransient
	})
	require.Error(t, err)
	require.Equal(t, at, kept[video.KindVideo].upTo, "what failed is looked at again")
}
