package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/state/removal"
)

func TestAnExplanationNamesTheFactsThatWereMissing(t *testing.T) {
	var out strings.Builder
	a := &tool{out: &out}
	require.NoError(t, a.explainOne(insight.Explained{ID: "a1", Title: "one", Keeps: []retention.Keep{
		{ID: "a1", Rule: "sources", Why: retention.Doubt, Reason: "no stream is known to be whole", Missing: []string{"duration", "streams[1].height"}},
	}}, "p1"))
	require.Contains(t, out.String(), "no stream is known to be whole; not known: duration, streams[1].height")
	require.Equal(t, "duration 5, height not known, streams[0].height not known",
		values(map[string]any{"duration": 5, "height": nil}, []string{"height", "streams[0].height"}))
}

func TestAPolicyThatLeavesOutBuiltInHoldsIsWarnedAbout(t *testing.T) {
	policy := file(t, "policy.yaml", "holds: {tags: [keep]}\nrules: [{name: temp, select: '\"temp\" in tags', older_than: 40d, remove: {video: true}}]\n")
	code, out, errs := vodctl(t, nil, "policy", "check", policy)
	require.Zero(t, code, errs)
	require.Contains(t, out, "  WARNING: holds.tags does not name \"hold\", \"legal-hold\", \"never-delete\"")
	code, out, errs = vodctl(t, nil, "policy", "check", policy, "-o", "json")
	require.Zero(t, code, errs)
	require.Equal(t, "[]\n", out)
	require.Contains(t, errs, "vodctl: warning: holds.tags does not name")
	_, out, _ = vodctl(t, nil, "policy", "check")
	require.NotContains(t, out, "WARNING", "the built-in one has them")
}

func TestTheExamplePoliciesHaveNoMistakesAndTheirTestsHold(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/policies/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		code, out, errs := vodctl(t, nil, "policy", "check", name)
		require.Zero(t, code, errs)
		require.Contains(t, out, "no mistakes, and its tests hold")
		require.NotContains(t, out, "WARNING")
	}
}

func TestAPlanTellsItsWarningsAndWhatIsSetAside(t *testing.T) {
	env, p := plannedLike(t, func(p *removal.Plan) {
		p.Warnings = []string{"hold tags that no asset carries: \"kepe\""}
		p.Odd = []string{"v1: createTime cannot be read", "and 3 more assets"}
		p.Over = []string{"7 items, at most 5"}
	})
	_, out, errs := vodctl(t, env, "plan", "show")
	require.Empty(t, errs)
	for _, want := range []string{
		"  WARNING: hold tags that no asset carries: \"kepe\"\n", "  Set aside and kept, since they cannot be judged:\n    v1: createTime cannot be read\n    and 3 more assets\n",
		"A person can approve a portion of it, the oldest first: vodctl approve " + p.ID + " --first N\n", "Status: refused: over its guards: 7 items, at most 5\n",
	} {
		require.Contains(t, out, want)
	}
}

func TestPolicyCheckAsksTheRegionAndTheCalendar(t *testing.T) {
	const moves = "holds: {tags: [keep, hold, legal-hold, never-delete]}\nrules: [{name: cold, older_than: 30d, move: {to: IA}}]\n"
	code, _, errs := vodctl(t, map[string]string{"ALIBABA_CLOUD_REGION": "cn-hangzhou"}, "policy", "check", file(t, "p.yaml", moves))
	require.Equal(t, 1, code)
	require.Contains(t, errs, `p.yaml: rule "cold" moves assets, and VOD offers storage classes in`)
	for want, read := range map[string]string{"lies in the future": "2099-01-01", "more than a year ago": "2001-01-01"} {
		code, out, errs := vodctl(t, nil, "policy", "check", file(t, "p.yaml", moves+"prices: {read: "+read+"}\n"))
		require.Contains(t, out+errs, want)
		require.Equal(t, read == "2099-01-01", code == 1)
	}
}
