package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// completionTime is how long a shell waits for words. What takes longer, or fails, offers
// none: somebody types.
const completionTime = 2 * time.Second

// completionsOf gives the commands below root what their shells complete by: plans, queues
// and categories, as they are now, and the words that some flags take.
func (a *tool) completionsOf(root *cobra.Command) {
	at := func(path string) *cobra.Command {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil {
			panic(err) // it is misspelt below
		}
		return cmd
	}
	flag := func(path, name string, words cobra.CompletionFunc) {
		if err := at(path).RegisterFlagCompletionFunc(name, words); err != nil {
			panic(err) // likewise
		}
	}
	statuses := make([]string, 0, len(video.Statuses()))
	for _, s := range video.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, path := range []string{"approve", "plan show"} {
		at(path).ValidArgsFunction = firstOnly(a.words(planWords))
	}
	flag("plan explain", "plan", a.words(planWords))
	flag("queue peek", "queue", a.words(queueWords))
	flag("retag", "category", a.words(categoryWords))
	flag("retag", "status", cobra.FixedCompletions(statuses, cobra.ShellCompDirectiveNoFileComp))
	flag("retag", "kind", cobra.FixedCompletions([]string{"video", "audio", "image"}, cobra.ShellCompDirectiveNoFileComp))
	if err := root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

func firstOnly(words cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(cmd, args, prefix)
	}
}

// words reads what completes a word. Whatever goes wrong is silent: the line that a person
// types is no place for it.
func (a *tool) words(read func(ctx context.Context, app *boot.App) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		quiet := *a
		quiet.err, quiet.verbose = io.Discard, false
		app, err := quiet.wire()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		return read(ctx, app), cobra.ShellCompDirectiveNoFileComp
	}
}

// planWords are the plans of the last days, the newest last. Plans are named by their time.
func planWords(ctx context.Context, app *boot.App) (words []string) {
	if app.State == nil || insight.Absent(app) {
		return nil
	}
	for id, err := range removal.Plans(ctx, app.State, time.Now().Add(-insight.PlansShown)) {
		if err != nil {
			return nil
		}
		words = append(words, id)
	}
	return words
}

func queueWords(_ context.Context, app *boot.App) (words []string) {
	for _, name := range []string{app.MetadataQueue, app.BulkQueue, app.DeadLetterQueue} {
		if name != "" {
			words = append(words, name)
		}
	}
	return words
}

func categoryWords(ctx context.Context, app *boot.App) (words []string) {
	tree, err := app.VOD.Categories(ctx)
	if err != nil {
		return nil
	}
	for _, c := range tree {
		words = append(words, fmt.Sprintf("%d\t%s", c.ID, video.Visible(c.Name)))
	}
	return words
}
