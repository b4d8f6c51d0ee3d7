package tagging_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

func parse(t require.TestingT, text string) *tagging.Rules {
	rules, err := tagging.Parse("rules.yaml", []byte(text))
	require.NoError(t, err)
	return rules
}

func decide(t *testing.T, rules *tagging.Rules, s rule.Sample) tagging.Decision {
	t.Helper()
	f := s.Facts()
	before := fmt.Sprint(f)
	d := rules.Decide(&f)
	require.Equal(t, before, fmt.Sprint(f), "the facts it was given are untouched")
	require.Equal(t, d, rules.Decide(&f), "deciding twice is the same")
	require.NoError(t, d.Change.Check())
	return d
}

func TestTheDefaultRulesPassTheirOwnTests(t *testing.T) {
	results := tagging.Default().Test(nil)
	require.Len(t, results, 12)
	for _, r := range results {
		require.Empty(t, r.Faults, r.Name)
	}
}

func TestATagOfPeopleIsNeverTouched(t *testing.T) {
	rules := parse(t, `
retired: [old, "q:*"]
rules:
  - {name: a, when: 'title == "A"', add: [a, "codec:{codec}"]}
`)
	d := decide(t, rules, rule.Sample{Title: "B", Codec: "h264", Tags: []string{"people", "a", "codec:hevc", "old", "q:1", "q", "codec"}})
	require.Equal(t, []string{"a", "codec:hevc", "old", "q:1"}, d.Change.Tags.Remove)
	require.Empty(t, d.Change.Tags.Add)
	require.Equal(t, []string{"a"}, rules.Owners("codec:whatever"))
	require.Empty(t, rules.Owners("people"))
}

func TestAWaitingRuleKeepsWhatItProducedBefore(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: short, when: duration < 60, add: [short]}
  - {name: ai, when: len(labels) > 0, add: ["ai:{labels}"]}
  - {name: size, when: "true", add: ["size:{short_side}"]}
  - {name: plain, when: 'title == "x"', add: [plain]}
`)
	d := decide(t, rules, rule.Sample{Title: "y", Tags: []string{"short", "ai:cat", "plain", "size:720"}})
	require.Equal(t, []string{"plain"}, d.Change.Tags.Remove)
	require.Equal(t, []string{"short", "ai", "size"}, d.Waiting)
	d = decide(t, rules, rule.Sample{Title: "y", Duration: 90, Width: 9, Height: 8, Labels: []string{"dog", "bike"}, Tags: []string{"short", "ai:cat", "plain", "size:720"}})
	require.Equal(t, []string{"ai:bike", "ai:dog", "size:8"}, d.Change.Tags.Add)
	require.Equal(t, []string{"short", "ai:cat", "plain", "size:720"}, d.Change.Tags.Remove)
}

func TestRulesRunInOrderAndSeeWhatThoseBeforeAdded(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: one, when: 'title == "x"', add: [a]}
  - {name: two, when: '"a" in tags', add: [b], title: second}
  - {name: three, when: '"a" in tags', remove: [a], title: third, fields: {title: overwrite}}
  - {name: four, when: '"a" in tags', add: [never]}
  - {name: five, when: "true", category: Film, description: "{title} / {kind}", stop: true}
  - {name: six, when: "true", add: [unreached]}
categories: {Film: 77}
`)
	d := decide(t, rules, rule.Sample{Kind: "video", Title: "x", Tags: []string{"a"}})
	require.Equal(t, "third", *d.Change.Set.Title)
	require.Equal(t, int64(77), *d.Change.Set.Category)
	require.Equal(t, "third / video", *d.Change.Set.Description)
	require.Empty(t, d.Change.Tags.Add, "the title was x only before these rules set it")
	require.Equal(t, []string{"a"}, d.Change.Tags.Remove)
}

func TestFieldModes(t *testing.T) {
	for name, tc := range map[string]struct {
		mode, have string
		title      string
		desc       string
	}{
		"if-empty fills":        {"if-empty", "", "new", "new"},
		"if-empty leaves":       {"if-empty", "old", "", ""},
		"overwrite":             {"overwrite", "old", "new", "new"},
		"ignore":                {"ignore", "", "", ""},
		"overwrite of the same": {"overwrite", "new", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rules := parse(t, fmt.Sprintf("fields: {title: %s, description: %s}\nrules: [{name: a, when: 'true', title: new, description: new}]", tc.mode, tc.mode))
			d := decide(t, rules, rule.Sample{Title: tc.have, Description: tc.have})
			require.Equal(t, tc.title, text(d.Change.Set.Title))
			require.Equal(t, tc.desc, text(d.Change.Set.Description))
		})
	}
	rules := parse(t, "fields: {description: merge}\nrules: [{name: a, when: 'true', description: new}]")
	require.Equal(t, "old\nnew", text(decide(t, rules, rule.Sample{Description: "old"}).Change.Set.Description))
	require.True(t, decide(t, rules, rule.Sample{Description: "old\nnew\nmore"}).Change.Empty())

	rules = parse(t, "fields: {tags: if-empty}\nrules: [{name: a, when: 'title == \"x\"', add: [a]}]")
	require.Equal(t, []string{"a"}, decide(t, rules, rule.Sample{Title: "x"}).Change.Tags.Add)
	require.True(t, decide(t, rules, rule.Sample{Title: "y", Tags: []string{"a"}}).Change.Empty(), "a list that is there is left alone")
	require.True(t, decide(t, rules, rule.Sample{Title: "x", Tags: []string{"b"}}).Change.Empty())
	rules = parse(t, "fields: {tags: ignore}\nrules: [{name: a, when: 'true', add: [a]}]")
	require.True(t, decide(t, rules, rule.Sample{Tags: []string{"b"}}).Change.Empty())
}

