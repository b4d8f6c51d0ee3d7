// Package fakeoss is the little of OSS that uploads to VOD and our own state need:
// objects in buckets over HTTP, signatures checked, on loopback.
//
// Emulated: the operations of [Operations], with the parameters and headers of one
// table: put, get (ranges, conditions, response-…), head, copy within the store, delete
// (one or many), list (V1 and V2), multipart (start, part, part by copy, complete, abort,
// list parts and uploads), x-oss-forbid-overwrite (409 FileAlreadyExists), bucket create,
// delete, info, location, versioning; signatures V1 and V4 in header and query, with
// STS tokens; RAM policies; path style and virtual-host style; objects and unfinished
// multipart uploads on disk that survive a kill. Every other sub-resource, parameter and x-oss- header is refused with
// 501 NotImplemented and its name; it never becomes another operation.
//
// Partly: a bucket with versioning on ignores x-oss-forbid-overwrite, as OSS does, but
// keeps only the newest version.
//
// Never: ACLs and anonymous reads, encryption, lifecycle rules, symlinks, append,
// select, image processing, replication.
//
// A bucket exists after Options.Buckets named it or somebody put it; an unknown one
// is NoSuchBucket.
package fakeoss

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
)

// Options configures a Server.
type Options struct {
	Keys *fakeram.Keys    // required
	Now  func() time.Time // the library's clock, for Last-Modified; default time.Now
	// Region is what V4 signatures must be made for; empty accepts any.
	Region  string
	Buckets []string // exist from the start
	// Versioned are buckets with versioning on: they exist and ignore x-oss-forbid-overwrite.
	Versioned []string
	// Owners are the accounts that buckets belong to; one that is not named belongs to
	// whoever asks.
	Owners map[string]string
	Dir    string // where objects are kept; empty: in memory
	// Arrived is told of every object that has fully arrived, before its put is answered.
	Arrived func(bucket, key string)
	Fault   calls.Hook
}

// Server is one OSS endpoint.
type Server struct {
	opt Options
	log calls.Log

	mu      sync.RWMutex
	buckets map[string]*bucket
	uploads map[string]*upload
}

