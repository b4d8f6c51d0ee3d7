package probe

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Ids of the elements that are read (RFC 9559).
const (
	ebmlDocType = 0x4282

	mkvSegment  = 0x18538067
	mkvInfo     = 0x1549A966
	mkvTracks   = 0x1654AE6B
	mkvCluster  = 0x1F43B675
	mkvScale    = 0x2AD7B1
	mkvDuration = 0x4489

	mkvEntry   = 0xAE
	mkvNumber  = 0xD7
	mkvType    = 0x83
	mkvCodec   = 0x86
	mkvPrivate = 0x63A2
	mkvFrame   = 0x23E383
	mkvLang    = 0x22B59C

	mkvVideo      = 0xE0
	mkvWidth      = 0xB0
	mkvHeight     = 0xBA
	mkvShownW     = 0x54B0
	mkvShownH     = 0x54BA
	mkvShownUnit  = 0x54B2
	mkvProjection = 0x7670
	mkvRoll       = 0x7675

	mkvAudio    = 0xE1
	mkvRate     = 0xB5
	mkvRateOut  = 0x78B5
	mkvChannels = 0x9F
	mkvDepth    = 0x6264

	mkvTime        = 0xE7
	mkvSimpleBlock = 0xA3
	mkvGroup       = 0xA0
	mkvBlock       = 0xA1
)

// element is one of EBML: where its payload is, and how long; n < 0: to the end of
// what holds it, as live recordings have it.
type element struct {
	id    uint32
	at, n int64
}

// vint reads a number of variable length; keep: with its length marker, as ids have it.
func vint(b []byte, keep bool) (v uint64, n int, unknown bool) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, false
	}
	n = 1
	for b[0]&(0x80>>(n-1)) == 0 {
		n++
	}
	if n > len(b) {
		return 0, 0, false
	}
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	mask := uint64(1)<<(7*n) - 1
	if unknown = v&mask == mask; !keep {
		v &= mask
	}
	return v, n, unknown
}

// header reads an element's id and size.
func header(b []byte, at int64) (e element, ok bool) {
	id, n, _ := vint(b, true)
	if n == 0 || n > 4 {
		return e, false
	}
	size, k, unknown := vint(b[n:], false)
	if k == 0 {
		return e, false
	}
	e = element{uint32(id), at + int64(n+k), int64(min(size, math.MaxInt64/2))}
	if unknown {
		e.n = -1
	}
	return e, true
}

// children walks the elements in a payload, as far as they are whole.
func children(b []byte, fn func(id uint32, body []byte)) {
	for at := int64(0); ; {
		e, ok := header(b[at:], at)
		if !ok || e.n < 0 || e.n > int64(len(b))-e.at {
			return
		}
		fn(e.id, b[e.at:e.at+e.n])
		at = e.at + e.n
	}
}

func number(b []byte) (v uint64) {
	if len(b) > 8 {
		return 0
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func float(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(be.Uint32(b)))
	case 8:
		return float64At(b)
	}
	return 0
}

// mkv is a Matroska file under way.
type mkv struct {
	*source
	scale   float64 // seconds of a tick
	numbers []uint64
	frames  []float64 // seconds of a frame, by track; 0: not said
	first   []float64 // of the blocks that were looked at, by track
	last    []float64
	count   []int64
	m       *Media
}

func readMatroska(s *source, m *Media) error {
	v := &mkv{source: s, scale: 1e-3, m: m}
	m.Format = "mkv"
	for at := int64(0); at < s.size; {
		e, err := v.element(at)
		if err != nil {
			return err
		}
		switch e.id {
		case 0:
			return errors.New("no Segment element")
		case 0x1A45DFA3:
			body, err := s.read(e.at, min(e.n, 4096))
			if err != nil {
				return err
			}
			children(body, func(id uint32, body []byte) {
				if id == ebmlDocType && strings.TrimRight(string(body), "\x00") == "webm" {
					m.Format = "webm"
				}
			})
		case mkvSegment:
			return v.segment(e)
		}
		if e.n < 0 {
			break
		}
		at = e.at + e.n
	}
	return errors.New("no Segment element")
}

// element reads a header in the file; id 0: there is none here.
func (v *mkv) element(at int64) (element, error) {
	b, err := v.read(at, 16)
	if err != nil {
		return element{}, err
	}
	e, ok := header(b, at)
	if !ok {
		return element{}, nil
	}
	return e, nil
}

func (v *mkv) segment(seg element) error {
	end := v.size
	if seg.n >= 0 {
		end = min(end, seg.at+seg.n)
	}
	for at := seg.at; at < end; {
		e, err := v.element(at)
		if err != nil {
			return err
		}
		if e.id == 0 {
			break // garbage or cut off; what came before counts
		}
		switch {
		case e.id == mkvInfo || e.id == mkvTracks:
			if err := v.head(e); err != nil {
				return err
			}
		case e.id == mkvCluster && v.enough():
			if v.m.Duration > 0 {
				return v.settle()
			}
		case e.id == mkvCluster:
			next, err := v.cluster(e, end)
			if err != nil {
				return err
			}
			at = next
			continue
		}
		if e.n < 0 {
			break
		}
		at = e.at + e.n
	}
	return v.settle()
}

