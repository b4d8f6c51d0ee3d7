package deliver_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

const tick = `{"triggerTime":"2026-11-01T08:00:00Z","triggerName":"drain","payload":""}`

// sent is when the messages of a well were sent.
var sent = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// well is a queue with visibility, on the bubble's clock.
type well struct {
	mu       sync.Mutex
	waiting  []*held
	visible  time.Duration
	deleted  []string
	extended int
	takes    int
	few      int                     // answers no more at once; 0: as many as are asked for
	extends  time.Duration           // how long it takes to hide a message longer
	lost     func(deletes int) error // what becomes of a call that deletes, beside its effect
	deletes  int
}

type held struct {
	id, handle string
	body       []byte
	at         time.Time // when it can be seen
	handed     int
}

func newWell(bodies ...string) *well {
	w := &well{visible: 30 * time.Second}
	for i, body := range bodies {
		w.waiting = append(w.waiting, &held{id: fmt.Sprint(i), body: []byte(body)})
	}
	return w
}

func (w *well) Receive(_ context.Context, _ string, limit int, wait time.Duration) ([]video.Received, error) {
	for end := time.Now().Add(wait); ; time.Sleep(time.Second) {
		w.mu.Lock()
		var out []video.Received
		if w.few > 0 {
			limit = min(limit, w.few)
		}
		for _, m := range w.waiting {
			if len(out) < limit && !m.at.After(time.Now()) {
				m.handed++
				m.handle, m.at = fmt.Sprintf("%s-%d", m.id, m.handed), time.Now().Add(w.visible)
				out = append(out, video.Received{ID: m.id, Handle: m.handle, Body: m.body, NextVisible: m.at, Enqueued: sent, Dequeued: m.handed})
			}
		}
		w.mu.Unlock()
		if len(out) > 0 || !time.Now().Before(end) {
			w.takes += len(out)
			return out, nil
		}
	}
}

func (w *well) find(handle string) (int, error) {
	for i, m := range w.waiting {
		if m.handle == handle && m.at.After(time.Now()) {
			return i, nil
		}
	}
	return 0, video.ErrNotFound
}

func (w *well) Delete(_ context.Context, _ string, handles []string) ([]error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := make([]error, len(handles))
	var lost error
	for n, handle := range handles {
		if n%16 == 0 && lost == nil && w.lost != nil { // a call
			w.deletes++
			lost = w.lost(w.deletes)
		} else if n%16 == 0 && lost != nil {
			lost = video.ErrDeferred // a call before it failed
		}
		if errs[n] = lost; errors.Is(lost, video.ErrDeferred) || errors.Is(lost, video.ErrTransient) {
			continue
		}
		i, err := w.find(handle)
		if err == nil {
			w.deleted = append(w.deleted, w.waiting[i].id)
			w.waiting = append(w.waiting[:i:i], w.waiting[i+1:]...)
		}
		errs[n] = cmp.Or(lost, err)
	}
	return errs, lost
}

func (w *well) Extend(ctx context.Context, _, handle string, d time.Duration) (string, time.Time, error) {
	w.mu.Lock()
	i, err := w.find(handle)
	if err != nil {
		w.mu.Unlock()
		return "", time.Time{}, err
	}
	w.extended++
	m := w.waiting[i]
	m.handle, m.at = m.handle+"+", time.Now().Add(d)
	now, until := m.handle, m.at
	w.mu.Unlock()
	select {
	case <-ctx.Done(): // the deliver.Report is lost, the effect is not
		return "", time.Time{}, video.ErrUnknownOutcome
	case <-time.After(w.extends):
		return now, until, nil
	}
}

// slow takes its time for each batch.
type slow struct {
	deliver.Editor
	takes time.Duration
	err   error
}

func (s slow) Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error) {
	time.Sleep(s.takes)
	if s.err != nil {
		return nil, s.err
	}
	return s.Editor.Do(ctx, run, items)
}

func TestATickDrainsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var bodies []string
		for i := range 1000 {
			bodies = append(bodies, message(fmt.Sprintf("v%d", i)))
		}
		w := newWell(append(bodies, "no JSON", message("late"))...)
		r.edits.results["late"] = video.ErrThrottled
		r.In = w
		a := r.run(t, []byte(tick))
		require.Equal(t, 1002, a.Messages)
		require.Equal(t, 1, a.DeadLetters)
		require.Equal(t, 1, a.SentBack)
		require.Equal(t, map[video.Result]int{video.Done: 1000, video.Failed: 1, video.Rejected: 1}, a.Outcomes)
		require.Empty(t, w.waiting)
		require.Equal(t, 1002, w.takes, "each was taken once")
	})
}

func TestMessagesInWorkStayHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(message("v1"), message("v2"))
		r.In, r.Editor = w, slow{Editor: r.edits, takes: 5 * time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		got, err := r.Handle(ctx, "", []byte(tick))
		require.NoError(t, err)
		require.Equal(t, 2, got.Messages)
		require.Equal(t, 2, w.takes)
		require.Empty(t, w.waiting)
		require.Positive(t, w.extended)
	})
}

func TestAsManyMessagesAsABatchHoldsStayHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(slices.Repeat([]string{message("v1")}, deliver.PullBatch)...)
		w.extends = 150 * time.Millisecond
		r.In, r.Editor = w, slow{Editor: r.edits, takes: 3 * time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		_, err := r.Handle(ctx, "", []byte(tick))
		require.NoError(t, err)
		require.Equal(t, deliver.PullBatch, w.takes, "none came twice")
		require.Empty(t, w.waiting)
	})
}

// A call that hides a message longer gives it another handle; called off half-way, the
// old one may be void and the new one unknown.
func TestAMessageIsDeletedThoughItWasJustBeingHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(message("v1"))
		w.extends = 2 * time.Second
		r.In, r.Editor = w, slow{Editor: r.edits, takes: w.visible - deliver.PullMargin}
		r.run(t, []byte(tick))
		require.Equal(t, []string{"0"}, w.deleted)
		require.Equal(t, 1, w.extended)
	})
}

func TestADeletionThatFailsIsTriedAgain(t *testing.T) {
	for _, fault := range []error{video.ErrTransient, video.ErrUnknownOutcome} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			w := newWell(slices.Repeat([]string{message("v1")}, 100)...)
			w.lost = func(call int) error {
				if call%2 == 1 {
					return fault
				}
				return nil
			}
			r.In = w
			require.Equal(t, 100, r.run(t, []byte(tick)).Messages)
			require.Empty(t, w.waiting)
		})
	}
}

func TestADeletionThatNeverWorksIsTold(t *testing.T) {
	for _, fault := range []error{video.ErrTransient, video.ErrNotFound} { // the second: of the queue
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			var log strings.Builder
			r.Log = slog.New(slog.NewTextHandler(&log, nil))
			w := newWell(message("v1"))
			w.lost = func(int) error { return fault }
			r.In = w
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := r.Handle(ctx, "", []byte(tick))
			require.NoError(t, err)
			require.Contains(t, log.String(), "messages not deleted")
		})
	}
}

func TestABatchIsTakenInManySmallAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(slices.Repeat([]string{message("v1")}, 100)...)
		w.few = 3
		r.In = w
		require.Equal(t, 100, r.run(t, []byte(tick)).Messages)
		require.Equal(t, 1, r.edits.runs)
	})
}

// Messages that come one by one do not keep those before them waiting, nor let them
// come to light again.
func TestATrickleIsTakenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(slices.Repeat([]string{message("v1")}, 100)...)
		start := time.Now()
		for i, m := range w.waiting {
			m.at = start.Add(time.Duration(i) * 900 * time.Millisecond)
		}
		r.In = w
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		_, err := r.Handle(ctx, "", []byte(tick))
		require.NoError(t, err)
		require.Equal(t, 100, w.takes, "none came twice")
		require.Greater(t, r.edits.runs, 10)
	})
}

// Tasks without lease stayed active for ever (hibiken/asynq#1144, #1051).
func TestTheMessagesOfAKilledWorkerComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		w := newWell(message("v1"))
		r.In, r.Editor = w, slow{Editor: r.edits, takes: time.Second, err: errors.New("killed")}
		_, err := r.Handle(t.Context(), "", []byte(tick))
		require.Error(t, err)
		require.Empty(t, w.deleted)

		r.Editor = r.edits
		time.Sleep(w.visible)
		require.Equal(t, 1, r.run(t, []byte(tick)).Messages)
		require.Equal(t, []string{"0"}, w.deleted)
	})
}

func TestTheDrainEndsBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var bodies []string
		for range 20 * deliver.PullBatch {
			bodies = append(bodies, message("v"))
		}
		w := newWell(bodies...)
		r.In, r.Editor = w, slow{Editor: r.edits, takes: 20 * time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		got, err := r.Handle(ctx, "", []byte(tick))
		require.NoError(t, err)
		require.NoError(t, ctx.Err())
		require.Equal(t, 3*deliver.PullBatch, got.Messages)
	})
}

func TestThereIsOneIntakeOnly(t *testing.T) {
	r := newRig()
	r.In = newWell()
	_, err := r.Handle(t.Context(), "", batch(t, message("v1")))
	require.ErrorIs(t, err, events.ErrMalformed)
	require.Empty(t, r.edits.asked)
}
