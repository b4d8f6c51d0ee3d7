package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
)

func dlqRedrive(a *tool) *cobra.Command {
	var f filterFlags
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
			app, letters, err := a.bootDLQ(cmd.Context(), "METADATA_QUEUE")
			if err != nil {
				return err
			}
			done, err := letters.Redrive(cmd.Context(), letters.at(f.Filter), app.Sender(), rate, yes)
			return a.printRedriven(done, letters.dated(insight.ActedOn(done.Letters)...), app.MetadataQueue, yes, err)
		},
	}
	f.add(cmd, "reason")
	cmd.Flags().Float64Var(&rate, "rate", 50, "at most so many messages a second")
	cmd.Flags().BoolVar(&yes, "yes", false, "send them back")
	return cmd
}

func (a *tool) printRedriven(r deliver.Redriven, letters []insight.DeadLetter, to string, yes bool, err error) error {
	sum := total(r.Left)
	if a.json() {
		err = errors.Join(a.printJSON(struct {
			Yes     bool                 `json:"yes"`
			Back    int                  `json:"back"`
			Left    int                  `json:"left"`
			Others  int                  `json:"others"` // delayed, or taken by somebody else
			Letters []insight.DeadLetter `json:"letters"`
		}{yes, r.Back, sum, r.Others, letters}), err)
	} else {
		did := "sent back"
		if !yes {
			err = errors.Join(a.printLetters(letters, true), err)
			did = "would go back"
		}
		say := report.Sayf("%s %s to %s, %d left", report.Count(r.Back, "dead letter"), did, to, sum) + reasons(r.Left)
		if r.Others > 0 {
			say += "\ndelayed, or taken by somebody else, and still to come: " + report.Count(r.Others, "dead letter")
		}
		_, e := fmt.Fprintln(a.out, say)
		err = errors.Join(err, e)
	}
	if !yes && r.Back > 0 {
		err = errors.Join(err, a.listedOnly())
	}
	return err
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

// dropped is what dlq drop tells.
type dropped struct {
	Yes     bool                 `json:"yes"`
	Dropped int                  `json:"dropped"`
	Kept    []string             `json:"kept,omitempty"` // where under STATE the letters are kept
	Letters []insight.DeadLetter `json:"letters"`
}

func dlqDrop(a *tool) *cobra.Command {
	var f filterFlags
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
			case len(ids) == 0 && f.Reason == "" && f.media == "" && f.since == "" && f.until == "":
				return fmt.Errorf("%w: name dead letters by id, or select them by --matching, --media, --since or --until", errUsage)
			}
			_, letters, err := a.bootDLQ(cmd.Context())
			if err != nil {
				return err
			}
			if f.IDs = ids; len(ids) > 0 && f.Limit == 0 {
				f.Limit = len(ids)
			}
			done, err := letters.Drop(cmd.Context(), letters.at(f.Filter), why, yes)
			return a.printDropped(dropped{yes, len(done.Letters), done.Kept, letters.dated(insight.ActedOn(done.Letters)...)}, why, err)
		},
	}
	f.add(cmd, "matching")
	cmd.Flags().StringVar(&why, "reason", "", "why nothing can cure them")
	cmd.Flags().BoolVar(&yes, "yes", false, "drop them")
	return cmd
}

func (a *tool) printDropped(d dropped, why string, err error) error {
	if a.json() {
		err = errors.Join(a.printJSON(d), err)
	} else {
		did := "dropped"
		if !d.Yes {
			did = "would be dropped"
		}
		told := a.say("%s %s: %s\n", report.Count(d.Dropped, "dead letter"), did, why)
		err = errors.Join(a.printLetters(d.Letters, true), told, err)
	}
	if !d.Yes && d.Dropped > 0 {
		err = errors.Join(err, a.listedOnly())
	}
	return err
}
