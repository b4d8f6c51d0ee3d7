package removal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

var (
	now  = time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)
	item = retention.Item{ID: "a", Kind: retention.Whole}
	open = removal.Gate{Now: now, Lease: now.Add(time.Minute)}
)

func found(p retention.Presence, keep string, err error) *retention.Found {
	return &retention.Found{Item: item, Presence: p, Judged: err == nil, Keep: keep, Err: err}
}

// The table of the package comment, line by line.
func TestTheNextStepIsTheOneOfTheTable(t *testing.T) {
	alive := open.Permit()
	shut := open
	shut.Halted = "halted by anna"
	lost := open
	lost.Lease = now
	answer := func(r video.Result, err error) *video.Outcome { return &video.Outcome{Result: r, Err: err} }
	for name, tc := range map[string]struct {
		p    removal.Progress
		a    removal.Attempt
		g    removal.Gate
		step removal.Step
		want video.Result
	}{
		"settled":                      {removal.Progress{Phase: removal.Settled, Result: video.Kept}, removal.Attempt{}, lost, removal.Finished, video.Kept},
		"lease lost":                   {removal.Progress{Phase: removal.Open}, removal.Attempt{Intended: true}, lost, removal.Leave, ""},
		"lease lost after the call":    {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Done, nil)}, lost, removal.Leave, ""},
		"called, done":                 {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Done, nil)}, shut, removal.End, video.Done},
		"called, throttled":            {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Failed, video.ErrThrottled)}, open, removal.End, video.Deferred},
		"called, missing":              {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Missing, nil)}, open, removal.End, video.Missing},
		"called twice, missing":        {removal.Progress{Phase: removal.Open, Tries: 2}, removal.Attempt{Intended: true, Answer: answer(video.Missing, nil)}, open, removal.End, video.Done},
		"called, forbidden":            {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Forbidden, video.ErrForbidden)}, open, removal.End, video.Forbidden},
		"called, unknown":              {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Unknown, nil)}, shut, removal.Settle, ""},
		"called, an error of no kind":  {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Intended: true, Answer: answer(video.Failed, errors.New("x"))}, open, removal.Settle, ""},
		"unknown, read: gone":          {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Answer: answer(video.Unknown, nil), Found: found(retention.Absent, "", video.ErrNotFound)}, shut, removal.End, video.Done},
		"unknown, read: there":         {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Answer: answer(video.Unknown, nil), Found: found(retention.Present, "", nil)}, shut, removal.End, video.Deferred},
		"unknown, read: there, last":   {removal.Progress{Phase: removal.Open, Tries: 1}, removal.Attempt{Last: true, Answer: answer(video.Unknown, nil), Found: found(retention.Present, "", nil)}, shut, removal.End, video.Failed},
		"intended":                     {removal.Progress{Phase: removal.Open}, removal.Attempt{Intended: true, Permit: alive}, open, removal.Call, ""},
		"intended, then halted":        {removal.Progress{Phase: removal.Open}, removal.Attempt{Intended: true, Permit: alive}, shut, removal.End, video.Deferred},
		"intended, permit over":        {removal.Progress{Phase: removal.Open}, removal.Attempt{Intended: true}, open, removal.End, video.Deferred},
		"older intent":                 {removal.Progress{Phase: removal.Open}, removal.Attempt{}, shut, removal.Settle, ""},
		"older intent, gone":           {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Absent, "", video.ErrNotFound)}, shut, removal.End, video.Done},
		"older intent, gone, held":     {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Absent, "held", nil)}, open, removal.End, video.Done},
		"older intent, there":          {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Present, "", nil)}, shut, removal.End, video.Deferred},
		"older intent, untold":         {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Untold, "", nil)}, open, removal.End, video.Deferred},
		"older intent, untold, halted": {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Untold, "", nil)}, shut, removal.Leave, ""},
		"older intent, untold, held":   {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Untold, "held", nil)}, open, removal.End, video.Unknown},
		"older intent, no answer":      {removal.Progress{Phase: removal.Open}, removal.Attempt{Last: true, Found: found(retention.Untold, "", video.ErrThrottled)}, open, removal.Leave, ""},
		"older intent, unreadable":     {removal.Progress{Phase: removal.Open}, removal.Attempt{Found: found(retention.Untold, "", video.ErrForbidden)}, open, removal.Leave, ""},
		"older intent, unreadable now": {removal.Progress{Phase: removal.Open}, removal.Attempt{Last: true, Found: found(retention.Untold, "", video.ErrForbidden)}, open, removal.End, video.Unknown},
		"untried, halted":              {removal.Progress{}, removal.Attempt{}, shut, removal.Leave, ""},
		"tried often enough":           {removal.Progress{Phase: removal.Deferred}, removal.Attempt{Tries: removal.MaxTries}, open, removal.Leave, ""},
		"untried, to be refreshed":     {removal.Progress{}, removal.Attempt{Refresh: true, Permit: alive, Found: found(retention.Present, "", nil)}, open, removal.Refresh, ""},
		"to be refreshed, not read":    {removal.Progress{}, removal.Attempt{Refresh: true}, open, removal.Recheck, ""},
		"to be refreshed, and gone":    {removal.Progress{}, removal.Attempt{Refresh: true, Permit: alive, Found: found(retention.Absent, "", nil)}, open, removal.End, video.Missing},
		"to be refreshed, and held":    {removal.Progress{}, removal.Attempt{Refresh: true, Permit: alive, Found: found(retention.Present, "held", nil)}, open, removal.End, video.Kept},
		"refreshed":                    {removal.Progress{}, removal.Attempt{Refresh: true, Refreshed: true, Permit: alive, Found: found(retention.Present, "", nil)}, open, removal.Intend, ""},
		"untried":                      {removal.Progress{}, removal.Attempt{}, open, removal.Recheck, ""},
		"read, permit over":            {removal.Progress{}, removal.Attempt{Found: found(retention.Present, "", nil)}, open, removal.Recheck, ""},
		"gone":                         {removal.Progress{}, removal.Attempt{Permit: alive, Found: found(retention.Absent, "", video.ErrNotFound)}, open, removal.End, video.Missing},
		"gone after a try":             {removal.Progress{Phase: removal.Deferred, Tries: 1}, removal.Attempt{Permit: alive, Found: found(retention.Absent, "", nil)}, open, removal.End, video.Done},
		"held":                         {removal.Progress{}, removal.Attempt{Permit: alive, Found: found(retention.Present, "held", nil)}, open, removal.End, video.Kept},
		"held, maybe gone":             {removal.Progress{Phase: removal.Deferred, Tries: 1}, removal.Attempt{Permit: alive, Found: found(retention.Untold, "held", nil)}, open, removal.End, video.Unknown},
		"no answer":                    {removal.Progress{}, removal.Attempt{Permit: alive, Found: found(retention.Untold, "", video.ErrTransient)}, open, removal.End, video.Deferred},
		"undecodable":                  {removal.Progress{}, removal.Attempt{Permit: alive, Found: found(retention.Untold, "", video.ErrInvalid)}, open, removal.End, video.Rejected},
		"may go":                       {removal.Progress{}, removal.Attempt{Permit: alive, Found: found(retention.Present, "", nil)}, open, removal.Intend, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := removal.Next(tc.p, tc.a, tc.g)
			require.Equal(t, tc.step, m.Step, m.Why)
			require.Equal(t, tc.want, m.Result)
			if m.Step == removal.Leave || m.Step == removal.End && m.Result != video.Done {
				if tc.a.Answer == nil {
					require.NotEmpty(t, m.Why)
				}
			}
		})
	}
}

