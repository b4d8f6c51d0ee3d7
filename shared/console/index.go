package console

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
)

// index is a library in memory, by which the library's pages are filtered, counted and
// searched: a page of a million assets reads no asset but those it shows. It is built once
// and then only read.
//
// # Why
//
// Each fact is a column of small numbers that stand for words. A filter of one value is a scan
// over one column, a millisecond for a million assets, so lists of the assets that have a value
// would double the memory for nothing.
type index struct {
	at                 time.Time         // for which the facts are
	columns            []column          // by facet
	ids, titles, forms arena             // forms: what the search looks in
	tagForms           []string          // by code of a tag
	bytes              []int64           // -1: unknown
	seconds            []float64         // -1: unknown, -2: does not apply
	uploaded           []int64           // seconds of Unix; 0: unknown
	newest             []uint32          // all assets, the newest upload first
	categories         map[string]string // names by id
	begun              time.Time         // when the snapshot was begun; zero: it is none, or does not say
	warned             []string          // what a person should know beside it
	whole              found             // of no filter
	storedBy           func() []storedBy // for the overview: counted once, since that looks at every asset
}

// facet is a fact by which is filtered.
type facet struct {
	name, label string // in addresses, and for people
	many        bool   // an asset may have several values
	values      func(f *rule.Facts, one insight.Asset, to []word) []word
	ask         func(w string) string // the rule language's condition for a value; nil: it has none
	none        string                // the condition for no value at all
}

// word is a value of a facet: known words have a text.
type word struct {
	state valueState
	text  string
	order float64 // among the words of a facet that has an order; 0: by count
}

// valueState says what a value is beyond its text. It is the code of those that have none.
type valueState uint32

const (
	stateUnknown valueState = iota
	stateNever              // does not apply
	stateNone               // known to be none
	stateWord               // the first code of a text
)

// marks are how addresses write the values that are no text; a text that begins with a tilde
// has one more.
var marks = map[valueState]string{stateUnknown: "~unknown", stateNever: "~never", stateNone: "~none"}

func (w word) param() string {
	if w.state < stateWord {
		return marks[w.state]
	}
	if strings.HasPrefix(w.text, "~") {
		return "~" + w.text
	}
	return w.text
}

func wordOf(param string) word {
	for s, mark := range marks {
		if param == mark {
			return word{state: s}
		}
	}
	if strings.HasPrefix(param, "~~") {
		param = param[1:]
	}
	return word{state: stateWord, text: param}
}

// column is one facet of all assets.
type column struct {
	words []word
	codes map[string]uint32 // of texts
	at    []uint32          // of many: where the codes of each asset begin; nil: one code each
	code  []uint32
}

func newColumn(many bool) column {
	c := column{codes: map[string]uint32{}}
	for s := stateUnknown; s < stateWord; s++ {
		c.words = append(c.words, word{state: s})
	}
	if many {
		c.at = []uint32{0}
	}
	return c
}

// of is the codes of an asset.
func (c *column) of(i uint32) []uint32 {
	if c.at == nil {
		return c.code[i : i+1]
	}
	return c.code[c.at[i]:c.at[i+1]]
}

func (c *column) add(words []word) {
	first := len(c.code)
	for _, w := range words {
		code, ok := c.find(w)
		if !ok {
			code = uint32(len(c.words))
			w.text = strings.Clone(w.text)
			c.words, c.codes[w.text] = append(c.words, w), code
		}
		if !slices.Contains(c.code[first:], code) {
			c.code = append(c.code, code)
		}
	}
	if c.at != nil {
		c.at = append(c.at, uint32(len(c.code)))
	}
}

// arena holds texts without a pointer for each.
type arena struct {
	text []byte
	end  []int
}

func (a *arena) add(s string) {
	a.text = append(a.text, s...)
	a.end = append(a.end, len(a.text))
}

func (a *arena) at(i uint32) []byte {
	from := 0
	if i > 0 {
		from = a.end[i-1]
	}
	return a.text[from:a.end[i]]
}

