package events

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"vodcurator/shared/video"
)

var (
	// ErrVersion says that a message is of a version that we do not know.
	ErrVersion = errors.New("unknown version")
	// ErrUnknownField says that a message has a field that we do not know. It is
	// refused and not ignored: a misspelt field is a change that somebody meant.
	ErrUnknownField = errors.New("unknown field")
)

// MetadataVersion is the version of the message that is written.
const MetadataVersion = 1

// MaxMessage is how long a message may be to fit a queue message of 64 KB, which
// carries it as base64.
const MaxMessage = 48 << 10

// MaxChanges is how many changes one message may hold: the work of a batch is bounded
// by its messages, not by what one of them packs.
const MaxChanges = 1000

// maxTries is more than any message is tried.
const maxTries = 1_000_000

// Metadata is our message: changes of one or more media, and, once it went round,
// how it fared.
type Metadata struct {
	Changes []video.Change
	// Retag names assets over which the tagging rules are to be run. It says nothing of
	// them: whoever writes reads them again, and decides with a clock of its own.
	Retag []Retag
	// Bulk says that changes wait in the queue of bulk changes. Such a message says nothing else.
	Bulk bool
	// Origin is who wants the changes: OriginPerson or, the same, nobody named; or
	// OriginRules, and then the rules are run again instead.
	Origin    string
	Attempts  int       // how often it was tried; 0 for a new one
	Before    int       // how often in the rounds before, each of which ended among the dead letters
	FirstSeen time.Time // when it was tried first; zero for a new one
	// Ref is the key under STATE of the message proper, which was too large for the
	// queue; there are no Changes then.
	Ref    string
	Reason string // why it came back
	// Original is the body as its sender sent it, byte for byte, once the message went
	// round and is no longer that body.
	Original []byte
}

// Who wants what a message says.
const (
	OriginPerson = "person"
	OriginRules  = "rules"
)

// Retag is one asset over which the rules are to be run, and why.
type Retag struct {
	ID    video.ID   `json:"id"`
	Kind  video.Kind `json:"kind,omitempty"`  // empty: video
	Event string     `json:"event,omitempty"` // the kind of notification that led here, or EventSweep
	Via   string     `json:"via,omitempty"`   // how it came in (general, live, …), when a search said so
	Rules string     `json:"rules,omitempty"` // the version of the rules that are meant; empty: those in force
	video.Asked
}

// EventSweep is the Event of an asset that no notification led to.
const EventSweep = "sweep"

// Check refuses what cannot be read.
func (r Retag) Check() error {
	faults := []error{video.Change{ID: r.ID, Kind: r.Kind, Asked: r.Asked}.Check()}
	for name, text := range map[string]string{"event": r.Event, "via": r.Via, "rules": r.Rules} {
		if len(text) > 64 {
			faults = append(faults, fmt.Errorf("%w: %s: %d bytes, at most 64", video.ErrInvalid, name, len(text)))
		}
	}
	return errors.Join(faults...)
}

// refKey is where such messages are kept: whoever sends a message must not be able
// to name whatever else lies under STATE.
var refKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^messages/[A-Za-z0-9/_-]+$`) })

// metadataWire is the message as it is written; video.Change has the names below it.
type metadataWire struct {
	Version   int            `json:"v"`
	Changes   []video.Change `json:"changes,omitempty"`
	Retag     []Retag        `json:"retag,omitempty"`
	Bulk      bool           `json:"bulk,omitempty"`
	Origin    string         `json:"origin,omitempty"`
	Attempts  int            `json:"attempts,omitempty"`
	Before    int            `json:"before,omitempty"`
	FirstSeen time.Time      `json:"firstSeen,omitzero"`
	Ref       string         `json:"ref,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Original  []byte         `json:"original,omitempty"`
}

