package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// shownHits is how many hits a table shows: it is all in memory, and nobody reads more.
const shownHits = 1000

func findCommand(a *tool) *cobra.Command {
	s, ids := inspected{}, false
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "find EXPRESSION",
		Short:       "List the assets for which an expression of the rule language is true",
		Long: `List the assets for which an expression of the rule language is true. Where a fact is not
known and the rest does not settle it, the asset is not listed; standard error counts those,
and says which fact is missing. vodctl rules show facts lists the facts. A table ends at
1,000 assets; -o csv, -o json and --ids have all. With --ids the ids alone are printed, one
a line, for vodctl retag --ids -, vodctl edit --ids - and others.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.find(cmd.Context(), s, args[0], ids) },
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&ids, "ids", false, "print the ids alone, one a line")
	return cmd
}

// factCell is a fact as a cell: what is not known says so, and is empty in CSV.
func factCell[T any](a *tool, v *T) any {
	switch {
	case v != nil:
		return *v
	case a.format == report.AsTable:
		return "unknown"
	}
	return ""
}

// finder writes the assets that were found, one at a time.
type finder struct {
	*tool
	ids   bool
	rows  *report.Rows
	list  *listing
	found int
}

func (a *tool) find(ctx context.Context, s inspected, text string, ids bool) error {
	asked, err := compileAsked(text)
	if err != nil {
		return err
	}
	out := finder{tool: a, ids: ids, list: a.listing(), rows: a.rows("id", "kind", "status", ">bytes", ">seconds", "uploaded", "category", "tags", "title")}
	unknown := insight.Whys{}
	for one, err := range a.fitting(ctx, &s, asked, unknown) {
		if err == nil {
			err = out.add(one)
		}
		if err != nil {
			return err
		}
	}
	err = out.finish()
	if !ids {
		err = errors.Join(err, a.say("\n%s of %s\n", report.Number(out.found), report.Count(s.Seen, "asset")))
	}
	return errors.Join(err, a.tellWhys(unknown))
}

func (f *finder) add(one insight.Asset) error {
	f.found++
	switch {
	case f.ids:
		_, err := fmt.Fprintln(f.out, one.AssetID())
		return err
	case f.json():
		return f.list.add(insight.HitOf(one))
	case f.format == report.AsTable && f.found > shownHits:
		return nil
	}
	h := insight.HitOf(one)
	size := report.Size(-1)
	if h.Bytes != nil {
		size = report.Size(*h.Bytes)
	}
	f.rows.Add(nil, h.ID, factCell(f.tool, h.Kind), factCell(f.tool, h.Status), size, factCell(f.tool, h.Duration), factCell(f.tool, h.Uploaded), factCell(f.tool, h.Category),
		report.Short{Text: video.JoinTags(h.Tags), Width: 40}, report.Short{Text: h.Title, Width: 50})
	return nil
}

// finish ends the list.
func (f *finder) finish() error {
	switch {
	case f.ids:
		return nil
	case f.json():
		return f.list.end()
	}
	err := f.rows.Print()
	if more := f.found - shownHits; more > 0 {
		err = errors.Join(err, f.say("and %s more: -o csv has all\n", report.Number(more)))
	}
	return err
}

// tellWhys says each reason on standard error.
func (a *tool) tellWhys(unknown insight.Whys) (err error) {
	for _, why := range unknown.Told() {
		err = errors.Join(err, a.warn("%s", why))
	}
	return err
}

// listing writes a list of JSON value by value: a large one is never all in memory.
type listing struct {
	a *tool
	n int
}

func (a *tool) listing() *listing { return &listing{a: a} }

func (l *listing) add(v any) error {
	before := ",\n"
	if l.n++; l.n == 1 {
		before = "[\n"
	}
	var text strings.Builder
	if err := report.JSON(&text, v, ""); err != nil {
		return err
	}
	_, err := fmt.Fprint(l.a.out, before, strings.TrimSuffix(text.String(), "\n"))
	return err
}

func (l *listing) end() error {
	text := "\n]\n"
	if l.n == 0 {
		text = "[]\n"
	}
	_, err := fmt.Fprint(l.a.out, text)
	return err
}
