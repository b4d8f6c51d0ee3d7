package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"vodcurator/shared/video"
)

// Cell makes text from outside safe for a file that a spreadsheet opens. It is
// video.Visible, with an apostrophe wherever a spreadsheet could begin to read a formula:
// at the start, and behind what some settings take for the end of a cell; blanks, quotes
// and unseen characters in between do not hide it. Cell of the result is the same again.
// A title such as "-1" becomes text too; numbers of our own do not go through Cell.
func Cell(text string) string {
	var b strings.Builder
	for rest := text; rest != ""; {
		end := len(rest)
		if i := strings.IndexFunc(rest, endsCell); i >= 0 {
			_, size := utf8.DecodeRuneInString(rest[i:])
			end = i + size
		}
		if formula(rest[:end]) {
			b.WriteByte('\'')
		}
		b.WriteString(rest[:end])
		rest = rest[end:]
	}
	out := b.String()
	if out != text && out[0] != '\'' { // one inside: where nothing ends the cell before it, the start counts
		out = "'" + out
	}
	return video.Visible(out)
}

// formula says that a spreadsheet could take a text for one.
func formula(text string) bool {
	for _, r := range text {
		switch {
		case unicode.IsSpace(r), video.Unseen(r), unicode.In(r, unicode.Quotation_Mark) && r != '\'':
			continue
		case strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−", r):
			return true
		}
		return false
	}
	return false
}

// endsCell says that a spreadsheet may take a character for the end of a cell or row. A
// comma needs no care: encoding/csv puts quotes around it.
func endsCell(r rune) bool {
	return r == ';' || r < 0x20 || r == '\u0085' || r == '\u2028' || r == '\u2029'
}
