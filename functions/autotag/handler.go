package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// wakePayload is the payload of the timer that only says that bulk changes may wait.
const wakePayload = "wake"

// defaultSpan is how far the sweep looks back: several hourly ticks, so that one
// that fails loses nothing. The timer's payload may name another, such as 48h.
const defaultSpan = 3 * time.Hour

// acts are the notifications after which a media may need tags. All others are
// acknowledged. StreamTranscodeComplete is not one: TranscodeComplete follows it.
var acts = []string{
	events.FileUploadComplete, events.UploadByURLComplete, events.VideoAnalysisComplete, events.TranscodeComplete,
	events.ImageUploadComplete, events.AddLiveRecordVideoComplete, events.AIVideoTagComplete,
}

type handler struct {
	editor   editor                          // decides and writes, or only reports
	writer   retagger                        // asks the library's writer to decide instead; nil: there is none beside us
	wake     func(ctx context.Context) error // says that bulk changes may wait for that writer; nil: none can
	search   tag.Searcher
	places   tag.Places                                                               // nil: each sweep begins anew
	watch    watcher                                                                  // nil: who changed what cannot be told
	gone     func(ctx context.Context, at time.Time, all []boot.DeletionNotice) error // keeps them; nil: nowhere
	signer   events.Signer
	seen     *events.Seen
	now      func() time.Time
	log      *slog.Logger
	app      string        // APP_ID; empty: all applications
	deadline time.Duration // for a callback: VOD waits 5 s for the answer
}

// editor runs rules over assets; shared/act/edit has the promise.
type editor interface {
	Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error)
}

// retagger puts assets into the queue of the library's writer.
type retagger func(ctx context.Context, retags []events.Retag) ([]video.Outcome, error)

// watcher tells the changes of other writers from ours; edit.Watch has the promise.
type watcher interface {
	Foreign(ctx context.Context, since time.Time, announced []video.Update) ([]edit.Foreign, error)
}

// summary is the answer to whoever waits for one, and the log record of the invocation.
type summary struct {
	Trigger   string               `json:"trigger"`
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
}

func (h *handler) handle(ctx context.Context, raw []byte) (any, error) {
	ctx = boot.Invocation(ctx)
	s := summary{Trigger: string(events.Kind(raw)), Outcomes: map[video.Result]int{}}
	var answer any = &s
	var err error
	switch events.Trigger(s.Trigger) {
	case events.TriggerHTTP:
		answer = h.callback(ctx, raw, &s)
	case events.TriggerTimer:
		err = h.sweep(ctx, raw, &s)
	case events.TriggerBatch:
		err = h.batch(ctx, raw, &s)
	default:
		err = h.one(ctx, raw, &s)
	}
	level := slog.LevelInfo
	attributes := []slog.Attr{slog.Any("summary", s)}
	if err != nil {
		level = slog.LevelError
		attributes = append(attributes, slog.Any("error", err))
	}
	h.log.LogAttrs(ctx, level, "autotag", attributes...)
	return answer, err
}

// callback answers VOD. The signature is looked at before anything else; who does
// not have it learns nothing and causes no call. A failure answers 500, so that
// VOD tries again while it still does; what it gives up is left to the sweep.
func (h *handler) callback(ctx context.Context, raw []byte, s *summary) events.Response {
	status, text := h.receive(ctx, raw, s)
	s.Status = status
	body, _ := json.Marshal(map[string]string{"message": text})
	return events.Response{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}
}

func (h *handler) receive(ctx context.Context, raw []byte, s *summary) (status int, text string) {
	req, err := events.DecodeHTTP(raw)
	switch {
	case errors.Is(err, events.ErrTooLarge):
		return http.StatusRequestEntityTooLarge, "body too large"
	case err != nil:
		return http.StatusBadRequest, "malformed"
	}
	now := h.now()
	switch err := h.signer.Verify(req, now); {
	case errors.Is(err, events.ErrUnsigned):
		return http.StatusUnauthorized, "not signed"
	case err != nil:
		return http.StatusForbidden, "signature not accepted"
	}
	if req.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "POST only"
	}
	if h.seen.Repeat(req, now) {
		s.Notices, s.Ignored = 1, 1
		return http.StatusOK, "seen before"
	}
	notice, err := events.DecodeNotice(req.Body)
	if err != nil {
		s.Malformed++
		return http.StatusBadRequest, "malformed"
	}
	ctx, cancel := context.WithTimeout(ctx, h.deadline)
	defer cancel()
	results, err := h.act(ctx, []events.Notice{notice}, now, s)
	h.noteGone(ctx, []events.Notice{notice}, now, s)
	if err != nil || slices.ContainsFunc(results, tag.Result.Failed) {
		h.seen.Forget(req)
		return http.StatusInternalServerError, "try again"
	}
	return http.StatusOK, "ok"
}

