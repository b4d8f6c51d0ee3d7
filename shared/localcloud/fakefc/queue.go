package fakefc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakemns"
)

// held is how long a trigger hides the messages it works on: the longest that the
// queues allow, since its retries may take a day.
const held = 12 * time.Hour

// consume feeds a function from a queue, as EventBridge does: batch after batch,
// each one until it succeeds or is given up.
func (s *Server) consume(f *fn, t Trigger) {
	key := f.Name + "/" + t.Name
	s.stream(key, "running")
	ctx, cancel := context.WithCancel(s.stop)
	defer cancel()
	turn := make(chan struct{}, 1) // to gather the next batch
	turn <- struct{}{}
	for batch := range s.batches(ctx, f, t, turn) {
		if s.opt.Doubts.GatherWhilePushing {
			turn <- struct{}{}
		}
		s.mu.Lock()
		s.async++ // Quiet waits for it
		s.mu.Unlock()
		done := s.push(f, t, batch)
		s.mu.Lock()
		if s.async--; s.async == 0 && s.quiet != nil {
			close(s.quiet)
			s.quiet = nil
		}
		s.mu.Unlock()
		if !done {
			s.release(t.Queue, batch.messages)
			cancel()
			if s.stop.Err() == nil {
				s.stream(key, "stopped after an error it may not tolerate")
				<-s.stop.Done()
			}
			continue
		}
		handles := make([]string, len(batch.messages))
		for i, m := range batch.messages {
			handles[i] = m.Handle
		}
		if s.opt.Acknowledged != nil {
			s.opt.Acknowledged(t.Queue, batch.messages)
		}
		s.opt.Queues.Remove(t.Queue, handles...)
		if !s.opt.Doubts.GatherWhilePushing {
			turn <- struct{}{}
		}
	}
	s.stream(key, "stopped")
}

// batch is messages and the event that they make.
type batch struct {
	messages []fakemns.Message
	event    []byte
	fault    calls.Fault
}

// batches gathers a batch for each turn, until ctx ends. What was taken and not
// handed on by then can be seen again.
func (s *Server) batches(ctx context.Context, f *fn, t Trigger, turn <-chan struct{}) <-chan batch {
	count, window := t.Count, t.Window
	if !t.Stream {
		count, window = 1, 0
	}
	limit := maxSync
	if t.Async != s.opt.Doubts.AsyncMeansSync {
		limit = maxAsync
	}
	out := make(chan batch)
	go func() {
		defer close(out)
		var over []fakemns.Message // read, but it did not fit
		defer func() { s.release(t.Queue, over) }()
		for {
			select {
			case <-turn:
			case <-ctx.Done():
				return
			}
			var b batch
			for len(b.messages) == 0 && ctx.Err() == nil {
				b.messages, over = s.gather(ctx, t.Queue, over, count, limit, time.Duration(float64(window)*s.opt.Pace))
			}
			if len(b.messages) == 0 {
				return
			}
			b.fault = s.opt.Fault.For("batch", "", f.Name)
			if b.fault.Reorder {
				rand.Shuffle(len(b.messages), func(i, j int) { b.messages[i], b.messages[j] = b.messages[j], b.messages[i] })
			}
			b.event = s.batchEvent(f, t, b.messages)
			select {
			case out <- b:
			case <-ctx.Done():
				s.release(t.Queue, b.messages)
				return
			}
		}
	}()
	return out
}

// release lets taken messages be seen again.
func (s *Server) release(queue string, messages []fakemns.Message) {
	for _, m := range messages {
		_, _ = s.opt.Queues.Hide(queue, m.Handle, 0)
	}
}

func (s *Server) stream(key, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[key] = state
}

// Streams tells the state of each queue trigger, by function/trigger.
func (s *Server) Streams() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for k, v := range s.streams {
		out[k] = v
	}
	return out
}

// around is how many bytes the event puts around a message, at most.
const around = 800

// gather collects a batch: up to count messages, for as long as the window is open
// after the first, cut early where it would pass the size limit. What was read and
// did not fit is over, for the next batch.
func (s *Server) gather(ctx context.Context, queue string, over []fakemns.Message, count, limit int, window time.Duration) (batch, left []fakemns.Message) {
	size := 0
	take := func(got []fakemns.Message) (rest []fakemns.Message) {
		for i, m := range got {
			if size += len(m.Body) + around; len(batch) == count || len(batch) > 0 && size > limit {
				return got[i:]
			}
			batch = append(batch, m)
		}
		return nil
	}
	if left = take(over); left != nil {
		return batch, left
	}
	until := time.Now().Add(window)
	for len(batch) < count && ctx.Err() == nil {
		wait := 30 * time.Second
		if len(batch) > 0 {
			wait = max(time.Until(until), 0)
		}
		got, err := s.opt.Queues.Receive(ctx, queue, min(16, count-len(batch)), wait, held)
		if err != nil { // no such queue yet
			if !s.pause(time.Second) {
				break
			}
			continue
		}
		if len(got) == 0 {
			if len(batch) == 0 {
				continue
			}
			break
		}
		if len(batch) == 0 {
			until = time.Now().Add(window)
		}
		if left = take(got); left != nil {
			break
		}
	}
	return batch, left
}

