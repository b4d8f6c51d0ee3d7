package rule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

func TestASampleIsTheMediaItDescribes(t *testing.T) {
	days := func(n float64) *float64 { return &n }
	s := rule.Sample{
		ID: "a1", Kind: "video", Title: "t", FileName: "f.mp4", Description: "d", Category: "Films", CategoryID: 7, Tags: []string{"x"}, Status: "Normal",
		Origin: "general", UserData: "u", Storage: "IA", Labels: []string{"cat"}, Duration: 1.5, Size: 10, Width: 640, Height: 360, FPS: 25, Bitrate: 9, Codec: "h264",
		AgeDays: days(30), IdleDays: days(0.5), SourceStatus: "Deleted", Snapshots: []string{"s"},
		Streams: []rule.SampleStream{{Job: "j", Definition: "LD", Format: "mp4", Codec: "h264", Status: "Normal", Width: 1, Height: 2, Size: 3, Bitrate: 4, FPS: 5, AgeDays: days(1), Encrypted: true, Kind: "video", Duration: 6}},
	}
	created, modified := rule.SampleTime.AddDate(0, 0, -30), rule.SampleTime.Add(-12*time.Hour)
	require.Equal(t, video.Media{
		Video: video.Video{
			ID: "a1", Kind: video.KindVideo, Title: "t", Description: "d", Tags: []string{"x"}, Category: 7, CategoryName: "Films", Status: video.StatusNormal, Origin: "general",
			UserData: "u", StorageClass: "IA", Snapshots: []string{"s"}, Created: created, Modified: modified, Size: 10, Duration: 1500 * time.Millisecond,
		},
		Source: &video.Source{
			Status: "Deleted", FileName: "f.mp4", Size: 10, Duration: 1500 * time.Millisecond, Width: 640, Height: 360, FPS: 25, Bitrate: 9,
			VideoCodec: "h264", AudioCodec: "h264", Created: created,
		},
		Streams: []video.Stream{{
			Job: "j", Definition: "LD", Format: "mp4", Codec: "h264", Status: "Normal", Width: 1, Height: 2, Size: 3, Bitrate: 4, FPS: 5,
			Created: rule.SampleTime.AddDate(0, 0, -1), Encrypted: true, Kind: "video", Duration: 6 * time.Second,
		}},
	}, s.Media())
	f := s.Facts()
	require.Equal(t, []string{"cat"}, f.Labels)
	require.Contains(t, rule.Known(&f), "labels")
	require.True(t, f.Now.Equal(rule.SampleTime))
}

func TestWhatASampleLeavesOutIsNotKnown(t *testing.T) {
	m := rule.Sample{}.Media()
	require.Equal(t, video.Media{Video: video.Video{ID: "sample"}}, m)
	f := rule.Sample{}.Facts()
	for _, name := range []string{"kind", "duration", "streams", "labels", "uploaded", "size"} {
		require.Contains(t, rule.Missing(&f), name)
	}
	require.NotNil(t, rule.Sample{Streams: []rule.SampleStream{}}.Media().Streams, "none is not the same as not told")
	for name, s := range map[string]rule.Sample{
		"file name": {FileName: "f"}, "width": {Width: 1}, "duration": {Duration: 1}, "size": {Size: 1}, "fps": {FPS: 1}, "codec": {Codec: "h264"}, "source": {SourceStatus: "Normal"},
	} {
		require.NotNil(t, s.Media().Source, name)
		require.Equal(t, "Normal", s.Media().Source.Status)
	}
	require.Nil(t, rule.Sample{Title: "t", Tags: []string{"x"}}.Media().Source)
	require.Equal(t, int64(1), rule.Sample{Category: "Films"}.Media().Category, "a named category has an id")
	require.Equal(t, int64(1), rule.Sample{Category: "Films"}.Image().Category)
	require.Equal(t, int64(0), rule.Sample{}.Image().Category)
	require.Equal(t, int64(7), rule.Sample{CategoryID: 7}.Image().Category)
}

func TestASampleOfAnImageIsAnImage(t *testing.T) {
	days := 30.0
	s := rule.Sample{ID: "i1", Kind: "image", Title: "t", Description: "d", Tags: []string{"x"}, Category: "Covers", CategoryID: 3, Status: "Normal", FileName: "f.png",
		Size: 10, Width: 20, Height: 30, AgeDays: &days, IdleDays: &days}
	created := rule.SampleTime.AddDate(0, 0, -30)
	require.Equal(t, video.Image{
		ID: "i1", Title: "t", Description: "d", Tags: []string{"x"}, Category: 3, CategoryName: "Covers", Status: "Normal", FileName: "f.png", Size: 10, Width: 20, Height: 30,
		Created: created, Modified: created,
	}, s.Image())
	f := s.Facts()
	require.Equal(t, "image", f.Kind)
	require.False(t, rule.Applies(&f, "duration"))
	require.Equal(t, "portrait", f.Orientation)
}
