package tagging

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Decision is what the rules want of one media: the smallest change, empty when
// the media is as it should be, and where each part of it comes from.
type Decision struct {
	ID      video.ID     `json:"id"`
	Change  video.Change `json:"change"`
	Reasons []Reason     `json:"reasons,omitempty"`
	Matched []string     `json:"matched,omitempty"` // the rules that held
	Waiting []string     `json:"waiting,omitempty"` // rules that need a fact which is not known yet, or come behind such a rule that stops
	Dropped []string     `json:"dropped,omitempty"` // tags and texts that are not written, and why: they do not fit, or the provider would refuse them
	Faults  []string     `json:"faults,omitempty"`  // rules that failed while they were evaluated
	Locked  string       `json:"locked,omitempty"`  // why automation keeps its hands off; empty if it does not

	wanted []string // the tags that rules produce, also those that are there
}

// Reason says where one part of a change comes from.
type Reason struct {
	Field string `json:"field"` // tags, title, description, category
	Act   string `json:"act"`   // add, remove, set
	Value string `json:"value"`
	Rule  string `json:"rule,omitempty"` // the rule that wants it; empty for what is taken back
	Why   string `json:"why"`
}

// String is the reason in a line.
func (r Reason) String() string {
	return fmt.Sprintf("%s %s %q: %s", r.Act, r.Field, r.Value, r.Why)
}

// maxRounds bounds how often the rules are run because a title, description or
// category they set is itself a fact to them.
const maxRounds = 4

// Decide says what a media should become. The same facts give the same decision,
// and the facts after the change give none: conditions see people's tags and those
// that earlier rules add, never the tags that automation left there last time.
//
// Decide knows nothing of what was written before: it takes every tag that the rules
// can produce for theirs. DecideFor is for the library.
func (r *Rules) Decide(f *rule.Facts) Decision { return r.check(f, owner{r, nil, false}) }

// owner tells whose a tag is.
type owner struct {
	*Rules
	memory *Memory // nil: whatever rules can produce is theirs
	add    bool    // nothing is taken away
}

// ours says that a tag that is there is the rules' own.
func (o owner) ours(tag string) bool {
	if o.memory == nil {
		return o.owned(tag)
	}
	_, given := o.memory.Given[tag]
	return given
}

// ownWrite is how much later than our own write the library may say that it was.
const ownWrite = 2 * time.Minute

// idles says that a tag was given for idleness, which only our own write has ended.
func (o owner) idles(tag string, f *rule.Facts) bool {
	if o.memory == nil || f.Modified.After(o.memory.Wrote.Add(ownWrite)) {
		return false
	}
	return slices.ContainsFunc(o.makers(tag), func(i int) bool {
		uses := o.rules[i].when.Uses()
		return slices.Contains(uses, "idle_days") || slices.Contains(uses, "modified")
	})
}

// declined says that people took a tag away, and that the rules which give it are those
// that gave it then.
func (o owner) declined(tag string) bool {
	if o.memory == nil {
		return false
	}
	by, ok := o.memory.Declined[tag]
	return ok && (by == "" || by == o.by(tag))
}

func (r *Rules) check(f *rule.Facts, o owner) Decision {
	d := r.decide(f, o)
	if !slices.ContainsFunc(d.Change.Tags.Remove, func(tag string) bool { return !o.ours(tag) && !r.isRetired(tag) }) {
		return d
	}
	// A tag of people goes, and conditions may have asked for it: look whether the
	// change would stand.
	after := *f
	d.apply(&after, r)
	if o.memory != nil {
		next := d.remember(*o.memory, f, o, time.Time{})
		o.memory = &next
	}
	if next := r.decide(&after, o); !next.Change.Empty() {
		d.Faults = append(d.Faults, "nothing is written: the next event would change it again, since a rule asks for a tag that a rule removes: "+next.Reasons[0].String())
		d.Change, d.Reasons = video.Change{ID: d.Change.ID, Kind: d.Change.Kind}, nil
	}
	return d
}

// apply moves the facts to what they are after the change.
func (d *Decision) apply(f *rule.Facts, r *Rules) {
	f.Tags = d.Change.Tags.Apply(f.Tags)
	if p := d.Change.Set.Title; p != nil {
		f.Title = *p
	}
	if p := d.Change.Set.Description; p != nil {
		f.Description = *p
	}
	if p := d.Change.Set.Category; p != nil {
		rule.InCategory(f, *p, r.categoryName(*p))
	}
}

