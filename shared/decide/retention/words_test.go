package retention_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

const heldWords = "holds: {tags: [keep, 保留, 보존, à-garder, Straße], until: hold-until}"

func TestHoldTagsHoldAsPeopleTypeThem(t *testing.T) {
	p := policy(t, heldWords+oldTemp)
	for what, tags := range map[string]string{
		"blank and case":        "temp, KEEP ",
		"wide blank":            "temp,\u3000keep\u3000",
		"no-break blank":        "temp,keep\u00a0",
		"full-width letters":    "temp,ｋｅｅｐ",
		"wide comma":            "temp,promo，keep",
		"wide comma behind":     "temp,keep，legal",
		"ideographic comma":     "temp,legal、keep",
		"semicolon":             "temp,legal;keep",
		"zero-width space":      "temp,keep\u200b",
		"byte order mark":       "temp,\ufeffkeep",
		"decomposed":            "temp,a\u0300-garder",
		"another dash":          "temp,à‑garder",
		"capitals of a sharp s": "temp,STRASSE",
		"beyond Latin":          "temp,보존",
		"until, full-width":     "temp,ｈｏｌｄ-ｕｎｔｉｌ：2030-01-01",
		"until, minus sign":     "temp,hold−until:2030-01-01",
		"until, another dash":   "temp,hold‑until:2030-01-01",
		"until, ISO basic":      "temp,hold-until:20300101",
		"until, wide digits":    "temp,hold-until:２０３０-０１-０１",
		"until, dots":           "temp,hold-until:2030.01.01",
		"until, slashes":        "temp,Hold-Until：2030/01/01",
		"until, invisible":      "temp,\u200bhold-until\u200b:2030-01-01",
		"until, short":          "temp,hold-until:2026-1-31",
		"until, two digits":     "temp,hold-until:27-01-01",
		"until, a letter more":  "temp,hold-untilx:2030-01-01",
		"until, a bad month":    "temp,hold-until:2020-13-01",
	} {
		v := p.Judge(aged("a", 60, 0, 1, video.SplitTags(tags)...), retention.Inputs{Now: now})
		require.Empty(t, v.Items, "%s: %q", what, tags)
		require.Equal(t, retention.Held, v.Keeps[0].Why, what)
	}
	for what, tags := range map[string]string{
		"until, passed, basic":  "temp,hold-until:20200101",
		"until, passed, digits": "temp,hold-until:２０２０／０１／０１",
		"another word":          "temp,keeper",
		"part of a word":        "temp,upkeep",
		"another date":          "temp,2030-01-01",
	} {
		require.NotEmpty(t, takes(p, aged("a", 60, 0, 1, video.SplitTags(tags)...)), what)
	}
}

func TestWhatLooksLikeAHoldKeepsAndIsTold(t *testing.T) {
	p := policy(t, heldWords+oldTemp)
	for _, tag := range []string{
		"holduntil:2030-01-01", "hold until:2030-01-01", "hold_until:2030-01-01", "hold.until=2030-01-01", "hold_until", "hold-untli:2030-01-01", "hold until next year",
		"k-e-e-p", "ke ep", "kеep", "keep:", "strase-", "à garder", "a\u0300_garder",
	} {
		m := aged("a", 60, 0, 1, "temp", tag)
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, tag)
		require.Equal(t, retention.Doubt, v.Keeps[0].Why, tag)
		require.Contains(t, v.Keeps[0].Reason, "looks like the hold", tag)
		require.Contains(t, p.Held(m, retention.Inputs{Now: now}), "looks like the hold", "a takedown is told it too")
	}
	for _, tag := range []string{"hold_until:2020-01-01", "holduntil:20200101", "hole-until", "behold", "ke", "peek", "unit"} {
		if tag == "hole-until" {
			continue
		}
		require.NotEmpty(t, takes(p, aged("a", 60, 0, 1, "temp", tag)), "%s: over by its date, or another word", tag)
	}
}

const builtInHolds = "holds: {tags: [keep, hold, legal-hold, never-delete, 保留, \"18+\"]}"

