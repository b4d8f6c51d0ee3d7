package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

// The audit sends many messages from many producers through a real queue to real
// processes of this function, which write over real HTTP, and lets everything go
// wrong on the way: throttling, server errors, connections cut after the effect (of
// the library and of the queue), duplicates, disorder, poison, changes of one moment,
// conditions that do not hold, and a kill every few seconds. Rules run over a part of the
// library meanwhile: they title what people leave as it was, and give a tag that people take
// away here and there. What it asserts is counted at the servers' side.
//
// SOAK=1 is the whole form: 100,000 messages over 20,000 videos and a kill every 600 calls,
// which are 20 seconds at the documented rate. AUDIT_MESSAGES and AUDIT_SEED choose another size and run.
func TestAuditNothingIsLostAndNothingIsDoneTwice(t *testing.T) {
	messages, kill := 900, killAfterCalls(40)
	if os.Getenv("SOAK") == "1" {
		messages, kill = 100_000, killAfterCalls(600)
	}
	messages = number(t, "AUDIT_MESSAGES", messages)
	seed := uint64(number(t, "AUDIT_SEED", int(time.Now().UnixNano()%1_000_000)))
	a := newAudit(t, seed, messages, messages/5)
	t.Logf("seed %d: AUDIT_SEED=%d AUDIT_MESSAGES=%d repeats it", seed, seed, messages)

	start := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var killer sync.WaitGroup
	kills := 0
	killer.Go(func() {
		for kill(ctx, a) {
			if a.cloud.FC.Kill("metadata") != 0 {
				kills++
			}
		}
	})
	a.cloud.send(t, 8, a.bodies)
	a.cloud.drain(t)
	stop()
	killer.Wait()
	took := time.Since(start)

	dead := a.deadLetters(t)
	require.Equal(t, len(a.poison), len(dead), "distinct dead letters are the poison")
	for body, delivery := range dead {
		require.True(t, a.poison[body], "a dead letter that was no poison: %s: %s", body, delivery.Reason)
	}
	overwritten := 0
	for _, v := range a.cloud.VOD.Assets() {
		want := a.want[video.ID(v.ID)]
		if v.Title == ruled && want.Title != ruled || a.declined[video.ID(v.ID)] && slices.Contains(video.SplitTags(v.Tags), ruled) {
			overwritten++
		}
		require.Equal(t, want.Title, v.Title, "video %s", v.ID)
		require.ElementsMatch(t, want.Tags, video.SplitTags(v.Tags), "video %s", v.ID)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	for id, numbers := range a.effects {
		require.True(t, slices.IsSortedFunc(numbers, func(x, y int) int { return a.stamps[x].Compare(a.stamps[y]) }), "video %s: an older title over a newer one, or one again: %v", id, numbers)
	}
	calls := sum(a.calls)
	a.floor += a.items / video.MaxBatch // and the reads of each batch that was answered
	runs, failed := a.cloud.FC.Counts()
	t.Logf("%d messages (%d duplicates, %d poison) over %d videos in %s, %d kills",
		a.sent, a.duplicates, len(a.poison), len(a.want), took.Round(time.Millisecond), kills)
	t.Logf("runs %d, of them failed %d; answered %d messages: %v", runs["metadata/queue"], failed["metadata/queue"], a.answered, a.outcomes)
	answered := calls - sum(a.faults)
	t.Logf("calls at the server %d = %v, faults %v; floor %d, ratio %.2f, of the calls that were let through %.2f", calls, a.calls, a.faults, a.floor,
		float64(calls)/float64(a.floor), float64(answered)/float64(a.floor))
	t.Logf("titles changed %d times (%d writes repeated in vain); distinct dead letters %d; lost 0, twice 0, older over newer 0; people's changes that rules overwrote %d of %d",
		total(a.effects), a.repeats, len(dead), overwritten, len(a.stamps)-1)
	for _, f := range a.cloud.Faults() {
		t.Logf("%d × %s", f.Hits, f.Rule)
	}
	inQueue := 0
	for _, n := range a.ended {
		inQueue += n
	}
	for _, body := range a.bodies {
		require.Positive(t, a.ended[body], "a message that was in no batch that ended: %s", body)
	}
	t.Logf("each of the messages was in a batch that ended: %d, with those that were sent back or by chance twice", inQueue)
	require.GreaterOrEqual(t, a.answered, inQueue, "whatever left the queue has an outcome in an answer")
	if messages >= 50_000 { // in a short run a kill weighs more than it should
		require.LessOrEqual(t, float64(calls)/float64(a.floor), 1.25)
	}
	require.Zero(t, a.unaccounted, "answers whose outcomes are not the sum of their changes")
}

// killAfterCalls says when to kill the function next; false: no more. It goes by the work
// done, which a loaded machine does not change.
func killAfterCalls(n int) func(context.Context, *audit) bool {
	next := n
	return func(ctx context.Context, a *audit) bool {
		for {
			select {
			case <-ctx.Done():
				return false
			case <-a.called:
				a.mu.Lock()
				calls := sum(a.calls)
				a.mu.Unlock()
				if calls >= next {
					next = calls + n
					return true
				}
			}
		}
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if os.Getenv(name) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(os.Getenv(name))
	require.NoError(t, err, name)
	return n
}

func total(effects map[string][]int) (n int) {
	for _, numbers := range effects {
		n += len(numbers)
	}
	return n
}

// audit is a cloud with one function, a proxy before its VOD that puts faults in
// and notes effects, and the messages with what they must come to.
type audit struct {
	cloud *cloud
	rng   *rand.Rand

	bodies     []string // in the order of sending
	sent       int
	duplicates int
	poison     map[string]bool
	stamps     []editing.Stamp // of each change, by its number
	want       map[video.ID]video.Video
	retagged   map[video.ID]bool
	declined   map[video.ID]bool // a person took the rules' tag away

	called      chan struct{} // a call came
	mu          sync.Mutex
	chance      *rand.Rand // of the proxy
	calls       map[string]int
	faults      map[string]int
	effects     map[string][]int // numbers in the titles as they changed, by video
	repeats     int
	said        map[string]string // the last item that was written, by video
	items       int               // written, without repeats
	answered    int
	unaccounted int
	ended       map[string]int // batches that ended and held a message, by its body
	outcomes    map[video.Result]int
	floor       int
}

func newAudit(t *testing.T, seed uint64, messages, media int) *audit {
	t.Helper()
	a := &audit{
		rng: rand.New(rand.NewPCG(seed, 1)), chance: rand.New(rand.NewPCG(seed, 2)),
		poison: map[string]bool{}, want: map[video.ID]video.Video{}, calls: map[string]int{}, faults: map[string]int{},
		effects: map[string][]int{}, outcomes: map[video.Result]int{}, called: make(chan struct{}, 1), said: map[string]string{}, ended: map[string]int{},
		retagged: map[video.ID]bool{}, declined: map[video.ID]bool{},
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	a.cloud = newCloud(t, localcloud.Options{
		Env:  map[string]string{"RULES_FILE": file, "STATE": "oss://vodcurator-ACCOUNT/v1"},
		Seed: seed, Faults: localcloud.MildFaults + otherFaults, Start: time.Now(),
		Tune: func(s *localcloud.Services) {
			s.VOD.RateScale = -1 // the faults throttle here
			s.FC.Acknowledged = a.acknowledged
		},
	}, a.done, a.faulty)

	assets := make([]fakevod.Asset, media)
	for i := range assets {
		assets[i] = fakevod.Asset{Kind: "video", Title: "t0", Status: "Normal", Created: a.cloud.Now(), Modified: a.cloud.Now()}
		if i%10 == 9 {
			assets[i].Kind = "image"
		}
	}
	a.write(t, a.cloud.VOD.Seed(assets...), messages)
	return a
}

// ruled is what rules write.
const ruled = "ruled"

const rules = `
fields: {title: overwrite}
rules:
  - {name: tag, when: 'title != ""', add: [ruled]}
  - {name: title, when: 'title == "t0"', title: ruled}
`

// otherFaults go wrong on the way into the queues, out of them and in STATE, beside what
// the audit itself does to the library's answers; one reading in twenty shows an older state.
const otherFaults = `
vod GetVideoInfos stale p=0.05
vod BatchGetMediaInfos stale p=0.05
oss * unavailable p=0.02
oss Put* error-after p=0.01
mns *SendMessage error p=0.05
mns *SendMessage error-after p=0.02
functions batch duplicate p=0.05
functions batch reorder p=0.2
`

// write makes the messages, and what the good ones come to in the order of issue.
// Titles carry the number of their change, so that effects can be put in order.
func (a *audit) write(t *testing.T, ids []string, messages int) {
	t.Helper()
	issued := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	var changes []video.Change
	change := func() video.Change {
		n, at := len(changes), a.rng.IntN(len(ids))
		// Two changes share each moment, sometimes those of one media.
		c := video.Change{ID: video.ID(ids[at]), IssuedAt: issued.Add(time.Duration(n/2) * time.Millisecond)}
		if at%10 == 9 {
			c.Kind = video.KindImage
		}
		tag := func() string { return fmt.Sprintf("tag%d", a.rng.IntN(8)) }
		switch {
		case n%4 < 2:
			title := fmt.Sprintf("t%d", n+1)
			c.Set.Title = &title
			if n%40 == 0 && c.Kind != video.KindImage { // never to take effect: all was modified since
				c.IfUnmodifiedSince = issued
			}
		case n%4 == 2: // as autotag does
			c.Tags.Add = []string{tag(), tag()}
		case n%40 == 3:
			c.Tags.Remove = []string{ruled}
			a.declined[c.ID] = true
		default:
			c.Tags.Add, c.Tags.Remove = []string{tag()}, []string{tag()}
		}
		changes = append(changes, c)
		return c
	}
	for i := range messages {
		if i%100 == 99 {
			body := poison(i, ids[a.rng.IntN(len(ids))])
			a.poison[body] = true
			a.bodies = append(a.bodies, body)
			continue
		}
		var m events.Metadata
		if i%10 == 5 {
			at := a.rng.IntN(len(ids))
			r := events.Retag{ID: video.ID(ids[at]), Event: events.EventSweep}
			if at%10 == 9 {
				r.Kind = video.KindImage
			}
			m.Retag = []events.Retag{r}
			a.retagged[r.ID] = true
		}
		for range 1 + a.rng.IntN(10)/9 { // some hold two changes
			m.Changes = append(m.Changes, change())
		}
		body, err := events.EncodeMetadata(m)
		require.NoError(t, err)
		a.bodies = append(a.bodies, string(body))
	}
	a.expect(ids, changes)
	// Disorder within some thousand, and one of twenty a second time, later.
	for from := range slices.Chunk(a.bodies, 2000) {
		a.rng.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	}
	for i, body := range slices.Clone(a.bodies) {
		if a.rng.IntN(20) == 0 {
			a.duplicates++
			at := min(len(a.bodies), i+a.rng.IntN(1000))
			a.bodies = slices.Insert(a.bodies, at, body)
		}
	}
	a.sent = len(a.bodies)
}

// expect notes what the changes come to in the order of issue.
func (a *audit) expect(ids []string, changes []video.Change) {
	a.stamps = []editing.Stamp{{}} // of the first title, t0
	for _, c := range changes {
		a.stamps = append(a.stamps, editing.StampOf(c))
	}
	for _, id := range ids {
		a.want[video.ID(id)] = video.Video{Title: "t0"}
	}
	slices.SortStableFunc(changes, func(x, y video.Change) int { return editing.StampOf(x).Compare(editing.StampOf(y)) })
	for _, c := range changes {
		v := a.want[c.ID]
		if c.Set.Title != nil && c.IfUnmodifiedSince.IsZero() {
			v.Title = *c.Set.Title
		}
		v.Tags = c.Tags.Apply(v.Tags)
		a.want[c.ID] = v
	}
	for id := range a.retagged {
		v := a.want[id]
		if v.Title == "t0" {
			v.Title = ruled
		}
		if !a.declined[id] {
			v.Tags = append(v.Tags, ruled)
		}
		a.want[id] = v
	}
}

// poison is a message that nobody can carry out, each another one.
func poison(n int, id string) string {
	issued := time.Now().UTC().Format(time.RFC3339Nano)
	one := func(change string) string { return fmt.Sprintf(`{"v":1,"changes":[%s]}`, change) }
	switch n / 100 % 8 {
	case 0:
		return fmt.Sprintf("no JSON %d", n)
	case 1:
		return fmt.Sprintf(`{"v":2,"changes":[{"id":%q}],"n":%d}`, id, n)
	case 2:
		return one(fmt.Sprintf(`{"id":%q,"sett":{"title":"%d"}}`, id, n))
	case 3:
		return one(fmt.Sprintf(`{"id":%q,"set":{"title":"%d%s"},"issuedAt":%q}`, id, n, strings.Repeat("x", 129), issued))
	case 4:
		return one(fmt.Sprintf(`{"id":%q,"tags":{"set":["%d","1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16"]},"issuedAt":%q}`, id, n+1000, issued))
	case 5:
		return one(fmt.Sprintf(`{"id":"%s,%d","set":{"title":"x"},"issuedAt":%q}`, id, n, issued))
	case 6:
		return one(fmt.Sprintf(`{"id":"%032x","set":{"title":"x"},"issuedAt":%q}`, n, issued))
	}
	return one(fmt.Sprintf(`{"id":%q,"set":{"title":"%d\u0007"},"issuedAt":%q}`, id, n, issued))
}

// faulty answers 10 % of the calls with a throttle and 5 % with a server error,
// and cuts 2 % off after their effect. It notes each title that took effect.
func (a *audit) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		q := r.URL.Query()
		if form, err := url.ParseQuery(string(body)); err == nil {
			maps.Copy(q, form)
		}
		a.mu.Lock()
		a.calls[q.Get("Action")]++
		chance := a.chance.IntN(100)
		a.mu.Unlock()
		select {
		case a.called <- struct{}{}:
		default:
		}
		switch {
		case chance < 10:
			a.answer(w, http.StatusBadRequest, "Throttling.User")
			return
		case chance < 15:
			a.answer(w, http.StatusServiceUnavailable, "ServiceUnavailable")
			return
		}
		got := httptest.NewRecorder()
		next.ServeHTTP(got, r)
		if got.Code == http.StatusOK {
			a.note(q.Get("UpdateContent"))
		}
		if chance < 17 {
			a.count("cut off")
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), got.Header())
		w.WriteHeader(got.Code)
		_, _ = w.Write(got.Body.Bytes())
	})
}

