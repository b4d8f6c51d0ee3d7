// Package removal is the protocol by which one item leaves the library, or gets another
// storage class, as a pure state machine: rows of the ledger go in (Tally), the next step
// comes out (Next).
//
// It makes no call, reads no clock and keeps nothing: whoever carries it out does the
// step and asks again.
//
// # The states of an item
//
// What the ledger says (Progress) and what this run did since (Attempt) are the state.
// The first line that fits counts.
//
//	ledger says            this run                     gate          next step
//	---------------------  ---------------------------  ------------  ----------------------------
//	settled                -                            -             Finished
//	anything               -                            lease lost    Leave: a rival settles it
//	open, intent is ours   called, answer is known      -             End: done, missing, kept, ...
//	open, intent is ours   called, answer passes        -             End: deferred, then anew
//	open, intent is ours   called, outcome unknown      -             as "open, intent is older"
//	open, intent is ours   not called                   open, permit  Call
//	open, intent is ours   not called                   otherwise     End: deferred, not called
//	open, intent is older  not read                     -             Settle: read the library
//	open, intent is older  read: gone                   -             End: done
//	open, intent is older  read while a call without    -             Leave: it may still happen
//	                       an answer might have its effect
//	open, intent is older  read: there                  -             End: deferred (last: failed)
//	open, intent is older  read: cannot tell            -             Leave (last: End unknown), or
//	                                                                  deferred when it may go anew
//	untried, deferred      -                            shut          Leave: the gate says why
//	untried, deferred      tried often enough           open          Leave: the next run tries it
//	untried, deferred      not read, or permit is over  open          Recheck
//	untried, deferred      read: gone                   open          End: missing (done if tried)
//	untried, deferred      read: it stays               open          End: kept (unknown if it may be gone)
//	untried, deferred      read: there and may go, but  open          Refresh, then Recheck
//	                       not refreshed, and must be
//	untried, deferred      read: there and may go       open          Intend
//
// # The states of a move
//
// A move is an item of the kind move. "Gone" is that it has come to its class, and "cannot
// tell" that its class is being changed. The call only asks for that, so that some lines
// differ.
//
//	ledger says            this run                     gate          next step
//	---------------------  ---------------------------  ------------  ----------------------------
//	open, intent is ours   called, accepted             -             Leave: it is under way
//	open, intent is ours   refused for this asset, or   -             as "open, intent is older"
//	                       called before
//	open, intent is older  the asset is not there       -             End: missing
//	open, intent is older  read: being changed          -             Leave (3 days on: End unknown)
//	open, intent is older  read: its old class, and     -             End: as the call said
//	                       this run's call is refused
//	open, intent is older  read, this run's call is     -             End: unchanged (in its class),
//	                       refused, and was the first                 else as the call said
//	open, intent is older  read: its old class, for     -             End: failed (Leave within
//	                       the third time                             30 minutes of the call)
//	untried, deferred      the asset is not there       open          End: missing
//	untried, deferred      read: in its class           open          End: unchanged (done if tried)
//	deferred               read: being changed          open          Leave: it is under way
//
// # What this promises
//
//   - A delete call is made at most once for each recheck: after an answer that asks
//     for a repeat the intent is closed as deferred, and a new attempt begins at Recheck.
//   - A call is made only under a Permit that is alive, granted when halt, guards and
//     lease were read, and its deadline lies before the lease's end. A lane's lease is
//     taken over only after its end, so whoever holds it knows that no call of an
//     earlier run is under way: what such a run left open is settled by reading.
//   - What may have happened is asked of the library, and what may still happen stays
//     open until it cannot: also a run that is killed next leaves an intent behind.
//     "Kept" and "failed" are said only of what was read and was there; "done" only of
//     what the call confirmed or what is gone after a call.
//   - A move is done only by a read. While a change is under way it is not asked for again,
//     has not failed, and no run waits for it. A read that settles needs no permit. What the
//     library accepts and undoes is asked for three times in one plan, not at every tick.
//
// # Why
//
// A run that had a move accepted does not read it again, since changes take from seconds to
// hours: the next run does. The library announces the end of each change
// (UpdateMediaStorageClassComplete), and nothing waits for that: announcements are dropped
// after three tries, and a read is needed all the same.
//
// A delete is sent once by the client, and who asks again looks again first: a hold may come
// while a call is throttled. A call that nobody answered stays open until its time is over,
// up to 17 s; the run waits for it, and keeps its lease where it cannot. Reading at once was
// turned down: the exploration of all interleavings found an item that was gone and
// "deferred" for good.
package removal

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// Step is what a run does next about an item.
type Step string

