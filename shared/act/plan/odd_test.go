package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// hosted is a planning job on the local cloud, through the real client and a proxy
// that may change the answers of an operation.
type hosted struct {
	plan.Job
	cloud  *localcloud.Cloud
	change func(op string, answer map[string]any)
}

func newHosted(t *testing.T, policy string) *hosted {
	t.Helper()
	h := &hosted{cloud: localcloud.RunT(t, localcloud.Options{
		Callback: "none", Start: now, Faults: "none", Tune: func(s *localcloud.Services) { s.VOD.RateScale = -1 },
	})}
	env := h.cloud.Env()
	target, err := url.Parse(env["VOD_ENDPOINT"])
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		var answer map[string]any
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if h.change != nil && json.Unmarshal(body, &answer) == nil {
			h.change(r.Request.URL.Query().Get("Action"), answer)
			if body, err = json.Marshal(answer); err != nil {
				return err
			}
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	client, err := vod.New(vod.Config{
		Region: "cn-shanghai", Endpoint: front.URL, Share: 1,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""),
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	h.Job = job(t, client, policy)
	return h
}

func (h *hosted) plan(t *testing.T) plan.Report {
	t.Helper()
	r, err := h.Run(t.Context(), h.cloud.Now())
	require.NoError(t, err)
	require.True(t, r.Finished())
	return r
}

// details changes what BatchGetMediaInfos answers about one media, or all.
func (h *hosted) details(id string, change func(media map[string]any)) {
	h.change = func(op string, answer map[string]any) {
		list, _ := answer["MediaInfos"].([]any)
		for _, m := range list {
			if media := m.(map[string]any); op == "BatchGetMediaInfos" && (id == "" || media["MediaId"] == id) {
				change(media)
			}
		}
	}
}

// playing is a video with a source file and one whole stream.
func playing(id string, age int, tags string) fakevod.Asset {
	created := now.AddDate(0, 0, -age)
	return fakevod.Asset{
		ID: fmt.Sprintf("%032s", id), Kind: "video", Title: "title " + id, Tags: tags, Status: "Normal", Created: created, Modified: created, Size: 1 << 20, Duration: 60,
		Source:  &fakevod.Source{Status: "Normal", FileName: id + ".mp4", Created: created, Media: fakevod.Media{Size: 1 << 20, Duration: 60, Width: 1280, Height: 720}},
		Streams: []fakevod.Stream{{JobID: fmt.Sprintf("%032s", "a"+id), Definition: "HD", Format: "mp4", Codec: "h264", Size: 500_000, Width: 1280, Height: 720, Duration: 60, Created: created}},
	}
}

const (
	loose   = "\nguards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}\n"
	oldTemp = "rules:\n  - {name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}" + loose
	sources = "rules:\n  - {name: sources, select: 'status == \"Normal\"', older_than: 90d, remove: {source: {good_streams: 1}}}" + loose
)

func TestAMediaOfAnotherShapeIsSetAsideAndTheRestIsPlanned(t *testing.T) {
	h := newHosted(t, oldTemp)
	for i := range 45 {
		h.cloud.VOD.Seed(playing(strconv.Itoa(i), 100-i, "temp"))
	}
	odd := playing("odd", 70, "temp")
	h.cloud.VOD.Seed(odd)
	h.details(odd.ID, func(m map[string]any) { // both forms are documented, of different operations
		m["MediaInfo"].(map[string]any)["Snapshots"] = map[string]any{"Snapshot": []string{"http://x.example/1.jpg?auth_key=secret"}}
	})
	r := h.plan(t)
	require.Equal(t, 45, r.Plan.Media)
	require.Equal(t, 1, r.Plan.Library.Unread)
	require.Equal(t, 1, r.Plan.Kept[retention.Unread])
	require.Len(t, r.Odd, 1)
	require.Equal(t, r.Odd, r.Plan.Odd)
	require.Contains(t, r.Odd[0], odd.ID)
	require.Contains(t, r.Odd[0], "MediaInfo.Snapshots as an object")
	require.NotContains(t, r.Odd[0], "secret")
}

func TestManyOddMediaAreCountedAndTheFirstNamed(t *testing.T) {
	h := newHosted(t, oldTemp)
	for i := range 30 {
		h.cloud.VOD.Seed(playing(strconv.Itoa(i), 100-i, "temp"))
	}
	h.details("", func(m map[string]any) { delete(m, "MediaInfo") })
	r := h.plan(t)
	require.Zero(t, r.Plan.Items)
	require.Len(t, r.Odd, 21)
	require.Equal(t, "and 10 more assets", r.Odd[20])
}

// A tag that only the search tells may be a hold.
func TestTagsThatTheDetailsLeaveOutAreADoubt(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(info map[string]any)
		items  int
	}{
		"as they are":              {func(map[string]any) {}, 1},
		"left out":                 {func(info map[string]any) { delete(info, "Tags") }, 0},
		"others":                   {func(info map[string]any) { info["Tags"] = "temp" }, 0},
		"in another order":         {func(info map[string]any) { info["Tags"] = "film,temp" }, 1},
		"changed since the search": {func(info map[string]any) { info["Tags"], info["ModificationTime"] = "temp", now.Format(time.RFC3339) }, 1},
		"another kind":             {func(info map[string]any) {}, 0},
		"another category":         {func(info map[string]any) { info["CateId"] = 7 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosted(t, "holds: {tags: [keep]}\n"+sources)
			h.cloud.VOD.Seed(playing("1", 100, "temp,film"))
			h.details("", func(m map[string]any) {
				tc.change(m["MediaInfo"].(map[string]any))
				if source := m["MezzanineInfo"].(map[string]any); name == "another kind" {
					delete(source, "VideoStreamList")
					delete(source, "Width")
					source["AudioStreamList"], m["PlayInfoList"] = []any{map[string]any{"CodecName": "aac"}}, []any{map[string]any{"JobId": "a", "StreamType": "audio"}}
				}
			})
			r := h.plan(t)
			require.Equal(t, tc.items, r.Plan.Items)
			if tc.items == 0 {
				require.NotZero(t, r.Plan.Kept[retention.Doubt], "%v", r.Plan.Near)
			}
		})
	}
}

// A hit that cannot be read leaves it open whether the details are the whole truth.
func TestAHitOfAnotherShapeIsADoubtAndNoEnd(t *testing.T) {
	h := newHosted(t, oldTemp)
	odd := playing("1", 100, "temp")
	h.cloud.VOD.Seed(odd, playing("2", 90, "temp"))
	h.change = func(op string, answer map[string]any) {
		list, _ := answer["MediaList"].([]any)
		for _, m := range list {
			if hit := m.(map[string]any); hit["MediaId"] == odd.ID {
				hit["Video"].(map[string]any)["Tags"] = []string{"keep"}
			}
		}
	}
	r := h.plan(t)
	require.Equal(t, 1, r.Plan.Items)
	require.Equal(t, 1, r.Plan.Kept[retention.Doubt])
}

func TestASourceStaysWhileNobodyTellsHowLongTheWholeIs(t *testing.T) {
	h := newHosted(t, sources)
	a := playing("1", 100, "")
	a.Streams[0].Duration = 5
	h.cloud.VOD.Seed(a)
	h.details("", func(m map[string]any) { delete(m["MezzanineInfo"].(map[string]any), "Duration") })
	require.Zero(t, h.plan(t).Plan.Items, "a stream of 5 s is no copy of the whole")
}

func TestEmptyUploadsMakeNoRoomInTheGuard(t *testing.T) {
	h := newHosted(t, strings.ReplaceAll(oldTemp, "percent: 100", "percent: 5"))
	for i := range 60 {
		h.cloud.VOD.Seed(playing(strconv.Itoa(i), 60, "temp"))
	}
	require.NotEmpty(t, h.plan(t).Plan.Over, "60 of 60 assets, at most 5 %%")
	for i := range 1200 { // as CreateUploadVideo leaves them; no byte is ever sent
		h.cloud.VOD.Seed(fakevod.Asset{Kind: "video", Title: "x", Status: "Uploading", Created: now.Add(time.Duration(i) * time.Second), Source: &fakevod.Source{Status: "Uploading", FileName: "x.mp4"}})
	}
	h.cloud.Advance(24 * time.Hour)
	p := h.plan(t).Plan
	require.Equal(t, []string{"60 of 60 assets, at most 5 %"}, p.Over)
	require.Equal(t, 1260, p.Library.Media)
	require.Equal(t, 60, p.Base())
}

func TestWhatCannotGoIsNotListedAgain(t *testing.T) {
	j := job(t, &library{media: many(3)}, temps)
	note := func(a removal.Aside) {
		require.NoError(t, removal.NoteAside(t.Context(), j.State, now, []removal.Aside{a}))
	}
	first := j.Library.(*library).media[0]
	note(removal.Aside{ID: first.ID, Kind: retention.Whole, Modified: first.Modified, Until: now.AddDate(0, 0, 7), Why: "unremovable"})
	r, err := j.Run(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, 2, r.Plan.Items)
	require.Equal(t, 1, r.Plan.Kept[plan.SetAside])
	near := slices.IndexFunc(r.Plan.Near, func(k retention.Keep) bool { return k.Why == plan.SetAside })
	require.Equal(t, "not tried again before 2026-07-08: unremovable", r.Plan.Near[near].Reason)

	r, err = j.Run(t.Context(), now.AddDate(0, 0, 8))
	require.NoError(t, err)
	require.Equal(t, 3, r.Plan.Items, "its time is over")
}

// both tells every media among the videos and among the audio.
type both struct{ *library }

func (b both) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	q.Kind = video.KindVideo
	return b.library.Search(ctx, q)
}

