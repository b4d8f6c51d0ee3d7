package removal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestAPlanComesBackAsItWasWritten(t *testing.T) {
	s, _ := statetest.Folder(t)
	p := statetest.Plan(t, s, 20_000)
	require.Greater(t, len(p.Chunks), 1)
	back, err := removal.ReadPlan(t.Context(), s, p.ID)
	require.NoError(t, err)
	require.Equal(t, p, back)
	n := 0
	for v, err := range back.Entries(t.Context(), s) {
		require.NoError(t, err)
		require.Equal(t, video.ID(fmt.Sprintf("v%06d", n)), v.ID)
		n++
	}
	require.Equal(t, 20_000, n)
	require.NoError(t, removal.WritePlan(t.Context(), s, p), "twice is once")
	var ids []string
	for id, err := range removal.Plans(t.Context(), s, statetest.Noon.Add(-time.Second)) {
		require.NoError(t, err)
		ids = append(ids, id)
	}
	require.Equal(t, []string{p.ID}, ids)
	for id, err := range removal.Plans(t.Context(), s, statetest.Noon.Add(time.Second)) {
		require.NoError(t, err)
		require.Fail(t, id)
	}
}

func TestAPlanThatWasTouchedIsRefused(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"one byte":         func(b []byte) []byte { return []byte(strings.Replace(string(b), `"items":2`, `"items":1`, 1)) },
		"cut in half":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":            func([]byte) []byte { return nil },
		"a blank more":     func(b []byte) []byte { return append(b, ' ') },
		"a field more":     func(b []byte) []byte { return append([]byte(`{"extra":1,`), b[1:]...) },
		"another account":  func(b []byte) []byte { return []byte(strings.Replace(string(b), `"account":"1"`, `"account":"2"`, 1)) },
		"a later expiry":   func(b []byte) []byte { return []byte(strings.Replace(string(b), `2026-06-08`, `2027-06-08`, 1)) },
		"another version":  func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":2`, 1)) },
		"two of them":      func(b []byte) []byte { return append(b, b...) },
		"something else":   func([]byte) []byte { return []byte(`[]`) },
		"not even JSON":    func([]byte) []byte { return []byte("\x00\xff") },
		"a repeated field": func(b []byte) []byte { return append([]byte(`{"version":1,`), b[1:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := statetest.Folder(t)
			p := statetest.Plan(t, s, 2)
			statetest.Damage(t, dir, "plans/"+p.ID+".json", change)
			_, err := removal.ReadPlan(t.Context(), s, p.ID)
			require.ErrorIs(t, err, state.ErrCorrupt)
			require.ErrorIs(t, err, state.ErrCorrupt)
		})
	}
	t.Run("a line of its list", func(t *testing.T) {
		s, dir := statetest.Folder(t)
		p := statetest.Plan(t, s, 2)
		statetest.Damage(t, dir, "parts/"+p.Chunks[0].Hash+".jsonl", func(b []byte) []byte { return []byte(strings.Replace(string(b), "v000001", "v000009", 1)) })
		for v, err := range p.Entries(t.Context(), s) {
			require.ErrorIs(t, err, state.ErrCorrupt, "before the first line is given")
			require.Empty(t, v.ID)
		}
	})
	t.Run("under another name", func(t *testing.T) {
		s, dir := statetest.Folder(t)
		p := statetest.Plan(t, s, 2)
		text, err := os.ReadFile(filepath.Join(dir, "plans", p.ID+".json"))
		require.NoError(t, err)
		require.NoError(t, s.Create(t.Context(), "plans/20990101T000000Z-"+p.Hash[:8]+".json", text))
		_, err = removal.ReadPlan(t.Context(), s, "20990101T000000Z-"+p.Hash[:8])
		require.ErrorIs(t, err, state.ErrCorrupt)
	})
}

