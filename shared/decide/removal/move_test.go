package removal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

var move = retention.Item{ID: "a", Kind: retention.Move, Part: retention.AllParts, To: "IA"}

// The lines of the package comment in which a move differs.
func TestTheNextStepOfAMoveIsTheOneOfTheTable(t *testing.T) {
	ours := removal.Progress{Phase: removal.Open, Tries: 1, Tick: now, Item: move}
	again, put := ours, removal.Progress{Phase: removal.Deferred, Tries: 1, Item: move}
	again.Tries = 2
	alive := open.Permit()
	said := func(r video.Result) *video.Outcome { return &video.Outcome{Result: r, Reason: "said"} }
	read := func(p retention.Presence, err error) *retention.Found {
		return &retention.Found{Item: move, Presence: p, Err: err}
	}
	later := func(d time.Duration) removal.Gate { g := open; g.Tick = now.Add(d); return g }
	shut := open
	shut.Halted = "halted by anna"
	for name, tc := range map[string]struct {
		p    removal.Progress
		a    removal.Attempt
		g    removal.Gate
		step removal.Step
		want video.Result
	}{
		"accepted":                          {ours, removal.Attempt{Intended: true, Answer: said(video.Done)}, shut, removal.Leave, ""},
		"ignored":                           {ours, removal.Attempt{Intended: true, Answer: said(video.Unchanged)}, open, removal.Settle, ""},
		"refused":                           {ours, removal.Attempt{Intended: true, Answer: said(video.Forbidden)}, open, removal.Settle, ""},
		"refused as one":                    {ours, removal.Attempt{Intended: true, Answer: said(video.Forbidden), AsOne: true}, open, removal.End, video.Forbidden},
		"ignored, read: moved":              {ours, removal.Attempt{Answer: said(video.Unchanged), Found: read(retention.Absent, nil)}, open, removal.End, video.Unchanged},
		"ignored, not there":                {ours, removal.Attempt{Answer: said(video.Unchanged), Found: read(retention.Absent, video.ErrNotFound)}, open, removal.End, video.Missing},
		"ignored, unreadable":               {ours, removal.Attempt{Answer: said(video.Unchanged), Found: read(retention.Untold, video.ErrThrottled)}, open, removal.Leave, ""},
		"refused at once, read: moved":      {ours, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Absent, nil)}, open, removal.End, video.Unchanged},
		"refused at once, not there":        {ours, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Absent, video.ErrNotFound)}, open, removal.End, video.Missing},
		"refused at once, read: changing":   {ours, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Untold, nil)}, open, removal.End, video.Forbidden},
		"refused at once, where it was":     {ours, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Present, nil)}, open, removal.End, video.Forbidden},
		"refused, called before":            {again, removal.Attempt{Intended: true, Answer: said(video.Forbidden)}, open, removal.Settle, ""},
		"ignored, called before":            {again, removal.Attempt{Intended: true, Answer: said(video.Unchanged)}, open, removal.Settle, ""},
		"refused, read: moved":              {again, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Absent, nil)}, open, removal.End, video.Done},
		"refused, read: being changed":      {again, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Untold, nil)}, open, removal.Leave, ""},
		"refused, read: where it was":       {again, removal.Attempt{Answer: said(video.Forbidden), Found: read(retention.Present, nil)}, open, removal.End, video.Forbidden},
		"lost":                              {ours, removal.Attempt{Intended: true, Answer: said(video.Unknown)}, open, removal.Settle, ""},
		"lost, read early: where it was":    {ours, removal.Attempt{Answer: said(video.Unknown), Read: now, Doubt: now.Add(1), Found: read(retention.Present, nil)}, open, removal.Leave, ""},
		"undone twice before":               {undone(ours, 2), removal.Attempt{Found: read(retention.Present, nil)}, later(removal.MostLag), removal.End, video.Failed},
		"undone twice before, lagging":      {undone(ours, 2), removal.Attempt{Found: read(retention.Present, nil)}, later(removal.MostLag - 1), removal.Leave, ""},
		"undone twice before, moved":        {undone(ours, 2), removal.Attempt{Found: read(retention.Absent, nil)}, open, removal.End, video.Done},
		"undone once before":                {undone(ours, 1), removal.Attempt{Found: read(retention.Present, nil)}, open, removal.End, video.Deferred},
		"undone twice before, lost":         {undone(ours, 2), removal.Attempt{Answer: said(video.Unknown), Read: now, Found: read(retention.Present, nil)}, open, removal.End, video.Deferred},
		"lost, read: where it was":          {ours, removal.Attempt{Answer: said(video.Unknown), Read: now, Found: read(retention.Present, nil)}, open, removal.End, video.Deferred},
		"missing":                           {again, removal.Attempt{Answer: said(video.Missing)}, open, removal.End, video.Missing},
		"older":                             {ours, removal.Attempt{}, shut, removal.Settle, ""},
		"older, gone":                       {ours, removal.Attempt{Found: read(retention.Absent, video.ErrNotFound)}, shut, removal.End, video.Missing},
		"older, moved":                      {ours, removal.Attempt{Found: read(retention.Absent, nil)}, shut, removal.End, video.Done},
		"older, being changed":              {ours, removal.Attempt{Found: read(retention.Untold, nil)}, shut, removal.Leave, ""},
		"older, being changed, last":        {ours, removal.Attempt{Last: true, Found: read(retention.Untold, nil)}, shut, removal.Leave, ""},
		"being changed for three days":      {ours, removal.Attempt{Found: read(retention.Untold, nil)}, later(removal.LongestChange), removal.Leave, ""},
		"being changed for more":            {ours, removal.Attempt{Found: read(retention.Untold, nil)}, later(removal.LongestChange + 1), removal.End, video.Unknown},
		"unreadable for now, for more":      {ours, removal.Attempt{Found: read(retention.Untold, video.ErrThrottled)}, later(removal.LongestChange + 1), removal.Leave, ""},
		"older, where it was":               {ours, removal.Attempt{Found: read(retention.Present, nil)}, open, removal.End, video.Deferred},
		"older, where it was, last":         {ours, removal.Attempt{Last: true, Found: read(retention.Present, nil)}, open, removal.End, video.Failed},
		"untried, moved":                    {removal.Progress{}, removal.Attempt{Permit: alive, Found: read(retention.Absent, nil)}, open, removal.End, video.Unchanged},
		"untried, gone":                     {removal.Progress{}, removal.Attempt{Permit: alive, Found: read(retention.Absent, video.ErrNotFound)}, open, removal.End, video.Missing},
		"untried, changed by somebody":      {removal.Progress{}, removal.Attempt{Permit: alive, Found: &retention.Found{Item: move, Judged: true, Keep: "being changed"}}, open, removal.End, video.Kept},
		"tried, moved":                      {put, removal.Attempt{Permit: alive, Found: read(retention.Absent, nil)}, open, removal.End, video.Done},
		"tried, being changed":              {put, removal.Attempt{Permit: alive, Found: read(retention.Untold, nil)}, open, removal.Leave, ""},
		"tried, where it was, may be moved": {put, removal.Attempt{Permit: alive, Found: read(retention.Present, nil)}, open, removal.Intend, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := removal.Next(tc.p, tc.a, tc.g)
			require.Equal(t, tc.step, m.Step, m.Why)
			require.Equal(t, tc.want, m.Result)
			if m.Step == removal.Leave || m.Step == removal.End {
				require.NotEmpty(t, m.Why)
			}
		})
	}
}

