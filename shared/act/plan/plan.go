// Package plan reads a library, asks the retention policy about each asset and
// writes what would go, or would be moved, and why, as a plan into the state.
//
// It cannot remove anything: the library it declares has no such method. It holds
// neither library nor plan in memory, keeps its progress in the state so that a
// later tick goes on where this one's time ended, and refuses to plan at all when
// a hold list or usage file that the policy names cannot be read.
//
// # Why
//
// An asset that BatchGetMediaInfos does not tell is kept, counted and reported. Reading it by
// three other calls was turned down: what they leave out (streams that do not play,
// snapshots) would be facts that are missing unseen.
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
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Library is all that planning needs of the library.
type Library interface {
	Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error]
	Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
	removal.Categories
}

// Job makes plans. All fields but Share and Log are required, and of the scope the region and the account.
type Job struct {
	Library Library
	State   state.Objects
	Policy  *retention.Policy
	Scope   video.Scope
	Share   float64      // of the documented rates, for the estimate of time; default 0.25
	Log     *slog.Logger // default: none
}

// Report is what came of a run.
type Report struct {
	Plan    removal.Plan // the zero Plan when the library is not read to its end yet
	Read    int          // media read so far, earlier ticks included
	Resumed bool         // an earlier tick had begun
	Earlier bool         // the plan was there already: an earlier tick of the night made it
	// Nights is how many nights have ended without this plan since it was begun. Only
	// the first run of a night says so.
	Nights int
	// Missed is how many nights have no plan before this one; 0 for the first plan, and
	// for one that was there already.
	Missed int
	// Anew says what this run found damaged, and what therefore starts anew.
	Anew []string
	// Odd names media that are set aside, with what is wrong with each: the answer about
	// it has another shape than VOD documents, it is forbidden, or it tells no time. Of
	// many, the first 20 and how many more. Nothing of them goes; nothing else waits.
	Odd []string
	// Skipped names objects of the state that were not counted because they are stray,
	// corrupt or of the future.
	Skipped []string
}

// Finished says that the plan is written.
func (r Report) Finished() bool { return r.Plan.ID != "" }

const (
	batches  = 16               // detail calls in flight
	perDraft = 10_000           // media between two records of progress
	reserve  = 20 * time.Second // kept back from the deadline for writing
	settled  = 12 * time.Hour   // a plan made or finished since is the night's
	fresh    = 72 * time.Hour   // progress older than this is begun anew
	ahead    = 10 * time.Minute // what is dated later than this after the moment is of the future
)

// SetAside is the reason to keep what earlier nights found that it cannot go.
const SetAside retention.Why = "set aside"

