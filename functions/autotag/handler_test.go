package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

const (
	url = "https://cb.example.com/vod/events"
	key = "Ab3dEf6hIj9k"
	id  = "30a1f0c2d7b171f1a4e66723a78e0102"
)

var defaults = tagging.Default()

var at = time.Unix(1782000000, 0).UTC()

// library answers for every id, and counts.
type library struct {
	mu    sync.Mutex
	calls []string
	err   error
	block bool
	tags  map[video.ID][]string

	rulesErr error
}

func (l *library) call(ctx context.Context, name string, ids ...video.ID) error {
	l.mu.Lock()
	l.calls = append(l.calls, fmt.Sprint(name, " ", ids))
	l.mu.Unlock()
	if l.block {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", video.ErrTransient, ctx.Err())
	}
	return l.err
}

func (l *library) media(id video.ID) video.Media {
	l.mu.Lock()
	defer l.mu.Unlock()
	return video.Media{
		Video:  video.Video{ID: id, Kind: video.KindVideo, Title: "Promo", Tags: l.tags[id]},
		Source: &video.Source{FileName: "x.mp4", Duration: 30 * time.Second, Width: 1280, Height: 720},
	}
}

func (l *library) Media(ctx context.Context, ids []video.ID) (out []video.Answer[video.Media], err error) {
	err = l.call(ctx, "Media", ids...)
	for _, id := range ids {
		out = append(out, video.Answer[video.Media]{ID: id, Value: l.media(id), Err: err})
	}
	return out, err
}

func (l *library) Videos(context.Context, []video.ID) ([]video.Answer[video.Video], error) {
	return nil, errors.ErrUnsupported // rules need more
}

func (l *library) Images(ctx context.Context, ids []video.ID) (out []video.Answer[video.Image], err error) {
	for _, id := range ids {
		out = append(out, video.Answer[video.Image]{ID: id, Value: video.Image{ID: id, Width: 2, Height: 1, Title: "x"}})
	}
	return out, l.call(ctx, "Images", ids...)
}

func (l *library) Labels(ctx context.Context, id video.ID) ([]video.Label, error) {
	return []video.Label{{Text: "boat"}}, l.call(ctx, "Labels", id)
}

