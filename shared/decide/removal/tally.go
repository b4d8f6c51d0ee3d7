package removal

import (
	"cmp"
	"slices"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// Key names one item of a plan.
type Key struct {
	ID   video.ID
	Kind retention.Kind
	Part string
}

// KeyOf is the key of an item.
func KeyOf(i retention.Item) Key { return Key{i.ID, i.Kind, i.Part} }

// Compare orders keys by asset, kind and part.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.ID, o.ID), cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Part, o.Part))
}

// The events of a Row. Rows of any other event say nothing about an item.
const (
	Intent  = "intent"  // written before a call
	Outcome = "outcome" // written after it, or instead of it
)

// Row is what one row of the ledger says of an item.
type Row struct {
	Event  string
	Tick   time.Time // the event's time, by which the run is counted
	Item   retention.Item
	Result video.Result // of an Outcome
	Detail string       // likewise
}

// Phase is where an item stands.
type Phase int

// The phases.
const (
	Untried  Phase = iota // the ledger does not name it
	Open                  // an intent without an outcome: a call may have had its effect
	Deferred              // it waits for another try
	Settled               // it has its final outcome
)

// Progress is what the ledger says of one item.
type Progress struct {
	Phase  Phase
	Item   retention.Item // as the last row has it
	Result video.Result   // of the last outcome
	Tries  int            // intents
	Undone int            // of these, moves that came to nothing (NotMoved)
	Tick   time.Time      // of the last row
}

// MayBeGone says that the item was removed, or may have been: a call of which nobody
// knows what came of it counts until it is read.
func (p Progress) MayBeGone() bool {
	return p.Phase == Open || p.Phase == Settled && (p.Result == video.Done || p.Result == video.Unknown)
}

// Longest is how long after its tick a run may still remove something. An asset that a
// plan acted on may have been modified by that until then, by anything later it was
// somebody else.
const Longest = time.Hour

// Tally folds the rows of one plan, in their order. The zero Tally has seen none. It is
// for one goroutine.
type Tally struct {
	items   map[Key]Progress
	touched map[video.ID]time.Time
	open    map[Key]bool
	settled int
}

// Add takes a row into account. A settled item may be acted on again only by mistake:
// its rows count nevertheless, since the last word of the ledger is what is true.
func (t *Tally) Add(r Row) {
	if r.Event != Intent && r.Event != Outcome {
		return
	}
	if t.items == nil {
		t.items, t.touched, t.open = map[Key]Progress{}, map[video.ID]time.Time{}, map[Key]bool{}
	}
	k := KeyOf(r.Item)
	p := t.items[k]
	if p.Phase == Settled {
		t.settled--
	}
	p.Item, p.Tick = r.Item, r.Tick
	switch {
	case r.Event == Intent:
		p.Phase = Open
		p.Tries++
		if until := r.Tick.Add(Longest); until.After(t.touched[k.ID]) {
			t.touched[k.ID] = until
		}
	case r.Result == video.Deferred:
		p.Phase, p.Result = Deferred, r.Result
		if r.Detail == NotMoved {
			p.Undone++
		}
	default:
		p.Phase, p.Result = Settled, r.Result
		t.settled++
	}
	if t.items[k] = p; p.Phase == Open {
		t.open[k] = true
	} else {
		delete(t.open, k)
	}
}

// Of gives what the rows say of an item.
func (t *Tally) Of(k Key) Progress { return t.items[k] }

// Touched is until when the plan itself may have modified an asset; zero: it did not.
func (t *Tally) Touched(id video.ID) time.Time { return t.touched[id] }

// Settled counts the items with their final outcome.
func (t *Tally) Settled() int { return t.settled }

// Open gives the items with an intent and no outcome, sorted by key.
func (t *Tally) Open() []retention.Item {
	items := make([]retention.Item, 0, len(t.open))
	for k := range t.open {
		items = append(items, t.items[k].Item)
	}
	slices.SortFunc(items, func(a, b retention.Item) int { return KeyOf(a).Compare(KeyOf(b)) })
	return items
}

// All gives every item that the rows name, with its progress, in no order.
func (t *Tally) All(yield func(Key, Progress) bool) {
	for k, p := range t.items {
		if !yield(k, p) {
			return
		}
	}
}
