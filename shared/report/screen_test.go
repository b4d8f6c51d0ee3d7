package report_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

const evil = "a\x1b[2K\u009b\u202e\u2028\nb\U000e0041"

func TestATextInALineBeginsNoLineOfItsOwn(t *testing.T) {
	got := report.Sayf("%s %s %v %d\n", evil, video.ID("x\ny"), errors.New("x\x07"), 5)
	require.Equal(t, `a\x1b[2K\u009b\u202e\u2028\nb\U000e0041 x\ny x\x07 5`+"\n", got)
	require.Equal(t, "1h0m0s 3", report.Sayf("%s %d", time.Hour, time.Duration(3)))
}

func TestJSONKeepsTheValueAndShowsNoCommand(t *testing.T) {
	var b strings.Builder
	require.NoError(t, report.JSON(&b, map[string]string{"title": evil, "when": "a < b && c"}, "  "))
	require.Contains(t, b.String(), `a\u001b[2K\u009b\u202e\u2028\nb\udb40\udc41`)
	require.Contains(t, b.String(), "a < b && c")
	var back map[string]string
	require.NoError(t, json.Unmarshal([]byte(b.String()), &back))
	require.Equal(t, evil, back["title"])
}

func TestNoRecordOfALogCommandsATerminal(t *testing.T) {
	var b strings.Builder
	log := report.NewLog(&b, slog.LevelInfo).With(slog.String("title", evil))
	log.WithGroup("g").Info("done "+evil, slog.Any("err", errors.New(evil)), slog.Any("list", []string{evil}), slog.Group("h", slog.String("x", evil)), slog.Any("nothing", nil))
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		require.False(t, video.Unseen(r), "%U in %s", r, b.String())
	}
	var record struct {
		Title, Msg string
		G          struct {
			Err  string
			List []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(b.String()), &record))
	require.Equal(t, video.Visible(evil), record.Title)
	require.Equal(t, video.Visible(evil), record.G.Err)
	require.Equal(t, []string{evil}, record.G.List)
	require.Equal(t, "done "+video.Visible(evil), record.Msg)
}

func TestAScreenShowsTheSameHoweverTheTextIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.SampledFrom([]string{"a", "\n", "\t", "短", "\x1b", "\xe4", "\xb8", "\u202e", "\U000e0041", "é"})).Draw(t, "text")
		whole := strings.Join(text, "")
		var b strings.Builder
		s := report.NewScreen(&b)
		for rest := whole; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			got, err := s.Write([]byte(rest[:n]))
			if err != nil || got != n {
				t.Fatalf("%d of %d: %v", got, n, err)
			}
			rest = rest[n:]
		}
		if err := s.Close(); err != nil || b.String() != video.VisibleLines(whole) {
			t.Fatalf("%q, want %q", b.String(), video.VisibleLines(whole))
		}
	})
}
