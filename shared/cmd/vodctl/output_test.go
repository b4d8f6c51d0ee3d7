package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// titled writes a plan whose every text from outside is this one, of an asset that a
// local cloud has, and gives the environment, the plan and the asset's id.
func titled(t *testing.T, text string) (map[string]string, removal.Plan, string) {
	t.Helper()
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	old := time.Now().AddDate(0, 0, -100)
	ids := cloud.VOD.Seed(fakevod.Asset{Kind: "video", Title: text, Description: text, Tags: "temp," + text, Status: "Normal", Created: old, Modified: old, Size: 1000, UserData: text})
	env := cloud.Env()
	env["STATE"] = "file:" + t.TempDir()
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	now := time.Now().UTC().Truncate(time.Second)
	item := retention.Item{ID: "a1", Kind: retention.Whole, Bytes: 1500, Rule: "temporary", Reason: "40d since upload: " + text}
	lines, leaving := removal.Lines{Objects: store}, removal.Lines{Objects: store}
	require.NoError(t, lines.Add(t.Context(), retention.Verdict{ID: "a1", Title: text, Items: []retention.Item{item}}))
	require.NoError(t, lines.Flush(t.Context()))
	require.NoError(t, leaving.Add(t.Context(), removal.Pending{Item: item, Title: text, Created: now, Since: now, Last: now, Due: now}))
	require.NoError(t, leaving.Flush(t.Context()))
	p := removal.Plan{
		Created: now, Expires: now.AddDate(0, 0, 7), Scope: video.Scope{Region: env["ALIBABA_CLOUD_REGION"], Account: env["ALIBABA_CLOUD_ACCOUNT_ID"]}, Policy: retention.Default().Hash,
		Library: removal.Library{Media: 30}, Chunks: lines.Written, Pending: leaving.Written, PendingItems: 1, Biggest: []removal.Big{{Item: item, Title: text}},
		Near: []retention.Keep{{ID: "a2", Why: retention.Held, Reason: "tag \"" + text + "\" holds"}},
	}
	p.Add(item)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), store, p))
	return env, p, ids[0]
}

func TestNoTitleCommandsTheTerminalOrForgesALine(t *testing.T) {
	text := "a\x1b]0;owned\x07\x1b[2Kb\u009b2K\u202ec\u200bd\u2028e\nPlan forged\r\x7f\ufeff"
	env, p, id := titled(t, text)
	for _, args := range [][]string{
		{"plan", "show"}, {"plan", "show", "--csv"}, {"plan", "show", "--items"}, {"plan", "show", "-o", "json"}, {"plan", "list"}, {"plan", "explain", id}, {"plan", "explain", id, "-o", "json"},
		{"leaving"}, {"leaving", "-o", "json"}, {"takedown", id, "--reason", "x"}, {"rules", "explain", id}, {"rules", "explain", id, "-o", "json"}, {"retag"}, {"retag", "-o", "json"}, {"approve", p.ID},
		{"plan", "show", text}, {"approve", text},
		{"library", "summary", "--by", "title,tags"}, {"library", "find", "true"}, {"library", "find", "true", "-o", "json"}, {"library", "find", "true", "-o", "csv"}, {"library", "problems"}, {"tags", "list"}, {"tags", "list", "-o", "json"},
		{"tags", "remove", text}, {"edit", "true", "--add", "a"}, {"edit", "true", "--title", "b", "-o", "json"}, {"edit", text, "--title", "b"}, {"media", "get-video-info", id}, {"media", "search-media", "-o", "json"}, {"media", text},
	} {
		name := strings.Join(args, " ")
		_, out, errs := vodctl(t, env, args...)
		require.NotEmpty(t, out+errs, name)
		for _, r := range strings.ReplaceAll(out+errs, "\n", "") {
			require.False(t, video.Unseen(r), "vodctl %s: %U in %q", name, r, out+errs)
		}
		for line := range strings.Lines(out + errs) {
			require.False(t, strings.HasPrefix(strings.TrimSpace(line), "Plan forged"), "vodctl %s: %s", name, out+errs)
		}
	}
	_, out, errs := vodctl(t, env, "leaving", "-o", "json")
	var all []removal.Pending
	require.NoError(t, json.Unmarshal([]byte(out), &all), errs)
	require.Equal(t, text, all[0].Title, "a program gets the value as it is")
}

func TestNoTitleRunsInASpreadsheet(t *testing.T) {
	for name, title := range map[string]string{
		"equals": "=1+1", "plus": "+1", "minus": "-1", "at": "@SUM(1)", "tab": "\t=1", "CR": "\r=1", "line feed": "\n=1+1", "full-width equals": "＝1+1", "full-width plus": "＋1", "full-width minus": "－1", "full-width at": "＠SUM(1)",
		"blank": " =1+1", "semicolon": "a;=1+1", "tab inside": "a\t=1+1", "quote": "\"=1+1", "NBSP": "\u00a0=1+1", "BOM": "\ufeff=1+1", "zero width": "\u200b=1+1",
	} {
		env, p := plannedLike(t, func(*removal.Plan) {})
		store, err := state.Open(t.Context(), env["STATE"], state.Options{})
		require.NoError(t, err)
		lines := removal.Lines{Objects: store}
		item := retention.Item{ID: "a1", Kind: retention.Whole, Bytes: 1500, Rule: "temporary", Reason: "40d"}
		require.NoError(t, lines.Add(t.Context(), retention.Verdict{ID: "a1", Title: title, Items: []retention.Item{item}}))
		require.NoError(t, lines.Flush(t.Context()))
		p.Created, p.Chunks = p.Created.Add(time.Minute), lines.Written
		require.NoError(t, p.Seal())
		require.NoError(t, removal.WritePlan(t.Context(), store, p))
		require.NoError(t, store.Close())
		code, out, errs := vodctl(t, env, "plan", "show", "--csv", p.ID)
		require.Zero(t, code, errs)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(rows[1][1], "'"), "%s: %q", name, rows[1][1])
		require.Equal(t, "1500", rows[1][5], "a number stays one")
		// Where a semicolon ends a cell, none begins with a formula either.
		for cell := range strings.SplitSeq(out, ";") {
			require.False(t, strings.HasPrefix(strings.Trim(cell, " \""), "="), "%s: %q", name, out)
		}
	}
}
