package retention

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// ahead is how far the newest view of a usage file may lie after the moment: planning
// that goes on in another night still decides for the first one.
const ahead = 7 * day

// CheckInputs says why nothing may be decided with these inputs: an input that the
// policy names was not read, a held category is not in the tree of categories, or the
// usage file has stopped (its newest view is older than usage_max_age). Every fault is
// told. Planning and removal ask it before anything else.
func (p *Policy) CheckInputs(in Inputs) error {
	if err := p.Check(); err != nil {
		return err
	}
	var faults []error
	if p.HoldList != "" && in.Held == nil {
		faults = append(faults, fmt.Errorf("hold list %s was not read; nothing is decided without it", p.HoldList))
	}
	for _, id := range p.holds.categories {
		if _, known := in.Above[id]; !known {
			faults = append(faults, fmt.Errorf("holds.categories names %d, which is not in the tree of categories, so nobody can tell what it holds: "+
				"remove it from the policy or restore it", id))
		}
	}
	if p.Usage != "" {
		faults = append(faults, p.checkUsage(in))
	}
	return errors.Join(faults...)
}

func (p *Policy) checkUsage(in Inputs) error {
	newest := in.NewestView.UTC().Format(time.RFC3339)
	switch {
	case in.Viewed == nil:
		return fmt.Errorf("usage file %s was not read; nothing is decided without it", p.Usage)
	case in.NewestView.IsZero():
		return fmt.Errorf("usage file %s tells no view at all; have it written again", p.Usage)
	case in.NewestView.After(in.Now.Add(ahead)):
		return fmt.Errorf("usage file %s tells a view of %s, which lies in the future; correct that line", p.Usage, newest)
	case in.Now.Sub(in.NewestView) > p.UsageMaxAge:
		return fmt.Errorf("usage file %s has stopped: its newest view is of %s, older than usage_max_age (%s); have it written again, or set usage_max_age",
			p.Usage, newest, days(p.UsageMaxAge))
	}
	return nil
}

// shown is how many ids a sentence names.
const shown = 10

// uses notes which protections of the policy cover the asset. What was found to cover
// one is not asked again.
func (p *Policy) uses(t *Tally, c func() *facts, m video.Media, at Inputs) {
	if len(at.Held) > 0 {
		if id := HeldID(m.ID); !t.HeldIDs[id] {
			if _, listed := at.listed(m.ID); listed {
				set(&t.HeldIDs, id, true)
			}
		}
	}
	for i, k := range p.keeps {
		if key := "keep " + strconv.Itoa(i); k.when.program != nil && !t.Used[key] {
			if covered, _, _ := k.when.ask(c()); covered == rule.Yes {
				set(&t.Used, key, true)
			}
		}
	}
	p.usesHolds(t, m, at)
}

func (p *Policy) usesHolds(t *Tally, m video.Media, at Inputs) {
	for _, tag := range m.Tags {
		for _, word := range rule.Protective(tag) {
			if slices.Contains(p.holds.tags, word) {
				set(&t.Used, "tag "+word, true)
			}
		}
	}
	for id, n := m.Category, 0; id > 0 && n < levels; id, n = at.Above[id], n+1 {
		if slices.Contains(p.holds.categories, id) {
			set(&t.Used, "category "+strconv.FormatInt(id, 10), true)
		}
	}
}

func set[K comparable, V any](all *map[K]V, key K, value V) {
	if *all == nil {
		*all = map[K]V{}
	}
	(*all)[key] = value
}

// Unused tells, once the whole library was counted, which protections of the policy
// protect nothing: ids of the hold list that no asset has, hold tags that no asset
// carries, held categories and keep rules without assets. Any of them may be a
// slip of the pen.
func (p *Policy) Unused(t *Tally, in Inputs) (all []string) {
	var ids []string
	for id := range in.Held {
		if !t.HeldIDs[HeldID(id)] {
			ids = append(ids, string(id))
		}
	}
	if slices.Sort(ids); len(ids) > 0 {
		all = append(all, fmt.Sprintf("%d of %d ids of the hold list are of no asset: %s; correct them, or take them off the list",
			len(ids), len(in.Held), someOf(ids)))
	}
	var tags, categories, keeps []string
	for _, tag := range p.holds.tags {
		if !t.Used["tag "+tag] {
			tags = append(tags, strconv.Quote(tag))
		}
	}
	for _, id := range p.holds.categories {
		if text := strconv.FormatInt(id, 10); !t.Used["category "+text] {
			categories = append(categories, text)
		}
	}
	for i, k := range p.keeps {
		if k.when.program != nil && !t.Used["keep "+strconv.Itoa(i)] {
			keeps = append(keeps, strconv.Quote(k.name))
		}
	}
	for what, names := range map[string][]string{"hold tags that no asset carries: ": tags,
		"held categories without assets: ": categories, "keep rules that select no asset: ": keeps} {
		if len(names) > 0 {
			all = append(all, what+someOf(names))
		}
	}
	slices.Sort(all)
	return all
}

func someOf(names []string) string {
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// builtIn are the holds of the default policy.
var builtIn = sync.OnceValue(func() holds {
	return newHolds([]string{"keep", "hold", "legal-hold", "never-delete"}, nil, "hold-until")
})

// Warnings says what of a policy may surprise its owner. A policy of one's own that
// leaves out holds of the built-in one is as its owner wrote it, so they do not hold, and
// this says so.
func (p *Policy) Warnings() (all []string) {
	if p == nil || p.Duty == Moving { // its file's other policy tells it
		return nil
	}
	all = p.Prices.warnings()
	var missing []string
	for _, tag := range builtIn().tags {
		if !slices.Contains(p.holds.tags, tag) {
			missing = append(missing, strconv.Quote(tag))
		}
	}
	if len(missing) > 0 {
		all = append(all, fmt.Sprintf("holds.tags does not name %s, which hold by the built-in policy: here assets with these tags may go; "+
			"add them to holds.tags if they shall hold", strings.Join(missing, ", ")))
	}
	if p.holds.until != builtIn().until {
		all = append(all, fmt.Sprintf("holds.until is %q: tags that begin with %q, the word of the built-in policy, do not hold here", p.holds.until, builtIn().until))
	}
	return all
}
