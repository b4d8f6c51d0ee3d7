// Package acs reads the third version of the provider's request signature,
// ACS3-HMAC-SHA256, which VOD, STS and Function Compute share. It is written from the
// description alone, knows no keys, and answers nothing: each service words its refusals.
package acs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What Read refuses a request for. A missing part is a Missing.
var (
	ErrIncomplete = errors.New("the signature does not cover all that it must")
	ErrAlgorithm  = errors.New("another algorithm than ACS3-HMAC-SHA256")
)

// Missing is the name of a common parameter that a request lacks, as version 1 calls it.
type Missing string

func (m Missing) Error() string { return string(m) + " is missing" }

// Signature is what a request says of itself. With a Bearer there is nothing to verify.
type Signature struct {
	Action, Version, KeyID, Token, Bearer, Date, Nonce string
	canonical, given                                   string
}

// Sent says whether a request is in the third version.
func Sent(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "ACS3-") || r.Header.Get("X-Acs-Version") != ""
}

// Read takes a request apart. What it could read is in the result beside an error.
func Read(r *http.Request, body []byte) (Signature, error) {
	h := r.Header
	s := Signature{Action: h.Get("X-Acs-Action"), Version: h.Get("X-Acs-Version"), Token: h.Get("X-Acs-Security-Token"),
		Date: h.Get("X-Acs-Date"), Nonce: h.Get("X-Acs-Signature-Nonce")}
	switch {
	case s.Date == "":
		return s, Missing("Timestamp")
	case s.Nonce == "":
		return s, Missing("SignatureNonce")
	case h.Get("X-Acs-Signature-Type") == "BEARERTOKEN" || r.URL.Query().Get("SignatureType") == "BEARERTOKEN":
		if s.Bearer = h.Get("X-Acs-Bearer-Token"); s.Bearer == "" {
			return s, Missing("BearerToken")
		}
		return s, nil
	case h.Get("Authorization") == "":
		return s, Missing("Authorization")
	}
	auth, ok := strings.CutPrefix(h.Get("Authorization"), "ACS3-HMAC-SHA256 ")
	if !ok {
		return s, ErrAlgorithm
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(auth, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	sum := sha256.Sum256(body)
	payload := h.Get("X-Acs-Content-Sha256")
	s.KeyID, s.given = fields["Credential"], fields["Signature"]
	if s.KeyID == "" || s.given == "" || !covers(h, signed) || !strings.EqualFold(payload, hex.EncodeToString(sum[:])) {
		return s, ErrIncomplete
	}
	s.canonical = canonical(r, signed, payload)
	return s, nil
}

// Verify says whether a secret makes this signature, and which text it was to sign.
func (s Signature) Verify(secret string) (ok bool, text string) {
	sum := sha256.Sum256([]byte(s.canonical))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(sum[:])))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(s.given)), s.canonical
}

// covers says whether everything that has to be signed is.
func covers(h http.Header, signed []string) bool {
	if !slices.Contains(signed, "host") {
		return false
	}
	for name := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-acs-") && !slices.Contains(signed, low) {
			return false
		}
	}
	return true
}

func canonical(r *http.Request, signed []string, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n/" + strings.TrimPrefix(r.URL.EscapedPath(), "/") + "\n")
	q := r.URL.Query()
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(Escape(name) + "=" + Escape(q.Get(name)))
	}
	b.WriteByte('\n')
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + payload)
	return b.String()
}

var rfc3986 = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")

// Escape is RFC 3986's, of everything but its unreserved characters: as each service signs.
func Escape(s string) string { return rfc3986.Replace(url.QueryEscape(s)) }

// ByName orders parameters, NAME or NAME=VALUE, by their names alone: as whole strings
// "a=1" and "a-b" would sort differently.
func ByName(a, b string) int {
	x, _, _ := strings.Cut(a, "=")
	y, _, _ := strings.Cut(b, "=")
	return strings.Compare(x, y)
}
