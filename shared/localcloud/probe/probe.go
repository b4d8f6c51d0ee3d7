// Package probe reads off a media file what VOD says about an upload: container,
// duration, tracks, the shape of the picture. It refuses to decode pictures or sound,
// and it never takes time or memory by a number that is written in a file: all
// reading goes through one budget.
//
// Read: MP4, MOV, M4A and 3GP (fragmented too), Matroska and WebM, MPEG transport
// streams, FLV, MP3, AAC (ADTS), WAV, animated GIF. Pictures: JPEG with its EXIF
// orientation, PNG, GIF, WebP, HEIC and AVIF. Everything else is ErrNotEmulated.
//
// # Why
//
// Matroska, transport streams and FLV are read by hand: the libraries there are read
// a file from one end to the other, and this package only its ends.
package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// ErrUnreadable is wrapped by every error of Read and ReadPicture.
var ErrUnreadable = errors.New("media cannot be read")

// ErrNotEmulated is wrapped too where the file may be whole, but its container is
// one that this package does not read.
var ErrNotEmulated = errors.New("not emulated")

// Media is what a file says of itself. Width, Height, Sar, Dar, FPS and Rotation are of
// its film, the first video track that is no cover; the size is as stored, before
// rotation and before pixels are stretched.
type Media struct {
	Format   string // mp4, mov, mkv, webm, ts, flv, mp3, aac, wav, gif
	Size     int64
	Duration float64 // seconds; 0: the file does not say
	Bitrate  float64 // kbit/s of the whole file
	Width    int
	Height   int
	Sar      string `json:",omitempty"` // of one pixel, such as 16:15
	Dar      string `json:",omitempty"` // of the picture, such as 4:3
	FPS      float64
	Rotation int // degrees clockwise a player has to turn the picture: 0, 90, 180, 270
	Tracks   []Track
}

// Track is one video or audio track of a file.
type Track struct {
	Kind       string // video, audio
	Cover      bool   `json:",omitempty"` // a picture beside the sound or film, not a film
	Codec      string // h264, hevc, aac, …: the usual name, or the four letters of an unknown one
	Tag        string // the four letters, where the container has them
	Profile    string
	Level      int
	Width      int
	Height     int
	Sar        string `json:",omitempty"`
	Dar        string `json:",omitempty"`
	FPS        float64
	Rotation   int
	Timescale  int
	Duration   float64 // seconds
	Bitrate    float64 // bit/s
	Frames     int64
	SampleRate int
	Channels   int
	Language   string
}

// Audio says that the file has sound and no film.
func (m Media) Audio() bool { return m.Width == 0 && len(m.Tracks) > 0 }

// Shown is the size of the picture on a screen of square pixels: stretched, then turned.
func (m Media) Shown() (width, height int) {
	width, height = m.Width, m.Height
	if sar := ratioOf(m.Sar); sar.valid() {
		width = max(min(width, 1), int(math.Round(float64(width)*float64(sar.num)/float64(sar.den))))
	}
	if m.Rotation%180 != 0 {
		width, height = height, width
	}
	return width, height
}

// extensions are the file names that Reads knows, of what this package reads.
var extensions = strings.Fields("3gp aac f4v flv gif m2t m4a m4v mkv mov mp3 mp4 mts qt ts wav webm")

// Reads says whether Read can be expected to read a file with this ending: mp4, mkv, ….
func Reads(extension string) bool { return slices.Contains(extensions, strings.ToLower(extension)) }

// Known lists the endings that Reads accepts.
func Known() []string { return slices.Clone(extensions) }

const (
	maxIndex    = 64 << 20 // no real index of a file is larger
	maxTracks   = 64
	maxDuration = 1e7 // seconds, 115 days; more is a forged number
)

