package fakevod

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// This file counts what storage costs. Every part of an asset is counted in its own class:
// its source, and each of its streams. A stream that is the source itself is no part, and
// snapshots have no bytes.

const (
	day        = 24 * time.Hour
	daySeconds = 86_400
)

// quantity is an exact number of bytes times seconds: whole byte-days, and byte-seconds
// that make no whole one. Byte-seconds alone would leave 64 bits with 100 TB in a day.
type quantity struct{ days, seconds int64 }

func (q *quantity) add(bytes, seconds int64) {
	if bytes <= 0 || seconds <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(bytes), uint64(seconds%daySeconds))
	days, rest := bits.Div64(hi, lo, daySeconds)
	q.days += bytes*(seconds/daySeconds) + int64(days)
	q.seconds += int64(rest)
	q.days, q.seconds = q.days+q.seconds/daySeconds, q.seconds%daySeconds
}

// ClassUse is what one class of storage cost on one day, as quantities.
type ClassUse struct {
	// ByteDays were stored; ByteSeconds, below 86,400, are what makes no whole one.
	ByteDays    int64 `json:"byteDays"`
	ByteSeconds int64 `json:"byteSeconds,omitempty"`
	// RetrievedBytes were read to leave the class or to restore.
	RetrievedBytes int64 `json:"retrievedBytes"`
	// EarlyByteDays are the rest of a minimum time, of what was deleted or left the class.
	EarlyByteDays    int64 `json:"earlyByteDays"`
	EarlyByteSeconds int64 `json:"earlyByteSeconds,omitempty"`
	Moves            int64 `json:"moves"`    // assets that entered the class
	Restores         int64 `json:"restores"` // assets that were restored
}

func (u *ClassUse) store(bytes, seconds int64) {
	q := quantity{u.ByteDays, u.ByteSeconds}
	q.add(bytes, seconds)
	u.ByteDays, u.ByteSeconds = q.days, q.seconds
}

func (u *ClassUse) leave(bytes, seconds int64) {
	q := quantity{u.EarlyByteDays, u.EarlyByteSeconds}
	q.add(bytes, seconds)
	u.EarlyByteDays, u.EarlyByteSeconds = q.days, q.seconds
}

// dayUse is the use of one day of Beijing's, in which VOD bills; At is how far storing is
// counted.
type dayUse struct {
	Day     string
	At      time.Time
	Classes [classes]ClassUse
}

// held is what is in a class now.
type held struct {
	Assets int64 `json:"assets"` // counted by their sources
	Bytes  int64 `json:"bytes"`
}

// bill is the storage of the library over its time. It begins when the server does.
type bill struct {
	at   time.Time
	now  [classes]held
	days []dayUse // in their order
	kept int      // days before this one are in the journal as they are
	// fromUpload: the minimum time of a class begins with the upload.
	fromUpload bool
}

func (b *bill) clone() bill {
	out := *b
	out.days = slices.Clone(b.days)
	return out
}

// part is a file of an asset.
type part struct {
	id    string // of its stream; "" is the source
	bytes int64
	class int
	since time.Time
}

// parts calls see with each file of an asset. The streams of a generated asset have no ids
// of their own unless they are made.
func (a *Asset) parts(see func(part)) {
	if a.Kind == "image" || a.Kind == "attached" {
		size := a.Size
		if size == 0 && a.Picture != nil {
			size = a.Picture.Size
		}
		if a.Status != "Uploading" {
			see(part{bytes: size})
		}
		return
	}
	cs, cr := partClasses(a.settled())
	since, rest := cmp.Or(a.tier().Since, a.Created), cmp.Or(a.tier().Rest, a.Created)
	if size := a.stored(); size > 0 {
		see(part{bytes: size, class: cs, since: since})
	}
	if a.Made != 0 && a.Streams == nil {
		a.madeSizes(func(bytes int64) { see(part{id: "made", bytes: bytes, class: cr, since: rest}) })
	}
	for _, st := range a.Streams {
		p := part{id: st.JobID, bytes: st.Size, class: cr, since: rest}
		if st.Created.After(cmp.Or(a.tier().Set, rest)) {
			p.since = st.Created
		}
		if st.Definition != "OD" {
			see(p)
		}
	}
}

// stored is the size of the source that is there.
func (a *Asset) stored() int64 {
	src := a.Source
	switch {
	case src == nil && a.Status != "Uploading":
		return a.Size
	case src == nil || src.Status != "Normal":
		return 0
	case src.Size > 0:
		return src.Size
	}
	return a.Size
}

// hold counts an asset in (1) or out (-1).
func (b *bill) hold(a *Asset, sign int64) {
	cs, _ := partClasses(a.settled())
	t := a.tier()
	b.now[cs].Assets += sign
	a.parts(func(p part) {
		b.now[p.class].Bytes += sign * p.bytes
		if t.Replica && p.class == classCold && (p.id == "" || !t.Source) {
			b.now[0].Bytes += sign * p.bytes
		}
	})
}

// use is the row of a moment's day.
func (b *bill) use(at time.Time) *dayUse { return b.named(dayOf(at)) }

func (b *bill) named(name string) *dayUse {
	i, there := slices.BinarySearchFunc(b.days, name, func(d dayUse, name string) int { return strings.Compare(d.Day, name) })
	if !there {
		b.days = slices.Insert(b.days, i, dayUse{Day: name})
	}
	b.kept = min(b.kept, i)
	return &b.days[i]
}

