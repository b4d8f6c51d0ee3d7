package removal_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// A state as 64806e4 wrote it in five nights of June 2026: a plan that its run brought to its
// end, a takedown, and plans that are withdrawn, running, approved and planned; a halt, and
// the word that took it back.
func TestTheStateOfVersion1IsRead(t *testing.T) {
	s, plans := version1(t)
	now := time.Date(2026, 6, 5, 3, 0, 0, 0, time.UTC)
	require.Empty(t, statetest.Faulty(t, s, now))

	want := map[string]removal.StatusDetail{
		"ended":     {At: time.Date(2026, 6, 1, 3, 0, 0, 0, time.UTC), By: "anna", Freed: removal.Totals{Media: 5, Items: 5, Bytes: 3500, Unknown: 1}},
		"withdrawn": {At: time.Date(2026, 6, 2, 2, 0, 0, 0, time.UTC), By: "otto", Why: "a mistake"},
		"running":   {At: time.Date(2026, 6, 3, 2, 0, 0, 0, time.UTC), By: "anna"},
		"approved":  {At: time.Date(2026, 6, 4, 2, 0, 0, 0, time.UTC), By: "anna"},
		"planned":   {At: time.Date(2026, 6, 5, 2, 0, 0, 0, time.UTC)},
	}
	for status, detail := range want {
		p, err := removal.ReadPlan(t.Context(), s, plans[status])
		require.NoError(t, err, status)
		got, gotDetail, err := removal.StatusOf(t.Context(), s, p, now)
		require.NoError(t, err, status)
		require.Equal(t, removal.PlanStatus(status), got)
		require.Equal(t, detail, gotDetail, status)
		items := 0
		for v, err := range p.Entries(t.Context(), s) {
			require.NoError(t, err, status)
			items += len(v.Items)
		}
		require.Equal(t, p.Items, items, status)
		require.Positive(t, items, status)
	}

	latest, skipped, err := removal.LatestPlan(t.Context(), s, func(removal.Plan) bool { return true }, now)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, plans["planned"], latest.ID)

	r, err := removal.VerifyLedger(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 6}, r.Results)
	require.Equal(t, []string{plans["ended"], plans["takedown"]}, []string{r.Plans[0].Plan, r.Plans[1].Plan})
	require.Equal(t, 5, r.Segments)
	require.Zero(t, r.Open)

	images, damaged, err := removal.LoadPast(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, damaged)
	require.True(t, images.Gone("p", "NormalSnapshot"))
	require.False(t, images.Gone("a", "NormalSnapshot"))

	halt, err := removal.HaltState(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, removal.Halt{Version: 1, By: "otto", At: time.Date(2026, 6, 4, 3, 0, 0, 0, time.UTC)}, halt)

	days, err := removal.Reconcile(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, []removal.Reconciled{{Day: "2026-06-01", Removed: 3, Confirmed: 1, Silent: []video.ID{"b", "urgent"}}}, days)

	// What is written now goes on from there.
	l, err := removal.OpenLedger(t.Context(), s, "purge", "next")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, At: now}))
	require.Equal(t, 6, l.Last())
	require.NoError(t, removal.SetHalt(t.Context(), s, removal.Halt{Halted: true, By: "anna", At: now}))
	require.ErrorIs(t, removal.CheckHalt(t.Context(), s), removal.ErrHalted)
	require.Empty(t, statetest.Faulty(t, s, now))
}

// version1 reads the state, and which plan is where.
func version1(t *testing.T) (s *statetest.Memory, plans map[string]string) {
	t.Helper()
	file, err := os.Open("testdata/state-v1.jsonl")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	s = &statetest.Memory{}
	for lines := json.NewDecoder(file); ; {
		var line struct {
			Key, Body string
			Plans     map[string]string
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if plans = line.Plans; line.Key != "" {
			require.NoError(t, s.Create(t.Context(), line.Key, []byte(line.Body)))
		}
	}
	require.Subset(t, slices.Collect(maps.Keys(s.Prefixes())), []string{
		"plans/", "parts/", "approvals/", "withdrawn/", "runs/", "ended/", "ledger/", "halt/", "lease/", "drafts/", "gone/",
	})
	return s, plans
}