func (l *library) Update(ctx context.Context, updates []video.Update) (out []video.Outcome, err error) {
	for _, u := range updates {
		l.mu.Lock()
		l.tags[u.ID] = *u.Tags
		l.mu.Unlock()
		out = append(out, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return out, l.call(ctx, "Update")
}

func (l *library) UpdateImages(ctx context.Context, updates []video.Update) (out []video.Outcome, err error) {
	for _, u := range updates {
		out = append(out, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return out, l.call(ctx, "UpdateImages")
}

func (l *library) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		l.calls = append(l.calls, fmt.Sprint("Search ", q.Kind, " ", q.CreatedFrom.Format(time.RFC3339), " ", q.CreatedTo.Format(time.RFC3339)))
		if q.Kind == video.KindVideo {
			yield(video.Found{Video: l.media("v1").Video}, nil)
		}
	}
}

func newTest() (*handler, *library, *bytes.Buffer) { return newTestWith(defaults, false) }

func newTestWith(rules *tagging.Rules, reportOnly bool) (*handler, *library, *bytes.Buffer) {
	l, log := &library{tags: map[video.ID][]string{}}, &bytes.Buffer{}
	e, err := edit.New(edit.Config{Library: l, Rules: edit.Rules{
		Read:  func(context.Context) (*tagging.Rules, error) { return rules, l.rulesErr },
		Media: l.Media, Labels: l.Labels, Report: reportOnly,
	}})
	if err != nil {
		panic(err)
	}
	logger := report.NewLog(log, slog.LevelInfo)
	return &handler{
		notices:  deliver.Notices{Editor: e, Run: report.RequestID, Now: func() time.Time { return at }, Log: logger},
		search:   l,
		gate:     events.Gate{Signer: events.Signer{URL: url, Keys: []string{"ZZ9newKey0001", key}}, Seen: events.NewSeen(100, 10*time.Minute)},
		log:      logger,
		deadline: 4 * time.Second,
	}, l, log
}

func TestTheCallbackWindowIsTheConfiguredOne(t *testing.T) {
	env := map[string]string{
		"CALLBACK_URL": url, "CALLBACK_KEYS": key, "CALLBACK_WINDOW": "90s",
		"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s",
	}
	config, err := boot.Read(func(name string) string { return env[name] })
	require.NoError(t, err)
	app, err := boot.New(config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	h, l, _ := newTest()
	h.gate.Signer = newHandler(app).gate.Signer
	for off, want := range map[time.Duration]int{-91 * time.Second: 403, -90 * time.Second: 200, 90 * time.Second: 200, 91 * time.Second: 403} {
		l.calls = nil
		stamp, signature := sign(at.Add(off), key)
		require.Equal(t, want, callback(t, h, request("POST", notice("FileUploadComplete", "VideoId"), stamp, signature)), off)
		require.Equal(t, want == 200, len(l.calls) > 0, off)
	}
}

func notice(kind, field string) string {
	return fmt.Sprintf(`{"EventType":%q,%q:%q,"Status":"success","EventTime":"2026-06-21T00:00:00Z"}`, kind, field, id)
}

func sign(stamp time.Time, key string) (string, string) {
	text := fmt.Sprint(stamp.Unix())
	sum := md5.Sum([]byte(url + "|" + text + "|" + key))
	return text, hex.EncodeToString(sum[:])
}

func request(method, body, stamp, signature string) []byte {
	raw, _ := json.Marshal(map[string]any{
		"version": "v1", "rawPath": "/", "body": body, "isBase64Encoded": false,
		"headers":        map[string]string{"X-Vod-Timestamp": stamp, "X-Vod-Signature": signature},
		"requestContext": map[string]any{"requestId": "1-a", "http": map[string]string{"method": method, "path": "/"}},
	})
	return raw
}

func callback(t *testing.T, h *handler, raw []byte) int {
	t.Helper()
	answer, err := h.handle(t.Context(), raw)
	require.NoError(t, err, "an error would answer 502 and show the caller our text")
	return answer.(events.Response).StatusCode
}

func TestACallbackThatIsNotVODsCausesNoCall(t *testing.T) {
	good := notice("FileUploadComplete", "VideoId")
	stamp, signature := sign(at, key)
	signed := func(at time.Time, key string) []byte {
		stamp, signature := sign(at, key)
		return request("POST", good, stamp, signature)
	}
	for name, tc := range map[string]struct {
		raw    []byte
		status int
	}{
		"unsigned":                    {request("POST", good, "", ""), 401},
		"without time":                {request("POST", good, "", signature), 401},
		"without signature":           {request("POST", good, stamp, ""), 401},
		"forged":                      {request("POST", good, stamp, strings.Repeat("0", 32)), 403},
		"a key that is no longer one": {signed(at, "oldKey00001"), 403},
		"stale":                       {signed(at.Add(-5*time.Minute-time.Second), key), 403},
		"from the future":             {signed(at.Add(5*time.Minute+time.Second), key), 403},
		"upper-case signature":        {request("POST", good, stamp, strings.ToUpper(signature)), 403},
		"a GET":                       {request("GET", good, stamp, signature), 405},
		"oversized":                   {request("POST", strings.Repeat("x", 1<<20+1), stamp, signature), 413},
		"not JSON":                    {request("POST", "hello", stamp, signature), 400},
		"no kind":                     {request("POST", "{}", stamp, signature), 400},
		"an id that is two":           {request("POST", `{"EventType":"FileUploadComplete","VideoId":"a,b"}`, stamp, signature), 400},
		"a body that is no base64":    {[]byte(`{"rawPath":"/","requestContext":{},"body":"*","isBase64Encoded":true}`), 400},
	} {
		t.Run(name, func(t *testing.T) {
			h, l, log := newTest()
			require.Equal(t, tc.status, callback(t, h, tc.raw))
			require.Empty(t, l.calls)
			require.NotContains(t, log.String(), signature, "no signature in a log")
			require.Equal(t, 1, strings.Count(log.String(), "\n"))
		})
	}
	for _, edge := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		h, _, _ := newTest()
		require.Equal(t, 200, callback(t, h, signed(at.Add(edge), key)))
	}
}

func TestForgedCallbacksByTheThousandCauseNoCall(t *testing.T) {
	h, l, _ := newTest()
	h.log = slog.New(slog.DiscardHandler)
	h.notices.Log = h.log
	stamp, signature := sign(at, key)
	counts := map[int]int{}
	const forged = 5_000
	for i := range forged {
		raw := request("POST", notice("FileUploadComplete", "VideoId"), stamp, fmt.Sprintf("%032x", i))
		switch i % 4 {
		case 1:
			raw = request("POST", notice("FileUploadComplete", "VideoId"), fmt.Sprint(at.Unix()+int64(i)), signature)
		case 2:
			raw = request("POST", strings.Repeat("{", i), stamp, signature)
		case 3:
			raw = raw[:len(raw)*i/forged]
		}
		if e, _ := events.Decode(raw); e.Trigger == events.TriggerHTTP {
			counts[callback(t, h, raw)]++
		} else {
			_, err := h.handle(t.Context(), raw)
			require.ErrorIs(t, err, events.ErrMalformed)
			counts[0]++
		}
	}
	require.Empty(t, l.calls)
	require.Zero(t, counts[200])
	t.Logf("answers by status (0: not an HTTP event): %v, calls to the library: %d", counts, len(l.calls))
}

func TestACallbackTagsAndItsRepeatDoesNothing(t *testing.T) {
	h, l, log := newTest()
	stamp, signature := sign(at, key)
	raw := request("POST", notice("FileUploadComplete", "VideoId"), stamp, signature)
	require.Equal(t, 200, callback(t, h, raw))
	require.Equal(t, []string{"promo", "landscape", "hd", "short"}, l.tags[id])
	require.Equal(t, []string{"Media [" + id + "]", "Update []"}, l.calls)
	require.Equal(t, 200, callback(t, h, raw))
	require.Len(t, l.calls, 2, "the same pair with the same body has no effect")
	require.Equal(t, 200, callback(t, h, request("POST", notice("VideoAnalysisComplete", "VideoId"), stamp, signature)))
	require.Len(t, l.calls, 3, "another body with the same pair is an event of the same second: it is read, and nothing differs")
	require.Equal(t, 3, strings.Count(log.String(), "\n"), "one record for each invocation")
	require.Contains(t, log.String(), `"outcomes":{"done":1}`)
}

func TestAFailureMakesVODTryAgain(t *testing.T) {
	h, l, _ := newTest()
	stamp, signature := sign(at, key)
	raw := request("POST", notice("FileUploadComplete", "VideoId"), stamp, signature)
	l.err = video.ErrThrottled
	require.Equal(t, 500, callback(t, h, raw))
	l.err = nil
	require.Equal(t, 200, callback(t, h, raw))
	require.Contains(t, l.tags[id], "promo", "the second try is not taken for a repeat")
}

func TestTheAnswerComesWithinFiveSecondsThoughVODIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l, _ := newTest()
		l.block = true
		stamp, signature := sign(at, key)
		start := time.Now()
		require.Equal(t, 500, callback(t, h, request("POST", notice("FileUploadComplete", "VideoId"), stamp, signature)))
		require.Less(t, time.Since(start), 5*time.Second)
	})
}

