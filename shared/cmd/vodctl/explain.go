package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func explainPlanCommand(a *tool) *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use: "explain ID...", Short: "Say of single assets what would go and what stays, and why", Args: cobra.RangeArgs(1, video.MaxBatch),
		Long: `Say of single assets what the policy takes and what it leaves, and why: for the moment of
the plan (default: the latest, or now when there is none), by what the library holds now.
What waits for the rest of the library (the newest of a category, quotas) is taken from
the plan. Where a fact is missing, and the asset is kept for it, the fact is named.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids := make([]video.ID, len(args))
			for i, arg := range args {
				ids[i] = video.ID(arg)
			}
			return a.explainPlan(cmd.Context(), plan, ids)
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "the plan; default: the latest")
	return cmd
}

func (a *tool) explainPlan(ctx context.Context, plan string, ids []video.ID) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		p, err := a.findPlan(ctx, app, o, plan)
		if err != nil && (plan != "" || !errors.Is(err, video.ErrNotFound)) {
			return err
		}
		x, err := insight.Explain(ctx, app, p, ids, a.hears())
		if err != nil {
			return err
		}
		err = a.present(x.Assets, func() error {
			for _, e := range x.Assets {
				if err := a.explainOne(e, p.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil && x.Unknown > 0 {
			err = fmt.Errorf("%w: %s cannot be explained: see the lines above, and vodctl history ID", video.ErrNotFound, report.Count(x.Unknown, "asset"))
		}
		return err
	})
}

// lacking names facts that were missing.
func lacking(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return "; not known: " + strings.Join(missing, ", ")
}

func (a *tool) explainOne(e insight.Explained, plan string) error {
	if err := a.say("%s  %s\n", e.ID, cmp.Or(e.Error, report.Cut(e.Title, 60))); err != nil || e.Error != "" {
		return err
	}
	table := report.NewTable("", "part", "rule", "why")
	what := func(kind retention.Kind, part string) string {
		switch {
		case kind == "" && len(e.Takes) > 0:
			return "" // what this rule would have taken
		case kind == "":
			return "all of it"
		}
		return report.Cut(string(kind)+" "+part, 24)
	}
	goes := func(i retention.Item) string {
		if i.Kind == retention.Move {
			return "to " + i.To
		}
		return "goes"
	}
	for _, i := range slices.Concat(e.Takes, e.Moves) {
		table.Row(goes(i), what(i.Kind, i.Part), i.Rule, i.Reason)
	}
	for _, k := range slices.Concat(e.Keeps, e.Unmoved) {
		table.Row("stays", what(k.Kind, k.Part), k.Rule, string(k.Why)+": "+k.Reason+lacking(k.Missing))
	}
	if len(e.Takes)+len(e.Keeps)+len(e.Moves)+len(e.Unmoved) == 0 {
		table.Row("stays", "all of it", "", "no rule looks at it")
	}
	if err := table.Write(a.out, "  "); err != nil {
		return err
	}
	said := fmt.Sprintf("plan %s lists %s of it", plan, report.Count(len(e.Listed), "item"))
	if plan == "" {
		said = "there is no plan yet"
	}
	return a.say("  %s\n\n", said)
}
