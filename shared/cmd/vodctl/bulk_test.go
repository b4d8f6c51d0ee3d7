package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// shelf is a cloud without a queue, so that vodctl is the writer, and its assets by title.
func shelf(t *testing.T, assets ...fakevod.Asset) (c *localcloud.Cloud, env map[string]string, ids map[string]string) {
	t.Helper()
	c = localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none", Env: map[string]string{"RATE_SHARE": "1"}})
	env, ids = c.Env(), map[string]string{}
	env["METADATA_QUEUE"], env["METADATA_BULK_QUEUE"] = "", ""
	for i := range assets {
		assets[i].Status, assets[i].Created, assets[i].Modified = "Normal", c.Now().Add(-time.Hour), c.Now().Add(-time.Hour)
		if assets[i].Kind == "image" {
			assets[i].Picture = &fakevod.Picture{Width: 4, Height: 3, Size: 10}
		}
	}
	for i, id := range c.VOD.Seed(assets...) {
		ids[assets[i].Title] = id
	}
	return c, env, ids
}

func tagsOf(c *localcloud.Cloud, id string) string {
	a, _ := c.VOD.Lookup(id)
	return a.Tags
}

var moment = regexp.MustCompile(`--issued-at (\S+)`)

func TestEditShowsThenWritesThenIsTakenBack(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a", Tags: "x"}, fakevod.Asset{Kind: "audio", Title: "b", Tags: "x,new"}, fakevod.Asset{Kind: "image", Title: "c", Tags: "x"}, fakevod.Asset{Kind: "video", Title: "d"})
	edit := []string{"edit", `"x" in tags`, "--add", "new", "--remove", "x"}
	code, out, errs := vodctl(t, env, edit...)
	require.Zero(t, code, errs)
	require.Regexp(t, ids["a"]+` +a +tags +x +new +would change`, out)
	require.Contains(t, out, "3 assets: 3 would change\nnothing was done, --yes does it\n")
	require.Zero(t, writes(c))

	code, out, errs = vodctl(t, env, append(edit, "--yes")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "3 of 3 changes sent to VOD; vodctl undo --issued-at ")
	for _, title := range []string{"a", "b", "c"} {
		require.Equal(t, "new", tagsOf(c, ids[title]), title)
	}
	require.Empty(t, tagsOf(c, ids["d"]))
	code, out, errs = vodctl(t, env, edit...)
	require.Zero(t, code)
	require.Contains(t, errs, "the expression is true for none")
	require.Contains(t, out, "nothing would change")

	at := moment.FindStringSubmatch(must(vodctl(t, env, "edit", "--ids", file(t, "ids", ids["d"]+"\n# one\n\n"+ids["a"]+"\n"), "--title", "Harbour", "--yes"))(t))[1]
	require.Equal(t, "Harbour Harbour", titles(c, []string{ids["a"], ids["d"]}))
	code, out, errs = vodctl(t, env, "undo", "--issued-at", at)
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 of 2 assets to put back")
	code, _, errs = vodctl(t, env, "undo", "--issued-at", at, "--yes")
	require.Zero(t, code, errs)
	require.Equal(t, "a d", titles(c, []string{ids["a"], ids["d"]}))
	require.Equal(t, "new", tagsOf(c, ids["a"]), "another send's tags stay")
	code, _, _ = vodctl(t, env, "undo", "--issued-at", "yesterday")
	require.Equal(t, 2, code)
}

// must gives what a command printed that ended well.
func must(code int, out, errs string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		require.Zero(t, code, errs)
		return out
	}
}

