package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// retag is one backfill as it is asked for.
type retag struct {
	rules, from, to, ids, resume string
	library                      string
	kind, title                  string
	tags, statuses               []string
	category                     int64
	labels, yes, quiet           bool
}

func retagCommand(a *tool) *cobra.Command {
	var r retag
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "retag",
		Short:       "Run the tagging rules over the library; lists what would change unless --yes is given",
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"yes", "labels", "resume", "kind"} {
				if r.library != "" && cmd.Flags().Changed(flag) {
					return fmt.Errorf("%w: --%s does not go with --library: a snapshot is old, and is only looked at", errUsage, flag)
				}
			}
			return a.retag(cmd.Context(), r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.rules, "rules", "", "rules file (default: RULES_FILE, else the built-in rules)")
	f.StringVar(&r.library, "library", "", "a file of vodctl snapshot instead of the account's library; only lists")
	f.StringVar(&r.kind, "kind", "video", "video, audio or image")
	f.StringVar(&r.from, "from", "", "created on this day or later, as 2026-01-31 or with a time as 2026-01-31T08:00:00Z")
	f.StringVar(&r.to, "to", "", "created before this")
	f.StringSliceVar(&r.statuses, "status", nil, "only assets with one of these statuses")
	f.StringSliceVar(&r.tags, "tag", nil, "only assets with all of these tags")
	f.StringVar(&r.title, "title", "", "only assets whose title contains this")
	f.Int64Var(&r.category, "category", 0, "only assets of this category")
	f.StringVar(&r.ids, "ids", "", "a file with an id in each line instead of a search; - is standard input")
	f.StringVar(&r.resume, "resume", "", "a file that remembers how far it came; the same command goes on from there")
	f.BoolVar(&r.labels, "labels", false, "read the labels of smart tagging too: one call for each asset")
	f.BoolVar(&r.yes, "yes", false, "write the changes")
	f.BoolVar(&r.quiet, "quiet", false, "no progress on standard error")
	return cmd
}

func (a *tool) retag(ctx context.Context, r retag) error {
	query, err := r.query()
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	app, err := a.boot()
	if err != nil {
		return err
	}
	rules, err := configuredRules(ctx, r.rules, app)
	if err != nil {
		return err
	}
	state, err := r.load(rules)
	if err != nil {
		return err
	}
	if state.Finished {
		_ = a.warn("%s says that this is done; remove it to begin anew", r.resume)
		return a.show(r, state.Diff)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var library interface {
		tag.Library
		tag.Searcher
	} = app.VOD
	if r.library != "" {
		if library, err = openSnapshot(r.library); err != nil {
			return err
		}
	}
	t := tag.Tagger{Library: library, Rules: rules, Reach: app.Reach(), Memory: remembered(app)}
	if r.labels {
		t.Labels = app.VOD
	}
	switch {
	case !r.yes:
	case app.MetadataQueue != "":
		t.Writer = tag.Queued{To: asking{app.Sender(), rules.Version}}
	default:
		if t.Writer, err = newWriter(app, rules); err != nil {
			return err
		}
	}
	query.After = state.Position
	hits := tag.Hits(ctx, library, query)
	if r.ids != "" {
		hits = a.listed(r, query.Kind, state.Position)
	}
	bar := progress{out: a.bar, of: " looked at", start: time.Now(), before: state.Diff.Seen, until: query.CreatedTo, quiet: r.quiet}
	runErr := t.Backfill(ctx, r.labelled(hits), time.Now().UTC(), func(step tag.Step) error {
		state.Diff.Add(step)
		last := step.Hits[len(step.Hits)-1]
		state.Position = last.Position
		bar.tell(state.Diff.Seen, step.Hits[0].Created, last.Created)
		return errors.Join(r.save(state), r.right(app, step))
	})
	bar.end()
	return a.ended(r, state, runErr)
}

// ended says what came of a backfill, and how one goes on that did not come to its end.
func (a *tool) ended(r retag, state *checkpoint, runErr error) error {
	if runErr == nil {
		state.Finished = true
		runErr = r.save(state)
	} else if r.resume != "" {
		runErr = fmt.Errorf("%w\nthe same command goes on behind %s of them", runErr, report.Number(state.Diff.Seen))
	}
	if runErr != nil && state.Diff.Seen == 0 {
		return runErr // nothing was looked at, and zeros would say that nothing needs a change
	}
	return errors.Join(a.show(r, state.Diff), runErr)
}

// right says what is missing where retag writes by itself and may not.
func (r retag) right(app *boot.App, step tag.Step) error {
	for _, one := range step.Results {
		if r.yes && app.MetadataQueue == "" && errors.Is(one.Outcome.Err, edit.ErrNoRight) {
			return fmt.Errorf("%w: without METADATA_QUEUE retag --yes writes to VOD itself, and these credentials may not (functions/operator-policy.json leaves that to metadata): set METADATA_QUEUE, or allow vod:UpdateVideoInfos and vod:UpdateImageInfos", one.Outcome.Err)
		}
	}
	return nil
}

func (r retag) query() (video.Query, error) {
	q := video.Query{Kind: video.Kind(r.kind), Category: r.category, Tags: r.tags, Title: r.title, OldestFirst: true}
	if q.Kind != video.KindVideo && q.Kind != video.KindAudio && q.Kind != video.KindImage {
		return q, fmt.Errorf("--kind %q: want video, audio or image", r.kind)
	}
	for _, s := range r.statuses {
		q.Statuses = append(q.Statuses, video.Status(s))
	}
	for _, bound := range []struct {
		flag, text string
		into       *time.Time
	}{{"--from", r.from, &q.CreatedFrom}, {"--to", r.to, &q.CreatedTo}} {
		if bound.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, bound.text)
		if err != nil {
			at, err = time.Parse(time.RFC3339, bound.text)
		}
		if err != nil {
			return q, fmt.Errorf("%s %q is no day and no time: write 2026-01-31 or 2026-01-31T08:00:00Z", bound.flag, bound.text)
		}
		*bound.into = at
	}
	if q.CreatedTo.IsZero() {
		q.CreatedTo = time.Now().UTC() // what arrives meanwhile is the functions' business
	}
	return q, nil
}

