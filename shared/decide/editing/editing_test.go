package editing_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/video"
)

var epoch = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func at(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }

func title(id string, s int, text string) video.Change {
	return video.Change{ID: video.ID(id), Set: video.Fields{Title: &text}, IssuedAt: at(s)}
}

func tags(id string, s int, edit video.TagEdit) video.Change {
	return video.Change{ID: video.ID(id), Tags: edit, IssuedAt: at(s)}
}

// library is what the tests fold against.
type library map[editing.Key]editing.Known

func (l library) known(k editing.Key) editing.Known {
	if known, ok := l[k]; ok {
		return known
	}
	return editing.Known{Err: video.ErrNotFound}
}

// after is the library once every edit was written and its marks were closed.
func (l library) after(edits []editing.Edit) library {
	next := maps.Clone(l)
	for _, e := range edits {
		k := editing.Key{ID: e.Update.ID, Image: e.Update.Kind == video.KindImage}
		known := next[k]
		v, u := &known.Value, e.Update
		if u.Title != nil {
			v.Title = *u.Title
		}
		if u.Description != nil {
			v.Description = *u.Description
		}
		if u.Category != nil {
			v.Category = *u.Category
		}
		if u.Tags != nil {
			v.Tags = *u.Tags
		}
		known.Marks = known.Marks.Merge(e.Marks).Settle(e.Marks)
		next[k] = known
	}
	return next
}

// plain is the library without the order of tags, which is no promise.
func (l library) plain() library {
	next := maps.Clone(l)
	for k, known := range next {
		known.Value.Tags = slices.Sorted(slices.Values(known.Value.Tags))
		next[k] = known
	}
	return next
}

func results(verdicts []editing.Verdict) string {
	var all []string
	for _, v := range verdicts {
		all = append(all, string(v.Result))
	}
	return strings.Join(all, " ")
}