// head reads the element of the file's times, or that of its tracks.
func (v *mkv) head(e element) error {
	if e.n < 0 || e.n > maxIndex || e.n > v.size-e.at {
		return errors.New("the index of the file is cut off")
	}
	body, err := v.read(e.at, e.n)
	if err != nil {
		return err
	}
	if e.id == mkvTracks {
		return v.entries(body)
	}
	v.info(body)
	return nil
}

// enough says that the duration and the frame rates are known.
func (v *mkv) enough() bool {
	if v.m.Duration == 0 {
		return false
	}
	for i, t := range v.m.Tracks {
		if t.Kind == "video" && t.FPS == 0 && v.count[i] < 50 {
			return false
		}
	}
	return true
}

func (v *mkv) info(body []byte) {
	ticks := 0.0
	children(body, func(id uint32, body []byte) {
		switch id {
		case mkvScale:
			if n := number(body); n > 0 && n < 1e12 {
				v.scale = float64(n) / 1e9
			}
		case mkvDuration:
			ticks = float(body)
		}
	})
	if d := ticks * v.scale; d > 0 && d <= maxDuration {
		v.m.Duration = d
	}
}

var mkvCodecs = map[string]string{
	"V_MPEG4/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc", "V_AV1": "av1", "V_VP8": "vp8", "V_VP9": "vp9", "V_MJPEG": "mjpeg", "V_THEORA": "theora",
	"V_MPEG4/ISO/ASP": "mpeg4", "V_MPEG4/ISO/SP": "mpeg4", "V_MPEG2": "mpeg2video", "V_MPEG1": "mpeg1video", "V_PRORES": "prores", "V_FFV1": "ffv1",
	"A_AAC": "aac", "A_MPEG/L3": "mp3", "A_MPEG/L2": "mp2", "A_OPUS": "opus", "A_VORBIS": "vorbis", "A_FLAC": "flac", "A_AC3": "ac3", "A_EAC3": "eac3",
	"A_DTS": "dts", "A_TRUEHD": "truehd", "A_ALAC": "alac", "A_PCM/INT/LIT": "pcm_s16le", "A_PCM/INT/BIG": "pcm_s16be", "A_PCM/FLOAT/IEEE": "pcm_f32le",
}

func (v *mkv) entries(body []byte) error {
	tooMany := false
	children(body, func(id uint32, body []byte) {
		if tooMany = tooMany || len(v.m.Tracks) >= maxTracks; id == mkvEntry && !tooMany {
			v.entry(body)
		}
	})
	if tooMany {
		return errors.New("too many tracks")
	}
	return nil
}

// entry reads one track; subtitles and the rest are left out.
func (v *mkv) entry(body []byte) {
	t := Track{Language: "eng", Timescale: int(math.Round(1 / v.scale))}
	var no uint64
	var private []byte
	frame := 0.0
	children(body, func(id uint32, body []byte) {
		switch id {
		case mkvNumber:
			no = number(body)
		case mkvType:
			t.Kind = map[uint64]string{1: "video", 2: "audio"}[number(body)]
		case mkvCodec:
			t.Tag = strings.TrimRight(string(body), "\x00")
		case mkvPrivate:
			private = body
		case mkvFrame:
			frame = float64(number(body)) / 1e9
		case mkvLang:
			t.Language = language(string(body))
		case mkvVideo:
			t.mkvVideo(body)
		case mkvAudio:
			t.mkvAudio(body)
		}
	})
	if t.Kind == "" {
		return
	}
	t.mkvCodec(private)
	t.Tag = "" // an id of Matroska's own, not four letters
	if t.Kind == "video" && frame > 0 && 1/frame <= 1000 {
		t.FPS = 1 / frame
	}
	v.m.Tracks, v.numbers, v.frames = append(v.m.Tracks, t), append(v.numbers, no), append(v.frames, frame)
	v.first, v.last, v.count = append(v.first, 0), append(v.last, 0), append(v.count, 0)
}

