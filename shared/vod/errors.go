package vod

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"vodcurator/shared/video"
)

// Error is a call that VOD refused or that did not reach its end. It wraps one
// of the kinds of shared/video, and where there is one the cause. It holds no
// secret, token or signed URL.
type Error struct {
	Op        string // the operation
	Code      string // VOD's own code; empty when there was no such answer
	Status    int    // of HTTP; 0: no answer came
	RequestID string // what the provider's support asks for
	Message   string // VOD's words, cut, or ours
	Attempts  int

	kind       error
	cause      error
	advice     string
	again      bool // a repeat may help and does no harm
	maybe      bool // this attempt may have taken effect
	astray     bool // the call did not get to VOD: nothing that the caller asked for is at fault
	retryAfter time.Duration
}

// Error names the operation, what happened and what to do about it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.Op, e.kind)
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	var notes []string
	if e.Status != 0 {
		notes = append(notes, "HTTP "+strconv.Itoa(e.Status))
	}
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		notes = append(notes, strconv.Itoa(e.Attempts)+" attempts")
	}
	if len(notes) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(notes, ", "))
	}
	if e.advice != "" {
		fmt.Fprintf(&b, "; %s", e.advice)
	}
	return b.String()
}

// Unwrap makes errors.Is know the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// codes is the one place that knows VOD's error codes. A name that ends in a
// point stands for itself and for all that begin so; the first that fits counts.
var codes = []struct {
	code   string
	kind   error
	advice string
}{
	{"Throttling.", video.ErrThrottled, ""},
	{"InvalidVideo.NotFound", video.ErrNotFound, ""},
	{"InvalidVideo.NoneStream", video.ErrNotFound, ""},
	{"InvalidFile.NotFound", video.ErrNotFound, ""},
	{"InvalidStream.NotFound", video.ErrNotFound, ""},
	{"InvalidMedia.NotFound", video.ErrNotFound, ""},
	{"InvalidImage.NotFound", video.ErrNotFound, ""},
	{"NoSuchResource", video.ErrNotFound, ""},
	{"InvalidAccessKeyId.", video.ErrForbidden, "check the access key id, and that it is enabled"},
	{"SignatureDoesNotMatch", video.ErrForbidden, "check the access key secret"},
	{"IncompleteSignature", video.ErrForbidden, "check the access key secret"},
	{"InvalidSecurityToken.", video.ErrForbidden, "get new temporary credentials: the token is expired or belongs to another key"},
	{"InvalidTimeStamp.", video.ErrForbidden, "set the clock: it may differ from the service's by 15 minutes at most"},
	{"Forbidden.IllegalStatus", video.ErrInvalid, "the status of the asset does not allow it"},
	{"Forbidden.AliyunVoDEncryption", video.ErrInvalid, "the asset has encrypted streams only"},
	{"Forbidden.", video.ErrForbidden, "the RAM policy must allow the operation"},
	{"NoPermission", video.ErrForbidden, "the RAM policy must allow the operation"},
	{"OperationDenied.Suspended", video.ErrForbidden, "the account's VOD service is suspended, often for an unpaid bill"},
	{"OperationDenied", video.ErrForbidden, "activate VOD for the account"},
	{"QuotaExceeded.", video.ErrForbidden, "the quota of the day is used up"},
	{"QuotaPerMinuteExceeded.", video.ErrThrottled, ""},
	{"ServiceBusy", video.ErrTransient, ""},
	{"SignatureNonceUsed", video.ErrTransient, ""},
	{"InternalError", video.ErrTransient, ""},
	{"ServiceUnavailable", video.ErrTransient, ""}, // VOD spells it ServiceUnAvailable
}

// classify finds the kind of a refusal. What is 404 without a known code is not
// "not found": a proxy that lost its way must not make a purge believe that a
// video is gone.
func (e *Error) classify() {
	for _, c := range codes {
		name, family := strings.CutSuffix(c.code, ".")
		if strings.EqualFold(e.Code, name) || family && len(e.Code) > len(c.code) && strings.EqualFold(e.Code[:len(c.code)], c.code) {
			e.kind, e.advice = c.kind, c.advice
			return
		}
	}
	switch {
	case e.Status == http.StatusTooManyRequests:
		e.kind = video.ErrThrottled
	case e.Status >= 500:
		e.kind = video.ErrTransient
	case e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized:
		e.kind, e.advice = video.ErrForbidden, "the RAM policy must allow the operation"
	case e.Code == "" || strings.HasPrefix(e.Code, "InvalidApi."):
		e.kind, e.astray = video.ErrTransient, true
	default:
		e.kind = video.ErrInvalid
	}
	if e.Code == "" || e.astray {
		e.advice = "the answer is not VOD's: check the endpoint and the proxy"
	}
}