// buildIndex reads a library to its end.
func buildIndex(ctx context.Context, s *insight.Source, o insight.Options) (*index, error) {
	x := &index{categories: map[string]string{}}
	for _, f := range facets {
		x.columns = append(x.columns, newColumn(f.many))
	}
	var words []word
	for one, err := range insight.Assets(ctx, s, o) {
		if err != nil {
			return nil, err
		}
		if one.Facts != nil {
			words = x.add(one, words)
		}
	}
	x.at = s.At.UTC()
	x.finish()
	return x, nil
}

func (x *index) add(one insight.Asset, words []word) []word {
	f := one.Facts
	x.ids.add(string(one.AssetID()))
	if f.CategoryID != 0 {
		x.categories[strconv.Itoa(f.CategoryID)] = f.Category
	}
	x.titles.add(f.Title)
	x.forms.add(rule.WordForm(f.Title))
	for i := range facets {
		words = facets[i].values(f, one, words[:0])
		x.columns[i].add(words)
	}
	size := int64(-1)
	if v, ok := rule.Value(f, "bytes"); ok {
		size = int64(v.(int))
	}
	length := -2.0
	if v, ok := rule.Value(f, "duration"); ok {
		length = v.(float64)
	} else if rule.Applies(f, "duration") {
		length = -1
	}
	at := int64(0)
	if !f.Uploaded.IsZero() {
		at = f.Uploaded.Unix()
	}
	x.bytes, x.seconds, x.uploaded = append(x.bytes, size), append(x.seconds, length), append(x.uploaded, at)
	return words
}

// finish computes what pages ask for again and again.
func (x *index) finish() {
	for i := range x.bytes {
		x.newest = append(x.newest, uint32(i))
	}
	slices.SortStableFunc(x.newest, func(a, b uint32) int { return cmp.Compare(x.uploaded[b], x.uploaded[a]) })
	for _, w := range x.columns[byTag].words {
		x.tagForms = append(x.tagForms, rule.WordForm(w.text))
	}
	x.whole = x.count(x.all())
	x.storedBy = sync.OnceValue(func() []storedBy {
		return []storedBy{x.stored(byStorage), x.stored(byCategory), x.stored(byDefinition)}
	})
}

// selection is a set of assets, one bit each.
type selection []uint64

func (x *index) all() selection {
	n := len(x.bytes)
	s := make(selection, (n+63)/64)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if rest := n % 64; rest > 0 {
		s[len(s)-1] = 1<<rest - 1
	}
	return s
}

// keep leaves the assets for which is holds.
func (s selection) keep(is func(i uint32) bool) {
	for at, block := range s {
		for rest := block; rest != 0; rest &= rest - 1 {
			n := bits.TrailingZeros64(rest)
			if !is(uint32(at*64 + n)) {
				block &^= 1 << n
			}
		}
		s[at] = block
	}
}

func (s selection) each(do func(i uint32)) {
	for at, block := range s {
		for ; block != 0; block &= block - 1 {
			do(uint32(at*64 + bits.TrailingZeros64(block)))
		}
	}
}

// filter asks for one value of a facet.
type filter struct {
	facet int
	word
}

// question is what a page asks of an index: all filters hold, and the title or a tag has the
// text, or it is the id.
type question struct {
	filters []filter
	text    string
}

// found is what fits a question.
type found struct {
	assets, unsized, untimed int
	bytes                    int64
	seconds                  float64
	counts                   [][]int // by facet and code
	selected                 selection
}

// ask answers a question.
func (x *index) ask(q question) found {
	if len(q.filters) == 0 && q.text == "" {
		return x.whole
	}
	s := x.all()
	for _, f := range q.filters {
		c := &x.columns[f.facet]
		code, ok := c.find(f.word)
		switch {
		case !ok:
			clear(s)
		case c.at == nil:
			s.keep(func(i uint32) bool { return c.code[i] == code })
		default:
			s.keep(func(i uint32) bool { return slices.Contains(c.of(i), code) })
		}
	}
	if q.text != "" {
		x.search(s, q.text)
	}
	return x.count(s)
}

