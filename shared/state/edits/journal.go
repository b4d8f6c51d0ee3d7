// Package edits is the journal of metadata changes: what was about to be written, what came
// of it, and what is remembered of each asset.
package edits

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Journal remembers every asset that was changed: the watermarks of what people asked
// for, and what rules gave. It is a log, of which entries are numbered without gaps and
// only the next number can be created, so of two writers one learns with ErrExists that
// it decided on old knowledge; and shards, by the digest of the id, that stand for the
// log's older part. In memory is only what the log's younger part and the assets of one
// batch need. A Journal is not safe for concurrent use.
type Journal struct {
	objects state.Objects
	remove  func(ctx context.Context, key string) error // nil: what is replaced stays
	begun   bool
	index   shardIndex
	made    time.Time                // of the youngest entry that was read
	last    uint64                   // the entry read last
	ops     map[editing.Key][]op     // of the log behind index.From
	entries int                      // how many these are of
	open    map[string][]editing.Key // by entry; what nobody has settled yet
	mine    map[string]bool          // the entries in open that this journal appended
	later   map[editing.Key]error    // assets that an entry of a later version is about
	loaded  map[editing.Key]*asset   // those of this batch
	refused map[editing.Key]error    // those of this batch whose shard cannot be used
	cycle   *cycle                   // of compaction, under way
}

// op is what one entry says of one asset.
type op struct {
	number uint64
	at     time.Time
	marks  []byte // announced, as they are stored; nil: settled
	of     string // the entry that is settled
	void   bool
}

// asset is what is known of one asset, and what nobody has settled yet.
type asset struct {
	Remembered
	open map[string]announced // by entry
}

type announced struct {
	marks, was editing.Marks
	rules      *tagging.Memory
	floor      *Floor
}

// settle takes in what came of an announced write.
func (a *asset) settle(o op) {
	was, ok := a.open[o.of]
	if !ok {
		return
	}
	delete(a.open, o.of)
	switch {
	case o.void:
		a.Marks = a.Marks.Without(was.marks, was.was)
	default:
		if a.Marks = a.Marks.Settle(was.marks); was.rules != nil {
			a.Rules = *was.rules
		}
	}
	if was.rules != nil {
		a.Unsure = nil
	}
	if was.floor != nil && a.Floor == was.floor { // no later entry has raised it
		a.Floor = was.floor.settled(!o.void)
	}
}

func (a *asset) apply(o op) error {
	if o.marks == nil {
		a.settle(o)
		return nil
	}
	var m entryMarks
	if err := json.Unmarshal(o.marks, &m); err != nil {
		return fmt.Errorf("journal %s: %w: %w", entryKey(o.number), state.ErrCorrupt, err)
	}
	was := a.Marks.Without(m.Void, a.Marks)
	a.Marks = was.Merge(m.Marks)
	for _, at := range []time.Time{o.at, m.Moved} {
		if at.After(a.Moved) {
			a.Moved = at
		}
	}
	rules := m.Rules
	if m.Floor != nil {
		m.Floor.At = o.at
		a.Floor = m.Floor
	}
	switch {
	case m.Written:
		if a.open == nil {
			a.open = map[string]announced{}
		}
		a.open[entryKey(o.number)] = announced{m.Marks, was, rules, m.Floor}
		if rules != nil {
			a.Unsure = rules
		}
	case rules != nil:
		a.Rules, a.Unsure = *rules, nil
	}
	return nil
}

// NewJournal makes a journal that knows nothing until CatchUp. remove takes replaced
// objects away below edits/shard/ and edits/index/; nil leaves them to the operator.
func NewJournal(o state.Objects, remove func(ctx context.Context, key string) error) *Journal {
	j := &Journal{objects: o, remove: remove}
	j.reset()
	return j
}

func (j *Journal) reset() {
	*j = Journal{
		objects: j.objects, remove: j.remove, ops: map[editing.Key][]op{}, open: map[string][]editing.Key{}, mine: map[string]bool{},
		later: map[editing.Key]error{}, loaded: map[editing.Key]*asset{}, refused: map[editing.Key]error{},
	}
}

// Known is what is remembered of an asset that was loaded; its parts are not to be
// changed. The error says that the asset must be left alone, and which object is why.
func (j *Journal) Known(k editing.Key) (Remembered, error) {
	if err := j.later[k]; err != nil {
		return Remembered{}, err
	}
	if err := j.refused[k]; err != nil {
		return Remembered{}, err
	}
	if a := j.loaded[k]; a != nil {
		return a.Remembered, nil
	}
	return Remembered{}, nil
}

// readers is how many objects are read or written side by side.
const readers = 16

