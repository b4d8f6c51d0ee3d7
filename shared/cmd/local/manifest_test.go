package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A manifest of another project runs with nothing of this repository built, and without
// its story; --open=false asks for signatures.
func TestAManifestOutsideTheRepository(t *testing.T) {
	folder := t.TempDir()
	manifest := filepath.Join(folder, "s.yaml")
	require.NoError(t, os.WriteFile(manifest, []byte("edition: 3.0.0\nname: other\naccess: default\nresources:\n  f:\n    component: fc3\n    props:\n      region: cn-shanghai\n"+
		"      functionName: f\n      runtime: go1\n      handler: main\n      code: ./code\n      timeout: 3\n      memorySize: 128\n"), 0o600))
	root, err := repository(folder)
	require.NoError(t, err)
	require.Empty(t, root)
	root, err = repository(".")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "s.yaml"))

	require.ErrorContains(t, serve(t.Context(), options{manifest: manifest, once: true}, io.Discard, io.Discard), "leave --once and --story out")
	for open, want := range map[bool]int{true: http.StatusNotFound, false: http.StatusForbidden} {
		ctx, stop := context.WithCancel(t.Context())
		file := filepath.Join(t.TempDir(), "env")
		var errs bytes.Buffer
		ended := make(chan error, 1)
		go func() {
			ended <- serve(ctx, options{manifest: manifest, envFile: file, callback: "none", open: open}, io.Discard, &errs)
		}()
		var env map[string]string
		require.Eventually(t, func() bool { env, err = readEnv(file); return err == nil }, time.Minute, 10*time.Millisecond)
		r, err := http.Post(env["FUNCTIONS_ENDPOINT"]+"/2023-03-30/functions/none/invocations", "", strings.NewReader(""))
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, want, r.StatusCode)
		stop()
		require.NoError(t, <-ended)
		require.NotContains(t, errs.String(), "building")
	}
}
