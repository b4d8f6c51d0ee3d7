package nights_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// world is one library, its people, its weather and its STATE, under one seed.
type world struct {
	seed   uint64
	book   rulebook
	policy *retention.Policy
	shelf  *statetest.Memory

	mu      sync.Mutex // over all below
	assets  map[video.ID]*asset
	order   []*asset
	tree    []video.Category
	treeAt  time.Time
	groupAt map[int64]time.Time // when people last changed what is in a category
	listed  []listed
	listAt  time.Time
	born    int
	runs    int
	halted  time.Time // zero: not halted
	sky     sky       // tonight's weather
	night   int
	over    chan struct{} // closed when the story ends: who was killed may go
	job     sync.WaitGroup

	audit    *audit
	count    map[string]int
	errs     map[string]int // of calm nights
	refused  map[string]int
	policies int
	tonight  removal.Plan
	excuse   string // why tonight does not count
	sleepy   bool   // tonight's person approves in the morning
	due0     map[part]*waiting
	stuck    int
	diary    []string // one line a night
}

// sky is the weather of one night. The zero sky is calm.
type sky struct {
	throttle, unknown, outage float64
	kills, slow, sleeps       bool
	twice                     bool
	putFails                  float64
	skew                      time.Duration
	cut                       bool // ticks have little time
}

func (s sky) calm() bool { return s == sky{} }

func (w *world) now() time.Time { return time.Now().UTC() }

// tell writes a line into the story of an asset.
func (w *world) tell(a *asset, text string, args ...any) {
	a.events = append(a.events, fmt.Sprintf("%s night %d: ", w.now().Format("01-02 15:04:05"), w.night)+fmt.Sprintf(text, args...))
}

// run is one invocation of a function, with what it has read.
type run struct {
	w        *world
	id       int
	name     string // plan or purge
	policy   int    // which policy it was given, counted from the first
	began    time.Time
	skew     time.Duration
	sky      sky
	calls    map[string]int
	kill     float64 // chance at each call
	sleep    float64
	mu       sync.Mutex
	reads    map[video.ID]*reading
	haltRead time.Time
	listRead time.Time
	treeRead time.Time
	lost     time.Time
	afterOff map[video.ID]bool // assets that left after a halt was set
}

// reading is the last answer that a run got of an asset, and what the oracle
// thought of it at that moment.
type reading struct {
	at      time.Time
	told    video.Media
	version int
	held    map[string]string // class and reason
	newest  string            // why it is one of the newest
	hidden  string            // a fact that was left out, and another answer tells
	called  map[part]bool     // the attempts that rest on this reading
}

var errDead = errors.New("this process was killed")

func (r *run) clock() time.Time { return time.Now().Add(r.skew) }

// op is the beginning of every call that a run makes: the place where it may be
// killed, sleep, or run out of time. It returns the dice of this call, which
// depend on what is called and how often, and not on which of two calls at once
// came first.
func (r *run) op(ctx context.Context, what string, least, most time.Duration) (*rand.Rand, error) {
	r.mu.Lock()
	r.calls[what]++
	dice := r.w.dice("op", r.id, what, r.calls[what])
	kill, sleep := chance(dice, r.kill), chance(dice, r.sleep)
	if sleep {
		r.sleep = 0
	}
	r.mu.Unlock()
	if kill {
		r.die()
	}
	if sleep {
		time.Sleep(time.Duration(1+dice.IntN(30*60)) * time.Minute)
	}
	if err := r.wait(ctx, least+time.Duration(dice.Int64N(int64(most-least)))); err != nil {
		return nil, err
	}
	if r.dead() {
		return nil, errDead
	}
	return dice, nil
}

// die ends a run as a machine that is switched off: nothing of it goes on.
func (r *run) die() {
	r.w.mu.Lock()
	r.w.count["kills"]++
	r.w.mu.Unlock()
	<-r.w.over
}

func (r *run) dead() bool {
	select {
	case <-r.w.over:
		return true
	default:
		return false
	}
}

func (r *run) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", video.ErrTransient, ctx.Err())
	case <-r.w.over:
		return errDead
	case <-t.C:
		return nil
	}
}

// service is op for calls of the library, which throttles and fails.
func (r *run) service(ctx context.Context, what string, least, most time.Duration) (*rand.Rand, error) {
	dice, err := r.op(ctx, what, least, most)
	switch {
	case err != nil:
		return nil, err
	case r.skew.Abs() > 15*time.Minute:
		return nil, fmt.Errorf("%w: InvalidTimeStamp.Expired: the clock is off by %s", video.ErrInvalid, r.skew)
	case chance(dice, r.sky.outage):
		return nil, fmt.Errorf("%w: ServiceUnavailable", video.ErrTransient)
	case chance(dice, r.sky.throttle):
		return nil, fmt.Errorf("%w: Throttling.User", video.ErrThrottled)
	}
	return dice, nil
}

