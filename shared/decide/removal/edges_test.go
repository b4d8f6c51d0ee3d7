package removal_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

func TestTheGateSaysWhyItIsShutTheFirstReasonFirst(t *testing.T) {
	g := removal.Gate{Now: now, Lease: now, Deadline: now, Halted: "halted", Withdrawn: "withdrawn", Over: "over", Failing: "failing"}
	for _, next := range []struct {
		why  string
		mend func()
	}{
		{"the lease is over", func() { g.Lease = now.Add(1) }},
		{"halted", func() { g.Halted = "" }},
		{"withdrawn", func() { g.Withdrawn = "" }},
		{"over", func() { g.Over = "" }},
		{"failing", func() { g.Failing = "" }},
		{"the time is up", func() { g.Deadline = now.Add(1) }},
	} {
		require.Equal(t, next.why, g.Shut())
		require.Equal(t, removal.Permit{}, g.Permit())
		require.Equal(t, next.why == "the lease is over", g.Lost())
		next.mend()
	}
	require.Empty(t, g.Shut())
	require.Equal(t, now.Add(1), g.Permit().Until)
	g.Lease, g.Deadline = now.Add(2), time.Time{}
	require.Equal(t, now.Add(2), g.Permit().Until, "no deadline is none")
	g.Deadline = now.Add(3)
	require.Equal(t, now.Add(2), g.Permit().Until, "the lease ends first")
}

func TestAPermitIsAliveBeforeItsEnd(t *testing.T) {
	p := removal.Permit{Until: now}
	require.True(t, p.Alive(now.Add(-1)))
	require.False(t, p.Alive(now))
	require.False(t, removal.Permit{}.Alive(time.Time{}))
}

func TestAnAttemptRemembersWhatItsStepsDid(t *testing.T) {
	permit := removal.Permit{Until: now.Add(time.Minute)}
	read := removal.Attempt{Tries: 1, Refresh: true, Last: true}.AfterRefresh().AfterRead(permit, *found(retention.Present, "", nil), now)
	require.Equal(t, removal.Attempt{Tries: 1, Refresh: true, Refreshed: true, Last: true, Permit: permit, Found: found(retention.Present, "", nil), Read: now}, read)
	require.Equal(t, removal.Attempt{Tries: 1, Refreshed: true}, removal.Attempt{Tries: 1, Permit: permit, Found: found(retention.Present, "", nil)}.AfterRefresh(), "it is read again")
	intended := read.AfterIntent()
	require.True(t, intended.Intended)
	require.False(t, read.Intended, "what was before stays")
	for name, c := range map[string]struct {
		o     video.Outcome
		doubt bool
	}{
		"done":                {video.Outcome{Result: video.Done}, false},
		"throttled":           {video.Outcome{Result: video.Failed, Err: video.ErrThrottled}, false},
		"failed, and no why":  {video.Outcome{Result: video.Failed}, false},
		"unknown":             {video.Outcome{Result: video.Unknown}, true},
		"an error of no kind": {video.Outcome{Result: video.Failed, Err: errors.New("x")}, true},
		"forbidden":           {video.Outcome{Result: video.Forbidden, Err: errors.New("x")}, false},
	} {
		called := intended.AfterCall(c.o)
		want := removal.Attempt{Tries: 2, Refresh: true, Refreshed: true, Last: true, Intended: true, Answer: &c.o, Read: now}
		if c.doubt {
			want.Doubt = permit.Until
		}
		require.Equal(t, want, called, name)
		next := called.AfterEnd()
		require.Equal(t, removal.Attempt{Tries: 2, Refresh: true, Refreshed: true, Last: true}, next, name)
	}
	later := intended
	later.Doubt = permit.Until.Add(1)
	require.Equal(t, permit.Until.Add(1), later.AfterCall(video.Outcome{Result: video.Unknown}).Doubt, "an earlier call is doubtful for longer")
	later.Doubt = permit.Until.Add(-1)
	require.Equal(t, permit.Until, later.AfterCall(video.Outcome{Result: video.Unknown}).Doubt)
}

