package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/manifest"
	"vodcurator/shared/report"
)

func setupCommand(a *tool) *cobra.Command {
	var plan, apply, yes bool
	var file string
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "setup --plan | --apply | --manifest FILE",
		Short:       "Show what an account needs and what it has; make what is missing; check the manifest",
		Long: `Show what an account needs before the functions work in it: queues, bucket, roles,
policies, VOD's callback. --plan looks at each and prints the difference; nothing is changed.

--apply prints the same, asks, and makes what is missing. What is there is never changed:
what differs is for a person, and so is VOD's callback where somebody has set one. It may be
run again after an interruption. Whoever runs it needs the rights to make these things;
the functions themselves come with make deploy.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !plan && !apply && file == "" {
				return fmt.Errorf("%w: setup changes nothing by itself; say --plan, --apply or --manifest", errUsage)
			}
			if plan && apply {
				return fmt.Errorf("%w: either --plan or --apply", errUsage)
			}
			if apply && !yes && a.format != report.AsTable {
				return fmt.Errorf("%w: --apply with -o %s asks nobody: look with --plan, then say --yes", errUsage, a.format)
			}
			looks := plan || apply
			if file != "" {
				if err := a.checkManifest(file, looks); err != nil || !looks {
					return err
				}
			}
			return a.setup(cmd.Context(), file, apply, yes)
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "print what is there and what is missing")
	cmd.Flags().BoolVar(&apply, "apply", false, "make what is missing, after asking")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&file, "manifest", "", "check that this s.yaml gives the metadata queue the one intake that METADATA_INTAKE says")
	return cmd
}

// manifest reads an s.yaml as the environment here would have it deployed.
func (a *tool) manifest(file string) (manifest.Manifest, error) {
	return manifest.Read(file, manifest.Variables{Env: a.env})
}

// checkManifest says which intake the metadata queue has.
func (a *tool) checkManifest(file string, plan bool) error {
	m, err := a.manifest(file)
	if err != nil {
		return err
	}
	in, err := checkIntake(m)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	bulk := ""
	if in.bulk != "" {
		bulk = ", and takes bulk changes from " + in.bulk
	}
	const found = "%s: metadata has one intake, %s%s\n"
	if plan { // programs get the plan alone
		return a.say(found, file, in.mode, bulk)
	}
	return a.result(map[string]string{"queue": in.queue, "intake": in.mode, "bulk": in.bulk}, found, file, in.mode, bulk)
}

// setup shows what the account needs and, where that is wanted, makes what is missing.
func (a *tool) setup(ctx context.Context, file string, apply, yes bool) error {
	p := a.patient(cmp.Or(file, "s.yaml"))
	defer p.Close()
	if p.Bad != nil {
		return p.Bad
	}
	needs := p.Needs(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(needs), func(n doctor.Need) bool { return n.Status != doctor.Missing || n.ByHand })
	if !apply || a.format == report.AsTable { // programs get one document
		if err := a.showNeeds(needs); err != nil || !apply {
			return err
		}
	}
	if len(missing) == 0 {
		return a.say("\nNothing is missing that can be made here.\n")
	}
	if !yes {
		warning := fmt.Sprintf("%s will be made in account %s, region %s; nothing that is there is changed.\n", report.Count(len(missing), "thing"), p.App.Scope.Account, p.App.Scope.Region)
		if err := a.typed(warning, p.App.Scope.Account); err != nil {
			return err
		}
	}
	return a.makeAll(ctx, missing)
}

// makeAll makes one after the other: a role's policy names the bucket, and VOD's callback the
// queue. One that fails stops no other.
func (a *tool) makeAll(ctx context.Context, missing []doctor.Need) error {
	rows := a.rows("what", "name", "result")
	failed := 0
	for _, n := range missing {
		err := ctx.Err()
		if err == nil {
			err = n.Make(ctx)
		}
		result := "made"
		if err != nil {
			result = err.Error()
			failed++
		}
		rows.Add(made{n.What, n.Name, err == nil, result}, n.What, n.Name, result)
	}
	if err := rows.Print(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s not made; mend what stands beside them and run vodctl setup --apply again", failed, report.Count(len(missing), "thing"))
	}
	return a.say("\n%s made. Next: make deploy, then vodctl doctor\n", report.Count(len(missing), "thing"))
}

// made is what came of one missing thing.
type made struct {
	What   string `json:"what"`
	Name   string `json:"name"`
	Made   bool   `json:"made"`
	Result string `json:"result"`
}

// setupWidth is how wide the text for people is.
const setupWidth = 116

func (a *tool) showNeeds(needs []doctor.Need) error {
	rows := a.rows("what", "name", "status", "seen", "how")
	if a.format == report.AsTable {
		rows = a.rows("what", "name", "status", "seen")
	}
	var rest strings.Builder
	for _, n := range needs {
		cells := []any{n.What, n.Name, string(n.Status), report.Short{Text: n.Seen, Width: 60}}
		if a.format != report.AsTable {
			cells[3], cells = n.Seen, append(cells, n.How)
		} else if n.Status != doctor.There {
			text := report.Sayf("%s %s: %s", n.What, n.Name, n.How)
			if n.ByHand {
				text += "; by hand"
			}
			if len(n.Seen) > 60 {
				text += report.Sayf("; seen: %s", n.Seen)
			}
			rest.WriteString(wrapped(text, setupWidth))
		}
		rows.Add(n, cells...)
	}
	if err := rows.Print(); err != nil || rest.Len() == 0 {
		return err
	}
	_, err := io.WriteString(a.out, "\nNeeded, and not there as it should be:\n"+rest.String())
	return err
}

// wrapped breaks a text between words, and words that are longer at commas.
func wrapped(text string, width int) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		for {
			if i > 0 && line > 0 && line+1+len(word) > width {
				b.WriteString("\n   ")
				line = 3
			}
			if line > 0 {
				b.WriteByte(' ')
				line++
			}
			cut := len(word)
			if line+cut > width {
				if at := strings.LastIndex(word[:max(0, min(cut, width-line))], ","); at > 0 {
					cut = at + 1
				}
			}
			b.WriteString(word[:cut])
			line += cut
			if word = word[cut:]; word == "" {
				break
			}
			line = width
		}
	}
	return b.String() + "\n"
}