// find is the code of a word.
func (c *column) find(w word) (uint32, bool) {
	if w.state < stateWord {
		return uint32(w.state), true
	}
	code, ok := c.codes[w.text]
	return code, ok
}

// search leaves the assets whose title or tags mention a text, as the rule language's mentions
// does, and the one whose id it is.
func (x *index) search(s selection, text string) {
	form, id := []byte(rule.WordForm(text)), []byte(text)
	tags := &x.columns[byTag]
	fits := make([]bool, len(tags.words))
	for i, w := range tags.words {
		fits[i] = w.state == stateWord && len(form) > 0 && strings.Contains(x.tagForms[i], string(form))
	}
	s.keep(func(i uint32) bool {
		return len(form) > 0 && bytes.Contains(x.forms.at(i), form) ||
			slices.ContainsFunc(tags.of(i), func(code uint32) bool { return fits[code] }) || bytes.Equal(x.ids.at(i), id)
	})
}

// count adds a selection up.
func (x *index) count(s selection) found {
	f := found{selected: s, counts: make([][]int, len(x.columns))}
	for n := range x.columns {
		c := &x.columns[n]
		counts := make([]int, len(c.words))
		if c.at == nil {
			s.each(func(i uint32) { counts[c.code[i]]++ })
		} else {
			s.each(func(i uint32) {
				for _, code := range c.of(i) {
					counts[code]++
				}
			})
		}
		f.counts[n] = counts
	}
	s.each(func(i uint32) {
		f.assets++
		if x.bytes[i] < 0 {
			f.unsized++
		} else {
			f.bytes += x.bytes[i]
		}
		switch length := x.seconds[i]; {
		case length >= 0:
			f.seconds += length
		case length == -1:
			f.untimed++
		}
	})
	return f
}

// page gives the assets from a place on, the newest first.
func (x *index) page(s selection, from, n int) (all []uint32) {
	for _, i := range x.newest {
		if s[i/64]&(1<<(i%64)) == 0 {
			continue
		}
		if from--; from >= 0 {
			continue
		}
		if all = append(all, i); len(all) == n {
			break
		}
	}
	return all
}

// valueCount is a value of a facet with its count in a selection.
type valueCount struct {
	word
	count int
}

// shown is a word for people; empty: it is none, and its state says why.
func (x *index) shown(facet int, w word) string {
	if facet == byCategory && w.state == stateWord {
		return strings.TrimSpace(x.categories[w.text] + " (" + w.text + ")")
	}
	return w.text
}

// values are those of a facet that a selection has, in their order or the most frequent first.
func (x *index) values(facet int, f found) (all []valueCount) {
	for code, n := range f.counts[facet] {
		if n > 0 {
			all = append(all, valueCount{x.columns[facet].words[code], n})
		}
	}
	slices.SortFunc(all, func(a, b valueCount) int {
		return cmp.Or(cmp.Compare(max(stateWord, b.state), max(stateWord, a.state)), cmp.Compare(a.order, b.order), b.count-a.count, strings.Compare(a.text, b.text))
	})
	return all
}

// The facets by their place.
const (
	byKind = iota
	byStatus
	byStorage
	byCategory
	byTag
	byDefinition
	byHeight
	byCodec
	byFormat
	byYear
	byMonth
	bySize
	byDuration
	byApp
)

