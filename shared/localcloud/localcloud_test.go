package localcloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
)

var folder string // of the built test function

func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCALCLOUD_STATE"); dir != "" {
		writeForEver(dir)
	}
	if file := os.Getenv("LOCALCLOUD_MANIFEST"); file != "" {
		serveForEver(file)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "localcloud-test")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder harms nobody
		folder = dir
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", filepath.Join(dir, "main"), "./fakefc/testdata/fn")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does: what is compiled is shared
		out, err := build.CombinedOutput()
		if err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

const manifest = `edition: 3.0.0
vars: {queue: "${env('METADATA_QUEUE', 'x')}"}
resources:
  autotag:
    component: fc3
    props:
      region: cn-shanghai
      functionName: autotag
      runtime: go1
      handler: main
      code: FOLDER
      role: acs:ram::${config('AccountID')}:role/autotag
      triggers:
        - {triggerName: callback, triggerType: http, triggerConfig: {authType: anonymous, methods: [POST]}}
        - {triggerName: nightly, triggerType: timer, triggerConfig: {cronExpression: 0 0 1 * * *, enable: true}}
        - triggerName: messages
          triggerType: eventbridge
          triggerConfig:
            eventSourceConfig: {eventSourceType: MNS, eventSourceParameters: {sourceMNSParameters: {QueueName: '${vars.queue}'}}}
            runOptions: {mode: event-streaming, batchWindow: {CountBasedWindow: 10, TimeBasedWindow: 1}}
`

func write(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(manifest, "FOLDER", folder)), 0o600))
	return file
}

func post(t *testing.T, url, body string, into any) int {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(text, into), string(text))
	}
	return resp.StatusCode
}

func TestACloudWithFunctionsAnswersEverywhere(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := localcloud.RunT(t, localcloud.Options{Manifest: write(t), Start: start, Env: map[string]string{"EXTRA": "1"}})
	env := c.Env()
	for _, name := range []string{"VOD_ENDPOINT", "MNS_ENDPOINT", "OSS_ENDPOINT", "FUNCTIONS_ENDPOINT", "CALLBACK_URL", "AUTOTAG_URL", "STATE", "CALLBACK_KEYS"} {
		require.NotEmpty(t, env[name], name)
	}
	require.Equal(t, "1", env["EXTRA"])
	require.WithinDuration(t, start, c.Now(), 5*time.Second)

	require.Equal(t, 200, post(t, env["AUTOTAG_URL"], `{"do":"fine"}`, nil))
	require.Equal(t, 200, post(t, env["FUNCTIONS_ENDPOINT"]+"/2023-03-30/functions/autotag/invocations", `{}`, nil))

	_, err := c.MNS.Enqueue(env["METADATA_QUEUE"], "hello")
	require.NoError(t, err)
	require.Eventually(t, func() bool { runs, _ := c.FC.Counts(); return runs["autotag/queue"] == 1 }, 30*time.Second, 5*time.Millisecond)

	var moved struct {
		Now   time.Time
		Fired []struct{ Function, Trigger, Event string }
	}
	require.Equal(t, 200, post(t, env["FUNCTIONS_ENDPOINT"]+"/_local/clock", `{"advance":"2160h"}`, &moved))
	require.Len(t, moved.Fired, 1)
	require.Contains(t, moved.Fired[0].Event, `"triggerTime":"2027-02-20T01:00:00Z"`)
	require.WithinDuration(t, start.Add(90*24*time.Hour), c.Now(), 10*time.Second)

	resp, err := http.Get(env["FUNCTIONS_ENDPOINT"] + "/_local/status")
	require.NoError(t, err)
	defer resp.Body.Close()
	var status localcloud.Status
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&status))
	require.Equal(t, map[string]int{"http": 1, "invoke": 1, "queue": 1, "timer": 1}, status.Functions[0].Runs)
	require.Equal(t, "running", status.Streams["autotag/messages"])
	require.Contains(t, status.Queues, env["METADATA_QUEUE"])
}

