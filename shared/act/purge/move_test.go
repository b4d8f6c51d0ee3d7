package purge_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// shelves is a library that moves, and has no way to delete.
type shelves struct {
	*library
	to      map[video.ID]string // of what is under way
	effects map[video.ID]int
	moves   []string // calls, each with what was asked
	early   int      // calls that said so
}

func (s *shelves) SetStorageClass(_ context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error) {
	s.moves = append(s.moves, fmt.Sprintf("%s %v %d", class, sourceOnly, len(ids)))
	if early {
		s.early++
	}
	return s.each(ids, "move", func(id video.ID) video.Outcome {
		m := s.media[id]
		switch {
		case s.to[id] != "":
			return video.Outcome{ID: id, Result: video.Forbidden, Err: video.ErrForbidden, Reason: "IllegalStatus"}
		case m.StorageClass == class:
			return video.Outcome{ID: id, Result: video.Unchanged, Reason: "it is so already"}
		}
		m.StorageClass = "Changing"
		if s.to[id] = class; sourceOnly {
			m.StorageClass, s.to[id] = "SourceChanging", "Source"+class
		}
		s.media[id] = m
		s.effects[id]++
		s.removed = append(s.removed, "move "+string(id))
		return video.Outcome{ID: id, Result: video.Done}
	})
}

// finish ends what is under way; what fails is where it was.
func (s *shelves) finish(fails func(video.ID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, to := range s.to {
		m, ok := s.media[id]
		if m.StorageClass = to; fails != nil && fails(id) {
			m.StorageClass = "Standard"
		}
		if ok {
			s.media[id] = m
		}
	}
	clear(s.to)
}

const cooling = `
holds: {tags: [keep]}
rules:
  - {name: gone, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
  - {name: cool, older_than: 30d, move: {to: IA, scope: all}}
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
moves: {guards: {count: 1000000, percent: 100, unknown: 1000, bytes: 1TB}}
`

func cold(id string, tags ...string) video.Media {
	m := temp(id)
	m.Tags, m.StorageClass = tags, "Standard"
	return m
}

// newShelves is a world whose policy is the one that moves.
func newShelves(t *testing.T, policy string, all ...video.Media) (*world, *shelves) {
	w := newWorld(t, policy, all...)
	w.policy = w.policy.Moves()
	require.NotNil(t, w.policy)
	return w, &shelves{library: w.library, to: map[video.ID]string{}, effects: map[video.ID]int{}}
}

func (w *world) mover(s *shelves) purge.Job {
	job := w.job()
	job.Library, job.Mover = nil, s
	return job
}

func (w *world) move(t *testing.T, s *shelves, at time.Time) purge.Report {
	t.Helper()
	r, err := w.mover(s).Run(t.Context(), at)
	require.NoError(t, err)
	return r
}

func shelved(n int) (all []video.Media) {
	for i := range n {
		all = append(all, cold(fmt.Sprintf("%05d", i)))
	}
	return all
}

func TestAMovingPlanAsksAndALaterRunSettles(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(45)...)
	p := w.plan(t, made)
	require.Equal(t, retention.Moving, p.Duty)
	require.Equal(t, []removal.MoveTotals{{To: "IA", Scope: "all", Totals: removal.Totals{Media: 45, Items: 45, Bytes: p.Bytes}}}, p.Moves)
	require.Equal(t, 3, p.Work.Deletes, "calls")
	require.Equal(t, purge.Waiting, w.move(t, s, later).Plans[0].Status)
	w.approve(t, p)
	r := w.move(t, s, later)
	require.Equal(t, purge.UnderWay, r.Plans[0].Status, r.Plans[0].Why)
	require.Equal(t, 45, r.Plans[0].Left)
	require.Empty(t, r.Results(), "nothing is done yet")
	require.Equal(t, []string{"IA false 20", "IA false 20", "IA false 5"}, s.moves)
	require.Zero(t, s.early)

	r = w.move(t, s, later.Add(time.Hour))
	require.Equal(t, purge.UnderWay, r.Plans[0].Status)
	require.Len(t, s.moves, 3, "what is under way is not asked for again")
	s.finish(nil)
	r = w.move(t, s, later.AddDate(0, 0, 1))
	require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
	require.Equal(t, map[video.Result]int{video.Done: 45}, r.Results())
	require.Empty(t, w.move(t, s, later.AddDate(0, 0, 1)).Plans)
	_, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	days, err := removal.Reconcile(t.Context(), w.objects)
	require.NoError(t, err)
	require.Empty(t, days, "a move is no deletion")
	past, _, err := removal.LoadPast(t.Context(), w.objects)
	require.NoError(t, err)
	class, _, ok := past.Moved("00007")
	require.Equal(t, "IA", class)
	require.True(t, ok)
}

