package fakevod

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxTitle       = 128
	maxDescription = 1024
	maxTags        = 16
	maxTag         = 32
)

// edit is what an update wants; a nil field is not sent.
type edit struct {
	VideoID     string `json:"VideoId"`
	ImageID     string `json:"ImageId"`
	MediaID     string `json:"MediaId"` // of an attached media
	Title       *string
	Description *string
	Tags        *string
	CoverURL    *string
	CateID      *int64  `json:"CateId"`
	CateIDs     *string `json:"CateIds"`
	UserData    *string
}

// check refuses what a field of UpdateContent must not hold, by its row of the table of
// parameters, and a category that is not there. The fields of other calls are checked
// by the gateway.
func (e edit) check(s *Server, c *call) *fault {
	for _, p := range c.row.params {
		var ok bool
		if p.name, ok = strings.CutPrefix(p.name, "UpdateContent[]."); !ok {
			continue
		}
		if v := map[string]*string{"Title": e.Title, "Description": e.Description, "Tags": e.Tags, "CateIds": e.CateIDs}[p.name]; v != nil && *v != "" {
			if refused := p.check(*v); refused != nil {
				return refused
			}
		}
	}
	if e.CateID != nil && *e.CateID > 0 {
		if _, ok := s.lib.categories[*e.CateID]; !ok {
			return noCategory
		}
	}
	if e.CateIDs != nil {
		_, refused := s.cateIDs(*e.CateIDs)
		return refused
	}
	return nil
}

func tooLong(name string, most int) *fault {
	return refuse(400, "LengthExceededMax", "The specified "+name+" length has exceeded "+strconv.Itoa(most)+" bytes.")
}

func illegal(name string) *fault {
	return refuse(400, "IllegalCharacters", "The specified "+name+" contains illegal emoticon or special characters.")
}

// pictured says that a text holds emoji or control characters.
func pictured(v string) bool {
	return !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool {
		return r >= 0x1F000 && r < 0x20000 || r >= 0x2600 && r <= 0x27BF || r == 0xFE0F || r == 0x200D || r < ' ' && r != '\t' && r != '\n' && r != '\r'
	})
}

// apply makes the changed copy and the notification's content: what changed, old and new.
func (e edit) apply(s *Server, a *Asset, b *Asset) map[string]string {
	content := map[string]string{}
	put := func(name string, to *string, v *string) {
		if v == nil || *v == "" && s.opt.EmptyIgnored || *v == *to {
			return
		}
		content[name] = oldNew(*to, *v, *to != "", *v != "")
		*to = *v
	}
	put("Title", &b.Title, e.Title)
	put("Description", &b.Description, e.Description)
	put("Tags", &b.Tags, e.Tags)
	put("CoverURL", &b.CoverURL, e.CoverURL)
	if e.UserData != nil {
		b.UserData = *e.UserData
	}
	if e.CateID != nil && max(*e.CateID, 0) != a.CateID {
		b.CateID = max(*e.CateID, 0)
		content["CateId"] = oldNew(a.CateID, b.CateID, a.CateID != 0, b.CateID != 0)
	}
	if e.CateIDs != nil {
		picture := *a.Picture
		picture.CateIDs, _ = s.cateIDs(*e.CateIDs) // they were checked
		b.Picture = &picture
	}
	return content
}

func oldNew(before, now any, had, has bool) string {
	m := map[string]any{}
	if had {
		m["OldValue"] = before
	}
	if has {
		m["NewValue"] = now
	}
	return string(marshal(m))
}

func updateVideoInfo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	e := edit{VideoID: id}
	for name, to := range map[string]**string{"Title": &e.Title, "Description": &e.Description, "Tags": &e.Tags, "CoverURL": &e.CoverURL, "UserData": &e.UserData} {
		if c.q.Has(name) {
			v := c.q.Get(name)
			*to = &v
		}
	}
	if c.q.Get("CateId") != "" {
		n := c.number("CateId")
		e.CateID = &n
	}
	return reply{}, s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, id)
		if refused == nil {
			refused = e.check(s, c)
		}
		if refused == nil {
			ch.update(a, e)
		}
		return refused
	})
}

func (ch *change) update(a *Asset, e edit) {
	b := a.edit(ch.now)
	if content := e.apply(ch.s, a, b); len(content) > 0 && a.Picture == nil { // only videos' changes are told
		ch.tell(b, ch.s.baseChange(b, "update", content, ch.now))
	}
	ch.put(b)
}

