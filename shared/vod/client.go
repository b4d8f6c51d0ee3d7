// Package vod is the client of ApsaraVideo VOD's media management: one method
// for each operation, our nouns in and out. Behind it stands the official SDK,
// with what that lacks: https, cancellation, safe concurrent use, connections
// that end, a rate that leaves room for others, retries only where a repeat is
// harmless, and errors that a caller can act upon and nobody needs to hide.
//
// It decides nothing about media, keeps no state between runs, and never asks
// the provider to do more than the caller said: no operation deletes by a
// filter.
//
// One thing it cannot mend: with DEBUG=sdk in the environment the SDK itself
// prints signed URLs to standard output. Do not set it.
//
// # Why
//
// Searches follow the provider's scroll, but a traversal stands on creation times
// (keyset paging): a position is the second of the last hit and what was passed in
// it. Creation times never change, so a position can be resumed for ever, an expired
// scroll is taken up by itself, and images and lists, which cannot scroll, need no
// slices of time that are halved until they fit: nothing is counted twice, 5,000 is
// no limit, and what comes and goes meanwhile moves nothing else.
//
// The rate is kept as the times of the last calls: no second sees more than its share,
// rounded up to whole calls. After a pause calls may follow each other at three times the
// rate until the second's share is used, so that nobody waits for what nobody used: at twice
// the rate a change at half load was visible 0.07 s later. golang.org/x/time/rate has a
// burst on top of its rate: without one it is slow, with one it breaks the share. Retry and
// its budget are 60 lines of our own: the budget is a share of calls, so that 100 failing
// calls make 120 requests, where failsafe-go (0.35 MB) made 277.
//
// The SDK's core client sends the VOD request types, since the generated client in a field
// keeps its 540 methods, 8 MB, in every binary.
package vod

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Config says how to reach one account in one region.
type Config struct {
	Region      string          // required
	Endpoint    string          // base URL; default: the region's public https endpoint
	Credentials Credentials     // required
	App         string          // searches and lists answer only media of this VOD application; default: all
	Share       float64         // of the documented rates, 0 < Share <= 1; default 0.25
	Timeout     time.Duration   // of one attempt; default 10 s
	HTTP        *http.Transport // used as it is; default: one of our own
	Log         *slog.Logger    // gets one debug record a call; default: none
	Metrics     func(Call)      // called after every call, maybe concurrently; default: none
}

// Client is safe for concurrent use. All its callers share one rate; two clients
// know nothing of each other.
type Client struct {
	config       Config
	scheme, host string
	slots        slots
	buckets      map[string]*bucket
	budget       budget
}

// regions is where VOD is, by its own list.
var regions = []string{
	"cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1", "ap-southeast-5",
	"ap-northeast-1", "eu-central-1", "us-west-1", "cn-hongkong", "ap-south-1",
}

const (
	defaultShare   = 0.25
	defaultTimeout = 10 * time.Second
)

// New checks the configuration and makes no call.
func New(c Config) (*Client, error) {
	if c.Share == 0 {
		c.Share = defaultShare
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	public := c.Endpoint == ""
	if public {
		c.Endpoint = "https://vod." + c.Region + ".aliyuncs.com"
	}
	base, err := url.Parse(c.Endpoint)
	if err != nil || base.User != nil || base.RawQuery != "" || !web(base) {
		err = errors.New("endpoint: not a base URL like https://vod.cn-shanghai.aliyuncs.com")
	}
	if err := errors.Join(c.check(public), err); err != nil {
		return nil, fmt.Errorf("vod: %w: %w", video.ErrInvalid, err)
	}
	if c.HTTP == nil {
		c.HTTP = newTransport()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		config: c, scheme: base.Scheme, host: base.Host + strings.TrimSuffix(base.Path, "/"),
		buckets: newBuckets(c.Share),
	}, nil
}

func (c Config) check(public bool) error {
	var faults []error
	if c.Region == "" {
		faults = append(faults, errors.New("region: missing"))
	} else if public && !slices.Contains(regions, c.Region) {
		faults = append(faults, fmt.Errorf("region: %q is unknown; VOD is in %s", c.Region, strings.Join(regions, ", ")))
	}
	if c.Credentials == nil {
		faults = append(faults, errors.New("credentials: missing"))
	}
	if !(c.Share > 0 && c.Share <= 1) {
		faults = append(faults, fmt.Errorf("share: %v is not more than 0 and at most 1", c.Share))
	}
	return errors.Join(faults...)
}

// web says that a URL is one of http or https, with a host.
func web(u *url.URL) bool { return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") }

// Close closes idle connections. A client may be left without it: they close by
// themselves after some seconds.
func (c *Client) Close() { c.config.HTTP.CloseIdleConnections() }

// newTransport reads the proxy from the environment and exempts loopback. The
// service drops idle connections after about 10 s, and a POST on a dropped one
// fails: ours end sooner.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       5 * time.Second,
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   64,
	}
}
