package conformance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// creators make a request of each operation that the emulator has: the SDK's own
// way, whose method of the same name takes it.
var creators = map[string]any{
	"CreateUploadVideo": vod.CreateCreateUploadVideoRequest, "RefreshUploadVideo": vod.CreateRefreshUploadVideoRequest,
	"CreateUploadImage": vod.CreateCreateUploadImageRequest, "GetVideoInfo": vod.CreateGetVideoInfoRequest,
	"GetVideoInfos": vod.CreateGetVideoInfosRequest, "BatchGetMediaInfos": vod.CreateBatchGetMediaInfosRequest,
	"UpdateVideoInfo": vod.CreateUpdateVideoInfoRequest, "UpdateVideoInfos": vod.CreateUpdateVideoInfosRequest,
	"SearchMedia": vod.CreateSearchMediaRequest, "GetVideoList": vod.CreateGetVideoListRequest,
	"GetPlayInfo": vod.CreateGetPlayInfoRequest, "GetMezzanineInfo": vod.CreateGetMezzanineInfoRequest,
	"DeleteStream": vod.CreateDeleteStreamRequest, "DeleteMezzanines": vod.CreateDeleteMezzaninesRequest,
	"DeleteVideo": vod.CreateDeleteVideoRequest, "GetImageInfo": vod.CreateGetImageInfoRequest,
	"GetImageInfos": vod.CreateGetImageInfosRequest, "UpdateImageInfos": vod.CreateUpdateImageInfosRequest,
	"DeleteImage": vod.CreateDeleteImageRequest, "SetMessageCallback": vod.CreateSetMessageCallbackRequest,
	"GetMessageCallback": vod.CreateGetMessageCallbackRequest, "DeleteMessageCallback": vod.CreateDeleteMessageCallbackRequest,
	"GetCategories": vod.CreateGetCategoriesRequest, "AddCategory": vod.CreateAddCategoryRequest,
	"UpdateCategory": vod.CreateUpdateCategoryRequest, "DeleteCategory": vod.CreateDeleteCategoryRequest,
	"ListSnapshots": vod.CreateListSnapshotsRequest, "GetAIVideoTagResult": vod.CreateGetAIVideoTagResultRequest,
	"UpdateMediaStorageClass": vod.CreateUpdateMediaStorageClassRequest, "RestoreMedia": vod.CreateRestoreMediaRequest,
	"RefreshMediaPlayUrls": vod.CreateRefreshMediaPlayUrlsRequest, "GetMediaRefreshJobs": vod.CreateGetMediaRefreshJobsRequest,
	"RefreshVodObjectCaches": vod.CreateRefreshVodObjectCachesRequest, "CreateAudit": vod.CreateCreateAuditRequest,
	"GetAuditHistory": vod.CreateGetAuditHistoryRequest, "MoveAppResource": vod.CreateMoveAppResourceRequest,
	"SubmitSnapshotJob": vod.CreateSubmitSnapshotJobRequest, "GetMediaAuditResult": vod.CreateGetMediaAuditResultRequest,
	"GetMediaAuditResultDetail": vod.CreateGetMediaAuditResultDetailRequest, "GetTranscodeSummary": vod.CreateGetTranscodeSummaryRequest,
	"UpdateAttachedMediaInfos": vod.CreateUpdateAttachedMediaInfosRequest,
	"SubmitAIMediaAuditJob":    vod.CreateSubmitAIMediaAuditJobRequest, "GetAIMediaAuditJob": vod.CreateGetAIMediaAuditJobRequest,
	"SubmitAIJob": vod.CreateSubmitAIJobRequest, "ListAIJob": vod.CreateListAIJobRequest,
	"SubmitTranscodeJobs": vod.CreateSubmitTranscodeJobsRequest, "GetTranscodeTask": vod.CreateGetTranscodeTaskRequest,
	"ListTranscodeTask": vod.CreateListTranscodeTaskRequest, "RegisterMedia": vod.CreateRegisterMediaRequest,
	"CreateUploadAttachedMedia": vod.CreateCreateUploadAttachedMediaRequest, "GetAttachedMediaInfo": vod.CreateGetAttachedMediaInfoRequest,
	"DeleteAttachedMedia": vod.CreateDeleteAttachedMediaRequest, "DescribePlayTopVideos": vod.CreateDescribePlayTopVideosRequest,
	"DescribePlayVideoStatis": vod.CreateDescribePlayVideoStatisRequest, "DescribePlayUserTotal": vod.CreateDescribePlayUserTotalRequest,
}

// face is a local cloud with a library, and the bare SDK in front of it.
type face struct {
	*localcloud.Cloud
	clients map[string]*vod.Client
	saved   *fakevod.State
	body    map[string]any // of the last answer
	asked   string         // in the last call
	seen    map[string]map[string]bool
}

// created is the time of the library's first media.
var created = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

const (
	sports = "1000000001"
	judo   = "1000000002"
)

