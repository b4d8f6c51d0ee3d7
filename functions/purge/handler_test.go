package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// one is a library with one old temporary video that can be deleted once.
type one struct {
	purge.Library // what is not asked here panics
	deleted       int
}

var old = video.Media{Video: video.Video{
	ID: "a1", Tags: []string{"temp"}, Status: video.StatusNormal, Size: 7, Created: tonight.AddDate(0, 0, -60), Modified: tonight.AddDate(0, 0, -60),
}, Streams: []video.Stream{}}

func (o *one) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	return []video.Answer[video.Media]{{ID: ids[0], Value: old}}, nil
}

func (o *one) DeleteVideos(_ context.Context, ids []video.ID) ([]video.Outcome, error) {
	o.deleted += len(ids)
	return []video.Outcome{{ID: ids[0], Result: video.Done}}, nil
}

var tonight = time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)

const tick = `{"triggerTime":"2026-11-22T19:00:00Z","triggerName":"nightly","payload":""}`

// onTime hands the handler an event, while its clock says what the event says.
func onTime(ctx context.Context, h handler, raw []byte) (any, error) {
	h.night.Clock = func(context.Context) (time.Time, error) {
		tick, err := events.DecodeTick(raw)
		return tick.At, err
	}
	return h.handle(ctx, raw)
}

func byDefault(context.Context) (*retention.Policy, error) { return retention.Default(), nil }

func newHandler(t *testing.T, policy func(context.Context) (*retention.Policy, error)) (handler, *one, *strings.Builder) {
	t.Helper()
	store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })

	verdict := retention.Default().Judge(old, retention.Inputs{Now: tonight})
	lines := removal.Lines{Objects: store}
	require.NoError(t, lines.Add(t.Context(), verdict))
	require.NoError(t, lines.Flush(t.Context()))
	p := removal.Plan{
		Created: tonight, Expires: tonight.AddDate(0, 0, 7), Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Policy: retention.Default().Hash,
		Library: removal.Library{Media: 100}, Chunks: lines.Written,
	}
	p.Add(verdict.Items...)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), store, p))
	_, err = removal.Approve(t.Context(), store, p, "anna", "", tonight, 0)
	require.NoError(t, err)

	library, log := &one{}, &strings.Builder{}
	return handler{
		job: purge.Job{Library: library, State: store, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}},
		night: &night.Night{
			Name: "purge", Policy: policy, State: store, Log: report.NewLog(log, slog.LevelInfo),
			Notice: notify.Notice{Event: "", Scope: video.Scope{Region: "cn-shanghai", Account: "1"}},
		},
	}, library, log
}

func TestATickRemovesWhatIsApprovedAndSaysItInNumbers(t *testing.T) {
	h, library, log := newHandler(t, byDefault)
	answer, err := onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	require.Contains(t, string(text), `"removed":1,"bytes":7,"left":0`)
	require.Contains(t, string(text), `"status":"ended","approvedBy":"anna"`)
	require.Contains(t, log.String(), `"removed":1`)
	require.Equal(t, 1, library.deleted)

	_, err = onTime(t.Context(), h, []byte(tick))
	require.NoError(t, err)
	require.Equal(t, 1, library.deleted, "the second delivery has no effect")
}

func TestWhatIsNoTickRemovesNothing(t *testing.T) {
	for _, raw := range []string{"", "{}", "null", "garbage", `{"triggerTime":"soon"}`} {
		h, library, _ := newHandler(t, byDefault)
		_, err := onTime(t.Context(), h, []byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, library.deleted)
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
		require.Zero(t, library.deleted, name)
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

func TestWithoutAReadablePolicyNothingLeaves(t *testing.T) {
	broken := errors.New("no such file")
	h, library, _ := newHandler(t, func(context.Context) (*retention.Policy, error) { return nil, broken })
	_, err := onTime(t.Context(), h, []byte(tick))
	require.ErrorIs(t, err, broken)
	require.Zero(t, library.deleted)
}

type webhook struct{ bodies []string }

func (w *webhook) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	w.bodies = append(w.bodies, string(body))
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
}

func TestEveryIncidentIsToldOnceANight(t *testing.T) {
	hooked := func(t *testing.T) (handler, *one, *webhook) {
		h, library, _ := newHandler(t, byDefault)
		hook := &webhook{}
		h.night.Hook = notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: hook}}
		return h, library, hook
	}
	ticks := func(h handler, days ...int) {
		for _, day := range days {
			for hour := 19; hour < 23; hour++ {
				at := time.Date(2026, 11, 22+day, hour, 0, 0, 0, time.UTC).Format(time.RFC3339)
				_, _ = onTime(t.Context(), h, []byte(strings.ReplaceAll(tick, "2026-11-22T19:00:00Z", at)))
			}
		}
	}
	h, library, hook := hooked(t)
	ticks(h, 0, 1)
	require.Equal(t, 1, library.deleted)
	require.Empty(t, hook.bodies, "a tonight without an incident is told by the next plan")

	for what, tc := range map[string]struct {
		times  int // in two nights of four ticks
		change func(*handler)
	}{
		"the policy changed since it was made": {1, func(h *handler) {
			h.night.Policy = func(context.Context) (*retention.Policy, error) {
				return retention.Parse("p.yaml", append(retention.DefaultSource(), "# other"...))
			}
		}},
		"another run was at work": {2, func(h *handler) {
			require.NoError(t, h.night.State.Create(t.Context(), "lease/purge/00000001.json", []byte(`{"version":1,"name":"purge","holder":"x"}`)))
		}},
		"halted by anna: wait": {2, func(h *handler) {
			require.NoError(t, removal.SetHalt(t.Context(), h.night.State, removal.Halt{Halted: true, By: "anna", Reason: "wait"}))
		}},
		"no such file": {2, func(h *handler) {
			h.night.Policy = func(context.Context) (*retention.Policy, error) { return nil, errors.New("no such file") }
		}},
	} {
		h, library, hook := hooked(t)
		tc.change(&h)
		ticks(h, 0, 1)
		require.Len(t, hook.bodies, tc.times, what)
		for _, body := range hook.bodies {
			require.Contains(t, body, `"event":"incident"`)
			require.Contains(t, body, what)
		}
		require.Zero(t, library.deleted, what)
	}

	h, library, hook = hooked(t)
	for day := 7; day < 30; day++ {
		ticks(h, day)
	}
	require.Len(t, hook.bodies, 1, "a plan that expired is told once")
	require.Contains(t, hook.bodies[0], "refused: it expired")
	require.Zero(t, library.deleted)
}
