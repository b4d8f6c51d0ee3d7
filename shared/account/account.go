// Package account reads what an account has around the functions: the functions themselves
// and their triggers, event streams, roles and their policies; and it makes roles and
// policies that are missing. It never changes or removes what is there. No function links it.
//
// # Why
//
// Function Compute, RAM and EventBridge share one signature (ACS3-HMAC-SHA256) and answer in
// JSON. Their three SDKs would be three dependencies for seven calls.
package account

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Config says whose account, and where its services answer.
type Config struct {
	Region, Account string // required
	// Base URLs; default: the public ones.
	Functions, RAM, Events string
	Credentials            func(ctx context.Context) (id, secret, token string, err error) // required
	HTTP                   *http.Client                                                    // default: 10 s a call
}

// Client speaks to the services. It is safe for concurrent use.
type Client struct{ config Config }

// New fills in what the configuration leaves out. It makes no call.
func New(c Config) *Client {
	if c.Functions == "" {
		c.Functions = "https://" + c.Account + "." + c.Region + ".fc.aliyuncs.com"
	}
	if c.RAM == "" {
		c.RAM = "https://ram.aliyuncs.com"
	}
	if c.Events == "" {
		c.Events = "https://eventbridge." + c.Region + ".aliyuncs.com"
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: 30 * time.Second}}
	}
	return &Client{c}
}

// Close drops idle connections. The client can still be used.
func (c *Client) Close() { c.config.HTTP.CloseIdleConnections() }

// Error is a call that was refused or not answered. It wraps a kind of shared/video.
type Error struct {
	Right string // that the call needs, as a RAM policy names it
	Code  string // the service's; empty: it did not answer so
	kind  error
	cause error
}

func (e *Error) Error() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%s: %v: %s", e.Right, e.kind, e.Code)
	case e.cause != nil:
		return fmt.Sprintf("%s: %v: %v", e.Right, e.kind, e.cause)
	}
	return fmt.Sprintf("%s: %v", e.Right, e.kind)
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// service is one of the three.
type service struct {
	prefix, version string
	base            func(Config) string
}

var (
	functions = service{"fc", "2023-03-30", func(c Config) string { return c.Functions }}
	ram       = service{"ram", "2015-05-01", func(c Config) string { return c.RAM }}
	events    = service{"eventbridge", "2020-04-01", func(c Config) string { return c.Events }}
)

// read asks once more after a failure that may pass; a call that changes is made once.
const readings = 2

func (c *Client) read(ctx context.Context, s service, op, path string, query url.Values, into any) (err error) {
	for range readings {
		if err = c.call(ctx, s, http.MethodGet, op, path, query, into); !errors.Is(err, video.ErrTransient) {
			break
		}
	}
	return err
}

const maxAnswer = 4 << 20

func (c *Client) call(ctx context.Context, s service, method, op, path string, query url.Values, into any) error {
	failed := func(kind error, code string, cause error) error {
		return &Error{Right: s.prefix + ":" + op, Code: code, kind: kind, cause: cause}
	}
	base, err := url.Parse(s.base(c.config))
	if err != nil || base.Host == "" {
		return failed(video.ErrInvalid, "", errors.New("the endpoint is no URL"))
	}
	target := *base
	target.Path, target.RawPath, target.RawQuery = path, "", canonicalQuery(query)
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return failed(video.ErrInvalid, "", errors.New("the endpoint is no URL"))
	}
	if err := c.sign(ctx, req, s, op); err != nil {
		return failed(video.ErrForbidden, "", err)
	}
	resp, err := c.config.HTTP.Do(req)
	if err != nil {
		var wrapped *url.Error // it prints the query
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return failed(video.ErrTransient, "", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return failed(video.ErrTransient, "", err)
	}
	if resp.StatusCode/100 == 2 {
		if err := json.Unmarshal(body, into); err != nil {
			return failed(video.ErrTransient, "", errors.New("the answer is not what the service documents: check the endpoint"))
		}
		return nil
	}
	var refused struct{ Code string }
	_ = json.Unmarshal(body, &refused) // what is not JSON has no code
	return failed(kindOf(resp.StatusCode, refused.Code), code(resp.StatusCode, refused.Code), nil)
}

func code(status int, code string) string {
	if code == "" {
		return fmt.Sprintf("HTTP %d", status)
	}
	return code
}

// kindOf believes "not found" only from the service itself.
func kindOf(status int, code string) error {
	switch {
	case status == http.StatusTooManyRequests || strings.HasPrefix(code, "Throttling"):
		return video.ErrThrottled
	case status >= http.StatusInternalServerError:
		return video.ErrTransient
	case strings.HasPrefix(code, "InvalidAccessKeyId"), strings.HasPrefix(code, "InvalidSecurityToken"), strings.HasPrefix(code, "Signature"),
		status == http.StatusForbidden, status == http.StatusUnauthorized:
		return video.ErrForbidden
	case strings.Contains(code, "NotFound") || strings.Contains(code, "NotExist"):
		return video.ErrNotFound
	case strings.Contains(code, "AlreadyExist"):
		return ErrExists
	case code == "":
		return video.ErrTransient
	}
	return video.ErrInvalid
}

// ErrExists says that what was to be made is there.
var ErrExists = errors.New("exists already")

// sign signs a request without a body in the third version of the provider's signature.
func (c *Client) sign(ctx context.Context, req *http.Request, s service, op string) error {
	id, secret, token, err := c.config.Credentials(ctx)
	if err != nil {
		return err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	empty := sha256.Sum256(nil)
	h := req.Header
	h.Set("X-Acs-Action", op)
	h.Set("X-Acs-Version", s.version)
	h.Set("X-Acs-Date", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	h.Set("X-Acs-Signature-Nonce", hex.EncodeToString(nonce[:]))
	h.Set("X-Acs-Content-Sha256", hex.EncodeToString(empty[:]))
	if token != "" {
		h.Set("X-Acs-Security-Token", token)
	}
	names := []string{"host"}
	for name := range h {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n%s\n%s\n", req.Method, req.URL.EscapedPath(), req.URL.RawQuery)
	for _, name := range names {
		value := h.Get(name)
		if name == "host" {
			value = req.URL.Host
		}
		fmt.Fprintf(&text, "%s:%s\n", name, value)
	}
	fmt.Fprintf(&text, "\n%s\n%s", strings.Join(names, ";"), hex.EncodeToString(empty[:]))
	sum := sha256.Sum256(text.Bytes())
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, "ACS3-HMAC-SHA256\n"+hex.EncodeToString(sum[:])) // a hash never fails
	h.Set("Authorization", fmt.Sprintf("ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s", id, strings.Join(names, ";"), hex.EncodeToString(mac.Sum(nil))))
	return nil
}

// canonicalQuery is the query as it is sent and signed: sorted, escaped as RFC 3986 says.
func canonicalQuery(q url.Values) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(q.Encode())
}

// Skew is how far this machine's clock is ahead of that of whoever answers at an address; of
// an answer only its Date counts, which is of whole seconds.
func (c *Client) Skew(ctx context.Context, address string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("%w: the endpoint is no URL", video.ErrInvalid)
	}
	resp, err := c.config.HTTP.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, fmt.Errorf("%w: %w", video.ErrTransient, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("%w: the answer has no date", video.ErrTransient)
	}
	return time.Since(at.Add(time.Second / 2)), nil
}
