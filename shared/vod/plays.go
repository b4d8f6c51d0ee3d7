package vod

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// MostTop is how many media the list of one day has at most. Who is not in a list that is
// so long may have been played all the same.
const MostTop = 1000

// statisticsRegion is the only one that counts plays.
const statisticsRegion = "cn-shanghai"

type topVideos struct {
	*responses.BaseResponse
	TotalNum      whole
	TopPlayVideos struct{ TopPlayVideoStatis []json.RawMessage }
}

// TopVideos lists the media that were played most on a day, at most MostTop of them
// (DescribePlayTopVideos). Days are Beijing's; of day only the date counts. A day's list is
// made at nine in the morning of the next one, and before that it is empty, as it is when
// nobody played anything. Only cn-shanghai has them. A line without an id that can be one
// makes the whole list an error that wraps video.ErrInvalid: a play that is missed could
// cost a video.
func (c *Client) TopVideos(ctx context.Context, day time.Time) (played []video.ID, err error) {
	if c.config.Region != statisticsRegion {
		return nil, fmt.Errorf("%w: region: %s has no play statistics, only %s does", video.ErrInvalid, c.config.Region, statisticsRegion)
	}
	for page := 1; ; page++ {
		req := api.CreateDescribePlayTopVideosRequest()
		req.BizDate = day.Format(time.DateOnly) + "T00:00:00Z" // eight in the morning there: the same day however it is read
		req.PageNo, req.PageSize = requests.NewInteger(page), requests.NewInteger(MostTop)
		answer := &topVideos{BaseResponse: &responses.BaseResponse{}}
		if err := c.ask(ctx, req, answer); err != nil {
			return nil, err
		}
		list := answer.TopPlayVideos.TopPlayVideoStatis
		for _, raw := range list {
			id := idIn("VideoId")(raw)
			if err := checkID(id); err != nil {
				return nil, fmt.Errorf("%w: the most played of %s: %w", video.ErrInvalid, day.Format(time.DateOnly), err)
			}
			played = append(played, id)
		}
		if len(list) == 0 || len(played) >= int(answer.TotalNum) || len(played) >= MostTop {
			return played, nil
		}
	}
}
