package fakefc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

// folder holds the built test function; every test's manifest points to it.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "fakefc")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder harms nobody
		folder = dir
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", filepath.Join(dir, "main"), "./testdata/fn")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does: what is compiled is shared
		out, err := build.CombinedOutput()
		if err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// manifest is an s.yaml with one function f; extra are more props.
func manifest(extra string) string {
	return `edition: 3.0.0
vars: {region: cn-shanghai}
resources:
  f:
    component: fc3
    props:
      region: ${vars.region}
      functionName: f
      runtime: go1
      handler: main
      code: ` + folder + `
      memorySize: 512
` + extra
}

func start(t *testing.T, text string, opt fakefc.Options) (*fakefc.Server, *httptest.Server) {
	t.Helper()
	fs, err := fakefc.ParseManifest([]byte(text), t.TempDir(), fakefc.Variables{Account: "1234567890123456", Env: func(name string) string { return opt.Env[name] }}, fakefc.Doubts{})
	require.NoError(t, err)
	opt.Functions = fs
	if opt.Keys == nil {
		opt.Keys = fakeram.New()
	}
	if opt.Pace == 0 {
		opt.Pace = 0.001
	}
	s, err := fakefc.New(opt)
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	t.Cleanup(s.Close)
	s.Start(web.URL, nil)
	return s, web
}

type said struct {
	Event   string
	Context struct {
		RequestID   string
		Credentials struct{ AccessKeyID, AccessKeySecret, SecurityToken string }
		Function    struct {
			Name    string
			Timeout int
		}
		Region, AccountID string
	}
	Initialized, Served, Pid, Left int
}

func invoke(t *testing.T, web *httptest.Server, event string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/2023-03-30/functions/f/invocations", strings.NewReader(event))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func answer(t *testing.T, body string) (s said) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(body), &s), body)
	return s
}

func TestAProgramOfTheOfficialSDKRuns(t *testing.T) {
	keys := fakeram.New()
	s, web := start(t, manifest(`
      role: acs:ram::1234567890123456:role/F-Role
      timeout: 20
      environmentVariables: {GREETING: hello}
      instanceLifecycleConfig: {initializer: {handler: main, timeout: 5}}
`), fakefc.Options{Keys: keys, Env: map[string]string{"OVER": "laid"}})

	resp, body := invoke(t, web, `{"a":1}`, "X-Fc-Log-Type", "Tail")
	require.Equal(t, 200, resp.StatusCode, body)
	require.Empty(t, resp.Header.Get("X-Fc-Error-Type"))
	first := answer(t, body)
	require.Equal(t, `{"a":1}`, first.Event)
	require.Equal(t, resp.Header.Get("X-Fc-Request-Id"), first.Context.RequestID)
	require.Equal(t, "f", first.Context.Function.Name)
	require.Equal(t, 20, first.Context.Function.Timeout)
	require.Equal(t, "cn-shanghai", first.Context.Region)
	require.Equal(t, 1, first.Initialized)
	require.InDelta(t, 19, first.Left, 1)
	log, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Fc-Log-Result"))
	require.NoError(t, err)
	require.Contains(t, string(log), "a line of log\nFC Invoke End RequestId: "+first.Context.RequestID)
	key, err := keys.Authenticate(first.Context.Credentials.AccessKeyID, first.Context.Credentials.SecurityToken)
	require.NoError(t, err)
	require.Equal(t, "f-role", key.Role)

	_, body = invoke(t, web, `2`)
	second := answer(t, body)
	require.Equal(t, first.Pid, second.Pid, "the instance is reused")
	require.Equal(t, 1, second.Initialized)
	require.NotEqual(t, first.Context.Credentials.AccessKeyID, second.Context.Credentials.AccessKeyID, "credentials are fresh")

	_, body = invoke(t, web, `{"do":"env"}`)
	var env []string
	require.NoError(t, json.Unmarshal([]byte(body), &env))
	text := strings.Join(env, "\n")
	for _, want := range []string{"GREETING=hello", "OVER=laid", "FC_FUNCTION_NAME=f", "FC_INSTANCE_ID=c-", "ALIBABA_CLOUD_SECURITY_TOKEN="} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "GOPATH", "nothing of the caller's environment gets in")

	runs, failed := s.Counts()
	require.Equal(t, map[string]int{"f/invoke": 3, "f/initializer": 1}, runs)
	require.Empty(t, failed)
}