// New makes a server; it reads Dir and fails if it cannot.
func New(opt Options) (*Server, error) {
	if opt.Keys == nil {
		return nil, fmt.Errorf("fakeoss: Options.Keys is required")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{opt: opt, buckets: map[string]*bucket{}, uploads: map[string]*upload{}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("fakeoss: %w", err)
	}
	for _, name := range opt.Buckets {
		if err := s.CreateBucket(name, false); err != nil {
			return nil, fmt.Errorf("fakeoss: %w", err)
		}
	}
	for _, name := range opt.Versioned {
		if err := s.CreateBucket(name, true); err != nil {
			return nil, fmt.Errorf("fakeoss: %w", err)
		}
	}
	return s, nil
}

// CreateBucket makes a bucket; one that exists keeps its objects.
func (s *Server) CreateBucket(name string, versioned bool) error {
	if !bucketName.MatchString(name) {
		return fmt.Errorf("bucket name %q is not valid", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucketFor(name)
	b.Versioned = b.Versioned || versioned
	return s.saveBucket(name, b)
}

// Calls returns the log of answered requests; Detail is bucket/key.
func (s *Server) Calls() []calls.Call { return s.log.Calls() }

// Log is the log with its counters.
func (s *Server) Log() *calls.Log { return &s.log }

// Open reads an object without asking for rights: it is how the other fakes read
// what was uploaded.
func (s *Server) Open(bucket, key string) (io.ReadSeekCloser, error) {
	_, body, refused := s.take(bucket, key)
	if refused != nil {
		return nil, fmt.Errorf("open %s/%s: %s", bucket, key, refused.code)
	}
	return body, nil
}

// Put stores an object without asking for rights; Arrived is not told of it.
func (s *Server) Put(bucket, key string, body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if _, refused := s.commit(bucket, key, data, Object{}, false); refused != nil {
		return fmt.Errorf("put %s/%s: %s", bucket, key, refused.code)
	}
	return nil
}

// Remove takes an object out without asking for rights; one that is not there is fine.
func (s *Server) Remove(bucket, key string) error {
	if refused := s.drop(bucket, key); refused != nil {
		return fmt.Errorf("remove %s/%s: %s", bucket, key, refused.code)
	}
	return nil
}

// Keys lists a bucket's keys in byte order, without asking for rights.
func (s *Server) Keys(bucket string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return append([]string{}, b.keys...)
	}
	return nil
}

// fault is a refusal in OSS's words.
type fault struct {
	status        int
	code, message string
}

func refuse(status int, code, message string) *fault { return &fault{status, code, message} }

// answer is what a handler wants sent.
type answer struct {
	status int
	header map[string]string
	xml    any
	body   io.ReadSeekCloser // of the object
	object *Object           // send its bytes, or their part that the request asks for
}

// target is what a request is about.
type target struct {
	bucket, key string
	query       url.Values
	row         row    // nameless: the method does nothing with it
	unknown     string // a parameter or header that is not emulated
	op          string // the row's, for the log
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.ToUpper(rand.Text())[:24]
	w.Header().Set("x-oss-request-id", id)
	w.Header().Set("Server", "AliyunOSS")
	t := parse(r)
	var k fakeram.Key
	var a *answer
	var refused *fault
	var f calls.Fault
	if k, refused = s.authenticate(r, t); refused == nil {
		f = s.opt.Fault.For(t.op, k.ID, t.bucket+"/"+t.key)
		if f.Delay > 0 {
			wait(r.Context(), f.Delay)
		}
		if f.Spoils() && !f.After {
			refused = refuse(f.Status, f.Code, f.Message)
		} else {
			a, refused = s.handle(r, t, k)
		}
		if f.Spoils() && f.After {
			if a != nil && a.body != nil {
				_ = a.body.Close()
			}
			a, refused = nil, refuse(f.Status, f.Code, f.Message)
		}
	}
	call := calls.Call{At: time.Now(), Op: t.op, KeyID: k.ID, Detail: t.bucket + "/" + t.key}
	if f.Reset {
		s.log.Add(call)
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	if refused != nil {
		call.Status, call.Code = refused.status, refused.code
		s.log.Add(call)
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // else the client may see a reset instead of the answer
		s.refuse(w, r, id, refused)
		return
	}
	call.Status = a.status
	s.log.Add(call)
	s.send(w, r, a)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, id string, f *fault) {
	body, _ := xml.Marshal(struct {
		XMLName                              xml.Name `xml:"Error"`
		Code, Message, RequestId, HostId, EC string
	}{Code: f.code, Message: f.message, RequestId: id, HostId: r.Host})
	body = append([]byte(xml.Header), body...)
	if r.Method == http.MethodHead { // a head has no body to say it in
		w.Header().Set("x-oss-err", base64.StdEncoding.EncodeToString(body))
		w.WriteHeader(f.status)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, a *answer) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.object != nil {
		o := a.object
		defer func() { _ = a.body.Close() }()
		h := w.Header()
		h.Set("ETag", `"`+o.ETag+`"`)
		h.Set("Content-Type", o.ContentType)
		h.Set("x-oss-hash-crc64ecma", fmt.Sprint(o.CRC64))
		h.Set("x-oss-object-type", "Normal")
		h.Set("x-oss-storage-class", "Standard")
		for k, v := range o.Meta {
			h.Set(k, v)
		}
		for k, v := range a.header { // what the request wants them to be
			h.Set(k, v)
		}
		http.ServeContent(w, r, "", o.Modified, a.body)
		return
	}
	if a.xml == nil {
		w.WriteHeader(a.status)
		return
	}
	body, err := xml.Marshal(a.xml)
	if err != nil {
		s.refuse(w, r, "", refuse(500, "InternalError", "We encountered an internal error. Please try again."))
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(a.status)
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// parse finds bucket, key and operation. The bucket is the first label of the host
// (virtual-host style) unless the host is an address or the endpoint itself.
func parse(r *http.Request) target {
	t := target{query: r.URL.Query()}
	path := strings.TrimPrefix(r.URL.Path, "/")
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	first, rest, dotted := strings.Cut(host, ".")
	if dotted && net.ParseIP(host) == nil && !strings.HasPrefix(first, "oss-") && first != "oss" &&
		(strings.HasPrefix(rest, "oss-") || strings.HasPrefix(rest, "oss.") || rest == "localhost") {
		t.bucket, t.key = first, path
	} else {
		t.bucket, t.key, _ = strings.Cut(path, "/")
	}
	t.row, t.unknown = operation(r, t)
	t.op = t.row.op
	if t.op == "" {
		t.op = r.Method
	}
	if t.unknown != "" {
		t.op += "?" + t.unknown
	}
	return t
}
