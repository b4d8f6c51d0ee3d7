package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// shelf is a library that holds whatever it is asked for and forgets what it is told.
type shelf struct{}

func (shelf) Videos(_ context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	out := make([]video.Answer[video.Video], len(ids))
	for i, id := range ids {
		out[i] = video.Answer[video.Video]{ID: id, Value: video.Video{ID: id, Title: "old", Description: strings.Repeat("y", 1024)}}
	}
	return out, nil
}

func (shelf) Images(context.Context, []video.ID) ([]video.Answer[video.Image], error) {
	return nil, video.ErrNotFound
}

func (shelf) Update(_ context.Context, updates []video.Update) ([]video.Outcome, error) {
	out := make([]video.Outcome, len(updates))
	for i, u := range updates {
		out[i] = video.Outcome{ID: u.ID, Result: video.Done}
	}
	return out, nil
}

func (shelf) UpdateImages(context.Context, []video.Update) ([]video.Outcome, error) {
	return nil, video.ErrNotFound
}

// heap is how many bytes the objects on the heap take, those that nobody needs any
// more and no collection has found yet included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// The most that EventBridge pushes at once is 10,000 messages or 32 MB; the function
// has 512 MB.
func TestTheLargestBatchFitsTheMemory(t *testing.T) {
	const messages, size = 10_000, 32 << 20
	store, err := state.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "state"), state.Options{})
	require.NoError(t, err)
	r := newRig(t, edit.Config{Library: shelf{}, State: store})

	runtime.GC()
	before := heap()
	var raw strings.Builder
	raw.WriteByte('[')
	rest := `","set":{"title":"new","description":"` + strings.Repeat("x", 1024) + `","cover":"` + strings.Repeat("c", 990) + `"},"tags":{"set":["a","b"]},"issuedAt":"2026-11-01T08:00:00Z"}]}`
	for i := range messages {
		body := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"v":1,"changes":[{"id":"%032x`, i) + rest))
		raw.WriteString(`{"id":"1","source":"MNS-metadata-messages","specversion":"1.0","type":"mns:Queue:SendMessage","time":"2026-11-01T09:00:00Z","data":{"requestId":"R","messageId":"M","messageBody":"` + body + `"}},`)
	}
	event := []byte(strings.TrimSuffix(raw.String(), ",") + "]" + strings.Repeat(" ", size-raw.Len()))
	raw.Reset()
	runtime.GC()

	ctx, stop := context.WithCancel(t.Context())
	var peak uint64
	var sampler sync.WaitGroup
	sampler.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			peak = max(peak, heap())
			<-tick.C
		}
	})
	start := time.Now()
	got, err := r.handle(t.Context(), event)
	stop()
	sampler.Wait()
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: messages}, got.(answer).Outcomes)
	t.Logf("%d messages, %d MB: %d MB of heap at the most, %s", messages, len(event)>>20, (peak-before)>>20, time.Since(start))
	require.Less(t, peak-before, uint64(256<<20))
}
