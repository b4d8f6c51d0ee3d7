// Package purge removes what an approved plan lists, and nothing else.
//
// It refuses a plan that is expired, altered, of another policy, region, account
// or application, or over the guards, before the first call. Each media is read
// again right before its items go, and whatever changed since the plan stays; so does
// what would go because of others (the newest of its group, the total of a quota)
// when those may have changed. It writes down what it is about to do before it does
// it, asks before every batch of at most 20 media whether removal is halted, and stops
// in time before its deadline. Killed at any point, the next run goes on where it
// stopped: what it cannot know from the ledger it reads from the library.
package purge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Library is all that a purge needs of the library.
type Library interface {
	state.Categories
	Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
	DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error)
	DeleteSources(ctx context.Context, ids []video.ID, force bool) ([]video.Outcome, error)
	DeleteStreams(ctx context.Context, id video.ID, jobs []string) ([]video.Outcome, error)
	DeleteImagesOf(ctx context.Context, id video.ID, types ...string) error
}

// Refresher takes media out of the CDN's caches. It works only while they exist.
type Refresher interface {
	RefreshPlayURLs(ctx context.Context, ids []video.ID) ([]video.Outcome, error)
}

// Job applies plans. Library, State, Policy, Region and Account are required.
type Job struct {
	Library Library
	CDN     Refresher // required when the policy asks for a refresh
	State   state.Objects
	Policy  *retention.Policy
	Region  string
	Account string
	App     string           // the VOD application that plans must be limited to
	Now     func() time.Time // for leases and records; default time.Now
	Log     *slog.Logger     // default: none
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

// Status says what became of a plan in a run.
type Status string

// The ways a run can leave a plan.
const (
	Ended   Status = "ended"   // every item has its outcome
	Stopped Status = "stopped" // the rest waits for the next run
	Refused Status = "refused" // it will not be applied as it is
	Waiting Status = "waiting" // nobody approved it yet
)

// Applied is what a run did to one plan.
type Applied struct {
	Plan    string
	Status  Status
	Why     string               // unless it ended
	By      string               // who approved it
	Results map[video.Result]int // of this run
	Freed   state.Totals         // by this run
	Left    int                  // items without a final outcome
}

const (
	lane      = "purge"
	leaseTime = 10 * time.Second
	reserve   = 15 * time.Second // kept back from the deadline, for a batch and its records
	side      = 4                // calls for single media in flight
)

// Run applies every approved plan that has not ended, oldest first, at the event's
// time. A policy that approves itself approves the latest plan only. Items that wait
// for another try keep no other plan from its turn, and the guards count what all plans
// of this account remove in a night. It returns ErrBusy of the state room when another
// run is at work.
func (j Job) Run(ctx context.Context, at time.Time) (Report, error) {
	if err := j.check(at); err != nil {
		return Report{}, err
	}
	if j.Now == nil {
		j.Now = time.Now
	}
	if j.Log == nil {
		j.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Job: j, at: at.UTC(), name: state.NewRun(), begun: map[string]bool{}}
	var err error
	if r.lease, err = r.acquire(ctx, lane); err != nil {
		return Report{}, err
	}
	defer r.release(ctx)
	var report Report
	plans, err := r.plans(ctx)
	for _, p := range plans {
		var a Applied
		switch a, err = r.apply(ctx, p); { // these come before its first call
		case errors.Is(err, errDamaged):
			a, err = Applied{Plan: p.ID, Status: Refused, Why: err.Error(), Left: p.Items}, nil
		case errors.Is(err, errLate) && a.Status != Stopped:
			a = Applied{Plan: p.ID, Status: Stopped, Why: err.Error(), Left: p.Items}
		}
		if a.Plan != "" {
			report.Plans = append(report.Plans, a)
		}
		if a.Status == Stopped && errors.Is(err, video.ErrClosed) {
			return report, nil // it is told with the plan
		}
		if err != nil {
			break
		}
	}
	return report, err
}

func (j Job) check(at time.Time) error {
	faults := []error{j.Policy.Check()}
	if j.Region == "" || j.Account == "" {
		faults = append(faults, errors.New("purge: region and account are required: a plan is of one account"))
	}
	if at.IsZero() {
		faults = append(faults, errors.New("purge: the event has no time"))
	}
	if j.Policy != nil && j.Policy.Refresh && j.CDN == nil {
		faults = append(faults, errors.New("purge: the policy asks for refresh_cdn, and there is no way to do that here"))
	}
	return errors.Join(faults...)
}

// run is one run of the job.
type run struct {
	Job
	at     time.Time
	name   string
	lease  state.Lease
	ledger *state.Ledger
	sum    state.Totals            // what the plans that this run has begun take this night
	begun  map[string]bool         // which those are
	lately map[string]state.Totals // what plans removed this night; nil until it is read
	recent []bool                  // which of the last items failed
	latest state.Plan              // the last of this account and policy, whether it ended or not; no hash: it cannot be read

	counted map[retention.Item]bool // what quotas take by the latest plan; nil until it is read
	tree    []video.Category
	read    time.Time // when the tree was read
	usage   state.Usage
}

// treeLasts is how long the tree of categories is not read again.
const treeLasts = 5 * time.Minute

// Categories reads the tree when what is known of it is old.
func (r *run) Categories(ctx context.Context) ([]video.Category, error) {
	now := r.Now()
	if age := now.Sub(r.read); age >= 0 && age <= treeLasts {
		return r.tree, nil
	}
	tree, err := r.Library.Categories(ctx)
	if err == nil {
		r.tree, r.read = tree, now
	}
	return tree, err
}

// acquire takes the lease. One that is taken may be a dead run's: it is waited
// for once. A run that is alive renews it meanwhile.
func (r *run) acquire(ctx context.Context, lane string) (state.Lease, error) {
	lease, err := state.Acquire(ctx, r.State, lane, r.name, r.Now(), leaseTime)
	var busy *state.BusyError
	if !errors.As(err, &busy) || busy.Free.IsZero() {
		return lease, err
	}
	wait := time.NewTimer(min(busy.Free.Sub(r.Now()), 2*leaseTime))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return state.Lease{}, errors.Join(err, ctx.Err())
	case <-wait.C:
		return state.Acquire(ctx, r.State, lane, r.name, r.Now(), leaseTime)
	}
}

