package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/abema/go-mp4"
)

var be = binary.BigEndian

// boxes walks the boxes in a payload, as far as they are whole.
func boxes(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(b) >= 8 {
			n, head := uint64(be.Uint32(b)), uint64(8)
			switch {
			case n == 0: // to the end
				n = uint64(len(b))
			case n == 1 && len(b) >= 16:
				n, head = be.Uint64(b[8:]), 16
			}
			if n < head || n > uint64(len(b)) {
				return
			}
			if !yield(string(b[4:8]), b[head:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// inside is the payload of the first box at a path; nil: there is none.
func inside(b []byte, path ...string) []byte {
next:
	for _, want := range path {
		for kind, body := range boxes(b) {
			if kind == want {
				b = body
				continue next
			}
		}
		return nil
	}
	return b
}

// decode reads a box of fixed shape; nil: the payload does not fit.
func decode[T any, B interface {
	*T
	mp4.IBox
}](payload []byte) B {
	box := B(new(T))
	if _, err := mp4.Unmarshal(bytes.NewReader(payload), uint64(len(payload)), box, mp4.Context{}); err != nil {
		return nil
	}
	return box
}

// movie is an MP4 file under way: its index, then its fragments.
type movie struct {
	*source
	timescale uint32
	tracks    []*mp4Track
}

// mp4Track gathers of one track what the index and the fragments say.
type mp4Track struct {
	Track
	id       uint32
	pasp     bool    // a box of its own says the shape of a pixel
	start    float64 // seconds of nothing that the edit list puts before it
	edited   float64 // seconds that the edit list leaves; 0: not said
	declared float64 // seconds in mdhd; 0: not said
	units    uint64  // of all samples
	bytes    float64
	at       int64     // where the first sample lies
	trex     [2]uint32 // a fragment's default duration and size of a sample
	fragment bool
	from, to uint64 // of the fragments, by tfdt
}

func readMP4(s *source, m *Media) error {
	v := &movie{source: s}
	m.Format = "mov"
	var seen []string
	for at := int64(0); at+8 <= s.size; {
		kind, head, n, err := s.box(at)
		if err != nil {
			return err
		}
		if n < head {
			break // garbage behind the last box; what came before counts
		}
		seen = append(seen, kind)
		switch kind {
		case "ftyp":
			brand, err := s.read(at+head, 4)
			if err != nil {
				return err
			}
			if string(brand) != "qt  " {
				m.Format = "mp4"
			}
		case "moov":
			if v.timescale != 0 {
				break // the first one counts
			}
			if err := v.moov(at+head, n-head, m); err != nil {
				return err
			}
		case "moof":
			if err := v.moof(at+head, n-head); err != nil {
				return err
			}
		}
		if len(seen) > 1<<20 {
			return errBudget
		}
		at += n
	}
	if v.timescale == 0 {
		return fmt.Errorf("no moov box: the index of the file is missing; %d boxes", len(seen))
	}
	return v.settle(m)
}

// box reads a header: how long it is, and the box with it.
func (s *source) box(at int64) (kind string, head, n int64, err error) {
	b, err := s.read(at, 16)
	if err != nil || len(b) < 8 {
		return "", 0, 0, err
	}
	kind, head, n = string(b[4:8]), 8, int64(be.Uint32(b))
	switch {
	case n == 0:
		n = s.size - at
	case n == 1 && len(b) == 16:
		head, n = 16, int64(min(be.Uint64(b[8:]), math.MaxInt64/2))
	}
	return kind, head, n, nil
}

// index reads a whole box of tables.
func (s *source) index(kind string, at, n int64) ([]byte, error) {
	if n > maxIndex {
		return nil, fmt.Errorf("%s box of %d bytes", kind, n)
	}
	body, err := s.read(at, n)
	if err == nil && int64(len(body)) < n {
		err = fmt.Errorf("%s box is cut off", kind)
	}
	return body, err
}

func (v *movie) moov(at, n int64, m *Media) error {
	moov, err := v.index("moov", at, n)
	if err != nil {
		return err
	}
	mvhd := decode[mp4.Mvhd](inside(moov, "mvhd"))
	if mvhd == nil {
		return errors.New("no mvhd box")
	}
	if mvhd.Timescale == 0 {
		return errors.New("mvhd timescale is 0")
	}
	v.timescale = mvhd.Timescale
	m.Duration = told(mvhd.GetDuration(), mvhd.GetVersion(), mvhd.Timescale)
	traks := 0
	for kind, trak := range boxes(moov) {
		if kind != "trak" {
			continue
		}
		if traks++; traks > maxTracks {
			return fmt.Errorf("more than %d tracks", maxTracks)
		}
		t, err := v.track(trak)
		if err != nil {
			return err
		}
		if t != nil {
			v.tracks = append(v.tracks, t)
		}
	}
	mvex := inside(moov, "mvex")
	v.defaults(mvex)
	if mehd := decode[mp4.Mehd](inside(mvex, "mehd")); mehd != nil && m.Duration == 0 {
		m.Duration = told(mehd.GetFragmentDuration(), mehd.GetVersion(), mvhd.Timescale)
	}
	return nil
}

// defaults notes what the samples of fragments are where a fragment does not say.
func (v *movie) defaults(mvex []byte) {
	for kind, body := range boxes(mvex) {
		if trex := decode[mp4.Trex](body); kind == "trex" && trex != nil {
			for _, t := range v.tracks {
				if t.id == trex.TrackID {
					t.trex = [2]uint32{trex.DefaultSampleDuration, trex.DefaultSampleSize}
				}
			}
		}
	}
}

// told is a duration in seconds. All ones means that the writer did not know it
// (ISO 14496-12, 8.2.2.3), as 0 does in a file that was never finished.
func told(units uint64, version uint8, timescale uint32) float64 {
	if timescale == 0 || version == 0 && units == math.MaxUint32 || units == math.MaxUint64 {
		return 0
	}
	if d := float64(units) / float64(timescale); d <= maxDuration {
		return d
	}
	return 0
}

// track reads a trak box; nil for subtitles, time code, hints.
func (v *movie) track(trak []byte) (*mp4Track, error) {
	t := &mp4Track{}
	mdia := inside(trak, "mdia")
	hdlr := inside(mdia, "hdlr")
	if len(hdlr) < 12 {
		return nil, errors.New("no hdlr box")
	}
	switch string(hdlr[8:12]) {
	case "vide":
		t.Kind = "video"
	case "soun":
		t.Kind = "audio"
	default:
		return nil, nil
	}
	mdhd, tkhd := decode[mp4.Mdhd](inside(mdia, "mdhd")), decode[mp4.Tkhd](inside(trak, "tkhd"))
	switch {
	case mdhd == nil:
		return nil, errors.New("no mdhd box")
	case mdhd.Timescale == 0:
		return nil, errors.New("mdhd timescale is 0")
	case tkhd == nil:
		return nil, errors.New("no tkhd box")
	}
	t.id, t.Timescale = tkhd.TrackID, int(mdhd.Timescale)
	t.declared = told(mdhd.GetDuration(), mdhd.GetVersion(), mdhd.Timescale)
	t.edits(inside(trak, "edts", "elst"), v.timescale)
	var code string
	for _, c := range mdhd.Language {
		code += string(rune(c + 0x60))
	}
	t.Language = language(code)
	stbl := inside(mdia, "minf", "stbl")
	if err := t.sampleEntry(inside(stbl, "stsd")); err != nil {
		return nil, err
	}
	t.samples(inside(stbl, "stts"), inside(stbl, "stsz"), v.size)
	if stco, co64 := inside(stbl, "stco"), inside(stbl, "co64"); len(stco) >= 12 {
		t.at = int64(be.Uint32(stco[8:]))
	} else if len(co64) >= 16 {
		t.at = int64(min(be.Uint64(co64[8:]), math.MaxInt64))
	}
	if t.Kind == "video" {
		t.shape(tkhd)
	}
	return t, nil
}

// edits sums an edit list: what is shown of the track, without an encoder's priming,
// and what is empty before it.
func (t *mp4Track) edits(elst []byte, movie uint32) {
	if len(elst) < 8 {
		return
	}
	wide := elst[0] == 1
	for elst = elst[8:]; len(elst) >= 12; {
		units, empty, n := uint64(be.Uint32(elst)), int32(be.Uint32(elst[4:])) == -1, 12
		if wide {
			if n = 20; len(elst) < n {
				return
			}
			units, empty = be.Uint64(elst), int64(be.Uint64(elst[8:])) == -1
		}
		version := byte(0)
		if wide {
			version = 1
		}
		if d := told(units, version, movie); !empty {
			t.edited += d
		} else if t.edited == 0 {
			t.start += d
		}
		elst = elst[n:]
	}
}

// samples sums the tables of sample durations and sizes. No file has more samples
// than bytes.
func (t *mp4Track) samples(stts, stsz []byte, size int64) {
	for i := 8; i+8 <= len(stts); i += 8 {
		count, delta := uint64(be.Uint32(stts[i:])), uint64(be.Uint32(stts[i+4:]))
		if count += uint64(t.Frames); count > uint64(size) {
			break
		}
		t.units += (count - uint64(t.Frames)) * delta
		t.Frames = int64(count)
	}
	if len(stsz) < 12 {
		return
	}
	if same := be.Uint32(stsz[4:]); same > 0 {
		t.bytes = float64(same) * float64(be.Uint32(stsz[8:]))
	}
	for i := 12; i+4 <= len(stsz); i += 4 {
		t.bytes += float64(be.Uint32(stsz[i:]))
	}
}

// shape takes the turn from the matrix, and the stretch where no other box says it.
func (t *mp4Track) shape(tkhd *mp4.Tkhd) {
	// The matrix holds the cosine and sine of the turn in its first two numbers.
	deg := math.Atan2(float64(tkhd.Matrix[1]), float64(tkhd.Matrix[0])) * 180 / math.Pi
	t.Rotation = (int(math.Round(deg/90))*90 + 360) % 360
	wide, high := int64(tkhd.Width>>16), int64(tkhd.Height>>16)
	if t.pasp || wide <= 0 || high <= 0 || t.Width <= 0 || t.Height <= 0 {
		return
	}
	sar := ratioOf(t.Sar) // of the stream; where both mean the same it is not rounded
	if !sar.valid() {
		sar = ratio{1, 1}
	}
	if meant := float64(high) * float64(t.Width) * float64(sar.num) / float64(t.Height) / float64(sar.den); math.Abs(meant-float64(wide)) >= 1 {
		t.Sar = ratio{wide * int64(t.Height), high * int64(t.Width)}.String()
	}
}

// moof adds one fragment.
func (v *movie) moof(at, n int64) error {
	moof, err := v.index("moof", at, n)
	if err != nil {
		if at+n > v.size { // the file ends inside its last fragment; those before it count
			return nil
		}
		return err
	}
	for kind, traf := range boxes(moof) {
		if kind != "traf" {
			continue
		}
		tfhd := inside(traf, "tfhd")
		if len(tfhd) < 8 {
			continue
		}
		for _, t := range v.tracks {
			if t.id == be.Uint32(tfhd[4:]) {
				t.traf(tfhd, traf, v.size)
			}
		}
	}
	return nil
}

// numbers takes 4 byte numbers off the front of a payload, as flags say.
type numbers struct {
	b     []byte
	flags uint32
}

func (n *numbers) next(flag uint32) (uint32, bool) {
	if n.flags&flag == 0 || len(n.b) < 4 {
		return 0, false
	}
	v := be.Uint32(n.b)
	n.b = n.b[4:]
	return v, true
}

func (t *mp4Track) traf(tfhd, traf []byte, size int64) {
	duration, bytes := t.trex[0], t.trex[1]
	h := numbers{tfhd[8:], be.Uint32(tfhd) & 0xffffff}
	h.next(0x1) // base data offset, two numbers
	h.next(0x1)
	h.next(0x2) // sample description
	if d, ok := h.next(0x8); ok {
		duration = d
	}
	if n, ok := h.next(0x10); ok {
		bytes = n
	}
	start := t.to
	if tfdt := decode[mp4.Tfdt](inside(traf, "tfdt")); tfdt != nil {
		start = tfdt.GetBaseMediaDecodeTime()
	}
	if !t.fragment {
		t.fragment, t.from = true, start
		if t.Frames > 0 { // some samples are in the index
			t.from = 0
		}
	}
	end := start
	for kind, trun := range boxes(traf) {
		if kind != "trun" || len(trun) < 8 {
			continue
		}
		n := numbers{trun[8:], be.Uint32(trun) & 0xffffff}
		n.next(0x1) // data offset
		n.next(0x4) // flags of the first sample
		count := be.Uint32(trun[4:])
		if n.flags&0xf00 == 0 { // nothing for each sample
			if int64(count) <= size {
				t.Frames, end, t.bytes = t.Frames+int64(count), end+uint64(count)*uint64(duration), t.bytes+float64(count)*float64(bytes)
			}
			continue
		}
		for i := uint32(0); i < count && len(n.b) >= 4; i++ {
			d, s := duration, bytes
			if v, ok := n.next(0x100); ok {
				d = v
			}
			if v, ok := n.next(0x200); ok {
				s = v
			}
			n.next(0x400) // flags
			n.next(0x800) // composition offset
			t.Frames, end, t.bytes = t.Frames+1, end+uint64(d), t.bytes+float64(s)
		}
	}
	t.units += end - start
	t.to = max(t.to, end)
}

// settle gives each track its duration, and the file its own: from the first start
// to the last end. The header's word counts where no track has one.
func (v *movie) settle(m *Media) error {
	frames, start, end := int64(0), math.Inf(1), 0.0
	for _, t := range v.tracks {
		t.settle()
		if t.Codec == "mp3" { // its sample entry says 2 channels, whatever it has
			b, err := v.read(t.at, 16)
			if err != nil {
				return err
			}
			if f, ok := frameAt(b); ok && t.at > 0 {
				t.SampleRate, t.Channels = f.rate, f.channels
			}
		}
		if t.Duration > 0 {
			start, end = min(start, t.start), max(end, t.start+t.Duration)
		}
		frames += t.Frames
		m.Tracks = append(m.Tracks, t.Track)
	}
	if end > start {
		m.Duration = end - start
	}
	if frames == 0 && len(v.tracks) > 0 && m.Duration == 0 {
		return errors.New("no samples")
	}
	return nil
}

func (t *mp4Track) settle() {
	scale := float64(t.Timescale)
	all := float64(t.units) / scale
	switch {
	case t.fragment:
		t.Duration = float64(t.to-min(t.from, t.to)) / scale
	case t.edited > 0:
		t.Duration = t.edited
	case t.declared > 0:
		t.Duration = t.declared
	default:
		t.Duration = all
	}
	if t.Duration > maxDuration {
		t.Duration = 0
	}
	if all > 0 { // with the priming, which has bytes too
		t.Bitrate = math.Floor(t.bytes * 8 / all)
	}
	if t.Kind == "video" && t.units > 0 {
		t.FPS = float64(t.Frames) * scale / float64(t.units)
	}
}
