package conformance_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
)

// fcForm is a handler of testdata/forms with an event and what must come of it: a
// part of the body, and whether that is an error of the function.
type fcForm struct {
	form, event, want string
	fails             bool
	hooks             bool
}

var fcForms = []fcForm{
	{form: "func()", want: "null"}, {form: "func() error", want: "null"}, {form: "func([]byte) error", event: "any", want: "null"},
	{form: "func() (T, error)", want: `{"Name":"me"}`}, {form: "func(T) (T, error)", event: `{"Name":"you"}`, want: `{"Name":"you"}`},
	{form: "func(ctx) error", want: "null"}, {form: "func(ctx) (T, error)", want: "7"}, {form: "func(ctx, T) error", event: "{}", want: "null"},
	{form: "func(ctx, T) (T, error)", event: `{"Name":"you"}`, want: `{"Name":"hello you"}`},
	{form: "func(ctx, []byte) ([]byte)", event: "raw \x00", want: `"cmF3IAA="`}, {form: "func(ctx, string) string", event: `"text"`, want: `"text"`},
	{form: "func(ctx, raw) raw", event: `[1, 2]`, want: `[1,2]`}, {form: "func(ctx, map) any", event: `{"a":[true]}`, want: `[true]`},
	{form: "context of the invocation", want: `"Region":"cn-shanghai"`},
	{form: "error: plain", want: `{"errorMessage":"as it is","errorType":"errorString"}`, fails: true},
	{form: "error: wrapped", want: `"errorType":"wrapError"`, fails: true}, {form: "panic: text", want: `"errorMessage":"boom","errorType":"string","stackTrace":[{"path":`, fails: true},
	{form: "panic: error", want: `"errorType":"errorString"`, fails: true}, {form: "result that is no JSON", want: "errorMessage", fails: true},
	{form: "wrong: three arguments", want: "errorMessage", fails: true}, {form: "wrong: two without context", want: "errorMessage", fails: true},
	{form: "wrong: three results", want: "errorMessage", fails: true}, {form: "wrong: last is no error", want: "errorMessage", fails: true},
	{form: "wrong: no function", want: "is not func", fails: true}, {form: "StartHandler", want: "handler kind struct is not func", fails: true},
	{form: "hooks: initializer", want: "1", hooks: true}, {form: "hooks: initializer panics", want: "no luck", fails: true, hooks: true},
	{form: "hooks: preStop", want: "null", hooks: true}, {form: "hooks: not registered", want: "no initializer handler registered", fails: true, hooks: true},
	{form: "process exits", want: "exited", fails: true}, {form: "HTTP event", event: `{"rawPath":"/p"}`, want: `"statusCode":201`}, {form: "log", want: "null"},
}

// formsCloud is a local cloud with a function of each form, f0 and on; stopped is the
// file that its preStop writes.
func formsCloud(t *testing.T) (c *localcloud.Cloud, stopped string) {
	t.Helper()
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "code", "main"), "./testdata/forms")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	stopped = filepath.Join(folder, "stopped")
	var manifest strings.Builder
	manifest.WriteString("edition: 3.0.0\nname: forms\naccess: default\nresources:\n")
	for i, f := range fcForms {
		fmt.Fprintf(&manifest, "  f%d:\n    component: fc3\n    props:\n      region: cn-shanghai\n      functionName: f%d\n      runtime: go1\n      handler: main\n      code: ./code\n"+
			"      memorySize: 128\n      timeout: 7\n      environmentVariables:\n        FORM: %q\n", i, i, f.form)
		switch {
		case f.form == "hooks: preStop":
			fmt.Fprintf(&manifest, "        STOPPED: %q\n      instanceLifecycleConfig: {initializer: {handler: main, timeout: 5}, preStop: {handler: main, timeout: 5}}\n", stopped)
		case f.hooks:
			manifest.WriteString("      instanceLifecycleConfig: {initializer: {handler: main, timeout: 5}}\n")
		case f.form == "HTTP event":
			manifest.WriteString("      triggers: [{triggerName: web, triggerType: http, triggerConfig: {authType: anonymous, methods: [GET, POST]}}]\n")
		}
	}
	file := filepath.Join(folder, "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(manifest.String()), 0o600))
	return localcloud.RunT(t, localcloud.Options{Manifest: file, Faults: "none"}), stopped
}

