package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// The files that queue send reads.

// emptied is the cell of a CSV that empties a field; an empty cell leaves it alone.
const emptied = "(clear)"

// changesOfJSON reads one message, or one on each line.
func changesOfJSON(name string, text []byte) ([]video.Change, error) {
	m, err := events.DecodeMetadata(text)
	if err == nil {
		place := func(i int) string { return fmt.Sprintf("change %d", i+1) }
		return sourced(name, m.Changes, place), checkSent(m.Changes, place)
	}
	lines := bytes.Split(bytes.TrimRight(text, "\r\n"), []byte("\n"))
	if len(lines) < 2 {
		return nil, err
	}
	var changes []video.Change
	var at []int
	var faults []error
	for n, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, lineErr := events.DecodeMetadata(line)
		if lineErr != nil && n == 0 {
			return nil, err // not one message on each line, so one message with a fault
		}
		if lineErr != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n+1, lineErr))
		}
		for _, c := range m.Changes {
			changes, at = append(changes, c), append(at, n+1)
		}
	}
	place := func(i int) string { return fmt.Sprintf("line %d", at[i]) }
	faults = append(faults, checkSent(changes, place))
	return sourced(name, changes, place), errors.Join(faults...)
}

// sourced notes in what file and where each change stands, unless it says something else itself.
func sourced(name string, changes []video.Change, place func(int) string) []video.Change {
	for i := range changes {
		if c := &changes[i]; c.Source == "" {
			c.Source = noted(fileName(name) + " " + place(i))
		}
	}
	return changes
}

// checkSent is deliver.Check, and refuses an id that VOD gives no asset: half an id would be
// found out by the writer only, as a dead letter.
func checkSent(changes []video.Change, place func(int) string) error {
	faults := []error{deliver.Check(changes, place)}
	for i, c := range changes {
		if err := checkAsked(c); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", place(i), err))
		}
		if why := insight.NotAnID(c.ID); why != "" && c.ID != "" {
			faults = append(faults, fmt.Errorf("%s: %w: id: %q%s: vodctl library find lists them, and vodctl edit takes an id of another form, since it reads the asset first",
				place(i), video.ErrInvalid, string(c.ID), why))
		}
	}
	return errors.Join(faults...)
}

// checkAsked refuses what the format of a change allows, and VOD or the writer would not take.
func checkAsked(c video.Change) error {
	faults := []error{deliver.CheckIssued(c, time.Now())}
	if c.Set.Cover != nil && *c.Set.Cover != "" {
		if u, err := url.Parse(*c.Set.Cover); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, fmt.Errorf("%w: cover: want an address that begins with https:// or http://", video.ErrInvalid))
		}
	}
	if c.Set.Category != nil && *c.Set.Category < 0 {
		faults = append(faults, fmt.Errorf("%w: category: %d is no category; 0 is none", video.ErrInvalid, *c.Set.Category))
	}
	return errors.Join(faults...)
}

// knownCategories parts changes from those whose category is not in the tree.
func knownCategories(ctx context.Context, app *boot.App, changes []video.Change) (good []video.Change, faults []error, err error) {
	moves := func(c video.Change) bool {
		return c.Set.Category != nil && *c.Set.Category > 0 && c.Kind != video.KindImage
	}
	if !slices.ContainsFunc(changes, moves) {
		return changes, nil, nil
	}
	tree, err := app.VOD.Categories(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("the categories: %w", err)
	}
	for _, c := range changes {
		if moves(c) && !slices.ContainsFunc(tree, func(one video.Category) bool { return one.ID == *c.Set.Category }) {
			faults = append(faults, fmt.Errorf("%s: %w: category: there is none with the id %d", c.ID, video.ErrInvalid, *c.Set.Category))
			continue
		}
		good = append(good, c)
	}
	return good, faults, nil
}

// changeTable is a table of changes as it is read, with all its faults, each with its line.
type changeTable struct {
	columns []string
	changes []video.Change
	lines   []int // of them
	faults  []error
	bad     map[int]bool // lines with a fault
}

func (t *changeTable) place(i int) string { return fmt.Sprintf("line %d", t.lines[i]) }

func (t *changeTable) fault(line int, format string, args ...any) {
	t.faults = append(t.faults, fmt.Errorf("line %d: %w: "+format, append([]any{line, video.ErrInvalid}, args...)...))
	t.bad[line] = true
}

// changesOfCSV reads a table, all faults at once, each with its line.
func changesOfCSV(name string, text []byte) ([]video.Change, error) {
	t, err := tableOf(text)
	if err != nil {
		return nil, err
	}
	t.faults = append(t.faults, checkSent(t.changes, t.place))
	return sourced(name, t.changes, t.place), errors.Join(t.faults...)
}

// goodRows are the changes of a table without a fault, and the faults of the other rows.
func goodRows(name string, text []byte) (good []video.Change, faults []error, err error) {
	t, err := tableOf(text)
	if err != nil {
		return nil, nil, err
	}
	for i, c := range sourced(name, t.changes, t.place) {
		line := t.lines[i]
		fault := deliver.Check([]video.Change{c}, func(int) string { return t.place(i) })
		if asked := checkAsked(c); asked != nil {
			fault = errors.Join(fault, fmt.Errorf("%s: %w", t.place(i), asked))
		}
		if fault != nil {
			t.faults = append(t.faults, fault)
		} else if !t.bad[line] {
			good = append(good, c)
		}
	}
	return good, t.faults, nil
}

