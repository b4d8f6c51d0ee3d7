package rule_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
)

// box holds what a file may hold.
type box struct {
	Whole  int            `yaml:"whole"`
	Count  map[string]int `yaml:"count"`
	Deep   float64        `yaml:"deep"`
	Wide   bool           `yaml:"wide"`
	Text   string         `yaml:"text"`
	List   []string       `yaml:"list"`
	Weight weight         `yaml:"weight"`
	Weigh  *weight        `yaml:"weigh"`
	In     *box           `yaml:"in,omitempty"`
	Hidden string         `yaml:"-"`
	Plain  string
}

type weight string

func (w *weight) UnmarshalText(text []byte) error {
	if string(text) != "heavy" {
		return errors.New("neither\nsay heavy")
	}
	*w = weight(text)
	return nil
}

// toldOf are the faults that Decode finds, each as line:column message [hint].
func toldOf(text string, into any) (all []string) {
	for _, f := range rule.Faults(rule.Decode("f.yaml", []byte(text), into).Err()) {
		line := fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Message)
		if f.Hint != "" {
			line += " [" + f.Hint + "]"
		}
		all = append(all, line)
	}
	return all
}

func TestEveryKindOfValueIsReadOrRefusedWithItsPlace(t *testing.T) {
	const unit = "leave out the quotes and any unit"
	const yes = "yes, no, on and off are texts in YAML: write true or false"
	for text, want := range map[string]string{
		"whole: 0x10":                 "",
		"whole: 1_000":                "",
		"whole: \"12\"":               "1:8 whole is a text, want a whole number [" + unit + "]",
		"whole: 12 MB":                "1:8 whole is a text, want a whole number [" + unit + "]",
		"whole: 1.5":                  "1:8 whole is written \"1.5\", want a whole number [write plain digits, at most 18, as 12 or 0.5]",
		"whole: 1e3":                  "1:8 whole is written \"1e3\", want a whole number [write plain digits, at most 18, as 12 or 0.5]",
		"whole: [1]":                  "1:8 whole is a list, want a whole number",
		"whole: 99999999999999999999": "1:8 whole is written \"99999999999999999999\", want a whole number [write plain digits, at most 18, as 12 or 0.5]",
		"deep: 2":                     "",
		"deep: 2.5":                   "",
		"deep: '2.5'":                 "1:7 deep is a text, want a number [" + unit + "]",
		"deep: true":                  "1:7 deep is true or false, want a number",
		"deep: .inf":                  "1:7 deep is written \".inf\", want a number [write plain digits, at most 18, as 12 or 0.5]",
		"wide: true":                  "",
		"wide: yes":                   "1:7 wide is a text, want true or false [" + yes + "]",
		"wide: no":                    "1:7 wide is a text, want true or false [" + yes + "]",
		"wide: on":                    "1:7 wide is a text, want true or false [" + yes + "]",
		"wide: off":                   "1:7 wide is a text, want true or false [" + yes + "]",
		"wide: maybe":                 "1:7 wide is a text, want true or false",
		"wide: 1":                     "1:7 wide is a number, want true or false",
		"wide: {a: b}":                "1:8 wide is a set of keys, want true or false",
		"text: 5":                     "",
		"text: |\n  x":                "",
		"text:\n  a: b":               "2:3 text is a set of keys, want a text",
		"text:\n  a: b\n  c: d":       "2:3 text is a set of keys, want a text",
		"text: {}":                    "1:7 text is a set of keys, want a text",
		"list: x":                     "1:7 list is a text, want a list [write [a, b], or one - line for each]",
		"list: {a: b}":                "1:8 list is a set of keys, want a list [write [a, b], or one - line for each]",
		"list: [a, [b]]":              "1:11 list[1] is a list, want a text",
		"list: []":                    "",
		"weight: heavy":               "",
		"weight: light":               "1:9 weight: neither [say heavy]",
		"weight: [heavy]":             "1:9 weight is a list, want one value",
		"weigh: light":                "1:8 weigh: neither [say heavy]",
		"weigh: heavy":                "",
		"count: {}":                   "",
		"count: {a: b}":               "1:12 a is a text, want a whole number [" + unit + "]",
		"count: [a]":                  "1:8 count is a list, want keys with values",
		"in: {whole: x}":              "1:13 whole is a text, want a whole number [" + unit + "]",
		"in:":                         "1:5 in has no value [give it one or remove the key]",
		"\"-\": x":                    `1:1 unknown key "-" in the file [known: whole, count, deep, wide, text, list, weight, weigh, in]`,
		"\"\": x":                     `1:1 unknown key "" in the file [known: whole, count, deep, wide, text, list, weight, weigh, in]`,
		"Plain: x":                    `1:1 unknown key "Plain" in the file [known: whole, count, deep, wide, text, list, weight, weigh, in]`,
		"? [a]\n: c":                  "2:1 not YAML: found an invalid key for this map [look at the indentation, and put text with : or # in quotes]",
		"null: x":                     "1:1 a key must be a plain word",
		"text: x\ntext: y":            `2:1 key "text" again [it stands in line 1 already]`,
		"text: &a x\nlist: [*a]":      "1:7 anchors, aliases and merges are not read here [write the value out: each rule then says all it does]\n2:8 anchors, aliases and merges are not read here [write the value out: each rule then says all it does]",
		"text: x\n---\ntext: y":       "3:1 a second document [remove the --- line: one file holds one document, and the rest would be ignored]",
		"text: x\n---\n# nothing":     "",
	} {
		t.Run(text, func(t *testing.T) {
			require.Equal(t, want, strings.Join(toldOf(text, new(box)), "\n"))
		})
	}
	var b box
	require.Empty(t, toldOf("whole: 0x10\ndeep: 1_000.5\nweigh: heavy\ncount: {a: 1_000}\nin: {in: {whole: 3}}", &b))
	require.Equal(t, 16, b.Whole)
	require.Equal(t, 1000.5, b.Deep)
	require.Equal(t, weight("heavy"), *b.Weigh)
	require.Equal(t, map[string]int{"a": 1000}, b.Count)
	require.Equal(t, 3, b.In.In.Whole)
}

