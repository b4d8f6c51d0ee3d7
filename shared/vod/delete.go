package vod

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// DeleteVideos removes videos and audios with everything that belongs to them,
// for good (DeleteVideo). Copies in the CDN stay until they expire.
//
// Here and below: a call that removes is sent once. It waits for its rate within
// the context, and then whatever comes back is the caller's to judge: a repeat
// after a throttle, a passing failure or an unknown outcome would remove what was
// looked at seconds before, so the caller reads the media again and calls anew.
// Only a call that VOD refused as a whole, because of a media or part named in it,
// is sent again in halves: it had no effect, so no media or part is in two calls
// that have one. What is not there is Missing.
func (c *Client) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	return c.deleteMedia(ctx, ids, "", func(ctx context.Context, ids []video.ID) (lists, error) {
		req := api.CreateDeleteVideoRequest()
		req.VideoIds = join(ids)
		answer := api.CreateDeleteVideoResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return lists{}, err
		}
		return lists{gone: answer.NonExistVideoIds, forbidden: answer.ForbiddenVideoIds}, nil
	})
}

// DeleteSources removes the uploaded source files and keeps the rest
// (DeleteMezzanines). Without force VOD keeps the sources that are what people
// play; with force those media play no more.
func (c *Client) DeleteSources(ctx context.Context, ids []video.ID, force bool) ([]video.Outcome, error) {
	return c.deleteMedia(ctx, ids, "source", func(ctx context.Context, ids []video.ID) (lists, error) {
		req := api.CreateDeleteMezzaninesRequest()
		req.VideoIds = join(ids)
		req.Force = requests.NewBoolean(force)
		answer := api.CreateDeleteMezzaninesResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return lists{}, err
		}
		return lists{gone: answer.NonExistVideoIds, kept: answer.UnRemoveableVideoIds}, nil
	})
}

// lists is what the answer to a delete says of single ids; the others are done.
type lists struct{ gone, forbidden, kept []string }

func (c *Client) deleteMedia(ctx context.Context, ids []video.ID, part string,
	send func(context.Context, []video.ID) (lists, error),
) ([]video.Outcome, error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, struct{}], error) {
		some, err := send(ctx, ids)
		if err != nil {
			return missing[video.ID, struct{}](ids, err)
		}
		all := done(ids)
		mark(all, some.gone, video.ErrNotFound)
		mark(all, some.forbidden, video.ErrForbidden)
		mark(all, some.kept, video.ErrUnremovable)
		return all, nil
	})
	return outcomes(ids, part, all), err
}

// DeleteStreams removes transcoded streams of one media (DeleteStream). VOD says
// nothing of single streams, so when some do not exist the rest is tried apart.
func (c *Client) DeleteStreams(ctx context.Context, id video.ID, jobs []string) ([]video.Outcome, error) {
	faults := checkID(id)
	return c.deleteParts(ctx, id, jobs, func(job string) error { return errors.Join(faults, checkID(video.ID(job))) }, asItIs,
		func(ctx context.Context, jobs []string) error {
			req := api.CreateDeleteStreamRequest()
			req.VideoId = string(id)
			req.JobIds = join(jobs)
			return c.ask(ctx, req, api.CreateDeleteStreamResponse())
		})
}

// DeleteImages removes uploaded images (DeleteImage by id). Like DeleteStreams.
func (c *Client) DeleteImages(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = string(id)
	}
	out, err := c.deleteParts(ctx, "", keys, func(id string) error { return checkID(video.ID(id)) }, asItIs,
		func(ctx context.Context, ids []string) error {
			req := api.CreateDeleteImageRequest()
			req.DeleteImageType = "ImageId"
			req.ImageIds = join(ids)
			return c.ask(ctx, req, api.CreateDeleteImageResponse())
		})
	for i, id := range ids {
		out[i].ID, out[i].Part = id, ""
	}
	return out, err
}

// DeleteImageURLs removes uploaded images by the URL that the upload was given
// (DeleteImage by URL). The outcomes have no ID; Part is the URL without its query.
func (c *Client) DeleteImageURLs(ctx context.Context, urls []string) ([]video.Outcome, error) {
	return c.deleteParts(ctx, "", urls, checkURL, withoutQuery, func(ctx context.Context, urls []string) error {
		escaped := make([]string, len(urls)) // VOD wants each escaped before they are joined
		for i, u := range urls {
			escaped[i] = url.QueryEscape(u)
		}
		req := api.CreateDeleteImageRequest()
		req.DeleteImageType = "ImageURL"
		req.ImageURLs = strings.Join(escaped, ",")
		return c.ask(ctx, req, api.CreateDeleteImageResponse())
	})
}

// The snapshot types that DeleteImagesOf takes.
var snapshotTypes = []string{"CoverSnapshot", "NormalSnapshot", "SpriteSnapshot", "SpriteOriginSnapshot"}

// DeleteImagesOf removes the snapshots of a media that are of the given types
// (DeleteImage by video). "All" is a type of its own and must stand alone; no
// type at all is refused, not taken for all.
func (c *Client) DeleteImagesOf(ctx context.Context, id video.ID, types ...string) error {
	faults := []error{checkID(id)}
	if len(types) == 0 {
		faults = append(faults, fmt.Errorf("%w: types: none given", video.ErrInvalid))
	}
	for _, t := range types {
		if !slices.Contains(snapshotTypes, t) && (t != "All" || len(types) > 1) {
			faults = append(faults, fmt.Errorf("%w: types: %q is not one of %s, or All alone", video.ErrInvalid, t, strings.Join(snapshotTypes, ", ")))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	req := api.CreateDeleteImageRequest()
	req.DeleteImageType = "VideoId"
	req.VideoId = string(id)
	req.ImageType = strings.Join(types, ",")
	return c.ask(ctx, req, api.CreateDeleteImageResponse())
}

// deleteParts is for deletes that answer for all their keys together.
func (c *Client) deleteParts(ctx context.Context, id video.ID, keys []string, check func(string) error, name func(string) string,
	send func(context.Context, []string) error,
) ([]video.Outcome, error) {
	valid := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return check(key) != nil })
	all, err := inBatches(ctx, valid, func(ctx context.Context, keys []string) (verdicts[string, struct{}], error) {
		err := send(ctx, keys)
		switch {
		case err == nil:
			return done(keys), nil
		case code(err) == "InvalidVideo.NotFound":
			return missing[string, struct{}](keys, err)
		}
		return nil, err
	})
	return partOutcomes(id, keys, all, check, name), err
}

func asItIs(key string) string { return key }

func done[K comparable](keys []K) verdicts[K, struct{}] {
	all := make(verdicts[K, struct{}], len(keys))
	for _, key := range keys {
		all[key] = verdict[struct{}]{}
	}
	return all
}
