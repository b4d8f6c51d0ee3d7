// Command autotag tags media by rules: when VOD announces them, by callback or
// by queue, and for whatever was not announced by a timer that looks back.
package main

import (
	"context"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
)

func main() {
	app := boot.Must("autotag")
	h := newHandler(app)
	fc.RegisterInitializerFunction(func(ctx context.Context) {
		ctx = boot.Invocation(ctx)
		app.Warm(ctx)
	})
	fc.Start(h.handle)
}

func newHandler(app *boot.App) *handler {
	h := &handler{
		search:   boot.SearchRight(app.VOD.Search),
		signer:   events.Signer{URL: app.CallbackURL, Window: app.CallbackWindow},
		seen:     events.NewSeen(10_000, 2*app.CallbackWindow),
		now:      time.Now,
		log:      app.Log,
		app:      app.Scope.App,
		deadline: 4 * time.Second,
	}
	for _, key := range app.CallbackKeys {
		h.signer.Keys = append(h.signer.Keys, string(key))
	}
	if app.State != nil {
		h.gone, h.places = app.State.NoteDeletions, app.State
	}
	if app.BulkQueue != "" {
		h.wake = app.Sender().Wake
	}
	if app.MetadataQueue != "" && app.TaggingMode != "report" {
		h.writer = app.Sender().Retag
		if app.State != nil { // then metadata writes for all of us, and its journal tells what
			h.watch = edit.NewWatch(app.State)
		}
		return h
	}
	h.editor = newEditor(app)
	return h
}

// newEditor is the library's writer where no queue leads to another.
func newEditor(app *boot.App) *edit.Editor {
	c := edit.Config{
		Library: struct {
			boot.VideosRight
			boot.ImagesRight
			boot.UpdateRight
			boot.UpdateImagesRight
		}{app.Videos(), app.Images(), app.VOD.Update, app.VOD.UpdateImages},
		Log: app.Log,
		Rules: edit.Rules{
			Read: app.Rules(), Media: app.Media(), Labels: app.VOD.Labels,
			Reach: app.Reach(), Report: app.TaggingMode == "report",
		},
	}
	if app.State != nil { // a nil *State in an interface would not be nil
		c.State, c.Follows = app.State, app.MetadataQueue != "" // then metadata is the library's writer
	}
	editor, err := edit.New(c)
	if err != nil {
		panic(err) // the library is always there
	}
	return editor
}