func TestOneBadRowStopsNoOther(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a"}, fakevod.Asset{Kind: "video", Title: "b"}, fakevod.Asset{Kind: "video", Title: "full", Tags: "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"})
	sheet := "id,title,add,category\n" + ids["a"] + ",First,,\n" + ids["b"] + "," + strings.Repeat("x", 129) + ",,\n" + ids["full"] + ",,more,\n,lost,,\n" + "nope,x,,\n" + ids["b"] + ",,,seven\n" + ids["b"] + ",\"Second, \"\"quoted\"\" 汉字\",,\n"
	for _, yes := range []bool{false, true} {
		args := []string{"edit", "--csv", "-", "-o", "json"}
		if yes {
			args = append(args, "--yes")
		}
		code, out, errs := vodctlIn(t, env, sheet, args...)
		require.Equal(t, 1, code)
		for _, want := range []string{"line 3: invalid: title:", "line 5: invalid: id: missing", "line 7: invalid: category:", "3 rows left out"} {
			require.Contains(t, errs, want)
		}
		var got bulkResult
		require.NoError(t, json.Unmarshal([]byte(out), &got))
		require.Len(t, got.LeftOut, 3)
		require.Len(t, got.Preview, 4)
		require.Contains(t, got.Preview[1].Reason, "16", "the list would be too long")
		require.Equal(t, map[bool]int{false: 0, true: 2}[yes], got.Sent)
	}
	require.Equal(t, `First Second, "quoted" 汉字`, titles(c, []string{ids["a"], ids["b"]}))
}

func TestEditNeedsOneSelectionAndSomethingToChange(t *testing.T) {
	for _, args := range [][]string{
		{"edit"}, {"edit", "true"}, {"edit", "true", "--ids", "x", "--title", "t"}, {"edit", "--csv", "x", "--title", "t"}, {"edit", "true", "--add", "a,a b c d e f g h i j k l m n o p q r s t u v w x y z"},
		{"edit", "titel == \"x\"", "--title", "t"}, {"edit", "--ids", "x", "--title", "t", "--kind", "all"}, {"tags", "merge", "a"}, {"tags", "rename", "a", "a"}, {"tags", "rename", "a", "b,c"}, {"tags", "remove"},
	} {
		code, out, errs := vodctl(t, map[string]string{"VOD_ENDPOINT": "http://127.0.0.1:1", "ALIBABA_CLOUD_ACCESS_KEY_ID": "x", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "y"}, args...)
		require.Equal(t, 2, code, "%s: %s", args, errs)
		require.Empty(t, out)
	}
}

func TestEditGoesThroughTheQueue(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a"}, fakevod.Asset{Kind: "video", Title: "b", Tags: "t"})
	env["METADATA_QUEUE"], env["METADATA_BULK_QUEUE"] = c.Env()["METADATA_QUEUE"], c.Env()["METADATA_BULK_QUEUE"]
	code, out, errs := vodctl(t, env, "edit", "true", "--add", "t", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "1 of 1 change sent to "+env["METADATA_QUEUE"], "b has it")
	require.Zero(t, writes(c), "metadata is the only writer")
	all := messages(t, c, env["METADATA_QUEUE"])
	require.Len(t, all, 1)
	require.EqualValues(t, ids["a"], all[0].Changes[0].ID)
	code, out, errs = vodctl(t, env, "tags", "remove", "t", "--bulk", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "sent to "+env["METADATA_BULK_QUEUE"])
	delete(env, "METADATA_BULK_QUEUE")
	code, _, errs = vodctl(t, env, "edit", "true", "--add", "u", "--bulk")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "METADATA_BULK_QUEUE is not set")
}

