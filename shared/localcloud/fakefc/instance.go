package fakefc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
)

// Error types, as X-Fc-Error-Type names them.
const (
	Unhandled      = "UnhandledInvocationError"
	Initialization = "InitializationError"
)

// Hook numbers of x-fc-function-type.
const (
	hookNone = iota
	hookInitializer
	hookPreStop
)

// call is one piece of work for an instance.
type call struct {
	id      string
	kind    string
	trigger string
	event   []byte
	retry   int
	hook    int
	limit   time.Duration
	fault   calls.Fault

	done chan outcome
}

// outcome is how a call ended. status is the platform's refusal, 0 when the
// function ran.
type outcome struct {
	body      []byte
	errorType string
	reason    string
	status    int
	code      string
	cut       bool // the caller's connection is to be cut
	again     bool // what was delivered is to be delivered once more
}

// failure is a run that the platform ended.
func failure(message string) outcome {
	body, _ := json.Marshal(map[string]string{"errorMessage": message})
	return outcome{body: body, errorType: Unhandled, reason: message}
}

// fn is a function with its instances.
type fn struct {
	Function
	s     *Server
	slots chan struct{} // one for each call that may run at a time

	mu     sync.Mutex
	live   []*instance
	idle   []*instance // the latest used last
	minted []string    // key ids, oldest first
	closed bool
}

func newFn(s *Server, f Function) *fn {
	n := f.Reserved
	if n == 0 {
		n = s.opt.Instances
	}
	return &fn{Function: f, s: s, slots: make(chan struct{}, n)}
}

// keptKeys is how many invocations' credentials stay valid in the table: it would
// grow for ever otherwise, since a token lasts 36 hours.
const keptKeys = 200

func (f *fn) mint() fakeram.Key {
	if f.Role == "" {
		return fakeram.Key{}
	}
	k := f.s.opt.Keys.Mint(f.Role, f.s.opt.Account, 36*time.Hour)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.minted = append(f.minted, k.ID)
	if len(f.minted) > keptKeys {
		f.s.opt.Keys.Remove(f.minted[0])
		f.minted = f.minted[1:]
	}
	return k
}

// run serves one call on an idle instance or a new one. With a reservation, a call
// that finds no instance free is refused when it may not wait.
func (f *fn) run(ctx context.Context, c call, wait bool) (outcome, *record) {
	rec := f.s.open(Invocation{RequestID: c.id, Function: f.Name, Trigger: c.trigger, Kind: c.kind, At: time.Now(), Retry: c.retry, Event: c.event})
	c.fault = f.s.opt.Fault.For(c.kind, "", f.Name)
	var out outcome
	spoilt := outcome{status: or(c.fault.Status, http.StatusInternalServerError), code: c.fault.Code, errorType: or(c.fault.Code, "Reset"), reason: "a fault that was asked for", cut: c.fault.Reset}
	switch {
	case c.fault.Delay > 0 && !c.fault.Kill && !c.fault.Stall && !pause(ctx, c.fault.Delay):
		out = spoilt
	case c.fault.Spoils() && !c.fault.After:
		out = spoilt
	default:
		out = f.serve(ctx, c, wait, rec)
		if c.fault.Spoils() {
			out = spoilt
		}
	}
	out.again = c.fault.Duplicate
	f.s.finish(rec, out)
	return out, rec
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

func (f *fn) serve(ctx context.Context, c call, wait bool, rec *record) outcome {
	select {
	case f.slots <- struct{}{}:
	default:
		if f.Reserved > 0 && !wait {
			return outcome{status: 429, code: "ResourceExhausted", errorType: "ResourceExhausted", reason: "reserved concurrency is used up"}
		}
		select {
		case f.slots <- struct{}{}:
		case <-ctx.Done():
			return outcome{status: 499, code: "ClientClosedRequest", errorType: "ClientClosedRequest", reason: "the caller has gone"}
		case <-f.s.stop.Done():
			return stopping
		}
	}
	defer func() { <-f.slots }()
	i, cold, err := f.instance()
	if err != nil {
		var p *platformError
		if errors.As(err, &p) {
			return outcome{status: p.status, code: p.code, errorType: p.code, reason: p.text}
		}
		return outcome{status: 500, code: "InternalServerError", errorType: "InternalServerError", reason: err.Error()}
	}
	rec.mu.Lock()
	rec.inv.Instance, rec.inv.Cold = i.id, cold
	rec.mu.Unlock()
	if cold && f.Initializer > 0 {
		hook := call{id: lifeID(), kind: "initializer", hook: hookInitializer, limit: f.Initializer}
		hookRec := f.s.open(Invocation{RequestID: hook.id, Function: f.Name, Kind: hook.kind, At: time.Now(), Instance: i.id})
		out := i.do(hook, hookRec)
		f.s.finish(hookRec, out)
		if out.errorType != "" {
			i.kill("initializer failed")
			if out.status == 0 {
				out.errorType = Initialization
			}
			return out
		}
	}
	c.limit = f.Timeout
	out := i.do(c, rec)
	f.release(i)
	return out
}

var stopping = outcome{status: 503, code: "ResourceThrottled", errorType: "ResourceThrottled", reason: "the local cloud is closing"}

type platformError struct {
	status     int
	code, text string
}

func (e *platformError) Error() string { return e.code + ": " + e.text }

func (f *fn) instance() (i *instance, cold bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, &platformError{503, "ResourceThrottled", "the local cloud is closing"}
	}
	for len(f.idle) > 0 {
		i := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if !i.gone() {
			thaw(i.cmd)
			return i, false, nil
		}
	}
	i, err = f.launch()
	if err != nil {
		return nil, false, err
	}
	f.live = append(f.live, i)
	return i, true, nil
}

