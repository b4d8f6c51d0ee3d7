package localcloud

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
)

// openapi describes what is asked under /_local/; a test compares it with routes.
//
//go:embed openapi.json
var openapi []byte

// routes are what is asked of the local cloud itself. openapi.json says what each one
// takes and answers.
func (c *Cloud) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /_local/openapi.json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(openapi)
		},
		"GET /_local/health": func(w http.ResponseWriter, _ *http.Request) {
			reply(w, http.StatusOK, map[string]bool{"healthy": true})
		},
		"GET /_local/ready":                  c.serveReady,
		"GET /_local/status":                 c.serveStatus,
		"GET /_local/clock":                  c.serveClock,
		"POST /_local/clock":                 c.serveMove,
		"GET /_local/calls":                  c.serveCalls,
		"GET /_local/invocations":            c.serveInvocations,
		"GET /_local/invocations/{id}":       c.serveInvocation,
		"GET /_local/logs/{id}":              c.serveLog,
		"GET /_local/faults":                 func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, c.Faults()) },
		"PUT /_local/faults":                 c.serveFaults,
		"POST /_local/snapshots/{name}":      c.serveSnapshot,
		"POST /_local/restore/{name}":        c.serveRestore,
		"POST /_local/reset":                 c.serveReset,
		"POST /_local/upload/{name}":         c.serveUpload,
		"POST /_local/views":                 c.serveViews,
		"POST /_local/findings/{id}":         c.serveFindings,
		"POST /_local/generate":              c.serveGenerate,
		"GET /_local/storage":                func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, c.VOD.Storage()) },
		"POST /_local/storage":               c.serveStorage,
		"POST /_local/functions/{name}/kill": c.serveKill,
		"POST /_local/queues/{name}":         c.serveQueue,
		"POST /_local/topics/{name}":         c.servePublish,
	}
}

// serveReady answers 200 once everything that Start starts is there.
func (c *Cloud) serveReady(w http.ResponseWriter, _ *http.Request) {
	ready := c.ready.Load()
	reply(w, map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[ready], map[string]bool{"ready": ready})
}

// front is the functions' address: the invocation call, HTTP triggers and, under
// /_local/, what is asked of the local cloud itself.
func (c *Cloud) front() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range c.routes() {
		mux.HandleFunc(pattern, handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) < 8 || r.URL.Path[:8] != "/_local/" {
			if !c.control(w, r) {
				c.FC.ServeHTTP(w, r)
			}
			return
		}
		// A page in somebody's browser can send requests to loopback; it cannot name
		// a loopback host or leave its origin out.
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) || r.Method != http.MethodGet && r.Header.Get("Origin") != "" {
			reply(w, http.StatusForbidden, map[string]string{"error": "only from this machine, not from a page"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

func fail(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

// Status is what GET /_local/status answers.
type Status struct {
	Region, Account string
	Now             time.Time
	Endpoints       map[string]string
	Functions       []FunctionStatus
	Queues          map[string]fakemns.Stats
	Streams         map[string]string // queue triggers: running or stopped
	Seed            uint64
	Faults          []FaultStatus
}

// FunctionStatus is one function in a Status.
type FunctionStatus struct {
	Name      string
	Triggers  []string
	Processes int
	Runs      map[string]int // by kind
	Failed    map[string]int
}

// Status tells what runs and what waits.
func (c *Cloud) Status() Status {
	s := Status{
		Region: c.opt.Region, Account: c.opt.Account, Now: c.Now(),
		Endpoints: map[string]string{}, Queues: map[string]fakemns.Stats{}, Streams: c.FC.Streams(), Seed: c.opt.Seed, Faults: c.Faults(),
	}
	for _, name := range []string{"VOD_ENDPOINT", "MNS_ENDPOINT", "OSS_ENDPOINT", "FUNCTIONS_ENDPOINT"} {
		s.Endpoints[name] = c.env[name]
	}
	for _, name := range c.MNS.Queues() {
		s.Queues[name] = c.MNS.Stats(name)
	}
	runs, failed := c.FC.Counts()
	for _, f := range c.FC.Functions() {
		one := FunctionStatus{Name: f.Name, Processes: c.FC.Running(f.Name), Runs: kinds(runs, f.Name), Failed: kinds(failed, f.Name)}
		for _, t := range f.Triggers {
			one.Triggers = append(one.Triggers, t.Name+" ("+t.Type+")")
		}
		s.Functions = append(s.Functions, one)
	}
	return s
}

// kinds takes one function's counters, which are by function/kind.
func kinds(counts map[string]int, function string) map[string]int {
	out := map[string]int{}
	for key, n := range counts {
		if len(key) > len(function) && key[:len(function)+1] == function+"/" {
			out[key[len(function)+1:]] = n
		}
	}
	return out
}

func (c *Cloud) serveStatus(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, c.Status())
}

func (c *Cloud) serveClock(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]time.Time{"now": c.Now()})
}

// shown is an invocation as the admin calls tell it: texts, not bytes.
type shown struct {
	RequestID, Function, Trigger, Kind string
	At                                 time.Time
	Milliseconds                       int64
	Retry                              int
	Instance                           string
	Cold, Done                         bool
	Event, Result, Error, Reason       string
}

func show(inv fakefc.Invocation) shown {
	return shown{
		inv.RequestID, inv.Function, inv.Trigger, inv.Kind, inv.At, inv.Duration.Milliseconds(), inv.Retry, inv.Instance,
		inv.Cold, inv.Done, string(inv.Event), string(inv.Result), inv.Error, inv.Reason,
	}
}

func (c *Cloud) serveMove(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Advance string
		To      time.Time
	}
	if err := body(r, &ask); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	d := ask.To.Sub(c.Now())
	if ask.To.IsZero() {
		var err error
		if d, err = time.ParseDuration(ask.Advance); err != nil {
			fail(w, http.StatusBadRequest, errors.New(`{"advance": a duration such as "2160h"} or {"to": a time} is needed`))
			return
		}
	}
	fired := []shown{}
	for _, inv := range c.Advance(d) {
		fired = append(fired, show(inv))
	}
	reply(w, http.StatusOK, map[string]any{"now": c.Now(), "fired": fired})
}

