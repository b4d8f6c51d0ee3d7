package fakemns

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // version 1 is defined with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/acs"
	"vodcurator/shared/localcloud/fakeram"
)

const v4 = "MNS4-HMAC-SHA256"

// claim is what an Authorization header says.
type claim struct {
	id, signature string
	scope         []string // version 4: day, region, mns, aliyun_v4_request
}

func readClaim(auth string) (claim, bool) {
	word, rest, _ := strings.Cut(auth, " ")
	if word == "MNS" {
		id, signature, ok := strings.Cut(rest, ":")
		return claim{id: id, signature: signature}, ok && id != "" && signature != ""
	}
	var c claim
	for part := range strings.SplitSeq(rest, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "Credential":
			all := strings.Split(value, "/")
			c.id, c.scope = all[0], all[1:]
		case "Signature":
			c.signature = value
		}
	}
	return c, word == v4 && c.id != "" && c.signature != "" && len(c.scope) == 4 && c.scope[2] == "mns" && c.scope[3] == "aliyun_v4_request"
}

// dateOf is when a request was signed, as it is written and as it is meant.
func (s *Server) dateOf(r *http.Request) (date string, at time.Time, err error) {
	if date = cmp.Or(r.Header.Get("x-mns-date"), r.Header.Get("Date")); date == "" {
		return "", at, refuse(400, "MissingDateHeader", "Date header is required.")
	}
	if at, err = http.ParseTime(date); err != nil {
		return "", at, refuse(400, "InvalidDateHeader", "The Date header format is invalid.")
	}
	if time.Since(at).Abs() > skew {
		status := 408
		if s.opt.Doubts.ExpiredIs400 {
			status = 400
		}
		return "", at, refuse(status, "TimeExpired", "The http request you sent is expired.")
	}
	return date, at, nil
}

func (s *Server) authenticate(r *http.Request, raw string) (fakeram.Key, error) {
	var none fakeram.Key
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return none, refuse(400, "MissingAuthorizationHeader", "Authorization header is required.")
	}
	c, ok := readClaim(auth)
	if !ok {
		return none, refuse(400, "InvalidAuthorizationHeader", "The Authorization header format is invalid.")
	}
	date, at, err := s.dateOf(r)
	if err != nil {
		return none, err
	}
	if r.Header.Get("x-mns-version") == "" {
		return none, refuse(400, "MissingVersionHeader", "Version header is required.")
	}
	key, err := s.opt.Keys.Authenticate(c.id, r.Header.Get("security-token"))
	if err != nil {
		return fakeram.Key{ID: c.id}, refuse(403, "InvalidAccessKeyId", "The AccessKey Id you provided is not exist.")
	}
	if owner, _, ok := strings.Cut(r.Host, ".mns."); (ok && owner != s.opt.Account) || (key.Account != "" && key.Account != s.opt.Account) {
		return key, errDenied
	}
	var good bool
	if c.scope != nil {
		good = c.scope[1] == s.opt.Region && signedV4(r, raw, at.UTC(), c, key.Secret)
	} else {
		good = signed(r, raw, date, key.Secret, c.signature)
	}
	if !good {
		return key, refuse(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	return key, nil
}

// signed tries the target as it came, without its prefix, and with its path
// decoded: clients differ in which of these they sign.
func signed(r *http.Request, raw, date, secret, signature string) bool {
	head := fmt.Sprintf("%s\n%s\n%s\n%s\n%s", r.Method, r.Header.Get("Content-MD5"), r.Header.Get("Content-Type"), date, headerLines(r))
	candidates := []string{raw}
	path, query := split(raw)
	join := func(path string) string {
		if strings.Contains(raw, "?") {
			return path + "?" + query
		}
		return path
	}
	candidates = append(candidates, join(path))
	if decoded, err := url.PathUnescape(path); err == nil {
		candidates = append(candidates, join(decoded))
	}
	for _, c := range candidates {
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(head + c))
		if hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(signature)) {
			return true
		}
	}
	return false
}

// headerLines are the x-mns- headers and these, sorted.
func headerLines(r *http.Request, also ...string) string {
	var names []string
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-mns-") || slices.Contains(also, low) {
			names = append(names, low)
		}
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		if also != nil {
			value = strings.TrimSpace(value)
		}
		fmt.Fprintf(&out, "%s:%s\n", name, value)
	}
	return out.String()
}

// signedV4 checks version 4. The time that it signs is not in the request: the Date
// header was written a moment before or after, so a second either way is tried.
func signedV4(r *http.Request, raw string, at time.Time, c claim, secret string) bool {
	path, query := split(raw)
	plain, err := url.PathUnescape(path)
	if err != nil {
		return false
	}
	var params []string
	for item := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(item, "=")
		name, err := url.PathUnescape(name)
		plain, err2 := url.PathUnescape(value)
		if name == "" || err != nil || err2 != nil {
			continue
		}
		name = acs.Escape(strings.ToLower(strings.TrimSpace(name)))
		if plain = strings.TrimSpace(plain); plain != "" {
			name += "=" + acs.Escape(plain)
		}
		params = append(params, name)
	}
	slices.SortFunc(params, acs.ByName)
	request := r.Method + "\n" + strings.ReplaceAll(acs.Escape(plain), "%2F", "/") + "\n" + strings.Join(params, "&") + "\n" + headerLines(r, "content-type", "content-md5") + "\n"
	for _, off := range []time.Duration{0, time.Second, -time.Second} {
		stamp := at.Add(off).Format("20060102T150405Z")
		if stamp[:8] != c.scope[0] {
			continue
		}
		mac := []byte("aliyun_v4" + secret)
		for _, part := range append(slices.Clone(c.scope), v4+"\n"+stamp+"\n"+strings.Join(c.scope, "/")+"\n"+request) {
			h := hmac.New(sha256.New, mac)
			h.Write([]byte(part))
			mac = h.Sum(nil)
		}
		if hmac.Equal([]byte(hex.EncodeToString(mac)), []byte(c.signature)) {
			return true
		}
	}
	return false
}
