package vod_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

func TestVideoReadsEveryField(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"Video": map[string]any{
			"VideoId": r.params.Get("VideoId"), "Title": "a title", "Tags": "a, b,,a", "Description": "d", "Status": "Normal",
			"CateId": 7, "CateName": "seven", "CoverURL": "http://c", "Size": 9007199254740993, "Duration": 135.6,
			"CreationTime": "2026-01-02T03:04:05Z", "ModificationTime": "2026-01-03T03:04:05Z", "StorageLocation": "bucket",
			"StorageClass": "IA", "AppId": "app-1", "RegionId": "cn-shanghai", "UserData": "{}",
			"Snapshots": map[string]any{"Snapshot": []string{"http://s"}},
		}})
	})
	v, err := s.client(t).Video(t.Context(), "93ab850b4f6f44eab54b6e91d24d81d4")
	require.NoError(t, err)
	require.Equal(t, video.Video{
		ID: "93ab850b4f6f44eab54b6e91d24d81d4", Title: "a title", Tags: []string{"a", "b"}, Description: "d", Status: video.StatusNormal,
		Category: 7, CategoryName: "seven", Cover: "http://c", Size: 9007199254740993, Duration: 135600 * time.Millisecond,
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Modified: time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC), Storage: "bucket",
		StorageClass: "IA", App: "app-1", Region: "cn-shanghai", UserData: "{}", Snapshots: []string{"http://s"},
	}, v)
	sent := s.calls("GetVideoInfo")[0].params
	require.Equal(t, "cn-shanghai", sent.Get("RegionId"))
	require.Equal(t, testToken, sent.Get("SecurityToken"))
}

func TestBatchesAnswerPerIDInInputOrder(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		asked := strings.Split(r.params.Get("VideoIds"), ",")
		var found []map[string]any
		var gone []string
		for _, id := range slices.Backward(asked) {
			if strings.HasSuffix(id, "5") {
				gone = append(gone, id)
			} else {
				found = append(found, map[string]any{"VideoId": id, "Title": "of " + id})
			}
		}
		if len(found) == 0 {
			return refuse(http.StatusNotFound, "InvalidVideo.NotFound")
		}
		return ok(map[string]any{"VideoList": found, "NonExistVideoIds": gone})
	})
	c := s.client(t)
	asked := append(ids(45), ids(3)...) // three of them twice
	asked = append(asked, "bad,id")
	answers, err := c.Videos(t.Context(), asked)
	require.NoError(t, err)
	require.Len(t, answers, len(asked))
	for i, a := range answers {
		require.Equal(t, asked[i], a.ID)
		switch {
		case a.ID == "bad,id":
			require.ErrorIs(t, a.Err, video.ErrInvalid)
		case strings.HasSuffix(string(a.ID), "5"):
			require.ErrorIs(t, a.Err, video.ErrNotFound)
		default:
			require.NoError(t, a.Err)
			require.Equal(t, "of "+string(a.ID), a.Value.Title)
		}
	}
	require.Len(t, s.calls("GetVideoInfos"), 3, "45 distinct ids in batches of 20")

	answers, err = c.Videos(t.Context(), []video.ID{"a5", "b5"})
	require.NoError(t, err, "that none exists is said per id, as when some do")
	require.ErrorIs(t, answers[0].Err, video.ErrNotFound)
	require.ErrorIs(t, answers[1].Err, video.ErrNotFound)
}

func TestForbiddenEndsABatchAndSaysWhatWasNotTried(t *testing.T) {
	s := serve(t, func(r request) (int, string) { return refuse(http.StatusForbidden, "Forbidden.RAM") })
	answers, err := s.client(t).Videos(t.Context(), ids(400))
	require.ErrorIs(t, err, video.ErrForbidden)
	var e *vod.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "Forbidden.RAM", e.Code)
	require.Equal(t, "R1", e.RequestID)
	require.Less(t, len(s.calls("GetVideoInfos")), 20, "not all 20 batches were sent")
	require.ErrorIs(t, answers[399].Err, video.ErrDeferred)
	require.NotErrorIs(t, answers[399].Err, video.ErrForbidden, "it was not tried")
}