func body(r *http.Request, into any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// Counts answers how often each operation was called, by service.
func (c *Cloud) Counts() map[string]map[string]int {
	runs, _ := c.FC.Counts()
	return map[string]map[string]int{
		"vod": byOp(c.VOD.Log()), "callbacks": byOp(c.VOD.Deliveries()), "mns": c.MNS.Counts(), "oss": byOp(c.OSS.Log()), "functions": runs,
	}
}

func byOp(l *calls.Log) map[string]int {
	out := map[string]int{}
	for key, n := range l.Counts() {
		out[key.Op] += n
	}
	return out
}

// serveCalls answers the counters of all services, or with ?service= the latest calls
// of one (vod, callbacks, mns, oss), at most as many as ?last= says.
func (c *Cloud) serveCalls(w http.ResponseWriter, r *http.Request) {
	logs := map[string]*calls.Log{"vod": c.VOD.Log(), "callbacks": c.VOD.Deliveries(), "mns": c.MNS.Log(), "oss": c.OSS.Log()}
	service := r.URL.Query().Get("service")
	if service == "" {
		reply(w, http.StatusOK, c.Counts())
		return
	}
	log, ok := logs[service]
	if !ok {
		fail(w, http.StatusBadRequest, errors.New("service is vod, callbacks, mns or oss"))
		return
	}
	reply(w, http.StatusOK, latest(log.Calls(), r))
}

// latest cuts a list down to its last items, as many as the query asks for.
func latest[T any](list []T, r *http.Request) []T {
	if n, err := strconv.Atoi(r.URL.Query().Get("last")); err == nil && n >= 0 && n < len(list) {
		return list[len(list)-n:]
	}
	return list
}

func (c *Cloud) serveInvocations(w http.ResponseWriter, r *http.Request) {
	out := []shown{}
	for _, inv := range latest(c.FC.Invocations(r.URL.Query().Get("function")), r) {
		out = append(out, show(inv))
	}
	reply(w, http.StatusOK, out)
}

func (c *Cloud) serveInvocation(w http.ResponseWriter, r *http.Request) {
	inv, ok := c.FC.Invocation(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, errors.New("no such invocation is kept"))
		return
	}
	reply(w, http.StatusOK, show(inv))
}

func (c *Cloud) serveLog(w http.ResponseWriter, r *http.Request) {
	inv, ok := c.FC.Invocation(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, errors.New("no such invocation is kept"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Dropped-Bytes", strconv.Itoa(inv.Dropped))
	_, _ = w.Write(inv.Log)
}

func (c *Cloud) serveKill(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, map[string]int{"pid": c.FC.Kill(r.PathValue("name"))})
}

// serveFaults puts the body's rules in the place of those there were; an empty body
// takes them away.
func (c *Cloud) serveFaults(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		var rules []Fault
		if rules, err = ParseFaults(string(text)); err == nil {
			c.SetFaults(rules...)
			reply(w, http.StatusOK, c.Faults())
			return
		}
	}
	fail(w, http.StatusBadRequest, err)
}

