package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/vod"
)

// played is a cloud in July with plays, and the environment of the operator's role.
func played(t *testing.T, fault calls.Hook, views ...fakevod.View) map[string]string {
	t.Helper()
	c := localcloud.RunT(t, localcloud.Options{Start: time.Date(2026, 7, 1, 2, 0, 0, 0, time.UTC), Callback: "none", Env: map[string]string{"RATE_SHARE": "1"},
		Tune: func(s *localcloud.Services) { s.VOD.Fault, s.VOD.RateScale = fault, -1 }})
	c.VOD.AddViews(views...)
	text, err := os.ReadFile("../../../functions/operator-policy.json")
	require.NoError(t, err)
	policy, err := fakeram.ParsePolicy(text)
	require.NoError(t, err)
	env := c.Env()
	key := c.Keys.MintWith("operator", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour, policy)
	env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], env["ALIBABA_CLOUD_SECURITY_TOKEN"] = key.ID, key.Secret, key.Token
	return env
}

func TestUsageWritesTheLastViewOfEachAsset(t *testing.T) {
	env := played(t, nil, fakevod.View{ID: "a", Date: "2026-06-30", VV: 1}, fakevod.View{ID: "a", Date: "2026-06-28", VV: 9}, fakevod.View{ID: "b", Date: "2026-06-26", VV: 2}, fakevod.View{ID: "z", Date: "2026-06-25", VV: 2})
	code, out, errs := vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30")
	require.Zero(t, code, errs)
	require.Equal(t, "id,last_view\na,2026-06-30\nb,2026-06-26\n", out)
	require.Contains(t, errs, "2 of 5 days had no list, 2026-06-29 the last")
	code, out, errs = vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `[{"id":"a","lastView":"2026-06-30"},{"id":"b","lastView":"2026-06-26"}]`, out)

	file := filepath.Join(t.TempDir(), "usage.csv")
	require.NoError(t, os.WriteFile(file, []byte("\ufeffid,last_view\n# from the CMS\nA,2026-06-30T23:59:59Z\nB,2026-06-27T12:00:00+08:00\n\nc,2026-06-27\n"), 0o640))
	code, out, errs = vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file, "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `{"assets":3,"days":5,"empty":["2026-06-27","2026-06-29"]}`, out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "id,last_view\n# from the CMS\na,2026-06-30\nB,2026-06-27T12:00:00+08:00\nc,2026-06-27\n", string(text), "of each the later")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	u, err := retention.ParseUsageFile(text)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), u.Newest)
	code, out, errs = vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file)
	require.Zero(t, code, errs)
	require.Contains(t, out, "last views of 3 assets, the newest of 2026-06-30")
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, again)
	left, err := filepath.Glob(file + "*")
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Days that nobody asked for would make what was viewed on them look unviewed.
func TestUsageLeavesNoDayOut(t *testing.T) {
	env := played(t, nil, fakevod.View{ID: "a", Date: "2026-06-30", VV: 1})
	file := filepath.Join(t.TempDir(), "usage.csv")
	for older, want := range map[string]string{"2026-06-20": "so 5 days between would be missed; take --days 10", "2026-06-24": "so 1 day between", "2026-06-24T01:00:00Z": "so 2 days between"} {
		require.NoError(t, os.WriteFile(file, []byte("b,"+older+"\n"), 0o600))
		code, _, errs := vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file)
		require.Equal(t, 2, code, older)
		require.Contains(t, errs, want)
	}
	for _, older := range []string{"b,2026-06-25\n", "", "id,last_view\n"} {
		require.NoError(t, os.WriteFile(file, []byte(older), 0o600))
		code, _, errs := vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file)
		require.Zero(t, code, errs)
	}
	require.NoError(t, os.WriteFile(file, []byte("b,2026-06-25\nc,yesterday\n"), 0o600))
	code, _, errs := vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "line 2 is not id,time; correct it")
	for _, args := range [][]string{{"--days", "0"}, {"--days", "3001"}, {"--until", "2026-02-29"}, {"more"}} {
		code, _, _ := vodctl(t, env, append([]string{"usage"}, args...)...)
		require.Equal(t, 2, code, args)
	}
	code, _, errs = vodctl(t, env, "usage", "--days", "1", "--into", filepath.Join(t.TempDir(), "none", "usage.csv"))
	require.Equal(t, 1, code)
	require.NotEmpty(t, errs)
}

// One day that fails leaves the older file as it was.
func TestUsageOfADayThatFailsWritesNothing(t *testing.T) {
	n := 0
	env := played(t, func(op, _, _ string) calls.Fault {
		if op != "DescribePlayTopVideos" {
			return calls.Fault{}
		}
		if n++; n > 2 {
			return calls.Fault{Status: http.StatusForbidden, Code: "Forbidden"}
		}
		return calls.Fault{}
	})
	file := filepath.Join(t.TempDir(), "usage.csv")
	const older = "b,2026-06-29\n"
	require.NoError(t, os.WriteFile(file, []byte(older), 0o600))
	code, out, errs := vodctl(t, env, "usage", "--days", "5", "--until", "2026-06-30", "--into", file)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "2026-06-28, nothing was written")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, older, string(text))
}

func TestUsageSaysWhatAFullListCannotTell(t *testing.T) {
	views := make([]fakevod.View, vod.MostTop+1)
	for i := range views {
		views[i] = fakevod.View{ID: fmt.Sprintf("v%d", i), Date: "2026-06-30", VV: int64(len(views) - i)}
	}
	env := played(t, nil, views...)
	code, out, errs := vodctl(t, env, "usage", "--days", "1", "--until", "2026-06-30")
	require.Zero(t, code, errs)
	require.Equal(t, vod.MostTop+1, strings.Count(out, "\n"))
	require.NotContains(t, out, fmt.Sprintf("v%d,", vod.MostTop))
	require.Contains(t, errs, "1 of 1 day had a full list of 1000, 2026-06-30 the last")
	require.Contains(t, errs, "unknown, not as unviewed")
}

func TestUsageElsewhereSaysWhereStatisticsAre(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Region: "ap-southeast-1", Callback: "none"})
	code, _, errs := vodctl(t, c.Env(), "usage", "--days", "1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "ap-southeast-1 has no play statistics, only cn-shanghai does")
}
