package removal_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// The whole protocol, explored: two runs and two items against a library and a ledger,
// with every order of their steps and everything that may happen between them. A state
// that was met before is not explored again, so every interleaving is covered.
//
// Time is counted in steps of ten seconds. A lease lasts three of them, is relied on
// for two, and is taken over one step after its end.
//
// Of a move the effect is a change that begins; it ends at any later time, in the new class
// or, as often as there is a budget for it, in the old one. There is no run in which it has to.

const (
	step       = 10 * time.Second
	leaseSteps = 3
	margin     = 1
)

// budget is how often each thing may still happen on the way to a state.
type budget struct {
	ticks, kills, holds, halts, withdrawals, throttles, lost, slow, unread, fails, stale int8
	undone                                                                               int8 // how often earlier runs asked for each move in vain
}

// model is one state of everything. It is comparable, so that it can be remembered.
type model struct {
	left      budget
	moves     bool // the items are moves
	now       int8
	halted    bool
	withdrawn bool
	holder    int8 // of the lease; -1: nobody
	until     int8 // of the lease
	items     [2]asset
	runs      [2]runner
}

// asset is one item: what the library has of it and what the ledger says.
type asset struct {
	there, held bool // there: for a move, not in its new class
	changing    bool // a move is under way
	effects     int8
	phase       removal.Phase
	result      video.Result
	tries       int8
	undone      int8 // outcomes that say so
	tick        int8 // of the last row
}

// runner is one run. A run that is killed leaves its call under way.
type runner struct {
	state  int8 // idle, alive, over
	lease  int8 // until when it relies on its lease
	behind bool // somebody else has written to the ledger since it last did
	halted bool // as it was read with its last permit
	gone   bool // the plan was withdrawn, as it was read then
	tick   int8 // by which the run is counted, in hours
	tries  [2]try
}

const (
	idle = iota
	alive
	over
)

// try is one attempt of a run for an item, and the call under way.
type try struct {
	tries    int8
	found    int8 // none, present, kept, absent, untold
	permit   int8 // until when
	read     int8 // when
	intended bool
	answer   int8 // none, done, throttled, unknown
	ended    bool // the run leaves the item
	heldRead bool // what the last read saw
	calling  bool // the call is under way, and the run waits for it
	doubt    int8 // until when a call without an answer may still have its effect; 0: none
	flight   flight
}

// flight is a call that may still have its effect, also when nobody waits for it.
type flight struct {
	until    int8 // 0: none
	heldRead bool // what the last read before it saw
}

const (
	none = iota
	present
	kept
	absent
	untold
	changing
)

const (
	unanswered = iota
	answeredDone
	answeredThrottled
	answeredUnknown
	answeredForbidden // by the library, which is changing the class
	answeredUnchanged
)

var zero = time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)

func at(n int8) time.Time { return zero.Add(time.Duration(n) * step) }

func tick(n int8) time.Time { return zero.Add(time.Duration(n) * time.Hour) }

func (m *model) progress(i int) removal.Progress {
	a := m.items[i]
	return removal.Progress{Phase: a.phase, Result: a.result, Tries: int(a.tries), Undone: int(a.undone), Tick: tick(a.tick), Item: m.item()}
}

func (m *model) item() retention.Item {
	if m.moves {
		return retention.Item{Kind: retention.Move, To: "IA"}
	}
	return retention.Item{}
}

func (m *model) gate(r int) removal.Gate {
	g := removal.Gate{Now: at(m.now), Lease: at(m.runs[r].lease), Tick: tick(m.runs[r].tick)}
	if m.runs[r].halted {
		g.Halted = "halted"
	}
	if m.runs[r].gone {
		g.Withdrawn = "withdrawn"
	}
	return g
}

