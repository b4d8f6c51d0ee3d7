package main

import (
	"bufio"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func snapshotCommand(a *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "snapshot FILE",
		Short: "Write the library to a file, to plan and retag on it without an account; goes on where a broken one ended",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.snapshot(cmd.Context(), args[0]) },
	}
}

// snapshot appends what the file does not have yet.
func (a *tool) snapshot(ctx context.Context, name string) (err error) {
	app, err := a.boot()
	if err != nil {
		return err
	}
	f, have, err := continueSnapshot(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := snapshotWriter{library: app.VOD, out: bufio.NewWriter(f), leftOut: func(id video.ID, why error) { _ = a.warn("%s left out: %v", id, why) }}
	if err := w.behind(ctx, have); err != nil {
		return err
	}
	return a.result(snapshotResult{w.written, len(have.media)}, "%s written, %s were there\n", report.Count(w.written, "asset"), report.Number(len(have.media)))
}

// snapshotResult is what a snapshot says for programs.
type snapshotResult struct {
	Written int `json:"written"`
	Had     int `json:"had"`
}
