// Package night is what the functions of the night share. It is a room of its own, so that no
// other function links the policy and what removes.
package night

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
)

// Night is what the functions of the night share: a timer's tick makes one run, with one
// log record, and what needs a person goes to the webhook.
type Night struct {
	Name   string // of the function
	Policy func(ctx context.Context) (*retention.Policy, error)
	Clock  func(ctx context.Context) (time.Time, error)
	Hook   notify.Webhook
	Notice notify.Notice // what all notices of the function say
	State  state.Objects // keeps what was told
	Log    *slog.Logger

	last atomic.Int64 // planned time of the last tick that this instance acted on, in seconds
}

// Answer is what a run answers.
type Answer interface {
	// Attrs are the facts of its log record.
	Attrs(more ...any) []any
}

// New makes that of a function, whose notices are of a kind.
func New(a *boot.App, name, event string) *Night {
	return &Night{
		Name: name, Policy: func(ctx context.Context) (*retention.Policy, error) { return Policy(ctx, a) }, Clock: a.Clock, State: a.State, Log: a.Log,
		Hook:   notify.Webhook{URL: a.NotifyURL, Key: string(a.NotifyKey), Log: a.Log},
		Notice: notify.Notice{Event: event, Scope: a.Scope},
	}
}

// Run is one run at a moment, with the policy as it is then. now is this machine's clock, as far
// ahead of it as the Night's is: on the local cloud, leases end when the library's clock says so.
type Run func(ctx context.Context, at time.Time, now func() time.Time, policy *retention.Policy) (Answer, error)

// Tick makes a run at the moment of a tick. A tick that lies far from the clock or behind the
// last one is refused, and told. The run tells its own incidents.
func (n *Night) Tick(ctx context.Context, raw []byte, run Run) (any, error) {
	tick, err := events.DecodeTick(raw)
	if err != nil {
		return nil, err
	}
	now, err := n.Clock(ctx)
	if err != nil {
		return nil, err
	}
	ahead := time.Until(now)
	at, err := tick.ActAt(now, time.Unix(n.last.Load(), 0))
	if err != nil {
		n.Log.ErrorContext(ctx, n.Name, slog.Any("error", err))
		n.Tell(ctx, now, nil, notify.Incident{Code: notify.TickRefused, Text: "no run: " + err.Error()})
		return nil, err
	}
	n.last.Store(tick.At.Unix())
	policy, err := n.Policy(ctx)
	if err != nil {
		n.Tell(ctx, at, nil, notify.Incident{Code: notify.NoRun, Text: "no run: " + err.Error()})
		return nil, err
	}
	answer, err := run(ctx, at, func() time.Time { return time.Now().Add(ahead) }, policy)
	if err != nil {
		n.Log.ErrorContext(ctx, n.Name, answer.Attrs(slog.Any("error", err))...)
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	n.Log.InfoContext(ctx, n.Name, answer.Attrs()...)
	return answer, nil
}

// Tell sends what needs a person, within what is left of the time.
func (n *Night) Tell(ctx context.Context, at time.Time, facts any, incidents ...notify.Incident) {
	n.Hook.Incidents(ctx, n.State, at, n.At(at, facts), incidents)
}

// At is a notice of a moment.
func (n *Night) At(at time.Time, facts any) notify.Notice {
	notice := n.Notice
	notice.At, notice.Facts = at.UTC().Format(time.RFC3339), facts
	return notice
}
