package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
)

func statusCommand(a *tool) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what runs, what waits and what is stopped, and what to do next", Args: cobra.NoArgs,
		Long: `Show in one page whether the functions are at work, whether removal is halted and by
whom, how far the plans are, what waits in the queues and among the dead letters, where the
journal stands, and which commands go on from here. What cannot be asked, for want of a right
or a variable, says so in its line; the rest is shown, and it ends 0.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
}

func (a *tool) status(ctx context.Context) error {
	app, err := a.wire()
	if err != nil {
		return err
	}
	s, err := insight.Status(ctx, app, insight.Absent(app))
	if err != nil {
		return err
	}
	return a.present(s, func() error { return a.printStatus(s) })
}

func (a *tool) printStatus(s insight.Overview) error {
	err := a.say("%s, at %s\n", s.Scope, a.when(s.At))
	line := func(name, format string, args ...any) {
		err = errors.Join(err, a.say("  %-10s %s\n", name, report.Sayf(format, args...)))
	}
	switch {
	case s.Halt.Problem != "":
		line("removal", "%s", s.Halt.Problem)
	case s.Halt.Halted:
		line("removal", "HALTED since %s by %s%s", a.when(s.Halt.At), s.Halt.By, report.Beside(s.Halt.Reason))
	default:
		line("removal", "not halted")
	}
	switch {
	case s.Journal.Problem != "":
		line("journal", "%s", s.Journal.Problem)
	case s.Journal.At.IsZero():
		line("journal", "empty: no change was written yet")
	default:
		line("journal", "last change %s, %s not in shards yet", a.when(s.Journal.At), entries(s.Journal.Entries))
	}
	line("callbacks", "%s", s.Callbacks)
	for _, p := range s.Problems {
		line("unknown", "%s", p)
	}
	return errors.Join(err, a.printStatusTables(s))
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return report.Number(n) + " entries"
}

func (a *tool) printStatusTables(s insight.Overview) error {
	functions := report.NewTable("function", "last seen", "what it did")
	for _, f := range s.Functions {
		switch {
		case f.Problem != "":
			functions.Row(f.Function, "not known", f.Problem)
		case f.At.IsZero():
			functions.Row(f.Function, "never", "")
		default:
			functions.Row(f.Function, a.when(f.At), f.What)
		}
	}
	plans := report.NewTable("plan", "does", ">items", ">bytes", "stands")
	for _, p := range s.Plans {
		does := "remove"
		if p.Duty == retention.Moving {
			does = "move"
		}
		plans.Row(p.ID, does, report.Number(p.Items), report.Bytes(p.Bytes), p.Text(a.when))
	}
	queues := report.NewTable("queue", ">waiting", ">taken", ">delayed", "oldest")
	for _, q := range s.Queues {
		if q.Problem != "" {
			queues.Row(q.For, "?", "?", "?", q.Problem)
			continue
		}
		queues.Row(q.Queue, report.Number(int(q.Waiting)), report.Number(int(q.Taken)), report.Number(int(q.Delayed)), a.age(q.Oldest))
	}
	dead := report.NewTable("dead letters", "since", "reason")
	for _, d := range s.Dead {
		dead.Row(report.Number(d.Count), a.age(d.Oldest), report.Cut(d.Reason, 80))
	}
	todo := report.NewTable("next", "why")
	for _, n := range s.Next {
		todo.Row(n.Command, n.Why)
	}
	var err error
	for _, t := range []*report.Table{functions, plans, queues, dead, todo} {
		if t.Len() > 0 && err == nil {
			err = errors.Join(a.say("\n"), t.Write(a.out, "  "))
		}
	}
	if err == nil {
		err = a.sayWhatWaits(s)
	}
	return err
}

// sayWhatWaits says that nothing does, only where everything was asked.
func (a *tool) sayWhatWaits(s insight.Overview) error {
	if unasked := s.Unasked(); len(unasked) > 0 {
		return a.say("\n  Whether more waits for you is not known: %s could not be asked.\n", strings.Join(unasked, ", "))
	}
	if len(s.Next) == 0 {
		return a.say("\n  Nothing waits for you.\n")
	}
	return nil
}

// age is a moment, and how long ago it was; queues have a clock of their own.
func (a *tool) age(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, %s ago", a.when(at), report.Duration(max(0, time.Since(at))))
}
