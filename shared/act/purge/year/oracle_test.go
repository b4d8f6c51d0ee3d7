package year_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"

	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// classes are ordered by how cold they are.
var classes = []string{"Standard", "IA", "Archive", "ColdArchive"}

var least = map[string]time.Duration{"IA": 30 * day, "Archive": 60 * day, "ColdArchive": 180 * day}

func coldness(class string) int { return slices.Index(classes, class) }

func parts(class string) (source, rest string) {
	if class == "" {
		class = "Standard"
	}
	if plain, only := strings.CutPrefix(class, "Source"); only {
		return plain, "Standard"
	}
	return class, class
}

// book is the policy, as the oracle reads it.
type book struct {
	rungs       []rung
	inUse       time.Duration
	idle        bool // what the usage file does not list was not viewed
	restore     bool
	early       bool
	heldMoves   bool // what is held may be moved
	list, self  bool
	grace       int
	guard       int
	usageMaxAge time.Duration
}

type rung struct {
	after     time.Duration
	to, scope string
}

func newBook(r *rand.Rand) book {
	b := book{usageMaxAge: 4 * day, early: chance(r, 0.4), heldMoves: chance(r, 0.15), list: chance(r, 0.5), self: chance(r, 0.5), grace: pick(r, 0, 0, 2), guard: pick(r, 6, 1000, 1000)}
	b.rungs = pick(r,
		[]rung{{30 * day, "IA", "all"}, {120 * day, "Archive", "all"}},
		[]rung{{20 * day, "IA", "all"}, {90 * day, "ColdArchive", "all"}},
		[]rung{{30 * day, "IA", "all"}},
		[]rung{{60 * day, "IA", "source"}, {200 * day, "Archive", "source"}},
		[]rung{{90 * day, "Archive", "all"}},
		[]rung{{30 * day, "IA", "all"}, {100 * day, "Archive", "all"}, {250 * day, "ColdArchive", "all"}})
	if chance(r, 0.8) {
		b.inUse, b.restore, b.idle = pick(r, 20*day, 45*day), chance(r, 0.7), chance(r, 0.6)
	}
	for _, g := range b.rungs {
		if g.scope == "all" && coldness(g.to) > 1 {
			b.self = false // such a policy does not approve itself
		}
	}
	return b
}

func days(d time.Duration) string { return fmt.Sprintf("%dd", int(d/day)) }

var prices = struct{ stored, retrieval, move map[string]float64 }{
	map[string]float64{"Standard": 0.12, "IA": 0.08, "Archive": 0.033, "ColdArchive": 0.015},
	map[string]float64{"IA": 0.0325, "Archive": 0.06, "ColdArchive": 0.2},
	map[string]float64{"Standard": 0.1, "IA": 0.1, "Archive": 0.5, "ColdArchive": 1},
}

func (b book) text() string {
	var t strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	if b.inUse > 0 {
		p("usage: %s\nusage_max_age: %s", usageKey, days(b.usageMaxAge))
	}
	p("holds:\n  tags: [keep, legal-hold]\n  until: hold-until\n  move: %v", b.heldMoves)
	if b.list {
		p("  list: %s", listKey)
	}
	p("rules:\n  - name: cool\n    move:\n      early: %v\n      restore: %v", b.early, b.restore)
	if b.inUse > 0 {
		p("      in_use: %s\n      unlisted: %s", days(b.inUse), map[bool]string{true: "idle", false: "unknown"}[b.idle])
	}
	p("      ladder:")
	for _, g := range b.rungs {
		p("        - {older_than: %s, to: %s, scope: %s}", days(g.after), g.to, g.scope)
	}
	p("moves:\n  approve: %s\n  grace: %dd\n  guards: {count: %d, percent: 100, unknown: 100, bytes: 100TB, times_usual: 1000, error_percent: 60}",
		map[bool]string{true: "within-guards", false: "person"}[b.self], b.grace, b.guard)
	p("prices:\n  currency: CNY")
	for name, of := range map[string]map[string]float64{"per_gb_month": prices.stored, "retrieval_per_gb": prices.retrieval, "per_10000_moves": prices.move} {
		p("  %s:", name)
		for class, price := range of {
			p("    %s: %v", class, price)
		}
	}
	return t.String()
}

