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

// BenchmarkHolds asks the holds of one asset with eight tags, as many hold words as given.
func BenchmarkHolds(b *testing.B) {
	for _, words := range []int{4, 2000} {
		b.Run(fmt.Sprint(words), func(b *testing.B) {
			text := "holds: {tags: [keep, hold, legal-hold, never-delete"
			for i := range words - 4 {
				text += fmt.Sprintf(", case-%c%c-%d", 'a'+i%26, 'a'+i/26%26, i)
			}
			p := policy(b, text+"]}"+oldTemp)
			m := aged("a", 60, 0, 1, "promo", "series:harbour", "landscape", "sd", "summer campaign 2026", "clip_0012", "hold-until:2020-01-01", "会议 2026")
			for b.Loop() {
				require.Empty(b, p.Held(m, retention.Inputs{Now: now}))
			}
		})
	}
}
