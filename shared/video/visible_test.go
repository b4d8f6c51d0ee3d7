package video_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

func TestWhatCannotBeSeenIsWrittenOut(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"a\x1b]0;owned\x07":          `a\x1b]0;owned\x07`,
		"a\u009b2K":                  `a\u009b2K`,
		"a\x7fb\x00c":                `a\x7fb\x00c`,
		"one\r\ntwo\tthree":          `one\r\ntwo\tthree`,
		"a\u202eb\u2066c\u200ed":     `a\u202eb\u2066c\u200ed`,
		"a\u061cb":                   `a\u061cb`,
		"a\u2028b\u2029c\u0085d":     `a\u2028b\u2029c\u0085d`,
		"\ufeffa\u200bb\u2060c":      `\ufeffa\u200bb\u2060c`,
		"k\u200deep k\u200ceep":      `k\u200deep k\u200ceep`, // nothing to join in Latin
		"so\u00adft":                 `so\u00adft`,
		"\xff\xfe a \xe4\xb8":        `\xff\xfe a \xe4\xb8`,
		"\xed\xa0\x80":               `\xed\xa0\x80`, // half of a pair of UTF-16
		"a\U000e0041\U000e007f":      `a\U000e0041\U000e007f`,
		"\ue000\U000f0000\U0010fffd": `\ue000\U000f0000\U0010fffd`,
		"\ufffe\ufdd0":               `\ufffe\ufdd0`,
		"a\u3164b":                   `a\u3164b`, // a filler that looks like a blank
	} {
		require.Equal(t, want, video.Visible(text), "%q", text)
		require.Equal(t, want, video.Visible(want))
	}
}

func TestPlainTextOfEveryScriptStays(t *testing.T) {
	for _, text := range []string{
		`C:\new\x1b`, "Łódź café naïve", "e\u0301", "Привет", "Ελλάδα", "视频 教程　第１集", "動画・かな", "葛\U000e0100城", "한국어",
		"שלום", "مرحبا", "می\u200cخواهم", "क्\u200dष", "สวัสดี", "ᠮᠣᠩᠭᠣᠯ", "👨\u200d👩\u200d👧 ❤️ ✈️", "🏳️\u200d🌈", "5\u00a0€ – “x” … −3", "\ufffd", "؀١٢",
	} {
		require.Equal(t, text, video.Visible(text), "%+q", text)
	}
}

func TestLinesStayWhereTheyAreMeant(t *testing.T) {
	require.Equal(t, "a\n\tb\\x1b\\r\n", video.VisibleLines("a\n\tb\x1b\r\n"))
	require.Equal(t, `a\x1b`, video.VisibleLines("a\x1b"))
}

// visibleOnly fails on what a terminal could take for a command.
func visibleOnly(t *testing.T, out, allowed string) {
	t.Helper()
	require.True(t, utf8.ValidString(out), "%q", out)
	for _, r := range out {
		if r != '\u200c' && r != '\u200d' && !strings.ContainsRune(allowed, r) {
			require.False(t, video.Unseen(r), "%U in %q", r, out)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[2K", "\u009b", "a\u202eb", "\xff", "می\u200cخواهم", "\u200c\u200d", "م\u200c\u200cم", "\U000e0041", "a\nb\tc", `\u202e`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := video.Visible(s)
		visibleOnly(t, out, "")
		require.Equal(t, out, video.Visible(out))
		out = video.VisibleLines(s)
		visibleOnly(t, out, "\n\t")
		require.Equal(t, out, video.VisibleLines(out))

		text, err := json.Marshal([]string{s})
		require.NoError(t, err)
		out = video.VisibleJSON(string(text))
		visibleOnly(t, out, "")
		require.Equal(t, out, video.VisibleJSON(out))
		var was, is []string
		require.NoError(t, json.Unmarshal(text, &was))
		require.NoError(t, json.Unmarshal([]byte(out), &is), out)
		require.Equal(t, was, is)
	})
}
