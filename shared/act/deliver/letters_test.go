package deliver_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/video"
)

// grave is a queue of dead letters beside those that messages are sent to.
type grave struct {
	*well
	queues
}

func (g *grave) Stats(context.Context, string) (video.QueueStats, error) {
	return video.QueueStats{Active: int64(len(g.waiting))}, nil
}

func newGrave(t *testing.T, letters ...events.DeadLetter) (deliver.DeadLetters, *grave) {
	t.Helper()
	var bodies []string
	for _, l := range letters {
		body, err := events.EncodeDeadLetter(l)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
	}
	g := &grave{newWell(bodies...), queues{sent: map[string][]video.Message{}, err: map[string]error{}}}
	silent := func(string) (func(int), func()) { return func(int) {}, func() {} }
	return deliver.DeadLetters{Queue: g, Name: "dead", Progress: silent}, g
}

// Bulk changes that nobody was told of would wait for the next that are.
func TestADeadLetterStaysUntilItsQueueIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(sent) + time.Hour) // those of a well were sent before
		letters, g := newGrave(t,
			events.DeadLetter{Body: []byte(message("v1")), Reason: "missing"},
			events.DeadLetter{Body: []byte(retagMessage(1)), Reason: "given up"})
		to := deliver.Sender{Out: deafTo{g, wake}, Queue: "metadata", Bulk: "bulk"}
		done, err := letters.Redrive(t.Context(), deliver.Filter{}, to, 100, true)
		require.ErrorContains(t, err, "bulk has them, and nobody heard of it")
		require.Equal(t, 1, done.Back)
		require.Len(t, g.waiting, 1)
		time.Sleep(2 * time.Second)

		to.Out = g
		done, err = letters.Redrive(t.Context(), deliver.Filter{}, to, 100, true)
		require.NoError(t, err)
		require.Equal(t, 1, done.Back)
		require.Empty(t, g.waiting)
		require.Len(t, g.sent["bulk"], 2, "twice, which has its effect once")
	})
}

// deafTo is an outbox that fails for one body.
type deafTo struct {
	deliver.Outbox
	body string
}

func (d deafTo) Send(ctx context.Context, queue string, messages []video.Message) ([]video.Sent, error) {
	if slices.ContainsFunc(messages, func(m video.Message) bool { return string(m.Body) == d.body }) {
		return nil, video.ErrTransient
	}
	return d.Outbox.Send(ctx, queue, messages)
}
