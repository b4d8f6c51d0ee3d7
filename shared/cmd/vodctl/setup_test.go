package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/report"
	"vodcurator/shared/vod"
)

const (
	pushTrigger = `
        - triggerName: messages
          triggerType: eventbridge
          triggerConfig:
            eventSourceConfig:
              eventSourceParameters:
                sourceMNSParameters: {QueueName: "${vars.metadataQueue}"}
`
	timerTrigger = `
        - triggerName: drain
          triggerType: timer
          triggerConfig: {cronExpression: 0 * * * * *, enable: true}
`
)

func TestSetupRefusesAManifestWithAnotherIntakeThanItSays(t *testing.T) {
	head := `
vars:
  metadataQueue: ${env('METADATA_QUEUE', 'vodcurator-metadata')}
  noticeQueue: vodcurator-notices
resources:
  metadata:
    component: fc3
    props:
      functionName: metadata
      environmentVariables:
        METADATA_QUEUE: ${vars.metadataQueue}
        METADATA_INTAKE: `
	open := "${env('METADATA_INTAKE', 'push')}"
	other := func(env, triggers string) string {
		return "\n  other:\n    component: fc3\n    props:\n      environmentVariables: {" + env + "}\n      triggers:" + triggers
	}
	for name, tc := range map[string]struct {
		intake, triggers, rest string
		env                    map[string]string
		wrong                  []string // nothing: it is right
	}{
		"pushed":                   {intake: open, triggers: pushTrigger},
		"pushed, not said":         {intake: "''", triggers: pushTrigger},
		"drained":                  {intake: "pull", triggers: timerTrigger},
		"drained by environment":   {intake: open, triggers: timerTrigger, env: map[string]string{"METADATA_INTAKE": "pull"}},
		"beside others":            {intake: "push", triggers: pushTrigger, rest: other("METADATA_QUEUE: '${vars.metadataQueue}'", strings.ReplaceAll(pushTrigger, "metadataQueue", "noticeQueue"))},
		"pull and pushed":          {intake: "pull", triggers: pushTrigger, wrong: []string{"trigger messages", "no timer"}},
		"pull, said outside":       {intake: open, triggers: pushTrigger, env: map[string]string{"METADATA_INTAKE": "pull"}, wrong: []string{"METADATA_INTAKE is pull"}},
		"push and drained":         {intake: open, triggers: timerTrigger, wrong: []string{"METADATA_INTAKE is push", "trigger drain"}},
		"both":                     {intake: "push", triggers: pushTrigger + timerTrigger, wrong: []string{"trigger drain"}},
		"both, pull":               {intake: "pull", triggers: pushTrigger + timerTrigger, wrong: []string{"trigger messages"}},
		"neither":                  {intake: "push", triggers: " []", wrong: []string{"no EventBridge trigger"}},
		"pushed from another":      {intake: "push", triggers: strings.ReplaceAll(pushTrigger, "${vars.metadataQueue}", "else"), wrong: []string{"no EventBridge trigger"}},
		"twice":                    {intake: "push", triggers: pushTrigger + strings.ReplaceAll(pushTrigger, "messages", "again"), wrong: []string{"trigger again"}},
		"a second function":        {intake: "push", triggers: pushTrigger, rest: other("", strings.ReplaceAll(pushTrigger, "${vars.metadataQueue}", "vodcurator-metadata")), wrong: []string{"other: trigger messages"}},
		"the same, by environment": {intake: "push", triggers: pushTrigger, rest: other("", strings.ReplaceAll(pushTrigger, "${vars.metadataQueue}", "mine")), env: map[string]string{"METADATA_QUEUE": "mine"}, wrong: []string{"other: trigger messages"}},
		"a second that drains":     {intake: "push", triggers: pushTrigger, rest: other("METADATA_QUEUE: vodcurator-metadata, METADATA_INTAKE: pull", timerTrigger), wrong: []string{"other: METADATA_INTAKE is pull"}},
		"called directly":          {intake: "pull", triggers: strings.ReplaceAll(timerTrigger, "timer", "http"), wrong: []string{"trigger drain: is of type http", "no timer"}},
		"a topic beside it":        {intake: "push", triggers: pushTrigger + strings.ReplaceAll(timerTrigger, "timer", "mns_topic")},
		"switched off":             {intake: "push", triggers: strings.ReplaceAll(pushTrigger, "triggerConfig:", "triggerConfig:\n            triggerEnable: false"), wrong: []string{"no EventBridge trigger"}},
		"two queues":               {intake: "push\n        METADATA_BULK_QUEUE: slow", triggers: pushTrigger, rest: other("METADATA_QUEUE: vodcurator-metadata, METADATA_BULK_QUEUE: slow", timerTrigger)},
		"two queues, drained":      {intake: "pull\n        METADATA_BULK_QUEUE: slow", triggers: timerTrigger},
		"the second is pushed":     {intake: "push\n        METADATA_BULK_QUEUE: slow", triggers: pushTrigger + strings.NewReplacer("messages", "more", "${vars.metadataQueue}", "slow").Replace(pushTrigger), wrong: []string{"trigger more: takes from slow"}},
		"another second":           {intake: "push\n        METADATA_BULK_QUEUE: slow", triggers: pushTrigger, rest: other("METADATA_QUEUE: vodcurator-metadata", " []"), wrong: []string{`other: METADATA_BULK_QUEUE is ""`}},
		"the same twice":           {intake: "push\n        METADATA_BULK_QUEUE: vodcurator-metadata", triggers: pushTrigger, wrong: []string{"are both vodcurator-metadata"}},
		"another word":             {intake: "poll", triggers: pushTrigger, wrong: []string{`METADATA_INTAKE is "poll"`}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "s.yaml")
			require.NoError(t, os.WriteFile(file, []byte(head+tc.intake+"\n      triggers:"+tc.triggers+tc.rest), 0o600))
			code, out, errs := vodctl(t, tc.env, "setup", "--manifest", file)
			if len(tc.wrong) == 0 {
				require.Zero(t, code, errs)
				require.Contains(t, out, "one intake")
				return
			}
			require.Equal(t, 1, code, out)
			require.Empty(t, out)
			for _, want := range tc.wrong {
				require.Contains(t, errs, want)
			}
		})
	}
}

