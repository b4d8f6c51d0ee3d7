package functions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// A last day that a person sets goes by the queue to metadata, which tags the asset; when the
// day is over, a plan lists it, a person approves, and purge removes it. One whose last day is
// taken back behind the approval stays.
func TestALastDayGoesFromTheQueueToThePurge(t *testing.T) {
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"POLICY_FILE": "policy.yaml"}})
	putPolicy(t, c, "expire: {tag: expires}\nholds: {tags: [keep, hold, legal-hold, never-delete], until: hold-until}\nguards: {count: 10, percent: 100, unknown: 10}\n")
	var ids []string
	for i := range 3 {
		ids = append(ids, c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprint("clip ", i), Tags: "boat", Status: "Normal", Created: c.Now(), Modified: c.Now(), Size: 1000, Duration: 60,
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Size: 1000, Duration: 60}}})[0])
	}
	gone, taken, stays := ids[0], ids[1], ids[2]
	operator := func(args ...string) string {
		t.Helper()
		out, err := vodctl(t, c, "operator-policy.json", args...)
		require.NoError(t, err, out)
		return out
	}
	tagged := func(id string, with bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			a, _ := c.VOD.Lookup(id)
			return strings.Contains(a.Tags, "expires:") == with && strings.Contains(a.Tags, "boat")
		}, 30*time.Second, 50*time.Millisecond)
	}
	last := time.Now().UTC().AddDate(0, 0, 1) // vodctl's clock
	operator("expire", gone, taken, "--on", last.Format(time.DateOnly), "--yes")
	tagged(gone, true)
	tagged(taken, true)

	var planned struct {
		Plan  string
		Items int
	}
	list := func() {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(tick(t, c, "purgeplan")), &planned))
	}
	c.Advance(time.Until(last.Truncate(24*time.Hour)) + 35*time.Hour) // the day has ended, and in the west of the world it has not
	list()
	require.Zero(t, planned.Items)
	c.Advance(24 * time.Hour)
	list()
	require.Equal(t, 2, planned.Items)
	require.Contains(t, operator("plan", "explain", gone, taken, stays, "--plan", planned.Plan), "its tag expires:"+last.Format(time.DateOnly))
	tick(t, c, "purge")
	require.Equal(t, 3, c.VOD.Len(), "nobody has approved")

	operator("approve", planned.Plan, "--yes")
	operator("expire", taken, "--clear", "--yes")
	tagged(taken, false)
	require.Contains(t, tick(t, c, "purge"), `"removed":1`)
	_, there := c.VOD.Lookup(gone)
	require.False(t, there)
	for _, id := range []string{taken, stays} {
		_, there := c.VOD.Lookup(id)
		require.True(t, there)
	}
	require.Contains(t, operator("ledger", "verify"), "1 item removed")
}
