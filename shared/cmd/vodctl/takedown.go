package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func takedownCommand(a *tool) *cobra.Command {
	var t purge.Takedown
	var say remark
	var yes bool
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "takedown ID... --reason TEXT",
		Short:       "Remove whole assets at once, outside every plan; the ledger records it, and the library is read as proof",
		Args:        cobra.RangeArgs(1, 100),
		RunE: func(cmd *cobra.Command, args []string) error {
			if say.note == "" {
				return fmt.Errorf("%w: --reason is missing: say why, the ledger keeps it", errUsage)
			}
			for _, id := range args {
				t.IDs = append(t.IDs, video.ID(id))
			}
			return a.takedown(cmd.Context(), t, say, yes)
		},
	}
	say.flags(cmd, "reason", "why; the ledger keeps it")
	cmd.Flags().BoolVar(&t.DespiteHolds, "despite-holds", false, "also what a hold protects")
	cmd.Flags().BoolVar(&yes, "yes", false, "remove without asking")
	return cmd
}

func (a *tool) takedown(ctx context.Context, t purge.Takedown, say remark, yes bool) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		by, scope, err := a.identity(ctx, app, false)
		if err != nil {
			return err
		}
		t.By, t.Reason = by, say.text()
		policy, err := night.Policy(ctx, app)
		if err != nil {
			return err
		}
		if err := checkKnown(ctx, app, o, t.IDs); err != nil {
			return err
		}
		if !yes {
			if err := a.showMedia(ctx, app, t.IDs); err != nil {
				return err
			}
			if err := a.typed(irreversible, scope.Region+" "+scope.Account); err != nil {
				return err
			}
		}
		job := purge.Job{Library: app.VOD, CDN: app.VOD, State: o, Policy: policy, Scope: scope, Log: app.Log}
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		name, outcomes, err := job.Takedown(ctx, t, at)
		if err != nil && outcomes == nil {
			return err
		}
		rows := a.rows("asset", "result", "proof")
		rows.Indent = "  "
		failed := 0
		for _, o := range outcomes {
			rows.Add(o, o.ID, o.Result, o.Reason)
			if o.Result != video.Done && o.Result != video.Missing {
				failed++
			}
		}
		if failed > 0 {
			err = errors.Join(err, fmt.Errorf("%s not proved to be gone: look at the proof, and run the same takedown again", report.Count(failed, "video")))
		}
		said := a.say("In the ledger as %s:\n", name)
		return errors.Join(err, said, rows.Print())
	})
}

// checkKnown refuses ids that neither VOD nor the ledger knows: the ledger keeps for good
// what a takedown says of them, and a slip would stand there as something that was gone.
func checkKnown(ctx context.Context, app *boot.App, o state.Objects, ids []video.ID) error {
	answers, err := app.VOD.Media(ctx, ids)
	if err != nil {
		return err
	}
	var absent []video.ID
	for i, m := range answers {
		if errors.Is(m.Err, video.ErrNotFound) {
			absent = append(absent, ids[i])
		}
	}
	if len(absent) == 0 {
		return nil
	}
	last, err := removal.LastOfAsset(ctx, o, absent...)
	if err != nil {
		return err
	}
	var faults []error
	for _, id := range absent {
		if _, ok := last[id]; !ok {
			faults = append(faults, fmt.Errorf("%s: %w: neither VOD nor the ledger knows it, nothing was removed%s", video.Visible(string(id)), video.ErrNotFound, insight.NotAnID(id)))
		}
	}
	return errors.Join(faults...)
}

func (a *tool) showMedia(ctx context.Context, app *boot.App, ids []video.ID) error {
	answers, err := app.VOD.Media(ctx, ids)
	if err != nil {
		return err
	}
	out := a.out
	if a.format != report.AsTable { // the result is still to come
		out = a.err
	}
	rows := report.NewRows(out, report.AsTable, "asset", "title", "tags", "created")
	for _, m := range answers {
		if m.Err != nil {
			rows.Add(nil, m.ID, m.Err)
			continue
		}
		rows.Add(nil, m.ID, report.Short{Text: m.Value.Title, Width: 40}, video.JoinTags(m.Value.Tags), m.Value.Created)
	}
	return rows.Print()
}
