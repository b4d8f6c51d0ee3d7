package tagging

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Memory is what is remembered of one asset, beside what the library holds of it. The
// zero Memory remembers nothing.
type Memory struct {
	// Given are the tags that rules have added and that are theirs still. Nothing else is
	// ever taken back.
	Given map[string]Gift `json:"given,omitempty"`
	// Declined are the tags that people took away after a rule had given them, with the
	// digest of the rules that did; empty: these are not known yet.
	Declined map[string]string `json:"declined,omitempty"`
	// Told is a digest of what could not be done and was said, so that it is said once.
	Told string `json:"told,omitempty"`
	// Labels says that the labels of smart tagging could not be read and are still wanted.
	Labels bool `json:"labels,omitempty"`
}

// Gift is who gave a tag, as a digest of the rules that make it, and when.
type Gift struct {
	By string
	At time.Time
}

// MarshalText writes the digest and the second, to be short: there is one for each tag.
func (g Gift) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s@%d", g.By, g.At.Unix()), nil
}

// UnmarshalText reads what MarshalText writes.
func (g *Gift) UnmarshalText(text []byte) error {
	by, at, ok := strings.Cut(string(text), "@")
	second, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return fmt.Errorf("%q is not a gift, as digest@second", text)
	}
	*g = Gift{by, time.Unix(second, 0).UTC()}
	return nil
}

// IsZero leaves a memory that remembers nothing out of JSON.
func (m Memory) IsZero() bool {
	return len(m.Given) == 0 && len(m.Declined) == 0 && m.Told == "" && !m.Labels
}