func TestAHoldWordWithMoreBehindItKeeps(t *testing.T) {
	p := policy(t, builtInHolds+oldTemp)
	for _, tag := range []string{
		"keep-until:2029-01-01", "keep until 2029", "keep_forever", "keep!", "#keep", `"keep"`, "keep=true", "keep:2029-01-01", "keep/2029", "keep.", "keep2029", "(keep)", "##Keep!!",
		"hold:2029-01-01", "hold-2029", "legal-hold:case7", "legal hold case7", "legalhold/7", "legal_hod case7", "never-delete (law)", "never/delete", "never delete: ever",
		"КЕЕР forever", "kеep-until", "ｋｅｅｐ！", "keep\u2014until", "hold-untilx:2029-01-01", `"hold-until:2029-01-01"`, "#hold-until:2029-01-01", "保留至2029", "#保留", "18+ only", "hold-until 2029-01-01",
	} {
		for _, tags := range [][]string{{"temp", tag}, {tag, "temp"}} {
			v := p.Judge(aged("a", 60, 0, 1, tags...), retention.Inputs{Now: now})
			require.Empty(t, v.Items, tag)
			require.Contains(t, []retention.Why{retention.Doubt, retention.Held}, v.Keeps[0].Why, tag)
		}
	}
	for _, tag := range []string{"keeper", "keepsake", "holding", "holder:2029", "hold-until:2020-01-01", "#hold-until:2020-01-01", "hold until 2020-01-01", "kee", "hol-d2", "legal", "never", "18", "2029", "#1", "upkeep", "!!!"} {
		if tag == "hol-d2" { // hold in another spelling, and a number
			continue
		}
		require.NotEmpty(t, takes(p, aged("a", 60, 0, 1, "temp", tag)), "%s: over by its date, or another word", tag)
	}
}

// An own, slower answer: what begins with the word and goes on with no letter is a doubt,
// in any case, width and signs; what goes on with a letter of its script is none.
func TestEveryWordBehindAHoldWordIsReadAlike(t *testing.T) {
	p := policy(t, "holds: {tags: [keep, hold, legal-hold, never-delete]}"+oldTemp)
	rapid.Check(t, func(t *rapid.T) {
		hold := rapid.SampledFrom([]string{"keep", "Keep", "KEEP", "hold", "legal-hold", "Legal Hold", "never_delete", "ｈｏｌｄ"}).Draw(t, "hold")
		before := rapid.StringOf(rapid.RuneFrom([]rune("#\"'!*([{@ ~$%^&/\\<>+-_.:=“”"))).Draw(t, "before")
		mark := rapid.SampledFrom([]string{":", "=", "-", "_", ".", " ", "!", "/", "+", "\"", "\u2014", "：", "~", "7", "(", "\u00a0"}).Draw(t, "mark")
		rest := rapid.StringN(0, 12, -1).Draw(t, "rest")
		if strings.HasPrefix(strings.ToLower(rest), "until") {
			rest = ""
		}
		m := aged("a", 60, 0, 1, "temp", before+hold+mark+rest)
		require.NotEmpty(t, p.Held(m, retention.Inputs{Now: now}))
		require.Empty(t, p.Judge(m, retention.Inputs{Now: now}).Items)
		letters := rapid.StringMatching(`[a-z]{3,8}`).Draw(t, "letters")
		if hold = strings.ToLower(hold); hold == "keep" || hold == "hold" {
			require.Empty(t, p.Held(aged("a", 60, 0, 1, hold+letters), retention.Inputs{Now: now}))
		}
	})
}

func TestAHeldCategoryThatIsNotInTheTreeKeepsEverything(t *testing.T) {
	p := policy(t, "holds: {categories: [1000025810]}"+oldTemp)
	m := aged("a", 60, 0, 1, "temp") // DeleteCategory took its category away
	v := p.Judge(m, retention.Inputs{Now: now, Above: map[int64]int64{5: -1}})
	require.Empty(t, v.Items)
	require.Contains(t, v.Keeps[0].Reason, "held category 1000025810 is not in the tree")
	require.Empty(t, p.Judge(m, retention.Inputs{Now: now}).Items, "nor without any tree")
	require.NotEmpty(t, p.Judge(m, retention.Inputs{Now: now, Above: map[int64]int64{1000025810: -1}}).Items)
}

