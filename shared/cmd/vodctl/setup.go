package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"vodcurator/shared/video"
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
	var file string
	cmd := &cobra.Command{
		Use:   "setup --plan | --manifest FILE",
		Short: "Print what the account still needs: queues, roles, bucket, callback setting; check the manifest",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !plan && file == "" {
				return fmt.Errorf("%w: setup changes nothing by itself; say --plan or --manifest", errUsage)
			}
			if file != "" {
				if err := a.checkManifest(file); err != nil || !plan {
					return err
				}
			}
			return a.setup(file)
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "only print (it does nothing else)")
	cmd.Flags().StringVar(&file, "manifest", "", "check that this s.yaml gives the metadata queue the one intake that METADATA_INTAKE says")
	return cmd
}

// manifest is what of an s.yaml says who takes from which queue.
type manifest struct {
	Vars      map[string]any
	Resources map[string]struct {
		Props struct {
			Environment map[string]string `yaml:"environmentVariables"`
			Triggers    []struct {
				Name   string `yaml:"triggerName"`
				Type   string `yaml:"triggerType"`
				Config struct {
					Timer  *bool `yaml:"enable"`
					Pushed *bool `yaml:"triggerEnable"`
					Source struct {
						Parameters struct {
							MNS struct {
								Queue string `yaml:"QueueName"`
							} `yaml:"sourceMNSParameters"`
						} `yaml:"eventSourceParameters"`
					} `yaml:"eventSourceConfig"`
				} `yaml:"triggerConfig"`
			}
		}
	}
}

var (
	manifestVar = regexp.MustCompile(`\$\{vars\.(\w+)\}`)
	manifestEnv = regexp.MustCompile(`\$\{env\('(\w+)', '([^']*)'\)\}`)
)

func readManifest(file string) (m manifest, err error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	if err := yaml.Unmarshal(bytes.TrimPrefix(src, []byte("\ufeff")), &m); err != nil { // some editors put that mark first
		return m, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

// value fills in the variables of a text.
func (m manifest) value(a *app, text string) string {
	text = manifestVar.ReplaceAllStringFunc(text, func(ref string) string {
		return fmt.Sprint(m.Vars[manifestVar.FindStringSubmatch(ref)[1]])
	})
	return manifestEnv.ReplaceAllStringFunc(text, func(ref string) string {
		found := manifestEnv.FindStringSubmatch(ref)
		return cmp.Or(a.env(found[1]), found[2])
	})
}

// checkManifest refuses two intakes on the metadata queue, which are two writers, and
// none at all: the function itself sees only what triggers it.
func (a *app) checkManifest(file string) error {
	m, err := readManifest(file)
	if err != nil {
		return err
	}
	value := func(text string) string { return m.value(a, text) }
	var faults []error
	wrong := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{file}, args...)...))
	}
	intakeOf := func(env map[string]string) string { return cmp.Or(value(env["METADATA_INTAKE"]), "push") }
	metadata, found := m.Resources["metadata"]
	queue, intake := value(metadata.Props.Environment["METADATA_QUEUE"]), intakeOf(metadata.Props.Environment)
	if !found || queue == "" {
		return fmt.Errorf("%s: %w: no function metadata with a METADATA_QUEUE", file, video.ErrNotFound)
	}
	if intake != "push" && intake != "pull" {
		wrong("metadata: METADATA_INTAKE is %q, want push or pull", intake)
	}
	bulk := value(metadata.Props.Environment["METADATA_BULK_QUEUE"])
	if bulk == queue {
		wrong("metadata: METADATA_BULK_QUEUE and METADATA_QUEUE are both %s", queue)
	}
	intakes := 0
	for _, name := range slices.Sorted(maps.Keys(m.Resources)) {
		props := m.Resources[name].Props
		if name != "metadata" && intakeOf(props.Environment) == "pull" && value(props.Environment["METADATA_QUEUE"]) == queue {
			wrong("%s: METADATA_INTAKE is pull: a second function that takes from %s", name, queue)
		}
		if other := value(props.Environment["METADATA_BULK_QUEUE"]); other != bulk && value(props.Environment["METADATA_QUEUE"]) == queue {
			wrong("%s: METADATA_BULK_QUEUE is %q, and that of metadata is %q", name, other, bulk)
		}
		for _, t := range props.Triggers {
			off := t.Config.Timer != nil && !*t.Config.Timer || t.Config.Pushed != nil && !*t.Config.Pushed
			takes := value(t.Config.Source.Parameters.MNS.Queue) == queue
			fits := intake == "push" && takes || intake == "pull" && t.Type == "timer"
			switch {
			case !off && bulk != "" && value(t.Config.Source.Parameters.MNS.Queue) == bulk:
				wrong("%s: trigger %s: takes from %s, which metadata itself does", name, t.Name, bulk)
			case off, intake == "push" && t.Type == "mns_topic": // a topic is no second reader of the queue
			case name != "metadata" && takes:
				wrong("%s: trigger %s: a second function that takes from %s", name, t.Name, queue)
			case name == "metadata" && !fits:
				wrong("metadata: METADATA_INTAKE is %s, and trigger %s is of type %s", intake, t.Name, t.Type)
			case name == "metadata":
				if intakes++; intakes > 1 {
					wrong("metadata: trigger %s: a second intake", t.Name)
				}
			}
		}
	}
	if intakes == 0 {
		wrong("metadata: METADATA_INTAKE is %s, and there is no %s", intake,
			map[string]string{"push": "EventBridge trigger that takes from " + queue, "pull": "timer"}[intake])
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	err = a.say("%s: metadata has one intake, %s%s\n", file, intake, map[bool]string{true: ", and takes bulk changes from " + bulk}[bulk != ""])
	return err
}

