package account

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
)

// Function is a function as it is deployed. Its environment holds secrets: compare it, and
// never show a value.
type Function struct {
	Name         string            `json:"functionName"`
	Runtime      string            `json:"runtime"`
	Handler      string            `json:"handler"`
	Role         string            `json:"role"` // ARN
	Memory       int               `json:"memorySize"`
	Timeout      int               `json:"timeout"`
	Env          map[string]string `json:"environmentVariables"`
	State        string            `json:"state"`
	Changed      string            `json:"lastModifiedTime"`
	Update       string            `json:"lastUpdateStatus"`
	UpdateReason string            `json:"lastUpdateStatusReason"`
}

// Function reads a function (GetFunction).
func (c *Client) Function(ctx context.Context, name string) (f Function, err error) {
	return f, c.read(ctx, functions, "GetFunction", "/2023-03-30/functions/"+url.PathEscape(name), nil, &f)
}

// Trigger is a trigger of a function. One that does not say whether it is on is.
type Trigger struct {
	Name, Type string
	On         bool
}

// Triggers lists a function's triggers (ListTriggers).
func (c *Client) Triggers(ctx context.Context, function string) ([]Trigger, error) {
	var answer struct {
		Triggers []struct {
			Name   string `json:"triggerName"`
			Type   string `json:"triggerType"`
			Config string `json:"triggerConfig"`
		} `json:"triggers"`
	}
	if err := c.read(ctx, functions, "ListTriggers", "/2023-03-30/functions/"+url.PathEscape(function)+"/triggers", nil, &answer); err != nil {
		return nil, err
	}
	all := make([]Trigger, len(answer.Triggers))
	for i, t := range answer.Triggers {
		var config struct{ Enable, TriggerEnable *bool }
		_ = json.Unmarshal([]byte(t.Config), &config) // of another form: it does not say
		all[i] = Trigger{t.Name, t.Type, (config.Enable == nil || *config.Enable) && (config.TriggerEnable == nil || *config.TriggerEnable)}
	}
	return all, nil
}

// Stream is an event stream from a queue to a function.
type Stream struct {
	Name, Status, Queue, Function string
}

const maxPages = 100

// Streams lists the event streams (ListEventStreamings) that take from a queue.
func (c *Client) Streams(ctx context.Context) (all []Stream, err error) {
	query := url.Values{"Limit": {"100"}}
	for range maxPages {
		var answer struct {
			Data struct {
				NextToken       string
				EventStreamings []struct {
					EventStreamingName, Status string
					Source                     struct{ SourceMNSParameters struct{ QueueName string } }
					Sink                       struct {
						SinkFcParameters struct{ FunctionName struct{ Value string } }
					}
				}
			}
		}
		if err := c.read(ctx, events, "ListEventStreamings", "/", query, &answer); err != nil {
			return nil, err
		}
		for _, s := range answer.Data.EventStreamings {
			if queue := s.Source.SourceMNSParameters.QueueName; queue != "" {
				all = append(all, Stream{s.EventStreamingName, s.Status, queue, s.Sink.SinkFcParameters.FunctionName.Value})
			}
		}
		if answer.Data.NextToken == "" || len(answer.Data.EventStreamings) == 0 {
			break
		}
		query.Set("NextToken", answer.Data.NextToken)
	}
	return all, nil
}

// Trust is the text that says who may take on a role (GetRole).
func (c *Client) Trust(ctx context.Context, role string) (string, error) {
	var answer struct {
		Role struct{ AssumeRolePolicyDocument string }
	}
	err := c.read(ctx, ram, "GetRole", "/", url.Values{"RoleName": {role}}, &answer)
	return answer.Role.AssumeRolePolicyDocument, err
}

// Policy is a policy of a role, in the version that counts.
type Policy struct {
	Name, Document string
	System         bool // the provider's, not the account's
}

// Policies reads a role's policies (ListPoliciesForRole, GetPolicy).
func (c *Client) Policies(ctx context.Context, role string) ([]Policy, error) {
	var list struct {
		Policies struct {
			Policy []struct{ PolicyName, PolicyType string }
		}
	}
	if err := c.read(ctx, ram, "ListPoliciesForRole", "/", url.Values{"RoleName": {role}}, &list); err != nil {
		return nil, err
	}
	var all []Policy
	for _, p := range list.Policies.Policy {
		document, err := c.document(ctx, p.PolicyName, p.PolicyType)
		if err != nil {
			return nil, err
		}
		all = append(all, Policy{p.PolicyName, document, strings.EqualFold(p.PolicyType, "System")})
	}
	return all, nil
}

func (c *Client) document(ctx context.Context, name, kind string) (string, error) {
	var one struct {
		DefaultPolicyVersion struct{ PolicyDocument string }
	}
	err := c.read(ctx, ram, "GetPolicy", "/", url.Values{"PolicyName": {name}, "PolicyType": {kind}}, &one)
	return one.DefaultPolicyVersion.PolicyDocument, err
}

// Document reads a policy of the account by its name (GetPolicy).
func (c *Client) Document(ctx context.Context, name string) (string, error) {
	return c.document(ctx, name, "Custom")
}
