package purge_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

var errKilled = errors.New("killed")

// mortal counts every call to the library and every use of the state, and kills
// its process at one of them: that one and all later ones fail. Half says that
// the fatal one still takes effect, as a call whose answer nobody heard.
type mortal struct {
	mu        sync.Mutex
	steps, at int // at 0: never
	half      bool
}

// step says whether the process lives, and whether this step takes effect.
func (m *mortal) step() (lives, effect bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps++
	if m.at == 0 || m.steps < m.at {
		return true, true
	}
	return false, m.half && m.steps == m.at
}

type mortalState struct {
	state.Objects
	m *mortal
}

func (s mortalState) Read(ctx context.Context, key string) ([]byte, error) {
	if lives, _ := s.m.step(); !lives {
		return nil, errKilled
	}
	return s.Objects.Read(ctx, key)
}

func (s mortalState) Create(ctx context.Context, key string, body []byte) error {
	lives, effect := s.m.step()
	if effect {
		if err := s.Objects.Create(ctx, key, body); err != nil {
			return err
		}
	}
	if !lives {
		return errKilled
	}
	return nil
}

func (s mortalState) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	if lives, _ := s.m.step(); !lives {
		return func(yield func(string, error) bool) { yield("", errKilled) }
	}
	return s.Objects.List(ctx, prefix, after)
}

func (w *world) mortal(m *mortal) purge.Job {
	w.before, w.after = nil, nil
	dead := false
	w.before = func(string) error {
		lives, effect := m.step()
		if dead = !lives; dead && !effect {
			return video.ErrTransient
		}
		return nil
	}
	w.after = func(string) error {
		if dead {
			return video.ErrUnknownOutcome
		}
		return nil
	}
	j := w.job()
	j.State, j.CDN = mortalState{w.objects, m}, &refresher{library: w.library}
	return j
}

func nightlyWorld(t *testing.T, policy string) (*world, removal.Plan) {
	t.Helper()
	var all []video.Media
	for i := range 23 {
		all = append(all, temp(fmt.Sprintf("v%02d", i)))
	}
	all = append(all, temp("held", "keep"), parts("p1"), parts("p2"))
	w := newWorld(t, policy, all...)
	p := w.plan(t, made)
	w.approve(t, p)
	return w, p
}

// effects are what was removed, without order: who was killed may have to do
// things in another one.
func (w *world) effects() []string { return slices.Sorted(slices.Values(w.removed)) }

func TestKilledAtEveryStepTheSameIsRemovedInTheEnd(t *testing.T) {
	killedAtEveryStep(t, policy)
}

func TestKilledAtEveryStepWhatIsRemovedWasRefreshedInTheCDN(t *testing.T) {
	killedAtEveryStep(t, "refresh_cdn: true\n"+policy)
}

func killedAtEveryStep(t *testing.T, policy string) {
	w, p := nightlyWorld(t, policy)
	m := &mortal{}
	_, err := w.mortal(m).Run(t.Context(), later)
	require.NoError(t, err)
	want, steps := w.effects(), m.steps
	require.Len(t, want, p.Items)
	wantEnd, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)

	for at := 1; at <= steps; at++ {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d half %v", at, half), func(t *testing.T) {
				w, p := nightlyWorld(t, policy)
				_, _ = w.mortal(&mortal{at: at, half: half}).Run(t.Context(), later)
				require.Subset(t, want, w.effects(), "never anything else")

				next := w.mortal(&mortal{})
				_, err := next.Run(t.Context(), later.Add(time.Hour))
				require.NoError(t, err)
				require.Equal(t, want, w.effects())
				for _, effect := range w.removed {
					require.Equal(t, w.policy.Refresh, w.fresh[video.ID(strings.Fields(effect)[1])], effect)
				}

				end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
				require.NoError(t, err)
				require.Equal(t, wantEnd.Freed.Items, end.Freed.Items)
				require.Equal(t, map[video.Result]int{video.Done: p.Items}, maps.Collect(maps.All(end.Results)), "removed in the ledger less effects is 0")
				report, err := removal.VerifyLedger(t.Context(), w.objects)
				require.NoError(t, err)
				require.Zero(t, report.Open, "every intent has its outcome")
			})
		}
	}
	t.Logf("%d steps, each killed before and after its effect", steps)
}