func (f *fn) release(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !i.gone() && !f.closed {
		i.used = time.Now()
		f.idle = append(f.idle, i)
		if !f.s.opt.Awake {
			freeze(i.cmd)
		}
	}
}

// close answers every live instance and lets no new one start.
func (f *fn) close() []*instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, i := range f.live {
		if !slices.Contains(f.idle, i) {
			i.kill("the local cloud is closing") // busy: nobody waits for it
		}
	}
	return slices.Clone(f.live)
}

func (f *fn) victim() *instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.live {
		if !slices.Contains(f.idle, i) && !i.gone() {
			return i
		}
	}
	for _, i := range f.live {
		if !i.gone() {
			return i
		}
	}
	return nil
}

// expired takes the instances out that have not been used for a while.
func (f *fn) expired(before time.Time) (out []*instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = slices.DeleteFunc(f.idle, func(i *instance) bool {
		old := i.used.Before(before)
		if old {
			out = append(out, i)
		}
		return old
	})
	return out
}

func (s *Server) retireForever() {
	ticker := time.NewTicker(max(s.opt.Idle/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			for _, f := range s.functions {
				for _, i := range f.expired(time.Now().Add(-s.opt.Idle)) {
					i.retire()
				}
			}
		}
	}
}

// instance is one process and the runtime API that it alone talks to.
type instance struct {
	id   string
	f    *fn
	pid  int
	key  string // of the credentials in its environment
	used time.Time

	listener net.Listener
	server   *http.Server
	work     chan call
	exited   chan struct{}

	cmd *exec.Cmd

	mu    sync.Mutex
	open  call // being served; its id is "" when there is none
	rec   *record
	cause string // why we ended it; "" when it ended by itself
	state string // exit state, once exited
}

func (i *instance) gone() bool {
	select {
	case <-i.exited:
		return true
	default:
		return false
	}
}

// launch starts a process. f.mu is held.
func (f *fn) launch() (*instance, error) {
	binary := f.Binary()
	if info, err := os.Stat(binary); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return nil, &platformError{412, "CAFileNotFound", "the start file of " + f.Name + " is missing or cannot be run: " + binary}
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &instance{id: "c-" + strings.TrimPrefix(requestID(), "1-"), f: f, listener: listener, work: make(chan call), exited: make(chan struct{}), used: time.Now()}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: time.Minute}
	cmd := exec.Command(binary) //nolint:noctx // it ends with its instance, not with the call that started it
	cmd.Dir, cmd.Env = f.Folder, f.environment(i)
	cmd.Stdout, cmd.Stderr = (*output)(i), (*output)(i)
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes
	separate(cmd)
	started := make(chan error)
	f.s.work.Go(func() {
		// The kernel kills the child when the thread that started it ends: the
		// goroutine keeps that thread for as long as the process lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		i.pid, i.cmd = cmd.Process.Pid, cmd
		started <- nil
		_ = cmd.Wait()
		i.mu.Lock()
		i.state = cmd.ProcessState.String()
		i.mu.Unlock()
		close(i.exited)
		_ = i.server.Close() // after the process: it would spin on a closed port
		f.drop(i)
	})
	if err := <-started; err != nil {
		_ = listener.Close()
		return nil, &platformError{412, "CAExited", "the start file of " + f.Name + " cannot be started: " + err.Error()}
	}
	f.s.work.Go(func() { _ = i.server.Serve(listener) })
	f.s.work.Go(i.watchMemory)
	return i, nil
}

