package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// one is a library with one old temporary video.
type one struct{ calls int }

func (o *one) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	o.calls++
	return func(yield func(video.Found, error) bool) {
		if q.Kind == video.KindVideo {
			yield(video.Found{Video: video.Video{ID: "a1", Created: tonight.AddDate(0, 0, -60)}}, nil)
		}
	}
}

func (o *one) Categories(context.Context) ([]video.Category, error) {
	o.calls++
	return nil, nil
}

func (o *one) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	o.calls++
	m := video.Media{
		Video:  video.Video{ID: ids[0], Kind: video.KindVideo, Tags: []string{"temp"}, Status: video.StatusNormal, Size: 7, Duration: time.Minute, Created: tonight.AddDate(0, 0, -60)},
		Source: &video.Source{Status: "Normal", Size: 7, Duration: time.Minute}, Streams: []video.Stream{},
	}
	return []video.Answer[video.Media]{{ID: ids[0], Value: m}}, nil
}

var tonight = time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)

const tick = `{"triggerTime":"2026-11-22T17:00:00Z","triggerName":"nightly","payload":""}`

func newHandler(t *testing.T, policy func(context.Context) (*retention.Policy, error)) (handler, *one, *strings.Builder) {
	t.Helper()
	store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	library, log := &one{}, &strings.Builder{}
	return handler{
		job:   plan.Job{Library: library, State: store, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}},
		store: erasable{store},
		night: &night.Night{
			Name: "purgeplan", Policy: policy, State: store, Log: report.NewLog(log, slog.LevelInfo),
			Notice: notify.Notice{Event: "planned", Scope: video.Scope{Region: "cn-shanghai", Account: "1"}},
		},
	}, library, log
}

// erasable is a state that can remove.
type erasable struct{ *state.Store }

func (e erasable) Remove(ctx context.Context, key string) error {
	return state.Remove(ctx, e.Store, key)
}

// onTime hands the handler an event, while its clock says what the event says.
func onTime(ctx context.Context, h handler, raw []byte) (any, error) {
	h.night.Clock = func(context.Context) (time.Time, error) {
		tick, err := events.DecodeTick(raw)
		return tick.At, err
	}
	return h.handle(ctx, raw)
}

func byDefault(context.Context) (*retention.Policy, error) { return retention.Default(), nil }

func TestATickMakesAPlanAndSaysItInNumbers(t *testing.T) {
	h, _, log := newHandler(t, byDefault)
	answer, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	require.Contains(t, string(text), `"items":1,"bytes":7`)
	require.Contains(t, log.String(), `"items":1`)

	again, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	require.Equal(t, answer, again, "the second delivery finds the plan of the first")
}

func TestWhatIsNoTickPlansNothing(t *testing.T) {
	for _, raw := range []string{"", "{}", "null", "garbage", `{"triggerTime":"soon"}`} {
		h, library, _ := newHandler(t, byDefault)
		_, err := onTime(t.Context(), h, []byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, library.calls)
	}
}

func TestATickFarFromTheClockIsRefusedAndTold(t *testing.T) {
	for name, now := range map[string]time.Time{"of the future": tonight.AddDate(0, 0, -1), "of the past": tonight.AddDate(0, 0, 2)} {
		h, library, _ := newHandler(t, byDefault)
		hook := &webhook{}
		h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
		h.night.Clock = func(context.Context) (time.Time, error) { return now, nil }
		_, err := h.handle(t.Context(), []byte(tick))
		require.ErrorIs(t, err, events.ErrRefused, name)
		require.Zero(t, library.calls, name)
		require.Len(t, hook.bodies, 1, name)
		require.Contains(t, hook.bodies[0], "no run: the tick is refused", name)
		require.Contains(t, hook.bodies[0], `"at":"`+now.Format(time.RFC3339), name)
	}
}

