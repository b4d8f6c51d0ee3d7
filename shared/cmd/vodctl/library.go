package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// snapshotLine is a media, or the tree of categories; of several trees the last counts.
type snapshotLine struct {
	video.Media
	Tree *[]video.Category `json:"categories"`
}

// snapshot is a library in a file.
type snapshot struct {
	media []video.Media
	tree  *[]video.Category
	size  int64 // of the lines that are whole
	index map[video.ID]int
}

func (s *snapshot) at(id video.ID) int {
	if i, ok := s.index[id]; ok {
		return i
	}
	return -1
}

func openSnapshot(name string) (*snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s, err := readSnapshot(f)
	return s, errors.Join(err, f.Close())
}

func readSnapshot(r io.Reader) (*snapshot, error) {
	s := &snapshot{index: map[video.ID]int{}}
	in := bufio.NewReaderSize(r, 1<<20)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no end was cut
		}
		if err != nil {
			return nil, err
		}
		var m snapshotLine
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // some editors put that mark first
		}
		if err := json.Unmarshal(line, &m); err != nil || m.ID == "" && m.Tree == nil {
			return nil, fmt.Errorf("%w: line %d is not an asset", video.ErrInvalid, number)
		}
		s.size += int64(len(line))
		if m.Tree != nil {
			s.tree = m.Tree
			continue
		}
		s.index[m.ID] = len(s.media)
		s.media = append(s.media, m.Media)
	}
	return s, nil
}

// Search implements plan.Library and tag.Searcher. The file does not tell audio
// from video: a search for videos finds both.
func (s *snapshot) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
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

// Image implements tag.Library; the file has no images.
func (s *snapshot) Image(context.Context, video.ID) (video.Image, error) {
	return video.Image{}, video.ErrNotFound
}

// Images implements tag.Library.
func (s *snapshot) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	answers := make([]video.Answer[video.Image], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Image]{ID: id, Err: video.ErrNotFound}
	}
	return answers, nil
}

// Media implements plan.Library and tag.Library.
func (s *snapshot) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers := make([]video.Answer[video.Media], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Media]{ID: id, Err: video.ErrNotFound}
		if at := s.at(id); at >= 0 {
			answers[i].Value, answers[i].Err = s.media[at], nil
		}
	}
	return answers, nil
}

// remove takes the listed parts from a media. That images are gone is for the ledger
// to know.
func (s *snapshot) remove(v retention.Verdict) (images []state.Row) {
	m := &s.media[s.at(v.ID)]
	for _, i := range v.Items {
		switch i.Kind {
		case retention.Stream:
			m.Streams = slices.DeleteFunc(m.Streams, func(s video.Stream) bool { return s.Job == i.Part })
		case retention.Source:
			m.Source.Status = "Deleted"
		case retention.Images:
			images = append(images, state.Row{Event: state.Outcome, Item: i, Result: video.Done})
		}
	}
	return images
}
