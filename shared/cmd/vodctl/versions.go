package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/state"
)

// versionCommands save texts of rules or of a policy under STATE, list them and make one current.
func versionCommands(a *tool, of state.Texts) []*cobra.Command {
	var note string
	var yes bool
	list := &cobra.Command{
		Annotations: inRows, Use: "versions", Short: "List the texts that people saved under STATE, and which is current", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withState(cmd.Context(), func(app *boot.App, _ *state.Store) error { return a.versions(cmd.Context(), app, of) })
		},
	}
	activate := &cobra.Command{
		Use: "activate FILE|VERSION", Short: "Make a file or a saved version what the functions work by; the old text stays a version", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withState(cmd.Context(), func(app *boot.App, _ *state.Store) error {
				return a.activate(cmd.Context(), app, of, args[0], note, yes)
			})
		},
	}
	activate.Flags().StringVar(&note, "note", "", "a remark that is kept with a file")
	activate.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return []*cobra.Command{list, activate}
}

func (a *tool) versions(ctx context.Context, app *boot.App, of state.Texts) error {
	all, err := insight.SavedTexts(ctx, app, of, a.hears())
	if err != nil {
		return err
	}
	rows := a.rows(">version", "saved", "by", ">bytes", "current", "made current", "note")
	rows.None = "Nobody has saved one."
	for _, s := range all {
		current, since := "", ""
		if s.Current {
			current = "yes"
		}
		if !s.Activated.IsZero() {
			since = s.Activated.Format(time.RFC3339) + " " + s.ActivatedBy
		}
		rows.Add(s, s.Number, s.At.Format(time.RFC3339), s.By, s.Bytes, current, since, s.Note)
	}
	return rows.Print()
}

// activate takes a number, else a file, which it saves first.
func (a *tool) activate(ctx context.Context, app *boot.App, of state.Texts, what, note string, yes bool) error {
	current := insight.CurrentText(ctx, app, of)
	if current.Key == "" {
		return errors.New("nothing was changed: " + current.Why)
	}
	if !yes {
		if err := a.typed("The functions will work by "+what+". ", current.Key); err != nil {
			return err
		}
	}
	var fixtures fs.FS
	number, err := strconv.Atoi(what)
	if err != nil {
		text, err := os.ReadFile(what)
		if err != nil {
			return err
		}
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		fixtures = os.DirFS(filepath.Dir(what))
		if err := insight.CheckText(of, what, text, fixtures, app.Scope.Region, at).Err(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		v, err := insight.SaveText(ctx, app, of, text, note, a.hears())
		if err != nil {
			return err
		}
		number = v.Number
	}
	key, err := insight.Activate(ctx, app, of, number, fixtures, a.hears())
	if err != nil {
		return err
	}
	return a.say("version %d is current: %s has its text, and the functions take it with their next batch or run\n", number, key)
}
