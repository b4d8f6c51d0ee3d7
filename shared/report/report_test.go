package report_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/report"
	"vodcurator/shared/state/removal"
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

// One media that waits is in every plan since, and one message a night is enough.
func TestWhatWaitsForTheSameReasonIsToldOnce(t *testing.T) {
	told := report.Purged(purge.Report{Plans: []purge.Applied{
		{Plan: "p1", Status: purge.Stopped, Why: "some items wait", Left: 1},
		{Plan: "p2", Status: purge.Stopped, Why: "some items wait", Left: 1},
		{Plan: "p3", Status: purge.Refused, Why: "it expired"},
		{Plan: "p4", Status: purge.Refused, Code: removal.IncidentOverGuards, Why: "it expired"},
		{Plan: "p5", Status: purge.Stopped, Code: removal.IncidentHalted, Why: "halted by anna", Left: 4},
	}}).Incidents(nil)
	require.Equal(t, []notify.Incident{
		{Code: removal.IncidentStopped, Text: "plan p1 stopped: some items wait"},
		{Code: removal.IncidentRefused, Text: "plan p3 refused: it expired", Plan: "p3"},
		{Code: removal.IncidentOverGuards, Text: "plan p4 refused: it expired", Plan: "p4"},
		{Code: removal.IncidentHalted, Text: "plan p5 stopped: halted by anna"},
	}, told)
}
