package functions_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
)

// The hourly tick tells of dead letters once, with the rights that its role has; and where a
// right is missing it says that once.
func TestTheHourlyTickTellsOfQueues(t *testing.T) {
	var mu sync.Mutex
	var got []string
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var n struct{ Code, Text string }
		if err == nil && json.Unmarshal(body, &n) == nil {
			mu.Lock()
			got = append(got, n.Code+": "+n.Text)
			mu.Unlock()
		}
	}))
	defer hooks.Close()
	told := func() string {
		mu.Lock()
		defer mu.Unlock()
		text := strings.Join(got, "\n")
		got = nil
		return text
	}
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"NOTIFY_URL": hooks.URL}, Start: time.Date(2026, 6, 1, 1, 20, 0, 0, time.UTC)})
	c.Advance(time.Hour)
	require.Empty(t, told(), "all is well")
	body, err := events.EncodeDeadLetter(events.DeadLetter{Body: []byte("{}"), Reason: "the title is too long"})
	require.NoError(t, err)
	_, err = c.MNS.Enqueue("vodcurator-dead", base64.StdEncoding.EncodeToString(body))
	require.NoError(t, err)
	c.Advance(time.Hour)
	require.Equal(t, "dead-letters: queue vodcurator-dead holds a few dead letters; vodctl dlq list shows why", told())
	c.Advance(time.Hour)
	require.Empty(t, told(), "it was told")
	for _, call := range append(c.MNS.Calls(), c.OSS.Calls()...) {
		require.NotEqual(t, 403, call.Status, "%+v", call)
	}
	policy, _ := c.Keys.Role("vodcurator-autotag")
	narrow := fakeram.Policy{Version: "1"}
	for _, s := range policy.Statement {
		if !strings.Contains(s.Action[0], "Peek") {
			narrow.Statement = append(narrow.Statement, s)
		}
	}
	c.Keys.SetRole("vodcurator-autotag", &narrow)
	c.Advance(time.Hour)
	require.Contains(t, told(), "unasked: queue vodcurator-dead cannot be looked at: autotag's role lacks mns:BatchPeekMessage")
	c.Advance(time.Hour)
	require.Empty(t, told(), "said once")
}
