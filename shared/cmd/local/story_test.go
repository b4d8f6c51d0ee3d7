package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// rebuilt are the programs of what stands here: the first story builds them.
var rebuilt = sync.OnceValue(func() error {
	return build(context.Background(), filepath.Join("..", "..", ".."), true, io.Discard)
})

func tell(t *testing.T, o options) (string, error) {
	t.Helper()
	if err := rebuilt(); err != nil {
		return "", err
	}
	o.once, o.manifest, o.envFile = true, filepath.Join("..", "..", "..", "s.yaml"), filepath.Join(t.TempDir(), "env")
	if o.patience == 0 {
		o.patience = 4 * time.Minute // the race detector and other tests share the machine
	}
	var out bytes.Buffer
	err := serve(t.Context(), o, &out, io.Discard)
	return out.String(), err
}

// end is the table of what became of the library.
func end(t *testing.T, story string) string {
	t.Helper()
	_, table, ok := strings.Cut(story, "what became of it")
	require.True(t, ok, story)
	table, _, _ = strings.Cut(table, "  ok  ")
	return table
}

func TestTheStoryHoldsAndAKilledProcessDoesNotChangeItsEnd(t *testing.T) {
	t.Parallel() // stories wait more than they work: for batches, and for the lease of a killed process
	var other sync.WaitGroup
	var rough string
	var wrong error
	other.Go(func() { rough, wrong = tell(t, options{seed: 2, kill: []string{"metadata", "tier"}}) })
	calm, err := tell(t, options{seed: 1})
	other.Wait()
	require.NoError(t, err, calm)
	require.Contains(t, calm, "every statement held")
	require.Contains(t, calm, "A process of purge was killed.")
	require.NotContains(t, calm, "\x1b[", "no colour outside a terminal")

	readme, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	require.NoError(t, err)
	_, shown, _ := strings.Cut(string(readme), "```\n")
	shown, _, _ = strings.Cut(shown, "```")
	for line := range strings.Lines(shown) {
		require.Contains(t, calm, line, "the README shows what is not printed")
	}

	require.NoError(t, wrong, rough)
	require.Contains(t, rough, "A process of metadata was killed.")
	require.Contains(t, rough, "A process of tier was killed.")
	require.Equal(t, end(t, calm), end(t, rough))
}

// The story bills with prices of its own: they are the policy's.
func TestTheBillHasThePolicysPrices(t *testing.T) {
	policy, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "policies", "moves.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(policy), fmt.Sprintf("per_gb_month: {Standard: %.2f, IA: %.2f,", standardPrice, iaPrice))
	require.Contains(t, string(policy), fmt.Sprintf("retrieval_per_gb: {IA: %.2f,", readPrice))
}

// A story whose statements are always true would prove nothing.
func TestAWrongStatementMakesItFail(t *testing.T) {
	t.Parallel()
	story, err := tell(t, options{seed: 3, patience: time.Second, lay: map[string]string{"TAGGING_MODE": "report"}})
	require.ErrorContains(t, err, "did not hold")
	require.Contains(t, story, "NOT SO:  Harbour promo is tagged")
}

func TestTheVariablesAreWrittenWholeAndReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run", "env")
	env := map[string]string{"VOD_ENDPOINT": "http://127.0.0.1:1", "STATE": "file:/x=y"}
	require.NoError(t, writeEnv(file, env))
	back, err := readEnv(file)
	require.NoError(t, err)
	require.Equal(t, env, back)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// What the README says to do with a cloud that is up.
func TestARunningCloudTakesFilesAndMovesItsClock(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{})
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, writeEnv(file, c.Env()))
	command := func(args ...string) string {
		var out, errs bytes.Buffer
		require.Equal(t, 0, run(t.Context(), append(args, "--env-file", file), &out, &errs), "%s", &errs)
		return out.String()
	}
	before := c.Now()
	require.Contains(t, command("clock", "90d"), "moved by 90 d")
	require.WithinDuration(t, before.Add(90*24*time.Hour), c.Now(), time.Minute)
	require.Contains(t, command("upload", filepath.Join("..", "..", "..", "testdata", "media", "landscape.mp4"), "--title", "Mine"), "landscape.mp4")
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(c.VOD.Assets(), func(a fakevod.Asset) bool { return a.Title == "Mine" && a.Status == "Normal" })
	}, time.Minute, 10*time.Millisecond)

	picture := filepath.Join(t.TempDir(), "cover.jpg")
	image, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "media", "cover.jpg"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(picture, image, 0o600))
	require.NoError(t, os.WriteFile(picture+".ai.json", []byte(`{"MediaAuditResult":{"Suggestion":"review"}}`), 0o600))
	id, _, _ := strings.Cut(command("upload", picture), " ")
	a, ok := c.VOD.Lookup(id)
	require.True(t, ok)
	require.JSONEq(t, `{"Suggestion":"review"}`, string(a.Jobs.Findings.MediaAuditResult), "what lies beside the file")
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	for name, args := range map[string][]string{
		"not a duration":     {"clock", "soon", "--env-file", filepath.Join(t.TempDir(), "none")},
		"no local cloud":     {"upload", "x.mp4", "--env-file", filepath.Join(t.TempDir(), "none")},
		"unknown flag":       {"--nothing"},
		"no such s.yaml":     {"--once", "--manifest", filepath.Join(t.TempDir(), "s.yaml"), "--env-file", filepath.Join(t.TempDir(), "env")},
		"too many arguments": {"extra"},
	} {
		var errs bytes.Buffer
		require.Equal(t, 1, run(context.Background(), args, io.Discard, &errs), name)
		require.True(t, strings.HasPrefix(errs.String(), "local: ") || strings.HasPrefix(errs.String(), "building "), "%s: %s", name, errs.String())
	}
}

func TestFaultsComeFromFlagsAndFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults")
	require.NoError(t, os.WriteFile(file, []byte("mns * slow p=0.5\n"), 0o600))
	rules, err := faultRules([]string{"vod * throttle p=0.1", "@" + file})
	require.NoError(t, err)
	require.Equal(t, "vod * throttle p=0.1\nmns * slow p=0.5\n", rules)

	var errs bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{
		"--once", "--faults", "vod * sulk", "--manifest", filepath.Join("..", "..", "..", "s.yaml"), "--env-file", filepath.Join(t.TempDir(), "env"),
	}, io.Discard, &errs))
	require.Contains(t, errs.String(), `kind "sulk" is none of`)
}

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "0d": 0, "-3h": 0, "d": 0, "99999999d": 0} {
		d, err := days(text)
		require.Equal(t, want, d, text)
		require.Equal(t, want == 0, err != nil, text)
	}
}
