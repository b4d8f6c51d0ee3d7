package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

const shelves = "../../../testdata/plans/shelves"

// golden compares what a person reads with a file. Ids of plans differ with every policy; where
// a plan stands depends on today.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`\b\d{8}T\d{6}Z-[0-9a-f]{8}\b`).ReplaceAllString(got, "PLAN")
	got = regexp.MustCompile(`(?m)^ *Status: .*\n`).ReplaceAllString(got, "")
	got = regexp.MustCompile(`(?m)^(  account ).*(, region)`).ReplaceAllString(got, "${1}ACCOUNT$2")
	got = regexp.MustCompile(`(?m) +$`).ReplaceAllString(got, "")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(filepath.Join(shelves, name), []byte(got), 0o644))
	}
	want, err := os.ReadFile(filepath.Join(shelves, name))
	require.NoError(t, err)
	require.Equal(t, string(want), got, "UPDATE_GOLDEN=1 writes it anew")
}

// The plan that testdata/plans/shelves/want.txt works out by hand, as people read it.
func TestAPlanThatMovesIsShown(t *testing.T) {
	policy, err := retention.Parse("policy.yaml", read(t, "policy.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	store, err := state.Open(t.Context(), "file:"+dir, state.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Create(t.Context(), "usage.csv", read(t, "usage.csv")))
	var moved []struct {
		retention.Item
		At time.Time `json:"at"`
	}
	require.NoError(t, json.Unmarshal(read(t, "moved.json"), &moved))
	ledger, err := removal.OpenLedger(t.Context(), store, "tier", "earlier")
	require.NoError(t, err)
	for _, m := range moved {
		m.Kind = retention.Move
		require.NoError(t, ledger.Append(t.Context(), removal.Row{Event: removal.Outcome, Item: m.Item, At: m.At, Result: video.Done}))
	}
	library, err := (&tool{err: io.Discard, load: boot.FromEnvironment}).openSnapshot(t.Context(), shelvesSnapshot(t))
	require.NoError(t, err)
	var ids []string
	for _, duty := range []*retention.Policy{policy, policy.Moves()} {
		made, err := plan.Job{Library: library, State: store, Policy: duty, Scope: video.Scope{Region: "cn-shanghai", Account: "1234"}}.Run(t.Context(), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		ids = append(ids, made.Plan.ID)
	}
	require.NoError(t, store.Close())

	env := map[string]string{"STATE": "file:" + dir, "ALIBABA_CLOUD_ACCOUNT_ID": "1234"}
	var shown strings.Builder
	for _, id := range ids {
		code, out, errs := vodctl(t, env, "plan", "show", id)
		require.Zero(t, code, errs)
		shown.WriteString(out)
	}
	golden(t, "show.txt", shown.String())
}

// What-if has no ledger: since when something is in its class is not known there.
func TestWhatIfOfAPlanThatMovesIsShown(t *testing.T) {
	try := []string{"plan", "what-if", "--library", shelvesSnapshot(t), "--policy", filepath.Join(shelves, "policy.yaml"), "--usage", filepath.Join(shelves, "usage.csv"), "--at", "2026-07-01"}
	code, out, errs := vodctl(t, nil, try...)
	require.Zero(t, code, errs)
	golden(t, "what-if.txt", out)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shelves, name))
	require.NoError(t, err)
	return text
}

func shelvesSnapshot(t *testing.T) string {
	t.Helper()
	var media []video.Media
	require.NoError(t, json.Unmarshal(read(t, "library.json"), &media))
	slices.SortStableFunc(media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
	return snapshotOf(t, media...)
}
