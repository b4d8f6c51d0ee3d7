package retention

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// ParseUsage reads last views: lines of "id,time", with a time such as 2026-01-31
// or 2026-01-31T12:00:00Z; a first line "id,last_view" is skipped. Of two lines
// for one id the later view counts. A line that cannot be read makes the whole
// file unreadable: a view that is missed could cost a video.
//
// The views of a million media take some twenty megabytes: ids are kept as
// hashes, and two ids with one hash share the later of their views.
func ParseUsage(body []byte) (func(video.ID) (time.Time, bool), error) {
	views := map[uint64]int64{}
	number := 0
	for line := range strings.Lines(string(body)) {
		number++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' || number == 1 && strings.HasPrefix(line, "id,") {
			continue
		}
		id, text, ok := strings.Cut(line, ",")
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
		if err != nil {
			at, err = time.Parse(time.DateOnly, strings.TrimSpace(text))
			at = at.Add(day) // the view was at some time of that day
		}
		if !ok || err != nil || strings.TrimSpace(id) == "" {
			return nil, fmt.Errorf("%w: line %d is not id,time", video.ErrInvalid, number)
		}
		key := hashed(video.ID(strings.TrimSpace(id)))
		views[key] = max(views[key], at.Unix())
	}
	return func(id video.ID) (time.Time, bool) {
		at, ok := views[hashed(id)]
		return time.Unix(at, 0).UTC(), ok
	}, nil
}

func hashed(id video.ID) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash never fails
	return h.Sum64()
}