func (r *Rules) decide(f *rule.Facts, o owner) Decision {
	d := Decision{ID: video.ID(f.ID), Change: video.Change{ID: video.ID(f.ID)}}
	if f.Kind == string(video.KindImage) {
		d.Change.Kind = video.KindImage
	}
	if d.Locked = r.locked(f); d.Locked != "" {
		return d
	}
	view := *f
	foreign := slices.Clip(slices.DeleteFunc(slices.Clone(f.Tags), func(tag string) bool { // what is added to it is added to a copy
		return o.ours(tag) || r.isRetired(tag) && !o.add
	}))
	run := pass{}
	machine := rule.NewMachine()
	defer machine.Free()
	for round := 1; ; round++ {
		view.Tags = foreign
		run = r.run(machine, f, &view, run.set, o)
		if !run.moved || round == maxRounds {
			if run.moved {
				d.Dropped = append(d.Dropped, "title, description or category: the rules that set them do not come to rest")
				run.set = assigned{}
			}
			break
		}
	}
	r.tags(f, &run, &d, o)
	r.fieldsOf(f, &run, &d)
	for _, by := range []int{run.set.titleBy, run.set.descBy, run.set.catBy} { // it held in a round before
		if by > 0 && !slices.Contains(run.matched, by-1) {
			run.matched = append(run.matched, by-1)
		}
	}
	slices.Sort(run.matched)
	if len(run.matched) > 0 {
		d.Matched = make([]string, 0, len(run.matched))
	}
	for _, i := range run.matched {
		d.Matched = append(d.Matched, r.rules[i].name)
	}
	for _, i := range run.waiting {
		d.Waiting = append(d.Waiting, r.rules[i].name)
	}
	d.Faults = run.faults
	return d
}

// locked says why the media is none of our business. A category that cannot be
// named yet might be one of those, so it locks too.
func (r *Rules) locked(f *rule.Facts) string {
	for _, tag := range f.Tags {
		switch exactly, nearly := r.locks(tag); {
		case exactly:
			return fmt.Sprintf("it has the tag %q", tag)
		case nearly:
			return fmt.Sprintf("it has the tag %q, which looks like the lock %q: write it so, or rename the tag", tag, r.lock)
		}
	}
	if len(r.handsOff) == 0 || f.CategoryID == 0 {
		return ""
	}
	if slices.Contains(r.handsOff, strconv.Itoa(f.CategoryID)) {
		return fmt.Sprintf("category %d is hands-off", f.CategoryID)
	}
	name, known := f.Category, f.Category != ""
	if !known {
		for n, id := range r.categories {
			if id == int64(f.CategoryID) {
				name, known = n, true
			}
		}
	}
	switch {
	case !known:
		return fmt.Sprintf("the name of category %d is not known, and some names are hands-off", f.CategoryID)
	case slices.ContainsFunc(r.handsOff, func(one string) bool { return rule.Fold(one) == rule.Fold(name) }):
		return fmt.Sprintf("category %q is hands-off", name)
	}
	return ""
}

// Locks says that a tag shuts automation out, or may be meant to.
func (r *Rules) Locks(tag string) bool {
	exactly, nearly := r.locks(tag)
	return exactly || nearly
}

// locks says that a tag of people is the lock, however it is written, or looks like it
// so much that it may be meant. Tags of the rules lock nothing: Parse sees to that.
func (r *Rules) locks(tag string) (exactly, nearly bool) {
	if tag == r.lock {
		return true, false
	}
	for _, word := range rule.Protective(tag) {
		if word == r.lockForm {
			return true, false
		}
		nearly = nearly || rule.Near(word, r.lockForm)
	}
	return false, nearly
}

func (r *Rules) owned(tag string) bool {
	tag = rule.Compose(tag)
	if len(r.makes[tag]) > 0 {
		return true
	}
	return slices.ContainsFunc(r.prefixes, func(p owned) bool { return strings.HasPrefix(tag, p.prefix) })
}

func (r *Rules) isRetired(tag string) bool {
	return slices.ContainsFunc(r.retired, func(p pattern) bool { return p.fits(tag) })
}

