package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// now is a cloud of today, since the functions decide with the real clock.
func now(o *localcloud.Options) { o.Faults, o.Start = "none", time.Now() }

func rulesFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func seed(c *localcloud.Cloud, title, tags string, age time.Duration) string {
	return c.VOD.Seed(fakevod.Asset{
		Kind: "video", Title: title, Tags: tags, Status: "Normal", Created: time.Now().Add(-age),
		Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 300, Width: 1280, Height: 720}},
	})[0]
}

// settle waits until all that was sent is done.
func settle(t *testing.T, c *localcloud.Cloud) {
	t.Helper()
	env := c.Env()
	require.Eventually(t, func() bool {
		if c.FC.Quiet(t.Context()) != nil {
			return false
		}
		none := fakemns.Stats{}
		return c.MNS.Stats(env["NOTICE_QUEUE"]) == none && (env["METADATA_QUEUE"] == "" || c.MNS.Stats(env["METADATA_QUEUE"]) == none) && c.FC.Quiet(t.Context()) == nil
	}, 4*time.Minute, 20*time.Millisecond) // what counts is the end, not the machine's load
}

// announce puts a notification about a video into VOD's queue.
func announce(t *testing.T, c *localcloud.Cloud, kind, id string) {
	t.Helper()
	_, err := c.MNS.Enqueue(c.Env()["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":%q,"EventTime":%q,"VideoId":%q,"Status":"success"}`, kind, time.Now().UTC().Format(time.RFC3339), id))
	require.NoError(t, err)
}

func tell(t *testing.T, c *localcloud.Cloud, body string) {
	t.Helper()
	_, err := c.MNS.Enqueue(c.Env()["METADATA_QUEUE"], body)
	require.NoError(t, err)
}

func look(t *testing.T, c *localcloud.Cloud, id string) (title string, tags []string) {
	t.Helper()
	a, ok := c.VOD.Lookup(id)
	require.True(t, ok)
	return a.Title, video.SplitTags(a.Tags)
}

// console is somebody who changes media past us, in VOD's own console.
func console(t *testing.T, c *localcloud.Cloud) func(video.Update) {
	env := c.Env()
	client, err := vod.New(vod.Config{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Share: 1,
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return func(u video.Update) {
		outcomes, err := client.Update(t.Context(), []video.Update{u})
		require.NoError(t, err)
		require.NoError(t, outcomes[0].Err)
	}
}

// A CMS sets the title of a fresh upload while VOD announces the upload. Rules that saw
// the old title overwrote 189 of 300.
func TestTheTitlesOfEditorsSurviveTheRules(t *testing.T) {
	for name, rules := range map[string]string{
		"a rule that overwrites": `
rules:
  - {name: tidy title, when: 'title matches "(?i)\\.(mp4|mov)$"', title: "{title|clean|caps}", fields: {title: overwrite}}
`,
		"the built-in rules": "",
	} {
		t.Run(name, func(t *testing.T) {
			env, title := map[string]string{}, ""
			if rules != "" {
				env["RULES_FILE"], title = rulesFile(t, rules), "raw.mp4"
			}
			c, _ := cloud(t, 0, 1, env, now, func(o *localcloud.Options) {
				o.Tune = func(s *localcloud.Services) { s.VOD.RateScale = -1 }
			})
			var sending sync.WaitGroup
			var ids []string
			for i := range 100 {
				id := seed(c, title, "mine", time.Minute)
				ids = append(ids, id)
				sending.Go(func() {
					time.Sleep(time.Duration(i*37%500) * time.Millisecond)
					tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"issuedAt":%q,"set":{"title":"By the editors %d"}}]}`, id, time.Now().UTC().Format(time.RFC3339Nano), i))
				})
				sending.Go(func() {
					time.Sleep(time.Duration(i*53%500) * time.Millisecond)
					announce(t, c, "FileUploadComplete", id)
				})
			}
			sending.Wait()
			settle(t, c)
			lost := 0
			for i, id := range ids {
				if got, _ := look(t, c, id); got != fmt.Sprint("By the editors ", i) {
					lost++
				}
			}
			require.Zero(t, lost)
			require.Zero(t, c.MNS.Stats(c.Env()["DEAD_LETTER_QUEUE"]))
			t.Logf("%s: 0 of %d titles of the editors lost", name, len(ids))
		})
	}
}

