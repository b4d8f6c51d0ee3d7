package tagging

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Memory is what is remembered of one asset, beside what the library holds of it. The
// zero Memory remembers nothing. Its tags are composed, as rules write them; a tag with
// its letters and marks apart is the same, but written by people.
type Memory struct {
	// Given are the tags that rules have added and that are theirs still. Nothing else is
	// ever taken back.
	Given map[string]Gift `json:"given,omitempty"`
	// Declined are the tags that people took away after a rule had given them, with the
	// digest of the rules that did; empty: these are not known yet.
	Declined map[string]string `json:"declined,omitempty"`
	// Met are tags of people that rules want as well, with the digest of these rules: once
	// people take such a tag away, it is declined.
	Met map[string]string `json:"met,omitempty"`
	// Told is a digest of what could not be done and was said, so that it is said once.
	Told string `json:"told,omitempty"`
	// Labels says that the labels of smart tagging could not be read and are still wanted.
	Labels bool `json:"labels,omitempty"`
	// Wrote is when tags were last written on the rules' behalf.
	Wrote time.Time `json:"wrote,omitzero"`
}

// Gift is who gave a tag, as a digest of the rules that make it, and when; zero: not known.
type Gift struct {
	By string
	At time.Time
}

// MarshalText writes the digest and the second, to be short: there is one for each tag.
func (g Gift) MarshalText() ([]byte, error) {
	if g.At.IsZero() {
		return []byte(g.By), nil
	}
	return fmt.Appendf(nil, "%s@%d", g.By, g.At.Unix()), nil
}

// UnmarshalText reads what MarshalText writes.
func (g *Gift) UnmarshalText(text []byte) error {
	by, at, dated := strings.Cut(string(text), "@")
	if !dated {
		*g = Gift{By: by}
		return nil
	}
	second, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a gift, as digest@second", text)
	}
	*g = Gift{by, time.Unix(second, 0).UTC()}
	return nil
}

// IsZero leaves a memory that remembers nothing out of JSON.
func (m Memory) IsZero() bool {
	return len(m.Given)+len(m.Declined)+len(m.Met) == 0 && m.Told == "" && !m.Labels
}

// maxDeclined bounds what people's removals make us remember of one asset.
const maxDeclined = 64

func (m Memory) clone() Memory {
	m.Given, m.Declined, m.Met = maps.Clone(m.Given), maps.Clone(m.Declined), maps.Clone(m.Met)
	if m.Given == nil {
		m.Given = map[string]Gift{}
	}
	if m.Declined == nil {
		m.Declined = map[string]string{}
	}
	if m.Met == nil {
		m.Met = map[string]string{}
	}
	return m
}

// Equal says that two memories remember the same, whenever it was written.
func (m Memory) Equal(n Memory) bool {
	return m.Told == n.Told && m.Labels == n.Labels && maps.Equal(m.Declined, n.Declined) && maps.Equal(m.Met, n.Met) &&
		maps.EqualFunc(m.Given, n.Given, func(a, b Gift) bool { return a.By == b.By && a.At.Unix() == b.At.Unix() })
}

// decline notes that people took a tag away.
func (m *Memory) decline(tag string) {
	tag = rule.Compose(tag)
	if len(m.Declined) < maxDeclined {
		m.Declined[tag] = cmp.Or(m.Given[tag].By, m.Met[tag])
	}
	delete(m.Given, tag)
	delete(m.Met, tag)
}

// Heard is the memory after people's own changes: a tag that they add is theirs, and
// one that they remove is declined.
func (m Memory) Heard(changes []video.Change) Memory {
	if len(changes) == 0 {
		return m
	}
	m = m.clone()
	theirs := func(tag string) {
		tag = rule.Compose(tag)
		delete(m.Given, tag)
		delete(m.Declined, tag)
	}
	for _, c := range changes {
		if c.Tags.Set != nil {
			for _, tag := range slices.Concat(slices.Collect(maps.Keys(m.Given)), slices.Collect(maps.Keys(m.Met))) {
				if indexOf(*c.Tags.Set, tag) < 0 {
					m.decline(tag)
				}
			}
			for _, tag := range *c.Tags.Set {
				theirs(tag)
			}
		}
		for _, tag := range c.Tags.Remove {
			m.decline(tag)
		}
		for _, tag := range c.Tags.Add {
			theirs(tag)
		}
	}
	return m
}

// Seen is the memory after a look at the tags that are there: what a rule gave and is
// gone was taken away by people, and what they took away and is there again is theirs.
// unsure is what counts if a write has succeeded of which that is not known: what it
// gave counts where it is there, and says nothing where it is not.
func (m Memory) Seen(tags []string, unsure *Memory) Memory {
	next := m.clone()
	for tag := range m.Given {
		taken := unsure != nil && !given(*unsure, tag) // perhaps by that write
		switch {
		case slices.Contains(tags, tag):
		case indexOf(tags, tag) >= 0: // people write it with its letters and marks apart
			delete(next.Given, tag)
		default:
			if next.decline(tag); taken {
				delete(next.Declined, tag)
			}
		}
	}
	for tag := range m.Met {
		if indexOf(tags, tag) < 0 {
			next.decline(tag)
		}
	}
	for tag := range m.Declined {
		if indexOf(tags, tag) >= 0 {
			delete(next.Declined, tag)
		}
	}
	if unsure != nil {
		for tag, gift := range unsure.Given {
			if _, ok := m.Given[tag]; !ok && slices.Contains(tags, tag) {
				next.Given[tag] = gift
			}
		}
	}
	return next
}

func given(m Memory, tag string) bool {
	_, ok := m.Given[tag]
	return ok
}

// Reach says how far rules may go.
type Reach string

// The reaches: everything, or only what adds.
const (
	Whole   Reach = "write"
	OnlyAdd Reach = "add"
)

// DecideFor is Decide for an asset of which it is remembered what rules gave it and
// what people took away. It returns what is to be remembered once the change is written;
// now is the moment of that.
func (r *Rules) DecideFor(f *rule.Facts, m Memory, reach Reach, now time.Time) (Decision, Memory) {
	o := owner{r, &m, reach == OnlyAdd}
	d := r.check(f, o)
	if d.Locked != "" {
		return d, m
	}
	next := d.remember(m, f, o, now)
	next.Told = d.fault()
	return d, next
}

// remember is the memory once a decision is carried out.
func (d *Decision) remember(m Memory, f *rule.Facts, o owner, now time.Time) Memory {
	m = m.clone()
	for _, tag := range d.Change.Tags.Remove {
		delete(m.Given, tag)
	}
	for tag, by := range m.Declined {
		if now := o.by(tag); by == "" && o.owned(tag) {
			m.Declined[tag] = now
		}
	}
	for _, tag := range d.Change.Tags.Add {
		m.Given[tag] = Gift{o.by(tag), now}
		delete(m.Declined, tag)
	}
	for tag, gift := range m.Given { // it is the work of these rules now
		if slices.Contains(f.Tags, tag) && o.owned(tag) {
			m.Given[tag] = Gift{o.by(tag), gift.At}
		}
	}
	clear(m.Met)
	for _, tag := range d.wanted {
		if _, ours := m.Given[tag]; !ours && indexOf(f.Tags, tag) >= 0 && len(m.Met) < video.MaxTags {
			m.Met[tag] = o.by(tag)
		}
	}
	return m
}

// fault is a digest of what could not be done, empty if there is nothing.
func (d *Decision) fault() string {
	if len(d.Dropped)+len(d.Faults) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(append(slices.Clone(d.Dropped), d.Faults...), "\n")))
	return hex.EncodeToString(sum[:6])
}
