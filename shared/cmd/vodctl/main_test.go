package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/localcloud/fakevod"
)

// vodctl runs the tool in this process, with these variables as its environment.
func vodctl(t *testing.T, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	return vodctlIn(t, env, "", args...)
}

// vodctlIn is vodctl with something typed on standard input.
func vodctlIn(t *testing.T, env map[string]string, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	return vodctlUntil(t.Context(), t, env, in, args...)
}

// vodctlUntil is vodctlIn, interrupted when ctx ends.
func vodctlUntil(ctx context.Context, t *testing.T, env map[string]string, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(ctx, args, tool{in: strings.NewReader(in), out: &o, err: &e, load: loadFrom(env), env: func(name string) string { return env[name] }})
	return code, o.String(), e.String()
}

// vodctlTyped is vodctlIn at a terminal.
func vodctlTyped(t *testing.T, env map[string]string, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, tool{in: strings.NewReader(in), typing: true, out: &o, err: &e, load: loadFrom(env), env: func(name string) string { return env[name] }})
	return code, o.String(), e.String()
}

func loadFrom(env map[string]string) func(log *slog.Logger, required ...string) (*boot.App, error) {
	return func(log *slog.Logger, required ...string) (*boot.App, error) {
		c, err := boot.Read(func(name string) string { return env[name] }, required...)
		if err != nil {
			return nil, err
		}
		return boot.New(c, log)
	}
}

func TestMisuseEndsWith2AndSaysHow(t *testing.T) {
	for _, args := range [][]string{{"nothing"}, {"--nothing"}, {"setup"}, {"setup", "--plan", "--apply", "--yes"}, {"setup", "--plan", "-o", "xml"}, {"plan", "shwo"}, {"rules", "show", "fact"}, {"hlep"}} {
		code, out, errs := vodctl(t, nil, args...)
		require.Equal(t, 2, code, args)
		require.Empty(t, out, args)
		require.True(t, strings.HasPrefix(errs, "vodctl: "), errs)
	}
	for want, args := range map[string][]string{
		`unknown command "shwo" for "vodctl plan": see vodctl plan --help`: {"plan", "shwo"},
		`unknown command "hlep" for "vodctl": see vodctl --help`:           {"hlep"},
		`"fact" is none of: default, schema, facts`:                        {"rules", "show", "fact"},
	} {
		_, _, errs := vodctl(t, nil, args...)
		require.Contains(t, errs, want)
	}
	code, out, _ := vodctl(t, nil, "plan")
	require.Zero(t, code)
	require.Contains(t, out, "Available Commands:", "a group alone shows its commands")
}

func TestAnEmptyArgumentIsNeverTheLatestOrEverything(t *testing.T) {
	env := map[string]string{"STATE": "file:" + t.TempDir(), "ALIBABA_CLOUD_ACCOUNT_ID": "1"}
	for want, args := range map[string][]string{
		"misused: PLAN is empty":      {"approve", "", "--yes"},
		"misused: --plan is empty":    {"plan", "explain", "--plan", "", "a"},
		"misused: --reason is empty":  {"dlq", "drop", "--reason", ""},
		"misused: --media is empty":   {"dlq", "list", "--media", " "},
		"misused: --queue is empty":   {"queue", "peek", "--queue", ""},
		"misused: --library is empty": {"plan", "what-if", "--library", "\t"},
		"misused: --tag is empty":     {"retag", "--tag", ""},
		"misused: ID is empty":        {"takedown", "a", "  ", "--reason", "x"},
		"misused: RUN is empty":       {"undo", ""},
		"misused: FILE is empty":      {"policy", "check", ""},
	} {
		code, out, errs := vodctl(t, env, args...)
		require.Equal(t, 2, code, errs)
		require.Contains(t, errs, want)
		require.Empty(t, out)
	}
	for _, args := range [][]string{{"approve", "", "--withdraw"}, {"plan", "show", ""}, {"plan", "show", "\u00a0"}, {"plan", "explain", ""}} {
		code, _, errs := vodctl(t, env, args...)
		require.Equal(t, 2, code, errs)
		require.Contains(t, errs, " is empty")
	}
	// Every command of the tool, whatever it is called with.
	root := &cobra.Command{Use: "vodctl"}
	for _, group := range groups {
		root.AddCommand(group(&tool{}))
	}
	commands := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.HasSubCommands() && (c.Args == nil || c.Args(c, []string{""}) == nil) {
			commands++
			code, _, errs := vodctl(t, env, append(strings.Fields(c.CommandPath())[1:], "")...)
			require.Equal(t, 2, code, c.CommandPath())
			require.Contains(t, errs, " is empty", c.CommandPath())
		}
	}
	walk(root)
	require.Greater(t, commands, 12)
}

