package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func queueCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Send to the metadata queue and look into it"}
	cmd.AddCommand(queueSend(a), queuePeek(a), queueStats(a))
	return cmd
}

func queueSend(a *tool) *cobra.Command {
	var table, at string
	var skip, release int
	var yes, bulk bool
	cmd := &cobra.Command{
		Use:   "send [FILE|-]",
		Short: "Send metadata changes from JSON or CSV; without --yes only check them and show before and after",
		Long: `Send metadata changes, each as a message of its own.

A JSON file holds one message ({"v":1,"changes":[...]}, or the array that
UpdateVideoInfos takes), or one on each line. A CSV begins with the names of its
columns, of: id, kind, title, description, category, cover, tags (replaces the list), add,
remove, issuedAt, ifUnmodifiedSince. An empty cell leaves the field alone, ` + emptied + ` empties it;
tags are separated by "," and by no other sign. Empty rows and columns are left out.

Everything is checked first: one fault, and nothing is sent. Without --yes the assets are
read, and what each field holds is shown beside what it would hold. Changes without issuedAt
are issued now, in the order of the file. Where some could not be sent it says how to
go on, with the same moment of issue: what is sent twice then has its effect once.

With --bulk they go into METADATA_BULK_QUEUE, and wait until no other person's change
does: for thousands of them, so that an editor's one need not wait.

Where assets would lose a tag or category that holds them, or the tag that keeps rules off,
nothing is sent unless --release-holds says how many they are.`,
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
			changes, err := read(name, text)
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
			deliver.Stamp(changes, issued)
			return a.send(cmd.Context(), changes, skip, release, issued, bulk, yes)
		},
	}
	cmd.Flags().StringVar(&table, "csv", "", "read this CSV file, - for standard input")
	cmd.Flags().IntVar(&skip, "skip", 0, "leave out so many changes, which were sent before")
	cmd.Flags().StringVar(&at, "issued-at", "", "when changes without issuedAt are issued (RFC 3339), instead of now")
	cmd.Flags().BoolVar(&bulk, "bulk", false, "send them behind other people's changes")
	cmd.Flags().BoolVar(&yes, "yes", false, "send")
	releaseFlag(cmd, &release)
	return cmd
}

func (a *tool) send(ctx context.Context, changes []video.Change, skip, release int, issued time.Time, bulk, yes bool) error {
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
	if err := a.wouldTake(ctx, app, rest, yes); err != nil {
		return err
	}
	result := sendResult{Queue: to, Changes: len(rest), Failed: []video.Outcome{}}
	if yes {
		if err := a.mayLose(ctx, app, rest, yes, release); err != nil {
			return err
		}
		sign(ctx, app, "", rest)
		skip += result.send(ctx, a.telling(put), rest)
	} else if err := a.previewSend(ctx, app, rest, &result); err != nil {
		return err
	}
	say := fmt.Sprintf("%s for %s", report.Count(len(rest), "change"), to)
	if yes {
		say = fmt.Sprintf("%d of %s sent to %s; vodctl undo --issued-at %s takes back those without an issuedAt of their own", result.Sent, report.Count(len(rest), "change"), to, issued.Format(time.RFC3339Nano))
	}
	err = a.result(result, "%s\n", say)
	if err == nil && !yes {
		err = a.listedOnly()
	}
	if n := len(result.Failed); err == nil && n > 0 {
		err = fmt.Errorf("%s not sent, the first: %s: %s; go on with --skip %d --issued-at %s",
			report.Count(n, "change"), result.Failed[0].ID, result.Failed[0].Reason, skip, issued.Format(time.RFC3339Nano))
	}
	return err
}

// wouldTake refuses changes into a category that is not there. That nobody can ask stops only
// what would be sent.
func (a *tool) wouldTake(ctx context.Context, app *boot.App, changes []video.Change, yes bool) error {
	_, faults, err := knownCategories(ctx, app, changes)
	if err != nil && !yes {
		return a.warn("whether they exist is not known: %v", err)
	}
	return errors.Join(append(faults, err)...)
}

// sendResult is what sending changes comes to.
type sendResult struct {
	Queue   string          `json:"queue"`
	Changes int             `json:"changes"`
	Sent    int             `json:"sent"`
	Failed  []video.Outcome `json:"failed"`
	Preview []previewed     `json:"preview,omitempty"`

	Unprotected []unprotected `json:"unprotected,omitempty"` // by what is previewed
}

// send puts changes into the queue, and says how many stand before the first that failed.
// What keeps a call from its end is the reason of each change that it did not send.
func (r *sendResult) send(ctx context.Context, send put, changes []video.Change) (before int) {
	outcomes, _ := send(ctx, changes)
	for i, o := range outcomes {
		if o.Result == video.Done {
			r.Sent++
			continue
		}
		if len(r.Failed) == 0 {
			before = i
		}
		r.Failed = append(r.Failed, o)
	}
	return before
}

// previewSend shows what the fields hold and would hold. That the library cannot be read
// stops nobody from checking a file.
func (a *tool) previewSend(ctx context.Context, app *boot.App, changes []video.Change, r *sendResult) error {
	var err error
	if r.Preview, err = a.preview(ctx, app, changes); err != nil {
		return a.warn("what the fields hold now could not be read: %v", err)
	}
	if r.Unprotected, err = losing(ctx, app, r.Preview); err != nil {
		return err
	}
	if !a.json() {
		err = a.showPreview(r.Preview)
	}
	return errors.Join(err, a.mayRelease(false, -1, r.Unprotected))
}

func queuePeek(a *tool) *cobra.Command {
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
				t.Row(m.ID, a.when(m.Enqueued), m.Dequeued, report.Cut(string(m.Body), 100))
			}
			return t.Write(a.out, "")
		},
	}
	cmd.Flags().StringVar(&name, "queue", "", "another queue than METADATA_QUEUE, as METADATA_BULK_QUEUE names it")
	cmd.Flags().IntVar(&limit, "limit", queue.MaxBatch, "how many")
	return cmd
}

func queueStats(a *tool) *cobra.Command {
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

func (a *tool) bootQueue(name string) (*boot.App, string, error) {
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

// maxFile is how many bytes of a file are read at most: a wrong name, or a device, has an end.
const maxFile = 64 << 20

// read is the text of a file, - being standard input.
func (a *tool) read(name string) ([]byte, error) {
	if name == "-" {
		return readUpTo(a.in, "standard input")
	}
	return readFile(name)
}

// readFile reads a file, which may be no longer than we ever need.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return nil, tooLong(name)
	}
	return readUpTo(f, name)
}

func readUpTo(in io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = tooLong(name)
	}
	return text, err
}

func tooLong(name string) error {
	return fmt.Errorf("%s: %w: it is longer than %s", name, video.ErrInvalid, report.Bytes(maxFile))
}
