package video

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of the update calls, in bytes of UTF-8 (vod-api.md 3.4, 3.5, 3.11).
const (
	MaxTitle       = 128
	MaxDescription = 1024
	MaxTags        = 16
	MaxTag         = 32
	MaxBatch       = 20 // ids or items in one call
	// MaxRemove is our own: so many tags one change removes at most. A list holds 16.
	MaxRemove = 64
)

// Fields are absolute values for a media. A nil field is left alone; a pointer
// to an empty string clears it.
type Fields struct {
	Title       *string `json:"title,omitempty"`
	Description *string `json:"description,omitempty"`
	Category    *int64  `json:"category,omitempty"`
	Cover       *string `json:"cover,omitempty"` // URL; images have none
}

// TagEdit says what to do with a tag list. Set, when not nil, replaces the whole
// list; then Remove and Add apply, in this order.
type TagEdit struct {
	Set    *[]string `json:"set,omitempty"`
	Add    []string  `json:"add,omitempty"`
	Remove []string  `json:"remove,omitempty"`
}

// Empty says that the edit changes no list.
func (e TagEdit) Empty() bool { return e.Set == nil && len(e.Add) == 0 && len(e.Remove) == 0 }

// IsZero leaves an empty edit out of JSON, and so out of what a change is known again
// by, whether a producer wrote its empty lists or not.
func (e TagEdit) IsZero() bool { return e.Empty() }

// Apply returns the list after the edit: the order of what stays is kept, added
// tags follow. The given list is not touched.
func (e TagEdit) Apply(tags []string) []string {
	if e.Set != nil {
		tags = *e.Set
	}
	out := make([]string, 0, len(tags)+len(e.Add))
	for _, tag := range tags {
		if !slices.Contains(e.Remove, tag) && !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	for _, tag := range e.Add {
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out
}

// Change is what somebody wants of one media. The zero IssuedAt and
// IfUnmodifiedSince mean that nothing is said.
type Change struct {
	ID   ID      `json:"id"`
	Kind Kind    `json:"kind,omitempty"` // empty: video (audio is changed by the same call)
	Set  Fields  `json:"set,omitzero"`
	Tags TagEdit `json:"tags,omitzero"`
	// IssuedAt is the moment of sending; of two changes of one field the later
	// issued one wins, whatever order they arrive in.
	IssuedAt time.Time `json:"issuedAt,omitzero"`
	// IfUnmodifiedSince refuses the change when the media was modified later.
	IfUnmodifiedSince time.Time `json:"ifUnmodifiedSince,omitzero"`
	Asked
}

// Asked is a note on who asks for a change and where it stood. It is kept for people to read:
// nobody checks it, and nothing is decided by it.
type Asked struct {
	By     string `json:"by,omitempty"`     // such as an ARN
	Source string `json:"source,omitempty"` // such as a file and a line, or a message's id
}

// MaxAsked is our own: so many bytes each text of a note has at most.
const MaxAsked = 256

func (a Asked) checkNote() error {
	var faults []error
	for _, text := range [][2]string{{"by", a.By}, {"source", a.Source}} {
		switch {
		case !utf8.ValidString(text[1]):
			faults = append(faults, invalid(text[0], "%q is not UTF-8", short(text[1])))
		case len(text[1]) > MaxAsked:
			faults = append(faults, invalid(text[0], "%q has %d bytes, at most %d", short(text[1]), len(text[1]), MaxAsked))
		}
	}
	return errors.Join(faults...)
}

// Empty says that the change asks for nothing.
func (c Change) Empty() bool { return c.Set == Fields{} && c.Tags.Empty() }

// Check refuses what the provider would refuse, all faults at once, each naming
// field, limit and value. Every error wraps ErrInvalid.
func (c Change) Check() error {
	faults := []error{checkID(c.ID)}
	switch c.Kind {
	case "", KindVideo, KindAudio:
	case KindImage:
		if c.Set.Cover != nil {
			faults = append(faults, invalid("cover", "an image has none"))
		}
	default:
		faults = append(faults, invalid("kind", "%q is not video, audio or image", c.Kind))
	}
	faults = append(faults, c.Set.check())
	lists := [][]string{c.Tags.Add}
	if c.Tags.Set != nil {
		lists = append(lists, *c.Tags.Set)
		faults = append(faults, checkTagCount(*c.Tags.Set))
	}
	if len(c.Tags.Add) > MaxTags {
		faults = append(faults, invalid("tags.add", "%d tags, at most %d", len(c.Tags.Add), MaxTags))
	}
	if n := len(c.Tags.Remove); n > MaxRemove { // each of them would be looked at and remembered
		faults = append(faults, invalid("tags.remove", "%d tags, at most %d", n, MaxRemove))
	} else {
		faults = append(faults, checkTags(c.Tags.Remove, maxOldTag))
	}
	for _, list := range lists {
		faults = append(faults, checkTags(list, MaxTag))
	}
	faults = append(faults, c.checkNote(), checkTime("issuedAt", c.IssuedAt), checkTime("ifUnmodifiedSince", c.IfUnmodifiedSince))
	return errors.Join(faults...)
}

// Update is a resolved change: the absolute values that one write call sends.
// Tags, when not nil, replaces the whole list.
type Update struct {
	ID   ID
	Kind Kind // empty: video
	Fields
	Tags *[]string
}

// Empty says that there is nothing to send.
func (u Update) Empty() bool { return u.Fields == Fields{} && u.Tags == nil }

// Check is Change.Check for a resolved change.
func (u Update) Check() error {
	faults := []error{checkID(u.ID), u.check()}
	if u.Tags != nil {
		faults = append(faults, checkTagCount(*u.Tags), checkTags(*u.Tags, MaxTag))
	}
	return errors.Join(faults...)
}

func (f Fields) check() error {
	var faults []error
	if f.Title != nil {
		faults = append(faults, checkText("title", *f.Title, MaxTitle))
	}
	if f.Description != nil {
		faults = append(faults, checkText("description", *f.Description, MaxDescription))
	}
	if f.Cover != nil {
		faults = append(faults, checkText("cover", *f.Cover, MaxDescription))
	}
	return errors.Join(faults...)
}

func checkID(id ID) error {
	switch {
	case id == "":
		return invalid("id", "missing")
	case len(id) > 64:
		return invalid("id", "%d bytes, at most 64", len(id))
	}
	for _, r := range id {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return invalid("id", "%q holds %q", string(id), r)
		}
	}
	return nil
}

// checkTime refuses what JSON cannot hold. A year that can be read in one zone may be
// another one in UTC.
func checkTime(field string, t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return invalid(field, "the year %d in UTC, 1 to 9999", year)
	}
	return nil
}