func TestOneVerdictForEveryChange(t *testing.T) {
	has := editing.Known{Value: editing.Value{Title: "old", Cover: "https://x/c.jpg?sig=1", Tags: []string{"a", "b"}, Modified: at(0)}}
	marked := has
	marked.Marks = editing.Marks{}.Merge(editing.Marks{
		"title": {Stamp: editing.Stamp{At: at(50)}},
		"tag:a": {Stamp: editing.Stamp{At: at(50)}},
	})
	sixteen := make([]string, 16)
	for i := range sixteen {
		sixteen[i] = fmt.Sprintf("t%02d", i)
	}
	full := editing.Known{Value: editing.Value{Tags: sixteen}}
	since := func(c video.Change, s int) video.Change { c.IfUnmodifiedSince = at(s); return c }
	cover := "https://x/c.jpg"

	for name, tc := range map[string]struct {
		known   editing.Known
		changes []video.Change
		results string
		sends   string // of the one update
	}{
		"a new title":                {has, []video.Change{title("v", 1, "new")}, "done", "title=new"},
		"the title it has":           {has, []video.Change{title("v", 1, "old")}, "unchanged", ""},
		"the later one wins":         {has, []video.Change{title("v", 2, "second"), title("v", 1, "first")}, "done stale", "title=second"},
		"there and back":             {has, []video.Change{title("v", 1, "new"), title("v", 2, "old")}, "stale unchanged", ""},
		"delivered twice":            {has, []video.Change{title("v", 1, "new"), title("v", 1, "new")}, "done unchanged", "title=new"},
		"older than the watermark":   {marked, []video.Change{title("v", 49, "new")}, "stale", ""},
		"newer than the watermark":   {marked, []video.Change{title("v", 51, "new")}, "done", "title=new"},
		"a tag older than its mark":  {marked, []video.Change{tags("v", 49, video.TagEdit{Remove: []string{"a"}})}, "stale", ""},
		"another tag is another one": {marked, []video.Change{tags("v", 49, video.TagEdit{Add: []string{"c"}})}, "done", "tags=a,b,c"},
		"an older list spares a newer tag": {marked, []video.Change{tags("v", 49, video.TagEdit{Set: &[]string{"z"}})},
			"done", "tags=z,a"},
		"writers of different tags": {has, []video.Change{
			tags("v", 2, video.TagEdit{Add: []string{"d"}}), tags("v", 1, video.TagEdit{Add: []string{"c"}, Remove: []string{"a"}}),
		}, "done done", "tags=b,c,d"},
		"tags that are there":            {has, []video.Change{tags("v", 1, video.TagEdit{Add: []string{"a"}, Remove: []string{"z"}})}, "unchanged", ""},
		"the same list in other order":   {has, []video.Change{tags("v", 1, video.TagEdit{Set: &[]string{"b", "a"}})}, "unchanged", ""},
		"all tags away":                  {has, []video.Change{tags("v", 1, video.TagEdit{Set: &[]string{}})}, "done", "tags="},
		"a 17th tag":                     {full, []video.Change{tags("v", 1, video.TagEdit{Add: []string{"x"}})}, "rejected", ""},
		"a 17th tag, one gone before":    {full, []video.Change{tags("v", 2, video.TagEdit{Add: []string{"x"}}), tags("v", 1, video.TagEdit{Remove: []string{"t00"}})}, "done done", "tags=" + strings.Join(sixteen[1:], ",") + ",x"},
		"rejected, its neighbour not":    {has, []video.Change{title("v", 1, strings.Repeat("x", 129)), title("v", 2, "fine")}, "rejected done", "title=fine"},
		"rejected leaves no mark":        {has, []video.Change{title("v", 2, strings.Repeat("x", 129)), title("v", 1, "fine")}, "rejected done", "title=fine"},
		"unmodified since":               {has, []video.Change{since(title("v", 1, "new"), 0)}, "done", "title=new"},
		"modified since":                 {has, []video.Change{since(title("v", 1, "new"), -1)}, "stale", ""},
		"modified since, but so already": {has, []video.Change{since(title("v", 1, "old"), -1)}, "unchanged", ""},
		"modified by this batch":         {has, []video.Change{title("v", 1, "one"), since(tags("v", 2, video.TagEdit{Add: []string{"c"}}), 0)}, "done stale", "title=one"},
		"modified who knows when":        {full, []video.Change{since(title("v", 1, "new"), 0)}, "rejected", ""},
		"missing":                        {editing.Known{Err: video.ErrNotFound}, []video.Change{title("v", 1, "new")}, "missing", ""},
		"forbidden":                      {editing.Known{Err: video.ErrForbidden}, []video.Change{title("v", 1, "new")}, "forbidden", ""},
		"not readable now":               {editing.Known{Err: video.ErrThrottled}, []video.Change{title("v", 1, "new")}, "failed", ""},
		"asks for nothing":               {has, []video.Change{{ID: "v", IssuedAt: at(1)}}, "unchanged", ""},
		"the cover, read back signed":    {has, []video.Change{{ID: "v", IssuedAt: at(1), Set: video.Fields{Cover: &cover}}}, "unchanged", ""},
		"partly stale is done":           {marked, []video.Change{{ID: "v", IssuedAt: at(49), Set: video.Fields{Title: new(string), Description: &cover}}}, "done", "description=" + cover},
	} {
		t.Run(name, func(t *testing.T) {
			edits, verdicts := editing.Fold(tc.changes, library{{ID: "v"}: tc.known}.known)
			require.Equal(t, tc.results, results(verdicts), "%+v", verdicts)
			sent := ""
			if len(edits) > 0 {
				require.Len(t, edits, 1)
				sent = show(edits[0].Update)
				require.NoError(t, edits[0].Update.Check())
			}
			require.Equal(t, tc.sends, sent)
		})
	}
}

func show(u video.Update) string {
	var all []string
	if u.Title != nil {
		all = append(all, "title="+*u.Title)
	}
	if u.Description != nil {
		all = append(all, "description="+*u.Description)
	}
	if u.Tags != nil {
		all = append(all, "tags="+video.JoinTags(*u.Tags))
	}
	return strings.Join(all, " ")
}

func TestTheReasonNamesFieldAndLimit(t *testing.T) {
	_, verdicts := editing.Fold([]video.Change{title("v", 1, strings.Repeat("x", 129))}, library{{ID: "v"}: {}}.known)
	require.ErrorIs(t, verdicts[0].Err, video.ErrInvalid)
	require.Contains(t, verdicts[0].Reason, "129 bytes, at most 128")
}