func TestEachDutyLeavesThePlansOfTheOtherAlone(t *testing.T) {
	w, s := newShelves(t, cooling, cold("a"), cold("b", "temp"), cold("c", "keep"))
	moving := w.policy
	removing, err := retention.Parse("policy.yaml", []byte(cooling))
	require.NoError(t, err)
	w.policy = removing
	gone := w.plan(t, made)
	w.policy = moving
	put := w.plan(t, made)
	require.Equal(t, 1, gone.Items)
	require.Equal(t, 1, put.Items, "what leaves is not moved, and what is held neither")
	require.NotEqual(t, gone.Policy, put.Policy)
	w.approve(t, gone)
	w.approve(t, put)
	r := w.move(t, s, later)
	require.Len(t, r.Plans, 1)
	require.Equal(t, put.ID, r.Plans[0].Plan)
	require.Equal(t, []string{"a", "b", "c"}, w.ids())
	w.policy = removing
	rr := w.purge(t, later)
	require.Len(t, rr.Plans, 1)
	require.Equal(t, gone.ID, rr.Plans[0].Plan)
	require.Equal(t, 1, rr.Removed())
	require.Equal(t, []string{"a", "c"}, w.ids())
	require.Equal(t, "Changing", w.media["a"].StorageClass)
	s.finish(nil)
	w.policy = moving
	require.Equal(t, purge.Ended, w.move(t, s, later.Add(time.Hour)).Plans[0].Status)
	for _, p := range []removal.Plan{gone, put} {
		status, detail, err := removal.StatusOf(t.Context(), w.objects, p, later)
		require.NoError(t, err)
		require.Equal(t, removal.PlanEnded, status, detail.Why)
	}
	w.policy = removing
	next := w.plan(t, made.AddDate(0, 0, 1))
	require.Equal(t, 0, next.Missed(gone.Created))

	job := w.job()
	job.Policy = moving
	_, err = job.Run(t.Context(), later)
	require.ErrorContains(t, err, `duty is "move"`)
}

func TestWhatIsHeldOrChangedBeforeAMoveStays(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(3)...)
	w.approve(t, w.plan(t, made))
	m := w.media["00001"]
	m.Tags = []string{"keep"}
	w.media["00001"] = m
	m = w.media["00002"]
	m.StorageClass = "Changing" // by somebody else
	w.media["00002"] = m
	r := w.move(t, s, later)
	require.Equal(t, map[video.Result]int{video.Kept: 2}, r.Results())
	require.Equal(t, purge.UnderWay, r.Plans[0].Status)
	s.finish(nil)
	require.Equal(t, purge.Ended, w.move(t, s, later.Add(time.Hour)).Plans[0].Status)
	require.Equal(t, map[video.ID]int{"00000": 1}, s.effects)
}

func TestAMoveThatCameToNothingIsAskedForAgain(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(2)...)
	w.approve(t, w.plan(t, made))
	w.move(t, s, later)
	s.finish(func(id video.ID) bool { return id == "00001" })
	r := w.move(t, s, later.Add(time.Hour))
	require.Equal(t, purge.UnderWay, r.Plans[0].Status)
	require.Equal(t, map[video.Result]int{video.Done: 1, video.Deferred: 1}, r.Results())
	require.Equal(t, map[video.ID]int{"00000": 1, "00001": 2}, s.effects)
	s.finish(nil)
	require.Equal(t, purge.Ended, w.move(t, s, later.Add(2*time.Hour)).Plans[0].Status)
}

