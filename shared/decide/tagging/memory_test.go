package tagging_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// shelf is one asset as it goes through the days of rules and people.
type shelf struct {
	t      require.TestingT
	title  string
	tags   []string
	memory tagging.Memory
}

func (s *shelf) rules(r *tagging.Rules, reach tagging.Reach) tagging.Decision {
	s.memory = s.memory.Seen(s.tags, nil)
	facts := rule.Sample{Title: s.title, Tags: s.tags}.Facts()
	d, next := r.DecideFor(&facts, s.memory, reach, now)
	s.tags, s.memory = d.Change.Tags.Apply(s.tags), next
	return d
}

var now = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

const promoRules = `rules: [{name: promo, when: 'title matches "Promo"', add: [promo]}, {name: any, when: "true", add: [clip]}]`

func TestOnlyWhatARuleWroteIsTakenBack(t *testing.T) {
	r := parse(t, promoRules)
	s := &shelf{t: t, title: "Ein Gespräch", tags: []string{"promo", "city"}}
	require.Empty(t, s.rules(r, tagging.Whole).Change.Tags.Remove, "an editor's own, of an asset that no rule has touched")
	require.Equal(t, []string{"promo", "city", "clip"}, s.tags)

	s = &shelf{t: t, title: "Promo"}
	s.rules(r, tagging.Whole)
	require.Equal(t, []string{"promo", "clip"}, s.tags)
	s.title = "Talk"
	d := s.rules(r, tagging.OnlyAdd)
	require.True(t, d.Change.Empty(), "add never removes")
	s.rules(r, tagging.Whole)
	require.Equal(t, []string{"clip"}, s.tags)

	// Also what a rule gave that is gone from the file.
	s.rules(parse(t, `rules: [{name: other, when: "true", add: [x]}]`), tagging.Whole)
	require.Equal(t, []string{"x"}, s.tags)

	retired := parse(t, `{retired: [old], rules: [{name: r, when: "true", remove: ["bad*"], add: [x]}]}`)
	s = &shelf{t: t, tags: []string{"old", "badly"}}
	s.rules(retired, tagging.OnlyAdd)
	require.Equal(t, []string{"old", "badly", "x"}, s.tags, "add never removes, whatever the file names")
	s.rules(retired, tagging.Whole)
	require.Equal(t, []string{"x"}, s.tags)
}

func TestATagThatPeopleTookAwayComesBackOnlyWhenItsRuleChanges(t *testing.T) {
	r := parse(t, promoRules)
	s := &shelf{t: t, title: "Promo"}
	s.rules(r, tagging.Whole)
	s.tags = []string{"clip"}
	for range 3 {
		require.True(t, s.rules(r, tagging.Whole).Change.Empty())
	}
	facts := rule.Sample{Title: s.title, Tags: s.tags}.Facts()
	views := r.ExplainFor(&facts, s.memory, tagging.Whole).Tags
	require.Equal(t, "declined", views[len(views)-1].Fate)
	require.Equal(t, now, views[0].Since)

	renamed := parse(t, `rules: [{name: another name, when: 'title matches "Promo"', add: [promo]}, {name: any, when: "true", add: [clip, more]}]`)
	s.rules(renamed, tagging.Whole)
	require.Equal(t, []string{"clip", "more"}, s.tags, "another rule has changed, and only the name of this one")
	changed := parse(t, `rules: [{name: promo, when: 'title matches "(?i)promo"', add: [promo]}, {name: any, when: "true", add: [clip, more]}]`)
	s.rules(changed, tagging.Whole)
	require.Equal(t, []string{"clip", "more", "promo"}, s.tags)

	// People give it back: it is theirs then, and goes only by them.
	s.tags = []string{"clip", "more"}
	s.rules(changed, tagging.Whole)
	s.tags = append(s.tags, "promo")
	s.rules(changed, tagging.Whole)
	s.tags = []string{"clip", "more"}
	s.rules(changed, tagging.Whole)
	require.Equal(t, []string{"clip", "more"}, s.tags, "taken away, though it was never a rule's")
	s.tags = append(s.tags, "promo")
	s.title = "Talk"
	s.rules(changed, tagging.Whole)
	require.Equal(t, []string{"clip", "more", "promo"}, s.tags)
}

