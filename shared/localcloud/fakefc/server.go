// Package fakefc is the local cloud's Function Compute: it reads an s.yaml, runs
// each function's binary as a process of its own under the runtime API of the
// built-in Go runtime (go1), and fires its triggers.
//
// Emulated: a manifest that is refused as the platform refuses it; instances that start on demand, are reused, serve one invocation at a
// time, are frozen in between and stopped when idle; initializer and preStop; time-outs that kill; processes that exit; the
// environment and the credentials of the function's role, fresh in the headers of
// each invocation; synchronous and asynchronous invocation with retries and
// destinations; HTTP, timer, MNS topic and EventBridge MNS queue triggers with
// batch window, retry strategy and dead letters; logs per invocation; faults that a
// test asks for; a process that uses more memory than its function has is killed. Partly:
// CPU and disk are not limited; HTTP triggers without authentication only; elsewhere than
// on Linux memory is not limited, idle instances are not frozen and do not die with a
// killed local cloud. Never: other runtimes, containers, layers, VPC, NAS, tracing,
// versions and aliases, async tasks, provisioned instances, operations on functions but
// GetFunction and ListTriggers (whatever asks for one is NotImplemented by its name). These
// two and the invocation call take the signatures of versions 3.0 and 2.0; without
// Options.Signed they also take none, since they are on loopback.
//
// Where the provider's documents leave a point open, Doubts names the choices.
package fakefc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

// Options says what the functions run with. Keys is required.
type Options struct {
	Keys    *fakeram.Keys
	Region  string // default cn-shanghai
	Account string // default 1234567890123456
	// Functions as ReadManifest gives them.
	Functions []Function
	// Policies is the folder that holds <function>/ram-policy.json, which becomes
	// the policy of the function's role; "" or no such file: the role may do all.
	Policies string
	// Policy names another file than ram-policy.json for a function, by its environment;
	// nil or "": there is none.
	Policy func(f Function, env map[string]string) string
	// Env is laid over the environment of every function.
	Env map[string]string
	// Queues is where queue and topic triggers take their messages and where dead
	// letters and results go; nil: such triggers do not fire.
	Queues *fakemns.Server
	// Now is the clock of timers, the library's; default time.Now. Deadlines and
	// credentials go by the real one.
	Now func() time.Time
	// Instances is the most processes of a function without reservation; default 4.
	Instances int
	// Pace scales the documented waits between retries and the batch windows: 1, the
	// default, is the provider's pace, 0.01 a hundred times as fast.
	Pace float64
	// StartLimit is how long a process may take until it asks for work; default 10 s.
	StartLimit time.Duration
	// Idle is how long an instance may be unused before it is stopped; default 5 min.
	Idle time.Duration
	// Awake leaves idle instances running; the platform freezes them between calls,
	// and so does this (on Linux).
	Awake bool
	// FreeMemory lets a process grow beyond its function's memorySize; otherwise it is
	// killed, with its children, and the call fails as that of any process that exits
	// (what else the platform says then is not documented). Needs Linux to be noticed.
	FreeMemory bool
	// Signed refuses invocations without a signature; one that is there is always checked.
	Signed bool
	// Fault chooses what goes wrong: op is the kind of the invocation, or batch for
	// what a queue trigger has gathered; detail is the function.
	Fault calls.Hook
	// Done is called after each invocation; nil: nobody cares.
	Done func(Invocation)
	// Acknowledged is called with the messages of a batch that has ended, when they
	// leave their queue; nil: nobody cares.
	Acknowledged func(queue string, messages []fakemns.Message)

	Log    *slog.Logger // gets each invocation, with the end of its log, at debug; default: none
	Doubts Doubts
}

// Doubts are the points on which the provider's documents are silent or disagree.
type Doubts struct {
	// StringBatches sends the elements of a batch as JSON strings, not as objects.
	StringBatches bool
	// AsyncMeansSync reads asyncInvocationType the other way round.
	AsyncMeansSync bool
	// HTTPFailure is the status an HTTP caller sees when the function failed;
	// default 502.
	HTTPFailure int
	// StrictHTTP answers 502 to a result that is not a response object, not 200
	// with the result as JSON.
	StrictHTTP bool
	// DeadEvents writes dead letters of a queue trigger as the events that were pushed,
	// not as the bodies of the messages that they came from.
	DeadEvents bool
	// GatherWhilePushing gathers the next batch of a queue while one is being pushed,
	// not only once it was taken.
	GatherWhilePushing bool
	// WideLimits takes the larger of two limits of a manifest that documents give: 128
	// letters of a functionName, not 64, and 30 days of maxAsyncEventAgeInSeconds, not 7.
	WideLimits bool
	// SelfHost writes the loopback host into requestContext.domainName, not a name
	// of the form <id>.<region>.fcapp.run.
	SelfHost bool
}

