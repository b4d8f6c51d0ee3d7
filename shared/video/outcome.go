package video

import "errors"

// The kinds of failure that a caller may ask for with errors.Is. Clients map
// their provider's codes to these.
var (
	// ErrNotFound: the thing is not there. After a delete it means done.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the credentials may not do this, now and on every retry.
	ErrForbidden = errors.New("forbidden")
	// ErrInvalid: the request itself is wrong; no retry can cure it.
	ErrInvalid = errors.New("invalid")
	// ErrThrottled: the rate was exceeded; the same request may pass later.
	ErrThrottled = errors.New("throttled")
	// ErrTransient: a passing failure before any effect; the same request may pass later.
	ErrTransient = errors.New("transient")
	// ErrUnknownOutcome: the call may or may not have taken effect. Read before repeating.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrUnremovable: the provider keeps this part unless forced.
	ErrUnremovable = errors.New("unremovable")
	// ErrHeld: something forbids to touch this media.
	ErrHeld = errors.New("held")
	// ErrDeferred: the run was halted, or its time is up; the rest was not tried.
	ErrDeferred = errors.New("not tried")
)

// Result is what came of one item.
type Result string

// The results. Every item handed to a job ends in exactly one of them.
const (
	Done      Result = "done"      // it took effect
	Unchanged Result = "unchanged" // it was so already
	Stale     Result = "stale"     // a newer change won
	Rejected  Result = "rejected"  // refused before any call: it breaks a limit or a rule
	Missing   Result = "missing"   // the media or part is not there
	Forbidden Result = "forbidden" // not permitted
	Kept      Result = "kept"      // left alone on purpose: held, changed since, unremovable
	Failed    Result = "failed"    // tried, and it had no effect
	Unknown   Result = "unknown"   // tried, and whether it took effect is not known
	Deferred  Result = "deferred"  // not tried now: handed back for later
)

// Outcome is the result for one media, or for one part of it.
type Outcome struct {
	ID     ID     `json:"id"`
	Part   string `json:"part,omitempty"` // which part: a stream's job, "source", an image; empty: the media
	Result Result `json:"result"`
	Reason string `json:"reason,omitempty"` // for people, never with a secret
	Err    error  `json:"-"`                // the cause, when there is one
}

// Answer is what a reading call said of one id: a value, or an error that wraps
// one of the kinds above.
type Answer[T any] struct {
	ID    ID
	Value T
	Err   error
}

// ResultOf is the result that an error stands for; nil is Done.
func ResultOf(err error) Result {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrUnknownOutcome):
		return Unknown
	case errors.Is(err, ErrNotFound):
		return Missing
	case errors.Is(err, ErrForbidden):
		return Forbidden
	case errors.Is(err, ErrInvalid):
		return Rejected
	case errors.Is(err, ErrUnremovable), errors.Is(err, ErrHeld):
		return Kept
	case errors.Is(err, ErrDeferred):
		return Deferred
	}
	return Failed
}

// Passing says that the same request may succeed later without anybody changing it.
func Passing(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrTransient) || errors.Is(err, ErrDeferred)
}
