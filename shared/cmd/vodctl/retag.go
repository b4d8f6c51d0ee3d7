package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
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
	queued                       bool // the changes go to METADATA_QUEUE
}

func retagCommand(a *tool) *cobra.Command {
	var r retag
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "retag",
		Short:       "Run the tagging rules over the library; lists what would change unless --yes is given",
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"yes", "labels", "resume"} {
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
	f.StringVar(&r.kind, "kind", "video", "video, audio, image or all")
	r.searchFlags(cmd)
	f.StringVar(&r.ids, "ids", "", "a file with an id in each line instead of a search; - is standard input")
	f.StringVar(&r.resume, "resume", "", "a file that remembers how far it came; the same command goes on from there")
	f.BoolVar(&r.labels, "labels", false, "read the labels of smart tagging too: one call for each asset")
	f.BoolVar(&r.yes, "yes", false, "write the changes, by METADATA_QUEUE where it is set: metadata has to run the same rules, so deploy them first")
	f.BoolVar(&r.quiet, "quiet", false, "no progress on standard error")
	return cmd
}

// searchFlags are those that select by what VOD can search for.
func (r *retag) searchFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.from, "from", "", "created on this day or later, as 2026-01-31 or with a time as 2026-01-31T08:00:00Z")
	f.StringVar(&r.to, "to", "", "created before this")
	f.StringSliceVar(&r.statuses, "status", nil, "only assets with one of these statuses")
	f.StringSliceVar(&r.tags, "tag", nil, "only assets with all of these tags")
	f.StringVar(&r.title, "title", "", "only assets whose title contains this")
	f.Int64Var(&r.category, "category", 0, "only assets of this category")
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
	r.queued = app.MetadataQueue != ""
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
	at, err := now(ctx, app)
	if err != nil {
		return err
	}
	if query.CreatedTo.IsZero() {
		query.CreatedTo = at // what arrives meanwhile is the functions' business
	}
	library, err := a.source(ctx, app, r, query)
	if err != nil {
		return err
	}
	t, err := r.tagger(app, library, rules)
	if err != nil {
		return err
	}
	hits := r.hits(ctx, library, query, state)
	if r.ids != "" {
		hits = a.listed(r, query.Kind, state.Position)
	}
	bar := progress{out: a.bar, of: " looked at", start: time.Now(), before: state.Diff.Seen, until: query.CreatedTo, quiet: r.quiet}
	runErr := t.Backfill(ctx, r.labelled(hits), at, func(step tag.Step) error {
		state.Diff.Add(step)
		last := step.Hits[len(step.Hits)-1]
		state.Position, state.Kind = last.Position, last.Kind
		bar.tell(state.Diff.Seen, step.Hits[0].Created, last.Created)
		return errors.Join(r.save(state), r.right(step))
	})
	bar.end()
	return errors.Join(a.ended(r, state, runErr), a.after(app, r, t, rules, state.Diff.Needed))
}

