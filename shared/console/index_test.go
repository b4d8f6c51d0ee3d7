package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/insight"
	"vodcurator/shared/video"
)

var indexed = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// snapshotOf is a library as the lines of a snapshot.
func snapshotOf(t require.TestingT, media []video.Media, images []video.Image) []byte {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for _, m := range media {
		require.NoError(t, out.Encode(m))
	}
	for _, i := range images {
		require.NoError(t, out.Encode(map[string]any{"image": i}))
	}
	require.NoError(t, out.Encode(map[string]any{"categories": []video.Category{}}))
	return b.Bytes()
}

func indexOf(t require.TestingT, snapshot []byte) *index {
	x, err := buildIndex(context.Background(), &insight.Source{File: bytes.NewReader(snapshot), Name: "made", At: indexed}, insight.Options{})
	require.NoError(t, err)
	return x
}

// made draws a library in which facts are missing, doubtful and hostile.
func made(t *rapid.T) ([]video.Media, []video.Image) {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "text") }
	texts := []string{"", "Harbour Promo", "harbour", "ISTANBUL kısa", "İstanbul", "it’s", "it's", "宣传片 董事会", "<b>x</b>", "a\u202eb", "~none", "'; rm -rf", `say "hi" \ \n`, "x\x00y", "  two  blanks "}
	tags := []string{"news", "News", "~unknown", "~~", "宣传", "it’s", `q"'`, "a b", "<i>"}
	number := func(of ...int64) int64 { return rapid.SampledFrom(of).Draw(t, "number") }
	var media []video.Media
	for n := range rapid.IntRange(0, 30).Draw(t, "media") {
		m := video.Media{Video: video.Video{
			ID: video.ID(fmt.Sprintf("%032x", n)), Kind: video.Kind(pick("", "video", "audio")), Title: pick(texts...), Status: video.Status(pick("", "Normal", "Blocked")),
			StorageClass: pick("", "Standard", "IA"), Category: number(0, 7, 8), Size: number(0, 1e6, 1e6+1, 5e9), App: pick("", "app-1", "it's"),
			Duration: time.Duration(number(0, 60, 61, 7200, 9000)) * time.Second, Tags: rapid.SliceOfN(rapid.SampledFrom(tags), 0, 3).Draw(t, "tags"),
		}}
		if m.Category != 0 {
			m.CategoryName = pick("", "series", "series", "~x")
		}
		if rapid.Bool().Draw(t, "dated") {
			m.Created = time.Date(2020+int(number(0, 1, 5)), time.Month(number(1, 12)), int(number(1, 28)), 0, 0, 0, 0, time.UTC)
		}
		if rapid.Bool().Draw(t, "doubt") {
			m.Doubts = []string{pick("tags", "category")}
		}
		if rapid.Bool().Draw(t, "source") {
			m.Source = &video.Source{Status: pick("Normal", "Deleted"), Width: int(number(0, 640, 1920)), Height: int(number(0, 239, 240, 1080, 2160)), VideoCodec: pick("", "h264", "hevc")}
		}
		if rapid.Bool().Draw(t, "streams") {
			m.Streams = []video.Stream{}
			for i := range rapid.IntRange(0, 3).Draw(t, "n") {
				m.Streams = append(m.Streams, video.Stream{Job: fmt.Sprint(i), Definition: pick("", "HD", "LD"), Format: pick("", "mp4", "m3u8"), Size: number(0, 1000), Width: 640, Height: 360})
			}
		}
		media = append(media, m)
	}
	var images []video.Image
	for n := range rapid.IntRange(0, 5).Draw(t, "images") {
		images = append(images, video.Image{ID: video.ID(fmt.Sprintf("image-%d", n)), Title: pick(texts...), Tags: rapid.SliceOfN(rapid.SampledFrom(tags), 0, 2).Draw(t, "tags"), Size: number(0, 500), Width: 10, Height: 20})
	}
	return media, images
}

