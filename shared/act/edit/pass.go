package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	journal "vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// pass is one way through a batch. Three things go on together: media are read, a
// little ahead; what has been read is folded and put into the journal; and what the
// journal knows of is written. Only the goroutine of the second touches the journal.
type pass struct {
	*Editor
	batch
	keys     []editing.Key         // the assets that they are about
	of       map[editing.Key][]int // the items of each asset
	verdicts []editing.Verdict     // one for each item
	rulings  map[editing.Key]*ruling
	labelled map[editing.Key]bool            // the labels of these are to be read
	heard    map[editing.Key]*tagging.Memory // what is to be remembered of rules and people
	held     []reading                       // read, and not decided yet
	panicked map[editing.Key]bool            // while their changes were folded

	writes sync.WaitGroup
	slots  chan struct{} // each write under way holds one

	mu      sync.Mutex
	rivals  int           // how often another writer was faster
	longest time.Duration // of the reads so far
	written map[editing.Key]video.Outcome
	under   map[string]*announced // by journal entry; whose writes are under way
	settled []journal.Settlement  // of entries whose writes have ended; not in the journal yet
}

// batch is what a pass is to do.
type batch struct {
	run     string
	items   []Item
	rules   *tagging.Rules
	noRules error     // why there are none
	until   time.Time // no call begins after it; zero: whenever
}

// reading is what one media held when so many rivals had been met.
type reading struct {
	key    editing.Key
	known  editing.Known
	rivals int
}

// announced are the media that a journal entry is about, and how many calls write them.
type announced struct {
	media []editing.Key
	calls int
}

// pass carries out a batch, but for media whose update the library refused as a
// whole: what is then left undone of their changes, it does not say.
func (e *Editor) pass(ctx context.Context, b batch) (results []Result, refused map[editing.Key]bool, err error) {
	p := &pass{
		Editor: e, batch: b, of: map[editing.Key][]int{}, verdicts: make([]editing.Verdict, len(b.items)),
		rulings: map[editing.Key]*ruling{}, labelled: map[editing.Key]bool{}, heard: map[editing.Key]*tagging.Memory{},
		slots: make(chan struct{}, e.c.Parallel), written: map[editing.Key]video.Outcome{}, under: map[string]*announced{},
		panicked: map[editing.Key]bool{},
	}
	for i, item := range b.items {
		k := item.key()
		if p.of[k] == nil {
			p.keys = append(p.keys, k)
		}
		p.of[k] = append(p.of[k], i)
		p.verdicts[i] = editing.Verdict{Result: video.Deferred, Reason: "no time left", Err: video.ErrDeferred}
	}
	if e.journal != nil {
		if err := e.journal.Refresh(ctx, p.keys); err != nil {
			return nil, nil, err
		}
	}
	reading, cancel := context.WithCancel(ctx)
	groups := p.readAhead(reading, p.sort(ctx))
	err = p.decide(ctx, groups)
	cancel()
	for range groups { // so that no reader outlives the pass
	}
	p.writes.Wait()
	if err = errors.Join(err, p.settle(ctx)); err != nil {
		return nil, nil, err
	}
	results, refused = make([]Result, len(b.items)), map[editing.Key]bool{}
	for i, v := range p.verdicts {
		k := b.items[i].key()
		results[i].Outcome = video.Outcome{ID: k.ID, Result: v.Result, Reason: v.Reason, Err: v.Err}
		if r := p.rulings[k]; r != nil && b.items[i].Retag != nil {
			results[i].Decision = r.decision
		}
		if w := p.written[k]; v.Pending && w.Result != video.Done {
			results[i].Outcome = w
			refused[k] = w.Result == video.Rejected
		}
	}
	for k := range p.panicked {
		refused[k] = true
	}
	return results, refused, nil
}

