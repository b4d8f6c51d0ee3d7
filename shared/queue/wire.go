package queue

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	mns "github.com/aliyun/aliyun-mns-go-sdk"
	"github.com/valyala/fasthttp"

	"vodcurator/shared/video"
)

// attempts is how often a harmless call is tried.
const attempts = 3

// maxAnswer is more than sixteen messages of 64 KB with every character escaped.
const maxAnswer = 16 << 20

// wire makes single calls: it keeps SDK clients, one for each call under way, and
// the connections they share.
type wire struct {
	host        string // scheme and host as the SDK wants them
	http        *http.Transport
	credentials Credentials
	timeout     time.Duration
	backoff     time.Duration

	mu   sync.Mutex
	idle []*worker
}

// New checks the configuration and makes no call. Every error wraps video.ErrInvalid.
func New(cfg Config) (*Client, error) {
	host, dial, err := address(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Credentials == nil {
		return nil, fmt.Errorf("queue: %w: no credentials", video.ErrInvalid)
	}
	w := &wire{
		host:        host,
		credentials: cfg.Credentials,
		timeout:     cfg.Timeout,
		backoff:     cfg.Backoff,
		http: &http.Transport{
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     10 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		},
	}
	if w.timeout <= 0 {
		w.timeout = 10 * time.Second
	}
	if w.backoff <= 0 {
		w.backoff = 100 * time.Millisecond
	}
	if dial != "" {
		name, _, _ := net.SplitHostPort(dial)
		w.http.TLSClientConfig = &tls.Config{ServerName: name}
		w.http.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, dial)
		}
	}
	return &Client{w}, nil
}

func validAccount(account string) bool {
	return account != "" && len(account) <= 63 && consists(account, alphanumeric)
}

func validRegion(region string) bool {
	for part := range strings.SplitSeq(region, "-") {
		if part == "" || !consists(part, digitsAndLower) {
			return false
		}
	}
	return true
}

// address gives the scheme and host that are signed and sent, which always have the
// real form, and the address to dial where it is another one.
func address(cfg Config) (host, dial string, err error) {
	if !validAccount(cfg.Account) {
		return "", "", refuse("account %q is no account number", cfg.Account)
	}
	if !validRegion(cfg.Region) {
		return "", "", refuse("region %q is no region", cfg.Region)
	}
	public := cfg.Account + ".mns." + cfg.Region + ".aliyuncs.com"
	if cfg.Endpoint == "" {
		return "https://" + public, "", nil
	}
	u, err := endpoint(cfg.Endpoint, public)
	if err != nil {
		return "", "", err
	}
	name := strings.ToLower(u.Hostname())
	if strings.HasSuffix(name, ".aliyuncs.com") {
		if err := checkProvider(cfg, u, name); err != nil {
			return "", "", err
		}
		return "https://" + name, "", nil
	}
	ip := net.ParseIP(name)
	if u.Scheme == "http" && name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", "", refuse("http to %s would show the credentials; only loopback may be plain", name)
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return u.Scheme + "://" + public, net.JoinHostPort(u.Hostname(), port), nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("queue endpoint: %w: "+format, append([]any{video.ErrInvalid}, args...)...)
}

// endpoint reads a base URL.
func endpoint(text, public string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, refuse("want http://HOST:PORT or https://HOST, such as https://%s", public)
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, refuse("%s://%s must stand alone, without user, path or query", u.Scheme, u.Host)
	}
	return u, nil
}

// checkProvider refuses a host of the provider that is not this account's, or plain.
func checkProvider(cfg Config, u *url.URL, name string) error {
	labels := strings.Split(name, ".")
	if len(labels) != 5 || labels[0] != strings.ToLower(cfg.Account) || labels[1] != "mns" || !strings.HasPrefix(labels[2]+"-", cfg.Region+"-") {
		return refuse("%s is not ACCOUNT.mns.REGION.aliyuncs.com of account %s in %s", name, cfg.Account, cfg.Region)
	}
	if u.Scheme != "https" || (u.Port() != "" && u.Port() != "443") {
		return refuse("%s is spoken to by https alone", name)
	}
	return nil
}