func TestAVideoAndAnImageOfOneIDAreTwoMedia(t *testing.T) {
	image := title("v", 1, "image")
	image.Kind = video.KindImage
	edits, verdicts := editing.Fold([]video.Change{image, title("v", 2, "video")}, library{{ID: "v"}: {}, {ID: "v", Image: true}: {}}.known)
	require.Equal(t, "done done", results(verdicts))
	require.Equal(t, []video.Kind{"", video.KindImage}, []video.Kind{edits[0].Update.Kind, edits[1].Update.Kind})
}

func TestTheOldValuesAreThoseOfTheFieldsSent(t *testing.T) {
	l := library{{ID: "v"}: {Value: editing.Value{Title: "old", Description: "stays", Tags: []string{"a"}}}}
	both := title("v", 1, "new")
	both.Tags.Add = []string{"b"}
	edits, _ := editing.Fold([]video.Change{both}, l.known)
	require.Equal(t, "title=new tags=a,b", show(edits[0].Update))
	require.Equal(t, "title=old tags=a", show(edits[0].Old))
}

// A change whose write is not known to have succeeded is done again when it is
// delivered again; one that was written is not, even if somebody else has
// written something else in between.
func TestOnlyAnOpenMarkIsDoneAgain(t *testing.T) {
	l := library{{ID: "v"}: {Value: editing.Value{Title: "old"}}}
	change := []video.Change{title("v", 1, "new")}
	edits, _ := editing.Fold(change, l.known)

	known := l[editing.Key{ID: "v"}]
	known.Marks = known.Marks.Merge(edits[0].Marks)
	again, verdicts := editing.Fold(change, library{{ID: "v"}: known}.known)
	require.Equal(t, "done", results(verdicts))
	require.Equal(t, edits, again)

	known.Marks = known.Marks.Settle(edits[0].Marks)
	known.Value.Title = "by another writer"
	none, verdicts := editing.Fold(change, library{{ID: "v"}: known}.known)
	require.Equal(t, "unchanged", results(verdicts))
	require.Empty(t, none)
}

// Another writer, a CMS for example, is overwritten by what was issued later, but
// not unseen.
func TestWhatAnotherWriterChangedIsNotOverwrittenUnseen(t *testing.T) {
	l := library{{ID: "v"}: {Value: editing.Value{Title: "old"}}}
	edits, verdicts := editing.Fold([]video.Change{title("v", 1, "ours")}, l.known)
	require.Empty(t, verdicts[0].Reason)
	l = l.after(edits)
	_, verdicts = editing.Fold([]video.Change{title("v", 2, "ours again")}, l.known)
	require.Empty(t, verdicts[0].Reason, "it is as we left it")

	known := l[editing.Key{ID: "v"}]
	known.Value.Title = "theirs"
	_, verdicts = editing.Fold([]video.Change{title("v", 2, "ours again")}, library{{ID: "v"}: known}.known)
	require.Equal(t, editing.Verdict{Result: video.Done, Reason: "title: another writer had changed it", Pending: true}, verdicts[0])
}

// Of tags, only a replacement of the whole list writes over what others did to them.
func TestAListThatAnotherWriterChangedIsNotReplacedUnseen(t *testing.T) {
	list := func(s int, all ...string) video.Change { return tags("v", s, video.TagEdit{Set: &all}) }
	add := func(s int, tag string) video.Change { return tags("v", s, video.TagEdit{Add: []string{tag}}) }
	l := library{{ID: "v"}: {Value: editing.Value{Tags: []string{"theirs"}}}}
	for _, step := range []struct {
		change video.Change
		theirs []string // the list when it comes; nil: as we left it
		reason string
	}{
		{change: list(5, "a")},
		{change: add(2, "b")}, // late, and older than the list: it gives way
		{change: add(6, "c")},
		{change: list(7, "a", "d")},
		{change: add(8, "e"), theirs: []string{"a", "x"}},
		{change: list(9, "a"), theirs: []string{"a", "x", "y"}, reason: "tags: another writer had changed it"},
		{change: list(10, "f")},
	} {
		known := l[editing.Key{ID: "v"}]
		if step.theirs != nil {
			known.Value.Tags = step.theirs
			l[editing.Key{ID: "v"}] = known
		}
		edits, verdicts := editing.Fold([]video.Change{step.change}, l.known)
		if verdicts[0].Result == video.Done {
			require.Equal(t, step.reason, verdicts[0].Reason, "issued %s", step.change.IssuedAt)
		}
		l = l.after(edits)
	}
}

