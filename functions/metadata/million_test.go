package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakevod"
	journal "vodcurator/shared/state/edits"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// remember makes a STATE as the retagging of n assets leaves it, a moment before the
// log is brought into the shards once more.
func remember(t *testing.T, n int) *statetest.Memory {
	t.Helper()
	s := &statetest.Memory{}
	j := journal.NewJournal(s, s.Remove)
	require.NoError(t, j.CatchUp(t.Context()))
	const step = 100
	now := time.Now().UTC()
	for from := 0; from < n; from += step {
		e := journal.Entry{Run: "retag", At: now}
		for i := from; i < min(from+step, n); i++ {
			memory := &tagging.Memory{Given: map[string]tagging.Gift{}}
			tags := []string{"promo", "landscape", "hd", "short"}
			for _, tag := range tags {
				memory.Given[tag] = tagging.Gift{By: "0123456789ab", At: now}
			}
			e.Media = append(e.Media, journal.EditedMedia{
				ID: video.ID(fmt.Sprintf("%032x", i)), Set: journal.Values{Tags: &tags}, Old: journal.Values{Tags: &[]string{"mine"}}, Rules: memory,
				Modified: now, Before: "01234567", After: "89abcdef",
				Marks: editing.Marks{"title": {Stamp: editing.Stamp{At: now, Tie: "0123456789abcdef"}, Sum: "01234567"}},
			})
		}
		key, err := j.Append(t.Context(), e)
		require.NoError(t, err)
		_, err = j.Append(t.Context(), journal.Entry{At: now, Settled: []journal.Settlement{{Of: key}}})
		require.NoError(t, err)
		// In larger steps than metadata itself, to be done; what comes last stays in the log.
		if left := n - from; from/step%1000 == 999 || left <= 14_000 && left > 13_900 {
			for more := true; more; {
				more, err = j.Compact(t.Context(), 5000)
				require.NoError(t, err)
			}
		}
	}
	return s
}

// coldStart sends one message to a fresh process over a STATE, and says how long its
// first invocation took and how much memory the process had at the most, in MB.
func coldStart(t *testing.T, objects *statetest.Memory) (took time.Duration, most int) {
	t.Helper()
	var mu sync.Mutex
	c := newCloud(t, localcloud.Options{Faults: "none", Pace: 0.01}, func(inv fakefc.Invocation) {
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, inv.Error, inv.Reason)
		took, most = inv.Duration, max(most, residentMost(t))
	}, func(vod http.Handler) http.Handler { return vod })
	dir, _ := strings.CutPrefix(c.Env()["STATE"], "file:")
	for _, key := range objects.Keys() {
		body, err := objects.Read(t.Context(), key)
		require.NoError(t, err)
		path := filepath.Join(dir, key)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, body, 0o600))
	}
	id := c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "old", Status: "Normal", Created: time.Now()})[0]
	c.send(t, 1, []string{fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"new"}}]}`, id)})
	c.drain(t)
	require.NoError(t, c.FC.Quiet(t.Context()))
	a, _ := c.VOD.Lookup(id)
	require.Equal(t, "new", a.Title)
	mu.Lock()
	defer mu.Unlock()
	return took, most
}

// residentMost is the most memory that a process of this test's function has had, in MB.
func residentMost(t *testing.T) (most int) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, p := range processes {
		exe, err := os.Readlink(p + "/exe")
		if err != nil || filepath.Base(exe) != "main.real" {
			continue
		}
		status, _ := os.ReadFile(p + "/status")
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			kb, _ := strconv.Atoi(fields[0])
			most = max(most, kb/1024)
		}
	}
	return most
}

// What is remembered of assets that a batch is not about costs it nothing: SOAK=1 looks
// at a million of them. The process has 128 MB, as a hard limit.
func TestRememberedAssetsCostAFreshStartLittle(t *testing.T) {
	n := 16_000
	if os.Getenv("SOAK") == "1" {
		n = 1_000_000
	}
	n = number(t, "REMEMBERED", n)
	objects := remember(t, n)
	bytes := 0
	for _, key := range objects.Keys() {
		body, err := objects.Read(t.Context(), key)
		require.NoError(t, err)
		bytes += len(body)
	}
	t.Setenv("TEST_DATA_KB", fmt.Sprint(128<<10))
	fresh, freshMB := coldStart(t, &statetest.Memory{})
	full, fullMB := coldStart(t, objects)
	t.Logf("nothing remembered: first invocation %s, %d MB; %d assets remembered in %d objects of %d MB: %s, %d MB",
		fresh.Round(time.Millisecond), freshMB, n, len(objects.Keys()), bytes>>20, full.Round(time.Millisecond), fullMB)
	require.Less(t, fullMB, 128)
	if os.Getenv("SOAK") == "1" { // beside other tests a first invocation takes as long as it takes
		require.Less(t, full, fresh+300*time.Millisecond)
	}
}
