package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Notices is what becomes of VOD's notifications. Nothing that they say is believed, their
// time least of all: who writes reads the asset again, and decides with a clock of its own.
type Notices struct {
	// Retag asks the library's writer to run the rules; nil: there is none beside us.
	Retag  func(ctx context.Context, retags []events.Retag) ([]video.Outcome, error)
	Editor Editor                                                                    // runs them where there is no Retag
	Watch  Watcher                                                                   // nil: who changed what cannot be told
	Gone   func(ctx context.Context, at time.Time, all []state.DeletionNotice) error // keeps announced deletions; nil: nowhere
	App    string                                                                    // APP_ID; empty: all applications
	Run    func(ctx context.Context) string                                          // names in the journal what the Editor writes; empty: by the time
	Now    func() time.Time
	Log    *slog.Logger
}

// Watcher tells the changes of other writers from ours; edit.Watch has the promise.
type Watcher interface {
	Foreign(ctx context.Context, since time.Time, announced []video.Update) ([]edit.Foreign, error)
}

// TagReport is what an invocation that tags says of itself.
type TagReport struct {
	Trigger   events.Trigger       `json:"trigger"`
	Notices   int                  `json:"notices"`
	Acted     int                  `json:"acted"`
	Ignored   int                  `json:"ignored"`
	Malformed int                  `json:"malformed"`
	Outcomes  map[video.Result]int `json:"outcomes,omitempty"`
	Waiting   int                  `json:"waiting,omitempty"` // media with a rule that needs a fact not known yet
	Dropped   int                  `json:"dropped,omitempty"` // media with a tag or text that did not fit
	Seen      int                  `json:"seen,omitempty"`    // by a sweep
	Found     int                  `json:"found,omitempty"`   // by a sweep: no event had seen to them
	LossRatio float64              `json:"lossRatio,omitempty"`
	Left      int                  `json:"left,omitempty"`    // by a sweep whose time was up
	Resumed   int                  `json:"resumed,omitempty"` // kinds of media with which a sweep went on where one before had stopped
	Foreign   int                  `json:"foreign,omitempty"` // media that another writer changed
	Gone      int                  `json:"gone,omitempty"`    // announced deletions that were kept for the ledger
	Status    int                  `json:"status,omitempty"`
	Late      float64              `json:"late,omitempty"` // seconds from the oldest of the events acted on until now, by their own time
}

// Callback notes the verdict on a callback that did not come to act.
func (r *TagReport) Callback(v events.Verdict) {
	switch r.Status = v.Status; v {
	case events.SeenBefore:
		r.Notices, r.Ignored = 1, 1
	case events.Malformed:
		r.Malformed++
	}
}

// One acts on a single notification: a callback's, one from an MNS topic, or one by hand,
// that came at a moment. It fails when something of it did.
func (n Notices) One(ctx context.Context, notice events.Notice, at time.Time, r *TagReport) error {
	results, err := n.act(ctx, []events.Notice{notice}, at, r)
	if i := slices.IndexFunc(results, tag.Result.Failed); err == nil && i >= 0 {
		err = fmt.Errorf("%s: %w", results[i].Outcome.ID, results[i].Outcome.Err)
	}
	return err
}

// Message is One for a notification that a message holds.
func (n Notices) Message(ctx context.Context, m events.Message, r *TagReport) error {
	notice, err := events.DecodeNotice(m.Body)
	if err != nil {
		r.Malformed++
		return err
	}
	if m.At.IsZero() {
		m.At = n.Now()
	}
	return n.One(ctx, notice, m.At, r)
}

// Batch acts on notifications from VOD's queue. Function Compute would run the
// whole batch again if this failed, so it fails only when nothing could be done;
// a message that cannot be read is logged and done with, and a media whose turn
// failed is left to the sweep.
func (n Notices) Batch(ctx context.Context, messages []events.Message, r *TagReport) error {
	var notices []events.Notice
	oldest := n.Now()
	for _, m := range messages {
		notice, err := events.DecodeNotice(m.Body)
		if err != nil {
			r.Malformed++
			n.Log.WarnContext(ctx, "message not readable", slog.String("message", m.ID), slog.Any("error", err))
			continue
		}
		notices = append(notices, notice)
		if !m.At.IsZero() && m.At.Before(oldest) {
			oldest = m.At
		}
	}
	results, err := n.act(ctx, notices, oldest, r)
	if len(results) == 0 {
		return err
	}
	if slices.ContainsFunc(results, func(r tag.Result) bool { return !r.Failed() }) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("none of %d assets: %w", len(results), results[0].Outcome.Err))
}

// Sweep looks at what was created before a timer's tick, whether it was announced or not;
// tag.Sweep has the promise, and tag.Span how far the tick wants it to look back.
func (n Notices) Sweep(ctx context.Context, library tag.Searcher, places tag.Places, tick events.Tick, r *TagReport) error {
	span, err := tag.Span(tick.Payload)
	if err != nil {
		return err
	}
	swept, err := tag.Sweep(ctx, library, tick.At, span, places, n.run)
	r.Seen, r.Found, r.LossRatio, r.Left = swept.Seen, len(swept.Found), swept.LossRatio(), swept.Left
	r.Resumed, r.Outcomes = swept.Resumed, swept.Results
	n.tell(ctx, swept.Failed)
	return err
}

