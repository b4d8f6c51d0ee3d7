// Package removal has the formats and readers of everything that a removal leaves under
// STATE: plans and their lines, approvals and withdrawals, the ledger and its check points,
// halts, runs, what was set aside, and images that are gone.
//
// # Why
//
// Check points of the ledger are written by a person's credentials only: a function that
// could write them could hide what it removed. Images that were removed are remembered by
// the ledger for good, since VOD tells of covers only; ListSnapshots would cost a call for
// each asset.
//
// A plan is of a clock that ran ahead when one written later is for a moment half a day
// earlier: the order of writing depends on no clock, and half a day is more than two runs of
// one night differ. The time of the run is no measure: it is the clock that ran ahead.
package removal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Plan is the head of a plan: what it covers, what it would remove in sum, and
// the parts that list it item by item. Two plans of the same library, policy and
// time are the same bytes.
type Plan struct {
	Version int    `json:"version"`
	ID      string `json:"id"`   // its time and the beginning of its hash
	Hash    string `json:"hash"` // of this head without ID and Hash; parts are in it by their hashes

	Created time.Time `json:"created"` // the event's time: ages are counted to it
	Expires time.Time `json:"expires"`
	video.Scope
	Policy string `json:"policy"` // hash of the policy file
	// Duty is what the plan does to its items.
	Duty retention.Duty `json:"duty,omitempty"`

	Library Library          `json:"library"`
	Guards  retention.Guards `json:"guards"`
	Over    []string         `json:"over,omitempty"` // guards that the plan is over, so that it would not run
	Totals
	Rules []RuleTotals          `json:"rules,omitempty"`
	Moves []MoveTotals          `json:"moves,omitempty"` // what it moves, by what one call can ask for
	Kept  map[retention.Why]int `json:"kept,omitempty"`
	Near  []retention.Keep      `json:"near,omitempty"` // the nearest of what stays
	// Warnings says what of the policy may surprise its owner, and which of its
	// protections protect nothing.
	Warnings     []string `json:"warnings,omitempty"`
	Odd          []string `json:"odd,omitempty"`     // media that are set aside, each with its fault; of many the first
	Biggest      []Big    `json:"biggest,omitempty"` // the ten biggest items
	Work         Work     `json:"work"`
	Saving       *Saving  `json:"saving,omitempty"`
	Chunks       []Chunk  `json:"parts,omitempty"`
	Pending      []Chunk  `json:"leaving,omitempty"` // items in their grace
	PendingItems int      `json:"shelf,omitempty"`   // how many those are
	Soon         Soon     `json:"soon,omitzero"`     // the first of them that go

	Survivors []Chunk `json:"standing,omitempty"` // what stays for the groups of the newest out of which something goes
}

// Soon says on which day the first of the items in their grace go if they still
// match, and how many go on that day.
type Soon struct {
	Day   time.Time `json:"day"`
	Items int       `json:"items"`
}

// Add counts an item that goes on a day.
func (s *Soon) Add(day time.Time) {
	switch day = day.UTC().Truncate(24 * time.Hour); {
	case s.Items == 0 || day.Before(s.Day):
		s.Day, s.Items = day, 1
	case day.Equal(s.Day):
		s.Items++
	}
}

// Library is what was read of the library.
type Library struct {
	Media  int `json:"media"`
	Unread int `json:"unread"` // refused or gone while reading: kept
	// Complete is how many media people can play. Plans made before these were counted
	// do not say so in Counted.
	Complete int  `json:"complete,omitempty"`
	Counted  bool `json:"counted,omitempty"`

	Bytes int64 `json:"bytes"` // of what tells its size
}

// Base is the whole of which a guard takes a percentage: the media that people can
// play, so that uploads of which no byte ever came make no room, or what the plan
// lists, if that is more. For a plan made before these were counted it is all media.
func (p Plan) Base() int {
	if p.Library.Counted {
		return max(p.Library.Complete, p.Media)
	}
	return p.Library.Media
}

// Unreadable is how many assets nobody can play any more once the plan is applied, until they are
// restored.
func (p Plan) Unreadable() (n int) {
	for _, m := range p.Moves {
		if (retention.Item{Kind: retention.Move, Part: m.Scope, To: m.To}).MakesUnreadable() {
			n += m.Media
		}
	}
	return n
}

// SelfApproved says that the policy lets the plan be applied without a person. Assets that
// nobody can view afterwards are for a person to look at, whatever it says.
func (p Plan) SelfApproved(policy *retention.Policy) bool {
	return policy != nil && policy.SelfApproving && p.Unreadable() == 0
}