func TestSetupTakesTheManifestThatIsDeployed(t *testing.T) {
	code, out, errs := vodctl(t, nil, "setup", "--manifest", "../../../s.yaml")
	require.Zero(t, code, errs)
	require.Contains(t, out, "push")
	code, out, errs = vodctl(t, nil, "setup", "--manifest", "../../../s.yaml", "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `{"queue":"vodcurator-metadata","intake":"push","bulk":"vodcurator-bulk"}`, out)
	code, out, errs = vodctl(t, map[string]string{"ALIBABA_CLOUD_ACCOUNT_ID": "1"}, "setup", "--plan", "--manifest", "../../../s.yaml", "-o", "json")
	require.Zero(t, code, errs)
	require.True(t, json.Valid([]byte(out)), out)
	code, _, errs = vodctl(t, map[string]string{"METADATA_INTAKE": "pull"}, "setup", "--manifest", "../../../s.yaml")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "trigger messages")

	makefile, err := os.ReadFile("../../../Makefile")
	require.NoError(t, err)
	_, deploy, _ := strings.Cut(string(makefile), "\ndeploy: ")
	before, _, found := strings.Cut(deploy, "\n\ts deploy")
	require.True(t, found)
	require.Contains(t, before, "vodctl setup --manifest s.yaml")
}

