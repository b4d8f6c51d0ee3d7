package insight

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Snapshot is a library that was read from a file.
type Snapshot struct {
	media  []video.Media
	tree   *[]video.Category
	index  map[video.ID]int
	images []video.Image
	image  map[video.ID]int // where each stands
}

func (s *Snapshot) at(id video.ID) int {
	if i, ok := s.index[id]; ok {
		return i
	}
	return -1
}

// ReadSnapshot reads a snapshot that is complete. name is the file's, for errors and warnings;
// at is the time by which its age is told.
func ReadSnapshot(r io.Reader, name string, at time.Time, o Options) (*Snapshot, error) {
	s := &Snapshot{index: map[video.ID]int{}, image: map[video.ID]int{}}
	for l, err := range WholeLines(r, func(h SnapshotHead) { o.stamp(name, h, at) }) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
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
	return s, nil
}

// Search implements plan.Library and tag.Searcher. The file does not tell audio
// from video: a search for videos finds both.
func (s *Snapshot) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
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
func (s *Snapshot) Categories(context.Context) ([]video.Category, error) {
	if s.tree == nil {
		return nil, fmt.Errorf("%w: the snapshot has no categories; vodctl snapshot adds them", video.ErrNotFound)
	}
	return *s.tree, nil
}

// Image implements tag.Library.
func (s *Snapshot) Image(ctx context.Context, id video.ID) (video.Image, error) {
	answers, _ := s.Images(ctx, []video.ID{id})
	return answers[0].Value, answers[0].Err
}

// Images implements tag.Library.
func (s *Snapshot) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
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
func (s *Snapshot) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
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
