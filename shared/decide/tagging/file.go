// Package tagging decides which tags, title, category and description an asset
// should have, by rules that people write in a file, and where each came from.
//
// It makes no call and reads no clock. It never touches a tag that the file could
// not produce or does not name, and it writes nothing on a guess: a rule that
// needs a fact which is not known yet waits, and what it produced before stays.
package tagging

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// DefaultLock is the tag that shuts automation out when a file names no other.
const DefaultLock = "hands-off"

// Mode says how what the rules want of a field meets what is there.
type Mode string

// The modes. Merge adds: to the tags that are there, or a line to the description.
// A tag list counts as empty when only the rules have tagged the media.
const (
	Ignore    Mode = "ignore"
	IfEmpty   Mode = "if-empty"
	Overwrite Mode = "overwrite"
	Merge     Mode = "merge"
)

// UnmarshalText accepts the four modes.
func (m *Mode) UnmarshalText(text []byte) error {
	known := []string{string(Ignore), string(IfEmpty), string(Overwrite), string(Merge)}
	if !slices.Contains(known, string(text)) {
		return fmt.Errorf("%q is not a mode\n%s", text, rule.Suggest(string(text), known))
	}
	*m = Mode(text)
	return nil
}

// spec is the file as it is written; rules.schema.json describes it to editors.
type spec struct {
	Lock       string           `yaml:"lock"`
	HandsOff   []string         `yaml:"hands_off"`
	Retired    []string         `yaml:"retired"`
	Unwanted   []string         `yaml:"unwanted"`
	Categories map[string]int64 `yaml:"categories"`
	Fields     modes            `yaml:"fields"`
	Rules      []ruleSpec       `yaml:"rules"`
	Tests      []testSpec       `yaml:"tests"`
}

type modes struct {
	Tags        Mode `yaml:"tags"`
	Title       Mode `yaml:"title"`
	Description Mode `yaml:"description"`
	Category    Mode `yaml:"category"`
}

