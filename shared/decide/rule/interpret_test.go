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

// full is a media of which every fact is known.
func full() video.Media {
	m := upright()
	m.Kind, m.Modified, m.Origin, m.StorageClass = video.KindVideo, at.AddDate(0, 0, -3), "general", "Standard"
	m.Category, m.CategoryName, m.Description, m.UserData = 7, "Films", "12", "1.5"
	m.Streams = []video.Stream{
		{Job: "j1", Definition: "LD", Format: "mp4", Codec: "h264", Status: "Normal", Width: 640, Height: 360, Size: 1000, FPS: 25, Bitrate: 300, Created: at.AddDate(0, 0, -10)},
		{Job: "j2", Definition: "SD", Format: "hls", Codec: "hevc", Status: "Normal", Width: 854, Height: 480, Size: 5000, FPS: 25, Bitrate: 600, Created: at.AddDate(0, 0, -9), Encrypted: true},
	}
	return m
}

func fullFacts() rule.Facts {
	f := rule.FactsOf(full(), at)
	rule.Labelled(&f, []string{"cat", "dog"})
	return f
}

// interpreted is what the interpreter alone makes of an expression: yes, no, the names of
// what was missing, or an error. Where the machine of the expression language comes to an
// answer too, both must be the same.
func interpreted(t *testing.T, text string, f rule.Facts) string {
	t.Helper()
	p, err := rule.Compile(text)
	require.NoError(t, err, text)
	truth, missing, err := rule.Slow(p, &f)
	holds, asked, fails := rule.Quick(p, &f)
	if asked {
		require.NoError(t, fails, text)
	}
	if truth != rule.Unknown {
		require.NoError(t, err, text)
		require.Empty(t, missing, text)
		if fails == nil {
			require.Equal(t, holds, truth == rule.Yes, "%s: the language says otherwise", text)
		}
		return truth.String()
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return strings.Join(missing, ", ")
}

func TestTheInterpreterComputesAsTheLanguageDoes(t *testing.T) {
	const no, yes = "no", "yes"
	f := fullFacts()
	for text, want := range map[string]string{
		`max(size, 3) == 1048576`:                                      yes,
		`max(3, size, 5) == 1048576`:                                   yes,
		`min(3, size, 5) == 3`:                                         yes,
		`min(size, 3.5) == 3.5`:                                        yes,
		`max([1, size, 2]) == 1048576`:                                 yes,
		`min(map(streams, .height)) == 360`:                            yes,
		`max(map(streams, .height)) == 480`:                            yes,
		`max(map(streams, .fps), 30) == 30`:                            yes,
		`min(map(filter(tags, # == "x"), 1), size, 3) == 3`:            yes,
		`min(map(filter(tags, # == "x"), 1)) == 3`:                     "min of nothing",
		`max(map(tags, #)) == 3`:                                       "error: invalid argument for max (type string)",
		`string(tags) == "[new]"`:                                      yes,
		`string([size, 2]) == "[1048576 2]"`:                           yes,
		`string(map(streams, [.height])) == "[[360] [480]]"`:           yes,
		`string(size) == "1048576"`:                                    yes,
		`string(streams[0]) == "x"`:                                    "string of a stream",
		`string(streams) == "x"`:                                       "string of a stream",
		`split(title, " ") == ["Summer", "Promo"]`:                     yes,
		`len(split(title, "m")) == 4`:                                  yes,
		`len(split(title, "m", 2)) == 2`:                               yes,
		`split(title, "m", 2)[1] == "mer Promo"`:                       yes,
		`trim(title, "So") == "ummer Prom"`:                            yes,
		`trim(" " + title + " ") == "Summer Promo"`:                    yes,
		`abs(0 - size) == 1048576`:                                     yes,
		`abs(size) == 1048576`:                                         yes,
		`abs(0.5 - size) == 1048575.5`:                                 yes,
		`float(user_data) == 1.5`:                                      yes,
		`float(size) == 1048576`:                                       yes,
		`float(title) == 1`:                                            "error: invalid operation: float(Summer Promo)",
		`int(description) == 12`:                                       yes,
		`int(age_days + 0.7) == 30`:                                    yes,
		`int(size) == 1048576`:                                         yes,
		`int(title) == 1`:                                              "error: invalid operation: int(Summer Promo)",
		`int(age_days * 1e300) == 1`:                                   "overflow",
		`ceil(age_days + 0.2) == 31 and floor(age_days + 0.7) == 30`:   yes,
		`round(age_days + 0.7) == 31`:                                  yes,
		`date("2026-01-31") < uploaded`:                                yes,
		`date(lower(title)) < now`:                                     `error: parsing time "summer promo" as "2006-01-02": cannot parse "summer promo" as "2006"`,
		`all(streams, any(tags, # == "new") and .height > 0)`:          yes,
		`all(streams, none(tags, # == "new") or .height > 400)`:        no,
		`let s = filter(streams, .height > 9000); count(s, true) == 0`: yes,
		`all(filter(labels, # == "x"), # == "y")`:                      "list (none)",
		`count([source_gone, title == "Summer Promo"]) == 1`:           yes,
		`sum([size, 4]) == 1048580`:                                    yes,
		`sum(streams, .size) == 6000`:                                  yes,
		`len(title) == 12`:                                             yes,
		`len(lower(title)) == 12 and upper(title) == "SUMMER PROMO"`:   yes,
		`one(streams, .height == 480)`:                                 yes,
		`one(streams, .height > 1)`:                                    no,
		`one(streams, .height > 1000)`:                                 no,
		`size - 1 == 1048575`:                                          yes,
		`size * 2 == 2097152 and size / 2 == 524288`:                   yes,
		`size % 1000 == 576`:                                           yes,
		`2 ** width == 1`:                                              "no finite number",
		`category_id ** 2 == 49 and category_id ^ 2 == 49`:             yes,
		`-size == 0 - 1048576 and +size == 1048576`:                    yes,
		`-age_days < 0`:                                                yes,
		`size / category_id * 0.0 == 0`:                                yes,
		`0.0 / size == 0`:                                              yes,
		`size / (category_id - 7.0) > 1`:                               "division by zero",
		`now - uploaded == days(30)`:                                   yes,
		`uploaded + days(30) == now`:                                   yes,
		`now + (now - date("1500-01-01")) > now`:                       "overflow",
		`len(1..category_id) == 7 and category_id in 1..7`:             yes,
		`len(category_id..1) == 0`:                                     yes,
		`len(category_id..7) == 1`:                                     yes,
		`len(1..category_id + 9992) == 9999`:                           yes,
		`len(1..category_id + 9993) == 10000`:                          yes,
		`len(1..category_id + 9994) > 0`:                               "error: a range of more than 10000 numbers",
		`tags[0] == "new" and tags[-1] == "new"`:                       yes,
		`labels[-2] == "cat" and labels[1] == "dog"`:                   yes,
		`labels[2] == "cat"`:                                           "error: index out of range: 2 (array length is 2)",
		`labels[-3] == "cat"`:                                          "error: index out of range: -1 (array length is 2)",
		`labels[1:] == ["dog"] and labels[:1] == ["cat"]`:              yes,
		`title[0:6] == "Summer" and title[7:] == "Promo"`:              yes,
		`labels == ["cat", "dog"]`:                                     yes,
		`labels == ["cat"]`:                                            no,
		`labels == ["cat", "cow"]`:                                     no,
		`labels != ["cat", "cow"]`:                                     yes,
		`streams[0] == streams[0]`:                                     yes,
		`streams[0] == streams[1]`:                                     no,
		`streams == streams`:                                           yes,
		`streams[:1] == streams[1:]`:                                   no,
		`source_gone ? title == "x" : title == "Summer Promo"`:         yes,
		`(title == "x" ? 3 : size) == 1048576`:                         yes,
		`let n = size; let k = n + 1; k - n == 1`:                      yes,
		`title contains "mer" and title startsWith "Sum"`:              yes,
		`title endsWith "omo" and title matches "^S.*o$"`:              yes,
		`title contains "x" or title startsWith "x"`:                   no,
		`title endsWith "x" or title matches "^x"`:                     no,
		`size <= 1048576 and size >= 1048576`:                          yes,
		`size < 1048576 or size > 1048576`:                             no,
		`size in [1, 2]`:                                               no,
		`any(streams, .format == "hls" and .encrypted and .job == "j2" and .codec == "hevc" and .status == "Normal" and .fps == 25)`:                          yes,
		`any(streams, .definition == "LD" and .width == 640 and .height == 360 and .size == 1000 and .bitrate == 300 and .age_days == 10 and not .encrypted)`: yes,
		`[size, streams[0]] == [streams[0], size]`:           no,
		`[tags, size] == [size, tags]`:                       no,
		`[streams[0], 1][0] == streams[0]`:                   yes,
		`[tags, 1][0][title] == "new"`:                       `[tags, 1][0][title]`,
		`[streams[0], 1][0][title] == "x"`:                   `[streams[0], 1][0][title]`,
		`title == "x"; title == "Summer Promo"`:              yes,
		`not ([1, title][0] contains "x")`:                   `[1, title][0] contains "x"`,
		`title contains [1, title][0]`:                       `title contains [1, title][0]`,
		`[title, 1][0] - 1 == 2`:                             "error: invalid operation: string - int",
		`[title, 1][0] - 1 == 2 or title == "Summer Promo"`:  yes,
		`[title, 1][0] < 1 and source_gone`:                  no,
		`idle_days == 3 and modified - uploaded == days(27)`: yes,
		`len(1..[title, 1][0]) == 0`:                         "error: a range needs whole numbers",
		`len([title, 1][0]..7) == 0`:                         "error: a range needs whole numbers",
		`title in tags`:                                      no,
		`(tags ?? labels)[0] == "new"`:                       yes,
	} {
		t.Run(text, func(t *testing.T) { require.Equal(t, want, interpreted(t, text, f)) })
	}
}

// Numbers near the end of what can be counted are unknown, on either side of zero.
func TestNumbersNearTheirEndAreUnknown(t *testing.T) {
	const end = 1<<63 - 1<<12 // the first that counts as beyond
	f := fullFacts()
	for _, c := range []struct {
		text   string
		change func(*rule.Facts)
		want   string
	}{
		{`int(bitrate) > 0`, func(f *rule.Facts) { f.Bitrate = end }, "overflow"},
		{`int(bitrate) > 0`, func(f *rule.Facts) { f.Bitrate = end - 1024 }, "yes"},
		{`int(0 - bitrate) < 0`, func(f *rule.Facts) { f.Bitrate = end }, "overflow"},
		{`size + 0 > 0`, func(f *rule.Facts) { f.Size = end }, "overflow"},
		{`size + 0 > 0`, func(f *rule.Facts) { f.Size = end - 1024 }, "yes"},
		{`size + size > 0`, func(f *rule.Facts) { f.Size = 1 << 62 }, "overflow"},
		{`size + 0.5 > 0`, func(f *rule.Facts) { f.Size = end }, "yes"},
		{`0.5 + size > 0`, func(f *rule.Facts) { f.Size = end }, "yes"},
		{`0 - size < 0`, func(f *rule.Facts) { f.Size = end }, "overflow"},
		{`size * 4 > 0`, func(f *rule.Facts) { f.Size = 1 << 61 }, "overflow"},
		{`-category_id > 0`, func(f *rule.Facts) { f.CategoryID = math.MinInt }, "overflow"},
		{`abs(category_id) > 0`, func(f *rule.Facts) { f.CategoryID = math.MinInt }, "overflow"},
		{`abs(category_id) > 0`, func(f *rule.Facts) { f.CategoryID = math.MinInt + 1 }, "yes"},
		{`-category_id > 0`, func(f *rule.Facts) { f.CategoryID = math.MinInt + 1 }, "yes"},
		{`days(bitrate) > days(1)`, func(f *rule.Facts) { f.Bitrate = 100_000 }, "overflow"},
		{`days(bitrate) > days(1)`, func(f *rule.Facts) { f.Bitrate = 99_999 }, "yes"},
		{`days(0 - bitrate) < days(1)`, func(f *rule.Facts) { f.Bitrate = 100_000 }, "overflow"},
		{`len(size..2) > 0`, func(f *rule.Facts) { f.Size = math.MinInt }, "error: a range of more than 10000 numbers"},
		{`date("2026-01-01") - uploaded > days(1)`, func(f *rule.Facts) { f.Uploaded = time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC) }, "overflow"},
		{`uploaded - date("2026-01-01") < days(1)`, func(f *rule.Facts) { f.Uploaded = time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC) }, "overflow"},
	} {
		g := f
		c.change(&g)
		require.Equal(t, c.want, interpreted(t, c.text, g), c.text)
	}
}