func (f *fn) drop(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := func(o *instance) bool { return o == i }
	f.live, f.idle = slices.DeleteFunc(f.live, is), slices.DeleteFunc(f.idle, is)
	if i.key != "" {
		f.s.opt.Keys.Remove(i.key)
	}
}

// environment is what a process of the platform finds: nothing of ours leaks in.
func (f *fn) environment(i *instance) []string {
	env := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": "UTC",
	}
	maps.Copy(env, f.Env)
	f.s.mu.Lock()
	maps.Copy(env, f.s.opt.Env)
	f.s.mu.Unlock()
	maps.Copy(env, map[string]string{
		"FC_FUNC_CODE_PATH": f.Folder, "FC_ACCOUNT_ID": f.s.opt.Account, "FC_REGION": f.s.opt.Region,
		"FC_FUNCTION_NAME": f.Name, "FC_FUNCTION_HANDLER": f.Handler, "FC_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory),
		"FC_INSTANCE_ID": i.id, "FC_RUNTIME_API": i.listener.Addr().String(), "FC_VER_ID": "LATEST",
	})
	for _, k := range []string{"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"} {
		delete(env, k) // the account's own key is not the function's
	}
	if f.Role != "" {
		k := f.s.opt.Keys.Mint(f.Role, f.s.opt.Account, 36*time.Hour)
		i.key = k.ID
		env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], env["ALIBABA_CLOUD_SECURITY_TOKEN"] = k.ID, k.Secret, k.Token
	}
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// output takes what the process prints and gives it to the call being served, or
// to the one served last.
type output instance

func (o *output) Write(p []byte) (int, error) {
	i := (*instance)(o)
	i.mu.Lock()
	rec := i.rec
	i.mu.Unlock()
	if rec == nil {
		return len(p), nil
	}
	return rec.Write(p)
}

// do gives the process one call and waits for its answer, its end, or the time-out,
// which ends the process.
func (i *instance) do(c call, rec *record) outcome {
	c.done = make(chan outcome, 1)
	i.mu.Lock()
	i.rec = rec
	i.mu.Unlock()
	start := time.NewTimer(i.f.s.opt.StartLimit)
	defer start.Stop()
	select {
	case i.work <- c:
	case <-i.exited:
		return i.exit()
	case <-start.C:
		i.kill("never asked for work")
		<-i.exited
		out := failure(fmt.Sprintf("the process did not ask for work within %s", i.f.s.opt.StartLimit))
		out.status, out.code = 412, "CAExited"
		return out
	}
	limit := time.NewTimer(c.limit)
	defer limit.Stop()
	if c.fault.Kill && c.fault.Delay > 0 {
		timer := time.AfterFunc(c.fault.Delay, func() { i.kill("killed by a fault") })
		defer timer.Stop()
	}
	select {
	case out := <-c.done:
		if i.overMemory(false) { // it was too large before it answered
			<-i.exited
			return i.exit()
		}
		rec.settle()
		return out
	case <-i.exited:
		select {
		case out := <-c.done: // it answered, then ended
			return out
		default:
			return i.exit()
		}
	case <-limit.C:
		i.kill("timed out")
		<-i.exited
		return failure(fmt.Sprintf("Task timed out after %d seconds", int(c.limit/time.Second)))
	}
}

// stall stops the process just before it gets its work, for a while or for good.
func (i *instance) stall(d time.Duration) {
	freeze(i.cmd)
	if d > 0 {
		time.AfterFunc(d, func() {
			if !i.gone() {
				thaw(i.cmd)
			}
		})
	}
}

func (i *instance) exit() outcome {
	out := failure("Process exited unexpectedly before completing request")
	i.mu.Lock()
	defer i.mu.Unlock()
	out.reason = i.state
	if i.cause != "" {
		out.reason = i.cause + ", " + i.state
	}
	return out
}

