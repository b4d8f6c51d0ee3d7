package tag_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// direct hands a request to a handler without a network, so that the test can run
// in a bubble of package synctest, where minutes cost nothing.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// Each 20 videos cost a reading call (50 a second are documented) and a writing
// one (30 a second), each 100 a search (50 a second): writing sets the pace, and
// reading and searching must hide behind it.
func TestABackfillRunsAtTheDocumentedRateWithFlatMemory(t *testing.T) {
	const perCall, perSecond = 20, 30
	n := 20_000
	if os.Getenv("SOAK") != "" {
		n = 100_000
	}
	synctest.Test(t, func(t *testing.T) {
		cloud, err := fakevod.New(fakevod.Options{
			Keys:  fakeram.New(fakeram.Key{ID: "id", Secret: "secret", Account: "1"}),
			Fault: func(string, string, string) calls.Fault { return calls.Fault{Delay: 30 * time.Millisecond} },
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, cloud.Close()) }()
		cloud.Log().Keep = 1 // its counters are enough, and the heap is measured
		assets := make([]fakevod.Asset, n)
		for i := range assets {
			assets[i] = fakevod.Asset{Kind: "video", Title: "Promo", Tags: "mine", Status: "Normal", Created: at.Add(time.Duration(i-n) * time.Second)}
		}
		cloud.Seed(assets...)
		transport := &http.Transport{}
		transport.RegisterProtocol("http", direct{cloud})

		var atEnd uint64
		start := time.Now()
		diff, err := backfill(t.Context(), rules(t), transport, func(seen int) {
			if seen == n {
				atEnd = heap()
			}
		})
		took := time.Since(start)
		require.NoError(t, err)
		require.Equal(t, map[video.Result]int{video.Done: n}, diff.Outcomes)
		held := (float64(atEnd) - float64(heap())) / 1e6 // what is left is the emulator's

		allowed := time.Duration(n/perCall) * time.Second / perSecond
		made := map[string]int{}
		for key, count := range cloud.Log().Counts() {
			require.Empty(t, key.Code, "no call is refused: %s", key.Op)
			made[key.Op] += count
		}
		require.Equal(t, n/perCall, made["UpdateVideoInfos"])
		t.Logf("%d videos in %v: %.0f a second, %.1f %% of what %d calls a second allow (%v); calls at the server: %v; held %.1f MB at its end",
			n, took.Round(time.Millisecond), float64(n)/took.Seconds(), 100*allowed.Seconds()/took.Seconds(), perSecond, allowed.Round(time.Millisecond), made, held)
		require.GreaterOrEqual(t, allowed.Seconds()/took.Seconds(), 0.95)
		require.Less(t, held, 4.0)
		runtime.KeepAlive(cloud)
	})
}

// backfill is what vodctl retag --yes does; whatever it holds goes with it.
func backfill(ctx context.Context, rules *tagging.Rules, transport *http.Transport, told func(seen int)) (*tag.Diff, error) {
	client, err := vod.New(vod.Config{Region: "cn-shanghai", Endpoint: "http://vod.test", HTTP: transport, Share: 1, Credentials: vod.Static("id", "secret", "")})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	diff, tagger := tag.NewDiff(rules), tag.Tagger{Library: client, Rules: rules, Writer: rewriting{client}}
	return diff, tagger.Backfill(ctx, tag.Hits(ctx, client, video.Query{Kind: video.KindVideo, OldestFirst: true}), at, func(s tag.Step) error {
		diff.Add(s)
		told(diff.Seen)
		return nil
	})
}

// rewriting writes what is wanted, by the tags that were read.
type rewriting struct{ *vod.Client }

func (r rewriting) Write(ctx context.Context, wanted []tag.Wanted) ([]video.Outcome, error) {
	updates := make([]video.Update, len(wanted))
	for i, w := range wanted {
		tags := w.Change.Tags.Apply(w.Have)
		updates[i] = video.Update{ID: w.Change.ID, Kind: w.Change.Kind, Fields: w.Change.Set, Tags: &tags}
	}
	return r.Update(ctx, updates)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