// batch acts on notifications from VOD's queue. Function Compute would run the
// whole batch again if this failed, so it fails only when nothing could be done;
// a message that cannot be read is logged and done with, and a media whose turn
// failed is left to the sweep.
func (h *handler) batch(ctx context.Context, raw []byte, s *summary) error {
	messages, err := events.DecodeBatch(raw)
	if err != nil {
		return err
	}
	var notices []events.Notice
	oldest := h.now()
	for _, m := range messages {
		notice, err := events.DecodeNotice(m.Body)
		if err != nil {
			s.Malformed++
			h.log.WarnContext(ctx, "message not readable", slog.String("message", m.ID), slog.Any("error", err))
			continue
		}
		notices = append(notices, notice)
		if !m.At.IsZero() && m.At.Before(oldest) {
			oldest = m.At
		}
	}
	results, err := h.act(ctx, notices, oldest, s)
	h.noteGone(ctx, notices, oldest, s)
	if len(results) == 0 {
		return err
	}
	if slices.ContainsFunc(results, func(r tag.Result) bool { return !r.Failed() }) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("none of %d media: %w", len(results), results[0].Outcome.Err))
}

// one acts on a single notification: from an MNS topic, or an invocation by hand.
func (h *handler) one(ctx context.Context, raw []byte, s *summary) error {
	m, err := events.DecodeTopic(raw)
	if err != nil {
		s.Malformed++
		return err
	}
	notice, err := events.DecodeNotice(m.Body)
	if err != nil {
		s.Malformed++
		return err
	}
	if m.At.IsZero() {
		m.At = h.now()
	}
	results, err := h.act(ctx, []events.Notice{notice}, m.At, s)
	h.noteGone(ctx, []events.Notice{notice}, m.At, s)
	for _, r := range results {
		if err == nil && r.Failed() {
			err = fmt.Errorf("%s: %w", r.Outcome.ID, r.Outcome.Err)
		}
	}
	return err
}

func (h *handler) sweep(ctx context.Context, raw []byte, s *summary) error {
	tick, err := events.DecodeTick(raw)
	if err != nil {
		s.Malformed++
		return err
	}
	if tick.Payload == wakePayload {
		if h.wake == nil {
			return nil
		}
		return h.wake(ctx)
	}
	span := defaultSpan
	if tick.Payload != "" {
		if span, err = time.ParseDuration(tick.Payload); err != nil || span <= 0 {
			return fmt.Errorf("timer payload %q is no span of time such as 48h", tick.Payload)
		}
	}
	swept, err := tag.Sweep(ctx, h.search, tick.At, span, h.places, h.run)
	s.Seen, s.Found, s.LossRatio, s.Left = swept.Seen, len(swept.Found), swept.LossRatio(), swept.Left
	s.Resumed, s.Outcomes = swept.Resumed, swept.Results
	h.tell(ctx, swept.Failed)
	return err
}

// act sees to what the notices are about. The first of them came at that moment.
func (h *handler) act(ctx context.Context, notices []events.Notice, at time.Time, s *summary) ([]tag.Result, error) {
	retitled := h.others(ctx, notices, at, s)
	var targets []tag.Target
	s.Notices += len(notices)
	own := h.ours(notices)
	s.Ignored += len(notices) - len(own)
	for _, n := range own {
		if !slices.Contains(acts, n.Kind) && !retitled[n.ID] || n.ID == "" || n.Status == events.StatusFailed {
			s.Ignored++
			continue
		}
		s.Acted++
		// Nothing that the event says is believed, its time least of all: who writes reads the
		// asset again, and decides with a clock of its own.
		targets = append(targets, tag.Target{ID: n.ID, Kind: n.MediaKind, Labels: n.Kind == events.AIVideoTagComplete, Event: n.Kind})
	}
	if len(targets) == 0 {
		return nil, nil
	}
	results, err := h.run(ctx, targets)
	var failed []tag.Result
	for _, r := range results {
		s.Outcomes[r.Outcome.Result]++
		if len(r.Decision.Waiting) > 0 {
			s.Waiting++
		}
		if len(r.Decision.Dropped) > 0 || len(r.Decision.Faults) > 0 {
			s.Dropped++
			failed = append(failed, r)
		} else if r.Failed() {
			failed = append(failed, r)
		}
	}
	h.tell(ctx, failed)
	return results, err
}