// intake says, derived by hand from the provider's documents, what becomes of each
// sample: the calls it may cause, or none because it is acknowledged only.
var intake = map[string]string{
	"FileUploadComplete":                 "video",
	"FileUploadComplete.minimal":         "video",
	"UploadByURLComplete":                "video",
	"UploadByURLComplete.stream":         "video", // a ready-made stream joined the media
	"VideoAnalysisComplete":              "video",
	"VideoAnalysisComplete.numeric":      "video",
	"TranscodeComplete":                  "video",
	"TranscodeComplete.minimal":          "video",
	"TranscodeComplete.partial":          "video",
	"TranscodeComplete.preprocess":       "video",
	"AddLiveRecordVideoComplete":         "video",
	"AIVideoTagComplete":                 "video", // labels only when the rules ask for them: the default ones do not
	"ImageUploadComplete":                "image",
	"ImageUploadComplete.seconds-time":   "image",
	"UploadByURLComplete.spaced-keys":    "", // a failure too
	"UploadByURLComplete.fail":           "", // nothing arrived
	"UploadByURLComplete.stream-fail":    "",
	"VideoAnalysisComplete.fail":         "",
	"TranscodeComplete.fail":             "",
	"AIVideoTagComplete.fail":            "",
	"AttachedMediaUploadComplete":        "", // watermarks and subtitles have no rules
	"StreamTranscodeComplete":            "", // TranscodeComplete follows
	"StreamTranscodeComplete.old-fields": "",
	"StreamTranscodeComplete.encrypted":  "",
	"StreamTranscodeComplete.audio":      "",
	"StreamTranscodeComplete.fail":       "",
	"MediaBaseChangeComplete.create":     "", // before any byte is uploaded
	"MediaBaseChangeComplete":            "", // also caused by our own writes
	"LiveRecordVideoComposeStart":        "", // only a beginning
}

