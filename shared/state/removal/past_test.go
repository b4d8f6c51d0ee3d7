package removal_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

func TestTheLedgerKnowsWhichImagesAreGone(t *testing.T) {
	s, dir := statetest.Folder(t)
	none, _, err := remember(t, s)
	require.NoError(t, err)
	require.False(t, none.Gone("a", "NormalSnapshot"))

	ledger, err := stored.OpenLedger(t.Context(), s, "purge", "run")
	require.NoError(t, err)
	long := strings.Repeat("0a", 16)
	gone := map[string]bool{}
	unsure := map[string]bool{strings.Repeat("0c", 16) + " NormalSnapshot": true, "again NormalSnapshot": true}
	for i, row := range []struct {
		id, kind, event string
		of              retention.Kind
		result          video.Result
		gone            bool
		detail          string
	}{
		{long, "NormalSnapshot", stored.Outcome, retention.Images, video.Done, true, ""},
		{"short", "NormalSnapshot", stored.Outcome, retention.Images, video.Missing, true, stored.GoneBefore},
		{"read", "NormalSnapshot", stored.Outcome, retention.Images, video.Missing, false, "gone before this run came to it"},
		{strings.ToUpper(long), "NormalSnapshot", stored.Outcome, retention.Images, video.Failed, false, ""},
		{strings.Repeat("0b", 16), "NormalSnapshot", stored.Outcome, retention.Images, video.Kept, false, ""},
		{strings.Repeat("0c", 16), "NormalSnapshot", stored.Outcome, retention.Images, video.Unknown, false, ""},
		{strings.Repeat("0d", 16), "NormalSnapshot", stored.Intent, retention.Images, "", false, ""},
		{strings.Repeat("0e", 16), "NormalSnapshot", stored.Outcome, retention.Stream, video.Done, false, ""},
		{strings.Repeat("0f", 16), "SpriteSnapshot", stored.Outcome, retention.Images, video.Done, true, ""},
		{strings.Repeat("zz", 16), "SpriteSnapshot", stored.Outcome, retention.Images, video.Done, true, ""},
		{"again", "NormalSnapshot", stored.Outcome, retention.Images, video.Deferred, false, removal.AskedAgain},
		{"throttled", "NormalSnapshot", stored.Outcome, retention.Images, video.Deferred, false, "throttled"},
		{long, "SpriteSnapshot", stored.Outcome, retention.Images, video.Forbidden, false, ""},
		{long, "NormalSnapshot", stored.Outcome, retention.Images, video.Missing, true, stored.GoneBefore}, // again
	} {
		gone[row.id+" "+row.kind] = row.gone
		item := retention.Item{ID: video.ID(row.id), Kind: row.of, Part: row.kind}
		require.NoError(t, ledger.Append(t.Context(), stored.Row{Event: row.event, Item: item, Result: row.result, Detail: row.detail}), i)
	}
	for _, from := range []string{"the ledger", "what was kept"} {
		imaged, damaged, err := remember(t, s)
		require.NoError(t, err)
		require.Empty(t, damaged)
		for what, want := range gone {
			id, kind, _ := strings.Cut(what, " ")
			require.Equal(t, want, imaged.Gone(video.ID(id), kind), "%s, by %s", what, from)
			require.Equal(t, unsure[what], imaged.Unsure(video.ID(id), kind), "%s, by %s", what, from)
		}
	}

	for _, key := range statetest.Keys(t, s.List(t.Context(), "imaged/", "")) { // what was found before knows
		require.NoError(t, state.Remove(t.Context(), s, key))
	}
	statetest.Damage(t, dir, "ledger/00000002.jsonl", func(text []byte) []byte { return text[:len(text)-1] })
	imaged, damaged, err := remember(t, s)
	require.NoError(t, err)
	require.Len(t, damaged, 1)
	require.ErrorIs(t, damaged[0], state.ErrCorrupt)
	require.ErrorContains(t, damaged[0], "ledger/00000002.jsonl")
	require.False(t, imaged.Gone("short", "NormalSnapshot"), "listed once more")
	require.True(t, imaged.Gone(video.ID(long), "NormalSnapshot"))
	require.Empty(t, statetest.Keys(t, s.List(t.Context(), "imaged/", "")), "it may be restored from a copy")
}

