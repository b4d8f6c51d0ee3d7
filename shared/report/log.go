// Package report words what happened: log records, answers of functions and
// tables for people.
//
// It decides nothing and calls nobody. Nothing that it writes holds a secret,
// because nothing that reaches it does.
//
// # Why
//
// The width of a text is mattn/go-runewidth's (functions link its start only, 0.05 MB):
// a table of our own counted combining characters.
package report

import (
	"context"
	"io"
	"log/slog"

	"vodcurator/shared/video"
)

// NewLog writes one JSON line for each record, stamped with the request id that
// WithRequest put into the context. Texts and errors are shown as video.Visible has them,
// since a reader of logs decodes the JSON; what else is unseen, in a list of facts, is
// escaped.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(stamped{slog.NewJSONHandler(jsonScreen{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: visibleAttr})})
}

func visibleAttr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(video.Visible(v))
	case error:
		a.Value = slog.StringValue(video.Visible(v.Error()))
	}
	return a
}

type requestKey struct{}

// WithRequest gives every record of ctx the request id of an invocation.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

type stamped struct{ slog.Handler }

func (h stamped) Handle(ctx context.Context, r slog.Record) error {
	if id, _ := ctx.Value(requestKey{}).(string); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// Without these two, log.With would return the inner handler, unstamped.
func (h stamped) WithAttrs(as []slog.Attr) slog.Handler { return stamped{h.Handler.WithAttrs(as)} }
func (h stamped) WithGroup(name string) slog.Handler    { return stamped{h.Handler.WithGroup(name)} }