func TestEverySampleIsActedOnOrAcknowledged(t *testing.T) {
	files, err := filepath.Glob("../../testdata/events/*.json")
	require.NoError(t, err)
	require.Len(t, files, 58)
	named := maps.Clone(intake)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			h, l, log := newTest()
			stamp, signature := sign(at, key)
			require.Equal(t, 200, callback(t, h, request("POST", string(body), stamp, signature)), log)
			var calls []string
			for _, call := range l.calls {
				calls = append(calls, strings.Fields(call)[0])
			}
			require.Equal(t, map[string][]string{"video": {"Media", "Update"}, "image": {"Images", "UpdateImages"}, "": nil}[intake[name]], calls)
		})
		delete(named, name)
	}
	require.Empty(t, named, "samples that are not there")
}

// A deletion is kept for the ledger, once however often it is told, and causes no call.
func TestAnnouncedDeletionsAreKept(t *testing.T) {
	h, l, _ := newTest()
	var kept []boot.DeletionNotice
	h.notices.Gone = func(_ context.Context, _ time.Time, all []boot.DeletionNotice) error {
		kept = append(kept, all...)
		return nil
	}
	var bodies []string
	for _, name := range []string{"DeleteMediaComplete", "DeleteMediaComplete.fail", "DeleteMediaComplete.stream", "MediaBaseChangeComplete.delete"} {
		body, err := os.ReadFile("../../testdata/events/" + name + ".json")
		require.NoError(t, err)
		bodies = append(bodies, string(body))
		stamp, signature := sign(at, key)
		for range 2 {
			require.Equal(t, 200, callback(t, h, request("POST", string(body), stamp, signature)))
		}
	}
	want := []boot.DeletionNotice{{ID: "30a1f0c2d7b171f1a4e66723a78e0102", At: time.Date(2026, 6, 21, 12, 0, 17, 0, time.UTC)}}
	require.Equal(t, want, kept)
	require.Empty(t, l.calls)

	kept = nil
	answer, err := h.handle(t.Context(), batch(bodies...))
	require.NoError(t, err)
	require.Equal(t, 1, answer.(*deliver.TagReport).Gone)
	require.Equal(t, want, kept)
	h.notices.Gone = func(context.Context, time.Time, []boot.DeletionNotice) error { return errors.New("no bucket") }
	_, err = h.handle(t.Context(), batch(bodies...))
	require.NoError(t, err, "an announcement that is lost is one that never came")
}

func TestSmartTagsCostThreeCalls(t *testing.T) {
	rules, err := tagging.Parse("r", []byte(`rules: [{name: ai, when: len(labels) > 0, add: ["ai:{labels}"]}]`))
	require.NoError(t, err)
	h, l, _ := newTestWith(rules, false)
	body, err := os.ReadFile("../../testdata/events/AIVideoTagComplete.json")
	require.NoError(t, err)
	stamp, signature := sign(at, key)
	require.Equal(t, 200, callback(t, h, request("POST", string(body), stamp, signature)))
	require.Equal(t, []string{"Media [" + id + "]", "Labels [" + id + "]", "Update []"}, l.calls)
	require.Equal(t, []string{"ai:boat"}, l.tags[id])
}