func TestAnApprovalFitsOnePlanOnly(t *testing.T) {
	s, dir := statetest.Folder(t)
	p := statetest.Plan(t, s, 2)
	_, err := removal.ReadApproval(t.Context(), s, p)
	require.ErrorIs(t, err, video.ErrNotFound)
	_, err = removal.Approve(t.Context(), s, p, " ", "", statetest.Noon, 0)
	require.ErrorIs(t, err, video.ErrInvalid, "nobody is not an approver")
	given, err := removal.Approve(t.Context(), s, p, "anna", "checked", statetest.Noon, 0)
	require.NoError(t, err)
	_, err = removal.Approve(t.Context(), s, p, "otto", "", statetest.Noon, 0)
	require.ErrorIs(t, err, state.ErrExists)
	read, err := removal.ReadApproval(t.Context(), s, p)
	require.NoError(t, err)
	require.Equal(t, given, read)

	for _, change := range []func(*removal.Plan){
		func(p *removal.Plan) { p.Hash = "other" },
		func(p *removal.Plan) { p.Account = "2" },
		func(p *removal.Plan) { p.Region = "cn-beijing" },
		func(p *removal.Plan) { p.App = "app-1" },
	} {
		other := p
		change(&other)
		_, err := removal.ReadApproval(t.Context(), s, other)
		require.ErrorIs(t, err, state.ErrCorrupt)
	}
	statetest.Damage(t, dir, "approvals/"+p.ID+".json", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":9`, 1)) })
	_, err = removal.ReadApproval(t.Context(), s, p)
	require.ErrorIs(t, err, state.ErrCorrupt)
}

func TestAWithdrawnPlanIsNotApprovedAndNeverWillBe(t *testing.T) {
	for _, approved := range []bool{true, false} {
		s, dir := statetest.Folder(t)
		p := statetest.Plan(t, s, 2)
		if approved {
			_, err := removal.Approve(t.Context(), s, p, "anna", "", statetest.Noon, 0)
			require.NoError(t, err)
		}
		require.ErrorIs(t, removal.Withdraw(t.Context(), s, p.ID, " ", "", statetest.Noon), video.ErrInvalid)
		require.NoError(t, removal.Withdraw(t.Context(), s, p.ID, "otto", "second thoughts", statetest.Noon))
		require.NoError(t, removal.Withdraw(t.Context(), s, p.ID, "emil", "", statetest.Noon), "twice is once")
		_, err := removal.ReadApproval(t.Context(), s, p)
		require.ErrorIs(t, err, removal.ErrWithdrawn)
		require.ErrorIs(t, err, video.ErrNotFound)
		require.ErrorContains(t, err, "by otto")
		_, err = removal.Approve(t.Context(), s, p, "anna", "", statetest.Noon, 0)
		require.ErrorIs(t, err, removal.ErrWithdrawn)

		statetest.Damage(t, dir, "withdrawn/"+p.ID+".json", func(b []byte) []byte { return b[:9] })
		_, err = removal.ReadApproval(t.Context(), s, p)
		require.ErrorIs(t, err, state.ErrCorrupt, "not knowing is no approval")
	}
}

func rows(t *testing.T, s state.Objects, from int) (all []string) {
	t.Helper()
	for row, err := range removal.Rows(t.Context(), s, from) {
		require.NoError(t, err)
		all = append(all, row.Event+" "+string(row.ID)+" "+string(row.Kind)+" "+string(row.Result))
	}
	return all
}

// An empty next run overwrote the record of the last (cloud-custodian#7515).
func TestTheLedgerOnlyEverAppends(t *testing.T) {
	s, _ := statetest.Folder(t)
	for run := range 3 {
		l, err := removal.OpenLedger(t.Context(), s, "purge", fmt.Sprint("run", run))
		require.NoError(t, err)
		require.Equal(t, run, l.Last())
		require.NoError(t, l.Append(t.Context()), "an empty run writes nothing")
		require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, Item: statetest.Item(fmt.Sprint("v", run))}))
	}
	require.Equal(t, []string{"intent v0 video ", "intent v1 video ", "intent v2 video "}, rows(t, s, 0))
	require.Equal(t, []string{"intent v1 video ", "intent v2 video "}, rows(t, s, 2))
	require.Empty(t, rows(t, s, 4))
}

