// Package edit carries out a batch of metadata changes: it reads the assets, lets
// decide/editing fold the changes, remembers in the journal what it is about to
// do, writes the difference, and says for every change what came of it.
//
// n assets cost ⌈n/20⌉ reads and the m that differ ⌈m/20⌉ writes. Reading goes on
// while what was read before is written, and the journal learns of each write as it
// ends, so who takes over from a killed Editor does little of it again. A write
// whose outcome is unknown is settled by reading again. An Editor is meant to be the
// library's only writer: the journal notices a second one, but nothing can keep
// two writers' calls to the library apart.
//
// It queues nothing, repeats nothing that failed and acknowledges nobody.
//
// # Why
//
// The journal gets an entry for each group of assets and not for each batch: a killed batch
// goes on where it was, and 100,000 messages with a kill every 5 s cost 1.33 of the least
// calls in place of 1.41. Batches are of up to 5,000: 80 ms between two batches cost 7 % of
// VOD's rate with 1,000 and 4 % with 5,000; 600 would be 0.2 s quicker at half the rate and
// 10 % slower in a backlog.
package edit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Library is what editing needs of the library. Each call takes at most
// video.MaxBatch and answers one entry per input, in the order given.
type Library interface {
	Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error)
	Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error)
	Update(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
	UpdateImages(ctx context.Context, updates []video.Update) ([]video.Outcome, error)
}

// Config is what an Editor is made of.
type Config struct {
	Library Library // required
	// State keeps watermarks and old values. Without it the order of issue holds
	// within a batch only, and nothing can be taken back.
	State state.Objects
	// Remove takes replaced objects of the journal away; nil: they stay until the operator
	// removes them.
	Remove func(ctx context.Context, key string) error
	// Follows says that the journal is another Editor's. This one only reads it, so it can
	// do no more than report.
	Follows bool
	// Reserve is how long before the deadline of the context the last call may
	// begin; default: a fifth of the time there is, at most 15 s.
	Reserve time.Duration
	// Parallel is how many reads and how many writes are under way together, default
	// 4: enough for 30 calls a second of 130 ms each, and it is also what a killed
	// Editor leaves half done.
	Parallel int
	Log      *slog.Logger
	Rules    Rules // without Rules.Read a Retag is refused
}

// Editor carries out batches, one after the other.
type Editor struct {
	c       Config
	turn    chan struct{} // holds one token: whose turn it is
	journal *edits.Journal
	warm    bool // a batch was carried out before
}

// New checks and fills the configuration. It makes no call.
func New(c Config) (*Editor, error) {
	if c.Library == nil {
		return nil, fmt.Errorf("edit: %w: no library", video.ErrInvalid)
	}
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Editor{c: c, turn: make(chan struct{}, 1)}
	switch {
	case c.State == nil:
	case c.Follows:
		e.journal = edits.NewReader(c.State)
	default:
		e.journal = edits.NewJournal(c.State, c.Remove)
	}
	return e, nil
}

// Edit carries out a batch and returns one outcome for each change, in the order
// given. run names the batch in the journal. What there was no time for, by the deadline
// or video.BeginBefore, is Deferred: nothing was done about it. An error means that the journal could not
// be used; nothing was written then that it does not know of, and doing the whole
// batch again is safe.
func (e *Editor) Edit(ctx context.Context, run string, changes []video.Change) ([]video.Outcome, error) {
	items := make([]Item, len(changes))
	for i, c := range changes {
		items[i].Change = c
	}
	results, err := e.Do(ctx, run, items)
	if err != nil {
		return nil, err
	}
	outcomes := make([]video.Outcome, len(results))
	for i, r := range results {
		outcomes[i] = r.Outcome
	}
	return outcomes, nil
}

// Do is Edit for changes and for assets over which rules are to be run. Each asset is
// read once: the rules decide on what people's changes of the batch leave, and both go
// into one write. People win over rules, whatever the order.
func (e *Editor) Do(ctx context.Context, run string, items []Item) ([]Result, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	start, whole := time.Now(), e.stop(ctx) // whole is what compaction may use: nobody's call waits for it
	stop := whole
	if begin, ok := video.LastBegin(ctx); ok && (stop.IsZero() || begin.Before(stop)) {
		stop = begin
	}
	b := batch{run: run, items: items, until: stop}
	if slices.ContainsFunc(items, func(i Item) bool { return i.Retag != nil }) {
		b.rules, b.noRules = e.readRules(ctx)
	}
	results, refused, err := e.pass(ctx, b)
	if err != nil {
		return nil, err
	}
	if err := e.oneByOne(ctx, b, refused, results); err != nil {
		return nil, err
	}
	e.compact(ctx, whole, time.Since(start), stop.Equal(whole))
	return results, nil
}