// push delivers one batch; false: it was given up and must stay in the queue.
func (s *Server) push(f *fn, t Trigger, b batch) bool {
	next := gaps(t.Exponential)
	for try := 0; ; try++ {
		c := call{id: requestID(), kind: "queue", trigger: t.Name, event: b.event, retry: try}
		if t.Async != s.opt.Doubts.AsyncMeansSync {
			s.accept(f, c)
			return true
		}
		out, _ := f.run(s.stop, c, false)
		if out.errorType == "" && (b.fault.Duplicate || out.again) {
			c.id = requestID()
			f.run(s.stop, c, false)
		}
		if out.errorType == "" {
			return true
		}
		if s.stop.Err() != nil {
			return false
		}
		gap, again := next(try)
		if again {
			if !s.pause(gap) {
				return false
			}
			continue
		}
		if !t.Tolerant {
			return false
		}
		if t.DeadLetters != "" {
			for _, m := range b.messages {
				body := m.Body
				if s.opt.Doubts.DeadEvents {
					text, _ := json.Marshal(s.cloudEvent(f, t, m))
					body = string(text)
				}
				if _, err := s.opt.Queues.Enqueue(t.DeadLetters, body); err != nil {
					s.opt.Log.Error("dead letter", "function", f.Name, "queue", t.DeadLetters, "error", err.Error())
					return false
				}
			}
		}
		return true
	}
}

func (s *Server) batchEvent(f *fn, t Trigger, batch []fakemns.Message) []byte {
	list := make([]any, len(batch))
	for i, m := range batch {
		event := any(s.cloudEvent(f, t, m))
		if t.Raw {
			event = event.(map[string]any)["data"]
		}
		if s.opt.Doubts.StringBatches {
			text, _ := json.Marshal(event)
			event = string(text)
		}
		list[i] = event
	}
	var out []byte
	if t.Stream {
		out, _ = json.Marshal(list)
	} else {
		out, _ = json.Marshal(list[0])
	}
	return out
}

func (s *Server) cloudEvent(f *fn, t Trigger, m fakemns.Message) map[string]any {
	body := m.Body
	if raw, err := base64.StdEncoding.DecodeString(body); t.Decode && err == nil && utf8.Valid(raw) {
		body = string(raw)
	}
	at := m.Enqueued.UTC().Format("2006-01-02T15:04:05.000Z")
	return map[string]any{
		"id": lifeID(), "source": "MNS-" + f.Name + "-" + t.Name, "specversion": "1.0", "type": "mns:Queue:SendMessage",
		"datacontenttype": "application/json; charset=utf-8",
		"subject":         "acs:mns:" + s.opt.Region + ":" + s.opt.Account + ":queues/" + t.Queue,
		"time":            at, "aliyunpublishtime": at,
		"aliyunaccountid": s.opt.Account, "aliyunoriginalaccountid": s.opt.Account,
		"aliyuneventbusname": "MNS-" + f.Name + "-" + t.Name, "aliyunregionid": s.opt.Region, "aliyunpublishaddr": "127.0.0.1",
		"data": map[string]any{
			"requestId": fmt.Sprintf("%016X%08X", rand.Uint64(), rand.Uint32()), "messageId": m.ID, "messageBody": body,
		},
	}
}

// notice hands a topic's message to a function. The service calls the function
// asynchronously and repeats the call only when it was not accepted, which cannot
// happen here; what fails then is repeated as any asynchronous invocation is.
func (s *Server) notice(f *fn, t Trigger, n fakemns.Notice) {
	event := []byte(n.Body)
	if t.Format == "JSON" {
		fields := map[string]any{
			"TopicOwner": s.opt.Account, "TopicName": n.Topic, "Subscriber": s.opt.Account, "SubscriptionName": n.Subscription,
			"MessageId": n.ID, "MessageMD5": n.MD5, "Message": n.Body,
			"PublishTime": n.At.UnixMilli(), // a number here, a string in a queue
		}
		if n.Tag != "" {
			fields["MessageTag"] = n.Tag
		}
		event, _ = json.Marshal(fields)
	}
	s.accept(f, call{id: requestID(), kind: "topic", trigger: t.Name, event: event})
}