// facets are what a library is filtered by, in the order of the page.
var facets = []facet{
	byKind:    {name: "kind", label: "Kind", values: fact("kind"), ask: equals("kind")},
	byStatus:  {name: "status", label: "Status", values: fact("status"), ask: equals("status")},
	byStorage: {name: "storage", label: "Storage class", values: fact("storage"), ask: equals("storage")},
	byCategory: {name: "category", label: "Category", values: categoryOf, ask: func(w string) string { return "category_id == " + w },
		none: "category_id == 0"},
	byTag: {name: "tags", label: "Tag", many: true, values: tagsOf, none: "len(tags) == 0",
		ask: func(w string) string { return strconv.Quote(w) + " in tags" }},
	byDefinition: {name: "definition", label: "Definition", many: true, none: "len(streams) == 0",
		values: ofStreams(func(s rule.Stream) string { return s.Definition }), ask: anyStream("definition")},
	byHeight: {name: "height", label: "Shorter side, pixels", values: heights.words, ask: heights.ask},
	byCodec:  {name: "codec", label: "Codec", values: fact("codec"), ask: equals("codec")},
	byFormat: {name: "format", label: "Container", many: true, none: "len(streams) == 0",
		values: ofStreams(func(s rule.Stream) string { return s.Format }), ask: anyStream("format")},
	byYear: {name: "year", label: "Year of upload", values: uploadedAs("2006"), ask: func(w string) string {
		return uploadedIn(w+"-01-01", 1, 0)
	}},
	byMonth: {name: "month", label: "Month of upload", values: uploadedAs("2006-01"), ask: func(w string) string {
		return uploadedIn(w+"-01", 0, 1)
	}},
	bySize:     {name: "size", label: "Size", values: sizes.words, ask: sizes.ask},
	byDuration: {name: "duration", label: "Duration", values: lengths.words, ask: lengths.ask},
	byApp:      {name: "application", label: "Application", values: appOf},
}

// fact gives the value of a fact that is a word.
func fact(name string) func(*rule.Facts, insight.Asset, []word) []word {
	return func(f *rule.Facts, _ insight.Asset, to []word) []word {
		v, known := rule.Value(f, name)
		text, _ := v.(string)
		switch {
		case known && text != "":
			return append(to, word{state: stateWord, text: text})
		case known:
			return append(to, word{state: stateNone})
		}
		return append(to, missing(f, name))
	}
}

func missing(f *rule.Facts, name string) word {
	if rule.Applies(f, name) {
		return word{state: stateUnknown}
	}
	return word{state: stateNever}
}

func equals(name string) func(string) string {
	return func(w string) string { return name + " == " + strconv.Quote(w) }
}

// categoryOf is the id: two categories may have one name.
func categoryOf(f *rule.Facts, _ insight.Asset, to []word) []word {
	v, known := rule.Value(f, "category_id")
	switch id, _ := v.(int); {
	case !known:
		return append(to, missing(f, "category_id"))
	case id == 0:
		return append(to, word{state: stateNone})
	default:
		return append(to, word{state: stateWord, text: strconv.Itoa(id)})
	}
}

func tagsOf(f *rule.Facts, _ insight.Asset, to []word) []word {
	if _, known := rule.Value(f, "tags"); !known {
		return append(to, missing(f, "tags"))
	}
	if len(f.Tags) == 0 {
		return append(to, word{state: stateNone})
	}
	for _, tag := range f.Tags {
		to = append(to, word{state: stateWord, text: tag})
	}
	return to
}

// ofStreams gives what the streams tell of a field.
func ofStreams(field func(rule.Stream) string) func(*rule.Facts, insight.Asset, []word) []word {
	return func(f *rule.Facts, _ insight.Asset, to []word) []word {
		if _, known := rule.Value(f, "streams"); !known {
			return append(to, missing(f, "streams"))
		}
		if len(f.Streams) == 0 {
			return append(to, word{state: stateNone})
		}
		for _, s := range f.Streams {
			if text := field(s); text != "" {
				to = append(to, word{state: stateWord, text: text})
			} else {
				to = append(to, word{state: stateUnknown})
			}
		}
		return to
	}
}

func anyStream(field string) func(string) string {
	return func(w string) string { return "any(streams, ." + field + " == " + strconv.Quote(w) + ")" }
}

// uploadedAs gives the year or the month of the upload, the latest first.
func uploadedAs(layout string) func(*rule.Facts, insight.Asset, []word) []word {
	return func(f *rule.Facts, _ insight.Asset, to []word) []word {
		if _, known := rule.Value(f, "uploaded"); !known {
			return append(to, missing(f, "uploaded"))
		}
		at := f.Uploaded.UTC()
		return append(to, word{state: stateWord, text: at.Format(layout), order: -float64(at.Year()*12 + int(at.Month()))})
	}
}

