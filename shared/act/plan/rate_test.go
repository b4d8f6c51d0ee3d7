package plan_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
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

// Each 20 media cost one detail call, of which VOD allows 50 a second; searching for
// them, 100 a call, must hide behind that.
func TestPlanningRunsAtTheDocumentedRate(t *testing.T) {
	const n, perSecond = 40_000, 50
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365 * 24 * time.Hour) // a bubble begins in 2000, before which nobody uploaded anything
		cloud, err := fakevod.New(fakevod.Options{
			Keys:  fakeram.New(fakeram.Key{ID: "id", Secret: "secret", Account: "1"}),
			Fault: func(string, string, string) calls.Fault { return calls.Fault{Delay: 30 * time.Millisecond} },
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, cloud.Close()) }()
		assets := make([]fakevod.Asset, n)
		time.Sleep(10 * 365 * 24 * time.Hour) // a bubble begins in 2000, and no asset is older than that
		at := time.Now()
		for i := range assets {
			assets[i] = fakevod.Asset{Kind: "video", Title: "x", Tags: "temp", Size: 1, Status: "Normal", Created: at.AddDate(0, 0, -90).Add(time.Duration(i) * time.Second)}
		}
		cloud.Seed(assets...)
		transport := &http.Transport{}
		transport.RegisterProtocol("http", direct{cloud})
		client, err := vod.New(vod.Config{Region: "cn-shanghai", Endpoint: "http://vod.test", HTTP: transport, Share: 1, Credentials: vod.Static("id", "secret", "")})
		require.NoError(t, err)
		defer client.Close()
		store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()

		start := time.Now()
		r, err := plan.Job{Library: client, State: store, Policy: retention.Default(), Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), at)
		took := time.Since(start)
		require.NoError(t, err)
		require.Equal(t, n, r.Plan.Items)
		for key := range cloud.Log().Counts() {
			require.Empty(t, key.Code, "no call is refused: %s", key.Op)
		}
		require.Equal(t, n/video.MaxBatch, cloud.Log().Count("BatchGetMediaInfos"))
		allowed := time.Duration(n/video.MaxBatch) * time.Second / perSecond
		t.Logf("%d media in %v: %.1f %% of what %d calls a second allow (%v); %d searches",
			n, took.Round(time.Millisecond), 100*allowed.Seconds()/took.Seconds(), perSecond, allowed, cloud.Log().Count("SearchMedia"))
		require.GreaterOrEqual(t, allowed.Seconds()/took.Seconds(), 0.95)
	})
}
