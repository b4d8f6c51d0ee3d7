package editing_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/video"
)

// one is everything about one field: how a change and an update set it, and what
// the library holds before and after.
type one struct {
	part      string
	set       func(*video.Change)
	update    video.Update // to the new value
	old       video.Update
	from, new editing.Value
}

func fields() []one {
	title, was := "new", "old"
	category, above := int64(7), int64(6)
	cover, before := "https://x.example/new.jpg", "https://x.example/old.jpg"
	tags, some := []string{"a", "b"}, []string{"c"}
	return []one{
		{"title", func(c *video.Change) { c.Set.Title = &title }, video.Update{Fields: video.Fields{Title: &title}}, video.Update{Fields: video.Fields{Title: &was}}, editing.Value{Title: was}, editing.Value{Title: title}},
		{"description", func(c *video.Change) { c.Set.Description = &title }, video.Update{Fields: video.Fields{Description: &title}}, video.Update{Fields: video.Fields{Description: &was}}, editing.Value{Description: was}, editing.Value{Description: title}},
		{"category", func(c *video.Change) { c.Set.Category = &category }, video.Update{Fields: video.Fields{Category: &category}}, video.Update{Fields: video.Fields{Category: &above}}, editing.Value{Category: above}, editing.Value{Category: category}},
		{"cover", func(c *video.Change) { c.Set.Cover = &cover }, video.Update{Fields: video.Fields{Cover: &cover}}, video.Update{Fields: video.Fields{Cover: &before}}, editing.Value{Cover: before}, editing.Value{Cover: cover}},
		{"tags", func(c *video.Change) { c.Tags.Set = &tags }, video.Update{Tags: &tags}, video.Update{Tags: &some}, editing.Value{Tags: some}, editing.Value{Tags: tags}},
	}
}

// fold decides one change of a media that holds a value.
func fold(known editing.Known, changes ...video.Change) ([]editing.Edit, []editing.Verdict) {
	return editing.Fold(changes, func(editing.Key) editing.Known { return known })
}

func TestEachFieldIsSetKeptInOrderAndRemembered(t *testing.T) {
	for _, f := range fields() {
		t.Run(f.part, func(t *testing.T) {
			at := func(s int) video.Change {
				c := video.Change{ID: "v", IssuedAt: at(s)}
				f.set(&c)
				return c
			}
			edits, verdicts := fold(editing.Known{Value: f.from}, at(2))
			require.Equal(t, []editing.Verdict{{Result: video.Done, Pending: true}}, verdicts)
			require.Len(t, edits, 1)
			want, old := f.update, f.old
			want.ID, old.ID = "v", "v"
			require.Equal(t, want, edits[0].Update, "this field and no other")
			require.Equal(t, old, edits[0].Old)
			mark, digest := edits[0].Marks[f.part], f.part
			if f.part == "tags" {
				digest = "list" // single tags change the list as well
				require.Empty(t, mark.Sum)
			}
			require.Len(t, edits[0].Marks, len(slices.Compact([]string{f.part, digest})))
			require.True(t, mark.Open)
			require.Equal(t, editing.Sum(f.new, f.part), edits[0].Marks[digest].Sum)

			marks := edits[0].Marks.Settle(edits[0].Marks)
			edits, verdicts = fold(editing.Known{Value: f.new, Marks: marks}, at(1), at(2), at(3))
			require.Equal(t, video.Stale, verdicts[0].Result)
			require.Contains(t, verdicts[0].Reason, f.part+": a change issued")
			require.Equal(t, editing.Verdict{Result: video.Unchanged, Reason: "taken before"}, verdicts[1])
			require.Equal(t, editing.Verdict{Result: video.Unchanged}, verdicts[2], "it is so already")
			require.Len(t, edits, 1)
			require.True(t, edits[0].Update.Empty())
			require.False(t, edits[0].Marks[f.part].Open)

			_, verdicts = fold(editing.Known{Value: f.from, Marks: marks}, at(3))
			require.Equal(t, video.Done, verdicts[0].Result)
			require.Equal(t, f.part+": another writer had changed it", verdicts[0].Reason)

			edits, verdicts = fold(editing.Known{Value: f.from}, at(2), at(5), at(2))
			require.Equal(t, "stale done stale", string(verdicts[0].Result+" "+verdicts[1].Result+" "+verdicts[2].Result))
			require.Equal(t, f.part+": a later change won", verdicts[0].Reason)
			require.Len(t, edits, 1)
		})
	}
}

