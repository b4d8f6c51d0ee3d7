package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/localcloud"
)

func TestTheAlarmsInTheRepositoryAreThoseOfTheTable(t *testing.T) {
	const name = "../../../functions/alarms.json"
	want, err := doctor.AlarmFile()
	require.NoError(t, err)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(name, want, 0o600))
	}
	is, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), string(is), "UPDATE_GOLDEN=1 go test writes it anew")
	code, out, _ := vodctl(t, nil, "help", "alarms")
	require.Zero(t, code)
	for _, a := range doctor.Alarms() {
		require.Contains(t, out, a.Name)
		require.Contains(t, []string{"high", "medium"}, a.Severity)
		require.NotEmpty(t, a.Do)
	}
	_, out, _ = vodctl(t, nil, "help", "metrics")
	for _, m := range doctor.Metrics() {
		require.Contains(t, out, "vodcurator_"+m.Name)
		require.NotEmpty(t, m.Help)
	}
}

// line is Prometheus's text form of a sample.
var sampleLine = regexp.MustCompile(`^vodcurator_[a-z_]+(\{[a-z]+="([^"\\]|\\[\\n"])*"(,[a-z]+="([^"\\]|\\[\\n"])*")*\})? -?[0-9.]+$`)

func TestMetricsSayWhatIsThereAndLeaveOutWhatIsUnknown(t *testing.T) {
	w := newWard(t, localcloud.Options{})
	w.letters("the title is too long", 2)
	log := file(t, "log.jsonl", strings.Join([]string{
		`{"level":"INFO","msg":"metadata","messages":3,"outcomes":{"done":2,"failed":1},"sent_back":1,"dead_letters":0,"found":1}`,
		`{"level":"INFO","msg":"metadata","messages":2,"outcomes":{"done":2},"sent_back":0,"dead_letters":1,"found":0}`,
		`{"functionName":"autotag","message":"{\"level\":\"ERROR\",\"msg\":\"autotag\",\"summary\":{\"notices\":4,\"seen\":20,\"late\":7.5}}"}`,
		`{"level":"INFO","msg":"autotag","summary":{"late":3}}`,
		`{"level":"INFO","msg":"callback refused","status":403,"why":"x"}`, `{"level":"INFO","msg":"callback refused","status":403}`,
		`{"level":"INFO","msg":"purgeplan","over":["count","bytes"],"missed":2}`, `{"level":"INFO","msg":"purge","removed":"many","bytes":1500,"results":{"removed":3}}`,
		`{"level":"INFO","msg":"purge","results":{"a\u202eb":1}}`,
		`{"level":"ERROR","msg":"metadata: the messages stay where they are"}`,
		"FC Invoke Start RequestId: 1", strings.Repeat("x", 2<<20), `{"msg":7}`, `[]`,
	}, "\n"))
	code, out, errs := vodctl(t, w.env, "metrics", "--log", log, "--manifest", "../../../s.yaml")
	require.Zero(t, code, errs)
	require.Equal(t, "vodctl: 4 lines of "+log+" are no record of the functions\n", errs)
	t.Log("\n" + out)
	for _, want := range []string{
		`vodcurator_queue_messages{queue="vodcurator-dead",state="waiting"} 2`, `vodcurator_stream_running{function="metadata",queue="vodcurator-metadata"} 1`,
		`vodcurator_state_objects{prefix="plans/"} 1`, `vodcurator_halted 0`, `vodcurator_plan_items{duty="remove"} 0`,
		`vodcurator_change_outcomes_total{result="done"} 4`, `vodcurator_change_outcomes_total{result="failed"} 1`, `vodcurator_dead_letters_total 1`,
		`vodcurator_event_late_seconds 7.5`, `vodcurator_callbacks_refused_total{status="403"} 2`, `vodcurator_guard_trips_total 2`, `vodcurator_sweep_seen_total 20`,
		`vodcurator_removed_bytes_total 1500`, `vodcurator_invocations_total{function="metadata",outcome="failed"} 1`, `vodcurator_invocations_total{function="autotag",outcome="failed"} 1`,
	} {
		require.Contains(t, "\n"+out, "\n"+want+"\n")
	}
	require.NotContains(t, out, "removed_items_total", "a text is no number")
	require.NotContains(t, out, "queue_oldest_seconds{queue=\"vodcurator-bulk\"}", "an empty queue has no oldest message")
	require.NotContains(t, out, `duty="move"`, "there is no such plan")
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "#") {
			require.Regexp(t, sampleLine, strings.TrimSuffix(line, "\n"))
		}
	}

	w.as(policyOf(t, allows(`["mns:*"]`)), 0)
	w.env["STATE"] = "oss://vodcurator-none/v1"
	code, out, errs = vodctl(t, w.env, "metrics", "-o", "json")
	require.Zero(t, code, errs)
	var all []doctor.Sample
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	for _, one := range all {
		require.Equal(t, "unasked", one.Metric, "%+v", one)
	}
	require.True(t, slices.ContainsFunc(all, func(s doctor.Sample) bool { return s.Labels[0] == "state" }))
	require.Contains(t, errs, "not asked: state: ")
}
