// Command tier is the function that changes the storage class of what an approved plan
// lists, and nothing else: neither its code nor its role can delete. It runs behind purge, asks
// for changes, and reads at its next tick what came of them.
package main

import (
	"vodcurator/shared/act/purge"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
)

func main() {
	app := boot.Must("tier")
	h := handler{
		night: night.New(app, "tier", ""),
		job: purge.Job{
			Mover: struct {
				boot.MediaRight
				boot.CategoriesRight
				boot.SetStorageClassRight
			}{app.VOD.Media, app.VOD.Categories, app.VOD.SetStorageClass},
			State: app.State, Scope: app.Scope, Log: app.Log,
		},
	}
	boot.Serve(h.handle, app.Warm)
}
