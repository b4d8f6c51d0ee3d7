package video

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible makes text from outside safe to show: a title, a tag, an answer of a provider.
// Characters that command a terminal, turn the direction of writing or cannot be seen are
// written out, such as \x1b, \n or \u202e, and bytes that are no UTF-8 as \xff. Plain text
// of every script stays as it is. The result is valid UTF-8 on one line, and Visible of it
// is the same again. It is for people's eyes: the text cannot be read back from it.
func Visible(s string) string {
	return spelled(s, "", func(b *strings.Builder, r rune, size int, raw string) {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(b, `\x%02x`, raw[0])
		case r < 0x80:
			fmt.Fprintf(b, `\x%02x`, r)
		case r <= 0xFFFF:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	})
}

// VisibleLines is Visible for text of several lines: line feeds and tabs stay.
func VisibleLines(s string) string {
	if !strings.ContainsAny(s, "\n\t") {
		return Visible(s)
	}
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexAny(s, "\n\t")
		if i < 0 {
			b.WriteString(Visible(s))
			break
		}
		b.WriteString(Visible(s[:i]))
		b.WriteByte(s[i])
		s = s[i+1:]
	}
	return b.String()
}

// VisibleJSON writes the characters that Visible writes out as the \u escapes of JSON, so
// that they never reach a terminal while every value stays the same. The text must be
// valid JSON; the line feeds between its tokens stay.
func VisibleJSON(text string) string {
	return spelled(text, "\n\r\t", func(b *strings.Builder, r rune, _ int, _ string) {
		if r > 0xFFFF {
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
			return
		}
		fmt.Fprintf(b, `\u%04x`, r)
	})
}

// Unseen says that a character commands the terminal, turns the direction of writing or
// cannot be seen. The joiners of Persian, the Indian scripts and emoji are unseen too;
// Visible leaves them where they join.
func Unseen(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7F && r < 0xA0:
		return true
	case r < 0x7F:
		return false
	case r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF: // no characters at all
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // signs that stand before Arabic numbers are seen
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// spelled copies a text and hands what is unseen, unless it is in keep, to spell.
func spelled(s, keep string, spell func(b *strings.Builder, r rune, size int, raw string)) string {
	var b *strings.Builder // nothing was changed as long as it is nil
	before := rune(-1)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && size == 1 || Unseen(r) && !strings.ContainsRune(keep, r)
		if bad && (r == zeroWidthNonJoiner || r == zeroWidthJoiner) {
			after, _ := utf8.DecodeRuneInString(s[i+size:])
			bad = !joins(before) || !joins(after)
		}
		switch {
		case bad && b == nil:
			b = &strings.Builder{}
			b.WriteString(s[:i])
			fallthrough
		case bad:
			spell(b, r, size, s[i:])
		case b != nil:
			b.WriteString(s[i : i+size])
		}
		before, i = r, i+size
	}
	if b == nil {
		return s
	}
	return b.String()
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// joins says that a joiner beside this character is part of how its script is written.
// Latin, Greek, Cyrillic, Han and digits never are: there a joiner only hides a difference.
func joins(r rune) bool {
	if unicode.Is(unicode.Variation_Selector, r) {
		return true
	}
	if r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF || r == 0x2640 || r == 0x2642 || r == 0x2695 {
		return true // emoji
	}
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Devanagari, unicode.Bengali,
		unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam,
		unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}
