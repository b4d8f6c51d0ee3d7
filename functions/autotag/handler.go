package main

import (
	"context"
	"log/slog"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/video"
)

// wakePayload is the payload of the timer that only says that bulk changes may wait.
const wakePayload = "wake"

type handler struct {
	notices  deliver.Notices
	gate     events.Gate
	watch    func(ctx context.Context, at time.Time) // looks at the queues, once an hour; nil: nobody is told
	wake     func(ctx context.Context) error         // says that bulk changes may wait for the library's writer; nil: none can
	search   tag.Searcher
	places   tag.Places // nil: each sweep begins anew
	log      *slog.Logger
	deadline time.Duration // for a callback: VOD waits 5 s for the answer
}

func (h *handler) handle(ctx context.Context, raw []byte) (any, error) {
	e, err := events.Decode(raw)
	r := &deliver.TagReport{Trigger: e.Trigger, Outcomes: map[video.Result]int{}}
	var answer any = r
	switch {
	case e.Trigger == events.TriggerHTTP:
		answer, err = h.callback(ctx, e.Request, err, r).Response(), nil
	case err != nil:
		r.Malformed++
	case e.Trigger == events.TriggerTimer:
		err = h.tick(ctx, e.Tick, r)
	case e.Trigger == events.TriggerBatch:
		err = h.notices.Batch(ctx, e.Messages, r)
	default:
		err = h.notices.Message(ctx, e.Messages[0], r)
	}
	level, attributes := slog.LevelInfo, []slog.Attr{slog.Any("summary", *r)}
	if err != nil {
		level, attributes = slog.LevelError, append(attributes, slog.Any("error", err))
	}
	h.log.LogAttrs(ctx, level, "autotag", attributes...)
	return answer, err
}

// callback answers VOD, which gives up after three tries; the sweep finds what that leaves.
func (h *handler) callback(ctx context.Context, req events.Request, unreadable error, r *deliver.TagReport) events.Verdict {
	verdict, now := events.Unreadable(unreadable), h.notices.Now()
	if unreadable == nil {
		verdict = h.gate.Pass(req, nil, now, func(notice events.Notice) error {
			ctx, cancel := context.WithTimeout(ctx, h.deadline)
			defer cancel()
			return h.notices.One(ctx, notice, now, r)
		})
	}
	r.Callback(verdict)
	return verdict
}

func (h *handler) tick(ctx context.Context, tick events.Tick, r *deliver.TagReport) error {
	switch {
	case tick.Payload != wakePayload:
		if h.watch != nil { // first: a sweep may take all the time there is
			h.watch(ctx, tick.At)
		}
		return h.notices.Sweep(ctx, h.search, h.places, tick, r)
	case h.wake != nil:
		return h.wake(ctx)
	}
	return nil
}
