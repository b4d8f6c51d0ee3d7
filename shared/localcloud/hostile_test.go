package localcloud_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// FuzzFront sends what it likes to the local cloud's own face: an answer in JSON comes
// back, and the cloud goes on.
func FuzzFront(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "status", ""}, {"GET", "calls?service=vod&since=x", ""}, {"POST", "clock", `{"advance":"-9999999h"}`}, {"POST", "clock", `{"advance":"90d"}`},
		{"PUT", "faults", "vod.DeleteVideo: 50% 503\nmns: delay 1s"}, {"PUT", "faults", "\x00"}, {"POST", "snapshots/..%2f..", ""}, {"POST", "restore/none", ""},
		{"POST", "upload/a%20b%25.mp4?Title=x", "no film"}, {"POST", "views", `[{"ID":"v","VV":-1}]`}, {"POST", "findings/v", "{"}, {"GET", "logs/../x", ""},
		{"POST", "functions/none/kill", ""}, {"POST", "queues/none", "x"}, {"POST", "topics/%ff", "x"}, {"GET", "invocations/%00", ""}, {"BREW", "openapi.json", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	c := localcloud.RunT(f, localcloud.Options{Faults: "none", Callback: "none"})
	base, played := c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/", 0
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if played++; played%500 == 0 { // snapshots by any name are held as long as the cloud
			require.NoError(t, c.Reset())
		}
		r, err := http.NewRequestWithContext(t.Context(), method, base+target, strings.NewReader(body))
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return // net/http does not send it
		}
		defer resp.Body.Close() //nolint:errcheck // read below
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.GreaterOrEqual(t, resp.StatusCode, 200)
		ready, err := http.Get(base + "ready")
		require.NoError(t, err)
		require.NoError(t, ready.Body.Close())
		require.Equal(t, 200, ready.StatusCode)
	})
}

// hostile are requests to any face, as bytes: none is signed, some are no HTTP.
var hostile = []string{
	"GET /?Action=%s&Version=2017-03-21&Format=JSON HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST /?Action=GetVideoInfo&AccessKeyId=%s&Signature=x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\nAction=%s",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n%s",
	"PUT /bucket/%s HTTP/1.1\r\nHost: x\r\nAuthorization: OSS x:y\r\nContent-Length: 3\r\n\r\nabc",
	"GET /bucket/k?%s HTTP/1.1\r\nHost: x\r\nAuthorization: OSS4-HMAC-SHA256 Credential=a/b/c/d/e\r\n\r\n",
	"GET /queues/%s/messages?waitseconds=30 HTTP/1.1\r\nHost: x\r\nAuthorization: MNS a:b\r\n\r\n",
	"PUT /queues/q HTTP/1.1\r\nHost: x\r\nx-mns-version: %s\r\nContent-Length: 8\r\n\r\n<Queue/>",
	"POST /2023-03-30/functions/%s/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
	"GET /http/%s/web HTTP/1.1\r\nHost: x\r\nX-Fc-Log-Type: Tail\r\n\r\n",
	"BREW /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	"GET /_local/invocations/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	"\x16\x03\x01\x02%s", "\x00\xff%s\r\n\r\n", "GET %s", "GET / HTTP/9.9\r\n%s\r\n\r\n",
}

// TestHostileRequestsLeaveNothing plays requests that nobody signed at every face, many of
// them cut off, and looks at what is left: no goroutine, and no more memory after many
// than after some.
func TestHostileRequestsLeaveNothing(t *testing.T) {
	rounds := 2000
	if os.Getenv("SOAK") != "" {
		rounds = 200_000
	}
	c := localcloud.RunT(t, localcloud.Options{Faults: "none", Callback: "none"})
	faces := []string{}
	for _, name := range []string{"VOD_ENDPOINT", "MNS_ENDPOINT", "OSS_ENDPOINT", "FUNCTIONS_ENDPOINT"} {
		faces = append(faces, strings.TrimPrefix(c.Env()[name], "http://"))
	}
	const seed = 7
	chance := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same ones every time
	play := func(n int) {
		for range n {
			text := hostile[chance.IntN(len(hostile))]
			junk := make([]byte, chance.IntN(1<<uint(3+chance.IntN(12))))
			for i := range junk {
				junk[i] = "abcXYZ019%/?&=<>;\x00\xff"[chance.IntN(19)]
			}
			text = fmt.Sprintf(text, junk)
			if chance.IntN(4) == 0 {
				text = text[:chance.IntN(len(text)+1)]
			}
			conn, err := net.Dial("tcp", faces[chance.IntN(len(faces))])
			require.NoError(t, err)
			_, _ = io.WriteString(conn, text) // it may be cut before its end
			if chance.IntN(3) > 0 {           // else gone without a look at the answer
				_ = conn.(*net.TCPConn).CloseWrite()
				if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
					require.True(t, answer.StatusCode < 500 || answer.StatusCode == 501 || answer.StatusCode == 505, "%d to %q", answer.StatusCode, text) // not emulated, or another HTTP
					_ = answer.Body.Close()
				}
			}
			require.NoError(t, conn.Close())
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := runtime.NumGoroutine()
	play(rounds / 2)
	half := heap()
	play(rounds / 2)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+4 }, time.Minute, 10*time.Millisecond, "goroutines")
	whole := heap()
	t.Logf("%d requests, seed %d: heap %d kB after half, %d kB after all", rounds, seed, half>>10, whole>>10)
	require.Less(t, whole, half+half/2+(8<<20))
}
