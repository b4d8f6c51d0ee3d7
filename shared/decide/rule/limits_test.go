package rule_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// lines repeats what f makes of a number, to the size of a file that is still read. Where
// every slip is tried (make mutants) the files are smaller, and still beyond each limit.
func lines(head string, n int, f func(i int) string) string {
	if os.Getenv("MUTANT") != "" {
		n = min(n, 20_001) // one more than the entries of lists that a file may have
	}
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		if line := f(i); b.Len()+len(line) < 1<<20 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// chain is an expression in which each variable is the one before it, twice.
func chain(n int, first string) string {
	text := "let v0 = " + first + "; "
	for i := 1; i < n; i++ {
		text += fmt.Sprintf("let v%d = v%d + v%d; ", i, i-1, i-1)
	}
	return text
}

// A file of any content is read or refused in a moment, and with little memory: some of
// these took minutes, gigabytes or the whole program. What is bounded is what was allocated.
func TestNoFileTakesLongToCheck(t *testing.T) {
	when := func(text string) func(int) string {
		return func(int) string { return "  - when: '" + text + "'\n" }
	}
	for name, c := range map[string]struct{ text, want string }{
		"brackets over lines": {lines("rows:\n", 300_000, func(int) string { return " [\n" }), "brackets are open"},
		"lists in one line":   {"rows:\n " + strings.Repeat("- ", 400_000), "lists begin in one line"},
		"one key again":       {lines("", 200_000, func(int) string { return "a: b\n" }), "keys or lines of text in one place"},
		"many keys":           {lines("count:\n", 200_000, func(i int) string { return fmt.Sprintf("  a%d: b\n", i) }), "keys or lines of text in one place"},
		"unknown keys":        {lines("rows:\n", 20_000, func(int) string { return "  - whan: x\n" }), "there are more mistakes"},
		"many entries":        {lines("rows:\n", 40_000, func(int) string { return "  - whan: x\n" }), "more than 20000 entries of lists"},
		"many variables":      {lines("rows:\n", 800, when(chain(60, "title")+`v59 == "x"`)), ""},
		"unknown names":       {lines("rows:\n", 400, when(strings.Repeat("abcx and ", 300)+"true")), "unknown name abcx"},
		"open brackets":       {lines("rows:\n", 1, when(strings.Repeat("(", 900_000))), "900000 characters, at most 8000"},
		"many conditions":     {lines("rows:\n", 20_000, when("size > 1")), "more than 4000 conditions"},
		"large patterns":      {lines("rows:\n", 10_000, when(`title matches "((a|b){0,30}){0,16}c"`)), "more than 100000 steps together"},
		"lists within lists":  {lines("rows:\n", 9_000, when(`none(streams, any(streams, any(streams, any(streams, .size > 3))))`)), "at most 20000"},
		"a text of 1 MB":      {"name: " + strings.Repeat("x", 1<<20-20), ""},
		"entries of nothing":  {lines("list:\n", 330_000, func(int) string { return "-\n" }), "more than 1000 values are left empty"},
		"keys of nothing":     {"in: {" + lines("", 120_000, func(i int) string { return fmt.Sprintf("k%d,", i) }) + "}", "more than 1000 values are left empty"},
		"signs":               {"list: [" + strings.Repeat("a,", 500_000) + "]", "more than 300000 words and signs"},
		"stars":               {strings.Repeat("*", 1_000_000), "more than 300000 words and signs"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var s shelf
			f := rule.Decode("f.yaml", []byte(c.text), &s)
			for i := range s.Rows {
				f.Compile(fmt.Sprintf("$.rows[%d].when", i), s.Rows[i].When)
			}
			err := f.Err()
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(400<<20), "bytes allocated")
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.LessOrEqual(t, len(rule.Faults(err)), 101)
			require.Less(t, len(err.Error()), 1<<18)
		})
	}
}

// Sixty doublings of a title would be 2^66 bytes.
func TestATextDoesNotGrowWithoutEnd(t *testing.T) {
	f := rule.Sample{Title: strings.Repeat("a", 64)}.Facts()
	for n, want := range map[int]rule.Truth{9: rule.Yes, 10: rule.Unknown, 60: rule.Unknown} { // 64 * 2^8 = 16,384
		p, err := rule.Compile(chain(n, "title") + fmt.Sprintf(`v%d contains "a"`, n-1))
		require.NoError(t, err)
		holds, missing, err := p.Ask(&f)
		require.NoError(t, err)
		require.Equal(t, want, holds, "%d variables", n)
		if want == rule.Unknown {
			require.Equal(t, []string{"a text of more than 16384 bytes"}, missing)
		}
	}
}

func TestAConditionThatCouldTakeLongIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`let r = 1..900; title != "" and none(r, any(r, any(r, # < 0)))`:                                   "1:41: takes ",
		`let r = 1..3000; title != "" and any(r, # < 0)`:                                                   "1:10: a range of more than 1000 numbers",
		`title matches "a{1,1000}|b{1,1000}|c{1,1000}"`:                                                    "1:15: the pattern is too large",
		`any(streams, any(streams, any(streams, any(tags, # contains "a"))))`:                              "steps, at most 20000",
		`len(map(1..900, map(1..900, size))) > 0`:                                                          "steps, at most 20000",
		`title contains "x` + strings.Repeat("x", 9_000) + `"`:                                             "at most 8000",
		`size > 1 and description matches "(a|b){1,400}c"`:                                                 "1:26: takes ",
		`any(1..900, description matches "(a|b)*c$")`:                                                      "1:1: takes ",
		`any(1..300, mentions(description, "字"))`:                                                          "1:1: takes ",
		`any(labels, has_word(#` + strings.Repeat(`, "字"`, 100) + `))`:                                     "1:1: takes ",
		`any(1..900, labels == labels or streams != streams)`:                                              "1:1: takes ",
		`len(map(1..900, split(description, ""))) > 1`:                                                     "1:5: takes ",
		`let a = description + description; let b = a + a; let c = b + b; any(1..900, c + c contains "x")`: "1:66: takes ",
	} {
		_, err := rule.Compile(text)
		require.ErrorContains(t, err, want, text)
	}
	for _, text := range []string{
		`any(streams, any(streams, .height > 3))`, `any(tags, # in labels)`, `title matches "^[^a]{1,128}$"`, `any(1..12, title contains string(#))`,
		`len(filter(streams, count(streams, .height > 480) > 1)) > 0`,
	} {
		_, err := rule.Compile(text)
		require.NoError(t, err, text)
	}
}

// What a title is taken for costs little: these are conditions that people write.
func TestAUsualConditionIsFarFromTheLimits(t *testing.T) {
	words := strings.Repeat(`, "宣传片"`, 30)
	for _, text := range []string{
		`has_word(title` + words + `) or has_word(description` + words + `)`, `any(labels, has_word(#` + words + `))`, `any(tags, mentions(#` + words + `))`,
		`file_name matches "(?i)^(promo|trailer|teaser)[-_ ]?[0-9]{4}-[0-9]{2}-[0-9]{2}.*[.](mp4|mov|mkv)$"`,
		`description matches "(?i)\\b(draft|internal|do not publish|confidential)\\b"`, `any(labels, # in tags) and any(tags, # startsWith "ai:")`,
		`let words = split(title, "_"); len(words) > 3 and any(words, # in tags)`, `lower(title + " " + description) contains "promo"`,
	} {
		_, err := rule.Compile(text)
		require.NoError(t, err, text)
	}
}

// large is an asset with as much as VOD lets it have, and five times the labels that are usual.
func large() rule.Facts {
	text := strings.Repeat("ab", video.MaxDescription/2)
	s := rule.Sample{Title: text[:video.MaxTitle], Description: text, UserData: text, FileName: text[:video.MaxTitle], Size: 1}
	for i := range 100 {
		s.Labels = append(s.Labels, fmt.Sprintf("%032d", i))
	}
	s.Tags = s.Labels[:video.MaxTags]
	for range 40 {
		s.Streams = append(s.Streams, rule.SampleStream{Job: text[:32], Definition: "HD", Height: 720, Size: 1})
	}
	return s.Facts()
}

// worst are conditions that are just within what Compile takes.
var worst = map[string]string{
	"a pattern":           `description matches "(a|b){1,120}c"`,
	"a long pattern":      `description matches "(a|b){1,150}c"`,
	"patterns on titles":  `title matches "(a|b){1,200}c" and title matches "b" or file_name matches "(a|b){1,400}c"`,
	"a pattern on labels": `any(labels, # matches "(0|1){1,14}c")`,
	"words":               `any(labels, mentions(#` + strings.Repeat(`, "字"`, 45) + `))`,
	"words in a range":    `any(1..18, mentions(description, "x"))`,
	"lists in lists":      `any(tags, any(tags, (# + title == "x" or # + title == "y") and "x" in tags))`,
	"streams":             `any(streams, any(streams, .height < 0 or .size < 0 or .job == "x"))`,
	"equal lists":         `any(1..80, labels != labels)`,
	"texts":               `any(1..900, description contains "x")`,
	"parts of a text":     `any(split(description, ""), any(split(title, ""), # == "c"))`,
}

// The steps that are reckoned are near to what an asset takes: none of these takes three
// times as many, where the evaluation would end without an answer.
func TestTheWorstConditionsEndInTime(t *testing.T) {
	f := large()
	for name, text := range worst {
		t.Run(name, func(t *testing.T) {
			p, err := rule.Compile(text)
			require.NoError(t, err)
			answer, steps := rule.Steps(p, &f)
			require.Less(t, steps, 60_100)
			if name != "parts of a text" { // the longest text has a thousand
				require.Equal(t, rule.No, answer)
			}
		})
	}
}