func TestAStoppingRuleThatWaitsHoldsTheRest(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: gate, when: duration > 60, stop: true}
  - {name: after, when: "true", add: [after]}
`)
	d := decide(t, rules, rule.Sample{Tags: []string{"after"}})
	require.True(t, d.Change.Empty())
	require.Equal(t, []string{"gate", "after"}, d.Waiting)
	require.Equal(t, []string{"after"}, decide(t, rules, rule.Sample{Duration: 61, Tags: []string{"after"}}).Change.Tags.Remove)
	require.Equal(t, []string{"after"}, decide(t, rules, rule.Sample{Duration: 59}).Change.Tags.Add)
}

func TestTooManyTagsAreSettledByRuleOrderAndReported(t *testing.T) {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 10 {
		fmt.Fprintf(&b, "  - {name: r%d, when: 'true', add: [a%d, b%d]}\n", i, i, i)
	}
	rules := parse(t, b.String())
	d := decide(t, rules, rule.Sample{Tags: []string{"people", "b9", "more"}})
	require.Len(t, d.Change.Tags.Add, 14)
	require.Equal(t, "a0", d.Change.Tags.Add[0])
	require.Equal(t, "b6", d.Change.Tags.Add[13])
	require.Equal(t, []string{"b9"}, d.Change.Tags.Remove, "a tag of a later rule makes room for those of earlier ones")
	require.Len(t, d.Dropped, 6)
	require.Contains(t, d.Dropped[0], `no room for "a7"`)
	require.Len(t, d.Change.Tags.Apply([]string{"people", "b9", "more"}), 16)

	var many []string
	for i := range 18 {
		many = append(many, fmt.Sprint("p", i))
	}
	d = decide(t, rules, rule.Sample{Tags: many})
	require.True(t, d.Change.Empty(), "more tags of people than fit are theirs to settle")
	require.Len(t, d.Dropped, 20)
}

// VOD gives labels in any order. Where there is no room for all of them, the same ones are
// tags whatever it is, and no look changes what the one before has written.
func TestLabelsBeyondSixteenTagsHaveAStableOrder(t *testing.T) {
	rules := parse(t, `rules: [{name: ai, when: len(labels) > 0, add: ["ai:{labels|lower}"]}]`)
	var labels []string
	for i := range 30 {
		labels = append(labels, fmt.Sprintf("Label %02d", i))
	}
	want := func(labels []string, memory tagging.Memory, tags ...string) (tagging.Decision, tagging.Memory) {
		f := rule.Sample{Tags: tags, Labels: labels}.Facts()
		return rules.DecideFor(&f, memory, tagging.Whole, now)
	}
	first, memory := want(labels, tagging.Memory{}, "mine", "also mine")
	require.Len(t, first.Change.Tags.Add, 14)
	require.Equal(t, "ai:label 00", first.Change.Tags.Add[0])
	require.Len(t, first.Dropped, 16)
	tags := first.Change.Tags.Apply([]string{"mine", "also mine"})
	turned := slices.Clone(labels)
	slices.Reverse(turned)
	again, next := want(turned, memory, tags...)
	require.True(t, again.Change.Empty(), again.Reasons)
	require.Equal(t, memory.Told, next.Told, "what is dropped is told once")
	other, _ := want(turned, tagging.Memory{}, "mine", "also mine")
	require.Equal(t, first.Change, other.Change)
}

func TestATextTheProviderWouldRefuseIsDroppedAndReported(t *testing.T) {
	rules := parse(t, `
fields: {title: overwrite, description: overwrite}
rules: [{name: a, when: "true", add: ["by:{user_data}", "ai:{labels}", ok], title: "{user_data}", description: "{user_data}"}]`)
	d := decide(t, rules, rule.Sample{UserData: "🎬 " + strings.Repeat("字", 50), Labels: []string{"a,b", "fine", " ", ""}})
	require.Equal(t, []string{"ai:fine", "ok"}, d.Change.Tags.Add)
	require.Len(t, d.Dropped, 4)
	require.Nil(t, d.Change.Set.Title)
	d = decide(t, rules, rule.Sample{UserData: strings.Repeat("字", 50), Labels: []string{}})
	require.Nil(t, d.Change.Set.Title, "never cut")
	require.Contains(t, d.Dropped[1], "has 150 bytes, at most 128")
	require.Equal(t, strings.Repeat("字", 50), *d.Change.Set.Description)
}

func TestHandsOff(t *testing.T) {
	rules := parse(t, `
