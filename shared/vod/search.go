package vod

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

const (
	pageSize = 100
	maxPages = 5000 / pageSize // what page numbers reach
)

// Search yields the media that a query selects, by creation time (SearchMedia).
// An error is the last that it yields. The provider's index may lag: read a media
// again before doing it harm.
func (c *Client) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		fail := func(err error) { yield(video.Found{}, err) }
		kind := cmp.Or(q.Kind, video.KindVideo)
		fields, ok := searchFields[kind]
		if !ok {
			fail(fmt.Errorf("%w: kind: %q cannot be searched", video.ErrInvalid, kind))
			return
		}
		if q.Parts && kind != video.KindImage {
			fields += ",Snapshots"
		}
		conditions, err := c.conditions(q)
		if err != nil {
			fail(err)
			return
		}
		fetch := func(ctx context.Context, s slice) ([]video.Found, int64, string, error) {
			req := api.CreateSearchMediaRequest()
			req.SearchType, req.Fields, req.SortBy = string(kind), fields, sortBy(q)
			req.PageNo, req.PageSize = requests.NewInteger(s.page), requests.NewInteger(pageSize)
			req.Match = strings.Join(slices.Concat(conditions, between(s.from, s.to)), " and ")
			req.ScrollToken = s.token
			answer := &hits{BaseResponse: &responses.BaseResponse{}}
			err := c.ask(ctx, req, answer)
			if err != nil {
				return nil, 0, "", err
			}
			found := make([]video.Found, len(answer.MediaList))
			for i, raw := range answer.MediaList {
				found[i] = ofHit(raw, kind)
			}
			return found, answer.Total, answer.ScrollToken, nil
		}
		for hit, err := range walk(ctx, q, fetch, keyOfFound) {
			if err != nil {
				fail(err)
				return
			}
			found := hit.value
			if !selects(q, cmp.Or(found.Video.Title, found.Image.Title), slices.Concat(found.Video.Tags, found.Image.Tags)) {
				continue
			}
			found.Position = hit.behind.String()
			if !yield(found, nil) {
				return
			}
		}
	}
}

