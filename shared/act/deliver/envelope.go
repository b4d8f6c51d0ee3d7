package deliver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// written is a message with its original, or without where the two fit no queue together.
func written(m events.Metadata) ([]byte, error) {
	body, err := events.EncodeMetadata(m)
	if m.Original != nil && (err != nil || len(body) > events.MaxMessage) {
		m.Original = nil
		body, err = events.EncodeMetadata(m)
	}
	return body, err
}

// pointer is the message that stands in the queue for one under STATE.
func pointer(key string, m events.Metadata) ([]byte, error) {
	return events.EncodeMetadata(events.Metadata{Ref: key, Attempts: m.Attempts, Before: m.Before, FirstSeen: m.FirstSeen, Reason: m.Reason})
}

// pack writes a message that goes back, to be seen after wait. One that is too long
// with its original goes through STATE; without STATE the original stays behind, and
// one that is too long even so goes as two.
func (j Job) pack(ctx context.Context, m events.Metadata, wait time.Duration) ([]video.Message, error) {
	m.Reason = clip(m.Reason, 1<<10)
	body, err := events.EncodeMetadata(m)
	if err != nil || len(body) > events.MaxMessage && j.Objects == nil {
		body, err = written(m)
	}
	if err != nil {
		return nil, err
	}
	if len(body) > events.MaxMessage && j.Objects == nil && len(m.Changes)+len(m.Retag) > 1 {
		return j.halves(ctx, m, wait)
	}
	if len(body) > events.MaxMessage {
		key, err := keep(ctx, j.Objects, "", body)
		if err != nil {
			return nil, err
		}
		if body, err = pointer(key, m); err != nil {
			return nil, err
		}
	}
	return []video.Message{{Body: body, Delay: wait}}, nil
}

// halves packs a message as two, without its original.
func (j Job) halves(ctx context.Context, m events.Metadata, wait time.Duration) ([]video.Message, error) {
	m.Original = nil
	one, two := m, m
	half, rest := (len(m.Changes)+1)/2, len(m.Retag)/2
	one.Changes, two.Changes = m.Changes[:half], m.Changes[half:]
	one.Retag, two.Retag = m.Retag[:rest], m.Retag[rest:]
	first, err := j.pack(ctx, one, wait)
	if err != nil {
		return nil, err
	}
	second, err := j.pack(ctx, two, wait)
	return append(first, second...), err
}

// later is a message as it came, but that it remembers when it was seen first: a change
// that does not say when it was issued must not grow younger. It waits for half of its
// age, so that a long outage costs few rounds and a short one little time. No try is
// counted: nothing is wrong with the message.
func later(m events.Message, now time.Time) video.Message {
	body, first := m.Body, m.At
	meta, err := events.DecodeMetadata(body)
	if err == nil && (!meta.FirstSeen.IsZero() || first.IsZero()) {
		first = meta.FirstSeen
	} else if err == nil {
		meta.FirstSeen = first.UTC()
		if meta.Original == nil && meta.Ref == "" {
			meta.Original = body
		}
		if stamped, err := written(meta); err == nil && len(stamped) <= events.MaxMessage {
			body = stamped
		}
	}
	wait := firstDelay
	if !first.IsZero() {
		wait = min(max(now.Sub(first)/2, firstDelay), maxDelay)
	}
	return video.Message{Body: body, Delay: wait}
}

// deadLetter holds the body as its sender sent it, here or under STATE.
func (j Job) deadLetter(ctx context.Context, d delivery, reason string) (video.Message, error) {
	original := d.meta.Original
	if original == nil {
		original = d.Body
	}
	l := events.DeadLetter{ID: d.ID, Body: original, Reason: reason, Attempts: d.meta.Before + d.meta.Attempts + 1, FirstSeen: d.meta.FirstSeen}
	body, err := events.EncodeDeadLetter(l)
	switch {
	case err != nil || len(body) <= events.MaxMessage:
	case j.Objects == nil && len(original) <= events.MaxMessage:
		j.Log.WarnContext(ctx, "a dead letter without its reason, which does not fit", slog.String("message", d.ID), slog.String("reason", reason))
		body = original // whoever reads the dead letters takes it so
	case j.Objects == nil: // nothing holds all of it, and its batch must not wait for that
		l.Reason = fmt.Sprintf("%s\nits %d bytes fit no queue, and there is no STATE: this is their beginning", reason, len(original))
		l.Body = original[:events.MaxMessage/2]
		body, err = events.EncodeDeadLetter(l)
	default:
		if l.Ref, err = keep(ctx, j.Objects, "", original); err == nil {
			l.Body = nil
			body, err = events.EncodeDeadLetter(l)
		}
	}
	return video.Message{Body: body}, err
}

// keep puts a body under STATE, by day and digest, behind a word of what it is: kept twice
// it is kept once, and the operator can expire it by its key.
func keep(ctx context.Context, objects Objects, what string, body []byte) (key string, err error) {
	if objects == nil {
		return "", fmt.Errorf("a message of %d bytes fits no queue and there is no STATE to keep it: %w", len(body), video.ErrInvalid)
	}
	sum := sha256.Sum256(body)
	key = "messages/" + time.Now().UTC().Format(time.DateOnly) + "/" + what + hex.EncodeToString(sum[:])
	if err := objects.Create(ctx, key, body); err != nil {
		have, readErr := objects.Read(ctx, key)
		if readErr != nil || !bytes.Equal(have, body) {
			return "", fmt.Errorf("%w: %w", errState, err)
		}
	}
	return key, nil
}

// clip cuts a text at a character.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
