package fakemns

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
)

// What was answered is on the disk; calls that wait for it at the same time share a sync.
func TestAnAnswerIsOnTheDiskAndCallsShareASync(t *testing.T) {
	dir := t.TempDir()
	s := New(Options{Keys: fakeram.New()})
	require.NoError(t, s.Open(dir))
	defer s.Close()
	s.Create("q")
	j := s.journal
	before := j.syncs
	const callers, each = 8, 25
	j.syncing.Lock() // the disk is busy: everybody waits
	var first, all sync.WaitGroup
	for c := range callers {
		first.Add(1)
		all.Go(func() {
			for i := range each {
				if i == 0 {
					_, err := s.send("q", []sending{{body: fmt.Sprint(c, "/", i)}})
					require.NoError(t, err)
					first.Done()
					require.NoError(t, s.flush())
					continue
				}
				_, err := s.Enqueue("q", fmt.Sprint(c, "/", i))
				require.NoError(t, err)
			}
		})
	}
	first.Wait()
	j.syncing.Unlock()
	all.Wait()
	require.Equal(t, j.lines, j.synced)
	require.Less(t, j.syncs-before, callers*each, "the first of each caller shared one")

	j.written = maxJournal // the next line makes the file be written anew
	_, err := s.Enqueue("q", "last")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "queues.jsonl"))
	require.NoError(t, err)
	require.Equal(t, callers*each+1, bytes.Count(text, []byte(`"Put"`)))
	require.NoFileExists(t, filepath.Join(dir, "queues.jsonl.new"))
}

// BenchmarkEnqueue compares messages that are kept in a folder with those in memory, by
// 16 callers at once: syncs/message says how well they share the disk.
func BenchmarkEnqueue(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "folder": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			s := New(Options{Keys: fakeram.New()})
			if dir != "" {
				require.NoError(b, s.Open(dir))
			}
			defer s.Close()
			s.Create("q")
			b.SetParallelism(8)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					_, err := s.Enqueue("q", "body")
					require.NoError(b, err)
				}
			})
			if s.journal != nil {
				b.ReportMetric(float64(s.journal.syncs)/float64(b.N), "syncs/message")
			}
		})
	}
}
