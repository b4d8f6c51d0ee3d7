package tagging_test

import (
	"encoding/json"
	"fmt"
	"slices"
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
	require.Error(t, json.Unmarshal([]byte(`{"given":{"a":"no second"}}`), &got))
}
