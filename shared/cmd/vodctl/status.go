package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
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

// overview is what status shows.
type overview struct {
	At        time.Time   `json:"at"`
	Scope     video.Scope `json:"scope"`
	State     string      `json:"state,omitempty"`
	Used      bool        `json:"used"` // something was ever written there
	Halt      haltFacts   `json:"halt"`
	Functions []lastRun   `json:"functions"`
	Plans     []planFacts `json:"plans"`
	Queues    []waits     `json:"queues"`
	Dead      []deadBy    `json:"deadLetters,omitempty"`
	Journal   journalNow  `json:"journal"`
	Callbacks string      `json:"callbacks"`
	Problems  []string    `json:"problems,omitempty"` // what could not be asked
	Next      []next      `json:"next"`
}

type haltFacts struct {
	removal.Halt
	Problem string `json:"problem,omitempty"`
}

// lastRun is what is known of a function's last run.
type lastRun struct {
	Function string    `json:"function"`
	At       time.Time `json:"at,omitzero"`
	What     string    `json:"what,omitempty"`
	Problem  string    `json:"problem,omitempty"`
}

// waits is what waits in a queue.
type waits struct {
	Queue   string    `json:"queue"`
	For     string    `json:"for"` // the variable that names it
	Waiting int64     `json:"waiting"`
	Taken   int64     `json:"taken"`
	Delayed int64     `json:"delayed"`
	Oldest  time.Time `json:"oldest,omitzero"` // of the messages at its head; zero: not known, or none
	Problem string    `json:"problem,omitempty"`
}

// deadBy counts the dead letters at the head of their queue by reason.
type deadBy struct {
	Reason string    `json:"reason"`
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest,omitzero"`
}

type journalNow struct {
	edits.Newest
	Problem string `json:"problem,omitempty"`
}

// next is a command to go on with, and why.
type next struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

func (a *tool) status(ctx context.Context) error {
	app, err := a.wire()
	if err != nil {
		return err
	}
	s := overview{
		Scope: app.Scope, State: app.Config.State, Plans: []planFacts{}, Queues: []waits{}, Next: []next{},
		Callbacks: `refused ones are not under STATE; the log of the function callback names each as "callback refused"`,
	}
	if s.At, err = now(ctx, app); err != nil {
		s.problem("the clock", err)
		s.At = time.Now().UTC()
	}
	s.ofState(ctx, app, absent(app))
	s.ofQueues(ctx, app)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.advise()
	return a.present(s, func() error { return a.printStatus(s) })
}

func (s *overview) problem(what string, err error) {
	s.Problems = append(s.Problems, what+": "+err.Error())
}

// ofState fills in what lies under STATE.
func (s *overview) ofState(ctx context.Context, app *boot.App, absent bool) {
	unknown := "STATE is not set"
	if app.State != nil && !absent {
		empty, err := state.Empty(ctx, app.State)
		switch {
		case err != nil:
			unknown = "STATE cannot be read: " + err.Error()
		case empty:
			absent = true
		default:
			s.Used = true
		}
	}
	if absent {
		unknown = "STATE holds nothing: nothing has run yet, or it is mistyped"
	}
	if !s.Used {
		s.Halt.Problem, s.Journal.Problem = unknown, unknown
		for _, name := range []string{"autotag", "metadata", "purgeplan", "purge", "tier"} {
			s.Functions = append(s.Functions, lastRun{Function: name, Problem: unknown})
		}
		return
	}
	o := app.State
	var err error
	if s.Halt.Halt, err = removal.HaltState(ctx, o); err != nil {
		s.Halt.Problem = "whether removal is halted is not known, so nothing is removed: " + err.Error()
	}
	if s.Journal.Newest, err = edits.ReadNewest(ctx, o); err != nil {
		s.Journal.Problem = err.Error()
	}
	removing, moving := s.ofPlans(ctx, app)
	s.Functions = []lastRun{
		sweep(ctx, o, s.At),
		{Function: "metadata", At: s.Journal.At, What: "wrote to the journal", Problem: s.Journal.Problem},
		{Function: "purgeplan", At: removing, What: "made a plan"},
		tickOf(ctx, o, "purge", retention.Removing),
		tickOf(ctx, o, "tier", retention.Moving),
	}
	if moving.After(removing) {
		s.Functions[2].At = moving
	}
}

func sweep(ctx context.Context, o state.Objects, at time.Time) lastRun {
	run := lastRun{Function: "autotag"}
	last, found, err := state.LastSwept(ctx, o, video.KindVideo, at)
	switch {
	case err != nil:
		run.Problem = err.Error()
	case found:
		run.At, run.What = last.At, "swept all videos"
		if !last.Done {
			run.What = "swept videos, not to the end"
		}
	}
	return run
}

func tickOf(ctx context.Context, o state.Objects, name string, duty retention.Duty) lastRun {
	at, err := removal.LastTick(ctx, o, duty)
	run := lastRun{Function: name, At: at, What: "looked for approved plans"}
	if err != nil {
		run.Problem = err.Error()
	}
	return run
}

// plansShown is how far back plans are looked at: none lives longer.
const plansShown = 14 * 24 * time.Hour

