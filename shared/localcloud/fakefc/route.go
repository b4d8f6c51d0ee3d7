package fakefc

import (
	"cmp"
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// operationsText has a line for each operation of version 3.0 but InvokeFunction, as the
// official client calls it: method, path, name.
//
//go:embed operations.txt
var operationsText string

const thirdVersion = "/2023-03-30/"

// invocation is the call: of version 3.0, or of 2.0, where a service and perhaps a
// qualifier stand before the function.
var invocation = regexp.MustCompile(`^/(?:2023-03-30|(?:2016-08-15|2021-04-06)/services/[^/.]+(?:\.([^/]*))?)/functions/([^/]+)/invocations$`)

var secondVersion = regexp.MustCompile(`^/(?:2016-08-15|2021-04-06)/`)

// ServeHTTP answers the invocation call, the look at a function and its triggers, and the HTTP triggers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	m := invocation.FindStringSubmatch(r.URL.Path)
	switch {
	case len(parts) >= 3 && parts[0] == "http":
		s.serveTrigger(w, r, parts[1], parts[2])
	case m != nil && cmp.Or(m[1], "LATEST") != "LATEST":
		s.refuse(w, requestID(), http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate the qualifier of InvokeFunction")
	case m != nil:
		s.serveInvoke(w, r, m[2])
	case r.Method == http.MethodGet && lookup.MatchString(r.URL.Path):
		s.serveLookup(w, r)
	default:
		s.refusePath(w, r)
	}
}

// refusePath answers a request for anything else: by its name when the platform has it.
func (s *Server) refusePath(w http.ResponseWriter, r *http.Request) {
	name := ""
	if secondVersion.MatchString(r.URL.Path) {
		name = "version 2 of the API but for InvokeFunction"
	}
	for line := range strings.Lines(operationsText) {
		op := strings.Fields(line)
		if ok, _ := path.Match(thirdVersion+op[1], r.URL.Path); ok && op[0] == r.Method {
			name = op[2]
		}
	}
	if name == "" {
		s.refuse(w, requestID(), http.StatusBadRequest, "PathNotSupported", "the path is not supported")
		return
	}
	s.refuse(w, requestID(), http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate "+name)
}

// query reads the parameters of a URL; what cannot be decoded stays as it is, where
// net/url would drop it. Several values of one name are joined by commas.
func query(u *url.URL) map[string]string {
	decoded := func(text string) string {
		if d, err := url.QueryUnescape(text); err == nil {
			return d
		}
		return text
	}
	out := map[string]string{}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		k, v = decoded(k), decoded(v)
		if before, there := out[k]; there {
			v = before + "," + v
		}
		out[k] = v
	}
	return out
}

// control reads the headers that say how a function runs, at both doors.
func control(h http.Header) (async, tail bool, err error) {
	kind, logs := cmp.Or(h.Get("X-Fc-Invocation-Type"), "Sync"), cmp.Or(h.Get("X-Fc-Log-Type"), "None")
	if kind != "Sync" && kind != "Async" || logs != "None" && logs != "Tail" {
		err = errors.New("x-fc-invocation-type is Sync or Async, x-fc-log-type None or Tail")
	}
	return kind == "Async", logs == "Tail", err
}

// tasks are headers of asynchronous tasks; an HTTP trigger drops other x-fc- headers.
var tasks = []string{"x-fc-async-delay", "x-fc-async-task-id", "x-fc-stateful-async-invocation"}
