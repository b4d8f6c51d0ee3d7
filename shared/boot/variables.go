package boot

import (
	"slices"
	"strings"

	"vodcurator/shared/decide/rule"
)

// Variable is one variable of the environment. What is read, what is missing, the help of
// vodctl and the README's table all come from the list of them.
type Variable struct {
	Name    string
	Default string // the value that stands for none
	Without string // where there is no such value: what happens without one; empty: none
	Meaning string
	For     []string // the functions that do not start without it
	Seldom  bool     // the README leaves it to the help of vodctl
}

// Shown is the default as people read it, in Markdown.
func (v Variable) Shown() string {
	switch {
	case v.Default != "":
		return "`" + v.Default + "`"
	case v.Without != "":
		return v.Without
	}
	return "none"
}

const public = "the region's public one"

// Variables lists all variables, in the order in which people read of them.
func Variables() []Variable {
	all := []string{"callback", "metadata", "purgeplan", "purge", "tier"}
	purging := []string{"purgeplan", "purge", "tier"}
	keys := "in a function: its role's; in `vodctl`: the aliyun CLI's profile"
	return []Variable{
		{Name: "ALIBABA_CLOUD_REGION", Default: "cn-shanghai", Meaning: "the VOD region"},
		{Name: "ALIBABA_CLOUD_ACCOUNT_ID", Without: "in a function `FC_ACCOUNT_ID`", Meaning: "the account; queues and plans need it", For: all},
		{Name: "ALIBABA_CLOUD_ACCESS_KEY_ID", Without: keys, Meaning: "credentials, with `_SECRET` and a token"},
		{Name: "ALIBABA_CLOUD_ACCESS_KEY_SECRET", Without: keys, Meaning: "its secret; both or neither", Seldom: true},
		{Name: "ALIBABA_CLOUD_SECURITY_TOKEN", Without: keys, Meaning: "its token, for credentials that end", Seldom: true},
		{Name: "ALIBABA_CLOUD_PROFILE", Without: "the current one", Meaning: "which profile of the aliyun CLI `vodctl` uses without keys", Seldom: true},
		{Name: "VOD_ENDPOINT", Without: public, Meaning: "base URL of VOD", Seldom: true},
		{Name: "MNS_ENDPOINT", Without: public, Meaning: "base URL of the queues", Seldom: true},
		{Name: "OSS_ENDPOINT", Without: public, Meaning: "base URL of the bucket", Seldom: true},
		{Name: "FUNCTIONS_ENDPOINT", Without: public, Meaning: "where functions are invoked; set by the local cloud", Seldom: true},
		{Name: "STS_ENDPOINT", Without: "`VOD_ENDPOINT` where that is on this machine, else the public one", Meaning: "tells `vodctl` whose credentials approve, halt and take down", Seldom: true},
		{Name: "LOCAL_CLOCK_URL", Meaning: "where the local cloud tells its library's time; ignored unless it and every endpoint are on this machine", Seldom: true},
		{Name: "APP_ID", Without: "all", Meaning: "limits everything to one VOD application; purge leaves assets whose application VOD does not tell"},
		{Name: "METADATA_QUEUE", Meaning: "when set, autotag and retag write through it and metadata is the only writer", For: []string{"metadata"}},
		{Name: "METADATA_BULK_QUEUE", Meaning: "what rules and backfills ask for waits here, behind people's changes; the same in autotag, metadata and `vodctl`; `s.yaml` names `vodcurator-bulk`"},
		{Name: "NOTICE_QUEUE", Meaning: "where `callback` puts VOD's notifications", For: []string{"callback"}},
		{Name: "DEAD_LETTER_QUEUE", Meaning: "where messages go that nothing can cure, with the reason", For: []string{"metadata"}},
		{Name: "CALLBACK_KEYS", Meaning: "live callback keys, comma separated (two while one replaces the other)"},
		{Name: "CALLBACK_URL", Meaning: "the URL exactly as VOD was given it: VOD signs that string"},
		{Name: "CALLBACK_WINDOW", Default: "5m", Meaning: "how far a callback's time may lie before or after ours; at most `1h`"},
		{Name: "STATE", Meaning: "`file:DIR` or `oss://bucket/prefix`: plans, approvals and withdrawals, ledger, watermarks, old values, what rules wrote, marks of what was reported. `ACCOUNT` in the bucket's name stands for the account id; a bucket of another account is refused", For: purging},
		{Name: "NOTIFY_URL", Meaning: "webhook: one message a night, and one for each incident"},
		{Name: "NOTIFY_KEY", Meaning: "signs the messages as Standard Webhooks does; `whsec_` and base64, or any text. For one more version the `X-Vodcurator-` headers come too"},
		{Name: "METADATA_INTAKE", Default: "push", Meaning: "`pull` for accounts without EventBridge: a timer drains the queue; the other intake is refused, also by `make deploy`"},
		{Name: "RATE_SHARE", Default: "0.25", Meaning: "our part of the account's documented rates, for each instance of a function"},
		{Name: "RULES_FILE", Without: "the embedded one", Meaning: "a file, or a key under `STATE`"},
		{Name: "POLICY_FILE", Without: "the embedded one", Meaning: "a file, or a key under `STATE`"},
		{Name: "TAGGING_MODE", Default: "write", Meaning: "`add` lets rules add and take nothing away; `report` only says what they would write. `s.yaml` sets `report`: set `write` before you deploy over an installation that writes"},
	}
}

// Required names the variables without which a function does not start.
func Required(function string) (names []string) {
	for _, v := range Variables() {
		if slices.Contains(v.For, function) {
			names = append(names, v.Name)
		}
	}
	return names
}

// Slips gives the variables of an environment (NAME=VALUE each) that nobody reads and whose
// names are one slip from one that is read, which follows it.
func Slips(environment []string) (slips [][2]string) {
	all := Variables()
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(all, func(v Variable) bool { return v.Name == name }) {
			continue
		}
		for _, v := range all {
			if rule.Near(strings.ToLower(name), strings.ToLower(v.Name)) {
				slips = append(slips, [2]string{name, v.Name})
				break
			}
		}
	}
	return slips
}
