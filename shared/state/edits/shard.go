package edits

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// shardCount is how many shards there are: with a million assets each holds 250, so that
// the shards of one batch are little more than the batch.
const shardCount = 4096

// shardOf is the shard of an asset. A digest spreads ids that begin alike.
func shardOf(k editing.Key) int {
	sum := sha256.Sum256([]byte(lineKey(k)))
	return int(sum[0])<<4 | int(sum[1])>>4
}

func shardKey(shard int, upTo uint64) string {
	return fmt.Sprintf("%s%03x/%012d", state.EditShardPrefix, shard, upTo)
}

// lineKey names an asset in its shard. No id holds a colon.
func lineKey(k editing.Key) string {
	if k.Image {
		return string(k.ID) + ":image"
	}
	return string(k.ID)
}

// Remembered is what is known of one asset beside what the library holds of it.
type Remembered struct {
	Marks editing.Marks  `json:"marks,omitempty"`
	Moved time.Time      `json:"moved,omitzero"` // when they last moved
	Rules tagging.Memory `json:"rules,omitzero"`
	// Unsure is what counts instead of Rules if a write has succeeded of which that is not known.
	Unsure *tagging.Memory `json:"unsure,omitempty"`
	Floor  *Floor          `json:"floor,omitempty"` // nil: any reading counts
}

func (r Remembered) empty() bool {
	return len(r.Marks) == 0 && r.Rules.IsZero() && r.Unsure == nil && r.Floor == nil
}

// marksKept is how long the marks of tags are kept after they were issued or moved: a
// message may lie a week in its queue and another among the dead letters. Those of
// fields stay: they say what people wanted, over any rule.
const marksKept = 15 * 24 * time.Hour

// maxMarks bounds what one asset can make us remember; the oldest marks of tags go.
const maxMarks = 1000

// forget drops what nobody asks for any more at a moment.
func (r *Remembered) forget(now time.Time) {
	old := now.Add(-marksKept)
	r.Marks = maps.Clone(r.Marks)
	maps.DeleteFunc(r.Marks, func(part string, m editing.Mark) bool {
		return editing.OfTags(part) && !m.Open && m.At.Before(old) && r.Moved.Before(old)
	})
	if len(r.Marks) > maxMarks {
		parts := slices.SortedFunc(maps.Keys(r.Marks), func(a, b string) int {
			return r.Marks[b].Compare(r.Marks[a].Stamp)
		})
		for _, part := range parts[maxMarks:] {
			if editing.OfTags(part) {
				delete(r.Marks, part)
			}
		}
	}
	if len(r.Marks) == 0 {
		r.Moved = time.Time{}
	}
	if r.Floor != nil && now.Sub(r.Floor.At) > Settling {
		r.Floor = nil
	}
}

// A shard is a head and, below it, a line for each asset in the order of their names. A
// line is found without reading the others.
type shardHead struct {
	Version int    `json:"v"`
	Shard   int    `json:"shard"`
	UpTo    uint64 `json:"upTo"` // the last entry of the log that it stands for
	Assets  int    `json:"assets"`
	Sum     string `json:"sum"` // SHA-256 of what follows
}

const shardVersion = 2

type shardLines struct{ text []byte }

// readShard reads a shard; without number there is none.
func readShard(ctx context.Context, o state.Objects, shard int, upTo uint64) (shardLines, error) {
	if upTo == 0 {
		return shardLines{}, nil
	}
	key := shardKey(shard, upTo)
	body, err := o.Read(ctx, key)
	if err != nil {
		return shardLines{}, err
	}
	return decodeShard(key, body)
}

func decodeShard(key string, body []byte) (shardLines, error) {
	first, rest, ok := bytes.Cut(body, []byte("\n"))
	var head shardHead
	if err := json.Unmarshal(first, &head); err != nil || !ok {
		return shardLines{}, fmt.Errorf("shard %s: %w: its head cannot be read", key, state.ErrCorrupt)
	}
	sum := sha256.Sum256(rest)
	switch {
	case head.Version > shardVersion:
		return shardLines{}, fmt.Errorf("shard %s: version %d, known up to %d: %w", key, head.Version, shardVersion, state.ErrLater)
	case head.Sum != hex.EncodeToString(sum[:]), shardKey(head.Shard, head.UpTo) != key:
		return shardLines{}, fmt.Errorf("shard %s fails its hash: %w; restore it from a copy", key, state.ErrCorrupt)
	}
	return shardLines{append([]byte("\n"), rest...)}, nil
}