func (a *audit) answer(w http.ResponseWriter, status int, code string) {
	a.count(code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"RequestId":"00000000-0000-0000-0000-000000000000","HostId":"vod","Code":%q,"Message":"injected"}`, code)
}

func (a *audit) count(fault string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults[fault]++
}

func (a *audit) note(content string) {
	var items []struct {
		VideoID string `json:"VideoId"`
		ImageID string `json:"ImageId"`
		Title   *string
		Tags    *string
	}
	if json.Unmarshal([]byte(content), &items) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, item := range items {
		item.VideoID += item.ImageID
		if said, _ := json.Marshal(item); string(said) != a.said[item.VideoID] {
			a.said[item.VideoID] = string(said)
			a.items++
		}
		if item.Title != nil {
			n, _ := strconv.Atoi(strings.TrimPrefix(*item.Title, "t"))
			before := a.effects[item.VideoID]
			if len(before) > 0 && before[len(before)-1] == n {
				a.repeats++ // of a call that was cut off: it changes nothing
				continue
			}
			a.effects[item.VideoID] = append(before, n)
		}
	}
}

// acknowledged notes what leaves the function's queue.
func (a *audit) acknowledged(_ string, messages []fakemns.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range messages {
		body, err := base64.StdEncoding.DecodeString(m.Body)
		if err != nil {
			panic(err) // the queue's client sends nothing else
		}
		a.ended[string(body)]++
	}
}

// done takes the answer of one invocation into account.
func (a *audit) done(inv fakefc.Invocation) {
	var got answer
	if inv.Error != "" || inv.Kind != "queue" || json.Unmarshal(inv.Result, &got) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answered += got.Messages
	sum := 0
	for result, n := range got.Outcomes {
		a.outcomes[result] += n
		sum += n
	}
	if sum < got.Changes {
		a.unaccounted++
	}
	groups := func(n int) int { return (n + video.MaxBatch - 1) / video.MaxBatch }
	a.floor += groups(got.Media)
}

// deadLetters takes all dead letters out, by body.
func (a *audit) deadLetters(t *testing.T) map[string]events.DeadLetter {
	t.Helper()
	out := map[string]events.DeadLetter{}
	for {
		some, err := a.cloud.queue.Receive(t.Context(), deadQueue, 16, time.Second)
		require.NoError(t, err)
		if len(some) == 0 {
			s, err := a.cloud.queue.Stats(t.Context(), deadQueue)
			require.NoError(t, err)
			if s == (queue.Stats{}) { // a queue may answer nothing although it holds something
				return out
			}
		}
		for _, m := range some {
			delivery, err := events.DecodeDeadLetter(m.Body)
			require.NoError(t, err)
			require.NotEmpty(t, delivery.Reason)
			out[string(delivery.Body)] = delivery
			_, err = a.cloud.queue.Delete(t.Context(), deadQueue, []string{m.Handle})
			require.NoError(t, err)
		}
	}
}