func TestWhatPeopleSayByMessageIsHeard(t *testing.T) {
	r := parse(t, promoRules)
	s := &shelf{t: t, title: "Promo"}
	s.memory = s.memory.Heard([]video.Change{{Tags: video.TagEdit{Remove: []string{"promo"}}}})
	s.rules(r, tagging.Whole)
	require.Equal(t, []string{"clip"}, s.tags, "before any rule gave it")
	list := []string{"promo"}
	s.memory, s.tags = s.memory.Heard([]video.Change{{Tags: video.TagEdit{Set: &list}}}), list
	s.title = "Talk"
	s.rules(r, tagging.Whole)
	require.Equal(t, []string{"promo"}, s.tags, "a list is people's word on what is in it and what is not")
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprint("t", i))
	}
	require.Len(t, tagging.Memory{}.Heard([]video.Change{{Tags: video.TagEdit{Remove: many}}}).Declined, 64)
}

func TestAWriteOfUnknownOutcomeSaysNothingWhereItIsNotSeen(t *testing.T) {
	gift := func(tags ...string) tagging.Memory {
		m := tagging.Memory{Given: map[string]tagging.Gift{}}
		for _, tag := range tags {
			m.Given[tag] = tagging.Gift{By: "x", At: now}
		}
		return m
	}
	unsure := gift("b")
	got := gift("a").Seen([]string{"b"}, &unsure)
	require.Equal(t, gift("b").Given, got.Given)
	require.Empty(t, got.Declined, "it may have been that write that took a away")
	got = gift("a").Seen([]string{"a"}, &unsure)
	require.Equal(t, gift("a").Given, got.Given)
	require.Empty(t, got.Declined)
}

// Whatever rules and people do: what people added stays until they remove it, what they
// removed stays away as long as the rules are the same, and rules come to rest.
func TestWhatPeopleDoStaysDone(t *testing.T) {
	files := []*tagging.Rules{}
	for _, text := range []string{
		promoRules,
		`rules: [{name: a, when: "len(tags) > 1", add: [two]}, {name: b, when: '"a" in tags', add: [clip, promo]}]`,
	} {
		files = append(files, parse(t, text))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{t: t, title: "Promo"}
		r := files[rapid.IntRange(0, 1).Draw(t, "file")]
		theirs, refused := map[string]bool{}, map[string]bool{}
		gone := map[string]bool{} // since the last look, and whether it was theirs: nobody can see that it was away
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			tag := rapid.SampledFrom([]string{"promo", "clip", "two", "a", "b"}).Draw(t, "tag")
			switch rapid.IntRange(0, 3).Draw(t, "who") {
			case 0:
				if !slices.Contains(s.tags, tag) {
					s.tags = append(slices.Clone(s.tags), tag)
					was, unseen := gone[tag]
					theirs[tag] = was || !unseen
				}
				delete(refused, tag)
			case 1:
				if i := slices.Index(s.tags, tag); i >= 0 {
					s.tags = slices.Delete(slices.Clone(s.tags), i, i+1)
					refused[tag], gone[tag] = !theirs[tag], theirs[tag]
					delete(theirs, tag)
				}
			case 2:
				s.title = rapid.SampledFrom([]string{"Promo", "Talk"}).Draw(t, "title")
			default:
				s.rules(r, tagging.Whole)
				clear(gone)
				for tag, is := range theirs {
					require.True(t, !is || slices.Contains(s.tags, tag), "%s is gone", tag)
				}
				for tag, is := range refused {
					require.False(t, is && slices.Contains(s.tags, tag), "%s came back", tag)
				}
				before := s.memory
				require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "a second time there is nothing to do")
				require.True(t, before.Equal(s.memory))
			}
		}
	})
}