// Totals sum up items. Bytes counts what tells its size, Unknown what does not.
type Totals struct {
	Media   int   `json:"media"`
	Items   int   `json:"items"`
	Bytes   int64 `json:"bytes"`
	Unknown int   `json:"unknown"`
}

// Add counts the items of one media.
func (t *Totals) Add(items ...retention.Item) {
	if len(items) > 0 {
		t.Media++
	}
	for _, i := range items {
		t.Items++
		if i.Bytes == retention.Unknown {
			t.Unknown++
		} else {
			t.Bytes += i.Bytes
		}
	}
}

// RuleTotals are the totals of one rule and kind.
type RuleTotals struct {
	Rule string         `json:"rule"`
	Kind retention.Kind `json:"kind"`
	Totals
	Money *retention.Money `json:"money,omitempty"` // nil: the policy has no prices
}

// MoveTotals are the totals of the moves to one class, of whole assets or of source files.
type MoveTotals struct {
	To    string `json:"to"`
	Scope string `json:"scope"`
	Early bool   `json:"early,omitempty"`
	Totals
}

// Compare orders them by class, scope, and early last.
func (m MoveTotals) Compare(o MoveTotals) int {
	early := map[bool]int{true: 1}
	return cmp.Or(cmp.Compare(m.To, o.To), cmp.Compare(m.Scope, o.Scope), cmp.Compare(early[m.Early], early[o.Early]))
}

// Big is an item with the title of its media.
type Big struct {
	retention.Item
	Title string `json:"title,omitempty"`
}

// Work is what applying the plan costs at the documented rates.
type Work struct {
	Reads   int     `json:"reads"`
	Deletes int     `json:"deletes"` // calls that remove, or that ask for moves
	Minutes float64 `json:"minutes"`
}

// Saving is an estimate by the policy's prices.
type Saving struct {
	Currency string `json:"currency,omitempty"`
	retention.Money
}

// Chunk is one object with lines of the plan, named by the hash of its bytes.
type Chunk struct {
	Hash  string `json:"hash"`
	Lines int    `json:"lines"`
}

func (p Chunk) key() string { return "parts/" + p.Hash + ".jsonl" }

