package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
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
	require.Contains(t, out, "functions/autotag/ram-policy.json\n")
	require.Contains(t, out, "functions/operator-policy.json")
	require.Regexp(t, `bucket +vodcurator-1234567890123456 `, out)
	require.NotContains(t, out, "in all of them")

	src, err := os.ReadFile("../../../s.yaml")
	require.NoError(t, err)
	before, after, found := strings.Cut(string(src), "        METADATA_QUEUE: ${vars.metadataQueue}\n") // autotag's is the first
	require.True(t, found)
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(before+after), 0o600))
	env["STATE"] = "oss://mine/deep/er"
	code, out, errs = vodctl(t, env, "setup", "--plan", "--manifest", file)
	require.Zero(t, code, errs)
	require.Contains(t, out, "functions/autotag/ram-policy-direct.json")
	require.Contains(t, out, "vodcurator-*/v1/ becomes mine/deep/er/")
}