func TestFailuresAreTold(t *testing.T) {
	s, web := start(t, manifest("      timeout: 1\n"), fakefc.Options{})
	tests := []struct{ do, want string }{
		{"fail", `{"errorMessage":"as you wish","errorType":"errorString"}`},
		{"panic", `"errorMessage":"as you wish","errorType":"string","stackTrace":`},
		{"exit", `{"errorMessage":"Process exited unexpectedly before completing request"}`},
		{"hang", `{"errorMessage":"Task timed out after 1 seconds"}`},
	}
	for _, tc := range tests {
		t.Run(tc.do, func(t *testing.T) {
			resp, body := invoke(t, web, `{"do":"`+tc.do+`"}`)
			require.Equal(t, 200, resp.StatusCode)
			require.Equal(t, "UnhandledInvocationError", resp.Header.Get("X-Fc-Error-Type"))
			require.Contains(t, body, tc.want)
			_, body = invoke(t, web, `1`)
			require.Equal(t, "1", answer(t, body).Event, "the next one is served")
		})
	}
	inv, ok := s.Invocation(s.Invocations("f")[4].RequestID)
	require.True(t, ok)
	require.Equal(t, "exit status 7", inv.Reason)
}

func TestAFunctionThatDoesNotStartIsShownAndTheRestGoesOn(t *testing.T) {
	tests := map[string]struct {
		env    string
		status int
		code   string
	}{
		"exits at once":   {"AT_START: exit", 200, "Process exited unexpectedly"},
		"never asks":      {"AT_START: sleep", 412, "CAExited"},
		"bad initializer": {"AT_INIT: panic", 200, "no luck"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, web := start(t, manifest("      environmentVariables: {"+tc.env+"}\n      instanceLifecycleConfig: {initializer: {handler: main, timeout: 1}}\n"),
				fakefc.Options{StartLimit: 300 * time.Millisecond})
			resp, body := invoke(t, web, `{}`)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Contains(t, body, tc.code)
		})
	}
	_, web := start(t, strings.Replace(manifest(""), "handler: main", "handler: missing", 1), fakefc.Options{})
	resp, body := invoke(t, web, `{}`)
	require.Equal(t, 412, resp.StatusCode)
	require.Contains(t, body, "CAFileNotFound")
}

func TestOneInvocationAtATimeForEachProcess(t *testing.T) {
	s, web := start(t, manifest(""), fakefc.Options{Instances: 3})
	var wg sync.WaitGroup
	pids := make(chan int, 6)
	for range 6 {
		wg.Go(func() {
			_, body := invoke(t, web, `{"do":"doze"}`)
			pids <- answer(t, body).Pid
		})
	}
	wg.Wait()
	close(pids)
	seen := map[int]int{}
	for p := range pids {
		seen[p]++
	}
	require.Len(t, seen, 3, "six calls, three processes")
	require.Equal(t, 3, s.Running("f"))
}

func TestReservedConcurrencyRefusesWhatIsOver(t *testing.T) {
	s, web := start(t, manifest("      concurrencyConfig: {reservedConcurrency: 1}\n"), fakefc.Options{})
	done := make(chan int)
	go func() {
		resp, _ := invoke(t, web, `{"do":"doze"}`)
		done <- resp.StatusCode
	}()
	require.Eventually(t, func() bool { return s.Running("f") == 1 }, 30*time.Second, time.Millisecond)
	resp, body := invoke(t, web, `{}`)
	require.Equal(t, 429, resp.StatusCode)
	require.Contains(t, body, "ResourceExhausted")
	require.Equal(t, 200, <-done)
}

func TestKilledProcessesAreReplacedAndNoneIsLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stopped")
	s, web := start(t, manifest("      environmentVariables: {PRESTOP_FILE: "+file+"}\n      instanceLifecycleConfig: {preStop: {handler: main, timeout: 1}}\n"), fakefc.Options{})
	_, body := invoke(t, web, `{}`)
	pid := answer(t, body).Pid
	require.Equal(t, pid, s.Kill("f"))
	require.Zero(t, s.Running("f"))
	_, body = invoke(t, web, `{}`)
	require.NotEqual(t, pid, answer(t, body).Pid)
	require.NoFileExists(t, file)
	s.Close()
	require.FileExists(t, file, "preStop ran")
	require.ErrorIs(t, syscall.Kill(answer(t, body).Pid, 0), syscall.ESRCH)
}

