package functions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// A new installation says what rules would write and writes what people ask for, by
// whatever way rules are asked for, and with the rights that its roles have.
func TestANewInstallationOnlyReportsWhatRulesWant(t *testing.T) {
	for _, name := range []string{"autotag", "metadata"} {
		require.Equal(t, "${env('TAGGING_MODE', 'report')}", read(t).Resources[name].Props["environmentVariables"].(map[string]any)["TAGGING_MODE"], name)
	}
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"TAGGING_MODE": "report"}})
	env := c.Env()
	id := c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "Promo", Tags: "mine", Status: "Normal", Created: c.Now().Add(-time.Minute),
		Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})[0]
	for _, m := range [][2]string{
		{env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success","EventTime":%q}`, id, c.Now().UTC().Format(time.RFC3339))},
		{env["METADATA_QUEUE"], fmt.Sprintf(`{"v":1,"retag":[{"id":%q}]}`, id)},
		{env["METADATA_QUEUE"], fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"description":"said"}}]}`, id)},
	} {
		_, err := c.MNS.Enqueue(m[0], m[1])
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		a, _ := c.VOD.Lookup(id)
		return a.Description == "said" && c.VOD.Log().Count("BatchGetMediaInfos") >= 2
	}, 30*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		return c.MNS.Stats(env["METADATA_QUEUE"]) == c.MNS.Stats(env["DEAD_LETTER_QUEUE"]) && c.MNS.Stats(env["DEAD_LETTER_QUEUE"]).Active == 0
	}, 30*time.Second, 50*time.Millisecond, "all is done, and nothing is dead")
	require.NoError(t, c.FC.Quiet(t.Context()))
	a, _ := c.VOD.Lookup(id)
	require.Equal(t, "mine", a.Tags)
	require.Equal(t, 1, c.VOD.Log().Count("UpdateVideoInfos"), "of people's change alone")
	for _, call := range append(c.OSS.Calls(), c.VOD.Log().Calls()...) {
		require.NotEqual(t, 403, call.Status, "%+v", call)
	}
}
