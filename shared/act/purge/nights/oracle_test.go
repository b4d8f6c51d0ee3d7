package nights_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// audit watches every read, every object that is created and every effect, and
// says of each effect whether it was allowed. What a run could not see because it
// came after its last read is counted apart: VOD has no conditional delete.
type audit struct {
	w       *world
	plans   map[string]*planned
	latest  string // of ours
	planned map[video.ID]int
	listed  map[video.ID]bool // by what planning was told last, whether the whole may be listed
	intents map[part]intent
	holder  *run // who took the lease last

	done       []effect
	removed    map[part]bool
	violations map[string]int
	late       map[string]int
	stories    []string
	blind      bool // the ledger cannot be read
}

type planned struct {
	removal.Plan
	account  string
	policy   int
	at       time.Time // when it was written
	parts    map[part]bool
	versions map[video.ID]int
	since    map[video.ID]int // the first of the nights in a row that listed an asset, when the plan was written
	night    int              // when that was
	approved time.Time
	first    int // a portion; 0: all
	backed   time.Time
	effects  int
	// wasLatest says that a purge began while it was the latest plan of ours: a policy
	// that approves itself approved it then.
	wasLatest bool
}

type intent struct {
	plan string
	at   time.Time
}

type effect struct {
	part
	at    time.Time
	bytes int64
}

func newAudit(w *world) *audit {
	return &audit{w: w, plans: map[string]*planned{}, planned: map[video.ID]int{}, listed: map[video.ID]bool{}, intents: map[part]intent{},
		removed: map[part]bool{}, violations: map[string]int{}, late: map[string]int{}}
}

// read remembers what a run was told of an asset, and what held it then.
func (u *audit) read(r *run, a *asset, told video.Media) {
	now := r.clock()
	old := r.reads[a.ID]
	g := &reading{at: time.Now(), told: told, version: a.version, held: u.w.holds(a, now), called: map[part]bool{}}
	if why := u.w.newest(a, now); why.may == no {
		g.newest = why.why
	}
	g.hidden = u.w.hidden(a)
	r.reads[a.ID] = g
	if r.name == "plan" {
		u.planned[a.ID] = a.version
		u.listed[a.ID] = u.w.book.selected(told, a.images, now)[part{a.ID, "video", ""}].may > no
	} else if old == nil || old.version != a.version {
		u.w.tell(a, "read by %s", r)
	}
}

// hidden says which fact was left out of an answer though another one tells it:
// that fact is unknown, and so is whether it holds.
func (w *world) hidden(a *asset) string {
	switch {
	case a.gap == "tags" && len(a.Tags) > 0 && a.blur != "tags":
		return "tags"
	case a.gap == "category" && a.Category != 0 && a.blur != "category" && (len(w.book.categories) > 0 || w.book.newest > 0):
		return "category"
	}
	return ""
}

// holds says what holds an asset, by class.
func (w *world) holds(a *asset, now time.Time) map[string]string {
	all := map[string]string{}
	for _, tag := range a.Tags {
		exact, near := heldBy(tag, w.book.words, until, now)
		if exact != "" {
			all["held by "+strings.Fields(exact)[0]] = exact
		}
		if near != "" {
			all["nearly held"] = near
		}
	}
	for _, l := range w.listed {
		if w.book.list && l.id == a.ID {
			all["held by list"] = "line " + l.line
		}
	}
	if why := w.heldCategory(a.Category); why != "" {
		all["held by category"] = why
	}
	return all
}

// heldCategory walks up the tree. What is not in it may lie below a held one.
func (w *world) heldCategory(id int64) string {
	above := map[int64]int64{-1: -1}
	for _, c := range w.tree {
		above[c.ID] = c.Parent
	}
	for _, held := range w.book.categories {
		if _, there := above[held]; !there {
			return fmt.Sprintf("category %d of the policy is not in the tree", held)
		}
	}
	for len(w.book.categories) > 0 && id != 0 && id != -1 {
		if slices.Contains(w.book.categories, id) {
			return fmt.Sprintf("category %d", id)
		}
		up, there := above[id]
		if !there {
			return fmt.Sprintf("category %d is not in the tree", id)
		}
		id = up
	}
	return ""
}