// A change that gave way to a newer one is not over before that one is written: the
// newer one may still be refused, and then the older one is what counts.
func TestWhatGaveWayWaitsForTheWriteOfTheNewer(t *testing.T) {
	l := library{{ID: "v"}: {Value: editing.Value{Title: "old", Modified: at(0)}}}
	since := title("v", 3, "since")
	since.IfUnmodifiedSince = at(0)
	edits, verdicts := editing.Fold([]video.Change{title("v", 1, "older"), title("v", 2, "newer"), since, title("v", 2, "newer")}, l.known)
	require.Equal(t, "stale done stale unchanged", results(verdicts))
	require.Equal(t, []bool{true, true, true, false}, []bool{verdicts[0].Pending, verdicts[1].Pending, verdicts[2].Pending, verdicts[3].Pending})

	_, verdicts = editing.Fold([]video.Change{title("v", 1, "there"), title("v", 2, "old")}, l.known)
	require.Equal(t, []editing.Verdict{{Result: video.Stale, Reason: "title: a later change won"}, {Result: video.Unchanged}}, verdicts, "nothing is written")

	known := l[editing.Key{ID: "v"}]
	known.Marks = edits[0].Marks // open: what came of the write is not known
	older := title("v", 1, "older")
	for _, adds := range [][]string{nil, {"a"}} { // half of it is not done either
		older.Tags.Add = adds
		edits, verdicts = editing.Fold([]video.Change{older}, library{{ID: "v"}: known}.known)
		require.Equal(t, "failed", results(verdicts))
		require.ErrorIs(t, verdicts[0].Err, video.ErrTransient)
		require.Contains(t, verdicts[0].Reason, "title: a change issued "+at(2).Format(time.RFC3339Nano)+" is newer and not known to be written")
		require.Empty(t, edits)
	}
	gone := editing.Known{Err: video.ErrNotFound, Marks: known.Marks}
	_, verdicts = editing.Fold([]video.Change{older}, library{{ID: "v"}: gone}.known)
	require.Equal(t, "missing", results(verdicts), "nobody will write it any more")

	known.Marks = known.Marks.Settle(known.Marks)
	_, verdicts = editing.Fold([]video.Change{older}, library{{ID: "v"}: known}.known)
	require.Equal(t, "done", results(verdicts))
	_, verdicts = editing.Fold([]video.Change{title("v", 1, "older")}, library{{ID: "v"}: known}.known)
	require.Equal(t, "stale", results(verdicts))
}

// A list that is older than an open change of a single tag waits for that one.
func TestAListWaitsForTheTagsThatItSpares(t *testing.T) {
	known := editing.Known{Value: editing.Value{Tags: []string{"a"}}}
	edits, _ := editing.Fold([]video.Change{tags("v", 3, video.TagEdit{Remove: []string{"a"}})}, library{{ID: "v"}: known}.known)
	known.Marks = edits[0].Marks
	list := []video.Change{tags("v", 2, video.TagEdit{Set: &[]string{"b"}})}
	edits, verdicts := editing.Fold(list, library{{ID: "v"}: known}.known)
	require.Equal(t, "failed", results(verdicts))
	require.Empty(t, edits)
	known.Marks = known.Marks.Settle(known.Marks)
	known.Marks["title"] = editing.Mark{Stamp: editing.Stamp{At: at(9)}, Open: true}
	edits, _ = editing.Fold(list, library{{ID: "v"}: known}.known)
	require.Equal(t, "tags=b,a", show(edits[0].Update), "and for nothing else")
}

