package fakevod

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // signature v1 is defined with it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
)

const (
	apiVersion = "2017-03-21"
	stsVersion = "2015-04-01"
	wireTime   = "2006-01-02T15:04:05Z"
	clockSkew  = 15 * time.Minute
	maxBody    = 8 << 20
)

// call is one request that has passed the gateway.
type call struct {
	op  string
	q   url.Values
	key fakeram.Key
	now time.Time // the library's
	// stale: a fault wants this read answered from an older index.
	stale bool
}

// operation is one row of the API.
type operation struct {
	rate float64 // documented calls per second and account; 0: none known
	run  func(*Server, *call) (any, *fault)
	of   string // the parameter that names the media, for the log
}

// gate is what the gateway remembers: used nonces and the rates.
type gate struct {
	mu      sync.Mutex
	nonces  [2]map[string]bool // this quarter of an hour and the one before … twice the window
	turn    time.Time
	buckets map[string]*bucket
}

// bucket is a token bucket that holds one second's worth.
type bucket struct {
	tokens float64
	at     time.Time
}

func (g *gate) admit(op string, rate float64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.buckets == nil {
		g.buckets = map[string]*bucket{}
	}
	now := time.Now()
	b := g.buckets[op]
	if b == nil {
		b = &bucket{tokens: rate, at: now}
		g.buckets[op] = b
	}
	b.tokens = min(rate, b.tokens+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// fresh notes a nonce and says whether it was new. A nonce is remembered for as
// long as a timestamp can hold on both sides of the clock.
func (g *gate) fresh(nonce string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); g.nonces[0] == nil || now.Sub(g.turn) > 2*clockSkew {
		g.nonces[0], g.nonces[1], g.turn = map[string]bool{}, g.nonces[0], now
	}
	if g.nonces[0][nonce] || g.nonces[1][nonce] {
		return false
	}
	g.nonces[0][nonce] = true
	return true
}

// ServeHTTP answers one RPC call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	q, refused := params(r)
	op := q.Get("Action")
	c := &call{op: op, q: q, now: s.opt.Now().UTC()}
	var row operation
	if refused == nil {
		row, refused = s.enter(r, c)
	}
	var body any
	var f calls.Fault
	note := calls.Call{At: time.Now(), Op: op, KeyID: c.key.ID}
	if row.of != "" {
		note.Detail = clip(q.Get(row.of), 200)
	}
	if refused == nil {
		f = s.opt.Fault.For(op, c.key.ID, note.Detail)
		if f.Delay > 0 {
			s.pause(r.Context(), f.Delay)
		}
		c.stale = f.Stale
		if !f.Spoils() || f.After {
			body, refused = row.run(s, c)
		}
		if f.Spoils() {
			refused = refuse(f.Status, f.Code, f.Message)
		}
	}
	if refused == nil {
		note.Status = http.StatusOK
		s.log.Add(note)
		s.answer(w, id, body)
		return
	}
	note.Status, note.Code = refused.status, refused.code
	s.log.Add(note)
	if f.Reset {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	s.refuse(w, r, q, id, refused)
}

func (s *Server) answer(w http.ResponseWriter, id string, body any) {
	var out []byte
	switch to := body.(type) {
	case *searchReply:
		out = to.text(id)
	case reply:
		to["RequestId"] = id
		out = plainJSON(to)
	}
	if s.opt.StringNumbers {
		out = quoteNumbers(out)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("x-acs-request-id", id)
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // the client is gone: nothing to tell it
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, q url.Values, id string, f *fault) {
	host := r.Host
	if strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "localhost") {
		host = "vod." + s.opt.Region + ".aliyuncs.com"
	}
	w.Header().Set("x-acs-request-id", id)
	if strings.EqualFold(q.Get("Format"), "XML") {
		w.Header().Set("Content-Type", "text/xml;charset=utf-8")
		w.WriteHeader(f.status)
		_, _ = fmt.Fprintf(w, "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>%s</RequestId><HostId>%s</HostId><Code>%s</Code><Message>%s</Message></Error>",
			id, escapeXML(host), escapeXML(f.code), escapeXML(f.message))
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(f.status)
	_, _ = w.Write(marshal(map[string]string{"RequestId": id, "HostId": host, "Code": f.code, "Message": f.message}))
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escapeXML(s string) string { return xmlEscaper.Replace(strings.ToValidUTF8(s, "?")) }

// plainJSON keeps < > & as they are, as the service does.
func plainJSON(v any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // only our own types come here
		panic(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// params merges query and form; the form wins, as in the string that is signed.
func params(r *http.Request) (url.Values, *fault) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return url.Values{}, refuse(400, "UnsupportedHTTPMethod", "This http method is not supported.")
	}
	bad := refuse(400, "InvalidParameter", "The specified parameter is not valid.")
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, bad
	}
	if r.Method == http.MethodPost {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil || len(body) > maxBody {
			return q, bad
		}
		if kind == "application/x-www-form-urlencoded" && len(body) > 0 {
			form, err := url.ParseQuery(string(body))
			if err != nil {
				return q, bad
			}
			for name, values := range form {
				q[name] = values
			}
		}
	}
	return q, nil
}

// enter is the gateway: its checks in the order of vod-api.md 1.5.
func (s *Server) enter(r *http.Request, c *call) (operation, *fault) {
	missing := func(name string) *fault { return refuse(400, "Missing"+name, name+" is mandatory for this action.") }
	invalid := func(name string) *fault {
		return refuse(400, "Invalid"+name, "Specified parameter "+name+" is not valid.")
	}
	for _, name := range []string{"Action", "Version"} {
		if c.q.Get(name) == "" {
			return operation{}, missing(name)
		}
	}
	row, known := operations[c.op]
	if sts := c.op == "GetCallerIdentity"; !known || c.q.Get("Version") != map[bool]string{true: stsVersion, false: apiVersion}[sts] {
		return operation{}, refuse(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
	}
	for _, name := range []string{"AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp", "Signature"} {
		if c.q.Get(name) == "" {
			return row, missing(name)
		}
	}
	if f := c.q.Get("Format"); f != "" && !strings.EqualFold(f, "JSON") {
		return row, invalid("Format") // XML answers are not emulated
	}
	if c.q.Get("SignatureMethod") != "HMAC-SHA1" {
		return row, invalid("SignatureMethod")
	}
	if c.q.Get("SignatureVersion") != "1.0" {
		return row, invalid("SignatureVersion")
	}
	at, err := time.Parse(wireTime, c.q.Get("Timestamp"))
	if err != nil {
		return row, refuse(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	if time.Since(at).Abs() > clockSkew {
		return row, refuse(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	id, token := c.q.Get("AccessKeyId"), c.q.Get("SecurityToken")
	k, err := s.opt.Keys.Authenticate(id, token)
	switch {
	case errors.Is(err, fakeram.ErrTokenExpired):
		return row, refuse(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	case errors.Is(err, fakeram.ErrTokenWrong) && token != "":
		return row, refuse(400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	case err != nil:
		return row, refuse(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	c.key = k
	text := stringToSign(r.Method, c.q)
	h := hmac.New(sha1.New, []byte(k.Secret+"&"))
	h.Write(text)
	if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); !hmac.Equal([]byte(want), []byte(c.q.Get("Signature"))) {
		return row, refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:"+string(text))
	}
	if !s.gate.fresh(k.ID + " " + c.q.Get("SignatureNonce")) {
		return row, refuse(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	if scale := s.opt.RateScale; row.rate > 0 && scale >= 0 {
		if scale == 0 {
			scale = 1
		}
		if !s.gate.admit(c.op, row.rate*scale) {
			return row, refuse(400, "Throttling.User", "Request was denied due to user flow control.")
		}
	}
	action := "vod:" + c.op
	if c.op == "GetCallerIdentity" {
		return row, nil // STS asks for no right to it
	}
	if !s.opt.Keys.Allowed(k.ID, action, "acs:vod:"+s.opt.Region+":"+k.Account+":*") {
		return row, refuse(403, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM.")
	}
	return row, nil
}

// stringToSign is the text of signature v1 (vod-api.md 1.2): everything but the
// signature, empty values too.
func stringToSign(method string, q url.Values) []byte {
	names := make([]string, 0, len(q))
	size := 64
	for name, values := range q {
		if name != "Signature" {
			names = append(names, name)
			size += 3 * (len(name) + len(values[0]) + 2)
		}
	}
	slices.Sort(names)
	joined := make([]byte, 0, size)
	for i, name := range names {
		if i > 0 {
			joined = append(joined, '&')
		}
		joined = percent(joined, name)
		joined = append(joined, '=')
		joined = percent(joined, q.Get(name))
	}
	out := make([]byte, 0, len(joined)*2)
	out = append(out, method...)
	out = append(out, "&%2F&"...)
	return percent(out, string(joined))
}

func percent(to []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' {
			to = append(to, c)
		} else {
			to = append(to, '%', hex[c>>4], hex[c&15])
		}
	}
	return to
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// quoteNumbers turns every number of a JSON text into a string.
func quoteNumbers(in []byte) []byte {
	out := make([]byte, 0, len(in)+64)
	text := false
	for i := 0; i < len(in); i++ {
		c := in[i]
		switch {
		case text && c == '\\':
			out = append(out, c)
			i++
			c = in[i]
		case c == '"':
			text = !text
		case !text && (c == '-' || '0' <= c && c <= '9'):
			j := i
			for j < len(in) && strings.IndexByte("+-.0123456789eE", in[j]) >= 0 {
				j++
			}
			out = append(append(append(out, '"'), in[i:j]...), '"')
			i = j - 1
			continue
		}
		out = append(out, c)
	}
	return out
}

// What follows reads parameters the way most operations do.

func invalidParam(name string) *fault {
	return refuse(400, "InvalidParameter", "The specified parameter "+name+" is not valid.")
}

func missingParam(name string) *fault {
	return refuse(400, "MissingParameter", "The input parameter "+name+" that is mandatory for processing this request is not supplied.")
}

// need returns a parameter that must not be empty.
func (c *call) need(name string) (string, *fault) {
	if v := c.q.Get(name); v != "" {
		return v, nil
	}
	return "", missingParam(name)
}

// number reads an integer parameter; absent means otherwise.
func (c *call) number(name string, otherwise, least, most int64) (int64, *fault) {
	text := c.q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, invalidParam(name)
	}
	return n, nil
}

// choice reads a parameter that has to be one of these; absent means the first.
func (c *call) choice(name string, values ...string) (string, *fault) {
	v := c.q.Get(name)
	if v == "" {
		return values[0], nil
	}
	if !slices.Contains(values, v) {
		return "", invalidParam(name)
	}
	return v, nil
}

// ids reads a comma separated list of at most most, without empty elements and
// repetitions; over is the code for too many.
func (c *call) ids(name string, most int, over, words string) ([]string, *fault) {
	text, refused := c.need(name)
	if refused != nil {
		return nil, refused
	}
	var out []string
	for id := range strings.SplitSeq(text, ",") {
		id = strings.TrimSpace(id)
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
		if len(out) > most {
			return nil, refuse(400, over, words)
		}
	}
	if len(out) == 0 {
		return nil, missingParam(name)
	}
	return out, nil
}

func (c *call) mediaIDs(name string) ([]string, *fault) {
	return c.ids(name, 20, name+"ExceededMax", "The "+name+" exceeded maximum.")
}