func batch(bodies ...string) []byte {
	var all []map[string]any
	for i, body := range bodies {
		all = append(all, map[string]any{"id": fmt.Sprint("m", i), "source": "q", "specversion": "1.0", "type": "mns:Queue:SendMessage",
			"data": map[string]any{"messageId": fmt.Sprint("m", i), "messageBody": body}})
	}
	raw, _ := json.Marshal(all)
	return raw
}

func TestABatchReadsTogetherAndOneBadMessageHarmsNobody(t *testing.T) {
	h, l, log := newTest()
	other := strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), id, "v2")
	answer, err := h.handle(t.Context(), batch(
		notice("FileUploadComplete", "VideoId"), "poison", other, notice("TranscodeComplete", "VideoId"),
		notice("SomethingNew", "VideoId"), notice("ImageUploadComplete", "ImageId"), `{"EventType":"FileUploadComplete"}`,
	))
	require.NoError(t, err)
	s := answer.(*deliver.TagReport)
	require.Equal(t, 6, s.Notices)
	require.Equal(t, 4, s.Acted)
	require.Equal(t, 2, s.Ignored)
	require.Equal(t, 1, s.Malformed)
	require.Equal(t, map[video.Result]int{video.Done: 4}, s.Outcomes)
	require.Contains(t, log.String(), `"message":"m1"`)
	require.NotContains(t, log.String(), "poison", "what a stranger wrote is not logged")

	answer, err = h.handle(t.Context(), batch("poison", "{}"))
	require.NoError(t, err, "running it again would cure nothing")
	require.Equal(t, 2, answer.(*deliver.TagReport).Malformed)

	l.err = video.ErrThrottled
	_, err = h.handle(t.Context(), batch(notice("FileUploadComplete", "VideoId")))
	require.ErrorIs(t, err, video.ErrThrottled, "nothing could be done: the platform tries again")
	l.err = nil
	h.notices.Retag = func(_ context.Context, retags []events.Retag) (out []video.Outcome, err error) {
		for _, r := range retags {
			out = append(out, video.Outcome{ID: r.ID, Result: video.Forbidden, Err: video.ErrForbidden})
		}
		return out, nil
	}
	_, err = h.handle(t.Context(), batch(strings.ReplaceAll(other, "v2", "v7"), strings.ReplaceAll(other, "v2", "v8")))
	require.ErrorIs(t, err, video.ErrForbidden, "a right that is missing loses no event")
}

func TestATopicMessageAndGarbage(t *testing.T) {
	h, l, _ := newTest()
	raw, _ := json.Marshal(map[string]any{"TopicName": "t", "MessageId": "1", "PublishTime": 1782000001250, "Message": notice("FileUploadComplete", "VideoId")})
	_, err := h.handle(t.Context(), raw)
	require.NoError(t, err)
	_, err = h.handle(t.Context(), []byte(notice("FileUploadComplete", "VideoId")))
	require.NoError(t, err)
	require.NotEmpty(t, l.tags[id])
	calls := len(l.calls)
	for _, garbage := range []string{"", "x", "[]", "[1,2]", "{}", `{"triggerTime":"soon","triggerName":"x"}`, "\x00\xff"} {
		_, err = h.handle(t.Context(), []byte(garbage))
		require.Error(t, err, garbage)
		require.ErrorIs(t, err, events.ErrMalformed, garbage)
	}
	require.Len(t, l.calls, calls)
	l.err = video.ErrTransient
	_, err = h.handle(t.Context(), []byte(notice("VideoAnalysisComplete", "VideoId")))
	require.ErrorIs(t, err, video.ErrTransient)
}

func TestTheSweepLooksBackAFixedSpanFromTheTimersOwnTime(t *testing.T) {
	h, l, _ := newTest()
	tick := func(payload string) (*deliver.TagReport, error) {
		raw, _ := json.Marshal(map[string]string{"triggerTime": "2026-06-21T08:00:00Z", "triggerName": "sweep", "payload": payload})
		answer, err := h.handle(t.Context(), raw)
		return answer.(*deliver.TagReport), err
	}
	s, err := tick("")
	require.NoError(t, err)
	require.Equal(t, "Search video 2026-06-21T05:00:00Z 2026-06-21T08:00:00Z", l.calls[0])
	require.Equal(t, 1, s.Found)
	require.InDelta(t, 1.0, s.LossRatio, 1e-9)
	s, err = tick("48h")
	require.NoError(t, err)
	require.Contains(t, l.calls, "Search video 2026-06-19T08:00:00Z 2026-06-21T08:00:00Z")
	require.Equal(t, 1, s.Seen)
	require.Zero(t, s.Found)
	_, err = tick("two days")
	require.ErrorContains(t, err, "48h")
}

