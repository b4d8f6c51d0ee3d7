package video

import (
	"context"
	"time"
)

type beginKey struct{}

// BeginBefore gives a context under which no call to the library begins at or after a
// moment. A call that has begun is not cut short then, as it is by a deadline: what it
// did would not be known.
func BeginBefore(ctx context.Context, t time.Time) context.Context {
	if was, ok := LastBegin(ctx); ok && was.Before(t) {
		t = was
	}
	return context.WithValue(ctx, beginKey{}, t)
}

// LastBegin is the moment of BeginBefore, or else the deadline; false: there is neither.
func LastBegin(ctx context.Context) (t time.Time, ok bool) {
	t, ok = ctx.Deadline()
	if begin, set := ctx.Value(beginKey{}).(time.Time); set && (!ok || begin.Before(t)) {
		return begin, true
	}
	return t, ok
}
