package vod_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

func TestSTSTellsWhoseKeysTheyAre(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none"})
	endpoint := cloud.Env()["VOD_ENDPOINT"]
	keys := cloud.Keys.Mint("operator", "1234567890123456", time.Hour)
	id, err := vod.WhoAmI(t.Context(), endpoint, vod.Static(keys.ID, keys.Secret, keys.Token))
	require.NoError(t, err)
	require.Equal(t, vod.Identity{Account: "1234567890123456", ARN: "acs:ram::1234567890123456:assumed-role/operator/local"}, id)

	_, err = vod.WhoAmI(t.Context(), endpoint, vod.Static(keys.ID, "wrong", keys.Token))
	require.ErrorIs(t, err, video.ErrForbidden)
	require.NotContains(t, err.Error(), keys.Token)
	_, err = vod.WhoAmI(t.Context(), "sts.example.com", vod.Static("a", "b", ""))
	require.ErrorIs(t, err, video.ErrInvalid)
}
