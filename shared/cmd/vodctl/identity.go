package main

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/boot/operator"
	"vodcurator/shared/video"
)

// remark is what people say of an act in their own words. None of it is believed: the
// record names whose credentials the command ran with.
type remark struct{ by, note string }

// flags adds --by, and the other text under its name.
func (r *remark) flags(cmd *cobra.Command, name, usage string) {
	cmd.Flags().StringVar(&r.by, "by", "", "a note on who asks; the record names the credentials' own identity")
	cmd.Flags().StringVar(&r.note, name, "", usage)
}

// text is the remark as it stands beside the identity.
func (r remark) text() string { return operator.Remark(r.by, r.note) }

// identity is who a command is recorded for, see operator.Of; a doubt about it is told.
func (a *tool) identity(ctx context.Context, app *boot.App, stops bool) (who string, scope video.Scope, err error) {
	o, err := operator.Of(ctx, app, stops)
	if err == nil && o.Doubt != nil {
		err = a.warn("%v", o.Doubt)
	}
	return o.Name, o.Scope, err
}

// noteTime is how long STS has to answer for a note.
const noteTime = 2 * time.Second

// author is who a change is noted for, whom nobody checks: the ARN of the credentials or, where
// STS does not tell it, the user of this machine.
func author(ctx context.Context, app *boot.App) string {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	by := operator.Local()
	if id, err := app.Identity(ctx); err == nil {
		by = id.ARN
	}
	return noted(by)
}

// sign notes who asks for changes, and what they came from where they do not say it.
func sign(ctx context.Context, app *boot.App, source string, changes []video.Change) {
	by := author(ctx, app)
	for i := range changes {
		c := &changes[i]
		c.By, c.Source = cmp.Or(c.By, by), cmp.Or(c.Source, noted(source))
	}
}

// noted is a text as a note holds it.
func noted(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) > video.MaxAsked {
		text = strings.ToValidUTF8(text[:video.MaxAsked-len("…")], "") + "…"
	}
	return text
}

// fileName is how a note names a file: without its folder, which is its owner's business.
func fileName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return filepath.Base(name)
}
