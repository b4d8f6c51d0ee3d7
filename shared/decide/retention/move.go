package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// regions are those in which VOD offers storage classes (its documentation of
// UpdateMediaStorageClass).
var regions = []string{"cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1"}

// coldness orders classes; below 0: it is none that is known.
func coldness(class string) int { return slices.Index(video.StorageClasses, class) }

// readable says that what lies in the class can be read at once.
func readable(class string) bool {
	return coldness(class) >= 0 && coldness(class) < coldness("Archive")
}

// parts gives the class of the source file and that of all else. VOD tells one word for
// both: SourceIA is a source file in IA whose streams are in Standard.
func parts(class string) (source, rest string) {
	if of, only := strings.CutPrefix(class, "Source"); only {
		return of, "Standard"
	}
	return class, class
}

// Changing says that a move is under way. Nothing else touches such an asset.
func Changing(class string) bool { return strings.HasSuffix(class, "Changing") }

// moved says where a move is, in the words of a removal: Absent, it has come to its class;
// Present, it is where it was; Untold, it is under way, or the library does not tell.
func moved(item Item, m video.Media) Presence {
	switch class := m.StorageClass; {
	case class == "" || Changing(class):
		return Untold
	case class == item.Class():
		return Absent
	}
	return Present
}

// Class is the class that VOD tells of an asset once the item, a Move, is done.
func (i Item) Class() string {
	if i.Part == SourcePart && i.To != "Standard" {
		return "Source" + i.To
	}
	return i.To
}

// Moves is the policy of the file's rules that move, with their own guards, grace and
// approval; nil: no rule moves.
func (p *Policy) Moves() *Policy {
	if p == nil || p.moving == nil || len(p.moving.movers)+len(p.moving.quotas) == 0 {
		return nil
	}
	return p.moving
}

// For is the file's policy for a duty. One without rules takes nothing, and refuses what an
// earlier one has planned.
func (p *Policy) For(d Duty) *Policy {
	if d == Moving {
		return p.moving
	}
	return p
}

// MakesUnreadable says that the item is a whole asset that nobody can play once it has moved.
func (i Item) MakesUnreadable() bool {
	return i.Kind == Move && i.Part == AllParts && !readable(i.To)
}

// CheckRegion refuses a policy that moves in a region without storage classes.
func (p *Policy) CheckRegion(region string) error {
	if p == nil || p.Duty != Moving || len(p.Rules()) == 0 || slices.Contains(regions, region) {
		return nil
	}
	return fmt.Errorf("rule %q moves assets, and VOD offers storage classes in %s only, not in %s: take the move rules out",
		p.Rules()[0], strings.Join(regions, ", "), region)
}

type (
	// mover is a rule that moves.
	mover struct {
		name     string
		when     condition
		since    string
		rungs    []rung        // ages rise, and classes get colder
		inUse    time.Duration // what was viewed within it stays; 0: views are not asked
		unlisted bool          // what the usage file does not list was not viewed
		restore  bool          // what is in use goes back to Standard
		early    bool          // also before the minimum time of a class is over
		need     sourceNeed    // of the streams, where the source file becomes unreadable
	}

	rung struct {
		olderThan time.Duration
		to, scope string
	}
)

// judgeMoves adds the move of the first rule that has one for the asset.
func (p *Policy) judgeMoves(c *facts, v *Verdict) {
	if why := p.leaves(c); why != "" {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Why: Leaving, Reason: why})
		return
	}
	for _, r := range p.movers {
		if r.judge(c, v); len(v.Items) > 0 {
			return
		}
	}
	for i, q := range p.quotas {
		q.judge(c, v, i)
	}
}

// leaves says that something removes the asset, or a part of it that would move; images
// are no part of a move. A quota's claim is none until the library is counted: the plan
// that settled it tells (Inputs.Leaving).
func (p *Policy) leaves(c *facts) string {
	if c.at.Leaving != nil {
		if why := c.at.Leaving(c.m.ID); why != "" {
			return why
		}
	}
	for _, i := range p.removing.Judge(c.m, c.at).Items {
		if i.Kind != Images {
			return fmt.Sprintf("rule %q removes it, or a part of it", i.Rule)
		}
	}
	return ""
}

