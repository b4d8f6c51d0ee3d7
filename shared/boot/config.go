// Package boot turns the environment into checked configuration and wired
// clients. It is the only place that reads the environment, and together with
// the programs' main functions the only one that may end the process.
//
// # Five walks
//
// From a callback to its write: functions/autotag/handler.go takes the event,
// events/gate.go checks who signed it, shared/act/deliver/notices.go says which assets it is
// about, shared/act/deliver/sender.go asks metadata to look at them;
// shared/act/deliver/deliver.go takes that message, shared/act/deliver/outcome.go hands it
// over, shared/act/edit/pass.go reads, decides, remembers and writes, and shared/vod/write.go
// makes the call. With functions/callback/handler.go in front, VOD's callback goes to the
// queue first from which autotag takes it.
//
// From a message to its update: shared/act/deliver/intake.go decodes it,
// shared/act/deliver/outcome.go hands it over, shared/act/edit/pass.go does it by
// shared/decide/editing/editing.go, shared/state/edits/journal.go remembers it, and
// shared/act/deliver/envelope.go writes what goes back or is a dead letter.
//
// From a tick to a deletion: shared/boot/night/night.go takes the tick. At the first,
// shared/act/plan/plan.go lists what shared/decide/retention/judge.go says goes; at the
// second, shared/act/purge/purge.go finds the plans, shared/act/purge/plans.go refuses those
// that nobody approved, shared/act/purge/delete.go asks shared/decide/removal/removal.go for
// each step, and shared/vod/delete.go makes the call.
//
// From an upload to its event, in the local cloud: shared/localcloud/fakevod/upload.go takes
// the file, shared/localcloud/probe/probe.go looks into it, shared/localcloud/fakevod/notify.go
// announces it, and shared/localcloud/fakefc/invoke.go or shared/localcloud/fakefc/queue.go
// invokes the function.
//
// An approval: shared/cmd/vodctl/approve.go shows and asks, shared/state/removal/plan.go
// writes it, and shared/act/purge/plans.go reads it.
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
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// Config is what the environment says, checked. Printing it shows no secret.
type Config struct {
	Scope           video.Scope  // ALIBABA_CLOUD_REGION, default cn-shanghai; ALIBABA_CLOUD_ACCOUNT_ID, in a function also FC_ACCOUNT_ID; APP_ID
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
	r := &reader{getenv: getenv, all: Variables()}
	c := Config{
		Scope: video.Scope{
			Region:  cmp.Or(r.given("ALIBABA_CLOUD_REGION"), r.given("FC_REGION"), r.get("ALIBABA_CLOUD_REGION")),
			Account: cmp.Or(r.get("ALIBABA_CLOUD_ACCOUNT_ID"), r.given("FC_ACCOUNT_ID")),
			App:     r.get("APP_ID"),
		},
		VODEndpoint:     r.url("VOD_ENDPOINT"),
		MNSEndpoint:     r.url("MNS_ENDPOINT"),
		OSSEndpoint:     r.url("OSS_ENDPOINT"),
		STSEndpoint:     r.url("STS_ENDPOINT"),
		MetadataQueue:   r.get("METADATA_QUEUE"),
		BulkQueue:       r.get("METADATA_BULK_QUEUE"),
		DeadLetterQueue: r.get("DEAD_LETTER_QUEUE"),
		CallbackURL:     r.url("CALLBACK_URL"),
		NotifyURL:       r.url("NOTIFY_URL"),
		NotifyKey:       r.notifyKey(),
		RateShare:       r.share(),
		RulesFile:       r.get("RULES_FILE"),
		PolicyFile:      r.get("POLICY_FILE"),
		TaggingMode:     r.oneOf("TAGGING_MODE", "write", "add", "report"),
		Intake:          r.oneOf("METADATA_INTAKE", "push", "pull"),
		CallbackWindow:  r.window(),
	}
	for key := range strings.SplitSeq(r.get("CALLBACK_KEYS"), ",") {
		if key = strings.TrimSpace(key); key != "" {
			c.CallbackKeys = append(c.CallbackKeys, vod.Secret(key))
		}
	}
	own := keys{r.get("ALIBABA_CLOUD_ACCESS_KEY_ID"), r.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), r.get("ALIBABA_CLOUD_SECURITY_TOKEN")}
	c.own = func() keys { return own }
	if local := r.get("LOCAL_CLOCK_URL"); onThisMachine(local, c.VODEndpoint, c.MNSEndpoint, c.OSSEndpoint, r.get("FUNCTIONS_ENDPOINT")) {
		c.localClock = local
	}
	if c.MetadataQueue == "" { // who writes without a queue needs no second one
		c.BulkQueue = ""
	}
	c.State = r.state(c.Scope.Account)
	r.need(c, required)
	r.together(c, own)
	slices.SortFunc(r.faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return c, errors.Join(r.faults...)
}

