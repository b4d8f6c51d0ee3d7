package year_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

const (
	day      = 24 * time.Hour
	account  = "1234567890123456"
	usageKey = "usage.csv"
	listKey  = "holds.txt"
	calm     = 14 // nights at the end without weather and people
)

var (
	start = time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC) // noon in Beijing
	scope = video.Scope{Region: "cn-shanghai", Account: account}
)

// world is one library, its people, its weather and its STATE, under one seed.
type world struct {
	*rand.Rand
	seed   uint64
	book   book
	policy *retention.Policy
	vod    *fakevod.Server
	tier   *vod.Client // as the function has it
	person *vod.Client
	shelf  *statetest.Memory
	over   chan struct{} // closed when the story ends: runs that were killed may go
	job    sync.WaitGroup
	skies  weather
	meddle bool // people also change classes, restore and delete

	mu       sync.Mutex // over all below
	ids      []string
	viewed   map[string]time.Time // the last view of each asset
	usage    map[string]time.Time // and as the usage file has it
	written  time.Time            // when that was written
	listed   map[string]bool      // by the hold list
	night    int
	tonight  []removal.Plan
	count    map[string]int
	restored bool // somebody restored something
	ended    bool // people and weather rest
	audit    *audit
	meter    *meter
	todo     []func() // calls of people, made without the lock

	sky sky
}

// sky is the weather of one night. The zero sky is calm.
type sky struct {
	throttle, outage, lost, undoes, kill float64
}

// weather is what a server asks in the middle of a call, so that it has a lock of its own.
type weather struct {
	mu   sync.Mutex
	seed uint64
	sky
	calls           map[string]int
	cursed          map[string]bool // VOD accepts their moves and undoes them
	undone, spoiled int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), seed: seed, shelf: &statetest.Memory{}, over: make(chan struct{}),
		viewed: map[string]time.Time{}, usage: map[string]time.Time{}, listed: map[string]bool{}, count: map[string]int{}}
	w.skies.seed, w.skies.cursed, w.skies.calls = seed, map[string]bool{}, map[string]int{}
	w.audit, w.meter = newAudit(w), newMeter(w)
	w.book = newBook(w.Rand)
	w.meddle = seed%2 == 0
	var err error
	keys := fakeram.New(fakeram.Key{ID: "tier", Secret: "s", Account: account}, fakeram.Key{ID: "person", Secret: "s", Account: account})
	w.vod, err = fakevod.New(fakevod.Options{Keys: keys, Account: account, Now: time.Now, Seed: seed, RateScale: -1, Fault: w.skies.fault,
		ClassDelay: pick(w.Rand, time.Minute, time.Hour, 5*time.Hour, 30*time.Hour), RestoreDelay: time.Hour,
		Doubtful: fakevod.Doubtful{IgnoredUnknown: w.IntN(2) == 0, RestoreForgotten: w.IntN(2) == 0, StringNumbers: w.IntN(4) == 0}})
	require.NoError(t, err)
	w.tier, w.person = w.client(t, "tier"), w.client(t, "person")
	file, err := retention.Parse("policy.yaml", []byte(w.book.text()))
	require.NoError(t, err, w.book.text())
	w.policy = file.Moves()
	w.shelf.Put(listKey, []byte("# nobody yet\n"))
	w.vod.Storage() // the bill begins now
	for range 40 {
		w.upload(w.Rand, time.Now().Add(-time.Duration(w.Int64N(int64(300*day)))))
	}
	return w
}