func TestWhatIsNotSetNamesItsRemedy(t *testing.T) {
	_, _, errs := vodctl(t, nil, "plan", "list")
	require.Equal(t, "vodctl: STATE is not set\nvodctl help variables says what each variable is and looks like\n", errs)
	_, _, errs = vodctl(t, nil, "snapshot", filepath.Join(t.TempDir(), "library.jsonl"))
	require.Equal(t, 1, strings.Count(errs, "no credentials"), errs)
	require.Contains(t, errs, "profile of the aliyun CLI")
}

func TestAnEmptyFileIsNoLibrary(t *testing.T) {
	name := filepath.Join(t.TempDir(), "library.jsonl")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	code, out, errs := vodctl(t, nil, "plan", "what-if", "--library", name)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, name+": invalid: the snapshot is not complete")
}

func TestWithoutYesEveryCommandSaysAlikeThatNothingWasDone(t *testing.T) {
	c, env, ids := edited(t)
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	body, err := events.EncodeDeadLetter(events.DeadLetter{Body: []byte(good), Reason: "missing"})
	require.NoError(t, err)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(rules, []byte("rules:\n  - {name: all, when: title != \"\", add: [a]}\n"), 0o600))
	for _, format := range []string{"table", "json"} {
		for _, args := range [][]string{
			{"queue", "send"}, {"dlq", "edit", "ID", "--body", "-", "--wait", "0"}, {"dlq", "redrive", "--wait", "0"}, {"undo", "run-1"}, {"retag", "--rules", rules, "--quiet"},
		} {
			id, err := c.MNS.Enqueue(env["DEAD_LETTER_QUEUE"], base64.StdEncoding.EncodeToString(body))
			require.NoError(t, err)
			for i := range args {
				if args[i] == "ID" {
					args[i] = id
				}
			}
			code, out, errs := vodctlIn(t, env, good, append(args, "-o", format)...)
			last := ""
			if args[0] == "undo" { // one of the three was changed by somebody since
				code, last = code-1, "vodctl: 1 asset cannot be put back, or only in part: the reasons stand above\n"
			}
			require.Zero(t, code, errs)
			const said = "nothing was done, --yes does it\n"
			if format == "json" {
				require.True(t, json.Valid([]byte(out)), out)
				require.Equal(t, "vodctl: "+said+last, errs)
			} else {
				require.True(t, strings.HasSuffix(out, "\n"+said), out)
				require.Equal(t, last, errs)
			}
		}
	}
	require.Zero(t, c.MNS.Stats(env["METADATA_QUEUE"]))
	require.Equal(t, "new theirs new", titles(c, ids))
}

func TestHelpNeedsNoEnvironment(t *testing.T) {
	for _, group := range groups {
		a := tool{load: func(*slog.Logger, ...string) (*boot.App, error) { return nil, errors.New("not for help") }}
		code, out, _ := vodctl(t, nil, group(&a).Name(), "--help")
		require.Zero(t, code)
		require.Contains(t, out, "Usage:")
	}
}

