// Package boot turns the environment into checked configuration and wired
// clients. It is the only place that reads the environment, and together with
// the programs' main functions the only one that may end the process.
//
// # Why
//
// The account id comes from the environment, where s.yaml puts it, and is checked at start;
// read from the first invocation, a fault would show late. Each function is handed single
// methods and not clients, so that its binary holds no call that its role lacks: the
// expression language makes the linker keep every method of a value. The rights in
// ram-policy.json are then read off the linked binary; a list by hand drifts.
package boot

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/notify"
	"vodcurator/shared/vod"
)

// Config is what the environment says, checked. Printing it shows no secret.
type Config struct {
	Region          string       // ALIBABA_CLOUD_REGION, default cn-shanghai
	Account         string       // ALIBABA_CLOUD_ACCOUNT_ID, in a function also FC_ACCOUNT_ID
	App             string       // APP_ID: limits everything to one VOD application
	VODEndpoint     string       // VOD_ENDPOINT, default: the region's public endpoint
	MNSEndpoint     string       // MNS_ENDPOINT, likewise
	OSSEndpoint     string       // OSS_ENDPOINT, likewise
	STSEndpoint     string       // STS_ENDPOINT, default: VOD_ENDPOINT where that is on this machine, else sts.aliyuncs.com
	MetadataQueue   string       // METADATA_QUEUE: when set, metadata is the only writer
	BulkQueue       string       // METADATA_BULK_QUEUE: what waits behind people's changes; means nothing without MetadataQueue
	DeadLetterQueue string       // DEAD_LETTER_QUEUE
	CallbackURL     string       // CALLBACK_URL: the exact URL that VOD was given
	State           string       // STATE: file:DIR or oss://bucket/prefix; ACCOUNT in the bucket's name stands for Account
	NotifyURL       string       // NOTIFY_URL: webhook for the nightly report
	NotifyKey       vod.Secret   // NOTIFY_KEY: signs the reports; none: they are not signed
	RateShare       float64      // RATE_SHARE: our part of the account's rate, default 0.25
	RulesFile       string       // RULES_FILE: a path or a key under STATE; default: the embedded rules
	PolicyFile      string       // POLICY_FILE, likewise
	TaggingMode     string       // TAGGING_MODE: write (default), add (nothing is taken away) or report
	Intake          string       // METADATA_INTAKE: push (default) or pull
	CallbackKeys    []vod.Secret // CALLBACK_KEYS, comma separated: the live keys
	// CALLBACK_WINDOW: how far a callback's time may lie before or after ours, default 5m
	CallbackWindow time.Duration

	// LOCAL_CLOCK_URL: where the local cloud tells its library's time. Empty unless
	// every endpoint is of this machine.
	localClock string

	// A function, because fmt prints unexported fields without asking them.
	own func() keys
	// profile is asked when the environment has no keys; nil: there is none.
	profile vod.Credentials
}

// maxWindow bounds CALLBACK_WINDOW: a signature that was seen by others is good for
// any body until its window ends.
const maxWindow = time.Hour

// accountWord stands for the account's id in the name of STATE's bucket. No real name has
// a capital letter.
const accountWord = "ACCOUNT"

type keys struct{ id, secret, token string }