// Server runs the functions. Its methods may be called concurrently.
type Server struct {
	opt    Options
	stop   context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // consumers, asynchronous invocations, the ticker

	mu        sync.Mutex
	functions []*fn
	schedules map[string]schedule
	ticked    map[string]time.Time // by timer: the last planned time that was seen
	moved     chan struct{}        // closed when the clock was moved
	base      string               // URL of this face, for HTTP triggers
	closed    bool
	async     int           // accepted, not yet finished
	lost      int           // given up with no destination that took them
	quiet     chan struct{} // closed when async falls to 0
	streams   map[string]string

	logMu       sync.Mutex
	invocations []*record
	counts      map[string]int
	failures    map[string]int
}

// New returns a server. Nothing runs before Start, and no process before it is needed.
func New(opt Options) (*Server, error) {
	opt.Region = cmp.Or(opt.Region, "cn-shanghai")
	opt.Account = cmp.Or(opt.Account, "1234567890123456")
	opt.Instances = cmp.Or(opt.Instances, 4)
	opt.Pace = cmp.Or(opt.Pace, 1)
	opt.StartLimit = cmp.Or(opt.StartLimit, 10*time.Second)
	opt.Idle = cmp.Or(opt.Idle, 5*time.Minute)
	opt.Doubts.HTTPFailure = cmp.Or(opt.Doubts.HTTPFailure, http.StatusBadGateway)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opt: opt, schedules: map[string]schedule{}, ticked: map[string]time.Time{}, moved: make(chan struct{}),
		streams: map[string]string{}, counts: map[string]int{}, failures: map[string]int{},
	}
	s.stop, s.cancel = context.WithCancel(context.Background())
	now := opt.Now()
	for _, f := range opt.Functions {
		s.functions = append(s.functions, newFn(s, f))
		if err := s.loadPolicy(f); err != nil {
			return nil, err
		}
		for _, t := range f.Triggers {
			if t.Type != "timer" || !t.Enabled {
				continue
			}
			sched, err := parseSchedule(t.Cron)
			if err != nil {
				return nil, fmt.Errorf("function %s, trigger %s: %w", f.Name, t.Name, err)
			}
			s.schedules[f.Name+"/"+t.Name], s.ticked[f.Name+"/"+t.Name] = sched, now
		}
	}
	return s, nil
}

func (s *Server) loadPolicy(f Function) error {
	if s.opt.Policies == "" || f.Role == "" {
		return nil
	}
	file := "ram-policy.json"
	if s.opt.Policy != nil {
		env := maps.Clone(f.Env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, s.opt.Env)
		file = or(s.opt.Policy(f, env), file)
	}
	text, err := os.ReadFile(filepath.Join(s.opt.Policies, f.Name, file))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("function %s: %w", f.Name, err)
	}
	policy, err := fakeram.ParsePolicy(text)
	if err != nil {
		return fmt.Errorf("function %s: %s: %w", f.Name, file, err)
	}
	s.opt.Keys.SetRole(f.Role, policy)
	return nil
}

// Start says under which base URL this face is reached, and starts the consumers
// of the queue triggers and the ticker of the timers.
func (s *Server) Start(base string, env map[string]string) {
	s.mu.Lock()
	s.base = base
	s.opt.Env = maps.Clone(s.opt.Env)
	if s.opt.Env == nil {
		s.opt.Env = map[string]string{}
	}
	maps.Copy(s.opt.Env, env)
	s.mu.Unlock()
	for _, f := range s.functions {
		for _, t := range f.Triggers {
			switch {
			case !t.Enabled || s.opt.Queues == nil:
			case t.Type == "eventbridge":
				s.work.Go(func() { s.consume(f, t) })
			case t.Type == "mns_topic":
				s.opt.Queues.Subscribe(t.Topic, f.Name+"-"+t.Name, t.Tag, func(n fakemns.Notice) { s.notice(f, t, n) })
			}
		}
	}
	s.work.Go(s.tickForever)
	s.work.Go(s.retireForever)
}