// oneByOne does again what the library refused of a batch: it refuses the fold of an asset
// as a whole, and which of several changes is to blame shows when they go one by one.
func (e *Editor) oneByOne(ctx context.Context, b batch, refused map[editing.Key]bool, results []Result) error {
	items := b.items
	for _, round := range apart(items, refused) {
		some := make([]Item, len(round))
		for n, i := range round {
			some[n], results[i] = items[i], Result{Outcome: deferred(items[i].key().ID)}
		}
		if ctx.Err() != nil || !b.until.IsZero() && !time.Now().Before(b.until) {
			continue
		}
		b.items = some
		again, _, err := e.pass(ctx, b)
		if err != nil {
			return err
		}
		for n, i := range round {
			results[i] = again[n]
		}
	}
	return nil
}

// readRules reads the rules that a batch keeps.
func (e *Editor) readRules(ctx context.Context) (*tagging.Rules, error) {
	if e.c.Rules.Read == nil {
		return nil, fmt.Errorf("%w: no rules are set up here", video.ErrInvalid)
	}
	rules, err := e.c.Rules.Read(ctx)
	if err != nil { // a file with mistakes is mended, and the batch comes again
		return nil, fmt.Errorf("%w: rules: %w", video.ErrTransient, err)
	}
	return rules, nil
}

// key is the asset that an item is about.
func (i Item) key() editing.Key {
	if i.Retag != nil {
		return editing.Key{ID: i.Retag.ID, Image: i.Retag.Kind == video.KindImage}
	}
	return editing.KeyOf(i.Change)
}

// A batch gives the journal a tenth of its own time, in these bounds, so that none waits
// long for the one before; only a journal that is far behind gets what there is.
const (
	leastSpare = 50 * time.Millisecond
	mostSpare  = 2 * time.Second
	shardsOnce = 64
)

// compact uses the time that is left to bring the journal further; of a batch in a hurry
// no more than its tenth.
func (e *Editor) compact(ctx context.Context, stop time.Time, took time.Duration, leisure bool) {
	if e.journal == nil || e.c.Follows {
		return
	}
	if !e.warm {
		// The first batch has waited for the start already. But where each process gets one
		// batch nobody else brings the journal further.
		if e.warm = true; !e.journal.Behind() {
			return
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !stop.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, stop)
		defer cancel()
	}
	until := time.Now().Add(min(max(took/10, leastSpare), mostSpare))
	for more := true; more && (time.Now().Before(until) || leisure && e.journal.Behind()); {
		var err error
		if more, err = e.journal.Compact(ctx, shardsOnce); err != nil { // the next batch goes on
			e.c.Log.WarnContext(ctx, "the journal was not compacted", slog.Any("error", err))
			return
		}
	}
}

// apart lists the items, as places in the batch, of media whose fold was refused
// although it was not of one change alone: in each round the next of every such
// media, in the order of issue.
func apart(items []Item, refused map[editing.Key]bool) [][]int {
	of := map[editing.Key][]int{}
	for i, item := range items {
		if k := item.key(); refused[k] && (item.Retag != nil || item.Change.Check() == nil) {
			of[k] = append(of[k], i)
		}
	}
	var rounds [][]int
	for _, places := range of {
		if len(places) == 1 {
			continue
		}
		slices.SortStableFunc(places, func(a, b int) int {
			if rules := items[a].Retag != nil; rules != (items[b].Retag != nil) { // rules come last
				return map[bool]int{true: 1, false: -1}[rules]
			}
			return editing.StampOf(items[a].Change).Compare(editing.StampOf(items[b].Change))
		})
		for r, i := range places {
			if r == len(rounds) {
				rounds = append(rounds, nil)
			}
			rounds[r] = append(rounds[r], i)
		}
	}
	return rounds
}

// deferred is the outcome of what there was no time for.
func deferred(id video.ID) video.Outcome {
	return video.Outcome{ID: id, Result: video.Deferred, Reason: "no time left", Err: video.ErrDeferred}
}

// stop is when the last call may begin; zero: whenever.
func (e *Editor) stop(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	reserve := e.c.Reserve
	if reserve <= 0 {
		reserve = min(time.Until(deadline)/5, 15*time.Second)
	}
	return deadline.Add(-reserve)
}

func isImage(k editing.Key) bool { return k.Image }

// read reads media. Each has an entry in the answer, unless ctx ends before.
func (e *Editor) read(ctx context.Context, keys []editing.Key, rulings map[editing.Key]*ruling) map[editing.Key]editing.Known {
	known := make(map[editing.Key]editing.Known, len(keys))
	var mu sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, e.c.Parallel)
	for _, group := range groups(keys, isImage) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			some := e.safeGroup(ctx, group, rulings)
			mu.Lock()
			maps.Copy(known, some)
			mu.Unlock()
			<-slots
		})
	}
	wait.Wait()
	return known
}

