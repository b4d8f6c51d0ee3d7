package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
)

// held is a small library with everything that a summary has to tell apart.
func held(t *testing.T) string {
	t.Helper()
	tall := aged("b", 400, "News", "a")
	tall.Source = &video.Source{Status: "Normal", Size: 1000, Duration: time.Minute, Width: 1920, Height: 1080, VideoCodec: "h264"}
	tall.Streams = []video.Stream{{Job: "hd", Definition: "HD", Size: 500, Status: "Normal", Duration: time.Minute, Kind: "video", Height: 720, Width: 1280}, {Job: "od", Definition: "OD", Size: 1000}}
	tall.StorageClass, tall.App, tall.Category, tall.CategoryName = "Standard", "app-1", 7, "show"
	cold := aged("c", 10, "news")
	cold.StorageClass, cold.Streams = "IA", []video.Stream{{Job: "x", Definition: "LD", Status: "Normal"}} // its size is not told
	bare := video.Media{Video: video.Video{ID: "d", Title: "nothing is known"}}
	doubt := aged("e", 1, "x")
	doubt.Doubts = []string{"tags"}
	name := snapshotOf(t, aged("a", 3), tall, cold, bare, doubt)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	image := `{"image":{"id":"i","title":"still","tags":["news"],"status":"Normal","size":10,"url":"https://x.example/image/i.jpg?auth_key=secret","width":4,"height":3,"created":"2026-05-01T00:00:00Z"}}` + "\n"
	return file(t, "held.jsonl", strings.TrimSuffix(string(text), lastLine)+image+
		`{"categories":[{"id":7,"name":"show","parent":9},{"id":8,"name":"empty","parent":-1},{"id":9,"name":"top","parent":-1}]}`+"\n")
}

const pricedRule = "rules: [{name: r, select: 'status == \"Normal\"', older_than: 30d, remove: {video: true}}]\nprices: {currency: CNY, per_gb_month: {Standard: 0.12}}\n"

func TestASummaryTellsTheUnknownApart(t *testing.T) {
	library, policy := held(t), file(t, "policy.yaml", pricedRule)
	code, out, errs := vodctl(t, nil, "library", "summary", "--library", library, "--policy", policy, "-o", "json")
	require.Zero(t, code, errs)
	var got summaryJSON
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	lines := map[string]sumJSON{}
	for _, g := range got.Groups {
		v := g.Of[0]
		name := v.Fact + " " + v.Why
		if v.Value != nil {
			name = v.Fact + "=" + *v.Value
		}
		lines[name] = g
	}
	require.Equal(t, 6, got.Total.Assets)
	require.Equal(t, 2, got.Total.Unsized, "LD of c tells no size, and nothing is known of d")
	require.EqualValues(t, 1000+1500+1000+10, *got.Total.Bytes)
	require.Equal(t, 5, got.Total.Free, "only b has a class with a price")
	require.InDelta(t, 0.12*1500/1e9, *got.Total.Cost, 1e-15)
	require.Equal(t, 1, lines["status unknown"].Assets)
	require.Nil(t, lines["status unknown"].Bytes, "unknown is not zero")
	require.Nil(t, lines["storage=IA"].Cost)
	require.Equal(t, 3, lines["storage unknown"].Assets)
	require.Equal(t, 1, lines["storage does not apply"].Assets, "an image has no class")
	require.Equal(t, 1, lines["tags unknown"].Assets, "two answers differ")
	require.Equal(t, 2, lines["tags none"].Assets)
	require.Equal(t, 2, lines["tags=news"].Assets)
	require.Equal(t, 1, lines["category=show (7)"].Assets)
	require.EqualValues(t, 500, *lines["definition=HD"].Bytes)
	require.Nil(t, lines["definition=LD"].Bytes)
	require.NotContains(t, lines, "definition=OD", "it is the source file under another name")
	require.Equal(t, 4, lines["definition=source file"].Assets)
	require.Contains(t, lines, "age_days=up to 730 days")

	code, out, errs = vodctl(t, nil, "library", "summary", "--library", library, "--policy", policy)
	require.Zero(t, code, errs)
	require.Contains(t, out, "6 assets (4 videos, 0 audio files, 1 image, 1 of unknown kind); 3.5 kB (and 2 without size); 0.1 hours (and 1 without length); 0.00 CNY a month (and 5 without price)")
	require.Regexp(t, `status +\(unknown\) +1 +unknown +1 +unknown +1 +no price +1`, out)

	// By two facts, as rows for a spreadsheet.
	code, out, errs = vodctl(t, nil, "library", "summary", "--library", library, "--by", "status,tag", "-o", "csv")
	require.Zero(t, code, errs)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "status,tags,assets,bytes,no size,hours,no length,a month,no price", strings.Join(rows[0], ","))
	require.Contains(t, rows, []string{"Normal", "news", "2", "10", "1", "0.0", "", "no price", "2"})
	for _, by := range [][]string{{"--by", "colour"}, {"--by", "status,tags,kind"}, {"--kind", "film"}, {"--top", "-1"}} {
		code, _, errs = vodctl(t, nil, append([]string{"library", "summary", "--library", library}, by...)...)
		require.Equal(t, 2, code, errs)
	}
	_, _, errs = vodctl(t, nil, "library", "summary", "--library", library, "--by", "statsu")
	require.Contains(t, errs, "did you mean status?")
	code, out, errs = vodctl(t, nil, "library", "summary", "--library", library, "--kind", "audio")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "1 asset left out: nothing tells whether")
	require.Contains(t, out, "0 assets")
}

