// Command autotag tags assets by rules: when VOD announces them, by callback or
// by queue, and for whatever was not announced by a timer that looks back.
package main

import (
	"time"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/report"
)

func main() {
	app := boot.Must("autotag")
	boot.Serve(newHandler(app).handle, app.Warm)
}

func newHandler(app *boot.App) *handler {
	h := &handler{
		notices: deliver.Notices{App: app.Scope.App, Run: report.RequestID, Now: time.Now, Log: app.Log},
		gate:    app.Gate(), search: boot.SearchRight(app.VOD.Search), log: app.Log, deadline: 4 * time.Second,
	}
	if app.State != nil {
		h.notices.Gone, h.places = app.State.NoteDeletions, app.State
	}
	if app.BulkQueue != "" {
		h.wake = app.Sender().Wake
	}
	if app.MetadataQueue != "" && app.TaggingMode != "report" {
		h.notices.Retag = app.Sender().Retag
		if app.State != nil { // then metadata writes for all of us, and its journal tells what
			h.notices.Watch = edit.NewWatch(app.State)
		}
		return h
	}
	config := app.EditConfig() // no queue leads to another writer, or nothing is written
	config.Follows = app.MetadataQueue != ""
	editor, err := edit.New(config)
	if err != nil {
		panic(err) // the library is always there
	}
	h.notices.Editor = editor
	return h
}