// judge adds the rule's move of an asset, or says why there is none.
func (r *mover) judge(c *facts, v *Verdict) {
	selected, missing, why := r.when.ask(c)
	switch {
	case selected == rule.No:
		return
	case selected == rule.Unknown:
		c.doubt(v, Keep{Rule: r.name, Reason: "select cannot be evaluated: " + why}, missing...)
		return
	case !movable(r.name, c, v):
		return
	}
	used, ago, doubt := r.used(c)
	switch {
	case doubt != "":
		c.doubt(v, Keep{Rule: r.name, Reason: doubt}, "viewed")
		return
	case used:
		r.stay(c, v, ago)
		return
	}
	r.descend(c, v)
}

// movable says that an asset can be moved at all, as far as is known.
func movable(name string, c *facts, v *Verdict) bool {
	doubt := func(reason string, missing ...string) bool {
		c.doubt(v, Keep{Rule: name, Reason: reason}, missing...)
		return false
	}
	class := c.m.StorageClass
	source, _ := parts(class)
	switch {
	case class == "":
		return doubt("its storage class is unknown", "storage")
	case Changing(class):
		return doubt("its storage class is being changed")
	case coldness(source) < 0:
		return doubt(fmt.Sprintf("storage class %q is not known here", class))
	case c.m.Status == "":
		return doubt("status unknown: its parts may still change", "status")
	case c.m.Status != video.StatusNormal:
		return doubt(fmt.Sprintf("status %q: its parts may still change", c.m.Status))
	}
	return true
}

// used says that somebody viewed the asset lately, or why that is not known.
func (r *mover) used(c *facts) (used bool, ago time.Duration, doubt string) {
	if r.inUse == 0 {
		return false, 0, ""
	}
	if c.at.Viewed == nil {
		return false, 0, "no usage was given, so the last view is unknown"
	}
	seen, listed := c.at.Viewed(c.m.ID)
	switch ago := c.at.Now.Sub(seen); {
	case !listed && r.unlisted:
		return false, 0, ""
	case !listed:
		return false, 0, "last view unknown: the usage file does not list it (unlisted: idle takes that for no view)"
	default:
		return ago <= r.inUse, max(ago, 0), ""
	}
}

// stay keeps what is in use, and takes back to Standard what was moved as a whole.
func (r *mover) stay(c *facts, v *Verdict, ago time.Duration) {
	because := fmt.Sprintf("viewed %s ago, in use for %s after a view", days(ago), days(r.inUse))
	if r.restore && coldness(c.m.StorageClass) > 0 {
		r.take(c, v, rung{to: "Standard", scope: AllParts}, because)
		return
	}
	if source, rest := parts(c.m.StorageClass); r.restore && source != rest {
		because += fmt.Sprintf("; its source file alone is in %s and stays there: restore takes back whole assets, and its streams play from %s", source, rest)
	}
	v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Needed, Reason: because})
}

// descend takes the coldest rung that the asset is old enough for and that can be taken.
func (r *mover) descend(c *facts, v *Verdict) {
	if len(r.rungs) == 0 {
		return
	}
	age, fact, doubt := c.age(r.since)
	if doubt != "" {
		c.doubt(v, Keep{Rule: r.name, Reason: doubt}, fact)
		return
	}
	for _, g := range slices.Backward(r.rungs) {
		because := fmt.Sprintf("%s since %s, limit %s", days(age), r.since, days(g.olderThan))
		switch there := g.reached(c.m.StorageClass); {
		case there:
			return
		case age <= g.olderThan:
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Move, Part: g.scope, Rule: r.name, Why: Young, Due: c.at.Now.Add(g.olderThan - age), Reason: because})
		case r.take(c, v, g, because):
			return
		}
	}
}

