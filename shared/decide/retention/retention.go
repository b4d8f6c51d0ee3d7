// Package retention chooses what may leave the library: a policy, one asset and
// a moment go in; items to remove and reasons to keep come out.
//
// It refuses to guess. A missing fact, an expression that fails, an unreadable
// date: each keeps. Holds are asked over everything the rules chose, so no
// order of rules can beat them. The zero policy removes nothing, and a policy
// file that is empty, catches everything or has no bound is refused as a whole.
// It knows no clock, no network and no log: the same input gives the same plan.
//
// To change it: a reason to keep is a Why below, given in judge.go (holds in holds.go, and in
// recheck.go for what is read again before it goes); a key of the policy is in policy.go and
// policy.schema.json.
//
// # Why
//
// A policy may not ask for origin: the read right before a removal does not tell it, so such
// a rule would remove nothing; merged from the search, it would never fit the fingerprint.
//
// Uploaded images that no video uses are not removed: no call tells whether something uses an
// image, so it could not be asked again just before the image goes, and a list of covers
// from the night is hours old.
//
// An asset that is Normal without any stream, or with an OD stream, is played by its source:
// BatchGetMediaInfos never tells the transcode mode, and as unknown such assets could never
// be counted among the newest.
//
// The holds of a policy are its own, and one that leaves out the built-in holds is warned
// about: a policy is its owner's word, and an owner may want to remove what is tagged "keep".
//
// The percentage guard is of assets that play, and at least of those listed: of all, 1,200
// empty uploads let 60 of 60 videos go. A superseded transcode may be up to 5 % richer in
// bitrate than the newer one of the same height, since two encodings of one picture differ
// by that much.
//
// Grace counts the nights in which a plan listed an item, whatever happened to the asset in
// between and whichever rule takes it now: for so long people could see that it is to go.
// Beginning anew with each change was turned down: what is edited often would never go, and
// nobody would see why. Within an hour of our own call a modification counts as ours only
// where all streams and the source are what the plan saw, since VOD does not document what
// moves that time; keeping all of an asset after the first call for a part of it would leave
// the rest of a killed run to the next plan.
package retention

