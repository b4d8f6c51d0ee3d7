package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The pages answer as soon as their address is written, whatever is played meanwhile.
func TestTheConsoleAnswersAtItsAddress(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var o options
		o.envFile, o.console, o.callback = file, "127.0.0.1:0", "mns"
		o.listen.vod, o.listen.mns, o.listen.oss, o.listen.functions = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		ended <- serve(ctx, o, io.Discard, io.Discard)
	}()
	var env map[string]string
	require.Eventually(t, func() (there bool) {
		var err error
		env, err = readEnv(file)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, env["CONSOLE_URL"], nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Len(t, answer.Cookies(), 1, "the token is that of the console that runs")
	stop()
	require.NoError(t, <-ended)
}
