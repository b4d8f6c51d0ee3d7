package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
)

func stateCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Check, compact and expire what lies under STATE; the only thing that ever removes there", Args: cobra.NoArgs}
	var yes bool
	var older int
	add := func(use, short string, run func(ctx context.Context, o *state.Store, before time.Time) (removal, error)) {
		sub := &cobra.Command{
			Use: use, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				age := time.Duration(older) * 24 * time.Hour
				if age < state.YoungestCompacted {
					return fmt.Errorf("%w: --older is at least 2 days", errUsage)
				}
				return a.withState(cmd.Context(), func(_ *boot.App, o *state.Store) error {
					r, err := run(cmd.Context(), o, time.Now().Add(-age))
					if err != nil {
						return err
					}
					return a.remove(cmd.Context(), o, r, yes)
				})
			},
		}
		sub.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
		sub.Flags().IntVar(&older, "older", 30, "days: what is younger stays")
		cmd.AddCommand(sub)
	}
	cmd.AddCommand(&cobra.Command{
		Use: "check", Short: "Read every object and name the damaged ones; ends 1 when there are any", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.checkState(cmd.Context()) },
	})
	add("compact", "Remove old entries of the metadata journal, which metadata itself has brought into shards; what they wrote can then no longer be undone", compactJournal)
	add("expire", "Remove what nobody reads any more: lines of old plans, bodies of old messages, old leases; never the ledger", expire)
	return cmd
}

// flaw is an object that is not as it was written.
type flaw struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

func (a *app) checkState(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		table, all := report.NewTable("object", "why"), []flaw{}
		for key, err := range state.Damaged(ctx, o, time.Now()) {
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
			_, err = fmt.Fprintln(a.out, "Every object is as it was written.")
		}
		if len(all) > 0 {
			err = errors.Join(err, fmt.Errorf("%s damaged or missing", report.Count(len(all), "object")))
		}
		return err
	})
}

// removal is what a command wants to take away.
type removal struct {
	Remove []string `json:"remove"`
}

func compactJournal(ctx context.Context, o *state.Store, before time.Time) (removal, error) {
	keys, err := state.Replaced(ctx, o, before)
	return removal{Remove: keys}, err
}

func expire(ctx context.Context, o *state.Store, before time.Time) (removal, error) {
	keys, err := state.Expired(ctx, o, before, time.Now())
	return removal{Remove: keys}, err
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
		if _, err := fmt.Fprintf(a.out, "- %s\n", key); err != nil {
			return err
		}
	}
	last := report.Count(len(r.Remove), "object") + " removed"
	if !yes {
		last = report.Count(len(r.Remove), "object") + " to remove; nothing was done, --yes does it"
	}
	_, err := fmt.Fprintf(a.out, "\n%s\n", last)
	return err
}