// testFCSignature invokes with version 2.0 of the signature, from its description; that of
// 3.0 is the client's own.
func testFCSignature(t *testing.T, d dossier, c *localcloud.Cloud, function string) {
	env := c.Env()
	role := c.Keys.Mint("caller", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour)
	none, err := fakeram.ParsePolicy([]byte(`{"Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}`))
	require.NoError(t, err)
	other := c.Keys.MintWith("other", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour, none)
	id, secret := env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
	for _, tc := range []struct {
		id, secret, token, path, date string
		status                        int
		code                          string
	}{
		{id, secret, "", "/2016-08-15/services/any/functions/" + function + "/invocations", "", 200, ""},
		{id, secret, "", "/2016-08-15/services/any.LATEST/functions/" + function + "/invocations", "", 200, ""},
		{id, secret, "", "/2023-03-30/functions/" + function + "/invocations", "", 200, ""},
		{role.ID, role.Secret, role.Token, "/2023-03-30/functions/" + function + "/invocations", "", 200, ""},
		{role.ID, role.Secret, "wrong", "/2023-03-30/functions/" + function + "/invocations", "", 403, "AccessDenied"},
		{other.ID, other.Secret, other.Token, "/2023-03-30/functions/" + function + "/invocations", "", 403, "AccessDenied"},
		{id, "wrong", "", "/2023-03-30/functions/" + function + "/invocations", "", 403, "SignatureNotMatch"},
		{"nobody", secret, "", "/2023-03-30/functions/" + function + "/invocations", "", 403, "InvalidAccessKeyID"},
		{id, secret, "", "/2023-03-30/functions/" + function + "/invocations", "Fri, 01 Jan 2021 00:00:00 GMT", 403, "AccessDenied"},
		{id, secret, "", "/2023-03-30/functions/" + function + "/stop", "", 400, "PathNotSupported"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, env["FUNCTIONS_ENDPOINT"]+tc.path, strings.NewReader("{}"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Date", cmp.Or(tc.date, time.Now().UTC().Format(http.TimeFormat)))
		lines := ""
		if tc.token != "" {
			r.Header.Set("X-Fc-Security-Token", tc.token)
			lines = "x-fc-security-token:" + tc.token + "\n"
		}
		mac := hmac.New(sha256.New, []byte(tc.secret))
		mac.Write([]byte("POST\n\napplication/json\n" + r.Header.Get("Date") + "\n" + lines + tc.path))
		r.Header.Set("Authorization", "FC "+tc.id+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.Equal(t, tc.status, resp.StatusCode, "%s", body)
		require.Contains(t, string(body), tc.code)
		if tc.code != "" {
			d.pass("FC", "InvokeFunction", "error", tc.code)
		}
	}
	d.pass("FC", "InvokeFunction", "parameter", "Authorization (signature of version 2.0)")
}

// fcSend sends a request to the functions' face.
func fcSend(t *testing.T, c *localcloud.Cloud, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.Env()["FUNCTIONS_ENDPOINT"]+target, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	return resp, string(text)
}

// testFCTrigger asks a function through its HTTP trigger; has is what the answer, its
// headers or its body, must hold; with ! what it must not.
func testFCTrigger(t *testing.T, d dossier, c *localcloud.Cloud, function string) {
	for _, tc := range []struct {
		kind, name, method, target, body, header, value string
		status                                          int
		has                                             string
	}{
		{"operation", "call", "GET", "/a%2Fb//c?x=1&x=2", "", "", "", 201, `"RawPath":"/a%2Fb//c"`},
		{"parameter", "X-Fc-Invocation-Type", "POST", "/", "x", "X-Fc-Invocation-Type", "Async", 202, ""},
		{"parameter", "X-Fc-Log-Type", "POST", "/", "x", "X-Fc-Log-Type", "Tail", 201, "X-Fc-Log-Result"},
		{"error", "InvalidArgument", "POST", "/", "x", "X-Fc-Log-Type", "All", 400, "InvalidArgument"},
		{"error", "BadResponse", "GET", "/?headers=9000", "", "", "", 502, "BadResponse"},
		{"limit", "8 KB of an answer's headers", "GET", "/?headers=8100", "", "", "", 201, "X-Long"},
		{"limit", "8 KB of a request's headers", "GET", "/", "", "X-Long", strings.Repeat("x", 8<<10), 400, "InvalidArgument"},
		{"limit", "4 KB of path and query", "GET", "/?q=" + strings.Repeat("x", 4<<10), "", "", "", 400, "InvalidArgument"},
		{"limit", "32 MB of a body", "POST", "/", strings.Repeat("x", 32<<20+1), "", "", 400, "InvalidArgument"},
		{"limit", "128 KB of a body, asynchronous", "POST", "/", strings.Repeat("x", 128<<10+1), "X-Fc-Invocation-Type", "Async", 400, "InvalidArgument"},
		{"form", "several values of a name", "GET", "/?x=1&x=2", "", "", "", 201, `"x":"1,2"`},
		{"form", "a query that cannot be decoded", "GET", "/?x=%zz;y", "", "", "", 201, `"x":"%zz;y"`},
		{"form", "a body that is no text", "POST", "/", "\xff\x00", "", "", 201, `"Body":"/wA=","IsBase64Encoded":true`},
		{"form", "an answer is a download", "GET", "/", "", "", "", 201, "Content-Disposition:[attachment]"},
		{"form", "x-fc- headers are the platform's", "GET", "/", "", "X-Fc-Own", "secret", 201, "!secret"},
		{"form", "a method that the trigger does not take", "DELETE", "/", "", "", "", 405, ""},
	} {
		resp, body := fcSend(t, c, tc.method, "/http/"+function+"/web"+tc.target, tc.body, tc.header, tc.value)
		require.Equal(t, tc.status, resp.StatusCode, "%s: %.200s", tc.name, body)
		all := fmt.Sprint(resp.Header) + body
		if not, ok := strings.CutPrefix(tc.has, "!"); ok {
			require.NotContains(t, all, not, tc.name)
		} else {
			require.Contains(t, all, tc.has, tc.name)
		}
		require.Empty(t, resp.Header.Get("X-Fc-Own"))
		d.pass("FC", "HTTP trigger", tc.kind, tc.name)
	}
}

func testFC(t *testing.T, d dossier) {
	c, stopped := formsCloud(t)
	invoke := func(name, event string, headers ...string) (*http.Response, string) {
		return fcSend(t, c, http.MethodPost, "/2023-03-30/functions/"+name+"/invocations", event, headers...)
	}
	for i, f := range fcForms {
		resp, body := invoke(fmt.Sprint("f", i), f.event)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", f.form, body)
		require.Equal(t, f.fails, resp.Header.Get("X-Fc-Error-Type") != "", "%s: %s", f.form, body)
		require.Contains(t, body, f.want, f.form)
		if f.fails {
			require.NotEmpty(t, resp.Header.Get("X-Fc-Request-Id"))
		}
		d.pass("FC", "runtime go1", "form", f.form)
	}
	last := fmt.Sprint("f", len(fcForms)-1)
	resp, _ := invoke(last, "", "X-Fc-Log-Type", "Tail")
	tail, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Fc-Log-Result"))
	require.NoError(t, err)
	require.Contains(t, string(tail), "a line of log")
	d.pass("FC", "InvokeFunction", "operation", "call")
	d.pass("FC", "InvokeFunction", "parameter", "X-Fc-Log-Type")
	resp, body := invoke(last, "", "X-Fc-Invocation-Type", "Async")
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	d.pass("FC", "InvokeFunction", "parameter", "X-Fc-Invocation-Type")
	resp, body = invoke(last, "", "X-Fc-Invocation-Type", "Later")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
	require.Contains(t, body, "InvalidArgument")
	resp, body = invoke("nobody", "")
	require.Equal(t, http.StatusNotFound, resp.StatusCode, body)
	require.Contains(t, body, "FunctionNotFound")
	d.pass("FC", "InvokeFunction", "error", "FunctionNotFound")
	resp, big := invoke(last, strings.Repeat("x", 32<<20+1))
	d.announce("FC", "InvokeFunction", "limit", "32 MB of a synchronous event", "")
	if resp.StatusCode >= 400 && resp.StatusCode < 500 {
		d.pass("FC", "InvokeFunction", "limit", "32 MB of a synchronous event")
	}
	for code, status := range map[string]int{"InvalidArgument": 400, "MissingRequiredHeader": 400, "PathNotSupported": 400, "EntityTooLarge": 400, "AccessDenied": 403,
		"SignatureNotMatch": 403, "InvalidAccessKeyID": 403, "ConcurrentUpdateError": 409, "CAExited": 412, "CAFileNotFound": 412, "ClientClosedRequest": 499} {
		d.announce("FC", "InvokeFunction", "error", code, fmt.Sprint(status))
	}
	d.pass("FC", "InvokeFunction", "error", "InvalidArgument")
	if strings.Contains(big, "EntityTooLarge") {
		d.pass("FC", "InvokeFunction", "error", "EntityTooLarge")
	}
	for code, fault := range map[string]localcloud.Fault{"ResourceExhausted": {Kind: "throttle", Status: 429}, "InternalServerError": {Kind: "error", Status: 500}, "ResourceThrottled": {Kind: "unavailable", Status: 503}} {
		fault.Service, fault.Op, fault.Probability = "functions", "*", 1
		c.SetFaults(fault)
		resp, body := invoke(last, "")
		c.SetFaults()
		require.Equal(t, fault.Status, resp.StatusCode, body)
		require.Contains(t, body, code)
		d[key{"FC", "InvokeFunction", "error", code}] = verdict{verdict: passed, note: fmt.Sprint(fault.Status, ", as a fault")}
	}
	for _, name := range []string{"X-Fc-Async-Task-Id", "X-Fc-Async-Delay", "X-Fc-Stateful-Async-Invocation"} {
		d.announce("FC", "InvokeFunction", "parameter", name, "refused by name")
		resp, body := invoke(last, "", name, "1")
		require.Equal(t, http.StatusNotImplemented, resp.StatusCode, body)
		require.Contains(t, strings.ToLower(body), strings.ToLower(name))
	}
	testFCTrigger(t, d, c, fmt.Sprint("f", len(fcForms)-2))
	d.announce("FC", "InvokeFunction", "parameter", "qualifier", "LATEST only; others refused by name")
	testFCSignature(t, d, c, last)
	for _, form := range []string{"hooks: preFreeze", "HTTP functions of version 2"} {
		d.announce("FC", "runtime go1", "form", form, "of version 2")
	}
	for _, other := range []string{"custom runtimes", "containers", "layers", "versions and aliases", "asynchronous tasks", "provisioned instances", "tracing", "VPC and NAS",
		"HTTP triggers with a signature", "operations but GetFunction, InvokeFunction, ListTriggers"} {
		d.announce("FC", "platform", "form", other, "")
	}
	for request, name := range map[string]string{"GET functions": "ListFunctions", "DELETE functions/f": "DeleteFunction", "POST functions/f/triggers": "CreateTrigger", "PUT functions/f/async-tasks/t/stop": "StopAsyncTask", "GET layers": "ListLayers"} {
		method, path, _ := strings.Cut(request, " ")
		resp, body := fcSend(t, c, method, "/2023-03-30/"+path, "{}")
		require.Equal(t, http.StatusNotImplemented, resp.StatusCode, body)
		require.Contains(t, body, name)
	}
	c.Close()
	_, err = os.Stat(stopped)
	require.NoError(t, err, "preStop ran")
	doubts(t, d, "FC", "fakefc/server.go", "Doubts")
}
