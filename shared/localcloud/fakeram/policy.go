package fakeram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Policy is a RAM policy document.
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement allows or denies actions on resources. Both may hold * (any run of
// characters) and ? (one character).
type Statement struct {
	Effect   string
	Action   Strings
	Resource Strings
}

// Strings is a list that the document may also write as one string.
type Strings []string

// UnmarshalJSON takes a string or a list of strings.
func (s *Strings) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*s = Strings{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(raw, &many)
	*s = many
	return err
}

// ParsePolicy reads a policy document. What this package does not emulate
// (conditions, NotAction, …) is an error rather than a silent grant.
func ParsePolicy(raw []byte) (*Policy, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	p := &Policy{}
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("policy: more than one document")
	}
	for i, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return nil, fmt.Errorf("policy: statement %d: Effect is %q, not Allow or Deny", i+1, s.Effect)
		}
		if len(s.Action) == 0 || len(s.Resource) == 0 {
			return nil, fmt.Errorf("policy: statement %d: Action and Resource are both needed", i+1)
		}
	}
	return p, nil
}

// Allows says whether the policy grants the action: some statement allows it and
// none denies it. A nil policy grants everything.
func (p *Policy) Allows(action, resource string) bool {
	if p == nil {
		return true
	}
	allowed := false
	for _, s := range p.Statement {
		if !s.Action.match(action) || !s.Resource.match(resource) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s Strings) match(value string) bool {
	for _, pattern := range s {
		if match(pattern, value) {
			return true
		}
	}
	return false
}

// match goes back only to the last *, so that no pattern takes more than |pattern|·|value| steps.
func match(pattern, value string) bool {
	p, v, star, from := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, v
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == value[v]):
			p++
			v++
		case star >= 0:
			from++
			p, v = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
