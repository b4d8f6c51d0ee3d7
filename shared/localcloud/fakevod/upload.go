package fakevod

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"math"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/probe"
)

// NoTranscode is the template group that plays the source as it is.
const NoTranscode = "VOD_NO_TRANSCODE"

// DefaultTemplate is the template group of an upload that names none.
const DefaultTemplate = "6f1d2c3b4a59687786a5b4c3d2e1f001"

// Template is a transcode template group: the outputs it makes of a video, as far
// as the source's height allows, and of a file with audio only.
type Template struct {
	Name  string
	Video []Output
	Audio []Output
	// SnapshotCount is how many covers and normal snapshots it takes; 0 → 3 and 5.
	SnapshotCount int
}

// Output is one stream that a template makes.
type Output struct {
	Definition string
	Format     string
	Lines      int     // of the shorter side; a source with fewer lines is left out, unless it is the first output
	Bitrate    float64 // kbit/s at most
}

var defaultTemplate = Template{
	Name: "local default",
	Video: []Output{{"LD", "mp4", 240, 400}, {"SD", "mp4", 360, 900}, {"HD", "mp4", 720, 2000},
		{"2K", "mp4", 1440, 6000}, {"4K", "mp4", 2160, 12000}},
	Audio: []Output{{"SQ", "mp3", 0, 128}},
}

var (
	videoExt = strings.Fields("3gp asf avi dat dv flv f4v gif m2t m3u8 m4v mj2 mjpeg mkv mov mp4 mpe mpg mpeg mts ogg qt rm rmvb swf ts vob wmv webm")
	audioExt = strings.Fields("aac ac3 acm amr ape caf flac m4a mp3 ra wav wma aiff")
	imageExt = strings.Fields("png jpg jpeg gif")
)

func extension(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
}

// grant makes what a client needs to put one object: address and credentials that
// allow nothing else.
func (s *Server) grant(key string) (address, auth string) {
	resource := "acs:oss:*:*:" + s.opt.Bucket + "/" + key
	policy := &fakeram.Policy{Statement: []fakeram.Statement{{Effect: "Allow",
		Action:   fakeram.Strings{"oss:PutObject", "oss:ListParts", "oss:AbortMultipartUpload"},
		Resource: fakeram.Strings{resource}}}}
	k := s.opt.Keys.MintWith("vod-upload", s.opt.Account, s.opt.UploadTTL, policy)
	address = base64.StdEncoding.EncodeToString(marshal(map[string]string{
		"Endpoint": s.opt.OSSEndpoint, "Bucket": s.opt.Bucket, "FileName": key}))
	auth = base64.StdEncoding.EncodeToString(marshal(map[string]string{
		"AccessKeyId": k.ID, "AccessKeySecret": k.Secret, "SecurityToken": k.Token, "Region": s.opt.Region,
		"Expiration": strconv.Itoa(int(s.opt.UploadTTL.Seconds())), "ExpireUTCTime": k.Expires.UTC().Format(wireTime)}))
	return address, auth
}

// describe reads the parameters that uploads of all kinds share.
func (c *call) describe(s *Server) (edit, *fault) {
	var e edit
	for name, to := range map[string]**string{"Title": &e.Title, "Description": &e.Description, "Tags": &e.Tags} {
		if v := c.q.Get(name); v != "" {
			*to = &v
		}
	}
	if c.q.Get("CateId") != "" {
		n := c.number("CateId")
		e.CateID = &n
	}
	if location := c.q.Get("StorageLocation"); location != "" && location != s.storage() {
		return e, refuse(404, "InvalidStorage.NotFound", "The StorageLocation does not exist.")
	}
	if app := c.q.Get("AppId"); app != "" && c.key.Apps != nil && !slices.Contains(c.key.Apps, app) {
		return e, forbidden
	}
	return e, nil
}

func (e edit) fill(a *Asset) {
	for to, v := range map[*string]*string{&a.Title: e.Title, &a.Description: e.Description, &a.Tags: e.Tags, &a.CoverURL: e.CoverURL} {
		if v != nil {
			*to = *v
		}
	}
	if e.CateID != nil {
		a.CateID = max(*e.CateID, 0)
	}
}