func (m *model) attempt(r, i int, last bool) removal.Attempt {
	t := m.runs[r].tries[i]
	a := removal.Attempt{Tries: int(t.tries), Intended: t.intended, Last: last, Permit: removal.Permit{Until: at(t.permit)}}
	if t.doubt != 0 {
		a.Doubt = at(t.doubt)
	}
	a.Read = at(t.read)
	switch t.found {
	case present:
		a.Found = &retention.Found{Presence: retention.Present, Judged: true}
	case kept:
		a.Found = &retention.Found{Presence: retention.Present, Judged: true, Keep: "held"}
	case absent:
		a.Found = &retention.Found{Presence: retention.Absent, Err: video.ErrNotFound}
		if m.moves {
			a.Found.Err = nil // only its class is another
		}
	case untold:
		a.Found = &retention.Found{Presence: retention.Untold, Err: video.ErrTransient}
	case changing:
		a.Found = &retention.Found{Presence: retention.Untold, Judged: true, Keep: "being changed"}
	}
	if a.Found != nil {
		a.Found.Item = m.item()
	}
	switch t.answer {
	case answeredDone:
		a.Answer = &video.Outcome{Result: video.Done}
	case answeredThrottled:
		a.Answer = &video.Outcome{Result: video.Failed, Err: video.ErrThrottled}
	case answeredUnknown:
		a.Answer = &video.Outcome{Result: video.Unknown, Err: video.ErrUnknownOutcome}
	case answeredForbidden:
		a.Answer = &video.Outcome{Result: video.Forbidden, Err: video.ErrForbidden}
	case answeredUnchanged:
		a.Answer = &video.Outcome{Result: video.Unchanged}
	}
	return a
}

// violation is what must never happen, with how it came about.
type violation struct{ what string }

// explorer walks through all states.
type explorer struct {
	seen map[model]float64 // paths from here to an end
	path []string
	late int // effects on what was held after the last read before the call
	most budget
}

func (e *explorer) fail(m model, format string, args ...any) {
	panic(violation{fmt.Sprintf(format, args...) + "\n" + strings.Join(e.path, "\n") + fmt.Sprintf("\n%+v", m)})
}

// effect is a call that has its effect now.
func (e *explorer) effect(m *model, r, i int, f flight) {
	a := &m.items[i]
	switch {
	case f.heldRead:
		e.fail(*m, "item %d was held at the last read before its call, and is removed", i)
	case m.holder != int8(r) && m.holder >= 0:
		e.fail(*m, "run %d removes item %d while run %d holds the lease", r, i, m.holder)
	case m.now >= f.until:
		e.fail(*m, "the call of run %d for item %d outlives its permit", r, i)
	}
	if a.held {
		e.late++
	}
	switch {
	case !a.there || a.changing:
	case m.moves:
		a.changing = true
		if a.effects++; a.effects > removal.MaxUndone+e.most.lost+e.most.slow {
			e.fail(*m, "move %d is asked for without end", i)
		}
	default:
		a.there = false
		a.effects++
	}
}

// said is the answer to a call that has its effect now.
func (m *model) said(i int) int8 {
	switch a := m.items[i]; {
	case m.moves && a.changing:
		return answeredForbidden
	case m.moves && !a.there:
		return answeredUnchanged
	}
	return answeredDone
}

// append writes a row; false says that a rival was faster and the run has to stop.
func (m *model) append(r int) bool {
	if m.runs[r].behind {
		m.runs[r].state = over // ErrRival: it stops, and leaves its lease alone
		return false
	}
	m.runs[1-r].behind = true
	return true
}