// DecodeMetadata reads a metadata message, or the array that UpdateVideoInfos takes
// as its UpdateContent. It checks form, not limits: each change's own Check does
// that, so that one wrong change does not take the others with it. Every error
// wraps ErrMalformed.
func DecodeMetadata(body []byte) (Metadata, error) {
	body = unmarked(body)
	switch {
	case len(body) > MaxBody:
		return Metadata{}, tooLarge("metadata message", len(body))
	case !utf8.Valid(body):
		// The JSON decoder would quietly put U+FFFD in its place.
		return Metadata{}, malformed("metadata message", "%s", notText("", body, 5))
	case first(body) == '[':
		return decodeContent(body)
	case first(body) != '{':
		return Metadata{}, malformed("metadata message", "neither an object nor an array")
	}
	// The version first: another version's fields are not ours to name.
	var head struct {
		Version json.RawMessage `json:"v"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return Metadata{}, malformed("metadata message", "%w", err)
	}
	if string(head.Version) != strconv.Itoa(MetadataVersion) {
		return Metadata{}, malformed("metadata message", "%w: %q is not %d", ErrVersion, clip(string(head.Version)), MetadataVersion)
	}
	var wire metadataWire
	if err := strict(body, &wire); err != nil {
		return Metadata{}, malformed("metadata message", "%w", err)
	}
	if err := exactly(body, messageKeys); err != nil {
		return Metadata{}, malformed("metadata message", "%w", err)
	}
	m := Metadata{Changes: wire.Changes, Retag: wire.Retag, Bulk: wire.Bulk, Origin: wire.Origin, Attempts: wire.Attempts, Before: wire.Before, FirstSeen: wire.FirstSeen, Ref: wire.Ref, Reason: wire.Reason, Original: wire.Original}
	if err := cmp.Or(m.round(), m.content()); err != nil {
		return Metadata{}, err
	}
	return m, nil
}

// round says what is wrong with what a message tells of its rounds.
func (m Metadata) round() error {
	switch {
	case m.Attempts < 0 || m.Attempts > maxTries:
		return malformed("metadata message", "attempts is %d, 0 to %d", m.Attempts, maxTries)
	case m.Before < 0 || m.Before > maxTries:
		return malformed("metadata message", "before is %d, 0 to %d", m.Before, maxTries)
	case !dated(m.FirstSeen):
		return malformed("metadata message", "firstSeen: year %d, 1 to 9999", m.FirstSeen.UTC().Year())
	}
	return nil
}

// content says what is wrong with what a message asks for, its changes' own limits aside.
func (m Metadata) content() error {
	n := len(m.Changes) + len(m.Retag)
	switch {
	case m.Bulk && (m.Ref != "" || n > 0):
		return malformed("metadata message", "bulk goes alone")
	case m.Ref == "" && n == 0 && !m.Bulk:
		return malformed("metadata message", "no changes")
	case n > MaxChanges:
		return malformed("metadata message", "%d changes, at most %d; send more messages", n, MaxChanges)
	case m.Origin != "" && m.Origin != OriginPerson && m.Origin != OriginRules:
		return malformed("metadata message", "origin: %q is neither %s nor %s", clip(m.Origin), OriginPerson, OriginRules)
	case m.Ref != "" && !refKey().MatchString(m.Ref):
		return malformed("metadata message", "ref: %q is not a key under messages/", clip(m.Ref))
	case m.Ref != "" && n > 0:
		return malformed("metadata message", "both changes and ref")
	}
	return nil
}

// notText says where in a JSON value something is not UTF-8, looking so many levels
// down: our messages have no more than five.
func notText(at string, value []byte, levels int) string {
	var fields map[string]json.RawMessage
	var items []json.RawMessage
	if levels > 0 { // the value is of one of the two forms at most
		_ = json.Unmarshal(value, &fields)
		_ = json.Unmarshal(value, &items)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := fields[name]
		if !utf8.Valid(field) {
			return notText(strings.TrimPrefix(at+"."+name, "."), field, levels-1)
		}
	}
	for i, item := range items {
		if !utf8.Valid(item) {
			return notText(fmt.Sprintf("%s[%d]", at, i), item, levels-1)
		}
	}
	return strings.TrimPrefix(fmt.Sprintf("%s: %q is not UTF-8", at, clip(strings.Trim(string(value), `"`))), ": ")
}

// EncodeMetadata writes a metadata message. It refuses what DecodeMetadata would
// not give back alike; the error wraps video.ErrInvalid.
func EncodeMetadata(m Metadata) ([]byte, error) {
	if !utf8.ValidString(allText(m)) {
		// The JSON encoder would quietly put U+FFFD in its place.
		return nil, fmt.Errorf("metadata message: %w: text that is not UTF-8", video.ErrInvalid)
	}
	wire := metadataWire{MetadataVersion, m.Changes, m.Retag, m.Bulk, m.Origin, m.Attempts, m.Before, m.FirstSeen, m.Ref, m.Reason, m.Original}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(wire); err != nil {
		return nil, fmt.Errorf("metadata message: %w: %w", video.ErrInvalid, err)
	}
	out := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	if _, err := DecodeMetadata(out); err != nil {
		return nil, fmt.Errorf("%w: %w", video.ErrInvalid, err)
	}
	return out, nil
}

// allText is every text of a message, one behind the other.
func allText(m Metadata) string {
	// The NUL between two texts keeps halves of a character from becoming one.
	parts := []string{m.Ref, m.Reason, m.Origin}
	for _, r := range m.Retag {
		parts = append(parts, string(r.ID), string(r.Kind), r.Event, r.Via, r.Rules, r.By, r.Source)
	}
	for _, c := range m.Changes {
		parts = append(parts, string(c.ID), string(c.Kind), c.By, c.Source)
		for _, p := range []*string{c.Set.Title, c.Set.Description, c.Set.Cover} {
			if p != nil {
				parts = append(parts, *p)
			}
		}
		parts = append(append(parts, c.Tags.Add...), c.Tags.Remove...)
		if c.Tags.Set != nil {
			parts = append(parts, *c.Tags.Set...)
		}
	}
	return strings.Join(parts, "\x00")
}

// decodeContent reads an UpdateContent: what is said replaces the field, and Tags
// the whole list.
func decodeContent(body []byte) (Metadata, error) {
	var items []struct {
		VideoId     video.ID //nolint:revive // the wire's own name
		Title       *string
		Description *string
		Tags        *string
		CateId      *looseInt //nolint:revive // the wire's own name
		CoverURL    *string
	}
	if err := strict(body, &items); err != nil {
		return Metadata{}, malformed("UpdateContent", "%w", err)
	}
	if err := exactly(body, contentKeys); err != nil {
		return Metadata{}, malformed("UpdateContent", "%w", err)
	}
	if len(items) == 0 {
		return Metadata{}, malformed("UpdateContent", "no items")
	}
	if len(items) > MaxChanges {
		return Metadata{}, malformed("UpdateContent", "%d items, at most %d; send more messages", len(items), MaxChanges)
	}
	m := Metadata{Changes: make([]video.Change, len(items))}
	for i, item := range items {
		c := video.Change{ID: item.VideoId, Set: video.Fields{
			Title: item.Title, Description: item.Description, Category: (*int64)(item.CateId), Cover: item.CoverURL,
		}}
		if item.Tags != nil {
			tags := video.SplitTags(*item.Tags)
			if tags == nil {
				tags = []string{}
			}
			c.Tags.Set = &tags
		}
		m.Changes[i] = c
	}
	return m, nil
}

// looseInt is a number that may be written as text.
type looseInt int64

// UnmarshalJSON reads 7 and "7".
func (n *looseInt) UnmarshalJSON(raw []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no number", clip(string(raw)))
	}
	*n = looseInt(v)
	return nil
}

