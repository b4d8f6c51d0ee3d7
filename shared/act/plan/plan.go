// Package plan reads a library, asks the retention policy about each media and
// writes what would go, and why, as a plan into the state.
//
// It cannot remove anything: the library it declares has no such method. It holds
// neither library nor plan in memory, keeps its progress in the state so that a
// later tick goes on where this one's time ended, and refuses to plan at all when
// a hold list or usage file that the policy names cannot be read.
package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Library is all that planning needs of the library.
type Library interface {
	Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error]
	Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
	state.Categories
}

// Job makes plans. All fields but App, Share and Log are required.
type Job struct {
	Library Library
	State   state.Objects
	Policy  *retention.Policy
	Region  string
	Account string
	App     string       // limits the plan to one VOD application
	Share   float64      // of the documented rates, for the estimate of time; default 0.25
	Log     *slog.Logger // default: none
}

// Report is what came of a run.
type Report struct {
	Plan    state.Plan // the zero Plan when the library is not read to its end yet
	Read    int        // media read so far, earlier ticks included
	Resumed bool       // an earlier tick had begun
	Earlier bool       // the plan was there already: an earlier tick of the night made it
	// Nights is how many nights have ended without this plan since it was begun. Only
	// the first run of a night says so.
	Nights int
	// Missed is how many nights have no plan before this one; 0 for the first plan, and
	// for one that was there already.
	Missed int
	// Anew says what this run found damaged, and what therefore starts anew.
	Anew []string
}

// Finished says that the plan is written.
func (r Report) Finished() bool { return r.Plan.ID != "" }

const (
	batches  = 16               // detail calls in flight
	perDraft = 10_000           // media between two records of progress
	reserve  = 20 * time.Second // kept back from the deadline for writing
	settled  = 12 * time.Hour   // a plan made or finished since is the night's
	fresh    = 72 * time.Hour   // progress older than this is begun anew
)

// Run plans for the moment at, which is the event's own. When the context's
// deadline comes near it records its progress and returns an unfinished report;
// the next run goes on from there, with the same moment, be it in another night.
// What the night has a plan for already is not planned again.
func (j Job) Run(ctx context.Context, at time.Time) (Report, error) {
	if err := j.check(at); err != nil {
		return Report{}, err
	}
	if j.Log == nil {
		j.Log = slog.New(slog.DiscardHandler)
	}
	at = at.UTC().Truncate(time.Second)
	d, p, err := j.resume(ctx, at)
	if p.ID != "" {
		return Report{Plan: p, Read: p.Library.Media, Earlier: true}, nil
	}
	var report Report
	if err == nil {
		report, err = j.goOn(ctx, d, at)
	}
	if errors.Is(err, errProgress) && !d.At.Equal(at) {
		lost := "planning begins anew: " + err.Error()
		j.Log.WarnContext(ctx, "planning begins anew", slog.Any("error", err))
		report, err = j.goOn(ctx, j.begin(at), at)
		report.Anew = append([]string{lost}, report.Anew...)
	}
	return report, err
}

// goOn plans from where the draft ends.
func (j Job) goOn(ctx context.Context, d state.Draft, at time.Time) (Report, error) {
	report := Report{Resumed: d.Number > 0, Nights: nights(d.At, at)}
	if report.Nights == nights(d.At, d.Tick) {
		report.Nights = 0 // an earlier run said so
	}
	tick := d.Tick
	d.Tick = at
	moment, err := state.Outside(ctx, j.State, j.Library, j.Policy, d.At)
	if err == nil && j.Policy.RemovesImages() {
		var damaged []error
		moment.Imaged, damaged, err = state.Imaged(ctx, j.State)
		for _, fault := range damaged {
			j.Log.WarnContext(ctx, "which images it tells of is not known; they are listed once more", slog.Any("error", fault))
		}
	}
	if err != nil {
		return report, err
	}
	s := &survey{Job: j, draft: d, moment: moment, lines: state.Lines{Objects: j.State}}
	if !d.Done {
		err = s.read(ctx)
	} else if !at.Equal(tick) {
		err = s.turn(ctx, time.Time{}, true) // the tick that finishes it is on record
	}
	report.Read = s.draft.Tally.Media + s.draft.Unread
	if err != nil || !s.draft.Done {
		return report, err
	}
	report.Plan, err = s.finish(ctx)
	report.Anew = s.anew
	if err == nil && !s.before.IsZero() {
		report.Missed = report.Plan.Missed(s.before)
	}
	return report, err
}

