package functions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakevod"
)

var programs localcloud.Programs

func TestMain(m *testing.M) {
	code := m.Run()
	_ = programs.Close()
	os.Exit(code)
}

// build builds a function or vodctl once, for the tests that run them.
func build(t *testing.T, from string) string {
	t.Helper()
	file, err := programs.Build(t.Context(), "..", from)
	require.NoError(t, err)
	return file
}

// cloud runs the built functions by the project's manifest and their roles, with STATE in
// the bucket of its account. edit may change the manifest's text.
func cloud(t *testing.T, opt localcloud.Options, edit ...func(manifest string) string) *localcloud.Cloud {
	t.Helper()
	src, err := os.ReadFile("../s.yaml")
	require.NoError(t, err)
	text := string(src)
	for _, name := range folders(t) {
		text = strings.ReplaceAll(text, "./functions/"+name+"/target", filepath.Dir(build(t, "functions/"+name)))
	}
	for _, change := range edit {
		text = change(text)
	}
	opt.Manifest = filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(opt.Manifest, []byte(text), 0o600))
	opt.Root, opt.Callback = "..", "none"
	env := map[string]string{"STATE": "oss://vodcurator-ACCOUNT/v1", "RATE_SHARE": "1", "TAGGING_MODE": "write"}
	for k, v := range opt.Env {
		env[k] = v
	}
	opt.Env = env
	return localcloud.RunT(t, opt)
}

// vodctl runs the operator's tool with the rights of a policy.
func vodctl(t *testing.T, c *localcloud.Cloud, policy string, args ...string) (string, error) {
	t.Helper()
	key := role(t, c, policy)
	cmd := exec.CommandContext(t.Context(), build(t, "shared/cmd/vodctl"), args...)
	cmd.Env = os.Environ()
	for k, v := range c.Env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Env = append(cmd.Env, "ALIBABA_CLOUD_ACCESS_KEY_ID="+key.ID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+key.Secret, "ALIBABA_CLOUD_SECURITY_TOKEN="+key.Token)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// tick has a timer's function run at the cloud's present time.
func tick(t *testing.T, c *localcloud.Cloud, name string) string {
	t.Helper()
	inv := invoke(t, c, name)
	require.Empty(t, inv.Error, "%s: %s %s", name, inv.Result, inv.Log)
	return string(inv.Result)
}

// invoke does so for a run that may fail.
func invoke(t *testing.T, c *localcloud.Cloud, name string) fakefc.Invocation {
	t.Helper()
	inv, err := c.FC.Invoke(t.Context(), name, fmt.Appendf(nil, `{"triggerTime":%q,"triggerName":"nightly","payload":""}`, c.Now().UTC().Format(time.RFC3339)))
	require.NoError(t, err)
	return inv
}

// putPolicy writes a policy under STATE, where POLICY_FILE names it.
func putPolicy(t *testing.T, c *localcloud.Cloud, policy string) {
	t.Helper()
	require.NoError(t, c.OSS.Put("vodcurator-"+c.Env()["ALIBABA_CLOUD_ACCOUNT_ID"], "v1/policy.yaml", strings.NewReader(policy)))
}

// All four functions and the operator do a whole night's work with the rights that their
// policies give, and no call of theirs is refused; nobody but the operator can approve.
func TestTheRightsAreEnoughForTheWorkAndOnlyTheOperatorApproves(t *testing.T) {
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"POLICY_FILE": "policy.yaml"}})
	putPolicy(t, c, `rules:
  - {name: temp, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
`)
	day := 24 * time.Hour
	for i := range 40 {
		tags := "x"
		if i < 3 {
			tags = "temp"
		}
		c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprint("v", i), Tags: tags, Status: "Normal", Created: c.Now().Add(-40 * day),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4"}})
	}
	fresh := c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "Promo", Tags: "mine", Status: "Normal", Created: c.Now().Add(-time.Minute),
		Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})[0]
	invoke := func(name string) string { return tick(t, c, name) }
	_, err := c.MNS.Enqueue(c.Env()["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success","EventTime":%q}`, fresh, c.Now().UTC().Format(time.RFC3339)))
	require.NoError(t, err)
	_, err = c.MNS.Enqueue(c.Env()["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"DeleteMediaComplete","MediaId":"0123456789abcdef0123456789abcdef","MediaType":"video","DeleteType":"all","Status":"success","EventTime":%q}`, c.Now().UTC().Format(time.RFC3339)))
	require.NoError(t, err)
	_, err = c.MNS.Enqueue(c.Env()["METADATA_QUEUE"], fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"description":"said"}}]}`, fresh))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		a, _ := c.VOD.Lookup(fresh)
		return strings.Contains(a.Tags, "promo") && a.Description == "said"
	}, 30*time.Second, 50*time.Millisecond)
	invoke("autotag")

	invoke("purgeplan")
	out, err := vodctl(t, c, "operator-policy.json", "plan", "show", "--output", "json")
	require.NoError(t, err, out)
	var shown struct {
		Plan struct{ ID string }
		ID   string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &shown), out)
	plan := shown.ID + shown.Plan.ID
	for _, file := range policies {
		if file == "operator-policy.json" {
			continue
		}
		out, err := vodctl(t, c, file, "approve", plan, "--yes")
		require.Error(t, err, "%s: %s", file, out)
	}
	before := c.VOD.Len()
	invoke("purge")
	require.Equal(t, before, c.VOD.Len(), "nobody has approved")
	c.OSS.Log().Reset() // the refused approvals

	out, err = vodctl(t, c, "operator-policy.json", "approve", plan, "--yes")
	require.NoError(t, err, out)
	invoke("purge")
	require.Equal(t, before-3, c.VOD.Len())
	c.Advance(50 * day)
	invoke("purgeplan")
	for _, call := range c.OSS.Calls() {
		require.NotEqual(t, 403, call.Status, "%+v", call)
	}
	for _, service := range []string{"vod", "mns"} {
		t.Log(service, c.Counts()[service])
	}
	require.Positive(t, c.OSS.Log().Count("DeleteObject"), "upkeep worked")
}

// What a policy approves by itself is recorded in the run: purge's role can write no approval.
func TestAPolicyThatApprovesNeedsNoRightToApprove(t *testing.T) {
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"POLICY_FILE": "policy.yaml"}})
	bucket := "vodcurator-" + c.Env()["ALIBABA_CLOUD_ACCOUNT_ID"]
	require.NoError(t, c.OSS.Put(bucket, "v1/policy.yaml", strings.NewReader(`approve: within-guards
rules:
  - {name: temp, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
`)))
	for i := range 4 {
		c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprint("v", i), Tags: "temp", Status: "Normal", Created: c.Now().Add(-40 * 24 * time.Hour),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4"}})
	}
	for _, name := range []string{"purgeplan", "purge"} {
		tick(t, c, name)
	}
	require.Zero(t, c.VOD.Len())
	for _, key := range c.OSS.Keys(bucket) {
		require.NotContains(t, key, "approvals/")
	}
	for _, call := range c.OSS.Calls() {
		require.NotEqual(t, 403, call.Status, "%+v", call)
	}
}
