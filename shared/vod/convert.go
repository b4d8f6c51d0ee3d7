package vod

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
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
		Size: told(v.Size), Duration: video.Length(v.Duration), Created: when(cmp.Or(v.CreationTime, v.CreateTime)), Modified: when(cmp.Or(v.ModificationTime, v.ModifyTime)),
		StorageClass: v.StorageClass, Storage: v.StorageLocation, App: v.AppId, Region: v.RegionId,
		UserData: v.UserData, Snapshots: v.Snapshots.Snapshot,
	}
}

// ofVideo is for the answers of GetVideoInfos and SearchMedia, about videos and audios.
func ofVideo(v videoWire) video.Video {
	return video.Video{
		ID: video.ID(cmp.Or(v.VideoID, v.AudioID)), Kind: video.Kind(v.MediaType), Title: string(v.Title), Description: string(v.Description), Tags: video.SplitTags(string(v.Tags)),
		Category: int64(v.CateID), CategoryName: string(v.CateName), Cover: string(v.CoverURL), Status: video.Status(v.Status),
		Size: told(int64(v.Size)), Duration: video.Length(number(string(v.Duration))),
		Created: when(string(cmp.Or(v.CreationTime, v.CreateTime))), Modified: when(string(cmp.Or(v.ModificationTime, v.ModifyTime))),
		StorageClass: string(v.StorageClass), Storage: string(v.StorageLocation), App: string(v.AppID), Region: string(v.RegionID),
		UserData: string(v.UserData), Origin: string(v.MediaSource), TranscodeMode: string(v.TranscodeMode), Snapshots: texts(v.Snapshots),
	}
}

func ofListed(v api.VideoInGetVideoList) video.Video {
	return video.Video{
		ID: video.ID(v.VideoId), Title: v.Title, Description: v.Description, Tags: video.SplitTags(v.Tags),
		Category: v.CateId, CategoryName: v.CateName, Cover: v.CoverURL, Status: video.Status(v.Status),
		Size: told(v.Size), Duration: video.Length(v.Duration), Created: when(cmp.Or(v.CreationTime, v.CreateTime)), Modified: when(cmp.Or(v.ModificationTime, v.ModifyTime)),
		StorageClass: v.StorageClass, Storage: v.StorageLocation, App: v.AppId,
		UserData: v.UserData, Snapshots: v.Snapshots.Snapshot,
	}
}

// ofMedia fills the size and duration of the media from its source file, where
// this operation keeps them.
//
// Whether MediaInfo leaves out Tags and CateId of a media that has none is not
// documented, so that left out means none here. Who would remove something because
// of that has more to compare with: planning compares with the hit of the search,
// and a removal compares with what the plan saw.
func ofMedia(m mediaWire) (video.Media, error) {
	i, f := m.MediaInfo, m.MezzanineInfo
	switch {
	case i == nil:
		return video.Media{}, fmt.Errorf("%w: VOD answers no MediaInfo", video.ErrInvalid)
	case i.MediaID != "" && i.MediaID != m.MediaID, f.MediaID != "" && f.MediaID != m.MediaID:
		return video.Media{}, fmt.Errorf("%w: VOD answers the MediaId of another media inside", video.ErrInvalid)
	}
	media := video.Media{Video: video.Video{
		ID: video.ID(m.MediaID), Title: string(i.Title), Description: string(i.Description), Tags: video.SplitTags(string(i.Tags)),
		Category: int64(i.CateID), CategoryName: string(i.CateName), Cover: string(i.CoverURL), Status: video.Status(i.Status),
		Size: told(int64(f.Size)), Duration: video.Length(number(string(f.Duration))), Created: when(string(i.CreationTime)), Modified: when(string(i.ModificationTime)),
		StorageClass: string(i.StorageClass), Storage: string(i.StorageLocation), App: string(i.AppID), Region: string(i.RegionID),
		UserData: string(i.UserData), Snapshots: texts(i.Snapshots),
	}, Streams: ofPlays(m.PlayInfoList)}
	if f.MediaID != "" || f.Status != "" {
		source := video.Source{
			Status: string(f.Status), FileName: string(f.FileName), Size: told(int64(f.Size)), Duration: media.Duration,
			Width: told(int(f.Width)), Height: told(int(f.Height)), FPS: number(string(f.Fps)), Bitrate: number(string(f.Bitrate)),
			MD5: string(f.FileMD5), Created: when(string(f.CreationTime)),
		}
		tracks(&source, f.VideoStreamList, f.AudioStreamList)
		media.Source = &source
	}
	// An answer that leaves out the list of pictures looks like one about a sound: the
	// streams made of it know better, and planning compares with the search.
	picture := func(s video.Stream) bool { return s.Kind == "video" || s.Height > 0 }
	switch {
	case f.Width > 0 || len(f.VideoStreamList) > 0 || slices.ContainsFunc(media.Streams, picture):
		media.Kind = video.KindVideo
	case len(f.AudioStreamList) > 0:
		media.Kind = video.KindAudio
	}
	return media, nil
}

