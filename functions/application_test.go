package functions_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// APP_ID limits every function to one VOD application, whoever names the media: VOD's
// event, a message, the sweep, the nightly plan.
func TestNothingOfAnotherApplicationIsTouched(t *testing.T) {
	for _, queue := range []string{"vodcurator-metadata", ""} { // without a queue autotag writes itself
		t.Run("queue "+queue, func(t *testing.T) {
			c := cloud(t, localcloud.Options{Faults: "none", Start: time.Now(), Env: map[string]string{"APP_ID": "app-1000001", "METADATA_QUEUE": queue}})
			day := 24 * time.Hour
			asset := func(kind, app string, age time.Duration) string {
				return c.VOD.Seed(fakevod.Asset{Kind: kind, Title: "Promo", Tags: "temp", AppID: app, Status: "Normal", Created: c.Now().Add(-age),
					Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})[0]
			}
			own, theirs := asset("video", "app-1000001", time.Minute), asset("video", "app-2000002", time.Minute)
			image, old, ownOld := asset("image", "app-2000002", time.Minute), asset("video", "app-2000002", 60*day), asset("video", "app-1000001", 60*day)
			env := c.Env()
			send := func(queue, body string) {
				_, err := c.MNS.Enqueue(queue, body)
				require.NoError(t, err)
			}
			before := map[string]fakevod.Asset{}
			for _, id := range []string{theirs, image, old} {
				before[id], _ = c.VOD.Lookup(id)
			}
			for _, id := range []string{theirs, own} {
				for _, app := range []string{"", `,"AppId":"app-1000001"`} { // an event that lies helps nothing
					send(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success"%s,"EventTime":%q}`, id, app, c.Now().UTC().Format(time.RFC3339)))
				}
				send(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"AIVideoTagComplete","MediaId":%q,"Status":"success","EventTime":%q}`, id, c.Now().UTC().Format(time.RFC3339)))
			}
			send(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"ImageUploadComplete","ImageId":%q,"Status":"success","EventTime":%q}`, image, c.Now().UTC().Format(time.RFC3339)))
			if queue != "" {
				for _, id := range []string{theirs, own} {
					send(queue, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"description":"said"}}]}`, id))
				}
				send(queue, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"image":true,"set":{"description":"said"}}]}`, image))
			}
			tick, err := json.Marshal(map[string]string{"triggerTime": c.Now().UTC().Format(time.RFC3339), "triggerName": "sweep", "payload": ""})
			require.NoError(t, err)
			for _, name := range []string{"autotag", "purgeplan"} {
				inv, err := c.FC.Invoke(t.Context(), name, tick)
				require.NoError(t, err)
				require.Empty(t, inv.Error, "%s: %s", name, inv.Result)
			}
			require.Eventually(t, func() bool {
				a, _ := c.VOD.Lookup(own)
				return a.Tags != "temp" && (queue == "" || a.Description == "said" && c.MNS.Stats(env["DEAD_LETTER_QUEUE"]).Active >= 1)
			}, 20*time.Second, 50*time.Millisecond)
			time.Sleep(500 * time.Millisecond)
			for id, was := range before {
				now, ok := c.VOD.Lookup(id)
				require.True(t, ok)
				require.Equal(t, was, now)
			}
			for _, call := range c.VOD.Log().Calls() {
				for _, op := range []string{"UpdateVideoInfos", "UpdateImageInfos", "DeleteVideo"} {
					if call.Op == op {
						require.NotContains(t, call.Detail, theirs)
						require.NotContains(t, call.Detail, image)
					}
				}
			}
			out, err := vodctl(t, c, "operator-policy.json", "plan", "show", "--items")
			require.NoError(t, err, out)
			require.Contains(t, out, ownOld)
			require.NotContains(t, out, old)
		})
	}
}
