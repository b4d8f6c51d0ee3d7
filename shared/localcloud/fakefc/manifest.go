package fakefc

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
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

// ReadManifest reads the functions of an s.yaml for the fc3 component, under one reading
// of what the documents leave open. All that is wrong with it is reported together.
func ReadManifest(file string, v Variables, d Doubts) ([]Function, error) {
	m, err := manifest.Read(file, v)
	folder, wrong := filepath.Abs(filepath.Dir(file))
	if wrong != nil {
		return nil, fmt.Errorf("manifest: %w", wrong)
	}
	functions, wrong := functionsOf(m, folder, d)
	if wrong != nil {
		wrong = fmt.Errorf("manifest %s: %w", file, wrong)
	}
	return functions, errors.Join(err, wrong)
}

// ParseManifest is ReadManifest of a text; code folders are relative to folder.
func ParseManifest(text []byte, folder string, v Variables, d Doubts) ([]Function, error) {
	m, err := manifest.Parse(text, v)
	functions, wrong := functionsOf(m, folder, d)
	return functions, errors.Join(err, wrong)
}

// functionsOf checks what the platform checks.
func functionsOf(m manifest.Manifest, folder string, d Doubts) (functions []Function, err error) {
	var errs []error
	for _, w := range m.Functions {
		f, err := function(w, folder, d)
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

// function checks one resource and turns it into ours.
func function(w manifest.Function, folder string, d Doubts) (Function, error) {
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
	errs := []error{checkFunction(w, d)}
	for _, t := range w.Triggers {
		if err := checkTrigger(t, w); err != nil {
			errs = append(errs, fmt.Errorf("trigger %s: %w", t.Name, err))
			continue
		}
		if slices.ContainsFunc(f.Triggers, func(o Trigger) bool { return o.Name == t.Name }) {
			errs = append(errs, fmt.Errorf("trigger %s: the name is used twice", t.Name))
		}
		f.Triggers = append(f.Triggers, trigger(t))
	}
	return f, errors.Join(errs...)
}

// trigger turns a checked one into ours.
func trigger(w manifest.Trigger) Trigger {
	c := w.Config
	t := Trigger{Name: w.Name, Type: w.Type, Enabled: !w.Off()}
	switch w.Type {
	case "timer":
		t.Cron, t.Payload = c.Cron, c.Payload
	case "http":
		t.Auth, t.Methods = c.Auth, c.Methods
	case "eventbridge":
		t.Queue, t.Decode = w.Queue(), c.Source.Parameters.MNS.Decode == nil || *c.Source.Parameters.MNS.Decode
		t.Stream, t.Async, t.Raw = c.Run.Mode != "event-driven", c.Async, c.Sink.Option.Schema == "RawData"
		t.Count, t.Window = or(c.Run.Batch.Count, 1), time.Duration(c.Run.Batch.Time*float64(time.Second))
		t.Exponential, t.Tolerant = c.Run.Retry.Push == "EXPONENTIAL_DECAY_RETRY", c.Run.Tolerance == "ALL"
		if arn := c.Run.DeadLetters.ARN; arn != "" {
			t.DeadLetters = path.Base(strings.TrimSuffix(arn, "/messages"))
		}
	case "mns_topic":
		t.Topic, t.Format, t.Tag = path.Base(strings.TrimSuffix(w.SourceARN, "/messages")), or(c.Format, "STREAM"), c.Tag
		t.Exponential = c.Notify == "EXPONENTIAL_DECAY_RETRY"
	}
	return t
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
