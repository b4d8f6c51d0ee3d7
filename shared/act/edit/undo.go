package edit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Run is one invocation as the journal tells it.
type Run struct {
	Name  string    `json:"run"`
	At    time.Time `json:"at"`
	Media int       `json:"media"` // how many it set out to write
	// Fields counts the assets of which each field was written; People and Rules those that
	// were written on behalf of each.
	Fields map[string]int `json:"fields,omitempty"`
	People int            `json:"people,omitempty"`
	Rules  int            `json:"rules,omitempty"`
}

// wrote counts what is written of one asset.
func (r *Run) wrote(m edits.EditedMedia) {
	if len(m.Marks) > 0 {
		r.People++
	} else {
		r.Rules++
	}
	_, parts := editing.OfUpdate(update(m.Set))
	for _, part := range parts {
		r.Fields[part]++
	}
}

// Runs lists the runs that can be taken back, oldest first. Entries that cannot be read are
// the error beside the other runs.
func Runs(ctx context.Context, o state.Objects) ([]Run, error) {
	var runs []Run
	place := map[string]int{}              // of a run
	of := map[string]int{}                 // the run of an entry
	times := map[int]map[editing.Key]int{} // by run: how often a media was written
	faults, err := entries(ctx, o, func(_ int, key string, e edits.Entry) {
		for _, s := range e.Settled {
			for _, k := range s.Void {
				if i, ok := of[s.Of]; ok {
					times[i][k]--
				}
			}
		}
		media := e.Written()
		if len(media) == 0 || e.Run == "" {
			return
		}
		i, ok := place[e.Run]
		if !ok {
			i = len(runs)
			place[e.Run], runs, times[i] = i, append(runs, Run{Name: e.Run, At: e.At, Fields: map[string]int{}}), map[editing.Key]int{}
		}
		of[key] = i
		for _, m := range media {
			times[i][m.Key()]++
			runs[i].wrote(m)
		}
	})
	for i := range runs {
		for _, n := range times[i] {
			runs[i].Media += min(n, 1)
		}
	}
	return runs, errors.Join(err, joined(faults))
}

// Reversal is what taking a run back comes to for one media: a Change, or an
// Outcome that says why there is none. Beside a Change its Reason names what is
// left out.
type Reversal struct {
	Change  video.Change  `json:"change,omitzero"`
	Outcome video.Outcome `json:"outcome,omitzero"`
	Part    bool          `json:"part,omitempty"`  // another field is not put back
	Asked   []edits.Asked `json:"asked,omitempty"` // who had asked for what is taken back: notes, which nobody has checked
}

// Batch names what is to be taken back: a run of the writer, or what was issued in a span
// of time, whichever runs wrote it.
type Batch struct {
	Run      string
	From, To time.Time // To is exclusive; both zero: the run
}

// String names the batch for people.
func (b Batch) String() string {
	if b.Run != "" {
		return "run " + b.Run
	}
	return "what was issued at " + b.From.UTC().Format(time.RFC3339Nano)
}

// of is the part of a write that belongs to the batch. mixed says that one write changed tags
// for others, too: which of both the list before was then, nobody can tell.
func (b Batch) of(run string, m edits.EditedMedia) (set, old video.Update, mixed bool) {
	set, old = update(m.Set), update(m.Old)
	if b.Run != "" {
		if run != b.Run {
			return video.Update{}, video.Update{}, false
		}
		return set, old, false
	}
	ours, others := map[string]bool{}, false
	for part, mark := range m.Marks {
		within := !mark.At.Before(b.From) && mark.At.Before(b.To)
		switch {
		case !editing.OfTags(part):
			ours[part] = within
		case part == "list": // it repeats one of the others
		case within:
			ours["tags"] = true
		default:
			others = true
		}
	}
	var mine, before video.Update
	for _, field := range fields {
		if ours[field] {
			mine, before = merge(mine, only(set, field)), merge(before, only(old, field))
		}
	}
	return mine, before, others && mine.Tags != nil
}

// asked are the notes of a write that belong to the batch.
func (b Batch) asked(m edits.EditedMedia) []edits.Asked {
	if b.Run != "" {
		return m.Asked
	}
	return slices.DeleteFunc(slices.Clone(m.Asked), func(a edits.Asked) bool { return a.At.Before(b.From) || !a.At.Before(b.To) })
}

// fields are those of an update.
var fields = []string{"title", "description", "category", "cover", "tags"}

