// Package fakemns is the local cloud's message service: the queues of MNS (Simple
// Message Queue) over their real HTTP and XML protocol, signatures checked, with
// the documented limits refused in the provider's words.
//
// Emulated: the queue calls with their attributes (create, set, get, delete, list;
// send, receive, peek, delete, each also in batches; change visibility), long
// polling, delay, priority, dequeue count, receipt handles that die, retention,
// dead letters, RAM policies; topics with subscriptions of queues and, for triggers,
// of functions; a journal that a kill cannot harm; faults that a test asks for.
// Partly: user properties are carried, not judged; there is no flow limit but by
// fault. Never: pushes of topics to HTTP addresses, mail and short messages,
// encryption, FIFO queues, the control plane's own API (what only it can
// set is set from Go or by an admin call of the local cloud).
//
// Of what a request brings each operation takes what its row of one table has: another
// parameter is InvalidQueryString, another element or x-mns- header is NotImplemented, by
// its name.
//
// Where the provider's documents leave a point open, Doubts names the choices.
//
// Time is the transport's: visibility, delay and retention run by the real clock
// even while the library's clock is moved.
package fakemns

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
)

const (
	version = "2015-06-06"
	skew    = 15 * time.Minute

	maxBody       = 65536
	maxBatch      = 16
	maxProperties = 50
	maxWait       = 30
	maxDelay      = 604800
	maxRetention  = 604800
	maxVisibility = 43200
	maxQueues     = 1000
)

// Options says for whom the server answers. Keys is required.
type Options struct {
	Keys    *fakeram.Keys
	Region  string       // default cn-shanghai
	Account string       // default 1234567890123456
	Log     *slog.Logger // default: none
	Fault   calls.Hook
	Doubts  Doubts
}

// Doubts are the points on which the provider's documents disagree or are silent.
// The zero value is the choice that was found most likely.
type Doubts struct {
	// StaleIsBadHandle answers 400 ReceiptHandleError, not 404 MessageNotExist, for
	// a handle that was good once.
	StaleIsBadHandle bool
	// ZeroPriority takes priority 0, which the Go SDK writes when it is unset, as
	// the default 8. The service refuses it.
	ZeroPriority bool
	// ExpiredIs400 answers a request outside the time window with 400, not 408.
	ExpiredIs400 bool
	// OldDigestCode spells InvalidDigest as the documents do: InvalidDegist.
	OldDigestCode bool
	// SingleCoversBatch lets a policy's mns:SendMessage stand for BatchSendMessage
	// too, and so on, as older pages say; newer ones name an action for each call.
	SingleCoversBatch bool
	// PartSentIs201 answers a batch that was sent in part with 201, not 500.
	PartSentIs201 bool
}

// Server holds the queues. Its methods may be called concurrently.
type Server struct {
	opt         Options
	salt        uint64
	staleHandle *Error
	closed      chan struct{}
	close       sync.Once

	mu      sync.Mutex
	queues  map[string]*queue
	topics  map[string]*topic
	seq     uint64
	handles uint64
	lastID  string
	journal *journal // nil without Open

	log calls.Log
}

// New returns a server without queues.
func New(opt Options) *Server {
	opt.Region = cmp.Or(opt.Region, "cn-shanghai")
	opt.Account = cmp.Or(opt.Account, "1234567890123456")
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opt: opt, salt: rand.Uint64(), staleHandle: errMessageNotExist, closed: make(chan struct{}),
		queues: map[string]*queue{}, topics: map[string]*topic{},
	}
	if opt.Doubts.StaleIsBadHandle {
		s.staleHandle = errReceiptHandle
	}
	return s
}

// Close ends every waiting receive with "nothing there" and closes the journal: no
// change is taken after it. It may be called twice.
func (s *Server) Close() {
	s.close.Do(func() {
		close(s.closed)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.journal != nil {
			_ = errors.Join(s.journal.file.Sync(), s.journal.file.Close()) // what is left is what nobody was answered for
			s.journal.closed = true
		}
	})
}

// Calls returns the log of answered requests; Detail is the queue or topic, and how
// many messages it was about.
func (s *Server) Calls() []calls.Call { return s.log.Calls() }

// Counts answers how often each operation was called, whatever came of it.
func (s *Server) Counts() map[string]int {
	out := map[string]int{}
	for key, n := range s.log.Counts() {
		out[key.Op] += n
	}
	return out
}

// Log is the log with its counters.
func (s *Server) Log() *calls.Log { return &s.log }

