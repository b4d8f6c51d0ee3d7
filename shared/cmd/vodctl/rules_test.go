package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestRulesCheckTellsAllMistakes(t *testing.T) {
	code, out, errs := vodctl(t, nil, "rules", "check", "../../decide/tagging/testdata/bad/everything.yaml")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "did you mean title?")
	require.Contains(t, errs, "vodctl: 33 mistakes in ")
	code, out, _ = vodctl(t, nil, "rules", "check", "-o", "json", "../../decide/tagging/testdata/bad/everything.yaml")
	require.Equal(t, 1, code)
	var faults []struct{ Line, Column int }
	require.NoError(t, json.Unmarshal([]byte(out), &faults))
	require.Len(t, faults, 33)

	code, out, errs = vodctl(t, nil, "rules", "check")
	require.Zero(t, code, errs)
	require.Contains(t, out, "15 rules")
	code, _, errs = vodctl(t, nil, "rules", "check", "/nowhere/rules.yaml")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no such file")

	kept := file(t, "kept.yaml", `rules: [{name: a, when: "true", add: [a]}]`)
	state := map[string]string{"STATE": "file:" + filepath.Dir(kept)}
	code, out, errs = vodctl(t, state, "rules", "check", "kept.yaml")
	require.Zero(t, code, errs)
	require.Contains(t, out, "1 rule,", "a key under STATE, as functions read it")
	require.NoError(t, os.WriteFile(kept, []byte(`rules: [{name: a}]`), 0o600))
	code, _, errs = vodctl(t, state, "rules", "check", "kept.yaml")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "kept.yaml:1:")
	code, _, errs = vodctl(t, state, "rules", "check", "gone.yaml")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "gone.yaml: no such file")
}

func TestRulesTestRunsTheTestsOfTheFile(t *testing.T) {
	code, out, errs := vodctl(t, nil, "rules", "test")
	require.Zero(t, code, errs)
	require.Equal(t, 12, strings.Count(out, "ok     "))
	code, _, errs = vodctl(t, nil, "rules", "test", "../../decide/tagging/testdata/every-key.yaml")
	require.Zero(t, code, errs)
	wrong := file(t, "wrong.yaml", `
rules: [{name: a, when: 'title == "x"', add: [a]}]
tests: [{name: one, media: {title: x}, expect: {add: [b]}}, {name: two, media: {title: y}, expect: {}}]`)
	code, out, errs = vodctl(t, nil, "rules", "test", wrong)
	require.Equal(t, 1, code)
	require.Equal(t, "FAILED one\n         add: want [b], got [a]\nok     two\n", out)
	require.Contains(t, errs, "1 of 2 tests failed")
	code, _, errs = vodctl(t, nil, "rules", "test", file(t, "none.yaml", `rules: [{name: a, when: "true", add: [a]}]`))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no tests")
}

func TestRulesShow(t *testing.T) {
	for what, want := range map[string]string{"default": "name: portrait", "schema": `"$schema"`, "facts": "short_side"} {
		code, out, errs := vodctl(t, nil, "rules", "show", what)
		require.Zero(t, code, errs)
		require.Contains(t, out, want)
	}
	code, _, _ := vodctl(t, nil, "rules", "show", "nothing")
	require.Equal(t, 2, code)
}

// TestRulesExplain makes testdata/explain.txt, which the README shows with the rules.
func TestRulesExplain(t *testing.T) {
	code, out, errs := vodctl(t, nil, "rules", "explain", "--rules", "testdata/explain.yaml", "--fixture", "testdata/explain.json")
	require.Zero(t, code, errs)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile("testdata/explain.txt", []byte(out), 0o600))
	}
	want, err := os.ReadFile("testdata/explain.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out)
	rules, err := os.ReadFile("testdata/explain.yaml")
	require.NoError(t, err)
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	for shown, text := range map[string]string{"rules": string(rules), "explain": string(want)} {
		_, part, _ := strings.Cut(string(readme), "<!-- "+shown+": begin -->\n")
		part, _, _ = strings.Cut(part, "<!-- "+shown+": end -->")
		_, part, _ = strings.Cut(part, "\n") // the fence
		require.Equal(t, strings.TrimSpace(text), strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(part), "```")), "the README shows other "+shown)
	}
	code, _, _ = vodctl(t, nil, "rules", "explain")
	require.Equal(t, 2, code)
}