func TestEveryCommandHasAnExampleThatItUnderstands(t *testing.T) {
	root := &cobra.Command{Use: "vodctl"}
	a := &tool{}
	root.PersistentFlags().StringP("output", "o", "table", "")
	for _, group := range groups {
		root.AddCommand(group(a))
	}
	exemplify(root)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.HasSubCommands() {
			return
		}
		require.NotEmpty(t, cmd.Example, "%s has no example", cmd.CommandPath())
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			var words []string // quoted ones have blanks
			for i, quoted := range strings.Split(strings.TrimSpace(line), `"`) {
				if i%2 == 1 {
					words = append(words, quoted)
				} else {
					words = append(words, strings.Fields(quoted)...)
				}
			}
			found, rest, err := root.Find(words[1:])
			require.NoError(t, err, line)
			require.Equal(t, cmd, found, line)
			require.NoError(t, found.ParseFlags(rest), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
		}
	}
	walk(root)
}

func TestSetupNamesWhatTheManifestTakesForGranted(t *testing.T) {
	code, out, errs := vodctl(t, map[string]string{"ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}, "setup", "--plan")
	require.Zero(t, code, errs)
	for _, want := range []string{"vodcurator-metadata", "vodcurator-dead", "vodcurator-1234567890123456", "functions/purgeplan/ram-policy.json", "AliyunVODDefaultRole", "EventTypeList=FileUploadComplete"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "EventTypeList=ALL")
}

func TestAFileWithoutMistakesEndsWith0AsJSONToo(t *testing.T) {
	for _, what := range []string{"rules", "policy"} {
		code, out, errs := vodctl(t, nil, what, "check", "-o", "json")
		require.Zero(t, code, errs)
		require.Equal(t, "[]\n", out)
	}
}

func TestTagsCategoriesAndDeadLettersAreCompleted(t *testing.T) {
	c, env := queues(t)
	env["STATE"] = "file:" + t.TempDir()
	c.VOD.AddCategory("News", -1)
	c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "a", Tags: "boat,\x1b[2J", Status: "Normal", Created: c.Now(), Modified: c.Now()})
	ids := bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "too long", Attempts: 1})
	library := file(t, "library.jsonl", `{"ID":"a","Tags":["kept"]}`)
	for _, row := range [][]string{
		{"boat", "tags", "rename", ""}, {"boat", "tags", "merge", "x", ""}, {"boat", "tags", "remove", ""}, {"boat", "tags", "merge", "x", "--into", ""},
		{"x,boat", "edit", "--add", "x,"}, {"boat", "edit", "--remove", ""}, {"boat", "retag", "--tag", ""}, {"kept", "retag", "--library", library, "--tag", ""},
		{"\tNews", "edit", "--category", ""}, {ids[0] + "\ttoo long", "dlq", "show", ""}, {ids[0], "dlq", "edit", ""}, {ids[0], "dlq", "drop", ""},
	} {
		code, out, errs := vodctl(t, env, append([]string{"__complete"}, row[1:]...)...)
		require.Zero(t, code, errs)
		require.Contains(t, out, row[0], row)
		require.NotContains(t, out, "\x1b")
	}
	require.Equal(t, 1, c.MNS.Stats("dead").Active, "nothing is taken")
	_, out, _ := vodctl(t, env, "__complete", "tags", "rename", "boat", "")
	require.NotContains(t, out, "boat", "the second one is new")

	// What does not answer is not waited for, and not spoken of.
	env["VOD_ENDPOINT"], env["MNS_ENDPOINT"] = "http://127.0.0.1:1", "http://127.0.0.1:1"
	for _, row := range [][]string{{"tags", "rename", ""}, {"edit", "--category", ""}, {"dlq", "show", ""}, {"retag", "--library", "/none", "--tag", ""}} {
		code, out, errs := vodctl(t, env, append([]string{"__complete"}, row...)...)
		require.Zero(t, code, errs)
		require.Equal(t, ":4\n", out)
		require.NotContains(t, errs, "refused")
	}
}