// find reads the line of one asset; what is not there is remembered as nothing.
func (s shardLines) find(k editing.Key) (r Remembered, err error) {
	name := []byte("\n" + lineKey(k) + "\t")
	at := bytes.Index(s.text, name)
	if at < 0 {
		return r, nil
	}
	line, _, _ := bytes.Cut(s.text[at+len(name):], []byte("\n"))
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("%s: %w: %w", k.ID, state.ErrCorrupt, err)
	}
	return r, nil
}

// all gives the lines by their names.
func (s shardLines) all() map[string][]byte {
	lines := map[string][]byte{}
	for line := range bytes.Lines(s.text) {
		if name, rest, ok := bytes.Cut(bytes.TrimRight(line, "\n"), []byte("\t")); ok {
			lines[string(name)] = rest
		}
	}
	return lines
}

func encodeShard(shard int, upTo uint64, lines map[string][]byte) ([]byte, error) {
	var rest bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		rest.WriteString(name)
		rest.WriteByte('\t')
		rest.Write(lines[name])
		rest.WriteByte('\n')
	}
	sum := sha256.Sum256(rest.Bytes())
	head, err := json.Marshal(shardHead{shardVersion, shard, upTo, len(lines), hex.EncodeToString(sum[:])})
	if err != nil {
		return nil, err
	}
	return slices.Concat(head, []byte("\n"), rest.Bytes()), nil
}

// shardIndex says which object of each shard counts (0: none), and that all of them
// together stand for the log up to From.
type shardIndex struct {
	Version int      `json:"v"`
	From    uint64   `json:"from"`
	Shards  []uint64 `json:"shards"`

	number uint64
}

func indexKey(number uint64) string { return fmt.Sprintf("%s%012d", state.EditIndexPrefix, number) }

// readIndex reads the last index; without one nothing is in shards yet.
func readIndex(ctx context.Context, o state.Objects) (shardIndex, error) {
	last := ""
	for key, err := range state.Named(ctx, o, state.EditIndexPrefix, "") {
		if err != nil {
			return shardIndex{}, err
		}
		last = key
	}
	x := shardIndex{Version: shardVersion, Shards: make([]uint64, shardCount)}
	if last == "" {
		return x, nil
	}
	body, err := o.Read(ctx, last)
	if err != nil {
		return x, err
	}
	return x, x.decode(last, body)
}

func (x *shardIndex) decode(key string, body []byte) error {
	if err := json.Unmarshal(body, x); err != nil {
		return fmt.Errorf("index %s: %w: %w", key, state.ErrCorrupt, err)
	}
	var err error
	if x.number, err = entryNumber(strings.Replace(key, state.EditIndexPrefix, state.EditPrefix, 1)); err != nil {
		return err
	}
	switch {
	case x.Version > shardVersion:
		return fmt.Errorf("index %s: version %d, known up to %d: %w", key, x.Version, shardVersion, state.ErrLater)
	case len(x.Shards) != shardCount:
		return fmt.Errorf("index %s: %w: %d shards, want %d", key, state.ErrCorrupt, len(x.Shards), shardCount)
	}
	return nil
}

func (x shardIndex) create(ctx context.Context, o state.Objects) error {
	body, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return createAlike(ctx, o, indexKey(x.number), body)
}

// createAlike is Create, but what is there already and says the same is no rival's.
func createAlike(ctx context.Context, o state.Objects, key string, body []byte) error {
	err := o.Create(ctx, key, body)
	if err == nil {
		return nil
	}
	if have, readErr := o.Read(ctx, key); readErr == nil && bytes.Equal(have, body) {
		return nil
	} else if readErr != nil && !errors.Is(readErr, video.ErrNotFound) {
		return errors.Join(err, readErr)
	}
	return err
}