func (r *run) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.lease.Release(ctx, r.State); err != nil {
		r.Log.WarnContext(ctx, "lease not given back; it ends by itself", slog.Any("error", err))
	}
}

// hold keeps the lease in good time, and says ErrBusy when it was taken over. It is
// asked within everything that may take long.
func (r *run) hold(ctx context.Context) error {
	now := r.Now()
	if !now.After(r.lease.From.Add(leaseTime/2)) && r.lease.Valid(now) {
		return nil
	}
	lease, err := r.lease.Renew(ctx, r.State, now, leaseTime)
	if err == nil {
		r.lease = lease
	}
	return err
}

// plan is one plan with what is wrong with it.
type plan struct {
	state.Plan
	refused string
	mine    bool // it is of this region, account and application
}

// plans lists the plans that are not over, oldest first.
func (r *run) plans(ctx context.Context) ([]plan, error) {
	var all []plan
	var ids []string
	for id, err := range state.Plans(ctx, r.State, r.at.Add(-retention.LookBack)) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
		if err := r.hold(ctx); err != nil {
			return nil, err
		}
		switch _, err := state.ReadEnd(ctx, r.State, id); {
		case err == nil:
			continue
		case errors.Is(err, state.ErrCorrupt):
			all = append(all, plan{Plan: state.Plan{ID: id}, refused: "its end is not as it was written"})
			continue
		case !errors.Is(err, video.ErrNotFound):
			return nil, err
		}
		p, err := state.ReadPlan(ctx, r.State, id)
		switch {
		case errors.Is(err, state.ErrCorrupt):
			all = append(all, plan{Plan: state.Plan{ID: id}, refused: "it is not as it was written"})
		case err != nil:
			return nil, err
		default:
			all = append(all, plan{p, r.refuse(p), r.mine(p)})
		}
	}
	for _, id := range slices.Backward(ids) {
		p, err := state.ReadPlan(ctx, r.State, id)
		if err != nil && !errors.Is(err, state.ErrCorrupt) {
			return nil, err
		}
		if err != nil || r.mine(p) && p.Policy == r.Policy.Hash { // one that cannot be read may be it
			r.latest = p
			break
		}
	}
	return all, nil
}

