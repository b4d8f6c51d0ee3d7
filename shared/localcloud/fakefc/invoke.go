package fakefc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxSync  = 32 << 20
	maxAsync = 128 << 10
	// maxHeaders of a request to an HTTP trigger, and of its answer.
	maxHeaders = 8 << 10
	// maxQueued is what the message service takes. What the platform does with a larger
	// result is not documented: here it is lost.
	maxQueued = 64 << 10
)

// Refuse answers a request with an error of this protocol, as faults do.
func (s *Server) Refuse(w http.ResponseWriter, status int, code, message string) {
	s.refuse(w, requestID(), status, code, message)
}

func (s *Server) refuse(w http.ResponseWriter, id string, status int, code, message string) {
	w.Header().Set("X-Fc-Request-Id", id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"Code": code, "Message": message, "ErrorCode": code, "ErrorMessage": message, "RequestId": id,
	})
}

// Invoke runs a function synchronously from inside the process.
func (s *Server) Invoke(ctx context.Context, function string, event []byte) (Invocation, error) {
	f := s.find(function)
	if f == nil {
		return Invocation{}, fmt.Errorf("function %s does not exist", function)
	}
	_, rec := f.run(ctx, call{id: requestID(), kind: "invoke", event: event}, false)
	return rec.copy(), nil
}

// InvokeAsync accepts an event and answers its request id; it runs, with the
// documented retries, as soon as it can.
func (s *Server) InvokeAsync(function string, event []byte) (id string, err error) {
	f := s.find(function)
	if f == nil {
		return "", fmt.Errorf("function %s does not exist", function)
	}
	c := call{id: requestID(), kind: "invoke", event: event}
	s.accept(f, c)
	return c.id, nil
}

func (s *Server) serveInvoke(w http.ResponseWriter, r *http.Request, name string) {
	id := requestID()
	if r.Method != http.MethodPost {
		s.refuse(w, id, http.StatusBadRequest, "PathNotSupported", "the method is not supported")
		return
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSync))
	if err != nil {
		s.refuse(w, id, http.StatusBadRequest, "EntityTooLarge", fmt.Sprintf("the event is larger than %d bytes", maxSync))
		return
	}
	if code, why := s.authorize(r, "InvokeFunction", name, event); code != "" {
		s.refuse(w, id, http.StatusForbidden, code, why)
		return
	}
	f := s.find(name)
	if f == nil {
		s.refuse(w, id, http.StatusNotFound, "FunctionNotFound", "function '"+name+"' does not exist")
		return
	}
	if what := unknown(r); what != "" {
		s.refuse(w, id, http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate "+what+" of InvokeFunction")
		return
	}
	async, tail, err := control(r.Header)
	switch c := (call{id: id, kind: "invoke", event: event}); {
	case err != nil:
		s.refuse(w, id, http.StatusBadRequest, "InvalidArgument", err.Error())
	case async && len(event) > maxAsync:
		s.refuse(w, id, http.StatusBadRequest, "EntityTooLarge", fmt.Sprintf("the event is larger than %d bytes", maxAsync))
	case async:
		s.accept(f, c)
		w.Header().Set("X-Fc-Request-Id", id)
		w.WriteHeader(http.StatusAccepted)
	default:
		s.answerInvoke(w, r, f, c, tail)
	}
}

