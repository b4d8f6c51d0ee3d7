package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"vodcurator/events"
	"vodcurator/shared/boot"
)

// handler checks VOD's HTTP callbacks and hands them to the queue into which VOD's other
// callback method writes: whoever floods it makes no call to VOD and holds up nobody else.
type handler struct {
	signer   events.Signer
	seen     *events.Seen
	budget   *budget
	send     boot.SendRight
	queue    string
	now      func() time.Time
	log      *slog.Logger
	deadline time.Duration // VOD waits 5 s for the answer
}

func (h *handler) handle(ctx context.Context, raw []byte) (any, error) {
	ctx = boot.Invocation(ctx)
	status, text := h.receive(ctx, raw)
	if status != http.StatusOK {
		h.log.InfoContext(ctx, "callback refused", slog.Int("status", status), slog.String("why", text))
	}
	body, err := json.Marshal(map[string]string{"message": text})
	return events.Response{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, err
}

// receive looks at what costs least first: the size, then the headers. The body is
// decoded only for a request with a signature that is right and has a budget left. A
// failure answers 500, so that VOD tries again while it still does; what it gives up is
// left to the sweep.
func (h *handler) receive(ctx context.Context, raw []byte) (status int, text string) {
	if len(raw) > events.MaxHTTPEvent {
		return http.StatusRequestEntityTooLarge, "body too large"
	}
	req, body, err := events.DecodeHTTPHead(raw)
	if err != nil {
		return http.StatusBadRequest, "malformed"
	}
	now := h.now()
	switch err := h.signer.Verify(req, now); {
	case errors.Is(err, events.ErrUnsigned):
		return http.StatusUnauthorized, "not signed"
	case err != nil:
		return http.StatusForbidden, "signature not accepted"
	}
	if req.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "POST only"
	}
	pair := h.signer.Pair(req)
	if !h.budget.left(pair, now) {
		return http.StatusTooManyRequests, "too many with this signature"
	}
	switch req.Body, err = body(); {
	case errors.Is(err, events.ErrTooLarge):
		return http.StatusRequestEntityTooLarge, "body too large"
	case err != nil:
		return http.StatusBadRequest, "malformed"
	}
	if h.seen.Repeat(req, now) {
		return http.StatusOK, "seen before"
	}
	notice, err := events.DecodeNotice(req.Body)
	if err != nil {
		return http.StatusBadRequest, "malformed"
	}
	if !h.budget.take(pair, now) {
		return http.StatusTooManyRequests, "too many with this signature"
	}
	ctx, cancel := context.WithTimeout(ctx, h.deadline)
	defer cancel()
	if err := h.enqueue(ctx, notice); err != nil {
		h.seen.Forget(req)
		h.log.WarnContext(ctx, "callback not passed on", slog.String("queue", h.queue), slog.Any("error", err))
		return http.StatusInternalServerError, "try again"
	}
	return http.StatusOK, "ok"
}

// maxQueued is what fits a queue message of 64 KB, as base64.
const maxQueued = 48 << 10

// enqueue passes a notification on as it came. One that is too long for the queue goes
// without what its kind adds: the media is read again anyway.
func (h *handler) enqueue(ctx context.Context, n events.Notice) error {
	body := []byte(n.Raw)
	if len(body) > maxQueued {
		status := "success"
		if n.Status == events.StatusFailed {
			status = "fail"
		}
		var err error
		body, err = json.Marshal(map[string]string{
			"EventType": n.Kind, "MediaId": string(n.ID), "MediaType": string(n.MediaKind), "Status": status,
			"EventTime": n.At.UTC().Format(time.RFC3339), "AppId": n.App,
		})
		if err != nil {
			return err
		}
	}
	sent, err := h.send(ctx, h.queue, []boot.Message{{Body: body}})
	if err == nil && len(sent) > 0 {
		err = sent[0].Err
	}
	return err
}