// dice depend on what they are for, and not on which of two calls at once came first.
func dice(of ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintln(h, of...)
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

func chance(r *rand.Rand, p float64) bool { return p > 0 && r.Float64() < p }

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// client reaches the server without a network.
func (w *world) client(t *testing.T, key string) *vod.Client {
	transport := &http.Transport{}
	transport.RegisterProtocol("http", wire{w})
	c, err := vod.New(vod.Config{Region: scope.Region, Endpoint: "http://vod.example", Credentials: vod.Static(key, "s", ""), Share: 1, HTTP: transport})
	require.NoError(t, err)
	return c
}

// wire carries a call to the server, and shows the oracle both sides of it.
type wire struct{ w *world }

func (x wire) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	q := req.URL.Query()
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		maps.Copy(q, form)
	}
	defer func() {
		if r := recover(); r != nil {
			if r != any(http.ErrAbortHandler) {
				panic(r)
			}
			resp, err = nil, errors.New("connection reset by peer")
		}
	}()
	done := x.w.audit.call(req.Context(), q)
	defer done()
	rec := httptest.NewRecorder()
	x.w.vod.ServeHTTP(rec, req)
	return rec.Result(), nil
}

// fault is what becomes of a call of the function's, or of a change in the end.
func (w *weather) fault(op, key, asset string) (f calls.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if op == "later:UpdateMediaStorageClass" {
		if w.cursed[asset] || chance(dice(w.seed, op, asset, time.Now()), w.undoes) {
			w.undone++
			return calls.Fault{Code: "InternalError", Message: "x"}
		}
		return f
	}
	if key != "tier" {
		return f
	}
	w.calls[op+asset]++
	luck := dice(w.seed, op, asset, w.calls[op+asset])
	switch {
	case chance(luck, w.throttle):
		f = calls.Fault{Status: 400, Code: "Throttling.User", Message: "Request was denied due to user flow control."}
	case chance(luck, w.outage):
		f = calls.Fault{Status: 503, Code: "ServiceUnavailable", Message: "x"}
	case chance(luck, w.lost):
		f = calls.Fault{Status: 500, Code: "InternalError", Message: "x", Reset: luck.IntN(2) == 0, After: luck.IntN(2) == 0}
	}
	if f.Spoils() {
		w.spoiled++
	}
	return f
}

// --- one run of a function

type run struct {
	w      *world
	id     int
	began  time.Time
	kill   float64
	ops    map[string]int
	reads  map[string]*reading
	usage  map[string]time.Time // as the run read it
	usedAt time.Time            // when that was written
}

type runKey struct{}

var errDead = errors.New("this process was killed")

// op is where a run may be killed: nothing of it goes on then.
func (r *run) op(what string) error {
	r.w.mu.Lock()
	r.ops[what]++
	dies := chance(dice(r.w.seed, r.id, what, r.ops[what]), r.kill)
	if dies {
		r.w.count["runs killed"]++
	}
	r.w.mu.Unlock()
	if dies {
		<-r.w.over
	}
	select {
	case <-r.w.over:
		return errDead
	default:
		return nil
	}
}

// desk is STATE as one run sees it.
type desk struct{ *run }

func (d desk) Read(ctx context.Context, key string) ([]byte, error) {
	if err := d.op("read " + room(key)); err != nil {
		return nil, err
	}
	if key == usageKey {
		d.w.mu.Lock()
		d.usage, d.usedAt = d.w.usage, d.w.written
		d.w.mu.Unlock()
	}
	return d.w.shelf.Read(ctx, key)
}

func (d desk) Create(ctx context.Context, key string, body []byte) error {
	if err := d.op("create " + room(key)); err != nil {
		return err
	}
	err := d.w.shelf.Create(ctx, key, body)
	if err == nil {
		d.w.audit.created(key)
	}
	return err
}

func (d desk) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := d.op("list " + room(prefix)); err != nil {
			yield("", err)
			return
		}
		d.w.shelf.List(ctx, prefix, after)(yield)
	}
}

// view is the library as one run sees it.
type view struct{ *run }

func (v view) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return v.w.tier.Search(ctx, q)
}

func (v view) Categories(ctx context.Context) ([]video.Category, error) {
	return v.w.tier.Categories(ctx)
}

func (v view) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	if err := v.op("read " + string(ids[0])); err != nil {
		return nil, err
	}
	v.w.audit.read(v.run, ids)
	answers, err := v.w.tier.Media(ctx, ids)
	v.interfere("read", ids)
	return answers, err
}

