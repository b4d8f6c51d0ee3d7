package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// staleAfter is how old a snapshot may be before its readers are told.
const staleAfter = 24 * time.Hour

// snapshotLine is one line of a snapshot: a video or audio, an image, the head, or the last
// line. The head comes first and the last line behind everything else.
type snapshotLine struct {
	video.Media
	Image *video.Image      `json:"image,omitempty"`
	Head  *snapshotHead     `json:"snapshot,omitempty"`
	Tree  *[]video.Category `json:"categories,omitempty"` // the last line has it
	End   *snapshotEnd      `json:"end,omitempty"`        // beside it
}

// snapshotHead says what a snapshot is of. A file made by hand has none.
type snapshotHead struct {
	Begun time.Time   `json:"begun"`
	Scope video.Scope `json:"scope"`
	Kind  string      `json:"kind"` // all, or media: without images
}

// snapshotEnd counts what stands before it, so that a line that is lost is noticed.
type snapshotEnd struct {
	Assets  int `json:"assets"` // videos and audio files
	Images  int `json:"images"`
	LeftOut int `json:"leftOut,omitempty"` // they could not be read
}

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
	target := name
	if refresh {
		if target, err = freshFile(name, at); err != nil {
			return err
		}
	}
	head := snapshotHead{Begun: at.UTC().Truncate(time.Second), Scope: app.Scope, Kind: kind}
	f, have, err := continueSnapshot(target, head)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := snapshotWriter{out: bufio.NewWriter(f), have: have, bar: a.progress(" assets"), read: reader{library: app.VOD, images: kind == "all"}}
	w.read.leftOut = func(id video.ID, why error) {
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
	result := snapshotResult{Written: w.written, Had: have.media + have.images, Images: w.end.Images, Media: w.end.Assets, LeftOut: w.end.LeftOut}
	err = a.result(result, "%s written, %s were there: %s and %s\n", report.Count(result.Written, "asset"), report.Number(result.Had),
		report.Count(result.Media, "video and audio file"), w.images())
	if err == nil && w.end.LeftOut > 0 {
		err = fmt.Errorf("%s could not be read and stand not in %s: --refresh reads all again", report.Count(w.end.LeftOut, "asset"), name)
	}
	return err
}

