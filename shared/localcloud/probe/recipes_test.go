package probe_test

import (
	"cmp"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recipe makes one file of the matrix: by ffmpeg, or out of an earlier file by hand.
type recipe struct {
	name string
	args string // of ffmpeg; V, A, C stand for a video, a sound and a single picture as input
	from string // an earlier file
	edit func(t *testing.T, body []byte) []byte
}

const (
	videoIn = "-f lavfi -i testsrc2=size=160x120:rate=25:duration=2"
	soundIn = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2"
	coverIn = "-f lavfi -i testsrc2=size=50x50:rate=25:duration=0.04"
	h264    = "-c:v libx264 -preset ultrafast -crf 45 -pix_fmt yuv420p -flags:v +bitexact"
	aac     = "-c:a aac -b:a 32k -ac 1 -flags:a +bitexact"
	hevc    = "-c:v libx265 -preset ultrafast -crf 45 -pix_fmt yuv420p -x265-params log-level=none:pools=1:frame-threads=1"
)

var words = map[string]string{
	"V": videoIn, "A": soundIn, "C": coverIn, "H264": h264, "HEVC": hevc, "AAC": aac,
	"V+": strings.Replace(videoIn, "duration=2", "duration=4", 1), "A+": strings.Replace(soundIn, "duration=2", "duration=4", 1),
}

// make runs the recipe. Output goes to a real file, or through a pipe where the name
// of the recipe says that it was never finished.
func (r recipe) make(t *testing.T, ffmpeg, dir string, files map[string][]byte) []byte {
	t.Helper()
	if r.from != "" {
		body, there := files[r.from]
		require.True(t, there, "%s comes from %s", r.name, r.from)
		return r.edit(t, append([]byte(nil), body...))
	}
	var args []string
	for _, word := range strings.Fields(r.args) {
		args = append(args, strings.Fields(cmp.Or(words[word], word))...)
	}
	args = append([]string{"-hide_banner", "-loglevel", "error", "-y", "-fflags", "+bitexact", "-threads", "1"}, args...)
	path := filepath.Join(dir, r.name)
	live := strings.Contains(r.name, "-live")
	if live {
		args = append(args, "-fflags", "+bitexact", "-f", map[string]string{"mkv": "matroska", "webm": "webm", "flv": "flv", "wav": "wav", "mp4": "mp4"}[strings.TrimPrefix(filepath.Ext(path), ".")], "-")
	} else {
		args = append(args, "-fflags", "+bitexact", path)
	}
	cmd := exec.CommandContext(t.Context(), ffmpeg, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %v: %s", r.name, args, said.String())
	if live {
		return out
	}
	out, err = os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, out, "%s: %s", r.name, said.String())
	return out
}

var recipes = []recipe{
	{name: "mp4-h264-aac.mp4", args: "V A H264 AAC"},
	{name: "mp4-faststart.mp4", args: "V A H264 AAC -movflags +faststart"},
	{name: "mp4-h264-alone.mp4", args: "V H264"},
	{name: "mp4-h264-main.mp4", args: "V H264 -profile:v main"},
	{name: "mp4-h264-high-bframes.mp4", args: "V A -c:v libx264 -preset medium -crf 45 -pix_fmt yuv420p -bf 3 AAC"},
	{name: "mp4-h264-high10.mp4", args: "V -c:v libx264 -preset ultrafast -crf 45 -pix_fmt yuv420p10le"},
	{name: "mp4-h264-444.mp4", args: "V -c:v libx264 -preset ultrafast -crf 45 -pix_fmt yuv444p"},
	{name: "mp4-h264-interlaced.mp4", args: "V -c:v libx264 -preset medium -crf 45 -pix_fmt yuv420p -flags +ilme+ildct"},
	{name: "mp4-hevc-hvc1.mp4", args: "V A HEVC -tag:v hvc1 AAC"},
	{name: "mp4-hevc-hev1.mp4", args: "V HEVC"},
	{name: "mp4-hevc-main10.mp4", args: "V -c:v libx265 -preset medium -crf 45 -pix_fmt yuv420p10le -x265-params log-level=none:pools=1:frame-threads=1"},
	{name: "mp4-av1.mp4", args: "-f lavfi -i testsrc2=size=64x48:rate=5:duration=1 -c:v libaom-av1 -strict experimental -crf 60 -b:v 0 -cpu-used 8"},
	{name: "mp4-vp9-opus.mp4", args: "V A -c:v libvpx-vp9 -b:v 40k -deadline realtime -cpu-used 8 -c:a libopus -b:a 24k -strict -2"},
	{name: "mp4-mpeg4-mp3.mp4", args: "V A -c:v mpeg4 -q:v 20 -c:a libmp3lame -b:a 32k"},
	{name: "mp4-mpeg2.mp4", args: "V -c:v mpeg2video -q:v 20"},
	{name: "mp4-mp3-alone.mp4", args: "A -c:a libmp3lame -b:a 32k"},
	{name: "mp4-ac3.mp4", args: "A -c:a ac3 -b:a 64k -ac 2"},
	{name: "mp4-eac3.mp4", args: "A -c:a eac3 -b:a 64k -ac 2"},
	{name: "mp4-flac.mp4", args: "-f lavfi -i sine=duration=0.5 -c:a flac -strict -2"},
	{name: "mp4-two-sounds.mp4", args: "V A A -map 0:v -map 1:a -map 2:a H264 AAC"},
	{name: "mp4-sound-first.mp4", args: "A V -map 0:a -map 1:v H264 AAC"},
	{name: "mp4-offset.mp4", args: "V -itsoffset 0.5 A H264 AAC"},
	{name: "mp4-cut.mp4", args: "-ss 0.5 V A H264 AAC"},
	{name: "mp4-29.97.mp4", args: "-f lavfi -i testsrc2=size=160x120:rate=30000/1001:duration=2 H264"},
	{name: "mp4-59.94.mp4", args: "-f lavfi -i testsrc2=size=160x120:rate=60000/1001:duration=1 H264"},
	{name: "mp4-1fps.mp4", args: "-f lavfi -i testsrc2=size=160x120:rate=1:duration=5 H264"},
	{name: "mp4-variable.mp4", args: "V -vf select='not(eq(mod(n,7),3))' -vsync vfr H264"},
	{name: "mp4-one-frame.mp4", args: "V -frames:v 1 H264"},
	{name: "mp4-one-frame-sound.mp4", args: "-f lavfi -i testsrc2=size=160x120:rate=1/2:duration=2 A H264 AAC"},
	{name: "mp4-square.mp4", args: "-f lavfi -i testsrc2=size=128x128:rate=25:duration=1 H264"},
	{name: "mp4-upright.mp4", args: "-f lavfi -i testsrc2=size=90x160:rate=25:duration=1 H264"},
	{name: "mp4-90.mp4", from: "mp4-h264-alone.mp4", edit: matrix(0, 1, -1, 0)},
	{name: "mp4-180.mp4", from: "mp4-h264-aac.mp4", edit: matrix(-1, 0, 0, -1)},
	{name: "mp4-270.mp4", from: "mp4-h264-aac.mp4", edit: matrix(0, -1, 1, 0)},
	{name: "mp4-mirrored.mp4", from: "mp4-h264-alone.mp4", edit: matrix(-1, 0, 0, 1)},
	{name: "mp4-sar-16-15.mp4", args: "V -vf setsar=16/15 H264"},
	{name: "mp4-dar-16-9.mp4", args: "-f lavfi -i testsrc2=size=150x160:rate=25:duration=1 -vf setdar=16/9 H264"},
	{name: "mp4-dar-9-16.mp4", args: "-f lavfi -i testsrc2=size=160x150:rate=25:duration=1 -vf setdar=9/16 H264"},
	{name: "mp4-sar-8-9.mp4", args: "V -vf setsar=8/9 H264"},
	{name: "mp4-dar-90.mp4", from: "mp4-sar-8-9.mp4", edit: matrix(0, 1, -1, 0)},
	{name: "mp4-sar-in-stream.mp4", from: "mp4-sar-16-15.mp4", edit: rename("pasp", "free")},
	{name: "mp4-sar-hevc.mp4", args: "V -vf setsar=12/11 HEVC"},
	{name: "mp4-sar-hevc-in-stream.mp4", from: "mp4-sar-hevc.mp4", edit: rename("pasp", "free")},
	{name: "mp4-sar-tkhd.mp4", from: "mp4-hevc-hev1.mp4", edit: patches(rename("pasp", "free"), widen)},
	{name: "frag-keyframe.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe"},
	{name: "frag-empty-moov.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe+empty_moov"},
	{name: "frag-delay-moov.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe+delay_moov"},
	{name: "frag-base-moof.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe+empty_moov+default_base_moof"},
	{name: "frag-separate.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe+empty_moov+separate_moof"},
	{name: "frag-dash.mp4", args: "V+ H264 -g 25 -movflags dash+frag_keyframe+empty_moov"},
	{name: "frag-global-sidx.mp4", args: "V+ H264 -g 25 -movflags dash+global_sidx"},
	{name: "frag-sound.mp4", args: "A+ AAC -movflags empty_moov -frag_duration 500000"},
	{name: "frag-90s.mp4", args: "-f lavfi -i testsrc2=size=32x32:rate=5:duration=90 -f lavfi -i sine=sample_rate=8000:duration=90 H264 -g 25 -c:a aac -b:a 8k -movflags frag_keyframe+empty_moov"},
	{name: "frag-live.mp4", args: "V+ A+ H264 -g 25 AAC -movflags frag_keyframe+empty_moov"},
	{name: "frag-cut-off.mp4", from: "frag-empty-moov.mp4", edit: cut(3, 4)},
	{name: "mvhd-zero.mp4", from: "mp4-h264-aac.mp4", edit: patch("mvhd", 20, 0)},
	{name: "mvhd-ones.mp4", from: "mp4-h264-aac.mp4", edit: patch("mvhd", 20, 0xffffffff)},
	{name: "all-ones.mp4", from: "mp4-h264-aac.mp4", edit: patches(patch("mvhd", 20, 0xffffffff), patch("tkhd", 24, 0xffffffff), patch("mdhd", 20, 0xffffffff))},
	{name: "all-zero.mp4", from: "mp4-h264-aac.mp4", edit: patches(patch("mvhd", 20, 0), patch("tkhd", 24, 0), patch("mdhd", 20, 0))},
	{name: "m4a-aac.m4a", args: "A AAC"},
	{name: "m4a-alac.m4a", args: "-f lavfi -i sine=duration=0.5 -c:a alac"},
	{name: "m4a-cover-track.mp4", args: "A C -map 0:a -map 1:v -c:v mjpeg AAC"},
	{name: "m4a-cover-png-first.mov", args: "C A -map 0:v -map 1:a -c:v png AAC"},
	{name: "mov-h264-pcm.mov", args: "-f lavfi -i testsrc2=size=160x120:rate=25:duration=1 -f lavfi -i sine=sample_rate=8000:duration=1 H264 -c:a pcm_s16le"},
	{name: "mov-mjpeg.mov", args: "-f lavfi -i testsrc2=size=64x48:rate=10:duration=1 -c:v mjpeg -q:v 31 -pix_fmt yuvj420p"},
	{name: "mov-prores.mov", args: "-f lavfi -i testsrc2=size=64x48:rate=5:duration=1 -c:v prores"},
	{name: "mov-aac.mov", args: "V A H264 AAC"},
	{name: "mov-90.mov", from: "mov-aac.mov", edit: matrix(0, 1, -1, 0)},
	{name: "mov-mp3.mov", args: "A -c:a libmp3lame -b:a 32k"},
	{name: "mov-cover-first.mov", args: "C V A -map 0:v -map 1:v -map 2:a -c:v:0 mjpeg -c:v:1 libx264 -preset ultrafast -crf 45 -pix_fmt yuv420p AAC"},
	{name: "mov-timecode.mov", args: "V H264 -timecode 01:00:00:00"},
	{name: "3gp-h263-amr.3gp", args: "-f lavfi -i testsrc2=size=176x144:rate=25:duration=1 -f lavfi -i sine=sample_rate=8000:duration=1 -c:v h263 -q:v 20 -c:a libopencore_amrnb -ar 8000 -ac 1 -b:a 7.4k"},
	{name: "3gp-mpeg4-aac.3gp", args: "V A -c:v mpeg4 -q:v 20 AAC"},
	{name: "mkv-h264-aac.mkv", args: "V A H264 AAC"},
	{name: "mkv-hevc-opus.mkv", args: "V A HEVC -c:a libopus -b:a 24k"},
	{name: "mkv-mpeg4-mp3.mkv", args: "V A -c:v mpeg4 -q:v 20 -c:a libmp3lame -b:a 32k"},
	{name: "mkv-mpeg2-ac3.mkv", args: "V A -c:v mpeg2video -q:v 20 -c:a ac3 -b:a 64k"},
	{name: "mkv-flac.mkv", args: "-f lavfi -i sine=duration=0.5 -c:a flac"},
	{name: "mkv-pcm.mkv", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_s16le"},
	{name: "mkv-sar.mkv", args: "V -vf setsar=16/15 H264"},
	{name: "mkv-dar-16-9.mkv", args: "-f lavfi -i testsrc2=size=150x160:rate=25:duration=1 -vf setdar=16/9 -c:v mpeg4 -q:v 20"},
	{name: "mkv-variable.mkv", args: "V -vf select='not(eq(mod(n,7),3))' -vsync vfr H264"},
	{name: "mkv-29.97.mkv", args: "-f lavfi -i testsrc2=size=160x120:rate=30000/1001:duration=2 H264"},
	{name: "mkv-live.mkv", args: "V A H264 AAC -cluster_time_limit 500"},
	{name: "mkv-cut-off.mkv", from: "mkv-h264-aac.mkv", edit: cut(2, 3)},
	{name: "webm-vp8-vorbis.webm", args: "V A -c:v libvpx -b:v 40k -deadline realtime -cpu-used 8 -c:a libvorbis -b:a 48k -ac 2"},
	{name: "webm-vp9-opus.webm", args: "V A -c:v libvpx-vp9 -b:v 40k -deadline realtime -cpu-used 8 -c:a libopus -b:a 24k"},
	{name: "webm-av1.webm", args: "-f lavfi -i testsrc2=size=64x48:rate=5:duration=1 -c:v libaom-av1 -strict experimental -crf 60 -b:v 0 -cpu-used 8"},
	{name: "webm-opus.webm", args: "A -c:a libopus -b:a 24k"},
	{name: "webm-live.webm", args: "V -c:v libvpx -b:v 40k -deadline realtime -cpu-used 8"},
	{name: "ts-h264-aac.ts", args: "V A H264 AAC"},
	{name: "ts-hevc-aac.ts", args: "V A HEVC AAC"},
	{name: "ts-mpeg2-mp2.ts", args: "V A -c:v mpeg2video -q:v 20 -c:a mp2 -b:a 64k"},
	{name: "ts-h264-ac3.ts", args: "V A H264 -c:a ac3 -b:a 64k"},
	{name: "ts-bframes.ts", args: "V A -c:v libx264 -preset medium -crf 45 -pix_fmt yuv420p AAC"},
	{name: "ts-sound.ts", args: "A AAC"},
	{name: "ts-sar.ts", args: "V -vf setsar=16/15 H264"},
	{name: "ts-late.ts", args: "V A H264 AAC -output_ts_offset 1000"},
	{name: "ts-disc.m2t", args: "V A H264 AAC -mpegts_m2ts_mode 1 -f mpegts"},
	{name: "ts-wrap.ts", args: "V A H264 AAC -output_ts_offset 95441.5"},
	{name: "ts-cut-off.ts", from: "ts-h264-aac.ts", edit: cut(1, 2)},
	{name: "flv-h264-aac.flv", args: "V A H264 AAC"},
	{name: "flv-flv1-mp3.flv", args: "V A -c:v flv -q:v 20 -c:a libmp3lame -b:a 32k"},
	{name: "flv-sound.flv", args: "A AAC"},
	{name: "flv-sar.flv", args: "V -vf setsar=16/15 H264"},
	{name: "flv-live.flv", args: "V A H264 AAC -flvflags no_duration_filesize"},
	{name: "flv-cut-off.flv", from: "flv-live.flv", edit: cut(1, 2)},
	{name: "mp3-cbr.mp3", args: "A -c:a libmp3lame -b:a 32k"},
	{name: "mp3-vbr.mp3", args: "A -c:a libmp3lame -q:a 9"},
	{name: "mp3-no-xing.mp3", args: "A -c:a libmp3lame -b:a 32k -write_xing 0"},
	{name: "mp3-22050.mp3", args: "A -c:a libmp3lame -b:a 16k -ar 22050"},
	{name: "mp3-stereo.mp3", args: "A -c:a libmp3lame -b:a 48k -ac 2"},
	{name: "mp3-cover.mp3", args: "A C -map 0:a -map 1:v -c:a libmp3lame -b:a 32k -c:v mjpeg -id3v2_version 3"},
	{name: "wav-s16.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_s16le"},
	{name: "wav-s24.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_s24le -ac 2"},
	{name: "wav-float.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_f32le"},
	{name: "wav-u8.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_u8"},
	{name: "wav-mulaw.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_mulaw"},
	{name: "wav-adpcm.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a adpcm_ima_wav"},
	{name: "wav-rf64.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_s16le -rf64 always"},
	{name: "wav-live.wav", args: "-f lavfi -i sine=sample_rate=8000:duration=1 -c:a pcm_s16le"},
	{name: "aac-mono.aac", args: "A AAC"},
	{name: "aac-stereo-22050.aac", args: "A -c:a aac -b:a 32k -ac 2 -ar 22050"},
	{name: "gif-animated.gif", args: "-f lavfi -i testsrc2=size=64x48:rate=10:duration=1"},
	{name: "cut-off.mp4", from: "mp4-faststart.mp4", edit: cut(2, 3)},
	{name: "no-index.mp4", from: "mp4-h264-aac.mp4", edit: cut(1, 2)},
	{name: "garbage-behind.mp4", from: "mp4-h264-aac.mp4", edit: func(_ *testing.T, b []byte) []byte {
		return append(b, strings.Repeat("garbage!", 100)...)
	}},
	{name: "nothing.mp4", from: "mp4-h264-aac.mp4", edit: func(*testing.T, []byte) []byte { return nil }},
	{name: "text.mp4", from: "mp4-h264-aac.mp4", edit: func(*testing.T, []byte) []byte { return []byte(strings.Repeat("this is no video\n", 20)) }},
}

// rename changes the name of every box of a kind.
func rename(from, to string) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		require.Contains(t, string(b), from)
		return []byte(strings.ReplaceAll(string(b), from, to))
	}
}