// after says how to take back what was written. Where it was sent it says who writes it: metadata
// runs its own rules, and with others it keeps the tags as they are.
func (a *tool) after(app *boot.App, r retag, t tag.Tagger, rules *tagging.Rules, n int) error {
	if !r.yes || n == 0 {
		return nil
	}
	if w, own := t.Writer.(writer); own {
		return a.warn("vodctl undo %s takes them back", w.run)
	}
	return a.warn("%s has them; metadata writes what its own rules want too, so deploy it with RULES_FILE as these rules first (version %s); vodctl undo lists its runs and takes one back",
		app.MetadataQueue, rules.Version)
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

// hits are the assets of each kind that is asked for, behind those of the checkpoint.
func (r retag) hits(ctx context.Context, library tag.Searcher, query video.Query, state *checkpoint) iter.Seq2[tag.Hit, error] {
	kinds := []video.Kind{query.Kind}
	if r.kind == allKinds {
		kinds = []video.Kind{video.KindVideo, video.KindAudio, video.KindImage}
		kinds = kinds[max(0, slices.Index(kinds, state.Kind)):]
	}
	after := state.Position
	return func(yield func(tag.Hit, error) bool) {
		for n, kind := range kinds {
			query.Kind, query.After = kind, ""
			if n == 0 {
				query.After = after
			}
			for hit, err := range tag.Hits(ctx, library, query) {
				if !yield(hit, err) || err != nil {
					return
				}
			}
		}
	}
}

// retagged is what retag needs of the library, or of a snapshot of it.
type retagged interface {
	tag.Library
	tag.Searcher
	Categories(ctx context.Context) ([]video.Category, error)
}

// source is where the assets are, which has to have the category that is asked for.
func (a *tool) source(ctx context.Context, app *boot.App, r retag, query video.Query) (retagged, error) {
	var library retagged = app.VOD
	if r.library != "" {
		s, err := a.openSnapshot(ctx, r.library)
		if err != nil {
			return nil, err
		}
		library = s
	}
	if query.Kind == video.KindImage { // these have a tree of their own
		return library, nil
	}
	return library, knownCategory(ctx, library, query.Category)
}

// tagger runs the rules, and writes by whoever is the library's writer.
func (r retag) tagger(app *boot.App, library tag.Library, rules *tagging.Rules) (tag.Tagger, error) {
	t := tag.Tagger{Library: library, Rules: rules, Reach: app.Reach(), Memory: remembered(app)}
	if r.labels {
		t.Labels = app.VOD
	}
	var err error
	switch {
	case !r.yes:
	case r.queued:
		t.Writer = tag.Queued{To: asking{app.Sender(), rules.Version}}
	default:
		t.Writer, err = newWriter(app, rules)
	}
	return t, err
}

// right says what is missing where retag writes by itself and may not.
func (r retag) right(step tag.Step) error {
	for _, one := range step.Results {
		if r.yes && !r.queued && errors.Is(one.Outcome.Err, edit.ErrNoRight) {
			return fmt.Errorf("%w: without METADATA_QUEUE retag --yes writes to VOD itself, and these credentials may not (functions/operator-policy.json leaves that to metadata): set METADATA_QUEUE, or allow vod:UpdateVideoInfos and vod:UpdateImageInfos", one.Outcome.Err)
		}
	}
	return nil
}

// words are values in one line.
func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

// knownCategory refuses a category that the library does not have, and names those it has.
func knownCategory(ctx context.Context, library interface {
	Categories(ctx context.Context) ([]video.Category, error)
}, id int64,
) error {
	if id == 0 {
		return nil
	}
	tree, err := library.Categories(ctx)
	if err != nil {
		return fmt.Errorf("--category %d: %w", id, err)
	}
	known := make([]string, len(tree))
	for i, c := range tree {
		if c.ID == id {
			return nil
		}
		known[i] = report.Sayf("%d %s", c.ID, c.Name)
	}
	const most = 20
	if more := len(known) - most; more > 0 {
		known = append(known[:most], fmt.Sprintf("%d more", more))
	}
	if len(known) == 0 {
		known = []string{"the library has no category"}
	}
	return fmt.Errorf("%w: --category %d is none of: %s", errUsage, id, strings.Join(known, ", "))
}

func (r retag) query() (video.Query, error) {
	q := video.Query{Kind: video.Kind(r.kind), Category: r.category, Tags: r.tags, Title: r.title, OldestFirst: true}
	switch _, known := noun[r.kind]; {
	case !known:
		return q, fmt.Errorf("--kind %q: want video, audio, image or all", r.kind)
	case r.kind == allKinds && r.ids != "":
		return q, errors.New("--ids needs one --kind: nothing tells what an id of a file is")
	}
	for _, s := range r.statuses {
		if !slices.Contains(video.Statuses(), video.Status(s)) {
			return q, fmt.Errorf("--status %q is none of: %s", s, words(video.Statuses()))
		}
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

const allKinds = insight.AllKinds

var noun = map[string]string{"video": "video", "audio": "audio file", "image": "image", allKinds: "asset"}

// show says what came of it: how many of which kind, then rule by rule.
func (a *tool) show(r retag, d *tag.Diff) error {
	verb, of := "would change", noun[r.kind]
	switch {
	case r.yes && r.queued:
		verb = "queued"
	case r.yes:
		verb = "changed"
	}
	if r.library != "" && r.kind == "video" {
		of = "video or audio file"
	}
	err := a.say("%s looked at, %s %s\n", report.Count(d.Seen, of), report.Number(d.Needed), verb)
	if r.kind != allKinds && r.ids == "" {
		err = errors.Join(err, a.say("  no other assets were looked at: --kind all takes videos, audio files and images\n"))
	}
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
