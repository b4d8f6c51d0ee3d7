package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// changesIn are the changes that wait in the metadata queue, one in each message.
func changesIn(t *testing.T, bodies []string) []video.Change {
	t.Helper()
	changes := make([]video.Change, len(bodies))
	for i, body := range bodies {
		m, err := events.DecodeMetadata([]byte(body))
		require.NoError(t, err)
		require.Len(t, m.Changes, 1)
		require.False(t, m.Changes[0].IssuedAt.IsZero())
		changes[i] = m.Changes[0]
		require.NotEmpty(t, changes[i].By)
		require.NotEmpty(t, changes[i].Source)
		changes[i].IssuedAt, changes[i].Asked = time.Time{}, video.Asked{}
	}
	return changes
}

// short is a name such as v1 in a test's table or message.
var short = regexp.MustCompile(`\b([vi])(\d+)\b`)

// full is a text with ids as VOD gives them in place of short names.
func full(text string) string {
	return short.ReplaceAllStringFunc(text, func(name string) string {
		return fmt.Sprintf("%s%031s", map[byte]string{'v': "a", 'i': "b"}[name[0]], name[1:])
	})
}

const sheet = "\ufeffid,kind,title,description,category,cover,tags,add,remove,ifUnmodifiedSince\n" +
	`v1,,"Lesson one, part 2",(clear),7,http://c/1.jpg,,"lesson, 2026",draft,2026-06-21T00:00:00Z` + "\n" +
	`i1,image,,,,,(clear),,,` + "\n"

func TestQueueSendReadsACSV(t *testing.T) {
	c, env := queues(t)
	category := c.VOD.AddCategory("lessons", -1)
	text := strings.Replace(full(sheet), ",7,", fmt.Sprintf(",%d,", category), 1)
	code, out, errs := vodctlIn(t, env, text, "queue", "send", "--csv", "-")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 changes for metadata\nnothing was done, --yes does it\n")
	require.Zero(t, c.MNS.Stats("metadata"))

	code, out, errs = vodctlIn(t, env, text, "queue", "send", "--csv", "-", "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 of 2 changes sent")
	title, none, cover := "Lesson one, part 2", "", "http://c/1.jpg"
	require.ElementsMatch(t, []video.Change{
		{
			ID: video.ID(full("v1")), Set: video.Fields{Title: &title, Description: &none, Category: &category, Cover: &cover},
			Tags: video.TagEdit{Add: []string{"lesson", "2026"}, Remove: []string{"draft"}}, IfUnmodifiedSince: time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC),
		},
		{ID: video.ID(full("i1")), Kind: video.KindImage, Tags: video.TagEdit{Set: &[]string{}}},
	}, changesIn(t, waiting(t, c, "metadata")))
}

// A spreadsheet leaves rows and columns in which nothing stands.
func TestQueueSendLeavesEmptyRowsAndColumnsOut(t *testing.T) {
	for name, sheet := range map[string]string{
		"rows":               "id,title\nv1,Harbour\n,\n,\n",
		"rows before":        ",\nid,title\n , \nv1,Harbour\n",
		"columns":            "id,,title,,\nv1,,Harbour, ,\n,,,,\n",
		"cells to the right": "id,title\nv1,Harbour,,\n,,,\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			code, out, errs := vodctlIn(t, env, full(sheet), "queue", "send", "--csv", "-", "--yes")
			require.Zero(t, code, errs)
			require.Contains(t, out, "1 of 1 change sent")
			title := "Harbour"
			require.Equal(t, []video.Change{{ID: video.ID(full("v1")), Set: video.Fields{Title: &title}}}, changesIn(t, waiting(t, c, "metadata")))
		})
	}
	_, env := queues(t)
	code, _, errs := vodctlIn(t, env, full("id,,title\nv1,x,Harbour\nv2,,Quay,lost\nv3\n"), "queue", "send", "--csv", "-", "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, `line 2: invalid: "x" stands in column 2, which has no name`)
	require.Contains(t, errs, `line 3: invalid: "lost" stands in column 4, which has no name`)
	require.Contains(t, errs, "line 4: invalid: 1 cell, and the table has 3 columns")
}

