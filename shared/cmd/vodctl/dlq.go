package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func dlqCommand(a *tool) *cobra.Command {
	cmd := &cobra.Command{Use: "dlq", Short: "Look at dead letters, mend them and send them back"}
	cmd.AddCommand(dlqList(a), dlqShow(a), dlqEdit(a), dlqRedrive(a), dlqDrop(a))
	return cmd
}

// letters are the dead letters as commands date them: by the library's clock.
type letters struct {
	deliver.DeadLetters
	ahead time.Duration // of the queues' clock
}

// bootDLQ wires the dead letters for a command.
func (a *tool) bootDLQ(ctx context.Context, more ...string) (*boot.App, letters, error) {
	app, err := a.boot(append(more, "ALIBABA_CLOUD_ACCOUNT_ID", "DEAD_LETTER_QUEUE")...)
	if err != nil {
		return nil, letters{}, err
	}
	at, err := app.Clock(ctx)
	all := letters{ahead: time.Until(at).Round(time.Second)}
	all.DeadLetters = deliver.DeadLetters{Queue: app.Queue, Name: app.DeadLetterQueue, Progress: func(of string) (func(int), func()) {
		bar := a.progress(of)
		return func(n int) { bar.tell(n, time.Time{}, time.Time{}) }, bar.end
	}}
	if app.State != nil { // a nil *State in an interface would not be nil
		all.Objects = app.State
	}
	return app, all, err
}

// at is a filter by the clock of the queues.
func (q letters) at(f deliver.Filter) deliver.Filter {
	for _, t := range []*time.Time{&f.From, &f.To} {
		if !t.IsZero() {
			*t = t.Add(-q.ahead)
		}
	}
	return f
}

// filterFlags are those of commands that select dead letters.
type filterFlags struct {
	deliver.Filter
	media, since, until string
}

// add has the name of the flag that looks into the reasons as its last argument.
func (f *filterFlags) add(cmd *cobra.Command, reason string) {
	cmd.Flags().StringVar(&f.Reason, reason, "", "only dead letters whose reason contains this")
	cmd.Flags().StringVar(&f.media, "media", "", "only dead letters about this asset")
	cmd.Flags().StringVar(&f.since, "since", "", "only dead letters since this time (RFC 3339)")
	cmd.Flags().StringVar(&f.until, "until", "", "only dead letters before this time (RFC 3339)")
	cmd.Flags().IntVar(&f.Limit, "limit", 0, "at most so many dead letters; 0 means all")
	waitFlag(cmd, &f.Wait)
}

func waitFlag(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "wait", 2*time.Second, "wait so long for dead letters that another command has just given back")
}

// parse reads the flags before anything is done.
func (f *filterFlags) parse() error {
	f.Media = video.ID(f.media)
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"since", f.since, &f.From}, {"until", f.until, &f.To}} {
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
	// Content is a body that is JSON, as a value and not as a text; only of one that is shown.
	Content json.RawMessage `json:"content,omitempty"`
	Action  string          `json:"action,omitempty"`
}

func (q letters) show(l deliver.DeadLetter) shown {
	s := shown{ID: l.Taken.ID, Since: l.Taken.Enqueued.Add(q.ahead), FirstSeen: l.FirstSeen.Add(q.ahead), Attempts: l.Attempts, Reason: l.Reason, Ref: l.Ref}
	if utf8.Valid(l.Body) {
		s.Body = string(l.Body)
	} else {
		s.Base64 = l.Body
	}
	return s
}

// showSeen is show for those about which something is done; never nil.
func (q letters) showSeen(all []deliver.Seen) []shown {
	out := make([]shown, len(all))
	for i, l := range all {
		out[i] = q.show(l.DeadLetter)
		out[i].Action = l.Action
	}
	return out
}

func (a *tool) printLetters(all []shown, action bool) error {
	if a.json() {
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
		t.Row(s.ID, a.when(s.Since), s.Attempts, report.Cut(s.Reason, 60), report.Cut(body, 60), s.Action)
	}
	return t.Write(a.out, "")
}