func TestWhatWasReadOfAnEarlierCallIsGoodForTheNextAttempt(t *testing.T) {
	permit := removal.Permit{Until: now.Add(time.Minute)}
	there := removal.Attempt{}.AfterRead(permit, *found(retention.Present, "", nil), now)
	require.Equal(t, there, there.AfterEnd())
	since := there.AfterIntent().AfterCall(video.Outcome{Result: video.Unknown}).AfterRead(permit, *found(retention.Present, "", nil), now).AfterEnd()
	require.Equal(t, permit, since.Permit, "it was read after the call")
	require.NotNil(t, since.Found)
	untold := removal.Attempt{}.AfterRead(permit, *found(retention.Untold, "", video.ErrTransient), now)
	for name, a := range map[string]removal.Attempt{
		"nothing was read": {}, "its intent came after the read": there.AfterIntent(), "the read failed": untold,
		"a call came after the read": there.AfterIntent().AfterCall(video.Outcome{Result: video.Unknown}),
	} {
		require.Nil(t, a.AfterEnd().Found, name)
		require.Equal(t, removal.Permit{}, a.AfterEnd().Permit, name)
	}
}

func unsure(a removal.Attempt) removal.Attempt {
	a.Found.Unsure = true
	return a
}

func TestEveryMoveSaysWhy(t *testing.T) {
	alive := open.Permit()
	shut := open
	shut.Halted = "halted by anna"
	lost := open
	lost.Lease = now
	answer := func(r video.Result, reason string, err error) *video.Outcome {
		return &video.Outcome{Result: r, Reason: reason, Err: err}
	}
	opened, twice := removal.Progress{Phase: removal.Open, Tries: 1}, removal.Progress{Phase: removal.Open, Tries: 2}
	tried := removal.Progress{Phase: removal.Deferred, Tries: 1}
	read := func(p retention.Presence, keep string, err error) removal.Attempt {
		return removal.Attempt{Permit: alive, Found: found(p, keep, err), Read: now}
	}
	last := func(a removal.Attempt) removal.Attempt { a.Last = true; return a }
	doubtful := func(a removal.Attempt, until time.Time) removal.Attempt { a.Doubt = until; return a }
	called := func(a removal.Attempt) removal.Attempt { a.Answer = answer(video.Unknown, "", nil); return a }
	unjudged := read(retention.Untold, "", nil)
	unjudged.Found.Judged = false
	kept := read(retention.Untold, "held", nil)
	kept.Found.Judged = false
	end := func(r video.Result, why string) removal.Move {
		return removal.Move{Step: removal.End, Result: r, Why: why}
	}
	leave := func(why string) removal.Move { return removal.Move{Step: removal.Leave, Why: why} }
	odd, unknown := errors.New("x"), fmt.Errorf("x: %w", video.ErrUnknownOutcome)
	for name, c := range map[string]struct {
		p    removal.Progress
		a    removal.Attempt
		g    removal.Gate
		want removal.Move
	}{
		"lost":                        {opened, removal.Attempt{}, lost, leave("the lease is over")},
		"shut":                        {removal.Progress{}, removal.Attempt{}, shut, leave("halted by anna")},
		"four tries":                  {tried, removal.Attempt{Tries: 4}, open, removal.Move{Step: removal.Recheck}},
		"five tries":                  {tried, removal.Attempt{Tries: 5}, open, leave("tried 5 times in this run")},
		"refreshed":                   {removal.Progress{}, removal.Attempt{Refresh: true, Refreshed: true}, open, removal.Move{Step: removal.Recheck}},
		"gone":                        {removal.Progress{}, read(retention.Absent, "", video.ErrNotFound), open, end(video.Missing, removal.GoneBefore)},
		"gone after a call":           {tried, read(retention.Absent, "", nil), open, end(video.Done, removal.GoneAfterCall)},
		"throttled":                   {tried, read(retention.Untold, "", video.ErrThrottled), open, end(video.Deferred, video.ErrThrottled.Error())},
		"unreadable":                  {removal.Progress{}, read(retention.Untold, "", odd), open, end(video.Failed, "x")},
		"unreadable after a call":     {tried, read(retention.Untold, "", odd), open, end(video.Unknown, removal.CannotBeRead+": x")},
		"there, and unreadable":       {tried, read(retention.Present, "", odd), open, end(video.Failed, "x")},
		"forbidden":                   {removal.Progress{}, read(retention.Untold, "", video.ErrForbidden), open, end(video.Forbidden, video.ErrForbidden.Error())},
		"unremovable":                 {removal.Progress{}, read(retention.Untold, "", video.ErrUnremovable), open, end(video.Kept, video.ErrUnremovable.Error())},
		"unknown outcome of a read":   {removal.Progress{}, read(retention.Untold, "", unknown), open, end(video.Failed, unknown.Error())},
		"held":                        {removal.Progress{}, read(retention.Present, "held", nil), open, end(video.Kept, "held")},
		"held, untold":                {removal.Progress{}, read(retention.Untold, "held", nil), open, end(video.Kept, "held")},
		"held, tried":                 {tried, read(retention.Present, "held", nil), open, end(video.Kept, "held")},
		"held, tried, untold":         {tried, read(retention.Untold, "held", nil), open, end(video.Unknown, removal.CannotBeRead)},
		"held, doubt is over":         {tried, doubtful(read(retention.Present, "held", nil), now), open, end(video.Kept, "held")},
		"may go, in doubt":            {tried, doubtful(read(retention.Present, "", nil), now.Add(1)), open, removal.Move{Step: removal.Intend}},
		"may go, untold":              {tried, read(retention.Untold, "", nil), open, removal.Move{Step: removal.Intend}},
		"intended, shut":              {opened, removal.Attempt{Intended: true, Permit: alive}, shut, end(video.Deferred, "not called: halted by anna")},
		"intended, late":              {opened, removal.Attempt{Intended: true, Permit: removal.Permit{Until: now}}, open, end(video.Deferred, "not called: the permit is over")},
		"done":                        {opened, removal.Attempt{Answer: answer(video.Done, "by whom", nil)}, open, end(video.Done, "by whom")},
		"forbidden by the call":       {opened, removal.Attempt{Answer: answer(video.Forbidden, "", odd)}, open, end(video.Forbidden, "x")},
		"a reason and an error":       {opened, removal.Attempt{Answer: answer(video.Forbidden, "why", odd)}, open, end(video.Forbidden, "why")},
		"throttled by the call":       {opened, removal.Attempt{Answer: answer(video.Failed, "", video.ErrThrottled)}, open, end(video.Deferred, video.ErrThrottled.Error())},
		"failed without an error":     {opened, removal.Attempt{Answer: answer(video.Failed, "why", nil)}, open, end(video.Failed, "why")},
		"missing":                     {opened, removal.Attempt{Answer: answer(video.Missing, "", nil)}, open, end(video.Missing, removal.GoneByWord)},
		"missing at the second":       {twice, removal.Attempt{Answer: answer(video.Missing, "", nil)}, open, end(video.Done, removal.GoneAfterCall)},
		"older, gone":                 {opened, read(retention.Absent, "", nil), open, end(video.Done, removal.GoneAfterCall)},
		"older, there":                {opened, read(retention.Present, "", nil), open, end(video.Deferred, removal.StillThereRun)},
		"kept, maybe by another plan": {removal.Progress{}, unsure(read(retention.Untold, "held", nil)), open, end(video.Unknown, removal.CannotBeRead)},
		"kept, there":                 {removal.Progress{}, unsure(read(retention.Present, "held", nil)), open, end(video.Kept, "held")},
		"older, there, in doubt":      {opened, doubtful(read(retention.Present, "", nil), now.Add(1)), open, leave(removal.MayStillHappen)},
		"older, untold, in doubt":     {opened, doubtful(read(retention.Untold, "", nil), now.Add(1)), open, leave(removal.MayStillHappen)},
		"older, gone, in doubt":       {opened, doubtful(read(retention.Absent, "", nil), now.Add(1)), open, end(video.Done, removal.GoneAfterCall)},
		"called, there":               {opened, called(read(retention.Present, "", nil)), open, end(video.Deferred, removal.StillThere)},
		"last, there":                 {opened, last(read(retention.Present, "", nil)), open, end(video.Failed, removal.StillThere)},
		"last, there, in doubt":       {opened, last(doubtful(read(retention.Present, "", nil), now.Add(1))), open, leave(removal.MayStillHappen)},
		"older, no answer":            {opened, last(read(retention.Untold, "", video.ErrThrottled)), open, leave(video.ErrThrottled.Error())},
		"older, untold, may go":       {opened, read(retention.Untold, "", nil), open, end(video.Deferred, removal.AskedAgain)},
		"older, untold, shut":         {opened, read(retention.Untold, "", nil), shut, leave(removal.CannotBeRead)},
		"older, untold, last":         {opened, last(read(retention.Untold, "", nil)), open, end(video.Unknown, removal.CannotBeRead)},
		"older, untold, held":         {opened, read(retention.Untold, "held", nil), open, end(video.Unknown, removal.CannotBeRead)},
		"older, untold, not judged":   {opened, unjudged, open, leave(removal.CannotBeRead)},
		"older, kept, not judged":     {opened, kept, open, leave(removal.CannotBeRead)},
		"older, unreadable":           {opened, read(retention.Untold, "", odd), open, leave(removal.CannotBeRead)},
		"older, unreadable, last":     {opened, last(read(retention.Untold, "", odd)), open, end(video.Unknown, removal.CannotBeRead)},
		"settled":                     {removal.Progress{Phase: removal.Settled, Result: video.Done}, removal.Attempt{}, open, removal.Move{Step: removal.Finished, Result: video.Done}},
		"an answer of no open intent": {tried, removal.Attempt{Answer: answer(video.Done, "", nil)}, open, removal.Move{Step: removal.Recheck}},
	} {
		require.Equal(t, c.want, removal.Next(c.p, c.a, c.g), name)
	}
}