// key is the state without what has no future: absolute time, what a run that is over
// knew, and which of two alike is which.
func (m model) key() model {
	relative := func(t, least int8) int8 { return max(t-m.now, least) }
	m.until = relative(m.until, -margin)
	if m.holder < 0 {
		m.until = 0
	}
	for r := range m.runs {
		run := &m.runs[r]
		run.lease = relative(run.lease, 0)
		for i := range run.tries {
			t := &run.tries[i]
			*t = t.key(relative, m.now)
			if run.state == over {
				*t = try{flight: t.flight}
			}
		}
		if run.state != alive {
			*run = runner{state: run.state, tries: run.tries, tick: run.tick}
		}
	}
	m.now = 0
	if less(m.items[1], m.items[0], m.runs[0].tries[1], m.runs[0].tries[0], m.runs[1].tries[1], m.runs[1].tries[0]) {
		m.items[0], m.items[1] = m.items[1], m.items[0]
		for r := range m.runs {
			t := &m.runs[r].tries
			t[0], t[1] = t[1], t[0]
		}
	}
	if runLess(m.runs[1], m.runs[0]) {
		m.runs[0], m.runs[1] = m.runs[1], m.runs[0]
		if m.holder >= 0 {
			m.holder = 1 - m.holder
		}
	}
	return m
}

func (t try) key(relative func(t, least int8) int8, now int8) try {
	k := t
	k.permit, k.doubt, k.flight.until, k.read = relative(t.permit, 0), relative(t.doubt, 0), relative(t.flight.until, 0), 0
	if t.found == none && !t.calling {
		k.permit, k.heldRead = 0, false
	}
	if t.found != none && t.read < t.doubt {
		k.read = 1
	}
	if k.flight.until == 0 {
		k.flight = flight{}
	}
	if t.ended {
		k = try{ended: true, doubt: k.doubt, flight: k.flight}
	}
	return k
}

// less and runLess are any fixed orders, of keys.
func less(a, b asset, tries ...try) bool {
	return cmp.Or(cmp.Compare(a.pack(), b.pack()), cmp.Compare(tries[0].pack(), tries[1].pack()), cmp.Compare(tries[2].pack(), tries[3].pack())) < 0
}

func runLess(a, b runner) bool {
	return cmp.Or(cmp.Compare(a.pack(), b.pack()), cmp.Compare(a.tries[0].pack(), b.tries[0].pack()), cmp.Compare(a.tries[1].pack(), b.tries[1].pack())) < 0
}

func pack(fields ...any) (n uint64) {
	for _, f := range fields {
		n <<= 4
		switch f := f.(type) {
		case bool:
			if f {
				n++
			}
		case int8:
			n += uint64(f) & 15
		}
	}
	return n
}

func (a asset) pack() uint64 {
	return pack(a.there, a.held, a.changing, a.effects, int8(a.phase), a.tries, a.undone, a.tick)<<8 + uint64(len(a.result))
}

func (r runner) pack() uint64 { return pack(r.state, r.lease, r.behind, r.halted, r.gone, r.tick) }

func (t try) pack() uint64 {
	return pack(t.tries, t.found, t.permit, t.read, t.intended, t.answer, t.ended, t.heldRead, t.calling, t.doubt, t.flight.until, t.flight.heldRead)
}

// walk explores everything that may follow a state and gives the number of paths.
func (e *explorer) walk(m model) float64 {
	key := m.key()
	if paths, ok := e.seen[key]; ok {
		if paths == 0 {
			e.fail(m, "the runs go round in a circle")
		}
		return paths
	}
	e.seen[key] = 0
	sum := 0.0
	next := func(name string, args ...any) func(n model) {
		return func(n model) {
			e.path = append(e.path, fmt.Sprintf(name, args...))
			sum += e.walk(n)
			e.path = e.path[:len(e.path)-1]
		}
	}
	e.runs(m, next)
	e.world(m, next)
	if sum == 0 {
		e.epilogue(m)
		sum = 1
	}
	e.seen[key] = sum
	return sum
}

type then func(name string, args ...any) func(n model)

