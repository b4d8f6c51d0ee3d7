package vod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"

	"vodcurator/shared/video"
)

// Call is what one call was like, for logs and metrics.
type Call struct {
	Op        string
	Status    int    // HTTP status of the last attempt; 0: none came
	Code      string // VOD's code, if it refused
	RequestID string // of the last attempt
	Attempts  int    // 0: the rate or the context left no time for any
	Throttles int
	Waited    time.Duration // for the rate
	Took      time.Duration // altogether
	Err       error
}

// ask sends a request until it is answered or nothing more can be done. An
// operation that must not be repeated is sent once.
func (c *Client) ask(ctx context.Context, req requests.AcsRequest, answer responses.AcsResponse) (err error) {
	call := Call{Op: req.GetActionName()}
	op, bucket := operations[call.Op], c.buckets[call.Op]
	start := time.Now()
	var last *Error
	var maybe bool // an earlier attempt may have taken effect
	c.budget.earn()
	for {
		asked := time.Now()
		if err := bucket.wait(ctx); err != nil {
			if last == nil {
				last = notTried(ctx, err)
			}
			break
		}
		call.Waited += time.Since(asked)
		call.Attempts++
		maybe = maybe || last != nil && last.maybe
		if last = c.attempt(ctx, req, answer, &call); last == nil {
			break
		}
		last.settle(ctx, op)
		if errors.Is(last.kind, video.ErrThrottled) {
			call.Throttles++
			bucket.slow(time.Now())
		}
		if !last.again || call.Attempts == maxAttempts || !c.budget.take() || !rest(ctx, backoff(call.Attempts, last.retryAfter)) {
			break
		}
	}
	call.Took = time.Since(start)
	if last != nil {
		if maybe && !errors.Is(last.kind, video.ErrNotFound) {
			last.kind = video.ErrUnknownOutcome
		}
		last.Op, last.Attempts = call.Op, call.Attempts
		call.Code, call.Err, err = last.Code, last, last
	}
	c.report(ctx, call)
	return err
}

func (c *Client) report(ctx context.Context, call Call) {
	if c.config.Log.Enabled(ctx, slog.LevelDebug) {
		c.config.Log.LogAttrs(ctx, slog.LevelDebug, "vod call",
			slog.String("op", call.Op), slog.Int("status", call.Status), slog.String("code", call.Code),
			slog.String("request", call.RequestID), slog.Int("attempts", call.Attempts), slog.Int("throttles", call.Throttles),
			slog.Duration("waited", call.Waited), slog.Duration("took", call.Took))
	}
	if c.config.Metrics != nil {
		c.config.Metrics(call)
	}
}

// attempt is one exchange with the service. Few frames lie between it and the
// caller, because the SDK prints the stack for every nonce that it makes.
func (c *Client) attempt(ctx context.Context, req requests.AcsRequest, answer responses.AcsResponse, call *Call) (failed *Error) {
	id, secret, token, err := c.config.Credentials(ctx)
	if err == nil && (id == "" || secret == "") {
		err = errors.New("no credentials: access key or secret is empty")
	}
	if err != nil {
		return noCredentials(ctx, err)
	}
	s, err := c.slots.take()
	if err != nil {
		return &Error{kind: video.ErrTransient, cause: err, astray: true}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	w := s.wire
	w.exchange = exchange{ctx: ctx, transport: c.config.HTTP, id: id, secret: secret, token: token}
	req.SetScheme(c.scheme)
	req.SetDomain(c.host)
	params := req.GetQueryParams()
	params["RegionId"] = c.config.Region
	delete(params, "SecurityToken") // of the attempt before

	defer func() {
		// A panic of the SDK becomes an error. Its text is not kept: it may hold the request.
		if r := recover(); r != nil {
			err = fmt.Errorf("the SDK panicked (%T)", r)
		}
		call.Status, call.RequestID = w.status, w.requestID
		failed = w.err
		if failed == nil && err != nil { // the SDK's own: it could not read the answer, or not send
			failed = &Error{Status: w.status, RequestID: w.requestID, kind: video.ErrTransient, cause: errShape}
			if w.status == 0 {
				failed.cause, failed.astray, failed.maybe = errors.New("the SDK could not send the request"), true, w.sent
			}
		}
		c.slots.put(s)
		if failed != nil {
			failed.scrub(secret, token)
			call.RequestID = failed.RequestID
		}
	}()
	err = s.sdk.DoAction(req, answer)
	return nil
}

// noCredentials has the kind of its cause, if that has one: keys that could not be
// fetched today are not keys that are refused.
func noCredentials(ctx context.Context, cause error) *Error {
	e := &Error{kind: video.ErrForbidden, cause: cause}
	for _, kind := range []error{video.ErrTransient, video.ErrThrottled, video.ErrDeferred} {
		if errors.Is(cause, kind) {
			e.kind = kind
		}
	}
	if ctx.Err() != nil {
		e.kind = video.ErrDeferred
	}
	return e
}

// notTried is a call that was never sent.
func notTried(ctx context.Context, cause error) *Error {
	if ctx.Err() == nil { // the rate would answer after the deadline
		cause = fmt.Errorf("the rate leaves no room before the deadline: %w", context.DeadlineExceeded)
	}
	return &Error{kind: video.ErrDeferred, cause: cause}
}
