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

// slice is one page of what was created in [from, to], a zero bound being none.
// token continues a scroll; it is empty for page 1 and where there is no scrolling.
type slice struct {
	from, to time.Time
	page     int
	token    string
}

// fetch answers a page, how many hits there are in all, and the token that
// continues behind the page, if there is one.
type fetch[T any] func(context.Context, slice) (hits []T, total int64, token string, err error)

func keyOfVideo(v video.Video) (video.ID, time.Time) { return v.ID, v.Created }

func keyOfFound(f video.Found) (video.ID, time.Time) {
	if f.Image.ID != "" {
		return f.Image.ID, f.Image.Created
	}
	return f.Video.ID, f.Video.Created
}

// walk yields all hits in order of creation, each once, and holds one page and
// one second of them. A hit without a creation time is yielded where it comes, one
// without an id is left out. It follows the provider's scroll where there is one. Where
// there is none, or the scroll expires, it asks anew for what lies behind the last
// hit, that second included, and turns a page only while all hits are of one
// second: so it does not matter that media vanish or appear meanwhile.
func walk[T any](ctx context.Context, q video.Query, fetch fetch[T], key func(T) (video.ID, time.Time)) iter.Seq2[hit[T], error] {
	return func(yield func(hit[T], error) bool) {
		here, err := parsePlace(q.After)
		if err != nil {
			yield(hit[T]{}, err)
			return
		}
		w := walker[T]{q: q, key: key, here: here, timeless: map[video.ID]bool{}, yield: yield}
		for s := behind(q, here); !s.empty(); {
			if s.token == "" && s.page > maxPages {
				w.fail(video.ErrInvalid, "more than %d media were created at %s: the provider shows no more", maxPages*pageSize, w.here.at.Format(time.RFC3339))
				return
			}
			hits, total, token, err := fetch(ctx, s)
			if s.token != "" && strings.HasPrefix(code(err), "InvalidScrollToken") {
				s = behind(q, w.here)
				continue
			}
			if err != nil {
				yield(hit[T]{}, err)
				return
			}
			start := w.here.at
			if !w.page(s, hits) {
				return
			}
			// The total says nothing in the midst of a scroll: what was passed may be gone.
			all := (token == "" || s.page == 1) && int64((s.page-1)*pageSize+len(hits)) >= total
			if len(hits) == 0 || all {
				return
			}
			if token == "" && !w.here.at.Equal(start) {
				s = behind(q, w.here)
				continue
			}
			s.page, s.token = s.page+1, token
		}
	}
}

// walker is a walk under way.
type walker[T any] struct {
	q        video.Query
	key      func(T) (video.ID, time.Time)
	here     place
	timeless map[video.ID]bool // yielded already, without a creation time
	yield    func(hit[T], error) bool
}

func (w *walker[T]) fail(kind error, format string, args ...any) {
	w.yield(hit[T]{}, fmt.Errorf("%w: "+format, append([]any{kind}, args...)...))
}

// page yields the hits of one page that were not passed yet, and says whether to go on.
func (w *walker[T]) page(s slice, hits []T) bool {
	if len(hits) > 0 && !slices.ContainsFunc(hits, func(h T) bool { id, _ := w.key(h); return id != "" }) {
		w.fail(video.ErrTransient, "none of %d hits has an id", len(hits))
		return false
	}
	last := time.Time{}
	for _, h := range hits {
		id, created := w.key(h)
		if id == "" || w.timeless[id] { // no call can name it, or it was yielded already
			continue
		}
		if created.IsZero() { // it has no place in the order
			w.timeless[id] = true
			if !w.yield(hit[T]{h, w.here}, nil) {
				return false
			}
			continue
		}
		if passed(w.q, created, last) {
			w.fail(video.ErrTransient, "the hits are not in order of creation")
			return false
		}
		last = created
		if s.outside(created) || passed(w.q, created, w.here.at) || created.Equal(w.here.at) && slices.Contains(w.here.passed, id) {
			continue
		}
		w.here.pass(id, created)
		if !w.yield(hit[T]{h, w.here}, nil) {
			return false
		}
	}
	return true
}

// passed says that a creation time lies before another in the order of a walk.
func passed(q video.Query, a, b time.Time) bool {
	return !b.IsZero() && (q.OldestFirst && a.Before(b) || !q.OldestFirst && a.After(b))
}

func (s slice) empty() bool { return !s.from.IsZero() && !s.to.IsZero() && s.from.After(s.to) }

func (s slice) outside(created time.Time) bool {
	return !s.from.IsZero() && created.Before(s.from) || !s.to.IsZero() && created.After(s.to)
}

// behind is the first page of what a query selects behind a place.
func behind(q video.Query, here place) slice {
	s := slice{page: 1}
	s.from, s.to = wholeSeconds(q)
	if !here.at.IsZero() {
		if q.OldestFirst {
			s.from = here.at
		} else {
			s.to = here.at
		}
	}
	return s
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
