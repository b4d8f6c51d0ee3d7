package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/manifest"
)

// callbackEvents are the notifications that autotag and the ledger act on. Everything
// else stays off: each notification costs an invocation.
const callbackEvents = "FileUploadComplete,UploadByURLComplete,VideoAnalysisComplete,TranscodeComplete,ImageUploadComplete," +
	"AddLiveRecordVideoComplete,AIComplete,DeleteMediaComplete,MediaBaseChangeComplete"

// step is one thing that an account needs before the functions work in it.
type step struct {
	What string `json:"what"`
	Name string `json:"name"`
	How  string `json:"how"`
}

func setupCommand(a *tool) *cobra.Command {
	var plan bool
	var file string
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "setup --plan | --manifest FILE",
		Short:       "Print what an account needs: queues, roles, bucket, callback setting; check the manifest",
		Args:        cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !plan && file == "" {
				return fmt.Errorf("%w: setup changes nothing by itself; say --plan or --manifest", errUsage)
			}
			if file != "" {
				if err := a.checkManifest(file, plan); err != nil || !plan {
					return err
				}
			}
			return a.setup(file)
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "print it; the account itself is not looked at")
	cmd.Flags().StringVar(&file, "manifest", "", "check that this s.yaml gives the metadata queue the one intake that METADATA_INTAKE says")
	return cmd
}

// manifest reads an s.yaml as the environment here would have it deployed.
func (a *tool) manifest(file string) (manifest.Manifest, error) {
	return manifest.Read(file, manifest.Variables{Env: a.env})
}

// checkManifest says which intake the metadata queue has.
func (a *tool) checkManifest(file string, plan bool) error {
	m, err := a.manifest(file)
	if err != nil {
		return err
	}
	in, err := checkIntake(m)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	bulk := ""
	if in.bulk != "" {
		bulk = ", and takes bulk changes from " + in.bulk
	}
	const found = "%s: metadata has one intake, %s%s\n"
	if plan { // programs get the plan alone
		return a.say(found, file, in.mode, bulk)
	}
	return a.result(map[string]string{"queue": in.queue, "intake": in.mode, "bulk": in.bulk}, found, file, in.mode, bulk)
}

// autotagPolicy picks the policy of autotag's role: where metadata writes, autotag has no
// right to. The manifest decides, where one is named; ours has a metadata queue.
func (a *tool) autotagPolicy(file string) (string, error) {
	const queued, direct = "ram-policy.json", "ram-policy-direct.json, which may change assets: there is no METADATA_QUEUE"
	if file == "" {
		return queued + ", or ram-policy-direct.json where s.yaml gives it no METADATA_QUEUE", nil
	}
	m, err := a.manifest(file)
	if err != nil {
		return "", err
	}
	if autotag, _ := m.Function("autotag"); autotag.Env["METADATA_QUEUE"] == "" {
		return direct, nil
	}
	return queued, nil
}

// setup speaks of what no API of the clients can look up as already there; it
// lists what the manifest takes for granted.
func (a *tool) setup(file string) error {
	app, err := a.boot()
	if err != nil {
		return err
	}
	scope := app.Scope
	scope.Account, scope.App = cmp.Or(scope.Account, "ACCOUNT"), cmp.Or(scope.App, "app-1000000")
	rows := a.rows("what", "name", "how")
	add := func(what, name, how string) { rows.Add(step{what, name, how}, what, name, how) }
	for _, q := range []struct{ name, why string }{
		{"vodcurator-notices", "VOD writes its notifications into it; retention 4 days or more"},
		{cmp.Or(app.MetadataQueue, "vodcurator-metadata"), "metadata messages; retention 7 days"},
		{cmp.Or(app.BulkQueue, "vodcurator-bulk"), "what rules and backfills ask for, behind people's changes; retention 7 days, no long polling of its own (PollingWaitSeconds 0)"},
		{cmp.Or(app.DeadLetterQueue, "vodcurator-dead"), "what cannot be done, with its reason; retention 7 days, alarm on its length"},
	} {
		add("queue", q.name, "MNS, region "+scope.Region+": "+q.why)
	}
	bucket, prefix := "vodcurator-"+scope.Account, "v1"
	if place, ok := strings.CutPrefix(app.Config.State, "oss://"); ok {
		bucket, prefix, _ = strings.Cut(strings.TrimSuffix(place, "/"), "/")
	}
	add("bucket", bucket, "OSS, region "+scope.Region+", private, of account "+scope.Account+
		" (the functions refuse another account's), versioning never switched on: a versioned bucket ignores create-if-absent and is refused")
	autotag, err := a.autotagPolicy(file)
	if err != nil {
		return err
	}
	for _, r := range [][2]string{{"autotag", autotag}, {"callback", "ram-policy.json (only with VOD's HTTP callback)"}, {"metadata", "ram-policy.json"}, {"purgeplan", "ram-policy.json"}, {"purge", "ram-policy.json"}, {"tier", "ram-policy.json"}} {
		add("role", "vodcurator-"+r[0], "trusts fc.aliyuncs.com, policy functions/"+r[0]+"/"+r[1])
	}
	add("operator", "whoever approves", "a user or role of people, policy functions/operator-policy.json: approvals, withdrawals, halts, check points, policies and rules are theirs alone")
	if !strings.HasPrefix(bucket, "vodcurator-") || prefix != "v1" {
		add("policies", bucket, fmt.Sprintf("in all of them vodcurator-*/v1/ becomes %s, and vodcurator-* at the end becomes %s", strings.TrimSuffix(bucket+"/"+prefix, "/")+"/", bucket))
	}
	add("grant", "AliyunVODDefaultRole", "lets VOD write into the queue vodcurator-notices")
	add("callback", scope.App, fmt.Sprintf(
		"SetMessageCallback CallbackType=MNS MnsEndpoint=https://%s.mns.%s.aliyuncs.com/ MnsQueueName=vodcurator-notices EventTypeList=%s; one setting per region and application: ask GetMessageCallback first whose it is, and never leave the list out, that switches all events off",
		scope.Account, scope.Region, callbackEvents))
	return rows.Print()
}
