package vod_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// onEmulator is a client of the local cloud without a limit to its rate.
func onEmulator(t *testing.T, change func(*fakevod.Options)) (*localcloud.Cloud, *vod.Client) {
	t.Helper()
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Tune: func(s *localcloud.Services) {
		s.VOD.RateScale = -1
		if change != nil {
			change(&s.VOD)
		}
	}})
	env := cloud.Env()
	c, err := vod.New(vod.Config{
		Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Share: 1,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return cloud, c.Unlimited()
}

func TestMoreThanTheProviderShowsAtOnce(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	seed := func(kind string, n int) {
		assets := make([]fakevod.Asset, n)
		for i := range assets {
			assets[i] = fakevod.Asset{Kind: kind, Title: fmt.Sprint(kind, i), Created: start.Add(time.Duration(i/3) * time.Second)}
		}
		cloud.VOD.Seed(assets...)
	}
	seed("video", 5600)
	seed("audio", 150)
	seed("image", 5300)
	for kind, want := range map[video.Kind]int{video.KindVideo: 5600, video.KindAudio: 150, video.KindImage: 5300} {
		seen := map[video.ID]bool{}
		for f, err := range c.Search(t.Context(), video.Query{Kind: kind}) {
			require.NoError(t, err)
			require.Equal(t, kind == video.KindImage, f.Image.ID != "")
			seen[f.Video.ID+f.Image.ID] = true
		}
		require.Len(t, seen, want, kind)
	}
	seen := map[video.ID]bool{}
	for v, err := range c.List(t.Context(), video.Query{OldestFirst: true}) {
		require.NoError(t, err)
		seen[v.ID] = true
	}
	require.Len(t, seen, 5750, "videos and audios")
}

func TestWhatIsRemovedWhileItIsSearchedMovesNothing(t *testing.T) {
	cloud, c := onEmulator(t, func(o *fakevod.Options) { o.ScrollLife = time.Nanosecond }) // every token has expired
	assets := make([]fakevod.Asset, 1000)
	for i := range assets {
		assets[i] = fakevod.Asset{Created: start.Add(time.Duration(i/4) * time.Second)}
	}
	cloud.VOD.Seed(assets...)
	for _, kind := range []video.Kind{video.KindVideo} {
		var batch []video.ID
		n := 0
		for f, err := range c.Search(t.Context(), video.Query{Kind: kind}) {
			require.NoError(t, err)
			n++
			if batch = append(batch, f.Video.ID); len(batch) == 20 {
				out, err := c.DeleteVideos(t.Context(), batch)
				require.NoError(t, err)
				for _, o := range out {
					require.Equal(t, video.Done, o.Result)
				}
				cloud.VOD.Seed(fakevod.Asset{Created: start.Add(time.Hour)}) // an upload
				batch = batch[:0]
			}
		}
		require.Equal(t, 1000, n)
	}
	require.Equal(t, 50, cloud.VOD.Len(), "only what was uploaded meanwhile is left")
}

func TestASearchHoldsOnePage(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	assets := make([]fakevod.Asset, 20000)
	for i := range assets {
		assets[i] = fakevod.Asset{Title: fmt.Sprintf("title %0200d", i), Created: start.Add(time.Duration(i) * time.Second)}
	}
	cloud.VOD.Seed(assets...)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var first, last uint64
	n := 0
	for _, err := range c.Search(t.Context(), video.Query{}) {
		require.NoError(t, err)
		switch n++; n {
		case 1000:
			first = heap()
		case 19000:
			last = heap()
		}
	}
	t.Logf("heap after 1,000 hits %.1f MB, after 19,000 %.1f MB", float64(first)/1e6, float64(last)/1e6)
	require.Less(t, float64(last), float64(first)+4e6)
}

func TestWhatAutomationNeedsBesideTheModule(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	body, err := os.ReadFile(filepath.Join("..", "..", "testdata", "media", "landscape.mp4"))
	require.NoError(t, err)
	text, err := cloud.VOD.Upload(fakevod.Upload{FileName: "a.mp4"}, body)
	require.NoError(t, err)
	require.NoError(t, cloud.VOD.Settle(t.Context()))
	id := video.ID(text)

	v, err := c.Video(t.Context(), id)
	require.NoError(t, err)
	snapshots, err := c.Snapshots(t.Context(), id, "NormalSnapshot")
	require.NoError(t, err)
	require.NotEmpty(t, snapshots)
	require.NoError(t, c.DeleteImagesOf(t.Context(), id, "NormalSnapshot"))
	snapshots, err = c.Snapshots(t.Context(), id, "NormalSnapshot")
	require.NoError(t, err)
	require.Empty(t, snapshots)

	out, err := c.RefreshPlayURLs(t.Context(), []video.ID{id, unknown})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing}, resultsOf(out))
	out, err = c.RefreshCaches(t.Context(), []string{"https://" + v.Storage + "/sv/a.mp4", "https://somebody.else/a.mp4"})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Rejected}, resultsOf(out))

	out, err = c.SetStorageClass(t.Context(), []video.ID{id, unknown}, "Archive", false, false)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing}, resultsOf(out))
	require.NoError(t, cloud.VOD.Settle(t.Context()))
	v, err = c.Video(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "Archive", v.StorageClass)
	out, err = c.SetStorageClass(t.Context(), []video.ID{id}, "Archive", false, false)
	require.NoError(t, err)
	require.Equal(t, video.Unchanged, out[0].Result)
	out, err = c.Restore(t.Context(), []video.ID{id}, 3, false)
	require.NoError(t, err)
	require.Equal(t, video.Done, out[0].Result)

	top := cloud.VOD.AddCategory("news", -1)
	below := cloud.VOD.AddCategory("sport", top)
	categories, err := c.Categories(t.Context())
	require.NoError(t, err)
	require.Equal(t, []video.Category{{ID: top, Name: "news", Parent: -1}, {ID: below, Name: "sport", Parent: top, Level: 1}}, categories)

	want := vod.Callback{Type: "HTTP", URL: "http://127.0.0.1/x", Events: []string{"FileUploadComplete"}, Key: "aB3aB3aB3"}
	require.NoError(t, c.SetCallback(t.Context(), want))
	have, err := c.Callback(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, have)

	labelled := cloud.VOD.Seed(fakevod.Asset{AITags: []byte(`{"Category":[{"Tag":"sport"}],"Keyword":[{"Tag":"goal","Times":["1500"]}]}`)})
	labels, err := c.Labels(t.Context(), video.ID(labelled[0]))
	require.NoError(t, err)
	require.Equal(t, []video.Label{{Kind: "category", Text: "sport"}, {Kind: "keyword", Text: "goal", At: []time.Duration{1500 * time.Millisecond}}}, labels)
}