// reader reads variables and keeps what is wrong with them.
type reader struct {
	getenv func(string) string
	all    []Variable
	faults []error
}

func (r *reader) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

// given is the value of a variable, empty without one.
func (r *reader) given(name string) string { return strings.TrimSpace(r.getenv(name)) }

// get is the value of a variable of the list, or its default.
func (r *reader) get(name string) string {
	return cmp.Or(r.given(name), r.all[slices.IndexFunc(r.all, func(v Variable) bool { return v.Name == name })].Default)
}

func (r *reader) url(name string) string {
	value := r.get(name)
	if value != "" && !isURL(value) {
		r.fault("%s is not a http or https URL", name) // the value may hold a password
	}
	return value
}

func (r *reader) oneOf(name string, words ...string) string {
	value := r.get(name)
	if !slices.Contains(words, value) {
		last := len(words) - 1
		r.fault("%s is %q, want %s or %s", name, value, strings.Join(words[:last], ", "), words[last])
	}
	return value
}

func (r *reader) share() float64 {
	text := r.get("RATE_SHARE")
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(share > 0 && share <= 1) {
		r.fault("RATE_SHARE is %q, want a number above 0, at most 1", text)
	}
	return share
}

func (r *reader) window() time.Duration {
	text := r.get("CALLBACK_WINDOW")
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxWindow {
		r.fault("CALLBACK_WINDOW is %q, want a time such as 5m, above 0, at most 1h", text)
	}
	return d
}

func (r *reader) notifyKey() vod.Secret {
	key := r.get("NOTIFY_KEY")
	if err := checkWebhookKey(key); err != nil {
		r.fault("NOTIFY_KEY %w", err)
	}
	return vod.Secret(key)
}

// state reads STATE, with the account in its place.
func (r *reader) state(account string) string {
	text := r.get("STATE")
	if text != "" && !strings.HasPrefix(text, "file:") && !strings.HasPrefix(text, "oss://") {
		r.fault("STATE is %q, want file:DIR or oss://bucket/prefix", text)
	}
	rest, isBucket := strings.CutPrefix(text, "oss://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !isBucket || !strings.Contains(bucket, accountWord) {
		return text
	}
	if account == "" {
		r.fault("STATE is %s: its %s stands for ALIBABA_CLOUD_ACCOUNT_ID, which is not set", text, accountWord)
	}
	return "oss://" + strings.ReplaceAll(bucket, accountWord, account) + "/" + prefix
}

// need finds the variables that must be set and are not.
func (r *reader) need(c Config, required []string) {
	for _, name := range required {
		if name == "ALIBABA_CLOUD_ACCOUNT_ID" && c.Scope.Account == "" || name != "ALIBABA_CLOUD_ACCOUNT_ID" && r.given(name) == "" {
			r.fault("%s is not set", name)
		}
	}
	if c.Scope.Account != "" || slices.Contains(required, "ALIBABA_CLOUD_ACCOUNT_ID") {
		return
	}
	for _, name := range []string{"METADATA_QUEUE", "DEAD_LETTER_QUEUE"} {
		if r.given(name) != "" {
			r.fault("%s and ALIBABA_CLOUD_ACCOUNT_ID go together: a queue belongs to an account", name)
		}
	}
}

// together finds what is set without its other half.
func (r *reader) together(c Config, own keys) {
	if (len(c.CallbackKeys) > 0) != (c.CallbackURL != "") {
		r.fault("CALLBACK_KEYS and CALLBACK_URL go together: VOD signs the URL with the key")
	}
	if c.BulkQueue != "" && c.BulkQueue == c.MetadataQueue {
		r.fault("METADATA_BULK_QUEUE and METADATA_QUEUE are both %s: leave the first out, or name another queue", c.BulkQueue)
	}
	if (own.id == "") != (own.secret == "") {
		r.fault("ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET go together")
	}
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// checkWebhookKey says whether a key that begins like one of Standard Webhooks is one.
func checkWebhookKey(key string) error {
	secret, ok := strings.CutPrefix(key, "whsec_")
	if !ok {
		return nil
	}
	if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) == 0 {
		return errors.New("begins with whsec_ and is no base64 behind that") // the value is a secret
	}
	return nil
}
