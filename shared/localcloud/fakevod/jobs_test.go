package fakevod_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// told runs a cloud whose notifications of all kinds go to a hook.
func told(t *testing.T) (*cloud, *hook) {
	t.Helper()
	h := newHook(t)
	return newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
	}), h
}

func TestAnAttachedMediaByTheOfficialClients(t *testing.T) {
	c, h := told(t)
	client := c.sdk(t, nil)
	create := vod.CreateCreateUploadAttachedMediaRequest()
	create.BusinessType, create.FileName, create.Title = "watermark", "logo.png", "Logo"
	made, err := client.CreateUploadAttachedMedia(create)
	require.NoError(t, err)
	putUpload(t, made.UploadAddress, made.UploadAuth, []byte("any file"))
	c.settle(t)
	ask := vod.CreateGetAttachedMediaInfoRequest()
	ask.MediaIds = made.MediaId
	got, err := client.GetAttachedMediaInfo(ask)
	require.NoError(t, err)
	require.Equal(t, "Normal", got.AttachedMediaList[0].Status)
	require.EqualValues(t, 8, got.AttachedMediaList[0].FileSize)
	require.Equal(t, []string{"AttachedMediaUploadComplete"}, h.kinds())
	require.Equal(t, made.MediaId, h.bodies[0]["AttachedMediaId"])

	key := strings.TrimPrefix(made.MediaURL, "http://"+c.Bucket()+".oss-cn-shanghai.aliyuncs.com/")
	require.Contains(t, c.OSS.Keys(c.Bucket()), key)
	gone := vod.CreateDeleteAttachedMediaRequest()
	gone.MediaIds = made.MediaId
	_, err = client.DeleteAttachedMedia(gone)
	require.NoError(t, err)
	require.NotContains(t, c.OSS.Keys(c.Bucket()), key)
}

// A file that lies in the bucket already is analysed and transcoded; no upload is told.
func TestARegisteredFileIsProcessed(t *testing.T) {
	c, h := told(t)
	require.NoError(t, c.OSS.Put(c.Bucket(), "in/clip.mp4", strings.NewReader(string(media(t, "landscape.mp4")))))
	ask := vod.CreateRegisterMediaRequest()
	address := "http://" + c.Bucket() + ".oss-cn-shanghai.aliyuncs.com/in/clip.mp4"
	ask.RegisterMetadatas, ask.TemplateGroupId = fmt.Sprintf(`[{"FileURL":%q,"Title":"Clip"}]`, address), fakevod.DefaultTemplate
	for _, isNew := range []bool{true, false} {
		got, err := c.sdk(t, nil).RegisterMedia(ask)
		require.NoError(t, err)
		require.Equal(t, isNew, got.RegisteredMediaList[0].NewRegister)
		c.settle(t)
		a, ok := c.Lookup(got.RegisteredMediaList[0].MediaId)
		require.True(t, ok)
		require.Equal(t, "Normal", a.Status)
		require.Len(t, a.Streams, 2)
		require.EqualValues(t, 151626, a.Size)
	}
	require.NotContains(t, h.kinds(), "FileUploadComplete")
	require.Contains(t, h.kinds(), "VideoAnalysisComplete")
}

