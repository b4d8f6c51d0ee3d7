package insight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	ledger "vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// PlanIndex is what a plan lists by rule and category. A plan never changes, so one that was
// read once may be kept under the plan's hash.
type PlanIndex struct {
	Groups []PlanGroup // the most bytes first
	chunks []map[PlanKey]int
}

// PlanKey is what items are grouped by.
type PlanKey struct{ Rule, Category string }

// PlanGroup are the totals of one rule in one category.
type PlanGroup struct {
	PlanKey
	removal.Totals
}

// PlanItem is an item with what the plan tells of its asset.
type PlanItem struct {
	retention.Item
	Title, Category string
	Streams         int  // that stay, of an asset of which parts go; VOD is not asked
	Source          bool // the source file stays
}

// PlanFilter says which items of a plan are looked at.
type PlanFilter struct {
	Rule, Category string
	InCategory     bool // false: Category is not asked
}

func (f PlanFilter) takes(k PlanKey) bool {
	return (f.Rule == "" || f.Rule == k.Rule) && (!f.InCategory || f.Category == k.Category)
}

// IndexOf reads the whole list of a plan. One that is not as it was written, or does not add
// up to the plan's totals, is state.ErrCorrupt, beside what could be read.
func IndexOf(ctx context.Context, o state.Objects, p removal.Plan) (PlanIndex, error) {
	x, groups, sum := PlanIndex{}, map[PlanKey]*PlanGroup{}, removal.Totals{}
	var faults []error
	for _, chunk := range p.Chunks {
		here := map[PlanKey]int{}
		x.chunks = append(x.chunks, here)
		for v, err := range removal.ReadLines[retention.Verdict](ctx, o, []removal.Chunk{chunk}) {
			if err != nil {
				faults = append(faults, err)
				break
			}
			sum.Add(v.Items...)
			seen := map[PlanKey]bool{}
			for _, i := range v.Items {
				k := PlanKey{i.Rule, v.Category}
				g := groups[k]
				if g == nil {
					g = &PlanGroup{PlanKey: k}
					groups[k] = g
				}
				one := removal.Totals{}
				one.Add(i)
				g.Items, g.Bytes, g.Unknown = g.Items+1, g.Bytes+one.Bytes, g.Unknown+one.Unknown
				if !seen[k] {
					seen[k], g.Media = true, g.Media+1
				}
				here[k]++
			}
		}
	}
	for _, g := range groups {
		x.Groups = append(x.Groups, *g)
	}
	slices.SortFunc(x.Groups, func(a, b PlanGroup) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Category, b.Category))
	})
	if err := errors.Join(faults...); err != nil {
		return x, err
	}
	if sum != p.Totals {
		return x, fmt.Errorf("the item list of plan %s does not add up to its totals: %w", p.ID, state.ErrCorrupt)
	}
	return x, nil
}

// Count is how many items a filter takes.
func (x PlanIndex) Count(f PlanFilter) (n int) {
	for _, g := range x.Groups {
		if f.takes(g.PlanKey) {
			n += g.Items
		}
	}
	return n
}

