package state

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// How long things stay that nobody reads for good. Each is longer than its readers look
// back: a function that was held up for a day must find what it knew.
const (
	leaseKept   = 48 * time.Hour      // words on leases; the last ten of each lease stay for good
	draftKept   = 4 * 24 * time.Hour  // planning goes on with progress of three days and a half
	planKept    = 61 * 24 * time.Hour // lines of plans; deletion marks are read from a plan of sixty days
	markKept    = 61 * 24 * time.Hour // marks of what was told of a plan
	dayKept     = 8 * 24 * time.Hour  // marks of what was told on a day
	messageKept = 31 * 24 * time.Hour // bodies of messages, and announcements of deletions
)

const (
	leasesKept  = 10
	writtenKept = 500
	imagedKept  = 2 // the last, and one to fall back on
	shardsKept  = 2
)

// OldLeases lists the words on leases that no run can need: older than two days, and not
// among the last ten of their lease. The last word always stays, so that a run that slept
// finds that it was taken over.
func OldLeases(ctx context.Context, o Objects, now time.Time) (keys []string, err error) {
	words := map[string][]string{} // by lease, in the order of their numbers
	for key, err := range named(ctx, o, leasePrefix, "") {
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(key, leasePrefix), "/")
		words[name] = append(words[name], key)
	}
	for _, all := range words {
		last := leaseNumber(all[len(all)-1])
		before, _ := slices.BinarySearchFunc(all, last-leasesKept+1, func(key string, n int) int { return leaseNumber(key) - n })
		all = all[:before]
		// Words follow each other in time, so half of them need not be read.
		n := sort.Search(len(all), func(i int) bool {
			old, readErr := leaseEnded(ctx, o, all[i:], now.Add(-leaseKept))
			if readErr != nil {
				err = readErr
			}
			return !old
		})
		if err != nil {
			return nil, err
		}
		keys = append(keys, all[:n]...)
	}
	slices.Sort(keys)
	return keys, nil
}

func leaseNumber(key string) int {
	digits, _, _ := strings.Cut(key[strings.LastIndex(key, "/")+1:], ".")
	n, _ := number(digits)
	return n
}

