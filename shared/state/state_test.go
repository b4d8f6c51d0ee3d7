package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// forms opens a fresh state of each form; every test of the contract runs over all.
var forms = map[string]func(testing.TB) *state.Store{
	"folder": func(t testing.TB) *state.Store { return open(t, "file:"+filepath.Join(t.TempDir(), "state")) },
	"bucket": func(t testing.TB) *state.Store { return newOSS(t).open(t, "oss://state/a prefix/v1") },
}

func open(t testing.TB, spec string) *state.Store {
	t.Helper()
	s, err := state.Open(context.Background(), spec, state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func eachForm(t *testing.T, test func(*testing.T, *state.Store)) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) { test(t, form(t)) })
	}
}

func TestWhatWasCreatedIsReadAndTheSecondCreatorLoses(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		for _, body := range []string{"first", "second", "first"} {
			err := s.Create(t.Context(), "plans/2026/a", []byte(body))
			if body != "first" {
				require.ErrorIs(t, err, state.ErrExists)
			}
		}
		require.ErrorIs(t, s.Create(t.Context(), "plans/2026/a", []byte("first")), state.ErrExists, "the same body too")
		body, err := s.Read(t.Context(), "plans/2026/a")
		require.NoError(t, err)
		require.Equal(t, "first", string(body))

		require.NoError(t, s.Create(t.Context(), "empty", nil))
		body, err = s.Read(t.Context(), "empty")
		require.NoError(t, err)
		require.Empty(t, body)
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		require.NoError(t, s.Create(t.Context(), "a/b", []byte("x")))
		for _, key := range []string{"b", "a", "a/c", "a/b/c"} {
			_, err := s.Read(t.Context(), key)
			require.ErrorIs(t, err, video.ErrNotFound, key)
			require.ErrorContains(t, err, fmt.Sprintf("%q", key))
		}
		require.Empty(t, statetest.Keys(t, s.List(t.Context(), "nothing/", "")))
	})
}

func TestRemovedIsGoneAndRemovingTwiceIsOnce(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		require.NoError(t, s.Create(t.Context(), "a/b", []byte("x")))
		require.NoError(t, state.Remove(t.Context(), s, "a"))
		require.Equal(t, []string{"a/b"}, statetest.Keys(t, s.List(t.Context(), "", "")))
		for range 2 {
			require.NoError(t, state.Remove(t.Context(), s, "a/b"))
		}
		require.Empty(t, statetest.Keys(t, s.List(t.Context(), "", "")))
		require.NoError(t, s.Create(t.Context(), "a/b", []byte("y")))
	})
}

func TestListIsInByteOrderFromPrefixAndAfter(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		segment := rapid.SampledFrom([]string{"a", "a-b", "a0", "b", "é", "z-"})
		key := rapid.Custom(func(t *rapid.T) string {
			// An object ends in ".o", so that no key is the folder of another.
			return strings.Join(append(rapid.SliceOfN(segment, 0, 2).Draw(t, "dirs"), segment.Draw(t, "name")+".o"), "/")
		})
		var all []string
		rapid.Check(t, func(rt *rapid.T) {
			if k := key.Draw(rt, "key"); s.Create(t.Context(), k, []byte(k)) == nil {
				all = append(all, k)
				slices.Sort(all)
			}
			prefix := rapid.SampledFrom([]string{"", "a", "a/", "a-", "a/a", "b/é", "nothing"}).Draw(rt, "prefix")
			after := rapid.OneOf(rapid.Just(""), key, segment).Draw(rt, "after")
			var want []string
			for _, k := range all {
				if strings.HasPrefix(k, prefix) && k > after {
					want = append(want, k)
				}
			}
			require.Equal(t, want, statetest.Keys(t, s.List(t.Context(), prefix, after)), "prefix %q after %q", prefix, after)
		})
	})
}

func TestListStopsWhenItsReaderDoesAndWhenCancelled(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		for i := range 5 {
			require.NoError(t, s.Create(t.Context(), fmt.Sprintf("k/%d", i), nil))
		}
		for key, err := range s.List(t.Context(), "k/", "k/1") {
			require.NoError(t, err)
			require.Equal(t, "k/2", key)
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var errs []error
		for _, err := range s.List(ctx, "k/", "") {
			errs = append(errs, err)
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.Canceled)
		require.ErrorIs(t, s.Create(ctx, "k/9", nil), context.Canceled)
	})
}

