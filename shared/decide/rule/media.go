package rule

import (
	"cmp"
	"math"
	"time"

	"vodcurator/shared/video"
)

// The fields of a stream by their bits: looking names up costs too much for each stream.
var (
	streamJob, streamDefinition, streamFormat = streamBit["job"], streamBit["definition"], streamBit["format"]
	streamCodec, streamStatus, streamSize     = streamBit["codec"], streamBit["status"], streamBit["size"]
	streamWidth, streamHeight, streamFPS      = streamBit["width"], streamBit["height"], streamBit["fps"]
	streamBitrate, streamAge                  = streamBit["bitrate"], streamBit["age_days"]
)

// What an asset of a kind can never have.
var (
	pictureFacts = bit["width"] | bit["height"] | bit["short_side"] | bit["orientation"] | bit["fps"]
	imageNever   = bit["duration"] | bit["fps"] | bit["bitrate"] | bit["codec"] | bit["streams"] | bit["labels"] |
		bit["storage"] | bit["origin"] | bit["user_data"]
	streamPicture = streamWidth | streamHeight | streamFPS
)

// The library's own times lie between these two moments. VOD fills an empty time with
// 1970, and spans beyond three centuries cannot be computed.
var (
	firstTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// maxSkew is how far ahead of ours the library's clock may be. What happened later
// than that has a wrong time.
const maxSkew = 10 * time.Minute

// FactsOf says what is known of a video or sound at a moment. What VOD did not tell,
// or told as zero, as 1970 or as an empty text where there must be one, is missing.
// What a sound or an image cannot have does not apply. Title, description, tags, user
// data and the category of an asset that has none may be empty and are known.
func FactsOf(m video.Media, at time.Time) Facts {
	f := Facts{
		ID: string(m.ID), Kind: string(m.Kind), Title: m.Title, Description: m.Description,
		Category: m.CategoryName, CategoryID: int(m.Category), Tags: m.Tags, Status: string(m.Status),
		Origin: m.Origin, UserData: m.UserData, Storage: m.StorageClass, missing: bit["labels"],
	}
	length, size := m.Duration, m.Size
	if s := m.Source; s != nil {
		f.SourceGone = s.Gone()
		if !f.SourceGone {
			f.FileName = s.FileName
		}
		length, size = cmp.Or(length, s.Duration), cmp.Or(size, s.Size)
		f.Storage = cmp.Or(f.Storage, s.StorageClass)
		f.fromSource(s)
	}
	f.Duration, f.Size = Seconds(length), int(size)
	for _, s := range m.Streams {
		f.Streams = append(f.Streams, streamOf(s, f.Kind, at))
	}
	if f.SourceGone && f.Width == 0 {
		f.fromStreams()
	}
	if f.Kind == string(video.KindAudio) {
		f.never |= pictureFacts
		f.Width, f.Height, f.FPS = 0, 0, 0
	}
	f.missingIf("source_gone", m.Source == nil || m.Source.Status == "")
	f.missingIf("streams", m.Streams == nil)
	f.bytes(m)
	f.settle(m.Created, m.Modified, at)
	return f
}

// FactsOfImage says what is known of an image at a moment. Duration, streams and the
// other facts that only a video has do not apply.
func FactsOfImage(m video.Image, at time.Time) Facts {
	f := Facts{
		ID: string(m.ID), Kind: string(video.KindImage), Title: m.Title, FileName: m.FileName,
		Description: m.Description, Category: m.CategoryName, CategoryID: int(m.Category), Tags: m.Tags,
		Status: m.Status, Size: int(m.Size), Width: m.Width, Height: m.Height, Bytes: int(m.Size), never: imageNever,
	}
	f.missingIf("bytes", f.Size <= 0)
	f.settle(m.Created, m.Modified, at)
	return f
}

func (f *Facts) fromSource(s *video.Source) {
	f.Width, f.Height, f.FPS, f.Bitrate, f.Codec = s.Width, s.Height, s.FPS, s.Bitrate, s.VideoCodec
	f.aspect = s.Aspect
	if quarter := s.Rotation % 180; quarter != 0 {
		f.Width, f.Height = f.Height, f.Width
		if f.aspect > 0 {
			f.aspect = 1 / f.aspect
		}
	}
	if f.Kind == "" { // the parts that were found in the file tell it
		switch {
		case s.Width > 0 && s.Height > 0, s.VideoCodec != "":
			f.Kind = string(video.KindVideo)
		case s.AudioCodec != "" && s.Duration > 0 && s.Width == 0 && s.Height == 0 && s.FPS == 0:
			f.Kind = string(video.KindAudio)
		}
	}
	if f.Kind == string(video.KindAudio) {
		f.Codec = s.AudioCodec
	}
}

// fromStreams takes the shape from the largest stream when the source is gone.
// Transcoded pictures are already turned upright. A stream that does not tell its size
// might be the largest: then the shape stays unknown.
func (f *Facts) fromStreams() {
	largest := -1
	for i, s := range f.Streams {
		switch {
		case s.never&streamPicture != 0: // a sound has no shape
		case s.Width == 0 || s.Height == 0:
			return
		case largest < 0 || s.Width*s.Height > f.Streams[largest].Width*f.Streams[largest].Height:
			largest = i
		}
	}
	if largest < 0 {
		return
	}
	s := f.Streams[largest]
	f.Width, f.Height, f.FPS, f.Bitrate, f.Codec = s.Width, s.Height, s.FPS, s.Bitrate, s.Codec
	f.Kind = cmp.Or(f.Kind, string(video.KindVideo))
}

func streamOf(s video.Stream, kind string, at time.Time) Stream {
	out := Stream{
		Job: s.Job, Definition: s.Definition, Format: s.Format, Codec: s.Codec, Status: s.Status,
		Width: max(s.Width, 0), Height: max(s.Height, 0), Size: int(max(s.Size, 0)), Bitrate: positive(s.Bitrate), FPS: positive(s.FPS),
		Encrypted: s.Encrypted,
	}
	sound := s.Kind == "audio" || s.Kind == "" && kind == string(video.KindAudio)
	if sound {
		out.never = streamPicture
		out.Width, out.Height, out.FPS = 0, 0, 0
	}
	told := dated(s.Created, at)
	if told {
		out.AgeDays = daysBetween(s.Created, at)
	}
	for _, field := range []struct {
		bit     mask
		unknown bool
	}{
		{streamJob, out.Job == ""}, {streamDefinition, out.Definition == ""}, {streamFormat, out.Format == ""},
		{streamCodec, out.Codec == ""}, {streamStatus, out.Status == ""}, {streamWidth, out.Width == 0},
		{streamHeight, out.Height == 0}, {streamSize, out.Size == 0}, {streamBitrate, out.Bitrate == 0},
		{streamFPS, out.FPS == 0}, {streamAge, !told},
	} {
		if field.unknown {
			out.missing |= field.bit
		}
	}
	out.missing &^= out.never
	return out
}

// bytes sums source and streams. One size that is not told leaves the sum unknown.
// OD is the source file under another name.
func (f *Facts) bytes(m video.Media) {
	unknown := m.Streams == nil || !f.SourceGone && f.Size <= 0
	if !f.SourceGone {
		f.Bytes = f.Size
	}
	for _, s := range f.Streams {
		if s.Definition == "OD" {
			continue
		}
		unknown = unknown || s.Size == 0
		f.Bytes += s.Size
	}
	unknown = unknown || f.Bytes < 0
	if unknown {
		f.Bytes = 0
	}
	f.missingIf("bytes", unknown)
}

// settle computes what follows from the fields, and notes which of them nobody told.
func (f *Facts) settle(created, modified, at time.Time) {
	f.FPS, f.Bitrate, f.Duration = positive(f.FPS), positive(f.Bitrate), positive(f.Duration)
	f.Width, f.Height, f.Size = max(f.Width, 0), max(f.Height, 0), max(f.Size, 0)
	f.shape()
	f.times(created, modified, at)
	f.missingIf("id", f.ID == "")
	f.missingIf("kind", f.Kind == "")
	f.missingIf("file_name", f.FileName == "")
	f.missingIf("category", f.CategoryID != 0 && f.Category == "")
	f.missingIf("status", f.Status == "")
	f.missingIf("origin", f.Origin == "")
	f.missingIf("storage", f.Storage == "")
	f.missingIf("duration", f.Duration == 0)
	f.missingIf("size", f.Size == 0)
	f.missingIf("width", f.Width == 0)
	f.missingIf("height", f.Height == 0)
	f.missingIf("short_side", f.Short == 0)
	f.missingIf("orientation", f.Orientation == "")
	f.missingIf("fps", f.FPS == 0)
	f.missingIf("bitrate", f.Bitrate == 0)
	f.missingIf("codec", f.Codec == "")
	f.missing &^= f.never
}

func (f *Facts) shape() {
	f.Short, f.Orientation = min(f.Width, f.Height), ""
	wide, high := float64(f.Width), float64(f.Height)
	if f.aspect > 0 {
		wide, high = f.aspect, 1
	}
	switch {
	case f.Width == 0 || f.Height == 0 || f.aspect < 0:
	case wide > high:
		f.Orientation = "landscape"
	case wide < high:
		f.Orientation = "portrait"
	default:
		f.Orientation = "square"
	}
}

func (f *Facts) times(created, modified, at time.Time) {
	f.missingIf("now", !between(at))
	if between(at) {
		f.Now = at
	}
	told := dated(created, at)
	f.missingIf("uploaded", !told)
	f.missingIf("age_days", !told)
	if told {
		f.Uploaded, f.AgeDays = created, daysBetween(created, at)
	}
	told = dated(modified, at)
	f.missingIf("modified", !told)
	f.missingIf("idle_days", !told)
	if told {
		f.Modified, f.IdleDays = modified, daysBetween(modified, at)
	}
}

// dated says that something happened at t, as far as can be known at a moment.
func dated(t, at time.Time) bool {
	return between(t) && between(at) && !t.After(at.Add(maxSkew))
}

func between(t time.Time) bool { return !t.Before(firstTime) && t.Before(lastTime) }

func daysBetween(from, to time.Time) float64 {
	return math.Max(0, to.Sub(from).Hours()/24)
}

// positive is zero for what no measurement can be.
func positive(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// Seconds is a duration in seconds as VOD tells it, to the microsecond: 4.004 and
// not the nearest number below.
func Seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e6 }
