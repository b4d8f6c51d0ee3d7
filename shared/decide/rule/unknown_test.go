package rule_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// told knows everything but the source's duration, frame rate and bit rate, and of its
// second stream the height and the size.
func told() rule.Facts {
	m := upright()
	m.Kind, m.Source.Duration, m.Source.FPS, m.Source.Bitrate = video.KindVideo, 0, 0, 0
	m.Streams = []video.Stream{
		{Job: "j1", Definition: "LD", Status: "Normal", Width: 640, Height: 360, Size: 1000, Created: at.AddDate(0, 0, -10)},
		{Job: "j2", Definition: "SD", Status: "Normal", Width: 854, Created: at.AddDate(0, 0, -10)},
	}
	return rule.FactsOf(m, at)
}

func ask(t *testing.T, text string, f rule.Facts) (rule.Truth, string) {
	t.Helper()
	p, err := rule.Compile(text)
	require.NoError(t, err, text)
	truth, missing, err := p.Ask(&f)
	require.NoError(t, err, text)
	require.True(t, truth == rule.Unknown || missing == nil, text)
	return truth, strings.Join(missing, ", ")
}

func TestWhatEachOperatorMakesOfTheUnknown(t *testing.T) {
	const no, yes = "no", "yes"
	for text, want := range map[string]string{
		`duration > 30`:                                     "duration",
		`duration == 0`:                                     "duration",
		`duration != 5`:                                     "duration",
		`not (duration > 30)`:                               "duration",
		`duration > 30 and fps > 1`:                         "duration, fps",
		`duration > 30 and title == "Other"`:                no,
		`title == "Other" and duration > 30`:                no,
		`duration > 30 or title startsWith "Summer"`:        yes,
		`duration > 30 ? true : true`:                       yes,
		`duration > 30 ? true : false`:                      "duration",
		`duration in [1, 2]`:                                "duration",
		`1080 in [duration, width]`:                         yes,
		`7 in [duration, width]`:                            "duration",
		`let d = duration; d > 3 or width == 1080`:          yes,
		`let d = duration; d > 3`:                           "duration",
		`max(duration, 5) >= 5`:                             "duration",
		`string(duration) == ""`:                            "duration",
		`int(duration) == 0`:                                "duration",
		`days(duration) < days(1)`:                          "duration",
		`duration * 0 == 0`:                                 "duration",
		`size / (duration + 1) < 1`:                         "duration",
		`mentions(title, "summer", string(fps))`:            yes,
		`mentions(title, "winter", string(fps))`:            "fps",
		`all(streams, .height < 480)`:                       "streams[1].height",
		`all(streams, .height < 300)`:                       no,
		`any(streams, .height < 480)`:                       yes,
		`any(streams, .height > 480)`:                       "streams[1].height",
		`none(streams, .height > 480)`:                      "streams[1].height",
		`none(streams, .height < 480)`:                      no,
		`one(streams, .height < 480)`:                       "streams[1].height",
		`one(streams, .definition == "LD")`:                 yes,
		`count(streams, .height < 480) >= 1`:                "streams[1].height",
		`sum(streams, .size) < 5000`:                        "streams[1].size",
		`min(map(streams, .height)) < 480`:                  "streams[1].height",
		`len(filter(streams, .height < 480)) == 1`:          "streams[1].height",
		`len(map(streams, .height)) == 2`:                   yes,
		`len(streams) == 2`:                                 yes,
		`streams[1].height < 480`:                           "streams[1].height",
		`streams[0].height < 480`:                           yes,
		`360 in map(streams, .height)`:                      yes,
		`480 in map(streams, .height)`:                      "streams[1].height",
		`all(streams, .height < 480 or .width > 0)`:         yes,
		`all(streams, .height < 480 and .width > duration)`: "duration, streams[1].height",
		`bytes > 0`:                                                  "bytes",
		`size / (width - width) > 1`:                                 "division by zero",
		`size % (width - width) == 0`:                                "division by zero",
		`not (size / (width - width) > 1)`:                           "division by zero",
		`size * size * size * size > 0`:                              "overflow",
		`(0.0 - size) ** 0.5 < 1`:                                    "no finite number",
		`size > 1 / (width - width) or width == 1080`:                yes,
		`all(filter(streams, .definition == "4K"), .height > 0)`:     "streams (none)",
		`not any(filter(streams, .definition == "4K"), .height > 0)`: "streams (none)",
		`all(filter(tags, # == "x"), # == "y")`:                      "list (none)",
	} {
		t.Run(text, func(t *testing.T) {
			truth, missing := ask(t, text, told())
			switch want {
			case no, yes:
				require.Equal(t, want, truth.String(), missing)
			default:
				require.Equal(t, rule.Unknown, truth)
				require.Equal(t, want, missing)
			}
		})
	}
}

