package console

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/insight"
)

// BenchmarkPageOfAMillion is a page of a filtered library, gathered and rendered, beside the
// question that the index answers for it: a page costs little more, however large the library.
func BenchmarkPageOfAMillion(b *testing.B) {
	const n = 1_000_000
	name := filepath.Join(b.TempDir(), "library.jsonl")
	f, err := os.Create(name)
	require.NoError(b, err)
	out := bufio.NewWriterSize(f, 1<<20)
	tags := []string{"", `"news"`, `"sport","2024"`, `"archive","keep"`, `"lesson","year-1"`}
	for i := range n {
		_, err := fmt.Fprintf(out, `{"id":"%032x","kind":"video","title":"Harbour clip %d","tags":[%s],"category":%d,"categoryName":"series","status":"Normal","size":%d,"duration":%d000000000,"created":"%s",`+
			`"storageClass":"Standard","app":"app-1000000","source":{"status":"Normal","width":1280,"height":720,"videoCodec":"h264"},"streams":[{"job":"a","definition":"LD","format":"mp4","size":8},{"job":"b","definition":"HD","format":"m3u8","size":9}]}`+"\n",
			i, i, tags[i%len(tags)], 1+i%300, 1000+i, 10+i%5000, time.Date(2020, 1, 1, 0, i, 0, 0, time.UTC).Format(time.RFC3339))
		require.NoError(b, err)
	}
	_, err = fmt.Fprintln(out, `{"categories":[]}`)
	require.NoError(b, err)
	require.NoError(b, out.Flush())
	_, err = f.Seek(0, 0)
	require.NoError(b, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x, err := buildIndex(b.Context(), &insight.Source{File: f, Name: name, At: indexed}, insight.Options{})
	require.NoError(b, err)
	require.NoError(b, f.Close())
	runtime.GC()
	runtime.ReadMemStats(&after)
	s, err := New(Options{Library: name})
	require.NoError(b, err)
	s.shelf.now = x
	q := question{text: "clip 9", filters: []filter{{byTag, wordOf("news")}, {byDefinition, wordOf("HD")}}}
	p := s.pages()["library"]
	var asking, paging time.Duration
	for b.Loop() {
		at := time.Now()
		_ = x.ask(q)
		asking += time.Since(at)
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, q.path(), nil)
		w := httptest.NewRecorder()
		at = time.Now()
		s.show(w, r, "library", p)
		paging += time.Since(at)
		require.Equal(b, http.StatusOK, w.Code)
	}
	b.ReportMetric(float64(paging.Microseconds())/1000/float64(b.N), "ms/page")
	b.ReportMetric(float64(asking.Microseconds())/1000/float64(b.N), "ms/query")
	b.ReportMetric(float64(paging)/float64(asking), "page/query")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/asset")
	runtime.KeepAlive(x)
}