func newFace(t *testing.T, change func(*fakevod.Options)) *face {
	t.Helper()
	c := localcloud.RunT(t, localcloud.Options{Start: created.AddDate(0, 1, 0), Faults: "none", Tune: func(s *localcloud.Services) {
		s.VOD.RateScale, s.VOD.Domains = -1, []string{library}
		if change != nil {
			change(&s.VOD)
		}
	}})
	f := &face{Cloud: c, clients: map[string]*vod.Client{}, seen: map[string]map[string]bool{}}
	env := c.Env()
	c.Keys.Add(fakeram.Key{ID: "one-app", Secret: "s", Account: env["ALIBABA_CLOUD_ACCOUNT_ID"], Apps: []string{fakevod.DefaultApp}})
	f.clients[""] = f.client(t, env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil)
	f.clients["one-app"] = f.client(t, "one-app", "s", "", nil)
	f.seed(t)
	return f
}

// client is the official one; through, when there is one, sees its requests.
func (f *face) client(t *testing.T, id, secret, token string, through http.RoundTripper) *vod.Client {
	t.Helper()
	var cred any = credentials.NewAccessKeyCredential(id, secret)
	if token != "" {
		cred = credentials.NewStsTokenCredential(id, secret, token)
	}
	cfg := sdk.NewConfig()
	cfg.Transport = through
	c, err := vod.NewClientWithOptions("cn-shanghai", cfg, cred)
	require.NoError(t, err)
	c.Domain = strings.TrimPrefix(f.Env()["VOD_ENDPOINT"], "http://")
	return c
}

// seed fills the library with one media of each sort that a call can be about.
func (f *face) seed(t *testing.T) {
	t.Helper()
	require.Equal(t, sports, fmt.Sprint(f.VOD.AddCategory("Sports", -1)))
	require.Equal(t, judo, fmt.Sprint(f.VOD.AddCategory("Judo", 1000000001)))
	day := func(n int) time.Time { return created.AddDate(0, 0, n) }
	source := func(name string) *fakevod.Source {
		return &fakevod.Source{Status: "Normal", FileName: name + ".mp4", Key: "sv/" + name + ".mp4", Created: created, Media: fakevod.Media{Format: "mp4",
			Size: 1000, Duration: 60, Bitrate: 800, Width: 640, Height: 360, FPS: 25, Tracks: []fakevod.Track{
				{Kind: "video", Codec: "h264", Width: 640, Height: 360, FPS: 25, Duration: 60}, {Kind: "audio", Codec: "aac", SampleRate: 48000, Channels: 2, Duration: 60}}}}
	}
	stream := func(id, definition, format string, height int) fakevod.Stream {
		return fakevod.Stream{JobID: id, Definition: definition, Format: format, Codec: "h264", Height: height, Width: height * 16 / 9, Duration: 60, Size: 500, Created: created}
	}
	old := stream("j-old", "SD", "mp4", 360)
	old.Invisible = true
	locked := stream("j-enc", "HD", "m3u8", 720)
	locked.Encrypted = true
	shots := []fakevod.SnapshotJob{{Type: "CoverSnapshot", JobID: "s-cover", Count: 3, Created: created}, {Type: "NormalSnapshot", JobID: "s-normal", Count: 25, Created: created},
		{Type: "SpriteSnapshot", JobID: "s-sprite", Count: 2, Created: created}, {Type: "SpriteOriginSnapshot", JobID: "s-origin", Count: 2, Created: created},
		{Type: "WebVttSnapshot", JobID: "s-vtt", Count: 2, Created: created}}
	picture := func(id string) *fakevod.Picture {
		return &fakevod.Picture{Type: "default", Ext: "jpg", FileName: id + ".jpg", Key: "image/" + id + ".jpg", URL: "http://" + f.VOD.Bucket() + ".oss-cn-shanghai.aliyuncs.com/image/" + id + ".jpg", Width: 4, Height: 3, Size: 9}
	}
	f.VOD.Seed(
		fakevod.Asset{ID: "v", Title: "one", Description: "about it", Tags: "a,b", CateID: 1000000001, CoverURL: "http://c/1.jpg", UserData: `{"Extend":"x"}`, Size: 1000, Duration: 60,
			Created: day(0), Modified: day(20), TemplateGroupID: "group", Source: source("v"), Snapshots: shots, AITags: json.RawMessage(`{"Category":[{"Tag":"sport"}]}`),
			Jobs: &fakevod.Jobs{
				Findings: fakevod.Findings{VideoTagResult: json.RawMessage(`{"Keyword":[{"Tag":"boat","Times":["900"]}]}`),
					MediaAuditResult:       json.RawMessage(`{"Suggestion":"review","Label":"ad","AbnormalModules":"video","VideoResult":{"Suggestion":"review","Label":"ad"}}`),
					MediaAuditResultDetail: []json.RawMessage{json.RawMessage(`{"Timestamp":"100","AdLabel":"ad","AdScore":"99.1","Url":"http://h/1.jpg"}`)}},
				AI: []fakevod.AIJob{{ID: "ai-tag", Type: "AIVideoTag", Data: json.RawMessage(`{"Category":[{"Tag":"sport"}]}`), Created: created},
					{ID: "ai-audit", Type: "AIMediaAudit", Data: json.RawMessage(`{"Suggestion":"pass","Label":"normal"}`), Created: created}},
				Tasks: []fakevod.Task{{ID: "t-1", Template: "group", Trigger: "Upload", Created: created, Streams: []fakevod.Stream{stream("j-ld", "LD", "mp4", 240), stream("j-sd", "SD", "mp4", 360)}}},
			},
			Streams: []fakevod.Stream{stream("j-ld", "LD", "mp4", 240), stream("j-sd", "SD", "mp4", 360), old, locked, stream("j-mp3", "SQ", "mp3", 0)}},
		fakevod.Asset{ID: "w", Title: "two", Description: "other", Tags: "b", Size: 2000, Duration: 120, Created: day(1), Modified: day(10), MediaSource: "live", Source: source("w"),
			Streams: []fakevod.Stream{stream("w-ld", "LD", "mp4", 240)}},
		fakevod.Asset{ID: "sound", Kind: "audio", Title: "sound", Created: day(2), Source: source("sound"), Streams: []fakevod.Stream{stream("a-sq", "SQ", "mp3", 0)}},
		fakevod.Asset{ID: "enc", Title: "locked", Created: day(3), Streams: []fakevod.Stream{locked}},
		fakevod.Asset{ID: "nt", Title: "as it is", Created: day(4), TranscodeMode: "NoTranscode", Source: source("nt"), Streams: []fakevod.Stream{stream("o", "OD", "mp4", 360)}},
		fakevod.Asset{ID: "up", Title: "coming", Status: "Uploading", Created: day(5), Source: &fakevod.Source{Status: "Uploading", FileName: "up.mp4", Key: "sv/up.mp4"}},
		fakevod.Asset{ID: "lost", Title: "no source", Status: "Blocked", Created: day(6)},
		fakevod.Asset{ID: "cold", Title: "cold", StorageClass: "Archive", Created: day(7), Source: source("cold")},
		fakevod.Asset{ID: "theirs", AppID: "app-2", Title: "theirs", Created: day(8)},
		fakevod.Asset{ID: "i", Kind: "image", Title: "picture", Tags: "p", Description: "seen", CateID: 1000000001, Created: day(0), Picture: picture("i")},
		fakevod.Asset{ID: "at", Kind: "attached", Title: "logo", Tags: "mark", Description: "seen", Created: day(0),
			Picture: &fakevod.Picture{Type: "watermark", Ext: "png", FileName: "logo.png", Key: "watermark/at.png", URL: "http://" + f.VOD.Bucket() + ".oss-cn-shanghai.aliyuncs.com/watermark/at.png", Size: 9, CateIDs: []int64{1000000001}}},
		fakevod.Asset{ID: "i2", Kind: "image", Title: "other", Created: day(1), Picture: picture("i2")},
	)
	f.VOD.AddViews(fakevod.View{ID: "v", Date: "2026-02-10", VV: 7, UV: 3, Milliseconds: 90_000}, fakevod.View{ID: "w", Date: "2026-02-10", VV: 9, UV: 2, Milliseconds: 10_000},
		fakevod.View{ID: "v", Date: "2026-02-11", VV: 1, UV: 1, Milliseconds: 1000})
	f.saved = f.VOD.Snapshot()
}