// URL is the address of an HTTP trigger, "" when there is none of that name.
func (s *Server) URL(function, trigger string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.functions {
		for _, t := range f.Triggers {
			if f.Name == function && t.Name == trigger && t.Type == "http" {
				return s.base + "/http/" + function + "/" + trigger + "/"
			}
		}
	}
	return ""
}

// Lost counts the asynchronous events that were given up and that no destination took:
// there was none, or it refused them as larger than its limit.
func (s *Server) Lost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Functions answers what the manifest said, by name.
func (s *Server) Functions() []Function {
	out := make([]Function, len(s.functions))
	for i, f := range s.functions {
		out[i] = f.Function
	}
	return out
}

func (s *Server) find(name string) *fn {
	i := slices.IndexFunc(s.functions, func(f *fn) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return s.functions[i]
}

// Tick fires the timers that came due, each once, in the order of their planned
// times, and waits for each before the next: a planner runs before its executor,
// however far the clock was moved. It answers what was fired.
func (s *Server) Tick(ctx context.Context, now time.Time) []Invocation {
	s.mu.Lock()
	close(s.moved)
	s.moved = make(chan struct{})
	s.mu.Unlock()
	var out []Invocation
	for _, d := range s.collect(now) {
		if ctx.Err() != nil || s.stop.Err() != nil {
			break
		}
		event, _ := json.Marshal(map[string]string{
			"triggerTime": d.at.Format(time.RFC3339), "triggerName": d.t.Name, "payload": d.t.Payload,
		})
		out = append(out, s.runAsync(d.f, call{trigger: d.t.Name, kind: "timer", event: event, id: requestID()}))
	}
	return out
}

// tickForever fires timers while the clock runs by itself.
func (s *Server) tickForever() {
	for {
		wait := time.Hour
		if next, ok := s.nextTick(); ok {
			wait = min(wait, next.Sub(s.opt.Now()))
		}
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		timer := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-s.stop.Done():
			timer.Stop()
			return
		case <-moved:
			timer.Stop()
		case <-timer.C:
			for _, d := range s.collect(s.opt.Now()) {
				event, _ := json.Marshal(map[string]string{
					"triggerTime": d.at.Format(time.RFC3339), "triggerName": d.t.Name, "payload": d.t.Payload,
				})
				s.accept(d.f, call{trigger: d.t.Name, kind: "timer", event: event, id: requestID()})
			}
		}
	}
}

// Quiet waits until every accepted asynchronous invocation is over.
func (s *Server) Quiet(ctx context.Context) error {
	for {
		s.mu.Lock()
		n := s.async
		if s.quiet == nil && n > 0 {
			s.quiet = make(chan struct{})
		}
		quiet := s.quiet
		s.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close stops the triggers, lets each idle instance do its preStop, and ends every
// process. It may be called twice.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	var all sync.WaitGroup
	for _, f := range s.functions {
		for _, i := range f.close() {
			all.Go(func() { i.retire() })
		}
	}
	all.Wait()
	s.work.Wait()
}

// Kill ends one process of a function at once, a busy one before an idle one, and
// answers its pid; 0: none runs.
func (s *Server) Kill(function string) (pid int) {
	f := s.find(function)
	if f == nil {
		return 0
	}
	i := f.victim()
	if i == nil {
		return 0
	}
	i.kill("killed by a test")
	<-i.exited
	f.drop(i) // its own goroutine does so too, a moment later
	return i.pid
}

// Restart ends every process at once; the next call of a function starts a new one.
func (s *Server) Restart() {
	for _, f := range s.functions {
		for f.victim() != nil {
			s.Kill(f.Name)
		}
	}
}

// Rewind says that the clock was set to another time: what lies before it is not
// fired any more, what comes after it may fire again.
func (s *Server) Rewind(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.ticked {
		s.ticked[key] = now
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

// Running counts the live processes of a function.
func (s *Server) Running(function string) int {
	f := s.find(function)
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.live)
}

func requestID() string {
	return fmt.Sprintf("1-%08x-%08x-%012x", uint32(time.Now().Unix()), rand.Uint32(), rand.Uint64()>>16)
}

// lifeID is the id of a hook's call; the platform's look like UUIDs.
func lifeID() string {
	a, b := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}