// A plan that will not be applied any further has open calls of a run that died. They
// are settled once, in the name of who approved it; it is not begun anew, but over.
func TestARefusedPlanIsTidiedOnce(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.approve(t, w.plan(t, made))
	deleted := false
	w.before = func(call string) error {
		if deleted {
			return video.ErrThrottled
		}
		if strings.HasPrefix(call, "delete") {
			delete(w.media, "a")
			deleted = true
			return video.ErrUnknownOutcome
		}
		return nil
	}
	_, err := w.job().Run(t.Context(), later)
	require.ErrorIs(t, err, video.ErrThrottled)
	w.before = nil
	count := func(prefix string) (n int) {
		for _, err := range w.objects.List(t.Context(), prefix, "") {
			require.NoError(t, err)
			n++
		}
		return n
	}
	require.Equal(t, 1, count("runs/"))
	require.Equal(t, purge.Refused, w.purge(t, made.AddDate(0, 0, 8)).Plans[0].Status)
	require.Empty(t, w.purge(t, made.AddDate(0, 0, 9)).Plans)
	require.Equal(t, 1, count("runs/"))
	var last removal.Row
	for row, err := range removal.Rows(t.Context(), w.objects, 0) {
		require.NoError(t, err)
		last = row
	}
	require.Equal(t, removal.Outcome, last.Event)
	require.Equal(t, video.Done, last.Result)
	require.Equal(t, "anna", last.By)
	require.Equal(t, 3, count("ledger/"), "the run's beginning, its intent, and what became of that")
}

// A call whose outcome nobody heard may take effect long after it was read that
// nothing had happened.
func TestAnEffectThatComesLateIsOurs(t *testing.T) {
	for name, tc := range map[string]struct {
		media  video.Media
		verb   string
		effect func(w *world)
		items  int
	}{
		"a whole":  {temp("a"), "delete videos", func(w *world) { delete(w.media, "a") }, 1},
		"a stream": {parts("a"), "delete 1 streams", func(w *world) { drop(w, "a") }, 3},
		"a stream of what was changed then": {parts("a"), "delete 1 streams", func(w *world) {
			drop(w, "a")
			move(w, "a", 7)
		}, 3},
	} {
		for _, read := range []int{1, 2} { // before the call is settled, and after
			t.Run(fmt.Sprintf("%s, at read %d", name, read), func(t *testing.T) {
				w := newWorld(t, policy, tc.media)
				w.approve(t, w.plan(t, made))
				reads, called := 0, false
				w.before = func(call string) error {
					if call == tc.verb+" 1" || call == tc.verb {
						called = true
						return video.ErrUnknownOutcome
					}
					if called && strings.HasPrefix(call, "read") {
						if reads++; reads == read {
							tc.effect(w)
						}
					}
					return nil
				}
				r := w.purge(t, later)
				require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
				require.Equal(t, tc.items, r.Removed(), r.Results())
				require.Contains(t, details(t, w), "gone; by this run or somebody else")
			})
		}
	}
}

// What is read only later, and found to be there, is asked for again: the first try
// has its outcome as well.
func TestATryThatCouldNotBeReadHasItsOutcomeBeforeTheNext(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	w.approve(t, w.plan(t, made))
	blind := &unreadable{w.library, "a", nil}
	deletes, reads := 0, 0
	w.before = func(call string) error {
		switch {
		case strings.HasPrefix(call, "delete"):
			if deletes++; deletes == 1 {
				blind.err = video.ErrForbidden
				return video.ErrUnknownOutcome
			}
		case deletes == 1:
			if reads++; reads == 2 {
				blind.err = nil
			}
		}
		return nil
	}
	j := w.job()
	j.Library = blind
	r, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Deferred: 1, video.Done: 1}, r.Results())
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Zero(t, report.Open)
}

// Snapshots may have gone by a call that nobody heard the answer of. When they may not
// be asked for again, that they were kept would be a guess.
func TestWhatMayHaveGoneIsNotCalledKept(t *testing.T) {
	w := newWorld(t, policy, parts("a"))
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if call == "delete images" {
			move(w, "a", 7)
			return video.ErrUnknownOutcome
		}
		return nil
	}
	r := w.purge(t, later)
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Unknown: 1}, r.Results(), "one outcome for each intent")
	require.Equal(t, purge.Ended, r.Plans[0].Status)
}

