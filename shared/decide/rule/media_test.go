package rule_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

func TestTheKindIsToldByThePartsOfTheFile(t *testing.T) {
	for _, c := range []struct {
		source video.Source
		want   string
	}{
		{video.Source{Width: 1, Height: 1}, "video"},
		{video.Source{Width: 5}, ""},
		{video.Source{Height: 5}, ""},
		{video.Source{VideoCodec: "h264"}, "video"},
		{video.Source{AudioCodec: "aac", Duration: time.Minute}, "audio"},
		{video.Source{AudioCodec: "aac"}, ""},
		{video.Source{Duration: time.Minute}, ""},
		{video.Source{AudioCodec: "aac", Duration: time.Minute, FPS: 25}, ""},
		{video.Source{AudioCodec: "aac", Duration: time.Minute, Width: 5}, ""},
		{video.Source{AudioCodec: "aac", Duration: time.Minute, Height: 5}, ""},
		{video.Source{AudioCodec: "aac", Duration: time.Minute, Width: 5, Height: 5}, "video"},
	} {
		f := rule.FactsOf(video.Media{Source: &c.source}, at)
		require.Equal(t, c.want, f.Kind, c.source)
		_, known := rule.Value(&f, "kind")
		require.Equal(t, c.want != "", known)
	}
}

func TestTheShapeIsAsShown(t *testing.T) {
	for _, c := range []struct {
		width, height, turned, short int
		want                         string
	}{
		{1920, 1080, 0, 1080, "landscape"}, {1920, 1080, 90, 1080, "portrait"}, {1920, 1080, 180, 1080, "landscape"}, {1920, 1080, -90, 1080, "portrait"},
		{500, 500, 0, 500, "square"}, {0, 500, 0, 0, ""}, {500, 0, 0, 0, ""},
	} {
		f := rule.FactsOf(video.Media{Source: &video.Source{Width: c.width, Height: c.height, Rotation: c.turned}}, at)
		require.Equal(t, c.want, f.Orientation, c)
		require.Equal(t, c.short, f.Short, c)
	}
}

func TestStretchedPixelsDecideTheOrientation(t *testing.T) {
	for _, c := range []struct {
		width, height, turned int
		aspect                float64
		want                  string
	}{
		{600, 640, 0, 16. / 9, "landscape"}, {600, 640, 90, 16. / 9, "portrait"}, {640, 600, 0, 9. / 16, "portrait"}, {640, 600, -90, 9. / 16, "landscape"},
		{600, 640, 0, 1, "square"}, {600, 640, 90, 1, "square"}, {600, 640, 0, 0, "portrait"}, {600, 640, 0, -1, ""}, {600, 640, 90, -1, ""},
		{0, 640, 0, 16. / 9, ""}, {600, 0, 0, 16. / 9, ""},
	} {
		f := rule.FactsOf(video.Media{Source: &video.Source{Width: c.width, Height: c.height, Rotation: c.turned, Aspect: c.aspect}}, at)
		require.Equal(t, c.want, f.Orientation, c)
		require.Equal(t, min(c.width, c.height), f.Short, "pixels as stored: %v", c)
	}
}

func TestTheStorageClassIsTheMediasOrItsSources(t *testing.T) {
	m := video.Media{Source: &video.Source{StorageClass: "IA"}}
	require.Equal(t, "IA", rule.FactsOf(m, at).Storage)
	m.StorageClass = "Archive"
	require.Equal(t, "Archive", rule.FactsOf(m, at).Storage)
}

func TestASoundHasNoPictureWhateverItsFileSays(t *testing.T) {
	m := full()
	m.Kind = video.KindAudio
	f := rule.FactsOf(m, at)
	for _, name := range []string{"width", "height", "short_side", "orientation", "fps", "streams[0].width", "streams[0].height", "streams[0].fps"} {
		require.NotContains(t, rule.Known(&f), name)
		require.NotContains(t, rule.Missing(&f), name)
	}
	require.Equal(t, []float64{0, 0, 0}, []float64{float64(f.Width), float64(f.Height), f.FPS})
	require.Equal(t, []float64{0, 0, 0}, []float64{float64(f.Streams[0].Width), float64(f.Streams[0].Height), f.Streams[0].FPS})
	require.Equal(t, "aac", f.Codec)
	require.Equal(t, []float64{10, 9}, []float64{f.Streams[0].AgeDays, f.Streams[1].AgeDays})
}

