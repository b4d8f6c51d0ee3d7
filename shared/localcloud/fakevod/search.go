package fakevod

import (
	"crypto/rand"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxWindow is how many records plain paging reaches.
const maxWindow = 5000

// scrolls are the traversals that a ScrollToken continues; the server's mutex guards them.
type scrolls struct {
	byID map[string]*scroll
	turn time.Time // of the last sweep of expired ones
	// hits are the results of the last few expressions: a page of an unchanged
	// library costs no second look at every asset.
	hits []hits
}

// scroll remembers what its last page began and ended with, so that the next one
// goes on there whatever was added or removed meanwhile.
type scroll struct {
	query string
	page  int64
	size  int64
	first *Asset
	last  *Asset
	total int
	used  time.Time
}

// hits are all assets that match one expression, in one version of the index.
type hits struct {
	query   string
	version uint64
	assets  []*Asset
}

// order is one sort field.
type order struct {
	modified bool
	desc     bool
}

func parseOrder(text string) ([]order, *fault) {
	if text == "" {
		return []order{{desc: true}}, nil
	}
	var out []order
	for part := range strings.SplitSeq(text, ",") {
		field, direction, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || field != "CreationTime" && field != "ModificationTime" || direction != "Asc" && direction != "Desc" {
			return nil, invalidParam("SortBy")
		}
		out = append(out, order{modified: field == "ModificationTime", desc: direction == "Desc"})
	}
	return out, nil
}

func compare(orders []order) func(a, b *Asset) int {
	return func(a, b *Asset) int {
		for _, o := range orders {
			c := a.Created.Compare(b.Created)
			if o.modified {
				c = a.Modified.Compare(b.Modified)
			}
			if o.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		if orders[0].desc {
			return strings.Compare(b.ID, a.ID)
		}
		return strings.Compare(a.ID, b.ID)
	}
}

// lines is a sorted list of assets that may have to be read backwards.
type lines struct {
	sorted   []*Asset
	backward bool
	cmp      func(a, b *Asset) int
}

func (l lines) len() int { return len(l.sorted) }

func (l lines) at(i int) *Asset {
	if l.backward {
		return l.sorted[len(l.sorted)-1-i]
	}
	return l.sorted[i]
}

// find returns how many lines come before a, and whether a itself is there.
func (l lines) find(a *Asset) (int, bool) {
	lo, hi := 0, l.len()
	for lo < hi {
		mid := (lo + hi) / 2
		if l.cmp(l.at(mid), a) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < l.len() && l.cmp(l.at(lo), a) == 0
}

// onwards walks the index from the last asset of a scroll's page to the end of the
// next one: it costs what it returns and passes over, whatever was written meanwhile.
func (s *Server) onwards(c *call, kind string, m matcher, o order, last *Asset, size int64) []*Asset {
	all := lines{cmp: compare([]order{o}), sorted: s.lib.index[kind].sorted, backward: o.desc}
	i, there := all.find(last)
	if there {
		i++
	}
	out := make([]*Asset, 0, size)
	for ; i < all.len() && int64(len(out)) < size; i++ {
		if a := all.at(i); c.sees(a) && m.test(s, a) {
			out = append(out, a)
		}
	}
	return out
}

// among are those of a list in order of creation that the expression's bounds leave.
func (m matcher) among(all []*Asset) []*Asset {
	created := func(a *Asset, t time.Time) int { return a.Created.Compare(t) }
	if !m.from.IsZero() {
		i, _ := slices.BinarySearchFunc(all, m.from, created)
		all = all[i:]
	}
	if !m.to.IsZero() {
		i, _ := slices.BinarySearchFunc(all, m.to.Add(time.Second), created)
		all = all[:i]
	}
	return all
}

// filter returns what the index holds of some kinds, as far as it matches, in order.
func (s *Server) filter(c *call, kinds []string, m matcher, filtered bool, orders []order, key string) lines {
	out := lines{cmp: compare(orders)}
	natural := !orders[0].modified && len(orders) == 1 && len(kinds) == 1 // the index's own order, or backwards
	if natural && !filtered && c.key.Apps == nil {
		out.sorted, out.backward = s.lib.index[kinds[0]].sorted, orders[0].desc
		return out
	}
	key += "\x00" + strings.Join(c.key.Apps, ",")
	if i := slices.IndexFunc(s.scrolls.hits, func(h hits) bool { return h.query == key && h.version == s.lib.version }); i >= 0 {
		out.sorted = s.scrolls.hits[i].assets
		return out
	}
	for _, kind := range kinds {
		for _, a := range m.among(s.lib.index[kind].sorted) {
			if c.sees(a) && m.test(s, a) {
				out.sorted = append(out.sorted, a)
			}
		}
	}
	if !natural {
		slices.SortFunc(out.sorted, out.cmp)
	} else if orders[0].desc {
		slices.Reverse(out.sorted)
	}
	s.scrolls.hits = append(s.scrolls.hits, hits{key, s.lib.version, out.sorted})
	if len(s.scrolls.hits) > 8 {
		s.scrolls.hits = slices.Delete(s.scrolls.hits, 0, 1)
	}
	return out
}

// search is what one SearchMedia call asks for.
type search struct {
	kind, match, token string
	orders             []order
	page, size         int64
	query              string // all that a scroll has to repeat
}

// scrollable says whether the results may be walked by a ScrollToken.
func (q search) scrollable() bool {
	return (q.kind == "video" || q.kind == "audio") && len(q.orders) == 1
}

func (c *call) search() (search, *fault) {
	q := search{match: c.q.Get("Match"), token: c.q.Get("ScrollToken")}
	var refused *fault
	q.kind, q.size, q.page = c.choice("SearchType"), c.number("PageSize"), c.number("PageNo")
	if q.orders, refused = parseOrder(c.q.Get("SortBy")); refused != nil {
		return q, refused
	}
	q.query = q.kind + "\x00" + q.match + "\x00" + c.q.Get("SortBy")
	switch {
	case q.token != "" && len(q.orders) > 1:
		return q, refuse(400, "SortByExceededMax", "The SortBy parameter only supports one sort field when traversing all data.")
	case q.token != "" && !q.scrollable():
		return q, invalidParam("ScrollToken")
	case len(q.orders) > 3:
		return q, invalidParam("SortBy")
	}
	return q, nil
}

func searchMedia(s *Server, c *call) (any, *fault) {
	q, refused := c.search()
	if refused != nil {
		return nil, refused
	}
	m, err := compileMatch(q.kind, q.match, s.opt.Doubtful)
	if err != nil {
		return nil, matchFault(err)
	}
	s.mu.Lock() // catching up with a lagging index writes
	defer s.mu.Unlock()
	s.lib.catchUp(time.Now())

	var hold *scroll
	if q.token != "" {
		if hold = s.scrolls.byID[q.token]; hold == nil || time.Since(hold.used) > s.opt.ScrollLife {
			return nil, refuse(400, "InvalidScrollToken.Expired", "The ScrollToken is expired, please refresh it.")
		}
		if hold.query != q.query || hold.size != q.size {
			return nil, invalidParam("ScrollToken")
		}
	}
	list, total, refused := s.hitsOf(c, q, m, hold)
	if refused != nil {
		return nil, refused
	}
	if hold == nil && q.scrollable() {
		q.token, hold = s.scrolls.open(q.query, s.opt.ScrollLife)
	}
	if hold != nil {
		hold.page, hold.size, hold.total, hold.used = q.page, q.size, total, time.Now()
		if len(list) > 0 {
			hold.first, hold.last = list[0], list[len(list)-1]
		}
	}
	return &searchReply{Total: total, ScrollToken: q.token, text: s.mediaList(c, list)}, nil
}

// hitsOf finds the assets of one page, and how many match in all.
func (s *Server) hitsOf(c *call, q search, m matcher, hold *scroll) (list []*Asset, total int, refused *fault) {
	if hold != nil && q.page == hold.page+1 && !q.orders[0].modified && hold.last != nil {
		return s.onwards(c, q.kind, m, q.orders[0], hold.last, q.size), hold.total, nil
	}
	all := s.filter(c, []string{q.kind}, m, q.match != "", q.orders, q.query)
	total = all.len()
	from := total // an empty page
	switch {
	case hold != nil:
		if from, refused = hold.seek(all, q.page, int64(s.opt.ScrollJump)); refused != nil {
			return nil, 0, refused
		}
	case q.page*q.size <= maxWindow:
		from = min(int((q.page-1)*q.size), total)
	case !s.opt.PastWindowEmpty:
		return nil, 0, invalidParam("PageNo")
	}
	for i := from; i < min(from+int(q.size), total); i++ {
		list = append(list, all.at(i))
	}
	return list, total, nil
}

// mediaList begins the answer with the hits of a page.
func (s *Server) mediaList(c *call, list []*Asset) jsonText {
	o := &jsonText{b: make([]byte, 0, 512+len(list)*512)}
	o.open()
	o.name("MediaList")
	o.b = append(o.b, '[')
	want := wantedFields(c.q.Get("Fields"))
	for i, a := range list {
		if old := s.behind(c, a.ID); old != nil && old.Kind == a.Kind {
			a = old
		}
		if i > 0 {
			o.b = append(o.b, ',')
		}
		s.found(o, a, want)
	}
	o.b = append(o.b, ']', ',')
	return *o
}

// searchReply is written by hand, like the media in it: a page of a hundred media
// through reflection costs more than all the rest of the call.
type searchReply struct {
	Total       int
	ScrollToken string
	text        jsonText // begun with the media: they are not copied
}

func (r *searchReply) whole(id string) []byte {
	o := r.text
	o.str("RequestId", id)
	o.num("Total", float64(r.Total))
	o.str("ScrollToken", r.ScrollToken)
	o.close()
	return o.b[:len(o.b)-1]
}

// jsonText appends members to objects; empty strings and zeros are left out, as by omitempty.
type jsonText struct{ b []byte }

func (o *jsonText) open() { o.b = append(o.b, '{') }

func (o *jsonText) close() {
	if last := len(o.b) - 1; o.b[last] == ',' {
		o.b[last] = '}'
	} else {
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ',')
}

// name begins a member; its value and a comma have to follow.
func (o *jsonText) name(name string) {
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *jsonText) str(name, value string) {
	if value == "" {
		return
	}
	o.name(name)
	o.quote(value)
	o.b = append(o.b, ',')
}

func (o *jsonText) quote(v string) {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			o.b = append(o.b, plainJSON(v)...)
			return
		}
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, v...)
	o.b = append(o.b, '"')
}

func (o *jsonText) num(name string, v float64) {
	if v == 0 && name != "Total" {
		return
	}
	o.name(name)
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		o.b = strconv.AppendInt(o.b, int64(v), 10)
	} else {
		o.b = strconv.AppendFloat(o.b, v, 'f', -1, 64)
	}
	o.b = append(o.b, ',')
}

