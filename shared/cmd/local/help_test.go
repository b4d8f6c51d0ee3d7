package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// Each service has a page, which names all that it has.
func TestAPageForEachService(t *testing.T) {
	for service, wants := range map[string][]string{
		"vod": append(fakevod.Operations(), localcloud.Readings("vod")...), "mns": localcloud.Readings("mns"), "oss": {"OSS_ENDPOINT"},
		"fc": append(localcloud.Readings("fc"), "/_local/openapi.json"), "ram": {"AssumeRole"},
	} {
		var out bytes.Buffer
		require.Zero(t, run(t.Context(), []string{"help", service}, &out, io.Discard))
		require.NotContains(t, out.String(), "{{")
		for _, want := range wants {
			require.Regexp(t, `\b`+regexp.QuoteMeta(strings.TrimPrefix(want, "/"))+`\b`, out.String(), service)
		}
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len(line), 116, line)
		}
	}
}

func TestPortsInARow(t *testing.T) {
	for _, given := range []string{"9000", "9000+"} {
		var l localcloud.Options
		require.NoError(t, (&options{ports: given}).listeners(&l))
		require.Equal(t, [4]string{"127.0.0.1:9000", "127.0.0.1:9001", "127.0.0.1:9002", "127.0.0.1:9003"}, [4]string{l.Listen.VOD, l.Listen.MNS, l.Listen.OSS, l.Listen.FC})
	}
	for _, given := range []string{"many", "0", "65533", "9000-9003"} {
		require.ErrorContains(t, (&options{ports: given}).listeners(new(localcloud.Options)), "--ports \""+given+"\": the first of four ports")
	}
}

// Where there is no s.yaml the services run alone, by HTTPS too when that is asked for.
func TestWithoutAManifest(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "env")
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"--env-file", file, "--tls", "--reading", "BareOr"}, &out, &errs) }()
	var env map[string]string
	require.Eventually(t, func() bool {
		var err error
		env, err = readEnv(file)
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	require.FileExists(t, env["LOCAL_CERTIFICATE"])
	stop()
	require.Zero(t, <-ended, &errs)
	require.NoFileExists(t, env["LOCAL_CERTIFICATE"])
	require.Contains(t, out.String(), "LOCAL_CERTIFICATE")
	require.Equal(t, 1, run(t.Context(), []string{"--env-file", file, "--reading", "Sideways"}, io.Discard, &errs))
	require.Contains(t, errs.String(), `reading "Sideways"`)
}
