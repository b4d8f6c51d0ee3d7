package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// down is a STATE that does not answer.
type down struct{ *stage }

func (down) Create(context.Context, string, []byte) error { return video.ErrTransient }

// A batch that cannot be handled goes back into the queue by the function itself: whether
// its caller keeps it is not certain. A message that does not say when it was issued keeps
// the moment at which it came, and waits the longer the older it is.
func TestABatchThatCannotBeHandledGoesBackIntoTheQueue(t *testing.T) {
	r := newRig(t, edit.Config{Library: newStage(), State: down{newStage()}})
	a := r.run(t, batch(t, message("v0"), "no JSON", message("v1")))
	require.Equal(t, 3, a.SentBack)
	require.Zero(t, a.DeadLetters)
	back := r.sent["metadata"]
	require.Len(t, back, 3)
	require.Equal(t, "no JSON", string(back[1].Body), "as it came")
	meta, err := events.DecodeMetadata(back[0].Body)
	require.NoError(t, err)
	require.Equal(t, message("v0"), string(meta.Original))
	require.False(t, meta.FirstSeen.IsZero())
	require.Zero(t, meta.Attempts, "nothing is wrong with the message")

	for age, wait := range map[time.Duration]time.Duration{0: 2 * time.Second, time.Hour / 4: time.Hour / 8, 24 * time.Hour: 15 * time.Minute} {
		body := fmt.Sprintf(`{"v":1,"changes":[{"id":"v0","set":{"title":"x"}}],"firstSeen":%q}`, time.Now().Add(-age).UTC().Format(time.RFC3339Nano))
		delete(r.sent, "metadata")
		r.run(t, []byte(strings.ReplaceAll(string(batch(t, body)), "2026-11-01T09:00:00Z", time.Now().UTC().Format(time.RFC3339))))
		require.InDelta(t, wait, r.sent["metadata"][0].Delay, float64(time.Minute))
		require.Equal(t, body, string(r.sent["metadata"][0].Body), "it does not grow younger")
	}
}

// slowed is a library that is asked too much about one asset.
type slowed struct{ *stage }

func (s slowed) Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	answers, err := s.stage.Videos(ctx, ids)
	for i := range answers {
		if answers[i].ID == "v1" {
			answers[i].Err = video.ErrThrottled
		}
	}
	return answers, err
}

// A batch that the platform gave up comes back as one message, from the dead letters.
func TestABatchFromTheDeadLettersIsDoneMessageByMessage(t *testing.T) {
	r := newRig(t, edit.Config{Library: slowed{newStage()}})
	gaveUp := string(batch(t, message("v0"), message("v1"), "no JSON"))
	a := r.run(t, batch(t, message("v2"), gaveUp))
	require.Equal(t, 4, a.Messages)
	require.Equal(t, 1, a.SentBack)
	require.Equal(t, 1, a.DeadLetters)
}
