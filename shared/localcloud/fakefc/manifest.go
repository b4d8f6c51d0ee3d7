package fakefc

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/manifest"
)

// Function is what a resource of s.yaml says, as far as it means something here.
type Function struct {
	Name        string
	Runtime     string
	Handler     string
	Folder      string // of the code, absolute
	Role        string // its name, "" for a function without credentials
	Memory      int    // MB
	Timeout     time.Duration
	Env         map[string]string
	Initializer time.Duration // its time-out; 0: none
	PreStop     time.Duration
	Retries     int           // of an asynchronous invocation that failed
	MaxAge      time.Duration // after which an asynchronous event is given up
	OnSuccess   string        // destinations, as ARNs
	OnFailure   string
	Reserved    int // most instances at a time; 0: no reservation
	Triggers    []Trigger
}

// Binary is the file that runs.
func (f Function) Binary() string { return filepath.Join(f.Folder, filepath.FromSlash(f.Handler)) }

// Trigger is one trigger of a function; Type says which of the fields count.
type Trigger struct {
	Name    string
	Type    string // timer, http, eventbridge or mns_topic
	Enabled bool

	Cron, Payload string // timer

	Auth    string // http
	Methods []string

	Queue       string // eventbridge
	Decode      bool   // the bodies are base64
	Stream      bool   // an array of events per invocation, not one event
	Async       bool
	Raw         bool // eventSchema RawData
	Count       int
	Window      time.Duration
	Exponential bool // retry strategy; false is BACKOFF_RETRY
	Tolerant    bool // errorsTolerance ALL
	DeadLetters string

	Topic  string // mns_topic; its retry strategy is Exponential, too
	Format string // STREAM or JSON
	Tag    string
}

// Variables are what the placeholders of a manifest may ask for.
type Variables = manifest.Variables

// ReadManifest reads the functions of an s.yaml for the fc3 component. All that is
// wrong with it is reported together.
func ReadManifest(file string, v Variables) ([]Function, error) {
	m, err := manifest.Read(file, v)
	folder, wrong := filepath.Abs(filepath.Dir(file))
	if wrong != nil {
		return nil, fmt.Errorf("manifest: %w", wrong)
	}
	functions, wrong := functionsOf(m, folder)
	if wrong != nil {
		wrong = fmt.Errorf("manifest %s: %w", file, wrong)
	}
	return functions, errors.Join(err, wrong)
}

// ParseManifest is ReadManifest of a text; code folders are relative to folder.
func ParseManifest(text []byte, folder string, v Variables) ([]Function, error) {
	m, err := manifest.Parse(text, v)
	functions, wrong := functionsOf(m, folder)
	return functions, errors.Join(err, wrong)
}

// functionsOf checks what the platform checks.
func functionsOf(m manifest.Manifest, folder string) (functions []Function, err error) {
	var errs []error
	for _, w := range m.Functions {
		f, err := function(w, folder)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.Resource, err))
			continue
		}
		if slices.ContainsFunc(functions, func(g Function) bool { return g.Name == f.Name }) {
			errs = append(errs, fmt.Errorf("%s: functionName %s is used twice", w.Resource, f.Name))
		}
		functions = append(functions, f)
	}
	return functions, errors.Join(errs...)
}

