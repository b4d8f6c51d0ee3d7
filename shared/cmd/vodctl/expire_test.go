package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
)

// expirable runs a cloud with one asset for each list of tags, and a policy that reads last days.
func expirable(t *testing.T, tags ...string) (c *localcloud.Cloud, env map[string]string, ids []string) {
	t.Helper()
	c, env = queues(t)
	for i, list := range tags {
		ids = append(ids, c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprintf("clip %d", i), Tags: list, Status: "Normal", Created: c.Now(), Modified: c.Now()})...)
	}
	env["POLICY_FILE"] = filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(env["POLICY_FILE"], []byte("expire: {tag: expires}\n"), 0o600))
	return c, env, ids
}

const farDay = "2099-02-28"

func TestExpireSetsOneLastDayByTheQueue(t *testing.T) {
	c, env, ids := expirable(t, "boat", "boat,expires:2098-01-31,expires:2097-12-31", "expires:"+farDay, "Expires:2098-01-31")
	args := append([]string{"expire", ids[0], ids[1], ids[2], ids[3], ids[1], "--on", farDay}, "-o", "json")
	code, out, errs := vodctl(t, env, args...)
	require.Zero(t, code, errs)
	require.JSONEq(t, fmt.Sprintf(`[
		{"id":%q,"title":"clip 0","add":["expires:2099-02-28"],"mayGo":"2099-03-01T12:00:00Z","result":"would change"},
		{"id":%q,"title":"clip 1","add":["expires:2099-02-28"],"remove":["expires:2098-01-31","expires:2097-12-31"],"mayGo":"2099-03-01T12:00:00Z","result":"would change"},
		{"id":%q,"title":"clip 2","mayGo":"2099-03-01T12:00:00Z","result":"as it is"},
		{"id":%q,"title":"clip 3","add":["expires:2099-02-28"],"mayGo":"2099-03-01T12:00:00Z","result":"would change","doubts":["Expires:2098-01-31"]}]`,
		ids[0], ids[1], ids[2], ids[3]), out)
	require.Contains(t, errs, "nothing was done, --yes does it")
	require.Zero(t, c.MNS.Stats("metadata"))

	code, out, errs = vodctl(t, env, append(args, "--yes", "-o", "table")...)
	require.Zero(t, code, errs)
	require.Equal(t, 3, strings.Count(out, "  sent  "), out)
	require.Contains(t, out, "Expires:2098-01-31 stays in the way")
	require.ElementsMatch(t, []video.Change{
		{ID: video.ID(ids[0]), Tags: video.TagEdit{Add: []string{"expires:2099-02-28"}}},
		{ID: video.ID(ids[1]), Tags: video.TagEdit{Add: []string{"expires:2099-02-28"}, Remove: []string{"expires:2098-01-31", "expires:2097-12-31"}}},
		{ID: video.ID(ids[3]), Tags: video.TagEdit{Add: []string{"expires:2099-02-28"}}},
	}, changesIn(t, waiting(t, c, "metadata")))
	require.Zero(t, c.VOD.Log().Count("UpdateVideoInfos"), "metadata is the only writer")
}

func TestExpireClearTakesTheLastDayOff(t *testing.T) {
	c, env, ids := expirable(t, "boat,expires:2020-01-31,expires:2098-01-31", "boat", "expires_2098-01-31")
	code, out, errs := vodctl(t, env, "expire", ids[0], ids[1], ids[2], "--clear", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "expires_2098-01-31 stays in the way")
	require.Equal(t, []video.Change{{ID: video.ID(ids[0]), Tags: video.TagEdit{Remove: []string{"expires:2098-01-31", "expires:2020-01-31"}}}},
		changesIn(t, waiting(t, c, "metadata")))
}

