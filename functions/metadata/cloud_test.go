package main

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/queue"
)

const (
	metadataQueue = "vodcurator-metadata"
	bulkQueue     = "vodcurator-bulk"
	deadQueue     = "vodcurator-dead"
)

// cloud runs this function as s.yaml deploys it, but alone and at the whole rate,
// with something of the test's before its VOD. With METADATA_INTAKE=pull in the test's
// own environment a timer takes the place of its trigger, every minute.
type cloud struct {
	*localcloud.Cloud
	queue   *queue.Client
	streams map[string]string // of the triggers, as long as they work
}

func newCloud(t testing.TB, opt localcloud.Options, done func(fakefc.Invocation), before func(vod http.Handler) http.Handler) *cloud {
	t.Helper()
	front := httptest.NewServer(nil)
	t.Cleanup(front.Close)
	intake, streams := "push", map[string]string{"metadata/messages": "running"}
	if os.Getenv("METADATA_INTAKE") == "pull" {
		intake, streams = "pull", map[string]string{}
	}
	opt.Manifest, opt.Root, opt.Callback = manifest(t, intake), "../..", "none"
	env := map[string]string{"VOD_ENDPOINT": front.URL, "METADATA_INTAKE": intake, "TAGGING_MODE": "write"}
	maps.Copy(env, opt.Env)
	opt.Env = env
	tune := opt.Tune
	opt.Tune = func(s *localcloud.Services) {
		s.FC.Done = done
		if tune != nil {
			tune(s)
		}
	}
	c := &cloud{Cloud: localcloud.RunT(t, opt), streams: streams}
	target := httptest.NewServer(c.VOD)
	t.Cleanup(target.Close)
	u, err := url.Parse(target.URL)
	require.NoError(t, err)
	front.Config.Handler = before(httputil.NewSingleHostReverseProxy(u))

	env = c.Env()
	c.queue, err = queue.New(queue.Config{
		Region: env["ALIBABA_CLOUD_REGION"], Account: env["ALIBABA_CLOUD_ACCOUNT_ID"], Endpoint: env["MNS_ENDPOINT"],
		Credentials: func(context.Context) (string, string, string, error) {
			return env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.queue.Close)
	return c
}

var programs localcloud.Programs

func TestMain(m *testing.M) {
	code := m.Run()
	_ = programs.Close()
	os.Exit(code)
}

// manifest builds the function and writes what s.yaml says of it.
func manifest(t testing.TB, intake string) string {
	t.Helper()
	dir := t.TempDir()
	main, err := programs.Build(t.Context(), "../..", "functions/metadata")
	require.NoError(t, err)
	code := filepath.Dir(main)
	if limit := os.Getenv("TEST_DATA_KB"); limit != "" { // of memory, for its process
		code = t.TempDir()
		body, err := os.ReadFile(main)
		require.NoError(t, err)
		real := filepath.Join(code, "main.real") // a name by which its process is found
		require.NoError(t, os.WriteFile(real, body, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(code, "main"), []byte("#!/bin/sh\nulimit -d "+limit+"\nexec "+real+"\n"), 0o700))
	}

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
		if name != "metadata" {
			delete(m.Resources, name)
			continue
		}
		r.Props["code"] = code
		r.Props["environmentVariables"].(map[string]any)["RATE_SHARE"] = "1"
		if intake == "pull" {
			r.Props["triggers"] = []any{map[string]any{
				"triggerName": "drain", "triggerType": "timer",
				"triggerConfig": map[string]any{"cronExpression": "0 * * * * *", "enable": true, "payload": ""},
			}}
		}
	}
	src, err = yaml.Marshal(m)
	require.NoError(t, err)
	file := filepath.Join(dir, "s.yaml")
	require.NoError(t, os.WriteFile(file, src, 0o600))
	return file
}

// send puts bodies into the function's queue, several producers at once, and sends
// again what was not taken.
func (c *cloud) send(t testing.TB, producers int, bodies []string) {
	t.Helper()
	c.sendTo(t, metadataQueue, producers, bodies)
}

func (c *cloud) sendTo(t testing.TB, to string, producers int, bodies []string) {
	t.Helper()
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			var mine []queue.Message
			for i := p; i < len(bodies); i += producers {
				mine = append(mine, queue.Message{Body: []byte(bodies[i])})
			}
			for some := range slices.Chunk(mine, 160) {
				for len(some) > 0 && t.Context().Err() == nil {
					sent, _ := c.queue.Send(t.Context(), to, some) // each has its own error
					var again []queue.Message
					for i, s := range sent {
						if s.Err != nil {
							again = append(again, some[i])
						}
					}
					some = again
				}
			}
		})
	}
	wait.Wait()
	require.NoError(t, t.Context().Err())
}

// drain waits until the queue is empty: nothing waits, is delayed or in work.
func (c *cloud) drain(t testing.TB) {
	t.Helper()
	for {
		s, err := c.queue.Stats(t.Context(), metadataQueue)
		if err == nil && s == (queue.Stats{}) {
			return
		}
		require.Equal(t, c.streams, c.FC.Streams())
		select {
		case <-t.Context().Done():
			require.FailNow(t, "the queue is not empty yet", "%+v", s)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
