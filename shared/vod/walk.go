package vod

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// place is where a walk stands: the second in which the last hit was created,
// and all hits of that second that were passed. As text it resumes a search.
type place struct {
	at     time.Time // zero: at the start
	passed []video.ID
}

func (p place) String() string { return p.at.Format(time.RFC3339) + "," + join(p.passed) }

func parsePlace(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	at, ids, ok := strings.Cut(text, ",")
	t, err := time.Parse(time.RFC3339, at)
	if !ok || err != nil {
		return place{}, fmt.Errorf("%w: after: %q is no position of a search", video.ErrInvalid, text)
	}
	p := place{at: t.UTC()}
	for id := range strings.SplitSeq(ids, ",") {
		p.passed = append(p.passed, video.ID(id))
	}
	return p, nil
}

func (p *place) pass(id video.ID, created time.Time) {
	if !created.Equal(p.at) {
		*p = place{at: created}
	}
	p.passed = append(p.passed, id)
}

type hit[T any] struct {
	value  T
	behind place // valid until the walk goes on
}

// fetch answers one page of what was created in [from, to], a zero bound being
// none, and how many there are in all.
type fetch[T any] func(ctx context.Context, from, to time.Time, page int) ([]T, int64, error)

func keyOfVideo(v video.Video) (video.ID, time.Time) { return v.ID, v.Created }

func keyOfFound(f video.Found) (video.ID, time.Time) {
	if f.Image.ID != "" {
		return f.Image.ID, f.Image.Created
	}
	return f.Video.ID, f.Video.Created
}

// walk yields all hits in order of creation, each once. It asks for the first
// page of what lies behind the last hit, second included, again and again; it
// turns a page only while all hits are of one second. So it does not matter that
// media vanish or appear meanwhile, and memory holds one page and one second.
func walk[T any](ctx context.Context, q video.Query, fetch fetch[T], key func(T) (video.ID, time.Time)) iter.Seq2[hit[T], error] {
	return func(yield func(hit[T], error) bool) {
		here, err := parsePlace(q.After)
		if err != nil {
			yield(hit[T]{}, err)
			return
		}
		first, last := wholeSeconds(q)
		for page := 1; ; page++ {
			from, to := first, last
			if !here.at.IsZero() && q.OldestFirst {
				from = here.at
			} else if !here.at.IsZero() {
				to = here.at
			}
			if !from.IsZero() && !to.IsZero() && from.After(to) {
				return
			}
			if page > maxPages {
				yield(hit[T]{}, fmt.Errorf("%w: more than %d media were created at %s: the provider shows no more", video.ErrInvalid, maxPages*pageSize, here.at.Format(time.RFC3339)))
				return
			}
			hits, total, err := fetch(ctx, from, to, page)
			if err != nil {
				yield(hit[T]{}, err)
				return
			}
			asked := here.at
			for _, h := range hits {
				id, created := key(h)
				if id == "" || created.IsZero() {
					yield(hit[T]{}, fmt.Errorf("%w: a hit without id or creation time", video.ErrTransient))
					return
				}
				outside := !from.IsZero() && created.Before(from) || !to.IsZero() && created.After(to)
				if outside || created.Equal(here.at) && slices.Contains(here.passed, id) {
					continue
				}
				if !here.at.IsZero() && created.After(here.at) != q.OldestFirst && !created.Equal(here.at) {
					yield(hit[T]{}, fmt.Errorf("%w: hits are not in order of creation", video.ErrTransient))
					return
				}
				here.pass(id, created)
				if !yield(hit[T]{h, here}, nil) {
					return
				}
			}
			if len(hits) == 0 || int64((page-1)*pageSize+len(hits)) >= total {
				return
			}
			if !here.at.Equal(asked) {
				page = 0
			}
		}
	}
}

// wholeSeconds turns the query's bounds, of which the upper is exclusive, into
// inclusive ones of the provider's precision.
func wholeSeconds(q video.Query) (first, last time.Time) {
	ceil := func(t time.Time) time.Time {
		whole := t.UTC().Truncate(time.Second)
		if whole.Before(t) {
			whole = whole.Add(time.Second)
		}
		return whole
	}
	if !q.CreatedFrom.IsZero() {
		first = ceil(q.CreatedFrom)
	}
	if !q.CreatedTo.IsZero() {
		last = ceil(q.CreatedTo).Add(-time.Second)
	}
	return first, last
}
