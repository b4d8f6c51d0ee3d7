// Package events turns the raw bytes that Function Compute and its triggers hand
// over into checked facts: HTTP requests, timer ticks, MNS topic messages,
// EventBridge batches, VOD's notifications and our own metadata message.
//
// It refuses what it cannot read with ErrMalformed and never with a panic, and it
// accepts every form the provider's documents show, since they disagree with each
// other. It makes no call, keeps no clock (the time is an argument) and decides
// nothing: a notification is a hint about an asset, never the truth about it.
package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxBody is the longest body of a request or a message that is read. VOD's own
// notifications fit a queue message of 64 KB.
const MaxBody = 1 << 20

var (
	// ErrMalformed says that the bytes are not what they should be; no retry can cure it.
	// Every error of a decoder wraps it.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that a body is longer than MaxBody. It comes together with ErrMalformed.
	ErrTooLarge = errors.New("too large")
)

// Trigger says which kind of trigger sent an event, so that one function can have several.
type Trigger string

// The triggers that can be told apart by their bytes.
const (
	TriggerHTTP    Trigger = "http"
	TriggerTimer   Trigger = "timer"
	TriggerBatch   Trigger = "batch" // an MNS queue through EventBridge
	TriggerTopic   Trigger = "topic" // an MNS topic, in an envelope
	TriggerUnknown Trigger = "unknown"
)

// Event is what a trigger hands over, decoded.
type Event struct {
	Trigger  Trigger
	Request  Request   // of TriggerHTTP
	Tick     Tick      // of TriggerTimer
	Messages []Message // of all others
}

// Decode tells which trigger sent the bytes and decodes them, once. Every error wraps
// ErrMalformed, and comes with the Trigger alone: each answers it in its own way.
func Decode(raw []byte) (Event, error) {
	trigger, o := look(raw)
	e := Event{Trigger: trigger}
	var err error
	switch trigger {
	case TriggerHTTP:
		e.Request, err = request(raw, o)
	case TriggerTimer:
		e.Tick, err = tick(o)
	case TriggerBatch:
		if m, ok := queueEvent(o); ok {
			e.Messages = []Message{m}
		} else {
			e.Messages, err = batch(raw)
		}
	default:
		var m Message
		m, err = topic(raw, o)
		e.Messages = []Message{m}
	}
	if err != nil {
		return Event{Trigger: trigger}, err
	}
	return e, nil
}

// look tells which trigger sent the bytes, and gives the object that they are, if they are
// one. A topic message without an envelope cannot be told from a direct invocation: both
// are TriggerUnknown, and the bytes are then the message itself.
func look(raw []byte) (Trigger, object) {
	switch first(raw) {
	case '[':
		elements := json.NewDecoder(bytes.NewReader(raw))
		_, err := elements.Token()
		for err == nil && elements.More() {
			var one json.RawMessage
			if err = elements.Decode(&one); err != nil {
				break
			}
			if _, ok := element(one); ok {
				return TriggerBatch, nil // the first one tells; a batch may be 32 MB long
			}
		}
	case '{':
		o, err := parse(raw)
		switch {
		case err != nil:
			return TriggerUnknown, nil
		case o.has("rawpath") || o.has("requestcontext"):
			return TriggerHTTP, o
		case o.has("triggertime") && o.has("triggername"):
			return TriggerTimer, o
		case isNotification(o) || isStream(o):
			return TriggerTopic, o
		}
		if _, ok := queueEvent(o); ok {
			return TriggerBatch, o
		}
		return TriggerUnknown, o
	}
	return TriggerUnknown, nil
}

// first is the first byte that is not blank, 0 if there is none.
func first(raw []byte) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) > 0 {
		return raw[0]
	}
	return 0
}

// plain undoes the base64 that queue clients wrap bodies in by convention. Text
// that is not base64 of UTF-8 text, or of what begins like JSON, is taken as it is.
func plain(body string) []byte {
	if out, err := base64.StdEncoding.DecodeString(body); err == nil && (utf8.Valid(out) || first(out) == '{' || first(out) == '[') {
		return out
	}
	return []byte(body)
}

func malformed(what, format string, args ...any) error {
	return fmt.Errorf("%s: %w: "+format, append([]any{what, ErrMalformed}, args...)...)
}

func tooLarge(what string, size int) error {
	return fmt.Errorf("%s: %w: %w: %d bytes, at most %d", what, ErrMalformed, ErrTooLarge, size, MaxBody)
}