// A change that was tried in vain and ends otherwise in the end stands in nobody's way.
func TestAChangeThatEndsWithoutAWriteGivesItsMarksBack(t *testing.T) {
	sixteen := make([]string, 16)
	for i := range sixteen {
		sixteen[i] = fmt.Sprintf("t%02d", i)
	}
	since := title("v", 5, "x")
	since.IfUnmodifiedSince = at(0)
	for name, tc := range map[string]struct {
		change video.Change
		then   editing.Known
		ends   string
		older  video.Change
		result string
	}{
		"modified since": {since, editing.Known{Value: editing.Value{Title: "old", Modified: at(1)}}, "stale", title("v", 3, "y"), "done"},
		"full by now":    {tags("v", 5, video.TagEdit{Add: []string{"x"}}), editing.Known{Value: editing.Value{Tags: sixteen, Modified: at(1)}}, "rejected", tags("v", 3, video.TagEdit{Remove: []string{"x", "t00"}}), "done"},
		"gone by now":    {title("v", 5, "x"), editing.Known{Err: video.ErrNotFound}, "missing", title("v", 3, "y"), "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			before := editing.Known{Value: editing.Value{Title: "old", Modified: at(0)}}
			edits, _ := editing.Fold([]video.Change{title("v", 2, "written")}, library{{ID: "v"}: before}.known)
			written := edits[0].Marks.Settle(edits[0].Marks)
			before.Marks = written
			edits, _ = editing.Fold([]video.Change{tc.change}, library{{ID: "v"}: before}.known)
			other, _ := editing.Fold([]video.Change{{ID: "v", IssuedAt: at(9), Set: video.Fields{Description: new(string)}}}, library{{ID: "v"}: {Value: editing.Value{Description: "x"}}}.known)
			tc.then.Marks = written.Merge(edits[0].Marks).Merge(other[0].Marks)
			edits, verdicts := editing.Fold([]video.Change{tc.change}, library{{ID: "v"}: tc.then}.known)
			require.Equal(t, tc.ends, results(verdicts))
			require.Len(t, edits, 1)
			require.True(t, edits[0].Update.Empty())
			tc.then.Marks = tc.then.Marks.Without(edits[0].Void, tc.then.Marks).Merge(edits[0].Marks)
			require.Equal(t, written["title"].Stamp, tc.then.Marks["title"].Stamp)
			require.True(t, tc.then.Marks["description"].Open, "those of other changes stay open")
			_, verdicts = editing.Fold([]video.Change{tc.older, title("v", 1, "oldest")}, library{{ID: "v"}: tc.then}.known)
			require.Equal(t, tc.result+" stale", results(verdicts))
		})
	}
}

// An open change hides the one before it, which is known to be written, from nobody.
func TestBehindAnOpenChangeTheWrittenOneCounts(t *testing.T) {
	known := editing.Known{Value: editing.Value{Title: "old"}}
	step := func(c video.Change, settle bool) {
		edits, _ := editing.Fold([]video.Change{c}, library{{ID: "v"}: known}.known)
		known.Marks = known.Marks.Merge(edits[0].Marks)
		if settle {
			known.Marks, known.Value.Title = known.Marks.Settle(edits[0].Marks), *c.Set.Title
		}
	}
	verdict := func(c video.Change) string {
		_, verdicts := editing.Fold([]video.Change{c}, library{{ID: "v"}: known}.known)
		return results(verdicts)
	}
	step(title("v", 2, "written"), true)
	before := known.Marks
	step(title("v", 5, "open"), false)
	first := known.Marks
	step(title("v", 5, "open"), false) // again, in vain as well
	require.Equal(t, "stale unchanged failed done", strings.Join([]string{
		verdict(title("v", 1, "x")), verdict(title("v", 2, "written")), verdict(title("v", 3, "x")), verdict(title("v", 6, "x")),
	}, " "))

	known.Marks = known.Marks.Without(known.Marks, first)
	require.Equal(t, before["title"].Stamp, known.Marks["title"].Stamp, "refused in the end, it leaves the one before it")
	require.Equal(t, "stale unchanged done", strings.Join([]string{
		verdict(title("v", 1, "x")), verdict(title("v", 2, "written")), verdict(title("v", 3, "x")),
	}, " "))
	fresh := editing.Marks{"title": {Stamp: editing.Stamp{At: at(5)}, Open: true}}
	require.Empty(t, fresh.Without(fresh, fresh))
}

func TestOnlyWhatHasSomethingToSayIsRead(t *testing.T) {
	mark := func(open bool) editing.Marks {
		return editing.Marks{"title": {Stamp: editing.Stamp{At: at(2)}, Open: open}}
	}
	require.False(t, editing.Open(title("v", 1, "x"), mark(false)))
	require.True(t, editing.Open(title("v", 1, "x"), mark(true)), "it waits, unless the media is gone")
	require.True(t, editing.Open(title("v", 3, "x"), mark(false)))
	require.False(t, editing.Open(title("a,b", 3, "x"), nil))
}

