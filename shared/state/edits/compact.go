package edits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// The log is brought into the shards when its younger part has so many entries, or is
// about so many assets: so much has whoever starts to read and to hold.
const (
	compactEntries = 256
	compactAssets  = 20_000
)

// Behind says that the log has grown to four times that: then it has to be brought into
// the shards before anything else.
func (j *Journal) Behind() bool {
	return j.entries >= 4*compactEntries || len(j.ops) >= 4*compactAssets
}

// indexesKept is how many replaced indexes stay. Creating the next number is what decides
// between two writers, so the number of one who was held up must not be free again.
const indexesKept = 100

// cycle is one way through the shards, a few at a time. The index says in between how
// far each of them is.
type cycle struct {
	target uint64 // the entry up to which they are brought
	shards []int  // still to do
	done   bool   // none of them was left out
}

// Compact brings at most so many shards further, and says whether there is more to do
// now. It may be left at any point and goes on from what is stored. While a write of
// this journal's own is not settled it does nothing.
func (j *Journal) Compact(ctx context.Context, limit int) (more bool, err error) {
	if len(j.mine) > 0 || len(j.later) > 0 {
		return false, nil
	}
	if !j.begin() {
		return false, nil
	}
	for _, err := range state.Named(ctx, j.objects, state.EditIndexPrefix, indexKey(j.index.number)) {
		if err == nil {
			j.reset() // another writer has compacted
		}
		return false, err
	}
	c := j.cycle
	some := c.shards[:min(limit, len(c.shards))]
	next, replaced, err := j.advanceAll(ctx, c, some)
	if errors.Is(err, video.ErrNotFound) {
		j.reset() // another writer is at it
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if j.index.number > indexesKept {
		replaced = append(replaced, indexKey(j.index.number-indexesKept))
	}
	rest := c.shards[len(some):]
	if len(rest) == 0 && c.done {
		next.From = c.target
	}
	if err := next.create(ctx, j.objects); errors.Is(err, state.ErrExists) {
		j.reset()
		return false, nil
	} else if err != nil {
		return false, err
	}
	j.index, c.shards = next, rest
	if len(rest) == 0 {
		j.cycle = nil
		j.drop(c.target)
	}
	return len(rest) > 0, j.removeAll(ctx, replaced)
}

// advanceAll brings some shards up to the cycle's entry, and gives the index that says so
// and the shards that it no longer names. One that cannot be read is left out.
func (j *Journal) advanceAll(ctx context.Context, c *cycle, some []int) (next shardIndex, replaced []string, err error) {
	next = shardIndex{Version: shardVersion, From: j.index.From, Shards: slices.Clone(j.index.Shards), number: j.index.number + 1}
	by := map[int][]editing.Key{}
	for k := range j.ops {
		by[shardOf(k)] = append(by[shardOf(k)], k)
	}
	faults := make([]error, len(some))
	sideBySide(len(some), func(i int) { faults[i] = j.advance(ctx, some[i], c.target, by[some[i]]) })
	for i, shard := range some {
		switch {
		case errors.Is(faults[i], state.ErrLater), errors.Is(faults[i], state.ErrCorrupt):
			c.done = false // the log stays, for whoever can read it
			continue
		case faults[i] != nil:
			return next, nil, faults[i]
		}
		if old := j.index.Shards[shard]; old != 0 {
			replaced = append(replaced, shardKey(shard, old))
		}
		next.Shards[shard] = c.target
	}
	return next, replaced, nil
}

func (j *Journal) removeAll(ctx context.Context, keys []string) error {
	if j.remove == nil {
		return nil
	}
	for _, key := range keys {
		if err := j.remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// begin says whether a cycle is under way, and begins one where there is enough to do.
func (j *Journal) begin() bool {
	if j.cycle == nil && (j.entries >= compactEntries || len(j.ops) >= compactAssets) {
		j.cycle = j.newCycle()
	}
	return j.cycle != nil
}

func (j *Journal) newCycle() *cycle {
	c := &cycle{target: j.last, done: true}
	for k := range j.ops {
		if shard := shardOf(k); j.index.Shards[shard] < j.last {
			c.shards = append(c.shards, shard)
		}
	}
	slices.Sort(c.shards)
	c.shards = slices.Compact(c.shards)
	return c
}

// drop forgets the entries that the shards stand for.
func (j *Journal) drop(target uint64) {
	if j.index.From < target {
		return
	}
	for k, ops := range j.ops {
		ops = slices.DeleteFunc(ops, func(o op) bool { return o.number <= target })
		if len(ops) == 0 {
			delete(j.ops, k)
		} else {
			j.ops[k] = ops
		}
	}
	for of := range j.open { // of writers that were killed: their marks are open in the shards
		if n, err := entryNumber(of); err == nil && n <= target {
			delete(j.open, of)
		}
	}
	j.entries = int(j.last - target)
}

// advance writes one shard with what the log says of its assets up to an entry.
func (j *Journal) advance(ctx context.Context, shard int, target uint64, keys []editing.Key) error {
	lines, err := readShard(ctx, j.objects, shard, j.index.Shards[shard])
	if err != nil {
		return err
	}
	all := lines.all()
	for _, k := range keys {
		a := &asset{}
		if a.Remembered, err = lines.find(k); err != nil {
			return err
		}
		if err := j.replay(a, k, target); err != nil {
			return err
		}
		if err := a.line(all, k, j.made); err != nil {
			return err
		}
	}
	body, err := encodeShard(shard, target, all)
	if err != nil {
		return err
	}
	if err = createAlike(ctx, j.objects, shardKey(shard, target), body); errors.Is(err, state.ErrExists) {
		return nil // it stands for the same entries, made by another or by one who was killed
	}
	return err
}

func (a *asset) line(all map[string][]byte, k editing.Key, now time.Time) error {
	if a.forget(now); a.empty() {
		delete(all, lineKey(k))
		return nil
	}
	line, err := json.Marshal(a.Remembered)
	all[lineKey(k)] = line
	return err
}

// YoungestCompacted is how old an entry must be to be removed. A writer that was
// held up between reading the log and creating its next entry must not find
// that number free again; no function runs longer than a day.
const YoungestCompacted = 25 * time.Hour

// Replaced lists what nobody reads any more: entries made before a moment that the
// shards stand for, the bases of version 1 among them, and shards and indexes that
// others have replaced. What the entries wrote can no longer be taken back then.
func Replaced(ctx context.Context, o state.Objects, before time.Time) ([]string, error) {
	x, err := readIndex(ctx, o)
	if err != nil || x.number == 0 {
		return nil, err
	}
	keys, err := replacedEntries(ctx, o, x.From, before)
	if err != nil {
		return nil, err
	}
	counts := map[string]bool{}
	for n := range min(x.number, indexesKept+1) {
		counts[indexKey(x.number-n)] = true
	}
	for shard, upTo := range x.Shards {
		counts[shardKey(shard, upTo)] = true
	}
	for _, list := range []struct {
		prefix string
		last   uint64 // what is younger is not replaced
	}{{state.EditIndexPrefix, x.number}, {state.EditShardPrefix, x.From}} {
		for key, err := range state.Named(ctx, o, list.prefix, "") {
			if err != nil {
				return nil, err
			}
			number, err := entryNumber(state.EditPrefix + key[strings.LastIndex(key, "/")+1:])
			if err != nil {
				return nil, err
			}
			if !counts[key] && number <= list.last {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// replacedEntries lists the entries of the log up to one, of those made before a moment.
func replacedEntries(ctx context.Context, o state.Objects, last uint64, before time.Time) (keys []string, err error) {
	for key, err := range state.Named(ctx, o, state.EditLogPrefix, "") {
		if err != nil {
			return nil, err
		}
		number, err := entryNumber(key)
		if err != nil {
			return nil, err
		}
		if number > last {
			break
		}
		e, err := ReadEntry(ctx, o, key)
		if err != nil {
			return nil, err
		}
		if !e.At.Before(before) {
			break
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// RemoveReplaced takes a replaced shard or index away. Other keys are not the journal's
// own to remove.
func RemoveReplaced(ctx context.Context, s *state.Store, key string) error {
	if !strings.HasPrefix(key, state.EditShardPrefix) && !strings.HasPrefix(key, state.EditIndexPrefix) {
		return fmt.Errorf("remove %q: %w: only below %s and %s", key, video.ErrForbidden, state.EditShardPrefix, state.EditIndexPrefix)
	}
	return state.Remove(ctx, s, key)
}
