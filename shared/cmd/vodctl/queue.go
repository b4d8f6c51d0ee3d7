package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// emptied is the cell of a CSV that empties a field; an empty cell leaves it alone.
const emptied = "(clear)"

func queueCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Send to the metadata queue and look into it"}
	cmd.AddCommand(queueSend(a), queuePeek(a), queueStats(a))
	return cmd
}

func queueSend(a *app) *cobra.Command {
	var table, at string
	var skip int
	var yes, bulk bool
	cmd := &cobra.Command{
		Use:   "send [FILE|-]",
		Short: "Send metadata changes from JSON or CSV; without --yes only check and count them",
		Long: `Send metadata changes, each as a message of its own.

A JSON file holds one message ({"v":1,"changes":[...]}, or the array that
UpdateVideoInfos takes), or one on each line. A CSV begins with the names of its
columns, of: id, kind, title, description, category, cover, tags (replaces the list), add,
remove, issuedAt, ifUnmodifiedSince. An empty cell leaves the field alone, ` + emptied + ` empties it;
tags are separated by "," and by no other sign. Empty rows and columns are left out.

Everything is checked first: one fault, and nothing is sent. Changes without issuedAt
are issued now, in the order of the file. Where some could not be sent it says how to
go on, with the same moment of issue: what is sent twice then has its effect once.

With --bulk they go into METADATA_BULK_QUEUE, and wait until no other person's change
does: for thousands of them, so that an editor's one need not wait.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "-"
			switch {
			case table != "" && len(args) > 0:
				return fmt.Errorf("%w: either --csv or a file", errUsage)
			case table != "":
				name = table
			case len(args) == 1:
				name = args[0]
			}
			text, err := a.read(name)
			if err != nil {
				return err
			}
			read := changesOfJSON
			if table != "" {
				read = changesOfCSV
			}
			changes, err := read(text)
			if err != nil {
				return err
			}
			if skip < 0 || skip > len(changes) {
				return fmt.Errorf("%w: --skip %d of %s", errUsage, skip, report.Count(len(changes), "change"))
			}
			issued := time.Now().UTC().Truncate(time.Millisecond)
			if at != "" {
				if issued, err = time.Parse(time.RFC3339, at); err != nil || issued.After(time.Now()) {
					return fmt.Errorf("%w: --issued-at %s is no moment that has been", errUsage, at)
				}
			}
			for i := range changes {
				if changes[i].IssuedAt.IsZero() {
					changes[i].IssuedAt = issued.Add(time.Duration(i)) // of two about one media the lower wins
				}
			}
			return a.send(cmd.Context(), changes, skip, issued, bulk, yes)
		},
	}
	cmd.Flags().StringVar(&table, "csv", "", "read this CSV file, - for standard input")
	cmd.Flags().IntVar(&skip, "skip", 0, "leave out so many changes, which were sent before")
	cmd.Flags().StringVar(&at, "issued-at", "", "when changes without issuedAt are issued (RFC 3339), instead of now")
	cmd.Flags().BoolVar(&bulk, "bulk", false, "send them behind other people's changes")
	cmd.Flags().BoolVar(&yes, "yes", false, "send")
	return cmd
}

func (a *app) send(ctx context.Context, changes []video.Change, skip int, issued time.Time, bulk, yes bool) error {
	required := []string{"ALIBABA_CLOUD_ACCOUNT_ID", "METADATA_QUEUE"}
	if bulk {
		required = append(required, "METADATA_BULK_QUEUE")
	}
	app, err := a.boot(required...)
	if err != nil {
		return err
	}
	to, put := app.MetadataQueue, app.Sender().Send
	if bulk {
		to, put = app.BulkQueue, app.Sender().SendBulk
	}
	rest := changes[skip:]
	result := struct {
		Queue   string          `json:"queue"`
		Changes int             `json:"changes"`
		Sent    int             `json:"sent"`
		Failed  []video.Outcome `json:"failed"`
	}{Queue: to, Changes: len(rest), Failed: []video.Outcome{}}
	if yes {
		// What keeps a call from its end is the reason of each change that it did not send.
		outcomes, _ := put(ctx, rest)
		for i, o := range outcomes {
			if o.Result == video.Done {
				result.Sent++
				continue
			}
			if len(result.Failed) == 0 {
				skip += i
			}
			result.Failed = append(result.Failed, o)
		}
	}
	if a.json() {
		err = a.printJSON(result)
	} else {
		say := fmt.Sprintf("%s for %s", report.Count(len(rest), "change"), to)
		if yes {
			say = fmt.Sprintf("%d of %s sent to %s", result.Sent, report.Count(len(rest), "change"), to)
		}
		err = a.say("%s\n", say)
	}
	if err == nil && !yes {
		err = a.listedOnly()
	}
	if n := len(result.Failed); err == nil && n > 0 {
		err = fmt.Errorf("%s not sent, the first: %s: %s; go on with --skip %d --issued-at %s",
			report.Count(n, "change"), result.Failed[0].ID, result.Failed[0].Reason, skip, issued.Format(time.RFC3339Nano))
	}
	return err
}

func queuePeek(a *app) *cobra.Command {
	var name string
	var limit int
	cmd := &cobra.Command{
		Use:   "peek",
		Short: "Show waiting messages, at most 16, and leave them as they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, name, err := a.bootQueue(name)
			if err != nil {
				return err
			}
			got, err := app.Queue.Peek(cmd.Context(), name, limit)
			if err != nil {
				return err
			}
			if a.json() {
				type message struct {
					ID       string    `json:"id"`
					Enqueued time.Time `json:"enqueued"`
					Dequeued int       `json:"dequeued"`
					Body     string    `json:"body"`
				}
				all := make([]message, len(got))
				for i, m := range got {
					all[i] = message{m.ID, m.Enqueued, m.Dequeued, string(m.Body)}
				}
				return a.printJSON(all)
			}
			t := report.NewTable("ID", "ENQUEUED", ">TAKEN", "BODY")
			for _, m := range got {
				t.Row(m.ID, m.Enqueued.Format(time.RFC3339), m.Dequeued, report.Cut(string(m.Body), 100))
			}
			return t.Write(a.out, "")
		},
	}
	cmd.Flags().StringVar(&name, "queue", "", "another queue than METADATA_QUEUE, as METADATA_BULK_QUEUE names it")
	cmd.Flags().IntVar(&limit, "limit", queue.MaxBatch, "how many")
	return cmd
}

func queueStats(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Count the messages of the metadata queues and of the dead letters",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := a.boot("ALIBABA_CLOUD_ACCOUNT_ID", "METADATA_QUEUE")
			if err != nil {
				return err
			}
			type line struct {
				Queue   string `json:"queue"`
				Waiting int64  `json:"waiting"`
				Taken   int64  `json:"taken"`
				Delayed int64  `json:"delayed"`
			}
			var lines []line
			for _, name := range []string{app.MetadataQueue, app.BulkQueue, app.DeadLetterQueue} {
				if name == "" {
					continue
				}
				s, err := app.Queue.Stats(cmd.Context(), name)
				if err != nil {
					return err
				}
				lines = append(lines, line{name, s.Active, s.Inactive, s.Delayed})
			}
			if a.json() {
				return a.printJSON(lines)
			}
			t := report.NewTable("QUEUE", ">WAITING", ">TAKEN", ">DELAYED")
			for _, l := range lines {
				t.Row(l.Queue, l.Waiting, l.Taken, l.Delayed)
			}
			return t.Write(a.out, "")
		},
	}
}

func (a *app) bootQueue(name string) (*boot.App, string, error) {
	required := []string{"ALIBABA_CLOUD_ACCOUNT_ID"}
	if name == "" {
		required = append(required, "METADATA_QUEUE")
	}
	app, err := a.boot(required...)
	if err != nil {
		return nil, "", err
	}
	if name == "" {
		name = app.MetadataQueue
	}
	return app, name, nil
}

// read is the text of a file, - being standard input.
func (a *app) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(name)
}

// changesOfJSON reads one message, or one on each line.
func changesOfJSON(text []byte) ([]video.Change, error) {
	m, err := events.DecodeMetadata(text)
	if err == nil {
		return m.Changes, deliver.Check(m.Changes, nil)
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
	faults = append(faults, deliver.Check(changes, func(i int) string { return fmt.Sprintf("line %d", at[i]) }))
	return changes, errors.Join(faults...)
}

// changesOfCSV reads a table, all faults at once, each with its line.
func changesOfCSV(text []byte) ([]video.Change, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // spreadsheets like to begin with a mark
	r.FieldsPerRecord = -1
	columns, err := nextRow(r)
	if err != nil {
		return nil, fmt.Errorf("the first line: %w", err)
	}
	set, faults := map[string]bool{}, []error(nil)
	for i, name := range columns {
		if columns[i] = strings.TrimSpace(name); columns[i] == "" {
			continue // a column that a spreadsheet left: its cells have to be empty
		}
		if _, ok := cells[columns[i]]; !ok || set[columns[i]] {
			faults = append(faults, fmt.Errorf("%w: column %q is unknown or there twice", video.ErrInvalid, name))
		}
		set[columns[i]] = true
	}
	if !set["id"] {
		faults = append(faults, fmt.Errorf("%w: there is no column id", video.ErrInvalid))
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	var changes []video.Change
	var at []int
	for {
		row, err := nextRow(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(append(faults, err)...) // it names the line itself
		}
		line, _ := r.FieldPos(0)
		var c video.Change
		if len(row) < len(columns) { // its end may be lost
			faults = append(faults, fmt.Errorf("line %d: %w: %s, and the table has %d columns", line, video.ErrInvalid, report.Count(len(row), "cell"), len(columns)))
		}
		for i, cell := range row {
			if cell == "" {
				continue
			}
			switch {
			case i < len(columns) && columns[i] != "":
				if err := cells[columns[i]](&c, cell); err != nil {
					faults = append(faults, fmt.Errorf("line %d: %w: %s: %w", line, video.ErrInvalid, columns[i], err))
				}
			case !blank(cell):
				faults = append(faults, fmt.Errorf("line %d: %w: %.40q stands in column %d, which has no name", line, video.ErrInvalid, cell, i+1))
			}
		}
		changes, at = append(changes, c), append(at, line)
	}
	faults = append(faults, deliver.Check(changes, func(i int) string { return fmt.Sprintf("line %d", at[i]) }))
	return changes, errors.Join(faults...)
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