func TestWhatIsRecentIsReadFromTheEnd(t *testing.T) {
	s, dir := statetest.Folder(t)
	recent := func(from time.Time) (all []string, err error) {
		for row, err := range removal.Recent(t.Context(), s, from) {
			if err != nil {
				return all, err
			}
			all = append(all, string(row.ID))
		}
		return all, nil
	}
	all, err := recent(statetest.Noon)
	require.NoError(t, err)
	require.Empty(t, all)
	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	for i := range 4 {
		at := statetest.Noon.AddDate(0, 0, i)
		require.NoError(t, l.Append(t.Context(), removal.Row{Tick: at, Item: statetest.Item(fmt.Sprint("a", i))}, removal.Row{Tick: at, Item: statetest.Item(fmt.Sprint("b", i))}))
	}
	all, err = recent(statetest.Noon.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Equal(t, []string{"b3", "a3", "b2", "a2"}, all)
	late, err := removal.OpenLedger(t.Context(), s, state.Takedowns+"r", "r")
	require.NoError(t, err)
	require.NoError(t, late.Append(t.Context(), removal.Row{Tick: statetest.Noon, Item: statetest.Item("taken down")}))
	all, err = recent(statetest.Noon.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Equal(t, []string{"taken down", "b3", "a3", "b2", "a2"}, all, "whoever takes down has a clock of their own")
	statetest.Damage(t, dir, "ledger/00000001.jsonl", func(b []byte) []byte { return b[:9] })
	all, err = recent(statetest.Noon.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Len(t, all, 5, "what is older is read only to find the end")
	_, err = recent(statetest.Noon)
	require.ErrorIs(t, err, state.ErrCorrupt)
}

func TestALedgerThatWasTouchedIsRefused(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, dir string){
		"one byte": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ledger/00000002.jsonl", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"v1"`, `"v7"`, 1)) })
		},
		"one byte of the last": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ledger/00000003.jsonl", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"v2"`, `"v7"`, 1)) })
		},
		"cut short": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ledger/00000003.jsonl", func(b []byte) []byte { return b[:len(b)-10] })
		},
		"a row lost": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ledger/00000003.jsonl", func(b []byte) []byte {
				lines := strings.SplitAfter(string(b), "\n")
				return []byte(strings.Join(append(lines[:1:1], lines[2:]...), ""))
			})
		},
		"a segment lost": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ledger", "00000002.jsonl")))
		},
		"a segment copied": func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, "ledger", "00000003.jsonl"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "ledger", "00000004.jsonl"), text, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := statetest.Folder(t)
			l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
			require.NoError(t, err)
			for i := range 3 {
				require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Item: statetest.Item(fmt.Sprint("v", i))}))
			}
			_, err = removal.VerifyLedger(t.Context(), s)
			require.NoError(t, err)
			do(t, dir)
			_, err = removal.VerifyLedger(t.Context(), s)
			require.ErrorIs(t, err, state.ErrCorrupt)
		})
	}
}

func TestTheLedgerHasOneWriterPerLane(t *testing.T) {
	s, _ := statetest.Folder(t)
	open := func(lane, run string) *removal.Ledger {
		l, err := removal.OpenLedger(t.Context(), s, lane, run)
		require.NoError(t, err)
		return l
	}
	row := func(id string) removal.Row { return removal.Row{Event: removal.Note, Item: statetest.Item(id)} }
	first, second, takedown := open("purge", "one"), open("purge", "two"), open("takedown", "three")
	require.NoError(t, first.Append(t.Context(), row("a")))
	require.ErrorIs(t, second.Append(t.Context(), row("b")), removal.ErrRival)
	require.NoError(t, takedown.Append(t.Context(), row("c")), "another lane writes behind it")
	require.NoError(t, first.Append(t.Context(), row("d")), "and is no rival")
	require.Equal(t, []string{"note a video ", "note c video ", "note d video "}, rows(t, s, 0))
	_, err := removal.VerifyLedger(t.Context(), s)
	require.NoError(t, err)
}

// deaf takes effect and answers with a failure.
type deaf struct {
	state.Objects
	times int
}

func (d *deaf) Create(ctx context.Context, key string, body []byte) error {
	err := d.Objects.Create(ctx, key, body)
	if d.times--; d.times >= 0 && err == nil {
		return errors.New("500 after the effect")
	}
	return err
}

func TestAWriteThatTookEffectButFailedIsNoRival(t *testing.T) {
	s, _ := statetest.Folder(t)
	d := &deaf{s, 1}
	l, err := removal.OpenLedger(t.Context(), d, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Item: statetest.Item("a")}))
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Note, Item: statetest.Item("b")}))
	require.Len(t, rows(t, s, 0), 2)
	d.times = 1
	lease, err := state.Acquire(t.Context(), d, "purge", "me", statetest.Noon, time.Minute)
	require.NoError(t, err)
	d.times = 1
	_, err = lease.Renew(t.Context(), d, statetest.Noon, time.Minute)
	require.NoError(t, err)
}

