package main

import (
	"context"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// asking puts assets into the queue of the library's writer, which decides by these
// rules or does nothing.
type asking struct {
	to    boot.Sender
	rules string // their version
	note  video.Asked
}

func (a asking) Retag(ctx context.Context, targets []tag.Target) ([]video.Outcome, error) {
	retags := make([]events.Retag, len(targets))
	for i, t := range targets {
		retags[i] = events.Retag{ID: t.ID, Via: t.Origin, Rules: a.rules, Asked: a.note}
		if t.Kind == video.KindImage {
			retags[i].Kind = t.Kind
		}
		if t.Labels {
			retags[i].Event = events.AIVideoTagComplete
		}
	}
	return a.to.Retag(ctx, retags)
}

// writer is the library's writer where no queue leads to another.
type writer struct {
	editor *edit.Editor
	run    string
	note   video.Asked
}

func newWriter(app *boot.App, rules *tagging.Rules, note video.Asked) (writer, error) {
	c := app.EditConfig()
	c.Rules.Read = func(context.Context) (*tagging.Rules, error) { return rules, nil }
	c.Rules.Report = false // this command has asked
	e, err := edit.New(c)
	return writer{e, "retag-" + time.Now().UTC().Format("20060102T150405.000000000Z"), note}, err
}

// Write runs the rules once more over what has to change, and writes.
func (w writer) Write(ctx context.Context, wanted []tag.Wanted) ([]video.Outcome, error) {
	items := make([]edit.Item, len(wanted))
	for i, one := range wanted {
		t := one.Target
		items[i].Retag = &edit.Retag{ID: t.ID, Kind: t.Kind, Labels: t.Labels, Origin: t.Origin, Asked: w.note}
	}
	results, err := w.editor.Do(ctx, w.run, items)
	outcomes := make([]video.Outcome, len(results))
	for i, r := range results {
		outcomes[i] = r.Outcome
	}
	return outcomes, err
}
