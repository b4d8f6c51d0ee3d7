package calls_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/calls"
)

func TestTheOldestCallsAreForgottenTheCountersAreNot(t *testing.T) {
	l := calls.Log{Keep: 3}
	for i := range 5 {
		l.Add(calls.Call{Op: "Get", Detail: fmt.Sprint(i)})
	}
	l.Add(calls.Call{Op: "Get", Code: "NotFound", Detail: "5"})
	var kept []string
	for _, c := range l.Calls() {
		kept = append(kept, c.Detail)
	}
	require.Equal(t, []string{"3", "4", "5"}, kept)
	require.Equal(t, 6, l.Count("Get"))
	require.Equal(t, map[calls.Key]int{{Op: "Get"}: 5, {Op: "Get", Code: "NotFound"}: 1}, l.Counts())
	l.Reset()
	require.Empty(t, l.Calls())
	require.Zero(t, l.Count("Get"))
}

func TestAStrangerCannotMakeTheLogGrow(t *testing.T) {
	var l calls.Log
	for i := range 5000 {
		l.Add(calls.Call{Op: fmt.Sprint("Nonsense", i), Code: "NotFound"})
	}
	require.LessOrEqual(t, len(l.Counts()), 1001)
	require.Equal(t, 4000, l.Count("(others)"))
	l.Add(calls.Call{Op: strings.Repeat("標", 1<<20), KeyID: strings.Repeat("k", 1<<20), Detail: strings.Repeat("d", 1<<20)})
	last := l.Calls()[5000]
	require.Less(t, len(last.Op)+len(last.KeyID)+len(last.Detail), 4000)
}