// A comma of another script separates nothing in VOD: one long tag would come of it, silently.
func TestQueueSendRefusesATagThatLooksLikeSeveral(t *testing.T) {
	_, env := queues(t)
	for _, cell := range []string{"上海，夏天、海", "夏天、海", "a；b", "a;b", "a|b", "a،b", "fine,a，b"} {
		for _, column := range []string{"tags", "add"} {
			code, _, errs := vodctlIn(t, env, full("id,"+column+"\nv1,\""+cell+"\"\n"), "queue", "send", "--csv", "-", "--yes")
			require.Equal(t, 1, code, cell)
			require.Contains(t, errs, "line 2: invalid: "+column+": ")
			require.Contains(t, errs, "looks like several tags")
		}
		code, _, errs := vodctlIn(t, env, full("id,remove\nv1,\""+cell+"\"\n"), "queue", "send", "--csv", "-", "--yes")
		require.Zero(t, code, "%s: what is there can be taken away: %s", cell, errs)
	}
}

func TestQueueSendTakesEveryJSONForm(t *testing.T) {
	for name, text := range map[string]string{
		"one message":       `{"v":1,"changes":[{"id":"v1","set":{"title":"a"}},{"id":"v2","tags":{"add":["b"]}}]}`,
		"an update content": `[{"VideoId":"v1","Title":"a"},` + "\n" + `{"VideoId":"v2","Tags":"b"}]`,
		"a message a line":  `{"v":1,"changes":[{"id":"v1","set":{"title":"a"}}]}` + "\r\n\n" + `[{"VideoId":"v2","Tags":"b"}]` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			file := filepath.Join(t.TempDir(), "changes.json")
			require.NoError(t, os.WriteFile(file, []byte(full(text)), 0o600))
			code, out, errs := vodctl(t, env, "queue", "send", file, "--yes", "-o", "json")
			require.Zero(t, code, errs)
			require.JSONEq(t, `{"queue":"metadata","changes":2,"sent":2,"failed":[]}`, out)
			require.Len(t, changesIn(t, waiting(t, c, "metadata")), 2)
		})
	}
}

