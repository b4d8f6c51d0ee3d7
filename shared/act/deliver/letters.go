package deliver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// Queue is all that is needed of the dead-letter queue.
type Queue interface {
	Inbox
	Outbox
	Stats(ctx context.Context, queue string) (video.QueueStats, error)
}

// DeadLetters are those in their queue. They can only be read by taking them, so each
// method takes them, and gives back what it does not remove. One that is killed gives them
// back too, only later, when the time they are hidden is over.
type DeadLetters struct {
	Queue   Queue
	Name    string  // of their queue
	Objects Objects // nil: there is no STATE
	// Clock is the one by which they are dated; nil: that of their queue. A local cloud's library
	// has a clock of its own, which people move.
	Clock func(ctx context.Context) (time.Time, error)
	// Progress is told how many of something were done, and when that ends.
	Progress func(of string) (tell func(n int), end func())
}

// DeadLetter is a dead letter in its queue.
type DeadLetter struct {
	events.DeadLetter
	Taken video.Received
	Ahead time.Duration // how far the clock that dates it is before that of its queue
}

// Since is when it died.
func (l DeadLetter) Since() time.Time { return l.Taken.Enqueued.Add(l.Ahead) }

// ahead is how far the clock that dates is before that of the queue.
func (q DeadLetters) ahead(ctx context.Context) (time.Duration, error) {
	if q.Clock == nil {
		return 0, nil
	}
	at, err := q.Clock(ctx)
	return time.Until(at).Round(time.Second), err
}

// Filter selects dead letters; its zero value selects all.
type Filter struct {
	Reason   string // contained in theirs
	Media    video.ID
	From, To time.Time // when they died; To not included
	IDs      []string  // in their queue
	Limit    int       // 0: all
	Before   time.Time // those that died later, perhaps by what is done about the others, are left
	// Wait is how long to wait for dead letters that somebody has just given back.
	Wait time.Duration
}

func (f Filter) fits(l DeadLetter) bool {
	at := l.Since()
	return (len(f.IDs) == 0 || slices.Contains(f.IDs, l.Taken.ID)) && strings.Contains(l.Reason, f.Reason) && (f.Media == "" || about(l, f.Media)) &&
		(f.From.IsZero() || !at.Before(f.From)) && (f.To.IsZero() || at.Before(f.To))
}

// about says that a dead letter is about a media, also where its body cannot be read.
func about(l DeadLetter, id video.ID) bool {
	m, err := events.DecodeMetadata(l.Body)
	if err != nil {
		return bytes.Contains(l.Body, []byte(id)) || strings.Contains(l.Reason, string(id))
	}
	return slices.ContainsFunc(m.Changes, func(c video.Change) bool { return c.ID == id }) || m.Ref != "" && strings.Contains(l.Reason, string(id))
}

// LetterOf reads a message of the dead-letter queue. What the platform itself moved
// there is no dead letter of ours: then the message is the body, or EventBridge's
// event around it. It was seen first when it says so itself, else when it was published.
func LetterOf(m video.Received) DeadLetter {
	d, err := events.DecodeDeadLetter(m.Body)
	if err != nil {
		d = events.DeadLetter{ID: m.ID, Body: m.Body, Reason: "moved here by the platform"}
		if e, err := events.Decode(m.Body); err == nil && e.Trigger == events.TriggerBatch && len(e.Messages) == 1 {
			d.ID, d.Body, d.FirstSeen = e.Messages[0].ID, e.Messages[0].Body, e.Messages[0].At
		}
		if was, err := events.DecodeMetadata(d.Body); err == nil && !was.FirstSeen.IsZero() {
			d.Attempts, d.FirstSeen = was.Attempts, was.FirstSeen
		}
	}
	if d.FirstSeen.IsZero() {
		d.FirstSeen = m.Enqueued
	}
	return DeadLetter{DeadLetter: d, Taken: m}
}

// Body is the body of a dead letter, read under STATE where it lies there: at key. A
// dead letter whose body was too large for its queue names it, as does a message.
func (q DeadLetters) Body(ctx context.Context, l DeadLetter) (body []byte, key string, err error) {
	key = l.Ref
	if m, err := events.DecodeMetadata(l.Body); err == nil && key == "" {
		key = m.Ref
	}
	switch {
	case key == "":
		return l.Body, "", nil
	case q.Objects == nil:
		return nil, key, fmt.Errorf("its body is under STATE at %s, and STATE is not set", key)
	}
	body, err = q.Objects.Read(ctx, key)
	return body, key, err
}

// Handler gets dead letters that were taken, and answers the ids in the queue of those
// that it has removed.
type Handler func([]DeadLetter) (removed []string, err error)

