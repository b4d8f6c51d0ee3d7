package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func rulesCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Write, check and try tagging rules; show what they make of an asset",
	}
	check := &cobra.Command{
		Annotations: inRows,
		Use:         "check [FILE]",
		Short:       "Tell every mistake in a rules file, each with its place",
		Args:        cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rulesCheck(cmd.Context(), args)
		},
	}
	test := &cobra.Command{
		Use:   "test [FILE]",
		Short: "Run the tests that a rules file holds",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.rulesTest(args)
		},
	}
	show := &cobra.Command{
		Annotations: inRows,
		Use:         "show default|schema|facts",
		Short:       "Print the built-in rules, the JSON Schema for editors, or what expressions may ask",
		Args:        one,
		ValidArgs:   []string{"default", "schema", "facts"},
		RunE: func(_ *cobra.Command, args []string) error {
			return a.rulesShow(args[0])
		},
	}
	var file, fixture string
	var image, labels bool
	explain := &cobra.Command{
		Use:   "explain ID...",
		Short: "Show for each rule whether it holds for an asset and why, and whose each tag is",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (fixture == "") == (len(args) == 0) {
				return fmt.Errorf("%w: name either assets by id, or a file with one by --fixture", errUsage)
			}
			return a.rulesExplain(cmd.Context(), file, fixture, args, image, labels)
		},
	}
	explain.Flags().StringVar(&file, "rules", "", "rules file (default: RULES_FILE, else the built-in rules)")
	explain.Flags().StringVar(&fixture, "fixture", "", "a JSON file with an asset, instead of reading one")
	explain.Flags().BoolVar(&image, "image", false, "the ids are images")
	explain.Flags().BoolVar(&labels, "labels", false, "read the labels of smart tagging too")
	cmd.AddCommand(check, test, explain, show)
	cmd.AddCommand(versionCommands(a, state.RulesText)...)
	return cmd
}

// rulesFrom parses a rules file by its name on this machine; no name is the
// built-in one.
func rulesFrom(name string) (*tagging.Rules, error) {
	if name == "" {
		return tagging.Default(), nil
	}
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return tagging.Parse(name, raw)
}

// configuredRules are those of a flag, else of RULES_FILE, else the built-in ones.
func configuredRules(ctx context.Context, name string, app *boot.App) (*tagging.Rules, error) {
	if name != "" || app.RulesFile == "" {
		return rulesFrom(name)
	}
	raw, err := app.File(ctx, app.RulesFile)
	if err != nil {
		return nil, err
	}
	return tagging.Parse(app.RulesFile, raw)
}

// keyLike says that a name of no file may be a key under STATE.
func keyLike(name string) bool { return !filepath.IsAbs(name) && !strings.HasPrefix(name, ".") }

// rulesCheck takes a key under STATE too, as RULES_FILE does.
func (a *tool) rulesCheck(ctx context.Context, args []string) error {
	name := strings.Join(args, "")
	rules, err := rulesFrom(name)
	if errors.Is(err, os.ErrNotExist) && keyLike(name) {
		if app, bootErr := a.boot(); bootErr == nil && app.State != nil {
			kept, keptErr := configuredRules(ctx, "", &boot.App{Config: boot.Config{RulesFile: name}, State: app.State})
			if !errors.Is(keptErr, video.ErrNotFound) { // else it is no file, and no object either
				rules, err = kept, keptErr
			}
		}
	}
	if err := a.mistakes(err); err != nil {
		return err
	}
	return a.say("%s, version %s: no mistakes\n", report.Count(len(rules.Names()), "rule"), rules.Version)
}

// mistakes prints those of a file and says how many they are. Any other error comes
// back as it is.
func (a *tool) mistakes(err error) error {
	faults := rule.Faults(err)
	if err != nil && faults == nil {
		return err
	}
	if a.format == report.AsTable { // people see the place of each under its line
		if err == nil {
			return nil
		}
		_, _ = fmt.Fprintln(a.err, err)
		return mend(faults)
	}
	rows := a.rows("file", ">line", ">column", "message", "hint")
	for _, f := range faults {
		rows.Add(f, f.File, f.Line, f.Column, f.Message, f.Hint)
	}
	if len(faults) > 0 {
		err = mend(faults)
	}
	return errors.Join(err, rows.Print())
}

// mend says how many mistakes a file has, below the list of them.
func mend(faults []*rule.Fault) error {
	return fmt.Errorf("%s in %s: mend them, and check again", report.Count(len(faults), "mistake"), faults[0].File)
}

func (a *tool) rulesTest(args []string) error {
	name := strings.Join(args, "")
	rules, err := rulesFrom(name)
	if err != nil {
		return err
	}
	file := cmp.Or(name, "the built-in file")
	results := rules.Test(os.DirFS(filepath.Dir(name)))
	failed := 0
	err = a.present(results, func() (err error) {
		for _, r := range results {
			word := "ok    "
			if len(r.Faults) > 0 {
				word = "FAILED"
			}
			err = errors.Join(err, a.say("%s %s\n", word, r.Name))
			for _, fault := range r.Faults {
				err = errors.Join(err, a.say("         %s\n", fault))
			}
		}
		return err
	})
	for _, r := range results {
		if len(r.Faults) > 0 {
			failed++
		}
	}
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%s: %d of %s failed: mend the rules or the tests", file, failed, report.Count(len(results), "test"))
	case len(results) == 0:
		return fmt.Errorf("%s has no tests: write some under the key tests", file)
	}
	return nil
}