func checkTagCount(tags []string) error {
	if len(tags) > MaxTags {
		return invalid("tags", "%d tags, at most %d", len(tags), MaxTags)
	}
	return nil
}

// maxOldTag is the longest tag that can be there to be removed: the creating call takes
// 32 characters, and each may have four bytes.
const maxOldTag = 4 * MaxTag

func checkTags(tags []string, limit int) error {
	var faults []error
	for _, tag := range tags {
		switch {
		case strings.TrimSpace(tag) == "":
			faults = append(faults, invalid("tags", "an empty tag"))
		case tag != strings.TrimSpace(tag):
			faults = append(faults, invalid("tags", "%q has blanks around it", tag))
		case strings.Contains(tag, ","):
			faults = append(faults, invalid("tags", "%q holds a comma", tag))
		case strings.ContainsAny(tag, "\n\t"):
			faults = append(faults, invalid("tags", "%q holds a tab or a line break", tag))
		}
		faults = append(faults, checkText("tags", tag, limit))
	}
	return errors.Join(faults...)
}

// checkText counts bytes, not characters, as the provider's update calls do, and
// refuses what it calls illegal characters: control characters and emoji.
func checkText(field, text string, limit int) error {
	if !utf8.ValidString(text) {
		return invalid(field, "%q is not UTF-8", short(text))
	}
	var faults []error
	if len(text) > limit {
		faults = append(faults, invalid(field, "%q has %d bytes, at most %d", short(text), len(text), limit))
	}
	for _, r := range text {
		if why := illegal(r); why != "" {
			faults = append(faults, invalid(field, "%q holds %q (%U), %s: take it out", short(text), r, r, why))
			break
		}
	}
	return errors.Join(faults...)
}

// illegal says why the provider takes no text with this character; empty: it does.
func illegal(r rune) string {
	switch {
	case isEmoji(r):
		return "an emoji, which VOD refuses"
	case r == utf8.RuneError:
		return "which stands for a broken character"
	case unicode.IsControl(r) && r != '\n' && r != '\t':
		return "a control character, which VOD refuses"
	}
	return ""
}

// isEmoji covers the blocks beyond the basic plane that hold pictographs, and
// the selectors that turn a plain sign into one. CJK beyond the basic plane is
// text and passes.
func isEmoji(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF || r == 0xFE0F || r == 0x20E3
}

// short keeps a fault readable whatever the text.
func short(text string) string {
	if r := []rune(text); len(r) > 24 {
		return string(r[:24]) + "…"
	}
	return text
}

func invalid(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: "+format, append([]any{ErrInvalid, field}, args...)...)
}
