package purge_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// BenchmarkRemoval removes a library by the real client at the whole documented
// rate, and tells the time in parts of what that rate allows: 20 videos a call
// and 30 calls a second for wholes, 50 calls a second for the streams of one
// video each. Calls are counted by the server. SOAK=1 takes the full sizes.
func BenchmarkRemoval(b *testing.B) {
	for name, tc := range map[string]struct {
		tags, op string
		rate     float64
		calls    func(n int) int
		full     int
	}{
		"wholes":  {"temp", "DeleteVideo", 30, func(n int) int { return (n + 19) / 20 }, 100_000},
		"streams": {"parts", "DeleteStream", 50, func(n int) int { return n }, 5_000},
	} {
		sizes := []int{200, 2000}
		if os.Getenv("SOAK") != "" {
			sizes = []int{tc.full}
		}
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					cloud := localcloud.RunT(b, localcloud.Options{Callback: "none", Start: made, Faults: "none"})
					all := make([]fakevod.Asset, n)
					for i := range all {
						created := at(90).Add(time.Duration(i) * time.Second)
						stream := fakevod.Stream{Definition: "HD", Format: "mp4", Codec: "h264", Size: 900, Height: 720, Width: 1280, Duration: 60, Bitrate: 1000, FPS: 25, Created: created}
						older := stream
						older.JobID, older.Invisible = fmt.Sprintf("%032x", 2*i), true
						stream.JobID, stream.Created = fmt.Sprintf("%032x", 2*i+1), created.Add(time.Hour)
						all[i] = fakevod.Asset{Tags: tc.tags, Size: 5000, Duration: 60, Created: created, Streams: []fakevod.Stream{older, stream},
							Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Created: created, Media: fakevod.Media{Size: 5000, Duration: 60, Width: 1280, Height: 720}}}
					}
					cloud.VOD.Seed(all...)
					env := cloud.Env()
					client, err := vod.New(vod.Config{Endpoint: env["VOD_ENDPOINT"], Region: "cn-shanghai", Share: 1,
						Credentials: func(context.Context) (string, string, string, error) {
							return env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil
						}})
					require.NoError(b, err)
					store, err := state.Open(b.Context(), "file:"+b.TempDir(), state.Options{})
					require.NoError(b, err)
					p, err := retention.Parse("bench.yaml", []byte(strings.Replace(unguarded, "      source: {good_streams: 1}\n", "", 1)+"guards: {count: 1000000, percent: 100, unknown: 1000000}"))
					require.NoError(b, err)
					made, err := plan.Job{Library: client, State: store, Policy: p, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(b.Context(), cloud.Now())
					require.NoError(b, err)
					_, err = removal.Approve(b.Context(), store, made.Plan, "anna", "", time.Now(), 0)
					require.NoError(b, err)
					began := time.Now()
					b.StartTimer()
					r, err := purge.Job{Library: client, State: store, Policy: p, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(b.Context(), cloud.Now())
					b.StopTimer()
					require.NoError(b, err)
					require.Equal(b, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
					require.Equal(b, n, r.Removed(), "%v", r.Results())
					require.Equal(b, tc.calls(n), cloud.VOD.Log().Count(tc.op))
					b.ReportMetric(time.Since(began).Seconds()/(float64(tc.calls(n))/tc.rate), "of-the-rate's-time")
					b.ReportMetric(float64(tc.calls(n)), "calls")
					require.NoError(b, store.Close())
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkMoves asks for moves by the real client, 20 assets a call, and tells the time in
// parts of what the documented 50 calls a second allow at the default share and in whole.
// SOAK=1 takes the full size.
func BenchmarkMoves(b *testing.B) {
	for share, n := range map[float64]int{0.25: 6_000, 1: 20_000} {
		if os.Getenv("SOAK") != "" {
			n = 100_000
		}
		b.Run(fmt.Sprintf("share %g", share), func(b *testing.B) { benchMoves(b, share, n) })
	}
}

func benchMoves(b *testing.B, share float64, n int) {
	for b.Loop() {
		b.StopTimer()
		cloud := localcloud.RunT(b, localcloud.Options{Callback: "none", Start: made, Faults: "none"})
		all := make([]fakevod.Asset, n)
		for i := range all {
			created := at(90).Add(time.Duration(i) * time.Second)
			all[i] = fakevod.Asset{Kind: "video", Size: 5000, Duration: 60, Status: "Normal", Created: created,
				Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Created: created, Media: fakevod.Media{Size: 5000, Duration: 60, Width: 1280, Height: 720}}}
		}
		cloud.VOD.Seed(all...)
		env := cloud.Env()
		client, err := vod.New(vod.Config{Endpoint: env["VOD_ENDPOINT"], Region: "cn-shanghai", Share: share,
			Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
		require.NoError(b, err)
		store, err := state.Open(b.Context(), "file:"+b.TempDir(), state.Options{})
		require.NoError(b, err)
		p, err := retention.Parse("bench.yaml", []byte(cooling))
		require.NoError(b, err)
		scope := video.Scope{Region: "cn-shanghai", Account: "1"}
		made, err := plan.Job{Library: client, State: store, Policy: p.Moves(), Scope: scope}.Run(b.Context(), cloud.Now())
		require.NoError(b, err)
		require.Equal(b, n, made.Plan.Items)
		_, err = removal.Approve(b.Context(), store, made.Plan, "anna", "", time.Now(), 0)
		require.NoError(b, err)
		began := time.Now()
		b.StartTimer()
		r, err := purge.Job{Mover: client, State: store, Policy: p.Moves(), Scope: scope}.Run(b.Context(), cloud.Now())
		b.StopTimer()
		took := time.Since(began).Seconds()
		require.NoError(b, err)
		require.Equal(b, purge.UnderWay, r.Plans[0].Status, r.Plans[0].Why)
		calls := (n + 19) / 20
		require.Equal(b, calls, cloud.VOD.Log().Count("UpdateMediaStorageClass"))
		b.ReportMetric(took/(float64(calls)/50/share), "of-the-rate's-time")
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(float64(n)/took*86400/50_000, "of-the-console's-day")
		require.NoError(b, store.Close())
		b.StartTimer()
	}
}
