package report_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func TestNoTitleIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "a = b": "a = b", "2 - 1": "2 - 1", "a, b": "a, b", "it's": "it's", "a; b": "a; b", "视频；=1": "视频；=1",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(1)": "'@SUM(1)", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠SUM(1)": "'＠SUM(1)",
		"\t=1": `'\t'=1`, "\r=1": `'\r'=1`, "\n=1+1": `'\n'=1+1`, " =1": "' =1", "\"=1": "'\"=1", "“=1": "'“=1", "\u00a0=1": "'\u00a0=1",
		"\ufeff=1": `'\ufeff=1`, "\u200b=1": `'\u200b=1`, "\x00=1": `'\x00'=1`, "a;=1+1": "'a;'=1+1", "a; \"=1": "'a;' \"=1", "a\t=1+1": `'a\t'=1+1`,
		"'=1": "'=1", "'a;=1": "'a;'=1", ";;=1": "';;'=1", "\xff=1": `\xff=1`,
	} {
		require.Equal(t, want, report.Cell(text), "%q", text)
		require.Equal(t, want, report.Cell(want))
	}
}

func FuzzCell(f *testing.F) {
	for _, seed := range []string{"", "=1", "a;=1", "\t=1", "\u200b=1", " \"=1", "'=1", "\xff;-", "a\u2028=1", "م\u200cم;=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := report.Cell(s)
		require.Equal(t, out, report.Cell(out))
		require.Equal(t, out, video.Visible(out))
		for _, cell := range strings.Split(out, ";") {
			cell = strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || video.Unseen(r) })
			require.False(t, cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]), "%q in %q", cell, out)
		}
	})
}
