package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/plan"
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

// snapshot appends one media a line, oldest first. A file that is there already is
// gone on with: its last line may be cut, and is read again.
func (a *tool) snapshot(ctx context.Context, name string) (err error) {
	app, err := a.boot()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := readSnapshot(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(have.size); err != nil {
		return err
	}
	if _, err := f.Seek(have.size, io.SeekStart); err != nil {
		return err
	}
	var from time.Time
	if n := len(have.media); n > 0 {
		from = have.media[n-1].Created
	}
	out, n := bufio.NewWriter(f), 0
	write := func(found []video.Video) error {
		ids := make([]video.ID, len(found))
		for i, v := range found {
			ids[i] = v.ID
		}
		answers, err := app.VOD.Media(ctx, ids)
		if err != nil {
			return err
		}
		for i, m := range answers {
			if m.Err != nil {
				_ = a.warn("%s left out: %v", m.ID, m.Err)
				continue
			}
			m.Value.Origin = cmp.Or(m.Value.Origin, found[i].Origin) // only a search tells; for tagging rules
			text, err := json.Marshal(m.Value)
			if err != nil {
				return err
			}
			n++
			if _, err := out.Write(append(text, '\n')); err != nil {
				return err
			}
		}
		return out.Flush()
	}
	var found []video.Video
	for v, err := range plan.OldestFirst(ctx, app.VOD, from) {
		if err != nil {
			return err
		}
		if have.at(v.ID) >= 0 {
			continue
		}
		if found = append(found, v); len(found) == video.MaxBatch {
			if err := write(found); err != nil {
				return err
			}
			found = nil
		}
	}
	if len(found) > 0 {
		if err := write(found); err != nil {
			return err
		}
	}
	tree, err := app.VOD.Categories(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"categories": tree})
	if err != nil {
		return err
	}
	if _, err = out.Write(append(text, '\n')); err == nil {
		err = out.Flush()
	}
	if err != nil {
		return err
	}
	err = a.say("%s media written, %s were there\n", report.Number(n), report.Number(len(have.media)))
	return err
}
