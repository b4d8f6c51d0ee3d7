package purge_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

const nightPolicy = `
grace: 2d
holds: {tags: [keep], until: hold-until, categories: [HELD]}
keep:
  - {name: newest, newest: 2, per: category}
rules:
  - {name: temp, select: '"temp" in tags', older_than: 20d, remove: {video: true}}
  - {name: superseded, older_than: 10d, remove: {streams: {superseded: true}}}
  - {name: source, select: '"lean" in tags', older_than: 30d, remove: {source: {good_streams: 1}, images: [NormalSnapshot, SpriteSnapshot]}}
quotas:
  - {name: room, above: 150MB, older_than: 60d}
guards: {count: 300, percent: 60, unknown: 300, bytes: 1GB, times_usual: 1000, error_percent: 50}
`

const nightFaults = `
vod Delete* throttle p=0.02
vod Delete* error p=0.02
vod Delete* error-after p=0.03
vod Delete* reset p=0.01
vod Delete* reset-after p=0.02
vod BatchGetMediaInfos error p=0.01
vod SearchMedia throttle p=0.01
`

// nights is one library for ninety nights, with everything that happens to it.
type nights struct {
	*rand.Rand
	cloud   *localcloud.Cloud
	objects state.Objects
	policy  *retention.Policy
	cates   []int64 // none, seven, one below the last, and the last, which is held

	edited                           map[string]time.Time
	uploads, edits, kills, stops     int
	effects, images                  int // things removed, and which of them are snapshots
	unplanned, held, change, unknown int
}

// TestSimulatedNights plays the nights of a living library: uploads, edits, holds,
// faults of the service and killed runs, by the real client over HTTP, and asks
// the server each morning what is missing. SOAK=1 plays 300 libraries for ninety
// nights, otherwise three for twelve.
func TestSimulatedNights(t *testing.T) {
	runs, length := 3, 12
	if os.Getenv("SOAK") != "" {
		runs, length = 300, 90
	}
	began := time.Now()
	var mu sync.Mutex
	var sum nights
	// Runs wait for the service more than they work, so many go side by side; each
	// has an account, a server and a state of its own.
	var wg sync.WaitGroup
	slots := make(chan struct{}, 10)
	for seed := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			n := play(t, uint64(seed)+1, length)
			mu.Lock()
			defer mu.Unlock()
			sum.uploads, sum.edits, sum.kills, sum.stops = sum.uploads+n.uploads, sum.edits+n.edits, sum.kills+n.kills, sum.stops+n.stops
			sum.effects, sum.images, sum.unknown = sum.effects+n.effects, sum.images+n.images, sum.unknown+n.unknown
			sum.unplanned, sum.held, sum.change = sum.unplanned+n.unplanned, sum.held+n.held, sum.change+n.change
		})
	}
	wg.Wait()
	t.Logf("seeds 1 to %d, %d nights each, in %s: %d uploads, %d edits, %d runs killed, %d runs stopped or refused; %d things removed at the server, %d of them snapshots, %d of unknown outcome; "+
		"%d outside an approved plan, %d held, %d changed since the plan", runs, length, time.Since(began).Round(time.Second),
		sum.uploads, sum.edits, sum.kills, sum.stops, sum.effects, sum.images, sum.unknown, sum.unplanned, sum.held, sum.change)
	require.NotZero(t, sum.effects)
	require.NotZero(t, sum.images)
}