// The steps, in the order in which an item that goes passes them.
const (
	Settle   Step = "settle"   // read the library: an earlier call may have had its effect
	Recheck  Step = "recheck"  // read the library and judge again, under a new permit
	Refresh  Step = "refresh"  // take an asset that would go out of the CDN's caches, while it exists
	Intend   Step = "intend"   // write the intent to the ledger
	Call     Step = "call"     // make the delete call, once, under the permit
	End      Step = "end"      // write the outcome to the ledger; Move.Result says which
	Leave    Step = "leave"    // nothing more in this run; Move.Why says why
	Finished Step = "finished" // it has its final outcome
)

// Move is the next step. Result is set for End, Why for End and Leave.
type Move struct {
	Step   Step
	Result video.Result
	Why    string
}

// MaxTries is how many calls one run makes for one item at most.
const MaxTries = 5

// Details of outcomes that the library, and not a call, has told.
const (
	GoneAfterCall  = "gone; by this run or somebody else"
	GoneByWord     = "gone before the call"
	GoneBefore     = "gone before this run came to it"
	StillThere     = "still there after a call whose outcome was unknown"
	StillThereRun  = "still there after a run that ended early"
	CannotBeRead   = "whether it happened cannot be read"
	MayStillHappen = "a call without an answer may still have its effect; the next run looks"
	AskedAgain     = "whether it happened cannot be read; asked again"
	notCalledShort = "not called"
)

// Details of moves.
const (
	UnderWay       = "its storage class is being changed; the next run looks"
	UnderWayLong   = "its storage class is being changed for more than 3 days"
	MovedAfterCall = "in its storage class after a call"
	MovedBefore    = "in its storage class before this run came to it"
	GoneUnmoved    = "the asset is not in the library any more"
	NotMoved       = "in its old storage class after a call"
	NotAnswered    = "in its old storage class after a call without an answer"
)

// MaxUndone is how often a move may come to nothing before it has failed: the library accepts
// it, and the asset is in its old class when the change is over.
const MaxUndone = 3

// MostLag is how long after a call a read may still tell the class of before.
const MostLag = 30 * time.Minute

// UndoneOften is the detail of a move that came to nothing MaxUndone times.
var UndoneOften = fmt.Sprintf("asked for %d times, and in its old storage class each time", MaxUndone)

// LongestChange is how long a change of storage class may be under way before what comes of
// it is unknown. Restoring from ColdArchive, which comes first, takes up to 48 hours.
const LongestChange = 72 * time.Hour

// Gate is everything that can stop a run, as it was read last. A zero Gate is shut:
// its lease is over.
type Gate struct {
	Now       time.Time
	Tick      time.Time // the event's time, by which days are counted
	Lease     time.Time // until when the run's lease can be relied on, margin taken off
	Deadline  time.Time // when the run has to end; zero: it has no deadline
	Halted    string    // why removal is halted, or why that is not known; empty: it is not
	Withdrawn string    // why the plan may not be applied any more; empty: it may
	Over      string    // which guards the plan is over; empty: none
	Failing   string    // why too much fails for the run to go on; empty: it may
}

// Lost says that the lease is over, so that the run may neither call nor write.
func (g Gate) Lost() bool { return !g.Now.Before(g.Lease) }

// Shut says why nothing more may be removed; empty: it may.
func (g Gate) Shut() string {
	switch {
	case g.Lost():
		return "the lease is over"
	case g.Halted != "":
		return g.Halted
	case g.Withdrawn != "":
		return g.Withdrawn
	case g.Over != "":
		return g.Over
	case g.Failing != "":
		return g.Failing
	case !g.Deadline.IsZero() && !g.Now.Before(g.Deadline):
		return "the time is up"
	}
	return ""
}

