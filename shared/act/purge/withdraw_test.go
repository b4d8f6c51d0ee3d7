package purge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
)

func TestAWithdrawnPlanIsNotAppliedEvenByAPolicyThatApprovesItself(t *testing.T) {
	for name, approved := range map[string]bool{"approved": true, "not approved yet": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "approve: within-guards\n"+policy, temp("a"))
			p := w.plan(t, made)
			if approved {
				w.approve(t, p)
			}
			require.NoError(t, state.Withdraw(t.Context(), w.objects, p.ID, "otto", "", made))
			r := w.purge(t, later)
			require.Equal(t, purge.Waiting, r.Plans[0].Status)
			require.Empty(t, w.removed)
		})
	}
}
