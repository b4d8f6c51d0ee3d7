package doctor

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"vodcurator/shared/account"
)

// grant is one action on one resource, both with * and ? as RAM has them.
type grant struct{ action, resource string }

// covers says that whoever has g has o: a * of o is one that only a * of g stands for.
func (g grant) covers(o grant) bool {
	return match(strings.ToLower(g.action), strings.ToLower(o.action)) && match(g.resource, o.resource)
}

// rightsOf are what a policy lets do and forbids; odd says that it has conditions or
// exceptions, which nobody here weighs.
func rightsOf(document string) (allow, deny []grant, odd bool, err error) {
	var policy struct {
		Statement []struct {
			Effect                            string
			Action, Resource                  texts
			Condition, NotAction, NotResource json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return nil, nil, false, err
	}
	for _, s := range policy.Statement {
		if s.Condition != nil || s.NotAction != nil || s.NotResource != nil {
			odd = true
			continue
		}
		list := &allow
		if s.Effect != "Allow" {
			list = &deny
		}
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				*list = append(*list, grant{action, resource})
			}
		}
	}
	return allow, deny, odd, nil
}

// texts is a list that a policy may also write as one text.
type texts []string

// UnmarshalJSON takes both.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// compareRights says what a role lacks of its duty, and what it may beyond it.
func (p *Patient) compareRights(r Role, duty []byte, have []account.Policy) Finding {
	allow, deny, odd, err := grants(have)
	if err != nil {
		return doubt("write the policy anew from functions/"+r.File, "a policy cannot be read: %v", err)
	}
	need, never, _, err := rightsOf(string(duty))
	if err != nil {
		return doubt("take this program's release anew", "functions/%s: %v", r.File, err)
	}
	lacks, beyond := p.lacking(need, never, allow, deny), p.beyond(need, never, allow, deny)
	slices.Sort(lacks)
	slices.Sort(beyond)
	lacks, beyond = slices.Compact(lacks), slices.Compact(beyond)
	switch {
	case len(lacks) > 0:
		return fault("give it functions/"+r.File, "lacks %s", few(lacks))
	case len(beyond) > 0:
		return doubt("if nobody else needs it, narrow it to functions/"+r.File, "may more than its duty: %s", few(beyond))
	case odd:
		return doubt("look at its conditions yourself", "has conditions or exceptions, which were not weighed")
	}
	return ok("has functions/%s and no more", r.File)
}

// lacking are the actions of a duty that are not allowed, or denied where the duty is not.
func (p *Patient) lacking(need, never, allow, deny []grant) (lacks []string) {
	for _, n := range need {
		mine := p.here(n)
		withheld := slices.ContainsFunc(deny, func(d grant) bool {
			return d.covers(mine) || (n.covers(d) || mine.covers(d)) && !p.anyCovers(never, d)
		})
		if withheld || !slices.ContainsFunc(allow, func(g grant) bool { return g.covers(mine) }) {
			lacks = append(lacks, n.action)
		}
	}
	return lacks
}

// beyond are the actions that are allowed and no part of a duty, or else those that it denies
// and nobody does.
func (p *Patient) beyond(need, never, allow, deny []grant) (beyond []string) {
	for _, g := range allow {
		if !p.anyCovers(need, g) {
			beyond = append(beyond, g.action)
		}
	}
	if len(beyond) > 0 {
		return beyond
	}
	for _, n := range never {
		mine := p.here(n)
		covers := func(g grant) bool { return g.covers(mine) }
		if !slices.ContainsFunc(deny, covers) && slices.ContainsFunc(allow, covers) {
			beyond = append(beyond, n.action+" below "+path.Base(strings.TrimSuffix(n.resource, "/*"))+"/")
		}
	}
	return beyond
}

// anyCovers says that one of the grants of a file covers g, as it stands or for this account.
func (p *Patient) anyCovers(file []grant, g grant) bool {
	return slices.ContainsFunc(file, func(n grant) bool { return n.covers(g) || p.here(n).covers(g) })
}

func grants(have []account.Policy) (allow, deny []grant, odd bool, err error) {
	for _, policy := range have {
		a, d, o, err := rightsOf(policy.Document)
		if err != nil {
			return nil, nil, false, fmt.Errorf("%s: %w", policy.Name, err)
		}
		allow, deny, odd = append(allow, a...), append(deny, d...), odd || o
	}
	return allow, deny, odd, nil
}

// here is a right of a policy's file for this account: its region, queues and bucket stand in
// the places of the stars, so that a narrower policy of the account is enough.
func (p *Patient) here(g grant) grant {
	scope := p.App.Scope
	service, rest, _ := strings.Cut(strings.TrimPrefix(g.resource, "acs:"), ":*:*:")
	switch {
	case g.resource == "*":
		kind, _, _ := strings.Cut(g.action, ":")
		g.resource = "acs:" + kind + ":" + scope.Region + ":" + scope.Account + ":*"
	case service == "oss":
		g.resource = "acs:oss:oss-" + scope.Region + ":" + scope.Account + ":" + p.inBucket(rest)
	case service == "mns":
		g.resource = "acs:mns:" + scope.Region + ":" + scope.Account + ":" + p.ourQueue(rest)
	}
	return g
}

// inBucket is a path of a policy's file in the bucket of STATE.
func (p *Patient) inBucket(path string) string {
	place, isBucket := strings.CutPrefix(p.App.Config.State, "oss://")
	if !isBucket {
		return path
	}
	bucket, prefix, _ := strings.Cut(strings.TrimSuffix(place, "/"), "/")
	if prefix != "" {
		prefix += "/"
	}
	path = strings.Replace(path, "vodcurator-*/v1/", bucket+"/"+prefix, 1)
	return strings.Replace(path, "vodcurator-*", bucket, 1)
}

// ourQueue is a path of a policy's file with the names that the queues have here.
func (p *Patient) ourQueue(path string) string {
	for i, name := range []string{"vodcurator-notices", "vodcurator-metadata", "vodcurator-bulk", "vodcurator-dead"} {
		if is := p.Queues()[i].Name; is != name {
			path = strings.Replace(path, name, is, 1)
		}
	}
	return path
}

// match says whether a pattern with * and ? fits a text.
func match(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && text[t] != '*' && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
