package removal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// ErrWithdrawn says that a plan must not be approved any more. It is a kind of
// video.ErrNotFound: there is no approval.
var ErrWithdrawn = fmt.Errorf("withdrawn, so that its approval is %w", video.ErrNotFound)

// Withdrawal says that nobody wants a plan to be applied any more, whether it was
// approved or not. It is for good: the next night makes another plan.
type Withdrawal struct {
	Version int       `json:"version"`
	Plan    string    `json:"plan"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"`
}

// Withdraw takes back every approval of the plan, those to come as well. A run under
// way stops before its next batch. It may be called again.
func Withdraw(ctx context.Context, o state.Objects, plan, by, note string, at time.Time) error {
	if strings.TrimSpace(by) == "" {
		return fmt.Errorf("%w: a withdrawal names who asks for it", video.ErrInvalid)
	}
	text, err := json.Marshal(Withdrawal{state.RecordVersion, plan, by, at.UTC(), note})
	if err != nil {
		return err
	}
	if err = o.Create(ctx, "withdrawn/"+plan+".json", text); errors.Is(err, state.ErrExists) {
		return nil
	}
	return err
}

// ReadWithdrawal reads the withdrawal of a plan; none is video.ErrNotFound.
func ReadWithdrawal(ctx context.Context, o state.Objects, plan string) (Withdrawal, error) {
	var w Withdrawal
	if _, err := state.ReadRecord(ctx, o, "withdrawn/"+plan+".json", &w); err != nil {
		return Withdrawal{}, err
	}
	if w.Version != state.RecordVersion || w.Plan != plan || w.By == "" {
		return Withdrawal{}, fmt.Errorf("withdrawal of %s: %w", plan, state.ErrCorrupt)
	}
	return w, nil
}

// checkWithdrawn is nil when the plan was not withdrawn; not knowing is an error.
func checkWithdrawn(ctx context.Context, o state.Objects, plan string) error {
	w, err := ReadWithdrawal(ctx, o, plan)
	switch {
	case errors.Is(err, video.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("plan %s, by %s: %w", plan, w.By, ErrWithdrawn)
}