// Permit allows calls until a time. The zero Permit allows none.
type Permit struct {
	Until time.Time
}

// Permit grants the calls of one recheck through an open gate, until the lease or the
// run's time ends. A gate that is shut grants the zero Permit.
func (g Gate) Permit() Permit {
	if g.Shut() != "" {
		return Permit{}
	}
	until := g.Lease
	if !g.Deadline.IsZero() && g.Deadline.Before(until) {
		until = g.Deadline
	}
	return Permit{until}
}

// Alive says that a call may begin now. It has to end before Until.
func (p Permit) Alive(now time.Time) bool { return now.Before(p.Until) }

// Attempt is what this run did for an item since it last began with it. A run changes it
// by its methods only, one for each step.
type Attempt struct {
	Tries     int  // calls that this run made for the item
	Refresh   bool // the policy wants the CDN refreshed first
	Refreshed bool // and it was
	Last      bool // the library is asked for the last time about this plan, or in this run

	Permit   Permit           // under which Found was read
	Found    *retention.Found // what the last read said; nil: not read, or a call came after it
	Read     time.Time        // before that read
	Intended bool             // the intent of this attempt is in the ledger
	Answer   *video.Outcome   // what the call said; nil: not called
	AsOne    bool             // it said so of all items of the call together
	Doubt    time.Time        // until when a call without an answer may still have its effect
}

// AfterRefresh follows Refresh, which takes time: what was read before is no recheck.
func (a Attempt) AfterRefresh() Attempt {
	a.Refreshed, a.Found, a.Permit = true, nil, Permit{}
	return a
}

// AfterRead follows Recheck and Settle; began is a time before the read. A read to settle
// needs no permit.
func (a Attempt) AfterRead(p Permit, f retention.Found, began time.Time) Attempt {
	a.Permit, a.Found, a.Read = p, &f, began
	return a
}

// Accepted says that this run had a move accepted: what comes of it is for the next run.
func (a Attempt) Accepted() bool { return a.Answer != nil && a.Answer.Result == video.Done }

// Unread says that this run has to look once more at what came of its own call.
func (a Attempt) Unread() bool {
	return a.Answer != nil && !a.Accepted() && (a.Found == nil || a.early())
}

// early says that a call whose outcome is unknown may have had its effect after the read,
// so that "it is there" is no last word.
func (a Attempt) early() bool { return a.Read.Before(a.Doubt) }

// AfterIntent follows Intend, once the intent is written.
func (a Attempt) AfterIntent() Attempt {
	a.Intended = true
	return a
}

// AfterCall follows Call. It spends the permit and what was read under it.
func (a Attempt) AfterCall(o video.Outcome) Attempt {
	a.Tries++
	if uncertain(o) && a.Permit.Until.After(a.Doubt) {
		a.Doubt = a.Permit.Until
	}
	a.Answer, a.Found, a.Permit = &o, nil, Permit{}
	return a
}

// AfterEnd follows End, once the outcome is written. When that is not final it is a new
// attempt. What was read since the last call is good for this one, while its permit lives.
func (a Attempt) AfterEnd() Attempt {
	next := Attempt{Tries: a.Tries, Refresh: a.Refresh, Refreshed: a.Refreshed, Last: a.Last}
	if (a.Answer != nil || !a.Intended) && a.Found != nil && a.Found.Err == nil { // AfterCall forgets what was read before
		next.Found, next.Permit, next.Read = a.Found, a.Permit, a.Read
	}
	return next
}

// Next says what to do for an item. It is asked anew after every step.
func Next(p Progress, a Attempt, g Gate) Move {
	switch {
	case p.Phase == Settled:
		return Move{Step: Finished, Result: p.Result}
	case g.Lost():
		return Move{Step: Leave, Why: g.Shut()}
	case p.Phase == Open && a.Answer != nil:
		return answered(p, a, g)
	case p.Phase == Open && a.Intended:
		return intended(a, g)
	case p.Phase == Open:
		return settle(p, a, g)
	}
	return fresh(p, a, g)
}