func TestExpireRefusesWhatWouldDoNothingOrHarm(t *testing.T) {
	full := strings.TrimSuffix(strings.Repeat("t%d,", 16), ",")
	for i := range 16 {
		full = strings.Replace(full, "%d", fmt.Sprint(i), 1)
	}
	c, env, ids := expirable(t, "boat", full, strings.Replace(full, "t3", "expires:2098-01-31", 1))
	for _, tc := range []struct {
		code int
		want string
		args []string
	}{
		{2, "is no day such as 2026-12-31", []string{ids[0], "--on", "2099-02-29"}},
		{2, "is no day such as 2026-12-31", []string{ids[0], "--on", "31.12.2099"}},
		{2, "is no day such as 2026-12-31", []string{ids[0], "--on", "2099-12-31\x1b[2J"}},
		{2, "is no day such as 2026-12-31", []string{ids[0], "--on", "2099-12-31,keep"}},
		{2, "is no day such as 2026-12-31", []string{ids[0], "--on", "12099-12-31"}},
		{2, "is over; take a day that is still to end", []string{ids[0], "--on", "2020-01-31"}},
		{2, "is over", []string{ids[0], "--on", time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)}},
		{2, "either --on DATE or --clear", []string{ids[0]}},
		{2, "either --on DATE or --clear", []string{ids[0], "--on", farDay, "--clear"}},
		{2, "requires at least 1 arg", []string{"--clear"}},
		{1, "1 asset cannot be changed so; nothing was sent", []string{ids[0], ids[1], "--on", farDay, "--yes"}},
		{1, "2 assets cannot be changed so; nothing was sent", []string{ids[0], "nobody", "a,b", "--on", farDay, "--yes"}},
	} {
		code, out, errs := vodctl(t, env, append([]string{"expire"}, tc.args...)...)
		require.Equal(t, tc.code, code, "%q: %s%s", tc.args, out, errs)
		require.Contains(t, errs, tc.want, tc.args)
		require.NotContains(t, errs, "\x1b")
	}
	code, out, _ := vodctl(t, env, "expire", ids[1], "--on", farDay)
	require.Equal(t, 1, code)
	require.Contains(t, out, "17 tags, at most 16: take one off first")
	code, out, errs := vodctl(t, env, "expire", ids[2], "--on", farDay)
	require.Zero(t, code, "one comes and one goes: %s %s", out, errs)
	require.Zero(t, c.MNS.Stats("metadata"))

	require.NoError(t, os.WriteFile(env["POLICY_FILE"], []byte("rules: [{name: a, select: '\"a\" in tags', older_than: 1d, remove: {video: true}}]\n"), 0o600))
	code, _, errs = vodctl(t, env, "expire", ids[0], "--on", farDay, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "the policy has no expire")
	require.Contains(t, errs, "expire: {tag: expires}")
	require.Zero(t, c.MNS.Stats("metadata"))
	env["POLICY_FILE"] = ""
	code, _, errs = vodctl(t, env, "expire", ids[0], "--clear")
	require.Equal(t, 1, code, "nor has the built-in one: %s", errs)
}

func TestExpireSaysWhatWasNotSent(t *testing.T) {
	_, env, ids := expirable(t, "boat")
	env["METADATA_QUEUE"] = "nobody"
	code, out, errs := vodctl(t, env, "expire", ids[0], "--on", farDay, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, out, "not sent")
	require.Contains(t, errs, "1 change not sent; run it again")
}

// A title is text from outside; it is shown, and does nothing.
func TestExpireShowsHostileTitlesAsText(t *testing.T) {
	c, env, _ := expirable(t)
	id := c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "\x1b[31mred\nline", Tags: "expires:2098-01-31\x07", Status: "Normal", Created: c.Now(), Modified: c.Now()})[0]
	for _, format := range []string{"table", "csv", "json"} {
		_, out, errs := vodctl(t, env, "expire", id, "--clear", "-o", format)
		require.NotContains(t, out+errs, "\x1b")
		require.NotContains(t, out+errs, "\x07")
	}
}

func TestPlanExplainSaysWhenALastDayIsOver(t *testing.T) {
	_, env, ids := expirable(t, "expires:2098-01-31", "Expires:2020-01-31")
	code, out, errs := vodctl(t, env, "plan", "explain", ids[0], ids[1], "--new")
	require.Zero(t, code, errs)
	require.Contains(t, out, "young: its tag expires:2098-01-31; it may go from 2098-02-01T12:00:00Z")
	require.Contains(t, out, `doubt: tag "Expires:2020-01-31" looks like expires:2026-12-31 and is none`)
	code, out, errs = vodctl(t, env, "plan", "explain", ids[0], "-o", "json", "--new")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"due": "2098-02-01T12:00:00Z"`)
}

func TestALastDayThatAHoldOutlivesIsNoted(t *testing.T) {
	_, env, ids := expirable(t, "boat,keep", "boat,hold-until:2099-03-05", "hold-until:2098-01-01", "keep_forever")
	require.NoError(t, os.WriteFile(env["POLICY_FILE"], []byte("holds: {tags: [keep]}\nexpire: {tag: expires}\n"), 0o600))
	code, out, errs := vodctl(t, env, append(append([]string{"expire"}, ids...), "--on", farDay)...)
	require.Zero(t, code, errs)
	lines := strings.Split(out, "\n")
	require.Contains(t, lines[2], `tag "keep" holds: it stays after that day`)
	require.Contains(t, lines[3], `tag "hold-until:2099-03-05" holds: it stays after that day`)
	require.NotContains(t, lines[4], "stays after", "that hold is over by then")
	require.Contains(t, lines[5], `looks like the hold "keep"`)

	code, _, errs = vodctl(t, env, "expire", ids[0], "--on", "2570-01-01")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "after the year 2100")
}
