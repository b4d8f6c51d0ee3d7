package retention_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// BenchmarkUsage reads the views of a million media and tells what they take.
func BenchmarkUsage(b *testing.B) {
	const n = 1_000_000
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, "%032x,2026-01-%02d\n", i*7919, i%28+1)
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		viewed, err := retention.ParseUsage(body.Bytes())
		require.NoError(b, err)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := float64(after.HeapInuse-min(after.HeapInuse, before.HeapInuse)) / (1 << 20)
		b.ReportMetric(kept, "MiB")
		require.Less(b, kept, 32.0)
		_, known := viewed(video.ID(fmt.Sprintf("%032x", 7919)))
		require.True(b, known)
	}
}
