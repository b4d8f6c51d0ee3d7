// Package queue is the client of MNS queues (Simple Message Queue), over the
// provider's SDK. Our nouns go in and come out; nothing of the SDK does.
//
// It refuses what MNS would refuse (sizes, names, ranges, an endpoint of another
// form) before any call, and it never sends a message twice on its own: what may
// have arrived is reported as video.ErrUnknownOutcome.
//
// # Why
//
// The SDK signs, writes and reads the XML. Everything else of it is mended here: it
// has no context, repeats POSTs after a lost connection, panics on endpoints that
// have not five dotted parts, races in its rate monitor, hides code, status and
// request id in texts, and sends priority 0, which MNS refuses. Its one open seam,
// the transport, gets a plain net/http transport with the context of the call, so
// that a cancelled long poll really ends, at the server too.
//
// The SDK's fasthttp has five hidden repeats and no context, so that a cancelled long poll
// would go on at the server.
package queue

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	mns "github.com/aliyun/aliyun-mns-go-sdk"

	"vodcurator/shared/video"
)

// The limits of MNS (mns.md 2.12).
const (
	MaxBatch   = 16               // messages in one call
	MaxBytes   = 64 << 10         // of all bodies in one call, encoded as base64
	MaxBody    = MaxBytes / 4 * 3 // of one body before that
	MaxWait    = 30 * time.Second
	MaxDelay   = 7 * 24 * time.Hour
	MaxVisible = 12 * time.Hour // how long Extend may hide a message

	MaxRetention = 7 * 24 * time.Hour
)

// Credentials gives the access key for a call, token being empty for a lasting
// one. It is asked for each call, since those of a function live for a while only.
type Credentials func(ctx context.Context) (id, secret, token string, err error)

// Config says which queues and as whom.
type Config struct {
	Region      string        // required
	Account     string        // required
	Endpoint    string        // base URL; default: the region's public endpoint. A local one gets the real host name all the same
	Credentials Credentials   // required
	Timeout     time.Duration // of one call, beside its wait; default 10 s
	Backoff     time.Duration // before the first repetition; default 100 ms, doubling
}

// Client speaks to the queues of one account in one region. It is safe for
// concurrent use.
type Client struct {
	wire *wire
}

// What goes in and comes out.
type (
	// Message is a message to send.
	Message = video.Message
	// Sent says what came of one message.
	Sent = video.Sent
	// Received is a message that was taken or looked at.
	Received = video.Received
	// Stats are approximate counts.
	Stats = video.QueueStats
)

// Send sends messages in as few calls as the limits allow. It answers one entry for
// each message, in order. The error is the first failure that was not about a
// single message; messages that were not tried then say so.
func (c *Client) Send(ctx context.Context, queue string, messages []Message) ([]Sent, error) {
	sent := make([]Sent, len(messages))
	requests := make([]mns.MessageSendRequest, len(messages))
	var good []int
	for i, m := range messages {
		if requests[i], sent[i].Err = request(m); sent[i].Err == nil {
			good = append(good, i)
		}
	}
	for len(good) > 0 {
		n, size := 0, 200 // what stands around all messages
		for n < len(good) && n < MaxBatch {
			// Whether MNS counts the XML around the bodies is not known, so it is
			// counted, except for a message alone, which would not fit otherwise.
			if size += len(requests[good[n]].MessageBody) + 100; n > 0 && size > MaxBytes {
				break
			}
			n++
		}
		batch := good[:n]
		good = good[n:]
		if err := c.send(ctx, queue, requests, batch, sent); err != nil {
			for _, i := range good {
				sent[i].Err = fmt.Errorf("send to %s: %w: a call before it failed", queue, video.ErrDeferred)
			}
			return sent, err
		}
	}
	return sent, nil
}

// send sends the messages of one call and fills their entries.
func (c *Client) send(ctx context.Context, queue string, requests []mns.MessageSendRequest, batch []int, sent []Sent) error {
	var entries []mns.BatchMessageSendEntry
	err := c.wire.do(ctx, opSend, queue, 0, func(q mns.AliMNSQueue) error {
		if len(batch) == 1 {
			answer, err := q.SendMessage(requests[batch[0]])
			entries = []mns.BatchMessageSendEntry{{MessageId: answer.MessageId}}
			return err
		}
		these := make([]mns.MessageSendRequest, len(batch))
		for k, i := range batch {
			these[k] = requests[i]
		}
		answer, err := q.BatchSendMessage(these...)
		entries = answer.Messages
		return err
	})
	for k, i := range batch {
		switch {
		case err != nil:
			sent[i].Err = err
		case k >= len(entries) || entries[k].MessageId == "" && entries[k].ErrorCode == "":
			sent[i].Err = &Error{Op: opSend, Queue: queue, Message: "no answer for this message", kind: video.ErrUnknownOutcome}
		case entries[k].ErrorCode != "":
			sent[i].Err = entryError(opSend, queue, entries[k].ErrorCode, entries[k].ErrorMessage)
		default:
			sent[i].ID = entries[k].MessageId
		}
	}
	return err
}

