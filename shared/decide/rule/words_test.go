package rule_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Titles as people, phones and file systems write them.
func TestWordsAreFoundHoweverTheyAreWritten(t *testing.T) {
	for _, c := range []struct {
		name, when, title string
		want              bool
	}{
		{"nfd title, nfc rule", "has_word(title, \"présentation\")", "Ma pre\u0301sentation 2026", true},
		{"nfc title, nfd rule", "has_word(title, \"pre\u0301sentation\")", "Ma présentation 2026", true},
		{"nfd title mentions", "mentions(title, \"トレーラー\", \"予告ビデオ\")", "新作 予告ヒ\u3099テ\u3099オ", true},
		{"korean nfd", "mentions(title, \"예고편\")", "\u110B\u1167\u11BC\u1112\u116A \u110B\u1168\u1100\u1169\u1111\u1167\u11AB", true},
		{"combining accent is part of word", "has_word(title, \"cafe\")", "Cafe\u0301 tour", false},
		{"hindi vowel sign continues word", "has_word(title, \"कमल\")", "कमल\u093E क\u0940 कह\u093Eन\u0940", false},
		{"hindi whole word", "has_word(title, \"कह\u093Eन\u0940\")", "कमल\u093E क\u0940 कह\u093Eन\u0940", true},
		{"arabic tashkeel", "has_word(title, \"كتب\")", "كتب\u064Eة جديدة", false},
		{"katakana long mark then latin", "has_word(title, \"トレーラー\")", "新作トレーラーHD", true},
		{"katakana plain then latin", "has_word(title, \"ビデオ\")", "新作ビデオHD", true},
		{"halfwidth katakana", "has_word(title, \"トレーラー\")", "新作ﾄﾚｰﾗｰ", true},
		{"fullwidth latin", "has_word(title, \"promo\")", "ＰＲＯＭＯ動画", true},
		{"greek final sigma", "has_word(title, \"δρόμος\")", "Ο ΔΡΌΜΟΣ", true},
		{"german sharp s upper", "has_word(title, \"straße\")", "DIE STRASSE", true},
		{"turkish dotted I", "has_word(title, \"film\")", "YENİ FİLM", true},
		{"turkish dotless", "has_word(title, \"kısa\")", "KISA VİDEO", true},
		{"khmer no spaces", "has_word(title, \"ថ\u17D2ម\u17B8\")", "ភ\u17B6ពយន\u17D2តថ\u17D2ម\u17B8", true},
		{"myanmar no spaces", "has_word(title, \"ရ\u102Fပ\u103Aရ\u103Eင\u103A\")", "မ\u103Cန\u103Aမ\u102Cရ\u102Fပ\u103Aရ\u103Eင\u103Aသစ\u103A", true},
		{"thai no spaces", "has_word(title, \"หน\u0E31ง\")", "ด\u0E39หน\u0E31งใหม\u0E48", true},
		{"zero width space inside", "has_word(title, \"promo\")", "pro\u200Bmo reel", true},
		{"soft hyphen inside", "has_word(title, \"tutorial\")", "tuto\u00ADrial one", true},
		{"nbsp in how to", "has_word(title, \"how to\")", "How\u00A0to bake", true},
		{"double space in how to", "has_word(title, \"how to\")", "How  to bake", true},
		{"underscore how_to", "has_word(title, \"how to\")", "how_to_bake", true},
		{"curly apostrophe", "has_word(title, \"editor's cut\")", "Editor’s Cut", true},
		{"traditional chinese", "has_word(title, \"宣传片\")", "城市宣傳片", false},      // no table is kept
		{"chinese inside longer word", "has_word(title, \"会议\")", "董事会议程", true}, // no dictionary is kept
		{"compat ideograph / radical", "mentions(title, \"立\")", "⽴体", true},
		{"emoji before", "has_word(title, \"promo\")", "🎬promo🎬", true},
		{"regex redos", "title matches \"^(a+)+$\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", false},
		{"katakana, a digit behind", "has_word(title, \"トレーラー\")", "映画トレーラー2026", true},
		{"lao", "has_word(title, \"ຕ\u0EBBວຢ\u0EC8າງ\")", "ຕ\u0EBBວຢ\u0EC8າງໜ\u0EB1ງ", true},
		{"korean particle", "has_word(title, \"예고편\")", "예고편이 나왔다", true},
		{"korean, a longer noun", "has_word(title, \"예고\")", "예고편 공개", false},
		{"an i with a dot", "has_word(title, \"istanbul\")", "İstanbul promo", true},
		{"bürger, apart", "has_word(title, \"bürgermeister\")", "Bu\u0308rgermeister", true},
		{"iteration mark before", "has_word(title, \"promo\")", "人々promo", true},
		{"digit behind", "has_word(title, \"promo\")", "promo2", false},
		{"underscore behind", "has_word(title, \"promo\")", "promo_final", true},
		{"only what cannot be seen", "has_word(title, \"\u200B\")", "promo", false},
		{"a thai mark stays with its letter", "has_word(title, \"หน\")", "หน\u0E35", false},
		{"a blank that is asked for", "mentions(title, \"part \")", "party", false},
		{"a backtick for an apostrophe", "has_word(title, \"editor's cut\")", "Editor`s Cut", true},
		{"a backtick in the rule", "has_word(title, \"editor`s cut\")", "Editor’s Cut", true},
		{"a blank before, missing", "mentions(title, \" part\")", "apart", false},
		{"a blank before", "mentions(title, \" part\")", "a part", true},
		{"a blank behind", "mentions(title, \"part \")", "a part of", true},
		{"no blank is asked for", "mentions(title, \"part\")", "apartment", true},
		{"nothing but a blank", "mentions(title, \" \")", "a b", false},
		{"an empty part", "mentions(title, \"\")", "a b", false},
		{"an empty word", "has_word(title, \"\")", "a b", false},
		{"an underscore in mentions stays", "mentions(title, \"a b\")", "a_b", false},
		{"an underscore in the word", "has_word(title, \"a_b\")", "a b", true},
		{"the third place", "has_word(title, \"cat\")", "concat scatter cat", true},
		{"only within words", "has_word(title, \"cat\")", "concat scatter cats", false},
		{"a marked letter before", "has_word(title, \"cat\")", "x\u0323\u0331cat", false},
		{"a digit before", "has_word(title, \"5k\")", "15k", false},
		{"a word of digits", "has_word(title, \"5k\")", "a 5k run", true},
		{"bytes that are no text before", "has_word(title, \"promo\")", "\xffpromo\xff", true},
		{"hindi, a longer word", "has_word(title, \"कह\u093Eन\u0940\")", "कह\u093Eन\u0940क\u093Eर", false},
		{"a long mark before", "has_word(title, \"promo\")", "ーpromoー", true},
		{"korean particle at the end", "has_word(title, \"예고편\")", "새 예고편은", true},
		{"korean particle, then letters", "has_word(title, \"예고편\")", "예고편이abc", false},
		{"korean particle, then a mark of punctuation", "has_word(title, \"예고편\")", "예고편이, 나왔다", true},
		{"latin behind a korean noun", "has_word(title, \"예고편\")", "예고편abc", false},
		{"a particle behind a latin word", "has_word(title, \"promo\")", "promo이 나왔다", false},
		{"full width in mentions", "mentions(title, \"promo\")", "新ＰＲＯＭＯ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := rule.Compile(c.when)
			require.NoError(t, err)
			f := rule.FactsOf(video.Media{Video: video.Video{Title: c.title}}, at)
			got, _, err := p.Eval(&f)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}
