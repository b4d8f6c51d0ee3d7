package purge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Nothing that may go is stuck behind what may not, and no guard is worn out by waiting.

const selfApproved = "approve: within-guards\nrules:\n  - {name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\n"

func night(n int) time.Time { return made.AddDate(0, 0, n) }

// fill puts in so many assets, of which the rules take those with the tag temp.
func (w *world) fill(name string, n int, created time.Time, tags ...string) {
	for i := range n {
		m := temp(fmt.Sprintf("%s%04d", name, i))
		m.Created, m.Tags = created.Add(time.Duration(i)*time.Second), tags
		w.media[m.ID] = m
	}
}

func (w *world) left(name string) (n int) {
	for id := range w.media {
		if strings.HasPrefix(string(id), name) {
			n++
		}
	}
	return n
}

// picky is a library that answers for some assets by itself, and by name.
type picky struct {
	*library
	answers map[string]error
}

func (l picky) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	var good []video.ID
	var out []video.Outcome
next:
	for _, id := range ids {
		for name, err := range l.answers {
			if strings.HasPrefix(string(id), name) {
				out = append(out, video.Outcome{ID: id, Result: video.ResultOf(err), Err: err})
				continue next
			}
		}
		good = append(good, id)
	}
	if len(good) == 0 {
		return out, nil
	}
	more, err := l.library.DeleteVideos(ctx, good)
	return append(out, more...), err
}

// Seven hundred assets that the account may read and not delete lie before a hundred good ones.
func TestWhatIsForbiddenAtTheHeadOfTheListCostsOnlyItself(t *testing.T) {
	for name, err := range map[string]error{"forbidden": video.ErrForbidden, "unremovable": video.ErrUnremovable, "refused": video.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, selfApproved+"guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}\n")
			w.fill("f", 700, at(400), "temp")
			w.fill("g", 100, at(100), "temp")
			j := w.job()
			j.Library = picky{w.library, map[string]error{"f": err}}
			require.Equal(t, 800, w.plan(t, made).Items)
			r, run := j.Run(t.Context(), later)
			require.NoError(t, run)
			require.Equal(t, purge.Ended, r.Plans[0].Status, r.Plans[0].Why)
			require.Zero(t, w.left("g"))
			require.Zero(t, w.plan(t, night(1)).Items, "what cannot go is remembered, and not listed again")
		})
	}
}

// What an asset's answer is worth costs only that asset, wherever it lies in its batch.
func TestAnAssetThatCannotBeDecodedCostsOnlyItself(t *testing.T) {
	w := newWorld(t, policy)
	w.fill("v", 45, at(100), "temp")
	w.approve(t, w.plan(t, made))
	j := w.job()
	j.Library = &unreadable{w.library, "v0003", fmt.Errorf("%w: the answer about v0003 has an object at Snapshots", video.ErrInvalid)}
	r, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, map[video.Result]int{video.Done: 44, video.Rejected: 1}, r.Results())
	require.Equal(t, purge.Ended, r.Plans[0].Status)
	aside, skipped, err := removal.ReadAside(t.Context(), w.objects, later)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Len(t, aside, 1)
	require.Contains(t, aside[removal.AsideKey{ID: "v0003", Kind: "video"}].Why, "Snapshots")
}

// Rights that are missing are no fault of the assets: they are not set aside for a week.
func TestWithoutTheRightToDeleteNothingIsSetAside(t *testing.T) {
	w := newWorld(t, policy)
	w.fill("v", 45, at(100), "temp")
	w.approve(t, w.plan(t, made))
	j := w.job()
	j.Library = noRights{w.library}
	r, err := j.Run(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, purge.Stopped, r.Plans[0].Status)
	require.Contains(t, r.Plans[0].Why, "20 of the last 20 items failed")
	aside, _, err := removal.ReadAside(t.Context(), w.objects, later)
	require.NoError(t, err)
	require.Empty(t, aside)
}

type noRights struct{ *library }

func (noRights) DeleteVideos(context.Context, []video.ID) ([]video.Outcome, error) {
	return nil, fmt.Errorf("Forbidden.RAM: %w", video.ErrForbidden)
}

// A hundred at the head of the list are put off at every try; ten good ones come
// each night. What waits is listed by every plan, and counts once.
func TestWhatWaitsIsCountedOnceHoweverManyPlansListIt(t *testing.T) {
	w := newWorld(t, selfApproved+"guards: {count: 150, percent: 100, unknown: 1000, bytes: 1TB, times_usual: 1000}\n")
	w.fill("stuck", 100, at(100), "temp")
	removed := 0
	for n := range 9 { // an older plan waits for seven nights
		w.fill(fmt.Sprintf("n%02d-", n), 10, at(90), "temp")
		w.plan(t, night(n))
		for tick := range 2 {
			j := w.job()
			j.Library = picky{w.library, map[string]error{"stuck": video.ErrThrottled}}
			r, err := j.Run(t.Context(), night(n).Add(time.Duration(1+tick)*time.Hour))
			require.NoError(t, err)
			removed += r.Removed()
		}
		require.Equal(t, 10*(n+1), removed, "night %d", n)
	}
	require.Equal(t, 100, w.left("stuck"))
}

