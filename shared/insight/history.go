package insight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Event is one moment in the life of an asset.
type Event struct {
	At     time.Time       `json:"at,omitzero"`
	Kind   string          `json:"kind"` // changed, marked, listed, approved, withdrawn, removed, announced, now …
	By     string          `json:"by,omitempty"`
	Plan   string          `json:"plan,omitempty"` // or takedown, or the run that wrote
	Item   *retention.Item `json:"item,omitempty"`
	Result video.Result    `json:"result,omitempty"`
	Fields []FieldChange   `json:"fields,omitempty"`
	Text   string          `json:"text,omitempty"` // a note, a reason, what came of it
	Asset  *video.Media    `json:"asset,omitempty"`
	Image  *video.Image    `json:"image,omitempty"`
}

// FieldChange is one field with its value before and after.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Life is all that is known of an asset, the oldest first; what VOD shows now is the last.
type Life struct {
	ID     video.ID `json:"id"`
	Events []Event  `json:"events"`
	Gaps   []string `json:"gaps,omitempty"` // what could not be read

	known bool // something is known beside that VOD does not have it
}

func (l *Life) add(e Event) { l.Events, l.known = append(l.Events, e), true }

func (l *Life) gap(what string, err error) {
	l.Gaps = append(l.Gaps, what+": "+err.Error())
}

// History gathers all that is known of an asset: it reads the whole journal, all plans and the
// ledger under STATE, and asks VOD what it shows now. What cannot be read is a gap of the life.
// An asset of which nothing is known is a video.ErrNotFound that names the gaps.
func History(ctx context.Context, app *boot.App, id video.ID, o Options) (Life, error) {
	if app.State == nil {
		return Life{}, errNoState
	}
	l := Life{ID: id}
	if err := l.edited(ctx, app.State, o); err != nil {
		return Life{}, err
	}
	if err := l.inPlans(ctx, app.State, o); err != nil {
		return Life{}, err
	}
	l.recorded(ctx, app.State)
	l.announced(ctx, app.State)
	slices.SortStableFunc(l.Events, func(a, b Event) int { return a.At.Compare(b.At) })
	at, err := app.Clock(ctx)
	if err != nil {
		return Life{}, err
	}
	l.shown(ctx, app, at.UTC())
	if err := ctx.Err(); err != nil {
		return Life{}, err
	}
	if l.known {
		return l, nil
	}
	err = fmt.Errorf("%w: nothing is known of %q: no journal entry, plan or ledger row names it%s", video.ErrNotFound, string(id), NotAnID(id))
	for _, gap := range l.Gaps {
		err = fmt.Errorf("%w\n%s", err, gap)
	}
	return Life{}, err
}

// edited adds what the journal tells.
func (l *Life) edited(ctx context.Context, o state.Objects, opts Options) error {
	count, end := opts.count(" journal entries")
	told, err := edits.LifeOf(ctx, o, l.ID, count)
	end()
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
		e := Event{At: t.Entry.At, Kind: "changed", By: by, Plan: t.Entry.Run, Fields: changedFields(t.Media.Set, t.Media.Old)}
		if t.Void {
			e.Kind, e.Text = "not changed", "VOD refused it"
		}
		l.add(e)
	}
	return nil
}

