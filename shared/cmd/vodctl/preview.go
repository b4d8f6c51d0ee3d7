package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/report"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// previewed is what changes of one asset would come to, by what the library holds now and
// what the writer remembers.
type previewed struct {
	ID     video.ID      `json:"id"`
	Title  string        `json:"title,omitempty"`
	Result video.Result  `json:"result"` // done: it would change
	Reason string        `json:"reason,omitempty"`
	Fields []fieldChange `json:"fields,omitempty"`

	key     editing.Key
	changes []video.Change
	old     editing.Value
	update  video.Update
}

// fieldChange is a field before and after.
type fieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// previewChunk is how many assets are read and shown as progress at a time.
const previewChunk = 10 * video.MaxBatch

// preview says what changes would come to, one entry for each asset in the order in which
// they name it. It writes nothing.
func (a *tool) preview(ctx context.Context, app *boot.App, changes []video.Change) ([]previewed, error) {
	place := map[editing.Key]int{}
	var all []previewed
	for _, c := range changes {
		k := editing.KeyOf(c)
		i, ok := place[k]
		if !ok {
			i = len(all)
			place[k], all = i, append(all, previewed{ID: k.ID, key: k})
		}
		all[i].changes = append(all[i].changes, c)
	}
	var journal *edits.Journal
	if app.State != nil {
		journal = edits.NewReader(app.State)
	}
	bar := a.progress(" assets read")
	defer bar.end()
	for n := 0; n < len(all); n += previewChunk {
		some := all[n:min(n+previewChunk, len(all))]
		known, err := knownOf(ctx, app, journal, some)
		if err != nil {
			return nil, err
		}
		for i := range some {
			some[i].fold(known[i])
		}
		bar.tell(n+len(some), time.Time{}, time.Time{})
	}
	return all, nil
}

// knownOf reads assets, and what the writer remembers of them.
func knownOf(ctx context.Context, app *boot.App, journal *edits.Journal, some []previewed) ([]editing.Known, error) {
	known := make([]editing.Known, len(some))
	var ids [2][]video.ID
	var at [2][]int
	keys := make([]editing.Key, len(some))
	for i, p := range some {
		kind := 0
		if keys[i] = p.key; p.key.Image {
			kind = 1
		}
		ids[kind], at[kind] = append(ids[kind], p.ID), append(at[kind], i)
	}
	if journal != nil {
		if err := journal.Refresh(ctx, keys); err != nil {
			return nil, err
		}
		for i, k := range keys {
			r, err := journal.Known(k)
			if err != nil {
				return nil, err
			}
			known[i].Marks = r.Marks
		}
	}
	if len(ids[0]) > 0 {
		answers, err := app.VOD.Videos(ctx, ids[0])
		if err != nil {
			return nil, err
		}
		for n, a := range answers {
			known[at[0][n]].Value, known[at[0][n]].Err = editing.OfVideo(a.Value), a.Err
		}
	}
	if len(ids[1]) > 0 {
		answers, err := app.VOD.Images(ctx, ids[1])
		if err != nil {
			return nil, err
		}
		for n, a := range answers {
			known[at[1][n]].Value, known[at[1][n]].Err = editing.OfImage(a.Value), a.Err
		}
	}
	return known, nil
}

// fold says what the changes come to by what is known.
func (p *previewed) fold(known editing.Known) {
	p.old, p.Title = known.Value, known.Value.Title
	if known.Err != nil {
		p.Result, p.Reason = video.ResultOf(known.Err), known.Err.Error()
		return
	}
	edit, verdicts := editing.FoldOne(p.key, p.changes, known)
	p.update, p.Result = edit.Update, video.Unchanged
	for _, v := range verdicts {
		if v.Result != video.Done && v.Result != video.Unchanged {
			p.Result, p.Reason = v.Result, v.Reason
		}
	}
	if !edit.Update.Empty() {
		p.Result = video.Done
	}
	p.Fields = fieldChanges(edit.Update, edit.Old)
}

func fieldChanges(to, from video.Update) (all []fieldChange) {
	text := func(field string, after, before *string) {
		if after != nil {
			f := fieldChange{Field: field, After: *after}
			if before != nil {
				f.Before = *before
			}
			all = append(all, f)
		}
	}
	text("title", to.Title, from.Title)
	text("description", to.Description, from.Description)
	text("cover", to.Cover, from.Cover)
	for i := range all {
		if all[i].Field == "cover" {
			all[i].Before, all[i].After = unsigned(all[i].Before), unsigned(all[i].After)
		}
	}
	if to.Category != nil {
		f := fieldChange{Field: "category", After: strconv.FormatInt(*to.Category, 10)}
		if from.Category != nil {
			f.Before = strconv.FormatInt(*from.Category, 10)
		}
		all = append(all, f)
	}
	if to.Tags != nil {
		f := fieldChange{Field: "tags", After: video.JoinTags(*to.Tags)}
		if from.Tags != nil {
			f.Before = video.JoinTags(*from.Tags)
		}
		all = append(all, f)
	}
	return all
}

// shownChanges is how many lines of before and after people see; programs have all.
const shownChanges = 20

// showPreview prints what would change, and counts the rest by what would come of it.
func (a *tool) showPreview(all []previewed) error {
	rows := a.rows("asset", "title", "field", "before", "after", "result")
	counts := map[video.Result]int{}
	lines, more := 0, 0
	for _, p := range all {
		counts[p.Result]++
		fields := p.Fields
		if len(fields) == 0 && p.Result != video.Unchanged {
			fields = []fieldChange{{}}
		}
		for _, f := range fields {
			if lines++; a.format == report.AsTable && lines > shownChanges {
				more++
				continue
			}
			rows.Add(nil, p.ID, report.Short{Text: p.Title, Width: 30}, f.Field, report.Short{Text: f.Before, Width: 40}, report.Short{Text: f.After, Width: 40}, resultText(p))
		}
	}
	rows.None = "nothing would change"
	rows.Whole = all
	err := rows.Print()
	if more > 0 {
		err = errors.Join(err, a.say("and %s more lines: -o json has all\n", report.Number(more)))
	}
	return errors.Join(err, a.say("\n%s\n", previewCounts(counts, len(all))))
}

func resultText(p previewed) string {
	switch {
	case p.Result == video.Done && p.Reason == "":
		return "would change"
	case p.Result == video.Done:
		return "would change in part: " + p.Reason
	case p.Reason == "":
		return string(p.Result)
	}
	return string(p.Result) + ": " + p.Reason
}

func previewCounts(counts map[video.Result]int, of int) string {
	say := fmt.Sprintf("%s: %s would change", report.Count(of, "asset"), report.Number(counts[video.Done]))
	switch n := counts[video.Unchanged]; {
	case n == 1:
		say += ", 1 is so already"
	case n > 1:
		say += fmt.Sprintf(", %s are so already", report.Number(n))
	}
	var others []video.Result
	for r := range counts {
		if r != video.Done && r != video.Unchanged {
			others = append(others, r)
		}
	}
	slices.Sort(others)
	for _, r := range others {
		say += fmt.Sprintf(", %s %s", report.Number(counts[r]), r)
	}
	return say
}