lock: mine
hands_off: [Legal, "42"]
categories: {Film: 77}
rules: [{name: a, when: "true", add: [a]}]`)
	for name, tc := range map[string]struct {
		sample rule.Sample
		locked string
	}{
		"free":                          {rule.Sample{}, ""},
		"lock tag":                      {rule.Sample{Tags: []string{"mine"}}, `it has the tag "mine"`},
		"lock tag in other case":        {rule.Sample{Tags: []string{"Mine"}}, `it has the tag "Mine"`},
		"another word":                  {rule.Sample{Tags: []string{"mined"}}, ""},
		"category in other case":        {rule.Sample{Category: "LEGAL"}, `category "LEGAL" is hands-off`},
		"category by name":              {rule.Sample{Category: "Legal"}, `category "Legal" is hands-off`},
		"category by id":                {rule.Sample{CategoryID: 42, Category: "x"}, "category 42 is hands-off"},
		"other category":                {rule.Sample{CategoryID: 7, Category: "Sport"}, ""},
		"a category without name locks": {rule.Sample{CategoryID: 7}, "the name of category 7 is not known, and some names are hands-off"},
		"unless the file names it":      {rule.Sample{CategoryID: 77}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(t, rules, tc.sample)
			require.Equal(t, tc.locked, d.Locked)
			for _, tag := range tc.sample.Tags {
				require.Equal(t, tc.locked != "", rules.Locks(tag))
			}
			require.Equal(t, tc.locked != "", d.Change.Empty())
		})
	}
}

func TestARuleThatWouldUndoItselfWritesNothing(t *testing.T) {
	rules := parse(t, `rules: [{name: rename, when: '"draft" in tags', remove: [draft], add: [new]}]`)
	d := decide(t, rules, rule.Sample{Tags: []string{"draft"}})
	require.True(t, d.Change.Empty())
	require.Contains(t, d.Faults[0], "the next event would change it again")
	rules = parse(t, `rules: [{name: drop, when: '"draft" in tags', remove: ["dra*"]}]`)
	require.Equal(t, []string{"draft"}, decide(t, rules, rule.Sample{Tags: []string{"draft", "x"}}).Change.Tags.Remove)
}

func TestRulesThatNeverComeToRestSetNothing(t *testing.T) {
	rules := parse(t, `
fields: {title: overwrite}
rules:
  - {name: a, when: 'title == "x"', title: y}
  - {name: b, when: 'title == "y"', title: x}`)
	d := decide(t, rules, rule.Sample{Title: "x"})
	require.True(t, d.Change.Empty())
	require.Contains(t, d.Dropped[0], "do not come to rest")
}

func TestATagRemovedWhileATitleSettlesIsRemovedOnce(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: title, when: "true", title: x}
  - {name: drop, when: '"a" in tags', remove: [a]}`)
	d := decide(t, rules, rule.Sample{Tags: []string{"a", "b"}})
	require.Equal(t, []string{"a"}, d.Change.Tags.Remove, "the second round sees the tags as the first did")
	require.Equal(t, []string{"title", "drop"}, d.Matched)
}

func TestEveryPartOfAChangeSaysWhereItComesFrom(t *testing.T) {
	rules := parse(t, `
retired: [old]
categories: {Film: 77}
fields: {title: overwrite, description: overwrite, category: overwrite}
rules:
  - {name: all, when: 'kind == "image"', add: [a], remove: [p], title: T, description: D, category: Film}
  - {name: other, when: 'title == "never"', add: [o]}
  - {name: number, when: 'title == "never"', category: "5"}`)
	d := decide(t, rules, rule.Sample{Kind: "image", Tags: []string{"p", "old", "o"}})
	require.Equal(t, video.KindImage, d.Change.Kind)
	require.Equal(t, []tagging.Reason{
		{Field: "tags", Act: "add", Value: "a", Rule: "all", Why: `rule "all" holds`},
		{Field: "tags", Act: "remove", Value: "p", Rule: "all", Why: `rule "all" removes it`},
		{Field: "tags", Act: "remove", Value: "old", Why: "it is retired"},
		{Field: "tags", Act: "remove", Value: "o", Why: "no rule produces it any more, and it is a tag of: other"},
		{Field: "title", Act: "set", Value: "T", Rule: "all", Why: `rule "all" holds (overwrite)`},
		{Field: "description", Act: "set", Value: "D", Rule: "all", Why: `rule "all" holds (overwrite)`},
		{Field: "category", Act: "set", Value: "77 Film", Rule: "all", Why: `rule "all" holds (overwrite)`},
	}, d.Reasons)
	d = decide(t, rules, rule.Sample{Kind: "video", Title: "T", Description: "D", Category: "Film", CategoryID: 77})
	require.Equal(t, tagging.Decision{ID: "sample", Change: video.Change{ID: "sample"}}, d)
	require.Equal(t, []string{"all", "other", "number"}, rules.Names())
	require.Len(t, rules.Version, 12)
	require.NotEqual(t, rules.Version, tagging.Default().Version)
}

func TestWhatIsSetIsAFactToAllRulesAndTheRestStaysAsItWas(t *testing.T) {
	rules := parse(t, `
fields: {title: overwrite, category: overwrite}
categories: {Film: 77}
rules:
  - {name: early, when: 'category == "Film"', add: [film]}
  - {name: described, when: 'description == "d"', add: [described]}
  - {name: was, when: 'title == "x"', title: y}
  - {name: is, when: 'title == "y" and category_id == 77', add: [is]}
  - {name: sort, when: "true", category: Film}`)
	d := decide(t, rules, rule.Sample{Title: "x", Description: "d", CategoryID: 7, Category: "Zoo"})
	require.Equal(t, []string{"film", "described", "is"}, d.Change.Tags.Add)
	require.Equal(t, []string{"early", "described", "was", "is", "sort"}, d.Matched, "in the order of the file, once each")
	require.Empty(t, d.Dropped)
	rules = parse(t, "rules:\n  - {name: a, when: 'category_id == 7 and description == \"d\"', add: [a]}\n  - {name: t, when: 'title == \"\"', title: T}")
	d = decide(t, rules, rule.Sample{Description: "d", CategoryID: 7, Category: "Zoo"})
	require.Equal(t, []string{"a"}, d.Change.Tags.Add)
	require.Equal(t, "T", text(d.Change.Set.Title))
	require.Empty(t, d.Dropped)
	rules = parse(t, "rules:\n  - {name: seen, when: 'description == \"D\"', add: [seen]}\n  - {name: sets, when: 'description == \"\" or description == \"D\"', description: D}")
	d = decide(t, rules, rule.Sample{})
	require.Equal(t, []string{"seen"}, d.Change.Tags.Add, "a description is a fact to the rules before the one that sets it")
}

