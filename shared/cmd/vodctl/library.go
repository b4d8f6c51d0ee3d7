package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// snapshot is a library in a file.
type snapshot struct {
	media  []video.Media
	tree   *[]video.Category
	index  map[video.ID]int
	images []video.Image
	image  map[video.ID]int // where each stands
}

func (s *snapshot) at(id video.ID) int {
	if i, ok := s.index[id]; ok {
		return i
	}
	return -1
}

// openSnapshot reads a snapshot that is complete.
func (a *tool) openSnapshot(ctx context.Context, name string) (*snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s := &snapshot{index: map[video.ID]int{}, image: map[video.ID]int{}}
	for l, failed := range wholeLines(f, func(h snapshotHead) { a.stamp(name, h, a.clock(ctx)) }) {
		switch {
		case failed != nil:
			err = fmt.Errorf("%s: %w", name, failed)
		case l.Tree != nil:
			s.tree = l.Tree
		case l.Image != nil:
			s.image[l.Image.ID] = len(s.images)
			s.images = append(s.images, *l.Image)
		default:
			s.index[l.ID] = len(s.media)
			s.media = append(s.media, l.Media)
		}
	}
	return s, errors.Join(err, f.Close())
}

// Search implements plan.Library and tag.Searcher. The file does not tell audio
// from video: a search for videos finds both.
func (s *snapshot) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		if q.Kind == video.KindImage {
			for _, i := range s.images {
				v := video.Video{Title: i.Title, Tags: i.Tags, Created: i.Created, Status: video.Status(i.Status), Category: i.Category}
				if selects(q, v) && !yield(video.Found{Image: i}, nil) {
					return
				}
			}
			return
		}
		if q.Kind == video.KindAudio {
			return
		}
		for _, m := range s.media {
			if selects(q, m.Video) && !yield(video.Found{Video: m.Video}, nil) {
				return
			}
		}
	}
}

func selects(q video.Query, v video.Video) bool {
	for _, tag := range q.Tags {
		if !slices.Contains(v.Tags, tag) {
			return false
		}
	}
	return !v.Created.Before(q.CreatedFrom) && (q.CreatedTo.IsZero() || v.Created.Before(q.CreatedTo)) &&
		(len(q.Statuses) == 0 || slices.Contains(q.Statuses, v.Status)) &&
		(q.Category == 0 || q.Category == v.Category) && strings.Contains(v.Title, q.Title)
}

// Categories implements plan.Library.
func (s *snapshot) Categories(context.Context) ([]video.Category, error) {
	if s.tree == nil {
		return nil, fmt.Errorf("%w: the snapshot has no categories; vodctl snapshot adds them", video.ErrNotFound)
	}
	return *s.tree, nil
}

// Image implements tag.Library.
func (s *snapshot) Image(ctx context.Context, id video.ID) (video.Image, error) {
	answers, _ := s.Images(ctx, []video.ID{id})
	return answers[0].Value, answers[0].Err
}

// Images implements tag.Library.
func (s *snapshot) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	answers := make([]video.Answer[video.Image], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Image]{ID: id, Err: video.ErrNotFound}
		if at, ok := s.image[id]; ok {
			answers[i].Value, answers[i].Err = s.images[at], nil
		}
	}
	return answers, nil
}

// Media implements plan.Library and tag.Library.
func (s *snapshot) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers := make([]video.Answer[video.Media], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Media]{ID: id, Err: video.ErrNotFound}
		if at := s.at(id); at >= 0 {
			answers[i].Value, answers[i].Err = s.media[at], nil
		}
	}
	return answers, nil
}

// apply takes from the library what a plan lists, and gives that. A plan over its guards
// takes nothing.
func (s *snapshot) apply(ctx context.Context, p removal.Plan, o state.Objects, ledger *removal.Ledger) (items []retention.Item, err error) {
	gone := map[video.ID]bool{}
	for v, err := range p.Entries(ctx, o) {
		if err != nil {
			return nil, err
		}
		items = append(items, v.Items...)
		if len(p.Over) > 0 {
			continue
		}
		if err := ledger.Append(ctx, s.remove(v, p.Created)...); err != nil {
			return nil, err
		}
		gone[v.ID] = v.Items[0].Kind == retention.Whole
	}
	s.media = slices.DeleteFunc(s.media, func(m video.Media) bool { return gone[m.ID] })
	return items, nil
}

// number notes where each media stands.
func (s *snapshot) number() {
	s.index = map[video.ID]int{}
	for i, m := range s.media {
		s.index[m.ID] = i
	}
}

// remove takes the listed parts from a media, or moves it. That images are gone, and since
// when an asset is in its class, is for the ledger to know.
func (s *snapshot) remove(v retention.Verdict, at time.Time) (past []removal.Row) {
	m := &s.media[s.at(v.ID)]
	for _, i := range v.Items {
		switch i.Kind {
		case retention.Stream:
			m.Streams = slices.DeleteFunc(m.Streams, func(s video.Stream) bool { return s.Job == i.Part })
		case retention.Source:
			m.Source.Status = "Deleted"
		case retention.Images:
			past = append(past, removal.Row{Event: removal.Outcome, At: at, Item: i, Result: video.Done})
		case retention.Move:
			m.StorageClass = i.Class()
			past = append(past, removal.Row{Event: removal.Outcome, At: at, Item: i, Result: video.Done})
		}
	}
	return past
}