type ruleSpec struct {
	Name        string   `yaml:"name"`
	When        string   `yaml:"when"`
	Add         []string `yaml:"add"`
	Remove      []string `yaml:"remove"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Category    string   `yaml:"category"`
	Fields      modes    `yaml:"fields"`
	Stop        bool     `yaml:"stop"`
}

type testSpec struct {
	Name    string      `yaml:"name"`
	Media   rule.Sample `yaml:"media"`
	Fixture string      `yaml:"fixture"`
	Expect  Expect      `yaml:"expect"`
}

// Rules is a checked rules file. It may be used from many goroutines.
type Rules struct {
	Version string // of the file's bytes: two files with one version are the same

	lock       string
	lockForm   string // in the form in which protective words are compared
	handsOff   []string
	retired    []pattern
	categories map[string]int64
	fields     modes
	rules      []compiled
	tests      []testSpec
	makes      map[string][]int // which rules can produce a literal tag
	prefixes   []owned          // and those of templates
}

type compiled struct {
	name, holds        string // holds: the reason it gives
	when               *rule.Program
	add                []template
	remove             []pattern
	title, description *template
	category           int64
	setsCategory       bool
	fields             modes
	stop               bool
	digest             string // of what it says about tags
}

// owned is a prefix with the rules that produce tags with it.
type owned struct {
	prefix string
	rules  []int
}

// pattern is a tag, or all tags with a prefix.
type pattern struct {
	text   string
	prefix bool
	rule   int
}

func (p pattern) fits(tag string) bool {
	if !mayBegin(tag, p.text) {
		return false
	}
	tag = rule.Compose(tag)
	return tag == p.text || p.prefix && strings.HasPrefix(tag, p.text)
}

func (p pattern) String() string {
	if p.prefix {
		return p.text + "*"
	}
	return p.text
}

//go:embed default.yaml
var defaultFile []byte

// DefaultFile is the rules file that is built in, for people to start from.
func DefaultFile() []byte { return slices.Clone(defaultFile) }

// Default returns the rules that are built in.
func Default() *Rules {
	rules, err := Parse("default.yaml", defaultFile)
	if err != nil {
		panic(err) // a test parses them
	}
	return rules
}

// Parse reads a rules file. Its error holds every mistake with its place; see
// rule.Faults.
func Parse(name string, raw []byte) (*Rules, error) {
	var s spec
	f := rule.Decode(name, raw, &s)
	var rules *Rules
	if f.Has("$") { // it is YAML
		rules = parser{File: f, spec: &s, filters: filters(s.Unwanted)}.rules()
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	rules.Version = hex.EncodeToString(sum[:6])
	return rules, nil
}

type parser struct {
	*rule.File
	spec    *spec
	filters map[string]filter
}

func (p parser) rules() *Rules {
	s := p.spec
	r := &Rules{lock: s.Lock, handsOff: s.HandsOff, categories: s.Categories, tests: s.Tests, makes: map[string][]int{}}
	if r.lock == "" {
		r.lock = DefaultLock
	}
	r.lockForm = rule.Fold(r.lock)
	r.fields = p.modes("$.fields", s.Fields, modes{Merge, IfEmpty, IfEmpty, IfEmpty})
	p.checkTag("$.lock", r.lock)
	for i, text := range s.Retired {
		r.retired = append(r.retired, p.pattern(fmt.Sprintf("$.retired[%d]", i), text, -1))
	}
	if len(s.Rules) == 0 {
		p.Add("$.rules", "no rules", "a file without rules would take nothing but retired tags back; add at least one")
	}
	if n := len(s.Rules); n > rule.MaxConditions { // none is looked into, since that would take long
		p.Add("$.rules", fmt.Sprintf("%d rules, at most %d", n, rule.MaxConditions), "")
		return r
	}
	named := map[string]int{}
	for i, one := range s.Rules {
		if p.Full() {
			break
		}
		path := fmt.Sprintf("$.rules[%d]", i)
		if before, again := named[one.Name]; one.Name == "" {
			p.Add(path+".name", "a rule without a name", "names appear in every reason")
		} else if again {
			p.Add(path+".name", fmt.Sprintf("the name %q again", one.Name), fmt.Sprintf("rule %d has it already", before+1))
		} else {
			named[one.Name] = i
		}
		r.rules = append(r.rules, p.rule(path, i, one, r))
	}
	p.retired(r)
	p.tests(named)
	return r
}

// What one file may hold: each tag of an asset is compared with all of these.
const (
	maxRetired  = 2_000
	maxPrefixes = 1_000
)

// retired refuses tags that a rule produces. A file may hold thousands of both, so those
// of the rules are looked up and not gone through.
func (p parser) retired(r *Rules) {
	if n := len(r.retired); n > maxRetired {
		p.Add("$.retired", fmt.Sprintf("%d tags, at most %d", n, maxRetired), "a * at the end stands for all tags that begin so")
		return
	}
	if len(r.prefixes) > maxPrefixes {
		p.Add("$.rules", fmt.Sprintf("tags that are filled in have more than %d different beginnings", maxPrefixes), "")
		return
	}
	tags := slices.Sorted(maps.Keys(r.makes))
	for i, pat := range r.retired {
		var makers []int
		from, _ := slices.BinarySearch(tags, pat.text)
		for _, tag := range tags[from:] {
			if !pat.fits(tag) {
				break
			}
			makers = append(makers, r.makes[tag]...)
		}
		for _, own := range r.prefixes {
			if pat.fits(own.prefix) || pat.prefix && strings.HasPrefix(pat.text, own.prefix) {
				makers = append(makers, own.rules...)
			}
		}
		slices.Sort(makers)
		for _, rule := range slices.Compact(makers) {
			p.Add(fmt.Sprintf("$.retired[%d]", i), fmt.Sprintf("%q is retired, but rule %q produces it", pat, r.rules[rule].name), "remove it from one of the two")
		}
	}
}

func (p parser) rule(path string, index int, one ruleSpec, r *Rules) compiled {
	c := compiled{name: one.Name, holds: fmt.Sprintf("rule %q holds", one.Name), stop: one.Stop, fields: p.modes(path+".fields", one.Fields, r.fields)}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", one.When, one.Add))
	c.digest = hex.EncodeToString(sum[:6])
	switch {
	case p.Has(path + ".when"):
		c.when = p.Compile(path+".when", one.When)
	default:
		p.Add(path+".when", "a rule without when", "write when: true for a rule that always holds")
	}
	if !slices.ContainsFunc([]string{"add", "remove", "title", "description", "category", "stop"}, func(key string) bool { return p.Has(path + "." + key) }) {
		p.Add(path, "a rule that does nothing", "give it add, remove, title, description, category or stop")
	}
	if len(one.Add) > video.MaxTags {
		p.Add(path+".add", fmt.Sprintf("%d tags, an asset can have %d", len(one.Add), video.MaxTags), "")
	}
	p.adds(path, index, one, r, &c)
	p.removes(path, index, one, r, &c)
	c.title = p.text(path+".title", one.Title, "title", c.fields.Title)
	c.description = p.text(path+".description", one.Description, "description", c.fields.Description)
	if one.Category != "" {
		c.category, c.setsCategory = p.category(path+".category", one.Category), true
	}
	return c
}

// adds reads the tags that a rule gives, and notes who makes them.
func (p parser) adds(path string, index int, one ruleSpec, r *Rules, c *compiled) {
	for i, text := range one.Add {
		at := fmt.Sprintf("%s.add[%d]", path, i)
		t := p.template(at, text)
		if t == nil {
			continue
		}
		switch {
		case slices.Contains(one.Add[:i], text):
			p.Add(at, fmt.Sprintf("the tag %q again", text), "")
		case t.literal && p.locking(at, r, t.prefix):
		case t.literal:
			p.checkTag(at, t.prefix)
			tag := rule.Compose(t.prefix)
			r.makes[tag] = append(r.makes[tag], index)
		case !strings.ContainsAny(t.prefix, ":-_/=.+") || !strings.ContainsAny(t.prefix[len(t.prefix)-1:], ":-_/=.+"):
			p.Add(at, "a tag that is filled in needs a fixed beginning that ends in one of : - _ / = . +", `such as "codec:{codec}": all tags that begin so belong to the rules then`)
		default:
			p.checkTag(at, t.prefix)
			r.own(t.prefix, index)
		}
		c.add = append(c.add, *t)
	}
}

// removes reads the tags that a rule takes away.
func (p parser) removes(path string, index int, one ruleSpec, r *Rules, c *compiled) {
	for i, text := range one.Remove {
		at := fmt.Sprintf("%s.remove[%d]", path, i)
		pat := p.pattern(at, text, index)
		if slices.ContainsFunc(c.add, func(t template) bool { return t.literal && pat.fits(t.prefix) }) {
			p.Add(at, fmt.Sprintf("%q is added by the same rule", text), "")
		}
		if pat.fits(r.lock) {
			p.Add(at, fmt.Sprintf("%q is the lock", text), "only people remove it")
		}
		c.remove = append(c.remove, pat)
	}
}

// text is the template of a title or a description. One that repeats the field it
// sets among other text would grow with every event.
func (p parser) text(path, text, field string, mode Mode) *template {
	if !p.Has(path) {
		return nil
	}
	t := p.template(path, text)
	if t == nil {
		return nil
	}
	limit := map[string]int{"title": video.MaxTitle, "description": video.MaxDescription}[field]
	if t.literal && len(t.prefix) > limit {
		p.Add(path, fmt.Sprintf("%d bytes, at most %d", len(t.prefix), limit), "")
	}
	if (len(t.parts) > 1 || mode == Merge) && slices.Contains(t.uses, field) {
		p.Add(path, fmt.Sprintf("a %s made of itself and other text grows with every event", field), "use file_name, or {title} alone with filters")
	}
	return t
}

func (p parser) category(path, text string) int64 {
	if id, ok := p.spec.Categories[text]; ok {
		return id
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		var known []string
		for name := range p.spec.Categories {
			known = append(known, name)
		}
		slices.Sort(known)
		hint := "name it under categories: with its id"
		if len(known) > 0 {
			hint = rule.Suggest(text, known)
		}
		p.Add(path, fmt.Sprintf("category %q has no id", text), hint)
	}
	return id
}

func (p parser) modes(path string, given, base modes) modes {
	for _, f := range []struct {
		key        string
		given, set *Mode
		refuse     Mode
		hint       string
	}{
		{"tags", &given.Tags, &base.Tags, Overwrite, "tags that no rule produces belong to people; use merge"},
		{"title", &given.Title, &base.Title, Merge, "use overwrite or if-empty"},
		{"description", &given.Description, &base.Description, "", ""},
		{"category", &given.Category, &base.Category, Merge, "an asset has one category; use overwrite or if-empty"},
	} {
		if *f.given == "" {
			continue
		}
		if *f.given == f.refuse {
			p.Add(path+"."+f.key, fmt.Sprintf("%s cannot be %s", f.key, f.refuse), f.hint)
		}
		*f.set = *f.given
	}
	return base
}

func (p parser) pattern(path, text string, index int) pattern {
	stem, prefix := strings.CutSuffix(text, "*")
	if prefix && len(stem) < 2 {
		p.Add(path, fmt.Sprintf("%q is too wide", text), "give at least two characters before the *")
		return pattern{rule: index}
	}
	p.checkTag(path, stem)
	return pattern{rule.Compose(stem), prefix, index}
}

func (p parser) locking(path string, r *Rules, tag string) bool {
	exactly, nearly := r.locks(tag)
	switch {
	case exactly:
		p.Add(path, fmt.Sprintf("%q is the lock: a rule that sets it would shut itself out", tag), "")
	case nearly:
		p.Add(path, fmt.Sprintf("%q looks like the lock %q: a rule that sets it would shut itself out", tag, r.lock), "use another word")
	}
	return exactly || nearly
}

func (p parser) checkTag(path, tag string) {
	if fault := tagFault(tag); fault != "" {
		p.Add(path, fault, "")
	}
}

// tagFault says why the provider would not take a tag; empty if it would.
func tagFault(tag string) string {
	return firstFault(video.Change{ID: "x", Tags: video.TagEdit{Add: []string{tag}}}.Check())
}

func firstFault(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(text, video.ErrInvalid.Error()+": ")
}

// Names lists the rules in order.
func (r *Rules) Names() []string {
	names := make([]string, len(r.rules))
	for i, c := range r.rules {
		names[i] = c.name
	}
	return names
}

// Uses says whether any rule asks for the fact: labels, for instance, cost a call.
func (r *Rules) Uses(fact string) bool {
	return slices.ContainsFunc(r.rules, func(c compiled) bool {
		return slices.Contains(c.when.Uses(), fact) ||
			slices.ContainsFunc(c.add, func(t template) bool { return slices.Contains(t.uses, fact) }) ||
			c.title != nil && slices.Contains(c.title.uses, fact) ||
			c.description != nil && slices.Contains(c.description.uses, fact)
	})
}

// Owners names the rules that can produce the tag; none means that it belongs to
// people, and that nothing here removes it unless a rule or retired names it.
func (r *Rules) Owners(tag string) []string {
	var names []string
	for _, i := range r.makers(tag) {
		names = append(names, r.rules[i].name)
	}
	return names
}

func (r *Rules) makers(tag string) []int {
	tag = rule.Compose(tag)
	if len(r.prefixes) == 0 {
		return r.makes[tag]
	}
	makers := slices.Clone(r.makes[tag])
	for _, p := range r.prefixes {
		if strings.HasPrefix(tag, p.prefix) {
			makers = append(makers, p.rules...)
		}
	}
	slices.Sort(makers)
	return slices.Compact(makers)
}

// by is the digest of the rules that can produce a tag: it changes when one of them does.
func (r *Rules) by(tag string) string {
	makers := r.makers(tag)
	if len(makers) == 1 {
		return r.rules[makers[0]].digest
	}
	var all []string
	for _, i := range makers {
		all = append(all, r.rules[i].digest)
	}
	sum := sha256.Sum256([]byte(strings.Join(all, " ")))
	return hex.EncodeToString(sum[:6])
}

// own notes that a rule produces tags with a prefix.
func (r *Rules) own(prefix string, index int) {
	if prefix = rule.Compose(prefix); len(r.prefixes) > maxPrefixes { // they are too many already
		return
	}
	i := slices.IndexFunc(r.prefixes, func(p owned) bool { return p.prefix == prefix })
	if i < 0 {
		i = len(r.prefixes)
		r.prefixes = append(r.prefixes, owned{prefix: prefix})
	}
	r.prefixes[i].rules = append(r.prefixes[i].rules, index)
}

//go:embed rules.schema.json
var schema []byte

// Schema is the JSON Schema of a rules file, for editors. It says what stands
// where; Parse knows much more.
func Schema() []byte { return slices.Clone(schema) }
