package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func ledgerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Prove and sum up the record of what was removed", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "verify", Short: "Prove that the record is whole; ends 1 when it is not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledger(cmd.Context(), false) },
	}, &cobra.Command{
		Use: "report", Short: "Planned against freed, for every plan", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledger(cmd.Context(), true) },
	}, &cobra.Command{
		Use: "reconcile", Short: "Compare the record, day by day, with the deletions that VOD announced",
		Long: `Compare the record, day by day, with the deletions of whole videos that VOD announced.

VOD announces a deletion by DeleteMediaComplete, which autotag keeps under STATE. An
announcement is not signed and may come late or never, so this decides nothing: videos
without one may still get it, and deletions from elsewhere are somebody else's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context()) },
	})
	return cmd
}

func (a *app) reconcile(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		days, err := state.Reconcile(ctx, o)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(days)
		}
		table := report.NewTable("day", ">removed", ">announced", ">not announced", ">from elsewhere", "for example")
		for _, d := range days {
			example := ""
			if len(d.Elsewhere) > 0 {
				example = string(d.Elsewhere[0])
			} else if len(d.Silent) > 0 {
				example = string(d.Silent[0])
			}
			table.Row(d.Day, report.Number(d.Removed), report.Number(d.Confirmed), report.Number(len(d.Silent)), report.Number(len(d.Elsewhere)), example)
		}
		return table.Write(a.out, "")
	})
}

func (a *app) ledger(ctx context.Context, plans bool) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		r, err := state.VerifyLedger(ctx, o)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(r)
		}
		if plans {
			table := report.NewTable("plan", "asked for by", ">planned", ">removed", ">bytes planned", ">bytes freed", "standing")
			for _, p := range r.Plans {
				table.Row(p.Plan, p.By, report.Number(p.Planned.Items), report.Number(p.Freed.Items),
					report.Bytes(p.Planned.Bytes), report.Bytes(p.Freed.Bytes), ledgerStanding(p, time.Now()))
			}
			return table.Write(a.out, "")
		}
		tip := "nothing yet"
		if r.Tip != "" {
			tip = r.Tip[:16]
		}
		err = a.say("The ledger is whole: %s in %s, %s removed, %s open, tip %s\n",
			report.Count(r.Rows, "row"), report.Count(r.Segments, "segment"), report.Count(r.Results[video.Done], "item"), report.Number(r.Open), tip)
		return err
	})
}

// ledgerStanding says where a plan or takedown is, as far as the ledger tells.
func ledgerStanding(p state.PlanReport, now time.Time) string {
	open := ""
	if p.Open > 0 {
		open = fmt.Sprintf(", %d open", p.Open)
	}
	switch {
	case p.Ended:
		return "ended"
	case p.Withdrawn:
		return "withdrawn" + open
	case strings.HasPrefix(p.Plan, state.Takedowns):
		return "cut short: the next takedown settles it" + open
	case !p.Expires.IsZero() && !now.Before(p.Expires):
		return "expired" + open
	}
	return "under way" + open
}
