// Package editing decides what a batch of metadata changes comes to: the changes
// of one asset fold, in the order in which they were issued, into one update that
// sends only what differs from what the library holds, and every change gets its
// own verdict.
//
// Order is by Change.IssuedAt whatever the order of arrival, also across batches
// when the watermarks (Marks) of earlier ones are given: the later issued change
// of a title wins, and each single tag is a field of its own, so that writers who
// add and remove different tags never lose one another's. The order of the tags
// in the list is no promise.
//
// It reads no clock, calls nobody, and never changes what it was given.
package editing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Value is what the library holds of one media, as far as it can be edited. The
// zero Modified means that the library did not say.
type Value struct {
	Title, Description, Cover string
	Category                  int64
	Tags                      []string
	Modified                  time.Time
}

// OfVideo is the editable part of a video.
func OfVideo(v video.Video) Value {
	return Value{v.Title, v.Description, v.Cover, v.Category, v.Tags, v.Modified}
}

// OfImage is the editable part of an image.
func OfImage(i video.Image) Value {
	return Value{i.Title, i.Description, "", i.Category, i.Tags, i.Modified}
}

// Known is all that is known of one media: what it holds, or why that could not
// be read, and the marks of earlier batches.
type Known struct {
	Value Value
	Err   error
	Marks Marks
	// Over says what rules want on top of what people's changes come to, and which parts
	// of these were accepted; nil: nothing. It is called once, if the media could be read.
	Over func(Asked) Overlay
	// Doubt says that a write whose outcome is not known may not show yet.
	Doubt bool
	// Recent says that marks have moved a moment ago: the library may show what was
	// there before our own write.
	Recent bool
}

// Asked is what rules decide on: the value after people's changes, the parts of these
// that were accepted, in order, and the fields that are people's word.
type Asked struct {
	Value    Value
	Accepted []video.Change
	Said     map[string]bool // title, description, category, cover
}

// Overlay is what rules want. People win over them whatever the order: a field that
// people have set, and that still is as they set it, is left alone, and so is a tag that
// people asked for.
type Overlay struct {
	Set      video.Fields
	Tags     video.TagEdit
	Remember bool // something is to be remembered although nothing may be sent
	Unsure   bool // whether what was laid over before was written is not known
}

// Edit is what one media comes to.
type Edit struct {
	Update video.Update // what to send; Empty: nothing
	Old    video.Update // what the same fields held, for taking the change back
	Marks  Marks        // to be kept before the write: the parts whose mark moved
	Void   Marks        // to be taken back: open marks of changes that ended without a write
	// Remember says that whoever laid something over the changes wants to remember it.
	Remember bool
	// Over says that what was laid over changes what is sent.
	Over     bool
	Modified time.Time // when the library said that it was modified, before this
	Before   string    // SumAll of what it held
	After    string    // and of what it holds once Update is written
	Doubt    bool      // as it was known
}

// Empty says that there is nothing to send and nothing to remember.
func (e Edit) Empty() bool {
	return e.Update.Empty() && len(e.Marks)+len(e.Void) == 0 && !e.Remember
}

// Verdict is what came of one change. Pending says that it holds only once the
// update of its media has succeeded. All changes that a fold accepts share the fate
// of its one update, those that it need not send as well.
type Verdict struct {
	Result  video.Result
	Reason  string
	Err     error
	Pending bool
}

// Open says whether a change, with the marks of its media, has anything left to
// say: it can be carried out, and no mark has settled all of it. What is not open
// gets its verdict from Fold without anything known but the marks.
func Open(c video.Change, marks Marks) bool {
	if c.Check() != nil {
		return false
	}
	f := newFolding(Known{Marks: marks})
	rest, _, _ := f.open(c, StampOf(c))
	return !rest.Empty() || len(f.waiting) > 0
}

// Fold decides a batch. It returns one Edit for every media whose marks move or
// that has something to send, ordered by id, and one verdict for every change,
// in the order given. A change with no IssuedAt counts as older than any other;
// whoever receives it should fill in the moment of arrival.
func Fold(changes []video.Change, known func(Key) Known) ([]Edit, []Verdict) {
	groups := map[Key][]int{}
	for i, c := range changes {
		groups[KeyOf(c)] = append(groups[KeyOf(c)], i)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b Key) int {
		if a.ID == b.ID && a.Image != b.Image {
			return map[bool]int{true: 1, false: -1}[a.Image]
		}
		return cmp.Compare(a.ID, b.ID)
	})
	var edits []Edit
	verdicts := make([]Verdict, len(changes))
	for _, key := range keys {
		some := make([]video.Change, len(groups[key]))
		for n, i := range groups[key] {
			some[n] = changes[i]
		}
		edit, says := FoldOne(key, some, known(key))
		for n, i := range groups[key] {
			verdicts[i] = says[n]
		}
		if !edit.Empty() {
			edits = append(edits, edit)
		}
	}
	return edits, verdicts
}