// Pending is an item in its grace: it matched on Days days since it was first
// listed, and goes at the first plan at or after Due on which Days is enough.
type Pending struct {
	retention.Item
	Title   string    `json:"title,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Since   time.Time `json:"since"` // when it was first listed
	Last    time.Time `json:"last"`  // when it last matched
	Days    int       `json:"days"`  // days after Since on which it matched
	Due     time.Time `json:"due"`
}

// Goes says when the item can go at the earliest, on a night planned for now.
func (l Pending) Goes(now time.Time, grace time.Duration) time.Time {
	left := grace/(24*time.Hour) - time.Duration(l.Days)
	if at := now.Add(left * 24 * time.Hour); at.After(l.Due) {
		return at
	}
	return l.Due
}

// Lines writes parts: lines are gathered to a megabyte, so that neither writer
// nor reader holds a whole plan.
type Lines struct {
	Objects state.Objects
	Written []Chunk

	body  bytes.Buffer
	lines int
}

const partSize = 1 << 20

// Add writes one line.
func (l *Lines) Add(ctx context.Context, line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	l.body.Write(text)
	l.body.WriteByte('\n')
	l.lines++
	if l.body.Len() < partSize {
		return nil
	}
	return l.Flush(ctx)
}

// Flush writes what is gathered. A part that is there already is the same part.
func (l *Lines) Flush(ctx context.Context) error {
	if l.lines == 0 {
		return nil
	}
	part := Chunk{state.Digest(l.body.Bytes()), l.lines}
	if err := l.Objects.Create(ctx, part.key(), bytes.Clone(l.body.Bytes())); err != nil && !errors.Is(err, state.ErrExists) {
		return err
	}
	l.Written = append(l.Written, part)
	l.body.Reset()
	l.lines = 0
	return nil
}

// ReadLines gives the lines of the parts in order. Each part is checked before
// its first line is given.
func ReadLines[T any](ctx context.Context, o state.Objects, parts []Chunk) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for _, part := range parts {
			body, err := o.Read(ctx, part.key())
			if err == nil && state.Digest(body) != part.Hash {
				err = fmt.Errorf("part %.8s: %w", part.Hash, state.ErrCorrupt)
			}
			if err != nil {
				yield(zero, err)
				return
			}
			for line := range bytes.Lines(body) {
				var v T
				if err := json.Unmarshal(line, &v); err != nil {
					yield(zero, fmt.Errorf("part %.8s: %w: %w", part.Hash, state.ErrCorrupt, err))
					return
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// Seal gives the plan its version, hash and id.
func (p *Plan) Seal() error {
	p.Version, p.ID, p.Hash = state.RecordVersion, "", ""
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	p.Hash = state.Digest(text)
	p.ID = state.Stamp(p.Created) + "-" + p.Hash[:8]
	return nil
}

func planKey(id string) string { return "plans/" + id + ".json" }

// WritePlan writes a sealed plan. One that is there already is the same plan.
func WritePlan(ctx context.Context, o state.Objects, p Plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := noteWritten(ctx, o, p.ID); err != nil {
		return err
	}
	if err := o.Create(ctx, planKey(p.ID), text); err != nil && !errors.Is(err, state.ErrExists) {
		return err
	}
	_, err = ReadPlan(ctx, o, p.ID)
	return err
}

// ReadPlan reads the head of a plan and refuses one that is not as it was written.
func ReadPlan(ctx context.Context, o state.Objects, id string) (Plan, error) {
	var p Plan
	text, err := state.ReadRecord(ctx, o, planKey(id), &p)
	if err != nil {
		return Plan{}, err
	}
	sealed := p
	if err := sealed.Seal(); err != nil || sealed.Hash != p.Hash || sealed.ID != id {
		return Plan{}, fmt.Errorf("plan %s: %w", id, state.ErrCorrupt)
	}
	if canonical, err := json.Marshal(sealed); err != nil || !bytes.Equal(canonical, text) {
		return Plan{}, fmt.Errorf("plan %s: %w", id, state.ErrCorrupt)
	}
	return p, nil
}

// Plans gives the ids of the plans made after a time, oldest first. Objects whose names
// are not those of plans are skipped.
func Plans(ctx context.Context, o state.Objects, after time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range state.Named(ctx, o, state.PlanPrefix, state.PlanPrefix+state.Stamp(after)) {
			if !yield(strings.TrimSuffix(strings.TrimPrefix(key, state.PlanPrefix), ".json"), err) || err != nil {
				return
			}
		}
	}
}

// Missed is how many nights have no plan between the one made before and this one,
// with half a day of leeway: clocks change, and people trigger by hand.
func (p Plan) Missed(before time.Time) int {
	return max(0, int((p.Created.Sub(before)-12*time.Hour)/(24*time.Hour)))
}

// Entries gives the plan's media with their items.
func (p Plan) Entries(ctx context.Context, o state.Objects) iter.Seq2[retention.Verdict, error] {
	return ReadLines[retention.Verdict](ctx, o, p.Chunks)
}

// Approval says that somebody wants a plan to be applied. It fits one plan only.
type Approval struct {
	Version int    `json:"version"`
	Plan    string `json:"plan"`
	Hash    string `json:"hash"`
	video.Scope
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
	First int       `json:"first,omitempty"` // only so many items of the plan, in its order; 0: all
}

// Approve writes an approval for the plan, or for its first items where first is not 0.
// A plan that is approved already stays approved as it was, and that is ErrExists; one
// that was withdrawn is ErrWithdrawn.
func Approve(ctx context.Context, o state.Objects, p Plan, by, note string, at time.Time, first int) (Approval, error) {
	if strings.TrimSpace(by) == "" {
		return Approval{}, fmt.Errorf("%w: an approval names who gives it", video.ErrInvalid)
	}
	if first < 0 || first > p.Items {
		return Approval{}, fmt.Errorf("%w: first %d items of plan %s, which lists %d", video.ErrInvalid, first, p.ID, p.Items)
	}
	a := Approval{state.RecordVersion, p.ID, p.Hash, p.Scope, by, at.UTC(), note, first}
	if err := checkWithdrawn(ctx, o, p.ID); err != nil {
		return Approval{}, err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return Approval{}, err
	}
	return a, o.Create(ctx, "approvals/"+p.ID+".json", text)
}

// ReadApproval reads the approval of a plan. None is video.ErrNotFound, and so is
// one that was withdrawn (ErrWithdrawn); one that does not fit the plan is ErrCorrupt.
func ReadApproval(ctx context.Context, o state.Objects, p Plan) (Approval, error) {
	if err := checkWithdrawn(ctx, o, p.ID); err != nil {
		return Approval{}, err
	}
	return readApproval(ctx, o, p)
}

// readApproval does not ask whether the plan was withdrawn.
func readApproval(ctx context.Context, o state.Objects, p Plan) (Approval, error) {
	var a Approval
	if _, err := state.ReadRecord(ctx, o, "approvals/"+p.ID+".json", &a); err != nil {
		return Approval{}, err
	}
	if want := (Approval{state.RecordVersion, p.ID, p.Hash, p.Scope, a.By, a.At, a.Note, a.First}); a != want || a.By == "" || a.First < 0 {
		return Approval{}, fmt.Errorf("approval of %s: %w", p.ID, state.ErrCorrupt)
	}
	return a, nil
}