func TestJobsAreTold(t *testing.T) {
	c, h := told(t)
	id := c.upload(t, "landscape.mp4", "Clip")
	client := c.sdk(t, nil)
	h.mu.Lock()
	h.bodies = nil
	h.mu.Unlock()
	require.True(t, c.SetFindings(id, fakevod.Findings{
		VideoTagResult: json.RawMessage(`{"Keyword":[{"Tag":"boat"}]}`), MediaAuditResult: json.RawMessage(`{"Suggestion":"block","Label":"porn"}`)}))
	require.False(t, c.SetFindings("none", fakevod.Findings{}))
	ai := vod.CreateSubmitAIJobRequest()
	ai.MediaId, ai.Types = id, "AIVideoTag"
	_, err := client.SubmitAIJob(ai)
	require.NoError(t, err)
	audit := vod.CreateSubmitAIMediaAuditJobRequest()
	audit.MediaId = id
	_, err = client.SubmitAIMediaAuditJob(audit)
	require.NoError(t, err)
	again := vod.CreateSubmitTranscodeJobsRequest()
	again.VideoId, again.TemplateGroupId = id, fakevod.DefaultTemplate
	jobs, err := client.SubmitTranscodeJobs(again)
	require.NoError(t, err)
	c.settle(t)
	require.Equal(t, []string{"AIVideoTagComplete", "AIMediaAuditComplete", "StreamTranscodeComplete", "StreamTranscodeComplete", "TranscodeComplete"}, h.kinds())
	require.Equal(t, `{"Keyword":[{"Tag":"boat"}]}`, h.bodies[0]["Data"])
	require.Equal(t, map[string]any{"Suggestion": "block", "Label": "porn"}, h.bodies[1]["Data"])

	task := vod.CreateGetTranscodeTaskRequest()
	task.TranscodeTaskId = jobs.TranscodeTaskId
	got, err := client.GetTranscodeTask(task)
	require.NoError(t, err)
	require.Equal(t, "TranscodeSuccess", got.TranscodeTask.TranscodeJobInfoList[0].TranscodeJobStatus)
	a, _ := c.Lookup(id)
	visible := slices.DeleteFunc(slices.Clone(a.Streams), func(s fakevod.Stream) bool { return s.Invisible })
	require.Len(t, visible, 2, "the older streams of the same definition are not shown")
	require.Len(t, a.Streams, 4)
}

func TestPlaysAddUpAndSurviveARestart(t *testing.T) {
	options := fakevod.Options{Keys: fakeram.New(), Dir: t.TempDir(), Now: func() time.Time { return start }}
	s, err := fakevod.New(options)
	require.NoError(t, err)
	s.AddViews(fakevod.View{ID: "a", VV: 2}, fakevod.View{ID: "a", VV: 3, UV: 1}, fakevod.View{ID: "b", Date: "2025-02-01", VV: 1})
	before := s.Views()
	require.Equal(t, []fakevod.View{{ID: "b", Date: "2025-02-01", VV: 1}, {ID: "a", Date: "2025-03-01", VV: 5, UV: 1}}, before)
	saved := s.Snapshot()
	s.AddViews(fakevod.View{ID: "a", VV: 9})
	require.NoError(t, s.Restore(saved))
	require.Equal(t, before, s.Views())
	require.NoError(t, s.Close())
	s, err = fakevod.New(options)
	require.NoError(t, err)
	require.Equal(t, before, s.Views())
	require.NoError(t, s.Close())
}

// What a job's UserData asks for goes before what the upload's did, and ends with the job.
func TestAJobsUserDataIsOfTheJobAlone(t *testing.T) {
	c, h := told(t)
	own := newHook(t)
	upload := `{"Extend":"upload"}`
	id, err := c.Upload(fakevod.Upload{FileName: "landscape.mp4", UserData: upload}, media(t, "landscape.mp4"))
	require.NoError(t, err)
	c.settle(t)
	clear := func() {
		for _, k := range []*hook{h, own} {
			k.mu.Lock()
			k.bodies = nil
			k.mu.Unlock()
		}
	}
	for _, job := range [][]string{
		{"SubmitTranscodeJobs", "VideoId", id, "TemplateGroupId", fakevod.DefaultTemplate}, {"SubmitSnapshotJob", "VideoId", id, "Count", "2"},
		{"SubmitAIJob", "MediaId", id, "Types", "AIVideoTag"}, {"SubmitAIMediaAuditJob", "MediaId", id}, {"RefreshMediaPlayUrls", "MediaIds", id, "TaskType", "Refresh"},
	} {
		for userData, want := range map[string]string{"": "upload", `{"Extend":"job"}`: "job", `{"Extend":{"a":1}}`: `{"a":1}`, "null": "upload", "[]": "upload", "no JSON": "upload"} {
			clear()
			params := job[1:]
			if userData != "" {
				params = append(slices.Clone(params), "UserData", userData)
			}
			status, out := c.call(t, job[0], params...)
			require.Equal(t, 200, status, out)
			c.settle(t)
			require.NotEmpty(t, h.bodies, job[0])
			for _, b := range h.bodies {
				require.Equal(t, want, b["Extend"], "%s %s %s", job[0], userData, b["EventType"])
			}
		}
		clear()
		status, _ := c.call(t, job[0], append(slices.Clone(job[1:]), "UserData", fmt.Sprintf(`{"MessageCallback":{"CallbackURL":%q}}`, own.URL))...)
		require.Equal(t, 200, status)
		c.settle(t)
		require.Empty(t, h.bodies, job[0])
		require.NotEmpty(t, own.bodies, job[0])
		a, _ := c.Lookup(id)
		require.Equal(t, upload, a.UserData, job[0])
	}
}

