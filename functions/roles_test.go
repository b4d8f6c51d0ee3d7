package functions_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// Listing only is a matter of rights, not of a flag: whatever a bug or a stolen
// credential would have them do, only the role of purge can delete.
func TestOnlyPurgeCanDelete(t *testing.T) {
	deletes := map[string]func(context.Context, *vod.Client, string) ([]video.Outcome, error){
		"DeleteStream": func(ctx context.Context, c *vod.Client, id string) ([]video.Outcome, error) {
			return c.DeleteStreams(ctx, video.ID(id), []string{"0123456789abcdef0123456789abcdef"})
		},
		"DeleteMezzanines": func(ctx context.Context, c *vod.Client, id string) ([]video.Outcome, error) {
			return c.DeleteSources(ctx, []video.ID{video.ID(id)}, false)
		},
		"DeleteImage": func(ctx context.Context, c *vod.Client, id string) ([]video.Outcome, error) {
			return nil, c.DeleteImagesOf(ctx, video.ID(id), "NormalSnapshot")
		},
		"DeleteVideo": func(ctx context.Context, c *vod.Client, id string) ([]video.Outcome, error) {
			return c.DeleteVideos(ctx, []video.ID{video.ID(id)})
		},
	}
	for _, role := range []string{"purgeplan", "autotag", "metadata", "tier", "purge"} {
		t.Run(role, func(t *testing.T) {
			cloud := localcloud.RunT(t, localcloud.Options{Manifest: "../s.yaml", Callback: "none"})
			id := cloud.VOD.Seed(fakevod.Asset{
				Kind: "video", Title: "one", Status: "Normal", Created: cloud.Now(),
				Source:    &fakevod.Source{Status: "Normal", FileName: "x.mp4"},
				Streams:   []fakevod.Stream{{JobID: "0123456789abcdef0123456789abcdef", Definition: "HD", Format: "mp4"}, {JobID: "1", Definition: "SD", Format: "mp4"}},
				Snapshots: []fakevod.SnapshotJob{{Type: "NormalSnapshot", JobID: "s", Count: 1}},
			})[0]
			before, _ := cloud.VOD.Lookup(id)
			env := cloud.Env()
			key := cloud.Keys.Mint("vodcurator-"+role, env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour)
			client, err := vod.New(vod.Config{
				Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Credentials: vod.Static(key.ID, key.Secret, key.Token),
			})
			require.NoError(t, err)
			t.Cleanup(client.Close)
			for _, op := range []string{"DeleteStream", "DeleteMezzanines", "DeleteImage", "DeleteVideo"} {
				outcomes, err := deletes[op](t.Context(), client, id)
				if role == "purge" {
					require.NoError(t, err, op)
					continue
				}
				require.ErrorIs(t, err, video.ErrForbidden, op)
				for _, o := range outcomes {
					require.Equal(t, video.Forbidden, o.Result, op)
				}
				require.Equal(t, 1, cloud.VOD.Log().Count(op), "%s reached the server", op)
			}
			after, ok := cloud.VOD.Lookup(id)
			if role == "purge" {
				require.False(t, ok, "so the calls were good ones")
				return
			}
			require.Equal(t, before, after)
		})
	}
}
