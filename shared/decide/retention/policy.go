package retention

import (
	"cmp"
	_ "embed" // the default policy
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

//go:embed default.yaml
var defaultPolicy []byte

// Default is the policy that is used when none is given. It only lists: nothing
// leaves before a person approves.
var Default = sync.OnceValue(func() *Policy {
	p, err := Parse("default.yaml", defaultPolicy)
	if err != nil {
		panic(err) // our own file, and a test reads it
	}
	return p
})

//go:embed policy.schema.json
var schema []byte

// Schema is the JSON Schema of a policy file, for editors. It says what stands
// where; Parse knows much more.
func Schema() []byte { return slices.Clone(schema) }

// DefaultSource is the text of the default policy, to start one's own from.
func DefaultSource() []byte { return slices.Clone(defaultPolicy) }

// Policy is a checked retention policy. It is safe for concurrent use, and its
// zero value removes nothing.
type Policy struct {
	// Hash names the text that the policy was read from, and its duty.
	Hash string
	// Duty is what its rules do.
	Duty Duty
	// Guards stop a run before its first removal.
	Guards Guards
	// Grace is how long an item is listed as leaving before it goes; 0: not at all.
	Grace time.Duration
	// Expires is how long after its making a plan may be applied.
	Expires time.Duration
	// SelfApproving says that a plan within the guards needs no person.
	SelfApproving bool
	// HoldList is the key of the list of held ids in the state; empty: none.
	HoldList string
	// Usage is the key of a file of last views in the state; empty: none.
	Usage string
	// UsageMaxAge is how old the newest view of that file may be; an older file has
	// stopped, and nothing is decided with it (CheckInputs).
	UsageMaxAge time.Duration
	// Refresh asks for the media to leave the CDN's caches before they go.
	Refresh bool
	// Prices are for estimates only.
	Prices Prices

	holds  holds
	keeps  []keepRule
	rules  []*removal
	movers []*mover // of a policy that moves, in place of rules
	quotas []*quota

	moving   *Policy // Moves
	removing *Policy // of a policy that moves: the file's rules that remove
}

// Guards are the most that one run may remove. A run over any of them removes
// nothing at all.
type Guards struct {
	Count   int     `json:"count"`   // items
	Percent float64 `json:"percent"` // media touched, of the whole library
	Bytes   int64   `json:"bytes"`
	Unknown int     `json:"unknown"` // items whose size nobody tells
	Usual   float64 `json:"usual"`   // times the usual number of items of the last runs
	Errors  float64 `json:"errors"`  // percent of failed items among the last hundred
}

// The guards of a policy that does not name them.
var defaultGuards = Guards{Count: 1000, Percent: 5, Bytes: 1e12, Unknown: 0, Usual: 10, Errors: 10}

// LookBack is how far back plans are looked for, and so how long one may last.
const LookBack = 40 * day

// document is the policy file.
type document struct {
	Approve string     `yaml:"approve"`
	Grace   nights     `yaml:"grace"`
	Expires span       `yaml:"expires"`
	Refresh bool       `yaml:"refresh_cdn"`
	Usage   string     `yaml:"usage"`
	MaxAge  span       `yaml:"usage_max_age"`
	Holds   holdsDoc   `yaml:"holds"`
	Expire  *expireDoc `yaml:"expire"`
	Keep    []keepDoc  `yaml:"keep"`
	Rules   []ruleDoc  `yaml:"rules"`
	Quotas  []quotaDoc `yaml:"quotas"`
	Guards  guardsDoc  `yaml:"guards"`
	Moves   movesDoc   `yaml:"moves"`
	Prices  pricesDoc  `yaml:"prices"`
	Tests   []testDoc  `yaml:"tests"`
}

type holdsDoc struct {
	Tags       []string `yaml:"tags"`
	Categories []int64  `yaml:"categories"`
	Until      string   `yaml:"until"`
	List       string   `yaml:"list"`
	Move       bool     `yaml:"move"` // what is held may be moved
}

type keepDoc struct {
	Name   string `yaml:"name"`
	Select string `yaml:"select"`
	Newest int    `yaml:"newest"`
	Per    string `yaml:"per"`
	Within span   `yaml:"within"`
	Since  string `yaml:"since"`
}

type ruleDoc struct {
	Name      string    `yaml:"name"`
	Select    string    `yaml:"select"`
	OlderThan span      `yaml:"older_than"`
	Since     string    `yaml:"since"`
	Unsafe    bool      `yaml:"unsafe"`
	Remove    removeDoc `yaml:"remove"`
	Move      *moveDoc  `yaml:"move"`
}

type moveDoc struct {
	To       string    `yaml:"to"`
	Scope    string    `yaml:"scope"`
	Ladder   []rungDoc `yaml:"ladder"`
	InUse    span      `yaml:"in_use"`
	Unlisted string    `yaml:"unlisted"`
	Restore  bool      `yaml:"restore"`
	Early    bool      `yaml:"early"`
	Source   sourceDoc `yaml:"source"`
}

type rungDoc struct {
	OlderThan span   `yaml:"older_than"`
	To        string `yaml:"to"`
	Scope     string `yaml:"scope"`
}

type movesDoc struct {
	Approve string    `yaml:"approve"`
	Grace   nights    `yaml:"grace"`
	Guards  guardsDoc `yaml:"guards"`
}

type removeDoc struct {
	Video   bool        `yaml:"video"`
	Streams *streamsDoc `yaml:"streams"`
	Source  *sourceDoc  `yaml:"source"`
	Images  []string    `yaml:"images"`
}

type streamsDoc struct {
	Definition []string `yaml:"definition"`
	Format     []string `yaml:"format"`
	Codec      []string `yaml:"codec"`
	Below      int      `yaml:"height_below"`
	Above      int      `yaml:"height_above"`
	OlderThan  span     `yaml:"older_than"`
	Superseded bool     `yaml:"superseded"`
	KeepBest   int      `yaml:"keep_best"`
	Encrypted  bool     `yaml:"encrypted"`
}

type sourceDoc struct {
	GoodStreams int  `yaml:"good_streams"`
	MinHeight   int  `yaml:"min_height"`
	Encrypted   bool `yaml:"encrypted"`
}

type quotaDoc struct {
	Name      string `yaml:"name"`
	Select    string `yaml:"select"`
	Above     size   `yaml:"above"`
	OlderThan span   `yaml:"older_than"`
	Move      *struct {
		To    string `yaml:"to"`
		Scope string `yaml:"scope"`
	} `yaml:"move"`
}

type guardsDoc struct {
	Count   *int     `yaml:"count"`
	Percent *float64 `yaml:"percent"`
	Bytes   *size    `yaml:"bytes"`
	Unknown *int     `yaml:"unknown"`
	Usual   *float64 `yaml:"times_usual"`
	Errors  *float64 `yaml:"error_percent"`
}

type testDoc struct {
	Name    string      `yaml:"name"`
	Media   rule.Sample `yaml:"media"`
	Viewed  *float64    `yaml:"viewed_days"` // days since the last view; left out: not known
	Entered *float64    `yaml:"class_days"`  // days since a move put it into its storage class; left out: not known
	Removes []string    `yaml:"removes"`
	Moves   []string    `yaml:"moves"`
}

// The compiled rules.
type (
	condition struct{ program *rule.Program } // nil: every media

	keepRule struct {
		name   string
		when   condition
		newest int
		per    string
		within time.Duration
		since  string
	}

	removal struct {
		name      string
		when      condition
		expires   string // the word that tags with a last day begin with; empty: none of this is asked
		olderThan time.Duration
		since     string
		video     bool
		streams   *streamFilter
		source    *sourceNeed
		images    []string
	}

	streamFilter struct {
		definition, format, codec []string
		below, above              int
		olderThan                 time.Duration
		superseded                bool
		keepBest                  int
		encrypted                 bool // streams that need a key count as complete
	}

	sourceNeed struct {
		goodStreams, minHeight int
		encrypted              bool // streams that need a key count as good
	}

	quota struct {
		name      string
		when      condition
		above     int64
		olderThan time.Duration
		move      *rung // nil: it removes
	}
)

// ask asks the condition. What cannot be told keeps: for a removal it means no, for a
// protection it means yes. why says what is unknown, and missing names it.
func (c condition) ask(f *facts) (t rule.Truth, missing []string, why string) {
	if c.program == nil {
		return rule.Yes, nil, ""
	}
	t, missing, err := c.program.Ask(&f.words)
	switch {
	case err != nil:
		return rule.Unknown, nil, err.Error()
	case t == rule.Unknown:
		return t, missing, strings.Join(missing, ", ") + " unknown"
	}
	return t, nil, ""
}

// Parse reads a policy file. Every mistake is reported at once, each with its
// place, and so is every test in the file that does not hold.
func Parse(name string, text []byte) (*Policy, error) {
	var doc document
	f := rule.Decode(name, text, &doc)
	if f.Err() != nil && reflect.ValueOf(doc).IsZero() { // no YAML, or no policy at all
		return nil, f.Err()
	}
	b := builder{f: f, names: map[string]bool{}}
	p := b.policy(doc)
	p.Hash = hashOf(text)
	b.moving(p, doc, text)
	if err := f.Err(); err != nil {
		return nil, err
	}
	p.tests(f, doc.Tests)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// builder turns the document into a policy and records what is wrong.
type builder struct {
	f     *rule.File
	names map[string]bool
}

func (b builder) policy(doc document) *Policy {
	p := &Policy{
		Guards: b.guards("$.guards.", doc.Guards, defaultGuards), Grace: time.Duration(doc.Grace), Expires: cmp.Or(time.Duration(doc.Expires), 7*day),
		SelfApproving: doc.Approve == "within-guards", HoldList: doc.Holds.List, Usage: doc.Usage, Refresh: doc.Refresh,
		Prices:      b.prices(doc.Prices),
		UsageMaxAge: cmp.Or(time.Duration(doc.MaxAge), 3*day),
		holds:       b.holds(doc.Holds),
	}
	if n := len(doc.Keep) + len(doc.Rules) + len(doc.Quotas); n > rule.MaxConditions { // none is looked into, since that would take long
		b.f.Add("$.rules", fmt.Sprintf("%d rules, keep rules and quotas, at most %d", n, rule.MaxConditions), "")
		return p
	}
	b.oneOf("$.approve", doc.Approve, "person", "within-guards")
	if doc.Usage == "" && doc.MaxAge > 0 {
		b.f.Add("$.usage_max_age", "usage_max_age goes with a usage file", "name it: usage: usage.csv")
	}
	if p.Expires > LookBack {
		b.f.Add("$.expires", "expires after more than 40 days", "purge does not look for plans older than that")
	}
	for i, k := range doc.Keep {
		if b.f.Full() {
			return p
		}
		p.keeps = append(p.keeps, b.keep(fmt.Sprintf("$.keep[%d]", i), k))
	}
	p.rules = b.expire(doc.Expire, p.holds)
	for i, r := range doc.Rules {
		if b.f.Full() {
			return p
		}
		path := fmt.Sprintf("$.rules[%d]", i)
		if r.Move == nil {
			p.rules = append(p.rules, b.rule(path, r, doc.Usage != ""))
		} // else it is one of b.moving
	}
	for i, q := range doc.Quotas {
		if b.f.Full() {
			return p
		}
		if q.Move == nil {
			p.quotas = append(p.quotas, b.quota(fmt.Sprintf("$.quotas[%d]", i), q))
		}
	}
	if len(doc.Rules)+len(doc.Quotas) == 0 && doc.Expire == nil {
		b.f.Add("$", "a policy without rules removes nothing, and nobody writes that on purpose", "add a rule, or use the default policy")
	}
	return p
}

// An asset is compared with all of these.
const (
	maxHoldTags       = 2_000
	maxHoldCategories = 10_000
)

// holds folds only words that a tag can be: folding a long text takes long.
func (b builder) holds(doc holdsDoc) holds {
	if n := len(doc.Tags); n > maxHoldTags {
		b.f.Add("$.holds.tags", fmt.Sprintf("%d tags, at most %d", n, maxHoldTags), "give all of them one tag more, and name that here; ids go into a list")
		return holds{}
	}
	if n := len(doc.Categories); n > maxHoldCategories {
		b.f.Add("$.holds.categories", fmt.Sprintf("%d categories, at most %d", n, maxHoldCategories), "a category holds all below it")
		return holds{}
	}
	for i, tag := range doc.Tags {
		path := fmt.Sprintf("$.holds.tags[%d]", i)
		if err := tagFault(tag); err != nil {
			b.f.Add(path, "no asset can carry this tag: "+err.Error(), "")
			doc.Tags[i] = ""
		} else if len(rule.Protective(tag)) == 0 {
			b.f.Add(path, "a hold tag without a character that can be seen", "write the word")
		}
	}
	until := cmp.Or(doc.Until, "hold-until")
	if err := tagFault(until); err != nil {
		b.f.Add("$.holds.until", "no tag begins so: "+err.Error(), "")
		until = ""
	}
	return newHolds(doc.Tags, doc.Categories, until)
}

func tagFault(tag string) error {
	return video.Change{ID: "x", Tags: video.TagEdit{Add: []string{tag}}}.Check()
}

func (b builder) name(path, name string) string {
	switch {
	case name == "":
		b.f.Add(path+".name", "a name is missing", "reasons name the rule they come from")
	case name == expires && b.f.Has("$.expire"):
		b.f.Add(path+".name", fmt.Sprintf("%q is the rule that expire makes", name), "take another name")
	case b.names[name]:
		b.f.Add(path+".name", fmt.Sprintf("a second rule named %q", name), "reasons name the rule they come from")
	}
	b.names[name] = true
	return name
}

func (b builder) oneOf(path, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) && !b.f.Full() {
		b.f.Add(path, fmt.Sprintf("%q is not known here", value), rule.Suggest(value, known))
	}
}

// maxWords is more than there are formats, codecs or kinds of images; each stream is compared
// with all of them.
const maxWords = 100

func (b builder) few(path string, words []string) {
	if n := len(words); n > maxWords {
		b.f.Add(path, fmt.Sprintf("%d words, at most %d", n, maxWords), "")
	}
}

func (b builder) notNegative(path string, n int) {
	if n < 0 {
		b.f.Add(path, "is below 0", "")
	}
}

func (b builder) condition(path, text string) condition {
	if text == "" {
		if b.f.Has(path) {
			b.f.Add(path, "an empty select", "leave the key out, or write a condition")
		}
		return condition{}
	}
	program := b.f.Compile(path, text)
	if program != nil && slices.Contains(program.Uses(), "origin") {
		b.f.Add(path, "origin is not known right before something goes", "only a search tells it; ask for a tag")
	}
	return condition{program}
}

func (b builder) keep(path string, k keepDoc) keepRule {
	b.oneOf(path+".per", k.Per, "category", "library")
	b.oneOf(path+".since", k.Since, uploaded, modified, viewed)
	b.notNegative(path+".newest", k.Newest)
	switch {
	case k.Newest > 0 && k.Within > 0:
		b.f.Add(path, "newest and within in one keep rule", "write two rules: each protects what it covers")
	case k.Newest == 0 && !b.f.Has(path+".within") && k.Select == "":
		b.f.Add(path, "a keep rule without select, newest or within keeps everything", "")
	case k.Newest == 0 && k.Per != "":
		b.f.Add(path+".per", "per goes with newest", "")
	case k.Newest > 100_000:
		b.f.Add(path+".newest", "over 100000", "use within")
	}
	return keepRule{
		name: b.name(path, k.Name), when: b.condition(path+".select", k.Select), newest: k.Newest,
		per: cmp.Or(k.Per, "library"), within: time.Duration(k.Within), since: cmp.Or(k.Since, uploaded),
	}
}

func (b builder) rule(path string, r ruleDoc, usage bool) *removal {
	out := &removal{
		name: b.name(path, r.Name), when: b.condition(path+".select", r.Select),
		olderThan: time.Duration(r.OlderThan), since: cmp.Or(r.Since, uploaded), video: r.Remove.Video, images: r.Remove.Images,
	}
	b.oneOf(path+".since", r.Since, uploaded, modified, viewed)
	if r.Since == viewed && !usage {
		b.f.Add(path+".since", "the last view is known only with a usage file", "name it at the top: usage: usage.csv")
	}
	bounded := b.f.Has(path + ".older_than") // what cannot be read there is told already
	if s := r.Remove.Streams; s != nil {
		out.streams = b.streams(path+".remove.streams", *s)
		bounded = bounded || b.f.Has(path+".remove.streams.older_than")
	}
	if s := r.Remove.Source; s != nil {
		b.notNegative(path+".remove.source.good_streams", s.GoodStreams)
		b.notNegative(path+".remove.source.min_height", s.MinHeight)
		out.source = &sourceNeed{max(s.GoodStreams, 1), s.MinHeight, s.Encrypted}
	}
	b.few(path+".remove.images", r.Remove.Images)
	for i, kind := range r.Remove.Images {
		b.oneOf(fmt.Sprintf("%s.remove.images[%d]", path, i), cmp.Or(kind, "(empty)"),
			"CoverSnapshot", "NormalSnapshot", "SpriteSnapshot", "SpriteOriginSnapshot")
	}
	b.checkRemoval(path, r, out)
	if !bounded && (!r.Unsafe || r.Select == "") {
		b.f.Add(path, "a rule without older_than has no bound", "older_than: 30d; or unsafe: true together with a select")
	}
	return out
}

// checkRemoval refuses a rule that takes nothing, or that takes what nobody meant.
func (b builder) checkRemoval(path string, r ruleDoc, out *removal) {
	parts := out.streams != nil || out.source != nil || len(out.images) > 0
	switch {
	case !out.video && !parts:
		b.f.Add(path+".remove", "nothing is named to remove", "video: true, streams, source or images")
	case out.video && parts:
		b.f.Add(path+".remove", "video takes all its parts along", "leave the parts out")
	case out.video && r.Select == "":
		b.f.Add(path, "a rule without select catches every video", "say which: select: '\"temp\" in tags'")
	}
	if program := out.when.program; program != nil {
		switch {
		case len(program.Uses()) == 0:
			b.f.Add(path+".select", "this select catches everything", "ask for a fact of the asset")
		case !r.Unsafe && out.video && catchesAll(program):
			b.f.Add(path+".select", "this select catches every asset of a wide sample", "name what may go, not what may stay; or add unsafe: true")
		}
	}
}

func (b builder) streams(path string, s streamsDoc) *streamFilter {
	b.few(path+".definition", s.Definition)
	b.few(path+".format", s.Format)
	b.few(path+".codec", s.Codec)
	for i, d := range s.Definition {
		b.oneOf(fmt.Sprintf("%s.definition[%d]", path, i), cmp.Or(d, "(empty)"), "FD", "LD", "SD", "HD", "2K", "4K", "SQ", "HQ", "AUTO")
	}
	b.notNegative(path+".height_below", s.Below)
	b.notNegative(path+".height_above", s.Above)
	b.notNegative(path+".keep_best", s.KeepBest)
	if s.Below > 0 && s.Above > 0 && s.Above >= s.Below-1 {
		b.f.Add(path+".height_above", "no stream is above and below these heights", "")
	}
	if len(s.Definition)+len(s.Format)+len(s.Codec)+s.Below+s.Above+s.KeepBest == 0 && s.OlderThan == 0 && !s.Superseded {
		b.f.Add(path, "every stream is named", "say which: definition, format, codec, height_below, height_above, older_than, superseded or keep_best")
	}
	return &streamFilter{s.Definition, s.Format, s.Codec, s.Below, s.Above, time.Duration(s.OlderThan), s.Superseded, s.KeepBest, s.Encrypted}
}

func (b builder) quota(path string, q quotaDoc) *quota {
	out := &quota{b.name(path, q.Name), b.condition(path+".select", q.Select), int64(q.Above), time.Duration(q.OlderThan), nil}
	if !b.f.Has(path + ".above") {
		b.f.Add(path+".above", "a quota needs a size to stay under", "above: 500GB")
	}
	if !b.f.Has(path + ".older_than") {
		b.f.Add(path+".older_than", "a quota needs an age of at least one day, under which nothing goes", "older_than: 30d")
	}
	return out
}

func (b builder) guards(path string, d guardsDoc, g Guards) Guards {
	positive := func(key string, ok bool) {
		if !ok {
			b.f.Add(path+key, "must be above 0 (and percents at most 100)", "leave the key out for the default")
		}
	}
	if d.Count != nil {
		g.Count = *d.Count
		positive("count", g.Count > 0)
	}
	if d.Percent != nil {
		g.Percent = *d.Percent
		positive("percent", g.Percent > 0 && g.Percent <= 100)
	}
	if d.Bytes != nil {
		g.Bytes = int64(*d.Bytes)
	}
	if d.Unknown != nil {
		g.Unknown = *d.Unknown
		b.notNegative(path+"unknown", g.Unknown)
	}
	if d.Usual != nil {
		g.Usual = *d.Usual
		positive("times_usual", g.Usual > 0)
	}
	if d.Errors != nil {
		g.Errors = *d.Errors
		positive("error_percent", g.Errors > 0 && g.Errors <= 100)
	}
	return g
}

// catchesAll tries the select on media that differ in everything. What matches
// all of them is no choice.
func catchesAll(p *rule.Program) bool {
	decided := 0
	for _, m := range probes() {
		words := rule.FactsOf(m, rule.SampleTime)
		switch holds, _, _ := p.Ask(&words); holds {
		case rule.No:
			return false
		case rule.Yes:
			decided++
		}
	}
	return decided > 0
}

func probes() []video.Media {
	at := func(days int) time.Time { return rule.SampleTime.Add(-time.Duration(days) * day) }
	var all []video.Media
	for i, age := range []int{0, 10, 100, 1000, 10_000} {
		for j, status := range []video.Status{video.StatusNormal, video.StatusUploading, video.StatusTranscodeFail, video.StatusBlocked} {
			scale := []int{1, 100, 10_000}[(i+j)%3]
			w, h := []int{320, 1080, 3840}[(i+j)%3], []int{240, 1920, 2160}[(i+j)%3]
			m := video.Media{Video: video.Video{
				ID: video.ID(fmt.Sprintf("probe%d%d", i, j)), Kind: []video.Kind{video.KindVideo, video.KindAudio}[(i+j)%2],
				Title: []string{"", "a", "Summer 2026 Final 终版"}[(i+j)%3], Description: []string{"", "text"}[j%2],
				Tags: [][]string{nil, {"a"}, {"keep", "b"}}[(i+2*j)%3], Category: int64((i + j) % 3), CategoryName: []string{"", "One", "Two"}[(i+j)%3],
				Status: status, Origin: []string{"general", "live", "editing"}[(i+j)%3], StorageClass: []string{"Standard", "IA"}[(i+j)%2],
				Created: at(age), Modified: at(age), Duration: time.Duration(scale) * time.Second, Size: int64(scale) << 20, UserData: []string{"", "x"}[i%2],
			}}
			m.Source = &video.Source{Status: []string{"Normal", "Deleted"}[(i+j/2)%2], FileName: "x.mp4", Size: m.Size, Duration: m.Duration, Width: w, Height: h,
				FPS: float64(scale), Bitrate: float64(scale), VideoCodec: "h264", AudioCodec: "aac"}
			for k := range (i + j) % 3 {
				m.Streams = append(m.Streams, video.Stream{Job: strconv.Itoa(k), Definition: "LD", Format: "mp4", Status: "Normal", Size: 1, Height: h, Created: at(age)})
			}
			all = append(all, m)
		}
	}
	return all
}

// tests runs the tests of the file. All categories are at the top there.
func (p *Policy) tests(f *rule.File, tests []testDoc) {
	media := make([]rule.Sample, len(tests))
	above := map[int64]int64{}
	for i, t := range tests {
		path := fmt.Sprintf("$.tests[%d]", i)
		f.CheckSample(path+".media", t.Media)
		f.CheckDays(path+".viewed_days", t.Viewed)
		f.CheckDays(path+".class_days", t.Entered)
		media[i] = t.Media
		above[t.Media.Media().Category] = -1
	}
	for _, id := range p.holds.categories {
		above[id] = -1
	}
	if !f.Afford("$.tests", media, len(p.rules)+len(p.keeps)+len(p.quotas)+len(p.holds.tags)+len(p.holds.categories)) {
		return
	}
	for i, t := range tests {
		if f.Full() {
			return
		}
		p.test(f, fmt.Sprintf("$.tests[%d]", i), t, above)
	}
}

// test runs one test of the file.
func (p *Policy) test(f *rule.File, path string, t testDoc, above map[int64]int64) {
	m := t.Media.Media()
	at := Inputs{Now: rule.SampleTime, Above: above, Viewed: func(video.ID) (time.Time, bool) {
		return rule.Ago(t.Viewed), t.Viewed != nil
	}, Entered: func(video.ID) (string, time.Time, bool) {
		class, _ := parts(m.StorageClass)
		return class, rule.Ago(t.Entered), t.Entered != nil
	}}
	removes, moves := f.Has(path+".removes"), f.Has(path+".moves")
	if !removes && !moves {
		f.Add(path, "a test says what it removes or moves", "removes: [video], or removes: [] when all stays; moves: [\"all:IA\"]")
	}
	if removes {
		p.compare(f, path, t.Name, "removes", t.Removes, p.Judge(m, at))
	}
	if moves {
		p.moving.compare(f, path, t.Name, "moves", t.Moves, p.moving.Judge(m, at))
	}
}

// compare says where a verdict is not what a test wants.
func (p *Policy) compare(f *rule.File, path, name, verb string, want []string, v Verdict) {
	var got []string
	for _, i := range v.Items {
		got = append(got, inTest(i))
	}
	want = slices.Sorted(slices.Values(want))
	if slices.Sort(got); slices.Equal(got, want) {
		return
	}
	var reasons []string
	for _, k := range v.Keeps {
		reasons = append(reasons, fmt.Sprintf("keeps %s: %s", cmp.Or(strings.TrimSpace(string(k.Kind)+" "+k.Part), "all of it"), k.Reason))
	}
	for _, i := range v.Items {
		reasons = append(reasons, fmt.Sprintf("%s %s %s: %s (%s)", verb, i.Kind, i.Part, i.Reason, i.Rule))
	}
	f.Add(path, fmt.Sprintf("test %q: %s [%s], want [%s]", name, verb, strings.Join(got, ", "), strings.Join(want, ", ")), strings.Join(reasons, "; "))
}

// inTest is an item as tests name it: video, stream:JOB, all:IA.
func inTest(i Item) string {
	if i.Kind == Move {
		return i.Part + ":" + i.To
	}
	return strings.TrimRight(string(i.Kind)+":"+i.Part, ":")
}

// Rules are the names of the rules and quotas, in their order.
func (p *Policy) Rules() (names []string) {
	if p == nil {
		return nil
	}
	for _, r := range p.rules {
		names = append(names, r.name)
	}
	for _, r := range p.movers {
		names = append(names, r.name)
	}
	for _, q := range p.quotas {
		names = append(names, q.name)
	}
	return names
}

// Quota says that a name is a quota's.
func (p *Policy) Quota(name string) bool {
	return slices.ContainsFunc(p.quotas, func(q *quota) bool { return q.name == name })
}

// NeedsPast says that the policy needs to know what only the ledger tells: which images are
// gone (Inputs.Imaged), and since when an asset is in its class (Inputs.Entered).
func (p *Policy) NeedsPast() bool {
	return p != nil && (p.Duty == Moving || len(p.Prices.PerGB) > 0 || slices.ContainsFunc(p.rules, func(r *removal) bool { return len(r.images) > 0 }))
}

var errNoPolicy = errors.New("no policy")

// Check refuses a policy that nobody has read from a file.
func (p *Policy) Check() error {
	if p == nil || p.Hash == "" {
		return errNoPolicy
	}
	return nil
}