// Read takes the configuration from getenv. Variables that must be set are
// named by the caller. Every fault is reported, not only the first.
func Read(getenv func(string) string, required ...string) (Config, error) {
	var faults []error
	get := func(name string) string { return strings.TrimSpace(getenv(name)) }
	first := func(names ...string) string {
		for _, name := range names {
			if value := get(name); value != "" {
				return value
			}
		}
		return ""
	}
	c := Config{
		Region:          first("ALIBABA_CLOUD_REGION", "FC_REGION"),
		Account:         first("ALIBABA_CLOUD_ACCOUNT_ID", "FC_ACCOUNT_ID"),
		App:             get("APP_ID"),
		MetadataQueue:   get("METADATA_QUEUE"),
		BulkQueue:       get("METADATA_BULK_QUEUE"),
		DeadLetterQueue: get("DEAD_LETTER_QUEUE"),
		State:           get("STATE"),
		RulesFile:       get("RULES_FILE"),
		PolicyFile:      get("POLICY_FILE"),
		TaggingMode:     get("TAGGING_MODE"),
		Intake:          get("METADATA_INTAKE"),
		CallbackURL:     get("CALLBACK_URL"),
		NotifyKey:       vod.Secret(get("NOTIFY_KEY")),
		RateShare:       0.25,
		CallbackWindow:  events.DefaultWindow,
	}
	own := keys{get("ALIBABA_CLOUD_ACCESS_KEY_ID"), get("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), get("ALIBABA_CLOUD_SECURITY_TOKEN")}
	c.own = func() keys { return own }
	if c.Region == "" {
		c.Region = "cn-shanghai"
	}
	for _, name := range required {
		if name != "ALIBABA_CLOUD_ACCOUNT_ID" && get(name) == "" || name == "ALIBABA_CLOUD_ACCOUNT_ID" && c.Account == "" {
			faults = append(faults, fmt.Errorf("%s is not set", name))
		}
	}
	for name, queue := range map[string]string{"METADATA_QUEUE": c.MetadataQueue, "DEAD_LETTER_QUEUE": c.DeadLetterQueue} {
		if queue != "" && c.Account == "" && !slices.Contains(required, "ALIBABA_CLOUD_ACCOUNT_ID") {
			faults = append(faults, fmt.Errorf("%s and ALIBABA_CLOUD_ACCOUNT_ID go together: a queue belongs to an account", name))
		}
	}
	for name, into := range map[string]*string{
		"VOD_ENDPOINT": &c.VODEndpoint, "MNS_ENDPOINT": &c.MNSEndpoint, "OSS_ENDPOINT": &c.OSSEndpoint, "STS_ENDPOINT": &c.STSEndpoint, "NOTIFY_URL": &c.NotifyURL,
	} {
		*into = get(name)
		if *into != "" && !isURL(*into) {
			faults = append(faults, fmt.Errorf("%s is not a http or https URL", name)) // the value may hold a password
		}
	}
	if local := get("LOCAL_CLOCK_URL"); onThisMachine(local, c.VODEndpoint, c.MNSEndpoint, c.OSSEndpoint, get("FUNCTIONS_ENDPOINT")) {
		c.localClock = local
	}
	if c.CallbackURL != "" && !isURL(c.CallbackURL) {
		faults = append(faults, errors.New("CALLBACK_URL is not a http or https URL"))
	}
	for key := range strings.SplitSeq(get("CALLBACK_KEYS"), ",") {
		if key = strings.TrimSpace(key); key != "" {
			c.CallbackKeys = append(c.CallbackKeys, vod.Secret(key))
		}
	}
	if (len(c.CallbackKeys) > 0) != (c.CallbackURL != "") {
		faults = append(faults, errors.New("CALLBACK_KEYS and CALLBACK_URL go together: VOD signs the URL with the key"))
	}
	if err := notify.CheckKey(string(c.NotifyKey)); err != nil {
		faults = append(faults, fmt.Errorf("NOTIFY_KEY %w", err))
	}
	if share := get("RATE_SHARE"); share != "" {
		f, err := strconv.ParseFloat(share, 64)
		if err != nil || !(f > 0 && f <= 1) {
			faults = append(faults, fmt.Errorf("RATE_SHARE is %q, want a number above 0, at most 1", share))
		} else {
			c.RateShare = f
		}
	}
	if window := get("CALLBACK_WINDOW"); window != "" {
		d, err := time.ParseDuration(window)
		if err != nil || d <= 0 || d > maxWindow {
			faults = append(faults, fmt.Errorf("CALLBACK_WINDOW is %q, want a time such as 5m, above 0, at most 1h", window))
		} else {
			c.CallbackWindow = d
		}
	}
	switch c.TaggingMode {
	case "":
		c.TaggingMode = "write"
	case "write", "report", "add":
	default:
		faults = append(faults, fmt.Errorf("TAGGING_MODE is %q, want write, add or report", c.TaggingMode))
	}
	switch c.Intake {
	case "":
		c.Intake = "push"
	case "push", "pull":
	default:
		faults = append(faults, fmt.Errorf("METADATA_INTAKE is %q, want push or pull", c.Intake))
	}
	if c.State != "" && !strings.HasPrefix(c.State, "file:") && !strings.HasPrefix(c.State, "oss://") {
		faults = append(faults, fmt.Errorf("STATE is %q, want file:DIR or oss://bucket/prefix", c.State))
	}
	if bucket, prefix, _ := strings.Cut(strings.TrimPrefix(c.State, "oss://"), "/"); strings.HasPrefix(c.State, "oss://") && strings.Contains(bucket, accountWord) {
		if c.Account == "" {
			faults = append(faults, fmt.Errorf("STATE is %s: its %s stands for ALIBABA_CLOUD_ACCOUNT_ID, which is not set", c.State, accountWord))
		}
		c.State = "oss://" + strings.ReplaceAll(bucket, accountWord, c.Account) + "/" + prefix
	}
	if c.MetadataQueue == "" { // who writes without a queue needs no second one
		c.BulkQueue = ""
	} else if c.BulkQueue == c.MetadataQueue {
		faults = append(faults, fmt.Errorf("METADATA_BULK_QUEUE and METADATA_QUEUE are both %s: leave the first out, or name another queue", c.BulkQueue))
	}
	if (own.id == "") != (own.secret == "") {
		faults = append(faults, errors.New("ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET go together"))
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return c, errors.Join(faults...)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
