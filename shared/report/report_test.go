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
