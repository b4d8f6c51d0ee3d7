package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

func undoCommand(a *tool) *cobra.Command {
	var yes bool
	var issued string
	var release int
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "undo [RUN]",
		Short:       "Take metadata changes back where nothing changed since: those of a run, or of one send; without either list the runs",
		Long: `Take metadata changes back: those of a run of the writer, or with --issued-at those that one
vodctl edit, tags or queue send has sent, which say that moment. A field goes back only where
it still is as it was written then. What cannot be put back is said before anything is done,
and the command ends with 1 then, as it does when something was not put back.

Where assets would lose a tag or category that holds them, or the tag that keeps rules off,
nothing is put back unless --release-holds says how many they are.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			batch := edit.Batch{Run: strings.Join(args, "")}
			if issued != "" {
				at, err := time.Parse(time.RFC3339, issued)
				if err != nil || batch.Run != "" {
					return fmt.Errorf("%w: --issued-at %q: want a moment as 2026-01-31T08:00:00.123Z, and no RUN", errUsage, issued)
				}
				batch.From, batch.To = at, at.Add(time.Millisecond)
			}
			return a.withState(cmd.Context(), func(app *boot.App, o *state.Store) error {
				if batch == (edit.Batch{}) {
					return a.listRuns(cmd.Context(), o)
				}
				return a.undo(cmd.Context(), app, o, batch, yes, release)
			})
		},
	}
	cmd.Flags().StringVar(&issued, "issued-at", "", "what was issued in the millisecond from this moment on, as sending commands say it")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, it is only listed")
	releaseFlag(cmd, &release)
	return cmd
}

func (a *tool) listRuns(ctx context.Context, o state.Objects) error {
	journal := a.counting(o, " journal entries")
	runs, err := edit.Runs(ctx, journal)
	journal.bar.end()
	if err != nil && len(runs) == 0 {
		return err
	}
	rows := a.rows("run", "at", ">assets", "for", "wrote")
	rows.None = "The journal holds no run."
	for _, r := range runs {
		rows.Add(r, r.Name, r.At, r.Media, behalf(r), counts(r.Fields))
	}
	return errors.Join(rows.Print(), err)
}

// behalf is for whom a run wrote.
func behalf(r edit.Run) string {
	switch {
	case r.Rules == 0:
		return "people"
	case r.People == 0:
		return "rules"
	}
	return fmt.Sprintf("people %d, rules %d", r.People, r.Rules)
}

// counts are fields, each with how often it was written, the most frequent first.
func counts(of map[string]int) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(of[b]-of[a], strings.Compare(a, b)) })
	for i, name := range names {
		names[i] = name + " ×" + report.Number(of[name])
	}
	return strings.Join(names, ", ")
}

func (a *tool) undo(ctx context.Context, app *boot.App, o *state.Store, batch edit.Batch, yes bool, release int) error {
	journal := a.counting(o, " journal entries")
	reversals, err := edit.Undo(ctx, app.VOD, journal, batch, time.Now())
	journal.bar.end()
	if err != nil {
		return err
	}
	changes, of := changesOf(reversals)
	if err := a.mayLose(ctx, app, changes, yes, release); err != nil {
		return err
	}
	failed := 0
	var sending error
	if yes && len(changes) > 0 {
		sign(ctx, app, "vodctl undo of "+batch.String(), changes)
		outcomes, err := a.carryOut(ctx, app, o, changes)
		if len(outcomes) != len(changes) {
			return err
		}
		sending, failed = err, settle(reversals, of, outcomes)
	}
	err = a.printReversals(reversals, len(changes), yes, app.MetadataQueue)
	if err == nil && !yes && len(changes) > 0 {
		err = a.listedOnly()
	}
	if err == nil && failed > 0 {
		err = errors.Join(fmt.Errorf("%s not put back; run it again", report.Count(failed, "asset")), sending)
	}
	if n := lasting(reversals); n > 0 {
		err = errors.Join(err, fmt.Errorf("%s cannot be put back, or only in part: the reasons stand above", report.Count(n, "asset")))
	}
	return err
}

// changesOf are the changes of reversals, and of which each is.
func changesOf(reversals []edit.Reversal) (changes []video.Change, of []int) {
	for i, r := range reversals {
		if !r.Change.Empty() {
			changes, of = append(changes, r.Change), append(of, i)
		}
	}
	return changes, of
}

// lasting counts the assets of which something cannot be put back.
func lasting(reversals []edit.Reversal) (n int) {
	for _, r := range reversals {
		if r.Change.Empty() && r.Outcome.Result != video.Unchanged || !r.Change.Empty() && r.Part {
			n++
		}
	}
	return n
}

// settle notes what came of the reversals at these places, and counts those that failed. Some may
// be sent although others are not: each has its own outcome then.
func settle(reversals []edit.Reversal, at []int, outcomes []video.Outcome) (failed int) {
	for n, i := range at {
		if settleReversal(&reversals[i], outcomes[n]) {
			failed++
		}
	}
	return failed
}

// settleReversal notes what came of a reversal, and says whether it failed. The reason
// before stays where there is no other.
func settleReversal(r *edit.Reversal, o video.Outcome) (failed bool) {
	o.Reason = cmp.Or(o.Reason, r.Outcome.Reason)
	r.Outcome = o
	return o.Result != video.Done && o.Result != video.Unchanged
}

// carryOut hands the changes to whoever is the library's writer: the metadata
// queue, or this process when there is none.
func (a *tool) carryOut(ctx context.Context, app *boot.App, o *state.Store, changes []video.Change) ([]video.Outcome, error) {
	if app.MetadataQueue != "" {
		return a.telling(app.Sender().Send)(ctx, changes)
	}
	e, err := edit.New(edit.Config{Library: app.VOD, State: o, Log: app.Log})
	if err != nil {
		return nil, err
	}
	return e.Edit(ctx, "vodctl-"+time.Now().UTC().Format("20060102T150405.000000000Z"), changes)
}

func (a *tool) printReversals(reversals []edit.Reversal, changes int, yes bool, queue string) error {
	rows := a.rows("asset", "outcome", "puts back", "asked by", "in", "reason")
	for _, r := range reversals {
		result := string(r.Outcome.Result)
		switch {
		case r.Change.Empty():
		case !yes:
			result = "would be put back"
		case queue != "" && r.Outcome.Result == video.Done:
			result = "sent to the queue"
		}
		rows.Add(r, cmp.Or(r.Change.ID, r.Outcome.ID), result, puts(r.Change), askers(r.Asked), sources(r.Asked), r.Outcome.Reason)
	}
	return errors.Join(rows.Print(), a.say("\n%d of %s to put back\n", changes, report.Count(len(reversals), "asset")))
}

// askers are those who had asked for something, by their own notes.
func askers(all []edits.Asked) string {
	return each(all, func(a edits.Asked) string { return a.By })
}

// sources are where it stood, likewise.
func sources(all []edits.Asked) string {
	return each(all, func(a edits.Asked) string { return a.Source })
}

func each(all []edits.Asked, text func(edits.Asked) string) string {
	var texts []string
	for _, a := range all {
		if t := text(a); t != "" && !slices.Contains(texts, t) {
			texts = append(texts, t)
		}
	}
	return strings.Join(texts, "; ")
}

// puts says in a few words what a change sets.
func puts(c video.Change) string {
	var all []string
	say := func(name string, text *string) {
		if text != nil {
			all = append(all, fmt.Sprintf("%s %.40q", name, *text))
		}
	}
	say("title", c.Set.Title)
	say("description", c.Set.Description)
	say("cover", c.Set.Cover)
	if c.Set.Category != nil {
		all = append(all, fmt.Sprintf("category %d", *c.Set.Category))
	}
	if c.Tags.Set != nil {
		all = append(all, fmt.Sprintf("tags %.60q", video.JoinTags(*c.Tags.Set)))
	}
	return strings.Join(all, ", ")
}
