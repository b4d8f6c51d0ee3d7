package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
)

func stateCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Check, compact and expire what lies under STATE", Args: cobra.NoArgs}
	check := &cobra.Command{
		Use: "check", Short: "Read every object and name the corrupt, missing and stray ones; ends 1 when there are any", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.checkState(cmd.Context()) },
	}
	cmd.AddCommand(check, compactCommand(a), expireCommand(a))
	return cmd
}

func compactCommand(a *app) *cobra.Command {
	var yes bool
	var older int
	cmd := &cobra.Command{
		Use: "compact", Short: "Remove old entries of the metadata journal, which metadata itself has brought into shards; what they wrote can then no longer be undone",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age := time.Duration(older) * 24 * time.Hour
			if age < state.YoungestCompacted {
				return fmt.Errorf("%w: --older is at least 2 days", errUsage)
			}
			return a.withState(cmd.Context(), func(_ *boot.App, o *state.Store) error {
				keys, err := state.Replaced(cmd.Context(), o, time.Now().Add(-age))
				if err != nil {
					return err
				}
				return a.remove(cmd.Context(), o, removal{Remove: keys}, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
	cmd.Flags().IntVar(&older, "older", 30, "days: what is younger stays")
	return cmd
}

// expireCommand does at once and to its end what purgeplan does every night for as long as
// it has time.
func expireCommand(a *app) *cobra.Command {
	var yes, rules bool
	cmd := &cobra.Command{
		Use: "expire", Short: "Remove what nobody reads any more; never a plan, an approval, a halt or the ledger",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rules {
				return a.tellRules()
			}
			return a.withState(cmd.Context(), func(_ *boot.App, o *state.Store) error {
				keys, err := upkeep.Old(cmd.Context(), o, time.Now())
				if err != nil {
					return err
				}
				return a.remove(cmd.Context(), o, removal{Remove: keys}, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
	cmd.Flags().BoolVar(&rules, "rules", false, "only say what expires, and after how long")
	return cmd
}

func (a *app) tellRules() error {
	if a.json() {
		return a.printJSON(upkeep.Rules())
	}
	table := report.NewTable("prefix", "what lies there", "read by", "stays")
	for _, r := range upkeep.Rules() {
		table.Row(r.Prefixes, r.Holds, r.Reader, r.Stays)
	}
	return table.Write(a.out, "")
}

// flaw is an object that is not as it was written.
type flaw struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

func (a *app) checkState(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		table, all := report.NewTable("object", "why"), []flaw{}
		for key, err := range upkeep.Check(ctx, o, time.Now()) {
			if key == "" {
				return err
			}
			all = append(all, flaw{key, err.Error()})
			table.Row(key, err)
		}
		var err error
		switch {
		case a.json():
			err = a.printJSON(all)
		case len(all) > 0:
			err = table.Write(a.out, "")
		default:
			err = a.say("Every object is as it was written.\n")
		}
		if len(all) > 0 {
			err = errors.Join(err, fmt.Errorf("%s corrupt, missing or stray; restore them from a copy, or move away what is not ours", report.Count(len(all), "object")))
		}
		return err
	})
}

// removal is what a command wants to take away.
type removal struct {
	Remove []string `json:"remove"`
}

func (a *app) remove(ctx context.Context, o *state.Store, r removal, yes bool) error {
	if yes {
		for _, key := range r.Remove {
			if err := state.Remove(ctx, o, key); err != nil {
				return err
			}
		}
	}
	if a.json() {
		return a.printJSON(r)
	}
	for _, key := range r.Remove {
		if err := a.say("- %s\n", key); err != nil {
			return err
		}
	}
	last := report.Count(len(r.Remove), "object") + " removed"
	if !yes {
		last = report.Count(len(r.Remove), "object") + " to remove; nothing was done, --yes does it"
	}
	return a.say("\n%s\n", last)
}