func TestAHugeLogIsCutNotKept(t *testing.T) {
	s, web := start(t, manifest("      timeout: 60\n"), fakefc.Options{})
	resp, _ := invoke(t, web, `{"do":"log","bytes":104857600}`, "X-Fc-Log-Type", "Tail")
	require.Equal(t, 200, resp.StatusCode)
	inv := s.Invocations("f")[0]
	require.LessOrEqual(t, len(inv.Log), 128<<10)
	require.Greater(t, inv.Dropped, 100_000_000)
	log, _ := base64.StdEncoding.DecodeString(resp.Header.Get("X-Fc-Log-Result"))
	require.Len(t, log, 4096)
}

func TestAsynchronousInvocationsAreRetried(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("failed")
	s, web := start(t, manifest("      environmentVariables: {EVENTS_FILE: "+file+`}
      asyncInvokeConfig:
        maxAsyncRetryAttempts: 2
        destinationConfig: {onFailure: {destination: 'acs:mns:cn-shanghai::/queues/failed/messages'}}
`), fakefc.Options{Queues: queues})
	resp, _ := invoke(t, web, `{"do":"fail"}`, "X-Fc-Invocation-Type", "Async")
	require.Equal(t, 202, resp.StatusCode)
	require.NoError(t, s.Quiet(t.Context()))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 3, bytes.Count(text, []byte("fail")), "one try and two more")
	require.Equal(t, 1, queues.Stats("failed").Active)
	got, err := queues.Receive(t.Context(), "failed", 1, 0, 0)
	require.NoError(t, err)
	require.Contains(t, got[0].Body, `"approximateInvokeCount":3`)
	require.Contains(t, got[0].Body, `"functionError":"UnhandledInvocationError"`)
}

const httpTrigger = `
      triggers:
        - triggerName: web
          triggerType: http
          triggerConfig: {authType: anonymous, methods: [GET, POST]}
`

func TestAnHTTPTriggerTurnsRequestsIntoEvents(t *testing.T) {
	s, web := start(t, manifest(httpTrigger), fakefc.Options{})
	url := s.URL("f", "web")
	require.Equal(t, web.URL+"/http/f/web/", url)
	post := func(url, body string) (*http.Response, string) {
		resp, err := http.Post(url, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(text)
	}
	resp, body := post(url+"a%20b?x=1&x=2", `{"do":"http"}`)
	require.Equal(t, 201, resp.StatusCode)
	require.Equal(t, "yes", resp.Header.Get("X-Made"))
	require.Equal(t, "made", body)
	var e struct {
		RawPath         string
		Body            string
		QueryParameters map[string]string
		Headers         map[string]string
		RequestContext  struct{ HTTP struct{ Path, Method string } }
	}
	require.NoError(t, json.Unmarshal(s.Invocations("f")[0].Event, &e))
	require.Equal(t, "/a%20b", e.RawPath)
	require.Equal(t, "/a b", e.RequestContext.HTTP.Path)
	require.Equal(t, "1,2", e.QueryParameters["x"])
	require.Equal(t, "application/json", e.Headers["Content-Type"])
	require.JSONEq(t, `{"do":"http"}`, e.Body)

	resp, body = post(url, `{"do":"fail"}`)
	require.Equal(t, 502, resp.StatusCode)
	require.Contains(t, body, "as you wish")
	resp, _ = post(web.URL+"/http/f/none/", ``)
	require.Equal(t, 404, resp.StatusCode)
}

func TestATimerFiresOnceForEachMoveOfTheClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s, _ := start(t, manifest("      environmentVariables: {EVENTS_FILE: "+file+`}
      triggers:
        - triggerName: late
          triggerType: timer
          triggerConfig: {cronExpression: 'CRON_TZ=Asia/Shanghai 0 0 3 * * *', enable: true, payload: '{"a":1}'}
        - triggerName: early
          triggerType: timer
          triggerConfig: {cronExpression: '0 30 18 * * *', enable: true}
        - triggerName: off
          triggerType: timer
          triggerConfig: {cronExpression: '0 30 18 * * *', enable: false}
`), fakefc.Options{Now: clock})
	move := func(d time.Duration) int {
		mu.Lock()
		now = now.Add(d)
		to := now
		mu.Unlock()
		return len(s.Tick(t.Context(), to))
	}
	require.Zero(t, move(time.Hour))
	require.Equal(t, 2, move(90*24*time.Hour))
	require.Zero(t, move(0))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `{"payload":"","triggerName":"early","triggerTime":"2027-02-19T18:30:00Z"}
{"payload":"{\"a\":1}","triggerName":"late","triggerTime":"2027-02-19T19:00:00Z"}
`, string(text))
	require.Zero(t, move(-48*time.Hour), "a planned time never comes twice")
	require.Zero(t, move(48*time.Hour))
	require.Equal(t, 2, move(24*time.Hour))
}

