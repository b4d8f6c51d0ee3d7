package year_test

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// meter is an account of what storage costs, by the times at which assets came to their
// classes. It is compared with the bill of the server.
type meter struct {
	w    *world
	of   map[string]*stored
	bill cost
}

// cost is what was used, priced.
type cost struct{ storage, early, retrieval, moves float64 }

func (c cost) sum() float64 { return c.storage + c.early + c.retrieval + c.moves }

// stored is one asset, as it was seen last.
type stored struct {
	source, rest int64 // bytes
	class        string
	from         time.Time // counted from then on
	entered      [2]time.Time
	first        string // its class when it came
	since        time.Time
	gone         bool
}

func newMeter(w *world) *meter { return &meter{w: w, of: map[string]*stored{}} }

func (m *meter) add(id string) {
	a, _ := m.w.vod.Lookup(id)
	s := &stored{source: a.Size, class: "Standard", first: "Standard", from: now(), since: now(), entered: [2]time.Time{a.Created, a.Created}}
	for _, st := range a.Streams {
		s.rest += st.Size
	}
	m.of[id] = s
}

// now is in whole seconds, as the server counts.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// set takes the class that was given to an asset when it came.
func (m *meter) set(id string) {
	a, _ := m.w.vod.Lookup(id)
	s := m.of[id]
	s.class, s.first, s.entered = a.StorageClass, a.StorageClass, [2]time.Time{a.Tier.Since, a.Tier.Rest}
}

const perGB = 1e9

// until counts storing up to a moment.
func (m *meter) until(s *stored, to time.Time) {
	source, rest := parts(s.class)
	gbMonths := func(bytes int64) float64 { return float64(bytes) / perGB * to.Sub(s.from).Hours() / (30 * 24) }
	m.bill.storage += gbMonths(s.source)*prices.stored[source] + gbMonths(s.rest)*prices.stored[rest]
	s.from = to
}

// leave counts what leaving a class costs for one part.
func (m *meter) leave(s *stored, bytes int64, class string, since, at time.Time) {
	if left := since.Add(least[class]).Sub(at); left > 0 {
		m.bill.early += float64(bytes) / perGB * prices.stored[class] * left.Hours() / (30 * 24)
	}
}

// poll takes in what has changed its class since the last time.
func (m *meter) poll() {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	for _, id := range m.w.ids {
		s := m.of[id]
		a, there := m.w.vod.Lookup(id)
		source, rest := parts(s.class)
		switch {
		case s.gone:
		case !there:
			m.until(s, now())
			m.leave(s, s.source, source, s.entered[0], now())
			m.leave(s, s.rest, rest, s.entered[1], now())
			s.gone = true
		case strings.HasSuffix(a.StorageClass, "Changing"), cmp.Or(a.StorageClass, "Standard") == s.class:
		default:
			m.changed(id, s, a.StorageClass, a.Tier.Since, a.Tier.Rest)
		}
	}
}

// changed counts a change of class that is complete. Entered tells when each part came to it.
func (m *meter) changed(id string, s *stored, class string, entered ...time.Time) {
	source, rest := parts(s.class)
	toSource, toRest := parts(class)
	at := entered[0]
	if source == toSource {
		at = entered[1]
	}
	m.until(s, at)
	if source != toSource {
		m.leave(s, s.source, source, s.entered[0], at)
		m.bill.retrieval += float64(s.source) / perGB * prices.retrieval[source]
	}
	if rest != toRest {
		m.leave(s, s.rest, rest, s.entered[1], at)
		m.bill.retrieval += float64(s.rest) / perGB * prices.retrieval[rest]
	}
	m.bill.moves += prices.move[toSource] / 10_000
	s.class, s.entered = class, [2]time.Time{entered[0], entered[1]}
	m.w.audit.came(id, class, at)
}

// came notes that an asset has come to its class.
func (u *audit) came(id, class string, at time.Time) {
	for i := range u.done {
		e := &u.done[len(u.done)-1-i]
		if e.id == id {
			if e.confirmed.IsZero() && e.to == class && !at.Before(e.at.Truncate(time.Second)) {
				e.confirmed = at
				u.w.count["moves done"]++
			}
			return
		}
	}
}

// billed is the server's bill at the prices.
func (w *world) billed() (c cost) {
	for _, d := range w.vod.Storage().Days {
		for class, u := range d.Classes {
			gbDays := func(days, seconds int64) float64 {
				return (float64(days) + float64(seconds)/86400) / perGB / 30 * prices.stored[class]
			}
			c.storage += gbDays(u.ByteDays, u.ByteSeconds)
			c.early += gbDays(u.EarlyByteDays, u.EarlyByteSeconds)
			c.retrieval += float64(u.RetrievedBytes) / perGB * prices.retrieval[class]
			c.moves += float64(u.Moves) * prices.move[class] / 10_000
		}
	}
	return c
}