// try makes one call with the official client and answers its status and, for a
// refusal, its code; the answer's body is in f.body.
func (f *face) try(t *testing.T, client *vod.Client, op string, params ...string) string {
	t.Helper()
	f.body, f.asked = nil, fmt.Sprint(op, " ", params)
	if f.seen[op] == nil {
		f.seen[op] = map[string]bool{}
	}
	request := reflect.ValueOf(creators[op]).Call(nil)[0]
	raw := request.Interface().(requests.AcsRequest).GetQueryParams()
	for i := 0; i < len(params); i += 2 {
		// The SDK sends no empty field, and its structs lack a few documented ones.
		if field := request.Elem().FieldByName(params[i]); field.IsValid() && field.Kind() == reflect.String && params[i+1] != "" {
			field.SetString(params[i+1])
		} else {
			raw[params[i]] = params[i+1]
		}
	}
	out := reflect.ValueOf(client).MethodByName(op).Call([]reflect.Value{request})
	if err, _ := out[1].Interface().(error); err != nil {
		var e *sdkerrors.ServerError
		require.ErrorAs(t, err, &e, "%s %v", op, params) // no other: it would not have been decoded
		require.NotEmpty(t, e.RequestId())
		require.NotEmpty(t, e.Message())
		word := fmt.Sprint(e.HttpStatus(), " ", e.ErrorCode())
		f.seen[op][word] = true
		return word
	}
	body := out[0].Elem().FieldByName("BaseResponse").Interface().(interface{ GetHttpContentBytes() []byte }).GetHttpContentBytes()
	require.NoError(t, json.Unmarshal(body, &f.body))
	require.NotEmpty(t, f.body["RequestId"])
	require.Empty(t, strangers(out[0].Type().Elem(), f.body, op), "fields that the SDK does not know")
	return "200"
}

