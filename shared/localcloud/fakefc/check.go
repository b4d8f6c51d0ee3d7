package fakefc

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"vodcurator/shared/manifest"
)

// This file refuses what the platform refuses of a function, by name, value and what is
// allowed, and what of it the local cloud does not emulate.

// faults collects what is wrong.
type faults []error

// add enters a fault if there is one: the name of a setting, what it holds, and what it
// may hold.
func (f *faults) add(bad bool, what string, value any, allowed string) {
	if text, ok := value.(string); ok {
		value = fmt.Sprintf("%q", text)
	}
	if bad {
		*f = append(*f, fmt.Errorf("%s %v: %s", what, value, allowed))
	}
}

// span wants a number between two others.
func (f *faults) span(what string, value, least, most int, unit string) {
	f.add(value < least || value > most, what, value, fmt.Sprintf("%d to %d%s", least, most, unit))
}

// among wants one of some words; an empty value is the default.
func (f *faults) among(what, value string, words ...string) {
	f.add(value != "" && !slices.Contains(words, value), what, value, strings.Join(words, ", "))
}

var (
	goodName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	goodVariable = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	goodRole     = regexp.MustCompile(`^(acs:ram::\d*:role/)?[A-Za-z0-9._-]+$`)
	goodTopic    = regexp.MustCompile(`^acs:mns:[a-z0-9-]*:\d*:/topics/[A-Za-z0-9-]+(/messages)?$`)
	goodQueue    = regexp.MustCompile(`^acs:mns:[a-z0-9-]*:\d*:/queues/[A-Za-z0-9-]+(/messages)?$`)
	goodTarget   = regexp.MustCompile(`^acs:fc:[a-z0-9-]*:\d*:functions/[A-Za-z_][A-Za-z0-9_-]*$`)
)

const (
	namedRule   = "letters, digits, _ and -, not beginning with a digit or -"
	maxVariable = 4096
	maxPayload  = 128 << 10
	maxTriggers = 50
)

// checkFunction is all but the triggers. Of two limits that documents give, the smaller
// one holds unless d.WideLimits.
func checkFunction(w manifest.Function, d Doubts) error {
	var f faults
	longest, oldest := 64, 604800
	if d.WideLimits {
		longest, oldest = 128, 2592000
	}
	f.add(len(w.Unresolved) > 0, "placeholders", strings.Join(w.Unresolved, " "), "not emulated, the local cloud fills in vars, resources, this, env(...) and config('AccountID')")
	f.add(!goodName.MatchString(w.Name) || len(w.Name) > longest, "functionName", w.Name, fmt.Sprintf("1 to %d %s", longest, namedRule))
	f.add(w.Runtime != "go1", "runtime", w.Runtime, "not emulated, only go1 is")
	f.add(w.Handler == "", "handler", w.Handler, "the path of the binary in the code's folder is needed")
	code := string(w.Code)
	f.add(code == "" || strings.Contains(code, "://") || strings.HasSuffix(code, ".zip"), "code", code, "only a folder is emulated")
	f.add(w.Role != "" && !goodRole.MatchString(w.Role), "role", w.Role, "a role's name, or acs:ram::ACCOUNT:role/NAME")
	f.span("timeout", or(w.Timeout, 3), 1, 86400, " s")
	f.span("instanceConcurrency", or(w.PerInstance, 1), 1, 200, "")
	f.add(w.PerInstance > 1 && w.Runtime == "go1", "instanceConcurrency", w.PerInstance, "1 with go1, more only with custom runtimes")
	f.add(w.Concurrency.Reserved < 0, "reservedConcurrency", w.Concurrency.Reserved, "0 or more")
	f = append(f, checkSize(w)...)
	f = append(f, checkEnvironment(w.Env)...)
	for name, most := range map[string]int{"initializer": 300, "preStop": 90} {
		if h := map[string]*manifest.Hook{"initializer": w.LifeCycle.Initializer, "preStop": w.LifeCycle.PreStop}[name]; h != nil {
			f.span(name+" timeout", or(h.Timeout, 3), 1, most, " s")
		}
	}
	if r := w.Async.Retries; r != nil {
		f.span("maxAsyncRetryAttempts", *r, 0, 8, "")
	}
	f.span("maxAsyncEventAgeInSeconds", or(w.Async.MaxAge, 86400), 1, oldest, "")
	for name, arn := range map[string]string{"onSuccess": w.Async.Destinations.OnSuccess.ARN, "onFailure": w.Async.Destinations.OnFailure.ARN} {
		f.add(arn != "" && !goodQueue.MatchString(arn) && !goodTopic.MatchString(arn) && !goodTarget.MatchString(arn), name+" destination", arn,
			"acs:mns:REGION:ACCOUNT:/queues/NAME/messages, :/topics/NAME/messages or acs:fc:REGION:ACCOUNT:functions/NAME are emulated")
	}
	f.add(len(w.Triggers) > maxTriggers, "triggers", len(w.Triggers), fmt.Sprintf("at most %d", maxTriggers))
	return errors.Join(f...)
}