// Each takes every dead letter that the filter selects and hands them over in batches.
// Those that the handler keeps, and all that were not selected, are given back at the end.
// Dead letters that are there and were not looked at are an error; others says how many
// more are delayed, or taken by somebody else.
func (q DeadLetters) Each(ctx context.Context, f Filter, handle Handler) (others int, err error) {
	r := round{of: q, filter: f, held: map[string]string{}, seen: map[string]bool{}, lost: map[string]bool{}}
	r.why = errors.New("the queue does not give them now")
	defer func() { err = errors.Join(err, q.giveBack(ctx, slices.Collect(maps.Values(r.held)))) }()
	tell, end := q.Progress(" dead letters")
	defer end()
	stats, err := q.Queue.Stats(ctx, q.Name)
	if err != nil {
		return 0, err
	}
	if r.ahead, err = q.ahead(ctx); err != nil {
		return 0, err
	}
	r.long = hidden(stats.Active)
	for r.idle < mostIdle && !r.waited {
		batch, err := r.take(ctx)
		if err != nil {
			return 0, err
		}
		tell(len(r.seen))
		if len(batch) == 0 {
			continue
		}
		removed, err := handle(batch)
		for _, id := range removed {
			delete(r.held, id)
		}
		if errors.Is(err, errEnough) || err == nil && r.full() {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return r.others(ctx)
}

// errEnough ends the reading of the dead letters.
var errEnough = errors.New("found")

// Find hands over the dead letter with an id. The handler says whether it has removed it.
func (q DeadLetters) Find(ctx context.Context, id string, wait time.Duration, handle func(DeadLetter) (removed bool, err error)) error {
	found := false
	_, err := q.Each(ctx, Filter{Wait: wait}, func(batch []DeadLetter) (removed []string, err error) {
		i := slices.IndexFunc(batch, func(l DeadLetter) bool { return l.Taken.ID == id })
		if i < 0 {
			return nil, nil
		}
		found = true
		gone, err := handle(batch[i])
		if gone {
			removed = []string{id}
		}
		return removed, cmp.Or(err, errEnough)
	})
	if err == nil && !found {
		return fmt.Errorf("dead letter %s: %w (or another command has taken it for now)", id, video.ErrNotFound)
	}
	return err
}

// hidden is how long a dead letter that was taken stays so, whatever its queue is set to:
// what is kept must not come again, before the others, while somebody is at work. A
// long queue takes longer.
func hidden(waiting int64) time.Duration {
	return min(max(15*time.Minute, time.Duration(waiting)*100*time.Millisecond), mostHidden)
}

const (
	mostHidden = 12 * time.Hour // MNS allows no more
	// An empty answer before its time means nothing, since MNS gives one when too many
	// wait: it takes a few to end a round, or one that was waited for.
	mostIdle = 5
)

// round is one look at all dead letters.
type round struct {
	of         DeadLetters
	filter     Filter
	long       time.Duration     // how long they are hidden
	held       map[string]string // the handles of those to give back, by id
	seen, lost map[string]bool   // by id; lost: those that could not be hidden
	why        error             // what was lost
	ahead      time.Duration     // of the queue's clock
	found      int
	idle       int  // answers without anything new, one after the other
	waited     bool // the last one was waited for
}

// full says that the filter's limit is reached.
func (r *round) full() bool { return r.filter.Limit > 0 && r.found >= r.filter.Limit }

// take takes some dead letters, and gives those of them that are new and selected.
func (r *round) take(ctx context.Context) (batch []DeadLetter, err error) {
	asked := time.Now()
	got, err := r.of.Queue.Receive(ctx, r.of.Name, atOnce, r.filter.Wait)
	if err != nil {
		return nil, err
	}
	r.waited = got == nil && r.filter.Wait > 0 && time.Since(asked) >= r.filter.Wait*3/4
	r.idle++
	for i, err := range r.hide(ctx, got) {
		m := got[i]
		r.held[m.ID] = m.Handle
		if !r.filter.Before.IsZero() && m.Enqueued.After(r.filter.Before) {
			// It died meanwhile, perhaps by what was done about the others: it is left, or
			// this would never end.
			r.seen[m.ID] = true
		}
		switch {
		case r.seen[m.ID]:
			continue
		case err != nil: // it comes again, or is somebody else's now
			r.why, r.lost[m.ID] = err, true
			continue
		}
		r.idle, r.seen[m.ID] = 0, true
		delete(r.lost, m.ID)
		l := LetterOf(m)
		if l.Ahead = r.ahead; r.filter.fits(l) && !r.full() {
			r.found++
			batch = append(batch, l)
		}
	}
	return batch, nil
}

// hide keeps taken dead letters from coming again. They get their new handles, and one
// that could not be hidden its error.
func (r *round) hide(ctx context.Context, taken []video.Received) []error {
	errs := make([]error, len(taken))
	var calls errgroup.Group
	for i := range taken {
		calls.Go(func() error {
			handle, until, err := r.of.Queue.Extend(ctx, r.of.Name, taken[i].Handle, r.long)
			if errs[i] = err; err == nil {
				taken[i].Handle, taken[i].NextVisible = handle, until
			}
			return nil
		})
	}
	_ = calls.Wait() // each has its error
	return errs
}

// others is what Each says at its end.
func (r *round) others(ctx context.Context) (int, error) {
	stats, err := r.of.Queue.Stats(ctx, r.of.Name)
	if err != nil {
		return 0, err
	}
	missed := len(r.lost)
	if !r.waited {
		missed = max(missed, int(stats.Active))
	}
	if missed > 0 {
		err = fmt.Errorf("not looked at: %s; run it again: %w", letters(missed), r.why)
	}
	return int(stats.Delayed) + max(0, int(stats.Inactive)-len(r.held)), err
}

// giveBack makes dead letters visible again, a second from now, which is the soonest
// there is. It goes on when ctx has ended: that is when it matters.
func (q DeadLetters) giveBack(ctx context.Context, handles []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second+time.Duration(len(handles))*10*time.Millisecond)
	defer cancel()
	errs := make([]error, len(handles))
	var calls errgroup.Group
	calls.SetLimit(atOnce)
	tell, end := q.Progress(" dead letters given back")
	defer end()
	for i, handle := range handles {
		calls.Go(func() error {
			_, _, errs[i] = q.Queue.Extend(ctx, q.Name, handle, time.Second)
			return nil
		})
		tell(i + 1)
	}
	_ = calls.Wait() // each has its error
	// A handle that ran out means that the dead letter is back already.
	late := slices.DeleteFunc(errs, func(err error) bool { return err == nil || errors.Is(err, video.ErrNotFound) })
	if len(late) > 0 {
		return fmt.Errorf("%s come back later, when their time is over: %w", letters(len(late)), late[0])
	}
	return nil
}

func letters(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}
