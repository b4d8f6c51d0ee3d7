package events

// Undelivered takes the messages out of what the platform itself leaves among the dead
// letters: the record of an asynchronous invocation that failed (function-compute.md 5.3),
// which holds the batch, or the batch as it was pushed. The second value is false for
// anything else: it is a message itself.
func Undelivered(body []byte) ([]Message, bool) {
	if first(body) == '{' {
		if o, err := parse(body); err == nil && o.inner("requestcontext").has("functionarn") && first(o["requestpayload"]) == '"' {
			body = []byte(o.text("requestpayload"))
		}
	}
	e, err := Decode(body)
	if err != nil || e.Trigger != TriggerBatch {
		return nil, false
	}
	return e.Messages, true
}