func TestALeaseHasOneHolder(t *testing.T) {
	s, _ := statetest.Folder(t)
	var wg sync.WaitGroup
	got := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			name := fmt.Sprint("run", i)
			if _, err := state.Acquire(t.Context(), s, "purge", name, statetest.Noon, time.Minute); err == nil {
				got <- name
			} else if !errors.Is(err, state.ErrBusy) {
				got <- err.Error()
			}
		})
	}
	wg.Wait()
	require.Len(t, got, 1)
	holder := <-got
	require.True(t, strings.HasPrefix(holder, "run"), holder)
	_, err := state.Acquire(t.Context(), s, "takedown", "other", statetest.Noon, time.Minute)
	require.NoError(t, err, "leases of other names are free")
}

func TestALeaseIsTakenOverOnlyAfterItsDeadline(t *testing.T) {
	s, _ := statetest.Folder(t)
	first, err := state.Acquire(t.Context(), s, "purge", "one", statetest.Noon, time.Minute)
	require.NoError(t, err)
	require.True(t, first.Valid(statetest.Noon.Add(57*time.Second)))
	require.False(t, first.Valid(statetest.Noon.Add(58*time.Second)), "its holder stops a little before")
	require.False(t, first.Valid(statetest.Noon.Add(-time.Minute)), "a clock that jumped back proves nothing")
	var busy *state.BusyError
	_, err = state.Acquire(t.Context(), s, "purge", "two", statetest.Noon.Add(61*time.Second), time.Minute)
	require.ErrorAs(t, err, &busy)
	require.Equal(t, "one", busy.Holder)
	require.Equal(t, statetest.Noon.Add(62*time.Second), busy.Free)
	second, err := state.Acquire(t.Context(), s, "purge", "two", busy.Free, time.Minute)
	require.NoError(t, err)
	_, err = first.Renew(t.Context(), s, statetest.Noon, time.Hour)
	require.ErrorIs(t, err, state.ErrBusy, "who was taken over cannot come back")
	require.NoError(t, first.Release(t.Context(), s))
	_, err = state.Acquire(t.Context(), s, "purge", "three", busy.Free, time.Minute)
	require.ErrorIs(t, err, state.ErrBusy, "nor give away what is not his")

	longer, err := second.Renew(t.Context(), s, busy.Free, time.Hour)
	require.NoError(t, err)
	_, err = state.Acquire(t.Context(), s, "purge", "three", busy.Free.Add(10*time.Minute), time.Minute)
	require.ErrorIs(t, err, state.ErrBusy)
	require.NoError(t, longer.Release(t.Context(), s))
	require.NoError(t, longer.Release(t.Context(), s))
	_, err = state.Acquire(t.Context(), s, "purge", "three", busy.Free, time.Minute)
	require.NoError(t, err, "a lease given back is free at once")
}

// A lock without a deadline was taken for an orphan: double execution
// (aws-powertools/powertools-lambda-python#8386, powertools-lambda-typescript#5678).
func TestALeaseWithoutADeadlineHolds(t *testing.T) {
	for name, body := range map[string]string{
		"no deadline":   `{"version":1,"name":"purge","holder":"old","from":"2020-01-01T00:00:00Z"}`,
		"not readable":  `{"version":`,
		"empty":         ``,
		"unknown field": `{"version":1,"name":"purge","holder":"old","until":"2020-01-01T00:00:00Z","more":1}`,
	} {
		s, _ := statetest.Folder(t)
		require.NoError(t, s.Create(t.Context(), "lease/purge/00000001.json", []byte(body)))
		_, err := state.Acquire(t.Context(), s, "purge", "me", statetest.Noon.AddDate(10, 0, 0), time.Minute)
		require.ErrorIs(t, err, state.ErrBusy, name)
		require.NoError(t, s.Create(t.Context(), "lease/purge/00000001.released", nil), "a person may give it back")
		_, err = state.Acquire(t.Context(), s, "purge", "me", statetest.Noon, time.Minute)
		require.NoError(t, err, name)
	}
}