func (r retag) labelled(hits iter.Seq2[tag.Hit, error]) iter.Seq2[tag.Hit, error] {
	return func(yield func(tag.Hit, error) bool) {
		for hit, err := range hits {
			hit.Labels = r.labels
			if !yield(hit, err) {
				return
			}
		}
	}
}

var noun = map[string]string{"video": "video", "audio": "audio file", "image": "image"}

// show says what came of it: how many of which kind, then rule by rule.
func (a *tool) show(r retag, d *tag.Diff) error {
	verb, of := "would change", noun[r.kind]
	if r.yes {
		verb = "changed"
	}
	if r.library != "" {
		of = "video or audio file"
	}
	err := a.say("%s looked at, %s %s\n", report.Count(d.Seen, of), report.Number(d.Needed), verb)
	for _, line := range []struct {
		n    int
		text string
	}{
		{d.Outcomes[video.Unchanged], "are as the rules want them"},
		{d.Waiting, "have a rule that waits for a fact"},
		{d.Dropped, "have tags or texts that do not fit"},
		{d.Outcomes[video.Missing], "are gone"},
		{d.Outcomes[video.Failed] + d.Outcomes[video.Unknown] + d.Outcomes[video.Deferred] + d.Outcomes[video.Forbidden] + d.Outcomes[video.Rejected], "failed"},
	} {
		if line.n > 0 {
			err = errors.Join(err, a.say("  %s %s\n", report.Number(line.n), line.text))
		}
	}
	if err = errors.Join(err, a.say("\n"), a.showRules(d)); err != nil || d.Needed == 0 || r.yes {
		return err
	}
	if err = a.say("\n"); err == nil && r.library == "" {
		return a.listedOnly()
	}
	return errors.Join(err, a.say("nothing was written: this is a snapshot; --yes without --library reads the library again and writes\n"))
}

func (a *tool) showRules(d *tag.Diff) error {
	rows := a.rows("RULE", ">HOLDS FOR", ">CHANGES", "EXAMPLE", "TITLE", "CHANGE")
	rows.Whole = d
	for _, rd := range d.Rules {
		name := rd.Rule
		if name == "" {
			if rd.Changes == 0 {
				continue
			}
			name = "(taken back)"
		}
		rows.Add(nil, name, rd.Matched, rd.Changes)
		for _, e := range rd.Examples {
			rows.Add(nil, "", "", "", e.ID, report.Short{Text: e.Title, Width: 30}, fmt.Sprintf("%s %s %s", e.Wants.Act, e.Wants.Field, report.Cut(e.Wants.Value, 30)))
		}
	}
	return rows.Print()
}