func (r *run) mine(p state.Plan) bool {
	return p.Region == r.Region && p.Account == r.Account && p.App == r.App
}

// refuse says why a plan that is whole may still not be applied by this run.
func (r *run) refuse(p state.Plan) string {
	switch {
	case p.Region != r.Region:
		return fmt.Sprintf("it is of region %s, this is %s", p.Region, r.Region)
	case p.Account != r.Account:
		return fmt.Sprintf("it is of account %s, this is %s", p.Account, r.Account)
	case p.App != r.App:
		return fmt.Sprintf("it is of application %q, this is %q", p.App, r.App)
	case !r.at.Before(p.Expires):
		return "it expired " + p.Expires.Format(time.RFC3339)
	case r.at.Before(p.Created):
		return "it was made later than now, " + p.Created.Format(time.RFC3339)
	case p.Policy != r.Policy.Hash:
		return "the policy changed since it was made"
	}
	return ""
}

// apply takes one plan from its checks to its end, or as far as time allows. A plan
// that is Stopped comes with what stopped the run, or its items wait.
func (r *run) apply(ctx context.Context, p plan) (Applied, error) {
	a := Applied{Plan: p.ID, Left: p.Items, Results: map[video.Result]int{}}
	refuse := func(why string) (Applied, error) {
		a.Status, a.Why = Refused, why
		return a, nil
	}
	if p.Items == 0 && p.Hash != "" {
		return Applied{}, nil
	}
	if err := r.hold(ctx); err != nil {
		return Applied{}, err
	}
	if p.refused != "" {
		if p.mine {
			if err := r.tidy(ctx, p.Plan); err != nil {
				return Applied{}, err
			}
		}
		if _, err := state.ReadApproval(ctx, r.State, p.Plan); errors.Is(err, video.ErrNotFound) && p.Hash != "" {
			return Applied{}, nil // nobody asks for it, and nobody will miss it
		}
		return refuse(p.refused)
	}
	approval, err := state.ReadApproval(ctx, r.State, p.Plan)
	unasked := errors.Is(err, video.ErrNotFound)
	if unasked && r.Policy.SelfApproving && p.ID != r.latest.ID {
		return Applied{}, r.tidy(ctx, p.Plan) // the latest stands in for it
	}
	if err := r.list(ctx, p.Plan); errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound) {
		return refuse("its list is not as it was written: " + err.Error())
	} else if err != nil {
		return Applied{}, err
	}
	over, guards := r.guards(ctx, p.Plan)
	if guards != nil {
		return Applied{}, guards
	}
	if unasked && r.Policy.SelfApproving && len(over) == 0 {
		approval, err = state.Approve(ctx, r.State, p.Plan, "policy "+p.Policy[:8], "within its guards", r.at, 0)
		unasked = errors.Is(err, video.ErrNotFound)
	}
	switch {
	case len(over) > 0 && (err == nil || unasked && r.Policy.SelfApproving): // somebody expects it to be applied
		if err := r.tidy(ctx, p.Plan); err != nil {
			return Applied{}, err
		}
		return refuse("over the guards: " + strings.Join(over, "; "))
	case unasked:
		a.Status, a.Why = Waiting, "not approved"
		return a, r.tidy(ctx, p.Plan)
	case errors.Is(err, state.ErrCorrupt):
		return refuse("its approval does not fit it")
	case err != nil:
		return Applied{}, err
	case approval.First > 0:
		return refuse("only a portion of it is approved, and this program removes whole plans")
	}
	a.By = approval.By
	counted, err := r.counts(ctx, p.Plan)
	if err != nil {
		return Applied{}, err
	}
	w := &work{run: r, plan: p.Plan, by: approval.By, applied: &a, counted: counted}
	if err := w.begin(ctx); err != nil {
		return Applied{}, err
	}
	tonight, err := w.tonight(ctx)
	if err != nil {
		return Applied{}, err
	}
	r.sum, r.begun[p.ID] = plus(r.sum, tonight), true
	err = w.all(ctx)
	// What is known is written down even when the time is up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if flush := w.flush(ctx); flush != nil {
		return a, errors.Join(err, flush)
	}
	if a.Left = p.Items - len(w.final); a.Left > 0 || err != nil {
		a.Status, a.Why = Stopped, "some items wait for another try"
		if err != nil {
			a.Why = err.Error()
		}
		return a, err
	}
	a.Status = Ended
	return a, w.over(ctx, "")
}

