package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"vodcurator/shared/report"
)

// screen is where a person reads the story. Colour and the line that shows
// progress are for a terminal only; elsewhere the same words come plain.
type screen struct {
	out  io.Writer
	live bool // a terminal that wants colour
}

func newScreen(out io.Writer) *screen {
	f, ok := out.(*os.File)
	return &screen{out: out, live: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s *screen) paint(code, text string) string {
	if !s.live {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...)
}

// chapter begins a part of the story.
func (s *screen) chapter(title string) { s.printf("\n%s\n\n", s.paint("1;36", title)) }

// say tells something that needs no proof.
func (s *screen) say(format string, args ...any) { s.printf("  "+format+"\n", args...) }

// table prints a table below what was said.
func (s *screen) table(t *report.Table) {
	s.printf("\n")
	_ = t.Write(s.out, "    ")
	s.printf("\n")
}

// quote prints what another program said.
func (s *screen) quote(text string) {
	s.printf("\n")
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		s.printf("    %s", line)
	}
	s.printf("\n")
}

// progress shows what is waited for, on a terminal; done clears it.
func (s *screen) progress(what string, since time.Time) (done func()) {
	if !s.live {
		return func() {}
	}
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				s.printf("\r\x1b[K")
				return
			case <-tick.C:
				s.printf("\r  %c %s, %s", `-\|/`[i%4], what, report.Duration(time.Since(since)))
			}
		}
	}()
	return func() { close(stop); <-gone }
}
