package fakeoss

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // signature V1 is defined with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/acs"
	"vodcurator/shared/localcloud/fakeram"
)

// skew is how far the client's clock may be off.
const skew = 15 * time.Minute

// authenticate finds the key of a request and checks its signature, V1 or V4, in
// the header or in the query.
func (s *Server) authenticate(r *http.Request, t target) (fakeram.Key, *fault) {
	header := r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, "OSS4-HMAC-SHA256 "):
		return s.v4(r, t, header)
	case t.query.Get("x-oss-signature-version") == "OSS4-HMAC-SHA256":
		return s.v4(r, t, "")
	case strings.HasPrefix(header, "OSS "):
		return s.v1(r, t, header)
	case t.query.Get("OSSAccessKeyId") != "":
		return s.v1(r, t, "")
	case strings.HasPrefix(header, "OSS2 ") || t.query.Get("x-oss-signature-version") == "OSS2":
		return fakeram.Key{}, notImplemented(r, "signature version 2")
	case t.query.Has("x-oss-signature-version"):
		return fakeram.Key{}, mismatch
	case header != "":
		return fakeram.Key{}, refuse(400, "InvalidArgument", "The Authorization header is invalid.")
	}
	return fakeram.Key{}, refuse(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
}

func (s *Server) lookup(id, token string) (fakeram.Key, *fault) {
	k, err := s.opt.Keys.Authenticate(id, token)
	switch {
	case err == nil:
		return k, nil
	case token != "" && strings.Contains(err.Error(), "expired"):
		return fakeram.Key{}, refuse(403, "SecurityTokenExpired", "The security token you provided has expired.")
	case token != "":
		return fakeram.Key{}, refuse(403, "InvalidSecurityToken", "The security token you provided is invalid.")
	}
	return fakeram.Key{}, refuse(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
}

var (
	skewed   = refuse(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	expired  = refuse(403, "AccessDenied", "Request has expired.")
	mismatch = refuse(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
)

// signedV1 are the query parameters that are part of what V1 signs, beside those that start with x-oss-.
var signedV1 = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`acl uploads location cors logging website referer lifecycle delete append tagging
		objectMeta uploadId partNumber security-token position img style styleName replication replicationProgress
		replicationLocation cname bucketInfo comp qos live status vod startTime endTime symlink x-oss-process
		response-content-type response-content-language response-expires response-cache-control
		response-content-disposition response-content-encoding udf udfName udfImage udfId udfImageDesc udfApplication
		udfApplicationLog restore callback callback-var policy stat encryption versions versioning versionId requestPayment
		sequential continuation-token regionList cloudboxes`) {
		signedV1[name] = true
	}
}

func (s *Server) v1(r *http.Request, t target, header string) (fakeram.Key, *fault) {
	var id, given, token string
	var dates []string // that may stand in the text that is signed
	if header != "" {
		id, given, _ = strings.Cut(strings.TrimPrefix(header, "OSS "), ":")
		token = r.Header.Get("X-Oss-Security-Token")
		// A client that sends x-oss-date signs it in the place of Date, or leaves that place
		// to Date, which it may not send.
		dates = append(dates, r.Header.Get("Date"))
		if x := r.Header.Get("X-Oss-Date"); x != "" {
			dates = []string{x, dates[0]}
		}
		at, ok := moment(dates[0])
		if !ok {
			return fakeram.Key{}, refuse(403, "AccessDenied", "OSS authentication requires a valid Date.")
		}
		if time.Since(at).Abs() > skew {
			return fakeram.Key{}, skewed
		}
	} else {
		expires := t.query.Get("Expires")
		id, given, dates, token = t.query.Get("OSSAccessKeyId"), t.query.Get("Signature"), []string{expires}, t.query.Get("security-token")
		until, err := strconv.ParseInt(expires, 10, 64)
		if err != nil {
			return fakeram.Key{}, refuse(403, "AccessDenied", "Invalid date (should be seconds since epoch): "+expires)
		}
		if time.Now().Unix() > until {
			return fakeram.Key{}, expired
		}
	}
	k, refused := s.lookup(id, token)
	if refused != nil {
		return k, refused
	}
	for _, date := range dates {
		for _, all := range []bool{false, true} {
			h := hmac.New(sha1.New, []byte(k.Secret))
			h.Write([]byte(textV1(r, t, date, all)))
			if hmac.Equal([]byte(base64.StdEncoding.EncodeToString(h.Sum(nil))), []byte(given)) {
				return k, nil
			}
		}
	}
	return fakeram.Key{}, mismatch
}

// moment reads a date in either of the forms that clients send.
func moment(text string) (time.Time, bool) {
	if at, err := http.ParseTime(text); err == nil {
		return at, true
	}
	at, err := time.Parse(isoBasic, text)
	return at, err == nil
}

const isoBasic = "20060102T150405Z"

// textV1 is what V1 signs. all takes every parameter for a sub-resource: clients know
// newer ones than the list.
func textV1(r *http.Request, t target, date string, all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n", r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), date)
	for _, name := range headers(r, func(name string) bool { return strings.HasPrefix(name, "x-oss-") }) {
		fmt.Fprintf(&b, "%s:%s\n", name, joined(r, name))
	}
	b.WriteString(t.resource())
	var sub []string
	for name, values := range t.query {
		if signedV1[name] || strings.HasPrefix(name, "x-oss-") || all && !slices.Contains([]string{"OSSAccessKeyId", "Expires", "Signature"}, name) {
			if values[0] != "" {
				name += "=" + values[0]
			}
			sub = append(sub, name)
		}
	}
	slices.Sort(sub)
	if len(sub) > 0 {
		b.WriteString("?" + strings.Join(sub, "&"))
	}
	return b.String()
}

// claimV4 is what a request signed by V4 says of its signature, in the header or the query.
type claimV4 struct{ credential, given, extra, date, token string }

func readV4(r *http.Request, t target, header string) claimV4 {
	if header == "" {
		q := t.query
		return claimV4{q.Get("x-oss-credential"), q.Get("x-oss-signature"), q.Get("x-oss-additional-headers"), q.Get("x-oss-date"), q.Get("x-oss-security-token")}
	}
	said := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(header, "OSS4-HMAC-SHA256 "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		said[name] = value
	}
	return claimV4{said["Credential"], said["Signature"], said["AdditionalHeaders"], cmp.Or(r.Header.Get("X-Oss-Date"), r.Header.Get("Date")), r.Header.Get("X-Oss-Security-Token")}
}

// inTime checks the moment of signing: an address in the query says how long it holds.
func inTime(t target, header string, at time.Time) *fault {
	if header != "" {
		if time.Since(at).Abs() > skew {
			return skewed
		}
		return nil
	}
	seconds, err := strconv.ParseInt(t.query.Get("x-oss-expires"), 10, 64)
	if err != nil || seconds < 1 || seconds > 604800 {
		return refuse(400, "AuthorizationQueryParametersError", "Invalid x-oss-expires.")
	}
	if time.Until(at) > skew || time.Since(at) > time.Duration(seconds)*time.Second {
		return expired
	}
	return nil
}

func (s *Server) v4(r *http.Request, t target, header string) (fakeram.Key, *fault) {
	claim := readV4(r, t, header)
	scope := strings.Split(claim.credential, "/")
	at, ok := moment(claim.date)
	if len(scope) != 5 || !ok || scope[1] != at.UTC().Format("20060102") || scope[3] != "oss" || scope[4] != "aliyun_v4_request" {
		return fakeram.Key{}, refuse(400, "InvalidArgument", "The Authorization header is invalid.")
	}
	if s.opt.Region != "" && scope[2] != s.opt.Region {
		return fakeram.Key{}, refuse(400, "InvalidArgument", "Invalid signing region in Authorization header.")
	}
	if refused := inTime(t, header, at); refused != nil {
		return fakeram.Key{}, refused
	}
	k, refused := s.lookup(scope[0], claim.token)
	if refused != nil {
		return k, refused
	}

	sum := sha256.Sum256([]byte(canonicalV4(r, t, claim.extra)))
	// A client without x-oss-date signs its Date as it stands.
	for _, date := range []string{claim.date, at.UTC().Format(isoBasic)} {
		text := "OSS4-HMAC-SHA256\n" + date + "\n" + strings.Join(scope[1:], "/") + "\n" + hex.EncodeToString(sum[:])
		mac := []byte("aliyun_v4" + k.Secret)
		for _, part := range append(slices.Clone(scope[1:]), text) {
			h := hmac.New(sha256.New, mac)
			h.Write([]byte(part))
			mac = h.Sum(nil)
		}
		if hmac.Equal([]byte(hex.EncodeToString(mac)), []byte(claim.given)) {
			return k, nil
		}
	}
	return fakeram.Key{}, mismatch
}

// resource is what is signed of a request's target, whichever style it has.
func (t target) resource() string {
	if t.bucket == "" {
		return "/"
	}
	return "/" + t.bucket + "/" + t.key
}

// canonicalV4 is the request as V4 signs it.
func canonicalV4(r *http.Request, t target, extra string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, escape(t.resource()), canonicalQuery(r.URL.RawQuery))
	also := strings.Split(extra, ";")
	for _, name := range headers(r, func(name string) bool {
		return strings.HasPrefix(name, "x-oss-") || name == "content-type" || name == "content-md5" || slices.Contains(also, name)
	}) {
		fmt.Fprintf(&b, "%s:%s\n", name, joined(r, name))
	}
	fmt.Fprintf(&b, "\n%s\n%s", extra, cmp.Or(r.Header.Get("X-Oss-Content-Sha256"), "UNSIGNED-PAYLOAD"))
	return b.String()
}

// canonicalQuery sorts the parameters, without the signature itself. Clients escape fewer
// letters on the way than they sign, so each is escaped anew.
func canonicalQuery(raw string) string {
	again := func(s string) string {
		if plain, err := url.QueryUnescape(s); err == nil {
			s = plain
		}
		return strings.ReplaceAll(escape(s), "/", "%2F")
	}
	var params []string
	for p := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(p, "=")
		if name == "" || name == "x-oss-signature" {
			continue
		}
		if name = again(name); value != "" {
			name += "=" + again(value)
		}
		params = append(params, name)
	}
	slices.SortFunc(params, acs.ByName)
	return strings.Join(params, "&")
}

// headers returns the lower-case names of the wanted headers, sorted.
func headers(r *http.Request, want func(string) bool) []string {
	var names []string
	for name := range r.Header {
		if low := strings.ToLower(name); want(low) {
			names = append(names, low)
		}
	}
	if want("host") { // net/http keeps it elsewhere
		names = append(names, "host")
	}
	slices.Sort(names)
	return names
}

func joined(r *http.Request, name string) string {
	if name == "host" {
		return r.Host
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	return strings.Join(values, ",")
}

func escape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c == '/' || c == '-' || c == '.' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
