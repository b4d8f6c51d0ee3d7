package vod_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the provider's signature
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

const (
	testKey    = "testId"
	testSecret = "testSecretThatNobodyMayRead"
	testToken  = "testToken+that/nobody=may&read"
)

// service is a VOD of the test's own: it checks every signature by the
// documented rules, keeps the requests, and answers what the test says.
type service struct {
	URL        string
	mu         sync.Mutex
	open       map[net.Conn]bool
	retryAfter string // a header of every answer, if not empty
	requests   []request
	answer     func(request) (int, string)
}

type request struct {
	op     string
	params url.Values
	inBody bool // UpdateContent came in the form body
	header http.Header
	at     time.Time
	ctx    context.Context
}

func serve(t testing.TB, answer func(request) (int, string)) *service {
	t.Helper()
	s := &service{answer: answer, open: map[net.Conn]bool{}}
	server := httptest.NewUnstartedServer(s)
	server.Config.ConnState = s.connState
	server.Start()
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *service) connState(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(s.open, conn)
	} else {
		s.open[conn] = true
	}
}

func (s *service) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request{params: r.URL.Query(), header: r.Header, at: time.Now(), ctx: r.Context()}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	req.inBody = form.Has("UpdateContent")
	maps.Copy(req.params, form)
	req.op = req.params.Get("Action")
	status, text := 400, `{"RequestId":"R0","Code":"SignatureDoesNotMatch","Message":"Specified signature is not matched with our calculation. server string to sign is:`+url.QueryEscape(r.URL.RawQuery)+`"}`
	if r.Method == http.MethodPost && signed(r.Method, req.params) {
		s.mu.Lock()
		s.requests = append(s.requests, req)
		s.mu.Unlock()
		status, text = s.answer(req)
	}
	if status == cutOff {
		panic(http.ErrAbortHandler)
	}
	if status == truncated {
		w.Header().Set("Content-Length", "5000")
		status = 200
	}
	if s.retryAfter != "" {
		w.Header().Set("Retry-After", s.retryAfter)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// Statuses that are none.
const (
	cutOff    = -1 // the connection ends without an answer
	truncated = -2 // the body ends before its length
)

// sent is how many requests came, of whatever operation.
func (s *service) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *service) calls(op string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r request) bool { return r.op != op })
}

// client has no rate, so that tests do not wait.
func (s *service) client(t testing.TB, with ...func(*vod.Config)) *vod.Client {
	t.Helper()
	return s.limited(t, with...).Unlimited()
}

// limited uses the whole documented rate.
func (s *service) limited(t testing.TB, with ...func(*vod.Config)) *vod.Client {
	t.Helper()
	config := vod.Config{Region: "cn-shanghai", Endpoint: s.URL, Share: 1, Credentials: vod.Static(testKey, testSecret, testToken)}
	for _, change := range with {
		change(&config)
	}
	c, err := vod.New(config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// signed computes the signature from the rules of the documentation alone.
func signed(method string, params url.Values) bool {
	return params.Get("Signature") == signature(method, testSecret, params)
}

func signature(method, secret string, params url.Values) string {
	var pairs []string
	for name, values := range params {
		if name != "Signature" {
			pairs = append(pairs, escape(name)+"="+escape(values[0]))
		}
	}
	slices.Sort(pairs)
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(method + "&%2F&" + escape(strings.Join(pairs, "&"))))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestTheTestsSignatureIsThePublishedOne(t *testing.T) {
	params := url.Values{
		"AccessKeyId": {"testAccessKeyId"}, "Action": {"GetVideoPlayAuth"}, "Format": {"JSON"}, "SignatureMethod": {"HMAC-SHA1"},
		"SignatureNonce": {"8f8a035d-6496-4268-afd4-67c22837e38d"}, "SignatureVersion": {"1.0"}, "Timestamp": {"2017-10-10T12:02:54Z"},
		"Version": {"2017-03-21"}, "VideoId": {"5aed81b74ba84920be578cdfe004af4b"},
	}
	require.Equal(t, "Ibgh7y8Vp47LBuAsf5Xhi1SvDss=", signature("GET", "testAccessKeySecret", params))
}

func refuse(status int, code string) (int, string) {
	return status, fmt.Sprintf(`{"RequestId":"R1","HostId":"vod","Code":%q,"Message":"words about it"}`, code)
}

func ok(fields map[string]any) (int, string) {
	body := map[string]any{"RequestId": "R1"}
	maps.Copy(body, fields)
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return http.StatusOK, string(text)
}

func ids(n int) []video.ID {
	out := make([]video.ID, n)
	for i := range out {
		out[i] = video.ID(fmt.Sprintf("%032x", i+1))
	}
	return out
}
