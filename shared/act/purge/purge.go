// Package purge removes, or moves to another storage class, what an approved plan lists, and
// nothing else. A run is of one duty, its policy's: it has no way to do the other, leaves
// plans of it alone, and goes on beside it under a lease of its own.
//
// It carries out what decide/removal says, and has only the calls. It refuses a plan
// that is expired, corrupt, of another policy, region, account or application, or over
// the guards, before the first call. Each asset is read and judged again right before
// its items go, and whatever changed since the plan stays; so does what would go because
// of others (the newest of its group, the total of a quota) when those may have changed.
//
// A delete call needs a permit: the halt was read, the lease is fresh, and the call ends
// before the lease does. A call that is put off is made again only after all of that was
// asked again. Intents are written before a call and outcomes after it. Killed at any
// point, the next run goes on where it stopped: what it cannot know from the ledger it
// reads from the library.
//
// # Why
//
// A backlog over a guard waits for a person, also under self-approval: a guard that lets go
// by itself is none. What the provider refuses is set aside for a week, or until the asset
// is modified: it neither fills the guards nor is forgotten, as rights and modes change.
//
// A move is asked for with others of the same class, scope and earliness, 20 assets a call,
// and is done when a later run reads its class: the run ends while changes are under way, and
// settling them needs neither the plan's time nor its approval, since nothing is called.
//
// The platform never retries purge: a failed run is looked at and goes on at the next tick,
// and three retries would hide the first failure.
package purge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Reader is what both duties need of the library.
type Reader interface {
	stored.Categories
	Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
}

// Library is all that a purge needs of the library. The calls that delete are made once
// for each recheck: they must not be repeated by the client.
type Library interface {
	Reader
	DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error)
	DeleteSources(ctx context.Context, ids []video.ID, force bool) ([]video.Outcome, error)
	DeleteStreams(ctx context.Context, id video.ID, jobs []string) ([]video.Outcome, error)
	DeleteImagesOf(ctx context.Context, id video.ID, types ...string) error
}

// Mover is all that moves need of the library. The call is made once for each recheck, and
// Done is that it was accepted.
type Mover interface {
	Reader
	SetStorageClass(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error)
}

// Refresher takes assets out of the CDN's caches. It works only while they exist.
type Refresher interface {
	RefreshPlayURLs(ctx context.Context, ids []video.ID) ([]video.Outcome, error)
}

// Job applies plans of its policy's duty. State and Policy are required, Library or Mover
// as the duty is, and of the scope the region and the account.
type Job struct {
	Library Library   // to remove
	Mover   Mover     // to move
	CDN     Refresher // required when the policy asks for a refresh
	State   state.Objects
	Policy  *retention.Policy
	Scope   video.Scope      // that plans must be of
	Now     func() time.Time // for leases and records; default time.Now
	Log     *slog.Logger     // default: none
	// Backoff is how long to wait before what a call put off is looked at again, for the
	// first time, the second and so on; default: exponentially, with jitter.
	Backoff func(try int) time.Duration
	// Wait returns when Now is not before a time, or the context has ended; default: a timer.
	Wait func(ctx context.Context, until time.Time)
}

// Report is what came of a run.
type Report struct {
	Plans []Applied
}

// Removed counts the items that this run removed.
func (r Report) Removed() (n int) {
	for _, p := range r.Plans {
		n += p.Freed.Items
	}
	return n
}

// Results sums the results of all plans.
func (r Report) Results() map[video.Result]int {
	sum := map[video.Result]int{}
	for _, p := range r.Plans {
		for result, n := range maps.All(p.Results) {
			sum[result] += n
		}
	}
	return sum
}

// Status says what became of a plan in a run.
type Status string

// The ways a run can leave a plan.
const (
	Ended    Status = "ended"     // every item that was approved has its outcome
	Stopped  Status = "stopped"   // the rest waits for the next run
	Refused  Status = "refused"   // it will not be applied as it is
	Waiting  Status = "waiting"   // nobody approved it yet
	UnderWay Status = "under way" // all is asked for; what the library still changes is read by the next run
)

// Applied is what a run did to one plan.
type Applied struct {
	Plan     string
	Status   Status
	Why      string               // unless it ended
	By       string               // who approved it
	Results  map[video.Result]int // of this run
	Freed    stored.Totals        // by this run
	Left     int                  // items without a final outcome
	Changing int                  // moves among them that the library has not finished
	Code     stored.IncidentCode  // the kind of Why, where that is known
}