// strangers are the fields of an answer that the client's own type of it has not.
func strangers(of reflect.Type, v any, at string) (out []string) {
	switch v := v.(type) {
	case []any:
		if of.Kind() != reflect.Slice {
			return []string{at + "[]"}
		}
		for _, one := range v {
			out = append(out, strangers(of.Elem(), one, at)...)
		}
	case map[string]any:
		if of.Kind() != reflect.Struct {
			return []string{at + "{}"}
		}
		for name, value := range v {
			field, ok := of.FieldByNameFunc(func(field string) bool {
				f, _ := of.FieldByName(field)
				return strings.Split(f.Tag.Get("json"), ",")[0] == name
			})
			if !ok {
				out = append(out, at+"."+name)
				continue
			}
			out = append(out, strangers(field.Type, value, at+"."+name)...)
		}
	}
	return out
}

// find walks a JSON value by a dotted path; # is a list's length.
func find(v any, path string) (any, bool) {
	for _, step := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if step == "#" {
				return float64(len(at)), true
			}
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(at) {
				return nil, false
			}
			v = at[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// check looks at what a call has brought: "path=value" in its answer, "!path" for
// what must not be there, "path" for what must; with @id. before it in the library.
func (f *face) check(t *testing.T, want string) {
	t.Helper()
	var in any = f.body
	rest := want
	if strings.HasPrefix(rest, "@") {
		require.NoError(t, f.VOD.Settle(t.Context()))
		id, field, _ := strings.Cut(rest[1:], ".")
		a, ok := f.VOD.Lookup(id)
		if field == "" || strings.HasPrefix(rest, "@!") {
			require.Equal(t, !strings.HasPrefix(rest, "@!"), ok, "%s: %s", f.asked, want)
			return
		}
		require.True(t, ok, "%s: %s", f.asked, want)
		raw, err := json.Marshal(a)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &in))
		rest = field
	}
	if gone, ok := strings.CutPrefix(rest, "!"); ok {
		_, there := find(in, gone)
		require.False(t, there, "%s brings no %s: %v", f.asked, want, in)
		return
	}
	path, value, compare := strings.Cut(rest, "=")
	got, there := find(in, path)
	require.True(t, there, "%s brings no %s: %v", f.asked, want, in)
	if compare {
		if n, ok := got.(float64); ok {
			got = strconv.FormatFloat(n, 'f', -1, 64)
		}
		require.Equal(t, value, fmt.Sprint(got), "%s: %s", f.asked, want)
	}
}

func testVOD(t *testing.T, d dossier) {
	f := newFace(t, nil)
	known := facts(t)
	for op, about := range known {
		if creators[op] == nil {
			d.announce("VOD", op, "operation", "call", "")
			continue
		}
		d.announce("VOD", op, "operation", "call", "")
		for name, p := range about.Parameters {
			note := ""
			if p.Raw {
				note = "not in the Go SDK"
			} else if p.Undocumented {
				note = "in the SDK only"
			}
			d.announce("VOD", op, "parameter", name, note)
			for field := range p.Fields {
				d.announce("VOD", op, "parameter", name+"[]."+field, "")
			}
		}
		for code, status := range about.Errors {
			d.announce("VOD", op, "error", code, strconv.Itoa(status))
		}
	}
	t.Run("operations", func(t *testing.T) { f.unknown(t, known) })
	t.Run("parameters", func(t *testing.T) { f.cases(t, d) })
	t.Run("storage", func(t *testing.T) { storage(t, d) })
	t.Run("limits", func(t *testing.T) { f.limits(t, d, known) })
	t.Run("gateway", func(t *testing.T) { f.gateway(t, d) })
	t.Run("trouble", func(t *testing.T) { f.trouble(t, d, known) })
	t.Run("rates", func(t *testing.T) { rates(t, d, known) })
	t.Run("doubts", func(t *testing.T) { doubts(t, d, "VOD", "fakevod/fakevod.go", "Doubtful") })
	d[key{"VOD", "GetVideoList", "error", "InvalidVideo.NotFound"}] = verdict{verdict: doubtful, note: "switch EmptyListNotFound"}
	f.lacking(t, d)
	for op, about := range known {
		for code, status := range about.Errors {
			if f.seen[op][fmt.Sprint(status, " ", code)] {
				d.pass("VOD", op, "error", code)
			}
		}
	}
}

// idle are account numbers of older clients.
var idle = strings.Fields("OwnerId OwnerAccount ResourceOwnerId ResourceOwnerAccount ResourceRealOwnerId")

// lacking tries each parameter that nothing has shown: it is refused by its name, or it
// is one that every call may bring and none reads.
func (f *face) lacking(t *testing.T, d dossier) {
	for _, k := range d.sorted() {
		v := d[k]
		base, ours := vodBase[k.operation]
		if k.service != "VOD" || k.kind != "parameter" || strings.Contains(k.name, "[]") || v.verdict != missing || !ours {
			continue
		}
		require.NoError(t, f.VOD.Restore(f.saved))
		switch got := f.try(t, f.clients[""], k.operation, with(base, k.name, "1")...); {
		case got == "501 NotImplemented":
			v.why = "refused by its name: 501 NotImplemented"
		case got == "200" && slices.Contains(idle, k.name):
			v.why = "taken and not looked at"
		case got == "200":
			v.why = "read, but no case shows what it does"
		default:
			v.why = "this value is refused: " + got
		}
		d[k] = v
	}
}