// Whoever has seen one signed callback can send bodies with its signature for some
// minutes; what a body says of the time counts for nothing.
func TestNoEventMovesTheRulesClock(t *testing.T) {
	const ages = `
rules:
  - {name: new, when: age_days < 7, add: [new]}
  - {name: archive, when: age_days > 365, add: [archive-me]}
`
	for _, queue := range []string{"vodcurator-metadata", ""} {
		c, _ := cloud(t, 0, 0.01, map[string]string{"RULES_FILE": rulesFile(t, ages), "METADATA_QUEUE": queue}, now)
		id, old := seed(c, "x", "mine", 24*time.Hour), seed(c, "x", "mine,new", 8*24*time.Hour)
		env := c.Env()
		stamp := fmt.Sprint(time.Now().Unix())
		sum := md5.Sum([]byte(env["CALLBACK_URL"] + "|" + stamp + "|" + env["CALLBACK_KEYS"]))
		post := func(at time.Time) int {
			body := fmt.Sprintf(`{"EventType":"FileUploadComplete","EventTime":%q,"VideoId":%q,"Status":"success"}`, at.UTC().Format(time.RFC3339), id)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, env["AUTOTAG_URL"], strings.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("X-VOD-TIMESTAMP", stamp)
			req.Header.Set("X-VOD-SIGNATURE", hex.EncodeToString(sum[:]))
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp.StatusCode
		}
		require.Equal(t, 200, post(time.Now()))
		settle(t, c)
		_, tags := look(t, c, id)
		require.Equal(t, []string{"mine", "new"}, tags)
		writes := c.VOD.Log().Count("UpdateVideoInfos")
		for year := 1970; year <= 2100; year += 10 {
			require.Equal(t, 200, post(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)))
		}
		// An event that waited two days in its queue is as good as one of now.
		_, err := c.MNS.Enqueue(env["NOTICE_QUEUE"], fmt.Sprintf(`{"EventType":"TranscodeComplete","EventTime":%q,"VideoId":%q,"Status":"success"}`, time.Now().Add(-47*time.Hour).UTC().Format(time.RFC3339), old))
		require.NoError(t, err)
		settle(t, c)
		require.Equal(t, writes, c.VOD.Log().Count("UpdateVideoInfos"), "METADATA_QUEUE=%q: events with times of their own cause reads and nothing else", queue)
	}
}

// The built-in rules over what people do in the console.
func TestWhatPeopleTagStaysTheirs(t *testing.T) {
	for _, queue := range []string{"vodcurator-metadata", ""} {
		c, _ := cloud(t, 0, 0.01, map[string]string{"METADATA_QUEUE": queue}, now, func(o *localcloud.Options) { o.Callback = "mns" })
		person := console(t, c)

		own := seed(c, "Ein Gespräch mit der Bürgermeisterin", "interview,recording,long,promo,city", 400*24*time.Hour)
		announce(t, c, "TranscodeComplete", own)
		settle(t, c)
		_, tags := look(t, c, own)
		for _, tag := range []string{"interview", "recording", "long", "promo", "city"} {
			require.Contains(t, tags, tag, "an editor's own tags, of an asset that autotag had never touched")
		}

		fresh := seed(c, "Promo for our talk", "", 10*time.Minute)
		announce(t, c, "TranscodeComplete", fresh)
		settle(t, c)
		_, tags = look(t, c, fresh)
		require.Subset(t, tags, []string{"promo", "landscape", "hd"})
		left := []string{"landscape", "hd"}
		person(video.Update{ID: video.ID(fresh), Tags: &left})
		for range 3 {
			c.Advance(time.Hour)
			announce(t, c, "TranscodeComplete", fresh)
			settle(t, c)
			_, tags = look(t, c, fresh)
			require.Equal(t, left, tags, "what an editor took away stays away")
		}

		if queue == "" {
			continue // whose change a title is can only be told where metadata's journal says what ours were
		}
		late := seed(c, "raw upload", "", 5*time.Hour)
		announce(t, c, "TranscodeComplete", late)
		settle(t, c)
		title := "Summer promo trailer"
		person(video.Update{ID: video.ID(late), Fields: video.Fields{Title: &title}})
		require.Eventually(t, func() bool {
			_, tags = look(t, c, late)
			return slices.Contains(tags, "promo")
		}, time.Minute, 50*time.Millisecond, "a title that is given later has its rules run")
	}
}

