package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func historyCommand(a *tool) *cobra.Command {
	return &cobra.Command{
		Annotations: inRows,
		Use:         "history ID", Short: "Tell the life of an asset: who changed it, which plans listed it, why it left and who approved that",
		Long: `Tell in one time line what is known of an asset: each change of its metadata with the
values before, its deletion marks, the plans that listed it with rule and reason, their
approvals, each removal, move or takedown with its reason, what VOD announced, and what VOD
shows now. It reads the whole journal, all plans and the ledger. What was removed from the
journal (vodctl state compact) is not known any more. An id of which nothing is known ends 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.history(cmd.Context(), video.ID(args[0])) },
	}
}

// event is one moment in the life of an asset.
type event struct {
	At     time.Time       `json:"at,omitzero"`
	Kind   string          `json:"kind"` // changed, marked, listed, approved, withdrawn, removed, announced, now …
	By     string          `json:"by,omitempty"`
	Plan   string          `json:"plan,omitempty"` // or takedown, or the run that wrote
	Item   *retention.Item `json:"item,omitempty"`
	Result video.Result    `json:"result,omitempty"`
	Fields []changed       `json:"fields,omitempty"`
	Text   string          `json:"text,omitempty"` // a note, a reason, what came of it
	Asset  *video.Media    `json:"asset,omitempty"`
	Image  *video.Image    `json:"image,omitempty"`
}

// changed is one field with its value before and after.
type changed struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// life is all that is known of an asset.
type life struct {
	id     video.ID
	events []event
	gaps   []string // what could not be read
	known  bool     // something is known beside that VOD does not have it
	there  bool     // VOD has it
}

func (l *life) add(e event) { l.events, l.known = append(l.events, e), true }

func (l *life) gap(what string, err error) {
	l.gaps = append(l.gaps, what+": "+err.Error())
}

func (a *tool) history(ctx context.Context, id video.ID) error {
	return a.withState(ctx, func(app *boot.App, o *state.Store) error {
		l := &life{id: id}
		if err := a.edited(ctx, o, l); err != nil {
			return err
		}
		if err := a.inPlans(ctx, o, l); err != nil {
			return err
		}
		l.recorded(ctx, o)
		l.announced(ctx, o)
		slices.SortStableFunc(l.events, func(a, b event) int { return a.At.Compare(b.At) })
		at, err := now(ctx, app)
		if err != nil {
			return err
		}
		l.shown(ctx, app, at)
		if err := ctx.Err(); err != nil {
			return err
		}
		return a.printLife(l)
	})
}

// edited adds what the journal tells.
func (a *tool) edited(ctx context.Context, o state.Objects, l *life) error {
	bar := a.progress(" journal entries")
	told, err := edits.LifeOf(ctx, o, l.id, func(n int) { bar.tell(n, time.Time{}, time.Time{}) })
	bar.end()
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		l.gap("the journal", err)
	}
	for _, t := range told {
		by := "people"
		if len(t.Media.Marks) == 0 {
			by = "rules"
		}
		e := event{At: t.Entry.At, Kind: "changed", By: by, Plan: t.Entry.Run, Fields: changedFields(t.Media.Set, t.Media.Old)}
		if t.Void {
			e.Kind, e.Text = "not changed", "VOD refused it"
		}
		l.add(e)
	}
	return nil
}

// changedFields are the fields that were set, as they were and as they became.
func changedFields(set, old edits.Values) (all []changed) {
	text := func(name string, to, from *string) {
		if to != nil {
			all = append(all, changed{name, textOrNone(from), *to})
		}
	}
	text("title", set.Title, old.Title)
	text("description", set.Description, old.Description)
	text("cover", set.Cover, old.Cover)
	if set.Category != nil {
		from := ""
		if old.Category != nil {
			from = strconv.FormatInt(*old.Category, 10)
		}
		all = append(all, changed{"category", from, strconv.FormatInt(*set.Category, 10)})
	}
	if set.Tags != nil {
		var from []string
		if old.Tags != nil {
			from = *old.Tags
		}
		all = append(all, changed{"tags", video.JoinTags(from), video.JoinTags(*set.Tags)})
	}
	return all
}

func textOrNone(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// inPlans adds the plans that listed the asset, their approvals, and its deletion marks.
func (a *tool) inPlans(ctx context.Context, o state.Objects, l *life) error {
	bar := a.progress(" plans")
	defer bar.end()
	read := chunks{id: l.id, items: map[string][]retention.Item{}, marks: map[string][]removal.Pending{}}
	marked := map[string]bool{}
	n := 0
	for id, err := range removal.Plans(ctx, o, time.Time{}) {
		if err != nil {
			return err
		}
		n++
		bar.tell(n, time.Time{}, time.Time{})
		p, err := removal.ReadPlan(ctx, o, id)
		if err != nil {
			l.gap("plan "+id, err)
			continue
		}
		items, marks, err := read.of(ctx, o, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			l.gap("the items of plan "+id, err)
		}
		for _, m := range marks {
			if key := string(m.Kind) + m.Part + m.Since.String(); !marked[key] {
				marked[key] = true
				l.add(event{At: m.Since, Kind: "marked", Item: &m.Item, Text: "may go from " + m.Due.Format(time.DateOnly) + " if it still matches"})
			}
		}
		for _, i := range items {
			l.add(event{At: p.Created, Kind: "listed", Plan: p.ID, Item: &i})
		}
		if len(items) > 0 {
			l.decided(ctx, o, p)
		}
	}
	return nil
}

// decided adds what people said of a plan.
func (l *life) decided(ctx context.Context, o state.Objects, p removal.Plan) {
	switch approval, err := removal.ReadApproval(ctx, o, p); {
	case err == nil:
		l.add(event{At: approval.At, Kind: "approved", Plan: p.ID, By: approval.By, Text: approval.Note})
	case !errors.Is(err, video.ErrNotFound):
		l.gap("the approval of "+p.ID, err)
	}
	switch w, err := removal.ReadWithdrawal(ctx, o, p.ID); {
	case err == nil:
		l.add(event{At: w.At, Kind: "withdrawn", Plan: p.ID, By: w.By, Text: w.Note})
	case !errors.Is(err, video.ErrNotFound):
		l.gap("the withdrawal of "+p.ID, err)
	}
}

// chunks remembers what the chunks of plans say of one asset: those of two nights are often
// the same.
type chunks struct {
	id    video.ID
	items map[string][]retention.Item
	marks map[string][]removal.Pending
}

func (c chunks) of(ctx context.Context, o state.Objects, p removal.Plan) (items []retention.Item, marks []removal.Pending, err error) {
	for _, chunk := range p.Chunks {
		if _, known := c.items[chunk.Hash]; !known {
			var mine []retention.Item
			for v, err := range removal.ReadLines[retention.Verdict](ctx, o, []removal.Chunk{chunk}) {
				if err != nil {
					return items, marks, err
				}
				if v.ID == c.id {
					mine = append(mine, v.Items...)
				}
			}
			c.items[chunk.Hash] = mine
		}
		items = append(items, c.items[chunk.Hash]...)
	}
	for _, chunk := range p.Pending {
		if _, known := c.marks[chunk.Hash]; !known {
			var mine []removal.Pending
			for m, err := range removal.ReadLines[removal.Pending](ctx, o, []removal.Chunk{chunk}) {
				if err != nil {
					return items, marks, err
				}
				if m.ID == c.id {
					mine = append(mine, m)
				}
			}
			c.marks[chunk.Hash] = mine
		}
		marks = append(marks, c.marks[chunk.Hash]...)
	}
	return items, marks, nil
}

// recorded adds what the ledger tells: what came of each call, and calls of which that is
// not known.
func (l *life) recorded(ctx context.Context, o state.Objects) {
	open := map[string]int{} // by item of a plan: where its intent stands
	for row, err := range removal.Rows(ctx, o, 0) {
		if err != nil {
			l.gap("the ledger", err)
			return
		}
		if row.ID != l.id {
			continue
		}
		item := row.Item
		e := event{At: row.At, Plan: row.Plan, By: row.By, Item: &item, Result: row.Result, Text: row.Detail}
		if !row.Tick.IsZero() && !strings.HasPrefix(row.Plan, state.Takedowns) {
			e.At = row.Tick
		}
		key := row.Plan + " " + string(row.Kind) + " " + row.Part
		switch row.Event {
		case removal.Intent:
			e.Kind, e.Text = "asked", cmp.Or(row.Detail, "what came of it is not recorded yet")
			open[key] = len(l.events)
		case removal.Outcome:
			e.Kind = came(row)
			if at, ok := open[key]; ok {
				delete(open, key)
				l.events[at] = e
				continue
			}
		default:
			e.Kind = "noted"
		}
		l.add(e)
	}
}

// came is what came of an item, in a word.
func came(row removal.Row) string {
	switch {
	case row.Result == video.Done && row.Kind == retention.Move:
		return "moved"
	case row.Result == video.Done:
		return "removed"
	}
	return string(row.Result)
}

func (l *life) announced(ctx context.Context, o state.Objects) {
	for g, err := range state.Deletions(ctx, o) {
		if err != nil {
			l.gap("what VOD announced", err)
			return
		}
		if g.ID == l.id {
			l.add(event{At: g.At, Kind: "announced", By: "VOD", Text: "VOD announced that it was deleted"})
		}
	}
}

// shown adds what VOD shows now.
func (l *life) shown(ctx context.Context, app *boot.App, at time.Time) {
	answers, err := app.VOD.Media(ctx, []video.ID{l.id})
	if err == nil {
		err = answers[0].Err
	}
	if err == nil {
		l.there = true
		l.add(event{At: answers[0].Value.Created, Kind: "uploaded"})
		slices.SortStableFunc(l.events, func(a, b event) int { return a.At.Compare(b.At) })
		l.add(event{At: at, Kind: "now", By: "VOD", Asset: &answers[0].Value})
		return
	}
	if images, imageErr := app.VOD.Images(ctx, []video.ID{l.id}); errors.Is(err, video.ErrNotFound) && imageErr == nil && images[0].Err == nil {
		l.there = true
		l.add(event{At: at, Kind: "now", By: "VOD", Image: &images[0].Value})
		return
	}
	if errors.Is(err, video.ErrNotFound) {
		l.events = append(l.events, event{At: at, Kind: "now", By: "VOD", Text: "gone: VOD has no such asset"})
		return
	}
	l.gap("what VOD shows now", err)
}

func (a *tool) printLife(l *life) error {
	if !l.known {
		err := fmt.Errorf("%w: nothing is known of %q: no journal entry, plan or ledger row names it%s", video.ErrNotFound, string(l.id), notAnID(l.id))
		for _, gap := range l.gaps {
			err = fmt.Errorf("%w\n%s", err, gap)
		}
		return err
	}
	rows := a.rows("at", "what", "by", "plan or run", "part", "rule", "why")
	for _, e := range l.events {
		part, rule := "", ""
		if e.Item != nil {
			part, rule = strings.TrimSpace(string(e.Item.Kind)+" "+e.Item.Part+" "+e.Item.To), e.Item.Rule
		}
		rows.Add(e, e.At, e.Kind, e.By, e.Plan, report.Short{Text: part, Width: 30}, rule, e.why())
	}
	err := a.say("%s\n\n", l.id)
	rows.Indent = "  "
	err = errors.Join(err, rows.Print())
	for _, gap := range l.gaps {
		err = errors.Join(err, a.warn("not read: %s", gap))
	}
	return err
}

// why is what is said of an event in words.
func (e event) why() string {
	var all []string
	for _, f := range e.Fields {
		all = append(all, report.Sayf("%s %q, was %q", f.Field, report.Cut(f.New, 60), report.Cut(f.Old, 60)))
	}
	if e.Item != nil && e.Item.Reason != "" {
		all = append(all, e.Item.Reason)
	}
	if e.Text != "" {
		all = append(all, e.Text)
	}
	switch {
	case e.Asset != nil:
		all = append(all, fmt.Sprintf("%s, title %q, tags %q, %s", e.Asset.Status, report.Cut(e.Asset.Title, 60), video.JoinTags(e.Asset.Tags), report.Bytes(e.Asset.Size)))
	case e.Image != nil:
		all = append(all, fmt.Sprintf("an image, title %q, tags %q", report.Cut(e.Image.Title, 60), video.JoinTags(e.Image.Tags)))
	}
	return strings.Join(all, "; ")
}

// notAnID says of an id that VOD gives none like it; empty: it looks like one.
func notAnID(id video.ID) string {
	const digits = 32
	if len(id) == digits && strings.Trim(string(id), "0123456789abcdef") == "" {
		return ""
	}
	return "; VOD's ids have 32 hexadecimal digits"
}
