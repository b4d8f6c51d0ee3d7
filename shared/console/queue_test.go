package console

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// hostileBody is a text that somebody might bring in anywhere.
const hostileBody = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">\u202ebidi\x1b[2J\x00\n"

// post fills fields of the form that a button is of, clicks, and waits for the next page.
func (b *tab) post(button string, fields map[string]string) {
	b.t.Helper()
	for field, value := range fields {
		require.True(b.t, js[bool](b, fmt.Sprintf("(() => { const f = document.querySelector(%q); if (f) f.value = %q; return !!f })()", field, value)), field)
	}
	_ = js[bool](b, "window.old = true")
	b.do(chromedp.Click(chromedp.CSS(button)))
	for range 150 {
		time.Sleep(100 * time.Millisecond)
		if v, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!window.old && document.readyState == 'complete'")); err == nil && v {
			return
		}
	}
	require.Fail(b.t, "no page came", "%s: %s", button, b.text("main"))
}

func bury(t *testing.T, c *localcloud.Cloud, queue string, l events.DeadLetter) (id string) {
	t.Helper()
	body, err := events.EncodeDeadLetter(l)
	require.NoError(t, err)
	id, err = c.MNS.Enqueue(queue, base64.StdEncoding.EncodeToString(body))
	require.NoError(t, err)
	return id
}

func TestQueuesInABrowser(t *testing.T) {
	c := cloud(t, localcloud.Options{})
	media, err := os.ReadFile("../../testdata/media/landscape.mp4")
	require.NoError(t, err)
	asset, err := c.VOD.Upload(fakevod.Upload{FileName: "a.mp4", Title: "Harbour"}, media)
	require.NoError(t, err)
	s := of(t, c)
	dead := s.App.DeadLetterQueue
	b := open(t, s)
	b.visit("/queues")
	require.Contains(t, b.text("main"), "There is no dead letter.")

	seen := time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)
	wrong := bury(t, c, dead, events.DeadLetter{Reason: "title is too long", Attempts: 4, FirstSeen: seen,
		Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":%q,"set":{"title":%q}}]}`, asset, strings.Repeat("x", 10000))})
	bad := bury(t, c, dead, events.DeadLetter{Reason: hostileBody + strings.Repeat("y", 10000), Body: []byte(hostileBody + strings.Repeat("z", 10000))})
	bury(t, c, dead, events.DeadLetter{Reason: "given up", Attempts: 9, FirstSeen: seen,
		Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":%q,"set":{"description":"second"}}]}`, asset)})

	b.visit("/queues?again=1")
	require.Equal(t, int64(3), js[int64](b, `document.querySelectorAll(".cq-letters tbody tr").length`))
	b.shot("queues")
	b.looksRight("/queues")
	b.visit("/queues/letters/" + bad)
	require.NotEqual(t, "run", js[string](b, "document.title"))
	require.Contains(t, b.text("main"), `\u202e`)
	b.looksRight("/queues/letters/" + bad)

	b.scheme(1024, false)
	b.visit("/queues/letters/" + wrong)
	b.shot("letter")
	require.Contains(t, b.text("main"), "As it is, it would die again")
	b.post(".cq-edit button", nil)
	require.Contains(t, b.text(".note"), "nothing was changed", b.text("main"))
	b.post(".cq-edit button", map[string]string{"#body": fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"Mended"}}]}`, asset)})
	require.Contains(t, b.text(".note"), "edited")
	require.Equal(t, int64(3), js[int64](b, `document.querySelectorAll(".cq-letters tbody tr").length`), "none is lost")

	b.post(".cq-acts button", map[string]string{"#count": "7"})
	require.Contains(t, b.text(".note"), "nothing was sent: 3 dead letters there, and 7 was typed")
	b.post(".cq-acts button", map[string]string{"#count": "3"})
	require.Contains(t, b.text(".note"), "2 dead letters sent back")
	require.Contains(t, b.text(".note"), bad+" left", "what would be refused again is left")
	require.Eventually(t, func() bool {
		a, _ := c.VOD.Lookup(asset)
		return a.Title == "Mended" && a.Description == "second"
	}, time.Minute, 100*time.Millisecond)

	b.visit("/queues/letters/" + bad)
	b.post("button.danger", map[string]string{"#why": "spam", "#confirm": "drp"})
	require.Contains(t, b.text(".note"), "nothing was dropped")
	b.post("button.danger", map[string]string{"#why": "spam", "#confirm": "drop"})
	require.Contains(t, b.text(".note"), "kept under STATE")
	require.Contains(t, b.text("main"), "There is no dead letter.")
	b.visit("/queues/letters/" + bad)
	require.Contains(t, b.text("h1"), "Not Found")
}
