package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func lastDayCommand(a *tool) *cobra.Command {
	var w lastDay
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "expire ID... --on DATE",
		Short:       "Set or take off the last day of single assets; without --yes only say what changes",
		Long: `Set the last day of assets, as a tag such as expires:2026-12-31 in place of an older one.

The tags go through METADATA_QUEUE, as people's changes. Once the day has ended everywhere
on earth (at noon UTC of the next one) the policy lists the asset for removal: grace,
guards, approval and recheck come as always, and a hold or a keep rule still keeps it.
"vodctl plan explain ID" says when it may go. The policy must turn this on, with a line
such as

    expire: {tag: expires}`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (w.on == "") != w.clear {
				return fmt.Errorf("%w: either --on DATE or --clear", errUsage)
			}
			for _, id := range args {
				if !slices.Contains(w.ids, video.ID(id)) {
					w.ids = append(w.ids, video.ID(id))
				}
			}
			return a.expire(cmd.Context(), w)
		},
	}
	cmd.Flags().StringVar(&w.on, "on", "", "the last day, such as 2026-12-31")
	cmd.Flags().BoolVar(&w.clear, "clear", false, "take the last day off: the asset stays as if it never had one")
	cmd.Flags().BoolVar(&w.yes, "yes", false, "send the changes")
	return cmd
}

type lastDay struct {
	ids        []video.ID
	on         string
	clear, yes bool
}

// lastDayOf is what becomes of one asset.
type lastDayOf struct {
	ID      video.ID  `json:"id"`
	Title   string    `json:"title,omitempty"`
	Remove  []string  `json:"remove,omitempty"`
	Add     []string  `json:"add,omitempty"`
	MayGo   time.Time `json:"mayGo,omitzero"` // the policy lists it from then on
	Result  string    `json:"result"`
	Doubts  []string  `json:"doubts,omitempty"` // tags that keep it, since nobody knows what they mean
	Held    string    `json:"held,omitempty"`   // why it stays after that day
	Problem string    `json:"problem,omitempty"`
}

const asWanted, wouldChange = "as it is", "would change"

func (a *tool) expire(ctx context.Context, w lastDay) error {
	app, err := a.boot("ALIBABA_CLOUD_ACCOUNT_ID", "METADATA_QUEUE")
	if err != nil {
		return err
	}
	policy, err := night.Policy(ctx, app)
	if err != nil {
		return err
	}
	at, err := now(ctx, app)
	if err != nil {
		return err
	}
	day, err := w.day(policy, at)
	if err != nil {
		return err
	}
	answers, err := app.VOD.Media(ctx, w.ids)
	all, send, of, problems := w.plan(policy, day, answers)
	if err := errors.Join(err, a.noteHolds(ctx, app, policy, day, answers, all)); err != nil {
		return err
	}
	failed := 0
	if w.yes && problems == 0 && len(send) > 0 {
		failed = sendDays(ctx, app, send, all, of)
	}
	if err := a.printLastDays(all); err != nil {
		return err
	}
	switch {
	case problems > 0:
		return fmt.Errorf("%s cannot be changed so; nothing was sent", report.Count(problems, "asset"))
	case failed > 0:
		return fmt.Errorf("%s not sent; run it again", report.Count(failed, "change"))
	case !w.yes && len(send) > 0:
		return a.listedOnly()
	}
	return nil
}

// sendDays sends the changes, and counts those that were not sent.
func sendDays(ctx context.Context, app *boot.App, send []video.Change, all []lastDayOf, of []int) (failed int) {
	deliver.Stamp(send, time.Now().UTC().Truncate(time.Millisecond))
	// What keeps a call from its end is the reason of each change that it did not send.
	outcomes, _ := app.Sender().Send(ctx, send)
	for n, o := range outcomes {
		if !all[of[n]].sent(o) {
			failed++
		}
	}
	return failed
}

// noteHolds says of each asset what still holds it once the day is over.
func (a *tool) noteHolds(ctx context.Context, app *boot.App, policy *retention.Policy, day retention.Expiry, answers []video.Answer[video.Media], all []lastDayOf) error {
	if day.Tag == "" {
		return nil
	}
	inputs := retention.Inputs{Now: day.End}
	if app.State != nil { // without it there is no hold list to read
		store, err := app.State.Open(ctx)
		if err != nil {
			return err
		}
		inputs, err = insight.LoadInputs(ctx, app, store, policy, day.End)
		if err := errors.Join(err, store.Close()); err != nil {
			return err
		}
	}
	for i, m := range answers {
		if m.Err == nil {
			all[i].Held = policy.Held(m.Value, inputs)
		}
	}
	return nil
}

