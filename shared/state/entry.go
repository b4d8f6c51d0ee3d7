package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// JournalPrefix begins the keys of all that is remembered of metadata changes.
const JournalPrefix = "edits/"

// The keys below it: the log, of numbered entries; what it came to, in shards; and the
// numbered objects that say which shards count and from where on the log does.
const (
	logPrefix       = JournalPrefix + "0"      // twelve digits, the first of which is 0 for a long time
	editShardPrefix = JournalPrefix + "shard/" // then three hex digits, and the entry that it reaches to
	editIndexPrefix = JournalPrefix + "index/"
)

// entryVersion is the version that is written. Entries of version 1 are read.
const entryVersion = 2

// ErrLater says that a stored object was written by a later version of the program. The
// remedy is to deploy that version; what the object is about is left alone until then.
var ErrLater = errors.New("written by a later version of vodcurator; deploy that version")

// Values are the absolute values of the fields that are set.
type Values struct {
	video.Fields
	Tags *[]string `json:"tags,omitempty"`
}

// EditedMedia is what a batch was about to do to one media.
type EditedMedia struct {
	ID    video.ID      `json:"id"`
	Image bool          `json:"image,omitempty"`
	Set   Values        `json:"set,omitzero"` // what is sent; empty: only marks moved
	Old   Values        `json:"old,omitzero"` // what the same fields held
	Marks editing.Marks `json:"marks,omitempty"`
	Void  editing.Marks `json:"void,omitempty"` // open marks that are taken back
	Moved time.Time     `json:"moved,omitzero"` // in a base of version 1: when the marks last moved
	// Modified is when the library said before the write that the asset was modified.
	Modified time.Time `json:"modified,omitzero"`
	// Rules is what is remembered of the asset once the write has succeeded; nil: as before.
	Rules *tagging.Memory `json:"rules,omitempty"`
}

// Key is the media's key.
func (m EditedMedia) Key() editing.Key { return editing.Key{ID: m.ID, Image: m.Image} }

// Entry is one object of the log. Media says what is about to happen, and is
// created before the writes; Settled says what came of the writes of earlier entries.
type Entry struct {
	Version int           `json:"v"`
	Run     string        `json:"run,omitempty"` // the invocation
	At      time.Time     `json:"at,omitzero"`
	Media   []EditedMedia `json:"media,omitempty"`
	Settled []Settlement  `json:"settled,omitempty"`
}

// Settlement tells what came of the writes that the entry Of announced: all have
// succeeded but those of Open, which is not known or still to come, and those of
// Void, which the library has refused. A refused change leaves no mark.
type Settlement struct {
	Of   string        `json:"of"`
	Open []editing.Key `json:"open,omitempty"`
	Void []editing.Key `json:"void,omitempty"`
}

// Written are the media of an entry for which something is sent, not only
// remembered.
func (e Entry) Written() []EditedMedia {
	return slices.DeleteFunc(slices.Clone(e.Media), func(m EditedMedia) bool { return m.Set == Values{} })
}