// List yields the videos and audios that a query selects, by creation time
// (GetVideoList). It does not tell a video from an audio, but needs no index.
func (c *Client) List(ctx context.Context, q video.Query) iter.Seq2[video.Video, error] {
	return func(yield func(video.Video, error) bool) {
		if q.Kind == video.KindImage || q.Kind == video.KindAudio {
			yield(video.Video{}, fmt.Errorf("%w: kind: %q cannot be listed, search for it", video.ErrInvalid, q.Kind))
			return
		}
		fetch := func(ctx context.Context, s slice) ([]video.Video, int64, string, error) {
			videos, total, err := c.listPage(ctx, q, s)
			return videos, total, "", err
		}
		for hit, err := range walk(ctx, q, fetch, keyOfVideo) {
			if err != nil {
				yield(video.Video{}, err)
				return
			}
			v := hit.value
			if !selects(q, v.Title, v.Tags) || c.config.App != "" && v.App != "" && v.App != c.config.App {
				continue
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (c *Client) listPage(ctx context.Context, q video.Query, s slice) ([]video.Video, int64, error) {
	req := api.CreateGetVideoListRequest()
	req.SortBy, req.Status = sortBy(q), join(q.Statuses)
	req.PageNo, req.PageSize = requests.NewInteger(s.page), requests.NewInteger(pageSize)
	if q.Category != 0 {
		req.CateId = requests.NewInteger64(q.Category)
	}
	// Whether the bounds themselves belong to the range is not documented:
	// ask for a second more on either side, and walk leaves it out.
	if !s.from.IsZero() {
		req.StartTime = s.from.Add(-time.Second).Format(time.RFC3339)
	}
	if !s.to.IsZero() {
		req.EndTime = s.to.Add(time.Second).Format(time.RFC3339)
	}
	answer := api.CreateGetVideoListResponse()
	err := c.ask(ctx, req, answer)
	if errors.Is(err, video.ErrNotFound) { // one of the ways to say: none
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	videos := make([]video.Video, len(answer.VideoList.Video))
	for i, v := range answer.VideoList.Video {
		videos[i] = ofListed(v)
	}
	return videos, int64(answer.Total), nil
}

// selects compares exactly what the provider compares loosely or not at all: a
// search for the tag tmp also finds tmpfoo.
func selects(q video.Query, title string, tags []string) bool {
	for _, tag := range q.Tags {
		if !slices.Contains(tags, tag) {
			return false
		}
	}
	return strings.Contains(title, q.Title)
}

// searchFields are what a search is asked to fill; without a list it answers ids.
var searchFields = map[video.Kind]string{
	video.KindVideo: "VideoId,Title,Description,Tags,Status,CateId,CateName,CoverURL,CreationTime,ModificationTime,Size,Duration,StorageLocation,AppId,MediaSource,TranscodeMode",
	video.KindAudio: "AudioId,Title,Description,Tags,Status,CateId,CateName,CoverURL,CreationTime,ModificationTime,Size,Duration,StorageLocation,AppId,MediaSource,TranscodeMode",
	video.KindImage: "ImageId,Title,Description,Tags,Status,CateId,CateName,CreationTime,ModificationTime,StorageLocation,AppId,URL,FileName",
}

// hits is the SDK's answer, but that each hit is left as it came.
type hits struct {
	*responses.BaseResponse
	MediaList   []json.RawMessage
	Total       int64
	ScrollToken string
}

// ofHit reads one hit. Of one that has another shape than VOD documents it gives
// what says which media it is, and the fault.
func ofHit(raw json.RawMessage, kind video.Kind) video.Found {
	var m hitWire
	fault := readOne(raw, &m)
	if fault != nil {
		m = hitWire{MediaID: word(idIn("MediaId")(raw)), CreationTime: word(idIn("CreationTime")(raw))}
	}
	var f video.Found
	if fault != nil {
		f.Odd = fault.Error()
	}
	if kind == video.KindImage {
		f.Image = ofImage(m.Image)
		f.Image.ID = video.ID(cmp.Or(m.MediaID, m.Image.ImageID))
		if f.Image.Created.IsZero() {
			f.Image.Created = when(string(m.CreationTime))
		}
		return f
	}
	if f.Video = ofVideo(m.Video); kind == video.KindAudio {
		f.Video = ofVideo(m.Audio)
	}
	f.Video.ID = cmp.Or(video.ID(m.MediaID), f.Video.ID)
	f.Video.Kind = cmp.Or(f.Video.Kind, kind)
	if f.Video.Created.IsZero() {
		f.Video.Created = when(string(m.CreationTime))
	}
	return f
}

// conditions are the parts of a Match expression that stay the same for a whole
// search. The grammar documents no way to escape a quote inside a value.
func (c *Client) conditions(q video.Query) ([]string, error) {
	var parts []string
	var faults []error
	text := func(field, format, value string) {
		quote := "'"
		if strings.Contains(value, "'") {
			quote = `"`
		}
		if strings.Contains(value, quote) {
			faults = append(faults, fmt.Errorf("%w: %s: %q holds both kinds of quotes and cannot be searched for", video.ErrInvalid, field, value))
			return
		}
		parts = append(parts, fmt.Sprintf(format, field, quote+value+quote))
	}
	if c.config.App != "" {
		text("AppId", "%s in (%s)", c.config.App)
	}
	if len(q.Statuses) > 0 {
		quoted := make([]string, len(q.Statuses))
		for i, s := range q.Statuses {
			if strings.ContainsAny(string(s), `'"`) {
				faults = append(faults, fmt.Errorf("%w: status: %q holds a quote", video.ErrInvalid, s))
			}
			quoted[i] = "'" + string(s) + "'"
		}
		parts = append(parts, "Status in ("+strings.Join(quoted, ",")+")")
	}
	if q.Category != 0 {
		parts = append(parts, "CateId="+strconv.FormatInt(q.Category, 10))
	}
	for _, tag := range q.Tags {
		text("Tags", "%s=%s", tag)
	}
	if q.Title != "" {
		text("Title", "%s=%s", q.Title)
	}
	return parts, errors.Join(faults...)
}

// between is the condition on the creation time, both bounds inclusive.
func between(from, to time.Time) []string {
	if from.IsZero() && to.IsZero() {
		return nil
	}
	bound := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return "'" + t.Format(time.RFC3339) + "'"
	}
	opening, closing := "[", "]"
	if from.IsZero() {
		opening = "("
	}
	if to.IsZero() {
		closing = ")"
	}
	return []string{"CreationTime=" + opening + bound(from) + "," + bound(to) + closing}
}

func sortBy(q video.Query) string {
	if q.OldestFirst {
		return "CreationTime:Asc"
	}
	return "CreationTime:Desc"
}