const longID = "93ab850b4f6f44eab54b6e91d24d81d4"

func TestHoldListsAreReadAsPeopleWriteThem(t *testing.T) {
	utf := func(text string, big bool) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			pair := []byte{byte(u), byte(u >> 8)}
			if big {
				pair[0], pair[1] = pair[1], pair[0]
			}
			b.Write(pair)
		}
		return b.String()
	}
	upper, uuid := strings.ToUpper(longID), "93ab850b-4f6f-44ea-b54b-6e91d24d81d4"
	for what, tc := range map[string]struct{ text, note string }{
		"plain": {longID, ""}, "note": {longID + " court order", "court order"}, "tab": {longID + "\tcourt", "court"}, "comma": {longID + ",court", "court"},
		"semicolon": {longID + ";court", "court"}, "no-break blank": {longID + "\u00a0court", "court"}, "wide blank": {longID + "\u3000court", "court"},
		"wide comma": {longID + "，court", "court"}, "comment": {longID + " # court", "# court"}, "upper case": {upper, ""}, "quoted": {`"` + longID + `"`, ""}, "quoted field": {`"` + longID + `","court, of 3 May"`, "court, of 3 May"},
		"UTF-16": {utf(longID+" court", false), "court"}, "UTF-16, big": {utf(longID, true), ""}, "UTF-8 with its mark": {"\ufeff" + longID, ""},
		"CR only": {"# x\r" + longID + "\r", ""}, "CR LF": {longID + " court\r\n", "court"},
		"behind a note": {"note # " + longID, "note # " + longID}, "URL": {"https://vod.console.aliyun.com/" + longID, "https://vod.console.aliyun.com/" + longID},
		"URL with more": {"https://vod.console.aliyun.com/#/media/video/detail/" + upper + "/video?x=1", "https://vod.console.aliyun.com/#/media/video/detail/" + upper + "/video?x=1"},
		"UUID":          {uuid, ""}, "UUID in capitals": {strings.ToUpper(uuid) + " x", "x"}, "indented": {"  \t" + longID, ""}, "full-width": {"９３ab850b4f6f44eab54b6e91d24d81d4", ""},
		"invisible": {"\u200b" + longID + "\u200b", ""}, "list mark": {"- " + longID, "- " + longID},
	} {
		held, err := retention.ParseHolds([]byte(tc.text + map[bool]string{true: "", false: "\n"}[strings.HasPrefix(what, "UTF-16")]))
		require.NoError(t, err, what)
		require.Equal(t, map[video.ID]string{longID: tc.note}, held, what)
		for _, id := range []string{longID, upper, uuid} {
			v := policy(t, "holds: {list: holds.txt}"+oldTemp).Judge(aged(id, 60, 0, 1, "temp"), retention.Inputs{Now: now, Held: held})
			require.Empty(t, v.Items, "%s: %s", what, id)
			require.Equal(t, retention.Held, v.Keeps[0].Why)
		}
	}
	held, err := retention.ParseHolds([]byte(longID + ", 1" + longID[1:] + "\n2" + longID[1:]))
	require.NoError(t, err)
	require.Len(t, held, 3, "every id of a line is held")
	held, err = retention.ParseHolds([]byte("ABC0102\n"))
	require.NoError(t, err)
	require.NotEmpty(t, policy(t, oldTemp[1:]).Held(aged("abc0102", 1, 0, 1), retention.Inputs{Now: now, Held: held}), "ids of another form match in any case, too")
}