// countLasts is how long what a plan counted of the whole library can be relied on. It
// is counted from the plan's time, at which planning began.
const countLasts = 24 * time.Hour

// counts gives what says why a quota of the plan may not take an item any more; empty:
// it may. What a quota takes is right only for the library that was counted for it, so
// the latest count has to take the very same.
func (r *run) counts(ctx context.Context, p state.Plan) (func(retention.Item) string, error) {
	all := func(why string) (func(retention.Item) string, error) {
		return func(retention.Item) string { return why }, nil
	}
	const again = "this plan, a later one counted the library again"
	switch age := r.at.Sub(r.latest.Created); {
	case r.latest.Hash == "" || !slices.ContainsFunc(p.Rules, func(t state.RuleTotals) bool { return r.Policy.Quota(t.Rule) }):
		return all(again)
	case age < 0 || age >= countLasts:
		return all(fmt.Sprintf("a count begun %s ago", age))
	case p.ID == r.latest.ID:
		return all("")
	case len(r.latest.Over) > 0:
		return all("this plan, the latest one is over the guards")
	}
	if r.counted == nil {
		var err error
		if r.counted, err = r.quotas(ctx); err != nil {
			return nil, err
		}
	}
	return func(i retention.Item) string {
		if i.Reason = ""; r.counted[i] {
			return ""
		}
		return again
	}, nil
}

// quotas gives what quotas take by the latest plan, without reasons: nothing when its
// list is not as it was written.
func (r *run) quotas(ctx context.Context) (map[retention.Item]bool, error) {
	items := map[retention.Item]bool{}
	for v, err := range r.latest.Entries(ctx, r.State) {
		if errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound) {
			return map[retention.Item]bool{}, nil
		}
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return nil, err
		}
		for _, i := range v.Items {
			if i.Reason = ""; r.Policy.Quota(i.Rule) {
				items[i] = true
			}
		}
	}
	return items, nil
}

// tidy finds out what became of calls that a run of a plan made before it died,
// when the plan will not be applied any further. One that never will be is over then,
// so that nobody reads again what it did.
func (r *run) tidy(ctx context.Context, p state.Plan) error {
	from, err := state.Begun(ctx, r.State, p.ID)
	if err != nil || from == 0 {
		return damaged(err)
	}
	w := &work{run: r, plan: p, applied: &Applied{Results: map[video.Result]int{}}}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if err := w.read(ctx, from); err != nil {
		return err
	}
	err = w.settle(ctx, true)
	if len(w.applied.Results) > 0 {
		r.lately = nil // what was open is known now
	}
	if err != nil || len(w.open) > 0 {
		return err
	}
	why := ""
	if _, err := state.ReadWithdrawal(ctx, r.State, p.ID); err == nil {
		why = "withdrawn"
	} else if !r.at.Before(p.Expires) {
		why = "expired"
	}
	if why == "" {
		return nil
	}
	if err := r.hold(ctx); err != nil {
		return err
	}
	return w.over(ctx, why)
}

// list proves that the whole list of a plan can be read as it was written, and that
// the plan's totals are those of the very list that is about to be removed.
func (r *run) list(ctx context.Context, p state.Plan) error {
	var sum state.Totals
	for v, err := range p.Entries(ctx, r.State) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return err
		}
		sum.Add(v.Items...)
	}
	if sum != p.Totals {
		return fmt.Errorf("the list does not add up to the plan's totals: %w", state.ErrCorrupt)
	}
	return nil
}