// --- STATE, as one run sees it

type desk struct{ r *run }

// room is the first word of a key: the rest may be by chance.
func room(key string) string {
	first, _, _ := strings.Cut(key, "/")
	return first
}

func (d desk) Read(ctx context.Context, key string) ([]byte, error) {
	if _, err := d.r.op(ctx, "read "+room(key), time.Millisecond, 5*time.Millisecond); err != nil {
		return nil, err
	}
	body, err := d.r.w.shelf.Read(ctx, key)
	d.r.looked(key)
	return body, err
}

// looked remembers when the run last read what stops it.
func (r *run) looked(key string) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	switch {
	case strings.HasPrefix(key, "halt/"), key == "halt":
		r.haltRead = time.Now()
	case key == listKey:
		r.listRead = time.Now()
	}
}

func (d desk) Create(ctx context.Context, key string, body []byte) error {
	dice, err := d.r.op(ctx, "create "+room(key), time.Millisecond, 8*time.Millisecond)
	if err != nil {
		return err
	}
	fails := chance(dice, d.r.sky.putFails)
	if fails && chance(dice, 0.5) {
		return fmt.Errorf("%w: the bucket answers 503", video.ErrTransient)
	}
	err = d.r.w.shelf.Create(ctx, key, body)
	if err == nil {
		d.r.w.audit.created(d.r, key)
	}
	if fails {
		return fmt.Errorf("%w: the bucket answers 503", video.ErrUnknownOutcome)
	}
	return err
}

func (d desk) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if _, err := d.r.op(ctx, "list "+room(prefix), time.Millisecond, 5*time.Millisecond); err != nil {
			yield("", err)
			return
		}
		d.r.looked(prefix)
		for key, err := range d.r.w.shelf.List(ctx, prefix, after) {
			if !yield(key, err) {
				return
			}
		}
	}
}

// --- the library, as one run sees it

type view struct{ r *run }

func (v view) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		if _, err := v.r.service(ctx, "search "+string(q.Kind), 20*time.Millisecond, 100*time.Millisecond); err != nil {
			yield(video.Found{}, err)
			return
		}
		w := v.r.w
		w.mu.Lock()
		var hits []video.Found
		for _, a := range w.order {
			if hit, ok := a.hit(q); ok {
				hits = append(hits, hit)
			}
		}
		w.mu.Unlock()
		slices.SortStableFunc(hits, func(a, b video.Found) int {
			c := strings.Compare(a.Position, b.Position)
			if !q.OldestFirst {
				c = -c
			}
			return c
		})
		for i, hit := range hits {
			if q.After != "" && (q.OldestFirst && hit.Position <= q.After || !q.OldestFirst && hit.Position >= q.After) {
				continue
			}
			if i%100 == 99 {
				if _, err := v.r.service(ctx, "search "+string(q.Kind), 20*time.Millisecond, 100*time.Millisecond); err != nil {
					yield(video.Found{}, err)
					return
				}
			}
			if !yield(hit, nil) {
				return
			}
		}
	}
}

// hit is how the search tells of an asset.
func (a *asset) hit(q video.Query) (video.Found, bool) {
	m := a.Video
	if a.stale != nil {
		m = *a.stale
	}
	kind := q.Kind
	if kind == "" {
		kind = video.KindVideo
	}
	switch {
	case a.gone, a.Kind != kind,
		!q.CreatedFrom.IsZero() && a.at().Before(q.CreatedFrom),
		!q.CreatedTo.IsZero() && !a.at().Before(q.CreatedTo),
		len(q.Statuses) > 0 && !slices.Contains(q.Statuses, a.Status),
		q.Category > 0 && q.Category != a.Category:
		return video.Found{}, false
	}
	for _, tag := range q.Tags {
		if !slices.Contains(a.Tags, tag) {
			return video.Found{}, false
		}
	}
	switch a.blur {
	case "tags":
		m.Tags = nil
	case "category":
		m.Category = 0
	case "status":
		m.Status = ""
	}
	return video.Found{Video: m, Position: a.at().UTC().Format(time.RFC3339) + string(a.ID)}, true
}

// at is the creation time by which the library sorts, told or not.
func (a *asset) at() time.Time {
	if a.Created.Year() < 2000 {
		return a.Source.Created
	}
	return a.Created
}

