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

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func tagsCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "tags", Short: "List the tags of the library; rename, merge and remove them everywhere"}
	cmd.AddCommand(tagsList(a), tagsRename(a), tagsMerge(a), tagsRemove(a))
	return cmd
}

func tagsList(a *tool) *cobra.Command {
	var s inspected
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "list",
		Short:       "List every tag with its assets, what it protects, which rule gives it, and other spellings of it",
		Args:        cobra.NoArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.listTags(cmd.Context(), s) },
	}
	s.flags(cmd)
	return cmd
}

// taggedLine is one tag for programs.
type taggedLine struct {
	Tag      string   `json:"tag"`
	Assets   int      `json:"assets"`
	Protects string   `json:"protects"` // why; empty: nothing
	Rules    []string `json:"rules"`    // that give it
	Also     []string `json:"also"`     // other spellings that are there
}

func (a *tool) listTags(ctx context.Context, s inspected) error {
	wire := a.boot
	if s.file != "" {
		wire = a.look
	}
	app, err := wire()
	if err != nil {
		return err
	}
	g, err := guard(ctx, app)
	if err != nil {
		return err
	}
	counts, spellings, doubtful := map[string]int{}, map[string][]string{}, 0
	for one, err := range a.assets(ctx, &s) {
		switch {
		case err != nil:
			return err
		case one.Facts == nil:
			continue
		}
		if _, told := rule.Value(one.Facts, "tags"); !told {
			doubtful++
		}
		for _, tag := range one.Facts.Tags {
			if counts[tag]++; counts[tag] == 1 {
				spellings[rule.Fold(tag)] = append(spellings[rule.Fold(tag)], tag)
			}
		}
	}
	rows := a.rows("tag", ">assets", "protects", "given by", "also written")
	rows.None = "no asset has a tag"
	for _, tag := range slices.SortedFunc(maps.Keys(counts), func(x, y string) int { return cmp.Or(counts[y]-counts[x], strings.Compare(x, y)) }) {
		also := slices.DeleteFunc(slices.Clone(spellings[rule.Fold(tag)]), func(other string) bool { return other == tag })
		line := taggedLine{tag, counts[tag], g.protects(tag), append([]string{}, g.rules.Owners(tag)...), also}
		rows.Add(line, tag, line.Assets, line.Protects, strings.Join(line.Rules, ", "), strings.Join(also, ", "))
	}
	err = rows.Print()
	if doubtful > 0 {
		err = errors.Join(err, a.warn("%s not counted: two answers of VOD tell their tags differently", report.Count(doubtful, "asset")))
	}
	return err
}

const tagsLong = `

Assets are found by VOD's search, which may lag by some seconds, and tags are compared
exactly. Without --yes the lists are shown before and after. With --yes the changes go
through METADATA_QUEUE, where the one writer is, and vodctl undo --issued-at takes them back.
Where assets would lose a tag that holds them or keeps rules off, in whatever spelling,
nothing is changed unless --release-holds says how many they are.`

func tagsRename(a *tool) *cobra.Command {
	var b bulk
	cmd := &cobra.Command{
		Annotations: inRows, Use: "rename OLD NEW", Args: cobra.ExactArgs(2),
		Short: "Give a tag another name everywhere; lists what would change unless --yes is given",
		Long:  "Give a tag another name everywhere. A name that assets have already is refused: vodctl tags\nmerge makes one tag of two." + tagsLong,
		RunE: func(cmd *cobra.Command, args []string) error {
			b.source = cmd.CommandPath() + " " + strings.Join(args, " ")
			return a.changeTags(cmd.Context(), args[:1], args[1], true, b)
		},
	}
	b.flags(cmd)
	return cmd
}

