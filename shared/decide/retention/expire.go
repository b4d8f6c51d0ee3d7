package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// expires is the name of the rule that expire makes. No other rule of such a policy has it.
const expires = "expires"

type expireDoc struct {
	Tag string `yaml:"tag"`
}

// expire makes the rule of assets whose tag names their last day, such as
// expires:2026-12-31. It comes before all others: a day that somebody wrote on the asset
// itself is the best reason to give.
func (b builder) expire(doc *expireDoc, h holds) []*removal {
	if doc == nil {
		return nil
	}
	const path, hint = "$.expire.tag", "expire: {tag: expires} reads tags such as expires:2026-12-31"
	sample := doc.Tag + ":2026-12-31"
	h.categories = nil
	switch _, hold := h.held(video.Media{Video: video.Video{Tags: []string{sample}}}, Inputs{}); {
	case doc.Tag == "":
		b.f.Add(path, "the word is missing that such tags begin with", hint)
	case tagFault(sample) != nil:
		b.f.Add(path, fmt.Sprintf("no asset can carry a tag such as %q: %v", sample, tagFault(sample)), hint)
	case !slices.Equal(rule.Protective(doc.Tag), []string{strings.ToLower(doc.Tag)}) || strings.Contains(doc.Tag, ":"):
		b.f.Add(path, "not one plain word", hint)
	case hold != "":
		b.f.Add(path, fmt.Sprintf("such tags are holds, and nothing would ever expire: %s", hold), "take another word")
	}
	return []*removal{{name: expires, expires: doc.Tag, video: true}}
}

// Expiry is what the tags of an asset say of its last day.
type Expiry struct {
	Word    string    // that its tags begin with
	Tag     string    // the exact tag that counts: the one of the latest day; empty: none
	End     time.Time // when that day has ended everywhere on earth
	Earlier []string  // exact tags of earlier days
	Odd     []string  // tags that look like one and are not exact, so nobody knows what they mean
}

// Exact are all tags of the exact form.
func (e Expiry) Exact() []string {
	if e.Tag == "" {
		return nil
	}
	return append([]string{e.Tag}, e.Earlier...)
}

// Expiry reads tags as the policy's expire says; false: the policy has none, and no tag
// means anything.
func (p *Policy) Expiry(tags []string) (Expiry, bool) {
	if p == nil {
		return Expiry{}, false
	}
	for _, r := range p.rules {
		if r.expires != "" {
			return expiryOf(r.expires, tags), true
		}
	}
	return Expiry{}, false
}

func expiryOf(word string, tags []string) Expiry {
	e := Expiry{Word: word}
	folded := rule.Fold(word)
	for _, tag := range tags {
		switch end, exact := lastDay(word, tag); {
		case exact && (e.Tag == "" || end.After(e.End)):
			e.Earlier = e.Exact()
			e.Tag, e.End = tag, end
		case exact:
			e.Earlier = append(e.Earlier, tag)
		case slices.ContainsFunc(rule.Protective(tag), func(w string) bool { return resemblesExpiry(w, folded) }):
			e.Odd = append(e.Odd, tag)
		}
	}
	return e
}

// lastDay reads a tag of the exact form WORD:2026-12-31.
func lastDay(word, tag string) (end time.Time, exact bool) {
	date, ok := strings.CutPrefix(tag, word+":")
	if _, err := time.Parse(time.DateOnly, date); !ok || err != nil {
		return time.Time{}, false
	}
	return endOf(date)
}

// resemblesExpiry says that a folded word begins as expiries do, or nearly so.
func resemblesExpiry(tag, word string) bool {
	if rest, ok := strings.CutPrefix(tag, word); ok {
		next := []rune(rest + ":")[0]
		return !unicode.IsLetter(next)
	}
	head, _, _ := strings.Cut(tag, ":")
	if i := strings.IndexAny(head, "=0123456789"); i >= 0 {
		head = head[:i]
	}
	head = strings.Trim(head, joints)
	return loose.Replace(head) == loose.Replace(word) || rule.Near(head, word)
}

// expire adds the asset when its last day is over, or says why it stays. Whatever is not
// exact keeps: another spelling, a day that is none, a day before the upload.
func (r *removal) expire(c *facts, v *Verdict) {
	doubt := func(missing []string, format string, args ...any) {
		c.doubt(v, Keep{Rule: r.name, Reason: fmt.Sprintf(format, args...)}, missing...)
	}
	e := expiryOf(r.expires, c.m.Tags)
	said := "its tag " + e.Tag
	if len(e.Earlier) > 0 {
		said += ", the latest day of " + strings.Join(e.Exact(), ", ")
	}
	switch {
	case slices.Contains(c.m.Doubts, "tags"):
		doubt([]string{"tags"}, "%s", cmp.Or(disputed(c.m), "tags unknown"))
	case len(e.Odd) > 0:
		doubt(nil, "tag %q looks like %s:2026-12-31 and is none, so nobody can tell its last day; write it exactly, or take it off", e.Odd[0], e.Word)
	case e.Tag == "":
	case e.End.Before(firstTime):
		doubt(nil, "%s names a day that cannot be meant", said)
	case isTold(c.m.Created, c.at.Now) && !c.m.Created.Before(e.End):
		doubt(nil, "%s names a day before its upload on %s", said, c.m.Created.UTC().Format(time.DateOnly))
	case c.at.Now.Before(e.End):
		k := Keep{ID: v.ID, Rule: r.name, Why: Young, Due: e.End, Reason: fmt.Sprintf("%s; it may go from %s", said, e.End.Format(time.RFC3339))}
		if e.End.Year() > 9999 { // which no JSON holds
			k.Due, k.Reason = time.Time{}, said
		}
		v.Keeps = append(v.Keeps, k)
	case Changing(c.m.StorageClass):
		doubt(nil, "its storage class is being changed")
	default:
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Whole, Bytes: Size(c.m), Rule: r.name, Reason: said})
	}
}