// newest says whether the policy keeps an asset as one of the newest of its
// category. Only what plays takes a place.
func (w *world) newest(a *asset, now time.Time) verdict {
	if w.book.newest == 0 {
		return verdict{yes, ""}
	}
	surely, perhaps := 0, 0
	for _, b := range w.order {
		if b == a || b.gone || b.Category != a.Category || b.Status != video.StatusNormal ||
			b.Created.Year() < 2000 || b.Created.After(now) || b.Created.Before(a.Created) {
			continue
		}
		if completes(b.Media, 0) > 0 && !b.odd {
			surely++
			perhaps++
		} else if possibles(b.Media, 0) > 0 || b.Source != nil && b.Source.Status == "Normal" {
			perhaps++
		}
	}
	plays := completes(a.Media, 0) > 0 && a.Status == video.StatusNormal && a.Created.Year() >= 2000 && !a.Created.After(now)
	switch {
	case plays && perhaps < w.book.newest:
		return stays("it is one of the newest %d of category %d", w.book.newest, a.Category)
	case plays && surely >= w.book.newest && a.Category != 0:
		return verdict{yes, ""}
	}
	return verdict{maybe, ""}
}

// created looks at what a run wrote into STATE.
func (u *audit) created(r *run, key string) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	switch prefix, _, _ := strings.Cut(key, "/"); prefix {
	case "plans":
		u.register(r)
	case "ledger":
		u.follow(key)
	case "lease":
		if r.name == "purge" && u.holder != r {
			if u.holder != nil && u.holder.lost.IsZero() {
				u.holder.lost = time.Now()
			}
			u.holder = r
		}
	}
}

// register takes in the plans that were written since the last time.
func (u *audit) register(r *run) {
	ctx := context.Background()
	for key, err := range u.w.shelf.List(ctx, "plans/", "") {
		id := strings.TrimSuffix(strings.TrimPrefix(key, "plans/"), ".json")
		if err != nil || strings.Contains(id, "/") || u.plans[id] != nil {
			continue
		}
		p, err := removal.ReadPlan(ctx, u.w.shelf, id)
		if err != nil {
			continue
		}
		q := &planned{Plan: p, account: p.Account, policy: r.policy, at: time.Now(), parts: map[part]bool{}, versions: map[video.ID]int{}, since: map[video.ID]int{}, night: u.w.night}
		for v, err := range p.Entries(ctx, u.w.shelf) {
			if err != nil {
				continue
			}
			for _, item := range v.Items {
				q.parts[part{v.ID, string(item.Kind), item.Part}] = true
				q.versions[v.ID] = u.planned[v.ID]
				if g := r.reads[v.ID]; g != nil {
					q.versions[v.ID] = g.version
				}
				if a := u.w.assets[v.ID]; a != nil {
					u.w.tell(a, "listed by plan %s: %s %s (%s)", id, item.Kind, item.Part, item.Rule)
				}
			}
		}
		u.plans[id] = q
		u.w.count["plans"]++
		if r.name == "plan" {
			u.wait()
		}
		for p := range q.parts {
			if a := u.w.assets[p.id]; a != nil {
				q.since[p.id] = a.since
			}
		}
		if p.Account == account && !p.Created.After(u.w.now().Add(10*time.Minute)) {
			u.latest = id
		}
	}
}

// wait counts for how many nights assets are listed. Grace is the nights in which a plan
// listed an item, whatever was done to the asset between two plans and whichever rule
// takes it: for so long people could see it.
func (u *audit) wait() {
	for id, listed := range u.listed {
		switch a := u.w.assets[id]; {
		case !listed:
			a.since = -1
		case a.since < 0:
			a.since = u.w.night
		}
	}
}

// follow reads the rows of a segment of the ledger that is new.
func (u *audit) follow(key string) {
	number := strings.TrimFunc(key, func(r rune) bool { return r < '0' || r > '9' })
	segment, err := strconv.Atoi(number)
	if err != nil {
		u.blind = true
		return
	}
	for row, err := range removal.Rows(context.Background(), u.w.shelf, segment) {
		if err != nil {
			u.blind = true
			return
		}
		p := part{row.ID, string(row.Kind), row.Part}
		if row.Event == removal.Intent {
			if old, there := u.intents[p]; !there || row.At.After(old.at) {
				u.intents[p] = intent{row.Plan, row.At}
			}
		}
	}
}

// breach counts a violation, with the story of its asset.
func (u *audit) breach(class string, a *asset, r *run, text string, args ...any) {
	u.violations[class]++
	line := fmt.Sprintf("%s: %s", class, fmt.Sprintf(text, args...))
	u.w.tell(a, "VIOLATION %s (%s)", line, r)
	if u.violations[class] <= 1 {
		u.stories = append(u.stories, fmt.Sprintf("seed %d, night %d, %s, sky %+v: %s\n    %s", u.w.seed, u.w.night, a.ID, u.w.sky, line, strings.Join(a.events, "\n    ")))
	}
}

