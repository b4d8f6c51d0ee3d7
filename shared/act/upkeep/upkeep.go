// Package upkeep keeps what lies under STATE small: every night it removes what nobody
// reads any more, within a budget of time.
//
// It never removes a plan, an approval, a withdrawal, a halt, an end of a plan or a segment
// of the ledger: no rule names their prefixes, and a key outside of its rule's prefixes is
// refused. What it does not get to stays for the next night, and no night reads the plans
// of all time.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

// Store is all that upkeep needs of the state.
type Store interface {
	state.Objects
	// Remove takes one object away. One that is not there is not an error.
	Remove(ctx context.Context, key string) error
}

// rule says what expires under some prefixes.
type rule struct {
	prefixes []string
	holds    string // what lies there
	reader   string // who reads it
	stays    string // for how long, or how much of it
	old      func(context.Context, state.Objects, time.Time) ([]string, error)
}

// rules are all that expires but for the lines of plans, which need to know of each other.
var rules = []rule{
	{[]string{"lease/"}, "words on leases", "whoever takes or renews a lease", "two days, and the last ten of each lease", state.OldLeases},
	{[]string{"told/"}, "marks of notices", "notify, purge and purgeplan", "8 days; of a plan 61", state.OldMarks},
	{[]string{"messages/"}, "bodies of messages over 64 KB", "metadata, vodctl dlq", "31 days", state.OldMessages},
	{[]string{"gone/"}, "announcements of deletions", "vodctl ledger reconcile", "31 days", removal.OldGone},
	{[]string{"swept/"}, "how far sweeps came", "autotag", "8 days", state.OldSwept},
	{[]string{"aside/"}, "items that cannot go", "purgeplan", "until they end, 30 days at most", removal.OldAside},
	{[]string{"imaged/"}, "images that are gone, summed up", "purgeplan", "the last two", removal.OldImages},
	{[]string{"written/"}, "the order in which plans were written", "purge, purgeplan, notify, vodctl", "the last 500", removal.OldWritten},
	{[]string{"shards/"}, "who needs which lines", "upkeep", "the last two", removal.OldShards},
}

// lines is the rule for lines of plans and for progress of planning.
var lines = rule{
	prefixes: []string{"parts/", "drafts/"}, holds: "lines of plans and drafts; progress of planning", reader: "purge, purgeplan, vodctl",
	stays: "61 days, and until the plan has expired; progress four days",
}

// Report is what came of a run.
type Report struct {
	Removed map[string]int `json:"removed,omitempty"` // by prefix
	Left    int            `json:"left,omitempty"`    // found and not removed: the time was up
	Late    bool           `json:"late,omitempty"`    // the time was up before all was looked at
}

// Total is how many objects were removed.
func (r Report) Total() (n int) {
	for _, removed := range r.Removed {
		n += removed
	}
	return n
}

// side is how many removals are in flight.
const side = 8

// How long upkeep behind other work may take, and what is kept back from the deadline.
const (
	mostTime = 2 * time.Minute
	reserve  = 15 * time.Second
)

// Budget is how long Run may take behind the work of an invocation; none is left at zero
// and below.
func Budget(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(mostTime, time.Until(deadline)-reserve)
	}
	return mostTime
}

// Run removes what nobody reads any more at a moment, for as long as the budget lasts. A
// rule that fails keeps no other from its turn; the errors are joined.
func Run(ctx context.Context, o Store, now time.Time, budget time.Duration) (Report, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	r := Report{Removed: map[string]int{}}
	var faults []error
	enough := func() bool { return time.Since(began) < budget/2 && ctx.Err() == nil }
	for _, rule := range rules {
		keys, err := rule.old(ctx, o, now)
		if err == nil {
			err = r.remove(ctx, o, rule, keys)
		}
		faults = append(faults, wrap(rule, err))
	}
	faults = append(faults, wrap(lines, r.lines(ctx, o, now, enough)))
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		r.Late = true
		return r, nil // the next night goes on
	}
	return r, errors.Join(faults...)
}

func wrap(r rule, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s (%s): %w", strings.Join(r.prefixes, ", "), r.holds, err)
}

func (r *Report) lines(ctx context.Context, o Store, now time.Time, enough func() bool) error {
	old, err := removal.FindOldLines(ctx, o, now, enough)
	if err != nil {
		return err
	}
	r.Late = old.Late
	if err := r.remove(ctx, o, lines, old.Keys); err != nil {
		return err
	}
	return old.Done(ctx, o)
}

// remove takes the keys away, several at a time.
func (r *Report) remove(ctx context.Context, o Store, rule rule, keys []string) error {
	var mu sync.Mutex
	calls, one := errgroup.WithContext(ctx)
	calls.SetLimit(side)
	sent := 0
	for _, key := range keys {
		if one.Err() != nil {
			break
		}
		sent++
		calls.Go(func() error {
			if err := mayRemove(rule, key); err != nil {
				return err
			}
			if err := o.Remove(ctx, key); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			r.Removed[key[:strings.Index(key, "/")+1]]++
			return nil
		})
	}
	err := calls.Wait()
	r.Left += len(keys) - sent
	return errors.Join(err, ctx.Err())
}

// mayRemove is the last word before a removal.
func mayRemove(r rule, key string) error {
	for _, prefix := range r.prefixes {
		if strings.HasPrefix(key, prefix) && state.CheckName(key) == nil {
			return nil
		}
	}
	return fmt.Errorf("%s is not for upkeep to remove", key)
}

// Old lists what a run without a limit of time would remove now.
func Old(ctx context.Context, o state.Objects, now time.Time) ([]string, error) {
	var keys []string
	for _, rule := range rules {
		more, err := rule.old(ctx, o, now)
		if err != nil {
			return nil, wrap(rule, err)
		}
		keys = append(keys, more...)
	}
	old, err := removal.FindOldLines(ctx, o, now, func() bool { return true })
	return append(keys, old.Keys...), wrap(lines, err)
}