func TestAMemoryIsTheSameAfterItWasKept(t *testing.T) {
	m := tagging.Memory{Given: map[string]tagging.Gift{"a": {By: "0123456789ab", At: now}}, Declined: map[string]string{"b": ""}, Told: "x", Labels: true}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var got tagging.Memory
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, m, got)
	require.Error(t, json.Unmarshal([]byte(`{"given":{"a":"0123456789ab@noon"}}`), &got))

	const undated = `{"given":{"a":"0123456789ab"}}`
	got = tagging.Memory{}
	require.NoError(t, json.Unmarshal([]byte(undated), &got))
	require.Equal(t, tagging.Memory{Given: map[string]tagging.Gift{"a": {By: "0123456789ab"}}}, got, "since when is not known")
	text, err = json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, undated, string(text))
}

func memory(given, declined, met string) tagging.Memory {
	m := tagging.Memory{Given: map[string]tagging.Gift{}, Declined: map[string]string{}, Met: map[string]string{}}
	for _, tag := range strings.Fields(given) {
		m.Given[tag] = tagging.Gift{By: "by-" + tag, At: now}
	}
	for _, tag := range strings.Fields(declined) {
		m.Declined[tag] = "by-" + tag
	}
	for _, tag := range strings.Fields(met) {
		m.Met[tag] = "by-" + tag
	}
	return m
}

func TestWhatPeopleSayMovesTheMemory(t *testing.T) {
	change := func(e video.TagEdit) []video.Change { return []video.Change{{Tags: e}} }
	list := []string{"a", "x"}
	for name, tc := range map[string]struct {
		change video.TagEdit
		want   tagging.Memory
	}{
		"an added tag is theirs":             {video.TagEdit{Add: []string{"a"}}, memory("b", "d", "m")},
		"one that was declined is no longer": {video.TagEdit{Add: []string{"d"}}, memory("a b", "", "m")},
		"a removed one is declined":          {video.TagEdit{Remove: []string{"a"}}, memory("b", "d a", "m")},
		"also one that was theirs":           {video.TagEdit{Remove: []string{"m"}}, memory("a b", "d m", "")},
		"a list says both":                   {video.TagEdit{Set: &list}, memory("", "d b m", "")},
		"nothing of tags":                    {video.TagEdit{}, memory("a b", "d", "m")},
	} {
		t.Run(name, func(t *testing.T) {
			was := memory("a b", "d", "m")
			require.Equal(t, tc.want, was.Heard(change(tc.change)))
			require.Equal(t, memory("a b", "d", "m"), was, "the memory before it is untouched")
		})
	}
}

func TestWhatIsSeenMovesTheMemory(t *testing.T) {
	was := memory("a b", "d e", "m n")
	got := was.Seen([]string{"a", "d", "m"}, nil)
	require.Equal(t, memory("a", "b e n", "m"), got)
	require.Equal(t, memory("a b", "d e", "m n"), was)
}