// unknown shows that what is not emulated is refused, never answered with nothing.
func (f *face) unknown(t *testing.T, known map[string]operation) {
	n := 0
	for op := range known {
		if creators[op] != nil {
			require.Contains(t, fakevod.Operations(), op)
			continue
		}
		n++
		r := requests.NewCommonRequest()
		r.Domain, r.Version, r.ApiName, r.Scheme = f.clients[""].Domain, "2017-03-21", op, "http"
		_, err := f.clients[""].ProcessCommonRequest(r)
		var e *sdkerrors.ServerError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "501 NotImplemented", fmt.Sprint(e.HttpStatus(), " ", e.ErrorCode()), op)
	}
	require.Len(t, fakevod.Operations(), len(known)-n+2, "and two of STS")
}

// cases makes the calls of vodCases, each on the library as it was seeded.
func (f *face) cases(t *testing.T, d dossier) {
	for _, c := range vodCases(t, f) {
		require.NoError(t, f.VOD.Restore(f.saved))
		want := c.want
		if want == "" {
			want = "200"
		}
		for _, before := range c.before {
			require.Equal(t, "200", f.try(t, f.clients[""], before[0], before[1:]...), "%v: %v", before, f.body)
		}
		require.Equal(t, want, f.try(t, f.clients[c.as], c.op, c.in...), "%s %v: %v", c.op, c.in, f.body)
		if c.after != nil {
			require.Equal(t, "200", f.try(t, f.clients[""], c.after[0], c.after[1:]...), "%v: %v", c.after, f.body)
		}
		for _, then := range c.then {
			f.check(t, then)
		}
		if want == "200" {
			d.pass("VOD", c.op, "operation", "call")
		}
		for _, name := range c.shows {
			d.pass("VOD", c.op, "parameter", name)
		}
		if c.limit != "" {
			d.pass("VOD", c.op, "limit", c.limit)
		}
	}
}

// with is a copy of parameters in which one has another value; "" takes it out.
func with(in []string, pairs ...string) []string {
	out := slices.Clone(in)
	for p := 0; p < len(pairs); p += 2 {
		i := 0
		for ; i < len(out) && out[i] != pairs[p]; i += 2 {
		}
		switch {
		case i == len(out):
			out = append(out, pairs[p], pairs[p+1])
		case pairs[p+1] == "":
			out = slices.Delete(out, i, i+2)
		default:
			out[i+1] = pairs[p+1]
		}
	}
	return out
}

// limits tries each documented limit from both sides: at it, and one beyond.
func (f *face) limits(t *testing.T, d dossier, known map[string]operation) {
	for op, about := range known {
		base, there := vodBase[op]
		if creators[op] == nil {
			continue
		}
		require.True(t, there, "%s has no ordinary call", op)
		require.NoError(t, f.VOD.Restore(f.saved))
		require.Equal(t, "200", f.try(t, f.clients[""], op, base...), "%s: %v", op, f.body)
		d.pass("VOD", op, "operation", "call")
		for name, p := range about.Parameters {
			f.limit(t, d, op, name, p, base)
		}
	}
}

func (f *face) limit(t *testing.T, d dossier, op, name string, p parameter, base []string) {
	refused := func(in []string) bool {
		require.NoError(t, f.VOD.Restore(f.saved))
		return strings.HasPrefix(f.try(t, f.clients[""], op, in...), "400 ")
	}
	// both says that the limit holds: what is inside is taken, what is outside refused.
	both := func(limit string, inside, outside []string) {
		d.announce("VOD", op, "limit", limit, "")
		if (inside == nil || !refused(inside)) && refused(outside) {
			d.pass("VOD", op, "limit", limit)
		}
	}
	one := func(values ...string) []string { return with(base, append([]string{name}, values...)...) }
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	if p.Required {
		both(name+" required", nil, one(""))
	}
	if len(p.Enum) > 0 && !p.List {
		all := true
		for _, v := range p.Enum {
			companions := vodCompanions[op+"."+name+"="+v]
			all = all && !refused(append(one(v), companions...))
		}
		limit := name + ": " + strings.Join(p.Enum, "|")
		d.announce("VOD", op, "limit", limit, "")
		if all && refused(one("Nonsense")) {
			d.pass("VOD", op, "limit", limit)
		}
	}
	if p.Min != 0 {
		both(name+" ≥ "+number(p.Min), one(number(p.Min)), one(number(p.Min-1)))
	}
	if p.Max != 0 {
		both(name+" ≤ "+number(p.Max), one(number(p.Max)), one(number(p.Max+1)))
	}
	if p.MaxWhenOSS != 0 {
		both(name+" ≤ "+number(p.MaxWhenOSS)+" with OutputType oss", one(number(p.MaxWhenOSS), "OutputType", "oss"), one(number(p.MaxWhenOSS+1), "OutputType", "oss"))
	}
	f.words(name, p, both, func(v string) []string { return one(v) })
	if p.MaxItems > 0 && p.Fields == nil && name != "Tags" {
		list := func(n int) string { return strings.Join(numbered(n), ",") }
		companions := append([]string{}, vodCompanions[op+"."+name]...)
		both(fmt.Sprint(name, " ≤ ", p.MaxItems, " entries"), append(one(list(p.MaxItems)), companions...), append(one(list(p.MaxItems+1)), companions...))
	}
	if p.Fields == nil {
		return
	}
	id := "VideoId"
	if p.Fields["ImageId"].Required {
		id = "ImageId"
	}
	object := func(field, value string) []string {
		o := map[string]string{id: map[string]string{"VideoId": "v", "ImageId": "i"}[id]}
		o[field] = value
		text, err := json.Marshal([]any{o})
		require.NoError(t, err)
		return one(string(text))
	}
	list := func(n int) []string {
		var out []map[string]string
		for _, v := range numbered(n) {
			out = append(out, map[string]string{id: v})
		}
		text, err := json.Marshal(out)
		require.NoError(t, err)
		return one(string(text))
	}
	both(fmt.Sprint(name, " ≤ ", p.MaxItems, " entries"), list(p.MaxItems), list(p.MaxItems+1))
	for field, q := range p.Fields {
		f.words(name+"[]."+field, q, both, func(v string) []string { return object(field, v) })
		if q.Required {
			both(name+"[]."+field+" required", nil, one(`[{"Title":"x"}]`))
		}
	}
}

