package retention_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

func TestEveryMistakeIsToldAtOnceWithItsPlace(t *testing.T) {
	_, err := retention.Parse("bad.yaml", []byte(`approve: maybe
grace: 5h
holds:
  tags: ["a,b"]
keep:
  - {name: k}
  - {name: k, newest: 3, within: 3d}
rules:
  - name: everything
    older_than: 30d
    remove: {video: true}
  - name: forever
    select: '"temp" in tags'
    remove: {video: true}
  - name: nothing
    older_than: 30d
    remove: {}
  - older_than: 1h
    select: 'titel == "x"'
    since: birth
    remove: {images: [Portrait], streams: {}}
quotas:
  - {name: q}
guards: {percent: 101, count: 0}
colour: red
`))
	require.Error(t, err)
	for place, want := range map[string]string{
		"bad.yaml:1:10: ":  `"maybe" is not known here`,
		"bad.yaml:2:8: ":   `"5h" is below one day`,
		"bad.yaml:4:10: ":  "no asset can carry this tag",
		"bad.yaml:6:6: ":   "keeps everything",
		"bad.yaml:7:12: ":  `a second rule named "k"`,
		"bad.yaml:7:6: ":   "newest and within in one keep rule",
		"bad.yaml:9:5: ":   "a rule without select catches every video",
		"bad.yaml:12:5: ":  "a rule without older_than has no bound",
		"bad.yaml:17:13: ": "nothing is named to remove",
		"bad.yaml:18:5: ":  "a name is missing",
		"bad.yaml:18:17: ": "below one day",
		"bad.yaml:20:12: ": `"birth" is not known here`,
		"bad.yaml:21:23: ": `"Portrait" is not known here`,
		"bad.yaml:21:43: ": "every stream is named",
		"bad.yaml:23:6: ":  "a quota needs a size to stay under",
		"bad.yaml:24:19: ": "must be above 0",
		"bad.yaml:25:1: ":  `unknown key "colour"`,
	} {
		found := false
		for _, f := range rule.Faults(err) {
			found = found || strings.Contains(f.Error(), place) && strings.Contains(f.Error(), want)
		}
		require.True(t, found, "%s%s\n\nin\n%v", place, want, err)
	}
	require.ErrorContains(t, err, "unknown name titel")
	require.ErrorContains(t, err, "a quota needs an age")
}

// No arguments meant all (rustic-rs/rustic#1191).
func TestNoArgumentsDoNotMeanAll(t *testing.T) {
	for name, text := range map[string]string{
		"an empty file":       "",
		"a comment":           "# rules will follow",
		"no rules":            "guards: {count: 5}",
		"an empty list":       "rules: []",
		"not YAML":            "rules: [",
		"a list":              "- a",
		"a second document":   anyOld + "{video: true}\n---\n" + anyOld + "{video: true}",
		"no select":           "rules:\n  - {name: r, older_than: 30d, remove: {video: true}}",
		"an empty select":     "rules:\n  - {name: r, select: '', older_than: 30d, remove: {video: true}}",
		"select true":         "rules:\n  - {name: r, select: 'true', older_than: 30d, remove: {video: true}}",
		"select one is one":   "rules:\n  - {name: r, select: '1 == 1', older_than: 30d, remove: {video: true}}",
		"every age":           "rules:\n  - {name: r, select: 'age_days >= 0', older_than: 30d, remove: {video: true}}",
		"every title":         "rules:\n  - {name: r, select: 'len(title) >= 0', older_than: 30d, remove: {video: true}}",
		"all but a few":       "rules:\n  - {name: r, select: '\"precious\" not in tags', older_than: 30d, remove: {video: true}}",
		"no age":              "rules:\n  - {name: r, select: '\"temp\" in tags', remove: {video: true}}",
		"an age of nothing":   "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 0d, remove: {video: true}}",
		"unsafe, no filter":   "rules:\n  - {name: r, unsafe: true, remove: {video: true}}",
		"unsafe, select true": "rules:\n  - {name: r, unsafe: true, select: 'true', remove: {video: true}}",
		"streams of any age":  "rules:\n  - {name: r, remove: {streams: {superseded: true}}}",
		"a quota of nothing":  "quotas:\n  - {name: q, above: 0B, older_than: 3d}",
		"minutes, unsafely":   "rules:\n  - {name: r, unsafe: true, older_than: 1h, select: '\"temp\" in tags', remove: {video: true}}",
		"a quota of any age":  "quotas:\n  - {name: q, above: 1GB}",
		"video and parts":     anyOld + "{video: true, source: {}}",
	} {
		_, err := retention.Parse("policy.yaml", []byte(text))
		require.Error(t, err, name)
	}
	for name, text := range map[string]string{
		"unsafe with a filter": "rules:\n  - {name: r, unsafe: true, select: '\"temp\" in tags', remove: {video: true}}",
		"unsafe and wide":      "rules:\n  - {name: r, unsafe: true, older_than: 1d, select: '\"precious\" not in tags', remove: {video: true}}",
		"streams by their age": "rules:\n  - {name: r, remove: {streams: {superseded: true, older_than: 7d}}}",
		"a quota":              "quotas:\n  - {name: q, above: 1.5 TiB, older_than: 3d}",
		"one day exactly":      "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 24h, remove: {video: true}}",
	} {
		_, err := retention.Parse("policy.yaml", []byte(text))
		require.NoError(t, err, name)
	}
}

