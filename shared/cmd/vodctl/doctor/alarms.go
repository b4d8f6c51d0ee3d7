package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Alarm is a condition on the functions' log records that needs a person.
type Alarm struct {
	Name     string // one word
	Title    string
	Record   string  // of which it is counted; see Metric; *: of any
	Field    string  // empty: the records are counted
	Per      string  // a field by whose sum the value is divided
	Where    string  // a further condition on a record, in the log service's SQL
	Most     bool    // the largest value counts, and not the sum
	Window   int     // hours
	Above    float64 // the value that is too much; with Missing: the least there must be
	Missing  bool    // the alarm is that there are fewer
	Severity string  // high: something stands still or is lost; medium: look today
	Do       string
}

// Alarms lists them, the urgent ones first.
func Alarms() []Alarm {
	return []Alarm{
		{Name: "sweep-silent", Title: "autotag has left no record for three hours", Record: "autotag", Window: 3, Above: 1, Missing: true, Severity: "high",
			Do: "The hourly sweep does not run. vodctl doctor: function autotag, its trigger sweep and its role."},
		{Name: "messages-stay", Title: "metadata cannot work on its messages", Record: "metadata: the messages stay where they are", Window: 1, Severity: "high",
			Do: "Nothing is lost, the messages come again. The record's error says why; vodctl doctor says whether rules, STATE or rights are the cause."},
		{Name: "failed", Title: "An invocation failed", Record: "*", Where: "level = 'ERROR'", Window: 1, Severity: "high",
			Do: "The record's error says why. Function Compute calls again; if it stays, vodctl doctor."},
		{Name: "dead-letters", Title: "Messages became dead letters", Record: "metadata", Field: "dead_letters", Window: 1, Severity: "high",
			Do: "vodctl dlq list shows each with its reason; mend the cause, then vodctl dlq redrive, edit or drop."},
		{Name: "queue-old", Title: "A queue has an old message", Record: "watch", Field: "oldest", Most: true, Window: 2, Above: 3600, Severity: "high",
			Do: "Nobody takes from it. vodctl doctor says whether its event stream has stopped, the function fails or the queue is longer than the rate."},
		{Name: "dead-letters-wait", Title: "Dead letters wait", Record: "watch", Field: "dead", Most: true, Window: 2, Severity: "medium",
			Do: "vodctl dlq list. Those that no function wrote were put there by the platform: their function did not even start."},
		{Name: "callbacks-refused", Title: "Callbacks are refused", Record: "callback refused", Where: "status = '403'", Window: 1, Above: 10, Severity: "high",
			Do: "VOD signs with a key or an address that the function does not have: vodctl doctor compares both, vodctl help keys changes them. A few are strangers knocking."},
		{Name: "callbacks-not-passed", Title: "Callbacks could not be put into their queue", Record: "callback not passed on", Window: 1, Above: 3, Severity: "high",
			Do: "VOD tries three times, then the sweep finds the asset. vodctl doctor: queue and role of callback."},
		{Name: "callbacks-lost", Title: "More than 5% of what sweeps saw was never announced", Record: "metadata", Field: "found", Per: "summary.seen", Window: 24, Above: 0.05, Severity: "medium",
			Do: "Events do not arrive. vodctl doctor: callback, its events, and the stream from the notice queue."},
		{Name: "events-late", Title: "Events are acted on an hour after they happened", Record: "autotag", Field: "summary.late", Most: true, Window: 2, Above: 3600, Severity: "medium",
			Do: "vodctl queue stats: a backlog passes by itself at the rate of RATE_SHARE; a stopped stream does not."},
		{Name: "no-plan", Title: "No plan was made for a day and a half", Record: "purgeplan", Window: 36, Above: 1, Missing: true, Severity: "medium",
			Do: "Nothing leaves without a plan. vodctl doctor: function purgeplan, its trigger and policy. Not for an installation without a policy."},
		{Name: "guard-trips", Title: "A plan is over a guard", Record: "purgeplan", Field: "over", Window: 24, Severity: "medium",
			Do: "Nothing was removed. vodctl plan show says which guard; let a backlog through with vodctl approve PLAN --first N, or mend the policy."},
		{Name: "nights-missed", Title: "Nights without a plan", Record: "purgeplan", Field: "missed", Most: true, Window: 24, Severity: "medium",
			Do: "Grace became longer, never shorter. Look into purgeplan's log of those nights."},
		{Name: "remove-failed", Title: "Items could not be removed, or what came of them is unknown", Record: "purge", Field: "results.failed", Window: 24, Severity: "medium",
			Do: "vodctl ledger report, then the record's plan: vodctl plan explain ID. The next run looks at them again."},
		{Name: "move-failed", Title: "Items could not be moved", Record: "tier", Field: "results.failed", Window: 24, Severity: "medium",
			Do: "vodctl ledger report. VOD refuses to move what is too small, encrypted or under way."},
	}
}

// message is a field of a record in the log service's SQL.
func message(field string) string { return "json_extract_scalar(message, '$." + field + "')" }

// query counts a field of a record over a window. The functions write JSON, which the
// platform puts into the field message of a log line. It was not tried on an account.
func query(record, field, per, where string, most bool) string {
	value := "count(1)"
	switch {
	case per != "":
		value = fmt.Sprintf("sum(cast(%s as double)) / sum(cast(%s as double))", message(field), message(per))
	case field == "over": // a list
		value = "coalesce(sum(json_array_length(json_extract(message, '$." + field + "'))), 0)"
	case field != "" && most:
		value = "coalesce(max(cast(" + message(field) + " as double)), 0)"
	case field != "":
		value = "coalesce(sum(cast(" + message(field) + " as double)), 0)"
	}
	condition := message("msg") + " = '" + record + "'"
	if record == "*" {
		condition = message("msg") + " <> ''"
	}
	if per != "" {
		condition = message("msg") + " in ('autotag', 'metadata')"
	}
	if where != "" {
		name, rest, _ := strings.Cut(where, " ")
		condition += " and " + message(name) + " " + rest
	}
	return "* | select " + value + " as value from log where " + condition
}

type alarmRule struct {
	Name      string `json:"name"`
	Title     string `json:"displayName"`
	Severity  string `json:"severity"`
	Query     string `json:"query"`
	Window    string `json:"window"`
	Condition string `json:"condition"`
	Do        string `json:"description"`
}

type chart struct {
	Title string `json:"title"`
	Help  string `json:"description"`
	Query string `json:"query"`
}

// AlarmFile is the text of functions/alarms.json: alarm rules and the charts of a dashboard
// for the log service, over the log store of the functions.
func AlarmFile() ([]byte, error) {
	var file struct {
		Alarms    []alarmRule `json:"alarms"`
		Dashboard []chart     `json:"dashboard"`
	}
	for _, a := range Alarms() {
		condition := fmt.Sprintf("value > %g", a.Above)
		if a.Missing {
			condition = fmt.Sprintf("value < %g", a.Above)
		}
		file.Alarms = append(file.Alarms, alarmRule{a.Name, a.Title, a.Severity, query(a.Record, a.Field, a.Per, a.Where, a.Most), fmt.Sprintf("%dh", a.Window), condition, a.Do})
	}
	for _, m := range Metrics() {
		if m.Record != "" && m.Record != "*" && len(m.Labels) == 0 {
			file.Dashboard = append(file.Dashboard, chart{m.Name, m.Help, query(m.Record, m.Field, "", "", m.Most)})
		}
	}
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // conditions are read by people, too
	err := out.Encode(file)
	return text.Bytes(), err
}