func TestAShutGateGrantsNoPermit(t *testing.T) {
	require.False(t, removal.Gate{}.Permit().Alive(now))
	for name, change := range map[string]func(*removal.Gate){
		"lease":     func(g *removal.Gate) { g.Lease = now },
		"halt":      func(g *removal.Gate) { g.Halted = "x" },
		"withdrawn": func(g *removal.Gate) { g.Withdrawn = "x" },
		"guards":    func(g *removal.Gate) { g.Over = "x" },
		"failing":   func(g *removal.Gate) { g.Failing = "x" },
		"deadline":  func(g *removal.Gate) { g.Deadline = now },
	} {
		g := open
		change(&g)
		require.False(t, g.Permit().Alive(now), name)
		require.NotEmpty(t, g.Shut(), name)
	}
	g := open
	g.Deadline = now.Add(time.Second)
	require.Equal(t, g.Deadline, g.Permit().Until, "it ends with the run's time")
	require.Equal(t, open.Lease, open.Permit().Until)
}

// Whatever a library answers, no call is made without a read under a living permit
// between it and the call before, and "kept" is never the last word on what is gone.
func TestOneItemAgainstALibraryOfChance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var tally removal.Tally
		row := func(event string, r video.Result) {
			tally.Add(removal.Row{Event: event, Tick: now, Item: item, Result: r})
		}
		there, held, gone := true, false, 0
		a, g := removal.Attempt{}, open
		reads := 0
		for range 60 {
			g.Now = g.Now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
			if rapid.Bool().Draw(rt, "renew") {
				g.Lease = g.Now.Add(30 * time.Second)
			}
			if rapid.IntRange(0, 9).Draw(rt, "hold") == 0 {
				held = true
			}
			m := removal.Next(tally.Of(removal.KeyOf(item)), a, g)
			switch m.Step {
			case removal.Finished:
				require.True(rt, m.Result != video.Kept || there)
				require.Equal(rt, !there, m.Result == video.Done, m.Result)
				return
			case removal.Leave: // the next run
				a = removal.Attempt{}
				g.Lease = g.Now.Add(30 * time.Second)
			case removal.Settle, removal.Recheck:
				f := found(retention.Present, "", nil)
				if held {
					f.Keep = "held"
				}
				if !there {
					f = found(retention.Absent, "", video.ErrNotFound)
				}
				if rapid.IntRange(0, 5).Draw(rt, "read") == 0 {
					f = found(retention.Untold, "", video.ErrTransient)
				}
				a = a.AfterRead(g.Permit(), *f, g.Now)
				reads++
			case removal.Intend:
				row(removal.Intent, "")
				a = a.AfterIntent()
			case removal.Call:
				require.NotZero(rt, reads, "a call without a read since the one before")
				require.True(rt, a.Permit.Alive(g.Now))
				reads = 0
				o := video.Outcome{Result: video.Done}
				switch rapid.IntRange(0, 3).Draw(rt, "call") {
				case 0:
					there, gone = false, gone+1
				case 1:
					o = video.Outcome{Result: video.Failed, Err: video.ErrThrottled}
				case 2:
					o = video.Outcome{Result: video.Unknown, Err: video.ErrUnknownOutcome}
				case 3:
					there, gone = false, gone+1
					o = video.Outcome{Result: video.Unknown, Err: video.ErrUnknownOutcome}
				}
				a = a.AfterCall(o)
			case removal.End:
				row(removal.Outcome, m.Result)
				a = a.AfterEnd()
			default:
				rt.Fatalf("step %q", m.Step)
			}
			require.LessOrEqual(rt, gone, 1)
		}
	})
}