// Each of these is a known fault of clients of this service.
func TestKnownFaultsOfOthers(t *testing.T) {
	t.Run("only open ids are sent again", func(t *testing.T) {
		cloud, c := onEmulator(t, nil)
		ids := cloud.VOD.Seed(make([]fakevod.Asset, 3)...)
		out, err := c.DeleteVideos(t.Context(), []video.ID{video.ID(ids[0]), unknown, video.ID(ids[1])})
		require.NoError(t, err)
		require.Equal(t, []video.Result{video.Done, video.Missing, video.Done}, resultsOf(out))
		require.Equal(t, 1, cloud.VOD.Log().Count("DeleteVideo"), "an id that does not exist makes no second call")
	})
	t.Run("a delete that took effect and was answered wrongly is unknown, and the library tells", func(t *testing.T) {
		spoiled := false
		cloud, c := onEmulator(t, func(o *fakevod.Options) {
			o.Fault = func(op, _, _ string) (f calls.Fault) {
				if op == "DeleteVideo" && !spoiled {
					spoiled, f.Reset, f.After = true, true, true
				}
				return f
			}
		})
		ids := cloud.VOD.Seed(make([]fakevod.Asset, 2)...)
		out, err := c.DeleteVideos(t.Context(), []video.ID{video.ID(ids[0]), video.ID(ids[1])})
		require.ErrorIs(t, err, video.ErrUnknownOutcome)
		require.Equal(t, []video.Result{video.Unknown, video.Unknown}, resultsOf(out))
		require.Equal(t, 1, cloud.VOD.Log().Count("DeleteVideo"))
		require.Zero(t, cloud.VOD.Len())
	})
}

// From the file to the fact that rules ask for: turned, stretched, with a cover.
func TestTheFactsOfAnUploadAreAsShown(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	for name, want := range map[string][3]string{
		"mp4-h264-aac.mp4":    {"video", "landscape", "h264"},
		"mp4-90.mp4":          {"video", "portrait", "h264"},
		"mp4-dar-16-9.mp4":    {"video", "landscape", "h264"}, // stored 150x160
		"mp4-dar-9-16.mp4":    {"video", "portrait", "h264"},  // stored 160x150
		"mp4-dar-90.mp4":      {"video", "portrait", "h264"},
		"mkv-dar-16-9.mkv":    {"video", "landscape", "mpeg4"},
		"mov-cover-first.mov": {"video", "landscape", "h264"}, // a square JPEG comes first
		"m4a-cover-track.mp4": {"audio", "", "aac"},
		"mp4-mp3-alone.mp4":   {"audio", "", "mp3"},
	} {
		body, err := os.ReadFile(filepath.Join("..", "..", "testdata", "media", "matrix", name))
		require.NoError(t, err)
		id, err := cloud.VOD.Upload(fakevod.Upload{FileName: name}, body)
		require.NoError(t, err)
		require.NoError(t, cloud.VOD.Settle(t.Context()))
		answers, err := c.Media(t.Context(), []video.ID{video.ID(id)})
		require.NoError(t, err)
		require.NoError(t, answers[0].Err)
		f := rule.FactsOf(answers[0].Value, start)
		require.Equal(t, want, [3]string{f.Kind, f.Orientation, f.Codec}, name)
	}
}
