package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func libraryCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "library",
		Short: "Know the library: what it holds, what fits an expression, what is wrong with it",
	}
	cmd.AddCommand(summaryCommand(a), findCommand(a), problemsCommand(a))
	return cmd
}

// inspected is the library that a command looks at: the account's, or a snapshot.
type inspected struct {
	file, kind string
	head       *snapshotHead // of a snapshot that says what it is of
	at         time.Time     // for which facts are computed
	seen       int
	kindless   int // left out by --kind, since nothing tells what they are
}

func (s *inspected) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "library", "", "a file of vodctl snapshot instead of the account's library")
	cmd.Flags().StringVar(&s.kind, "kind", allKinds, "all, video, audio or image")
}

// asset is one line of the library with its facts. It is good until the next one.
type asset struct {
	snapshotLine
	facts *rule.Facts
}

// assets reads the library one asset at a time; the last is the tree of categories, which
// has no facts. What cannot be read is told beside the result.
func (a *tool) assets(ctx context.Context, s *inspected) iter.Seq2[asset, error] {
	return func(yield func(asset, error) bool) {
		lines, done, err := a.open(ctx, s)
		if err != nil {
			yield(asset{}, err)
			return
		}
		defer done()
		bar := a.progress(" assets")
		defer bar.end()
		var facts rule.Facts
		for l, err := range lines {
			if err != nil {
				yield(asset{}, err)
				return
			}
			one := asset{snapshotLine: l}
			if l.Tree == nil {
				facts = factsOf(l, s.at)
				if one.facts = &facts; !s.takes(facts.Kind) {
					continue
				}
				s.seen++
				bar.tell(s.seen, time.Time{}, time.Time{})
			}
			if !yield(one, nil) {
				return
			}
		}
		if s.kindless > 0 {
			_ = a.warn("%s left out: nothing tells whether they are video or audio; --kind all takes them", report.Count(s.kindless, "asset"))
		}
	}
}

func (s *inspected) takes(kind string) bool {
	if kind == "" && s.kind != allKinds && s.kind != string(video.KindImage) {
		s.kindless++
	}
	return s.kind == allKinds || s.kind == kind
}

// open gives the lines of a snapshot or of the account's library.
func (a *tool) open(ctx context.Context, s *inspected) (lines iter.Seq2[snapshotLine, error], done func(), err error) {
	if _, known := noun[s.kind]; !known {
		return nil, nil, fmt.Errorf("%w: --kind %q: want all, video, audio or image", errUsage, s.kind)
	}
	if s.file == "" {
		app, err := a.boot()
		if err != nil {
			return nil, nil, err
		}
		if s.at, err = app.Clock(ctx); err != nil {
			return nil, nil, err
		}
		r := reader{library: app.VOD, images: s.kind == allKinds || s.kind == string(video.KindImage)}
		r.leftOut = func(id video.ID, why error) { _ = a.warn("%s left out: %v", id, why) }
		return r.lines(ctx, scanned{}), app.VOD.Close, nil
	}
	f, err := os.Open(s.file)
	if err != nil {
		return nil, nil, err
	}
	s.at = a.clock(ctx)
	lines = func(yield func(snapshotLine, error) bool) {
		for l, err := range wholeLines(f, func(h snapshotHead) { s.head = &h; a.stamp(s.file, h, s.at) }) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", s.file, err)
			}
			if !yield(l, err) {
				return
			}
		}
	}
	return lines, func() { _ = f.Close() }, nil
}

// factsOf is what is known of a line. What two answers of VOD tell differently is unknown.
func factsOf(l snapshotLine, at time.Time) rule.Facts {
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

func (l asset) id() video.ID {
	if l.Image != nil {
		return l.Image.ID
	}
	return l.ID
}

func (l asset) app() string {
	if l.Image != nil {
		return l.Image.App
	}
	return l.App
}

// compileAsked compiles an expression of the command line. A fault is a misuse.
func compileAsked(text string) (*rule.Program, error) {
	p, err := rule.Compile(text)
	if err == nil {
		return p, nil
	}
	var all []error
	for _, one := range unjoined(err) {
		var e *rule.ExprError
		if errors.As(one, &e) && e.Hint != "" {
			one = fmt.Errorf("%w (%s)", one, e.Hint)
		}
		all = append(all, one)
	}
	return nil, fmt.Errorf("%w: the expression at line:column %w\nvodctl rules show facts lists what an expression may ask", errUsage, errors.Join(all...))
}

func unjoined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.Clone(all.Unwrap())
	}
	return []error{err}
}
