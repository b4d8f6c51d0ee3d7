package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/manifest"
	"vodcurator/shared/report"
)

func doctorCommand(a *tool) *cobra.Command {
	var file string
	var wrong bool
	cmd := &cobra.Command{
		Annotations: inRows, Use: "doctor",
		Short: "Examine the installation and say what is wrong and what to do; ends 1 when there is a fault",
		Long: `Examine the installation: credentials, clock, VOD's callback, queues, event streams,
functions, roles, STATE, plans, rules and policy. Nothing is changed to find out.

Each line is ok, doubt or fault, with what was seen and what to do. A doubt is a thing
that could not be asked, with the right that is missing, or one for a person to judge.
functions/doctor-policy.json has the rights that all questions need. The functions are
compared with s.yaml as it would be deployed from here.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.examine(cmd.Context(), file, wrong) },
	}
	cmd.Flags().StringVar(&file, "manifest", "s.yaml", "the s.yaml that was deployed")
	cmd.Flags().BoolVar(&wrong, "wrong", false, "leave out what is well")
	return cmd
}

// patient is the installation as this environment and an s.yaml have it. Neither need be whole.
func (a *tool) patient(file string) *doctor.Patient {
	o := doctor.Options{Env: a.env}
	o.App, o.Bad = a.wire()
	account := a.env("ALIBABA_CLOUD_ACCOUNT_ID")
	if o.App != nil {
		account = cmp.Or(o.App.Scope.Account, account)
	}
	o.Manifest, o.ManifestError = manifest.Read(file, manifest.Variables{Account: account, Env: a.env})
	if errors.Is(o.ManifestError, os.ErrNotExist) {
		o.ManifestError = fmt.Errorf("there is no file %s here", file)
	}
	return doctor.New(o)
}

func (a *tool) examine(ctx context.Context, file string, wrong bool) error {
	p := a.patient(file)
	defer p.Close()
	found := p.Examine(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	rows := a.rows("health", "check", "seen", "do")
	counts := map[doctor.Health]int{}
	for _, f := range found {
		counts[f.Health]++
		switch {
		case f.Health == doctor.OK && wrong:
		case a.format != report.AsTable:
			rows.Add(f, string(f.Health), f.Check, f.Seen, f.Do)
		default:
			if err := a.sayFinding(f); err != nil {
				return err
			}
		}
	}
	if a.format != report.AsTable {
		if err := rows.Print(); err != nil {
			return err
		}
	} else if err := a.say("\n%s, %s, %d ok\n", report.Count(counts[doctor.Fault], "fault"), report.Count(counts[doctor.Doubt], "doubt"), counts[doctor.OK]); err != nil {
		return err
	}
	if n := counts[doctor.Fault]; n > 0 {
		return fmt.Errorf("%s; each line says what to do", report.Count(n, "fault"))
	}
	return nil
}

// sayFinding writes a finding in one line, which a narrow terminal breaks.
func (a *tool) sayFinding(f doctor.Finding) error {
	do := ""
	if f.Do != "" {
		do = " → " + f.Do
	}
	return a.say("%-5s  %s: %s%s\n", string(f.Health), f.Check, f.Seen, do)
}