func TestKeysThatLeaveTheFormAreRefused(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		for _, key := range []string{
			"", "/", "/a", "a/", "a//b", "..", "../a", "a/../../b", ".", "a/./b", ".hidden", "a/.b", `a\b`, "a\x00b", "a\nb",
			"a\xff", strings.Repeat("x", 201), strings.Repeat("abcdefghi/", 91) + "x",
		} {
			_, err := s.Read(t.Context(), key)
			require.ErrorIs(t, err, video.ErrInvalid, "read %q", key)
			require.ErrorIs(t, s.Create(t.Context(), key, nil), video.ErrInvalid, "create %q", key)
			require.ErrorIs(t, state.Remove(t.Context(), s, key), video.ErrInvalid, "remove %q", key)
		}
		require.Empty(t, statetest.Keys(t, s.List(t.Context(), "", "")))
		require.NoError(t, s.Create(t.Context(), strings.Repeat("字", 66)+"/=:~ %?#*", nil))
		require.NoError(t, s.Create(t.Context(), strings.TrimSuffix(strings.Repeat(strings.Repeat("k", 179)+"/", 5), "/"), nil))
	})
}

func TestOneOfManyCreatorsWins(t *testing.T) {
	eachForm(t, func(t *testing.T, s *state.Store) {
		for round := range 20 {
			var (
				wg   sync.WaitGroup
				won  atomic.Int64
				whom atomic.Int64
				key  = fmt.Sprintf("rounds/%d/next", round)
			)
			for i := range 8 {
				wg.Go(func() {
					if err := s.Create(t.Context(), key, fmt.Appendf(nil, "writer %d", i)); !errors.Is(err, state.ErrExists) {
						require.NoError(t, err)
						won.Add(1)
						whom.Store(int64(i))
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 1, won.Load())
			body, err := s.Read(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("writer %d", whom.Load()), string(body))
		}
	})
}

func TestAReadOnlyStateCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	_, err := state.Open(t.Context(), "file:"+dir, state.Options{ReadOnly: true})
	require.ErrorIs(t, err, video.ErrNotFound)
	require.NoDirExists(t, dir)

	require.NoError(t, open(t, "file:"+dir).Create(t.Context(), "a", []byte("x")))
	s, err := state.Open(t.Context(), "file:"+dir, state.Options{ReadOnly: true})
	require.NoError(t, err)
	require.ErrorIs(t, s.Create(t.Context(), "b", nil), state.ErrReadOnly)
	require.ErrorIs(t, state.Remove(t.Context(), s, "a"), video.ErrForbidden)
	body, err := s.Read(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "x", string(body))
}

func TestOpenNamesWhatIsWrongWithThePlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for spec, want := range map[string]string{
		"":                              "want file:DIR or oss://bucket/prefix",
		"/tmp":                          "want file:DIR or oss://bucket/prefix",
		"file:":                         "no folder given",
		"file:" + dir + "/missing/here": "not found",
		"file:" + file:                  "not a directory",
	} {
		_, err := state.Open(t.Context(), spec, state.Options{})
		require.ErrorContains(t, err, want, spec)
	}
}

func TestAKeyIsNeverTheFolderOfAnother(t *testing.T) {
	s := open(t, "file:"+t.TempDir())
	require.NoError(t, s.Create(t.Context(), "a/b", nil))
	require.ErrorIs(t, s.Create(t.Context(), "a", nil), video.ErrInvalid)
	require.ErrorIs(t, s.Create(t.Context(), "a/b/c", nil), video.ErrInvalid)
}

func TestASymbolicLinkIsNoWayOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	s := open(t, "file:"+dir)
	_, err := s.Read(t.Context(), "out/secret")
	require.Error(t, err)
	require.Error(t, s.Create(t.Context(), "out/new", nil))
	require.NoFileExists(t, filepath.Join(outside, "new"))
}

// A process is killed again and again while it creates objects. Whatever is
// there afterwards is whole, and the next process goes on.
func TestAKilledCreatorLeavesWholeObjectsOrNone(t *testing.T) {
	const size = 1 << 20
	if dir := os.Getenv("STATE_TEST_CREATE_IN"); dir != "" {
		s, err := state.Open(context.Background(), "file:"+dir, state.Options{})
		if err != nil {
			panic(err)
		}
		fmt.Println("open")
		for i := 0; ; i++ {
			_ = s.Create(context.Background(), fmt.Sprintf("k/%d-%d", os.Getpid(), i), []byte(strings.Repeat("x", size)))
		}
	}
	dir := t.TempDir()
	s, found := open(t, "file:"+dir), 0
	for range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledCreatorLeavesWholeObjectsOrNone$")
		cmd.Env = append(os.Environ(), "STATE_TEST_CREATE_IN="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 1))
		require.NoError(t, err)
		for before := found; found < before+2; { // two objects further, in the middle of the next
			found = len(statetest.Keys(t, s.List(t.Context(), "k/", "")))
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		for key, err := range s.List(t.Context(), "", "") {
			require.NoError(t, err)
			body, err := s.Read(t.Context(), key)
			require.NoError(t, err)
			require.Len(t, body, size)
		}
	}
	require.NoError(t, s.Create(t.Context(), "k/next", nil))
	t.Logf("5 kills, %d objects, all whole", found)
}
