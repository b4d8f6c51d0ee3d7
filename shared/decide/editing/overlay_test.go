package editing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/video"
)

var key = editing.Key{ID: "v"}

// over folds changes with what rules want on top.
func over(known editing.Known, want editing.Overlay, changes ...video.Change) (editing.Edit, []editing.Verdict, editing.Asked) {
	var asked editing.Asked
	known.Over = func(a editing.Asked) editing.Overlay { asked = a; return want }
	edit, verdicts := editing.FoldOne(key, changes, known)
	return edit, verdicts, asked
}

func allFields(text string, category int64) video.Fields {
	return video.Fields{Title: &text, Description: &text, Cover: &text, Category: &category}
}

func TestRulesLieOverWhatPeopleAskedFor(t *testing.T) {
	has := editing.Known{Value: editing.Value{Title: "old", Description: "old", Cover: "old", Category: 1, Tags: []string{"a", "b"}, Modified: at(0)}}
	rules := editing.Overlay{Set: allFields("rule", 7), Tags: video.TagEdit{Add: []string{"c"}, Remove: []string{"a"}}}

	edit, _, asked := over(has, rules)
	require.Equal(t, has.Value, asked.Value)
	require.Equal(t, allFields("rule", 7), edit.Update.Fields, "every field")
	require.Equal(t, []string{"b", "c"}, *edit.Update.Tags)
	require.True(t, edit.Over)
	require.Equal(t, at(0), edit.Modified)
	require.Empty(t, edit.Marks, "rules leave no mark")
	require.Equal(t, []string{"a", "b"}, *edit.Old.Tags)

	// People's changes come first, whatever the moment, and win in each field that they name.
	for _, field := range []string{"title", "description", "cover", "category"} {
		c := video.Change{ID: "v", IssuedAt: at(-1000)}
		text, category := "people", int64(3)
		want := allFields("rule", 7)
		switch field {
		case "title":
			c.Set.Title, want.Title = &text, &text
		case "description":
			c.Set.Description, want.Description = &text, &text
		case "cover":
			c.Set.Cover, want.Cover = &text, &text
		case "category":
			c.Set.Category, want.Category = &category, &category
		}
		edit, verdicts, asked := over(has, rules, c)
		require.Equal(t, "done", results(verdicts))
		require.Equal(t, want, edit.Update.Fields, field)
		require.Equal(t, map[string]bool{"title": false, "description": false, "cover": false, "category": false, field: true}, asked.Said)
		require.Equal(t, []video.Change{c}, asked.Accepted)
	}

	// A tag that people asked for is not removed, and one of which they said nothing is.
	edit, _, asked = over(has, editing.Overlay{Tags: video.TagEdit{Remove: []string{"a", "d"}}}, tags("v", 1, video.TagEdit{Add: []string{"d"}}))
	require.Equal(t, []string{"b", "d"}, *edit.Update.Tags)
	require.Equal(t, []string{"a", "b", "d"}, asked.Value.Tags)

	// Only what is open of a change was accepted, and nothing of one that is refused.
	marked := has
	marked.Marks = editing.Marks{"tag:x": {Stamp: editing.Stamp{At: at(50)}}}
	_, _, asked = over(marked, rules, tags("v", 1, video.TagEdit{Add: []string{"x", "y"}}), title("v", 1, "a,\x00"))
	require.Len(t, asked.Accepted, 1)
	require.Equal(t, []string{"y"}, asked.Accepted[0].Tags.Add)
}

func TestRulesThatChangeNothingSendNothing(t *testing.T) {
	has := editing.Known{Value: editing.Value{Title: "old", Tags: []string{"a"}}}
	old := "old"
	for _, want := range []editing.Overlay{{}, {Set: video.Fields{Title: &old}, Tags: video.TagEdit{Add: []string{"a"}}}} {
		edit, _, _ := over(has, want)
		require.True(t, edit.Empty())
		require.False(t, edit.Over)
	}
	edit, _, _ := over(has, editing.Overlay{Remember: true})
	require.False(t, edit.Empty(), "there may be something to remember")
	require.True(t, edit.Update.Empty())

	// An asset that could not be read is nobody's to decide on.
	has.Err = video.ErrTransient
	has.Over = func(editing.Asked) editing.Overlay { panic("asked") }
	edit, verdicts := editing.FoldOne(key, []video.Change{title("v", 1, "x")}, has)
	require.Equal(t, "failed", results(verdicts))
	require.True(t, edit.Empty())
}