func TestAnUpdateHoldsWhenEveryFieldOfItDoes(t *testing.T) {
	for _, f := range fields() {
		require.True(t, editing.Holds(f.new, f.update), f.part)
		require.False(t, editing.Holds(f.from, f.update), f.part)
		require.True(t, editing.Holds(f.from, f.old), f.part)
		require.True(t, editing.Holds(f.from, video.Update{}), f.part)

		value, parts := editing.OfUpdate(f.update)
		require.Equal(t, f.new, value, f.part)
		require.Equal(t, []string{f.part}, parts)
		require.Equal(t, editing.Sum(f.new, f.part), editing.Sum(value, f.part))
		require.NotEqual(t, editing.Sum(f.from, f.part), editing.Sum(value, f.part), f.part)
		require.Equal(t, editing.Sum(editing.Value{}, f.part), editing.Sum(editing.Value{}, f.part))
	}
	for range 20 { // the order is none of chance
		var whole video.Update
		for _, f := range fields() {
			whole = video.Update{Fields: video.Fields{
				Title: cmp.Or(whole.Title, f.update.Title), Description: cmp.Or(whole.Description, f.update.Description),
				Category: cmp.Or(whole.Category, f.update.Category), Cover: cmp.Or(whole.Cover, f.update.Cover),
			}, Tags: cmp.Or(whole.Tags, f.update.Tags)}
		}
		_, parts := editing.OfUpdate(whole)
		require.Equal(t, []string{"category", "cover", "description", "tags", "title"}, parts)
	}
	require.Empty(t, editing.Sum(editing.Value{Tags: []string{"a"}}, "tag:a"))
	signed := editing.Value{Cover: "https://x.example/new.jpg?auth_key=1-2"}
	cover, other := "https://x.example/new.jpg", "https://x.example/new.jp"
	require.True(t, editing.Holds(signed, video.Update{Fields: video.Fields{Cover: &cover}}), "the library signs what it hands out")
	require.False(t, editing.Holds(signed, video.Update{Fields: video.Fields{Cover: &other}}))
	require.Equal(t, editing.Sum(editing.Value{Cover: cover}, "cover"), editing.Sum(signed, "cover"))
	none := ""
	require.True(t, editing.Holds(editing.Value{}, video.Update{Fields: video.Fields{Cover: &none}}))
	require.False(t, editing.Holds(editing.Value{Cover: "?x"}, video.Update{Fields: video.Fields{Cover: &none}}), "no cover is not a strange one")
	edits, _ := fold(editing.Known{Value: signed}, video.Change{ID: "v", IssuedAt: at(1), Set: video.Fields{Cover: &cover}})
	require.True(t, edits[0].Update.Empty())
	edits, _ = fold(editing.Known{Value: signed}, video.Change{ID: "v", IssuedAt: at(1), Set: video.Fields{Cover: &other}})
	require.Equal(t, cover, *edits[0].Old.Cover, "no signature is written down, nor put back")
	require.Equal(t, editing.Sum(editing.Value{Tags: []string{"a", "b"}}, "tags"), editing.Sum(editing.Value{Tags: []string{"b", "a"}}, "tags"), "in any order")
}

// The order of the edits is that of the ids, and an image is another media than the
// video of the same id.
func TestAnImageIsNotTheVideoOfItsID(t *testing.T) {
	title := "x"
	change := func(id string, kind video.Kind) video.Change {
		return video.Change{ID: video.ID(id), Kind: kind, Set: video.Fields{Title: &title}, IssuedAt: at(1)}
	}
	edits, _ := fold(editing.Known{}, change("b", video.KindImage), change("c", ""), change("b", ""), change("a", video.KindImage))
	var order []string
	for _, e := range edits {
		order = append(order, string(e.Update.ID)+string(e.Update.Kind))
	}
	require.Equal(t, []string{"aimage", "b", "bimage", "c"}, order)
}

func TestAStampIsOfWhatAChangeSays(t *testing.T) {
	title := "x"
	c := video.Change{ID: "v", Set: video.Fields{Title: &title}, IssuedAt: at(1), IfUnmodifiedSince: at(0)}
	later := c
	later.IssuedAt = at(2)
	require.Equal(t, editing.StampOf(c).Tie, editing.StampOf(later).Tie)
	require.Negative(t, editing.StampOf(c).Compare(editing.StampOf(later)))
	written := c // with lists that a producer wrote although they are empty
	written.Tags = video.TagEdit{Add: []string{}, Remove: []string{}}
	asked := c
	asked.Asked = video.Asked{By: "anna", Source: "a.csv line 3"}
	require.Equal(t, editing.StampOf(c), editing.StampOf(asked), "a note makes no other change of it")
	require.Equal(t, editing.StampOf(c), editing.StampOf(written), "a message that goes round leaves them out")
	elsewhere := c
	elsewhere.IfUnmodifiedSince = c.IfUnmodifiedSince.In(shanghai)
	require.Equal(t, editing.StampOf(c), editing.StampOf(elsewhere), "wherever its clock hangs")
}

// A replacement of the whole list stands for every tag, and takes the marks of single
// ones along; of one moment, what came first has its word.
func TestMarksOfTheWholeList(t *testing.T) {
	mark := func(s int, tie string) editing.Mark { return editing.Mark{Stamp: editing.Stamp{At: at(s), Tie: tie}} }
	list := editing.Marks{"tag:a": mark(1, "x"), "tag:b": mark(3, "x")}.Merge(editing.Marks{"tags": mark(2, "x")})
	require.Equal(t, editing.Marks{"tags": mark(2, "x"), "tag:b": mark(3, "x")}, list)
	same := editing.Marks{"tag:a": mark(2, "x")}.Merge(editing.Marks{"tags": mark(2, "x")})
	require.Equal(t, editing.Marks{"tags": mark(2, "x")}, same)
	open := editing.Marks{"title": {Stamp: mark(1, "x").Stamp, Open: true}}
	require.False(t, open.Settle(editing.Marks{"title": mark(1, "x")})["title"].Open)
	require.True(t, open.Settle(editing.Marks{"title": mark(2, "x")})["title"].Open, "another change is not settled by that")
	require.Equal(t, open, open.Settle(editing.Marks{"cover": mark(1, "x")}), "nor does settling make a mark")
}

var shanghai = time.FixedZone("CST", 8*60*60)
