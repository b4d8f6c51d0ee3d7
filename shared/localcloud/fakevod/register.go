package fakevod

import (
	"cmp"
	"encoding/json"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
)

// maxRegister is how many files one RegisterMedia may name.
const maxRegister = 10

// registerMedia takes files into the library that lie in its bucket already. VOD sends
// no notification of an upload for them; the analysis and what follows it are told.
func registerMedia(s *Server, c *call) (any, *fault) {
	group := c.q.Get("TemplateGroupId")
	if _, ok := s.template(group); !ok || group == "" {
		return nil, refuse(404, "InvalidTemplateGroupId.NotFound", "The TemplateGroupId does not exist.")
	}
	var objects []map[string]json.RawMessage
	var files []struct{ FileURL, Title, Description, Tags, CoverURL string }
	text := []byte(c.q.Get("RegisterMetadatas"))
	if json.Unmarshal(text, &objects) != nil || json.Unmarshal(text, &files) != nil || len(files) == 0 || len(files) > maxRegister {
		return nil, invalidParam("RegisterMetadatas")
	}
	for _, o := range objects {
		for name := range o {
			if !slices.Contains([]string{"FileURL", "Title", "Description", "Tags", "CoverURL"}, name) {
				return nil, refuse(501, "NotImplemented", "The field RegisterMetadatas[]."+name+" of RegisterMedia is not emulated.")
			}
		}
	}
	list, failed := []map[string]any{}, []string{}
	refused := s.write(c.now, func(ch *change) *fault {
		for _, f := range files {
			key, size, crc := s.stored(f.FileURL)
			if key == "" {
				failed = append(failed, f.FileURL)
				continue
			}
			id, isNew := s.holds(key), false
			if id == "" {
				id, isNew = s.newID(), true
				a := &Asset{ID: id, Kind: "video", Status: "UploadSucc", Created: ch.now, Modified: ch.now, AppID: c.newApp(), UserData: c.q.Get("UserData"),
					Title: cmp.Or(f.Title, path.Base(key)), Description: f.Description, Tags: f.Tags, CoverURL: f.CoverURL, TemplateGroupID: group, StorageClass: "Standard",
					Source: &Source{Status: "Normal", FileName: path.Base(key), Key: key, Created: ch.now, CRC64: crc, Media: Media{Size: size}}, Size: size}
				if group == NoTranscode {
					a.TranscodeMode = "NoTranscode"
				}
				ch.put(a)
				ch.begin = append(ch.begin, id)
			}
			list = append(list, map[string]any{"NewRegister": isNew, "FileURL": f.FileURL, "MediaId": id})
		}
		return nil
	})
	return reply{"RegisteredMediaList": list, "FailedFileURLs": failed}, refused
}

// stored finds an object of the library's bucket by its address; its key is "" when it is
// not there.
func (s *Server) stored(address string) (key string, size int64, crc string) {
	u, err := url.Parse(address)
	if err != nil || u.Host != s.storage() || s.opt.Objects == nil {
		return "", 0, ""
	}
	key = strings.TrimPrefix(u.Path, "/")
	size, crc, _ = measure(func() (io.ReadSeekCloser, error) {
		r, err := s.opt.Objects.Open(s.opt.Bucket, key)
		if err != nil {
			key = ""
		}
		return r, err
	})
	return key, size, crc
}

// holds is the media whose source an object is, "" when it is nobody's.
func (s *Server) holds(key string) string {
	for id, a := range s.lib.assets {
		if a.Source != nil && a.Source.Key == key {
			return id
		}
	}
	return ""
}