func TestInReportModeNothingIsWritten(t *testing.T) {
	h, l, log := newTestWith(defaults, true)
	answer, err := h.handle(t.Context(), batch(notice("FileUploadComplete", "VideoId")))
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Kept: 1}, answer.(*deliver.TagReport).Outcomes)
	require.Equal(t, []string{"Media [" + id + "]"}, l.calls)
	require.NotEmpty(t, log.String())
}

func TestRulesThatCannotBeReadTagNothing(t *testing.T) {
	h, l, _ := newTest()
	l.rulesErr = errors.New("line 3: nonsense")
	stamp, signature := sign(at, key)
	require.Equal(t, 500, callback(t, h, request("POST", notice("FileUploadComplete", "VideoId"), stamp, signature)))
	_, err := h.handle(t.Context(), batch(notice("FileUploadComplete", "VideoId")))
	require.ErrorContains(t, err, "line 3")
	require.Empty(t, l.calls)
}

// BenchmarkOwnTime is what autotag adds to the calls it must make: the library
// answers at once here.
func BenchmarkOwnTime(b *testing.B) {
	h, l, _ := newTest()
	h.log = report.NewLog(io.Discard, slog.LevelInfo)
	h.notices.Log = h.log
	stamp, signature := sign(at, key)
	var raw [64][]byte
	for i := range raw {
		raw[i] = request("POST", strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), id, fmt.Sprint("v", i)), stamp, signature)
	}
	h.gate.Seen = events.NewSeen(1, time.Minute)
	i := 0
	for b.Loop() {
		clear(l.tags)
		l.calls = l.calls[:0]
		answer, err := h.handle(b.Context(), raw[i%len(raw)])
		if i++; err != nil || answer.(events.Response).StatusCode != 200 {
			b.Fatal(answer, err)
		}
	}
}

// With a queue autotag authenticates and says which assets; it reads nothing, and
// nothing that an event says of an asset goes any further.
func TestWithAQueueAnEventIsAHintAndNothingElse(t *testing.T) {
	h, l, _ := newTest()
	var got []events.Retag
	h.notices.Retag = func(_ context.Context, retags []events.Retag) ([]video.Outcome, error) {
		got = append(got, retags...)
		out := make([]video.Outcome, len(retags))
		for i, r := range retags {
			out[i] = video.Outcome{ID: r.ID, Result: video.Done}
		}
		return out, nil
	}
	h.notices.Editor = nil
	for year := 1970; year <= 2100; year++ {
		stamp, signature := sign(at, key)
		body := strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), "2026-06-21", fmt.Sprintf("%d-06-21", year))
		require.Equal(t, 200, callback(t, h, request("POST", body, stamp, signature)))
		require.Equal(t, events.Retag{ID: id, Event: "FileUploadComplete"}, got[len(got)-1], "no time, no title, no labels")
	}
	require.Len(t, got, 131)
	_, err := h.handle(t.Context(), batch(notice("ImageUploadComplete", "ImageId"), notice("AIVideoTagComplete", "MediaId"), notice("SnapshotComplete", "VideoId")))
	require.NoError(t, err)
	require.Equal(t, []events.Retag{{ID: id, Kind: "image", Event: "ImageUploadComplete"}, {ID: id, Event: "AIVideoTagComplete"}}, got[131:])
	raw, _ := json.Marshal(map[string]string{"triggerTime": "2026-06-21T08:00:00Z", "triggerName": "sweep"})
	_, err = h.handle(t.Context(), raw)
	require.NoError(t, err)
	require.Equal(t, events.Retag{ID: "v1", Event: "sweep"}, got[133])
	for _, call := range l.calls {
		require.Contains(t, call, "Search")
	}
}