// assigned is what the rules set so far, and which rule did.
type assigned struct {
	title, description         string
	category                   int64
	titleBy, descBy, catBy     int // rule index + 1; 0: nobody
	titleMode, descMode, cMode Mode
}

// pass is one run over the rules.
type pass struct {
	matched, waiting []int
	faults           []string
	wanted           []made // tags in rule order
	removed          []pattern
	set              assigned
	apart            []string // tags of people that are not composed
	people           int      // how many tags are not the rules' own: none is an empty list to them
	moved            bool     // a field now differs from what the conditions saw
	owner            owner
}

type made struct {
	tag     string // composed
	rule    int
	checked bool // when the file was read
}

// run evaluates the rules in order over view, which it moves along: tags that a
// rule adds or removes are facts to the rules behind it. Fields were moved to
// what the round before came to.
func (r *Rules) run(m *rule.Machine, f, view *rule.Facts, before assigned, o owner) pass {
	p := pass{owner: o, set: before, people: len(view.Tags), apart: apart(view.Tags)} // what was set stays set, though its rule's condition may be gone by it
	var category int64
	view.Title, view.Description, category = before.over(f)
	name := f.Category
	if category != int64(f.CategoryID) {
		name = r.categoryName(category)
	}
	if int64(view.CategoryID) != category {
		rule.InCategory(view, category, name)
	}
	for i := range r.rules {
		if !p.step(m, r.rules, i, f, view) {
			break
		}
	}
	title, description, to := p.set.over(f)
	p.moved = title != view.Title || description != view.Description || to != category
	return p
}

// over is what the fields are with what rules set.
func (s assigned) over(f *rule.Facts) (title, description string, category int64) {
	title, description, category = f.Title, f.Description, int64(f.CategoryID)
	if s.titleBy > 0 {
		title = s.title
	}
	if s.descBy > 0 {
		description = s.description
	}
	if s.catBy > 0 {
		category = s.category
	}
	return title, description, category
}

// step evaluates one rule, and says whether those behind it count.
func (p *pass) step(m *rule.Machine, rules []compiled, i int, f, view *rule.Facts) (more bool) {
	c := &rules[i]
	matched, waiting, err := m.Eval(c.when, view)
	if err != nil {
		p.faults = append(p.faults, fmt.Sprintf("%s: %v", c.name, err))
		p.waiting = append(p.waiting, i) // doubt keeps what it produced before
		return true
	}
	if matched && !c.ready(view) {
		matched, waiting = false, true
	}
	if waiting {
		p.waiting = append(p.waiting, i)
		if c.stop { // whether the rest is for this media is not known either
			for j := i + 1; j < len(rules); j++ {
				p.waiting = append(p.waiting, j)
			}
			return false
		}
	}
	if !matched {
		return true
	}
	p.matched = append(p.matched, i)
	p.apply(i, c, f, view)
	return !c.stop
}

func (c *compiled) ready(f *rule.Facts) bool {
	for i := range c.add {
		if !c.add[i].ready(f) {
			return false
		}
	}
	return (c.title == nil || c.title.ready(f)) && (c.description == nil || c.description.ready(f))
}

func (p *pass) apply(i int, c *compiled, f, view *rule.Facts) {
	p.applyTags(i, c, view)
	if c.title != nil && allows(c.fields.Title, f.Title == "") {
		if text := first(c.title.fill(view)); text != "" {
			p.set.title, p.set.titleBy, p.set.titleMode = text, i+1, c.fields.Title
		}
	}
	if c.description != nil && allows(c.fields.Description, f.Description == "") {
		if text := first(c.description.fill(view)); text != "" {
			if c.fields.Description == Merge {
				text = mergeLine(f.Description, text)
			}
			p.set.description, p.set.descBy, p.set.descMode = text, i+1, c.fields.Description
		}
	}
	if c.setsCategory && allows(c.fields.Category, f.CategoryID == 0) {
		p.set.category, p.set.catBy, p.set.cMode = c.category, i+1, c.fields.Category
	}
}