// What is under way is settled whatever becomes of the plan, and what never ends is told.
func TestSettlingNeedsNoPermit(t *testing.T) {
	for name, tc := range map[string]struct {
		then func(*testing.T, *world, removal.Plan)
		at   time.Time
	}{
		"expired": {func(*testing.T, *world, removal.Plan) {}, later.AddDate(0, 0, 8)},
		"halted": {func(t *testing.T, w *world, _ removal.Plan) {
			require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna"}))
		}, later.Add(time.Hour)},
		"another policy": {func(t *testing.T, w *world, _ removal.Plan) {
			p, err := retention.Parse("p", []byte(cooling+"# other"))
			require.NoError(t, err)
			w.policy = p.Moves()
		}, later.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newShelves(t, cooling, shelved(25)...)
			p := w.plan(t, made)
			w.approve(t, p)
			w.move(t, s, later)
			tc.then(t, w, p)
			if name != "expired" { // by then it is no more under way, but unknown
				r := w.move(t, s, tc.at)
				require.Equal(t, purge.UnderWay, r.Plans[0].Status, r.Plans[0].Why)
			}
			s.finish(func(id video.ID) bool { return id == "00003" && name != "halted" })
			r := w.move(t, s, tc.at)
			require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
			require.Len(t, s.moves, 2)
			if name != "halted" {
				require.Equal(t, map[video.Result]int{video.Done: 24, video.Failed: 1}, r.Results())
			}
			status, _, err := removal.StatusOf(t.Context(), w.objects, p, tc.at)
			require.NoError(t, err)
			require.Equal(t, removal.PlanEnded, status)
		})
	}
	t.Run("withdrawn", func(t *testing.T) {
		w, s := newShelves(t, cooling, shelved(3)...)
		p := w.plan(t, made)
		w.approve(t, p)
		w.move(t, s, later)
		require.NoError(t, removal.Withdraw(t.Context(), w.objects, p.ID, "anna", "", later))
		s.finish(nil)
		w.move(t, s, later.Add(time.Hour))
		end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
		require.NoError(t, err)
		require.Equal(t, map[video.Result]int{video.Done: 3}, end.Results)
	})
	t.Run("for more than three days", func(t *testing.T) {
		w, s := newShelves(t, cooling, shelved(2)...)
		w.approve(t, w.plan(t, made))
		w.move(t, s, later)
		require.Equal(t, purge.UnderWay, w.move(t, s, later.Add(72*time.Hour)).Plans[0].Status)
		r := w.move(t, s, later.Add(73*time.Hour))
		require.Equal(t, purge.Ended, r.Plans[0].Status)
		require.Equal(t, map[video.Result]int{video.Unknown: 2}, r.Results())
	})
	t.Run("the asset is gone", func(t *testing.T) {
		w, s := newShelves(t, cooling, shelved(2)...)
		w.approve(t, w.plan(t, made))
		w.move(t, s, later)
		delete(w.media, "00001")
		s.finish(nil)
		r := w.move(t, s, later.Add(time.Hour))
		require.Equal(t, map[video.Result]int{video.Done: 1, video.Missing: 1}, r.Results())
	})
}

func TestAHaltStopsMovesAfterTwentyMore(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(200)...)
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if strings.HasPrefix(call, "move") && len(s.moves) == 3 {
			return removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna", Reason: "wait"})
		}
		return nil
	}
	r := w.move(t, s, later)
	require.Equal(t, purge.Stopped, r.Plans[0].Status)
	require.Equal(t, removal.IncidentHalted, r.Plans[0].Code)
	require.Len(t, s.effects, 60)
	require.Len(t, s.moves, 3)
	require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: false, By: "anna"}))
	s.finish(nil)
	require.Equal(t, purge.UnderWay, w.move(t, s, later.Add(time.Hour)).Plans[0].Status)
	require.Len(t, s.moves, 10)
}