// A script tags 600 assets after some small nights: they wait for a person for as long as it takes.
func TestTheUsualDoesNotExpire(t *testing.T) {
	w := newWorld(t, selfApproved+"guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}\n")
	for n := range 5 {
		w.fill(fmt.Sprint("small", n), 1, at(90), "temp")
		w.plan(t, night(n))
		require.Equal(t, 1, w.purge(t, night(n).Add(time.Hour)).Removed())
	}
	w.fill("big", 600, at(90), "temp")
	for _, n := range []int{5, 20, 44, 46, 60, 400} {
		p := w.plan(t, night(n))
		r := w.purge(t, night(n).Add(time.Hour))
		require.Zero(t, r.Removed(), "night %d", n)
		last := r.Plans[len(r.Plans)-1]
		require.Equal(t, "over the guards: 600 items, usual are 10; approve a portion: vodctl approve "+p.ID+" --first 100", last.Why)
	}
	// A person goes on in portions, and they are no measure for the nights to come.
	for n := range 6 {
		p := w.plan(t, night(401+n))
		w.portion(t, p, min(100, p.Items))
		r := w.purge(t, night(401+n).Add(time.Hour))
		require.Equal(t, 100, r.Removed(), r.Plans)
		require.Equal(t, 500-100*n, w.left("big"))
	}
	w.fill("huge", 300, at(90), "temp")
	w.plan(t, night(410))
	require.Zero(t, w.purge(t, night(410).Add(time.Hour)).Removed(), "300 are too many still")
}

// portion is a person's approval of the first items of a plan.
func (w *world) portion(t *testing.T, p removal.Plan, first int) {
	t.Helper()
	_, err := removal.Approve(t.Context(), w.objects, p, "anna", "", p.Created, first)
	require.NoError(t, err)
}

// After a halt of eight nights the backlog is over the guards: a person takes it up in
// portions, oldest first, and the nights go on by themselves then.
func TestABacklogAfterAHaltDrainsInPortions(t *testing.T) {
	w := newWorld(t, selfApproved+"guards: {count: 100, percent: 100, unknown: 1000, bytes: 1TB, times_usual: 1000}\n")
	w.fill("other", 300, at(90))
	require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{Halted: true, By: "anna", At: made, Reason: "holidays"}))
	approved := 0
	for n := range 20 {
		if n == 8 {
			require.NoError(t, removal.SetHalt(t.Context(), w.objects, removal.Halt{By: "anna", At: night(n)}))
		}
		w.fill(fmt.Sprintf("n%02d-", n), 20, night(n).AddDate(0, 0, -31), "temp")
		p := w.plan(t, night(n))
		r := w.purge(t, night(n).Add(time.Hour))
		if n < 8 {
			require.Zero(t, r.Removed())
			continue
		}
		if last := r.Plans[len(r.Plans)-1]; last.Status == purge.Refused {
			require.Contains(t, last.Why, fmt.Sprintf("vodctl approve %s --first 100", p.ID))
			require.Zero(t, r.Removed(), "nobody has said so")
			w.portion(t, p, 100)
			approved++
			r = w.purge(t, night(n).Add(2*time.Hour))
			require.Equal(t, 100, r.Removed())
			require.Equal(t, purge.Ended, r.Plans[len(r.Plans)-1].Status)
		}
	}
	require.Equal(t, 1, approved, "180 wait when it is resumed, and 20 more come each night")
	require.Zero(t, w.left("n"))
	report, err := removal.VerifyLedger(t.Context(), w.objects)
	require.NoError(t, err)
	require.Equal(t, 400, report.Results[video.Done])
}

// A portion is within the guards itself, and takes the oldest and no other.
func TestAPortionIsWithinTheGuards(t *testing.T) {
	for name, tc := range map[string]struct {
		first, removed int
		why            string
	}{
		"within": {15, 15, ""},
		"over":   {25, 0, "over the guards: 25 items, at most 20; approve a portion of the next plan: vodctl approve PLAN --first 20"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "approve: within-guards\n"+unguarded+"guards: {count: 20, percent: 100}")
			w.fill("v", 40, at(100), "temp")
			p := w.plan(t, made)
			w.portion(t, p, tc.first)
			r := w.purge(t, later)
			require.Equal(t, tc.removed, r.Removed())
			require.Equal(t, tc.why, r.Plans[0].Why)
			for i := range tc.removed {
				require.NotContains(t, w.media, video.ID(fmt.Sprintf("v%04d", i)))
			}
		})
	}
}