// A tag of 13 Chinese characters, which the creating call takes: it was a dead letter
// every hour, and nothing of the asset's tags could be written again.
func TestATagThatNoUpdateCanCarryIsSaidOnceAndStopsNobody(t *testing.T) {
	for _, queue := range []string{"vodcurator-metadata", ""} {
		c, _ := cloud(t, 0, 0.01, map[string]string{"METADATA_QUEUE": queue}, now)
		long := "中华人民共和国成立七十周年"
		id := seed(c, "Promo", long, time.Minute)
		for range 4 {
			announce(t, c, "FileUploadComplete", id)
			c.Advance(time.Hour)
			settle(t, c)
		}
		require.Zero(t, c.VOD.Log().Count("UpdateVideoInfos"), "what cannot pass is not sent")
		require.Zero(t, c.MNS.Stats(c.Env()["DEAD_LETTER_QUEUE"]))
		if queue == "" {
			continue
		}
		tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"a title alone"}}]}`, id))
		tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"tags":{"add":["x"]}}]}`, id))
		settle(t, c)
		title, tags := look(t, c, id)
		require.Equal(t, "a title alone", title)
		require.Equal(t, []string{long}, tags)
		require.Equal(t, 1, c.MNS.Stats(c.Env()["DEAD_LETTER_QUEUE"]).Active, "the person is told")
		tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"tags":{"remove":[%q],"add":["x"]}}]}`, id, long))
		settle(t, c)
		_, tags = look(t, c, id)
		require.Equal(t, []string{"x"}, tags, "and what is named as the remedy is one")
		announce(t, c, "FileUploadComplete", id)
		settle(t, c)
		_, tags = look(t, c, id)
		require.Contains(t, tags, "landscape")
	}
}

// A warm instance kept the old rules, a cold one had the new, and the two undid each other.
func TestNewRulesCountFromTheNextBatchOn(t *testing.T) {
	const text = "rules:\n  - {name: a, when: 'true', add: [%s]}\n"
	file := rulesFile(t, fmt.Sprintf(text, "one"))
	c, _ := cloud(t, 0, 0.01, map[string]string{"RULES_FILE": file}, now)
	id := seed(c, "x", "mine", time.Hour)
	announce(t, c, "TranscodeComplete", id)
	settle(t, c)
	_, tags := look(t, c, id)
	require.Equal(t, []string{"mine", "one"}, tags)
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, text, "two"), 0o600))
	for range 5 {
		announce(t, c, "TranscodeComplete", id)
		settle(t, c)
		_, tags = look(t, c, id)
		require.Equal(t, []string{"mine", "two"}, tags)
	}
	require.Equal(t, 2, c.VOD.Log().Count("UpdateVideoInfos"))
}

// One message of 130 bytes made metadata panic, its batch was run again for a day, and
// then its stream stopped for good.
func TestOnePoisonMessageStopsNobody(t *testing.T) {
	c, ids := cloud(t, 20, 0.001, map[string]string{}, func(o *localcloud.Options) { o.Faults = "none" })
	tell(t, c, `{"v":1,"changes":[{"id":"`+ids[0]+`","set":{"title":"x"},"ifUnmodifiedSince":"9999-12-31T23:30:00-01:00"}]}`)
	for i, id := range ids[1:] {
		tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"good %d"}}]}`, id, i))
	}
	settle(t, c)
	for i, id := range ids[1:] {
		title, _ := look(t, c, id)
		require.Equal(t, fmt.Sprint("good ", i), title)
	}
	require.Equal(t, 1, c.MNS.Stats(c.Env()["DEAD_LETTER_QUEUE"]).Active)
	_, failed := c.FC.Counts()
	require.Zero(t, failed["metadata/queue"])
}