func TestTagsAreRenamedMergedAndRemovedEverywhere(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a", Tags: "News,x"}, fakevod.Asset{Kind: "audio", Title: "b", Tags: "news"}, fakevod.Asset{Kind: "image", Title: "c", Tags: "NEWS,news"}, fakevod.Asset{Kind: "video", Title: "d", Tags: "newsroom,promo"})
	code, out, errs := vodctl(t, env, "tags", "list")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^news +2 +NEWS, News|^news +2 +News, NEWS`, out)
	require.Regexp(t, `(?m)^promo +1 +promo`, out, "the rule that gives it")
	_, fromFile, _ := vodctl(t, env, "tags", "list", "--library", snapshotFile(t, env))
	require.Equal(t, out, fromFile)

	code, _, errs = vodctl(t, env, "tags", "rename", "News", "news")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "vodctl tags merge News --into news")
	code, out, errs = vodctl(t, env, "tags", "merge", "News", "NEWS", "--into", "news")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 assets: 2 would change")
	require.Zero(t, writes(c))
	out = must(vodctl(t, env, "tags", "merge", "News", "NEWS", "--into", "news", "--yes"))(t)
	require.Equal(t, "x,news news news newsroom,promo", strings.Join([]string{tagsOf(c, ids["a"]), tagsOf(c, ids["b"]), tagsOf(c, ids["c"]), tagsOf(c, ids["d"])}, " "))
	must(vodctl(t, env, "undo", "--yes", "--issued-at", moment.FindStringSubmatch(out)[1]))(t)
	require.Equal(t, "News,x", tagsOf(c, ids["a"]))
	require.ElementsMatch(t, []string{"NEWS", "news"}, strings.Split(tagsOf(c, ids["c"]), ","))

	for command, header := range map[string]string{"tags remove x": "asset,title,field,before,after,result", "edit true --add q": "asset,title,field,before,after,result", "media search-media": "id,kind,status,bytes,seconds,uploaded,category,tags,title", "media get-video-info " + ids["a"]: "asset,field,value"} {
		for _, format := range []string{"csv", "json"} {
			out := must(vodctl(t, env, append(strings.Fields(command), "-o", format)...))(t)
			require.True(t, strings.HasPrefix(out, header+"\n") || json.Valid([]byte(out)), "%s: %s", command, out)
		}
	}
	must(vodctl(t, env, "tags", "rename", "x", "y", "--yes"))(t)
	require.Equal(t, "News,y", tagsOf(c, ids["a"]))
	code, _, errs = vodctl(t, env, "tags", "remove", "y", "absent", "--yes")
	require.Equal(t, 1, code, "one of the two is not there, and does not stop the other")
	require.Contains(t, errs, `no asset has the tag "absent"`)
	require.Equal(t, "News", tagsOf(c, ids["a"]))
	_, _, errs = vodctl(t, env, "tags", "remove", "promo")
	require.Contains(t, errs, `rules give the tag "promo": promo; change the rules first`)
}

func snapshotFile(t *testing.T, env map[string]string) string {
	t.Helper()
	name := t.TempDir() + "/library.jsonl"
	must(vodctl(t, env, "snapshot", name))(t)
	return name
}

// Words that protect are let go by their number only, in whatever spelling they stand.
func TestNoProtectionIsTakenAwayUnsaid(t *testing.T) {
	const policy = `
holds: {tags: [legal-hold], categories: [CATEGORY], until: hold-until}
rules: [{name: r, select: '"temp" in tags', older_than: 30d, remove: {video: true}}]
`
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "exact", Tags: "legal-hold,a"}, fakevod.Asset{Kind: "video", Title: "wide", Tags: "ＬＥＧＡＬ‑ｈｏｌｄ"}, fakevod.Asset{Kind: "video", Title: "near", Tags: "legal hold"},
		fakevod.Asset{Kind: "video", Title: "dated", Tags: "hold-until:2999-01-01"}, fakevod.Asset{Kind: "video", Title: "past", Tags: "hold-until:2001-01-01"}, fakevod.Asset{Kind: "image", Title: "locked", Tags: "hands-off"}, fakevod.Asset{Kind: "video", Title: "plain", Tags: "a"})
	held := c.VOD.AddCategory("court", -1)
	env["POLICY_FILE"] = file(t, "policy.yaml", strings.Replace(policy, "CATEGORY", fmt.Sprint(held), 1))
	for tag, loses := range map[string]bool{"legal-hold": true, "ＬＥＧＡＬ‑ｈｏｌｄ": true, "legal hold": true, "hold-until:2999-01-01": true, "hold-until:2001-01-01": false, "hands-off": true, "a": false} {
		code, out, errs := vodctl(t, env, "tags", "remove", tag)
		require.Zero(t, code, errs)
		require.Contains(t, out, "nothing was done")
		require.Equal(t, loses, strings.Contains(errs, "1 asset would lose what protects"), "%s: %s", tag, errs)
		if !loses {
			continue
		}
		for _, said := range [][]string{{}, {"--release-holds", "2"}, {"--release-holds", "0"}} {
			code, _, errs = vodctl(t, env, append([]string{"tags", "remove", tag, "--yes"}, said...)...)
			require.Equal(t, 4, code)
			require.Contains(t, errs, "--release-holds 1 lets that be")
		}
	}
	require.Zero(t, writes(c))
	// Another spelling of the same word protects as well.
	code, _, errs := vodctl(t, env, "tags", "rename", "legal-hold", "Legal-Hold", "--yes")
	require.Zero(t, code, errs)
	require.Equal(t, "a,Legal-Hold", tagsOf(c, ids["exact"]))
	code, _, errs = vodctl(t, env, "edit", "true", "--tags", "x", "--yes")
	require.Equal(t, 4, code)
	require.Contains(t, errs, "5 assets would lose")
	must(vodctl(t, env, "tags", "remove", "Legal-Hold", "--yes", "--release-holds", "1"))(t)
	require.Equal(t, "a", tagsOf(c, ids["exact"]))

	// So does a category.
	must(vodctl(t, env, "edit", `title == "plain"`, "--category", fmt.Sprint(held), "--yes"))(t)
	other := c.VOD.AddCategory("open", -1)
	code, _, errs = vodctl(t, env, "edit", `title == "plain"`, "--category", fmt.Sprint(other), "--yes")
	require.Equal(t, 4, code)
	require.Contains(t, errs, "is held")
	must(vodctl(t, env, "edit", `title == "plain"`, "--category", fmt.Sprint(other), "--yes", "--release-holds", "1"))(t)

	code, out, errs := vodctl(t, env, "tags", "list")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^legal hold +1 +tag "legal hold" looks like the hold`, out)
}

