// Command purgeplan is the function that lists, every night, what the retention
// policy would remove, and writes the list as a plan into STATE. It has no way to
// remove anything from the library: neither its code nor its role. Under STATE it
// removes what nobody reads any more.
package main

import (
	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
)

func main() {
	app := boot.Must("purgeplan")
	h := handler{
		night: night.New(app, "purgeplan", "planned"),
		job: plan.Job{
			Library: struct {
				boot.SearchRight
				boot.MediaRight
				boot.CategoriesRight
			}{app.VOD.Search, app.VOD.Media, app.VOD.Categories},
			State: app.State, Scope: app.Scope, Share: app.RateShare, Log: app.Log,
		},
		store: struct {
			*boot.State
			boot.RemoveRight
		}{app.State, boot.RemoveFrom(app.State)},
	}
	boot.Serve(h.handle, app.Warm)
}