// freshFile names the file into which a snapshot is read again. One that was broken off today
// goes on.
func freshFile(name string, at time.Time) (string, error) {
	target := name + ".new"
	if have, err := scanFile(target); err != nil || have.complete() || at.Sub(have.head.Begun) > staleAfter {
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

// scanned is what a file has, without its assets.
type scanned struct {
	head          snapshotHead
	named         bool // there is a head
	media, images int
	last          snapshotLine
	size          int64     // of the lines that are whole
	newest        [2]lately // media, and images
}

// lately is the newest second of what was seen, with the assets of that second and those
// without a time: a search that begins there finds them again.
type lately struct {
	second        time.Time
	ids, timeless map[video.ID]bool
}

// fresh notes an asset, and says whether it is new. Times do not go back.
func (l *lately) fresh(id video.ID, created time.Time) bool {
	if l.ids == nil {
		l.ids, l.timeless = map[video.ID]bool{}, map[video.ID]bool{}
	}
	in := l.timeless
	if !created.IsZero() {
		if in = l.ids; !created.Equal(l.second) {
			clear(in)
			l.second = created
		}
	}
	was := in[id]
	in[id] = true
	return !was
}

// complete says that the file was written to its end.
func (s scanned) complete() bool { return s.last.Tree != nil }

func scanFile(name string) (scanned, error) {
	f, err := os.Open(name)
	if err != nil {
		return scanned{}, err
	}
	s, err := scan(f)
	return s, errors.Join(err, f.Close())
}

// scan reads a file to its end, whole lines only.
func scan(r io.Reader) (s scanned, err error) {
	for l, err := range linesOf(r, &s.size) {
		if err != nil {
			return s, err
		}
		s.last = l
		switch {
		case l.Head != nil:
			s.head, s.named = *l.Head, true
		case l.Image != nil:
			s.images++
			s.newest[1].fresh(l.Image.ID, l.Image.Created)
		case l.Tree == nil:
			s.media++
			s.newest[0].fresh(l.ID, l.Created)
		}
	}
	return s, nil
}

// continueSnapshot opens a file to go on behind its last whole line: what comes after was
// cut, and is read again. A file that is not there is an empty one. One that is complete
// is refused, with its age.
func continueSnapshot(name string, head snapshotHead) (*os.File, scanned, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, scanned{}, err
	}
	have, err := scan(f)
	switch {
	case err != nil:
	case have.complete():
		err = fmt.Errorf("it is complete, with %s and %s, and is %s: --refresh reads the library again",
			report.Count(have.media, "video and audio file"), report.Count(have.images, "image"), have.age(head.Begun))
	case have.named && (have.head.Scope != head.Scope || have.head.Kind != head.Kind):
		err = fmt.Errorf("it was begun for %s with --kind %s, not for %s with --kind %s: name another file", scopeText(have.head.Scope), have.head.Kind, scopeText(head.Scope), head.Kind)
	case have.named && head.Begun.Sub(have.head.Begun) > staleAfter:
		err = fmt.Errorf("it was broken off, and is %s: --refresh reads the library again", have.age(head.Begun))
	}
	if err == nil {
		err = f.Truncate(have.size)
	}
	if err == nil {
		_, err = f.Seek(have.size, io.SeekStart)
	}
	if err != nil {
		return nil, scanned{}, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
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

// age says how old a snapshot is at a moment.
func (s scanned) age(at time.Time) string {
	if !s.named {
		return "of unknown age"
	}
	return fmt.Sprintf("of %s UTC, %s old", s.head.Begun.UTC().Format("2006-01-02 15:04"), report.Duration(max(0, at.Sub(s.head.Begun))))
}

// snapshotWriter writes the library to a file: the head, every video and audio, then every
// image, both oldest first, and the tree of categories.
type snapshotWriter struct {
	read    reader
	out     *bufio.Writer
	have    scanned
	bar     *progress
	written int
	end     snapshotEnd
}

// behind writes what a snapshot does not have.
func (w *snapshotWriter) behind(ctx context.Context, head snapshotHead) error {
	if w.have.size == 0 {
		if err := w.line(struct {
			Head snapshotHead `json:"snapshot"`
		}{head}); err != nil {
			return err
		}
	}
	w.end.Assets, w.end.Images = w.have.media, w.have.images
	for l, err := range w.read.lines(ctx, w.have) {
		if err != nil {
			return errors.Join(err, w.out.Flush())
		}
		var text any = l.Media
		switch {
		case l.Tree != nil:
			text = struct {
				Tree []video.Category `json:"categories"`
				End  snapshotEnd      `json:"end"`
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
	if !w.read.images {
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

// reader reads a library as the lines of a snapshot, without its head.
type reader struct {
	library interface {
		plan.Library
		Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error)
	}
	images  bool
	leftOut func(id video.ID, why error)
}

// lines gives what a snapshot does not have: videos and audio files, images, and as the
// last line the tree of categories.
func (r reader) lines(ctx context.Context, have scanned) iter.Seq2[snapshotLine, error] {
	return func(yield func(snapshotLine, error) bool) {
		seen := have.newest[0]
		for m, err := range plan.Read(ctx, r.library, seen.second) {
			a := m.Details
			switch {
			case err != nil:
				yield(snapshotLine{}, err)
				return
			case !seen.fresh(a.ID, m.Found.Video.Created):
				continue
			case a.Err != nil:
				r.leftOut(a.ID, a.Err)
				continue
			}
			a.Value.Origin = cmp.Or(a.Value.Origin, m.Found.Video.Origin) // only a search says so; for tagging rules
			if !yield(snapshotLine{Media: a.Value}, nil) {
				return
			}
		}
		if r.images {
			for l, err := range r.pictures(ctx, have) {
				if !yield(l, err) || err != nil {
					return
				}
			}
		}
		tree, err := r.library.Categories(ctx)
		yield(snapshotLine{Tree: &tree}, err)
	}
}

// pictures are the images with their details.
func (r reader) pictures(ctx context.Context, have scanned) iter.Seq2[snapshotLine, error] {
	return func(yield func(snapshotLine, error) bool) {
		seen := have.newest[1]
		var ids []video.ID
		flush := func() bool {
			if len(ids) == 0 {
				return true
			}
			answers, err := r.library.Images(ctx, ids)
			if ids = nil; err != nil {
				yield(snapshotLine{}, err)
				return false
			}
			for _, a := range answers {
				if a.Err != nil {
					r.leftOut(a.ID, a.Err)
				} else if !yield(snapshotLine{Image: &a.Value}, nil) {
					return false
				}
			}
			return true
		}
		for f, err := range r.library.Search(ctx, video.Query{Kind: video.KindImage, CreatedFrom: seen.second, OldestFirst: true}) {
			if err != nil {
				yield(snapshotLine{}, err)
				return
			}
			if seen.fresh(f.Image.ID, f.Image.Created) {
				ids = append(ids, f.Image.ID)
			}
			if len(ids) == video.MaxBatch && !flush() {
				return
			}
		}
		flush()
	}
}

// linesOf reads a snapshot line by line. What has no end of line counts where it is a whole
// line all the same: people and their programs forget the last one. size is how many bytes
// whole lines take.
func linesOf(r io.Reader, size *int64) iter.Seq2[snapshotLine, error] {
	return func(yield func(snapshotLine, error) bool) {
		in := bufio.NewReaderSize(r, 1<<20)
		for number := 1; ; number++ {
			text, end := in.ReadBytes('\n')
			if end != nil && !errors.Is(end, io.EOF) {
				yield(snapshotLine{}, end)
				return
			}
			whole := int64(len(text))
			if number == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors put that mark first
			}
			if len(bytes.TrimSpace(text)) == 0 {
				if end != nil {
					return
				}
				*size += whole
				continue
			}
			l, err := parseLine(text)
			if err != nil && end != nil {
				return // it was cut
			}
			if err != nil {
				yield(snapshotLine{}, fmt.Errorf("%w: line %d is not an asset; write the file again with vodctl snapshot --refresh", video.ErrInvalid, number))
				return
			}
			if end == nil {
				*size += whole
			}
			if !yield(l, nil) || end != nil {
				return
			}
		}
	}
}

var errNoLine = errors.New("no line of a snapshot")

func parseLine(text []byte) (snapshotLine, error) {
	var l snapshotLine
	if err := json.Unmarshal(text, &l); err != nil {
		return l, err
	}
	if l.ID == "" && l.Tree == nil && l.Head == nil && (l.Image == nil || l.Image.ID == "") {
		return l, errNoLine
	}
	return l, nil
}

// wholeLines are linesOf a file that was written to its end, and an error otherwise. It
// says what the file is of before its first line.
func wholeLines(r io.Reader, told func(snapshotHead)) iter.Seq2[snapshotLine, error] {
	return func(yield func(snapshotLine, error) bool) {
		var have snapshotEnd
		var last snapshotLine
		size := int64(0)
		for l, err := range linesOf(r, &size) {
			if err != nil {
				yield(l, err)
				return
			}
			last = l
			switch {
			case l.Head != nil:
				told(*l.Head)
				continue
			case l.Image != nil:
				have.Images++
			case l.Tree == nil:
				have.Assets++
			}
			if !yield(l, nil) {
				return
			}
		}
		switch end := last.End; {
		case last.Tree == nil:
			yield(snapshotLine{}, fmt.Errorf("%w: the snapshot is not complete, its last line is not the tree of categories: vodctl snapshot goes on where it ends", video.ErrInvalid))
		case end != nil && (end.Assets != have.Assets || end.Images != have.Images):
			yield(snapshotLine{}, fmt.Errorf("%w: the snapshot has %d videos and audio files and %d images, and its last line says %d and %d: write it again with vodctl snapshot --refresh",
				video.ErrInvalid, have.Assets, have.Images, end.Assets, end.Images))
		}
	}
}

// stamp tells people how old the snapshot is of which they see a result.
func (a *tool) stamp(name string, head snapshotHead, at time.Time) {
	if at.Sub(head.Begun) > staleAfter {
		_ = a.warn("%s is %s; vodctl snapshot --refresh %[1]s reads the library again", name, scanned{head: head, named: true}.age(at))
	}
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