// ReadEntry reads one entry of the log. Of one that it does not know the error wraps
// ErrLater.
func ReadEntry(ctx context.Context, o Objects, key string) (Entry, error) {
	body, err := o.Read(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	return decodeEntry(key, body)
}

// An entry is stored as a head and, below it, a line for each asset: its name, what is
// to be remembered of it, and the values. Who follows the log reads names, and the rest
// only of the assets of a batch. Later versions keep heads and names as they are.
type entryHead struct {
	Version int          `json:"v"`
	Run     string       `json:"run,omitempty"`
	At      time.Time    `json:"at,omitzero"`
	Settled []Settlement `json:"settled,omitempty"`
}

type entryMarks struct {
	Marks   editing.Marks   `json:"marks,omitempty"`
	Void    editing.Marks   `json:"void,omitempty"`
	Moved   time.Time       `json:"moved,omitzero"`
	Rules   *tagging.Memory `json:"rules,omitempty"`
	Wrote   *Wrote          `json:"wrote,omitempty"`
	Written bool            `json:"written,omitempty"` // something is sent
}

// Wrote is a write of ours: what it left, and when the library said before it that the
// asset was modified. For a moment after it the library may show what was there before.
type Wrote struct {
	At       time.Time         `json:"at,omitzero"`
	Modified time.Time         `json:"modified,omitzero"`
	Sums     map[string]string `json:"sums"` // by part, as editing.Sum has it
	// Or is what later writes would leave of which nobody knows whether they happened.
	Or map[string][]string `json:"or,omitempty"`
}

// maxOr bounds how many writes of unknown outcome are remembered beside a known one.
const maxOr = 8

// or is the write when a later one was announced: the library may show what either leaves,
// and nothing that is older.
func (w *Wrote) or(later *Wrote) *Wrote {
	if w == nil || later == nil {
		return nil
	}
	both := &Wrote{At: w.At, Modified: w.Modified, Sums: w.Sums, Or: map[string][]string{}}
	for part := range w.Sums {
		if len(w.Or[part]) == maxOr {
			return nil
		}
		both.Or[part] = slices.Concat(w.Or[part], []string{later.Sums[part]})
	}
	return both
}

// settling is how long that moment is at the most.
const settling = 2 * time.Minute

// Shows says that a reading is as old as before the write.
func (w *Wrote) Shows(v editing.Value, now time.Time) bool {
	if w == nil || now.Sub(w.At) > settling || v.Modified.IsZero() || v.Modified.After(w.Modified) {
		return false
	}
	for part, sum := range w.Sums {
		if now := editing.Sum(v, part); now != sum && !slices.Contains(w.Or[part], now) {
			return true
		}
	}
	return false
}

// wrote is what an announced write leaves.
func (m EditedMedia) wrote() *Wrote {
	if m.Set == (Values{}) || m.Modified.IsZero() {
		return nil
	}
	w := &Wrote{Modified: m.Modified, Sums: map[string]string{}}
	value, parts := editing.OfUpdate(video.Update{Fields: m.Set.Fields, Tags: m.Set.Tags})
	for _, part := range parts {
		w.Sums[part] = editing.Sum(value, part)
	}
	return w
}

type entryValues struct {
	Set Values `json:"set,omitzero"`
	Old Values `json:"old,omitzero"`
}

// entryLine is a line that was not decoded yet.
type entryLine struct {
	key           editing.Key
	marks, values []byte
}

// lines are those of an entry's assets.
func (e Entry) lines() ([]entryLine, error) {
	lines := make([]entryLine, len(e.Media))
	for i, m := range e.Media {
		marks, err := json.Marshal(entryMarks{m.Marks, m.Void, m.Moved, m.Rules, m.wrote(), m.Set != Values{}})
		if err != nil {
			return nil, err
		}
		values, err := json.Marshal(entryValues{m.Set, m.Old})
		if err != nil {
			return nil, err
		}
		lines[i] = entryLine{m.Key(), marks, values}
	}
	return lines, nil
}

func (e Entry) encode(lines []entryLine) ([]byte, error) {
	body, err := json.Marshal(entryHead{e.Version, e.Run, e.At, e.Settled})
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	for _, l := range lines {
		body = append(body, lineKey(l.key)...)
		for _, part := range [][]byte{l.marks, l.values} {
			body = append(append(body, '\t'), part...)
		}
		body = append(body, '\n')
	}
	return body, nil
}

// splitEntry reads an entry as far as it can be read without its lines' contents. One of
// version 1 is one JSON value. With ErrLater the names are there all the same.
func splitEntry(key string, body []byte) (Entry, []entryLine, error) {
	first, rest, _ := bytes.Cut(body, []byte("\n"))
	var head entryHead
	if err := json.Unmarshal(first, &head); err != nil {
		var version struct {
			V int `json:"v"`
		}
		if json.Unmarshal(first, &version) != nil || version.V <= entryVersion {
			return Entry{}, nil, fmt.Errorf("journal %s: %w: %w", key, ErrCorrupt, err)
		}
		head = entryHead{Version: version.V}
	}
	e := Entry{Version: head.Version, Run: head.Run, At: head.At, Settled: head.Settled}
	var lines []entryLine
	for line := range bytes.Lines(rest) {
		parts := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"), 3)
		id, image := strings.CutSuffix(string(parts[0]), ":image")
		if len(parts) < 3 && e.Version <= entryVersion {
			return Entry{}, nil, fmt.Errorf("journal %s: %w: the line of %s", key, ErrCorrupt, id)
		}
		l := entryLine{key: editing.Key{ID: video.ID(id), Image: image}}
		if len(parts) == 3 {
			l.marks, l.values = parts[1], parts[2]
		}
		lines = append(lines, l)
	}
	switch {
	case e.Version == 1:
		if err := json.Unmarshal(body, &e); err != nil {
			return Entry{}, nil, fmt.Errorf("journal %s: %w: %w", key, ErrCorrupt, err)
		}
		lines, err := e.lines()
		return e, lines, err
	case e.Version > entryVersion:
		return Entry{}, lines, fmt.Errorf("journal %s: version %d, known up to %d: %w", key, e.Version, entryVersion, ErrLater)
	case e.Version < 1:
		return Entry{}, nil, fmt.Errorf("journal %s: %w: version %d, want 1 to %d", key, ErrCorrupt, e.Version, entryVersion)
	}
	return e, lines, nil
}

func decodeEntry(key string, body []byte) (Entry, error) {
	e, lines, err := splitEntry(key, body)
	if err != nil || e.Version == 1 {
		return e, err
	}
	for _, l := range lines {
		var marks entryMarks
		var values entryValues
		if err := errors.Join(json.Unmarshal(l.marks, &marks), json.Unmarshal(l.values, &values)); err != nil {
			return Entry{}, fmt.Errorf("journal %s: %w: the line of %s: %w", key, ErrCorrupt, l.key.ID, err)
		}
		e.Media = append(e.Media, EditedMedia{
			ID: l.key.ID, Image: l.key.Image, Set: values.Set, Old: values.Old,
			Marks: marks.Marks, Void: marks.Void, Moved: marks.Moved, Rules: marks.Rules,
		})
		if marks.Wrote != nil {
			e.Media[len(e.Media)-1].Modified = marks.Wrote.Modified
		}
	}
	return e, nil
}

// LogEntries gives the keys of the log's entries behind one, in order, without the
// bases that version 1 put between them.
func LogEntries(ctx context.Context, o Objects, after string) ([]string, error) {
	var keys []string
	for key, err := range named(ctx, o, logPrefix, after) {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(key, baseMark) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// baseMark ends the key of a base, which version 1 wrote: it has the last number that it
// stands for, and sorts behind it and before the next.
const baseMark = "+"

func entryKey(number uint64) string { return fmt.Sprintf("%s%012d", JournalPrefix, number) }

func entryNumber(key string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(key, JournalPrefix), baseMark), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("journal %s: %w: not an entry", key, ErrCorrupt)
	}
	return n, nil
}