// words tries the lengths of texts: bytes are counted with letters of three bytes.
func (f *face) words(name string, p parameter, both func(string, []string, []string), one func(string) []string) {
	short := func(bytes int) string { return strings.Repeat("文", bytes/3) + strings.Repeat("x", bytes%3) }
	tags := func(n int) string { return strings.Join(numbered(n), ",") }
	prefix := ""
	if strings.HasSuffix(name, "URL") {
		prefix = "http://h/"
	}
	if p.MaxBytes > 0 {
		rest := p.MaxBytes - len(prefix)
		both(fmt.Sprint(name, " ≤ ", p.MaxBytes, " bytes"), one(prefix+short(rest)), one(prefix+short(rest)+"x"))
	}
	if p.MaxChars > 0 {
		letter := "文"
		if name == "AuthKey" {
			letter = "a"
			prefix = "A1"
		}
		rest := p.MaxChars - len(prefix)
		both(fmt.Sprint(name, " ≤ ", p.MaxChars, " characters"), one(prefix+strings.Repeat(letter, rest)), one(prefix+strings.Repeat(letter, rest+1)))
	}
	if p.MaxBytesPerItem > 0 {
		both(fmt.Sprint(name, " ≤ ", p.MaxBytesPerItem, " bytes each"), one("a,"+short(p.MaxBytesPerItem)), one("a,"+short(p.MaxBytesPerItem)+"x"))
	}
	if p.MaxCharsPerItem > 0 {
		both(fmt.Sprint(name, " ≤ ", p.MaxCharsPerItem, " characters each"), one("a,"+strings.Repeat("文", p.MaxCharsPerItem)), one("a,"+strings.Repeat("文", p.MaxCharsPerItem+1)))
	}
	if p.MaxItems > 0 && strings.HasSuffix(name, "Tags") {
		both(fmt.Sprint(name, " ≤ ", p.MaxItems, " entries"), one(tags(p.MaxItems)), one(tags(p.MaxItems+1)))
	}
}

func numbered(n int) (out []string) {
	for i := range n {
		out = append(out, "n"+strconv.Itoa(i))
	}
	return out
}

