package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func snapshotCommand(a *tool) *cobra.Command {
	var refresh bool
	kind := "all"
	cmd := &cobra.Command{
		Use:   "snapshot FILE",
		Short: "Write the library to a file, to look, plan and retag on it without an account",
		Long: `Write the library to a file: every video, audio file and image with its details, one a
line, and the tree of categories as the last line. A file that was broken off goes on where
it ended. A file that is complete is left as it is: --refresh reads the library again, into
FILE.new, and replaces FILE when that is complete.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != "all" && kind != "media" {
				return fmt.Errorf("%w: --kind %q: want all, or media for videos and audio files without images", errUsage, kind)
			}
			return a.snapshot(cmd.Context(), args[0], kind, refresh)
		},
	}
	cmd.Flags().BoolVar(&refresh, "refresh", false, "read the library again and replace the file")
	cmd.Flags().StringVar(&kind, "kind", kind, "all, or media: videos and audio files without images")
	return cmd
}

// snapshot writes what the file does not have yet, or a new file in its place.
func (a *tool) snapshot(ctx context.Context, name, kind string, refresh bool) (err error) {
	app, err := a.boot()
	if err != nil {
		return err
	}
	at, err := app.Clock(ctx)
	if err != nil {
		return err
	}
	if err := ours(name); err != nil {
		return err
	}
	target := name
	if refresh {
		if err := ours(name + ".new"); err != nil {
			return err
		}
		if target, err = freshFile(name, at); err != nil {
			return err
		}
	}
	head := insight.SnapshotHead{Begun: at.UTC().Truncate(time.Second), Scope: app.Scope, Kind: kind}
	f, have, err := continueSnapshot(target, head)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := snapshotWriter{out: bufio.NewWriter(f), have: have, bar: a.progress(" assets"), read: insight.Reader{Library: app.VOD, Images: kind == "all"}}
	w.read.LeftOut = func(id video.ID, why error) {
		if !errors.Is(why, video.ErrNotFound) { // it was deleted meanwhile
			w.end.LeftOut++
		}
		_ = a.warn("%s left out: %v", id, why)
	}
	err = w.behind(ctx, head)
	w.bar.end()
	if err == nil && refresh {
		err = os.Rename(target, name)
	}
	if err != nil {
		return err
	}
	result := snapshotResult{Written: w.written, Had: have.Media + have.Images, Images: w.end.Images, Media: w.end.Assets, LeftOut: w.end.LeftOut}
	err = a.result(result, "%s written, %s were there: %s and %s\n", report.Count(result.Written, "asset"), report.Number(result.Had),
		report.Count(result.Media, "video and audio file"), w.images())
	if err == nil && w.end.LeftOut > 0 {
		err = fmt.Errorf("%s could not be read and stand not in %s: --refresh reads all again", report.Count(w.end.LeftOut, "asset"), name)
	}
	return err
}

// ours refuses a file that no snapshot is: it would be lost, and a device may have no end.
func ours(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: name a file", name, insight.ErrNoSnapshot)
	}
	if err == nil {
		err = beginsAs(name)
	}
	if errors.Is(err, insight.ErrNoSnapshot) {
		return fmt.Errorf("%s: %w: it is left as it is, name another file", name, err)
	}
	return err
}

// beginsAs reads the first line of a snapshot.
func beginsAs(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for _, err := range insight.Lines(f, new(int64)) {
		return err
	}
	return nil
}

// freshFile names the file into which a snapshot is read again. One that was broken off today
// goes on.
func freshFile(name string, at time.Time) (string, error) {
	target := name + ".new"
	if have, err := scanFile(target); err != nil || have.Complete() || at.Sub(have.Head.Begun) > insight.StaleAfter {
		if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return target, nil
}

// snapshotResult is what a snapshot says for programs.
type snapshotResult struct {
	Written int `json:"written"`
	Had     int `json:"had"`
	Media   int `json:"media"`
	Images  int `json:"images"`
	LeftOut int `json:"leftOut"`
}

func scanFile(name string) (insight.Scanned, error) {
	f, err := os.Open(name)
	if err != nil {
		return insight.Scanned{}, err
	}
	s, err := insight.Scan(f)
	return s, errors.Join(err, f.Close())
}

// continueSnapshot opens a file to go on behind its last whole line: what comes after was
// cut, and is read again. A file that is not there is an empty one. One that is complete
// is refused, with its age.
func continueSnapshot(name string, head insight.SnapshotHead) (*os.File, insight.Scanned, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, insight.Scanned{}, err
	}
	have, err := insight.Scan(f)
	switch {
	case err != nil:
	case have.Complete():
		err = fmt.Errorf("it is complete, with %s and %s, and is %s: --refresh reads the library again",
			report.Count(have.Media, "video and audio file"), report.Count(have.Images, "image"), have.Age(head.Begun))
	case have.Named && (have.Head.Scope != head.Scope || have.Head.Kind != head.Kind):
		err = fmt.Errorf("it was begun for %s with --kind %s, not for %s with --kind %s: name another file", scopeText(have.Head.Scope), have.Head.Kind, scopeText(head.Scope), head.Kind)
	case have.Named && head.Begun.Sub(have.Head.Begun) > insight.StaleAfter:
		err = fmt.Errorf("it was broken off, and is %s: --refresh reads the library again", have.Age(head.Begun))
	}
	if err == nil {
		err = f.Truncate(have.Size)
	}
	if err == nil {
		_, err = f.Seek(have.Size, io.SeekStart)
	}
	if err != nil {
		return nil, insight.Scanned{}, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return f, have, nil
}

func scopeText(s video.Scope) string {
	text := s.Region + " " + cmp.Or(s.Account, "(no account named)")
	if s.App != "" {
		text += " application " + s.App
	}
	return text
}

// snapshotWriter writes the library to a file: the head, every video and audio, then every
// image, both oldest first, and the tree of categories.
type snapshotWriter struct {
	read    insight.Reader
	out     *bufio.Writer
	have    insight.Scanned
	bar     *progress
	written int
	end     insight.SnapshotEnd
}

// behind writes what a snapshot does not have.
func (w *snapshotWriter) behind(ctx context.Context, head insight.SnapshotHead) error {
	if w.have.Size == 0 {
		if err := w.line(struct {
			Head insight.SnapshotHead `json:"snapshot"`
		}{head}); err != nil {
			return err
		}
	}
	w.end.Assets, w.end.Images = w.have.Media, w.have.Images
	for l, err := range w.read.Lines(ctx, w.have) {
		if err != nil {
			return errors.Join(err, w.out.Flush())
		}
		var text any = l.Media
		switch {
		case l.Tree != nil:
			text = struct {
				Tree []video.Category    `json:"categories"`
				End  insight.SnapshotEnd `json:"end"`
			}{*l.Tree, w.end}
		case l.Image != nil:
			text = struct {
				Image *video.Image `json:"image"`
			}{l.Image}
			w.end.Images++
			w.written++
		default:
			w.end.Assets++
			w.written++
		}
		if err := w.line(text); err != nil {
			return err
		}
		w.bar.tell(w.written, time.Time{}, time.Time{})
	}
	return w.out.Flush()
}

func (w *snapshotWriter) images() string {
	if !w.read.Images {
		return "no images (--kind all takes them too)"
	}
	return report.Count(w.end.Images, "image")
}

func (w *snapshotWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(text, '\n'))
	return err
}

// clock is the time by which the library's ages are told: the local cloud's where the
// environment has one, else this machine's.
func (a *tool) clock(ctx context.Context) time.Time {
	if app, err := a.load(slog.New(slog.DiscardHandler)); err == nil {
		if at, err := now(ctx, app); err == nil {
			return at
		}
	}
	return time.Now()
}
