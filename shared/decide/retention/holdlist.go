package retention

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// HeldID is the form in which ids of a hold list are compared: small letters, no dashes.
func HeldID(id video.ID) video.ID {
	return video.ID(strings.ToLower(strings.ReplaceAll(string(id), "-", "")))
}

// libraryID is an id as the library writes it, or the same with the dashes of a UUID.
var libraryID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b`)
})

// ParseHolds reads a hold list as people write them: an id on a line, in any case, with
// or without dashes, in quotes or at the end of a URL, and around it a note. Every id of
// 32 hex digits on a line is held, wherever it stands; a line without one must begin with
// an id of another form, and no list has both. Empty lines and lines that start with #
// say nothing. Any other line makes the list as a whole unreadable, because whatever
// it should have held would go. Keys of the result are as HeldID gives them.
func ParseHolds(body []byte) (map[video.ID]string, error) {
	text, err := decoded(body)
	if err != nil {
		return nil, fmt.Errorf("%w: hold list: %w", video.ErrInvalid, err)
	}
	held := map[video.ID]string{}
	first := map[bool]int{} // the first line with an id of the library's form, and of another
	number := 0
	for line := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(text)) {
		number++
		line = strings.TrimFunc(line, separates)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		ids := libraryID().FindAllString(rule.Fold(line), -1)
		note := noteOf(line, ids)
		library := len(ids) > 0
		if !library {
			id, rest := cutWord(line)
			if err := (video.Change{ID: video.ID(id)}).Check(); err != nil {
				return nil, fmt.Errorf("hold list, line %d has no id: %w\nwrite the id first, or # before a remark", number, err)
			}
			ids, note = []string{id}, rest
		}
		if first[library] == 0 {
			first[library] = number
		}
		for _, id := range ids {
			held[HeldID(video.ID(id))] = note
		}
	}
	if first[true] > 0 && first[false] > 0 {
		return nil, fmt.Errorf("%w: hold list, line %d has no id of 32 hex digits, and line %d has one\ncorrect the id, or write # before a remark",
			video.ErrInvalid, first[false], first[true])
	}
	return held, nil
}

// separates says that a character stands around ids and notes, and is no part of them.
func separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`,;|"'`+"`，、；“”‘’", r)
}

func cutWord(line string) (word, rest string) {
	i := strings.IndexFunc(line, separates)
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimFunc(line[i:], separates)
}

// noteOf is what a line says besides its one id: for a line that begins with it the
// rest, else the whole line.
func noteOf(line string, ids []string) string {
	word, rest := cutWord(line)
	if len(ids) == 1 && rule.Fold(word) == ids[0] {
		return rest
	}
	return line
}

// decoded is the text of a list in UTF-8, or in UTF-16 with its mark.
func decoded(body []byte) (string, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	}
	if order == nil {
		if bytes.IndexByte(body, 0) >= 0 {
			return "", fmt.Errorf("it holds bytes of 0, so it is no text in UTF-8\nsave it as UTF-8")
		}
		return strings.TrimPrefix(string(body), "\ufeff"), nil
	}
	if len(body)%2 != 0 {
		return "", fmt.Errorf("it begins as UTF-16 and ends in the middle of a character\nsave it as UTF-8")
	}
	var units []uint16
	for i := 2; i < len(body); i += 2 {
		units = append(units, order.Uint16(body[i:]))
	}
	return string(utf16.Decode(units)), nil
}