// An asset of which no stream is told has no small streams, no old ones and none without
// sound: nothing may go for what its streams are not.
func TestNothingFollowsFromStreamsThatAreNotThere(t *testing.T) {
	m := upright()
	m.Streams = []video.Stream{}
	f := rule.FactsOf(m, at)
	for _, text := range []string{
		`all(streams, .height < 480)`, `none(streams, .height >= 720)`, `not any(streams, .height >= 720)`, `one(streams, true)`,
		`count(streams, .height >= 720) == 0`, `len(filter(streams, .height >= 720)) == 0`, `sum(streams, .size) == 0`,
		`sum(map(streams, .size)) == 0`, `all(tags[1:], # == "x")`,
	} {
		truth, missing := ask(t, text, f)
		require.Equal(t, rule.Unknown, truth, text)
		require.Contains(t, missing, "(none)", text)
	}
	truth, _ := ask(t, `len(streams) == 0`, f)
	require.Equal(t, rule.Yes, truth, "unless they are asked for themselves")
	truth, _ = ask(t, `none(tags, # startsWith "keep")`, f)
	require.Equal(t, rule.Yes, truth)
	f.Tags = nil
	for text, want := range map[string]rule.Truth{
		`all(tags, # == "old")`: rule.Unknown, `any(tags, # == "old")`: rule.No, `none(tags, # == "old")`: rule.Yes,
		`len(tags) == 0`: rule.Yes, `"a" in tags`: rule.No, `count(tags, true) == 0`: rule.Yes,
	} {
		truth, _ := ask(t, text, f)
		require.Equal(t, want, truth, text)
	}
}