func TestACircleOfThreeSetsNothing(t *testing.T) {
	rules := parse(t, `
fields: {title: overwrite}
rules:
  - {name: a, when: 'title == "x"', title: y}
  - {name: b, when: 'title == "y"', title: z}
  - {name: c, when: 'title == "z"', title: x}`)
	require.True(t, decide(t, rules, rule.Sample{Title: "x"}).Change.Empty())
}

func TestALaterRuleTakesBackWhatAnEarlierOneAdds(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: add, when: "true", add: [a, b]}
  - {name: remove, when: "true", remove: [a]}
  - {name: look, when: '"a" in tags', add: [seen]}`)
	d := decide(t, rules, rule.Sample{Tags: []string{"a"}})
	require.Equal(t, []string{"b"}, d.Change.Tags.Add)
	require.Equal(t, []string{"a"}, d.Change.Tags.Remove)
	rules = parse(t, `{fields: {tags: ignore}, retired: [r], rules: [{name: a, when: "true", remove: [p, q]}]}`)
	require.True(t, decide(t, rules, rule.Sample{Tags: []string{"p", "q", "r"}}).Change.Empty(), "a list that is to be ignored loses nothing")
}

func TestATextWaitsForItsFacts(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: title, when: "true", title: "{codec} clip"}
  - {name: text, when: "true", description: "{codec} clip"}
  - {name: gate, when: duration > 60, stop: true}
  - {name: after, when: "true", add: [after]}`)
	d := decide(t, rules, rule.Sample{})
	require.Equal(t, []string{"title", "text", "gate", "after"}, d.Waiting)
	require.True(t, d.Change.Empty())
}

func TestUsesNamesWhatTheRulesAskFor(t *testing.T) {
	for _, one := range []string{
		`when: len(labels) > 0, add: [a]`, `when: "true", add: ["x:{labels}"]`, `when: "true", title: "{user_data}"`, `when: "true", description: "{user_data}"`,
	} {
		rules := parse(t, "rules: [{name: a, "+one+"}]")
		require.Equal(t, strings.Contains(one, "labels"), rules.Uses("labels"), one)
		require.Equal(t, strings.Contains(one, "user_data"), rules.Uses("user_data"), one)
		require.False(t, rules.Uses("fps"), one)
	}
}

func TestOwnersAreInTheOrderOfTheFile(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: one, when: "true", add: ["k:{title}"]}
  - {name: two, when: "true", add: ["k:x"]}
  - {name: three, when: "true", add: ["k:{codec}", "z:{codec}"]}`)
	require.Equal(t, []string{"one", "two", "three"}, rules.Owners("k:x"))
	require.Equal(t, []string{"three"}, rules.Owners("z:x"))
}

func TestExplainOfAFailingALockedAndAnEarlierTag(t *testing.T) {
	rules := parse(t, `
retired: [old]
rules:
  - {name: fails, when: 'tags[5] == "x"', add: [a]}
  - {name: two, when: 'title == "x"', add: [b]}
  - {name: three, when: '"b" in tags', add: [c]}`)
	f := rule.Sample{Title: "x", Tags: []string{"a", "b", "mine", "old"}}.Facts()
	e := rules.Explain(&f)
	require.Contains(t, e.Rules[0].Result, "error: ")
	require.Equal(t, "matched", e.Rules[2].Result)
	require.Equal(t, "yes", e.Rules[2].Parts[0].Result)
	require.Equal(t, map[string]any{"tags": []string{"mine", "b"}}, e.Rules[2].Parts[0].Values, "as the rule saw them")
	require.Equal(t, []tagging.TagView{
		{Tag: "a", Fate: "stays", Owner: []string{"fails"}, Why: "belongs to fails"},
		{Tag: "b", Fate: "stays", Owner: []string{"two"}, Why: "belongs to two"},
		{Tag: "mine", Fate: "stays", Owner: []string{"people"}, Why: "belongs to people"},
		{Tag: "old", Fate: "removed", Owner: []string{"retired"}, Why: "it is retired"},
		{Tag: "c", Fate: "added", Owner: []string{"three"}, Why: `rule "three" holds`},
	}, e.Tags)
	f = rule.Sample{Tags: []string{"hands-off"}}.Facts()
	e = rules.Explain(&f)
	require.Equal(t, []tagging.RuleView{{Name: "fails", Result: "not reached"}, {Name: "two", Result: "not reached"}, {Name: "three", Result: "not reached"}}, e.Rules)
}

func TestATestOfAFileSeesAFaultAndASecondEvent(t *testing.T) {
	rules := parse(t, `
categories: {Film: 77}
rules:
  - {name: fails, when: 'tags[5] == "x"', add: [a]}
  - {name: sort, when: 'title == "x"', category: Film}