func TestMemoriesAreAlikeWhenAllOfThemIs(t *testing.T) {
	m := memory("a", "d", "m")
	m.Told, m.Labels = "x", true
	later := m
	require.True(t, m.Equal(later))
	later.Given = map[string]tagging.Gift{"a": {By: "by-a", At: now.Add(time.Millisecond)}}
	require.True(t, m.Equal(later), "moments are kept by the second")
	for name, change := range map[string]func(*tagging.Memory){
		"given": func(m *tagging.Memory) { m.Given = memory("a b", "", "").Given }, "declined": func(m *tagging.Memory) { m.Declined = nil },
		"met": func(m *tagging.Memory) { m.Met = nil }, "told": func(m *tagging.Memory) { m.Told = "" }, "labels": func(m *tagging.Memory) { m.Labels = false },
		"by": func(m *tagging.Memory) { m.Given = map[string]tagging.Gift{"a": {By: "other", At: now}} },
		"when": func(m *tagging.Memory) {
			m.Given = map[string]tagging.Gift{"a": {By: "by-a", At: now.Add(time.Second)}}
		},
	} {
		other := m
		change(&other)
		require.False(t, m.Equal(other), name)
		require.False(t, other.Equal(m), name)
	}
	require.True(t, tagging.Memory{}.IsZero())
	for _, one := range []tagging.Memory{memory("a", "", ""), memory("", "a", ""), memory("", "", "a"), {Told: "x"}, {Labels: true}} {
		require.False(t, one.IsZero())
	}
	for _, bad := range []string{"no@second", "by@soon", "@"} {
		require.Error(t, new(tagging.Gift).UnmarshalText([]byte(bad)), bad)
	}
}

func TestWhatIsRememberedOfADecision(t *testing.T) {
	r := parse(t, `rules: [{name: one, when: "true", add: [a, shared]}, {name: two, when: "true", add: [shared, b]}, {name: never, when: 'title == "never"', add: [n]}]`)
	facts := rule.Sample{Tags: []string{"shared", "b", "n"}}.Facts()
	was := memory("b n", "", "")
	was.Declined["n2"], was.Declined["a"] = "", "by other rules"
	d, next := r.DecideFor(&facts, was, tagging.Whole, now.Add(time.Hour))
	require.Equal(t, []string{"a"}, d.Change.Tags.Add, "declined by other rules than these")
	require.Equal(t, []string{"n"}, d.Change.Tags.Remove)
	require.Equal(t, now.Add(time.Hour), next.Given["a"].At)
	require.Equal(t, now, next.Given["b"].At, "since when it is there")
	require.NotEqual(t, "by-b", next.Given["b"].By, "but it is the work of these rules now")
	require.NotContains(t, next.Given, "n")
	require.Equal(t, map[string]string{"n2": ""}, next.Declined)
	require.Contains(t, next.Met, "shared")
	require.NotEqual(t, next.Met["shared"], next.Given["b"].By, "of two rules")
	require.Len(t, next.Met, 1)
	require.Empty(t, next.Told)
	require.Equal(t, map[string]string{"n2": "", "a": "by other rules"}, was.Declined, "the memory before it is untouched")

	was = memory("", "", "old")
	was.Declined["a"] = ""
	d, next = r.DecideFor(&facts, was, tagging.Whole, now)
	require.NotContains(t, d.Change.Tags.Add, "a", "whichever rules there are when it is taken away")
	require.NotEmpty(t, next.Declined["a"])
	require.NotContains(t, next.Met, "old")

	long := rule.Sample{Tags: []string{strings.Repeat("字", 20)}}.Facts()
	d, next = r.DecideFor(&long, tagging.Memory{}, tagging.Whole, now)
	require.Empty(t, d.Change.Tags.Add)
	require.NotEmpty(t, next.Told)
	locked := rule.Sample{Tags: []string{tagging.DefaultLock}}.Facts()
	_, next = r.DecideFor(&locked, memory("a", "d", "m"), tagging.Whole, now)
	require.Equal(t, memory("a", "d", "m"), next, "of a locked asset nothing changes")
}

func TestAListThatIsTooLongAsItIsIsNotWritten(t *testing.T) {
	r := parse(t, `rules: [{name: one, when: "true", remove: [t00]}]`)
	var tags []string
	for i := range 18 { // the creating call may take more than the update call
		tags = append(tags, fmt.Sprintf("t%02d", i))
	}
	facts := rule.Sample{Tags: tags}.Facts()
	d, _ := r.DecideFor(&facts, tagging.Memory{}, tagging.Whole, now)
	require.True(t, d.Change.Empty())
	require.Contains(t, d.Dropped[0], "17 tags after the change, at most 16")
	facts = rule.Sample{Tags: tags[:17]}.Facts()
	d, _ = r.DecideFor(&facts, tagging.Memory{}, tagging.Whole, now)
	require.Equal(t, []string{"t00"}, d.Change.Tags.Remove)
}

