package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file is what mentions and has_word do. Both compare in one form: Fold, with every
// apostrophe one "'" and every i one i, dotted or not (Turkish titles are written in both,
// and KISA is kısa). What was decided where people may differ:
//
//   - Half-width and full-width letters are the usual ones; ß is ss.
//   - Simplified and traditional characters are different: no table of them is kept here.
//     Write both, as in has_word(title, "宣传片", "宣傳片").
//   - A word of a script without blanks is found anywhere, also inside a longer word:
//     会议 is found in 董事会议程. No dictionary is kept here either.
//   - In has_word an underscore is a blank, since file names write it so. A hyphen is none.
//   - A Korean noun is found with a particle behind it.

// anyOf asks mentions or has_word: args are the text and the words.
func anyOf(args []any, whole bool) bool {
	text, _ := args[0].(string)
	if whole {
		text = strings.ReplaceAll(text, "_", " ")
	}
	text = WordForm(text)
	for _, arg := range args[1:] {
		word, _ := arg.(string)
		if whole && hasWord(text, word) || !whole && contains(text, word) {
			return true
		}
	}
	return false
}

var oneSign = strings.NewReplacer("i\u0307", "i", "ı", "i", "\u2018", "'", "\u2019", "'", "\u02BC", "'", "\u02B9", "'", "`", "'", "\u00B4", "'", "\u2032", "'")

// WordForm is the form in which mentions and has_word compare: Fold, for texts in which words
// are looked for.
func WordForm(text string) string {
	if folded, ok := foldASCII(text); ok {
		return strings.ReplaceAll(folded, "`", "'")
	}
	return Fold(oneSign.Replace(Fold(text)))
}

// contains asks a text in its form. It keeps a blank at an end of the part: it is looked for, too.
func contains(text, part string) bool {
	form := WordForm(part)
	if form == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(part)
	last, _ := utf8.DecodeLastRuneInString(part)
	if isBlank(first) {
		form = " " + form
	}
	if isBlank(last) {
		form += " "
	}
	return strings.Contains(text, form)
}

// hasWord asks a text in its form for a part with no letter, mark or digit next to it. Scripts that write no
// blanks between words have no such borders, so there any place counts that does not take
// a mark from its letter.
func hasWord(text, word string) bool {
	word = WordForm(strings.ReplaceAll(word, "_", " "))
	if word == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(word)
	final, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(word, unicode.IsMark))
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		head, tail := text[:i], text[i+len(word):]
		before, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(head, unicode.IsMark))
		after, _ := utf8.DecodeRuneInString(tail)
		if !joined(before, first) && !unicode.IsMark(after) && (!joined(final, after) || isParticle(final, tail)) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		from = i + size
	}
}

// joined says that two neighbours belong to one word.
func joined(a, b rune) bool {
	return spaced(a) && spaced(b)
}

func spaced(r rune) bool {
	if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return false
	}
	return !unicode.In(r, unspaced...) && !strings.ContainsRune(sharedByKana, r)
}

// unspaced are the scripts that write no blanks between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi, unicode.Nushu, unicode.Tangut, unicode.Khitan_Small_Script,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
	unicode.Javanese, unicode.Balinese, unicode.Sundanese, unicode.Batak, unicode.Buginese, unicode.Cham, unicode.Limbu, unicode.Ahom,
}

// sharedByKana are letters that belong to more than one of these scripts (their
// Script_Extensions), and so to none by themselves.
const sharedByKana = "\u3006\u3031\u3032\u3033\u3034\u3035\u303C\u30FC\uFF70"

// particles follow a Korean noun without a blank.
var particles = []string{
	"이", "가", "은", "는", "을", "를", "의", "에", "도", "와", "과", "로", "으로", "에서", "에게", "까지", "부터", "만", "이나", "나", "랑", "이랑", "들", "입니다",
}

func isParticle(final rune, tail string) bool {
	if !unicode.Is(unicode.Hangul, final) {
		return false
	}
	end := strings.IndexFunc(tail, func(r rune) bool { return !unicode.Is(unicode.Hangul, r) })
	if end < 0 {
		end = len(tail)
	}
	next, _ := utf8.DecodeRuneInString(tail[end:])
	for _, particle := range particles {
		if tail[:end] == particle {
			return !spaced(next)
		}
	}
	return false
}
