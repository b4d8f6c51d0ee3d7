package console

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

var programs localcloud.Programs

func TestMain(m *testing.M) {
	code := m.Run()
	browser.stop()
	_ = programs.Close()
	os.Exit(code)
}

// chromium is one real browser for all tests.
type chromium struct {
	once sync.Once
	ctx  context.Context
	end  []context.CancelFunc
	err  error
}

var browser chromium

func (c *chromium) start() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		c.err = err
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	c.end = append(c.end, cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("lang", "en-GB"), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"))
	c.end = append(c.end, cancel)
	c.ctx, cancel = chromedp.NewContext(ctx)
	c.end = append(c.end, cancel)
	c.err = chromedp.Do(c.ctx, chromedp.Navigate("about:blank"))
}

func (c *chromium) stop() {
	for _, end := range c.end {
		defer end()
	}
}

// tab is a page of the browser, and what it wrote to its console.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu   sync.Mutex
	said []string
}

// open opens the console of a server in a fresh tab, by its first address. Without Chromium
// or axe-core, which `.ci/run` installs, the test is skipped; in CI it fails.
func open(t *testing.T, s *Server) *tab {
	t.Helper()
	browser.once.Do(browser.start)
	if browser.err != nil && os.Getenv("CI") == "" {
		t.Skipf("the browser tests need Debian's chromium: %v", browser.err)
	}
	require.NoError(t, browser.err)
	l, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- s.Serve(ctx, l) }()
	one, closeTab := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	limit, stop := context.WithTimeout(one, 2*time.Minute)
	t.Cleanup(func() {
		stop()
		closeTab()
		cancel()
		require.NoError(t, <-ended)
	})
	b := &tab{t: t, ctx: limit, base: "http://" + l.Addr().String()}
	messages := chromedp.Console(limit)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.said = append(b.said, m.String())
			b.mu.Unlock()
		}
	}()
	b.do(chromedp.Navigate(s.URL(l)), chromedp.WaitVisible("main"))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// visit goes to a path.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitVisible("main"))
}

// js is the value of an expression in the page.
func js[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return v
}

// text is what a person reads of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return js[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// shows waits until an element's text holds another.
func (b *tab) shows(selector, text string) {
	b.t.Helper()
	last := ""
	for range 100 {
		if last = b.text(selector); strings.Contains(last, text) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	require.Contains(b.t, last, text, selector)
}

// scheme sets the width of the window and light or dark.
func (b *tab) scheme(width int64, dark bool) {
	b.t.Helper()
	value := map[bool]string{true: "dark", false: "light"}[dark]
	b.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return setScheme(ctx, t, value)
	}))
}

// looksRight holds a page to what every page promises: nothing on the browser's console, no
// rule of axe-core broken, nothing wider than the window, at three widths in both schemes.
func (b *tab) looksRight(path string) {
	b.t.Helper()
	b.visit(path)
	_ = js[any](b, axeCore(b.t)+";0")
	for _, width := range []int64{390, 1024, 1600} {
		for _, dark := range []bool{false, true} {
			b.scheme(width, dark)
			require.Empty(b.t, js[[]string](b, `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
				.then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" | ").slice(0, 400)))`), "%s at %d, dark %v", path, width, dark)
			require.LessOrEqual(b.t, js[int64](b, "document.documentElement.scrollWidth"), width, "%s scrolls sideways", path)
		}
	}
	b.quiet()
}

// quiet holds the browser's console to be empty.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.said)
}

// axeCore is the text of axe-core, which checks what a screen reader needs.
func axeCore(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/browser/node_modules/axe-core/axe.min.js")
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("npm ci in testdata/browser brings axe-core: %v", err)
	}
	require.NoError(t, err)
	return string(text)
}

// shot writes a picture of the whole page for a person to look at, where LOOK names a folder.
func (b *tab) shot(name string) {
	b.t.Helper()
	if folder := os.Getenv("LOOK"); folder != "" {
		text, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(b.t, err)
		require.NoError(b.t, os.WriteFile(folder+"/"+name+".png", text, 0o600))
	}
}

// cloud is a local cloud with the built functions.
func cloud(t *testing.T, opt localcloud.Options) *localcloud.Cloud {
	t.Helper()
	src, err := os.ReadFile("../../s.yaml")
	require.NoError(t, err)
	text := string(src)
	mains, err := filepath.Glob("../../functions/*/main.go")
	require.NoError(t, err)
	for _, file := range mains {
		name := filepath.Base(filepath.Dir(file))
		built, err := programs.Build(t.Context(), "../..", "functions/"+name)
		require.NoError(t, err)
		text = strings.ReplaceAll(text, "./functions/"+name+"/target", filepath.Dir(built))
	}
	_, err = programs.Build(t.Context(), "../..", "shared/cmd/vodctl") // before a test waits for what it prints
	require.NoError(t, err)
	opt.Manifest = filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(opt.Manifest, []byte(text), 0o600))
	opt.Root, opt.Faults = "../..", "none"
	env := map[string]string{"STATE": "file:" + t.TempDir(), "RATE_SHARE": "1", "TAGGING_MODE": "write"}
	for k, v := range opt.Env {
		env[k] = v
	}
	opt.Env = env
	return localcloud.RunT(t, opt)
}

// of is the console of a local cloud.
func of(t *testing.T, c *localcloud.Cloud) *Server {
	t.Helper()
	env := c.Env()
	s, err := Open(func(name string) string { return env[name] }, env["FUNCTIONS_ENDPOINT"], nil)
	require.NoError(t, err)
	return s
}

func setScheme(ctx context.Context, t *chromedp.Target, value string) error {
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	return err
}

// The browser finds no name but this machine, so a page that asked for
// anything else would say so on its console.
func TestOverviewInABrowser(t *testing.T) {
	b := open(t, of(t, cloud(t, localcloud.Options{})))
	require.Contains(t, b.text("h1"), "Overview")
	b.looksRight("/")
}