// Rungs of a ladder lie mixed in a plan, and still twenty of a kind go in one call.
func TestMovesOfAKindShareCalls(t *testing.T) {
	var all []video.Media
	for i := range 100 {
		m := cold(fmt.Sprintf("%05d", i))
		if i%2 == 0 {
			m.Created, m.Modified = at(500), at(400)
		}
		m.Created = m.Created.Add(time.Duration(i) * time.Second)
		all = append(all, m)
	}
	w, s := newShelves(t, strings.Replace(cooling, "older_than: 30d, move: {to: IA, scope: all}",
		"move: {early: true, ladder: [{older_than: 30d, to: IA, scope: all}, {older_than: 365d, to: Archive, scope: all}]}", 1), all...)
	p := w.plan(t, made)
	require.Equal(t, 6, p.Work.Deletes)
	w.approve(t, p)
	require.Equal(t, purge.UnderWay, w.move(t, s, later).Plans[0].Status)
	require.Len(t, s.moves, 6)
	require.Equal(t, 6, s.early)
	require.Len(t, s.effects, 100)
}

func TestWhatTheLibraryRefusesToMoveIsSetAside(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(3)...)
	p := w.plan(t, made)
	w.approve(t, p)
	refusing := &refuser{shelves: s}
	job := w.mover(s)
	job.Mover = refusing
	r, err := job.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Forbidden: 1, video.Unchanged: 1, video.Missing: 1}, r.Results())
	require.Equal(t, purge.Ended, r.Plans[0].Status)
	require.Equal(t, 1, w.plan(t, made.AddDate(0, 0, 1)).Items, "what is missing; the others wait for a week")
}

type refuser struct{ *shelves }

func (r *refuser) SetStorageClass(context.Context, []video.ID, string, bool, bool) ([]video.Outcome, error) {
	return []video.Outcome{{ID: "00000", Result: video.Forbidden, Err: video.ErrForbidden, Reason: "OwnBucket"},
		{ID: "00001", Result: video.Unchanged, Reason: "does not apply"}, {ID: "00002", Result: video.Missing, Err: video.ErrNotFound}}, nil
}

// Which list of an answer names assets that need nothing, and which those that are not there,
// is not documented. Somebody moves one and deletes another between the last read and the
// call: by either reading the ledger says what is so.
func TestARefusedMoveIsSettledByReading(t *testing.T) {
	for name, ignoredUnknown := range map[string]bool{"ignored is what needs nothing": false, "ignored is what is not there": true} {
		t.Run(name, func(t *testing.T) {
			c := newOverHTTP(t, cooling, func(s *localcloud.Services) { s.VOD.IgnoredUnknown = ignoredUnknown })
			c.policy = c.policy.Moves()
			so, gone, goes := c.seed("so", 100, ""), c.seed("gone", 100, ""), c.seed("goes", 100, "")
			p := c.approved(t)
			require.Equal(t, 3, p.Items)
			c.before = func(action string) {
				if action == "UpdateMediaStorageClass" {
					c.cloud.VOD.SetClass(so.ID, "IA", c.now())
					_, err := c.client.DeleteVideos(t.Context(), []video.ID{video.ID(gone.ID)})
					require.NoError(t, err)
				}
			}
			for range 3 {
				job := c.job()
				job.Mover = c.client
				_, err := job.Run(t.Context(), c.now().Add(time.Minute))
				require.NoError(t, err)
				c.cloud.Advance(time.Hour)
			}
			want := map[video.ID]video.Result{video.ID(so.ID): video.Unchanged, video.ID(gone.ID): video.Missing, video.ID(goes.ID): video.Done}
			have := map[video.ID]video.Result{}
			for row, err := range removal.Rows(t.Context(), c.objects, 0) {
				require.NoError(t, err)
				if row.Event == removal.Outcome {
					have[row.ID] = row.Result
				}
			}
			require.Equal(t, want, have)
			now, _ := c.cloud.VOD.Lookup(goes.ID)
			require.Equal(t, "IA", now.StorageClass)
		})
	}
}

