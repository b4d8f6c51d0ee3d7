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
	"vodcurator/shared/state/edits"
)

func stateCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Check, compact and expire what lies under STATE", Args: cobra.NoArgs}
	check := &cobra.Command{
		Annotations: inRows, Use: "check", Short: "Read every object and name the corrupt, missing and stray ones; ends 1 when there are any", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.checkState(cmd.Context()) },
	}
	cmd.AddCommand(check, compactCommand(a), expireCommand(a))
	return cmd
}

func compactCommand(a *tool) *cobra.Command {
	var yes bool
	var older int
	cmd := &cobra.Command{
		Annotations: inRows, Use: "compact", Short: "Remove old entries of the metadata journal, which metadata itself has brought into shards; what they wrote can then no longer be undone",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age := time.Duration(older) * 24 * time.Hour
			if age < edits.YoungestCompacted {
				return fmt.Errorf("%w: --older %d: name 2 days or more", errUsage, older)
			}
			return a.withState(cmd.Context(), func(_ *boot.App, o *state.Store) error {
				reading := a.counting(o, " journal entries")
				keys, err := edits.Replaced(cmd.Context(), reading, time.Now().Add(-age))
				reading.bar.end()
				if err != nil {
					return err
				}
				return a.remove(cmd.Context(), o, expiry{Remove: keys}, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
	cmd.Flags().IntVar(&older, "older", 30, "days: what is younger stays")
	return cmd
}

// expireCommand does at once and to its end what purgeplan does every night for as long as
// it has time.
func expireCommand(a *tool) *cobra.Command {
	var yes, rules bool
	cmd := &cobra.Command{
		Annotations: inRows, Use: "expire", Short: "Remove what nobody reads any more; never a plan, an approval, a halt or the ledger",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rules {
				return a.expiryRules()
			}
			return a.withState(cmd.Context(), func(app *boot.App, o *state.Store) error {
				at, err := now(cmd.Context(), app)
				if err != nil {
					return err
				}
				looking := &walked{Objects: o, bar: a.progress(" objects looked at")}
				keys, err := upkeep.Old(cmd.Context(), looking, at)
				looking.bar.end()
				if err != nil {
					return err
				}
				return a.remove(cmd.Context(), o, expiry{Remove: keys}, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
	cmd.Flags().BoolVar(&rules, "rules", false, "only say what expires, and after how long")
	return cmd
}

func (a *tool) expiryRules() error {
	rows := a.rows("prefix", "what lies there", "read by", "stays")
	for _, r := range upkeep.Rules() {
		rows.Add(r, r.Prefixes, r.Holds, r.Reader, r.Stays)
	}
	return rows.Print()
}

// flaw is an object that is corrupt, missing or stray.
type flaw struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

func (a *tool) checkState(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		return a.checkObjects(ctx, o, at)
	})
}

func (a *tool) checkObjects(ctx context.Context, o state.Objects, at time.Time) error {
	// A call lists a thousand names and reads one object, so counting them first costs little.
	there := &walked{Objects: o, bar: a.progress(" objects listed")}
	for _, err := range there.List(ctx, "", "") {
		if err != nil {
			return err
		}
	}
	there.bar.end()
	checked := &walked{Objects: o, bar: a.progress(" objects checked").upTo(there.n)}
	defer checked.bar.end()
	rows, found := a.rows("object", "why"), 0
	rows.None = "No object is corrupt, missing or stray."
	for key, err := range upkeep.Check(ctx, checked, at) {
		if key == "" {
			return err
		}
		found++
		rows.Add(flaw{key, err.Error()}, key, err)
	}
	err := rows.Print()
	if found > 0 {
		err = errors.Join(err, fmt.Errorf("%s corrupt, missing or stray; restore them from a copy, or move away what is not ours", report.Count(found, "object")))
	}
	return err
}

// expiry is what a command wants to take away.
type expiry struct {
	Remove []string `json:"remove"`
}

func (a *tool) remove(ctx context.Context, o *state.Store, r expiry, yes bool) error {
	if yes {
		bar := a.progress(" objects removed").upTo(len(r.Remove))
		defer bar.end()
		for i, key := range r.Remove {
			if err := state.Remove(ctx, o, key); err != nil {
				return err
			}
			bar.count(i + 1)
		}
	}
	rows := a.rows("object")
	rows.Whole = r
	for _, key := range r.Remove {
		rows.Add(nil, key)
	}
	last := report.Count(len(r.Remove), "object") + " removed"
	if !yes {
		last = report.Count(len(r.Remove), "object") + " to remove; nothing was done, --yes does it"
	}
	return errors.Join(rows.Print(), a.say("\n%s\n", last))
}