// Some editors put a byte order mark before the text of whatever they write.
func TestFilesAreReadAsWithoutTheirByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	dir := t.TempDir()
	marked := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(mark+text), 0o600))
		return file
	}
	text := func(file string) string {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(raw)
	}
	library := `{"id":"v1","kind":"video","title":"x","status":"Normal"}` + "\n" + lastLine
	rules, policy := marked("rules.yaml", text("testdata/explain.yaml")), marked("policy.yaml", string(retention.DefaultSource()))
	for name, args := range map[string][]string{
		"s.yaml":  {"setup", "--manifest", marked("s.yaml", text("../../../s.yaml"))},
		"rules":   {"rules", "check", rules},
		"policy":  {"policy", "check", policy},
		"fixture": {"rules", "explain", "--rules", rules, "--fixture", marked("fixture.json", text("testdata/explain.json"))},
		"library": {"retag", "--rules", rules, "--library", marked("library.jsonl", library)},
	} {
		code, _, errs := vodctl(t, nil, args...)
		require.Zero(t, code, "%s: %s", name, errs)
	}
}

func TestSetupSaysWhatItCannotRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	for _, text := range []string{"resources: 7", "", "resources: {purge: {}}", "\t"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		code, _, errs := vodctl(t, nil, "setup", "--manifest", file)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "s.yaml")
	}
	code, _, errs := vodctl(t, nil, "setup", "--manifest", file+".not")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "s.yaml.not")
}

// Where metadata writes, autotag's role has no right to change media; where there is no
// queue it has. What is not the default is said, too.
func TestSetupPicksTheRightsThatFitTheManifest(t *testing.T) {
	env := map[string]string{"ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456", "STATE": "oss://vodcurator-ACCOUNT/v1"}
	code, out, errs := vodctl(t, env, "setup", "--plan", "--manifest", "../../../s.yaml")
	require.Zero(t, code, errs)
	require.Contains(t, out, "functions/autotag/ram-policy.json")
	require.NotContains(t, out, "ram-policy-direct")
	require.Contains(t, out, "functions/operator-policy.json")
	require.Regexp(t, `bucket +vodcurator-1234567890123456 `, out)
	require.NotContains(t, out, "in all policies")

	src, err := os.ReadFile("../../../s.yaml")
	require.NoError(t, err)
	before, after, found := strings.Cut(string(src), "        METADATA_QUEUE: ${vars.metadataQueue}\n") // autotag's is the first
	require.True(t, found)
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(before+after), 0o600))
	env["STATE"] = "oss://mine/deep/er"
	code, out, errs = vodctl(t, env, "setup", "--plan", "--manifest", file, "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, "functions/autotag/ram-policy-direct.json")
	require.Contains(t, out, "vodcurator-*/v1/ becomes mine/deep/er/")
}

// bare is an account that has nothing of ours, and an environment that names it.
func bare(t *testing.T) (*localcloud.Cloud, map[string]string) {
	t.Helper()
	names := map[string]string{"NOTICE_QUEUE": "vodcurator-notices", "METADATA_QUEUE": "vodcurator-metadata", "METADATA_BULK_QUEUE": "vodcurator-bulk", "DEAD_LETTER_QUEUE": "vodcurator-dead"}
	empty := map[string]string{"STATE": "oss://vodcurator-" + wardAccount + "/v1"}
	for name := range names {
		empty[name] = ""
	}
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none", Env: empty, Tune: func(s *localcloud.Services) { s.OSS.Buckets = nil }})
	env := maps.Clone(c.Env())
	maps.Copy(env, names)
	return c, env
}