// call looks at a delete call that begins: one recheck allows one attempt.
func (u *audit) call(r *run, parts []part) {
	for _, p := range parts {
		a, g := u.w.assets[p.id], r.reads[p.id]
		if a == nil {
			continue
		}
		switch {
		case g == nil:
			u.breach("not read before the call", a, r, "%s", p)
			continue
		case g.called[p]:
			u.breach("two calls for one recheck", a, r, "%s", p)
		}
		g.called[p] = true
		if h := u.w.halted; !h.IsZero() {
			if r.haltRead.After(h) {
				u.breach("halted", a, r, "%s: halted since %s, and the halt was read at %s", p, h.Format(time.TimeOnly), r.haltRead.Format(time.TimeOnly))
			} else {
				u.late["halt"]++
			}
		}
	}
}

// effect looks at one part that leaves now.
func (u *audit) effect(r *run, a *asset, p part) {
	u.w.count["removed"]++
	u.w.tell(a, "removed: %s, by %s", p, r)
	g := r.reads[a.ID]
	if g == nil {
		return // told by call
	}
	u.checkHolds(r, a, p, g)
	u.checkFacts(r, a, p, g)
	u.checkPlan(r, a, p, g)
	if !r.lost.IsZero() {
		u.breach("after the lease was lost", a, r, "%s: another run took the lease at %s", p, r.lost.Format(time.TimeOnly))
	}
	if !u.w.halted.IsZero() {
		if r.afterOff[a.ID] = true; len(r.afterOff) > video.MaxBatch {
			u.breach("more than 20 assets after a halt", a, r, "%s", p)
		}
	}
	u.removed[p] = true
	u.done = append(u.done, effect{p, time.Now(), a.Size})
	u.checkGuards(r, a)
}

func (u *audit) checkHolds(r *run, a *asset, p part, g *reading) {
	for class, why := range g.held {
		switch {
		case class == "held by category" && u.w.treeAt.After(r.treeRead):
			u.late["hold by category"]++
		default:
			u.breach(class, a, r, "%s: %s", p, why)
		}
	}
	if g.hidden != "" {
		u.breach("unknown "+g.hidden, a, r, "%s: the answer left them out, another one tells them", p)
	}
	if len(g.held) == 0 && len(u.w.holds(a, r.clock())) > 0 {
		u.late["hold"]++
	}
}

// checkFacts asks the policy about what was told at the last read, less what the
// jobs have removed since.
func (u *audit) checkFacts(r *run, a *asset, p part, g *reading) {
	m := g.told
	m.Streams = slices.DeleteFunc(slices.Clone(m.Streams), func(s video.Stream) bool { return u.removed[part{a.ID, "stream", s.Job}] })
	if g.told.Streams == nil {
		m.Streams = nil
	}
	says, listed := u.w.book.selected(m, a.images, r.clock())[p]
	switch {
	case !listed:
		u.breach("nothing selects it", a, r, "%s", p)
	case says.may == no:
		u.breach(classOf(p, says.why), a, r, "%s: %s", p, says.why)
	case g.newest != "" && p.kind == "video":
		if u.w.groupAt[a.Category].After(g.at.Add(-10 * time.Second)) {
			u.late["newest"]++
		} else {
			u.breach("one of the newest", a, r, "%s: %s", p, g.newest)
		}
	}
	if p.kind == "stream" && completes(a.Media, 0) > 0 && possibles(a.Media, 0, p.name) == 0 {
		if completes(m, 0) > 0 && possibles(m, 0, p.name) == 0 {
			u.breach("only complete copy", a, r, "%s", p)
		} else {
			u.late["only complete copy"]++
		}
	}
	if p.kind == "source" && possibles(a.Media, 0) == 0 && possibles(m, 0) > 0 {
		u.late["only complete copy"]++
	}
}

func classOf(p part, why string) string {
	switch {
	case strings.Contains(why, "stands in for the source"):
		return "only complete copy"
	case strings.Contains(why, "takes its place"):
		return "not superseded"
	case strings.Contains(why, "cover"):
		return "cover in use"
	case strings.Contains(why, "unknown"), strings.Contains(why, "told"):
		return "not selected, or a fact is unknown: " + p.kind
	}
	return why
}

