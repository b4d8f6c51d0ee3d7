package edit

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"vodcurator/shared/video"
)

// ErrPanic says that the program failed on what an item or an asset holds.
var ErrPanic = fmt.Errorf("%w: panic", video.ErrInvalid)

// guard runs f and turns a panic into an error that no retry can cure; its stack goes
// to the log. What one asset's data does to us must not end the others' batch.
func (e *Editor) guard(ctx context.Context, what string, f func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %s: %v; the stack is in the log", ErrPanic, what, fault)
			e.c.Log.ErrorContext(ctx, "panic", slog.String("in", what), slog.Any("fault", fault), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return nil
}

// oneByOne makes a call about several assets. When it panics it is made again for each
// of them alone, and only those that panic again have that as their answer.
func oneByOne[In, Out any](ctx context.Context, e *Editor, what string, items []In, call func([]In) []Out, failed func(In, error) Out) (all []Out) {
	err := e.guard(ctx, what, func() { all = call(items) })
	if err == nil {
		return all
	}
	all = nil
	for _, item := range items {
		if len(items) > 1 {
			all = append(all, oneByOne(ctx, e, what, []In{item}, call, failed)...)
		} else {
			all = append(all, failed(item, err))
		}
	}
	return all
}
