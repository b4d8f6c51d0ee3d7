package fakevod

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
	row operation
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
	// params are all that the operation reads, in the order in which they are checked.
	params []param
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
	e, refused := open(r)
	c := &call{op: e.action, q: e.q, now: s.opt.Now().UTC()}
	s.mature(c.now)
	if refused == nil {
		c.row, refused = s.enter(e, c)
	}
	var body any
	var f calls.Fault
	note := calls.Call{At: time.Now(), Op: c.op, KeyID: c.key.ID}
	if c.row.of != "" {
		note.Detail = clip(c.q.Get(c.row.of), 200)
	}
	if refused == nil {
		f = s.opt.Fault.For(c.op, c.key.ID, note.Detail)
		if f.Delay > 0 {
			s.pause(r.Context(), f.Delay)
		}
		c.stale = f.Stale
		if !f.Spoils() || f.After {
			if refused = s.checkParams(c, c.row); refused == nil {
				body, refused = c.row.run(s, c)
			}
		}
		if f.Spoils() {
			refused = refuse(f.Status, f.Code, f.Message)
		}
	}
	if refused == nil {
		note.Status = http.StatusOK
		s.log.Add(note)
		s.answer(w, e, id, body)
		return
	}
	note.Status, note.Code = refused.status, refused.code
	s.log.Add(note)
	if f.Reset {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	s.refuse(w, r, e, id, refused)
}

func (s *Server) answer(w http.ResponseWriter, e envelope, id string, body any) {
	var out []byte
	switch to := body.(type) {
	case *searchReply:
		out = to.whole(id)
	case reply:
		to["RequestId"] = id
		out = plainJSON(to)
	}
	if s.opt.StringNumbers {
		out = quoteNumbers(out)
	}
	kind := "application/json;charset=utf-8"
	if e.xml {
		kind, out = "text/xml;charset=utf-8", asXML(e.action+"Response", out)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("x-acs-request-id", id)
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // the client is gone: nothing to tell it
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, e envelope, id string, f *fault) {
	host := r.Host
	if strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "localhost") {
		host = "vod." + s.opt.Region + ".aliyuncs.com"
	}
	kind, out := "application/json;charset=utf-8", marshal(map[string]string{"RequestId": id, "HostId": host, "Code": f.code, "Message": f.message})
	if e.xml {
		kind, out = "text/xml;charset=utf-8", asXML("Error", out)
	}
	w.Header().Set("x-acs-request-id", id)
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(f.status)
	_, _ = w.Write(out)
}

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

// identify finds the key of a call by its id and token, or by its bearer token.
func (s *Server) identify(e envelope) (k fakeram.Key, _ *fault) {
	var err error
	if e.bearer != "" {
		k, err = s.opt.Keys.Bearer(e.bearer)
	} else {
		k, err = s.opt.Keys.Authenticate(e.keyID, e.token)
	}
	switch {
	case errors.Is(err, fakeram.ErrTokenExpired):
		return k, refuse(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	case errors.Is(err, fakeram.ErrTokenWrong) && e.bearer != "":
		return k, refuse(400, "InvalidBearerToken", "Specified bearer token is not valid.") // the code is not documented
	case errors.Is(err, fakeram.ErrTokenWrong) && e.token != "":
		return k, refuse(400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	case err != nil:
		return k, refuse(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	return k, nil
}

// vouched checks when a request was signed, by whom, and that it came once.
func (s *Server) vouched(e envelope) (k fakeram.Key, refused *fault) {
	at, err := time.Parse(wireTime, e.date)
	if err != nil {
		return k, refuse(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	if time.Since(at).Abs() > clockSkew {
		return k, refuse(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	k, refused = s.identify(e)
	if refused != nil {
		return k, refused
	}
	if e.bearer == "" {
		if refused := e.verify(k.Secret); refused != nil {
			return k, refused
		}
	}
	if !s.gate.fresh(k.ID + " " + e.nonce) {
		return k, refuse(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return k, nil
}

// enter is the gateway: its checks in the order of vod-api.md 1.5.
func (s *Server) enter(e envelope, c *call) (operation, *fault) {
	row, known := operations[c.op]
	if !known && e.version == apiVersion && slices.Contains(notEmulated, c.op) {
		return operation{}, refuse(501, "NotImplemented", "The operation "+c.op+" is not emulated.")
	}
	if !known || e.version != map[bool]string{true: stsVersion, false: apiVersion}[ofSTS(c.op)] {
		return operation{}, noSuchAPI
	}
	if e.refused != nil {
		return row, e.refused
	}
	k, refused := s.vouched(e)
	if refused != nil {
		return row, refused
	}
	c.key = k
	if scale := s.opt.RateScale; row.rate > 0 && scale >= 0 && !s.gate.admit(c.op, row.rate*cmp.Or(scale, 1)) {
		return row, refuse(400, "Throttling.User", "Request was denied due to user flow control.")
	}
	if ofSTS(c.op) {
		return row, nil // it knows its own resources
	}
	if !s.opt.Keys.Allowed(k.ID, "vod:"+c.op, "acs:vod:"+s.opt.Region+":"+k.Account+":*") {
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

func invalidParam(name string) *fault {
	return refuse(400, "InvalidParameter", "The specified parameter "+name+" is not valid.")
}

func missingParam(name string) *fault {
	return refuse(400, "MissingParameter", "The input parameter "+name+" that is mandatory for processing this request is not supplied.")
}
