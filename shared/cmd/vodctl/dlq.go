package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// The dead-letter queue can only be read by taking messages from it, so every
// command takes them, and gives back what it does not remove. A command that is
// killed gives them back too, only later, when the time they are hidden is over.

func dlqCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "dlq", Short: "Look at dead letters, mend them and send them back"}
	cmd.AddCommand(dlqList(a), dlqShow(a), dlqEdit(a), dlqRedrive(a), dlqDrop(a))
	return cmd
}

// letter is a dead letter in its queue.
type deadLetter struct {
	events.DeadLetter
	taken queue.Received
}

// filter selects dead letters; its zero value selects all.
type filter struct {
	reason, media string
	since, until  string
	limit         int
	wait          time.Duration
	from, to      time.Time
	ids           []string  // only these
	start         time.Time // when the command began, if it ends with what was there then
}

// flags has the name of the flag that looks into the reasons as its last argument.
func (f *filter) flags(cmd *cobra.Command, reason string) {
	cmd.Flags().StringVar(&f.reason, reason, "", "only dead letters whose reason contains this")
	cmd.Flags().StringVar(&f.media, "media", "", "only dead letters about this asset")
	cmd.Flags().StringVar(&f.since, "since", "", "only dead letters since this time (RFC 3339)")
	cmd.Flags().StringVar(&f.until, "until", "", "only dead letters before this time (RFC 3339)")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "at most so many dead letters; 0 means all")
	waitFlag(cmd, &f.wait)
}

func waitFlag(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "wait", 2*time.Second, "wait so long for dead letters that another command has just given back")
}

func (f *filter) parse() error {
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"since", f.since, &f.from}, {"until", f.until, &f.to}} {
		if t.text == "" {
			continue
		}
		when, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return fmt.Errorf("%w: --%s: %w", errUsage, t.name, err)
		}
		*t.into = when
	}
	return nil
}

func (f *filter) fits(l deadLetter) bool {
	at := l.taken.Enqueued
	return (len(f.ids) == 0 || slices.Contains(f.ids, l.taken.ID)) && strings.Contains(l.Reason, f.reason) && (f.media == "" || about(l, video.ID(f.media))) &&
		(f.from.IsZero() || !at.Before(f.from)) && (f.to.IsZero() || at.Before(f.to))
}

// about says that a dead letter is about a media, also where its body cannot be read.
func about(l deadLetter, id video.ID) bool {
	m, err := events.DecodeMetadata(l.Body)
	if err != nil {
		return bytes.Contains(l.Body, []byte(id)) || strings.Contains(l.Reason, string(id))
	}
	for _, c := range m.Changes {
		if c.ID == id {
			return true
		}
	}
	return m.Ref != "" && strings.Contains(l.Reason, string(id))
}

// letterOf reads a message of the dead-letter queue. What the platform itself moved
// there is no dead letter of ours: then the message is the body, or EventBridge's
// event around it. It was seen first when it says so itself, else when it was published.
func letterOf(m queue.Received) deadLetter {
	d, err := events.DecodeDeadLetter(m.Body)
	if err != nil {
		d = events.DeadLetter{ID: m.ID, Body: m.Body, Reason: "moved here by the platform"}
		if inner, err := events.DecodeBatch(m.Body); events.Kind(m.Body) == events.TriggerBatch && err == nil && len(inner) == 1 {
			d.ID, d.Body, d.FirstSeen = inner[0].ID, inner[0].Body, inner[0].At
		}
		if was, err := events.DecodeMetadata(d.Body); err == nil && !was.FirstSeen.IsZero() {
			d.Attempts, d.FirstSeen = was.Attempts, was.FirstSeen
		}
	}
	if d.FirstSeen.IsZero() {
		d.FirstSeen = m.Enqueued
	}
	return deadLetter{d, m}
}

// hidden is how long a dead letter that was taken stays so, whatever its queue is set to:
// what a command keeps must not come again, before the others, while it is at work. A
// long queue takes longer.
func hidden(waiting int64) time.Duration {
	return min(max(15*time.Minute, time.Duration(waiting)*100*time.Millisecond), queue.MaxVisible)
}

