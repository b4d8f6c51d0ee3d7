// Command autotag tags assets by rules: when VOD announces them, by callback or
// by queue, and for whatever was not announced by a timer that looks back.
package main

import (
	"context"
	"time"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/hook"
	"vodcurator/shared/act/watch"
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
	if app.State != nil && app.Queue != nil && app.NotifyURL != "" { // told without a mark, an incident would come each hour
		h.watch = watcher(app)
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

// watchTime is how long looking at the queues and telling of them may take of a sweep's time.
const watchTime = 30 * time.Second

// watcher tells NOTIFY_URL of queues that need a person.
func watcher(app *boot.App) func(ctx context.Context, at time.Time) {
	job := watch.Job{
		Queues: []watch.Queue{
			{Name: boot.Getenv("NOTICE_QUEUE")}, {Name: app.MetadataQueue},
			{Name: app.BulkQueue, Late: 12 * time.Hour}, {Name: app.DeadLetterQueue, Dead: true},
		},
		Peek: app.Queue.Peek, Log: app.Log,
	}
	w := hook.Webhook{URL: app.NotifyURL, Key: string(app.NotifyKey), Log: app.Log}
	return func(ctx context.Context, at time.Time) {
		ctx, cancel := context.WithTimeout(ctx, watchTime)
		defer cancel()
		w.Incidents(ctx, app.State, at, hook.Notice{Scope: app.Scope, At: at.UTC().Format(time.RFC3339)}, job.Look(ctx, time.Now()))
	}
}