tests:
  - {name: by name, media: {title: x, tags: [p, q, r, s, t, u]}, expect: {category: Film}}
  - {name: by id, media: {title: x, tags: [p, q, r, s, t, u]}, expect: {category: "77"}}
  - {name: short list, media: {title: y}, expect: {}}
  - {name: wrong, media: {title: x, tags: [p, q, r, s, t, u]}, expect: {}}`)
	results := rules.Test(nil)
	require.Equal(t, "by name", results[0].Name)
	require.Empty(t, results[0].Faults)
	require.Empty(t, results[1].Faults)
	require.Len(t, results[2].Faults, 1)
	require.Contains(t, results[2].Faults[0], "rule failed: fails: ")
	require.Equal(t, []string{"category: want , got Film"}, results[3].Faults)
}

func TestTextsFitToTheByte(t *testing.T) {
	rules := parse(t, `{fields: {title: overwrite}, rules: [{name: a, when: "true", title: "{user_data}"}]}`)
	for in, fits := range map[string]bool{
		strings.Repeat("x", 128):       true,
		strings.Repeat("x", 129):       false,
		strings.Repeat("x", 126) + "é": true,
		strings.Repeat("x", 127) + "é": false,
	} {
		d := decide(t, rules, rule.Sample{UserData: in})
		if fits {
			require.Equal(t, in, text(d.Change.Set.Title))
		} else {
			require.Nil(t, d.Change.Set.Title, "a text is never cut silently")
			require.Len(t, d.Dropped, 1)
		}
	}
	exact := "rules: [{name: a, when: 'true', title: " + strings.Repeat("x", 128) + ", add: [" + strings.Repeat("t", 32) + "]}]"
	parse(t, exact)
	var tags []string
	for i := range 16 {
		tags = append(tags, fmt.Sprint("t", i))
	}
	parse(t, "rules: [{name: a, when: 'true', add: ["+strings.Join(tags, ", ")+"]}]")
}

func TestATagThatStaysAndIsWantedTakesOnePlace(t *testing.T) {
	rules := parse(t, `
retired: ["a-2024*"]
rules:
  - {name: waits, when: duration > 60, add: [a]}
  - {name: holds, when: "true", add: [a]}`)
	tags := []string{"a"}
	for i := range 15 {
		tags = append(tags, fmt.Sprint("p", i))
	}
	d := decide(t, rules, rule.Sample{Tags: tags})
	require.True(t, d.Change.Empty())
	require.Empty(t, d.Dropped)
}

func TestARuleThatFailsKeepsItsTags(t *testing.T) {
	rules := parse(t, `rules: [{name: a, when: 'tags[5] == "x"', add: [a]}, {name: b, when: "true", add: [b]}]`)
	d := decide(t, rules, rule.Sample{Tags: []string{"a"}})
	require.Equal(t, []string{"b"}, d.Change.Tags.Add)
	require.Empty(t, d.Change.Tags.Remove)
	require.Contains(t, d.Faults[0], "a: ")
}

// What stands behind the last dot of a title is mostly no ending of a file.
func TestOnlyEndingsOfMediaFilesAreCut(t *testing.T) {
	rules := parse(t, `
fields: {title: overwrite}
rules: [{name: a, when: "true", title: "{title|stem}"}]`)
	for _, title := range []string{"Lesson No. 12", "Ep.10", "St. Ann", "Show Vol.2", "v1.2", "Dr.Who", "a.tar.gz", ".mp4", "mp4"} {
		require.Nil(t, decide(t, rules, rule.Sample{Title: title}).Change.Set.Title, title)
	}
	for title, want := range map[string]string{"a.mp4": "a", "Ep.10.MOV": "Ep.10", "Show Vol.2.mkv": "Show Vol.2"} {
		require.Equal(t, want, *decide(t, rules, rule.Sample{Title: title}).Change.Set.Title)
	}
}

func TestFileNamesAreCleaned(t *testing.T) {
	rules := parse(t, `
unwanted: [final, copy, IMG]
fields: {title: overwrite}
rules: [{name: a, when: "true", title: "{file_name|clean|caps}"}]`)
	for file, want := range map[string]string{
		"harbour-walk.mp4":               "Harbour Walk",
		"IMG_20260621_142233.MOV":        "",
		"2026-06-21 My.Trip (final).mp4": "My Trip",
		"VOD_for_iPhone_FINAL-copy.mp4":  "VOD For iPhone",
		"预告片_2026.06.21.mp4":             "预告片",
		"part 3 of 20260621x.mp4":        "Part 3 Of X",
		"season2026.mp4":                 "Season2026",
		"no extension":                   "No Extension",
		".hidden":                        "Hidden",
		"a.b":                            "A B",
		"a.tar.gz":                       "A Tar Gz",
		"Harbour.M2TS":                   "Harbour",
		"poster.HEIC ":                   "Poster",
		".mp4":                           "Mp4",
		"Lesson No. 12":                  "Lesson No 12",
		"Ep.10":                          "Ep 10",
		"St. Ann":                        "St Ann",
		"Show Vol.2":                     "Show Vol 2",
		"Show Vol.2.mp4":                 "Show Vol 2",
		"v1.2 long.sentence. with dots":  "V1 2 Long Sentence With Dots",
		"12345678.mp4":                   "12345678",
		"20261399.mp4":                   "20261399",
		"walk 2026-06-21T14:22:33 x.mp4": "Walk X",
		"two 20260621 and 20260622 .mp4": "Two And",
	} {
		d := decide(t, rules, rule.Sample{FileName: file})
		require.Equal(t, want, text(d.Change.Set.Title), file)
		if want != "" {
			again := decide(t, rules, rule.Sample{FileName: file, Title: want})
			require.True(t, again.Change.Empty(), file)
		}
	}
}

func TestEveryMistakeInARulesFileIsToldAtOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = tagging.Parse(filepath.Base(file), raw)
			require.Error(t, err)
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644))
			}
			want, _ := os.ReadFile(golden)
			require.Equal(t, string(want), err.Error()+"\n")
			require.Empty(t, cmpLines(raw, err), "the mistakes that the comments in the file announce, and no other")
		})
	}
}

// cmpLines compares the lines that carry a comment "# wrong" with those named by the faults.
func cmpLines(raw []byte, err error) (differences []string) {
	var want, got []int
	for i, line := range strings.Split(string(raw), "\n") {
		if strings.Contains(line, "# wrong") {
			want = append(want, i+1)
		}
	}
	for _, fault := range rule.Faults(err) {
		got = append(got, fault.Line)
	}
	got = slices.Compact(got)
	if !slices.Equal(want, got) {
		differences = append(differences, fmt.Sprintf("announced in lines %v, told in %v", want, got))
	}
	return differences
}

// What a file may make of one asset is bounded, whatever it holds.
func TestATextIsFilledInInAMoment(t *testing.T) {
	rules := func(add, title string) string {
		return fmt.Sprintf("rules: [{name: r, when: 'true', add: [%q], title: %q}]", add, title)
	}
	for text, want := range map[string]string{
		rules("ai:{labels}{labels}", "x"):                         "{labels} is a list and stands here twice",
		rules("x", strings.Repeat("{file_name}", 41)):             "more than 40 parts",
		rules("x", "{file_name"+strings.Repeat("|lower", 11)+"}"): "more than 10 filters",
		rules("x", "{file_name|lowr}"):                            "did you mean lower?",
	} {
		_, err := tagging.Parse("rules.yaml", []byte(text))
		require.ErrorContains(t, err, want)
	}
	parse(t, rules("ai:{labels}", strings.Repeat("{file_name}", 40)))
	parse(t, rules("x", "{file_name"+strings.Repeat("|lower", 10)+"}"))

	var b strings.Builder // names to be compared with thousands of others
	b.WriteString("rules:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  - {name: %s%d, when: 'true', add: [x]}\n", strings.Repeat("n", 40), i)
	}
	b.WriteString("tests:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  - {name: t%d, media: {}, expect: {waiting: [%s]}}\n", i, strings.Repeat("q", 40))
	}
	_, err := tagging.Parse("rules.yaml", []byte(b.String()))
	require.ErrorContains(t, err, "there are more mistakes")
	require.Less(t, len(err.Error()), 1<<20)
}

func TestEveryRuleThatProducesARetiredTagIsNamed(t *testing.T) {
	_, err := tagging.Parse("rules.yaml", []byte(`