func TestExplainSaysWhoseATagIs(t *testing.T) {
	r := parse(t, `{retired: [old], rules: [{name: one, when: "true", add: [a, b]}]}`)
	facts := rule.Sample{Tags: []string{"a", "b", "gone", "mine", "old"}}.Facts()
	view := func(e tagging.Explanation) (all []string) {
		for _, v := range e.Tags {
			all = append(all, fmt.Sprintf("%s %s %v %t", v.Tag, v.Fate, v.Owner, v.Since.IsZero()))
		}
		return all
	}
	require.Equal(t, []string{
		"a stays [one] false", "b stays [unknown] true", "gone removed [a rule that is gone] false", "mine stays [people] true", "old removed [retired] true",
	}, view(r.ExplainFor(&facts, memory("a gone", "", ""), tagging.Whole)))
	require.Contains(t, r.ExplainFor(&facts, memory("a gone", "", ""), tagging.Whole).Tags[2].Why, "a rule gave it, and none produces it any more")
	require.Equal(t, []string{
		"a stays [one] false", "b stays [unknown] true", "gone stays [a rule that is gone] false", "mine stays [people] true", "old stays [retired] true",
	}, view(r.ExplainFor(&facts, memory("a gone", "", ""), tagging.OnlyAdd)))
}

// A tag that a rule can produce is a rule's since a day, people's or of unknown owner.
func TestExplainSaysSinceWhen(t *testing.T) {
	r := parse(t, `rules: [{name: one, when: "true", add: [a, b, c, d]}]`)
	m := memory("a b", "", "c")
	m.Given["b"] = tagging.Gift{By: "by-b"}
	facts := rule.Sample{Tags: []string{"a", "b", "c", "d"}}.Facts()
	tags := r.ExplainFor(&facts, m, tagging.Whole).Tags
	require.Equal(t, []tagging.TagView{
		{Tag: "a", Fate: "stays", Owner: []string{"one"}, Since: now, Why: "belongs to one"},
		{Tag: "b", Fate: "stays", Owner: []string{"one"}, Why: "belongs to one"},
		{Tag: "c", Fate: "stays", Owner: []string{"people"}, Why: "belongs to people"},
		{Tag: "d", Fate: "stays", Owner: []string{"unknown"}, Why: "who gave it is not remembered: it counts as a tag of people"},
	}, tags)
}

func TestIdlenessIsNotEndedByOurOwnWrite(t *testing.T) {
	for _, fact := range []string{`idle_days > 30`, `now - modified > days(30)`} {
		r := parse(t, fmt.Sprintf(`rules: [{name: idle, when: '%s', add: [idle]}]`, fact))
		f := rule.FactsOf(video.Media{Video: video.Video{ID: "v", Tags: []string{"idle"}, Modified: now.Add(time.Minute)}}, now.Add(time.Hour))
		m := memory("idle", "", "")
		m.Wrote = now
		d, _ := r.DecideFor(&f, m, tagging.Whole, now)
		require.True(t, d.Change.Empty(), fact)
		m.Wrote = now.Add(-time.Hour)
		d, _ = r.DecideFor(&f, m, tagging.Whole, now)
		require.Equal(t, []string{"idle"}, d.Change.Tags.Remove, "somebody has modified it")
	}
}

