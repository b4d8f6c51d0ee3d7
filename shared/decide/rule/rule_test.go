package rule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

var at = time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC)

func upright() video.Media {
	return video.Media{
		Video: video.Video{ID: "a1", Title: "Summer Promo", Tags: []string{"new"}, Status: video.StatusNormal, Created: at.AddDate(0, 0, -30)},
		Source: &video.Source{
			Status: "Normal", FileName: "promo.mp4", Size: 1 << 20, Duration: 42 * time.Second, Width: 1920, Height: 1080, Rotation: 90,
			FPS: 25, Bitrate: 900, VideoCodec: "h264", AudioCodec: "aac",
		},
		Streams: []video.Stream{{Job: "j1", Definition: "LD", Size: 1000, Created: at.AddDate(0, 0, -10)}},
	}
}

func TestExpressions(t *testing.T) {
	f := rule.FactsOf(upright(), at)
	for text, want := range map[string]bool{
		`true`: true,
		`title contains "Promo" and duration > 30`:         true,
		`orientation == "portrait"`:                        true, // a quarter turn
		`width == 1080 and height == 1920`:                 true,
		`short_side >= 1080`:                               true,
		`kind == "video"`:                                  true,
		`"new" in tags`:                                    true,
		`any(tags, # startsWith "ne")`:                     true,
		`all(tags, # == "old")`:                            false,
		`age_days >= 30`:                                   true,
		`now - uploaded > days(29.5)`:                      true,
		`uploaded < date("2026-05-23")`:                    true,
		`size == 1048576`:                                  true,
		`size in [1, 1048576]`:                             true,
		`mentions(title, "PROMO")`:                         true,
		`mentions(title, "x", "summer")`:                   true,
		`has_word(title, "prom")`:                          false,
		`has_word(title, "promo", "x")`:                    true,
		`title matches "(?i)^summer"`:                      true,
		`any(streams, .definition == "LD" and .size > 10)`: true,
		`bytes == 1048576 + 1000`:                          true,
		`len(streams) == 1`:                                true,
		`fps == 25 and codec == "h264"`:                    true,
		`not source_gone`:                                  true,
		`lower(file_name) endsWith ".mp4"`:                 true,
	} {
		t.Run(text, func(t *testing.T) {
			p, err := rule.Compile(text)
			require.NoError(t, err)
			got, waiting, err := p.Eval(&f)
			require.NoError(t, err)
			require.False(t, waiting)
			require.Equal(t, want, got)
		})
	}
}