// plan says what each asset needs: the changes, and of which asset each is.
func (w lastDay) plan(policy *retention.Policy, day retention.Expiry, answers []video.Answer[video.Media]) (all []lastDayOf, send []video.Change, of []int, problems int) {
	for i, m := range answers {
		one := w.settle(policy, day, m)
		switch edit := (video.TagEdit{Add: one.Add, Remove: one.Remove}); {
		case one.Problem != "":
			problems++
		case !edit.Empty():
			send, of = append(send, video.Change{ID: w.ids[i], Tags: edit}), append(of, i)
		}
		all = append(all, one)
	}
	return all, send, of, problems
}

// sent notes what came of a change, and says whether it was sent.
func (l *lastDayOf) sent(o video.Outcome) bool {
	if o.Result == video.Done {
		l.Result = "sent"
		return true
	}
	l.Result, l.Problem = "not sent", o.Reason
	return false
}

// day is the tag to set, and what the policy reads of it; without a tag it is taken off.
func (w lastDay) day(policy *retention.Policy, now time.Time) (retention.Expiry, error) {
	none, on := policy.Expiry(nil)
	if !on {
		return none, errors.New("the policy has no expire, so such a tag would do nothing; add this line to the file that POLICY_FILE names " +
			"(vodctl policy show default prints one to start from): expire: {tag: expires}")
	}
	if w.clear {
		return none, nil
	}
	day, _ := policy.Expiry([]string{none.Word + ":" + w.on})
	switch {
	case day.Tag == "":
		return none, fmt.Errorf("%w: --on %q is no day such as 2026-12-31", errUsage, w.on)
	case w.on > "2100-12-31":
		return none, fmt.Errorf("%w: --on %s is after the year 2100, so it is taken for a slip", errUsage, w.on)
	case !now.Before(day.End):
		return none, fmt.Errorf("%w: --on %s is over; take a day that is still to end, or vodctl takedown for what has to go at once", errUsage, w.on)
	}
	return day, nil
}

// settle says what one asset needs.
func (w lastDay) settle(policy *retention.Policy, day retention.Expiry, m video.Answer[video.Media]) lastDayOf {
	out := lastDayOf{ID: m.ID, Title: m.Value.Title, Result: asWanted}
	if m.Err != nil {
		out.Result, out.Problem = "cannot", m.Err.Error()
		return out
	}
	has, _ := policy.Expiry(m.Value.Tags)
	out.Doubts, out.MayGo = has.Odd, day.End
	for _, tag := range has.Exact() {
		if tag != day.Tag {
			out.Remove = append(out.Remove, tag)
		}
	}
	if day.Tag != "" && !slices.Contains(has.Exact(), day.Tag) {
		out.Add = []string{day.Tag}
	}
	edit := video.TagEdit{Add: out.Add, Remove: out.Remove}
	if edit.Empty() {
		return out
	}
	out.Result = wouldChange
	tags := edit.Apply(m.Value.Tags)
	if err := (video.Update{ID: m.ID, Tags: &tags}).Check(); err != nil {
		out.Result, out.Problem = "cannot", err.Error()+": take one off first, or correct it"
	}
	return out
}

func (a *tool) printLastDays(all []lastDayOf) error {
	rows := a.rows("asset", "title", "result", "removes", "adds", "may go from", "note")
	for _, one := range all {
		note := one.Problem
		if one.Held != "" {
			note = strings.TrimSpace(one.Held + ": it stays after that day. " + note)
		}
		if len(one.Doubts) > 0 {
			note = strings.TrimSpace(fmt.Sprintf("%s stays in the way: it only looks like a last day, and keeps the asset in doubt; take it off. %s", strings.Join(one.Doubts, ", "), note))
		}
		var from any = one.MayGo
		if one.MayGo.IsZero() {
			from = ""
		}
		rows.Add(one, one.ID, report.Short{Text: one.Title, Width: 30}, one.Result, strings.Join(one.Remove, ", "), strings.Join(one.Add, ", "), from, note)
	}
	return rows.Print()
}
