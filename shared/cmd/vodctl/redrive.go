package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/events"
	"vodcurator/shared/boot"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func dlqRedrive(a *app) *cobra.Command {
	var f filter
	var rate float64
	var yes bool
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Send dead letters back to the metadata queue; without --yes only list them",
		Long: `Send the original messages of dead letters back to the metadata queue (what only has
rules run to the METADATA_BULK_QUEUE, where there is one), and remove
each dead letter once the queue has its message. Interrupted, run it again: it goes on
with what is left. A dead letter sent twice has its effect once. It takes those that
were there when it began, so that one which is refused again is not sent again; the
count of its tries goes on.

A dead letter whose message would be refused again is left; mend it with dlq edit.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			if rate <= 0 {
				return fmt.Errorf("%w: --rate %g", errUsage, rate)
			}
			app, err := a.bootDLQ("METADATA_QUEUE")
			if err != nil {
				return err
			}
			return a.redrive(cmd.Context(), app, f, rate, yes)
		},
	}
	f.flags(cmd, "reason")
	cmd.Flags().Float64Var(&rate, "rate", 50, "at most so many messages a second")
	cmd.Flags().BoolVar(&yes, "yes", false, "send them back")
	return cmd
}

func (a *app) redrive(ctx context.Context, app *boot.App, f filter, rate float64, yes bool) error {
	var all []shown
	back := 0
	left := map[string]int{} // by reason
	f.start = time.Now()
	others, err := a.deadLetters(ctx, app, f, func(batch []deadLetter) (map[string]bool, error) {
		var messages []queue.Message
		var of []int // which letter of the batch a message is
		first := len(all)
		for i, l := range batch {
			s := show(l)
			if body, err := revived(ctx, app, l); err != nil {
				s.Action = "left: " + err.Error()
				left[err.Error()]++
			} else {
				s.Action = "goes back"
				messages, of = append(messages, queue.Message{Body: body}), append(of, i)
			}
			all = append(all, s)
		}
		if !yes || len(messages) == 0 {
			back += len(messages)
			return nil, nil
		}
		sent, err := sendBack(ctx, app, messages)
		var handles, ids []string
		for k, i := range of {
			if sent[k].Err != nil {
				all[first+i].Action = "left: " + sent[k].Err.Error()
				left[sent[k].Err.Error()]++
				continue
			}
			all[first+i].Action = "sent"
			handles, ids = append(handles, batch[i].taken.Handle), append(ids, batch[i].taken.ID)
		}
		back += len(handles)
		// Also when ctx has just ended: what was sent need not be sent again.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		removed := map[string]bool{}
		results, removeErr := app.Queue.Delete(last, app.DeadLetterQueue, handles)
		for k, id := range ids {
			removed[id] = results[k] == nil
		}
		if err = errors.Join(err, removeErr); err == nil {
			err = errors.Join(results...)
		}
		if err != nil {
			return removed, err
		}
		pause := time.NewTimer(time.Duration(float64(len(messages)) / rate * float64(time.Second)))
		defer pause.Stop()
		select {
		case <-ctx.Done():
			return removed, ctx.Err()
		case <-pause.C:
			return removed, nil
		}
	})
	sum := total(left)
	if a.json() {
		err = errors.Join(a.printJSON(struct {
			Yes     bool    `json:"yes"`
			Back    int     `json:"back"`
			Left    int     `json:"left"`
			Others  int     `json:"others"` // delayed, or taken by somebody else
			Letters []shown `json:"letters"`
		}{yes, back, sum, others, append([]shown{}, all...)}), err)
	} else {
		did := "sent back"
		if !yes {
			err = errors.Join(a.printLetters(all, true), err)
			did = "would go back"
		}
		say := report.Sayf("%s %s to %s, %d left", report.Count(back, "dead letter"), did, app.MetadataQueue, sum) + reasons(left)
		if others > 0 {
			say += "\ndelayed, or taken by somebody else, and still to come: " + report.Count(others, "dead letter")
		}
		_, e := fmt.Fprintln(a.out, say)
		err = errors.Join(err, e)
	}
	if !yes && back > 0 {
		err = errors.Join(err, a.listedOnly())
	}
	return err
}

// sendBack puts messages into the queues that they belong to, and tells of each what came
// of it. What has rules run, and nothing else, may wait behind people's changes.
func sendBack(ctx context.Context, app *boot.App, messages []queue.Message) ([]queue.Sent, error) {
	sent := make([]queue.Sent, len(messages))
	var err error
	for _, bulk := range []bool{false, true} {
		var some []queue.Message
		var of []int
		for i, m := range messages {
			if slow := app.BulkQueue != "" && onlyRules(m.Body); slow == bulk {
				some, of = append(some, m), append(of, i)
			}
		}
		if len(some) == 0 {
			continue
		}
		to := app.MetadataQueue
		if bulk {
			to = app.BulkQueue
		}
		got, sendErr := app.Queue.Send(ctx, to, some)
		if bulk && sendErr == nil {
			sendErr = app.Sender().Wake(ctx)
		}
		for k, i := range of {
			if sent[i].Err = sendErr; k < len(got) {
				sent[i] = got[k]
			}
		}
		err = errors.Join(err, sendErr)
	}
	return sent, err
}

func onlyRules(body []byte) bool {
	m, err := events.DecodeMetadata(body)
	return err == nil && (len(m.Retag) > 0 && len(m.Changes) == 0 || m.Origin == events.OriginRules)
}

// reasons sums up why dead letters are left, the most frequent reasons first.
func reasons(left map[string]int) string {
	texts := slices.SortedFunc(maps.Keys(left), func(a, b string) int { return cmp.Or(left[b]-left[a], strings.Compare(a, b)) })
	var out strings.Builder
	for i, text := range texts[:min(5, len(texts))] {
		if i == 0 {
			out.WriteString(":")
		}
		fmt.Fprintf(&out, "\n  %d  %s", left[text], report.Cut(strings.ReplaceAll(text, "\n", "; "), 100))
		delete(left, text)
	}
	if len(left) > 0 {
		fmt.Fprintf(&out, "\n  %d  for other reasons", total(left))
	}
	return out.String()
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// revived is the message of a dead letter as it goes back, or why it would only die
// again. It gets all its attempts again, and those before are kept beside them.
func revived(ctx context.Context, app *boot.App, l deadLetter) ([]byte, error) {
	body, key, err := whole(ctx, app, l)
	if err != nil {
		return nil, err
	}
	if _, whole := events.Undelivered(body); whole {
		return body, nil // metadata takes its messages out of it
	}
	if notice, err := events.DecodeNotice(body); err == nil {
		return nil, fmt.Errorf("a %s of VOD, not a change; the sweep finds its media by itself", notice.Kind)
	}
	m, err := events.DecodeMetadata(body)
	if err == nil && m.Ref != "" {
		err = fmt.Errorf("%w: %q points to %q", video.ErrInvalid, key, m.Ref)
	}
	if err == nil {
		err = check(m.Changes, func(i int) string { return fmt.Sprintf("change %d", i+1) })
	}
	if err != nil {
		return nil, err
	}
	// A change without a moment of issue counts as issued when it was first seen: sent
	// back, it must not win over what was changed since.
	m.Attempts, m.Before, m.FirstSeen, m.Reason = 0, l.Attempts, l.FirstSeen, ""
	if m.Original == nil {
		m.Original = body // should it die again; where it fits
	}
	out, err := events.EncodeMetadata(m)
	if err == nil && len(out) > events.MaxMessage {
		m.Original = nil
		out, err = events.EncodeMetadata(m)
	}
	if err == nil && key != "" && len(out) > events.MaxMessage {
		return events.EncodeMetadata(events.Metadata{Ref: key, Before: l.Attempts, FirstSeen: l.FirstSeen})
	}
	return out, err
}

// dropped is what dlq drop tells.
type dropped struct {
	Yes     bool     `json:"yes"`
	Dropped int      `json:"dropped"`
	Kept    []string `json:"kept,omitempty"` // where under STATE the letters are kept
	Letters []shown  `json:"letters"`
}

func dlqDrop(a *app) *cobra.Command {
	var f filter
	var why string
	var yes bool
	cmd := &cobra.Command{
		Use:   "drop [ID...] --reason TEXT",
		Short: "Take dead letters away that nothing can cure; without --yes only list them",
		Long: `Take dead letters away for good, those with the ids given and those that the flags
select. The reason is kept with the dead letter under STATE, in messages/, until that is
expired; without STATE it is only printed.`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch err := f.parse(); {
			case err != nil:
				return err
			case strings.TrimSpace(why) == "":
				return fmt.Errorf("%w: --reason says why they are dropped", errUsage)
			case len(ids) == 0 && f.reason == "" && f.media == "" && f.since == "" && f.until == "":
				return fmt.Errorf("%w: name dead letters by id, or select them by --matching, --media, --since or --until", errUsage)
			}
			app, err := a.bootDLQ()
			if err != nil {
				return err
			}
			if f.ids = ids; len(ids) > 0 && f.limit == 0 {
				f.limit = len(ids)
			}
			return a.drop(cmd.Context(), app, f, why, yes)
		},
	}
	f.flags(cmd, "matching")
	cmd.Flags().StringVar(&why, "reason", "", "why nothing can cure them")
	cmd.Flags().BoolVar(&yes, "yes", false, "drop them")
	return cmd
}

func (a *app) drop(ctx context.Context, app *boot.App, f filter, why string, yes bool) error {
	result := dropped{Yes: yes, Letters: []shown{}}
	f.start = time.Now()
	_, err := a.deadLetters(ctx, app, f, func(batch []deadLetter) (map[string]bool, error) {
		removed := map[string]bool{}
		for _, l := range batch {
			s := show(l)
			if s.Action = "would be dropped"; yes {
				key, err := keepDropped(ctx, app, l, why)
				if err == nil {
					err = remove(ctx, app, l.taken.Handle)
				}
				if err != nil {
					return removed, fmt.Errorf("dead letter %s is left: %w", l.taken.ID, err)
				}
				s.Action, removed[l.taken.ID] = "dropped", true
				if key != "" {
					result.Kept = append(result.Kept, key)
				}
			}
			result.Dropped++
			result.Letters = append(result.Letters, s)
		}
		return removed, nil
	})
	if err == nil && len(f.ids) > len(result.Letters) {
		err = fmt.Errorf("%d of %s: %w (or another command has taken them for now)", len(f.ids)-len(result.Letters), report.Count(len(f.ids), "dead letter"), video.ErrNotFound)
	}
	if a.json() {
		err = errors.Join(a.printJSON(result), err)
	} else {
		did := "dropped"
		if !yes {
			did = "would be dropped"
		}
		told := a.say("%s %s: %s\n", report.Count(result.Dropped, "dead letter"), did, why)
		err = errors.Join(a.printLetters(result.Letters, true), told, err)
	}
	if !yes && result.Dropped > 0 {
		err = errors.Join(err, a.listedOnly())
	}
	return err
}

// keepDropped keeps a dead letter and why it is dropped under STATE, if there is one.
func keepDropped(ctx context.Context, app *boot.App, l deadLetter, why string) (key string, err error) {
	if app.State == nil {
		return "", nil
	}
	d := l.DeadLetter
	d.Reason = "dropped: " + why + "\n" + d.Reason
	body, err := events.EncodeDeadLetter(d)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	key = "messages/" + time.Now().UTC().Format(time.DateOnly) + "/dropped-" + hex.EncodeToString(sum[:])
	if err = app.State.Create(ctx, key, body); err != nil {
		if have, readErr := app.State.Read(ctx, key); readErr == nil && bytes.Equal(have, body) {
			err = nil
		}
	}
	return key, err
}