func TestWhatVODLeavesAtZeroIsNotKnown(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	for name, change := range map[string]func(*video.Media){
		"duration":              func(m *video.Media) { m.Source.Duration = 0 },
		"size":                  func(m *video.Media) { m.Source.Size = 0 },
		"height":                func(m *video.Media) { m.Source.Width = 0 }, // a quarter turn
		"orientation":           func(m *video.Media) { m.Source.Width = 0 },
		"short_side":            func(m *video.Media) { m.Source.Height = -1 },
		"fps":                   func(m *video.Media) { m.Source.FPS = 0 },
		"bitrate":               func(m *video.Media) { m.Source.Bitrate = -3 },
		"codec":                 func(m *video.Media) { m.Source.VideoCodec = "" },
		"file_name":             func(m *video.Media) { m.Source.Status = "Deleted" },
		"source_gone":           func(m *video.Media) { m.Source = nil },
		"kind":                  func(m *video.Media) { m.Kind, m.Source = "", nil },
		"status":                func(m *video.Media) { m.Status = "" },
		"uploaded":              func(m *video.Media) { m.Created = epoch },
		"age_days":              func(m *video.Media) { m.Created = at.Add(time.Hour) },
		"idle_days":             func(m *video.Media) { m.Modified = epoch },
		"streams":               func(m *video.Media) { m.Streams = nil },
		"bytes":                 func(m *video.Media) { m.Streams[0].Size = 0 },
		"category":              func(m *video.Media) { m.Category = 7 },
		"streams[0].height":     func(m *video.Media) { m.Streams[0].Height = 0 },
		"streams[0].job":        func(m *video.Media) { m.Streams[0].Job = "" },
		"streams[0].definition": func(m *video.Media) { m.Streams[0].Definition = "" },
		"streams[0].format":     func(m *video.Media) { m.Streams[0].Format = "" },
		"id":                    func(m *video.Media) { m.ID = "" },
		"origin":                func(m *video.Media) { m.Origin = "" },
		"storage":               func(m *video.Media) { m.StorageClass = "" },
		"modified":              func(m *video.Media) { m.Modified = time.Time{} },
		"streams[0].size":       func(m *video.Media) { m.Streams[0].Size = 0 },
		"streams[0].bitrate":    func(m *video.Media) { m.Streams[0].Bitrate = 0 },
		"streams[0].fps":        func(m *video.Media) { m.Streams[0].FPS = 0 },
		"streams[0].codec":      func(m *video.Media) { m.Streams[0].Codec = "" },
		"streams[0].status":     func(m *video.Media) { m.Streams[0].Status = "" },
		"streams[0].age_days":   func(m *video.Media) { m.Streams[0].Created = epoch },
		"streams[0].width":      func(m *video.Media) { m.Streams[0].Kind = "audio" },
		"width":                 func(m *video.Media) { m.Kind = video.KindAudio; m.Source.Width = 500 },
	} {
		m := upright()
		m.Kind, m.Modified = video.KindVideo, at.AddDate(0, 0, -3)
		m.Origin, m.StorageClass = "general", "Standard"
		m.Streams = []video.Stream{{Job: "j", Definition: "LD", Format: "mp4", Codec: "h264", Status: "Normal", Width: 360, Height: 640,
			Size: 5, Bitrate: 1, FPS: 25, Created: at.AddDate(0, 0, -1)}}
		f := rule.FactsOf(m, at)
		require.Contains(t, rule.Known(&f), name)
		change(&m)
		f = rule.FactsOf(m, at)
		require.NotContains(t, rule.Known(&f), name)
		require.False(t, rule.Without(&f, name), name)
	}
}

func TestEmptyTextThatMayBeEmptyIsKnown(t *testing.T) {
	f := rule.FactsOf(video.Media{Video: video.Video{ID: "a1"}}, at)
	for _, text := range []string{`title == ""`, `description == ""`, `user_data == ""`, `len(tags) == 0`, `category == "" and category_id == 0`} {
		truth, _ := ask(t, text, f)
		require.Equal(t, rule.Yes, truth, text)
	}
}

// A podcast has no picture to be too small, an image no duration to be too short.
func TestWhatDoesNotApplyNeitherRemovesNorWaits(t *testing.T) {
	sound := rule.FactsOf(video.Media{Video: video.Video{ID: "a1", Kind: video.KindAudio}, Source: &video.Source{Status: "Normal", Duration: time.Minute, AudioCodec: "aac"},
		Streams: []video.Stream{{Job: "j", Status: "Normal"}}}, at)
	image := rule.FactsOfImage(video.Image{ID: "i1", Width: 10, Height: 10}, at)
	for text, f := range map[string]*rule.Facts{
		`height < 480`: &sound, `not (height >= 480)`: &sound, `orientation != "landscape"`: &sound, `short_side == 0`: &sound, `fps < 1`: &sound,
		`all(streams, .height < 480)`: &sound, `duration < 60`: &image, `len(streams) == 0`: &image, `none(streams, true)`: &image, `codec != "h264"`: &image,
	} {
		p, err := rule.Compile(text)
		require.NoError(t, err)
		truth, missing, err := p.Ask(f)
		require.NoError(t, err)
		require.Equal(t, rule.Unknown, truth, text)
		require.NotEmpty(t, missing, text)
		matched, waiting, err := p.Eval(f)
		require.NoError(t, err)
		require.False(t, matched || waiting, text)
	}
	require.False(t, rule.Applies(&sound, "height"))
	require.True(t, rule.Applies(&sound, "duration"))
	truth, _ := ask(t, `codec == "aac" and kind == "audio"`, sound)
	require.Equal(t, rule.Yes, truth)
}

