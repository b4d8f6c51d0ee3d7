// Command purge is the function that removes what an approved plan lists, and
// nothing else. It runs some hours after purgeplan, goes on at its next tick when
// its time was too short, and is the only function whose role may delete.
package main

import (
	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
)

func main() {
	app := boot.Must("purge")
	h := handler{
		night: night.New(app, "purge", ""),
		job: purge.Job{
			Library: struct {
				boot.MediaRight
				boot.CategoriesRight
				boot.DeleteVideosRight
				boot.DeleteSourcesRight
				boot.DeleteStreamsRight
				boot.DeleteImagesOfRight
			}{app.VOD.Media, app.VOD.Categories, app.VOD.DeleteVideos, app.VOD.DeleteSources, app.VOD.DeleteStreams, app.VOD.DeleteImagesOf},
			CDN: boot.RefreshRight(app.VOD.RefreshPlayURLs), State: app.State, Scope: app.Scope, Log: app.Log,
		},
	}
	boot.Serve(h.handle, app.Warm)
}