// act sees to what the notices are about. The first of them came at that moment.
func (n Notices) act(ctx context.Context, notices []events.Notice, at time.Time, r *TagReport) ([]tag.Result, error) {
	own := events.OfApp(notices, n.App)
	r.Notices += len(notices)
	r.Ignored += len(notices) - len(own)
	defer n.noteGone(ctx, own, at, r)
	retitled := n.others(ctx, own, at, r)
	var targets []tag.Target
	for _, one := range own {
		if !one.NeedsTags() && !retitled[one.ID] || one.ID == "" || one.Status == events.StatusFailed {
			r.Ignored++
			continue
		}
		r.Acted++
		if !one.At.IsZero() {
			r.Late = max(r.Late, n.Now().Sub(one.At).Truncate(time.Second).Seconds())
		}
		targets = append(targets, tag.Target{ID: one.ID, Kind: one.MediaKind, Labels: one.Kind == events.AIVideoTagComplete, Event: one.Kind})
	}
	if len(targets) == 0 {
		return nil, nil
	}
	results, err := n.run(ctx, targets)
	var failed []tag.Result
	for _, one := range results {
		r.Outcomes[one.Outcome.Result]++
		if len(one.Decision.Waiting) > 0 {
			r.Waiting++
		}
		unfit := len(one.Decision.Dropped)+len(one.Decision.Faults) > 0
		if unfit {
			r.Dropped++
		}
		if unfit || one.Failed() {
			failed = append(failed, one)
		}
	}
	n.tell(ctx, failed)
	return results, err
}

// run sees to some assets: it puts them into the writer's queue, or decides itself.
func (n Notices) run(ctx context.Context, targets []tag.Target) ([]tag.Result, error) {
	results := make([]tag.Result, len(targets))
	if n.Retag != nil {
		retags := make([]events.Retag, len(targets))
		for i, t := range targets {
			retags[i] = events.Retag{ID: t.ID, Event: cmp.Or(t.Event, events.EventSweep), Via: t.Origin}
			if t.Kind == video.KindImage {
				retags[i].Kind = t.Kind
			}
		}
		outcomes, err := n.Retag(ctx, retags)
		for i := range outcomes {
			results[i].Outcome = outcomes[i]
		}
		return results, err
	}
	items := make([]edit.Item, len(targets))
	for i, t := range targets {
		items[i].Retag = &edit.Retag{ID: t.ID, Kind: t.Kind, Labels: t.Labels, Origin: t.Origin}
	}
	got, err := n.Editor.Do(ctx, nameOf(n.Run(ctx), n.Now()), items)
	if err != nil {
		return nil, err
	}
	for i, r := range got {
		results[i] = tag.Result{Outcome: r.Outcome, Decision: r.Decision}
	}
	return results, nil
}

// before is how much earlier than its announcement a change may have been written.
const before = 10 * time.Minute

// others logs which media another writer than ours has changed, and gives those of
// which it was the title: rules about titles are run again then. The first of the notices
// came at that moment. Failing costs nothing but the record.
func (n Notices) others(ctx context.Context, notices []events.Notice, at time.Time, r *TagReport) (retitled map[video.ID]bool) {
	if n.Watch == nil {
		return nil
	}
	var announced []video.Update
	for _, one := range notices {
		if u := one.Change(); !u.Empty() {
			announced = append(announced, u)
		}
	}
	foreign, err := n.Watch.Foreign(ctx, at.Add(-before), announced)
	if err != nil {
		n.Log.WarnContext(ctx, "whose changes these are is not known", slog.Int("media", len(announced)), slog.Any("error", err))
	}
	r.Foreign, retitled = len(foreign), map[video.ID]bool{}
	for _, f := range foreign {
		if slices.Contains(f.Parts, "title") {
			retitled[f.ID] = true
		}
		n.Log.WarnContext(ctx, "another writer changed an asset", slog.String("media", string(f.ID)), slog.Any("parts", f.Parts))
	}
	return retitled
}

// noteGone keeps announced deletions, so that the ledger can be compared with them.
// An announcement that is lost is one that never came.
func (n Notices) noteGone(ctx context.Context, notices []events.Notice, at time.Time, r *TagReport) {
	if n.Gone == nil {
		return
	}
	var all []state.DeletionNotice
	for _, one := range notices {
		if one.Gone() {
			all = append(all, state.DeletionNotice{ID: one.ID, At: one.At})
		}
	}
	if err := n.Gone(ctx, at, all); err != nil {
		n.Log.WarnContext(ctx, "announced deletions not kept", slog.Int("media", len(all)), slog.Any("error", err))
		return
	}
	r.Gone = len(all)
}

// tell logs what did not go as the rules want, one record each.
func (n Notices) tell(ctx context.Context, results []tag.Result) {
	for _, r := range results {
		n.Log.WarnContext(ctx, "media", slog.String("media", string(r.Outcome.ID)), slog.String("outcome", string(r.Outcome.Result)),
			slog.String("reason", r.Outcome.Reason), slog.Any("dropped", r.Decision.Dropped), slog.Any("faults", r.Decision.Faults))
	}
}
