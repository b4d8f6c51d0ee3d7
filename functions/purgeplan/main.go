// Command purgeplan is the function that lists, every night, what the retention
// policy would remove, and writes the list as a plan into STATE. It has no way to
// remove anything from the library: neither its code nor its role. Under STATE it
// removes what nobody reads any more.
package main

import (
	"context"
	"sync/atomic"

	"github.com/aliyun/fc-runtime-go-sdk/fc"

	"vodcurator/shared/act/notify"
	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot"
)

func main() {
	app := boot.Must("purgeplan")
	h := handler{
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
		policy: app.Policy, clock: app.Clock, last: new(atomic.Int64), hook: notify.Webhook{URL: app.NotifyURL, Key: string(app.NotifyKey), Log: app.Log}, log: app.Log,
	}
	fc.RegisterInitializerFunction(func(ctx context.Context) { app.Warm(ctx) })
	fc.Start(h.handle)
}
