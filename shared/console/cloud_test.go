package console

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

func TestLocalCloudInABrowser(t *testing.T) {
	c := cloud(t, localcloud.Options{})
	b := open(t, of(t, c))
	b.visit("/cloud")

	file, err := filepath.Abs("../../testdata/media/landscape.mp4")
	require.NoError(t, err)
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.post("form[action='/cloud/upload'] button", map[string]string{"#title": hostileBody[:60] + " promo"})
	require.Contains(t, b.text(".note"), "landscape.mp4 is in the library as ")
	words := strings.Fields(b.text(".note"))
	id := words[len(words)-1]
	require.Eventually(t, func() bool {
		a, _ := c.VOD.Lookup(id)
		return strings.Contains(a.Tags, "promo")
	}, time.Minute, 100*time.Millisecond)
	b.shows("[data-live]", "metadata")
	b.looksRight("/cloud")
	b.scheme(1024, false)
	b.visit("/cloud?function=metadata")
	b.shot("cloud")
	at := js[string](b, `document.querySelector(".cloud-runs a").getAttribute("href")`)
	b.visit(at)
	require.Contains(t, b.text("pre"), `"level"`)
	require.NotEqual(t, "run", js[string](b, "document.title"))
	b.shot("invocation")
	b.looksRight(at)
	b.scheme(1024, false)

	b.visit("/cloud")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{filepath.Join(filepath.Dir(file), "README.md")}))
	b.post("form[action='/cloud/upload'] button", nil)
	require.Equal(t, "note fault", js[string](b, `document.querySelector("main > .note").className`), "what is no media is refused")

	before := c.Now()
	b.post("button[value='1d']", nil)
	require.Contains(t, b.text(".note"), "the clock moved by 1 d")
	require.WithinDuration(t, before.Add(24*time.Hour), c.Now(), 3*time.Minute)

	b.post(".cloud-offers button", nil)
	require.Contains(t, b.text(".note"), "1 fault in force")
	require.Len(t, c.Faults(), 1)
	b.shows("[data-live]", "vod * throttle p=0.1")
	b.post("form[action='/cloud/faults'] button.main", map[string]string{"#rules": "vod * nonsense"})
	require.Contains(t, b.text(".note"), "nonsense")
	require.Len(t, c.Faults(), 1, "a rule that is wrong changes nothing")
	b.post("button[name='off']", nil)
	require.Empty(t, c.Faults())
	b.visit("/cloud/invocations/none")
	require.Contains(t, b.text("h1"), "Not Found")
}

func TestHowFarTheClockMoves(t *testing.T) {
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "90m": 90 * time.Minute, "36500d": mostForward} {
		d, err := forward(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "d", "0d", "-1d", "36501d", "999999999999d", "9999999999999999999999d", "1e3d", "-5m", "0s", "1", "h", "1w"} {
		_, err := forward(text)
		require.Error(t, err, text)
	}
}
