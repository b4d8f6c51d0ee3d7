package edit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

const tidyRules = `
rules:
  - {name: tidy, when: 'title matches "mp4$"', title: "{title|clean|caps}", fields: {title: overwrite}}
  - {name: promo, when: 'title matches "(?i)promo"', add: [promo]}
  - {name: ai, when: len(labels) > 0, add: ["ai:{labels}"]}
  - {name: new, when: age_days < 7, add: [new]}
`

// stage is a library with rules over it.
type stage struct {
	*library
	labels   map[video.ID][]string
	labelErr error
	asked    int // for labels
	log      bytes.Buffer
	rules    *tagging.Rules
	rulesErr error
	now      time.Time
}

func (s *stage) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers, err := s.Videos(ctx, ids)
	out := make([]video.Answer[video.Media], len(answers))
	for i, a := range answers {
		out[i] = video.Answer[video.Media]{ID: a.ID, Value: video.Media{Video: a.Value}, Err: a.Err}
	}
	return out, err
}

func (s *stage) Labels(_ context.Context, id video.ID) (all []video.Label, _ error) {
	s.asked++
	for _, text := range s.labels[id] {
		all = append(all, video.Label{Text: text})
	}
	return all, s.labelErr
}

func newStage(t *testing.T, n int, text string) *stage {
	rules, err := tagging.Parse("r", []byte(text))
	require.NoError(t, err)
	s := &stage{library: newLibrary(n), labels: map[video.ID][]string{}, rules: rules, now: at(0)}
	for id, v := range s.videos {
		v.Kind, v.Created = video.KindVideo, at(0).AddDate(0, 0, -30)
		s.videos[id] = v
	}
	return s
}

func (s *stage) title(id, title string, tags ...string) {
	v := s.videos[video.ID(id)]
	v.Title, v.Tags = title, tags
	s.videos[video.ID(id)] = v
}

func (s *stage) editor(t require.TestingT, o state.Objects, set ...func(*edit.Config)) *edit.Editor {
	c := edit.Config{Library: s.library, State: o, Log: slog.New(slog.NewTextHandler(&s.log, nil)), Rules: edit.Rules{
		Read:  func(context.Context) (*tagging.Rules, error) { return s.rules, s.rulesErr },
		Media: s.Media, Labels: s.Labels, Now: func() time.Time { return s.now },
	}}
	for _, f := range set {
		f(&c)
	}
	e, err := edit.New(c)
	require.NoError(t, err)
	return e
}

func retag(ids ...string) (items []edit.Item) {
	for _, id := range ids {
		items = append(items, edit.Item{Retag: &edit.Retag{ID: video.ID(id)}})
	}
	return items
}

func do(t *testing.T, e *edit.Editor, items ...edit.Item) string {
	t.Helper()
	got, err := e.Do(t.Context(), "run", items)
	require.NoError(t, err)
	var all []string
	for _, r := range got {
		all = append(all, string(r.Result))
	}
	return strings.Join(all, " ")
}

func change(c video.Change) edit.Item { return edit.Item{Change: c} }

func TestRulesAndPeopleGoIntoOneReadAndOneWrite(t *testing.T) {
	s := newStage(t, 20, tidyRules)
	e := s.editor(t, open(t))
	var items []edit.Item
	for i := range 20 {
		id := fmt.Sprintf("v%02d", i)
		s.title(id, "raw.mp4")
		items = append(items, retag(id)...)
		items = append(items, change(title(id, 1, "Promo by the editors")))
	}
	require.Equal(t, strings.TrimSpace(strings.Repeat("done done ", 20)), do(t, e, items...))
	require.Equal(t, []int{1, 1}, []int{s.reads, s.writes})
	require.Equal(t, "Promo by the editors", s.videos["v07"].Title, "the rule decides on what people's change leaves")
	require.Equal(t, []string{"promo"}, s.videos["v07"].Tags)
	require.Equal(t, "unchanged", do(t, e, retag("v07")...))
	require.Equal(t, 1, s.writes)
}

