package nights_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

const (
	region  = "cn-shanghai"
	account = "1"
	adopted = 150 // assets that are there at the beginning
)

// TestSimulatedNights plays nights of planning and purging over libraries that
// people change, in all weather, and counts what should not have happened.
// SOAK=1 plays 300 seeds of 90 nights; SEED=7 plays one again and tells it.
func TestSimulatedNights(t *testing.T) {
	began := time.Now()
	seeds, nights := 8, 20
	if os.Getenv("SOAK") != "" {
		seeds, nights = 300, 90
	}
	if text := os.Getenv("NIGHTS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		nights = n
	}
	first := 1
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		first, seeds = n, 1
	}
	sums := newSums()
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+seeds; seed++ {
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { sums.add(play(t, uint64(seed), nights)) })
			})
		}
	})
	sums.report(t, seeds, nights, time.Since(began))
}

// play tells the story of one seed.
func play(t *testing.T, seed uint64, nights int) *world {
	time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	w := newWorld(t, seed)
	for w.night = range nights {
		w.live(t)
	}
	w.sky = sky{}
	close(w.over)
	w.job.Wait()
	w.settleAccounts(t)
	return w
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{seed: seed, shelf: &statetest.Memory{}, assets: map[video.ID]*asset{}, groupAt: map[int64]time.Time{},
		over: make(chan struct{}), count: map[string]int{}, due0: map[part]*waiting{}, errs: map[string]int{}, refused: map[string]int{}}
	w.audit = newAudit(w)
	r := w.dice("world")
	w.book = rulebook{
		words: []string{"keep", "hold", "legal-hold", "never-delete"}, list: chance(r, 0.5), newest: pick(r, 0, 0, 3),
		grace: pick(r, 0, 0, 2), self: chance(r, 0.6), expires: 7, count: pick(r, 25, 1000, 1000), percent: pick(r, 30.0, 100, 100), refresh: chance(r, 0.2),
		rules: []rule{temporary, superseded, pick(r, sources, sources, smaller)},
	}
	if chance(r, 0.5) {
		w.book.categories = []int64{100}
	}
	if chance(r, 0.5) {
		w.book.rules = append(w.book.rules, lowPicture)
	}
	if chance(r, 0.5) {
		w.book.rules = append(w.book.rules, snapshots)
	}
	w.adopt(t)
	w.tree = wholeTree
	w.shelf.Put(listKey, []byte("# nobody yet\n"))
	for range adopted {
		w.upload(r, w.now().Add(-time.Duration(r.Int64N(int64(110*day)))))
	}
	return w
}

// adopt hands the policy to the jobs.
func (w *world) adopt(t *testing.T) {
	p, err := retention.Parse("policy.yaml", []byte(w.book.text()))
	require.NoError(t, err, w.book.text())
	w.policy = p
	w.policies++
}

// live plays one day, from noon to noon.
func (w *world) live(t *testing.T) {
	noon := w.now().Truncate(time.Hour)
	r := w.dice("day", w.night)
	w.forecast(r)
	var todo []deed
	at := func(d time.Duration, do func()) { todo = append(todo, deed{noon.Add(d), do}) }
	w.people(r, at)
	w.troubles(t, r, at)
	at(50*time.Minute, w.countDue)
	for _, hour := range []int{1, 2, 5} { // of six ticks in truth; most find the plan there
		w.tick(at, time.Duration(hour)*time.Hour, r.Int64(), w.runPlan)
	}
	w.person(r, at)
	for hour := 7; hour < 11; hour++ {
		w.tick(at, time.Duration(hour)*time.Hour, r.Int64(), w.runPurge)
	}
	at(10*time.Hour+50*time.Minute, w.reckon)
	slices.SortStableFunc(todo, func(a, b deed) int { return a.at.Compare(b.at) })
	for _, d := range todo {
		time.Sleep(time.Until(d.at))
		d.do()
	}
	time.Sleep(time.Until(noon.Add(day)))
}

type deed struct {
	at time.Time
	do func()
}

// tick starts a function at a time of the day; when the weather has it so, twice.
func (w *world) tick(at schedule, when time.Duration, luck int64, do func(noise int64)) {
	at(when, func() { w.job.Go(func() { do(luck) }) })
	if w.sky.twice {
		at(when+time.Duration(luck%int64(8*time.Second)), func() { w.job.Go(func() { do(luck + 1) }) })
	}
}

