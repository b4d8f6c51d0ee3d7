package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
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

func (p *progress) end() {
	if p.open {
		_, _ = fmt.Fprintln(p.out)
	}
}
