package vod

import (
	"cmp"
	"strconv"
	"time"

	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// The SDK has a type of its own for the video of almost every operation; their
// fields are the same, and here they become one noun.

func ofVideoInfo(v api.VideoInGetVideoInfo) video.Video {
	return video.Video{
		ID: video.ID(v.VideoId), Title: v.Title, Description: v.Description, Tags: video.SplitTags(v.Tags),
		Category: v.CateId, CategoryName: v.CateName, Cover: v.CoverURL, Status: video.Status(v.Status),
		Size: v.Size, Duration: seconds(v.Duration), Created: when(cmp.Or(v.CreationTime, v.CreateTime)), Modified: when(cmp.Or(v.ModificationTime, v.ModifyTime)),
		StorageClass: v.StorageClass, Storage: v.StorageLocation, App: v.AppId, Region: v.RegionId,
		UserData: v.UserData, Snapshots: v.Snapshots.Snapshot,
	}
}

func ofVideo(v api.Video) video.Video {
	return video.Video{
		ID: video.ID(v.VideoId), Kind: video.Kind(v.MediaType), Title: v.Title, Description: v.Description, Tags: video.SplitTags(v.Tags),
		Category: v.CateId, CategoryName: v.CateName, Cover: v.CoverURL, Status: video.Status(v.Status),
		Size: v.Size, Duration: seconds(v.Duration), Created: when(cmp.Or(v.CreationTime, v.CreateTime)), Modified: when(cmp.Or(v.ModificationTime, v.ModifyTime)),
		StorageClass: v.StorageClass, Storage: v.StorageLocation, App: v.AppId, Region: v.RegionId,
		UserData: v.UserData, Origin: v.MediaSource, TranscodeMode: v.TranscodeMode, Snapshots: v.Snapshots,
	}
}

func ofListed(v api.VideoInGetVideoList) video.Video {
	return video.Video{
		ID: video.ID(v.VideoId), Title: v.Title, Description: v.Description, Tags: video.SplitTags(v.Tags),
		Category: v.CateId, CategoryName: v.CateName, Cover: v.CoverURL, Status: video.Status(v.Status),
		Size: v.Size, Duration: seconds(v.Duration), Created: when(cmp.Or(v.CreationTime, v.CreateTime)), Modified: when(cmp.Or(v.ModificationTime, v.ModifyTime)),
		StorageClass: v.StorageClass, Storage: v.StorageLocation, App: v.AppId,
		UserData: v.UserData, Snapshots: v.Snapshots.Snapshot,
	}
}

func ofAudio(a api.Audio) video.Video {
	return video.Video{
		ID: video.ID(a.AudioId), Kind: video.KindAudio, Title: a.Title, Description: a.Description, Tags: video.SplitTags(a.Tags),
		Category: a.CateId, CategoryName: a.CateName, Cover: a.CoverURL, Status: video.Status(a.Status),
		Size: a.Size, Duration: seconds(a.Duration), Created: when(a.CreationTime), Modified: when(a.ModificationTime),
		StorageClass: a.StorageClass, Storage: a.StorageLocation, App: a.AppId, Region: a.RegionId,
		Origin: a.MediaSource, TranscodeMode: a.TranscodeMode, Snapshots: a.Snapshots,
	}
}

// ofMedia fills the size and duration of the media from its source file, where
// this operation keeps them.
func ofMedia(m api.MediaBasicInfo) video.Media {
	i, f := m.MediaInfo, m.MezzanineInfo
	media := video.Media{Video: video.Video{
		ID: video.ID(m.MediaId), Title: i.Title, Description: i.Description, Tags: video.SplitTags(i.Tags),
		Category: i.CateId, CategoryName: i.CateName, Cover: i.CoverURL, Status: video.Status(i.Status),
		Size: f.Size, Duration: seconds(number(f.Duration)), Created: when(i.CreationTime), Modified: when(i.ModificationTime),
		StorageClass: i.StorageClass, Storage: i.StorageLocation, App: i.AppId, Region: i.RegionId,
		UserData: i.UserData, Snapshots: i.Snapshots,
	}, Streams: ofPlayInfos(m.PlayInfoList)}
	if f.MediaId != "" || f.Status != "" {
		source := ofMezzanine(mezzanine{
			status: f.Status, fileName: f.FileName, duration: f.Duration, fps: f.Fps, bitrate: f.Bitrate,
			created: f.CreationTime, size: f.Size, width: f.Width, height: f.Height,
			video: f.VideoStreamList, audio: f.AudioStreamList,
		})
		media.Source = &source
	}
	switch {
	case f.Width > 0 || len(f.VideoStreamList) > 0:
		media.Kind = video.KindVideo
	case len(f.AudioStreamList) > 0:
		media.Kind = video.KindAudio
	}
	return media
}

// mezzanine is what two operations answer in two types.
type mezzanine struct {
	status, fileName, duration, fps, bitrate, created, class string
	size, width, height                                      int64
	video                                                    []api.VideoStream
	audio                                                    []api.AudioStream
}

func ofMezzanine(m mezzanine) video.Source {
	s := video.Source{
		Status: m.status, FileName: m.fileName, Size: m.size, Duration: seconds(number(m.duration)),
		Width: int(m.width), Height: int(m.height), FPS: number(m.fps), Bitrate: number(m.bitrate),
		StorageClass: m.class, Created: when(m.created),
	}
	if len(m.video) > 0 {
		v := m.video[0]
		s.VideoCodec, s.Rotation = v.CodecName, int(number(v.Rotate))
		if s.Width == 0 && s.Height == 0 {
			s.Width, s.Height = int(number(v.Width)), int(number(v.Height))
		}
		if s.FPS == 0 {
			s.FPS = number(cmp.Or(v.AvgFPS, v.Fps))
		}
	}
	if len(m.audio) > 0 {
		s.AudioCodec = m.audio[0].CodecName
	}
	return s
}

// ofPlayInfos keeps apart what VOD did not tell of (nil) and what it says there is
// none of.
func ofPlayInfos(infos []api.PlayInfo) []video.Stream {
	if infos == nil {
		return nil
	}
	streams := make([]video.Stream, len(infos))
	for i, p := range infos {
		streams[i] = video.Stream{
			Job: p.JobId, Definition: p.Definition, Format: p.Format, Codec: p.CodecName, Kind: p.StreamType, Status: p.Status,
			Size: p.Size, Width: int(p.Width), Height: int(p.Height), FPS: number(p.Fps), Bitrate: number(p.Bitrate),
			Duration: seconds(number(p.Duration)), Encrypted: p.Encrypt != 0, Created: when(p.CreationTime),
		}
	}
	return streams
}

func ofImageInfo(i api.ImageInfo) video.Image {
	return video.Image{
		ID: video.ID(i.ImageId), Title: i.Title, Description: i.Description, Tags: video.SplitTags(i.Tags),
		Category: i.CateId, CategoryName: i.CateName, Status: i.Status, Type: i.ImageType, URL: i.URL,
		FileName: i.Mezzanine.OriginalFileName, Size: int64(number(i.Mezzanine.FileSize)), Width: i.Mezzanine.Width, Height: i.Mezzanine.Height,
		Created: when(i.CreationTime), App: i.AppId, Region: i.RegionId,
	}
}

func ofImage(i api.Image) video.Image {
	return video.Image{
		ID: video.ID(i.ImageId), Title: i.Title, Description: i.Description, Tags: video.SplitTags(i.Tags),
		Category: i.CateId, CategoryName: i.CateName, Status: i.Status, Type: cmp.Or(i.ImageType, i.Type), URL: i.URL,
		FileName: i.Mezzanine.OriginalFileName, Size: int64(number(i.Mezzanine.FileSize)), Width: i.Mezzanine.Width, Height: i.Mezzanine.Height,
		Created: when(i.CreationTime), Modified: when(i.ModificationTime), App: i.AppId, Region: i.RegionId,
	}
}

// when is zero for a time that VOD does not say.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// number is zero for a number that VOD does not say. Many come as text.
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return n
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
