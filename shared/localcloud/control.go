package localcloud

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/acs"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakeram"
)

// The versions of the two services that answer on the functions' address beside Function
// Compute: RAM, as far as roles and their policies go, and EventBridge, which lists the
// streams that the functions' triggers are. Calls are in the third version of the signature
// alone, and an operation that is not here is refused by its name.
const (
	ramVersion    = "2015-05-01"
	eventsVersion = "2020-04-01"
)

// controls are the operations, with the right that each needs: an action, and the resource
// that one of its parameters names.
var controls = map[string]struct {
	version, action, resource, parameter string
	do                                   func(c *Cloud, q func(string) string) (map[string]any, *refusal)
}{
	"GetRole":             {ramVersion, "ram:GetRole", "role/", "RoleName", getRole},
	"CreateRole":          {ramVersion, "ram:CreateRole", "role/", "RoleName", createRole},
	"ListPoliciesForRole": {ramVersion, "ram:ListPoliciesForRole", "role/", "RoleName", listPoliciesForRole},
	"GetPolicy":           {ramVersion, "ram:GetPolicy", "policy/", "PolicyName", getPolicy},
	"CreatePolicy":        {ramVersion, "ram:CreatePolicy", "policy/", "PolicyName", createPolicy},
	"AttachPolicyToRole":  {ramVersion, "ram:AttachPolicyToRole", "role/", "RoleName", attachPolicyToRole},
	"ListEventStreamings": {eventsVersion, "eventbridge:ListEventStreamings", "", "", listEventStreamings},
}

type refusal struct {
	status        int
	code, message string
}

