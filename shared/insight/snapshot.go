package insight

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
	"time"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// StaleAfter is how old a snapshot may be before its readers are told.
const StaleAfter = 24 * time.Hour

// Line is one line of a snapshot: a video or audio, an image, the head, or the last
// line. The head comes first and the last line behind everything else.
type Line struct {
	video.Media
	Image *video.Image      `json:"image,omitempty"`
	Head  *SnapshotHead     `json:"snapshot,omitempty"`
	Tree  *[]video.Category `json:"categories,omitempty"` // the last line has it
	End   *SnapshotEnd      `json:"end,omitempty"`        // beside it
}

// SnapshotHead says what a snapshot is of. A file made by hand has none.
type SnapshotHead struct {
	Begun time.Time   `json:"begun"`
	Scope video.Scope `json:"scope"`
	Kind  string      `json:"kind"` // all, or media: without images
}

// SnapshotEnd counts what stands before it, so that a line that is lost is noticed.
type SnapshotEnd struct {
	Assets  int `json:"assets"` // videos and audio files
	Images  int `json:"images"`
	LeftOut int `json:"leftOut,omitempty"` // they could not be read
}

// Scanned is what a file has, without its assets.
type Scanned struct {
	Head          SnapshotHead
	Named         bool // there is a head
	Media, Images int
	Last          Line
	Size          int64     // of the lines that are whole
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

// Complete says that the file was written to its end.
func (s Scanned) Complete() bool { return s.Last.Tree != nil }

// Scan reads a file to its end, whole lines only.
func Scan(r io.Reader) (s Scanned, err error) {
	for l, err := range Lines(r, &s.Size) {
		if err != nil {
			return s, err
		}
		s.Last = l
		switch {
		case l.Head != nil:
			s.Head, s.Named = *l.Head, true
		case l.Image != nil:
			s.Images++
			s.newest[1].fresh(l.Image.ID, l.Image.Created)
		case l.Tree == nil:
			s.Media++
			s.newest[0].fresh(l.ID, l.Created)
		}
	}
	return s, nil
}

// Age says how old a snapshot is at a moment.
func (s Scanned) Age(at time.Time) string {
	if !s.Named {
		return "of unknown age"
	}
	return fmt.Sprintf("of %s UTC, %s old", s.Head.Begun.UTC().Format("2006-01-02 15:04"), report.Duration(max(0, at.Sub(s.Head.Begun))))
}

// Reader reads a library as the lines of a snapshot, without its head.
type Reader struct {
	Library interface {
		plan.Library
		Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error)
	}
	Images  bool
	LeftOut func(id video.ID, why error)
}

// Lines gives what a snapshot does not have: videos and audio files, images, and as the
// last line the tree of categories.
func (r Reader) Lines(ctx context.Context, have Scanned) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		seen := have.newest[0]
		for m, err := range plan.Read(ctx, r.Library, seen.second) {
			a := m.Details
			switch {
			case err != nil:
				yield(Line{}, err)
				return
			case !seen.fresh(a.ID, m.Found.Video.Created):
				continue
			case a.Err != nil:
				r.LeftOut(a.ID, a.Err)
				continue
			}
			a.Value.Origin = cmp.Or(a.Value.Origin, m.Found.Video.Origin) // only a search says so; for tagging rules
			if !yield(Line{Media: a.Value}, nil) {
				return
			}
		}
		if r.Images {
			for l, err := range r.pictures(ctx, have) {
				if !yield(l, err) || err != nil {
					return
				}
			}
		}
		tree, err := r.Library.Categories(ctx)
		yield(Line{Tree: &tree}, err)
	}
}

