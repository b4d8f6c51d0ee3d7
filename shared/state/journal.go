package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/video"
)

// JournalPrefix begins the keys of the journal of metadata changes.
const JournalPrefix = "edits/"

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
	Moved time.Time     `json:"moved,omitzero"` // in a base: when the marks last moved
}

// Key is the media's key.
func (m EditedMedia) Key() editing.Key { return editing.Key{ID: m.ID, Image: m.Image} }

// Entry is one object of the journal. Media says what is about to happen, and is
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

// Journal holds the watermarks of every media that was changed, as the entries
// under JournalPrefix tell them. Entries are numbered without gaps and only the
// next number can be created, so of two writers one learns with ErrExists that
// it decided on old knowledge. A Journal is not safe for concurrent use.
type Journal struct {
	objects Objects
	last    string // the key read last
	marks   map[editing.Key]editing.Marks
	moved   map[editing.Key]time.Time
	open    map[string][]announced // by entry; what nobody has settled yet
	mine    map[string]bool        // the entries in open that this journal appended
	taken   int                    // entries since the last base
}

// announced is a media about to be written, and its marks before that.
type announced struct {
	EditedMedia
	was editing.Marks
}

// NewJournal makes a journal that knows nothing until CatchUp.
func NewJournal(o Objects) *Journal {
	return &Journal{objects: o, marks: map[editing.Key]editing.Marks{}, moved: map[editing.Key]time.Time{}, open: map[string][]announced{}, mine: map[string]bool{}}
}

// Marks are the watermarks of one media. They are not to be changed.
func (j *Journal) Marks(k editing.Key) editing.Marks { return j.marks[k] }

// CatchUp reads the entries that were created since the last time.
func (j *Journal) CatchUp(ctx context.Context) error {
	for tries := 0; ; tries++ {
		err := j.catchUp(ctx)
		if tries < 3 && errors.Is(err, video.ErrNotFound) {
			continue // compacted since it was listed: what replaces it is listed now
		}
		return err
	}
}

