package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Texts names what people write for the functions, and with it a series of versions.
type Texts string

// Both files.
const (
	RulesText  Texts = "rules"
	PolicyText Texts = "policy"
)

// Version is one object of a series below VersionPrefix: a text that somebody saved or, where it
// names one, that it was made current. Objects of the series never change.
//
// # Why
//
// What functions read stays one object of the owner, under the key that RULES_FILE or
// POLICY_FILE names, and Replace puts a saved text there. A series whose highest number counts
// would cost every batch a listing, and would make a draft current by being saved.
type Version struct {
	Record int       `json:"version"` // RecordVersion
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	By     string    `json:"by"` // whose credentials
	Note   string    `json:"note,omitempty"`
	Text   string    `json:"text,omitempty"`
	Hash   string    `json:"hash,omitempty"` // Digest of the text
	// Activated is the number of the text that was made current; 0: this one is a text.
	Activated int `json:"activated,omitempty"`
}

// MaxText is the most that a text may hold, in bytes.
const MaxText = 1 << 20

// mostTries is how often the next number is asked for when others take it.
const mostTries = 10

// SaveVersion writes the next object of a series and gives it with its number. A text of more
// than MaxText is video.ErrInvalid.
func SaveVersion(ctx context.Context, o Objects, of Texts, v Version) (Version, error) {
	if len(v.Text) > MaxText {
		return v, fmt.Errorf("%w: a text of %d bytes, at most %d", video.ErrInvalid, len(v.Text), MaxText)
	}
	v.Record, v.At, v.Hash = RecordVersion, v.At.UTC(), ""
	if v.Activated == 0 {
		v.Hash = Digest([]byte(v.Text))
	}
	for range mostTries {
		last, err := LastOf(ctx, o, versions(of), v.Number)
		if err != nil {
			return v, err
		}
		v.Number = last + 1
		text, err := json.Marshal(v)
		if err != nil {
			return v, err
		}
		if err = o.Create(ctx, versionKey(of, v.Number), text); !errors.Is(err, ErrExists) {
			return v, err
		}
	}
	return v, fmt.Errorf("%w: others write versions of the %s at the same time; try again", video.ErrTransient, of)
}

// ReadVersion reads one object of a series. One that is corrupt is ErrCorrupt.
func ReadVersion(ctx context.Context, o Objects, of Texts, number int) (v Version, err error) {
	if number < 1 || number > highest {
		return v, fmt.Errorf("%w: version %d of the %s", video.ErrNotFound, number, of)
	}
	return readVersion(ctx, o, versionKey(of, number))
}

// Versions reads the last objects of a series, so many at most, oldest first. One that is
// corrupt is left out and comes as a fault.
func Versions(ctx context.Context, o Objects, of Texts, most int) (all []Version, faults []error, err error) {
	last, err := LastOf(ctx, o, versions(of), 0)
	if err != nil {
		return nil, nil, err
	}
	for key, err := range Named(ctx, o, versions(of), Numbered(versions(of), max(0, last-most), "~")) {
		if err != nil {
			return nil, nil, err
		}
		v, err := readVersion(ctx, o, key)
		switch {
		case CorruptOrGone(err), errors.Is(err, ErrLater):
			faults = append(faults, err)
		case err != nil:
			return nil, nil, err
		default:
			all = append(all, v)
		}
	}
	return all, faults, nil
}

// Replace writes an object of the owner, such as rules or a policy, over the one that is there.
// A key of this package is video.ErrInvalid: those objects never change. It is no method, so
// that a program that does not call it does not hold it either.
func Replace(ctx context.Context, s *Store, key string, body []byte) error {
	err := check(ctx, key)
	if dir, _, below := strings.Cut(key, "/"); err == nil && (key == probe || below && fit[dir+"/"] != nil) {
		err = fmt.Errorf("%w: objects of vodcurator itself are never written over", video.ErrInvalid)
	}
	if err == nil && s.readOnly {
		err = ErrReadOnly
	}
	if err == nil {
		switch form := s.form.(type) {
		case *folder:
			err = form.replace(key, body)
		case *bucket:
			err = form.replace(ctx, key, body)
		}
	}
	if err != nil {
		return fmt.Errorf("state: replace %q: %w", key, err)
	}
	return nil
}

func versions(of Texts) string { return VersionPrefix + string(of) + "/" }

func versionKey(of Texts, n int) string { return Numbered(versions(of), n, ".json") }

func isTexts(name string) bool { return slices.Contains([]Texts{RulesText, PolicyText}, Texts(name)) }

func readVersion(ctx context.Context, o Objects, key string) (v Version, err error) {
	if _, err = ReadRecord(ctx, o, key, &v); err != nil {
		return v, err
	}
	switch {
	case v.Record > RecordVersion:
		err = fmt.Errorf("%s: %w", key, ErrLater)
	case !strings.HasSuffix(key, Numbered("/", v.Number, ".json")):
		err = fmt.Errorf("%s: %w: it says that its number is %d", key, ErrCorrupt, v.Number)
	case v.Activated == 0 && v.Hash != Digest([]byte(v.Text)):
		err = fmt.Errorf("%s: %w: the text fails its hash", key, ErrCorrupt)
	}
	return v, err
}
