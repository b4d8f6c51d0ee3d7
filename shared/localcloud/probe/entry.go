package probe

import (
	"errors"
	"strings"
)

// codecs are the usual names of the four letters in an MP4 file.
var codecs = map[string]string{
	"avc1": "h264", "avc3": "h264", "hev1": "hevc", "hvc1": "hevc", "av01": "av1", "vp08": "vp8", "vp09": "vp9",
	"mp4v": "mpeg4", "mp4a": "aac", "ac-3": "ac3", "ec-3": "eac3", "Opus": "opus", "fLaC": "flac", "alac": "alac",
	"jpeg": "mjpeg", "mjpa": "mjpeg", "mjp2": "jpeg2000", "png": "png", "s263": "h263", "h263": "h263", "samr": "amr_nb", "sawb": "amr_wb",
	"apch": "prores", "apcn": "prores", "apcs": "prores", "apco": "prores", "ap4h": "prores", "ap4x": "prores",
	"sowt": "pcm_s16le", "twos": "pcm_s16be", "in24": "pcm_s24be", "ulaw": "pcm_mulaw", "alaw": "pcm_alaw", ".mp3": "mp3",
	"encv": "encrypted", "enca": "encrypted",
}

// objects are the codecs of the object types in an esds box (ISO 14496-1 and mp4ra.org).
// mp4v and mp4a say only that there is one.
var objects = map[byte]string{
	0x20: "mpeg4", 0x21: "h264", 0x23: "hevc", 0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6b: "mp3",
	0x60: "mpeg2video", 0x61: "mpeg2video", 0x62: "mpeg2video", 0x63: "mpeg2video", 0x64: "mpeg2video", 0x65: "mpeg2video",
	0x6a: "mpeg1video", 0x6c: "mjpeg", 0x6d: "png", 0x6e: "jpeg2000", 0xa5: "ac3", 0xa6: "eac3", 0xa9: "dts", 0xad: "opus", 0xb1: "vp9", 0xdd: "vorbis",
}

// sampleEntry reads the first entry of an stsd payload by hand: extracting it
// through the parser fails for codecs that it does not know.
func (t *mp4Track) sampleEntry(stsd []byte) error {
	if len(stsd) < 16 {
		return errors.New("empty stsd box")
	}
	entry := stsd[8:]
	if n := int64(be.Uint32(entry)); n >= 8 && n <= int64(len(entry)) {
		entry = entry[:n]
	}
	t.Tag = string(entry[4:8])
	t.Codec = codecs[strings.TrimSpace(t.Tag)]
	if t.Codec == "" {
		t.Codec = strings.ToLower(strings.TrimSpace(strings.ToValidUTF8(t.Tag, "?")))
	}
	var children []byte
	switch body := entry[8:]; {
	case t.Kind == "video" && len(body) >= 78:
		t.Width, t.Height = int(be.Uint16(body[24:])), int(be.Uint16(body[26:]))
		children = body[78:]
	case t.Kind == "audio" && len(body) >= 28:
		t.Channels, t.SampleRate = int(be.Uint16(body[16:])), int(be.Uint32(body[24:])>>16)
		skip := 28
		switch version := be.Uint16(body[8:]); { // QuickTime's longer forms
		case version == 1:
			skip = 44
		case version == 2 && len(body) >= 64:
			skip = 64
			t.SampleRate, t.Channels = int(float64At(body[32:])), int(be.Uint32(body[40:]))
		}
		children = body[min(skip, len(body)):]
		if amr := map[string]int{"samr": 8000, "sawb": 16000}[t.Tag]; amr > 0 { // never anything else (3GPP TS 26.244)
			t.SampleRate, t.Channels = amr, 1
		}
	default:
		return errors.New("short stsd entry")
	}
	for kind, body := range boxes(children) {
		t.describe(kind, body)
	}
	return nil
}

// describe takes what a box inside a sample entry says.
func (t *mp4Track) describe(kind string, body []byte) {
	switch kind {
	case "pasp":
		if len(body) >= 8 {
			t.Sar = ratio{int64(be.Uint32(body)), int64(be.Uint32(body[4:]))}.String()
			t.pasp = t.Sar != ""
		}
	case "avcC":
		t.avcConfig(body)
	case "hvcC":
		t.hevcConfig(body)
	case "av1C":
		t.av1Config(body)
	case "vpcC":
		if len(body) >= 5 {
			t.Profile = vp9Profile(int(body[4]))
		}
	case "esds":
		t.esds(body)
	case "dOps":
		t.Channels, t.SampleRate = opusChannels(body, 1, t.Channels), 48000
	case "wave": // QuickTime keeps the esds box in here
		for kind, body := range boxes(body) {
			t.describe(kind, body)
		}
	case "alac":
		if len(body) >= 28 {
			t.Channels, t.SampleRate = int(body[13]), int(be.Uint32(body[24:]))
		}
	}
}

// esds takes codec, profile and channels from an elementary stream descriptor: the
// sample entry of many writers says 2 channels and aac whatever the sound is.
func (t *mp4Track) esds(b []byte) {
	for at := 4; at < len(b); {
		tag := b[at]
		at++
		n := 0
		for more := true; more && at < len(b); at++ {
			n, more = (n<<7|int(b[at]&0x7f))&0xffffff, b[at]&0x80 != 0
		}
		switch {
		case tag == 3:
			at += 3 // ES_ID and flags; the next descriptors are inside
		case tag == 4 && at < len(b):
			if codec := objects[b[at]]; codec != "" {
				t.Codec = codec
			}
			at += 13
		case tag == 5:
			if t.Kind == "audio" && t.Codec == "aac" {
				t.aacConfig(b[at:min(at+n, len(b))])
			}
			return
		default:
			at += n
		}
	}
}
