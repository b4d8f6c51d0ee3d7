package fakevod

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/probe"
)

// Asset is one media of the library. Assets are never changed in place: a write
// puts a changed copy in.
type Asset struct {
	ID          string
	Kind        string // video, audio, image, attached
	Title       string `json:",omitempty"`
	Description string `json:",omitempty"`
	Tags        string `json:",omitempty"` // comma separated
	CateID      int64  `json:",omitempty"`
	CoverURL    string `json:",omitempty"`
	Status      string
	Created     time.Time
	Modified    time.Time
	Size        int64   `json:",omitempty"` // bytes of the source file
	Duration    float64 `json:",omitempty"` // seconds
	AppID       string  `json:",omitempty"` // empty: DefaultApp
	UserData    string  `json:",omitempty"`

	StorageClass      string    `json:",omitempty"` // empty: Standard
	Becoming          string    `json:",omitempty"` // the class that a change under way leads to
	RestoreStatus     string    `json:",omitempty"`
	RestoreExpiration time.Time `json:",omitzero"`
	Tier              *Tier     `json:",omitempty"`

	TemplateGroupID string `json:",omitempty"`
	TranscodeMode   string `json:",omitempty"` // empty: FastTranscode
	MediaSource     string `json:",omitempty"` // empty: general

	Source    *Source       `json:",omitempty"` // of a video or audio
	Streams   []Stream      `json:",omitempty"`
	Snapshots []SnapshotJob `json:",omitempty"`
	Picture   *Picture      `json:",omitempty"` // of an image or an attached media
	// AITags is what GetAIVideoTagResult answers: VideoTagResult as JSON; empty: never analysed.
	AITags json.RawMessage `json:",omitempty"`
	Audit  *Audit          `json:",omitempty"` // nil: nobody has judged it
	Jobs   *Jobs           `json:",omitempty"` // nil: none was done, and nothing is to be found

	// Made, when not zero, says that source, streams and snapshots are those that
	// Generate makes from this number; they are made when somebody looks.
	Made uint64 `json:",omitempty"`
}

// Source is the uploaded file of a video or audio.
type Source struct {
	Status   string // Uploading, Normal, UploadFail, Deleted
	FileName string
	Key      string // in the bucket
	Created  time.Time
	CRC64    string `json:",omitempty"`
	Media
}

// Media is what the probe reads off a source file.
type Media = probe.Media

// Track is one of its tracks.
type Track = probe.Track

// Stream is one transcoded output, or the source itself when it is played as it is (OD).
type Stream struct {
	JobID      string
	Definition string
	Format     string
	Codec      string
	Invisible  bool `json:",omitempty"` // a newer stream of its definition and format exists
	Encrypted  bool `json:",omitempty"`
	Size       int64
	Width      int     `json:",omitempty"`
	Height     int     `json:",omitempty"`
	FPS        float64 `json:",omitempty"`
	Bitrate    float64 // kbit/s
	Duration   float64
	Created    time.Time
}

// SnapshotJob is what one snapshot job made.
type SnapshotJob struct {
	Type    string // CoverSnapshot, NormalSnapshot, SpriteSnapshot, SpriteOriginSnapshot, WebVttSnapshot
	JobID   string
	Count   int
	Created time.Time
}

// Picture is what an image or an attached media has in place of a source.
type Picture struct {
	Type     string // default, cover; watermark, subtitle, material
	Ext      string
	FileName string
	Key      string
	URL      string
	Size     int64
	Width    int
	Height   int
	CateIDs  []int64 `json:",omitempty"` // of an attached media
}

func (a *Asset) app() string           { return cmp.Or(a.AppID, DefaultApp) }
func (a *Asset) transcodeMode() string { return cmp.Or(a.TranscodeMode, "FastTranscode") }

// full is the asset with its parts made.
func (a *Asset) full() *Asset {
	if a.Made == 0 {
		return a
	}
	b := *a
	b.makeParts()
	return &b
}

// edit is a copy to change and put back.
func (a *Asset) edit(now time.Time) *Asset {
	b := *a
	b.Modified = now.UTC().Truncate(time.Second)
	return &b
}

// Category is one node of the category tree; ParentID -1 is the root.
type Category struct {
	ID       int64
	Name     string
	ParentID int64
	Level    int64
	Type     string // default, material
}

// library is everything that a restart must bring back. The server's mutex guards it.
type library struct {
	assets     map[string]*Asset
	categories map[int64]Category
	callbacks  map[string]Callback
	nextCate   int64
	views      map[string]map[string]View // by day and media
	arriving   map[string]string          // key in the bucket → id, of uploads that have not arrived
	waiting    []waiting                  // storage that changes at a known time, the next first
	bill       bill                       // of storage

	index   map[string]*index // by kind: what lists and searches see
	pending []lagged          // writes that the index does not show yet
	shown   map[string]*Asset // what a lagging index shows of the assets that were written
	version uint64            // of the index
	old     map[string]*Asset // the version before the last write, for stale reads
}