func TestAMediaThatComesAsVideoAndAsAudioCountsOnce(t *testing.T) {
	r, err := job(t, both{&library{media: many(50)}}, temps).Run(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, 50, r.Plan.Library.Media)
	require.Equal(t, 50, r.Plan.Items)
}

func TestAMediaWithoutATimeStopsNothing(t *testing.T) {
	l := &library{media: many(30)}
	l.media[3].Created = time.Time{}
	slices.SortFunc(l.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
	r, err := job(t, l, "rules: [{name: temp, unsafe: true, select: '\"temp\" in tags', remove: {video: true}}]\nguards: {percent: 100}\n").Run(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, 29, r.Plan.Items, "the rule takes all, whatever their age")
	require.Len(t, r.Odd, 1)
	require.Contains(t, r.Odd[0], "does not tell when it was created")
}

// A clock that was ahead leaves records of the future: they are not gone on with, and
// hide nothing of today.
func TestADraftOfTheFutureIsNotGoneOnWith(t *testing.T) {
	j := job(t, &library{media: many(3)}, temps)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than what is kept back: it records and stops
	defer cancel()
	r, err := j.Run(ctx, now.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.False(t, r.Finished())
	r, err = j.Run(t.Context(), now)
	require.NoError(t, err)
	require.True(t, r.Finished())
	require.Equal(t, now, r.Plan.Created)
}

func TestAPlanOfTheFutureHidesNoProgress(t *testing.T) {
	l := &library{media: many(60)}
	j := job(t, l, "grace: 2d\n"+temps)
	r, err := j.Run(t.Context(), now.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.True(t, r.Finished())
	l.fail = func(int64) error { time.Sleep(30 * time.Millisecond); return nil }
	for tick := 0; ; tick++ {
		require.Less(t, tick, 300, "a library that takes several ticks gets no plan") // a busy machine needs more of them
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second+40*time.Millisecond)
		r, err = j.Run(ctx, now.Add(time.Duration(tick)*time.Hour))
		cancel()
		require.NoError(t, err)
		if r.Finished() {
			break
		}
	}
	require.Equal(t, now, r.Plan.Created)
	require.Zero(t, r.Plan.Items, "none of its days have passed")
	require.Equal(t, 60, r.Plan.PendingItems)
}

// Nor is it the night's plan when its time has come, and nothing waits since then.
func TestAPlanOfAClockThatRanAheadIsNoNightOfTheGrace(t *testing.T) {
	j := job(t, &library{media: many(2)}, "grace: 2d\n"+temps)
	for tick, want := range []struct {
		at    time.Time
		items int
	}{{now.Add(23 * time.Hour), 0}, {now, 0}, {now.AddDate(0, 0, 1), 0}, {now.AddDate(0, 0, 2), 2}} {
		r, err := j.Run(t.Context(), want.at)
		require.NoError(t, err)
		require.False(t, r.Earlier, tick)
		require.Equal(t, want.items, r.Plan.Items, tick)
		for row, err := range removal.ReadLines[removal.Pending](t.Context(), j.State, r.Plan.Pending) {
			require.NoError(t, err)
			require.True(t, tick == 0 || row.Since.Equal(now), "%d: %s", tick, row.Since)
		}
	}
}

// Stray objects are no plans.
func TestStrayObjectsAmongPlansAndDraftsStopNoNight(t *testing.T) {
	j := job(t, &library{media: many(3)}, "grace: 1d\n"+temps)
	for _, key := range []string{
		"plans/zzz.json", "plans/README.md", "plans/99991231T000000Z-deadbeef.json", "plans/20260630T230000Z.json",
		"drafts/notes.txt", "drafts/zzz/1", "drafts/99991231T000000Z-deadbeef/00000001.json", "aside/x", "aside/2026-07-01/garbage",
	} {
		require.NoError(t, j.State.Create(t.Context(), key, []byte("{}")))
	}
	for night := range 2 {
		r, err := j.Run(t.Context(), now.AddDate(0, 0, night))
		require.NoError(t, err)
		require.True(t, r.Finished())
		require.Empty(t, r.Anew)
		require.Equal(t, 3*night, r.Plan.Items)
	}
}

// A night is a night of the clock: many invocations, each with a policy that differs
// in a comment so that it makes a plan of its own, are one.
func TestSixteenPlansOfAMinuteAreOneNightOfTheGrace(t *testing.T) {
	j := job(t, &library{media: many(2)}, "grace: 2d\n"+temps)
	for i := range 16 {
		var err error
		j.Policy, err = retention.Parse("p.yaml", []byte(fmt.Sprintf("# %d\ngrace: 2d\n%s", i, temps)))
		require.NoError(t, err)
		r, err := j.Run(t.Context(), now.Add(time.Duration(i)*4*time.Second))
		require.NoError(t, err)
		require.Zero(t, r.Plan.Items)
		for row, err := range removal.ReadLines[removal.Pending](t.Context(), j.State, r.Plan.Pending) {
			require.NoError(t, err)
			require.Zero(t, row.Days)
			require.Equal(t, now, row.Since)
		}
	}
}

// What the policy needs to know is checked before anything is read.
func TestWithoutItsInputsNoPlanIsBegun(t *testing.T) {
	l := &library{media: many(1)}
	j := job(t, l, "holds: {categories: [1000025810]}\n"+temps)
	_, err := j.Run(t.Context(), now)
	require.ErrorContains(t, err, "1000025810")
	require.Zero(t, l.calls.Load())
}

func TestThePlanTellsWhatOfThePolicyProtectsNothing(t *testing.T) {
	j := job(t, &library{media: many(1)}, "holds: {tags: [kepe]}\n"+temps)
	r, err := j.Run(t.Context(), now)
	require.NoError(t, err)
	text := strings.Join(r.Plan.Warnings, "\n")
	require.Contains(t, text, "hold tags that no asset carries: \"kepe\"")
	require.Contains(t, text, "holds.tags does not name \"keep\"")
}
