package account

import (
	"context"
	"net/http"
	"net/url"
)

// CreateRole makes a role that whoever trust names may take on. One that is there is ErrExists.
func (c *Client) CreateRole(ctx context.Context, name, trust string) error {
	return c.change(ctx, "CreateRole", url.Values{"RoleName": {name}, "AssumeRolePolicyDocument": {trust}})
}

// CreatePolicy makes a policy. One of that name is ErrExists, and stays as it is.
func (c *Client) CreatePolicy(ctx context.Context, name, document string) error {
	return c.change(ctx, "CreatePolicy", url.Values{"PolicyName": {name}, "PolicyDocument": {document}})
}

// Attach gives a role a policy of the account.
func (c *Client) Attach(ctx context.Context, role, policy string) error {
	return c.change(ctx, "AttachPolicyToRole", url.Values{"RoleName": {role}, "PolicyName": {policy}, "PolicyType": {"Custom"}})
}

func (c *Client) change(ctx context.Context, op string, query url.Values) error {
	var answer struct{}
	return c.call(ctx, ram, http.MethodPost, op, "/", query, &answer)
}
