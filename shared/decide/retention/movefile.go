package retention

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"vodcurator/shared/video"
)

// The guards of moves that a policy does not name. A move can be taken back, so more may
// go in one night than of what is removed; ApsaraVideo VOD's own policies move 50,000.
var defaultMoveGuards = Guards{Count: 10_000, Percent: 25, Bytes: 5e13, Unknown: 100, Usual: 10, Errors: 10}

// hashOf names a text.
func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// moving makes the policy of the rules that move. Its hash differs from the file's, so that
// nobody takes a plan of one duty for the other's.
func (b builder) moving(p *Policy, doc document, text []byte) {
	b.oneOf("$.moves.approve", doc.Moves.Approve, "person", "within-guards")
	guards := b.guards("$.moves.guards.", doc.Moves.Guards, defaultMoveGuards)
	m := &Policy{
		Duty: Moving, Hash: hashOf(append([]byte("moves\n"), text...)), Guards: guards, Grace: time.Duration(doc.Moves.Grace),
		Expires: p.Expires, HoldList: p.HoldList, Usage: p.Usage, UsageMaxAge: p.UsageMaxAge, Prices: p.Prices,
		SelfApproving: doc.Moves.Approve == "within-guards", holds: p.holds, keeps: p.keeps, removing: p,
	}
	for i, r := range doc.Rules {
		if r.Move != nil && !b.f.Full() {
			m.movers = append(m.movers, b.mover(fmt.Sprintf("$.rules[%d]", i), r, doc.Usage != ""))
		}
	}
	for i, q := range doc.Quotas {
		if q.Move == nil || b.f.Full() {
			continue
		}
		path := fmt.Sprintf("$.quotas[%d]", i)
		out := b.quota(path, q)
		to := b.rung(path+".move", rungDoc{To: q.Move.To, Scope: q.Move.Scope})
		out.move = &to
		m.quotas = append(m.quotas, out)
	}
	p.moving = m
	switch {
	case len(m.movers)+len(m.quotas) > 0:
	case b.f.Has("$.moves"):
		b.f.Add("$.moves", "moves goes with a rule that moves", "move: {to: IA}")
	case doc.Holds.Move:
		b.f.Add("$.holds.move", "holds.move goes with a rule that moves", "move: {to: IA}")
	}
	if doc.Holds.Move {
		m.holds, m.HoldList = holds{}, ""
	}
}

func (b builder) class(path, class string) {
	b.oneOf(path, cmp.Or(class, "(empty)"), video.StorageClasses...)
}

// mover reads a rule that moves.
func (b builder) mover(path string, r ruleDoc, usage bool) *mover {
	d := *r.Move
	out := &mover{
		name: b.name(path, r.Name), when: b.condition(path+".select", r.Select), since: cmp.Or(r.Since, uploaded),
		inUse: time.Duration(d.InUse), unlisted: d.Unlisted == "idle", restore: d.Restore, early: d.Early,
		need: sourceNeed{max(d.Source.GoodStreams, 1), d.Source.MinHeight, d.Source.Encrypted},
	}
	path += ".move"
	b.oneOf(path+".unlisted", d.Unlisted, "idle", "unknown")
	if b.f.Has(path+".source.good_streams") && d.Source.GoodStreams < 1 {
		b.f.Add(path+".source.good_streams", "is below 1, and nothing would play while the source file cannot be read", "leave it out for 1; scope: all moves assets that nobody has to play")
	}
	b.notNegative(path+".source.min_height", d.Source.MinHeight)
	b.moverGoesTogether(path, r, usage)
	if d.To != "" || d.Scope != "" {
		out.rungs = []rung{b.rung(path, rungDoc{r.OlderThan, d.To, d.Scope})}
	}
	for i, g := range d.Ladder {
		at := fmt.Sprintf("%s.ladder[%d]", path, i)
		if g.OlderThan == 0 && !b.f.Has(at+".older_than") {
			b.f.Add(at, "a rung needs an age", "older_than: 90d")
		}
		out.rungs = append(out.rungs, b.rung(at, g))
	}
	b.ladder(path, out.rungs)
	return out
}

