package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func historyCommand(a *tool) *cobra.Command {
	return &cobra.Command{
		Annotations: inRows,
		Use:         "history ID", Short: "Tell the life of an asset: who changed it, which plans listed it, why it left and who approved that",
		Long: `Tell in one time line what is known of an asset: each change of its metadata with the
values before, its deletion marks, the plans that listed it with rule and reason, their
approvals, each removal, move or takedown with its reason, what VOD announced, and what VOD
shows now. It reads the whole journal, all plans and the ledger. What was removed from the
journal (vodctl state compact) is not known any more. An id of which nothing is known ends 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.history(cmd.Context(), video.ID(args[0])) },
	}
}

func (a *tool) history(ctx context.Context, id video.ID) error {
	return a.withState(ctx, func(app *boot.App, _ *state.Store) error {
		l, err := insight.History(ctx, app, id, a.hears())
		if err != nil {
			return err
		}
		return a.printLife(l)
	})
}

func (a *tool) printLife(l insight.Life) error {
	rows := a.rows("at", "what", "by", "plan or run", "part", "rule", "why")
	for _, e := range l.Events {
		part, rule := "", ""
		if e.Item != nil {
			part, rule = strings.TrimSpace(string(e.Item.Kind)+" "+e.Item.Part+" "+e.Item.To), e.Item.Rule
		}
		rows.Add(e, e.At, e.Kind, e.By, e.Plan, report.Short{Text: part, Width: 30}, rule, e.Why())
	}
	err := a.say("%s\n\n", l.ID)
	rows.Indent = "  "
	err = errors.Join(err, rows.Print())
	for _, gap := range l.Gaps {
		err = errors.Join(err, a.warn("not read: %s", gap))
	}
	return err
}
