package boot_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot"
)

const here = "http://127.0.0.1:1"

func clockOf(t *testing.T, set ...string) (time.Time, error) {
	t.Helper()
	config, err := boot.Read(env(set...))
	require.NoError(t, err)
	app, err := boot.New(config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return app.Clock(t.Context())
}

func TestTheLocalCloudsClockCountsOnlyWhereEverythingIsLocal(t *testing.T) {
	moved := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	asked := 0
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"now":"2031-05-06T07:08:09Z"}`))
	}))
	defer cloud.Close()
	local := []string{
		"VOD_ENDPOINT", here, "MNS_ENDPOINT", "http://[::1]:2", "OSS_ENDPOINT", "http://localhost:3", "FUNCTIONS_ENDPOINT", "http://127.8.0.1:4",
		"LOCAL_CLOCK_URL", cloud.URL,
	}
	now, err := clockOf(t, local...)
	require.NoError(t, err)
	require.Equal(t, moved, now)
	require.Equal(t, 1, asked)

	for i := 1; i < len(local)-2; i += 2 {
		for _, real := range []string{"", "https://vod.cn-shanghai.aliyuncs.com", "http://10.0.0.1:80", "http://127.0.0.1.example.com", "http://localhost.example.com"} {
			other := append([]string{}, local...)
			other[i] = real
			now, err := clockOf(t, other...)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), now, time.Minute, "%s=%s: this machine's clock counts", local[i-1], real)
		}
	}
	now, err = clockOf(t, append(local[:len(local)-1:len(local)-1], "http://clock.example.com")...)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, time.Minute, "a clock that is not of this machine")
	require.Equal(t, 1, asked)
}

func TestALocalClockThatDoesNotAnswerIsAnError(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "no time": "{}", "a page": "<html>"} {
		t.Run(name, func(t *testing.T) {
			cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
			defer cloud.Close()
			_, err := clockOf(t, "VOD_ENDPOINT", here, "MNS_ENDPOINT", here, "OSS_ENDPOINT", here, "FUNCTIONS_ENDPOINT", here, "LOCAL_CLOCK_URL", cloud.URL)
			require.ErrorContains(t, err, "LOCAL_CLOCK_URL")
		})
	}
	_, err := clockOf(t, "VOD_ENDPOINT", here, "MNS_ENDPOINT", here, "OSS_ENDPOINT", here, "FUNCTIONS_ENDPOINT", here, "LOCAL_CLOCK_URL", here)
	require.ErrorContains(t, err, "LOCAL_CLOCK_URL")
}