func TestATypeThatNoFileCanHoldIsASlipOfOurs(t *testing.T) {
	var into struct {
		C chan int `yaml:"c"`
	}
	require.PanicsWithValue(t, "rule: $.c has a type that a file cannot hold: chan int", func() { toldOf("c: x", &into) })
}

func TestAFileMayBeSoLargeAndSoDeep(t *testing.T) {
	text := "text: " + strings.Repeat("x", 1<<20-6)
	require.Empty(t, toldOf(text, new(box)))
	require.Equal(t, []string{"1:1 the file is larger than 1 MB"}, toldOf(text+"x", new(box)))
	nest := func(n int) string { return strings.Repeat("in: {", n) + strings.Repeat("}", n) }
	require.Empty(t, toldOf(nest(32), new(box)))
	require.Len(t, toldOf(nest(33), new(box)), 1)
	require.Contains(t, toldOf(nest(33), new(box))[0], "nested too deeply")
}

func TestAMistakeInAConditionIsFoundWhereItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"rows:\n  - when: title == 'x' and titel > 1":                                                 "2:28",
		"rows:\n  - {note: \"size > 1 and titel > 1\", when: \"size > 1 and titel > 1\"}":             "2:58",
		"rows:\n  - when: |\n      title == 'x'\n      and titel > 1\n":                               "4:11",
		"rows:\n  - when: >-\n      title == 'x'\n      and titel > 1":                                "2:11",
		"rows:\n  - when: >-\n      size > 1\n      and titel > 1\nname: size > 1 and titel > 1":      "2:11",
		"rows:\n  - when: |\n      size > 1 and titel > 1\n    note: |\n      size > 1 and titel > 1": "3:20",
		"rows:\r\n  - when: |\r\n      title == 'x'\r\n      and titel > 1\r\n":                       "4:11",
		"rows: [{when: \"   \"}]": "1:15",
		"rows: [{when: ''}]":      "1:15",
		"rows:\n  - when: \"title == 'é' and \\\"x\\\" == titel\"": "2:11",
		"rows:\n  - when: 'titel > 1 and title == \"\"'":           "2:12",
	} {
		var s shelf
		f := rule.Decode("f.yaml", []byte(text), &s)
		require.Zero(t, compileAll(f, s.Rows), text)
		faults := rule.Faults(f.Err())
		require.Len(t, faults, 1, text)
		require.Equal(t, want, fmt.Sprintf("%d:%d", faults[0].Line, faults[0].Column), text)
	}
}

