package report_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/report"
)

func TestTableAlignsWideCharacters(t *testing.T) {
	table := report.NewTable("title", ">bytes")
	table.Row("短片", report.Bytes(1_500_000))
	table.Row("a\x1b[31mred", report.Bytes(-1))
	var b strings.Builder
	require.NoError(t, table.Write(&b, "  "))
	require.Equal(t, strings.Join([]string{
		"  title           bytes",
		"  ------------  -------",
		"  短片           1.5 MB",
		`  a\x1b[31mred  unknown`,
		"",
	}, "\n"), b.String())
}

func TestFormats(t *testing.T) {
	for want, got := range map[string]string{
		"0 B":         report.Bytes(0),
		"999 B":       report.Bytes(999),
		"1.0 kB":      report.Bytes(1000),
		"1.0 MB":      report.Bytes(999_960),
		"2.5 GB":      report.Bytes(2_500_000_000),
		"1 video":     report.Count(1, "video"),
		"2,400 parts": report.Count(2400, "part"),
		"-1,000":      report.Number(-1000),
		"-100":        report.Number(-100),
		"40 ms":       report.Duration(40 * time.Millisecond),
		"3.2 s":       report.Duration(3200 * time.Millisecond),
		"5 min 09 s":  report.Duration(309 * time.Second),
		"90 d 1 h":    report.Duration(90*24*time.Hour + time.Hour),
		"短…":          report.Cut("短片長", 4),
	} {
		require.Equal(t, want, got)
	}
}

func TestEveryRecordCarriesTheRequest(t *testing.T) {
	var b strings.Builder
	log := report.NewLog(&b, slog.LevelInfo).With(slog.String("function", "purge"))
	log.InfoContext(report.WithRequest(t.Context(), "r-1"), "done")
	require.Contains(t, b.String(), `"function":"purge"`)
	require.Contains(t, b.String(), `"request_id":"r-1"`)
}

func TestANarrowTerminalCutsTextsAndNoNames(t *testing.T) {
	table := func(wide int) string {
		table := report.NewTable("asset", ">bytes", "title", "reason")
		table.Row("30a1f0c2d7b171f1a4e66723a78e0102", "1.5 MB", "A title of many words, and more of them", "60d since upload, limit 30d")
		var b strings.Builder
		screen := report.NewScreen(&b)
		screen.Wide = wide
		require.NoError(t, table.Write(screen, "  "))
		return b.String()
	}
	for wide, want := range map[int]int{0: 112, 200: 112, 100: 100, 80: 80, 60: 49, 49: 49, 45: 45} {
		longest := 0
		for line := range strings.Lines(table(wide)) {
			longest = max(longest, report.Width(strings.TrimSuffix(line, "\n")))
		}
		require.Equal(t, want, longest, wide)
		require.Contains(t, table(wide), "30a1f0c2d7b171f1a4e66723a78e0102", "names stay whole")
		require.Contains(t, table(wide), "1.5 MB")
	}
	require.Contains(t, table(80), "…")
}