// A review of a media of which nothing is said finds it clean, not nothing.
func TestAReviewWithoutFindingsPasses(t *testing.T) {
	c, h := told(t)
	id := c.Seed(fakevod.Asset{Status: "Normal"})[0]
	_, out := c.call(t, "GetMediaAuditResult", "MediaId", id)
	require.Empty(t, out["MediaAuditResult"], "never reviewed")
	c.call(t, "SubmitAIMediaAuditJob", "MediaId", id)
	c.settle(t)
	clean := map[string]any{"Suggestion": "pass", "Label": "normal"}
	require.Equal(t, clean, h.bodies[0]["Data"])
	_, out = c.call(t, "GetMediaAuditResult", "MediaId", id)
	require.Equal(t, clean, out["MediaAuditResult"])
	_, out = c.call(t, "GetMediaAuditResultDetail", "MediaId", id, "PageNo", "1")
	require.Equal(t, map[string]any{"Total": 0.0, "List": []any{}}, out["MediaAuditResultDetail"])
}

func TestTheDetailsOfAReviewArePaged(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Status: "Normal"})[0]
	f := fakevod.Findings{}
	for i := range 45 {
		f.MediaAuditResultDetail = append(f.MediaAuditResultDetail, json.RawMessage(fmt.Sprintf(`{"Timestamp":"%d","PornLabel":"normal","PornScore":"0.1"}`, i)))
	}
	require.True(t, c.SetFindings(id, f))
	detail := func(page string) (total any, first string, n int) {
		status, out := c.call(t, "GetMediaAuditResultDetail", "MediaId", id, "PageNo", page)
		require.Equal(t, 200, status, out)
		d, _ := out["MediaAuditResultDetail"].(map[string]any)
		list, _ := d["List"].([]any)
		if len(list) > 0 {
			one, _ := list[0].(map[string]any)
			first, _ = one["Timestamp"].(string)
		}
		return d["Total"], first, len(list)
	}
	total, _, n := detail("1")
	require.Equal(t, []any{0.0, 0}, []any{total, n}, "not reviewed yet")
	c.call(t, "SubmitAIMediaAuditJob", "MediaId", id)
	for page, want := range map[string][]any{"1": {45.0, "0", 20}, "3": {45.0, "40", 5}, "4": {45.0, "", 0}, "9000000000000000000": nil} {
		if want == nil {
			status, _ := c.call(t, "GetMediaAuditResultDetail", "MediaId", id, "PageNo", page)
			require.Equal(t, 400, status)
			continue
		}
		total, first, n := detail(page)
		require.Equal(t, want, []any{total, first, n}, page)
	}
	status, out := c.call(t, "GetMediaAuditResultDetail", "MediaId", id)
	require.Equal(t, []any{400, "MissingParameter"}, []any{status, out["Code"]})
	status, out = c.call(t, "GetMediaAuditResultDetail", "MediaId", "none", "PageNo", "1")
	require.Equal(t, []any{404, "InvalidVideo.NotFound"}, []any{status, out["Code"]})
}

