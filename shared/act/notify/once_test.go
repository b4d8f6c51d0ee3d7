package notify_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

var night = time.Date(2026, 6, 1, 17, 0, 0, 0, time.UTC)

func open(t *testing.T) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// receiver answers with a status for each message, the last one for all that follow.
type receiver struct {
	answers []int
	got     []*http.Request
	bodies  []string
}

func (h *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	h.got, h.bodies = append(h.got, r), append(h.bodies, string(body))
	return &http.Response{StatusCode: h.answers[min(len(h.got), len(h.answers))-1], Body: http.NoBody}, nil
}

var notice = notify.Notice{Event: "purged", Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Text: "2 items removed", Facts: map[string]int{"removed": 2}}

func webhook(h *receiver) notify.Webhook {
	return notify.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: h}}
}

func TestAnIncidentIsToldOnceANight(t *testing.T) {
	o, h := open(t), &receiver{answers: []int{200}}
	tell := func(at time.Time, all ...notify.Incident) int {
		before := len(h.got)
		webhook(h).Incidents(t.Context(), o, at, notice, all)
		return len(h.got) - before
	}
	require.Equal(t, 2, tell(night, notify.Incident{Text: "3 items failed"}, notify.Incident{Text: "halted by anna"}), "one message for each")
	require.Contains(t, h.bodies[1], `"event":"incident"`)
	require.Contains(t, h.bodies[1], `"text":"halted by anna","incidents":["halted by anna"]`)
	require.Equal(t, 0, tell(night.Add(time.Hour), notify.Incident{Text: "5 items failed"}), "the same but for its numbers")
	require.Equal(t, 1, tell(night.Add(time.Hour), notify.Incident{Text: "halted by otto"}))
	require.Equal(t, 1, tell(night.AddDate(0, 0, 1), notify.Incident{Text: "3 items failed"}), "another night")

	expired := notify.Incident{Text: "plan p-1 refused: it expired", Plan: "p-1"}
	require.Equal(t, 1, tell(night, expired))
	for day := range 40 {
		require.Zero(t, tell(night.AddDate(0, 0, day), expired), "once for its plan")
	}
	expired.Plan = "p-2"
	require.Equal(t, 1, tell(night, expired))
}

// forgetful is a state that keeps no marks.
type forgetful struct{ state.Objects }

func (forgetful) Create(context.Context, string, []byte) error { return state.ErrFull }

func TestInDoubtAnIncidentIsToldTwiceRatherThanNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []notify.Incident{{Text: "one"}, {Text: "two"}}
		h := &receiver{answers: []int{500, 500, 500, 200}}
		o := open(t)
		webhook(h).Incidents(t.Context(), o, night, notice, all)
		require.Len(t, h.got, 3, "who does not hear of one will not hear of the next")
		webhook(h).Incidents(t.Context(), o, night, notice, all)
		require.Len(t, h.got, 5, "what was not delivered is told at the next tick")

		h = &receiver{answers: []int{200}}
		for range 2 {
			webhook(h).Incidents(t.Context(), forgetful{open(t)}, night, notice, all[:1])
		}
		require.Len(t, h.got, 2)
	})
}

// planned writes a plan of one item made on that night.
func planned(t *testing.T, o state.Objects, at time.Time, change func(*removal.Plan)) removal.Plan {
	t.Helper()
	p := removal.Plan{Created: at, Expires: at.AddDate(0, 0, 7), Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Policy: retention.Default().Hash, Totals: removal.Totals{Media: 1, Items: 1}}
	if change != nil {
		change(&p)
	}
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	return p
}

// since tells of the night and gives what its notice was worded from.
func since(t *testing.T, o state.Objects, p removal.Plan, policy *retention.Policy) (s notify.Since) {
	t.Helper()
	notify.Night(t.Context(), webhook(&receiver{answers: []int{400}}), o, policy, p, func(all notify.Since) notify.Notice {
		s = all
		return notice
	})
	return s
}

func TestANightIsToldOnceWithWhatLeftSinceTheOneBefore(t *testing.T) {
	o := open(t)
	older := planned(t, o, night.AddDate(0, 0, -2), nil)
	before := planned(t, o, night.AddDate(0, 0, -1), nil)
	elsewhere := planned(t, o, night.AddDate(0, 0, -1).Add(time.Minute), func(p *removal.Plan) { p.Account = "2" })
	p := planned(t, o, night, nil)
	l, err := removal.OpenLedger(t.Context(), o, "purge", "r")
	require.NoError(t, err)
	for _, row := range []removal.Row{
		{Tick: night.Add(-25 * time.Hour), Plan: older.ID, Result: video.Done},
		{Tick: night.Add(-22 * time.Hour), Plan: older.ID, Result: video.Done},
		{Tick: night.Add(-22 * time.Hour), Plan: before.ID, Result: video.Kept},
		{Tick: night.Add(-22 * time.Hour), Plan: elsewhere.ID, Result: video.Done},
		{Tick: night.Add(-20 * time.Hour), Plan: "takedown-x", Result: video.Done},
	} {
		row.Event, row.Item = removal.Outcome, retention.Item{ID: "a", Kind: retention.Whole, Bytes: 5}
		require.NoError(t, l.Append(t.Context(), row))
	}
	h := &receiver{answers: []int{400, 400, 200}}
	var got []notify.Since
	for range 4 {
		notify.Night(t.Context(), webhook(h), o, retention.Default(), p, func(s notify.Since) notify.Notice {
			got = append(got, s)
			return notice
		})
	}
	require.Len(t, h.got, 3, "once delivered it is not told, nor worded, again")
	require.Equal(t, notify.Since{From: before.Created, Removed: removal.Totals{Media: 2, Items: 2, Bytes: 10}}, got[0])
	require.Len(t, got, 3)

	require.NoError(t, o.Create(t.Context(), "ledger/00000006.jsonl", []byte("not a segment")))
	q := planned(t, o, night.AddDate(0, 0, 1), nil)
	require.ErrorIs(t, since(t, o, q, retention.Default()).Err, state.ErrCorrupt)
}

