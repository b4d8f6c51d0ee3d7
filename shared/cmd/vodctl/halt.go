package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

func haltCommand(a *tool) *cobra.Command {
	var say remark
	var fresh bool
	cmd := &cobra.Command{
		Use: "halt", Short: "Stop all removal and all moves before their next batch of at most 20 videos",
		Long: `Stop all removal, and all moves to other storage classes, before their next batch of at
most 20 videos. What the library is already moving goes on. The halt lies under STATE,
where the functions read it: at a STATE that holds nothing nobody would, so that it is
refused there unless --new is given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), true, fresh, say) },
	}
	say.flags(cmd, "reason", "why")
	cmd.Flags().BoolVar(&fresh, "new", false, "also where STATE holds nothing yet")
	return cmd
}

func resumeCommand(a *tool) *cobra.Command {
	var say remark
	cmd := &cobra.Command{
		Use: "resume", Short: "Let removal and moves go on after a halt", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), false, false, say) },
	}
	say.flags(cmd, "reason", "why")
	return cmd
}

func (a *tool) halt(ctx context.Context, halted, fresh bool, say remark) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		if halted && !fresh {
			switch empty, err := state.Empty(ctx, o); {
			case err != nil:
				return err
			case empty:
				return fmt.Errorf("nothing was halted: STATE is %s, which holds nothing, and no function reads it; set STATE to theirs, or say --new", app.Config.State)
			}
		}
		by, _, err := a.identity(ctx, app, halted)
		if err != nil {
			return err
		}
		h := removal.Halt{Halted: halted, By: by, At: time.Now(), Reason: say.text()}
		if err := removal.SetHalt(ctx, o, h); err != nil {
			return err
		}
		if halted {
			return a.result(h, "Removal is halted, and so are moves: at most the batch under way (20 videos) still leaves or moves. Go on with: vodctl resume\n")
		}
		return a.result(h, "Removal may go on at the next tick of purge, and moves at that of tier.\n")
	})
}
