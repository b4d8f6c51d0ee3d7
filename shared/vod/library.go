package vod

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// Snapshots lists the pictures that the latest snapshot job of a type took from
// a video (ListSnapshots). None is no error.
func (c *Client) Snapshots(ctx context.Context, id video.ID, kind string) ([]video.Snapshot, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	if kinds := append(slices.Clone(snapshotTypes), "WebVttSnapshot"); !slices.Contains(kinds, kind) {
		return nil, fmt.Errorf("%w: type: %q is not one of %v", video.ErrInvalid, kind, kinds)
	}
	all := []video.Snapshot{}
	for page := 1; ; page++ {
		req := api.CreateListSnapshotsRequest()
		req.VideoId, req.SnapshotType = string(id), kind
		req.PageNo, req.PageSize = strconv.Itoa(page), strconv.Itoa(pageSize)
		answer := api.CreateListSnapshotsResponse()
		err := c.ask(ctx, req, answer)
		if code(err) == "NoSuchResource" {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		list := answer.MediaSnapshot.Snapshots.Snapshot
		for _, s := range list {
			all = append(all, video.Snapshot{Index: s.Index, URL: s.Url})
		}
		if len(list) == 0 || int64(len(all)) >= answer.MediaSnapshot.Total {
			return all, nil
		}
	}
}

// Categories reads the whole tree of categories, parents before children
// (GetCategories, one call a node that has children).
func (c *Client) Categories(ctx context.Context) ([]video.Category, error) {
	all := []video.Category{}
	for open := []int64{-1}; len(open) > 0; open = open[1:] {
		for page, seen := 1, int64(0); ; page++ {
			req := api.CreateGetCategoriesRequest()
			req.CateId = requests.NewInteger64(open[0])
			req.PageNo, req.PageSize = requests.NewInteger(page), requests.NewInteger(pageSize)
			answer := api.CreateGetCategoriesResponse()
			err := c.ask(ctx, req, answer)
			if err != nil {
				return nil, err
			}
			for _, sub := range answer.SubCategories.Category {
				all = append(all, video.Category{ID: sub.CateId, Name: sub.CateName, Parent: sub.ParentId, Level: int(sub.Level)})
				if sub.SubTotal > 0 {
					open = append(open, sub.CateId)
				}
			}
			seen += int64(len(answer.SubCategories.Category))
			if len(answer.SubCategories.Category) == 0 || seen >= answer.SubTotal {
				break
			}
		}
	}
	return all, nil
}

// Labels reads what the provider's smart tagging found in a video
// (GetAIVideoTagResult). The tagging is a paid job that somebody else submits.
func (c *Client) Labels(ctx context.Context, id video.ID) ([]video.Label, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	req := api.CreateGetAIVideoTagResultRequest()
	req.MediaId = string(id)
	answer := api.CreateGetAIVideoTagResultResponse()
	err := c.ask(ctx, req, answer)
	if err != nil {
		return nil, err
	}
	labels := []video.Label{}
	add := func(kind, text string, times []string) {
		label := video.Label{Kind: kind, Text: text}
		for _, ms := range times {
			label.At = append(label.At, time.Duration(number(ms))*time.Millisecond)
		}
		labels = append(labels, label)
	}
	found := answer.VideoTagResult
	for _, x := range found.Category {
		add("category", x.Tag, nil)
	}
	for _, x := range found.Person {
		add("person", x.Tag, x.Times)
	}
	for _, x := range found.Time {
		add("time", x.Tag, x.Times)
	}
	for _, x := range found.Location {
		add("location", x.Tag, x.Times)
	}
	for _, x := range found.Keyword {
		add("keyword", x.Tag, x.Times)
	}
	return labels, nil
}
