package editing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Key names a media: videos and audio share calls, images have their own.
type Key struct {
	ID    video.ID
	Image bool
}

// KeyOf is the media that a change is about.
func KeyOf(c video.Change) Key { return Key{c.ID, c.Kind == video.KindImage} }

// Stamp puts changes in order: by the moment they were issued, and those of one
// moment by a digest of what they say, so that everybody settles a tie alike and
// the same change delivered twice is known by it.
type Stamp struct {
	At  time.Time `json:"at,omitzero"`
	Tie string    `json:"tie"`
}

// StampOf is the place in the order of a change that Check accepts.
func StampOf(c video.Change) Stamp {
	at := c.IssuedAt.UTC()
	c.IssuedAt, c.IfUnmodifiedSince = time.Time{}, c.IfUnmodifiedSince.UTC()
	c.Asked = video.Asked{} // whoever asks for it, it is the same change
	text, err := json.Marshal(c)
	if err != nil { // a moment beyond the year 9999: Check refuses it, and nothing is put in order by it
		text = []byte(string(c.ID) + err.Error())
	}
	sum := sha256.Sum256(text)
	return Stamp{at, hex.EncodeToString(sum[:8])}
}

// Compare is negative when s comes before t.
func (s Stamp) Compare(t Stamp) int { return cmp.Or(s.At.Compare(t.At), cmp.Compare(s.Tie, t.Tie)) }

// later is the later of the two.
func (s Stamp) later(t Stamp) Stamp {
	if s.Compare(t) > 0 {
		return s
	}
	return t
}

// Mark remembers the latest change that was accepted for one part of a media.
// Open says that its write is not known to have succeeded: the same change,
// delivered again, is then still to be done, and otherwise it was taken already.
// Was is then the latest change before it that is known to be written.
// Sum is a digest of the value, by which another writer's change is noticed; for
// tags the mark "list" has it.
type Mark struct {
	Stamp
	Open bool   `json:"open,omitempty"`
	Was  Stamp  `json:"was,omitzero"`
	Sum  string `json:"sum,omitempty"`
}

// written is the latest change that is known to be written.
func (m Mark) written() Stamp {
	if m.Open {
		return m.Was
	}
	return m.Stamp
}

// Sum is the digest of a part's value: that of the whole list for "tags", whatever
// its order, and none for a single tag. A cover is taken without the signature that
// the library adds.
func Sum(v Value, field string) string {
	var text string
	switch field {
	case "title":
		text = v.Title
	case "description":
		text = v.Description
	case "category":
		text = strconv.FormatInt(v.Category, 10)
	case "cover":
		text, _, _ = strings.Cut(v.Cover, "?")
	case wholeList, listSum:
		text = strings.Join(slices.Sorted(slices.Values(v.Tags)), ",")
	default:
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// SumAll is the digest of everything that can be edited.
func SumAll(v Value) string {
	sum := sha256.New()
	for _, part := range []string{"title", "description", "category", "cover", wholeList} {
		sum.Write([]byte(Sum(v, part)))
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}

// OfUpdate is what an update leaves in the parts that it names.
func OfUpdate(u video.Update) (v Value, parts []string) {
	set(&v.Title, u.Title)
	set(&v.Description, u.Description)
	set(&v.Category, u.Category)
	set(&v.Cover, u.Cover)
	set(&v.Tags, u.Tags)
	for name, is := range map[string]bool{
		"title": u.Title != nil, "description": u.Description != nil,
		"category": u.Category != nil, "cover": u.Cover != nil, wholeList: u.Tags != nil,
	} {
		if is {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts)
	return v, parts
}

// Marks are the watermarks of one media, by part: "title", "description",
// "category", "cover", "tags" for the last replacement of the whole list, "tag:x"
// for the last word on the tag x that is newer than it, and "list" for the latest
// change that had to do with tags, whichever these were: it only carries the digest.
type Marks map[string]Mark

const (
	wholeList = "tags"
	oneTag    = "tag:"
	listSum   = "list"
)

// of is the mark that counts for a part: for a tag the later of its own and
// that of the whole list.
func (m Marks) of(field string) Mark {
	mark := m[field]
	if strings.HasPrefix(field, oneTag) {
		if list := m[wholeList]; mark.Compare(list.Stamp) < 0 {
			return list
		}
	}
	return mark
}

// Merge returns the marks after news: of each part the later one, and of equal
// ones the new one. Marks of single tags go with a later one of the whole list, once
// that is known to be written. Merging in any order and more than once gives the same.
// Neither argument is touched.
func (m Marks) Merge(news Marks) Marks {
	out := maps.Clone(m)
	if out == nil {
		out = Marks{}
	}
	out.put(news)
	out.tidy()
	return out
}

// put takes news in: of each part the later one, and of equal ones the new one.
func (m Marks) put(news Marks) {
	for field, mark := range news {
		if have, ok := m[field]; !ok || mark.Compare(have.Stamp) >= 0 {
			m[field] = mark
		}
	}
}

// tidy drops the marks of single tags that a later one of the whole list, known to be
// written, stands for.
func (m Marks) tidy() {
	if list, ok := m[wholeList]; ok && !list.Open {
		maps.DeleteFunc(m, func(field string, mark Mark) bool {
			return strings.HasPrefix(field, oneTag) && mark.Compare(list.Stamp) <= 0
		})
	}
}

// move is Merge in place, at the cost of the news where these do not have the whole list.
func (m Marks) move(news Marks) {
	m.put(news)
	if _, ok := news[wholeList]; ok {
		m.tidy()
	}
}

// takeBack undoes in place the open mark that a change left for a part.
func (m Marks) takeBack(field string, s Stamp) {
	mark, ok := m[field]
	switch {
	case !ok || mark.Stamp != s:
	case mark.Was == Stamp{}:
		delete(m, field)
	default:
		m[field] = Mark{Stamp: mark.Was}
		m.tidy()
	}
}

// Settle returns the marks with those in done closed, unless a later change has
// taken their place.
func (m Marks) Settle(done Marks) Marks {
	out := maps.Clone(m)
	for field, mark := range done {
		if have, ok := out[field]; ok && have.Stamp == mark.Stamp {
			have.Open, have.Was = false, Stamp{}
			out[field] = have
		}
	}
	return out.Merge(nil)
}

// Without returns the marks with those in void taken back to what they were before,
// unless a later change has taken their place.
func (m Marks) Without(void, was Marks) Marks {
	of := func(field string, mark Mark) bool {
		other, ok := void[field]
		return ok && other.Stamp == mark.Stamp
	}
	rest, before := maps.Clone(m), maps.Clone(was)
	maps.DeleteFunc(rest, of)
	for field, mark := range before {
		if of(field, mark) { // it was tried before, in vain as well
			before[field] = Mark{Stamp: mark.Was}
		}
	}
	maps.DeleteFunc(before, func(_ string, mark Mark) bool { return mark.Stamp == Stamp{} })
	return before.Merge(rest)
}

// OfTags says that a part is about tags, not about a field.
func OfTags(field string) bool {
	return field == wholeList || field == listSum || strings.HasPrefix(field, oneTag)
}