retired: [a, "bb*", "c:x*", "d", "e:1", "éx*", fine, "c"]
rules:
  - {name: one, when: "true", add: [a, b, bb, "d:{codec}", x, "e\u0301xy"]}
  - {name: two, when: "true", add: ["c:{codec}", a, "bb:{codec}"]}`))
	var got []string
	for _, fault := range rule.Faults(err) {
		got = append(got, fault.Message)
	}
	require.Equal(t, []string{
		`"a" is retired, but rule "one" produces it`, `"a" is retired, but rule "two" produces it`,
		`"bb*" is retired, but rule "one" produces it`, `"bb*" is retired, but rule "two" produces it`,
		`"c:x*" is retired, but rule "two" produces it`, `"éx*" is retired, but rule "one" produces it`,
	}, got)
}

// What each tag of an asset is compared with is bounded, and so is the time that it takes
// to compare a file with itself.
func TestAFileHoldsSoManyRetiredTagsAndBeginnings(t *testing.T) {
	file := func(retired, rules int) string {
		var b strings.Builder
		b.WriteString("retired:\n")
		for i := range retired {
			fmt.Fprintf(&b, "  - t%d*\n", i)
		}
		b.WriteString("rules:\n")
		for i := range rules {
			fmt.Fprintf(&b, "  - {name: r%d, when: 'true', add: [\"u%d:{codec}\"]}\n", i, i)
		}
		return b.String()
	}
	parse(t, file(2_000, 1_000))
	for text, want := range map[string]string{
		file(2_001, 1): "2001 tags, at most 2000", file(1, 1_001): "more than 1000 different beginnings", file(5_000, 10): "5000 tags, at most 2000",
		file(1, 4_001): "4001 rules, at most 4000",
	} {
		_, err := tagging.Parse("rules.yaml", []byte(text))
		require.ErrorContains(t, err, want)
		require.Len(t, rule.Faults(err), 1)
	}
}

// A wrong name among many rules took as long as sorting all of their names, and each
// test was run whatever it cost.
func TestTheTestsOfAFileTakeNoLongerThanItsRules(t *testing.T) {
	long := strings.Repeat("n", 150)
	file := func(rules int, tests string) string {
		var b strings.Builder
		b.WriteString("rules:\n")
		for i := range rules {
			fmt.Fprintf(&b, "- {name: %s%d, when: size > 1, add: [t%d]}\n", long, i, i)
		}
		return b.String() + "tests:\n" + tests
	}
	_, err := tagging.Parse("rules.yaml", []byte(file(500, "- {name: t, media: {size: 1}, expect: {waiting: ["+strings.Repeat("x,", 30_000)+"]}}\n")))
	require.ErrorContains(t, err, `no rule "x"`)
	require.Len(t, rule.Faults(err), 101)
	require.Less(t, len(err.Error()), 200_000)
	_, err = tagging.Parse("rules.yaml", []byte(file(500, strings.Repeat("- {name: t, media: {size: 1}, expect: {}}\n", 1_000))))
	require.ErrorContains(t, err, "the tests take too long: 1000, of 1000 rules and holds")
	require.Len(t, rule.Faults(err), 1)
}

func TestTestsInAFileFailWhenTheRulesDoNotAgree(t *testing.T) {
	rules := parse(t, `
rules:
  - {name: a, when: 'title == "x"', add: [a]}
  - {name: b, when: duration > 3, add: [b], title: T}
