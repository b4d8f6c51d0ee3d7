package rule

import (
	"fmt"
	"strings"
)

// The parser's time and memory grow with the square of how deep a file nests, and nobody
// writes so deep.
const (
	maxBrackets = 200 // open at once, or opened in one line
	maxDashes   = 32  // lists begun in one line
	maxKeys     = 1_000
	maxEntries  = 20_000 // of lists, in one file: five for each condition there may be
)

// nested finds the first line at which a file nests too deeply, without parsing it.
func nested(lines []string) (line int, message string) {
	open, entries := 0, 0
	var keys block
	for i, text := range lines {
		if strings.Count(text, "[")+strings.Count(text, "{") > maxBrackets {
			return i + 1, fmt.Sprintf("more than %d opening brackets in one line", maxBrackets)
		}
		if open = max(open+brackets(text), 0); open > maxBrackets {
			return i + 1, fmt.Sprintf("more than %d brackets are open", maxBrackets)
		}
		if keys.line(text) > maxKeys {
			return i + 1, fmt.Sprintf("more than %d keys or lines of text in one place", maxKeys)
		}
		if strings.HasPrefix(strings.TrimLeft(text, " \t"), "- ") {
			entries++
		}
		if entries > maxEntries {
			return i + 1, fmt.Sprintf("more than %d entries of lists in one file", maxEntries)
		}
		dashes := 0
		for rest := strings.TrimLeft(text, " \t"); rest != "" && strings.ContainsAny(rest[:1], "-?&!*|>:"); dashes++ {
			_, rest, _ = strings.Cut(rest, " ")
			rest = strings.TrimLeft(rest, " \t")
		}
		if dashes > maxDashes {
			return i + 1, fmt.Sprintf("more than %d lists begin in one line", maxDashes)
		}
	}
	return 0, ""
}

// brackets is how many more brackets a line opens than it closes, quotes left out.
func brackets(text string) (open int) {
	quote := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || text[i-1] == ' '):
			return open
		case c == '[' || c == '{':
			open++
		case c == ']' || c == '}':
			open--
		}
	}
	return open
}

// block counts the lines that begin at the same place, one below the other: the parser's
// time grows with the square of the keys of one mapping.
type block struct{ indents, counts []int }

// line is how many lines of the block of this one were seen.
func (b *block) line(text string) int {
	rest := strings.TrimLeft(text, " ")
	if rest == "" || rest[0] == '#' || rest[0] == '\r' {
		return 0
	}
	indent, n := len(text)-len(rest), len(b.indents)
	for n > 0 && b.indents[n-1] > indent {
		n--
	}
	b.indents, b.counts = b.indents[:n], b.counts[:n]
	if rest[0] == '-' { // what follows belongs to a mapping of its own
		return 0
	}
	if n == 0 || b.indents[n-1] < indent {
		b.indents, b.counts = append(b.indents, indent), append(b.counts, 0)
		n++
	}
	b.counts[n-1]++
	return b.counts[n-1]
}