func (o *jsonText) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.name(name)
	o.b = append(o.b, '"')
	o.b = t.UTC().AppendFormat(o.b, time.RFC3339) // the same text as wireTime, by a faster way
	o.b = append(o.b, '"', ',')
}

func (o *jsonText) any(name string, v any) {
	o.name(name)
	o.b = append(o.b, plainJSON(v)...)
	o.b = append(o.b, ',')
}

func (sc *scrolls) open(query string, life time.Duration) (string, *scroll) {
	now := time.Now()
	if sc.byID == nil {
		sc.byID = map[string]*scroll{}
	}
	if now.Sub(sc.turn) > life {
		for id, old := range sc.byID {
			if now.Sub(old.used) > life {
				delete(sc.byID, id)
			}
		}
		sc.turn = now
	}
	id := strings.ToLower(rand.Text() + rand.Text())[:32]
	h := &scroll{query: query}
	sc.byID[id] = h
	return id, h
}

// seek finds where a page begins, from where the last one began or ended.
func (h *scroll) seek(list lines, page, jump int64) (int, *fault) {
	steps := page - h.page
	if n := max(steps, -steps); n > 1 && (n+1)*h.size > jump {
		return 0, invalidParam("PageNo")
	}
	if h.first == nil { // there was nothing
		return list.len(), nil
	}
	if steps <= 0 {
		i, _ := list.find(h.first)
		return max(0, i+int(steps*h.size)), nil
	}
	i, there := list.find(h.last)
	if there {
		i++
	}
	return min(i+int((steps-1)*h.size), list.len()), nil
}