// fresh is the way of an item of which no call is open.
func fresh(p Progress, a Attempt, g Gate) Move {
	if why := g.Shut(); why != "" {
		return Move{Step: Leave, Why: why}
	}
	if a.Tries >= MaxTries {
		return Move{Step: Leave, Why: fmt.Sprintf("tried %d times in this run", a.Tries)}
	}
	if a.Found == nil || !a.Permit.Alive(g.Now) {
		return Move{Step: Recheck}
	}
	if m, ended := uncalled(p, *a.Found); ended {
		return m
	}
	if a.Refresh && !a.Refreshed {
		return Move{Step: Refresh}
	}
	return Move{Step: Intend}
}

// uncalled is how an item ends without a call; false: nothing speaks against one.
func uncalled(p Progress, f retention.Found) (m Move, ended bool) {
	if m, ended := unmoved(p, f); ended {
		return m, true
	}
	maybe := (p.Tries > 0 || f.Unsure) && f.Presence == retention.Untold // an earlier call may have had its effect
	switch {
	case f.Presence == retention.Absent && p.Tries > 0:
		return end(video.Done, GoneAfterCall), true
	case f.Presence == retention.Absent:
		return end(video.Missing, GoneBefore), true
	case f.Err != nil && video.Passing(f.Err):
		return end(video.Deferred, f.Err.Error()), true
	case f.Err != nil && maybe:
		return end(video.Unknown, CannotBeRead+": "+f.Err.Error()), true
	case f.Err != nil:
		return end(hopeless(f.Err), f.Err.Error()), true
	case f.Keep != "" && maybe:
		return end(video.Unknown, CannotBeRead), true
	case f.Keep != "":
		return end(video.Kept, f.Keep), true
	}
	return Move{}, false
}

// unmoved is how a move ends without a call where that differs from a removal.
func unmoved(p Progress, f retention.Found) (m Move, ended bool) {
	switch {
	case f.Item.Kind != retention.Move:
		return Move{}, false
	case errors.Is(f.Err, video.ErrNotFound):
		return end(video.Missing, GoneUnmoved), true
	case f.Presence == retention.Absent && p.Tries > 0:
		return end(video.Done, MovedAfterCall), true
	case f.Presence == retention.Absent:
		return end(video.Unchanged, MovedBefore), true
	case f.Presence == retention.Untold && f.Err == nil && p.Tries > 0: // by the call before
		return Move{Step: Leave, Why: UnderWay}, true
	}
	return Move{}, false
}

// intended is the way of an item whose intent is written and whose call is not made.
func intended(a Attempt, g Gate) Move {
	if why := g.Shut(); why != "" {
		return end(video.Deferred, notCalledShort+": "+why)
	}
	if !a.Permit.Alive(g.Now) {
		return end(video.Deferred, notCalledShort+": the permit is over")
	}
	return Move{Step: Call}
}

// answered is the way of an item after its call.
func answered(p Progress, a Attempt, g Gate) Move {
	o := *a.Answer
	detail := refusal(o)
	switch {
	case uncertain(o), unsure(p, a):
		return settle(p, a, g)
	case p.Item.Kind == retention.Move && o.Result == video.Done:
		return Move{Step: Leave, Why: UnderWay}
	case o.Result == video.Failed && video.Passing(o.Err):
		return end(video.Deferred, detail)
	case o.Result == video.Missing && p.Tries > 1 && p.Item.Kind != retention.Move: // the call before it had its effect late
		return end(video.Done, GoneAfterCall)
	case o.Result == video.Missing:
		return end(video.Missing, GoneByWord)
	}
	return end(o.Result, detail)
}

// refusal is what an answer says of itself.
func refusal(o video.Outcome) string {
	if o.Reason == "" && o.Err != nil {
		return o.Err.Error()
	}
	return o.Reason
}

// unsure says that a move was refused, and may have been for what the call before it set going,
// or since the asset is in its class, or is not there: which list of an answer names which of
// those is not documented.
func unsure(p Progress, a Attempt) bool {
	r := a.Answer.Result
	refused := r == video.Unchanged || r == video.Forbidden || r == video.Rejected
	return p.Item.Kind == retention.Move && refused && (p.Tries > 1 || !a.AsOne)
}

