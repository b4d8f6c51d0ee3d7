package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// Looking counts alike in both forms, and creates nothing.
func TestLookingCountsAndCreatesNothing(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	env := c.Env()
	o := state.Options{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["OSS_ENDPOINT"], Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")}
	for _, spec := range []string{"file:" + filepath.Join(t.TempDir(), "state"), "oss://fresh/v1"} {
		_, err := state.Look(t.Context(), spec, o)
		require.ErrorIs(t, err, video.ErrNotFound, spec)
		_, err = state.Look(t.Context(), spec, o)
		require.ErrorIs(t, err, video.ErrNotFound, "%s: it was not made by looking", spec)
		if spec[0] == 'o' {
			require.NoError(t, state.MakeBucket(t.Context(), spec, o))
		}
		s, err := state.Open(t.Context(), spec, o)
		require.NoError(t, err)
		for _, key := range []string{"halt/00000001.json", "edits/000000000001", "edits/000000000002", "policy.yaml"} {
			require.NoError(t, s.Create(t.Context(), key, []byte("12345")))
		}
		require.NoError(t, s.Close())
		is, err := state.Look(t.Context(), spec, o)
		require.NoError(t, err)
		require.Equal(t, state.Amount{Objects: 2, Bytes: 10}, is.Below["edits/"], spec)
		require.Equal(t, state.Amount{Objects: 1, Bytes: 5}, is.Below["halt/"], spec)
		if spec[0] == 'f' {
			require.Equal(t, 4, is.Objects)
		}
		require.False(t, is.Versioned)
	}
	_, err := state.Look(t.Context(), "ftp:x", o)
	require.ErrorIs(t, err, video.ErrInvalid)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = state.Look(t.Context(), "file:"+filepath.Join(file, "below"), o)
	require.Error(t, err)
}
