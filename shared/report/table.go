package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"vodcurator/shared/video"
)

// Table is what a person reads: a header, rows, columns of one width. A column
// whose name starts with ">" is set to the right.
type Table struct {
	header []string
	right  []bool
	rows   [][]string
}

// NewTable starts a table with the names of its columns.
func NewTable(columns ...string) *Table {
	t := &Table{right: make([]bool, len(columns))}
	for i, name := range columns {
		if after, ok := strings.CutPrefix(name, ">"); ok {
			name, t.right[i] = after, true
		}
		t.header = append(t.header, name)
	}
	return t
}

// Row adds a row. Cells beyond the header are dropped; cells are shown as video.Visible
// has them, so that a title cannot play with the terminal.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(t.header))
	for i := range row {
		if i < len(cells) {
			row[i] = video.Visible(fmt.Sprint(cells[i]))
		}
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write prints the table, each line behind the given indent.
func (t *Table) Write(w io.Writer, indent string) error {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	if narrow, ok := w.(interface{ Columns() int }); ok && narrow.Columns() > 0 && !t.fit(widths, narrow.Columns()-Width(indent)) {
		return t.stack(w, indent, narrow.Columns())
	}
	var out strings.Builder
	line := func(cells []string) {
		var b strings.Builder
		b.WriteString(indent)
		for i, cell := range cells {
			if Width(cell) > widths[i] {
				cell = Cut(cell, widths[i])
			}
			pad := strings.Repeat(" ", max(0, widths[i]-Width(cell)))
			if i > 0 {
				b.WriteString("  ")
			}
			if t.right[i] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
	line(t.header)
	rule := make([]string, len(widths))
	for i, n := range widths {
		rule[i] = strings.Repeat("-", n)
	}
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// leastText is what a column of texts keeps of its width on a narrow terminal, and the width
// above which it is one.
const leastText, longText = 10, 20

// fit makes columns of long texts narrower until a line fits, the widest first. Names, which
// people copy, and numbers stay whole: false says that these alone are too wide.
func (t *Table) fit(widths []int, room int) bool {
	text := make([]bool, len(widths))
	total := 2 * (len(widths) - 1)
	for i, n := range widths {
		total += n
		for _, row := range t.rows {
			text[i] = text[i] || !t.right[i] && Width(row[i]) > longText && strings.Contains(row[i], " ")
		}
	}
	for ; total > room; total-- {
		widest := -1
		for i, n := range widths {
			if text[i] && n > leastText && (widest < 0 || n > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

// stack prints each row as lines of its own, a cell each.
func (t *Table) stack(w io.Writer, indent string, wide int) error {
	names := 0
	for _, name := range t.header {
		names = max(names, Width(name))
	}
	var out strings.Builder
	for i, row := range t.rows {
		if i > 0 {
			out.WriteString("\n")
		}
		for c, cell := range row {
			if cell != "" {
				name := t.header[c] + strings.Repeat(" ", names-Width(t.header[c]))
				out.WriteString(Cut(indent+name+"  "+cell, max(wide, leastText)) + "\n")
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// columns counts as a terminal does whose owner does not write Chinese, Japanese or Korean:
// the width of a table is the same wherever it is made.
var columns = &runewidth.Condition{StrictEmojiNeutral: true}

// Width is the number of terminal columns a text takes: CJK and full-width
// characters take two, combining ones none.
func Width(s string) int { return columns.StringWidth(s) }

// Cut shortens a text to so many columns, with an ellipsis where something went. It
// counts, and gives, what video.Visible makes of the text.
func Cut(s string, width int) string { return columns.Truncate(video.Visible(s), width, "…") }