func TestTheTallyTellsWhereAnItemStands(t *testing.T) {
	var tally removal.Tally
	k := removal.KeyOf(item)
	require.Equal(t, removal.Progress{}, tally.Of(k))
	require.Empty(t, tally.Open())
	add := func(event string, tick time.Time, r video.Result) removal.Progress {
		tally.Add(removal.Row{Event: event, Tick: tick, Item: item, Result: r})
		return tally.Of(k)
	}
	require.Equal(t, removal.Untried, add("note", now, "").Phase)
	p := add(removal.Intent, now, "")
	require.Equal(t, removal.Open, p.Phase)
	require.Equal(t, []retention.Item{item}, tally.Open())
	require.True(t, p.MayBeGone())
	require.Equal(t, now.Add(removal.Longest), tally.Touched("a"))
	p = add(removal.Outcome, now, video.Deferred)
	require.Equal(t, removal.Deferred, p.Phase)
	require.False(t, p.MayBeGone())
	require.Zero(t, tally.Settled())
	p = add(removal.Outcome, now.Add(time.Hour), video.Kept)
	require.Equal(t, removal.Progress{Phase: removal.Settled, Item: item, Result: video.Kept, Tries: 1, Tick: now.Add(time.Hour)}, p)
	require.Equal(t, 1, tally.Settled())
	require.False(t, p.MayBeGone())
	require.Empty(t, tally.Open())
}
