package probe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/probe"
)

// The wanted values are what ffprobe says of these files: testdata/media/README.md.
func TestProbeEqualsFfprobe(t *testing.T) {
	tests := map[string]probe.Media{
		"landscape.mp4": {Format: "mp4", Size: 151626, Duration: 6, Bitrate: 202.168, Width: 640, Height: 360, Sar: "1:1", Dar: "16:9", FPS: 25, Tracks: []probe.Track{
			{Kind: "video", Codec: "h264", Tag: "avc1", Profile: "High", Level: 30, Width: 640, Height: 360, Sar: "1:1", Dar: "16:9", FPS: 25, Timescale: 12800, Duration: 6, Bitrate: 161046, Frames: 150, Language: "und"},
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 6, Bitrate: 32459, Frames: 260, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"portrait.mp4": {Format: "mp4", Size: 103829, Duration: 5, Bitrate: 166.1264, Width: 480, Height: 270, Sar: "1:1", Dar: "16:9", FPS: 30, Rotation: 90, Tracks: []probe.Track{
			{Kind: "video", Codec: "h264", Tag: "avc1", Profile: "High", Level: 21, Width: 480, Height: 270, Sar: "1:1", Dar: "16:9", FPS: 30, Rotation: 90, Timescale: 15360, Duration: 5, Bitrate: 122854, Frames: 150, Language: "und"},
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 5, Bitrate: 32194, Frames: 217, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"audio-only.m4a": {Format: "mp4", Size: 34580, Duration: 8, Bitrate: 34.58, Tracks: []probe.Track{
			{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: 8, Bitrate: 32295, Frames: 346, SampleRate: 44100, Channels: 1, Language: "und"}}},
		"quicktime.mov": {Format: "mov", Size: 0},
	}
	total := 0
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "quicktime.mov" { // the same film under QuickTime's brand
				body := media(t, "landscape.mp4")
				copy(body[8:12], "qt  ")
				m, err := probe.Read(bytes.NewReader(body))
				require.NoError(t, err)
				require.Equal(t, "mov", m.Format)
				require.Equal(t, 640, m.Width)
				return
			}
			body := media(t, name)
			total += len(body)
			m, err := probe.Read(bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, want, m)
		})
	}
	cover := media(t, "cover.jpg")
	p, err := probe.ReadPicture(bytes.NewReader(cover))
	require.NoError(t, err)
	require.Equal(t, probe.Picture{Format: "jpeg", Width: 640, Height: 360, Orientation: 1}, p)
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
			_, err := probe.Read(bytes.NewReader(forged)) // any answer, no crash
			if err != nil {
				require.ErrorIs(t, err, probe.ErrUnreadable)
			}
		}
	}
	for n := 0; n < len(body); n += 997 {
		_, _ = probe.Read(bytes.NewReader(body[:n]))
	}
}

func TestProbeReadsFromAFile(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "media", "portrait.mp4"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	m, err := probe.Read(f)
	require.NoError(t, err)
	require.Equal(t, 90, m.Rotation)
}

func media(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "media", name))
	require.NoError(t, err)
	return body
}