func TestWhatIsPeoplesWord(t *testing.T) {
	value := editing.Value{Title: "theirs"}
	mark := func(sum string, open bool) editing.Marks {
		return editing.Marks{"title": {Stamp: editing.Stamp{At: at(1)}, Sum: sum, Open: open}}
	}
	right := editing.Sum(value, "title")
	for name, tc := range map[string]struct {
		known editing.Known
		said  bool
	}{
		"nobody has said anything":             {editing.Known{Value: value}, false},
		"it is as people set it":               {editing.Known{Value: value, Marks: mark(right, false)}, true},
		"somebody has changed it since":        {editing.Known{Value: value, Marks: mark("other", false)}, false},
		"a moment ago: the reading may be old": {editing.Known{Value: value, Marks: mark("other", false), Recent: true}, true},
		"recent, but nobody has said anything": {editing.Known{Value: value, Recent: true}, false},
		"whether it was written is not known":  {editing.Known{Value: value, Marks: mark("other", true)}, true},
		"what they set was not remembered":     {editing.Known{Value: value, Marks: mark("", false)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			text := "of a rule"
			edit, _, asked := over(tc.known, editing.Overlay{Set: video.Fields{Title: &text}})
			require.Equal(t, tc.said, asked.Said["title"])
			require.Equal(t, !tc.said, edit.Over)
		})
	}
}

// The mark of the list carries the digest of what was written last, so that the next
// change of people is told from another writer's.
func TestAListThatRulesChangeIsNotAnotherWriters(t *testing.T) {
	known := editing.Known{Value: editing.Value{Tags: []string{"a"}}}
	edit, _, _ := over(known, editing.Overlay{}, tags("v", 1, video.TagEdit{Add: []string{"b"}}))
	known.Value.Tags, known.Marks = *edit.Update.Tags, known.Marks.Merge(edit.Marks).Settle(edit.Marks)

	edit, _, _ = over(known, editing.Overlay{Set: allFields("x", 1)})
	require.NotContains(t, edit.Marks, "list", "nothing has happened to it")

	edit, _, _ = over(known, editing.Overlay{Tags: video.TagEdit{Add: []string{"rule"}}})
	require.Contains(t, edit.Marks, "list")
	known.Value.Tags, known.Marks = *edit.Update.Tags, known.Marks.Merge(edit.Marks).Settle(edit.Marks)
	_, verdicts, _ := over(known, editing.Overlay{}, tags("v", 2, video.TagEdit{Set: &[]string{"c"}}))
	require.Equal(t, "done", results(verdicts))
	require.Empty(t, verdicts[0].Reason, "nobody else has changed it")

	// Without a mark of the list rules make none.
	edit, _, _ = over(editing.Known{}, editing.Overlay{Tags: video.TagEdit{Add: []string{"rule"}}})
	require.Empty(t, edit.Marks)
}

// A batch with open marks, lists and refusals costs the same marks as folding one by one.
func TestMarksMoveInPlaceAsTheyMerge(t *testing.T) {
	open := func(s int, was editing.Stamp) editing.Mark {
		return editing.Mark{Stamp: editing.Stamp{At: at(s)}, Open: true, Was: was}
	}
	bad := tags("v", 5, video.TagEdit{Add: []string{"new"}})
	stamp := editing.StampOf(bad)
	sixteen := make([]string, 16)
	for i := range sixteen {
		sixteen[i] = fmt.Sprintf("t%02d", i)
	}
	for name, tc := range map[string]struct {
		marks editing.Marks
		left  editing.Marks
	}{
		"it was tried before, and nothing before it": {editing.Marks{"tag:new": {Stamp: stamp, Open: true}}, editing.Marks{}},
		"it was tried before, over another":          {editing.Marks{"tag:new": {Stamp: stamp, Open: true, Was: editing.Stamp{At: at(1), Tie: "x"}}}, editing.Marks{"tag:new": {Stamp: editing.Stamp{At: at(1), Tie: "x"}}}},
		"over one that a list stands for": {
			editing.Marks{"tag:new": {Stamp: stamp, Open: true, Was: editing.Stamp{At: at(1), Tie: "x"}}, "tags": {Stamp: editing.Stamp{At: at(2)}}},
			editing.Marks{"tags": {Stamp: editing.Stamp{At: at(2)}}},
		},
		"others stay": {
			editing.Marks{"tag:new": {Stamp: stamp, Open: true}, "tag:other": open(9, editing.Stamp{}), "title": {Stamp: editing.Stamp{At: at(1)}}},
			editing.Marks{"tag:other": open(9, editing.Stamp{}), "title": {Stamp: editing.Stamp{At: at(1)}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			known := editing.Known{Value: editing.Value{Tags: sixteen}, Marks: tc.marks}
			edit, verdicts := editing.FoldOne(key, []video.Change{bad}, known)
			require.Equal(t, "rejected", results(verdicts))
			require.Equal(t, tc.left, known.Marks.Without(edit.Void, known.Marks))
			require.Empty(t, edit.Marks, "and it leaves none")
		})
	}

	// A list stands for the tags before it, once it is known to be written.
	edit, _ := editing.FoldOne(key, []video.Change{
		tags("v", 1, video.TagEdit{Add: []string{"a"}}), tags("v", 2, video.TagEdit{Set: &[]string{"b"}}), tags("v", 3, video.TagEdit{Add: []string{"c"}}),
	}, editing.Known{})
	require.NotContains(t, edit.Marks, "tag:a")
	require.Contains(t, edit.Marks, "tag:c")
	edit, _ = editing.FoldOne(key, []video.Change{tags("v", 1, video.TagEdit{Add: []string{"a"}}), tags("v", 2, video.TagEdit{Set: &[]string{"b"}})}, editing.Known{})
	require.NotContains(t, edit.Marks, "tag:a")
}

func TestATagThatNoUpdateCanCarryStopsOnlyWhatTouchesTheList(t *testing.T) {
	long := strings.Repeat("字", 20)
	known := editing.Known{Value: editing.Value{Tags: []string{long, "a"}}}
	both := title("v", 1, "new")
	both.Tags.Add = []string{"a"}
	edit, verdicts := editing.FoldOne(key, []video.Change{both}, known)
	require.Equal(t, "done", results(verdicts), "the tag is there, so the list is not sent")
	require.Nil(t, edit.Update.Tags)
	both.Tags.Add = []string{"b"}
	_, verdicts = editing.FoldOne(key, []video.Change{both}, known)
	require.Equal(t, "rejected", results(verdicts))
	require.ErrorContains(t, verdicts[0].Err, "60 bytes")
}

func TestWhichMarksAreOfTags(t *testing.T) {
	for field, is := range map[string]bool{"tags": true, "list": true, "tag:a": true, "tag:": true, "title": false, "description": false, "category": false, "cover": false} {
		require.Equal(t, is, editing.OfTags(field), field)
	}
}

func TestAStampIsMadeOfWhatCannotBeWrittenToo(t *testing.T) {
	a, b := title("a", 1, "x"), title("b", 1, "x")
	a.IfUnmodifiedSince = time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600))
	b.IfUnmodifiedSince = a.IfUnmodifiedSince
	require.NotEqual(t, editing.StampOf(a), editing.StampOf(b))
}