// autotag decided on the old title and stamped its change with the moment of sending,
// so 189 of 300 titles of editors were lost.
func TestATitleThatPeopleSetIsNeverTakenFromThemByARule(t *testing.T) {
	for name, batches := range map[string][]string{
		"rules first": {"rules", "people"}, "people first": {"people", "rules"}, "together": {"both"}, "an old message of people": {"rules", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 1, tidyRules)
			s.title("v00", "raw_1.mp4")
			e := s.editor(t, open(t))
			for _, b := range batches {
				when := 5
				if b == "old" {
					when = -5_000
				}
				people := change(title("v00", when, "by the editors.mp4"))
				switch b {
				case "rules":
					do(t, e, retag("v00")...)
				case "both":
					require.Equal(t, "unchanged done", do(t, e, append(retag("v00"), people)...))
				default:
					require.Equal(t, "done", do(t, e, people))
				}
			}
			require.Equal(t, "by the editors.mp4", s.videos["v00"].Title)
			s.now = s.now.AddDate(1, 0, 0)
			require.Equal(t, "unchanged", do(t, e, retag("v00")...), "for good")

			s.title("v00", "somebody else's.mp4") // not by message: then rules may tidy it again
			require.Equal(t, "done", do(t, e, retag("v00")...))
		})
	}
}

// The library shows a moment longer what was there before our own write.
func TestAReadingOlderThanOurOwnWriteTakesNothingAway(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.title("v00", "promo.mp4", "mine")
	s.now = time.Now()
	e := s.editor(t, open(t))
	old := s.videos["v00"]
	adds := func(when int, tag string) edit.Item {
		return change(video.Change{ID: "v00", IssuedAt: at(when), Tags: video.TagEdit{Add: []string{tag}}})
	}
	require.Equal(t, "done done", do(t, e, adds(1, "one"), change(title("v00", 1, "Of people"))))
	fresh := s.videos["v00"]
	s.videos["v00"] = old
	require.Equal(t, "failed failed", do(t, e, append(retag("v00"), adds(2, "two"))...), "they come again")
	require.Equal(t, []string{"mine"}, s.videos["v00"].Tags)
	s.videos["v00"] = fresh
	require.Equal(t, "unchanged done", do(t, e, append(retag("v00"), adds(2, "two"))...))
	require.Equal(t, []string{"mine", "one", "two"}, s.videos["v00"].Tags)
	require.Equal(t, "Of people", s.videos["v00"].Title)

	// Older than our write in what it holds, and modified later: that was somebody.
	old.Modified = at(1)
	s.videos["v00"] = old
	require.Equal(t, "done", do(t, e, adds(3, "three")))
	require.Equal(t, []string{"mine", "three"}, s.videos["v00"].Tags)
}

func TestATagThatPeopleTookAwayIsNotAddedAgain(t *testing.T) {
	o := open(t)
	s := newStage(t, 2, tidyRules)
	s.title("v00", "Promo")
	s.title("v01", "Promo")
	e := s.editor(t, o)
	require.Equal(t, "done done", do(t, e, retag("v00", "v01")...))
	require.Equal(t, "done", do(t, e, change(video.Change{ID: "v01", IssuedAt: at(1), Tags: video.TagEdit{Remove: []string{"promo"}}})))
	v := s.videos["v00"]
	v.Tags, v.Modified = nil, at(9)
	s.videos["v00"] = v
	for range 3 {
		require.Equal(t, "unchanged unchanged", do(t, s.editor(t, o), retag("v00", "v01")...), "whoever starts knows it")
	}
	s.rules, _ = tagging.Parse("r", []byte(`rules: [{name: promo, when: 'title != ""', add: [promo]}]`))
	require.Equal(t, "done done", do(t, e, retag("v00", "v01")...), "the rule has changed")
}

func TestRulesDecideWithOurOwnClockInEveryYear(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	e := s.editor(t, open(t))
	for year := 1970; year <= 2100; year++ {
		created := time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		v := s.videos["v00"]
		v.Created = created
		s.videos["v00"] = v
		for days, has := range map[int]bool{3: true, 30: false} {
			s.now = created.AddDate(0, 0, days)
			do(t, e, retag("v00")...)
			has = has && year >= 2000 // a time before VOD is none, and an age that is not known fits no rule
			require.Equal(t, has, slices.Contains(s.videos["v00"].Tags, "new"), "%d, %d days", year, days)
		}
	}
}