// fieldWriters write one requested field each, if the kind of media has it.
var fieldWriters = map[string]func(*jsonText, *Server, *Asset){
	"Title":            func(o *jsonText, _ *Server, a *Asset) { o.str("Title", a.Title) },
	"Tags":             func(o *jsonText, _ *Server, a *Asset) { o.str("Tags", a.Tags) },
	"Description":      func(o *jsonText, _ *Server, a *Asset) { o.str("Description", a.Description) },
	"Status":           func(o *jsonText, _ *Server, a *Asset) { o.str("Status", a.Status) },
	"StorageLocation":  func(o *jsonText, s *Server, _ *Asset) { o.str("StorageLocation", s.storage()) },
	"AppId":            func(o *jsonText, _ *Server, a *Asset) { o.str("AppId", a.app()) },
	"RegionId":         func(o *jsonText, s *Server, _ *Asset) { o.str("RegionId", s.opt.Region) },
	"AuditStatus":      func(o *jsonText, _ *Server, a *Asset) { o.str("AuditStatus", a.auditStatus()) },
	"ModificationTime": func(o *jsonText, _ *Server, a *Asset) { o.time("ModificationTime", a.Modified) },
	"CateId":           func(o *jsonText, _ *Server, a *Asset) { o.num("CateId", float64(a.CateID)) },
	"CateName":         func(o *jsonText, s *Server, a *Asset) { o.str("CateName", s.lib.categories[a.CateID].Name) },

	"Size":              played(func(o *jsonText, _ *Server, a *Asset) { o.num("Size", float64(a.Size)) }),
	"Duration":          played(func(o *jsonText, _ *Server, a *Asset) { o.num("Duration", a.Duration) }),
	"CoverURL":          played(func(o *jsonText, _ *Server, a *Asset) { o.str("CoverURL", a.CoverURL) }),
	"MediaSource":       played(func(o *jsonText, _ *Server, a *Asset) { o.str("MediaSource", firstOf(a.MediaSource, "general")) }),
	"PreprocessStatus":  played(func(o *jsonText, _ *Server, _ *Asset) { o.str("PreprocessStatus", "UnPreprocess") }),
	"DownloadSwitch":    played(func(o *jsonText, _ *Server, _ *Asset) { o.str("DownloadSwitch", "on") }),
	"TranscodeMode":     played(func(o *jsonText, _ *Server, a *Asset) { o.str("TranscodeMode", a.transcodeMode()) }),
	"StorageClass":      played(func(o *jsonText, _ *Server, a *Asset) { o.str("StorageClass", a.storageClass()) }),
	"RestoreStatus":     played(func(o *jsonText, s *Server, a *Asset) { status, _ := s.restoreOf(a); o.str("RestoreStatus", status) }),
	"RestoreExpiration": played(func(o *jsonText, s *Server, a *Asset) { _, ends := s.restoreOf(a); o.time("RestoreExpiration", ends) }),
	"TemplateGroupId": func(o *jsonText, _ *Server, a *Asset) { // an audio has no such field
		if a.Kind == "video" {
			o.str("TemplateGroupId", a.TemplateGroupID)
		}
	},
	"UserData":  played(func(o *jsonText, _ *Server, a *Asset) { o.str("UserData", a.UserData) }),
	"Snapshots": played(func(o *jsonText, s *Server, a *Asset) { o.urls("Snapshots", s.snapshotURLs(a.full(), "CoverSnapshot")) }),
	"SpriteSnapshots": played(func(o *jsonText, s *Server, a *Asset) {
		o.urls("SpriteSnapshots", s.snapshotURLs(a.full(), "SpriteSnapshot"))
	}),

	"BusinessType": func(o *jsonText, _ *Server, a *Asset) {
		if p := a.Picture; a.Kind == "attached" && p != nil {
			o.str("BusinessType", p.Type)
		}
	},
	"ImageType": ofImages(func(o *jsonText, p *Picture) { o.str("ImageType", p.Type) }),
	"Type":      pictureField(func(o *jsonText, p *Picture) { o.str("Type", p.Type) }),
	"Ext":       pictureField(func(o *jsonText, p *Picture) { o.str("Ext", p.Ext) }),
	"URL":       pictureField(func(o *jsonText, p *Picture) { o.str("URL", p.URL) }),
	"Mezzanine": ofImages(func(o *jsonText, p *Picture) {
		o.any("Mezzanine", mezzanineFile{FileSize: strconv.FormatInt(p.Size, 10), FileURL: p.URL, Width: p.Width, Height: p.Height, OriginalFileName: p.FileName})
	}),
}