// Nor does a later plan call it so, however many nights have passed.
func TestWhatAnotherPlanMayHaveRemovedIsNotCalledKept(t *testing.T) {
	w := newWorld(t, policy, parts("a"))
	w.approve(t, w.plan(t, made))
	w.before = func(call string) error {
		if call == "delete images" {
			move(w, "a", 7)
			return video.ErrUnknownOutcome
		}
		return nil
	}
	require.Equal(t, 1, w.purge(t, later).Results()[video.Unknown])
	w.before = nil
	move(w, "a", 1)
	p := w.plan(t, made.AddDate(0, 0, 3))
	require.Equal(t, 1, p.Items)
	w.approve(t, p)
	move(w, "a", 7)
	require.Equal(t, map[video.Result]int{video.Unknown: 1}, w.purge(t, later.AddDate(0, 0, 3)).Results())
}

// The library tells of covers only: that it tells of none any more says nothing of the
// images of other types, which a call that never arrived has left there.
func TestImagesAreGoneOnlyByTheWordOfACall(t *testing.T) {
	lost := func(w *world) error { return fmt.Errorf("%w: time-out", video.ErrUnknownOutcome) }
	for name, tc := range map[string]struct {
		first, second func(w *world) error // what the calls meet; nil: nothing
		want          map[video.Result]int
		imaged        bool
	}{
		"never arrived, no cover": {func(w *world) error { uncover(w, "p"); return lost(w) }, nil, map[video.Result]int{video.Unknown: 1}, false},
		"never arrived, twice":    {lost, lost, map[video.Result]int{video.Deferred: 2, video.Done: 1}, true},
		"never arrived, once":     {lost, nil, map[video.Result]int{video.Deferred: 1, video.Done: 1}, true},
		"took effect": {func(w *world) error { w.bare["p NormalSnapshot"] = true; return lost(w) }, nil,
			map[video.Result]int{video.Deferred: 1, video.Done: 1}, true},
		"gone before":   {func(w *world) error { return video.ErrNotFound }, nil, map[video.Result]int{video.Missing: 1}, true},
		"media is gone": {func(w *world) error { delete(w.media, "p"); return lost(w) }, nil, map[video.Result]int{video.Done: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			lean := parts("p")
			lean.Streams, lean.TranscodeMode = lean.Streams[1:], "NoTranscode"
			w := newWorld(t, strings.Replace(policy, "source: {good_streams: 1}", "", 1), lean)
			p := w.plan(t, made)
			require.Equal(t, 1, p.Items)
			w.approve(t, p)
			calls := []func(*world) error{tc.first, tc.second}
			w.before = func(call string) error {
				if call != "delete images" || len(calls) == 0 || calls[0] == nil {
					return nil
				}
				meet := calls[0]
				calls = calls[1:]
				return meet(w)
			}
			r := w.purge(t, later)
			require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
			require.Equal(t, tc.want, r.Results())
			imaged, _, err := removal.LoadPast(t.Context(), w.objects)
			require.NoError(t, err)
			require.Equal(t, tc.imaged, imaged.Gone("p", "NormalSnapshot"))
		})
	}
}

// uncover makes the library tell of no snapshots of a media.
func uncover(w *world, id video.ID) {
	m := w.media[id]
	m.Snapshots = nil
	w.media[id] = m
}

// drop takes the first stream of a media away.
func drop(w *world, id video.ID) {
	m := w.media[id]
	m.Streams = m.Streams[1:]
	w.media[id] = m
}

func TestPlanningKilledAtEveryStepMakesTheSamePlan(t *testing.T) {
	w, p := nightlyWorld(t, policy)
	job := func(o state.Objects) plan.Job {
		return plan.Job{Library: w.library, State: o, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}
	}
	count := &mortal{}
	fresh := newWorld(t, policy)
	_, err := job(mortalState{fresh.objects, count}).Run(t.Context(), made)
	require.NoError(t, err)
	for at := 1; at <= count.steps; at++ {
		for _, half := range []bool{false, true} {
			fresh := newWorld(t, policy)
			_, err := job(mortalState{fresh.objects, &mortal{at: at, half: half}}).Run(t.Context(), made)
			require.ErrorIs(t, err, errKilled)
			r, err := job(fresh.objects).Run(t.Context(), made)
			require.NoError(t, err)
			require.Equal(t, p, r.Plan, "step %d half %v", at, half)
		}
	}
	require.Empty(t, w.removed, "planning removes nothing")
	t.Logf("%d steps, each killed before and after its effect", count.steps)
}