// hanging is a state whose lists wait for as long as their reader does.
type hanging struct{ state.Objects }

func (hanging) List(ctx context.Context, _, _ string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		<-ctx.Done()
		yield("", ctx.Err())
	}
}

func TestANightIsToldEvenIfWhatLeftCannotBeReadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := open(t), &receiver{answers: []int{200}}
		p := planned(t, o, night, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var got notify.Since
		notify.Night(ctx, webhook(h), hanging{o}, nil, p, func(s notify.Since) notify.Notice { got = s; return notice })
		require.ErrorIs(t, got.Err, context.DeadlineExceeded)
		require.Len(t, h.got, 1)
		require.NoError(t, ctx.Err())
	})
}

func TestAnApprovedPlanThatNoRunTookUpForADayIsTold(t *testing.T) {
	self, err := retention.Parse("policy.yaml", bytes.Replace(retention.DefaultSource(), []byte("approve: person"), []byte("approve: within-guards"), 1))
	require.NoError(t, err)
	approve := func(at time.Time) func(*testing.T, state.Objects, removal.Plan) {
		return func(t *testing.T, o state.Objects, p removal.Plan) {
			_, err := removal.Approve(t.Context(), o, p, "anna", "", at, 0)
			require.NoError(t, err)
		}
	}
	long := approve(night.Add(-25 * time.Hour))
	run := func(at time.Time) func(*testing.T, state.Objects, removal.Plan) {
		return func(t *testing.T, o state.Objects, p removal.Plan) {
			long(t, o, p)
			l, err := removal.OpenLedger(t.Context(), o, "purge", "r")
			require.NoError(t, err)
			require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Tick: at, Plan: p.ID}))
		}
	}
	for name, tc := range map[string]struct {
		plan   func(*removal.Plan)
		then   func(*testing.T, state.Objects, removal.Plan)
		policy *retention.Policy
		idle   bool
	}{
		"no run at all":         {nil, long, nil, true},
		"a run, two days ago":   {nil, run(night.Add(-40 * time.Hour)), nil, true},
		"a run, last night":     {nil, run(night.Add(-20 * time.Hour)), nil, false},
		"approved this morning": {nil, approve(night.Add(-9 * time.Hour)), nil, false},
		"not approved":          {nil, nil, nil, false},
		"not approved, by a policy that approves itself": {func(p *removal.Plan) { p.Policy = self.Hash }, nil, self, true},
		"by an older policy that approved itself":        {nil, nil, self, false},
		"not approved, and planned again since": {func(p *removal.Plan) { p.Policy = self.Hash }, func(t *testing.T, o state.Objects, p removal.Plan) {
			planned(t, o, night.Add(-24*time.Hour), func(p *removal.Plan) { p.Policy, p.Totals = self.Hash, removal.Totals{} })
		}, self, false},
		"not approved, and planned again an hour ago": {func(p *removal.Plan) { p.Policy = self.Hash }, func(t *testing.T, o state.Objects, p removal.Plan) {
			planned(t, o, night.Add(-time.Hour), func(p *removal.Plan) { p.Policy = self.Hash })
		}, self, true},
		"expired":            {func(p *removal.Plan) { p.Expires = night }, long, nil, false},
		"over its guards":    {func(p *removal.Plan) { p.Over = []string{"2 items, at most 1"} }, long, nil, false},
		"without an item":    {func(p *removal.Plan) { p.Totals = removal.Totals{} }, long, nil, false},
		"of another account": {func(p *removal.Plan) { p.Account = "2" }, long, nil, false},
		"ended": {nil, func(t *testing.T, o state.Objects, p removal.Plan) {
			long(t, o, p)
			require.NoError(t, removal.EndRun(t.Context(), o, removal.RunEnd{Plan: p.ID}))
		}, nil, false},
		"refused by a run, which was told": {nil, func(t *testing.T, o state.Objects, p removal.Plan) {
			long(t, o, p)
			webhook(&receiver{answers: []int{200}}).Incidents(t.Context(), o, night, notice, []notify.Incident{{Text: "plan refused: over the guards", Plan: p.ID}})
		}, nil, false},
		"told as the plan of its night": {nil, func(t *testing.T, o state.Objects, p removal.Plan) {
			long(t, o, p)
			notify.Night(t.Context(), webhook(&receiver{answers: []int{200}}), o, nil, p, func(notify.Since) notify.Notice { return notice })
		}, nil, true},
		"with an end that cannot be read": {nil, func(t *testing.T, o state.Objects, p removal.Plan) {
			long(t, o, p)
			require.NoError(t, o.Create(t.Context(), "ended/"+p.ID+".json", []byte("{")))
		}, nil, false},
		"withdrawn": {func(p *removal.Plan) { p.Policy = self.Hash }, func(t *testing.T, o state.Objects, p removal.Plan) {
			require.NoError(t, removal.Withdraw(t.Context(), o, p.ID, "otto", "", night))
		}, self, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			p := planned(t, o, night.Add(-48*time.Hour), tc.plan)
			if tc.then != nil {
				tc.then(t, o, p)
			}
			s := since(t, o, planned(t, o, night, nil), tc.policy)
			require.NoError(t, s.Err)
			require.Equal(t, tc.idle, strings.Contains(strings.Join(s.Idle, " "), p.ID))
		})
	}
}