func (a *tool) rulesShow(what string) error {
	switch what {
	case "default":
		_, err := a.out.Write(tagging.DefaultFile())
		return err
	case "schema":
		_, err := a.out.Write(tagging.Schema())
		return err
	}
	rows := a.rows("FACT", "TYPE", "MEANING")
	rows.Whole = map[string]any{"facts": rule.Nouns(), "functions": rule.Functions()}
	for _, noun := range rule.Nouns() {
		rows.Add(nil, noun.Name, noun.Type, noun.Doc)
	}
	err := errors.Join(rows.Print(), a.say("\nfunctions:\n"))
	for _, name := range rule.Functions() {
		err = errors.Join(err, a.say("  %s\n", name))
	}
	return err
}

// explained is one media with what the rules make of it.
type explained struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	tagging.Explanation
}

func (a *tool) rulesExplain(ctx context.Context, file, fixture string, ids []string, image, labels bool) error {
	var all []explained
	var faults []error
	if fixture != "" {
		rules, err := rulesFrom(file)
		if err != nil {
			return err
		}
		facts, err := tagging.Fixture(os.DirFS(filepath.Dir(fixture)), filepath.Base(fixture))
		if err != nil {
			return err
		}
		all = append(all, explained{facts.ID, facts.Title, rules.Explain(&facts)})
	} else {
		app, err := a.boot()
		if err != nil {
			return err
		}
		rules, err := configuredRules(ctx, file, app)
		if err != nil {
			return err
		}
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		t := tag.Tagger{Library: app.VOD, Labels: app.VOD, Rules: rules, Reach: app.Reach(), Memory: insight.Remembered(app)}
		target := tag.Target{Labels: labels}
		if image {
			target.Kind = video.KindImage
		}
		for _, id := range ids {
			target.ID = video.ID(id)
			facts, explanation, err := t.Explain(ctx, target, at)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", id, err))
				continue
			}
			all = append(all, explained{facts.ID, facts.Title, explanation})
		}
	}
	err := a.present(all, func() error {
		for _, e := range all {
			if err := a.explain(e); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(append(faults, err)...)
}

func (a *tool) explain(e explained) error {
	if err := a.say("%s  %s\n", e.ID, e.Title); err != nil {
		return err
	}
	if e.Decision.Locked != "" {
		_ = a.say("  left alone: %s\n", e.Decision.Locked)
	}
	table := report.NewTable("RULE", "RESULT", "CONDITION", "CAME TO", "WITH")
	for _, r := range e.Rules {
		if len(r.Parts) == 0 {
			table.Row(r.Name, r.Result)
		}
		for i, part := range r.Parts {
			name, result := r.Name, r.Result
			if i > 0 {
				name, result = "", ""
			}
			table.Row(name, result, report.Cut(part.Text, 60), part.Result, values(part.Values, part.Missing))
		}
	}
	if err := table.Write(a.out, "  "); err != nil {
		return err
	}
	if len(e.Tags) > 0 {
		tags := report.NewTable("TAG", "BECOMES", "OWNER", "SINCE", "WHY")
		for _, t := range e.Tags {
			tags.Row(t.Tag, t.Fate, strings.Join(t.Owner, ", "), since(t), t.Why)
		}
		_ = a.say("\n")
		if err := tags.Write(a.out, "  "); err != nil {
			return err
		}
	}
	for _, reason := range e.Decision.Reasons {
		if reason.Field != "tags" {
			_ = a.say("  %s\n", reason)
		}
	}
	for _, text := range slices.Concat(e.Decision.Dropped, e.Decision.Faults) {
		_ = a.say("  not done: %s\n", text)
	}
	if e.Decision.Change.Empty() {
		_ = a.say("  no change\n")
	}
	return a.say("\n")
}

// since is when a rule gave a tag that is there.
func since(t tagging.TagView) string {
	switch {
	case !t.Since.IsZero():
		return t.Since.Format(time.RFC3339)
	case t.Fate == "added" || slices.Contains([]string{"people", "retired"}, t.Owner[0]):
		return ""
	}
	return "unknown"
}

// values shows facts in the order of their names; one that is missing says so. What is
// missing may be of a part, such as streams[1].height.
func values(facts map[string]any, missing []string) string {
	var names, texts []string
	for name := range facts {
		names = append(names, name)
	}
	for _, name := range missing {
		if _, listed := facts[name]; !listed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		switch v := facts[name].(type) {
		case nil:
			texts = append(texts, name+" not known")
		case string, []string:
			texts = append(texts, fmt.Sprintf("%s %s", name, report.Cut(fmt.Sprintf("%q", v), 40)))
		case time.Time:
			texts = append(texts, name+" "+v.Format(time.RFC3339))
		default:
			texts = append(texts, name+" "+report.Cut(fmt.Sprintf("%v", v), 40))
		}
	}
	return strings.Join(texts, ", ")
}