// wire is a transport that changes what a client has signed.
type wire func(q url.Values, r *http.Request) (again bool)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	again := w(q, r)
	r.URL.RawQuery = q.Encode()
	if again {
		first, err := http.DefaultTransport.RoundTrip(r.Clone(r.Context()))
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, first.Body)
		if err = errors.Join(err, first.Body.Close()); err != nil {
			return nil, err
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// everyCall is where the errors stand that any operation may answer.
const everyCall = "(every call)"

func (f *face) gateway(t *testing.T, d dossier) {
	for code, status := range gatewayErrors {
		d.announce("VOD", everyCall, "error", code, strconv.Itoa(status))
	}
	env := f.Env()
	id, secret := env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
	set := func(name, value string) wire {
		return func(q url.Values, _ *http.Request) bool { q.Set(name, value); return false }
	}
	drop := func(name string) wire { return func(q url.Values, _ *http.Request) bool { q.Del(name); return false } }
	account := env["ALIBABA_CLOUD_ACCOUNT_ID"]
	sts1 := f.Keys.Mint("role", account, time.Hour)
	old := f.Keys.Mint("role", account, -time.Hour)
	narrow, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:GetVideoInfos"],"Resource":["*"]}]}`))
	require.NoError(t, err)
	f.Keys.Add(fakeram.Key{ID: "reader", Secret: "s", Account: account, Policy: narrow})
	tests := []struct {
		row    string // as the documentation has it
		client *vod.Client
		want   string
	}{
		{"InvalidApi.NotFound", f.client(t, id, secret, "", set("Version", "2016-01-01")), "404 InvalidApi.NotFound"},
		{"Missing<Name>", f.client(t, id, secret, "", drop("Timestamp")), "400 MissingTimestamp"},
		{"Invalid<Name>", f.client(t, id, secret, "", set("SignatureVersion", "2.0")), "400 InvalidSignatureVersion"},
		{"InvalidSignatureMethod", f.client(t, id, secret, "", set("SignatureMethod", "HMAC-MD5")), "400 InvalidSignatureMethod"},
		{"InvalidAccessKeyId.NotFound", f.client(t, "nobody", secret, "", nil), "404 InvalidAccessKeyId.NotFound"},
		{"SignatureDoesNotMatch", f.client(t, id, "wrong", "", nil), "400 SignatureDoesNotMatch"},
		{"SignatureNonceUsed", f.client(t, id, secret, "", wire(func(url.Values, *http.Request) bool { return true })), "400 SignatureNonceUsed"},
		{"InvalidTimeStamp.Format", f.client(t, id, secret, "", set("Timestamp", "today")), "400 InvalidTimeStamp.Format"},
		{"InvalidTimeStamp.Expired", f.client(t, id, secret, "", set("Timestamp", time.Now().Add(-16*time.Minute).UTC().Format("2006-01-02T15:04:05Z"))), "400 InvalidTimeStamp.Expired"},
		{"UnsupportedHTTPMethod", f.client(t, id, secret, "", wire(func(_ url.Values, r *http.Request) bool { r.Method = http.MethodPut; return false })), "400 UnsupportedHTTPMethod"},
		{"InvalidSecurityToken.Expired", f.client(t, old.ID, old.Secret, old.Token, nil), "400 InvalidSecurityToken.Expired"},
		{"InvalidSecurityToken.MismatchWithAccessKey", f.client(t, sts1.ID, sts1.Secret, "other", nil), "400 InvalidSecurityToken.MismatchWithAccessKey"},
		{"Forbidden.RAM", f.client(t, "reader", "s", "", nil), "403 Forbidden.RAM"},
		{"Forbidden", f.clients["one-app"], "403 Forbidden"},
		{"InvalidParameter", nil, "400 InvalidParameter"},
		{"MissingParameter", nil, "400 MissingParameter"},
	}
	for _, tc := range tests {
		switch {
		case tc.client != nil:
			require.Equal(t, tc.want, f.try(t, tc.client, "GetVideoInfo", "VideoId", "theirs"), tc.row)
		case strings.HasPrefix(tc.row, "Missing"):
			require.Equal(t, tc.want, f.try(t, f.clients[""], "GetVideoInfo"))
		default:
			require.Equal(t, tc.want, f.try(t, f.clients[""], "SearchMedia", "PageSize", "101"))
		}
		d.pass("VOD", everyCall, "error", tc.row)
	}
	for _, row := range []struct {
		name   string
		client *vod.Client
	}{
		{"AccessKeyId", f.clients[""]}, {"SecurityToken", f.client(t, sts1.ID, sts1.Secret, sts1.Token, nil)},
	} {
		require.Equal(t, "200", f.try(t, row.client, "GetVideoInfo", "VideoId", "v"))
		d.pass("VOD", everyCall, "parameter", row.name)
	}
	for _, name := range []string{"Action", "Version", "Format", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if name == "Format" {
			ask := vod.CreateGetVideoInfoRequest()
			ask.VideoId, ask.AcceptFormat = "v", "XML"
			got, err := f.clients[""].GetVideoInfo(ask)
			require.NoError(t, err)
			require.Equal(t, "one", got.Video.Title)
			d.pass("VOD", everyCall, "parameter", "Format=XML")
			continue
		}
		require.True(t, strings.HasPrefix(f.try(t, f.client(t, id, secret, "", drop(name)), "GetVideoInfo", "VideoId", "v"), "400 Missing"), name)
		d.pass("VOD", everyCall, "parameter", name)
	}

	c, err := sts.NewClientWithOptions("cn-shanghai", sdk.NewConfig(), credentials.NewStsTokenCredential(sts1.ID, sts1.Secret, sts1.Token))
	require.NoError(t, err)
	c.Domain = f.clients[""].Domain
	ask := sts.CreateGetCallerIdentityRequest()
	ask.Scheme = "http"
	me, err := c.GetCallerIdentity(ask)
	require.NoError(t, err)
	require.Equal(t, account, me.AccountId)
	d.pass("STS", "GetCallerIdentity", "operation", "call")
	f.assume(t, d)
}

// assume takes on a role with the SDK, and uses what it was given: no more than both the
// role's policy and the session's allow.
func (f *face) assume(t *testing.T, d dossier) {
	env := f.Env()
	reads, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:Get*","Resource":"*"}]}`))
	require.NoError(t, err)
	f.Keys.SetRole("curator", reads)
	by := func(id, secret string) *sts.Client {
		c, err := sts.NewClientWithAccessKey("cn-shanghai", id, secret)
		require.NoError(t, err)
		c.Domain = f.clients[""].Domain
		return c
	}
	own := by(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
	arn := "acs:ram::" + env["ALIBABA_CLOUD_ACCOUNT_ID"] + ":role/"
	assume := func(c *sts.Client, role, session, policy, seconds string) (*sts.AssumeRoleResponse, error) {
		r := sts.CreateAssumeRoleRequest()
		r.Scheme, r.RoleArn, r.RoleSessionName, r.Policy, r.DurationSeconds = "http", role, session, policy, requests.Integer(seconds)
		return c.AssumeRole(r)
	}
	for policy, allowed := range map[string][2]string{"": {"200", "200"}, `{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:GetVideoInfo","vod:DeleteVideo"],"Resource":"*"}]}`: {"200", "403 Forbidden.RAM"}} {
		got, err := assume(own, arn+"curator", "night", policy, "900")
		require.NoError(t, err)
		require.Equal(t, "acs:ram::"+env["ALIBABA_CLOUD_ACCOUNT_ID"]+":assumed-role/curator/night", got.AssumedRoleUser.Arn)
		k := got.Credentials
		c := f.client(t, k.AccessKeyId, k.AccessKeySecret, k.SecurityToken, nil)
		require.Equal(t, allowed[0], f.try(t, c, "GetVideoInfo", "VideoId", "v"))
		require.Equal(t, allowed[1], f.try(t, c, "GetVideoInfos", "VideoIds", "v"))
		require.Equal(t, "403 Forbidden.RAM", f.try(t, c, "DeleteVideo", "VideoIds", "v"))
	}
	d.pass("STS", "AssumeRole", "operation", "call")
	for _, name := range []string{"RoleArn", "RoleSessionName", "Policy", "DurationSeconds"} {
		d.pass("STS", "AssumeRole", "parameter", name)
	}
	d.announce("STS", "AssumeRole", "parameter", "ExternalId", "refused by name")
	for want, err := range map[string]func() (*sts.AssumeRoleResponse, error){
		"404 EntityNotExist.Role":              func() (*sts.AssumeRoleResponse, error) { return assume(own, arn+"none", "night", "", "") },
		"400 InvalidParameter.RoleArn":         func() (*sts.AssumeRoleResponse, error) { return assume(own, "curator", "night", "", "") },
		"400 InvalidParameter.RoleSessionName": func() (*sts.AssumeRoleResponse, error) { return assume(own, arn+"curator", "a b", "", "") },
		"400 InvalidParameter.PolicyGrammar":   func() (*sts.AssumeRoleResponse, error) { return assume(own, arn+"curator", "night", "x", "") },
		"400 InvalidParameter":                 func() (*sts.AssumeRoleResponse, error) { return assume(own, arn+"curator", "night", "", "899") },
		"403 NoPermission": func() (*sts.AssumeRoleResponse, error) {
			return assume(by("reader", "s"), arn+"curator", "night", "", "")
		},
	} {
		_, got := err()
		var e *sdkerrors.ServerError
		require.ErrorAs(t, got, &e)
		require.Equal(t, want, fmt.Sprint(e.HttpStatus(), " ", e.ErrorCode()))
		d.pass("STS", "AssumeRole", "error", e.ErrorCode())
	}
}

// trouble shows the errors that are nobody's fault: they come when a test asks for them.
func (f *face) trouble(t *testing.T, d dossier, known map[string]operation) {
	require.NoError(t, f.VOD.Restore(f.saved))
	ask := func(op, code string, status int) {
		f.SetFaults(localcloud.Fault{Service: "vod", Op: op, Kind: "error", Probability: 1, Status: status, Code: code})
		require.Equal(t, fmt.Sprint(status, " ", code), f.try(t, f.clients[""], op, vodBase[op]...))
		f.SetFaults()
	}
	for op, about := range known {
		for code, status := range about.Errors {
			if creators[op] != nil && (status >= 500 || strings.HasPrefix(code, "Throttling")) {
				ask(op, code, status)
				d[key{"VOD", op, "error", code}] = verdict{verdict: passed, note: strconv.Itoa(status) + ", as a fault"}
			}
		}
	}
	for _, code := range []string{"InternalError", "ServiceUnAvailable", "Throttling", "Throttling.Api"} {
		ask("GetVideoInfo", code, gatewayErrors[code])
		d[key{"VOD", everyCall, "error", code}] = verdict{verdict: passed, note: strconv.Itoa(gatewayErrors[code]) + ", as a fault"}
	}
}

// rates counts, for each operation, the calls that a tenth of the documented rate
// lets through at once.
func rates(t *testing.T, d dossier, known map[string]operation) {
	const scale = 0.1
	f := newFace(t, func(o *fakevod.Options) { o.RateScale = scale })
	for op, about := range known {
		if creators[op] == nil || about.Rate == 0 {
			continue
		}
		began, n := time.Now(), 0
		for f.try(t, f.clients[""], op, vodBase[op]...) != "400 Throttling.User" {
			n++
			require.Less(t, n, 1000, "%s knows no rate", op)
		}
		at := about.Rate * scale
		require.GreaterOrEqual(t, float64(n), math.Floor(at), op)
		require.LessOrEqual(t, float64(n), at+time.Since(began).Seconds()*at, op)
		d.pass("VOD", op, "limit", fmt.Sprint(about.Rate, " calls a second"))
		d.pass("VOD", everyCall, "error", "Throttling.User")
	}
}
