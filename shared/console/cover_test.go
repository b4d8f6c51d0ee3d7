package console

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCoversComeFromPublicServersAlone(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:80", "127.9.9.9:443", "0.0.0.0:80", "10.0.0.1:80", "172.16.0.1:443", "192.168.1.1:80", "169.254.169.254:80", "100.100.100.200:80",
		"[::1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:100.100.100.200]:80", "[fd00::1]:80", "[fe80::1%eth0]:80", "[64:ff9b::7f00:1]:80", "[2002:7f00:1::]:80", "[::7f00:1]:80",
		"224.0.0.1:80", "255.255.255.255:80", "198.18.0.1:80", "8.8.8.8:22", "8.8.8.8:8080", "nonsense", "",
	} {
		require.Error(t, outside(address), address)
	}
	for _, address := range []string{"8.8.8.8:443", "47.246.1.1:80", "[2400:3200::1]:443"} {
		require.NoError(t, outside(address), address)
	}
}

func TestACoverIsASmallPictureAndNothingElse(t *testing.T) {
	jpeg, err := os.ReadFile("../../testdata/media/cover.jpg")
	require.NoError(t, err)
	asked := 0
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; _, _ = w.Write(jpeg) }))
	t.Cleanup(secret.Close)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cover.jpg":
			require.Empty(t, r.Header.Get("Cookie")+r.Header.Get("Referer"))
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(jpeg)
		case "/page.jpg":
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write([]byte("<html><script>alert(1)</script>"))
		case "/picture.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
			_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))
		case "/large.jpg":
			_, _ = w.Write(append(bytes.Clone(jpeg), make([]byte, coverBytes)...))
		case "/away.jpg":
			http.Redirect(w, r, secret.URL+"/admin?token=hush", http.StatusFound)
		case "/round.jpg":
			http.Redirect(w, r, "/round.jpg", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(store.Close)
	own := newCovers(strings.TrimPrefix(store.URL, "http://"))
	kind, body, err := own.picture(t.Context(), store.URL+"/cover.jpg?Signature=hush")
	require.NoError(t, err)
	require.Equal(t, "image/jpeg", kind)
	require.Equal(t, jpeg, body)
	for _, address := range []string{
		store.URL + "/page.jpg", store.URL + "/picture.svg", store.URL + "/large.jpg", store.URL + "/away.jpg?Signature=hush", store.URL + "/round.jpg", store.URL + "/none.jpg",
		secret.URL, "file:///etc/passwd", "gopher://127.0.0.1/", "", "http://", "//127.0.0.1/x", "http://user:hush@8.8.8.8/", "http://[::1", "https://example.invalid/x",
	} {
		_, body, err := own.picture(t.Context(), address)
		require.ErrorIs(t, err, errNoCover, address)
		require.NotContains(t, err.Error(), "hush")
		require.Empty(t, body)
	}
	_, _, err = newCovers().picture(t.Context(), store.URL+"/cover.jpg")
	require.ErrorIs(t, err, errNoCover, "of an account, nothing on this machine is asked")
	_, _, err = newCovers().picture(t.Context(), secret.URL)
	require.ErrorIs(t, err, errNoCover)
	require.Zero(t, asked, "the server that nobody may reach was asked")
}
