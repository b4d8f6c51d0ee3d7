package probe

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
)

// frame is the header of one frame of MPEG audio or of AAC in ADTS.
type frame struct {
	codec, profile          string
	rate, channels, samples int
	bytes, bitrate          int
}

var (
	mp3Rates    = []int{44100, 48000, 32000}
	mp3Bitrates = [2][3][15]int{ // by version (1, then 2 and 2.5) and layer (1, 2, 3)
		{{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
			{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
			{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}},
		{{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
			{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
			{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
	}
)

// adts reads the header of a frame of AAC.
func adts(b []byte) (f frame, ok bool) {
	rate, channels := int(b[2]>>2&15), int(b[2]&1)<<2|int(b[3]>>6)
	f = frame{codec: "aac", profile: aacProfiles[int(b[2]>>6)+1], channels: channels, samples: 1024 * (int(b[6]&3) + 1),
		bytes: int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)}
	if rate >= len(aacRates) || f.bytes < 7 {
		return f, false
	}
	if channels == 7 {
		f.channels = 8
	}
	f.rate = aacRates[rate]
	return f, true
}

// frameAt reads the frame that begins here.
func frameAt(b []byte) (f frame, ok bool) {
	if len(b) < 7 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return f, false
	}
	if b[1]&0xf6 == 0xf0 { // twelve ones and layer 0
		return adts(b)
	}
	version, layer, bitrate, rate := b[1]>>3&3, 4-int(b[1]>>1&3), int(b[2]>>4), int(b[2]>>2&3)
	if version == 1 || layer == 4 || bitrate == 0 || bitrate == 15 || rate == 3 {
		return f, false
	}
	low := 0
	f = frame{codec: []string{"mp1", "mp2", "mp3"}[layer-1], rate: mp3Rates[rate], channels: 2, samples: []int{384, 1152, 1152}[layer-1]}
	if version != 3 {
		low, f.rate = 1, f.rate/2
		if layer == 3 {
			f.samples = 576
		}
		if version == 0 {
			f.rate /= 2
		}
	}
	if b[3]>>6 == 3 {
		f.channels = 1
	}
	pad := int(b[2] >> 1 & 1)
	kbit := mp3Bitrates[low][layer-1][bitrate]
	f.bitrate = kbit * 1000
	if layer == 1 {
		f.bytes = (12*kbit*1000/f.rate + pad) * 4
	} else {
		f.bytes = f.samples/8*kbit*1000/f.rate + pad
	}
	return f, f.bytes > 4
}

func (f frame) apply(t *Track) {
	t.Codec, t.Profile, t.SampleRate, t.Channels, t.Bitrate = f.codec, f.profile, f.rate, f.channels, float64(f.bitrate)
}

// frameStart finds where two frames follow each other, or one fills the rest.
func frameStart(b []byte) int {
	for at := 0; at+7 <= len(b); at++ {
		f, ok := frameAt(b[at:])
		if !ok {
			continue
		}
		next := at + f.bytes
		if next == len(b) {
			return at
		}
		if next < len(b)-7 {
			if g, ok := frameAt(b[next:]); ok && g.codec == f.codec && g.rate == f.rate {
				return at
			}
		}
	}
	return -1
}

const maxSound = 16 << 20 // of frames are counted; the rest goes on like them

// behindTags is where the ID3 tags at the beginning end.
func (s *source) behindTags() (int64, error) {
	at := int64(0)
	for range 8 { // tags may follow each other
		h, err := s.read(at, 10)
		if err != nil {
			return 0, err
		}
		if len(h) < 10 || string(h[:3]) != "ID3" {
			break
		}
		at += 10 + int64(h[6]&127)<<21 + int64(h[7]&127)<<14 + int64(h[8]&127)<<7 + int64(h[9]&127)
		if h[5]&0x10 != 0 {
			at += 10
		}
	}
	return at, nil
}

// readFrames reads MP3 and ADTS: an ID3 tag, then frames.
func readFrames(s *source, m *Media) error {
	at, err := s.behindTags()
	if err != nil {
		return err
	}
	b, err := s.read(at, maxSound)
	if err != nil {
		return err
	}
	start := frameStart(b[:min(len(b), 64<<10)])
	if start < 0 {
		return errors.New("no frames of MP3 or AAC")
	}
	b = b[start:]
	first, _ := frameAt(b)
	t := Track{Kind: "audio", Language: "und"}
	first.apply(&t)
	t.Timescale, m.Format = first.rate, first.codec
	var seconds float64
	used := 0
	frames, constant := xing(b[:min(len(b), first.bytes)])
	if frames > 0 {
		seconds, t.Frames = float64(frames)*float64(first.samples)/float64(first.rate), int64(frames)
	} else {
		for used < len(b) {
			f, ok := frameAt(b[used:])
			if !ok {
				break
			}
			seconds, used = seconds+float64(f.samples)/float64(f.rate), used+f.bytes
			t.Frames++
		}
		if rest := s.size - at - int64(start); used >= maxSound-1<<16 && rest > maxSound {
			more := float64(rest) / float64(used)
			seconds, t.Frames = seconds*more, int64(float64(t.Frames)*more)
		}
	}
	t.Duration = seconds
	if seconds > 0 {
		t.Bitrate = float64(s.size-at-int64(start)) * 8 / seconds
	}
	if f, ok := frameAt(b[min(len(b), first.bytes):]); ok && constant { // the first frame is a note, as long as it needs
		t.Bitrate = float64(f.bitrate)
	}
	m.Tracks = []Track{t}
	return nil
}

// xing is the number of frames that the first frame of an MP3 tells of, and whether
// all have its bit rate; 0: it does not say.
func xing(b []byte) (frames uint32, constant bool) {
	for _, at := range []int{13, 21, 36} { // behind the side information, by version and channels
		if at+12 <= len(b) && (string(b[at:at+4]) == "Xing" || string(b[at:at+4]) == "Info") && b[at+7]&1 != 0 {
			return be.Uint32(b[at+8:]), string(b[at:at+4]) == "Info"
		}
	}
	if len(b) >= 36+18 && string(b[36:40]) == "VBRI" {
		return be.Uint32(b[36+14:]), false
	}
	return 0, false
}

var wavCodecs = map[uint16]string{0x11: "adpcm_ima_wav", 2: "adpcm_ms", 6: "pcm_alaw", 7: "pcm_mulaw", 0x50: "mp2", 0x55: "mp3", 0xff: "aac"}

// wav is a WAV file under way.
type wav struct {
	Track
	perSecond float64 // bytes
	data      int64   // bytes; -1: not seen yet
	long      int64   // bytes, in RF64
	samples   float64 // of a packed format
}

// readWAV reads RIFF and RF64.
func readWAV(s *source, m *Media) error {
	m.Format = "wav"
	v := &wav{Track: Track{Kind: "audio", Language: "und"}, data: -1}
	for at := int64(12); at+8 <= s.size && v.data < 0; {
		h, err := s.read(at, 8+40)
		if err != nil || len(h) < 8 {
			return err
		}
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		v.chunk(string(h[:4]), h[8:], n, s.size-at-8)
		at += 8 + n + n&1
	}
	if v.Codec == "" || v.perSecond == 0 || v.data < 0 {
		return errors.New("no fmt and data chunks")
	}
	v.Timescale, v.Bitrate, v.Duration = v.SampleRate, v.perSecond*8, float64(v.data)/v.perSecond
	if v.samples > 0 && v.samples < math.MaxUint32 && v.SampleRate > 0 && strings.HasPrefix(v.Codec, "adpcm") {
		v.Duration = v.samples / float64(v.SampleRate)
	}
	m.Tracks = []Track{v.Track}
	return nil
}

// chunk takes what a chunk of n bytes says; rest is what the file still has.
func (v *wav) chunk(kind string, body []byte, n, rest int64) {
	le := binary.LittleEndian
	switch {
	case kind == "ds64" && len(body) >= 16:
		v.long = int64(min(le.Uint64(body[8:]), 1<<60))
	case kind == "fmt " && len(body) >= 16:
		format, depth := le.Uint16(body), le.Uint16(body[14:])
		if format == 0xfffe && len(body) >= 26 {
			format = le.Uint16(body[24:])
		}
		v.Channels, v.SampleRate, v.perSecond = int(le.Uint16(body[2:])), int(le.Uint32(body[4:])), float64(le.Uint32(body[8:]))
		v.Codec = wavCodec(format, depth)
	case kind == "fact" && len(body) >= 4 && n >= 4:
		v.samples = float64(le.Uint32(body))
	case kind == "data":
		v.data = n
		if n == 0 || n > rest { // never finished, or too long to say
			v.data = rest
		}
		if v.long > 0 && v.long < v.data {
			v.data = v.long
		}
	}
}

func wavCodec(format, depth uint16) string {
	switch {
	case format == 1 && depth == 8:
		return "pcm_u8"
	case format == 1 && depth > 0 && depth <= 64:
		return "pcm_s" + itoa(depth) + "le"
	case format == 3:
		return "pcm_f" + itoa(depth) + "le"
	}
	if name := wavCodecs[format]; name != "" {
		return name
	}
	return "wav format " + itoa(format)
}
