package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/report"
)

func TestRowsAreTheSameInEveryFormat(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	type line struct {
		ID string `json:"id"`
	}
	for format, want := range map[report.Format]string{
		report.AsTable: "" +
			"  ID   ITEMS    BYTES  AT                    DAY         TEXT  WHY\n" +
			"  --  ------  -------  --------------------  ----------  ----  ---\n" +
			"  =a  12,345   1.5 kB  2026-03-01 02:03:04Z  2026-03-01  abc…  no\n" +
			"  b        0  unknown                        2026-03-01  d\n",
		report.AsJSON: "[\n  {\n    \"id\": \"=a\"\n  }\n]\n",
		report.AsCSV: "id,items,bytes,at,day,text,why\n" +
			"'=a,12345,1500,2026-03-01T02:03:04Z,2026-03-01,abcdef,no\n" +
			"b,0,,,2026-03-01,d,\n",
	} {
		var b strings.Builder
		r := report.NewRows(&b, format, "ID", ">ITEMS", ">BYTES", "AT", "DAY", "TEXT", "WHY")
		r.Indent = "  "
		r.Add(line{"=a"}, "=a", 12345, report.Size(1500), at, report.Day(at), report.Short{Text: "abcdef", Width: 4}, errors.New("no"))
		r.Add(nil, "b", 0, report.Size(-1), time.Time{}, report.Day(at), report.Short{Text: "d", Width: 4})
		require.NoError(t, r.Print())
		require.Equal(t, want, b.String(), format)
	}
}

func TestNoRowsAreAnEmptyListAHeaderOrAWord(t *testing.T) {
	for format, want := range map[report.Format]string{report.AsTable: "nothing\n", report.AsJSON: "[]\n", report.AsCSV: "a\n"} {
		var b strings.Builder
		r := report.NewRows(&b, format, "a")
		r.None = "nothing"
		require.NoError(t, r.Print())
		require.Equal(t, want, b.String(), format)
	}
	var b strings.Builder
	r := report.NewRows(&b, report.AsJSON, "a")
	r.Whole = map[string]int{"n": 1}
	r.Add(1, "x")
	require.NoError(t, r.Print())
	require.Equal(t, "{\n  \"n\": 1\n}\n", b.String())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAFullDiskIsAnErrorInEveryFormat(t *testing.T) {
	for _, format := range []report.Format{report.AsTable, report.AsJSON, report.AsCSV} {
		r := report.NewRows(full{}, format, "a")
		r.Add(1, "x")
		require.ErrorContains(t, r.Print(), "full", format)
	}
}