// held says what holds an asset, by what its tags and the list say.
func (w *world) held(a fakevod.Asset, now time.Time) string {
	for tag := range strings.SplitSeq(a.Tags, ",") {
		tag = cases.Fold().String(strings.TrimSpace(tag))
		if tag == "keep" || tag == "legal-hold" {
			return "tag " + tag
		}
		if day0, ok := strings.CutPrefix(tag, "hold-until:"); ok {
			until, err := time.Parse(time.DateOnly, day0)
			if err != nil || now.Before(until.Add(day)) {
				return "tag " + tag
			}
		}
	}
	if w.book.list && w.listed[a.ID] {
		return "hold list"
	}
	return ""
}

// --- the audit

type audit struct {
	w        *world
	plans    map[string]*planned
	last     string               // the latest plan
	intents  map[string]string    // the plan of an asset's last intent
	accepted map[[2]string]int    // asks by plan and asset that were answered as accepted
	byPeople map[string]bool      // people changed the class of these
	touched  map[string]time.Time // when people last did something to these
	deleted  map[string]time.Time // when people deleted these
	listAt   time.Time
	done     []effect
	breaches map[string]int
	late     map[string]int
	stories  []string
}

type planned struct {
	removal.Plan
	items     map[string]line
	approved  time.Time
	first     int
	withdrawn time.Time
	wasLatest bool
	effects   map[string]bool
}

type line struct {
	n         int // its place
	to, scope string
	early     bool
	verdict   any
}

// reading is what a run read of an asset last.
type reading struct {
	at    time.Time
	asset fakevod.Asset
	held  string
}

// effect is a move of ours that VOD began.
type effect struct {
	id, plan  string
	from, to  string // as VOD tells classes
	at        time.Time
	confirmed time.Time // when it had come to its class; zero: it did not
}

func newAudit(w *world) *audit {
	return &audit{w: w, plans: map[string]*planned{}, intents: map[string]string{}, accepted: map[[2]string]int{}, byPeople: map[string]bool{}, deleted: map[string]time.Time{}, touched: map[string]time.Time{}, breaches: map[string]int{}, late: map[string]int{}}
}

func (u *audit) breach(class, id, text string, args ...any) {
	if u.breaches[class]++; u.breaches[class] == 1 {
		u.stories = append(u.stories, fmt.Sprintf("seed %d, night %d, %s: %s: %s", u.w.seed, u.w.night, id, class, fmt.Sprintf(text, args...)))
	}
}

// latest notes that a run begins: a policy that approves itself approves the latest plan.
func (u *audit) latest() {
	if q := u.plans[u.last]; q != nil {
		q.wasLatest = true
	}
}

// created takes in what a run wrote into STATE.
func (u *audit) created(key string) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	ctx := context.Background()
	switch prefix, name, _ := strings.Cut(key, "/"); prefix {
	case "plans":
		p, err := removal.ReadPlan(ctx, u.w.shelf, strings.TrimSuffix(name, ".json"))
		if err != nil {
			return
		}
		q := &planned{Plan: p, items: map[string]line{}, effects: map[string]bool{}}
		for v, err := range p.Entries(ctx, u.w.shelf) {
			if err != nil {
				continue
			}
			for _, i := range v.Items {
				q.items[string(v.ID)] = line{len(q.items), i.To, i.Part, i.Early, v}
			}
		}
		u.plans[p.ID], u.last = q, p.ID
		u.w.count["plans"]++
		u.w.count["items planned"] += p.Items
	case "ledger":
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".jsonl"))
		if err != nil {
			u.breach("ledger unreadable", "", "%s", key)
			return
		}
		for row, err := range removal.Rows(ctx, u.w.shelf, n) {
			if err != nil {
				u.breach("ledger unreadable", "", "%s", err)
				return
			}
			if row.Event == removal.Intent {
				u.intents[string(row.ID)] = row.Plan
			}
		}
	}
}

