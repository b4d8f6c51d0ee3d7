package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
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
	insight.Source
	file string
}

func (s *inspected) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "library", "", "a file of vodctl snapshot instead of the account's library")
	cmd.Flags().StringVar(&s.Kind, "kind", allKinds, "all, video, audio or image")
}

// assets are insight.Assets of the library that the flags name.
func (a *tool) assets(ctx context.Context, s *inspected) iter.Seq2[insight.Asset, error] {
	return func(yield func(insight.Asset, error) bool) {
		done, err := a.open(ctx, s)
		if err != nil {
			yield(insight.Asset{}, err)
			return
		}
		defer done()
		insight.Assets(ctx, &s.Source, a.hears())(yield)
	}
}

// fitting are insight.Fitting of the library that the flags name.
func (a *tool) fitting(ctx context.Context, s *inspected, asked *rule.Program, unknown insight.Whys) iter.Seq2[insight.Asset, error] {
	return func(yield func(insight.Asset, error) bool) {
		done, err := a.open(ctx, s)
		if err != nil {
			yield(insight.Asset{}, err)
			return
		}
		defer done()
		insight.Fitting(ctx, &s.Source, asked, unknown, a.hears())(yield)
	}
}

// open opens the file, or wires the account.
func (a *tool) open(ctx context.Context, s *inspected) (done func(), err error) {
	if _, known := noun[s.Kind]; !known {
		return nil, fmt.Errorf("%w: --kind %q: want all, video, audio or image", errUsage, s.Kind)
	}
	if s.file == "" {
		if s.App, err = a.boot(); err != nil {
			return nil, err
		}
		return s.App.VOD.Close, nil
	}
	f, err := os.Open(s.file)
	if err != nil {
		return nil, err
	}
	s.File, s.Name, s.At = f, s.file, a.clock(ctx)
	return func() { _ = f.Close() }, nil
}

// openSnapshot reads a snapshot that is complete.
func (a *tool) openSnapshot(ctx context.Context, name string) (*insight.Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s, err := insight.ReadSnapshot(f, name, a.clock(ctx), a.hears())
	return s, errors.Join(err, f.Close())
}

// compileAsked compiles an expression of the command line. A fault is a misuse.
func compileAsked(text string) (*rule.Program, error) {
	p, err := insight.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return p, nil
}
