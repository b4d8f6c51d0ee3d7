// Command metadata is the function that changes titles, descriptions, categories,
// covers and tags by queue message. It is the library's only writer as long as
// everybody sends to its queue and one instance of it runs.
// shared/act/deliver has what becomes of each message, and why.
package main

import (
	"log/slog"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
)

func main() {
	app := boot.Must("metadata")
	config := app.EditConfig()
	job := deliver.Job{Out: boot.SendRight(app.Queue.Send), Queue: app.MetadataQueue, Dead: app.DeadLetterQueue, Log: app.Log}
	taking := struct {
		boot.ReceiveRight
		boot.DeleteRight
		boot.ExtendRight
	}{app.Queue.Receive, app.Queue.Delete, app.Queue.Extend}
	if app.Intake == "pull" {
		job.In = taking
	}
	if app.BulkQueue != "" {
		job.Bulk = &deliver.Bulk{Inbox: taking, Queue: app.BulkQueue}
	}
	if app.State != nil { // a nil *State in an interface would not be nil
		job.Objects = app.State
		config.Remove = boot.JournalRight{State: app.State}.Remove
	} else {
		app.Log.Warn("no STATE: the order of issue holds within a batch only", slog.String("unset", "STATE"))
	}
	editor, err := edit.New(config)
	if err != nil {
		panic(err) // the library is always there
	}
	job.Editor = editor
	boot.Serve(handler{job}.handle, app.Warm)
}
