package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func ledgerCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Prove and sum up the record of what was removed and moved", Args: cobra.NoArgs}
	cmd.AddCommand(verifyCommand(a), &cobra.Command{
		Annotations: inRows, Use: "report", Short: "Planned against freed, for every plan", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledgerReport(cmd.Context()) },
	}, &cobra.Command{
		Annotations: inRows, Use: "reconcile", Short: "Compare the record, day by day, with the deletions that VOD announced",
		Long: `Compare the record, day by day, with the deletions of whole videos that VOD announced.

VOD announces a deletion by DeleteMediaComplete, which autotag keeps under STATE. An
announcement is not signed and may come late or never, so this decides nothing: videos
without one may still get it, and deletions from elsewhere are somebody else's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context()) },
	})
	return cmd
}

func (a *tool) reconcile(ctx context.Context) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		reading := a.counting(o, " objects")
		days, err := removal.Reconcile(ctx, reading)
		reading.bar.end()
		if err != nil {
			return err
		}
		rows := a.rows("day", ">removed", ">announced", ">not announced", ">from elsewhere", "for example")
		for _, d := range days {
			example := ""
			if len(d.Elsewhere) > 0 {
				example = string(d.Elsewhere[0])
			} else if len(d.Silent) > 0 {
				example = string(d.Silent[0])
			}
			rows.Add(d, d.Day, d.Removed, d.Confirmed, len(d.Silent), len(d.Elsewhere), example)
		}
		return rows.Print()
	})
}

func verifyCommand(a *tool) *cobra.Command {
	var full, point bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove that the record is whole; ends 1 when it is not", Args: cobra.NoArgs,
		Long: `Prove that the record is whole, from the last check point on: nothing is lost, each removal
has its intent before it, and what ended agrees with what was recorded then. The work of
it does not grow with the years.

With --full it reads from the first segment on and trusts no check point, but proves them
as well. With --checkpoint it records under STATE that the record held, for the next time;
only a person does that, and the record names whose credentials it was.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), full, point) },
	}
	cmd.Flags().BoolVar(&full, "full", false, "from the first segment on")
	cmd.Flags().BoolVar(&point, "checkpoint", false, "record that it held up to here")
	return cmd
}

func (a *tool) verify(ctx context.Context, full, point bool) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		check := removal.VerifyRecent
		switch {
		case point:
			by, _, err := a.identity(ctx, app, false)
			if err != nil {
				return err
			}
			check = func(ctx context.Context, o state.Objects) (removal.LedgerReport, error) {
				return removal.WriteCheckpoint(ctx, o, by, at, full)
			}
		case full:
			check = removal.VerifyLedger
		}
		reading := a.counting(o, " objects")
		r, err := check(ctx, reading)
		reading.bar.end()
		if err != nil {
			return err
		}
		tip := "nothing yet"
		if r.Tip != "" {
			tip = r.Tip[:16]
		}
		moved := ""
		if r.Moved > 0 {
			moved = ", " + report.Number(r.Moved) + " moved"
		}
		return a.result(r, "The ledger is whole: %s in %s, %s removed%s, %s open, tip %s\n",
			report.Count(r.Rows, "row"), report.Count(r.Segments, "segment"), report.Count(r.Results[video.Done]-r.Moved, "item"), moved, report.Number(r.Open), tip)
	})
}

func (a *tool) ledgerReport(ctx context.Context) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		reading := a.counting(o, " objects")
		r, err := removal.VerifyLedger(ctx, reading)
		reading.bar.end()
		if err != nil {
			return err
		}
		rows := a.rows("plan", "asked for by", ">planned", ">removed", ">bytes planned", ">bytes freed", "status", ">moved")
		rows.Whole = r
		for _, p := range r.Plans {
			removed, moved := p.Freed.Items, 0
			if p.Duty == retention.Moving {
				removed, moved = moved, removed
			}
			rows.Add(nil, p.Plan, p.By, p.Planned.Items, removed, report.Size(p.Planned.Bytes), report.Size(p.Freed.Bytes), ledgerStanding(p, at), moved)
		}
		return rows.Print()
	})
}

// ledgerStanding says where a plan or takedown is, as far as the ledger tells.
func ledgerStanding(p removal.PlanReport, now time.Time) string {
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