func TestAPlaceThatIsNotThereIsWhereItIsMissing(t *testing.T) {
	var s shelf
	f := rule.Decode("f.yaml", []byte("name: x\nrows:\n  - note: y\n"), &s)
	for path, want := range map[string]string{
		"$.rows[0].when": "3:5", "$.rows[7].when": "3:3", "$.media.tags": "1:1", "nonsense": "1:1", "$.name": "1:7",
	} {
		f := *f
		f.Add(path, "missing", "")
		faults := rule.Faults(f.Err())
		require.Len(t, faults, 1)
		require.Equal(t, want, fmt.Sprintf("%d:%d", faults[0].Line, faults[0].Column), path)
		require.Equal(t, path, faults[0].Path)
	}
	require.False(t, f.Has("$.rows[0].when"))
}

func TestALineIsShownAroundItsMistakeAndNotCutWithoutNeed(t *testing.T) {
	for _, c := range []struct {
		before, after int // characters around the mistake
		head, tail    bool
	}{
		{118, 82, false, false}, // 200 in all
		{118, 83, true, false},
		{100, 100, false, false},
		{100, 101, false, true},
		{101, 199, true, true},
		{300, 300, true, true},
	} {
		text := `rows: [{note: "` + strings.Repeat("é", c.before-18) + `", nit: 2}] #` + strings.Repeat("é", c.after-10)
		var s shelf
		faults := rule.Faults(rule.Decode("f.yaml", []byte(text), &s).Err())
		require.Len(t, faults, 1)
		shown, caret, _ := strings.Cut(faults[0].Excerpt, "\n")
		line := []rune(strings.TrimPrefix(shown, "    1 | "))
		require.Equal(t, c.head, line[0] == '…', c)
		require.Equal(t, c.tail, line[len(line)-1] == '…', c)
		require.LessOrEqual(t, len(line), 201)
		require.Equal(t, "nit", string([]rune(shown)[len([]rune(caret))-1:][:3]), c)
	}
}

func TestTheCaretStandsUnderWideAndNarrowText(t *testing.T) {
	for before, pad := range map[string]string{
		"abc": "   ", "é": " ", "\t": "\t", "预告": "\u3000\u3000", "ｗ": "\u3000", "ｶ": " ", "한": "\u3000", "🎬": "\u3000", "︰": "\u3000", "豈": "\u3000", "…": " ",
	} {
		var s shelf
		f := rule.Decode("f.yaml", []byte("rows:\n  - when: '\""+before+"\" == titel'"), &s)
		compileAll(f, s.Rows)
		faults := rule.Faults(f.Err())
		require.Len(t, faults, 1)
		require.Equal(t, "      | "+strings.Repeat(" ", 12)+pad+strings.Repeat(" ", 5)+"^", strings.Split(faults[0].Excerpt, "\n")[1], before)
	}
}

func TestTheNearestNameIsSuggested(t *testing.T) {
	for name, want := range map[string]string{
		"titel": "did you mean title?", "TITLE": "did you mean title?", "tilte": "did you mean title?", "ab": "did you mean ac?", "xyz": "known: title, ac, ad, when, durations",
		"wen": "did you mean when?", "whenn": "did you mean when?", "whqm": "known: title, ac, ad, when, durations", "dratoins": "did you mean durations?", "": "known: title, ac, ad, when, durations",
	} {
		require.Equal(t, want, rule.Suggest(name, []string{"title", "ac", "ad", "when", "durations"}), name)
	}
}

func TestOfManyNamesTheFirstAreShown(t *testing.T) {
	names := func(n, length int) []string { return slices.Repeat([]string{strings.Repeat("n", length)}, n) }
	for _, c := range []struct{ n, length, shown int }{{60, 1, 60}, {61, 1, 60}, {10, 100, 10}, {11, 100, 10}, {3, 999, 2}, {3, 1000, 1}} {
		hint := rule.Suggest("xyz", names(c.n, c.length))
		require.Equal(t, c.shown, strings.Count(hint, strings.Repeat("n", c.length)+",")+strings.Count(hint, strings.Repeat("n", c.length)+" and")+
			map[bool]int{true: 1}[c.shown == c.n], "%d of %d bytes", c.n, c.length)
		require.Equal(t, c.shown < c.n, strings.HasSuffix(hint, fmt.Sprintf(" and %d more", c.n-c.shown)))
	}
}

func TestNounsHaveTypesInPlainWords(t *testing.T) {
	types := map[string]string{}
	for _, noun := range rule.Nouns() {
		types[noun.Name] = noun.Type
		require.NotEmpty(t, noun.Doc, noun.Name)
	}
	for name, want := range map[string]string{
		"title": "text", "size": "number", "duration": "number", "source_gone": "true or false", "tags": "list of texts", "streams": "list of streams", "uploaded": "time",
	} {
		require.Equal(t, want, types[name], name)
	}
}
