package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
)

// handler checks VOD's HTTP callbacks and hands them to the queue into which VOD's other
// callback method writes: whoever floods it makes no call to VOD and holds up nobody else.
type handler struct {
	gate     events.Gate
	out      deliver.Outbox
	queue    string
	now      func() time.Time
	log      *slog.Logger
	deadline time.Duration // VOD waits 5 s for the answer
}

func (h *handler) handle(ctx context.Context, raw []byte) (any, error) {
	verdict := h.receive(ctx, raw)
	if verdict.Status != http.StatusOK {
		h.log.InfoContext(ctx, "callback refused", slog.Int("status", verdict.Status), slog.String("why", verdict.Text))
	}
	return verdict.Response(), nil
}

// receive looks at the size before anything else. What VOD gives up is left to the sweep.
func (h *handler) receive(ctx context.Context, raw []byte) events.Verdict {
	if len(raw) > events.MaxHTTPEvent {
		return events.TooLarge
	}
	req, body, err := events.DecodeHTTPHead(raw)
	if err != nil {
		return events.Unreadable(err)
	}
	return h.gate.Pass(req, body, h.now(), func(n events.Notice) error {
		ctx, cancel := context.WithTimeout(ctx, h.deadline)
		defer cancel()
		message, err := n.ForQueue()
		if err == nil {
			err = deliver.SendOne(ctx, h.out, h.queue, message)
		}
		if err != nil {
			h.log.WarnContext(ctx, "callback not passed on", slog.String("queue", h.queue), slog.Any("error", err))
		}
		return err
	})
}
