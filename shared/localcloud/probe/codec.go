package probe

import (
	"bytes"
	"math"
	"strconv"
)

func float64At(b []byte) float64 { return math.Float64frombits(be.Uint64(b)) }

// bits reads a bit stream from its highest bit on; behind the end all is 0.
type bits struct {
	b  []byte
	at int
}

func (r *bits) u(n int) int {
	v := 0
	for range n {
		v <<= 1
		if r.at>>3 < len(r.b) {
			v |= int(r.b[r.at>>3]>>(7-r.at&7)) & 1
		}
		r.at++
	}
	return v
}

func (r *bits) flag() bool { return r.u(1) == 1 }

// ue is an Exp-Golomb number, se one with a sign (ISO 14496-10, 9.1).
func (r *bits) ue() int {
	zeros := 0
	for zeros < 31 && r.at>>3 < len(r.b) && r.u(1) == 0 {
		zeros++
	}
	return 1<<zeros - 1 + r.u(zeros)
}

func (r *bits) se() int {
	v := r.ue()
	if v&1 == 1 {
		return (v + 1) / 2
	}
	return -v / 2
}

// raw takes out the bytes that keep a start code from appearing inside a unit.
func raw(unit []byte) []byte { return bytes.ReplaceAll(unit, []byte{0, 0, 3}, []byte{0, 0}) }

// aspects are the pixel shapes that H.264 and HEVC number (table E-1).
var aspects = []ratio{{}, {1, 1}, {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11}, {80, 33}, {18, 11}, {15, 11}, {64, 33}, {160, 99}, {4, 3}, {3, 2}, {2, 1}}

// picture is what the parameter set of a video stream says.
type picture struct {
	width, height int
	sar           ratio
	fps           float64
	profile       string
	level         int
}

// apply takes from the stream what the container has not said already.
func (t *Track) apply(p picture) {
	if t.Width == 0 || t.Height == 0 {
		t.Width, t.Height = p.width, p.height
	}
	if t.Sar == "" && p.sar.valid() {
		t.Sar = p.sar.String()
	}
	if t.FPS == 0 {
		t.FPS = p.fps
	}
	t.Profile, t.Level = p.profile, p.level
}