func request(m Message) (mns.MessageSendRequest, error) {
	size := base64.StdEncoding.EncodedLen(len(m.Body))
	switch {
	case len(m.Body) == 0:
		return mns.MessageSendRequest{}, fmt.Errorf("%w: an empty message", video.ErrInvalid)
	case size > MaxBytes:
		return mns.MessageSendRequest{}, fmt.Errorf("%w: a message of %d bytes, at most %d (%d as base64)", video.ErrInvalid, len(m.Body), MaxBody, MaxBytes)
	case m.Priority < 0 || m.Priority > 16:
		return mns.MessageSendRequest{}, fmt.Errorf("%w: priority %d, 1 to 16", video.ErrInvalid, m.Priority)
	case m.Delay < 0 || m.Delay > MaxDelay:
		return mns.MessageSendRequest{}, fmt.Errorf("%w: delay %s, at most %s", video.ErrInvalid, m.Delay, MaxDelay)
	}
	priority := int64(8)
	if m.Priority != 0 {
		priority = int64(m.Priority)
	}
	return mns.MessageSendRequest{
		MessageBody:  base64.StdEncoding.EncodeToString(m.Body),
		DelaySeconds: wholeSeconds(m.Delay),
		Priority:     priority,
	}, nil
}

// Receive takes at most limit messages (at most MaxBatch), waiting for the first one as
// long as wait (at most MaxWait). With no wait the queue's own setting applies. No
// message is nil, nil. A message that was taken is hidden until NextVisible and
// comes back then, unless it is deleted; one that a lost answer had taken too.
func (c *Client) Receive(ctx context.Context, queue string, limit int, wait time.Duration) ([]Received, error) {
	wait = min(max(wait, 0), MaxWait)
	var seconds []int64
	if wait > 0 {
		// Never a wait of 0: the SDK would skip the call and answer nothing at all.
		seconds = []int64{min(wholeSeconds(wait), 30)}
	}
	return c.take(ctx, opReceive, queue, wait, func(q mns.AliMNSQueue, answers chan mns.BatchMessageReceiveResponse, errs chan error) {
		q.BatchReceiveMessage(answers, errs, atMost(limit), seconds...)
	})
}

// Oldest is when the oldest of these messages came; zero: there is none.
func Oldest(all []Received) (oldest time.Time) {
	for _, m := range all {
		if oldest.IsZero() || m.Enqueued.Before(oldest) {
			oldest = m.Enqueued
		}
	}
	return oldest
}

// Peek looks at messages that are waiting, at most limit of them (at most
// MaxBatch), and leaves them as they are.
func (c *Client) Peek(ctx context.Context, queue string, limit int) ([]Received, error) {
	return c.take(ctx, opPeek, queue, 0, func(q mns.AliMNSQueue, answers chan mns.BatchMessageReceiveResponse, errs chan error) {
		q.BatchPeekMessage(answers, errs, atMost(limit))
	})
}

func (c *Client) take(ctx context.Context, op, queue string, wait time.Duration, call func(mns.AliMNSQueue, chan mns.BatchMessageReceiveResponse, chan error)) ([]Received, error) {
	var taken []Received
	err := c.wire.do(ctx, op, queue, wait, func(q mns.AliMNSQueue) error {
		// One of the two gets the result before the call returns; room for it keeps
		// the call from hanging.
		answers, errs := make(chan mns.BatchMessageReceiveResponse, 1), make(chan error, 1)
		call(q, answers, errs)
		select {
		case err := <-errs:
			return err
		case answer := <-answers:
			taken = make([]Received, len(answer.Messages))
			for i, m := range answer.Messages {
				taken[i] = Received{
					ID:          m.MessageId,
					Handle:      m.ReceiptHandle,
					Body:        plain(m.MessageBody),
					Enqueued:    millis(m.EnqueueTime),
					NextVisible: millis(m.NextVisibleTime),
					Dequeued:    int(m.DequeueCount),
				}
			}
			return nil
		}
	})
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == "MessageNotExist" {
		return nil, nil
	}
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	return taken, nil
}

