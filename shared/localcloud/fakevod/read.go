package fakevod

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	noVideo    = refuse(404, "InvalidVideo.NotFound", "The video does not exist.")
	noResource = refuse(404, "NoSuchResource", "The specified resource does not exist.")
	forbidden  = refuse(403, "Forbidden", "User not authorized to operate on the specified resource.")
)

// look finds an asset; the caller holds s.mu. A fault may want an older version.
func (s *Server) look(c *call, id string) *Asset {
	if a := s.behind(c, id); a != nil {
		return a
	}
	return s.lib.assets[id]
}

// mostBehind is how far a stale read is behind at the most.
const mostBehind = time.Minute

// behind is what a stale read shows of an asset; nil: what is there now.
func (s *Server) behind(c *call, id string) *Asset {
	if !c.stale { // nearly always: a page of hits does not look each of them up
		return nil
	}
	if now := s.lib.assets[id]; now != nil && c.now.Sub(now.Modified) > mostBehind {
		return nil
	}
	return s.lib.old[id]
}

// sees says whether the caller's applications include the asset's.
func (c *call) sees(a *Asset) bool { return c.key.Apps == nil || slices.Contains(c.key.Apps, a.app()) }

// video finds a video or audio that the caller may see.
func (s *Server) video(c *call, id string) (*Asset, *fault) {
	a := s.look(c, id)
	switch {
	case a == nil || a.Kind == "image" || a.Kind == "attached":
		return nil, noVideo
	case !c.sees(a):
		return nil, forbidden
	}
	return a.full(), nil
}

// The shapes of answers. One operation wraps its lists in an object where the
// next has them flat (vod-api.md sections 3 and 4): snapshots and thumbnails are
// therefore any.

type mediaWire struct {
	VideoID           string  `json:"VideoId,omitempty"`
	AudioID           string  `json:"AudioId,omitempty"`
	MediaID           string  `json:"MediaId,omitempty"`
	ImageID           string  `json:"ImageId,omitempty"`
	Title             string  `json:",omitempty"`
	Tags              string  `json:",omitempty"`
	Description       string  `json:",omitempty"`
	Status            string  `json:",omitempty"`
	CateID            int64   `json:"CateId,omitempty"`
	CateName          string  `json:",omitempty"`
	CoverURL          string  `json:",omitempty"`
	CreationTime      string  `json:",omitempty"`
	ModificationTime  string  `json:",omitempty"`
	CreateTime        string  `json:",omitempty"`
	ModifyTime        string  `json:",omitempty"`
	Size              int64   `json:",omitempty"`
	Duration          float64 `json:",omitempty"`
	StorageLocation   string  `json:",omitempty"`
	StorageClass      string  `json:",omitempty"`
	RestoreStatus     string  `json:",omitempty"`
	RestoreExpiration string  `json:",omitempty"`
	AppID             string  `json:"AppId,omitempty"`
	RegionID          string  `json:"RegionId,omitempty"`
	MediaSource       string  `json:",omitempty"`
	MediaType         string  `json:",omitempty"`
	PreprocessStatus  string  `json:",omitempty"`
	DownloadSwitch    string  `json:",omitempty"`
	TranscodeMode     string  `json:",omitempty"`
	TemplateGroupID   string  `json:"TemplateGroupId,omitempty"`
	UserData          string  `json:",omitempty"`
	AuditStatus       string  `json:",omitempty"`

	ImageType string         `json:",omitempty"`
	Type      string         `json:",omitempty"`
	Ext       string         `json:",omitempty"`
	URL       string         `json:",omitempty"`
	Mezzanine *mezzanineFile `json:",omitempty"`

	Snapshots       any `json:",omitempty"`
	SpriteSnapshots any `json:",omitempty"`
}