// While nobody knows whether a write happened, a reading that does not show it says nothing
// of what is there: what a change has its word on is sent even where it seems to be so.
func TestInDoubtAChangeIsSentWhole(t *testing.T) {
	shown := editing.Known{Value: editing.Value{Title: "x", Description: "x", Cover: "x", Category: 3, Tags: []string{"x", "y"}}}
	text, category := "x", int64(3)
	all := video.Change{ID: "v", IssuedAt: at(1), Set: video.Fields{Title: &text, Description: &text, Cover: &text, Category: &category}, Tags: video.TagEdit{Add: []string{"x"}}}
	for _, doubt := range []bool{false, true} {
		shown.Doubt = doubt
		edit, verdicts := editing.FoldOne(key, []video.Change{all}, shown)
		require.Equal(t, doubt, edit.Doubt)
		if !doubt {
			require.Equal(t, "unchanged", results(verdicts))
			require.True(t, edit.Update.Empty())
			continue
		}
		require.Equal(t, "done", results(verdicts))
		require.Equal(t, all.Set, edit.Update.Fields)
		require.Equal(t, []string{"x", "y"}, *edit.Update.Tags)
		require.Equal(t, all.Set, edit.Old.Fields)

		shown.Marks = edit.Marks.Settle(edit.Marks)
		edit, _ = editing.FoldOne(key, []video.Change{title("v", 2, "new")}, shown)
		require.Equal(t, video.Fields{Title: edit.Update.Title}, edit.Update.Fields, "nobody has asked for more")
		require.Nil(t, edit.Update.Tags)
	}
	for unsure, want := range map[bool]*[]string{false: nil, true: {"x", "y"}} {
		edit, _, _ := over(editing.Known{Value: shown.Value, Doubt: true}, editing.Overlay{Unsure: unsure})
		require.Equal(t, want, edit.Update.Tags, "a tag that rules took back may still come")
		edit, _, _ = over(editing.Known{Value: shown.Value}, editing.Overlay{Unsure: unsure})
		require.True(t, edit.Update.Empty())
	}
}

func TestTheSumOfAnAssetIsOfAllThatCanBeEdited(t *testing.T) {
	one := editing.Value{Title: "t", Description: "d", Cover: "c?sig=1", Category: 1, Tags: []string{"a", "b"}, Modified: at(1)}
	same := one
	same.Cover, same.Tags, same.Modified = "c?sig=2", []string{"b", "a"}, at(2)
	require.Equal(t, editing.SumAll(one), editing.SumAll(same))
	for name, change := range map[string]func(*editing.Value){
		"title": func(v *editing.Value) { v.Title = "" }, "description": func(v *editing.Value) { v.Description = "" },
		"cover": func(v *editing.Value) { v.Cover = "" }, "category": func(v *editing.Value) { v.Category = 2 },
		"tags": func(v *editing.Value) { v.Tags = []string{"a"} },
	} {
		other := one
		change(&other)
		require.NotEqual(t, editing.SumAll(one), editing.SumAll(other), name)
	}
}
