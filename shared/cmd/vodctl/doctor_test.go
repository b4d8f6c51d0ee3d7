package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/functions"
	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// ward is an installation on a local cloud in which all is well, as far as it is not old.
type ward struct {
	t     *testing.T
	cloud *localcloud.Cloud
	env   map[string]string
	args  []string
}

const wardAccount = "1234567890123456"

func newWard(t *testing.T, o localcloud.Options) *ward {
	t.Helper()
	switch o.Faults = "none"; o.Manifest {
	case "paused":
		o.Manifest = manifestWith(t, "triggerEnable: true", "triggerEnable: false")
	case "untimed":
		o.Manifest = manifestWith(t, "enable: true", "enable: false")
	default:
		o.Manifest = "../../../s.yaml"
	}
	o.Root = "../../.."
	if o.Env == nil {
		o.Env = map[string]string{}
	}
	for name, value := range map[string]string{"STATE": "oss://vodcurator-" + wardAccount + "/v1", "NOTIFY_URL": "https://hooks.example/x", "NOTIFY_KEY": "Abcdef123", "CALLBACK_KEYS": "Good0Key"} {
		if _, set := o.Env[name]; !set {
			o.Env[name] = value
		}
	}
	if o.Start.IsZero() {
		o.Start = betweenTimers(time.Now())
	}
	c := localcloud.RunT(t, o)
	env := maps.Clone(c.Env())
	for name, value := range map[string]string{"TAGGING_MODE": "report", "RATE_SHARE": "", "CALLBACK_WINDOW": ""} {
		env[name] = value
	}
	c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "one", Status: "Normal", Created: c.Now()})
	w := &ward{t, c, env, []string{"doctor", "--manifest", "../../../s.yaml"}}
	now := c.Now()
	w.plan(now.Add(-time.Hour))
	require.NoError(t, state.NoteSwept(t.Context(), w.store(), state.Swept{Kind: video.KindVideo, At: now.Add(-time.Minute), UpTo: now, Done: true}))
	return w
}

// betweenTimers is a moment near another with no timer of s.yaml in the minute behind it (they
// fire at second 30, and at full tens of minutes): calls of a function would be taken for
// doctor's.
func betweenTimers(at time.Time) time.Time {
	at = at.Truncate(time.Minute).Add(31 * time.Second)
	if at.Minute()%10 == 9 {
		at = at.Add(-time.Minute)
	}
	return at
}

// store is the installation's STATE, for writing.
func (w *ward) store() *state.Store {
	w.t.Helper()
	c := w.cloud.Env()
	s, err := state.Open(w.t.Context(), c["STATE"], state.Options{
		Region: c["ALIBABA_CLOUD_REGION"], Endpoint: c["OSS_ENDPOINT"], Credentials: vod.Static(c["ALIBABA_CLOUD_ACCESS_KEY_ID"], c["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""),
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, s.Close()) })
	return s
}

func (w *ward) plan(at time.Time) {
	w.t.Helper()
	p := removal.Plan{
		Duty: retention.Removing, Created: at.UTC(), Expires: at.Add(48 * time.Hour).UTC(),
		Scope: video.Scope{Region: w.cloud.Env()["ALIBABA_CLOUD_REGION"], Account: wardAccount},
	}
	require.NoError(w.t, p.Seal())
	require.NoError(w.t, removal.WritePlan(w.t.Context(), w.store(), p))
}

// as replaces the credentials by those of a role with a policy.
func (w *ward) as(policy *fakeram.Policy, ttl time.Duration) {
	k := w.cloud.Keys.MintWith("somebody", wardAccount, ttl, policy)
	w.env["ALIBABA_CLOUD_ACCESS_KEY_ID"], w.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], w.env["ALIBABA_CLOUD_SECURITY_TOKEN"] = k.ID, k.Secret, k.Token
}

func (w *ward) examine() (code int, all []doctor.Finding) {
	w.t.Helper()
	code, out, errs := vodctl(w.t, w.env, append(w.args, "-o", "json")...)
	require.NoError(w.t, json.Unmarshal([]byte(out), &all), "%s%s", out, errs)
	return code, all
}