// Lists of removals as long as a message, and messages that pack hundreds of changes of
// one asset: 180 of these kept the function busy until its time was over, for ever.
// An invocation that does not end in its time is a failed one here.
func TestNoMessageKeepsTheFunctionBusy(t *testing.T) {
	c, _ := cloud(t, 0, 0.01, map[string]string{}, now)
	busy, neighbour := seed(c, "old", "", time.Hour), seed(c, "old", "", time.Hour)
	packed, long := 60, 15 // make soak takes three times as many
	if os.Getenv("SOAK") != "" {
		packed, long = 180, 40
	}
	for m := range packed {
		var all []string
		for size := 0; size < 46_500; {
			one := fmt.Sprintf(`{"id":%q,"tags":{"remove":["%x"]}}`, busy, m*1000+len(all))
			size += len(one) + 1
			all = append(all, one)
		}
		tell(t, c, `{"v":1,"changes":[`+strings.Join(all, ",")+`]}`)
	}
	for m := range long {
		var tags []string
		for i := range 5_000 {
			tags = append(tags, `"`+strconv.FormatInt(int64(m*10_000+i), 36)+`"`)
		}
		tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"tags":{"remove":[%s]}}]}`, busy, strings.Join(tags, ",")))
	}
	tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"good"}}]}`, neighbour))
	start := time.Now()
	settle(t, c)
	title, _ := look(t, c, neighbour)
	require.Equal(t, "good", title)
	require.Equal(t, long, c.MNS.Stats(c.Env()["DEAD_LETTER_QUEUE"]).Active, "the long lists are refused")
	_, failed := c.FC.Counts()
	require.Zero(t, failed["metadata/queue"])
	t.Logf("%d messages with some 670 changes of one asset each, and %d long ones: %s", packed, long, time.Since(start).Round(time.Millisecond))
}

// Some readings come from a replica that is behind: 5 % of them lost tags.
func TestNoTagIsLostByReadingsThatAreBehind(t *testing.T) {
	for _, p := range []string{"0.05", "0.3"} {
		c, _ := cloud(t, 0, 0.05, map[string]string{}, func(o *localcloud.Options) {
			o.Faults, o.Start = "vod GetVideoInfos stale p="+p+"\nvod BatchGetMediaInfos stale p="+p, time.Now()
		})
		var ids []string
		for i := range 30 {
			ids = append(ids, seed(c, fmt.Sprint("v", i), "mine", time.Minute))
		}
		for n := range 3 {
			for i, id := range ids {
				if i%3 == 0 {
					announce(t, c, "TranscodeComplete", id)
				}
				tell(t, c, fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"issuedAt":%q,"tags":{"add":["t%d"]}}]}`, id, time.Now().UTC().Format(time.RFC3339Nano), n))
			}
			settle(t, c)
		}
		for _, id := range ids {
			_, tags := look(t, c, id)
			for _, tag := range []string{"mine", "t0", "t1", "t2"} {
				require.Contains(t, tags, tag)
			}
		}
		t.Logf("readings behind with p=%s: 0 of %d tags lost", p, 3*len(ids))
	}
}