func TestAdminCallsReachLogsQueuesAndProcesses(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Manifest: write(t)})
	base := c.Env()["FUNCTIONS_ENDPOINT"]
	get := func(path string) (int, string) {
		resp, err := http.Get(base + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	post(t, base+"/2023-03-30/functions/autotag/invocations", `{}`, nil)
	id := c.FC.Invocations("autotag")[0].RequestID
	require.Eventually(t, func() bool { _, log := get("/_local/logs/" + id); return strings.Contains(log, "a line of log") }, 30*time.Second, 5*time.Millisecond)
	_, text := get("/_local/invocations/" + id)
	require.Contains(t, text, `"Function": "autotag"`)
	_, text = get("/_local/invocations?function=autotag&last=1")
	require.Contains(t, text, id)
	status, _ := get("/_local/logs/none")
	require.Equal(t, 404, status)
	var killed struct{ Pid int }
	require.Equal(t, 200, post(t, base+"/_local/functions/autotag/kill", ``, &killed))
	require.NotZero(t, killed.Pid)

	var published struct{ ID string }
	require.Equal(t, 200, post(t, base+"/_local/topics/news", `hello`, &published))
	require.Len(t, published.ID, 32)
	status, text = get("/_local/calls?service=mns&last=1")
	require.Equal(t, 200, status, text)
	status, _ = get("/_local/calls?service=none")
	require.Equal(t, 400, status)
	_, text = get("/_local/calls")
	require.Contains(t, text, `"autotag/invoke": 1`)

	queue := c.Env()["METADATA_QUEUE"]
	require.Equal(t, 200, post(t, base+"/_local/queues/"+queue, `{"DeadLetterTargetQueue":"x","MaxReceiveCount":3}`, nil))
	require.Equal(t, 400, post(t, base+"/_local/queues/none", `{}`, nil))
	require.Equal(t, 400, post(t, base+"/_local/clock", `{}`, nil))
	require.NoError(t, c.MNS.Configure(queue, func(a *fakemns.Attributes) {
		require.Equal(t, 3, a.MaxReceives)
	}))
}

func TestAPageInABrowserHasNoSay(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{})
	for header, value := range map[string]string{"Origin": "http://127.0.0.1", "Host": "evil.example"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/clock", bytes.NewReader(nil))
		require.NoError(t, err)
		r.Header.Set(header, value)
		if header == "Host" {
			r.Host = value
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 403, resp.StatusCode)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	var opt localcloud.Options
	opt.Listen.MNS = taken.Addr().String()
	_, err = localcloud.Start(t.Context(), opt)
	require.ErrorContains(t, err, "MNS: listen tcp "+opt.Listen.MNS)

	opt.Listen.MNS = "0.0.0.0:0"
	_, err = localcloud.Start(t.Context(), opt)
	require.ErrorContains(t, err, `MNS: "0.0.0.0:0" is not a loopback address`)

	_, err = localcloud.Start(t.Context(), localcloud.Options{Manifest: "missing.yaml"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheClockSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := localcloud.RunT(t, localcloud.Options{State: dir})
	c.Advance(48 * time.Hour)
	c.Close()
	c = localcloud.RunT(t, localcloud.Options{State: dir})
	require.WithinDuration(t, time.Now().Add(48*time.Hour), c.Now(), 5*time.Second)
}

func TestAnUploadIsToldToTheFunction(t *testing.T) {
	file, err := os.ReadFile("../../testdata/media/landscape.mp4")
	require.NoError(t, err)
	for _, way := range []string{"http", "mns"} {
		t.Run(way, func(t *testing.T) {
			env := map[string]string{}
			if way == "mns" {
				env["NOTICE_QUEUE"] = "vodcurator-metadata" // where the test's manifest listens
			}
			c := localcloud.RunT(t, localcloud.Options{Manifest: write(t), Callback: way, Env: env})
			var made struct{ ID string }
			require.Equal(t, 200, post(t, c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/upload/landscape.mp4?title=Hills", string(file), &made))
			require.NoError(t, c.VOD.Settle(t.Context()))
			require.Eventually(t, func() bool {
				all := ""
				for _, inv := range c.FC.Invocations("autotag") {
					all += string(inv.Event)
				}
				return strings.Contains(all, "FileUploadComplete") && strings.Contains(all, made.ID)
			}, 30*time.Second, 10*time.Millisecond)
		})
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	c, err := localcloud.Start(t.Context(), localcloud.Options{Manifest: write(t), Callback: "http", Pace: 0.01})
	require.NoError(t, err)
	temp := strings.TrimSuffix(strings.TrimPrefix(c.Env()["STATE"], "file:"), "functions")
	require.DirExists(t, temp)
	_, err = c.MNS.Enqueue("vodcurator-metadata", "x")
	require.NoError(t, err)
	require.Equal(t, 200, post(t, c.Env()["AUTOTAG_URL"], `{}`, nil))
	c.Close()
	c.Close()
	require.NoDirExists(t, temp)
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}