// checkSize is about memory, processors and disk. vCPU and GB of memory are between 1:1
// and 1:4 where the manifest says both.
func checkSize(w manifest.Function) (f faults) {
	f.add(w.Memory != 0 && (w.Memory < 128 || w.Memory > 32768 || w.Memory%64 != 0), "memorySize", w.Memory, "128 to 32768 MB in steps of 64")
	f.add(w.Disk != 0 && w.Disk != 512 && w.Disk != 10240, "diskSize", w.Disk, "512 or 10240 MB")
	if w.CPU == 0 {
		return f
	}
	const step, off = 0.05, 1e-6
	steps := w.CPU / step
	f.add(w.CPU < step-off || w.CPU > 16+off || math.Abs(steps-math.Round(steps)) > off, "cpu", w.CPU, "0.05 to 16 in steps of 0.05")
	gb := float64(or(w.Memory, 512)) / 1024
	f.add(gb < w.CPU-off || gb > 4*w.CPU+off, fmt.Sprintf("cpu %v with memorySize", w.CPU), or(w.Memory, 512),
		fmt.Sprintf("memory of 1 to 4 GB for each vCPU, here %.0f to %.0f MB", math.Ceil(w.CPU*1024), math.Floor(w.CPU*4096)))
	return f
}

func checkEnvironment(env map[string]string) (f faults) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		size += len(name) + len(env[name])
		f.add(!goodVariable.MatchString(name), "environment variable", name, "letters, digits and _, not beginning with a digit or _")
		f.add(strings.HasPrefix(name, "FC_"), "environment variable", name, "the prefix FC_ is the platform's")
	}
	f.add(size > maxVariable, "environmentVariables", size, fmt.Sprintf("at most %d bytes in all", maxVariable))
	return f
}

var methods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}

// checkTrigger is about one trigger of a function.
func checkTrigger(t manifest.Trigger, w manifest.Function) error {
	var f faults
	f.add(!goodName.MatchString(t.Name) || len(t.Name) > 128, "triggerName", t.Name, "1 to 128 "+namedRule)
	c := t.Config
	switch t.Type {
	case "timer":
		if _, err := parseSchedule(c.Cron); err != nil {
			f = append(f, err)
		}
		f.add(len(c.Payload) > maxPayload, "bytes of payload", len(c.Payload), fmt.Sprintf("at most %d", maxPayload))
	case "http":
		f.add(c.Auth != "anonymous", "authType", c.Auth, "not emulated, only anonymous is")
		f.add(len(c.Methods) == 0, "methods", len(c.Methods), "one of "+strings.Join(methods, ", ")+" at least")
		for _, m := range c.Methods {
			f.among("methods", m, methods...)
		}
		n := 0
		for _, other := range w.Triggers {
			if other.Type == "http" {
				n++
			}
		}
		f.add(n > 1, "triggers of type http", n, "one for each function")
	case "eventbridge":
		f = append(f, checkBridge(t, w)...)
	case "mns_topic":
		f.add(!goodTopic.MatchString(t.SourceARN), "sourceArn", t.SourceARN, "acs:mns:REGION:ACCOUNT:/topics/NAME")
		f.among("notifyContentFormat", c.Format, "STREAM", "JSON")
		f.among("notifyStrategy", c.Notify, retryStrategies...)
		f.add(len(c.Tag) > 16, "filterTag", c.Tag, "at most 16 characters")
	default:
		f.add(true, "triggerType", t.Type, "not emulated, timer, http, eventbridge and mns_topic are")
	}
	return errors.Join(f...)
}

var retryStrategies = []string{"BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"}

// checkBridge is a trigger that takes from a queue through EventBridge.
func checkBridge(t manifest.Trigger, w manifest.Function) (f faults) {
	c := t.Config
	f.add(c.Source.Type != "MNS", "eventSourceType", c.Source.Type, "not emulated, only MNS is")
	f.add(c.Source.Type == "MNS" && t.Queue() == "", "QueueName", t.Queue(), "a queue is needed")
	f.add(w.Timeout > 300, "timeout", w.Timeout, "at most 300 s for a function behind EventBridge")
	f.among("eventSchema", c.Sink.Option.Schema, "CloudEvents", "RawData")
	r := c.Run
	f.among("runOptions.mode", r.Mode, "event-streaming", "event-driven")
	f.among("errorsTolerance", r.Tolerance, "NONE", "ALL")
	f.among("PushRetryStrategy", r.Retry.Push, retryStrategies...)
	f.add(r.Mode == "event-driven" && (r.Batch.Count > 1 || r.Batch.Time > 0), fmt.Sprintf("batchWindow of %d messages and seconds", r.Batch.Count), r.Batch.Time, "only with runOptions.mode event-streaming")
	f.span("CountBasedWindow", or(r.Batch.Count, 1), 1, 10000, "")
	f.add(r.Batch.Time < 0 || r.Batch.Time > 15, "TimeBasedWindow", r.Batch.Time, "0 to 15 s")
	f.add(r.DeadLetters.ARN != "" && !goodQueue.MatchString(r.DeadLetters.ARN), "deadLetterQueue.Arn", r.DeadLetters.ARN, "acs:mns:REGION:ACCOUNT:/queues/NAME")
	return f
}