// FoldOne is Fold for the changes of one media, of which there may be none: what lies
// over them decides alone then.
func FoldOne(key Key, changes []video.Change, known Known) (Edit, []Verdict) {
	var order []int
	stamps, verdicts := make([]Stamp, len(changes)), make([]Verdict, len(changes))
	for i, c := range changes {
		if err := c.Check(); err != nil { // before anything is computed from it
			verdicts[i] = refusal(err)
			continue
		}
		stamps[i], order = StampOf(c), append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return stamps[a].Compare(stamps[b]) })
	f := newFolding(known)
	for n, i := range order {
		if n > 0 && stamps[i] == stamps[order[n-1]] {
			continue // the same change again: it shares the first one's verdict
		}
		verdicts[i] = f.take(changes[i], stamps[i])
	}
	f.overlay()
	edit := f.edit(key)
	for n, i := range order {
		if n > 0 && stamps[i] == stamps[order[n-1]] {
			verdicts[i] = again(verdicts[order[n-1]])
			continue
		}
		if verdicts[i].Result == video.Done {
			verdicts[i] = f.verdict(changes[i], stamps[i], edit, verdicts[i].Reason)
		}
		verdicts[i].Pending = verdicts[i].Pending && !edit.Update.Empty()
	}
	return edit, verdicts
}

func again(v Verdict) Verdict {
	if v.Result == video.Done {
		return Verdict{Result: video.Unchanged, Reason: "delivered twice"}
	}
	return v
}

// folding is the state of one media while its changes are taken in order.
type folding struct {
	known   Known
	now     Value
	marks   Marks
	changed bool             // an accepted change differs from what was there before it
	waiting map[Stamp]string // changes that have to come again, and why
	void    Marks
	opened  map[Stamp][]string // the parts whose open marks these changes left before
	taken   []video.Change     // what was accepted of the changes
	over    Overlay
	laid    bool // it changes the value
}

func newFolding(k Known) *folding {
	f := &folding{known: k, now: k.Value, marks: k.Marks.Merge(nil), waiting: map[Stamp]string{}, void: Marks{}, opened: map[Stamp][]string{}}
	for field, mark := range k.Marks {
		if mark.Open {
			f.opened[mark.Stamp] = append(f.opened[mark.Stamp], field)
		}
	}
	return f
}

// take judges one change against all before it. Done is provisional: a later
// change may undo it, which verdict finds out at the end. A change that ends without
// a write gives back the marks that it left open when it was tried before.
func (f *folding) take(c video.Change, s Stamp) Verdict {
	v := f.judge(c, s)
	switch v.Result {
	case video.Rejected, video.Missing, video.Forbidden, video.Stale:
		for _, field := range f.opened[s] {
			f.void[field] = f.known.Marks[field]
			f.marks.takeBack(field, s)
		}
	}
	return v
}

func refusal(err error) Verdict {
	return Verdict{Result: video.ResultOf(err), Reason: err.Error(), Err: err}
}

func (f *folding) judge(c video.Change, s Stamp) Verdict {
	if c.Empty() {
		return Verdict{Result: video.Unchanged, Reason: "asks for nothing"}
	}
	c, older, taken := f.open(c, s)
	switch {
	case !c.Empty() || f.waiting[s] != "":
	case taken > 0:
		return Verdict{Result: video.Unchanged, Reason: "taken before"}
	default:
		return Verdict{Result: video.Stale, Reason: older}
	}
	if f.known.Err != nil {
		return refusal(f.known.Err)
	}
	if why := f.waiting[s]; why != "" {
		// A newer change is still to be written, and whether it will be is not known.
		// Should it be refused in the end, this one is what counts; half of it must not
		// be done before.
		return refusal(fmt.Errorf("%w: %s", video.ErrTransient, why))
	}
	next := f.apply(c, s)
	differs := !diff(f.now, next).Empty()
	if v, ended := f.modifiedSince(c.IfUnmodifiedSince); differs && ended {
		return v
	}
	if err := f.fits(c, next); differs && err != nil {
		v := refusal(err)
		v.Pending = f.changed // without the changes before it there may be room
		return v
	}
	moved := Marks{}
	for _, field := range parts(c) {
		moved[field] = Mark{Stamp: s}
	}
	if !c.Tags.Empty() {
		moved[listSum] = Mark{Stamp: f.marks[listSum].later(s)}
	}
	foreign := f.foreign(c)
	f.marks.move(moved) // in place: a batch may hold a thousand changes of one asset
	f.now, f.changed, f.taken = next, f.changed || differs, append(f.taken, c)
	return Verdict{Result: video.Done, Reason: foreign}
}

