package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
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
	all, err := insight.DeadLetters(app, a.hears())
	if err != nil {
		return nil, letters{}, err
	}
	at, err := app.Clock(ctx)
	return app, letters{all, time.Until(at).Round(time.Second)}, err
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

// dated are dead letters by the clock of the library.
func (q letters) dated(all ...insight.DeadLetter) []insight.DeadLetter {
	for i := range all {
		for _, t := range []*time.Time{&all[i].Since, &all[i].FirstSeen} {
			if !t.IsZero() {
				*t = t.Add(q.ahead)
			}
		}
	}
	return all
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

func (a *tool) printLetters(all []insight.DeadLetter, action bool) error {
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
			all, err := insight.ListDead(cmd.Context(), letters.DeadLetters, letters.at(f.Filter))
			return errors.Join(a.printLetters(letters.dated(all...), false), err)
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
			one, err := insight.ShowDead(cmd.Context(), letters.DeadLetters, args[0], wait)
			if one.ID != "" { // it was found, also where it could not be given back
				err = errors.Join(a.printLetter(letters.dated(one)[0]), err)
			}
			return err
		},
	}
	waitFlag(cmd, &wait)
	return cmd
}

func (a *tool) printLetter(l insight.DeadLetter) error {
	if a.json() {
		return a.printJSON(l)
	}
	err := a.say("id          %s\nsince       %s\nfirst seen  %s\ntries       %d\nreason      %s\n",
		l.ID, a.when(l.Since), a.when(l.FirstSeen), l.Attempts, l.Reason)
	if err == nil && l.Ref != "" {
		err = a.say("body        under STATE at %s\n", l.Ref)
	}
	if err == nil {
		_, err = fmt.Fprintf(a.out, "\n%s\n", l.Text()) // of several lines
	}
	return err
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