// newApp is the application that an upload goes to when it names none: the
// default one, or the only ones its key may use.
func (c *call) newApp() string {
	app := c.q.Get("AppId")
	if app == "" && c.key.Apps != nil && !slices.Contains(c.key.Apps, DefaultApp) && len(c.key.Apps) > 0 {
		app = c.key.Apps[0]
	}
	return app
}

func createUploadVideo(s *Server, c *call) (any, *fault) {
	name := c.q.Get("FileName")
	ext := extension(name)
	kind := "video"
	switch {
	case slices.Contains(audioExt, ext):
		kind = "audio"
	case !slices.Contains(videoExt, ext):
		return nil, refuse(400, "InvalidFileName.Extension", "The specified FileName's extension is illegal.")
	}
	if !probe.Reads(ext) {
		return nil, refuse(400, "LocalCloud.NotEmulated", "VOD takes ."+ext+" files; the local cloud cannot read them. It reads "+strings.Join(probe.Known(), ", ")+".")
	}
	e, refused := c.describe(s)
	if refused != nil {
		return nil, refused
	}
	if v := c.q.Get("CoverURL"); v != "" {
		e.CoverURL = &v
	}
	group := c.q.Get("TemplateGroupId")
	if _, ok := s.template(group); !ok {
		return nil, refuse(404, "InvalidTemplateGroupId.NotFound", "The TemplateGroupId does not exist.")
	}
	var a *Asset
	refused = s.write(c.now, func(ch *change) *fault {
		if refused := e.check(s, c); refused != nil {
			return refused
		}
		id := s.newID()
		a = &Asset{ID: id, Kind: kind, Status: "Uploading", Created: ch.now, Modified: ch.now, AppID: c.newApp(), UserData: c.q.Get("UserData"),
			TemplateGroupID: cmp.Or(group, DefaultTemplate), StorageClass: "Standard"}
		if group == NoTranscode {
			a.TranscodeMode = "NoTranscode"
		}
		e.fill(a)
		a.Source = &Source{Status: "Uploading", FileName: path.Base(name), Key: fmt.Sprintf("sv/%s/%s.%s", id[:8], id, ext), Created: ch.now, Media: Media{Size: c.number("FileSize")}}
		ch.put(a)
		content := map[string]string{"Title": oldNew(nil, a.Title, false, true)}
		for name, v := range map[string]string{"Description": a.Description, "Tags": a.Tags, "CoverURL": a.CoverURL} {
			if v != "" {
				content[name] = oldNew(nil, v, false, true)
			}
		}
		if a.CateID != 0 {
			content["CateId"] = oldNew(nil, a.CateID, false, true)
		}
		ch.tell(a, s.baseChange(a, "create", content, ch.now))
		return nil
	})
	if refused != nil {
		return nil, refused
	}
	address, auth := s.grant(a.Source.Key)
	return reply{"VideoId": a.ID, "UploadAddress": address, "UploadAuth": auth}, nil
}

func refreshUploadVideo(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	s.mu.RLock()
	a, refused := s.video(c, id)
	s.mu.RUnlock()
	if refused != nil {
		return nil, refused
	}
	if a.Source == nil {
		return nil, refuse(400, "InvalidVideo.Damaged", "The video has been Damaged.")
	}
	address, auth := s.grant(a.Source.Key)
	return reply{"VideoId": a.ID, "UploadAddress": address, "UploadAuth": auth}, nil
}