// content reads UpdateContent: an array of at most 20 objects, as text.
func (c *call) content() ([]edit, *fault) {
	text := c.q.Get("UpdateContent")
	var objects []map[string]json.RawMessage
	var edits []edit
	if json.Unmarshal([]byte(text), &objects) != nil || json.Unmarshal([]byte(text), &edits) != nil || len(edits) == 0 {
		return nil, invalidParam("UpdateContent")
	}
	if len(edits) > 20 {
		return nil, refuse(400, "CountExceededMax", "The UpdateContent count has exceeded 20.")
	}
	for _, o := range objects {
		for name := range o {
			if name = "UpdateContent[]." + name; !slices.ContainsFunc(c.row.params, func(p param) bool { return p.name == name }) {
				return nil, refuse(501, "NotImplemented", "The field "+name+" of "+c.op+" is not emulated.")
			}
		}
	}
	for _, e := range edits {
		if cmp.Or(e.VideoID, e.ImageID, e.MediaID) == "" {
			return nil, invalidParam("UpdateContent")
		}
	}
	return edits, nil
}

func updateVideoInfos(s *Server, c *call) (any, *fault) {
	edits, refused := c.content()
	if refused != nil {
		return nil, refused
	}
	missing, hidden := []string{}, []string{}
	done := 0
	refused = s.write(c.now, func(ch *change) *fault {
		for _, e := range edits {
			if refused := e.check(s, c); refused != nil && !s.opt.PartialInvalid {
				return refused
			}
		}
		var bad *fault
		for _, e := range edits {
			a, refused := s.video(c, e.VideoID)
			switch refused {
			case nil:
			case forbidden:
				hidden = append(hidden, e.VideoID)
				continue
			default:
				missing = append(missing, e.VideoID)
				continue
			}
			if refused := e.check(s, c); refused != nil {
				bad = refused
				continue
			}
			ch.update(a, e)
			done++
		}
		if done == 0 && len(hidden) == 0 && bad == nil && s.opt.UpdateAllUnknown404 {
			return noVideo
		}
		return bad
	})
	return reply{"NonExistVideoIds": missing, "ForbiddenVideoIds": hidden}, refused
}

func updateImageInfos(s *Server, c *call) (any, *fault) {
	missing, refused := s.updatePictures(c, "image")
	return reply{"NonExistImageIds": map[string][]string{"ImageId": missing}}, refused
}

func updateAttachedMediaInfos(s *Server, c *call) (any, *fault) {
	missing, refused := s.updatePictures(c, "attached")
	return reply{"NonExistMediaIds": missing}, refused
}

// updatePictures changes what is said of images or attached media, and answers the ids of
// those that are not there.
func (s *Server) updatePictures(c *call, kind string) ([]string, *fault) {
	edits, refused := c.content()
	if refused != nil {
		return nil, refused
	}
	missing := []string{}
	refused = s.write(c.now, func(ch *change) *fault {
		for _, e := range edits {
			if refused := e.check(s, c); refused != nil {
				return refused
			}
		}
		for _, e := range edits {
			e.CoverURL = nil
			id := cmp.Or(e.ImageID, e.MediaID)
			if a := s.lib.assets[id]; a != nil && a.Kind == kind && c.sees(a) {
				ch.update(a, e)
			} else {
				missing = append(missing, id)
			}
		}
		if len(missing) == len(edits) && s.opt.UpdateAllUnknown404 {
			return noResource
		}
		return nil
	})
	return missing, refused
}

func deleteVideo(s *Server, c *call) (any, *fault) {
	ids := c.list("VideoIds")
	missing, hidden := []string{}, []string{}
	refused := s.write(c.now, func(ch *change) *fault {
		for _, id := range ids {
			a, refused := s.video(c, id)
			if refused == nil && s.fixed(a) {
				refused = forbidden
			}
			switch refused {
			case nil:
				ch.remove(a)
				content := map[string]string{}
				for name, v := range map[string]string{"Title": a.Title, "Description": a.Description, "Tags": a.Tags, "CoverURL": a.CoverURL} {
					if v != "" {
						content[name] = oldNew(v, nil, true, false)
					}
				}
				ch.tell(a, s.deletion(a, "all", nil, ch.now), s.baseChange(a, "delete", content, ch.now))
			case forbidden:
				hidden = append(hidden, id)
			default:
				missing = append(missing, id)
			}
		}
		if len(missing) == len(ids) {
			return noVideo
		}
		return nil
	})
	return reply{"NonExistVideoIds": missing, "ForbiddenVideoIds": hidden}, refused
}

func deleteStream(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	jobs := c.list("JobIds")
	return reply{}, s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, id)
		if refused != nil {
			return refused
		}
		if s.fixed(a) {
			return refuse(400, "Forbidden.IllegalStatus", "Status of the video is illegal.")
		}
		var kept []Stream
		var gone []string
		for _, st := range a.Streams {
			if slices.Contains(jobs, st.JobID) && st.Definition != "OD" { // the source goes by DeleteMezzanines
				gone = append(gone, st.JobID)
			} else {
				kept = append(kept, st)
			}
		}
		if len(gone) == 0 || len(gone) < len(jobs) && !s.opt.StreamsSkipUnknown {
			return refuse(404, "InvalidStream.NotFound", "The stream does not exist.")
		}
		b := a.full().edit(ch.now)
		b.Made, b.Streams = 0, kept
		ch.put(b)
		if s.opt.DeleteStreamEvent {
			ch.tell(b, s.deletion(b, "stream", gone, ch.now))
		}
		return nil
	})
}

