package fakevod_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakevod"
)

const aDay = 24 * time.Hour

// clip is a video with a source of 1,000 bytes and two streams of 300 and 200.
func clip(id, class string, age time.Duration) fakevod.Asset {
	at := start.Add(-age)
	return fakevod.Asset{ID: id, Title: id, StorageClass: class, Created: at, Size: 1000, Duration: 10,
		Source: &fakevod.Source{Status: "Normal", FileName: id + ".mp4", Created: at, Media: fakevod.Media{Format: "mp4", Size: 1000, Duration: 10, Width: 640, Height: 360}},
		Streams: []fakevod.Stream{{JobID: id + "-ld", Definition: "LD", Format: "mp4", Size: 300, Height: 240, Width: 426, Created: at},
			{JobID: id + "-sd", Definition: "SD", Format: "mp4", Size: 200, Height: 360, Width: 640, Created: at}}}
}

// says answers a field of a call, by a dotted path, as text.
func (c *cloud) says(t testing.TB, path, op string, params ...string) string {
	t.Helper()
	status, out := c.call(t, op, params...)
	if status != 200 {
		return fmt.Sprint(status, " ", out["Code"])
	}
	var at any = out
	for step := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			at = nil
			if len(v) > 0 {
				at = v[0].(map[string]any)[step]
			}
		}
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

func (c *cloud) class(t testing.TB, id string) string {
	t.Helper()
	return c.says(t, "Video.StorageClass", "GetVideoInfo", "VideoId", id)
}

func (h *hook) last() map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bodies[len(h.bodies)-1]
}

// hooked tells every event to a hook.
func hooked(t *testing.T, change func(*fakevod.Options)) (*cloud, *hook) {
	h := newHook(t)
	return newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "UpdateMediaStorageClassComplete,RestoreMediaComplete"}
		o.ClassDelay, o.RestoreDelay = time.Minute, time.Hour
		if change != nil {
			change(o)
		}
	}), h
}

func TestAChangeOfClassTakesTheLibrarysTime(t *testing.T) {
	for scope, wants := range map[string][3]string{"": {"", "All", "Changing"}, "All": {"", "All", "Changing"}, "SourceFile": {"Source", "SourceFile", "SourceChanging"}} {
		for _, class := range []string{"IA", "Archive", "ColdArchive"} {
			c, h := hooked(t, nil)
			c.Seed(clip("v", "", 0))
			require.Equal(t, "Processing", c.says(t, "Status", "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", class, "Scope", scope))
			require.Equal(t, wants[2], c.class(t, "v"))
			c.settle(t)
			require.Empty(t, h.kinds(), "it is told when it is done")
			c.Advance(time.Minute - time.Second)
			require.Equal(t, wants[2], c.class(t, "v"))
			c.Advance(time.Second)
			require.Equal(t, wants[0]+class, c.class(t, "v"))
			for path, ask := range map[string][]string{
				"VideoList.StorageClass":            {"GetVideoInfos", "VideoIds", "v"},
				"VideoList.Video.StorageClass":      {"GetVideoList"},
				"MediaList.Video.StorageClass":      {"SearchMedia", "Fields", "StorageClass"},
				"MediaInfos.MediaInfo.StorageClass": {"BatchGetMediaInfos", "MediaIds", "v"},
				"Mezzanine.StorageClass":            {"GetMezzanineInfo", "VideoId", "v"},
			} {
				require.Equal(t, wants[0]+class, c.says(t, path, ask[0], ask[1:]...), ask[0])
			}
			c.settle(t)
			require.Equal(t, map[string]any{"EventType": "UpdateMediaStorageClassComplete", "EventTime": "2025-03-01T12:01:00Z", "Status": "Success", "MediaId": "v",
				"Scope": wants[1], "StorageClass": class, "TriggerBy": "API"}, h.last())
			// Back: from an archive it takes the restore too, of Cold Archive at five times the pace.
			c.Advance(200 * aDay)
			c.call(t, "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "Standard", "Scope", scope)
			takes := map[string]time.Duration{"IA": time.Minute, "Archive": time.Hour + time.Minute, "ColdArchive": 5*time.Hour + time.Minute}[class]
			c.Advance(takes - time.Second)
			require.Equal(t, wants[2], c.class(t, "v"))
			c.Advance(time.Second)
			require.Equal(t, "Standard", c.class(t, "v"))
		}
	}
}

// The one clock need not be moved by anybody: what is due ends by itself.
func TestAChangeEndsWithoutACall(t *testing.T) {
	c, h := hooked(t, func(o *fakevod.Options) {
		o.ClassDelay = 30 * time.Millisecond
		o.Now = time.Now
	})
	c.Seed(clip("v", "", 0))
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "IA")
	require.Eventually(t, func() bool { return len(h.kinds()) == 1 }, 20*time.Second, 5*time.Millisecond)
}