// sort returns the assets that have to be read. The changes of the others get their verdicts without.
func (p *pass) sort(ctx context.Context) []editing.Key {
	var settled []reading
	keys := slices.DeleteFunc(slices.Clone(p.keys), func(k editing.Key) bool {
		known, err := p.remembered(k)
		if err != nil {
			for _, i := range p.of[k] {
				p.verdicts[i] = editing.Verdict{Result: video.ResultOf(err), Reason: err.Error(), Err: err}
			}
			return true
		}
		open := false
		if p.guard(ctx, "open "+string(k.ID), func() {
			for _, i := range p.of[k] { // all of them: each notes what it asks for
				if p.rule(i, k, known) || p.items[i].Retag == nil && !open && editing.Open(p.items[i].Change, known.Marks) {
					open = true
				}
			}
		}) != nil || open {
			return false
		}
		settled = append(settled, reading{key: k, known: editing.Known{Err: video.ErrDeferred}})
		return true
	})
	_, places, verdicts := p.fold(ctx, settled)
	for n, i := range places {
		p.verdicts[i] = verdicts[n]
	}
	return keys
}

// rule notes that rules are to be run over an asset, unless they cannot.
func (p *pass) rule(i int, k editing.Key, known journal.Remembered) bool {
	t := p.items[i].Retag
	switch {
	case t == nil:
		return false
	case p.noRules != nil:
		p.verdicts[i] = editing.Verdict{Result: video.ResultOf(p.noRules), Reason: p.noRules.Error(), Err: p.noRules}
		return false
	case (video.Change{ID: t.ID}).Check() != nil:
		err := (video.Change{ID: t.ID}).Check()
		p.verdicts[i] = editing.Verdict{Result: video.Rejected, Reason: err.Error(), Err: err}
		return false
	case t.Rules != "" && t.Rules != p.rules.Version:
		p.verdicts[i] = editing.Verdict{Result: video.Kept, Reason: fmt.Sprintf("asked for rules of version %s; those in force have version %s", t.Rules, p.rules.Version)}
		return false
	}
	if p.rulings[k] == nil {
		p.rulings[k] = &ruling{}
	}
	p.rulings[k].merge(*t)
	p.labelled[k] = p.rules.Uses("labels") && (p.rulings[k].retag.Labels || known.Rules.Labels)
	return true
}

// remembered is what the journal knows of an asset. An error says that the asset has to
// be left alone for now.
func (p *pass) remembered(k editing.Key) (journal.Remembered, error) {
	if p.journal == nil {
		return journal.Remembered{}, nil
	}
	r, err := p.journal.Known(k)
	if err != nil {
		err = fmt.Errorf("%w: %w", video.ErrTransient, err)
	}
	return r, err
}

// readAhead reads the media, a few calls ahead of whoever takes them, until there is
// no time left to write what would be read.
func (p *pass) readAhead(ctx context.Context, keys []editing.Key) <-chan []reading {
	out := make(chan []reading)
	go func() {
		defer close(out)
		var wait sync.WaitGroup
		defer wait.Wait()
		ahead := make(chan struct{}, p.c.Parallel)
		for _, group := range groups(keys, isImage) {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
			}
			if ctx.Err() != nil || !p.timeToRead() {
				return
			}
			wait.Go(func() {
				defer func() { <-ahead }()
				select {
				case out <- p.readings(ctx, group):
				case <-ctx.Done():
				}
			})
		}
	}()
	return out
}

func (p *pass) timeToRead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until.IsZero() || time.Until(p.until) > 2*p.longest
}