// tableOf reads a table without checking its changes.
func tableOf(text []byte) (*changeTable, error) {
	if err := noSheet(text); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // spreadsheets like to begin with a mark
	r.FieldsPerRecord = -1
	names, err := nextRow(r)
	if err != nil {
		return nil, fmt.Errorf("the first line: %w", err)
	}
	t := changeTable{bad: map[int]bool{}}
	if err := t.head(names); err != nil {
		return nil, err
	}
	for {
		row, err := nextRow(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(append(t.faults, err)...) // it names the line itself
		}
		line, _ := r.FieldPos(0)
		t.row(line, row)
	}
	return &t, nil
}

// head takes the names of the columns.
func (t *changeTable) head(names []string) error {
	set, faults := map[string]bool{}, []error(nil)
	for _, name := range names {
		column := strings.TrimSpace(name)
		t.columns = append(t.columns, column)
		if column == "" {
			continue // a column that a spreadsheet left: its cells have to be empty
		}
		if _, ok := cells[column]; !ok || set[column] {
			faults = append(faults, fmt.Errorf("%w: column %q is unknown or there twice%s", video.ErrInvalid, name, columnHint(column)))
		}
		set[column] = true
	}
	if !set["id"] {
		faults = append(faults, fmt.Errorf("%w: there is no column id", video.ErrInvalid))
	}
	return errors.Join(faults...)
}

// noSheet says of a file that a spreadsheet has saved in another form what to save instead.
func noSheet(text []byte) error {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}), bytes.IndexByte(first, 0) >= 0:
		return fmt.Errorf("%w: the file is UTF-16: save it as \"CSV UTF-8 (comma delimited)\"", video.ErrInvalid)
	case !utf8.Valid(text):
		return fmt.Errorf("%w: the file is not UTF-8, perhaps GBK: save it as \"CSV UTF-8 (comma delimited)\"", video.ErrInvalid)
	}
	for _, sign := range []string{";", "\t"} {
		if names := strings.Split(string(first), sign); len(names) > 1 && !bytes.ContainsRune(first, ',') {
			return fmt.Errorf("%w: the first line separates columns by %q: save the file with commas, as \"CSV UTF-8 (comma delimited)\"", video.ErrInvalid, sign)
		}
	}
	return nil
}

// columnHint is the name that was meant, where that can be told.
func columnHint(column string) string {
	names := slices.Sorted(maps.Keys(cells))
	for _, name := range names {
		if strings.EqualFold(name, column) && name != column {
			return ": write " + name
		}
	}
	if other := map[string]string{"videoid": "id", "mediaid": "id", "imageid": "id", "cateid": "category", "coverurl": "cover", "tag": "tags"}[strings.ToLower(column)]; other != "" {
		return ": write " + other
	}
	if hint := rule.Suggest(column, names); hint != "" && cells[column] == nil {
		return ": " + hint
	}
	return ""
}

// row reads one row as a change.
func (t *changeTable) row(line int, row []string) {
	var c video.Change
	if len(row) < len(t.columns) { // its end may be lost
		t.fault(line, "%s, and the table has %d columns", report.Count(len(row), "cell"), len(t.columns))
	}
	for i, cell := range row {
		if cell == "" {
			continue
		}
		switch {
		case i < len(t.columns) && t.columns[i] != "":
			if err := cells[t.columns[i]](&c, cell); err != nil {
				t.fault(line, "%s: %w", t.columns[i], err)
			}
		case !blank(cell):
			t.fault(line, "%.40q stands in column %d, which has no name", cell, i+1)
		}
	}
	t.changes, t.lines = append(t.changes, c), append(t.lines, line)
}

// nextRow is the next row in which something stands.
func nextRow(r *csv.Reader) ([]string, error) {
	for {
		row, err := r.Read()
		if err != nil || slices.ContainsFunc(row, func(cell string) bool { return !blank(cell) }) {
			return row, err
		}
	}
}

func blank(cell string) bool { return strings.TrimSpace(cell) == "" }

// cells reads each column into a change.
var cells = map[string]func(*video.Change, string) error{
	"id":          func(c *video.Change, s string) error { c.ID = video.ID(strings.TrimSpace(s)); return nil },
	"kind":        func(c *video.Change, s string) error { c.Kind = video.Kind(strings.TrimSpace(s)); return nil },
	"title":       func(c *video.Change, s string) error { c.Set.Title = textCell(s); return nil },
	"description": func(c *video.Change, s string) error { c.Set.Description = textCell(s); return nil },
	"cover":       func(c *video.Change, s string) error { c.Set.Cover = textCell(s); return nil },
	"category": func(c *video.Change, s string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		c.Set.Category = &n
		return err
	},
	"tags": func(c *video.Change, s string) error {
		tags, err := tagsCell(*textCell(s))
		if tags == nil {
			tags = []string{}
		}
		c.Tags.Set = &tags
		return err
	},
	"add": func(c *video.Change, s string) (err error) {
		c.Tags.Add, err = tagsCell(s)
		return err
	},
	"remove":            func(c *video.Change, s string) error { c.Tags.Remove = video.SplitTags(s); return nil },
	"issuedAt":          func(c *video.Change, s string) error { return timeCell(&c.IssuedAt, s) },
	"ifUnmodifiedSince": func(c *video.Change, s string) error { return timeCell(&c.IfUnmodifiedSince, s) },
}

// tagsCell refuses a tag that was meant to be several, by a comma of another script,
// ";" or "|". Removing such a tag is no mistake.
func tagsCell(s string) ([]string, error) {
	tags := video.SplitTags(s)
	for _, tag := range tags {
		if len(rule.Protective("x"+tag+"x")) > 1 {
			return tags, fmt.Errorf("%q looks like several tags: write \",\" between tags; one tag that holds such a sign is sent as JSON", tag)
		}
	}
	return tags, nil
}

func textCell(s string) *string {
	if s == emptied {
		s = ""
	}
	return &s
}

func timeCell(into *time.Time, s string) error {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	*into = t
	return err
}
