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

// DecodeHTTP reads the event of an HTTP trigger (function-compute.md 4.6). Every
// error wraps ErrMalformed; a body over MaxBody wraps ErrTooLarge too.
func DecodeHTTP(raw []byte) (Request, error) {
	o, err := parse(raw)
	if err != nil {
		return Request{}, malformed("http event", "%w", err)
	}
	outer := o.inner("requestcontext")
	call := outer.inner("http")
	if outer == nil && !o.has("rawpath") {
		return Request{}, malformed("http event", "neither requestContext nor rawPath")
	}
	r := Request{
		Method:    call.word("method"),
		Path:      call.text("path"),
		RequestID: outer.word("requestid"),
		At:        millis(outer, "timeepoch"),
		headers:   map[string]string{},
	}
	if r.Path == "" {
		if r.Path, err = url.PathUnescape(o.text("rawpath")); err != nil {
			return Request{}, malformed("http event", "%w", err)
		}
	}
	if r.At.IsZero() {
		r.At = outer.time("time")
	}
	headers := o.inner("headers")
	for name := range headers {
		r.headers[name] = headers.text(name)
	}
	body := o.text("body")
	if len(body) > base64.StdEncoding.EncodedLen(MaxBody) {
		return Request{}, tooLarge("http event", len(body))
	}
	r.Body = []byte(body)
	if o.flag("isbase64encoded") {
		if r.Body, err = base64.StdEncoding.DecodeString(body); err != nil {
			return Request{}, malformed("http event", "body: %w", err)
		}
	}
	if len(r.Body) > MaxBody {
		return Request{}, tooLarge("http event", len(r.Body))
	}
	return r, nil
}
