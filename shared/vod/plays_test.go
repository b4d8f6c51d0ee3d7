package vod_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

func TestTheMostPlayedOfADay(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	day := cloud.Now().AddDate(0, 0, -3)
	on := day.Format(time.DateOnly)
	cloud.VOD.AddViews(fakevod.View{ID: "a", Date: on, VV: 3}, fakevod.View{ID: "b", Date: on, VV: 9}, fakevod.View{ID: "c", Date: day.AddDate(0, 0, 1).Format(time.DateOnly), VV: 1})
	for _, at := range []time.Time{day, time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 0, 0, time.FixedZone("", -11*3600))} {
		played, err := c.TopVideos(t.Context(), at)
		require.NoError(t, err)
		require.Equal(t, []video.ID{"b", "a"}, played)
	}
	played, err := c.TopVideos(t.Context(), cloud.Now().AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Empty(t, played, "not made yet")

	for i := range vod.MostTop + 100 {
		cloud.VOD.AddViews(fakevod.View{ID: fmt.Sprint("v", i), Date: on, VV: 100})
	}
	played, err = c.TopVideos(t.Context(), day)
	require.NoError(t, err)
	require.Len(t, played, vod.MostTop)
	require.NotContains(t, played, video.ID("a"))
}

func TestTheMostPlayedInOddShapes(t *testing.T) {
	for body, want := range map[string][]video.ID{
		`{"RequestId":"r","TotalNum":"2","TopPlayVideos":{"TopPlayVideoStatis":[{"VideoId":"a","VV":"1"},{"VideoId":"b","VV":1,"Title":{}}]}}`: {"a", "b"},
		`{"RequestId":"r","TotalNum":0,"TopPlayVideos":{"TopPlayVideoStatis":[]}}`:                                                             nil,
		`{"RequestId":"r","TotalNum":0,"TopPlayVideos":{}}`:                                                                                    nil,
	} {
		played, err := serve(t, func(request) (int, string) { return http.StatusOK, body }).client(t).TopVideos(t.Context(), time.Now())
		require.NoError(t, err, body)
		require.Equal(t, want, played, body)
	}
	for _, line := range []string{`{"VV":"1"}`, `{"VideoId":"a,2099-01-01"}`, `{"VideoId":"a\n#"}`, `{"VideoId":7}`, `7`} {
		body := fmt.Sprintf(`{"RequestId":"r","TotalNum":2,"TopPlayVideos":{"TopPlayVideoStatis":[{"VideoId":"a"},%s]}}`, line)
		_, err := serve(t, func(request) (int, string) { return http.StatusOK, body }).client(t).TopVideos(t.Context(), time.Now())
		require.ErrorIs(t, err, video.ErrInvalid, line)
	}
}