// serveUpload takes a file, the body, as if a client had uploaded it; the query may
// hold title, description, tags, app, userData and template.
func (c *Cloud) serveUpload(w http.ResponseWriter, r *http.Request) {
	file, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	q := r.URL.Query()
	id, err := c.VOD.Upload(fakevod.Upload{
		FileName: r.PathValue("name"), Title: q.Get("title"), Description: q.Get("description"), Tags: q.Get("tags"),
		AppID: q.Get("app"), UserData: q.Get("userData"), Template: q.Get("template"),
	}, file)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"id": id})
}

// serveViews adds plays to the statistics of their days. The date may be left out, for
// the library's present day; a play of no number is one.
func (c *Cloud) serveViews(w http.ResponseWriter, r *http.Request) {
	var ask []struct {
		ID, Date string
		VV, UV   int64
		Seconds  float64
	}
	if err := body(r, &ask); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	var views []fakevod.View
	for _, v := range ask {
		if _, ok := c.VOD.Lookup(v.ID); !ok {
			fail(w, http.StatusBadRequest, fmt.Errorf("the library has no asset %q", v.ID))
			return
		}
		if _, err := time.Parse(time.DateOnly, v.Date); v.Date != "" && err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("date %q: a day such as 2026-01-31 is needed, of Beijing's time", v.Date))
			return
		}
		views = append(views, fakevod.View{ID: v.ID, Date: v.Date, VV: max(v.VV, 1), UV: max(v.UV, 1), Milliseconds: int64(v.Seconds * 1000)})
	}
	c.VOD.AddViews(views...)
	reply(w, http.StatusOK, map[string]int{"added": len(views)})
}

// serveFindings says what analysis and review of a media find from now on.
func (c *Cloud) serveFindings(w http.ResponseWriter, r *http.Request) {
	var ask fakevod.Findings
	if err := body(r, &ask); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	id := r.PathValue("id")
	if !c.VOD.SetFindings(id, ask) {
		fail(w, http.StatusNotFound, fmt.Errorf("the library has no asset %q", id))
		return
	}
	reply(w, http.StatusOK, map[string]string{"id": id})
}

// mostGenerated keeps a slip in a number from taking the machine's memory.
const mostGenerated = 2_000_000

// serveGenerate fills the library with assets made from a seed.
func (c *Cloud) serveGenerate(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Assets int
		Seed   uint64
	}
	err := body(r, &ask)
	if err == nil && (ask.Assets < 1 || ask.Assets > mostGenerated) {
		err = fmt.Errorf("assets %d: 1 to %d are made", ask.Assets, mostGenerated)
	}
	if err == nil {
		err = c.VOD.Generate(ask.Assets, ask.Seed)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, map[string]int{"assets": ask.Assets, "library": c.VOD.Len()})
}

// serveStorage puts assets into storage classes, as if they had been there since a time;
// it may be left out, for now.
func (c *Cloud) serveStorage(w http.ResponseWriter, r *http.Request) {
	var ask []struct {
		ID, Class string
		Since     time.Time
	}
	if err := body(r, &ask); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	for _, one := range ask {
		if a, ok := c.VOD.Lookup(one.ID); !ok || a.Kind == "image" || a.Kind == "attached" {
			fail(w, http.StatusBadRequest, fmt.Errorf("the library has no video or audio %q", one.ID))
			return
		}
		if !slices.Contains(fakevod.StorageClasses(), one.Class) {
			fail(w, http.StatusBadRequest, fmt.Errorf("class %q: it is one of %s", one.Class, strings.Join(fakevod.StorageClasses(), ", ")))
			return
		}
		if one.Since.After(c.Now()) {
			fail(w, http.StatusBadRequest, fmt.Errorf("since %s: it is later than the library's clock", one.Since.Format(time.RFC3339)))
			return
		}
	}
	for _, one := range ask {
		c.VOD.SetClass(one.ID, one.Class, one.Since)
	}
	reply(w, http.StatusOK, map[string]int{"set": len(ask)})
}

// serveQueue sets what only the provider's control plane can: dead letters.
func (c *Cloud) serveQueue(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		DeadLetterTargetQueue string
		MaxReceiveCount       int
	}
	if err := body(r, &ask); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	err := c.MNS.Configure(r.PathValue("name"), func(a *fakemns.Attributes) {
		a.DeadLetter, a.MaxReceives = ask.DeadLetterTargetQueue, ask.MaxReceiveCount
	})
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"queue": r.PathValue("name")})
}

func (c *Cloud) servePublish(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	c.MNS.CreateTopic(r.PathValue("name"))
	id, err := c.MNS.Publish(r.PathValue("name"), string(text), r.URL.Query().Get("tag"))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"id": id})
}
