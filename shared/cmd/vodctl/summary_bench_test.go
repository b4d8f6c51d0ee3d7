package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodcurator/shared/insight"

	"github.com/stretchr/testify/require"
)

// million writes a snapshot of so many assets line by line, so that the memory of what
// writes it says nothing.
func million(tb testing.TB, n int) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "library.jsonl")
	f, err := os.Create(name)
	require.NoError(tb, err)
	out := bufio.NewWriterSize(f, 1<<20)
	tags := []string{"", `"news"`, `"sport","2024"`, `"archive","keep"`, `"lesson","year-1"`}
	for i := range n {
		length := strconv.Itoa(10+i%5000) + "000000000"
		created := time.Date(2020, 1, 1, 0, 0, i*60, 0, time.UTC).Format(time.RFC3339)
		_, err = fmt.Fprintf(out, `{"id":"%032x","kind":"video","title":"Clip %d","tags":[%s],"category":%d,"categoryName":"series %d","status":"Normal","size":%d,"duration":%s,"created":"%s",`+
			`"modified":"2026-01-01T00:00:00Z","storageClass":"Standard","app":"app-1000000","region":"cn-shanghai","origin":"general",`+
			`"source":{"status":"Normal","fileName":"%d.mp4","size":%d,"duration":%s,"width":1280,"height":720,"fps":25,"bitrate":1325.12,"videoCodec":"h264","audioCodec":"aac"},"streams":[`+
			`{"job":"%032x","definition":"LD","format":"mp4","codec":"h264","kind":"video","status":"Normal","size":81650000,"width":426,"height":240,"fps":25,"bitrate":400,"duration":%s},`+
			`{"job":"%032x","definition":"HD","format":"mp4","codec":"h264","kind":"video","status":"Normal","size":183712500,"width":1280,"height":720,"fps":25,"bitrate":900,"duration":%s}]}`+"\n",
			i, i, tags[i%len(tags)], i%300, i%300, 1000+i, length, created, i, 1000+i, length, i, length, i+1, length)
		require.NoError(tb, err)
	}
	_, err = fmt.Fprintf(out, `{"categories":[],"end":{"assets":%d,"images":0}}`+"\n", n)
	require.NoError(tb, err)
	require.NoError(tb, out.Flush())
	require.NoError(tb, f.Close())
	return name
}

// readOnce decodes every line of a snapshot and keeps none.
func readOnce(tb testing.TB, name string) (lines int) {
	tb.Helper()
	f, err := os.Open(name)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, f.Close()) }()
	size := int64(0)
	for _, err := range insight.Lines(f, &size) {
		require.NoError(tb, err)
		lines++
	}
	return lines
}

// resetPeak makes the kernel count the process's peak memory anew; false: it cannot.
func resetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) == nil }

// peak is the most memory that the process has had, in bytes.
func peak(tb testing.TB) int64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(tb, err)
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(tb, err)
	return kb * 1024
}

// BenchmarkSummaryOfAMillion measures a summary of 1,000,000 assets against reading and
// decoding the same file once, in one run, and the most memory that the process has. The
// promise is a ratio of at most 3 and 200 MB.
func BenchmarkSummaryOfAMillion(b *testing.B) {
	const assets = 1_000_000
	name := million(b, assets)
	var reading, summing time.Duration
	memory := resetPeak()
	for b.Loop() {
		start := time.Now()
		require.Equal(b, assets+1, readOnce(b, name))
		reading += time.Since(start)
		start = time.Now()
		code := run(context.Background(), []string{"library", "summary", "--library", name}, tool{out: io.Discard, err: io.Discard, load: loadFrom(nil)})
		require.Zero(b, code)
		summing += time.Since(start)
	}
	ratio := float64(summing) / float64(reading)
	b.ReportMetric(ratio, "summary/reading")
	b.ReportMetric(0, "ns/op")
	require.LessOrEqual(b, ratio, 3.0)
	if memory {
		mb := float64(peak(b)) / 1e6
		b.ReportMetric(mb, "MB-peak")
		require.Less(b, mb, 200.0)
	}
}