func TestASecondLookKnowsWhatTheFirstHasGiven(t *testing.T) {
	r := parse(t, `rules: [{name: sees, when: '"x" in tags', add: [y]}, {name: gives, when: "true", add: [x], remove: [p]}]`)
	facts := rule.Sample{Tags: []string{"p"}}.Facts()
	d, _ := r.DecideFor(&facts, tagging.Memory{}, tagging.Whole, now)
	require.Empty(t, d.Faults)
	require.Equal(t, video.TagEdit{Add: []string{"x"}, Remove: []string{"p"}}, d.Change.Tags)
}

func TestOnlyAddingFillsTheListAndNoMore(t *testing.T) {
	r := parse(t, `rules: [{name: gives, when: "true", add: [x, y, z]}]`)
	var tags []string
	for i := range 15 {
		tags = append(tags, fmt.Sprint("t", i))
	}
	facts := rule.Sample{Tags: tags}.Facts()
	d, _ := r.DecideFor(&facts, tagging.Memory{}, tagging.OnlyAdd, now)
	require.Equal(t, []string{"x"}, d.Change.Tags.Add)
}

func TestATagOfTwoRulesComesBackWhenEitherChanges(t *testing.T) {
	const two = `rules: [{name: one, when: "true", add: [a]}, {name: two, when: '%s', add: [a]}]`
	s := &shelf{t: t}
	s.rules(parse(t, fmt.Sprintf(two, "true")), tagging.Whole)
	s.tags = nil
	s.rules(parse(t, fmt.Sprintf(two, "true")), tagging.Whole)
	require.Empty(t, s.tags)
	s.rules(parse(t, fmt.Sprintf(two, "size > 5")), tagging.Whole)
	require.Equal(t, []string{"a"}, s.tags)
}

func TestARetiredTagIsNoFactUnlessItStays(t *testing.T) {
	r := parse(t, `{retired: [old], rules: [{name: sees, when: '"old" in tags', add: [x]}]}`)
	facts := rule.Sample{Tags: []string{"old"}}.Facts()
	d, _ := r.DecideFor(&facts, tagging.Memory{}, tagging.Whole, now)
	require.Equal(t, video.TagEdit{Remove: []string{"old"}}, d.Change.Tags)
	d, _ = r.DecideFor(&facts, tagging.Memory{}, tagging.OnlyAdd, now)
	require.Equal(t, video.TagEdit{Add: []string{"x"}}, d.Change.Tags)
}

// A tag is the same with its letters and marks apart; written so, it is people's.
func TestATagThatPeopleWriteApartIsTheirs(t *testing.T) {
	const apart, composed = "cafe\u0301", "caf\u00e9"
	r := parse(t, "rules: [{name: cafe, when: 'has_word(title, \"tour\")', add: [\"caf\u00e9\"]}]")

	s := &shelf{t: t, title: "tour", tags: []string{apart}}
	require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "it is there")
	s.title = "x"
	require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "no rule gave it")
	s.title = "tour"
	s.rules(r, tagging.Whole)
	s.tags = nil
	require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "people took it away")

	s = &shelf{t: t, title: "tour"}
	s.rules(r, tagging.Whole)
	require.Equal(t, []string{composed}, s.tags)
	s.tags = []string{apart}
	require.True(t, s.rules(r, tagging.Whole).Change.Empty())
	require.Empty(t, s.memory.Given)
	require.Empty(t, s.memory.Declined)
	s.title = "x"
	require.True(t, s.rules(r, tagging.Whole).Change.Empty())

	s = &shelf{t: t, title: "tour"}
	s.rules(r, tagging.Whole)
	s.memory = s.memory.Heard([]video.Change{{ID: "a", Tags: video.TagEdit{Add: []string{apart}}}})
	s.tags = append(s.tags, apart)
	s.title = "x"
	require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "people asked for it, however they write it")
	s.memory = s.memory.Heard([]video.Change{{ID: "a", Tags: video.TagEdit{Remove: []string{apart, composed}}}})
	s.title, s.tags = "tour", nil
	require.True(t, s.rules(r, tagging.Whole).Change.Empty(), "and took it away")
}
