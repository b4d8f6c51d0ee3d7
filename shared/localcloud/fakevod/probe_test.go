package fakevod_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// The wanted values are what ffprobe says of these files: testdata/media/README.md.
func TestProbeEqualsFfprobe(t *testing.T) {
	tests := map[string]fakevod.Media{
		"landscape.mp4": {Format: "mp4", Size: 151626, Duration: 6, Bitrate: 202.168, Width: 640, Height: 360, FPS: 25, Tracks: []fakevod.Track{
			{Kind: "video", Codec: "h264", Tag: "avc1", Profile: "High", Level: 30, Width: 640, Height: 360, FPS: 25, Timescale: 12800, Duration: 6, Bitrate: 161046, Frames: 150, Language: "und"},
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 6, Bitrate: 32459, Frames: 260, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"portrait.mp4": {Format: "mp4", Size: 103829, Duration: 5, Bitrate: 166.1264, Width: 480, Height: 270, FPS: 30, Rotation: 90, Tracks: []fakevod.Track{
			{Kind: "video", Codec: "h264", Tag: "avc1", Profile: "High", Level: 21, Width: 480, Height: 270, FPS: 30, Rotation: 90, Timescale: 15360, Duration: 5, Bitrate: 122854, Frames: 150, Language: "und"},
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 5, Bitrate: 32194, Frames: 217, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"audio-only.m4a": {Format: "mp4", Size: 34580, Duration: 8, Bitrate: 34.58, Tracks: []fakevod.Track{
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 8, Bitrate: 32295, Frames: 346, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"quicktime.mov": {Format: "mov", Size: 0},
	}
	total := 0
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "quicktime.mov" { // the same film under QuickTime's brand
				body := media(t, "landscape.mp4")
				copy(body[8:12], "qt  ")
				m, err := fakevod.Probe(bytes.NewReader(body))
				require.NoError(t, err)
				require.Equal(t, "mov", m.Format)
				require.Equal(t, 640, m.Width)
				return
			}
			body := media(t, name)
			total += len(body)
			m, err := fakevod.Probe(bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, want, m)
		})
	}
	cover := media(t, "cover.jpg")
	w, h, format, err := fakevod.ProbeImage(bytes.NewReader(cover))
	require.NoError(t, err)
	require.Equal(t, []any{640, 360, "jpeg"}, []any{w, h, format})
	require.Less(t, total+len(cover), 300<<10, "the media together")
}

func TestProbeSurvivesForgedTables(t *testing.T) {
	body := media(t, "landscape.mp4")
	for _, box := range []string{"stts", "stsz", "stsd", "mvhd", "tkhd", "mdhd", "hdlr", "moov", "trak", "esds", "avcC"} {
		at := bytes.Index(body, []byte(box))
		require.Positive(t, at, box)
		for _, off := range []int{-4, 4, 8, 12, 16} {
			forged := bytes.Clone(body)
			copy(forged[at+off:], "\xff\xff\xff\xff")
			_, err := fakevod.Probe(bytes.NewReader(forged)) // any answer, no crash
			if err != nil {
				require.ErrorIs(t, err, fakevod.ErrUnreadable)
			}
		}
	}
	for n := 0; n < len(body); n += 997 {
		_, _ = fakevod.Probe(bytes.NewReader(body[:n]))
	}
}

func TestProbeReadsFromAFile(t *testing.T) {
	f, err := os.Open("../../../testdata/media/portrait.mp4")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	m, err := fakevod.Probe(f)
	require.NoError(t, err)
	require.Equal(t, 90, m.Rotation)
}