func (p *pass) applyTags(i int, c *compiled, view *rule.Facts) {
	for _, pat := range c.remove {
		if c.fields.Tags != Merge || p.owner.add { // a list to be left alone is not shortened either
			break
		}
		p.removed = append(p.removed, pat)
		p.wanted = slices.DeleteFunc(p.wanted, func(m made) bool { return pat.fits(m.tag) })
		view.Tags = slices.DeleteFunc(slices.Clone(view.Tags), pat.fits)
	}
	if c.fields.Tags == Ignore || c.fields.Tags == IfEmpty && p.people > 0 {
		return
	}
	for j := range c.add {
		if t := &c.add[j]; t.literal {
			p.want(made{t.prefix, i, true}, view)
		} else {
			for _, tag := range t.fill(view) {
				p.want(made{rule.Compose(tag), i, false}, view)
			}
		}
	}
}

func (p *pass) want(m made, view *rule.Facts) {
	if p.owner.declined(m.tag) {
		return
	}
	for i := range p.wanted {
		if p.wanted[i].tag == m.tag {
			return
		}
	}
	p.wanted = append(p.wanted, m)
	if !slices.Contains(view.Tags, m.tag) && (len(p.apart) == 0 || indexOf(p.apart, m.tag) < 0) {
		view.Tags = append(view.Tags, m.tag)
	}
}

// indexOf finds a composed tag, also where it stands with its letters and marks apart: it
// is the same tag, and is not written beside itself.
func indexOf(tags []string, tag string) int {
	if i := slices.Index(tags, tag); i >= 0 {
		return i
	}
	return slices.IndexFunc(tags, func(one string) bool { return mayBegin(one, tag) && rule.Compose(one) == tag })
}

func apart(tags []string) (all []string) {
	for _, tag := range tags {
		if rule.Compose(tag) != tag {
			all = append(all, tag)
		}
	}
	return all
}

// mayBegin rules most tags out before they are composed: a first character of ASCII stays
// what it is, or becomes none of ASCII.
func mayBegin(tag, form string) bool {
	return tag != "" && form != "" && (tag[0] == form[0] || tag[0] >= utf8.RuneSelf || form[0] >= utf8.RuneSelf)
}

func allows(m Mode, empty bool) bool { return m == Overwrite || m == Merge || m == IfEmpty && empty }

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// mergeLine adds a line to a text that does not have it.
func mergeLine(text, line string) string {
	switch {
	case text == "":
		return line
	case slices.Contains(strings.Split(text, "\n"), line):
		return text
	}
	return text + "\n" + line
}

// tags settles the tag list: people's tags stay, then come those of the rules in
// rule order, as many as fit; what the rules no longer want goes.
func (r *Rules) tags(f *rule.Facts, p *pass, d *Decision, o owner) {
	stays := make([]bool, len(f.Tags))
	room := video.MaxTags
	for i, tag := range f.Tags {
		switch {
		case o.add:
			stays[i] = true
			room--
		case fitsAny(p.removed, tag), r.isRetired(tag) && r.fields.Tags != Ignore:
		case !o.ours(tag), r.keeps(tag, p), o.idles(tag, f):
			stays[i] = true
			room--
		}
	}
	r.addTags(f, p, d, stays, room)
	for i, tag := range f.Tags {
		if stays[i] {
			continue
		}
		by, why := r.whyRemoved(tag, p)
		d.Change.Tags.Remove = append(d.Change.Tags.Remove, tag)
		d.Reasons = append(d.Reasons, Reason{"tags", "remove", tag, by, why})
	}
	d.whole(f)
}

// addTags adds the tags that the rules want, as many as there is room for, and marks
// those that are there already as staying.
func (r *Rules) addTags(f *rule.Facts, p *pass, d *Decision, stays []bool, room int) {
	for _, m := range p.wanted {
		d.wanted = append(d.wanted, m.tag)
	}
	if n := len(p.wanted); n > 0 {
		d.Reasons = make([]Reason, 0, n)
		d.Change.Tags.Add = make([]string, 0, min(n, video.MaxTags))
	}
	for _, m := range p.wanted {
		name := r.rules[m.rule].name
		have, fault := indexOf(f.Tags, m.tag), ""
		if !m.checked {
			fault = tagFault(m.tag)
		}
		switch {
		case have >= 0 && stays[have]:
		case fault != "":
			d.Dropped = append(d.Dropped, fmt.Sprintf("%s (rule %q)", fault, name))
		case room <= 0:
			d.Dropped = append(d.Dropped, fmt.Sprintf("tags: no room for %q, an asset has at most %d (rule %q)", m.tag, video.MaxTags, name))
		default:
			room--
			if have >= 0 {
				stays[have] = true
				continue
			}
			d.Change.Tags.Add = append(d.Change.Tags.Add, m.tag)
			d.Reasons = append(d.Reasons, Reason{"tags", "add", m.tag, name, r.rules[m.rule].holds})
		}
	}
	if len(d.Change.Tags.Add) == 0 {
		d.Change.Tags.Add, d.Reasons = nil, nil
	}
}