func play(t *testing.T, seed uint64, length int) *nights {
	n := &nights{Rand: rand.New(rand.NewPCG(seed, seed)), edited: map[string]time.Time{}}
	var err error
	n.cloud = localcloud.RunT(t, localcloud.Options{Seed: seed, Faults: nightFaults, Callback: "none", Start: made, Tune: func(s *localcloud.Services) {
		s.VOD.RateScale = -1
	}})
	held := n.cloud.VOD.AddCategory("held", -1)
	n.cates = []int64{0}
	for i := range 7 {
		n.cates = append(n.cates, n.cloud.VOD.AddCategory(fmt.Sprint(i), -1))
	}
	n.cates = append(n.cates, n.cloud.VOD.AddCategory("below", held), held)
	n.policy, err = retention.Parse("nights.yaml", []byte(strings.ReplaceAll(nightPolicy, "HELD", fmt.Sprint(held))))
	require.NoError(t, err)
	store, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	n.objects = store
	for range 200 {
		n.upload(n.IntN(120))
	}
	for range length {
		n.day()
		n.night(t)
	}
	n.cloud.SetFaults()
	n.run(t, 0) // one quiet night settles what is open
	report, err := removal.VerifyLedger(t.Context(), n.objects)
	require.NoError(t, err)
	require.Zero(t, report.Open, "seed %d: every intent has its outcome", seed)
	n.unknown = report.Results[video.Unknown] // snapshots of which the library does not tell whether they went
	removed, images := n.removed(t)
	require.Equal(t, n.effects-n.images, removed, "seed %d: removed in the ledger less effects is 0", seed)
	require.LessOrEqual(t, images, n.images, "seed %d", seed)
	require.LessOrEqual(t, n.images, images+n.unknown, "seed %d", seed)
	require.Zero(t, n.unplanned+n.held+n.change)
	return n
}

func (n *nights) now() time.Time { return n.cloud.Now().UTC().Truncate(time.Second) }

// upload puts in an asset of an age in days.
func (n *nights) upload(age int) {
	n.uploads++
	created := n.now().AddDate(0, 0, -age).Add(-time.Duration(n.IntN(80_000)) * time.Second)
	a := fakevod.Asset{
		Kind: "video", Title: fmt.Sprint("upload ", n.uploads), CateID: n.cates[n.IntN(10)], Created: created, Size: int64(1+n.IntN(5)) << 20, Duration: 60,
		Tags: []string{"", "temp", "lean", "temp,keep", "lean,x", "temp,hold-until:" + created.AddDate(0, 0, 60).Format(time.DateOnly)}[n.IntN(6)],
	}
	if n.IntN(20) == 0 {
		a.Status = "Transcoding"
	}
	a.Source = &fakevod.Source{Status: "Normal", FileName: "x.mp4", Created: created, Media: fakevod.Media{Size: a.Size, Duration: 60}}
	for i, definition := range []string{"LD", "HD", "HD"}[:n.IntN(4)] {
		a.Streams = append(a.Streams, fakevod.Stream{
			JobID: fmt.Sprintf("%032x", n.Uint64()), Definition: definition, Format: "mp4", Codec: "h264", Size: int64(1+n.IntN(900)) << 10,
			Height: 360 * min(i+1, 2), Width: 640 * min(i+1, 2), Duration: 60, Created: created.Add(time.Duration(i) * time.Hour),
		})
	}
	if len(a.Streams) == 3 {
		a.Streams[1].Invisible = true
	}
	if n.IntN(2) == 0 { // the library tells of covers only
		for _, kind := range []string{"CoverSnapshot", "NormalSnapshot", "SpriteSnapshot"} {
			a.Snapshots = append(a.Snapshots, fakevod.SnapshotJob{Type: kind, JobID: "s", Count: 3, Created: created})
		}
	}
	n.cloud.VOD.Seed(a)
}

// edit changes some assets as people do.
func (n *nights) edit(times int) {
	all := n.cloud.VOD.Assets()
	for range times {
		a := all[n.IntN(len(all))]
		now, ok := n.cloud.VOD.Lookup(a.ID)
		if !ok {
			continue
		}
		n.edits++
		n.edited[a.ID] = n.now()
		switch n.IntN(5) {
		case 0:
			now.Title += "!"
		case 1:
			now.Tags = strings.Trim(now.Tags+",keep", ",")
		case 2:
			now.Tags = strings.ReplaceAll(now.Tags, "keep", "free")
		case 3:
			now.Tags = strings.Trim(now.Tags+",temp", ",")
		case 4:
			now.CateID = n.cates[n.IntN(10)]
		}
		now.Modified = n.now()
		n.cloud.VOD.Seed(now)
	}
}

func (n *nights) day() {
	n.cloud.Advance(12 * time.Hour)
	for range n.IntN(6) {
		n.upload(0)
	}
	n.edit(n.IntN(8))
	n.cloud.Advance(10 * time.Hour)
}

