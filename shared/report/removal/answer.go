package removal

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// PlanAnswer is what a planning run says of itself.
type PlanAnswer struct {
	Duty    retention.Duty `json:"duty,omitempty"`
	Plan    string         `json:"plan,omitempty"` // empty: the library is not read to its end yet
	Expires time.Time      `json:"expires,omitzero"`
	Read    int            `json:"read"`
	Unread  int            `json:"unread,omitempty"`
	Media   int            `json:"media"`
	Items   int            `json:"items"`
	Bytes   int64          `json:"bytes"`
	Unknown int            `json:"unknown,omitempty"` // items without a known size
	Pending int            `json:"leaving,omitempty"` // items in their grace
	Soon    int            `json:"soon,omitempty"`    // of them, those that go first …
	InDays  int            `json:"inDays,omitempty"`  // … and when, counted from this plan
	Over    []string       `json:"over,omitempty"`    // guards that would stop it
	Resumed bool           `json:"resumed,omitempty"`
	Missed  int            `json:"missed,omitempty"`  // nights without a plan before this one
	Nights  int            `json:"nights,omitempty"`  // that ended while this one was made
	Anew    []string       `json:"anew,omitempty"`    // what starts anew because something was damaged
	Odd     []string       `json:"odd,omitempty"`     // media that are set aside, each with its fault; of many the first
	Skipped []string       `json:"skipped,omitempty"` // objects of the state that do not count: stray, corrupt or of the future
	// Warnings says what of the policy may surprise its owner, and what of it protects nothing.
	Warnings []string `json:"warnings,omitempty"`

	Moves *PlanAnswer         `json:"moves,omitempty"` // of the night's plan that moves; nil: the policy has none
	To    []stored.MoveTotals `json:"to,omitempty"`    // of such a plan: what it moves where
}

// Planned words what came of planning.
func Planned(r plan.Report) PlanAnswer {
	p := r.Plan
	days := 0
	if p.Soon.Items > 0 {
		days = int(p.Soon.Day.Sub(p.Created.Truncate(24*time.Hour)) / (24 * time.Hour))
	}
	return PlanAnswer{
		Duty: p.Duty, Plan: p.ID, Expires: p.Expires, Read: r.Read, Unread: p.Library.Unread, Media: p.Media, Items: p.Items, Bytes: p.Bytes,
		Unknown: p.Unknown, Pending: p.PendingItems, Soon: p.Soon.Items, InDays: days, Over: p.Over, Resumed: r.Resumed, Missed: r.Missed, Nights: r.Nights, Anew: r.Anew,
		Odd: r.Odd, Skipped: r.Skipped, Warnings: p.Warnings, To: p.Moves,
	}
}

// With gives the answer with that of the night's plan that moves.
func (a PlanAnswer) With(moves PlanAnswer) PlanAnswer {
	a.Moves = &moves
	return a
}

// Done is what was done to the items of a plan of that duty.
func Done(d retention.Duty) string {
	if d == retention.Moving {
		return "moved"
	}
	return "removed"
}

// soonDays is how long before they go items in their grace are reported: long enough
// for a weekend to pass before somebody looks.
const soonDays = 4

// oddNamed is how many assets that are set aside an incident names.
const oddNamed = 5

// Attrs are the facts of the log record.
func (a PlanAnswer) Attrs(more ...any) []any {
	if a.Moves != nil {
		more = append([]any{slog.Group("moves", a.Moves.Attrs()...)}, more...)
	}
	return append([]any{
		slog.String("plan", a.Plan), slog.Int("read", a.Read), slog.Int("unread", a.Unread), slog.Int("media", a.Media),
		slog.Int("items", a.Items), slog.Int64("bytes", a.Bytes), slog.Int("unknown", a.Unknown), slog.Int("leaving", a.Pending), slog.Int("soon", a.Soon), slog.Int("in_days", a.InDays),
		slog.Any("over", a.Over), slog.Bool("resumed", a.Resumed), slog.Int("missed", a.Missed),
	}, more...)
}