func TestOtherMistakes(t *testing.T) {
	for text, want := range map[string]string{
		anyOld + "{streams: {definition: [XD]}}":                                                       `"XD" is not known`,
		anyOld + "{streams: {definition: [OD]}}":                                                       `"OD" is not known`,
		anyOld + "{streams: {height_below: 500, height_above: 600}}":                                   "no stream is above and below",
		anyOld + "{streams: {height_below: 501, height_above: 500}}":                                   "no stream is above and below",
		anyOld + "{streams: {keep_best: -1}}":                                                          "is below 0",
		anyOld + "{streams: {height_below: -1}}":                                                       "is below 0",
		anyOld + "{streams: {height_above: -1}}":                                                       "is below 0",
		anyOld + "{streams: {format: [mp4], keep_best: 0, height_below: 0}}\nguards: {count: 0}":       "must be above 0",
		anyOld + "{video: true}\nguards: {percent: 0}":                                                 "must be above 0",
		anyOld + "{video: true}\nguards: {percent: 101}":                                               "must be above 0",
		anyOld + "{video: true}\nguards: {error_percent: 0}":                                           "must be above 0",
		anyOld + "{video: true}\nguards: {error_percent: 101}":                                         "must be above 0",
		anyOld + "{video: true}\ngrace: 23h":                                                           "is below one day",
		anyOld + "{video: true}\nkeep: [{name: k, select: ''}]":                                        "an empty select",
		anyOld + "{video: true}\nkeep: [{name: k, newest: 1, within: 1d}]":                             "newest and within in one keep rule",
		anyOld + "{video: true}\nquotas: [{name: q, above: 1GB, older_than: 23h}]":                     "is below one day",
		anyOld + "{source: {good_streams: -1}}":                                                        "is below 0",
		anyOld + "{source: {min_height: -1}}":                                                          "is below 0",
		anyOld + "{images: ['']}":                                                                      `"(empty)" is not known`,
		anyOld + "{video: true}\nguards: {unknown: -1}":                                                "is below 0",
		anyOld + "{video: true}\nguards: {bytes: 0B}":                                                  "is not a size",
		anyOld + "{video: true}\nguards: {bytes: lots}":                                                "is not a size",
		anyOld + "{video: true}\nguards: {times_usual: 0}":                                             "must be above 0",
		anyOld + "{video: true}\nguards: {error_percent: 200}":                                         "must be above 0",
		anyOld + "{video: true}\nexpires: 41d":                                                         "expires after more than 40 days",
		strings.Replace(anyOld, "\"temp\" in tags", "origin == \"live\"", 1) + "{video: true}":         "origin is not known right before something goes",
		anyOld + "{video: true}\nkeep: [{name: k, select: 'origin == \"live\"'}]":                      "origin is not known right before something goes",
		anyOld + "{video: true}\ngrace: 3 weeks":                                                       "write 21d",
		anyOld + "{video: true}\ngrace: -3d":                                                           "is not a span of time",
		anyOld + "{video: true}\ngrace: -3h":                                                           "is not a span of time",
		anyOld + "{video: true}\nkeep: [{name: k, newest: 200000}]":                                    "over 100000",
		anyOld + "{video: true}\nkeep: [{name: k, newest: -1}]":                                        "is below 0",
		anyOld + "{video: true}\nkeep: [{name: k, within: 3d, per: category}]":                         "per goes with newest",
		anyOld + "{video: true}\nkeep: [{name: k, newest: 3, per: title}]":                             "is not known",
		anyOld + "{video: true}\nkeep: [{name: k, within: 3d, since: noon}]":                           "is not known",
		anyOld + "{video: true}\ntests: [{name: x, media: {}}]":                                        "a test says what it removes",
		anyOld + "{video: true}\ntests: [{name: x, media: {tags: [temp], age_days: 31}, removes: []}]": `test "x": removes [video], want []`,
		strings.Replace(anyOld, "30d", "30d\n    since: view", 1) + "{video: true}":                    "known only with a usage file",
	} {
		_, err := retention.Parse("policy.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
	viewed := "usage: u.csv\n" + strings.Replace(anyOld, "30d", "30d\n    since: view", 1) + "{video: true}\ntests:\n" +
		"  - {name: long ago, viewed_days: 31, removes: [video], media: {tags: [temp], age_days: 90, status: Normal}}\n" +
		"  - {name: lately, viewed_days: 29, removes: [], media: {tags: [temp], age_days: 90, status: Normal}}\n" +
		"  - {name: not known, removes: [], media: {tags: [temp], age_days: 90, status: Normal}}\n"
	require.NotNil(t, policy(t, viewed))
	_, err := retention.Parse("policy.yaml", []byte(strings.ReplaceAll(viewed, "removes: []", "removes: [video]")))
	require.ErrorContains(t, err, "keeps all of it: 29d since view, limit 30d")
	_, err = retention.Parse("policy.yaml", []byte(strings.ReplaceAll(viewed, "removes: [video]", "removes: []")))
	require.ErrorContains(t, err, "removes video : 31d since view, limit 30d (r)")
	for _, wide := range []string{"width > 0", "len(streams) > 0"} {
		_, err = retention.Parse("policy.yaml", []byte(strings.Replace(anyOld, `"temp" in tags`, wide, 1)+"{video: true}"))
		require.ErrorContains(t, err, "catches every asset", wide)
	}
	_, err = retention.Parse("policy.yaml", []byte(strings.Replace(anyOld, `"temp" in tags`, "len(labels) >= 0", 1)+"{video: true}"))
	require.NoError(t, err, "what the sample cannot tell is not refused")

	none := strings.Replace(anyOld, `"temp" in tags`, "len(streams) == 0", 1) + "{video: true}\ntests: [{name: x, removes: [video], media: {age_days: 31, tags: [temp]%s}}]"
	require.NotNil(t, policy(t, fmt.Sprintf(none, ", streams: []")))
	_, err = retention.Parse("policy.yaml", fmt.Appendf(nil, none, ""))
	require.ErrorContains(t, err, "streams unknown", "what a test does not say is not known")

	for _, text := range []string{ // at their limits, and two conditions at once
		anyOld + "{streams: {height_below: 502, height_above: 500}}", anyOld + "{streams: {height_below: 1}}", anyOld + "{streams: {height_above: 1}}",
		anyOld + "{streams: {definition: [LD], format: [mp4]}}", anyOld + "{streams: {format: [mp4], codec: [h264]}}",
		anyOld + "{streams: {codec: [h264], height_below: 1}}", anyOld + "{streams: {height_above: 1, keep_best: 1}}",
		anyOld + "{streams: {definition: [LD], codec: [h264]}}", anyOld + "{streams: {height_below: 5, height_above: 1}}",
		anyOld + "{video: true}\nguards: {count: 1, percent: 100, bytes: 1B, unknown: 0, times_usual: 1, error_percent: 100}",
		anyOld + "{video: true}\nguards: {percent: 0.5, error_percent: 0.5, times_usual: 0.5}",
		anyOld + "{video: true}\ngrace: 1d", anyOld + "{video: true}\nexpires: 40d", anyOld + "{video: true}\nkeep: [{name: k, newest: 100000}]", anyOld + "{video: true}\nkeep: [{name: k, newest: 1}]",
		anyOld + "{video: true}\nquotas: [{name: q, above: 1B, older_than: 1d}]",
		anyOld + "{streams: {height_below: 400}, source: {}}\ntests: [{name: n, removes: [source, 'stream:a'], media: {tags: [temp], age_days: 40, status: Normal, size: 9, source: Normal, kind: video, duration: 9, width: 1280, height: 720, " +
			"streams: [{job: a, definition: LD, format: mp4, status: Normal, height: 360, size: 1}, {job: b, definition: HD, format: mp4, status: Normal, width: 1280, height: 720, size: 2, duration: 9}]}}]",
	} {
		_, err := retention.Parse("policy.yaml", []byte(text))
		require.NoError(t, err, text)
	}
}

func TestWhatAPolicySays(t *testing.T) {
	text := `
approve: within-guards
grace: 14d
expires: 36h
refresh_cdn: true
usage: usage.csv
holds: {list: holds.txt}
rules:
  - {name: r, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
quotas:
  - {name: q, above: 500GB, older_than: 30d}
guards: {count: 1, percent: 2.5, bytes: 3KiB, unknown: 4, times_usual: 5, error_percent: 6}
prices: {currency: CNY, per_gb_month: {Standard: 0.12, Archive: 0.03}}
`
	p := policy(t, text)
	require.True(t, p.SelfApproving)
	require.True(t, p.Refresh)
	require.Equal(t, 14*24*time.Hour, p.Grace)
	require.Equal(t, 36*time.Hour, p.Expires)
	require.Equal(t, "holds.txt", p.HoldList)
	require.Equal(t, "usage.csv", p.Usage)
	require.Equal(t, retention.Guards{Count: 1, Percent: 2.5, Bytes: 3 << 10, Unknown: 4, Usual: 5, Errors: 6}, p.Guards)
	require.Equal(t, []string{"r", "q"}, p.Rules())
	require.Equal(t, []bool{false, true}, []bool{p.Quota("r"), p.Quota("q")})
	require.Len(t, p.Hash, 64)
	require.NotEqual(t, p.Hash, policy(t, text+"\n# other").Hash)
	require.Equal(t, p.Hash, policy(t, text).Hash)

	bare := policy(t, anyOld+"{video: true}")
	require.False(t, bare.SelfApproving)
	require.Equal(t, 7*24*time.Hour, bare.Expires)
	require.Equal(t, retention.Guards{Count: 1000, Percent: 5, Bytes: 1e12, Unknown: 0, Usual: 10, Errors: 10}, bare.Guards)
}

func TestSizesAndSpansAreReadExactly(t *testing.T) {
	read := func(size, span string) (*retention.Policy, error) {
		return retention.Parse("p.yaml", fmt.Appendf(nil, "guards: {bytes: %s}\nexpires: %s\nrules: [{name: r, select: '\"temp\" in tags', older_than: 1d, remove: {video: true}}]", size, span))
	}
	for size, want := range map[string]int64{
		"7B": 7, "3KB": 3_000, "3kB": 3_000, "3 KiB": 3 << 10, "1.5MB": 1_500_000, "1.5MiB": 3 << 19, "2GB": 2_000_000_000, "2GiB": 2 << 30, "1TB": 1e12, "1TiB": 1 << 40,
		"4PB": 4e15, "4PiB": 4 << 50, "4096PiB": 1 << 62,
	} {
		p, err := read(size, "1d")
		require.NoError(t, err, size)
		require.Equal(t, want, p.Guards.Bytes, size)
	}
	for span, want := range map[string]time.Duration{"1d": 24 * time.Hour, "40d": 40 * 24 * time.Hour, "36h": 36 * time.Hour, "24 h": 24 * time.Hour} {
		p, err := read("1B", span)
		require.NoError(t, err, span)
		require.Equal(t, want, p.Expires, span)
	}
	for _, bad := range []string{"-1B", "4097PiB", "1XB", "GB", "1GB1", "NaN", "1e300", "1e3GB", "InfB", "0B", "0.1B", "0GB"} {
		_, err := read(bad, "1d")
		require.ErrorContains(t, err, "is not a size", bad)
	}
	for _, bad := range []string{"-1h", "65536d", "1.5d", "soon", "d", "5", "23h", "0h", "0d", "36h30m", "1441m", "2w", "1e3d"} {
		_, err := read("1B", bad)
		require.Error(t, err, bad)
	}
	require.Equal(t, 65535*24*time.Hour, policy(t, anyOld+"{video: true}\ngrace: 65535d").Grace)
	require.Zero(t, policy(t, anyOld+"{video: true}\ngrace: 0h").Grace)
}

// 500Gb is bits to some, 500gb anything, and 500 is no size at all.
func TestASizeHasOneMeaningAndSaysIt(t *testing.T) {
	for size, hint := range map[string]string{"500Gb": "500GB (10^9 bytes) or 500GiB (2^30)", "500gb": "no unit here", "500": "it has no unit", "'500 g'": "no unit here", "1K": "no unit here"} {
		for _, text := range []string{anyOld + "{video: true}\nguards: {bytes: " + size + "}", "quotas: [{name: q, above: " + size + ", older_than: 30d}]"} {
			_, err := retention.Parse("p.yaml", []byte(text))
			require.ErrorContains(t, err, hint, text)
		}
	}
}

// Six months, written 6m, would be six minutes: no field of a policy takes less than a day.
func TestSixMonthsAreNotSixMinutes(t *testing.T) {
	temp := "\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"
	for _, field := range []string{
		"rules:\n  - {name: r, select: '\"temp\" in tags', older_than: SPAN, remove: {video: true}}",
		"rules:\n  - {name: r, unsafe: true, select: '\"temp\" in tags', older_than: SPAN, remove: {video: true}}",
		"rules:\n  - {name: r, remove: {streams: {definition: [LD], older_than: SPAN}}}",
		"rules:\n  - {name: r, remove: {streams: {superseded: true, older_than: SPAN}}}",
		"keep:\n  - {name: k, within: SPAN}" + temp,
		"quotas: [{name: q, above: 1GB, older_than: SPAN}]",
		"expires: SPAN" + temp,
		"grace: SPAN" + temp,
		"usage: u.csv\nusage_max_age: SPAN" + temp,
	} {
		for span, hint := range map[string]string{"6m": "write 180d", "6mo": "write 180d", "2w": "write 14d", "1y": "write 365d", "90min": "write it as 30d", "23h": "is below one day", "30": "write 30d for days", "6mins": "write it as 30d"} {
			_, err := retention.Parse("p.yaml", []byte(strings.ReplaceAll(field, "SPAN", span)))
			require.ErrorContains(t, err, hint, "%s in %s", span, field)
			require.Len(t, rule.Faults(err), 1, "what cannot be read is told once: %v", err)
		}
	}
}

func TestWhatIsNoYAMLIsToldOnce(t *testing.T) {
	for _, text := range []string{"", "{", "\tx", "- 1", "a: b: c", "x: 1"} {
		_, err := retention.Parse("p.yaml", []byte(text))
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "a policy without rules", text)
	}
}

func TestGuards(t *testing.T) {
	g := retention.Guards{Count: 10, Percent: 10, Bytes: 1000, Unknown: 1}
	for name, tc := range map[string]struct {
		items, media, unknown int
		bytes                 int64
		library               int
		over                  []string
	}{
		"nothing":                    {library: 0},
		"at every limit":             {items: 10, media: 10, unknown: 1, bytes: 1000, library: 100},
		"one item more":              {items: 11, media: 10, library: 100, over: []string{"11 items, at most 10"}},
		"one media more":             {items: 1, media: 11, library: 100, over: []string{"11 of 100 assets, at most 10 %"}},
		"one byte more":              {items: 1, media: 1, bytes: 1001, library: 100, over: []string{"1001 bytes, at most 1000"}},
		"one unknown more":           {items: 2, media: 1, unknown: 2, library: 100, over: []string{"2 items of unknown size, at most 1"}},
		"a library nobody counted":   {items: 1, media: 1, over: []string{"1 of 0 assets, at most 10 %"}},
		"a library of negative size": {items: 1, library: -1, over: []string{"0 of -1 assets, at most 10 %"}},
	} {
		require.Equal(t, tc.over, g.Over(tc.items, tc.media, tc.unknown, tc.bytes, tc.library), name)
	}
}

func TestHoldLists(t *testing.T) {
	held, err := retention.ParseHolds([]byte("\ufeffa1 court order\n\n# a remark\n  b2\r\nc3  \n\"D-4\",x y\n"))
	require.NoError(t, err)
	require.Equal(t, map[video.ID]string{"a1": "court order", "b2": "", "c3": "", "d4": "x y"}, held)
	for _, bad := range []string{"<html>", "a1 ok\nb2:", "https://example.com/b.2/c", strings.Repeat("x", 65), "a1\x00", "\xff\xfea"} {
		_, err := retention.ParseHolds([]byte(bad))
		require.ErrorIs(t, err, video.ErrInvalid, bad)
	}
	_, err = retention.ParseHolds([]byte("a1\n!"))
	require.ErrorContains(t, err, "line 2")
}

func TestOfManyLinesForOneIDTheLatestViewCountsWhateverTheirOrder(t *testing.T) {
	var body strings.Builder
	for i := range 200 {
		for _, hour := range []int{3, 9, 6} {
			fmt.Fprintf(&body, "v%d,2026-01-31T%02d:00:00Z\n", i*7919%200, hour)
		}
	}
	viewed, err := retention.ParseUsage([]byte(body.String()))
	require.NoError(t, err)
	for i := range 200 {
		at, ok := viewed(video.ID(fmt.Sprint("v", i)))
		require.True(t, ok, i)
		require.Equal(t, time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), at)
	}
}

func TestUsage(t *testing.T) {
	views, err := retention.ParseUsage([]byte("id,last_view\na1,2026-01-31T12:00:00Z\na1,2026-01-01\nb2,2026-02-01\r\n# x\n\n"))
	require.NoError(t, err)
	at, ok := views("a1")
	require.True(t, ok)
	require.Equal(t, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), at, "the later view counts")
	at, _ = views("b2")
	require.Equal(t, time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), at, "a day counts to its end")
	_, ok = views("c3")
	require.False(t, ok)
	for _, bad := range []string{"a1", "a1,", "a1,yesterday", ",2026-01-01", "a1,2026-01-01\nid,last_view"} {
		_, err := retention.ParseUsage([]byte(bad))
		require.ErrorIs(t, err, video.ErrInvalid, bad)
	}
}
