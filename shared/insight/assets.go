package insight

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// AllKinds takes videos, audio files and images.
const AllKinds = "all"

// Source is a library that is looked at: the account's, or a snapshot of one.
type Source struct {
	App  *boot.App // the account's; nil: File
	File io.Reader // a snapshot, which has to be complete
	Name string    // of the file, for errors and warnings
	Kind string    // AllKinds, video, audio or image; empty: AllKinds
	At   time.Time // for which facts are computed; zero: now, by the account's clock if there is one

	// What is known when it was read.
	Head     *SnapshotHead // of a snapshot that says what it is of
	Seen     int           // assets of that kind
	Kindless int           // left out by Kind, since nothing tells what they are
}

// Asset is one line of the library with its facts. It is good until the next one.
type Asset struct {
	Line
	Facts *rule.Facts
}

// Assets reads the library one asset at a time; the last is the tree of categories, which
// has no facts. What cannot be read is told beside the result.
func Assets(ctx context.Context, s *Source, o Options) iter.Seq2[Asset, error] {
	return func(yield func(Asset, error) bool) {
		lines, err := s.lines(ctx, o)
		if err != nil {
			yield(Asset{}, err)
			return
		}
		count, end := o.count(" assets")
		defer end()
		var facts rule.Facts
		for l, err := range lines {
			if err != nil {
				yield(Asset{}, err)
				return
			}
			one := Asset{Line: l}
			if l.Tree == nil {
				facts = FactsOf(l, s.At)
				if one.Facts = &facts; !s.takes(facts.Kind) {
					continue
				}
				s.Seen++
				count(s.Seen)
			}
			if !yield(one, nil) {
				return
			}
		}
		if s.Kindless > 0 {
			o.warn("%s left out: nothing tells whether they are video or audio; --kind all takes them", report.Count(s.Kindless, "asset"))
		}
	}
}

func (s *Source) takes(kind string) bool {
	if kind == "" && s.Kind != AllKinds && s.Kind != string(video.KindImage) {
		s.Kindless++
	}
	return s.Kind == AllKinds || s.Kind == kind
}

// lines gives the lines of a snapshot or of the account's library.
func (s *Source) lines(ctx context.Context, o Options) (lines iter.Seq2[Line, error], err error) {
	s.Kind = cmp.Or(s.Kind, AllKinds)
	if s.At.IsZero() {
		if s.At = time.Now(); s.App != nil {
			if s.At, err = s.App.Clock(ctx); err != nil {
				return nil, err
			}
		}
	}
	if s.App != nil {
		r := Reader{Library: s.App.VOD, Images: s.Kind == AllKinds || s.Kind == string(video.KindImage)}
		r.LeftOut = func(id video.ID, why error) { o.warn("%s left out: %v", id, why) }
		return r.Lines(ctx, Scanned{}), nil
	}
	return func(yield func(Line, error) bool) {
		for l, err := range WholeLines(s.File, func(h SnapshotHead) { s.Head = &h; o.stamp(s.Name, h, s.At) }) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", s.Name, err)
			}
			if !yield(l, err) {
				return
			}
		}
	}, nil
}

// FactsOf is what is known of a line. What two answers of VOD tell differently is unknown.
func FactsOf(l Line, at time.Time) rule.Facts {
	if l.Image != nil {
		return rule.FactsOfImage(*l.Image, at)
	}
	f := rule.FactsOf(l.Media, at)
	for _, name := range l.Doubts {
		rule.Without(&f, name)
		if name == "category" {
			rule.Without(&f, "category_id")
		}
	}
	return f
}

// AssetID is the id of the video, audio or image.
func (l Line) AssetID() video.ID {
	if l.Image != nil {
		return l.Image.ID
	}
	return l.ID
}

// AssetApp is the application where VOD counts it; empty: unknown.
func (l Line) AssetApp() string {
	if l.Image != nil {
		return l.Image.App
	}
	return l.App
}