func (v view) SetStorageClass(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error) {
	if err := v.op("move"); err != nil {
		return nil, err
	}
	v.interfere("move", ids)
	out, err := v.w.tier.SetStorageClass(ctx, ids, class, sourceOnly, early)
	v.w.audit.answered(v.run, out)
	return out, errors.Join(err, v.op("moved"))
}

func (w *world) newRun() (*run, context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count["runs"]++
	r := &run{w: w, id: w.count["runs"], began: time.Now(), ops: map[string]int{}, reads: map[string]*reading{}, usage: w.usage, usedAt: w.written}
	if chance(w.Rand, w.sky.kill) {
		r.kill = pick(w.Rand, 1.0/10, 1.0/40, 1.0/100)
	}
	w.audit.latest()
	return r, context.WithValue(context.Background(), runKey{}, r)
}

func (w *world) runPlan() {
	r, ctx := w.newRun()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	job := plan.Job{Library: view{r}, State: desk{r}, Policy: w.policy, Scope: scope}
	report, err := job.Run(ctx, time.Now().UTC())
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.count["plan runs that failed"]++
	case report.Finished() && !report.Earlier:
		w.tonight = append(w.tonight, report.Plan)
	}
}

func (w *world) runTier() {
	w.meter.poll()
	r, ctx := w.newRun()
	ctx, cancel := context.WithTimeout(ctx, 50*time.Minute)
	defer cancel()
	job := purge.Job{Mover: view{r}, State: desk{r}, Policy: w.policy, Scope: scope}
	_, err := job.Run(ctx, time.Now().UTC())
	w.mu.Lock()
	if err != nil {
		w.count["tier runs that failed"]++
	}
	w.mu.Unlock()
	w.meter.poll()
}

// --- a day

// live plays one day, from noon in Beijing to the next. Everything happens at a time of its own.
func (w *world) live(nights int) {
	noon := time.Now()
	w.mu.Lock()
	w.ended = w.night >= nights-calm
	w.sky = sky{}
	if !w.ended && chance(w.Rand, 0.35) {
		w.forecast()
	}
	people := 2
	if w.ended {
		people = 0
	}
	w.skies.set(w.sky, w.ended)
	w.mu.Unlock()
	at := func(d time.Duration) { time.Sleep(time.Until(noon.Add(d))) }
	start := func(do func()) {
		w.job.Go(do)
		time.Sleep(time.Second)
	}
	for n := range people {
		w.someone(dice(w.seed, "people", w.night, n), nil)
	}
	w.watch()
	w.writeUsage()
	at(9 * time.Hour) // 21:00
	start(w.runPlan)
	rough := w.sky != (sky{})
	if rough {
		at(10 * time.Hour)
		start(w.runPlan) // another tick
	}
	at(11 * time.Hour)
	w.approve()
	for n, hour := range []time.Duration{15*time.Hour + 30*time.Minute, 17*time.Hour + 30*time.Minute, 21*time.Hour + 30*time.Minute} { // 3:30, 5:30, 9:30
		if n != 1 || rough { // of seven ticks in truth; on a calm night the first asks and the last settles
			at(hour)
			start(w.runTier)
		}
	}
	at(23 * time.Hour)
	w.meter.poll()
	at(day)
}

func (w *weather) set(s sky, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sky = s; ended {
		clear(w.cursed)
	}
}

func (w *world) forecast() {
	for range 1 + w.IntN(2) {
		switch w.IntN(6) {
		case 0:
			w.sky.throttle = 0.3
		case 1:
			w.sky.outage = 0.2
		case 2:
			w.sky.lost = 0.3
		case 3:
			w.sky.undoes = 0.5
		case 4, 5:
			w.sky.kill = 0.8
		}
	}
}