// remember reads the past, and keeps what was found.
func remember(t *testing.T, o state.Objects) (stored.Past, []error, error) {
	t.Helper()
	past, damaged, err := stored.LoadPast(t.Context(), o)
	if err == nil {
		err = past.Keep(t.Context(), o)
	}
	return past, damaged, err
}

// readings counts what is read.
type readings struct {
	state.Objects
	n atomic.Int64
}

func (r *readings) Read(ctx context.Context, key string) ([]byte, error) {
	r.n.Add(1)
	return r.Objects.Read(ctx, key)
}

func TestWhatWasFoundOfImagesIsNotReadAgainForEver(t *testing.T) {
	s, dir := statetest.Folder(t)
	ledger, err := stored.OpenLedger(t.Context(), s, "purge", "run")
	require.NoError(t, err)
	removed := 0
	remove := func(n int) {
		for range n {
			kind := []string{"NormalSnapshot", "SpriteSnapshot"}[removed%2]
			item := retention.Item{ID: video.ID(fmt.Sprint("id", removed)), Kind: retention.Images, Part: kind}
			require.NoError(t, ledger.Append(t.Context(), stored.Row{Event: stored.Outcome, Item: item, Result: video.Done}))
			removed++
		}
	}
	look := func() (reads int64, damaged []error) {
		o := &readings{Objects: s}
		imaged, damaged, err := remember(t, o)
		require.NoError(t, err)
		for i := range removed {
			kinds := []string{"NormalSnapshot", "SpriteSnapshot"}
			require.True(t, imaged.Gone(video.ID(fmt.Sprint("id", i)), kinds[i%2]), i)
			require.False(t, imaged.Gone(video.ID(fmt.Sprint("id", i)), kinds[1-i%2]), i)
		}
		return o.n.Load(), damaged
	}
	count := func(want int64) {
		t.Helper()
		n, damaged := look()
		require.Equal(t, want, n)
		require.Empty(t, damaged)
	}
	remove(499)
	count(499)
	count(1)
	remove(3)
	count(4)
	remove(498)
	count(499)
	count(1)
	remove(500)
	count(501)

	expired, err := stored.OldImages(t.Context(), s, statetest.Noon)
	require.NoError(t, err)
	require.Equal(t, []string{"imaged/00000499", "imaged/00000502"}, expired, "the last two stay")

	statetest.Damage(t, dir, "imaged/00001500", func(text []byte) []byte { return text[:len(text)-1] })
	n, damaged := look()
	require.Equal(t, int64(2+500), n, "from the one before on")
	require.Len(t, damaged, 1)
	require.ErrorContains(t, damaged[0], "imaged/00001500")
}

