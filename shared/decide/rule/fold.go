package rule

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
		next := norm.NFKC.String(withoutCase(plain(norm.NFKC.String(text))))
		if next == text {
			break
		}
		text = next
	}
	return plain(text)
}

// withoutCase is Unicode's full case folding. In a text that is taken apart the sharp s alone
// becomes two letters, and only Greek and the dotted I need to be taken apart for that.
// golang.org/x/text/cases needs tables of every language for it, 0.23 MB in each function,
// and turns Cherokee letters round instead of folding them.
func withoutCase(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r == 'İ' || r>>8 == 0x03 || r>>8 == 0x1F }) {
		text = norm.NFKD.String(text)
	}
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == 'ı' {
			return r
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, text), "ß", "ss")
}

// Compose writes letters and their marks as one character each where there is one, which
// is how VOD's console and most keyboards write them (NFC). File systems take them apart.
func Compose(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return norm.NFC.String(text)
		}
	}
	return text
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
const commas = "\u055D\u060C\u061B\u066B\u07F8\u1363\u1364\u1802\u1808\u2E32\u2E34\u2E35\u2E41\u2E4C\u3001\uA4FE\uA60D\uA6F5"

func isComma(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ',' || r == ';' || r == '|'
	}
	return strings.ContainsRune(commas, r)
}

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' }

// Protective splits one tag at every comma of any script, also ; | and line breaks,
// and folds each word. Empty words are left out.
func Protective(tag string) []string {
	if folded, ok := foldASCII(tag); ok && !strings.ContainsAny(folded, ",;|") {
		if folded == "" {
			return nil
		}
		return []string{folded}
	}
	var words []string
	for line := range strings.FieldsFuncSeq(tag, isLineBreak) {
		for word := range strings.FieldsFuncSeq(Fold(line), isComma) {
			if word = Fold(word); word != "" {
				words = append(words, word)
			}
		}
	}
	return words
}

// Near says that two folded words are lookalikes, but not equal: they are equal without
// dashes, blanks, underscores and dots, or with Cyrillic, Greek and other letters read as
// the Latin ones they look like; or both have five or more letters and one slip (a letter
// too many, too few, wrong, or two neighbours swapped) is between them. Another digit is
// no slip: batch-1 and batch-2 are two words.
func Near(a, b string) bool {
	if a == b {
		return false
	}
	var x, y [48]rune
	for capital := range 2 {
		p, q := bare(x[:0], a, capital), bare(y[:0], b, capital)
		if alike(p, q) {
			return true
		}
	}
	return false
}

// alike says of two bare words that they are one, or that one slip is between them.
func alike(p, q []rune) bool {
	return slices.Equal(p, q) || len(p) >= 5 && len(q) >= 5 && slip(p, q)
}

// slip says that one edit leads from one word to the other, and that it is not a digit's.
func slip(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(b) > len(a) {
		return !unicode.IsDigit(b[i]) && slices.Equal(a[i:], b[i+1:])
	}
	if unicode.IsDigit(a[i]) || unicode.IsDigit(b[i]) {
		return false
	}
	return slices.Equal(a[i+1:], b[i+1:]) || // always so at the last letter
		a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:])
}

// bare is a word without what Near ignores, in Latin letters where others look so. Some
// look like one Latin letter when small and like another as capitals, and which was
// written is gone after folding: capital is 0 for the small and 1 for the capital ones.
func bare(to []rune, word string, capital int) []rune {
	for _, r := range word {
		if !joint(r) {
			to = append(to, latin(r, capital))
		}
	}
	return to
}

func joint(r rune) bool {
	switch r {
	case '-', ' ', '_', '.', '\u3002', '\u00B7', '\u30FB', '\u2027', '\u2022':
		return true
	}
	return false
}

func latin(r rune, capital int) rune {
	if r < utf8.RuneSelf {
		return r
	}
	if like, ok := lookalikes[r]; ok {
		return rune(like[min(capital, len(like)-1)])
	}
	return r
}

// Heads are folded words that others may begin with. The zero value has none.
type Heads struct {
	words   []string
	forms   [][2][]rune // of each word, as Near reads it in both cases, without : and = too
	longest int
}

// HeadsOf takes folded words.
func HeadsOf(words []string) Heads {
	h := Heads{words: words}
	for _, word := range words {
		word = strings.NewReplacer(":", "", "=", "").Replace(word)
		form := [2][]rune{bare(nil, word, 0), bare(nil, word, 1)}
		h.forms, h.longest = append(h.forms, form), max(h.longest, len(form[0]))
	}
	return h
}

// Of gives the head that a folded word is, or begins with, exactly or as Near has it; empty:
// none. The head ends at the word's end, or where no letter can go on: keep-until, keep_forever
// and keep2029 begin with keep, and keeper does not. Signs in front (#keep, "keep") do not count.
func (h Heads) Of(word string) string {
	if found := h.in(word); found != "" {
		return found
	}
	if bare := strings.TrimLeftFunc(word, isSign); bare != word {
		return h.in(bare)
	}
	return ""
}

func isSign(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// in reads the word once: at each place where a head may end it compares what it has read.
// What is too long for every head is not read on.
func (h Heads) in(word string) string {
	var x, y [48]rune
	form, before := [2][]rune{x[:0], y[:0]}, rune(-1)
	for _, r := range word {
		ends := !joined(before, r) && !unicode.IsMark(r) || unicode.IsLetter(before) && unicode.IsDigit(r)
		if ends && len(form[0]) > 0 {
			if found := h.like(form); found != "" {
				return found
			}
		}
		if len(form[0]) > h.longest+1 {
			return ""
		}
		if before = r; !joint(r) && r != ':' && r != '=' {
			form[0], form[1] = append(form[0], latin(r, 0)), append(form[1], latin(r, 1))
		}
	}
	return h.like(form)
}

func (h Heads) like(form [2][]rune) string {
	for i, head := range h.forms {
		for c, q := range head {
			if alike(form[c], q) {
				return h.words[i]
			}
		}
	}
	return ""
}

// lookalikes are the Latin letters that others look like: small, then capital where that
// is another.
var lookalikes = map[rune]string{
	'а': "a", 'е': "e", 'о': "o", 'р': "p", 'с': "c", 'у': "y", 'х': "x", 'і': "i", 'ј': "j", 'ѕ': "s", 'ԁ': "d", 'һ': "h",
	'ӏ': "l", 'к': "k", 'м': "m", 'т': "t", 'н': "h", 'в': "b", 'ԛ': "q", 'ԝ': "w", 'ґ': "r", 'ѵ': "v", 'ԍ': "g", 'ь': "b",
	'α': "a", 'ο': "o", 'ρ': "p", 'τ': "t", 'ε': "e", 'ι': "i", 'κ': "k", 'χ': "x", 'ζ': "z", 'ω': "w", 'ϲ': "c", 'ϳ': "j",
	'λ': "l", 'η': "nh", 'υ': "uy", 'ν': "vn", 'μ': "um", 'γ': "yr", 'β': "b", 'σ': "o",
	'օ': "o", 'հ': "h", 'ո': "n", 'ս': "u", 'ց': "g",
	'ı': "i", 'ɑ': "a", 'ɡ': "g", 'ɩ': "i", 'ʟ': "l", 'ᴋ': "k", 'ᴇ': "e", 'ᴏ': "o", 'ᴅ': "d", 'ᴘ': "p", 'ʜ': "h",
}