// Read probes a video or audio file by its content, whatever its name. Its memory is
// at most a small multiple of the file's size, and of 64 MB for large files.
func Read(r io.ReadSeeker) (m Media, err error) {
	defer func() {
		if p := recover(); p != nil { // the MP4 parser's tables panic on some malformed boxes
			m, err = Media{}, fmt.Errorf("%w: %v", ErrUnreadable, p)
		}
	}()
	m, err = read(r)
	if err != nil {
		return Media{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return m, nil
}

func read(r io.ReadSeeker) (Media, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Media{}, err
	}
	src := &source{r: r, size: size, left: 2 * maxIndex}
	head, err := src.read(0, 64<<10)
	if err != nil {
		return Media{}, err
	}
	open := container(head)
	if open == nil {
		return Media{}, foreign(head)
	}
	m := Media{Size: size}
	if err := open(src, &m); err != nil {
		return Media{}, err
	}
	return m, m.finish()
}

// container finds who reads a file that begins like this; nil: nobody.
func container(head []byte) func(*source, *Media) error {
	starts := func(at int, text string) bool {
		return len(head) >= at+len(text) && string(head[at:at+len(text)]) == text
	}
	switch {
	case starts(4, "ftyp"), starts(4, "moov"), starts(4, "mdat"), starts(4, "wide"), starts(4, "free"), starts(4, "skip"), starts(4, "styp"), starts(4, "moof"), starts(4, "sidx"):
		return readMP4
	case starts(0, "\x1aE\xdf\xa3"):
		return readMatroska
	case starts(0, "FLV\x01"):
		return readFLV
	case starts(0, "RIFF") && starts(8, "WAVE"), starts(0, "RF64") && starts(8, "WAVE"):
		return readWAV
	case starts(0, "GIF8"):
		return readGIF
	case packetSize(head) > 0:
		return readTS
	case starts(0, "ID3"), frameStart(head) >= 0:
		return readFrames
	}
	return nil
}

// foreign names a container that others read; nil bytes of any are just unreadable.
func foreign(head []byte) error {
	for _, c := range []struct {
		at         int
		mark, name string
	}{
		{8, "AVI ", "AVI"}, {0, "0&\xb2u\x8ef\xcf\x11", "ASF (WMV, WMA)"}, {0, "OggS", "Ogg"}, {0, ".RMF", "RealMedia"}, {0, "fLaC", "FLAC"},
		{0, "\x00\x00\x01\xba", "MPEG program stream"}, {0, "\x00\x00\x01\xb3", "MPEG video"}, {0, "FORM", "AIFF"}, {0, "caff", "CAF"}, {0, "#!AMR", "AMR"},
		{0, "FWS", "SWF"}, {0, "CWS", "SWF"}, {0, "#EXTM3U", "playlist"}, {0, "\x0b\x77", "AC-3"}, {0, "MAC ", "Monkey's Audio"},
	} {
		if len(head) >= c.at+len(c.mark) && string(head[c.at:c.at+len(c.mark)]) == c.mark {
			return fmt.Errorf("%w: container %s", ErrNotEmulated, c.name)
		}
	}
	return errors.New("no known container")
}

// finish draws from the tracks what the file as a whole does not say, and refuses
// what no player could play.
func (m *Media) finish() error {
	if len(m.Tracks) == 0 {
		return errors.New("no video or audio track")
	}
	if m.Duration <= 0 {
		m.Duration = 0
		for _, t := range m.Tracks {
			m.Duration = max(m.Duration, t.Duration)
		}
	}
	if m.Duration > maxDuration || math.IsNaN(m.Duration) {
		return fmt.Errorf("duration of %g s", m.Duration)
	}
	if m.Duration > 0 {
		m.Bitrate = float64(m.Size) * 8 / m.Duration / 1000
	}
	m.covers()
	for i := range m.Tracks {
		t := &m.Tracks[i]
		if t.Kind != "video" {
			continue
		}
		if t.Width <= 0 || t.Height <= 0 {
			return errors.New("video track without a size")
		}
		t.stretch()
		if !t.Cover && m.Width == 0 {
			m.Width, m.Height, m.Sar, m.Dar, m.FPS, m.Rotation = t.Width, t.Height, t.Sar, t.Dar, t.FPS, t.Rotation
		}
	}
	return nil
}

// stretch settles the shape of a pixel, and of the picture with it.
func (t *Track) stretch() {
	sar := ratioOf(t.Sar)
	if !sar.valid() || sar.num > 100*sar.den || sar.den > 100*sar.num { // not said, or forged
		sar = ratio{1, 1}
	}
	t.Sar, t.Dar = sar.String(), ratio{int64(t.Width) * sar.num, int64(t.Height) * sar.den}.String()
}

// stills are the codecs of single pictures.
var stills = []string{"mjpeg", "png", "bmp", "gif", "webp"}

// covers marks tracks of one picture beside a sound or a film: players show them as
// album art. One picture for the length of its sound is a film of one frame.
func (m *Media) covers() {
	for i := range m.Tracks {
		t := &m.Tracks[i]
		if t.Kind != "video" || t.Frames != 1 {
			continue
		}
		t.Cover = slices.ContainsFunc(m.Tracks, func(o Track) bool {
			longer := o.Duration > 2*t.Duration
			return o.Kind == "audio" && longer || o.Kind == "video" && (o.Frames > 1 || o.Frames == 0 && longer) && slices.Contains(stills, t.Codec)
		})
	}
}

// source reads a file at offsets, within a budget that bounds bytes and calls alike.
type source struct {
	r    io.ReadSeeker
	size int64
	left int64
}

var errBudget = errors.New("too much to read: no real file is laid out like this")

// read returns up to n bytes at an offset, fewer at the end of the file. What it
// allocates is there in the file.
func (s *source) read(at, n int64) ([]byte, error) {
	n = min(n, s.size-at)
	if at < 0 || n <= 0 {
		return nil, nil
	}
	if s.left -= n + 64; s.left < 0 {
		return nil, errBudget
	}
	if _, err := s.r.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	body := make([]byte, n)
	got, err := io.ReadFull(s.r, body)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return body[:got], err
}

// ratio is a fraction of whole numbers, as ffmpeg prints them: 16:15.
type ratio struct{ num, den int64 }

func (r ratio) valid() bool { return r.num > 0 && r.den > 0 }

func (r ratio) String() string {
	if !r.valid() {
		return ""
	}
	a, b := r.num, r.den
	for b != 0 {
		a, b = b, a%b
	}
	return fmt.Sprintf("%d:%d", r.num/a, r.den/a)
}

func ratioOf(text string) ratio {
	var r ratio
	if text == "" { // nearly always, of a million
		return r
	}
	if n, err := fmt.Sscanf(text, "%d:%d", &r.num, &r.den); n != 2 || err != nil || r.num > math.MaxInt32 || r.den > math.MaxInt32 {
		return ratio{}
	}
	return r
}

// language keeps a language that says something.
func language(code string) string { return cmp.Or(strings.Trim(code, "\x00 `"), "und") }
