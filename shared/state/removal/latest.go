package removal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// written is one entry of the series that tells in which order plans were written. Names
// of plans begin with the moment that was planned for, which a tick may have got wrong.
type written struct {
	Version int    `json:"version"`
	Plan    string `json:"plan"`
}

// writtenBack is how many entries are read back for a plan of one's own: several accounts
// may share a state.
const writtenBack = 50

// noteWritten appends the plan to the series, unless one of the last entries names it: a
// writer that failed writes again. It comes before the plan itself, so that no whole plan
// lacks its entry.
func noteWritten(ctx context.Context, o state.Objects, id string) error {
	text, err := json.Marshal(written{state.RecordVersion, id})
	if err != nil {
		return err
	}
	for last := 0; ; {
		if last, err = state.LastOf(ctx, o, state.WrittenPrefix, last); err != nil {
			return err
		}
		for n := last; n > max(last-writtenAgain, 0); n-- {
			w, err := readWritten(ctx, o, n)
			if err != nil && !state.CorruptOrGone(err) {
				return err
			}
			if w.Plan == id {
				return nil
			}
		}
		if err = o.Create(ctx, state.Numbered(state.WrittenPrefix, last+1, ".json"), text); !errors.Is(err, state.ErrExists) {
			return err
		}
	}
}

// writtenAgain is how many of the last entries are looked at before a plan is appended.
const writtenAgain = 4

func readWritten(ctx context.Context, o state.Objects, n int) (written, error) {
	var w written
	key := state.Numbered(state.WrittenPrefix, n, ".json")
	_, err := state.ReadRecord(ctx, o, key, &w)
	if err == nil && (w.Version != state.RecordVersion || !state.IsPlan(w.Plan)) {
		err = fmt.Errorf("%s: %w", key, state.ErrCorrupt)
	}
	if err != nil {
		return written{}, err
	}
	return w, nil
}

// LatestPlan gives the whole plan that was written last, of those that are mine and not
// made for a moment more than ten minutes after now; none is the zero Plan. The highest
// name is not asked: a tick of the future, a copy or a stray object has it easily. What is
// corrupt or of the future is skipped and named.
//
// In a state without the series of what was written, names decide, up to ten minutes after
// now. With a zero now no moment is too late: that is for people who want to look.
func LatestPlan(ctx context.Context, o state.Objects, mine func(Plan) bool, now time.Time) (latest Plan, skipped []error, err error) {
	last, err := state.LastOf(ctx, o, state.WrittenPrefix, 0)
	if err != nil {
		return Plan{}, nil, err
	}
	s := search{o: o, mine: mine, now: now, seen: map[string]bool{}}
	found, err := s.written(ctx, last)
	if !found && err == nil {
		_, err = s.byName(ctx)
	}
	if err != nil {
		return Plan{}, nil, err
	}
	return s.latest, s.skipped, nil
}

// search is the search for the latest plan.
type search struct {
	o       state.Objects
	mine    func(Plan) bool
	now     time.Time // zero: no moment is too late
	seen    map[string]bool
	latest  Plan
	skipped []error
}

// look reads a plan and says whether it is the one.
func (s *search) look(ctx context.Context, id string) (bool, error) {
	if s.seen[id] {
		return false, nil
	}
	s.seen[id] = true
	p, err := ReadPlan(ctx, s.o, id)
	switch {
	case errors.Is(err, video.ErrNotFound): // its writer was cut short
		return false, nil
	case errors.Is(err, state.ErrCorrupt):
		s.skipped = append(s.skipped, err)
		return false, nil
	case err != nil:
		return false, err
	case !s.now.IsZero() && p.Created.After(s.now.Add(future)):
		s.skipped = append(s.skipped, fmt.Errorf("plan %s was made for %s, now is %s: it is not counted", id, p.Created.Format(time.RFC3339), s.now.UTC().Format(time.RFC3339)))
		return false, nil
	case !s.mine(p):
		return false, nil
	}
	s.latest = p
	return true, nil
}

// written looks at the plans in the order in which they were written, the last first.
func (s *search) written(ctx context.Context, last int) (found bool, err error) {
	for n := last; n > max(last-writtenBack, 0); n-- {
		w, err := readWritten(ctx, s.o, n)
		switch {
		case errors.Is(err, video.ErrNotFound): // expired: nothing older is there
			return false, nil
		case errors.Is(err, state.ErrCorrupt):
			s.skipped = append(s.skipped, err)
			continue
		case err != nil:
			return false, err
		}
		if found, err := s.look(ctx, w.Plan); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// byName looks at the plans in the order of their names, the highest first.
func (s *search) byName(ctx context.Context) (found bool, err error) {
	var ids []string
	after := time.Time{}
	if !s.now.IsZero() {
		after = s.now.Add(-retention.LookBack)
	}
	for id, err := range Plans(ctx, s.o, after) {
		if err != nil {
			return false, err
		}
		if s.now.IsZero() || id <= state.Stamp(s.now.Add(future)) {
			ids = append(ids, id)
		}
	}
	for _, id := range slices.Backward(ids) {
		if found, err := s.look(ctx, id); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// farAhead is how much earlier the moment of a plan that was written later must be to say
// that the one before it is of a clock that ran ahead: a run that was slow may finish behind
// a later one of the same night.
const farAhead = 12 * time.Hour

// Ahead says which of some plans a clock that ran ahead has made: one that was written
// later, and is mine, is for a moment half a day earlier or more. It is known long after
// that moment has come, and also where no run saw the plan before. Entries that are corrupt
// say nothing.
func Ahead(ctx context.Context, o state.Objects, mine func(Plan) bool, plans []Plan) (map[string]bool, error) {
	waiting, ahead := map[string]time.Time{}, map[string]bool{}
	for _, p := range plans {
		waiting[p.ID] = p.Created
	}
	n, err := state.LastOf(ctx, o, state.WrittenPrefix, 0)
	if err != nil {
		return nil, err
	}
	for ; n > 0 && len(waiting) > 0; n-- {
		w, err := readWritten(ctx, o, n)
		switch {
		case errors.Is(err, video.ErrNotFound):
			return ahead, nil // expired: nothing older is there
		case errors.Is(err, state.ErrCorrupt):
			continue
		case err != nil:
			return nil, err
		}
		delete(waiting, w.Plan)
		some := madeAfter(waiting, w.Plan)
		if len(some) == 0 {
			continue
		}
		switch p, err := ReadPlan(ctx, o, w.Plan); {
		case err == nil && mine(p):
			for _, id := range some {
				ahead[id] = true
				delete(waiting, id)
			}
		case err != nil && !state.CorruptOrGone(err):
			return nil, err
		}
	}
	return ahead, nil
}

// madeAfter gives the plans for moments far later than that of another.
func madeAfter(made map[string]time.Time, other string) (ids []string) {
	for id, at := range made {
		if state.Stamp(at.Add(-farAhead)) > other {
			ids = append(ids, id)
		}
	}
	return ids
}
