package insight

import (
	"context"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Overview is what runs, what waits, what is stopped, and what to do next.
type Overview struct {
	At        time.Time    `json:"at"`
	Scope     video.Scope  `json:"scope"`
	State     string       `json:"state,omitempty"`
	Used      bool         `json:"used"` // something was ever written there
	Halt      HaltFacts    `json:"halt"`
	Functions []LastRun    `json:"functions"`
	Plans     []PlanFacts  `json:"plans"`
	Queues    []QueueFacts `json:"queues"`
	Dead      []DeadCount  `json:"deadLetters,omitempty"`
	Journal   JournalFacts `json:"journal"`
	Callbacks string       `json:"callbacks"`
	Problems  []string     `json:"problems,omitempty"` // what could not be asked
	Next      []Next       `json:"next"`
}

// Unasked names what could not be asked: whether more waits there is not known.
func (s Overview) Unasked() (all []string) {
	add := func(what, problem string) {
		if problem != "" {
			all = append(all, what)
		}
	}
	add("removal's halt", s.Halt.Problem)
	add("the journal", s.Journal.Problem)
	for _, f := range s.Functions {
		add(f.Function, f.Problem)
	}
	for _, q := range s.Queues {
		if q.For != "METADATA_BULK_QUEUE" || q.Queue != "" { // few installations have it
			add(q.For, q.Problem)
		}
	}
	for _, p := range s.Problems {
		what, _, _ := strings.Cut(p, ": ")
		add(what, p)
	}
	return all
}

// HaltFacts are whether removal is halted, and by whom.
type HaltFacts struct {
	removal.Halt
	Problem string `json:"problem,omitempty"`
}

// LastRun is what is known of a function's last run.
type LastRun struct {
	Function string    `json:"function"`
	At       time.Time `json:"at,omitzero"`
	What     string    `json:"what,omitempty"`
	Problem  string    `json:"problem,omitempty"`
}

// QueueFacts is what waits in a queue.
type QueueFacts struct {
	Queue   string    `json:"queue"`
	For     string    `json:"for"` // the variable that names it
	Waiting int64     `json:"waiting"`
	Taken   int64     `json:"taken"`
	Delayed int64     `json:"delayed"`
	Oldest  time.Time `json:"oldest,omitzero"` // of the messages at its head; zero: not known, or none
	Problem string    `json:"problem,omitempty"`
}

// DeadCount counts the dead letters at the head of their queue by reason.
type DeadCount struct {
	Reason string    `json:"reason"`
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// JournalFacts are where the journal stands.
type JournalFacts struct {
	edits.Newest
	Problem string `json:"problem,omitempty"`
}

// Next is a command to go on with, and why.
type Next struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

// Status gathers the overview. absent says that STATE is a folder that is not there, see
// Absent: it is then not opened, which would make it. What cannot be read says so in its
// place; only a context that has ended is an error.
func Status(ctx context.Context, app *boot.App, absent bool) (Overview, error) {
	s := Overview{
		Scope: app.Scope, State: app.Config.State, Plans: []PlanFacts{}, Queues: []QueueFacts{}, Next: []Next{},
		Callbacks: `refused ones are not under STATE; the log of the function callback names each as "callback refused"`,
	}
	at, err := app.Clock(ctx)
	if s.At = at.UTC(); err != nil {
		s.problem("the clock", err)
		s.At = time.Now().UTC()
	}
	s.ofState(ctx, app, absent)
	s.ofQueues(ctx, app)
	if err := ctx.Err(); err != nil {
		return s, err
	}
	s.advise()
	return s, nil
}

func (s *Overview) problem(what string, err error) {
	s.Problems = append(s.Problems, what+": "+err.Error())
}

// ofState fills in what lies under STATE.
func (s *Overview) ofState(ctx context.Context, app *boot.App, absent bool) {
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
			s.Functions = append(s.Functions, LastRun{Function: name, Problem: unknown})
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
	s.Functions = []LastRun{
		sweep(ctx, o, s.At),
		{Function: "metadata", At: s.Journal.At, What: "wrote to the journal", Problem: s.Journal.Problem},
		{Function: "purgeplan", At: removing},
		tickOf(ctx, o, "purge", retention.Removing),
		tickOf(ctx, o, "tier", retention.Moving),
	}
	if moving.After(removing) {
		s.Functions[2].At = moving
	}
	if !s.Functions[2].At.IsZero() {
		s.Functions[2].What = "made a plan"
	}
}

func sweep(ctx context.Context, o state.Objects, at time.Time) LastRun {
	run := LastRun{Function: "autotag"}
	last, open, err := state.LatestSweep(ctx, o, at)
	switch {
	case err != nil:
		run.Problem = err.Error()
	case len(open) > 0:
		run.At, run.What = last, "swept, not to the end:"
		for _, kind := range open {
			run.What += " " + string(kind)
		}
	case !last.IsZero():
		run.At, run.What = last, "swept all assets"
	}
	return run
}

func tickOf(ctx context.Context, o state.Objects, name string, duty retention.Duty) LastRun {
	at, err := removal.LastTick(ctx, o, duty)
	run := LastRun{Function: name, At: at, What: "looked for approved plans"}
	if err != nil {
		run.Problem = err.Error()
	}
	return run
}

// PlansShown is how far back plans are looked at: none lives longer.
const PlansShown = 14 * 24 * time.Hour

// ofPlans fills in the plans that are under way or wait, and the latest of each duty; when
// the latest of each was made.
func (s *Overview) ofPlans(ctx context.Context, app *boot.App) (removing, moving time.Time) {
	latest := map[retention.Duty]PlanFacts{}
	for id, err := range removal.Plans(ctx, app.State, s.At.Add(-PlansShown)) {
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
		f, err := PlanFactsOf(ctx, app.State, p, s.At)
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
	slices.SortFunc(s.Plans, func(a, b PlanFacts) int { return a.Created.Compare(b.Created) })
	return latest[retention.Removing].Created, latest[retention.Moving].Created
}

// ofQueues fills in what QueueFacts.
func (s *Overview) ofQueues(ctx context.Context, app *boot.App) {
	for _, q := range [][2]string{
		{"METADATA_QUEUE", app.MetadataQueue}, {"METADATA_BULK_QUEUE", app.BulkQueue}, {"DEAD_LETTER_QUEUE", app.DeadLetterQueue},
	} {
		w := QueueFacts{For: q[0], Queue: q[1]}
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
func (s *Overview) ofQueue(ctx context.Context, q *queue.Client, w *QueueFacts) {
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
	slices.SortStableFunc(s.Dead, func(a, b DeadCount) int { return b.Count - a.Count })
}

func (s *Overview) dead(m video.Received) {
	reason := deliver.LetterOf(m).Reason
	at := slices.IndexFunc(s.Dead, func(d DeadCount) bool { return d.Reason == reason })
	if at < 0 {
		s.Dead = append(s.Dead, DeadCount{Reason: reason, Oldest: m.Enqueued})
		at = len(s.Dead) - 1
	}
	s.Dead[at].Count++
	if m.Enqueued.Before(s.Dead[at].Oldest) {
		s.Dead[at].Oldest = m.Enqueued
	}
}

// advise names the commands to go on with.
func (s *Overview) advise() {
	say := func(command, why string) { s.Next = append(s.Next, Next{command, why}) }
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
		if q.For == "DEAD_LETTER_QUEUE" && q.Waiting+q.Taken+q.Delayed > 0 {
			say("vodctl dlq list", report.Count(int(q.Waiting+q.Taken+q.Delayed), "dead letter")+" nobody can carry out as they are")
		}
	}
	if s.Journal.Problem != "" && s.Used {
		say("vodctl state check", "the journal cannot be read")
	}
	for _, f := range s.Functions {
		if f.Function == "purgeplan" && !f.At.IsZero() && s.At.Sub(f.At) > PlanStale {
			say("vodctl help operations", "purgeplan has made no plan since "+f.At.Format(report.Moment)+": look at its log")
		}
	}
}

// Queues is what waits in each queue. What cannot be asked is said in its place.
func Queues(ctx context.Context, app *boot.App) []QueueFacts {
	var s Overview
	s.ofQueues(ctx, app)
	return s.Queues
}