// count brings the counters to a moment. A clock that was moved back counts nothing twice.
func (b *bill) count(to time.Time) {
	nothing := !slices.ContainsFunc(b.now[:], func(h held) bool { return h.Bytes != 0 })
	if b.at.IsZero() || nothing && b.at.Before(to) {
		b.at = to
	}
	for b.at.Before(to) {
		d := b.use(b.at)
		end, _ := time.ParseInLocation(time.DateOnly, d.Day, beijing)
		if end = end.Add(day); end.After(to) {
			end = to
		}
		for i, h := range b.now {
			d.Classes[i].store(h.Bytes, int64(end.Sub(b.at)/time.Second))
		}
		b.at = end.UTC()
	}
}

// replaced counts what an asset becomes; before or after may be nil.
func (b *bill) replaced(before, after *Asset, at time.Time, charged bool) {
	b.count(at)
	if before != nil && charged {
		b.left(before, after, at)
	}
	if before != nil {
		b.hold(before, -1)
	}
	if after != nil {
		b.hold(after, 1)
	}
	b.use(b.at) // the journal says how far was counted
}

// left charges the rest of the minimum time of the parts that have left a class, or are gone.
func (b *bill) left(before, after *Asset, at time.Time) {
	if cs, _ := partClasses(before.settled()); cs == 0 {
		return
	}
	stay := map[string]int{}
	if after != nil {
		after.full().parts(func(p part) { stay[p.id] = p.class })
	}
	before.full().parts(func(p part) {
		if class, there := stay[p.id]; !there || class != p.class {
			b.use(at).Classes[p.class].leave(p.bytes, int64(b.ends(before, p).Sub(at)/time.Second))
		}
	})
}

// ends is when the minimum time of a part's class is over.
func (b *bill) ends(a *Asset, p part) time.Time {
	if b.fromUpload {
		p.since = a.Created
	}
	return p.since.Add(time.Duration(minimumDays[p.class]) * day)
}

// moved counts a change of class: a part that leaves a class of which reading is charged is
// read, unless it was restored.
func (b *bill) moved(a, to *Asset, at time.Time) {
	cs, cr := partClasses(to.storageClass())
	b.use(at).Classes[cs].Moves++
	thawed, t := a.thawed(at), a.tier()
	a.parts(func(p part) {
		goal := cr
		if p.id == "" {
			goal = cs
		}
		warm := p.class == 0 || thawed && p.class >= classFrozen && (p.id == "" || !t.Source)
		if p.class != goal && !warm {
			b.use(at).Classes[p.class].RetrievedBytes += p.bytes
		}
	})
}

// restored counts a restore; one that only prolongs another reads nothing.
func (b *bill) restored(a *Asset, at time.Time) {
	class, _ := partClasses(a.storageClass())
	b.use(at).Classes[class].Restores++
	if a.RestoreExpiration.After(at) {
		return
	}
	a.parts(func(p part) {
		if p.class >= classFrozen && (p.id == "" || !a.tier().Source) {
			b.use(at).Classes[p.class].RetrievedBytes += p.bytes
		}
	})
}

// read counts that a source was read.
func (ch *change) read(a *Asset) {
	if cs, _ := partClasses(a.settled()); cs == classIA {
		ch.s.lib.bill.use(ch.now).Classes[cs].RetrievedBytes += a.stored()
	}
}

// early says that a part would leave its class before its minimum time is over.
func (s *Server) early(a *Asset, goal string, now time.Time) bool {
	cs, cr := partClasses(goal)
	early := false
	a.parts(func(p part) {
		to := cr
		if p.id == "" {
			to = cs
		}
		early = early || p.class != to && s.lib.bill.ends(a, p).After(now)
	})
	return early
}

// journaled are the entries of the days that changed since the last time.
func (b *bill) journaled() (out []entry) {
	for ; b.kept < len(b.days); b.kept++ {
		d := b.days[b.kept]
		d.At = b.at
		out = append(out, entry{Use: &d})
	}
	return out
}

// replayed takes a day from the journal.
func (b *bill) replayed(d dayUse) {
	*b.named(d.Day) = d
	if d.At.After(b.at) {
		b.at = d.At
	}
}

// StorageDay is the use of a day, by class; a class without any is left out.
type StorageDay struct {
	Day     string              `json:"day"`
	Classes map[string]ClassUse `json:"classes"`
}

// StorageUse is what storage has cost, as quantities: days are Beijing's.
type StorageUse struct {
	Days []StorageDay    `json:"days"`
	Now  map[string]held `json:"now"`
}

// Storage counts up to the library's present time.
func (s *Server) Storage() StorageUse {
	now := s.opt.Now()
	s.mature(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.lib.bill
	b.count(now.UTC().Truncate(time.Second))
	out := StorageUse{Days: []StorageDay{}, Now: map[string]held{}}
	for _, d := range b.days {
		one := StorageDay{d.Day, map[string]ClassUse{}}
		for i, u := range d.Classes {
			if u != (ClassUse{}) {
				one.Classes[classNames[i]] = u
			}
		}
		if len(one.Classes) > 0 {
			out.Days = append(out.Days, one)
		}
	}
	for i, h := range b.now {
		out.Now[classNames[i]] = h
	}
	return out
}
