package conformance_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// client is a module of go.mod with its version.
func client(t *testing.T, module string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	require.NoError(t, err)
	m := regexp.MustCompile(`/(` + regexp.QuoteMeta(module) + `) (v[0-9.]+)`).FindStringSubmatch(string(text))
	require.NotNil(t, m, "go.mod has no %s", module)
	return m[1] + " " + m[2]
}

// shownBy names the client of the rows that a part has passed.
func (d dossier) shownBy(client string) {
	for k, v := range d {
		if v.verdict == passed && v.by == "" {
			v.by = client
			d[k] = v
		}
	}
}

// whyNot is the reason of a row that is not emulated, where no call has told it.
var whyNot = map[string]string{
	"operation": "not built; a call is refused by its name",
	"parameter": "not built; it is refused by its name, or its value is",
	"error":     "nothing here leads to it; a fault answers it on order",
	"limit":     "not checked: what it bounds is not emulated",
	"form":      "outside of what the local cloud runs",
}

// row is a line of the report.
type row struct {
	Service, Operation, Kind, Name, Verdict string
	By                                      string `json:",omitempty"` // who showed it
	Why                                     string `json:",omitempty"` // it is not emulated, or is doubtful
	Note                                    string `json:",omitempty"`
}

// rows are those that every run of the tests has: no package from elsewhere is in it.
func (d dossier) rows() (out []row) {
	for _, k := range d.sorted() {
		v := d[k]
		r := row{Service: k.service, Operation: k.operation, Kind: k.kind, Name: k.name, Verdict: v.verdict, By: v.by, Note: v.note}
		switch v.verdict {
		case missing:
			r.Why = cmp.Or(v.why, whyNot[k.kind])
		case doubtful:
			r.Why, r.Note = v.note, ""
		}
		out = append(out, r)
	}
	return out
}

// testReport keeps report.md and report.json what the clients found. UPDATE_GOLDEN=1
// rewrites them.
func testReport(t *testing.T, d dossier) {
	rows := d.rows()
	var md strings.Builder
	md.WriteString("# What the local cloud emulates, row by row\n\nWho showed a row, or why it is not emulated. Tests write this file and compare it; `report.json`\n" +
		"holds the same. `make conformance` adds the packages for JavaScript.\n\n| service | operation | kind | what | verdict | shown by, or why not |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		require.NotEmpty(t, r.By+r.Why, "%v", r)
		about := cmp.Or(r.By, r.Why)
		if r.Note != "" {
			about += " (" + r.Note + ")"
		}
		fmt.Fprintf(&md, "| %s | %s | %s | `%s` | %s | %s |\n", r.Service, r.Operation, r.Kind, strings.ReplaceAll(r.Name, "|", "\\|"), r.Verdict, strings.ReplaceAll(about, "|", "\\|"))
	}
	lines := make([]string, len(rows)) // a row a line, so that a change of one shows as one
	for i, r := range rows {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		lines[i] = string(text)
	}
	for file, want := range map[string]string{"report.md": md.String(), "report.json": "[" + strings.Join(lines, ",\n") + "]\n"} {
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
			continue
		}
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, want, string(have), "%s is out of date: UPDATE_GOLDEN=1 go test ./shared/localcloud/conformance", file)
	}
}