// pictures are the images with their details.
func (r Reader) pictures(ctx context.Context, have Scanned) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		seen := have.newest[1]
		var ids []video.ID
		flush := func() bool {
			if len(ids) == 0 {
				return true
			}
			answers, err := r.Library.Images(ctx, ids)
			if ids = nil; err != nil {
				yield(Line{}, err)
				return false
			}
			for _, a := range answers {
				if a.Err != nil {
					r.LeftOut(a.ID, a.Err)
				} else if !yield(Line{Image: &a.Value}, nil) {
					return false
				}
			}
			return true
		}
		for f, err := range r.Library.Search(ctx, video.Query{Kind: video.KindImage, CreatedFrom: seen.second, OldestFirst: true}) {
			if err != nil {
				yield(Line{}, err)
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

// Lines reads a snapshot line by line. What has no end of line counts where it is a whole
// line all the same: people and their programs forget the last one. size is how many bytes
// whole lines take.
func Lines(r io.Reader, size *int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(r, 1<<20)
		for number := 1; ; number++ {
			text, end := readLine(in)
			if end != nil && !errors.Is(end, io.EOF) {
				yield(Line{}, lineFault(number, end))
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
			if err != nil && end != nil && (number > 1 || cutHead(text)) {
				return // it was cut
			}
			if err != nil {
				yield(Line{}, lineFault(number, errNoLine))
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

// MaxLine is how many bytes a line of a snapshot has at most: the longest is the tree of
// categories.
const MaxLine = 32 << 20

var (
	errNoLine = errors.New("no line of a snapshot")
	errLong   = errors.New("the line is too long")

	// ErrNoSnapshot says of a file that it was never a snapshot: it is not to be written to.
	ErrNoSnapshot = fmt.Errorf("%w: it is no snapshot of a library", video.ErrInvalid)
)

// readLine reads a line with its end. One that is too long is no line of ours.
func readLine(in *bufio.Reader) (text []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(text)+len(part) > MaxLine {
			return nil, errLong
		}
		text = append(text, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

// lineFault names the line that is none of a snapshot. A file whose first line is none was
// never one.
func lineFault(number int, err error) error {
	switch {
	case !errors.Is(err, errNoLine) && !errors.Is(err, errLong):
		return err
	case number == 1:
		return fmt.Errorf("%w, by its first line", ErrNoSnapshot)
	}
	return fmt.Errorf("%w: line %d is not an asset; write the file again with vodctl snapshot --refresh", video.ErrInvalid, number)
}

// cutHead says that a text may be the beginning of a head.
func cutHead(text []byte) bool {
	head := []byte(`{"snapshot":{`)
	return bytes.HasPrefix(text, head) || bytes.HasPrefix(head, text)
}

func parseLine(text []byte) (Line, error) {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return l, err
	}
	if l.ID == "" && l.Tree == nil && l.Head == nil && (l.Image == nil || l.Image.ID == "") {
		return l, errNoLine
	}
	return l, nil
}

// WholeLines are Lines a file that was written to its end, and an error otherwise. It
// says what the file is of before its first line.
func WholeLines(r io.Reader, told func(SnapshotHead)) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		var have SnapshotEnd
		var last Line
		size := int64(0)
		for l, err := range Lines(r, &size) {
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
			yield(Line{}, fmt.Errorf("%w: the snapshot is not complete, its last line is not the tree of categories: vodctl snapshot goes on where it ends", video.ErrInvalid))
		case end != nil && (end.Assets != have.Assets || end.Images != have.Images):
			yield(Line{}, fmt.Errorf("%w: the snapshot has %d videos and audio files and %d images, and its last line says %d and %d: write it again with vodctl snapshot --refresh",
				video.ErrInvalid, have.Assets, have.Images, end.Assets, end.Images))
		}
	}
}

// stamp tells people how old the snapshot is of which they see a result.
func (o Options) stamp(name string, head SnapshotHead, at time.Time) {
	if at.Sub(head.Begun) > StaleAfter {
		o.warn("%s is %s; vodctl snapshot --refresh %[1]s reads the library again", name, Scanned{Head: head, Named: true}.Age(at))
	}
}