func dlqList(a *tool) *cobra.Command {
	var f filterFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters with their reasons",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			_, letters, err := a.bootDLQ(cmd.Context())
			if err != nil {
				return err
			}
			all := []shown{}
			_, err = letters.Each(cmd.Context(), letters.at(f.Filter), func(batch []deliver.DeadLetter) ([]string, error) {
				for _, l := range batch {
					all = append(all, letters.show(l))
				}
				return nil, nil
			})
			return errors.Join(a.printLetters(all, false), err)
		},
	}
	f.add(cmd, "reason")
	return cmd
}

func dlqShow(a *tool) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one dead letter with its whole body",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, letters, err := a.bootDLQ(cmd.Context())
			if err != nil {
				return err
			}
			return letters.Find(cmd.Context(), args[0], wait, func(l deliver.DeadLetter) (bool, error) {
				return false, a.printLetter(cmd.Context(), letters, l)
			})
		},
	}
	waitFlag(cmd, &wait)
	return cmd
}

func (a *tool) printLetter(ctx context.Context, q letters, l deliver.DeadLetter) error {
	body, key, err := q.Body(ctx, l)
	if l.Ref = key; err == nil {
		l.Body = body
	}
	if a.json() {
		one := q.show(l)
		if json.Valid(l.Body) {
			one.Content = l.Body
		}
		return a.printJSON(one)
	}
	text := bodyText(l.Body) + inside(l.Body)
	if err != nil {
		text = video.VisibleLines(err.Error())
	}
	err = a.say("id          %s\nsince       %s\nfirst seen  %s\ntries       %d\nreason      %s\n",
		l.Taken.ID, a.when(l.Taken.Enqueued.Add(q.ahead)), a.when(l.FirstSeen.Add(q.ahead)), l.Attempts, l.Reason)
	if err == nil && key != "" {
		err = a.say("body        under STATE at %s\n", key)
	}
	if err == nil {
		_, err = fmt.Fprintf(a.out, "\n%s\n", text) // of several lines
	}
	return err
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

// inside is the JSON that texts of a body hold, as VOD's Extend and the message of its sender do:
// each below its name.
func inside(body []byte) string {
	var whole any
	if json.Unmarshal(body, &whole) != nil {
		return ""
	}
	var out strings.Builder
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(name+"."+key, "."), v[key])
			}
		case []any:
			for i, one := range v {
				walk(fmt.Sprintf("%s[%d]", name, i), one)
			}
		case string:
			text := []byte(v)
			if plain, err := base64.StdEncoding.DecodeString(v); err == nil {
				text = plain
			}
			if text = bytes.TrimSpace(text); len(text) > 1 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
				fmt.Fprintf(&out, "\n\n%s holds\n%s", video.Visible(name), bodyText(text))
			}
		}
	}
	walk("", whole)
	return out.String()
}

func dlqEdit(a *tool) *cobra.Command {
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
			if err := deliver.CheckBody(body); err != nil {
				return err
			}
			_, letters, err := a.bootDLQ(cmd.Context())
			if err != nil {
				return err
			}
			if err := letters.Edit(cmd.Context(), args[0], body, wait, yes); err != nil {
				return err
			}
			return a.printEdited(args[0], yes)
		},
	}
	cmd.Flags().StringVar(&file, "body", "", "the file with the new body, - for standard input")
	cmd.Flags().BoolVar(&yes, "yes", false, "replace the dead letter")
	waitFlag(cmd, &wait)
	return cmd
}

func (a *tool) printEdited(id string, yes bool) error {
	say := "the body is as it should be"
	if yes {
		say = "edited; it has a new id"
	}
	var err error
	if a.json() {
		err = a.printJSON(struct {
			ID     string `json:"id"`
			Edited bool   `json:"edited"` // it has a new id then
		}{id, yes})
	} else {
		err = a.say("%s\n", say)
	}
	if err == nil && !yes {
		err = a.listedOnly()
	}
	return err
}