// Eleven sources that VOD keeps fill a guard of ten. A person's portion finds that out,
// and then the one that can go goes by itself.
func TestWhatTheProviderKeepsFillsNoGuardOnceItIsKnown(t *testing.T) {
	w := newWorld(t, selfApproved+"guards: {count: 10, percent: 100, bytes: 1TB}\n")
	w.fill("kept", 11, at(200), "temp")
	w.fill("good", 1, at(95), "temp")
	run := func(at time.Time) purge.Report {
		j := w.job()
		j.Library = picky{w.library, map[string]error{"kept": video.ErrUnremovable}}
		r, err := j.Run(t.Context(), at)
		require.NoError(t, err)
		return r
	}
	p := w.plan(t, made)
	require.Equal(t, purge.Refused, run(later).Plans[0].Status)
	w.portion(t, p, 10)
	require.Zero(t, run(later.Add(time.Hour)).Removed())
	require.Equal(t, 2, w.plan(t, night(1)).Items)
	require.Equal(t, 1, run(night(1).Add(time.Hour)).Removed())
	require.Zero(t, w.left("good"))
}

// A policy that approves itself says so in its run, so that nobody takes it for a person.
func TestAPolicyThatApprovesItselfWritesNoApproval(t *testing.T) {
	w := newWorld(t, "approve: within-guards\n"+policy, temp("a"))
	p := w.plan(t, made)
	require.Equal(t, 1, w.purge(t, later).Removed())
	_, err := removal.ReadApproval(t.Context(), w.objects, p)
	require.ErrorIs(t, err, video.ErrNotFound)
	first, begun, err := removal.FirstRun(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.True(t, begun)
	require.Equal(t, "policy "+w.policy.Hash[:8], first.By)
	end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.Equal(t, first.By, end.By)
}

// The guards are of a night, which two plans of one night share.
func TestTwoSelfApprovedPlansWithinTwentyHoursShareTheGuards(t *testing.T) {
	w := newWorld(t, selfApproved+"guards: {count: 20, percent: 100, unknown: 1000, bytes: 1TB, times_usual: 1000}\n")
	w.fill("a", 20, at(90), "temp")
	w.plan(t, made)
	require.Equal(t, 20, w.purge(t, later).Removed())
	w.fill("b", 20, at(90), "temp")
	w.plan(t, made.Add(13*time.Hour))
	require.Zero(t, w.purge(t, later.Add(20*time.Hour-time.Minute)).Removed())
	require.Equal(t, 20, w.purge(t, later.Add(20*time.Hour+time.Minute)).Removed(), "the next night")
}

// A tick of the future made a plan; no night of today takes it for the latest.
func TestAPlanOfTheFutureIsNeverTheLatest(t *testing.T) {
	for name, tc := range map[string]struct {
		policy  string
		approve bool
		stays   int
	}{
		"of a policy that approves itself": {policy: "approve: within-guards\n" + policy},
		"of a quota":                       {"quotas: [{name: room, above: 1000B, older_than: 30d}]\nguards: {count: 1000, percent: 100, bytes: 1TB}\n", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.policy, temp("a"), temp("b"), temp("c"))
			_, err := plan.Job{Library: w.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), made.AddDate(1, 0, 0))
			require.NoError(t, err)
			for n := range 3 {
				p := w.plan(t, night(n))
				if tc.approve && p.Items > 0 {
					w.approve(t, p)
				}
				w.purge(t, night(n).Add(time.Hour))
			}
			require.Len(t, w.media, tc.stays)
		})
	}
}

// Objects that nobody of ours wrote lie under every prefix, and nothing is stopped by them.
func TestStrayObjectsStopNoNight(t *testing.T) {
	for _, key := range []string{
		"ledger/README.txt", "halt/notes.json", "lease/purge/x", "plans/copy of 20260501T020000Z-aaaaaaaa.json", "plans/zz.json",
		"approvals/x", "ended/zz.json", "drafts/zz/1.json", "imaged/zz", "runs/zz", "written/zz.json", "aside/zz", "withdrawn/zz", "refused/zz",
	} {
		t.Run(key, func(t *testing.T) {
			w := newWorld(t, "approve: within-guards\n"+policy, temp("a"))
			require.NoError(t, w.objects.Create(t.Context(), key, []byte("hello")))
			for n := range 2 {
				w.media["a"] = temp("a")
				w.plan(t, night(n))
				require.Equal(t, 1, w.purge(t, night(n).Add(time.Hour)).Removed())
			}
		})
	}
}

// Of a halt that cannot be understood nobody knows that it ended.
func TestAHaltThatCannotBeReadKeeps(t *testing.T) {
	for name, body := range map[string]string{
		"of another version": `{"version":2,"halted":false,"by":"x","at":"2026-01-01T00:00:00Z"}`,
		"corrupt":            "{",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"))
			w.approve(t, w.plan(t, made))
			require.NoError(t, w.objects.Create(t.Context(), "halt/00000001.json", []byte(body)))
			r := w.purge(t, later)
			require.Equal(t, purge.Stopped, r.Plans[0].Status)
			require.Contains(t, r.Plans[0].Why, "cannot tell whether removal is halted")
			require.Empty(t, w.removed)
		})
	}
}