func tagsMerge(a *tool) *cobra.Command {
	var b bulk
	var into string
	cmd := &cobra.Command{
		Annotations: inRows, Use: "merge TAG... --into TAG", Args: cobra.RangeArgs(1, video.MaxRemove),
		Short: "Make one tag of several everywhere; lists what would change unless --yes is given",
		Long:  "Make one tag of several everywhere, such as of its spellings." + tagsLong,
		RunE: func(cmd *cobra.Command, args []string) error {
			if into == "" {
				return fmt.Errorf("%w: --into names the tag that stays", errUsage)
			}
			b.source = cmd.CommandPath() + " " + strings.Join(args, " ") + " --into " + into
			return a.changeTags(cmd.Context(), args, into, false, b)
		},
	}
	cmd.Flags().StringVar(&into, "into", "", "the tag that stays")
	b.flags(cmd)
	return cmd
}

func tagsRemove(a *tool) *cobra.Command {
	var b bulk
	cmd := &cobra.Command{
		Annotations: inRows, Use: "remove TAG...", Args: cobra.RangeArgs(1, video.MaxRemove),
		Short: "Take tags from every asset; lists what would change unless --yes is given",
		Long:  "Take tags from every asset." + tagsLong,
		RunE: func(cmd *cobra.Command, args []string) error {
			b.source = cmd.CommandPath() + " " + strings.Join(args, " ")
			return a.changeTags(cmd.Context(), args, "", false, b)
		},
	}
	b.flags(cmd)
	return cmd
}

// changeTags takes tags from every asset that has one of them, and gives another for them;
// an empty one is none.
func (a *tool) changeTags(ctx context.Context, from []string, into string, rename bool, b bulk) error {
	wanted := video.Change{ID: "x", Tags: video.TagEdit{Remove: from}}
	if into != "" {
		wanted.Tags.Add = []string{into}
	}
	if err := wanted.Check(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if slices.Contains(from, into) {
		return fmt.Errorf("%w: %q would be taken away and given", errUsage, into)
	}
	app, err := a.bootBulk(b.behind)
	if err != nil {
		return err
	}
	defer app.VOD.Close()
	if rename {
		for id, err := range tagged(ctx, app, into) {
			if err != nil {
				return err
			}
			return fmt.Errorf("%s has the tag %q already, so both would be one, unless a rename was broken off: %s does that, and goes on with such a one", id.ID, into, insight.MergeCommand(into, from...))
		}
	}
	if rename { // some have the new name as soon as it has begun
		b.goOn = insight.MergeCommand(into, from...)
	}
	seen, bar := map[video.ID]bool{}, a.progress(" assets found")
	defer bar.end()
	for _, tag := range from {
		hits := 0
		for c, err := range tagged(ctx, app, tag) {
			if err != nil {
				return err
			}
			if hits++; !seen[c.ID] {
				seen[c.ID] = true
				c.Tags = wanted.Tags
				b.changes = append(b.changes, c)
				bar.tell(len(seen), time.Time{}, time.Time{})
			}
		}
		if hits == 0 {
			b.faults = append(b.faults, fmt.Errorf("no asset has the tag %q: vodctl tags list shows how it is written", tag))
		}
	}
	if err := a.givenByRules(ctx, app, from); err != nil {
		return err
	}
	return a.carry(ctx, app, b)
}

// tagged gives the assets that have a tag, as changes that ask for nothing yet.
func tagged(ctx context.Context, app *boot.App, tag string) func(yield func(video.Change, error) bool) {
	return func(yield func(video.Change, error) bool) {
		for _, kind := range []video.Kind{video.KindVideo, video.KindAudio, video.KindImage} {
			for f, err := range app.VOD.Search(ctx, video.Query{Kind: kind, Tags: []string{tag}, OldestFirst: true}) {
				c := video.Change{ID: f.Video.ID}
				if kind == video.KindImage {
					c = video.Change{ID: f.Image.ID, Kind: kind}
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// givenByRules warns of tags that would come back.
func (a *tool) givenByRules(ctx context.Context, app *boot.App, tags []string) error {
	rules, err := configuredRules(ctx, "", app)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if owners := rules.Owners(tag); len(owners) > 0 {
			err = errors.Join(err, a.warn("rules give the tag %q: %s; change the rules first, or it comes back", tag, strings.Join(owners, ", ")))
		}
	}
	return err
}
