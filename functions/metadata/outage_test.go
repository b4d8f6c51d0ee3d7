package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// A batch that cannot be handled goes back into the queue by the function itself: whether
// its caller keeps it is not certain. A message that does not say when it was issued keeps
// the moment at which it came, and waits the longer the older it is.
func TestABatchThatCannotBeHandledGoesBackIntoTheQueue(t *testing.T) {
	r := newRig()
	r.edits.err = video.ErrTransient // STATE does not answer
	a := r.run(t, batch(t, message("one"), "no JSON", message("two")))
	require.Equal(t, 3, a.SentBack)
	require.Zero(t, a.DeadLetters)
	back := r.queues.sent["metadata"]
	require.Len(t, back, 3)
	require.Equal(t, "no JSON", string(back[1].Body), "as it came")
	meta, err := events.DecodeMetadata(back[0].Body)
	require.NoError(t, err)
	require.Equal(t, message("one"), string(meta.Original))
	require.False(t, meta.FirstSeen.IsZero())
	require.Zero(t, meta.Attempts, "nothing is wrong with the message")

	now := meta.FirstSeen
	for age, wait := range map[time.Duration]time.Duration{0: 2 * time.Second, time.Minute: 30 * time.Second, 24 * time.Hour: 15 * time.Minute} {
		again := later(events.Message{Body: back[0].Body, At: now.Add(age)}, now.Add(age))
		require.Equal(t, wait, again.Delay)
		require.Equal(t, string(back[0].Body), string(again.Body), "it does not grow younger")
	}
}

// A batch that the platform gave up comes back as one message, from the dead letters.
func TestABatchFromTheDeadLettersIsDoneMessageByMessage(t *testing.T) {
	r := newRig()
	r.edits.results["late"] = video.ErrThrottled
	gaveUp := string(batch(t, message("good"), message("late"), "no JSON"))
	a := r.run(t, batch(t, message("before"), gaveUp))
	require.Equal(t, 4, a.Messages)
	require.Equal(t, 1, a.SentBack)
	require.Equal(t, 1, a.DeadLetters)
}
