package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

func haltCommand(a *tool) *cobra.Command {
	var say remark
	cmd := &cobra.Command{
		Use: "halt", Short: "Stop all removal and all moves before their next batch of at most 20 videos",
		Long: `Stop all removal, and all moves to other storage classes, before their next batch of at
most 20 videos. What the library is already moving goes on. The halt lies under STATE,
where the functions read it: at a STATE that holds nothing nobody would, so that it is
refused there unless --new is given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), true, say) },
	}
	say.flags(cmd, "reason", "why")
	return cmd
}

// sayHalted says beside the result of a command that removal is halted.
func (a *tool) sayHalted(ctx context.Context, o state.Objects) error {
	h, err := removal.HaltState(ctx, o)
	switch {
	case err != nil:
		return a.warn("whether removal is halted is not known, so nothing is removed: %s", err)
	case h.Halted:
		return a.warn("removal is halted since %s by %s%s: nothing of it goes before vodctl resume", a.when(h.At), h.By, report.Beside(h.Reason))
	}
	return nil
}

func resumeCommand(a *tool) *cobra.Command {
	var say remark
	cmd := &cobra.Command{
		Use: "resume", Short: "Let removal and moves go on after a halt", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), false, say) },
	}
	say.flags(cmd, "reason", "why")
	return cmd
}

func (a *tool) halt(ctx context.Context, halted bool, say remark) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		by, _, err := a.identity(ctx, app, halted)
		if err != nil {
			return err
		}
		at, err := now(ctx, app)
		if err != nil && !halted {
			return err
		}
		if err != nil { // whoever halts is in a hurry: the moment is only told
			at = time.Now()
		}
		h := removal.Halt{Halted: halted, By: by, At: at, Reason: say.text()}
		if err := removal.SetHalt(ctx, o, h); err != nil {
			return err
		}
		if halted {
			return a.result(h, "Removal is halted, and so are moves: at most the batch under way (20 videos) still leaves or moves. Go on with: vodctl resume\n")
		}
		return a.result(h, "Removal may go on at the next tick of purge, and moves at that of tier.\n")
	})
}
