package fakevod

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // the formats that an uploaded image may have
	_ "image/jpeg" //
	_ "image/png"  //
	"io"
	"math"
	"strings"

	"github.com/abema/go-mp4"
)

// ErrUnreadable is wrapped by every error of Probe and ProbeImage: the bytes are
// no media that this package can read.
var ErrUnreadable = errors.New("media cannot be read")

// Media is what a file says of itself. Width, Height, FPS and Rotation are of the
// first video track, as stored, before rotation.
type Media struct {
	Format   string // mp4 or mov
	Size     int64
	Duration float64 // seconds
	Bitrate  float64 // kbit/s of the whole file
	Width    int
	Height   int
	FPS      float64
	Rotation int // degrees clockwise a player has to turn the picture: 0, 90, 180, 270
	Tracks   []Track
}

// Audio says that the file has sound and no picture.
func (m Media) Audio() bool { return m.Width == 0 && len(m.Tracks) > 0 }

// Track is one video or audio track of a file.
type Track struct {
	Kind       string // video, audio
	Codec      string // h264, hevc, aac, …: the usual name, or the four letters of an unknown one
	Tag        string // the four letters
	Profile    string
	Level      int
	Width      int
	Height     int
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

// Probe reads an MP4 or MOV file. It takes time and memory by the size of the
// file's index, never by a number that is written in it.
func Probe(r io.ReadSeeker) (m Media, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser's tables panic on some malformed boxes
			m, err = Media{}, fmt.Errorf("%w: %v", ErrUnreadable, p)
		}
	}()
	m, err = probe(r)
	if err != nil {
		return Media{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return m, nil
}

const maxIndex = 64 << 20 // no real index of a file is larger

func probe(r io.ReadSeeker) (Media, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Media{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Media{}, err
	}
	top, err := mp4.ExtractBoxes(r, nil, []mp4.BoxPath{{mp4.BoxTypeFtyp()}, {mp4.BoxTypeMoov()}})
	if err != nil {
		return Media{}, err
	}
	m := Media{Format: "mov", Size: size}
	var moov *mp4.BoxInfo
	for _, b := range top {
		switch b.Type {
		case mp4.BoxTypeMoov():
			moov = b
		case mp4.BoxTypeFtyp():
			if brand, err := payload(r, b, 1<<16); err == nil && !bytes.HasPrefix(brand, []byte("qt  ")) {
				m.Format = "mp4"
			}
		}
	}
	if moov == nil {
		return Media{}, errors.New("no moov box")
	}
	if moov.Size > maxIndex {
		return Media{}, fmt.Errorf("moov box of %d bytes", moov.Size)
	}
	mvhd, err := one[*mp4.Mvhd](r, moov, mp4.BoxTypeMvhd())
	if err != nil {
		return Media{}, err
	}
	if mvhd.Timescale == 0 {
		return Media{}, errors.New("mvhd timescale is 0")
	}
	m.Duration = float64(mvhd.GetDuration()) / float64(mvhd.Timescale)
	if m.Duration == 0 { // fragmented: the index says nothing, the fragments would
		if mehd, err := one[*mp4.Mehd](r, moov, mp4.BoxTypeMvex(), mp4.BoxTypeMehd()); err == nil {
			m.Duration = float64(mehd.GetFragmentDuration()) / float64(mvhd.Timescale)
		}
	}
	if m.Duration <= 0 || m.Duration > 1e7 {
		return Media{}, fmt.Errorf("duration of %g s", m.Duration)
	}
	m.Bitrate = float64(size) * 8 / m.Duration / 1000

	traks, err := mp4.ExtractBox(r, moov, mp4.BoxPath{mp4.BoxTypeTrak()})
	if err != nil {
		return Media{}, err
	}
	if len(traks) > 64 {
		return Media{}, fmt.Errorf("%d tracks", len(traks))
	}
	for _, trak := range traks {
		t, err := track(r, trak, mvhd.Timescale)
		if err != nil {
			return Media{}, err
		}
		switch {
		case t.Kind == "":
			continue // subtitles, time code, hints
		case t.Kind == "video" && m.Width == 0:
			m.Width, m.Height, m.FPS, m.Rotation = t.Width, t.Height, t.FPS, t.Rotation
		}
		m.Tracks = append(m.Tracks, t)
	}
	if len(m.Tracks) == 0 {
		return Media{}, errors.New("no video or audio track")
	}
	return m, nil
}

// track reads one track; movie is the time scale of the file's own header.
func track(r io.ReadSeeker, trak *mp4.BoxInfo, movie uint32) (Track, error) {
	hdlr, err := one[*mp4.Hdlr](r, trak, mp4.BoxTypeMdia(), mp4.BoxTypeHdlr())
	if err != nil {
		return Track{}, err
	}
	var t Track
	switch string(hdlr.HandlerType[:]) {
	case "vide":
		t.Kind = "video"
	case "soun":
		t.Kind = "audio"
	default:
		return Track{}, nil
	}
	mdhd, err := one[*mp4.Mdhd](r, trak, mp4.BoxTypeMdia(), mp4.BoxTypeMdhd())
	if err != nil {
		return Track{}, err
	}
	if mdhd.Timescale == 0 {
		return Track{}, errors.New("mdhd timescale is 0")
	}
	t.Timescale = int(mdhd.Timescale)
	t.Duration = float64(mdhd.GetDuration()) / float64(mdhd.Timescale)
	for _, c := range mdhd.Language {
		t.Language += string(rune(c + 0x60))
	}
	stbl := []mp4.BoxType{mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl()}
	stsd, err := table(r, trak, append(stbl, mp4.BoxTypeStsd()))
	if err != nil {
		return Track{}, err
	}
	if err := t.sampleEntry(stsd); err != nil {
		return Track{}, err
	}
	stts, err := table(r, trak, append(stbl, mp4.BoxTypeStts()))
	if err != nil {
		return Track{}, err
	}
	var units uint64
	for i := 8; i+8 <= len(stts); i += 8 {
		count, delta := uint64(binary.BigEndian.Uint32(stts[i:])), uint64(binary.BigEndian.Uint32(stts[i+4:]))
		t.Frames += int64(count)
		units += count * delta
	}
	if stsz, err := table(r, trak, append(stbl, mp4.BoxTypeStsz())); err == nil && len(stsz) >= 12 && t.Duration > 0 {
		var bytes float64
		if same := binary.BigEndian.Uint32(stsz[4:]); same > 0 {
			bytes = float64(same) * float64(binary.BigEndian.Uint32(stsz[8:]))
		}
		for i := 12; i+4 <= len(stsz); i += 4 {
			bytes += float64(binary.BigEndian.Uint32(stsz[i:]))
		}
		t.Bitrate = math.Floor(bytes * 8 / t.Duration)
	}
	tkhd, err := one[*mp4.Tkhd](r, trak, mp4.BoxTypeTkhd())
	if err != nil {
		return Track{}, err
	}
	if d := tkhd.GetDuration(); d > 0 { // what the edit list leaves: without an encoder's priming
		t.Duration = float64(d) / float64(movie)
	}
	if t.Kind == "audio" {
		return t, nil
	}
	if units > 0 {
		t.FPS = float64(t.Frames) * float64(t.Timescale) / float64(units)
	}
	// The matrix holds the cosine and sine of the turn in its first two numbers.
	deg := math.Atan2(float64(tkhd.Matrix[1]), float64(tkhd.Matrix[0])) * 180 / math.Pi
	t.Rotation = (int(math.Round(deg/90))*90 + 360) % 360
	if t.Width == 0 || t.Height == 0 {
		return Track{}, errors.New("video track without a size")
	}
	return t, nil
}

// codecs are the usual names of the four letters in a file.
var codecs = map[string]string{
	"avc1": "h264", "avc3": "h264", "hev1": "hevc", "hvc1": "hevc", "av01": "av1", "vp08": "vp8", "vp09": "vp9",
	"mp4v": "mpeg4", "mp4a": "aac", "ac-3": "ac3", "ec-3": "eac3", "Opus": "opus", "fLaC": "flac", "alac": "alac",
	"jpeg": "mjpeg", "mjpa": "mjpeg", "apch": "prores", "apcn": "prores", "apcs": "prores", "apco": "prores", "ap4h": "prores",
	"sowt": "pcm_s16le", "twos": "pcm_s16be", ".mp3": "mp3",
}

var profiles = map[byte]string{66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive"}

// sampleEntry reads the first entry of an stsd payload by hand: extracting it
// through the parser fails for codecs that it does not know.
func (t *Track) sampleEntry(stsd []byte) error {
	if len(stsd) < 16 {
		return errors.New("empty stsd box")
	}
	entry := stsd[8:]
	if n := int(binary.BigEndian.Uint32(entry)); n >= 8 && n <= len(entry) {
		entry = entry[:n]
	}
	t.Tag = string(entry[4:8])
	t.Codec = codecs[t.Tag]
	if t.Codec == "" {
		t.Codec = strings.ToLower(strings.TrimSpace(strings.ToValidUTF8(t.Tag, "?")))
	}
	var children []byte
	switch body := entry[8:]; {
	case t.Kind == "video" && len(body) >= 78:
		t.Width, t.Height = int(binary.BigEndian.Uint16(body[24:])), int(binary.BigEndian.Uint16(body[26:]))
		children = body[78:]
	case t.Kind == "audio" && len(body) >= 28:
		t.Channels, t.SampleRate = int(binary.BigEndian.Uint16(body[16:])), int(binary.BigEndian.Uint32(body[24:])>>16)
		skip := map[uint16]int{1: 44, 2: 64}[binary.BigEndian.Uint16(body[8:])] // QuickTime's longer forms
		children = body[min(max(28, skip), len(body)):]
	default:
		return errors.New("short stsd entry")
	}
	for len(children) >= 8 {
		n := int(binary.BigEndian.Uint32(children))
		if n < 8 || n > len(children) {
			break
		}
		switch body := children[8:n]; string(children[4:8]) {
		case "avcC":
			if len(body) >= 4 {
				t.Profile, t.Level = profiles[body[1]], int(body[3])
			}
		case "esds":
			t.audioConfig(body)
		}
		children = children[n:]
	}
	return nil
}

// audioConfig takes profile and channels from an esds payload: the sample entry
// of many writers says 2 channels whatever the sound has.
func (t *Track) audioConfig(esds []byte) {
	at := 4
	for at < len(esds) {
		tag := esds[at]
		at++
		n := 0
		for more := true; more && at < len(esds); at++ {
			n, more = n<<7|int(esds[at]&0x7f), esds[at]&0x80 != 0
		}
		switch {
		case tag == 3:
			at += 3 // ES_ID and flags; the next descriptors are inside
		case tag == 4:
			at += 13
		case tag == 5 && at+2 <= len(esds):
			kind, channels := esds[at]>>3, int(esds[at+1]>>3&15)
			t.Profile = map[byte]string{1: "Main", 2: "LC", 5: "HE-AAC", 29: "HE-AACv2"}[kind]
			if kind == 2 && channels > 0 {
				t.Channels = channels
			}
			return
		default:
			at += n
		}
	}
}

// one reads the first box at this path.
func one[T mp4.IBox](r io.ReadSeeker, parent *mp4.BoxInfo, path ...mp4.BoxType) (T, error) {
	var zero T
	found, err := mp4.ExtractBox(r, parent, path)
	if err != nil {
		return zero, err
	}
	if len(found) == 0 {
		return zero, fmt.Errorf("no %s box", path[len(path)-1])
	}
	body, err := payload(r, found[0], 1<<16)
	if err != nil {
		return zero, err
	}
	box, _, err := mp4.UnmarshalAny(bytes.NewReader(body), found[0].Type, uint64(len(body)), found[0].Context)
	if err != nil {
		return zero, err
	}
	t, ok := box.(T)
	if !ok {
		return zero, fmt.Errorf("%s box of another shape", path[len(path)-1])
	}
	return t, nil
}

// table reads the bytes of the first box at this path.
func table(r io.ReadSeeker, parent *mp4.BoxInfo, path mp4.BoxPath) ([]byte, error) {
	found, err := mp4.ExtractBox(r, parent, path)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no %s box", path[len(path)-1])
	}
	return payload(r, found[0], maxIndex)
}

// payload reads what a box holds; io.ReadAll grows with the bytes that are there.
func payload(r io.ReadSeeker, b *mp4.BoxInfo, most uint64) ([]byte, error) {
	if b.Size < b.HeaderSize || b.Size-b.HeaderSize > most {
		return nil, fmt.Errorf("%s box of %d bytes", b.Type, b.Size)
	}
	if _, err := b.SeekToPayload(r); err != nil {
		return nil, err
	}
	n := int64(b.Size - b.HeaderSize)
	body, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(body)) != n {
		err = fmt.Errorf("%s box is cut off", b.Type)
	}
	return body, err
}

// ProbeImage reads the size of a JPEG, PNG or GIF.
func ProbeImage(r io.Reader) (width, height int, format string, err error) {
	c, format, err := image.DecodeConfig(r)
	if err != nil {
		return 0, 0, "", fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return c.Width, c.Height, format, nil
}
