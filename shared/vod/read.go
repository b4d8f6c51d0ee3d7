package vod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// errLeftOut is a media that VOD neither described nor called missing.
var errLeftOut = fmt.Errorf("%w: the answer leaves it out", video.ErrTransient)

// Video reads one video or audio (GetVideoInfo).
func (c *Client) Video(ctx context.Context, id video.ID) (video.Video, error) {
	if err := checkID(id); err != nil {
		return video.Video{}, err
	}
	req := api.CreateGetVideoInfoRequest()
	req.VideoId = string(id)
	answer := api.CreateGetVideoInfoResponse()
	err := c.ask(ctx, req, answer)
	if err != nil {
		return video.Video{}, err
	}
	return ofVideoInfo(answer.Video), nil
}

// Videos reads any number of videos and audios (GetVideoInfos).
func (c *Client) Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, video.Video], error) {
		req := api.CreateGetVideoInfosRequest()
		req.VideoIds = join(ids)
		answer := &videoInfos{BaseResponse: &responses.BaseResponse{}}
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, video.Video](ids, err)
		}
		found := each(answer.VideoList, idIn("VideoId"), func(w videoWire) (video.Video, error) { return ofVideo(w), nil })
		mark(found, answer.NonExistVideoIds, video.ErrNotFound)
		return complete(found, ids), nil
	})
	return answers(ids, all), err
}

// The SDK's answers about many media, but that each media is left as it came.
type (
	videoInfos struct {
		*responses.BaseResponse
		NonExistVideoIds []string //nolint:revive // the wire's spelling
		VideoList        []json.RawMessage
	}
	mediaInfos struct {
		*responses.BaseResponse
		NonExistMediaIds, ForbiddenMediaIds []string //nolint:revive // the wire's spelling
		MediaInfos                          []json.RawMessage
	}
	imageInfos struct {
		*responses.BaseResponse
		NonExistImageIds []string //nolint:revive // the wire's spelling
		ImageInfo        []json.RawMessage
	}
)

// Media reads any number of videos and audios with source file and streams
// (BatchGetMediaInfos). It knows the streams of media that do not play, which
// Streams does not, but not the transcode mode. A media whose answer has another
// shape than VOD documents answers an error that wraps video.ErrInvalid and names
// the field; the others are not touched by it.
func (c *Client) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, video.Media], error) {
		req := api.CreateBatchGetMediaInfosRequest()
		req.MediaIds = join(ids)
		answer := &mediaInfos{BaseResponse: &responses.BaseResponse{}}
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, video.Media](ids, err)
		}
		found := each(answer.MediaInfos, idIn("MediaId"), ofMedia)
		mark(found, answer.NonExistMediaIds, video.ErrNotFound)
		mark(found, answer.ForbiddenMediaIds, video.ErrForbidden)
		return complete(found, ids), nil
	})
	return answers(ids, all), err
}

// Streams lists all transcoded streams of a media that plays, older ones of the
// same definition too (GetPlayInfo, ResultType Multiple). No streams is no error.
func (c *Client) Streams(ctx context.Context, id video.ID) ([]video.Stream, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	req := api.CreateGetPlayInfoRequest()
	req.VideoId = string(id)
	req.ResultType = "Multiple"
	req.OutputType = "oss" // the default differs between the documents
	answer := api.CreateGetPlayInfoResponse()
	err := c.ask(ctx, req, answer)
	if code(err) == "InvalidVideo.NoneStream" {
		return []video.Stream{}, nil
	}
	if err != nil {
		return nil, err
	}
	return ofPlayInfos(answer.PlayInfoList.PlayInfo), nil
}

// Source reads what is known of the uploaded file (GetMezzanineInfo). A media
// whose source file was deleted answers a source that is Gone.
func (c *Client) Source(ctx context.Context, id video.ID) (video.Source, error) {
	if err := checkID(id); err != nil {
		return video.Source{}, err
	}
	req := api.CreateGetMezzanineInfoRequest()
	req.VideoId = string(id)
	req.AdditionType = "video,audio"
	answer := api.CreateGetMezzanineInfoResponse()
	err := c.ask(ctx, req, answer)
	if code(err) == "InvalidFile.NotFound" {
		return video.Source{Status: "Deleted"}, nil
	}
	if err != nil {
		return video.Source{}, err
	}
	return ofMezzanine(answer.Mezzanine), nil
}

// Image reads one uploaded image (GetImageInfo). A snapshot of a video is none.
func (c *Client) Image(ctx context.Context, id video.ID) (video.Image, error) {
	if err := checkID(id); err != nil {
		return video.Image{}, err
	}
	req := api.CreateGetImageInfoRequest()
	req.ImageId = string(id)
	answer := api.CreateGetImageInfoResponse()
	err := c.ask(ctx, req, answer)
	if err != nil {
		return video.Image{}, err
	}
	return ofImageInfo(answer.ImageInfo), nil
}

// Images reads any number of uploaded images (GetImageInfos).
func (c *Client) Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, video.Image], error) {
		req := api.CreateGetImageInfosRequest()
		req.ImageIds = join(ids)
		answer := &imageInfos{BaseResponse: &responses.BaseResponse{}}
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, video.Image](ids, err)
		}
		found := each(answer.ImageInfo, idIn("ImageId"), func(w imageWire) (video.Image, error) { return ofImage(w), nil })
		mark(found, answer.NonExistImageIds, video.ErrNotFound)
		return complete(found, ids), nil
	})
	return answers(ids, all), err
}

// missing makes the 404 that stands for "none of them exists" what the answer
// for "some of them do not exist" would have been.
func missing[K ~string, V any](keys []K, err error) (verdicts[K, V], error) {
	if !errors.Is(err, video.ErrNotFound) {
		return nil, blamed(err)
	}
	all := make(verdicts[K, V], len(keys))
	for _, key := range keys {
		all[key] = verdict[V]{err: err}
	}
	return all, nil
}

// blamed makes an answer that is no JSON of the documented shape a fault of the
// media asked about: something in one of them spoils it, such as a title that VOD
// does not escape, and halving the batch finds out which. If it is VOD that
// changed, every media has that fault, which removes nothing.
func blamed(err error) error {
	var e *Error
	if !errors.As(err, &e) || !errors.Is(e.cause, errShape) || operations[e.Op].repeat != reads {
		return err
	}
	fault := *e
	fault.kind = video.ErrInvalid
	return &fault
}

// complete gives every key a verdict.
func complete[K comparable, V any](found verdicts[K, V], keys []K) verdicts[K, V] {
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			found[key] = verdict[V]{err: errLeftOut}
		}
	}
	return found
}

// code is the provider's code of an error, if it has one.
func code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
