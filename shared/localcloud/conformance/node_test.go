package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
)

var scripts = filepath.Join("..", "..", "..", "testdata", "conformance")

// testNode runs the provider's packages for JavaScript, as they were published.
func testNode(t *testing.T, d dossier) {
	require.DirExists(t, filepath.Join(scripts, "node_modules"), "npm ci in testdata/conformance has not run")
	c, _ := formsCloud(t)
	base, err := json.Marshal(vodBase)
	require.NoError(t, err)
	name := func(form string) string {
		return fmt.Sprint("f", slices.IndexFunc(fcForms, func(f fcForm) bool { return f.form == form }))
	}
	extra := map[string]string{"BASE": string(base), "ECHO": name("func(ctx, T) (T, error)"), "FAILS": name("error: plain"), "LOGS": name("log")}
	for client, script := range map[string]string{"@alicloud/pop-core": "pop-core.mjs", "@alicloud/openapi-core": "acs3.mjs", "@alicloud/mns": "mns.mjs", "ali-mns": "ali-mns.mjs",
		"ali-oss": "ali-oss.mjs", "@alicloud/fc20230330": "fc.mjs", "@alicloud/fc2": "fc2.mjs"} {
		t.Run(client, func(t *testing.T) {
			env := c.Env()
			if client == "@alicloud/pop-core" || client == "@alicloud/openapi-core" {
				env = newFace(t, nil).Env() // a library that its calls may use up
			}
			if client == "ali-mns" {
				env["HTTP_PROXY"] = env["MNS_ENDPOINT"]
			}
			for k, v := range extra {
				env[k] = v
			}
			out := node(t, env, scripts, script)
			lines := regexp.MustCompile(`(?m)^ok\t(.+)$`).FindAllStringSubmatch(out, -1)
			require.NotEmpty(t, lines)
			for _, line := range lines {
				d.pass("Node", client, "operation", line[1])
			}
		})
	}
	t.Run("@serverless-devs/s", func(t *testing.T) {
		// Every way out of the machine is closed.
		const nowhere = "http://127.0.0.1:1"
		home := t.TempDir()
		root := filepath.Join("..", "..", "..")
		program, err := filepath.Abs(filepath.Join(scripts, "node_modules", "@serverless-devs", "s", "bin", "s"))
		require.NoError(t, err)
		out := node(t, map[string]string{"HOME": home, "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere, "https_proxy": nowhere}, root, program, "preview", "-t", "s.yaml")
		functions, err := fakefc.ReadManifest(filepath.Join(root, "s.yaml"), fakefc.Variables{Account: "1234567890123456", Env: func(name string) string { return c.Env()[name] }}, fakefc.Doubts{})
		require.NoError(t, err)
		plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(out, "")
		for _, f := range functions {
			require.Regexp(t, `functionName: +`+regexp.QuoteMeta(f.Name)+`\b`, plain)
		}
		d.pass("Node", "@serverless-devs/s", "operation", "s preview")
	})
}

// node runs a script and answers its standard output.
func node(t *testing.T, env map[string]string, folder string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", arguments...)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s%s", strings.Join(arguments, " "), out, &stderr)
	return string(out)
}

// testOlderGo runs the module below clients, which fetches the older SDK of OSS.
func testOlderGo(t *testing.T, d dossier) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	cmd := exec.CommandContext(t.Context(), "go", "run", "-C", "clients", ".")
	cmd.Env = os.Environ()
	for k, v := range c.Env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &stderr)
	lines := regexp.MustCompile(`(?m)^ok\t(.+)$`).FindAllStringSubmatch(string(out), -1)
	require.NotEmpty(t, lines)
	for _, line := range lines {
		d.pass("Go", "aliyun-oss-go-sdk", "operation", line[1])
	}
}

// The lock file says what is installed, not from where.
func TestTheLockHoldsNoAddresses(t *testing.T) {
	lock, err := os.ReadFile(filepath.Join(scripts, "package-lock.json"))
	require.NoError(t, err)
	require.NotContains(t, string(lock), "://")
	require.NotContains(t, string(lock), `"resolved"`)
}
