package edits

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
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// entryVersion is the version that is written. Entries of version 1 are read.
const entryVersion = 2

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
	// Modified is when the library said that the asset was modified, in the reading on
	// which this was decided; Before is the sum of what it showed, After of what the write
	// leaves; Doubt says that a write before it may not have shown yet.
	Modified      time.Time `json:"-"`
	Before, After string    `json:"-"`
	Doubt         bool      `json:"-"`
	// Rules is what is remembered of the asset once the write has succeeded; nil: as before.
	Rules *tagging.Memory `json:"rules,omitempty"`
	Asked []Asked         `json:"asked,omitempty"` // the notes of what was taken
}

// Asked is the note of a change or, without a moment, of a run of the rules.
type Asked struct {
	At time.Time `json:"at,omitzero"` // when it was issued
	video.Asked
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
func ReadEntry(ctx context.Context, o state.Objects, key string) (Entry, error) {
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
	Floor   *Floor          `json:"floor,omitempty"`
	Written bool            `json:"written,omitempty"` // something is sent
}

// Floor is the oldest state of an asset that the library may still show: the one on which
// an entry was decided or, of a write, the one that it leaves. For a moment after a write
// the library may show what was there before.
type Floor struct {
	At       time.Time `json:"at,omitzero"`       // of the entry
	Modified time.Time `json:"modified,omitzero"` // when the library said that the asset was modified
	Sum      string    `json:"sum"`               // of the state, as editing.SumAll has it
	Or       string    `json:"or,omitempty"`      // and of what a write leaves of which nobody knows whether it happened
	// Only says that no other state counts, however young: the entry was decided on a
	// reading in doubt, and what the write in doubt left is younger than that reading.
	Only bool `json:"only,omitempty"`
}

// Settling is how long that moment is at the most.
const Settling = 2 * time.Minute

// Above says that a reading is older than the floor. What an earlier state has in common
// with a later one does not make it young.
func (f *Floor) Above(v editing.Value, now time.Time) bool {
	if f == nil || now.Sub(f.At) > Settling || v.Modified.IsZero() || v.Modified.After(f.Modified) && !f.Only {
		return false
	}
	sum := editing.SumAll(v)
	return v.Modified.Before(f.Modified) || sum != f.Sum && sum != f.Or
}

// Doubts says that a reading shows what was there before a write of which nobody knows
// whether it happened: it failed, or it does not show yet.
func (f *Floor) Doubts(v editing.Value, now time.Time) bool {
	return f != nil && now.Sub(f.At) <= Settling && (f.Or != "" || f.Only) && !v.Modified.After(f.Modified) && editing.SumAll(v) == f.Sum
}

// floor is the one that an entry sets until it is settled; nil: the library did not say
// when the asset was modified, and the one before stays.
func (m EditedMedia) floor() *Floor {
	if m.Modified.IsZero() {
		return nil
	}
	f := &Floor{Modified: m.Modified, Sum: m.Before, Only: m.Doubt}
	if m.Set != (Values{}) {
		f.Or = m.After
	}
	return f
}

// settled is the floor once it is known what came of the write that it was set for.
func (f Floor) settled(done bool) *Floor {
	if done {
		f.Sum = f.Or
	}
	f.Or = ""
	return &f
}

type entryValues struct {
	Set   Values  `json:"set,omitzero"`
	Old   Values  `json:"old,omitzero"`
	Asked []Asked `json:"asked,omitempty"`
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
		marks, err := json.Marshal(entryMarks{m.Marks, m.Void, m.Moved, m.Rules, m.floor(), m.Set != Values{}})
		if err != nil {
			return nil, err
		}
		values, err := json.Marshal(entryValues{m.Set, m.Old, m.Asked})
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
			return Entry{}, nil, fmt.Errorf("journal %s: %w: %w", key, state.ErrCorrupt, err)
		}
		head = entryHead{Version: version.V}
	}
	e := Entry{Version: head.Version, Run: head.Run, At: head.At, Settled: head.Settled}
	var lines []entryLine
	for line := range bytes.Lines(rest) {
		parts := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"), 3)
		id, image := strings.CutSuffix(string(parts[0]), ":image")
		if len(parts) < 3 && e.Version <= entryVersion {
			return Entry{}, nil, fmt.Errorf("journal %s: %w: the line of %s", key, state.ErrCorrupt, id)
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
			return Entry{}, nil, fmt.Errorf("journal %s: %w: %w", key, state.ErrCorrupt, err)
		}
		lines, err := e.lines()
		return e, lines, err
	case e.Version > entryVersion:
		return Entry{}, lines, fmt.Errorf("journal %s: version %d, known up to %d: %w", key, e.Version, entryVersion, state.ErrLater)
	case e.Version < 1:
		return Entry{}, nil, fmt.Errorf("journal %s: %w: version %d, want 1 to %d", key, state.ErrCorrupt, e.Version, entryVersion)
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
			return Entry{}, fmt.Errorf("journal %s: %w: the line of %s: %w", key, state.ErrCorrupt, l.key.ID, err)
		}
		e.Media = append(e.Media, EditedMedia{
			ID: l.key.ID, Image: l.key.Image, Set: values.Set, Old: values.Old,
			Marks: marks.Marks, Void: marks.Void, Moved: marks.Moved, Rules: marks.Rules, Asked: values.Asked,
		})
	}
	return e, nil
}

// LogEntries gives the keys of the log's entries behind one, in order, without the
// bases that version 1 put between them.
func LogEntries(ctx context.Context, o state.Objects, after string) ([]string, error) {
	var keys []string
	for key, err := range state.Named(ctx, o, state.EditLogPrefix, after) {
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

func entryKey(number uint64) string { return fmt.Sprintf("%s%012d", state.EditPrefix, number) }

func entryNumber(key string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(key, state.EditPrefix), baseMark), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("journal %s: %w: not an entry", key, state.ErrCorrupt)
	}
	return n, nil
}
