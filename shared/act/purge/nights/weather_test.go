package nights_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// schedule takes what is to happen at a time of the day, counted from noon.
type schedule = func(d time.Duration, do func())

// forecast chooses tonight's weather: calm in two nights of three.
func (w *world) forecast(r *rand.Rand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sky = sky{}
	if chance(r, 0.65) {
		return
	}
	for range 1 + r.IntN(2) {
		switch r.IntN(9) {
		case 0:
			w.sky.throttle = 0.3
		case 1:
			w.sky.unknown = 0.3
		case 2:
			w.sky.outage = 0.2
		case 3:
			w.sky.kills = true
		case 4:
			w.sky.slow, w.sky.twice = true, true
		case 5:
			w.sky.sleeps = true
		case 6:
			w.sky.twice = true
		case 7:
			w.sky.putFails = 0.1
		case 8:
			w.sky.skew = pick(r, 9*time.Minute, -9*time.Minute, 30*time.Hour, -30*time.Hour, 100*day, -3*time.Hour)
		}
	}
	w.sky.cut = chance(r, 0.2)
}

// moments are when people act: any time, but most when it hurts.
func moment(r *rand.Rand) time.Duration {
	switch r.IntN(4) {
	case 0:
		return time.Duration(r.Int64N(int64(day - time.Minute)))
	case 1:
		return time.Duration(pick(r, 1, 2, 5))*time.Hour + time.Duration(r.Int64N(int64(10*time.Second)))
	}
	return time.Duration(7+r.IntN(4))*time.Hour + time.Duration(r.Int64N(int64(10*time.Second)))
}

// people upload, edit, hold, transcode and remove.
func (w *world) people(r *rand.Rand, at schedule) {
	for range 2 + r.IntN(5) {
		r := rand.New(rand.NewPCG(r.Uint64(), 1))
		at(moment(r), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			created := w.now()
			if chance(r, 0.5) { // moved in from another place, with its own date
				created = created.Add(-time.Duration(r.Int64N(int64(100 * day))))
			}
			a := w.upload(r, created)
			w.groupAt[a.Category] = time.Now()
		})
	}
	for range 8 {
		r := rand.New(rand.NewPCG(r.Uint64(), 2))
		at(moment(r), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.edit(r, w.target(r))
		})
	}
	at(time.Minute, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, a := range w.order {
			a.gap, a.blur, a.stale = "", "", nil
			switch {
			case chance(r, 0.02):
				a.gap = pick(r, gaps...)
				w.tell(a, "details leave out %s", a.gap)
			case chance(r, 0.01):
				a.blur = pick(r, "tags", "category", "status")
				w.tell(a, "the search leaves out %s", a.blur)
			case chance(r, 0.010):
				old := a.Video
				a.stale = &old
			}
		}
	})
}

// target prefers what is about to go.
func (w *world) target(r *rand.Rand) *asset {
	var soon []*asset
	for p := range w.due0 {
		if a := w.assets[p.id]; !a.gone {
			soon = append(soon, a)
		}
	}
	slices.SortFunc(soon, func(a, b *asset) int { return a.at().Compare(b.at()) })
	if len(soon) > 0 && chance(r, 0.4) {
		return pick(r, soon...)
	}
	for range 50 {
		if a := pick(r, w.order...); !a.gone {
			return a
		}
	}
	return nil
}

// meddle lets somebody edit one of the assets that a run is about to read or to
// remove, or another one of its category.
func (w *world) meddle(r *rand.Rand, ids []video.ID) {
	if !chance(r, 0.08) {
		return
	}
	a := w.assets[pick(r, ids...)]
	if a == nil {
		return
	}
	if chance(r, 0.3) {
		for _, b := range w.order {
			if b.Category == a.Category && !b.gone && b.at().After(a.at()) && chance(r, 0.2) {
				a = b
			}
		}
	}
	w.edit(r, a)
}

// edit is what somebody does to one asset.
func (w *world) edit(r *rand.Rand, a *asset) {
	if a == nil || a.gone {
		return
	}
	w.count["edits"]++
	w.groupAt[a.Category] = time.Now()
	what := r.IntN(14)
	// Whether work on streams moves the time of modification is not documented.
	// Where it does not, nothing tells that the asset was changed but its streams,
	// and of those the facts speak.
	if what < 9 || what > 11 || chance(r, 0.5) && !a.Modified.IsZero() {
		a.version++
		if !a.Modified.IsZero() {
			a.Modified = w.now().Truncate(time.Second)
		}
		// Whoever writes what is there already has changed nothing but that time, which our
		// own calls may move as well: nobody can tell whose it is.
		before, streams := a.Media, slices.Clone(a.Streams)
		defer func() {
			after := a.Media
			before.Modified, before.Streams, after.Streams = after.Modified, streams, slices.Clone(after.Streams)
			if reflect.DeepEqual(before, after) {
				a.version--
			}
		}()
	}
	switch what {
	case 0, 1, 2, 3:
		w.addTag(a, w.lookalike(r))
	case 4:
		a.Tags = slices.DeleteFunc(slices.Clone(a.Tags), func(tag string) bool { e, n := heldBy(tag, w.book.words, until, w.now()); return e+n != "" })
		w.tell(a, "holds are taken off: %q", a.Tags)
	case 5:
		a.Title += "!"
		w.tell(a, "titled anew")
	case 6:
		a.Tags = []string{pick(r, "temp", "film")}
		w.tell(a, "tagged anew: %q", a.Tags)
	case 7:
		a.Category = pick(r, int64(110), 111, 200, 210, 300)
		w.groupAt[a.Category] = time.Now()
		w.tell(a, "moved to category %d", a.Category)
	case 8:
		a.gone, a.byPeople = true, true
		w.tell(a, "removed by somebody else")
	case 9:
		if a.Source != nil && a.Source.Status == "Normal" && a.Streams != nil {
			a.transcode(r, w.now().Truncate(time.Second))
			w.tell(a, "transcoded again")
		}
	case 10:
		if len(a.Streams) > 0 {
			i := r.IntN(len(a.Streams))
			w.tell(a, "somebody removes stream %s", a.Streams[i].Job)
			a.Streams = slices.Delete(slices.Clone(a.Streams), i, i+1)
		}
	case 11:
		if len(a.Streams) > 0 {
			a.Streams = slices.Clone(a.Streams)
			i := r.IntN(len(a.Streams))
			a.Streams[i].Size, a.Streams[i].Duration = 0, 0
			w.tell(a, "stream %s breaks", a.Streams[i].Job)
		}
	case 12:
		if w.book.list {
			w.holdByList(r, a, chance(r, 0.7))
		}
	case 13:
		a.Status = pick(r, video.StatusBlocked, video.StatusNormal)
		w.tell(a, "now %s", a.Status)
	}
}