var avcProfiles = map[int]string{66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive", 44: "CAVLC 4:4:4 Intra"}

func avcProfile(idc, constraints int) string {
	switch {
	case idc == 66 && constraints&0x40 != 0:
		return "Constrained Baseline"
	case (idc == 110 || idc == 122) && constraints&0x10 != 0:
		return avcProfiles[idc] + " Intra"
	}
	return avcProfiles[idc]
}

// avcConfig reads an AVCDecoderConfigurationRecord (ISO 14496-15).
func (t *Track) avcConfig(b []byte) {
	if len(b) < 4 {
		return
	}
	t.Profile, t.Level = avcProfile(int(b[1]), int(b[2])), int(b[3])
	if len(b) < 8 {
		return
	}
	if n := int(be.Uint16(b[6:])); b[5]&31 > 0 && n <= len(b)-8 {
		if p, ok := avcSPS(b[8 : 8+n]); ok {
			t.apply(p)
		}
	}
}

// avcSPS reads a sequence parameter set of H.264 with its header byte (7.3.2.1.1).
func avcSPS(unit []byte) (p picture, ok bool) {
	if len(unit) < 5 || unit[0]&31 != 7 {
		return p, false
	}
	r := &bits{b: raw(unit), at: 8}
	idc, constraints := r.u(8), r.u(8)
	p.level, p.profile = r.u(8), avcProfile(idc, constraints)
	r.ue() // id
	chroma, planes := 1, 0
	switch idc {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = r.ue(); chroma == 3 {
			planes = r.u(1)
		}
		r.ue()
		r.ue()
		r.u(1)
		if r.u(1) == 1 {
			skipScaling(r, chroma)
		}
	}
	r.ue()
	switch r.ue() {
	case 0:
		r.ue()
	case 1:
		r.u(1)
		r.se()
		r.se()
		for range min(r.ue(), 255) {
			r.se()
		}
	}
	r.ue()
	r.u(1)
	wide, high := r.ue()+1, r.ue()+1
	frames := r.u(1)
	if frames == 0 {
		r.u(1)
	}
	r.u(1)
	p.width, p.height = wide*16, high*16*(2-frames)
	p.crop(r, chroma, planes, 2-frames)
	if r.u(1) == 1 {
		p.vui(r)
		if r.u(1) == 1 {
			p.timing(r, 2)
		}
	}
	return p, p.plausible()
}

func skipScaling(r *bits, chroma int) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.u(1) == 0 {
			continue
		}
		size, last, next := 16, 8, 8
		if i >= 6 {
			size = 64
		}
		for range size {
			if next != 0 {
				next = (last + r.se() + 256) & 255
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// vui reads the part of the usability information that H.264 and HEVC share, up to
// the chroma location.
func (p *picture) vui(r *bits) {
	if r.u(1) == 1 {
		switch n := r.u(8); {
		case n == 255:
			p.sar = ratio{int64(r.u(16)), int64(r.u(16))}
		case n < len(aspects):
			p.sar = aspects[n]
		}
	}
	if r.u(1) == 1 {
		r.u(1)
	}
	if r.u(1) == 1 {
		r.u(4)
		if r.u(1) == 1 {
			r.u(24)
		}
	}
	if r.u(1) == 1 {
		r.ue()
		r.ue()
	}
}

// crop takes off the edges that are not shown; rows are the lines of one unit, before
// those of its color.
func (p *picture) crop(r *bits, chroma, planes, rows int) {
	if r.u(1) == 0 {
		return
	}
	columns := 1
	if planes == 0 && (chroma == 1 || chroma == 2) {
		columns = 2
	}
	if planes == 0 && chroma == 1 {
		rows *= 2
	}
	p.width -= (r.ue() + r.ue()) * columns
	p.height -= (r.ue() + r.ue()) * rows
}

// timing reads units and scale; a picture takes so many units.
func (p *picture) timing(r *bits, units int) {
	tick, scale := r.u(32), r.u(32)
	if fps := float64(scale) / float64(tick*units); tick > 0 && fps >= 1 && fps <= 1000 {
		p.fps = fps
	}
}

func (p *picture) plausible() bool {
	return p.width > 0 && p.height > 0 && p.width <= 1<<16 && p.height <= 1<<16
}

var hevcProfiles = map[int]string{1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Rext"}

// hevcConfig reads an HEVCDecoderConfigurationRecord (ISO 14496-15).
func (t *Track) hevcConfig(b []byte) {
	if len(b) < 23 {
		return
	}
	t.Profile, t.Level = hevcProfiles[int(b[1]&31)], int(b[12])
	rest := b[23:]
	for range b[22] {
		if len(rest) < 3 {
			return
		}
		kind, count := rest[0]&63, be.Uint16(rest[1:])
		rest = rest[3:]
		for range count {
			if len(rest) < 2 || int(be.Uint16(rest)) > len(rest)-2 {
				return
			}
			n := int(be.Uint16(rest))
			if p, ok := hevcSPS(rest[2 : 2+n]); ok && kind == 33 {
				t.apply(p)
				return
			}
			rest = rest[2+n:]
		}
	}
}

// hevcSPS reads a sequence parameter set of HEVC with its two header bytes (7.3.2.2).
func hevcSPS(unit []byte) (p picture, ok bool) {
	if len(unit) < 16 || unit[0]>>1&63 != 33 {
		return p, false
	}
	r := &bits{b: raw(unit), at: 16}
	r.u(4)
	sub := r.u(3) // sub-layers less one
	r.u(1)
	p.tier(r, sub)
	r.ue()
	chroma, planes := r.ue(), 0
	if chroma == 3 {
		planes = r.u(1)
	}
	p.width, p.height = r.ue(), r.ue()
	p.crop(r, chroma, planes, 1)
	r.ue()
	r.ue()
	order := r.ue() + 4
	from := sub
	if r.u(1) == 1 {
		from = 0
	}
	for range sub - from + 1 {
		r.ue()
		r.ue()
		r.ue()
	}
	for range 6 {
		r.ue()
	}
	if r.u(1) == 1 && r.flag() { // scaling lists of their own: too long a way for an aspect
		return p, p.plausible()
	}
	r.u(2)
	if r.u(1) == 1 { // PCM
		r.u(8)
		r.ue()
		r.ue()
		r.u(1)
	}
	if skipReferences(r) && p.longTerm(r, order) && r.u(1) == 1 {
		p.hevcVUI(r)
	}
	return p, p.plausible()
}

func (p *picture) hevcVUI(r *bits) {
	p.vui(r)
	r.u(3)
	if r.u(1) == 1 { // default display window
		r.ue()
		r.ue()
		r.ue()
		r.ue()
	}
	if r.u(1) == 1 {
		p.timing(r, 1)
	}
}

// tier reads profile_tier_level.
func (p *picture) tier(r *bits, sub int) {
	r.u(3)
	p.profile = hevcProfiles[r.u(5)]
	r.at += 32 + 48
	p.level = r.u(8)
	if sub == 0 {
		return
	}
	var there [8][2]int
	for i := range 8 {
		if there[i] = [2]int{r.u(1), r.u(1)}; i >= sub {
			there[i] = [2]int{}
		}
	}
	for _, t := range there {
		r.at += t[0]*88 + t[1]*8
	}
}

// skipReferences passes the short-term reference picture sets; false: they are no such.
func skipReferences(r *bits) bool {
	sets, before := r.ue(), 0
	if sets > 64 {
		return false
	}
	for i := range sets {
		if i > 0 && r.u(1) == 1 { // by the set before
			r.u(1)
			r.ue()
			kept := 0
			for range before + 1 {
				if r.u(1) == 1 || r.flag() {
					kept++
				}
			}
			before = kept
			continue
		}
		negative, positive := r.ue(), r.ue()
		if before = negative + positive; before > 32 {
			return false
		}
		for range before {
			r.ue()
			r.u(1)
		}
	}
	return true
}

// longTerm passes the long-term references, up to the flag of the usability information.
func (p *picture) longTerm(r *bits, order int) bool {
	if r.u(1) == 1 {
		n := r.ue()
		if n > 32 || order > 16 {
			return false
		}
		r.at += n * (order + 1)
	}
	r.u(2)
	return true
}

func (t *Track) av1Config(b []byte) {
	if len(b) < 4 {
		return
	}
	t.Profile, t.Level = map[byte]string{0: "Main", 1: "High", 2: "Professional"}[b[1]>>5], int(b[1]&31)
}

func vp9Profile(n int) string { return "Profile " + strconv.Itoa(n) }

// units splits a byte stream at its start codes; the last unit may be cut off.
func units(b []byte) [][]byte {
	var out [][]byte
	start := -1
	for i := 0; i+3 <= len(b); {
		n := bytes.Index(b[i:], []byte{0, 0, 1})
		if n < 0 {
			break
		}
		if start >= 0 {
			out = append(out, b[start:i+n])
		}
		start = i + n + 3
		i = start
	}
	if start >= 0 {
		out = append(out, b[start:])
	}
	return out
}

var (
	aacRates    = []int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
	aacProfiles = map[int]string{1: "Main", 2: "LC", 3: "SSR", 4: "LTP", 5: "HE-AAC", 29: "HE-AACv2", 23: "LD", 39: "ELD"}
)

// aacConfig reads an AudioSpecificConfig (ISO 14496-3, 1.6.2.1).
func (t *Track) aacConfig(b []byte) {
	r := &bits{b: b}
	kind := func() int {
		if n := r.u(5); n != 31 {
			return n
		}
		return 32 + r.u(6)
	}
	rate := func() int {
		n := r.u(4)
		if n == 15 {
			return r.u(24)
		}
		if n < len(aacRates) {
			return aacRates[n]
		}
		return 0
	}
	object, sampled, channels := kind(), rate(), r.u(4)
	switch object {
	case 5, 29: // the sound has twice the rate that its core has
		sampled = rate()
		if kind(); object == 29 && channels == 1 {
			channels = 2
		}
	case 34:
		t.Codec = "mp3"
	case 36:
		t.Codec = "mp4als"
	}
	t.Profile = aacProfiles[object]
	if sampled > 0 {
		t.SampleRate = sampled
	}
	if channels > 0 && channels < 8 {
		t.Channels = []int{0, 1, 2, 3, 4, 5, 6, 8}[channels]
	}
	if object == 2 {
		t.doubled(b)
	}
}

// doubled looks for a backward compatible mark of SBR behind the rest of a
// configuration: the sound has twice the rate.
func (t *Track) doubled(b []byte) {
	for at := 16; at+17 <= len(b)*8; at++ {
		r := &bits{b: b, at: at}
		if r.u(11) != 0x2b7 || r.u(5) != 5 || r.u(1) != 1 {
			continue
		}
		if n := r.u(4); n < len(aacRates) {
			t.Profile, t.SampleRate = aacProfiles[5], aacRates[n]
		}
		return
	}
}

// opusChannels reads the count of an Opus header at this place.
func opusChannels(b []byte, at, otherwise int) int {
	if len(b) > at && b[at] > 0 {
		return int(b[at])
	}
	return otherwise
}
