package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
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
func (r remark) text() string {
	switch by := strings.TrimSpace(r.by); {
	case by == "":
		return r.note
	case r.note == "":
		return "said to be by " + by
	default:
		return "said to be by " + by + ": " + r.note
	}
}

// identity is insight.Identity with its warning on standard error.
func (a *tool) identity(ctx context.Context, app *boot.App, stops bool) (who string, scope video.Scope, err error) {
	return insight.Identity(ctx, app, stops, a.hears())
}
