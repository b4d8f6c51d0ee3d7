package fakefc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakeram"
)

// FuzzAnyRequest sends what it likes to the functions' face. The function cannot be
// started, so that what is judged is the face alone.
func FuzzAnyRequest(f *testing.F) {
	for _, seed := range [][4]string{
		{"POST", "/2023-03-30/functions/f/invocations", "X-Fc-Log-Type", "{}"},
		{"POST", "/2023-03-30/functions/f/invocations?qualifier=LATEST", "X-Fc-Invocation-Type", "\xff"},
		{"GET", "/2023-03-30/functions/f", "Authorization", ""},
		{"POST", "/http/f/web/a%20b?x=1&x=2&%zz", "Content-Type", "body"},
		{"GET", "/http/f/web", "Content-Type", ""},
		{"GET", "/http//web/%2e%2e/", "X-Forwarded-For", ""},
		{"POST", "/http/f/web/\xff", "Content-Type", "image/png"},
		{"BREW", "/", "", "x"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	text := strings.Replace(manifest(httpTrigger), "handler: main", "handler: missing", 1)
	fs, err := fakefc.ParseManifest([]byte(text), f.TempDir(), fakefc.Variables{}, fakefc.Doubts{})
	if err != nil {
		f.Fatal(err)
	}
	s, err := fakefc.New(fakefc.Options{Functions: fs, Keys: fakeram.New(), Pace: 0.000001})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, method, target, header, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers this itself
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, u, target
		r.Header[header] = []string{body}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 200)
		require.Less(t, w.Code, 600)
		require.NotEmpty(t, w.Header().Get("X-Fc-Request-Id"))
		if w.Code >= 400 {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body)
		}
		if inv, ok := s.Invocation(w.Header().Get("X-Fc-Request-Id")); ok && inv.Kind == "http" && len(inv.Event) < 60<<10 {
			require.True(t, json.Valid(inv.Event), "%q", inv.Event)
		}
	})
}

func FuzzSchedule(f *testing.F) {
	for _, seed := range []string{"0 0 4 * * *", "CRON_TZ=Asia/Shanghai 0 */5 1-6/2 ? JAN-MAR,7 MON-7", "@every 90m", "TZ=UTC", "CRON_TZ=", "0 0 0 30 2 *", "0 0 0 ? * 1-7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := fakefc.ParseSchedule(expr)
		if err != nil {
			return
		}
		at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		for range 5 {
			next := s.Next(at)
			if next.IsZero() { // rarer than its parser looks ahead
				return
			}
			require.True(t, next.After(at), "%q: %s after %s", expr, next, at)
			at = next
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(manifest(httpTrigger))
	f.Add(manifest(queueTrigger))
	f.Add("vars: {a: '${vars.b}', b: '${vars.a}'}\nresources: {x: {component: fc3, props: {functionName: '${vars.a}'}}}")
	f.Add("resources: {x: {component: fc3, props: ['${this.props}', {a: '${env(}'}]}}")
	f.Fuzz(func(t *testing.T, text string) {
		fs, err := fakefc.ParseManifest([]byte(text), "/", fakefc.Variables{Account: "1"}, fakefc.Doubts{})
		if err != nil {
			return
		}
		for _, g := range fs {
			require.NotEmpty(t, g.Name)
			require.Equal(t, "go1", g.Runtime)
		}
	})
}

func TestTheRuntimeAPIRefusesWhatItDoesNotKnow(t *testing.T) {
	_, web := start(t, manifest(""), fakefc.Options{Awake: true})
	_, body := invoke(t, web, `{"do":"env"}`)
	var env []string
	require.NoError(t, json.Unmarshal([]byte(body), &env))
	api := ""
	for _, e := range env {
		if rest, ok := strings.CutPrefix(e, "FC_RUNTIME_API="); ok {
			api = "http://" + rest
		}
	}
	require.NotEmpty(t, api)
	for path, want := range map[string]int{
		"/2020-11-11/runtime/invocation/none/response": 404,
		"/2020-11-11/runtime/invocation/none/error":    404,
		"/2020-11-11/runtime/invocation/none":          404,
		"/2020-11-11/runtime/init/error":               404,
		"/2020-11-11/runtime/invocation//response":     404,
		"/": 404,
	} {
		resp, err := http.Post(api+path, "", strings.NewReader("garbage"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, path)
	}
	resp, _ := invoke(t, web, `{}`)
	require.Equal(t, 200, resp.StatusCode, "and goes on")
}

func TestNothingIsLeftBehind(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	t.Run("a server with processes", func(t *testing.T) {
		s, web := start(t, manifest("      instanceLifecycleConfig: {preStop: {handler: main, timeout: 1}}\n"+httpTrigger), fakefc.Options{})
		invoke(t, web, `{}`)
		_, err := s.InvokeAsync("f", []byte(`{"do":"fail"}`))
		require.NoError(t, err)
	})
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}
