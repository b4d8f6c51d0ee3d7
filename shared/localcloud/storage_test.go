package localcloud_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// The clock brings about what is due, its end goes into the queue as other events do, a
// fault lets it fail, and a snapshot takes all of it back.
func TestStorageFollowsTheClock(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Start: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Tune: func(s *localcloud.Services) { s.VOD.ClassDelay = 24 * time.Hour }})
	env := c.Env()
	client, err := vod.NewClientWithOptions("cn-shanghai", sdk.NewConfig(), credentials.NewAccessKeyCredential(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
	require.NoError(t, err)
	client.Domain = env["VOD_ENDPOINT"][len("http://"):]
	c.VOD.Seed(fakevod.Asset{ID: "v", Size: 1000}, fakevod.Asset{ID: "w", Size: 1000})
	rules, err := localcloud.ParseFaults("vod * error p=0\nvod later:UpdateMediaStorageClass error code=NoSuchKey about=w")
	require.NoError(t, err)
	c.SetFaults(rules...)
	ask := vod.CreateUpdateMediaStorageClassRequest()
	ask.MediaIds, ask.StorageClass = "v,w", "IA"
	_, err = client.UpdateMediaStorageClass(ask)
	require.NoError(t, err)
	require.NoError(t, c.Snapshot("changing"))
	class := func(id string) string {
		a, _ := c.VOD.Lookup(id)
		return a.StorageClass
	}
	c.Advance(25 * time.Hour)
	require.Equal(t, []string{"IA", "Standard"}, []string{class("v"), class("w")})
	require.NoError(t, c.VOD.Settle(t.Context()))
	told := map[string]string{}
	for len(told) < 2 {
		messages, err := c.MNS.Receive(t.Context(), env["NOTICE_QUEUE"], 16, time.Second, time.Minute)
		require.NoError(t, err)
		for _, m := range messages {
			var e struct{ EventType, MediaID, Status, ErrorCode string }
			require.NoError(t, json.Unmarshal([]byte(m.Body), &e))
			told[e.MediaID] = fmt.Sprint(e.EventType, " ", e.Status, " ", e.ErrorCode)
		}
	}
	require.Equal(t, map[string]string{"v": "UpdateMediaStorageClassComplete Success ", "w": "UpdateMediaStorageClassComplete Failed NoSuchKey"}, told)
	stored := func() (sum int64) {
		for _, d := range c.VOD.Storage().Days {
			for _, u := range d.Classes {
				sum += u.ByteDays*86400 + u.ByteSeconds
			}
		}
		return sum
	}
	require.Positive(t, stored())
	require.NoError(t, c.Restore("changing"))
	require.Equal(t, []string{"Changing", "Changing"}, []string{class("v"), class("w")})
	require.Less(t, stored(), int64(2000*600), "the time that was taken back costs nothing")
	c.Advance(25 * time.Hour)
	require.Equal(t, []string{"IA", "Standard"}, []string{class("v"), class("w")})
	require.NoError(t, c.Reset())
	require.Zero(t, c.VOD.Storage().Now["IA"])
}