func undone(p removal.Progress, n int) removal.Progress {
	p.Undone = n
	return p
}

// A move that the library accepts and undoes is asked for three times, whatever else comes
// between; a throttle is no such time, nor a call that nobody answered.
func TestAMoveThatIsUndoneEachTimeFails(t *testing.T) {
	var tally removal.Tally
	asks := 0
	for _, detail := range []string{removal.NotMoved, video.ErrThrottled.Error(), removal.NotMoved, removal.NotAnswered, ""} {
		p := tally.Of(removal.KeyOf(move))
		if p.Phase == removal.Settled {
			break
		}
		asks++
		tally.Add(removal.Row{Event: removal.Intent, Tick: now, Item: move})
		if detail == "" {
			break
		}
		tally.Add(removal.Row{Event: removal.Outcome, Tick: now, Item: move, Result: video.Deferred, Detail: detail})
	}
	require.Equal(t, 5, asks)
	p := tally.Of(removal.KeyOf(move))
	require.Equal(t, 2, p.Undone)
	g := open
	g.Tick = now.Add(time.Hour)
	m := removal.Next(p, removal.Attempt{Found: &retention.Found{Item: move, Presence: retention.Present, Judged: true}}, g)
	require.Equal(t, removal.Move{Step: removal.End, Result: video.Failed, Why: removal.UndoneOften}, m)
}