func TestQueueSendBulkGoesBehindPeoplesChanges(t *testing.T) {
	c, env := queues(t)
	code, out, errs := vodctlIn(t, env, full("id,title\nv1,a\nv2,b\n"), "queue", "send", "--csv", "-", "--bulk", "--yes", "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `{"queue":"vodcurator-bulk","changes":2,"sent":2,"failed":[]}`, out)
	require.Len(t, messages(t, c, "vodcurator-bulk"), 2)
	require.Equal(t, []events.Metadata{{Bulk: true}}, messages(t, c, "metadata"), "metadata hears of them")

	delete(env, "METADATA_BULK_QUEUE")
	code, _, errs = vodctlIn(t, env, full("id,title\nv1,a\n"), "queue", "send", "--csv", "-", "--bulk")
	require.NotZero(t, code)
	require.Contains(t, errs, "METADATA_BULK_QUEUE is not set")
}

func TestQueueSendNamesEveryFaultAndSendsNothing(t *testing.T) {
	c, env := queues(t)
	bad := "id,title,add,category,issuedAt\n" +
		"v1," + strings.Repeat("x", 129) + ",,,\n" +
		`"a,b",t,,,` + "\n" +
		`v3,t,"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",,` + "\n" +
		"v4,t,,seven,\n" +
		"v5,,,,\n" +
		"v6,🎬,,,yesterday\n" +
		"v7,fine,,,\n" +
		"0123456789abcdef0123456789abcde,half,,,\n"
	code, out, errs := vodctlIn(t, env, full(bad), "queue", "send", "--csv", "-", "--yes")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	for _, want := range []string{
		"line 2: invalid: title:", "129 bytes, at most 128", "line 3: invalid: id:", "line 4: invalid: tags.add: 17 tags, at most 16",
		"line 5: invalid: category:", "line 6: invalid: " + full("v5") + ": asks for nothing", "line 7: invalid: issuedAt:", `"🎬" holds '🎬' (U+1F3AC), an emoji, which VOD refuses: take it out`,
		`line 9: invalid: id: "0123456789abcdef0123456789abcde"; VOD's ids have 32 hexadecimal digits: vodctl library find lists them`,
	} {
		require.Contains(t, errs, want)
	}
	require.NotContains(t, errs, "line 8")
	for _, text := range []string{"", "id,titel\n", "title\n", "id,id\n", "id,title\nv1\n"} {
		code, _, errs := vodctlIn(t, env, text, "queue", "send", "--csv", "-", "--yes")
		require.Equal(t, 1, code, errs)
	}
	for _, text := range []string{"", "hello", `{"v":2}`, `{"v":1,"changes":[{"id":"v1"}]}` + "\n{}", `{"v":1,"changes":[{"id":"v1","set":{"title":"a"}}]}`, `[{"VideoId":"nope","Title":"a"}]`} {
		code, _, errs := vodctlIn(t, env, text, "queue", "send", "--yes")
		require.Equal(t, 1, code, errs)
	}
	require.Zero(t, c.MNS.Stats("metadata"))
}

func TestQueueSendGoesOnWhereItStopped(t *testing.T) {
	c, env := queues(t)
	var b strings.Builder
	b.WriteString("id,title\n")
	for i := range 50 {
		fmt.Fprintf(&b, "v%d,t\n", i)
	}
	code, out, errs := vodctlIn(t, env, full(b.String()), "queue", "send", "--csv", "-", "--yes", "--skip", "40")
	require.Zero(t, code, errs)
	require.Contains(t, out, "10 of 10 changes sent")
	require.Equal(t, video.ID(full("v40")), changesIn(t, waiting(t, c, "metadata"))[0].ID)
	code, _, _ = vodctlIn(t, env, full(b.String()), "queue", "send", "--csv", "-", "--skip", "51")
	require.Equal(t, 2, code)

	env["METADATA_QUEUE"] = "nobody"
	code, _, errs = vodctlIn(t, env, full(b.String()), "queue", "send", "--csv", "-", "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "go on with --skip 0")
}

// What may have arrived is sent again as it was: no newer, and so without a second effect.
func TestQueueSendGoesOnWithTheSameMomentOfIssue(t *testing.T) {
	c, env := queues(t)
	const sheet = "id,title,issuedAt\nv0,a,\nv1,a,2026-06-21T08:00:00Z\nv0,b,\nv2,a,\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		const sent = `<Message><MessageId>1</MessageId><MessageBodyMD5>2</MessageBodyMD5></Message>`
		const not = `<Message><ErrorCode>InternalError</ErrorCode><ErrorMessage>Interal error.</ErrorMessage></Message>`
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `<Messages>`+sent+not+not+sent+`</Messages>`)
	}))
	t.Cleanup(server.Close)
	half := maps.Clone(env)
	half["MNS_ENDPOINT"] = server.URL
	before := time.Now().Add(-time.Millisecond)
	for _, format := range []string{"json", "table"} {
		code, out, errs := vodctlIn(t, half, full(sheet), "queue", "send", "--csv", "-", "--yes", "-o", format)
		require.Equal(t, 1, code)
		require.Contains(t, out, "2")
		require.Contains(t, errs, "2 changes not sent, the first: "+full("v1")+": queue metadata: ")
		hint := regexp.MustCompile(`go on with (--skip 1 --issued-at (\S+))\n`).FindStringSubmatch(errs)
		require.NotNil(t, hint, errs)
		at, err := time.Parse(time.RFC3339, hint[2])
		require.NoError(t, err)
		require.WithinRange(t, at, before, time.Now())

		code, _, errs = vodctlIn(t, env, full(sheet), append([]string{"queue", "send", "--csv", "-", "--yes"}, strings.Fields(hint[1])...)...)
		require.Zero(t, code, errs)
		var got []time.Time
		for _, body := range waiting(t, c, "metadata") {
			m, err := events.DecodeMetadata([]byte(body))
			require.NoError(t, err)
			got = append(got, m.Changes[0].IssuedAt)
		}
		// Each a hair later than the one before, so that of two lines about a media the lower wins.
		require.Equal(t, []time.Time{time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC), at.Add(2), at.Add(3)}, got)
	}
	for _, wrong := range []string{"yesterday", "2201-01-01T00:00:00Z"} {
		code, _, errs := vodctlIn(t, env, full(sheet), "queue", "send", "--csv", "-", "--issued-at", wrong)
		require.Equal(t, 2, code)
		require.Contains(t, errs, "--issued-at")
	}
}

