package fakefc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
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
type Variables struct {
	Account string
	Env     map[string]string // the only source of ${env(...)}: the process's own is not looked at
}

// ReadManifest reads the functions of an s.yaml for the fc3 component. All that is
// wrong with it is reported together.
func ReadManifest(file string, v Variables) ([]Function, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	fs, err := ParseManifest(text, folder, v)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", file, err)
	}
	return fs, nil
}

// ParseManifest is ReadManifest of a text; code folders are relative to folder.
func ParseManifest(text []byte, folder string, v Variables) ([]Function, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &tree); err != nil { // some editors put that mark first
		return nil, err
	}
	resources, _ := tree["resources"].(map[string]any)
	ids := make([]string, 0, len(resources))
	for id := range resources {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var fs []Function
	var errs []error
	for _, id := range ids {
		resource, _ := resources[id].(map[string]any)
		if resource["component"] != "fc3" {
			continue // another component is not ours to run
		}
		r := resolver{tree: tree, this: resource, vars: v}
		props, err := r.resolve(resource["props"], 0)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
			continue
		}
		f, err := function(props, folder)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
			continue
		}
		if slices.ContainsFunc(fs, func(g Function) bool { return g.Name == f.Name }) {
			errs = append(errs, fmt.Errorf("%s: functionName %s is used twice", id, f.Name))
		}
		fs = append(fs, f)
	}
	return fs, errors.Join(errs...)
}

// resolver replaces the placeholders of Serverless Devs.
type resolver struct {
	tree, this map[string]any
	vars       Variables
}

var (
	placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)
	funcall     = regexp.MustCompile(`^(\w+)\(\s*(?:'([^']*)'|"([^"]*)"|([^'",\s]*))\s*(?:,\s*(?:'([^']*)'|"([^"]*)"|([^'",]*?))\s*)?\)$`)
)

const deepest = 10 // references that lead in a circle end here

func (r resolver) resolve(node any, depth int) (any, error) {
	if depth > deepest {
		return nil, errors.New("variables refer to each other in a circle")
	}
	switch node := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(node))
		for k, v := range node {
			got, err := r.resolve(v, depth)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = got
		}
		return out, nil
	case []any:
		out := make([]any, len(node))
		for i, v := range node {
			got, err := r.resolve(v, depth)
			if err != nil {
				return nil, err
			}
			out[i] = got
		}
		return out, nil
	case string:
		if m := placeholder.FindStringSubmatch(node); m != nil && m[0] == node {
			return r.value(strings.TrimSpace(m[1]), depth) // alone: the value keeps its kind
		}
		var failed error
		out := placeholder.ReplaceAllStringFunc(node, func(m string) string {
			v, err := r.value(strings.TrimSpace(m[2:len(m)-1]), depth)
			if err != nil {
				failed = err
				return ""
			}
			return fmt.Sprint(v)
		})
		return out, failed
	}
	return node, nil
}

func (r resolver) value(expr string, depth int) (any, error) {
	if m := funcall.FindStringSubmatch(expr); m != nil {
		name, arg, other := m[1], m[2]+m[3]+m[4], m[5]+m[6]+m[7]
		switch {
		case name == "env":
			if v, ok := r.vars.Env[arg]; ok && v != "" {
				return v, nil
			}
			return other, nil
		case name == "config" && arg == "AccountID":
			return r.vars.Account, nil
		}
		return nil, fmt.Errorf("${%s} is not emulated", expr)
	}
	parts := strings.Split(expr, ".")
	var node any
	switch parts[0] {
	case "vars", "resources":
		node = r.tree
	case "this":
		node, parts = r.this, parts[1:]
	default:
		return nil, fmt.Errorf("${%s} is not emulated", expr)
	}
	for _, p := range parts {
		m, ok := node.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("${%s} leads nowhere", expr)
		}
		if node, ok = m[p]; !ok {
			return nil, fmt.Errorf("${%s} leads nowhere", expr)
		}
	}
	return r.resolve(node, depth+1)
}

// wireProps is the spelling of the component's props.
type wireProps struct {
	FunctionName string            `json:"functionName"`
	Runtime      string            `json:"runtime"`
	Handler      string            `json:"handler"`
	Code         json.RawMessage   `json:"code"`
	Role         string            `json:"role"`
	MemorySize   int               `json:"memorySize"`
	Timeout      int               `json:"timeout"`
	Env          map[string]string `json:"environmentVariables"`
	LifeCycle    struct {
		Initializer, PreStop *struct {
			Handler string `json:"handler"`
			Timeout int    `json:"timeout"`
		}
	} `json:"instanceLifecycleConfig"`
	Async struct {
		Retries      *int `json:"maxAsyncRetryAttempts"`
		MaxAge       int  `json:"maxAsyncEventAgeInSeconds"`
		Destinations struct {
			OnSuccess, OnFailure struct {
				Destination string `json:"destination"`
			}
		} `json:"destinationConfig"`
	} `json:"asyncInvokeConfig"`
	Concurrency struct {
		Reserved int `json:"reservedConcurrency"`
	} `json:"concurrencyConfig"`
	Triggers []wireTrigger `json:"triggers"`
}

