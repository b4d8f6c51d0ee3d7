package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// editOrder is what vodctl edit was asked for.
type editOrder struct {
	bulk
	table, ids, kind          string
	title, description, cover string
	category                  int64
	tags, add, remove         []string
	sets                      map[string]bool // flags that were given
	selection                 string
}

// editFlags are those that change something.
var editFlags = []string{"title", "description", "cover", "category", "tags", "add", "remove"}

func editCommand(a *tool) *cobra.Command {
	e := editOrder{sets: map[string]bool{}}
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "edit [EXPRESSION]",
		Short:       "Change titles, descriptions, categories and tags of many assets; shows before and after unless --yes is given",
		Long: `Change titles, descriptions, covers, categories and tags of many assets: those for which an
expression of the rule language is true, those of --ids, or as a table says (--csv, as for
vodctl queue send). Without --yes it reads the assets and shows each field before and after.
With --yes the changes go through METADATA_QUEUE, where the one writer is, and vodctl undo
--issued-at takes them back. A row with a fault is left out and named; the others go on.

Where assets would lose a tag or category that holds them, or the tag that keeps rules off,
nothing is changed unless --release-holds says how many they are.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.selection = strings.Join(args, "")
			for _, flag := range editFlags {
				e.sets[flag] = cmd.Flags().Changed(flag)
			}
			return a.edit(cmd.Context(), e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.table, "csv", "", "a table of changes, - for standard input")
	f.StringVar(&e.ids, "ids", "", "a file with an id in each line, - for standard input")
	f.StringVar(&e.kind, "kind", "video", "of --ids: video, audio or image")
	f.StringVar(&e.title, "title", "", "the new title")
	f.StringVar(&e.description, "description", "", "the new description")
	f.StringVar(&e.cover, "cover", "", "the address of the new cover")
	f.Int64Var(&e.category, "category", 0, "the id of the new category")
	f.StringSliceVar(&e.tags, "tags", nil, "the new list of tags, in place of the old one")
	f.StringSliceVar(&e.add, "add", nil, "tags to add")
	f.StringSliceVar(&e.remove, "remove", nil, "tags to remove")
	e.flags(cmd)
	return cmd
}

// change is what the flags ask for.
func (e editOrder) change() (c video.Change) {
	text := func(flag, value string) *string {
		if e.sets[flag] {
			return &value
		}
		return nil
	}
	c.Set.Title, c.Set.Description, c.Set.Cover = text("title", e.title), text("description", e.description), text("cover", e.cover)
	if e.sets["category"] {
		c.Set.Category = &e.category
	}
	if e.sets["tags"] {
		c.Tags.Set = &e.tags
		if e.tags == nil {
			c.Tags.Set = &[]string{}
		}
	}
	c.Tags.Add, c.Tags.Remove = e.add, e.remove
	return c
}

func (e editOrder) check() error {
	ways := 0
	for _, way := range []string{e.selection, e.table, e.ids} {
		if way != "" {
			ways++
		}
	}
	c := e.change()
	switch {
	case ways != 1:
		return fmt.Errorf("%w: say which assets by one of: an expression, --ids or --csv", errUsage)
	case e.table != "" && !c.Empty():
		return fmt.Errorf("%w: a table says by itself what changes: leave out --%s", errUsage, strings.Join(editFlags, ", --"))
	case e.table == "" && c.Empty():
		return fmt.Errorf("%w: say what changes: --%s", errUsage, strings.Join(editFlags, ", --"))
	case e.kind != string(video.KindVideo) && e.kind != string(video.KindAudio) && e.kind != string(video.KindImage):
		return fmt.Errorf("%w: --kind %q: want video, audio or image", errUsage, e.kind)
	}
	if c.ID = "x"; e.table == "" {
		if err := errors.Join(c.Check(), checkAsked(c)); err != nil { // the same for every asset
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	return nil
}

func (a *tool) edit(ctx context.Context, e editOrder) error {
	if err := e.check(); err != nil {
		return err
	}
	app, err := a.bootBulk(e.behind)
	if err != nil {
		return err
	}
	defer app.VOD.Close()
	switch {
	case e.table != "":
		text, err := a.read(e.table)
		if err != nil {
			return err
		}
		if e.changes, e.faults, err = goodRows(e.table, text); err != nil {
			return err
		}
	case e.ids != "":
		text, err := a.read(e.ids)
		if err != nil {
			return err
		}
		if err := e.listed(text); err != nil {
			return fmt.Errorf("%s: %w", e.ids, err)
		}
		e.source = "vodctl edit --ids " + fileName(e.ids)
	default:
		if err := a.selected(ctx, &e); err != nil {
			return err
		}
		e.source = "vodctl edit " + e.selection
	}
	return a.carry(ctx, app, e.bulk)
}

// bootBulk wires the clients, with the queue that is asked for.
func (a *tool) bootBulk(behind bool) (*boot.App, error) {
	if behind {
		return a.boot("ALIBABA_CLOUD_ACCOUNT_ID", "METADATA_QUEUE", "METADATA_BULK_QUEUE")
	}
	return a.boot()
}

// listed takes the ids of a file.
func (e *editOrder) listed(text []byte) error {
	seen := map[string]bool{}
	for id, err := range idsIn(bytes.NewReader(text)) {
		if err != nil {
			return err
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		c := e.changeOf(video.ID(id), e.kind == string(video.KindImage))
		if err := c.Check(); err != nil {
			e.faults = append(e.faults, err)
			continue
		}
		e.changes = append(e.changes, c)
	}
	return nil
}

// changeOf is what the flags ask for, of one asset.
func (e *editOrder) changeOf(id video.ID, image bool) video.Change {
	c := e.change()
	if c.ID = id; image {
		c.Kind = video.KindImage
	}
	return c
}

// selected takes the assets for which the expression is true.
func (a *tool) selected(ctx context.Context, e *editOrder) error {
	asked, err := compileAsked(e.selection)
	if err != nil {
		return err
	}
	s, missing := inspected{Source: insight.Source{Kind: allKinds}}, insight.Whys{}
	for one, err := range a.fitting(ctx, &s, asked, missing) {
		switch {
		case err != nil:
			return err
		case one.Image != nil && e.sets["cover"]:
			e.faults = append(e.faults, fmt.Errorf("%s: %w: cover: an image has none", one.AssetID(), video.ErrInvalid))
		default:
			e.changes = append(e.changes, e.changeOf(one.AssetID(), one.Image != nil))
		}
	}
	err = a.tellWhys(missing)
	if len(missing) > 0 {
		err = errors.Join(err, a.warn("what is unknown is not changed"))
	}
	if len(e.changes) == 0 {
		_ = a.warn("%s looked at, and the expression is true for none", report.Count(s.Seen, "asset"))
	}
	return err
}