// modifiedSince ends a change that is only for a value as it was at a time; zero: any.
func (f *folding) modifiedSince(since time.Time) (v Verdict, ended bool) {
	switch {
	case since.IsZero():
		return Verdict{}, false
	case f.changed:
		return Verdict{Result: video.Stale, Reason: fmt.Sprintf("ifUnmodifiedSince %s: an earlier change of this batch modifies it", show(since)), Pending: true}, true
	case f.now.Modified.IsZero():
		return refusal(fmt.Errorf("%w: ifUnmodifiedSince: the library does not say when this was modified", video.ErrInvalid)), true
	case f.now.Modified.After(since):
		return Verdict{Result: video.Stale, Reason: fmt.Sprintf("ifUnmodifiedSince %s: modified %s", show(since), show(f.now.Modified))}, true
	}
	return Verdict{}, false
}

// fits says why the library would refuse the whole tag list that a change comes to,
// which it takes as a whole: somebody else's tag in it may be one that only the
// creating call accepts.
func (f *folding) fits(c video.Change, next Value) error {
	if c.Tags.Empty() || diff(Value{Tags: f.known.Value.Tags}, Value{Tags: next.Tags}).Empty() {
		return nil
	}
	if n := len(next.Tags); n > video.MaxTags {
		return fmt.Errorf("%w: tags: %d tags after the change, at most %d", video.ErrInvalid, n, video.MaxTags)
	}
	if err := (video.Update{ID: c.ID, Tags: &next.Tags}).Check(); err != nil {
		return fmt.Errorf("%w; not written: the library takes the tag list as a whole, and this tag is in it; remove or shorten it", err)
	}
	return nil
}

// overlay lays what rules want over what people's changes came to.
func (f *folding) overlay() {
	if f.known.Over == nil || f.known.Err != nil {
		return
	}
	said := map[string]bool{}
	for _, field := range []string{"title", "description", "category", "cover"} {
		said[field] = f.said(field)
	}
	f.over = f.known.Over(Asked{f.now, f.taken, said})
	next := f.now
	for _, field := range []struct {
		part string
		set  func()
	}{
		{"title", func() { set(&next.Title, f.over.Set.Title) }},
		{"description", func() { set(&next.Description, f.over.Set.Description) }},
		{"category", func() { set(&next.Category, f.over.Set.Category) }},
		{"cover", func() { set(&next.Cover, f.over.Set.Cover) }},
	} {
		if !said[field.part] {
			field.set()
		}
	}
	tags := f.over.Tags
	tags.Remove = filter(tags.Remove, func(tag string) bool { return f.marks.of(oneTag+tag).Stamp == Stamp{} })
	if !tags.Empty() {
		next.Tags = tags.Apply(next.Tags)
	}
	if f.laid = !diff(f.now, next).Empty(); !f.laid {
		return
	}
	if list, ok := f.marks[listSum]; ok && diff(Value{Tags: f.now.Tags}, Value{Tags: next.Tags}).Tags != nil {
		list.Sum = "laid over" // the list is another now, and edit says which
		f.marks[listSum] = list
	}
	f.now = next
}

// said says that a field is as people want it to be: they set it now or before, and
// nobody has changed it since, as far as that can be known.
func (f *folding) said(field string) bool {
	mark, ok := f.marks[field]
	if !ok {
		return false
	}
	return mark != f.known.Marks[field] || mark.Open || mark.Sum == "" || mark.Sum == Sum(f.now, field) || f.known.Recent
}