tests:
  - {name: good, media: {title: x}, expect: {add: [a], waiting: [b]}}
  - {name: bad, media: {file_name: f, duration: 5, tags: [b]}, expect: {add: [b], remove: [c], waiting: [a], description: D, category: "7", dropped: 1, locked: true}}
  - {name: from a file, fixture: media.json, expect: {add: [a, b]}}
  - {name: an image from a file, fixture: image.json, expect: {add: [a]}}
  - {name: not there, fixture: none.json, expect: {}}
`)
	results := rules.Test(fstest.MapFS{
		"media.json": {Data: []byte(`{"id":"a1","title":"x","duration":5000000000}`)},
		"image.json": {Data: []byte(`{"image":{"id":"a1","title":"x"}}`)},
	})
	require.Empty(t, results[0].Faults)
	require.Equal(t, []string{
		"add: want [b], got []", "remove: want [c], got []", `title: want none, got "T"`, `description: want "D", got none`,
		"category: want 7, got none", "waiting: want [a], got []", "dropped: want 1, got []", "locked: want true, got false",
	}, results[1].Faults)
	require.Empty(t, results[2].Faults)
	require.Empty(t, results[3].Faults)
	require.Contains(t, results[4].Faults[0], "none.json")
}

func TestExplainTellsWhatEveryRuleMadeOfIt(t *testing.T) {
	rules := parse(t, `
retired: [old]
rules:
  - {name: one, when: 'title == "x" and width > 100', add: [wide]}
  - {name: two, when: duration > 60, add: [long]}
  - {name: three, when: 'title != "x"', add: [other]}
  - {name: four, when: "true", add: [last], stop: true}
  - {name: five, when: "true", add: [never]}
