// Command autotag tags media by rules: when VOD announces them, by callback or
// by queue, and for whatever was not announced by a timer that looks back.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
)

func main() {
	app := boot.Must()
	h := newHandler(app)
	fc.RegisterInitializerFunction(func(ctx context.Context) {
		ctx = boot.Invocation(ctx)
		app.Warm(ctx)
		if _, err := h.rules(ctx); err != nil {
			app.Log.ErrorContext(ctx, "rules", "error", err)
		}
	})
	fc.Start(h.handle)
}

func newHandler(app *boot.App) *handler {
	h := &handler{
		library: struct {
			boot.MediaRight
			boot.ImageRight
			boot.ImagesRight
		}{app.Media(), app.Image(), app.Images()},
		labels:   boot.LabelsRight(app.VOD.Labels),
		search:   boot.SearchRight(app.VOD.Search),
		signer:   events.Signer{URL: app.CallbackURL, Window: app.CallbackWindow},
		seen:     events.NewSeen(10_000, 2*app.CallbackWindow),
		now:      time.Now,
		log:      app.Log,
		app:      app.App,
		rules:    rules(app),
		deadline: 4 * time.Second,
	}
	for _, key := range app.CallbackKeys {
		h.signer.Keys = append(h.signer.Keys, string(key))
	}
	if app.State != nil {
		h.gone = app.State.NoteGone
	}
	switch {
	case app.TaggingMode == "report":
	case app.MetadataQueue != "":
		h.writer = tag.Queued{To: app.Sender(), Now: time.Now}
		if app.State != nil { // then metadata writes for all of us, and its journal tells what
			h.watch = edit.NewWatch(app.State)
		}
	default:
		h.writer = tag.Direct{To: struct {
			boot.UpdateRight
			boot.UpdateImagesRight
		}{app.VOD.Update, app.VOD.UpdateImages}}
	}
	return h
}

// rules reads RULES_FILE once it can be read: a function has no credentials for
// STATE before its first invocation. A file with mistakes is refused each time,
// with all of them; nothing is tagged then.
func rules(app *boot.App) func(context.Context) (*tagging.Rules, error) {
	if app.RulesFile == "" {
		def := tagging.Default()
		return func(context.Context) (*tagging.Rules, error) { return def, nil }
	}
	var mu sync.Mutex
	var read *tagging.Rules
	return func(ctx context.Context) (*tagging.Rules, error) {
		mu.Lock()
		defer mu.Unlock()
		if read != nil {
			return read, nil
		}
		raw, err := app.File(ctx, app.RulesFile)
		if err != nil {
			return nil, fmt.Errorf("RULES_FILE: %w", err)
		}
		read, err = tagging.Parse(app.RulesFile, raw)
		return read, err
	}
}