func TestSetupShowsTheDifferenceAndMakesWhatIsMissing(t *testing.T) {
	c, env := bare(t)
	needs := func() (all []doctor.Need) {
		code, out, errs := vodctl(t, env, "setup", "--plan", "-o", "json")
		require.Zero(t, code, errs)
		require.NoError(t, json.Unmarshal([]byte(out), &all))
		return all
	}
	statuses := func() map[doctor.Status]int {
		n := map[doctor.Status]int{}
		for _, one := range needs() {
			n[one.Status]++
		}
		return n
	}
	require.Equal(t, map[doctor.Status]int{doctor.Missing: 15}, statuses())
	code, out, errs := vodctl(t, env, "setup", "--plan")
	require.Zero(t, code, errs)
	t.Log("\n" + out)
	for line := range strings.SplitSeq(out, "\n") {
		require.LessOrEqual(t, report.Width(line), 120, line)
	}
	code, _, errs = vodctl(t, env, "setup", "--apply")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "say --yes to go on")
	code, _, errs = vodctlTyped(t, env, "yes\n", "setup", "--apply")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing was changed")
	require.Equal(t, map[doctor.Status]int{doctor.Missing: 15}, statuses(), "looking and asking make nothing")

	code, out, errs = vodctlTyped(t, env, wardAccount+"\n", "setup", "--apply")
	require.Zero(t, code, out+errs)
	t.Log("\n" + out[strings.LastIndex(out, "what "):])
	require.Contains(t, out, "14 things made. Next: make deploy, then vodctl doctor")
	require.Equal(t, map[doctor.Status]int{doctor.There: 14, doctor.Missing: 1}, statuses(), "all but VOD's grant")
	made := c.Counts()
	code, out, errs = vodctl(t, env, "setup", "--apply", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "Nothing is missing that can be made here.")
	require.Equal(t, changing(made), changing(c.Counts()), "what is there is made once")
	text, err := json.Marshal(func() any { p, _ := c.Keys.Role("vodcurator-purge"); return p }())
	require.NoError(t, err)
	require.Contains(t, string(text), "acs:oss:*:*:vodcurator-"+wardAccount+"/v1/", "a role has the right to its own bucket alone")
	require.NotContains(t, string(text), "vodcurator-*")
}

// What is there is somebody's, and stays as it is.
func TestSetupChangesNothingThatIsThere(t *testing.T) {
	c, env := bare(t)
	narrow := policyOf(t, allows(`"vod:SearchMedia"`))
	c.Keys.SetRole("vodcurator-tier", narrow)
	c.Keys.SetDocument("vodcurator-purge", policyOf(t, allows(`"vod:*"`)))
	c.Keys.SetRole("vodcurator-metadata", &fakeram.Policy{Version: "1"}) // made, and then interrupted
	w := &ward{t: t, cloud: c, env: env}
	w.callback(func(b *vod.Callback) { b.Key, b.URL = "", "https://cms.example/vod?key=s3cret" })
	c.MNS.Create("vodcurator-dead")

	code, out, errs := vodctl(t, env, "setup", "--apply", "--yes")
	t.Log("\n" + out + errs)
	require.Equal(t, 1, code, "vodcurator-purge could not be made")
	require.Contains(t, errs, "1 of 11 things not made")
	require.Contains(t, out, "there is another policy vodcurator-purge, which stays as it is: lacks oss:GetBucketInfo")
	require.NotContains(t, out+errs, "s3cret")
	require.Regexp(t, `role +vodcurator-tier +differs +lacks`, out)
	require.Regexp(t, `queue +vodcurator-dead +differs +keeps messages for 4 days`, out)
	require.Regexp(t, `callback +app-1000000 +differs`, out)
	p, _ := c.Keys.Role("vodcurator-tier")
	require.Equal(t, narrow, p)
	p, _ = c.Keys.Role("vodcurator-metadata")
	require.NotEmpty(t, p.Statement, "what was interrupted goes on")
	_, made := c.Keys.Role("vodcurator-purge")
	require.False(t, made, "no role is left without its policy")
	require.Equal(t, 1, c.VOD.Log().Count("SetMessageCallback"), "that of this test alone")
	code, out, errs = vodctl(t, env, "setup", "--apply", "-o", "json")
	require.Equal(t, 2, code, out)
	require.Contains(t, errs, "say --yes")
}