// lagged is one write on its way into the index; asset is nil for a removal.
type lagged struct {
	due   time.Time
	id    string
	asset *Asset
}

// index holds assets in order of creation.
type index struct{ sorted []*Asset }

func newLibrary() library {
	l := library{assets: map[string]*Asset{}, categories: map[int64]Category{}, callbacks: map[string]Callback{}, views: map[string]map[string]View{},
		nextCate: 1000000001, arriving: map[string]string{}, index: map[string]*index{}, shown: map[string]*Asset{}, old: map[string]*Asset{}}
	for _, kind := range []string{"video", "audio", "image", "attached"} {
		l.index[kind] = &index{}
	}
	return l
}

func byCreation(a, b *Asset) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func (x *index) find(a *Asset) (int, bool) { return slices.BinarySearchFunc(x.sorted, a, byCreation) }

func (x *index) add(a *Asset) {
	i, found := x.find(a)
	if found {
		x.sorted[i] = a
		return
	}
	x.sorted = slices.Insert(x.sorted, i, a)
}

func (x *index) drop(a *Asset) {
	if i, found := x.find(a); found {
		x.sorted = slices.Delete(x.sorted, i, i+1)
	}
}

// shift makes the index show now in place of before; either may be nil.
func (l *library) shift(before, now *Asset) {
	l.version++
	if before != nil && (now == nil || before.Kind != now.Kind || !before.Created.Equal(now.Created)) {
		l.index[before.Kind].drop(before)
	}
	if now != nil {
		l.index[now.Kind].add(now)
	}
}

// catchUp applies to the index what is due.
func (l *library) catchUp(now time.Time) {
	n := 0
	for ; n < len(l.pending) && !l.pending[n].due.After(now); n++ {
		p := l.pending[n]
		l.shift(l.shown[p.id], p.asset)
		l.shown[p.id] = p.asset
	}
	l.pending = slices.Delete(l.pending, 0, n)
}

// rebuild makes the index anew from the assets.
func (l *library) rebuild() {
	l.pending, l.version = nil, l.version+1
	l.shown, l.old = map[string]*Asset{}, map[string]*Asset{}
	for _, x := range l.index {
		x.sorted = nil
	}
	l.waiting, l.bill.now = nil, [classes]held{}
	for _, a := range l.assets {
		x := l.index[a.Kind]
		x.sorted = append(x.sorted, a)
		l.bill.hold(a, 1)
		l.await(a)
	}
	for _, x := range l.index {
		slices.SortFunc(x.sorted, byCreation)
	}
	l.arriving = map[string]string{}
	for _, a := range l.assets {
		if key := a.awaited(); key != "" {
			l.arriving[key] = a.ID
		}
	}
}

// awaited is the object that an asset in Uploading waits for.
func (a *Asset) awaited() string {
	switch {
	case a.Status != "Uploading":
	case a.Source != nil:
		return a.Source.Key
	case a.Picture != nil:
		return a.Picture.Key
	}
	return ""
}

// change collects what one call writes, so that it reaches the journal as one and
// the notifications go out after it.
type change struct {
	s       *Server
	now     time.Time
	entries []entry
	events  []event
	gone    []string // objects to remove
	begin   []string // assets to process
	seeded  bool     // put there by a test: the index shows it at once
}

// write runs fn under the lock, after what is due in storage, journals what changed and
// only then lets go what follows from it. A fault from fn that has put nothing changes nothing.
func (s *Server) write(now time.Time, fn func(*change) *fault) *fault {
	ch := &change{s: s, now: now.UTC().Truncate(time.Second)}
	s.mu.Lock()
	ch.mature(now)
	refused := fn(ch)
	s.arm()
	if err := s.record(ch.entries); err != nil {
		s.opt.Log.Error("journal", "error", err)
		refused = refuse(500, "InternalError", "The request processing has failed due to some unknown error.")
	}
	s.mu.Unlock()
	for _, key := range ch.gone {
		if s.opt.Objects == nil {
			break
		}
		if err := s.opt.Objects.Remove(s.opt.Bucket, key); err != nil {
			s.opt.Log.Error("remove object", "key", key, "error", err)
		}
	}
	s.emit(ch.events)
	for _, id := range ch.begin {
		s.start(id)
	}
	return refused
}

func (ch *change) put(a *Asset) {
	l := &ch.s.lib
	if a.Made != 0 { // what can be made again is not kept
		b := *a
		b.Source, b.Streams, b.Snapshots, b.Picture = nil, nil, nil, nil
		a = &b
	}
	before := l.assets[a.ID]
	if before != nil {
		if key := before.awaited(); key != "" {
			delete(l.arriving, key)
		}
	}
	if key := a.awaited(); key != "" {
		l.arriving[key] = a.ID
	}
	l.assets[a.ID] = a
	if before != nil {
		l.old[a.ID] = before
	}
	l.bill.replaced(before, a, ch.now, !ch.seeded)
	l.await(a)
	ch.entries = append(ch.entries, entry{Asset: a})
	ch.reindex(a.ID, before, a)
}

