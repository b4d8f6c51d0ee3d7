package vod

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// largestQuery is what an UpdateContent may add to the URL; a larger one travels
// in the form body. Twenty items of CJK text would make a URL of 100 kB.
const largestQuery = 4 << 10

// UpdateOne writes the fields of one video or audio that are set (UpdateVideoInfo).
func (c *Client) UpdateOne(ctx context.Context, u video.Update) error {
	if err := checkUpdate(u, false); err != nil {
		return err
	}
	if u.Empty() {
		return nil
	}
	req := api.CreateUpdateVideoInfoRequest()
	req.VideoId = string(u.ID)
	// The request's own fields cannot be sent empty, which is how a field is cleared.
	for name, value := range map[string]*string{"Title": u.Title, "Description": u.Description, "CoverURL": u.Cover, "Tags": tagList(u)} {
		if value != nil {
			req.QueryParams[name] = *value
		}
	}
	if u.Category != nil {
		req.QueryParams["CateId"] = strconv.FormatInt(*u.Category, 10)
	}
	return c.ask(ctx, req, api.CreateUpdateVideoInfoResponse())
}

// Update writes any number of changes of videos and audios (UpdateVideoInfos).
// Several for one media become one, the later winning field by field.
func (c *Client) Update(ctx context.Context, updates []video.Update) ([]video.Outcome, error) {
	return update(ctx, updates, false, func(ctx context.Context, content string) (gone, forbidden []string, err error) {
		req := api.CreateUpdateVideoInfosRequest()
		setContent(req.RpcRequest, content)
		answer := api.CreateUpdateVideoInfosResponse()
		err = c.ask(ctx, req, answer)
		if err != nil {
			return nil, nil, err
		}
		return answer.NonExistVideoIds, answer.ForbiddenVideoIds, nil
	})
}

// UpdateImages is Update for uploaded images (UpdateImageInfos).
func (c *Client) UpdateImages(ctx context.Context, updates []video.Update) ([]video.Outcome, error) {
	return update(ctx, updates, true, func(ctx context.Context, content string) (gone, forbidden []string, err error) {
		req := api.CreateUpdateImageInfosRequest()
		setContent(req.RpcRequest, content)
		answer := &imagesUpdated{BaseResponse: &responses.BaseResponse{}}
		err = c.ask(ctx, req, answer)
		if err != nil {
			return nil, nil, err
		}
		return answer.NonExistImageIds, nil, nil
	})
}

// imagesUpdated reads both published forms of the list of unknown images.
type imagesUpdated struct {
	*responses.BaseResponse
	NonExistImageIds idList //nolint:revive // the wire's spelling
}

type idList []string

// UnmarshalJSON takes ["id"] and {"ImageId":["id"]}.
func (l *idList) UnmarshalJSON(body []byte) error {
	var wrapped struct {
		ImageID []string `json:"ImageId"`
	}
	if json.Unmarshal(body, &wrapped) == nil {
		*l = wrapped.ImageID
		return nil
	}
	return json.Unmarshal(body, (*[]string)(l))
}

func update(ctx context.Context, updates []video.Update, images bool,
	send func(ctx context.Context, content string) (gone, forbidden []string, err error),
) ([]video.Outcome, error) {
	out := make([]video.Outcome, len(updates))
	merged := make(map[video.ID]video.Update, len(updates))
	var ids []video.ID
	for i, u := range updates {
		if err := checkUpdate(u, images); err != nil {
			out[i] = outcome(u.ID, "", err)
		} else if u.Empty() {
			out[i] = video.Outcome{ID: u.ID, Result: video.Unchanged, Reason: "nothing to change"}
		} else {
			merged[u.ID] = merge(merged[u.ID], u)
			ids = append(ids, u.ID)
		}
	}
	all, err := inBatches(ctx, ids, func(ctx context.Context, ids []video.ID) (verdicts[video.ID, struct{}], error) {
		gone, forbidden, err := send(ctx, content(ids, merged, images))
		if err != nil {
			return missing[video.ID, struct{}](ids, err)
		}
		done := make(verdicts[video.ID, struct{}], len(ids))
		for _, id := range ids {
			done[id] = verdict[struct{}]{}
		}
		mark(done, gone, video.ErrNotFound)
		mark(done, forbidden, video.ErrForbidden)
		return done, nil
	})
	for i, u := range updates {
		if out[i].Result == "" {
			out[i] = outcome(u.ID, "", all[u.ID].err)
		}
	}
	return out, err
}

func checkUpdate(u video.Update, image bool) error {
	if image != (u.Kind == video.KindImage) && (u.Kind != "" || !image) {
		return fmt.Errorf("%w: kind: %q does not belong to this call", video.ErrInvalid, u.Kind)
	}
	if image && u.Cover != nil {
		return fmt.Errorf("%w: cover: an image has none", video.ErrInvalid)
	}
	return u.Check()
}

func merge(before, later video.Update) video.Update {
	if later.Title == nil {
		later.Title = before.Title
	}
	if later.Description == nil {
		later.Description = before.Description
	}
	if later.Category == nil {
		later.Category = before.Category
	}
	if later.Cover == nil {
		later.Cover = before.Cover
	}
	if later.Tags == nil {
		later.Tags = before.Tags
	}
	return later
}

// content is the JSON that the batch operations take as one parameter. A pointer
// to an empty text is sent, which is how a field is cleared.
func content(ids []video.ID, updates map[video.ID]video.Update, images bool) string {
	type item struct {
		VideoID     video.ID `json:"VideoId,omitempty"`
		ImageID     video.ID `json:"ImageId,omitempty"`
		Title       *string  `json:",omitempty"`
		Description *string  `json:",omitempty"`
		Tags        *string  `json:",omitempty"`
		CoverURL    *string  `json:",omitempty"`
		Category    *int64   `json:"CateId,omitempty"`
	}
	items := make([]item, len(ids))
	for i, id := range ids {
		u := updates[id]
		items[i] = item{Title: u.Title, Description: u.Description, Tags: tagList(u), CoverURL: u.Cover, Category: u.Category}
		if images {
			items[i].ImageID = id
		} else {
			items[i].VideoID = id
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(items) // text and numbers in memory: it cannot fail
	return string(bytes.TrimSpace(b.Bytes()))
}

func tagList(u video.Update) *string {
	if u.Tags == nil {
		return nil
	}
	list := video.JoinTags(*u.Tags)
	return &list
}

func setContent(req *requests.RpcRequest, content string) {
	if len(url.QueryEscape(content)) > largestQuery {
		req.FormParams["UpdateContent"] = content
	} else {
		req.QueryParams["UpdateContent"] = content
	}
}