// patch writes a number into every box of a kind, counted from its name.
func patch(box string, at int, v uint32) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		require.Contains(t, string(b), box)
		for from := 0; ; {
			n := strings.Index(string(b[from:]), box)
			if n < 0 {
				return b
			}
			from += n + 4
			binary.BigEndian.PutUint32(b[from-4+at:], v)
		}
	}
}

func patches(all ...func(*testing.T, []byte) []byte) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		for _, one := range all {
			b = one(t, b)
		}
		return b
	}
}

// widen has the track header show 160x120 as 320x120.
func widen(t *testing.T, b []byte) []byte { return patch("tkhd", 80, 320<<16)(t, b) }

// matrix writes a turn into every track header, as a phone held otherwise does.
func matrix(a, b, c, d int32) func(*testing.T, []byte) []byte {
	var all []func(*testing.T, []byte) []byte
	for i, v := range []int32{a, b, 0, c, d} {
		all = append(all, patch("tkhd", 44+4*i, uint32(v<<16)))
	}
	return patches(all...)
}

// cut keeps a part of the file.
func cut(n, of int) func(*testing.T, []byte) []byte {
	return func(_ *testing.T, b []byte) []byte { return b[:len(b)*n/of] }
}

// differences are the fields in which this package and ffprobe differ, with the reason.
var differences = map[string]difference{
	"aac-mono.aac":               {"0.bitrate 0.duration bitrate duration", "ours counts all frames, ffprobe estimates by the first ones"},
	"all-ones.mp4":               {"0.duration 1.duration", "ours from edit list and samples, ffprobe says 0"},
	"all-zero.mp4":               {"0.duration 1.duration", "ours from edit list and samples, ffprobe says 0"},
	"flv-live.flv":               {"bitrate duration", "ours to the latest picture or sound, ffprobe to the last tag in the file"},
	"frag-dash.mp4":              {"0.bitrate", "ours of all fragments, ffprobe of those it has looked at"},
	"frag-global-sidx.mp4":       {"0.bitrate", "ours of all fragments, ffprobe of those it has looked at"},
	"frag-keyframe.mp4":          {"0.frames 1.frames", "ours of all fragments, ffprobe of the index only"},
	"mkv-mpeg2-ac3.mkv":          {"1.bitrate", inFrames},
	"mkv-mpeg4-mp3.mkv":          {"1.bitrate", inFrames},
	"mp4-sar-hevc-in-stream.mp4": {"0.dar 0.sar", "ours from the stream, ffprobe from the track header's width, which is rounded"},
	"mp4-sar-in-stream.mp4":      {"0.dar 0.sar", "ours from the stream, ffprobe from the track header's width, which is rounded"},
	"ts-bframes.ts":              lastFrame,
	"ts-cut-off.ts":              {"1.bitrate 1.duration", "the file ends inside the sound: ours counts what is there, ffprobe one frame"},
	"ts-disc.m2t":                lastFrame,
	"ts-h264-aac.ts":             lastFrame,
	"ts-hevc-aac.ts":             lastFrame,
	"ts-late.ts":                 lastFrame,
	"ts-mpeg2-mp2.ts":            {"1.duration", "ours counts the frames of the last packet, ffprobe one of them"},
	"ts-sound.ts":                {"0.bitrate 0.duration bitrate duration", lastFrame.why},
	"ts-wrap.ts":                 lastFrame,
}

type difference struct{ fields, why string }

const inFrames = "only the frames of the sound say it, and ours reads the container"

// A sound of 2 s is 88 frames of 1024 samples and 2.0434 s long.
var lastFrame = difference{"1.bitrate 1.duration bitrate duration", "ours counts the last frame of the sound, ffprobe leaves it out; the bit rate is in the frames"}