func (p *pass) readings(ctx context.Context, group []editing.Key) []reading {
	p.mu.Lock()
	rivals, start := p.rivals, time.Now()
	p.mu.Unlock()
	known := p.safeGroup(ctx, group, p.rulings)
	for _, k := range group {
		if r := p.rulings[k]; r != nil && known[k].Err == nil {
			p.label(ctx, k, r)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = max(p.longest, time.Since(start))
	var all []reading
	for _, k := range group {
		if now, ok := known[k]; ok {
			all = append(all, reading{k, now, rivals})
		}
	}
	return all
}

// decide takes what has been read, as much at a time as there happens to be, and
// sees it written.
func (p *pass) decide(ctx context.Context, groups <-chan []reading) error {
	for more := true; more; {
		var some []reading
		some, more = <-groups
		p.held = append(p.held, some...)
		for waiting := more; waiting; {
			select {
			case some, more = <-groups:
				p.held = append(p.held, some...)
				waiting = more
			default:
				waiting = false
			}
		}
		entry, sends, err := p.commit(ctx, !more)
		if err != nil {
			return err
		}
		p.write(ctx, entry, sends)
	}
	return nil
}

// commit folds what is held, tells the journal what is about to happen and returns
// what to write. Updates that do not fill a call stay held, unless this is the last.
func (p *pass) commit(ctx context.Context, last bool) (entry string, sends []editing.Edit, err error) {
	for try := 1; ; try++ {
		p.refresh(ctx)
		edits, places, verdicts := p.fold(ctx, p.held)
		back := map[editing.Key]bool{}
		if !last {
			edits, back = wholeCalls(edits)
		}
		entry, err = p.remember(ctx, edits)
		if errors.Is(err, state.ErrExists) && try < 5 {
			p.c.Log.WarnContext(ctx, "another writer was faster", slog.Int("try", try))
			if err = p.meetRival(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			return "", nil, err
		}
		for n, i := range places {
			if !back[p.items[i].key()] {
				p.verdicts[i] = verdicts[n]
			}
		}
		p.held = slices.DeleteFunc(p.held, func(r reading) bool { return !back[r.key] })
		for _, e := range edits {
			if !e.Update.Empty() {
				sends = append(sends, e)
			}
		}
		return entry, sends, nil
	}
}

// meetRival learns what another writer has put into the journal. What was read
// before that, here or ahead, may not hold any more.
func (p *pass) meetRival(ctx context.Context) error {
	p.mu.Lock()
	p.rivals++
	p.mu.Unlock()
	return p.journal.Refresh(ctx, p.keys)
}

// refresh reads again what was read before the last rival was met.
func (p *pass) refresh(ctx context.Context) {
	p.mu.Lock()
	rivals := p.rivals
	p.mu.Unlock()
	var keys []editing.Key
	for _, r := range p.held {
		if r.rivals != rivals {
			keys = append(keys, r.key)
		}
	}
	known := p.read(ctx, keys, p.rulings)
	for i, r := range p.held {
		if r.rivals == rivals {
			continue
		}
		now, ok := known[r.key]
		if !ok {
			now.Err = video.ErrDeferred
		}
		p.held[i] = reading{r.key, now, rivals}
	}
}

// fold decides the changes of some assets. It returns the verdicts of the changes at
// those places in the batch. An asset whose changes make it panic is refused by itself.
func (p *pass) fold(ctx context.Context, held []reading) (edits []editing.Edit, places []int, verdicts []editing.Verdict) {
	for _, r := range held {
		known, err := p.remembered(r.key)
		if r.known.Marks = known.Marks; err != nil { // a rival of a later version has been here meanwhile
			r.known.Err = err
		}
		if r.known.Err == nil && known.Floor.Above(r.known.Value, p.now()) {
			r.known.Err = fmt.Errorf("%w: the library shows what was there before our entry of %s", video.ErrTransient, known.Floor.At.Format(time.RFC3339))
		}
		r.known.Doubt = known.Floor.Doubts(r.known.Value, p.now())
		r.known.Recent = p.now().Sub(known.Moved) < journal.Settling
		r.known.Over = p.over(r.key, r, known)
		var edit editing.Edit
		var says []editing.Verdict
		err = p.guard(ctx, "change "+string(r.key.ID), func() { edit, says = p.foldOne(r) })
		if err != nil {
			edit, says = editing.Edit{}, make([]editing.Verdict, len(p.of[r.key]))
			for i := range says {
				says[i] = editing.Verdict{Result: video.Rejected, Reason: err.Error(), Err: err}
			}
			p.panicked[r.key] = true
		}
		if p.tell(ctx, r.key, known); !edit.Empty() {
			edits = append(edits, edit)
		}
		places, verdicts = append(places, p.of[r.key]...), append(verdicts, says...)
	}
	slices.SortFunc(edits, func(a, b editing.Edit) int {
		return cmp.Or(cmp.Compare(a.Update.ID, b.Update.ID), cmp.Compare(a.Update.Kind, b.Update.Kind))
	})
	return edits, places, verdicts
}

// foldOne decides the items of one asset.
func (p *pass) foldOne(r reading) (editing.Edit, []editing.Verdict) {
	of := p.of[r.key]
	verdicts := make([]editing.Verdict, len(of))
	var changes []video.Change
	var at []int
	for n, i := range of {
		if p.items[i].Retag == nil {
			changes, at = append(changes, p.items[i].Change), append(at, n)
		}
	}
	edit, says := editing.FoldOne(r.key, changes, r.known)
	for n, v := range says {
		verdicts[at[n]] = v
	}
	for n, i := range of {
		if p.items[i].Retag == nil {
			continue
		}
		if verdicts[n] = p.verdicts[i]; p.asked(i) {
			verdicts[n] = p.rulings[r.key].judge(r.known, edit)
		}
	}
	return edit, verdicts
}

// asked says that the rules are run for this item.
func (p *pass) asked(i int) bool {
	t := p.items[i].Retag
	return t != nil && p.noRules == nil && (t.Rules == "" || t.Rules == p.rules.Version) && (video.Change{ID: t.ID}).Check() == nil
}

// wholeCalls leaves of the edits those that fill calls, and says which media are
// left over.
func wholeCalls(edits []editing.Edit) (whole []editing.Edit, back map[editing.Key]bool) {
	back = map[editing.Key]bool{}
	sends := slices.DeleteFunc(slices.Clone(edits), func(e editing.Edit) bool { return e.Update.Empty() })
	for _, group := range groups(sends, func(e editing.Edit) bool { return isImage(keyOf(e.Update)) }) {
		if len(group) == video.MaxBatch {
			continue
		}
		for _, e := range group {
			back[keyOf(e.Update)] = true
		}
	}
	return slices.DeleteFunc(edits, func(e editing.Edit) bool { return back[keyOf(e.Update)] }), back
}

// remember creates the journal's entry of what is about to happen, and of what has
// happened meanwhile.
func (p *pass) remember(ctx context.Context, edits []editing.Edit) (key string, err error) {
	p.mu.Lock()
	settled := p.settled
	p.mu.Unlock()
	if p.journal == nil || len(edits)+len(settled) == 0 {
		return "", nil
	}
	entry := journal.Entry{Run: p.run, At: p.now().UTC(), Media: make([]journal.EditedMedia, len(edits)), Settled: settled}
	for i, edit := range edits {
		k := keyOf(edit.Update)
		entry.Media[i] = journal.EditedMedia{ID: k.ID, Image: k.Image, Set: values(edit.Update), Old: values(edit.Old), Marks: edit.Marks, Void: edit.Void,
			Modified: edit.Modified, Before: edit.Before, After: edit.After, Doubt: edit.Doubt, Asked: p.notes(k, edit)}
		if edit.Remember {
			entry.Media[i].Rules = p.heard[k]
		}
	}
	if key, err = p.journal.Append(ctx, entry); err == nil {
		p.mu.Lock()
		p.settled = p.settled[len(settled):]
		p.mu.Unlock()
	}
	return key, err
}

// notes are those of the changes that an edit takes, and of runs of the rules that share its write.
func (p *pass) notes(k editing.Key, edit editing.Edit) (all []journal.Asked) {
	taken := map[editing.Stamp]bool{}
	for _, mark := range edit.Marks {
		taken[mark.Stamp] = true
	}
	for _, i := range p.of[k] {
		var one journal.Asked
		if t := p.items[i].Retag; t != nil {
			one.Asked = t.Asked
		} else if c := p.items[i].Change; c.Asked != (video.Asked{}) {
			if s := editing.StampOf(c); taken[s] {
				one = journal.Asked{At: s.At, Asked: c.Asked}
			}
		}
		if one.Asked != (video.Asked{}) && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// write begins the calls that the journal has been told of. It waits for a free
// slot, not for the answers.
func (p *pass) write(ctx context.Context, entry string, sends []editing.Edit) {
	if len(sends) == 0 {
		return
	}
	calls := groups(sends, func(e editing.Edit) bool { return isImage(keyOf(e.Update)) })
	p.mu.Lock()
	a := &announced{calls: len(calls)}
	for _, e := range sends {
		k := keyOf(e.Update)
		a.media = append(a.media, k)
		p.written[k] = deferred(k.ID)
	}
	p.under[entry] = a
	p.mu.Unlock()
	for _, group := range calls {
		if !p.slot(ctx) {
			p.end(entry, nil, nil)
			continue
		}
		p.writes.Go(func() {
			defer func() { <-p.slots }()
			p.end(entry, group, p.send(ctx, group))
		})
	}
}

// send is one call, and says what came of each edit.
func (p *pass) send(ctx context.Context, group []editing.Edit) []video.Outcome {
	call := p.c.Library.Update
	if isImage(keyOf(group[0].Update)) {
		call = p.c.Library.UpdateImages
	}
	outcomes := oneByOne(ctx, p.Editor, "update", group, func(group []editing.Edit) []video.Outcome {
		updates := make([]video.Update, len(group))
		for i, e := range group {
			updates[i] = e.Update
		}
		outcomes, err := call(ctx, updates)
		for i, o := range outcomes {
			if e := curable(o.Err, err); o.Result == video.Forbidden {
				outcomes[i] = video.Outcome{ID: o.ID, Result: video.ResultOf(e), Reason: e.Error(), Err: e}
			}
		}
		return outcomes
	}, func(e editing.Edit, err error) video.Outcome { // it may have been written before
		return video.Outcome{ID: e.Update.ID, Result: video.Unknown, Reason: err.Error(), Err: err}
	})
	p.ask(ctx, group, outcomes)
	return outcomes
}

// slot waits until one more call may be under way, and says whether there is time
// left to begin it.
func (p *pass) slot(ctx context.Context) bool {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil || !p.until.IsZero() && !time.Now().Before(p.until) {
		<-p.slots
		return false
	}
	return true
}

// end notes what came of one call.
func (p *pass) end(entry string, group []editing.Edit, outcomes []video.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, e := range group[:min(len(group), len(outcomes))] {
		p.written[keyOf(e.Update)] = outcomes[i]
	}
	a := p.under[entry]
	if a.calls--; a.calls > 0 {
		return
	}
	s := journal.Settlement{Of: entry}
	for _, k := range a.media {
		switch p.written[k].Result {
		case video.Done:
		case video.Rejected, video.Missing, video.Forbidden:
			s.Void = append(s.Void, k)
		default:
			s.Open = append(s.Open, k)
		}
	}
	p.settled = append(p.settled, s)
}

// settle tells the journal what it does not know yet of the writes that have ended.
// Without that word older changes would wait for ever, so a failure fails the batch:
// done again, it finds in the library what it has written.
func (p *pass) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for try := 1; ; try++ {
		_, err := p.remember(ctx, nil)
		if errors.Is(err, state.ErrExists) && try < 5 {
			if err = p.journal.CatchUp(ctx); err == nil {
				continue
			}
		}
		return err
	}
}