// changedFields are the fields that were set, as they were and as they became.
func changedFields(set, old edits.Values) (all []FieldChange) {
	text := func(name string, to, from *string) {
		if to != nil {
			all = append(all, FieldChange{name, textOrNone(from), *to})
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
		all = append(all, FieldChange{"category", from, strconv.FormatInt(*set.Category, 10)})
	}
	if set.Tags != nil {
		var from []string
		if old.Tags != nil {
			from = *old.Tags
		}
		all = append(all, FieldChange{"tags", video.JoinTags(from), video.JoinTags(*set.Tags)})
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
func (l *Life) inPlans(ctx context.Context, o state.Objects, opts Options) error {
	count, end := opts.count(" plans")
	defer end()
	read := chunks{id: l.ID, items: map[string][]retention.Item{}, marks: map[string][]removal.Pending{}}
	marked := map[string]bool{}
	n := 0
	for id, err := range removal.Plans(ctx, o, time.Time{}) {
		if err != nil {
			return err
		}
		n++
		count(n)
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
				l.add(Event{At: m.Since, Kind: "marked", Item: &m.Item, Text: "may go from " + m.Due.Format(time.DateOnly) + " if it still matches"})
			}
		}
		for _, i := range items {
			l.add(Event{At: p.Created, Kind: "listed", Plan: p.ID, Item: &i})
		}
		if len(items) > 0 {
			l.decided(ctx, o, p)
		}
	}
	return nil
}

// decided adds what people said of a plan.
func (l *Life) decided(ctx context.Context, o state.Objects, p removal.Plan) {
	switch approval, err := removal.ReadApproval(ctx, o, p); {
	case err == nil:
		l.add(Event{At: approval.At, Kind: "approved", Plan: p.ID, By: approval.By, Text: approval.Note})
	case !errors.Is(err, video.ErrNotFound):
		l.gap("the approval of "+p.ID, err)
	}
	switch w, err := removal.ReadWithdrawal(ctx, o, p.ID); {
	case err == nil:
		l.add(Event{At: w.At, Kind: "withdrawn", Plan: p.ID, By: w.By, Text: w.Note})
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
func (l *Life) recorded(ctx context.Context, o state.Objects) {
	open := map[string]int{} // by item of a plan: where its intent stands
	for row, err := range removal.Rows(ctx, o, 0) {
		if err != nil {
			l.gap("the ledger", err)
			return
		}
		if row.ID != l.ID {
			continue
		}
		item := row.Item
		e := Event{At: row.At, Plan: row.Plan, By: row.By, Item: &item, Result: row.Result, Text: row.Detail}
		if !row.Tick.IsZero() && !strings.HasPrefix(row.Plan, state.Takedowns) {
			e.At = row.Tick
		}
		key := row.Plan + " " + string(row.Kind) + " " + row.Part
		switch row.Event {
		case removal.Intent:
			e.Kind, e.Text = "asked", cmp.Or(row.Detail, "what came of it is not recorded yet")
			open[key] = len(l.Events)
		case removal.Outcome:
			e.Kind = came(row)
			if at, ok := open[key]; ok {
				delete(open, key)
				l.Events[at] = e
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

func (l *Life) announced(ctx context.Context, o state.Objects) {
	for g, err := range state.Deletions(ctx, o) {
		if err != nil {
			l.gap("what VOD announced", err)
			return
		}
		if g.ID == l.ID {
			l.add(Event{At: g.At, Kind: "announced", By: "VOD", Text: "VOD announced that it was deleted"})
		}
	}
}

// shown adds what VOD shows now.
func (l *Life) shown(ctx context.Context, app *boot.App, at time.Time) {
	answers, err := app.VOD.Media(ctx, []video.ID{l.ID})
	if err == nil {
		err = answers[0].Err
	}
	if err == nil {
		l.add(Event{At: answers[0].Value.Created, Kind: "uploaded"})
		slices.SortStableFunc(l.Events, func(a, b Event) int { return a.At.Compare(b.At) })
		l.add(Event{At: at, Kind: "now", By: "VOD", Asset: &answers[0].Value})
		return
	}
	if images, imageErr := app.VOD.Images(ctx, []video.ID{l.ID}); errors.Is(err, video.ErrNotFound) && imageErr == nil && images[0].Err == nil {
		l.add(Event{At: at, Kind: "now", By: "VOD", Image: &images[0].Value})
		return
	}
	if errors.Is(err, video.ErrNotFound) {
		l.Events = append(l.Events, Event{At: at, Kind: "now", By: "VOD", Text: "gone: VOD has no such asset"})
		return
	}
	l.gap("what VOD shows now", err)
}

// Why is what is said of an event in words.
func (e Event) Why() string {
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

// NotAnID says of an id that VOD gives none like it; empty: it looks like one.
func NotAnID(id video.ID) string {
	const digits = 32
	if len(id) == digits && strings.Trim(string(id), "0123456789abcdef") == "" {
		return ""
	}
	return "; VOD's ids have 32 hexadecimal digits"
}