// moverGoesTogether refuses keys of a rule that say nothing without another, or contradict it.
func (b builder) moverGoesTogether(path string, r ruleDoc, usage bool) {
	d, rule := *r.Move, path[:len(path)-len(".move")]
	b.oneOf(rule+".since", r.Since, uploaded, modified, viewed)
	views := d.InUse > 0 || r.Since == viewed
	ladder := len(d.Ladder) > 0
	switch {
	case b.f.Has(rule + ".remove"):
		b.f.Add(rule, "remove and move in one rule", "write two rules, each with its age")
	case r.Unsafe:
		b.f.Add(rule+".unsafe", "unsafe is for rules that remove", "leave it out")
	case !ladder && d.To == "":
		b.restoresOnly(path, rule, d, views, usage)
	case !ladder && !b.f.Has(rule+".older_than"):
		b.f.Add(rule, "a rule without older_than has no bound", "older_than: 90d")
	case ladder && (d.To != "" || d.Scope != "" || b.f.Has(rule+".older_than")):
		b.f.Add(path, "a ladder has its own ages, classes and scopes", "leave out to, scope and the rule's older_than")
	default:
		b.viewsGoTogether(path, d, views, usage)
	}
}

// restoresOnly is the same for a rule that names no class.
func (b builder) restoresOnly(path, rule string, d moveDoc, views, usage bool) {
	switch {
	case !d.Restore:
		b.f.Add(path, "nothing is named to do", "to: IA; or a ladder of {older_than: 90d, to: IA}; or restore: true")
	case b.f.Has(rule + ".older_than"):
		b.f.Add(rule+".older_than", "older_than goes with to", "in_use: 30d says what is in use")
	default:
		b.viewsGoTogether(path, d, views, usage)
	}
}

// viewsGoTogether is the same for the keys that ask for views.
func (b builder) viewsGoTogether(path string, d moveDoc, views, usage bool) {
	switch {
	case d.Restore && d.InUse == 0:
		b.f.Add(path+".restore", "restore needs to know what is in use", "in_use: 30d")
	case d.Unlisted != "" && d.InUse == 0:
		b.f.Add(path+".unlisted", "unlisted goes with in_use", "in_use: 30d")
	case views && !usage:
		b.f.Add(path, "the last view is known only with a usage file", "name it at the top: usage: usage.csv")
	}
}

// rung reads one step. A source file alone is what is archived unless the rule says
// otherwise: an asset of which nothing can be read plays for nobody.
func (b builder) rung(path string, d rungDoc) rung {
	if b.class(path+".to", d.To); d.To == "Standard" {
		b.f.Add(path+".to", "nothing gets colder by moving to Standard", "begin with IA; restore: true takes back to Standard what was viewed within in_use")
	}
	b.oneOf(path+".scope", d.Scope, AllParts, SourcePart)
	scope := AllParts
	if coldness(d.To) >= 0 && !readable(d.To) {
		scope = SourcePart
	}
	return rung{time.Duration(d.OlderThan), d.To, cmp.Or(d.Scope, scope)}
}

// ladder refuses rungs in another order than that in which an asset comes to them.
func (b builder) ladder(path string, rungs []rung) {
	for i := 1; i < len(rungs); i++ {
		was, now := rungs[i-1], rungs[i]
		at := fmt.Sprintf("%s.ladder[%d]", path, i)
		if coldness(was.to) < 0 || coldness(now.to) < 0 {
			continue // it is told already
		}
		switch {
		case now.olderThan <= was.olderThan:
			b.f.Add(at+".older_than", "a rung that is no older than the one before it", "write the youngest first")
		case coldness(now.to) <= coldness(was.to):
			b.f.Add(at+".to", fmt.Sprintf("%s is no colder than %s, the rung before it", now.to, was.to), "Standard, IA, Archive, ColdArchive: an older asset gets colder")
		case now.scope != was.scope:
			b.f.Add(at, fmt.Sprintf("scope %s behind scope %s: VOD tells one class of an asset, so the second would not know where the rest is", now.scope, was.scope),
				"give both the same scope, which is source for Archive and ColdArchive when it is left out")
		}
	}
}