func TestKeysAreOrderedByAssetKindAndPart(t *testing.T) {
	keys := []removal.Key{{ID: "a", Kind: retention.Source, Part: "1"}, {ID: "a", Kind: retention.Stream, Part: "1"}, {ID: "a", Kind: retention.Stream, Part: "2"}, {ID: "b", Kind: retention.Source}}
	mixed := slices.Clone(keys)
	slices.Reverse(mixed)
	slices.SortFunc(mixed, removal.Key.Compare)
	require.Equal(t, keys, mixed)
}

func TestTheTallyCountsWhatIsSettledAndOpen(t *testing.T) {
	var tally removal.Tally
	other, part := retention.Item{ID: "b", Kind: retention.Whole}, retention.Item{ID: "a", Kind: retention.Stream, Part: "1"}
	add := func(i retention.Item, event string, tick time.Time, r video.Result) {
		tally.Add(removal.Row{Event: event, Tick: tick, Item: i, Result: r})
	}
	add(item, "note", now, video.Done)
	require.Empty(t, tally.Open())
	for range tally.All {
		t.Fatal("a note names no item")
	}
	add(other, removal.Intent, now, "")
	add(part, removal.Intent, now.Add(time.Hour), "")
	add(item, removal.Intent, now, "")
	require.Len(t, tally.Open(), 3)
	require.Equal(t, now.Add(time.Hour+removal.Longest), tally.Touched("a"), "the latest of the asset's calls")
	require.Equal(t, now.Add(removal.Longest), tally.Touched("b"))
	require.Zero(t, tally.Touched("c"))

	add(item, removal.Outcome, now, video.Done)
	add(other, removal.Outcome, now, video.Unknown)
	require.Equal(t, 2, tally.Settled())
	require.True(t, tally.Of(removal.KeyOf(item)).MayBeGone())
	require.True(t, tally.Of(removal.KeyOf(other)).MayBeGone())
	require.Equal(t, []retention.Item{part}, tally.Open())
	add(other, removal.Outcome, now, video.Missing)
	require.Equal(t, 2, tally.Settled(), "the last word counts, once")
	require.False(t, tally.Of(removal.KeyOf(other)).MayBeGone())
	add(item, removal.Intent, now, "")
	require.Equal(t, 1, tally.Settled())
	require.Equal(t, 2, tally.Of(removal.KeyOf(item)).Tries)
	add(item, removal.Outcome, now, video.Deferred)
	require.Equal(t, 1, tally.Settled())
	require.Equal(t, video.Deferred, tally.Of(removal.KeyOf(item)).Result)

	seen := map[removal.Key]removal.Progress{}
	for k, p := range tally.All {
		seen[k] = p
	}
	require.Len(t, seen, 3)
	require.Equal(t, tally.Of(removal.KeyOf(part)), seen[removal.KeyOf(part)])
	for range tally.All {
		break // a caller may stop early
	}
	for i := range 30 {
		add(retention.Item{ID: video.ID(fmt.Sprint("v", i%10)), Kind: retention.Stream, Part: fmt.Sprint(i / 10)}, removal.Intent, now, "")
	}
	require.Len(t, tally.Open(), 31)
	require.True(t, slices.IsSortedFunc(tally.Open(), func(a, b retention.Item) int { return removal.KeyOf(a).Compare(removal.KeyOf(b)) }))
}
