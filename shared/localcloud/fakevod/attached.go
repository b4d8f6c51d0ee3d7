package fakevod

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Attached media are what videos are made up with: watermarks, subtitles, material. The
// library keeps one as a Picture whose Type is its business type.

// attachedExt are the files of each business type; the first stands where nobody says one.
var attachedExt = map[string][]string{
	"watermark": strings.Fields("png gif apng mov"),
	"subtitle":  strings.Fields("srt ass stl ttml vtt"),
	"material":  strings.Fields("jpg gif png mp4 mat zip apk"),
}

const maxCategories = 5

func createUploadAttachedMedia(s *Server, c *call) (any, *fault) {
	kind := c.choice("BusinessType")
	name := c.q.Get("FileName")
	ext := strings.ToLower(firstOf(c.q.Get("MediaExt"), extension(name), attachedExt[kind][0]))
	if !slices.Contains(attachedExt[kind], ext) {
		return nil, invalidParam("MediaExt")
	}
	e, refused := c.describe(s)
	if refused != nil {
		return nil, refused
	}
	var a *Asset
	refused = s.write(c.now, func(ch *change) *fault {
		cates, refused := s.cateIDs(c.q.Get("CateIds"))
		if refused != nil {
			return refused
		}
		id := s.newID()
		key := fmt.Sprintf("%s/%s.%s", kind, id, ext)
		a = &Asset{ID: id, Kind: "attached", Status: "Uploading", Created: ch.now, Modified: ch.now, AppID: c.newApp(), UserData: c.q.Get("UserData"),
			Picture: &Picture{Type: kind, Ext: ext, FileName: name, Key: key, URL: s.host() + key, Size: c.number("FileSize"), CateIDs: cates}}
		e.fill(a)
		ch.put(a)
		return nil
	})
	if refused != nil {
		return nil, refused
	}
	address, auth := s.grant(a.Picture.Key)
	return reply{"MediaId": a.ID, "MediaURL": a.Picture.URL, "FileURL": "https" + strings.TrimPrefix(a.Picture.URL, "http"), "UploadAddress": address, "UploadAuth": auth}, nil
}

// cateIDs reads the categories of an attached media; the caller holds s.mu.
func (s *Server) cateIDs(list string) (out []int64, _ *fault) {
	for _, text := range distinct(list) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, invalidParam("CateIds")
		}
		if _, ok := s.lib.categories[id]; !ok {
			return nil, noCategory
		}
		out = append(out, id)
	}
	return out, nil
}

// attached finds the attached media of a list that the caller may see, and the rest.
func (s *Server) attached(c *call) (found []*Asset, missing []string) {
	missing = []string{}
	for _, id := range c.list("MediaIds") {
		if a := s.look(c, id); a != nil && a.Kind == "attached" && c.sees(a) {
			found = append(found, a)
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing
}

type attachedWire struct {
	MediaID                                                             string         `json:"MediaId"`
	Title                                                               string         `json:",omitempty"`
	Tags                                                                string         `json:",omitempty"`
	Description                                                         string         `json:",omitempty"`
	CreationTime                                                        string         `json:",omitempty"`
	ModificationTime                                                    string         `json:",omitempty"`
	AppID                                                               string         `json:"AppId"`
	RegionID                                                            string         `json:"RegionId"`
	Categories                                                          []categoryWire `json:",omitempty"`
	BusinessType, Type, Ext, URL, Status, OnlineStatus, StorageLocation string
	FileSize                                                            int64
}

func getAttachedMediaInfo(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, missing := s.attached(c)
	list := []attachedWire{}
	for _, a := range found {
		p := a.Picture
		w := attachedWire{
			MediaID: a.ID, Title: a.Title, Tags: a.Tags, Description: a.Description, CreationTime: stamp(a.Created), ModificationTime: stamp(a.Modified),
			AppID: a.app(), RegionID: s.opt.Region, BusinessType: p.Type, Type: p.Type, Ext: p.Ext, Status: a.Status, OnlineStatus: "online",
			URL: s.lasting(c.choice("OutputType"), p.URL, c.number("AuthTimeout")), StorageLocation: s.storage(), FileSize: p.Size,
		}
		for _, id := range p.CateIDs {
			if cate, ok := s.lib.categories[id]; ok {
				w.Categories = append(w.Categories, s.category(cate))
			}
		}
		list = append(list, w)
	}
	return reply{"AttachedMediaList": list, "NonExistMediaIds": missing}, nil
}

func deleteAttachedMedia(s *Server, c *call) (any, *fault) {
	var missing []string
	refused := s.write(c.now, func(ch *change) *fault {
		var found []*Asset
		found, missing = s.attached(c)
		for _, a := range found {
			ch.remove(a)
		}
		return nil
	})
	return reply{"NonExistMediaIds": missing}, refused
}

var tooManyMedia = refuse(http.StatusBadRequest, "ExceededMax", "The input parameter 'MediaIds' Exceed the limit.")
