package vod

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// Callback says where VOD sends its notifications. There is one for each region
// and application: setting it takes it away from whoever had it before.
type Callback struct {
	Type     string   // HTTP or MNS
	URL      string   // HTTP: 256 bytes at most
	Endpoint string   // MNS: the public endpoint of the queue
	Queue    string   // MNS: its name
	Events   []string // event types; ALL alone stands for all
	Off      bool     // no events at all, which is what VOD makes of an empty list
	Key      Secret   // HTTP: signs the callbacks; empty: they are not signed
}

// Callback reads the current setting (GetMessageCallback).
func (c *Client) Callback(ctx context.Context) (Callback, error) {
	req := api.CreateGetMessageCallbackRequest()
	req.AppId = c.config.App
	answer := api.CreateGetMessageCallbackResponse()
	err := c.ask(ctx, req, answer)
	if err != nil {
		return Callback{}, err
	}
	m := answer.MessageCallback
	callback := Callback{
		Type: m.CallbackType, URL: m.CallbackURL, Endpoint: m.MnsEndpoint, Queue: m.MnsQueueName,
		Events: video.SplitTags(m.EventTypeList), Off: m.EventTypeList == "",
	}
	if m.AuthSwitch != "off" {
		callback.Key = Secret(m.AuthKey)
	}
	return callback, nil
}

// SetCallback replaces the setting (SetMessageCallback).
func (c *Client) SetCallback(ctx context.Context, b Callback) error {
	if err := b.check(); err != nil {
		return err
	}
	req := api.CreateSetMessageCallbackRequest()
	req.AppId = c.config.App
	req.CallbackType, req.CallbackURL, req.MnsEndpoint, req.MnsQueueName = b.Type, b.URL, b.Endpoint, b.Queue
	req.EventTypeList = strings.Join(b.Events, ",")
	if b.Type == "HTTP" {
		req.AuthSwitch = "off"
		if b.Key != "" {
			req.AuthSwitch, req.AuthKey = "on", b.Key.Reveal()
		}
	}
	return c.ask(ctx, req, api.CreateSetMessageCallbackResponse())
}

// goodKey is the provider's rule for callback keys.
func goodKey(key string) bool {
	return len(key) <= 32 && strings.ContainsFunc(key, unicode.IsUpper) && strings.ContainsFunc(key, unicode.IsLower) && strings.ContainsFunc(key, unicode.IsDigit)
}

func (b Callback) check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{video.ErrInvalid}, args...)...))
	}
	if err := oneOf("type", b.Type, "HTTP", "MNS"); err != nil {
		faults = append(faults, err)
	}
	if b.Off == (len(b.Events) > 0) {
		fault("events: name some, or say Off: an empty list would switch all off")
	}
	if b.Type == "HTTP" {
		if u, err := url.Parse(b.URL); err != nil || !web(u) {
			fault("url: not an http or https URL")
		}
		if len(b.URL) > 256 {
			fault("url: %d bytes, at most 256", len(b.URL))
		}
		if key := b.Key.Reveal(); key != "" && !goodKey(key) {
			fault("key: needs an upper-case letter, a lower-case letter and a digit, in 32 characters at most")
		}
	}
	if b.Type == "MNS" && (b.Endpoint == "" || b.Queue == "") {
		fault("endpoint, queue: both are needed for MNS")
	}
	return errors.Join(faults...)
}