// deadLetters takes every dead letter that fits from the queue and hands them over in
// batches. Those that the handler keeps, and all that do not fit, are given back
// at the end. Letters that are there and were not looked at are an error; others
// says how many more are delayed, or taken by somebody else.
func (a *app) deadLetters(ctx context.Context, app *boot.App, f filter, handle func([]deadLetter) (removed map[string]bool, err error)) (others int, err error) {
	held := map[string]string{} // the handles of letters to give back, by id
	defer func() { err = errors.Join(err, a.giveBack(ctx, app, slices.Collect(maps.Values(held)))) }()
	bar := a.progress(" dead letters")
	defer bar.end()
	stats, err := app.Queue.Stats(ctx, app.DeadLetterQueue)
	if err != nil {
		return 0, err
	}
	long := hidden(stats.Active)
	seen, lost := map[string]bool{}, map[string]bool{}
	why := errors.New("the queue does not give them now")
	found, waited := 0, false
	// An empty answer before its time means nothing, since MNS gives one when too many
	// wait: it takes a few to end this, or one that was waited for.
	for idle := 0; idle < 5 && !waited; {
		asked := time.Now()
		got, err := app.Queue.Receive(ctx, app.DeadLetterQueue, queue.MaxBatch, f.wait)
		if err != nil {
			return 0, err
		}
		waited = got == nil && f.wait > 0 && time.Since(asked) >= f.wait*3/4
		idle++
		var batch []deadLetter
		for i, err := range hide(ctx, app, got, long) {
			m := got[i]
			held[m.ID] = m.Handle
			if !f.start.IsZero() && m.Enqueued.After(f.start) {
				// It died while this command was at work, perhaps by its own doing: another
				// command's business, or this one would never end.
				seen[m.ID] = true
			}
			switch {
			case err == nil && !seen[m.ID]:
				idle = 0
			case err != nil && !seen[m.ID]: // it comes again, or is somebody else's now
				why, lost[m.ID] = err, true
				continue
			}
			if !seen[m.ID] {
				seen[m.ID] = true
				delete(lost, m.ID)
				if l := letterOf(m); f.fits(l) && (f.limit == 0 || found < f.limit) {
					found++
					batch = append(batch, l)
				}
			}
		}
		bar.tell(len(seen), time.Time{}, time.Time{})
		removed, err := map[string]bool(nil), error(nil)
		if len(batch) > 0 {
			removed, err = handle(batch)
		}
		for id, gone := range removed {
			if gone {
				delete(held, id)
			}
		}
		if errors.Is(err, errEnough) || err == nil && f.limit > 0 && found >= f.limit {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
	if stats, err = app.Queue.Stats(ctx, app.DeadLetterQueue); err != nil {
		return 0, err
	}
	missed := len(lost)
	if !waited {
		missed = max(missed, int(stats.Active))
	}
	if missed > 0 {
		err = fmt.Errorf("not looked at: %s; run it again: %w", report.Count(missed, "dead letter"), why)
	}
	return int(stats.Delayed) + max(0, int(stats.Inactive)-len(held)), err
}

// hide keeps taken dead letters from coming again. They get their new handles, and one
// that could not be hidden its error.
func hide(ctx context.Context, app *boot.App, taken []queue.Received, long time.Duration) []error {
	errs := make([]error, len(taken))
	var calls errgroup.Group
	for i := range taken {
		calls.Go(func() error {
			handle, until, err := app.Queue.Extend(ctx, app.DeadLetterQueue, taken[i].Handle, long)
			if errs[i] = err; err == nil {
				taken[i].Handle, taken[i].NextVisible = handle, until
			}
			return nil
		})
	}
	_ = calls.Wait() // each has its error
	return errs
}

// giveBack makes dead letters visible again, a second from now, which is the soonest
// there is. It goes on when ctx has ended: that is when it matters.
func (a *app) giveBack(ctx context.Context, app *boot.App, handles []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second+time.Duration(len(handles))*10*time.Millisecond)
	defer cancel()
	var mu sync.Mutex
	var first error
	late := 0
	var calls errgroup.Group
	calls.SetLimit(queue.MaxBatch)
	bar := a.progress(" dead letters given back")
	defer bar.end()
	for i, handle := range handles {
		calls.Go(func() error {
			// A handle that ran out means that the dead letter is back already.
			if _, _, err := app.Queue.Extend(ctx, app.DeadLetterQueue, handle, time.Second); err != nil && !errors.Is(err, video.ErrNotFound) {
				mu.Lock()
				late, first = late+1, cmp.Or(first, err)
				mu.Unlock()
			}
			return nil
		})
		bar.tell(i+1, time.Time{}, time.Time{})
	}
	_ = calls.Wait()
	if late > 0 {
		return fmt.Errorf("%s come back later, when their time is over: %w", report.Count(late, "dead letter"), first)
	}
	return nil
}

func (a *app) bootDLQ(more ...string) (*boot.App, error) {
	return a.boot(append(more, "ALIBABA_CLOUD_ACCOUNT_ID", "DEAD_LETTER_QUEUE")...)
}

// shown is a dead letter as it is printed.
type shown struct {
	ID        string    `json:"id"` // in the dead-letter queue
	Since     time.Time `json:"since"`
	FirstSeen time.Time `json:"firstSeen,omitzero"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason"`
	Ref       string    `json:"ref,omitempty"`
	Body      string    `json:"body"`
	Base64    []byte    `json:"bodyBase64,omitempty"` // instead of body, when it is no text
	Action    string    `json:"action,omitempty"`
}

func show(l deadLetter) shown {
	s := shown{ID: l.taken.ID, Since: l.taken.Enqueued, FirstSeen: l.FirstSeen, Attempts: l.Attempts, Reason: l.Reason, Ref: l.Ref}
	if utf8.Valid(l.Body) {
		s.Body = string(l.Body)
	} else {
		s.Base64 = l.Body
	}
	return s
}

func (a *app) printLetters(all []shown, action bool) error {
	if a.json() {
		if all == nil {
			all = []shown{}
		}
		return a.printJSON(all)
	}
	columns := []string{"ID", "SINCE", ">TRIES", "REASON", "BODY"}
	if action {
		columns = append(columns, "ACTION")
	}
	t := report.NewTable(columns...)
	for _, s := range all {
		body := s.Body
		switch {
		case s.Ref != "":
			body = "under STATE: " + s.Ref
		case s.Base64 != nil:
			body = fmt.Sprintf("%d bytes that are no text", len(s.Base64))
		}
		t.Row(s.ID, s.Since.Format(time.RFC3339), s.Attempts, report.Cut(s.Reason, 60), report.Cut(body, 60), s.Action)
	}
	return t.Write(a.out, "")
}

func dlqList(a *app) *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters with their reasons",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			app, err := a.bootDLQ()
			if err != nil {
				return err
			}
			var all []shown
			_, err = a.deadLetters(cmd.Context(), app, f, func(batch []deadLetter) (map[string]bool, error) {
				for _, l := range batch {
					all = append(all, show(l))
				}
				return nil, nil
			})
			return errors.Join(a.printLetters(all, false), err)
		},
	}
	f.flags(cmd, "reason")
	return cmd
}