func createUploadImage(s *Server, c *call) (any, *fault) {
	kind := c.choice("ImageType")
	ext := c.choice("ImageExt")
	e, refused := c.describe(s)
	if refused != nil {
		return nil, refused
	}
	var a *Asset
	refused = s.write(c.now, func(ch *change) *fault {
		if refused := e.check(s, c); refused != nil {
			return refused
		}
		id := s.newID()
		key := fmt.Sprintf("image/%s/%s.%s", kind, id, ext)
		a = &Asset{ID: id, Kind: "image", Status: "Uploading", Created: ch.now, Modified: ch.now, AppID: c.newApp(), UserData: c.q.Get("UserData"),
			Picture: &Picture{Type: kind, Ext: ext, FileName: c.q.Get("OriginalFileName"), Key: key, URL: s.host() + key}}
		e.fill(a)
		ch.put(a)
		return nil
	})
	if refused != nil {
		return nil, refused
	}
	address, auth := s.grant(a.Picture.Key)
	return reply{"ImageId": a.ID, "ImageURL": a.Picture.URL, "FileURL": "https" + strings.TrimPrefix(a.Picture.URL, "http"), "UploadAddress": address, "UploadAuth": auth}, nil
}

func (s *Server) template(id string) (Template, bool) {
	if t, ok := s.opt.Templates[id]; ok {
		return t, true
	}
	return defaultTemplate, id == "" || id == DefaultTemplate || id == NoTranscode
}

// Arrived tells the server that an object has fully arrived in its bucket: the
// upload of the media that waits for it is complete. Other objects are ignored.
func (s *Server) Arrived(bucket, key string) {
	if bucket != s.opt.Bucket {
		return
	}
	s.mu.RLock()
	id := s.lib.arriving[key]
	s.mu.RUnlock()
	if id == "" {
		return
	}
	open := func() (io.ReadSeekCloser, error) {
		if s.opt.Objects == nil {
			return nil, errors.New("no object store")
		}
		return s.opt.Objects.Open(bucket, key)
	}
	s.arrive(id, key, open)
}

func (s *Server) arrive(id, key string, open func() (io.ReadSeekCloser, error)) {
	size, crc, picture := measure(open)
	width, height := picture.Shown()
	if s.opt.StoredImageSize {
		width, height = picture.Width, picture.Height
	}
	_ = s.write(s.opt.Now(), func(ch *change) *fault { // a failing journal is in the log
		a := s.lib.assets[id]
		if a == nil || a.Status != "Uploading" {
			return nil
		}
		b := a.edit(ch.now)
		if p := a.Picture; p != nil {
			q := *p
			q.Size, q.Width, q.Height = size, width, height
			b.Picture, b.Status, b.Size = &q, "Normal", size
			ch.put(b)
			kind, fields := "ImageUploadComplete", map[string]any{"ImageId": id, "Size": size, "FileURL": "https" + strings.TrimPrefix(p.URL, "http"), "AppId": b.app()}
			if b.Kind == "attached" {
				kind, fields = "AttachedMediaUploadComplete", map[string]any{"AttachedMediaId": id, "Size": size, "FileURL": fields["FileURL"]}
			}
			ch.tell(b, s.note(b, kind, ch.now, fields))
			return nil
		}
		src := *a.Source
		src.Status, src.Size, src.CRC64 = "Normal", size, crc
		b.Source, b.Status, b.Size = &src, "UploadSucc", size
		ch.put(b)
		ch.tell(b, s.note(b, "FileUploadComplete", ch.now, map[string]any{"VideoId": id, "Size": size, "FileUrl": s.host() + key}))
		ch.begin = append(ch.begin, id)
		return nil
	})
}

var ecma = crc64.MakeTable(crc64.ECMA)

// measure reads an object once; a picture is zero when it is none.
func measure(open func() (io.ReadSeekCloser, error)) (size int64, crc string, picture probe.Picture) {
	r, err := open()
	if err != nil {
		return 0, "", probe.Picture{}
	}
	defer func() { _ = r.Close() }()
	h := crc64.New(ecma)
	size, _ = io.Copy(h, r)           // a short read shows in the probe
	picture, _ = probe.ReadPicture(r) // no picture: no size
	return size, strconv.FormatUint(h.Sum64(), 10), picture
}

// start processes an uploaded asset in the background.
func (s *Server) start(id string) {
	s.work.add()
	go func() {
		defer s.work.end()
		s.process(id)
	}()
}