func TestTheShapeOfASourceThatIsGoneIsItsLargestStreams(t *testing.T) {
	large, small := video.Stream{Codec: "h264", Width: 1080, Height: 1920, FPS: 30, Bitrate: 5}, video.Stream{Codec: "hevc", Width: 360, Height: 640}
	twin, sound := video.Stream{Codec: "av1", Width: 1920, Height: 1080}, video.Stream{Kind: "audio", Codec: "aac"}
	wide, tall := video.Stream{Width: 4000}, video.Stream{Height: 4000}
	for name, c := range map[string]struct {
		streams []video.Stream
		width   int
		codec   string
	}{
		"one":                 {[]video.Stream{large}, 1080, "h264"},
		"large first":         {[]video.Stream{large, small}, 1080, "h264"},
		"small first":         {[]video.Stream{small, large}, 1080, "h264"},
		"a sound among them":  {[]video.Stream{sound, small, sound}, 360, "hevc"},
		"the first of equals": {[]video.Stream{small, large, twin}, 1080, "h264"},
		"a width alone":       {[]video.Stream{large, wide}, 0, ""},
		"a height alone":      {[]video.Stream{tall, large}, 0, ""},
		"nothing but sound":   {[]video.Stream{sound}, 0, ""},
		"nothing":             {[]video.Stream{}, 0, ""},
	} {
		f := rule.FactsOf(video.Media{Source: &video.Source{Status: "Deleted"}, Streams: c.streams}, at)
		require.Equal(t, c.width, f.Width, name)
		require.Equal(t, c.codec, f.Codec, name)
		want := ""
		if c.width > 0 {
			want = "video"
		}
		require.Equal(t, want, f.Kind, name)
	}
	f := rule.FactsOf(video.Media{Source: &video.Source{Width: 7, Height: 8}, Streams: []video.Stream{large}}, at)
	require.Equal(t, 7, f.Width, "a source that is there has its own")
}

func TestBytesAreTheSumOfWhatIsThere(t *testing.T) {
	there, gone := &video.Source{Status: "Normal", Size: 100}, &video.Source{Status: "Deleted", Size: 100}
	for name, c := range map[string]struct {
		source  *video.Source
		streams []video.Stream
		want    int // -1: unknown
	}{
		"source and streams":     {there, []video.Stream{{Size: 5}, {Size: 7}}, 112},
		"OD is the source":       {there, []video.Stream{{Size: 5}, {Size: 100, Definition: "OD"}}, 105},
		"OD of unknown size":     {there, []video.Stream{{Definition: "OD"}, {Size: 5}}, 105},
		"no streams":             {there, []video.Stream{}, 100},
		"streams not told":       {there, nil, -1},
		"a stream of no size":    {there, []video.Stream{{Size: 5}, {}}, -1},
		"first of no size":       {there, []video.Stream{{}, {Size: 5}}, -1},
		"a source of no size":    {&video.Source{Status: "Normal"}, []video.Stream{{Size: 5}}, -1},
		"a source that is gone":  {gone, []video.Stream{{Size: 5}}, 5},
		"gone, no streams":       {gone, []video.Stream{}, 0},
		"gone, streams not told": {gone, nil, -1},
		"more than can be":       {there, []video.Stream{{Size: math.MaxInt64}, {Size: 5}}, -1},
	} {
		f := rule.FactsOf(video.Media{Source: c.source, Streams: c.streams}, at)
		v, known := rule.Value(&f, "bytes")
		require.Equal(t, c.want >= 0, known, name)
		require.Equal(t, max(c.want, 0), v, name)
	}
	for size, known := range map[int64]bool{-1: false, 0: false, 1: true} {
		f := rule.FactsOfImage(video.Image{ID: "i1", Size: size}, at)
		_, is := rule.Value(&f, "bytes")
		require.Equal(t, known, is)
	}
}

func TestLabelsAndACategoryMayBeToldLater(t *testing.T) {
	f := rule.FactsOfImage(video.Image{ID: "i1"}, at)
	require.False(t, rule.Applies(&f, "labels"))
	require.False(t, rule.Applies(&f, "nonsense"))
	rule.Labelled(&f, []string{"cat"})
	require.True(t, rule.Applies(&f, "labels"))
	require.Contains(t, rule.Known(&f), "labels")
	require.Equal(t, []string{"cat"}, f.Labels)
	f = rule.FactsOf(video.Media{Video: video.Video{ID: "a1"}}, at)
	require.Contains(t, rule.Missing(&f), "labels")
	rule.Labelled(&f, nil)
	require.NotContains(t, rule.Missing(&f), "labels")

	rule.Without(&f, "category_id")
	for _, c := range []struct {
		id    int64
		name  string
		known bool
	}{{7, "", false}, {7, "Films", true}, {0, "", true}} {
		rule.InCategory(&f, c.id, c.name)
		require.Equal(t, c.known, !slices.Contains(rule.Missing(&f), "category"))
		require.NotContains(t, rule.Missing(&f), "category_id")
		require.Equal(t, int(c.id), f.CategoryID)
		require.Equal(t, c.name, f.Category)
	}
}

func TestForgettingTakesTheValueToo(t *testing.T) {
	f := fullFacts()
	for _, name := range []string{"streams[x].height", "streams[-1].height", "streams[2].height", "streams[0]", "streams[0].", "streams[0].titel"} {
		require.False(t, rule.Without(&f, name), name)
	}
	require.Equal(t, fullFacts(), f)
	require.True(t, rule.Without(&f, "streams[1].height"))
	require.Zero(t, f.Streams[1].Height)
	require.Equal(t, 360, f.Streams[0].Height)
	_, known := rule.Value(&f, "nonsense")
	require.False(t, known)
	require.True(t, rule.Without(&f, "streams"))
	require.False(t, rule.Without(&f, "streams[0].height"), "there are no streams any more")
}
