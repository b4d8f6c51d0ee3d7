package purge

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func keyOf(i retention.Item) removal.Key { return removal.KeyOf(i) }

// work is one plan, or one takedown, being applied.
type work struct {
	*run
	plan    stored.Plan
	by      string
	first   int  // only so many items of the plan; 0: all
	self    bool // by the policy, and nobody has said so before
	opened  bool // a run of it has begun before this one
	applied *Applied
	judge   func(context.Context, []retention.Verdict) ([][]retention.Found, error)

	tally    removal.Tally
	attempts map[removal.Key]removal.Attempt // what this run did for items that are not settled
	results  map[video.Result]int            // over all runs of the plan
	freed    stored.Totals                   // over all runs of the plan
	rows     []stored.Row                    // to be written with the next segment
	aside    []stored.Aside                  // what cannot go
	modified map[video.ID]time.Time          // of the assets of the batch, as they were read last
	again    bool                            // an item of this pass waits, and may go at another try

	survivors map[retention.Group][]video.ID // what the plan left as the newest
	left      map[retention.Group]string     // why nothing of this batch may go out of a group; empty: it may
	unread    map[retention.Group]error      // of groups of which one cannot be read now

	past    *stored.Past          // what only the ledger tells; nil until it is asked
	leaving func(video.ID) string // why something is removed, and so not moved; nil until it is asked
}

func (r *run) work(p stored.Plan, c consent, a *Applied) *work {
	w := &work{
		run: r, plan: p, by: c.by, first: c.first, self: c.self, applied: a,
		attempts: map[removal.Key]removal.Attempt{}, results: map[video.Result]int{}, modified: map[video.ID]time.Time{},
	}
	w.judge = w.recheck
	return w
}

// open takes up what earlier runs of the plan have done. Nothing is written.
func (w *work) open(ctx context.Context) (err error) {
	first, begun, err := stored.FirstRun(ctx, w.State, w.plan.ID)
	if err != nil {
		return corrupt(err)
	}
	if w.ledger, err = stored.OpenLedger(ctx, w.State, w.lane(), w.name); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	w.others.from(w.ledger.Last())
	if w.opened = begun; !begun {
		return nil
	}
	return w.read(ctx, first.Segment)
}

// begin records that a run begins.
func (w *work) begin(ctx context.Context) error {
	start := stored.RunStart{Plan: w.plan.ID, Run: w.name, At: w.Now(), Segment: w.ledger.Last() + 1}
	note := "run begins"
	if w.self {
		start.By = w.by
		note += "; the policy approves the plan, which is within its guards"
	}
	if _, err := stored.StartRun(ctx, w.State, start); err != nil {
		return corrupt(err)
	}
	if err := w.hold(ctx); err != nil {
		return err
	}
	// The fence: a run that lost its lease finds this segment and stops.
	return w.ledger.Append(ctx, w.row(stored.Note, retention.Item{}, "", note))
}

// read takes up what earlier runs of the plan have done, from a segment on.
func (w *work) read(ctx context.Context, from int) error {
	for row, err := range stored.Rows(ctx, w.State, from) {
		if err != nil {
			return corrupt(err)
		}
		if err := late(ctx); err != nil {
			return err
		}
		if err := w.hold(ctx); err != nil {
			return err
		}
		if row.Plan == w.plan.ID {
			w.by = cmp.Or(w.by, row.By)
			w.note(row)
		} else if row.Result == video.Done && w.tried(row.Item) {
			w.others.rows = append(w.others.rows, row)
		}
	}
	return nil
}

// tried says that a call for something of the asset was made or meant to be.
func (w *work) tried(item retention.Item) bool { return !w.tally.Touched(item.ID).IsZero() }

// note takes a row of the ledger into account.
func (w *work) note(row stored.Row) {
	w.tally.Add(removal.Row{Event: row.Event, Tick: row.Tick, Item: row.Item, Result: row.Result, Detail: row.Detail})
	if row.Event != stored.Outcome || row.Result == video.Deferred {
		return
	}
	w.results[row.Result]++
	if row.Result == video.Done {
		w.freed.Add(row.Item)
	}
}

func (w *work) row(kind string, item retention.Item, result video.Result, detail string) stored.Row {
	return stored.Row{Event: kind, At: w.Now(), Tick: w.at.UTC(), Run: w.name, Plan: w.plan.ID, By: w.by, Item: item, Result: result, Detail: detail}
}

// end gives an item its outcome; it is written with the next segment.
func (w *work) end(item retention.Item, result video.Result, detail string) {
	row := w.row(stored.Outcome, item, result, detail)
	w.rows = append(w.rows, row)
	w.note(row)
	if k := keyOf(item); result == video.Deferred {
		w.attempts[k] = w.attempts[k].AfterEnd()
	} else {
		delete(w.attempts, k)
	}
	w.applied.Results[result]++
	if result == video.Done {
		w.applied.Freed.Add(item)
	}
	level := slog.LevelDebug
	if result == video.Failed || result == video.Forbidden || result == video.Rejected {
		level = slog.LevelWarn
	}
	w.Log.Log(context.Background(), level, "item", slog.String("plan", w.plan.ID), slog.String("video", string(item.ID)),
		slog.String("kind", string(item.Kind)), slog.String("part", item.Part), slog.String("result", string(result)), slog.String("reason", detail))
}

// setAside remembers an item that the library itself will not let go, so that later
// plans neither list nor count it.
func (w *work) setAside(item retention.Item, why string) {
	one := stored.Aside{ID: item.ID, Kind: item.Kind, Part: item.Part, Modified: w.modified[item.ID], Why: why}
	w.aside, w.refused[keyOf(item)] = append(w.aside, one), one
}

func (w *work) flush(ctx context.Context) error {
	rows := w.rows
	w.rows = nil
	return w.ledger.Append(ctx, rows...)
}

// over records that nothing more will be done, because of what; empty: all is done.
func (w *work) over(ctx context.Context, why string) error {
	return stored.EndRun(ctx, w.State, stored.RunEnd{
		Plan: w.plan.ID, At: w.Now(), By: w.by, Why: why, Results: w.results, Freed: w.freed, Segment: w.ledger.Last(), Tip: w.ledger.Tip(),
	})
}

// items gives the plan's assets with those of their items that are of the portion and
// not settled.
func (w *work) entries(ctx context.Context, yield func(v retention.Verdict, planned int) error) error {
	planned := 0
	for v, err := range w.plan.Entries(ctx, w.State) {
		if err == nil {
			err = w.hold(ctx)
		}
		if err != nil {
			return err
		}
		if w.first > 0 {
			v.Items = v.Items[:max(0, min(len(v.Items), w.first-planned))]
		}
		planned += len(v.Items)
		n := 0
		for _, i := range v.Items {
			if w.tally.Of(keyOf(i)).Phase != removal.Settled {
				v.Items[n] = i
				n++
			}
		}
		v.Items = v.Items[:n]
		if err := yield(v, planned); err != nil {
			return err
		}
	}
	return nil
}
