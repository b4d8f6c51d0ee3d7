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
		found := make(verdicts[video.ID, video.Video], len(ids))
		for _, v := range answer.VideoList {
			found[video.ID(v.VideoId)] = verdict[video.Video]{value: ofVideo(v.Video)}
		}
		mark(found, answer.NonExistVideoIds, video.ErrNotFound)
		return complete(found, ids), nil
	})
	return answers(ids, all), err
}

// videoInfos is the SDK's answer but for the thumbnails, an array in one published
// sample and an object in the SDK, which fails the whole answer over it.
type videoInfos struct {
	*responses.BaseResponse
	NonExistVideoIds []string //nolint:revive // the wire's spelling
	VideoList        []struct {
		api.Video
		ThumbnailList json.RawMessage
	}
}

// Media reads any number of videos and audios with source file and streams
// (BatchGetMediaInfos). It knows the streams of media that do not play, which
// Streams does not, but not the transcode mode.
func (c *Client) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, video.Media], error) {
		req := api.CreateBatchGetMediaInfosRequest()
		req.MediaIds = join(ids)
		answer := api.CreateBatchGetMediaInfosResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, video.Media](ids, err)
		}
		found := make(verdicts[video.ID, video.Media], len(ids))
		for _, m := range answer.MediaInfos {
			found[video.ID(m.MediaId)] = verdict[video.Media]{value: ofMedia(m)}
		}
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
	m := answer.Mezzanine
	return ofMezzanine(mezzanine{
		status: m.Status, fileName: m.FileName, duration: m.Duration, fps: m.Fps, bitrate: m.Bitrate,
		created: m.CreationTime, class: m.StorageClass, size: m.Size, width: m.Width, height: m.Height,
		video: m.VideoStreamList, audio: m.AudioStreamList,
	}), nil
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
		answer := api.CreateGetImageInfosResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, video.Image](ids, err)
		}
		found := make(verdicts[video.ID, video.Image], len(ids))
		for _, image := range answer.ImageInfo {
			found[video.ID(image.ImageId)] = verdict[video.Image]{value: ofImage(image)}
		}
		mark(found, answer.NonExistImageIds, video.ErrNotFound)
		return complete(found, ids), nil
	})
	return answers(ids, all), err
}

// missing makes the 404 that stands for "none of them exists" what the answer
// for "some of them do not exist" would have been.
func missing[K ~string, V any](keys []K, err error) (verdicts[K, V], error) {
	if !errors.Is(err, video.ErrNotFound) {
		return nil, err
	}
	all := make(verdicts[K, V], len(keys))
	for _, key := range keys {
		all[key] = verdict[V]{err: err}
	}
	return all, nil
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
