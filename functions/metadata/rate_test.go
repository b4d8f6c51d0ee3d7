package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

// VOD documents 30 UpdateVideoInfos a second of 20 videos each; here it answers in
// 30 ms and refuses what is faster.
const (
	writesPerSecond = 30
	slowLibrary     = "vod * slow p=1 delay=30ms"
)

// witness notes when a video's title was changed.
type witness struct {
	mu     sync.Mutex
	calls  []time.Time
	titles map[string]time.Time
}

func (w *witness) before(vod http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		var items []struct {
			Title *string
		}
		if json.Unmarshal([]byte(form.Get("UpdateContent")+r.URL.Query().Get("UpdateContent")), &items) != nil {
			vod.ServeHTTP(out, r)
			return
		}
		came := time.Now()
		vod.ServeHTTP(out, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, came)
		for _, item := range items {
			if item.Title != nil {
				w.titles[*item.Title] = time.Now()
			}
		}
	})
}

func newWitness(b *testing.B, videos int, tune func(*localcloud.Services)) (*witness, *cloud, []string) {
	b.Helper()
	w := &witness{titles: map[string]time.Time{}}
	c := newCloud(b, localcloud.Options{Pace: 1, Faults: slowLibrary, Tune: tune}, func(fakefc.Invocation) {}, w.before)
	assets := make([]fakevod.Asset, videos)
	for i := range assets {
		assets[i] = fakevod.Asset{Kind: "video", Title: "old", Status: "Normal", Created: c.Now(), Modified: c.Now()}
	}
	return w, c, c.VOD.Seed(assets...)
}

func titleMessage(b *testing.B, id, title string) string {
	b.Helper()
	body, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{
		{ID: video.ID(id), IssuedAt: time.Now().UTC(), Set: video.Fields{Title: &title}},
	}})
	require.NoError(b, err)
	return string(body)
}

// BenchmarkWholeRate says how much of VOD's documented rate a backlog is written
// with: real processes, queue and HTTP, from the first write to the last.
func BenchmarkWholeRate(b *testing.B) { eachWindow(b, wholeRate) }

func wholeRate(b *testing.B, doubt func(*localcloud.Services)) {
	b.Helper()
	const n = 20_000
	for range b.N {
		w, c, ids := newWitness(b, n, doubt)
		bodies := make([]string, n)
		for i, id := range ids {
			bodies[i] = titleMessage(b, id, fmt.Sprint(i))
		}
		c.send(b, 8, bodies)
		c.drain(b)
		w.mu.Lock()
		require.Len(b, w.titles, n)
		took := slices.MaxFunc(w.calls, time.Time.Compare).Sub(slices.MinFunc(w.calls, time.Time.Compare))
		allowed := time.Duration(len(w.calls)-1) * time.Second / writesPerSecond
		b.ReportMetric(float64(len(w.calls)), "writes")
		b.ReportMetric(took.Seconds(), "s")
		runs, _ := c.FC.Counts()
		b.ReportMetric(float64(runs["metadata/queue"]), "batches")
		b.ReportMetric(float64(allowed)/float64(took), "of-the-rate")
		w.mu.Unlock()
	}
}

// BenchmarkSendToVisible says how long after its sending a change is in the library
// when messages come at half of what the rate allows, with batch windows of a second.
func BenchmarkSendToVisible(b *testing.B) { eachWindow(b, sendToVisible) }

// eachWindow measures with batch windows that open once the batch before is written,
// and already while it is: which of the two EventBridge does is not documented.
func eachWindow(b *testing.B, measure func(b *testing.B, doubt func(*localcloud.Services))) {
	b.Helper()
	for name, beside := range map[string]bool{"windows after batches": false, "windows beside batches": true} {
		b.Run(name, func(b *testing.B) {
			measure(b, func(s *localcloud.Services) { s.FC.Doubts.GatherWhilePushing = beside })
		})
	}
}

func sendToVisible(b *testing.B, doubt func(*localcloud.Services)) {
	b.Helper()
	const perSecond, seconds = writesPerSecond * video.MaxBatch / 2, 30
	for range b.N {
		w, c, ids := newWitness(b, perSecond*seconds, doubt)
		sent := map[string]time.Time{}
		var mu sync.Mutex
		var wait sync.WaitGroup
		tick := time.NewTicker(time.Second * queue.MaxBatch / perSecond)
		for from := range slices.Chunk(ids, queue.MaxBatch) {
			<-tick.C
			var bodies []string
			mu.Lock()
			for _, id := range from {
				title := "of " + id
				bodies = append(bodies, titleMessage(b, id, title))
				sent[title] = time.Now()
			}
			mu.Unlock()
			wait.Go(func() { c.send(b, 1, bodies) })
		}
		tick.Stop()
		wait.Wait()
		c.drain(b)
		w.mu.Lock()
		var took []time.Duration
		for title, at := range w.titles {
			took = append(took, at.Sub(sent[title]))
		}
		w.mu.Unlock()
		require.Len(b, took, len(ids))
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "p50-s")
		b.ReportMetric(took[len(took)*99/100].Seconds(), "p99-s")
		b.ReportMetric(took[len(took)-1].Seconds(), "max-s")
	}
}

// BenchmarkBehindBulk says how long a person's change takes to be in the library while
// 100,000 assets wait for their rules to be run, and how much of VOD's rate those use
// meanwhile: real processes, queues and HTTP.
func BenchmarkBehindBulk(b *testing.B) { eachWindow(b, behindBulk) }

func behindBulk(b *testing.B, doubt func(*localcloud.Services)) {
	b.Helper()
	const retags, persons = 100_000, 30
	for range b.N {
		w, c, _ := newWitness(b, 0, doubt)
		assets := make([]fakevod.Asset, retags+persons)
		for i := range assets {
			assets[i] = fakevod.Asset{Kind: "video", Title: "old", Status: "Normal", Created: c.Now(), Modified: c.Now(),
				Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}}
		}
		ids := c.VOD.Seed(assets...)
		var bodies []string
		for some := range slices.Chunk(ids[:retags], 20) {
			var m events.Metadata
			for _, id := range some {
				m.Retag = append(m.Retag, events.Retag{ID: video.ID(id)})
			}
			body, err := events.EncodeMetadata(m)
			require.NoError(b, err)
			bodies = append(bodies, string(body))
		}
		c.sendTo(b, bulkQueue, 8, bodies)
		c.send(b, 1, []string{wake})
		for c.VOD.Log().Count("UpdateVideoInfos") < 2*writesPerSecond {
			time.Sleep(10 * time.Millisecond)
		}
		from, before := time.Now(), c.VOD.Log().Count("UpdateVideoInfos")
		var took []time.Duration
		for i, id := range ids[retags:] {
			title, sent := "of "+id, time.Now()
			c.send(b, 1, []string{titleMessage(b, id, title)})
			var seen time.Time
			for seen.IsZero() {
				time.Sleep(5 * time.Millisecond)
				w.mu.Lock()
				seen = w.titles[title]
				w.mu.Unlock()
			}
			took = append(took, seen.Sub(sent))
			time.Sleep(time.Duration(i*137%1000) * time.Millisecond) // at any point of a slice
		}
		writes, span := c.VOD.Log().Count("UpdateVideoInfos")-before, time.Since(from)
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "p50-s")
		b.ReportMetric(took[len(took)-1].Seconds(), "max-s")
		b.ReportMetric(float64(c.MNS.Stats(bulkQueue).Active), "still-waiting")
		b.ReportMetric(float64(writes)/span.Seconds()/writesPerSecond, "of-the-rate")
	}
}
