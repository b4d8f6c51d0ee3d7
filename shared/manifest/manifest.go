// Package manifest reads s.yaml, the manifest of Serverless Devs' fc3 component: it fills
// in the placeholders and turns the text into functions. It checks nothing that only the
// platform refuses, calls nobody, and reads no environment but the one it is given.
//
// # Why
//
// Two readers would agree on a file only by chance. The operator's tool and the local cloud
// share this one, and each checks what matters to it.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/goccy/go-yaml"
)

// Manifest is what an s.yaml says.
type Manifest struct {
	Functions []Function // the resources of component fc3, sorted by the name of the resource
}

// Function returns the function of a resource, and whether there is one.
func (m Manifest) Function(resource string) (Function, bool) {
	i := slices.IndexFunc(m.Functions, func(f Function) bool { return f.Resource == resource })
	if i < 0 {
		return Function{}, false
	}
	return m.Functions[i], true
}

// Function is one resource, in the component's spelling. What the manifest leaves out is
// zero, and nil where zero has a meaning of its own.
type Function struct {
	Resource   string   `json:"-"` // its name in the manifest
	Unresolved []string `json:"-"` // placeholders that nothing here can fill in; they stand as written

	Name        string  `json:"functionName"`
	Runtime     string  `json:"runtime"`
	Handler     string  `json:"handler"`
	Code        Code    `json:"code"`
	Role        string  `json:"role"`
	CPU         float64 `json:"cpu"`
	Memory      int     `json:"memorySize"` // MB
	Disk        int     `json:"diskSize"`   // MB
	Timeout     int     `json:"timeout"`    // seconds
	PerInstance int     `json:"instanceConcurrency"`
	Env         Env     `json:"environmentVariables"`
	LifeCycle   struct {
		Initializer *Hook `json:"initializer"`
		PreStop     *Hook `json:"preStop"`
	} `json:"instanceLifecycleConfig"`
	Async struct {
		Retries      *int `json:"maxAsyncRetryAttempts"`
		MaxAge       int  `json:"maxAsyncEventAgeInSeconds"`
		Destinations struct {
			OnSuccess Destination `json:"onSuccess"`
			OnFailure Destination `json:"onFailure"`
		} `json:"destinationConfig"`
	} `json:"asyncInvokeConfig"`
	Concurrency struct {
		Reserved int `json:"reservedConcurrency"`
	} `json:"concurrencyConfig"`
	Triggers []Trigger `json:"triggers"`
}

// Hook is a life-cycle hook.
type Hook struct {
	Handler string `json:"handler"`
	Timeout int    `json:"timeout"` // seconds
}

// Destination is where the result of an asynchronous invocation goes, as an ARN.
type Destination struct {
	ARN string `json:"destination"`
}

// Code is the folder of a function's code, as written: a text, or an object with src.
type Code string

// UnmarshalJSON takes both forms; what is neither is no folder.
func (c *Code) UnmarshalJSON(raw []byte) error {
	var source struct {
		Src string `json:"src"`
	}
	if json.Unmarshal(raw, (*string)(c)) != nil && json.Unmarshal(raw, &source) == nil {
		*c = Code(source.Src)
	}
	return nil
}

// Env are a function's environment variables.
type Env map[string]string

// UnmarshalJSON refuses what YAML takes for a number or a truth value: the platform wants texts.
func (e *Env) UnmarshalJSON(raw []byte) error {
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		return errors.New("environmentVariables: want names and values")
	}
	*e = Env{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch v := values[name].(type) {
		case nil:
			(*e)[name] = ""
		case string:
			(*e)[name] = v
		default:
			errs = append(errs, fmt.Errorf("environmentVariables: %s is %v, not a text: put it in quotes", name, v))
		}
	}
	return errors.Join(errs...)
}

// Trigger is one trigger of a function; Type says which of the settings count.
type Trigger struct {
	Name      string `json:"triggerName"`
	Type      string `json:"triggerType"` // timer, http, eventbridge, mns_topic
	SourceARN string `json:"sourceArn"`
	Config    struct {
		Cron    string `json:"cronExpression"` // timer
		Enable  *bool  `json:"enable"`
		Payload string `json:"payload"`

		Auth    string   `json:"authType"` // http
		Methods []string `json:"methods"`

		TriggerEnable *bool `json:"triggerEnable"` // eventbridge
		Async         bool  `json:"asyncInvocationType"`
		Source        struct {
			Type       string `json:"eventSourceType"`
			Parameters struct {
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
				Time  float64 `json:"TimeBasedWindow"` // seconds
			} `json:"batchWindow"`
			DeadLetters struct {
				ARN string `json:"Arn"`
			} `json:"deadLetterQueue"`
		} `json:"runOptions"`

		Format string `json:"notifyContentFormat"` // mns_topic
		Notify string `json:"notifyStrategy"`
		Tag    string `json:"filterTag"`
	} `json:"triggerConfig"`
}

// Off says that the trigger is switched off. One without a switch is on.
func (t Trigger) Off() bool {
	on := t.Config.Enable
	if t.Type == "eventbridge" {
		on = t.Config.TriggerEnable
	}
	return on != nil && !*on
}

// Queue is the queue that an EventBridge trigger takes from, "" for none.
func (t Trigger) Queue() string { return t.Config.Source.Parameters.MNS.Queue }

// Read reads a file. All that is wrong with it is reported together, and what could be
// read is returned beside the error.
func Read(file string, v Variables) (Manifest, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	m, err := Parse(text, v)
	if err != nil {
		return m, fmt.Errorf("manifest %s: %w", file, err)
	}
	return m, nil
}

// Parse is Read of a text.
func Parse(text []byte, v Variables) (m Manifest, err error) {
	var tree map[string]any
	if err := yaml.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &tree); err != nil { // some editors put that mark first
		return m, err
	}
	resources, ok := tree["resources"].(map[string]any)
	if !ok && tree["resources"] != nil {
		return m, fmt.Errorf("resources: want the functions by name, not %v", tree["resources"])
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		resource, _ := resources[name].(map[string]any)
		if resource["component"] != "fc3" {
			continue // another component makes no function
		}
		r := resolver{tree: tree, this: resource, vars: v}
		f, err := r.function(resource["props"])
		f.Resource, f.Unresolved = name, r.unresolved
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		m.Functions = append(m.Functions, f)
	}
	return m, errors.Join(errs...)
}

func (r *resolver) function(props any) (f Function, err error) {
	props, err = r.resolve(props, 0)
	if err != nil {
		return f, err
	}
	raw, err := json.Marshal(props)
	if err != nil {
		return f, err
	}
	var kind *json.UnmarshalTypeError
	if err = json.Unmarshal(raw, &f); errors.As(err, &kind) {
		return f, fmt.Errorf("%s: want %s, not a %s", kind.Field, kind.Type, kind.Value)
	}
	return f, err
}