type mezzanineFile struct {
	FileSize         string `json:",omitempty"`
	FileURL          string `json:",omitempty"`
	Width            int    `json:",omitempty"`
	Height           int    `json:",omitempty"`
	OriginalFileName string `json:",omitempty"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(wireTime)
}

// wire fills what most operations return of a video or audio; the caller holds s.mu.
func (s *Server) wire(a *Asset) mediaWire {
	status, ends := s.restoreOf(a)
	return mediaWire{
		Title: a.Title, Tags: a.Tags, Description: a.Description, Status: a.Status,
		CateID: a.CateID, CateName: s.lib.categories[a.CateID].Name, CoverURL: a.CoverURL,
		CreationTime: stamp(a.Created), ModificationTime: stamp(a.Modified),
		Size: a.Size, Duration: a.Duration, StorageLocation: s.storage(), StorageClass: a.storageClass(),
		RestoreStatus: status, RestoreExpiration: stamp(ends),
		AppID: a.app(), RegionID: s.opt.Region, PreprocessStatus: "UnPreprocess", DownloadSwitch: "on",
		TemplateGroupID: a.TemplateGroupID, UserData: a.UserData, AuditStatus: a.auditStatus(),
	}
}

func (s *Server) host() string { return "http://" + s.storage() + "/" }

// snapshotURLs are the pictures of one type, or of every type that is shown with a video.
func (s *Server) snapshotURLs(a *Asset, kind string) []string {
	var out []string
	for _, j := range a.Snapshots {
		for i := range j.Count {
			if j.Type == kind {
				out = append(out, fmt.Sprintf("%s%s", s.host(), strings.ReplaceAll(a.snapshotFormat(j), "{SnapshotCount}", fmt.Sprintf("%05d", i+1))))
			}
		}
	}
	return out
}

func (a *Asset) snapshotFormat(j SnapshotJob) string {
	folder := map[string]string{"CoverSnapshot": "covers", "NormalSnapshot": "snapshots/normal", "SpriteSnapshot": "covers/sprite",
		"SpriteOriginSnapshot": "snapshots/sprite-origin", "WebVttSnapshot": "snapshots/webvtt"}[j.Type]
	return fmt.Sprintf("%s/%s/%s-{SnapshotCount}.jpg", a.ID, folder, j.JobID)
}

func getVideoInfo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, id)
	if refused != nil {
		return nil, refused
	}
	w := s.wire(a)
	w.VideoID, w.CreateTime, w.ModifyTime = a.ID, w.CreationTime, w.ModificationTime
	if urls := s.snapshotURLs(a, "CoverSnapshot"); urls != nil {
		w.Snapshots = map[string][]string{"Snapshot": urls}
	}
	return reply{"Video": w}, nil
}

func getVideoInfos(s *Server, c *call) (any, *fault) {
	ids := c.list("VideoIds")
	s.mu.RLock()
	defer s.mu.RUnlock()
	list, missing := []mediaWire{}, []string{}
	for _, id := range ids {
		a, refused := s.video(c, id)
		if refused != nil { // the answer has no list of forbidden ones
			missing = append(missing, id)
			continue
		}
		w := s.wire(a)
		w.VideoID, w.MediaType, w.TranscodeMode = a.ID, a.Kind, a.transcodeMode()
		if urls := s.snapshotURLs(a, "CoverSnapshot"); urls != nil {
			w.Snapshots = urls
		}
		list = append(list, w)
	}
	if len(list) == 0 {
		return nil, noVideo
	}
	return reply{"VideoList": list, "NonExistVideoIds": missing}, nil
}

func batchGetMediaInfos(s *Server, c *call) (any, *fault) {
	ids := c.list("MediaIds")
	type info struct {
		MediaID       string `json:"MediaId"`
		MediaInfo     mediaWire
		MezzanineInfo *mezzanineWire `json:",omitempty"`
		PlayInfoList  []playWire
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list, missing, hidden := []info{}, []string{}, []string{}
	for _, id := range ids {
		a, refused := s.video(c, id)
		switch refused {
		case nil:
		case forbidden:
			hidden = append(hidden, id)
			continue
		default:
			missing = append(missing, id)
			continue
		}
		w := s.wire(a)
		w.MediaID, w.Size, w.Duration, w.AuditStatus = a.ID, 0, 0, ""
		if urls := s.snapshotURLs(a, "CoverSnapshot"); urls != nil {
			w.Snapshots = urls
		}
		one := info{MediaID: a.ID, MediaInfo: w, PlayInfoList: []playWire{}}
		if a.Source != nil {
			m := s.mezzanine(a, "oss", true, true)
			m.VideoID, m.MediaID, m.OutputType, m.PreprocessStatus, m.StorageClass, m.RestoreStatus, m.RestoreExpiration = "", a.ID, "", "", "", "", ""
			one.MezzanineInfo = &m
		}
		for _, st := range a.Streams {
			one.PlayInfoList = append(one.PlayInfoList, s.play(a, st))
		}
		list = append(list, one)
	}
	return reply{"MediaInfos": list, "NonExistMediaIds": missing, "ForbiddenMediaIds": hidden}, nil
}

type mezzanineWire struct {
	VideoID           string `json:"VideoId,omitempty"`
	MediaID           string `json:"MediaId,omitempty"`
	Status            string
	FileName          string            `json:",omitempty"`
	FileURL           string            `json:",omitempty"`
	OutputType        string            `json:",omitempty"`
	Size              int64             `json:",omitempty"`
	Width             int               `json:",omitempty"`
	Height            int               `json:",omitempty"`
	Duration          string            `json:",omitempty"`
	Bitrate           string            `json:",omitempty"`
	Fps               string            `json:",omitempty"`
	CRC64             string            `json:",omitempty"`
	PreprocessStatus  string            `json:",omitempty"`
	StorageClass      string            `json:",omitempty"`
	RestoreStatus     string            `json:",omitempty"`
	RestoreExpiration string            `json:",omitempty"`
	CreationTime      string            `json:",omitempty"`
	VideoStreamList   []videoStreamWire `json:",omitempty"`
	AudioStreamList   []audioStreamWire `json:",omitempty"`
}

type videoStreamWire struct {
	Index, CodecName, CodecLongName, Profile, CodecTimeBase, CodecTagString, CodecTag string `json:",omitempty"`
	Width, Height, HasBFrames, Sar, Dar, PixFmt, Level, Fps, AvgFPS                   string `json:",omitempty"`
	Timebase, StartTime, Duration, Bitrate, NumFrames, Lang, Rotate                   string `json:",omitempty"`
}

type audioStreamWire struct {
	Index, CodecName, CodecLongName, CodecTimeBase, CodecTagString, CodecTag string `json:",omitempty"`
	SampleFmt, SampleRate, Channels, ChannelLayout                           string `json:",omitempty"`
	Timebase, StartTime, Duration, Bitrate, NumFrames, Lang                  string `json:",omitempty"`
}

// longNames are ffmpeg's, which the service prints.
var longNames = map[string]string{"h264": "H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10", "hevc": "H.265 / HEVC (High Efficiency Video Coding)",
	"aac": "AAC (Advanced Audio Coding)", "mp3": "MP3 (MPEG audio layer 3)", "vp9": "Google VP9", "av1": "Alliance for Open Media AV1", "opus": "Opus"}

// codecTag is the four letters as the number that they are in a file.
func codecTag(tag string) string {
	if len(tag) != 4 {
		return ""
	}
	return fmt.Sprintf("0x%02x%02x%02x%02x", tag[3], tag[2], tag[1], tag[0])
}

// aspect is the shape of the pixels that are shown, in lowest terms.
func aspect(width, height int) string {
	a, b := width, height
	for b > 0 {
		a, b = b, a%b
	}
	if a == 0 {
		return "0:1"
	}
	return fmt.Sprintf("%d:%d", width/a, height/a)
}

// pictures and sounds are what a stream's details say of one track. What the prober does
// not read has the value that such files have nearly always.
func pictures(index string, t Track) videoStreamWire {
	frames := "2"
	if strings.Contains(t.Profile, "Baseline") {
		frames = "0"
	}
	return videoStreamWire{Index: index, CodecName: t.Codec, CodecLongName: cmp.Or(longNames[t.Codec], t.Codec), Profile: t.Profile,
		CodecTimeBase: "1/" + cmp.Or(text(t.FPS*2), "50"), CodecTagString: t.Tag, CodecTag: codecTag(t.Tag), Width: strconv.Itoa(t.Width), Height: strconv.Itoa(t.Height),
		HasBFrames: frames, Sar: cmp.Or(t.Sar, "1:1"), Dar: cmp.Or(t.Dar, aspect(t.Width, t.Height)), PixFmt: "yuv420p", Level: strconv.Itoa(t.Level), Fps: text(t.FPS), AvgFPS: text(t.FPS),
		Timebase: timebase(t), StartTime: "0.000000", Duration: text(t.Duration), Bitrate: text(t.Bitrate / 1000), NumFrames: strconv.FormatInt(t.Frames, 10),
		Lang: t.Language, Rotate: strconv.Itoa(t.Rotation)}
}

func sounds(index string, t Track) audioStreamWire {
	return audioStreamWire{Index: index, CodecName: t.Codec, CodecLongName: cmp.Or(longNames[t.Codec], t.Codec), CodecTimeBase: fmt.Sprintf("1/%d", max(t.SampleRate, 1)),
		CodecTagString: t.Tag, CodecTag: codecTag(t.Tag), SampleFmt: "fltp", SampleRate: strconv.Itoa(t.SampleRate), Channels: strconv.Itoa(t.Channels),
		ChannelLayout: map[int]string{1: "mono", 2: "stereo"}[t.Channels], Timebase: timebase(t), StartTime: "0.000000", Duration: text(t.Duration),
		Bitrate: text(t.Bitrate / 1000), NumFrames: strconv.FormatInt(t.Frames, 10), Lang: t.Language}
}

func timebase(t Track) string { return fmt.Sprintf("1/%d", max(t.Timescale, 1)) }

// text prints a number the shortest way, without noise from binary fractions.
func text(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

func (s *Server) mezzanine(a *Asset, output string, video, audio bool) mezzanineWire {
	src := a.Source
	status, ends := s.restoreOf(a)
	w := mezzanineWire{VideoID: a.ID, Status: src.Status, FileName: src.FileName, OutputType: output, Size: src.Size, Width: src.Width, Height: src.Height,
		Duration: text(src.Duration), Bitrate: text(src.Bitrate), Fps: text(src.FPS), CRC64: src.CRC64, PreprocessStatus: "UnPreprocess",
		StorageClass: a.storageClass(), RestoreStatus: status, RestoreExpiration: stamp(ends), CreationTime: stamp(src.Created)}
	if src.Status != "Deleted" {
		w.FileURL = s.host() + src.Key
	}
	for i, t := range src.Tracks {
		if t.Cover { // album art is not a film
			continue
		}
		switch index := strconv.Itoa(i); {
		case t.Kind == "video" && video:
			w.VideoStreamList = append(w.VideoStreamList, pictures(index, t))
		case t.Kind == "audio" && audio:
			w.AudioStreamList = append(w.AudioStreamList, sounds(index, t))
		}
	}
	return w
}

func getMezzanineInfo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	output, refused := c.output()
	if refused != nil {
		return nil, refused
	}
	addition := strings.Split(c.q.Get("AdditionType"), ",")
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, id)
	if refused != nil {
		return nil, refused
	}
	if a.Source == nil || a.Source.Status == "Deleted" && s.opt.SourceGoneNotFound {
		return nil, refuse(404, "InvalidFile.NotFound", "The file does not exist.")
	}
	m := s.mezzanine(a, output, slices.Contains(addition, "video"), slices.Contains(addition, "audio"))
	m.FileURL = s.lasting(output, m.FileURL, c.number("AuthTimeout"))
	return reply{"Mezzanine": m}, nil
}

// maxAuthOSS is the longest that an address of the bucket itself may hold, in seconds.
const maxAuthOSS = 2_592_000

// output reads OutputType and AuthTimeout, which belong together.
func (c *call) output() (string, *fault) {
	out := c.choice("OutputType")
	if out == "oss" && c.number("AuthTimeout") > maxAuthOSS {
		return "", invalidParam("AuthTimeout")
	}
	return out, nil
}

type playWire struct {
	JobID            string `json:"JobId"`
	Definition       string
	Format           string
	StreamType       string
	Status           string
	PlayURL          string
	Size             int64
	Width            int `json:",omitempty"`
	Height           int `json:",omitempty"`
	Duration         string
	Bitrate          string
	Fps              string `json:",omitempty"`
	Encrypt          int
	EncryptType      string `json:",omitempty"`
	Specification    string `json:",omitempty"`
	NarrowBandType   string
	CodecName        string `json:",omitempty"`
	TemplateGroupID  string `json:"TemplateGroupId,omitempty"`
	CreationTime     string
	ModificationTime string
	PreprocessStatus string
}

func (s *Server) play(a *Asset, st Stream) playWire {
	w := playWire{JobID: st.JobID, Definition: st.Definition, Format: st.Format, StreamType: st.kind(), Status: "Normal",
		PlayURL: s.host() + a.streamKey(st), Size: st.Size, Width: st.Width, Height: st.Height, Duration: text(st.Duration), Bitrate: text(st.Bitrate),
		Fps: text(st.FPS), NarrowBandType: "0", CodecName: st.Codec, TemplateGroupID: a.TemplateGroupID, CreationTime: stamp(st.Created),
		ModificationTime: stamp(st.Created), PreprocessStatus: "UnPreprocess"}
	if st.Invisible {
		w.Status = "Invisible"
	}
	if st.Encrypted {
		w.Encrypt, w.EncryptType = 1, "AliyunVoDEncryption"
	}
	switch {
	case st.Definition == "OD":
		w.Specification = "Original"
	case st.kind() == "audio":
		w.Specification = "Audio"
	case st.Codec == "h264":
		w.Specification = "H264." + st.Definition
	}
	return w
}

func (st Stream) kind() string {
	if st.Height == 0 {
		return "audio"
	}
	return "video"
}

func (a *Asset) streamKey(st Stream) string {
	if st.Definition == "OD" && a.Source != nil {
		return a.Source.Key
	}
	return fmt.Sprintf("%s/%s-%s.%s", a.ID, clip16(st.JobID), strings.ToLower(st.Definition), st.Format)
}

func clip16(id string) string { return id[:min(16, len(id))] }

func (c *call) wantsStream(st Stream) bool {
	return c.wants("Formats", st.Format) && c.wants("Definition", st.Definition) && c.wants("StreamType", st.kind())
}

// plays are the streams that a caller wants to play, or why there are none.
func (s *Server) plays(c *call, a *Asset, output string) ([]playWire, *fault) {
	single := c.choice("ResultType") == "Single"
	source, rest := s.readable(a, c.now)
	if s.opt.ArchivedPlays && !a.changing() {
		source, rest = true, true
	}
	locked, frozen, out := false, false, []playWire{}
	for _, st := range a.Streams {
		open := rest
		if st.Definition == "OD" {
			open = source
		}
		switch {
		case !c.wantsStream(st):
		case single && st.Invisible:
		case !open:
			frozen = true
		case single && st.Encrypted:
			locked = true
		default:
			p := s.play(a, st)
			p.PlayURL = s.lasting(output, p.PlayURL, c.number("AuthTimeout"))
			out = append(out, p)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case frozen: // the documentation says that it does not play, not in which words
		return nil, refuse(403, "Forbidden.IllegalStatus", "Status of the video is illegal. Current Status is "+a.storageClass()+".")
	case locked:
		return nil, refuse(403, "Forbidden.AliyunVoDEncryption", "Currently only the AliyunVoDEncryption stream exists, you must use the Aliyun player to play or set the value of ResultType to Multiple.")
	}
	return nil, refuse(404, "InvalidVideo.NoneStream", fmt.Sprintf("The video has no stream to play for the request parameter 'Formats:%s, Definition:%s, StreamType:%s'.",
		c.q.Get("Formats"), c.q.Get("Definition"), c.q.Get("StreamType")))
}

func getPlayInfo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	if s.opt.PlayOutputCDN && c.q.Get("OutputType") == "" {
		c.q.Set("OutputType", "cdn")
	}
	output, refused := c.output()
	if refused != nil {
		return nil, refused
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, id)
	if refused != nil {
		return nil, refused
	}
	if a.Status != "Normal" {
		return nil, refuse(403, "Forbidden.IllegalStatus", "Status of the video is illegal. Current Status is "+a.Status+".")
	}
	plays, refused := s.plays(c, a, output)
	if refused != nil {
		return nil, refused
	}
	return reply{
		"VideoBase": map[string]any{"VideoId": a.ID, "Title": a.Title, "Status": a.Status, "Duration": text(a.Duration), "CoverURL": a.CoverURL,
			"CreationTime": stamp(a.Created), "MediaType": a.Kind, "TranscodeMode": a.transcodeMode(), "OutputType": output, "StorageClass": a.storageClass()},
		"PlayInfoList": map[string]any{"PlayInfo": plays},
	}, nil
}

// image fills what GetImageInfo, GetImageInfos and SearchMedia return of an image.
func (s *Server) image(a *Asset) mediaWire {
	a = a.full()
	w := s.wire(a)
	w.ImageID = a.ID
	w.Size, w.Duration, w.CoverURL, w.StorageClass, w.PreprocessStatus, w.DownloadSwitch, w.UserData = 0, 0, "", "", "", "", ""
	w.ModificationTime = stamp(a.Modified)
	if p := a.Picture; p != nil {
		w.ImageType, w.Type, w.Ext, w.URL = p.Type, p.Type, p.Ext, p.URL
		w.Mezzanine = &mezzanineFile{FileURL: cmp.Or(p.URL, s.host()+p.Key), Width: p.Width, Height: p.Height, OriginalFileName: p.FileName}
		if p.Size > 0 {
			w.Mezzanine.FileSize = strconv.FormatInt(p.Size, 10)
		}
	}
	return w
}

// lastingImage is an image whose addresses end when the caller wants it.
func (s *Server) lastingImage(c *call, output string, a *Asset) mediaWire {
	w := s.image(a)
	w.URL = s.lasting(output, w.URL, c.number("AuthTimeout"))
	if w.Mezzanine != nil {
		w.Mezzanine.FileURL = s.lasting(output, w.Mezzanine.FileURL, c.number("AuthTimeout"))
	}
	return w
}

func getImageInfo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("ImageId")
	output, refused := c.output()
	if refused != nil {
		return nil, refused
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.look(c, id)
	if a == nil || a.Kind != "image" {
		return nil, noResource
	}
	if !c.sees(a) {
		return nil, forbidden
	}
	w := s.lastingImage(c, output, a)
	w.ModificationTime, w.Ext, w.Type = "", "", ""
	return reply{"ImageInfo": w}, nil
}

func getImageInfos(s *Server, c *call) (any, *fault) {
	ids := c.list("ImageIds")
	output, refused := c.output()
	if refused != nil {
		return nil, refused
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list, missing := []mediaWire{}, []string{}
	for _, id := range ids {
		if a := s.look(c, id); a != nil && a.Kind == "image" && c.sees(a) {
			list = append(list, s.lastingImage(c, output, a))
		} else {
			missing = append(missing, id)
		}
	}
	return reply{"ImageInfo": list, "NonExistImageIds": missing}, nil
}