func (j Job) check(at time.Time) error {
	var faults []error
	if j.Region == "" || j.Account == "" {
		faults = append(faults, errors.New("plan: region and account are required: a plan is of one account"))
	}
	if at.IsZero() {
		faults = append(faults, errors.New("plan: the event has no time"))
	}
	return errors.Join(append(faults, j.Policy.Check())...)
}

// nights counts the nights that have ended since planning began: the last tick of a
// night cannot be told, so one has after 20 hours, and one more after each day.
func nights(from, to time.Time) int { return int((to.Sub(from) + 4*time.Hour) / (24 * time.Hour)) }

// made finds the latest of our plans for a moment within these two. Where there is
// none, but one that is not as it was written, that is state.ErrCorrupt.
func (j Job) made(ctx context.Context, from, to time.Time) (last state.Plan, ok bool, damaged error) {
	for id, err := range state.Plans(ctx, j.State, from) {
		if err != nil {
			return state.Plan{}, false, err
		}
		p, err := state.ReadPlan(ctx, j.State, id)
		switch {
		case errors.Is(err, state.ErrCorrupt):
			damaged = err
		case err != nil:
			return state.Plan{}, false, err
		case !p.Created.After(to) && j.mine(p):
			last, ok = p, true
		}
	}
	if ok {
		return last, true, nil
	}
	return state.Plan{}, false, damaged
}

func (j Job) mine(p state.Plan) bool {
	return p.Region == j.Region && p.Account == j.Account && p.App == j.App && p.Policy == j.Policy.Hash
}

// survey reads the library into drafts.
type survey struct {
	Job
	draft  state.Draft
	moment retention.Moment
	lines  state.Lines

	second  time.Time           // creation time of the media in pending
	pending []retention.Verdict // they are sorted before they are written
	since   int                 // media since the last draft
	before  time.Time           // when the plan before this one was made
	anew    []string            // Report.Anew
}