// runs are the steps that the runs may take.
func (e *explorer) runs(m model, next then) {
	for r := range 2 {
		switch m.runs[r].state {
		case idle:
			if m.holder < 0 || m.now >= m.until+margin {
				n := m
				n.holder, n.until = int8(r), m.now+leaseSteps
				n.runs[r] = runner{state: alive, lease: m.now + leaseSteps - margin, tick: m.runs[1-r].tick}
				if m.left.undone > 0 {
					next("run %d begins, at the tick of the other", r)(n)
				}
				n.runs[r].tick++
				next("run %d begins", r)(n)
			}
		case alive:
			idleItems := 0
			for i := range 2 {
				t := m.runs[r].tries[i]
				switch {
				case t.ended:
					idleItems++
				case t.calling:
				default:
					e.step(m, r, i, next)
				}
			}
			if idleItems == 2 {
				n := m
				n.runs[r].state = over
				if n.holder == int8(r) && !n.runs[r].doubtful(n.now) {
					n.holder = -1
				}
				next("run %d ends", r)(n)
			}
			if m.left.kills > 0 {
				n := m
				n.left.kills--
				n.runs[r].state = over
				next("run %d is killed", r)(n)
			}
		}
	}
}

// doubtful says that a call of the run may still have its effect.
func (r runner) doubtful(now int8) bool { return now < max(r.tries[0].doubt, r.tries[1].doubt) }

// read is what a read of the library says.
func (m *model) read(i int) int8 {
	switch a := m.items[i]; {
	case !a.there:
		return absent
	case a.changing:
		return changing
	case a.held:
		return kept
	}
	return present
}

// step is what a run does next for an item, and all that may come of it.
func (e *explorer) step(m model, r, i int, next then) {
	move := removal.Next(m.progress(i), m.attempt(r, i, false), m.gate(r))
	do := func(name string, change func(n *model, t *try)) {
		n := m
		change(&n, &n.runs[r].tries[i])
		next("run %d, item %d: %s", r, i, name)(n)
	}
	switch move.Step {
	case removal.Finished, removal.Leave:
		do("leaves it: "+move.Why, func(_ *model, t *try) { t.ended = true })
	case removal.Settle:
		do("settles", func(n *model, t *try) { t.found, t.permit, t.read = n.read(i), 0, n.now })
		if m.left.unread > 0 {
			do("settles, no answer", func(n *model, t *try) { n.left.unread--; t.found, t.permit = untold, 0 })
		}
		if m.lags(r, i) {
			do("settles, told what was", func(n *model, t *try) { n.left.stale--; t.found, t.permit, t.read = present, 0, n.now })
		}
	case removal.Recheck:
		if m.lags(r, i) {
			do("rechecks, told what was", func(n *model, t *try) {
				n.left.stale--
				n.permit(r, t)
				t.found, t.read, t.heldRead = present, n.now, false
			})
		}
		do("rechecks", func(n *model, t *try) {
			n.permit(r, t)
			t.found, t.read = n.read(i), n.now
			t.heldRead = t.found == kept
		})
		if m.left.unread > 0 {
			do("rechecks, no answer", func(n *model, t *try) { n.left.unread--; n.permit(r, t); t.found = untold })
		}
	case removal.Intend:
		do("intends", func(n *model, t *try) {
			if n.append(r) {
				n.items[i].phase, t.intended = removal.Open, true
				n.items[i].tries++
				n.items[i].tick = n.runs[r].tick
			}
		})
	case removal.Call:
		e.call(m, r, i, do)
	case removal.End:
		do("ends "+string(move.Result)+": "+move.Why, func(n *model, t *try) {
			if !n.append(r) {
				return
			}
			e.outcome(n, i, move)
			*t = after(*t, m.attempt(r, i, false).AfterEnd())
		})
	default:
		e.fail(m, "step %q", move.Step)
	}
}

// lags says that a read may tell what was before the change under way. It may at the tick of
// the call; where the next ask is the last one, not at a later tick.
func (m *model) lags(r, i int) bool {
	a := m.items[i]
	return m.left.stale > 0 && a.changing && (a.undone+1 < removal.MaxUndone || a.tick == m.runs[r].tick)
}

