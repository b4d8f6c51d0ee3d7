package insight_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/insight"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

// One plan that cannot be read hides no other.
func TestACorruptPlanDoesNotEndTheList(t *testing.T) {
	store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	for n := range 2 {
		_, err = plan.Job{Library: shelf(t, 40, 10), State: store, Policy: policy(t, wholes), Scope: shelfScope}.Run(t.Context(), today.AddDate(0, 0, n))
		require.NoError(t, err)
	}
	const corrupt = "20260601T120000Z-00000000"
	require.NoError(t, store.Create(t.Context(), "plans/"+corrupt+".json", []byte("{")))
	var ids []string
	for one, err := range insight.Plans(t.Context(), store, time.Time{}, today.AddDate(0, 0, 1)) {
		require.NoError(t, err)
		ids = append(ids, one.ID)
		require.Equal(t, one.ID == corrupt, one.Corrupt != nil, one.ID)
		if one.Corrupt == nil {
			require.Equal(t, one.ID, one.Facts.ID)
			require.Equal(t, removal.PlanPlanned, one.Facts.Status)
			require.Equal(t, 1, one.Facts.Items)
			require.Equal(t, "not approved", one.Facts.Text(time.Time.String))
		}
	}
	require.Len(t, ids, 3)
	require.Equal(t, corrupt, ids[1])
}