// checkPlan looks for the plan in whose name a part leaves, and whether that may be applied.
func (u *audit) checkPlan(r *run, a *asset, p part, g *reading) {
	said, there := u.intents[p]
	if !there {
		if !u.blind {
			u.breach("no intent in the ledger", a, r, "%s", p)
		}
		return
	}
	q := u.plans[said.plan]
	switch {
	case q == nil || q.account != account || !q.parts[p]:
		u.breach("unplanned", a, r, "%s: plan %s", p, said.plan)
		return
	case q.versions[a.ID] != g.version:
		u.breach("changed since the plan", a, r, "%s: the plan saw version %d, the last read %d", p, q.versions[a.ID], g.version)
	case a.version != g.version:
		u.late["change"]++
	}
	self := u.w.book.self && q.wasLatest && len(q.Over) == 0
	person := !q.approved.IsZero() && q.approved.Before(time.Now())
	if !self && !person {
		u.breach("not approved", a, r, "%s: plan %s", p, said.plan)
	}
	if len(q.Over) > 0 && q.first == 0 {
		u.breach("over its guards", a, r, "%s: plan %s: %v", p, said.plan, q.Over)
	}
	if q.effects++; q.first > 0 && q.effects > q.first {
		u.breach("beyond the portion", a, r, "%s: plan %s: %d", p, said.plan, q.first)
	}
	if !q.backed.IsZero() && q.backed.Before(r.began) {
		u.breach("withdrawn", a, r, "%s: plan %s", p, said.plan)
	}
	if r.clock().After(q.Expires.Add(15 * time.Minute)) {
		u.breach("expired", a, r, "%s: plan %s of %s", p, said.plan, q.Created)
	}
	// Whether the nights were enough is a question to the plan that lists the item: a later
	// one that left it out begins its own count and takes nothing back.
	if since := q.since[a.ID]; p.kind == "video" && (since < 0 || q.night-since < u.w.book.grace) {
		u.breach("before its grace was over", a, r, "%s: plan %s of night %d, and it is listed since night %d", p, said.plan, q.night, since)
	}
	if q.policy != r.policy {
		u.breach("another policy", a, r, "%s: plan %s", p, said.plan)
	}
	if q.Created.After(q.at.Add(15 * time.Minute)) {
		u.breach("a plan of the future", a, r, "%s: plan %s", p, said.plan)
	}
}

// checkGuards counts what left in the last 20 hours.
func (u *audit) checkGuards(r *run, a *asset) {
	items, media := 0, map[video.ID]bool{}
	for _, e := range slices.Backward(u.done) {
		if time.Since(e.at) > 20*time.Hour {
			break
		}
		items++
		media[e.id] = true
	}
	if items > u.w.book.count {
		u.breach("over the guard of items", a, r, "%d of %d", items, u.w.book.count)
	}
	there := len(media)
	for _, b := range u.w.order {
		if !b.gone {
			there++
		}
	}
	if float64(len(media)) > float64(there)*u.w.book.percent/100 {
		u.breach("over the guard of percent", a, r, "%d of %d", len(media), there)
	}
}

// candidates counts what a plan may list of an asset.
func (w *world) candidates(a *asset, now time.Time) (n int) {
	if a.gone || a.odd || len(w.holds(a, now)) > 0 || w.newest(a, now).may == no {
		return 0
	}
	for _, v := range w.book.selected(a.Media, a.images, now) {
		if v.may > no {
			n++
		}
	}
	return n
}

// due says what must go of an asset: only what is clear by every reading.
func (w *world) due(a *asset, now time.Time) []part {
	if a.gone || a.odd || a.forbidden || a.gap != "" || a.blur != "" || a.stale != nil || a.Modified.IsZero() ||
		len(w.holds(a, now)) > 0 || len(w.holds(a, now.Add(-40*time.Hour))) > 0 {
		return nil
	}
	newest := w.newest(a, now).may
	says := w.book.selected(a.Media, a.images, now)
	var parts []part
	for _, p := range slices.SortedFunc(maps.Keys(says), func(a, b part) int { return strings.Compare(a.String(), b.String()) }) {
		whole := says[part{a.ID, "video", ""}]
		switch {
		case says[p].may != yes || newest != yes,
			p.kind != "video" && whole.may > no,
			p.kind == "source" && a.pinned:
		default:
			parts = append(parts, p)
		}
	}
	return parts
}