func TestASummaryOfManyValuesStaysSmall(t *testing.T) {
	m := summary{by: []string{"title"}}
	require.NoError(t, m.check())
	for n := range maxGroups + 500 {
		l := insight.Line{Media: aged(fmt.Sprint("v", n), 1)}
		l.Title = fmt.Sprint("title ", n)
		f := insight.FactsOf(l, time.Now())
		m.add(insight.Asset{Line: l, Facts: &f})
	}
	require.Len(t, m.tables[0].lines, maxGroups+1)
	require.Equal(t, 500, m.tables[0].lines[group{{state: others}, {state: others}}].assets)
}

func TestFindIsExactAndCountsWhatItCannotTell(t *testing.T) {
	library := held(t)
	code, out, errs := vodctl(t, nil, "library", "find", `height >= 1080 and any(streams, .size > 100)`, "--library", library, "--ids")
	require.Zero(t, code, errs)
	require.Equal(t, "b\n", out)
	require.Contains(t, errs, "1 asset: unknown because height, streams are missing\n")
	require.Contains(t, errs, "2 assets: unknown because height, streams (none) are missing\n")

	code, out, errs = vodctl(t, nil, "library", "find", `"news" in tags`, "--library", library, "-o", "json")
	require.Zero(t, code, errs)
	var hits []insight.Hit
	require.NoError(t, json.Unmarshal([]byte(out), &hits))
	require.Len(t, hits, 2)
	require.Nil(t, hits[0].Bytes, "c has a stream without a size")
	require.Equal(t, "image", *hits[1].Kind)
	require.Contains(t, errs, "1 asset: unknown because tags is missing")
	code, out, errs = vodctl(t, nil, "library", "find", `title == "none"`, "--library", library, "-o", "json")
	require.Zero(t, code, errs)
	require.Equal(t, "[]\n", out)
	code, out, _ = vodctl(t, nil, "library", "find", `"news" in tags`, "--library", library)
	require.Zero(t, code)
	require.Contains(t, out, "2 of 6 assets")
	require.Contains(t, out, "unknown")

	code, out, errs = vodctl(t, nil, "library", "find", "heigt > 3", "--library", library)
	require.Equal(t, 2, code)
	require.Empty(t, out)
	require.Contains(t, errs, "1:1")
	require.Contains(t, errs, "height")
	code, _, errs = vodctl(t, nil, "library", "find", "true", "--library", library+"x")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no such file")
}

func TestALibraryWithAHostileTitleRunsNoFormulaAndNoEscape(t *testing.T) {
	m := aged("a", 1, "=1+1")
	m.Title = "=1+1\x1b[2J\nforged"
	library := snapshotOf(t, m)
	for _, format := range []string{"table", "csv", "json"} {
		_, out, errs := vodctl(t, nil, "library", "find", "true", "--library", library, "-o", format)
		require.NotContains(t, out+errs, "\x1b")
		require.NotContains(t, out, ",=1")
		require.False(t, strings.Contains(out, "\nforged"), out)
	}
}