func (w *world) upload(luck *rand.Rand, created time.Time) {
	id := fmt.Sprintf("%032x", luck.Uint64())
	size := 1_000_000 + luck.Int64N(5_000_000_000)
	length := float64(30 + luck.IntN(3000))
	a := fakevod.Asset{ID: id, Title: "clip " + id[:6], Created: created, Size: size, Duration: length,
		Source: &fakevod.Source{Status: "Normal", FileName: "a.mp4", Created: created, Media: fakevod.Media{Size: size, Duration: length, Width: 1920, Height: 1080}}}
	for i := range luck.IntN(3) {
		height := pick(luck, 720, 1080)
		a.Streams = append(a.Streams, fakevod.Stream{JobID: fmt.Sprintf("%s%d", id[1:], i), Definition: []string{"HD", "SD"}[i], Format: "mp4", Codec: "h264",
			Size: size / int64(2+i), Width: height * 16 / 9, Height: height, Duration: length, Created: created})
	}
	if chance(luck, 0.1) {
		a.Tags = pick(luck, "keep", "legal-hold", "keepsake")
	}
	w.vod.Seed(a)
	w.ids = append(w.ids, id)
	if chance(luck, 0.03) {
		w.skies.mu.Lock()
		w.skies.cursed[id] = true
		w.skies.mu.Unlock()
	}
	w.meter.add(id)
	if w.meddle && chance(luck, 0.2) { // it was moved before we came
		since := time.Now().Add(-time.Duration(luck.Int64N(int64(200 * day))))
		if since.After(created) {
			w.vod.SetClass(id, pick(luck, "IA", "Archive", "SourceIA"), since)
			w.meter.set(id)
		}
	}
}

// watch lets people view what can be played, some assets more than others.
func (w *world) watch() {
	w.mu.Lock()
	defer w.unlock()
	for i, id := range w.ids {
		if !chance(w.Rand, []float64{0.3, 0.02, 0.004, 0}[i%4]) {
			continue
		}
		a, there := w.vod.Lookup(id)
		switch {
		case !there:
		case a.StorageClass == "Archive" || a.StorageClass == "ColdArchive":
			w.count["views of what is archived, refused"]++
			if w.seed%4 == 0 && !w.ended && chance(w.Rand, 0.5) {
				w.restored = true
				w.count["restored by people"]++
				days := 1 + w.IntN(7)
				w.act(func(ctx context.Context) error {
					_, err := w.person.Restore(ctx, []video.ID{video.ID(id)}, days, false)
					return err
				})
				w.viewed[id] = time.Now() // once it is restored
			}
		default:
			w.viewed[id] = time.Now()
			w.count["views"]++
		}
	}
}

// writeUsage writes the usage file, but on some days, and when it comes to it for days.
func (w *world) writeUsage() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended && (chance(w.Rand, 0.08) || w.night%97 < 6 && w.seed%3 == 0) {
		w.count["days without a usage file"]++
		return
	}
	var text strings.Builder
	text.WriteString("id,last_view\n")
	next := map[string]time.Time{}
	for _, id := range w.ids {
		if at, ok := w.viewed[id]; ok {
			next[id] = at
			fmt.Fprintf(&text, "%s,%s\n", id, at.UTC().Format(time.RFC3339))
		}
	}
	w.usage, w.written = next, time.Now()
	w.shelf.Put(usageKey, []byte(text.String()))
}

// act makes a call of people's once the lock is free.
func (w *world) act(do func(context.Context) error) {
	w.todo = append(w.todo, func() {
		if do(context.Background()) != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.count["people's calls that failed"]++
		}
	})
}

// unlock makes the calls that people are about to make.
func (w *world) unlock() {
	todo := w.todo
	w.todo = nil
	w.mu.Unlock()
	for _, do := range todo {
		do()
	}
}

// interfere lets somebody act on one of the assets that a run has just read, or is about to move.
func (r *run) interfere(what string, ids []video.ID) {
	if len(ids) == 0 {
		return
	}
	r.w.mu.Lock()
	luck := dice(r.w.seed, r.id, "interfere", what, ids[0], r.ops["read "+string(ids[0])])
	meddles := !r.w.ended && chance(luck, 0.03)
	r.w.mu.Unlock()
	if meddles {
		r.w.someone(luck, ids)
	}
}