// troubles are what else befalls a house: halts, strays, plans of the future,
// plans of others, a tree with a branch cut, another policy.
func (w *world) troubles(t *testing.T, r *rand.Rand, at schedule) {
	if chance(r, 0.08) {
		at(moment(r), w.halt)
	}
	if chance(r, 0.4) {
		at(moment(r), w.resume)
	}
	if chance(r, 0.1) {
		w.stray(r)
	}
	if chance(r, 0.03) {
		w.count["plans of the future"]++
		luck, days := r.Int64(), pick(r, 2, 30, 365)
		w.job.Go(func() { w.planAt(luck, w.now().AddDate(0, 0, days), "plan", account) })
	}
	if chance(r, 0.03) {
		w.count["plans of others"]++
		at(5*time.Hour+30*time.Minute, func() { w.job.Go(func() { w.foreign() }) })
	}
	if len(w.book.categories) > 0 && chance(r, 0.06) {
		branch := pick(r, int64(100), 110, 111, 200)
		at(moment(r), func() { w.fell(branch) })
	}
	if chance(r, 0.3) {
		at(moment(r), w.plant)
	}
	if chance(r, 0.03) {
		at(3*time.Hour, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.count["policies"]++
			w.book.expires = 7 + (w.book.expires-6)%3
			w.adopt(t)
			w.due0 = map[part]*waiting{} // another policy begins the grace anew
			w.excuse = "another policy"
		})
	}
}

func (w *world) halt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.halted.IsZero() && removal.SetHalt(context.Background(), w.shelf, removal.Halt{Halted: true, By: "anna", At: w.now(), Reason: "look"}) == nil {
		w.halted = time.Now()
		w.count["halts"]++
		w.excuse = "halted"
	}
}

func (w *world) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.halted.IsZero() && removal.SetHalt(context.Background(), w.shelf, removal.Halt{By: "anna", At: w.now()}) == nil {
		w.halted = time.Time{}
		w.excuse = "halted"
	}
}

// stray puts an object that is none of ours, or none any more, under a prefix.
func (w *world) stray(r *rand.Rand) {
	stamp := w.now().Format("20060102T150405Z")
	key := pick(r, "plans/zz.json", "plans/copy of "+stamp+"-aaaaaaaa.json", "plans/"+stamp+"-deadbeef.json", "plans/29990101T000000Z-deadbeef.json",
		"halt/notes.json", "ledger/README.txt", "lease/purge/x", "drafts/zz/1.json", "drafts/notes.txt", "runs/zz", "runs/zz/1.json", "ended/zz.json",
		"ended/"+stamp+"-deadbeef.json", "aside/zz", "aside/2026-03-01/zz.jsonl", "approvals/x", "approvals/"+stamp+"-deadbeef.json", "imaged/zz", "gone/zz", "withdrawn/zz")
	if _, err := w.shelf.Read(context.Background(), key); err == nil {
		return
	}
	w.count["strays"]++
	w.count["stray "+key[:slices.Index([]byte(key), '/')]]++
	w.shelf.Put(key, []byte(pick(r, "hello", "{}", "")))
}

// fell cuts a branch off the tree; plant puts it back.
func (w *world) fell(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count["trees cut"]++
	w.tree = slices.DeleteFunc(slices.Clone(w.tree), func(c video.Category) bool { return c.ID == id })
	w.treeAt = time.Now()
	w.excuse = "a held category is not in the tree"
}

func (w *world) plant() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tree) < len(wholeTree) {
		w.tree, w.treeAt = wholeTree, time.Now()
		w.excuse = "a held category is not in the tree"
	}
}

var wholeTree = []video.Category{{ID: 100, Name: "held", Parent: -1}, {ID: 110, Name: "below", Parent: 100, Level: 1}, {ID: 111, Name: "deep", Parent: 110, Level: 2},
	{ID: 200, Name: "b", Parent: -1}, {ID: 210, Name: "b below", Parent: 200, Level: 1}, {ID: 300, Name: "c", Parent: -1}}

// foreign plans the same library for another account, and its person approves.
func (w *world) foreign() {
	w.planAt(0, w.now(), "others", "2")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.audit.plans {
		if q.account == "2" && q.approved.IsZero() {
			if err := approve(context.Background(), w.shelf, q.Plan, 0, w.now()); err == nil {
				q.approved = time.Now()
			}
		}
	}
}
