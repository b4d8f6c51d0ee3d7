// Package hook tells people of incidents by posting one JSON message to a webhook.
//
// It sends nothing unless an address was given, never fails the job that it tells
// of, and keeps the address out of errors and logs: many webhooks carry a secret
// in theirs. What was sent is marked in the state, so that a night is reported once, and
// an incident once a night; a mark that cannot be read or made tells twice rather
// than never.
package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Notice is one message. Incidents says what needs a person; a night without any
// is reported too, so that silence means that something is wrong.
type Notice struct {
	Event string `json:"event"` // planned: the night's; incident: one of its own
	video.Scope
	At        string   `json:"at"` // the event's time
	Text      string   `json:"text"`
	Incidents []string `json:"incidents,omitempty"`
	Facts     any      `json:"facts,omitempty"` // the function's answer

	// Code says what an incident is, for programs; Codes are those of Incidents, in their order.
	Code  state.IncidentCode   `json:"code,omitempty"`
	Codes []state.IncidentCode `json:"codes,omitempty"`
}

// With gives the notice with these incidents.
func (n Notice) With(all []Incident) Notice {
	n.Incidents, n.Codes = nil, nil
	for _, i := range all {
		n.Incidents, n.Codes = append(n.Incidents, i.Text), append(n.Codes, i.Code)
	}
	return n
}

// Webhook is where notices go. The zero Webhook sends nothing.
type Webhook struct {
	URL  string
	Key  string       // signs the messages; empty: they are not signed
	HTTP *http.Client // default: 10 s for a try
	Log  *slog.Logger // default: none
}

// The headers of a message are those of Standard Webhooks (standardwebhooks.com): a
// receiver computes the HMAC-SHA256 of id, time stamp and body, with a dot between them,
// compares in constant time, and refuses old time stamps. Two tries of one message have
// one id.
const (
	HeaderID        = "Webhook-Id"
	HeaderTime      = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// The headers of the version before, whose signature is that of time stamp, dot and body,
// in hex. The next version does not send them.
const (
	oldSignature = "X-Vodcurator-Signature"
	oldTime      = "X-Vodcurator-Time"
	oldDelivery  = "X-Vodcurator-Delivery"
)

const tries = 3

// Send posts the notice, up to three times, and says whether it was delivered. What
// goes wrong is logged: nobody's night fails because a webhook is down.
func (w Webhook) Send(ctx context.Context, n Notice) bool {
	if w.URL == "" {
		return false
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	n.Text, n.Incidents = video.Visible(n.Text), visible(n.Incidents) // receivers show these to people
	body, err := json.Marshal(n)
	for try := 1; err == nil; try++ {
		var again bool
		if again, err = w.post(ctx, body); err == nil {
			return true
		}
		if !again || try == tries {
			break
		}
		wait := time.NewTimer(time.Duration(try*try) * time.Second)
		select {
		case <-ctx.Done():
			try = tries
		case <-wait.C:
			err = nil
		}
		wait.Stop()
	}
	w.Log.WarnContext(ctx, "notice not delivered", slog.String("event", n.Event), slog.Any("error", err))
	return false
}

func visible(texts []string) []string {
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = video.Visible(text)
	}
	return shown
}

func (w Webhook) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("NOTIFY_URL is no address")
	}
	sum := sha256.Sum256(body)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	id := hex.EncodeToString(sum[:8])
	for name, value := range map[string]string{HeaderID: "msg_" + id, HeaderTime: stamp, oldDelivery: id, oldTime: stamp} {
		req.Header.Set(name, value)
	}
	if w.Key != "" {
		req.Header.Set(HeaderSignature, Sign(w.Key, "msg_"+id, stamp, body))
		req.Header.Set(oldSignature, hex.EncodeToString(mac(w.Key, stamp+"."+string(body))))
	}
	client := w.HTTP
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error // it prints the whole address
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return true, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	_ = resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests, fmt.Errorf("answered %d", resp.StatusCode)
}

// Sign is the signature of a message, as Webhook-Signature has it. A key that begins with
// whsec_ is base64 behind that; every other one is taken as it is.
func Sign(key, id, stamp string, body []byte) string {
	if secret, ok := strings.CutPrefix(key, secretPrefix); ok {
		if raw, err := base64.StdEncoding.DecodeString(secret); err == nil {
			key = string(raw)
		}
	}
	return "v1," + base64.StdEncoding.EncodeToString(mac(key, id+"."+stamp+"."+string(body)))
}

const secretPrefix = "whsec_"

func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(h, text) // a hash never fails
	return h.Sum(nil)
}

// Incident is something that needs a person.
type Incident struct {
	Text string
	Plan string // sent once for this plan; empty: once a night
	Code state.IncidentCode
}

// Incidents sends a notice for each incident that was not sent yet. When one cannot
// be delivered the rest waits for the next tick as well. A night is a day of UTC.
func (w Webhook) Incidents(ctx context.Context, o state.Objects, at time.Time, n Notice, all []Incident) {
	for _, i := range all {
		of := i.Plan
		if of == "" {
			of = at.UTC().Format(time.DateOnly)
		}
		mark := Mark(of, i.Text)
		if w.URL == "" || Sent(ctx, o, mark) {
			continue
		}
		n = n.With([]Incident{i})
		n.Event, n.Text, n.Code = "incident", i.Text, i.Code
		if !w.Send(ctx, n) {
			return
		}
		_ = o.Create(ctx, mark, []byte(i.Text)) // unmarked, it is sent once more
	}
}

// Mark names the mark of what was sent about a night or plan. Words with a digit do
// not count: the same incident comes with other numbers at the next tick.
func Mark(of, text string) string {
	words := slices.DeleteFunc(strings.Fields(text), func(word string) bool { return strings.ContainsAny(word, "0123456789") })
	sum := sha256.Sum256([]byte(strings.Join(words, " ")))
	return "told/" + of + "/" + hex.EncodeToString(sum[:8])
}

// Sent says whether that mark is there.
func Sent(ctx context.Context, o state.Objects, mark string) bool {
	_, err := o.Read(ctx, mark)
	return err == nil
}
