package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"vodcurator/shared/insight"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// progress tells the rate, and how long it may take: the part of the time between
// the oldest media and the newest that is behind is the best guess there is.
type progress struct {
	out         io.Writer
	of          string // what is counted
	start, said time.Time
	first       time.Time
	before      int
	until       time.Time
	quiet, open bool // open: a line of the terminal is not ended yet
}

// progress is that of work which is mostly short: it says nothing in the beginning.
func (a *tool) progress(of string) *progress {
	now := time.Now()
	return &progress{out: a.bar, of: of, start: now, said: now}
}

// counted is progress as rooms that print nothing take it.
func (a *tool) counted(of string) (count func(int), end func()) {
	bar := a.progress(of)
	return func(n int) { bar.tell(n, time.Time{}, time.Time{}) }, bar.end
}

// hears are what is shown while something is gathered.
func (a *tool) hears() insight.Options {
	return insight.Options{
		Progress: a.counted, Warn: func(format string, args ...any) { _ = a.warn(format, args...) }, When: a.when,
	}
}

func (p *progress) tell(seen int, first, last time.Time) {
	if p.first.IsZero() {
		p.first = first
	}
	now := time.Now()
	pause, end := time.Second, ""
	file, isFile := p.out.(*os.File)
	if terminal := isFile && term.IsTerminal(int(file.Fd())); !terminal {
		pause, end = 10*time.Second, "\n"
	}
	if p.quiet || now.Sub(p.said) < pause {
		return
	}
	p.said, p.open = now, end == ""
	spent := now.Sub(p.start)
	text := fmt.Sprintf("%s%s, %.0f a second", report.Number(seen), p.of, float64(seen-p.before)/max(spent.Seconds(), 0.001))
	if done, all := last.Sub(p.first), p.until.Sub(p.first); !last.IsZero() && done > 0 && all > done {
		part := float64(done) / float64(all)
		text += fmt.Sprintf(", about %.0f %%, %s left", 100*part, report.Duration(time.Duration(float64(spent)*(1-part)/part)))
	}
	if p.open {
		text = "\r\033[K" + text
	}
	_, _ = fmt.Fprint(p.out, text+end)
}

// upTo is progress through so many: what is left takes as long for each as what is behind.
func (p *progress) upTo(all int) *progress {
	p.first, p.until = numbered(0), numbered(all)
	return p
}

// count says how many of all are behind.
func (p *progress) count(n int) { p.tell(n, p.first, numbered(n)) }

// numbered is a number as a moment, by which tell reckons what is left.
func numbered(n int) time.Time { return time.Unix(int64(n), 0) }

func (p *progress) end() {
	if p.open {
		_, _ = fmt.Fprintln(p.out)
	}
}

// counted tells how many objects were read: a journal that is never compacted is long.
type counted struct {
	state.Objects
	bar *progress
	n   int
}

// counting counts what is read, for work that reads much.
func (a *tool) counting(o state.Objects, of string) *counted {
	return &counted{Objects: o, bar: a.progress(of)}
}

// Read is state.Objects.Read.
func (c *counted) Read(ctx context.Context, key string) ([]byte, error) {
	body, err := c.Objects.Read(ctx, key)
	c.n++
	c.bar.tell(c.n, time.Time{}, time.Time{})
	return body, err
}

// walked tells how many names were listed, each with what was done about it.
type walked struct {
	state.Objects
	bar *progress
	n   int
}

// List is state.Objects.List.
func (w *walked) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range w.Objects.List(ctx, prefix, after) {
			if !yield(key, err) {
				return
			}
			w.n++
			w.bar.count(w.n)
		}
	}
}

// put hands changes to a queue.
type put func(ctx context.Context, changes []video.Change) ([]video.Outcome, error)

// sentAtOnce is after how many changes progress is shown.
const sentAtOnce = 20 * queue.MaxBatch

// telling is put with progress. It ends at the first failure that is not about a single change,
// which is the reason of each that it did not send.
func (a *tool) telling(send put) put {
	return func(ctx context.Context, changes []video.Change) (all []video.Outcome, err error) {
		bar := a.progress(" changes sent").upTo(len(changes))
		defer bar.end()
		for some := range slices.Chunk(changes, sentAtOnce) {
			if err != nil {
				for _, c := range some {
					all = append(all, video.Outcome{ID: c.ID, Result: video.ResultOf(err), Reason: err.Error(), Err: err})
				}
				continue
			}
			var outcomes []video.Outcome
			outcomes, err = send(ctx, some)
			all = append(all, outcomes...)
			bar.count(len(all))
		}
		return all, err
	}
}
