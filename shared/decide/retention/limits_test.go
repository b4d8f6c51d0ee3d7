package retention_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
)

// many repeats what f makes of a number, so often that the file is still read.
func many(head string, n int, f func(i int) string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		if line := f(i); b.Len()+len(line) < 1<<20-200 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A policy file of any content is read or refused in a moment: some of these took a minute,
// or half a gigabyte. What is reckoned instead of the time is what was allocated.
func TestNoPolicyTakesLongToCheck(t *testing.T) {
	one := func(i int) string {
		return fmt.Sprintf("- {name: r%d, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\n", i)
	}
	with := func(key string, value string) string { return key + ": " + value + "\nrules:\n" + one(0) }
	words := func(word string, n int) string {
		return "[" + many("", n, func(i int) string { return fmt.Sprintf("%s%d,", word, i) }) + "]"
	}
	test := func(media string) func(int) string {
		return func(int) string { return "- {media: {age_days: 31, tags: [temp" + media + "]}, removes: [video]}\n" }
	}
	hard := "rules:\n- {name: a, older_than: 30d, remove: {video: true}, select: 'title matches \"(a|b){1,290}c\"'}\n"
	for name, c := range map[string]struct{ text, want string }{
		"nothing, listed":        {many("rules:\n", 400_000, func(int) string { return "-\n" }), "more than 1000 values are left empty"},
		"nothing, named":         {with("holds", "{"+words("k", 2_000)[1:]), "more than 1000 values are left empty"},
		"aliases":                {with("a", "&a 1\nb: ["+strings.Repeat("*a,", 300_000)+"1]"), "more than 300000 words and signs"},
		"rules":                  {many("rules:\n", 4_001, one), "4001 rules, keep rules and quotas, at most 4000"},
		"rules and keep rules":   {many("rules:\n", 3_000, one) + many("keep:\n", 1_001, func(i int) string { return fmt.Sprintf("- {name: k%d, newest: 3}\n", i) }), "4001 rules, keep rules and quotas"},
		"rules and tests":        {many("rules:\n", 1_000, one) + many("tests:\n", 2_000, test("")), "the tests take too long: 2000, of 1000 rules and holds"},
		"rules without a name":   {many("rules:\n", 4_100, func(int) string { return "- {}\n" }), "rules, keep rules and quotas, at most 4000"},
		"unknown keys":           {many("rules:\n", 2_000, func(int) string { return "- {selekt: x, oldr_than: y}\n" }), "there are more mistakes"},
		"unknown words":          {"rules:\n- {name: a, older_than: 30d, remove: {images: " + words("Portrait", 2_000) + "}}\n", "words, at most 100"},
		"formats":                {"rules:\n- {name: a, older_than: 30d, remove: {streams: {format: " + words("mp", 2_000) + "}}}\n", "words, at most 100"},
		"hold tags":              {with("holds", "{tags: "+words("t", 2_001)+"}"), "tags, at most 2000"},
		"hold tags and tests":    {with("holds", "{tags: "+words("t", 2_000)+"}") + many("tests:\n", 900, test(", kepe")), "the tests take too long: 900, of 2001 rules and holds"},
		"held categories":        {with("holds", "{categories: "+words("1", 10_001)+"}"), "categories, at most 10000"},
		"categories and tests":   {with("holds", "{categories: "+words("1", 9_000)+"}") + many("tests:\n", 300, test("")), "the tests take too long: 300, of 9001 rules and holds"},
		"a long hold tag":        {with("holds", "{tags: ['"+strings.Repeat("ﷺ", 30_000)+"']}"), "no asset can carry this tag"},
		"a long dated hold":      {with("holds", "{until: '"+strings.Repeat("ﷺ", 30_000)+"'}"), "no tag begins so"},
		"failing tests":          {"rules:\n" + one(0) + many("tests:\n", 1_000, func(int) string { return "- {media: {age_days: 31, tags: [temp]}, removes: []}\n" }), "there are more mistakes"},
		"a test with many items": {"rules:\n" + one(0) + "tests:\n- {removes: [], media: {labels: " + words("l", 20_000) + "}}\n", "the tests take too long: 1, of 1 rules and holds"},
		"a test of a long title": {hard + "tests:\n- {removes: [], media: {title: '" + strings.Repeat("ab", 400_000) + "'}}\n", "the tests take too long: 1, of 1 rules and holds"},
		"what people may write":  {many("rules:\n", 100, one) + many("tests:\n", 500, test("")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := retention.Parse("p.yaml", []byte(c.text))
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