// Run plans for the moment at, which is this function's own clock. When the context's
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
func (j Job) goOn(ctx context.Context, d removal.Draft, at time.Time) (Report, error) {
	report := Report{Resumed: d.Number > 0, Nights: nights(d.At, at)}
	if report.Nights == nights(d.At, d.Tick) {
		report.Nights = 0 // an earlier run said so
	}
	tick := d.Tick
	d.Tick = at
	inputs, err := j.inputs(ctx, d.At, at)
	if err != nil {
		return report, err
	}
	s := &survey{Job: j, draft: d, inputs: inputs, lines: removal.Lines{Objects: j.State}, seen: map[video.ID]bool{}}
	var skipped []error
	if s.aside, skipped, err = removal.ReadAside(ctx, j.State, d.At); err != nil {
		return report, err
	}
	for _, fault := range skipped {
		j.Log.WarnContext(ctx, "what cannot go is listed once more", slog.Any("error", fault))
		report.Skipped = append(report.Skipped, fault.Error())
	}
	if !d.Done {
		err = s.read(ctx)
	} else if !at.Equal(tick) {
		err = s.turn(ctx, time.Time{}, true) // the tick that finishes it is on record
	}
	report.Read = s.draft.Tally.Media + s.draft.Unread
	report.Odd = s.draft.OddText()
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

// inputs reads what the policy must know beside the library, and refuses what lacks.
func (j Job) inputs(ctx context.Context, moment, at time.Time) (retention.Inputs, error) {
	inputs, err := removal.LoadInputs(ctx, j.State, j.Library, j.Policy, moment)
	if err == nil && j.Policy.NeedsPast() {
		past, damaged, failed := removal.LoadPast(ctx, j.State)
		inputs.Imaged, inputs.Entered, err = past.Gone, past.Moved, failed
		if err == nil {
			err = past.Keep(ctx, j.State)
		}
		for _, fault := range damaged {
			j.Log.WarnContext(ctx, "which images and moves it tells of is not known; those images are listed once more", slog.Any("error", fault))
		}
	}
	if err == nil {
		inputs.Leaving, err = removal.LoadLeaving(ctx, j.State, j.Policy, j.Scope, at)
	}
	if err == nil {
		err = j.Policy.CheckInputs(inputs)
	}
	return inputs, err
}

func (j Job) check(at time.Time) error {
	var faults []error
	if err := j.Scope.Check(); err != nil {
		faults = append(faults, fmt.Errorf("plan: %w", err))
	}
	if at.IsZero() {
		faults = append(faults, errors.New("plan: the event has no time"))
	}
	if err := j.Policy.Check(); err != nil {
		return errors.Join(append(faults, err)...)
	}
	return errors.Join(append(faults, j.Policy.CheckRegion(j.Scope.Region))...)
}

// nights counts the nights that have ended since planning began: the last tick of a
// night cannot be told, so one has after 20 hours, and one more after each day.
func nights(from, to time.Time) int { return int((to.Sub(from) + 4*time.Hour) / (24 * time.Hour)) }

// made lists our whole plans for moments within these two; later ones are not looked at.
// Where there is none, but one that is not as it was written, that is state.ErrCorrupt.
func (j Job) made(ctx context.Context, from, to time.Time) (whole []removal.Plan, damaged error) {
	for id, err := range removal.Plans(ctx, j.State, from) {
		if err != nil {
			return nil, err
		}
		if plannedAfter(id, to) {
			break
		}
		p, err := removal.ReadPlan(ctx, j.State, id)
		switch {
		case errors.Is(err, state.ErrCorrupt):
			damaged = err
		case err != nil:
			return nil, err
		case !p.Created.After(to) && j.mine(p):
			whole = append(whole, p)
		}
	}
	if len(whole) > 0 {
		damaged = nil
	}
	return whole, damaged
}

// timely gives the last of some plans that no clock which ran ahead has made.
func (j Job) timely(ctx context.Context, plans []removal.Plan) (last removal.Plan, ok bool, err error) {
	for _, p := range slices.Backward(plans) {
		ahead, err := removal.Ahead(ctx, j.State, j.sameLibrary, []removal.Plan{p})
		if err != nil || !ahead[p.ID] {
			return p, err == nil, err
		}
	}
	return removal.Plan{}, false, nil
}

// plannedAfter says that a plan's name, which begins with its moment, is of a later one.
func plannedAfter(id string, t time.Time) bool {
	return id > t.UTC().Format("20060102T150405Z")+"~"
}

func (j Job) mine(p removal.Plan) bool { return j.sameLibrary(p) && p.Policy == j.Policy.Hash }

// sameLibrary says that a plan is of our library, and of our duty: a night has one plan of each.
func (j Job) sameLibrary(p removal.Plan) bool {
	return p.Scope == j.Scope && p.Duty == j.Policy.Duty
}

// survey reads the library into drafts.
type survey struct {
	Job
	draft  removal.Draft
	inputs retention.Inputs
	lines  removal.Lines

	aside   map[removal.AsideKey]removal.Aside
	seen    map[video.ID]bool   // media of that second, and all without a time
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
	for r, err := range Read(ctx, s.Library, s.draft.Next) {
		if err != nil {
			return err
		}
		if created := r.Found.Video.Created; !created.IsZero() && !created.Equal(s.second) {
			out := limited && time.Until(deadline) < reserve
			if err := s.turn(ctx, created, out); err != nil {
				return err
			}
			if out {
				return nil
			}
		}
		s.add(r.Found, r.Details)
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
	clear(s.seen)
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
	if err := removal.WriteDraft(ctx, s.State, s.draft); err != nil {
		return err
	}
	s.draft.Earlier = append(s.draft.Earlier, s.draft.Parts...)
	return nil
}

// add counts one media, once: the library may tell it among the videos and among the
// audio. What is wrong with one costs only that one.
func (s *survey) add(found video.Found, a video.Answer[video.Media]) {
	if s.seen[a.ID] {
		return
	}
	s.seen[a.ID] = true
	s.since++
	if a.Err != nil {
		s.draft.Unread++
		if !errors.Is(a.Err, video.ErrNotFound) {
			s.draft.Count(retention.Keep{ID: a.ID, Why: retention.Unread, Reason: a.Err.Error()})
			s.draft.NoteOdd(a.ID, a.Err)
		}
		return
	}
	m := a.Value
	v := s.Policy.Judge(m, s.inputs)
	// Both before the media is counted: what stays for good must not push others out of a
	// quota.
	s.timeless(&v, found.Video.Created, m.Created)
	s.setAside(&v, m.Modified)
	s.Policy.Add(&s.draft.Tally, m, s.inputs, v)
	for _, k := range v.Keeps {
		s.draft.Count(k)
	}
	if v.Keeps = nil; len(v.Items)+len(v.Claims) > 0 {
		s.pending = append(s.pending, v)
	}
}

// timeless keeps a media of which the search or its details do not tell when it was
// created: it has no place in the order of a plan, and no age.
func (s *survey) timeless(v *retention.Verdict, search, details time.Time) {
	var fault error
	switch {
	case search.IsZero():
		fault = errors.New("the search does not tell when it was created")
	case details.IsZero():
		fault = errors.New("its details do not tell when it was created")
	default:
		return
	}
	s.draft.NoteOdd(v.ID, fault)
	if len(v.Items)+len(v.Claims) > 0 {
		v.Keeps = append(v.Keeps, retention.Keep{ID: v.ID, Why: retention.Doubt, Reason: fault.Error()})
		v.Items, v.Claims = nil, nil
	}
}

// setAside takes out of the verdict what earlier nights found that it cannot go: it
// would fill the guards of every night.
func (s *survey) setAside(v *retention.Verdict, modified time.Time) {
	if len(s.aside) == 0 {
		return
	}
	aside := func(i retention.Item) bool {
		for _, key := range []removal.AsideKey{{ID: i.ID, Kind: i.Kind, Part: i.Part}, {ID: i.ID}} {
			if a, ok := s.aside[key]; ok && a.Holds(s.draft.At, modified) {
				v.Keeps = append(v.Keeps, retention.Keep{ID: i.ID, Kind: i.Kind, Part: i.Part, Rule: i.Rule, Why: SetAside,
					Reason: fmt.Sprintf("not tried again before %s: %s", a.Until.UTC().Format(time.DateOnly), a.Why)})
				return true
			}
		}
		return false
	}
	v.Items = slices.DeleteFunc(v.Items, aside)
	v.Claims = slices.DeleteFunc(v.Claims, func(c retention.Claim) bool { return aside(c.Item) })
}

// doubts names the facts that the search and the details tell differently, or that
// one of them leaves out while the other tells it. Details that say of themselves
// that they are newer are believed: the search may lag. A hit without a status was
// not asked for details, and there is nothing to compare.
func doubts(found video.Found, m video.Media) []string {
	all := slices.Clone(m.Doubts)
	hit := found.Video
	switch {
	case found.Odd != "":
		all = append(all, "category", "tags")
	case hit.Status == "", !hit.Modified.IsZero() && m.Modified.After(hit.Modified):
	default:
		if hit.Category != m.Category {
			all = append(all, "category")
		}
		if !slices.Equal(sorted(hit.Tags), sorted(m.Tags)) {
			all = append(all, "tags")
		}
		if hit.Kind != "" && m.Kind != "" && hit.Kind != m.Kind {
			all = append(all, "kind")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func sorted(tags []string) []string { return slices.Sorted(slices.Values(tags)) }

// Reading is one asset as the search found it, and what its details say.
type Reading struct {
	Found video.Found
	// Details name in Doubts what they tell otherwise than the search.
	Details video.Answer[video.Media]
}

// Read gives every video and audio of the library that was created at a moment or later,
// oldest first, and those without a time before them. It asks for their details with
// several calls in flight. An error is the last that it gives; one that is about a single
// asset is in Details.
func Read(ctx context.Context, l Library, from time.Time) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		for b := range inFlight(ctx, l, from) {
			if b.err != nil {
				yield(Reading{}, b.err)
				return
			}
			for i, found := range b.found {
				r := Reading{found, b.answers[i]}
				if r.Details.Err == nil {
					r.Details.Value.Doubts = doubts(found, r.Details.Value)
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// batch is up to 20 media and the answers about them, in the same order.
type batch struct {
	found   []video.Found
	answers []video.Answer[video.Media]
	err     error
	done    chan struct{}
}

// inFlight asks about the library oldest first, with several calls in flight, and
// gives the answers in the order of the search.
func inFlight(ctx context.Context, l Library, from time.Time) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		queue := make(chan *batch, batches)
		go func() {
			defer close(queue)
			ask(ctx, l, from, func(b *batch) bool {
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

func ask(ctx context.Context, l Library, from time.Time, put func(*batch) bool) {
	var ids []video.ID
	b := &batch{done: make(chan struct{})}
	send := func() bool {
		go func(b *batch, ids []video.ID) {
			defer close(b.done)
			b.answers, b.err = l.Media(ctx, ids)
			if b.err == nil && len(b.answers) != len(ids) {
				b.err = fmt.Errorf("%d answers about %d assets", len(b.answers), len(ids))
			}
		}(b, ids)
		ok := put(b)
		if !ok {
			<-b.done
		}
		ids, b = nil, &batch{done: make(chan struct{})}
		return ok
	}
	for found, err := range oldestFirst(ctx, l, from) {
		if err != nil {
			b.found, b.answers, b.err = nil, nil, err
			close(b.done)
			put(b)
			return
		}
		b.found, ids = append(b.found, found), append(ids, found.Video.ID)
		if len(ids) == video.MaxBatch && !send() {
			return
		}
	}
	if len(ids) > 0 {
		send()
	}
}

// oldestFirst merges the videos and the audio of the library by creation time; those
// without one come first. They are searched apart, because the library does.
func oldestFirst(ctx context.Context, l Library, from time.Time) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		type source struct {
			next func() (video.Found, error, bool)
			head video.Found
			err  error
			ok   bool
		}
		var sources []*source
		pull := func(s *source) { s.head, s.err, s.ok = s.next() }
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
				return cmp.Or(a.head.Video.Created.Compare(b.head.Video.Created), cmp.Compare(a.head.Video.ID, b.head.Video.ID))
			})
			if s.err != nil {
				yield(video.Found{}, s.err)
				return
			}
			if !yield(s.head, nil) {
				return
			}
			pull(s)
		}
	}
}
