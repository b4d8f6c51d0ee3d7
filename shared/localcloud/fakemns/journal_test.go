package fakemns_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

func opened(t require.TestingT, dir string) *fakemns.Server {
	s := fakemns.New(fakemns.Options{Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "secret"})})
	require.NoError(t, s.Open(dir))
	return s
}

// TestAKillLosesNothingThatWasAnswered copies the folder at a random moment, as a
// kill leaves it, and cuts a line short.
func TestAKillLosesNothingThatWasAnswered(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		s := opened(t, dir)
		defer s.Close()
		want := map[string]string{} // by id
		handles := map[string]string{}
		s.Create("q")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				body := fmt.Sprint("<", len(want), "\n>")
				id, err := s.Enqueue("q", body)
				require.NoError(t, err)
				want[id] = body
			case 2:
				got, err := s.Receive(t.Context(), "q", 16, 0, time.Hour)
				require.NoError(t, err)
				for _, m := range got {
					handles[m.ID] = m.Handle
				}
			case 3:
				for id, h := range handles {
					require.Equal(t, []error{nil}, s.Remove("q", h))
					delete(handles, id)
					delete(want, id)
					break
				}
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, "queues.jsonl"))
		require.NoError(t, err)
		after := filepath.Join(dir, "after")
		require.NoError(t, os.Mkdir(after, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(after, "queues.jsonl"), append(text, `{"Put":{"Queue":"q","Bo`...), 0o600))

		again := opened(t, after)
		defer again.Close()
		got := map[string]string{}
		for id, h := range handles { // handles are good across the restart
			require.Equal(t, []error{nil}, again.Remove("q", h))
			got[id] = want[id]
		}
		for {
			list, err := again.Receive(t.Context(), "q", 16, 0, time.Hour)
			require.NoError(t, err)
			if len(list) == 0 {
				break
			}
			for _, m := range list {
				got[m.ID] = m.Body
			}
		}
		if !maps.Equal(want, got) {
			t.Fatalf("want %v, got %v", want, got)
		}
	})
}

func TestSnapshotsBringBackQueuesAndTopics(t *testing.T) {
	s := server(t, fakemns.Options{})
	s.CreateTopic("news")
	heard := make(chan string, 1)
	s.Subscribe("news", "f", "", func(n fakemns.Notice) { heard <- n.Body })
	_, err := s.Enqueue("jobs", "one")
	require.NoError(t, err)
	before := s.Snapshot()
	_, err = s.Enqueue("jobs", "two")
	require.NoError(t, err)
	s.Create("late")
	require.NoError(t, s.Restore(before))
	require.Equal(t, []string{"jobs"}, s.Queues())
	require.Equal(t, fakemns.Stats{Active: 1}, s.Stats("jobs"))
	_, err = s.Publish("news", "x", "")
	require.NoError(t, err)
	require.Equal(t, "x", <-heard)
}

func TestAFolderThatCannotBeReadIsTold(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "queues.jsonl"), []byte("nonsense\n"), 0o600))
	s := fakemns.New(fakemns.Options{Keys: fakeram.New()})
	require.ErrorContains(t, s.Open(dir), "journal")
}