// one finds a dead letter by its id and hands it over.
func (a *app) one(ctx context.Context, app *boot.App, id string, wait time.Duration, handle func(deadLetter) (removed bool, err error)) error {
	found := false
	_, err := a.deadLetters(ctx, app, filter{wait: wait}, func(batch []deadLetter) (map[string]bool, error) {
		for _, l := range batch {
			if l.taken.ID == id {
				found = true
				removed, err := handle(l)
				if err == nil {
					err = errEnough
				}
				return map[string]bool{id: removed}, err
			}
		}
		return nil, nil
	})
	if err == nil && !found {
		return fmt.Errorf("dead letter %s: %w (or another command has taken it for now)", id, video.ErrNotFound)
	}
	return err
}

// errEnough ends the reading of the dead letters.
var errEnough = errors.New("found")

func dlqShow(a *app) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one dead letter with its whole body",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := a.bootDLQ()
			if err != nil {
				return err
			}
			return a.one(cmd.Context(), app, args[0], wait, func(l deadLetter) (bool, error) {
				body, key, err := whole(cmd.Context(), app, l)
				if l.Ref = key; err == nil {
					l.Body = body
				}
				if a.json() {
					return false, a.printJSON(show(l))
				}
				text := bodyText(l.Body)
				if err != nil {
					text = video.VisibleLines(err.Error())
				}
				err = a.say("id          %s\nsince       %s\nfirst seen  %s\ntries       %d\nreason      %s\n",
					l.taken.ID, l.taken.Enqueued.Format(time.RFC3339), l.FirstSeen.Format(time.RFC3339), l.Attempts, l.Reason)
				if err == nil && key != "" {
					err = a.say("body        under STATE at %s\n", key)
				}
				if err == nil {
					_, err = fmt.Fprintf(a.out, "\n%s\n", text) // of several lines
				}
				return false, err
			})
		},
	}
	waitFlag(cmd, &wait)
	return cmd
}

