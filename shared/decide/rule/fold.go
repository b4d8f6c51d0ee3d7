package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the one normal form in which protective words are compared: NFKC, full
// case folding (STRASSE is Straße), characters that cannot be seen dropped, every dash
// one "-", every run of blanks one " ", trimmed. Folding twice is folding once.
func Fold(text string) string {
	if folded, ok := foldASCII(text); ok {
		return folded
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	// One step may uncover work for another: a ligature falls apart into capitals, an
	// invisible character keeps two others from being composed.
	for range 4 {
		next := norm.NFKC.String(cases.Fold().String(plain(norm.NFKC.String(text))))
		if next == text {
			break
		}
		text = next
	}
	return plain(text)
}

// foldASCII is Fold for the texts that most are.
func foldASCII(text string) (string, bool) {
	change := false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf, c < ' ', c == 0x7F:
			return "", false
		case c >= 'A' && c <= 'Z':
			change = true
		case c == ' ':
			change = change || i == 0 || i == len(text)-1 || text[i-1] == ' '
		}
	}
	if !change {
		return text, true
	}
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' }), " "), true
}

// plain drops what cannot be seen, and makes every dash and every run of blanks one.
func plain(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	blank := false
	for _, r := range text {
		switch {
		case isBlank(r):
			blank = b.Len() > 0
			continue
		case invisible(r):
			continue
		case isDash(r):
			r = '-'
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r == '\u2800' }

// invisible are control and format characters, variation selectors, fillers and
// whatever else Unicode says to ignore where it cannot be shown.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isDash also takes signs that are drawn like one, though Unicode counts them as
// symbols: minus, hyphen bullet, modifier minus, box drawing, heavy minus.
func isDash(r rune) bool {
	return unicode.In(r, unicode.Dash, unicode.Hyphen) && r != '\u30FB' && r != '~' ||
		strings.ContainsRune("\u2043\u02D7\u2500\u2501\u2796", r)
}

// commas separate words in some script, after Fold.
const commas = ",;|\n\u055D\u060C\u061B\u066B\u07F8\u1363\u1364\u1802\u1808\u2E32\u2E34\u2E35\u2E41\u2E4C\u3001\uA4FE\uA60D\uA6F5"

// Protective splits one tag at every comma of any script, also ; | and line breaks,
// and folds each word. Empty words are left out.
func Protective(tag string) []string {
	var words []string
	for line := range strings.FieldsFuncSeq(tag, func(r rune) bool { return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' }) {
		for word := range strings.FieldsFuncSeq(Fold(line), func(r rune) bool { return strings.ContainsRune(commas, r) }) {
			if word = Fold(word); word != "" {
				words = append(words, word)
			}
		}
	}
	return words
}

// Near says that two folded words are lookalikes, but not equal: they are equal without
// dashes, blanks, underscores and dots, or with Cyrillic and Greek
// letters read as the Latin ones they look like; or both have five or more letters and
// one slip (a letter too many, too few, wrong, or two swapped) is between them.
func Near(a, b string) bool {
	if a == b {
		return false
	}
	for _, like := range []*strings.Replacer{likeSmall, likeCapital} {
		x, y := like.Replace(a), like.Replace(b)
		if x == y {
			return true
		}
		if min(utf8.RuneCountInString(x), utf8.RuneCountInString(y)) >= 5 && close(x, y) {
			return true
		}
	}
	return false
}

// close is edits(a, b) <= 1, decided early.
func close(a, b string) bool {
	if d := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); d > 1 || d < -1 {
		return false
	}
	return edits(a, b) <= 1
}

// Some letters look like one Latin letter when small and like another as capitals, and
// what was written is gone after folding: either counts.
var (
	likeSmall   = lookalikes("ηn", "υu", "νv", "μu", "γy", "βb", "нh", "вb")
	likeCapital = lookalikes("ηh", "υy", "νn", "μm", "γr", "βb", "нh", "вb")
)

func lookalikes(own ...string) *strings.Replacer {
	var pairs []string
	for _, ignored := range []string{"-", " ", "_", ".", "\u3002", "\u00B7", "\u30FB", "\u2027", "\u2022"} {
		pairs = append(pairs, ignored, "")
	}
	for _, pair := range append(own,
		"аa", "еe", "оo", "рp", "сc", "уy", "хx", "іi", "јj", "ѕs", "ԁd", "һh", "ӏl", "кk", "мm", "тt", "ԛq", "ԝw", "ґr", "ѵv", "ԍg",
		"αa", "οo", "ρp", "τt", "εe", "ιi", "κk", "χx", "ζz", "ωw", "ϲc", "ϳj", "λl",
		"օo", "հh", "ոn", "սu", "ցg", "ıi", "ɑa", "ɡg", "ɩi", "ʟl", "ᴋk", "ᴇe", "ᴏo", "ᴅd", "ᴘp", "ʜh",
	) {
		_, size := utf8.DecodeRuneInString(pair)
		pairs = append(pairs, pair[:size], pair[size:])
	}
	return strings.NewReplacer(pairs...)
}