// Delete removes messages that were received. It answers one entry for each handle,
// in order: nil for a message that is gone now, an error that wraps
// video.ErrNotFound when the handle ran out, so that the message will come again.
// The error is the first failure that was not about a single message.
func (c *Client) Delete(ctx context.Context, queue string, handles []string) ([]error, error) {
	results := make([]error, len(handles))
	for from := 0; from < len(handles); from += MaxBatch {
		batch := handles[from:min(from+MaxBatch, len(handles))]
		failed := map[string]error{}
		err := c.wire.do(ctx, opDelete, queue, 0, func(q mns.AliMNSQueue) error {
			answer, err := q.BatchDeleteMessage(batch...)
			for _, f := range answer.FailedMessages {
				failed[f.ReceiptHandle] = entryError(opDelete, queue, f.ErrorCode, f.ErrorMessage)
			}
			return err
		})
		for i, handle := range batch {
			if err != nil {
				results[from+i] = err
			} else {
				results[from+i] = failed[handle]
			}
		}
		if err != nil {
			for i := from + len(batch); i < len(handles); i++ {
				results[i] = fmt.Errorf("delete from %s: %w: a call before it failed", queue, video.ErrDeferred)
			}
			return results, err
		}
	}
	return results, nil
}

// Extend hides a received message for d from now on, a second to MaxVisible. The
// old handle is void afterwards.
func (c *Client) Extend(ctx context.Context, queue, handle string, d time.Duration) (newHandle string, until time.Time, err error) {
	if d <= 0 || d > MaxVisible {
		return "", time.Time{}, fmt.Errorf("extend in %s: %w: %s, at most %s", queue, video.ErrInvalid, d, MaxVisible)
	}
	var answer mns.MessageVisibilityChangeResponse
	err = c.wire.do(ctx, opExtend, queue, 0, func(q mns.AliMNSQueue) (err error) {
		answer, err = q.ChangeMessageVisibility(handle, wholeSeconds(d))
		return err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return answer.ReceiptHandle, millis(answer.NextVisibleTime), nil
}

// Stats counts the messages of a queue.
func (c *Client) Stats(ctx context.Context, queue string) (Stats, error) {
	all, err := c.Settings(ctx, queue)
	return all.Stats, err
}

// Settings are what a queue is set to, with its counts.
type Settings struct {
	Stats
	Retention time.Duration // after which an unread message is gone
	Wait      time.Duration // that every receive waits for a message
}

// Settings reads those of a queue; one that is not there is video.ErrNotFound.
func (c *Client) Settings(ctx context.Context, queue string) (Settings, error) {
	var answer mns.QueueAttribute
	err := c.wire.manage(ctx, opStats, queue, func(m mns.AliQueueManager) (err error) {
		answer, err = m.GetQueueAttributes(queue)
		return err
	})
	if err != nil {
		return Settings{}, err
	}
	return Settings{
		Stats:     Stats{Active: answer.ActiveMessages, Inactive: answer.InactiveMessages, Delayed: answer.DelayMessages},
		Retention: time.Duration(answer.MessageRetentionPeriod) * time.Second, Wait: time.Duration(answer.PollingWaitSeconds) * time.Second,
	}, nil
}

// Ensure makes a queue that keeps messages for a time, and is otherwise as MNS makes one; 0:
// in that, too. A queue that is there stays as it is.
func (c *Client) Ensure(ctx context.Context, queue string, retention time.Duration) error {
	err := c.wire.manage(ctx, opEnsure, queue, func(m mns.AliQueueManager) (err error) {
		if retention == 0 {
			err = m.CreateSimpleQueue(queue)
		} else {
			err = m.CreateQueue(queue, 0, MaxBytes, int32(wholeSeconds(min(retention, MaxRetention))), 30, 0, 2)
		}
		if !mns.ERR_MNS_QUEUE_ALREADY_EXIST_AND_HAVE_SAME_ATTR.IsEqual(err) {
			return err
		}
		return nil
	})
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == "QueueAlreadyExist" {
		return nil
	}
	return err
}

// Close drops idle connections. The client can still be used.
func (c *Client) Close() { c.wire.http.CloseIdleConnections() }

// plain undoes the base64 that queue clients wrap bodies in by convention. Text
// that is not base64 of UTF-8 text, or of what begins like JSON, is taken as it is.
func plain(body string) []byte {
	out, err := base64.StdEncoding.DecodeString(body)
	if start := bytes.TrimLeft(out, " \t\r\n"); err == nil && (utf8.Valid(out) || bytes.HasPrefix(start, []byte("{")) || bytes.HasPrefix(start, []byte("["))) {
		return out
	}
	return []byte(body)
}

func millis(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func atMost(n int) int32 {
	if n < 1 || n > MaxBatch {
		return MaxBatch
	}
	return int32(n)
}

const (
	digitsAndLower = "0123456789abcdefghijklmnopqrstuvwxyz"
	alphanumeric   = digitsAndLower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// validName follows the older, longer limit of the two that are documented. It is no
// regular expression: one with a repetition of 255 takes longer to compile than all else
// that a function does at start.
func validName(name string) bool {
	return name != "" && len(name) <= 256 && name[0] != '-' && consists(name, alphanumeric+"-")
}

// consists says that a text has no other characters than these.
func consists(text, of string) bool { return strings.Trim(text, of) == "" }
