package purge_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// hanging is a library whose delete calls are answered by nobody: they end with their
// context, with or without their effect.
type hanging struct {
	*library
	effect bool
	began  chan bool
	ended  atomic.Bool
}

func (h *hanging) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	h.began <- true
	<-ctx.Done()
	h.ended.Store(true)
	if h.effect {
		_, _ = h.library.DeleteVideos(ctx, ids)
	}
	return nil, fmt.Errorf("%w: %w", video.ErrUnknownOutcome, ctx.Err())
}

// A call that hangs ends before anybody may take the lease over, and a run that lost it
// removes nothing: what the next one finds is the ledger's last word.
func TestACallThatHangsEndsBeforeTheLeaseDoes(t *testing.T) {
	for name, effect := range map[string]bool{"it had its effect": true, "it never arrived": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, policy, temp("a"))
				p := w.plan(t, made)
				w.approve(t, p)
				h := &hanging{library: w.library, effect: effect, began: make(chan bool)}
				first := w.job()
				first.Library, first.Now = h, time.Now
				ended := make(chan error)
				go func() {
					_, err := first.Run(context.Background(), later)
					ended <- err
				}()
				<-h.began
				free := func() error {
					_, err := state.Acquire(t.Context(), w.objects, "purge", "rival", time.Now(), time.Minute)
					return err
				}
				require.ErrorIs(t, free(), state.ErrBusy)
				w.tag("a", "keep")
				for !h.ended.Load() {
					require.ErrorIs(t, free(), state.ErrBusy, "nobody takes over while a call is under way")
					time.Sleep(time.Second / 4)
				}
				require.NoError(t, <-ended)

				second := w.job()
				second.Now = time.Now
				r, err := second.Run(t.Context(), later)
				require.NoError(t, err)
				want := map[video.Result]int{video.Kept: 1}
				if effect {
					want = map[video.Result]int{video.Done: 1}
				}
				end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
				require.NoError(t, err, r.Plans)
				require.Equal(t, want, end.Results)
				require.Equal(t, effect, len(w.media) == 0)
			})
		})
	}
}

// tag gives an asset a tag, as an editor does.
func (w *world) tag(id video.ID, tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.media[id]
	m.Tags, m.Modified = append(m.Tags, tag), later
	w.media[id] = m
}

// Between a call that was put off and the next one lies everything that may keep an asset.
func TestWhatIsHeldBetweenTwoTriesStays(t *testing.T) {
	for name, put := range map[string]error{
		"throttled": video.ErrThrottled, "passing": video.ErrTransient, "not sent": video.ErrDeferred, "no answer": video.ErrUnknownOutcome,
	} {
		for how, one := range map[string]bool{"one by one": true, "all together": false} {
			for what, change := range map[string]func(t *testing.T, w *world){
				"held": func(_ *testing.T, w *world) { w.tag("a", "keep") },
				"halted": func(t *testing.T, w *world) {
					require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna", Reason: "wait"}))
				},
				"withdrawn": func(t *testing.T, w *world) {
					for id, err := range removal.Plans(t.Context(), w.objects, time.Time{}) {
						require.NoError(t, err)
						require.NoError(t, removal.Withdraw(t.Context(), w.objects, id, "anna", "", later))
					}
				},
			} {
				t.Run(name+", "+how+", "+what, func(t *testing.T) {
					w := newWorld(t, policy, temp("a"))
					w.approve(t, w.plan(t, made))
					j := w.job()
					j.Library = &putOff{library: w.library, err: put, one: one, then: func() { change(t, w) }}
					_, err := j.Run(t.Context(), later)
					require.NoError(t, err)
					w.purge(t, later.Add(time.Hour))
					require.Empty(t, w.removed)
					report, err := removal.VerifyLedger(t.Context(), w.objects)
					require.NoError(t, err)
					require.Zero(t, report.Open)
					require.Zero(t, report.Results[video.Done])
				})
			}
		}
	}
}

// putOff is a library that puts off the first call to delete, as a whole or item by item.
type putOff struct {
	*library
	err  error
	one  bool
	then func()
}

