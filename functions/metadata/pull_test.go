package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

// The audit's messages, duplicates, disorder, poison and faults, drained by a real
// process at the ticks of a timer.
func TestATimerDrainsTheRealQueue(t *testing.T) {
	t.Setenv("METADATA_INTAKE", "pull")
	a := newAudit(t, 7, 400, 60)
	a.cloud.send(t, 4, a.bodies)
	var ended atomic.Bool
	var timer sync.WaitGroup
	defer timer.Wait()
	defer a.cloud.Close() // or it would wait for messages
	defer ended.Store(true)
	timer.Go(func() {
		for !ended.Load() {
			a.cloud.Advance(time.Minute)
		}
	})
	a.cloud.drain(t)
	runs, _ := a.cloud.FC.Counts()
	require.Zero(t, runs["metadata/queue"])
	require.Positive(t, runs["metadata/timer"])

	dead := a.deadLetters(t)
	require.Len(t, dead, len(a.poison))
	for body, delivery := range dead {
		require.True(t, a.poison[body], delivery.Reason)
	}
	for _, v := range a.cloud.VOD.Assets() {
		require.Equal(t, a.want[video.ID(v.ID)].Title, v.Title)
		require.ElementsMatch(t, a.want[video.ID(v.ID)].Tags, video.SplitTags(v.Tags))
	}
}