// read remembers what a run reads.
func (u *audit) read(r *run, ids []video.ID) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	for _, id := range ids {
		a, _ := u.w.vod.Lookup(string(id))
		r.reads[string(id)] = &reading{at: time.Now(), asset: a, held: u.w.held(a, time.Now())}
	}
}

// answered counts what the library accepted.
func (u *audit) answered(_ *run, out []video.Outcome) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	for _, o := range out {
		if o.Result != video.Done {
			continue
		}
		k := [2]string{u.intents[string(o.ID)], string(o.ID)}
		if u.accepted[k]++; u.accepted[k] > 3 {
			u.breach("accepted more than three times", k[1], "plan %s: %d", k[0], u.accepted[k])
		}
	}
}

// call looks at a call before and after it has its effect at the server.
func (u *audit) call(ctx context.Context, q url.Values) (after func()) {
	r, _ := ctx.Value(runKey{}).(*run)
	action := q.Get("Action")
	switch {
	case q.Get("AccessKeyId") != "tier":
		return func() {}
	case action == "UpdateMediaStorageClass":
	case strings.HasPrefix(action, "Search"), strings.HasPrefix(action, "Get"), strings.HasPrefix(action, "BatchGet"), strings.HasPrefix(action, "List"):
		return func() {}
	default:
		u.breach("another write", "", "%s", action)
		return func() {}
	}
	ids := strings.Split(q.Get("MediaIds"), ",")
	before := map[string]fakevod.Asset{}
	for _, id := range ids {
		before[id], _ = u.w.vod.Lookup(id)
	}
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	u.w.count["calls that move"]++
	for _, id := range ids {
		u.asked(r, id, q)
	}
	return func() {
		now := map[string]fakevod.Asset{}
		for _, id := range ids {
			now[id], _ = u.w.vod.Lookup(id)
		}
		u.w.mu.Lock()
		defer u.w.mu.Unlock()
		for _, id := range ids {
			if b, a := before[id], now[id]; b.ID != "" && !strings.HasSuffix(b.StorageClass, "Changing") && b.StorageClass != a.StorageClass {
				u.effect(r, b, q)
			}
		}
	}
}

// asked looks at what is asked for, whether it has an effect or not.
func (u *audit) asked(r *run, id string, q url.Values) {
	g := r.reads[id]
	if g == nil {
		u.breach("not read before the call", id, "")
		return
	}
	p := u.plans[u.intents[id]]
	if p == nil {
		u.breach("moves outside an approved plan", id, "no plan")
		return
	}
	l, listed := p.items[id]
	scope := map[bool]string{true: "source", false: "all"}[q.Get("Scope") == "SourceFile"]
	early := q.Get("AllowUpdateWithoutTimeLimit") == "true"
	self := u.w.book.self && p.wasLatest && len(p.Over) == 0
	person := !p.approved.IsZero() && (p.withdrawn.IsZero() || p.withdrawn.After(r.began))
	switch {
	case !listed || l.to != q.Get("StorageClass") || l.scope != scope || l.early != early:
		u.breach("moves outside an approved plan", id, "plan %s lists %+v, asked for %s %s early %v", p.ID, l, q.Get("StorageClass"), scope, early)
	case !self && !person:
		u.breach("moves outside an approved plan", id, "plan %s is not approved", p.ID)
	case len(p.Over) > 0 && (p.first == 0 || l.n >= p.first):
		u.breach("moves outside an approved plan", id, "plan %s: item %d of a portion of %d", p.ID, l.n, p.first)
	case r.began.After(p.Expires.Add(time.Minute)):
		u.breach("moves outside an approved plan", id, "plan %s has expired", p.ID)
	}
	if g.held != "" && !u.w.book.heldMoves {
		u.breach("held assets moved", id, "%s at the last read", g.held)
	}
	if early {
		return
	}
	for _, left := range leaving(g.asset, q) {
		if now := time.Now(); left.since.Add(least[left.class]).After(now) {
			if u.byPeople[id] {
				u.late["asked before the minimum time, after people moved it; VOD refuses"]++
			} else {
				u.breach("minimum time broken without early", id, "in %s since %s", left.class, left.since)
			}
		}
	}
}