// uncertain says that an answer does not tell whether the call had its effect. An
// error of no known kind does not tell it.
func uncertain(o video.Outcome) bool {
	return o.Result == video.Unknown || o.Result == video.Failed && o.Err != nil && !video.Passing(o.Err)
}

// settle is the way of an item of which a call may have had its effect.
func settle(p Progress, a Attempt, g Gate) Move {
	if a.Found == nil {
		return Move{Step: Settle}
	}
	if m, known := settleMove(p, a, g); known {
		return m
	}
	return settleRemoval(a, g)
}

// settleRemoval is settle of what leaves the library.
func settleRemoval(a Attempt, g Gate) Move {
	f := *a.Found
	switch {
	case f.Presence == retention.Absent:
		return end(video.Done, GoneAfterCall)
	case a.early():
		return Move{Step: Leave, Why: MayStillHappen}
	case f.Presence == retention.Present:
		return stillThere(a)
	case f.Err != nil && video.Passing(f.Err):
		return Move{Step: Leave, Why: f.Err.Error()}
	case f.Err == nil && f.Judged && f.Keep == "" && g.Shut() == "" && !a.Last:
		return end(video.Deferred, AskedAgain)
	case f.Err == nil && f.Judged && f.Keep != "", a.Last:
		return end(video.Unknown, CannotBeRead)
	}
	return Move{Step: Leave, Why: CannotBeRead}
}

// settleMove is settle where a move differs from a removal.
func settleMove(p Progress, a Attempt, g Gate) (m Move, known bool) {
	f := *a.Found
	refused := a.Answer != nil && !uncertain(*a.Answer)
	switch {
	case p.Item.Kind != retention.Move:
		return Move{}, false
	case errors.Is(f.Err, video.ErrNotFound):
		return end(video.Missing, GoneUnmoved), true
	case refused && p.Tries == 1 && f.Err == nil: // the only call of all runs did nothing
		if f.Presence == retention.Absent {
			return end(video.Unchanged, MovedBefore), true
		}
		return end(a.Answer.Result, cmp.Or(refusal(*a.Answer), NotMoved)), true
	case f.Presence == retention.Absent:
		return end(video.Done, MovedAfterCall), true
	case f.Presence == retention.Untold && f.Err == nil:
		return changing(p, g), true
	case a.early() || f.Presence != retention.Present:
		return Move{}, false
	case refused:
		return end(a.Answer.Result, cmp.Or(refusal(*a.Answer), NotMoved)), true
	}
	return undone(p, a, g), true
}

// changing is the way of a move that is under way.
func changing(p Progress, g Gate) Move {
	if g.Tick.Sub(p.Tick) > LongestChange {
		return end(video.Unknown, UnderWayLong)
	}
	return Move{Step: Leave, Why: UnderWay}
}

// undone is the way of a move whose asset is in its old class after a call.
func undone(p Progress, a Attempt, g Gate) Move {
	switch {
	case a.Last:
		return end(video.Failed, NotMoved)
	case a.Answer != nil: // it is asked for again in this run, and an outage is no refusal
		return end(video.Deferred, NotAnswered)
	case p.Undone+1 < MaxUndone:
		return end(video.Deferred, NotMoved)
	case g.Tick.Sub(p.Tick) < MostLag: // the read may lag, and another call would be one too many
		return Move{Step: Leave, Why: UnderWay}
	}
	return end(video.Failed, UndoneOften)
}

// stillThere is the end of a call that had no effect.
func stillThere(a Attempt) Move {
	switch {
	case a.Last:
		return end(video.Failed, StillThere)
	case a.Answer == nil:
		return end(video.Deferred, StillThereRun)
	}
	return end(video.Deferred, StillThere)
}

func end(result video.Result, why string) Move { return Move{End, result, why} }

// hopeless is the outcome of what cannot be read and would not be at another try.
func hopeless(err error) video.Result {
	if result := video.ResultOf(err); result != video.Unknown {
		return result
	}
	return video.Failed
}
