package functions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakevod"
)

// The provider documents asyncInvocationType both ways. Under each reading of s.yaml, and
// each of what a dead letter holds, nothing is lost: a change is made, or its message is
// among the dead letters or still in its queue.
func TestTheManifestLosesNothingUnderEitherReading(t *testing.T) {
	for _, reading := range []struct {
		name   string
		doubts fakefc.Doubts
	}{
		{"false is synchronous", fakefc.Doubts{}},
		{"false is asynchronous", fakefc.Doubts{AsyncMeansSync: true}},
	} {
		for _, trouble := range []struct {
			name, faults string
			lasts        time.Duration
			poison       bool
		}{
			{name: "STATE does not answer for six seconds", faults: "oss * unavailable", lasts: 6 * time.Second},
			// Without the client's own retries, so that the platform's come to their end.
			{name: "STATE is forbidden for six seconds", faults: "oss * error status=403 code=AccessDenied", lasts: 6 * time.Second},
			{name: "a poison message", poison: true},
			{name: "VOD is slow and fails now and then", faults: "vod * slow delay=700ms\nvod * error p=0.2", lasts: 8 * time.Second},
			{name: "the function is killed now and then", faults: "functions queue kill p=0.5 delay=20ms", lasts: 5 * time.Second},
			{name: "the queue does not take anything for three seconds", faults: "mns *Send* unavailable", lasts: 3 * time.Second},
		} {
			t.Run(reading.name+"/"+trouble.name, func(t *testing.T) {
				t.Parallel()
				loses(t, reading.doubts, trouble.faults, trouble.lasts, trouble.poison)
			})
		}
	}
}

func loses(t *testing.T, doubts fakefc.Doubts, faults string, lasts time.Duration, poison bool) {
	t.Helper()
	if faults == "" {
		faults = "none"
	}
	failed := 0
	c := cloud(t, localcloud.Options{Faults: faults, Pace: 0.01, Start: time.Now(), Tune: func(s *localcloud.Services) {
		s.FC.Doubts = doubts
		s.FC.Done = func(inv fakefc.Invocation) {
			if inv.Function == "metadata" && inv.Error != "" {
				failed++
			}
		}
	}})
	const n = 60
	var assets []fakevod.Asset
	for i := range 2 * n {
		assets = append(assets, fakevod.Asset{Kind: "video", Title: fmt.Sprint("old ", i), Tags: "mine", Status: "Normal", Created: c.Now().Add(-time.Hour),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})
	}
	ids := c.VOD.Seed(assets...)
	env := c.Env()
	poisoned := []string{`{"v":1,`, `{"v":1,"changes":[{"id":"../x","set":{"title":""}}]}`, strings.Repeat("\x00", 1000), `[]`}
	for i := range n {
		_, err := c.MNS.Enqueue(env["METADATA_QUEUE"], fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"new %d"}}]}`, ids[i], i))
		require.NoError(t, err)
		_, err = c.MNS.Enqueue(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success","EventTime":%q}`, ids[n+i], c.Now().UTC().Format(time.RFC3339)))
		require.NoError(t, err)
		if poison && i%20 == 7 {
			for _, body := range poisoned {
				_, err = c.MNS.Enqueue(env["METADATA_QUEUE"], body)
				require.NoError(t, err)
			}
		}
	}
	time.Sleep(lasts)
	c.SetFaults() // all is well again
	done := func() (changed, tagged int) {
		for _, a := range c.VOD.Assets() {
			if strings.HasPrefix(a.Title, "new ") {
				changed++
			}
			if a.Tags != "mine" {
				tagged++
			}
		}
		return changed, tagged
	}
	settled := func() bool {
		changed, tagged := done()
		dead := c.MNS.Stats(env["DEAD_LETTER_QUEUE"])
		return changed+tagged == 2*n && (!poison || dead.Active == 3*len(poisoned))
	}
	// What a killed metadata had taken from the queue of bulk changes is hidden for half a
	// minute, and the timer that says so again fires each minute.
	for end := time.Now().Add(2 * time.Minute); !settled() && time.Now().Before(end); time.Sleep(100 * time.Millisecond) { //nolint:revive // it waits
	}
	changed, tagged := done()
	letters := c.MNS.Stats(env["DEAD_LETTER_QUEUE"]).Active
	t.Logf("%d of %d changed, %d of %d tagged, %d dead letters, %d failed runs of metadata, lost %d; streams %v", changed, n, tagged, n, letters, failed, c.FC.Lost(), c.FC.Streams())
	require.Zero(t, c.FC.Lost())
	require.Equal(t, n, changed+about(t, c, "changes"), "each message has its effect, or is among the dead letters")
	if letters == 0 || poison {
		require.Equal(t, n, tagged, "each upload is tagged; one among the dead letters is left to the sweep")
	}
	if poison {
		require.Equal(t, 3*len(poisoned), letters)
	}
	for name, state := range c.FC.Streams() {
		require.Equal(t, "running", state, name)
	}
}

// about counts the messages that the dead letters of the platform hold, by a word that
// stands in each of them.
func about(t *testing.T, c *localcloud.Cloud, word string) (count int) {
	t.Helper()
	all, err := c.MNS.Receive(t.Context(), c.Env()["DEAD_LETTER_QUEUE"], 1000, time.Second, time.Minute)
	require.NoError(t, err)
	for _, m := range all {
		var failed struct {
			Payload string `json:"requestPayload"`
		}
		if json.Unmarshal([]byte(m.Body), &failed) == nil {
			count += strings.Count(failed.Payload, word)
		}
	}
	return count
}