// BenchmarkImaged tells what the images of a million media take in memory.
func BenchmarkImaged(b *testing.B) {
	const n, each = 1_000_000, 1000
	s, err := state.Open(b.Context(), "file:"+b.TempDir(), state.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	ledger, err := stored.OpenLedger(b.Context(), s, "purge", "run")
	require.NoError(b, err)
	rows := make([]stored.Row, each)
	for i := range n {
		rows[i%each] = stored.Row{Event: stored.Outcome, At: statetest.Noon, Run: "run", Result: video.Done,
			Item: retention.Item{ID: video.ID(fmt.Sprintf("%032x", i*7919)), Kind: retention.Images, Part: "NormalSnapshot", Bytes: retention.Unknown}}
		if i%each == each-1 {
			require.NoError(b, ledger.Append(b.Context(), rows...))
		}
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		imaged, _, err := stored.LoadPast(b.Context(), s)
		require.NoError(b, err)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := float64(after.HeapInuse-min(after.HeapInuse, before.HeapInuse)) / (1 << 20)
		b.ReportMetric(kept, "MiB")
		require.Less(b, kept, 32.0)
		require.True(b, imaged.Gone(video.ID(fmt.Sprintf("%032x", 7919)), "NormalSnapshot"))
		require.False(b, imaged.Gone(video.ID(fmt.Sprintf("%032x", 7918)), "NormalSnapshot"))
	}
}

func TestTheLedgerKnowsSinceWhenAnAssetIsInItsClass(t *testing.T) {
	s, _ := statetest.Folder(t)
	ledger, err := stored.OpenLedger(t.Context(), s, "move", "run")
	require.NoError(t, err)
	move := func(id, to string, day int, result video.Result) {
		at := statetest.Noon.AddDate(0, 0, day)
		item := retention.Item{ID: video.ID(id), Kind: retention.Move, Part: retention.AllParts, To: to}
		require.NoError(t, ledger.Append(t.Context(), stored.Row{Event: stored.Outcome, At: at, Tick: at, Item: item, Result: result}))
	}
	move("a", "IA", 0, video.Done)
	move("a", "Archive", 40, video.Done)
	move("b", "IA", 3, video.Done)
	move("b", "Archive", 50, video.Deferred)
	move("b", "Archive", 51, video.Unknown)
	move("c", "Archive", 7, video.Done)
	move("c", "Standard", 9, video.Done)
	move("same hour", "IA", 5, video.Done)
	move("same hour", "Archive", 5, video.Done)
	for _, from := range []string{"the ledger", "what was kept"} {
		past, damaged, err := remember(t, s)
		require.NoError(t, err)
		require.Empty(t, damaged)
		for id, want := range map[string]struct {
			class string
			day   int
		}{"a": {"Archive", 40}, "b": {"IA", 3}, "c": {"Standard", 9}, "same hour": {"Archive", 5}} {
			class, at, ok := past.Moved(video.ID(id))
			require.True(t, ok, from, id)
			require.Equal(t, want.class, class, from, id)
			require.Equal(t, statetest.Noon.AddDate(0, 0, want.day).Truncate(time.Hour).Add(time.Hour), at, "the end of that hour")
		}
		_, _, ok := past.Moved("never")
		require.False(t, ok)
		require.False(t, past.Gone("a", "NormalSnapshot"))
	}
}

func TestWhatWasKeptByDayCountsToItsEnd(t *testing.T) {
	s, _ := statetest.Folder(t)
	id := strings.Repeat("0a", 16)
	ids, err := hex.DecodeString(id)
	require.NoError(t, err)
	day := statetest.Noon.Truncate(24 * time.Hour)
	head := fmt.Sprintf(`{"version":1,"types":[],"moved":[{"type":"%s IA","media":1}],"sum":"%s"}`, day.Format(time.DateOnly), state.Digest(ids))
	require.NoError(t, s.Create(t.Context(), state.ImagePrefix+"00000001", append([]byte(head+"\n"), ids...)))
	ledger, err := stored.OpenLedger(t.Context(), s, "move", "run")
	require.NoError(t, err)
	item := retention.Item{ID: video.ID(id), Kind: retention.Move, Part: retention.AllParts, To: "Standard"}
	require.NoError(t, ledger.Append(t.Context(), stored.Row{Event: stored.Intent, Item: item})) // the segment up to which was kept
	for _, want := range []struct {
		class string
		end   time.Time
	}{{"IA", day.AddDate(0, 0, 1)}, {"Standard", statetest.Noon.Truncate(time.Hour).Add(time.Hour)}} {
		past, damaged, err := stored.LoadPast(t.Context(), s)
		require.NoError(t, err)
		require.Empty(t, damaged)
		class, at, ok := past.Moved(video.ID(id))
		require.True(t, ok)
		require.Equal(t, want.class, class)
		require.Equal(t, want.end, at)
		require.NoError(t, ledger.Append(t.Context(), stored.Row{Event: stored.Outcome, At: statetest.Noon, Tick: statetest.Noon, Item: item, Result: video.Done})) // on the same day it came back
	}
}
