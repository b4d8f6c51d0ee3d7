package events

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// Request is what an HTTP trigger of a built-in runtime hands over.
type Request struct {
	Method    string
	Path      string // decoded
	Body      []byte
	RequestID string
	At        time.Time // when the gateway took it; zero: not said
	headers   map[string]string
}

// Header is the value of a header, whatever the case of its name; empty if absent.
func (r Request) Header(name string) string { return r.headers[strings.ToLower(name)] }

// Response is the answer of a function to an HTTP trigger.
type Response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	Body            string            `json:"body"`
}

// MaxHTTPEvent is how long the event of a request with a body of MaxBody can be, since
// JSON writes a quote or a line's end as two characters. A longer one need not be looked at.
const MaxHTTPEvent = 2*MaxBody + 64<<10

// mostHTTPEvent is how long such an event can be whatever its body is.
const mostHTTPEvent = 6*MaxBody + 64<<10

// DecodeHTTPHead reads the event of an HTTP trigger (function-compute.md 4.6) without its
// body, which it leaves to the function that it answers: whoever has to be turned away at
// the head costs no more. Every error wraps ErrMalformed; a body over MaxBody wraps
// ErrTooLarge too.
func DecodeHTTPHead(raw []byte) (r Request, body func() ([]byte, error), err error) {
	if len(raw) > mostHTTPEvent {
		return Request{}, nil, tooLarge("http event", len(raw))
	}
	o, err := parse(raw)
	if err != nil {
		return Request{}, nil, malformed("http event", "%w", err)
	}
	return head(o)
}

// request reads the event with its body.
func request(raw []byte, o object) (Request, error) {
	if len(raw) > mostHTTPEvent {
		return Request{}, tooLarge("http event", len(raw))
	}
	r, body, err := head(o)
	if err == nil {
		r.Body, err = body()
	}
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

func head(o object) (r Request, body func() ([]byte, error), err error) {
	outer := o.inner("requestcontext")
	call := outer.inner("http")
	if outer == nil && !o.has("rawpath") {
		return Request{}, nil, malformed("http event", "neither requestContext nor rawPath")
	}
	r = Request{
		Method:    call.word("method"),
		Path:      call.text("path"),
		RequestID: outer.word("requestid"),
		At:        millis(outer, "timeepoch"),
		headers:   map[string]string{},
	}
	if r.Path == "" {
		if r.Path, err = url.PathUnescape(o.text("rawpath")); err != nil {
			return Request{}, nil, malformed("http event", "%w", err)
		}
	}
	if r.At.IsZero() {
		r.At = outer.time("time")
	}
	headers := o.inner("headers")
	for name := range headers {
		r.headers[name] = headers.text(name)
	}
	return r, func() ([]byte, error) { return bodyOf(o) }, nil
}

func bodyOf(o object) (out []byte, err error) {
	body := o.text("body")
	if len(body) > base64.StdEncoding.EncodedLen(MaxBody) {
		return nil, tooLarge("http event", len(body))
	}
	out = []byte(body)
	if o.flag("isbase64encoded") {
		if out, err = base64.StdEncoding.DecodeString(body); err != nil {
			return nil, malformed("http event", "body: %w", err)
		}
	}
	if len(out) > MaxBody {
		return nil, tooLarge("http event", len(out))
	}
	return out, nil
}
