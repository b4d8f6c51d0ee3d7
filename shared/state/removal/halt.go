package removal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Halt says that nothing may be removed, or that it may again. The latest counts.
type Halt struct {
	Version int       `json:"version"`
	Halted  bool      `json:"halted"`
	By      string    `json:"by"`
	At      time.Time `json:"at,omitzero"`
	Reason  string    `json:"reason,omitempty"`
}

// SetHalt halts or resumes all removal.
func SetHalt(ctx context.Context, o state.Objects, h Halt) error {
	h.Version, h.At = state.RecordVersion, h.At.UTC()
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	for last := 0; ; {
		if last, err = state.LastOf(ctx, o, "halt/", last); err != nil {
			return err
		}
		if err = o.Create(ctx, state.Numbered("halt/", last+1, ".json"), text); !errors.Is(err, state.ErrExists) {
			return err
		}
	}
}

// HaltState reads the latest word on halting. None ever said is the zero Halt; one that
// cannot be read is an error, and whoever asks must then not remove anything.
func HaltState(ctx context.Context, o state.Objects) (Halt, error) {
	last, err := state.LastOf(ctx, o, "halt/", 0)
	if err != nil || last == 0 {
		return Halt{}, err
	}
	var h Halt
	if _, err := state.ReadRecord(ctx, o, state.Numbered("halt/", last, ".json"), &h); err != nil {
		return Halt{}, err
	}
	if h.Version != state.RecordVersion {
		return Halt{}, fmt.Errorf("halt: %w", state.ErrCorrupt)
	}
	return h, nil
}

// CheckHalt is nil when removal may go on. It wraps video.ErrDeferred when it may
// not, and that includes not knowing.
func CheckHalt(ctx context.Context, o state.Objects) error {
	switch h, err := HaltState(ctx, o); {
	case err != nil:
		return &haltedError{fmt.Errorf("%w: cannot tell whether removal is halted: %w", video.ErrDeferred, err)}
	case h.Halted:
		return &haltedError{fmt.Errorf("%w: halted by %s: %s", video.ErrDeferred, h.By, h.Reason)}
	}
	return nil
}

// ErrHalted says that removal is halted, or that nobody can tell whether it is.
var ErrHalted = errors.New("removal is halted")

type haltedError struct{ error }

func (e *haltedError) Unwrap() error        { return e.error }
func (e *haltedError) Is(target error) bool { return target == ErrHalted }