// foreign names the fields which another writer has changed since we wrote them
// last: the change wins, being issued later, but not unseen.
func (f *folding) foreign(c video.Change) string {
	var all []string
	for _, field := range parts(c) {
		was := f.known.Marks[field]
		if field == wholeList {
			was = f.known.Marks[listSum]
		}
		if !was.Open && was.Sum != "" && was.Sum != Sum(f.known.Value, field) {
			all = append(all, field+": another writer had changed it")
		}
	}
	return strings.Join(all, "; ")
}

// open leaves of a change what no later change has settled already. older names
// what was left out because a newer change won, taken counts what was left out
// because this very change was written before. What gave way to a change that is
// not known to be written is noted as waiting.
func (f *folding) open(c video.Change, s Stamp) (rest video.Change, older string, taken int) {
	var lost []string
	keep := func(field string) bool {
		mark := f.marks.of(field)
		switch n := s.Compare(mark.Stamp); {
		case n > 0 || n == 0 && mark.Open:
			return true
		case s.Compare(mark.written()) == 0:
			taken++
		case mark.Open && s.Compare(mark.Was) > 0:
			f.waiting[s] = fmt.Sprintf("%s: a change issued %s is newer and not known to be written", field, show(mark.At))
		default:
			lost = append(lost, fmt.Sprintf("%s: a change issued %s is newer", field, show(mark.At)))
		}
		return false
	}
	c.Set.Title = unsettled(c.Set.Title, "title", keep)
	c.Set.Description = unsettled(c.Set.Description, "description", keep)
	c.Set.Category = unsettled(c.Set.Category, "category", keep)
	c.Set.Cover = unsettled(c.Set.Cover, "cover", keep)
	c.Tags.Set = unsettled(c.Tags.Set, wholeList, keep)
	if c.Tags.Set != nil { // it spares the tags on which a newer change has its word
		for field := range f.marks {
			if strings.HasPrefix(field, oneTag) {
				keep(field)
			}
		}
	}
	keepTag := func(tag string) bool { return keep(oneTag + tag) }
	c.Tags.Add = filter(c.Tags.Add, keepTag)
	c.Tags.Remove = filter(c.Tags.Remove, keepTag)
	return c, strings.Join(lost, "; "), taken
}

// unsettled is a field's new value, nil where there is none to keep.
func unsettled[T any](value *T, field string, keep func(field string) bool) *T {
	if value == nil || !keep(field) {
		return nil
	}
	return value
}

// apply is the value after an open change. A replacement of the whole list
// spares the tags on which a later change has had its word.
func (f *folding) apply(c video.Change, s Stamp) Value {
	v := f.now
	set(&v.Title, c.Set.Title)
	set(&v.Description, c.Set.Description)
	set(&v.Category, c.Set.Category)
	if c.Set.Cover != nil && !sameURL(*c.Set.Cover, v.Cover) {
		v.Cover = *c.Set.Cover
	}
	edit := c.Tags
	if edit.Set != nil {
		settled := func(tag string) bool { return f.marks[oneTag+tag].Compare(s) > 0 }
		list := filter(*edit.Set, func(tag string) bool { return !settled(tag) || slices.Contains(v.Tags, tag) })
		for _, tag := range v.Tags {
			if settled(tag) && !slices.Contains(list, tag) {
				list = append(list, tag)
			}
		}
		edit.Set = &list
	}
	if !edit.Empty() {
		v.Tags = edit.Apply(v.Tags)
	}
	return v
}

func (f *folding) edit(key Key) Edit {
	e := Edit{Update: f.update(), Marks: Marks{}, Void: f.void, Remember: f.over.Remember, Over: f.laid, Modified: f.known.Value.Modified, Doubt: f.known.Doubt}
	e.Update.ID = key.ID
	if key.Image {
		e.Update.Kind = video.KindImage
	}
	if !e.Update.Empty() {
		e.Old = oldOf(e.Update, f.known.Value)
	}
	known := f.known.Marks.Without(f.void, f.known.Marks)
	for field, mark := range f.marks {
		if mark == known[field] {
			continue
		}
		if mark.Open = !e.Update.Empty(); mark.Open {
			mark.Was = known[field].written()
		}
		if mark.Sum = ""; field != wholeList { // single tags change the list as well: the mark "list" has it
			mark.Sum = Sum(f.now, field)
		}
		e.Marks[field] = mark
	}
	if !e.Empty() { // most looks at an asset come to nothing
		e.Before, e.After = SumAll(f.known.Value), SumAll(f.now)
	}
	return e
}

