package queue

import (
	"fmt"
	"net/http"
	"strings"

	"vodcurator/shared/video"
)

// The operations, as errors name them.
const (
	opSend    = "send"
	opReceive = "receive"
	opPeek    = "peek"
	opDelete  = "delete"
	opExtend  = "extend"
	opStats   = "stats"
	opEnsure  = "ensure"
)

// Error is what went wrong in a call, or with one message of it. It wraps the kind
// of shared/video that fits, and what caused it.
type Error struct {
	Op        string
	Queue     string
	Code      string // MNS's own word; empty when it did not answer
	Status    int    // of HTTP; 0 when there was no answer, or for one message of a call
	RequestID string
	Message   string
	kind      error
	cause     error
}

// Error words it, without anything secret.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Op, e.Queue, e.kind)
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// kindOf is the one place that knows MNS's codes (mns.md 5.2).
func kindOf(code string, status int) error {
	switch code {
	case "QueueNotExist", "MessageNotExist", "ReceiptHandleError":
		return video.ErrNotFound
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return video.ErrForbidden
	case "TooManyRequests", "QpsLimitExceeded":
		return video.ErrThrottled
	case "TimeExpired": // the instance slept between signing and sending
		return video.ErrTransient
	case "InternalError", "InternalServerError":
		return video.ErrTransient
	}
	switch {
	case status == http.StatusTooManyRequests:
		return video.ErrThrottled
	case status >= 500:
		return video.ErrTransient
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return video.ErrForbidden
	}
	return video.ErrInvalid
}

// entryError is the failure of one message in a call that worked: MNS says outright
// that this one had no effect.
func entryError(op, queue, code, message string) error {
	return &Error{Op: op, Queue: queue, Code: code, Message: message, kind: kindOf(code, 0)}
}
