package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
)

func policyCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Write and check a retention policy", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Annotations: inRows, Use: "check [FILE]", Short: "Tell every mistake in a policy file, each with its place, run its tests, and warn of holds it leaves out",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.policyCheck(cmd.Context(), strings.Join(args, ""))
		},
	}, &cobra.Command{
		Use: "show default|schema", Short: "Print the built-in policy, or the JSON Schema for editors",
		Args: one, ValidArgs: []string{"default", "schema"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := retention.DefaultSource()
			if args[0] == "schema" {
				text = retention.Schema()
			}
			_, err := a.out.Write(text)
			return err
		},
	}, policyImport(a))
	cmd.AddCommand(versionCommands(a, state.PolicyText)...)
	return cmd
}

// policyCheck takes a key under STATE too, as POLICY_FILE does.
func (a *tool) policyCheck(ctx context.Context, name string) error {
	text, err := retention.DefaultSource(), error(nil)
	if name != "" {
		if text, err = readFile(name); errors.Is(err, os.ErrNotExist) && keyLike(name) {
			if app, bootErr := a.boot(); bootErr == nil && app.State != nil {
				text, err = app.File(ctx, name)
			}
		}
	}
	if err != nil {
		return err
	}
	p, err := retention.Parse(name, text)
	if err := a.mistakes(err); err != nil {
		return err
	}
	mistake, stale := p.Prices.CheckAge(time.Now())
	if mistake != "" {
		return fmt.Errorf("%s: %s", cmp.Or(name, "default"), mistake)
	}
	if region := a.env("ALIBABA_CLOUD_REGION"); region != "" { // else nobody says where the policy is for
		if err := p.Moves().CheckRegion(region); err != nil {
			return fmt.Errorf("%s: %w", cmp.Or(name, "default"), err)
		}
	}
	warnings := p.Warnings()
	if stale != "" {
		warnings = append(warnings, stale)
	}
	if a.format != report.AsTable { // the result is the list of mistakes
		for _, warning := range warnings {
			err = errors.Join(err, a.warn("warning: %s", warning))
		}
		return err
	}
	err = a.say("%s, hash %s: no mistakes, and its tests hold\n", report.Count(len(p.Rules())+len(p.Moves().Rules()), "rule"), p.Hash[:16])
	for _, warning := range warnings {
		err = errors.Join(err, a.say("  WARNING: %s\n", warning))
	}
	return err
}
