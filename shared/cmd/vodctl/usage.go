package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// mostUsageDays is about how far the statistics go back.
const mostUsageDays = 3_000

func usageCommand(a *tool) *cobra.Command {
	var u usage
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Make the file of last views that a policy's usage names, from VOD's play statistics",
		Long: `Make the file of last views (id,last_view) that a policy names with usage: usage.csv.

VOD is asked for the most played of each day, ` + fmt.Sprint(vod.MostTop) + ` at most. Of an asset that is in none of
these lists nothing is known: it may have been played on a day whose list was full. The file
leaves it out, and then a policy takes its last view as unknown and keeps it. A day's list is
made at nine in the morning in Beijing of the day after; only cn-shanghai has them.

With --into the views of an older file stay where they are later, and the file is written
at once or not at all. Without it the file goes to standard output. Put it under STATE as
policies and rules are:

    vodctl usage --into usage.csv
    ossutil cp usage.csv oss://vodcurator-ACCOUNT/v1/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.usage(cmd.Context(), u) },
	}
	cmd.Flags().IntVar(&u.days, "days", 90, "how many days to ask for")
	cmd.Flags().StringVar(&u.until, "until", "", "the last of them, as 2026-12-31 (default yesterday in Beijing)")
	cmd.Flags().StringVar(&u.into, "into", "", "a file to write, whose later views stay")
	return cmd
}

type usage struct {
	days        int
	until, into string
}

// beijing is where days of the statistics begin. It has no summer time.
var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// lastViews are the lines of a usage file.
type lastViews struct {
	remarks [][]byte
	lines   map[video.ID]lastView // by retention.HeldID
	newest  time.Time
}

type lastView struct {
	ID   video.ID  `json:"id"`
	View string    `json:"lastView"` // as the file has it
	at   time.Time // the end of what that may mean
}

// note keeps the later of two views.
func (l *lastViews) note(v lastView) {
	if key := retention.HeldID(v.ID); v.at.After(l.lines[key].at) {
		l.lines[key] = v
	}
	if v.at.After(l.newest) {
		l.newest = v.at
	}
}

// readViews reads an older file. A line that cannot be read makes all of it unreadable, as
// for the policy.
func readViews(body []byte) (lastViews, error) {
	l := lastViews{lines: map[video.ID]lastView{}}
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) {
			l.remarks = append(l.remarks, line)
		}
	}
	err := retention.EachView(body, func(id, text []byte, at time.Time) {
		l.note(lastView{video.ID(id), string(text), at})
	})
	return l, err
}

// text is the file.
func (l lastViews) text() []byte {
	var b bytes.Buffer
	b.WriteString("id,last_view\n")
	for _, r := range l.remarks {
		b.Write(append(r, '\n'))
	}
	for _, v := range l.sorted() {
		fmt.Fprintf(&b, "%s,%s\n", v.ID, v.View)
	}
	return b.Bytes()
}

func (l lastViews) sorted() []lastView {
	all := make([]lastView, 0, len(l.lines))
	for _, key := range slices.Sorted(maps.Keys(l.lines)) {
		all = append(all, l.lines[key])
	}
	return all
}

func (a *tool) usage(ctx context.Context, u usage) error {
	today, err := a.today(ctx)
	if err != nil {
		return err
	}
	last := today.In(beijing).AddDate(0, 0, -1)
	if u.until != "" {
		if last, err = time.Parse(time.DateOnly, u.until); err != nil {
			return fmt.Errorf("%w: --until %q is no date like 2026-12-31", errUsage, u.until)
		}
	}
	if u.days < 1 || u.days > mostUsageDays {
		return fmt.Errorf("%w: --days %d is not 1 to %d", errUsage, u.days, mostUsageDays)
	}
	last = time.Date(last.Year(), last.Month(), last.Day(), 0, 0, 0, 0, time.UTC)
	first := last.AddDate(0, 0, 1-u.days)
	views, err := u.older(first)
	if err != nil {
		return err
	}
	app, err := a.boot()
	if err != nil {
		return err
	}
	asked, err := a.askPlays(ctx, app, &views, first, last)
	if err != nil {
		return err
	}
	if err := a.sayUsage(asked, u.days); err != nil {
		return err
	}
	switch {
	case u.into != "":
		if err := replace(u.into, views.text()); err != nil {
			return err
		}
		asked.Assets = len(views.lines)
		return a.result(asked, "%s: last views of %s, the newest of %s\n", u.into, report.Count(len(views.lines), "asset"), newestDay(views.newest))
	case a.json():
		return a.printJSON(views.sorted())
	}
	_, err = a.out.Write(views.text())
	return err
}

func newestDay(at time.Time) string {
	if at.IsZero() {
		return "no day"
	}
	return at.Add(-1).Format(time.DateOnly)
}

// older reads the file to write into. Days between its newest view and the first day that
// is asked for would be missed, and what was viewed on them would look unviewed.
func (u usage) older(first time.Time) (lastViews, error) {
	body, err := os.ReadFile(u.into)
	if u.into == "" || errors.Is(err, fs.ErrNotExist) {
		return readViews(nil)
	}
	if err != nil {
		return lastViews{}, err
	}
	views, err := readViews(body)
	switch gap := int(first.Sub(views.newest).Hours()+23) / 24; {
	case err != nil:
		return views, fmt.Errorf("%s: %w; correct it, or write another file", u.into, err)
	case !views.newest.IsZero() && gap > 0:
		return views, fmt.Errorf("%w: %s reaches to %s and --days %d begins on %s, so %s between would be missed; take --days %d", errUsage,
			u.into, newestDay(views.newest), u.days, first.Format(time.DateOnly), report.Count(gap, "day"), u.days+gap)
	}
	return views, nil
}

// asked is what came of the days.
type asked struct {
	Assets int      `json:"assets"`
	Days   int      `json:"days"`
	Full   []string `json:"full,omitempty"`  // days whose list was full
	Empty  []string `json:"empty,omitempty"` // days without a list
}

// askPlays asks day by day. A day that fails ends it: without that day nothing is known.
func (a *tool) askPlays(ctx context.Context, app *boot.App, views *lastViews, first, last time.Time) (asked, error) {
	var out asked
	bar := a.progress(" days")
	bar.until = last
	defer bar.end()
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		text := day.Format(time.DateOnly)
		ids, err := app.VOD.TopVideos(ctx, day)
		if err != nil {
			return out, fmt.Errorf("%s, nothing was written: %w", text, err)
		}
		switch {
		case len(ids) == 0:
			out.Empty = append(out.Empty, text)
		case len(ids) >= vod.MostTop:
			out.Full = append(out.Full, text)
		}
		for _, id := range ids {
			views.note(lastView{id, text, day.AddDate(0, 0, 1)})
		}
		out.Days++
		bar.tell(out.Days, first, day)
	}
	return out, nil
}

// sayUsage says what the lists cannot tell.
func (a *tool) sayUsage(got asked, days int) error {
	var said []error
	if n := len(got.Full); n > 0 {
		said = append(said, a.warn("%d of %s had a full list of %d, %s the last: of assets that are not in it nothing is known, and they count as unknown, not as unviewed",
			n, report.Count(days, "day"), vod.MostTop, got.Full[n-1]))
	}
	if n := len(got.Empty); n > 0 {
		said = append(said, a.warn("%d of %s had no list, %s the last: nobody played anything, or it is not made yet (at nine in Beijing on the day after)",
			n, report.Count(days, "day"), got.Empty[n-1]))
	}
	return errors.Join(said...)
}

// replace writes a file at once or not at all.
func replace(name string, body []byte) (err error) {
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