func TestQueuePeekAndStats(t *testing.T) {
	c, env := queues(t)
	for range 3 {
		_, err := c.MNS.Enqueue("metadata", base64.StdEncoding.EncodeToString([]byte(good)))
		require.NoError(t, err)
	}
	_, err := c.MNS.Enqueue("dead", "plain \t poison")
	require.NoError(t, err)
	code, out, errs := vodctl(t, env, "queue", "stats", "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `[{"queue":"metadata","waiting":3,"taken":0,"delayed":0},{"queue":"vodcurator-bulk","waiting":0,"taken":0,"delayed":0},{"queue":"dead","waiting":1,"taken":0,"delayed":0}]`, out)
	code, out, errs = vodctl(t, env, "queue", "stats")
	require.Zero(t, code, errs)
	require.Contains(t, out, "WAITING")

	code, out, errs = vodctl(t, env, "queue", "peek")
	require.Zero(t, code, errs)
	require.Equal(t, 3, strings.Count(out, "Lesson one"))
	code, out, errs = vodctl(t, env, "queue", "peek", "--queue", "dead", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"plain \t poison"`)
	require.Equal(t, 3, c.MNS.Stats("metadata").Active, "a look leaves them")
}

func TestASheetInAnotherFormSaysWhatToSave(t *testing.T) {
	_, env := queues(t)
	utf16 := "\xff\xfei\x00d\x00,\x00t\x00\n\x00"
	for sheet, want := range map[string]string{
		"ID,title\nv1,a\n":              `column "ID" is unknown or there twice: write id`,
		"VideoId,Title\nv1,a\n":         `column "VideoId" is unknown or there twice: write id`,
		"id,titel\nv1,a\n":              "did you mean title?",
		"id;title\nv1;a\n":              `the first line separates columns by ";": save the file with commas`,
		"id\ttitle\nv1\ta\n":            `the first line separates columns by "\t"`,
		utf16:                           "the file is UTF-16",
		"id,title\nv1,\xc4\xe3\xba\xc3": "the file is not UTF-8, perhaps GBK",
	} {
		code, out, errs := vodctlIn(t, env, full(sheet), "queue", "send", "--csv", "-", "--yes")
		require.Equal(t, 1, code, sheet)
		require.Empty(t, out)
		require.Contains(t, errs, want)
	}
}

func TestQueueSendShowsBeforeAndAfter(t *testing.T) {
	c, env, ids := edited(t)
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	sheet := "id,title,add\n" + ids[0] + ",Harbour,boat\n" + ids[1] + ",theirs,\n" + "v9,x,\n"
	code, out, errs := vodctlIn(t, env, full(sheet), "queue", "send", "--csv", "-")
	require.Zero(t, code, errs)
	require.Regexp(t, ids[0]+` +new +title +new +Harbour +would change`, out)
	require.Regexp(t, ids[0]+` +new +tags +boat +would change`, out)
	require.NotContains(t, out, ids[1], "it is so already")
	require.Regexp(t, full("v9")+` +missing`, out)
	require.Contains(t, out, "3 assets: 1 would change, 1 is so already, 1 missing\n3 changes for vodcurator-metadata\nnothing was done, --yes does it\n")
	require.Zero(t, c.MNS.Stats(env["METADATA_QUEUE"]))
	code, out, errs = vodctlIn(t, env, full(sheet), "queue", "send", "--csv", "-", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"before": "new",`)

	// What metadata would refuse is told: an older change than the last that it wrote.
	code, out, errs = vodctlIn(t, env, full("id,title\n"+ids[0]+",Harbour\n"), "queue", "send", "--csv", "-", "--issued-at", "2026-01-01T00:00:00Z")
	require.Zero(t, code, errs)
	require.Contains(t, out, "stale")
}
