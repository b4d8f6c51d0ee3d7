package probe

import (
	"errors"
	"slices"
)

const (
	tsHead = 2 << 20 // tables and the first pictures are in here
	tsTail = 1 << 20 // and the last time stamps in here
)

// packetSize is 188, or 192 with the clock of a disc recorder before each packet; 0:
// this is no transport stream.
func packetSize(head []byte) int {
	for _, form := range [][2]int{{188, 0}, {192, 4}, {204, 0}} {
		n, fits := 0, true
		for at := form[1]; at < len(head) && n < 5; at += form[0] {
			fits = fits && head[at] == 0x47
			n++
		}
		if fits && n >= 2 {
			return form[0]
		}
	}
	return 0
}

// tsStream is one elementary stream under way.
type tsStream struct {
	Track
	pid         int
	first, last int64 // presentation times of the 90 kHz clock; -1: none yet
	times       []int64
	payload     []byte // from the first start of a packetized unit on, for its headers
	final       []byte // of the last unit, for the frames of sound in it
}

type transport struct {
	pmt     int
	streams []*tsStream
}

// tsCodecs by stream type (ISO 13818-1 table 2-34, and what Blu-ray and ATSC add).
var tsCodecs = map[byte][2]string{
	1: {"video", "mpeg1video"}, 2: {"video", "mpeg2video"}, 3: {"audio", "mp3"}, 4: {"audio", "mp3"}, 15: {"audio", "aac"}, 16: {"video", "mpeg4"},
	17: {"audio", "aac_latm"}, 27: {"video", "h264"}, 36: {"video", "hevc"}, 0x81: {"audio", "ac3"}, 0x87: {"audio", "eac3"},
}

func readTS(s *source, m *Media) error {
	m.Format = "ts"
	head, err := s.read(0, tsHead)
	if err != nil {
		return err
	}
	size := packetSize(head)
	x := &transport{pmt: -1}
	x.packets(head, size, false)
	if len(x.streams) == 0 {
		return errors.New("no program table with video or audio in the first 2 MB")
	}
	for _, t := range x.streams {
		t.describe()
	}
	if from := s.size - tsTail; from > int64(len(head)) {
		tail, err := s.read(from-from%int64(size), tsTail+int64(size))
		if err != nil {
			return err
		}
		x.packets(tail, size, true)
	}
	start, end := int64(-1), int64(-1)
	for _, t := range x.streams {
		if t.first >= 0 {
			length := t.last - t.first
			t.Duration = (float64(length) + t.lastFrames()) / 90000
			if start < 0 || t.first < start {
				start = t.first
			}
			end = max(end, t.last+int64(t.lastFrames()))
		}
		t.Timescale, t.Language = 90000, "und"
		if t.Kind == "audio" || t.Width > 0 || t.first >= 0 { // announced and never sent: no track
			m.Tracks = append(m.Tracks, t.Track)
		}
	}
	if end > start {
		m.Duration = float64(end-start) / 90000
	}
	return nil
}

// packets goes through a stretch of packets.
func (x *transport) packets(b []byte, size int, tail bool) {
	skip := 0
	if size == 192 {
		skip = 4
	}
	for ; len(b) >= skip+188; b = b[min(size, len(b)):] {
		p := b[skip : skip+188]
		if p[0] != 0x47 || p[1]&0x80 != 0 {
			continue
		}
		pid, starts := int(be.Uint16(p[1:]))&0x1fff, p[1]&0x40 != 0
		if p = payload(p); p == nil {
			continue
		}
		switch {
		case pid == 0 && starts && x.pmt < 0:
			x.association(p)
		case pid == x.pmt && starts && len(x.streams) == 0:
			x.program(p)
		default:
			for _, t := range x.streams {
				if t.pid == pid {
					t.take(p, starts, tail)
				}
			}
		}
	}
}

// payload is what a packet carries behind its header and adaptation field; nil: nothing.
func payload(p []byte) []byte {
	at := 4
	if p[3]&0x20 != 0 {
		at += 1 + int(p[4])
	}
	if p[3]&0x10 == 0 || at >= len(p) {
		return nil
	}
	return p[at:]
}

// section cuts a table out of its packet. Program tables of real files fit into one.
func section(p []byte, table byte) []byte {
	if len(p) < 1 || int(p[0])+4 > len(p) {
		return nil
	}
	p = p[1+int(p[0]):]
	if p[0] != table {
		return nil
	}
	if n := int(be.Uint16(p[1:])) & 0xfff; n >= 9 && n+3 <= len(p) {
		return p[8 : n+3-4] // without the checksum
	} else if n >= 9 && len(p) > 8 {
		return p[8:]
	}
	return nil
}

func (x *transport) association(p []byte) {
	for p = section(p, 0); len(p) >= 4; p = p[4:] {
		if be.Uint16(p) != 0 {
			x.pmt = int(be.Uint16(p[2:])) & 0x1fff
			return
		}
	}
}

func (x *transport) program(p []byte) {
	p = section(p, 2)
	if len(p) < 4 {
		return
	}
	p = p[min(len(p), 4+int(be.Uint16(p[2:]))&0xfff):]
	for len(p) >= 5 && len(x.streams) < maxTracks {
		about := p[5:min(len(p), 5+int(be.Uint16(p[3:]))&0xfff)]
		codec, known := tsCodecs[p[0]]
		if !known {
			codec = private(about)
		}
		if codec[0] != "" {
			x.streams = append(x.streams, &tsStream{pid: int(be.Uint16(p[1:])) & 0x1fff, first: -1, last: -1, Track: Track{Kind: codec[0], Codec: codec[1]}})
		}
		p = p[5+len(about):]
	}
}