// permit is what a run asks before a recheck: the lease, the halt and the withdrawal.
func (m *model) permit(r int, t *try) {
	run := &m.runs[r]
	if m.holder == int8(r) {
		m.until, run.lease = m.now+leaseSteps, m.now+leaseSteps-margin
	} else {
		run.lease = m.now // somebody took it over: it is lost
	}
	run.halted, run.gone = m.halted, m.withdrawn
	t.permit = 0
	if g := m.gate(r); g.Shut() == "" {
		t.permit = run.lease
	}
}

// call makes the one call of an attempt.
func (e *explorer) call(m model, r, i int, do func(string, func(*model, *try))) {
	if t := m.runs[r].tries[i]; t.found != present || m.now >= t.permit {
		e.fail(m, "a call without a read under a living permit")
	}
	spend := func(t *try, answer int8) { *t = answered(*t, answer) }
	fly := func(t *try) flight { return flight{t.permit, t.heldRead} }
	do("calls, answered", func(n *model, t *try) { said := n.said(i); e.effect(n, r, i, fly(t)); spend(t, said) })
	if m.left.throttles > 0 {
		do("calls, throttled", func(n *model, t *try) { n.left.throttles--; spend(t, answeredThrottled) })
	}
	if m.left.lost > 0 {
		do("calls, done, the answer is lost", func(n *model, t *try) { n.left.lost--; e.effect(n, r, i, fly(t)); spend(t, answeredUnknown) })
		do("calls, nothing done, the answer is lost", func(n *model, t *try) { n.left.lost--; spend(t, answeredUnknown) })
		do("calls, the answer is lost, the effect comes later", func(n *model, t *try) {
			n.left.lost--
			t.flight = fly(t)
			spend(t, answeredUnknown)
		})
	}
	if m.left.slow > 0 {
		do("calls, slowly", func(n *model, t *try) { n.left.slow--; t.calling, t.flight = true, fly(t) })
	}
}

func after(t try, a removal.Attempt) try {
	next := try{tries: int8(a.Tries), flight: t.flight, heldRead: t.heldRead, intended: a.Intended}
	if !a.Doubt.IsZero() {
		next.doubt = t.doubt
	}
	if a.Found != nil {
		next.found, next.permit, next.read = t.found, t.permit, t.read
	}
	return next
}

// outcome writes an item's outcome. What is said for good must be what the library says.
func (e *explorer) outcome(m *model, i int, move removal.Move) {
	a, result := &m.items[i], move.Result
	if a.phase == removal.Settled {
		e.fail(*m, "item %d has a second outcome for good", i)
	}
	if result == video.Deferred {
		a.phase, a.result = removal.Deferred, result
		if move.Why == removal.NotMoved {
			a.undone++
		}
		return
	}
	if m.moves && result == video.Failed && !m.withdrawn && a.undone+1 < removal.MaxUndone {
		e.fail(*m, "move %d was undone %d times only, and has failed", i, a.undone+1)
	}
	if m.moves && (result == video.Done) == a.there {
		e.fail(*m, "the ledger says %s of move %d while it is not so", result, i)
	}
	a.phase, a.result = removal.Settled, result
}

