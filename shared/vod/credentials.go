package vod

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"

	"vodcurator/shared/video"
)

// Credentials gives the keys to sign one call with. It is asked at every
// attempt, with the caller's context, so that a function can hand on the keys of
// its invocation; token is empty for keys that are not temporary.
type Credentials func(ctx context.Context) (id, secret, token string, err error)

// Static is fixed credentials.
func Static(id, secret, token string) Credentials {
	return func(context.Context) (string, string, string, error) { return id, secret, token, nil }
}

// Keys are temporary keys and their end.
type Keys struct {
	ID      string
	Secret  Secret
	Token   Secret
	Expires time.Time
}

const (
	refreshBefore = 5 * time.Minute // their end, keys are replaced
	lastMinute    = time.Minute     // before their end, keys are still good when no others can be had
)

// Refreshed keeps keys for all callers and fetches others well before they end.
// One caller at a time fetches; keys that still live bridge a failure to do so.
func Refreshed(fetch func(context.Context) (Keys, error)) Credentials {
	var keys Keys
	turn := make(chan struct{}, 1)
	return func(ctx context.Context) (string, string, string, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return "", "", "", ctx.Err()
		}
		if left := time.Until(keys.Expires); left < refreshBefore {
			fresh, err := fetch(ctx)
			if err == nil {
				keys = fresh
			} else if left < lastMinute {
				return "", "", "", err
			}
		}
		return keys.ID, keys.Secret.Reveal(), keys.Token.Reveal(), nil
	}
}

// Role is a RAM role to be taken on.
type Role struct {
	ARN      string
	Session  string        // name of the session, for the audit log; default: vodcurator
	Duration time.Duration // default: 1 h
	Endpoint string        // base URL of STS; default: https://sts.aliyuncs.com
}

const stsEndpoint = "https://sts.aliyuncs.com"

// Assume is credentials of a role that source may take on (STS AssumeRole),
// renewed before they end.
func Assume(role Role, source Credentials) (Credentials, error) {
	if role.ARN == "" {
		return nil, fmt.Errorf("vod: %w: role: missing", video.ErrInvalid)
	}
	if role.Session == "" {
		role.Session = "vodcurator"
	}
	if role.Duration == 0 {
		role.Duration = time.Hour
	}
	if role.Endpoint == "" {
		role.Endpoint = stsEndpoint
	}
	// The region is only a parameter here; STS is the same everywhere.
	c, err := New(Config{Region: "cn-hangzhou", Endpoint: role.Endpoint, Credentials: source})
	if err != nil {
		return nil, err
	}
	return Refreshed(func(ctx context.Context) (Keys, error) {
		req := &requests.RpcRequest{}
		req.InitWithApiInfo("Sts", "2015-04-01", "AssumeRole", "sts", "openAPI")
		req.QueryParams["RoleArn"] = role.ARN
		req.QueryParams["RoleSessionName"] = role.Session
		req.QueryParams["DurationSeconds"] = strconv.Itoa(int(role.Duration.Seconds()))
		type answer struct {
			*responses.BaseResponse
			Credentials struct { // the SDK's decoder minds the case
				ID         string `json:"AccessKeyId"`
				Secret     string `json:"AccessKeySecret"`
				Token      string `json:"SecurityToken"`
				Expiration string
			}
		}
		a := &answer{BaseResponse: &responses.BaseResponse{}}
		if err := c.ask(ctx, req, a); err != nil {
			return Keys{}, err
		}
		k := a.Credentials
		return Keys{k.ID, Secret(k.Secret), Secret(k.Token), when(k.Expiration)}, nil
	}), nil
}

// Profile is the credentials of a profile in the configuration file of the
// aliyun command line tool, usually ~/.aliyun/config.json; an empty name is the
// current profile. It knows the modes AK, StsToken and RamRoleArn.
func Profile(path, name string) (Credentials, error) {
	body, err := os.ReadFile(path) //nolint:gosec // the caller's file
	if err != nil {
		return nil, fmt.Errorf("vod: profile file: %w", err)
	}
	var file struct {
		Current  string
		Profiles []struct {
			Name           string
			Mode           string
			ID             string `json:"access_key_id"`
			Secret         string `json:"access_key_secret"`
			Token          string `json:"sts_token"`
			RoleARN        string `json:"ram_role_arn"`
			Session        string `json:"ram_session_name"`
			ExpiredSeconds int    `json:"expired_seconds"`
		}
	}
	if json.Unmarshal(body, &file) != nil { // its error could quote a key
		return nil, fmt.Errorf("vod: %w: %s is not the JSON that the aliyun tool writes", video.ErrInvalid, path)
	}
	if name == "" {
		name = file.Current
	}
	for _, p := range file.Profiles {
		if p.Name != name {
			continue
		}
		if p.ID == "" || p.Secret == "" {
			return nil, fmt.Errorf("vod: %w: profile %q has no keys", video.ErrInvalid, name)
		}
		switch p.Mode {
		case "AK":
			return Static(p.ID, p.Secret, ""), nil
		case "StsToken":
			return Static(p.ID, p.Secret, p.Token), nil
		case "RamRoleArn":
			return Assume(Role{ARN: p.RoleARN, Session: p.Session, Duration: time.Duration(p.ExpiredSeconds) * time.Second}, Static(p.ID, p.Secret, ""))
		}
		return nil, fmt.Errorf("vod: %w: profile %q has the mode %q; AK, StsToken and RamRoleArn are known", video.ErrInvalid, name, p.Mode)
	}
	return nil, fmt.Errorf("vod: %w: %s has no profile %q", video.ErrInvalid, path, name)
}
