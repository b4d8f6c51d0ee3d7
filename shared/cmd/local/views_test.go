package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	aliyun "github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// Plays that somebody seeds are what VOD's statistics tell; written into a usage file,
// they keep what is still watched out of the plan.
func TestWhatIsWatchedStays(t *testing.T) {
	t.Parallel()
	require.NoError(t, rebuilt())
	root, err := repository(".")
	require.NoError(t, err)
	folder := t.TempDir()
	policy := filepath.Join(folder, "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte("usage: usage.csv\nrules: [{name: unwatched, select: status == \"Normal\", older_than: 30d, since: view, remove: {video: true}}]\nguards: {count: 9, percent: 100, bytes: 1GB}\n"), 0o600))
	evening := time.Date(2026, 6, 1, 12, 59, 50, 0, time.UTC) // ten seconds before the night's first tick
	c := localcloud.RunT(t, localcloud.Options{
		Manifest: filepath.Join(root, "s.yaml"), Start: evening, Callback: "none", Faults: "none",
		Env: map[string]string{"STATE": "file:" + folder, "POLICY_FILE": policy},
	})
	env := c.Env()
	old := func(id string) fakevod.Asset {
		return fakevod.Asset{ID: strings.Repeat(id, 32), Title: id, Size: 1000, Duration: 60, Created: evening.AddDate(0, -3, 0),
			Source: &fakevod.Source{Status: "Normal", FileName: id + ".mp4", Created: evening.AddDate(0, -3, 0), Media: fakevod.Media{Format: "mp4", Size: 1000, Duration: 60}}}
	}
	ids := c.VOD.Seed(old("a"), old("b"))
	watched, forgotten := ids[0], ids[1]

	views := fmt.Sprintf(`[{"id":%q,"date":"2026-05-31","vv":3,"seconds":90},{"id":%q,"date":"2026-03-02"}]`, watched, forgotten)
	answer, err := http.Post(env["FUNCTIONS_ENDPOINT"]+"/_local/views", "application/json", strings.NewReader(views))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)

	client, err := vod.NewClientWithOptions("cn-shanghai", sdk.NewConfig(), aliyun.NewAccessKeyCredential(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
	require.NoError(t, err)
	client.Domain = strings.TrimPrefix(env["VOD_ENDPOINT"], "http://")
	var usage strings.Builder
	for _, day := range []string{"2026-03-02", "2026-05-30", "2026-05-31"} {
		ask := vod.CreateDescribePlayTopVideosRequest()
		ask.BizDate, ask.PageSize = day+"T00:00:00Z", "1000"
		top, err := client.DescribePlayTopVideos(ask)
		require.NoError(t, err)
		for _, v := range top.TopPlayVideos.TopPlayVideoStatis {
			fmt.Fprintf(&usage, "%s,%s\n", v.VideoId, day)
		}
	}
	require.Equal(t, forgotten+",2026-03-02\n"+watched+",2026-05-31\n", usage.String())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "usage.csv"), []byte(usage.String()), 0o600))

	var night bool
	for _, run := range c.Advance(time.Minute) {
		if run.Function == "purgeplan" {
			require.Empty(t, run.Error, "%s", run.Log)
			night = true
		}
	}
	require.True(t, night)
	s := story{cloud: c, root: root, env: env}
	said, err := s.vodctl(t.Context(), "plan", "explain", watched, forgotten)
	require.NoError(t, err)
	t.Log(said)
	about, rest, _ := strings.Cut(said, forgotten)
	require.Contains(t, about, "stays")
	require.Contains(t, rest, "unwatched")
}
