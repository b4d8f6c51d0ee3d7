package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
)

// summarised are the facts of a summary that is not asked for others.
var summarised = []string{"kind", "status", "storage", "category", "application", "definition", "codec", "age_days", "tags"}

// facets are words that people say for facts.
var facets = map[string]string{"age": "age_days", "idle": "idle_days", "class": "storage", "storage_class": "storage", "tag": "tags", "app": "application", "label": "labels"}

// Beyond the facts of rules: where VOD counts the asset, and in which outputs it is stored.
const application, definition = "application", "definition"

const (
	maxGroups  = 10_000 // values of a fact, or pairs; what comes after is counted in one line
	shownLines = 10     // of each fact, in a summary of all
)

func summaryCommand(a *tool) *cobra.Command {
	s, m := inspected{}, summary{}
	var policy string
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "summary",
		Short:       "Count assets, bytes, hours and cost by category, status, storage class, definition, codec, age, application and tag",
		Long: `Count assets, bytes, hours and what they cost a month, by category, status, storage class,
definition, codec, age, application and tag, or by one or two facts of your own. Prices are
those of the policy; what has none there is "no price". What is not known has a line of its
own, and is in no sum: the columns "no size", "no length" and "no price" count the assets
that are missing from the one before. An asset with several tags or definitions counts in
each of their lines; "definition" counts the bytes of these streams alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.check(); err != nil {
				return err
			}
			p, err := a.policyOf(cmd.Context(), policy)
			if err != nil {
				return err
			}
			m.prices = p.Prices
			return a.summary(cmd.Context(), s, &m)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringSliceVar(&m.by, "by", nil, "one fact or two, as status,tags; default: the facts above, each alone")
	cmd.Flags().IntVar(&m.top, "top", shownLines, "without --by: so many lines of each fact; 0: all")
	cmd.Flags().StringVar(&policy, "policy", "", "a policy file with prices (default: POLICY_FILE, else the built-in one)")
	return cmd
}

// summary adds up a library by facts.
type summary struct {
	by     []string
	top    int
	prices retention.Prices

	total    tally
	kinds    map[string]int
	tables   []table
	classes  map[string]int64 // of one insight.Asset
	whole    tally            // of one insight.Asset
	scratch  [2][]part
	crossing bool
}

// table adds up by one fact or by two.
type table struct {
	facts  []string
	lines  map[group]*tally
	beyond bool // there are more groups than lines
}

// group is a value of each of a table's facts.
type group [2]value

// valueKind says what a value is beyond its text.
type valueKind int8

const (
	told valueKind = iota
	none
	unknown
	inapplicable
	others // the rest of the groups
)

// value is a fact as a group. Numbers and times have an order.
type value struct {
	state valueKind
	order float64
	text  string
}

func (v value) String() string {
	switch v.state {
	case none:
		return "(none)"
	case unknown:
		return "(unknown)"
	case inapplicable:
		return "(does not apply)"
	case others:
		return "(all others)"
	}
	return v.text
}

// part is a value with what counts for it: the asset, or its streams alone.
type part struct {
	value
	tally *tally
}

// tally is a sum. What is not known is counted beside it.
type tally struct {
	assets, unsized, untimed, unpriced int
	timeless                           int // images have no length
	bytes                              int64
	length                             float64 // seconds
	cost                               float64 // a month
}

func (t *tally) add(o *tally) {
	t.assets += o.assets
	t.unsized += o.unsized
	t.untimed += o.untimed
	t.unpriced += o.unpriced
	t.timeless += o.timeless
	t.bytes += o.bytes
	t.length += o.length
	t.cost += o.cost
}

// check completes what was asked for, or says what is wrong with it.
func (m *summary) check() error {
	m.kinds, m.classes = map[string]int{}, map[string]int64{}
	m.crossing = len(m.by) > 0
	if len(m.by) > 2 || m.top < 0 {
		return fmt.Errorf("%w: --by takes one fact or two, and --top no number below 0", errUsage)
	}
	names := []string{application, definition}
	for _, noun := range rule.Nouns() {
		if noun.Name != "streams" && noun.Name != "now" {
			names = append(names, noun.Name)
		}
	}
	for i, name := range m.by {
		m.by[i] = cmp.Or(facets[name], name)
		if !slices.Contains(names, m.by[i]) {
			return fmt.Errorf("%w: --by %q is no fact: %s", errUsage, name, cmp.Or(rule.Suggest(name, names), strings.Join(names, ", ")))
		}
	}
	if m.crossing {
		m.tables = []table{{facts: m.by, lines: map[group]*tally{}}}
		return nil
	}
	for _, name := range summarised {
		m.tables = append(m.tables, table{facts: []string{name}, lines: map[group]*tally{}})
	}
	return nil
}

func (a *tool) summary(ctx context.Context, s inspected, m *summary) error {
	for one, err := range a.assets(ctx, &s) {
		if err != nil {
			return err
		}
		if one.Facts != nil {
			m.add(one)
		}
	}
	return m.print(a, s)
}

func (m *summary) add(one insight.Asset) {
	m.measure(one)
	m.total.add(&m.whole)
	m.kinds[one.Facts.Kind]++
	for i := range m.tables {
		t := &m.tables[i]
		m.scratch[0] = m.parts(m.scratch[0][:0], t.facts[0], one)
		if len(t.facts) == 1 {
			for _, p := range m.scratch[0] {
				t.line(group{p.value}).add(p.tally)
			}
			continue
		}
		m.scratch[1] = m.parts(m.scratch[1][:0], t.facts[1], one)
		for _, p := range m.scratch[0] {
			for _, q := range m.scratch[1] {
				counts := p.tally
				if t.facts[1] == definition {
					counts = q.tally
				}
				t.line(group{p.value, q.value}).add(counts)
			}
		}
	}
}

func (t *table) line(g group) *tally {
	sum := t.lines[g]
	if sum == nil && len(t.lines) >= maxGroups {
		g, t.beyond = group{{state: others}, {state: others}}, true
		sum = t.lines[g]
	}
	if sum == nil {
		sum = &tally{}
		t.lines[g] = sum
	}
	return sum
}

// measure makes m.whole what the asset adds to a sum.
func (m *summary) measure(one insight.Asset) {
	m.whole = tally{assets: 1}
	if bytes, ok := rule.Value(one.Facts, "bytes"); ok {
		m.whole.bytes = int64(bytes.(int))
	} else {
		m.whole.unsized = 1
	}
	m.whole.lasts(one.Facts)
	clear(m.classes)
	cost, ok := 0.0, one.Image == nil && retention.Stored(one.Media, m.classes)
	if ok {
		cost, ok = m.prices.Month(m.classes)
	}
	if m.whole.cost = cost; !ok {
		m.whole.unpriced = 1
	}
}

func (t *tally) lasts(f *rule.Facts) {
	seconds, ok := rule.Value(f, "duration")
	switch {
	case ok:
		t.length = seconds.(float64)
	case rule.Applies(f, "duration"):
		t.untimed = 1
	default:
		t.timeless = 1
	}
}

// parts adds the values that an asset has of a fact; there is always one.
func (m *summary) parts(to []part, name string, one insight.Asset) []part {
	f := one.Facts
	switch name {
	case application:
		if one.AssetApp() == "" {
			return append(to, part{value{state: unknown}, &m.whole})
		}
		return append(to, m.text(one.AssetApp()))
	case definition:
		return m.definitions(to, one)
	}
	v, ok := rule.Value(f, name)
	switch {
	case name == "category" && f.CategoryID != 0: // two categories may have one name; of a doubtful one the id is 0 too
		return append(to, m.text(strings.TrimSpace(f.Category+" ("+strconv.Itoa(f.CategoryID)+")")))
	case !ok && !rule.Applies(f, name):
		return append(to, part{value{state: inapplicable}, &m.whole})
	case !ok:
		return append(to, part{value{state: unknown}, &m.whole})
	}
	return m.known(to, name, v)
}

// text is a word as a value; empty: none.
func (m *summary) text(s string) part {
	if s == "" {
		return part{value{state: none}, &m.whole}
	}
	return part{value{text: s}, &m.whole}
}

// known adds the values of a fact that is known.
func (m *summary) known(to []part, name string, v any) []part {
	if list, is := v.([]string); is && len(list) > 0 {
		for _, s := range list {
			to = append(to, m.text(s))
		}
		return to
	}
	switch v := v.(type) {
	case string:
		return append(to, m.text(v))
	case []string:
		return append(to, m.text(""))
	case bool:
		return append(to, m.text(map[bool]string{true: "yes", false: "no"}[v]))
	case time.Time:
		return append(to, m.text(v.Format("2006-01")))
	case int:
		return append(to, m.number(name, float64(v)))
	}
	return append(to, m.number(name, v.(float64)))
}

// steps are the borders between the lines of a fact that has a value of its own for each asset.
type steps struct {
	at   []float64
	text func(float64) string
}

var scales = map[string]steps{
	"age_days": days, "idle_days": days, "size": sizes, "bytes": sizes,
	"duration": {[]float64{60, 300, 1200, 3600, 7200}, func(s float64) string { return report.Duration(time.Duration(s) * time.Second) }},
	"bitrate":  {[]float64{500, 1000, 2500, 5000, 10000}, func(n float64) string { return report.Number(int(n)) + " kbit/s" }},
}

var (
	days  = steps{[]float64{7, 30, 90, 180, 365, 730}, func(n float64) string { return report.Number(int(n)) + " days" }}
	sizes = steps{[]float64{1e6, 1e7, 1e8, 1e9, 1e10}, func(n float64) string { return report.Bytes(int64(n)) }}
)

func (m *summary) number(name string, n float64) part {
	s, stepped := scales[name]
	if !stepped {
		return part{value{order: n, text: strconv.FormatFloat(n, 'g', -1, 64)}, &m.whole}
	}
	i := sort.SearchFloat64s(s.at, n)
	v := value{order: float64(i)}
	switch {
	case i == 0:
		v.text = "up to " + s.text(s.at[0])
	case i == len(s.at):
		v.text = "over " + s.text(s.at[i-1])
	default:
		v.text = "up to " + s.text(s.at[i])
	}
	return part{v, &m.whole}
}

// definitions are the source file and the streams by definition, each with its own bytes.
func (m *summary) definitions(to []part, one insight.Asset) []part {
	switch {
	case one.Image != nil:
		return append(to, part{value{state: inapplicable}, &m.whole})
	case one.Streams == nil:
		return append(to, part{value{state: unknown}, &m.whole})
	}
	add := func(v value, kind retention.Kind, job string, bytes int64) {
		i := slices.IndexFunc(to, func(p part) bool { return p.value == v })
		if i < 0 {
			t := &tally{assets: 1}
			t.lasts(one.Facts)
			i, to = len(to), append(to, part{v, t})
		}
		t := to[i].tally
		if bytes <= 0 {
			t.unsized = 1
			bytes = retention.Unknown
		} else {
			t.bytes += bytes
		}
		money := m.prices.Of(retention.Item{Kind: kind, Part: job, Bytes: bytes}, one.StorageClass, 0)
		if one.StorageClass == "" {
			money = retention.Money{Unpriced: 1}
		}
		t.cost += money.Month
		t.unpriced = max(t.unpriced, money.Unpriced)
	}
	if one.Source == nil || !one.Source.Gone() {
		add(value{text: "source file"}, retention.Source, retention.SourcePart, int64(one.Facts.Size))
	}
	for _, s := range one.Streams {
		v := value{text: s.Definition}
		if s.Definition == "" {
			v.state = unknown
		}
		if s.Definition != "OD" { // the source file under another name
			add(v, retention.Stream, s.Job, s.Size)
		}
	}
	if len(to) == 0 {
		return append(to, part{value{state: none}, &m.whole})
	}
	return to
}

// print writes the tables, or what programs read instead.
func (m *summary) print(a *tool, s inspected) error {
	columns := m.by
	if !m.crossing {
		columns = []string{"by", "value"}
	}
	month := strings.TrimSpace("a month, " + m.prices.Currency)
	columns = append(slices.Clone(columns), ">assets", ">bytes", ">no size", ">hours", ">no length", ">"+strings.TrimSuffix(month, ","), ">no price")
	rows := a.rows(columns...)
	whole := summaryJSON{Library: s.Head, Currency: m.prices.Currency, Total: m.total.json(nil)}
	beyond := false
	for _, t := range m.tables {
		beyond = beyond || t.beyond
		for n, g := range t.order() {
			sum := t.lines[g]
			if a.json() {
				whole.Groups = append(whole.Groups, sum.json(t.named(g)))
				continue
			}
			cells := []any{g[0].String()}
			if !m.crossing {
				cells = []any{t.facts[0], g[0].String()}
			} else if len(t.facts) == 2 {
				cells = append(cells, g[1].String())
			}
			if !m.crossing && a.format == report.AsTable && m.top > 0 && n == m.top && len(t.lines) > m.top {
				rows.Add(nil, t.facts[0], fmt.Sprintf("(%s more: --by %s)", report.Number(len(t.lines)-n), t.facts[0]))
				break
			}
			rows.Add(nil, append(cells, sum.cells()...)...)
		}
	}
	rows.Whole = whole
	if err := m.headline(a, s); err != nil {
		return err
	}
	err := rows.Print()
	if beyond {
		err = errors.Join(err, a.warn("the first %s groups have lines of their own, %s counts the rest", report.Number(maxGroups), value{state: others}))
	}
	return err
}

func (m *summary) headline(a *tool, s inspected) error {
	t := m.total
	kinds := fmt.Sprintf("%s, %s, %s", report.Count(m.kinds["video"], "video"), report.Count(m.kinds["audio"], "audio file"), report.Count(m.kinds["image"], "image"))
	if n := m.kinds[""]; n > 0 {
		kinds += fmt.Sprintf(", %s of unknown kind", report.Number(n))
	}
	of := "The library"
	if s.Head != nil {
		of = "The library of " + s.Head.Begun.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return a.say("%s: %s (%s); %s; %s; %s\n\n", of, report.Count(t.assets, "asset"), kinds,
		without(report.Bytes(t.bytes), t.assets, t.unsized, "size"), without(hours(t.length)+" hours", t.assets-t.timeless, t.untimed, "length"),
		without(strings.TrimSpace(amount(t.cost)+" "+m.prices.Currency)+" a month", t.assets, t.unpriced, "price"))
}

// without is a sum with the assets that are not in it.
func without(sum string, of, missing int, what string) string {
	switch {
	case missing == 0:
		return sum
	case missing >= of:
		return "no " + what
	}
	return fmt.Sprintf("%s (and %s without %s)", sum, report.Number(missing), what)
}

func hours(seconds float64) string { return strconv.FormatFloat(seconds/3600, 'f', 1, 64) }
func amount(sum float64) string    { return strconv.FormatFloat(sum, 'f', 2, 64) }

// order is the groups as they are shown: numbers and times by themselves, others the
// biggest first; what is no value comes last.
func (t *table) order() []group {
	return slices.SortedFunc(maps.Keys(t.lines), func(x, y group) int {
		for i := range x {
			if c := cmp.Or(cmp.Compare(x[i].state, y[i].state), cmp.Compare(x[i].order, y[i].order)); c != 0 {
				return c
			}
		}
		p, q := t.lines[x], t.lines[y]
		return cmp.Or(cmp.Compare(q.bytes, p.bytes), cmp.Compare(q.assets, p.assets), strings.Compare(x[0].text, y[0].text), strings.Compare(x[1].text, y[1].text))
	})
}

// cells are the columns of a sum. A sum of which nothing is known is unknown, not zero.
func (t *tally) cells() []any {
	missing := func(n int) any {
		if n == 0 {
			return ""
		}
		return n
	}
	bytes, long, cost := report.Size(t.bytes), hours(t.length), amount(t.cost)
	if t.unsized == t.assets {
		bytes = -1
	}
	switch t.assets - t.timeless {
	case 0:
		long = ""
	case t.untimed:
		long = "unknown"
	}
	if t.unpriced == t.assets {
		cost = "no price"
	}
	return []any{t.assets, bytes, missing(t.unsized), long, missing(t.untimed), cost, missing(t.unpriced)}
}

// summaryJSON is a summary for programs.
type summaryJSON struct {
	Library  *insight.SnapshotHead `json:"library,omitempty"`
	Currency string                `json:"currency,omitempty"`
	Total    sumJSON               `json:"total"`
	Groups   []sumJSON             `json:"groups"`
}

// sumJSON has null for a sum of which nothing is known.
type sumJSON struct {
	Of      []valueJSON `json:"of,omitempty"`
	Assets  int         `json:"assets"`
	Bytes   *int64      `json:"bytes"`
	Unsized int         `json:"withoutSize"`
	Seconds *float64    `json:"seconds"`
	Untimed int         `json:"withoutLength"`
	Cost    *float64    `json:"costMonth"`
	Free    int         `json:"withoutPrice"`
}

// valueJSON is one fact of a group: a text, or null with the word for why there is none.
type valueJSON struct {
	Fact  string  `json:"fact"`
	Value *string `json:"value"`
	Why   string  `json:"why,omitempty"` // none, unknown, does not apply, all others
}

func (t *table) named(g group) (of []valueJSON) {
	for i, fact := range t.facts {
		v := valueJSON{Fact: fact}
		if g[i].state == told {
			v.Value = &g[i].text
		} else {
			v.Why = strings.Trim(g[i].String(), "()")
		}
		of = append(of, v)
	}
	return of
}

func (t *tally) json(of []valueJSON) sumJSON {
	s := sumJSON{Of: of, Assets: t.assets, Unsized: t.unsized, Untimed: t.untimed, Free: t.unpriced}
	if t.unsized < t.assets {
		s.Bytes = &t.bytes
	}
	if t.untimed+t.timeless < t.assets {
		s.Seconds = &t.length
	}
	if t.unpriced < t.assets {
		s.Cost = &t.cost
	}
	return s
}
