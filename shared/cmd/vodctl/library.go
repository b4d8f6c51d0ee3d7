package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
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
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	} else if len(s.media) == 0 && s.tree == nil {
		err = fmt.Errorf("%s: the snapshot holds neither an asset nor the tree of categories: run vodctl snapshot %[1]s to its end", name)
	}
	return s, errors.Join(err, f.Close())
}

// continueSnapshot opens a file to go on behind its last whole line: what comes after was
// cut, and is read again. A file that is not there is an empty one.
func continueSnapshot(name string) (*os.File, *snapshot, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	have, err := readSnapshot(f)
	if err == nil {
		err = f.Truncate(have.size)
	}
	if err == nil {
		_, err = f.Seek(have.size, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return f, have, nil
}

// snapshotWriter writes the library to a file, one media a line, oldest first, and behind
// them the tree of categories.
type snapshotWriter struct {
	library plan.Library
	out     *bufio.Writer
	leftOut func(id video.ID, why error)
	written int
}

// behind writes what a snapshot does not have.
func (w *snapshotWriter) behind(ctx context.Context, have *snapshot) error {
	var from time.Time
	if n := len(have.media); n > 0 {
		from = have.media[n-1].Created
	}
	var found []video.Video
	for v, err := range plan.OldestFirst(ctx, w.library, from) {
		if err != nil {
			return err
		}
		if have.at(v.ID) >= 0 {
			continue
		}
		if found = append(found, v); len(found) == video.MaxBatch {
			if err := w.write(ctx, found); err != nil {
				return err
			}
			found = nil
		}
	}
	if len(found) > 0 {
		if err := w.write(ctx, found); err != nil {
			return err
		}
	}
	tree, err := w.library.Categories(ctx)
	if err != nil {
		return err
	}
	return errors.Join(w.line(map[string]any{"categories": tree}), w.out.Flush())
}

// write reads some media and writes them.
func (w *snapshotWriter) write(ctx context.Context, found []video.Video) error {
	ids := make([]video.ID, len(found))
	for i, v := range found {
		ids[i] = v.ID
	}
	answers, err := w.library.Media(ctx, ids)
	if err != nil {
		return err
	}
	for i, m := range answers {
		if m.Err != nil {
			w.leftOut(m.ID, m.Err)
			continue
		}
		m.Value.Origin = cmp.Or(m.Value.Origin, found[i].Origin) // only a search says so; for tagging rules
		if err := w.line(m.Value); err != nil {
			return err
		}
		w.written++
	}
	return w.out.Flush()
}

func (w *snapshotWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(text, '\n'))
	return err
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
			return nil, fmt.Errorf("%w: line %d is not an asset; write the file again with vodctl snapshot", video.ErrInvalid, number)
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