func uploadedIn(first string, years, months int) string {
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return "false"
	}
	return fmt.Sprintf("uploaded >= date(%q) and uploaded < date(%q)", first, from.AddDate(years, months, 0).Format(time.DateOnly))
}

func appOf(_ *rule.Facts, one insight.Asset, to []word) []word {
	if app := one.AssetApp(); app != "" {
		return append(to, word{state: stateWord, text: app})
	}
	return append(to, word{state: stateUnknown})
}

// steps are the borders between the classes of a number.
type steps struct {
	fact  string
	at    []float64
	below bool // a border belongs to the class above it: 720 is 720 to 1,080
	text  func(float64) string
}

var (
	sizes   = steps{"bytes", []float64{1e6, 1e7, 1e8, 1e9, 1e10}, false, func(n float64) string { return report.Bytes(int64(n)) }}
	lengths = steps{"duration", []float64{60, 300, 1200, 3600, 7200}, false, func(n float64) string { return report.Duration(time.Duration(n) * time.Second) }}
	heights = steps{"short_side", []float64{240, 360, 480, 720, 1080, 1440, 2160}, true, func(n float64) string { return strconv.Itoa(int(n)) }}
)

func (s steps) words(f *rule.Facts, _ insight.Asset, to []word) []word {
	v, known := rule.Value(f, s.fact)
	if !known {
		return append(to, missing(f, s.fact))
	}
	n, is := v.(float64)
	if !is {
		n = float64(v.(int))
	}
	i := sort.SearchFloat64s(s.at, n)
	if s.below && i < len(s.at) && s.at[i] == n {
		i++
	}
	return append(to, word{state: stateWord, text: s.name(i), order: float64(i + 1)})
}

// name is a class: classes of one fact have different names.
func (s steps) name(i int) string {
	switch {
	case i == 0 && s.below:
		return "< " + s.text(s.at[0])
	case i == 0:
		return "≤ " + s.text(s.at[0])
	case i == len(s.at) && s.below:
		return "≥ " + s.text(s.at[i-1])
	case i == len(s.at):
		return "> " + s.text(s.at[i-1])
	case s.below:
		return s.text(s.at[i-1]) + " – " + s.text(s.at[i]-1)
	}
	return s.text(s.at[i-1]) + " – " + s.text(s.at[i])
}

func (s steps) ask(w string) string {
	var all []string
	for i := range len(s.at) + 1 {
		if s.name(i) != w {
			continue
		}
		over, upTo := " > ", " <= "
		if s.below {
			over, upTo = " >= ", " < "
		}
		if i > 0 {
			all = append(all, s.fact+over+strconv.Itoa(int(s.at[i-1])))
		}
		if i < len(s.at) {
			all = append(all, s.fact+upTo+strconv.Itoa(int(s.at[i])))
		}
	}
	if len(all) == 0 {
		return "false"
	}
	return strings.Join(all, " and ")
}

// expression is a question in the rule language; false: it cannot be asked there. app is the
// application, which is no fact.
func (q question) expression() (text, app string, ok bool) {
	var all []string
	for _, f := range q.filters {
		of := facets[f.facet]
		switch {
		case f.facet == byApp && f.state == stateWord && app == "":
			app = f.text
		case f.state == stateWord && of.ask != nil:
			all = append(all, of.ask(f.text))
		case f.state == stateNone && of.none != "":
			all = append(all, of.none)
		default:
			return "", "", false
		}
	}
	if q.text != "" {
		word := strconv.Quote(q.text)
		all = append(all, "(mentions(title, "+word+") or any(tags, mentions(#, "+word+")) or id == "+word+")")
	}
	if len(all) == 0 {
		all = []string{"true"}
	}
	return strings.Join(all, " and "), app, true
}

// command is the line of vodctl that finds the same; empty: there is none.
func (q question) command(library string) string {
	text, app, ok := q.expression()
	if !ok || app != "" && library != "" {
		return ""
	}
	line := "vodctl library find " + quoted(text)
	if app != "" {
		line = "APP_ID=" + quoted(app) + " " + line
	}
	if library != "" {
		line += " --library " + quoted(library)
	}
	return line
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
