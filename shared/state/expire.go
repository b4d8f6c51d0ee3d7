package state

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// leasesKept is how many of the last words on a lease stay; one is enough.
const leasesKept = 10

// imagedKept is how many of what Imaged found stay: the last, and one to fall back on.
const imagedKept = 2

// draftsKept is longer than planning takes up its own progress.
const draftsKept = 4 * 24 * time.Hour

// Expired lists what nobody reads any more: the lines of plans made before a moment
// that cannot be applied at now, progress of planning begun before it, bodies of
// messages and announcements kept before it, and all but the last of what was found
// of images and said on each lease. Heads of plans, approvals, ends and the ledger stay for good, and so does a
// part that a younger plan shares. Whoever plans at the same moment may miss a part
// that it found there already; such a plan is refused as a whole.
func Expired(ctx context.Context, o Objects, before, now time.Time) ([]string, error) {
	old, used := map[string]bool{}, map[string]bool{} // parts, by key
	var plans []Plan
	last := map[[3]string]string{} // by region, account and application
	of := func(p Plan) [3]string { return [3]string{p.Region, p.Account, p.App} }
	for id, err := range Plans(ctx, o, time.Time{}) {
		if err != nil {
			return nil, err
		}
		p, err := ReadPlan(ctx, o, id)
		if errors.Is(err, ErrCorrupt) {
			continue // what it used is in doubt, and stays
		}
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
		last[of(p)] = id
	}
	for _, p := range plans {
		into := used
		if p.Created.Before(before) && p.Expires.Before(now) && p.ID != last[of(p)] { // the shelf is read from the last
			into = old
		}
		for _, part := range slices.Concat(p.Parts, p.Leaving, p.Standing) {
			into[part.key()] = true
		}
	}
	begun := before // planning goes on for days where it ended
	if under := now.Add(-draftsKept); under.Before(begun) {
		begun = under
	}
	var keys []string
	for key, err := range o.List(ctx, "drafts/", "") {
		if err != nil {
			return nil, err
		}
		var d Draft
		if _, err := readWhole(ctx, o, key, &d); errors.Is(err, ErrCorrupt) {
			continue
		} else if err != nil {
			return nil, err
		}
		into := used
		if strings.TrimPrefix(key, "drafts/") < stamp(begun) {
			into = old
			keys = append(keys, key)
		}
		for _, part := range d.Parts {
			into[part.key()] = true
		}
	}
	for key, err := range o.List(ctx, "parts/", "") {
		if err != nil {
			return nil, err
		}
		if old[key] && !used[key] {
			keys = append(keys, key)
		}
	}
	for _, prefix := range []string{GonePrefix, "messages/", "told/"} { // then the day; what was told of a plan stays
		for key, err := range o.List(ctx, prefix, "") {
			if err != nil {
				return nil, err
			}
			day, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), "/")
			if at, err := time.Parse(time.DateOnly, day); err == nil && at.Before(before) {
				keys = append(keys, key)
			}
		}
	}
	var imaged []string
	for key, err := range o.List(ctx, imagedPrefix, "") {
		if err != nil {
			return nil, err
		}
		imaged = append(imaged, key)
	}
	keys = append(keys, imaged[:max(len(imaged)-imagedKept, 0)]...)
	leases, err := oldLeases(ctx, o)
	slices.Sort(keys)
	return append(keys, leases...), err
}

func oldLeases(ctx context.Context, o Objects) (keys []string, err error) {
	numbers := map[string]int{} // by key
	highest := map[string]int{} // by lease
	for key, err := range o.List(ctx, "lease/", "") {
		if err != nil {
			return nil, err
		}
		name, file, _ := strings.Cut(strings.TrimPrefix(key, "lease/"), "/")
		digits, _, _ := strings.Cut(file, ".")
		if n, err := strconv.Atoi(digits); err == nil {
			numbers[key] = n
			highest[name] = max(highest[name], n)
		}
	}
	for key, n := range numbers {
		name, _, _ := strings.Cut(strings.TrimPrefix(key, "lease/"), "/")
		if n <= highest[name]-leasesKept {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}