func TestWhatAChangeRefuses(t *testing.T) {
	c := newCloud(t, func(o *fakevod.Options) { o.ClassDelay = time.Hour })
	c.Seed(clip("new", "", 0), clip("changing", "", 0), clip("ia29", "IA", 30*aDay-time.Second), clip("ia30", "IA", 30*aDay), clip("src59", "SourceArchive", 60*aDay-time.Second),
		clip("cold180", "ColdArchive", 180*aDay), clip("frozen", "Archive", 100*aDay), clip("up", "", 0), fakevod.Asset{ID: "image", Kind: "image"}, fakevod.Asset{ID: "coming", Status: "Uploading"})
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "changing", "StorageClass", "IA")
	ask := func(ids, class string, more ...string) (string, []string, map[string]string) {
		t.Helper()
		status, out := c.call(t, "UpdateMediaStorageClass", append([]string{"MediaIds", ids, "StorageClass", class}, more...)...)
		require.Equal(t, 200, status, "%v", out)
		reasons := map[string]string{}
		for _, f := range out["ForbiddenList"].(map[string]any)["MediaForbiddenReasonDTO"].([]any) {
			reasons[f.(map[string]any)["MediaId"].(string)] = f.(map[string]any)["Reason"].(string)
		}
		var ignored []string
		for _, id := range out["IgnoredList"].(map[string]any)["MediaId"].([]any) {
			ignored = append(ignored, id.(string))
		}
		return out["Status"].(string), ignored, reasons
	}
	status, ignored, reasons := ask("none,image,changing,ia29,src59,coming", "Standard")
	require.Equal(t, "Failed", status)
	require.Empty(t, ignored)
	require.Equal(t, map[string]string{"none": "MediaNotFound", "image": "MediaNotFound", "changing": "IllegalStatus", "ia29": "StorageDurationNotReached",
		"src59": "StorageDurationNotReached", "coming": "IllegalStatus"}, reasons)
	status, ignored, reasons = ask("new,ia30,cold180,ia29", "IA")
	require.Equal(t, "Processing", status)
	require.Equal(t, []string{"ia30", "ia29"}, ignored)
	require.Empty(t, reasons)
	require.Equal(t, "Standard", c.class(t, "up"))
	_, _, reasons = ask("ia29,src59", "Standard", "AllowUpdateWithoutTimeLimit", "true")
	require.Empty(t, reasons, "whoever pays may")
	for _, wrong := range [][]string{{"StorageClass", "Warm"}, {"StorageClass", "ia"}, {"Scope", "Streams"}, {"RestoreTier", "Fast"}, {"AllowUpdateWithoutTimeLimit", "yes"}, {"RestoreTier", "standard"}} {
		c.refused(t, 400, "InvalidParameter", "UpdateMediaStorageClass", append([]string{"MediaIds", "new", "StorageClass", "IA"}, wrong...)...)
	}
	c.refused(t, 400, "MediaIdsExceededMax", "UpdateMediaStorageClass", "MediaIds", ids(21), "StorageClass", "IA")
	c.refused(t, 400, "MissingParameter", "UpdateMediaStorageClass", "MediaIds", ",,", "StorageClass", "IA")
	c.refused(t, 400, "MediaIdsExceededMax", "RestoreMedia", "MediaIds", ids(21))
	for _, days := range []string{"0", "-1", "366", "1.5", "many", "99999999999999999999"} {
		c.refused(t, 400, "InvalidParameter", "RestoreMedia", "MediaIds", "frozen", "RestoreDays", days)
	}
	c.refused(t, 400, "InvalidParameter", "RestoreMedia", "MediaIds", "frozen", "RestoreDays", "8")
	require.Equal(t, "true", c.says(t, "Success", "RestoreMedia", "MediaIds", "frozen", "RestoreDays", "7"))
}