// Undo says what takes a batch back. A field is put back only where the media still
// holds what the run wrote; where somebody has written since it is kept. The
// changes are issued now and refuse media that are modified after this reading.
// It writes nothing: whoever is the library's writer carries the changes out.
func Undo(ctx context.Context, library Library, o state.Objects, batch Batch, now time.Time) ([]Reversal, error) {
	type write struct {
		entry    string
		key      editing.Key
		set, old video.Update
		mixed    bool
		asked    []edits.Asked
	}
	type place struct {
		entry string
		media editing.Key
	}
	var wrote []write
	refused := map[place]bool{} // by the library
	first := math.MaxInt
	faults, err := entries(ctx, o, func(n int, key string, e edits.Entry) {
		for _, s := range e.Settled {
			for _, k := range s.Void {
				refused[place{s.Of, k}] = true
			}
		}
		for _, m := range e.Written() {
			if set, old, mixed := batch.of(e.Run, m); !set.Empty() {
				wrote = append(wrote, write{key, m.Key(), set, old, mixed, batch.asked(m)})
				first = min(first, n)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if err := batch.hidden(faults, first); err != nil {
		return nil, err
	}
	set, old, mixed := map[editing.Key]video.Update{}, map[editing.Key]video.Update{}, map[editing.Key]bool{}
	asked := map[editing.Key][]edits.Asked{}
	var keys []editing.Key
	for _, w := range wrote {
		k := w.key
		if refused[place{w.entry, k}] {
			continue
		}
		if _, ok := set[k]; !ok {
			keys = append(keys, k)
		}
		set[k] = merge(w.set, set[k]) // the last value that was written …
		old[k] = merge(old[k], w.old) // … over the first that was there
		mixed[k] = mixed[k] || w.mixed
		asked[k] = append(asked[k], w.asked...)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: %w: the journal holds nothing that it wrote", batch, video.ErrNotFound)
	}
	e, err := New(Config{Library: library})
	if err != nil {
		return nil, err
	}
	known := e.read(ctx, keys, nil)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reversals := make([]Reversal, len(keys))
	for i, k := range keys {
		reversals[i] = reverse(k, heldOf(known, k), set[k], old[k], mixed[k], now)
		reversals[i].Asked = asked[k]
	}
	return reversals, nil
}

// heldOf is what a media holds; one that was not read waits.
func heldOf(known map[editing.Key]editing.Known, k editing.Key) editing.Known {
	held, ok := known[k]
	if !ok {
		held.Err = video.ErrDeferred
	}
	return held
}

func reverse(k editing.Key, known editing.Known, set, old video.Update, mixed bool, now time.Time) Reversal {
	stop := func(result video.Result, reason string, err error) Reversal {
		return Reversal{Outcome: video.Outcome{ID: k.ID, Result: result, Reason: reason, Err: err}}
	}
	if known.Err != nil {
		return stop(video.ResultOf(known.Err), known.Err.Error(), known.Err)
	}
	c := video.Change{ID: k.ID, IssuedAt: now.UTC(), IfUnmodifiedSince: known.Value.Modified}
	if k.Image {
		c.Kind = video.KindImage
	}
	var back video.Update
	var changed []string
	for _, name := range fields {
		wrote, before := only(set, name), only(old, name)
		switch {
		case wrote.Empty() || editing.Holds(known.Value, before):
		case name == "tags" && mixed: // one write was for others, too
			changed = append(changed, name)
		case editing.Holds(known.Value, wrote):
			back = merge(back, before)
		default:
			changed = append(changed, name)
		}
	}
	since := strings.Join(changed, ", ") + " changed since"
	if c.Set, c.Tags.Set = back.Fields, back.Tags; !c.Empty() {
		r := Reversal{Change: c, Outcome: video.Outcome{ID: k.ID}}
		if r.Part = len(changed) > 0; r.Part {
			r.Outcome.Reason = since
		}
		return r
	}
	if len(changed) > 0 {
		return stop(video.Kept, since, nil)
	}
	return stop(video.Unchanged, "is as it was before the run", nil)
}

// only is the update without its other fields.
func only(u video.Update, field string) video.Update {
	var one video.Update
	switch field {
	case "title":
		one.Title = u.Title
	case "description":
		one.Description = u.Description
	case "category":
		one.Category = u.Category
	case "cover":
		one.Cover = u.Cover
	case "tags":
		one.Tags = u.Tags
	}
	return one
}

// entries reads the whole journal. What cannot be read is passed over, and is the error; the
// number of each goes up by one.
func entries(ctx context.Context, o state.Objects, each func(n int, key string, e edits.Entry)) (faults map[int]error, err error) {
	keys, err := edits.LogEntries(ctx, o, "")
	if err != nil {
		return nil, err
	}
	faults = map[int]error{}
	for n, key := range keys {
		switch e, err := edits.ReadEntry(ctx, o, key); {
		case err == nil:
			each(n, key, e)
		case errors.Is(err, state.ErrCorrupt):
			faults[n] = err
		default:
			return nil, err
		}
	}
	return faults, nil
}

// hidden refuses a batch that entries which cannot be read may belong to, or lie behind. first is
// its first entry, or the largest number where none is known; the one just before it may be a part of it.
func (b Batch) hidden(faults map[int]error, first int) error {
	for n := range faults {
		if first == math.MaxInt || n >= first-1 {
			return fmt.Errorf("%s: what was written then or since is not known, so nothing is put back; vodctl state check names what to restore from a copy: %w", b, joined(faults))
		}
	}
	return nil
}

// joined are all the faults, in their order.
func joined(faults map[int]error) error {
	var all []error
	for _, n := range slices.Sorted(maps.Keys(faults)) {
		all = append(all, faults[n])
	}
	return errors.Join(all...)
}

// merge fills the fields that first leaves alone with second's.
func merge(first, second video.Update) video.Update {
	pick := func(a, b *string) *string {
		if a != nil {
			return a
		}
		return b
	}
	first.Title = pick(first.Title, second.Title)
	first.Description = pick(first.Description, second.Description)
	first.Cover = pick(first.Cover, second.Cover)
	if first.Category == nil {
		first.Category = second.Category
	}
	if first.Tags == nil {
		first.Tags = second.Tags
	}
	return first
}

func update(v edits.Values) video.Update { return video.Update{Fields: v.Fields, Tags: v.Tags} }