// The newest transcoding of each video is summed up; one of over a year ago is not.
func TestTranscodingsAreSummedUp(t *testing.T) {
	c := newCloud(t, nil)
	id := c.upload(t, "landscape.mp4", "Clip")
	plain := c.Seed(fakevod.Asset{Status: "Normal"})[0]
	_, task := c.call(t, "SubmitTranscodeJobs", "VideoId", id, "TemplateGroupId", fakevod.DefaultTemplate)
	require.NotEmpty(t, task["TranscodeTaskId"])
	ask := vod.CreateGetTranscodeSummaryRequest()
	ask.VideoIds = strings.Join([]string{"none", plain, id}, ",")
	got, err := c.sdk(t, nil).GetTranscodeSummary(ask)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, got.NonExistVideoIds)
	require.Len(t, got.TranscodeSummaryList, 1)
	one := got.TranscodeSummaryList[0]
	require.Equal(t, []string{id, "API", "CompleteAllSucc", fakevod.DefaultTemplate}, []string{one.VideoId, one.Trigger, one.TranscodeStatus, one.TranscodeTemplateGroupId})
	require.Len(t, one.TranscodeJobInfoSummaryList, 2)
	job := one.TranscodeJobInfoSummaryList[0]
	require.Equal(t, []any{"TranscodeSuccess", int64(100), "mp4", "240", "6"}, []any{job.TranscodeJobStatus, job.TranscodeProgress, job.Format, job.Height, job.Duration})
	require.Positive(t, job.Filesize)
	status, _ := c.call(t, "GetTranscodeSummary", "VideoIds", "a,b,c,d,e,f,g,h,i,j,k")
	require.Equal(t, 400, status)
}

func TestWhatIsSaidOfAnAttachedMediaChanges(t *testing.T) {
	c, h := told(t)
	cate := c.AddCategory("Logos", -1)
	id := c.Seed(fakevod.Asset{Kind: "attached", Title: "logo", Tags: "a", Description: "d", Picture: &fakevod.Picture{Type: "watermark", Ext: "png"}})[0]
	film := c.Seed(fakevod.Asset{Title: "film"})[0]
	update := func(content string) (int, map[string]any) {
		return c.call(t, "UpdateAttachedMediaInfos", "UpdateContent", content)
	}
	status, out := update(fmt.Sprintf(`[{"MediaId":%q,"Title":"new","Tags":"","CateIds":"%d"},{"MediaId":"none"},{"MediaId":%q,"Title":"no"}]`, id, cate, film))
	require.Equal(t, 200, status, out)
	require.Equal(t, []any{"none", film}, out["NonExistMediaIds"])
	a, _ := c.Lookup(id)
	require.Equal(t, []any{"new", "", "d", []int64{cate}}, []any{a.Title, a.Tags, a.Description, a.Picture.CateIDs})
	status, _ = update(fmt.Sprintf(`[{"MediaId":%q,"CateIds":""}]`, id))
	require.Equal(t, 200, status)
	a, _ = c.Lookup(id)
	require.Empty(t, a.Picture.CateIDs)
	a, _ = c.Lookup(film)
	require.Equal(t, "film", a.Title)
	c.settle(t)
	require.Empty(t, h.kinds(), "only videos' changes are told")
	for content, want := range map[string]string{
		fmt.Sprintf(`[{"MediaId":%q,"Title":%q}]`, id, strings.Repeat("x", 129)): "LengthExceededMax",
		fmt.Sprintf(`[{"MediaId":%q,"CateIds":"1,2,3,4,5,6"}]`, id):              "CateIdsExceededMax",
		fmt.Sprintf(`[{"MediaId":%q,"CateIds":"77"}]`, id):                       "InvalidCateId.NotFound",
		fmt.Sprintf(`[{"MediaId":%q,"CateIds":"x"}]`, id):                        "InvalidParameter",
		fmt.Sprintf(`[{"MediaId":%q,"CoverURL":"http://h/x"}]`, id):              "NotImplemented",
		`[{"Title":"x"}]`:                     "InvalidParameter",
		fmt.Sprintf(`[{"VideoId":%q}]`, film): "NotImplemented",
		"[" + strings.Repeat(`{"MediaId":"a"},`, 20) + `{"MediaId":"a"}]`: "CountExceededMax",
	} {
		_, out := update(content)
		require.Equal(t, want, out["Code"], content)
	}
}
