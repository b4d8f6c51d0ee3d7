package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// What a person does about dead letters. Without do each method only says what it would do.

// Seen is a dead letter, and what is done about it.
type Seen struct {
	DeadLetter
	Action string
}

// Redriven says what came of sending dead letters back.
type Redriven struct {
	Back    int
	Left    map[string]int // those that would only die again, or could not be sent, by reason
	Others  int            // delayed, or taken by somebody else
	Letters []Seen
}

// Redrive sends the messages of dead letters back, at most so many a second, and removes
// each dead letter once the queue has its message. It takes those that were there when it
// began. Interrupted it can be called again: it goes on with what is left, and a message
// that is sent twice has its effect once.
func (q DeadLetters) Redrive(ctx context.Context, f Filter, to Sender, rate float64, do bool) (Redriven, error) {
	done := Redriven{Left: map[string]int{}}
	f.Before = time.Now()
	var err error
	done.Others, err = q.Each(ctx, f, func(batch []DeadLetter) ([]string, error) {
		seen := make([]Seen, len(batch))
		var messages []video.Message
		var of []*Seen // whose message it is
		for i, l := range batch {
			body, err := q.revived(ctx, l)
			if seen[i] = (Seen{l, "goes back"}); err != nil {
				done.leave(&seen[i], err)
				continue
			}
			messages, of = append(messages, video.Message{Body: body}), append(of, &seen[i])
		}
		defer func() { done.Letters = append(done.Letters, seen...) }()
		if !do || len(messages) == 0 {
			done.Back += len(messages)
			return nil, nil
		}
		removed, err := q.sendAgain(ctx, to, messages, of, &done)
		if err != nil {
			return removed, err
		}
		return removed, pause(ctx, time.Duration(float64(len(messages))/rate*float64(time.Second)))
	})
	return done, err
}

func (r *Redriven) leave(s *Seen, why error) {
	s.Action = "left: " + why.Error()
	r.Left[why.Error()]++
}

// sendAgain sends messages, and removes the dead letters of those that the queue has.
func (q DeadLetters) sendAgain(ctx context.Context, to Sender, messages []video.Message, of []*Seen, done *Redriven) (removed []string, err error) {
	sent, err := to.sendAgain(ctx, messages)
	var handles, ids []string
	for k, s := range of {
		if sent[k].Err != nil {
			done.leave(s, sent[k].Err)
			continue
		}
		s.Action = "sent"
		handles, ids = append(handles, s.Taken.Handle), append(ids, s.Taken.ID)
	}
	done.Back += len(handles)
	// Also when ctx has just ended: what was sent need not be sent again.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	results, removeErr := q.Queue.Delete(last, q.Name, handles)
	for k, id := range ids {
		if results[k] == nil {
			removed = append(removed, id)
		}
	}
	if err = errors.Join(err, removeErr); err == nil {
		err = errors.Join(results...)
	}
	return removed, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// revived is the message of a dead letter as it goes back, or why it would only die
// again. It gets all its attempts again, and those before are kept beside them.
func (q DeadLetters) revived(ctx context.Context, l DeadLetter) ([]byte, error) {
	body, key, err := q.Body(ctx, l)
	if err != nil {
		return nil, err
	}
	if _, whole := events.Undelivered(body); whole {
		return body, nil // metadata takes its messages out of it
	}
	if notice, err := events.DecodeNotice(body); err == nil {
		return nil, fmt.Errorf("a %s of VOD, not a change; the sweep finds its asset by itself", notice.Kind)
	}
	m, err := pointedTo(key, body)
	if err == nil {
		err = Check(m.Changes, nil)
	}
	if err != nil {
		return nil, err
	}
	// A change without a moment of issue counts as issued when it was first seen: sent
	// back, it must not win over what was changed since.
	m.Attempts, m.Before, m.FirstSeen, m.Reason = 0, l.Attempts, l.FirstSeen, ""
	out, err := written(m)
	if err == nil && key != "" && len(out) > events.MaxMessage {
		return pointer(key, m)
	}
	return out, err
}

// Check checks every change of a message and names the place of each fault: place, or
// where that is nil the change's own in the message.
func Check(changes []video.Change, place func(int) string) error {
	if place == nil {
		place = func(i int) string { return fmt.Sprintf("change %d", i+1) }
	}
	var faults []error
	for i, c := range changes {
		err := c.Check()
		if err == nil && c.Empty() {
			err = fmt.Errorf("%w: %s: asks for nothing", video.ErrInvalid, c.ID)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", place(i), err))
		}
	}
	return errors.Join(faults...)
}

// CheckBody says what would make a message a dead letter again at once.
func CheckBody(body []byte) error {
	m, err := events.DecodeMetadata(body)
	if err != nil {
		return err
	}
	return Check(m.Changes, nil)
}

// Edit gives a dead letter another body; it has another id then. The body should pass
// CheckBody.
func (q DeadLetters) Edit(ctx context.Context, id string, body []byte, wait time.Duration, do bool) error {
	return q.Find(ctx, id, wait, func(l DeadLetter) (bool, error) {
		if !do {
			return false, nil
		}
		l.Body, l.Ref = body, ""
		letter, err := events.EncodeDeadLetter(l.DeadLetter)
		if err != nil {
			return false, err
		}
		// The new one first: killed in between, there are both, and none is lost.
		if err := SendOne(ctx, q.Queue, q.Name, letter); err != nil {
			return false, err
		}
		return true, q.remove(ctx, l)
	})
}

func (q DeadLetters) remove(ctx context.Context, l DeadLetter) error {
	results, err := q.Queue.Delete(ctx, q.Name, []string{l.Taken.Handle})
	if err != nil {
		return err
	}
	return errors.Join(results...)
}

// Dropped says what came of dropping dead letters.
type Dropped struct {
	Kept    []string // where under STATE they are kept
	Letters []Seen
}

// Drop takes dead letters away that nothing can cure. They are kept under STATE, with the
// reason why, where there is one. A selected id that is not there is an error.
func (q DeadLetters) Drop(ctx context.Context, f Filter, why string, do bool) (Dropped, error) {
	var done Dropped
	f.Before = time.Now()
	_, err := q.Each(ctx, f, func(batch []DeadLetter) (removed []string, err error) {
		for _, l := range batch {
			s := Seen{l, "would be dropped"}
			if do {
				if err := q.drop(ctx, l, why, &done); err != nil {
					return removed, fmt.Errorf("dead letter %s is left: %w", l.Taken.ID, err)
				}
				s.Action = "dropped"
				removed = append(removed, l.Taken.ID)
			}
			done.Letters = append(done.Letters, s)
		}
		return removed, nil
	})
	if missing := len(f.IDs) - len(done.Letters); err == nil && missing > 0 {
		err = fmt.Errorf("%d of %s: %w (or another command has taken them for now)", missing, letters(len(f.IDs)), video.ErrNotFound)
	}
	return done, err
}

func (q DeadLetters) drop(ctx context.Context, l DeadLetter, why string, done *Dropped) error {
	if q.Objects != nil {
		d := l.DeadLetter
		d.Reason = "dropped: " + why + "\n" + d.Reason
		body, err := events.EncodeDeadLetter(d)
		if err != nil {
			return err
		}
		key, err := keep(ctx, q.Objects, "dropped-", body)
		if err != nil {
			return err
		}
		done.Kept = append(done.Kept, key)
	}
	return q.remove(ctx, l)
}
