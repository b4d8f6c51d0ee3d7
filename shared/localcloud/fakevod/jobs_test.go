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