func TestTheLatestWordOnHaltingCounts(t *testing.T) {
	s, dir := statetest.Folder(t)
	require.NoError(t, removal.CheckHalt(t.Context(), s), "nobody has said anything")
	for i := range 600 { // more than the search looks at one by one
		require.NoError(t, s.Create(t.Context(), fmt.Sprintf("halt/%08d.json", i+1), []byte(`{"version":1,"halted":false,"by":"x","at":"2026-06-01T00:00:00Z"}`)))
	}
	require.NoError(t, removal.CheckHalt(t.Context(), s))
	require.NoError(t, removal.SetHalt(t.Context(), s, removal.Halt{Halted: true, By: "anna", At: statetest.Noon, Reason: "wait"}))
	require.FileExists(t, filepath.Join(dir, "halt", "00000601.json"))
	err := removal.CheckHalt(t.Context(), s)
	require.ErrorIs(t, err, video.ErrDeferred)
	require.ErrorContains(t, err, "halted by anna: wait")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _ = removal.SetHalt(t.Context(), s, removal.Halt{By: "otto", At: statetest.Noon}) })
	}
	wg.Wait()
	require.NoError(t, removal.CheckHalt(t.Context(), s))
	require.FileExists(t, filepath.Join(dir, "halt", "00000609.json"))
}

func TestNotKnowingIsHalted(t *testing.T) {
	for _, body := range []string{"", "null", "{}", `{"version":7,"halted":false}`, `{"version":1,"halted":"no"}`} {
		s, _ := statetest.Folder(t)
		require.NoError(t, s.Create(t.Context(), "halt/00000001.json", []byte(body)))
		require.ErrorIs(t, removal.CheckHalt(t.Context(), s), video.ErrDeferred, body)
	}
	s, _ := statetest.Folder(t)
	require.NoError(t, s.Create(t.Context(), "halt/now.json", []byte("{}")))
	require.NoError(t, removal.CheckHalt(t.Context(), s), "a stray object is no word on halting")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, _ = statetest.Folder(t)
	require.ErrorIs(t, removal.CheckHalt(ctx, s), video.ErrDeferred)
}

// tree is a library's tree of categories.
type tree struct {
	all []video.Category
	err error
}

func (t tree) Categories(context.Context) ([]video.Category, error) { return t.all, t.err }

func TestAHoldSourceThatCannotBeReadDecidesNothing(t *testing.T) {
	s, _ := statetest.Folder(t)
	p := func(text string) *retention.Policy {
		p, err := retention.Parse("p.yaml", []byte(text+"\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"))
		require.NoError(t, err)
		return p
	}
	_, err := removal.LoadInputs(t.Context(), s, tree{}, p("holds: {list: holds.txt}"), statetest.Noon)
	require.ErrorIs(t, err, video.ErrNotFound)
	require.NoError(t, s.Create(t.Context(), "holds.txt", []byte("a1 note\n<html>")))
	_, err = removal.LoadInputs(t.Context(), s, tree{}, p("holds: {list: holds.txt}"), statetest.Noon)
	require.ErrorIs(t, err, video.ErrInvalid)
	require.NoError(t, s.Create(t.Context(), "good.txt", []byte("a1 note\n")))
	at, err := removal.LoadInputs(t.Context(), s, tree{}, p("holds: {list: good.txt}"), statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, map[video.ID]string{"a1": "note"}, at.Held)
	at, err = removal.LoadInputs(t.Context(), s, tree{[]video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: 9}}, nil}, p("holds: {categories: [9]}"), statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, map[int64]int64{9: -1, 92: 9}, at.Above)
	_, err = removal.LoadInputs(t.Context(), s, tree{err: video.ErrThrottled}, p("holds: {categories: [9]}"), statetest.Noon)
	require.ErrorIs(t, err, video.ErrThrottled)
	_, err = removal.LoadInputs(t.Context(), s, tree{err: video.ErrThrottled}, p("holds: {tags: [keep]}"), statetest.Noon)
	require.NoError(t, err, "who holds no categories does not ask")
	_, err = removal.LoadInputs(t.Context(), s, tree{}, p("usage: none.csv"), statetest.Noon)
	require.ErrorIs(t, err, video.ErrNotFound)
	require.NoError(t, s.Create(t.Context(), "usage.csv", []byte("a1,2026-01-01")))
	at, err = removal.LoadInputs(t.Context(), s, tree{}, p("usage: usage.csv"), statetest.Noon)
	require.NoError(t, err)
	_, known := at.Viewed("a1")
	require.True(t, known)
	_, err = removal.LoadInputs(t.Context(), s, tree{}, nil, statetest.Noon)
	require.Error(t, err)
}