func deleteMezzanines(s *Server, c *call) (any, *fault) {
	ids := c.list("VideoIds")
	force := c.choice("Force")
	missing, kept := []string{}, []string{}
	refused := s.write(c.now, func(ch *change) *fault {
		for _, id := range ids {
			a, refused := s.video(c, id)
			switch {
			case refused == forbidden:
				kept = append(kept, id)
			case refused != nil:
				missing = append(missing, id)
			case force != "true" && a.transcodeMode() != "FastTranscode", a.Source == nil, s.fixed(a),
				a.Status == "Uploading", a.Status == "UploadSucc", a.Status == "Transcoding":
				kept = append(kept, id)
			case a.Source.Status == "Deleted": // again: nothing left to do
			default:
				b := a.full().edit(ch.now)
				src := *b.Source
				b.Made, b.Source = 0, &src
				if src.Key != "" {
					ch.gone = append(ch.gone, src.Key)
				}
				src.Status = "Deleted"
				b.Streams = slices.DeleteFunc(slices.Clone(b.Streams), func(st Stream) bool { return st.Definition == "OD" })
				ch.put(b)
			}
		}
		if len(missing) == len(ids) && s.opt.MezzaninesAllUnknown404 {
			return noVideo
		}
		return nil
	})
	return reply{"NonExistVideoIds": missing, "UnRemoveableVideoIds": kept}, refused
}

func deleteImage(s *Server, c *call) (any, *fault) {
	how := c.q.Get("DeleteImageType")
	switch how {
	case "ImageId":
		ids := c.list("ImageIds")
		if len(ids) == 0 {
			return nil, missingParam("ImageIds")
		}
		return reply{}, s.removeImages(c, ids, func(id string) *Asset { return s.lib.assets[id] })
	case "ImageURL":
		urls := c.list("ImageURLs")
		if len(urls) == 0 {
			return nil, missingParam("ImageURLs")
		}
		for i, u := range urls {
			if plain, err := url.QueryUnescape(u); err == nil { // each is encoded before they are joined
				urls[i] = plain
			}
		}
		return reply{}, s.removeImages(c, urls, s.imageByURL(urls))
	case "VideoId":
		return s.removeSnapshots(c)
	}
	return nil, invalidParam("DeleteImageType")
}

// imageByURL looks through the images once for all wanted addresses.
func (s *Server) imageByURL(urls []string) func(string) *Asset {
	var byURL map[string]*Asset
	return func(u string) *Asset {
		if byURL == nil {
			byURL = map[string]*Asset{}
			for _, a := range s.lib.assets {
				if a.Kind != "image" {
					continue
				}
				if p := a.full().Picture; p != nil && slices.Contains(urls, p.URL) {
					byURL[p.URL] = a
				}
			}
		}
		return byURL[u]
	}
}

func (s *Server) removeImages(c *call, names []string, find func(string) *Asset) *fault {
	return s.write(c.now, func(ch *change) *fault {
		var found []*Asset
		for _, name := range names {
			a := find(name)
			switch {
			case a == nil || a.Kind != "image":
			case !c.sees(a):
				return forbidden
			default:
				found = append(found, a)
			}
		}
		if len(found) == 0 || len(found) < len(names) && !s.opt.DeleteImageSkipsUnknown {
			return noResource
		}
		for _, a := range found {
			ch.remove(a)
		}
		return nil
	})
}

func (s *Server) removeSnapshots(c *call) (any, *fault) {
	for _, name := range []string{"VideoId", "ImageType"} {
		if c.q.Get(name) == "" {
			return nil, missingParam(name)
		}
	}
	id, types := c.q.Get("VideoId"), c.list("ImageType")
	all := slices.Contains(types, "All")
	if all && len(types) > 1 {
		return nil, invalidParam("ImageType")
	}
	return reply{}, s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, id)
		if refused != nil {
			return refused
		}
		var kept []SnapshotJob
		for _, j := range a.Snapshots {
			if j.Type == "WebVttSnapshot" || !all && !slices.Contains(types, j.Type) {
				kept = append(kept, j)
			}
		}
		if len(kept) == len(a.Snapshots) {
			return noResource
		}
		b := a.full().edit(ch.now)
		b.Made, b.Snapshots = 0, kept
		ch.put(b)
		return nil
	})
}