// ofPlans fills in the plans that are under way or wait, and the latest of each duty; when
// the latest of each was made.
func (s *overview) ofPlans(ctx context.Context, app *boot.App) (removing, moving time.Time) {
	latest := map[retention.Duty]planFacts{}
	for id, err := range removal.Plans(ctx, app.State, s.At.Add(-plansShown)) {
		if err != nil {
			s.problem("the plans", err)
			break
		}
		p, err := removal.ReadPlan(ctx, app.State, id)
		if err != nil {
			s.problem("plan "+id, err)
			continue
		}
		if !app.Scope.Takes(p.Scope) {
			continue
		}
		f, err := planFactsOf(ctx, app.State, p, s.At)
		if err != nil {
			s.problem("plan "+id, err)
			continue
		}
		if before, ok := latest[p.Duty]; ok && (before.Status == removal.PlanApproved || before.Status == removal.PlanRunning) {
			s.Plans = append(s.Plans, before)
		}
		latest[p.Duty] = f
	}
	for _, f := range latest {
		s.Plans = append(s.Plans, f)
	}
	slices.SortFunc(s.Plans, func(a, b planFacts) int { return a.Created.Compare(b.Created) })
	return latest[retention.Removing].Created, latest[retention.Moving].Created
}

// ofQueues fills in what waits.
func (s *overview) ofQueues(ctx context.Context, app *boot.App) {
	for _, q := range [][2]string{
		{"METADATA_QUEUE", app.MetadataQueue}, {"METADATA_BULK_QUEUE", app.BulkQueue}, {"DEAD_LETTER_QUEUE", app.DeadLetterQueue},
	} {
		w := waits{For: q[0], Queue: q[1]}
		switch {
		case w.Queue == "":
			w.Problem = w.For + " is not set"
		case app.Queue == nil:
			w.Problem = "ALIBABA_CLOUD_ACCOUNT_ID is not set"
		default:
			s.ofQueue(ctx, app.Queue, &w)
		}
		s.Queues = append(s.Queues, w)
	}
}

// ofQueue asks for the counts, and looks at the head of the queue without taking anything.
func (s *overview) ofQueue(ctx context.Context, q *queue.Client, w *waits) {
	stats, err := q.Stats(ctx, w.Queue)
	if err != nil {
		w.Problem = err.Error()
		return
	}
	w.Waiting, w.Taken, w.Delayed = stats.Active, stats.Inactive, stats.Delayed
	head, err := q.Peek(ctx, w.Queue, queue.MaxBatch)
	if err != nil {
		w.Problem = "its head cannot be looked at: " + err.Error()
		return
	}
	w.Oldest = queue.Oldest(head)
	for _, m := range head {
		if w.For == "DEAD_LETTER_QUEUE" {
			s.dead(m)
		}
	}
	slices.SortStableFunc(s.Dead, func(a, b deadBy) int { return b.Count - a.Count })
}

func (s *overview) dead(m video.Received) {
	reason := deliver.LetterOf(m).Reason
	at := slices.IndexFunc(s.Dead, func(d deadBy) bool { return d.Reason == reason })
	if at < 0 {
		s.Dead = append(s.Dead, deadBy{Reason: reason, Oldest: m.Enqueued})
		at = len(s.Dead) - 1
	}
	s.Dead[at].Count++
	if m.Enqueued.Before(s.Dead[at].Oldest) {
		s.Dead[at].Oldest = m.Enqueued
	}
}

// advise names the commands to go on with.
func (s *overview) advise() {
	say := func(command, why string) { s.Next = append(s.Next, next{command, why}) }
	if s.Halt.Halted {
		say("vodctl resume", "removal is halted")
	}
	if s.Halt.Problem != "" && s.Used {
		say("vodctl state check", "the halt cannot be read")
	}
	for _, p := range s.Plans {
		s.Next = append(s.Next, p.next()...)
	}
	if !s.Used {
		say("vodctl setup --plan", "nothing is known of what has run: deploy it, or set STATE to the functions'")
	}
	for _, q := range s.Queues {
		if q.For == "DEAD_LETTER_QUEUE" && q.Waiting+q.Delayed > 0 {
			say("vodctl dlq list", report.Count(int(q.Waiting+q.Delayed), "dead letter")+" nobody can carry out as they are")
		}
	}
	if s.Journal.Problem != "" && s.Used {
		say("vodctl state check", "the journal cannot be read")
	}
	for _, f := range s.Functions {
		if f.Function == "purgeplan" && !f.At.IsZero() && s.At.Sub(f.At) > doctor.Stale {
			say("vodctl help operations", "purgeplan has made no plan since "+f.At.Format(report.Moment)+": look at its log")
		}
	}
}

// next are the commands that a plan waits for.
func (f planFacts) next() []next {
	switch show := "vodctl plan show " + f.ID; {
	case f.Status == removal.PlanPlanned && f.Items > 0:
		return []next{{show, "it waits for an approval until " + f.Expires.Format(report.Moment)}, {"vodctl approve " + f.ID, "if it is right"}}
	case f.Status == removal.PlanRefused:
		return []next{{show, "it was refused: " + f.Detail.Why}}
	}
	return nil
}

func (a *tool) printStatus(s overview) error {
	err := a.say("%s, at %s\n", s.Scope, a.when(s.At))
	line := func(name, format string, args ...any) {
		err = errors.Join(err, a.say("  %-10s %s\n", name, report.Sayf(format, args...)))
	}
	switch {
	case s.Halt.Problem != "":
		line("removal", "%s", s.Halt.Problem)
	case s.Halt.Halted:
		line("removal", "HALTED since %s by %s%s", a.when(s.Halt.At), s.Halt.By, beside(s.Halt.Reason))
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

func (a *tool) printStatusTables(s overview) error {
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
		plans.Row(p.ID, does, report.Number(p.Items), report.Bytes(p.Bytes), a.statusText(p))
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
	if err == nil && len(s.Next) == 0 {
		err = a.say("\n  Nothing waits for you.\n")
	}
	return err
}

// age is a moment, and how long ago it was; queues have a clock of their own.
func (a *tool) age(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, %s ago", a.when(at), report.Duration(max(0, time.Since(at))))
}