func TestTheEndOfAPlanMustAgreeWithTheLedger(t *testing.T) {
	const id = "20260601T020000Z-11111111"
	s, _ := statetest.Folder(t)
	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, Plan: id, Item: statetest.Item("a")}))
	r, err := removal.VerifyLedger(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, 1, r.Open)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, Plan: id, Item: statetest.Item("a"), Result: video.Done}))
	require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: id, Freed: removal.Totals{Items: 2, Bytes: 10}}))
	_, err = removal.VerifyLedger(t.Context(), s)
	require.ErrorIs(t, err, state.ErrCorrupt)

	s, _ = statetest.Folder(t)
	l, err = removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, Plan: id, Item: statetest.Item("a"), Result: video.Done}))
	_, err = removal.VerifyLedger(t.Context(), s)
	require.ErrorContains(t, err, "removed without an intent")
}

// A chain that only holds within itself can lose its head, its tail or all of it.
func TestALedgerThatLacksItsHeadItsTailOrAllOfItIsRefused(t *testing.T) {
	end := func(t *testing.T, s state.Objects, plan string) {
		l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
		require.NoError(t, err)
		for _, row := range []removal.Row{
			{Event: removal.Note}, {Event: removal.Intent, Item: statetest.Item("a")}, {Event: removal.Outcome, Item: statetest.Item("a"), Result: video.Done}, {Event: removal.Note},
		} {
			row.Plan = plan
			require.NoError(t, l.Append(t.Context(), row))
		}
		require.NoError(t, removal.EndRun(t.Context(), s, removal.RunEnd{Plan: plan, Freed: removal.Totals{Items: 1, Bytes: 10}, Segment: l.Last(), Tip: l.Tip()}))
	}
	for name, do := range map[string]func(t *testing.T, dir string){
		"the first segment": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ledger", "00000001.jsonl")))
		},
		"the last segment": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "ledger", "00000008.jsonl")))
		},
		"all of it": func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "ledger")))
		},
		"the end of a plan": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ended/20260601T020000Z-11111111.json", func(b []byte) []byte { return b[:10] })
		},
		"the end of a takedown": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ended/takedown-x.json", func(b []byte) []byte { return b[:10] })
		},
		"a segment that the end of a plan saw": func(t *testing.T, dir string) {
			statetest.Damage(t, dir, "ended/20260601T020000Z-11111111.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"tip":"`, `"tip":"0`, 1)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := statetest.Folder(t)
			end(t, s, "20260601T020000Z-11111111")
			end(t, s, "takedown-x")
			_, err := removal.VerifyLedger(t.Context(), s)
			require.NoError(t, err)
			do(t, dir)
			_, err = removal.VerifyLedger(t.Context(), s)
			require.ErrorIs(t, err, state.ErrCorrupt)
		})
	}
}

func TestACallThatTookEffectLateKeepsItsIntent(t *testing.T) {
	for name, tc := range map[string]struct {
		results []video.Result // after one intent
		fault   string
	}{
		"late":                {[]video.Result{video.Deferred, video.Done}, ""},
		"later still":         {[]video.Result{video.Deferred, video.Deferred, video.Done}, ""},
		"twice":               {[]video.Result{video.Deferred, video.Done, video.Done}, "removed without an intent"},
		"after it had failed": {[]video.Result{video.Failed, video.Done}, "removed without an intent"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := statetest.Folder(t)
			l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
			require.NoError(t, err)
			require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Intent, Plan: "p", Item: statetest.Item("a")}))
			for _, result := range tc.results {
				require.NoError(t, l.Append(t.Context(), removal.Row{Event: removal.Outcome, Plan: "p", Item: statetest.Item("a"), Result: result}))
			}
			r, err := removal.VerifyLedger(t.Context(), s)
			if tc.fault != "" {
				require.ErrorContains(t, err, tc.fault)
				return
			}
			require.NoError(t, err)
			require.Zero(t, r.Open)
		})
	}
}