// do makes a call on a queue, again if that is harmless. The function it is given
// may run more than once.
func (w *wire) do(ctx context.Context, op, queue string, wait time.Duration, call func(mns.AliMNSQueue) error) error {
	return w.repeat(ctx, op, queue, wait, func(c mns.MNSClient) error {
		// A queue object for each call: its rate monitor races when shared, and one
		// that is new never sleeps.
		return call(mns.NewMNSQueue(queue, c))
	})
}

// manage is do for the calls about a queue itself.
func (w *wire) manage(ctx context.Context, op, queue string, call func(mns.AliQueueManager) error) error {
	return w.repeat(ctx, op, queue, 0, func(c mns.MNSClient) error { return call(mns.NewMNSQueueManager(c)) })
}

func (w *wire) repeat(ctx context.Context, op, queue string, wait time.Duration, call func(mns.MNSClient) error) error {
	if !validName(queue) {
		return fmt.Errorf("%s: %w: queue name %.80q", op, video.ErrInvalid, queue)
	}
	for try := 1; ; try++ {
		err, harmless := w.once(ctx, op, queue, wait, call)
		if err == nil || !harmless || try == attempts {
			return err
		}
		pause := time.NewTimer(w.backoff<<(try-1) + rand.N(w.backoff))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// once makes one call and says whether it can be made again without harm.
func (w *wire) once(ctx context.Context, op, queue string, wait time.Duration, call func(mns.MNSClient) error) (failure error, harmless bool) {
	if err := ctx.Err(); err != nil {
		return notTried(op, queue, err), false
	}
	id, secret, token, err := w.credentials(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: credentials: %w", op, queue, err), false
	}
	if id == "" || secret == "" {
		return fmt.Errorf("%s %s: %w: no access key", op, queue, video.ErrForbidden), false
	}
	within, cancel := context.WithTimeout(ctx, w.timeout+wait)
	defer cancel()
	k := w.hire(id, secret, token)
	defer w.release(k)
	k.begin(within, w.http)
	err = call(k.client) // it fills in the answer
	return k.answer.mean(ctx, within, op, queue, err)
}

// mean says what an answer means, of a call that ended with this error of the SDK's: its
// failure, and whether to make it again.
func (a answer) mean(ctx, within context.Context, op, queue string, err error) (failure error, harmless bool) {
	e := &Error{Op: op, Queue: queue, Code: a.Code, Status: a.status, RequestID: a.RequestID, Message: a.Message, cause: a.err}
	if within.Err() != nil {
		e.cause = ctx.Err() // our own time-out must not look like the end of the caller's time
	}
	switch {
	case a.status == 0 && !a.sent && ctx.Err() != nil:
		return notTried(op, queue, ctx.Err()), false
	case a.status == 0 && !a.sent:
		e.kind, e.Message = video.ErrTransient, "no connection"
		if a.err != nil {
			e.Message += ": " + a.err.Error()
		}
		return e, true
	case a.status == 0 || a.err != nil:
		return e, e.unanswered(ctx)
	case a.status >= 300 && !a.partly:
		return e, e.refused()
	case err != nil && !a.partly:
		e.kind, e.Message = lost(op), "the answer cannot be read"
		return e, reads(op)
	}
	return nil, false
}

// notTried is the failure of a call that was never made.
func notTried(op, queue string, cause error) error {
	return &Error{Op: op, Queue: queue, Message: cause.Error(), kind: video.ErrDeferred, cause: cause}
}

// unanswered says what it means that a call was sent and no answer came, and whether to
// make it again.
func (e *Error) unanswered(ctx context.Context) (harmless bool) {
	e.kind, e.Message = lost(e.Op), "no answer"
	if ctx.Err() == nil {
		return reads(e.Op)
	}
	if errors.Is(e.kind, video.ErrTransient) { // a reading call that was called off
		e.kind = video.ErrDeferred
	}
	return false
}

// refused says what an answer of failure means, and whether to make the call again.
func (e *Error) refused() (harmless bool) {
	if e.kind = kindOf(e.Code, e.Status); e.Code == "" {
		e.Message = http.StatusText(e.Status)
	}
	if errors.Is(e.kind, video.ErrTransient) && e.Status >= 500 {
		e.kind = lost(e.Op) // 500 does not say that nothing happened
	}
	return errors.Is(e.kind, video.ErrThrottled) || (errors.Is(e.kind, video.ErrTransient) && reads(e.Op))
}

// reads says that a call changes nothing, or nothing more when it is repeated.
// Receive is not among them: each one hides messages for a while.
func reads(op string) bool { return op == opPeek || op == opStats || op == opEnsure }

// lost is what a missing answer means.
func lost(op string) error {
	if reads(op) || op == opReceive {
		return video.ErrTransient
	}
	return video.ErrUnknownOutcome
}

// worker is an SDK client that one call at a time uses, and its transport. It holds
// the context of that call, since the SDK's seam has no place for one.
type worker struct {
	id, secret, token string
	client            mns.MNSClient
	ctx               context.Context
	http              *http.Transport
	answer            answer
}

// answer is what the wire said, beside what the SDK makes of it.
type answer struct {
	Code      string `xml:"Code"`
	Message   string `xml:"Message"`
	RequestID string `xml:"RequestId"`
	status    int
	sent      bool // a connection was there, so the request may have gone out
	partly    bool // a batch of which a part failed
	err       error
}

// hire takes a worker for these credentials. Workers for others are dropped: those
// credentials have run out.
func (w *wire) hire(id, secret, token string) *worker {
	w.mu.Lock()
	for len(w.idle) > 0 {
		k := w.idle[len(w.idle)-1]
		w.idle = w.idle[:len(w.idle)-1]
		if k.id == id && k.secret == secret && k.token == token {
			w.mu.Unlock()
			return k
		}
	}
	w.mu.Unlock()
	k := &worker{id: id, secret: secret, token: token}
	k.client = mns.NewAliMNSClientWithConfig(mns.AliMNSClientConfig{EndPoint: w.host, AccessKeyId: id, AccessKeySecret: secret, Token: token})
	k.client.SetTransport(k)
	return k
}

func (w *wire) release(k *worker) {
	k.ctx, k.answer = nil, answer{}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) < 64 {
		w.idle = append(w.idle, k)
	}
}

func (k *worker) begin(ctx context.Context, t *http.Transport) {
	k.ctx, k.http, k.answer = ctx, t, answer{}
}

// RoundTrip carries the SDK's signed request over net/http, as it is, once.
func (k *worker) RoundTrip(_ *fasthttp.HostClient, from *fasthttp.Request, to *fasthttp.Response) (retry bool, err error) {
	k.answer = answer{}
	defer func() { k.answer.err = err }()
	ctx := httptrace.WithClientTrace(k.ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { k.answer.sent = true },
	})
	req, err := http.NewRequestWithContext(ctx, string(from.Header.Method()), from.URI().String(), bytes.NewReader(from.Body()))
	if err != nil {
		return false, err
	}
	// net/http sends again only what surely did not go out, and a GET after a lost
	// connection, which hides messages for a while at worst; never a POST that left.
	for name, value := range from.Header.All() {
		switch http.CanonicalHeaderKey(string(name)) {
		case "Host", "Content-Length":
		default:
			req.Header.Set(string(name), string(value))
		}
	}
	resp, err := k.http.RoundTrip(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	k.answer.status = resp.StatusCode
	k.answer.RequestID = resp.Header.Get("X-Mns-Request-Id")
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return false, err
	}
	if resp.StatusCode >= 300 {
		k.answer.explain(body)
	}
	to.SetStatusCode(resp.StatusCode)
	to.SetBodyRaw(body)
	return false, nil
}

// explain reads an error body: <Error>, or the list of a batch that failed in part.
func (a *answer) explain(body []byte) {
	var root struct {
		XMLName xml.Name
		answer
	}
	if xml.Unmarshal(body, &root) != nil {
		return
	}
	switch root.XMLName.Local {
	case "Messages", "Errors":
		a.partly = true
	case "Error":
		a.Code, a.Message = root.Code, root.Message
		if root.RequestID != "" {
			a.RequestID = root.RequestID
		}
		if a.Code == "SignatureDoesNotMatch" {
			a.Message = "" // such texts like to quote what was signed
		}
	}
}
