package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// clockTimeout bounds the question for the local cloud's time.
const clockTimeout = 2 * time.Second

// Clock is the time by which a function decides: this machine's. Only on the local
// cloud, whose library has a clock that tests and stories move, it is that one,
// asked once for each invocation. LOCAL_CLOCK_URL names it, and is ignored unless
// it and the endpoints of VOD, MNS, OSS and the functions are all given and all of
// this machine: with one real service, no variable can make media older than they
// are.
func (a *App) Clock(ctx context.Context) (time.Time, error) {
	if a.localClock == "" {
		return time.Now(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.localClock, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("the local cloud's clock: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("the local cloud's clock at LOCAL_CLOCK_URL: %w", err)
	}
	defer resp.Body.Close()
	var answer struct{ Now time.Time }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<10)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK || answer.Now.IsZero() {
		return time.Time{}, fmt.Errorf("the local cloud's clock at LOCAL_CLOCK_URL: HTTP %d without a time", resp.StatusCode)
	}
	return answer.Now, nil
}

// onThisMachine says that all of the URLs are given and of the loopback interface,
// by address or as localhost.
func onThisMachine(urls ...string) bool {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return false
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