func (j *Journal) catchUp(ctx context.Context) error {
	var keys []string
	for key, err := range named(ctx, j.objects, JournalPrefix, j.last) {
		if err != nil {
			return err
		}
		if j.last == "" && strings.HasSuffix(key, baseMark) {
			keys = keys[:0] // it stands for all before it
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		entry, err := ReadEntry(ctx, j.objects, key)
		if err != nil {
			return err
		}
		j.take(key, entry)
	}
	return nil
}

// Append creates the next entry and takes it in. With ErrExists another writer
// was faster: catch up and decide again.
func (j *Journal) Append(ctx context.Context, e Entry) (key string, err error) {
	number := uint64(0)
	if j.last != "" {
		if number, err = entryNumber(j.last); err != nil {
			return "", err
		}
	}
	e.Version = 1
	body, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	key = entryKey(number + 1)
	if err := j.objects.Create(ctx, key, body); err != nil {
		return "", err
	}
	j.take(key, e)
	if len(j.open[key]) > 0 {
		j.mine[key] = true
	}
	// What others have left open may stay so for ever: they were killed.
	if len(j.mine) == 0 && j.taken >= baseEvery {
		// So that who starts reads one base and little more. It is no harm when this
		// fails: the next writer to come so far tries again.
		if body, err := json.Marshal(j.base(time.Now().Add(-baseKeeps))); err == nil {
			base := strings.TrimSuffix(j.last, baseMark) + baseMark
			if err := j.objects.Create(ctx, base, body); err == nil || errors.Is(err, ErrExists) {
				j.last, j.taken = base, 0
			}
		}
	}
	return key, nil
}

// A base comes after so many entries, and remembers the changes issued or made in so
// long: a message may lie a week in its queue and another among the dead letters.
const (
	baseEvery = 200
	baseKeeps = 15 * 24 * time.Hour
)

func (j *Journal) take(key string, e Entry) {
	j.last = key
	if j.taken++; strings.HasSuffix(key, baseMark) {
		j.taken = 0
	}
	for _, s := range e.Settled {
		for _, m := range j.open[s.Of] {
			k := m.Key()
			switch {
			case slices.Contains(s.Void, k):
				j.marks[k] = j.marks[k].Without(m.Marks, m.was)
			case !slices.Contains(s.Open, k):
				j.marks[k] = j.marks[k].Settle(m.Marks)
			}
		}
		delete(j.open, s.Of)
		delete(j.mine, s.Of)
	}
	for _, m := range e.Media {
		was := j.marks[m.Key()]
		was = was.Without(m.Void, was)
		j.marks[m.Key()] = was.Merge(m.Marks)
		for _, at := range []time.Time{e.At, m.Moved} {
			if at.After(j.moved[m.Key()]) {
				j.moved[m.Key()] = at
			}
		}
		if m.Set != (Values{}) {
			j.open[key] = append(j.open[key], announced{m, was})
		}
	}
}

// ReadEntry reads one entry of the journal.
func ReadEntry(ctx context.Context, o Objects, key string) (Entry, error) {
	body, err := o.Read(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal(body, &e); err != nil {
		return Entry{}, fmt.Errorf("journal %s: %w: %w", key, ErrCorrupt, err)
	}
	if e.Version != 1 {
		return Entry{}, fmt.Errorf("journal %s: %w: version %d, want 1", key, ErrCorrupt, e.Version)
	}
	return e, nil
}

// Compaction is what replaces the old part of the journal: once Base is created,
// the keys in Remove tell nothing that it does not.
type Compaction struct {
	Base   string
	Body   []byte
	Remove []string
}

// YoungestCompacted is how old an entry must be to be compacted. A writer that was
// held up between reading the journal and creating its next entry must not find
// that number free again; no function runs longer than a day.
const YoungestCompacted = 25 * time.Hour

// Compact plans to replace the entries made before a moment by one that holds the
// marks of changes issued since then, the open ones, and all of media written since
// then. What is compacted can no longer be taken back, and a message issued earlier
// that still comes is no longer known to be late. Where the last of the entries is such
// a base, none has to be created.
func Compact(ctx context.Context, o Objects, before time.Time) (Compaction, error) {
	j := NewJournal(o)
	var c Compaction
	for key, err := range named(ctx, o, JournalPrefix, "") {
		if err != nil {
			return Compaction{}, err
		}
		e, err := ReadEntry(ctx, o, key)
		if err != nil {
			return Compaction{}, err
		}
		if !e.At.Before(before) {
			break
		}
		j.take(key, e)
		c.Remove = append(c.Remove, key)
	}
	switch n := len(c.Remove); {
	case n == 0:
		return Compaction{}, nil
	case strings.HasSuffix(j.last, baseMark): // it stands for those before it already
		c.Remove = c.Remove[:n-1]
		return c, nil
	}
	c.Base = j.last + baseMark
	var err error
	c.Body, err = json.Marshal(j.base(before))
	return c, err
}

// base is the entry that stands for all that the journal has taken: the marks of
// changes issued since then, the open ones, and all of a media that was written since
// then, however long ago the changes say that they were issued.
func (j *Journal) base(since time.Time) Entry {
	base := Entry{Version: 1}
	for k, marks := range j.marks {
		kept, moved := maps.Clone(marks), j.moved[k]
		maps.DeleteFunc(kept, func(_ string, m editing.Mark) bool {
			return !m.Open && m.At.Before(since) && moved.Before(since)
		})
		if len(kept) > 0 {
			base.Media = append(base.Media, EditedMedia{ID: k.ID, Image: k.Image, Marks: kept, Moved: moved})
		}
	}
	slices.SortFunc(base.Media, func(a, b EditedMedia) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return base
}

// baseMark ends the key of a base: it has the last number that it stands for, and
// sorts behind it and before the next.
const baseMark = "+"

func entryKey(number uint64) string { return fmt.Sprintf("%s%012d", JournalPrefix, number) }

func entryNumber(key string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(key, JournalPrefix), baseMark), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("journal %s: %w: not an entry", key, ErrCorrupt)
	}
	return n, nil
}