// strict refuses unknown fields, by name, and anything behind the value.
func strict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		// encoding/json has no type for this error; its text is the only sign.
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("%w %s", ErrUnknownField, clip(name))
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// DeadLetter is what goes to the dead-letter queue: a message that cannot be
// carried out, byte for byte, and why.
type DeadLetter struct {
	ID        string // the message's id in its queue, where the trigger said it
	Body      []byte // as it came
	Ref       string // the key under STATE of the body, which was too large for the queue
	Reason    string
	Attempts  int
	FirstSeen time.Time
}

type deadLetterWire struct {
	Version   int       `json:"v"`
	ID        string    `json:"id,omitempty"`
	Body      []byte    `json:"body,omitempty"` // base64: it need not be text
	Ref       string    `json:"ref,omitempty"`
	Reason    string    `json:"reason"`
	Attempts  int       `json:"attempts,omitempty"`
	FirstSeen time.Time `json:"firstSeen,omitzero"`
}

// EncodeDeadLetter writes a dead letter.
func EncodeDeadLetter(l DeadLetter) ([]byte, error) {
	body, err := json.Marshal(deadLetterWire{1, l.ID, l.Body, l.Ref, l.Reason, l.Attempts, l.FirstSeen})
	if err != nil {
		return nil, fmt.Errorf("dead letter: %w: %w", video.ErrInvalid, err)
	}
	return body, nil
}

// DecodeDeadLetter reads a dead letter. Every error wraps ErrMalformed.
func DecodeDeadLetter(body []byte) (DeadLetter, error) {
	var w deadLetterWire
	if err := strict(body, &w); err != nil {
		return DeadLetter{}, malformed("dead letter", "%w", err)
	}
	if w.Version != 1 {
		return DeadLetter{}, malformed("dead letter", "%w: %d is not 1", ErrVersion, w.Version)
	}
	if !dated(w.FirstSeen) {
		return DeadLetter{}, malformed("dead letter", "firstSeen: year %d, 1 to 9999", w.FirstSeen.UTC().Year())
	}
	return DeadLetter{ID: w.ID, Body: slices.Clip(w.Body), Ref: w.Ref, Reason: w.Reason, Attempts: w.Attempts, FirstSeen: w.FirstSeen}, nil
}