// Every way to the queue has the same guard.
func TestQueueSendTakesNoProtectionAwayUnsaid(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "one", Tags: "keep,old"}, fakevod.Asset{Kind: "video", Title: "two", Tags: "old"})
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	table := file(t, "un.csv", "id,tags\n"+ids["one"]+",\"archive,x\"\n"+ids["two"]+",new\n")
	removal := file(t, "un.json", `{"v":1,"changes":[{"id":"`+ids["one"]+`","tags":{"remove":["keep"]}}]}`)
	for _, args := range [][]string{{"--csv", table}, {removal}} {
		args = append([]string{"queue", "send"}, args...)
		code, out, errs := vodctl(t, env, args...)
		require.Zero(t, code, errs)
		require.Contains(t, errs, "1 asset would lose what protects them from removal or from rules: with --yes say --release-holds 1 too")
		require.Contains(t, out, "would change")
		for _, said := range [][]string{{"--yes"}, {"--yes", "--release-holds", "2"}} {
			code, _, errs = vodctl(t, env, append(args, said...)...)
			require.Equal(t, 4, code, errs)
			require.Contains(t, errs, "--release-holds 1 lets that be")
		}
		require.Zero(t, c.MNS.Stats(env["METADATA_QUEUE"]))
	}
	must(vodctl(t, env, "queue", "send", "--csv", table, "--yes", "--release-holds", "1"))(t)
	require.Len(t, waiting(t, c, env["METADATA_QUEUE"]), 2)
}