// A condition takes at most 10 ms on one asset (ns/op).
func BenchmarkWorstConditions(b *testing.B) {
	f := large()
	for name, text := range worst {
		p, err := rule.Compile(text)
		require.NoError(b, err)
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				_, _, _ = p.Ask(&f)
			}
		})
	}
}

func TestAFileIsReadAsWithoutItsByteOrderMark(t *testing.T) {
	var s shelf
	f := rule.Decode("f.yaml", []byte("\uFEFFname: x\nnam: y\n"), &s)
	require.Equal(t, "x", s.Name)
	faults := rule.Faults(f.Err())
	require.Len(t, faults, 1)
	require.Equal(t, [2]int{2, 1}, [2]int{faults[0].Line, faults[0].Column})
}

func TestALongLineIsShownAroundItsMistake(t *testing.T) {
	var s shelf
	f := rule.Decode("f.yaml", []byte("name: x # "+strings.Repeat("é", 3000)+"\nrows: [{note: \""+strings.Repeat("字", 300)+"\", nite: x}]\n"), &s)
	faults := rule.Faults(f.Err())
	require.Len(t, faults, 1)
	require.Less(t, len(faults[0].Excerpt), 2000)
	shown := strings.Split(faults[0].Excerpt, "\n")
	before, _, found := strings.Cut(shown[0], "nite: x}]")
	require.True(t, found, shown[0])
	require.Len(t, []rune(shown[1]), len([]rune(before))+1)
}

func TestTheStepsOfEachPartAreReckoned(t *testing.T) {
	for text, want := range map[string]int{
		`.size > 1`:                                   49262,
		`.size in [1, 2]`:                             81262,
		`-.size > 1`:                                  57262,
		`not (.size > 1)`:                             57262,
		`tags[0] == .job`:                             65262,
		`tags?.[0] == .job`:                           73262,
		`tags[1:] == tags`:                            98462,
		`tags[:1] == tags`:                            98462,
		`tags[1:2] == tags`:                           98862,
		`.encrypted ? title == "a" : .job == ""`:      105262,
		`let x = .size; x > 1`:                        65262,
		`mentions(title, "a")`:                        54462,
		`len(split(title, "a")) > 3`:                  54062,
		`.job in tags`:                                209262,
		`title matches "a"`:                           78462,
		`sum(tags, 1) > 2`:                            361262,
		`any(["a", "b", "c"], # == title)`:            145262,
		`any(1..5, # == size)`:                        241262,
		`any(1..size, # == size)`:                     42062, // here and below two lists are too many
		`any(size..5, # == size)`:                     42062,
		`any(tags, # == title)`:                       33262,
		`any(tags[1:], # == title)`:                   34062,
		`any(tags?.[1:], # == title)`:                 34062,
		`any(source_gone ? tags : ["a"], # == title)`: 34862,
		`any(source_gone ? ["a"] : tags, # == title)`: 34862,
		`let l = labels; any(l, # == title)`:          34062,
		`any((title; tags), # == title)`:              34062,
		`any(filter(tags, # == title), # == title)`:   65662,
		`any(map(tags, title), # == title)`:           49662,
		`any(split(title, "a"), # == title)`:          85262,
		`count(map(tags, # == title)) > 2`:            42462,
	} {
		_, err := rule.Compile("none(streams, none(streams, none(streams, " + text + ")))")
		require.ErrorContains(t, err, fmt.Sprintf(": takes %d steps, at most 20000", want), text)
	}
}

func TestWhatIsJustWithinALimitIsAllowed(t *testing.T) {
	chars := func(n int) string { return `title == "` + strings.Repeat("é", n-11) + `"` }
	class := func(ranges int) string {
		var b strings.Builder
		for i := range ranges {
			b.WriteRune(rune(0x4E00 + 2*i))
		}
		return `title matches "[` + b.String() + `]"`
	}
	steps := `any(1..769, any(1..4, # == size)) or source_gone` // 20,000
	for _, c := range [][3]string{
		{steps, "not (" + steps + ")", "takes 20001 steps"},
		{chars(8000), chars(8001), "8001 characters, at most 8000"},
		{`any(1..1000, # == size)`, `any(1..1001, # == size)`, "a range of more than 1000 numbers"},
		{`any(-499..500, # == size)`, `any(-500..500, # == size)`, "a range of more than 1000 numbers"},
		{`title matches "` + strings.Repeat("x", 3999) + `"`, `title matches "` + strings.Repeat("x", 4000) + `"`, "the pattern is too large: 2001 steps, at most 2000"},
		{class(1999), class(2000), "the pattern is too large: 2001 steps, at most 2000"},
		{`title matches "a{1000}"`, `title matches "a{1000}|b"`, "the pattern is too large: 2002 steps, at most 2000"},
	} {
		_, err := rule.Compile(c[0])
		require.NoError(t, err, c[0])
		_, err = rule.Compile(c[1])
		require.ErrorContains(t, err, c[2])
	}
}

