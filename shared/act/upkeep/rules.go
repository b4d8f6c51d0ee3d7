package upkeep

import "strings"

// Rule says in words what expires.
type Rule struct {
	Prefixes string `json:"prefixes"`
	Holds    string `json:"holds"`  // what lies there
	Reader   string `json:"reader"` // who reads it
	Stays    string `json:"stays"`  // for how long, or how much of it
}

// Rules are all that expires. What they do not name stays for good.
func Rules() []Rule {
	var all []Rule
	for _, r := range append(rules[:len(rules):len(rules)], lines) {
		all = append(all, Rule{strings.Join(r.prefixes, " "), r.holds, r.reader, r.stays})
	}
	return all
}
