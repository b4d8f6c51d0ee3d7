package localcloud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

func TestSnapshotsAndReset(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := localcloud.RunT(t, localcloud.Options{Manifest: write(t), Start: start, Callback: "none"})
	base := c.Env()["FUNCTIONS_ENDPOINT"]
	state := strings.TrimPrefix(c.Env()["STATE"], "file:")
	kept := func() (files []string) {
		entries, err := os.ReadDir(state)
		require.NoError(t, err)
		for _, e := range entries {
			files = append(files, e.Name())
		}
		return files
	}
	queue := "vodcurator-dead"
	fill := func(name string) {
		c.VOD.Seed(fakevod.Asset{Title: name})
		_, err := c.MNS.Enqueue(queue, name)
		require.NoError(t, err)
		require.NoError(t, c.OSS.Put("vodcurator-state", name, strings.NewReader(name)))
		require.NoError(t, os.WriteFile(filepath.Join(state, name), nil, 0o600))
	}
	fill("one")
	require.Equal(t, 200, post(t, base+"/_local/snapshots/before", ``, nil))
	fill("two")
	require.Len(t, c.Advance(24*time.Hour), 1)
	require.Equal(t, 2, c.VOD.Len())

	require.Equal(t, 200, post(t, base+"/_local/restore/before", ``, nil))
	require.Equal(t, 1, c.VOD.Len())
	require.Equal(t, 1, c.MNS.Stats(queue).Active)
	require.Equal(t, []string{"one"}, c.OSS.Keys("vodcurator-state"))
	require.Equal(t, []string{"one"}, kept())
	require.WithinDuration(t, start, c.Now(), time.Minute)
	require.Zero(t, c.FC.Running("autotag"))
	require.Len(t, c.Advance(24*time.Hour), 1, "in the new course of time the timer has not fired yet")

	require.Equal(t, 200, post(t, base+"/_local/reset", ``, nil))
	require.Zero(t, c.VOD.Len())
	require.Zero(t, c.MNS.Stats(queue))
	require.Empty(t, kept())
	require.Empty(t, c.FC.Invocations(""))
	require.Equal(t, 400, post(t, base+"/_local/restore/never", ``, nil))
}

// TestAKillOfTheCloudLosesNoAnsweredWrite runs a cloud as a process of its own, ends
// it with SIGKILL in the middle of writes, and looks at what the next one finds.
func TestAKillOfTheCloudLosesNoAnsweredWrite(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "LOCALCLOUD_STATE="+state)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var answered []string
	lines := bufio.NewScanner(out)
	for len(answered) < 200 && lines.Scan() {
		answered = append(answered, lines.Text())
	}
	require.NoError(t, cmd.Process.Kill())
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	for _, line := range strings.Split(strings.TrimSuffix(lines.Text()+"\n"+string(rest), "\n"), "\n") {
		if json.Valid([]byte(line)) {
			answered = append(answered, line)
		}
	}
	require.GreaterOrEqual(t, len(answered), 200)

	c := localcloud.RunT(t, localcloud.Options{State: state, Callback: "none"})
	found := map[string]bool{}
	for _, a := range c.VOD.Assets() {
		found[a.Title] = true
	}
	for {
		got, err := c.MNS.Receive(t.Context(), "vodcurator-dead", 16, 0, time.Hour)
		require.NoError(t, err)
		if len(got) == 0 {
			break
		}
		for _, m := range got {
			found[m.Body] = true
		}
	}
	for _, key := range c.OSS.Keys("vodcurator-state") {
		found[key] = true
	}
	for _, line := range answered {
		var name string
		require.NoError(t, json.Unmarshal([]byte(line), &name))
		require.True(t, found[name], "%s was answered and is gone", name)
	}
	t.Logf("%d answered writes, none lost", len(answered))
}

// writeForEver is the process that is killed: it says each write that was answered.
func writeForEver(state string) {
	c, err := localcloud.Start(context.Background(), localcloud.Options{State: state, Callback: "none"})
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%q", fmt.Sprint("write-", n))
		plain := fmt.Sprint("write-", n)
		switch n % 3 {
		case 0:
			c.VOD.Seed(fakevod.Asset{Title: plain})
		case 1:
			if _, err := c.MNS.Enqueue("vodcurator-dead", plain); err != nil {
				panic(err)
			}
		case 2:
			if err := c.OSS.Put("vodcurator-state", plain, strings.NewReader(plain)); err != nil {
				panic(err)
			}
		}
		fmt.Println(name)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c, err := localcloud.Start(b.Context(), localcloud.Options{Manifest: "../../s.yaml"})
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func TestItIsReadyInThreeTenthsOfASecond(t *testing.T) {
	best := time.Hour // a loaded machine may be late once
	for range 5 {
		began := time.Now()
		c, err := localcloud.Start(t.Context(), localcloud.Options{Manifest: "../../s.yaml"})
		require.NoError(t, err)
		best = min(best, time.Since(began))
		c.Close()
	}
	t.Logf("ready after %s", best)
	require.Less(t, best, 300*time.Millisecond)
}

// TestAKillOfTheCloudLeavesNoFunctionBehind shows that the processes die with it.
func TestAKillOfTheCloudLeavesNoFunctionBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("left out: only Linux ties processes to their parent")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LOCALCLOUD_MANIFEST="+write(t))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid := strings.TrimSpace(line)
	require.DirExists(t, "/proc/"+pid)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") // gone, or waiting for somebody to look
	}, 30*time.Second, time.Millisecond)
}

// serveForEver is the process that is killed with a function running.
func serveForEver(manifest string) {
	c, err := localcloud.Start(context.Background(), localcloud.Options{Manifest: manifest})
	if err != nil {
		panic(err)
	}
	inv, err := c.FC.Invoke(context.Background(), "autotag", []byte(`{}`))
	if err != nil {
		panic(err)
	}
	var said struct{ Pid int }
	if err := json.Unmarshal(inv.Result, &said); err != nil {
		panic(err)
	}
	fmt.Println(said.Pid)
	select {}
}
