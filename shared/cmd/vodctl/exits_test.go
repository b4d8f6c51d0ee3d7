package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// leaves are the commands that do something, by their path without the tool's name.
func leaves() (all []string) {
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		path = strings.TrimSpace(path + " " + cmd.Name())
		if !cmd.HasSubCommands() {
			all = append(all, path)
		}
		for _, sub := range cmd.Commands() {
			walk(sub, path)
		}
	}
	for _, group := range groups {
		walk(group(&tool{}), "")
	}
	return all
}

func TestEveryCommandEndsByOneConvention(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	env, p := plannedLike(t, func(*removal.Plan) {})
	for name, value := range cloud.Env() {
		if env[name] == "" {
			env[name] = value
		}
	}
	// Everything is of the plan's account, which the cloud's keys are not.
	env["ALIBABA_CLOUD_ACCOUNT_ID"] = cloud.Env()["ALIBABA_CLOUD_ACCOUNT_ID"]
	gone := "0123456789abcdef0123456789abcdef"
	missing := filepath.Join(t.TempDir(), "missing")
	// What is named and is not there, or cannot be read, ends 1; what is to be listed and is
	// nothing ends 0. The first word of each row is the code.
	rows := map[string][]string{
		"status":                {"0 status", "0 status -o json"},
		"history":               {"1 history " + gone},
		"console":               {"1 console --listen 0.0.0.0:0", "1 console --listen somewhere"},
		"rules versions":        {"0 rules versions"},
		"rules activate":        {"1 rules activate " + missing, "2 rules activate"},
		"policy versions":       {"0 policy versions"},
		"policy activate":       {"1 policy activate " + missing, "2 policy activate"},
		"rules check":           {"0 rules check", "1 rules check " + missing},
		"rules test":            {"0 rules test", "1 rules test " + missing},
		"rules explain":         {"1 rules explain " + gone, "2 rules explain"},
		"rules show":            {"0 rules show facts", "2 rules show nothing"},
		"retag":                 {"0 retag", "2 retag --status Foo", "2 retag --kind film", "2 retag --category 77", "2 retag --from soon"},
		"policy check":          {"0 policy check", "1 policy check " + missing},
		"policy show":           {"0 policy show default", "2 policy show nothing"},
		"policy import console": {"1 policy import console " + missing},
		"plan list":             {"0 plan list"},
		"plan show":             {"0 plan show " + p.ID, "1 plan show 20200101T000000Z-01234567"},
		"plan explain":          {"1 plan explain " + gone, "1 plan explain " + gone + " --plan 20200101T000000Z-01234567"},
		"plan what-if":          {"1 plan what-if --library " + missing, "2 plan what-if", "2 plan what-if --library x --nights 100000"},
		"approve":               {"1 approve 20200101T000000Z-01234567 --yes", "1 approve " + p.ID + " --yes", "2 approve"},
		"halt":                  {"0 halt --reason test"},
		"resume":                {"0 resume"},
		"pending":               {"0 pending"},
		"ledger verify":         {"0 ledger verify"},
		"ledger report":         {"0 ledger report"},
		"ledger reconcile":      {"0 ledger reconcile"},
		"takedown":              {"2 takedown " + gone, "1 takedown nope --reason x --yes"},
		"expire":                {"2 expire " + gone, "1 expire " + gone + " --on 2099-01-01"},
		"snapshot":              {"0 snapshot " + filepath.Join(t.TempDir(), "library.jsonl")},
		"usage":                 {"2 usage --days 0"},
		"queue send":            {"1 queue send " + missing},
		"queue peek":            {"0 queue peek", "1 queue peek --queue nobody"},
		"queue stats":           {"0 queue stats"},
		"dlq list":              {"0 dlq list --wait 0s", "2 dlq list --since soon"},
		"dlq show":              {"1 dlq show nobody --wait 0s"},
		"dlq edit":              {"1 dlq edit nobody --wait 0s --body " + missing, "2 dlq edit nobody"},
		"dlq redrive":           {"0 dlq redrive --wait 0s", "2 dlq redrive --rate 0"},
		"dlq drop":              {"2 dlq drop", "0 dlq drop --matching x --reason y --wait 0s"},
		"undo":                  {"0 undo", "1 undo nobody"},
		"state check":           {"0 state check"},
		"state compact":         {"0 state compact", "2 state compact --older 1"},
		"state expire":          {"0 state expire"},
		"library summary":       {"0 library summary", "1 library summary --library " + missing, "2 library summary --by nothing"},
		"library find":          {"0 library find width>99999", "2 library find", "1 library find true --library " + missing},
		"library problems":      {"0 library problems", "1 library problems --library " + missing},
		"media":                 {"2 media", "2 media delete-video " + gone, "1 media get-video-info " + gone},
		"edit":                  {"2 edit", "1 edit --csv " + missing},
		"tags list":             {"0 tags list", "1 tags list --library " + missing},
		"tags rename":           {"2 tags rename one"},
		"tags merge":            {"2 tags merge one"},
		"tags remove":           {"2 tags remove"},
		"doctor":                {"1 doctor --manifest " + missing},
		"metrics":               {"0 metrics"},
		"setup":                 {"0 setup --plan", "2 setup"},
	}
	n := 0
	for _, leaf := range leaves() {
		require.NotEmpty(t, rows[leaf], "%s has no row of codes", leaf)
		for _, row := range append(rows[leaf], "2 "+leaf+" --nonesuch", "0 "+leaf+" --help") {
			want, command, _ := strings.Cut(row, " ")
			code, out, errs := vodctl(t, env, strings.Fields(command)...)
			require.Equal(t, want, string(rune('0'+code)), "vodctl %s\n%s%s", command, out, errs)
			require.True(t, code == 0 || strings.Contains(errs, "vodctl: "), "vodctl %s says nothing", command)
			n++
		}
	}
	t.Logf("%d command lines", n)
}