func (o *jsonText) urls(name string, urls []string) {
	if urls != nil {
		o.any(name, urls)
	}
}

func played(write func(*jsonText, *Server, *Asset)) func(*jsonText, *Server, *Asset) {
	return func(o *jsonText, s *Server, a *Asset) {
		if a.Kind == "video" || a.Kind == "audio" {
			write(o, s, a)
		}
	}
}

func ofImages(write func(*jsonText, *Picture)) func(*jsonText, *Server, *Asset) {
	return func(o *jsonText, s *Server, a *Asset) {
		if a.Kind == "image" {
			pictureField(write)(o, s, a)
		}
	}
}

func pictureField(write func(*jsonText, *Picture)) func(*jsonText, *Server, *Asset) {
	return func(o *jsonText, _ *Server, a *Asset) {
		if p := a.full().Picture; p != nil {
			write(o, p)
		}
	}
}

// wantedFields are the writers of the fields that a caller named; what no kind has is passed over.
func wantedFields(text string) []func(*jsonText, *Server, *Asset) {
	var out []func(*jsonText, *Server, *Asset)
	var seen []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if w := fieldWriters[name]; w != nil && !slices.Contains(seen, name) {
			out, seen = append(out, w), append(seen, name)
		}
	}
	return out
}

// kinds are the members and id names of each kind of media in a hit.
var kinds = map[string][2]string{"video": {"Video", "VideoId"}, "audio": {"Audio", "AudioId"}, "image": {"Image", "ImageId"}, "attached": {"AttachedMedia", "MediaId"}}