// cloud is a library with n videos, of which every second is titled Promo, and one image.
func cloud(t *testing.T, n int) (*localcloud.Cloud, []string) {
	t.Helper()
	return cloudWith(t, n, nil)
}

func cloudWith(t *testing.T, n int, fault calls.Hook) (*localcloud.Cloud, []string) {
	t.Helper()
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	c := localcloud.RunT(t, localcloud.Options{Start: start.AddDate(0, 2, 0), Callback: "none", Env: map[string]string{"RATE_SHARE": "1"}, Tune: func(s *localcloud.Services) {
		s.VOD.Fault = fault
	}})
	assets := []fakevod.Asset{{Kind: "image", Title: "Cover", Status: "Normal", Created: start, Picture: &fakevod.Picture{Width: 100, Height: 100}}}
	for i := range n {
		title := "Walk"
		if i%2 == 0 {
			title = "Promo"
		}
		assets = append(assets, fakevod.Asset{
			Kind: "video", Title: fmt.Sprint(title, " ", i), Tags: "mine", Status: "Normal", Created: start.Add(time.Duration(i) * time.Hour),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 120, Width: 640, Height: 360}},
		})
	}
	return c, c.VOD.Seed(assets...)
}

func writes(c *localcloud.Cloud) (n int) {
	for _, call := range c.VOD.Calls() {
		if strings.HasPrefix(call.Op, "Update") {
			n++
		}
	}
	return n
}

func TestExplainReadsAMediaOfTheLibrary(t *testing.T) {
	c, ids := cloud(t, 1)
	code, out, errs := vodctl(t, c.Env(), "rules", "explain", ids[1])
	require.Zero(t, code, errs)
	require.Contains(t, out, `promo            matched  has_word(title, "promo"`)
	require.Regexp(t, `mine +stays +people`, out)
	code, out, errs = vodctl(t, c.Env(), "rules", "explain", "--image", ids[0], "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"square"`)
	code, _, errs = vodctl(t, c.Env(), "rules", "explain", strings.Repeat("0", 32))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not found")
	require.Zero(t, writes(c))
}

func TestRetagListsThenWritesThenFindsNothing(t *testing.T) {
	c, ids := cloud(t, 250)
	env, rules := c.Env(), filepath.Join(t.TempDir(), "rules.yaml")
	delete(env, "METADATA_QUEUE")
	code, out, errs := vodctl(t, env, "retag")
	require.Zero(t, code, errs)
	require.Contains(t, out, "250 videos looked at, 250 would change")
	require.Regexp(t, `promo +125 +125`, out)
	require.Contains(t, out, "nothing was done, --yes does it\n")
	require.Equal(t, 10, strings.Count(out, "add tags promo"), "ten examples")
	require.Zero(t, writes(c), "counted by the server")

	code, out, errs = vodctl(t, env, "retag", "--yes", "-o", "json")
	require.Zero(t, code, errs)
	var diff tag.Diff
	require.NoError(t, json.Unmarshal([]byte(out), &diff))
	require.Equal(t, 250, diff.Outcomes["done"])
	require.Equal(t, 13, writes(c), "20 in a call: ⌈250/20⌉")
	asset, _ := c.VOD.Lookup(ids[1])
	require.Equal(t, "mine,promo,landscape,sd", asset.Tags)

	code, out, errs = vodctl(t, env, "retag", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "250 videos looked at, 0 changed")
	require.Equal(t, 13, writes(c))
	require.NotContains(t, errs, "undo", "nothing was written")

	// It says how to take back what it wrote by itself.
	require.NoError(t, os.WriteFile(rules, []byte("rules:\n  - {name: r, when: 'true', add: [every]}\n"), 0o600))
	_, _, errs = vodctl(t, env, "retag", "--yes", "--rules", rules)
	hint := regexp.MustCompile(`vodctl (undo retag-\S+) takes them back`).FindStringSubmatch(errs)
	require.NotNil(t, hint, errs)
	code, out, errs = vodctl(t, env, strings.Fields(hint[1])...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "250 of 250 assets to put back")
}

func TestRetagTakesASearchAListAndImages(t *testing.T) {
	c, ids := cloud(t, 30)
	env := c.Env()
	code, out, errs := vodctl(t, env, "retag", "--from", "2026-06-01T05:00:00Z", "--to", "2026-06-01T10:00:00Z", "--title", "Walk")
	require.Zero(t, code, errs)
	require.Contains(t, out, "3 videos looked at")
	code, out, errs = vodctlIn(t, env, "# some\n"+ids[1]+" first\n\n"+ids[2]+"\n", "retag", "--ids", "-")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 videos looked at")
	code, out, errs = vodctl(t, env, "retag", "--kind", "image")
	require.Zero(t, code, errs)
	require.Contains(t, out, "add tags square")
	code, out, errs = vodctl(t, env, "retag", "--kind", "all")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "no other assets were looked at")
	for _, wrong := range [][]string{{"--kind", "film"}, {"--from", "yesterday"}} {
		code, _, _ = vodctl(t, env, append([]string{"retag"}, wrong...)...)
		require.Equal(t, 2, code)
	}
}