// Categories are those of the plan by name.
func (x PlanIndex) Categories() []string {
	all := map[string]bool{}
	for _, g := range x.Groups {
		all[g.Category] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Page gives most items that a filter takes, behind the first from of them. It reads the chunks
// that hold them and no other.
func (x PlanIndex) Page(ctx context.Context, o state.Objects, p removal.Plan, f PlanFilter, from, most int) (items []PlanItem, err error) {
	for at, chunk := range p.Chunks {
		here := 0
		for k, n := range x.chunks[at] {
			if f.takes(k) {
				here += n
			}
		}
		if from >= here || len(items) == most {
			from = max(from-here, 0)
			continue
		}
		for v, err := range removal.ReadLines[retention.Verdict](ctx, o, []removal.Chunk{chunk}) {
			if err != nil {
				return items, err
			}
			for _, i := range v.Items {
				switch {
				case !f.takes(PlanKey{i.Rule, v.Category}):
				case from > 0:
					from--
				case len(items) < most:
					items = append(items, itemOf(v, i))
				}
			}
		}
	}
	return items, nil
}

// itemOf tells of an asset of which parts go what the plan saw of the others.
func itemOf(v retention.Verdict, i retention.Item) PlanItem {
	stay := maps.Clone(v.Parts)
	for _, gone := range v.Items {
		switch gone.Kind {
		case retention.Stream:
			delete(stay, gone.Part)
		case retention.Source:
			delete(stay, string(retention.Source))
		}
	}
	_, source := stay[string(retention.Source)]
	delete(stay, string(retention.Source))
	return PlanItem{Item: i, Title: v.Title, Category: v.Category, Streams: len(stay), Source: source}
}

// PlanChange is what a plan lists otherwise than the one before, of one rule.
type PlanChange struct {
	Rule        string
	Added, Gone removal.Totals
}

// PlanChanges compares a plan with the one before, both in their order, and holds neither.
func PlanChanges(ctx context.Context, o state.Objects, before, p removal.Plan) ([]PlanChange, error) {
	was, is := readingOf(before.Entries(ctx, o)), readingOf(p.Entries(ctx, o))
	defer was.stop()
	defer is.stop()
	rules := map[string]*PlanChange{}
	rule := func(name string) *PlanChange {
		if rules[name] == nil {
			rules[name] = &PlanChange{Rule: name}
		}
		return rules[name]
	}
	for was.there || is.there {
		if err := errors.Join(was.err, is.err); err != nil {
			return nil, err
		}
		order := retention.Order(was.v, is.v)
		var old, now []retention.Item
		first, second := was.there && (!is.there || order <= 0), is.there && (!was.there || order >= 0)
		if first {
			old = was.v.Items
			was.read()
		}
		if second {
			now = is.v.Items
			is.read()
		}
		sumUp(apart(old, now), func(name string) *removal.Totals { return &rule(name).Gone })
		sumUp(apart(now, old), func(name string) *removal.Totals { return &rule(name).Added })
	}
	var all []PlanChange
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		all = append(all, *rules[name])
	}
	return all, nil
}

// reading is a plan that is read asset by asset.
type reading struct {
	next  func() (retention.Verdict, error, bool)
	stop  func()
	v     retention.Verdict
	err   error
	there bool
}

func readingOf(entries iter.Seq2[retention.Verdict, error]) *reading {
	r := &reading{}
	r.next, r.stop = iter.Pull2(entries)
	r.read()
	return r
}

func (r *reading) read() { r.v, r.err, r.there = r.next() }

// apart are the items that the others do not have.
func apart(items, others []retention.Item) (left []retention.Item) {
	for _, i := range items {
		if !slices.ContainsFunc(others, i.Same) {
			left = append(left, i)
		}
	}
	return left
}

// sumUp adds the items of one asset by their rules.
func sumUp(items []retention.Item, of func(rule string) *removal.Totals) {
	by := map[string][]retention.Item{}
	for _, i := range items {
		by[i.Rule] = append(by[i.Rule], i)
	}
	for name, some := range by {
		of(name).Add(some...)
	}
}

// PlanLedger is what came of the items of a plan, by the last word of the ledger on each.
type PlanLedger struct {
	Done, Skipped removal.Totals
	Open          int // asked for or put off, or nobody knows what came of it
	Reasons       []LedgerReason
	Rows          []removal.Row // of each item the last, in the order of the ledger
}

// LedgerReason counts the items with one outcome for one reason.
type LedgerReason struct {
	Result video.Result
	Why    string
	removal.Totals
}

// LedgerOf reads the ledger from the first run of a plan on. It proves nothing: that is for
// removal.VerifyLedger.
func LedgerOf(ctx context.Context, o state.Objects, plan string) (l PlanLedger, err error) {
	from, err := removal.Begun(ctx, o, plan)
	if err != nil || from == 0 {
		return l, err
	}
	last := map[ledger.Key]removal.Row{}
	var order []ledger.Key
	for row, err := range removal.Rows(ctx, o, from) {
		if err != nil {
			return l, err
		}
		if row.Plan != plan || row.Event == removal.Note {
			continue
		}
		k := ledger.KeyOf(row.Item)
		if _, there := last[k]; !there {
			order = append(order, k)
		}
		last[k] = row
	}
	reasons := map[[2]string]*LedgerReason{}
	done, skipped := map[video.ID]bool{}, map[video.ID]bool{}
	for _, k := range order {
		row := last[k]
		l.Rows = append(l.Rows, row)
		switch {
		case row.Event == removal.Intent, row.Result == video.Deferred, row.Result == video.Unknown:
			l.Open++
		case row.Result == video.Done:
			addOnce(&l.Done, done, row.Item)
			continue
		default:
			addOnce(&l.Skipped, skipped, row.Item)
		}
		r := reasons[[2]string{string(row.Result), row.Detail}]
		if r == nil {
			r = &LedgerReason{Result: row.Result, Why: row.Detail}
			reasons[[2]string{string(row.Result), row.Detail}] = r
		}
		r.Add(row.Item)
	}
	for _, r := range reasons {
		l.Reasons = append(l.Reasons, *r)
	}
	slices.SortFunc(l.Reasons, func(a, b LedgerReason) int {
		return cmp.Or(b.Items-a.Items, cmp.Compare(a.Result, b.Result), cmp.Compare(a.Why, b.Why))
	})
	return l, nil
}

// addOnce counts an item, and its asset once.
func addOnce(t *removal.Totals, seen map[video.ID]bool, i retention.Item) {
	t.Add(i)
	if seen[i.ID] {
		t.Media--
	}
	seen[i.ID] = true
}