func (s *survey) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline, limited := ctx.Deadline()
	for b := range s.batches(ctx) {
		if b.err != nil {
			return b.err
		}
		for i, found := range b.found {
			if !found.Created.Equal(s.second) {
				out := limited && time.Until(deadline) < reserve
				if err := s.turn(ctx, found.Created, out); err != nil {
					return err
				}
				if out {
					return nil
				}
			}
			s.add(found, b.answers[i])
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.draft.Done = true
	return s.turn(ctx, time.Time{}, true)
}

// turn writes the media of one second, and a record of progress when enough has
// come together or it is asked for. Records stand between seconds, so that the
// search can go on from a time: the library's own scroll tokens grow stale.
func (s *survey) turn(ctx context.Context, next time.Time, record bool) error {
	slices.SortFunc(s.pending, retention.Order)
	for _, v := range s.pending {
		if err := s.lines.Add(ctx, v); err != nil {
			return err
		}
	}
	s.pending, s.second = s.pending[:0], next
	if !record && s.since < perDraft {
		return nil
	}
	if err := s.lines.Flush(ctx); err != nil {
		return err
	}
	s.since = 0
	s.draft.Next = next
	s.draft.Parts = s.lines.Written
	s.lines.Written = nil
	s.draft.Number++
	if err := state.WriteDraft(ctx, s.State, s.draft); err != nil {
		return err
	}
	s.draft.Earlier = append(s.draft.Earlier, s.draft.Parts...)
	return nil
}

func (s *survey) add(found video.Video, a video.Answer[video.Media]) {
	s.since++
	if a.Err != nil {
		s.draft.Unread++
		if !errors.Is(a.Err, video.ErrNotFound) {
			s.draft.Count(retention.Keep{ID: a.ID, Why: retention.Unread, Reason: a.Err.Error()})
		}
		return
	}
	m := a.Value
	if m.Created.IsZero() {
		m.Created = found.Created
	}
	v := s.Policy.Judge(m, s.moment)
	s.Policy.Add(&s.draft.Tally, m, s.moment, v)
	for _, k := range v.Keeps {
		s.draft.Count(k)
	}
	if v.Keeps = nil; len(v.Items)+len(v.Claims) > 0 {
		s.pending = append(s.pending, v)
	}
}

// batch is up to 20 media and the answers about them, in the same order.
type batch struct {
	found   []video.Video
	answers []video.Answer[video.Media]
	err     error
	done    chan struct{}
}

// batches asks about the library oldest first, with several calls in flight, and
// gives the answers in the order of the search.
func (s *survey) batches(ctx context.Context) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		queue := make(chan *batch, batches)
		go func() {
			defer close(queue)
			s.ask(ctx, func(b *batch) bool {
				select {
				case queue <- b:
					return true
				case <-ctx.Done():
					return false
				}
			})
		}()
		for b := range queue {
			<-b.done
			if !yield(b) {
				cancel()
				for b := range queue { // let every call end before we do
					<-b.done
				}
				return
			}
		}
	}
}

func (s *survey) ask(ctx context.Context, put func(*batch) bool) {
	var ids []video.ID
	b := &batch{done: make(chan struct{})}
	send := func() bool {
		go func(b *batch, ids []video.ID) {
			defer close(b.done)
			b.answers, b.err = s.Library.Media(ctx, ids)
			if b.err == nil && len(b.answers) != len(ids) {
				b.err = fmt.Errorf("%d answers about %d media", len(b.answers), len(ids))
			}
		}(b, ids)
		ok := put(b)
		if !ok {
			<-b.done
		}
		ids, b = nil, &batch{done: make(chan struct{})}
		return ok
	}
	for found, err := range OldestFirst(ctx, s.Library, s.draft.Next) {
		if err != nil {
			b.found, b.answers, b.err = nil, nil, err
			close(b.done)
			put(b)
			return
		}
		b.found, ids = append(b.found, found), append(ids, found.ID)
		if len(ids) == video.MaxBatch && !send() {
			return
		}
	}
	if len(ids) > 0 {
		send()
	}
}

// OldestFirst merges the videos and the audio of the library by creation time.
// They are searched apart, because the library does.
func OldestFirst(ctx context.Context, l Library, from time.Time) iter.Seq2[video.Video, error] {
	return func(yield func(video.Video, error) bool) {
		type source struct {
			next func() (video.Found, error, bool)
			head video.Video
			err  error
			ok   bool
		}
		var sources []*source
		pull := func(s *source) {
			var f video.Found
			f, s.err, s.ok = s.next()
			s.head = f.Video
		}
		for _, kind := range []video.Kind{video.KindVideo, video.KindAudio} {
			next, stop := iter.Pull2(l.Search(ctx, video.Query{Kind: kind, CreatedFrom: from, OldestFirst: true}))
			defer stop()
			s := &source{next: next}
			pull(s)
			sources = append(sources, s)
		}
		for {
			sources = slices.DeleteFunc(sources, func(s *source) bool { return !s.ok && s.err == nil })
			if len(sources) == 0 {
				return
			}
			s := slices.MinFunc(sources, func(a, b *source) int {
				return cmp.Or(a.head.Created.Compare(b.head.Created), cmp.Compare(a.head.ID, b.head.ID))
			})
			if s.err != nil {
				yield(video.Video{}, s.err)
				return
			}
			if !yield(s.head, nil) {
				return
			}
			pull(s)
		}
	}
}