// pause waits, unless the context or the server ends first.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil && s.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

// step changes an asset in one of the statuses that it may be in; it is false when
// the asset is gone or somewhere else by now, and the processing ends.
func (s *Server) step(id string, in []string, fn func(ch *change, b *Asset)) bool {
	if !s.pause(s.ctx, s.opt.StepDelay) {
		return false
	}
	going := false
	refused := s.write(s.opt.Now(), func(ch *change) *fault {
		a := s.lib.assets[id]
		if a == nil || !slices.Contains(in, a.Status) || a.Source == nil {
			return nil
		}
		going = true
		b := a.edit(ch.now)
		src := *a.Source
		b.Source = &src
		fn(ch, b)
		ch.put(b)
		return nil
	})
	return going && refused == nil
}

// process takes an uploaded asset through analysis, snapshots and transcoding.
// Every step is journaled; after a kill the whole is done again from the analysis.
func (s *Server) process(id string) {
	a, ok := s.Lookup(id)
	if !ok || a.Source == nil {
		return
	}
	media, err := s.analyse(a.Source.Key)
	if err != nil {
		code, message := "InvalidParameter.ResourceContentBad", "The resource operated InputFile is bad"
		if errors.Is(err, probe.ErrNotEmulated) {
			code, message = "LocalCloud.NotEmulated", err.Error()
		}
		s.opt.Log.Warn("upload not read", "media", id, "file", a.Source.FileName, "error", err)
		s.step(id, []string{"UploadSucc", "Transcoding"}, func(ch *change, b *Asset) {
			b.Status = "TranscodeFail"
			ch.tell(b, s.note(b, "VideoAnalysisComplete", ch.now, map[string]any{"VideoId": id, "Status": "fail",
				"ErrorCode": code, "ErrorMessage": message}))
		})
		return
	}
	if !s.step(id, []string{"UploadSucc", "Transcoding"}, func(ch *change, b *Asset) {
		b.Source.Media = media
		b.Duration, b.Kind, b.Status = media.Duration, "video", "Transcoding"
		if media.Audio() {
			b.Kind = "audio"
		}
		ch.tell(b, s.analysis(b, ch.now))
	}) {
		return
	}
	s.step(id, []string{"Transcoding"}, func(ch *change, b *Asset) {
		t, _ := s.template(b.TemplateGroupID) // checked when the upload was created
		if b.TranscodeMode == "NoTranscode" {
			b.Streams = []Stream{b.original(s.newID())}
		} else {
			b.Streams = b.transcode(t, ch.now, s.newID)
			b.did(Task{s.newID(), cmp.Or(b.TemplateGroupID, DefaultTemplate), "Upload", ch.now, b.Streams})
		}
		if b.Kind == "video" {
			n := cmp.Or(t.SnapshotCount, 3)
			b.Snapshots = []SnapshotJob{{"CoverSnapshot", s.newID(), n, ch.now}, {"NormalSnapshot", s.newID(), n + 2, ch.now}, {"SpriteSnapshot", s.newID(), 1, ch.now}}
			if b.CoverURL == "" { // the middle one
				b.CoverURL = s.snapshotURLs(b, "CoverSnapshot")[n/2]
			}
		}
		b.Status = "Normal"
		s.tellTranscoded(ch, b, b.Streams, len(b.Snapshots) > 0)
	})
}

func (s *Server) analyse(key string) (Media, error) {
	if s.opt.Objects == nil {
		return Media{}, errors.New("no object store")
	}
	r, err := s.opt.Objects.Open(s.opt.Bucket, key)
	if err != nil {
		return Media{}, err
	}
	defer func() { _ = r.Close() }()
	return probe.Read(r)
}

// original is the source, played as it is.
func (a *Asset) original(job string) Stream {
	src := a.Source
	st := Stream{JobID: job, Definition: "OD", Format: cmp.Or(extension(src.FileName), "mp4"), Size: src.Size, Width: src.Width, Height: src.Height,
		FPS: src.FPS, Bitrate: src.Bitrate, Duration: src.Duration, Created: a.Modified}
	for _, t := range src.Tracks {
		if t.Kind == a.Kind && !t.Cover {
			st.Codec = t.Codec
			break
		}
	}
	return st
}