func TestWholeWordsInAnyScript(t *testing.T) {
	for text, want := range map[string]bool{
		"a cat sat": true, "Cat": true, "scatter": false, "cat5": false, "cat_5": true, "猫cat": true, "concat cat": true, "": false,
	} {
		f := rule.FactsOf(video.Media{Video: video.Video{Title: text}}, at)
		p, err := rule.Compile(`has_word(title, "cat")`)
		require.NoError(t, err)
		got, _, err := p.Eval(&f)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	f := rule.FactsOf(video.Media{Video: video.Video{Title: "新品预告片"}}, at)
	p, err := rule.Compile(`has_word(title, "预告")`)
	require.NoError(t, err)
	got, _, _ := p.Eval(&f)
	require.True(t, got)
}

func TestAMissingFactWaitsUnlessTheRestSettlesIt(t *testing.T) {
	f := rule.FactsOf(video.Media{Video: video.Video{ID: "a1", Title: "Promo", Status: video.StatusUploaded}}, at)
	require.Subset(t, rule.Missing(&f), []string{"duration", "width", "height", "orientation", "fps", "codec", "kind", "labels", "size", "uploaded"})
	for text, want := range map[string]string{
		`duration > 30`:                                 "waiting",
		`not (duration > 30)`:                           "waiting",
		`duration == 0`:                                 "waiting", // zero is not what it looks like
		`title == "Promo" or duration > 30`:             "yes",
		`duration > 30 or title == "Promo"`:             "yes",
		`title == "Other" and duration > 30`:            "no",
		`duration > 30 and title == "Other"`:            "no",
		`not (duration > 30 and title == "Other")`:      "yes",
		`duration > 30 and title == "Promo"`:            "waiting",
		`title == "Other" or not (width > 1 or fps==2)`: "waiting",
		`"cat" in labels`:                               "waiting",
		`title == "Promo" ? duration > 30 : true`:       "waiting",
	} {
		p, err := rule.Compile(text)
		require.NoError(t, err)
		matched, waiting, err := p.Eval(&f)
		require.NoError(t, err)
		got := map[[2]bool]string{{true, false}: "yes", {false, false}: "no", {false, true}: "waiting"}[[2]bool{matched, waiting}]
		require.Equal(t, want, got, text)
	}
}

func TestAudioHasNoShapeAndDoesNotWaitForOne(t *testing.T) {
	m := video.Media{Video: video.Video{ID: "a1"}, Source: &video.Source{Duration: time.Minute, AudioCodec: "aac", Bitrate: 128}}
	f := rule.FactsOf(m, at)
	require.Equal(t, "audio", f.Kind)
	for _, name := range []string{"width", "height", "orientation", "fps", "codec", "duration", "kind", "short_side"} {
		require.NotContains(t, rule.Missing(&f), name)
	}
	require.Equal(t, "aac", f.Codec)
}

func TestAnImageHasNoDurationAndDoesNotWaitForOne(t *testing.T) {
	f := rule.FactsOfImage(video.Image{ID: "i1", Title: "x", Width: 10, Height: 10}, at)
	require.Equal(t, "square", f.Orientation)
	require.NotContains(t, rule.Missing(&f), "duration")
	require.Contains(t, rule.Missing(&f), "file_name")
}

func TestASourceThatIsGoneLeavesItsShapeInTheStreams(t *testing.T) {
	m := video.Media{Source: &video.Source{Status: "Deleted"}, Streams: []video.Stream{
		{Width: 360, Height: 640, Size: 10}, {Width: 1080, Height: 1920, FPS: 30, Codec: "h264", Size: 20},
	}}
	f := rule.FactsOf(m, at)
	require.True(t, f.SourceGone)
	require.Equal(t, "portrait", f.Orientation)
	require.Equal(t, 1080, f.Width)
	require.Equal(t, 30, f.Bytes)
	require.NotContains(t, rule.Missing(&f), "bytes")
	require.Contains(t, rule.Missing(&f), "file_name", "a source that is gone does not tell its name any more")
}

func TestWhatIsWrongWithAnExpressionIsToldWhenItIsCompiled(t *testing.T) {
	for text, want := range map[string][]string{
		``:                                      {"empty"},
		`titel == "x" and durration > 1`:        {"unknown name titel", "unknown name durration"},
		`title > 5`:                             {"mismatched types"},
		`duration`:                              {"not yes or no"},
		`title = "x"`:                           {"="},
		`title matches "("`:                     {"missing closing )"},
		`title matches file_name`:               {"written out"},
		`$env.title == "x"`:                     {"unknown name $env"},
		`now()`:                                 {"now is not a function here"},
		`toJSON(tags) == "x"`:                   {"toJSON is not a function"},
		`kind == "vidoe"`:                       {`kind is never "vidoe"`},
		`orientation in ["upright"]`:            {`orientation is never "upright"`},
		`uploaded > date("yesterday")`:          {"is not a day"},
		`1 > 2`:                                 {"cannot be true"},
		`duration > 30 and duration < 10`:       {"cannot be true"},
		`duration > 30 and 30 >= duration`:      {"cannot be true"},
		`fps == 25 and title != "" and fps==30`: {"cannot be true"},
		`size < 0`:                              {"never below 0"},
		`kind == "audio" and kind == "image"`:   {"at once"},
		`(title`:                                {"unexpected token"},
		`any(streams, .definitoin == "LD")`:     {"definitoin"},
		`days("x") > days(1)`:                   {"argument"},
	} {
		t.Run(text, func(t *testing.T) {
			_, err := rule.Compile(text)
			require.Error(t, err)
			for _, want := range want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "*rule.")
		})
	}
	for _, text := range []string{
		`duration > 10 and duration < 30`, `duration >= 10 and duration <= 10`, `kind == "audio" or kind == "image"`,
		`let x = duration; x > 3 and x < 9`, `(duration > 5 or fps > 1) and duration < 3`, `size < 0.5`,
	} {
		_, err := rule.Compile(text)
		require.NoError(t, err, text)
	}
}

