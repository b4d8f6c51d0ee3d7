package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
)

func policyImport(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Make a policy file from what another tool has", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "console [FILE|-]", Short: "Make a policy file from the asset policies of ApsaraVideo VOD's console",
		Long: `Make a policy file that does what the asset policies of ApsaraVideo VOD's console do.
Type them in from the console, five lines each, into a file or standard input:

    name: cold videos
    action: storage IA                      (or delete, storage Archive, storage Cold Archive)
    stored longer than: 90 days             (or uploaded: 2024-01-01 to 2024-12-31)
    categories: 1000025810, Archive footage (or all; ids or names)
    status: enabled                         (or disabled)

Case, order and empty lines do not matter; put an empty line between two policies. The file
that is printed has tests, which "vodctl policy check" runs, and says where it differs from
the console. Nothing leaves by it before somebody approves a plan.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.importConsole(strings.Join(args, "")) },
	})
	return cmd
}

func (a *tool) importConsole(name string) error {
	if name == "" {
		name = "-"
	}
	raw, err := a.read(name)
	if err != nil {
		return err
	}
	if name == "-" {
		name = "standard input"
	}
	policies, err := parseConsole(name, raw)
	if err != nil {
		return a.mistakes(err)
	}
	on := slices.DeleteFunc(slices.Clone(policies), func(p consolePolicy) bool { return p.off })
	if len(on) == 0 {
		return fmt.Errorf("%s: %s, and none is enabled: a policy file without rules does nothing", name, report.Count(len(policies), "policy"))
	}
	text := consoleFile(policies, on)
	if _, err := retention.Parse("policy.yaml", []byte(text)); err != nil {
		return errors.Join(errors.New("the policy made of it has mistakes, so it is not printed"), err)
	}
	_, err = a.out.Write([]byte(text))
	return err
}

const consoleRemarks = `# Made by vodctl policy import console. What differs from the console:
#
# - There, of policies that fit an asset only that of the highest priority runs. Here every
#   rule is asked, in this order, and the first that takes an asset gets the credit. What a
#   rule deletes is not moved.
# - There, an enabled policy runs by itself. Here somebody approves the plan of each night.
# - A category is that category alone, not those below it: name them too.
# - Days are of UTC; the console's begin eight hours earlier.
# - A run over its guards does nothing. "vodctl help safety" tells how a backlog goes.
# - The holds are ours: what carries such a tag stays. The console has none.
`

// consoleFile is the policy file: all policies for the record, and those that are on as rules.
func consoleFile(all, on []consolePolicy) string {
	var b strings.Builder
	b.WriteString(consoleRemarks)
	if slices.ContainsFunc(on, func(p consolePolicy) bool { return strings.HasSuffix(p.class, "Archive") }) {
		b.WriteString("# - What is in Archive or Cold Archive plays for nobody until it is restored. scope: source\n" +
			"#   in place of scope: all moves the source file alone, and the asset goes on playing.\n")
	}
	for _, p := range all {
		if p.off {
			fmt.Fprintf(&b, "# - The policy %q is disabled there and left out here.\n", p.name)
		}
	}
	b.WriteString("\nholds:\n  tags: [keep, hold, legal-hold, never-delete]\n\nrules:\n")
	for _, p := range on {
		b.WriteString(p.rule())
	}
	head := "\ntests:\n"
	for _, p := range on {
		for _, s := range p.samples() {
			b.WriteString(head)
			head = ""
			fmt.Fprintf(&b, "  - name: %s\n    media: {%s}\n%s", inYAML(p.name+": "+s.what), s.media(), consoleWant(on, s))
		}
	}
	return b.String()
}

// rule is the policy as a rule. A deletion for all categories needs unsafe, since nothing but
// the age says what goes.
func (p consolePolicy) rule() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n", inYAML(p.name))
	selected, older, all := []string{}, "1d", len(p.ids)+len(p.categories) == 0
	switch ids, names := p.inIDs(), p.inNames(); {
	case len(p.ids) > 0 && len(p.categories) > 0:
		selected = append(selected, "("+ids+" or "+names+")")
	case !all:
		selected = append(selected, ids+names)
	}
	if p.days > 0 {
		older = strconv.Itoa(p.days) + "d"
	} else {
		selected = append(selected, fmt.Sprintf("uploaded >= date(%q) and uploaded < date(%q)", p.from.Format(time.DateOnly), p.to.AddDate(0, 0, 1).Format(time.DateOnly)))
	}
	if len(selected) == 0 && p.class == "" {
		selected = append(selected, `kind in ["video", "audio"]`)
		b.WriteString("    unsafe: true # the console's policy is for all categories\n")
	}
	if len(selected) > 0 {
		fmt.Fprintf(&b, "    select: '%s'\n", strings.ReplaceAll(strings.Join(selected, " and "), "'", "''"))
	}
	fmt.Fprintf(&b, "    older_than: %s%s\n", older, p.remark())
	switch p.class {
	case "":
		b.WriteString("    remove: {video: true}\n")
	case "IA":
		b.WriteString("    move: {to: IA}\n")
	default:
		fmt.Fprintf(&b, "    move: {to: %s, scope: all}\n", p.class)
	}
	return b.String()
}

// remark says where an age comes from that the console does not show so.
func (p consolePolicy) remark() string {
	switch {
	case p.days == 0:
		return " # a rule needs an age; the days of upload are in its select"
	case strings.Contains(p.stored, "month"), strings.Contains(p.stored, "year"):
		return fmt.Sprintf(" # %s: a month counts 30 days, a year 365", p.stored)
	}
	return ""
}

func (p consolePolicy) inIDs() string {
	if len(p.ids) == 0 {
		return ""
	}
	words := make([]string, len(p.ids))
	for i, id := range p.ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return "category_id in [" + strings.Join(words, ", ") + "]"
}

func (p consolePolicy) inNames() string {
	if len(p.categories) == 0 {
		return ""
	}
	words := make([]string, len(p.categories))
	for i, name := range p.categories {
		words[i] = strconv.Quote(name)
	}
	return "category in [" + strings.Join(words, ", ") + "]"
}

func (s consoleSample) media() string {
	out := fmt.Sprintf("kind: video, status: Normal, storage: Standard, size: 1000, age_days: %s", strconv.FormatFloat(s.age, 'f', -1, 64))
	if s.id > 0 {
		out += fmt.Sprintf(", category_id: %d", s.id)
	}
	if s.category != "" {
		out += ", category: " + inYAML(s.category)
	}
	return out
}

// consoleWant is what all rules together do with an asset.
func consoleWant(on []consolePolicy, s consoleSample) string {
	removes, moves, deletes, changes := "", "", false, false
	for _, p := range on {
		deletes, changes = deletes || p.class == "", changes || p.class != ""
		switch {
		case !p.fits(s):
		case p.class == "":
			removes = "video"
		case moves == "":
			moves = strconv.Quote("all:" + p.class)
		}
	}
	if removes != "" {
		moves = "" // what goes is not moved
	}
	out := ""
	if deletes {
		out += "    removes: [" + removes + "]\n"
	}
	if changes {
		out += "    moves: [" + moves + "]\n"
	}
	return out
}

// inYAML is a text in the quotes of YAML, which has Go's escapes.
func inYAML(text string) string { return strconv.Quote(text) }