// What is unknown of a part names that part, and only what was looked at.
func TestAnUnknownPartIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`string([duration, 1]) == "x"`:                                    "duration",
		`string([[fps], duration]) == "x"`:                                "fps",
		`streams[int(fps)].height > 1`:                                    "fps",
		`streams[0:int(fps)] == streams`:                                  "fps",
		`streams[int(fps):] == streams`:                                   "fps",
		`filter(streams, .height > 1)[int(fps):int(duration)] == streams`: "duration, fps, streams[1].height",
		`streams == streams`:                                              "streams[0].format, streams[1].format",
		`[duration, 1] == [duration, 2]`:                                  "no",
		`[duration, 1] == [1, 1]`:                                         "duration",
		`[duration, fps] == [1, 1]`:                                       "duration, fps",
		`(duration > 3 ? 1 : 1) == 1`:                                     "yes",
		`(duration > 3 ? 1 : 2) == 1`:                                     "duration",
		`(duration > 3 ? tags : tags) == tags`:                            "duration",
		`(duration > 3 ? fps : 1) == 1`:                                   "duration, fps",
		`(duration > 3 ? 1 : bitrate) == 1`:                               "bitrate, duration",
		`(duration > 3 ? int(title) : 1) == 1`:                            "duration",
		`mentions(string(fps), "x")`:                                      "fps",
		`has_word(title, string(fps), string(duration))`:                  "duration, fps",
		`duration in [fps, 1]`:                                            "duration, fps",
		`1 in filter([1, 2], # < duration)`:                               "duration",
		`duration in filter([1, 2], # < fps)`:                             "duration, fps",
		`sum(map(streams, .size)) > 1`:                                    "streams[1].size",
		`let s = map(streams, .height); s[0] == 360`:                      "yes",
		`let s = map(streams, .height); s[1] == 360`:                      "streams[1].height",
		`max(duration, fps) > 1`:                                          "duration, fps",
		`not (not (duration > 1)) or -fps > 1`:                            "duration, fps",
		`min([1, duration]) < 0`:                                          "duration",
		`none(streams, .height > 480) or one(streams, .height > 100)`:     "streams[1].height",
	} {
		t.Run(text, func(t *testing.T) { require.Equal(t, want, interpreted(t, text, told())) })
	}
	f := fullFacts()
	f.Labels = nil
	require.Equal(t, "labels (none)", interpreted(t, `all(labels, # == "y")`, f))
}