func TestProblemsAreFoundWithWhatMendsThem(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	made := func(id, status string, days int) video.Media {
		m := aged(id, 0)
		m.Status, m.Created, m.Title = video.Status(status), now.AddDate(0, 0, -days), id
		m.Source = &video.Source{Status: "Normal", Size: 1000, Duration: time.Minute}
		return m
	}
	waits, ended := made("waits", "Uploading", 0), made("stuck", "Uploading", 3)
	waits.Size, ended.Size = 1, 2
	lost := made("lost", "Normal", 9)
	lost.Source.Status = "Deleted"
	preview := lost
	preview.ID, preview.Title = "plays", "plays"
	preview.Streams = []video.Stream{{Job: "j", Definition: "HD", Status: "Normal", Size: 10, Duration: time.Minute, Kind: "video"}}
	same, copied := made("first", "Normal", 8), made("second", "Normal", 7)
	same.Source.MD5, copied.Source.MD5 = "AB12", "ab12"
	likeA, likeB := made("likeA", "Normal", 6), made("likeB", "Normal", 5)
	likeA.Title, likeB.Title = "Harbour", "ＨＡＲＢＯＵＲ"
	likeA.Tags, likeB.Tags = []string{"News"}, []string{"news"}
	likeA.Cover = "http://cdn.example/image/shown.jpg?auth_key=1-2-3"
	other := made("other", "TranscodeFail", 4)
	other.Tags = []string{"news"}
	unknown := video.Media{Video: video.Video{ID: "who", Created: now}}
	name := snapshotOf(t, waits, ended, lost, preview, same, copied, likeA, likeB, other, unknown)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	library := file(t, "problems.jsonl", strings.TrimSuffix(string(text), lastLine)+
		`{"image":{"id":"shown","url":"https://img.example/image/shown.jpg","size":5}}`+"\n"+`{"image":{"id":"alone","url":"https://img.example/image/alone.jpg","size":7}}`+"\n"+
		`{"categories":[{"id":7,"name":"show","parent":-1}]}`+"\n")
	code, out, errs := vodctl(t, nil, "library", "problems", "--library", library, "-o", "json")
	require.Zero(t, code, errs)
	var all []insight.Finding
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	ids := map[string]string{}
	for _, f := range all {
		ids[f.Problem] += fmt.Sprintf("%v %d + %d ", f.IDs, f.Count, f.Doubtful)
		require.NotEmpty(t, f.Mend, f.Problem)
	}
	require.Equal(t, map[string]string{
		"stuck-upload": "[stuck] 1 + 1 ", "failed-transcode": "[other] 1 + 1 ", "nothing-plays": "[lost] 1 + 1 ", "unshown-image": "[alone] 1 + 0 ",
		"duplicate": "[second] 1 + 0 [likeB] 1 + 0 ", "tag-forms": "[] 1 + 0 ", "empty-category": "[] 1 + 0 ",
	}, ids)
	require.Contains(t, out, "vodctl tags merge News --into news")
	require.Contains(t, out, "a guess: another has the same size, length and title")
	code, out, errs = vodctl(t, nil, "library", "problems", "--library", library, "--only", "duplicate", "--ids")
	require.Zero(t, code, errs)
	require.Equal(t, "second\nlikeB\n", out)
	for _, wrong := range [][]string{{"--ids"}, {"--only", "all"}} {
		code, _, _ = vodctl(t, nil, append([]string{"library", "problems", "--library", library}, wrong...)...)
		require.Equal(t, 2, code)
	}
}

// The account and a snapshot of it tell the same.
func TestTheLibraryOfAnAccountAndItsSnapshotTellTheSame(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none", Env: map[string]string{"RATE_SHARE": "1"}})
	require.NoError(t, c.VOD.Generate(120, 3))
	c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "stuck", Status: "Uploading", Created: c.Now().AddDate(0, 0, -5), Modified: c.Now()})
	name := t.TempDir() + "/library.jsonl"
	code, _, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Zero(t, code, errs)
	for _, args := range [][]string{{"library", "summary"}, {"library", "summary", "--by", "definition,orientation"}, {"library", "find", "age_days > 100"}, {"library", "find", "true", "--kind", "image"}, {"library", "problems"}} {
		code, live, errs := vodctl(t, c.Env(), append(args, "-o", "csv")...)
		require.Zero(t, code, errs)
		code, out, errs := vodctl(t, c.Env(), append(args, "-o", "csv", "--library", name)...)
		require.Zero(t, code, errs)
		require.Equal(t, live, out, args)
		require.Greater(t, strings.Count(out, "\n"), 2)
	}
	require.Zero(t, writes(c))
}
