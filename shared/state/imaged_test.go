package state_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func TestTheLedgerKnowsWhichImagesAreGone(t *testing.T) {
	s, dir := folder(t)
	none, err := state.Imaged(t.Context(), s)
	require.NoError(t, err)
	require.False(t, none("a", "NormalSnapshot"))

	ledger, err := state.OpenLedger(t.Context(), s, "purge", "run")
	require.NoError(t, err)
	hex := strings.Repeat("0a", 16)
	gone := map[string]bool{}
	for i, row := range []struct {
		id, kind, event string
		of              retention.Kind
		result          video.Result
		gone            bool
		detail          string
	}{
		{hex, "NormalSnapshot", state.Outcome, retention.Images, video.Done, true, ""},
		{"short", "NormalSnapshot", state.Outcome, retention.Images, video.Missing, true, state.GoneBefore},
		{"read", "NormalSnapshot", state.Outcome, retention.Images, video.Missing, false, "gone before this run came to it"},
		{strings.ToUpper(hex), "NormalSnapshot", state.Outcome, retention.Images, video.Failed, false, ""},
		{strings.Repeat("0b", 16), "NormalSnapshot", state.Outcome, retention.Images, video.Kept, false, ""},
		{strings.Repeat("0c", 16), "NormalSnapshot", state.Outcome, retention.Images, video.Unknown, false, ""},
		{strings.Repeat("0d", 16), "NormalSnapshot", state.Intent, retention.Images, "", false, ""},
		{strings.Repeat("0e", 16), "NormalSnapshot", state.Outcome, retention.Stream, video.Done, false, ""},
		{strings.Repeat("0f", 16), "SpriteSnapshot", state.Outcome, retention.Images, video.Done, true, ""},
		{strings.Repeat("zz", 16), "SpriteSnapshot", state.Outcome, retention.Images, video.Done, true, ""},
		{hex, "SpriteSnapshot", state.Outcome, retention.Images, video.Forbidden, false, ""},
		{hex, "NormalSnapshot", state.Outcome, retention.Images, video.Missing, true, state.GoneBefore}, // again
	} {
		gone[row.id+" "+row.kind] = row.gone
		item := retention.Item{ID: video.ID(row.id), Kind: row.of, Part: row.kind}
		require.NoError(t, ledger.Append(t.Context(), state.Row{Event: row.event, Item: item, Result: row.result, Detail: row.detail}), i)
	}
	imaged, err := state.Imaged(t.Context(), s)
	require.NoError(t, err)
	for what, want := range gone {
		id, kind, _ := strings.Cut(what, " ")
		require.Equal(t, want, imaged(video.ID(id), kind), what)
	}

	damage(t, dir, "ledger/00000001.jsonl", func(text []byte) []byte { return text[:len(text)-1] })
	_, err = state.Imaged(t.Context(), s)
	require.ErrorIs(t, err, state.ErrAltered)
}

// BenchmarkImaged tells what the images of a million media take in memory.
func BenchmarkImaged(b *testing.B) {
	const n, each = 1_000_000, 1000
	s, err := state.Open(b.Context(), "file:"+b.TempDir(), state.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	ledger, err := state.OpenLedger(b.Context(), s, "purge", "run")
	require.NoError(b, err)
	rows := make([]state.Row, each)
	for i := range n {
		rows[i%each] = state.Row{Event: state.Outcome, At: noon, Run: "run", Result: video.Done,
			Item: retention.Item{ID: video.ID(fmt.Sprintf("%032x", i*7919)), Kind: retention.Images, Part: "NormalSnapshot", Bytes: retention.Unknown}}
		if i%each == each-1 {
			require.NoError(b, ledger.Append(b.Context(), rows...))
		}
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		imaged, err := state.Imaged(b.Context(), s)
		require.NoError(b, err)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := float64(after.HeapInuse-min(after.HeapInuse, before.HeapInuse)) / (1 << 20)
		b.ReportMetric(kept, "MiB")
		require.Less(b, kept, 32.0)
		require.True(b, imaged(video.ID(fmt.Sprintf("%032x", 7919)), "NormalSnapshot"))
		require.False(b, imaged(video.ID(fmt.Sprintf("%032x", 7918)), "NormalSnapshot"))
	}
}
