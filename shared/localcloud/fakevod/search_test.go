package fakevod_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

func TestMatch(t *testing.T) {
	c := newCloud(t, nil)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	cate := c.AddCategory("C", -1)
	c.Seed(
		fakevod.Asset{ID: "a", Title: "Music of Bach", Tags: "music,tmp", Created: day(0), Size: 100, Duration: 10, CateID: cate},
		fakevod.Asset{ID: "b", Title: "music hall", Tags: "tmpfoo", Created: day(1), Size: 200, Duration: 20.5, Status: "Blocked"},
		fakevod.Asset{ID: "c", Title: "VOD", Tags: "", Created: day(2), Size: 300, Duration: 30, Description: "it's here", Modified: day(9)},
	)
	at := func(n int) string { return day(n).Format("2006-01-02T15:04:05Z") }
	for match, want := range map[string]string{
		"":                                  "a b c",
		"VideoId='a'":                       "a",
		`VideoId in ("a","c","none")`:       "a c",
		"Title='MUSIC'":                     "a b",
		"Title in ('hall','VOD')":           "b c",
		"Tags='tmp'":                        "a b",
		"Status in ('Normal','Checking')":   "a c",
		"Status = 'Blocked'":                "b",
		fmt.Sprintf("CateId = %d", cate):    "a",
		fmt.Sprintf("CateId = '%d'", cate):  "a",
		`Description = "it's"`:              "c",
		"Size = [100,200]":                  "a b",
		"Size = (100,200]":                  "b",
		"Size = [,200)":                     "a",
		"Duration = (20,)":                  "b c",
		"CreationTime = ('" + at(0) + "',)": "b c",
		"CreationTime = ['" + at(0) + "',)": "a b c",
		"CreationTime=['" + at(1) + "','" + at(2) + "')":                      "b",
		"CreationTime=('" + at(0) + "','" + at(2) + "']":                      "b c",
		"ModificationTime = ('" + at(5) + "',)":                               "c",
		"Title='music' and Tags='tmp' AND Status='Normal'":                    "a",
		"(VideoId='a' or VideoId='c')":                                        "a c",
		"(VideoId='a' or VideoId='b') and Status='Blocked'":                   "b",
		"((VideoId='a')) and (Title='x' or (Size=[100,] and Duration=(,10]))": "a",
		"StorageLocation = '" + c.Bucket() + ".oss-cn-shanghai.aliyuncs.com'": "a b c",
		"AppId in ('app-1000000') and MediaSource in ('general')":             "a b c",
		"CreationTime=('" + at(5) + "',) and VideoId in ('a','b')":            "",
		"\tTitle\n=\r'VOD'  ":                                                 "c",
	} {
		t.Run(match, func(t *testing.T) { require.Equal(t, want, strings.Join(c.titlesBy(t, match), " ")) })
	}
	for _, match := range []string{"Title", "Title=", "Title='x", "Title=x", "='x'", "Nonsense='x'", "Title='a' or Title='b'", "Title='a' and", "and", "(Title='a'",
		"Title='a')", "(Title='a' and Title='b' or Title='c')", "Size='1' ", "Size=100", "Size in (1,2)", "Title=('a','b')", "CreationTime=('yesterday',)", "CreationTime=(,)",
		"Size=(1 2)", "Size=(a,b)", "Title in ()", "Title in ('a',)", "Title in 'a'", "not Title='a'", "Title!='a'", "Title='a';drop", "VideoId in (" + strings.Repeat("'x',", 101) + "'x')",
		strings.Repeat("(", 100) + "Title='a'" + strings.Repeat(")", 100), "AudioId='x'", "Size=[1e400,]", "标题='x'"} {
		c.refused(t, 400, "ErrorMatchSyntax", "SearchMedia", "Match", match)
	}
	fuzzy := newCloud(t, func(o *fakevod.Options) { o.FuzzyWord = true })
	fuzzy.Seed(fakevod.Asset{ID: "a", Tags: "music,tmp"}, fakevod.Asset{ID: "b", Tags: "tmpfoo"})
	require.Equal(t, []string{"a"}, fuzzy.titlesBy(t, "Tags='tmp'"))
}

// scroll walks through all videos, with a change of the library after each page.
func (c *cloud) scroll(t testing.TB, size int, sort string, between func(page int)) []string {
	t.Helper()
	var seen []string
	token := ""
	for page := 1; ; page++ {
		params := []string{"PageSize", fmt.Sprint(size), "PageNo", fmt.Sprint(page), "SortBy", sort}
		if token != "" {
			params = append(params, "ScrollToken", token)
		}
		status, out := c.call(t, "SearchMedia", params...)
		require.Equal(t, 200, status, "%v", out)
		token, _ = out["ScrollToken"].(string)
		require.Len(t, token, 32)
		list, _ := out["MediaList"].([]any)
		if len(list) == 0 {
			return seen
		}
		for _, m := range list {
			id, _ := m.(map[string]any)["MediaId"].(string)
			seen = append(seen, id)
		}
		if between != nil {
			between(page)
		}
	}
}

func TestScrollGoesPastTheWindow(t *testing.T) {
	c := newCloud(t, nil)
	require.NoError(t, c.Generate(7000, 9))
	var want []string
	for _, a := range c.Assets() {
		if a.Kind == "video" {
			want = append(want, a.ID)
		}
	}
	require.Greater(t, len(want), 5000)
	require.Equal(t, want, c.scroll(t, 100, "CreationTime:Asc", nil))
	slices.Reverse(want)
	require.Equal(t, want, c.scroll(t, 100, "CreationTime:Desc", nil))
}