type stay struct {
	class string
	since time.Time
}

// leaving gives the classes that parts of an asset would leave.
func leaving(a fakevod.Asset, q url.Values) (all []stay) {
	source, rest := parts(a.StorageClass)
	from := func(class string, since time.Time) {
		if since.IsZero() {
			since = a.Created
		}
		if class != q.Get("StorageClass") {
			all = append(all, stay{class, since})
		}
	}
	t := fakevod.Tier{}
	if a.Tier != nil {
		t = *a.Tier
	}
	from(source, t.Since)
	if q.Get("Scope") != "SourceFile" && len(a.Streams) > 0 {
		from(rest, t.Rest)
	}
	return all
}

// effect looks at a move that VOD begins.
func (u *audit) effect(r *run, a fakevod.Asset, q url.Values) {
	w, now, to := u.w, time.Now(), q.Get("StorageClass")
	w.count["moves begun"]++
	w.count["moves begun to "+to]++
	goal := to
	if q.Get("Scope") == "SourceFile" && to != "Standard" {
		goal = "Source" + to
	}
	vain := 0
	for _, e := range u.done {
		if e.id == a.ID && e.to == goal && e.confirmed.IsZero() && e.at.After(u.touched[a.ID]) && now.Sub(e.at) < 6*day {
			vain++
		}
	}
	if vain >= 3 {
		u.breach("asked in vain more than three times a week", a.ID, "to %s, %d times", goal, vain)
	}
	u.done = append(u.done, effect{id: a.ID, plan: u.intents[a.ID], from: a.StorageClass, to: goal, at: now})
	if w.held(a, now) != "" && r.reads[a.ID].held == "" && !w.book.heldMoves {
		u.late["held after the last read"]++
	}
	if w.book.inUse == 0 {
		u.climbs(r, a, q, time.Time{}, false)
		return
	}
	told, listed := r.usage[a.ID]
	frozen := q.Get("Scope") != "SourceFile" && coldness(to) > 1
	if used := listed && now.Sub(told) <= w.book.inUse; used && frozen {
		u.breach("unreachable for a viewer within the window", a.ID, "viewed %s, to %s", told, to)
	} else if truth, ok := w.viewed[a.ID]; frozen && ok && now.Sub(truth) <= w.book.inUse {
		u.late["viewed after the usage file was read or written"]++
	}
	u.climbs(r, a, q, told, listed)
}

// climbs says whether the policy has such a move.
func (u *audit) climbs(r *run, a fakevod.Asset, q url.Values, told time.Time, listed bool) {
	b, to := u.w.book, q.Get("StorageClass")
	source, rest := parts(a.StorageClass)
	used := b.inUse > 0 && listed && r.began.Sub(told) <= b.inUse
	switch {
	case used && b.restore && to == "Standard" && source == rest && source != "Standard":
		return
	case used, b.inUse > 0 && !listed && !b.idle:
		u.breach("the policy has no such move", a.ID, "%s to %s, viewed %s", a.StorageClass, to, told)
		return
	}
	for _, g := range b.rungs {
		from := rest
		if g.scope == "source" {
			from = source
		}
		scope := map[bool]string{true: "source", false: "all"}[q.Get("Scope") == "SourceFile"]
		if g.to == to && g.scope == scope && scope == "source" && coldness(to) > 1 && !standsIn(a) {
			u.breach("a source file archived without a copy", a.ID, "%+v", a.Streams)
		}
		if g.to == to && g.scope == scope && r.began.Sub(a.Created) > g.after && coldness(from) < coldness(to) {
			return
		}
	}
	u.breach("the policy has no such move", a.ID, "%s of %s to %s", a.StorageClass, a.Created, to)
}

