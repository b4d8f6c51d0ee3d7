package boot_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

const (
	oldRules = "rules: [{name: r, when: 'true', add: [old]}]\n"
	newRules = "rules: [{name: r, when: 'true', add: [new]}]\n"
)

// bucket is an emulated OSS that counts what it sends of the rules.
type bucket struct {
	*fakeoss.Server
	url             string
	requests, bytes atomic.Int64
}

func newBucket(t *testing.T) *bucket {
	fake, err := fakeoss.New(fakeoss.Options{Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "s"}), Buckets: []string{"state"}})
	require.NoError(t, err)
	b := &bucket{Server: fake}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/rules.yaml") && r.Method == http.MethodGet {
			b.requests.Add(1)
			w = &counting{w, &b.bytes}
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func (b *bucket) put(t require.TestingT, text string) {
	require.NoError(t, b.Put("state", "v1/rules.yaml", strings.NewReader(text)))
}

func (b *bucket) app(t *testing.T) *boot.App {
	c, err := boot.Read(env("STATE", "oss://state/v1", "OSS_ENDPOINT", b.url, "RULES_FILE", "rules.yaml",
		"ALIBABA_CLOUD_ACCESS_KEY_ID", "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"))
	require.NoError(t, err)
	app, err := boot.New(c, report.NewLog(t.Output(), nil))
	require.NoError(t, err)
	return app
}

// Whether the rules are others is asked for each batch, in one request, and what is the
// same is not sent again. The counts are the server's.
func TestRulesAreReadAgainOnlyWhenTheyHaveChanged(t *testing.T) {
	b := newBucket(t)
	b.put(t, oldRules)
	read := b.app(t).Rules()
	first, err := read(t.Context())
	require.NoError(t, err)
	for range 20 {
		again, err := read(t.Context())
		require.NoError(t, err)
		require.Same(t, first, again)
	}
	require.EqualValues(t, 21, b.requests.Load())
	require.EqualValues(t, len(oldRules), b.bytes.Load(), "sent once")

	b.put(t, newRules)
	for range 3 {
		next, err := read(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, first.Version, next.Version)
	}
	require.EqualValues(t, 24, b.requests.Load())
	require.EqualValues(t, len(oldRules)+len(newRules), b.bytes.Load())

	b.put(t, "rules: 7\n")
	for range 3 {
		_, err := read(t.Context())
		require.ErrorContains(t, err, "rules.yaml:1:8")
	}
	require.EqualValues(t, len(oldRules)+len(newRules)+len("rules: 7\n"), b.bytes.Load(), "a file with mistakes is sent once, too")
	b.put(t, oldRules)
	mended, err := read(t.Context())
	require.NoError(t, err)
	require.Equal(t, first.Version, mended.Version)
	require.NoError(t, b.Remove("state", "v1/rules.yaml"))
	_, err = read(t.Context())
	require.ErrorIs(t, err, video.ErrNotFound, "no rules are not the rules of before")
	t.Logf("%d requests, %d bytes of rules", b.requests.Load(), b.bytes.Load())
}

func TestRulesOfAFolderAreReadAgainWhenTheyHaveChanged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.yaml")
	for name, vars := range map[string][]string{
		"a file":            {"RULES_FILE", file},
		"a key under STATE": {"STATE", "file:" + dir, "RULES_FILE", "rules.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(oldRules), 0o600))
			c, err := boot.Read(env(vars...))
			require.NoError(t, err)
			app, err := boot.New(c, report.NewLog(t.Output(), nil))
			require.NoError(t, err)
			read := app.Rules()
			first, err := read(t.Context())
			require.NoError(t, err)
			again, err := read(t.Context())
			require.NoError(t, err)
			require.Same(t, first, again)
			require.NoError(t, os.WriteFile(file, []byte(newRules), 0o600)) // as long, in the same moment
			next, err := read(t.Context())
			require.NoError(t, err)
			require.NotEqual(t, first.Version, next.Version)
		})
	}
}

// changing is a library in which the rules change while a batch is under way.
type changing struct {
	edit.Library
	change func()
	mu     sync.Mutex // reads and writes go side by side
	tags   map[video.ID][]string
}

func (c *changing) Videos(_ context.Context, ids []video.ID) (out []video.Answer[video.Video], _ error) {
	c.change()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		out = append(out, video.Answer[video.Video]{ID: id, Value: video.Video{ID: id, Title: "t", Tags: c.tags[id]}})
	}
	return out, nil
}

func (c *changing) Media(ctx context.Context, ids []video.ID) (out []video.Answer[video.Media], _ error) {
	answers, err := c.Videos(ctx, ids)
	for _, a := range answers {
		out = append(out, video.Answer[video.Media]{ID: a.ID, Value: video.Media{Video: a.Value}})
	}
	return out, err
}

func (c *changing) Update(_ context.Context, updates []video.Update) (out []video.Outcome, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range updates {
		c.tags[u.ID] = *u.Tags
		out = append(out, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return out, nil
}

// A batch keeps the version that it began with, over all its calls, and the next has the
// new one: no two versions alternate.
func TestABatchKeepsTheVersionOfItsRules(t *testing.T) {
	b := newBucket(t)
	b.put(t, oldRules)
	library := &changing{tags: map[video.ID][]string{}, change: func() { b.put(t, newRules) }}
	editor, err := edit.New(edit.Config{Library: library, Parallel: 1, Rules: edit.Rules{Read: b.app(t).Rules(), Media: library.Media, Reach: tagging.OnlyAdd}})
	require.NoError(t, err)
	items := make([]edit.Item, 65)
	for i := range items {
		items[i].Retag = &edit.Retag{ID: video.ID(fmt.Sprintf("v%02d", i))}
	}
	for n, want := range [][]string{{"old"}, {"old", "new"}} {
		results, err := editor.Do(t.Context(), "run", items)
		require.NoError(t, err)
		for _, r := range results {
			require.Equal(t, video.Done, r.Result, r.Reason)
		}
		for id, tags := range library.tags {
			require.ElementsMatch(t, want, tags, "%s after batch %d", id, n+1)
		}
		require.EqualValues(t, n+1, b.requests.Load(), "one request a batch")
	}
}