type wireTrigger struct {
	Name      string `json:"triggerName"`
	Type      string `json:"triggerType"`
	SourceArn string `json:"sourceArn"`
	Config    struct {
		Cron    string `json:"cronExpression"`
		Enable  bool   `json:"enable"`
		Payload string `json:"payload"`

		Auth    string   `json:"authType"`
		Methods []string `json:"methods"`

		TriggerEnable *bool `json:"triggerEnable"`
		Async         bool  `json:"asyncInvocationType"`
		Source        struct {
			Type   string `json:"eventSourceType"`
			Params struct {
				MNS struct {
					Queue  string `json:"QueueName"`
					Decode *bool  `json:"IsBase64Decode"`
				} `json:"sourceMNSParameters"`
			} `json:"eventSourceParameters"`
		} `json:"eventSourceConfig"`
		Sink struct {
			Option struct {
				Schema string `json:"eventSchema"`
			} `json:"deliveryOption"`
		} `json:"eventSinkConfig"`
		Run struct {
			Mode      string `json:"mode"`
			Tolerance string `json:"errorsTolerance"`
			Retry     struct {
				Push string `json:"PushRetryStrategy"`
			} `json:"retryStrategy"`
			Batch struct {
				Count int     `json:"CountBasedWindow"`
				Time  float64 `json:"TimeBasedWindow"`
			} `json:"batchWindow"`
			DeadLetters struct {
				Arn string
			} `json:"deadLetterQueue"`
		} `json:"runOptions"`

		Format string `json:"notifyContentFormat"`
		Notify string `json:"notifyStrategy"`
		Tag    string `json:"filterTag"`
	} `json:"triggerConfig"`
}

var goodFunction = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// function checks one resource's props and turns them into ours.
func function(props any, folder string) (Function, error) {
	raw, err := json.Marshal(props)
	if err != nil {
		return Function{}, err
	}
	var w wireProps
	if err := json.Unmarshal(raw, &w); err != nil {
		return Function{}, err
	}
	f := Function{
		Name: w.FunctionName, Runtime: w.Runtime, Handler: w.Handler,
		Role: strings.ToLower(path.Base(w.Role)), Memory: or(w.MemorySize, 512), Timeout: seconds(or(w.Timeout, 3)), Env: w.Env,
		Retries: 3, MaxAge: seconds(or(w.Async.MaxAge, 86400)), Reserved: w.Concurrency.Reserved,
		OnSuccess: w.Async.Destinations.OnSuccess.Destination, OnFailure: w.Async.Destinations.OnFailure.Destination,
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
	var code string
	var source struct {
		Src string `json:"src"`
	}
	if json.Unmarshal(w.Code, &code) != nil && json.Unmarshal(w.Code, &source) == nil {
		code = source.Src
	}
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

func trigger(w wireTrigger, f Function) (Trigger, error) {
	c := w.Config
	t := Trigger{Name: w.Name, Type: w.Type, Enabled: true}
	if !goodTrigger.MatchString(w.Name) {
		return t, fmt.Errorf("triggerName %q: 1 to 128 letters, digits, _ and -, not beginning with a digit or -", w.Name)
	}
	switch w.Type {
	case "timer":
		t.Cron, t.Payload, t.Enabled = c.Cron, c.Payload, c.Enable
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
		t.Enabled = c.TriggerEnable == nil || *c.TriggerEnable
		t.Queue, t.Decode = c.Source.Params.MNS.Queue, c.Source.Params.MNS.Decode == nil || *c.Source.Params.MNS.Decode
		t.Stream, t.Async, t.Raw = c.Run.Mode != "event-driven", c.Async, c.Sink.Option.Schema == "RawData"
		t.Count, t.Window = or(c.Run.Batch.Count, 1), time.Duration(c.Run.Batch.Time*float64(time.Second))
		t.Exponential, t.Tolerant = c.Run.Retry.Push == "EXPONENTIAL_DECAY_RETRY", c.Run.Tolerance == "ALL"
		if c.Run.DeadLetters.Arn != "" {
			t.DeadLetters = path.Base(c.Run.DeadLetters.Arn)
		}
		if t.Queue == "" || t.Count < 1 || t.Count > 10000 || t.Window < 0 || t.Window > 15*time.Second {
			return t, errors.New("a QueueName, a CountBasedWindow of 1 to 10000 and a TimeBasedWindow of 0 to 15 are needed")
		}
	case "mns_topic":
		t.Topic, t.Format, t.Tag = path.Base(w.SourceArn), or(c.Format, "STREAM"), c.Tag
		t.Exponential = c.Notify == "EXPONENTIAL_DECAY_RETRY"
		if !strings.Contains(w.SourceArn, ":/topics/") {
			return t, fmt.Errorf("sourceArn %q names no topic", w.SourceArn)
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