func (ch *change) remove(a *Asset) {
	l := &ch.s.lib
	l.bill.replaced(l.assets[a.ID], nil, ch.now, true)
	delete(l.assets, a.ID)
	l.old[a.ID] = a
	delete(l.arriving, a.awaited())
	ch.entries = append(ch.entries, entry{Removed: a.ID})
	ch.reindex(a.ID, a, nil)
	if a.Source != nil && a.Source.Key != "" {
		ch.gone = append(ch.gone, a.Source.Key)
	}
	if a.Picture != nil && a.Picture.Key != "" {
		ch.gone = append(ch.gone, a.Picture.Key)
	}
}

func (ch *change) reindex(id string, before, now *Asset) {
	l := &ch.s.lib
	lag := ch.s.opt.IndexLag
	if lag <= 0 || ch.seeded {
		l.shift(before, now)
		l.shown[id] = now
		if lag <= 0 {
			delete(l.shown, id)
		}
		return
	}
	if _, known := l.shown[id]; !known {
		l.shown[id] = before
	}
	l.pending = append(l.pending, lagged{due: time.Now().Add(lag), id: id, asset: now})
}

// newID draws 32 hex characters that name nothing yet; the caller holds s.mu.
func (s *Server) newID() string {
	for {
		id := fmt.Sprintf("%016x%016x", s.rng.Uint64(), s.rng.Uint64())
		if s.lib.assets[id] == nil {
			return id
		}
	}
}

func hash32(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Seed puts assets in, in place of those with their ids, without notifications.
// Zero fields get what an ordinary asset has: an id, kind video, status Normal,
// the present time.
func (s *Server) Seed(assets ...Asset) []string {
	var ids []string
	_ = s.write(s.opt.Now(), func(ch *change) *fault { // a failing journal is in the log
		ch.seeded = true
		for _, a := range assets {
			if a.ID == "" {
				a.ID = s.newID()
			}
			a.Kind, a.Status = cmp.Or(a.Kind, "video"), cmp.Or(a.Status, "Normal")
			if a.Created.IsZero() {
				a.Created = ch.now
			}
			a.Created = a.Created.UTC().Truncate(time.Second)
			if a.Modified.IsZero() {
				a.Modified = a.Created
			}
			a.Modified = a.Modified.UTC().Truncate(time.Second)
			ch.put(&a)
			ids = append(ids, a.ID)
		}
		return nil
	})
	return ids
}

// Lookup returns an asset; changing what it returns is not allowed.
func (s *Server) Lookup(id string) (Asset, bool) {
	s.CatchUp()
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.lib.assets[id]
	if !ok {
		return Asset{}, false
	}
	return *a.full(), true
}

// Assets returns all assets in order of creation; changing them is not allowed.
func (s *Server) Assets() []Asset {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Asset, 0, len(s.lib.assets))
	for _, a := range s.lib.assets {
		out = append(out, *a.full())
	}
	slices.SortFunc(out, func(a, b Asset) int { return byCreation(&a, &b) })
	return out
}

// Len says how many assets there are.
func (s *Server) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.lib.assets)
}

// State is a copy of the whole library at one moment.
type State struct {
	assets     map[string]*Asset
	categories map[int64]Category
	callbacks  map[string]Callback
	views      map[string]map[string]View
	nextCate   int64
	bill       bill
}

// Snapshot copies the state; it costs a pointer for each asset.
func (s *Server) Snapshot() *State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &State{maps.Clone(s.lib.assets), maps.Clone(s.lib.categories), maps.Clone(s.lib.callbacks), maps.Clone(s.lib.views), s.lib.nextCate, s.lib.bill.clone()}
}

// resume goes on with what is unfinished; the caller does not hold s.mu.
func (s *Server) resume() {
	s.mu.Lock()
	var processing []string
	for id, a := range s.lib.assets {
		if a.Status == "UploadSucc" || a.Status == "Transcoding" {
			processing = append(processing, id)
		}
	}
	s.arm()
	s.mu.Unlock()
	for _, id := range processing {
		s.start(id)
	}
}

// Restore puts a state back, and takes up what was under way in it. Objects in the
// store stay as they are.
func (s *Server) Restore(st *State) error {
	err := s.replace(st)
	s.resume()
	return err
}

func (s *Server) replace(st *State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lib.assets, s.lib.categories, s.lib.callbacks = maps.Clone(st.assets), maps.Clone(st.categories), maps.Clone(st.callbacks)
	s.lib.views, s.lib.nextCate, s.lib.bill = maps.Clone(st.views), st.nextCate, st.bill.clone()
	s.lib.bill.fromUpload = s.opt.MinimumFromUpload // a file does not have it
	s.lib.rebuild()
	return s.compact()
}