// altered passes calls on and changes the answers.
func altered(t *testing.T, to string, change func(*http.Response) error) string {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = change
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

// late passes calls on and answers with the time of another clock.
func late(t *testing.T, to string, by time.Duration) string {
	t.Helper()
	return altered(t, to, func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		return nil
	})
}

var enqueued = regexp.MustCompile(`<EnqueueTime>\d+</EnqueueTime>`)

// waiting has messages wait for a time already: the emulator's queues go by the real clock.
func (w *ward) waiting(queue string, age time.Duration) {
	w.t.Helper()
	w.cloud.MNS.Create(queue)
	_, err := w.cloud.MNS.Enqueue(queue, "e30=")
	require.NoError(w.t, err)
	w.env["MNS_ENDPOINT"] = altered(w.t, w.env["MNS_ENDPOINT"], func(r *http.Response) error {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		text = enqueued.ReplaceAll(text, fmt.Appendf(nil, "<EnqueueTime>%d</EnqueueTime>", time.Now().Add(-age).UnixMilli()))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", fmt.Sprint(len(text)))
		return nil
	})
}

// callback sets where VOD tells of events, as whoever owns the account might.
func (w *ward) callback(change func(*vod.Callback)) {
	w.t.Helper()
	env := w.cloud.Env()
	client, err := vod.New(vod.Config{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
	require.NoError(w.t, err)
	defer client.Close()
	c := vod.Callback{Type: "HTTP", URL: env["CALLBACK_URL"], Key: vod.Secret(env["CALLBACK_KEYS"]), Events: []string{"ALL"}}
	change(&c)
	require.NoError(w.t, client.SetCallback(w.t.Context(), c))
}

// manifestWith is a copy of s.yaml with other words.
func manifestWith(t *testing.T, oldNew ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../../s.yaml")
	require.NoError(t, err)
	changed := strings.NewReplacer(oldNew...).Replace(string(text))
	require.NotEqual(t, string(text), changed)
	return file(t, "s.yaml", changed)
}

func policyOf(t *testing.T, text string) *fakeram.Policy {
	t.Helper()
	p, err := fakeram.ParsePolicy([]byte(text))
	require.NoError(t, err)
	return p
}

func allows(action string) string {
	return `{"Version":"1","Statement":[{"Effect":"Allow","Action":` + action + `,"Resource":"*"}]}`
}

// illness is a fault that is put into an installation, and what doctor has to say of it.
type illness struct {
	cloud  localcloud.Options
	infect func(w *ward)
	check  string // begins so
	health doctor.Health
	seen   string
	do     string
}

// illnesses are what can be wrong. Whoever adds a check adds what it finds.
var illnesses = map[string]illness{
	"a malformed variable": {infect: func(w *ward) { w.env["RATE_SHARE"] = "much" }, check: "environment", health: doctor.Fault, seen: `RATE_SHARE is "much"`, do: "vodctl help variables"},
	"no credentials": {infect: func(w *ward) {
		delete(w.env, "ALIBABA_CLOUD_ACCESS_KEY_ID")
		delete(w.env, "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
	}, check: "credentials", health: doctor.Fault, seen: "none", do: "profile"},
	"credentials that have ended":     {infect: func(w *ward) { w.as(nil, -time.Minute) }, check: "credentials", health: doctor.Fault, seen: "refused: ", do: "sign in again"},
	"a wrong secret":                  {infect: func(w *ward) { w.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "wrong" }, check: "credentials", health: doctor.Fault, seen: "SignatureDoesNotMatch", do: "sign in again"},
	"credentials of another account":  {infect: func(w *ward) { w.env["ALIBABA_CLOUD_ACCOUNT_ID"] = "7777" }, check: "credentials", health: doctor.Fault, seen: "ALIBABA_CLOUD_ACCOUNT_ID is 7777", do: "that account"},
	"a clock that is ahead":           {infect: func(w *ward) { w.env["VOD_ENDPOINT"] = late(w.t, w.env["VOD_ENDPOINT"], -21*time.Minute) }, check: "clock", health: doctor.Fault, seen: " minutes ahead", do: "NTP"},
	"a clock that is a little behind": {infect: func(w *ward) { w.env["VOD_ENDPOINT"] = late(w.t, w.env["VOD_ENDPOINT"], time.Minute) }, check: "clock", health: doctor.Doubt, seen: "behind", do: "NTP"},
	"a wrong endpoint": {infect: func(w *ward) {
		w.env["VOD_ENDPOINT"], w.env["STS_ENDPOINT"] = "http://127.0.0.1:1", w.env["VOD_ENDPOINT"]
	}, check: "vod", health: doctor.Fault, seen: "does not answer", do: "VOD_ENDPOINT"},
	"an endpoint of another region": {infect: func(w *ward) {
		w.env["VOD_ENDPOINT"], w.env["STS_ENDPOINT"] = "https://vod.cn-beijing.aliyuncs.com", w.env["VOD_ENDPOINT"]
	}, check: "vod", health: doctor.Fault, seen: "VOD_ENDPOINT is of region cn-beijing", do: "one region"},
	"an empty library":              {infect: func(w *ward) { w.env["APP_ID"] = "app-1234567" }, check: "vod", health: doctor.Doubt, seen: "no video in", do: "APP_ID"},
	"the wrong callback key":        {infect: func(w *ward) { w.callback(func(c *vod.Callback) { c.Key = "Another0Key" }) }, check: "callback", health: doctor.Fault, seen: "a key that is not in CALLBACK_KEYS of function callback", do: "403"},
	"callbacks that are not signed": {infect: func(w *ward) { w.callback(func(c *vod.Callback) { c.Key = "" }) }, check: "callback", health: doctor.Fault, seen: "not signed", do: "switch authentication on"},
	"a callback to another address": {infect: func(w *ward) { w.callback(func(c *vod.Callback) { c.URL += "x?token=s3cret" }) }, check: "callback", health: doctor.Fault, seen: "CALLBACK_URL is", do: "exactly"},
	"all events switched off":       {infect: func(w *ward) { w.callback(func(c *vod.Callback) { c.Events, c.Off = nil, true }) }, check: "callback", health: doctor.Fault, seen: "switched off", do: "EventTypeList"},
	"events that are not announced": {infect: func(w *ward) { w.callback(func(c *vod.Callback) { c.Events = []string{"FileUploadComplete"} }) }, check: "callback events", health: doctor.Doubt, seen: "TranscodeComplete", do: "add them"},
	"a callback into another queue": {infect: func(w *ward) {
		w.callback(func(c *vod.Callback) {
			*c = vod.Callback{Type: "MNS", Endpoint: "https://" + wardAccount + ".mns.cn-shanghai.aliyuncs.com/", Queue: "theirs", Events: []string{"ALL"}}
		})
	}, check: "callback", health: doctor.Fault, seen: "into queue theirs", do: "MnsQueueName"},
	"a callback into another region": {infect: func(w *ward) {
		w.callback(func(c *vod.Callback) {
			*c = vod.Callback{Type: "MNS", Endpoint: "https://" + wardAccount + ".mns.cn-beijing.aliyuncs.com/", Queue: "vodcurator-notices", Events: []string{"ALL"}}
		})
	}, check: "callback", health: doctor.Fault, seen: "not this account's", do: "MnsEndpoint"},
	"no callback":               {cloud: localcloud.Options{Callback: "none"}, infect: func(*ward) {}, check: "callback", health: doctor.Doubt, seen: "none is set", do: "sweep"},
	"a queue that is not there": {infect: func(w *ward) { w.env["METADATA_BULK_QUEUE"] = "vodcurator-gone" }, check: "queue vodcurator-gone", health: doctor.Fault, seen: "does not exist", do: "setup --apply"},
	"a queue that forgets early": {infect: func(w *ward) {
		require.NoError(w.t, w.cloud.MNS.Configure("vodcurator-metadata", func(a *fakemns.Attributes) { a.Retention = time.Hour }))
	}, check: "queue vodcurator-metadata", health: doctor.Doubt, seen: "60 minutes", do: "604800"},
	"a queue from which nobody takes": {infect: func(w *ward) {
		w.env["METADATA_QUEUE"] = "old"
		w.waiting("old", 3*time.Hour)
	}, check: "queue old", health: doctor.Fault, seen: "3 hours old", do: "stream"},
	"a second wait for the bulk queue": {infect: func(w *ward) {
		require.NoError(w.t, w.cloud.MNS.Configure("vodcurator-bulk", func(a *fakemns.Attributes) { a.Polling, a.Retention = 5*time.Second, 7*24*time.Hour }))
	}, check: "queue vodcurator-bulk", health: doctor.Doubt, seen: "waits 5s", do: "PollingWaitSeconds to 0"},
	"dead letters":            {infect: func(w *ward) { w.letters("the title is too long", 3) }, check: "dead letters", health: doctor.Fault, seen: "3 × the title is too long", do: "dlq list"},
	"a stream that is paused": {cloud: localcloud.Options{Manifest: "paused"}, infect: func(*ward) {}, check: "stream metadata/messages", health: doctor.Fault, seen: "PAUSED", do: "start event stream"},
	"a stream that is not there": {infect: func(w *ward) {
		w.args[2] = manifestWith(w.t, "triggerName: messages", "triggerName: messages", "METADATA_QUEUE', 'vodcurator-metadata'", "X', 'elsewhere'")
	}, check: "stream metadata/messages", health: doctor.Fault, seen: "nothing takes from elsewhere", do: "make deploy"},
	"a function that is not deployed": {infect: func(w *ward) { w.args[2] = manifestWith(w.t, "functionName: tier", "functionName: mover") }, check: "function mover", health: doctor.Fault, seen: "is not deployed", do: "make deploy"},
	"an old environment": {infect: func(w *ward) {
		w.args[2] = manifestWith(w.t, "RATE_SHARE: '0.03'", "RATE_SHARE: '0.03'\n        METADATA_INTAKE: pull")
	}, check: "function purge", health: doctor.Fault, seen: "METADATA_INTAKE is not in its environment", do: "make deploy"},
	"another STATE in the functions": {infect: func(w *ward) { w.env["STATE"] = "file:" + w.t.TempDir() }, check: "function purge", health: doctor.Fault, seen: "STATE is oss://", do: "make deploy"},
	"another mode in the functions":  {infect: func(w *ward) { w.env["TAGGING_MODE"] = "write" }, check: "function metadata", health: doctor.Doubt, seen: "TAGGING_MODE is report, s.yaml says write", do: "if s.yaml is right"},
	"another webhook":                {infect: func(w *ward) { w.env["NOTIFY_URL"] = "https://hooks.example/s3cret" }, check: "function purge", health: doctor.Doubt, seen: "NOTIFY_URL is another than here", do: "make deploy"},
	"a timer that is off":            {cloud: localcloud.Options{Manifest: "untimed"}, infect: func(*ward) {}, check: "function purgeplan", health: doctor.Fault, seen: "nightly is switched off", do: "switch it on"},
	"a role that lacks a right": {infect: func(w *ward) {
		w.cloud.Keys.SetRole("vodcurator-tier", w.lacking("tier/ram-policy.json", "vod:UpdateMediaStorageClass"))
	}, check: "role vodcurator-tier", health: doctor.Fault, seen: "vod:UpdateMediaStorageClass", do: "functions/tier/ram-policy.json"},
	"a role that may too much": {infect: func(w *ward) {
		w.cloud.Keys.SetRole("vodcurator-purgeplan", policyOf(w.t, allows(`["vod:*","oss:*"]`)))
	}, check: "role vodcurator-purgeplan", health: doctor.Doubt, seen: "may more than its duty: oss:*, vod:*", do: "narrow it"},
	"a role that is denied a right": {infect: func(w *ward) {
		w.cloud.Keys.SetRole("vodcurator-purge", w.denied("purge/ram-policy.json", `"oss:GetObject"`, "acs:oss:*:*:vodcurator-"+wardAccount+"/v1/ledger/*"))
	}, check: "role vodcurator-purge", health: doctor.Fault, seen: "lacks oss:GetObject", do: "give it"},
	"a role without its denials":            {infect: func(w *ward) { w.cloud.Keys.SetRole("vodcurator-autotag", w.undenied("autotag/ram-policy.json")) }, check: "role vodcurator-autotag", health: doctor.Doubt, seen: "oss:GetObject below approvals/", do: "narrow it"},
	"a role that is not there":              {infect: func(w *ward) { w.args[2] = manifestWith(w.t, "role/vodcurator-purge\n", "role/vodcurator-purger\n") }, check: "role vodcurator-purger", health: doctor.Fault, seen: "does not exist", do: "setup --apply"},
	"a role that functions may not take on": {infect: func(w *ward) { w.cloud.Keys.SetTrust("vodcurator-purge", `{"Statement":[]}`) }, check: "role vodcurator-purge", health: doctor.Fault, seen: "may not take it on", do: "fc.aliyuncs.com"},
	"a right that whoever asks lacks":       {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:SearchMedia","oss:*"]`)), time.Hour) }, check: "callback", health: doctor.Doubt, seen: "cannot be asked", do: "the right vod:GetMessageCallback"},
	"no right to look at functions":         {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:*"]`)), time.Hour) }, check: "function purge", health: doctor.Doubt, seen: "cannot be asked", do: "the right fc:GetFunction"},
	"no right to look at roles":             {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:*"]`)), time.Hour) }, check: "role vodcurator-purge", health: doctor.Doubt, seen: "cannot be asked", do: "the right ram:GetRole"},
	"no right to look at streams":           {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:*"]`)), time.Hour) }, check: "stream", health: doctor.Doubt, seen: "cannot be asked", do: "the right eventbridge:ListEventStreamings"},
	"no right to look at queues":            {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:*"]`)), time.Hour) }, check: "queue vodcurator-dead", health: doctor.Doubt, seen: "cannot be asked", do: "the right mns:GetQueueAttributes"},
	"no right to look at STATE":             {infect: func(w *ward) { w.as(policyOf(w.t, allows(`["vod:*"]`)), time.Hour) }, check: "state", health: doctor.Doubt, seen: "cannot be asked", do: "the right oss:GetBucketInfo"},
	"no bucket":                             {infect: func(w *ward) { w.env["STATE"] = "oss://vodcurator-none/v1" }, check: "state", health: doctor.Fault, seen: "there is no bucket vodcurator-none", do: "setup --apply"},
	"a bucket of somebody else": {cloud: localcloud.Options{Tune: func(s *localcloud.Services) {
		s.OSS.Buckets = append(s.OSS.Buckets, "vodcurator-theirs")
		s.OSS.Owners = map[string]string{"vodcurator-theirs": "999"}
	}}, infect: func(w *ward) { w.env["STATE"] = "oss://vodcurator-theirs/v1" }, check: "state", health: doctor.Fault, seen: "of account 999", do: "a bucket of your own"},
	"a bucket with versions": {infect: func(w *ward) {
		require.NoError(w.t, w.cloud.OSS.CreateBucket("vodcurator-versions", true))
		w.env["STATE"] = "oss://vodcurator-versions/v1"
	}, check: "state", health: doctor.Fault, seen: "keeps versions", do: "never kept versions"},
	"a bucket of another region":  {infect: func(w *ward) { w.env["ALIBABA_CLOUD_REGION"] = "cn-beijing" }, check: "state", health: doctor.Fault, seen: "is refused", do: "ALIBABA_CLOUD_REGION"},
	"a folder that is not there":  {infect: func(w *ward) { w.env["STATE"] = "file:" + filepath.Join(w.t.TempDir(), "a", "b") }, check: "state", health: doctor.Fault, seen: "there is no folder", do: "yours to make"},
	"a state that was never used": {infect: func(w *ward) { w.env["STATE"] = "oss://vodcurator-state/v1" }, check: "state", health: doctor.Doubt, seen: "holds nothing", do: "wrong place"},
	"a corrupt object":            {infect: func(w *ward) { w.put("halt/00000001.json", "{") }, check: "objects halt/00000001.json", health: doctor.Fault, seen: "corrupt", do: "restore it from a copy"},
	"a stray object":              {infect: func(w *ward) { w.put("halt/copy of 1.json", "{}") }, check: "objects halt/copy of 1.json", health: doctor.Doubt, seen: "no object of this program", do: "move it away"},
	"a halt": {infect: func(w *ward) {
		require.NoError(w.t, removal.SetHalt(w.t.Context(), w.store(), removal.Halt{Halted: true, By: "anna", At: time.Now(), Reason: "wrong policy"}))
	}, check: "halt", health: doctor.Fault, seen: "by anna: wrong policy", do: "vodctl resume"},
	"nights without a plan":        {cloud: localcloud.Options{Manifest: "untimed"}, infect: func(w *ward) { w.cloud.Advance(5 * 24 * time.Hour) }, check: "plan", health: doctor.Fault, seen: "none since 5 days", do: "trigger nightly"},
	"a sweep that has stopped":     {cloud: localcloud.Options{Manifest: "untimed"}, infect: func(w *ward) { w.cloud.Advance(5 * time.Hour) }, check: "sweep", health: doctor.Fault, seen: "5 hours ago", do: "trigger sweep"},
	"mistakes in the rules":        {infect: func(w *ward) { w.env["RULES_FILE"] = file(w.t, "rules.yaml", "rules: [{name: a, when: nonsense}]") }, check: "rules", health: doctor.Fault, seen: "has mistakes", do: "vodctl rules check"},
	"rules that are not there":     {infect: func(w *ward) { w.env["RULES_FILE"] = "none.yaml" }, check: "rules", health: doctor.Fault, seen: "none.yaml is no file here", do: "put the file there"},
	"mistakes in the policy":       {infect: func(w *ward) { w.env["POLICY_FILE"] = file(w.t, "policy.yaml", "rules: 7") }, check: "policy", health: doctor.Fault, seen: "has mistakes", do: "vodctl policy check"},
	"more than the account's rate": {infect: func(w *ward) { w.args[2] = manifestWith(w.t, "RATE_SHARE: '0.07'", "RATE_SHARE: '0.99'") }, check: "rate", health: doctor.Fault, seen: "more than there is", do: "lower RATE_SHARE"},
	"nobody who is told":           {cloud: localcloud.Options{Env: map[string]string{"NOTIFY_URL": ""}}, infect: func(*ward) {}, check: "notices", health: doctor.Doubt, seen: "nothing is reported", do: "set NOTIFY_URL"},
	"no manifest":                  {infect: func(w *ward) { w.args[2] = "none.yaml" }, check: "manifest", health: doctor.Doubt, seen: "no file none.yaml", do: "--manifest"},
}

// lacking is a policy of ours without one action.
func (w *ward) lacking(name, action string) *fakeram.Policy {
	w.t.Helper()
	text, err := functions.Policy(name)
	require.NoError(w.t, err)
	require.Contains(w.t, string(text), action)
	return policyOf(w.t, strings.ReplaceAll(string(text), action, "vod:GetVideoInfo"))
}

// denied is a policy of ours that forbids an action somewhere.
func (w *ward) denied(name, action, resource string) *fakeram.Policy {
	w.t.Helper()
	text, err := functions.Policy(name)
	require.NoError(w.t, err)
	p := policyOf(w.t, string(text))
	p.Statement = append(p.Statement, fakeram.Statement{Effect: "Deny", Action: fakeram.Strings{strings.Trim(action, `"`)}, Resource: fakeram.Strings{resource}})
	return p
}

// undenied is a policy of ours that forbids nothing.
func (w *ward) undenied(name string) *fakeram.Policy {
	w.t.Helper()
	p := w.denied(name, "x:y", "*")
	p.Statement = slices.DeleteFunc(p.Statement, func(s fakeram.Statement) bool { return s.Effect == "Deny" })
	return p
}

func (w *ward) put(key, text string) {
	require.NoError(w.t, w.cloud.OSS.Put("vodcurator-"+wardAccount, "v1/"+key, strings.NewReader(text)))
}

func (w *ward) letters(reason string, n int) {
	body, err := events.EncodeDeadLetter(events.DeadLetter{Body: []byte("{}"), Reason: reason})
	require.NoError(w.t, err)
	for range n {
		_, err := w.cloud.MNS.Enqueue("vodcurator-dead", base64.StdEncoding.EncodeToString(body))
		require.NoError(w.t, err)
	}
}

// Whatever is wrong, doctor names it with a remedy, ends 1 if it is a fault, and neither
// writes nor shows a secret.
func TestDoctorNamesEveryIllnessAndItsRemedy(t *testing.T) {
	faults, doubts := 0, 0
	for _, name := range slices.Sorted(maps.Keys(illnesses)) {
		ill := illnesses[name]
		t.Run(name, func(t *testing.T) {
			w := newWard(t, ill.cloud)
			ill.infect(w)
			before := w.cloud.Counts()
			code, all := w.examine()
			i := slices.IndexFunc(all, func(f doctor.Finding) bool {
				return strings.HasPrefix(f.Check, ill.check) && f.Health == ill.health && strings.Contains(f.Seen, ill.seen)
			})
			require.GreaterOrEqual(t, i, 0, "%+v", all)
			f := all[i]
			require.Contains(t, f.Do, ill.do)
			require.Equal(t, slices.ContainsFunc(all, func(f doctor.Finding) bool { return f.Health == doctor.Fault }), code == 1)
			for _, one := range all {
				require.True(t, one.Health == doctor.OK || one.Do != "", "%+v", one)
				require.NotContains(t, one.Seen+one.Do, "s3cret")
				if secret := w.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]; secret != "" {
					require.NotContains(t, one.Seen+one.Do, secret)
				}
			}
			require.Equal(t, changing(before), changing(w.cloud.Counts()))
			if ill.health == doctor.Fault {
				faults++
			} else {
				doubts++
			}
			t.Logf("%-5s  %s: %s → %s", string(f.Health), f.Check, f.Seen, f.Do)
		})
	}
	t.Logf("%d faults and %d doubts, all named with a remedy", faults, doubts)
}

// changing are the calls that are no question. Without a name is the look at the clock.
func changing(counts map[string]map[string]int) map[string]int {
	out := map[string]int{}
	for service, ops := range counts {
		for op, n := range ops {
			if op != "" && !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") && !strings.HasPrefix(op, "Search") && !strings.Contains(op, "Peek") && service != "functions" && service != "callbacks" {
				out[service+" "+op] = n
			}
		}
	}
	return out
}

func TestDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	for name, o := range map[string]localcloud.Options{"queue callback": {}, "HTTP callback": {Callback: "http"}} {
		w := newWard(t, o)
		for _, q := range []string{"vodcurator-metadata", "vodcurator-bulk", "vodcurator-dead"} {
			require.NoError(t, w.cloud.MNS.Configure(q, func(a *fakemns.Attributes) { a.Retention = 7 * 24 * time.Hour }))
		}
		code, out, errs := vodctl(t, w.env, w.args...)
		t.Logf("%s\n%s", name, out)
		require.Zero(t, code, out+errs)
		require.Contains(t, out, "0 faults, 0 doubts")
		require.Empty(t, errs)

		policy, err := os.ReadFile("../../../functions/doctor-policy.json")
		require.NoError(t, err)
		w.as(policyOf(t, string(policy)), time.Hour)
		code, out, errs = vodctl(t, w.env, w.args...)
		require.Zero(t, code, out+errs)
		require.Contains(t, out, "0 faults, 0 doubts", "its policy is enough")
	}
}
