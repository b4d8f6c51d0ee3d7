package edits

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
)

// migratePasses is in how many turns a journal of version 1 is taken over, each of
// which holds only its part of the assets.
const migratePasses = 16

// migrate brings what version 1 of the journal remembers into shards, and gives their
// index. A journal that has only entries of this version is left as it is. It may be cut
// short: the index comes last, and what is made again is the same.
func migrate(ctx context.Context, o state.Objects) (shardIndex, error) {
	x := shardIndex{Version: shardVersion, Shards: make([]uint64, shardCount)}
	var keys []string // from the last base on
	for key, err := range state.Named(ctx, o, state.EditLogPrefix, "") {
		if err != nil {
			return x, err
		}
		if strings.HasSuffix(key, baseMark) {
			keys = keys[:0]
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return x, nil
	}
	if old, err := oldEntry(ctx, o, keys[0]); err != nil || !old {
		return x, err
	}
	for i, key := range keys { // those of this version come behind
		old, err := oldEntry(ctx, o, key)
		if err != nil {
			return x, err
		}
		if !old {
			keys = keys[:i]
			break
		}
	}
	for pass := range migratePasses {
		if err := migratePass(ctx, o, keys, pass, &x); err != nil {
			return x, err
		}
	}
	last, err := entryNumber(keys[len(keys)-1])
	if err != nil {
		return x, err
	}
	x.From, x.number = last, 1
	return x, x.create(ctx, o)
}

func oldEntry(ctx context.Context, o state.Objects, key string) (bool, error) {
	body, err := o.Read(ctx, key)
	if err != nil {
		return false, err
	}
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte(`{"v":1,`)) || bytes.Equal(bytes.TrimSpace(body), []byte(`{"v":1}`)), nil
}

func migratePass(ctx context.Context, o state.Objects, keys []string, pass int, x *shardIndex) error {
	j := NewJournal(o, nil)
	j.index = *x
	for _, key := range keys {
		number, err := entryNumber(key)
		if err != nil {
			return err
		}
		body, err := o.Read(ctx, key)
		if err != nil {
			return err
		}
		e, err := partOf(body, func(k editing.Key) bool { return shardOf(k)%migratePasses == pass })
		if err != nil {
			return fmt.Errorf("journal %s: %w: %w", key, state.ErrCorrupt, err)
		}
		lines, err := e.lines()
		if err == nil {
			err = j.take(number, e, lines)
		}
		if err != nil {
			return err
		}
	}
	c, by := j.newCycle(), map[int][]editing.Key{}
	for k := range j.ops {
		by[shardOf(k)] = append(by[shardOf(k)], k)
	}
	faults := make([]error, len(c.shards))
	sideBySide(len(c.shards), func(i int) { faults[i] = j.advance(ctx, c.shards[i], c.target, by[c.shards[i]]) })
	for i, shard := range c.shards {
		if faults[i] != nil {
			return faults[i]
		}
		x.Shards[shard] = c.target
	}
	return nil
}

// partOf reads an entry with those of its assets that are wanted, one after the other: a
// base of version 1 holds all there were.
func partOf(body []byte, want func(editing.Key) bool) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return e, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return e, err
		}
		into := map[any]any{"v": &e.Version, "run": &e.Run, "at": &e.At, "settled": &e.Settled}[name]
		if name != "media" {
			if into == nil {
				into = new(json.RawMessage)
			}
			if err := d.Decode(into); err != nil {
				return e, err
			}
			continue
		}
		if _, err := d.Token(); err != nil {
			return e, err
		}
		for d.More() {
			var m EditedMedia
			if err := d.Decode(&m); err != nil {
				return e, err
			}
			if want(m.Key()) {
				e.Media = append(e.Media, m)
			}
		}
		if _, err := d.Token(); err != nil {
			return e, err
		}
	}
	_, err := d.Token()
	return e, err
}