func (i *instance) kill(cause string) {
	i.mu.Lock()
	if i.cause == "" {
		i.cause = cause
	}
	i.mu.Unlock()
	if !i.gone() {
		end(i.cmd)
	}
}

// retire ends an instance as the platform does: preStop when there is one and the
// instance is not busy, then the end of the process.
func (i *instance) retire() {
	if i.f.PreStop > 0 && !i.gone() {
		thaw(i.cmd)
		i.mu.Lock()
		busy := i.open.id != ""
		i.mu.Unlock()
		if !busy {
			hook := call{id: lifeID(), kind: "preStop", hook: hookPreStop, limit: i.f.PreStop}
			rec := i.f.s.open(Invocation{RequestID: hook.id, Function: i.f.Name, Kind: hook.kind, At: time.Now(), Instance: i.id})
			i.f.s.finish(rec, i.do(hook, rec))
		}
	}
	i.kill("stopped")
	<-i.exited
}

const base = "/2020-11-11/runtime/"

// ServeHTTP is the runtime API. The client asks for the next piece of work before
// it has finished the last: it is held until then.
func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, base)
	switch {
	case ok && r.Method == http.MethodGet && rest == "invocation/next":
		i.next(w, r)
	case ok && r.Method == http.MethodPost && rest == "init/error":
		i.mu.Lock()
		id := i.open.id
		i.mu.Unlock()
		i.answer(w, r, id, true)
	case ok && r.Method == http.MethodPost && strings.HasPrefix(rest, "invocation/"):
		id, what, _ := strings.Cut(strings.TrimPrefix(rest, "invocation/"), "/")
		if what == "response" || what == "error" {
			i.answer(w, r, id, what == "error")
			return
		}
		fallthrough
	default:
		http.NotFound(w, r)
	}
}

func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	var c call
	select {
	case c = <-i.work:
	case <-r.Context().Done():
		return
	case <-i.exited:
		return
	}
	i.mu.Lock()
	i.open = c
	i.mu.Unlock()
	h := w.Header()
	f, opt := i.f, i.f.s.opt
	for k, v := range map[string]string{
		"x-fc-request-id":         c.id,
		"x-fc-function-deadline":  strconv.FormatInt(time.Now().Add(c.limit).UnixMilli(), 10),
		"x-fc-function-timeout":   strconv.Itoa(int(c.limit / time.Second)),
		"x-fc-function-name":      f.Name,
		"x-fc-function-handler":   f.Handler,
		"x-fc-function-memory":    strconv.Itoa(f.Memory),
		"x-fc-region":             opt.Region,
		"x-fc-account-id":         opt.Account,
		"x-fc-qualifier":          "LATEST",
		"x-fc-service-logproject": "local",
		"x-fc-service-logstore":   f.Name,
		"Content-Type":            "application/octet-stream",
		"x-fc-retry-count":        strconv.Itoa(c.retry),
	} {
		h.Set(k, v)
	}
	if c.hook != hookNone {
		h.Set("x-fc-function-type", strconv.Itoa(c.hook))
	}
	if k := f.mint(); k.ID != "" {
		h.Set("x-fc-access-key-id", k.ID)
		h.Set("x-fc-access-key-secret", k.Secret)
		h.Set("x-fc-security-token", k.Token)
	}
	h.Set("Content-Length", strconv.Itoa(len(c.event)))
	switch {
	case c.fault.Stall:
		i.stall(c.fault.Delay)
	case c.fault.Kill && c.fault.Delay == 0:
		i.kill("killed by a fault")
	}
	_, _ = w.Write(c.event)
}

const maxResult = 32 << 20

func (i *instance) answer(w http.ResponseWriter, r *http.Request, id string, failed bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResult+1))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	c := i.open
	if c.id == "" || c.id != id {
		i.mu.Unlock()
		http.Error(w, "no such request", http.StatusNotFound)
		return
	}
	i.open = call{}
	i.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	out := outcome{body: body}
	switch {
	case failed:
		out.errorType = Unhandled
		var e struct{ ErrorMessage string }
		_ = json.Unmarshal(body, &e)
		out.reason = e.ErrorMessage
	case len(body) > maxResult:
		out = failure("the result is larger than 32 MB")
	}
	c.done <- out
}