func (w *world) newRun(name string, luck int64) *run {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs++
	r := &run{w: w, id: w.runs, name: name, policy: w.policies, skew: w.sky.skew, sky: w.sky, began: time.Now(),
		reads: map[video.ID]*reading{}, calls: map[string]int{}, afterOff: map[video.ID]bool{}}
	if q := w.audit.plans[w.audit.latest]; q != nil && name == "purge" {
		q.wasLatest = true
	}
	dice := w.dice("run", luck)
	if w.sky.kills && chance(dice, 0.5) {
		r.kill = 1 / float64(pick(dice, 10, 60, 200))
	}
	if w.sky.sleeps && chance(dice, 0.3) {
		r.sleep = 1.0 / 60
	}
	return r
}

func (r *run) String() string { return fmt.Sprintf("%s run %d", r.name, r.id) }

func (w *world) runPlan(luck int64) { w.planAt(luck, w.now().Add(w.sky.skew), "plan", account) }

func (w *world) planAt(luck int64, at time.Time, name, account string) {
	r := w.newRun(name, luck)
	limit := 15 * time.Minute
	if w.sky.cut {
		limit = 22 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	job := plan.Job{Library: view{r}, State: desk{r}, Policy: w.policy, Scope: video.Scope{Region: region, Account: account}}
	report, err := job.Run(ctx, at.Truncate(time.Second))
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.count["plan runs that failed"]++
		w.fail(r, err)
		return
	}
	if report.Finished() && name == "plan" && account == report.Plan.Account {
		w.tonight = report.Plan
	}
}

// fail remembers the errors of calm nights, which nothing excuses.
func (w *world) fail(r *run, err error) {
	if r.sky.calm() && !errors.Is(err, errDead) && !errors.Is(err, state.ErrBusy) {
		text := err.Error()
		w.errs[r.name+": "+text[:min(len(text), 160)]]++
	}
}

func (w *world) runPurge(luck int64) {
	r := w.newRun("purge", luck)
	limit := 50 * time.Minute
	if w.sky.cut {
		limit = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	job := purge.Job{Library: view{r}, CDN: view{r}, State: desk{r}, Policy: w.policy, Scope: video.Scope{Region: region, Account: account}, Now: r.clock}
	report, err := job.Run(ctx, r.clock().Truncate(time.Second))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.audit.holder == r {
		w.audit.holder = nil
	}
	w.count["purge runs"]++
	if err != nil {
		w.count["purge runs that failed"]++
		w.fail(r, err)
	}
	for _, p := range report.Plans {
		if p.Status == purge.Refused && w.sky.calm() {
			w.refused[strings.Join(strings.FieldsFunc(p.Why, func(r rune) bool { return r >= '0' && r <= '9' }), "#")]++
		}
	}
}

// person approves in the evening what is planned, late on some days, and takes
// some approvals back.
func (w *world) person(r interface{ Float64() float64 }, at schedule) {
	when := 6 * time.Hour
	w.sleepy = r.Float64() < 0.15
	if w.sleepy {
		when = 14 * time.Hour // in the morning
	}
	back := r.Float64() < 0.05
	at(when, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		ctx := context.Background()
		p := w.tonight
		if p.ID == "" || w.book.self && len(p.Over) == 0 {
			return
		}
		q := w.audit.plans[p.ID]
		if q == nil {
			return
		}
		first := 0
		if len(p.Over) > 0 {
			first = w.book.limit(w.there())
		}
		if err := approve(ctx, w.shelf, p, first, w.now()); err == nil {
			q.approved, q.first = time.Now(), first
			w.count["approvals"]++
		}
		if back {
			if err := removal.Withdraw(ctx, w.shelf, p.ID, "anna", "", w.now()); err == nil {
				q.backed = time.Now()
				w.excuse = "withdrawn"
			}
		}
	})
}

// approve writes a person's approval, of a portion when first is not 0.
func approve(ctx context.Context, o state.Objects, p removal.Plan, first int, at time.Time) error {
	var err error
	switch f := any(removal.Approve).(type) { // with portions, and before there were any
	case func(context.Context, state.Objects, removal.Plan, string, string, time.Time, int) (removal.Approval, error):
		_, err = f(ctx, o, p, "anna", "", at, first)
	case func(context.Context, state.Objects, removal.Plan, string, string, time.Time) (removal.Approval, error):
		if first > 0 {
			return errors.New("there are no portions")
		}
		_, err = f(ctx, o, p, "anna", "", at)
	}
	return err
}

