package fakefc

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// lookup is the path of GetFunction and ListTriggers, of version 3.0.
var lookup = regexp.MustCompile(`^/2023-03-30/functions/([^/]+)(/triggers)?$`)

// serveLookup answers what a function and its triggers are. The time of the last change is
// that of the binary: no operation changes a function here.
func (s *Server) serveLookup(w http.ResponseWriter, r *http.Request) {
	m, id, op := lookup.FindStringSubmatch(r.URL.Path), requestID(), "GetFunction"
	if m[2] != "" {
		op = "ListTriggers"
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10)) // none has a meaning
	if code, why := s.authorize(r, op, m[1], body); code != "" {
		s.refuse(w, id, http.StatusForbidden, code, why)
		return
	}
	for name := range query(r.URL) {
		s.refuse(w, id, http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate "+name+" of "+op)
		return
	}
	f := s.find(m[1])
	if f == nil {
		s.refuse(w, id, http.StatusNotFound, "FunctionNotFound", "function '"+m[1]+"' does not exist")
		return
	}
	answer := s.described(f)
	if op == "ListTriggers" {
		answer = map[string]any{"triggers": triggersOf(f.Function)}
	}
	w.Header().Set("X-Fc-Request-Id", id)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) described(f *fn) map[string]any {
	env := maps.Clone(f.Env)
	if env == nil {
		env = map[string]string{}
	}
	s.mu.Lock()
	maps.Copy(env, s.opt.Env)
	s.mu.Unlock()
	for name := range env {
		if strings.HasPrefix(name, "ALIBABA_CLOUD_ACCESS_KEY") || name == "ALIBABA_CLOUD_SECURITY_TOKEN" {
			delete(env, name) // the account's own, which a function never sees
		}
	}
	out := map[string]any{
		"functionName": f.Name, "runtime": f.Runtime, "handler": f.Handler, "memorySize": f.Memory, "timeout": int(f.Timeout / time.Second),
		"environmentVariables": env, "state": "Active", "lastUpdateStatus": "Successful",
	}
	if f.Role != "" {
		out["role"] = "acs:ram::" + s.opt.Account + ":role/" + f.Role
	}
	return out
}

// triggersOf are a function's triggers as the platform lists them: the settings are a JSON text.
func triggersOf(f Function) []map[string]any {
	out := []map[string]any{}
	for _, t := range f.Triggers {
		config := map[string]any{}
		switch t.Type {
		case "timer":
			config = map[string]any{"cronExpression": t.Cron, "enable": t.Enabled, "payload": t.Payload}
		case "http":
			config = map[string]any{"authType": t.Auth, "methods": t.Methods}
		case "eventbridge":
			config = map[string]any{"triggerEnable": t.Enabled, "eventSourceConfig": map[string]any{
				"eventSourceType": "MNS", "eventSourceParameters": map[string]any{"sourceMNSParameters": map[string]any{"QueueName": t.Queue}}}}
		}
		text, _ := json.Marshal(config) // texts, truth values and lists of texts
		out = append(out, map[string]any{"triggerName": t.Name, "triggerType": t.Type, "triggerConfig": string(text)})
	}
	return out
}