func TestAFileMayNestSoDeepAndNoDeeper(t *testing.T) {
	count := func(n int) string {
		return lines("count:\n", n, func(i int) string { return fmt.Sprintf("  a%d: 1\n", i) })
	}
	open := func(n int) string { return "list:\n" + strings.Repeat(" [\n", n) + strings.Repeat(" ]\n", n) }
	in := func(sign string, n int) string { return "list: [" + strings.Repeat(sign, n-1) + "x]" }
	for _, c := range []struct{ good, bad, want string }{
		{open(200), open(201), "more than 200 brackets are open"},
		{"list:\n" + strings.Repeat(" [\"x\", [\n", 100), "list:\n" + strings.Repeat(" [\"x\", [\n", 101), "more than 200 brackets are open"},
		{"list:\n" + strings.Repeat(" ['x', [\n", 100), "list:\n" + strings.Repeat(" ['x', [\n", 101), "more than 200 brackets are open"},
		{in("[],", 200), in("[],", 201), "more than 200 opening brackets in one line"},
		{in("{},", 200), in("{},", 201), "more than 200 opening brackets in one line"},
		{count(1000), count(1001), "more than 1000 keys or lines of text in one place"},
		{strings.Repeat("- ", 32) + "x", strings.Repeat("- ", 33) + "x", "more than 32 lists begin in one line"},
		{strings.Repeat("-  ", 32) + "x", strings.Repeat("-  ", 33) + "x", "more than 32 lists begin in one line"},
	} {
		require.NotContains(t, strings.Join(toldOf(c.good, new(box)), "\n"), "more than", c.want)
		require.Contains(t, strings.Join(toldOf(c.bad, new(box)), "\n"), c.want)
	}
}

// A value that is left empty is a mistake, and each takes the parser time in proportion to
// the whole file.
func TestSoManyValuesMayBeLeftEmpty(t *testing.T) {
	for form, c := range map[string]struct {
		text  string
		empty int // values in it
	}{
		"entries":              {"  -\n", 1},
		"entries, one deeper":  {"  - -\n", 1},
		"keys":                 {"  - a:\n", 1},
		"keys of a mapping":    {"  - a:\n    b:\n", 2},
		"keys in brackets":     {"  - {a: , b: }\n", 2},
		"words in brackets":    {"  - {a, b}\n", 2},
		"in a list":            {"  - [{a: }]\n", 1},
		"with a comment":       {"  - # nothing\n", 1},
		"values":               {"  - {a: b, c: [d, e], f: {}}\n", 0},
		"a value below":        {"  -\n    a:\n      b\n", 0},
		"a list below":         {"  - a:\n    - b\n", 0},
		"a list below, deeper": {"  - a: # c\n      - b\n", 0},
		"empty lists":          {"  - []\n  - ''\n", 0},
		"a wide list":          {"  - [a,\n b, c,\n]\n", 0},
		"a wide value":         {"  - {a:\n b, c: d}\n", 0},
	} {
		for n, want := range map[int]bool{1000 / max(c.empty, 1): false, 1000/max(c.empty, 1) + 2: c.empty > 0} { // the last of a file costs nothing
			told := strings.Join(toldOf("in:\n"+strings.Repeat(c.text, n), new(box)), "\n")
			require.Equal(t, want, strings.Contains(told, "more than 1000 values are left empty"), "%s, %d times", form, n)
		}
	}
}

// What only looks like nesting is none: quoted brackets, comments, brackets that are
// closed, the keys of many small mappings.
func TestALongFileThatIsFlatIsRead(t *testing.T) {
	for _, line := range []string{`"["`, `'['`, `"it's ["`, `'say "["'`, `x # [`, `"[" # '[`, "x\n# [", "'' # {"} {
		text := lines("list:\n", 250, func(int) string { return "  - " + line + "\n" })
		require.Empty(t, toldOf(text, new(box)), line)
	}
	for _, value := range []string{"[]", "{}", "[{}]"} {
		text := lines("in:\n", 250, func(int) string { return "  - " + value + "\n" })
		require.NotContains(t, strings.Join(toldOf(text, new(box)), "\n"), "brackets", value)
	}
	var s shelf
	text := lines("rows:\n", 600, func(int) string { return "  - when: x\n    note: y\n\n    # a comment\n    wide: true\n" })
	require.Empty(t, toldOf(text, &s))
	require.Len(t, s.Rows, 600)
}