// Run applies every approved plan that has not ended, oldest first, at the event's
// time. A policy that approves itself approves the latest plan only. Items that wait
// for another try keep no other plan from its turn, and the guards count what all plans
// of this account remove in a night, each item once. It returns ErrBusy of the state
// room when another run is at work.
func (j Job) Run(ctx context.Context, at time.Time) (Report, error) {
	r, err := j.begin(at)
	if err != nil {
		return Report{}, err
	}
	if r.lease, err = r.acquire(ctx, j.lane()); err != nil {
		return Report{}, err
	}
	defer r.release(ctx)
	var report Report
	plans, err := r.plans(ctx)
	for _, p := range plans {
		var a Applied
		switch a, err = r.apply(ctx, p); { // these come before its first call
		case errors.Is(err, errCorrupt):
			a, err = Applied{Plan: p.ID, Status: Refused, Why: err.Error(), Left: p.Items, Code: stored.IncidentCorrupt}, nil
		case errors.Is(err, errLate) && a.Status != Stopped:
			a = Applied{Plan: p.ID, Status: Stopped, Why: err.Error(), Left: p.Items}
		}
		if a.Plan != "" {
			report.Plans = append(report.Plans, a)
		}
		if a.Status == Refused && p.mine {
			if note := stored.NoteRefusal(ctx, r.State, p.ID, a.Why, r.at); note != nil {
				err = errors.Join(err, fmt.Errorf("note that plan %s is refused: %w", p.ID, note))
			}
		}
		if a.Status == Stopped && errors.Is(err, video.ErrDeferred) {
			return report, nil // it is told with the plan
		}
		if err != nil {
			break
		}
	}
	return report, err
}

// begin checks the job and makes a run of it.
func (j Job) begin(at time.Time) (*run, error) {
	if err := j.check(at); err != nil {
		return nil, err
	}
	if j.Now == nil {
		j.Now = time.Now
	}
	if j.Log == nil {
		j.Log = slog.New(slog.DiscardHandler)
	}
	if j.Backoff == nil {
		j.Backoff = func(try int) time.Duration {
			ceiling := 200 * time.Millisecond << try
			return ceiling/4 + rand.N(ceiling)
		}
	}
	if j.Wait == nil {
		now := j.Now
		j.Wait = func(ctx context.Context, until time.Time) {
			timer := time.NewTimer(until.Sub(now()))
			defer timer.Stop()
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
	}
	var reads Reader = j.Library
	if j.Policy.Duty == retention.Moving {
		reads = j.Mover
	}
	return &run{Job: j, reads: reads, at: at.UTC(), name: state.NewRun(), begun: map[removal.Key]retention.Item{}, waits: map[removal.Key]string{}, refused: map[removal.Key]stored.Aside{}}, nil
}

func (j Job) check(at time.Time) error {
	faults := []error{j.Policy.Check()}
	if err := j.Scope.Check(); err != nil {
		faults = append(faults, fmt.Errorf("purge: %w", err))
	}
	if at.IsZero() {
		faults = append(faults, errors.New("purge: the event has no time"))
	}
	if j.Policy != nil {
		moves := j.Policy.Duty == retention.Moving
		if moves && j.Mover == nil || !moves && j.Library == nil {
			faults = append(faults, fmt.Errorf("purge: the policy's duty is %q, and there is no way to do that here", cmp.Or(j.Policy.Duty, "remove")))
		}
	}
	if j.Policy != nil && j.Policy.Duty == retention.Removing && j.Policy.Refresh && j.CDN == nil {
		faults = append(faults, errors.New("purge: the policy asks for refresh_cdn, and there is no way to do that here"))
	}
	return errors.Join(faults...)
}

// run is one run of the job.
type run struct {
	Job
	reads  Reader
	at     time.Time
	name   string
	lease  state.Lease
	ledger *stored.Ledger
	doubt  time.Time // until when a call of this run may still have its effect

	latest  stored.Plan // the last of this account and policy, whether it ended or not; no hash: there is none
	doubted bool        // a plan that was written after it cannot be read

	removedTonight map[removal.Key]retention.Item // what plans removed this night, or may have; nil until it is read
	begun          map[removal.Key]retention.Item // what the plans that this run has begun can still take
	medianRemoved  float64                        // by the last plans that ended; 0: not known
	medianCounted  bool
	recent         []bool                       // which of the last items failed
	waits          map[removal.Key]string       // what the library put off in this run, by the plan that asked
	refused        map[removal.Key]stored.Aside // what this run set aside

	quotas *quotas // nil until a plan needs them
	others others

	tree  []video.Category
	read  time.Time // when the tree was read
	usage stored.Usage
}

// treeLasts is how long the tree of categories is not read again.
const treeLasts = 5 * time.Minute

// Categories reads the tree when what is known of it is old.
func (r *run) Categories(ctx context.Context) ([]video.Category, error) {
	now := r.Now()
	if age := now.Sub(r.read); age >= 0 && age <= treeLasts {
		return r.tree, nil
	}
	tree, err := r.reads.Categories(ctx)
	if err == nil {
		r.tree, r.read = tree, now
	}
	return tree, err
}

// errCorrupt says that something of the plan itself is lost or corrupt: this plan is not
// applied, and the others can do without it.
var errCorrupt = errors.New("corrupt")

func corrupt(err error) error {
	if errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound) {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return err
}
