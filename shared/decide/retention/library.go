package retention

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Group is one place in a keep rule of the newest: its group within the rule.
type Group struct {
	Rule int    `json:"rule"`
	Key  string `json:"key"`
}

// Survivor is what stays for a group: the newest of it.
type Survivor struct {
	Group
	Media []video.ID `json:"media"`
}

// Claim is an item that a quota would take. Bytes is what the media counts for.
type Claim struct {
	Quota int  `json:"quota"`
	Old   bool `json:"old"`           // old enough to go
	Why   Why  `json:"why,omitempty"` // it stays all the same, where that is not its age
	Item  Item `json:"item"`
}

func (k keepRule) group(m video.Media) string {
	if k.per == "category" {
		return strconv.FormatInt(m.Category, 10)
	}
	return ""
}

// judge claims the asset for the quota. What nobody can play takes no room in a quota,
// and none makes room by taking it.
func (q *quota) judge(c *facts, v *Verdict, index int) {
	selected, missing, why := q.when.ask(c)
	if selected == rule.No {
		return
	}
	if q.move != nil && (!movable(q.name, c, v) || q.move.reached(c.m.StorageClass)) {
		return // what is there already takes no room
	}
	playable, reason := Playable(c.m)
	age, fact, doubt := c.age(uploaded)
	bytes := Size(c.m)
	switch {
	case playable == rule.No:
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: q.name, Why: InQuota, Reason: "it does not play, so it does not count: " + reason})
		return
	case selected == rule.Unknown:
		doubt = "select cannot be evaluated: " + why
	case doubt != "":
		missing = []string{fact}
	case bytes == Unknown || !counted(c.m):
		doubt, missing = "its size is unknown, so it does not count", []string{"bytes"}
	case playable == rule.Unknown:
		doubt, missing = "whether it plays is not known, so it does not count: "+reason, []string{"playable"}
	}
	if doubt != "" {
		c.doubt(v, Keep{Rule: q.name, Reason: doubt}, missing...)
		return
	}
	item := Item{ID: v.ID, Kind: Whole, Bytes: bytes, Rule: q.name, Reason: fmt.Sprintf("%s since %s, limit %s", days(age), uploaded, days(q.olderThan))}
	claim := Claim{Quota: index, Old: age > q.olderThan, Item: item}
	if q.move == nil || q.moves(c, v, &claim) {
		v.Claims = append(v.Claims, claim)
	}
}

// moves makes the claim one of a move. Of a quota that moves source files only these take
// room, and one that has to stay readable takes none.
func (q *quota) moves(c *facts, v *Verdict, claim *Claim) bool {
	item := &claim.Item
	item.Kind, item.Part, item.To = Move, q.move.scope, q.move.to
	source, rest := parts(c.m.StorageClass)
	if q.move.scope == SourcePart {
		if rest != "Standard" {
			c.doubt(v, Keep{Rule: q.name, Reason: wholeIn(c.m.StorageClass)})
			return false
		}
		file, ok := (&mover{name: q.name, need: sourceNeed{goodStreams: 1}}).sourceFile(c, v, *q.move, item.Reason)
		if !ok {
			return false
		}
		if item.Bytes, item.Reason = file.Bytes, file.Reason; item.Bytes == Unknown {
			c.doubt(v, Keep{Rule: q.name, Reason: "the size of its source file is unknown, so it does not count"}, "source.size")
			return false
		}
	}
	switch due, early := (&mover{}).tooEarly(c, source); {
	case early != "" && due.IsZero():
		claim.Old, claim.Why, item.Reason = false, Doubt, early
	case early != "":
		claim.Old, item.Reason = false, early
	case coldness(source) > coldness(q.move.to):
		claim.Old, claim.Why, item.Reason = false, Doubt, fmt.Sprintf("its source file is in %s, which is colder than %s", source, q.move.to)
	}
	return true
}

// counted says that it is known which bytes are there: whether the source file is gone, and
// whether a stream is that file (OD).
func counted(m video.Media) bool {
	return m.Source != nil && m.Source.Status != "" && !slices.ContainsFunc(m.Streams, func(s video.Stream) bool { return s.Definition == "" })
}

// unclaim takes an asset of which facts are missing out of all quotas: what rules would
// take of it may or may not make room, and its bytes must not push another one out.
func (p *Policy) unclaim(v *Verdict) {
	for _, claim := range v.Claims {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: p.quotas[claim.Quota].name, Why: Doubt, Reason: "facts are unknown, so it does not count"})
	}
	v.Claims = nil
}

// Tally is what a policy must know of the whole library before it can settle:
// totals of the quotas, the newest of each group, and which protections protect
// something. Its size depends on the policy and its hold list, not on the library. It marshals, so that counting can go on later.
type Tally struct {
	Media    int                        `json:"media"`
	Complete int                        `json:"complete,omitempty"` // media that people can play (Playable)
	Bytes    int64                      `json:"bytes"`              // of what tells its size
	Quotas   map[int]int64              `json:"quotas,omitempty"`   // bytes counted, less what rules remove
	Newest   map[int]map[string]*newest `json:"newest,omitempty"`
	Used     map[string]bool            `json:"used,omitempty"`    // protections of the policy that cover something
	HeldIDs  map[video.ID]bool          `json:"heldIds,omitempty"` // ids of the hold list that were met
	freed    map[int]int64
}