func TestATickBehindTheLastIsRefused(t *testing.T) {
	h, _, _ := newHandler(t, byDefault)
	_, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	h.night.Clock = func(context.Context) (time.Time, error) { return tonight.Add(3 * time.Hour), nil }
	for _, hour := range []string{"T15:", "T16:"} {
		_, err = h.handle(t.Context(), []byte(strings.NewReplacer("T17:", hour, "T19:", hour).Replace(tick)))
		require.ErrorIs(t, err, events.ErrRefused)
	}
}

func TestWithoutAReadablePolicyNothingIsPlanned(t *testing.T) {
	broken := errors.New("no such file")
	h, library, _ := newHandler(t, func(context.Context) (*retention.Policy, error) { return nil, broken })
	_, err := onTime(t.Context(), h, []byte(tick))
	require.ErrorIs(t, err, broken)
	require.Zero(t, library.calls)
}

type webhook struct{ bodies []string }

func (w *webhook) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	w.bodies = append(w.bodies, string(body))
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
}

func TestEveryNightIsToldAndWhatIsAboutToLeave(t *testing.T) {
	const six = "grace: 6d\nrules: [{name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]\nguards: {percent: 100}\n"
	h, _, _ := newHandler(t, func(context.Context) (*retention.Policy, error) { return retention.Parse("p.yaml", []byte(six)) })
	hook := &webhook{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	at := func(day int) {
		moment := tonight.AddDate(0, 0, day).Format(time.RFC3339)
		_, err := onTime(t.Context(), h, []byte(strings.ReplaceAll(tick, "2026-11-22T17:00:00Z", moment)))
		require.NoError(t, err)
	}
	for day, want := range []string{"", "", "in 4 days", "in 3 days", "in 2 days", "in 1 day", ""} {
		at(day)
		require.Len(t, hook.bodies, day+1)
		told := hook.bodies[day]
		if want == "" {
			require.NotContains(t, told, "incidents", "day %d", day)
			continue
		}
		require.Contains(t, told, `"incidents":["1 item pending will go `+want+`: vodctl pending"]`, "day %d", day)
	}
	require.Contains(t, hook.bodies[6], "lists 1 item")
	require.Contains(t, hook.bodies[6], "0 items removed since 2026-11-27 17:00:00Z, 0 B")
	require.Contains(t, hook.bodies[6], `"event":"planned"`)
	at(6)
	require.Len(t, hook.bodies, 7, "the second delivery tells nothing")
	for hour := range 5 {
		_, err := onTime(t.Context(), h, []byte(strings.ReplaceAll(tick, "2026-11-22T17:00:00Z", tonight.AddDate(0, 0, 6).Add(time.Duration(hour)*time.Hour).Format(time.RFC3339))))
		require.NoError(t, err)
	}
	require.Len(t, hook.bodies, 7, "one message a tonight, whatever the number of its ticks")
	at(9)
	require.Contains(t, hook.bodies[7], `"incidents":["2 nights without a plan before this one"]`)
}

func TestANightWithoutAPlanIsToldOnce(t *testing.T) {
	h, _, _ := newHandler(t, func(context.Context) (*retention.Policy, error) { return nil, errors.New("no such file") })
	hook := &webhook{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	for range 3 {
		_, err := onTime(t.Context(), h, []byte(tick))
		require.Error(t, err)
	}
	require.Len(t, hook.bodies, 1)
	require.Contains(t, hook.bodies[0], `"event":"incident"`)
	require.Contains(t, hook.bodies[0], "no run: no such file")
}

// slow is a library that never answers in time.
type slow struct{ one }

func (s *slow) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		for i := range 30_000 {
			if q.Kind != video.KindVideo || !yield(video.Found{Video: video.Video{ID: video.ID(strconv.Itoa(i)), Created: tonight.AddDate(0, 0, -60).Add(time.Duration(i) * time.Second)}}, nil) {
				return
			}
		}
	}
}

