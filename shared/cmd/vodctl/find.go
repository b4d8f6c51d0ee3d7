package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/rule"
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

// hit is an asset that was found, for programs. What is not known is null.
type hit struct {
	ID       video.ID   `json:"id"`
	Kind     *string    `json:"kind"`
	Title    string     `json:"title"`
	Status   *string    `json:"status"`
	Category *string    `json:"category"`
	Tags     []string   `json:"tags"`
	Bytes    *int       `json:"bytes"`
	Duration *float64   `json:"duration"`
	Uploaded *time.Time `json:"uploaded"`
}

// known is a fact for programs: nil where it is not known.
func known[T any](f *rule.Facts, name string) *T {
	v, ok := rule.Value(f, name)
	if t, is := v.(T); ok && is {
		return &t
	}
	return nil
}

func hitOf(one asset) hit {
	f := one.facts
	h := hit{ID: one.id(), Kind: known[string](f, "kind"), Title: f.Title, Status: known[string](f, "status"), Category: known[string](f, "category"),
		Bytes: known[int](f, "bytes"), Duration: known[float64](f, "duration"), Uploaded: known[time.Time](f, "uploaded")}
	if tags := known[[]string](f, "tags"); tags != nil {
		h.Tags = append([]string{}, *tags...)
	}
	return h
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
	unknown := whys{}
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
		err = errors.Join(err, a.say("\n%s of %s\n", report.Number(out.found), report.Count(s.seen, "asset")))
	}
	return errors.Join(err, unknown.tell(a))
}

// fitting gives the assets for which an expression is true, and counts those for which that
// is not known by the reason.
func (a *tool) fitting(ctx context.Context, s *inspected, asked *rule.Program, unknown whys) iter.Seq2[asset, error] {
	return func(yield func(asset, error) bool) {
		m := rule.NewMachine()
		defer m.Free()
		for one, err := range a.assets(ctx, s) {
			switch {
			case err != nil:
				yield(one, err)
				return
			case one.facts == nil:
				continue
			}
			switch holds, missing, err := m.Ask(asked, one.facts); {
			case err != nil:
				unknown.add(err.Error())
			case holds == rule.Unknown:
				unknown.add(because(missing))
			case holds == rule.Yes && !yield(one, nil):
				return
			}
		}
	}
}

func (f *finder) add(one asset) error {
	f.found++
	switch {
	case f.ids:
		_, err := fmt.Fprintln(f.out, one.id())
		return err
	case f.json():
		return f.list.add(hitOf(one))
	case f.format == report.AsTable && f.found > shownHits:
		return nil
	}
	h := hitOf(one)
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

// whys counts assets by why nothing is known of them.
type whys map[string]int

// maxReasons bounds them; those beyond are counted together.
const maxReasons = 20

func (r whys) add(why string) {
	if _, ok := r[why]; !ok && len(r) >= maxReasons {
		why = "unknown for other reasons"
	}
	r[why]++
}

// tell says each reason on standard error, the most frequent first.
func (r whys) tell(a *tool) (err error) {
	for _, why := range slices.SortedFunc(maps.Keys(r), func(x, y string) int { return cmp.Or(r[y]-r[x], strings.Compare(x, y)) }) {
		err = errors.Join(err, a.warn("%s: %s", report.Count(r[why], "asset"), why))
	}
	return err
}

// place is the number of a stream, which makes no other reason.
var place = regexp.MustCompile(`\[\d+\]`)

func because(missing []string) string {
	var names []string
	for _, name := range missing {
		if name = place.ReplaceAllString(name, ""); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	verb := "is"
	if len(names) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("unknown because %s %s missing", strings.Join(names, ", "), verb)
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
