package fakevod_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// TestMain lets the test binary be the server that a test kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("FAKEVOD_SERVE")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), Dir: dir, RateScale: -1})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(httptest.NewServer(s).URL)
	select {} // until it is killed
}

// Many writers, a kill in their midst, and everything that was answered with 200 is there.
func TestAKillLosesNothingThatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]string{}
	rounds, total := 3, 0
	for round := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "FAKEVOD_SERVE="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		base, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		base = strings.TrimSpace(base)
		require.True(t, strings.HasPrefix(base, "http://127.0.0.1:"), base)

		var mu sync.Mutex
		var wg sync.WaitGroup
		enough := make(chan struct{})
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					mu.Lock()
					q := common("CreateUploadVideo")
					mu.Unlock()
					title := fmt.Sprintf("r%d w%d i%d", round, w, i)
					q.Set("Title", title)
					q.Set("FileName", "x.mp4")
					q.Set("Signature", sign("POST", q, "testSecret"))
					r, err := http.Post(base+"/?"+q.Encode(), "", nil)
					if err != nil {
						return // killed
					}
					var body struct{ VideoId string } //nolint:revive // the wire's name
					err = json.NewDecoder(r.Body).Decode(&body)
					_ = r.Body.Close()
					if err != nil || r.StatusCode != 200 {
						return
					}
					mu.Lock()
					acknowledged[body.VideoId] = title
					if total++; total == (round+1)*60 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // says that it was killed
		wg.Wait()
	}
	again, err := fakevod.New(fakevod.Options{Keys: fakeram.New(), Dir: dir})
	require.NoError(t, err)
	for id, title := range acknowledged {
		a, ok := again.Lookup(id)
		require.True(t, ok, title)
		require.Equal(t, title, a.Title)
	}
	t.Logf("%d writes acknowledged before %d kills, %d media afterwards, 0 lost", len(acknowledged), rounds, again.Len())
	require.NoError(t, again.Close())
}

func TestATornLastLineIsNoHarmAndADamagedOneIsTold(t *testing.T) {
	dir := t.TempDir()
	open := func() (*fakevod.Server, error) {
		return fakevod.New(fakevod.Options{Keys: fakeram.New(), Dir: dir})
	}
	s, err := open()
	require.NoError(t, err)
	s.Seed(fakevod.Asset{ID: "kept", Title: "kept"})
	file := filepath.Join(dir, "journal.jsonl")
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotEmpty(t, body, "on the disk before anybody closes it")
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(file, append(body, `{"Seq":9,"Asset":{"ID":"to`...), 0o600))
	s, err = open()
	require.NoError(t, err)
	require.Equal(t, 1, s.Len())
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(file, []byte("{not json}\n"), 0o600))
	_, err = open()
	require.ErrorContains(t, err, "journal.jsonl line 1")
}

func TestWhatSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := newCloud(t, func(o *fakevod.Options) { o.Dir = dir })
	keep := c.upload(t, "landscape.mp4", "keep")
	gone := c.upload(t, "audio-only.m4a", "gone")
	cate := c.AddCategory("Sports", -1)
	for _, q := range []url.Values{
		{"Action": {"DeleteVideo"}, "VideoIds": {gone}},
		{"Action": {"UpdateVideoInfo"}, "VideoId": {keep}, "Tags": {"a,b"}, "CateId": {fmt.Sprint(cate)}},
		{"Action": {"SetMessageCallback"}, "CallbackURL": {"http://127.0.0.1:1/x"}, "EventTypeList": {"ALL"}},
	} {
		all := common(q.Get("Action"))
		for k, v := range q {
			all[k] = v
		}
		all.Set("Signature", sign("POST", all, "testSecret"))
		status, out := c.do(t, "POST", all, nil)
		require.Equal(t, 200, status, "%v", out)
	}
	before, _ := c.Lookup(keep)
	require.NoError(t, c.SaveAs("monday"))
	require.NoError(t, c.Close())

	again := newCloud(t, func(o *fakevod.Options) { o.Dir = dir })
	after, ok := again.Lookup(keep)
	require.True(t, ok)
	require.Equal(t, before, after)
	_, ok = again.Lookup(gone)
	require.False(t, ok)
	require.NotEqual(t, cate, again.AddCategory("Other", -1))
	names, err := again.Saved()
	require.NoError(t, err)
	require.Equal(t, []string{"monday"}, names)
	again.Seed(fakevod.Asset{ID: "new"})
	require.NoError(t, again.Load("monday"))
	require.Equal(t, 1, again.Len())
}