// world is everything that may happen besides the runs.
func (e *explorer) world(m model, next then) {
	for r := range 2 {
		for i := range 2 {
			t := m.runs[r].tries[i]
			if t.flight.until == 0 {
				continue
			}
			n := m
			said := n.said(i)
			e.effect(&n, r, i, t.flight)
			n.runs[r].tries[i].flight = flight{}
			if t.calling {
				n.runs[r].tries[i] = answered(n.runs[r].tries[i], said)
			}
			next("the call of run %d for item %d has its effect", r, i)(n)
		}
	}
	if m.left.ticks > 0 {
		n := m
		n.left.ticks--
		n.now++
		for r := range 2 {
			for i := range 2 {
				t := &n.runs[r].tries[i]
				if t.flight.until != 0 && n.now >= t.flight.until { // it never had an effect
					t.flight = flight{}
					if t.calling {
						*t = answered(*t, answeredUnknown)
					}
				}
			}
		}
		next("ten seconds pass")(n)
	}
	if m.left.halts > 0 {
		n := m
		n.left.halts--
		n.halted = true
		next("halt")(n)
	}
	if m.left.withdrawals > 0 {
		n := m
		n.left.withdrawals--
		n.withdrawn = true
		next("the plan is withdrawn")(n)
	}
	for i := range 2 {
		if m.items[i].changing {
			n := m
			n.items[i].changing, n.items[i].there = false, false
			next("item %d is in its class", i)(n)
		}
		if m.items[i].changing && m.left.fails > 0 {
			n := m
			n.left.fails--
			n.items[i].changing = false
			next("item %d is not changed after all", i)(n)
		}
		if m.left.holds > 0 && !m.items[i].held {
			n := m
			n.left.holds--
			n.items[i].held = true
			next("item %d is held", i)(n)
		}
	}
}

func answered(t try, answer int8) try {
	if answer == answeredUnknown {
		t.doubt = t.permit
	}
	t.tries++
	t.calling, t.answer, t.found, t.permit, t.read = false, answer, none, 0, 0
	return t
}

// epilogue is a last run with fair weather: what the ledger then says is what is true.
func (e *explorer) epilogue(m model) {
	for r := range m.runs {
		for i := range 2 {
			if m.runs[r].tries[i].flight.until != 0 {
				return // no time is left to find out; a longer path does
			}
		}
	}
	m.halted = false
	for range 3 { // of a move, the first settles, the second asks, the third settles that; nothing is undone any more
		for i := range m.items {
			if a := &m.items[i]; a.changing {
				a.changing, a.there = false, false
			}
		}
		e.fair(&m)
	}
	for i := range 2 {
		a := m.items[i]
		switch {
		case a.effects > 1+e.most.undone+e.most.fails-m.left.fails:
			e.fail(m, "item %d was removed twice", i)
		case a.phase == removal.Open, a.phase != removal.Settled && !m.withdrawn:
			e.fail(m, "item %d has no outcome after a run in fair weather", i)
		case a.phase == removal.Settled && (a.result == video.Done) == a.there:
			e.fail(m, "the ledger says %s of item %d, there: %v", a.result, i, a.there)
		case !a.there && a.result != video.Done:
			e.fail(m, "item %d was removed, and the ledger says %q", i, a.result)
		case a.there && !a.held && !m.withdrawn && a.result != video.Failed && (a.result != video.Forbidden || e.most.fails == m.left.fails):
			e.fail(m, "item %d may go and is there; the ledger says %q", i, a.result)
		}
	}
}

// fair is a run in fair weather.
func (e *explorer) fair(m *model) {
	m.now = max(m.now, m.until) + margin
	m.holder, m.until = 0, m.now+leaseSteps
	m.runs[0] = runner{state: alive, lease: m.now + leaseSteps - margin, gone: m.withdrawn, tick: max(m.runs[0].tick, m.runs[1].tick) + 1}
	for i := range 2 {
		last := m.withdrawn
		for range 60 {
			t := &m.runs[0].tries[i]
			move := removal.Next(m.progress(i), m.attempt(0, i, last), m.gate(0))
			switch move.Step {
			case removal.Finished, removal.Leave:
			case removal.Settle:
				t.found, t.permit, t.read = m.read(i), 0, m.now
				continue
			case removal.Recheck:
				m.permit(0, t)
				t.found, t.read = m.read(i), m.now
				t.heldRead = t.found == kept
				continue
			case removal.Intend:
				m.items[i].phase, t.intended = removal.Open, true
				m.items[i].tries++
				m.items[i].tick = m.runs[0].tick
				continue
			case removal.Call:
				said := m.said(i)
				e.effect(m, 0, i, flight{t.permit, t.heldRead})
				*t = answered(*t, said)
				continue
			case removal.End:
				e.outcome(m, i, move)
				*t = after(*t, m.attempt(0, i, last).AfterEnd())
				continue
			}
			break
		}
	}
}