func ofMezzanine(m api.MezzanineInGetMezzanineInfo) video.Source {
	s := video.Source{
		Status: m.Status, FileName: m.FileName, Size: told(m.Size), Duration: video.Length(number(m.Duration)),
		Width: told(int(m.Width)), Height: told(int(m.Height)), FPS: number(m.Fps), Bitrate: number(m.Bitrate),
		StorageClass: m.StorageClass, Created: when(m.CreationTime),
	}
	var pictures, sounds []trackWire
	for _, v := range m.VideoStreamList {
		pictures = append(pictures, trackWire{word(v.CodecName), word(v.Width), word(v.Height), word(v.Rotate), word(v.AvgFPS), word(v.Fps), word(v.Sar), word(v.Dar)})
	}
	for _, a := range m.AudioStreamList {
		sounds = append(sounds, trackWire{CodecName: word(a.CodecName)})
	}
	tracks(&s, pictures, sounds)
	return s
}

// tracks adds what only the tracks of a source file tell.
func tracks(s *video.Source, pictures, sounds []trackWire) {
	if len(pictures) > 0 {
		v := pictures[0]
		s.VideoCodec, s.Rotation = string(v.CodecName), int(number(string(v.Rotate)))
		if s.Width == 0 && s.Height == 0 {
			s.Width, s.Height = told(int(number(string(v.Width)))), told(int(number(string(v.Height))))
		}
		if s.FPS == 0 {
			s.FPS = number(string(cmp.Or(v.AvgFPS, v.Fps)))
		}
		s.Aspect = aspect(v, s.Width, s.Height)
	}
	if len(sounds) > 0 {
		s.AudioCodec = string(sounds[0].CodecName)
	}
}

// aspect is how a picture of stretched pixels is shown, from the shape of a pixel (Sar)
// and of the whole (Dar); see [video.Source]. Two per cent are rounding.
func aspect(v trackWire, width, height int) float64 {
	if w, h := int(number(string(v.Width))), int(number(string(v.Height))); w > 0 && h > 0 {
		width, height = w, h
	}
	if width <= 0 || height <= 0 {
		return 0
	}
	stored := float64(width) / float64(height)
	same := func(a, b float64) bool { return math.Abs(a-b) <= 0.02*b }
	byPixel, byPicture := fraction(v.Sar)*stored, fraction(v.Dar)
	switch shown := cmp.Or(byPicture, byPixel); {
	case byPixel > 0 && byPicture > 0 && !same(byPixel, byPicture):
		return -1
	case shown == 0 || math.Abs(shown-stored) <= 1e-4*stored:
		return 0
	default:
		return shown
	}
}

