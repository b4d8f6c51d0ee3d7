package removal_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report/removal"
	stored "vodcurator/shared/state/removal"
)

// One media that waits is in every plan since, and one message a night is enough.
func TestWhatWaitsForTheSameReasonIsToldOnce(t *testing.T) {
	told := removal.Purged(retention.Removing, purge.Report{Plans: []purge.Applied{
		{Plan: "p1", Status: purge.Stopped, Why: "some items wait", Left: 1},
		{Plan: "p2", Status: purge.Stopped, Why: "some items wait", Left: 1},
		{Plan: "p3", Status: purge.Refused, Why: "it expired"},
		{Plan: "p4", Status: purge.Refused, Code: stored.IncidentOverGuards, Why: "it expired"},
		{Plan: "p5", Status: purge.Stopped, Code: stored.IncidentHalted, Why: "halted by anna", Left: 4},
	}}).Incidents(nil)
	require.Equal(t, []notify.Incident{
		{Code: stored.IncidentStopped, Text: "plan p1 stopped: some items wait"},
		{Code: stored.IncidentRefused, Text: "plan p3 refused: it expired", Plan: "p3"},
		{Code: stored.IncidentOverGuards, Text: "plan p4 refused: it expired", Plan: "p4"},
		{Code: stored.IncidentHalted, Text: "plan p5 stopped: halted by anna"},
	}, told)
}

func TestNumbersAndDatesOfAPlanStayWhatTheyAre(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	var b strings.Builder
	require.NoError(t, removal.PlanCSV(&b, func(yield func(retention.Verdict, error) bool) {
		yield(retention.Verdict{ID: "v1", Title: "=1", Created: at, Items: []retention.Item{
			{ID: "v1", Kind: retention.Stream, Part: "-job", Bytes: 1500, Rule: "+r", Reason: "-5 °C; =now"},
			{ID: "v1", Kind: retention.Source, Bytes: retention.Unknown},
		}}, nil)
	}))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"v1", "'=1", "2026-03-01T02:03:04Z", "stream", "'-job", "1500", "'+r", "'-5 °C;' =now", ""}, rows[1])
	require.Equal(t, []string{"v1", "'=1", "2026-03-01T02:03:04Z", "source", "", "", "", "", ""}, rows[2])
}

func TestAPlanThatMovesIsWordedAsOne(t *testing.T) {
	for want, moves := range map[string][]stored.MoveTotals{
		"0 assets in the library, it moves nothing\n": nil,
		"0 assets in the library, it moves 2 assets to IA (5 B), 1 source file to Archive (3 B, also before the minimum time of their class is over)\n": {
			{To: "IA", Scope: retention.AllParts, Totals: stored.Totals{Media: 2, Items: 2, Bytes: 5}},
			{To: "Archive", Scope: retention.SourcePart, Early: true, Totals: stored.Totals{Media: 1, Items: 1, Bytes: 3}},
		},
	} {
		var b strings.Builder
		require.NoError(t, removal.Plan(&b, stored.Plan{Duty: retention.Moving, Moves: moves}))
		require.Contains(t, b.String(), want)
	}
}