// guards says which guards a plan breaks.
func (r *run) guards(ctx context.Context, p state.Plan) ([]string, error) {
	// The plans of one night count together, or approving two would be a way round.
	if r.lately == nil {
		var err error
		if r.lately, err = r.removed(ctx, r.at.Add(-night)); err != nil {
			return nil, fmt.Errorf("count what the night has removed: %w", err)
		}
	}
	all := plus(r.sum, p.Totals)
	for id, freed := range r.lately {
		if id != p.ID && !r.begun[id] {
			all = plus(all, freed)
		}
	}
	over := r.Policy.Guards.Over(all.Items, all.Media, all.Unknown, all.Bytes, p.Library.Media)
	usual, err := r.usual(ctx)
	if err != nil {
		return nil, fmt.Errorf("count what is usual: %w", err)
	}
	if limit := r.Policy.Guards.Usual * usual; usual > 0 && float64(all.Items) > limit {
		over = append(over, fmt.Sprintf("%d items, usual are %.0f", all.Items, usual))
	}
	return over, nil
}

func plus(a, b state.Totals) state.Totals {
	return state.Totals{Media: a.Media + b.Media, Items: a.Items + b.Items, Bytes: a.Bytes + b.Bytes, Unknown: a.Unknown + b.Unknown}
}

// night is longer than the runs of one night are apart, and shorter than a day: what
// was removed since then is of this night.
const night = 20 * time.Hour

// removed sums what plans of this account removed since a tick, or may have removed:
// a call of which nobody knows what came of it counts until it is read.
func (r *run) removed(ctx context.Context, since time.Time) (map[string]state.Totals, error) {
	type item struct {
		plan string
		key
	}
	sums, seen := map[string]state.Totals{}, map[item]bool{}
	for row, err := range state.Recent(ctx, r.State, since) {
		if err == nil {
			err = r.hold(ctx)
		}
		if err != nil {
			return nil, err
		}
		i := item{row.Plan, keyOf(row.Item)}
		if row.Event == state.Note || strings.HasPrefix(row.Plan, state.Takedowns) || row.Tick.Before(since) || seen[i] {
			continue
		}
		seen[i] = true // what an item's last row says is true
		if !mayBeGone(row) {
			continue
		}
		sum, media := sums[row.Plan], item{row.Plan, key{id: row.ID}}
		sum.Add(row.Item)
		if seen[media] {
			sum.Media--
		}
		sums[row.Plan], seen[media] = sum, true
	}
	for id := range sums {
		switch p, err := state.ReadPlan(ctx, r.State, id); {
		case errors.Is(err, state.ErrCorrupt), errors.Is(err, video.ErrNotFound): // it may be this account's
		case err != nil:
			return nil, err
		case !r.mine(p):
			delete(sums, id)
		}
	}
	return sums, nil
}

// mayBeGone says that an item of which this is the last row was removed, or may have been.
func mayBeGone(row state.Row) bool {
	return row.Event == state.Intent || row.Event == state.Outcome && (row.Result == video.Done || row.Result == video.Unknown)
}

// tonight sums what of the plan can go this night, or went earlier this night.
func (w *work) tonight(ctx context.Context) (sum state.Totals, err error) {
	if len(w.past) == 0 {
		return w.plan.Totals, nil
	}
	for v, err := range w.plan.Entries(ctx, w.State) {
		if err == nil {
			err = w.hold(ctx)
		}
		if err != nil {
			return sum, err
		}
		sum.Add(slices.DeleteFunc(v.Items, func(i retention.Item) bool { return w.past[keyOf(i)] })...)
	}
	return sum, nil
}

// usual is the median number of items of the last plans of this account that ended,
// at least 10; 0 says that there were fewer than three.
func (r *run) usual(ctx context.Context) (float64, error) {
	var counts []int
	ended, err := state.Ended(ctx, r.State, r.at.Add(-retention.LookBack))
	if err != nil {
		return 0, err
	}
	for _, id := range slices.Backward(ended) {
		if err := r.hold(ctx); err != nil {
			return 0, err
		}
		e, err := state.ReadEnd(ctx, r.State, id)
		var p state.Plan
		if err == nil {
			p, err = state.ReadPlan(ctx, r.State, id)
		}
		switch {
		case errors.Is(err, state.ErrCorrupt), errors.Is(err, video.ErrNotFound): // nobody knows whose it is, or how many
		case err != nil:
			return 0, err
		case r.mine(p):
			counts = append(counts, e.Freed.Items)
		}
		if len(counts) == 9 {
			break
		}
	}
	if len(counts) < 3 {
		return 0, nil
	}
	slices.Sort(counts)
	return float64(max(counts[len(counts)/2], 10)), nil
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
