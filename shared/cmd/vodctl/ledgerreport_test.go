package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

const pricedPolicy = `
rules:
  - {name: cool, older_than: 30d, move: {to: IA, scope: all, early: true}}
  - {name: gone, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
prices:
  currency: CNY
  per_gb_month: {Standard: 0.12, IA: 0.08, Archive: 0.033}
  retrieval_per_gb: {IA: 0.0325}
  per_10000_moves: {IA: 0.1, Standard: 0.1}
`

// booked writes a plan and what came of its items: an outcome for each, empty for none.
func booked(t *testing.T, o *state.Store, p removal.Plan, prices *retention.Prices, lines []retention.Verdict, outcomes ...video.Result) removal.Plan {
	t.Helper()
	out := removal.Lines{Objects: o}
	p.Scope, p.Expires = video.Scope{Region: "cn-shanghai", Account: "1234"}, p.Created.AddDate(0, 0, 7)
	if prices != nil {
		p.Saving = &removal.Saving{Currency: prices.Currency}
	}
	for _, v := range lines {
		require.NoError(t, out.Add(t.Context(), v))
		p.Add(v.Items...)
		if prices != nil {
			p.Saving.Add(prices.Of(v.Items[0], v.Class, v.InClass(p.Created)))
		}
	}
	require.NoError(t, out.Flush(t.Context()))
	p.Chunks = out.Written
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	l, err := removal.OpenLedger(t.Context(), o, "purge", "r")
	require.NoError(t, err)
	for i, result := range outcomes {
		row := removal.Row{Event: removal.Intent, At: p.Created.Add(24 * time.Hour), Tick: p.Created, Run: "r", Plan: p.ID, By: "anna", Item: lines[i].Items[0]}
		require.NoError(t, l.Append(t.Context(), row))
		if row.Event, row.Result = removal.Outcome, result; result != "" {
			require.NoError(t, l.Append(t.Context(), row))
		}
	}
	return p
}

// A golden account: a plan of which all is done, one of which some is, one without prices, one
// of other prices, one of which an item has no size, and a takedown.
func TestTheLedgerReportTellsWhatWasPromisedAndWhatCameOfIt(t *testing.T) {
	dir := t.TempDir()
	o, err := state.Open(t.Context(), "file:"+dir, state.Options{})
	require.NoError(t, err)
	file, err := retention.Parse("p.yaml", []byte(pricedPolicy))
	require.NoError(t, err)
	june := time.Date(2026, 6, 1, 14, 0, 0, 0, time.UTC)
	move := func(id, class string, bytes int64, entered time.Time) retention.Verdict {
		return retention.Verdict{ID: video.ID(id), Created: june.AddDate(-1, 0, 0), Class: class, Entered: entered,
			Items: []retention.Item{{ID: video.ID(id), Kind: retention.Move, Part: retention.AllParts, To: map[bool]string{true: "IA", false: "Standard"}[class == "Standard"], Bytes: bytes, Rule: "cool"}}}
	}
	whole := func(id string, bytes int64) retention.Verdict {
		return retention.Verdict{ID: video.ID(id), Created: june.AddDate(-1, 0, 0), Class: "IA",
			Items: []retention.Item{{ID: video.ID(id), Kind: retention.Whole, Bytes: bytes, Rule: "gone"}}}
	}
	other := file.Prices
	other.PerGB = map[string]float64{"Standard": 0.2, "IA": 0.1}
	day := func(n int) removal.Plan { return removal.Plan{Created: june.AddDate(0, 0, n)} }
	moving := func(n int) removal.Plan { p := day(n); p.Duty = retention.Moving; return p }
	booked(t, o, moving(0), &file.Prices, []retention.Verdict{move("a", "Standard", 50e9, time.Time{}), move("b", "IA", 10e9, june.AddDate(0, 0, -20))}, video.Done, video.Done)
	booked(t, o, day(1), &file.Prices, []retention.Verdict{whole("c", 1e9), whole("d", 20e9), whole("e", 5e9), whole("f", 7e9)}, video.Done, video.Kept, video.Unknown, "")
	booked(t, o, day(2), nil, []retention.Verdict{whole("g", 1e9)}, video.Done)
	booked(t, o, moving(3), &other, []retention.Verdict{move("h", "Standard", 1e9, time.Time{})}, video.Done)
	booked(t, o, moving(4), &file.Prices, []retention.Verdict{move("i", "Standard", retention.Unknown, time.Time{}), move("j", "Standard", 3e9, time.Time{})}, video.Done, video.Failed)
	l, err := removal.OpenLedger(t.Context(), o, "takedown", "r")
	require.NoError(t, err)
	row := removal.Row{Event: removal.Intent, At: june.AddDate(0, 0, 5), Plan: "takedown-20260606T140000Z-x", By: "otto", Item: whole("k", 2e9).Items[0]}
	require.NoError(t, l.Append(t.Context(), row))
	row.Event, row.Result = removal.Outcome, video.Done
	require.NoError(t, l.Append(t.Context(), row))
	require.NoError(t, o.Close())

	env := map[string]string{"STATE": "file:" + dir, "ALIBABA_CLOUD_ACCOUNT_ID": "1234", "POLICY_FILE": policyFile(t, pricedPolicy)}
	for _, format := range []string{"table", "csv", "json"} {
		code, out, errs := vodctl(t, env, "ledger", "report", "-o", format)
		require.Zero(t, code, errs)
		require.Empty(t, errs)
		golden := filepath.Join("testdata", "ledger-report."+format)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(golden, []byte(out), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), out, format)
	}

	// Without the prices what was kept is not known, and nothing says 0.
	env["POLICY_FILE"] = policyFile(t, "rules: [}")
	code, out, errs := vodctl(t, env, "ledger", "report", "-o", "csv")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "what was kept has no price")
	require.Contains(t, out, "1.60 CNY,no price")
}

func policyFile(t *testing.T, text string) string { return file(t, "policy.yaml", text) }
