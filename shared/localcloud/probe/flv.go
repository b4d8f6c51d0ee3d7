package probe

import (
	"errors"
	"slices"
	"strconv"
)

func itoa(n uint16) string { return strconv.Itoa(int(n)) }

const flvHead = 4 << 20 // headers and the first pictures are in here

// readFLV reads the script data and the first tags, and the time of the last one.
func readFLV(s *source, m *Media) error {
	m.Format = "flv"
	head, err := s.read(0, flvHead)
	if err != nil || len(head) < 13 {
		return errors.Join(err, errors.New("too short"))
	}
	about := map[string]float64{}
	var order []*Track // as they appear
	track := func(kind string) *Track {
		if i := slices.IndexFunc(order, func(t *Track) bool { return t.Kind == kind }); i >= 0 {
			return order[i]
		}
		order = append(order, &Track{Kind: kind})
		return order[len(order)-1]
	}
	var times []float64
	last := 0.0
	for at := int(min(be.Uint32(head[5:]), 1<<16)) + 4; at+11 <= len(head); {
		n := int(be.Uint32(head[at:]) & 0xffffff)
		time := float64(be.Uint32(head[at+4:])>>8|uint32(head[at+7])<<24) / 1000
		body := head[at+11 : min(at+11+n, len(head))]
		switch head[at] & 31 {
		case 18:
			scriptNumbers(body, about)
		case 8:
			track("audio").flvAudio(body)
			last = max(last, time)
		case 9:
			if track("video").flvVideo(body) {
				times = append(times, time)
			}
			last = max(last, time)
		}
		at += 11 + n + 4
	}
	if d := about["duration"]; d > 0 && d <= maxDuration {
		m.Duration = d
	} else if m.Duration, err = s.flvEnd(last); err != nil {
		return err
	}
	for _, t := range order {
		if t.Kind == "video" {
			t.flvRest(about, times)
		}
		t.Bitrate, t.Timescale, t.Language = flvRate(about[t.Kind+"datarate"], t.Bitrate), 1000, "und"
		m.Tracks = append(m.Tracks, *t)
	}
	return nil
}

// flvRate is a bit rate as the script data says it, in units of 1,024, or another one.
func flvRate(said, otherwise float64) float64 {
	if said > 0 && said < 1e7 {
		return said * 1024
	}
	return otherwise
}

// flvRest fills in what the first pictures did not say.
func (t *Track) flvRest(about map[string]float64, times []float64) {
	if w, h := about["width"], about["height"]; (t.Width == 0 || t.Height == 0) && w >= 1 && h >= 1 && w <= 1<<16 && h <= 1<<16 {
		t.Width, t.Height = int(w), int(h)
	}
	if f := about["framerate"]; f >= 1 && f <= 1000 {
		t.FPS = f
	}
	if n := len(times); t.FPS == 0 && n > 2 && times[n-1] > times[0] {
		t.FPS = float64(n-1) / (times[n-1] - times[0])
	}
}

// flvEnd finds the time of the last tag by the length that stands behind it.
func (s *source) flvEnd(last float64) (float64, error) {
	b, err := s.read(s.size-4, 4)
	if err != nil || len(b) < 4 {
		return last, err
	}
	at := s.size - 4 - int64(be.Uint32(b))
	h, err := s.read(at, 11)
	if err != nil || len(h) < 11 || (h[0] != 8 && h[0] != 9) {
		return last, err
	}
	return max(last, float64(be.Uint32(h[4:])>>8|uint32(h[7])<<24)/1000), nil
}

// scriptNumbers takes the numbers of onMetaData (AMF 0); everything else in it is
// passed over by a look for names.
func scriptNumbers(b []byte, to map[string]float64) {
	for _, name := range []string{"duration", "width", "height", "framerate", "videodatarate", "audiodatarate"} {
		for at := 0; at+2+len(name)+9 <= len(b); at++ {
			if int(be.Uint16(b[at:])) == len(name) && string(b[at+2:at+2+len(name)]) == name && b[at+2+len(name)] == 0 {
				to[name] = float64At(b[at+3+len(name):])
				break
			}
		}
	}
}

func (t *Track) flvAudio(b []byte) {
	if len(b) < 2 {
		return
	}
	if t.SampleRate == 0 {
		t.Codec = map[byte]string{0: "pcm_s16be", 1: "adpcm_swf", 2: "mp3", 3: "pcm_s16le", 4: "nellymoser", 5: "nellymoser", 6: "nellymoser", 7: "pcm_alaw", 8: "pcm_mulaw", 10: "aac", 11: "speex", 14: "mp3"}[b[0]>>4]
		t.SampleRate, t.Channels = []int{5512, 11025, 22050, 44100}[b[0]>>2&3], int(b[0]&1)+1
	}
	switch t.Codec {
	case "aac":
		if b[1] == 0 {
			t.aacConfig(b[2:])
		}
	case "mp3":
		if f, ok := frameAt(b[1:]); ok {
			f.apply(t)
		}
	}
}

// flvVideo reads the header of a tag; true: there is a picture in it.
func (t *Track) flvVideo(b []byte) bool {
	if len(b) < 5 {
		return false
	}
	if b[0]&0x80 != 0 { // enhanced: four letters
		kind := b[0] & 15
		t.Tag = string(b[1:5])
		t.Codec = codecs[t.Tag]
		if kind == 0 {
			t.flvConfig(b[5:])
		}
		return kind == 1 || kind == 3
	}
	switch b[0] & 15 {
	case 2:
		t.Codec = "flv1"
		r := &bits{b: b[1:], at: 17 + 5 + 8}
		switch size := r.u(3); {
		case size == 0:
			t.Width, t.Height = r.u(8), r.u(8)
		case size == 1:
			t.Width, t.Height = r.u(16), r.u(16)
		case size < 7:
			t.Width, t.Height = []int{352, 176, 128, 320, 160}[size-2], []int{288, 144, 96, 240, 120}[size-2]
		}
	case 3:
		t.Codec = "flashsv"
	case 4, 5:
		t.Codec = "vp6f"
	case 7, 12:
		t.Codec = map[byte]string{7: "h264", 12: "hevc"}[b[0]&15]
		if b[1] == 0 {
			t.flvConfig(b[5:])
		}
		return b[1] == 1
	}
	return true
}

func (t *Track) flvConfig(b []byte) {
	switch t.Codec {
	case "h264":
		t.avcConfig(b)
	case "hevc":
		t.hevcConfig(b)
	case "av1":
		t.av1Config(b)
	}
}