// control answers a call of RAM or EventBridge; false: it is of neither.
func (c *Cloud) control(w http.ResponseWriter, r *http.Request) bool {
	version := r.Header.Get("X-Acs-Version")
	if r.URL.Path != "/" || version != ramVersion && version != eventsVersion {
		return false
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	id := fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	answer, refused := c.controlled(r)
	status := http.StatusOK
	if refused != nil {
		status, answer = refused.status, map[string]any{"Code": refused.code, "Message": refused.message, "HostId": r.Host}
	}
	answer["RequestId"] = id
	reply(w, status, answer)
	return true
}

func (c *Cloud) controlled(r *http.Request) (map[string]any, *refusal) {
	op := controls[r.Header.Get("X-Acs-Action")]
	if op.do == nil || op.version != r.Header.Get("X-Acs-Version") {
		return nil, &refusal{http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate " + r.Header.Get("X-Acs-Action")}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "InvalidParameter", "the body cannot be read"}
	}
	key, refused := c.signed(r, text)
	if refused != nil {
		return nil, refused
	}
	if err := r.ParseForm(); err != nil {
		return nil, &refusal{http.StatusBadRequest, "InvalidParameter", "the query cannot be read"}
	}
	name := r.Form.Get(op.parameter)
	if op.parameter != "" && name == "" {
		return nil, &refusal{http.StatusBadRequest, "MissingParameter." + op.parameter, op.parameter + " is needed"}
	}
	resource := "*"
	if op.version == ramVersion {
		resource = "acs:ram:*:" + c.opt.Account + ":" + op.resource + name
	}
	if !c.Keys.Allowed(key.ID, op.action, resource) {
		return nil, &refusal{http.StatusForbidden, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM."}
	}
	return op.do(c, r.Form.Get)
}

// signed checks the signature as the services of the third version do.
func (c *Cloud) signed(r *http.Request, body []byte) (fakeram.Key, *refusal) {
	sig, err := acs.Read(r, body)
	if err != nil || sig.Bearer != "" {
		return fakeram.Key{}, &refusal{http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards."}
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z", sig.Date); err != nil || time.Since(at).Abs() > 15*time.Minute {
		return fakeram.Key{}, &refusal{http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."}
	}
	k, err := c.Keys.Authenticate(sig.KeyID, sig.Token)
	switch {
	case errors.Is(err, fakeram.ErrTokenExpired):
		return k, &refusal{http.StatusBadRequest, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."}
	case err != nil:
		return k, &refusal{http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	}
	if ok, _ := sig.Verify(k.Secret); !ok {
		return k, &refusal{http.StatusBadRequest, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."}
	}
	return k, nil
}

func noRole(name string) *refusal {
	return &refusal{http.StatusNotFound, "EntityNotExist.Role", "The role " + name + " does not exist."}
}

func (c *Cloud) roleOf(name string) map[string]any {
	return map[string]any{"Role": map[string]any{
		"RoleName": name, "Arn": "acs:ram::" + c.opt.Account + ":role/" + strings.ToLower(name), "AssumeRolePolicyDocument": c.Keys.Trust(name),
	}}
}

func getRole(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	if _, ok := c.Keys.Role(q("RoleName")); !ok {
		return nil, noRole(q("RoleName"))
	}
	return c.roleOf(q("RoleName")), nil
}

// createRole makes a role that may do nothing yet. Who may take it on is kept as it was
// written, and nobody checks it.
func createRole(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	name := q("RoleName")
	if _, ok := c.Keys.Role(name); ok {
		return nil, &refusal{http.StatusConflict, "EntityAlreadyExists.Role", "The role " + name + " already exists."}
	}
	if !json.Valid([]byte(q("AssumeRolePolicyDocument"))) {
		return nil, &refusal{http.StatusBadRequest, "MalformedPolicyDocument", "AssumeRolePolicyDocument is no policy."}
	}
	c.Keys.SetRole(name, &fakeram.Policy{Version: "1"})
	c.Keys.SetTrust(name, q("AssumeRolePolicyDocument"))
	return c.roleOf(name), nil
}

// listPoliciesForRole answers the one policy that a role has here, which bears the name that
// it was created with, or else the role's.
func listPoliciesForRole(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	p, ok := c.Keys.Role(q("RoleName"))
	if !ok {
		return nil, noRole(q("RoleName"))
	}
	all := []map[string]string{}
	if p == nil {
		all = append(all, map[string]string{"PolicyName": "AdministratorAccess", "PolicyType": "System", "DefaultVersion": "v1"})
	} else if len(p.Statement) > 0 {
		all = append(all, map[string]string{"PolicyName": c.Keys.PolicyOf(q("RoleName")), "PolicyType": "Custom", "DefaultVersion": "v1"})
	}
	return map[string]any{"Policies": map[string]any{"Policy": all}}, nil
}

func getPolicy(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	name := q("PolicyName")
	if name == "AdministratorAccess" && q("PolicyType") == "System" {
		return policyAnswer(name, "System", &fakeram.Policy{Version: "1", Statement: []fakeram.Statement{{Effect: "Allow", Action: fakeram.Strings{"*"}, Resource: fakeram.Strings{"*"}}}}), nil
	}
	p, ok := c.Keys.Document(name)
	if !ok || q("PolicyType") != "Custom" {
		return nil, &refusal{http.StatusNotFound, "EntityNotExist.Policy", "The policy " + name + " does not exist."}
	}
	return policyAnswer(name, "Custom", p), nil
}

func policyAnswer(name, kind string, p *fakeram.Policy) map[string]any {
	text, _ := json.Marshal(p) // strings alone
	return map[string]any{
		"Policy":               map[string]string{"PolicyName": name, "PolicyType": kind, "DefaultVersion": "v1"},
		"DefaultPolicyVersion": map[string]any{"VersionId": "v1", "IsDefaultVersion": true, "PolicyDocument": string(text)},
	}
}

func createPolicy(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	name := q("PolicyName")
	if _, ok := c.Keys.Document(name); ok {
		return nil, &refusal{http.StatusConflict, "EntityAlreadyExists.Policy", "The policy " + name + " already exists."}
	}
	p, err := fakeram.ParsePolicy([]byte(q("PolicyDocument")))
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "MalformedPolicyDocument", err.Error()}
	}
	c.Keys.SetDocument(name, p)
	return map[string]any{"Policy": map[string]string{"PolicyName": name, "PolicyType": "Custom", "DefaultVersion": "v1"}}, nil
}

// attachPolicyToRole gives a role the one policy that it can have here.
func attachPolicyToRole(c *Cloud, q func(string) string) (map[string]any, *refusal) {
	had, ok := c.Keys.Role(q("RoleName"))
	if !ok {
		return nil, noRole(q("RoleName"))
	}
	p, ok := c.Keys.Document(q("PolicyName"))
	if !ok || q("PolicyType") != "Custom" {
		return nil, &refusal{http.StatusNotFound, "EntityNotExist.Policy", "The policy " + q("PolicyName") + " does not exist."}
	}
	if had == nil || len(had.Statement) > 0 {
		return nil, &refusal{http.StatusNotImplemented, "NotImplemented", "the local cloud does not emulate a second policy of a role"}
	}
	c.Keys.Attach(q("RoleName"), q("PolicyName"), p)
	return map[string]any{}, nil
}

// listEventStreamings answers the queue triggers: each is a stream of EventBridge. Of the
// states the documents show RUNNING alone; the other words are ours.
func listEventStreamings(c *Cloud, _ func(string) string) (map[string]any, *refusal) {
	all := []map[string]any{}
	states := c.FC.Streams()
	for _, f := range c.FC.Functions() {
		for _, t := range f.Triggers {
			if t.Type == "eventbridge" {
				all = append(all, streamOf(f, t, states[f.Name+"/"+t.Name]))
			}
		}
	}
	slices.SortFunc(all, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["EventStreamingName"]), fmt.Sprint(b["EventStreamingName"]))
	})
	return map[string]any{"Code": "Success", "Message": "Operation is successful", "Success": true, "Data": map[string]any{"EventStreamings": all, "Total": len(all)}}, nil
}

func streamOf(f fakefc.Function, t fakefc.Trigger, state string) map[string]any {
	status := "RUNNING"
	switch {
	case !t.Enabled:
		status = "PAUSED"
	case state != "running":
		status = "RUNNING_FAILED"
	}
	return map[string]any{
		"EventStreamingName": "fc-" + f.Name + "-" + t.Name, "Status": status,
		"Source": map[string]any{"SourceMNSParameters": map[string]any{"QueueName": t.Queue, "IsBase64Decode": t.Decode}},
		"Sink":   map[string]any{"SinkFcParameters": map[string]any{"FunctionName": map[string]string{"Form": "CONSTANT", "Value": f.Name}}},
	}
}