func (v view) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all := make([]video.Answer[video.Media], len(ids))
	for from := 0; from < len(ids); from += video.MaxBatch {
		dice, err := v.r.service(ctx, "media "+string(ids[from]), 20*time.Millisecond, 200*time.Millisecond)
		v.r.w.mu.Lock()
		if v.r.name == "purge" && err == nil {
			v.r.w.meddle(dice, ids[from:min(len(ids), from+video.MaxBatch)])
		}
		for i := from; i < min(len(ids), from+video.MaxBatch); i++ {
			if err != nil {
				all[i] = video.Answer[video.Media]{ID: ids[i], Err: err}
			} else {
				all[i] = v.r.w.answer(v.r, ids[i])
			}
		}
		v.r.w.mu.Unlock()
		if err != nil {
			for i := from; i < len(ids); i++ {
				all[i] = video.Answer[video.Media]{ID: ids[i], Err: err}
			}
			return all, err
		}
	}
	return all, nil
}

// answer tells of one asset, and lets the oracle remember what was told.
func (w *world) answer(r *run, id video.ID) video.Answer[video.Media] {
	a := w.assets[id]
	switch {
	case a == nil || a.gone:
		return video.Answer[video.Media]{ID: id, Err: fmt.Errorf("%w: %s", video.ErrNotFound, id)}
	case a.odd:
		return video.Answer[video.Media]{ID: id, Err: fmt.Errorf("%w: %s: PlayInfoList is an object where a list is expected", video.ErrInvalid, id)}
	}
	m := a.told()
	w.audit.read(r, a, m)
	return video.Answer[video.Media]{ID: id, Value: m}
}

// told is a copy of the asset without the fact that is left out today.
func (a *asset) told() video.Media {
	m := a.Media
	m.Tags, m.Streams, m.Snapshots = slices.Clone(m.Tags), slices.Clone(m.Streams), slices.Clone(m.Snapshots)
	if m.Source != nil {
		source := *m.Source
		m.Source = &source
	}
	switch a.gap {
	case "tags":
		m.Tags = nil
	case "category":
		m.Category = 0
	case "created":
		m.Created = time.Time{}
	case "epoch":
		m.Created = time.Unix(0, 0).UTC()
	case "modified":
		m.Modified = time.Time{}
	case "status":
		m.Status = ""
	case "streams":
		m.Streams = nil
	case "source":
		m.Source = nil
	case "duration":
		m.Duration = 0
		if m.Source != nil {
			m.Source.Duration = 0
		}
	case "height":
		if m.Source != nil {
			m.Source.Height = 0
		}
	case "stream":
		for i := range m.Streams {
			m.Streams[i].Duration, m.Streams[i].Height = 0, 0
		}
	case "cover":
		m.Cover, m.Snapshots = "", nil
	}
	return m
}

var gaps = []string{"tags", "category", "created", "epoch", "modified", "status", "streams", "source", "duration", "height", "stream", "cover"}

func (v view) Categories(ctx context.Context) ([]video.Category, error) {
	if _, err := v.r.service(ctx, "categories", 10*time.Millisecond, 50*time.Millisecond); err != nil {
		return nil, err
	}
	v.r.w.mu.Lock()
	defer v.r.w.mu.Unlock()
	v.r.treeRead = time.Now()
	return slices.Clone(v.r.w.tree), nil
}

func (v view) RefreshPlayURLs(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	_, err := v.r.service(ctx, fmt.Sprint("refresh ", ids), 10*time.Millisecond, 50*time.Millisecond)
	return outcomes(ids, "", func(video.ID) error { return err }), err
}

func outcomes(ids []video.ID, name string, of func(video.ID) error) []video.Outcome {
	all := make([]video.Outcome, len(ids))
	for i, id := range ids {
		err := of(id)
		all[i] = video.Outcome{ID: id, Part: name, Result: video.ResultOf(err), Err: err}
		if err != nil {
			all[i].Reason = err.Error()
		}
	}
	return all
}

// effect is one call that removes: before it the audit looks whether it may,
// and it takes effect early or late in its time.
func (r *run) effect(ctx context.Context, parts []part, do func(now time.Time)) error {
	if len(parts) > video.MaxBatch {
		return fmt.Errorf("%w: VideoIdsExceededMax", video.ErrInvalid)
	}
	meddling, err := r.op(ctx, fmt.Sprint("before delete ", parts), 0, 30*time.Millisecond)
	if err != nil {
		return err
	}
	if chance(meddling, 0.004) {
		r.w.halt()
	}
	r.w.mu.Lock()
	var ids []video.ID
	for _, p := range parts {
		ids = append(ids, p.id)
	}
	r.w.meddle(meddling, ids)
	r.w.audit.call(r, parts)
	r.w.mu.Unlock()
	dice, err := r.service(ctx, fmt.Sprint("delete ", parts), 20*time.Millisecond, 250*time.Millisecond)
	if err != nil {
		return err
	}
	lost := chance(dice, r.sky.unknown)
	if lost && chance(dice, 0.4) {
		return fmt.Errorf("%w: the connection broke", video.ErrUnknownOutcome)
	}
	if r.sky.slow && chance(dice, 0.4) {
		if err := r.wait(ctx, time.Duration(2+dice.IntN(120))*time.Second); err != nil {
			return fmt.Errorf("%w: %w", video.ErrUnknownOutcome, err)
		}
	}
	r.w.mu.Lock()
	do(time.Now())
	r.w.mu.Unlock()
	if r.sky.kills && chance(dice, 0.05) {
		r.die()
	}
	if lost {
		return fmt.Errorf("%w: the answer was lost", video.ErrUnknownOutcome)
	}
	return nil
}

