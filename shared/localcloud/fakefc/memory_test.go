package fakefc_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakefc"
)

// The platform's memory is a hard limit: whoever is over it, for however short, is gone
// with the call, and the next one is served by a new process.
func TestAProcessOverItsMemoryIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		require.Empty(t, os.Getenv("CI"), "CI runs on Linux")
		t.Skip("the local cloud sees a process's memory on Linux only")
	}
	s, web := start(t, manifest("      timeout: 20\n"), fakefc.Options{})
	_, body := invoke(t, web, `1`)
	before := answer(t, body).Pid

	resp, body := invoke(t, web, `{"do":"eat","bytes":400000000}`)
	require.Empty(t, resp.Header.Get("X-Fc-Error-Type"), body)
	require.Equal(t, before, answer(t, body).Pid, "400 of 512 MB are allowed")
	most, err := strconv.Atoi(resp.Header.Get("X-Fc-Max-Memory-Usage"))
	require.NoError(t, err)
	require.Greater(t, most, 380)

	for _, do := range []string{"eat", "child"} {
		resp, body = invoke(t, web, `{"do":"`+do+`","bytes":600000000}`)
		require.Equal(t, "UnhandledInvocationError", resp.Header.Get("X-Fc-Error-Type"), do)
		require.JSONEq(t, `{"errorMessage":"Process exited unexpectedly before completing request"}`, body)
		inv, ok := s.Invocation(resp.Header.Get("X-Fc-Request-Id"))
		require.True(t, ok)
		require.Contains(t, inv.Reason, "over its memory of 512 MB with ", do)
		require.Greater(t, inv.Memory, 512)

		_, body = invoke(t, web, `1`)
		require.NotEqual(t, before, answer(t, body).Pid)
		before = answer(t, body).Pid
	}
}

func TestMemoryCanBeLeftFree(t *testing.T) {
	_, web := start(t, manifest("      timeout: 60\n"), fakefc.Options{FreeMemory: true})
	resp, body := invoke(t, web, fmt.Sprintf(`{"do":"eat","bytes":%d}`, 600_000_000))
	require.Empty(t, resp.Header.Get("X-Fc-Error-Type"), body)
}
