// Package fakeram is the local cloud's table of access keys: who may call, with
// which secret and token, until when, and what a RAM policy lets them do. It also
// answers what STS GetCallerIdentity says of a key.
//
// Every fake of the local cloud asks it; it speaks no protocol itself. Tokens expire
// by the real clock, as signatures do: the library's clock has no say here.
//
// Emulated: static keys, role credentials (id, secret, token, expiry), session policies,
// bearer tokens (which are the tokens of role credentials here), policies of
// Allow and Deny statements over actions and resources with * and ?. Refused, so that
// a policy never seems to grant less or more than it does: conditions, NotAction,
// NotResource, principals. Never: users, groups, password logins, trust policies.
package fakeram

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Key is one access key. Its zero Policy and Expires mean: may do all, for ever.
type Key struct {
	ID     string
	Secret string
	// Token is the security token that must accompany the key; empty for a key that is not from STS.
	Token   string
	Account string
	// Role is the name of the role that was assumed; empty for the account's own keys.
	Role   string
	Policy *Policy
	// Session is the policy that the caller of AssumeRole gave: the key may do what both
	// policies allow.
	Session *Policy
	// Apps are the VOD applications whose media the key may see; nil: all.
	Apps    []string
	Expires time.Time
}

// String shows the id alone, so that no log can show a secret.
func (k Key) String() string { return "key " + k.ID }

// GoString is String: %#v shows no secret either.
func (k Key) GoString() string { return k.String() }

// What Authenticate refuses a key for.
var (
	ErrUnknownKey   = errors.New("access key is not known")
	ErrTokenExpired = errors.New("security token has expired")
	ErrTokenWrong   = errors.New("security token does not belong to the access key")
)

// Keys is the table. Its zero value is empty and ready; it is safe for concurrent use.
type Keys struct {
	mu    sync.RWMutex
	byID  map[string]Key
	roles map[string]*Policy
	apps  map[string][]string

	trust     map[string]string  // who may take a role on, as it was written
	documents map[string]*Policy // policies that were created by name
	attached  map[string]string  // their names, by role
}

// New returns a table with these keys.
func New(keys ...Key) *Keys {
	t := &Keys{}
	for _, k := range keys {
		t.Add(k)
	}
	return t
}

// Add puts a key in, in place of the one with its id.
func (t *Keys) Add(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = map[string]Key{}
	}
	t.byID[k.ID] = k
}

// Remove takes a key out; an unknown id is nothing to do.
func (t *Keys) Remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, id)
}

// Lookup returns the key with this id, expired or not.
func (t *Keys) Lookup(id string) (Key, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	k, ok := t.byID[id]
	return k, ok
}

// SetRole gives a role the policy that credentials minted for it from now on carry.
// Nil takes it away: such credentials may do all.
func (t *Keys) SetRole(role string, p *Policy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.roles == nil {
		t.roles = map[string]*Policy{}
	}
	t.roles[role] = p
}

// SetApps limits credentials minted for a role from now on to these VOD
// applications; none lifts the limit.
func (t *Keys) SetApps(role string, apps ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.apps == nil {
		t.apps = map[string][]string{}
	}
	t.apps[role] = apps
}

// Mint makes fresh role credentials, as STS AssumeRole does, adds and returns them.
// Credentials that expired an hour ago or longer leave the table on the way.
func (t *Keys) Mint(role, account string, ttl time.Duration) Key {
	t.mu.RLock()
	policy := t.roles[role]
	t.mu.RUnlock()
	return t.MintWith(role, account, ttl, policy)
}

// Assume is Mint for a role that SetRole knows, with a session policy on top; false for
// another role.
func (t *Keys) Assume(role, account string, ttl time.Duration, session *Policy) (Key, bool) {
	t.mu.RLock()
	policy, known := t.roles[role]
	t.mu.RUnlock()
	if !known {
		return Key{}, false
	}
	k := t.MintWith(role, account, ttl, policy)
	k.Session = session
	t.Add(k)
	return k, true
}

// MintWith is Mint with a policy of its own, for credentials that are narrower than their role.
func (t *Keys) MintWith(role, account string, ttl time.Duration, policy *Policy) Key {
	now := time.Now()
	k := Key{
		ID: "STS." + word(18), Secret: word(30), Token: "CAIS" + word(90),
		Account: account, Role: role, Policy: policy, Expires: now.Add(ttl),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k.Apps = t.apps[role]
	if t.byID == nil {
		t.byID = map[string]Key{}
	}
	if len(t.byID) >= 1000 { // long runs mint for every invocation
		for id, old := range t.byID {
			if !old.Expires.IsZero() && now.Sub(old.Expires) > time.Hour {
				delete(t.byID, id)
			}
		}
	}
	t.byID[k.ID] = k
	return k
}

// word is n random bytes in letters that need no escaping in any of the protocols.
func word(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Authenticate finds the key of a request that brought this id and token. The
// caller checks the signature with its secret afterwards.
func (t *Keys) Authenticate(id, token string) (Key, error) {
	k, ok := t.Lookup(id)
	switch {
	case !ok:
		return Key{}, ErrUnknownKey
	case !hmac.Equal([]byte(k.Token), []byte(token)):
		return Key{}, ErrTokenWrong
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		return Key{}, ErrTokenExpired
	}
	return k, nil
}

// Bearer finds the role credentials whose token a request bears in place of a
// signature.
func (t *Keys) Bearer(token string) (Key, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, k := range t.byID {
		if k.Token == "" || !hmac.Equal([]byte(k.Token), []byte(token)) {
			continue
		}
		if !k.Expires.IsZero() && !time.Now().Before(k.Expires) {
			return Key{}, ErrTokenExpired
		}
		return k, nil
	}
	return Key{}, ErrTokenWrong
}

// Allowed says whether the key may do this action ("vod:DeleteVideo") on this
// resource. An unknown key may do nothing, a key without a policy everything.
func (t *Keys) Allowed(id, action, resource string) bool {
	k, ok := t.Lookup(id)
	return ok && k.Policy.Allows(action, resource) && k.Session.Allows(action, resource)
}

// Identity is what STS GetCallerIdentity answers. RoleID is set for roles, UserID for the rest.
type Identity struct {
	AccountID    string `json:"AccountId"`
	UserID       string `json:"UserId,omitempty"`
	RoleID       string `json:"RoleId,omitempty"`
	ARN          string `json:"Arn"`
	IdentityType string `json:"IdentityType"`
	PrincipalID  string `json:"PrincipalId"`
}

// Identity says whose key this is; false when it is not known.
func (t *Keys) Identity(id string) (Identity, bool) {
	k, ok := t.Lookup(id)
	if !ok {
		return Identity{}, false
	}
	if k.Role == "" {
		return Identity{AccountID: k.Account, UserID: k.Account, IdentityType: "Account",
			ARN: fmt.Sprintf("acs:ram::%s:root", k.Account), PrincipalID: k.Account}, true
	}
	sum := sha256.Sum256([]byte(k.Account + "/" + k.Role))
	role := "3" + strings.Map(func(r rune) rune { return '0' + r%10 }, hex.EncodeToString(sum[:])[:17])
	return Identity{AccountID: k.Account, RoleID: role, IdentityType: "AssumedRoleUser",
		ARN: fmt.Sprintf("acs:ram::%s:assumed-role/%s/local", k.Account, k.Role), PrincipalID: role + ":local"}, true
}
