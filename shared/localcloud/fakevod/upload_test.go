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

// exifTurned is a JPEG whose EXIF says that it is shown turned by a quarter.
func exifTurned(t *testing.T) []byte {
	body := media(t, "cover.jpg")
	block := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	return slices.Concat(body[:2], []byte(block), body[2:])
}

func TestAnImageHasTheSizeInWhichItIsShown(t *testing.T) {
	for stored, want := range map[bool][2]int{false: {360, 640}, true: {640, 360}} {
		c := newCloud(t, func(o *fakevod.Options) { o.StoredImageSize = stored })
		id, err := c.Upload(fakevod.Upload{FileName: "turned.jpg"}, exifTurned(t))
		require.NoError(t, err)
		c.settle(t)
		a, _ := c.Lookup(id)
		require.Equal(t, want, [2]int{a.Picture.Width, a.Picture.Height})
	}
}

// VOD takes these; the local cloud says at once that it cannot, and does not end in
// TranscodeFail as if the file were broken.
func TestWhatIsNotEmulatedIsRefusedAtUpload(t *testing.T) {
	c := newCloud(t, nil)
	for _, name := range []string{"old.avi", "disc.VOB", "phone.wmv", "song.flac", "list.m3u8"} {
		_, err := c.Upload(fakevod.Upload{FileName: name}, []byte("any"))
		require.ErrorContains(t, err, "LocalCloud.NotEmulated", name)
		require.ErrorContains(t, err, "It reads ", name)
	}
	_, err := c.Upload(fakevod.Upload{FileName: "program.exe"}, []byte("any"))
	require.ErrorContains(t, err, "InvalidFileName.Extension", "what VOD refuses is refused in its words")
}

func TestAForeignFileUnderAKnownNameIsNamed(t *testing.T) {
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "VideoAnalysisComplete"}
	})
	_, err := c.Upload(fakevod.Upload{FileName: "renamed.mp4"}, []byte("RIFF\x00\x00\x00\x00AVI LIST"))
	require.NoError(t, err)
	c.settle(t)
	require.Len(t, h.bodies, 1)
	require.Equal(t, "LocalCloud.NotEmulated", h.bodies[0]["ErrorCode"])
	require.Contains(t, h.bodies[0]["ErrorMessage"], "AVI")
}

func TestUploadsOfEveryContainer(t *testing.T) {
	c := newCloud(t, nil)
	for name, kind := range map[string]string{
		"mp4-h264-aac.mp4": "video", "mov-prores.mov": "video", "3gp-h263-amr.3gp": "video", "m4a-alac.m4a": "audio", "mkv-h264-aac.mkv": "video",
		"webm-vp9-opus.webm": "video", "webm-opus.webm": "audio", "ts-h264-aac.ts": "video", "ts-disc.m2t": "video", "flv-flv1-mp3.flv": "video",
		"mp3-cover.mp3": "audio", "wav-s16.wav": "audio", "aac-mono.aac": "audio", "frag-empty-moov.mp4": "video",
		"m4a-cover-track.mp4": "audio", "mov-cover-first.mov": "video", "mvhd-ones.mp4": "video",
	} {
		id, err := c.Upload(fakevod.Upload{FileName: name}, media(t, "matrix/"+name))
		require.NoError(t, err, name)
		c.settle(t)
		a, _ := c.Lookup(id)
		require.Equal(t, "Normal", a.Status, name)
		require.Equal(t, kind, a.Kind, name)
		require.NotEmpty(t, a.Streams, name)
		require.Less(t, a.Duration, 10.0, name)
		_, out := c.call(t, "GetMezzanineInfo", "VideoId", id, "AdditionType", "video,audio")
		films, _ := out["Mezzanine"].(map[string]any)["VideoStreamList"].([]any)
		require.Equal(t, kind == "video", len(films) == 1, name)
	}
}

func TestStretchedPixelsShow(t *testing.T) {
	c := newCloud(t, nil)
	id, err := c.Upload(fakevod.Upload{FileName: "wide.mp4"}, media(t, "matrix/mp4-dar-16-9.mp4"))
	require.NoError(t, err)
	c.settle(t)
	_, out := c.call(t, "GetMezzanineInfo", "VideoId", id, "AdditionType", "video,audio")
	film := out["Mezzanine"].(map[string]any)["VideoStreamList"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"150", "160", "256:135", "16:9"}, []any{film["Width"], film["Height"], film["Sar"], film["Dar"]})
	a, _ := c.Lookup(id)
	require.Greater(t, a.Streams[0].Width, a.Streams[0].Height, "as shown")
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