// whyRemoved names the rule that removes a tag, where one does, and the reason.
func (r *Rules) whyRemoved(tag string, p *pass) (by, why string) {
	switch j := slices.IndexFunc(p.removed, func(pat pattern) bool { return pat.fits(tag) }); {
	case j >= 0:
		by = r.rules[p.removed[j].rule].name
		return by, fmt.Sprintf("rule %q removes it", by)
	case r.isRetired(tag):
		return "", "it is retired"
	}
	if owners := r.Owners(tag); len(owners) > 0 {
		return "", "no rule produces it any more, and it is a tag of: " + strings.Join(owners, ", ")
	}
	return "", "a rule gave it, and none produces it any more"
}

// whole gives the tag changes up when the provider would refuse the list that they
// come to, which it takes as a whole: people's tags may be some that only the creating
// call accepts, since that one counts characters.
func (d *Decision) whole(f *rule.Facts) {
	if d.Change.Tags.Empty() {
		return
	}
	after := d.Change.Tags.Apply(f.Tags)
	var fault string
	if len(after) > video.MaxTags {
		fault = fmt.Sprintf("tags: %d tags after the change, at most %d", len(after), video.MaxTags)
	} else { // all in one: a check for each took a twelfth of a decision
		fault = firstFault(video.Update{ID: "x", Tags: &after}.Check())
	}
	if fault == "" {
		return
	}
	d.Dropped = append(d.Dropped, fault+": the tag list is not written; mend the tags of people first")
	d.Change.Tags, d.Reasons = video.TagEdit{}, nil // the reasons of fields come later
}

// keeps says that a tag of the rules is not taken back though none produced it
// now: one that could is waiting, or is told not to change a list that is there.
func (r *Rules) keeps(tag string, p *pass) bool {
	return slices.ContainsFunc(r.makers(tag), func(i int) bool {
		return r.rules[i].fields.Tags != Merge || slices.Contains(p.waiting, i)
	})
}

func fitsAny(all []pattern, tag string) bool {
	return slices.ContainsFunc(all, func(p pattern) bool { return p.fits(tag) })
}

func (r *Rules) fieldsOf(f *rule.Facts, p *pass, d *Decision) {
	reason := func(field, value string, by int, mode Mode) Reason {
		name := r.rules[by-1].name
		return Reason{field, "set", value, name, fmt.Sprintf("rule %q holds (%s)", name, mode)}
	}
	s := &p.set
	if s.titleBy > 0 && s.title != f.Title {
		if fault := fieldFault(video.Fields{Title: &s.title}); fault != "" {
			d.Dropped = append(d.Dropped, fault)
		} else {
			d.Change.Set.Title = &s.title
			d.Reasons = append(d.Reasons, reason("title", s.title, s.titleBy, s.titleMode))
		}
	}
	if s.descBy > 0 && s.description != f.Description {
		if fault := fieldFault(video.Fields{Description: &s.description}); fault != "" {
			d.Dropped = append(d.Dropped, fault)
		} else {
			d.Change.Set.Description = &s.description
			d.Reasons = append(d.Reasons, reason("description", s.description, s.descBy, s.descMode))
		}
	}
	if s.catBy > 0 && s.category != int64(f.CategoryID) {
		d.Change.Set.Category = &s.category
		value := strings.TrimSpace(fmt.Sprintf("%d %s", s.category, r.categoryName(s.category)))
		d.Reasons = append(d.Reasons, reason("category", value, s.catBy, s.cMode))
	}
}

func (r *Rules) categoryName(id int64) string {
	for name, one := range r.categories {
		if one == id {
			return name
		}
	}
	return ""
}
