package purge_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state/removal"
)

func TestAWithdrawnPlanIsNotAppliedEvenByAPolicyThatApprovesItself(t *testing.T) {
	for name, approved := range map[string]bool{"approved": true, "not approved yet": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "approve: within-guards\n"+policy, temp("a"))
			p := w.plan(t, made)
			if approved {
				w.approve(t, p)
			}
			require.NoError(t, removal.Withdraw(t.Context(), w.objects, p.ID, "otto", "", made))
			r := w.purge(t, later)
			require.Equal(t, purge.Waiting, r.Plans[0].Status)
			require.Empty(t, w.removed)
		})
	}
}

// A clock that ran three days ahead made a plan, and somebody approved it.
func TestAPlanOfAClockThatRanAheadIsNotGoneOnWithWhenItsTimeComes(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	p := w.plan(t, made.AddDate(0, 0, 3))
	w.approve(t, p)
	r := w.purge(t, made.Add(time.Hour))
	require.Equal(t, purge.Refused, r.Plans[0].Status)
	require.Zero(t, w.purge(t, made.AddDate(0, 0, 3).Add(time.Hour)).Removed())
	require.Empty(t, w.removed)
	next := w.plan(t, made.AddDate(0, 0, 4))
	w.approve(t, next)
	require.Equal(t, 1, w.purge(t, made.AddDate(0, 0, 4).Add(time.Hour)).Removed(), "the next plan lists it")
}

// Every purge failed until the time had come that the plan was made for.
func TestAPlanOfAClockThatRanAheadIsKnownByTheNextOne(t *testing.T) {
	w := newWorld(t, policy, temp("a"))
	p := w.plan(t, made.AddDate(0, 0, 2))
	w.approve(t, p)
	w.plan(t, made)
	r := w.purge(t, made.AddDate(0, 0, 2).Add(time.Hour))
	require.Equal(t, purge.Refused, r.Plans[len(r.Plans)-1].Status)
	require.Contains(t, r.Plans[len(r.Plans)-1].Why, "a clock that ran ahead")
	require.Empty(t, w.removed)
	end, err := removal.ReadEnd(t.Context(), w.objects, p.ID)
	require.NoError(t, err)
	require.Equal(t, string(removal.PlanRefused), end.Why)
}
