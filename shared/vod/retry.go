package vod

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

const (
	maxAttempts  = 5
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// retrier repeats failed attempts that say of themselves that they may be
// repeated. Of all calls under way at most a fifth may be repeats, or three:
// when everything fails, repeating everything helps nobody.
type retrier struct{ executor failsafe.Executor[any] }

func newRetrier() *retrier {
	policy := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool {
			var e *Error
			return errors.As(err, &e) && e.again
		}).
		WithMaxAttempts(maxAttempts).
		WithBudget(budget.NewBuilder().WithMaxRate(0.2).WithMinConcurrency(3).Build()).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[any]) time.Duration {
			return backoff(exec.Attempts(), exec.LastError())
		}).
		ReturnLastFailure().
		Build()
	return &retrier{failsafe.With(policy)}
}

// run ends with the last attempt; what became of it is the attempt's to keep.
func (r *retrier) run(ctx context.Context, attempt func() error) {
	_ = r.executor.WithContext(ctx).Run(attempt)
}

// backoff is exponential with full jitter, and never shorter than the service asks for.
func backoff(attempts int, err error) time.Duration {
	ceiling := min(maxBackoff, firstBackoff<<min(attempts-1, 10))
	delay := rand.N(ceiling)
	var e *Error
	if errors.As(err, &e) {
		delay = max(delay, min(e.retryAfter, maxBackoff))
	}
	return delay
}
