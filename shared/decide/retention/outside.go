package retention

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"vodcurator/shared/video"
)

// ParseUsage reads last views: lines of "id,time", with a time such as 2026-01-31
// or 2026-01-31T12:00:00Z; a first line "id,last_view" is skipped. Of two lines
// for one id the later view counts. A line that cannot be read makes the whole
// file unreadable: a view that is missed could cost a video.
//
// The views of a million media take 16 megabytes: ids are kept as hashes, and two ids
// with one hash share the later of their views.
func ParseUsage(body []byte) (func(video.ID) (time.Time, bool), error) {
	views := make([]view, 0, bytes.Count(body, []byte("\n"))+1)
	number := 0
	for line := range bytes.Lines(body) {
		number++
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		if len(line) == 0 || line[0] == '#' || number == 1 && bytes.HasPrefix(line, []byte("id,")) {
			continue
		}
		id, text, ok := bytes.Cut(line, []byte(","))
		at, err := seen(string(bytes.TrimSpace(text)))
		if id = bytes.TrimSpace(id); !ok || err != nil || len(id) == 0 {
			return nil, fmt.Errorf("%w: line %d is not id,time", video.ErrInvalid, number)
		}
		views = append(views, view{hashed(id), at.Unix()})
	}
	slices.SortFunc(views, func(a, b view) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.at, a.at)) })
	views = slices.CompactFunc(views, func(a, b view) bool { return a.id == b.id })
	return func(id video.ID) (time.Time, bool) {
		i, ok := slices.BinarySearchFunc(views, hashed([]byte(id)), func(v view, id uint64) int { return cmp.Compare(v.id, id) })
		if !ok {
			return time.Time{}, false
		}
		return time.Unix(views[i].at, 0).UTC(), true
	}, nil
}

// view is the last view of a media: the hash of its id, and a Unix time.
type view struct {
	id uint64
	at int64
}

func seen(text string) (time.Time, error) {
	if len(text) == len(time.DateOnly) {
		at, err := time.Parse(time.DateOnly, text)
		return at.Add(day), err // the view was at some time of that day
	}
	return time.Parse(time.RFC3339, text)
}

func hashed(id []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(id) // a hash never fails
	return h.Sum64()
}