func TestAFaultOfTheExpressionIsNoAnswer(t *testing.T) {
	f := rule.FactsOf(upright(), at)
	for _, text := range []string{`tags[7] == "x"`, `not (int(title) == 1)`, `float(title) > 0 or int(title) > 0`} {
		p, err := rule.Compile(text)
		require.NoError(t, err)
		truth, _, err := p.Ask(&f)
		require.Error(t, err, text)
		require.Equal(t, rule.Unknown, truth)
	}
	truth, _ := ask(t, `tags[7] == "x" or title contains "Promo"`, f)
	require.Equal(t, rule.Yes, truth, "what is settled without it is settled")
}

func TestWhatCanNeverBeComputedIsRefused(t *testing.T) {
	for _, text := range []string{`size > 1 / 0`, `size % 0 == 1`, `title == "x" or size > 9223372036854775807 + 1`, `now - uploaded > days(1e300)`} {
		_, err := rule.Compile(text)
		require.ErrorContains(t, err, "cannot be computed", text)
	}
}

func TestForgettingIsSeenOnlyWhereItIsAsked(t *testing.T) {
	f := told()
	copied := f
	require.True(t, rule.Without(&f, "streams[0].height"))
	require.False(t, rule.Without(&f, "streams[0].height"), "it is gone already")
	require.False(t, rule.Without(&f, "streams[9].height"))
	require.False(t, rule.Without(&f, "streams[0].nonsense"))
	require.False(t, rule.Without(&f, "nonsense"))
	require.Contains(t, rule.Known(&copied), "streams[0].height")
	require.True(t, rule.Without(&f, "title"))
	require.Contains(t, rule.Missing(&f), "title")
	require.Empty(t, f.Title)
}

func TestNothingIsKnownOfAMomentOutsideOurTime(t *testing.T) {
	for moment, known := range map[time.Time]bool{
		{}: false, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC): false, time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC): true,
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC): true, time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC): false,
	} {
		f := rule.FactsOf(video.Media{Video: video.Video{ID: "a1", Created: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}}, moment)
		for _, name := range []string{"now", "uploaded", "age_days"} {
			_, is := rule.Value(&f, name)
			require.Equal(t, known, is, "%s at %s", name, moment)
		}
		require.Equal(t, known, f.Now.Equal(moment) && !f.Now.IsZero())
	}
}

func TestTheLibrarysClockMayBeTenMinutesAhead(t *testing.T) {
	for ahead, known := range map[time.Duration]bool{10 * time.Minute: true, 10*time.Minute + 1: false} {
		f := rule.FactsOf(video.Media{Video: video.Video{ID: "a1", Created: at.Add(ahead), Modified: at.Add(ahead)}}, at)
		for _, name := range []string{"uploaded", "age_days", "modified", "idle_days"} {
			_, is := rule.Value(&f, name)
			require.Equal(t, known, is, name)
		}
		require.Zero(t, f.AgeDays)
		require.Zero(t, f.IdleDays)
	}
}

func TestWhatNoMeasurementCanBeIsUnknown(t *testing.T) {
	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		m := full()
		m.Source.FPS, m.Source.Bitrate, m.Streams[0].FPS = v, v, v
		f := rule.FactsOf(m, at)
		for _, name := range []string{"fps", "bitrate", "streams[0].fps"} {
			require.NotContains(t, rule.Known(&f), name)
		}
		require.Zero(t, f.FPS)
	}
}