// mkvCodec names the codec and reads its configuration.
func (t *Track) mkvCodec(private []byte) {
	family, _, _ := strings.Cut(t.Tag, "/")
	t.Codec = mkvCodecs[t.Tag]
	switch {
	case t.Codec == "" && mkvCodecs[family] != "": // such as A_AAC/MPEG2/LC
		t.Codec = mkvCodecs[family]
	case t.Codec == "":
		t.Codec = strings.ToLower(strings.ToValidUTF8(t.Tag, "?"))
	}
	if sample := t.Bitrate / float64(max(1, t.SampleRate*t.Channels)); !strings.HasPrefix(t.Tag, "A_PCM/") {
		t.Bitrate = 0 // packed: what a sample takes is not known
	} else if sample > 0 && sample != 16 {
		t.Codec = strings.Replace(t.Codec, "16", strconv.Itoa(int(sample)), 1)
	}
	fps := t.FPS
	switch t.Codec {
	case "h264":
		t.avcConfig(private)
	case "hevc":
		t.hevcConfig(private)
	case "av1":
		t.av1Config(private)
	case "aac":
		t.aacConfig(private)
	}
	t.FPS = fps // the container's word, or counted; the stream's is about fields
}

func (t *Track) mkvVideo(body []byte) {
	var shown [2]uint64
	var unit uint64
	children(body, func(id uint32, body []byte) {
		switch id {
		case mkvWidth:
			t.Width = int(min(number(body), 1<<20))
		case mkvHeight:
			t.Height = int(min(number(body), 1<<20))
		case mkvShownW:
			shown[0] = number(body)
		case mkvShownH:
			shown[1] = number(body)
		case mkvShownUnit:
			unit = number(body)
		case mkvProjection:
			children(body, func(id uint32, body []byte) {
				if id == mkvRoll { // counter-clockwise
					if roll := float(body); math.Abs(roll) <= 180 {
						t.Rotation = (int(math.Round(-roll/90))*90 + 360) % 360
					}
				}
			})
		}
	})
	if unit <= 3 && shown[0] > 0 && shown[1] > 0 && max(shown[0], shown[1]) < 1<<20 && t.Width > 0 && t.Height > 0 { // pixels, lengths or an aspect: a ratio all the same
		t.Sar = ratio{int64(shown[0]) * int64(t.Height), int64(shown[1]) * int64(t.Width)}.String()
	}
}

func (t *Track) mkvAudio(body []byte) {
	t.SampleRate, t.Channels = 8000, 1
	out, depth := 0.0, uint64(0)
	rate := func(f float64) float64 {
		if f >= 1 && f <= 1e7 {
			return f
		}
		return 0
	}
	children(body, func(id uint32, body []byte) {
		switch id {
		case mkvRate:
			t.SampleRate = int(rate(float(body)))
		case mkvRateOut:
			out = rate(float(body))
		case mkvChannels:
			t.Channels = int(min(number(body), 255))
		case mkvDepth:
			depth = min(number(body), 64)
		}
	})
	if out > 0 {
		t.SampleRate = int(out)
	}
	t.Bitrate = float64(t.SampleRate) * float64(t.Channels) * float64(depth)
}

// cluster looks at the times of the blocks in it, and says where it ends.
func (v *mkv) cluster(c element, end int64) (int64, error) {
	if c.n >= 0 {
		end = min(end, c.at+c.n)
	}
	var base uint64
	for at := c.at; at < end; {
		e, err := v.element(at)
		if err != nil {
			return 0, err
		}
		switch e.id {
		case 0:
			return end, nil
		case mkvCluster, mkvInfo, mkvTracks, 0x1C53BB6B, 0x1254C367, 0x114D9B74, 0x1941A469, 0x1043A770:
			return at, nil // the next of the top level, after a cluster of unknown size
		case mkvGroup:
			at = e.at // its block is among what follows
			continue
		case mkvTime, mkvSimpleBlock, mkvBlock:
			body, err := v.read(e.at, min(max(e.n, 0), 16))
			if err != nil {
				return 0, err
			}
			if e.id == mkvTime {
				base = number(body[:min(len(body), int(max(e.n, 0)))])
			} else {
				v.block(body, base)
			}
		}
		if e.n < 0 {
			return end, nil
		}
		at = e.at + e.n
	}
	return end, nil
}

func (v *mkv) block(b []byte, base uint64) {
	no, n, _ := vint(b, false)
	if n == 0 || len(b) < n+2 {
		return
	}
	at := (float64(base) + float64(int16(be.Uint16(b[n:])))) * v.scale
	for i, other := range v.numbers {
		if other != no || at > maxDuration {
			continue
		}
		if v.count[i]++; v.count[i] == 1 {
			v.first[i], v.last[i] = at, at
		}
		v.first[i], v.last[i] = min(v.first[i], at), max(v.last[i], at)
	}
}

func (v *mkv) settle() error {
	for i := range v.m.Tracks {
		t := &v.m.Tracks[i]
		span := v.last[i] - v.first[i]
		if t.Kind == "video" && t.FPS == 0 && v.count[i] > 1 && span > 0 {
			t.FPS = float64(v.count[i]-1) / span
		}
		if v.m.Duration == 0 && v.count[i] > 0 { // never finished: the blocks know
			frame := v.frames[i]
			if frame == 0 && v.count[i] > 1 {
				frame = span / float64(v.count[i]-1)
			}
			t.Duration = v.last[i] + frame
		}
	}
	return nil
}
