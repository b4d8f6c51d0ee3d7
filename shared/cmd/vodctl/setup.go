package main

import (
	"fmt"

	"github.com/spf13/cobra"
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

func setupCommand(a *app) *cobra.Command {
	var plan bool
	cmd := &cobra.Command{
		Use:   "setup --plan",
		Short: "Print what the account still needs: queues, roles, bucket, callback setting",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !plan {
				return fmt.Errorf("%w: setup changes nothing by itself; say --plan", errUsage)
			}
			return a.setup()
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "only print (the one thing it can do)")
	return cmd
}

// setup speaks of what no API of the clients can look up as already there; it
// lists what the manifest takes for granted.
func (a *app) setup() error {
	app, err := a.boot()
	if err != nil {
		return err
	}
	account := app.Account
	if account == "" {
		account = "ACCOUNT"
	}
	name := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	var steps []step
	add := func(what, name, how string) { steps = append(steps, step{what, name, how}) }
	for _, q := range []struct{ name, why string }{
		{"vodcurator-notices", "VOD writes its notifications into it; retention 4 days or more"},
		{name(app.MetadataQueue, "vodcurator-metadata"), "metadata messages; retention 7 days"},
		{name(app.DeadLetterQueue, "vodcurator-dead"), "what cannot be done, with its reason; retention 7 days, alarm on its length"},
	} {
		add("queue", q.name, "MNS, region "+app.Region+": "+q.why)
	}
	add("bucket", "vodcurator-state", "OSS, region "+app.Region+", private, versioning never switched on: a versioned bucket ignores create-if-absent and is refused")
	for _, f := range []string{"autotag", "metadata", "purgeplan", "purge"} {
		add("role", "vodcurator-"+f, fmt.Sprintf("trusts fc.aliyuncs.com, policy functions/%s/ram-policy.json", f))
	}
	add("grant", "AliyunVODDefaultRole", "lets VOD write into the queue vodcurator-notices")
	add("callback", name(app.App, "app-1000000"), fmt.Sprintf(
		"SetMessageCallback CallbackType=MNS MnsEndpoint=https://%s.mns.%s.aliyuncs.com/ MnsQueueName=vodcurator-notices EventTypeList=%s; one setting per region and application: ask GetMessageCallback first whose it is, and never leave the list out, that switches all events off",
		account, app.Region, callbackEvents))
	if a.json() {
		return a.printJSON(steps)
	}
	for _, s := range steps {
		if _, err := fmt.Fprintf(a.out, "%-9s %-22s %s\n", s.What, s.Name, s.How); err != nil {
			return err
		}
	}
	return nil
}