// TestTheIndexFindsWhatTheRuleLanguageFinds: for each value of each facet, and for two of them
// with a text, what the command beside the page would list is what the page lists.
func TestTheIndexFindsWhatTheRuleLanguageFinds(t *testing.T) {
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		media, images := made(t)
		snapshot := snapshotOf(t, media, images)
		x := indexOf(t, snapshot)
		require.Equal(t, len(media)+len(images), x.whole.assets)
		var filters []filter
		for n := range facets {
			for _, v := range x.values(n, x.whole) {
				f := filter{n, wordOf(v.param())}
				require.Equal(t, word{state: v.state, text: v.text}, f.word, "the address says the same value")
				found := x.ask(question{filters: []filter{f}})
				require.Equal(t, v.count, found.assets, "%s %v", facets[n].name, v)
				filters = append(filters, f)
			}
		}
		if len(filters) == 0 {
			return
		}
		for range 5 {
			q := question{text: rapid.SampledFrom([]string{"", "HARBOUR", "istanbul", "KISA", "会", "it`s", "a b", "<", `"`, "\\", "'", "\u202e", "image-0", "NEWS", "\u200b", "promo x"}).Draw(t, "q")}
			for range rapid.IntRange(0, 2).Draw(t, "filters") {
				q = q.with(rapid.SampledFrom(filters).Draw(t, "filter"))
			}
			again := throughItsAddress(t, q)
			require.Equal(t, q, again, "the address asks the same")
			expression, app, ok := q.expression()
			if !ok {
				continue
			}
			asked++
			var want []string
			for _, one := range fitting(t, snapshot, expression) {
				if app == "" || one.app == app {
					want = append(want, one.id)
				}
			}
			slices.Sort(want)
			require.Equal(t, want, idsOf(x, x.ask(q)), expression)
		}
	})
	t.Logf("%d questions were asked of both", asked)
	require.Greater(t, asked, 100)
}

// throughItsAddress sends a question through its address.
func throughItsAddress(t require.TestingT, q question) question {
	again := asked(q.values())
	slices.SortFunc(again.filters, func(a, b filter) int { return slices.Index(q.filters, a) - slices.Index(q.filters, b) })
	return again
}

type asset struct{ id, app string }

func fitting(t require.TestingT, snapshot []byte, expression string) (all []asset) {
	p, err := insight.Compile(expression)
	require.NoError(t, err, expression)
	for one, err := range insight.Fitting(context.Background(), &insight.Source{File: bytes.NewReader(snapshot), At: indexed}, p, insight.Whys{}, insight.Options{}) {
		require.NoError(t, err)
		all = append(all, asset{string(one.AssetID()), one.AssetApp()})
	}
	return all
}

func idsOf(x *index, f found) (all []string) {
	for _, i := range x.page(f.selected, 0, f.assets) {
		all = append(all, string(x.ids.at(i)))
	}
	slices.Sort(all)
	return all
}

func TestThePageBeginsWithTheNewest(t *testing.T) {
	var media []video.Media
	for n := range 120 {
		media = append(media, video.Media{Video: video.Video{ID: video.ID(fmt.Sprint(n)), Created: indexed.Add(-time.Duration(n*37%120) * time.Hour)}})
	}
	media[5].Created = time.Time{}
	x := indexOf(t, snapshotOf(t, media, nil))
	seen, before := map[string]bool{}, indexed.Add(time.Hour)
	for from := 0; from < 120; from += perPage {
		for _, i := range x.page(x.whole.selected, from, perPage) {
			row := x.row(i)
			require.False(t, row.Uploaded.After(before))
			before = row.Uploaded
			seen[row.ID] = true
		}
	}
	require.Len(t, seen, 120)
	require.True(t, before.IsZero(), "what tells no time comes last")
}

func TestACommandIsOneWordOfAShell(t *testing.T) {
	q := question{text: "it's $(reboot) `x` \"y\""}
	require.Equal(t, `vodctl library find '(mentions(title, "it'\''s $(reboot) `+"`x`"+` \"y\"") or any(tags, mentions(#, "it'\''s $(reboot) `+"`x`"+` \"y\"")) or id == "it'\''s $(reboot) `+"`x`"+` \"y\"")'`, q.command(""))
	q = question{filters: []filter{{byApp, wordOf("app-1")}}}
	require.Equal(t, `APP_ID='app-1' vodctl library find 'true'`, q.command(""))
	require.Empty(t, q.command("file.jsonl"), "a snapshot is not asked by application")
	require.Empty(t, question{filters: []filter{{byTag, wordOf("~unknown")}}}.command(""))
	require.True(t, strings.HasSuffix(question{}.command("my file"), `--library 'my file'`))
}
