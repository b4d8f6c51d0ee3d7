package functions_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// Eight clients send as fast as they can, with the headers of one signed callback that
// they have seen, or without any and with large bodies. Each of VOD's own callbacks is
// taken within its three tries, and what it announces is tagged.
func TestAFloodCostsNoGenuineCallbackItsTurn(t *testing.T) {
	large := strings.Repeat("a", 4<<20)
	for name, body := range map[string]func(stamp string, n int64) (string, bool){
		"replayed": func(_ string, n int64) (string, bool) {
			return fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":"%032x","Status":"success","EventTime":%q}`, n, time.Now().UTC().Format(time.RFC3339)), true
		},
		"unsigned, 4 MB": func(string, int64) (string, bool) { return large, false },
	} {
		t.Run(name, func(t *testing.T) { flood(t, body) })
	}
}

func flood(t *testing.T, body func(stamp string, n int64) (string, bool)) {
	t.Helper()
	for _, name := range folders(t) { // first: the clock below starts with the cloud
		build(t, "functions/"+name)
	}
	c := cloud(t, localcloud.Options{Faults: "none", Pace: 0.2, Start: time.Now()})
	var assets []fakevod.Asset
	// Everyday it is the answers that count, not the machine's load.
	genuine, warm, patience := 15, int64(50), time.Minute
	if os.Getenv("SOAK") != "" {
		genuine, warm, patience = 100, 1_000, 5*time.Second // as long as VOD waits
	}
	for i := range genuine {
		assets = append(assets, fakevod.Asset{Kind: "video", Title: fmt.Sprint("Promo ", i), Tags: "mine", Status: "Normal", Created: time.Now().Add(-time.Minute),
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 30, Width: 1280, Height: 720}}})
	}
	ids := c.VOD.Seed(assets...)
	env := c.Env()
	post := func(ctx context.Context, stamp, body string, signed bool) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, env["CALLBACK_URL"], strings.NewReader(body))
		if err != nil {
			return 0
		}
		if signed {
			sum := md5.Sum([]byte(env["CALLBACK_URL"] + "|" + stamp + "|" + env["CALLBACK_KEYS"]))
			req.Header.Set("X-VOD-TIMESTAMP", stamp)
			req.Header.Set("X-VOD-SIGNATURE", hex.EncodeToString(sum[:]))
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen := fmt.Sprint(time.Now().Unix())
	var clients sync.WaitGroup
	var number atomic.Int64
	var mu sync.Mutex
	answers, statuses := map[int]int{}, map[int]int{}
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				text, signed := body(seen, number.Add(1))
				status := post(ctx, seen, text, signed)
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	require.Eventually(t, func() bool { return number.Load() > warm }, 4*time.Minute, 10*time.Millisecond, "the flood has begun")
	lost, slowest := 0, time.Duration(0)
	start := time.Now()
	for _, id := range ids {
		time.Sleep(30 * time.Millisecond)
		taken := false
		for try := 0; try < 3 && !taken; try++ { // as VOD does
			if try > 0 {
				time.Sleep(time.Second)
			}
			began := time.Now()
			limited, cancel := context.WithTimeout(t.Context(), patience)
			status := post(limited, fmt.Sprint(time.Now().Unix()), fmt.Sprintf(`{"EventType":"FileUploadComplete","VideoId":%q,"Status":"success","EventTime":%q}`, id, time.Now().UTC().Format(time.RFC3339)), true)
			cancel()
			slowest = max(slowest, time.Since(began))
			statuses[status]++
			taken = status == http.StatusOK
		}
		if !taken {
			lost++
		}
	}
	took := time.Since(start)
	stop()
	clients.Wait()
	tagged := func() (n int) {
		for _, a := range c.VOD.Assets() {
			if strings.Contains(a.Tags, "promo") {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return tagged() == genuine }, 4*time.Minute, 100*time.Millisecond)
	t.Logf("%d of %d genuine callbacks lost, in %s, the slowest %s, answers %v; the flood: %v", lost, genuine, took.Round(time.Millisecond), slowest.Round(time.Millisecond), statuses, answers)
	require.Zero(t, lost)
	require.Equal(t, map[int]int{http.StatusOK: genuine}, statuses, "none needed a second try")
}