// room is the first word of a key: the rest may be by chance.
func room(key string) string {
	first, _, _ := strings.Cut(key, "/")
	return first
}

// someone does something to an asset: one of those, or any.
func (w *world) someone(luck *rand.Rand, of []video.ID) {
	w.mu.Lock()
	defer w.unlock()
	id := pick(luck, w.ids...)
	if len(of) > 0 {
		id = string(pick(luck, of...))
	}
	a, there := w.vod.Lookup(id)
	if !there {
		return
	}
	retag := func(tags ...string) {
		a.Tags, a.Modified = strings.Join(tags, ","), time.Now()
		w.vod.Seed(a)
	}
	tags := slices.DeleteFunc(strings.Split(a.Tags, ","), func(t string) bool { return t == "" })
	w.count["edits"]++
	w.audit.touched[id] = time.Now()
	switch what := luck.IntN(12); {
	case what < 2:
		retag(append(tags, pick(luck, "keep", "KEEP", "legal-hold", "hold-until:"+time.Now().AddDate(0, 0, luck.IntN(60)).Format(time.DateOnly)))...)
	case what < 4:
		retag(slices.DeleteFunc(tags, func(t string) bool { return !strings.Contains(t, "ake") })...)
	case what == 4:
		a.Title, a.Modified = a.Title+"!", time.Now()
		w.vod.Seed(a)
	case what == 5 && w.book.list:
		w.listed[id] = !w.listed[id]
		var text strings.Builder
		for _, id := range slices.Sorted(maps.Keys(w.listed)) {
			if w.listed[id] {
				text.WriteString(id + "  # by anna\n")
			}
		}
		w.shelf.Put(listKey, []byte("# held\n"+text.String()))
		w.audit.listAt = time.Now()
	case what == 6 && len(of) == 0:
		w.upload(luck, time.Now())
	case what == 7 && len(of) == 0:
		w.viewed[id] = time.Now()
	case what == 8 && w.meddle:
		w.count["deleted by people"]++
		w.act(func(ctx context.Context) error {
			w.meter.poll()
			_, err := w.person.DeleteVideos(ctx, []video.ID{video.ID(id)})
			w.meter.poll()
			if _, there := w.vod.Lookup(id); !there {
				w.mu.Lock()
				w.audit.deleted[id] = time.Now()
				w.mu.Unlock()
			}
			return err
		})
	case what == 9 && w.meddle:
		w.count["moved by people"]++
		w.audit.byPeople[id] = true
		class, source, early := pick(luck, video.StorageClasses...), luck.IntN(4) == 0, luck.IntN(2) == 0
		w.act(func(ctx context.Context) error {
			_, err := w.person.SetStorageClass(ctx, []video.ID{video.ID(id)}, class, source, early)
			return err
		})
	}
}

// approve is a person in the evening, who is away on some days and takes some approvals back.
func (w *world) approve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	plans := w.tonight
	if w.tonight = nil; !w.ended && chance(w.Rand, 0.2) {
		return
	}
	for _, p := range plans {
		if p.Items == 0 || w.book.self && len(p.Over) == 0 {
			continue
		}
		q := w.audit.plans[p.ID]
		first := 0
		if len(p.Over) > 0 {
			first = min(p.Items, w.book.guard)
		}
		if _, err := removal.Approve(context.Background(), w.shelf, p, "anna", "", time.Now(), first); err == nil {
			q.approved, q.first = time.Now(), first
			w.count["approvals"]++
		}
		if !w.ended && chance(w.Rand, 0.05) {
			if removal.Withdraw(context.Background(), w.shelf, p.ID, "anna", "", time.Now()) == nil {
				q.withdrawn = time.Now()
				w.count["withdrawals"]++
			}
		}
	}
}
