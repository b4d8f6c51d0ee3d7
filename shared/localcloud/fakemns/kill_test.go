package fakemns_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the server that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKEMNS_SERVE"); dir != "" {
		sendForEver(dir)
	}
	os.Exit(m.Run())
}

// sendForEver sends, receives and removes by several callers, and says what was answered.
func sendForEver(dir string) {
	t := panics{}
	s := opened(t, dir)
	s.Create("q")
	var out sync.Mutex
	say := func(what, body string) { // it is said when this returns
		out.Lock()
		defer out.Unlock()
		fmt.Println(what + body)
	}
	for caller := range 4 {
		go func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf("%d.%d.%d", os.Getpid(), caller, n)
				_, err := s.Enqueue("q", body)
				require.NoError(t, err)
				say("+", body)
				if n%3 != 0 {
					continue
				}
				got, err := s.Receive(context.Background(), "q", 1, 0, time.Hour)
				require.NoError(t, err)
				for _, m := range got {
					say("?", m.Body) // it may be gone from here on
					require.Equal(t, []error{nil}, s.Remove("q", m.Handle))
					say("-", m.Body)
				}
			}
		}()
	}
	select {} // until it is killed
}

type panics struct{}

func (panics) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (panics) FailNow()                          {}

// A process is killed three times in the midst of its calls. Every message that was
// accepted and not taken is there, and none that was removed.
func TestAKilledProcessLosesNothingThatWasAnswered(t *testing.T) {
	dir := t.TempDir()
	sent, doubtful, removed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "FAKEMNS_SERVE="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		r := bufio.NewReader(out)
		note := func() bool {
			line, err := r.ReadString('\n')
			if err != nil {
				return false
			}
			body := strings.TrimSpace(line[1:])
			map[byte]map[string]bool{'+': sent, '?': doubtful, '-': removed}[line[0]][body] = true
			return true
		}
		for range 150 + 37*round {
			require.True(t, note())
		}
		require.NoError(t, cmd.Process.Kill())
		for note() {
		}
		_, _ = io.Copy(io.Discard, r) // half a line
		_ = cmd.Wait()
	}
	s := opened(t, dir)
	defer s.Close()
	text, err := os.ReadFile(filepath.Join(dir, "queues.jsonl")) // those too that somebody had received
	require.NoError(t, err)
	for body := range sent {
		if !doubtful[body] {
			require.Contains(t, string(text), `"Body":"`+body+`"`, "%s was accepted and is gone", body)
		}
	}
	for body := range removed {
		require.NotContains(t, string(text), `"Body":"`+body+`"`, "%s was removed and is there", body)
	}
	t.Logf("%d accepted, %d removed, none lost and none back", len(sent), len(removed))
}
