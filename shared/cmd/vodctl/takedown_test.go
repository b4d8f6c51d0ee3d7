package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

func TestATakedownByAPerson(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none"})
	env := cloud.Env()
	env["STATE"] = "file:" + t.TempDir()
	ids := cloud.VOD.Seed(fakevod.Asset{Title: "wrong one"}, fakevod.Asset{Title: "kept", Tags: "keep"})

	code, _, errs := vodctl(t, env, "takedown", ids[0])
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--reason is missing")

	code, out, errs := vodctl(t, env, "takedown", ids[0], "--reason", "court order", "--new")
	require.Equal(t, 2, code)
	require.Contains(t, out, "wrong one")
	require.Contains(t, errs, "nothing was changed; say --yes")
	code, _, errs = vodctlTyped(t, env, "\n", "takedown", ids[0], "--reason", "court order", "--new")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing was changed")
	require.Zero(t, cloud.VOD.Log().Count("DeleteVideo"))

	code, _, errs = vodctl(t, env, "takedown", ids[0], ids[1], "--reason", "court order", "--yes", "--new")
	require.Equal(t, 4, code)
	require.Contains(t, errs, `tag "keep" holds`)
	require.Zero(t, cloud.VOD.Log().Count("DeleteVideo"), "one of them is held, so none goes")

	code, out, errs = vodctl(t, env, "takedown", ids[0], "--reason", "court order", "--yes", "--new")
	require.Zero(t, code, errs)
	require.Contains(t, out, "read again and not found")
	require.Equal(t, 1, cloud.VOD.Len())
	code, out, _ = vodctl(t, env, "ledger", "verify")
	require.Zero(t, code)
	require.Contains(t, out, "1 item removed, 0 open")
	code, out, _ = vodctl(t, env, "takedown", ids[0], "--reason", "again", "--yes")
	require.Zero(t, code)
	require.Contains(t, out, "it was gone already")
}

func TestATakedownThatTheCDNMayStillServeEndsWith1(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "vod RefreshMediaPlayUrls error status=403 code=Forbidden.RAM"})
	env := cloud.Env()
	env["STATE"] = "file:" + t.TempDir()
	env["POLICY_FILE"] = filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(env["POLICY_FILE"], append([]byte("refresh_cdn: true\n"), retention.DefaultSource()...), 0o600))
	ids := cloud.VOD.Seed(fakevod.Asset{Title: "wrong one"})
	code, out, errs := vodctl(t, env, "takedown", ids[0], "--reason", "court order", "--yes", "--new")
	require.Equal(t, 1, code)
	require.Regexp(t, ids[0]+` +done +read again and not found; the CDN was not refreshed`, out)
	require.Contains(t, errs, "assets not refreshed in the CDN, which may still serve them: 1")
	require.Zero(t, cloud.VOD.Len())
}
