package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// completionTime is how long a shell waits for words. What takes longer, or fails, offers
// none: somebody types.
const completionTime = time.Second

// completionsOf gives the commands below root what their shells complete by: plans, queues,
// dead letters, categories and tags, as they are now, and the words that some flags take.
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
	for _, path := range []string{"dlq show", "dlq edit"} {
		at(path).ValidArgsFunction = firstOnly(a.words(deadWords))
	}
	at("dlq drop").ValidArgsFunction = a.words(deadWords)
	at("tags rename").ValidArgsFunction = firstOnly(a.tagWords)
	for _, path := range []string{"tags merge", "tags remove"} {
		at(path).ValidArgsFunction = a.tagWords
	}
	flag("tags merge", "into", a.tagWords)
	flag("retag", "tag", a.tagWords)
	for _, name := range []string{"add", "remove", "tags"} {
		flag("edit", name, a.tagWords)
	}
	flag("edit", "category", a.words(categoryWords))
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

// deadWords are the dead letters at the head of their queue, each with its reason. Nothing is taken.
func deadWords(ctx context.Context, app *boot.App) (words []string) {
	if app.Queue == nil || app.DeadLetterQueue == "" {
		return nil
	}
	head, err := app.Queue.Peek(ctx, app.DeadLetterQueue, queue.MaxBatch)
	if err != nil {
		return nil
	}
	for _, m := range head {
		words = append(words, m.ID+"\t"+report.Cut(deliver.LetterOf(m).Reason, 60))
	}
	return words
}

// tagWords are tags: those of the snapshot that --library names, else those of the newest videos,
// as many as there is time to see.
func (a *tool) tagWords(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	seen := map[string]bool{}
	note := func(tags []string) {
		for _, tag := range tags {
			seen[video.Visible(tag)] = true
		}
	}
	words := func(ctx context.Context, app *boot.App) []string {
		for f, err := range app.VOD.Search(ctx, video.Query{}) {
			if err != nil || ctx.Err() != nil {
				break
			}
			note(f.Video.Tags)
		}
		return nil
	}
	if f := cmd.Flags().Lookup("library"); f != nil && f.Changed {
		words = func(ctx context.Context, _ *boot.App) []string {
			if file, err := os.Open(f.Value.String()); err == nil {
				defer file.Close()
				for l, err := range insight.Lines(file, new(int64)) {
					if err != nil || ctx.Err() != nil {
						break
					}
					note(l.Tags)
				}
			}
			return nil
		}
	}
	_, directive := a.words(words)(cmd, args, prefix)
	before := prefix[:strings.LastIndex(prefix, ",")+1] // of a list
	all := slices.Sorted(maps.Keys(seen))
	for i := range all {
		all[i] = before + all[i]
	}
	return all, directive
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