// A guard that stops a command ends it with 4, and no other fault does.
func TestWhatAGuardStopsEndsWith4(t *testing.T) {
	env, p := plannedLike(t, func(p *removal.Plan) { p.Over = []string{"7 items, at most 5"} })
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes")
	require.Equal(t, 4, code, errs)
	cloud, env, ids := expirable(t, "keep")
	env["POLICY_FILE"] = "" // the built-in one has holds
	code, _, errs = vodctl(t, env, "takedown", ids[0], "--reason", "x", "--yes", "--new")
	require.Equal(t, 4, code, errs)
	code, _, errs = vodctl(t, env, "halt", "--new")
	require.Zero(t, code, errs)
	code, _, errs = vodctl(t, env, "takedown", ids[0], "--reason", "x", "--yes", "--despite-holds")
	require.Equal(t, 4, code, errs)
	require.Contains(t, errs, "halted by")
	require.Zero(t, cloud.VOD.Log().Count("DeleteVideo"))
}

func TestTheHelpSaysTheCodes(t *testing.T) {
	_, out, _ := vodctl(t, nil, "--help")
	for _, want := range []string{"Ends 0 when it is done", "1 when something failed", "2 when it was misused", "4 when a guard stopped it"} {
		require.Contains(t, strings.ReplaceAll(out, "\n", " "), want)
	}
}

// tree is a library of categories.
type tree []video.Category

func (t tree) Categories(context.Context) ([]video.Category, error) { return t, nil }

func TestACategoryThatIsNotThereIsRefusedWithThoseThatAre(t *testing.T) {
	news := tree{{ID: 7, Name: "News"}, {ID: 8, Name: "Sport\n"}}
	require.NoError(t, knownCategory(t.Context(), news, 7))
	require.NoError(t, knownCategory(t.Context(), news, 0), "none is asked for")
	err := knownCategory(t.Context(), news, 9)
	require.ErrorIs(t, err, errUsage)
	require.ErrorContains(t, err, `--category 9 is none of: 7 News, 8 Sport`)
	require.NotContains(t, err.Error(), "Sport\n")
	require.ErrorContains(t, knownCategory(t.Context(), make(tree, 25), 9), "5 more")
}

// What would take a hold away is stopped by a guard, whichever command is asked for it.
func TestLosingAHoldEndsWith4(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a", Tags: "keep,x"}, fakevod.Asset{Kind: "video", Title: "b"})
	hold := must(vodctl(t, env, "edit", "--ids", file(t, "ids", ids["b"]), "--add", "keep", "--yes"))(t)
	undo := []string{"undo", "--issued-at", moment.FindStringSubmatch(hold)[1]}
	for lost, args := range map[string][]string{
		"2":  {"tags", "rename", "keep", "kept"},
		"1":  undo,
		"02": {"edit", "true", "--remove", "keep"},
	} {
		code, _, errs := vodctl(t, env, args...)
		require.Zero(t, code, "%s: %s", args, errs)
		code, _, errs = vodctl(t, env, append(args, "--yes")...)
		require.Equal(t, 4, code, "%s: %s", args, errs)
		require.Contains(t, errs, "stopped by a guard: "+strings.TrimPrefix(lost, "0")+" asset")
	}
	require.Equal(t, "keep,x keep", tagsOf(c, ids["a"])+" "+tagsOf(c, ids["b"]))
	code, _, errs := vodctl(t, env, append(undo, "--yes", "--release-holds", "1")...)
	require.Zero(t, code, errs)
	require.Empty(t, tagsOf(c, ids["b"]))
}