func (s *slow) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	time.Sleep(5 * time.Second)
	answers := make([]video.Answer[video.Media], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Media]{ID: id, Value: video.Media{Video: video.Video{ID: id}}}
	}
	return answers, nil
}

func TestANightThatEndsWithoutAPlanIsToldOnce(t *testing.T) {
	h, _, _ := newHandler(t, byDefault)
	h.job.Library = &slow{}
	hook := &webhook{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	synctest.Test(t, func(t *testing.T) {
		for _, hours := range []int{0, 1, 24, 25} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := onTime(ctx, h, []byte(strings.ReplaceAll(tick, "2026-11-22T17:00:00Z", tonight.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339))))
			cancel()
			require.NoError(t, err)
		}
	})
	require.Len(t, hook.bodies, 1)
	require.Contains(t, hook.bodies[0], `"incidents":["planning has taken 1 night; read so far: `)
}

func TestDamagedProgressIsTold(t *testing.T) {
	h, _, _ := newHandler(t, byDefault)
	hook := &webhook{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	old := removal.Draft{At: tonight.Add(-24 * time.Hour), Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Policy: retention.Default().Hash, Number: 1, Done: true, Parts: []removal.Chunk{{Hash: "gone", Lines: 1}}}
	require.NoError(t, removal.WriteDraft(t.Context(), h.night.State, old))
	answer, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	require.NotEmpty(t, answer.(reports.PlanAnswer).Plan)
	require.Len(t, hook.bodies, 1)
	require.Contains(t, hook.bodies[0], `"planning begins anew: the progress of earlier ticks is corrupt: `)
}

// down is a webhook that answers 403 until it is up.
type down struct {
	webhook
	up bool
}

func (d *down) RoundTrip(r *http.Request) (*http.Response, error) {
	if !d.up {
		return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Request: r}, nil
	}
	return d.webhook.RoundTrip(r)
}

func TestMissedNightsAreToldByALaterTickWhenTheFirstNoticeFails(t *testing.T) {
	h, _, _ := newHandler(t, byDefault)
	hook := &down{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	for _, hours := range []int{0, 4 * 24, 4*24 + 1, 4*24 + 2} {
		hook.up = hours > 4*24
		_, err := onTime(t.Context(), h, []byte(strings.ReplaceAll(tick, "2026-11-22T17:00:00Z", tonight.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339))))
		require.NoError(t, err)
	}
	require.Len(t, hook.bodies, 1)
	require.Contains(t, hook.bodies[0], `"3 nights without a plan before this one"`)
	require.Contains(t, hook.bodies[0], `"missed":3`)
}

func TestTheStateIsKeptSmallAfterThePlan(t *testing.T) {
	h, _, log := newHandler(t, byDefault)
	store := h.store.(erasable)
	old := "messages/" + tonight.AddDate(0, 0, -60).Format(time.DateOnly) + "/" + strings.Repeat("ab", 32)
	require.NoError(t, store.Create(t.Context(), old, nil))
	_, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	_, err = store.Read(t.Context(), old)
	require.ErrorIs(t, err, video.ErrNotFound)
	require.Contains(t, log.String(), `"removed":1`)
}

type unerasable struct{ *state.Store }

func (unerasable) Remove(context.Context, string) error { return video.ErrForbidden }

func TestAStateThatGrowsIsToldAndThePlanStands(t *testing.T) {
	h, _, _ := newHandler(t, byDefault)
	store := h.store.(erasable).Store
	h.store = unerasable{store}
	hook := &webhook{}
	h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
	require.NoError(t, store.Create(t.Context(), "messages/2020-01-01/"+strings.Repeat("ab", 32), nil))
	for range 2 {
		answer, err := onTime(t.Context(), h, []byte(tick))
		require.NoError(t, err)
		require.NotEmpty(t, answer.(reports.PlanAnswer).Plan)
	}
	require.Len(t, hook.bodies, 2, "the tonight, and once that the state grows")
	require.Contains(t, hook.bodies[1], `"code":"state"`)
}
