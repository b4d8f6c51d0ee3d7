package video

import (
	"errors"
	"fmt"
)

// Scope is the part of the cloud that plans, approvals and messages are of. Two of the
// same scope speak of the same library.
type Scope struct {
	Region  string `json:"region"`
	Account string `json:"account"`
	App     string `json:"app,omitempty"` // one VOD application; empty: all of the account's
}

// Check refuses a scope that does not say which account's library it is.
func (s Scope) Check() error {
	if s.Region == "" || s.Account == "" {
		return errors.New("region and account are required: a plan is of one account")
	}
	return nil
}

// String names the scope in a sentence.
func (s Scope) String() string {
	text := "account " + s.Account + " in " + s.Region
	if s.App != "" {
		text += fmt.Sprintf(", application %q", s.App)
	}
	return text
}

// Takes says that something of another scope is of this one too: it is the same, and an
// account that is not named is any.
func (s Scope) Takes(other Scope) bool {
	if s.Account == "" {
		s.Account = other.Account
	}
	return s == other
}

// Differs says where this scope is not the other one, in the words of "it is of … and this
// is …"; empty: they are the same.
func (s Scope) Differs(other Scope) string {
	switch {
	case s.Region != other.Region:
		return fmt.Sprintf("it is of region %s, this is %s", s.Region, other.Region)
	case s.Account != other.Account:
		return fmt.Sprintf("it is of account %s, this is %s", s.Account, other.Account)
	case s.App != other.App:
		return fmt.Sprintf("it is of application %q, this is %q", s.App, other.App)
	}
	return ""
}
