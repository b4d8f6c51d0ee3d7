package removal

import (
	"context"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Reconciled compares, for one day, the videos that the ledger has removed with those
// that the library announced.
type Reconciled struct {
	Day       string     `json:"day"`
	Removed   int        `json:"removed"`             // by the ledger
	Confirmed int        `json:"confirmed"`           // of those, announced
	Silent    []video.ID `json:"silent,omitempty"`    // of those, not announced (yet)
	Elsewhere []video.ID `json:"elsewhere,omitempty"` // announced, and nothing of the ledger's: somebody else's
}

// Reconcile compares the ledger with the announcements, by day, oldest first. Days are
// the event's and the library's, which a run at midnight may tell apart: a media counts
// on the day of the ledger where it is in both. Announcements that were expired are
// not known any more.
func Reconcile(ctx context.Context, o state.Objects) ([]Reconciled, error) {
	days := reconciliation{}
	removed, err := days.ledger(ctx, o)
	if err != nil {
		return nil, err
	}
	announced, err := days.announcements(ctx, o, removed)
	if err != nil {
		return nil, err
	}
	for id, d := range removed {
		if !announced[id] {
			d.Silent = append(d.Silent, id)
		}
	}
	all := make([]Reconciled, 0, len(days))
	for _, d := range days {
		slices.Sort(d.Silent)
		slices.Sort(d.Elsewhere)
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b Reconciled) int { return strings.Compare(a.Day, b.Day) })
	return all, nil
}

// reconciliation is what is known of each day.
type reconciliation map[string]*Reconciled

func (r reconciliation) day(at time.Time) *Reconciled {
	name := at.UTC().Format(time.DateOnly)
	if r[name] == nil {
		r[name] = &Reconciled{Day: name}
	}
	return r[name]
}

// ledger counts what the ledger has removed, and gives the day of each video.
func (r reconciliation) ledger(ctx context.Context, o state.Objects) (map[video.ID]*Reconciled, error) {
	removed := map[video.ID]*Reconciled{}
	for row, err := range Rows(ctx, o, 0) {
		if err != nil {
			return nil, err
		}
		if row.Event != Outcome || row.Kind != retention.Whole || row.Result != video.Done || removed[row.ID] != nil {
			continue
		}
		at := row.Tick
		if at.IsZero() {
			at = row.At
		}
		removed[row.ID] = r.day(at)
		removed[row.ID].Removed++
	}
	return removed, nil
}

// announcements counts what the library announced.
func (r reconciliation) announcements(ctx context.Context, o state.Objects, removed map[video.ID]*Reconciled) (map[video.ID]bool, error) {
	announced := map[video.ID]bool{}
	for g, err := range state.Deletions(ctx, o) {
		if err != nil {
			return nil, err
		}
		if announced[g.ID] {
			continue
		}
		announced[g.ID] = true
		if d := removed[g.ID]; d != nil {
			d.Confirmed++
		} else {
			d := r.day(g.At)
			d.Elsewhere = append(d.Elsewhere, g.ID)
		}
	}
	return announced, nil
}