// night plans, approves more often than not, edits in between, and removes.
func (n *nights) night(t *testing.T) {
	for try := 0; ; try++ { // a planner that is killed goes on at its next tick
		m := &mortal{}
		if try < 3 && n.IntN(4) == 0 {
			m.at, m.half = 1+n.IntN(40), n.IntN(2) == 0
		}
		r, err := plan.Job{Library: n.library(t, m), State: mortalState{n.objects, m}, Policy: n.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}.Run(t.Context(), n.now())
		if err == nil {
			if r.Plan.Items > 0 && len(r.Plan.Over) == 0 && n.IntN(4) > 0 {
				_, err := removal.Approve(t.Context(), n.objects, r.Plan, "anna", "", time.Now(), 0)
				require.True(t, err == nil || errors.Is(err, state.ErrExists), err)
			}
			break
		}
		if try > 20 {
			require.NoError(t, err)
		}
		n.cloud.Advance(time.Minute)
	}
	n.cloud.Advance(time.Hour)
	n.edit(n.IntN(4))
	n.cloud.Advance(time.Hour)
	at := 0
	if n.IntN(3) == 0 {
		at = 1 + n.IntN(60)
	}
	n.run(t, at)
}

// run removes, killed at a step unless that is 0, and compares the library before
// and after with what was planned.
func (n *nights) run(t *testing.T, at int) {
	before := map[string]fakevod.Asset{}
	for _, a := range n.cloud.VOD.Assets() {
		before[a.ID] = a
	}
	m := &mortal{at: at, half: n.IntN(2) == 0}
	j := purge.Job{Library: n.library(t, m), State: mortalState{n.objects, m}, Policy: n.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1"}}
	// Each night's lease is of another day; only the dead hold one over.
	j.Now = n.now
	j.Wait = func(_ context.Context, until time.Time) { n.cloud.Advance(until.Sub(n.now())) }
	r, err := j.Run(t.Context(), n.now())
	if at > 0 && m.steps >= at {
		n.kills++
	} else if err != nil {
		n.stops++
	}
	for _, p := range r.Plans {
		if p.Status == purge.Stopped || p.Status == purge.Refused {
			n.stops++
		}
	}
	planned := n.planned(t)
	for id, a := range before {
		now, there := n.cloud.VOD.Lookup(id)
		var gone []string
		if !there {
			gone = []string{"video " + id}
		} else {
			for _, s := range a.Streams {
				if !slices.ContainsFunc(now.Streams, func(o fakevod.Stream) bool { return o.JobID == s.JobID }) {
					gone = append(gone, "stream "+id+" "+s.JobID)
				}
			}
			if a.Source.Status != "Deleted" && now.Source.Status == "Deleted" {
				gone = append(gone, "source "+id)
			}
			for _, s := range a.Snapshots {
				if !slices.ContainsFunc(now.Snapshots, func(o fakevod.SnapshotJob) bool { return o.Type == s.Type }) {
					gone = append(gone, "images "+id+" "+s.Type)
					n.images++
				}
			}
		}
		n.effects += len(gone)
		for _, what := range gone {
			made, ok := planned[what]
			if !ok {
				t.Errorf("%s was in no approved plan", what)
				n.unplanned++
			}
			if why := n.holds(a, before); why != "" {
				t.Errorf("%s was held: %s", what, why)
				n.held++
			}
			if edited := n.edited[id]; ok && edited.After(made) {
				t.Errorf("%s was edited %s, after the plan of %s", what, edited, made)
				n.change++
			}
		}
	}
}

// holds says what of the policy's holds and keep rules forbids to touch an asset.
func (n *nights) holds(a fakevod.Asset, all map[string]fakevod.Asset) string {
	if strings.Contains(a.Tags, "keep") || slices.Contains(n.cates[8:], a.CateID) {
		return fmt.Sprintf("tags %s, category %d", a.Tags, a.CateID)
	}
	if _, date, dated := strings.Cut(a.Tags, "hold-until:"); dated {
		date, _, _ = strings.Cut(date, ",")
		if day, err := time.Parse(time.DateOnly, date); err != nil || n.now().Before(day.AddDate(0, 0, 1)) {
			return "until " + date
		}
	}
	newer := 0
	for _, o := range all {
		if o.CateID == a.CateID && cmp.Or(o.Created.Compare(a.Created), strings.Compare(o.ID, a.ID)) > 0 {
			newer++
		}
	}
	if newer < 2 {
		return "among the newest of its category"
	}
	return ""
}

// removed counts what the ledger says was removed, and the snapshots among it. Those
// of one media and type go once, however often the library is asked for it.
func (n *nights) removed(t *testing.T) (others, images int) {
	gone := map[retention.Item]bool{}
	for row, err := range removal.Rows(t.Context(), n.objects, 0) {
		require.NoError(t, err)
		switch {
		case row.Event != removal.Outcome || row.Result != video.Done:
		case row.Kind == retention.Images:
			gone[retention.Item{ID: row.ID, Part: row.Part}] = true
		default:
			others++
		}
	}
	return others, len(gone)
}

// planned is everything that approved plans list, with the time of the last of them.
func (n *nights) planned(t *testing.T) map[string]time.Time {
	all := map[string]time.Time{}
	for id, err := range removal.Plans(t.Context(), n.objects, n.now().AddDate(0, 0, -9)) {
		require.NoError(t, err)
		p, err := removal.ReadPlan(t.Context(), n.objects, id)
		require.NoError(t, err)
		if _, err := removal.ReadApproval(t.Context(), n.objects, p); err != nil {
			continue
		}
		for v, err := range p.Entries(t.Context(), n.objects) {
			require.NoError(t, err)
			for _, i := range v.Items {
				all[strings.TrimSpace(fmt.Sprintf("%s %s %s", i.Kind, i.ID, i.Part))] = p.Created
			}
		}
	}
	return all
}

// library is the real client of a process that dies at its step.
func (n *nights) library(t *testing.T, m *mortal) mortalLibrary {
	env := n.cloud.Env()
	c, err := vod.New(vod.Config{Region: "cn-shanghai", Endpoint: env["VOD_ENDPOINT"], Share: 1,
		Credentials: func(context.Context) (string, string, string, error) {
			return env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil
		}})
	require.NoError(t, err)
	return mortalLibrary{c, m}
}

// mortalLibrary fails every call from the fatal one on; the fatal one may still
// have its effect.
type mortalLibrary struct {
	*vod.Client
	m *mortal
}

func (l mortalLibrary) step(do func()) error {
	lives, effect := l.m.step()
	if effect {
		do()
	}
	if !lives {
		return errKilled
	}
	return nil
}

func (l mortalLibrary) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		n := 0
		for f, err := range l.Client.Search(ctx, q) {
			if n++; n%30 == 1 && l.step(func() {}) != nil {
				yield(video.Found{}, errKilled)
				return
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func (l mortalLibrary) Media(ctx context.Context, ids []video.ID) (answers []video.Answer[video.Media], err error) {
	if dead := l.step(func() { answers, err = l.Client.Media(ctx, ids) }); dead != nil {
		return nil, dead
	}
	return answers, err
}

func (l mortalLibrary) DeleteVideos(ctx context.Context, ids []video.ID) (o []video.Outcome, err error) {
	if dead := l.step(func() { o, err = l.Client.DeleteVideos(ctx, ids) }); dead != nil {
		return nil, dead
	}
	return o, err
}

func (l mortalLibrary) DeleteSources(ctx context.Context, ids []video.ID, force bool) (o []video.Outcome, err error) {
	if dead := l.step(func() { o, err = l.Client.DeleteSources(ctx, ids, force) }); dead != nil {
		return nil, dead
	}
	return o, err
}

func (l mortalLibrary) DeleteStreams(ctx context.Context, id video.ID, jobs []string) (o []video.Outcome, err error) {
	if dead := l.step(func() { o, err = l.Client.DeleteStreams(ctx, id, jobs) }); dead != nil {
		return nil, dead
	}
	return o, err
}

func (l mortalLibrary) DeleteImagesOf(ctx context.Context, id video.ID, types ...string) (err error) {
	if dead := l.step(func() { err = l.Client.DeleteImagesOf(ctx, id, types...) }); dead != nil {
		return dead
	}
	return err
}