// refusal makes an error of an answer that is no success. Codes that are not
// strings, on which the SDK would panic, are read as their JSON text.
func refusal(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	var wire struct{ Code, Message, RequestId json.RawMessage } //nolint:revive // the wire's spelling
	if err := json.Unmarshal(body, &wire); err == nil {
		e.Code, e.Message, e.RequestID = loose(wire.Code), loose(wire.Message), loose(wire.RequestId)
	} else {
		e.Message = strings.Join(strings.Fields(string(body)), " ")
	}
	e.classify()
	return e
}

func loose(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

var (
	errTooLarge = errors.New("the answer is larger than 16 MB")
	errShape    = errors.New("the answer is not what VOD documents for this operation")
	errEmpty    = errors.New("the answer is not what VOD documents")
)

// checkAnswer refuses a success that cannot be one: the SDK takes an empty body
// for an answer without videos.
func checkAnswer(resp *http.Response, body []byte) (string, *Error) {
	if bytes.Contains(body, []byte(`"Code"`)) {
		var wire struct{ Code json.RawMessage }
		if json.Unmarshal(body, &wire) == nil && len(wire.Code) > 0 && string(wire.Code) != "null" && string(wire.Code) != `""` {
			e := refusal(resp, body)
			return e.RequestID, e
		}
	}
	id := requestID(body)
	if id == "" {
		return "", &Error{Status: resp.StatusCode, kind: video.ErrTransient, cause: errEmpty, maybe: true,
			advice: "check the endpoint and the proxy if it stays so"}
	}
	return id, nil
}

// requestID finds the id without decoding the answer a second time. Inside a
// string the quotes would be escaped, so that a title cannot be taken for it.
func requestID(body []byte) string {
	_, rest, ok := bytes.Cut(body, []byte(`"RequestId"`))
	if !ok {
		return ""
	}
	rest = bytes.TrimLeft(rest, " \t\r\n:")
	if len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	id, _, ok := bytes.Cut(rest[1:], []byte{'"'})
	if !ok {
		return ""
	}
	return string(id)
}

// networkError keeps the cause: from below http.Client it has no URL.
func networkError(err error, sent bool) *Error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	e := &Error{kind: video.ErrTransient, cause: err, maybe: sent}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		e.astray, e.advice = true, "the endpoint's certificate is not trusted: check the endpoint, the proxy and this machine's roots"
	case errors.As(err, &dns):
		e.advice = "check region, endpoint and network"
	case !sent && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		e.advice = "check that the endpoint is up and can be reached"
	}
	return e
}

// settle says what a repeat would do, which depends on the operation: whatever
// may have taken effect is of unknown outcome unless the operation only reads.
func (e *Error) settle(ctx context.Context, op operation) {
	switch {
	case errors.Is(e.kind, video.ErrThrottled):
		e.again = op.repeat != never
	case errors.Is(e.kind, video.ErrTransient):
		refused := e.Status >= 300 && e.Status < 500
		e.maybe = (e.maybe || e.Status != 0 && !refused) && op.repeat != reads
		e.again = op.repeat != never && (op.repeat != once || !e.maybe) && !e.astray && !errors.Is(e.cause, errTooLarge) && !errors.Is(e.cause, errShape)
		if e.maybe {
			e.kind = video.ErrUnknownOutcome
		} else if ctx.Err() != nil { // it only read, or nothing was sent
			e.kind = video.ErrDeferred
		}
	default:
		e.maybe = false
	}
}

const maxMessage = 300

var query = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\?[^\s"'<>]+`) })

// scrub takes out of the provider's words what nobody may read. The service
// repeats the string to sign, with key and token in it, when a signature is wrong.
func (e *Error) scrub(secrets ...string) {
	e.Message, _, _ = strings.Cut(e.Message, "string to sign")
	for _, text := range []*string{&e.Message, &e.Code, &e.RequestID} {
		for _, secret := range secrets {
			if secret != "" {
				*text = strings.ReplaceAll(*text, secret, "[hidden]")
				*text = strings.ReplaceAll(*text, url.QueryEscape(secret), "[hidden]")
			}
		}
		*text = clip(query().ReplaceAllString(*text, "?[hidden]"))
	}
}

func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	end := maxMessage
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return time.Until(at)
	}
	return 0
}
