package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func (s *Server) libraryArea() area {
	a := area{
		pages:   map[string]page{"library": {"/library", "Library", s.libraryPage}, "asset": {"/library/{id}", "", s.assetPage}},
		actions: map[string]action{"/library/read": s.readAnew},
		raw:     map[string]http.HandlerFunc{"GET /cover/{id}": s.cover},
		said:    []string{"unknown", "does not apply", "(none)"},
	}
	for _, f := range facets {
		a.said = append(a.said, f.label)
	}
	return a
}

// catalog keeps the index of the library, and reads it in the background.
type catalog struct {
	mu     sync.Mutex
	now    *index        // the last that was read whole
	begun  time.Time     // by this machine's clock, when the last reading began
	busy   chan struct{} // closed when the reading that is under way ends; nil: none is
	count  int           // assets read so far
	failed string        // why the last reading failed
}

const (
	// localAge is how old the library of a local cloud may be when a page shows it.
	localAge = 5 * time.Second
	// patience is how long a page waits for a reading before it shows how far it is.
	patience = 1500 * time.Millisecond
)

// reading is what a page knows of the index.
type reading struct {
	Index  *index
	Busy   bool
	Count  int
	Failed string
	At     time.Time // the library's clock
	File   string
}

// library gives the index. It begins to read the library when there is none, and on a local
// cloud when it is old, and waits a little for it.
func (s *Server) library(ctx context.Context) reading {
	sh := &s.index
	sh.mu.Lock()
	stale := sh.now == nil && sh.failed == "" || s.Local != "" && s.Library == "" && time.Since(sh.begun) > localAge
	if stale && sh.busy == nil {
		s.begin(ctx)
	}
	busy := sh.busy
	sh.mu.Unlock()
	if busy != nil {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case <-busy:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := reading{Index: sh.now, Busy: sh.busy != nil, Count: sh.count, Failed: sh.failed, File: s.Library}
	if sh.now != nil {
		r.At = sh.now.at
	}
	return r
}

// begin reads the library in the background. The caller holds the lock.
func (s *Server) begin(ctx context.Context) {
	sh := &s.index
	done := make(chan struct{})
	sh.busy, sh.begun, sh.count, sh.failed = done, time.Now(), 0, ""
	ctx = s.lasting(ctx)
	s.background.Go(func() {
		defer close(done)
		x, err := s.readLibrary(ctx)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.busy = nil; err != nil {
			sh.failed = err.Error()
			return
		}
		sh.now = x
	})
}

// readLibrary makes the index of the snapshot, or of the account's library.
func (s *Server) readLibrary(ctx context.Context) (*index, error) {
	sh := &s.index
	src := insight.Source{App: s.App}
	if s.Library != "" {
		f, err := os.Open(s.Library)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		at, err := s.now(ctx)
		if err != nil {
			return nil, err
		}
		src = insight.Source{File: f, Name: s.Library, At: at}
	}
	var warned []string
	x, err := buildIndex(ctx, &src, insight.Options{
		Progress: func(string) (func(int), func()) {
			return func(n int) {
				if n%100 == 0 {
					sh.mu.Lock()
					sh.count = n
					sh.mu.Unlock()
				}
			}, func() {}
		},
		Warn: func(format string, args ...any) { warned = append(warned, report.Sayf(format, args...)) },
	})
	if err != nil {
		return nil, err
	}
	x.warned = warned
	if src.Head != nil {
		x.begun = src.Head.Begun.UTC()
	}
	return x, nil
}

// readAnew is the button that reads the library anew.
func (s *Server) readAnew(r *http.Request) (next, said string, err error) {
	sh := &s.index
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.busy == nil {
		s.begin(r.Context())
	}
	return "/library?" + strings.TrimPrefix(r.PostFormValue("back"), "?"), "The library is being read anew.", nil
}

// shownValues is how many values of a facet a page shows; a link has more of them.
const shownValues, moreValues = 8, 500

// libraryView is the page of the library.
type libraryView struct {
	reading
	Live    bool
	Text    string
	Hidden  [][2]string // the filters, for the form of the search
	Chips   []choice
	Facets  []facetView
	Rows    []assetRow
	Command string
	Query   string // of this page
	Clear   string // the address without filters

	Assets, Of, Unsized, Untimed int
	Bytes                        int64
	Hours                        string
	From, To                     int
	Before, After                string // addresses
	Warned                       []string
	Snapshot                     time.Time // when the snapshot was begun
}

// choice is a filter that holds, or may be chosen.
type choice struct {
	Facet, Text, Special string
	Count                int
	Path                 string // with it, or without it where it holds
	Chosen               bool
}

type facetView struct {
	Name, Label string
	Values      []choice
	More        int    // values that are not shown
	MorePath    string // the address that shows them
}

// assetRow is a line of the page. What is not known is shown as that.
type assetRow struct {
	Path, Cover                                string // addresses of this server
	ID, Title, Kind, Status, Storage, Category string
	Tags                                       []string
	Bytes                                      int64 // -1: unknown
	Length                                     string
	Uploaded                                   time.Time
	Image                                      bool
}

// asked reads a question from an address. What names no facet is left out.
func asked(values url.Values) (q question) {
	for n, f := range facets {
		for _, param := range values[f.name] {
			one := filter{n, wordOf(param)}
			if !slices.Contains(q.filters, one) {
				q.filters = append(q.filters, one)
			}
		}
	}
	q.text = strings.Join(strings.Fields(strings.ToValidUTF8(values.Get("q"), "\uFFFD")), " ")
	return q
}

// values is the question as an address.
func (q question) values() url.Values {
	v := url.Values{}
	for _, f := range q.filters {
		v.Add(facets[f.facet].name, f.param())
	}
	if q.text != "" {
		v.Set("q", q.text)
	}
	return v
}

func (q question) path() string {
	if text := q.values().Encode(); text != "" {
		return "/library?" + text
	}
	return "/library"
}

// with is the question with one more filter; of a facet with one value for each asset it takes
// the place of another.
func (q question) with(f filter) question {
	q.filters = slices.DeleteFunc(slices.Clone(q.filters), func(have filter) bool {
		return have == f || have.facet == f.facet && !facets[f.facet].many
	})
	q.filters = append(q.filters, f)
	return q
}

func (q question) without(f filter) question {
	q.filters = slices.DeleteFunc(slices.Clone(q.filters), func(have filter) bool { return have == f })
	return q
}

// libraryPage gathers a page of the library.
func (s *Server) libraryPage(r *http.Request) (any, error) {
	values := r.URL.Query()
	q := asked(values)
	v := libraryView{reading: s.library(r.Context()), Text: q.text, Command: q.command(s.Library), Query: r.URL.RawQuery, Clear: "/library"}
	v.Live = s.Local != "" && s.Library == "" || v.Index == nil && v.Busy
	for name, all := range q.values() {
		for _, value := range all {
			if name != "q" {
				v.Hidden = append(v.Hidden, [2]string{name, value})
			}
		}
	}
	slices.SortFunc(v.Hidden, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	if v.Index != nil {
		from, _ := strconv.Atoi(values.Get("from"))
		v.fill(q, max(from, 0), values.Get("more"))
		s.expectCovers(v.Rows)
	}
	return v, nil
}

// expectCovers notes whose covers the page will ask for.
func (s *Server) expectCovers(rows []assetRow) {
	var media, images []video.ID
	for _, r := range rows {
		if r.Image {
			images = append(images, video.ID(r.ID))
		} else {
			media = append(media, video.ID(r.ID))
		}
	}
	s.covers.expect(media, false)
	s.covers.expect(images, true)
}

// fill answers the question from the index.
func (v *libraryView) fill(q question, from int, more string) {
	x := v.Index
	f := x.ask(q)
	v.Assets, v.Of, v.Unsized, v.Untimed, v.Bytes = f.assets, x.whole.assets, f.unsized, f.untimed, f.bytes
	v.Hours = strconv.FormatFloat(f.seconds/3600, 'f', 1, 64)
	v.Warned, v.Snapshot = x.warned, x.begun
	for _, one := range q.filters {
		v.Chips = append(v.Chips, x.choice(one, 0, q.without(one).path(), true))
	}
	for n := range facets {
		v.Facets = append(v.Facets, x.facetView(n, f, q, more))
	}
	if from = min(from, max(f.assets-1, 0)/perPage*perPage); from > 0 {
		v.Before = q.at(max(from-perPage, 0))
	}
	for _, i := range x.page(f.selected, from, perPage) {
		v.Rows = append(v.Rows, x.row(i))
	}
	v.From, v.To = from+1, from+len(v.Rows)
	if v.To < f.assets {
		v.After = q.at(v.To)
	}
}

// at is the address of a page that begins at a place.
func (q question) at(from int) string {
	v := q.values()
	if from > 0 {
		v.Set("from", strconv.Itoa(from))
	}
	return "/library?" + v.Encode()
}

// special are the words for values that are no text, which the pages translate.
var special = map[valueState]string{stateUnknown: "unknown", stateNever: "does not apply", stateNone: "(none)"}

func (x *index) choice(f filter, count int, path string, chosen bool) choice {
	return choice{Facet: facets[f.facet].label, Text: x.shown(f.facet, f.word), Special: special[f.state], Count: count, Path: path, Chosen: chosen}
}

func (x *index) facetView(n int, f found, q question, more string) facetView {
	v := facetView{Name: facets[n].name, Label: facets[n].label}
	limit := shownValues
	if more == v.Name {
		limit = moreValues
	}
	all := x.values(n, f)
	if v.More = len(all) - limit; v.More > 0 {
		all = all[:limit]
		if limit == shownValues {
			path := q.values()
			path.Set("more", v.Name)
			v.MorePath = "/library?" + path.Encode() + "#facet-" + v.Name
		}
	}
	for _, one := range all {
		w := filter{n, word{state: one.state, text: one.text}}
		if slices.Contains(q.filters, w) {
			v.Values = append(v.Values, x.choice(w, one.count, q.without(w).path(), true))
		} else {
			v.Values = append(v.Values, x.choice(w, one.count, q.with(w).path(), false))
		}
	}
	return v
}

// row is an asset of the index.
func (x *index) row(i uint32) assetRow {
	one := func(facet int) string {
		w := x.columns[facet].words[x.columns[facet].of(i)[0]]
		if w.state == stateWord {
			return x.shown(facet, w)
		}
		return ""
	}
	id := url.PathEscape(string(x.ids.at(i)))
	r := assetRow{
		Path: "/library/" + id, Cover: "/cover/" + id, ID: string(x.ids.at(i)), Title: string(x.titles.at(i)), Kind: one(byKind), Status: one(byStatus), Storage: one(byStorage),
		Category: one(byCategory), Bytes: x.bytes[i], Image: one(byKind) == string(video.KindImage),
	}
	for _, code := range x.columns[byTag].of(i) {
		if w := x.columns[byTag].words[code]; w.state == stateWord {
			r.Tags = append(r.Tags, w.text)
		}
	}
	if x.seconds[i] >= 0 {
		r.Length = clock(x.seconds[i])
	}
	if x.uploaded[i] != 0 {
		r.Uploaded = time.Unix(x.uploaded[i], 0).UTC()
	}
	return r
}

// clock writes a length as players do: 1:02:03.
func clock(seconds float64) string {
	n := int(seconds + 0.5)
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}
