package events

import (
	"encoding/json"
	"time"
)

// Message is one message of a queue or topic. ID is empty and At is zero where the
// form it came in does not say them.
type Message struct {
	ID   string
	Body []byte
	At   time.Time // when it was published
}

// batch reads what EventBridge hands over for an MNS queue: one event, or an
// array of events, each an object or a string holding one (function-compute.md
// 4.3), whole or its data part only. An element of the array that is no such event
// becomes a message with that element as its body: its neighbours must not be run
// again on its account. Every error wraps ErrMalformed.
func batch(raw []byte) ([]Message, error) {
	switch first(raw) {
	case '{':
		m, ok := element(raw)
		if !ok {
			return nil, malformed("queue batch", "an object without a messageBody")
		}
		return []Message{m}, nil
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, malformed("queue batch", "%w", err)
		}
		messages := make([]Message, len(elements))
		for i, one := range elements {
			m, ok := element(one)
			if !ok {
				m = Message{Body: text(one)}
			}
			messages[i] = m
		}
		return messages, nil
	}
	return nil, malformed("queue batch", "neither an object nor an array")
}

// element reads one event of a batch, an object or a string that holds one.
func element(raw []byte) (Message, bool) {
	found := objects(raw)
	if len(found) != 1 || first(raw) == '[' {
		return Message{}, false
	}
	return queueEvent(found[0])
}

// queueEvent reads EventBridge's event of a queue message.
func queueEvent(event object) (Message, bool) {
	data := event.inner("data")
	if data == nil {
		data = event // the trigger was set to hand over the data part alone
	}
	if first(data["messagebody"]) != '"' {
		return Message{}, false
	}
	m := Message{ID: data.word("messageid"), Body: plain(data.text("messagebody")), At: event.time("time")}
	if m.ID == "" {
		m.ID = event.word("id")
	}
	return m, true
}

// topic reads a message that an MNS topic pushed, in each of the three forms
// a trigger can be set to: JSON, and SIMPLIFIED or STREAM with and without
// attributes (function-compute.md 4.2). What has no envelope is the message itself.
// Every error wraps ErrMalformed: there is one only for an empty event.
func topic(raw []byte, o object) (Message, error) {
	switch {
	case len(raw) == 0:
		return Message{}, malformed("topic message", "empty")
	case isNotification(o):
		m := Message{ID: o.word("messageid"), Body: plain(o.text("message")), At: millis(o, "publishtime")}
		if m.At.IsZero() {
			m.At = o.time("publishtime")
		}
		return m, nil
	case isStream(o):
		return Message{Body: plain(o.text("body"))}, nil
	}
	return Message{Body: plain(string(raw))}, nil
}

// isNotification: the topic's JSON envelope. Attributes stand beside these keys.
func isNotification(o object) bool {
	return first(o["message"]) == '"' && o.has("topicname") && (o.has("messageid") || o.has("publishtime"))
}

// isStream: the envelope that a message gets because it has attributes.
func isStream(o object) bool {
	return len(o) == 2 && first(o["body"]) == '"' && first(o["attrs"]) == '{'
}

// text is the text that a JSON string holds, and any other value as it is written.
func text(raw json.RawMessage) []byte {
	var s string
	if first(raw) == '"' && json.Unmarshal(raw, &s) == nil {
		return []byte(s)
	}
	return raw
}
