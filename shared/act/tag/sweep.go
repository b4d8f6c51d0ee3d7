package tag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"vodcurator/shared/video"
)

// Searcher finds media.
type Searcher interface {
	Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error]
}

// Places keep how far sweeps came.
type Places interface {
	// Place is up to which creation the last sweep over a kind has looked, and whether it
	// came to its end; zero: there was none lately.
	Place(ctx context.Context, kind video.Kind, at time.Time) (upTo time.Time, done bool, err error)
	// NotePlace keeps that of the sweep of a tick.
	NotePlace(ctx context.Context, kind video.Kind, at, upTo time.Time, done bool) error
}

// defaultSpan is several hourly ticks, so that one that fails loses nothing.
const defaultSpan = 3 * time.Hour

// Span is how far a sweep looks back: what a timer's payload says, such as 48h, or 3 hours.
func Span(payload string) (time.Duration, error) {
	if payload == "" {
		return defaultSpan, nil
	}
	span, err := time.ParseDuration(payload)
	if err != nil || span <= 0 {
		return 0, fmt.Errorf("timer payload %q is no span of time such as 48h", payload)
	}
	return span, nil
}

// Swept says what a sweep came upon.
type Swept struct {
	Seen    int      // media of the span, uploads still running left out
	Found   []Result // those that were not as the rules want them: no event had seen to them
	Failed  []Result // those for which it is not known, or whose write failed
	Left    int      // media that were found, and the time was too short; the next sweep goes on with them
	Resumed int      // kinds with which it went on where one before had stopped
	Results map[video.Result]int
}

// LossRatio is the part of the media that no event had seen to.
func (s Swept) LossRatio() float64 {
	if s.Seen == 0 {
		return 0
	}
	return float64(len(s.Found)) / float64(s.Seen)
}

const (
	chunk    = 5 * video.MaxBatch // media looked at together: five reading calls
	readOn   = 20 * chunk         // ids read before the first of them is acted on: pages shift meanwhile
	placeGap = 10 * time.Second   // at most so much work is done again after a kill
)

// Sweep looks at all media created in [at-span, at), whatever announced them: the
// provider drops an event after three tries. It goes on after a failure and joins
// what failed; it stops between chunks when the context ends. A sweep that was killed or
// had no time left is gone on with where it stopped, and one that never came is made up
// for; without places (nil) each begins anew.
//
// run does what is to be done about some of them, and answers one result for each.
func Sweep(ctx context.Context, library Searcher, at time.Time, span time.Duration, places Places, run func(context.Context, []Target) ([]Result, error)) (Swept, error) {
	s := Swept{Results: map[video.Result]int{}}
	var faults []error
	for _, kind := range []video.Kind{video.KindVideo, video.KindAudio, video.KindImage} {
		k := sweep{library: library, kind: kind, at: at, from: at.Add(-span), places: places, run: run, swept: &s}
		if err := k.resume(ctx); err != nil {
			faults = append(faults, err)
		}
		if err := k.all(ctx); err != nil {
			faults = append(faults, err)
		}
	}
	if s.Left > 0 {
		faults = append(faults, fmt.Errorf("%w: %d assets left: %w", video.ErrDeferred, s.Left, context.Cause(ctx)))
	}
	return s, errors.Join(faults...)
}

// sweep is one over one kind of media.
type sweep struct {
	library  Searcher
	kind     video.Kind
	at, from time.Time
	places   Places
	run      func(context.Context, []Target) ([]Result, error)
	swept    *Swept
	noted    time.Time // when a place was kept last
	failed   bool      // a chunk did: the next sweep looks at it again, so no place lies behind it
}

// resume lets the sweep begin where the last one stopped, however much time lies behind
// that: what is older than the span was seen by nobody.
func (k *sweep) resume(ctx context.Context) error {
	k.noted = time.Now()
	if k.places == nil {
		return nil
	}
	upTo, done, err := k.places.Place(ctx, k.kind, k.at)
	switch {
	case err != nil:
		return fmt.Errorf("where the last sweep of %s stopped: %w", k.kind, err)
	case upTo.IsZero():
	case !done:
		k.swept.Resumed++
		k.from = upTo
	case upTo.Before(k.from):
		k.from = upTo
	}
	return nil
}

func (k *sweep) all(ctx context.Context) error {
	var hits []Hit
	var faults []error
	query := video.Query{Kind: k.kind, CreatedFrom: k.from, CreatedTo: k.at, OldestFirst: true}
	for hit, err := range Hits(ctx, k.library, query) {
		if err != nil {
			faults = append(faults, fmt.Errorf("search %s: %w", k.kind, err))
			break
		}
		if hits = append(hits, hit); len(hits) == readOn {
			faults = append(faults, k.some(ctx, hits))
			hits = hits[:0]
		}
	}
	faults = append(faults, k.some(ctx, hits))
	if err := errors.Join(faults...); err != nil || ctx.Err() != nil {
		return err
	}
	return k.note(ctx, k.at, true)
}

// some acts on media, chunk by chunk, and keeps the place behind what is done.
func (k *sweep) some(ctx context.Context, hits []Hit) error {
	var faults []error
	for len(hits) > 0 && ctx.Err() == nil {
		these := hits[:min(chunk, len(hits))]
		hits = hits[len(these):]
		targets := make([]Target, len(these))
		for i, hit := range these {
			targets[i] = hit.Target
		}
		results, err := k.run(ctx, targets)
		faults, k.failed = append(faults, err), k.failed || err != nil
		k.swept.count(results)
		if last := these[len(these)-1].Created; ctx.Err() == nil && !k.failed && time.Since(k.noted) >= placeGap && !last.IsZero() {
			faults = append(faults, k.note(ctx, last, false))
		}
	}
	k.swept.Left += len(hits)
	return errors.Join(faults...)
}

func (k *sweep) note(ctx context.Context, upTo time.Time, done bool) error {
	k.noted = time.Now()
	if k.places == nil {
		return nil
	}
	if err := k.places.NotePlace(ctx, k.kind, k.at, upTo, done); err != nil {
		return fmt.Errorf("where the sweep of %s is: %w", k.kind, err)
	}
	return nil
}

func (s *Swept) count(results []Result) {
	for _, r := range results {
		s.Seen++
		s.Results[r.Outcome.Result]++
		switch {
		case r.Failed():
			s.Failed = append(s.Failed, r)
			if r.Needed() {
				s.Found = append(s.Found, r)
			}
		case r.Needed():
			s.Found = append(s.Found, r)
		}
	}
}
