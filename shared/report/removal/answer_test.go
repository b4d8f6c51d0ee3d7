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
	prices := retention.Prices{Currency: "CNY", PerGB: map[string]float64{"Standard": 0.12, "IA": 0.2}, PerMove: map[string]float64{"IA": 100}}
	var b strings.Builder
	require.NoError(t, removal.PlanCSV(&b, stored.Plan{Created: at}, prices, func(yield func(retention.Verdict, error) bool) {
		yield(retention.Verdict{ID: "v1", Title: "=1", Created: at, Items: []retention.Item{
			{ID: "v1", Kind: retention.Stream, Part: "-job", Bytes: 1500, Rule: "+r", Reason: "-5 °C; =now"},
			{ID: "v1", Kind: retention.Source, Bytes: retention.Unknown},
			{ID: "v1", Kind: retention.Move, Part: retention.AllParts, To: "IA", Bytes: 10e9},
		}}, nil)
	}))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"v1", "'=1", "2026-03-01T02:03:04Z", "stream", "'-job", "1500", "'+r", "'-5 °C;' =now", "", "0.00000018", "0", "0", "CNY"}, rows[1])
	require.Equal(t, []string{"v1", "'=1", "2026-03-01T02:03:04Z", "source", "", "", "", "", "", "", "", "", ""}, rows[2])
	require.Equal(t, []string{"IA", "-0.8", "0.01", "never", "CNY"}, rows[3][8:], "moving to a dearer class is never paid back")
}

func TestMoneyIsWordedAsItIs(t *testing.T) {
	for want, m := range map[string]retention.Money{
		"saves nobody knows what: no price or size for 2 items\n":                                              {Unpriced: 2},
		"saves nobody knows what: 2 items in two storage classes, and VOD does not tell how much is in each\n": {Unpriced: 2, Split: 2},
		"saves 1.00 CNY a month; 1 item in two storage classes":                                                {Month: 1, Unpriced: 1, Split: 1},
		"saves -1.00 CNY a month, which never pays back: it costs more every month\n":                          {Month: -1},
		"saves 30.00 CNY a month, less once 1.00 for requests, paid back in 1 day\n":                           {Month: 30, Moves: 1},
		"saves 30.00 CNY a month, less once 1.00 for retrieval and 1.00 for requests, paid back in 2 days\n":   {Month: 30, Moves: 1, Retrieval: 1},
	} {
		var b strings.Builder
		p := stored.Plan{Totals: stored.Totals{Items: 2}, Saving: &stored.Saving{Money: m, Currency: "CNY"}}
		require.NoError(t, removal.Plan(&b, p))
		require.Contains(t, b.String(), want)
	}
}

// What the library still changes is under way, whatever stopped the run.
func TestWhatIsUnderWayWaitsForNobody(t *testing.T) {
	a := removal.Purged(retention.Moving, purge.Report{Plans: []purge.Applied{{Status: purge.Stopped, Left: 42, Changing: 20}, {Status: purge.UnderWay, Left: 3, Changing: 3}}})
	require.Equal(t, []int{22, 23}, []int{a.Left, a.UnderWay})
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
