package fakevod_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// rss is what the process holds of the machine's memory, where the system says so.
func rss() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	var total, resident int64
	if err != nil {
		return 0, false
	}
	if _, err := fmt.Sscan(string(b), &total, &resident); err != nil {
		return 0, false
	}
	return resident * int64(os.Getpagesize()), true
}

func TestAMillionMediaLoadFastAndSmall(t *testing.T) {
	c := newCloud(t, nil)
	runtime.GC()
	began := time.Now()
	n := 1_000_000 / slack
	require.NoError(t, c.Generate(n, 1))
	took := time.Since(began)
	require.Equal(t, n, c.Len())
	used, ok := rss()
	t.Logf("%d media in %s, %d MB resident (known: %v)", n, took.Round(time.Millisecond), used>>20, ok)
	require.Less(t, took, 10*time.Second)
	require.Less(t, used>>20, int64(1500))
}

// pages searches page after page through the whole HTTP handler, signature and all.
func pages(tb testing.TB, c *cloud, n int, sign func(q url.Values) string, match, fields string) {
	token, page := "", 1
	for range n {
		q := common("SearchMedia")
		q.Set("SearchType", "video")
		q.Set("PageSize", "100")
		q.Set("PageNo", fmt.Sprint(page))
		q.Set("Fields", fields)
		q.Set("Match", match)
		if token != "" {
			q.Set("ScrollToken", token)
		}
		q.Set("Signature", sign(q))
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?"+q.Encode(), nil))
		require.Equal(tb, 200, w.Code)
		i := strings.Index(w.Body.String(), `"ScrollToken":"`)
		token = w.Body.String()[i+15 : i+47]
		page++
		if strings.HasSuffix(w.Body.String(), `"MediaList":[]}`) {
			token, page = "", 1
		}
	}
}

const allFields = "Title,Tags,Status,CreationTime,ModificationTime,Size,Duration,CateId,StorageClass,AppId"

// BenchmarkSearchPage is one page of 100 media of a library of 100,000, by scroll.
func BenchmarkSearchPage(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one core, the garbage collector's work included
	c := newCloud(b, nil)
	require.NoError(b, c.Generate(100_000, 1))
	for name, match := range map[string]string{"all": "", "filtered": "Status in ('Normal') and CreationTime = ('2020-01-01T00:00:00Z','2030-01-01T00:00:00Z')"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			pages(b, c, b.N, func(q url.Values) string { return sign("GET", q, "testSecret") }, match, allFields)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
	}
}

// BenchmarkSignatureCheck is the gateway alone: a call whose operation does next to nothing.
func BenchmarkSignatureCheck(b *testing.B) {
	c := newCloud(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		q := common("GetVideoInfo")
		q.Set("VideoId", "none")
		q.Set("Signature", sign("GET", q, "testSecret"))
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?"+q.Encode(), nil))
		if w.Code != 404 {
			b.Fatal(w.Body.String())
		}
	}
}

func TestGeneratedMediaAreLikeOthers(t *testing.T) {
	c := newCloud(t, nil)
	require.NoError(t, c.Generate(500, 3))
	kinds := map[string]int{}
	for _, a := range c.Assets() {
		kinds[a.Kind]++
		again, ok := c.Lookup(a.ID)
		require.True(t, ok)
		require.Equal(t, a, again, "the same parts every time")
		if a.Kind == "video" && a.Status == "Normal" {
			require.NotEmpty(t, a.Streams)
			require.Positive(t, a.Source.Height)
		}
	}
	require.Greater(t, kinds["video"], 350)
	require.Positive(t, kinds["image"])
	require.Positive(t, kinds["audio"])

	var one fakevod.Asset
	for _, a := range c.Assets() {
		if a.Kind == "video" && a.Status == "Normal" {
			one = a
		}
	}
	q := common("DeleteStream")
	q.Set("VideoId", one.ID)
	q.Set("JobIds", one.Streams[0].JobID)
	q.Set("Signature", sign("GET", q, "testSecret"))
	status, _ := c.do(t, "GET", q, nil)
	require.Equal(t, 200, status)
	left, _ := c.Lookup(one.ID)
	require.Len(t, left.Streams, len(one.Streams)-1)
	require.Equal(t, one.Source, left.Source)
	_, err := json.Marshal(left)
	require.NoError(t, err)
}
