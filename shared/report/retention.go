package report

import (
	"log/slog"
	"time"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/video"
)

// PlanAnswer is what a planning run says of itself.
type PlanAnswer struct {
	Plan    string    `json:"plan,omitempty"` // empty: the library is not read to its end yet
	Expires time.Time `json:"expires,omitzero"`
	Read    int       `json:"read"`
	Unread  int       `json:"unread,omitempty"`
	Media   int       `json:"media"`
	Items   int       `json:"items"`
	Bytes   int64     `json:"bytes"`
	Unknown int       `json:"unknown,omitempty"` // items without a known size
	Leaving int       `json:"leaving,omitempty"` // items in their grace
	Over    []string  `json:"over,omitempty"`    // guards that would stop it
	Resumed bool      `json:"resumed,omitempty"`
}

// Planned words what came of planning.
func Planned(r plan.Report) PlanAnswer {
	p := r.Plan
	return PlanAnswer{
		Plan: p.ID, Expires: p.Expires, Read: r.Read, Unread: p.Library.Unread, Media: p.Media, Items: p.Items, Bytes: p.Bytes,
		Unknown: p.Unknown, Leaving: p.Shelf, Over: p.Over, Resumed: r.Resumed,
	}
}

// Attrs are the facts of the log record.
func (a PlanAnswer) Attrs(more ...any) []any {
	return append([]any{
		slog.String("plan", a.Plan), slog.Int("read", a.Read), slog.Int("unread", a.Unread), slog.Int("media", a.Media),
		slog.Int("items", a.Items), slog.Int64("bytes", a.Bytes), slog.Int("unknown", a.Unknown), slog.Int("leaving", a.Leaving),
		slog.Any("over", a.Over), slog.Bool("resumed", a.Resumed),
	}, more...)
}

// PurgeAnswer is what a purging run says of itself.
type PurgeAnswer struct {
	Removed int                  `json:"removed"` // items
	Bytes   int64                `json:"bytes"`
	Left    int                  `json:"left"` // items of approved plans that wait for the next run
	Results map[video.Result]int `json:"results,omitempty"`
	Plans   []PurgedPlan         `json:"plans,omitempty"`
}

// PurgedPlan is what became of one plan.
type PurgedPlan struct {
	Plan   string       `json:"plan"`
	Status purge.Status `json:"status"`
	Why    string       `json:"why,omitempty"`
	By     string       `json:"approvedBy,omitempty"`
	Left   int          `json:"left,omitempty"`
}

// Purged words what came of purging.
func Purged(r purge.Report) PurgeAnswer {
	a := PurgeAnswer{Results: r.Results()}
	for _, p := range r.Plans {
		a.Removed += p.Freed.Items
		a.Bytes += p.Freed.Bytes
		if p.Status == purge.Stopped {
			a.Left += p.Left
		}
		a.Plans = append(a.Plans, PurgedPlan{p.Plan, p.Status, p.Why, p.By, p.Left})
	}
	return a
}

// Attrs are the facts of the log record.
func (a PurgeAnswer) Attrs(more ...any) []any {
	return append([]any{
		slog.Int("removed", a.Removed), slog.Int64("bytes", a.Bytes), slog.Int("left", a.Left), slog.Any("results", a.Results),
		slog.Any("plans", a.Plans),
	}, more...)
}