func TestRetagOnASnapshotNeedsNoAccountAndTellsTheSame(t *testing.T) {
	c, ids := cloud(t, 45)
	rules := file(t, "rules.yaml", `rules: [{name: a, when: 'origin == "general"', add: [own]}, {name: b, when: height < 400, add: [small]}]`)
	library := filepath.Join(t.TempDir(), "library.jsonl")
	code, _, errs := vodctl(t, c.Env(), "snapshot", library)
	require.Zero(t, code, errs)
	for _, search := range [][]string{nil, {"--from", "2026-06-01T05:00:00Z", "--to", "2026-06-01T10:00:00Z", "--title", "Walk"}, {"--tag", "mine", "--status", "Normal"}, {"--tag", "min"}, {"--status", "Blocked"}} {
		args := append([]string{"retag", "-o", "json", "--rules", rules}, search...)
		code, live, errs := vodctl(t, c.Env(), args...)
		require.Zero(t, code, errs)
		before := len(c.VOD.Calls())
		code, out, errs := vodctl(t, nil, append(args, "--library", library)...)
		require.Zero(t, code, errs)
		require.JSONEq(t, live, out, search)
		if search == nil {
			require.Contains(t, out, `"rule": "a",
      "matched": 45`, "the snapshot keeps what only a search tells")
		}
		require.Len(t, c.VOD.Calls(), before)
	}
	code, out, errs := vodctl(t, nil, "retag", "--library", library)
	require.Zero(t, code, errs)
	require.Contains(t, out, "45 video or audio files looked at, 45 would change")
	require.Contains(t, out, "this is a snapshot")
	code, out, errs = vodctlIn(t, nil, ids[1]+"\n"+ids[0]+"\n", "retag", "--library", library, "--ids", "-")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 video or audio files looked at, 1 would change\n  1 are gone", "an image is none")
	code, out, errs = vodctl(t, nil, "retag", "--library", library, "--kind", "all")
	require.Zero(t, code, errs)
	require.Contains(t, out, "46 assets looked at, 46 would change")

	for _, with := range []string{"--yes", "--labels", "--resume=x"} {
		code, _, errs := vodctl(t, c.Env(), "retag", "--library", library, with)
		require.Equal(t, 2, code)
		require.Contains(t, errs, "does not go with --library")
	}
	require.Zero(t, writes(c))
	code, _, errs = vodctl(t, nil, "retag", "--library", library+"x")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no such file")
}

