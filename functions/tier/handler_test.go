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

// shelf is a library with one old video that can be moved.
type shelf struct {
	media video.Media
	calls []string // for moves, each with its class
}

func (s *shelf) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	return []video.Answer[video.Media]{{ID: ids[0], Value: s.media}}, nil
}

func (s *shelf) Categories(context.Context) ([]video.Category, error) { return nil, nil }

func (s *shelf) SetStorageClass(_ context.Context, ids []video.ID, class string, _, _ bool) ([]video.Outcome, error) {
	s.calls, s.media.StorageClass = append(s.calls, class), "Changing"
	return []video.Outcome{{ID: ids[0], Result: video.Done}}, nil
}

const (
	moving   = "holds: {tags: [keep]}\nrules:\n  - {name: cool, older_than: 30d, move: {to: IA}}\nmoves: {guards: {percent: 100}}\n"
	removing = "rules:\n  - {name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\n"
)

var (
	tonight = time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	scope   = video.Scope{Region: "cn-shanghai", Account: "1"}
)

func tickAt(hour string) string {
	return `{"triggerTime":"2026-11-22T` + hour + `:30:00Z","triggerName":"nightly","payload":""}`
}

// rig is the function, a library whose move is approved, and what it logs and tells.
type rig struct {
	handler
	shelf  *shelf
	log    strings.Builder
	bodies []string // that the webhook got
	policy string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	old := video.Media{Streams: []video.Stream{}, Video: video.Video{ID: "a1", Kind: video.KindVideo, Tags: []string{"temp"}, Status: video.StatusNormal, Size: 7,
		StorageClass: "Standard", Created: tonight.AddDate(0, 0, -60), Modified: tonight.AddDate(0, 0, -60)}}
	r := &rig{shelf: &shelf{media: old}, policy: moving}

	policy, err := retention.Parse("policy.yaml", []byte(moving))
	require.NoError(t, err)
	verdict := policy.Moves().Judge(old, retention.Inputs{Now: tonight})
	lines := removal.Lines{Objects: store}
	require.NoError(t, lines.Add(t.Context(), verdict))
	require.NoError(t, lines.Flush(t.Context()))
	p := removal.Plan{Created: tonight, Expires: tonight.AddDate(0, 0, 7), Scope: scope, Policy: policy.Moves().Hash, Duty: retention.Moving, Library: removal.Library{Media: 100}, Chunks: lines.Written}
	p.Add(verdict.Items...)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), store, p))
	_, err = removal.Approve(t.Context(), store, p, "anna", "", tonight, 0)
	require.NoError(t, err)

	r.job = purge.Job{Mover: r.shelf, State: store, Scope: scope}
	r.night = &night.Night{
		Name: "tier", State: store, Log: report.NewLog(&r.log, slog.LevelInfo), Notice: notify.Notice{Scope: scope},
		Policy: func(context.Context) (*retention.Policy, error) {
			if r.policy == "" {
				return nil, errors.New("no such file")
			}
			return retention.Parse("policy.yaml", []byte(r.policy))
		},
		Hook: notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: r}},
	}
	return r
}

// RoundTrip is the webhook.
func (r *rig) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	r.bodies = append(r.bodies, string(body))
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
}

// run hands the function an event, while its clock says what the event says.
func (r *rig) run(t *testing.T, raw string) (string, error) {
	t.Helper()
	r.night.Clock = func(context.Context) (time.Time, error) {
		tick, err := events.DecodeTick([]byte(raw))
		return tick.At, err
	}
	answer, err := r.handle(t.Context(), []byte(raw))
	text, marshal := json.Marshal(answer)
	require.NoError(t, marshal)
	return string(text), err
}

