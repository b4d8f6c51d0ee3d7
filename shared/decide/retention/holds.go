package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// holds are what beats every rule. Words are folded (rule.Fold).
type holds struct {
	tags       []string
	heads      rule.Heads // the same
	categories []int64
	until      string // start of a tag that ends in a date
	untilLoose string
	untilHead  rule.Heads
}

// newHolds folds the protective words of a policy.
func newHolds(tags []string, categories []int64, until string) holds {
	h := holds{categories: categories, until: rule.Fold(until)}
	for _, tag := range tags {
		h.tags = append(h.tags, rule.Protective(tag)...)
	}
	h.untilLoose = loose.Replace(h.until)
	h.heads, h.untilHead = rule.HeadsOf(h.tags), rule.HeadsOf([]string{h.until})
	return h
}

// held says why the asset may not be touched: Held when a hold covers it, Doubt when one
// may. An empty reason: nothing holds it.
func (h holds) held(m video.Media, at Inputs) (why Why, reason string) {
	if note, listed := at.listed(m.ID); listed {
		return Held, strings.TrimRight("on the hold list: "+note, ": ")
	}
	if reason := h.within(m.Category, at.Above); reason != "" {
		return Held, reason
	}
	for _, tag := range m.Tags {
		for _, word := range rule.Protective(tag) {
			if slices.Contains(h.tags, word) {
				return Held, fmt.Sprintf("tag %q holds", tag)
			}
			if reason := h.dated(tag, word, at.Now); reason != "" {
				return Held, reason
			}
		}
	}
	for _, tag := range m.Tags {
		for _, word := range rule.Protective(tag) {
			if hold := h.resembles(word, at.Now); hold != "" {
				return Doubt, fmt.Sprintf("tag %q looks like the hold %q, so it may hold; write it exactly, or take it off", tag, hold)
			}
		}
	}
	return "", ""
}

func (at Inputs) listed(id video.ID) (note string, listed bool) {
	if note, listed = at.Held[id]; !listed {
		note, listed = at.Held[HeldID(id)]
	}
	return note, listed
}

// levels is more than a tree of categories can have, so a walk upwards ends.
const levels = 16

// within says whether the category or one above it is held. One whose way to the top
// is not known may be, and so may every asset when a held category is not in the tree:
// who deletes a category leaves its assets without one.
func (h holds) within(id int64, above map[int64]int64) string {
	for _, held := range h.categories {
		if _, known := above[held]; !known {
			return fmt.Sprintf("held category %d is not in the tree of categories, so nobody can tell what it holds", held)
		}
	}
	if len(h.categories) == 0 || id <= 0 {
		return ""
	}
	for at, n := id, 0; n < levels; n++ {
		if slices.Contains(h.categories, at) {
			if at != id {
				return fmt.Sprintf("category %d is below %d, which is held", id, at)
			}
			return fmt.Sprintf("category %d is held", id)
		}
		parent, known := above[at]
		if !known {
			break
		}
		if parent <= 0 {
			return ""
		}
		at = parent
	}
	return fmt.Sprintf("category %d is not in the tree of categories, so it may be held", id)
}

// HoldsCategories says that the holds need the tree of categories (Inputs.Above).
func (p *Policy) HoldsCategories() bool { return p != nil && len(p.holds.categories) > 0 }

// Above is the tree of categories as Inputs want it.
func Above(all []video.Category) map[int64]int64 {
	above := make(map[int64]int64, len(all))
	for _, c := range all {
		above[c.ID] = c.Parent
	}
	return above
}

// joints may stand between the word and the date of a dated hold.
const joints = ":=_-. "

// dated reads a folded word such as hold-until:2026-12-31. The day counts to its end
// everywhere on earth; a date that cannot be read holds for good.
func (h holds) dated(tag, word string, now time.Time) string {
	date, ok := strings.CutPrefix(word, h.until)
	if h.until == "" || !ok {
		return ""
	}
	switch end, readable := endOf(date); {
	case !readable:
		return fmt.Sprintf("tag %q has no date of the form 2026-12-31, so it holds", tag)
	case now.Before(end):
		return fmt.Sprintf("tag %q holds", tag)
	}
	return ""
}

// endOf is the moment at which the day of a folded date is over everywhere on earth.
func endOf(date string) (end time.Time, readable bool) {
	date = strings.Trim(date, joints)
	for _, layout := range []string{time.DateOnly, "2006/01/02", "2006.01.02", "20060102"} {
		if day, err := time.Parse(layout, date); err == nil {
			return day.AddDate(0, 0, 1).Add(12 * time.Hour), true
		}
	}
	return time.Time{}, false
}

// loose drops what people forget or change when they type a hold.
var loose = strings.NewReplacer("-", "", "_", "", " ", "", ".", "", ":", "", "=", "")

// resembles gives the hold that a folded word looks like without being it, or begins with;
// empty: none. A dated hold that is over by its date is none however it is spelled.
func (h holds) resembles(word string, now time.Time) string {
	if like, over := h.resemblesUntil(strings.Trim(word, signs), now); over {
		return ""
	} else if like {
		return h.until
	}
	return h.heads.Of(word)
}

// signs are what people put around a tag.
const signs = "#\"'`“”‘’«»()[]{}<>!?*@"

// resemblesUntil says that a folded word looks like a dated hold, and that it is over.
func (h holds) resemblesUntil(word string, now time.Time) (like, over bool) {
	if h.until == "" {
		return false, false
	}
	head, date := word, ""
	if rest, exact := strings.CutPrefix(word, h.until); exact {
		head, date = h.until, rest
	} else if i := strings.IndexAny(word, ":=0123456789"); i >= 0 {
		head, date = word[:i], word[i:]
	}
	if head != h.until && !strings.HasPrefix(loose.Replace(word), h.untilLoose) && h.untilHead.Of(head) == "" {
		return false, false
	}
	end, readable := endOf(date)
	return true, readable && !now.Before(end)
}

// Held says why the policy's holds forbid to touch the asset, or may forbid it; empty:
// they do not. It is for removals that no rule asked for; Judge asks the holds by itself.
func (p *Policy) Held(m video.Media, at Inputs) string {
	if fact := disputed(m); fact != "" {
		return fact
	}
	_, reason := p.holds.held(m, at)
	return reason
}

// HoldsTag says why a tag holds its asset at a moment, or may; empty: it does not.
func (p *Policy) HoldsTag(tag string, now time.Time) string {
	byTags := p.holds
	byTags.categories = nil
	_, reason := byTags.held(video.Media{Video: video.Video{Tags: []string{tag}}}, Inputs{Now: now})
	return reason
}

// disputed says that what holds are read from is told in two ways, or by one answer
// of the library only.
func disputed(m video.Media) string {
	for _, fact := range protectiveFacts {
		if slices.Contains(m.Doubts, fact) {
			return fact + " unknown: two answers of the library tell it differently"
		}
	}
	return ""
}

var protectiveFacts = []string{"tags", "category"}