var goodFunction = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// function checks one resource and turns it into ours.
func function(w manifest.Function, folder string) (Function, error) {
	f := Function{
		Name: w.Name, Runtime: w.Runtime, Handler: w.Handler,
		Role: strings.ToLower(path.Base(w.Role)), Memory: or(w.Memory, 512), Timeout: seconds(or(w.Timeout, 3)), Env: w.Env,
		Retries: 3, MaxAge: seconds(or(w.Async.MaxAge, 86400)), Reserved: w.Concurrency.Reserved,
		OnSuccess: w.Async.Destinations.OnSuccess.ARN, OnFailure: w.Async.Destinations.OnFailure.ARN,
	}
	if w.Role == "" {
		f.Role = ""
	}
	if w.Async.Retries != nil {
		f.Retries = *w.Async.Retries
	}
	if h := w.LifeCycle.Initializer; h != nil {
		f.Initializer = seconds(or(h.Timeout, 3))
	}
	if h := w.LifeCycle.PreStop; h != nil {
		f.PreStop = seconds(or(h.Timeout, 3))
	}
	code := string(w.Code)
	f.Folder = filepath.Join(folder, filepath.FromSlash(code))
	if filepath.IsAbs(code) {
		f.Folder = code
	}
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(w.Unresolved) > 0, "%s: not emulated, the local cloud fills in vars, resources, this, env(...) and config('AccountID')", strings.Join(w.Unresolved, " "))
	wrong(!goodFunction.MatchString(f.Name), "functionName %q: 1 to 64 letters, digits, _ and -, not beginning with a digit or -", f.Name)
	wrong(f.Runtime != "go1", "runtime %q is not emulated, only go1 is", f.Runtime)
	wrong(f.Handler == "", "handler is missing")
	wrong(code == "" || strings.Contains(code, "://") || strings.HasSuffix(code, ".zip"), "code %q: only a folder is emulated", code)
	wrong(f.Timeout < time.Second || f.Timeout > 86400*time.Second, "timeout %s: 1 to 86400 seconds", f.Timeout)
	wrong(f.Memory < 128 || f.Memory > 32768 || f.Memory%64 != 0, "memorySize %d: 128 to 32768 in steps of 64", f.Memory)
	wrong(f.Initializer > 300*time.Second, "initializer timeout %s: at most 300 s", f.Initializer)
	wrong(f.PreStop > 90*time.Second, "preStop timeout %s: at most 90 s", f.PreStop)
	wrong(f.Retries < 0 || f.Retries > 8, "maxAsyncRetryAttempts %d: 0 to 8", f.Retries)
	size := 0
	for k, v := range f.Env {
		size += len(k) + len(v)
		wrong(strings.HasPrefix(k, "FC_"), "environment variable %s: the prefix FC_ is the platform's", k)
	}
	wrong(size > 4096, "environment variables of %d bytes: at most 4096", size)
	wrong(len(w.Triggers) > 50, "%d triggers: at most 50", len(w.Triggers))
	for _, t := range w.Triggers {
		got, err := trigger(t, f)
		if err != nil {
			errs = append(errs, fmt.Errorf("trigger %s: %w", t.Name, err))
			continue
		}
		wrong(slices.ContainsFunc(f.Triggers, func(o Trigger) bool { return o.Name == t.Name }), "trigger %s: the name is used twice", t.Name)
		f.Triggers = append(f.Triggers, got)
	}
	return f, errors.Join(errs...)
}

var goodTrigger = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,127}$`)

func trigger(w manifest.Trigger, f Function) (Trigger, error) {
	c := w.Config
	t := Trigger{Name: w.Name, Type: w.Type, Enabled: !w.Off()}
	if !goodTrigger.MatchString(w.Name) {
		return t, fmt.Errorf("triggerName %q: 1 to 128 letters, digits, _ and -, not beginning with a digit or -", w.Name)
	}
	switch w.Type {
	case "timer":
		t.Cron, t.Payload = c.Cron, c.Payload
		_, err := parseSchedule(c.Cron)
		return t, err
	case "http":
		t.Auth, t.Methods = c.Auth, c.Methods
		if t.Auth != "anonymous" {
			return t, fmt.Errorf("authType %q is not emulated, only anonymous is", c.Auth)
		}
	case "eventbridge":
		if c.Source.Type != "MNS" {
			return t, fmt.Errorf("eventSourceType %q is not emulated, only MNS is", c.Source.Type)
		}
		if f.Timeout > 5*time.Minute {
			return t, fmt.Errorf("a function behind EventBridge may take 5 minutes at most, not %s", f.Timeout)
		}
		t.Queue, t.Decode = w.Queue(), c.Source.Parameters.MNS.Decode == nil || *c.Source.Parameters.MNS.Decode
		t.Stream, t.Async, t.Raw = c.Run.Mode != "event-driven", c.Async, c.Sink.Option.Schema == "RawData"
		t.Count, t.Window = or(c.Run.Batch.Count, 1), time.Duration(c.Run.Batch.Time*float64(time.Second))
		t.Exponential, t.Tolerant = c.Run.Retry.Push == "EXPONENTIAL_DECAY_RETRY", c.Run.Tolerance == "ALL"
		if c.Run.DeadLetters.ARN != "" {
			t.DeadLetters = path.Base(c.Run.DeadLetters.ARN)
		}
		if t.Queue == "" || t.Count < 1 || t.Count > 10000 || t.Window < 0 || t.Window > 15*time.Second {
			return t, errors.New("a QueueName, a CountBasedWindow of 1 to 10000 and a TimeBasedWindow of 0 to 15 are needed")
		}
	case "mns_topic":
		t.Topic, t.Format, t.Tag = path.Base(w.SourceARN), or(c.Format, "STREAM"), c.Tag
		t.Exponential = c.Notify == "EXPONENTIAL_DECAY_RETRY"
		if !strings.Contains(w.SourceARN, ":/topics/") {
			return t, fmt.Errorf("sourceArn %q names no topic", w.SourceARN)
		}
	default:
		return t, fmt.Errorf("triggerType %q is not emulated", w.Type)
	}
	return t, nil
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