func TestAnErrorWhileEvaluatingIsNoMatch(t *testing.T) {
	f := rule.FactsOf(upright(), at)
	for _, text := range []string{
		`tags[7] == "x"`, `int(title) == 1`,
		`len(map(0..category_id + 9000, map(0..category_id + 9000, size))) > 0`,
	} {
		p, err := rule.Compile(text)
		require.NoError(t, err, text)
		matched, waiting, err := p.Eval(&f)
		require.Error(t, err, text)
		require.False(t, matched || waiting, text)
	}
}

func TestExplainShowsEachConditionWithItsValues(t *testing.T) {
	f := rule.FactsOf(video.Media{Video: video.Video{Title: "Promo"}}, at)
	p, err := rule.Compile(`title == "Promo" and not (duration > 30)`)
	require.NoError(t, err)
	require.Equal(t, []string{"title", "duration"}, p.Uses())
	require.Equal(t, []rule.Part{
		{Text: `title == "Promo"`, Result: "yes", Values: map[string]any{"title": "Promo"}},
		{Text: `duration > 30`, Result: "waiting", Values: map[string]any{"duration": nil}, Missing: []string{"duration"}},
	}, p.Explain(&f))
}

type shelf struct {
	Name  string           `yaml:"name"`
	Rows  []row            `yaml:"rows"`
	Count map[string]int64 `yaml:"count"`
	Media rule.Sample      `yaml:"media"`
}

type row struct {
	When string  `yaml:"when"`
	Wide bool    `yaml:"wide"`
	Deep float64 `yaml:"deep"`
	Note *string `yaml:"note"`
}

func TestAGoodFileIsRead(t *testing.T) {
	var s shelf
	f := rule.Decode("shelf.yaml", []byte(`# a comment
name: 2024
rows:
  - {when: "duration > 1", wide: true, deep: 2}
  - when: |
      title == "x"
    note: hello
count: {a: 1, b: 2}
media: {tags: [x, 7], age_days: 3}
`), &s)
	require.NoError(t, f.Err())
	require.Equal(t, "2024", s.Name)
	require.True(t, s.Rows[0].Wide)
	require.Equal(t, 2.0, s.Rows[0].Deep)
	require.Equal(t, "title == \"x\"\n", s.Rows[1].When)
	require.Equal(t, "hello", *s.Rows[1].Note)
	require.Equal(t, map[string]int64{"a": 1, "b": 2}, s.Count)
	require.Equal(t, []string{"x", "7"}, s.Media.Tags)
	require.Equal(t, 3.0, *s.Media.AgeDays)
	require.True(t, f.Has("$.rows[1].note"))
}