// Whatever a library answers, and however late a change begins to show or ends, a move is
// done exactly when the asset is in its class, and it is never asked for while a read says
// that it is under way.
func TestOneMoveAgainstALibraryOfChance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var tally removal.Tally
		row := func(event string, r video.Result, why string) {
			tally.Add(removal.Row{Event: event, Tick: now, Item: move, Result: r, Detail: why})
		}
		const where, changing, moved = 0, 1, 2
		class, held := where, false
		a, g := removal.Attempt{}, open
		reads := 0
		for range 80 {
			g.Now = g.Now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
			if rapid.Bool().Draw(rt, "renew") {
				g.Lease = g.Now.Add(30 * time.Second)
			}
			held = held || rapid.IntRange(0, 9).Draw(rt, "hold") == 0
			if class == changing {
				class = rapid.SampledFrom([]int{changing, changing, moved, where}).Draw(rt, "class")
			}
			m := removal.Next(tally.Of(removal.KeyOf(move)), a, g)
			switch m.Step {
			case removal.Finished:
				require.Equal(rt, class == moved, m.Result == video.Done, m.Result)
				return
			case removal.Leave: // the next run
				a = removal.Attempt{}
				g.Lease = g.Now.Add(30 * time.Second)
			case removal.Settle, removal.Recheck:
				f := retention.Found{Item: move, Presence: []retention.Presence{retention.Present, retention.Untold, retention.Absent}[class], Judged: true}
				if class == changing {
					f.Keep = "being changed"
				}
				if held {
					f.Keep = "held"
				}
				if rapid.IntRange(0, 5).Draw(rt, "read") == 0 {
					f = retention.Found{Item: move, Err: video.ErrTransient}
				}
				a = a.AfterRead(g.Permit(), f, g.Now)
				reads++
			case removal.Intend:
				row(removal.Intent, "", "")
				a = a.AfterIntent()
			case removal.Call:
				require.NotZero(rt, reads, "a call without a read since the one before")
				require.Equal(rt, retention.Present, a.Found.Presence)
				require.Empty(rt, a.Found.Keep)
				require.True(rt, a.Permit.Alive(g.Now))
				reads = 0
				o := video.Outcome{Result: []video.Result{video.Done, video.Forbidden, video.Unchanged}[class]}
				switch rapid.IntRange(0, 3).Draw(rt, "call") {
				case 0:
					class = max(class, changing)
				case 1:
					o = video.Outcome{Result: video.Failed, Err: video.ErrThrottled}
				case 2:
					o = video.Outcome{Result: video.Unknown, Err: video.ErrUnknownOutcome}
				case 3:
					class = max(class, changing)
					o = video.Outcome{Result: video.Unknown, Err: video.ErrUnknownOutcome}
				}
				a = a.AfterCall(o)
			case removal.End:
				row(removal.Outcome, m.Result, m.Why)
				a = a.AfterEnd()
			default:
				rt.Fatalf("step %q", m.Step)
			}
		}
	})
}