// A change that is undone late is the last modification of the asset, so that its plan keeps it.
// The plans of the next nights would each ask for it once more: it is set aside as well.
func TestAMoveThatIsUndoneLateIsSetAside(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(3)...)
	p := w.plan(t, made)
	w.approve(t, p)
	w.move(t, s, later)
	s.finish(func(id video.ID) bool { return id == "00001" })
	m := w.media["00001"]
	m.Modified = later.Add(5 * time.Hour)
	w.media["00001"] = m
	r := w.move(t, s, later.Add(6*time.Hour))
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Deferred: 1, video.Kept: 1}, r.Results())
	require.Equal(t, 1, s.effects["00001"])
	for day, items := range map[int]int{1: 0, 6: 0, 8: 1} {
		require.Equal(t, items, w.plan(t, made.AddDate(0, 0, day)).Items, "day %d", day)
	}
}

// The plan of the next night is there before a run reads that the move came to nothing: that run
// asks for it no more, or each night would ask before anybody knows, and modify the asset again.
func TestAMoveThatWasUndoneIsNotAskedForByTheNextPlan(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(3)...)
	w.approve(t, w.plan(t, made))
	w.move(t, s, later)
	s.finish(func(id video.ID) bool { return id == "00001" })
	m := w.media["00001"]
	m.Modified = later.Add(5 * time.Hour)
	w.media["00001"] = m
	next := w.plan(t, made.AddDate(0, 0, 1))
	require.Equal(t, 1, next.Items)
	w.approve(t, next)
	r := w.move(t, s, later.AddDate(0, 0, 1))
	require.Len(t, r.Plans, 2)
	require.Equal(t, map[video.Result]int{video.Kept: 1}, r.Plans[1].Results)
	require.Equal(t, 1, s.effects["00001"])
	for day, items := range map[int]int{2: 0, 6: 0, 9: 1} {
		require.Equal(t, items, w.plan(t, made.AddDate(0, 0, day)).Items, "day %d", day)
	}
}

// Kills, lost answers, throttles, changes that fail, holds and halts in any order: what a
// person listed and approved moves, nothing else does, and the ledger says what is so.
func TestMovesInAllWeathers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	moved, runs := 0, 0
	for round := range 60 {
		w, s := newShelves(t, cooling, append(shelved(60), cold("held", "keep"), cold("young"))...)
		m := w.media["young"]
		m.Created = at(1)
		w.media["young"] = m
		p := w.plan(t, made)
		w.approve(t, p)
		held := map[video.ID]bool{}
		broken := errors.New("killed")
		chance := func(n int) bool { return rng.IntN(n) == 0 }
		for run := 0; ; run++ {
			runs++
			require.Less(t, run, 100, "seed %d round %d", seed, round)
			calm := run > 8
			kill, calls := rng.IntN(12), 0
			w.before = func(call string) error {
				if !strings.HasPrefix(call, "move") || calm {
					return nil
				}
				if chance(5) {
					return video.ErrThrottled
				}
				return nil
			}
			w.after = func(string) error {
				if !calm && chance(6) {
					return fmt.Errorf("%w: cut", video.ErrUnknownOutcome)
				}
				return nil
			}
			job := w.mover(s)
			job.Mover = &dying{shelves: s, die: func() bool { calls++; return !calm && calls > kill }}
			if chance(3) {
				id := video.ID(fmt.Sprintf("%05d", rng.IntN(60)))
				if m := w.media[id]; m.StorageClass == "Standard" && s.to[id] == "" {
					m.Tags = []string{"keep"}
					w.media[id] = m
					held[id] = s.effects[id] == 0
				}
			}
			func() {
				defer func() {
					if r := recover(); r != nil && r != any(broken) && fmt.Sprint(r) != "killed" {
						panic(r)
					}
				}()
				_, _ = job.Run(t.Context(), later.Add(time.Duration(run)*time.Hour/10))
			}()
			if chance(2) || calm {
				s.finish(func(video.ID) bool { return !calm && chance(8) })
			}
			if _, err := removal.ReadEnd(t.Context(), w.objects, p.ID); err == nil {
				break
			}
		}
		last := map[video.ID]video.Result{}
		for row, err := range removal.Rows(t.Context(), w.objects, 0) {
			require.NoError(t, err)
			if row.Event == removal.Outcome && row.Result != video.Deferred {
				require.Empty(t, last[row.ID], "one last word")
				last[row.ID] = row.Result
			}
		}
		s.finish(nil)
		for id, m := range w.media {
			require.Equal(t, m.StorageClass == "IA", last[id] == video.Done, "seed %d round %d: %s is %s, the ledger says %q", seed, round, id, m.StorageClass, last[id])
			if s.effects[id] > 0 {
				moved++
				require.False(t, held[id], "%s was held before", id)
				require.NotContains(t, []video.ID{"held", "young"}, id, "outside of the plan")
			}
		}
		for _, call := range w.calls {
			require.NotContains(t, call, "delete")
		}
		_, err := removal.VerifyLedger(t.Context(), w.objects)
		require.NoError(t, err)
	}
	t.Logf("seed %d: 60 plans, %d runs, %d assets moved; outside a plan 0, held 0, deletes 0", seed, runs, moved)
}