func TestAnExpressionThatTakesTooLongSaysSo(t *testing.T) {
	f := fullFacts()
	f.CategoryID = 900
	require.Equal(t, "error: takes too many steps", interpreted(t, `all(1..category_id, all(1..category_id, # > 0))`, f))
}

func TestWhatWaitsForOneFactWaits(t *testing.T) {
	image := rule.FactsOfImage(video.Image{ID: "i1"}, at)
	for text, want := range map[string]bool{
		`duration > 1 or file_name == "x"`: true, `file_name == "x" or duration > 1`: true, `duration > 1 or fps > 1`: false, `width > 1 or fps > 1`: true,
	} {
		p, err := rule.Compile(text)
		require.NoError(t, err)
		matched, waiting, err := p.Eval(&image)
		require.NoError(t, err)
		require.False(t, matched)
		require.Equal(t, want, waiting, text)
	}
	require.Equal(t, "fps, width", interpreted(t, `width > 1 or fps > 1`, image), "sorted")
}

func TestExplainTellsUnknownFromError(t *testing.T) {
	p, err := rule.Compile(`tags[7] == "x" or size / (width - width) > 1 or !(bitrate > 9000) and (duration > 1 || fps > 1 && duration < 3)`)
	require.NoError(t, err)
	f := told()
	require.Equal(t, []rule.Part{
		{Text: `tags[7] == "x"`, Result: "error: index out of range: 7 (array length is 1)", Values: map[string]any{"tags": []string{"new"}}},
		{Text: `size / (width - width) > 1`, Result: "unknown", Values: map[string]any{"size": 1 << 20, "width": 1080}, Missing: []string{"division by zero"}},
		{Text: `bitrate > 9000`, Result: "waiting", Values: map[string]any{"bitrate": nil}, Missing: []string{"bitrate"}},
		{Text: `duration > 1`, Result: "waiting", Values: map[string]any{"duration": nil}, Missing: []string{"duration"}},
		{Text: `fps > 1`, Result: "waiting", Values: map[string]any{"fps": nil}, Missing: []string{"fps"}},
		{Text: `duration < 3`, Result: "waiting", Values: map[string]any{"duration": nil}, Missing: []string{"duration"}},
	}, p.Explain(&f))
}