// Notice words a planning run, and what of it needs a person.
func (a PlanAnswer) Notice(err error) (text string, incidents []notify.Incident) {
	say := func(code stored.IncidentCode, format string, args ...any) {
		incidents = append(incidents, notify.Incident{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	if err != nil {
		say(stored.IncidentNoRun, "%v", err)
		return "no plan: " + err.Error(), incidents
	}
	text = a.text()
	for _, over := range a.Over {
		say(stored.IncidentOverGuards, "over a guard: %s", over)
	}
	for _, lost := range a.Anew {
		say(stored.IncidentAnew, "%s", lost)
	}
	if a.Soon > 0 && a.InDays <= soonDays {
		say(stored.IncidentLeaving, "%s pending will go in %s: vodctl pending", report.Count(a.Soon, "item"), report.Count(a.InDays, "day"))
	}
	if a.Missed > 0 {
		say(stored.IncidentMissed, "%s without a plan before this one", report.Count(a.Missed, "night"))
	}
	if a.Nights > 0 {
		say(stored.IncidentSlow, "planning has taken %s; read so far: %s", report.Count(a.Nights, "night"), report.Count(a.Read, "asset"))
	}
	if len(a.Odd) > 0 && a.Plan != "" { // until then they are only the first
		say(stored.IncidentAside, "set aside, they stay: %s%s", strings.Join(a.Odd[:min(len(a.Odd), oddNamed)], "; "),
			when(len(a.Odd) > oddNamed, "; more in plan show"))
	}
	if len(a.Skipped) > 0 {
		say(stored.IncidentCorrupt, "not counted under STATE: %s", strings.Join(a.Skipped, "; "))
	}
	if a.Unread > 0 {
		say(stored.IncidentUnread, "%s could not be read", report.Count(a.Unread, "asset"))
	}
	if a.Moves != nil {
		also, more := a.Moves.Notice(nil)
		text += "; " + also
		for _, i := range more {
			i.Text = "moves: " + i.Text
			incidents = append(incidents, i)
		}
	}
	return text, incidents
}

// text words what the plan lists.
func (a PlanAnswer) text() string {
	switch {
	case a.Plan == "":
		return fmt.Sprintf("%s read, the plan is not finished", report.Count(a.Read, "asset"))
	case len(a.To) > 0:
		return fmt.Sprintf("plan %s %s", a.Plan, MovesText(a.To))
	}
	return fmt.Sprintf("plan %s lists %s of %s: %s", a.Plan, report.Count(a.Items, "item"), report.Count(a.Media, "asset"), report.Bytes(a.Bytes))
}

// MovesText words what a plan moves: moves 812 assets to IA (3.1 TB), or moves nothing.
func MovesText(to []stored.MoveTotals) string {
	if len(to) == 0 {
		return "moves nothing"
	}
	var texts []string
	for _, m := range to {
		what := report.Count(m.Items, "asset")
		if m.Scope == retention.SourcePart {
			what = report.Count(m.Items, "source file")
		}
		texts = append(texts, fmt.Sprintf("%s to %s (%s%s)", what, m.To, sized(m.Totals), when(m.Early, ", also before the minimum time of their class is over")))
	}
	return "moves " + strings.Join(texts, ", ")
}

// NightFacts are what programs read in a night's notice.
type NightFacts struct {
	PlanAnswer
	Since notify.Since `json:"since"`
}

// Night words a night: its plan, and what left since the plan before it.
func (a PlanAnswer) Night(s notify.Since) (text string, incidents []notify.Incident, facts NightFacts) {
	a.Missed = max(a.Missed, s.Missed) // the run that made the plan may have reported nothing
	text, incidents = a.Notice(nil)
	if text += fmt.Sprintf("; %s removed since %s, %s", report.Count(s.Removed.Items, "item"), s.From.Format(report.Moment), report.Bytes(s.Removed.Bytes)); s.Moved.Items > 0 {
		text += fmt.Sprintf(", and %s moved, %s", report.Count(s.Moved.Items, "item"), report.Bytes(s.Moved.Bytes))
	}
	if s.Err != nil {
		incidents = append(incidents, notify.Incident{Code: stored.IncidentNoRun, Text: "what was removed and moved cannot be reported: " + s.Err.Error()})
	}
	for _, id := range s.Idle {
		incidents = append(incidents, notify.Incident{Code: stored.IncidentIdle, Text: fmt.Sprintf("plan %s is approved, and no run has taken it up for more than a day", id)})
	}
	return text, incidents, NightFacts{a, s}
}

// PurgeAnswer is what a purging run says of itself.
type PurgeAnswer struct {
	Removed int   `json:"removed"`         // items
	Moved   int   `json:"moved,omitempty"` // items, by a policy that moves
	Bytes   int64 `json:"bytes"`
	Left    int   `json:"left"` // items of approved plans that wait for the next run
	// UnderWay is how many moves are asked for and not done yet: they need nobody.
	UnderWay int                  `json:"underWay,omitempty"`
	Results  map[video.Result]int `json:"results,omitempty"`
	Plans    []PurgedPlan         `json:"plans,omitempty"`
}

// PurgedPlan is what became of one plan.
type PurgedPlan struct {
	Plan   string       `json:"plan"`
	Status purge.Status `json:"status"`
	Why    string       `json:"why,omitempty"`
	By     string       `json:"approvedBy,omitempty"`
	Left   int          `json:"left,omitempty"`

	Code stored.IncidentCode `json:"code,omitempty"` // why it did not end, for programs
}

// Purged words what came of a run of a duty.
func Purged(d retention.Duty, r purge.Report) PurgeAnswer {
	a := PurgeAnswer{Results: r.Results()}
	for _, p := range r.Plans {
		if a.Bytes += p.Freed.Bytes; d == retention.Moving {
			a.Moved += p.Freed.Items
		} else {
			a.Removed += p.Freed.Items
		}
		switch p.Status {
		case purge.Stopped:
			a.Left += p.Left - p.Changing
			a.UnderWay += p.Changing
		case purge.UnderWay:
			a.UnderWay += p.Left
		}
		a.Plans = append(a.Plans, PurgedPlan{p.Plan, p.Status, p.Why, p.By, p.Left, codeOf(p)})
	}
	return a
}

// codeOf says what kind of incident a plan is that did not end.
func codeOf(p purge.Applied) stored.IncidentCode {
	switch {
	case p.Code != "":
		return p.Code
	case p.Status == purge.Refused:
		return stored.IncidentRefused
	case p.Status == purge.Stopped:
		return stored.IncidentStopped
	}
	return ""
}

// Incidents words what of a purging run needs a person; the rest is reported with the next
// night's plan.
func (a PurgeAnswer) Incidents(err error) (incidents []notify.Incident) {
	say := func(code stored.IncidentCode, plan, format string, args ...any) {
		incidents = append(incidents, notify.Incident{Code: code, Text: fmt.Sprintf(format, args...), Plan: plan})
	}
	switch {
	case errors.Is(err, state.ErrBusy):
		say(stored.IncidentBusy, "", "another run was at work")
	case err != nil:
		say(stored.IncidentNoRun, "", "%v", err)
	}
	stopped := map[string]bool{}
	for _, p := range a.Plans {
		switch {
		case p.Status == purge.Refused: // it stays refused, as long as purge looks for it
			say(p.Code, p.Plan, "plan %s %s: %s", p.Plan, p.Status, p.Why)
		case p.Status == purge.Stopped && !stopped[p.Why]: // the same media may wait in many plans
			stopped[p.Why] = true
			say(p.Code, "", "plan %s %s: %s", p.Plan, p.Status, p.Why)
		}
	}
	for _, result := range []video.Result{video.Failed, video.Forbidden, video.Unknown} {
		if n := a.Results[result]; n > 0 {
			say(stored.IncidentFailed, "", "%s %s", report.Count(n, "item"), result)
		}
	}
	return incidents
}

// Attrs are the facts of the log record.
func (a PurgeAnswer) Attrs(more ...any) []any {
	return append([]any{
		slog.Int("removed", a.Removed), slog.Int("moved", a.Moved), slog.Int64("bytes", a.Bytes), slog.Int("left", a.Left), slog.Int("under_way", a.UnderWay), slog.Any("results", a.Results),
		slog.Any("plans", a.Plans),
	}, more...)
}
