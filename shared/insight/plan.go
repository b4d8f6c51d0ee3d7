package insight

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

// PlanStale is how old the latest plan may be: a plan is made each night.
const PlanStale = 36 * time.Hour

// PlanFacts are where a plan stands.
type PlanFacts struct {
	ID      string               `json:"id"`
	Duty    retention.Duty       `json:"duty,omitempty"`
	Created time.Time            `json:"created"`
	Expires time.Time            `json:"expires"`
	Items   int                  `json:"items"`           // that it lists
	First   int                  `json:"first,omitempty"` // so many were approved; 0: all
	Bytes   int64                `json:"bytes"`
	Status  removal.PlanStatus   `json:"status"`
	Detail  removal.StatusDetail `json:"detail,omitzero"`
	Halted  bool                 `json:"halted,omitempty"` // a halt keeps it from going on
	Done    *removal.Progress    `json:"progress,omitempty"`
}

// PlanFactsOf reads where a plan stands. A halt that cannot be read is one.
func PlanFactsOf(ctx context.Context, o state.Objects, p removal.Plan, now time.Time) (PlanFacts, error) {
	f := PlanFacts{ID: p.ID, Duty: p.Duty, Created: p.Created, Expires: p.Expires, Items: p.Items, Bytes: p.Bytes}
	var err error
	if f.Status, f.Detail, err = removal.StatusOf(ctx, o, p, now); err != nil {
		return f, err
	}
	begun := f.Status == removal.PlanRunning || f.Status == removal.PlanExpired || f.Status == removal.PlanWithdrawn
	if f.Status == removal.PlanApproved || f.Status == removal.PlanRunning {
		f.Halted = removal.CheckHalt(ctx, o) != nil
		if approval, err := removal.ReadApproval(ctx, o, p); err == nil {
			f.First = approval.First
		}
	}
	if begun {
		done, err := removal.ProgressOf(ctx, o, p.ID)
		if err != nil {
			return f, err
		}
		f.Done = &done
	}
	return f, nil
}

// ListedPlan is a plan in a list of them.
type ListedPlan struct {
	ID      string
	Plan    removal.Plan
	Facts   PlanFacts
	Corrupt error // why it cannot be read; there is nothing else then
}

// Plans lists the plans that were made since a moment, the oldest first, with where each stands.
// A corrupt one does not end the list.
func Plans(ctx context.Context, o state.Objects, since, now time.Time) iter.Seq2[ListedPlan, error] {
	return func(yield func(ListedPlan, error) bool) {
		for id, err := range removal.Plans(ctx, o, since) {
			one := ListedPlan{ID: id}
			if err == nil {
				err = one.read(ctx, o, now)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

func (l *ListedPlan) read(ctx context.Context, o state.Objects, now time.Time) (err error) {
	if l.Plan, err = removal.ReadPlan(ctx, o, l.ID); errors.Is(err, state.ErrCorrupt) {
		l.Corrupt = err
		return nil
	}
	if err == nil {
		l.Facts, err = PlanFactsOf(ctx, o, l.Plan, now)
	}
	return err
}

// next are the commands that a plan waits for.
func (f PlanFacts) next() []Next {
	switch show := "vodctl plan show " + f.ID; {
	case f.Status == removal.PlanPlanned && f.Items > 0:
		return []Next{{show, "it waits for an approval until " + f.Expires.Format(report.Moment)}, {"vodctl approve " + f.ID, "if it is right"}}
	case f.Status == removal.PlanRefused:
		return []Next{{show, "it was refused: " + f.Detail.Why}}
	}
	return nil
}

// Text says for people where a plan stands; when words a moment.
func (f PlanFacts) Text(when func(time.Time) string) string {
	at, by := when(f.Detail.At), f.Detail.By+report.Beside(f.Detail.Why)
	if f.Halted {
		return "halted, " + f.far() + "; approved by " + by
	}
	switch f.Status {
	case removal.PlanPlanned:
		return "not approved"
	case removal.PlanApproved:
		if f.First > 0 {
			return "approved the first " + report.Count(f.First, "item") + " by " + by
		}
		return "approved by " + by
	case removal.PlanWithdrawn:
		return "withdrawn " + at + " by " + by + f.left()
	case removal.PlanRunning:
		return "running, " + f.far() + " since " + at
	case removal.PlanEnded:
		return "ended " + at + ": " + report.Count(f.Detail.Freed.Items, "item") + " " + reports.Done(f.Duty)
	case removal.PlanExpired:
		return "expired " + at + f.left()
	}
	return string(f.Status) + ": " + f.Detail.Why
}

// far is how many of the items are over.
func (f PlanFacts) far() string {
	done := removal.Progress{}
	if f.Done != nil {
		done = *f.Done
	}
	text := report.Number(done.Done) + " of " + report.Number(cmp.Or(f.First, f.Items)) + " " + reports.Done(f.Duty)
	if done.Over > 0 {
		text += ", " + report.Number(done.Over) + " stay"
	}
	return text
}

// left says of a plan that is over before its end how far it came.
func (f PlanFacts) left() string {
	if f.Done == nil || *f.Done == (removal.Progress{}) {
		return ""
	}
	return ", " + f.far()
}
