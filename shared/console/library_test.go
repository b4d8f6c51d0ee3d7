package console

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// vodctl is what vodctl answers as JSON, in the environment of a cloud.
func vodctl(t *testing.T, c *localcloud.Cloud, into any, args ...string) {
	t.Helper()
	program, err := programs.Build(t.Context(), "../..", "shared/cmd/vodctl")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, append(args, "-o", "json")...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	for k, v := range c.Env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.Output()
	require.NoError(t, err, args)
	require.NoError(t, json.Unmarshal(out, into), string(out))
}

// uploadTo uploads a file of testdata to a cloud.
func uploadTo(t *testing.T, c *localcloud.Cloud, file, query string) (id string) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/media/" + file)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/upload/"+file+"?"+query, bytes.NewReader(text))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err = io.ReadAll(answer.Body)
	require.NoError(t, err)
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal(text, &made), string(text))
	require.NotEmpty(t, made.ID, string(text))
	return made.ID
}

const hostile = "title=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%E2%80%AEcba"

func TestTheLibraryInABrowser(t *testing.T) {
	c := cloud(t, localcloud.Options{})
	b := open(t, of(t, c))
	b.visit("/library")
	b.shows("main", "The library is empty")
	b.looksRight("/library")

	id := uploadTo(t, c, "landscape.mp4", "title=Harbour%20promo&tags=boat")
	uploadTo(t, c, "portrait.mp4", hostile)
	uploadTo(t, c, "cover.jpg", "title=A%20picture")
	require.Eventually(t, func() bool {
		var hits []struct{ Tags []string }
		vodctl(t, c, &hits, "library", "find", `"promo" in tags and status == "Normal"`)
		return len(hits) == 1
	}, time.Minute, 200*time.Millisecond)

	t.Run("a filter and its count are those of vodctl", func(t *testing.T) {
		var hits []struct {
			ID    string
			Bytes int64
		}
		vodctl(t, c, &hits, "library", "find", `kind == "video"`)
		b.visit("/library?kind=video")
		b.shows(".library-total", "2 of 3 assets")
		require.Len(t, hits, 2)
		require.Equal(t, "2", js[string](b, `document.querySelector('#facet-kind a[aria-current] .n').innerText`))
		b.visit("/library?kind=video&q=HARBOUR")
		b.shows(".library-total", "1 of 3 assets")
		require.Contains(t, b.text("code.command"), `vodctl library find 'kind == "video" and (mentions(title, "HARBOUR")`)
	})
	t.Run("an asset shows its tag and who gave it", func(t *testing.T) {
		b.visit("/library/" + id)
		b.shows("main", "Harbour promo")
		b.shows("main", "boat")
		b.shows("main", "promo")
		require.Contains(t, b.text(".life"), "uploaded")
		b.scheme(1280, false)
		b.visit("/library/" + id)
		b.shot("asset")
		b.looksRight("/library/" + id)
	})
	t.Run("an id that nobody knows", func(t *testing.T) {
		b.visit("/library/nobody")
		b.shows("main", "nothing is known of")
		b.shows("main", "search for the title")
	})
	t.Run("the library looks right", func(t *testing.T) {
		b.scheme(1280, false)
		b.visit("/library")
		require.NotContains(t, b.text("main"), "\u202e")
		require.Contains(t, b.text("main"), `<img src=x onerror=alert(1)>\u202ecba`)
		b.shot("library")
		b.mu.Lock()
		b.said = nil // the page that was not found says so
		b.mu.Unlock()
		b.looksRight("/library")
	})
	require.False(t, strings.Contains(b.text("main"), "Signature="))
}