func TestLabelsThatCouldNotBeReadAreAskedForAgain(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.labels["v00"] = []string{"boat", "boat", "air"}
	s.labelErr = video.ErrThrottled
	e := s.editor(t, open(t))
	require.Equal(t, "unchanged", do(t, e, edit.Item{Retag: &edit.Retag{ID: "v00", Labels: true}}))
	require.Contains(t, s.log.String(), "labels could not be read")
	s.labelErr = nil
	require.Equal(t, "done", do(t, e, retag("v00")...), "nobody has to announce them again")
	require.Equal(t, []string{"ai:air", "ai:boat"}, s.videos["v00"].Tags)
	require.Equal(t, "unchanged", do(t, e, retag("v00")...))
	require.Equal(t, 2, s.asked)
}

func TestWhatRulesCannotDoIsSaidOnce(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.title("v00", "Promo", "中华人民共和国成立七十周年")
	o := open(t)
	for range 4 {
		require.Equal(t, "unchanged", do(t, s.editor(t, o), retag("v00")...))
	}
	require.Zero(t, s.writes)
	require.Equal(t, 1, strings.Count(s.log.String(), "rules could not do all they want"))
	require.Contains(t, s.log.String(), "at most 32")
}

func TestReportAndAdd(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.title("v00", "Promo")
	o := open(t)
	report := s.editor(t, o, func(c *edit.Config) { c.Rules.Report = true })
	got, err := report.Do(t.Context(), "run", retag("v00"))
	require.NoError(t, err)
	require.Equal(t, video.Kept, got[0].Result)
	require.Equal(t, []string{"promo"}, got[0].Decision.Change.Tags.Add)
	require.Zero(t, s.writes)

	add := s.editor(t, o, func(c *edit.Config) { c.Rules.Reach = tagging.OnlyAdd })
	require.Equal(t, "done", do(t, add, retag("v00")...))
	s.title("v00", "Talk", "promo")
	require.Equal(t, "unchanged", do(t, add, retag("v00")...))
	require.Equal(t, "done", do(t, s.editor(t, o), retag("v00")...))
	require.Empty(t, s.videos["v00"].Tags)
}

func TestRulesThatCannotBeReadLeavePeoplesChangesAlone(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.rulesErr = errors.New("a mistake in line 3")
	require.Equal(t, "failed done", do(t, s.editor(t, open(t)), append(retag("v00"), change(title("v00", 1, "x")))...))
	s.rulesErr = nil
	other := edit.Item{Retag: &edit.Retag{ID: "v00", Rules: "other"}}
	require.Equal(t, "kept done rejected missing", do(t, s.editor(t, open(t)), other, change(title("v00", 2, "y")), retag("a,b")[0], retag("gone")[0]))
	none, err := edit.New(edit.Config{Library: s.library})
	require.NoError(t, err)
	require.Equal(t, "rejected", do(t, none, retag("v00")...))
}

// Whatever people asked for is done although the library refuses what rules want.
func TestARefusalOfRulesIsNotPeoples(t *testing.T) {
	s := newStage(t, 1, tidyRules)
	s.title("v00", "Promo")
	s.fault = func(_ int, u video.Update) (error, bool) {
		bad := u.Tags != nil
		return map[bool]error{true: video.ErrInvalid}[bad], !bad
	}
	require.Equal(t, "rejected done", do(t, s.editor(t, open(t)), append(retag("v00"), change(text("v00", 1, "x")))...))
	require.Equal(t, "x", s.videos["v00"].Description)
}

// A rule about idle time: its own write makes the asset young again.
func TestARuleAboutIdleTimeComesToRest(t *testing.T) {
	s := newStage(t, 1, `rules: [{name: idle, when: idle_days > 30, add: [idle]}]`)
	s.now = at(0).AddDate(0, 0, 90)
	e := s.editor(t, open(t))
	require.Equal(t, "done", do(t, e, retag("v00")...))
	v := s.videos["v00"]
	v.Modified = s.now // by that write
	s.videos["v00"] = v
	for range 5 {
		s.now = s.now.Add(time.Hour)
		require.Equal(t, "unchanged", do(t, e, retag("v00")...))
	}
	v.Modified = s.now // by somebody
	s.videos["v00"] = v
	require.Equal(t, "done", do(t, e, retag("v00")...))
	require.Empty(t, s.videos["v00"].Tags)
}
