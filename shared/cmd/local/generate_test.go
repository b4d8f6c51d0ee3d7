package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

func TestARunningCloudIsFilledFromASeed(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, writeEnv(file, c.Env()))
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"generate", "--assets", "300", "--seed", "1", "--env-file", file}, &out, &errs), "%s", &errs)
	require.Equal(t, "300 assets made from seed 1; the library has 300\n", out.String())
	require.Equal(t, 300, c.VOD.Len())
	for _, n := range []string{"0", "-1", "2000001"} {
		require.Equal(t, 1, run(t.Context(), []string{"generate", "--assets", n, "--env-file", file}, io.Discard, &errs), n)
	}
	require.Contains(t, errs.String(), "assets 2000001: 1 to 2000000 are made")
	require.Equal(t, 300, c.VOD.Len())
}

// One file that cannot be read stops no other, and is named.
func TestUploadGoesOnPastABadFile(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	dir := t.TempDir()
	file, bad := filepath.Join(dir, "env"), filepath.Join(dir, "notes.mp4")
	require.NoError(t, writeEnv(file, c.Env()))
	require.NoError(t, os.WriteFile(bad, nil, 0o600))
	media := filepath.Join("..", "..", "..", "testdata", "media")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"upload", bad, filepath.Join(media, "cover.jpg"), filepath.Join(dir, "none.mp4"), filepath.Join(media, "landscape.mp4"), "--env-file", file}, &out, &errs)
	require.Equal(t, 1, code)
	require.Contains(t, out.String(), "cover.jpg")
	require.Contains(t, out.String(), "landscape.mp4")
	require.Contains(t, errs.String(), "none.mp4: stat ")
	require.Regexp(t, `[12] of 4 files not taken; each is named above`, errs.String())
}

func TestTwoCloudsDoNotShareAFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no flock")
	}
	dir := t.TempDir()
	release, err := lock(dir)
	require.NoError(t, err)
	var errs bytes.Buffer
	t.Chdir(t.TempDir())
	require.Equal(t, 1, run(t.Context(), []string{"--state", dir, "--env-file", filepath.Join(dir, "env")}, io.Discard, &errs))
	require.Contains(t, errs.String(), "another local cloud runs on it")
	require.NoFileExists(t, filepath.Join(dir, "env"), "the other one's variables stay")
	release()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	errs.Reset()
	run(ctx, []string{"--state", dir, "--env-file", filepath.Join(dir, "env")}, io.Discard, &errs)
	require.NotContains(t, errs.String(), "another local cloud")
}

// The functions run in folders of their own, and the story with its own files.
func TestTheOwnersFilesReachTheFunctions(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"mine.yaml", "env.yaml"} {
		require.NoError(t, os.WriteFile(name, []byte("rules: []\n"), 0o600))
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	t.Setenv("POLICY_FILE", "env.yaml")
	t.Setenv("RULES_FILE", "rules/key.yaml")
	for name, tc := range map[string]struct {
		o    options
		want map[string]string
	}{
		"the environment's": {options{}, map[string]string{"POLICY_FILE": filepath.Join(here, "env.yaml"), "RULES_FILE": "rules/key.yaml"}},
		"a flag's":          {options{policy: "mine.yaml", rules: "mine.yaml"}, map[string]string{"POLICY_FILE": filepath.Join(here, "mine.yaml"), "RULES_FILE": filepath.Join(here, "mine.yaml")}},
		"the story's":       {options{once: true}, map[string]string{"POLICY_FILE": "story.yaml"}},
		"a flag in a story": {options{story: true, policy: "mine.yaml"}, map[string]string{"POLICY_FILE": filepath.Join(here, "mine.yaml")}},
	} {
		env := map[string]string{"POLICY_FILE": "story.yaml"}
		require.NoError(t, tc.o.files(env), name)
		require.Equal(t, tc.want, env, name)
	}
	require.ErrorContains(t, (&options{policy: "none.yaml"}).files(map[string]string{}), "none.yaml")
}