func TestEveryMistakeInAFileIsToldAtOnceWithItsPlace(t *testing.T) {
	var s shelf
	f := rule.Decode("shelf.yaml", []byte(`name: [a]
nam: x
rows:
  - whan: "true"
    wide: yes
    deep: "2"
  - when: "  titel == 'x' and durasion > 1"
    wide:
  - nonsense
name: again
count: {a: 1.5}
---
name: second
`), &s)
	for i := range s.Rows {
		if s.Rows[i].When != "" {
			f.Compile("$.rows[1].when", s.Rows[i].When)
		}
	}
	f.Add("$.rows[0].when", "row without when", "")
	err := f.Err()
	var got []string
	for _, fault := range rule.Faults(err) {
		got = append(got, strings.SplitN(fault.Error(), "\n", 2)[0])
	}
	require.Equal(t, []string{
		`shelf.yaml:1:7: name is a list, want a text`,
		`shelf.yaml:2:1: unknown key "nam" in the file`,
		`shelf.yaml:4:5: unknown key "whan" in rows[0]`,
		`shelf.yaml:4:5: row without when`,
		`shelf.yaml:5:11: wide is a text, want true or false`,
		`shelf.yaml:6:11: deep is a text, want a number`,
		`shelf.yaml:7:14: when: unknown name titel`,
		`shelf.yaml:7:31: when: unknown name durasion`,
		`shelf.yaml:8:10: wide has no value`,
		`shelf.yaml:9:5: rows[2] is a text, want keys with values`,
		`shelf.yaml:10:1: key "name" again`,
		`shelf.yaml:11:12: a is written "1.5", want a whole number`,
		`shelf.yaml:13:1: a second document`,
	}, got)
	require.ErrorContains(t, err, "    2 | nam: x\n      | ^\n  hint: did you mean name?")
	require.ErrorContains(t, err, "did you mean when?")
	require.ErrorContains(t, err, "did you mean title?")
}

func TestWhatYAMLCannotBeReadSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "the file is empty",
		"# only a comment":        "the file is empty",
		"name: \"x":               "f.yaml:1:7: not YAML",
		"a: b: c":                 "not YAML",
		"name: x\n\trows: y":      "not YAML",
		"name: &a x":              "anchors",
		"name: !!str x":           "YAML tags",
		"<<: {name: x}":           "anchors",
		"- a":                     "the file is a list, want keys with values",
		"name: \xff":              "not UTF-8",
		strings.Repeat("[", 5000): "brackets",
	} {
		var s shelf
		require.ErrorContains(t, rule.Decode("f.yaml", []byte(text), &s).Err(), want, text)
	}
}

func TestTheCaretStandsUnderTheWordAlsoInFoldedAndWideText(t *testing.T) {
	var s shelf
	f := rule.Decode("f.yaml", []byte("rows:\n  - when: >-\n      title == '预告'\n      and titel == 'y'\n  - when: '\"预告\" == titel'\n"), &s)
	for i, path := range []string{"$.rows[0].when", "$.rows[1].when"} {
		f.Compile(path, s.Rows[i].When)
	}
	faults := rule.Faults(f.Err())
	require.Len(t, faults, 2)
	require.Equal(t, 2, faults[0].Line, "a folded text has lost its lines")
	require.Equal(t, [2]int{5, 20}, [2]int{faults[1].Line, faults[1].Column})
	require.Contains(t, faults[1].Excerpt, "      | "+strings.Repeat(" ", 12)+"\u3000\u3000"+strings.Repeat(" ", 5)+"^")
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"name: x", "rows: [{when: true}]", "a: &b {c: *b}", "name: |\n  x", "? {a: b}\n: c", "{", "- - -"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s shelf
		file := rule.Decode("f", raw, &s)
		for i := range s.Rows {
			file.Compile("$.rows[0].when", s.Rows[i].When)
		}
		for _, fault := range rule.Faults(file.Err()) {
			require.Positive(t, fault.Line)
			require.Positive(t, fault.Column)
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`title == "x"`, `any(tags, # == 1)`, `let x = 1; x > 0`, `1 % 0 == 0`, `duration > 1 and not (fps < 2)`, `date("x") < now`} {
		f.Add(seed)
	}
	known := rule.FactsOf(upright(), at)
	fresh := rule.FactsOf(video.Media{}, at)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := rule.Compile(text)
		if err != nil {
			return
		}
		for _, facts := range []*rule.Facts{&known, &fresh} {
			matched, waiting, err := p.Eval(facts)
			require.False(t, matched && (waiting || err != nil))
			p.Explain(facts)
		}
	})
}