func (w *world) there() (n int) {
	for _, a := range w.order {
		if !a.gone && completes(a.Media, 0) > 0 {
			n++
		}
	}
	return n
}

// --- liveness

type waiting struct {
	good, backlog int
	version       int
	told          bool
}

// countDue notes before the first tick what must go.
func (w *world) countDue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tonight = removal.Plan{}
	now := map[part]*waiting{}
	n := 0
	var all []part
	for _, a := range w.order {
		all = append(all, w.due(a, w.now())...)
		n += w.candidates(a, w.now())
	}
	for _, p := range all {
		old := w.due0[p]
		if old == nil || old.version != w.assets[p.id].version {
			old = &waiting{version: w.assets[p.id].version}
		}
		old.backlog = max(old.backlog, n)
		now[p] = old
	}
	w.due0 = now
}

// reckon says in the morning what went in time, and what waits for too long.
func (w *world) reckon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	why := w.excused()
	if why == "" {
		w.count["good nights"]++
	} else {
		w.count["nights excused: "+why]++
	}
	for _, p := range slices.SortedFunc(maps.Keys(w.due0), func(a, b part) int { return strings.Compare(a.String(), b.String()) }) {
		wait, a := w.due0[p], w.assets[p.id]
		if w.audit.removed[p] {
			if !wait.told {
				w.count["gone in time"]++
			}
			delete(w.due0, p)
			continue
		}
		if a.version != wait.version || !slices.Contains(w.due(a, w.now()), p) {
			delete(w.due0, p)
			continue
		}
		if why == "" {
			wait.good++
		}
		if limit := nightsFor(wait.backlog, w.book.limit(w.there()), w.book.grace); wait.good > limit && !wait.told {
			wait.told = true
			w.count["stuck"]++
			w.tell(a, "STUCK: %s waits for %d good nights of %d", p, wait.good, limit)
			if w.stuck++; w.stuck <= 1 {
				w.audit.stories = append(w.audit.stories, fmt.Sprintf("seed %d, night %d: stuck: %s, %d good nights, backlog %d, limit %d, over %v\n    %s", w.seed, w.night, p, wait.good, wait.backlog, w.book.limit(w.there()), w.tonight.Over, strings.Join(a.events, "\n    ")))
			}
		}
	}
	most := 0
	for _, wait := range w.due0 {
		most = max(most, wait.good)
	}
	w.diary = append(w.diary, fmt.Sprintf("night %d, %+v: excuse %q; plan %s with %d items, over %v; %d still due, the longest for %d nights, limit %d",
		w.night, w.sky, why, w.tonight.ID, w.tonight.Items, w.tonight.Over, len(w.due0), most, w.book.limit(w.there())))
	w.excuse = ""
}

// excused says why tonight does not count.
func (w *world) excused() string {
	q := w.audit.plans[w.tonight.ID]
	switch {
	case w.excuse != "":
		return w.excuse
	case !w.sky.calm():
		return "weather"
	case !w.halted.IsZero():
		return "halted"
	case w.heldCategory(0) != "":
		return "a held category is not in the tree"
	case q == nil:
		return "" // nothing excuses a night without a plan
	case w.sleepy && (!w.book.self || len(q.Over) > 0):
		return "not approved in time"
	}
	return ""
}

// settleAccounts compares the ledger with what really left.
func (w *world) settleAccounts(t *testing.T) {
	done, last := map[part]bool{}, map[part]removal.Row{}
	for row, err := range removal.Rows(t.Context(), w.shelf, 0) {
		if err != nil {
			w.count["ledger unreadable"]++
			w.errs["ledger: "+err.Error()]++
			return
		}
		if row.Event != removal.Outcome {
			continue
		}
		p := part{row.ID, string(row.Kind), row.Part}
		last[p] = row
		if row.Result == video.Done {
			done[p] = true
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(last), func(a, b part) int { return strings.Compare(a.String(), b.String()) }) {
		row, a := last[p], w.assets[p.id]
		switch {
		case done[p] && !w.audit.removed[p] && !a.byPeople:
			w.audit.breach("the ledger says removed of what is there", a, &run{name: "ledger"}, "%s", p)
		case w.audit.removed[p] && (row.Result == video.Kept || row.Result == video.Failed || row.Result == video.Rejected) && !done[p]:
			w.audit.breach("the ledger's last word is not what the library says", a, &run{name: "ledger"}, "%s: %s, %s", p, row.Result, row.Detail)
		}
	}
}