// answerInvoke runs a function for a caller who waits.
func (s *Server) answerInvoke(w http.ResponseWriter, r *http.Request, f *fn, c call, tail bool) {
	id := c.id
	out, rec := f.run(r.Context(), c, false)
	if out.cut {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	if out.status != 0 {
		s.refuse(w, id, out.status, out.code, out.reason)
		return
	}
	h := w.Header()
	h.Set("X-Fc-Request-Id", id)
	if out.errorType != "" {
		h.Set("X-Fc-Error-Type", out.errorType)
	}
	if tail {
		h.Set("X-Fc-Log-Result", base64.StdEncoding.EncodeToString(rec.tail()))
	}
	inv := rec.copy()
	h.Set("X-Fc-Instance-Id", inv.Instance)
	h.Set("X-Fc-Invocation-Duration", strconv.FormatInt(inv.Duration.Milliseconds(), 10))
	if inv.Memory > 0 {
		h.Set("X-Fc-Max-Memory-Usage", strconv.Itoa(inv.Memory))
	}
	h.Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(out.body)
}

// httpEvent is the event of an HTTP trigger.
type httpEvent struct {
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	Headers         map[string]string `json:"headers"`
	QueryParameters map[string]string `json:"queryParameters"`
	RequestContext  struct {
		AccountID    string `json:"accountId"`
		DomainName   string `json:"domainName"`
		DomainPrefix string `json:"domainPrefix"`
		HTTP         struct {
			Method    string `json:"method"`
			Path      string `json:"path"`
			Protocol  string `json:"protocol"`
			SourceIP  string `json:"sourceIp"`
			UserAgent string `json:"userAgent"`
		} `json:"http"`
		RequestID string `json:"requestId"`
		Time      string `json:"time"`
		TimeEpoch string `json:"timeEpoch"`
	} `json:"requestContext"`
}

func (s *Server) serveTrigger(w http.ResponseWriter, r *http.Request, name, trigger string) {
	id := requestID()
	f := s.find(name)
	if f == nil {
		s.refuse(w, id, http.StatusNotFound, "FunctionNotFound", "function '"+name+"' does not exist")
		return
	}
	i := slices.IndexFunc(f.Triggers, func(t Trigger) bool { return t.Name == trigger && t.Type == "http" })
	if i < 0 {
		s.refuse(w, id, http.StatusNotFound, "TriggerNotFound", "function '"+name+"' has no HTTP trigger '"+trigger+"'")
		return
	}
	if !slices.Contains(f.Triggers[i].Methods, r.Method) {
		s.refuse(w, id, http.StatusMethodNotAllowed, "MethodNotAllowed", "the HTTP trigger does not take "+r.Method)
		return
	}
	if i := slices.IndexFunc(tasks, func(h string) bool { return r.Header.Get(h) != "" }); i >= 0 {
		s.refuse(w, id, http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate "+tasks[i]+" of an HTTP trigger")
		return
	}
	async, tail, err := control(r.Header)
	if err != nil {
		s.refuse(w, id, http.StatusBadRequest, "InvalidArgument", err.Error())
		return
	}
	most := int64(maxSync)
	if async {
		most = maxAsync
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		s.refuse(w, id, http.StatusBadRequest, "InvalidArgument", fmt.Sprintf("the body is larger than %d bytes", most))
		return
	}
	event, err := s.httpEvent(r, id, name+"-"+trigger, body)
	if err != nil {
		s.refuse(w, id, http.StatusBadRequest, "InvalidArgument", err.Error())
		return
	}
	c := call{id: id, kind: "http", trigger: trigger, event: event}
	w.Header().Set("X-Fc-Request-Id", id)
	w.Header().Set("Content-Disposition", "attachment") // the default domain makes all answers downloads
	if async {
		s.accept(f, c)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	out, rec := f.run(r.Context(), c, false)
	if out.cut {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	if tail {
		w.Header().Set("X-Fc-Log-Result", base64.StdEncoding.EncodeToString(rec.tail()))
	}
	switch {
	case out.status != 0:
		s.refuse(w, id, out.status, out.code, out.reason)
	case out.errorType != "":
		w.Header().Set("X-Fc-Error-Type", out.errorType)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.opt.Doubts.HTTPFailure)
		_, _ = w.Write(out.body)
	default:
		s.writeHTTP(w, id, out.body)
	}
}

func (s *Server) httpEvent(r *http.Request, id, prefix string, body []byte) ([]byte, error) {
	var e httpEvent
	e.Version, e.RawPath = "v1", "/"
	// The encoded form of what follows the trigger's own part of the path.
	if p := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/", 4); len(p) == 4 {
		e.RawPath += p[3]
	}
	size := 0
	e.Headers, e.QueryParameters = map[string]string{}, query(r.URL)
	for k, v := range r.Header {
		size += len(k) + len(strings.Join(v, ","))
		if lower := strings.ToLower(k); !strings.HasPrefix(lower, "x-fc-") && lower != "connection" && lower != "keep-alive" {
			e.Headers[k] = strings.Join(v, ",")
		}
	}
	e.Headers["Host"] = r.Host
	if size > maxHeaders {
		return nil, fmt.Errorf("headers of %d bytes: %d at most", size, maxHeaders)
	}
	if n := len(r.URL.RequestURI()); n > 4<<10 {
		return nil, fmt.Errorf("path and query of %d bytes: 4096 at most", n)
	}
	e.Body = string(body)
	if !utf8.Valid(body) || binary(r.Header.Get("Content-Type")) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	now := time.Now()
	c := &e.RequestContext
	c.AccountID, c.RequestID, c.DomainPrefix = s.opt.Account, id, prefix
	c.DomainName = prefix + "." + s.opt.Region + ".fcapp.run"
	if s.opt.Doubts.SelfHost {
		c.DomainName = r.Host
	}
	c.Time, c.TimeEpoch = now.UTC().Format(time.RFC3339), strconv.FormatInt(now.UnixMilli(), 10)
	c.HTTP.Method, c.HTTP.Protocol = r.Method, r.Proto
	c.HTTP.Path, _ = url.PathUnescape(e.RawPath) // net/http has decoded it too
	c.HTTP.UserAgent = r.UserAgent()
	c.HTTP.SourceIP, _, _ = net.SplitHostPort(r.RemoteAddr)
	return json.Marshal(e)
}

// binary says whether a body of this type is passed on in base64 whatever it holds.
func binary(contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/octet-stream" || strings.HasPrefix(kind, "image/") ||
		strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/")
}

// ownHeaders of an answer are the platform's, whatever the function says.
var ownHeaders = strings.Fields("connection content-disposition content-length date keep-alive server")

// writeHTTP turns the function's answer into the response.
func (s *Server) writeHTTP(w http.ResponseWriter, id string, result []byte) {
	var answer struct {
		StatusCode *int              `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Base64     bool              `json:"isBase64Encoded"`
		Body       string            `json:"body"`
	}
	err := json.Unmarshal(result, &answer)
	if err != nil || answer.StatusCode == nil {
		if s.opt.Doubts.StrictHTTP {
			s.refuse(w, id, http.StatusBadGateway, "BadResponse", "the result is not a response object")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(result)
		return
	}
	body := []byte(answer.Body)
	if answer.Base64 {
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			s.refuse(w, id, http.StatusBadGateway, "BadResponse", "the body is not base64")
			return
		}
	}
	if *answer.StatusCode < 200 || *answer.StatusCode > 599 {
		s.refuse(w, id, http.StatusBadGateway, "BadResponse", fmt.Sprintf("status %d", *answer.StatusCode))
		return
	}
	size := 0
	for k, v := range answer.Headers {
		size += len(k) + len(v)
	}
	if size > maxHeaders {
		s.refuse(w, id, http.StatusBadGateway, "BadResponse", fmt.Sprintf("headers of %d bytes: %d at most", size, maxHeaders))
		return
	}
	for k, v := range answer.Headers {
		switch lower := strings.ToLower(k); {
		case strings.HasPrefix(lower, "x-fc-"), slices.Contains(ownHeaders, lower):
		default:
			w.Header().Set(k, v)
		}
	}
	w.WriteHeader(*answer.StatusCode)
	_, _ = w.Write(body)
}

// accept takes an asynchronous event and runs it aside.
func (s *Server) accept(f *fn, c call) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.async++
	s.work.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.work.Done()
		s.runAsync(f, c)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.async--; s.async == 0 && s.quiet != nil {
			close(s.quiet)
			s.quiet = nil
		}
	}()
}

// runAsync runs an event until it succeeds or is given up: a function's error up
// to its retries, a refusal of the platform for up to five hours.
func (s *Server) runAsync(f *fn, c call) Invocation {
	began := time.Now()
	age := func() time.Duration { return time.Duration(float64(time.Since(began)) / s.opt.Pace) } // as the waits are
	backoff := 500 * time.Millisecond
	for tries := 1; ; tries++ {
		out, rec := f.run(s.stop, c, true)
		if out.again {
			f.run(s.stop, c, true)
		}
		inv := rec.copy()
		condition := ""
		switch {
		case out.errorType == "":
			s.deliver(f.OnSuccess, f, c, out, tries, "")
			return inv
		case s.stop.Err() != nil:
			return inv
		case out.status == 429 || out.status >= 500:
			if age() > 5*time.Hour {
				condition = "FunctionResourceExhausted"
			}
		case out.status != 0 || c.retry >= f.Retries:
			condition = or(out.code, "RetryExhausted")
		default:
			c.retry++
		}
		if age() > f.MaxAge {
			condition = "EventExpired"
		}
		if condition != "" {
			s.deliver(f.OnFailure, f, c, out, tries, condition)
			return inv
		}
		if !s.pause(backoff) {
			return inv
		}
		backoff = min(2*backoff, 10*time.Minute)
	}
}

// pause waits at the server's pace; false: it is closing.
func (s *Server) pause(d time.Duration) bool {
	timer := time.NewTimer(time.Duration(float64(d) * s.opt.Pace))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stop.Done():
		return false
	}
}

// deliver sends the result of an asynchronous invocation to its destination.
func (s *Server) deliver(arn string, f *fn, c call, out outcome, tries int, condition string) {
	if arn == "" {
		s.mu.Lock()
		if condition != "" {
			s.lost++
		}
		s.mu.Unlock()
		return
	}
	type object map[string]any
	functionError := ""
	if out.errorType != "" {
		functionError = out.errorType
	}
	body, _ := json.Marshal(object{
		"timestamp": time.Now().UnixMilli(),
		"requestContext": object{
			"requestId": c.id, "functionArn": "acs:fc:" + s.opt.Region + ":" + s.opt.Account + ":functions/" + f.Name,
			"condition": condition, "approximateInvokeCount": tries,
		},
		"requestPayload":  string(c.event),
		"responseContext": object{"statusCode": or(out.status, 200), "functionError": functionError},
		"responsePayload": string(out.body),
	})
	if err := s.hand(arn, body); err != nil {
		s.mu.Lock()
		s.lost++
		s.mu.Unlock()
		s.opt.Log.Error("destination", "function", f.Name, "request", c.id, "error", err.Error())
	}
}

// hand gives a result to its destination: a queue, a topic or a function.
func (s *Server) hand(arn string, body []byte) error {
	name := path.Base(strings.TrimSuffix(arn, "/messages"))
	if goodTarget.MatchString(arn) {
		to := s.find(name)
		switch {
		case len(body) > maxAsync:
			return fmt.Errorf("%d bytes are more than an asynchronous invocation takes", len(body))
		case to == nil:
			return fmt.Errorf("function %s does not exist", name)
		}
		s.accept(to, call{id: requestID(), kind: "destination", event: body})
		return nil
	}
	if s.opt.Queues == nil {
		return errors.New("no queue service")
	}
	if len(body) > maxQueued {
		return fmt.Errorf("%d bytes are more than a queue or topic takes", len(body))
	}
	var err error
	if goodQueue.MatchString(arn) {
		_, err = s.opt.Queues.Enqueue(name, string(body))
	} else {
		_, err = s.opt.Queues.Publish(name, string(body), "") // the manifest was checked: there are no others
	}
	return err
}

// gaps are the waits before each retry of a trigger's strategy.
func gaps(exponential bool) func(n int) (time.Duration, bool) {
	if exponential {
		return func(n int) (time.Duration, bool) {
			return min(time.Second<<min(n, 9), 512*time.Second), n < 176
		}
	}
	return func(n int) (time.Duration, bool) {
		return 10*time.Second + time.Duration(rand.Int64N(int64(10*time.Second))), n < 3
	}
}