const queueTrigger = `
      triggers:
        - triggerName: jobs
          triggerType: eventbridge
          triggerConfig:
            triggerEnable: true
            asyncInvocationType: false
            eventSourceConfig: {eventSourceType: MNS, eventSourceParameters: {sourceMNSParameters: {RegionId: cn-shanghai, QueueName: jobs}}}
            runOptions:
              mode: event-streaming
              errorsTolerance: ALL
              retryStrategy: {PushRetryStrategy: BACKOFF_RETRY}
              batchWindow: {CountBasedWindow: 20, TimeBasedWindow: 5}
              deadLetterQueue: {Arn: 'acs:mns:cn-shanghai:1234567890123456:/queues/dead'}
`

func TestAQueueTriggerSendsBatchesAndRemovesThemAfterSuccess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("jobs")
	for i := range 25 {
		_, err := queues.Enqueue("jobs", base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"n":%d}`, i)))
		require.NoError(t, err)
	}
	s, _ := start(t, manifest("      environmentVariables: {EVENTS_FILE: "+file+"}\n"+queueTrigger), fakefc.Options{Queues: queues})
	require.Eventually(t, func() bool { return queues.Stats("jobs") == fakemns.Stats{} }, 30*time.Second, 5*time.Millisecond)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 2, "20 and 5")
	var events []struct {
		Type, Subject string
		Data          struct{ MessageBody, MessageID string }
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &events))
	require.Len(t, events, 20)
	require.Equal(t, `{"n":0}`, events[0].Data.MessageBody)
	require.Equal(t, "mns:Queue:SendMessage", events[0].Type)
	require.Equal(t, "acs:mns:cn-shanghai:1234567890123456:queues/jobs", events[0].Subject)
	require.NoError(t, s.Quiet(t.Context()))
}

func TestABatchThatAlwaysFailsBecomesDeadLetters(t *testing.T) {
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("jobs")
	queues.Create("dead")
	_, err := queues.Enqueue("jobs", "bad")
	require.NoError(t, err)
	s, _ := start(t, manifest("      environmentVariables: {ALWAYS: fail}\n"+queueTrigger), fakefc.Options{Queues: queues})
	require.Eventually(t, func() bool { return queues.Stats("dead").Active == 1 && queues.Stats("jobs") == fakemns.Stats{} }, 30*time.Second, 5*time.Millisecond)
	runs, failed := s.Counts()
	require.Equal(t, 4, runs["f/queue"], "one try and three more")
	require.Equal(t, 4, failed["f/queue"])
}

func TestAStreamThatMayNotTolerateErrorsStopsAndKeepsTheMessage(t *testing.T) {
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("jobs")
	_, err := queues.Enqueue("jobs", "bad")
	require.NoError(t, err)
	s, _ := start(t, manifest("      environmentVariables: {ALWAYS: fail}\n"+strings.Replace(queueTrigger, "ALL", "NONE", 1)), fakefc.Options{Queues: queues})
	require.Eventually(t, func() bool { return strings.HasPrefix(s.Streams()["f/jobs"], "stopped") }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, fakemns.Stats{Active: 1}, queues.Stats("jobs"))
}

func TestAManifestIsReadAsWithoutItsByteOrderMark(t *testing.T) {
	const text = "resources: {b: {component: fc3, props: {functionName: b, runtime: go1, handler: m, code: ./x}}}"
	want, err := fakefc.ParseManifest([]byte(text), t.TempDir(), fakefc.Variables{}, fakefc.Doubts{})
	require.NoError(t, err)
	got, err := fakefc.ParseManifest([]byte("\ufeff"+text), t.TempDir(), fakefc.Variables{}, fakefc.Doubts{})
	require.NoError(t, err)
	require.Equal(t, len(want), len(got))
}

func TestAManifestIsRefusedWithAllItsFaults(t *testing.T) {
	_, err := fakefc.ParseManifest([]byte(`
resources:
  a: {component: fc3, props: {functionName: 1a, runtime: nodejs20, handler: x, code: ./x, memorySize: 100}}
  b: {component: fc3, props: {functionName: b, runtime: go1, handler: '${vars.none}', code: ./x}}
  c: {component: fc3, props: {functionName: c, runtime: go1, handler: m, code: ./x, triggers: [{triggerName: t, triggerType: timer, triggerConfig: {cronExpression: '* * *', enable: true}}]}}
`), t.TempDir(), fakefc.Variables{}, fakefc.Doubts{})
	for _, want := range []string{`a: functionName "1a"`, `runtime "nodejs20"`, "memorySize 100", "${vars.none} leads nowhere", "six fields"} {
		require.ErrorContains(t, err, want)
	}
	_, err = fakefc.ReadManifest("none.yaml", fakefc.Variables{}, fakefc.Doubts{})
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func TestATopicTriggerTakesBothFormats(t *testing.T) {
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	const trigger = `
        - {triggerName: NAME, triggerType: mns_topic, sourceArn: 'acs:mns:cn-shanghai:1:/topics/news', triggerConfig: {notifyContentFormat: FORMAT, notifyStrategy: BACKOFF_RETRY, filterTag: TAG}}`
	s, _ := start(t, manifest("      triggers:"+
		strings.NewReplacer("NAME", "plain", "FORMAT", "STREAM", "TAG", "''").Replace(trigger)+
		strings.NewReplacer("NAME", "json", "FORMAT", "JSON", "TAG", "red").Replace(trigger)), fakefc.Options{Queues: queues})
	_, err := queues.Publish("news", "one", "")
	require.NoError(t, err)
	_, err = queues.Publish("news", "two", "red")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.Invocations("f")) == 3 }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Quiet(t.Context()))
	events := map[string][]string{}
	for _, inv := range s.Invocations("f") {
		require.Equal(t, "topic", inv.Kind)
		events[inv.Trigger] = append(events[inv.Trigger], string(inv.Event))
	}
	require.ElementsMatch(t, []string{"one", "two"}, events["plain"])
	require.Len(t, events["json"], 1)
	require.Regexp(t, `"Message":"two".*"MessageTag":"red".*"PublishTime":[0-9]{13},.*"TopicName":"news"`, events["json"][0])
}

func TestHooksAndInvocationsHaveTheirOwnLogs(t *testing.T) {
	s, web := start(t, manifest("      instanceLifecycleConfig: {initializer: {handler: main, timeout: 5}}\n"), fakefc.Options{})
	for range 3 {
		invoke(t, web, `{}`)
	}
	for _, inv := range s.Invocations("f") {
		require.Equal(t, 1, strings.Count(string(inv.Log), "Start RequestId: "), inv.Kind)
		require.Contains(t, string(inv.Log), "End RequestId: "+inv.RequestID, inv.Kind)
	}
}

func TestABatchIsCutWhereItWouldBeTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("jobs")
	for i := range 5 {
		_, err := queues.Enqueue("jobs", strings.Repeat(fmt.Sprint(i), 50_000))
		require.NoError(t, err)
	}
	s, _ := start(t, manifest("      environmentVariables: {EVENTS_FILE: "+file+"}\n"+strings.Replace(queueTrigger, "asyncInvocationType: false", "asyncInvocationType: true", 1)), fakefc.Options{Queues: queues})
	require.Eventually(t, func() bool { runs, _ := s.Counts(); return runs["f/queue"] == 3 }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Quiet(t.Context()))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 3, "2, 2 and 1")
	for _, line := range lines {
		require.LessOrEqual(t, len(line), 128<<10)
	}
}

func TestAnIdleInstanceIsFrozenAndThenStopped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stopped")
	s, web := start(t, manifest("      environmentVariables: {PRESTOP_FILE: "+file+"}\n      instanceLifecycleConfig: {preStop: {handler: main, timeout: 5}}\n"), fakefc.Options{Idle: time.Second})
	_, body := invoke(t, web, `{}`)
	if runtime.GOOS == "linux" {
		require.Eventually(t, func() bool {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", answer(t, body).Pid))
			return err == nil && strings.Contains(string(state), " T ") // stopped by a signal
		}, 30*time.Second, time.Millisecond)
	}
	require.Eventually(t, func() bool { return s.Running("f") == 0 }, 30*time.Second, 5*time.Millisecond)
	require.FileExists(t, file)
	runs, _ := s.Counts()
	require.Equal(t, 1, runs["f/preStop"])
}

func TestAPreStopThatHangsHoldsNothingUp(t *testing.T) {
	s, web := start(t, manifest("      environmentVariables: {AT_STOP: hang}\n      instanceLifecycleConfig: {preStop: {handler: main, timeout: 1}}\n"), fakefc.Options{})
	invoke(t, web, `{}`)
	began := time.Now()
	s.Close()
	require.Less(t, time.Since(began), 20*time.Second)
	require.Zero(t, s.Running("f"))
}

func TestSuccessHasADestinationToo(t *testing.T) {
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("done")
	s, _ := start(t, manifest(`      asyncInvokeConfig:
        destinationConfig: {onSuccess: {destination: 'acs:mns:cn-shanghai:1:/queues/done/messages'}}
`), fakefc.Options{Queues: queues})
	id, err := s.InvokeAsync("f", []byte(`{"a":1}`))
	require.NoError(t, err)
	require.NoError(t, s.Quiet(t.Context()))
	got, err := queues.Receive(t.Context(), "done", 1, 0, 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
	for _, want := range []string{id, `"condition":""`, `"approximateInvokeCount":1`, `"requestPayload":"{\"a\":1}"`, `"functionError":""`} {
		require.Contains(t, got[0].Body, want)
	}
}

func TestAnEventThatIsTooOldIsGivenUp(t *testing.T) {
	queues := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	queues.Create("failed")
	s, _ := start(t, manifest(`      environmentVariables: {ALWAYS: fail}
      asyncInvokeConfig:
        maxAsyncRetryAttempts: 8
        maxAsyncEventAgeInSeconds: 1
        destinationConfig: {onFailure: {destination: 'acs:mns:cn-shanghai:1:/queues/failed/messages'}}
`), fakefc.Options{Queues: queues})
	_, err := s.InvokeAsync("f", []byte(`{}`))
	require.NoError(t, err)
	require.NoError(t, s.Quiet(t.Context()))
	got, err := queues.Receive(t.Context(), "failed", 1, 0, 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Contains(t, got[0].Body, `"condition":"EventExpired"`)
	require.Less(t, len(s.Invocations("f")), 9, "before its retries are used up")
}

func TestInvocationsAreLoggedWithWhatTheyPrinted(t *testing.T) {
	var text bytes.Buffer
	s, web := start(t, manifest(""), fakefc.Options{Log: slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	invoke(t, web, `{}`)
	s.Close()
	require.Contains(t, text.String(), `"msg":"function","name":"f","kind":"invoke"`)
	require.Contains(t, text.String(), `a line of log`)
}

// send sends a request with a path as it is written, and a query, to a face.
func send(t *testing.T, web *httptest.Server, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, web.URL+target, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

// TestWhatIsNotEmulatedIsRefusedByItsName covers every way to ask for something that the
// platform has and this does not: operations, versions, headers, at both doors.
func TestWhatIsNotEmulatedIsRefusedByItsName(t *testing.T) {
	_, web := start(t, manifest(httpTrigger), fakefc.Options{})
	const call = "/2023-03-30/functions/f/invocations"
	for _, tc := range []struct {
		method, target, header string
		status                 int
		names                  string
	}{
		{"GET", "/2023-03-30/functions", "", 501, "ListFunctions"},
		{"DELETE", "/2023-03-30/functions/f", "", 501, "DeleteFunction"},
		{"PUT", "/2023-03-30/functions/f", "", 501, "UpdateFunction"},
		{"POST", "/2023-03-30/functions/f/triggers", "", 501, "CreateTrigger"},
		{"GET", "/2023-03-30/functions/f/async-tasks/t1", "", 501, "GetAsyncTask"},
		{"PUT", "/2023-03-30/functions/f/async-tasks/t1/stop", "", 501, "StopAsyncTask"},
		{"GET", "/2023-03-30/regions", "", 501, "DescribeRegions"},
		{"GET", "/2016-08-15/services/s/functions/f", "", 501, "version 2"},
		{"POST", "/2016-08-15/proxy/s/f/a/b", "", 501, "version 2"},
		{"GET", "/2021-04-06/services", "", 501, "version 2"},
		{"POST", "/2016-08-15/services/s.prod/functions/f/invocations", "", 501, "qualifier"},
		{"POST", call + "?qualifier=prod", "", 501, "qualifier"},
		{"POST", call + "?qualifier=prod;x", "", 501, "qualifier"},
		{"POST", call + "?a=%zz", "", 501, "emulate a of"},
		{"POST", call, "X-Fc-Async-Delay", 501, "x-fc-async-delay"},
		{"POST", "/http/f/web/", "X-Fc-Async-Delay", 501, "x-fc-async-delay"},
		{"POST", "/http/f/web/", "X-Fc-Async-Task-Id", 501, "x-fc-async-task-id"},
		{"POST", "/http/f/web/", "X-Fc-Stateful-Async-Invocation", 501, "x-fc-stateful-async-invocation"},
		{"POST", call, "X-Fc-Invocation-Type", 400, "InvalidArgument"},
		{"POST", "/http/f/web/", "X-Fc-Invocation-Type", 400, "InvalidArgument"},
		{"POST", "/http/f/web/", "X-Fc-Log-Type", 400, "InvalidArgument"},
		{"POST", "/http/f/web/", "X-Fc-Own", 200, ""}, // not passed on, and no harm
		// What the platform has not either.
		{"PATCH", "/2023-03-30/functions/f", "", 400, "PathNotSupported"},
		{"POST", "/2023-03-30/functions/f/stop", "", 400, "PathNotSupported"},
		{"GET", "/2022-01-01/functions", "", 400, "PathNotSupported"},
		{"GET", "/", "", 400, "PathNotSupported"},
		// The call under its older names.
		{"POST", "/2016-08-15/services/s.LATEST/functions/f/invocations", "", 200, ""},
		{"POST", "/2021-04-06/services/s/functions/f/invocations", "", 200, ""},
	} {
		var headers []string
		if tc.header != "" {
			headers = []string{tc.header, "7"}
		}
		resp, body := send(t, web, tc.method, tc.target, "{}", headers...)
		require.Equal(t, tc.status, resp.StatusCode, "%s %s %s: %s", tc.method, tc.target, tc.header, body)
		require.Contains(t, body, tc.names, "%s %s %s", tc.method, tc.target, tc.header)
	}
}

// TestAnHTTPTriggerLosesNothingOfAnOddRequest: what cannot be decoded is passed on as it is.
func TestAnHTTPTriggerLosesNothingOfAnOddRequest(t *testing.T) {
	s, web := start(t, manifest(httpTrigger), fakefc.Options{})
	for query, want := range map[string]map[string]string{
		"a=1;b=2":      {"a": "1;b=2"},
		"a=%zz&b=1":    {"a": "%zz", "b": "1"},
		"x=2&x=1&x":    {"x": "2,1,"},
		"a+b=1+2&=e":   {"a b": "1 2", "": "e"},
		"&&flag&a=b=c": {"flag": "", "a": "b=c"},
		"":             {},
	} {
		resp, body := send(t, web, "GET", "/http/f/web/a%2Fb//../c?"+query, "")
		require.Equal(t, 200, resp.StatusCode, body)
		all := s.Invocations("f")
		var e struct {
			RawPath         string
			QueryParameters map[string]string
			RequestContext  struct{ HTTP struct{ Path string } }
		}
		require.NoError(t, json.Unmarshal(all[len(all)-1].Event, &e))
		require.Equal(t, want, e.QueryParameters, query)
		require.Equal(t, "/a%2Fb//../c", e.RawPath)
		require.Equal(t, "/a/b//../c", e.RequestContext.HTTP.Path)
	}
}

// TestAnAnswerOfAnHTTPTriggerHasThePlatformsHeaders: the default domain makes every answer
// a download, and headers of more than 8 KB are no answer.
func TestAnAnswerOfAnHTTPTriggerHasThePlatformsHeaders(t *testing.T) {
	_, web := start(t, manifest(httpTrigger), fakefc.Options{})
	resp, body := send(t, web, "POST", "/http/f/web/", `{"do":"http"}`)
	require.Equal(t, 201, resp.StatusCode, body)
	require.Equal(t, "attachment", resp.Header.Get("Content-Disposition"))
	resp, _ = send(t, web, "POST", "/http/f/web/", `{"do":"http","bytes":8000}`)
	require.Equal(t, 201, resp.StatusCode)
	resp, body = send(t, web, "POST", "/http/f/web/", `{"do":"http","bytes":9000}`)
	require.Equal(t, 502, resp.StatusCode)
	require.Contains(t, body, "BadResponse")
	require.Empty(t, resp.Header.Get("X-Made"))
}