func explore(t *testing.T, b budget, moves bool) {
	t.Helper()
	e := &explorer{seen: map[model]float64{}, most: b}
	began := time.Now()
	defer func() {
		if v, ok := recover().(violation); ok {
			t.Fatalf("%s\nafter %d states", v.what, len(e.seen))
		}
	}()
	m := model{left: b, holder: -1, moves: moves}
	for i := range m.items {
		m.items[i] = asset{there: true, undone: b.undone, tries: b.undone, effects: b.undone}
		if b.undone > 0 {
			m.items[i].phase, m.items[i].result = removal.Deferred, video.Deferred
		}
	}
	paths := e.walk(m)
	t.Logf("%+v: %d states, 10^%.1f paths, 0 violations; %d effects on what was held after the last read; %s",
		b, len(e.seen), math.Log10(paths), e.late, time.Since(began).Round(time.Millisecond))
}

// Every pair of things that may go wrong, and all of them a little; SOAK=1 goes deeper.
func TestEveryInterleavingOfTwoRunsKeepsThePromises(t *testing.T) {
	for name, b := range map[string]budget{
		"kills and leases":       {ticks: 5, kills: 2, slow: 1},
		"holds and lost answers": {ticks: 4, holds: 1, lost: 1, kills: 1},
		"throttles and halts":    {ticks: 2, throttles: 2, halts: 1, kills: 1},
		"withdrawn while slow":   {ticks: 5, withdrawals: 1, slow: 1, kills: 1},
		"unread":                 {ticks: 2, unread: 2, lost: 1, kills: 1},
		"a little of everything": {ticks: 2, kills: 1, holds: 1, halts: 1, withdrawals: 1, throttles: 1, lost: 1, slow: 1},
	} {
		if os.Getenv("MUTANT") != "" { // where every slip is tried, each is explored less far
			b.ticks = min(b.ticks, 3)
		}
		t.Run(name, func(t *testing.T) { explore(t, b, false) })
	}
	if os.Getenv("SOAK") != "" {
		explore(t, budget{ticks: 4, kills: 1, holds: 1, halts: 1, withdrawals: 1, throttles: 1, lost: 1, slow: 1}, false)
	}
}

// The same for moves, whose effect comes at any later time, or not at all.
func TestEveryInterleavingOfTwoRunsKeepsThePromisesOfMoves(t *testing.T) {
	for name, b := range map[string]budget{
		"kills and leases":       {ticks: 4, kills: 2, slow: 1},
		"holds and lost answers": {ticks: 4, holds: 1, lost: 1, kills: 1},
		"changes that fail":      {ticks: 4, fails: 2, lost: 1},
		"undone once before":     {undone: 1, ticks: 2, fails: 3, kills: 1},
		"undone twice before":    {undone: 2, ticks: 2, fails: 2, kills: 1, lost: 1},
		"undone, and read late":  {undone: 2, ticks: 3, fails: 1, stale: 2},
		"reads that lag":         {ticks: 3, stale: 2, kills: 1, fails: 1},
		"throttles and halts":    {ticks: 2, throttles: 1, halts: 1, kills: 1, fails: 1},
		"withdrawn while slow":   {ticks: 4, withdrawals: 1, slow: 1, kills: 1},
		"unread":                 {ticks: 2, unread: 2, lost: 1, kills: 1},
		"a little of everything": {ticks: 2, kills: 1, holds: 1, lost: 1, slow: 1, fails: 1},
	} {
		if os.Getenv("MUTANT") != "" {
			b.ticks = min(b.ticks, 3)
		}
		t.Run(name, func(t *testing.T) { explore(t, b, true) })
	}
}