func (l *putOff) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	if l.then == nil {
		return l.library.DeleteVideos(ctx, ids)
	}
	l.then()
	l.then = nil
	if !l.one {
		return nil, l.err
	}
	return []video.Outcome{{ID: ids[0], Result: video.ResultOf(l.err), Err: l.err}}, nil
}

// Two newest stay for everything that goes; both are taken down in the midst of a run.
func TestTheNewestThatGoInTheMidstOfARunKeepTheRest(t *testing.T) {
	policy := "keep:\n  - {name: newest, newest: 2, per: library}\n" + policy
	var all []video.Media
	for i := range 62 {
		m := temp(fmt.Sprintf("v%02d", i))
		m.Created = at(100).Add(time.Duration(i) * time.Minute)
		all = append(all, m)
	}
	w := newWorld(t, policy, all...)
	p := w.plan(t, made)
	require.Equal(t, 60, p.Items)
	w.approve(t, p)
	w.before = func(call string) error {
		if strings.HasPrefix(call, "delete videos") {
			delete(w.media, "v60")
			delete(w.media, "v61")
		}
		return nil
	}
	w.purge(t, later)
	require.Len(t, w.removed, 20, "the batch that was under way, and no other")
}

// A quota may take less by what a takedown took since the library was counted.
func TestATakedownCountsForTheQuota(t *testing.T) {
	for name, tc := range map[string]struct {
		down []video.ID
		want int
	}{
		"none":                    {nil, 6},
		"one":                     {[]video.ID{"v08"}, 6},
		"as much as was too much": {[]video.ID{"v06", "v07", "v08", "v09"}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			var all []video.Media
			for i := range 10 {
				m := temp(fmt.Sprintf("v%02d", i))
				m.Created = at(100).Add(time.Duration(i) * time.Minute)
				m.Size, m.Source = 1000, &video.Source{Status: "Normal", Size: 1000}
				all = append(all, m)
			}
			w := newWorld(t, "quotas:\n  - {name: room, above: 6KB, older_than: 30d}\nguards: {count: 1000, percent: 100, bytes: 1TB}\n", all...)
			p := w.plan(t, made)
			require.Equal(t, 4, p.Items)
			w.approve(t, p)
			if len(tc.down) > 0 {
				_, _, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: tc.down, By: "anna", Reason: "court"}, made.Add(time.Minute))
				require.NoError(t, err)
			}
			w.purge(t, later)
			require.Len(t, w.media, tc.want, w.ids())
		})
	}
}

// A takedown and a run ask for the same asset: one removal is told once.
func TestATakedownDuringARunIsToldOnce(t *testing.T) {
	for name, lost := range map[string]bool{"the run's call is answered": false, "its answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"), temp("b"))
			w.approve(t, w.plan(t, made))
			j := w.job()
			j.Library = &meanwhile{w.library, func() error {
				_, outcomes, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "x"}, later)
				require.NoError(t, err)
				require.Equal(t, video.Done, outcomes[0].Result)
				if lost {
					return video.ErrUnknownOutcome
				}
				return nil
			}}
			_, err := j.Run(t.Context(), later)
			require.NoError(t, err)
			w.purge(t, later.Add(time.Hour))
			report, err := removal.VerifyLedger(t.Context(), w.objects)
			require.NoError(t, err)
			require.Equal(t, 2, report.Results[video.Done], report.Results)
			require.Equal(t, 1, report.Results[video.Missing])
			require.Zero(t, report.Open)
			require.Len(t, w.removed, 2)
		})
	}
}

// meanwhile is a library in which something else happens during the first call to delete,
// whose answer may be lost.
type meanwhile struct {
	*library
	do func() error
}

func (m *meanwhile) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	do := m.do
	m.do = nil
	var lost error
	if do != nil {
		lost = do()
	}
	outcomes, err := m.library.DeleteVideos(ctx, ids)
	if lost != nil {
		return nil, lost
	}
	return outcomes, err
}
