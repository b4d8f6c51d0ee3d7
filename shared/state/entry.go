package state

import (
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
	logPrefix   = JournalPrefix + "0"      // twelve digits, the first of which is 0 for a long time
	shardPrefix = JournalPrefix + "shard/" // then three hex digits, and the entry that it reaches to
	indexPrefix = JournalPrefix + "index/"
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

// ReadEntry reads one entry of the log. What it does not know wraps ErrLater, and the
// entry then has the media that it is about, if these can be read.
func ReadEntry(ctx context.Context, o Objects, key string) (Entry, error) {
	body, err := o.Read(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	return decodeEntry(key, body)
}

func decodeEntry(key string, body []byte) (Entry, error) {
	var head struct {
		Version int `json:"v"`
		Media   []struct {
			ID    video.ID `json:"id"`
			Image bool     `json:"image"`
		} `json:"media"`
	}
	var e Entry
	if err := json.Unmarshal(body, &e); err == nil && (e.Version == 1 || e.Version == entryVersion) {
		return e, nil
	} else if headErr := json.Unmarshal(body, &head); err != nil && (headErr != nil || head.Version <= entryVersion) {
		return Entry{}, fmt.Errorf("journal %s: %w: %w", key, ErrCorrupt, err)
	}
	if head.Version < 1 {
		return Entry{}, fmt.Errorf("journal %s: %w: version %d, want 1 to %d", key, ErrCorrupt, head.Version, entryVersion)
	}
	later := Entry{Version: head.Version}
	for _, m := range head.Media {
		later.Media = append(later.Media, EditedMedia{ID: m.ID, Image: m.Image})
	}
	return later, fmt.Errorf("journal %s: version %d, known up to %d: %w", key, head.Version, entryVersion, ErrLater)
}

// LogEntries gives the keys of the log's entries behind one, in order, without the
// bases that version 1 put between them.
func LogEntries(ctx context.Context, o Objects, after string) ([]string, error) {
	var keys []string
	for key, err := range o.List(ctx, logPrefix, after) {
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