// Add counts one media of the library. Every media is added once, whether a rule
// looked at it or not.
func (p *Policy) Add(t *Tally, m video.Media, at Inputs, v Verdict) {
	t.Media++
	if size := Size(m); size != Unknown {
		t.Bytes += size
	}
	for _, c := range v.Claims {
		if t.Quotas == nil {
			t.Quotas = map[int]int64{}
		}
		t.Quotas[c.Quota] += c.Item.Bytes
		for _, i := range v.Items {
			t.Quotas[c.Quota] -= max(i.Bytes, 0)
		}
	}
	playable, _ := Playable(believed(m))
	if playable == rule.Yes {
		t.Complete++
	}
	asked := sync.OnceValue(func() *facts { return newCase(m, at) })
	p.uses(t, asked, m, at)
	if playable != rule.Yes || !isTold(believed(m).Created, at.Now) || disputed(m) != "" {
		return // what may be among the newest is protected on its own, and takes no place
	}
	for i, k := range p.keeps {
		if k.newest == 0 {
			continue
		}
		if covered, _, _ := k.when.ask(asked()); covered != rule.Yes {
			continue
		}
		group := t.group(i, k.group(m))
		heap.Push(group, dated{m.ID, m.Created})
		if group.Len() > k.newest {
			heap.Pop(group)
		}
	}
}

// group is the newest so far of a group of the policy's keep rule of that number.
func (t *Tally) group(rule int, key string) *newest {
	if t.Newest == nil {
		t.Newest = map[int]map[string]*newest{}
	}
	if t.Newest[rule] == nil {
		t.Newest[rule] = map[string]*newest{}
	}
	group := t.Newest[rule][key]
	if group == nil {
		group = &newest{}
		t.Newest[rule][key] = group
	}
	return group
}

// Settle finishes a verdict once the whole library was counted. Verdicts come in
// Order: a quota takes the oldest first. What goes keeps its groups: Survivors tells
// because of whom.
func (p *Policy) Settle(t *Tally, v Verdict) Verdict {
	claims := v.Claims
	v.Claims = nil
	for _, g := range v.Newest {
		if group := t.Newest[g.Rule][g.Key]; group == nil || slices.ContainsFunc(*group, func(d dated) bool { return d.ID == v.ID }) {
			k := p.keeps[g.Rule]
			v.drop(k.name, Protected, fmt.Sprintf("among the newest %d of its %s", k.newest, k.per))
			return v
		}
	}
	for _, c := range claims {
		q, total := p.quotas[c.Quota], t.Quotas[c.Quota]-t.freed[c.Quota]
		switch {
		case total <= q.above:
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: q.name, Why: InQuota, Reason: fmt.Sprintf("%d bytes are left, %d allowed", total, q.above)})
		case !c.Old:
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: q.name, Why: cmp.Or(c.Why, Young), Reason: c.Item.Reason})
		default:
			item := c.Item
			item.Reason += fmt.Sprintf("; %d bytes counted, %d allowed", total, q.above)
			if t.freed == nil {
				t.freed = map[int]int64{}
			}
			for _, other := range claims { // every quota that counted it is relieved
				t.freed[other.Quota] += item.Bytes
				for _, part := range v.Items { // these were taken off already
					t.freed[other.Quota] -= max(part.Bytes, 0)
				}
			}
			v.Items = []Item{item}
			return v
		}
	}
	return v
}

// Survivors gives what stays for the groups, sorted, once the library was counted.
func (t *Tally) Survivors(groups map[Group]bool) []Survivor {
	var all []Survivor
	for g := range groups {
		s := Survivor{Group: g}
		for _, d := range *t.Newest[g.Rule][g.Key] {
			s.Media = append(s.Media, d.ID)
		}
		slices.Sort(s.Media)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Survivor) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Key, b.Key)) })
	return all
}

// Survives says that an asset is of the group, and plays. What goes out of a group goes because
// of those that stand for it, so before it goes each of them is asked this again.
func (p *Policy) Survives(g Group, m video.Media, at Inputs) bool {
	k := p.keeps[g.Rule] // the plan and its groups are of this very policy
	covered, _, _ := k.when.ask(newCase(m, at))
	playable, _ := Playable(believed(m))
	return covered == rule.Yes && playable == rule.Yes && disputed(m) == "" && k.group(m) == g.Key
}

// newest is a heap with the oldest on top, to be pushed out by what is newer.
type newest []dated

type dated struct {
	ID      video.ID  `json:"id"`
	Created time.Time `json:"created"`
}

func (n newest) Len() int { return len(n) }
func (n newest) Less(i, j int) bool {
	if !n[i].Created.Equal(n[j].Created) {
		return n[i].Created.Before(n[j].Created)
	}
	return n[i].ID < n[j].ID
}
func (n newest) Swap(i, j int) { n[i], n[j] = n[j], n[i] }
func (n *newest) Push(x any)   { *n = append(*n, x.(dated)) }
func (n *newest) Pop() any {
	last := (*n)[len(*n)-1]
	*n = (*n)[:len(*n)-1]
	return last
}