// standsIn says that a stream has the lines of the source file.
func standsIn(a fakevod.Asset) bool {
	return slices.ContainsFunc(a.Streams, func(s fakevod.Stream) bool { return s.Height >= a.Source.Height })
}

// settle compares the ledger with what really moved.
func (u *audit) settle() {
	w := u.w
	if _, err := removal.VerifyLedger(context.Background(), w.shelf); err != nil {
		u.breach("ledger unreadable", "", "%s", err)
	}
	moved := map[[2]string]bool{}
	for _, e := range u.done {
		if !e.confirmed.IsZero() {
			moved[[2]string{e.plan, e.id}] = true
		}
	}
	last := map[[2]string]removal.Row{}
	for row, err := range removal.Rows(context.Background(), w.shelf, 0) {
		if err != nil {
			return
		}
		if row.Event == removal.Outcome {
			last[[2]string{row.Plan, string(row.ID)}] = row
			w.count["outcomes: "+string(row.Result)]++
		}
	}
	for k, row := range last {
		switch {
		case row.Result == video.Done && !moved[k] && u.byPeople[k[1]]:
			u.late["done by people after our call"]++
		case row.Result == video.Done && !moved[k]:
			u.breach("the ledger says moved of what did not", k[1], "plan %s: %s", k[0], row.Detail)
		case row.Result == video.Missing && moved[k] && u.gone(k[1], row.At):
			// Nobody read the asset between its move and its end, and what is not there tells
			// no class: the ledger says what was read.
			u.late["deleted by people before a run read that it had moved"]++
		case row.Result != video.Done && row.Result != video.Deferred && moved[k] && !u.byPeople[k[1]]:
			u.breach("the ledger does not say moved of what did", k[1], "plan %s: %s, %s", k[0], row.Result, row.Detail)
		}
	}
}

// gone says that people had deleted an asset by then.
func (u *audit) gone(id string, by time.Time) bool {
	at, deleted := u.deleted[id]
	_, there := u.w.vod.Lookup(id)
	return deleted && !there && !at.After(by)
}

// rest says, after calm nights, which assets are not where the policy wants them.
func (u *audit) rest() {
	w, now := u.w, time.Now()
	b := w.book
	for _, id := range w.ids {
		a, there := w.vod.Lookup(id)
		if !there || u.byPeople[id] || a.Tier == nil && a.StorageClass != "" && a.StorageClass != "Standard" {
			continue
		}
		told, listed := w.usage[id]
		used := b.inUse > 0 && listed && now.Sub(told) <= b.inUse+2*day
		if used || b.inUse > 0 && !listed && !b.idle || w.held(a, now.Add(-20*day)) != "" || w.held(a, now) != "" {
			w.count["at the end: stays where it is"]++
			continue
		}
		want := ""
		for _, g := range b.rungs {
			if now.Sub(a.Created) > g.after+calm*day {
				want = g.to
			}
		}
		source, rest := parts(a.StorageClass)
		from := rest
		if b.rungs[0].scope == "source" {
			from = source
		}
		switch {
		case want == "" || coldness(from) >= coldness(want) || strings.HasSuffix(a.StorageClass, "Changing"):
			w.count["at the end: where the policy wants it"]++
		case b.rungs[0].scope == "source" && rest != "Standard" && w.meter.of[id].first == a.StorageClass:
			// VOD tells one class of an asset: of one that came to us whole in a colder class,
			// nobody could tell where the rest is once its source file had moved on.
			w.count["at the end: was whole in a class before we came, and source files alone move"]++
		case !b.early && (from != "Standard" || source != "Standard" && source != want && w.meter.of[id].first == a.StorageClass):
			// Of a source file that was moved before we came nobody knows since when it is there.
			w.count["at the end: waits for its minimum time"]++
		case b.rungs[0].scope == "source" && !standsIn(a):
			w.count["at the end: no stream stands in"]++
		default:
			u.breach("not moved in calm nights", id, "%s, wanted %s, created %s, viewed %v %s\n%s", a.StorageClass, want, a.Created, listed, told, b.text())
		}
	}
}