// transcode makes the streams of a template: upright, in square pixels, never larger than the
// source, with the bytes that their bit rate and duration give.
func (a *Asset) transcode(t Template, now time.Time, newID func() string) []Stream {
	src := a.Source
	width, height := src.Shown()
	var out []Stream
	t.outputs(&src.Media, a.Kind, func(o Output, scale, rate float64, size int64) {
		st := Stream{JobID: newID(), Definition: o.Definition, Format: o.Format, Codec: "h264", Duration: src.Duration, Created: now, Size: size}
		if a.Kind == "audio" {
			st.Codec = o.Format
		} else {
			even := func(n int) int { return max(2, int(math.Round(float64(n)*scale/2))*2) }
			st.Width, st.Height, st.FPS = even(width), even(height), src.FPS
		}
		st.Bitrate = math.Round(rate*1000) / 1000
		out = append(out, st)
	})
	return out
}

// outputs calls see with each output that a source gets: its size beside the source's, its
// bit rate and its bytes.
func (t Template) outputs(src *Media, kind string, see func(o Output, scale, rate float64, size int64)) {
	width, height := src.Shown()
	short := min(width, height)
	outputs := t.Video
	if kind == "audio" {
		outputs = t.Audio
	}
	for i, o := range outputs {
		if i > 0 && o.Lines > short {
			continue
		}
		scale, rate := 1.0, o.Bitrate
		if kind != "audio" {
			scale = math.Min(1, float64(o.Lines)/float64(short))
			rate = math.Min(rate, src.Bitrate*math.Max(scale, 0.3))
		}
		see(o, scale, rate, int64(rate*1000/8*src.Duration))
	}
}

// Upload describes a file that Upload puts in.
type Upload struct {
	FileName    string
	Title       string // empty: the file's name
	Description string
	Tags        string
	CateID      int64
	AppID       string
	UserData    string
	Template    string
}

// Upload takes a file as if a client had created the upload and put it: a video or
// audio, or an image by its extension. Processing goes on after it returns.
func (s *Server) Upload(u Upload, body []byte) (string, error) {
	q := url.Values{"FileName": {u.FileName}, "Title": {cmp.Or(u.Title, u.FileName)}, "Description": {u.Description}, "Tags": {u.Tags},
		"AppId": {u.AppID}, "UserData": {u.UserData}, "TemplateGroupId": {u.Template}}
	if u.CateID != 0 {
		q.Set("CateId", strconv.FormatInt(u.CateID, 10))
	}
	c, name := &call{op: "CreateUploadVideo", q: q, now: s.opt.Now().UTC()}, "VideoId"
	if slices.Contains(imageExt, extension(u.FileName)) {
		q.Set("ImageType", "default")
		q.Set("ImageExt", extension(u.FileName))
		q.Set("OriginalFileName", u.FileName)
		q.Del("FileName")
		q.Del("TemplateGroupId")
		c.op, name = "CreateUploadImage", "ImageId"
	}
	c.row = operations[c.op]
	var out any
	refused := s.checkParams(c, c.row)
	if refused == nil {
		out, refused = c.row.run(s, c)
	}
	if refused != nil {
		return "", fmt.Errorf("upload %s: %s: %s", u.FileName, refused.code, refused.message)
	}
	id, _ := out.(reply)[name].(string)
	a, _ := s.Lookup(id)
	store, ok := s.opt.Objects.(interface {
		Put(bucket, key string, body io.Reader) error
	})
	if !ok {
		return id, fmt.Errorf("upload %s: the object store takes no objects", u.FileName)
	}
	key := a.awaited()
	if err := store.Put(s.opt.Bucket, key, bytes.NewReader(body)); err != nil {
		return id, fmt.Errorf("upload %s: %w", u.FileName, err)
	}
	s.Arrived(s.opt.Bucket, key)
	return id, nil
}
