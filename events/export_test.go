package events

import "time"

// The decoders of single triggers; Decode is one of them at a time.
var DecodeBatch = batch

func DecodeHTTP(raw []byte) (Request, error) {
	o, err := parse(raw)
	if err != nil {
		return Request{}, malformed("http event", "%w", err)
	}
	return request(raw, o)
}

func DecodeTopic(raw []byte) (Message, error) {
	o, _ := parse(raw) // what is no object has no envelope
	return topic(raw, o)
}

func Kind(raw []byte) Trigger {
	trigger, _ := look(raw)
	return trigger
}

func (b *Budget) Take(pair string, now time.Time) bool { return b.take(pair, now) }

func (b *Budget) Pairs() int { return len(b.spent) }
