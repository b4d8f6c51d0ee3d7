package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Format is how a result is written.
type Format string

// The formats: for people, for programs, and for spreadsheets.
const (
	AsTable Format = "table"
	AsJSON  Format = "json"
	AsCSV   Format = "csv"
)

// Size is a cell of bytes: Bytes for people, the number in CSV. One that nobody knows is
// negative, and an empty cell in CSV.
type Size int64

// Day is a cell of which only the date matters.
type Day time.Time

// Short is a cell that people see cut to a width; CSV has the whole text.
type Short struct {
	Text  string
	Width int
}

// Rows writes a result of many rows alike in one of the formats. A row has a value for
// JSON and cells for the others. Cells keep their kind: a number is grouped for people and
// plain in CSV, a time.Time is to the second for people and RFC 3339 in CSV, and a text is
// from outside, see Cell.
type Rows struct {
	// Whole is what JSON has instead of the list of the values, which are a part of it.
	Whole any
	// None is what people read instead of a table without rows; default: its header.
	None string
	// Indent stands before each line of the table.
	Indent string
	// Zone is that of the times in the table; nil: each has its own. Programs read them as
	// they are.
	Zone *time.Location

	out    io.Writer
	format Format
	table  *Table
	csv    *csv.Writer
	values []any
	err    error // of the CSV, which is written at once
}

// Sum is money: two digits for people, all there are for a spreadsheet.
type Sum float64

// NewRows starts a result with the names of its columns, as NewTable does.
func NewRows(w io.Writer, format Format, columns ...string) *Rows {
	r := &Rows{out: w, format: format, table: NewTable(columns...), values: []any{}}
	if format == AsCSV {
		r.csv = csv.NewWriter(w)
		header := make([]string, len(columns))
		for i, name := range r.table.header {
			header[i] = strings.ToLower(name)
		}
		r.err = r.csv.Write(header)
	}
	return r
}

// Add adds a row. A value of nil is left out of the JSON.
func (r *Rows) Add(value any, cells ...any) {
	switch r.format {
	case AsJSON:
		if value != nil {
			r.values = append(r.values, value)
		}
	case AsCSV:
		row := make([]string, len(r.table.header))
		for i, cell := range cells {
			row[i] = forSpreadsheet(cell)
		}
		if r.err == nil {
			r.err = r.csv.Write(row)
		}
	default:
		shown := make([]any, len(cells))
		for i, cell := range cells {
			shown[i] = r.forPeople(cell)
		}
		r.table.Row(shown...)
	}
}

// Print writes what was added.
func (r *Rows) Print() error {
	switch {
	case r.format == AsCSV:
		if r.csv.Flush(); r.err == nil {
			r.err = r.csv.Error()
		}
		return r.err
	case r.format == AsJSON && r.Whole != nil:
		return JSON(r.out, r.Whole, "  ")
	case r.format == AsJSON:
		return JSON(r.out, r.values, "  ")
	case r.None != "" && r.table.Len() == 0:
		return Say(r.out, "%s\n", r.None)
	}
	return r.table.Write(r.out, r.Indent)
}

func (r *Rows) forPeople(cell any) any {
	switch c := cell.(type) {
	case int:
		return Number(c)
	case Size:
		return Bytes(int64(c))
	case time.Time:
		if c.IsZero() {
			return ""
		}
		if r.Zone != nil {
			c = c.In(r.Zone)
		}
		return c.Format(Moment)
	case Sum:
		return fmt.Sprintf("%.2f", float64(c))
	case Day:
		return time.Time(c).Format(time.DateOnly)
	case Short:
		return Cut(c.Text, c.Width)
	}
	return cell
}

func forSpreadsheet(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case Size:
		if c < 0 {
			return ""
		}
		return strconv.FormatInt(int64(c), 10)
	case time.Time:
		if c.IsZero() {
			return ""
		}
		return c.Format(time.RFC3339)
	case Sum:
		return strconv.FormatFloat(math.Round(float64(c)*1e9)/1e9, 'f', -1, 64)
	case Day:
		return time.Time(c).Format(time.DateOnly)
	case Short:
		return Cell(c.Text)
	case error:
		return Cell(c.Error())
	}
	if reflect.TypeOf(cell).Kind() == reflect.String {
		return Cell(fmt.Sprint(cell))
	}
	return fmt.Sprint(cell)
}
