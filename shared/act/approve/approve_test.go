package approve_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/approve"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

var (
	day   = time.Date(2026, 6, 1, 3, 0, 0, 0, time.UTC)
	scope = video.Scope{Region: "cn-shanghai", Account: "1234"}
)

// planOf writes a plan of n whole assets of 1,000 bytes each.
func planOf(t *testing.T, n int, change func(*removal.Plan)) (*state.Store, removal.Plan) {
	t.Helper()
	o, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	lines := removal.Lines{Objects: o}
	p := removal.Plan{Created: day, Expires: day.AddDate(0, 0, 7), Scope: scope, Policy: retention.Default().Hash, Library: removal.Library{Media: 1000}}
	for i := range n {
		item := retention.Item{ID: video.ID(fmt.Sprintf("v%03d", i)), Kind: retention.Whole, Bytes: 1000, Rule: "temporary", Reason: "old"}
		require.NoError(t, lines.Add(t.Context(), retention.Verdict{ID: item.ID, Created: day.AddDate(-1, 0, i), Items: []retention.Item{item}}))
		p.Add(item)
	}
	require.NoError(t, lines.Flush(t.Context()))
	p.Chunks = lines.Written
	change(&p)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	return o, p
}

func asItIs(*removal.Plan) {}

func TestAPlanIsOfItsOwnScope(t *testing.T) {
	_, p := planOf(t, 1, asItIs)
	require.NoError(t, approve.Mine(p, scope))
	for _, other := range []video.Scope{{}, {Region: "cn-beijing", Account: "1234"}, {Region: "cn-shanghai", Account: "1235"}, {Region: "cn-shanghai", Account: "1234", App: "app-1"}} {
		require.ErrorContains(t, approve.Mine(p, other), "this environment is of")
	}
}

// What a list that is not as it was written says is nobody's to approve, all of it or a part.
func TestAListThatDoesNotAddUpIsNotApproved(t *testing.T) {
	o, p := planOf(t, 3, func(p *removal.Plan) { p.Items++ })
	for _, first := range []int{0, 1, 3} {
		_, err := approve.PortionOf(t.Context(), o, retention.Default(), p, first)
		require.ErrorIs(t, err, state.ErrCorrupt, first)
		require.ErrorContains(t, err, "plan "+p.ID+" is not approved, its item list cannot be read")
	}
	o, p = planOf(t, 3, func(p *removal.Plan) { p.Chunks[0].Hash = state.Digest([]byte("other")) })
	_, err := approve.PortionOf(t.Context(), o, retention.Default(), p, 0)
	require.ErrorContains(t, err, "its item list cannot be read")
}

func TestAPortionIsTheOldestItems(t *testing.T) {
	o, p := planOf(t, 5, asItIs)
	policy := *retention.Default()
	policy.Guards.Count = 3
	part, err := approve.PortionOf(t.Context(), o, &policy, p, 2)
	require.NoError(t, err)
	require.Equal(t, approve.Portion{Totals: removal.Totals{Media: 2, Items: 2, Bytes: 2000}, Oldest: day.AddDate(-1, 0, 0), Newest: day.AddDate(-1, 0, 1), Fits: 2}, part)
	require.NoError(t, approve.Allowed(&policy, p, part, day))
	part, err = approve.PortionOf(t.Context(), o, &policy, p, 4)
	require.NoError(t, err)
	require.Equal(t, 3, part.Fits)
	require.ErrorIs(t, approve.Allowed(&policy, p, part, day), approve.ErrOver)
	for _, n := range []int{-1, 6} {
		_, err = approve.PortionOf(t.Context(), o, &policy, p, n)
		require.ErrorIs(t, err, video.ErrInvalid)
	}
}

// The second of two people is told who was first.
func TestASecondApprovalNamesTheFirst(t *testing.T) {
	o, p := planOf(t, 2, asItIs)
	given, err := approve.Give(t.Context(), o, p, "anna", "as agreed", 1, day)
	require.NoError(t, err)
	_, err = approve.Give(t.Context(), o, p, "otto", "", 0, day)
	require.ErrorIs(t, err, state.ErrExists)
	require.ErrorContains(t, err, "by anna (as agreed)")
	there, err := removal.ReadApproval(t.Context(), o, p)
	require.NoError(t, err)
	require.Equal(t, given, there)
	w, err := approve.Withdraw(t.Context(), o, p, "otto", "no", "approved", day)
	require.NoError(t, err)
	require.Equal(t, "otto", w.By)
	w, err = approve.Withdraw(t.Context(), o, p, "anna", "", "withdrawn", day)
	require.NoError(t, err)
	require.Equal(t, "otto", w.By, "the first counts")
	_, err = approve.Give(t.Context(), o, p, "anna", "", 0, day)
	require.ErrorIs(t, err, removal.ErrWithdrawn)
	require.ErrorContains(t, err, "otto")
	open, err := approve.Open(t.Context(), o, p, day)
	require.NoError(t, err)
	require.False(t, open)
}

// However an approval and a withdrawal fall together, nobody is told that a plan is approved
// which is withdrawn by then, and one of several approvals is given at most.
func TestApprovalsAndAWithdrawalAtOnce(t *testing.T) {
	o, p := planOf(t, 2, asItIs)
	var all sync.WaitGroup
	given := make([]error, 8)
	for i := range given {
		all.Go(func() { _, given[i] = approve.Give(t.Context(), o, p, fmt.Sprintf("person %d", i), "", 0, day) })
	}
	withdrawn := error(nil)
	all.Go(func() { _, withdrawn = approve.Withdraw(t.Context(), o, p, "otto", "", "planned", day) })
	all.Wait()
	require.NoError(t, withdrawn)
	won := 0
	for _, err := range given {
		if err == nil {
			won++
		}
	}
	require.LessOrEqual(t, won, 1)
	_, err := removal.ReadApproval(t.Context(), o, p)
	require.ErrorIs(t, err, removal.ErrWithdrawn)
}

func TestWhatIsTypedSaysWhatCannotBeTakenBack(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*removal.Plan)
		warning, want string
	}{
		"removal": {asItIs, approve.Irreversible, "cn-shanghai 1234"},
		"moves":   {func(p *removal.Plan) { p.Duty = retention.Moving }, "", "cn-shanghai 1234"},
		"moves that nobody can play": {func(p *removal.Plan) {
			p.Duty, p.Moves = retention.Moving, []removal.MoveTotals{{To: "Archive", Scope: retention.AllParts, Totals: removal.Totals{Media: 2, Items: 2}}}
		}, "Nobody can play 2 of these assets afterwards, until they are restored. ", "cn-shanghai 1234 unreadable"},
	} {
		_, p := planOf(t, 2, tc.change)
		warning, want := approve.Before(p)
		require.Equal(t, [2]string{tc.warning, tc.want}, [2]string{warning, want}, name)
	}
}

func TestAQuotaIsThatOfThePlansPolicy(t *testing.T) {
	_, p := planOf(t, 1, asItIs)
	require.Zero(t, approve.Quota(nil, p))
	require.Zero(t, approve.Quota(retention.Default(), p))
}
