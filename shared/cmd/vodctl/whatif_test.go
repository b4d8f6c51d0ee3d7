package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

func TestASnapshotIsPlannedOnWithoutAnAccount(t *testing.T) {
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Start: start})
	var all []fakevod.Asset
	for i := range 45 {
		a := fakevod.Asset{Title: "clip", Created: start.AddDate(0, 0, -i), Size: 1000}
		if i%2 == 0 {
			a.Tags = "temp"
		}
		all = append(all, a)
	}
	cloud.VOD.Seed(all...)
	dir := t.TempDir()
	file, policy, other := filepath.Join(dir, "library.jsonl"), filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "other.yaml")
	text := "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 40d, remove: {video: true}}\nguards: {percent: 50, unknown: 50}\n"
	require.NoError(t, os.WriteFile(policy, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(other, []byte(text[:len(text)-1]+" # other\nkeep: [{name: k, newest: 22, select: '\"temp\" in tags'}]\n"), 0o600))

	code, out, errs := vodctl(t, cloud.Env(), "snapshot", file)
	require.Zero(t, code, errs)
	require.Contains(t, out, "45 media written, 0 were there")

	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, whole[:len(whole)*2/3], 0o600)) // broken in the middle of a line
	code, out, errs = vodctl(t, cloud.Env(), "snapshot", file)
	require.Zero(t, code, errs)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(again), out)

	try := []string{"plan", "what-if", "--library", file, "--policy", policy, "--at", "2026-06-01"}
	code, out, errs = vodctl(t, nil, try...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "45 media in the library, 2 would lose 2 items") // 42 and 44 days old; 40 is not over 40
	code, out, errs = vodctl(t, nil, append(try, "--nights", "10")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "2026-06-10")
	code, out, errs = vodctl(t, nil, append(try, "--diff", other)...)
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^- +\w{32} +video`, out, "the other keeps one of the two")
	require.NotContains(t, out, "\n+")

	for _, args := range [][]string{{"plan", "what-if"}, {"plan", "what-if", "--library", file, "--at", "soon"}} {
		code, _, _ := vodctl(t, nil, args...)
		require.Equal(t, 2, code)
	}
	require.NoError(t, os.WriteFile(file, []byte("{}\n"), 0o600))
	code, _, errs = vodctl(t, nil, try...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "line 1 is not a media")
}