// leaseEnded says that the first of the words that can be read began and ended before a
// moment. One without an end never has.
func leaseEnded(ctx context.Context, o Objects, words []string, before time.Time) (bool, error) {
	for _, key := range words {
		if !strings.HasSuffix(key, ".json") {
			continue
		}
		var l Lease
		_, err := readWhole(ctx, o, key, &l)
		switch {
		case err == nil:
			return !l.Until.IsZero() && l.From.Before(before) && l.Until.Before(before), nil
		case !errors.Is(err, ErrCorrupt) && !errors.Is(err, video.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}

// oldDays lists the objects under a prefix that are kept by days, of days before one.
func oldDays(ctx context.Context, o Objects, prefix string, before time.Time) (keys []string, err error) {
	for key, err := range named(ctx, o, prefix, "") {
		if err != nil {
			return nil, err
		}
		if strings.TrimPrefix(key, prefix) >= before.UTC().Format(time.DateOnly) {
			break
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// OldAside lists what was set aside until a time that is over.
func OldAside(ctx context.Context, o Objects, now time.Time) ([]string, error) {
	return oldDays(ctx, o, asidePrefix, now.Add(-asideMost-48*time.Hour))
}

// OldGone lists announcements of deletions that are older than a month.
func OldGone(ctx context.Context, o Objects, now time.Time) ([]string, error) {
	return oldDays(ctx, o, DeletionNotices, now.Add(-messageKept))
}

// OldMessages lists bodies of messages that are older than a month: no queue and no dead
// letter keeps a message that long.
func OldMessages(ctx context.Context, o Objects, now time.Time) ([]string, error) {
	return oldDays(ctx, o, messagePrefix, now.Add(-messageKept))
}

// OldMarks lists marks of what was told of a day a week ago, and of plans that nobody looks
// at any more.
func OldMarks(ctx context.Context, o Objects, now time.Time) (keys []string, err error) {
	day, plan := now.Add(-dayKept).UTC().Format(time.DateOnly), stamp(now.Add(-markKept))
	for key, err := range named(ctx, o, noticePrefix, "") {
		if err != nil {
			return nil, err
		}
		of, _, _ := strings.Cut(strings.TrimPrefix(key, noticePrefix), "/")
		if isDay(of) && of < day || !isDay(of) && of < plan {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// OldImages lists all but the last two of what was found of images.
func OldImages(ctx context.Context, o Objects, _ time.Time) ([]string, error) {
	return allBut(ctx, o, imagedPrefix, imagedKept)
}

// OldWritten lists all but the last entries that tell in which order plans were written.
func OldWritten(ctx context.Context, o Objects, _ time.Time) ([]string, error) {
	return allBut(ctx, o, writtenPrefix, writtenKept)
}

// allBut lists all but the last objects under a prefix.
func allBut(ctx context.Context, o Objects, prefix string, last int) (keys []string, err error) {
	for key, err := range named(ctx, o, prefix, "") {
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys[:max(len(keys)-last, 0)], nil
}

// shard is what is known of who needs which lines, so that a night reads only the plans and
// drafts that are new to it.
type shard struct {
	Version int      `json:"version"`
	Whole   bool     `json:"whole"` // all plans of before its time were looked at
	Holders []holder `json:"holders"`
}

// holder is a plan or a draft, with its lines, and until when somebody may read them.
type holder struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
	Lines []string  `json:"lines,omitempty"` // keys
}

func (s shard) keys() map[string]bool {
	keys := map[string]bool{}
	for _, h := range s.Holders {
		keys[h.Key] = true
	}
	return keys
}

// OldLines are the lines that no plan and no draft needs any more, and the drafts that
// nobody goes on with. Whoever plans at the same moment may miss a chunk that it found
// there already; such a plan is refused as a whole.
type OldLines struct {
	Keys []string
	Late bool // there was no time to look at all of them: there is nothing to remove yet

	next    shard
	number  int
	changed bool // something is to be recorded
}

// FindOldLines reads the plans and drafts that came since the last time, while there is
// time; without enough of it there is nothing to remove yet, and the next goes on.
func FindOldLines(ctx context.Context, o Objects, now time.Time, enough func() bool) (OldLines, error) {
	found := OldLines{}
	known, err := found.lastShard(ctx, o)
	if err != nil {
		return OldLines{}, err
	}
	have := known.keys()
	from := ""
	if known.Whole {
		from = planPrefix + stamp(now.Add(-planKept))
	}
	whole := true
	for _, list := range []struct{ prefix, after string }{{planPrefix, from}, {draftPrefix, ""}} {
		for key, err := range named(ctx, o, list.prefix, list.after) {
			if err != nil {
				return OldLines{}, err
			}
			if have[key] {
				continue
			}
			if whole = whole && enough(); !whole {
				break
			}
			h, err := holderOf(ctx, o, key)
			if corruptOrGone(err) { // it cannot be applied; restored, it is read then
				continue
			}
			if err != nil {
				return OldLines{}, err
			}
			known.Holders = append(known.Holders, h)
			found.changed = true
		}
	}
	found.changed = found.changed || whole && !known.Whole
	found.next = shard{version, whole || known.Whole, known.Holders}
	if found.Late = !whole; whole {
		found.split(now)
	}
	return found, nil
}

// split finds what nobody needs any more.
func (f *OldLines) split(now time.Time) {
	needed, old := map[string]bool{}, map[string]bool{}
	var stay []holder
	for _, h := range f.next.Holders {
		into := old
		if now.Before(h.Until) {
			into = needed
			stay = append(stay, h)
		} else if strings.HasPrefix(h.Key, draftPrefix) {
			f.Keys = append(f.Keys, h.Key)
		}
		for _, line := range h.Lines {
			into[line] = true
		}
	}
	f.changed = f.changed || len(stay) < len(f.next.Holders)
	f.next.Holders = stay
	for line := range old {
		if !needed[line] {
			f.Keys = append(f.Keys, line)
		}
	}
	slices.Sort(f.Keys)
	slices.Reverse(f.Keys) // lines before the drafts that name them
}

func holderOf(ctx context.Context, o Objects, key string) (holder, error) {
	h := holder{Key: key}
	var chunks []Chunk
	if id, ok := strings.CutPrefix(key, planPrefix); ok {
		p, err := ReadPlan(ctx, o, strings.TrimSuffix(id, ".json"))
		if err != nil {
			return h, err
		}
		if h.Until = p.Created.Add(planKept); p.Expires.After(h.Until) {
			h.Until = p.Expires
		}
		chunks = slices.Concat(p.Chunks, p.Pending, p.Survivors)
	} else {
		var d Draft
		if _, err := readWhole(ctx, o, key, &d); err != nil {
			return h, err
		}
		h.Until, chunks = d.At.Add(draftKept), d.Parts
	}
	for _, chunk := range chunks {
		h.Lines = append(h.Lines, chunk.key())
	}
	return h, nil
}

// lastShard reads the last whole shard.
func (f *OldLines) lastShard(ctx context.Context, o Objects) (shard, error) {
	last, err := lastOf(ctx, o, shardPrefix, 0)
	f.number = last
	for n := last; err == nil && n > max(last-shardsKept, 0); n-- {
		var s shard
		_, err = readWhole(ctx, o, numbered(shardPrefix, n, ".json"), &s)
		if err == nil && s.Version == version {
			return s, nil
		}
		if corruptOrGone(err) {
			err = nil
		}
	}
	return shard{}, err
}

// Done records that the keys were removed, so that they are not looked for again.
func (f OldLines) Done(ctx context.Context, o Objects) error {
	if !f.changed {
		return nil
	}
	text, err := json.Marshal(f.next)
	if err != nil {
		return err
	}
	if err = o.Create(ctx, numbered(shardPrefix, f.number+1, ".json"), text); errors.Is(err, ErrExists) {
		return nil // another run did the same
	}
	return err
}

// OldShards lists all but the last two of what is known of who needs which lines.
func OldShards(ctx context.Context, o Objects, _ time.Time) ([]string, error) {
	return allBut(ctx, o, shardPrefix, shardsKept)
}