func TestATickAsksAndALaterOneSaysWhatMoved(t *testing.T) {
	r := newRig(t)
	answer, err := r.run(t, tickAt("19"))
	require.NoError(t, err)
	require.Contains(t, answer, `"underWay":1`)
	require.Equal(t, []string{"IA"}, r.shelf.calls)

	answer, err = r.run(t, tickAt("20"))
	require.NoError(t, err)
	require.Contains(t, answer, `"status":"under way"`)
	r.shelf.media.StorageClass = "IA"
	answer, err = r.run(t, tickAt("21"))
	require.NoError(t, err)
	require.Contains(t, answer, `"moved":1,"bytes":7,"left":0`)
	require.Contains(t, answer, `"status":"ended","approvedBy":"anna"`)
	require.Contains(t, r.log.String(), `"moved":1`)
	_, err = r.run(t, tickAt("21"))
	require.NoError(t, err)
	require.Len(t, r.shelf.calls, 1, "neither a later tick nor a second delivery asks again")
	require.Empty(t, r.bodies)
	past, _, err := removal.LoadPast(t.Context(), r.job.State)
	require.NoError(t, err)
	class, at, _ := past.Moved("a1")
	require.Equal(t, "IA", class)
	require.Equal(t, time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC), at, "the ledger has the function's clock, not this machine's")
}

func TestWhatIsNoTickMovesNothing(t *testing.T) {
	for _, raw := range []string{"", "{}", "null", "garbage", `{"triggerTime":"soon"}`} {
		r := newRig(t)
		_, err := r.run(t, raw)
		require.Error(t, err, raw)
		r.night.Clock = func(context.Context) (time.Time, error) { return tonight, nil }
		_, err = r.handle(t.Context(), []byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Empty(t, r.shelf.calls, raw)
	}
}

// What stops a run moves nothing and is told, once a night.
func TestWhatStopsARunIsTold(t *testing.T) {
	for what, change := range map[string]func(*rig){
		"no such file":                         func(r *rig) { r.policy = "" },
		"the policy changed since it was made": func(r *rig) { r.policy = moving + "# other" },
		"halted by anna: wait": func(r *rig) {
			require.NoError(t, removal.SetHalt(t.Context(), r.job.State, removal.Halt{Halted: true, By: "anna", Reason: "wait"}))
		},
		"another run was at work": func(r *rig) {
			require.NoError(t, r.job.State.Create(t.Context(), "lease/move/00000001.json", []byte(`{"version":1,"name":"move","holder":"x"}`)))
		},
	} {
		r := newRig(t)
		change(r)
		for _, hour := range []string{"19", "20", "21"} {
			_, _ = r.run(t, tickAt(hour))
		}
		require.Empty(t, r.shelf.calls, what)
		require.Len(t, r.bodies, 1, what)
		require.Contains(t, r.bodies[0], `"event":"incident"`)
		require.Contains(t, r.bodies[0], what)
	}
}

// A policy that moves nothing any more asks for nothing; what was asked for before is settled.
func TestAPolicyWithoutMovesSettlesWhatIsUnderWay(t *testing.T) {
	r := newRig(t)
	_, err := r.run(t, tickAt("19"))
	require.NoError(t, err)
	r.policy = removing
	r.shelf.media.StorageClass = "IA"
	answer, err := r.run(t, tickAt("20"))
	require.NoError(t, err)
	require.Contains(t, answer, `"moved":1`)
	require.Len(t, r.shelf.calls, 1)
}

// What happened to the asset behind the approval.
func TestWhatChangedSinceStays(t *testing.T) {
	for what, change := range map[string]func(*video.Media){
		"held":           func(m *video.Media) { m.Tags = append(m.Tags, "Keep") },
		"moved":          func(m *video.Media) { m.StorageClass = "IA" },
		"being moved":    func(m *video.Media) { m.StorageClass = "Changing" },
		"class not told": func(m *video.Media) { m.StorageClass = "" },
		"at work":        func(m *video.Media) { m.Status = "Transcoding" },
	} {
		r := newRig(t)
		change(&r.shelf.media)
		_, err := r.run(t, tickAt("19"))
		require.NoError(t, err, what)
		require.Empty(t, r.shelf.calls, what)
	}
}