// What the writer would refuse is refused before it is sent.
func TestWhatNobodyWouldWriteIsNotSent(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "one"})
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	for row, fault := range map[string]string{
		"issuedAt\n" + ids["one"] + ",2999-01-01T00:00:00Z": "issuedAt: 2999-01-01T00:00:00Z, at most ",
		"cover\n" + ids["one"] + ",javascript:alert(1)":     "cover: want an address that begins with https://",
		"cover\n" + ids["one"] + ",not a url":               "cover: want an address",
		"category\n" + ids["one"] + ",-5":                   "category: -5 is no category",
		"category\n" + ids["one"] + ",99":                   "category: there is none with the id 99",
	} {
		row = "id,title," + strings.Replace(row, ids["one"]+",", ids["one"]+",new,", 1)
		table := file(t, "t.csv", row+"\n")
		for _, args := range [][]string{{"edit", "--csv", table}, {"edit", "--csv", table, "--yes"}, {"queue", "send", "--csv", table}, {"queue", "send", "--csv", table, "--yes"}} {
			code, out, errs := vodctl(t, env, args...)
			require.Equal(t, 1, code, args)
			require.Contains(t, errs, fault, args)
			require.NotContains(t, out, "1 would change")
		}
	}
	for _, flags := range [][]string{{"--category", "-5"}, {"--cover", "javascript:alert(1)"}, {"--cover", "not a url"}} {
		code, _, errs := vodctl(t, env, append([]string{"edit", "true"}, flags...)...)
		require.Equal(t, 2, code, errs)
	}
	code, out, errs := vodctl(t, env, "edit", "true", "--category", "99")
	require.Equal(t, 1, code)
	require.NotContains(t, out, "1 would change")
	require.Contains(t, errs, "there is none with the id 99")
	require.Zero(t, c.MNS.Stats(env["METADATA_QUEUE"]))
}

// The moment that is said is one that undo knows, whoever reads the result.
func TestWhatWasSentIsTakenBackByTheMomentsThatAreSaid(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "one"}, fakevod.Asset{Kind: "video", Title: "two"})
	own := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
	table := file(t, "t.csv", "id,title,issuedAt\n"+ids["one"]+",mine,"+own+"\n"+ids["two"]+",now,\n")
	said := moment.FindAllStringSubmatch(must(vodctl(t, env, "edit", "--csv", table, "--yes"))(t), -1)
	require.Len(t, said, 2)
	for _, m := range said {
		must(vodctl(t, env, "undo", "--issued-at", strings.TrimSuffix(m[1], ","), "--yes"))(t)
	}
	require.Equal(t, "one two", titles(c, []string{ids["one"], ids["two"]}))
	for _, format := range []string{"csv", "json"} {
		_, _, errs := vodctl(t, env, "edit", "true", "--add", format, "--yes", "-o", format)
		require.Contains(t, errs, "2 of 2 changes sent to VOD; vodctl undo --issued-at ")
		require.Contains(t, errs, "METADATA_QUEUE is not set")
	}
	_, out, errs := vodctl(t, env, "edit", "true", "--add", "csv", "--yes")
	require.NotContains(t, out+errs, "undo", "nothing was sent")
}

// A rename that was broken off has given some the new name.
func TestABrokenRenameSaysHowItGoesOn(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "done", Tags: "--new"}, fakevod.Asset{Kind: "video", Title: "rest", Tags: "old"})
	code, _, errs := vodctl(t, env, "tags", "rename", "old", "--yes", "--", "--new")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "vodctl tags merge --into=--new -- old does that, and goes on")
	must(vodctl(t, env, "tags", "merge", "--into=--new", "--yes", "--", "old"))(t)
	require.Equal(t, "--new", tagsOf(c, ids["rest"]))

	env["MNS_ENDPOINT"], env["METADATA_QUEUE"] = "http://127.0.0.1:1", "metadata"
	code, _, errs = vodctl(t, env, "tags", "rename", "--yes", "--", "--new", "third")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "vodctl tags merge --into=third -- --new sends the rest")
}