func (v view) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	said := map[video.ID]error{}
	parts := make([]part, len(ids))
	for i, id := range ids {
		parts[i] = part{id, "video", ""}
	}
	err := v.r.effect(ctx, parts, func(now time.Time) {
		for _, p := range parts {
			switch a := v.r.w.assets[p.id]; {
			case a == nil || a.gone:
				said[p.id] = fmt.Errorf("%w: %s", video.ErrNotFound, p.id)
			case a.forbidden:
				said[p.id] = fmt.Errorf("%w: %s", video.ErrForbidden, p.id)
			default:
				v.r.w.audit.effect(v.r, a, p)
				a.gone = true
			}
		}
	})
	return outcomes(ids, "", func(id video.ID) error { return errors.Join(err, said[id]) }), err
}

func (v view) DeleteSources(ctx context.Context, ids []video.ID, force bool) ([]video.Outcome, error) {
	said := map[video.ID]error{}
	parts := make([]part, len(ids))
	for i, id := range ids {
		parts[i] = part{id, "source", ""}
	}
	err := v.r.effect(ctx, parts, func(now time.Time) {
		for _, p := range parts {
			switch a := v.r.w.assets[p.id]; {
			case a == nil || a.gone || a.Source == nil || a.Source.Status == "Deleted":
				said[p.id] = fmt.Errorf("%w: %s", video.ErrNotFound, p.id)
			case a.forbidden, a.pinned && !force:
				said[p.id] = fmt.Errorf("%w: %s", video.ErrUnremovable, p.id)
			default:
				v.r.w.audit.effect(v.r, a, p)
				source := *a.Source
				source.Status = "Deleted"
				a.Source = &source
			}
		}
	})
	return outcomes(ids, "source", func(id video.ID) error { return errors.Join(err, said[id]) }), err
}

func (v view) DeleteStreams(ctx context.Context, id video.ID, jobs []string) ([]video.Outcome, error) {
	parts := make([]part, len(jobs))
	for i, job := range jobs {
		parts[i] = part{id, "stream", job}
	}
	said := map[string]error{}
	err := v.r.effect(ctx, parts, func(now time.Time) {
		a := v.r.w.assets[id]
		for _, p := range parts {
			i := -1
			if a != nil && !a.gone {
				i = slices.IndexFunc(a.Streams, func(s video.Stream) bool { return s.Job == p.name })
			}
			switch {
			case i < 0:
				said[p.name] = fmt.Errorf("%w: stream %s", video.ErrNotFound, p.name)
			case a.forbidden:
				said[p.name] = fmt.Errorf("%w: %s", video.ErrForbidden, id)
			default:
				v.r.w.audit.effect(v.r, a, p)
				a.Streams = slices.Delete(slices.Clone(a.Streams), i, i+1)
			}
		}
	})
	all := make([]video.Outcome, len(jobs))
	for i, job := range jobs {
		err := errors.Join(err, said[job])
		all[i] = video.Outcome{ID: id, Part: job, Result: video.ResultOf(err), Err: err}
	}
	return all, err
}

func (v view) DeleteImagesOf(ctx context.Context, id video.ID, types ...string) error {
	parts := make([]part, len(types))
	for i, kind := range types {
		parts[i] = part{id, "images", kind}
	}
	var said error
	err := v.r.effect(ctx, parts, func(now time.Time) {
		a := v.r.w.assets[id]
		switch {
		case a == nil || a.gone || !slices.ContainsFunc(types, func(kind string) bool { return slices.Contains(a.images, kind) }):
			said = fmt.Errorf("%w: no images of %s", video.ErrNotFound, id)
		case a.forbidden:
			said = fmt.Errorf("%w: %s", video.ErrForbidden, id)
		default:
			for _, p := range parts {
				if i := slices.Index(a.images, p.name); i >= 0 {
					v.r.w.audit.effect(v.r, a, p)
					a.images = slices.Delete(slices.Clone(a.images), i, i+1)
				}
			}
			if slices.Contains(types, "NormalSnapshot") {
				a.Snapshots = nil
			}
		}
	})
	return errors.Join(err, said)
}

var _ state.Objects = desk{}