// predicted is what the library would cost without moves, and what the plans say of each move
// that came to be: saved from then on, and paid once. A plan knows neither when people approve
// it nor how long VOD takes, and while it waits each hour in the old class is one less of its
// minimum time: so what it says of both is taken at the moment at which the asset came to its
// new class. What its head says for the moment of the plan is compared in heads.
func (w *world) predicted() (c cost, slack float64) {
	end := now()
	for _, s := range w.meter.of {
		source, rest := parts(s.first)
		gbMonths := func(bytes int64) float64 { return float64(bytes) / perGB * end.Sub(s.since).Hours() / (30 * 24) }
		c.storage += gbMonths(s.source)*prices.stored[source] + gbMonths(s.rest)*prices.stored[rest]
	}
	money := retention.Prices{Currency: "CNY", PerGB: prices.stored, Retrieval: prices.retrieval, PerMove: prices.move}
	for _, e := range w.audit.done {
		if e.confirmed.IsZero() {
			continue
		}
		q := w.audit.plans[e.plan]
		v := q.items[e.id].verdict.(retention.Verdict)
		since := time.Duration(-1)
		if !v.Entered.IsZero() {
			since = e.confirmed.Sub(v.Entered)
		}
		of := money.Of(v.Items[0], v.Class, since)
		c.storage -= of.Month * end.Sub(e.confirmed).Hours() / (30 * 24)
		c.early += of.Early
		c.retrieval += of.Retrieval
		c.moves += of.Moves
		from, _ := parts(v.Class)
		if of.Early > 0 { // it came later than it was planned; our day of entry is the end of that on which a run read it
			slack += float64(v.Items[0].Bytes) / perGB * prices.stored[from] * (e.confirmed.Sub(q.Created) + 3*day).Hours() / (30 * 24)
		}
	}
	return c, slack
}

// heads compares what the heads of plans say with what their lines do.
func (w *world) heads() {
	money := retention.Prices{PerGB: prices.stored, Retrieval: prices.retrieval, PerMove: prices.move}
	for _, q := range w.audit.plans {
		var sum retention.Money
		for id, l := range q.items {
			v := l.verdict.(retention.Verdict)
			since := time.Duration(-1)
			if !v.Entered.IsZero() {
				since = q.Created.Sub(v.Entered)
			}
			sum.Add(money.Of(v.Items[0], v.Class, since))
			if video.ID(id) != v.ID {
				w.audit.breach("a line of another asset", id, "")
			}
		}
		if q.Saving == nil || math.Abs(q.Saving.Month-sum.Month) > 1e-6 || math.Abs(q.Saving.Once()-sum.Once()) > 1e-6 || q.Saving.Unpriced != sum.Unpriced {
			w.audit.breach("a plan's head does not say the money of its lines", q.ID, "%+v, lines %+v", q.Saving, sum)
		}
	}
}

// money compares the accounts. Where people restored, the copies are not in our own account;
// where they moved or deleted, only that account is compared with the bill.
func (w *world) money(s *sums) {
	bill := w.billed()
	for _, st := range w.meter.of {
		if !st.gone {
			w.meter.until(st, now())
		}
	}
	own := w.meter.bill
	off := func(a, b, of float64) float64 { return math.Abs(a-b) / max(of, 1e-9) }
	if !w.restored {
		s.compared++
		if off(own.sum(), bill.sum(), bill.sum()) > 1e-6 || off(own.retrieval, bill.retrieval, bill.sum()) > 1e-6 || off(own.early, bill.early, bill.sum()) > 1e-6 {
			w.audit.breach("the oracle's account is not the bill", "", "%+v, bill %+v", own, bill)
		}
	}
	if w.meddle {
		return
	}
	said, slack := w.predicted()
	s.predicted++
	s.worst = max(s.worst, off(said.sum(), bill.sum(), bill.sum()))
	s.worstStorage = max(s.worstStorage, off(said.storage, bill.storage, bill.storage))
	s.said.add(said)
	s.billed.add(bill)
	if off(said.storage, bill.storage, bill.storage) > 1e-6 || off(said.retrieval, bill.retrieval, max(bill.retrieval, 1)) > 1e-6 || off(said.moves, bill.moves, max(bill.moves, 1)) > 1e-6 {
		w.audit.breach("the prediction is not the bill", "", "%+v, bill %+v", said, bill)
	}
	if said.early < bill.early-1e-6 || said.early > bill.early+slack+1e-6 {
		w.audit.breach("the predicted early charge is not the bill's", "", "%v, bill %v, slack %v", said.early, bill.early, slack)
	}
	if off(said.sum(), bill.sum(), bill.sum()) > 0.001 {
		w.audit.breach("the prediction is off by more than 0.1 %", "", "%+v, bill %+v, %s", said, bill, fmt.Sprint(w.book.rungs))
	}
}

func (c *cost) add(o cost) {
	c.storage += o.storage
	c.early += o.early
	c.retrieval += o.retrieval
	c.moves += o.moves
}