`)
	f := rule.Sample{Kind: "video", Title: "x", Width: 200, Height: 100, Tags: []string{"mine", "old", "other"}}.Facts()
	e := rules.Explain(&f)
	var got []string
	for _, r := range e.Rules {
		got = append(got, r.Name+" "+r.Result)
	}
	require.Equal(t, []string{"one matched", "two waiting", "three no", "four matched", "five not reached"}, got)
	require.Equal(t, map[string]any{"width": 200}, e.Rules[0].Parts[1].Values)
	got = nil
	for _, tag := range e.Tags {
		got = append(got, fmt.Sprintf("%s %s %v", tag.Tag, tag.Fate, tag.Owner))
	}
	require.Equal(t, []string{"mine stays [people]", "old removed [retired]", "other removed [three]", "wide added [one]", "last added [four]"}, got)
}

// TestLaws: whatever the rules and the media, the change is legal, touches only
// what it may, and leaves nothing to change.
func TestLaws(t *testing.T) {
	conditions := []string{
		`true`, `title == "x"`, `title != "x"`, `"a" in tags`, `not ("b" in tags)`, `"p" in tags`, `duration > 60`,
		`not (duration > 60)`, `width > 5 or title == "x"`, `category_id == 7`, `description == ""`, `tags[3] == "a"`, `len(tags) > 2`,
	}
	tags := []string{"a", "b", "c", "p", "q", "k:x", "k:y", "hands-off"}
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		fmt.Fprintf(&b, "retired: [r]\nfields: {tags: %s, title: %s, description: %s, category: %s}\nrules:\n",
			rapid.SampledFrom([]string{"merge", "merge", "if-empty", "ignore"}).Draw(t, "tags"),
			rapid.SampledFrom([]string{"if-empty", "overwrite"}).Draw(t, "title"),
			rapid.SampledFrom([]string{"if-empty", "overwrite", "merge"}).Draw(t, "description"),
			rapid.SampledFrom([]string{"if-empty", "overwrite"}).Draw(t, "category"))
		named := map[string]bool{"r": true}
		for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
			fmt.Fprintf(&b, "  - name: r%d\n    when: '%s'\n", i, rapid.SampledFrom(conditions).Draw(t, "when"))
			switch rapid.IntRange(0, 6).Draw(t, "act") {
			case 0, 1, 2:
				add := rapid.SampledFrom([]string{"a", "b", "c", "k:{title}", "k:{labels}"}).Draw(t, "add")
				named[strings.Split(add, "{")[0]] = true
				fmt.Fprintf(&b, "    add: [%q]\n", add)
			case 3:
				remove := rapid.SampledFrom([]string{"a", "p", "q"}).Draw(t, "remove")
				named[remove] = true
				fmt.Fprintf(&b, "    remove: [%s]\n", remove)
			case 4:
				fmt.Fprintf(&b, "    title: %s\n", rapid.SampledFrom([]string{"x", "y", `"{file_name|clean}"`}).Draw(t, "to"))
			case 5:
				fmt.Fprintf(&b, "    description: %s\n", rapid.SampledFrom([]string{"x", `"about {title}"`}).Draw(t, "to"))
			case 6:
				b.WriteString("    category: 7\n")
			}
			if rapid.IntRange(0, 9).Draw(t, "stop") == 0 {
				b.WriteString("    stop: true\n")
			}
		}
		rules := parse(t, b.String())
		s := rule.Sample{
			Kind:     rapid.SampledFrom([]string{"", "video", "audio", "image"}).Draw(t, "kind"),
			Title:    rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "title"),
			Duration: rapid.SampledFrom([]float64{0, 30, 90}).Draw(t, "duration"),
			Width:    rapid.SampledFrom([]int{0, 3, 9}).Draw(t, "width"),
			FileName: rapid.SampledFrom([]string{"", "my_file.mp4"}).Draw(t, "file"),
			Tags:     rapid.SliceOfNDistinct(rapid.SampledFrom(append(tags, "r")), 0, 5, rapid.ID[string]).Draw(t, "tags"),
		}
		if rapid.Bool().Draw(t, "labelled") {
			s.Labels = rapid.SliceOf(rapid.SampledFrom([]string{"x", "y"})).Draw(t, "labels")
		}
		f := s.Facts()
		d := rules.Decide(&f)
		require.NoError(t, d.Change.Check())
		for _, tag := range slices.Concat(d.Change.Tags.Add, d.Change.Tags.Remove) {
			require.True(t, named[tag] || named["k:"] && strings.HasPrefix(tag, "k:"), "touched %q, which no rule names\n%s", tag, b.String())
		}
		for _, tag := range d.Change.Tags.Remove {
			require.Contains(t, f.Tags, tag)
		}
		for _, tag := range d.Change.Tags.Add {
			require.NotContains(t, f.Tags, tag)
		}
		require.LessOrEqual(t, len(d.Change.Tags.Apply(f.Tags)), video.MaxTags)
		after := s
		after.Tags = d.Change.Tags.Apply(f.Tags)
		if p := d.Change.Set.Title; p != nil {
			after.Title = *p
		}
		if p := d.Change.Set.Description; p != nil {
			after.Description = *p
		}
		if p := d.Change.Set.Category; p != nil {
			after.CategoryID = *p
		}
		f = after.Facts()
		again := rules.Decide(&f)
		require.True(t, again.Change.Empty(), "a second event changes it again: %v\n%s\nfirst: %v", again.Reasons, b.String(), d.Reasons)
	})
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Whoever writes the lock in another way means it.
func TestALockLocksHoweverItIsWritten(t *testing.T) {
	rules := parse(t, `rules: [{name: a, when: "true", add: [a]}]`)
	for _, tag := range []string{"hands-off", "Hands-Off", "ｈａｎｄｓ－ｏｆｆ", "hands\u200B-off", "hands–off", "legal，hands-off", " HANDS‑OFF"} {
		require.Equal(t, fmt.Sprintf("it has the tag %q", tag), decide(t, rules, rule.Sample{Tags: []string{"x", tag}}).Locked)
	}
	for _, tag := range []string{"handsoff", "hands off", "hands_off", "hands-of", "hаnds-off"} {
		require.Contains(t, decide(t, rules, rule.Sample{Tags: []string{tag}}).Locked, "looks like the lock", tag)
	}
	for _, tag := range []string{"hands", "hands-on", "off", "a"} {
		require.Empty(t, decide(t, rules, rule.Sample{Tags: []string{tag}}).Locked, tag)
	}
	_, err := tagging.Parse("rules.yaml", []byte(`rules: [{name: a, when: "true", add: [Hands Off]}]`))
	require.ErrorContains(t, err, "looks like the lock")
}

func TestComposedAndDecomposedLettersAreOneTag(t *testing.T) {
	rules := parse(t, "rules: [{name: cafe, when: 'has_word(title, \"tour\")', add: [\"caf\u00e9\"]}]")
	const apart, composed = "cafe\u0301", "caf\u00e9"
	require.True(t, decide(t, rules, rule.Sample{Title: "tour", Tags: []string{apart}}).Change.Empty())
	require.Equal(t, []string{apart}, decide(t, rules, rule.Sample{Title: "tour", Tags: []string{apart, composed}}).Change.Tags.Remove)
	require.Equal(t, []string{apart}, decide(t, rules, rule.Sample{Title: "x", Tags: []string{apart, "b"}}).Change.Tags.Remove)
	rules = parse(t, "rules: [{name: old, when: 'true', remove: [\"caf\u00e9\"]}]")
	require.Equal(t, []string{apart}, decide(t, rules, rule.Sample{Tags: []string{apart}}).Change.Tags.Remove)
}

// A tag made of what an asset cannot have is not made, and nothing waits for it.
func TestWhatDoesNotApplyMakesNoTag(t *testing.T) {
	rules := parse(t, `rules: [{name: shape, when: "true", add: ["fps:{fps}", "codec:{codec}"]}]`)
	d := decide(t, rules, rule.Sample{Kind: "audio", Duration: 5, Codec: "aac"})
	require.Equal(t, []string{"codec:aac"}, d.Change.Tags.Add)
	require.Empty(t, d.Waiting)
}

// The creating call counts characters and the update call bytes, so people's tags may
// be some that no update can carry.
func TestATagOfPeopleThatNoUpdateCanCarryStopsTheTagsOnly(t *testing.T) {
	rules := parse(t, `{fields: {title: overwrite}, rules: [{name: a, when: "true", add: [promo], title: "new"}]}`)
	long := strings.Repeat("字", 20)
	d := decide(t, rules, rule.Sample{Tags: []string{long}})
	require.True(t, d.Change.Tags.Empty(), "nothing is sent that cannot pass")
	require.Equal(t, "new", text(d.Change.Set.Title))
	require.Len(t, d.Dropped, 1)
	require.Contains(t, d.Dropped[0], "has 60 bytes, at most 32")
	require.Equal(t, []tagging.Reason{{Field: "title", Act: "set", Value: "new", Rule: "a", Why: `rule "a" holds (overwrite)`}}, d.Reasons)

	facts := rule.Sample{Tags: []string{long}}.Facts()
	for _, tag := range rules.Explain(&facts).Tags {
		require.Equal(t, "stays", tag.Fate)
	}
	d = decide(t, parse(t, `rules: [{name: a, when: "true", remove: ["字*"]}]`), rule.Sample{Tags: []string{long, "mine"}})
	require.Equal(t, []string{long}, d.Change.Tags.Remove, "the rest passes")
}