// private finds the codec of a private stream in its descriptors.
func private(b []byte) [2]string {
	for len(b) >= 2 && int(b[1])+2 <= len(b) {
		body := b[2 : 2+int(b[1])]
		switch b[0] {
		case 0x6a:
			return [2]string{"audio", "ac3"}
		case 0x7a:
			return [2]string{"audio", "eac3"}
		case 0x7b:
			return [2]string{"audio", "dts"}
		case 5:
			if c := map[string][2]string{"Opus": {"audio", "opus"}, "HEVC": {"video", "hevc"}, "AC-3": {"audio", "ac3"}, "EAC3": {"audio", "eac3"}, "AV01": {"video", "av1"}}[string(body[:min(4, len(body))])]; c[0] != "" {
				return c
			}
		}
		b = b[2+len(body):]
	}
	return [2]string{}
}

// take adds what a packet carries of a stream.
func (t *tsStream) take(p []byte, starts, tail bool) {
	if starts && len(p) >= 9 && p[0] == 0 && p[1] == 0 && p[2] == 1 {
		pts := int64(-1)
		if p[7]&0x80 != 0 && len(p) >= 14 {
			pts = int64(p[9]>>1&7)<<30 | int64(be.Uint16(p[10:])>>1)<<15 | int64(be.Uint16(p[12:])>>1)
		}
		p = p[min(len(p), 9+int(p[8])):]
		if pts >= 0 {
			t.time(pts, tail)
		}
		t.final = t.final[:0]
	} else if t.first < 0 {
		return
	}
	if !tail && len(t.payload) < 256<<10 {
		t.payload = append(t.payload, p...)
	}
	if t.Kind == "audio" && len(t.final) < 64<<10 {
		t.final = append(t.final, p...)
	}
}

// time notes a presentation time; the clock has 33 bits and starts anew.
func (t *tsStream) time(pts int64, tail bool) {
	if t.first < 0 {
		t.first, t.last = pts, pts
	}
	if pts < t.first-(1<<32) {
		pts += 1 << 33
	}
	t.first, t.last = min(t.first, pts), max(t.last, pts)
	if !tail && len(t.times) < 1000 {
		t.times = append(t.times, pts)
	}
}

// describe reads the headers of the stream itself.
func (t *tsStream) describe() {
	switch t.Codec {
	case "h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4":
		for _, unit := range units(t.payload) {
			p, ok := avcSPS(unit)
			switch t.Codec {
			case "hevc":
				p, ok = hevcSPS(unit)
			case "mpeg2video", "mpeg1video":
				p, ok = mpegSequence(unit)
			case "mpeg4":
				p, ok = picture{}, false
			}
			if ok {
				t.apply(p)
				break
			}
		}
		if slices.Sort(t.times); t.FPS == 0 && len(t.times) > 2 {
			if span := t.times[len(t.times)-1] - t.times[0]; span > 0 {
				t.FPS = float64(len(t.times)-1) * 90000 / float64(span)
			}
		}
	case "aac", "mp3":
		if at := frameStart(t.payload); at >= 0 {
			if f, ok := frameAt(t.payload[at:]); ok {
				f.apply(&t.Track)
			}
		}
	case "ac3":
		t.ac3(t.payload)
	case "opus":
		t.SampleRate, t.Channels = 48000, 2
	}
}

// mpegSequence reads the sequence header of MPEG-1 and MPEG-2 video.
func mpegSequence(unit []byte) (p picture, ok bool) {
	if len(unit) < 8 || unit[0] != 0xb3 {
		return p, false
	}
	r := &bits{b: unit, at: 8}
	p.width, p.height = r.u(12), r.u(12)
	aspect, rate := r.u(4), r.u(4)
	if shown := []ratio{{}, {int64(p.width), int64(p.height)}, {4, 3}, {16, 9}, {221, 100}}; aspect < len(shown) && aspect > 0 {
		p.sar = ratio{shown[aspect].num * int64(p.height), shown[aspect].den * int64(p.width)}
	}
	p.fps = []float64{0, 24000. / 1001, 24, 25, 30000. / 1001, 30, 50, 60000. / 1001, 60, 0, 0, 0, 0, 0, 0, 0}[rate]
	return p, p.plausible()
}

var ac3Bitrates = []float64{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640}

// ac3 reads the first frame header of AC-3 (ATSC A/52, 5.3).
func (t *Track) ac3(b []byte) {
	for at := 0; at+7 < len(b); at++ {
		if b[at] != 0x0b || b[at+1] != 0x77 {
			continue
		}
		t.SampleRate = []int{48000, 44100, 32000, 0}[b[at+4]>>6]
		if size := int(b[at+4]&63) / 2; size < len(ac3Bitrates) {
			t.Bitrate = ac3Bitrates[size] * 1000
		}
		r := &bits{b: b[at:], at: 48}
		mode := r.u(3)
		if mode&1 == 1 && mode != 1 {
			r.u(2)
		}
		if mode&4 != 0 {
			r.u(2)
		}
		if mode == 2 {
			r.u(2)
		}
		t.Channels = []int{2, 1, 2, 3, 3, 4, 4, 5}[mode] + r.u(1)
		return
	}
}

// lastFrames is how long the last unit is, in ticks: one picture, or its frames of sound.
func (t *tsStream) lastFrames() float64 {
	if t.Kind == "video" {
		if t.FPS > 0 {
			return 90000 / t.FPS
		}
		return 0
	}
	if t.Codec == "ac3" && t.SampleRate > 0 {
		return 1536 * 90000 / float64(t.SampleRate)
	}
	ticks := 0.0
	for b := t.final; len(b) > 0; {
		f, ok := frameAt(b)
		if !ok || f.bytes > len(b) {
			break
		}
		ticks, b = ticks+float64(f.samples)*90000/float64(f.rate), b[f.bytes:]
	}
	return ticks
}
