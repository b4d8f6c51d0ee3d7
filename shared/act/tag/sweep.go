package tag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"vodcurator/shared/video"
)

// Searcher finds media.
type Searcher interface {
	Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error]
}

// Swept says what a sweep came upon.
type Swept struct {
	Seen    int      // media of the span, uploads still running left out
	Found   []Result // those that were not as the rules want them: no event had seen to them
	Failed  []Result // those for which it is not known, or whose write failed
	Left    int      // media for which the time was too short
	Results map[video.Result]int
}

// LossRatio is the part of the media that no event had seen to.
func (s Swept) LossRatio() float64 {
	if s.Seen == 0 {
		return 0
	}
	return float64(len(s.Found)) / float64(s.Seen)
}

// chunk is how many media are looked at together: five reading calls.
const chunk = 5 * video.MaxBatch

// Sweep looks at all media created in [at-span, at), whatever announced them: the
// provider drops an event after three tries. It goes on after a failure and joins
// what failed; it stops between chunks when the context ends.
//
// run does what is to be done about some of them, and answers one result for each.
func Sweep(ctx context.Context, library Searcher, at time.Time, span time.Duration, run func(context.Context, []Target) ([]Result, error)) (Swept, error) {
	s := Swept{Results: map[video.Result]int{}}
	var faults []error
	for _, kind := range []video.Kind{video.KindVideo, video.KindAudio, video.KindImage} {
		// Pages shift while changes are made, so all ids are read before the first is acted on.
		targets, err := collect(ctx, library, video.Query{Kind: kind, CreatedFrom: at.Add(-span), CreatedTo: at, OldestFirst: true})
		if err != nil {
			faults = append(faults, fmt.Errorf("search %s: %w", kind, err))
		}
		for batch := range slices.Chunk(targets, chunk) {
			if ctx.Err() != nil {
				s.Left += len(batch)
				continue
			}
			results, err := run(ctx, batch)
			if err != nil {
				faults = append(faults, err)
			}
			s.count(results)
		}
	}
	if s.Left > 0 {
		faults = append(faults, fmt.Errorf("%w: %d media left: %w", video.ErrClosed, s.Left, context.Cause(ctx)))
	}
	return s, errors.Join(faults...)
}

func collect(ctx context.Context, library Searcher, q video.Query) ([]Target, error) {
	var targets []Target
	for hit, err := range Hits(ctx, library, q) {
		if err != nil {
			return targets, err
		}
		targets = append(targets, hit.Target)
	}
	return targets, nil
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
