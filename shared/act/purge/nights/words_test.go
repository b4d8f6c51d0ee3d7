package nights_test

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// tri is what the oracle says of a question: some answers depend on details
// that the promises leave open, and those count neither way.
type tri int

const (
	no    tri = iota - 1 // must not
	maybe                // left open
	yes                  // may, and must in time
)

func least(all ...tri) tri {
	low := yes
	for _, a := range all {
		low = min(low, a)
	}
	return low
}

func truly(b bool) tri {
	if b {
		return yes
	}
	return no
}

// plain is the one form in which protective words are compared: NFKC, full case
// folding, invisible and format characters dropped, every dash one dash.
func plain(word string) string {
	word = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(word)))
	var b strings.Builder
	for _, r := range word {
		switch {
		case unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		case unicode.Is(unicode.Dash, r):
			b.WriteByte('-')
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// commas are characters that people type for a comma.
const commas = ",，、﹐﹑､،՝߸፣᠂᠈꓾⸲⸴⹁⹌︐︑"

// splitWords splits a tag as its owner may have meant it.
func splitWords(tag string) (words []string) {
	for _, word := range strings.FieldsFunc(tag, func(r rune) bool { return strings.ContainsRune(commas, r) }) {
		if word = plain(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// letters drops whatever stands between the letters and digits of a word.
func letters(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, plain(word))
}

// heldBy says whether a tag holds at a moment: exact by the normal form, or near
// by what it looks like. The words are those of the policy.
func heldBy(tag string, words []string, until string, now time.Time) (exact, near string) {
	for _, word := range splitWords(tag) {
		for _, hold := range words {
			switch {
			case word == plain(hold):
				return "tag " + strconv.QuoteToASCII(tag), ""
			case letters(word) == letters(hold):
				near = "tag " + strconv.QuoteToASCII(tag)
			}
		}
		date, dated := strings.CutPrefix(word, plain(until))
		date, colon := strings.CutPrefix(strings.TrimSpace(date), ":")
		switch {
		case dated && colon && holdsUntil(date, now):
			return "date " + strconv.QuoteToASCII(tag), ""
		case dated && colon: // its day has passed
		case strings.HasPrefix(letters(word), letters(until)):
			_, date, _ := strings.Cut(word, ":")
			if holdsUntil(date, now) { // a day that has passed holds in no dress
				near = "date " + strconv.QuoteToASCII(tag)
			}
		}
	}
	return "", near
}

// holdsUntil says whether a date still holds: to the end of its day in the
// easternmost zone that anybody here lives in. What is no date holds for good.
func holdsUntil(date string, now time.Time) bool {
	end, ok := dayEnd(date)
	return !ok || now.Before(end.Add(-8*time.Hour))
}

// dayEnd is the end of a date in UTC.
func dayEnd(date string) (time.Time, bool) {
	date = strings.TrimSpace(date)
	for _, layout := range []string{"2006-01-02", "2006/01/02", "2006.01.02", "20060102"} {
		if day, err := time.Parse(layout, date); err == nil && day.Year() < 2500 {
			return day.AddDate(0, 0, 1), true
		}
	}
	return time.Time{}, false
}