func bodyText(body []byte) string {
	var pretty bytes.Buffer
	switch {
	case json.Indent(&pretty, body, "", "  ") == nil:
		return video.VisibleJSON(pretty.String())
	case utf8.Valid(body):
		return fmt.Sprintf("%q", body) // quoted: it may hold anything
	}
	return fmt.Sprintf("% x", body)
}

func dlqEdit(a *app) *cobra.Command {
	var file string
	var yes bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "edit ID --body FILE",
		Short: "Give a dead letter another body, which is checked; without --yes only check it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return fmt.Errorf("%w: --body names the file with the new body, - for standard input", errUsage)
			}
			body, err := a.read(file)
			if err != nil {
				return err
			}
			if err := mended(body); err != nil {
				return err
			}
			app, err := a.bootDLQ()
			if err != nil {
				return err
			}
			err = a.one(cmd.Context(), app, args[0], wait, func(l deadLetter) (bool, error) {
				if !yes {
					return false, nil
				}
				l.Body, l.Ref = body, ""
				letter, err := events.EncodeDeadLetter(l.DeadLetter)
				if err != nil {
					return false, err
				}
				// The new one first: killed in between, there are both, and none is lost.
				if err := sendOne(cmd.Context(), app, app.DeadLetterQueue, letter); err != nil {
					return false, err
				}
				return true, remove(cmd.Context(), app, l.taken.Handle)
			})
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(struct {
					ID     string `json:"id"`
					Edited bool   `json:"edited"` // it has a new id then
				}{args[0], yes})
			} else {
				say := "the body is as it should be"
				if yes {
					say = "edited; it has a new id"
				}
				err = a.say("%s\n", say)
			}
			if err == nil && !yes {
				err = a.listedOnly()
			}
			return err
		},
	}
	cmd.Flags().StringVar(&file, "body", "", "the file with the new body, - for standard input")
	cmd.Flags().BoolVar(&yes, "yes", false, "replace the dead letter")
	waitFlag(cmd, &wait)
	return cmd
}

// mended says what would make a body a dead letter again at once.
func mended(body []byte) error {
	m, err := events.DecodeMetadata(body)
	if err != nil {
		return err
	}
	return check(m.Changes, func(i int) string { return fmt.Sprintf("change %d", i+1) })
}

func sendOne(ctx context.Context, app *boot.App, name string, body []byte) error {
	sent, err := app.Queue.Send(ctx, name, []queue.Message{{Body: body}})
	if err == nil {
		err = sent[0].Err
	}
	return err
}

func remove(ctx context.Context, app *boot.App, handles ...string) error {
	results, err := app.Queue.Delete(ctx, app.DeadLetterQueue, handles)
	if err != nil {
		return err
	}
	return errors.Join(results...)
}

// whole is the body of a dead letter, read under STATE where it lies there: at key. A
// letter whose body was too large for its queue names it, as does a message.
func whole(ctx context.Context, app *boot.App, l deadLetter) (body []byte, key string, err error) {
	key = l.Ref
	if m, err := events.DecodeMetadata(l.Body); err == nil && key == "" {
		key = m.Ref
	}
	switch {
	case key == "":
		return l.Body, "", nil
	case app.State == nil:
		return nil, key, fmt.Errorf("its body is under STATE at %s, and STATE is not set", key)
	}
	body, err = app.State.Read(ctx, key)
	return body, key, err
}
