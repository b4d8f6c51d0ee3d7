package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/state"
)

func haltCommand(a *app) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use: "halt", Short: "Stop all removal before its next batch of at most 20 videos", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), true, by, reason) },
	}
	cmd.Flags().StringVar(&by, "by", operator(), "who halts")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func resumeCommand(a *app) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use: "resume", Short: "Let removal go on after a halt", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.halt(cmd.Context(), false, by, reason) },
	}
	cmd.Flags().StringVar(&by, "by", operator(), "who resumes")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func (a *app) halt(ctx context.Context, halted bool, by, reason string) error {
	return a.withState(ctx, func(_ *boot.App, o *state.Store) error {
		h := state.Halt{Halted: halted, By: by, At: time.Now(), Reason: reason}
		if err := state.SetHalt(ctx, o, h); err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(h)
		}
		said := "Removal may go on at the next tick of purge.\n"
		if halted {
			said = "Removal is halted: at most the batch under way (20 videos) still leaves. Go on with: vodctl resume\n"
		}
		return a.say(said)
	})
}