import (
	"cmp"
	"slices"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Kind says which part of a media an item takes.
type Kind string

// The parts that can be taken, smallest first: parts go before wholes. Move takes nothing:
// it changes the storage class, and stands in plans of the duty Moving only.
const (
	Stream Kind = "stream" // one transcoded stream; Part is its job
	Source Kind = "source" // the uploaded file; the media goes on playing
	Images Kind = "images" // snapshots taken of the video; Part is their type
	Whole  Kind = "video"  // the media with everything that belongs to it
	Move   Kind = "move"   // Part is its scope, AllParts or SourcePart; To is the class
)

// The scopes of a Move.
const (
	AllParts   = "all"
	SourcePart = "source"
)

// Duty says what a plan does to what it lists. A policy file with rules of both kinds makes
// two policies, and each night two plans, which are approved, guarded and run apart.
type Duty string

// The duties.
const (
	Removing Duty = ""     // it leaves the library
	Moving   Duty = "move" // it gets another storage class
)

// Unknown is the size of what the library does not tell the size of. It counts
// as too much wherever bytes are limited.
const Unknown int64 = -1

// Item is one thing that would go, and why.
type Item struct {
	ID     video.ID `json:"id"`
	Kind   Kind     `json:"kind"`
	Part   string   `json:"part,omitempty"`
	Bytes  int64    `json:"bytes"` // Unknown: not told
	Rule   string   `json:"rule"`
	Reason string   `json:"reason"`
	To     string   `json:"to,omitempty"`    // of a Move: the storage class
	Early  bool     `json:"early,omitempty"` // of a Move: also before the minimum time of the class is over
}

// Same says that two items take the same thing, whatever their reasons.
func (i Item) Same(other Item) bool {
	return i.ID == other.ID && i.Kind == other.Kind && i.Part == other.Part
}

// Keep is one thing that a rule looked at and left, and why.
type Keep struct {
	ID     video.ID  `json:"id"`
	Kind   Kind      `json:"kind,omitempty"` // empty: the media with all its parts
	Part   string    `json:"part,omitempty"`
	Rule   string    `json:"rule,omitempty"`
	Why    Why       `json:"why"`
	Reason string    `json:"reason"`
	Due    time.Time `json:"due,omitzero"` // when age alone would let it go
	// Missing names the facts that were unknown, such as duration or streams[1].height.
	Missing []string `json:"missing,omitempty"`
}

// Why groups the reasons to keep.
type Why string

// The groups of reasons to keep.
const (
	Held      Why = "held"       // a hold forbids it
	Protected Why = "keep rule"  // a keep rule of the policy covers it
	Young     Why = "young"      // the age limit is not reached
	Doubt     Why = "doubt"      // a fact is missing or contradicts another
	Needed    Why = "needed"     // something would no longer play
	Grace     Why = "grace"      // it is listed as leaving and its days are not over
	InQuota   Why = "in quota"   // the quota is met without it
	Unread    Why = "unreadable" // the library refused to tell about it
	Leaving   Why = "leaving"    // something removes it, so it is not moved
)

// Inputs is what a decision knows besides the media: the time of the event that
// asked, and what lies outside the library. A zero Held, Viewed or Imaged says nothing.
type Inputs struct {
	Now    time.Time
	Held   map[video.ID]string                 // ids of the hold list (HeldID), with a note each
	Viewed func(id video.ID) (time.Time, bool) // last view; false: not known
	// NewestView is the latest view of the usage file (Usage.Newest).
	NewestView time.Time
	Above      map[int64]int64                     // the parent of each category; of those at the top -1
	Imaged     func(id video.ID, kind string) bool // images of that type were removed before
	// Entered tells the last move of ours: into which class, and when it had come there.
	Entered func(id video.ID) (class string, at time.Time, ok bool)
	// Leaving says why a plan removes the asset; empty: none does. For moves only.
	Leaving func(id video.ID) string
}

// Verdict is what a policy says of one media. Newest and Claims wait for the
// whole library to be seen: Policy.Settle turns them into items or keeps, and
// leaves Newest where items go out of a group.
type Verdict struct {
	ID       video.ID  `json:"id"`
	Title    string    `json:"title,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Modified time.Time `json:"modified,omitzero"`
	Seen     string    `json:"seen"` // fingerprint of what the decision saw
	Class    string    `json:"class,omitempty"`
	Category string    `json:"category,omitempty"` // its name, for people; plans made before it was kept do not tell
	Entered  time.Time `json:"entered,omitzero"`   // when a move of ours put it into Class; zero: unknown
	// Parts are fingerprints of the streams, by job, and of the source. Only where parts
	// go: calls for them may modify what stays of the asset.
	Parts  map[string]string `json:"parts,omitempty"`
	Items  []Item            `json:"items,omitempty"`
	Keeps  []Keep            `json:"keeps,omitempty"`
	Newest []Group           `json:"newest,omitempty"`
	Claims []Claim           `json:"claims,omitempty"`
}

// InClass is how long the asset has been in its storage class. Where no move of ours tells,
// a removal counts from the upload: most assets stay in the class they came in. For a move
// out of a class that would be a guess against the owner, so it is below 0, unknown.
func (v Verdict) InClass(now time.Time) time.Duration {
	switch moves := slices.ContainsFunc(v.Items, func(i Item) bool { return i.Kind == Move }); {
	case !v.Entered.IsZero():
		return now.Sub(v.Entered)
	case moves:
		return -1
	}
	return now.Sub(v.Created)
}

// Empty says that no rule looked at the media.
func (v Verdict) Empty() bool {
	return len(v.Items) == 0 && len(v.Keeps) == 0 && len(v.Claims) == 0
}

// Has says that the verdict takes the item, now or once the library is counted.
func (v Verdict) Has(item Item) bool {
	return slices.ContainsFunc(v.Items, item.Same) ||
		slices.ContainsFunc(v.Claims, func(c Claim) bool { return item.Same(c.Item) })
}

// Order is how verdicts, and with them plans, are sorted: oldest first, then by id.
func Order(a, b Verdict) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// Judge says what the policy takes of one media and what it leaves. The media is
// not touched, and a nil or zero policy takes nothing.
func (p *Policy) Judge(m video.Media, at Inputs) Verdict {
	v := Verdict{ID: m.ID, Title: m.Title, Category: m.CategoryName, Created: m.Created, Modified: m.Modified, Class: m.StorageClass, Seen: Seen(m)}
	if p == nil || m.ID == "" {
		return v
	}
	c := newCase(m, at)
	v.Entered = c.entered()
	if p.Duty == Moving {
		p.judgeMoves(c, &v)
	} else {
		p.judgeRemovals(c, &v)
	}
	if c.unsure {
		p.unclaim(&v)
	}
	if len(v.Items) == 0 && len(v.Claims) == 0 {
		return v
	}
	p.protect(c, &v)
	wholesOnly(&v)
	v.Parts = v.prints(m)
	return v
}

func (p *Policy) judgeRemovals(c *facts, v *Verdict) {
	sources := make([]string, len(p.rules))
	for i, r := range p.rules {
		sources[i] = r.judge(c, v)
	}
	for i, r := range p.rules {
		if sources[i] != "" {
			r.takeSource(c, v, sources[i])
		}
	}
	for i, q := range p.quotas {
		q.judge(c, v, i)
	}
}

// protect asks the holds and then the keep rules about everything chosen so far.
// It only ever takes items away.
func (p *Policy) protect(c *facts, v *Verdict) {
	if fact := disputed(c.m); fact != "" {
		v.drop("", Doubt, fact, c.m.Doubts...)
		return
	}
	if why, reason := p.holds.held(c.m, c.at); reason != "" {
		v.drop("", why, reason)
		return
	}
	for i, k := range p.keeps {
		why, reason, missing := p.covers(i, k, c, v)
		if why != "" {
			v.drop(k.name, why, reason, missing...)
			return
		}
	}
}

// covers says why a keep rule protects the asset, or may; empty: it does not, or it
// waits for the whole library (Verdict.Newest).
func (p *Policy) covers(i int, k keepRule, c *facts, v *Verdict) (why Why, reason string, missing []string) {
	covered, missing, unknown := k.when.ask(c)
	switch {
	case covered == rule.No:
		return "", "", nil
	case covered == rule.Unknown:
		return Doubt, "keep rule cannot be evaluated: " + unknown, missing
	case k.newest > 0:
		return p.newest(i, k, c, v)
	case k.within > 0:
		age, fact, doubt := c.age(k.since)
		switch {
		case doubt != "":
			return Doubt, doubt, []string{fact}
		case age > k.within:
			return "", "", nil
		}
		return Protected, within(k, age), nil
	}
	return Protected, "covered by a keep rule", nil
}

// newest lets the asset wait for its group to be counted. What does not play is of no
// group; what may play, or has no known time, is kept and of no group either.
func (p *Policy) newest(i int, k keepRule, c *facts, v *Verdict) (why Why, reason string, missing []string) {
	playable, unknown := Playable(c.m)
	switch {
	case playable == rule.No:
		return "", "", nil
	case !isTold(c.m.Created, c.at.Now):
		return Doubt, "upload time unknown, so it may be among the newest", []string{"uploaded"}
	case playable == rule.Unknown:
		return Doubt, "whether it plays is not known, so it may be among the newest: " + unknown, []string{"playable"}
	}
	v.Newest = append(v.Newest, Group{Rule: i, Key: k.group(c.m)})
	return "", "", nil
}

// drop keeps the whole media after all.
func (v *Verdict) drop(rule string, why Why, reason string, missing ...string) {
	v.Items, v.Claims, v.Newest = nil, nil, nil
	v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: rule, Why: why, Reason: reason, Missing: missing})
}

// wholesOnly drops the parts of a media that goes as a whole, sorts the rest in
// the order in which parts leave, and lets the first rule keep the credit.
func wholesOnly(v *Verdict) {
	if i := slices.IndexFunc(v.Items, func(i Item) bool { return i.Kind == Whole }); i >= 0 {
		v.Items, v.Claims = v.Items[i:i+1:i+1], nil
		return
	}
	rank := func(k Kind) int { return slices.Index([]Kind{Stream, Source, Images}, k) }
	slices.SortStableFunc(v.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.Part, b.Part))
	})
	v.Items = slices.CompactFunc(v.Items, Item.Same)
}
