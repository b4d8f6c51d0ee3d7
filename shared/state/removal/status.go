package removal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// PlanStatus is where a plan stands.
type PlanStatus string

// The places where a plan can stand.
const (
	PlanPlanned   PlanStatus = "planned"   // nobody has approved it, and no run has begun on it
	PlanApproved  PlanStatus = "approved"  // a person has approved it, and no run has begun on it
	PlanWithdrawn PlanStatus = "withdrawn" // it must not be approved any more
	PlanRefused   PlanStatus = "refused"   // it is over its guards, a run has refused it, or what is known of it is corrupt
	PlanRunning   PlanStatus = "running"   // a run has begun on it, and it has not ended
	PlanEnded     PlanStatus = "ended"     // all its items have their outcome
	PlanExpired   PlanStatus = "expired"   // its time is over
)

// StatusDetail says more about a status. Fields that do not apply are zero.
type StatusDetail struct {
	At      time.Time `json:"at,omitzero"`       // when it came to stand so
	By      string    `json:"by,omitempty"`      // who approved or withdrew it
	Why     string    `json:"why,omitempty"`     // of what was refused; the note of who approved or withdrew it
	Freed   Totals    `json:"freed,omitzero"`    // of what is over
	Corrupt bool      `json:"corrupt,omitempty"` // it is refused for an object that cannot be read as it was written
}

// StatusOf says where a plan stands at a moment. It is the one reader of that: an object
// about the plan that is corrupt makes it refused, since nobody knows what it said, and an
// error is only what could not be read now.
func StatusOf(ctx context.Context, o state.Objects, p Plan, now time.Time) (PlanStatus, StatusDetail, error) {
	status, detail, err := statusOf(ctx, o, p, now)
	if errors.Is(err, state.ErrCorrupt) {
		return PlanRefused, StatusDetail{Why: err.Error() + "; restore it from a copy", Corrupt: true}, nil
	}
	return status, detail, err
}

func statusOf(ctx context.Context, o state.Objects, p Plan, now time.Time) (PlanStatus, StatusDetail, error) {
	switch e, err := ReadEnd(ctx, o, p.ID); {
	case err == nil:
		return endStatus(e), StatusDetail{At: e.At, By: e.By, Why: e.Why, Freed: e.Freed}, nil
	case !errors.Is(err, video.ErrNotFound):
		return "", StatusDetail{}, err
	}
	switch w, err := ReadWithdrawal(ctx, o, p.ID); {
	case err == nil:
		return PlanWithdrawn, StatusDetail{At: w.At, By: w.By, Why: w.Note}, nil
	case !errors.Is(err, video.ErrNotFound):
		return "", StatusDetail{}, err
	}
	if !now.Before(p.Expires) {
		if p.Duty == retention.Moving && now.Before(p.Expires.Add(removal.LongestChange)) {
			if status, detail, err := livingStatus(ctx, o, p); err != nil || status == PlanRunning {
				return status, detail, err // what it has asked for may still be under way
			}
		}
		return PlanExpired, StatusDetail{At: p.Expires}, nil
	}
	return livingStatus(ctx, o, p)
}

// livingStatus says where a plan stands that is neither over nor expired.
func livingStatus(ctx context.Context, o state.Objects, p Plan) (PlanStatus, StatusDetail, error) {
	approval, err := readApproval(ctx, o, p)
	approved := err == nil
	if err != nil && !errors.Is(err, video.ErrNotFound) {
		return "", StatusDetail{}, err
	}
	run, begun, err := lastRun(ctx, o, p.ID)
	if err != nil {
		return "", StatusDetail{}, err
	}
	refusal, refused, err := lastRefusal(ctx, o, p.ID)
	if err != nil {
		return "", StatusDetail{}, err
	}
	switch {
	case refused && !refusal.At.Before(run.At) && !refusal.At.Before(approval.At):
		return PlanRefused, StatusDetail{At: refusal.At, Why: refusal.Why}, nil
	case begun:
		return PlanRunning, StatusDetail{At: run.At, By: approval.By, Why: approval.Note}, nil
	case approved && (len(p.Over) == 0 || approval.First > 0): // a portion runs under a tripped guard
		return PlanApproved, StatusDetail{At: approval.At, By: approval.By, Why: approval.Note}, nil
	case len(p.Over) > 0:
		return PlanRefused, StatusDetail{At: p.Created, Why: "over its guards: " + strings.Join(p.Over, "; ")}, nil
	}
	return PlanPlanned, StatusDetail{At: p.Created}, nil
}

// endStatus says how a plan came to be over.
func endStatus(e RunEnd) PlanStatus {
	switch status := PlanStatus(e.Why); status {
	case "":
		return PlanEnded
	case PlanWithdrawn, PlanExpired:
		return status
	}
	return PlanRefused
}

// lastRun gives the beginning of the last run of a plan.
func lastRun(ctx context.Context, o state.Objects, plan string) (s RunStart, begun bool, err error) {
	prefix := state.RunPrefix + plan + "/"
	last, err := state.LastOf(ctx, o, prefix, 0)
	if err != nil || last == 0 {
		return RunStart{}, false, err
	}
	_, err = state.ReadRecord(ctx, o, state.Numbered(prefix, last, ".json"), &s)
	return s, true, err
}

// Refusal says why a run would not apply a plan as it was.
type Refusal struct {
	Version int       `json:"version"`
	Plan    string    `json:"plan"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
}

// NoteRefusal records that a run refused a plan, and why. The same reason as the last time
// is not recorded again; an approval or a run that comes later counts instead.
func NoteRefusal(ctx context.Context, o state.Objects, plan, why string, at time.Time) error {
	text, err := json.Marshal(Refusal{state.RecordVersion, plan, at.UTC(), why})
	if err != nil {
		return err
	}
	prefix := state.RefusalPrefix + plan + "/"
	for {
		last, err := state.LastOf(ctx, o, prefix, 0)
		if err != nil {
			return err
		}
		if r, err := readRefusal(ctx, o, plan, last); err == nil && r.Why == why {
			return nil
		}
		if err = o.Create(ctx, state.Numbered(prefix, last+1, ".json"), text); !errors.Is(err, state.ErrExists) {
			return err
		}
	}
}

func lastRefusal(ctx context.Context, o state.Objects, plan string) (r Refusal, refused bool, err error) {
	last, err := state.LastOf(ctx, o, state.RefusalPrefix+plan+"/", 0)
	if err != nil || last == 0 {
		return Refusal{}, false, err
	}
	r, err = readRefusal(ctx, o, plan, last)
	return r, true, err
}

func readRefusal(ctx context.Context, o state.Objects, plan string, n int) (Refusal, error) {
	var r Refusal
	key := state.Numbered(state.RefusalPrefix+plan+"/", n, ".json")
	if _, err := state.ReadRecord(ctx, o, key, &r); err != nil {
		return Refusal{}, err
	}
	if r.Version != state.RecordVersion || r.Plan != plan {
		return Refusal{}, fmt.Errorf("%s: %w", key, state.ErrCorrupt)
	}
	return r, nil
}