// reached says that what the rung moves is in its class, or in a colder one.
func (g rung) reached(class string) bool {
	source, rest := parts(class)
	if g.scope == AllParts {
		return coldness(rest) >= coldness(g.to)
	}
	return coldness(source) >= coldness(g.to)
}

// take lists a move, or says why there is none.
func (r *mover) take(c *facts, v *Verdict, g rung, because string) bool {
	keep := func(why Why, reason string, due time.Time) bool {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Move, Part: g.scope, Rule: r.name, Why: why, Reason: reason, Due: due})
		return false
	}
	class := c.m.StorageClass
	source, rest := parts(class)
	bytes := Size(c.m)
	switch {
	case g.scope == AllParts && coldness(g.to) > 0 && coldness(source) > coldness(g.to):
		return keep(Doubt, fmt.Sprintf("its source file is in %s, which is colder than %s", source, g.to), time.Time{})
	case g.scope == SourcePart && rest != "Standard":
		return keep(Doubt, wholeIn(class), time.Time{})
	}
	if g.scope == SourcePart {
		file, ok := r.sourceFile(c, v, g, because)
		if !ok {
			return false
		}
		because, bytes = file.Reason, file.Bytes
	}
	leaves := source
	if leaves == g.to { // the source file stays where it is; the rest is in Standard
		leaves = rest
	}
	switch due, why := r.tooEarly(c, leaves); {
	case why != "" && due.IsZero():
		return keep(Doubt, why, due)
	case why != "":
		return keep(Young, why, due)
	}
	v.Items = append(v.Items, Item{ID: v.ID, Kind: Move, Part: g.scope, To: g.to, Early: r.early, Bytes: bytes, Rule: r.name, Reason: because})
	return true
}

func wholeIn(class string) string {
	return fmt.Sprintf("the whole asset is in %s, and VOD tells one class of an asset only", class)
}

// sourceFile says what moving the source file moves. One that becomes unreadable needs
// streams that stand in for it, as if it were removed.
func (r *mover) sourceFile(c *facts, v *Verdict, g rung, because string) (Item, bool) {
	if !readable(g.to) {
		as, would := removal{name: r.name, source: &r.need}, Verdict{ID: v.ID}
		as.takeSource(c, &would, because)
		v.Keeps = append(v.Keeps, would.Keeps...)
		if len(would.Items) == 0 {
			return Item{}, false
		}
		return would.Items[0], true
	}
	switch src := c.m.Source; {
	case src == nil || src.Status == "":
		c.doubt(v, Keep{Kind: Source, Rule: r.name, Reason: "the library did not tell about the source file"}, "source")
	case src.Status == "Normal":
		return Item{Bytes: told(cmp.Or(src.Size, c.m.Size)), Reason: because}, true
	case !src.Gone():
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Source, Rule: r.name, Why: Doubt, Reason: fmt.Sprintf("source file has status %q", src.Status)})
	}
	return Item{}, false
}

// tooEarly says that the minimum time of the class that the asset would leave is not over,
// or not known to be.
func (r *mover) tooEarly(c *facts, class string) (due time.Time, why string) {
	least := minimum[class]
	if r.early || least == 0 {
		return time.Time{}, ""
	}
	entered := c.entered()
	switch over := entered.Add(least); {
	case entered.IsZero():
		return time.Time{}, fmt.Sprintf("since when it is in %s is not known: no move of ours put it there; early: true moves it all the same", class)
	case c.at.Now.Before(over):
		return over, fmt.Sprintf("in %s since %s, charged for %s at least", class, entered.UTC().Format(time.DateOnly), days(least))
	}
	return time.Time{}, ""
}

// entered is when a move of ours put the asset into the class in which it is; zero: none
// did, or nobody knows.
func (c *facts) entered() time.Time {
	if c.at.Entered == nil {
		return time.Time{}
	}
	to, at, ok := c.at.Entered(c.m.ID)
	if source, _ := parts(c.m.StorageClass); !ok || to != source {
		return time.Time{}
	}
	if at.After(c.at.Now) { // the end of the hour in which a run found it there
		return c.at.Now
	}
	return at
}
