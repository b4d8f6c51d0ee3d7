package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

const wake = `{"v":1,"bulk":true}`

// newBulkRig is a function with a second queue that holds messages.
func newBulkRig(bodies ...string) (rig, *well) {
	r, w := newRig(), newWell(bodies...)
	r.Bulk = &deliver.Bulk{Inbox: w, Queue: "bulk"}
	return r, w
}

// paced is an editor that does 20 assets in each thirtieth of a second, as VOD's rate has
// it, and none after the moment that it is given.
type paced struct{ deliver.Editor }

func (p paced) Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error) {
	results, err := p.Editor.Do(ctx, run, items)
	last, limited := video.LastBegin(ctx)
	for i := range results {
		if i%20 == 0 && (!limited || time.Now().Before(last)) {
			time.Sleep(time.Second / 30)
		}
		if limited && !time.Now().Before(last) {
			results[i] = edit.Result{Outcome: video.Outcome{ID: results[i].ID, Result: video.Deferred, Err: video.ErrDeferred}}
		}
	}
	return results, err
}

func retagMessage(n int) string {
	var m events.Metadata
	for i := range 20 {
		m.Retag = append(m.Retag, events.Retag{ID: video.ID(fmt.Sprintf("r%d-%d", n, i))})
	}
	body, err := events.EncodeMetadata(m)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// stream pushes what is sent to a queue, as EventBridge does: a batch for each window of a
// second, which opens when the batch before has ended, or already while it is pushed. It
// notes when each person's change had its end.
type stream struct {
	rig
	mu    sync.Mutex
	sent  []waiting
	ended map[string]time.Time
	bulk  []string // the queue of bulk changes, sent back
	well  *well
}

type waiting struct {
	body string
	at   time.Time // when it can be seen
}

func (s *stream) Send(_ context.Context, queue string, messages []video.Message) ([]video.Sent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		switch at := time.Now().Add(m.Delay); queue {
		case "metadata":
			s.sent = append(s.sent, waiting{string(m.Body), at})
		case "bulk":
			s.well.mu.Lock()
			s.well.waiting = append(s.well.waiting, &held{id: fmt.Sprint("again", len(s.bulk)), body: m.Body, at: at})
			s.well.mu.Unlock()
			s.bulk = append(s.bulk, string(m.Body))
		}
	}
	return make([]video.Sent, len(messages)), nil
}

// take takes what can be seen.
func (s *stream) take() (bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = slices.DeleteFunc(s.sent, func(m waiting) bool {
		seen := !m.at.After(time.Now())
		if seen {
			bodies = append(bodies, m.body)
		}
		return seen
	})
	return bodies
}

// gather waits for the first message, and then for the window.
func (s *stream) gather(until time.Time) (bodies []string) {
	for len(bodies) == 0 && time.Now().Before(until) {
		time.Sleep(50 * time.Millisecond)
		if bodies = s.take(); len(bodies) > 0 {
			time.Sleep(time.Second)
		}
	}
	return append(bodies, s.take()...)
}

func (s *stream) push(t *testing.T, bodies []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	_, err := s.Handle(ctx, "", batch(t, bodies...))
	require.NoError(t, err)
}

// Do notes when people's changes are done.
func (s *stream) Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error) {
	results, err := paced{s.edits}.Do(ctx, run, items)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, item := range items {
		if item.Retag == nil && results[i].Result == video.Done {
			s.ended[string(item.Change.ID)] = time.Now()
		}
	}
	return results, err
}

// Behind 20,000 retags a person's change waits for a window, a slice and its own call,
// whenever it is sent, and the retags use what is left of the rate. On the bubble's clock.
func TestAPersonDoesNotWaitForBulkChanges(t *testing.T) {
	const messages = 1000
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		for n := range messages {
			bodies = append(bodies, retagMessage(n))
		}
		r, w := newBulkRig(bodies...)
		s := &stream{rig: r, ended: map[string]time.Time{}, well: w}
		s.Out, s.Editor = s, s
		s.sent = []waiting{{wake, time.Now()}}
		start, sent := time.Now(), map[string]time.Time{}
		persons, stop := context.WithCancel(t.Context())
		go func() {
			for n := 0; persons.Err() == nil; n++ {
				time.Sleep(1370 * time.Millisecond) // at any point of a slice
				id := fmt.Sprintf("p%d", n)
				s.mu.Lock()
				s.sent, sent[id] = append(s.sent, waiting{message(id), time.Now()}), time.Now()
				s.mu.Unlock()
			}
		}()
		for left := 1; left > 0; {
			s.push(t, s.gather(time.Now().Add(time.Minute)))
			w.mu.Lock()
			left = len(w.waiting)
			w.mu.Unlock()
		}
		took := time.Since(start)
		stop()
		time.Sleep(2 * time.Second)
		if rest := s.gather(time.Now().Add(time.Second)); len(rest) > 0 {
			s.push(t, rest)
		}
		var most, sum time.Duration
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, at := range sent {
			require.Contains(t, s.ended, id)
			wait := s.ended[id].Sub(at)
			most, sum = max(most, wait), sum+wait
		}
		rate := float64(messages) / 30 / took.Seconds() // 20 retags are one call
		t.Logf("%d changes of people behind %d retags: on average %s, at most %s; retags took %s, %.2f of the rate; %d messages went back",
			len(sent), 20*messages, (sum / time.Duration(len(sent))).Round(time.Millisecond), most, took, rate, len(s.bulk))
		require.Greater(t, len(sent), 30)
		require.Less(t, most, 4*time.Second)
		require.Greater(t, rate, 0.55) // without what the rate's bucket makes good after a pause
	})
}

func TestAWakeRunsASliceAndPassesItOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := newBulkRig(retagMessage(1), message("b1"), "no JSON")
		a := r.run(t, batch(t, message("v1"), wake))
		require.Equal(t, 5, a.Messages)
		require.Equal(t, 3, a.Bulk)
		require.Equal(t, 1, a.DeadLetters)
		require.Empty(t, w.waiting)
		require.Equal(t, video.ID("v1"), r.edits.asked[0].ID, "people first")
		require.Len(t, r.queues.sent["metadata"], 1, "it found some: go on")
		require.JSONEq(t, wake, string(r.queues.sent["metadata"][0].Body))

		a = r.run(t, batch(t, wake, wake))
		require.Zero(t, a.Bulk)
		require.Len(t, r.queues.sent["metadata"], 1, "it found none: the chain ends")
		r.run(t, batch(t, message("v2")))
		require.Equal(t, 3, w.takes, "nobody woke it")
	})
}

func TestAWakeWithoutASecondQueueIsADeadLetter(t *testing.T) {
	r := newRig()
	a := r.run(t, batch(t, message("v1"), wake))
	require.Equal(t, 1, a.DeadLetters)
	require.Contains(t, r.deadLetters(t)[0].Reason, "METADATA_BULK_QUEUE")
}

// What fails for a while goes back into its own queue, and somebody is told when it can be
// seen again.
func TestBulkChangesGoBackIntoTheirOwnQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newBulkRig(message("b1"))
		r.edits.results["b1"] = video.ErrThrottled
		a := r.run(t, batch(t, wake))
		require.Equal(t, 1, a.SentBack)
		require.Len(t, r.queues.sent["bulk"], 1)
		back := r.queues.sent["bulk"][0]
		require.Positive(t, back.Delay)
		require.Equal(t, []time.Duration{0, back.Delay}, []time.Duration{r.queues.sent["metadata"][0].Delay, r.queues.sent["metadata"][1].Delay})
	})
}

func TestAFailureOfTheSliceIsNotTheInvocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := newBulkRig(message("b1"))
		r.Editor = failsSecond{r.edits}
		a := r.run(t, batch(t, message("v1"), wake))
		require.Equal(t, 1, a.Outcomes[video.Done])
		require.Len(t, r.queues.sent["bulk"], 1, "as it came")
		require.Empty(t, w.waiting)

		r, w = newBulkRig(message("b1"))
		r.queues.err["metadata"] = errors.New("out of reach")
		a = r.run(t, batch(t, message("v1"), wake))
		require.Equal(t, 1, a.Outcomes[video.Done])
		require.Len(t, w.waiting, 1, "it comes back by itself")
	})
}

// failsSecond is an editor whose journal fails for bulk changes.
type failsSecond struct{ deliver.Editor }

func (f failsSecond) Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error) {
	if len(items) > 0 && items[0].Change.ID == "b1" {
		return nil, video.ErrTransient
	}
	return f.Editor.Do(ctx, run, items)
}

// A bulk change that ends the process each time is given up.
func TestAWornBulkChangeIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := newBulkRig(message("b1"), message("b2"))
		w.waiting[0].handed = deliver.BulkTakes
		a := r.run(t, batch(t, wake))
		require.Equal(t, 1, a.DeadLetters)
		require.Equal(t, 1, a.Outcomes[video.Done])
		require.Contains(t, r.deadLetters(t)[0].Reason, "taken 11 times")
		require.Empty(t, w.waiting)
	})
}

// An account without EventBridge has the same order: people first, and then a slice.
func TestATickDrainsBothQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := newBulkRig(slices.Repeat([]string{retagMessage(1)}, 200)...)
		people := newWell(message("v1"), wake)
		r.In, r.Editor = people, paced{r.edits}
		time.AfterFunc(3*time.Second, func() {
			people.mu.Lock()
			defer people.mu.Unlock()
			people.waiting = append(people.waiting, &held{id: "late", body: []byte(message("late"))})
		})
		q := &stream{rig: r, well: w}
		r.Out = q
		a := r.run(t, []byte(tick))
		require.GreaterOrEqual(t, a.Bulk, 200)
		require.Empty(t, w.waiting)
		require.Empty(t, people.waiting)
		require.Empty(t, q.sent, "nobody needs to be woken")
		late := slices.IndexFunc(r.edits.asked, func(c video.Change) bool { return c.ID == "late" })
		require.Positive(t, late)
	})
}