// host is the account's own host name, which stands in locations and errors.
func (s *Server) host() string {
	return "http://" + s.opt.Account + ".mns." + s.opt.Region + ".aliyuncs.com"
}

func (s *Server) requestID() string {
	return fmt.Sprintf("%016X%08X", rand.Uint64(), rand.Uint32())
}

// ServeHTTP answers one request of the protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := s.requestID()
	call := calls.Call{At: time.Now(), Op: "Unknown"}
	a, cut := s.answer(r, &call)
	call.Status = a.status
	if cut {
		call.Status = 0
	}
	var e *Error
	if errors.As(a.err, &e) {
		call.Code = e.Code
	}
	call.Detail = strings.TrimSpace(call.Detail + " " + a.detail)
	s.log.Add(call)
	s.opt.Log.LogAttrs(r.Context(), slog.LevelDebug, "mns", slog.String("op", call.Op), slog.Int("status", call.Status),
		slog.String("code", call.Code), slog.String("what", call.Detail), slog.String("request", request))
	if cut {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	s.write(w, request, a)
}

// answer goes through the checks in one fixed order: target, authorization, date,
// version, key, signature, digest, rights, then the operation's own.
// It also says whether the connection is to be cut instead of answered.
func (s *Server) answer(r *http.Request, call *calls.Call) (_ answer, cut bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return failed(errMalformed), false
	}
	raw := target(r)
	path, query := split(raw)
	q, odd := pairs(query)
	op, ok := s.route(r, path, q, body)
	if !ok {
		if name := whole(r.Method, path, q, odd); name != "" {
			return failed(notImplemented("the operation " + name)), false
		}
		return failed(errURL), false
	}
	call.Op, call.Detail = op.name, op.thing
	key, err := s.authenticate(r, raw)
	call.KeyID = key.ID
	if err != nil {
		return failed(err), false
	}
	if err := s.digest(r, body); err != nil {
		return failed(err), false
	}
	action := op.name
	if s.opt.Doubts.SingleCoversBatch {
		action = strings.TrimPrefix(action, "Batch")
	}
	if !s.opt.Keys.Allowed(key.ID, "mns:"+action, op.resource(s)) {
		return failed(errDenied), false
	}
	if err := unknown(r, op.name, q, odd, body); err != nil {
		return failed(err), false
	}
	f := s.opt.Fault.For(op.name, key.ID, op.thing)
	if f.Delay > 0 && !pause(r.Context(), f.Delay) {
		return failed(errMessageNotExist), false // nobody is there to read it
	}
	if f.Spoils() && !f.After {
		return answer{status: f.Status, err: refuse(f.Status, f.Code, f.Message)}, f.Reset
	}
	a := op.do(r.Context(), f)
	if err := s.flush(); err != nil {
		return failed(err), false
	}
	if f.Spoils() {
		a = answer{status: f.Status, err: refuse(f.Status, f.Code, f.Message), detail: a.detail}
	}
	return a, f.Reset
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// target is the request target as it came, without scheme and host: some clients
// go through a proxy setting and send it absolute.
func target(r *http.Request) string {
	raw := r.RequestURI
	if raw == "" {
		raw = r.URL.RequestURI()
	}
	if _, rest, ok := strings.Cut(raw, "://"); ok && !strings.HasPrefix(raw, "/") {
		raw = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			raw = rest[i:]
		}
	}
	return raw
}

// split parts a target into its routed path and its raw query. What stands before
// /queues or /topics is dropped: clients with an odd endpoint send a prefix they
// do not sign.
func split(raw string) (path, query string) {
	path, query, _ = strings.Cut(raw, "?")
	for _, plane := range []string{"/queues", "/topics"} {
		if i := strings.Index(path, plane); i >= 0 {
			return path[i:], query
		}
	}
	return path, query
}

// digest checks Content-MD5 when it is there: base64 of the hex digits, as most
// clients send it, or of the raw bytes, as RFC 1864 says.
func (s *Server) digest(r *http.Request, body []byte) error {
	got := r.Header.Get("Content-MD5")
	if got == "" {
		return nil
	}
	sum := md5.Sum(body)
	if got == base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))) ||
		got == base64.StdEncoding.EncodeToString(sum[:]) {
		return nil
	}
	code := "InvalidDigest"
	if s.opt.Doubts.OldDigestCode {
		code = "InvalidDegist"
	}
	return refuse(400, code, "The Content-MD5 you specified is invalid.")
}