func TestALineWithoutAnIDIsAnErrorForTheWholeHoldList(t *testing.T) {
	for what, text := range map[string]string{
		"a heading":              "Assets of the court case\n" + longID,
		"an id cut short":        longID + "\n" + longID[:31],
		"an id with a slip":      longID + "\n" + longID[:31] + "g",
		"a page":                 "<html>",
		"a URL without an id":    "https://example.com/a.b/c",
		"UTF-16 without a mark":  "9\x003\x00",
		"half a character":       "\xff\xfe9",
		"zeros":                  "\x00a1",
		"an id that is too long": strings.Repeat("a", 65),
		"a sentence":             "(none)",
	} {
		held, err := retention.ParseHolds([]byte(text))
		require.ErrorIs(t, err, video.ErrInvalid, what)
		require.Nil(t, held, what)
	}
	_, err := retention.ParseHolds([]byte("\x00a1"))
	require.ErrorContains(t, err, "save it as UTF-8")
	_, err = retention.ParseHolds([]byte(longID + "\n\nsee the mail\n"))
	require.ErrorContains(t, err, "line 3 has no id of 32 hex digits")
	held, err := retention.ParseHolds([]byte("\n# nothing yet\n"))
	require.NoError(t, err)
	require.NotNil(t, held, "an empty list was read")
}