func TestTheLedgerIsComparedWithWhatTheLibraryAnnounced(t *testing.T) {
	s, _ := statetest.Folder(t)
	l, err := removal.OpenLedger(t.Context(), s, "purge", "r")
	require.NoError(t, err)
	for i, id := range []string{"a", "b", "c", "d"} {
		row := removal.Row{Event: removal.Outcome, Tick: statetest.Noon.AddDate(0, 0, i/2), Plan: "p", Item: statetest.Item(id), Result: video.Done}
		if id == "d" {
			row.Result = video.Kept
		}
		require.NoError(t, l.Append(t.Context(), row))
	}
	announce := func(at time.Time, ids ...string) {
		var all []state.DeletionNotice
		for _, id := range ids {
			all = append(all, state.DeletionNotice{ID: video.ID(id), At: at})
		}
		require.NoError(t, state.NoteDeletions(t.Context(), s, statetest.Noon.AddDate(0, 5, 0), all))
	}
	announce(statetest.Noon)
	announce(statetest.Noon.Add(time.Hour), "a", "x")
	announce(statetest.Noon.Add(time.Hour), "a", "x") // the same event once more
	announce(statetest.Noon.AddDate(0, 0, 3), "a", "d", "y")
	days, err := removal.Reconcile(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, []removal.Reconciled{
		{Day: "2026-06-01", Removed: 2, Confirmed: 1, Silent: []video.ID{"b"}, Elsewhere: []video.ID{"x"}},
		{Day: "2026-06-02", Removed: 1, Silent: []video.ID{"c"}},
		{Day: "2026-06-04", Elsewhere: []video.ID{"d", "y"}},
	}, days)
	require.Len(t, statetest.Keys(t, s.List(t.Context(), state.DeletionPrefix, "")), 2)
	require.NoError(t, s.Create(t.Context(), state.DeletionPrefix+"2026-11-01/"+strings.Repeat("ab", 32), []byte("no JSON")))
	_, err = removal.Reconcile(t.Context(), s)
	require.ErrorIs(t, err, state.ErrCorrupt)
}

// A run whose clock was two months ahead died with the lease: who has watched its word for
// as long as it was taken for may take it over, and nobody who has not.
func TestALeaseOfAClockThatRanAheadIsFreeWhenNobodyRenewsIt(t *testing.T) {
	s, _ := statetest.Folder(t)
	ahead := statetest.Noon.AddDate(0, 2, 0)
	dead, err := state.Acquire(t.Context(), s, "purge", "dead", ahead, 20*time.Second)
	require.NoError(t, err)
	_, err = state.Acquire(t.Context(), s, "purge", "b", statetest.Noon, 20*time.Second)
	var busy *state.BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, 24*time.Second, busy.Lasts)
	renewed, err := dead.Renew(t.Context(), s, ahead.Add(5*time.Second), 20*time.Second)
	require.NoError(t, err)
	_, err = state.AcquireWatched(t.Context(), s, "purge", "b", statetest.Noon, 20*time.Second, busy.Number)
	require.ErrorIs(t, err, state.ErrBusy, "it is alive: it said another word")
	require.ErrorAs(t, err, &busy)
	lease, err := state.AcquireWatched(t.Context(), s, "purge", "b", statetest.Noon, 20*time.Second, busy.Number)
	require.NoError(t, err)
	require.True(t, lease.Valid(statetest.Noon.Add(time.Second)))
	_, err = renewed.Renew(t.Context(), s, ahead.Add(10*time.Second), 20*time.Second)
	require.ErrorIs(t, err, state.ErrBusy)
}

func TestWhatNobodyCanViewAfterwardsIsApprovedByAPerson(t *testing.T) {
	self := &retention.Policy{SelfApproving: true}
	for want, m := range map[bool]removal.MoveTotals{true: {To: "Archive", Scope: retention.SourcePart}, false: {To: "Archive", Scope: retention.AllParts}} {
		m.Media = 1
		p := removal.Plan{Moves: []removal.MoveTotals{{To: "IA", Scope: retention.AllParts}, m}}
		require.Equal(t, want, p.SelfApproved(self), "by what the plan lists, whatever else the policy has")
		require.False(t, p.SelfApproved(&retention.Policy{}))
		require.False(t, p.SelfApproved(nil))
	}
}