// run sees to some assets: it puts them into the writer's queue, or decides itself.
func (h *handler) run(ctx context.Context, targets []tag.Target) ([]tag.Result, error) {
	results := make([]tag.Result, len(targets))
	if h.writer != nil {
		retags := make([]events.Retag, len(targets))
		for i, t := range targets {
			if retags[i] = (events.Retag{ID: t.ID, Event: t.Event, Via: t.Origin}); t.Kind == video.KindImage {
				retags[i].Kind = t.Kind
			}
			retags[i].Event = cmp.Or(t.Event, events.EventSweep)
		}
		outcomes, err := h.writer(ctx, retags)
		for i := range outcomes {
			results[i].Outcome = outcomes[i]
		}
		return results, err
	}
	items := make([]edit.Item, len(targets))
	for i, t := range targets {
		items[i].Retag = &edit.Retag{ID: t.ID, Kind: t.Kind, Labels: t.Labels, Origin: t.Origin}
	}
	name := report.RequestID(ctx)
	if name == "" {
		name = h.now().UTC().Format("20060102T150405.000000000Z")
	}
	got, err := h.editor.Do(ctx, name, items)
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
func (h *handler) others(ctx context.Context, notices []events.Notice, at time.Time, s *summary) (retitled map[video.ID]bool) {
	if h.watch == nil {
		return nil
	}
	var announced []video.Update
	for _, n := range h.ours(notices) {
		if change, ok := n.Detail.(events.BaseChange); ok && change.Mode == "update" && n.ID != "" {
			u := change.Update(n.ID)
			if u.Kind = n.MediaKind; !u.Empty() {
				announced = append(announced, u)
			}
		}
	}
	foreign, err := h.watch.Foreign(ctx, at.Add(-before), announced)
	if err != nil {
		h.log.WarnContext(ctx, "whose changes these are is not known", slog.Int("media", len(announced)), slog.Any("error", err))
	}
	s.Foreign, retitled = len(foreign), map[video.ID]bool{}
	for _, f := range foreign {
		if slices.Contains(f.Parts, "title") {
			retitled[f.ID] = true
		}
		h.log.WarnContext(ctx, "another writer changed an asset", slog.String("media", string(f.ID)), slog.Any("parts", f.Parts))
	}
	return retitled
}

// noteGone keeps announced deletions, so that the ledger can be compared with them.
// An announcement that is lost is one that never came.
func (h *handler) noteGone(ctx context.Context, notices []events.Notice, at time.Time, s *summary) {
	if h.gone == nil {
		return
	}
	var all []boot.DeletionNotice
	for _, n := range h.ours(notices) {
		if deleted, ok := n.Detail.(events.Deleted); ok && deleted.Type == "all" && n.OK() && n.MediaKind != video.KindImage {
			all = append(all, boot.DeletionNotice{ID: n.ID, At: n.At})
		}
	}
	if err := h.gone(ctx, at, all); err != nil {
		h.log.WarnContext(ctx, "announced deletions not kept", slog.Int("media", len(all)), slog.Any("error", err))
		return
	}
	s.Gone = len(all)
}

// tell logs what did not go as the rules want, one record each.
func (h *handler) tell(ctx context.Context, results []tag.Result) {
	for _, r := range results {
		h.log.WarnContext(ctx, "media", slog.String("media", string(r.Outcome.ID)), slog.String("outcome", string(r.Outcome.Result)),
			slog.String("reason", r.Outcome.Reason), slog.Any("dropped", r.Decision.Dropped), slog.Any("faults", r.Decision.Faults))
	}
}
