package fakefc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/acs"
	"vodcurator/shared/localcloud/fakeram"
)

const skew = 15 * time.Minute

// invocationHeaders are what the call reads; another x-fc- header is refused by its name.
var invocationHeaders = strings.Fields("x-fc-invocation-type x-fc-log-type x-fc-account-id x-fc-date x-fc-security-token x-fc-request-id")

// unknown is the first thing in a request that the call does not read. LATEST is the
// only version that there is.
func unknown(r *http.Request) string {
	for name, value := range query(r.URL) {
		if name != "SignatureType" && (name != "qualifier" || value != "LATEST") {
			return name
		}
	}
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-fc-") && !slices.Contains(invocationHeaders, low) {
			return low
		}
	}
	return ""
}

// authorize checks the signature of a call about a function, of version 3.0 or 2.0, and
// what the key may do. code is empty when all is well.
func (s *Server) authorize(r *http.Request, action, function string, body []byte) (code, why string) {
	auth := r.Header.Get("Authorization")
	var k fakeram.Key
	switch {
	case acs.Sent(r):
		k, code, why = s.third(r, body)
	case strings.HasPrefix(auth, "FC "):
		k, code, why = s.second(r, strings.TrimPrefix(auth, "FC "))
	case auth != "":
		return "SignatureNotMatch", "the Authorization header is of no known form"
	case s.opt.Signed:
		return "AccessDenied", "the call is not signed"
	default:
		return "", ""
	}
	if code == "" && !s.opt.Keys.Allowed(k.ID, "fc:"+action, "acs:fc:"+s.opt.Region+":"+s.opt.Account+":functions/"+function) {
		return "AccessDenied", "the key may not call " + action + " of this function"
	}
	return code, why
}

func (s *Server) lookup(id, token string) (k fakeram.Key, code, why string) {
	k, err := s.opt.Keys.Authenticate(id, token)
	switch {
	case errors.Is(err, fakeram.ErrTokenExpired):
		return k, "AccessDenied", "the security token has expired"
	case errors.Is(err, fakeram.ErrTokenWrong):
		return k, "AccessDenied", "the security token does not belong to the access key"
	case err != nil:
		return k, "InvalidAccessKeyID", "the access key does not exist"
	}
	return k, "", ""
}

// off refuses a time that is too far from ours.
func off(at time.Time, err error) (code, why string) {
	if err != nil || time.Since(at).Abs() > skew {
		return "AccessDenied", "the time of the request is missing or more than 15 minutes from the server's"
	}
	return "", ""
}

func (s *Server) third(r *http.Request, body []byte) (k fakeram.Key, code, why string) {
	sig, err := acs.Read(r, body)
	if err != nil {
		return k, "SignatureNotMatch", err.Error()
	}
	if code, why = off(time.Parse("2006-01-02T15:04:05Z", sig.Date)); code != "" {
		return k, code, why
	}
	if sig.Bearer != "" {
		if k, err = s.opt.Keys.Bearer(sig.Bearer); err != nil {
			return k, "AccessDenied", "the bearer token is not valid"
		}
		return k, "", ""
	}
	if k, code, why = s.lookup(sig.KeyID, sig.Token); code != "" {
		return k, code, why
	}
	if ok, text := sig.Verify(k.Secret); !ok {
		return k, "SignatureNotMatch", "the signature does not match; what the server signs is " + text
	}
	return k, "", ""
}

// second is the signature of version 2.0: HMAC-SHA256 over the method, three headers, the
// x-fc- headers and the path, decoded.
func (s *Server) second(r *http.Request, claim string) (k fakeram.Key, code, why string) {
	if code, why = off(http.ParseTime(r.Header.Get("Date"))); code != "" {
		return k, code, why
	}
	id, given, _ := strings.Cut(claim, ":")
	if k, code, why = s.lookup(id, r.Header.Get("X-Fc-Security-Token")); code != "" {
		return k, code, why
	}
	text := r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n" + r.Header.Get("Date") + "\n"
	var names []string
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-fc-") {
			names = append(names, low)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		text += name + ":" + strings.Join(r.Header.Values(name), ",") + "\n"
	}
	text += r.URL.Path
	mac := hmac.New(sha256.New, []byte(k.Secret))
	mac.Write([]byte(text))
	if !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(given)) {
		return k, "SignatureNotMatch", "the signature does not match"
	}
	return k, "", ""
}
