package tagging

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
)

// Explanation tells for one media what every rule made of it, and whose each tag is.
type Explanation struct {
	Decision Decision   `json:"decision"`
	Rules    []RuleView `json:"rules"`
	Tags     []TagView  `json:"tags,omitempty"`
}

// RuleView is what became of one rule: matched, no, waiting, error, or not
// reached because a rule before it stops or the media is locked.
type RuleView struct {
	Name   string      `json:"name"`
	Result string      `json:"result"`
	Parts  []rule.Part `json:"parts,omitempty"`
}

// TagView is one tag the media has or gets: what becomes of it (stays, added,
// removed, or declined by people), and who owns it: rules by name, "retired", "people", or
// "unknown" where rules can produce it and nothing is remembered of who did.
type TagView struct {
	Tag   string   `json:"tag"`
	Fate  string   `json:"fate"`
	Owner []string `json:"owner"`
	Why   string   `json:"why,omitempty"`
	// Since is when a rule gave it; zero: not known, or no rule did.
	Since time.Time `json:"since,omitzero"`
}

// Explain decides and tells how it came to that. The conditions are shown with the
// facts as the rules saw them, without the tags that the rules own.
func (r *Rules) Explain(f *rule.Facts) Explanation { return r.explain(f, owner{r, nil, false}) }

// ExplainFor is Explain for an asset of which it is remembered what rules gave it.
func (r *Rules) ExplainFor(f *rule.Facts, m Memory, reach Reach) Explanation {
	return r.explain(f, owner{r, &m, reach == OnlyAdd})
}

func (r *Rules) explain(f *rule.Facts, o owner) Explanation {
	e := Explanation{Decision: r.check(f, o)}
	view := *f
	view.Tags = slices.DeleteFunc(slices.Clone(f.Tags), func(tag string) bool { return o.ours(tag) || r.isRetired(tag) && !o.add })
	people := len(view.Tags)
	for i := range r.rules {
		c := &r.rules[i]
		v := c.view(&view, e.Decision)
		e.Rules = append(e.Rules, v)
		if v.Result != ruleMatched {
			continue
		}
		pass := pass{people: people, apart: apart(view.Tags), owner: o}
		pass.apply(i, c, f, &view)
		if c.stop {
			for _, rest := range r.rules[i+1:] {
				e.Rules = append(e.Rules, RuleView{Name: rest.name, Result: ruleNotReached})
			}
			break
		}
	}
	for _, tag := range f.Tags {
		e.Tags = append(e.Tags, o.tagView(tag, "stays", e.Decision))
	}
	for _, tag := range e.Decision.Change.Tags.Add {
		e.Tags = append(e.Tags, o.tagView(tag, "added", e.Decision))
	}
	if o.memory != nil {
		for _, tag := range slices.Sorted(maps.Keys(o.memory.Declined)) {
			e.Tags = append(e.Tags, TagView{Tag: tag, Fate: "declined", Owner: []string{"people"}, Why: "people took it away; it comes back when the rules that give it change"})
		}
	}
	return e
}

// What a RuleView may have as its result, beside no and an error.
const (
	ruleMatched    = "matched"
	ruleWaiting    = "waiting"
	ruleNotReached = "not reached"
)

// view is how the rule came to what was decided, on the facts as it saw them.
func (c *compiled) view(f *rule.Facts, d Decision) RuleView {
	v := RuleView{Name: c.name, Result: "no", Parts: c.when.Explain(f)}
	switch {
	case d.Locked != "":
		v.Result, v.Parts = ruleNotReached, nil
	case slices.Contains(d.Matched, c.name):
		v.Result = ruleMatched
	case slices.Contains(d.Waiting, c.name):
		v.Result = ruleWaiting
		if i := slices.IndexFunc(v.Parts, func(part rule.Part) bool { return strings.HasPrefix(part.Result, "error") }); i >= 0 {
			v.Result = v.Parts[i].Result
		}
	}
	return v
}

// unknownOwner is the owner of a tag of which nobody knows whose it is.
const unknownOwner = "unknown"

func (o owner) tagView(tag, fate string, d Decision) TagView {
	v := TagView{Tag: tag, Fate: fate, Owner: o.Owners(tag)}
	if o.memory != nil && fate == "stays" {
		o.remembered(&v)
	}
	switch {
	case len(v.Owner) > 0:
	case o.isRetired(tag):
		v.Owner = []string{"retired"}
	default:
		v.Owner = []string{"people"}
	}
	for _, reason := range d.Reasons {
		if reason.Field == "tags" && reason.Value == tag {
			v.Why = reason.Why
			if reason.Act == "remove" {
				v.Fate = "removed"
			}
		}
	}
	if v.Why == "" && fate == "stays" {
		v.Why = fmt.Sprintf("belongs to %s", v.Owner[0])
	}
	return v
}

// remembered says whose a tag is by what is remembered of it.
func (o owner) remembered(v *TagView) {
	gift, given := o.memory.Given[v.Tag]
	_, met := o.memory.Met[rule.Compose(v.Tag)]
	switch {
	case given && len(v.Owner) == 0:
		v.Owner, v.Since = []string{"a rule that is gone"}, gift.At
	case given:
		v.Since = gift.At
	case len(v.Owner) > 0 && !met:
		v.Owner, v.Why = []string{unknownOwner}, "who gave it is not remembered: it counts as a tag of people"
	default:
		v.Owner = nil
	}
}
