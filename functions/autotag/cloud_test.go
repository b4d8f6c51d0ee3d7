package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

var programs localcloud.Programs

func TestMain(m *testing.M) {
	code := m.Run()
	_ = programs.Close()
	os.Exit(code)
}

// cloud runs autotag and metadata as built binaries, by the project's own
// manifest, over a library of n videos.
func cloud(t *testing.T, n int, pace float64, env map[string]string, more ...func(*localcloud.Options)) (*localcloud.Cloud, []string) {
	t.Helper()
	manifest, err := os.ReadFile("../../s.yaml")
	require.NoError(t, err)
	for _, name := range []string{"autotag", "callback", "metadata"} {
		main, err := programs.Build(t.Context(), "../..", "functions/"+name)
		require.NoError(t, err)
		manifest = []byte(strings.ReplaceAll(string(manifest), "./functions/"+name+"/target", filepath.Dir(main)))
	}
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, manifest, 0o600))
	if env["RATE_SHARE"] == "" {
		env["RATE_SHARE"] = "1"
	}
	if env["TAGGING_MODE"] == "" {
		env["TAGGING_MODE"] = "write"
	}
	opt := localcloud.Options{Manifest: file, Root: "../..", Env: env, Callback: "none", Pace: pace, Start: at}
	for _, set := range more {
		set(&opt)
	}
	c := localcloud.RunT(t, opt)
	var assets []fakevod.Asset
	for i := range n {
		assets = append(assets, fakevod.Asset{
			Kind: "video", Title: fmt.Sprint("Promo ", i), Tags: "mine", Status: "Normal", Created: at.Add(-time.Hour),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}},
		})
	}
	return c, c.VOD.Seed(assets...)
}

// tagged counts the videos that have what the default rules want.
func tagged(c *localcloud.Cloud) (n int) {
	for _, a := range c.VOD.Assets() {
		if a.Tags == "mine,promo,landscape,hd,short" {
			n++
		}
	}
	return n
}

func told(t *testing.T, c *localcloud.Cloud, what string) (total int) {
	t.Helper()
	var parts []string
	for op, n := range c.Counts()["vod"] {
		total += n
		parts = append(parts, fmt.Sprint(op, " ", n))
	}
	t.Logf("%s: %d calls at VOD's log: %s", what, total, strings.Join(parts, ", "))
	return total
}

// One event for each upload, by VOD's queue callback, with the metadata queue.
func TestAThousandEventsByQueueCostAtMost110Calls(t *testing.T) {
	c, ids := cloud(t, 1_000, 0.5, map[string]string{})
	for _, id := range ids {
		_, err := c.MNS.Enqueue(c.Env()["NOTICE_QUEUE"], strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), "30a1f0c2d7b171f1a4e66723a78e0102", id))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return tagged(c) == len(ids) }, 4*time.Minute, 50*time.Millisecond)
	require.LessOrEqual(t, told(t, c, "1,000 events by queue"), 110)
}

// The same by HTTP callback: these cause no call, and the metadata queue's batches few.
func TestEventsByCallbackCostWhatTheirBatchesDo(t *testing.T) {
	n := 200 // make soak takes the thousand
	if os.Getenv("SOAK") != "" {
		n = 1_000
	}
	// Two callbacks at once are two instances, each with a rate of its own: together
	// they stay below the documented one, so that no call is made twice.
	c, ids := cloud(t, n, 0.5, map[string]string{"RATE_SHARE": "0.4"})
	env := c.Env()
	stamp := fmt.Sprint(time.Now().Unix())
	sum := md5.Sum([]byte(env["CALLBACK_URL"] + "|" + stamp + "|" + env["CALLBACK_KEYS"]))
	work := make(chan string)
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() {
			for id := range work {
				body := strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), "30a1f0c2d7b171f1a4e66723a78e0102", id)
				for try := range 3 { // as VOD does
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, env["AUTOTAG_URL"], strings.NewReader(body))
					if err != nil {
						panic(err)
					}
					req.Header.Set("X-VOD-TIMESTAMP", stamp)
					req.Header.Set("X-VOD-SIGNATURE", hex.EncodeToString(sum[:]))
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						panic(err)
					}
					_ = resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						break
					}
					t.Logf("try %d: %s", try+1, resp.Status)
				}
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	senders.Wait()
	require.Eventually(t, func() bool { return tagged(c) == len(ids) }, 4*time.Minute, 50*time.Millisecond)
	require.LessOrEqual(t, told(t, c, fmt.Sprint(n, " events by callback")), n*300/1000)
}

func TestTheSweepTagsALibraryThatNobodyAnnounced(t *testing.T) {
	c, ids := cloud(t, 45, 0.01, map[string]string{"METADATA_QUEUE": ""})
	var ran []string
	for _, run := range c.Advance(time.Hour) {
		ran = append(ran, run.Function+"/"+run.Trigger)
	}
	require.Contains(t, ran, "autotag/sweep")
	require.Eventually(t, func() bool { return tagged(c) == len(ids) }, 4*time.Minute, 20*time.Millisecond)
	told(t, c, "a sweep over 45 videos")
}

