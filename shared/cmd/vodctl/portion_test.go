package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/approve"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// backlog writes a plan of 1,500 items, one a day and oldest first, which is over the
// default policy's guard of 1,000 items.
func backlog(t *testing.T) (map[string]string, removal.Plan) {
	t.Helper()
	env, p := planned(t)
	store := opened(t, env)
	lines := removal.Lines{Objects: store}
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	p.Created, p.Totals, p.Rules, p.Biggest = p.Created.Add(time.Minute), removal.Totals{}, nil, nil
	for n := range 1500 {
		item := retention.Item{ID: video.ID(fmt.Sprintf("v%04d", n)), Kind: retention.Whole, Bytes: 1000, Rule: "temporary", Reason: "old"}
		require.NoError(t, lines.Add(t.Context(), retention.Verdict{ID: item.ID, Created: first.AddDate(0, 0, n), Items: []retention.Item{item}}))
		p.Add(item)
	}
	require.NoError(t, lines.Flush(t.Context()))
	p.Chunks, p.Library.Media, p.Over = lines.Written, 100_000, []string{"1500 items, at most 1000"}
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), store, p))
	return env, p
}

func TestARefusedPlanNamesThePortionThatFits(t *testing.T) {
	env, p := backlog(t)
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes")
	require.Equal(t, 4, code)
	require.Contains(t, errs, "over the guards: 1500 items, at most 1000; approve a portion: vodctl approve "+p.ID+" --first 1000\n")
}

func TestAPortionIsShownBeforeItIsApproved(t *testing.T) {
	env, p := backlog(t)
	code, out, errs := vodctl(t, env, "approve", p.ID, "--first", "300")
	require.Equal(t, 2, code)
	require.Contains(t, out, "The first 300 items of 300 assets: 300.0 kB, created 2020-01-01 00:00:00Z to 2020-10-26 00:00:00Z, within the guards")
	require.Contains(t, errs, "nothing was changed; say --yes")

	_, out, _ = vodctl(t, env, "approve", p.ID, "--first", "300", "-o", "json")
	var part approve.Portion
	require.NoError(t, json.Unmarshal([]byte(out), &part))
	require.Equal(t, []int{300, 300}, []int{part.Items, part.Fits})

	code, out, errs = vodctl(t, env, "approve", p.ID, "--first", "300", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "300 items of 300 assets, 300.0 kB")
	approval, err := removal.ReadApproval(t.Context(), opened(t, env), p)
	require.NoError(t, err)
	require.Equal(t, 300, approval.First)
	_, out, _ = vodctl(t, env, "plan", "list")
	require.Contains(t, out, "the first 300 items")
}

func TestAPortionIsWithinTheGuardsOrRefused(t *testing.T) {
	env, p := backlog(t)
	code, out, errs := vodctl(t, env, "approve", p.ID, "--first", "1001")
	require.Equal(t, 4, code)
	require.Contains(t, out, "OVER THE GUARDS: 1001 items, at most 1000")
	require.Contains(t, errs, "--first 1000")
	for _, n := range []int{0, -1, 1501} {
		code, _, errs = vodctl(t, env, "approve", p.ID, "--yes", "--first", strconv.Itoa(n))
		require.Equal(t, 2, code, errs)
	}
	code, _, errs = vodctl(t, env, "approve", p.ID, "--withdraw", "--first", "3")
	require.Equal(t, 2, code, errs)
	_, err := removal.ReadApproval(t.Context(), opened(t, env), p)
	require.ErrorIs(t, err, video.ErrNotFound)
}

// A program reads one document: at a terminal the approval, with what it is of shown to the
// person on standard error; elsewhere what --yes would approve.
func TestAnApprovalIsOneJSONDocument(t *testing.T) {
	for name, first := range map[string][]string{"all": nil, "portion": {"--first", "300"}} {
		t.Run(name, func(t *testing.T) {
			env, p := backlog(t)
			if first == nil {
				env, p = planned(t)
			}
			args := append([]string{"approve", p.ID, "-o", "json"}, first...)
			code, out, errs := vodctlTyped(t, env, "no\n", args...)
			require.Equal(t, 1, code)
			require.Empty(t, out, "nothing was approved")
			require.Contains(t, errs, "Plan "+p.ID)
			require.Equal(t, first != nil, strings.Contains(errs, "The first 300 items"), errs)

			_, out, _ = vodctl(t, env, args...)
			require.True(t, json.Valid([]byte(out)), out)

			code, out, errs = vodctlTyped(t, env, p.Region+" "+p.Account+"\n", args...)
			require.Zero(t, code, errs)
			var given removal.Approval
			require.NoError(t, json.Unmarshal([]byte(out), &given), out)
			require.Equal(t, p.ID, given.Plan)
		})
	}
}