// update is what is to be sent: what differs and, in doubt, all that a change has its word
// on, since a write that does not show yet may have made something else of it. Tags are sent
// as well where that write was the rules': one that they took back may be in it.
func (f *folding) update() video.Update {
	u := diff(f.known.Value, f.now)
	if !f.known.Doubt {
		return u
	}
	if f.over.Unsure {
		u.Tags = &f.now.Tags
	}
	for field, mark := range f.marks {
		if f.known.Marks[field] == mark {
			continue
		}
		switch field {
		case "title":
			u.Title = &f.now.Title
		case "description":
			u.Description = &f.now.Description
		case "category":
			u.Category = &f.now.Category
		case "cover":
			u.Cover = &f.now.Cover
		default:
			u.Tags = &f.now.Tags
		}
	}
	return u
}

// verdict says at the end what an accepted change has come to.
func (f *folding) verdict(c video.Change, s Stamp, e Edit, foreign string) Verdict {
	older := foreign
	result := video.Stale
	for _, field := range parts(c) {
		switch {
		case f.marks.of(field).Stamp != s:
			older = cmp.Or(older, field+": a later change won")
		case f.sends(field, e.Update):
			result = video.Done
		case result == video.Stale:
			result = video.Unchanged
		}
	}
	return Verdict{Result: result, Reason: older, Pending: true}
}

// sends says whether the update changes this part.
func (f *folding) sends(field string, u video.Update) bool {
	switch field {
	case "title":
		return u.Title != nil
	case "description":
		return u.Description != nil
	case "category":
		return u.Category != nil
	case "cover":
		return u.Cover != nil
	case wholeList:
		return u.Tags != nil
	}
	tag := strings.TrimPrefix(field, oneTag)
	return u.Tags != nil && slices.Contains(*u.Tags, tag) != slices.Contains(f.known.Value.Tags, tag)
}

// parts are what a change is about. Beside a replacement of the whole list its
// own additions and removals need no mark of their own.
func parts(c video.Change) []string {
	_, all := OfUpdate(video.Update{Fields: c.Set, Tags: c.Tags.Set})
	if c.Tags.Set != nil {
		return all
	}
	for _, tag := range slices.Concat(c.Tags.Add, c.Tags.Remove) {
		all = append(all, oneTag+tag)
	}
	return all
}

// diff is the smallest update that leads from one value to the other. Tags are
// compared as sets.
func diff(from, to Value) video.Update {
	var u video.Update
	u.Title = changed(from.Title, to.Title)
	u.Description = changed(from.Description, to.Description)
	u.Category = changed(from.Category, to.Category)
	u.Cover = changed(from.Cover, to.Cover)
	if a, b := slices.Sorted(slices.Values(from.Tags)), slices.Sorted(slices.Values(to.Tags)); !slices.Equal(a, b) {
		u.Tags = &to.Tags
	}
	return u
}

func oldOf(u video.Update, v Value) video.Update {
	old := video.Update{ID: u.ID, Kind: u.Kind}
	if u.Title != nil {
		old.Title = &v.Title
	}
	if u.Description != nil {
		old.Description = &v.Description
	}
	if u.Category != nil {
		old.Category = &v.Category
	}
	if u.Cover != nil {
		// Without the signature that the library adds: it is a secret, and it runs out.
		bare, _, _ := strings.Cut(v.Cover, "?")
		old.Cover = &bare
	}
	if u.Tags != nil {
		tags := append([]string{}, v.Tags...) // never nil: JSON would make "no tags" of it "not said"
		old.Tags = &tags
	}
	return old
}

// sameURL knows a cover again that the library hands out with a signature.
func sameURL(want, have string) bool {
	bare, _, _ := strings.Cut(have, "?")
	return want == have || want != "" && want == bare
}

func changed[T comparable](from, to T) *T {
	if from == to {
		return nil
	}
	return &to
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func filter(list []string, keep func(string) bool) []string {
	var out []string
	for _, s := range list {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}

func show(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Holds says that a media is already as an update wants it.
func Holds(v Value, u video.Update) bool {
	want := v
	set(&want.Title, u.Title)
	set(&want.Description, u.Description)
	set(&want.Category, u.Category)
	set(&want.Tags, u.Tags)
	if u.Cover != nil && !sameURL(*u.Cover, v.Cover) {
		return false
	}
	return diff(v, want).Empty()
}