// found writes one hit: id, type and time always, else only what was asked for.
func (s *Server) found(o *jsonText, a *Asset, want []func(*jsonText, *Server, *Asset)) {
	o.open()
	o.str("MediaId", a.ID)
	o.str("MediaType", a.Kind)
	o.time("CreationTime", a.Created)
	k := kinds[a.Kind]
	o.name(k[0])
	o.open()
	o.str(k[1], a.ID)
	o.time("CreationTime", a.Created)
	for _, write := range want {
		write(o, s, a)
	}
	o.close()
	o.close()
	o.b = o.b[:len(o.b)-1] // the list's commas are its own
}

// listed is what GetVideoList asks for, as an expression.
func (c *call) listed() matcher {
	cate, from, to := c.number("CateId"), c.time("StartTime"), c.time("EndTime")
	location := c.q.Get("StorageLocation")
	return matcher{from: from, to: to, test: func(s *Server, a *Asset) bool {
		switch {
		case cate != 0 && a.CateID != cate, !c.wants("Status", a.Status), location != "" && location != s.storage():
			return false
		case a.Created.Equal(from):
			return s.opt.ListStartInclusive
		}
		return a.Created.After(from) && (to.IsZero() || !a.Created.After(to))
	}}
}

func getVideoList(s *Server, c *call) (any, *fault) {
	size := c.number("PageSize")
	page := c.number("PageNo")
	sort := c.choice("SortBy")
	if from, to := c.time("StartTime"), c.time("EndTime"); !from.IsZero() && !to.IsZero() && !to.After(from) {
		return nil, invalidParam("EndTime")
	}
	if page*size > maxWindow {
		return nil, refuse(400, "VideoListExceededMax", "The video list exceeded maximum.")
	}
	key := strings.Join([]string{"list", sort, c.q.Get("CateId"), c.q.Get("Status"), c.q.Get("StorageLocation"), c.q.Get("StartTime"), c.q.Get("EndTime")}, "\x00")
	s.mu.Lock() // catching up with a lagging index writes
	defer s.mu.Unlock()
	s.lib.catchUp(time.Now())
	list := s.filter(c, []string{"video", "audio"}, c.listed(), true, []order{{desc: sort == "CreationTime:Desc"}}, key)
	if list.len() == 0 && s.opt.EmptyListNotFound {
		return nil, noVideo
	}
	videos := []mediaWire{}
	for i := min(int((page-1)*size), list.len()); i < min(int(page*size), list.len()); i++ {
		a := list.at(i).full()
		w := s.wire(a)
		w.VideoID, w.CreateTime, w.ModifyTime = a.ID, w.CreationTime, w.ModificationTime
		w.RegionID, w.PreprocessStatus, w.DownloadSwitch, w.AuditStatus, w.TemplateGroupID = "", "", "", "", ""
		if urls := s.snapshotURLs(a, "CoverSnapshot"); urls != nil {
			w.Snapshots = map[string][]string{"Snapshot": urls}
		}
		videos = append(videos, w)
	}
	return reply{"Total": list.len(), "VideoList": map[string]any{"Video": videos}}, nil
}