func TestProcessingGoesOnAfterAKill(t *testing.T) {
	dir := t.TempDir()
	c := newCloud(t, func(o *fakevod.Options) {
		o.Dir, o.StepDelay, o.ClassDelay, o.RestoreDelay = dir, time.Hour, time.Hour, time.Hour
	})
	id, err := c.Upload(fakevod.Upload{FileName: "landscape.mp4"}, media(t, "landscape.mp4"))
	require.NoError(t, err)
	a, _ := c.Lookup(id)
	require.Equal(t, "UploadSucc", a.Status)
	c.Seed(fakevod.Asset{ID: "cold"}, fakevod.Asset{ID: "thawing", StorageClass: "Archive"})
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "cold", "StorageClass", "IA", "Scope", "SourceFile")
	c.call(t, "RestoreMedia", "MediaIds", "thawing", "RestoreDays", "2")
	a, _ = c.Lookup("cold")
	require.Equal(t, "SourceChanging", a.StorageClass)

	again := newCloud(t, func(o *fakevod.Options) { o.Dir, o.Objects = dir, c.OSS }) // while the other still runs: as after a kill
	again.settle(t)
	a, _ = again.Lookup("cold")
	require.Equal(t, "SourceChanging", a.StorageClass, "its time has not come")
	again.Advance(time.Hour)
	a, _ = again.Lookup("cold")
	require.Equal(t, "SourceIA", a.StorageClass)
	a, _ = again.Lookup("thawing")
	require.Equal(t, []any{"Success", start.Add(49 * time.Hour)}, []any{a.RestoreStatus, a.RestoreExpiration})
	a, _ = again.Lookup(id)
	require.Equal(t, "Normal", a.Status)
	require.NotEmpty(t, a.Streams)
}

func TestRefreshJobsAreThereAfterAKill(t *testing.T) {
	dir := t.TempDir()
	c := newCloud(t, func(o *fakevod.Options) { o.Dir = dir })
	c.Seed(fakevod.Asset{ID: "v", Streams: []fakevod.Stream{{JobID: "j", Definition: "SD", Format: "mp4"}}})
	job := func(c *cloud) any {
		_, out := c.call(t, "RefreshMediaPlayUrls", "MediaIds", "v", "TaskType", "Refresh")
		return out["MediaRefreshJobId"]
	}
	tell := func(c *cloud, id any) any {
		_, out := c.call(t, "GetMediaRefreshJobs", "MediaRefreshJobId", fmt.Sprint(id))
		return out["MediaRefreshJobs"]
	}
	first := job(c)
	before := tell(c, first)
	require.Len(t, before, 1)
	for range 2 { // from the journal, then from the snapshot that the start has written
		c = newCloud(t, func(o *fakevod.Options) { o.Dir = dir })
		require.Equal(t, before, tell(c, first))
	}
	tasks := func(jobs any) any { return jobs.([]any)[0].(map[string]any)["TaskIds"] }
	require.NotEqual(t, tasks(before), tasks(tell(c, job(c))), "no task comes twice")
}

func TestSnapshotAndRestore(t *testing.T) {
	c := newCloud(t, nil)
	id := c.upload(t, "landscape.mp4", "before")
	st := c.Snapshot()
	require.NoError(t, c.SaveAs("named"))
	require.Error(t, c.SaveAs("../outside"))
	require.Error(t, c.Load("unknown"))
	c.Seed(fakevod.Asset{Title: "another"}, fakevod.Asset{ID: id, Title: "replaced"})
	require.NoError(t, c.Restore(st))
	require.Equal(t, 1, c.Len())
	a, _ := c.Lookup(id)
	require.Equal(t, "before", a.Title)
	c.Seed(fakevod.Asset{ID: "x"})
	require.NoError(t, c.Load("named"))
	require.Equal(t, []string{id}, c.titlesBy(t, ""))
}

// titlesBy searches all video ids by a Match expression.
func (c *cloud) titlesBy(t testing.TB, match string) []string {
	t.Helper()
	q := common("SearchMedia")
	q.Set("Match", match)
	q.Set("PageSize", "100")
	q.Set("SortBy", "CreationTime:Asc")
	q.Set("Signature", sign("POST", q, "testSecret"))
	status, out := c.do(t, "POST", q, nil)
	require.Equal(t, 200, status, "%v", out)
	var ids []string
	list, _ := out["MediaList"].([]any)
	for _, m := range list {
		id, _ := m.(map[string]any)["MediaId"].(string)
		ids = append(ids, id)
	}
	return ids
}
