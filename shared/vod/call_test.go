package vod_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

var aVideo = map[string]any{"Video": map[string]any{"VideoId": "v"}}

func TestADeadlineEndsASlowCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, stop := inBubble(t, func(r request) (int, string) { <-r.ctx.Done(); return ok(nil) })
		defer stop()
		c := client()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Video(ctx, "v")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, video.ErrDeferred)
		require.Equal(t, 50*time.Millisecond, time.Since(start))

		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		out, err := c.DeleteVideos(ctx, []video.ID{"v"})
		require.ErrorIs(t, err, video.ErrUnknownOutcome, "the service may have deleted it")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, video.Unknown, out[0].Result)
	})
}

func TestACancelledCallIsNeverSent(t *testing.T) {
	s := serve(t, func(request) (int, string) { return ok(nil) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out, err := s.client(t).DeleteVideos(ctx, ids(50))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, video.ErrDeferred)
	for _, o := range out {
		require.Equal(t, video.Deferred, o.Result)
	}
	require.Empty(t, s.calls("DeleteVideo"))
}

func TestASlowAttemptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		s, client, stop := inBubble(t, func(r request) (int, string) {
			if n.Add(1) < 3 {
				<-r.ctx.Done()
			}
			return ok(aVideo)
		})
		defer stop()
		_, err := client().Video(t.Context(), "v")
		require.NoError(t, err)
		require.Len(t, s.calls("GetVideoInfo"), 3)
	})
}

func TestOnlyHarmlessCallsAreRepeated(t *testing.T) {
	for op, want := range map[string]int{"read": 5, "update": 5, "delete": 1, "create": 1} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int32
				_, client, stop := inBubble(t, func(request) (int, string) { n.Add(1); return refuse(http.StatusInternalServerError, "InternalError") })
				defer stop()
				c := client()
				var err error
				switch op {
				case "read":
					_, err = c.Source(t.Context(), "v")
					require.ErrorIs(t, err, video.ErrTransient)
				case "update":
					err = c.UpdateOne(t.Context(), video.Update{ID: "v", Fields: video.Fields{Title: text("t")}})
					require.ErrorIs(t, err, video.ErrUnknownOutcome)
				case "delete":
					_, err = c.DeleteSources(t.Context(), []video.ID{"v"}, false)
					require.ErrorIs(t, err, video.ErrUnknownOutcome)
				case "create":
					_, err = c.CreateVideo(t.Context(), vod.NewMedia{FileName: "a.mp4", Title: "a"})
					require.ErrorIs(t, err, video.ErrUnknownOutcome)
				}
				require.Equal(t, want, int(n.Load()))
			})
		})
	}
}

func TestBackoffGrowsIsJitteredAndObeysRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits [4][]time.Duration
		s, client, stop := inBubble(t, func(request) (int, string) { return refuse(http.StatusServiceUnavailable, "ServiceUnavailable") })
		defer stop()
		for range 30 {
			_, err := client().Video(t.Context(), "v")
			require.ErrorIs(t, err, video.ErrTransient)
			sent := s.calls("GetVideoInfo")[len(s.calls("GetVideoInfo"))-5:]
			for i := range waits {
				waits[i] = append(waits[i], sent[i+1].at.Sub(sent[i].at))
			}
		}
		for i, all := range waits {
			ceiling, longest, distinct := 200*time.Millisecond<<i, time.Duration(0), map[time.Duration]bool{}
			for _, wait := range all {
				longest, distinct[wait] = max(longest, wait), true
			}
			require.LessOrEqual(t, longest, ceiling)
			require.Greater(t, longest, ceiling/2, "the whole range is used")
			require.Greater(t, len(distinct), 20)
		}

		s.retryAfter = "7"
		start := time.Now()
		_, err := client().Video(t.Context(), "v")
		require.Error(t, err)
		require.Equal(t, 4*7*time.Second, time.Since(start).Truncate(time.Second))
	})
}

func TestWhenEverythingFailsRepeatsStayAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client, stop := inBubble(t, func(request) (int, string) { return refuse(http.StatusServiceUnavailable, "ServiceUnavailable") })
		defer stop()
		c := client()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = c.Streams(t.Context(), "v") })
		}
		wg.Wait()
		calls := len(s.calls("GetPlayInfo"))
		t.Logf("100 calls became %d requests, without a budget 500", calls)
		require.LessOrEqual(t, calls, 100+20+100/5)
	})
}

