package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// holds are what beats every rule.
type holds struct {
	tags       []string // compared without regard to case
	categories []int64
	until      string // start of a tag that ends in a date; compared without regard to case
}

// held says why the media may not be touched; empty: nothing holds it.
func (h holds) held(m video.Media, at Moment) string {
	if note, listed := at.Held[m.ID]; listed {
		return strings.TrimRight("on the hold list: "+note, ": ")
	}
	if reason := h.within(m.Category, at.Above); reason != "" {
		return reason
	}
	for _, tag := range m.Tags {
		for _, hold := range h.tags {
			if strings.EqualFold(strings.TrimSpace(tag), hold) {
				return fmt.Sprintf("tag %q holds", tag)
			}
		}
		if reason := h.dated(tag, at.Now); reason != "" {
			return reason
		}
	}
	return ""
}

// levels is more than a tree of categories can have, so a walk upwards ends.
const levels = 16

// within says whether the category or one above it is held. One whose way to the top
// is not known may be.
func (h holds) within(id int64, above map[int64]int64) string {
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

// HoldsCategories says that the holds need the tree of categories (Moment.Above).
func (p *Policy) HoldsCategories() bool { return p != nil && len(p.holds.categories) > 0 }

// Above is the tree of categories as a Moment wants it.
func Above(all []video.Category) map[int64]int64 {
	above := make(map[int64]int64, len(all))
	for _, c := range all {
		above[c.ID] = c.Parent
	}
	return above
}

// dated reads a tag such as hold-until:2026-12-31. The day counts to its end
// everywhere on earth; a date that cannot be read holds for good.
func (h holds) dated(tag string, now time.Time) string {
	tag = strings.TrimSpace(tag)
	if h.until == "" || len(tag) < len(h.until) || !strings.EqualFold(tag[:len(h.until)], h.until) {
		return ""
	}
	date := strings.TrimLeft(tag[len(h.until):], ":=_- \uff1a") // the wide colon of CJK keyboards too
	day, err := time.Parse(time.DateOnly, strings.NewReplacer("/", "-", ".", "-").Replace(date))
	if err != nil {
		return fmt.Sprintf("tag %q has no date of the form 2026-12-31, so it holds", tag)
	}
	if end := day.AddDate(0, 0, 1).Add(12 * time.Hour); now.Before(end) {
		return fmt.Sprintf("tag %q holds", tag)
	}
	return ""
}

// ParseHolds reads a hold list: one id on a line, then, after a blank, a note.
// Empty lines and lines that start with # say nothing. Every other line must
// start with an id, or the list as a whole is unreadable.
func ParseHolds(body []byte) (map[video.ID]string, error) {
	held := map[video.ID]string{}
	for i, line := range strings.Split(string(body), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, note, _ := strings.Cut(line, " ")
		if err := (video.Change{ID: video.ID(id)}).Check(); err != nil {
			return nil, fmt.Errorf("hold list, line %d: %w", i+1, err)
		}
		held[video.ID(id)] = strings.TrimSpace(note)
	}
	return held, nil
}

// Held says why the policy's holds forbid to touch the media; empty: they do not.
// It is for removals that no rule asked for; Judge asks the holds by itself.
func (p *Policy) Held(m video.Media, at Moment) string { return p.holds.held(m, at) }