// autotagPolicy picks the policy of autotag's role: where metadata writes, autotag has no
// right to. The manifest decides, where one is named; ours has a metadata queue.
func (a *app) autotagPolicy(file string) (string, error) {
	const queued, direct = "ram-policy.json", "ram-policy-direct.json, which may change media: there is no METADATA_QUEUE"
	if file == "" {
		return queued + ", or ram-policy-direct.json where s.yaml gives it no METADATA_QUEUE", nil
	}
	m, err := readManifest(file)
	if err != nil {
		return "", err
	}
	if m.value(a, m.Resources["autotag"].Props.Environment["METADATA_QUEUE"]) == "" {
		return direct, nil
	}
	return queued, nil
}

// setup speaks of what no API of the clients can look up as already there; it
// lists what the manifest takes for granted.
func (a *app) setup(manifest string) error {
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
		{name(app.BulkQueue, "vodcurator-bulk"), "what rules and backfills ask for, behind people's changes; retention 7 days, no long polling of its own (PollingWaitSeconds 0)"},
		{name(app.DeadLetterQueue, "vodcurator-dead"), "what cannot be done, with its reason; retention 7 days, alarm on its length"},
	} {
		add("queue", q.name, "MNS, region "+app.Region+": "+q.why)
	}
	bucket, prefix := "vodcurator-"+account, "v1"
	if place, ok := strings.CutPrefix(app.Config.State, "oss://"); ok {
		bucket, prefix, _ = strings.Cut(strings.TrimSuffix(place, "/"), "/")
	}
	add("bucket", bucket, "OSS, region "+app.Region+", private, of account "+account+
		" (the functions refuse another account's), versioning never switched on: a versioned bucket ignores create-if-absent and is refused")
	autotag, err := a.autotagPolicy(manifest)
	if err != nil {
		return err
	}
	for _, r := range [][2]string{{"autotag", autotag}, {"callback", "ram-policy.json (only with VOD's HTTP callback)"}, {"metadata", "ram-policy.json"}, {"purgeplan", "ram-policy.json"}, {"purge", "ram-policy.json"}} {
		add("role", "vodcurator-"+r[0], "trusts fc.aliyuncs.com, policy functions/"+r[0]+"/"+r[1])
	}
	add("operator", "whoever approves", "a user or role of people, policy functions/operator-policy.json: approvals, withdrawals, halts, check points, policies and rules are theirs alone")
	if !strings.HasPrefix(bucket, "vodcurator-") || prefix != "v1" {
		add("policies", bucket, fmt.Sprintf("in all of them vodcurator-*/v1/ becomes %s, and vodcurator-* at the end becomes %s", strings.TrimSuffix(bucket+"/"+prefix, "/")+"/", bucket))
	}
	add("grant", "AliyunVODDefaultRole", "lets VOD write into the queue vodcurator-notices")
	add("callback", name(app.App, "app-1000000"), fmt.Sprintf(
		"SetMessageCallback CallbackType=MNS MnsEndpoint=https://%s.mns.%s.aliyuncs.com/ MnsQueueName=vodcurator-notices EventTypeList=%s; one setting per region and application: ask GetMessageCallback first whose it is, and never leave the list out, that switches all events off",
		account, app.Region, callbackEvents))
	if a.json() {
		return a.printJSON(steps)
	}
	for _, s := range steps {
		if err := a.say("%-9s %-22s %s\n", s.What, s.Name, s.How); err != nil {
			return err
		}
	}
	return nil
}