// autotag and other writers add tags to the same videos at the same time, both through
// the metadata queue, while the functions are killed and the library and the queue fail
// now and then: no tag is lost.
func TestNoTagIsLostBetweenAutotagAndOtherWriters(t *testing.T) {
	var cloudOf func() *localcloud.Cloud
	var mu sync.Mutex
	var killers sync.WaitGroup
	seen, kills := 0, 0
	c, ids := cloud(t, 200, 0.01, map[string]string{}, func(opt *localcloud.Options) {
		opt.Faults = localcloud.MildFaults + `
vod * throttle p=0.05
vod * error p=0.05
vod Update* error-after p=0.02
mns *SendMessage error p=0.05
mns *SendMessage error-after p=0.02
functions batch duplicate p=0.1
functions batch reorder p=0.3
`
		opt.Tune = func(s *localcloud.Services) {
			s.VOD.RateScale = -1
			s.FC.Done = func(inv fakefc.Invocation) {
				mu.Lock()
				defer mu.Unlock()
				if seen++; seen%3 == 0 && inv.Kind == "queue" && kills < 10 {
					name := []string{"metadata", "autotag"}[seen/3%2]
					killers.Go(func() {
						if cloudOf().FC.Kill(name) != 0 {
							mu.Lock()
							kills++
							mu.Unlock()
						}
					})
				}
			}
		}
	})
	cloudOf = func() *localcloud.Cloud { return c }
	env := c.Env()
	var producers sync.WaitGroup
	for p := range 4 {
		producers.Go(func() {
			for i, id := range ids {
				if i%4 == p { // as VOD does, and now and then twice
					for range 1 + i%3/2 {
						_, err := c.MNS.Enqueue(env["NOTICE_QUEUE"], strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), "30a1f0c2d7b171f1a4e66723a78e0102", id))
						require.NoError(t, err)
					}
				}
				body := fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"issuedAt":%q,"tags":{"add":["of-%d"],"remove":["old-%d"]}}]}`,
					id, time.Now().UTC().Format(time.RFC3339Nano), p, p)
				_, err := c.MNS.Enqueue(env["METADATA_QUEUE"], body)
				require.NoError(t, err)
				time.Sleep(2 * time.Millisecond) // so that there are many batches
			}
		})
	}
	producers.Wait()
	want := []string{"mine", "promo", "landscape", "hd", "short", "of-0", "of-1", "of-2", "of-3"}
	whole := func() (n int) {
		for _, a := range c.VOD.Assets() {
			if tags := strings.Split(a.Tags, ","); len(tags) == len(want) && !slices.ContainsFunc(want, func(tag string) bool { return !slices.Contains(tags, tag) }) {
				n++
			}
		}
		return n
	}
	// What autotag could not read for now is left to its next sweep.
	for hour := range 6 {
		require.Eventually(t, func() bool {
			none := fakemns.Stats{}
			return c.MNS.Stats(env["NOTICE_QUEUE"]) == none && c.MNS.Stats(env["METADATA_QUEUE"]) == none
		}, 2*time.Minute, 20*time.Millisecond)
		require.NoError(t, c.FC.Quiet(t.Context()))
		if whole() == len(ids) {
			break
		}
		t.Logf("%d of %d videos after %d sweeps", whole(), len(ids), hour)
		c.Advance(time.Hour)
	}
	require.Equal(t, len(ids), whole())
	killers.Wait()
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d videos with %d tags of 5 writers each, %d invocations, %d processes killed: no tag lost", len(ids), len(want), seen, kills)
}

// The library announces our own writes as it does a CMS's.
func TestWhatACMSChangesIsReportedAndWhatWeChangeIsNot(t *testing.T) {
	var mu sync.Mutex
	foreign, changes := 0, 0
	c, ids := cloud(t, 45, 0.01, map[string]string{}, func(opt *localcloud.Options) {
		opt.Callback = "mns"
		opt.Tune = func(s *localcloud.Services) {
			s.FC.Done = func(inv fakefc.Invocation) {
				var got deliver.TagReport
				if inv.Function != "autotag" || json.Unmarshal(inv.Result, &got) != nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				foreign += got.Foreign
				changes += got.Ignored // MediaBaseChangeComplete is all that is sent here
			}
		}
	})
	announced := func() (told, others int) {
		mu.Lock()
		defer mu.Unlock()
		return changes, foreign
	}
	env := c.Env()
	for _, id := range ids {
		_, err := c.MNS.Enqueue(env["NOTICE_QUEUE"], strings.ReplaceAll(notice("FileUploadComplete", "VideoId"), "30a1f0c2d7b171f1a4e66723a78e0102", id))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { n, _ := announced(); return n >= len(ids) }, time.Minute, 20*time.Millisecond, "each video was tagged")
	require.Equal(t, len(ids), tagged(c))
	_, others := announced()
	require.Zero(t, others, "all that was metadata")

	client, err := vod.New(vod.Config{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Share: 1,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	title := "of the CMS"
	_, err = client.Update(t.Context(), []video.Update{{ID: video.ID(ids[7]), Fields: video.Fields{Title: &title}}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, others := announced(); return others == 1 }, 4*time.Minute, 20*time.Millisecond)
}
