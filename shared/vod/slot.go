package vod

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
)

const (
	maxAnswer   = 16 << 20
	maxRefusal  = 64 << 10
	maxIdleSlot = 64
	maxKept     = 64 << 10 // of a slot's buffer
)

// slot is an SDK client for one call at a time: the SDK writes to its client
// during a call, so that two calls on one client race. It is the SDK's core: the
// client of its VOD package adds 540 methods, all of which the linker keeps (8 MB)
// once one value of that type has met an interface, even as a field of a field.
type slot struct {
	sdk  *sdk.Client
	wire *wire
}

// slots are free to use; connections and keys come with the call.
type slots struct {
	mu   sync.Mutex
	free []*slot
}

func (f *slots) take() (*slot, error) {
	f.mu.Lock()
	if n := len(f.free); n > 0 {
		s := f.free[n-1]
		f.free = f.free[:n-1]
		f.mu.Unlock()
		return s, nil
	}
	f.mu.Unlock()
	s := &slot{sdk: &sdk.Client{}, wire: &wire{}}
	s.wire.trace.GotConn = func(httptrace.GotConnInfo) { s.wire.sent = true }
	config := sdk.NewConfig().WithScheme("HTTPS")
	config.Transport = s.wire
	if err := s.sdk.InitWithOptions("", config, s.wire); err != nil {
		return nil, err
	}
	// No timeout of the SDK's, which costs a goroutine: the context ends the call.
	s.sdk.SetReadTimeout(-1)
	// The SDK would read proxies by rules of its own before every call, and fail
	// if it cannot. Those values are never used: the transport knows better.
	s.sdk.SetNoProxy("-")
	s.sdk.SetHttpProxy("http://-")
	s.sdk.SetHttpsProxy("http://-")
	return s, nil
}

func (f *slots) put(s *slot) {
	s.wire.exchange = exchange{} // no key that signs outlives its call
	if s.wire.body.Cap() > maxKept {
		s.wire.body = bytes.Buffer{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.free) < maxIdleSlot {
		f.free = append(f.free, s)
	}
}

// wire stands between the SDK and the network for one attempt. It brings the
// caller's context and keys, and takes every failure away from the SDK, which
// would panic on odd ones and put signed URLs into others.
type wire struct {
	exchange
	trace httptrace.ClientTrace // notes sent
	body  bytes.Buffer          // of the answer, until the SDK has read it
}

// exchange is one request and what came of it.
type exchange struct {
	ctx               context.Context
	transport         http.RoundTripper
	id, secret, token string

	sent      bool // a connection was had: the service may have seen the request
	status    int
	requestID string
	err       *Error
}

// GetCredentials is the SDK's way to ask for keys.
func (w *wire) GetCredentials() (*credentials.Credentials, error) {
	return &credentials.Credentials{AccessKeyId: w.id, AccessKeySecret: w.secret, SecurityToken: w.token, ProviderName: w.GetProviderName()}, nil
}

// GetProviderName goes out as a header.
func (w *wire) GetProviderName() string {
	if w.token != "" {
		return "static_sts"
	}
	return "static_ak"
}

// errTaken is all that the SDK learns of a failure.
var errTaken = errors.New("see wire.err")

// RoundTrip answers a complete, checked success, or keeps the error.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(w.ctx, &w.trace)))
	if err != nil {
		w.err = networkError(err, w.sent)
		return nil, errTaken
	}
	defer resp.Body.Close()
	w.status = resp.StatusCode
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		w.err = refusal(resp, body)
		w.requestID = w.err.RequestID
		return nil, errTaken
	}
	w.body.Reset()
	n, err := w.body.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && n > maxAnswer {
		err = errTooLarge
	}
	if err != nil {
		w.err = networkError(err, true)
		w.err.Status = resp.StatusCode
		return nil, errTaken
	}
	if w.requestID, w.err = checkAnswer(resp, w.body.Bytes()); w.err != nil {
		return nil, errTaken
	}
	resp.Body = io.NopCloser(&w.body)
	resp.Header = nil // the SDK makes JSON of it for a log that it does not write
	return resp, nil
}
