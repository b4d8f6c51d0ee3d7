package vod

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// RefreshPlayURLs makes the CDN forget what it holds of media
// (RefreshMediaPlayUrls). The media must still exist: call it before a delete,
// which leaves the CDN's copies playing. Every URL counts against a daily quota,
// so that it is not repeated when its outcome is unknown.
func (c *Client) RefreshPlayURLs(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, struct{}], error) {
		req := api.CreateRefreshMediaPlayUrlsRequest()
		req.MediaIds, req.TaskType, req.ResultType = join(ids), "Refresh", "Multiple"
		answer := api.CreateRefreshMediaPlayUrlsResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return missing[video.ID, struct{}](ids, err)
		}
		all := done(ids) // these two lists are texts, unlike everywhere else
		mark(all, video.SplitTags(answer.NonExistMediaIds), video.ErrNotFound)
		mark(all, video.SplitTags(answer.ForbiddenMediaIds), video.ErrForbidden)
		return all, nil
	})
	return outcomes(ids, "", all), err
}

// cacheRegion is the only one that refreshes by URL.
const cacheRegion = "cn-shanghai"

// RefreshCaches makes the CDN forget files by URL (RefreshVodObjectCaches), also
// of media that are gone. A day allows 2,000 URLs, and only cn-shanghai does it
// at all. The outcomes have no ID; Part is the URL without its query.
func (c *Client) RefreshCaches(ctx context.Context, urls []string) ([]video.Outcome, error) {
	if c.config.Region != cacheRegion {
		return nil, fmt.Errorf("%w: region: %s does not refresh by URL, only %s does", video.ErrInvalid, c.config.Region, cacheRegion)
	}
	valid := slices.DeleteFunc(slices.Clone(urls), func(text string) bool { return checkURL(text) != nil })
	all, err := inBatches(ctx, valid, func(ctx context.Context, urls []string) (verdicts[string, struct{}], error) {
		req := api.CreateRefreshVodObjectCachesRequest()
		req.ObjectPath, req.ObjectType = strings.Join(urls, "\n"), "File"
		if err := c.ask(ctx, req, api.CreateRefreshVodObjectCachesResponse()); err != nil {
			return nil, err
		}
		return done(urls), nil
	})
	return partOutcomes("", urls, all, checkURL, withoutQuery), err
}

func checkURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Host == "" || strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("%w: url: not the URL of a file", video.ErrInvalid)
	}
	return nil
}

func withoutQuery(text string) string {
	text, _, _ = strings.Cut(text, "?")
	return text
}