// CatchUp reads the entries that were created since the last time, and takes over what
// version 1 has left.
func (j *Journal) CatchUp(ctx context.Context) error {
	if !j.begun {
		var err error
		if j.index, err = readIndex(ctx, j.objects); err != nil {
			return err
		}
		if j.index.number == 0 {
			if j.index, err = migrate(ctx, j.objects); err != nil {
				return fmt.Errorf("taking over the journal of version 1: %w", err)
			}
		}
		j.last, j.begun = j.index.From, true
	}
	after := ""
	if j.last > 0 {
		after = entryKey(j.last)
	}
	keys, err := LogEntries(ctx, j.objects, after)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(keys, readers) {
		bodies, faults := make([][]byte, len(some)), make([]error, len(some))
		sideBySide(len(some), func(i int) { bodies[i], faults[i] = j.objects.Read(ctx, some[i]) })
		for i, key := range some {
			err := faults[i]
			if err == nil {
				err = j.read(key, bodies[i])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// read takes in an entry that was read. Of a later version's it knows only which assets
// have to be left alone.
func (j *Journal) read(key string, body []byte) error {
	e, lines, err := splitEntry(key, body)
	if errors.Is(err, state.ErrLater) && len(lines) > 0 {
		for _, l := range lines {
			j.later[l.key] = err
		}
		lines, err = nil, nil
	}
	if err != nil {
		return err
	}
	number, err := entryNumber(key)
	if err == nil {
		err = j.take(number, e, lines)
	}
	return err
}

// sideBySide calls f for 0 to n-1, some of them at a time.
func sideBySide(n int, f func(i int)) {
	var calls errgroup.Group
	calls.SetLimit(readers)
	for i := range n {
		calls.Go(func() error { f(i); return nil })
	}
	_ = calls.Wait() // f keeps its errors
}

// Load reads the shards of some assets, whose places in memory are those of the assets
// loaded before. An asset of a shard that cannot be used has that as its error.
func (j *Journal) Load(ctx context.Context, keys []editing.Key) error {
	j.loaded, j.refused = map[editing.Key]*asset{}, map[editing.Key]error{}
	by := map[int][]editing.Key{}
	for _, k := range keys {
		by[shardOf(k)] = append(by[shardOf(k)], k)
	}
	shards := slices.Sorted(maps.Keys(by))
	var mu sync.Mutex
	var failed error
	sideBySide(len(shards), func(i int) {
		shard := shards[i]
		lines, err := readShard(ctx, j.objects, shard, j.index.Shards[shard])
		mu.Lock()
		defer mu.Unlock()
		if err != nil && !errors.Is(err, state.ErrLater) && !errors.Is(err, state.ErrCorrupt) {
			failed = err
			return
		}
		for _, k := range by[shard] {
			a, findErr := &asset{}, err
			if err == nil {
				a.Remembered, findErr = lines.find(k)
			}
			if findErr == nil {
				findErr = j.replay(a, k, j.last)
			}
			if findErr != nil {
				j.refused[k] = findErr
				continue
			}
			j.loaded[k] = a
		}
	})
	return failed
}

// replay brings an asset from what its shard says of it to the log's entry with that number.
func (j *Journal) replay(a *asset, k editing.Key, upTo uint64) error {
	has := max(j.index.Shards[shardOf(k)], j.index.From)
	for _, o := range j.ops[k] {
		if o.number > has && o.number <= upTo {
			if err := a.apply(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Refresh catches up and loads, also where another writer has compacted meanwhile.
func (j *Journal) Refresh(ctx context.Context, keys []editing.Key) error {
	for try := 1; ; try++ {
		err := j.CatchUp(ctx)
		if err == nil {
			err = j.Load(ctx, keys)
		}
		if !errors.Is(err, video.ErrNotFound) || try == 4 {
			return err
		}
		mine := j.mine
		j.reset() // compacted since the index was read: what replaces it is there now
		j.mine = mine
	}
}

// Append creates the next entry and takes it in. With ErrExists another writer
// was faster: catch up and decide again.
func (j *Journal) Append(ctx context.Context, e Entry) (key string, err error) {
	e.Version = entryVersion
	lines, err := e.lines()
	if err != nil {
		return "", err
	}
	body, err := e.encode(lines)
	if err != nil {
		return "", err
	}
	key = entryKey(j.last + 1)
	if err := j.objects.Create(ctx, key, body); err != nil {
		return "", err
	}
	if err := j.take(j.last+1, e, lines); err != nil {
		return "", err
	}
	if len(j.open[key]) > 0 {
		j.mine[key] = true
	}
	return key, nil
}

func (j *Journal) take(number uint64, e Entry, lines []entryLine) error {
	j.last = number
	j.entries++
	if e.At.After(j.made) {
		j.made = e.At
	}
	var fault error
	add := func(k editing.Key, o op) {
		j.ops[k] = append(j.ops[k], o)
		if a := j.loaded[k]; a != nil {
			fault = errors.Join(fault, a.apply(o))
		}
	}
	for _, s := range e.Settled {
		for _, k := range j.open[s.Of] {
			if void := slices.Contains(s.Void, k); void || !slices.Contains(s.Open, k) {
				add(k, op{number: number, of: s.Of, void: void})
			}
		}
		delete(j.open, s.Of)
		delete(j.mine, s.Of)
	}
	key := entryKey(number)
	for _, l := range lines {
		add(l.key, op{number: number, at: e.At, marks: slices.Clone(l.marks)}) // the values are long, and told by the entry itself
		if bytes.HasSuffix(l.marks, []byte(writtenMark)) {
			j.open[key] = append(j.open[key], l.key)
		}
	}
	return fault
}

// writtenMark ends what is stored of an asset for which something is sent.
const writtenMark = `"written":true}`