// fraction reads 16:9; 0 is what cannot be one, such as 0:1 and N/A.
func fraction(text word) float64 {
	a, b, _ := strings.Cut(strings.ReplaceAll(string(text), "/", ":"), ":")
	num, den := number(a), number(b)
	if f := num / den; num > 0 && den > 0 && f >= 0.01 && f <= 100 {
		return f
	}
	return 0
}

// ofPlays keeps apart what VOD did not tell of (nil) and what it says there is none of.
func ofPlays(infos []playWire) []video.Stream {
	if infos == nil {
		return nil
	}
	streams := make([]video.Stream, len(infos))
	for i, p := range infos {
		streams[i] = video.Stream{
			Job: string(p.JobID), Definition: string(p.Definition), Format: string(p.Format), Codec: string(p.CodecName), Kind: string(p.StreamType), Status: string(p.Status),
			Size: told(int64(p.Size)), Width: told(int(p.Width)), Height: told(int(p.Height)), FPS: number(string(p.Fps)), Bitrate: number(string(p.Bitrate)),
			Duration: video.Length(number(string(p.Duration))), Encrypted: p.Encrypt != 0, Created: when(string(p.CreationTime)),
		}
	}
	return streams
}

// ofPlayInfos is ofPlays for GetPlayInfo.
func ofPlayInfos(infos []api.PlayInfo) []video.Stream {
	plays := make([]playWire, len(infos))
	for i, p := range infos {
		plays[i] = playWire{
			JobID: word(p.JobId), Definition: word(p.Definition), Format: word(p.Format), CodecName: word(p.CodecName), StreamType: word(p.StreamType),
			Status: word(p.Status), Fps: word(p.Fps), Bitrate: word(p.Bitrate), Duration: word(p.Duration), CreationTime: word(p.CreationTime),
			Size: whole(p.Size), Width: whole(p.Width), Height: whole(p.Height), Encrypt: whole(p.Encrypt),
		}
	}
	if infos == nil {
		return nil
	}
	return ofPlays(plays)
}

func ofImageInfo(i api.ImageInfo) video.Image {
	return video.Image{
		ID: video.ID(i.ImageId), Title: i.Title, Description: i.Description, Tags: video.SplitTags(i.Tags),
		Category: i.CateId, CategoryName: i.CateName, Status: i.Status, Type: i.ImageType, URL: i.URL,
		FileName: i.Mezzanine.OriginalFileName, Size: int64(number(i.Mezzanine.FileSize)), Width: i.Mezzanine.Width, Height: i.Mezzanine.Height,
		Created: when(i.CreationTime), App: i.AppId, Region: i.RegionId,
	}
}

func ofImage(i imageWire) video.Image {
	return video.Image{
		ID: video.ID(i.ImageID), Title: string(i.Title), Description: string(i.Description), Tags: video.SplitTags(string(i.Tags)),
		Category: int64(i.CateID), CategoryName: string(i.CateName), Status: string(i.Status), Type: string(cmp.Or(i.ImageType, i.Type)), URL: string(i.URL),
		FileName: string(i.Mezzanine.OriginalFileName), Size: told(int64(number(string(i.Mezzanine.FileSize)))),
		Width: told(int(i.Mezzanine.Width)), Height: told(int(i.Mezzanine.Height)),
		Created: when(string(i.CreationTime)), Modified: when(string(i.ModificationTime)), App: string(i.AppID), Region: string(i.RegionID),
	}
}

func texts(words []word) []string {
	if words == nil {
		return nil
	}
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

// earliest bounds the times that VOD can mean: it says the Unix epoch, or a year of
// before, where it has none.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// when is zero for a time that VOD does not say.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Before(earliest) {
		return time.Time{}
	}
	return t.UTC()
}

// number is zero for a number that VOD does not say, and for what is none. Many
// come as text.
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return n
}

// told is zero for a measure that VOD does not say: none is below zero.
func told[N int | int64](n N) N { return max(0, n) }
