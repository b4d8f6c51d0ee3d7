package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

func TestNothingWaitsOnlyWhereEverythingWasAsked(t *testing.T) {
	c, env, _ := edited(t)
	env["METADATA_QUEUE"], env["DEAD_LETTER_QUEUE"], env["METADATA_BULK_QUEUE"] = "metadata", "dead", ""
	c.MNS.Create("metadata")
	c.MNS.Create("dead")
	code, out, errs := vodctl(t, env, "status")
	require.Zero(t, code, errs)
	require.Contains(t, out, "Nothing waits for you.")
	require.NotContains(t, out, "not known")
	_, out, _ = vodctl(t, env, "status", "-o", "json")
	require.NotContains(t, out, "0001-01-01", "what never was has no moment")
	require.NotContains(t, out, "made a plan")

	env["MNS_ENDPOINT"] = "http://127.0.0.1:1"
	code, out, errs = vodctl(t, env, "status")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "Nothing waits")
	require.Contains(t, out, "Whether more waits for you is not known: METADATA_QUEUE, DEAD_LETTER_QUEUE could not be asked.")
}

// To look at dead letters takes them for a while: they wait all the same.
func TestDeadLettersThatAreTakenWait(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "bad"})
	must(vodctl(t, env, "dlq", "list"))(t)
	require.Contains(t, must(vodctl(t, env, "status"))(t), "1 dead letter nobody can carry out")
}