func TestThereMayBeRoomOnceAnotherChangeIsRefused(t *testing.T) {
	sixteen := make([]string, 16)
	for i := range sixteen {
		sixteen[i] = fmt.Sprintf("t%02d", i)
	}
	l := library{{ID: "v"}: {Value: editing.Value{Tags: sixteen[:15]}}}
	_, verdicts := editing.Fold([]video.Change{tags("v", 1, video.TagEdit{Add: []string{"x"}}), tags("v", 2, video.TagEdit{Add: []string{"y"}})}, l.known)
	require.Equal(t, "done rejected", results(verdicts))
	require.True(t, verdicts[1].Pending)
	l = library{{ID: "v"}: {Value: editing.Value{Tags: sixteen}}}
	_, verdicts = editing.Fold([]video.Change{tags("v", 2, video.TagEdit{Add: []string{"y"}})}, l.known)
	require.Equal(t, "rejected", results(verdicts))
	require.False(t, verdicts[0].Pending)
}

// batch draws changes of few media, fields and moments, so that they collide.
// No precondition and few tags: those verdicts depend on what came before.
func batch() *rapid.Generator[[]video.Change] {
	tag := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 3)
	text := rapid.Ptr(rapid.SampledFrom([]string{"", "x", "y", "z", strings.Repeat("x", 1025)}), true)
	change := rapid.Custom(func(t *rapid.T) video.Change {
		c := video.Change{
			ID:       rapid.SampledFrom([]video.ID{"v1", "v2", "missing"}).Draw(t, "id"),
			Kind:     rapid.SampledFrom([]video.Kind{"", "", video.KindImage}).Draw(t, "kind"),
			IssuedAt: at(rapid.IntRange(0, 6).Draw(t, "at")),
			Set:      video.Fields{Title: text.Draw(t, "title"), Description: text.Draw(t, "description")},
			Tags:     video.TagEdit{Add: tag.Draw(t, "add"), Remove: tag.Draw(t, "remove")},
		}
		if rapid.IntRange(0, 3).Draw(t, "replace") == 0 {
			list := tag.Draw(t, "list")
			c.Tags.Set = &list
		}
		return c
	})
	return rapid.SliceOfN(change, 0, 8)
}

func drawLibrary(t *rapid.T) library {
	tag := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "q"}), 0, 4, rapid.ID[string])
	l := library{}
	for _, k := range []editing.Key{{ID: "v1"}, {ID: "v2"}, {ID: "v1", Image: true}} {
		l[k] = editing.Known{Value: editing.Value{Title: rapid.SampledFrom([]string{"", "x", "w"}).Draw(t, "title"), Tags: tag.Draw(t, "tags")}}
	}
	return l
}

func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, changes := drawLibrary(t), batch().Draw(t, "changes")
		edits, verdicts := editing.Fold(changes, l.known)
		perm := rapid.Permutation(indices(len(changes))).Draw(t, "order")
		shuffled := make([]video.Change, len(changes))
		for to, from := range perm {
			shuffled[to] = changes[from]
		}
		edits2, verdicts2 := editing.Fold(shuffled, l.known)
		require.Equal(t, edits, edits2)
		for to, from := range perm {
			if !twin(changes, from) {
				require.Equal(t, verdicts[from], verdicts2[to])
			}
		}
	})
}

// twin says that the same change is there more than once: which of them did it
// is then a matter of arrival.
func twin(changes []video.Change, i int) bool {
	n := 0
	for _, c := range changes {
		if editing.KeyOf(c) == editing.KeyOf(changes[i]) && editing.StampOf(c) == editing.StampOf(changes[i]) {
			n++
		}
	}
	return n > 1
}

func TestFoldingTwiceIsFoldingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, changes := drawLibrary(t), batch().Draw(t, "changes")
		edits, _ := editing.Fold(changes, l.known)
		l = l.after(edits)
		again, verdicts := editing.Fold(changes, l.known)
		require.Empty(t, again)
		require.NotContains(t, results(verdicts), "done")
	})
}

func TestASplitBatchComesToTheSameAsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, changes := drawLibrary(t), batch().Draw(t, "changes")
		edits, _ := editing.Fold(changes, l.known)
		whole := l.after(edits).plain()

		arrival := rapid.Permutation(changes).Draw(t, "arrival")
		cut := rapid.IntRange(0, len(changes)).Draw(t, "cut")
		split := l
		for _, field := range [][]video.Change{arrival[:cut], arrival[cut:]} {
			edits, _ := editing.Fold(field, split.known)
			split = split.after(edits)
		}
		require.Equal(t, whole, split.plain())
	})
}

// The result is what doing one change after the other in issue order would give.
func TestFoldingIsApplyingInIssueOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, changes := drawLibrary(t), batch().Draw(t, "changes")
		edits, verdicts := editing.Fold(changes, l.known)
		got := l.after(edits)

		order := indices(len(changes))
		slices.SortStableFunc(order, func(a, b int) int {
			return editing.StampOf(changes[a]).Compare(editing.StampOf(changes[b]))
		})
		want := maps.Clone(l)
		for _, i := range order {
			c, k := changes[i], editing.KeyOf(changes[i])
			known, ok := want[k]
			if !ok || c.Check() != nil {
				want := []video.Result{video.Missing, video.Rejected}
				if c.Empty() {
					want = append(want, video.Unchanged) // whoever asks for nothing is not looked up
				}
				require.Contains(t, want, verdicts[i].Result)
				continue
			}
			if c.Set.Title != nil {
				known.Value.Title = *c.Set.Title
			}
			if c.Set.Description != nil {
				known.Value.Description = *c.Set.Description
			}
			known.Value.Tags = c.Tags.Apply(known.Value.Tags)
			want[k] = known
		}
		for k, known := range want.plain() {
			require.Equal(t, known.Value, got.plain()[k].Value)
		}
	})
}

func TestMarksMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []editing.Marks
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			edits, _ := editing.Fold(batch().Draw(t, "changes"), drawLibrary(t).known)
			for _, e := range edits {
				for field, mark := range e.Marks { // whether it is open and what it left is decided by the last word
					mark.Open, mark.Sum = false, ""
					e.Marks[field] = mark
				}
				all = append(all, e.Marks)
			}
		}
		merged := func(list []editing.Marks) editing.Marks {
			m := editing.Marks{}
			for _, marks := range list {
				m = m.Merge(marks)
			}
			return m
		}
		require.Equal(t, merged(all), merged(rapid.Permutation(all).Draw(t, "order")))
		require.Equal(t, merged(all), merged(slices.Concat(all, all)))
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// What Open leaves out is what needs no reading: its verdict is the same whatever
// the library holds.
func TestWhatIsNotOpenNeedsNoReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, before := drawLibrary(t), batch().Draw(t, "before")
		edits, _ := editing.Fold(before, l.known)
		l = l.after(edits)
		changes := append(batch().Draw(t, "changes"), before...)
		for _, c := range changes {
			known := l.known(editing.KeyOf(c))
			if editing.Open(c, known.Marks) {
				continue
			}
			_, with := editing.Fold([]video.Change{c}, func(editing.Key) editing.Known { return known })
			edits, without := editing.Fold([]video.Change{c}, func(editing.Key) editing.Known {
				return editing.Known{Err: video.ErrDeferred, Marks: known.Marks}
			})
			require.Empty(t, edits)
			require.Equal(t, with, without)
		}
	})
}

func TestARefusedChangeLeavesNoMark(t *testing.T) {
	mark := func(s int) editing.Mark { return editing.Mark{Stamp: editing.Stamp{At: at(s)}, Open: true} }
	was := editing.Marks{"title": mark(1), "tag:a": mark(2)}
	void := editing.Marks{"title": mark(5), "tags": mark(5)}
	require.Equal(t, was, was.Merge(void).Without(void, was))
	later := was.Merge(void).Merge(editing.Marks{"title": mark(7)})
	require.Equal(t, editing.Marks{"title": mark(7), "tag:a": mark(2)}, later.Without(void, was), "a later change stays")
	require.Equal(t, editing.Marks{}, editing.Marks{}.Merge(void).Without(void, nil))
}
