package main

import (
	"context"

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