func TestRegionsWithoutClasses(t *testing.T) {
	for region, want := range map[string]int{"cn-shanghai": 200, "cn-beijing": 200, "cn-shenzhen": 200, "ap-southeast-1": 200, "eu-central-1": 404, "cn-hangzhou": 404} {
		c := newCloud(t, func(o *fakevod.Options) { o.Region = region })
		c.Seed(clip("v", "", 0))
		for _, ask := range [][]string{{"UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "IA"}, {"RestoreMedia", "MediaIds", "v"}} {
			status, _ := c.call(t, ask[0], ask[1:]...)
			require.Equal(t, want, status, "%s %s", region, ask[0])
		}
	}
}

// What is changing cannot be worked on, played whole or deleted.
func TestWhatIsChangingIsLeftAlone(t *testing.T) {
	try := func(scope string, change func(*fakevod.Options)) map[string]string {
		c := newCloud(t, func(o *fakevod.Options) {
			o.ClassDelay = time.Hour
			if change != nil {
				change(o)
			}
		})
		c.Seed(clip("v", "", 0))
		c.call(t, "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "IA", "Scope", scope)
		out := map[string]string{
			"transcode": c.says(t, "TranscodeTaskId", "SubmitTranscodeJobs", "VideoId", "v", "TemplateGroupId", fakevod.DefaultTemplate),
			"snapshot":  c.says(t, "SnapshotJob.JobId", "SubmitSnapshotJob", "VideoId", "v"),
			"play":      c.says(t, "VideoBase.StorageClass", "GetPlayInfo", "VideoId", "v"),
			"title":     c.says(t, "", "UpdateVideoInfo", "VideoId", "v", "Title", "x"),
			"again":     c.says(t, "Status", "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "Archive"),
			"restore":   c.says(t, "Success", "RestoreMedia", "MediaIds", "v"),
			"stream":    c.says(t, "", "DeleteStream", "VideoId", "v", "JobIds", "v-ld"),
			"source":    c.says(t, "UnRemoveableVideoIds", "DeleteMezzanines", "VideoIds", "v"),
			"video":     c.says(t, "ForbiddenVideoIds", "DeleteVideo", "VideoIds", "v"),
		}
		_, there := c.Lookup("v")
		require.Equal(t, change == nil, there)
		return out
	}
	want := map[string]string{"transcode": "400 Forbidden.IllegalStatus", "snapshot": "400 Forbidden.IllegalStatus", "play": "403 Forbidden.IllegalStatus", "title": "",
		"again": "Failed", "restore": "false", "stream": "400 Forbidden.IllegalStatus", "source": "[v]", "video": "[v]"}
	require.Equal(t, want, try("All", nil))
	want["play"] = "SourceChanging"
	require.Equal(t, want, try("SourceFile", nil))
	want["play"], want["stream"], want["source"], want["video"] = "Changing", "", "[]", "[]"
	require.Equal(t, want, try("All", func(o *fakevod.Options) { o.ChangingDeletes, o.ChangingPlays = true, true }))
}

func TestRestores(t *testing.T) {
	c, h := hooked(t, nil)
	c.Seed(clip("a", "Archive", aDay), clip("cold", "ColdArchive", aDay), clip("src", "SourceArchive", aDay), clip("std", "", aDay))
	play := func(id string) string {
		return c.says(t, "VideoBase.StorageClass", "GetPlayInfo", "VideoId", id)
	}
	work := func(id string) string {
		return c.says(t, "SnapshotJob.JobId", "SubmitSnapshotJob", "VideoId", id)
	}
	restore := func(id string) [2]string {
		_, out := c.call(t, "GetVideoInfo", "VideoId", id)
		v := out["Video"].(map[string]any)
		return [2]string{fmt.Sprint(v["RestoreStatus"]), fmt.Sprint(v["RestoreExpiration"])}
	}
	for _, id := range []string{"a", "cold"} {
		require.Equal(t, "403 Forbidden.IllegalStatus", play(id))
		require.Equal(t, "400 Forbidden.IllegalStatus", work(id))
	}
	require.Equal(t, "SourceArchive", play("src"), "its streams are in Standard")
	require.Equal(t, "400 Forbidden.IllegalStatus", work("src"))
	require.Equal(t, "400 Forbidden.IllegalStatus", c.says(t, "", "SubmitTranscodeJobs", "VideoId", "src", "TemplateGroupId", fakevod.DefaultTemplate))
	require.Equal(t, "SourceArchive", c.says(t, "Mezzanine.StorageClass", "GetMezzanineInfo", "VideoId", "src"))

	status, out := c.call(t, "RestoreMedia", "MediaIds", "a,src,std,none", "RestoreDays", "2")
	require.Equal(t, 200, status)
	require.Equal(t, []any{"std"}, out["IgnoredList"].(map[string]any)["MediaId"])
	require.Equal(t, "true", c.says(t, "Success", "RestoreMedia", "MediaIds", "cold", "RestoreDays", "365", "RestoreTier", "Bulk"))
	require.Equal(t, [2]string{"Processing", "<nil>"}, restore("a"))
	require.Equal(t, "403 Forbidden.IllegalStatus", play("a"))
	require.Equal(t, "false", c.says(t, "Success", "RestoreMedia", "MediaIds", "a"), "it is under way")
	require.Equal(t, "Failed", c.says(t, "Status", "UpdateMediaStorageClass", "MediaIds", "a", "StorageClass", "IA", "AllowUpdateWithoutTimeLimit", "true"))
	c.Advance(time.Hour)
	require.Equal(t, [2]string{"Success", "2025-03-03T13:00:00Z"}, restore("a"))
	require.Equal(t, "Archive", play("a"))
	c.settle(t)
	require.NotContains(t, work("src"), "400")
	for path, ask := range map[string][]string{
		"VideoList.RestoreExpiration":            {"GetVideoInfos", "VideoIds", "a"},
		"VideoList.Video.RestoreExpiration":      {"GetVideoList", "SortBy", "CreationTime:Asc"},
		"MediaList.Video.RestoreExpiration":      {"SearchMedia", "Match", "VideoId='a'", "Fields", "RestoreExpiration"},
		"MediaInfos.MediaInfo.RestoreExpiration": {"BatchGetMediaInfos", "MediaIds", "a"},
		"Mezzanine.RestoreExpiration":            {"GetMezzanineInfo", "VideoId", "a"},
	} {
		require.Equal(t, "2025-03-03T13:00:00Z", c.says(t, path, ask[0], ask[1:]...), ask[0])
	}
	require.Equal(t, "403 Forbidden.IllegalStatus", play("cold"))
	c.Advance(11 * time.Hour)
	require.Equal(t, [2]string{"Success", "2026-03-02T00:00:00Z"}, restore("cold"))
	require.Equal(t, "ColdArchive", play("cold"))
	c.settle(t)
	require.Equal(t, map[string]any{"EventType": "RestoreMediaComplete", "EventTime": "2025-03-02T00:00:00Z", "Status": "Success", "MediaId": "cold",
		"RestoreExpiration": "2026-03-02T00:00:00Z"}, h.last())

	c.Advance(37*time.Hour - time.Second)
	require.Equal(t, "Archive", play("a"))
	c.Advance(time.Second)
	require.Equal(t, "403 Forbidden.IllegalStatus", play("a"), "it is archived again")
	require.Equal(t, "400 Forbidden.IllegalStatus", work("src"))
	require.Equal(t, [2]string{"Success", "2025-03-03T13:00:00Z"}, restore("a"), "a client that looks at the status alone is wrong")
	require.Equal(t, "true", c.says(t, "Success", "RestoreMedia", "MediaIds", "a", "Scope", "SourceFile"))
	c.Advance(time.Hour)
	require.Equal(t, "403 Forbidden.IllegalStatus", play("a"), "the streams were not asked for")
	require.NotContains(t, work("a"), "400")
	require.Equal(t, "[]", c.says(t, "IgnoredList.MediaId", "RestoreMedia", "MediaIds", "a"), "more is asked for than there is")
	c.Advance(time.Hour)
	require.Equal(t, "Archive", play("a"))
	require.Equal(t, "[a]", c.says(t, "IgnoredList.MediaId", "RestoreMedia", "MediaIds", "a"))
}

// A source that is played as it is does not play while it is archived.
func TestAnOriginalIsItsSource(t *testing.T) {
	c := newCloud(t, nil)
	a := clip("od", "SourceArchive", aDay)
	a.TranscodeMode, a.Streams = "NoTranscode", []fakevod.Stream{{JobID: "o", Definition: "OD", Format: "mp4", Size: 1000, Height: 360}}
	b := clip("both", "SourceArchive", aDay)
	b.Streams = append(b.Streams, fakevod.Stream{JobID: "b", Definition: "OD", Format: "mp4", Size: 1000, Height: 360})
	c.Seed(a, b)
	c.refused(t, 403, "Forbidden.IllegalStatus", "GetPlayInfo", "VideoId", "od")
	_, out := c.call(t, "GetPlayInfo", "VideoId", "both")
	require.Len(t, out["PlayInfoList"].(map[string]any)["PlayInfo"], 2)
}

// What fails in the end leaves everything as it was, and says so.
func TestAChangeThatFails(t *testing.T) {
	fault := calls.Fault{}
	c, h := hooked(t, func(o *fakevod.Options) {
		o.Fault = func(op, _, id string) calls.Fault {
			if strings.HasPrefix(op, "later:") && id == "v" {
				return fault
			}
			return calls.Fault{}
		}
	})
	gone := clip("gone", "", aDay)
	gone.Source.Status = "Deleted"
	c.Seed(clip("v", "Archive", 90*aDay), gone)
	before, _ := c.Lookup("v")
	fault = calls.Fault{Status: 500, Code: "InternalError", Message: "no"}
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "IA")
	c.Advance(2 * time.Hour)
	require.Equal(t, "Archive", c.class(t, "v"))
	c.settle(t)
	require.Equal(t, map[string]any{"EventType": "UpdateMediaStorageClassComplete", "EventTime": "2025-03-01T13:01:00Z", "Status": "Failed", "MediaId": "v", "Scope": "All",
		"StorageClass": "IA", "TriggerBy": "API", "ErrorCode": "InternalError", "ErrorMessage": "no"}, h.last())
	fault.Code = "NoSuchKey"
	c.call(t, "RestoreMedia", "MediaIds", "v")
	c.Advance(2 * time.Hour)
	require.Equal(t, "Failed", c.says(t, "Video.RestoreStatus", "GetVideoInfo", "VideoId", "v"))
	c.settle(t)
	require.Equal(t, map[string]any{"EventType": "RestoreMediaComplete", "EventTime": "2025-03-01T15:00:00Z", "Status": "Failed", "MediaId": "v",
		"ErrorCode": "NoSuchKey", "ErrorMessage": "OSS bucket or object does not exist"}, h.last())
	after, _ := c.Lookup("v")
	after.Modified, after.RestoreStatus, after.Tier = before.Modified, "", nil
	require.Equal(t, before, after)
	for _, d := range c.Storage().Days {
		require.Zero(t, d.Classes["Archive"].RetrievedBytes+d.Classes["Archive"].EarlyByteDays+d.Classes["IA"].Moves)
	}

	c.call(t, "UpdateMediaStorageClass", "MediaIds", "gone", "StorageClass", "IA", "Scope", "SourceFile")
	c.Advance(time.Hour)
	require.Equal(t, "Standard", c.class(t, "gone"))
	c.settle(t)
	require.Equal(t, []any{"Failed", "NoSuchKey"}, []any{h.last()["Status"], h.last()["ErrorCode"]})
}

func TestOtherReadingsOfStorage(t *testing.T) {
	at := func(change func(*fakevod.Options)) *cloud {
		c := newCloud(t, change)
		c.Seed(clip("a", "Archive", 100*aDay), clip("std", "", 0))
		return c
	}
	c := at(nil)
	c.refused(t, 400, "ErrorMatchSyntax", "SearchMedia", "Match", "StorageClass='Archive'")
	c = at(func(o *fakevod.Options) { o.StorageClassFilter = true })
	require.Equal(t, []string{"a"}, c.titlesBy(t, "StorageClass='Archive'"))
	require.Equal(t, []string{"a", "std"}, c.titlesBy(t, "StorageClass in ('Archive','Standard')"))
	c.refused(t, 400, "ErrorMatchSyntax", "SearchMedia", "SearchType", "image", "Match", "StorageClass='Archive'")

	c = at(func(o *fakevod.Options) { o.IgnoredUnknown = true })
	_, out := c.call(t, "UpdateMediaStorageClass", "MediaIds", "a,none", "StorageClass", "Archive")
	require.Equal(t, "none", c.says(t, "IgnoredList.MediaId", "UpdateMediaStorageClass", "MediaIds", "none", "StorageClass", "IA")[1:5])
	require.Equal(t, "a", out["ForbiddenList"].(map[string]any)["MediaForbiddenReasonDTO"].([]any)[0].(map[string]any)["MediaId"])

	// What a test says of a class holds for the streams too, however young.
	c = at(nil)
	require.True(t, c.SetClass("std", "IA", start.Add(-30*aDay)))
	require.Equal(t, "Processing", c.says(t, "Status", "UpdateMediaStorageClass", "MediaIds", "std", "StorageClass", "Standard"))

	// An asset of 100 days that was moved into its class just now.
	for upload, want := range map[bool]string{false: "Failed", true: "Processing"} {
		c = at(func(o *fakevod.Options) { o.MinimumFromUpload = upload })
		require.True(t, c.SetClass("a", "Archive", start))
		require.Equal(t, want, c.says(t, "Status", "UpdateMediaStorageClass", "MediaIds", "a", "StorageClass", "Standard"))
	}
	c = at(func(o *fakevod.Options) { o.ArchivedPlays = true })
	require.Equal(t, "Archive", c.says(t, "VideoBase.StorageClass", "GetPlayInfo", "VideoId", "a"))

	c = at(func(o *fakevod.Options) { o.RestoreForgotten, o.RestoreExtends = true, true })
	ends := func() string { return c.says(t, "Video.RestoreExpiration", "GetVideoInfo", "VideoId", "a") }
	c.call(t, "RestoreMedia", "MediaIds", "a")
	require.Equal(t, "2025-03-02T12:00:00Z", ends())
	c.Advance(time.Hour)
	c.call(t, "RestoreMedia", "MediaIds", "a", "RestoreDays", "3")
	require.Equal(t, "2025-03-04T13:00:00Z", ends())
	require.EqualValues(t, 1500, used(c, "Archive").RetrievedBytes, "read once")
	c.Advance(3 * aDay)
	require.Empty(t, ends()+c.says(t, "Video.RestoreStatus", "GetVideoInfo", "VideoId", "a"))
}

// Applications part the library for storage too.
func TestClassesOfAnotherApplication(t *testing.T) {
	c := newCloud(t, nil)
	c.Seed(fakevod.Asset{ID: "theirs", AppID: "app-2"})
	q := common("UpdateMediaStorageClass")
	q.Set("MediaIds", "theirs")
	q.Set("StorageClass", "IA")
	c.Keys.Add(keyOf("one-app", fakevod.DefaultApp))
	q.Set("AccessKeyId", "one-app")
	q.Set("Signature", sign("POST", q, "s"))
	status, out := c.do(t, "POST", q, nil)
	require.Equal(t, 200, status)
	require.Contains(t, fmt.Sprint(out["ForbiddenList"]), "Reason:Forbidden")
	a, _ := c.Lookup("theirs")
	require.Empty(t, a.StorageClass)
}
