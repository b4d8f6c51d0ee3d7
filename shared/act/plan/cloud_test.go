package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// What never became a video is in the library all the same, and the search finds it.
func TestStuckUploadsAndFailedTranscodesArePlannedWhereARuleAsksForThem(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Start: now.AddDate(0, 0, -20)})
	env := cloud.Env()
	client, err := vod.New(vod.Config{
		Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Share: 1,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""),
	})
	require.NoError(t, err)
	defer client.Close()
	stuck, err := client.CreateVideo(t.Context(), vod.NewMedia{Title: "never came", FileName: "never.mp4"})
	require.NoError(t, err)
	cloud.VOD.Seed(
		fakevod.Asset{ID: "0123456789abcdef0123456789abcdef", Title: "broken", Status: "TranscodeFail", Size: 1000, Created: now.AddDate(0, 0, -15)},
		fakevod.Asset{Title: "broken today", Status: "TranscodeFail", Size: 1000, Created: now},
		fakevod.Asset{Title: "plays", Size: 1000, Created: now.AddDate(0, 0, -15)},
	)
	j := job(t, client, `rules:
  - {name: stuck, select: 'status == "Uploading"', older_than: 7d, remove: {video: true}}
  - {name: failed, select: 'status == "TranscodeFail"', older_than: 7d, remove: {video: true}}
guards: {percent: 100, unknown: 9}
`)
	r, err := j.Run(t.Context(), now)
	require.NoError(t, err)
	got := map[video.ID]string{}
	for v, err := range r.Plan.Entries(t.Context(), j.State) {
		require.NoError(t, err)
		for _, i := range v.Items {
			require.Equal(t, retention.Whole, i.Kind)
			got[v.ID] = i.Rule
		}
	}
	require.Equal(t, map[video.ID]string{stuck.ID: "stuck", "0123456789abcdef0123456789abcdef": "failed"}, got)
	require.Equal(t, 4, r.Plan.Library.Media)
}
