package rule_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/rule"
)

func TestOneWordHasOneForm(t *testing.T) {
	for form, all := range map[string][]string{
		"keep":       {"keep", "Keep", " KEEP ", "ke\u200Bep", "\uFEFFkeep", "ｋｅｅｐ", "k\u00ADeep", "keep\uFE0F", "\u2068keep\u2069", "ke\u034Fep", "\U000E0001keep", "ke\u0000ep"},
		"hold-until": {"hold-until", "HOLD‑UNTIL", "hold–until", "hold—until", "hold−until", "hold\u2043until", "hold－until", "hold﹣until"},
		"à-garder":   {"à-garder", "a\u0300-garder", "À‐Garder"},
		"strasse":    {"Straße", "STRASSE", "STRAẞE", "straße"},
		"how to":     {"how to", "How\u00A0To", "how  to", "how\tto", "how\u3000to", " how\u2009to"},
		"office":     {"oﬃce", "OFFICE"},
		"δρομοσ":     {"δρομος", "ΔΡΟΜΟΣ"},
		"トレーラー":      {"トレーラー", "ﾄﾚｰﾗｰ"},
		"ı":          {"ı"},
		"ꮳꮃꭹ":        {"ꮳꮃꭹ", "ᏣᎳᎩ", "Ꮳꮃꭹ"},
		"":           {"", " ", "\u200B", "\u3164", "\x7F"},
		"az":         {"AZ", "aZ", "Az", "az", "\x7Faz"},
		"\uFFFD":     {"\x80", "\xff", "\xff\xfe", "\uFFFD"},
	} {
		for _, text := range all {
			require.Equal(t, form, rule.Fold(text), "%q", text)
		}
	}
}

// TestCaseIsFoldedAsUnicodeFoldsIt compares every character, and texts of those that
// change with their case or join their neighbours, with the tables of x/text/cases. Texts
// are taken apart first, as Unicode's D145 asks: an iota below a letter moves behind its marks.
func TestCaseIsFoldedAsUnicodeFoldsIt(t *testing.T) {
	fold := cases.Fold()
	alike := func(text string) (got, want string) {
		return norm.NFKC.String(rule.WithoutCase(norm.NFKC.String(text))), norm.NFKC.String(fold.String(norm.NFKD.String(text)))
	}
	var lively []rune
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Cherokee, r) { // x/text makes small letters of capitals and capitals of small ones
			continue
		}
		got, want := alike(string(r))
		if got != want {
			t.Fatalf("%U: %+q, want %+q", r, got, want)
		}
		if got != string(r) || unicode.In(r, unicode.Mn, unicode.Lu, unicode.Ll) {
			lively = append(lively, r)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(lively), 1, 8).Draw(t, "text"))
		got, want := alike(text)
		require.Equal(t, want, got, "%+q", text)
	})
}

func TestATagSplitsAtTheCommasOfEveryScript(t *testing.T) {
	for tag, want := range map[string][]string{
		"keep": {"keep"}, "keep，legal": {"keep", "legal"}, "legal、keep": {"legal", "keep"}, "a,b;c|d": {"a", "b", "c", "d"},
		"keep ， Legal": {"keep", "legal"}, "keep؛legal": {"keep", "legal"}, "keep،legal": {"keep", "legal"}, "keep；legal｜x": {"keep", "legal", "x"},
		"keep\nlegal": {"keep", "legal"}, "､keep﹐": {"keep"}, "": nil, ",": nil, "hold-until:2026-01-31": {"hold-until:2026-01-31"},
	} {
		require.Equal(t, want, rule.Protective(tag), "%q", tag)
	}
}

func TestLookalikesAreNear(t *testing.T) {
	for _, pair := range [][2]string{
		{"hold-until", "holduntil"}, {"hold-until", "hold until"}, {"hold-until", "hold_until"}, {"legal-hold", "legal.hold"}, {"keep", "k-e-e-p"},
		{"keep", "kеep"}, {"keep", "кeeр"}, {"hold", "ηold"}, {"never-delete", "never-delet"}, {"never-delete", "nevre-delete"}, {"legal-hold", "legal-holds"},
		{"legal", "lagal"}, {"legal", "legla"}, {"legal", "elgal"}, {"legal", "legax"}, {"legal", "xegal"},
	} {
		require.True(t, rule.Near(pair[0], rule.Fold(pair[1])), pair)
		require.True(t, rule.Near(rule.Fold(pair[1]), pair[0]), pair)
	}
	for _, pair := range [][2]string{
		{"keep", "keep"}, {"keep", "kept"}, {"keep", "keeps"}, {"hold", "gold"}, {"legal", "lethal"}, {"temp", "temperature"}, {"batch-1", "batch-2"}, {"batch", "batch1"}, {"", "a"},
		{"batch-1", "batch-x"}, {"legal", "xlgal"}, {"legal", "xygal"}, {"legal", "elgxl"}, {"legal", "elgxx"}, {"legal", "lexxl"},
	} {
		require.False(t, rule.Near(pair[0], pair[1]), pair)
		require.False(t, rule.Near(pair[1], pair[0]), pair)
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"keep", "Straße", "ﬃ", "à\u0300", "İ", "a\u200B\u0300", "\xff", "\u1E9E\u0345", "ᾳ", "\u00A8 a", "가\u3164", "\u0344", "－ー", "ﷺ"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		once := rule.Fold(a)
		require.Equal(t, once, rule.Fold(once), "%+q", a)
		require.True(t, utf8.ValidString(once))
		for _, r := range once {
			require.False(t, unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r), "%+q", once)
		}
		for _, word := range rule.Protective(a) {
			require.NotEmpty(t, word)
			require.Equal(t, []string{word}, rule.Protective(word), "%+q", a)
		}
		require.Equal(t, rule.Near(once, rule.Fold(b)), rule.Near(rule.Fold(b), once))
		require.False(t, rule.Near(once, once))
	})
}