// dying is a library at which a run dies, before or after a call.
type dying struct {
	*shelves
	die func() bool
}

func (d *dying) SetStorageClass(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error) {
	if d.die() {
		panic("killed")
	}
	out, err := d.shelves.SetStorageClass(ctx, ids, class, sourceOnly, early)
	if d.die() {
		panic("killed")
	}
	return out, err
}

// A hundred thousand assets cost five thousand calls; without SOAK it is a tenth of both.
func TestMovesCostACallForTwenty(t *testing.T) {
	n := 10_000
	if os.Getenv("SOAK") != "" {
		n = 100_000
	}
	all := shelved(n)
	for i := range all {
		all[i].ID = video.ID(fmt.Sprintf("%032x", i))
		all[i].Created = at(90).Add(time.Duration(i) * time.Second)
	}
	w, s := newShelves(t, cooling, all...)
	p := w.plan(t, made.AddDate(0, 0, 60))
	require.Equal(t, n, p.Items)
	w.approve(t, p)
	began := time.Now()
	r := w.move(t, s, made.AddDate(0, 0, 60).Add(time.Hour))
	require.Equal(t, purge.UnderWay, r.Plans[0].Status, r.Plans[0].Why)
	require.Len(t, s.moves, (n+19)/20)
	require.Len(t, s.effects, n)
	asked := time.Since(began)
	s.finish(nil)
	began = time.Now()
	r = w.move(t, s, made.AddDate(0, 0, 60).Add(2*time.Hour))
	require.Equal(t, map[video.Result]int{video.Done: n}, r.Results())
	t.Logf("%d assets: %d calls; asked for in %s, settled in %s of our own time", n, len(s.moves), asked, time.Since(began))
}

// The library accepts the move of one asset at every tick and undoes it: three times is enough
// for a plan, and for a week.
func TestAMoveThatIsUndoneEachTimeIsAskedForThreeTimes(t *testing.T) {
	w, s := newShelves(t, cooling, shelved(30)...)
	p := w.plan(t, made)
	w.approve(t, p)
	undone := func(id video.ID) bool { return id == "00007" }
	var r purge.Report
	for tick := range 6 {
		if r = w.move(t, s, later.Add(time.Duration(tick)*time.Hour)); len(r.Plans) == 0 || r.Plans[0].Status == purge.Ended {
			break
		}
		require.Equal(t, purge.UnderWay, r.Plans[0].Status, r.Plans[0].Why)
		s.finish(undone)
	}
	require.Equal(t, map[video.Result]int{video.Failed: 1}, r.Results())
	require.Equal(t, 3, s.effects["00007"])
	require.Len(t, s.moves, 4, "two, and the one asset twice more")
	end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 29, video.Failed: 1}, end.Results)
	for day, items := range map[int]int{1: 0, 8: 1} {
		require.Equal(t, items, w.plan(t, made.AddDate(0, 0, day)).Items, "day %d", day)
	}
}
