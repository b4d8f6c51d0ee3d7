package purge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

const (
	leaseTime = 20 * time.Second
	// renewAfter is small beside the lease's time, so that a permit lasts at least
	// leaseTime - renewAfter - leaseMargin, which is longer than one attempt of a call.
	renewAfter = 4 * time.Second
	// leaseMargin is for clocks that differ: no call is under way in the lease's last
	// seconds, and a lease is taken over only some seconds after its end.
	leaseMargin = 3 * time.Second
	reserve     = 15 * time.Second // kept back from the deadline, for a batch and its records
)

// lane is the duty's own: both go on side by side, in one ledger.
func (j Job) lane() string {
	if j.Policy.Duty == retention.Moving {
		return "move"
	}
	return "purge"
}

// errLate says that the time is up, but for a batch and its records.
var errLate = fmt.Errorf("%w: the time is up", video.ErrDeferred)

// errFailing says that too much fails for the run to go on.
var errFailing = fmt.Errorf("%w: too many items failed", video.ErrDeferred)

// acquire takes the lease. One that is taken may be a dead run's: it is waited
// for once. A run that is alive renews it meanwhile.
func (r *run) acquire(ctx context.Context, lane string) (state.Lease, error) {
	lease, err := state.Acquire(ctx, r.State, lane, r.name, r.Now(), leaseTime)
	var busy *state.BusyError
	if !errors.As(err, &busy) || busy.Free.IsZero() {
		return lease, err
	}
	free := busy.Free.Sub(r.Now())
	// A clock that ran ahead, or ours is behind: what counts is that nobody renews it.
	watch := free > busy.Lasts && busy.Lasts <= 2*leaseTime
	r.Wait(ctx, r.Now().Add(min(free, busy.Lasts, 2*leaseTime)))
	if ctx.Err() != nil {
		return state.Lease{}, errors.Join(err, ctx.Err())
	}
	if watch {
		return state.AcquireWatched(ctx, r.State, lane, r.name, r.Now(), leaseTime, busy.Number)
	}
	return state.Acquire(ctx, r.State, lane, r.name, r.Now(), leaseTime)
}

// release gives the lease back, unless a call of which nobody heard the answer may still
// have its effect: whoever comes next must not take what is there for what stays. Then
// the lease ends by itself.
func (r *run) release(ctx context.Context) {
	if r.Now().Before(r.doubt) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.lease.Release(ctx, r.State); err != nil {
		r.Log.WarnContext(ctx, "lease not given back; it ends by itself", slog.Any("error", err))
	}
}

// hold keeps the lease fresh, and says ErrBusy when it was taken over. It is asked within
// everything that may take long, and before each permit.
func (r *run) hold(ctx context.Context) error {
	now := r.Now()
	if !now.After(r.lease.From.Add(renewAfter)) && r.lease.Valid(now) {
		return nil
	}
	lease, err := r.lease.Renew(ctx, r.State, now, leaseTime)
	if err == nil {
		r.lease = lease
	}
	return err
}

func late(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", video.ErrDeferred, err)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < reserve {
		return errLate
	}
	return nil
}

// may asks everything that can stop a run. It is asked before every permit.
func (w *work) may(ctx context.Context) error {
	if err := late(ctx); err != nil {
		return err
	}
	if why := w.failing(); why != "" {
		return fmt.Errorf("%w: %s", errFailing, why)
	}
	if err := w.hold(ctx); err != nil {
		return err
	}
	if w.plan.Hash != "" { // takedowns are not withdrawn
		switch by, err := stored.ReadWithdrawal(ctx, w.State, w.plan.ID); {
		case err == nil:
			return fmt.Errorf("%w: withdrawn by %s", video.ErrDeferred, by.By)
		case !errors.Is(err, video.ErrNotFound):
			return fmt.Errorf("%w: cannot tell whether the plan is withdrawn: %w", video.ErrDeferred, err)
		}
	}
	return stored.CheckHalt(ctx, w.State)
}

// gate is what is known since may was asked last. A halt, a withdrawal, guards and the
// deadline shut it too: they come as errors, which end the run before it asks for a permit.
func (r *run) gate() removal.Gate {
	return removal.Gate{Now: r.Now(), Tick: r.at, Lease: r.lease.Until.Add(-leaseMargin), Failing: r.failing()}
}

// under is a context that ends with the permit, on this machine's own clock.
func (r *run) under(ctx context.Context, p removal.Permit) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.Until.Sub(r.Now()))
}

// Failures are counted over so many of the last items, so that a rise is seen late in
// a long run too, and not before so many were tried.
const window, enough = 100, 20

// count takes into account whether something about an item failed. That the library
// refuses an item by itself is no failure: its answer came.
func (r *run) count(failed bool) {
	if r.recent = append(r.recent, failed); len(r.recent) > window {
		r.recent = r.recent[1:]
	}
}

// failing says why too much fails for the run to go on; empty: it may.
func (r *run) failing() string {
	failed := 0
	for _, f := range r.recent {
		if f {
			failed++
		}
	}
	if n := len(r.recent); n >= enough && float64(failed)*100 > r.Policy.Guards.Errors*float64(n) {
		return fmt.Sprintf("%d of the last %d items failed, at most %g %%", failed, n, r.Policy.Guards.Errors)
	}
	return ""
}