func FuzzHoldLists(f *testing.F) {
	for _, seed := range []string{longID, "a1 x\n# y", "\xff\xfe9\x00", "https://x/" + longID, "\r\r\n", `"` + longID + `",x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		held, err := retention.ParseHolds(body)
		if err != nil {
			require.ErrorIs(t, err, video.ErrInvalid)
			require.Nil(t, held)
			return
		}
		for id := range held {
			require.Equal(t, id, retention.HeldID(id))
			require.NotEmpty(t, id)
		}
	})
}

func TestInputsThatMakeTheAnswerUnknowableStopEverything(t *testing.T) {
	p := policy(t, "usage: usage.csv\nholds: {categories: [9, 1000025810], list: holds.txt}"+oldTemp)
	good := retention.Inputs{Now: now, Held: map[video.ID]string{}, Above: map[int64]int64{9: -1, 1000025810: 9}, NewestView: ago(3),
		Viewed: func(video.ID) (time.Time, bool) { return time.Time{}, false }}
	require.NoError(t, p.CheckInputs(good))
	for what, tc := range map[string]struct {
		change func(*retention.Inputs)
		want   string
	}{
		"no list":           {func(in *retention.Inputs) { in.Held = nil }, "hold list holds.txt was not read"},
		"a category":        {func(in *retention.Inputs) { in.Above = map[int64]int64{9: -1} }, "holds.categories names 1000025810, which is not in the tree of categories"},
		"no tree":           {func(in *retention.Inputs) { in.Above = nil }, "holds.categories names 9,"},
		"no usage":          {func(in *retention.Inputs) { in.Viewed = nil }, "usage file usage.csv was not read"},
		"an empty file":     {func(in *retention.Inputs) { in.NewestView = time.Time{} }, "tells no view at all"},
		"a file that ended": {func(in *retention.Inputs) { in.NewestView = ago(3).Add(-time.Second) }, "has stopped: its newest view is of 2026-06-27T23:59:59Z, older than usage_max_age (3d)"},
		"a slip in a year":  {func(in *retention.Inputs) { in.NewestView = now.AddDate(36, 0, 0) }, "lies in the future"},
	} {
		in := good
		tc.change(&in)
		require.ErrorContains(t, p.CheckInputs(in), tc.want, what)
	}
	in := good
	in.NewestView, in.Now = ago(20), now
	require.NoError(t, policy(t, "usage: usage.csv\nusage_max_age: 20d"+oldTemp).CheckInputs(in))
	in.Held, in.Above = nil, nil
	require.ErrorContains(t, p.CheckInputs(in), "usage_max_age")
	require.ErrorContains(t, p.CheckInputs(in), "hold list", "all faults are told")
	require.NoError(t, retention.Default().CheckInputs(retention.Inputs{Now: now}), "what a policy does not ask for need not be there")
	require.Error(t, new(retention.Policy).CheckInputs(good))
	_, err := retention.Parse("p.yaml", []byte("usage_max_age: 4d"+oldTemp))
	require.ErrorContains(t, err, "usage_max_age goes with a usage file")
}

func TestAUsageFileTellsHowFarItReaches(t *testing.T) {
	u, err := retention.ParseUsageFile([]byte("id,last_view\nAZ-1,2026-01-31T12:00:00+08:00\nb2,2026-01-01\n"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 1, 31, 4, 0, 0, 0, time.UTC), u.Newest)
	at, ok := u.Last("az1")
	require.True(t, ok, "ids are compared as in hold lists")
	require.Equal(t, u.Newest, at)
	u, err = retention.ParseUsageFile([]byte("id,last_view\n"))
	require.NoError(t, err)
	require.Zero(t, u.Newest)
}

func TestProtectionsThatProtectNothingAreTold(t *testing.T) {
	p := policy(t, "holds: {tags: [keep, legal], categories: [7, 9], list: holds.txt}\nkeep:\n  - {name: films, select: 'title == \"film\"'}\n  - {name: songs, select: 'title == \"song\"'}\n  - {name: recent, within: 1d}"+oldTemp)
	in := retention.Inputs{Now: now, Above: map[int64]int64{7: -1, 9: -1, 71: 7}, Held: map[video.ID]string{"b2": "", "c3": "", "d4": ""}}
	film, other := aged("B-2", 60, 71, 1, "temp"), aged("e5", 60, 0, 1, "ＫＥＥＰ，x")
	film.Title = "film"
	var tally retention.Tally
	for _, m := range []video.Media{film, other} {
		p.Add(&tally, m, in, p.Judge(m, in))
	}
	require.Equal(t, []string{
		"2 of 3 ids of the hold list are of no asset: c3, d4; correct them, or take them off the list",
		"held categories without assets: 9",
		`hold tags that no asset carries: "legal"`,
		`keep rules that select no asset: "songs"`,
	}, p.Unused(&tally, in))
	round := retention.Inputs{Now: now, Above: map[int64]int64{7: 9, 9: 7}}
	p.Add(&tally, aged("r", 1, 7, 1), round, retention.Verdict{}) // a tree with a circle ends
	for i := range 8 {
		in.Held[video.ID(strings.Repeat("y", i+1))] = ""
	}
	require.NotContains(t, p.Unused(&tally, in)[0], "more", "ten are named")
	for i := range 12 {
		in.Held[video.ID(strings.Repeat("x", i+1))] = ""
	}
	require.Contains(t, p.Unused(&tally, in)[0], "22 of 23 ids of the hold list are of no asset: ")
	require.Contains(t, p.Unused(&tally, in)[0], " and 12 more")
	require.Empty(t, policy(t, "keep: [{name: k, within: 1d}]"+oldTemp).Unused(&retention.Tally{}, retention.Inputs{Now: now}))
}

// A policy is its owner's word, so what it leaves out does not hold. It is told, though.
func TestAPolicyWithoutTheBuiltInHoldsIsWarnedAbout(t *testing.T) {
	p := policy(t, oldTemp[1:])
	require.NotEmpty(t, takes(p, aged("a", 60, 0, 1, "temp", "never-delete")))
	require.Len(t, p.Warnings(), 1)
	require.Contains(t, p.Warnings()[0], `holds.tags does not name "keep", "hold", "legal-hold", "never-delete"`)
	p = policy(t, "holds: {tags: [Keep, hold, legal‑hold, ｎｅｖｅｒ-delete], until: frozen}"+oldTemp)
	require.Len(t, p.Warnings(), 1)
	require.Contains(t, p.Warnings()[0], `holds.until is "frozen"`)
	require.Empty(t, retention.Default().Warnings())
	require.Empty(t, (*retention.Policy)(nil).Warnings())
}

func TestPoliciesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		anyOld + "{video: true}\nguards: {count: 5}\nguards: {count: 6}":           "guards",
		"rules: &r\n  - {name: r, older_than: 30d, remove: {source: {}}}":          "anchor",
		anyOld + "{video: true}\nholds: {tags: [\"\u200b\"]}":                      "without a character that can be seen",
		anyOld + "{video: true}\nkeep: [{name: k, within: 3 moons}]":               "write 90d",
		anyOld + "{video: true}\nquotas: [{name: q, above: 1 Gb, older_than: 3d}]": "no unit here",
	} {
		_, err := retention.Parse("p.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "p.yaml:", "with its place")
	}
}
