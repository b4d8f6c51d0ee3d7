package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/video"
)

// ErrBusy says that somebody else holds the lease, or may still hold it.
var ErrBusy = errors.New("held by another run")

// BusyError says who holds a lease, and from when on it may be taken over: a zero
// Free is never. It is an ErrBusy.
type BusyError struct {
	Name, Holder string
	Free         time.Time
	Number       int           // of its last word; whoever is alive says another within Lasts
	Lasts        time.Duration // for how long it was taken, the margin added on both sides
}

// Error says who holds what.
func (e *BusyError) Error() string {
	if e.Free.IsZero() {
		return fmt.Sprintf("lease %s: %v: %s, until it is released", e.Name, ErrBusy, e.Holder)
	}
	return fmt.Sprintf("lease %s: %v: %s, free %s", e.Name, ErrBusy, e.Holder, e.Free.Format(time.RFC3339))
}

// Unwrap makes it an ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// leaseMargin is how far apart two machines' clocks may be: a lease is taken over
// that much after its deadline, and used up to that much before. Where clocks are
// worse than that, the ledger is the fence: its next segment has one creator.
const leaseMargin = 2 * time.Second

// Lease is the right to be the only one at work until a deadline. A lease
// without a deadline holds until it is released: an orphan is not what it looks
// like.
type Lease struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Holder  string    `json:"holder"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until,omitzero"`

	number int
}

func (l Lease) key(ending string) string { return Numbered("lease/"+l.Name+"/", l.number, ending) }

// Acquire takes the lease until now+d, or says ErrBusy. The holder must be
// unlike any other (NewRun).
func Acquire(ctx context.Context, o Objects, name, holder string, now time.Time, d time.Duration) (Lease, error) {
	return AcquireWatched(ctx, o, name, holder, now, d, 0)
}

// AcquireWatched is Acquire for one who has watched the lease's word of that number for
// BusyError.Lasts: when there is no other by now its holder is not alive, whatever the
// clock said by which it was taken. A clock that ran ahead for a night would else hold the
// lease until the day that it told.
func AcquireWatched(ctx context.Context, o Objects, name, holder string, now time.Time, d time.Duration, watched int) (Lease, error) {
	l := Lease{Version: RecordVersion, Name: name, Holder: holder, From: now.UTC(), Until: now.Add(d).UTC()}
	last, err := LastOf(ctx, o, "lease/"+name+"/", 0)
	if err != nil {
		return Lease{}, err
	}
	if last > 0 {
		held := Lease{Name: name, number: last}
		switch _, err := o.Read(ctx, held.key(".released")); {
		case err == nil:
		case !errors.Is(err, video.ErrNotFound):
			return Lease{}, err
		default:
			if _, err := ReadRecord(ctx, o, held.key(".json"), &held); err != nil {
				return Lease{}, fmt.Errorf("lease %s: %w: %w", name, ErrBusy, err)
			}
			if held.Until.IsZero() {
				return Lease{}, &BusyError{Name: name, Holder: held.Holder, Number: last}
			}
			if free := held.Until.Add(leaseMargin); now.Before(free) && last > watched {
				return Lease{}, &BusyError{name, held.Holder, free, last, held.Until.Sub(held.From) + 2*leaseMargin}
			}
		}
	}
	l.number = last + 1
	return l, l.create(ctx, o)
}

func (l Lease) create(ctx context.Context, o Objects) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err = o.Create(ctx, l.key(".json"), text); err == nil {
		return nil
	}
	// A put may have taken effect though it was answered by an error: what is
	// there decides.
	var there Lease
	if _, readErr := ReadRecord(ctx, o, l.key(".json"), &there); readErr != nil {
		return errors.Join(err, readErr)
	}
	if there.Holder == l.Holder && there.Until.Equal(l.Until) {
		return nil
	}
	return fmt.Errorf("lease %s: %w: %s was faster", l.Name, ErrBusy, there.Holder)
}

// Valid says that the lease still holds for one who trusts clocks only so far.
func (l Lease) Valid(now time.Time) bool {
	return !now.Before(l.From.Add(-leaseMargin)) && now.Before(l.Until.Add(-leaseMargin))
}

// Renew prolongs the lease until now+d. It also works after the deadline, as long
// as nobody took the lease over; otherwise it says ErrBusy. Words that came after this
// one may have expired meanwhile, so that the next number is free again; the last word
// never expires, and is looked for. With an error the lease is given as it was.
func (l Lease) Renew(ctx context.Context, o Objects, now time.Time, d time.Duration) (Lease, error) {
	last, _, err := onwards(ctx, o, LeasePrefix+l.Name+"/", l.number, 2)
	if err != nil {
		return l, err
	}
	if last > l.number {
		return l, fmt.Errorf("lease %s: %w: it was taken over, its words go on to number %d", l.Name, ErrBusy, last)
	}
	next := l
	next.From, next.Until = now.UTC(), now.Add(d).UTC()
	next.number++
	if err := next.create(ctx, o); err != nil {
		return l, err // the next number is a rival's: it is not this one's to release
	}
	return next, nil
}

// Release gives the lease back. It may be called twice.
func (l Lease) Release(ctx context.Context, o Objects) error {
	err := o.Create(ctx, l.key(".released"), []byte(l.Holder))
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}
