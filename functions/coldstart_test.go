package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// runtimeAPI plays the platform to one process: it hands out one event, and takes the
// answer. Who asks for another event waits.
type runtimeAPI struct {
	event  []byte
	given  atomic.Bool
	answer chan string
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasSuffix(r.URL.Path, "/response") {
			body = append([]byte("error: "), body...)
		}
		a.answer <- string(body)
		return
	}
	if a.given.Swap(true) {
		<-r.Context().Done()
		return
	}
	h := w.Header()
	h.Set("x-fc-request-id", "1-cold")
	h.Set("x-fc-function-deadline", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
	h.Set("x-fc-function-timeout", "60")
	h.Set("x-fc-access-key-id", "STS.x")
	h.Set("x-fc-access-key-secret", "y")
	h.Set("x-fc-security-token", "z")
	_, _ = w.Write(a.event)
}

// start runs a binary until its first answer, and says how long that took and how long
// the processor was busy with it.
func start(t testing.TB, binary string, event []byte, env ...string) (took, busy time.Duration, answer string) {
	t.Helper()
	api := &runtimeAPI{event: event, answer: make(chan string, 1)}
	server := httptest.NewServer(api)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(slices.Clone(env), "FC_RUNTIME_API="+server.Listener.Addr().String(), "FC_ACCOUNT_ID=1000000000000001")
	began := time.Now()
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1) // what became of the process
	go func() { ended <- cmd.Wait() }()
	select {
	case answer = <-api.answer:
		took = time.Since(began)
		cancel()
		if err := <-ended; err == nil {
			require.Fail(t, "it ended by itself after its answer")
		}
		return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), answer
	case err := <-ended:
		require.Fail(t, "no answer", "%s ended: %v", binary, err)
		return 0, 0, ""
	}
}

// acknowledged is a queue's batch with a notification that autotag acknowledges without a call.
func acknowledged(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("../testdata/events/LiveRecordVideoComposeStart.json")
	require.NoError(t, err)
	event, err := json.Marshal([]any{map[string]any{"data": map[string]any{"messageId": "1", "messageBody": string(body)}}})
	require.NoError(t, err)
	return event
}

// BenchmarkColdStart starts autotag 15 times beside the empty function, turn by turn, so
// that a busy machine is busy for both. It fails over twice the empty function's time.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	var binaries []string
	for _, program := range [][2]string{{"testdata", "empty"}, {"..", "functions/autotag"}} { // Go's settings, and ours
		binaries = append(binaries, filepath.Join(dir, filepath.Base(program[1])))
		cmd, err := localcloud.BuildCommand(b.Context(), program[0], program[1], binaries[len(binaries)-1])
		require.NoError(b, err)
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, string(out))
	}
	event := acknowledged(b)
	var took, busy [2][]time.Duration
	for b.Loop() {
		took, busy = [2][]time.Duration{}, [2][]time.Duration{}
		for range 15 {
			for i, binary := range binaries {
				t, c, answer := start(b, binary, event, "METADATA_QUEUE=m")
				require.NotContains(b, answer, "error", binary)
				took[i], busy[i] = append(took[i], t), append(busy[i], c)
			}
		}
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Microseconds()) / 1000
	}
	times := median(took[1]) / median(took[0])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(took[0]), "empty-ms")
	b.ReportMetric(median(took[1]), "autotag-ms")
	b.ReportMetric(times, "times")
	b.ReportMetric(median(busy[1])/median(busy[0]), "times-cpu")
	require.LessOrEqual(b, times, 2.0)
}

// No package of ours does work at start that can wait, such as compiling a regular
// expression: a start takes as long as what its packages build before main. Bytes and
// counts are compared, since times depend on the machine.
func TestOurPackagesBuildLittleAtStart(t *testing.T) {
	const mostBytes, mostAllocs = 16 << 10, 100
	for _, name := range folders(t) {
		cmd := exec.CommandContext(t.Context(), build(t, "functions/"+name))
		cmd.Env = []string{"GODEBUG=inittrace=1"} // without a runtime API it ends at once
		var trace bytes.Buffer
		cmd.Stderr = &trace
		_ = cmd.Run()
		ours, allBytes, allAllocs := 0, 0, 0
		for line := range strings.Lines(trace.String()) {
			var pkg string
			var at, took float64
			var size, allocs int
			if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &pkg, &at, &took, &size, &allocs); n != 5 {
				continue
			}
			allBytes, allAllocs = allBytes+size, allAllocs+allocs
			if strings.HasPrefix(pkg, "vodcurator/") {
				ours++
				require.LessOrEqual(t, size, mostBytes, "%s: %s", name, line)
				require.LessOrEqual(t, allocs, mostAllocs, "%s: %s", name, line)
			}
		}
		require.Positive(t, allBytes, "%s: no trace: %s", name, trace.String())
		t.Logf("%s: %d packages of ours build something at start; all packages together %d bytes in %d pieces", name, ours, allBytes, allAllocs)
	}
}