// Whatever is removed, added or changed meanwhile: what is there all the time comes once.
func TestScrollSkipsAndDoublesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCloud(t, nil)
		all := map[string]bool{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "media") {
			id := fmt.Sprintf("m%02d", i)
			c.Seed(fakevod.Asset{ID: id, Created: start.Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "age")) * time.Second)})
			all[id] = true
		}
		sort := rapid.SampledFrom([]string{"CreationTime:Asc", "CreationTime:Desc"}).Draw(rt, "sort")
		stays := map[string]bool{}
		for id := range all {
			stays[id] = true
		}
		added := 0
		seen := c.scroll(t, rapid.IntRange(1, 7).Draw(rt, "size"), sort, func(int) {
			var left []string
			for _, a := range c.Assets() {
				left = append(left, a.ID)
			}
			if len(left) > 0 && rapid.Bool().Draw(rt, "remove") {
				id := rapid.SampledFrom(left).Draw(rt, "which")
				status, _ := c.call(t, "DeleteVideo", "VideoIds", id)
				require.Equal(rt, 200, status)
				delete(stays, id)
			}
			if added < 5 && rapid.Bool().Draw(rt, "add") {
				added++
				c.Seed(fakevod.Asset{ID: fmt.Sprintf("new%d", added), Created: start.Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "newAge")) * time.Second)})
			}
		})
		counts := map[string]int{}
		for _, id := range seen {
			counts[id]++
			require.Equal(rt, 1, counts[id], "%s came twice", id)
		}
		for id := range stays {
			require.Equal(rt, 1, counts[id], "%s was skipped", id)
		}
	})
}

func TestScrollJumpsAndRepeats(t *testing.T) {
	c := newCloud(t, nil)
	for i := range 60 {
		c.Seed(fakevod.Asset{ID: fmt.Sprintf("%02d", i), Created: start.Add(time.Duration(i) * time.Second)})
	}
	page := func(n int, token string) (string, []any, map[string]any) {
		_, out := c.call(t, "SearchMedia", "PageSize", "5", "PageNo", fmt.Sprint(n), "SortBy", "CreationTime:Asc", "ScrollToken", token)
		list, _ := out["MediaList"].([]any)
		first := ""
		if len(list) > 0 {
			first, _ = list[0].(map[string]any)["MediaId"].(string)
		}
		return first, list, out
	}
	_, _, out := page(1, "")
	token, _ := out["ScrollToken"].(string)
	for _, step := range []struct {
		page  int
		first string
	}{{2, "05"}, {2, "05"}, {5, "20"}, {3, "10"}, {4, "15"}, {1, "00"}, {12, "55"}, {13, ""}} {
		first, _, out := page(step.page, token)
		require.Equal(t, step.first, first, "page %d: %v", step.page, out["Code"])
	}
	small := newCloud(t, func(o *fakevod.Options) { o.ScrollJump = 20 })
	require.NoError(t, small.Generate(300, 1))
	c = small
	_, _, out = page(1, "")
	token, _ = out["ScrollToken"].(string)
	_, _, out = page(4, token)
	require.Nil(t, out["Code"])
	_, _, out = page(9, token)
	require.Equal(t, "InvalidParameter", out["Code"])
}

func TestScrollTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), RateScale: -1, ScrollLife: time.Minute})
		require.NoError(t, err)
		c := &cloud{Server: s}
		c.Seed(fakevod.Asset{}, fakevod.Asset{})
		_, out := c.call(t, "SearchMedia", "PageSize", "1")
		token, _ := out["ScrollToken"].(string)
		time.Sleep(2 * time.Minute)
		c.refused(t, 400, "InvalidScrollToken.Expired", "SearchMedia", "PageSize", "1", "PageNo", "2", "ScrollToken", token)
		require.NoError(t, s.Close())
	})
}

func TestTheIndexLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), RateScale: -1, IndexLag: time.Second})
		require.NoError(t, err)
		c := &cloud{Server: s}
		id := c.Seed(fakevod.Asset{Tags: "old"})[0]
		require.Equal(t, []string{id}, c.titlesBy(t, "Tags='old'"), "what a test puts in shows at once")
		status, _ := c.call(t, "UpdateVideoInfo", "VideoId", id, "Tags", "new")
		require.Equal(t, 200, status)
		a, _ := c.Lookup(id)
		require.Equal(t, "new", a.Tags)
		require.Equal(t, []string{id}, c.titlesBy(t, "Tags='old'"))
		require.Empty(t, c.titlesBy(t, "Tags='new'"))
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, []string{id}, c.titlesBy(t, "Tags='new'"))
		status, _ = c.call(t, "DeleteVideo", "VideoIds", id)
		require.Equal(t, 200, status)
		require.Equal(t, []string{id}, c.titlesBy(t, ""), "gone, and still listed")
		time.Sleep(1500 * time.Millisecond)
		require.Empty(t, c.titlesBy(t, ""))
		require.NoError(t, s.Close())
	})
}

func TestListsByTimeTile(t *testing.T) {
	c := newCloud(t, nil)
	for i := range 10 {
		c.Seed(fakevod.Asset{ID: fmt.Sprint(i), Created: start.Add(time.Duration(i) * time.Second)})
	}
	at := func(n int) string { return start.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05Z") }
	total := 0
	for _, span := range [][2]int{{-1, 3}, {3, 6}, {6, 20}} { // exclusive from, inclusive to
		_, out := c.call(t, "GetVideoList", "StartTime", at(span[0]), "EndTime", at(span[1]))
		n, _ := out["Total"].(float64)
		total += int(n)
	}
	require.Equal(t, 10, total)
}
