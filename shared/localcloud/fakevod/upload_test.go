package fakevod_test

import (
	"slices"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// The whole way of an upload, by the official clients alone: create, put, probe,
// notifications, then everything that can be read.
func TestAnUploadByTheOfficialClients(t *testing.T) {
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL", AuthSwitch: "on", AuthKey: "Ab3dEf6hIj9k"}
	})
	client := c.sdk(t, nil)
	create := vod.CreateCreateUploadVideoRequest()
	create.FileName, create.Title, create.Tags, create.UserData = "clip.mp4", "A clip", "a,b", `{"Extend":{"k":1}}`
	made, err := client.CreateUploadVideo(create)
	require.NoError(t, err)
	require.Len(t, made.VideoId, 32)
	a, _ := c.Lookup(made.VideoId)
	require.Equal(t, "Uploading", a.Status)

	putUpload(t, made.UploadAddress, made.UploadAuth, media(t, "landscape.mp4"))
	c.settle(t)

	info := vod.CreateGetVideoInfoRequest()
	info.VideoId = made.VideoId
	got, err := client.GetVideoInfo(info)
	require.NoError(t, err)
	v := got.Video
	require.Equal(t, "Normal", v.Status)
	require.Equal(t, "A clip", v.Title)
	require.Equal(t, "a,b", v.Tags)
	require.Equal(t, int64(151626), v.Size)
	require.InDelta(t, 6.0, v.Duration, 0)
	require.Equal(t, "2025-03-01T12:00:00Z", v.CreationTime)
	require.Len(t, v.Snapshots.Snapshot, 3)
	require.Equal(t, v.Snapshots.Snapshot[1], v.CoverURL)
	require.Equal(t, fakevod.DefaultApp, v.AppId)

	play := vod.CreateGetPlayInfoRequest()
	play.VideoId, play.ResultType = made.VideoId, "Multiple"
	streams, err := client.GetPlayInfo(play)
	require.NoError(t, err)
	var defs []string
	for _, p := range streams.PlayInfoList.PlayInfo {
		defs = append(defs, p.Definition)
		require.Positive(t, p.Size)
		require.Len(t, p.JobId, 32)
	}
	require.Equal(t, []string{"LD", "SD"}, defs)
	require.Equal(t, "video", streams.VideoBase.MediaType)

	mez := vod.CreateGetMezzanineInfoRequest()
	mez.VideoId, mez.AdditionType = made.VideoId, "video,audio"
	src, err := client.GetMezzanineInfo(mez)
	require.NoError(t, err)
	m := src.Mezzanine
	require.Equal(t, int64(640), m.Width)
	require.Equal(t, int64(360), m.Height)
	require.Equal(t, "6", m.Duration)
	require.Equal(t, "202.168", m.Bitrate)
	require.Equal(t, "25", m.Fps)
	require.Equal(t, "h264", m.VideoStreamList[0].CodecName)
	require.Equal(t, "aac", m.AudioStreamList[0].CodecName)

	kinds := h.kinds()
	require.Equal(t, []string{"MediaBaseChangeComplete", "FileUploadComplete", "VideoAnalysisComplete"}, kinds[:3])
	require.ElementsMatch(t, []string{"SnapshotComplete", "StreamTranscodeComplete", "StreamTranscodeComplete", "TranscodeComplete"}, kinds[3:])
	last := slices.Index(kinds, "TranscodeComplete")
	for i, k := range kinds {
		require.False(t, k == "StreamTranscodeComplete" && i > last, "a stream after the whole task")
	}
	for i, b := range h.bodies {
		require.Equal(t, "2025-03-01T12:00:00Z", b["EventTime"])
		require.Len(t, h.heads[i].Get("X-Vod-Signature"), 32)
		if i > 0 {
			require.Equal(t, `{"k":1}`, b["Extend"], "%s", b["EventType"])
		}
	}
	require.Equal(t, 7, c.Deliveries().Count("MediaBaseChangeComplete")+c.Deliveries().Count("FileUploadComplete")+c.Deliveries().Count("VideoAnalysisComplete")+
		c.Deliveries().Count("SnapshotComplete")+c.Deliveries().Count("StreamTranscodeComplete")+c.Deliveries().Count("TranscodeComplete"))
}

func TestAnUploadedImage(t *testing.T) {
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ImageUploadComplete"}
	})
	client := c.sdk(t, nil)
	create := vod.CreateCreateUploadImageRequest()
	create.ImageType, create.ImageExt, create.Title, create.OriginalFileName = "cover", "jpg", "Cover", "cover.jpg"
	made, err := client.CreateUploadImage(create)
	require.NoError(t, err)
	putUpload(t, made.UploadAddress, made.UploadAuth, media(t, "cover.jpg"))
	c.settle(t)
	get := vod.CreateGetImageInfoRequest()
	get.ImageId = made.ImageId
	got, err := client.GetImageInfo(get)
	require.NoError(t, err)
	require.Equal(t, "Normal", got.ImageInfo.Status)
	require.Equal(t, 640, got.ImageInfo.Mezzanine.Width)
	require.Equal(t, 360, got.ImageInfo.Mezzanine.Height)
	require.Equal(t, "9784", got.ImageInfo.Mezzanine.FileSize)
	require.Equal(t, []string{"ImageUploadComplete"}, h.kinds())
	require.Empty(t, h.heads[0].Get("X-Vod-Signature"), "no key, no signature")
}

func TestWhatCannotBeProbedFailsItsAnalysis(t *testing.T) {
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
	})
	id, err := c.Upload(fakevod.Upload{FileName: "broken.mp4"}, []byte("this is no video at all"))
	require.NoError(t, err)
	c.settle(t)
	a, _ := c.Lookup(id)
	require.Equal(t, "TranscodeFail", a.Status)
	require.Equal(t, []string{"MediaBaseChangeComplete", "FileUploadComplete", "VideoAnalysisComplete"}, h.kinds())
	require.Equal(t, "fail", h.bodies[2]["Status"])
	require.Equal(t, "InvalidParameter.ResourceContentBad", h.bodies[2]["ErrorCode"])
}

func TestRotationTurnsTheStreamsUpright(t *testing.T) {
	c := newCloud(t, nil)
	a, _ := c.Lookup(c.upload(t, "portrait.mp4", "p"))
	require.Equal(t, 90, a.Source.Rotation)
	require.Equal(t, 480, a.Source.Width, "as stored")
	require.Len(t, a.Streams, 1)
	require.Less(t, a.Streams[0].Width, a.Streams[0].Height)
}

func TestSoundAloneIsAudio(t *testing.T) {
	c := newCloud(t, nil)
	a, _ := c.Lookup(c.upload(t, "audio-only.m4a", "s"))
	require.Equal(t, "audio", a.Kind)
	require.Empty(t, a.Snapshots)
	require.Len(t, a.Streams, 1)
	require.Equal(t, "mp3", a.Streams[0].Format)
}