func TestRetagGoesOnWhereItStopped(t *testing.T) {
	var reads atomic.Int64
	c, _ := cloudWith(t, 450, func(op, _, _ string) calls.Fault {
		if op == "BatchGetMediaInfos" && reads.Add(1) == 11 {
			return calls.Fault{Status: 403, Code: "Forbidden.RAM"}
		}
		return calls.Fault{}
	})
	env := c.Env()
	delete(env, "METADATA_QUEUE")
	resume := filepath.Join(t.TempDir(), "retag.json")
	args := []string{"retag", "--yes", "--to", "2026-07-01", "--resume", resume}
	code, out, errs := vodctl(t, env, args...)
	require.Equal(t, 1, code, out)
	require.Contains(t, errs, "the same command goes on behind")
	code, _, errs = vodctl(t, env, append(args, "--kind", "audio")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "another search")
	code, out, errs = vodctl(t, env, args...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "450 videos looked at")
	for _, asset := range c.VOD.Assets() {
		if asset.Kind == "video" {
			require.Contains(t, asset.Tags, "landscape", asset.Title)
		}
	}
	before := len(c.VOD.Calls())
	code, out, errs = vodctl(t, env, args...)
	require.Zero(t, code, errs)
	require.Contains(t, errs, "remove it to begin anew")
	require.Contains(t, out, "450 videos looked at")
	require.Len(t, c.VOD.Calls(), before)
}

func TestRetagByWayOfTheQueue(t *testing.T) {
	c, _ := cloud(t, 20)
	for _, bulk := range []string{c.Env()["METADATA_BULK_QUEUE"], ""} { // with one queue all share it
		env := c.Env()
		env["METADATA_BULK_QUEUE"] = bulk
		code, out, errs := vodctl(t, env, "retag", "--yes")
		require.Zero(t, code, errs)
		require.Contains(t, out, "20 videos looked at, 20 queued")
		require.Contains(t, errs, env["METADATA_QUEUE"]+" has them; metadata writes what its own rules want too, so deploy it with RULES_FILE as these rules first")
		require.Contains(t, errs, "vodctl undo lists its runs")
		require.Zero(t, writes(c))
		people := messages(t, c, env["METADATA_QUEUE"])
		require.Len(t, people, 1)
		m := people[0]
		if bulk != "" {
			require.Equal(t, events.Metadata{Bulk: true}, m)
			m = messages(t, c, bulk)[0]
		}
		require.Len(t, m.Retag, 20, "which assets, and by which rules; the writer decides")
		require.Equal(t, tagging.Default().Version, m.Retag[0].Rules)
	}
}

// messages takes what waits in a queue.
func messages(t *testing.T, c *localcloud.Cloud, queue string) (all []events.Metadata) {
	t.Helper()
	got, err := c.MNS.Receive(t.Context(), queue, 16, 0, time.Minute)
	require.NoError(t, err)
	for _, one := range got {
		body, err := base64.StdEncoding.DecodeString(one.Body)
		require.NoError(t, err)
		m, err := events.DecodeMetadata(body)
		require.NoError(t, err)
		all = append(all, m)
	}
	return all
}

// The operator's role changes nothing by itself: without a queue retag says so at once.
func TestRetagWithoutAQueueSaysWhichRightIsMissing(t *testing.T) {
	c, _ := cloud(t, 20)
	env := c.Env()
	text, err := os.ReadFile("../../../functions/operator-policy.json")
	require.NoError(t, err)
	policy, err := fakeram.ParsePolicy(text)
	require.NoError(t, err)
	key := c.Keys.MintWith("operator", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour, policy)
	env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], env["ALIBABA_CLOUD_SECURITY_TOKEN"] = key.ID, key.Secret, key.Token
	delete(env, "METADATA_QUEUE")
	code, _, errs := vodctl(t, env, "retag", "--yes", "--quiet")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "without METADATA_QUEUE")
	require.Contains(t, errs, "vod:UpdateVideoInfos")
	tried := writes(c)
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	code, out, errs := vodctl(t, env, "retag", "--yes", "--quiet")
	require.Zero(t, code, errs)
	require.Contains(t, out, "20 queued")
	require.Equal(t, tried, writes(c), "none beside the one that was refused")
}

// A table of zeros would say that nothing needs a change.
func TestRetagThatCouldNotLookShowsNothing(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Callback: "none"})
	env := c.Env()
	env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "another"
	for _, format := range []string{"table", "json", "csv"} {
		code, out, errs := vodctl(t, env, "retag", "-o", format)
		require.Equal(t, 1, code)
		require.Empty(t, out)
		require.Contains(t, errs, "SearchMedia")
	}
}