// safeGroup is readGroup, of which a panic touches only the assets that cause it.
func (e *Editor) safeGroup(ctx context.Context, group []editing.Key, rulings map[editing.Key]*ruling) map[editing.Key]editing.Known {
	known := map[editing.Key]editing.Known{}
	for _, some := range oneByOne(ctx, e, "read", group, func(group []editing.Key) []map[editing.Key]editing.Known {
		return []map[editing.Key]editing.Known{e.readGroup(ctx, group, rulings)}
	}, func(k editing.Key, err error) map[editing.Key]editing.Known {
		return map[editing.Key]editing.Known{k: {Err: err}}
	}) {
		maps.Copy(known, some)
	}
	return known
}

// readGroup is one call. Answers carry their own errors. Of assets over which rules are
// run it reads what these need, and notes that with them.
func (e *Editor) readGroup(ctx context.Context, group []editing.Key, rulings map[editing.Key]*ruling) map[editing.Key]editing.Known {
	ids := make([]video.ID, len(group))
	for i, k := range group {
		ids[i] = k.ID
	}
	known := make(map[editing.Key]editing.Known, len(group))
	if isImage(group[0]) {
		answers, err := e.c.Library.Images(ctx, ids)
		for i, a := range answers[:min(len(group), len(answers))] {
			known[group[i]] = editing.Known{Value: editing.OfImage(a.Value), Err: curable(a.Err, err)}
			if r := rulings[group[i]]; r != nil {
				r.image = &a.Value
			}
		}
		return known
	}
	if slices.ContainsFunc(group, func(k editing.Key) bool { return rulings[k] != nil }) {
		answers, err := e.c.Rules.Media(ctx, ids)
		for i, a := range answers[:min(len(group), len(answers))] {
			known[group[i]] = editing.Known{Value: editing.OfVideo(a.Value.Video), Err: curable(a.Err, err)}
			if r := rulings[group[i]]; r != nil {
				r.media = &a.Value
			}
		}
		return known
	}
	answers, err := e.c.Library.Videos(ctx, ids)
	for i, a := range answers[:min(len(group), len(answers))] {
		known[group[i]] = editing.Known{Value: editing.OfVideo(a.Value), Err: curable(a.Err, err)}
	}
	return known
}

// ErrNoRight says that a call was forbidden as a whole: the credentials lack a right.
var ErrNoRight = errors.New("the call is forbidden")

// curable is an item's error, but that a call which was forbidden as a whole says
// nothing about its media: a role has lost a right, and whoever gives it back must
// not find all messages among the dead.
func curable(item, call error) error {
	if errors.Is(call, video.ErrForbidden) && errors.Is(item, video.ErrForbidden) {
		return fmt.Errorf("%w: %w: %s", video.ErrTransient, ErrNoRight, item.Error())
	}
	return item
}

// ask settles what a write left unknown: it reads those media once more. What is
// not as it should be had no effect, or not yet: it is a passing failure. So is what the
// library shows from a time no later than the reading before the write: it may have been
// the same once before.
func (e *Editor) ask(ctx context.Context, group []editing.Edit, outcomes []video.Outcome) {
	var keys []editing.Key
	for i, o := range outcomes {
		if o.Result == video.Unknown {
			keys = append(keys, keyOf(group[i].Update))
		}
	}
	known := e.read(ctx, keys, nil)
	for i, o := range outcomes {
		now, ok := known[keyOf(group[i].Update)]
		switch was, is := group[i].Modified, now.Value.Modified; {
		case !ok || now.Err != nil:
		case editing.Holds(now.Value, group[i].Update) && (is.After(was) || is.IsZero()):
			outcomes[i] = video.Outcome{ID: o.ID, Result: video.Done, Reason: "read back"}
		default:
			err := fmt.Errorf("%w: read back, it had no effect or not yet: %s", video.ErrTransient, o.Reason)
			outcomes[i] = video.Outcome{ID: o.ID, Result: video.Failed, Reason: err.Error(), Err: err}
		}
	}
}

// groups are what fits one call each: media of one sort, at most video.MaxBatch.
func groups[T any](items []T, image func(T) bool) [][]T {
	var all [][]T
	for _, images := range []bool{false, true} {
		some := slices.DeleteFunc(slices.Clone(items), func(item T) bool { return image(item) != images })
		all = slices.AppendSeq(all, slices.Chunk(some, video.MaxBatch))
	}
	return all
}

func keyOf(u video.Update) editing.Key {
	return editing.Key{ID: u.ID, Image: u.Kind == video.KindImage}
}

func values(u video.Update) edits.Values { return edits.Values{Fields: u.Fields, Tags: u.Tags} }
