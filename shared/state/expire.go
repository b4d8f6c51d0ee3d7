package state

import (
	"context"
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
	markKept    = 61 * 24 * time.Hour // marks of what was told of a plan
	dayKept     = 8 * 24 * time.Hour  // marks of what was told on a day
	messageKept = 31 * 24 * time.Hour // bodies of messages
)

const (
	leasesKept = 10
)

// OldLeases lists the words on leases that no run can need: older than two days, and not
// among the last ten of their lease. The last word always stays, so that a run that slept
// finds that it was taken over.
func OldLeases(ctx context.Context, o Objects, now time.Time) (keys []string, err error) {
	words := map[string][]string{} // by lease, in the order of their numbers
	for key, err := range Named(ctx, o, LeasePrefix, "") {
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(key, LeasePrefix), "/")
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
	n, _ := Number(digits)
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
		_, err := ReadRecord(ctx, o, key, &l)
		switch {
		case err == nil:
			return !l.Until.IsZero() && l.From.Before(before) && l.Until.Before(before), nil
		case !errors.Is(err, ErrCorrupt) && !errors.Is(err, video.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}

// OldDays lists the objects under a prefix that are kept by days, of days before one.
func OldDays(ctx context.Context, o Objects, prefix string, before time.Time) (keys []string, err error) {
	for key, err := range Named(ctx, o, prefix, "") {
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

// OldMessages lists bodies of messages that are older than a month: no queue and no dead
// letter keeps a message that long.
func OldMessages(ctx context.Context, o Objects, now time.Time) ([]string, error) {
	return OldDays(ctx, o, MessagePrefix, now.Add(-messageKept))
}

// OldMarks lists marks of what was told of a day a week ago, and of plans that nobody looks
// at any more.
func OldMarks(ctx context.Context, o Objects, now time.Time) (keys []string, err error) {
	day, plan := now.Add(-dayKept).UTC().Format(time.DateOnly), Stamp(now.Add(-markKept))
	for key, err := range Named(ctx, o, NoticePrefix, "") {
		if err != nil {
			return nil, err
		}
		of, _, _ := strings.Cut(strings.TrimPrefix(key, NoticePrefix), "/")
		if IsDay(of) && of < day || !IsDay(of) && of < plan {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// AllBut lists all but the last objects under a prefix.
func AllBut(ctx context.Context, o Objects, prefix string, last int) (keys []string, err error) {
	for key, err := range Named(ctx, o, prefix, "") {
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys[:max(len(keys)-last, 0)], nil
}