// emulatorInBubble is the local cloud's VOD, with its rates, in a bubble.
func emulatorInBubble(t *testing.T, change func(*fakevod.Options)) (cloud *fakevod.Server, client func(share float64) *vod.Client, stop func()) {
	t.Helper()
	opt := fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: testKey, Secret: testSecret, Account: "1"})}
	if change != nil {
		change(&opt)
	}
	cloud, err := fakevod.New(opt)
	require.NoError(t, err)
	transport, end := bubbleServer(cloud, nil)
	client = func(share float64) *vod.Client {
		c, err := vod.New(vod.Config{Region: "cn-shanghai", Endpoint: "http://vod.test", HTTP: transport, Share: share, Credentials: vod.Static(testKey, testSecret, "")})
		require.NoError(t, err)
		return c
	}
	return cloud, client, func() { end(); require.NoError(t, cloud.Close()) }
}

func TestTheRateIsKeptAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, client, stop := emulatorInBubble(t, func(o *fakevod.Options) {
			o.Fault = func(string, string, string) calls.Fault { return calls.Fault{Delay: 30 * time.Millisecond} }
		})
		defer stop()
		var updates []video.Update
		for _, id := range cloud.Seed(make([]fakevod.Asset, 10000)...) {
			updates = append(updates, video.Update{ID: video.ID(id), Fields: video.Fields{Title: text("t")}})
		}
		start := time.Now()
		out, err := client(1).Update(t.Context(), updates)
		took := time.Since(start)
		require.NoError(t, err)
		require.NotContains(t, resultsOf(out), video.Failed)
		sent := ofOp(cloud.Calls(), "UpdateVideoInfos")
		require.Len(t, sent, 500)
		allowed := 500 * time.Second / 30
		t.Logf("10,000 updates took %v, the rate allows %v (%.3f); busiest second %d of 30; throttled %d", took, allowed, float64(took)/float64(allowed), busiestSecond(sent), throttled(cloud.Calls()))
		require.Less(t, float64(took), 1.05*float64(allowed))
		require.LessOrEqual(t, busiestSecond(sent), 30)
		require.Zero(t, throttled(cloud.Calls()))
	})
}

// Who comes after a pause does not wait for a share of a second that nobody used, and
// still no second sees more than the rate, wherever it begins.
func TestAfterAPauseCallsHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, client, stop := emulatorInBubble(t, nil)
		defer stop()
		c := client(1)
		rng := rand.New(rand.NewPCG(1, 2))
		for range 30 {
			time.Sleep(time.Duration(rng.IntN(2500)) * time.Millisecond)
			var wg sync.WaitGroup
			for i := range 1 + rng.IntN(60) {
				wg.Go(func() { _, _ = c.DeleteVideos(t.Context(), []video.ID{video.ID("v" + strconv.Itoa(i))}) })
			}
			wg.Wait()
		}
		require.LessOrEqual(t, busiestSecond(ofOp(cloud.Calls(), "DeleteVideo")), 30)
		require.Zero(t, throttled(cloud.Calls()))

		time.Sleep(time.Second)
		start := time.Now()
		for i := range 15 {
			_, _ = c.DeleteVideos(t.Context(), []video.ID{video.ID("v" + strconv.Itoa(i))})
		}
		t.Logf("15 calls, half a second's by the rate, took %v", time.Since(start))
		require.Less(t, time.Since(start), 300*time.Millisecond)
	})
}

// A call for which the rate has no room before its deadline fails at once, and takes
// nobody's place.
func TestACallThatCannotGoInTimeFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, client, stop := emulatorInBubble(t, nil)
		defer stop()
		c := client(1)
		for i := range 29 {
			_, _ = c.DeleteVideos(t.Context(), []video.ID{video.ID("v" + strconv.Itoa(i))})
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				_, err := c.DeleteVideos(ctx, []video.ID{"late"})
				require.ErrorIs(t, err, video.ErrDeferred)
			})
		}
		wg.Wait()
		require.Zero(t, time.Since(start), "all of them at once")
		_, err := c.DeleteVideos(t.Context(), []video.ID{"v"})
		require.NoError(t, err)
		require.Less(t, time.Since(start), time.Second)
		require.Len(t, ofOp(cloud.Calls(), "DeleteVideo"), 30)
	})
}

func TestTheDefaultShareLeavesTheRestToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, client, stop := emulatorInBubble(t, nil)
		defer stop()
		var wg sync.WaitGroup
		for _, c := range []*vod.Client{client(0), client(0.7)} {
			wg.Go(func() {
				for i := range 300 {
					_, _ = c.DeleteVideos(t.Context(), []video.ID{video.ID("v" + strconv.Itoa(i))})
				}
			})
		}
		wg.Wait()
		sent := ofOp(cloud.Calls(), "DeleteVideo")
		require.Len(t, sent, 600)
		t.Logf("busiest second: %d of 30 calls; throttled %d", busiestSecond(sent), throttled(cloud.Calls()))
		require.LessOrEqual(t, busiestSecond(sent), 30)
		require.Zero(t, throttled(cloud.Calls()))
	})
}

func ofOp(all []calls.Call, op string) []time.Time {
	var at []time.Time
	for _, c := range all {
		if c.Op == op {
			at = append(at, c.At)
		}
	}
	return at
}

func throttled(all []calls.Call) (n int) {
	for _, c := range all {
		if strings.HasPrefix(c.Code, "Throttling") {
			n++
		}
	}
	return n
}

// busiestSecond is the most requests that any second saw, wherever it begins.
func busiestSecond(sent []time.Time) int {
	most, from := 0, 0
	for i := range sent {
		for sent[i].Sub(sent[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestThrottlingSlowsTheClientAndItRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttling := atomic.Bool{}
		s, client, stop := inBubble(t, func(request) (int, string) {
			if throttling.Load() {
				return refuse(http.StatusBadRequest, "Throttling.User")
			}
			return ok(aVideo)
		})
		defer stop()
		c := client()
		perSecond := func() float64 {
			start, before := time.Now(), len(s.calls("GetVideoInfo"))
			for time.Since(start) < 2*time.Second {
				_, _ = c.Video(t.Context(), "v")
			}
			return float64(len(s.calls("GetVideoInfo"))-before) / time.Since(start).Seconds()
		}
		full := perSecond()
		throttling.Store(true)
		for range 10 {
			_, err := c.Video(t.Context(), "v")
			require.ErrorIs(t, err, video.ErrThrottled)
		}
		throttling.Store(false)
		slowed := perSecond()
		time.Sleep(time.Minute)
		recovered := perSecond()
		t.Logf("calls a second: %.0f, after throttling %.0f, a minute later %.0f", full, slowed, recovered)
		require.Less(t, slowed, full/2)
		require.InDelta(t, full, recovered, 2)
	})
}

// The SDK's client races when it is shared (aliyun/alibaba-cloud-sdk-go#538).
func TestManyCallersShareOneClient(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"Video": map[string]any{"VideoId": r.params.Get("VideoId")}})
	})
	c := s.client(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := video.ID("v" + strconv.Itoa(i))
			for range 3 {
				v, err := c.Video(t.Context(), id)
				if err != nil || v.ID != id {
					t.Errorf("%s: %v %v", id, v, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNothingIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		s, client, stop := inBubble(t, func(request) (int, string) {
			time.Sleep(20 * time.Millisecond)
			if n.Add(1)%10 == 0 {
				return refuse(http.StatusInternalServerError, "InternalError")
			}
			return ok(map[string]any{"PlayInfoList": map[string]any{}})
		})
		defer stop()
		c := client()
		work := func(calls int) {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range calls / 8 {
						// One call in 100,000 fails five times by chance.
						if _, err := c.Streams(t.Context(), "v"); err != nil && !errors.Is(err, video.ErrTransient) {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
		}
		work(200)
		conns, goroutines := s.connections(), runtime.NumGoroutine()
		work(10000)
		t.Logf("connections %d, then %d; goroutines %d, then %d; %d requests", conns, s.connections(), goroutines, runtime.NumGoroutine(), n.Load())
		require.LessOrEqual(t, s.connections(), max(conns, 8))
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+4*(8-min(conns, 8)))
	})
}

func TestALibraryIsReadWhateverProxyTheEnvironmentNames(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("NO_PROXY", "(")
	s := serve(t, func(request) (int, string) { return ok(aVideo) })
	_, err := s.client(t).Video(t.Context(), "v")
	require.NoError(t, err, "loopback needs no proxy, and NO_PROXY is no regular expression")
}
