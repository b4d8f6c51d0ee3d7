package fakevod

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxWindow is how many records plain paging reaches.
const maxWindow = 5000

// scrolls are the traversals that a ScrollToken continues.
type scrolls struct {
	mu   sync.Mutex
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

// choose returns what the index holds of one kind, filtered and in order.
func (s *Server) choose(c *call, kind, match string, orders []order, key string) (lines, *fault) {
	m, err := compileMatch(kind, match, s.opt.Doubtful)
	if err != nil {
		return lines{}, matchFault(err)
	}
	s.lib.catchUp(time.Now())
	return s.filter(c, []string{kind}, m, match != "", orders, key), nil
}

func (s *Server) filter(c *call, kinds []string, m matcher, filtered bool, orders []order, key string) lines {
	out := lines{cmp: compare(orders)}
	plain := !orders[0].modified && len(orders) == 1
	if plain && !filtered && c.key.Apps == nil && len(kinds) == 1 {
		out.sorted, out.backward = s.lib.index[kinds[0]].sorted, orders[0].desc
		return out
	}
	s.scrolls.mu.Lock()
	defer s.scrolls.mu.Unlock()
	key += "\x00" + strings.Join(c.key.Apps, ",")
	for _, h := range s.scrolls.hits {
		if h.query == key && h.version == s.lib.version {
			out.sorted = h.assets
			return out
		}
	}
	for _, kind := range kinds {
		all := s.lib.index[kind].sorted
		if !m.from.IsZero() {
			i, _ := slices.BinarySearchFunc(all, m.from, func(a *Asset, t time.Time) int { return a.Created.Compare(t) })
			all = all[i:]
		}
		if !m.to.IsZero() {
			i, _ := slices.BinarySearchFunc(all, m.to.Add(time.Second), func(a *Asset, t time.Time) int { return a.Created.Compare(t) })
			all = all[:i]
		}
		for _, a := range all {
			if c.sees(a) && m.test(s, a) {
				out.sorted = append(out.sorted, a)
			}
		}
	}
	if !plain || len(kinds) > 1 {
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

func searchMedia(s *Server, c *call) (any, *fault) {
	kind, refused := c.choice("SearchType", "video", "audio", "image", "attached")
	if refused != nil {
		return nil, refused
	}
	orders, refused := parseOrder(c.q.Get("SortBy"))
	if refused != nil {
		return nil, refused
	}
	size, refused := c.number("PageSize", 10, 1, 100)
	if refused != nil {
		return nil, refused
	}
	page, refused := c.number("PageNo", 1, 1, 1<<40)
	if refused != nil {
		return nil, refused
	}
	token := c.q.Get("ScrollToken")
	scrolls := kind == "video" || kind == "audio"
	switch {
	case token != "" && !scrolls:
		return nil, invalidParam("ScrollToken")
	case token != "" && len(orders) > 1:
		return nil, refuse(400, "SortByExceededMax", "The SortBy parameter only supports one sort field when traversing all data.")
	case len(orders) > 3:
		return nil, invalidParam("SortBy")
	}
	match := c.q.Get("Match")
	query := kind + "\x00" + match + "\x00" + c.q.Get("SortBy")

	s.mu.Lock() // catching up with a lagging index writes
	defer s.mu.Unlock()
	list, refused := s.choose(c, kind, match, orders, query)
	if refused != nil {
		return nil, refused
	}
	total := list.len()
	var from int
	if token == "" {
		switch {
		case page*size <= maxWindow:
			from = min(int((page-1)*size), total)
		case s.opt.PastWindowEmpty:
			from = total
		default:
			return nil, invalidParam("PageNo")
		}
	}
	var hold *scroll
	if scrolls && len(orders) == 1 {
		s.scrolls.mu.Lock()
		defer s.scrolls.mu.Unlock()
		if token == "" {
			token, hold = s.scrolls.open(query, s.opt.ScrollLife)
		} else {
			hold = s.scrolls.byID[token]
			if hold == nil || time.Since(hold.used) > s.opt.ScrollLife {
				return nil, refuse(400, "InvalidScrollToken.Expired", "The ScrollToken is expired, please refresh it.")
			}
			if hold.query != query || hold.size != size {
				return nil, invalidParam("ScrollToken")
			}
			if from, refused = hold.seek(list, page, int64(s.opt.ScrollJump)); refused != nil {
				return nil, refused
			}
		}
	}
	to := min(from+int(size), total)
	found := make([]foundWire, 0, to-from)
	want := fieldSet(c.q.Get("Fields"))
	for i := from; i < to; i++ {
		a := list.at(i)
		if c.stale {
			if old := s.lib.old[a.ID]; old != nil && old.Kind == a.Kind {
				a = old
			}
		}
		found = append(found, s.found(a, want))
	}
	out := &searchReply{MediaList: found, Total: total}
	if hold != nil {
		hold.page, hold.size, hold.total, hold.used = page, size, total, time.Now()
		if to > from {
			hold.first, hold.last = list.at(from), list.at(to-1)
		}
		out.ScrollToken = token
	}
	return out, nil
}

type searchReply struct {
	RequestID   string `json:"RequestId"`
	Total       int
	ScrollToken string `json:",omitempty"`
	MediaList   []foundWire
}

type foundWire struct {
	MediaID      string `json:"MediaId"`
	MediaType    string
	CreationTime string
	Video        *mediaWire `json:",omitempty"`
	Audio        *mediaWire `json:",omitempty"`
	Image        *mediaWire `json:",omitempty"`
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

// fieldSet is the set of wanted fields; nil when the caller named none.
func fieldSet(text string) map[string]bool {
	if text == "" {
		return nil
	}
	m := map[string]bool{}
	for f := range strings.SplitSeq(text, ",") {
		m[strings.TrimSpace(f)] = true
	}
	return m
}

// found fills one hit: id, type and time always, else only what was asked for.
func (s *Server) found(a *Asset, want map[string]bool) foundWire {
	f := foundWire{MediaID: a.ID, MediaType: a.Kind, CreationTime: stamp(a.Created)}
	w := &mediaWire{}
	set := func(name string, to *string, value string) {
		if want[name] {
			*to = value
		}
	}
	set("Title", &w.Title, a.Title)
	set("Tags", &w.Tags, a.Tags)
	set("Description", &w.Description, a.Description)
	set("Status", &w.Status, a.Status)
	set("StorageLocation", &w.StorageLocation, s.storage())
	set("AppId", &w.AppID, a.app())
	set("RegionId", &w.RegionID, s.opt.Region)
	set("AuditStatus", &w.AuditStatus, "Normal")
	w.CreationTime = f.CreationTime
	if want["ModificationTime"] {
		w.ModificationTime = stamp(a.Modified)
	}
	if want["CateId"] {
		w.CateID = a.CateID
	}
	if want["CateName"] {
		w.CateName = s.lib.categories[a.CateID].Name
	}
	if a.Kind == "image" {
		w.ImageID = a.ID
		f.Image = w
		if p := a.Picture; p != nil {
			set("ImageType", &w.ImageType, p.Type)
			set("Type", &w.Type, p.Type)
			set("Ext", &w.Ext, p.Ext)
			set("URL", &w.URL, p.URL)
			if want["Mezzanine"] {
				w.Mezzanine = &mezzanineFile{FileSize: strconv.FormatInt(p.Size, 10), FileURL: p.URL, Width: p.Width, Height: p.Height, OriginalFileName: p.FileName}
			}
		}
		return f
	}
	if want["Size"] {
		w.Size = a.Size
	}
	if want["Duration"] {
		w.Duration = a.Duration
	}
	set("CoverURL", &w.CoverURL, a.CoverURL)
	set("MediaSource", &w.MediaSource, firstOf(a.MediaSource, "general"))
	set("PreprocessStatus", &w.PreprocessStatus, "UnPreprocess")
	set("DownloadSwitch", &w.DownloadSwitch, "on")
	set("TranscodeMode", &w.TranscodeMode, a.transcodeMode())
	set("StorageClass", &w.StorageClass, a.storageClass())
	set("RestoreStatus", &w.RestoreStatus, a.RestoreStatus)
	if want["RestoreExpiration"] {
		w.RestoreExpiration = stamp(a.RestoreExpiration)
	}
	set("TemplateGroupId", &w.TemplateGroupID, a.TemplateGroupID)
	set("UserData", &w.UserData, a.UserData)
	if want["Snapshots"] || want["SpriteSnapshots"] {
		full := a.full()
		if urls := s.snapshotURLs(full, "CoverSnapshot"); want["Snapshots"] && urls != nil {
			w.Snapshots = urls
		}
		if urls := s.snapshotURLs(full, "SpriteSnapshot"); want["SpriteSnapshots"] && urls != nil {
			w.SpriteSnapshots = urls
		}
	}
	if a.Kind == "audio" {
		w.AudioID = a.ID
		f.Audio = w
	} else {
		w.VideoID = a.ID
		f.Video = w
	}
	return f
}

func getVideoList(s *Server, c *call) (any, *fault) {
	size, refused := c.number("PageSize", 10, 1, 100)
	if refused != nil {
		return nil, refused
	}
	page, refused := c.number("PageNo", 1, 1, 1<<40)
	if refused != nil {
		return nil, refused
	}
	sort, refused := c.choice("SortBy", "CreationTime:Desc", "CreationTime:Asc")
	if refused != nil {
		return nil, refused
	}
	cate, refused := c.number("CateId", 0, -1<<62, 1<<62)
	if refused != nil {
		return nil, refused
	}
	var bounds [2]time.Time
	for i, name := range []string{"StartTime", "EndTime"} {
		if text := c.q.Get(name); text != "" {
			var err error
			if bounds[i], err = time.Parse(wireTime, text); err != nil {
				return nil, invalidParam(name)
			}
		}
	}
	if !bounds[0].IsZero() && !bounds[1].IsZero() && !bounds[1].After(bounds[0]) {
		return nil, invalidParam("EndTime")
	}
	if page*size > maxWindow {
		return nil, refuse(400, "VideoListExceededMax", "The video list exceeded maximum.")
	}
	location, states := c.q.Get("StorageLocation"), c.q.Get("Status")
	m := matcher{from: bounds[0], to: bounds[1], test: func(s *Server, a *Asset) bool {
		return (cate == 0 || a.CateID == cate) && (states == "" || slices.Contains(strings.Split(states, ","), a.Status)) &&
			(location == "" || location == s.storage()) &&
			(bounds[0].IsZero() || a.Created.After(bounds[0])) && (bounds[1].IsZero() || !a.Created.After(bounds[1]))
	}}
	key := strings.Join([]string{"list", sort, strconv.FormatInt(cate, 10), states, location, c.q.Get("StartTime"), c.q.Get("EndTime")}, "\x00")
	s.mu.Lock() // catching up with a lagging index writes
	defer s.mu.Unlock()
	s.lib.catchUp(time.Now())
	list := s.filter(c, []string{"video", "audio"}, m, true, []order{{desc: sort == "CreationTime:Desc"}}, key)
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
