package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// nights are the two functions of removal as s.yaml deploys them, on a cloud of their
// own, with a webhook that keeps what it is told.
type nights struct {
	cloud *localcloud.Cloud
	mu    sync.Mutex
	told  []string
}

const selfApproving = `approve: within-guards
holds: {until: hold-until}
rules:
  - {name: temp, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
`

func newNights(t *testing.T) *nights {
	t.Helper()
	n := &nights{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.told = append(n.told, string(body))
	}))
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte(selfApproving), 0o600))
	n.cloud = localcloud.RunT(t, localcloud.Options{
		Manifest: nightlyManifest(t, dir), Root: "../..", Callback: "none", Faults: "none", Start: tonight,
		Env: map[string]string{"POLICY_FILE": policy, "NOTIFY_URL": hook.URL},
	})
	return n
}

var programs localcloud.Programs

func TestMain(m *testing.M) {
	code := m.Run()
	_ = programs.Close()
	os.Exit(code)
}

// nightlyManifest builds the two functions and writes what s.yaml says of them.
func nightlyManifest(t *testing.T, dir string) string {
	t.Helper()
	src, err := os.ReadFile("../../s.yaml")
	require.NoError(t, err)
	var m struct {
		Edition, Name, Access string
		Vars                  map[string]any
		Resources             map[string]struct {
			Component string
			Props     map[string]any
		}
	}
	require.NoError(t, yaml.Unmarshal(src, &m))
	for name, r := range m.Resources {
		if name != "purge" && name != "purgeplan" {
			delete(m.Resources, name)
			continue
		}
		main, err := programs.Build(t.Context(), "../..", "functions/"+name)
		require.NoError(t, err)
		r.Props["code"] = filepath.Dir(main)
	}
	src, err = yaml.Marshal(m)
	require.NoError(t, err)
	file := filepath.Join(dir, "s.yaml")
	require.NoError(t, os.WriteFile(file, src, 0o600))
	return file
}

// byHand invokes a function as a person does, with a time of their choice.
func (n *nights) byHand(t *testing.T, name string, at time.Time) string {
	t.Helper()
	url := n.cloud.Env()["FUNCTIONS_ENDPOINT"] + "/2023-03-30/functions/" + name + "/invocations"
	resp, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"triggerTime":%q,"triggerName":"nightly","payload":""}`, at.UTC().Format(time.RFC3339)))) //nolint:noctx // loopback
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func (n *nights) seed(id string, age int, tags string) string {
	created := n.cloud.Now().AddDate(0, 0, -age)
	return n.cloud.VOD.Seed(fakevod.Asset{
		ID: fmt.Sprintf("%032s", id), Kind: "video", Title: id, Tags: tags, Status: "Normal", Created: created, Modified: created, Size: 1 << 20, Duration: 60,
		Source:  &fakevod.Source{Status: "Normal", FileName: id + ".mp4", Created: created, Media: fakevod.Media{Size: 1 << 20, Duration: 60, Width: 1280, Height: 720}},
		Streams: []fakevod.Stream{{JobID: fmt.Sprintf("%032s", "a"+id), Definition: "HD", Format: "mp4", Codec: "h264", Size: 500_000, Width: 1280, Height: 720, Duration: 60, Created: created}},
	})[0]
}

func (n *nights) incidents(t *testing.T) (texts []string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, body := range n.told {
		var notice struct{ Event, Text string }
		require.NoError(t, json.Unmarshal([]byte(body), &notice))
		if notice.Event == "incident" {
			texts = append(texts, notice.Text)
		}
	}
	return texts
}

// Somebody asks by hand what would go next year. The nights of today go on as if
// nobody had, and somebody is told.
func TestAnInvocationForNextYearStopsNoNight(t *testing.T) {
	n := newNights(t)
	answer := n.byHand(t, "purgeplan", n.cloud.Now().AddDate(1, 0, 0))
	require.Contains(t, answer, "in the future of this function's clock")
	require.Len(t, n.incidents(t), 1)
	require.Regexp(t, `the tick of 2027-11-22T17:00:0\dZ lies 87(60h0m0|59h59m\d+)s in the future of this function's clock`, n.incidents(t)[0])
	for i := range 6 {
		n.seed(fmt.Sprint(i+1), 60, "temp")
		n.cloud.Advance(24 * time.Hour) // the timers of s.yaml fire
	}
	require.LessOrEqual(t, n.cloud.VOD.Len(), 1, "six nights, one video each")
	require.Len(t, n.incidents(t), 1)
}

// Both functions invoked by hand for next year: what is young and what is held until
// a date of this year stays.
func TestInvocationsForNextYearRemoveNothing(t *testing.T) {
	n := newNights(t)
	young, held := n.seed("1", 3, "temp"), n.seed("2", 100, "temp,hold-until:"+n.cloud.Now().AddDate(0, 3, 0).Format(time.DateOnly))
	next := n.cloud.Now().AddDate(1, 0, 0)
	require.Contains(t, n.byHand(t, "purgeplan", next), "in the future")
	require.Contains(t, n.byHand(t, "purge", next.Add(time.Hour)), "in the future")
	for id, why := range map[string]string{young: "three days old, limit 30 days", held: "held for three more months"} {
		_, there := n.cloud.VOD.Lookup(id)
		require.True(t, there, why)
	}
	require.Len(t, n.incidents(t), 1, "told once a night")
}
