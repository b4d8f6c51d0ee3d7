package functions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
)

// The provider documents asyncInvocationType both ways. Under each reading of s.yaml, and
// each of what a dead letter holds, nothing is lost: a change is made, or its message is
// among the dead letters or still in its queue.
func TestTheManifestLosesNothingUnderEitherReading(t *testing.T) {
	var all []*trouble
	for _, reading := range []struct {
		name   string
		doubts fakefc.Doubts
	}{
		{"false is synchronous", fakefc.Doubts{}},
		{"false is asynchronous", fakefc.Doubts{AsyncMeansSync: true}},
	} {
		for _, tr := range []*trouble{
			{name: "STATE does not answer for six seconds", faults: "oss * unavailable", lasts: 6 * time.Second},
			// Without the client's own retries, so that the platform's come to their end.
			{name: "STATE is forbidden for six seconds", faults: "oss * error status=403 code=AccessDenied", lasts: 6 * time.Second},
			{name: "a poison message", faults: "none", poison: true},
			{name: "VOD is slow and fails now and then", faults: "vod * slow delay=700ms\nvod * error p=0.2", lasts: 8 * time.Second},
			{name: "the function is killed now and then", faults: "functions queue kill p=0.5 delay=20ms", lasts: 5 * time.Second},
			{name: "the queue does not take anything for three seconds", faults: "mns *Send* unavailable", lasts: 3 * time.Second},
		} {
			tr.name = reading.name + "/" + tr.name
			tr.begin(t, reading.doubts)
			all = append(all, tr)
		}
	}
	for _, tr := range all { // they wait more than they work, so all of them go on meanwhile
		t.Run(tr.name, tr.end)
	}
}

// trouble is what goes wrong for a while on a cloud of its own.
type trouble struct {
	name, faults string
	lasts        time.Duration
	poison       bool

	cloud  *localcloud.Cloud
	over   chan struct{}
	failed atomic.Int64 // runs of metadata
}

// each is how many changes there are, and how many uploads.
const each = 60

var poisoned = []string{`{"v":1,`, `{"v":1,"changes":[{"id":"../x","set":{"title":""}}]}`, strings.Repeat("\x00", 1000), `[]`}

// begin sends everything while the trouble lasts.
func (tr *trouble) begin(t *testing.T, doubts fakefc.Doubts) {
	t.Helper()
	c := cloud(t, localcloud.Options{Faults: tr.faults, Pace: 0.01, Start: time.Now(), Tune: func(s *localcloud.Services) {
		s.FC.Doubts = doubts
		s.FC.Done = func(inv fakefc.Invocation) {
			if inv.Function == "metadata" && inv.Error != "" {
				tr.failed.Add(1)
			}
		}
	}}, func(manifest string) string { // the hourly sweep, which would tag what nobody announced
		require.Contains(t, manifest, "cronExpression: 0 10 * * * *")
		return strings.Replace(manifest, "cronExpression: 0 10 * * * *", "cronExpression: 0 10 0 1 1 *", 1)
	})
	var assets []fakevod.Asset
	for i := range 2 * each {
		assets = append(assets, fakevod.Asset{Kind: "video", Title: fmt.Sprint("old ", i), Tags: "mine", Status: "Normal", Created: c.Now().Add(-time.Hour),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})
	}
	ids := c.VOD.Seed(assets...)
	env := c.Env()
	for i := range each {
		_, err := c.MNS.Enqueue(env["METADATA_QUEUE"], fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"new %d"}}]}`, ids[i], i))
		require.NoError(t, err)
		_, err = c.MNS.Enqueue(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success","EventTime":%q}`, ids[each+i], c.Now().UTC().Format(time.RFC3339)))
		require.NoError(t, err)
		if tr.poison && i%20 == 7 {
			for _, body := range poisoned {
				_, err = c.MNS.Enqueue(env["METADATA_QUEUE"], body)
				require.NoError(t, err)
			}
		}
	}
	tr.cloud, tr.over = c, make(chan struct{})
	time.AfterFunc(tr.lasts, func() {
		c.SetFaults() // all is well again
		close(tr.over)
	})
}

// end waits until all was done when all is well again.
func (tr *trouble) end(t *testing.T) {
	c, env := tr.cloud, tr.cloud.Env()
	idle := func() bool {
		for _, queue := range []string{"NOTICE_QUEUE", "METADATA_QUEUE", "METADATA_BULK_QUEUE"} {
			if c.MNS.Stats(env[queue]) != (fakemns.Stats{}) {
				return false
			}
		}
		return true
	}
	<-tr.over
	require.Eventually(t, func() bool {
		for range 3 { // what ends may have sent something that begins
			if !idle() || c.FC.Quiet(t.Context()) != nil {
				return false
			}
		}
		return idle()
	}, 4*time.Minute, 100*time.Millisecond, "nothing is left to do")
	changed, tagged := 0, 0
	for _, a := range c.VOD.Assets() {
		if strings.HasPrefix(a.Title, "new ") {
			changed++
		}
		if a.Tags != "mine" {
			tagged++
		}
	}
	letters := c.MNS.Stats(env["DEAD_LETTER_QUEUE"]).Active
	t.Logf("%d of %d changed, %d of %d tagged, %d dead letters, %d failed runs of metadata, lost %d; streams %v", changed, each, tagged, each, letters, tr.failed.Load(), c.FC.Lost(), c.FC.Streams())
	require.Zero(t, c.FC.Lost())
	require.Equal(t, each, changed+about(t, c, "changes"), "each message has its effect, or is among the dead letters")
	if letters == 0 || tr.poison {
		require.Equal(t, each, tagged, "each upload is tagged; one among the dead letters is left to the sweep")
	}
	if tr.poison {
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
