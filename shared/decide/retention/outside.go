package retention

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"vodcurator/shared/video"
)

// Usage is what a file of last views tells.
type Usage struct {
	// Newest is the latest view of the file: how far it reaches. Zero: it has none.
	Newest time.Time

	views []view
}

// Last is the last view of an asset; false: the file does not tell one. Ids are compared
// as in hold lists (HeldID).
func (u Usage) Last(id video.ID) (time.Time, bool) {
	i, ok := slices.BinarySearchFunc(u.views, hashed(string(id)), func(v view, id uint64) int { return cmp.Compare(v.id, id) })
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(u.views[i].at, 0).UTC(), true
}

// ParseUsageFile reads last views: lines of "id,time", with a time such as 2026-01-31
// or 2026-01-31T12:00:00Z; a first line "id,last_view" is skipped. Of two lines
// for one id the later view counts. A line that cannot be read makes the whole
// file unreadable: a view that is missed could cost a video.
//
// The views of a million assets take 16 megabytes: ids are kept as hashes, and two ids
// with one hash share the later of their views.
func ParseUsageFile(body []byte) (Usage, error) {
	u := Usage{views: make([]view, 0, bytes.Count(body, []byte("\n"))+1)}
	err := EachView(body, func(id, _ []byte, at time.Time) {
		if at.After(u.Newest) {
			u.Newest = at
		}
		u.views = append(u.views, view{hashed(string(id)), at.Unix()})
	})
	if err != nil {
		return Usage{}, err
	}
	slices.SortFunc(u.views, func(a, b view) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.at, a.at)) })
	u.views = slices.CompactFunc(u.views, func(a, b view) bool { return a.id == b.id })
	return u, nil
}

// EachView hands over the lines of a file of last views, one after another: id and time as
// they are written, and the end of what that time may mean.
func EachView(body []byte, do func(id, text []byte, at time.Time)) error {
	number := 0
	for line := range bytes.Lines(body) {
		number++
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		if len(line) == 0 || line[0] == '#' || number == 1 && bytes.HasPrefix(line, []byte("id,")) {
			continue
		}
		id, text, ok := bytes.Cut(line, []byte(","))
		id, text = bytes.TrimSpace(id), bytes.TrimSpace(text)
		at, err := seen(string(text))
		if !ok || err != nil || len(id) == 0 {
			return fmt.Errorf("%w: line %d is not id,time", video.ErrInvalid, number)
		}
		do(id, text, at.UTC())
	}
	return nil
}

// ParseUsage is ParseUsageFile for who only asks for last views.
func ParseUsage(body []byte) (func(video.ID) (time.Time, bool), error) {
	u, err := ParseUsageFile(body)
	if err != nil {
		return nil, err
	}
	return u.Last, nil
}

// view is the last view of an asset: the hash of its id, and a Unix time.
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

// hashed is the FNV-1a hash of an id in the form of HeldID, without building that form.
func hashed(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		c := id[i]
		if c == '-' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
