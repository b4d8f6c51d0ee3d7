package purge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
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

// The real client over HTTP, against the local cloud's VOD.

// overHTTP is a cloud with a state and a policy, behind a proxy that may change answers.
type overHTTP struct {
	cloud   *localcloud.Cloud
	client  *vod.Client
	objects *state.Store
	policy  *retention.Policy
	edit    func(action string, body []byte) []byte // of answers; nil: as they are
	before  func(action string)                     // asked before a call is passed on
}

func newOverHTTP(t *testing.T, policy string, tune ...func(*localcloud.Services)) *overHTTP {
	t.Helper()
	c := &overHTTP{}
	c.cloud = localcloud.RunT(t, localcloud.Options{Callback: "none", Start: made, Faults: "none", Tune: func(s *localcloud.Services) {
		s.VOD.RateScale = -1
		for _, change := range tune {
			change(s)
		}
	}})
	env := c.cloud.Env()
	target, err := url.Parse(env["VOD_ENDPOINT"])
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if c.edit == nil || r.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = c.edit(r.Request.URL.Query().Get("Action"), body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.before != nil {
			c.before(r.URL.Query().Get("Action"))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	c.client, err = vod.New(vod.Config{Region: "cn-shanghai", Endpoint: front.URL, Share: 1, Timeout: 2 * time.Second,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
	require.NoError(t, err)
	t.Cleanup(c.client.Close)
	c.objects, err = state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.objects.Close() })
	c.policy, err = retention.Parse("p.yaml", []byte(policy))
	require.NoError(t, err)
	return c
}

func (c *overHTTP) now() time.Time { return c.cloud.Now().UTC().Truncate(time.Second) }

// approved makes a plan that a person approves.
func (c *overHTTP) approved(t *testing.T) removal.Plan {
	t.Helper()
	r, err := plan.Job{Library: c.client, State: c.objects, Policy: c.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), c.now())
	require.NoError(t, err)
	require.True(t, r.Finished())
	_, err = removal.Approve(t.Context(), c.objects, r.Plan, "anna", "", c.now(), 0)
	require.NoError(t, err)
	return r.Plan
}

func (c *overHTTP) job() purge.Job {
	return purge.Job{Library: c.client, CDN: c.client, State: c.objects, Policy: c.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}
}

func (c *overHTTP) seed(id string, age int, tags string) fakevod.Asset {
	created := made.AddDate(0, 0, -age)
	a := fakevod.Asset{
		ID: fmt.Sprintf("%032s", id), Kind: "video", Title: "title " + id, Tags: tags, Status: "Normal", Created: created, Modified: created, Size: 1 << 20, Duration: 60,
		Source:  &fakevod.Source{Status: "Normal", FileName: id + ".mp4", Created: created, Media: fakevod.Media{Size: 1 << 20, Duration: 60, Width: 1280, Height: 720}},
		Streams: []fakevod.Stream{{JobID: fmt.Sprintf("%032s", "a"+id), Definition: "HD", Format: "mp4", Codec: "h264", Size: 500_000, Width: 1280, Height: 720, Duration: 60, Created: created}},
	}
	c.cloud.VOD.Seed(a)
	return a
}

// tag gives an asset a tag, as an editor does.
func (c *overHTTP) tag(id, tag string) {
	now, _ := c.cloud.VOD.Lookup(id)
	now.Tags += "," + tag
	now.Modified = c.now()
	c.cloud.VOD.Seed(now)
}

const heldTemp = "holds: {tags: [keep]}\nrules:\n  - {name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\nguards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}\n"

// While the first tries are throttled somebody sets a hold, and somebody a halt.
func TestAHoldWhileTheCallIsThrottledKeeps(t *testing.T) {
	for name, halt := range map[string]bool{"hold": false, "halt": true} {
		t.Run(name, func(t *testing.T) {
			c := newOverHTTP(t, heldTemp)
			a := c.seed("1", 100, "temp")
			c.approved(t)
			c.cloud.SetFaults(faults(t, "vod DeleteVideo throttle n=4")...)
			var once atomic.Bool
			c.before = func(action string) {
				if action != "DeleteVideo" || once.Swap(true) {
					return
				}
				if halt {
					require.NoError(t, removal.SetHalt(t.Context(), c.objects, removal.Halt{Halted: true, By: "anna", At: time.Now(), Reason: "stop"}))
				} else {
					c.tag(a.ID, "keep")
				}
			}
			_, err := c.job().Run(t.Context(), c.now().Add(time.Hour))
			require.NoError(t, err)
			_, there := c.cloud.VOD.Lookup(a.ID)
			require.True(t, there, "before the provider accepted any delete")
		})
	}
}

// The client's call times out: a second run is busy, and the first one says what became of
// it only when the call cannot have its effect any more.
func TestASlowDeleteDoesNotOutliveItsLease(t *testing.T) {
	c := newOverHTTP(t, heldTemp)
	a := c.seed("1", 100, "temp")
	p := c.approved(t)
	c.cloud.SetFaults(faults(t, "vod DeleteVideo timeout n=3")...)
	sent := make(chan bool, 10)
	c.before = func(action string) {
		if action == "DeleteVideo" {
			sent <- true
		}
	}
	// Only waiting moves the clock of the leases.
	var waited atomic.Int64
	start, one, another := time.Now(), c.job(), c.job()
	one.Now = func() time.Time { return start.Add(time.Duration(waited.Load())) }
	one.Wait = func(_ context.Context, until time.Time) { waited.Store(int64(until.Sub(start))) }
	first := make(chan error)
	go func() {
		_, err := one.Run(t.Context(), c.now().Add(time.Hour))
		first <- err
	}()
	<-sent
	c.tag(a.ID, "keep")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	another.Now, another.Wait = one.Now, func(context.Context, time.Time) { cancel() } // its time ends before the lease
	_, second := another.Run(ctx, c.now().Add(time.Hour))
	require.ErrorIs(t, second, state.ErrBusy)
	require.NoError(t, <-first)
	require.Greater(t, time.Duration(waited.Load()), 10*time.Second, "nearly as long as its lease")
	end, err := removal.ReadEnd(t.Context(), c.objects, p.ID)
	require.NoError(t, err)
	_, there := c.cloud.VOD.Lookup(a.ID)
	want := map[video.Result]int{video.Kept: 1}
	if !there { // the call that timed out had its effect
		want = map[video.Result]int{video.Done: 1}
	}
	require.Equal(t, want, end.Results)
	require.Len(t, sent, 0, "no second call")
}

// One asset comes to be told in another shape after it was planned.
func TestAnAssetOfAnotherShapeCostsOnlyItself(t *testing.T) {
	c := newOverHTTP(t, heldTemp)
	for i := range 45 {
		c.seed(fmt.Sprint(i), 100-i, "temp")
	}
	odd := c.seed("odd", 99, "temp")
	c.approved(t)
	c.edit = func(action string, body []byte) []byte {
		if action != "BatchGetMediaInfos" {
			return body
		}
		return mediaInfos(body, func(m map[string]any) {
			if m["MediaId"] == odd.ID {
				m["MediaInfo"].(map[string]any)["Snapshots"] = map[string]any{"Snapshot": []string{"http://x.example/1.jpg"}}
			}
		})
	}
	r, err := c.job().Run(t.Context(), c.now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
	require.GreaterOrEqual(t, r.Removed(), 45)
	require.LessOrEqual(t, c.cloud.VOD.Len(), 1)
}

func mediaInfos(body []byte, change func(media map[string]any)) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	list, _ := answer["MediaInfos"].([]any)
	for _, m := range list {
		change(m.(map[string]any))
	}
	out, _ := json.Marshal(answer)
	return out
}

func faults(t *testing.T, text string) []localcloud.Fault {
	t.Helper()
	f, err := localcloud.ParseFaults(text)
	require.NoError(t, err)
	return f
}
