package main

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// A class that is set, a clock that moves, and what it has cost; on another machine's error
// it says so.
func TestStorageIsPrinted(t *testing.T) {
	start := time.Date(2026, 6, 20, 16, 0, 0, 0, time.UTC) // midnight in Beijing
	c := localcloud.RunT(t, localcloud.Options{Start: start, Callback: "none", Faults: "none"})
	env := c.Env()
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, writeEnv(file, env))
	c.VOD.Seed(fakevod.Asset{ID: "v", Size: 4_000_000_000, Created: start}, fakevod.Asset{ID: "i", Kind: "image"})
	post := func(body string) (int, string) {
		answer, err := http.Post(env["FUNCTIONS_ENDPOINT"]+"/_local/storage", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, string(text)
	}
	for body, says := range map[string]string{
		`[{"id":"none","class":"IA"}]`:                             `no video or audio \"none\"`,
		`[{"id":"i","class":"IA"}]`:                                `no video or audio \"i\"`,
		`[{"id":"v","class":"Changing"}]`:                          `it is one of Standard, IA`,
		`[{"id":"v","class":"Archive"},{"id":"v"}]`:                `class \"\"`,
		`[{"id":"v","class":"IA","since":"2036-01-01T00:00:00Z"}]`: `later than the library's clock`,
		`[{"id":"v","class":"IA","since":"yesterday"}]`:            `parsing time`,
		`{"id":"v"}`: `cannot unmarshal`,
		`[{"id":"\u001b[31m","class":"IA","since":"2026-01-01T00:00:00Z"}]`: `no video or audio`,
	} {
		status, text := post(body)
		require.Equal(t, http.StatusBadRequest, status, body)
		require.Contains(t, text, says)
		require.NotContains(t, text, "\x1b")
	}
	a, _ := c.VOD.Lookup("v")
	require.Empty(t, a.StorageClass, "all or none")
	status, _ := post(`[{"id":"v","class":"IA","since":"2026-06-01T00:00:00Z"}]`)
	require.Equal(t, http.StatusOK, status)

	c.Advance(48*time.Hour + time.Minute)
	show := func(args ...string) string {
		var out, errs bytes.Buffer
		require.Zero(t, run(t.Context(), append([]string{"storage", "--env-file", file}, args...), &out, &errs), &errs)
		return out.String()
	}
	require.Regexp(t, `(?m)^IA +1 +4\.0 GB +8\.0 GB +0 B +0 B +0 +0$`, show())
	require.Regexp(t, `(?m)^2026-06-22 +IA +4\.0 GB`, show("--days"))
	var errs bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"storage", "--env-file", filepath.Join(t.TempDir(), "none")}, io.Discard, &errs))
	require.Contains(t, errs.String(), "no local cloud is known here")
}
